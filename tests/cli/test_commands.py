"""The command line: what each command prints, and that bad input is one sentence, exit 2, and nothing half written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adlab.cli.main import cli
from adlab.primitives import ROWS

EXPRESSION = "ln(x1) + x1*x2 - sin(x2)"
POINT = ("x1=2", "x2=5")
MODULE = """
import numpy as np

def f(x, scale=2.0):
    return scale * np.sum(np.log(x))

def vector(x):
    return np.stack([x[0] * x[1], x[0] + x[1]])

def uses_math(x):
    import math
    return math.sin(x)

NOT_A_FUNCTION = 3
"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "module.py"
    path.write_text(MODULE)
    return path


def assert_refused(result: tuple[int, str, str], *words: str) -> None:
    status, out, err = result
    assert status == 2
    assert out == ""
    assert err.startswith("adlab: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    for word in words:
        assert word in err


# ------------------------------------------------------------------------------------------------------- what works


def test_trace_prints_the_evaluation(run) -> None:
    status, out, err = run("trace", EXPRESSION, *POINT)
    assert (status, err) == (0, "")
    assert "10.693 − (−0.959)" in out
    assert "11.652" in out


@pytest.mark.parametrize("fmt", ["text", "markdown", "latex", "html", "csv", "json"])
@pytest.mark.parametrize("mode", ["evaluate", "forward", "reverse", "all"])
def test_trace_in_every_format_and_mode(run, fmt: str, mode: str, tmp_path: Path) -> None:
    target = tmp_path / "trace.out"
    status, out, _ = run("trace", EXPRESSION, *POINT, "--mode", mode, "--format", fmt, "-o", target)
    assert (status, out) == (0, "")
    assert "v6" in target.read_text() or "v_{6}" in target.read_text() or "<mn>6</mn>" in target.read_text()


def test_trace_json_is_the_documented_shape(run) -> None:
    data = json.loads(run("trace", EXPRESSION, *POINT, "--mode", "all", "--format", "json")[1])
    assert data["mode"] == "all"
    assert data["inputs"] == ["x1", "x2"]
    row = next(row for row in data["rows"] if row["name"] == "v2")
    assert row["formula"] == "ln(v0)"
    assert set(row["tangents"]) == {"x1", "x2"}
    assert row["adjoint"]["contributions"][0]["from"] == "v5"


def test_ascii_output_is_ascii(run) -> None:
    out = run("trace", EXPRESSION, *POINT, "--mode", "all", "--ascii")[1]
    assert out.isascii()
    assert "dv2" in out
    assert "bv5" in out


def test_wrt_chooses_one_column(run) -> None:
    data = json.loads(
        run("trace", EXPRESSION, *POINT, "--mode", "forward", "--wrt", "x2", "--format", "json")[1]
    )
    assert set(data["rows"][-1]["tangents"]) == {"x2"}


@pytest.mark.parametrize("numbering", ["level", "program", "baydin"])
def test_numbering(run, numbering: str) -> None:
    data = json.loads(run("trace", EXPRESSION, *POINT, "--numbering", numbering, "--format", "json")[1])
    assert data["outputs"] == ["v5" if numbering == "baydin" else "v6"]


@pytest.mark.parametrize("method", ["reverse", "forward", "symbolic", "numerical"])
def test_grad_json(run, method: str) -> None:
    data = json.loads(run("grad", EXPRESSION, *POINT, "--method", method, "--format", "json")[1])
    assert data["value"] == pytest.approx(11.652071455223084)
    assert data["gradient"] == pytest.approx({"x1": 5.5, "x2": 1.716337814536774}, rel=1e-8)
    assert data["method"] == method
    assert data["cost"]["evaluations"] >= 1


def test_compare_json(run) -> None:
    data = json.loads(run("compare", EXPRESSION, *POINT, "--format", "json")[1])
    assert [m["name"] for m in data["methods"]] == ["numerical", "symbolic", "forward", "reverse"]
    for method in data["methods"]:
        assert {"name", "value", "gradient", "relative_error", "ulps", "cost"} <= set(method)
    assert "reference" in data


def test_check_passes_and_says_so(run) -> None:
    status, out, _ = run("check", EXPRESSION, *POINT)
    assert status == 0
    assert out


@pytest.mark.parametrize("ending", ["svg", "png", "pdf", "dot", "mmd", "html"])
def test_draw_writes_every_format(run, tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"graph.{ending}"
    status, out, _ = run("draw", EXPRESSION, *POINT, "-o", target)
    assert status == 0
    assert str(target) in out
    assert target.stat().st_size > 200


@pytest.mark.parametrize("fmt", ["json", "dot", "python", "mermaid"])
def test_graph_exports(run, fmt: str) -> None:
    status, out, _ = run("graph", EXPRESSION, *POINT, "--format", fmt)
    assert status == 0
    assert len(out) > 80


def test_function_in_a_file_with_array_and_default(run, module: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([1.0, 2.0]))
    for value in ("x=[1,2]", f"x=@{tmp_path}/x.npy"):
        data = json.loads(run("grad", f"{module}:f", value, "--format", "json")[1])
        assert data["gradient"]["x"] == [2.0, 1.0]


def test_jacobian_of_several_results(run, module: Path) -> None:
    data = json.loads(run("jacobian", f"{module}:vector", "x=[3,4]", "--format", "json")[1])
    assert data["jacobian"]["x"] == [[4.0, 3.0], [1.0, 1.0]]


@pytest.mark.parametrize("fmt", ["text", "markdown", "latex", "html", "csv", "json"])
def test_primitives_lists_every_row(run, fmt: str) -> None:
    status, out, _ = run("primitives", "--format", fmt)
    assert status == 0
    for row in ROWS:
        assert row.name in out or row.name.replace("_", r"\_") in out


def test_primitives_by_name(run) -> None:
    out = run("primitives", "tanh", "ln")[1]
    assert "1 − y²" in out
    assert "1/x" in out
    assert_refused(run("primitives", "sine"), "sine")


def test_figures_writes_all(run, tmp_path: Path) -> None:
    status, _, _ = run("figures", "-o", tmp_path / "figures")
    assert status == 0
    assert len(list((tmp_path / "figures").glob("*.svg"))) >= 4


def test_help_of_every_command_teaches(run) -> None:
    for name in cli.commands:
        status, out, _ = run(name, "--help")
        assert status == 0
        assert len(out.splitlines()) > 5


# ---------------------------------------------------------------------------------------------- what does not: exit 2

BAD_EXPRESSIONS = {
    "unknown function": ("sine(x)", ["x=1"], ["sine", "sin"]),
    "missing value": (EXPRESSION, ["x1=2"], ["x2"]),
    "extra value": (EXPRESSION, [*POINT, "x3=1"], ["x3"]),
    "value twice": (EXPRESSION, ["x1=2", "x1=3", "x2=5"], ["x1"]),
    "value that is no number": (EXPRESSION, ["x1=two", "x2=5"], ["x1"]),
    "value without name": (EXPRESSION, ["2", "5"], ["="]),
    "wrong shape": ("x @ y", ["x=[1,2]", "y=[1,2,3]"], ["shapes"]),
    "ragged list": ("sum(x)", ["x=[[1,2],[3]]"], ["x"]),
    "empty": ("", [], ["empty"]),
    "blank": ("   ", [], ["empty"]),
    "unclosed parenthesis": ("sin(x", ["x=1"], ["column 4"]),
    "unopened parenthesis": ("sin(x))", ["x=1"], ["column 7"]),
    "Python": ("__import__('os')", [], []),
    "lambda": ("lambda x: x", ["x=1"], []),
    "attribute": ("x.real", ["x=1"], []),
    "implicit product": ("2x", ["x=1"], ["2*x"]),
    "trailing operator": ("x +", ["x=1"], []),
    "missing file": ("nowhere.py:f", ["x=1"], ["nowhere.py"]),
    "missing npy": ("sum(x)", ["x=@nowhere.npy"], ["nowhere.npy"]),
}


@pytest.mark.parametrize("case", BAD_EXPRESSIONS)
@pytest.mark.parametrize("command", ["trace", "grad", "compare", "check", "graph"])
def test_bad_expressions_and_values(run, case: str, command: str) -> None:
    expression, values, words = BAD_EXPRESSIONS[case]
    if command == "graph" and case == "missing value":
        values = ["x9=2"]
        words = ["x9"]
    assert_refused(run(command, expression, *values), *words)


def test_missing_function_module_error_and_no_function(run, module: Path, tmp_path: Path) -> None:
    assert_refused(run("grad", f"{module}:g", "x=1"), "g")
    assert_refused(run("grad", f"{module}:NOT_A_FUNCTION", "x=1"), "NOT_A_FUNCTION")
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0\n")
    assert_refused(run("grad", f"{broken}:f", "x=1"), "ZeroDivisionError", "broken.py")
    broken.write_text("def f(:\n")
    assert_refused(run("grad", f"{broken}:f", "x=1"), "SyntaxError")


def test_untraceable_code_names_the_line(run, module: Path) -> None:
    assert_refused(run("grad", f"{module}:uses_math", "x=1"), "module.py:", "math.sin(x)", "np.sin")


def test_what_a_users_function_raises_is_one_sentence(run, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def g(x):\n    raise KeyError('no such weight')\n")
    assert_refused(run("grad", f"{tmp_path}/own.py:g", "x=1"), "own.py:2", "KeyError", "no such weight")


def test_values_without_an_input_blame_the_expression(run) -> None:
    assert_refused(run("grad", "sin()", "x=1"), "sin does not take 0 arguments")
    assert_refused(run("grad", "x=3", "x=1"), "x stands before '='", "==")
    assert_refused(run("grad", "y = 2*x", "z=1"), "no input z; its inputs are x")


def test_operands_of_a_product_that_overflows_are_shown(run) -> None:
    assert "v1, the prod at v0 = [1e+200, 1e+200], is ∞" in run("check", "prod(x)", "x=[1e200,1e200]")[1]


def test_code_that_ends_the_program_is_refused(run, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("import sys\n\ndef g(x):\n    sys.exit(0)\n")
    for command in ("check", "grad", "trace"):
        assert_refused(
            run(command, f"{tmp_path}/own.py:g", "x=1"), "own.py:4", "ends the program", "SystemExit: 0"
        )


def test_an_interrupted_function_is_an_interrupted_program(run, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def g(x):\n    raise KeyboardInterrupt\n")
    status, out, err = run("check", f"{tmp_path}/own.py:g", "x=1")
    assert (status, out, err.strip()) == (130, "", "")


def test_an_asynchronous_function_is_refused(run, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("async def g(x):\n    return x\n")
    assert_refused(run("check", f"{tmp_path}/own.py:g", "x=1"), "async def")


@pytest.mark.parametrize("expression", ["5", "[1, 2]"])
def test_a_constant_has_nothing_to_check(run, expression: str) -> None:
    assert_refused(run("check", expression), "no input that holds numbers")


def test_an_expression_that_starts_with_a_minus(run) -> None:
    assert_refused(run("grad", "-x^2", "x=3"), "--")
    assert json.loads(run("grad", "--format", "json", "--", "-x^2", "x=3")[1])["gradient"]["x"] == -6


def test_compare_as_csv_is_for_machines(run) -> None:
    out = run("compare", EXPRESSION, *POINT, "--format", "csv")[1]
    assert out.isascii() or "∂" in out.splitlines()[0]
    lines = out.strip().splitlines()
    assert len(lines) == 5
    assert float(lines[4].split(",")[1]) == pytest.approx(11.652071455223084)


def test_result_chooses_whose_adjoints_are_shown(run) -> None:
    data = json.loads(
        run("trace", "(x*y, sin(x))", "x=2", "y=3", "--mode", "reverse", "--result", "1", "--format", "json")[
            1
        ]
    )
    assert data["rows"][-1]["adjoint"]["value"] == pytest.approx(np.cos(2.0))


@pytest.mark.parametrize("command", ["trace", "draw"])
def test_unwritable_output_leaves_nothing(run, tmp_path: Path, command: str) -> None:
    target = tmp_path / "no" / "such" / "folder.svg"
    assert_refused(run(command, EXPRESSION, *POINT, "-o", target), "folder")
    assert list(tmp_path.iterdir()) == []


def test_failed_run_keeps_the_old_file(run, tmp_path: Path) -> None:
    target = tmp_path / "graph.svg"
    target.write_text("old")
    assert_refused(run("draw", "sine(x)", "x=1", "-o", target))
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["graph.svg"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("trace", EXPRESSION, *POINT, "--format", "docx"), ["docx", "text"]),
        (("trace", EXPRESSION, *POINT, "--mode", "sideways"), ["sideways"]),
        (("trace", EXPRESSION, *POINT, "--numbering", "roman"), ["roman"]),
        (("trace", EXPRESSION, *POINT, "--mode", "forward", "--wrt", "x9"), ["x9", "x1"]),
        (("trace", EXPRESSION, *POINT, "--colour"), ["--colour"]),
        (("draw", EXPRESSION, *POINT, "-o", "graph.bmp"), [".bmp", ".svg"]),
        (("draw", EXPRESSION, *POINT, "-o", "graph"), [".svg"]),
        (("draw", EXPRESSION, *POINT), ["-o"]),
        (("draw", EXPRESSION, *POINT, "-o", "g.svg", "--show", "colour"), ["colour", "value"]),
        (("grad", EXPRESSION, *POINT, "--method", "magic"), ["magic", "reverse"]),
        (("grad",), ["EXPR"]),
        (("dance",), ["dance"]),
        (("grad", "[x, 2*x]", "x=1"), ["jacobian"]),
    ],
)
def test_bad_usage(run, args: tuple[str, ...], words: list[str], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert_refused(run(*args), *words)
    assert list(tmp_path.iterdir()) == []


def test_dot_engine_without_dot_is_refused(run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert_refused(run("draw", EXPRESSION, *POINT, "-o", tmp_path / "g.svg", "--engine", "dot"), "Graphviz")
    assert list(tmp_path.iterdir()) == []
    assert run("draw", EXPRESSION, *POINT, "-o", tmp_path / "g.svg")[0] == 0


# ------------------------------------------------------------------------------------------------------ large and wild


def test_long_expression_works(run) -> None:
    expression = " + ".join(f"x*{k}" for k in range(9000))
    assert len(expression) > 60_000
    data = json.loads(run("grad", expression, "x=1", "--format", "json")[1])
    assert data["gradient"]["x"] == sum(range(9000))


def test_hundred_thousand_characters(run) -> None:
    expression = "x" + "+x" * 50_000
    data = json.loads(run("grad", expression, "x=2", "--format", "json")[1])
    assert data["gradient"]["x"] == 50_001


def test_deep_parentheses_work(run) -> None:
    expression = "(" * 10_000 + "x" + ")" * 10_000
    assert json.loads(run("grad", expression, "x=2", "--format", "json")[1])["gradient"]["x"] == 1


def test_deeply_nested_functions_work(run) -> None:
    expression = "sin(" * 5_000 + "x" + ")" * 5_000
    status, out, _ = run("grad", expression, "x=1", "--format", "json")
    assert status == 0
    assert 0 < json.loads(out)["gradient"]["x"] < 1


# ------------------------------------------------------------------------------------------------ outside the domain


@pytest.mark.parametrize(
    ("expression", "point", "node"),
    [
        ("ln(x)", "x=-1", "v1"),
        ("1/x", "x=0", "v1"),
        ("ln(x - 2)*3", "x=1", "v2"),
        ("x*exp(1000*x)*0", "x=1", "v2"),
    ],
)
def test_bad_values_name_the_first_node(run, expression: str, point: str, node: str) -> None:
    for command in ("trace", "compare"):
        status, out, _ = run(command, expression, point)
        assert status == 0
        assert "first" in out
        assert node in out


@pytest.mark.parametrize(
    ("expression", "point", "words"),
    [
        ("ln(x)", "x=-1", "v1, the log at v0 = −1, is NaN"),
        ("1/x", "x=0", "v1, the divide at 1 and v0 = 0, is ∞"),
        ("0*x", "x=inf", "v1, the multiply at 0 and v0 = ∞, is NaN"),
        ("2*x", "x=inf", "v1, the multiply at 2 and v0 = ∞, is ∞"),
    ],
)
def test_check_names_the_node_and_fails(run, expression: str, point: str, words: str) -> None:
    status, out, err = run("check", expression, point)
    assert (status, err) == (1, "")
    assert words in " ".join(out.split())
    status, out, err = run("check", expression, point, "--format", "json")
    assert (status, err) == (1, "")
    data = json.loads(out)
    assert words in data["sentence"]
    assert words in " ".join(bad["sentence"] for bad in data["bad"])


@pytest.mark.parametrize("command", ["trace --mode all", "grad", "check"])
def test_an_infinite_derivative_and_a_kink_are_explained(run, command: str) -> None:
    status, out, _ = run(*command.split(), "sqrt(x)", "x=0")
    assert status == 0
    assert "the sqrt at v0 = 0, is ∞" in " ".join(out.split())
    status, out, _ = run(*command.split(), "relu(x)", "x=0")
    assert status == 0
    assert "the relu at v0 = 0, sits on its kink x = 0" in " ".join(out.split())


def test_infinities_in_json_are_strings(run) -> None:
    data = json.loads(run("trace", "ln(x)", "x=0", "--format", "json")[1])
    assert data["rows"][-1]["value"] == "-inf"
    data = json.loads(run("grad", "sqrt(x)", "x=0", "--format", "json")[1])
    assert data["gradient"]["x"] == "inf"


# ------------------------------------------------------------------------------------------ numerical differentiation


def test_step_and_scheme_of_differences(run) -> None:
    def slope(*options: str) -> float:
        out = run("grad", "x^3", "x=2", "--method", "numerical", "--format", "json", *options)[1]
        return float(json.loads(out)["gradient"]["x"])

    assert slope("--h", "0.5") == pytest.approx(12.25)
    assert slope("--h", "0.5", "--scheme", "forward") == pytest.approx(15.25)
    assert slope("--scheme", "complex") == pytest.approx(12, rel=1e-14)
    out = run("jacobian", "[x, x^3]", "x=2", "--method", "numerical", "--h", "0.5", "--format", "json")[1]
    assert json.loads(out)["jacobian"]["x"] == pytest.approx([1, 12.25])


def test_step_and_scheme_belong_to_differences(run) -> None:
    assert_refused(run("grad", "x^3", "x=2", "--h", "0.5"), "--h", "--method numerical", "reverse")
    refused = run("jacobian", "x^3", "x=2", "--scheme", "forward", "--h", "1", "--method", "forward")
    assert_refused(refused, "--scheme and --h belong")
    assert_refused(run("grad", "x^3", "x=2", "--method", "numerical", "--h", "-1"), "positive")
    assert_refused(run("grad", "x^3", "x=2", "--method", "numerical", "--scheme", "sideways"), "central")


def test_a_point_next_to_the_edge_of_a_domain(run) -> None:
    data = json.loads(run("grad", "ln(x)", "x=1e-9", "--method", "numerical", "--format", "json")[1])
    assert data["gradient"]["x"] == pytest.approx(1e9, rel=1e-6)
    assert "the step was shrunk" in data["notes"][0]


# --------------------------------------------------------------------------------------------------------- exit status


def test_a_wrong_rule_of_a_users_primitive_is_a_failed_check(run, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import numpy as np\n"
        "import adlab as ad\n"
        "def f(x):\n"
        "    wrong = ad.primitive(np.square, name='mine', partials=lambda y, x: (3 * x,), check=(2.0,))\n"
        "    return wrong(x)\n"
    )
    status, out, err = run("grad", f"{tmp_path}/own.py:f", "x=2")
    assert (status, out) == (1, "")
    assert err.startswith("adlab: ")
    assert "the rule of mine gives" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("status", "values"), [(0, ["x=2"]), (1, ["x=-1"])])
def test_a_reader_that_has_seen_enough_is_no_error(status: int, values: list[str]) -> None:
    command = [sys.executable, "-m", "adlab", "check", "ln(x)", *values]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr as complaints:
        assert complaints.read() == ""
    assert process.wait() == status


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(
    "args", [("trace", "x", "x=1"), ("trace", "x", "x=1", "--format", "csv"), ("check", "x", "x=1")]
)
def test_a_full_standard_output_is_one_sentence(args: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "adlab", *args], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert_refused((done.returncode, "", done.stderr), "Standard output", "No space left")


# ---------------------------------------------------------------------------------------------------- as a process


def test_as_a_process() -> None:
    command = [sys.executable, "-m", "adlab"]
    done = subprocess.run(
        [*command, "grad", EXPRESSION, *POINT, "--format", "json"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["gradient"]["x1"] == 5.5
    done = subprocess.run([*command, "grad", "sine(x)", "x=1"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    done = subprocess.run([*command, "--version"], capture_output=True, text=True)
    assert done.returncode == 0


def test_compare_asks_peers_and_says_who_is_not_installed(run, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "autograd", None)
    monkeypatch.setitem(sys.modules, "jax", None)
    status, out, _ = run("compare", "x*sin(x)", "x=2", "--peers", "autograd, jax")
    assert status == 0
    assert "autograd: No answer: autograd is not installed; pip install autograd" in out
    assert "JAX is not installed" in out
    status, _, error = run("compare", "x*sin(x)", "x=2", "--peers", "abacus")
    assert (status, error) == (
        2,
        "adlab: There is no peer 'abacus'; the peers are autograd, jax, torch, casadi.\n",
    )


def test_compare_adds_schemes_of_numerical_differentiation(run) -> None:
    status, out, _ = run("compare", "x*sin(x)", "x=2", "--schemes", "all")
    assert status == 0
    assert [name for name in ("forward", "complex", "richardson") if f"numerical:{name} " in out] == [
        "forward",
        "complex",
        "richardson",
    ]
    status, _, err = run("compare", "x*sin(x)", "x=2", "--schemes", "backward")
    assert status == 2
    assert err.startswith("adlab: There is no scheme 'backward'; the schemes are")
