"""The command that diagnoses a network, its data and its training: diagnose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adlab.cli.training import parse_hidden, settings_options


def commands() -> list[click.Command]:
    """Return the commands; they are made of the helpers of `adlab.cli.main`, which adds them."""
    from adlab.cli.main import emit, format_option, output_option

    @click.command("diagnose")
    @settings_options
    @click.option(
        "--run",
        "folder",
        type=click.Path(file_okay=False),
        help="A folder of adlab train: its settings, its weights as they are now, and its curves.",
    )
    @click.option(
        "--check", "checks", multiple=True, metavar="NAME", help="Make this check only; repeatable."
    )
    @click.option("--picture", type=click.Path(dir_okay=False), help="Also draw the layers: .svg .png .pdf")
    @format_option
    @output_option
    def diagnose(
        folder: str | None,
        checks: tuple[str, ...],
        picture: str | None,
        fmt: str,
        output: str | None,
        **settings: Any,
    ) -> None:
        """Check a network, its data and its training by the lectures' recipe; exit status 1 if a check fails.

        \b
        adlab diagnose --data moons --hidden 16 --activation tanh --rate 0.02
        adlab diagnose --run species --picture layers.svg
        adlab diagnose --data digits --check "initial loss" --check "dead units"
        """  # noqa: D301 - \b is click's own mark, not a backslash to print
        from adlab.nn.diagnosis import diagnose as make
        from adlab.nn.jobs import RUN, Job, resume

        job = (
            Job(**{**settings, "hidden": parse_hidden(settings["hidden"])})
            if folder is None
            else resume(folder)
        )
        ready = job.prepare()
        if folder is not None:
            ready.fit(resume=Path(folder, RUN), progress=False)
        shown = make(
            ready.trainer,
            ready.scaling.apply(ready.train.X),
            ready.train.y,
            validation=ready.judged,
            batch_size=ready.batch,
            epochs=job.epochs,
            checks=checks or None,
        )
        emit(shown.render(fmt), output)
        if picture is not None:
            click.echo(f"wrote {shown.draw().save(picture)}", err=True)
        if not shown.passed:
            raise click.exceptions.Exit(1)

    return [diagnose]
