"""The functions themselves, ``ad.sin``, ``ad.sigmoid``, ``ad.softmax``: for numbers, arrays, traced values.

Elementwise functions are rows of the rule table made callable. Structural ones (``sum``, ``reshape``,
``concatenate``) are NumPy's on plain numbers and arrays, and on traced values what NumPy's mean there; being
called directly, they also take lists of traced values. Whole numbers count as float64, so that no derivative
is silently zero. The few that are made of several operations are plain NumPy code over these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.algebra.traced import handled, innermost
from adlab.errors import InputError
from adlab.frontends import numpy_functions as families
from adlab.ir.primitive import Primitive
from adlab.ir.types import graph_dtype
from adlab.primitives import TABLE

__all__ = [
    "abs",
    "absolute",
    "add",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "beta",
    "betainc",
    "betaln",
    "broadcast_to",
    "cbrt",
    "ceil",
    "cholesky",
    "clip",
    "concatenate",
    "convolve",
    "cos",
    "cosh",
    "cross",
    "cumprod",
    "cumsum",
    "det",
    "diag",
    "diff",
    "digamma",
    "divide",
    "dot",
    "eigh",
    "eigvalsh",
    "einsum",
    "elu",
    "equal",
    "erf",
    "erfc",
    "erfcinv",
    "erfinv",
    "exp",
    "exp2",
    "expand_dims",
    "expm1",
    "flip",
    "floor",
    "fmod",
    "gamma",
    "gammainc",
    "gammaincc",
    "gammaln",
    "greater",
    "greater_equal",
    "hstack",
    "hypot",
    "identity",
    "inner",
    "interp",
    "inv",
    "isnan",
    "iv",
    "ive",
    "jv",
    "kron",
    "kv",
    "leaky_relu",
    "less",
    "less_equal",
    "ln",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_ndtr",
    "log_softmax",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logit",
    "logsumexp",
    "lstsq",
    "matmul",
    "max",
    "maximum",
    "maxout",
    "mean",
    "median",
    "min",
    "minimum",
    "moveaxis",
    "multiply",
    "nan_to_num",
    "nanmax",
    "nanmean",
    "nanmin",
    "nansum",
    "ndtr",
    "negative",
    "norm",
    "not_equal",
    "outer",
    "pad",
    "percentile",
    "pinv",
    "polygamma",
    "power",
    "prelu",
    "prod",
    "quantile",
    "ravel",
    "reciprocal",
    "relu",
    "remainder",
    "repeat",
    "reshape",
    "rgamma",
    "roll",
    "rot90",
    "round",
    "sigmoid",
    "sign",
    "sin",
    "sinc",
    "sinh",
    "slogdet",
    "softmax",
    "softplus",
    "solve",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "srelu",
    "stack",
    "std",
    "stop_gradient",
    "subtract",
    "sum",
    "svd",
    "swapaxes",
    "take",
    "tan",
    "tanh",
    "tensordot",
    "tile",
    "transpose",
    "trapezoid",
    "tril",
    "triu",
    "var",
    "vstack",
    "where",
    "xlog1py",
    "xlogy",
    "yv",
]


def promoted(x: Any) -> Any:
    """Return a number or array with whole numbers as float64; lists become arrays."""
    values = np.asarray(x)
    if values.dtype.kind not in "fiub":
        raise InputError(
            f"A value of type {type(x).__name__} is no real number or array of them, which adlab takes."
        )
    return values.astype(graph_dtype(values.dtype), copy=False)[()]


class Function:
    """An elementwise row of the rule table as a function of numbers, arrays and traced values.

    Attributes
    ----------
    primitive : Primitive
        The row.
    """

    def __init__(self, primitive: Primitive) -> None:
        self.primitive = primitive
        self.__name__ = self.__qualname__ = primitive.name
        self.__doc__ = _described(primitive)

    def __call__(self, *xs: Any) -> Any:
        row = self.primitive
        count = row.arity or 0
        missing = count - len(xs)
        if not 0 <= missing <= len(row.defaults):
            least = count - len(row.defaults)
            allowed = str(count) if least == count else f"{least} to {count}"
            raise InputError(f"{row.name} takes {allowed} arguments, not {len(xs)}.")
        given = (*xs, *row.defaults[len(row.defaults) - missing :])
        recorder = innermost(given)
        if recorder is not None:
            return recorder.record(row, given)
        result = NUMPY.apply(row, [promoted(x) for x in given])
        return result[()] if isinstance(result, np.ndarray) else result

    def __repr__(self) -> str:
        return f"<function adlab.{self.__name__}>"


def _described(row: Primitive) -> str:
    kinks = "".join(
        f"\n\nAt {kink.where} the derivative is by convention: {kink.convention}." for kink in row.kinks
    )
    return f"{row.name}: {row.summary}, element by element.\n\nDefined for {row.domain.text}.{kinks}"


class Structural:
    """A NumPy function that also takes traced values, and lists of them.

    Attributes
    ----------
    plain : callable
        NumPy's function, for numbers and arrays.
    traced : callable
        The same for traced values.
    arrays : int
        How many leading arguments are numbers or arrays (−1: the first is a sequence of them).
    """

    def __init__(self, plain: Callable[..., Any], traced: Callable[..., Any], arrays: int = 1) -> None:
        self.plain = plain
        self.traced = traced
        self.arrays = arrays
        self.__name__ = self.__qualname__ = plain.__name__
        self.__doc__ = f"Do what ``np.{plain.__name__}`` does, on numbers, arrays and traced values."

    def __call__(self, *args: Any, **options: Any) -> Any:
        if innermost((*args, *options.values())) is not None:
            return handled(f"ad.{self.__name__}", self.traced, args, options)
        if self.arrays < 0:
            return self.plain([promoted(x) for x in args[0]], *args[1:], **options)
        leading = [promoted(x) if k == 0 or x is not None else x for k, x in enumerate(args[: self.arrays])]
        return self.plain(*leading, *args[self.arrays :], **options)

    def __repr__(self) -> str:
        return f"<function adlab.{self.__name__}>"


# ------------------------------------------------------------------------------------------------ elementwise

add = Function(TABLE["add"])
subtract = Function(TABLE["subtract"])
multiply = Function(TABLE["multiply"])
divide = Function(TABLE["divide"])
negative = Function(TABLE["negative"])
power = Function(TABLE["power"])
square = Function(TABLE["square"])
sqrt = Function(TABLE["sqrt"])
cbrt = Function(TABLE["cbrt"])
reciprocal = Function(TABLE["reciprocal"])
absolute = abs = Function(TABLE["absolute"])
sign = Function(TABLE["sign"])
hypot = Function(TABLE["hypot"])

exp = Function(TABLE["exp"])
expm1 = Function(TABLE["expm1"])
exp2 = Function(TABLE["exp2"])
log = ln = Function(TABLE["log"])
log1p = Function(TABLE["log1p"])
log2 = Function(TABLE["log2"])
log10 = Function(TABLE["log10"])
logaddexp = Function(TABLE["logaddexp"])

sin = Function(TABLE["sin"])
cos = Function(TABLE["cos"])
tan = Function(TABLE["tan"])
arcsin = Function(TABLE["arcsin"])
arccos = Function(TABLE["arccos"])
arctan = Function(TABLE["arctan"])
arctan2 = Function(TABLE["arctan2"])
sinh = Function(TABLE["sinh"])
cosh = Function(TABLE["cosh"])
tanh = Function(TABLE["tanh"])
arcsinh = Function(TABLE["arcsinh"])
arccosh = Function(TABLE["arccosh"])
arctanh = Function(TABLE["arctanh"])

sigmoid = Function(TABLE["sigmoid"])
softplus = Function(TABLE["softplus"])
relu = Function(TABLE["relu"])

less = Function(TABLE["less"])
less_equal = Function(TABLE["less_equal"])
greater = Function(TABLE["greater"])
greater_equal = Function(TABLE["greater_equal"])
equal = Function(TABLE["equal"])
not_equal = Function(TABLE["not_equal"])
logical_and = Function(TABLE["logical_and"])
logical_or = Function(TABLE["logical_or"])
logical_not = Function(TABLE["logical_not"])
maximum = Function(TABLE["maximum"])
minimum = Function(TABLE["minimum"])

floor = Function(TABLE["floor"])
ceil = Function(TABLE["ceil"])

erf = Function(TABLE["erf"])
gammaln = Function(TABLE["gammaln"])
digamma = Function(TABLE["digamma"])
polygamma = Function(TABLE["polygamma"])

remainder = Function(TABLE["remainder"])
fmod = Function(TABLE["fmod"])
logaddexp2 = Function(TABLE["logaddexp2"])
sinc = Function(TABLE["sinc"])

gamma = Function(TABLE["gamma"])
rgamma = Function(TABLE["rgamma"])
beta = Function(TABLE["beta"])
betaln = Function(TABLE["betaln"])
gammainc = Function(TABLE["gammainc"])
gammaincc = Function(TABLE["gammaincc"])
betainc = Function(TABLE["betainc"])
erfc = Function(TABLE["erfc"])
erfinv = Function(TABLE["erfinv"])
erfcinv = Function(TABLE["erfcinv"])
ndtr = Function(TABLE["ndtr"])
log_ndtr = Function(TABLE["log_ndtr"])
logit = Function(TABLE["logit"])
xlogy = Function(TABLE["xlogy"])
xlog1py = Function(TABLE["xlog1py"])
jv = Function(TABLE["jv"])
yv = Function(TABLE["yv"])
iv = Function(TABLE["iv"])
ive = Function(TABLE["ive"])
kv = Function(TABLE["kv"])

stop_gradient = Function(TABLE["stop_gradient"])

# ------------------------------------------------------------------------------------------------- structural

sum = Structural(np.sum, families.reductions.sum)
mean = Structural(np.mean, families.reductions.mean)
max = Structural(np.max, families.reductions.max)
min = Structural(np.min, families.reductions.min)
prod = Structural(np.prod, families.reductions.prod)
cumsum = Structural(np.cumsum, families.reductions.cumsum)
var = Structural(np.var, families.reductions.var)
std = Structural(np.std, families.reductions.std)
norm = Structural(np.linalg.norm, families.reductions.norm)

reshape = Structural(np.reshape, families.shapes.reshape)
ravel = Structural(np.ravel, families.shapes.ravel)
transpose = Structural(np.transpose, families.shapes.transpose)
swapaxes = Structural(np.swapaxes, families.shapes.swapaxes)
moveaxis = Structural(np.moveaxis, families.shapes.moveaxis)
squeeze = Structural(np.squeeze, families.shapes.squeeze)
expand_dims = Structural(np.expand_dims, families.shapes.expand_dims)
broadcast_to = Structural(np.broadcast_to, families.shapes.broadcast_to)

concatenate = Structural(np.concatenate, families.joining.concatenate, arrays=-1)
stack = Structural(np.stack, families.joining.stack, arrays=-1)
vstack = Structural(np.vstack, families.joining.vstack, arrays=-1)
hstack = Structural(np.hstack, families.joining.hstack, arrays=-1)
split = Structural(np.split, families.joining.split)
repeat = Structural(np.repeat, families.joining.repeat)
tile = Structural(np.tile, families.joining.tile)
flip = Structural(np.flip, families.joining.flip)
roll = Structural(np.roll, families.joining.roll)
take = Structural(np.take, families.joining.take_)

matmul = Structural(np.matmul, families.products.matmul, arrays=2)
dot = Structural(np.dot, families.products.dot, arrays=2)
inner = Structural(np.inner, families.products.inner, arrays=2)
outer = Structural(np.outer, families.products.outer, arrays=2)
tensordot = Structural(np.tensordot, families.products.tensordot, arrays=2)
diag = Structural(np.diag, families.products.diag)
tril = Structural(np.tril, families.products.tril)
triu = Structural(np.triu, families.products.triu)

einsum = Structural(np.einsum, families.contractions.einsum, arrays=0)
kron = Structural(np.kron, families.calculus.kron, arrays=2)
cross = Structural(np.cross, families.calculus.cross, arrays=2)
convolve = Structural(np.convolve, families.calculus.convolve, arrays=2)
trapezoid = Structural(np.trapezoid, families.calculus.trapezoid, arrays=2)
interp = Structural(np.interp, families.calculus.interp, arrays=3)
diff = Structural(np.diff, families.reductions.diff)
cumprod = Structural(np.cumprod, families.reductions.cumprod)
pad = Structural(np.pad, families.turning.pad)
rot90 = Structural(np.rot90, families.turning.rot90)

sort = Structural(np.sort, families.ordering.sort)
median = Structural(np.median, families.ordering.median)
quantile = Structural(np.quantile, families.ordering.quantile)
percentile = Structural(np.percentile, families.ordering.percentile)

solve = Structural(np.linalg.solve, families.matrices.solve, arrays=2)
inv = Structural(np.linalg.inv, families.matrices.inv)
det = Structural(np.linalg.det, families.matrices.det)
slogdet = Structural(np.linalg.slogdet, families.matrices.slogdet)
cholesky = Structural(np.linalg.cholesky, families.matrices.cholesky)
eigh = Structural(families.matrices.eigh, families.matrices.eigh)
eigvalsh = Structural(np.linalg.eigvalsh, families.matrices.eigvalsh)
svd = Structural(families.matrices.svd, families.matrices.svd)
pinv = Structural(np.linalg.pinv, families.matrices.pinv)
lstsq = Structural(np.linalg.lstsq, families.matrices.lstsq, arrays=2)

isnan = Structural(np.isnan, families.missing.isnan)
nan_to_num = Structural(np.nan_to_num, families.missing.nan_to_num)
nansum = Structural(np.nansum, families.missing.nansum)
nanmean = Structural(np.nanmean, families.missing.nanmean)
nanmax = Structural(np.nanmax, families.missing.nanmax)
nanmin = Structural(np.nanmin, families.missing.nanmin)

where = Structural(np.where, families.choice.where, arrays=3)
clip = Structural(np.clip, families.choice.clip, arrays=3)
round = Structural(np.round, families.choice.round)

# -------------------------------------------------------------------------------------- of several operations

_leaky_relu = Function(TABLE["leaky_relu"])
_prelu = Function(TABLE["prelu"])
_elu = Function(TABLE["elu"])


def identity(x: Any) -> Any:
    """Return ``x``: the activation of a layer that has none.

    Examples
    --------
    >>> identity(2)
    np.float64(2.0)
    """
    return _as_array(x)


def leaky_relu(x: Any, alpha: Any = 0.01) -> Any:
    """Return x for x ≥ 0 and αx below.

    Parameters
    ----------
    x : number, array or traced value
    alpha : number, optional
        The slope below 0; the lectures use 0.01, and 0.1 in some places.

    Returns
    -------
    number, array or traced value
        Its derivative at 0 is 1, from the right.

    Examples
    --------
    >>> leaky_relu([-2.0, 3.0])
    array([-0.02,  3.  ])
    """
    return _leaky_relu(x, alpha)


def prelu(x: Any, alpha: Any) -> Any:
    """Return the parametrised ReLU: x for x ≥ 0 and αx below, with a slope α that is learned.

    Parameters
    ----------
    x : number, array or traced value
    alpha : number, array or traced value
        The slope below 0; one number or one per feature.

    Returns
    -------
    number, array or traced value

    Examples
    --------
    >>> prelu([-2.0, 3.0], 0.25)
    array([-0.5,  3. ])
    """
    return _prelu(x, alpha)


def elu(x: Any, alpha: Any = 1.0) -> Any:
    """Return x for x ≥ 0 and α(eˣ − 1) below.

    Parameters
    ----------
    x : number, array or traced value
    alpha : number, optional

    Returns
    -------
    number, array or traced value

    Examples
    --------
    >>> elu([-50.0, 3.0], alpha=2.0)
    array([-2.,  3.])
    """
    return _elu(x, alpha)


def maxout(*pieces: Any) -> Any:
    """Return the largest of several pieces, element by element.

    Parameters
    ----------
    *pieces : number, array or traced value
        The affine pieces of a maxout layer, of shapes that broadcast; at least one.

    Returns
    -------
    number, array or traced value

    Raises
    ------
    InputError
        If no piece is given.

    Examples
    --------
    >>> maxout([1.0, 2.0], [3.0, 0.0], 1.5)
    array([3., 2.])
    """
    if not pieces:
        raise InputError("maxout takes at least one piece, and none was given.")
    result = identity(pieces[0])
    for piece in pieces[1:]:
        result = maximum(result, piece)
    return result


def srelu(x: Any, tr: Any, ar: Any, tl: Any, al: Any) -> Any:
    """Return the S-shaped ReLU: the identity between two thresholds, lines of learned slopes outside.

    Parameters
    ----------
    x : number, array or traced value
    tr, ar : number, array or traced value
        Threshold and slope on the right: tr + ar(x − tr) for x ≥ tr.
    tl, al : number, array or traced value
        Threshold and slope on the left: tl + al(x − tl) for x ≤ tl.

    Returns
    -------
    number, array or traced value

    Examples
    --------
    >>> srelu([-3.0, 0.5, 3.0], tr=1.0, ar=0.5, tl=-1.0, al=0.1)
    array([-1.2,  0.5,  2. ])
    """
    x, tr, ar, tl, al = (identity(value) for value in (x, tr, ar, tl, al))
    right, left = tr + ar * (x - tr), tl + al * (x - tl)
    return where(greater_equal(x, tr), right, where(less_equal(x, tl), left, x))[()]


def logsumexp(x: Any, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """Return ln Σ eˣ over axes without overflow.

    Parameters
    ----------
    x : array or traced value
    axis : int or tuple of int, optional
        The axes to sum over; all by default.
    keepdims : bool, optional
        Whether the axes stay, with length 1.

    Returns
    -------
    number, array or traced value

    Notes
    -----
    The largest element m is taken out, m + ln Σ eˣ⁻ᵐ. The result does not depend on m, so m counts as a
    constant in derivatives. An axis that holds +∞, or −∞ alone, gives NaN.

    Examples
    --------
    >>> logsumexp([1000.0, 1000.0])
    np.float64(1000.6931471805599)
    """
    x = _as_array(x)
    top = stop_gradient(max(x, axis=axis, keepdims=True))
    total = log(sum(exp(x - top), axis=axis, keepdims=keepdims))
    return total + (top if keepdims else reshape(top, total.shape))


def softmax(x: Any, axis: int | tuple[int, ...] | None = -1) -> Any:
    """Return eˣ / Σ eˣ over axes without overflow: scores as probabilities.

    Parameters
    ----------
    x : array or traced value
        Scores.
    axis : int or tuple of int, optional
        The axes over which the probabilities sum to 1; the last by default, None for all.

    Returns
    -------
    array or traced value

    Notes
    -----
    The largest score is subtracted first, and counts as a constant in derivatives: the result does not depend
    on it.

    Examples
    --------
    >>> softmax([0.0, 0.0, 1000.0])
    array([0., 0., 1.])
    """
    x = _as_array(x)
    grown = exp(x - stop_gradient(max(x, axis=axis, keepdims=True)))
    return grown / sum(grown, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: int | tuple[int, ...] | None = -1) -> Any:
    """Return ln(eˣ / Σ eˣ) over axes, with all its digits where a probability is tiny.

    Parameters
    ----------
    x : array or traced value
        Scores.
    axis : int or tuple of int, optional
        The axes over which the probabilities sum to 1; the last by default, None for all.

    Returns
    -------
    array or traced value

    Examples
    --------
    >>> log_softmax([0.0, 1000.0])
    array([-1000.,     0.])
    """
    x = _as_array(x)
    shifted = x - stop_gradient(max(x, axis=axis, keepdims=True))
    return shifted - log(sum(exp(shifted), axis=axis, keepdims=True))


def _as_array(x: Any) -> Any:
    return families.support.array(x) if innermost((x,)) is not None else promoted(x)
