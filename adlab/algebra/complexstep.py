"""Numbers with a tiny imaginary part: the carrier of the complex step.

For an analytic f, f(x + i·h) = f(x) + i·h·f′(x) + O(h²), so the imaginary part over h is the derivative, with
no difference taken and so nothing cancelled: h may be 1e-30. That needs every operation continued
analytically from the real line. NumPy's own complex functions do so for most; where they do not (``abs``,
comparisons, ``arctan2``, …) the continuation is given here. Branches and domains are those of the real parts,
and the real part is always what the real function gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.numpy import NUMPY, implementation
from adlab.errors import MethodError
from adlab.ir.constant import Constant
from adlab.ir.primitive import Params, Primitive
from adlab.ir.types import normalise_axes
from adlab.primitives import TABLE

Continuation = Callable[..., Any]


def _real(z: Any) -> Any:
    return np.real(z)


def _log(z: Any) -> Any:
    return np.log(np.asarray(z, complex))


def _moved(real: Any, *parts: tuple[Any, Any]) -> Any:
    """Return ``real`` moved by slopes times imaginary parts, given in pairs; what does not move counts nothing.

    That is the continuation to first order, all that the complex step looks at; an infinite slope stays one.
    """
    total: Any = 0.0
    for slope, z in parts:
        moved = np.imag(z)
        total = total + np.where(moved == 0, 0.0, moved * slope)
    result = np.empty(np.shape(real + total), complex)
    result.real, result.imag = real, total
    return result[()]


def _power(z: Any, p: Any) -> Any:
    """Continue xᵖ: by logarithms for x > 0, (−1)ᵖ(−x)ᵖ for x < 0 and whole p, by its limits at 0."""
    negative, zero, exponent = _real(z) < 0, _real(z) == 0, _real(p)
    positive = np.exp(p * _log(np.where(zero, 1, np.where(negative, -z, z))))
    odd = np.mod(exponent, 2) == 1
    slope = np.where(exponent == 1, 1, np.where(exponent < 0, -np.inf, np.inf))
    slope = np.where((exponent > 1) | (exponent == 0), 0, slope)
    growth = np.where(exponent > 0, 0, -np.inf)
    at_zero = _moved(np.power(np.zeros_like(_real(z)), exponent), (slope, z), (growth, p))
    nowhere = negative & (np.imag(p) != 0)  # between whole exponents a power of x < 0 is not real
    positive = np.where(nowhere, complex(np.nan, np.nan), positive)
    return np.where(zero, at_zero, np.where(negative & odd, -positive, positive))


def _with_edges(function: Callable[[Any], Any], slope: float, *edges: float) -> Continuation:
    """Continue a function whose slope grows without bound towards the edges of its domain, and is so there."""

    def continued(z: Any) -> Any:
        real = _real(z)
        at_edge = np.isin(real, edges)
        inside = function(np.asarray(z, complex))
        return np.where(at_edge, _moved(np.real(inside), (slope, z)), inside)

    return continued


def _cbrt(z: Any) -> Any:
    root = np.cbrt(_real(z))
    return _moved(root, (np.divide(1, 3 * root**2), z))


def _hypot(a: Any, b: Any) -> Any:
    size = np.hypot(_real(a), _real(b))
    safe = np.where(size == 0, 1, size)
    return np.where(size == 0, 0, safe * np.sqrt((a / safe) ** 2 + (b / safe) ** 2))


def _arctan2(a: Any, b: Any) -> Any:
    """Continue the angle: arctan(a/b), or −arctan(b/a) where that ratio is the smaller; they differ by a
    constant.
    """
    steep = np.abs(_real(a)) > np.abs(_real(b))
    nowhere = (_real(a) == 0) & (_real(b) == 0)
    top, bottom = np.where(steep, -b, a), np.where(nowhere, 1, np.where(steep, a, b))
    return np.where(nowhere, complex(np.nan, np.nan), np.arctan(top / bottom))


def _logaddexp(a: Any, b: Any) -> Any:
    larger = np.maximum(_real(a), _real(b))
    return larger + _log(np.exp(a - larger) + np.exp(b - larger))


def _sigmoid(z: Any) -> Any:
    left = _real(z) < 0
    shrunk = np.exp(np.where(left, z, -z))
    return np.where(left, shrunk, 1) / (1 + shrunk)


def _tanh(z: Any) -> Any:
    far = np.abs(_real(z)) > 20
    shrunk = np.exp(-2 * np.where(_real(z) < 0, -z, z))
    tail = 1 - 2 * shrunk
    return np.where(far, np.where(_real(z) < 0, -tail, tail), np.tanh(np.where(far, 0, z)))


def _gammaln(z: Any) -> Any:
    """Continue ln|Γ|; left of 0 by the reflection ln|Γ(x)| = ln(π/|sin πx|) − ln|Γ(1 − x)|."""
    from scipy.special import loggamma

    left = _real(z) < 0
    sine = np.sin(np.pi * np.where(left, z, 0.5))
    reflected = (
        np.log(np.pi) - _log(np.where(_real(sine) < 0, -sine, sine)) - loggamma(np.where(left, 1 - z, 1))
    )
    return np.where(left, reflected, loggamma(np.where(left, 1, z)))


def _scipy(name: str) -> Continuation:
    def continued(z: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(np.asarray(z, complex))

    return continued


def _ordered(name: str) -> Continuation:
    """Continue a Bessel function of a real order by SciPy's own derivative: its complex one loses 1e-30."""

    def continued(n: Any, z: Any) -> Any:
        import scipy.special

        _refuse_complex(name, "order", (n,))
        slope = getattr(scipy.special, f"{name[0]}vp")(_real(n), _real(z))
        return _moved(getattr(scipy.special, name)(_real(n), _real(z)), (slope, z))

    return continued


def _loggamma(z: Any) -> Any:
    from scipy.special import loggamma

    return loggamma(np.asarray(z, complex))


def _gamma(z: Any) -> Any:
    """Continue Γ(x); left of ½ by the reflection Γ(x) = π/(sin(πx)·Γ(1 − x))."""
    left = _real(z) < 0.5
    grown = np.exp(_loggamma(np.where(left, 1 - z, z)))
    return np.where(left, np.pi / (np.sin(np.pi * np.where(left, z, 0.5)) * grown), grown)


def _rgamma(z: Any) -> Any:
    left = _real(z) < 0.5
    grown = np.exp(_loggamma(np.where(left, 1 - z, z)))
    return np.where(left, np.sin(np.pi * np.where(left, z, 0)) * grown / np.pi, 1 / grown)


def _inverse_of_erf(sign: int) -> Continuation:
    """Continue erf⁻¹ and erfc⁻¹: from the real root, one Newton step towards the complex one."""

    def continued(z: Any) -> Any:
        import scipy.special

        real = (scipy.special.erfinv if sign > 0 else scipy.special.erfcinv)(_real(z))
        return real + sign * 1j * np.imag(z) * np.sqrt(np.pi) / 2 * np.exp(real**2)

    return continued


def _sinc(z: Any) -> Any:
    """Continue sin(πx)/(πx); near 0, where the quotient would lose the imaginary part, by its series."""
    u = (np.pi * np.asarray(z, complex)) ** 2
    near = np.abs(_real(u)) < 1
    series: Any = 1
    for k in range(12, 0, -1):
        series = 1 - u * series / (2 * k * (2 * k + 1))
    root = np.pi * np.where(near, 1, z)
    return np.where(near, series, np.sin(root) / root)


def _ndtr(z: Any) -> Any:
    from scipy.special import erfc

    return erfc(-np.asarray(z, complex) / np.sqrt(2)) / 2


def _scaled_bessel(n: Any, z: Any) -> Any:
    """Continue e^(−|x|)·I(x)."""
    grown = _ordered("iv")(n, z)
    return grown * np.exp(np.where(_real(z) < 0, z, -z))


def _entropy(logarithm: Callable[[Any], Any]) -> Continuation:
    def continued(a: Any, b: Any) -> Any:
        none = (_real(a) == 0) & (np.imag(a) == 0)
        return np.where(none, 0, a * logarithm(np.where(none, 1, b)))

    return continued


def _norm(z: Any, axis: Any, keepdims: bool) -> Any:
    none = np.sum(np.abs(_real(z)), axis=axis, keepdims=keepdims) == 0
    square = np.sum(np.square(z), axis=axis, keepdims=keepdims)
    return np.where(none, 0, np.sqrt(np.where(none, 1, square)))


def _by_shape(name: str, density: Callable[..., Any]) -> Continuation:
    """Continue a distribution function in its last operand: its slope there is the density."""

    def continued(*zs: Any) -> Any:
        import scipy.special

        *shapes, z = zs
        _refuse_complex(name, "shape parameters", shapes)
        reals = [_real(x) for x in zs]
        return _moved(getattr(scipy.special, name)(*reals), (density(scipy.special, *reals), z))

    return continued


def _refuse_complex(name: str, operand: str, zs: Sequence[Any]) -> None:
    if any(np.any(np.imag(z)) for z in zs):
        raise MethodError(
            f"{name} has no continuation in its {operand}, so the complex step cannot pass through it; "
            "use scheme='central' or scheme='richardson'."
        )


def _gamma_density(special: Any, a: Any, x: Any) -> Any:
    return np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a))


def _beta_density(special: Any, a: Any, b: Any, x: Any) -> Any:
    return np.exp(special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b))


def _polygamma(n: Any, z: Any) -> Any:
    from scipy.special import polygamma

    _refuse_complex("polygamma", "order", (n,))
    n, x = _real(n), _real(z)
    return _moved(polygamma(n, x), (polygamma(n + 1, x), z))


def _cofactors(z: Any) -> Any:
    """Continue the cofactors as signed minors, which need no inverse."""
    size = z.shape[-1]
    result = np.ones(z.shape, complex)
    for i, j in np.ndindex(size, size):
        if size > 1:
            minor = np.delete(np.delete(z, i, -2), j, -1)
            result[..., i, j] = (-1) ** (i + j) * np.linalg.det(minor)
    return result


def _cholesky(z: Any) -> Any:
    """Continue the factor of A = L·Lᵀ, without a conjugate; NaN where the real factor is."""
    factor = np.zeros(z.shape, complex)
    for j in range(z.shape[-1]):
        known = factor[..., j, :j]
        column = z[..., j:, j] - (factor[..., j:, :j] @ known[..., None])[..., 0]
        root = np.sqrt(column[..., :1])
        factor[..., j:, j] = column / root
    return np.where(np.isnan(NUMPY.apply(TABLE["cholesky"], (_real(z),))), np.nan, factor)


def _pinv(z: Any) -> Any:
    """Continue (AᵀA)⁻¹Aᵀ or Aᵀ(AAᵀ)⁻¹, without a conjugate, for matrices of full rank."""
    if np.any(np.linalg.matrix_rank(_real(z)) < min(z.shape[-2:])):
        raise MethodError(
            "pinv has no continuation where the rank is not full, so the complex step cannot pass through it; "
            "use scheme='central' or scheme='richardson'."
        )
    flipped = np.swapaxes(z, -1, -2)
    if z.shape[-2] >= z.shape[-1]:
        return np.linalg.solve(flipped @ z, flipped)
    return np.swapaxes(np.linalg.solve(z @ flipped, z), -1, -2)


def _slogdet(z: Any) -> Any:
    """Continue (sign, ln|det|): the derivative is the trace of A⁻¹·Ȧ."""
    sign, size = np.linalg.slogdet(_real(z))
    slope = np.trace(np.linalg.solve(_real(z), np.imag(z)), axis1=-2, axis2=-1)
    return np.stack([sign + 0j * slope, size + 1j * slope], axis=-1)


def _arrange(values: Any, keys: Any, **params: Any) -> Any:
    return implementation(TABLE["arrange"])(values, _real(keys), **params)


def _choose(better: Callable[..., Any]) -> Continuation:
    def chosen(a: Any, b: Any) -> Any:
        tied = _real(a) == _real(b)
        return np.where(tied, (a + b) / 2, np.where(better(_real(a), _real(b)), a, b))

    return chosen


def _clip(z: Any, low: Any, high: Any) -> Any:
    return np.where(_real(z) < _real(low), low, np.where(_real(z) > _real(high), high, z))


def _ramp(left: Continuation) -> Continuation:
    return lambda z, *rest: np.where(_real(z) >= 0, z, left(z, *rest))


def _step(function: Callable[[Any], Any]) -> Continuation:
    return lambda z: function(_real(z)) + 0j


CONTINUATIONS: Mapping[str, Continuation] = MappingProxyType({
    "sqrt": _with_edges(np.sqrt, np.inf, 0.0), "arcsin": _with_edges(np.arcsin, np.inf, -1.0, 1.0),
    "arccos": _with_edges(np.arccos, -np.inf, -1.0, 1.0), "arccosh": _with_edges(np.arccosh, np.inf, 1.0),
    "power": _power, "cbrt": _cbrt, "hypot": _hypot, "arctan2": _arctan2,
    "absolute": lambda z: np.where(_real(z) == 0, 0, np.sign(_real(z)) * z), "sign": _step(np.sign),
    "floor": _step(np.floor), "ceil": _step(np.ceil), "round": _step(np.rint),
    "log": _log, "log1p": np.log1p, "log2": lambda z: _log(z) / np.log(2),
    "log10": lambda z: _log(z) / np.log(10),
    "exp2": lambda z: np.exp(z * np.log(2)), "logaddexp": _logaddexp,
    "softplus": lambda z: _logaddexp(z, 0 * z),
    "sigmoid": _sigmoid, "tanh": _tanh, "relu": _ramp(lambda z: 0 * _real(z)),
    "leaky_relu": _ramp(lambda z, a: a * z),
    "prelu": _ramp(lambda z, a: a * z),
    "elu": _ramp(lambda z, a: a * np.expm1(np.where(_real(z) < 0, z, 0))),
    "maximum": _choose(np.greater), "minimum": _choose(np.less), "clip": _clip,
    "erf": _scipy("erf"), "gammaln": _gammaln, "digamma": _scipy("digamma"),
    "remainder": lambda a, b: a - b * np.floor_divide(_real(a), _real(b)),
    "fmod": lambda a, b: a - b * np.rint((_real(a) - np.fmod(_real(a), _real(b))) / _real(b)),
    "logaddexp2": lambda a, b: _logaddexp(a * np.log(2), b * np.log(2)) / np.log(2), "sinc": _sinc,
    "gamma": _gamma, "rgamma": _rgamma,
    "beta": lambda a, b: np.exp(_loggamma(a) + _loggamma(b) - _loggamma(a + b)),
    "betaln": lambda a, b: _loggamma(a) + _loggamma(b) - _loggamma(a + b),
    "erfc": _scipy("erfc"), "erfinv": _inverse_of_erf(1), "erfcinv": _inverse_of_erf(-1),
    "ndtr": _ndtr, "log_ndtr": lambda z: _log(_ndtr(z)), "logit": lambda z: _log(z) - _log(1 - z),
    "xlogy": _entropy(_log), "xlog1py": _entropy(np.log1p),
    "jv": _ordered("jv"), "yv": _ordered("yv"), "iv": _ordered("iv"), "kv": _ordered("kv"),
    "ive": _scaled_bessel, "polygamma": _polygamma,
    "gammainc": _by_shape("gammainc", _gamma_density),
    "gammaincc": _by_shape("gammaincc", lambda special, a, x: -_gamma_density(special, a, x)),
    "betainc": _by_shape("betainc", _beta_density),
    "cofactors": _cofactors, "cholesky": _cholesky, "pinv": _pinv,
    "norm": _norm, "slogdet": _slogdet, "arrange": _arrange,
    "sort": lambda z, axis: _arrange(z, z, axis=axis, inverse=False),
    "stop_gradient": lambda z: _real(z) + 0j, "cast": lambda z, dtype: z,
})  # fmt: skip
"""The continuation of each row that NumPy's own function does not continue."""

PLAIN = frozenset((
    "add", "subtract", "multiply", "divide", "negative", "square", "reciprocal", "exp", "expm1",
    "sin", "cos", "tan", "arctan", "sinh", "cosh", "arcsinh", "arctanh",
    "sum", "mean", "prod", "cumsum", "reshape", "transpose", "broadcast_to", "index", "index_add",
    "concatenate", "stack", "matmul", "outer", "solve", "det",
))  # fmt: skip
"""Rows whose NumPy function takes complex numbers as it is."""

CONJUGATING: Mapping[str, str] = MappingProxyType({
    "eigh": "NumPy takes a complex matrix to be Hermitian and conjugates it, which is not analytic",
    "svd": "the singular vectors of a complex matrix are orthogonal with a conjugate, which is not analytic",
})  # fmt: skip
"""Rows that are not continued, and why."""


class ComplexStepAlgebra(Algebra):
    """Evaluate with complex numbers whose imaginary parts are first-order perturbations."""

    def constant(self, constant: Constant) -> Any:
        """Return the literal; it has no imaginary part."""
        return NUMPY.constant(constant)

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Return the primitive continued to complex operands."""
        if primitive.composite:
            return primitive.composite(self, xs, dict(params))
        if not any(np.iscomplexobj(x) for x in xs):
            return NUMPY.apply(primitive, xs, params)
        if primitive.name == "where":
            return np.where(_real(xs[0]), xs[1], xs[2])
        reals = [_real(x) for x in xs]
        if primitive.rule is None:
            return NUMPY.apply(primitive, reals, params)
        if primitive.name in ("max", "min"):
            return _extreme(primitive, xs[0], dict(params))
        continued = self._continuation(primitive)(*xs, **dict(params))
        return _with_real_part(
            NUMPY.apply(primitive, reals, params), continued, exact=not primitive.elementwise
        )

    def _continuation(self, primitive: Primitive) -> Continuation:
        if primitive.name in CONTINUATIONS:
            return CONTINUATIONS[primitive.name]
        if primitive.name in PLAIN:
            return implementation(primitive)
        why = CONJUGATING.get(primitive.name)
        raise MethodError(
            f"{primitive.name} has no continuation to complex numbers{f' ({why})' if why else ''}, so the complex step "
            "cannot pass through it; use scheme='central' or scheme='richardson'."
        )


def _with_real_part(real: Any, continued: Any, exact: bool) -> Any:
    """Return the continuation over the real function's value; where that is NaN, outside the domain, all is
    NaN.
    """
    if exact:
        return continued
    imaginary = np.where(np.isnan(real), np.nan, np.imag(continued))
    result = np.empty(np.shape(imaginary), complex)
    result.real, result.imag = real, imaginary
    return result[()]


def _extreme(primitive: Primitive, z: Any, params: dict[str, Any]) -> Any:
    """Return the largest or smallest element by real part; those that share it share the perturbation."""
    reals = _real(z)
    best = NUMPY.apply(primitive, (reals,), tuple(sorted({**params, "keepdims": True}.items())))
    hits = reals == best
    axes = normalise_axes(params["axis"], np.ndim(z))
    keepdims = params["keepdims"]
    shared = np.sum(np.where(hits, np.imag(z), 0), axis=axes, keepdims=keepdims) / np.sum(
        hits, axis=axes, keepdims=keepdims
    )
    return NUMPY.apply(primitive, (reals,), tuple(sorted(params.items()))) + 1j * shared
