"""The commands that judge a point: kinks, step, autopsy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from adlab.errors import InputError

Command = Callable[..., None]


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
        from adlab.api_judge import kinks as make

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
    def step(
        target: str,
        values: Sequence[str],
        wrt: str | None,
        dtypes: Sequence[str],
        fmt: str,
        output: str | None,
    ) -> None:
        """Certify the step size of differences: best steps, slopes, digits to be trusted."""
        from adlab.api_judge import step as make
        from adlab.render.judge_a import PICTURES

        function, args = function_at(target, values)
        shown = make(function, *args, wrt=wrt, dtypes=dtypes or ("float64", "float32"))
        if output is not None and Path(output).suffix.lower() in PICTURES:
            click.echo(f"wrote {shown.save(output)}")
        else:
            emit(shown.render(fmt), output)

    @target_command("autopsy")
    @format_option
    @output_option
    def autopsy(target: str, values: Sequence[str], fmt: str, output: str | None) -> None:
        """Find where a NaN or infinity comes from, and show how to write the line instead."""
        from adlab.api_judge import autopsy as make

        function, args = function_at(target, values)
        emit(make(function, *args).render(fmt), output)

    return [kinks, step, autopsy]


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
