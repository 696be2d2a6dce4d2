"""The commands that judge: kinks, step, autopsy, cost, swell, power, grade."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from adlab.errors import InputError


def commands() -> list[click.Command]:
    """Return the commands; they are made of the helpers of `adlab.cli.main`, which adds them."""
    from adlab.cli.main import emit, format_option, function_at, output_option, target_command

    @target_command("kinks")
    @click.option(
        "--policy",
        "entries",
        multiple=True,
        metavar="NAME=VALUE",
        help="Another convention: relu=0, abs=right, maximum=1; may be given several times.",
    )
    @click.option("--h", type=float, help="The step of differences; default that of central differences.")
    @format_option
    @output_option
    def kinks(
        target: str,
        values: Sequence[str],
        entries: Sequence[str],
        h: float | None,
        fmt: str,
        output: str | None,
    ) -> None:
        """List kinks and branches near a point, and the derivatives on both sides."""
        from adlab.judges import kinks as make

        function, args = function_at(target, values)
        emit(make(function, *args, policy=parse_policy(entries), h=h).render(fmt), output)

    @target_command("step")
    @click.option("--wrt", help="The input, or element such as x[0], to differentiate by; default the first.")
    @click.option(
        "--dtype",
        "dtypes",
        multiple=True,
        type=click.Choice(("float64", "float32")),
        help="In which arithmetic to measure; default both.",
    )
    @format_option
    @click.option(
        "-o",
        "--output",
        type=click.Path(dir_okay=False),
        help="Write to FILE; .svg .png .pdf is the picture of error against step.",
    )
    @click.option("--picture", type=click.Path(dir_okay=False), help="Also draw the picture: .svg .png .pdf")
    def step(
        target: str,
        values: Sequence[str],
        wrt: str | None,
        dtypes: Sequence[str],
        fmt: str,
        output: str | None,
        picture: str | None,
    ) -> None:
        """Certify the step size of differences: best steps, slopes, digits to be trusted."""
        from adlab.judges import step as make
        from adlab.render.pictured import PICTURES

        function, args = function_at(target, values)
        shown = make(function, *args, wrt=wrt, dtypes=dtypes or ("float64", "float32"))
        if output is not None and Path(output).suffix.lower() in PICTURES:
            emit(f"wrote {shown.save(output)}", None)
        else:
            emit(shown.render(fmt), output)
        if picture is not None:
            click.echo(f"wrote {shown.draw().save(picture)}", err=True)

    @target_command("autopsy")
    @format_option
    @output_option
    def autopsy(target: str, values: Sequence[str], fmt: str, output: str | None) -> None:
        """Find where a NaN or infinity comes from, and show how to write the line instead."""
        from adlab.judges import autopsy as make

        function, args = function_at(target, values)
        emit(make(function, *args).render(fmt), output)

    @click.command("swell")
    @click.argument("target", metavar="[EXPR]", default="4*x*(1 - x)")
    @click.argument("values", nargs=-1, metavar="[NAME=VALUE]...")
    @click.option(
        "--steps",
        type=click.IntRange(1, 100_000),
        default=10,
        show_default=True,
        help="How many members of the family.",
    )
    @click.option(
        "--family",
        is_flag=True,
        help="EXPR is FILE.py:FUNCTION that returns the n-th function for n = 1, 2, ….",
    )
    @click.option(
        "--limit", type=click.IntRange(min=0), help="SymPy's limit of operations; 0 leaves SymPy out."
    )
    @format_option
    @output_option
    def swell(
        target: str,
        values: Sequence[str],
        steps: int,
        family: bool,
        limit: int | None,
        fmt: str,
        output: str | None,
    ) -> None:
        r"""Count how an expression swells when it is iterated, written out and as a graph.

        EXPR is a map of one number, by default the logistic map 4*x*(1 - x); its iterates are counted.

        \b
        adlab swell "4*x*(1 - x)" x=0.2 --steps 10
        adlab swell families.py:chain x=0.2 y=1 --family
        """
        from adlab.cli.target import load_target
        from adlab.cli.values import parse_values
        from adlab.judges import swell as make

        function = load_target(target)
        at = tuple(parse_values(values).values()) or (0.2,)
        chosen: dict[str, Any] = {"family": function} if family else {"step": function}
        emit(make(**chosen, steps=steps, at=at, limit=limit).render(fmt), output)

    @target_command("cost")
    @click.option(
        "--depth",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Scopes nested this deep are one step.",
    )
    @format_option
    @output_option
    def cost(target: str, values: Sequence[str], depth: int, fmt: str, output: str | None) -> None:
        """Count what each way to differentiate takes, against the theorems."""
        from adlab.judges import cost as make

        function, args = function_at(target, values)
        emit(make(function, *args, depth=depth).render(fmt), output)

    @target_command("power")
    @click.option(
        "--tol", "tolerances", type=float, multiple=True, help="A tolerance; may be given several times."
    )
    @click.option(
        "--mode",
        type=click.Choice(("reverse", "forward")),
        default="reverse",
        show_default=True,
        help="The sweep under test.",
    )
    @click.option(
        "--plants",
        type=click.IntRange(min=1),
        default=4,
        show_default=True,
        help="Nodes at which each mistake is planted.",
    )
    @format_option
    @output_option
    def power(
        target: str,
        values: Sequence[str],
        tolerances: tuple[float, ...],
        mode: str,
        plants: int,
        fmt: str,
        output: str | None,
    ) -> None:
        """Plant wrong rules and see which gradient check catches which."""
        from adlab.judges import checker_power as make

        function, args = function_at(target, values)
        chosen = tolerances or None
        emit(make(function, *args, tolerances=chosen, mode=mode, plants=plants).render(fmt), output)

    @target_command("grade")
    @click.option("--tol", type=float, help="Allowed rounding, relative to the true number; default 0.005.")
    @format_option
    @output_option
    def grade(
        work: str, target: str, values: Sequence[str], tol: float | None, fmt: str, output: str | None
    ) -> None:
        """Mark the trace table in FILE, Markdown or CSV; exit status 1 if a cell is wrong."""
        from adlab.judges import grade as make

        function, args = function_at(target, values)
        report = make(Path(work), function, *args, tolerance=tol)
        emit(report.render(fmt), output)
        if not report.passed:
            raise click.exceptions.Exit(1)

    grade.params.insert(0, click.Argument(["work"], metavar="FILE"))
    return [kinks, step, autopsy, cost, swell, power, grade]


def parse_policy(entries: Sequence[str]) -> dict[str, Any]:
    """Return a policy from words such as ``relu=0`` and ``abs=right``.

    Examples
    --------
    >>> parse_policy(["relu=0", "abs=right"])
    {'relu': 0.0, 'abs': 'right'}
    """
    policy: dict[str, Any] = {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        if not equals or not name or not value:
            raise InputError(f"The policy {entry!r} is no NAME=VALUE; write relu=0, or abs=right.")
        try:
            policy[name] = float(value)
        except ValueError:
            policy[name] = value
    return policy
