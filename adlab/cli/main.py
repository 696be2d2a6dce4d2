"""The command line: parse, call the public verbs, render, print. No logic of its own.

Every command takes a target, an expression or ``FILE.py:FUNCTION``, and values ``x1=2``. Exit status: 0 done, 1 a check failed,
2 bad usage or bad input, with one sentence on standard error and nothing half written.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from adlab import __version__
from adlab.cli import diagnosis, judges, training
from adlab.cli.waiting import waiting
from adlab.errors import AdlabError, GradientError, InputError

FORMATS = ("text", "markdown", "latex", "html", "csv", "json")
NUMBERINGS = ("level", "program", "baydin")
METHODS = training.METHODS
SCHEMES = ("central", "forward", "complex", "richardson")
ENGINES = ("auto", "builtin", "dot", "pygraphviz")

TARGET_HELP = """
EXPR is an expression such as "ln(x1) + x1*x2 - sin(x2)", or FILE.py:FUNCTION with NumPy code.
Values are numbers (x1=2), lists (x=[1,2,3]) or files (x=@point.npy, x=@point.csv).
"""

Command = Callable[..., None]


def target_command(name: str) -> Callable[[Command], click.Command]:
    """Return a decorator for a command that takes EXPR and VALUES."""

    def decorate(function: Command) -> click.Command:
        function.__doc__ = f"{function.__doc__}\n\b{TARGET_HELP}"
        command = click.command(name, context_settings={"ignore_unknown_options": False})(function)
        command.params = [
            click.Argument(["target"], metavar="EXPR"),
            click.Argument(["values"], nargs=-1, metavar="[NAME=VALUE]..."),
            *command.params,
        ]
        return command

    return decorate


def output_option(function: Command) -> Command:
    """Add -o FILE."""
    return click.option(
        "-o", "--output", type=click.Path(dir_okay=False), help="Write to FILE instead of the terminal."
    )(function)


def format_option(function: Command) -> Command:
    """Add --format."""
    return click.option(
        "--format",
        "fmt",
        type=click.Choice(FORMATS),
        default="text",
        show_default=True,
        help="How to write it.",
    )(function)


def numbering_option(function: Command) -> Command:
    """Add --numbering."""
    return click.option(
        "--numbering",
        type=click.Choice(NUMBERINGS),
        default="level",
        show_default=True,
        help="level: inputs first, then by generation; program: order of execution; baydin: inputs v₋₁, v₀.",
    )(function)


def digits_option(function: Command) -> Command:
    """Add --digits."""
    return click.option(
        "--digits", type=click.IntRange(0, 17), default=3, show_default=True, help="Decimals shown."
    )(function)


def numerical_options(function: Command) -> Command:
    """Add --scheme and --h, the options of the numerical method."""
    scheme = click.option(
        "--scheme",
        type=click.Choice(SCHEMES),
        help="Which differences the numerical method takes; default central.",
    )
    step = click.option(
        "--h", "h", type=float, help="The step of the numerical method; default by the scheme's rule."
    )
    return scheme(step(function))


def options_for(method: str, scheme: str | None, h: float | None) -> dict[str, Any]:
    """Return the options that were given, which only the numerical method takes."""
    given = {name: value for name, value in (("scheme", scheme), ("h", h)) if value is not None}
    if given and method != "numerical":
        names = " and ".join(f"--{name}" for name in given)
        raise InputError(
            f"{names} belong{'s' * (len(given) == 1)} to --method numerical, not to --method {method}."
        )
    return given


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="adlab %(version)s")
def cli() -> None:
    """Compare the ways to differentiate.

    One computational graph feeds four differentiators: numerical, symbolic, forward mode and reverse mode. See how each
    computes, step by step, and how right it is.

    \b
    adlab trace   "ln(x1) + x1*x2 - sin(x2)" x1=2 x2=5 --mode all
    adlab draw    "ln(x1) + x1*x2 - sin(x2)" x1=2 x2=5 -o graph.svg
    adlab compare "ln(x1) + x1*x2 - sin(x2)" x1=2 x2=5
    """  # noqa: D301 - \b is click's own mark, not a backslash to print


def function_at(target: str, values: Sequence[str]) -> tuple[Any, list[Any]]:
    """Return the function that a target names and its arguments in order."""
    from adlab.cli.target import load_target
    from adlab.cli.values import bind_values, named_function, parse_values

    function = load_target(target)
    given = parse_values(values)
    return named_function(function, given), bind_values(function, given)


def emit_pieces(pieces: Iterable[str], output: str | None) -> None:
    """Print, or write a file atomically, piece by piece."""
    if output is None:
        _print(pieces)
        return
    from adlab.render.write import save

    save(Path(output), pieces)


def _print(pieces: Iterable[str]) -> None:
    """Write to standard output; a reader that has seen enough, such as head, is no error.

    The pieces are made outside the guard: what goes wrong in making them is no failure to write.
    """
    for piece in pieces:
        try:
            click.echo(piece, nl=False)
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if isinstance(error, BrokenPipeError):
                return
            why = error.strerror or error
            raise InputError(f"Standard output cannot be written: {why}; write to a file with -o.") from None


def emit(content: str, output: str | None) -> None:
    """Print, or write a file atomically."""
    if output is None:
        _print((content.rstrip("\n"), "\n"))
        return
    from adlab.render.write import save

    save(Path(output), content if content.endswith("\n") else content + "\n")


@target_command("trace")
@click.option(
    "--mode",
    type=click.Choice(("evaluate", "forward", "reverse", "all")),
    default="evaluate",
    show_default=True,
    help="Values only; with tangents; with adjoints; everything.",
)
@click.option("--wrt", help="The input whose tangents are shown; default all, side by side.")
@click.option(
    "--result",
    type=click.IntRange(min=0),
    default=0,
    help="Which result, counted from 0, the adjoints belong to.",
)
@format_option
@click.option(
    "--ascii", "ascii_only", is_flag=True, help="Write dv3, bv3, * and - instead of v̇3, v̄3, · and −."
)
@click.option("--full", is_flag=True, help="Write arrays in full instead of shape and norm.")
@click.option(
    "--rows",
    help="How many rows a table shows at most, or all; the middle ones are left out. Default 1000 of more than 10000.",
)
@digits_option
@numbering_option
@output_option
def trace(
    target: str,
    values: Sequence[str],
    mode: str,
    wrt: str | None,
    result: int,
    fmt: str,
    ascii_only: bool,
    full: bool,
    rows: str | None,
    digits: int,
    numbering: str,
    output: str | None,
) -> None:
    """Print the evaluation trace and the derivative traces at a point."""
    from adlab.api import trace as make

    function, args = function_at(target, values)
    shown = make(function, *args, mode=mode, wrt=wrt, numbering=numbering, output=result)
    if fmt in ("json", "csv"):
        emit_pieces(shown.pieces(fmt), output)
        return
    limit = int(rows) if rows is not None and rows.isdecimal() else rows
    options: dict[str, Any] = {"digits": digits, "full": full, "rows": limit}
    if fmt == "text":
        options |= {"ascii": ascii_only, "color": output is None and sys.stdout.isatty()}
    if fmt == "html":
        options["page"] = True
    emit(getattr(shown, f"to_{fmt}")(**options), output)  # fmt: skip


@target_command("draw")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False),
    help="Where to write: .svg .png .pdf .dot .mmd .html",
)
@click.option(
    "--show", default="value,tangent,adjoint,partials", show_default=True, help="What boxes and edges show."
)
@click.option("--wrt", help="The input the tangents belong to; default the first.")
@click.option("--depth", type=click.IntRange(min=1), help="Collapse scopes nested this deep.")
@click.option(
    "--engine", type=click.Choice(ENGINES), default="auto", show_default=True, help="What places the boxes."
)
@click.option("--direction", type=click.Choice(("LR", "TB")), help="Left to right, or top to bottom.")
@numbering_option
def draw(
    target: str,
    values: Sequence[str],
    output: str,
    show: str,
    wrt: str | None,
    depth: int | None,
    engine: str,
    direction: Any,
    numbering: str,
) -> None:
    """Draw the computational graph with value, tangent and adjoint of each node."""
    from adlab.api import draw as make

    function, args = function_at(target, values)
    words = [word.strip() for word in show.split(",") if word.strip()]
    drawing = make(
        function,
        *args,
        show=words,
        wrt=wrt,
        depth=depth,
        engine=engine,
        direction=direction,
        numbering=numbering,
    )
    emit(f"wrote {drawing.save(output)}", None)


@target_command("grad")
@click.option(
    "--method", type=click.Choice(METHODS), default="reverse", show_default=True, help="How to differentiate."
)
@format_option
@numerical_options
@output_option
def grad(
    target: str,
    values: Sequence[str],
    method: str,
    scheme: str | None,
    h: float | None,
    fmt: str,
    output: str | None,
) -> None:
    """Print value and gradient at a point, by one method, with what it cost."""
    from adlab.api import gradient

    options = options_for(method, scheme, h)
    function, args = function_at(target, values)
    emit(gradient(function, *args, method=method, **options).render(fmt), output)


@target_command("jacobian")
@click.option(
    "--method",
    type=click.Choice(("auto", *METHODS)),
    default="auto",
    show_default=True,
    help="How to differentiate; auto takes the cheaper of forward and reverse mode and says why.",
)
@format_option
@numerical_options
@output_option
def jacobian(
    target: str,
    values: Sequence[str],
    method: str,
    scheme: str | None,
    h: float | None,
    fmt: str,
    output: str | None,
) -> None:
    """Print value and Jacobian of a function with several results."""
    from adlab.api import gradient

    options = options_for(method, scheme, h)
    function, args = function_at(target, values)
    emit(gradient(function, *args, method=method, scalar=False, **options).render(fmt), output)


FURTHER_SCHEMES = ("forward", "complex", "richardson")


def _names(text: str) -> list[str]:
    """Return the names in a list with commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


@target_command("compare")
@click.option(
    "--peers",
    default="",
    metavar="NAMES",
    help="Other systems to ask as well, where installed: autograd,jax,torch,casadi, or all.",
)
@click.option(
    "--schemes",
    default="",
    metavar="NAMES",
    help="Further schemes of numerical differentiation, a row each: forward,complex,richardson, or all.",
)
@format_option
@output_option
def compare(
    target: str, values: Sequence[str], peers: str, schemes: str, fmt: str, output: str | None
) -> None:
    """Compare the four methods against fifty digits: error, ulps, cost, and why."""
    from adlab.api import compare as make

    function, args = function_at(target, values)
    asked, tried = _names(peers), _names(schemes)
    with waiting("comparing"):
        report = make(
            function,
            *args,
            peers="all" if asked == ["all"] else asked,
            schemes=FURTHER_SCHEMES if tried == ["all"] else tried,
        )
    emit(report.render(fmt), output)


@target_command("check")
@click.option(
    "--tol",
    type=float,
    help="Allowed error, relative to the largest derivative or 1. Default: the root of the machine epsilon, and in a "
    "comparison with a difference also the difference's own error estimate.",
)
@format_option
@output_option
def check(target: str, values: Sequence[str], tol: float | None, fmt: str, output: str | None) -> None:
    """Check the derivatives at a point; exit status 1 if one is wrong."""
    from adlab.api import check as make

    function, args = function_at(target, values)
    with waiting("checking"):
        report = make(function, *args, tol=tol, raises=False)
    emit(report.render(fmt), output)
    if not report.passed:
        raise click.exceptions.Exit(1)


@target_command("graph")
@click.option(
    "--format",
    "fmt",
    type=click.Choice(("json", "dot", "python", "mermaid")),
    default="python",
    show_default=True,
    help="JSON that reads back, Graphviz text, NumPy source, or Mermaid text.",
)
@output_option
def graph(target: str, values: Sequence[str], fmt: str, output: str | None) -> None:
    """Print the computational graph itself."""
    from adlab.api import draw as make_drawing
    from adlab.api import graph as make

    function, args = function_at(target, values)
    if fmt == "mermaid":
        return emit(make_drawing(function, *args, show=()).to_mermaid(), output)
    return emit(getattr(make(function, *args), f"to_{fmt}")(), output)


@click.command("primitives")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@format_option
@output_option
def primitives(names: tuple[str, ...], fmt: str, output: str | None) -> None:
    """List the rule table: every primitive with its derivative, its domain and its kinks; or the ones named."""
    from adlab.render.rows import render_rows
    from adlab.reports.rows import table_of_primitives

    emit(render_rows(table_of_primitives(names), fmt), output)


@target_command("sparsity")
@click.option("--hessian", is_flag=True, help="The Hessian instead of the Jacobian.")
@click.option(
    "--method",
    type=click.Choice(("auto", "forward", "reverse")),
    default="auto",
    show_default=True,
    help="Which passes to take for a Jacobian.",
)
@format_option
@click.option("--picture", type=click.Path(dir_okay=False), help="Also draw the pattern: .svg .png .pdf")
@output_option
def sparsity(
    target: str,
    values: Sequence[str],
    hessian: bool,
    method: str,
    fmt: str,
    picture: str | None,
    output: str | None,
) -> None:
    """Show the sparsity of the Jacobian: pattern, colours, passes, bytes against dense."""
    from adlab.api import sparsity as make
    from adlab.render.pictured import PICTURES

    function, args = function_at(target, values)
    shown = make(function, *args, hessian=hessian, method=method)
    if output is not None and Path(output).suffix.lower() in PICTURES:
        emit(f"wrote {shown.save(output)}", None)
    else:
        emit(shown.render(fmt), output)
    if picture is not None:
        click.echo(f"wrote {shown.draw().save(picture)}", err=True)


@click.command("figures")
@click.option(
    "-o",
    "--output",
    default="figures",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Folder to write to.",
)
def figures(output: str) -> None:
    """Remake every figure of the project as SVG."""
    from adlab.figures import FIGURES

    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be made: {error.strerror or error}.") from None
    for name, make in FIGURES.items():
        emit(f"wrote {make().save(folder / f'{name}.svg')}", None)


for command in (trace, draw, grad, jacobian, compare, check, graph, primitives, figures, sparsity):
    cli.add_command(command)
for command in (*judges.commands(), *training.commands(), *diagnosis.commands()):
    cli.add_command(command)


def main() -> NoReturn:
    """Run the command line; turn every expected error into one sentence and an exit status."""
    status = None
    try:
        status = cli(standalone_mode=False)  # a number where a command ends with `click.exceptions.Exit`
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=False)
        sys.exit(0)
    except GradientError as error:
        _complain(error)
        sys.exit(1)
    except AdlabError as error:
        _complain(error)
        sys.exit(2)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        _complain(_usage(error))
        sys.exit(2)
    except RecursionError:
        _complain("The input is nested too deeply for Python; write it with fewer levels.")
        sys.exit(2)
    except (Exception, SystemExit) as error:  # a user's own function may raise anything
        if os.environ.get("ADLAB_TRACEBACK"):
            raise
        _complain(_user_error(error))
        sys.exit(2)
    sys.exit(status or 0)


def _user_error(error: BaseException) -> str:
    """Return what a user's own function raised, with its line, as one sentence."""
    frame = error.__traceback__
    place = ""
    while frame is not None:
        name = frame.tb_frame.f_code.co_filename
        if (
            not name.startswith((str(Path(__file__).parent.parent), click.__path__[0]))
            and Path(name).is_file()
        ):
            place = f"{name}:{frame.tb_lineno}: "
        frame = frame.tb_next
    if isinstance(error, SystemExit):
        return f"{place}the code ends the program (SystemExit: {error.code}); a function to be traced has to return its result."
    return f"{place}{type(error).__name__}: {error}"


def _usage(error: click.ClickException) -> str:
    """Return click's message as one sentence with the way to help."""
    message = error.format_message().rstrip(".").replace("\n", " ")
    if isinstance(error, click.NoSuchOption):
        message += " (an expression that starts with a minus goes after --)"
    context = getattr(error, "ctx", None)
    return f"{message}; see {context.command_path if context else 'adlab'} --help."


def _complain(error: object) -> None:
    """Print one line on standard error."""
    click.echo("adlab: " + " ".join(str(error).split()), err=True)
