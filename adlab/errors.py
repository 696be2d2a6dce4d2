"""Every error adlab raises on purpose, as one tree.

::

    AdlabError
    ├── InputError (ValueError)         an argument that cannot be used: count, shape, number, name, option
    ├── ParseError (ValueError)         an expression string that is no expression; knows its column
    ├── TraceError (TypeError)          NumPy code that cannot become a graph; names the user's line
    ├── ShapeError (ValueError)         operands whose shapes or dtypes do not fit; names the user's line
    ├── GraphError (ValueError)         a graph that breaks the rules of `adlab.ir.check`
    ├── BranchError (ValueError)        a graph evaluated where a recorded comparison turns out otherwise
    ├── GradientError (AssertionError)  a derivative that `adlab.check` found to be wrong
    ├── MethodError (ValueError)        a method that cannot differentiate this function, with the reason
    ├── GrowthError (MethodError)       a symbolic expression that outgrew its limit
    ├── MissingRuleError (MethodError, NotImplementedError)
    │                                   a primitive without the rule that a derivative needs
    ├── CompileError (RuntimeError)     native code that could not be made or loaded: a mistake in adlab or its platform
    ├── CheckpointError (RuntimeError)  a checkpoint of training that cannot be written or read
    ├── TrainingError (ArithmeticError) a training step whose loss is infinite or no number
    └── RenderError (RuntimeError)      a format or a drawing engine that is not to be had here

Each message is a whole sentence: what was given, what is allowed, what to do next. Most classes are also a built-in
exception, so that ``except ValueError`` does what a user of NumPy expects.
"""

from __future__ import annotations

__all__ = [
    "AdlabError",
    "BranchError",
    "CheckpointError",
    "CompileError",
    "GradientError",
    "GraphError",
    "GrowthError",
    "InputError",
    "MethodError",
    "MissingRuleError",
    "ParseError",
    "RenderError",
    "ShapeError",
    "TraceError",
    "TrainingError",
]


class AdlabError(Exception):
    """The root: catch it to catch everything that adlab raises on purpose."""


class InputError(AdlabError, ValueError):
    """An argument that cannot be used."""


class ParseError(AdlabError, ValueError):
    """An expression string that is no expression.

    Attributes
    ----------
    column : int
        Where in the text the trouble starts, counted from 1.
    """

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


class TraceError(AdlabError, TypeError):
    """NumPy code that cannot become a graph."""


class ShapeError(AdlabError, ValueError):
    """Operands whose shapes or dtypes do not fit together."""


class GraphError(AdlabError, ValueError):
    """A graph that breaks one of its invariants."""


class BranchError(AdlabError, ValueError):
    """A graph evaluated where a recorded comparison turns out otherwise."""


class GradientError(AdlabError, AssertionError):
    """A derivative that a check found to be wrong."""


class MethodError(AdlabError, ValueError):
    """A method that cannot differentiate this function."""


class GrowthError(MethodError):
    """A symbolic expression that outgrew its limit."""


class MissingRuleError(MethodError, NotImplementedError):
    """A primitive without the rule that a derivative needs."""


class CompileError(AdlabError, RuntimeError):
    """Native code that could not be made or loaded."""


class RenderError(AdlabError, RuntimeError):
    """A format or a drawing engine that is not to be had here."""


class CheckpointError(AdlabError, RuntimeError):
    """A checkpoint of training that cannot be written or read."""


class TrainingError(AdlabError, ArithmeticError):
    """A training step whose loss is infinite or no number.

    Attributes
    ----------
    autopsy
        Where the bad number comes from, ready to be shown; None where nothing could be found out.
    """

    def __init__(self, message: str, autopsy: object = None) -> None:
        super().__init__(message)
        self.autopsy = autopsy
