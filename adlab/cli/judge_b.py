"""The commands that measure and mark: cost, swell, power, grade."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

Command = Callable[..., None]
Decorator = Callable[[Command], Command]
Emit = Callable[[str, str | None], None]


def commands() -> list[click.Command]:
    """Return the commands; they are made of the helpers of `adlab.cli.main`, which adds them."""
    from adlab.cli.main import FORMATS, emit, function_at, output_option, target_command

    def format_option(function: Command) -> Command:
        return click.option(
            "--format",
            "fmt",
            type=click.Choice(FORMATS),
            default="text",
            show_default=True,
            help="How to write it.",
        )(function)

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
        from adlab.api_judge_b import cost as make

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
        from adlab.api_judge_b import checker_power as make

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
        from pathlib import Path

        from adlab.api_judge_b import grade as make

        function, args = function_at(target, values)
        report = make(Path(work), function, *args, tolerance=tol)
        emit(report.render(fmt), output)
        if not report.passed:
            raise SystemExit(1)

    grade.params.insert(0, click.Argument(["work"], metavar="FILE"))
    return [cost, _swell(format_option, output_option, emit), power, grade]


def _swell(format_option: Decorator, output_option: Decorator, emit: Emit) -> click.Command:
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
        from adlab.api_judge_b import swell as make
        from adlab.cli.target import load_target
        from adlab.cli.values import parse_values

        function = load_target(target)
        at = tuple(parse_values(values).values()) or (0.2,)
        chosen: dict[str, Any] = {"family": function} if family else {"step": function}
        emit(make(**chosen, steps=steps, at=at, limit=limit).render(fmt), output)

    return swell
