"""NumPy code becomes a graph that computes what NumPy computes: every function, argument form and operand."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import adlab
from adlab.algebra.numpy import NUMPY
from adlab.errors import BranchError, TraceError
from adlab.frontends.recording import record
from adlab.ir.check import check
from adlab.transforms.evaluation import call_graph
from adlab.transforms.sweeps import forward_sweep, reverse_sweep

STATISTICS = ("maximum", "minimum", "mean", "linear_ramp")

RNG = np.random.default_rng(7)
S = np.float64(0.7)
V = RNG.normal(size=5)
P = RNG.uniform(0.2, 2.0, size=5)
M = RNG.normal(size=(3, 4))
Q = RNG.normal(size=(4, 4))
T = RNG.normal(size=(2, 3, 4))
ONES = RNG.normal(size=(1, 3, 1))
MASK = np.array([True, False, True, True, False])
PLACES = np.array([0, 2, 2, -1])

Code = Callable[..., Any]


class Doubler:
    """An object that is called."""

    def __call__(self, x: Any) -> Any:
        return 2 * x


def scaled(factor: float, x: Any) -> Any:
    return factor * np.sin(x)


def logistic(x: Any) -> Any:
    for _ in range(4):
        x = 4.0 * x * (1.0 - x)
    return x


def in_place_names(x: Any) -> Any:
    y = x * 3
    y += 1
    y *= x
    y -= 0.5
    y /= 2
    y **= 2
    return y


def unpacked(x: Any) -> Any:
    a, b, *rest = x
    return a * b + rest[-1]


def with_branch(x: Any) -> Any:
    return np.sin(x) if x > 0 else np.cos(x)


def printed(x: Any) -> Any:
    return x if f"{x} {x:.3f} {x!r}" else 0.0


def containers(x: Any) -> Any:
    return {"a": [x, (2 * x, 3.0)], "b": x[0]}


CASES: dict[str, list[tuple[Code, tuple[Any, ...]]]] = {
    "operators": [
        (lambda x: x + 1, (V,)),
        (lambda x: 1 + x, (V,)),
        (lambda x: x - 2.5, (V,)),
        (lambda x: 2.5 - x, (V,)),
        (lambda x: x * np.float64(3), (V,)),
        (lambda x: np.float64(3) * x, (V,)),
        (lambda x: x / 3, (V,)),
        (lambda x: 3 / x, (V,)),
        (lambda x: x**2, (V,)),
        (lambda x: x**3, (V,)),
        (lambda x: x**-1, (V,)),
        (lambda x: x**0.5, (P,)),
        (lambda x: 2**x, (V,)),
        (lambda x: -x, (V,)),
        (lambda x: +x, (V,)),
        (lambda x: abs(x), (V,)),
        (lambda x: x + V, (V,)),
        (lambda x: V + x, (V,)),
        (lambda x: V / x, (V,)),
        (lambda x: x + np.arange(5), (V,)),
        (lambda x: np.arange(5) - x, (V,)),
        (lambda x: x * [1, 2, 3, 4, 5], (V,)),
        (lambda x: [1, 2, 3, 4, 5] - x, (V,)),
        (lambda x: x + True, (V,)),
        (lambda x: x @ M, (M[:, 0],)),
        (lambda x: M @ x, (M[0],)),
        (lambda x: x @ x, (V,)),
        (lambda x, y: x @ y, (M, Q)),
        (lambda x: T @ x, (Q,)),
        (lambda x, y: x * y, (M, M[0])),
        (lambda x, y: x - y, (S, V)),
        (lambda x: math.pi * x, (V,)),
        (lambda x: np.array(2.0) * x, (V,)),
        (lambda x: np.float32(2) * x, (V,)),
        (lambda x: x ** np.arange(5), (V,)),
        (lambda x: round(x[0]) + round(x[1], 2), (V,)),
    ],
    "truth": [
        (lambda x: (x > 0) * x, (V,)),
        (lambda x: (x > 0) & (x < 1), (V,)),
        (lambda x: (x <= 0) | (x >= 1), (V,)),
        (lambda x: ~(x > 0), (V,)),
        (lambda x: (x > 0) ^ (x < 1), (V,)),
        (lambda x: MASK & (x > 0), (V,)),
        (lambda x: (x > 0) * (x < 1) + 0.0, (V,)),
        (lambda x: np.logical_and(x > 0, x < 1), (V,)),
        (lambda x: np.logical_or(x > 0, x < 1), (V,)),
        (lambda x: np.logical_not(x > 0), (V,)),
        (lambda x: np.logical_xor(x > 0, x < 1), (V,)),
        (lambda x: np.bitwise_and(x > 0, MASK), (V,)),
        (lambda x: np.bitwise_or(x > 0, MASK), (V,)),
        (lambda x: np.bitwise_xor(x > 0, MASK), (V,)),
        (lambda x: np.invert(x > 0), (V,)),
        (lambda x: 1 - (x > 0), (V,)),
        (lambda x: np.sum(x > 0) * x, (V,)),
        (lambda x: np.mean(x > 0) * x, (V,)),
        (lambda x: np.any(x > 5), (V,)),
        (lambda x: np.all(x > -9, axis=0), (M,)),
        (lambda x: (x > 0).any() & (x > 0).all(), (V,)),
        (lambda x: np.count_nonzero(x > 0) + x, (V,)),
        (lambda x: np.max(x > 0, axis=1), (M,)),
        (lambda x: np.maximum(x > 0, x < 1), (V,)),
        (lambda x: x == x, (V,)),
        (lambda x: x != V[0], (V,)),
        (lambda x: (x > 0)[1:], (V,)),
        (lambda x: np.where(x > 0, x > 1, x < -1), (V,)),
        (lambda x: (x > 0) / (x > -9), (V,)),
        (lambda x: np.tril(x > 0), (Q,)),
    ],
    "elementwise": [
        (lambda x: np.exp(x) + np.expm1(x) + np.exp2(x), (V,)),
        (lambda x: np.log(x) + np.log1p(x), (P,)),
        (lambda x: np.log2(x) + np.log10(x), (P,)),
        (lambda x: np.sin(x) + np.cos(x) + np.tan(x), (V,)),
        (lambda x: np.arcsin(x / 9) + np.arccos(x / 9) + np.arctan(x), (V,)),
        (lambda x: np.arctan2(x, 2.0), (V,)),
        (lambda x: np.sinh(x) + np.cosh(x) + np.tanh(x) + np.arcsinh(x), (V,)),
        (lambda x: np.arccosh(x + 1), (P,)),
        (lambda x: np.arctanh(x / 9), (V,)),
        (lambda x: np.sqrt(x) + np.cbrt(x), (P,)),
        (lambda x: np.square(x), (V,)),
        (lambda x: np.reciprocal(x) + np.hypot(x, 3), (P,)),
        (lambda x: np.logaddexp(x, 1), (V,)),
        (lambda x: np.abs(x) + np.fabs(x) + np.sign(x), (V,)),
        (lambda x: np.power(x, 2), (V,)),
        (lambda x: np.power(x, 2.5), (P,)),
        (lambda x: np.float_power(x, 3), (V,)),
        (lambda x: np.positive(x), (V,)),
        (lambda x: np.negative(x), (V,)),
        (lambda x: np.deg2rad(x) + np.rad2deg(x), (V,)),
        (lambda x: np.radians(x) + np.degrees(x), (V,)),
        (lambda x: np.conjugate(x) + np.real(x), (V,)),
        (lambda x: np.add(x, 1) * np.subtract(1, x), (V,)),
        (lambda x: np.multiply(x, 2) / np.divide(x, 2), (V,)),
        (lambda x: np.true_divide(1, x), (V,)),
        (lambda x: np.floor(x) + np.ceil(x) + np.rint(x), (9 * V,)),
        (lambda x: np.trunc(x) + np.fix(x), (9 * V,)),
        (lambda x: np.round(x) + np.around(x, 2), (9 * V,)),
        (lambda x: np.round(x, decimals=-1), (99 * V,)),
        (lambda x: x.round(1), (V,)),
        (lambda x: np.maximum(x, 0) + np.minimum(0, x), (V,)),
        (lambda x: np.heaviside(x - x[0], 0.5), (V,)),
        (lambda x: np.heaviside(x / 0.0 - x / 0.0, 0.5), (V,)),
        (lambda x: np.add(x, 1, out=None), (V,)),
        (lambda x: scipy.special.expit(x) + scipy.special.erf(x), (V,)),
        (lambda x: scipy.special.gammaln(x) + scipy.special.psi(x) + scipy.special.digamma(x), (P,)),
    ],
    "choice": [
        (lambda x: np.where(x > 0, x, 0.1 * x), (V,)),
        (lambda x: np.where(MASK, x, 0), (V,)),
        (lambda x: np.where(x > 0, 1.0, [1, 2, 3, 4, 5]), (V,)),
        (lambda x: np.where(x, x, 1.0), (V,)),
        (lambda x: np.where(x > 0, x, x[:, :1]), (M,)),
        (lambda x: np.clip(x, -0.5, 0.5), (V,)),
        (lambda x: np.clip(x, None, 0.5), (V,)),
        (lambda x: np.clip(x, 0, None), (V,)),
        (lambda x: x.clip(0, 1), (V,)),
        (lambda x: x.clip(min=0), (V,)),
        (lambda x: np.clip(x, a_min=0, a_max=1), (V,)),
        (lambda x: np.select([x > 1, x > 0], [x, x**2], 5.0), (V,)),
        (lambda x: np.clip(x, x - 1, V), (V,)),
    ],
    "reductions": [
        (lambda x: np.sum(x), (T,)),
        (lambda x: np.sum(x, 1), (T,)),
        (lambda x: np.sum(x, axis=-1), (T,)),
        (lambda x: np.sum(x, axis=(0, 2)), (T,)),
        (lambda x: np.sum(x, axis=(-1, 0), keepdims=True), (T,)),
        (lambda x: np.sum(x, keepdims=True), (T,)),
        (lambda x: np.sum(x, axis=np.int64(1)), (T,)),
        (lambda x: np.sum(x, axis=()), (T,)),
        (lambda x: np.sum(x, initial=2.0), (T,)),
        (lambda x: np.sum(x, axis=0, where=M > 0), (M,)),
        (lambda x: np.sum(x, where=x > 0), (M,)),
        (lambda x: np.mean(x, axis=0, where=np.min(M, axis=0) < M), (M,)),
        (lambda x: np.prod(x, where=M > 0), (M,)),
        (lambda x: np.max(x, axis=1, where=M > 0, initial=-5.0), (M,)),
        (lambda x: np.min(x, where=M > 0, initial=9.0), (M,)),
        (lambda x: np.max(x, initial=0.25), (M,)),
        (lambda x: np.cumulative_sum(x, axis=1), (M,)),
        (lambda x: np.cumulative_sum(x, axis=0, include_initial=True), (M,)),
        (lambda x: np.cumulative_prod(x, include_initial=True), (V,)),
        (lambda x: np.reshape(x, (-1, 2), order="F"), (T,)),
        (lambda x: x.reshape((-1,), order="F"), (M,)),
        (lambda x: np.ravel(x.T, order="F"), (M,)),
        (lambda x: x.flatten("F"), (M,)),
        (lambda x: np.ravel(x, order="K"), (V,)),
        (lambda x: np.take(x, [-5, 7], axis=1, mode="wrap"), (M,)),
        (lambda x: np.take(x, [-5, 70], mode="clip"), (M,)),
        *((lambda x, mode=mode: np.pad(x, ((1, 2), (0, 3)), mode=mode), (M,)) for mode in STATISTICS),
        (lambda x: np.pad(x, (2, 3), mode="linear_ramp", end_values=(1, -2)), (M,)),
        (lambda x: np.pad(x, (1, 2), mode="reflect", reflect_type="odd"), (V,)),
        (lambda x: np.pad(x, (3, 1), mode="symmetric", reflect_type="odd"), (V,)),
        (lambda x: np.linalg.trace(x, offset=1), (T,)),
        (lambda x: np.linalg.diagonal(x, offset=-1), (T,)),
        (lambda x: np.linalg.outer(x, x), (V,)),
        (lambda x: np.linalg.tensordot(x, x.T, axes=1), (M,)),
        (lambda x: np.linalg.vecdot(x, x, axis=0), (M,)),
        (lambda x: np.matvec(x, np.arange(float(x.shape[-1]))), (T,)),
        (lambda x: np.vecmat(np.arange(float(x.shape[-2])), x), (T,)),
        (lambda x: np.add.outer(x, x), (V,)),
        (lambda x: np.subtract.outer(x, M), (V,)),
        (lambda x: np.maximum.outer(x, [0.1, 0.2]), (V,)),
        (lambda x: np.sum(x), (S,)),
        (lambda x: np.sum(x, dtype=np.float64), (T,)),
        (lambda x: x.sum(), (T,)),
        (lambda x: x.sum(0), (T,)),
        (lambda x: x.sum(axis=1, keepdims=True), (T,)),
        (lambda x: np.mean(x), (T,)),
        (lambda x: x.mean(axis=(0, 1)), (T,)),
        (lambda x: np.mean(x, 2, keepdims=True), (T,)),
        (lambda x: np.max(x), (T,)),
        (lambda x: np.amax(x, axis=1), (T,)),
        (lambda x: x.max(-1), (T,)),
        (lambda x: np.min(x, axis=0), (T,)),
        (lambda x: np.amin(x), (T,)),
        (lambda x: x.min(axis=(1, 2)), (T,)),
        (lambda x: np.prod(x), (T,)),
        (lambda x: x.prod(axis=1), (T,)),
        (lambda x: np.ptp(x, axis=1), (T,)),
        (lambda x: np.cumsum(x), (T,)),
        (lambda x: np.cumsum(x, axis=-1), (T,)),
        (lambda x: x.cumsum(0), (T,)),
        (lambda x: np.var(x), (T,)),
        (lambda x: np.var(x, axis=0, ddof=1), (T,)),
        (lambda x: x.var(axis=(1, 2), keepdims=True), (T,)),
        (lambda x: np.std(x), (T,)),
        (lambda x: np.std(x, axis=-1, ddof=1), (T,)),
        (lambda x: x.std(0), (T,)),
        (lambda x: np.average(x, axis=1), (T,)),
        (lambda x: np.average(x, weights=P), (V,)),
        (lambda x: np.average(x, axis=0, weights=[1, 2, 3]), (M,)),
        (lambda x: np.diff(x), (V,)),
        (lambda x: np.diff(x, n=2, axis=0), (M,)),
        (lambda x: np.linalg.norm(x), (V,)),
        (lambda x: np.linalg.norm(x), (M,)),
        (lambda x: np.linalg.norm(x, "fro"), (M,)),
        (lambda x: np.linalg.norm(x, axis=1), (M,)),
        (lambda x: np.linalg.norm(x, 2, axis=0, keepdims=True), (M,)),
        (lambda x: np.linalg.norm(x, axis=(0, 2)), (T,)),
        (lambda x: np.add.reduce(x), (M,)),
        (lambda x: np.add.reduce(x, axis=None), (M,)),
        (lambda x: np.multiply.reduce(x, axis=1), (M,)),
        (lambda x: np.maximum.reduce(x), (M,)),
        (lambda x: np.minimum.reduce(x, axis=1, keepdims=True), (M,)),
        (lambda x: np.add.accumulate(x), (V,)),
        (lambda x: np.logical_or.reduce(x > 0), (V,)),
    ],
    "shapes": [
        (lambda x: np.reshape(x, (4, 3)), (M,)),
        (lambda x: np.reshape(x, (2, -1)), (M,)),
        (lambda x: np.reshape(x, -1), (M,)),
        (lambda x: x.reshape(6, 2), (M,)),
        (lambda x: x.reshape((2, 6)), (M,)),
        (lambda x: x.reshape(-1, 3), (M,)),
        (lambda x: x.reshape([3, -1]), (M,)),
        (lambda x: np.ravel(x) + x.ravel() + x.flatten(), (M,)),
        (lambda x: x.T, (M,)),
        (lambda x: x.mT, (T,)),
        (lambda x: np.transpose(x), (T,)),
        (lambda x: x.T, (V,)),
        (lambda x: np.transpose(x, (2, 0, 1)), (T,)),
        (lambda x: x.transpose(1, 0, -1), (T,)),
        (lambda x: x.transpose(), (T,)),
        (lambda x: x.transpose((1, 0, 2)), (T,)),
        (lambda x: np.swapaxes(x, 0, -1), (T,)),
        (lambda x: x.swapaxes(0, 1), (T,)),
        (lambda x: np.moveaxis(x, 0, -1), (T,)),
        (lambda x: np.moveaxis(x, [0, 1], [-1, 0]), (T,)),
        (lambda x: np.squeeze(x), (ONES,)),
        (lambda x: np.squeeze(x, 0), (ONES,)),
        (lambda x: x.squeeze(axis=(0, -1)), (ONES,)),
        (lambda x: np.expand_dims(x, 0), (V,)),
        (lambda x: np.expand_dims(x, (0, -1)), (V,)),
        (lambda x: np.broadcast_to(x, (2, 5)), (V,)),
        (lambda x: np.broadcast_arrays(x, np.ones((2, 1)))[0], (V,)),
        (lambda x: np.atleast_1d(x), (S,)),
        (lambda x: np.atleast_2d(x), (V,)),
        (lambda x: np.atleast_2d(x), (S,)),
        (lambda x: x * np.shape(x)[0] + np.ndim(x) + np.size(x) + np.size(x, 1), (M,)),
        (lambda x: x * len(x) + x.size + x.ndim + x.shape[1], (M,)),
        (lambda x: x.copy() + np.copy(x) + copy.copy(x) + copy.deepcopy(x), (M,)),
        (lambda x: x.real + x.imag + np.real(x) + np.imag(x), (M,)),
        (lambda x: x * (np.isrealobj(x) + np.iscomplexobj(x) + np.result_type(x, np.float32).itemsize), (M,)),
        (lambda x: np.concatenate([x > 0, x]), (V,)),
        (lambda x: x + np.zeros_like(x) + np.ones_like(x) + np.full_like(x, 3), (M,)),
        (lambda x: np.full_like(x, x[0]), (V,)),
        (lambda x: x + np.zeros_like(x, shape=(2, 1, 1)), (M,)),
        (lambda x: x * np.empty_like(x).shape[0], (M,)),
        (lambda x: x.astype(np.float64), (M,)),
    ],
    "joining": [
        (lambda x: np.concatenate([x, x]), (V,)),
        (lambda x: np.concatenate((x, M), axis=1), (M,)),
        (lambda x: np.concatenate([x, [1, 2]]), (V,)),
        (lambda x: np.concatenate([x, M], axis=None), (M,)),
        (lambda x: np.concatenate(x), (T,)),
        (lambda x, y: np.stack([x, y, x * y]), (V, P)),
        (lambda x: np.stack([x, 2 * x], axis=-1), (V,)),
        (lambda x: np.stack([x[0], 1.0, x[1]]), (V,)),
        (lambda x: np.vstack([x, V]), (V,)),
        (lambda x: np.hstack([x, 1.0]), (V,)),
        (lambda x: np.hstack([x, x]), (M,)),
        (lambda x: np.column_stack([x, V]), (V,)),
        (lambda x: np.append(x, 3), (V,)),
        (lambda x: np.append(x, M, axis=0), (M,)),
        (lambda x: np.split(x, 2, axis=1)[1], (M,)),
        (lambda x: np.split(x, [1, 3])[1], (V,)),
        (lambda x: np.array_split(x, 3)[0], (V,)),
        (lambda x: np.array_split(x, 3)[2], (V,)),
        (lambda x: np.hsplit(x, 2)[0], (M,)),
        (lambda x: np.vsplit(x, 3)[2], (M,)),
        (lambda x: np.repeat(x, 2), (M,)),
        (lambda x: np.repeat(x, [1, 0, 2], axis=0), (M,)),
        (lambda x: x.repeat(3, axis=1), (M,)),
        (lambda x: np.tile(x, 2), (V,)),
        (lambda x: np.tile(x, (2, 1, 3)), (M,)),
        (lambda x: np.tile(x, 1), (M,)),
        (lambda x: np.flip(x), (M,)),
        (lambda x: np.flip(x, 1), (M,)),
        (lambda x: np.flip(x, (0, -1)), (T,)),
        (lambda x: np.fliplr(x) + np.flipud(x), (M,)),
        (lambda x: np.roll(x, 2), (M,)),
        (lambda x: np.roll(x, -1, axis=1), (M,)),
        (lambda x: np.roll(x, (1, 2), axis=(0, 1)), (M,)),
        (lambda x: np.roll(x, 7), (V,)),
        (lambda x: np.take(x, PLACES), (V,)),
        (lambda x: np.take(x, [[0, 1], [2, -1]], axis=1), (M,)),
        (lambda x: x.take(3), (M,)),
    ],
    "products": [
        (lambda x: np.dot(x, V), (V,)),
        (lambda x: np.dot(2.0, x), (V,)),
        (lambda x: np.dot(M, x), (Q,)),
        (lambda x: x.dot(M[0]), (M,)),
        (lambda x: np.dot(x, Q), (T,)),
        (lambda x: np.dot(T, x), (M[0],)),
        (lambda x: np.dot(x, T.transpose(0, 2, 1)), (M,)),
        (lambda x: np.dot(M[0], x), (T.transpose(0, 2, 1),)),
        (lambda x: np.matmul(x, Q), (T,)),
        (lambda x: np.inner(x, V), (V,)),
        (lambda x: np.inner(x, M), (T,)),
        (lambda x: np.inner(x, 2), (V,)),
        (lambda x: np.outer(x, V), (P,)),
        (lambda x: np.outer(x, S), (M,)),
        (lambda x: np.vdot(x, M), (M,)),
        (lambda x: np.vecdot(x, M), (M,)),
        (lambda x: np.tensordot(x, M), (M,)),
        (lambda x: np.tensordot(x, M, axes=([1], [0])), (T,)),
        (lambda x: np.tensordot(x, V, axes=0), (V,)),
        (lambda x: np.tensordot(x, T, axes=((1, 2), (1, 2))), (T,)),
        (lambda x: np.tensordot(M, x, axes=1), (Q,)),
        (lambda x: np.multiply.outer(x, M), (V,)),
        (lambda x: np.trace(x), (Q,)),
        (lambda x: np.trace(x, 1, 1, 2), (T,)),
        (lambda x: x.trace(offset=-1), (Q,)),
        (lambda x: np.diag(x), (Q,)),
        (lambda x: np.diag(x, 1), (Q,)),
        (lambda x: np.diag(x), (V,)),
        (lambda x: np.diag(x, -2), (V,)),
        (lambda x: np.diagonal(x, 0, 1, 2), (T,)),
        (lambda x: x.diagonal(offset=1), (M,)),
        (lambda x: np.diagflat(x), (M[:2, :2],)),
        (lambda x: np.tril(x), (Q,)),
        (lambda x: np.tril(x, -1) + np.triu(x, 2), (Q,)),
        (lambda x: np.triu(x), (T,)),
        (lambda x: np.triu(x), (V,)),
    ],
    "indexing": [
        (lambda x: x[0] + x[-1], (V,)),
        (lambda x: x[1:4], (V,)),
        (lambda x: x[::-2], (V,)),
        (lambda x: x[...], (V,)),
        (lambda x: x[None], (V,)),
        (lambda x: x[:, None, 1:], (M,)),
        (lambda x: x[1, 2], (M,)),
        (lambda x: x[..., -1], (T,)),
        (lambda x: x[PLACES], (V,)),
        (lambda x: x[[0, 0, 1]], (V,)),
        (lambda x: x[[0, 1], [1, 1]], (M,)),
        (lambda x: x[:, [0, 2]], (M,)),
        (lambda x: x[MASK], (V,)),
        (lambda x: x[V > 0], (V,)),
        (lambda x: x[M > 0], (M,)),
        (lambda x: x[0, :, [1, 2]], (T,)),
        (lambda x: x[np.int64(1)], (V,)),
        (lambda x: x[1][2], (M,)),
        (lambda x: x[()], (V,)),
        (lambda x: x[5:], (V,)),
        (lambda x: x[[True, False, True, False, True]], (V,)),
    ],
    "python": [
        (logistic, (S,)),
        (in_place_names, (V,)),
        (unpacked, (V,)),
        (with_branch, (S,)),
        (with_branch, (-S,)),
        (printed, (S,)),
        (containers, (V,)),
        (Doubler(), (V,)),
        (functools.partial(scaled, 3.0), (V,)),
        (lambda x: sum(x), (V,)),
        (lambda x: sum(t**2 for t in x), (V,)),
        (lambda x: max(x) - min(x), (V,)),
        (lambda x: sorted(x)[1], (V,)),
        (lambda x: 3.0, (V,)),
        (lambda x: x, (V,)),
        (lambda x: [row.sum() for row in x], (M,)),
        (lambda *xs: xs[0] * xs[1], (S, V)),
        (lambda x: np.prod(x.shape) * x, (M,)),
        (lambda p: p["W"] @ p["x"] + p["b"][0], ({"W": M, "x": M[0], "b": (S,)},)),
        (lambda x: np.stack(list(reversed(x))), (V,)),
        (lambda x: x if np.all(x > -99) else -x, (V,)),
    ],
}

sp = scipy.special
A3 = np.eye(3) * 3 + RNG.normal(size=(3, 3))
STACK = np.eye(3) * 4 + RNG.normal(size=(2, 3, 3))
HOLES = np.where(np.abs(M) > 1, np.nan, M)

CASES |= {
    "einsum": [
        (lambda x: np.einsum("ij,jk->ik", x, Q), (M,)),
        (lambda x: np.einsum("ij,jk", x, Q), (M,)),
        (lambda x: np.einsum("ij->ji", x), (M,)),
        (lambda x: np.einsum("ba", x), (M,)),
        (lambda x: np.einsum("ii", x), (Q,)),
        (lambda x: np.einsum("ii->i", x), (Q,)),
        (lambda x: np.einsum("iij->j", x), (np.stack([M[:2], M[1:]]),)),
        (lambda x: np.einsum("iii->i", x), (A3[None] * np.ones((3, 1, 1)),)),
        (lambda x: np.einsum("ij->", x), (M,)),
        (lambda x: np.einsum("ij,kl->jl", x, Q), (M,)),
        (lambda x: np.einsum("i,i,i", x, P, V), (V,)),
        (lambda x: np.einsum("ij,jk,kl,lm->im", x, Q, Q, Q), (M,)),
        (lambda x: np.einsum("i,j->ij", x, V), (P,)),
        (lambda x: np.einsum("bij,bjk->bik", x, STACK), (STACK,)),
        (lambda x: np.einsum("...ij,...jk", x, STACK), (STACK,)),
        (lambda x: np.einsum("...i->i...", x), (T,)),
        (lambda x: np.einsum("i...,i...->...", x, T), (T,)),
        (lambda x: np.einsum("...ij,jk->...ik", x, Q), (T,)),
        (lambda x: np.einsum("ij,ij->ij", x, M), (M,)),
        (lambda x: np.einsum("ij,i->j", x, V[:3]), (M,)),
        (lambda x: np.einsum("ij,i", x, np.ones(1)), (M,)),
        (lambda x: np.einsum(x, [0, 1], Q, [1, 2], [2, 0]), (M,)),
        (lambda x: np.einsum(x, [0, 1], Q, [1, 2]), (M,)),
        (lambda x: np.einsum(x, [..., 0], V[:4], [0]), (T,)),
        (lambda x: np.einsum("a,b,c->cab", x, x, x, optimize=True), (V,)),
        (lambda x: np.einsum("ij,kj,lj->ikl", x, x, x, optimize="greedy"), (M,)),
        (lambda x: np.einsum(",i->i", 2.0, x), (V,)),
        (lambda x: np.einsum("ij, jk -> ik", M, x), (Q,)),
    ],
    "norms": [
        *[(lambda x, p=p: np.linalg.norm(x, p), (V,)) for p in (1, 2, 3, 0.5, -1, 0, np.inf, -np.inf)],
        *[(lambda x, p=p: np.linalg.norm(x, p), (M,)) for p in (1, -1, 2, -2, np.inf, -np.inf, "fro", "nuc")],
        *[(lambda x, p=p: np.linalg.norm(x, p, axis=1, keepdims=True), (T,)) for p in (1, 3, np.inf)],
        *[(lambda x, p=p: np.linalg.norm(x, p, axis=(0, 2)), (T,)) for p in (1, 2, -np.inf, "nuc")],
        *[(lambda x, p=p: np.linalg.norm(x, p, axis=(2, 0), keepdims=True), (T,)) for p in (1, "fro")],
        (lambda x: np.linalg.vector_norm(x, axis=(0, 1), ord=3), (T,)),
        (lambda x: np.linalg.matrix_norm(x, ord=1), (T,)),
        (lambda x: np.linalg.norm(x), (T,)),
        (lambda x: np.std(x, axis=(0, 2), ddof=1, keepdims=True), (T,)),
        (lambda x: np.std(x), (np.ones(3),)),
    ],
    "linalg": [
        (lambda x: np.linalg.solve(x, V[:3]), (A3,)),
        (lambda x: np.linalg.solve(A3, x), (M,)),
        (lambda x: np.linalg.solve(x, STACK), (STACK,)),
        (lambda x: np.linalg.solve(STACK, x), (A3,)),
        (lambda x: np.linalg.solve(STACK, x), (V[:3],)),
        (lambda x: np.linalg.inv(x), (A3,)),
        (lambda x: np.linalg.inv(x), (STACK,)),
        (lambda x: np.linalg.det(x), (A3,)),
        (lambda x: np.linalg.det(x), (STACK,)),
        (lambda x: np.linalg.slogdet(x), (A3,)),
        (lambda x: np.linalg.slogdet(x).logabsdet, (STACK,)),
        (lambda x: np.linalg.slogdet(-x)[0], (A3,)),
        (lambda x: np.linalg.cholesky(x @ x.T), (A3,)),
        (lambda x: np.linalg.cholesky(x + np.triu(Q, 1)), (Q @ Q.T + np.eye(4),)),
        (lambda x: np.linalg.cholesky(x @ x.T, upper=True), (A3,)),
        (lambda x: np.linalg.cholesky(x @ x.mT), (STACK,)),
        (lambda x: np.linalg.eigvalsh(x), (A3,)),
        (lambda x: np.linalg.eigvalsh(x, UPLO="U"), (STACK,)),
        (lambda x: np.linalg.eigh(x).eigenvalues, (A3,)),
        (lambda x: np.linalg.eigh(x)[1] ** 2, (A3,)),
        (lambda x: np.linalg.svd(x, compute_uv=False), (M,)),
        (lambda x: np.linalg.svdvals(x), (STACK,)),
        (lambda x: np.linalg.svd(x, full_matrices=False)[0] ** 2, (M,)),
        (lambda x: np.linalg.svd(x, False).Vh ** 2, (M.T,)),
        (lambda x: np.linalg.svd(x)[1], (A3,)),
        (lambda x: np.linalg.pinv(x), (M,)),
        (lambda x: np.linalg.pinv(x), (STACK,)),
        (lambda x: np.linalg.lstsq(M.T, x, rcond=None)[0], (V[:4],)),
        (lambda x: list(np.linalg.lstsq(x, V[:4], rcond=None)), (M.T,)),
        (lambda x: np.linalg.lstsq(x, M.T, rcond=None)[1], (T[0].T,)),
        (lambda x: np.linalg.matrix_power(x, 5), (A3,)),
        (lambda x: np.linalg.matrix_power(x, -2), (A3,)),
        (lambda x: np.linalg.matrix_power(x, 0) + x, (A3,)),
        (lambda x: np.linalg.multi_dot([x, Q, Q]), (M,)),
        (lambda x: np.linalg.cond(x), (A3,)),
        (lambda x: np.linalg.tensorsolve(x.reshape(2, 2, 4), M[:2, :2]), (Q,)),
    ],
    "scipy": [
        (lambda x: sp.gamma(x) + sp.rgamma(x) + sp.loggamma(x), (P,)),
        (lambda x: sp.beta(x, 2.0) + sp.betaln(0.5, x), (P,)),
        (lambda x: sp.erfc(x) + sp.erfinv(np.tanh(x)) + sp.erfcinv(1 + np.tanh(x)), (V,)),
        (lambda x: sp.logit(x / 3) + sp.log_expit(x), (P,)),
        (lambda x: sp.log_expit(x) + sp.softplus(x), (V,)),
        (lambda x: sp.j0(x) + sp.j1(x) + sp.jv(2, x) + sp.jv(0.5, x), (P,)),
        (lambda x: sp.y0(x) + sp.y1(x) + sp.yn(2, x) + sp.yv(1.5, x), (P,)),
        (lambda x: sp.i0(x) + sp.i1(x) + sp.iv(2, x) + sp.ive(1, x) + sp.i0e(x) + sp.i1e(x), (P,)),
        (lambda x: sp.k0(x) + sp.k1(x) + sp.kn(2, x) + sp.kv(0.5, x), (P,)),
        (lambda x: sp.gammainc(1.5, x) + sp.gammaincc(2, x), (P,)),
        (lambda x: sp.betainc(1.5, 2.0, x / 3), (P,)),
        (lambda x: sp.xlogy(x, x) + sp.xlog1py(x, 2.0) + sp.xlogy(0.0, x - x), (P,)),
        (lambda x: sp.entr(x) + sp.rel_entr(x, 0.3) + sp.kl_div(0.2, x), (P,)),
        (lambda x: sp.rel_entr(x, x * np.array([1, 0, 0, 1, 1])), (np.array([0.0, 0.0, 2.0, -1.0, 3.0]),)),
        (lambda x: sp.entr(x), (np.array([-1.0, 0.0, 2.0]),)),
        (lambda x: sp.ndtr(x) + sp.log_ndtr(x), (V,)),
        (lambda x: np.i0(x) + np.sinc(x), (V,)),
        (lambda x: np.sinc(x), (np.array([0.0, 1e-9, 0.2, 1.0]),)),
        (lambda x: np.logaddexp2(x, 1), (V,)),
    ],
    "remainders": [
        (lambda x: x % 0.3, (V,)),
        (lambda x: -0.7 % x, (P,)),
        (lambda x: x // 0.3, (V,)),
        (lambda x: 2 // x, (P,)),
        (lambda x: list(divmod(x, -0.3)), (V,)),
        (lambda x: list(np.divmod(3, x)), (P,)),
        (lambda x: np.mod(x, V[::-1]) + np.remainder(x, 2), (V,)),
        (lambda x: np.fmod(x, 0.3), (V,)),
        (lambda x: np.floor_divide(x, [0.0, 1.0, -1.0, 0.5, 2.0]), (V,)),
        (lambda x: np.fmax(x, [np.nan, 0, 9, -9, np.nan]) + np.fmin(np.nan, x), (V,)),
        (lambda x: np.copysign(x, -1) + np.copysign(x, V[::-1]) + np.copysign(2.0, x), (V,)),
        (lambda x: np.copysign(1.0, x), (np.array([0.0, -0.0]),)),
    ],
    "missing": [
        (lambda x: np.isnan(x) | np.isinf(x), (HOLES,)),
        (lambda x: np.isfinite(1 / x) & np.signbit(x), (np.array([0.0, -1.0, np.nan, np.inf]),)),
        (lambda x: np.nan_to_num(x), (np.array([1.0, np.nan, np.inf, -np.inf]),)),
        (lambda x: np.nan_to_num(x, nan=3.0, posinf=2.0, neginf=1.0), (np.array([np.nan, np.inf, -np.inf]),)),
        (lambda x: np.nansum(x) + np.nansum(x, axis=0), (HOLES,)),
        (lambda x: np.nanprod(x, axis=1, keepdims=True), (HOLES,)),
        (lambda x: np.nanmean(x, axis=1) + np.nanmean(x), (HOLES,)),
        (lambda x: np.nanmax(x, axis=1) + np.nanmin(x, axis=1), (HOLES,)),
        (lambda x: np.nanvar(x, axis=1) + np.nanstd(x, axis=1), (HOLES,)),
        (lambda x: np.nancumsum(x) + np.nancumprod(x), (HOLES,)),
    ],
    "ordering": [
        (lambda x: np.sort(x), (T,)),
        (lambda x: np.sort(x, axis=0), (M,)),
        (lambda x: np.sort(x, axis=None), (M,)),
        (lambda x: np.median(x), (M,)),
        (lambda x: np.median(x, axis=0, keepdims=True), (T,)),
        (lambda x: np.quantile(x, 0.3, axis=1), (M,)),
        (lambda x: np.quantile(x, [0.0, 0.25, 1.0], axis=(0, 2)), (T,)),
        (lambda x: np.percentile(x, [10, 90], axis=0, keepdims=True), (M,)),
        (lambda x: np.partition(x, 2)[2], (V,)),
    ],
    "calculus": [
        (lambda x: np.gradient(x), (V,)),
        (lambda x: np.gradient(x, 0.5), (V,)),
        (lambda x: np.gradient(x, np.cumsum(P)), (V,)),
        (lambda x: np.gradient(x, np.cumsum(P), edge_order=2), (V,)),
        (lambda x: np.gradient(x, edge_order=2), (V,)),
        (lambda x: list(np.gradient(x)), (M,)),
        (lambda x: np.gradient(x, 2.0, axis=1), (M,)),
        (lambda x: np.gradient(np.sin(V), x), (S,)),
        (lambda x: np.trapezoid(x, dx=0.5), (V,)),
        (lambda x: np.trapezoid(M[0], x), (M[1],)),
        (lambda x: np.trapezoid(x, V[:3], axis=0), (M,)),
        (lambda x: np.interp(x, [-1.0, 0.0, 0.5, 2.0], [1.0, 3.0, 2.0, 0.0]), (V,)),
        (lambda x: np.interp([-9.0, -1.0, 0.0, 0.25, 2.0, 9.0], [-1.0, 0.0, 2.0], x), (V[:3],)),
        (lambda x: np.interp(x, [-0.1, 0.1], [0.0, 1.0], left=-5.0, right=7.0), (M,)),
        (lambda x: np.polyval([1.0, -2.0, 3.0], x), (M,)),
        (lambda x: np.polyval(x, 0.5), (V,)),
        (lambda x: np.convolve(x, P[:3]), (V,)),
        (lambda x: np.convolve(V[:2], x, "same"), (P,)),
        (lambda x: np.convolve(x, P[:2], "valid"), (V,)),
        (lambda x: np.correlate(x, P[:3]), (V,)),
        (lambda x: np.correlate(x, P[:3], "full"), (V,)),
        (lambda x: np.correlate(x, P[:4], "same"), (V,)),
        (lambda x: np.correlate(x, V, "valid"), (P[:2],)),
        (lambda x: np.kron(x, Q), (M,)),
        (lambda x: np.kron(V, x), (M,)),
        (lambda x: np.cross(x, V[:3]), (A3,)),
        (lambda x: np.interp(x, [3.5, 1.0, 0.25], [1.0, 5.0, 2.0], period=3), (V,)),
        (lambda x: np.interp(np.linspace(-4, 9, 9), [190, -190, 350.5, -350], x, period=360), (V[:4],)),
        (lambda x: np.cross(A3, x, axis=0), (A3.T,)),
        (lambda x: np.cumprod(x) + np.cumprod(x, axis=0).ravel(), (M,)),
        (lambda x: np.cumprod(x), (np.array([2.0, 0.0, 3.0, 0.0, 1.0]),)),
        (lambda x: np.multiply.accumulate(x), (M,)),
        (lambda x: np.diff(x, prepend=0.0, append=V[:2]), (V,)),
        (lambda x: np.ediff1d(x, to_begin=[1.0, 2.0], to_end=3.0), (M,)),
        (lambda x: np.cov(x), (M,)),
        (lambda x: np.cov(x, rowvar=False, bias=True), (M,)),
        (lambda x: np.corrcoef(x), (M,)),
    ],
    "turning": [
        (lambda x: np.rollaxis(x, 2), (T,)),
        (lambda x: np.rollaxis(x, 0, 3), (T,)),
        (lambda x: np.dstack([x, M]) + np.atleast_3d(x), (M,)),
        (lambda x: np.dsplit(x, 2)[1], (T,)),
        (lambda x: list(np.unstack(x, axis=1)), (M,)),
        (lambda x: np.block([[x, np.ones((3, 1))], [np.zeros((1, 4)), 2.0]]), (M,)),
        *[(lambda x, k=k: np.rot90(x, k, axes=(1, 2)), (T,)) for k in (-1, 0, 2, 5)],
        (lambda x: np.fft.fftshift(x) + np.fft.ifftshift(x, axes=1), (M,)),
        (lambda x: np.pad(x, 2), (M,)),
        (lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=3), (M,)),
        (lambda x: np.pad(x, (1, 2), constant_values=(4, 5)), (V,)),
        *[(lambda x, m=m: np.pad(x, (7, 9), mode=m), (V,)) for m in ("edge", "reflect", "symmetric", "wrap")],
        (lambda x: np.pad(x, ((1, 1), (0, 2)), "reflect"), (M,)),
        (lambda x: np.take_along_axis(x, np.argsort(M, axis=1), 1), (M,)),
        (lambda x: np.take_along_axis(x, np.array([[0], [1], [-1]]), axis=1), (M,)),
        (lambda x: np.take_along_axis(x, np.array([[0, 2, 1, 0]]), axis=0), (M,)),
        (lambda x: np.delete(x, [0, 2], axis=1), (M,)),
        (lambda x: np.insert(x, 1, 5.0), (V,)),
        (lambda x: np.insert(x, 1, V[:4], axis=0), (M,)),
        (lambda x: list(np.meshgrid(x, V[:2])), (P,)),
        (lambda x: list(np.meshgrid(x, V[:2], P[:3], indexing="ij", sparse=True)), (P,)),
        (lambda x: np.diff(np.vsplit(x, [1])[1]), (M,)),
    ],
}

LOOSE = frozenset(("einsum", "norms", "linalg", "scipy", "missing", "ordering", "calculus"))
"""Families whose sums are taken in another order than NumPy's, or whose functions have another algorithm."""

TABLE = [(family, k, code, args) for family, rows in CASES.items() for k, (code, args) in enumerate(rows)]


def leaves_of(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves_of(item)]
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves_of(item)]
    return [value]


def evaluated(code: Code, args: tuple[Any, ...]) -> list[Any]:
    """Trace, check the graph's rules, evaluate at the same point."""
    graph = record(code, args).graph
    check(graph)
    results = NUMPY.outputs(graph, NUMPY.run(graph, leaves_of(args)))
    for result, type in zip(results, graph.output_types, strict=True):
        assert np.shape(result) == type.shape
    return results


@pytest.mark.parametrize(
    ("family", "code", "args"),
    [(row[0], *row[2:]) for row in TABLE],
    ids=[f"{family}-{k}" for family, k, _, _ in TABLE],
)
def test_graph_computes_what_numpy_computes(family: str, code: Code, args: tuple[Any, ...]) -> None:
    tolerance = 1e-12 if family in LOOSE else 4.5e-16
    with np.errstate(all="ignore"):
        expected = leaves_of(code(*args))
    results = evaluated(code, args)
    assert len(results) == len(expected)
    for result, want in zip(results, expected, strict=True):
        assert np.shape(result) == np.shape(want)
        assert (np.asarray(result).dtype == bool) == (np.asarray(want).dtype == bool)
        np.testing.assert_allclose(
            np.asarray(result, float), np.asarray(want, float), rtol=tolerance, atol=tolerance / 2
        )


FLOAT32_CODE: list[Code] = [
    lambda x: 2 * x + 1.5,
    lambda x: x**2 - 3 / x,
    lambda x: np.where(x > 0, x, 0.0),
    lambda x: np.maximum(x, 0),
    lambda x: np.sum(x),
    lambda x: np.mean(x, axis=0),
    lambda x: np.var(x),
    lambda x: np.clip(x, 0, 1),
    lambda x: np.round(x, 2),
    lambda x: np.linalg.norm(x),
    lambda x: x * np.arange(2, dtype=np.int8)[:, None],
    lambda x: np.concatenate([x, x]),
    lambda x: np.zeros_like(x) + x,
    lambda x: np.tril(x),
    lambda x: np.trunc(x),
    lambda x: x + np.float64(1.0),
    lambda x: x * np.arange(3),
    lambda x: np.stack([x[0, 0], 1.0]),
    lambda x: x @ x.T,
    lambda x: x.astype(np.float64),
    lambda x: np.float_power(x, 2),
    lambda x: (x > 0) * 2.0,
    lambda x: np.exp(x) / 3,
    lambda x: np.sum(x, dtype=np.float64),
    lambda x: x * np.float16(2),
    lambda x: np.deg2rad(x),
    lambda x: np.heaviside(x, 0.5),
    lambda x: np.einsum("ij,kj->ik", x, x),
    lambda x: np.linalg.inv(x[:, :2]) / 64,
    lambda x: np.linalg.det(x[:, :2]),
    lambda x: np.linalg.slogdet(x[:, :2])[1],
    lambda x: np.linalg.svd(x, compute_uv=False),
    lambda x: np.linalg.norm(x[0], 3),
    lambda x: x % 0.5,
    lambda x: x // 0.5,
    lambda x: np.nansum(x),
    lambda x: np.nan_to_num(x),
    lambda x: np.sort(x),
    lambda x: np.median(x, axis=0),
    lambda x: np.interp(x, [-1.0, 0.0, 1.0], [0.0, 1.0, 3.0]).astype(np.float32),
    lambda x: np.pad(x, 1),
    lambda x: np.gradient(x, axis=0),
    lambda x: np.cumprod(x),
    lambda x: np.std(x),
    lambda x: np.sinc(x),
    lambda x: scipy.special.xlogy(x * x, x * x),
    lambda x: scipy.special.j0(x),
    lambda x: scipy.special.ndtr(x),
    lambda x: np.fmax(x, 0),
    lambda x: np.copysign(x, -1),
]


@pytest.mark.parametrize("code", FLOAT32_CODE, ids=range(len(FLOAT32_CODE)))
def test_float32_stays_float32_where_numpy_keeps_it(code: Code) -> None:
    x = M[:2, :3].astype(np.float32)
    want = np.asarray(code(x))
    graph = record(code, (x,)).graph
    (result,) = evaluated(code, (x,))
    assert graph.output_types[0].dtype == want.dtype
    assert np.asarray(result).dtype == want.dtype
    tolerance = np.finfo(want.dtype).eps * 2
    np.testing.assert_allclose(result, want, rtol=tolerance, atol=tolerance / 4)


@pytest.mark.parametrize("value", [3, np.int32(3), np.array([1, 2, 3]), np.float16(2), True])
def test_whole_numbers_enter_as_floats(value: Any) -> None:
    graph = record(lambda x: 2 * x, (value,)).graph
    assert graph.output_types[0].dtype == np.float64


@pytest.mark.parametrize(
    ("code", "axis", "keepdims"),
    [
        (lambda x: np.sum(x), None, False),
        (lambda x: np.sum(x, axis=(2, 0, -2)), None, False),
        (lambda x: np.max(x, axis=-1, keepdims=True), (2,), True),
        (lambda x: np.mean(x, axis=2), (2,), False),
        (lambda x: x.sum(axis=(2, 0), keepdims=np.True_), (0, 2), True),
    ],
)
def test_axes_are_written_in_one_way(code: Code, axis: Any, keepdims: bool) -> None:
    graph = record(code, (T,)).graph
    params = graph.node(len(graph) - 1).params
    assert (params["axis"], params["keepdims"]) == (axis, keepdims)
    assert type(params["keepdims"]) is bool


def test_equal_computations_are_one_node() -> None:
    def code(x: Any) -> Any:
        return np.sum(x, axis=(0, 1)) + np.sum(x) + x.sum(axis=(-1, -2))

    assert record(code, (M,)).graph.operation_counts() == {"sum": 1, "add": 2}


def test_a_square_is_one_row_however_it_is_written() -> None:
    graph = record(lambda x: x**2 + np.square(x) + np.power(x, 2), (V,)).graph
    assert graph.operation_counts() == {"square": 1, "add": 2}


def test_a_literal_joins_its_kind_and_keeps_its_sign() -> None:
    graph = record(lambda x: (x * 2 + 2.0 * x) + (x * 0.0 + x * -0.0), (S,)).graph
    assert [repr(constant.value) for constant in graph.constants] == ["2", "2.0", "0.0", "-0.0"]


def test_what_does_nothing_records_nothing() -> None:
    graph = record(lambda x: np.squeeze(np.reshape(x.T.T, x.shape)).copy().astype(float), (M,)).graph
    assert set(graph.operation_counts()) <= {"transpose"}


def test_closing_over_an_outer_traced_value_captures_it() -> None:
    inner_graphs = []

    def outer(x: Any) -> Any:
        inner = record(lambda y: y * x + np.sum(x * 2.0), (3.0,))
        inner_graphs.append(inner)
        return x

    record(outer, (2.0,))
    (inner,) = inner_graphs
    check(inner.graph)
    assert len(inner.captured) == 2  # x itself, and the 2x that was computed outside
    assert NUMPY.outputs(inner.graph, NUMPY.run(inner.graph, [3.0, 2.0, 4.0])) == [10.0]


def test_a_branch_is_guarded() -> None:
    graph = record(with_branch, (0.7,)).graph
    assert graph.guards[0].outcome
    assert call_graph(graph, (0.7,)) == np.sin(0.7)
    with pytest.raises(BranchError):
        call_graph(graph, (-0.7,))


def test_source_lines_are_the_users_also_through_numpy_and_methods() -> None:
    def code(x: Any) -> Any:
        return np.std(x).sum() + x.var()

    graph = record(code, (V,)).graph
    line = code.__code__.co_firstlineno + 1
    assert {node.source.line for node in graph.nodes[1:]} == {line}
    assert {node.source.file for node in graph.nodes[1:]} == {__file__}


def test_a_loop_over_elements_of_a_long_vector() -> None:
    def code(x: Any) -> Any:
        total = x[0]
        for i in range(1, len(x)):
            total = total + x[i] * x[i - 1]
        return total

    x = np.linspace(-1.0, 1.0, 10_000)
    graph = record(code, (x,)).graph
    assert graph.operation_counts()["index"] == 10_000
    assert NUMPY.outputs(graph, NUMPY.run(graph, [x]))[0] == pytest.approx(code(x), rel=1e-12)


SMOOTH: list[tuple[Code, Any]] = [
    (lambda x: np.var(x, axis=0, ddof=1), M),
    (lambda x: np.std(x), M),
    (lambda x: np.ptp(x, axis=1), M),
    (lambda x: np.average(x, axis=0, weights=[1, 2, 3]), M),
    (lambda x: np.average(V, weights=x), P),
    (lambda x: np.diff(x, 2), V),
    (lambda x: np.linalg.norm(x, axis=1), M),
    (lambda x: np.tensordot(x, M, axes=([1], [0])), T),
    (lambda x: np.dot(x, T.transpose(0, 2, 1)), M),
    (lambda x: np.inner(x, x), M),
    (lambda x: np.outer(x, x), M),
    (lambda x: np.vecdot(x, x), M),
    (lambda x: np.multiply.outer(x, x), V),
    (lambda x: np.trace(x, 1) * np.diag(x), Q),
    (lambda x: np.diag(x, 1) @ np.diag(x, -1), V),
    (lambda x: np.tril(x) @ np.triu(x, 1), Q),
    (lambda x: np.repeat(x, [1, 0, 2], axis=0), M),
    (lambda x: np.tile(x**2, (2, 2)), M),
    (lambda x: np.flip(x, 0) * x, M),
    (lambda x: np.roll(x, 1, axis=1) * x, M),
    (lambda x: np.take(x, PLACES) ** 2, V),
    (lambda x: np.concatenate([x, x**2]), V),
    (lambda x: np.column_stack([x, x**2]), V),
    (lambda x: np.split(x, 2, axis=1)[1] * np.split(x, 2, axis=1)[0], M),
    (lambda x: np.clip(x, -0.5, None) ** 2, V),
    (lambda x: np.select([x > 1, x > 0], [x**3, x**2], x), V),
    (lambda x: np.where(x > 0, np.sin(x), x**2), V),
    (lambda x: np.moveaxis(x, 0, -1) ** 2, T),
    (lambda x: np.cumsum(x**2), M),
    (lambda x: np.prod(x, axis=1), M),
    (lambda x: np.maximum.reduce(x * 2, axis=1), M),
    (lambda x: np.float_power(x, 3), P),
    (lambda x: np.deg2rad(x) ** 2, V),
    (lambda x: x[[0, 0, 1]] ** 2, V),
    (lambda x: (x > 0) * x**2, V),
    (lambda x: np.mean(x, axis=(0, 2), keepdims=True) * x, T),
    (lambda x: np.full_like(x, x[0] ** 2), V),
    (lambda x: np.hstack([x.ravel(), np.sum(x)]) ** 2, M),
    (lambda x: np.einsum("ij,jk,ik->k", x, Q, x), M),
    (lambda x: np.einsum("ii,jj->", x, x), Q),
    (lambda x: np.einsum("...ij,...kj->...ik", x, x), T),
    *[(lambda x, p=p: np.linalg.norm(x, p, axis=1), M) for p in (1, 3, 0.5, -1, np.inf)],
    *[(lambda x, p=p: np.linalg.norm(x, p), M) for p in (1, 2, -2, "nuc", "fro")],
    (lambda x: np.linalg.solve(x, V[:3]) ** 2, A3),
    (lambda x: np.linalg.solve(STACK, x), A3),
    (lambda x: np.linalg.inv(x), STACK),
    (lambda x: np.linalg.det(x), STACK),
    (lambda x: np.linalg.slogdet(x)[1], STACK),
    (lambda x: np.linalg.cholesky(x @ x.T), A3),
    (lambda x: np.linalg.cholesky(x @ x.T, upper=True), A3),
    (lambda x: np.linalg.eigvalsh(x, "U"), A3),
    (lambda x: np.linalg.eigh(x + x.mT)[1] ** 2, STACK),
    (lambda x: np.linalg.svd(x, False)[2] ** 2, M),
    (lambda x: np.linalg.pinv(x), M),
    (lambda x: np.linalg.lstsq(x, V[:4], rcond=None)[0], M.T),
    (lambda x: np.linalg.lstsq(x, V[:4], rcond=None)[1], M.T),
    (lambda x: np.linalg.matrix_power(x, -3), A3),
    (lambda x: np.linalg.cond(x), A3),
    (lambda x: sp.j0(x) * sp.j1(x) + sp.yn(2, x) + sp.i0(x) + sp.k1(x), P),
    (lambda x: sp.loggamma(x) + sp.entr(x) + sp.kl_div(x, x**2) + sp.rel_entr(1.0, x), P),
    (lambda x: sp.log_expit(x) + np.i0(x) + np.sinc(x), V),
    (lambda x: sp.gammainc(1.5, x) + sp.betainc(1.5, 2.0, x / 3), P),
    (lambda x: (x % 0.31) ** 2 + 5 // x + np.fmod(2.0, x), P),
    (lambda x: np.fmax(x, [np.nan, 0, 9, -9, np.nan]) ** 2 + np.copysign(x, -V), V),
    (lambda x: np.nan_to_num(np.where(MASK, x, np.nan)) ** 2, V),
    (lambda x: np.nanstd(np.where(M > 0.9, np.nan, x), axis=1), M),
    (lambda x: np.nanmax(np.where(M > 0.9, np.nan, x), axis=1), M),
    (lambda x: np.sort(x, axis=0) * np.arange(4.0), M),
    (lambda x: np.sort(x) ** 2 * np.arange(5.0), V),
    (lambda x: np.quantile(x, [0.2, 0.7], axis=0), M),
    (lambda x: np.median(x, axis=1), M),
    (lambda x: np.gradient(x, axis=1, edge_order=2) ** 2, M),
    (lambda x: np.gradient(np.sin(x[0]), x[1, 1]), M),
    (lambda x: np.trapezoid(x[0], x[1]), M),
    (lambda x: np.interp(x, [-1.0, 0.03, 0.5, 2.0], [1.0, 3.0, 2.0, 0.0]), V),
    (lambda x: np.interp([-0.5, 0.25, 2.0, 9.0], [-1.0, 0.0, 2.0], x), V[:3]),
    (lambda x: np.polyval(x, x), V),
    (lambda x: np.convolve(x, x**2, "same"), V),
    (lambda x: np.kron(x, x.T), M),
    (lambda x: np.cross(x, x[::-1] ** 2), A3),
    (lambda x: np.cumprod(x, axis=1), M),
    (lambda x: np.corrcoef(x), M),
    (lambda x: np.pad(x, 3, "reflect") ** 2, A3),
    (lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=3) ** 2, M),
    (lambda x: np.rot90(x) * np.rot90(x, -1), M),
    (lambda x: np.block([[x, x**2], [x**3, np.ones((3, 4))]]), M),
    (lambda x: np.take_along_axis(x, np.argsort(M, axis=1), 1) ** 2, M),
]


@pytest.mark.parametrize(("code", "x"), SMOOTH, ids=range(len(SMOOTH)))
def test_derivatives_of_composed_functions(code: Code, x: Any) -> None:
    """Both sweeps against central differences along a random direction, weighted by a random cotangent."""
    rng = np.random.default_rng(3)
    graph = record(code, (x,)).graph
    values = NUMPY.run(graph, [x])
    direction, cotangent = rng.normal(size=x.shape), rng.normal(size=np.shape(code(x)))
    h = 1e-6
    expected = np.sum(cotangent * (code(x + h * direction) - code(x - h * direction))) / (2 * h)
    output = graph.outputs[0]
    tangent = forward_sweep(graph, NUMPY, values, [direction])[output]
    adjoint = reverse_sweep(graph, NUMPY, values, [(output, cotangent)])[0]
    assert np.sum(cotangent * tangent) == pytest.approx(expected, rel=1e-7, abs=1e-7)
    assert np.sum(adjoint * direction) == pytest.approx(np.sum(cotangent * tangent), rel=1e-12, abs=1e-12)


def test_printing_a_traced_value_shows_its_type() -> None:
    shown = []
    record(lambda x: shown.append(f"{x} {x:.3f}") or x, (M,))
    assert shown == ["Traced(float64 3×4) Traced(float64 3×4)"]


def test_a_long_loop_is_one_node_per_operation() -> None:
    def code(x: Any) -> Any:
        for _ in range(10_000):
            x = 4.0 * x * (1.0 - x)
        return x

    assert len(record(code, (0.3,)).graph) == 30_001


def gradient_at(code: Code, example: Any, point: Any) -> Any:
    """The gradient at a point of the graph traced at another."""
    graph = record(code, (example,)).graph
    values = NUMPY.run(graph, [point])
    return reverse_sweep(graph, NUMPY, values, [(graph.outputs[0], np.float64(1.0))])[0]


ZERO: list[Code] = [
    *[lambda x, p=p: np.linalg.norm(x, p) for p in (None, 1, 2, 3, np.inf)],
    *[lambda x, p=p: np.linalg.norm(x[:, None] * np.ones(3), p) for p in ("fro", "nuc", 1, 2, np.inf)],
    lambda x: np.std(x),
    lambda x: np.std(x + 5.0, ddof=1),
    lambda x: np.nanstd(x),
    lambda x: np.sum(np.linalg.norm(np.outer(x, x), axis=1)),
]


@pytest.mark.parametrize("code", ZERO, ids=range(len(ZERO)))
def test_norms_have_the_derivative_0_where_they_are_0(code: Code) -> None:
    np.testing.assert_array_equal(gradient_at(code, V[:3], np.zeros(3)), np.zeros(3))


def test_sorting_follows_the_order_at_the_point_not_at_the_example() -> None:
    def code(x: Any) -> Any:
        return np.sum(np.sort(x) * np.array([1.0, 10.0, 100.0]))

    example, point = np.array([1.0, 2.0, 3.0]), np.array([5.0, -1.0, 2.0])
    assert call_graph(record(code, (example,)).graph, (point,)) == code(point)
    np.testing.assert_array_equal(gradient_at(code, example, point), [100.0, 1.0, 10.0])


def test_determinant_of_a_singular_matrix_has_its_cofactors_as_gradient() -> None:
    singular = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
    found = gradient_at(np.linalg.det, A3, singular)
    np.testing.assert_allclose(found, [[4, 4, -4], [-2, -2, 2], [0, 0, 0]], atol=1e-14)


def test_repeated_eigenvalues_are_differentiable_in_symmetric_functions() -> None:
    def code(x: Any) -> Any:
        return np.sum(np.linalg.eigvalsh(x) ** 2)

    np.testing.assert_allclose(gradient_at(code, np.eye(3), 2 * np.eye(3)), 4 * np.eye(3))


def test_vectors_of_equal_eigenvalues_have_no_silent_derivative() -> None:
    found = gradient_at(lambda x: np.sum(np.linalg.eigh(x)[1] ** 3), A3, np.eye(3))
    assert not np.all(np.isfinite(found))


@pytest.mark.parametrize(
    "solver", [np.linalg.inv, np.linalg.cholesky, lambda a: np.linalg.solve(a, np.ones(2))]
)
def test_a_matrix_without_a_solution_is_not_a_number_and_its_neighbours_stay(solver: Code) -> None:
    good, bad = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[1.0, 1.0], [1.0, 1.0 - 1e-300]])
    found = call_graph(record(solver, (np.stack([good, good]),)).graph, (np.stack([good, 0 * bad]),))
    np.testing.assert_allclose(found[0], solver(good))
    assert np.all(np.isnan(found[1]))


def test_the_triangle_that_is_not_read_has_the_derivative_0() -> None:
    symmetric = Q @ Q.T + np.eye(4)
    for code in (np.linalg.cholesky, np.linalg.eigvalsh):
        found = gradient_at(lambda x, code=code: np.sum(code(x) ** 3), symmetric, symmetric)
        assert np.all(np.triu(found, 1) == 0)
        assert np.all(np.diag(found) != 0)


@pytest.mark.parametrize(
    "code",
    [
        lambda n: scipy.special.jv(n, 2.0),
        lambda n: scipy.special.kn(n, 2.0),
        lambda a: scipy.special.gammainc(a, 2.0),
        lambda a: scipy.special.betainc(a, a, 0.5),
    ],
)
def test_a_parameter_without_a_rule_is_refused_and_never_0(code: Code) -> None:
    with pytest.raises(NotImplementedError, match=r"ad\.stop_gradient, or use method='numerical'"):
        gradient_at(code, 1.5, 1.5)


def test_sinc_is_exact_at_0_in_the_second_derivative() -> None:
    from adlab import functions as ad
    from adlab.transforms.sweeps import dual_run

    graph = record(lambda x: ad.sinc(x), (0.0,)).graph
    first = reverse_sweep(graph, NUMPY, NUMPY.run(graph, [np.float64(0)]), [(graph.outputs[0], 1.0)])[0]
    assert first == 0
    from adlab.algebra.dual import Dual, DualAlgebra

    outer = DualAlgebra(NUMPY)
    x = Dual(outer, np.float64(0), np.float64(1))
    tangent = dual_run(graph, outer, [x], [Dual(outer, np.float64(1))])[-1].tangent
    assert tangent.tangent == pytest.approx(-(np.pi**2) / 3, rel=1e-15)


@pytest.mark.parametrize(
    "code",
    [
        lambda x: np.sum(np.sort(x, axis=0)[0] ** 3),
        lambda x: np.linalg.norm(x) ** 3,
        lambda x: np.sum(np.linalg.solve(x, np.ones(3)) ** 2),
        lambda x: np.linalg.det(x) + np.linalg.slogdet(x)[1],
        lambda x: np.sum(x % 0.3 + np.fmod(x, 0.7)),
    ],
)
def test_the_complex_step_passes_through(code: Code) -> None:
    from adlab.algebra.complexstep import ComplexStepAlgebra

    direction = np.cos(np.arange(9.0)).reshape(3, 3)
    graph = record(code, (A3,)).graph
    algebra = ComplexStepAlgebra()
    (found,) = algebra.outputs(graph, algebra.run(graph, [A3 + 1e-30j * direction]))
    expected = np.sum(gradient_at(code, A3, A3) * direction)
    assert np.imag(found) * 1e30 == pytest.approx(expected, rel=1e-12)


FLOAT32 = {
    "nanmean": np.nanmean,
    "nanvar": np.nanvar,
    "nanstd": np.nanstd,
    "norm of order 0": lambda x: np.linalg.norm(x, 0),
    "pad": lambda x: np.pad(x, 1, constant_values=(1, 2)),
    "insert": lambda x: np.insert(x, 1, 5.0),
    "insert a list": lambda x: np.insert(x, 1, [5, 6]),
    "ediff1d": lambda x: np.ediff1d(x, to_end=3, to_begin=[1, 2]),
}


@pytest.mark.parametrize("name", FLOAT32)
def test_float32_stays_float32_beside_what_is_put_in(name):
    x = np.array([1.0, 2.0, 0.5, 4.0], np.float32)
    graph = record(FLOAT32[name], (x,)).graph
    (found,) = NUMPY.outputs(graph, NUMPY.run(graph, [x]))
    expected = FLOAT32[name](x)
    assert graph.output_types[0].dtype == expected.dtype == np.float32
    assert np.allclose(found, expected, rtol=1e-6)


def test_an_order_in_memory_is_refused():
    for order in ("K", "A"):
        with pytest.raises(TraceError, match="no layout in memory"):
            record(lambda x, order=order: np.ravel(x.T, order=order), (M,))
        with pytest.raises(TraceError, match="no layout in memory"):
            record(lambda x, order=order: x.flatten(order), (M,))


@pytest.mark.parametrize(
    "matrix",
    [
        np.array([[1.0, 2.0], [2.0, 4.0]]),
        np.zeros((2, 2)),
        np.outer([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]),
        np.arange(9.0).reshape(3, 3),
        np.zeros((3, 3)),
        np.array([[0.0]]),
    ],
)
def test_second_derivative_of_the_determinant_at_singular_matrices(matrix: Any) -> None:
    found = adlab.hessian(np.linalg.det)(matrix)
    size = len(matrix)
    exact = np.zeros((size,) * 4)
    for i, j, k, m in np.ndindex(exact.shape):
        if i != k and j != m:
            rows = [r for r in range(size) if r not in (i, k)]
            columns = [c for c in range(size) if c not in (j, m)]
            sign = (-1) ** (i + j + k + m) * (1 if (i < k) == (j < m) else -1)
            exact[i, j, k, m] = sign * np.linalg.det(matrix[np.ix_(rows, columns)])
    np.testing.assert_allclose(found, exact, atol=1e-12)
    by_forward = adlab.jacobian(adlab.grad(np.linalg.det), method="forward")(matrix)
    np.testing.assert_allclose(by_forward, exact, atol=1e-12)
