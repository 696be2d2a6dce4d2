"""The commands that train: train, predict, tune."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from adlab.errors import InputError

Command = Callable[..., None]

ACTIVATIONS = ("relu", "tanh", "sigmoid", "identity", "leaky_relu", "prelu", "elu", "srelu", "maxout")
LOSSES = ("auto", "cross_entropy", "squared_error", "binary_cross_entropy", "hinge")
OPTIMISERS = ("adam", "adamw", "sgd", "rmsprop", "adagrad")
SCALES = ("standard", "mean", "whole", "range", "none")
METHODS = ("reverse", "forward", "symbolic", "numerical")

FREE_WITH_RESUME = ("output", "resume", "epochs", "overwrite")
"""Options that may be given beside --resume."""

SETTINGS = (
    click.option(
        "--data",
        default="moons",
        show_default=True,
        metavar="NAME|FILE.csv",
        help="moons, spirals, circles, xor, steps; digits, iris, wine, breast_cancer, diabetes (with scikit-learn); or a "
        "CSV file with a row of column names.",
    ),
    click.option("--target", metavar="COLUMN", help="The column of a CSV file to predict; default the last."),
    click.option(
        "--drop", multiple=True, metavar="COLUMN", help="A column of a CSV file to leave out; repeatable."
    ),
    click.option(
        "--categorical",
        multiple=True,
        metavar="COLUMN",
        help="A column whose numbers are names of categories; repeatable.",
    ),
    click.option(
        "--task",
        type=click.Choice(("auto", "classification", "regression")),
        default="auto",
        show_default=True,
        help="What the target of a CSV file is; auto takes text, and few whole numbers, as classes.",
    ),
    click.option(
        "--hidden",
        default="100",
        show_default=True,
        metavar="SIZES",
        help="Units of each hidden layer: 100, or 64,32, or none.",
    ),
    click.option("--activation", type=click.Choice(ACTIVATIONS), default="relu", show_default=True),
    click.option(
        "--loss",
        type=click.Choice(LOSSES),
        default="auto",
        show_default=True,
        help="auto: cross_entropy for classes, squared_error for numbers.",
    ),
    click.option(
        "--optimizer", "--optimiser", type=click.Choice(OPTIMISERS), default="adam", show_default=True
    ),
    click.option(
        "--rate",
        type=float,
        help="The learning rate; default the optimiser's usual one (adam 0.001, sgd 0.01).",
    ),
    click.option(
        "--l2",
        type=click.FloatRange(min=0),
        default=0.0,
        help="λ of the penalty λ·Σw² on the weights; default 0.",
    ),
    click.option(
        "--scale",
        type=click.Choice(SCALES),
        default="standard",
        show_default=True,
        help="What to do to the features: subtract the mean and divide by the standard deviation; subtract each one's mean; "
        "subtract one mean of all; bring to [0, 1]; nothing.",
    ),
    click.option(
        "--method",
        type=click.Choice(METHODS),
        default="reverse",
        show_default=True,
        help="What differentiates.",
    ),
    click.option(
        "--epochs", type=click.IntRange(min=1), default=20, show_default=True, help="Passes over the samples."
    ),
    click.option(
        "--batch",
        type=click.IntRange(min=1),
        help="Samples of a step; default 64, or all if there are fewer.",
    ),
    click.option(
        "--validation",
        type=click.FloatRange(0, 1, max_open=True),
        default=0.2,
        show_default=True,
        help="Share of samples to set aside and judge after each epoch; 0 for none.",
    ),
    click.option(
        "--patience", type=click.IntRange(min=1), help="Stop after so many epochs without a better one."
    ),
    click.option(
        "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="One seed, one result."
    ),
)
"""What is trained, on what, and how: the options of train and tune."""


def settings_options(function: Command) -> Command:
    """Add the options that say what is trained, on what, and how."""
    for option in reversed(SETTINGS):
        function = option(function)
    return function


def commands() -> list[click.Command]:
    """Return the commands; they are made of the helpers of `adlab.cli.main`, which adds them."""
    from adlab.cli.main import emit, format_option

    @click.command("train")
    @settings_options
    @click.option(
        "--every",
        default="1 epoch",
        show_default=True,
        help="How often to save: '5 epochs', '200 steps', '10 minutes'.",
    )
    @click.option(
        "-o",
        "--output",
        default="run",
        show_default=True,
        type=click.Path(file_okay=False),
        help="Folder for weights, history, report and curves.",
    )
    @click.option(
        "--resume", is_flag=True, help="Go on with the run in the folder, after a stop or for more --epochs."
    )
    @click.option("--overwrite", is_flag=True, help="Replace the run that the folder holds.")
    @click.pass_context
    def train(context: click.Context, /, output: str, resume: bool, overwrite: bool, **settings: Any) -> None:
        """Train a network and write weights, history, report and curves to a folder.

        The same seed makes the same bytes. A run that was stopped, by whatever, goes on where it was with --resume.

        \b
        adlab train --data moons --hidden 16 --activation tanh --rate 0.02 --epochs 50
        adlab train --data measurements.csv --target species --hidden 32,16 -o species
        adlab train --resume --epochs 100 -o species
        adlab predict species new.csv
        """  # noqa: D301 - \b is click's own mark, not a backslash to print
        job = _job(context, output, resume, overwrite, settings)
        with warnings.catch_warnings():
            warnings.showwarning = _told
            result = job.run(output, go_on=resume)
        emit(result.history.to_text(), None)
        emit(result.sentence, None)
        written = ", ".join(sorted(path.name for path in result.folder.iterdir()))
        emit(f"wrote {result.folder}: {written}", None)

    @click.command("predict")
    @click.argument("folder", type=click.Path(file_okay=False))
    @click.argument("data", required=False)
    @click.option(
        "-o", "--output", type=click.Path(dir_okay=False), help="Write to FILE instead of the terminal."
    )
    def predict(folder: str, data: str | None, output: str | None) -> None:
        """Predict with the network that adlab train wrote to FOLDER, as comma-separated values.

        DATA is a CSV file with the columns of the training file, where the target may be missing, or the name of a set;
        by default the training data. Where the target is known, the score is printed on standard error.

        \b
        adlab predict species new.csv
        adlab predict species new.csv -o predictions.csv
        """  # noqa: D301 - \b is click's own mark, not a backslash to print
        from adlab.nn.jobs import predict as make

        found = make(folder, data)
        emit(found.to_csv(), output)
        if found.score:
            click.echo(found.score, err=True)

    @click.command("tune")
    @click.argument("grid", nargs=-1, metavar="NAME=VALUES...")
    @settings_options
    @click.option(
        "--repeats",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Seeds that each combination is trained from; the table shows mean and standard deviation.",
    )
    @click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="Processes that share the runs; default one per processor.",
    )
    @format_option
    @click.option(
        "-o",
        "--output",
        default="tuning.json",
        show_default=True,
        type=click.Path(dir_okay=False),
        help="The file of results, written after every run.",
    )
    @click.option("--resume", is_flag=True, help="Go on with the search in the file of results.")
    @click.option("--overwrite", is_flag=True, help="Replace the search that the file of results holds.")
    @click.pass_context
    def tune(
        context: click.Context,
        /,
        grid: tuple[str, ...],
        repeats: int,
        workers: int | None,
        fmt: str,
        output: str,
        resume: bool,
        overwrite: bool,
        **settings: Any,
    ) -> None:
        """Try every combination of settings and print how each does on the samples set aside, best first.

        NAME=VALUES are options of adlab train with several values, a comma between them; layers are joined with x. All
        other options are those of adlab train and hold for every run. A search that was stopped goes on with --resume.

        \b
        adlab tune rate=0.1,0.01,0.001 hidden=8,16,32x16 --data moons --epochs 30
        adlab tune l2=0,1e-4,1e-2 scale=standard,range --data measurements.csv --repeats 5 -o search.json
        adlab tune --resume -o search.json
        """  # noqa: D301 - \b is click's own mark, not a backslash to print
        search = _search(context, grid, repeats, output, resume, overwrite, settings)
        found = search.run(output, go_on=resume, workers=workers or _processors())
        emit(found.render(fmt), None)
        click.echo(f"The best: {' '.join(['adlab train', *_words(found.job)])}", err=True)

    return [train, predict, tune]


def _search(
    context: click.Context,
    grid: Sequence[str],
    repeats: int,
    output: str,
    resume: bool,
    overwrite: bool,
    settings: dict[str, Any],
) -> Any:
    """Return the search that the arguments describe, or the one that the file of results holds."""
    from adlab.nn import jobs, tuning

    given = [name for name in context.params if _was_given(context, name)]
    if resume:
        other = [name for name in given if name not in ("output", "resume", "workers", "fmt")]
        if grid or other:
            named = ", ".join("NAME=VALUES" if name == "grid" else f"--{name}" for name in other)
            raise InputError(f"With --resume the search is the one in {output}; leave out {named}.")
        return tuning.resume(output)
    if os.path.exists(output) and not overwrite:
        raise InputError(
            f"The file {output} is there already; add --resume to go on with its search or --overwrite to replace it, or "
            "give another file with -o."
        )
    types = {param.name: param.type for param in context.command.params if param.name}
    values = parse_grid(grid, types)
    both = [name for name in given if name in values]
    if both:
        raise InputError(f"{both[0]} stands in the grid and as --{both[0]} too; leave out one of them.")
    job = jobs.Job(**{**settings, "hidden": parse_hidden(settings["hidden"])})
    return tuning.Search(job, values, repeats)


def parse_grid(words: Sequence[str], types: Mapping[str, click.ParamType[Any]]) -> dict[str, tuple[Any, ...]]:
    """Return the values to be tried from words such as ``rate=0.1,0.01`` and ``hidden=8,32x16,none``.

    Each value is read as the option of that name reads it; ``types`` says how.

    Examples
    --------
    >>> parse_grid(["rate=0.1,0.01", "hidden=8,32x16,none"], {"rate": click.FLOAT})
    {'rate': (0.1, 0.01), 'hidden': ((8,), (32, 16), ())}
    """
    from adlab.nn.tuning import TUNABLE

    found: dict[str, tuple[Any, ...]] = {}
    for word in words:
        name, equals, values = word.partition("=")
        name = "optimizer" if name == "optimiser" else name
        if not equals or not values:
            raise InputError(f"{word!r} does not say what to try; write for example rate=0.1,0.01.")
        if name not in TUNABLE:
            raise InputError(f"A grid search cannot vary {name!r}; it may vary {', '.join(TUNABLE)}.")
        if name in found:
            raise InputError(f"{name} is given twice; write all its values after one {name}=.")
        found[name] = tuple(_read_value(name, value.strip(), types) for value in values.split(","))
    return found


def _read_value(name: str, text: str, types: Mapping[str, click.ParamType[Any]]) -> Any:
    """Return one value of the grid, checked as the option of that name is."""
    if name == "hidden":
        return parse_hidden(text, "hidden=", "x")
    try:
        return types[name].convert(text, None, None)
    except click.BadParameter as error:
        raise InputError(f"{name}={text} cannot be tried: {error.message.rstrip('.')}.") from None


def _words(job: Any) -> list[str]:
    """Return the options of adlab train that make a job, where they are not the usual ones."""
    import shlex
    from dataclasses import fields

    words: list[str] = []
    for field in fields(job):
        value = getattr(job, field.name)
        if field.name in ("drop", "categorical"):
            words += [word for column in value for word in (f"--{field.name}", shlex.quote(column))]
        elif field.name == "data" or value != field.default:
            text = ",".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)
            words += [f"--{field.name}", shlex.quote(text)]
    return words


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _job(context: click.Context, output: str, resume: bool, overwrite: bool, settings: dict[str, Any]) -> Any:
    """Return the job that the options describe, or the one that the folder holds."""
    from adlab.nn import jobs

    given = [name for name in context.params if _was_given(context, name)]
    if resume:
        other = [name for name in given if name not in FREE_WITH_RESUME]
        if other or overwrite:
            named = ", ".join(f"--{name}" for name in other) or "--overwrite"
            raise InputError(
                f"With --resume the settings are those of the run in {output}; leave out {named}, only --epochs may change."
            )
        return jobs.resume(output, settings["epochs"] if "epochs" in given else None)
    if jobs.holds_run(output) and not overwrite:
        raise InputError(
            f"The folder {output} holds a run already; add --resume to go on with it or --overwrite to replace it, or give "
            "another folder with -o."
        )
    return jobs.Job(**{**settings, "hidden": parse_hidden(settings["hidden"])})


def _told(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning as one line on standard error."""
    click.echo(f"adlab: {message}", err=True)


def _was_given(context: click.Context, name: str) -> bool:
    source: Callable[[str], Any] = context.get_parameter_source
    return source(name) is not click.core.ParameterSource.DEFAULT


def parse_hidden(text: str, option: str = "--hidden ", joint: str = ",") -> tuple[int, ...]:
    """Return the sizes of hidden layers from a word such as ``64,32`` or ``none``, which the option of that name holds.

    Examples
    --------
    >>> parse_hidden("64,32"), parse_hidden("none")
    ((64, 32), ())
    """
    words = [] if text.strip().lower() == "none" else text.split(joint)
    if not all(word.strip().isdecimal() and int(word) > 0 for word in words):
        raise InputError(
            f"{option}{text} does not say how many units; write 100, or 64{joint}32 for two layers, or none."
        )
    return tuple(int(word) for word in words)
