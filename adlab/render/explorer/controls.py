"""What a reader moves: the trace and its steps, the inputs, the seed, the result, the step of differences."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from adlab.render.explorer.document import typeset
from adlab.render.explorer.subject import Subject
from adlab.render.names import latex_name

TRACES = ("evaluation", "tangent", "adjoint")
STEPS = (
    '<div class="steps"><button type="button" id="back">◀ back</button> '
    '<button type="button" id="step">step ▶</button></div>'
)
STATUS = '<div class="status"><p id="status" role="status" aria-live="polite"></p><p id="detail"></p></div>'
H_SLIDER = (
    '<span><label for="h">step h</label>'
    '<input type="range" id="h" min="-15" max="-1" step="0.5" value="-5">'
    '<output id="h-value" for="h">1e−5</output></span>'
)
RESET = '<button type="button" id="reset">reset point</button>'


def controls(subject: Subject) -> str:
    """Return the form above the picture."""
    graph = subject.graph
    assert subject.inputs is not None
    radios = "".join(
        f'<label><input type="radio" name="trace" value="{k}"> {k} {word}</label>'
        for k, word in enumerate(TRACES, 1)
    )
    points = zip(graph.inputs, subject.inputs, strict=True)
    sliders = "".join(_slider(k, name, float(x)) for k, (name, x) in enumerate(points))
    seed = _choice("seed", "seed", "The input that tangents belong to", graph.inputs)
    if len(graph.outputs) > 1:
        seed += _choice("output", "result", "The output that adjoints belong to", graph.output_names)
    return (
        '<form autocomplete="off"><div class="controls">'
        f"<fieldset><legend>Trace</legend>{radios}</fieldset>{STEPS}{STATUS}</div>"
        f'<div class="inputs">{sliders}{seed}{H_SLIDER}{RESET}</div></form>'
    )


def _choice(name: str, word: str, meaning: str, options: Iterable[str]) -> str:
    listed = "".join(f'<option value="{k}">{escape(option)}</option>' for k, option in enumerate(options))
    select = f'<select id="{name}" title="{meaning}">{listed}</select>'
    return f'<span><label for="{name}">{word}</label>{select}</span>'


def _slider(k: int, name: str, x: float) -> str:
    low, high, step = slider_range(x)
    words = escape(name)
    return (
        f'<span><label for="slider-{k}">{typeset(latex_name(name))}</label>'
        f'<input type="range" id="slider-{k}" min="{low!r}" max="{high!r}" step="{step!r}" value="{x!r}" '
        f'aria-label="{words}">'
        f'<input type="number" id="field-{k}" step="any" value="{x!r}" aria-label="{words}, typed"></span>'
    )


def slider_range(x: float) -> tuple[float, float, float]:
    """Return lowest value, highest value and mark distance of a slider: round numbers, 0 among them.

    Examples
    --------
    >>> slider_range(2.0), slider_range(0.0)
    ((-1.0, 5.0, 0.01), (-2.0, 2.0, 0.01))
    """
    if not math.isfinite(x):
        return -2.0, 2.0, 0.01
    reach = max(1.5 * abs(x), 2.0 if x == 0 else 0.0)
    unit = 10.0 ** math.floor(math.log10(reach))
    digits = 2 - round(math.log10(unit))
    low, high = math.floor((x - reach) / unit) * unit, math.ceil((x + reach) / unit) * unit
    return round(low, digits), round(high, digits), round(unit / 100, digits)
