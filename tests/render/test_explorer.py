"""The explorer page: what is in it, and that its script computes what Python computes (run under node)."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import zlib
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adlab.algebra.notation import NOTATION, symbol
from adlab.algebra.numpy import NUMPY
from adlab.errors import InputError
from adlab.frontends.recording import record
from adlab.ir.graph import Graph
from adlab.primitives import TABLE
from adlab.primitives.elementwise import ELEMENTWISE as KNOWN_TO_THE_PAGE
from adlab.primitives.rules import Elementwise, NoPartial
from adlab.render.drawing import Drawing, draw_graph
from adlab.render.explorer.controls import slider_range
from adlab.render.explorer.formulas import NUMBERS, is_by_cases
from adlab.render.explorer.program import Program
from adlab.render.explorer.subject import Subject, asset, operation_names, operations_of, trace_of, why_static
from adlab.render.formula import write
from adlab.render.numbers import significant
from adlab.transforms.sweeps import evaluate, forward_sweep, reverse_sweep

NODE = shutil.which("node")
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
ELEMENTWISE = list(KNOWN_TO_THE_PAGE)  # pages of graphs with rows of other families are static, and say so


def running(x1: Any, x2: Any) -> Any:
    return np.log(x1) + x1 * x2 - np.sin(x2)


def by_cases(x: Any, a: Any) -> Any:
    return np.maximum(x, a) * np.abs(x) + np.where(x > a, x**2, np.exp(-x)) - np.minimum(3.0, a * x) / a**3


def several(x: Any, y: Any) -> Any:
    return x * y, np.tanh(x - y) / (1 + x * x), np.hypot(x, y) ** y, y


def repeated(x: Any) -> Any:
    return x * x - (-x) * np.sqrt(x) + (2.0 - x) ** 3


PROGRAMS: list[tuple[Callable[..., Any], tuple[float, ...], tuple[float, ...]]] = [
    (running, (2.0, 5.0), (0.3, -1.25)),
    (by_cases, (0.7, 0.2), (-0.5, 1.5)),
    (several, (2.0, 0.5), (-0.75, 1.5)),
    (repeated, (2.25,), (1e-3,)),
]
each_program = pytest.mark.parametrize(
    ("function", "home", "away"), PROGRAMS, ids=lambda p: getattr(p, "__name__", "")
)


def drawn(function: Callable[..., Any], args: Sequence[Any], **options: Any) -> Drawing:
    graph = record(function, args).graph
    values = [np.float64(x) if np.ndim(x) == 0 else np.asarray(x) for x in args]
    return draw_graph(graph, values, engine="builtin", **options)


def prepared(function: Callable[..., Any], args: Sequence[float]) -> Program:
    graph = record(function, tuple(args)).graph
    subject = Subject(graph, tuple(map(np.float64, args)))
    return Program(subject, [trace_of(subject, k) for k in range(len(graph.outputs))])


def in_node(code: str, data: Any = None) -> Any:
    """Run code after the page's own functions; it reads `given`, and calls `answer` with what comes back."""
    answer = (
        "const coded = (k, x) => (typeof x === 'number' && !Number.isFinite(x) "
        "? { NaN: 'nan', Infinity: 'inf', '-Infinity': '-inf' }[String(x)] : x);\n"
        "const answer = (x) => console.log(JSON.stringify(x, coded));\n"
    )
    source = [asset("operations.js"), asset("program.js"), answer, f"const given = {json.dumps(data)};", code]
    assert NODE is not None
    done = subprocess.run(
        [NODE, "-"], input="\n".join(source), capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def coded(x: Any) -> Any:
    if isinstance(x, (bool, np.bool_)):
        return bool(x)
    return float(x) if math.isfinite(x) else str(float(x))


def close(found: Any, wanted: Any, tolerance: float = 1e-12) -> bool:
    a, b = float(found), float(wanted)
    return a == b or (a != a and b != b) or abs(a - b) <= tolerance * max(abs(b), 1e-290)


# ---------------------------------------------------------------------------------- the table of operations


def points_of(row: Any) -> list[tuple[Any, ...]]:
    """Points inside the domain of a row, its special points, and points on its kinks."""
    rng = np.random.default_rng(zlib.crc32(row.name.encode()))

    def number(low: Any, high: Any) -> Any:
        if isinstance(low, bool):
            return bool(rng.integers(0, 2))
        return int(rng.integers(low, high + 1)) if isinstance(low, int) else float(rng.uniform(low, high))

    drawn = [tuple(number(*interval) for interval in row.domain.intervals) for _ in range(25)]
    kinks = [point for kink in row.kinks for point, _ in kink.cases]
    return [*drawn, *row.domain.samples, *kinks]


def numpy_answer(row: Any, point: Sequence[Any]) -> list[Any]:
    xs = [np.float64(x) if not isinstance(x, bool) else np.bool_(x) for x in point]
    with np.errstate(all="ignore"):
        y = NUMPY.apply(row, xs)
        partials = row.rule.partials if isinstance(row.rule, Elementwise) else ()
        known = [None if isinstance(partial, NoPartial) else partial for partial in partials]
        return [y, *(None if partial is None else partial(NUMPY, y, *xs) for partial in known)]


def test_every_elementwise_row_is_known_to_the_page() -> None:
    assert operation_names() - {"stop_gradient"} == {row.name for row in ELEMENTWISE}


@needs_node
def test_operations_agree_with_numpy() -> None:
    cases = [(row, point) for row in ELEMENTWISE for point in points_of(row)]
    code = """
    answer(given.map(([name, xs]) => {
      const { value, partials } = OPERATIONS[name], operands = xs.map(number), y = value(...operands);
      return [y, ...partials.map((partial) => (partial ? partial(y, ...operands) : null))];
    }));"""
    answers = in_node(code, [[row.name, [coded(x) for x in point]] for row, point in cases])
    assert len(answers) == len(cases) > 25 * len(ELEMENTWISE)
    for (row, point), found in zip(cases, answers, strict=True):
        wanted = numpy_answer(row, point)
        assert len(found) == len(wanted), row.name
        for f, w in zip(found, wanted, strict=True):
            assert (f is None) == (w is None), (row.name, point)
            assert f is None or close(f, w), (row.name, point, found, wanted)


@needs_node
def test_rules_by_cases_tell_their_case() -> None:
    """Where the formula of a partial depends on the point, the page must know that it changes."""
    chosen = set()
    for row in ELEMENTWISE:
        if row.name == "polygamma":  # it refuses the partial by its order, and so has no formula
            continue
        for point in points_of(row):
            graph = record(lambda *xs, row=row: _apply(row, xs), [np.asarray(x)[()] for x in point]).graph
            with np.errstate(all="ignore"):
                values = evaluate(graph, NUMPY, [np.asarray(x)[()] for x in point])
            terms = {i: symbol("v", i, value) for i, value in enumerate(values)}
            if is_by_cases(graph, len(graph) - 1, terms):
                chosen.add(row.name)
    code = "answer(Object.keys(OPERATIONS).filter((name) => OPERATIONS[name].branch));"
    assert chosen == set(in_node(code)) != set()


def _apply(row: Any, xs: Sequence[Any]) -> Any:
    return xs[0].recorder.record(row, tuple(xs))


@needs_node
@pytest.mark.parametrize("digits", [1, 2, 4])
def test_numbers_are_written_as_python_writes_them(digits: int) -> None:
    rng = np.random.default_rng(0)
    numbers = [
        *(rng.normal(size=300) * 10.0 ** rng.integers(-12, 12, 300)),
        0.0,
        -0.0,
        1e300,
        5e-324,
        2.5625,
        12345.0,
    ]
    numbers += [
        12335.0,
        0.5,
        1.5,
        2.5,
        9999.5,
        99995.0,
        0.00012345,
        0.000099995,
        1e-5,
        -1.0,
        math.inf,
        -math.inf,
        math.nan,
    ]
    found = in_node(
        f"answer(given.map((x) => significant(number(x), {digits})));", [coded(x) for x in numbers]
    )
    assert found == [significant(x, digits) for x in numbers]


# ------------------------------------------------------------------------------------------- whole programs


def node_run(program: Program, point: Sequence[float]) -> Any:
    code = """
    const [data, point] = given;
    const at = (inputs) => {
      const values = evaluate(data, inputs);
      return { values, partials: partialsAt(data, values), branches: branchesAt(data, values) };
    };
    const here = at(point), home = at(data.point);
    const moved = here.branches.map((branch, i) => branch !== home.branches[i]);
    answer({
      values: here.values, moved,
      tangents: data.inputs.map((_, k) => tangents(data, here.partials, k)),
      adjoints: data.outputs.map((j) => adjoints(data, here.partials, j)),
      differences: data.outputs.map((j) =>
        data.inputs.map((_, k) => difference(data, point, k, 1e-5, j, true))),
      formulas: data.formulas.map((template) => template && filled(template, here)),
      tangentNumbers: data.operations.map((_, i) => data.operations[i][0] === "input" ? null
        : tangentNumbers(data, { ...here, moved, tangents: tangents(data, here.partials, 0) }, i)),
      adjointNumbers: data.outputs.map((j, k) => data.operations.map((_, i) =>
        adjointNumbers(data, { ...here, adjoints: adjoints(data, here.partials, j) }, k, i))),
    });"""
    return in_node(code, [program.data(), [float(x) for x in point]])


def same(found: Sequence[Any], wanted: Sequence[Any]) -> bool:
    return len(found) == len(wanted) and all(
        (f is None) == (w is None) and (f is None or close(f, w)) for f, w in zip(found, wanted, strict=True)
    )


@needs_node
@each_program
def test_sweeps_agree_with_python(function: Any, home: Any, away: Any) -> None:
    program = prepared(function, home)
    graph: Graph = program.graph
    for point in (home, away):
        run = node_run(program, point)
        values = evaluate(graph, NUMPY, [np.float64(x) for x in point])
        assert same(run["values"], values)
        for k in range(len(graph.inputs)):
            seeds = [np.float64(i == k) for i in range(len(graph.inputs))]
            assert same(run["tangents"][k], forward_sweep(graph, NUMPY, values, seeds))
        for k, j in enumerate(graph.outputs):
            adjoints = reverse_sweep(graph, NUMPY, values, [(j, np.float64(1))])
            assert same(run["adjoints"][k], adjoints)
            exact = [0.0 if a is None else a for a in adjoints[: len(graph.inputs)]]
            assert all(
                close(f, w, 1e-6) or abs(f - w) < 1e-7
                for f, w in zip(run["differences"][k], exact, strict=True)
            )


@needs_node
@each_program
def test_numbers_in_formulas_are_pythons(function: Any, home: Any, away: Any) -> None:
    """Formulas with numbers are what Python writes at the point; elsewhere, what a trace there writes."""
    program = prepared(function, home)
    for point in (home, away):
        there = prepared(function, point)
        run = node_run(program, point)
        for node, row in there.rows[0].items():
            if row.formula is not None:
                assert run["formulas"][node] == write(row.formula, NUMBERS, substitute=True)
            tangent = row.tangents[there.traces[0].columns[0]].formula
            if tangent is not None and not run["moved"][node]:
                assert run["tangentNumbers"][node] == write(tangent, NUMBERS, substitute=True)
            for k, rows in enumerate(there.rows):
                adjoint = rows[node].adjoint
                wanted = (
                    write(adjoint.formula, NUMBERS, substitute=True) if adjoint and adjoint.formula else ""
                )
                assert run["adjointNumbers"][k][node] == wanted


@needs_node
def test_a_case_that_changed_is_noticed() -> None:
    run = node_run(prepared(by_cases, (0.7, 0.2)), (-0.5, 1.5))
    assert any(run["moved"])
    assert not any(node_run(prepared(by_cases, (0.7, 0.2)), (0.7, 0.2))["moved"])


# ------------------------------------------------------------------------------------------------- the page


class Reader(HTMLParser):
    """Collects what tests ask for, and checks that elements nest."""

    VOID = frozenset(("meta", "input", "br"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def ids(self) -> list[str]:
        return [attrs["id"] or "" for _, attrs in self.elements if "id" in attrs]


def script_of(page: str) -> str:
    return re.findall(r"<script>\n(.*?)</script>", page, re.DOTALL)[0]


def data_of(page: str) -> Any:
    return json.loads(
        re.findall(r'<script type="application/json" id="program">(.*?)</script>', page, re.DOTALL)[0]
    )


def test_the_page_of_the_running_example(tmp_path: Path) -> None:
    page = drawn(running, (2.0, 5.0)).save(tmp_path / "graph.html").read_text(encoding="utf-8")
    assert len(page.encode()) < 60_000
    reader = Reader(page)
    assert len(set(reader.ids())) == len(reader.ids())
    rows = [attrs["data-node"] for tag, attrs in reader.elements if tag == "tr" and "data-node" in attrs]
    boxes = [attrs["data-box"] for tag, attrs in reader.elements if tag == "g" and "data-box" in attrs]
    assert sorted(f"n{node}" for node in rows) == sorted(str(box) for box in boxes)
    assert {
        "slider-0",
        "slider-1",
        "field-1",
        "seed",
        "h",
        "back",
        "step",
        "status",
        "trace",
        "methods",
    } <= set(reader.ids())
    data = data_of(page)
    assert data["symbolic"] == [pytest.approx([5.5, 2 - math.cos(5)], rel=1e-15)]
    (high, low), exact = data["reference"][0][1], 2 - math.cos(5)
    assert high == pytest.approx(exact, rel=1e-15)
    assert 0 < abs(low) < 2.0**-52


@pytest.mark.parametrize(
    "args", [(2.0, 5.0), (np.ones((2, 3)), np.full((2, 3), 2.0))], ids=["live", "static"]
)
def test_a_page_asks_nothing_of_the_network(args: Any) -> None:
    page = drawn(lambda x1, x2: np.sum(running(x1, x2)), args).to_html()
    free = page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    for word in (
        "http:",
        "https:",
        "url(",
        "@import",
        "<link",
        "src=",
        "import(",
        "fetch(",
        "XMLHttp",
        "eval(",
        "//cdn",
    ):
        assert word not in free


@needs_node
@each_program
def test_the_script_is_one_a_browser_takes(function: Any, home: Any, away: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.js"
    path.write_text(script_of(drawn(function, home).to_html()), encoding="utf-8")
    assert NODE is not None
    done = subprocess.run([NODE, "--check", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_only_used_operations_are_shipped() -> None:
    used = {"add", "leaky_relu", "elu", "arctan2"}
    kept = operations_of(used)
    assert re.findall(r"^  (\w+): ", kept, re.MULTILINE) == ["add", "arctan2", "leaky_relu", "elu"]
    assert "function erf" in kept
    assert len(kept) < len(asset("operations.js"))


def test_names_and_numbers_cannot_break_out_of_the_page() -> None:
    graph = record(lambda a, b: a / b, (1.0, 0.0), names=["</script><b>", "\"&'<"]).graph
    page = draw_graph(graph, [np.float64(1), np.float64(0)], engine="builtin").to_html()
    Reader(page)
    assert "</script><b>" not in page
    assert data_of(page)["inputs"] == ["</script><b>", "\"&'<"]


@pytest.mark.parametrize(
    ("function", "args", "words"),
    [
        (lambda x: np.sum(x**2), (np.arange(3.0),), "with arrays"),
        (lambda x: np.float32(2) * x, (np.float32(1),), "float32"),
        (lambda x: x > 1, (2.0,), "no derivative flows"),
        (lambda x: 3.0, (2.0,), "no derivative flows"),
        (lambda x: [x + k for k in range(7)], (2.0,), "7 results"),
    ],
)
def test_what_the_script_cannot_compute_is_shown_at_one_point(function: Any, args: Any, words: str) -> None:
    assert words in why_static(record(function, args).graph)
    page = drawn(function, args).to_html()
    assert words in page
    assert "<script" not in page
    assert "<svg" in page
    Reader(page)


def test_a_large_graph_is_shown_at_one_point() -> None:
    def long(x: Any) -> Any:
        for k in range(300):
            x = x * 0.5 + k
        return x

    page = drawn(long, (1.0,)).to_html()
    Reader(page)
    assert "601 nodes, more than 60" in page
    assert "201 more rows are left out" in page
    assert page.count("<tr>") == 3 * 400


def test_a_picture_without_a_point_is_a_page_without_numbers() -> None:
    page = draw_graph(record(running, (2.0, 5.0)).graph, None, engine="builtin").to_html()
    Reader(page)
    assert "<script" not in page
    assert "<table" not in page


def test_unknown_endings_are_still_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Pictures are saved as"):
        drawn(running, (2.0, 5.0)).save(tmp_path / "graph.htm")


@pytest.mark.parametrize("x", [2.0, 5.0, -0.3, 0.0, 1e-9, 1234.5, 1e12, math.inf])
def test_sliders_reach_both_ways_and_hold_zero(x: float) -> None:
    low, high, step = slider_range(x)
    assert low < high
    assert low <= 0 <= high
    assert 100 <= (high - low) / step < 5000
    assert not math.isfinite(x) or low < x < high
    assert round(low / step) == pytest.approx(low / step, abs=1e-6)


def test_a_rule_by_cases_has_a_formula_for_everywhere() -> None:
    program = prepared(lambda x: np.maximum(x, 1.5), (2.0,))
    general = program.general_tangent(1)
    assert general is not None
    assert write(general) == "∂v1/∂v0 · v\u03070"
    assert prepared(running, (2.0, 5.0)).general_tangent(2) is None


def test_notation_of_a_row_without_cases_is_no_case() -> None:
    assert isinstance(TABLE["relu"].rule, Elementwise)
    term = symbol("v", 0, np.float64(2))
    assert write(TABLE["relu"].rule.partials[0](NOTATION, term, term)) == "[v0 ≥ 0]"
    assert not is_by_cases(record(lambda x: np.maximum(x, 0.0), (2.0,)).graph, 0, {0: term})


@pytest.mark.skipif(BROWSER is None, reason="no browser is installed")
def test_the_page_runs_in_a_browser(tmp_path: Path) -> None:
    """Keys step, switch traces and change nothing else; a moved input is computed anew."""
    page = drawn(running, (2.0, 5.0)).to_html()
    press = "document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))"
    drive = (
        f"<script>for (const key of ['3', 'End', 'ArrowLeft', 'ArrowRight', 'ArrowLeft']) {press};</script>"
    )
    path = tmp_path / "page.html"
    path.write_text(page.replace("</body>", f"{drive}</body>"), encoding="utf-8")
    assert BROWSER is not None
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-sync",
    ]
    command += [
        "--disable-component-update",
        f"--user-data-dir={tmp_path}/profile",
        "--virtual-time-budget=1000",
        "--dump-dom",
    ]
    done = subprocess.run([*command, f"{path.as_uri()}#x1=4"], capture_output=True, text=True, timeout=60)
    status = re.findall(r'id="status"[^>]*>([^<]*)<', done.stdout)
    assert status == ["Step 6 of 7: adjoint of v1 = 3.716 = ∂y/∂x2"]
    assert len(re.findall(r'<tr data-node="1" aria-current="step">', done.stdout)) == 1
    box = done.stdout[done.stdout.index('id="graph-n1"') :]
    assert 'aria-current="step"' in box[: box.index(">")]
    assert re.findall(r'class="adjoint"[^>]*>([^<]*)<', box[: box.index("</g>")])[-1] == "3.716"
