"""The public verbs that show: graph, trace, draw, compare, check.

Each takes a function in any of its forms (NumPy code, expression string, SymPy expression, graph) with example arguments, and
returns an object that prints itself, shows itself in a notebook and saves itself. The verbs that differentiate are in
`adlab.derivatives`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from adlab import derivatives
from adlab.errors import InputError, TraceError
from adlab.frontends.dispatch import to_graph
from adlab.graphs import Graph
from adlab.ir.graph import Graph as Program
from adlab.transforms.evaluation import flatten_args

if TYPE_CHECKING:
    from adlab.render.drawing import Drawing
    from adlab.render.shown import ShownCheck, ShownComparison, ShownGradient
    from adlab.render.sparsity import ShownSparsity
    from adlab.render.trace import ShownTrace
    from adlab.reports.picture import Direction

Function = Callable[..., Any] | str | Program | Any
"""A callable in NumPy code, an expression string, a SymPy expression or a graph."""


def graph(f: Function, *example_args: Any, names: Sequence[str] | None = None) -> Graph:
    """Return the computational graph of a function.

    Parameters
    ----------
    f : callable, str, SymPy expression or Graph
        A callable is NumPy code of scalars and arrays and is traced once at the example arguments. In an expression
        string, names that are no functions are inputs, in order of first appearance or as ``names`` gives them.
    *example_args
        One number, array or nested container per argument; an expression may do without (its inputs are scalars then).
    names : sequence of str, optional
        Names of the inputs.

    Returns
    -------
    Graph

    Raises
    ------
    TraceError
        Where the code cannot be traced; the message names its line.
    ParseError
        Where the string is no expression; the error knows the column.
    InputError
        Where arguments or names do not fit.

    Examples
    --------
    >>> import adlab as ad
    >>> g = ad.graph("ln(x1) + x1*x2 - sin(x2)")
    >>> g
    <Graph of 7 nodes: (x1, x2) → y>
    >>> g(2, 5)
    np.float64(11.652071455223084)
    """
    recording = to_graph(f, example_args, names)
    if recording.captured:
        raise TraceError(
            "ad.graph was called inside a function that is being traced, on a function that uses its traced values; "
            "pass those values as arguments instead."
        )
    return Graph.of(recording.graph)


def grad_graph(f: Function, *args: Any, argnums: int | Sequence[int] = 0) -> Graph:
    """Return the gradient of a scalar function as a graph: trace it, draw it, differentiate it again.

    Parameters
    ----------
    f : callable, str, SymPy expression or Graph
        A function with one scalar result.
    *args
        Example arguments.
    argnums : int or sequence of int
        Which arguments to differentiate by.

    Returns
    -------
    Graph
        Takes the same arguments; returns the gradient, shaped as `adlab.grad` returns it.

    Examples
    --------
    >>> import adlab as ad
    >>> ad.grad_graph("x^3", 2.0)(2.0)
    np.float64(12.0)
    """
    return Graph.of(derivatives.grad_graph(f, *args, argnums=argnums))


def trace(
    f: Function,
    *args: Any,
    mode: str = "evaluate",
    wrt: str | None = None,
    numbering: str = "level",
    output: int = 0,
    names: Sequence[str] | None = None,
) -> ShownTrace:
    """Return the evaluation trace of a function at a point, with its derivative traces.

    Parameters
    ----------
    f : callable, str, SymPy expression or Graph
    *args
        The point.
    mode : {"evaluate", "forward", "reverse", "all"}
        Values only; with tangents; with adjoints; everything.
    wrt : str, optional
        The input, or element such as ``x[0]``, whose tangents are shown; by default all, side by side.
    numbering : {"level", "program", "baydin"}
        Inputs first and then by topological generation, as the lectures do; in order of execution; with inputs v₋₁, v₀.
    output : int
        For functions with several results: which one, counted in the flattened output, the adjoints belong to.
    names : sequence of str, optional
        Names of the inputs of an expression or callable.

    Returns
    -------
    ShownTrace
        Prints as tables; has ``to_text``, ``to_markdown``, ``to_latex``, ``to_html``, ``to_csv``, ``to_json``.

    Raises
    ------
    InputError
        For an unknown mode, numbering, input or output, and for arguments that do not fit.

    Examples
    --------
    >>> import adlab as ad
    >>> t = ad.trace("ln(x1) + x1*x2 - sin(x2)", 2, 5, mode="reverse")
    >>> [round(float(row.adjoint.value), 3) for row in t.reversed_rows]
    [1.0, 1.0, -1.0, 1.0, 1.0, 1.716, 5.5]
    """
    from adlab.render.trace import ShownTrace
    from adlab.reports.trace import trace_graph

    program, leaves = _at_point(f, args, names)
    report = trace_graph(
        program, leaves, mode=mode, wrt=wrt, numbering=numbering, output=output, title=_title(f, program)
    )
    return ShownTrace(report)


def draw(
    f: Function,
    *args: Any,
    show: Collection[str] = ("value", "tangent", "adjoint", "partials"),
    wrt: str | None = None,
    depth: int | None = None,
    engine: str = "auto",
    numbering: str = "level",
    parameters: Collection[str] = (),
    direction: Direction | None = None,
    names: Sequence[str] | None = None,
) -> Drawing:
    """Draw the computational graph of a function, with the numbers it has at a point.

    Parameters
    ----------
    f : callable, str, SymPy expression or Graph
    *args
        The point; an expression or graph may do without and is drawn without numbers.
    show : collection of str
        Which of "value", "tangent", "adjoint" and "partials" (on the edges) to write.
    wrt : str, optional
        The input the tangents belong to; by default the first.
    depth : int, optional
        Collapse scopes nested this deep; by default as little as a readable number of boxes needs.
    engine : {"auto", "builtin", "dot", "pygraphviz"}
        What places the boxes; "auto" is the built-in layout, the same on every machine.
    numbering : {"level", "program", "baydin"}
        As in `adlab.trace`.
    parameters : collection of str
        Names of inputs to be drawn as parameters.
    direction : {"LR", "TB"}, optional
        Left to right or top to bottom; by default by the size of the picture.
    names : sequence of str, optional
        Names of the inputs.

    Returns
    -------
    Drawing
        Has ``svg`` and ``save("x.svg")`` (also .png, .pdf, .dot, .mmd, .html); a notebook shows it.

    Examples
    --------
    >>> import adlab as ad
    >>> drawing = ad.draw("ln(x1) + x1*x2 - sin(x2)", 2, 5)
    >>> drawing.svg.startswith("<svg") or drawing.svg.startswith("<?xml")
    True
    """
    from adlab.render.drawing import draw_graph

    program, leaves = _at_point(f, args, names, point=False)
    return draw_graph(
        program,
        leaves,
        show=show,
        wrt=wrt,
        depth=depth,
        numbering=numbering,
        parameters=parameters,
        direction=direction,
        title=_title(f, program),
        engine=engine,
    )


def compare(f: Function, *args: Any, **options: Any) -> ShownComparison:
    """Compare the methods on a function at a point, against fifty digits.

    Parameters
    ----------
    f : callable, str, SymPy expression or Graph
    *args
        The point.
    **options
        As `adlab.reports.comparison.compare` takes them: ``methods``, ``schemes``, ``wrt``, ``digits``, and ``peers``:
        other systems to ask as well, such as ``["autograd", "jax"]`` or ``"all"``, where they are installed.

    Returns
    -------
    ShownComparison
        Prints as a table: value, derivative, relative error, error in ulps, cost and a sentence for each method.

    Examples
    --------
    >>> import adlab as ad
    >>> result = ad.compare("ln(x1) + x1*x2 - sin(x2)", 2, 5)
    >>> [method.name for method in result.methods]
    ['numerical', 'symbolic', 'forward', 'reverse']
    """
    from adlab.render.shown import ShownComparison
    from adlab.reports.comparison import compare as report

    return ShownComparison(report(f, *args, **options))


def check(f: Function, *args: Any, tol: float | None = None, **options: Any) -> ShownCheck:
    """Check the derivatives of a function at a point; raise where one is wrong.

    Parameters
    ----------
    f : callable, str, SymPy expression or Graph
    *args
        The point.
    tol : float, optional
        Allowed error, relative to the largest derivative or 1; by default from the dtype and, in a comparison with a
        difference, from the difference's own error estimate.
    **options
        As `adlab.reports.checking.check` takes them.

    Returns
    -------
    ShownCheck

    Raises
    ------
    GradientError
        Where a derivative is wrong; the message names the first primitive whose rule is at fault.

    Examples
    --------
    >>> import adlab as ad
    >>> ad.check("x1*sin(x2)", 2, 5).passed
    True
    """
    from adlab.render.shown import ShownCheck
    from adlab.reports.checking import check as report

    return ShownCheck(report(f, *args, tol=tol, **options))


def gradient(
    f: Function, *args: Any, method: str = "reverse", scalar: bool = True, **options: Any
) -> ShownGradient:
    """Return value and gradient at a point with what they cost, as a report that prints itself.

    Parameters
    ----------
    f : callable, str, SymPy expression or Graph
    *args
        The point.
    method : {"reverse", "forward", "symbolic", "numerical", "auto"}
        "auto" takes the cheaper of forward and reverse mode; the notes of the report say which and why.
    scalar : bool
        Whether to insist on one scalar result; without, the Jacobian is reported.
    **options
        Options of the method, such as ``scheme="complex"``.

    Returns
    -------
    ShownGradient

    Examples
    --------
    >>> import adlab as ad
    >>> ad.gradient("x1*x2 + sin(x1)", 2, 3).to_dict()["gradient"]["x2"]
    2.0
    """
    from adlab.render.shown import ShownGradient
    from adlab.reports.gradient import gradient_report

    program, leaves = _at_point(f, args, None)
    return ShownGradient(gradient_report(program, leaves, method, scalar=scalar, **options))


def sparsity(
    f: Function,
    *args: Any,
    hessian: bool = False,
    wrt: Sequence[int | str] | None = None,
    method: str = "auto",
) -> ShownSparsity:
    """Return the sparsity of a Jacobian or Hessian: pattern, colours, passes and bytes against dense.

    Parameters
    ----------
    f : callable, str, SymPy expression or Graph
    *args
        The point; the pattern depends on it only through branches.
    hessian : bool
        Whether to look at the Hessian instead of the Jacobian.
    wrt : sequence of int or str, optional
        The inputs to differentiate by; by default all.
    method : {"auto", "forward", "reverse"}
        Which passes to take for a Jacobian.

    Returns
    -------
    ShownSparsity
        Prints as a table; ``draw().save("spy.svg")`` writes the picture.

    Examples
    --------
    >>> import numpy as np
    >>> import adlab as ad
    >>> ad.sparsity(lambda x: x[1:] - x[:-1] ** 2, np.ones(100)).sentence
    '2 forward passes instead of 100.'
    """
    from adlab.render.sparsity import ShownSparsity
    from adlab.reports.sparsity import sparsity_report

    program, leaves = _at_point(f, args, None)
    return ShownSparsity(
        sparsity_report(program, leaves, hessian=hessian, wrt=wrt, method=method, title=_title(f, program))
    )


def _at_point(
    f: Function, args: Sequence[Any], names: Sequence[str] | None, *, point: bool = True
) -> tuple[Program, Any]:
    """Return the graph of ``f`` and one NumPy value per input (None where no point is given and none is needed)."""
    recording = to_graph(f, args, names)
    if recording.captured:
        raise TraceError(
            "A trace or picture shows numbers, so it cannot be made inside a function that is being traced."
        )
    program = recording.graph
    if not args and program.inputs:
        if point:
            raise InputError(f"A trace needs a point: give a value for {', '.join(program.inputs)}.")
        return program, None
    return program, flatten_args(program, args)


def _title(f: Function, program: Program) -> str:
    """Return how the function is called at the head of a table."""
    if isinstance(f, str):
        text = " ".join(f.split())
        return (
            text
            if "=" in text.replace("==", "").replace("<=", "").replace(">=", "")
            else f"{program.name} = {text}"
        )
    name = getattr(f, "__name__", "")
    if not name or name == "<lambda>":
        return f"{program.name}({', '.join(program.inputs)})"
    return f"{program.name} = {name}({', '.join(program.inputs)})"
