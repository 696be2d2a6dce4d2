"""What cannot be traced is refused in one sentence: the line, what was asked, what to write instead."""

from __future__ import annotations

import linecache
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

from adlab.errors import AdlabError, InputError, ShapeError, TraceError
from adlab.frontends.numpy_functions import FUNCTIONS
from adlab.frontends.numpy_functions.refusals import SENTENCES
from adlab.frontends.recording import record

V = np.array([0.3, -1.2, 2.0])
M = np.arange(12.0).reshape(3, 4)


def assigns(x: Any) -> Any:
    x[0] = 1.0
    return x


def assigns_into_plain(x: Any) -> Any:
    a = np.zeros(3)
    a[0] = x[0]
    return a


def adds_into_plain(x: Any) -> Any:
    a = np.zeros(3)
    a += x
    return a


def branches(x: Any) -> Any:
    return x if x > 0 else -x


def loops(x: Any) -> Any:
    return sum(1.0 for _ in range(x[0]))


def unpacks_scalar(x: Any) -> Any:
    a, b = x[0]
    return a + b


Case = tuple[Callable[..., Any], str, str]

CASES: list[Case] = [  # the code, what the message says, what it suggests
    (assigns, "assigned to in place", "x = ad.at(x)[0].set(1.0)"),
    (assigns_into_plain, "a[0] = x", "a = ad.at(a)[0].set(x[0])"),
    (adds_into_plain, "np.add would write a traced value into an array in place", "y = y + x"),
    (lambda x: np.sin(x, out=np.zeros(3)), "np.sin would write", "assign the result to a new name"),
    (lambda x: np.copyto(np.zeros(3), x), "np.copyto would write", "np.where(mask, new, old)"),
    (branches, "truth of a traced array of shape (3,)", "np.where(condition, a, b)"),
    (lambda x: x and 1.0, "truth of a traced array", "np.any(x)"),
    (loops, "an integer is asked", "x.shape[0]"),
    (unpacks_scalar, "cannot be iterated over or unpacked", "pass an array"),
    (lambda x: len(x[0]), "len() of a traced scalar", "np.size"),
    (lambda x: np.array([x[0], 1.0]), "plain array", "np.stack([...])"),
    (lambda x: np.array([x[0], x[1]], dtype=object), "plain array", "np.stack([...])"),
    (lambda x: np.asarray(x), "plain array", "leave out np.array and np.asarray"),
    (lambda x: np.sum([x[0], x[1]]), "plain array", "before np.sum and the like"),
    (lambda x: np.mean([x[0], x[1]]), "plain array", "before np.sum and the like"),
    (lambda x: np.max([x[0], x[1]]), "plain array", "np.stack([...])"),
    (lambda x: np.r_[x, 1.0], "plain array", "np.concatenate([...])"),
    (lambda x: np.c_[x, x], "plain array", "np.concatenate([...])"),
    (lambda x: np.full(3, x[0]), "plain array", "np.stack([...])"),
    (lambda x: np.vectorize(abs)(x), "plain array", "leave out np.array"),
    (lambda x: scipy.special.logsumexp(x), "SciPy would turn", "ad.logsumexp"),
    (lambda x: scipy.special.softmax(x), "SciPy would turn", "ad.softmax"),
    (lambda x: scipy.special.polygamma(1, x), "SciPy would turn", "for SciPy's functions"),
    (lambda x: math.sin(x[0]), "math.sin(x)", "np.sin(x)"),
    (lambda x: float(x[0]), "a Python float is asked", "leave out float()"),
    (lambda x: int(x[0]), "a Python int is asked", "np.sin(x)"),
    (lambda x: complex(x[0]), "complex number", "real and imaginary part"),
    (lambda x: x[0].item(), "item() and tolist()", "leave out float()"),
    (lambda x: x.tolist(), "item() and tolist()", "leave out float()"),
    (lambda x: x.astype(int), "astype(int64) has no derivative", "np.floor"),
    (lambda x: x.astype(bool), "astype(bool) has no derivative", "x != 0"),
    (lambda x: np.sum(x, dtype=int), "dtype=int64 has no derivative", "float64"),
    (lambda x: x * (1 + 2j), "a complex number meets a traced value", "real and imaginary part"),
    (lambda x: x * np.array([1j, 1, 1]), "a complex number meets a traced value", "real and imaginary part"),
    (lambda x: x * np.complex128(1), "a complex number meets a traced value", "real and imaginary part"),
    (lambda x: x + "a", "type str is no number", "use numbers"),
    (lambda x: x + None, "type NoneType is no number", "use numbers"),
    (lambda x: np.array([None, 1, 2]) * x, "an array of dtype object", "np.stack([...])"),
    (lambda x: np.longdouble(1) * x, "dtype", "use float64, float32"),
    (
        lambda x: x * np.ma.array([1, 2, 3], mask=[0, 1, 0]),
        "type MaskedArray",
        "np.asarray makes a plain array",
    ),
    (lambda x: x + np.array(["a", "b", "c"]), "an array of dtype <U1", "use float64"),
    (lambda x: (x > 0) + (x < 1), "NumPy takes + for `or`", "a | b"),
    (lambda x: (x > 0) + True, "NumPy takes + for `or`", "np.where(condition, 1.0, 0.0)"),
    (lambda x: (x > 0) - (x < 1), "subtract of truth values", "~a"),
    (lambda x: -(x > 0), "negative of truth values", "~a"),
    (lambda x: (x > 0) ** (x > 1), "power of truth values", "np.where"),
    (lambda x: (x > 0) @ (x > 1), "matmul of truth values", "np.where"),
    (lambda x: np.add.reduce(x > 0), "np.add.reduce of truth values", "np.sum(x)"),
    (lambda x: np.concatenate([x > 0, x < 1]), "truth values are joined", "np.where(condition, 1.0, 0.0)"),
    (lambda x: x & 1, "& | ^ ~ take truth values", "(x > 0) & (x < 1)"),
    (lambda x: True | x, "& | ^ ~ take truth values", "(x > 0) & (x < 1)"),
    (lambda x: ~x, "& | ^ ~ take truth values", "compare first"),
    (lambda x: np.bitwise_or(x, 1), "& | ^ ~ take truth values", "compare first"),
    (lambda x: x[x > 0], "a mask depends on a traced value", "np.where(mask, a, b)"),
    (lambda x: x[x[0]], "an index depends on a traced value", "integers known while tracing"),
    (lambda x: x[[0, x[1]]], "an index depends on a traced value", "integers known while tracing"),
    (lambda x: [1, 2, 3][x[0]], "an integer is asked", "known while tracing"),
    (lambda x: np.take(x, x), "np.take has indices that depend", "known while tracing"),
    (lambda x: np.sum(x, axis=x[0]), "axis depends on a traced value", "known while tracing"),
    (lambda x: np.sum(x, axis=0.5), "axis is 0.5", "give an integer"),
    (lambda x: 1.0 in x, "`in` on a traced array", "np.any(array == item)"),
    (lambda x: np.where(x > 0), "np.where with one argument", "three arguments"),
    (lambda x: np.argmax(x), "np.argmax gives places", "np.max"),
    (lambda x: x.argmin(), "np.argmin gives places", "np.min"),
    (lambda x: np.argsort(x), "np.argsort puts elements in an order", "np.maximum"),
    (lambda x: x.sort(), "would reorder a traced array in place", "x = np.sort(x)"),
    (lambda x: x.partition(1), "would reorder a traced array in place", "x = np.sort(x)"),
    (lambda x: np.modf(x), "np.modf splits a number", "x % 1"),
    (lambda x: np.ldexp(x, 2), "np.ldexp takes whole exponents", "x * 2.0**n"),
    (lambda x: np.fft.fft(x), "np.fft.fft has complex numbers", "cosines"),
    (lambda x: np.linalg.qr(np.outer(x, x)), "np.linalg.qr has no rule", "np.linalg.svd"),
    (lambda x: np.linalg.eig(np.outer(x, x)), "np.linalg.eig has no rule", "np.linalg.eigh"),
    (lambda x: np.linalg.matrix_rank(np.outer(x, x)), "np.linalg.matrix_rank counts", "outside"),
    (lambda x: np.linalg.svd(np.outer(x, M[0])), "completes the vectors to a basis", "full_matrices=False"),
    (lambda x: np.linalg.svd(np.outer(x, x), hermitian=True), "called with hermitian=", "np.linalg.eigh"),
    (lambda x: np.linalg.pinv(np.outer(x, x), rcond=0.1), "np.linalg.pinv was called with rcond=", "without"),
    (lambda x: np.linalg.norm(x, "f"), "a norm of vectors has the order 'f'", "give a number"),
    (lambda x: np.linalg.norm(np.outer(x, x), 3), "a norm of matrices has the order 3", "'nuc'"),
    (lambda x: np.interp(0.5, x, V), "np.interp has knots that are traced", "fixed knots"),
    (lambda x: np.gradient(V, x), "np.gradient has places that are traced", "plain array"),
    (lambda x: np.pad(x, 1, mode="median"), "np.pad with mode='median'", "constant"),
    (lambda x: np.pad(x, 9, mode="reflect", reflect_type="odd"), "a width of 9 is too much", "odd"),
    (lambda x: np.take_along_axis(x, x, 0), "np.take_along_axis has indices that depend", "np.sort"),
    (lambda x: np.quantile(V, x), "np.quantile takes levels known while tracing", "plain numbers"),
    (lambda x: np.quantile(x, 0.5, method="nearest"), "method='linear'", "plain numbers"),
    (lambda x: np.histogram(x), "np.histogram gives places", "np.max"),
    (lambda x: scipy.special.erfcx(x), "scipy.special.erfcx has no rule", "ad.primitive"),
    (lambda x: np.cov(x, aweights=V), "np.cov was called with aweights=", "without"),
    (lambda x: x.tobytes(), "traced arrays have no tobytes", "ad.primitive"),
    (lambda x: np.array_equal(x, x), "np.array_equal asks for truth", "compare the arrays with =="),
    (lambda x: np.allclose(x, 1.0), "np.allclose asks for truth", "compare the arrays with =="),
    (lambda x: np.logaddexp.reduce(x), "np.logaddexp.reduce has no rule", "ad.primitive"),
    (lambda x: np.add.at(np.zeros(3), [0], x), "np.add.at", "ad.primitive"),
    (lambda x: np.sum(x, where=V), "where= is a mask of numbers", "where=(x > 0)"),
    (lambda x: np.max(x, where=V > 0), "np.max was called with where= and no initial=", "-np.inf"),
    (lambda x: np.sum(x, out=np.zeros(())), "np.sum was called with out=", "without"),
    (lambda x: np.exp(x, where=V > 0), "np.exp was called with where=", "np.where for a mask"),
    (lambda x: np.add(x, 1, dtype=np.float32), "np.add was called with dtype=", "call it without"),
    (
        lambda x: np.reshape(np.outer(x, x), (9, 1), order="A"),
        "np.reshape was called with order='A'",
        "order='F'",
    ),
    (lambda x: np.take(x, [7], mode="far"), "np.take has mode='far'", "'clip'"),
    (lambda x: np.var(x, ddof=3), "a variance over 3 elements with ddof=3", "smaller ddof"),
    (lambda x: {x[0], None} and object(), "returned a object", "a number, an array"),
]


def message_of(code: Callable[..., Any], kind: type[AdlabError]) -> str:
    with pytest.raises(kind) as caught:
        record(code, (V,))
    assert caught.value.__traceback__ is not None
    return str(caught.value)


@pytest.mark.parametrize(("code", "what", "instead"), CASES, ids=range(len(CASES)))
def test_refused_with_line_and_suggestion(code: Callable[..., Any], what: str, instead: str) -> None:
    message = message_of(code, TraceError)
    assert what in message
    assert instead in message
    assert message.endswith(".")
    if what.startswith("returned"):
        return
    place, _, rest = message.partition(": `")
    file, _, line = place.rpartition(":")
    text, _, _ = rest.partition("`: ")
    assert file == __file__
    first = code.__code__.co_firstlineno
    assert first <= int(line) <= first + 3
    assert text
    assert linecache.getline(file, int(line)).strip().startswith(text[:40])


SHAPES: list[tuple[Callable[..., Any], str]] = [
    (lambda x: x + np.ones(4), "do not broadcast together"),
    (lambda x: x @ np.ones((4, 2)), "do not multiply"),
    (lambda x: np.reshape(x, (2, 2)), "cannot take the shape (2, 2)"),
    (lambda x: np.reshape(x, (2, -1)), "cannot take the shape (2, -1)"),
    (lambda x: np.reshape(x, (-1, -1)), "one length may be −1"),
    (lambda x: np.sum(x, axis=1), "axis 1 does not exist"),
    (lambda x: np.sum(x, axis=(0, 0)), "names one axis twice"),
    (lambda x: np.transpose(x, (0, 0)), "no permutation"),
    (lambda x: np.moveaxis(x, [0, 0], [0, 0]), "as many places as axes"),
    (lambda x: np.squeeze(x, 0), "axes of length 1 only"),
    (lambda x: np.broadcast_to(x, (3, 2)), "broadcast"),
    (lambda x: np.broadcast_arrays(x, np.ones(2)), "broadcast"),
    (lambda x: np.concatenate([x, np.ones((1, 1))]), "do not join"),
    (lambda x: np.concatenate([x[0], x[1]]), "np.stack([...])"),
    (lambda x: np.stack([x, x[:2]]), "do not stack"),
    (lambda x: np.split(x, 2), "np.array_split"),
    (lambda x: np.array_split(x, 0), "at least one part"),
    (lambda x: np.repeat(x, [1, 2]), "do not fit"),
    (lambda x: np.roll(x, (1, 2, 3), axis=(0, 0)), "3 shifts for 2 axes"),
    (lambda x: np.tensordot(x, np.ones(2), axes=1), "differ in length"),
    (lambda x: np.tensordot(x, x, axes=3), "cannot be contracted"),
    (lambda x: np.tensordot(x, x, axes=([0], [0, 0])), "pairs axes"),
    (lambda x: np.trace(x), "needs two axes"),
    (lambda x: np.diagonal(np.outer(x, x), 0, 1, 1), "two different axes"),
    (lambda x: np.diag(np.ones((2, 2, 2)) * x[0]), "vector or a matrix"),
    (lambda x: np.tril(x[0]), "no triangle"),
    (lambda x: x[3], "out of range"),
    (lambda x: x[0.5], "integers, slices or masks"),
    (lambda x: x[x[0] :], "known while tracing"),
    (lambda x: x[0, 0], "2 indices into an array of 1 axes"),
    (lambda x: np.take(x, [5]), "outside an axis"),
    (lambda x: np.max(x[:0]), "empty slice"),
    (lambda x: np.select([x > 0], []), "give as many"),
    (lambda x: np.einsum("ij", x), "2 subscripts for an operand of 1 axes"),
    (lambda x: np.einsum("i,i", x), "2 subscripts for 1 operands"),
    (lambda x: np.einsum("i,i", x, x[:2]), "axes of lengths 3 and 2 under the label 'i'"),
    (lambda x: np.einsum("i->j", x), "the label 'j' which no operand has"),
    (lambda x: np.einsum("i->ii", x), "the label 'i' twice"),
    (lambda x: np.linalg.solve(np.eye(2), x), "no right-hand side of shape (3, 1)"),
    (lambda x: np.linalg.inv(x), "np.linalg.inv takes square matrices"),
    (lambda x: np.linalg.svd(x), "np.linalg.svd takes matrices"),
    (lambda x: np.linalg.norm(np.ones((2, 2, 2)) * x[0], 1), "over one axis or two, not over 3"),
    (lambda x: np.rot90(np.outer(x, x), axes=(0, 0)), "not of axis 0 twice"),
    (lambda x: np.gradient(x[:1]), "needs 2 elements"),
    (lambda x: np.cross(x[:1], x), "3 components"),
    (lambda x: np.pad(x, ((1, 1), (1, 1))), "a pair per axis"),
    (lambda x: np.pad(x, -1), "not negative"),
    (lambda x: np.quantile(x, 1.5), "between 0 and 1"),
    (lambda x: np.partition(x, 3), "no element 3"),
    (lambda x: np.convolve(x, x[:0]), "not empty"),
]


@pytest.mark.parametrize(("code", "what"), SHAPES, ids=range(len(SHAPES)))
def test_shapes_that_do_not_fit_name_the_line(code: Callable[..., Any], what: str) -> None:
    with pytest.raises((ValueError, TypeError, IndexError)):
        code(V)  # NumPy refuses too
    message = message_of(code, ShapeError)
    assert what in message
    assert message.startswith(f"{__file__}:{code.__code__.co_firstlineno}: `(lambda x:")


@pytest.mark.parametrize("function", list(SENTENCES), ids=lambda function: function.__name__)
def test_every_refused_function_is_refused_for_a_reason(function: Any) -> None:
    key = (function, "__call__") if isinstance(function, np.ufunc) else function
    with pytest.raises(TraceError) as caught:
        FUNCTIONS[key]()
    why, instead = SENTENCES[function]
    assert str(caught.value).endswith(f"{function.__name__} {why}; {instead}.")


def test_unknown_attributes_are_attribute_errors() -> None:
    def code(x: Any) -> Any:
        assert not hasattr(x, "tobytes")
        assert not hasattr(x, "made_up")
        assert hasattr(x, "sum")
        with pytest.raises(AttributeError, match="made_up"):
            _ = x.made_up
        return x

    record(code, (V,))


def test_a_traced_value_is_not_used_after_its_function() -> None:
    kept: list[Any] = []

    def code(x: Any) -> Any:
        kept.append(x)
        return x

    record(code, (V,))
    for use in (lambda: kept[0] + 1.0, lambda: kept[0] * kept[0], lambda: np.sin(kept[0])):
        with pytest.raises(TraceError, match="after the function that it belongs to has returned"):
            use()
    with pytest.raises(TraceError, match="after the function that it belongs to has returned"):
        record(lambda x: x + kept[0], (V,))


def test_arguments_that_are_no_numbers() -> None:
    for value in ("a", 1j, object(), np.array([1j])):
        with pytest.raises(InputError, match="The value of x is"):
            record(lambda x: x, (value,))


def test_no_object_array_ever_comes_out() -> None:
    with pytest.raises(TraceError):
        record(lambda x: np.array([x[0], x[1]], dtype=object), (V,))
    with pytest.raises(TraceError):
        record(lambda x: np.array(x, dtype=object).sum(), (V,))
