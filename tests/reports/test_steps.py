"""The certificate of a step: prediction against measurement, slopes, digits, and the picture."""

import dataclasses
import json
import math

import matplotlib
import numpy as np
import pytest

import adlab as ad
from adlab.algebra.exact import MpmathAlgebra
from adlab.algebra.numpy import NUMPY
from adlab.errors import InputError
from adlab.render.plots import COLOURS, LINES, MARKERS, error_against_step
from adlab.reports.steps import in_dtype, step


def logistic(x):
    for _ in range(3):
        x = 4 * x * (1 - x)
    return x


SMOOTH = [
    ("ln(x1) + x1*x2 - sin(x2)", (2.0, 5.0)),
    ("exp(x)", (1.0,)),
    ("sin(x)*exp(-x^2)", (0.7,)),
    ("sqrt(x)", (1e-4,)),
    ("sin(x)", (1e5,)),
    ("ln(x)", (1e-300,)),
    (logistic, (0.2,)),
    (lambda x: np.sum(np.sin(x) * x), (np.array([0.1, 0.2, 1e-3]),)),
]


@pytest.fixture(scope="module")
def running():
    return ad.step("ln(x1) + x1*x2 - sin(x2)", 2, 5)


@pytest.mark.parametrize(("f", "args"), SMOOTH)
@pytest.mark.parametrize("scheme", ["forward", "central", "complex"])
def test_the_predicted_optimum_is_the_measured_one(f, args, scheme):
    curve = step(f, *args, dtypes=["float64"])["float64", scheme]
    assert curve.order == {"forward": 1, "central": 2, "complex": 2}[scheme]
    assert abs(math.log10(curve.predicted_step / curve.measured_step)) < 1
    assert abs(math.log10(curve.predicted_error / curve.measured_error)) < 1


@pytest.mark.parametrize(("f", "args"), SMOOTH)
def test_slopes_are_those_of_theory(f, args):
    certificate = step(f, *args, dtypes=["float64"])
    for scheme, order in [("forward", 1), ("central", 2), ("complex", 2)]:
        curve = certificate["float64", scheme]
        assert curve.truncation.value == pytest.approx(order, abs=0.15)
        assert curve.truncation.count >= 4
        if scheme == "complex":
            assert curve.rounding is None
        else:
            assert curve.rounding.value == pytest.approx(-1, abs=0.3)


def test_the_running_example(running):
    digits = {scheme: running["float64", scheme].digits for scheme in ("forward", "central", "complex")}
    assert digits == {"forward": 8, "central": 10, "complex": 15}
    assert running.derivative == 5.5
    single = running["float32", "central"]
    assert 4 <= single.digits <= 5
    assert single.predicted_step > 100 * running["float64", "central"].predicted_step
    assert "float32" in running.sentence
    # f″ = −1/x² and f‴ = 2/x³ at 2: truncation is h/8 and h²/24, relative to 5.5
    forward, central = running["float64", "forward"], running["float64", "central"]
    k = forward.steps.index(1e-3)
    assert forward.predicted[k] == pytest.approx(1e-3 / 8 / 5.5, rel=1e-4)
    assert central.predicted[k] == pytest.approx(1e-6 / 24 / 5.5, rel=1e-3)
    assert central.errors[k] == pytest.approx(central.predicted[k], rel=1e-2)


def test_the_logistic_map_of_the_survey():
    certificate = step(logistic, 0.2, dtypes=["float64"])
    assert certificate.derivative == pytest.approx(708288 / 78125)
    central, complex_ = (certificate["float64", scheme] for scheme in ("central", "complex"))
    at = central.steps.index(1e-6)
    assert central.errors[at] * certificate.derivative == pytest.approx(5.8e-10, rel=0.3)
    assert central.measured_error * certificate.derivative < 1e-9
    small = [e for h, e in zip(complex_.steps, complex_.errors, strict=True) if h <= 1e-9]
    assert max(small) <= 4e-15


@pytest.mark.parametrize(("f", "args"), SMOOTH[:3] + SMOOTH[6:7])
def test_the_running_error_is_that_of_values(f, args):
    certificate = step(f, *args, dtypes=["float64"])
    graph, rng, carrier = ad.graph(f, *args), np.random.default_rng(0), MpmathAlgebra(40)
    errors = []
    for _ in range(200):
        point = [args[0] * (1 + 1e-6 * rng.normal()), *args[1:]]
        value = float(NUMPY.outputs(graph, NUMPY.run(graph, [np.float64(x) for x in point]))[0])
        exact = carrier.outputs(graph, carrier.run(graph, [carrier.array(x) for x in point]))[0]
        errors.append(float(carrier.library.mpf(value) - exact))
    assert 0.3 < np.std(errors) / certificate.rounding["float64"] < 3


def test_without_truncation_every_large_step_is_good():
    for f, schemes in [("3*x + 1", ("forward", "central", "complex")), ("x^2", ("central", "complex"))]:
        certificate = step(f, 3.0, dtypes=["float64"])
        for scheme in schemes:
            curve = certificate["float64", scheme]
            assert (curve.order, curve.predicted_step) == (None, None)
            assert curve.digits >= 14
        assert "any large h" in certificate.sentence
    odd = step("sin(x)", 0.0, dtypes=["float64"])["float64", "forward"]
    assert odd.order == 2


def test_luck_at_round_numbers_is_not_trusted():
    curve = step("x^4", 2.0, dtypes=["float64"])["float64", "forward"]
    assert np.nanmin(curve.errors) == 0
    assert curve.digits <= 8


def test_a_kink_of_the_derivative_is_measured_and_not_predicted():
    certificate = step(lambda x: np.maximum(x, 0.0) ** 2 + 1, 0.0)
    curve = certificate["float64", "forward"]
    assert not curve.series
    assert curve.predicted_step is None
    assert any("no Taylor series" in note for note in certificate.notes)
    assert not certificate.relative


def test_steps_across_a_branch_are_left_out():
    certificate = step(lambda x: x**3 if x > 0 else -x, 0.01, dtypes=["float64"])
    curve = certificate["float64", "central"]
    known = [h for h, error in zip(curve.steps, curve.errors, strict=True) if np.isfinite(error)]
    assert max(known) < 0.01
    assert any("branch" in note for note in certificate.notes)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: step("abs(x)", 0.0), "-1 from the left and 1 from the right"),
        (lambda: step("sqrt(x)", 0.0), "autopsy"),
        (lambda: step("ln(x)", -1.0), "autopsy"),
        (lambda: step(lambda x: x * x, np.ones(3)), "return one element, or a sum"),
        (lambda: step(lambda x: x[0], np.ones(3), wrt="x[3]"), "no element"),
        (lambda: step(lambda x: x[0], np.ones(3), wrt="x[a]"), "no element"),
        (lambda: step("x*y", 1.0, 2.0, wrt="z"), "no input 'z'"),
        (lambda: step("x", 1.0, dtypes=["float16"]), "float64 or float32"),
        (lambda: step("x"), "needs a point"),
        (lambda: step(lambda: np.float64(1.0)), "no input"),
        (lambda: step(lambda x: np.sum(x), np.ones(20000)), "up to 10000"),
    ],
)
def test_what_cannot_be_certified_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_elements_are_chosen_by_their_label():
    certificate = step(lambda x, y: x[1] * y**3, np.array([2.0, 3.0]), 1.5, wrt="y", dtypes=["float64"])
    assert certificate.derivative == pytest.approx(3 * 3 * 1.5**2)
    assert step(lambda x: x[0, 1] ** 3, np.ones((2, 2)), wrt="x[0, 1]").derivative == 3


def test_in_dtype_computes_in_the_other_dtype():
    graph = in_dtype(ad.graph(lambda x: np.sum(np.array([0.1, 0.2]) * x) / 3, 1.0), np.dtype(np.float32))
    value = NUMPY.outputs(graph, NUMPY.run(graph, [np.float32(0.7)]))[0]
    assert value.dtype == np.float32
    assert all(type.dtype == np.float32 for type in graph.types)


# ---------------------------------------------------------------------------------------------- renderings


def test_the_report_is_frozen_data_in_every_format(running):
    with pytest.raises(dataclasses.FrozenInstanceError):
        running.report.title = ""
    text = running.to_text()
    assert "best h predicted" in text
    assert running.sentence.split(";")[0][:40] in text
    assert running.to_markdown().count("| float64 |") == 3
    assert "<table" in running.to_html()
    assert "<svg" in running._repr_html_()
    data = json.loads(running.to_json())
    assert len(data["curves"]) == 6
    assert data["curves"][0]["steps"][0] == 1e-16
    with pytest.raises(InputError, match="it has"):
        running["float16", "central"]


def test_the_picture_is_saved_and_leaves_no_trace(running, tmp_path):
    before = dict(matplotlib.rcParams)
    path = running.save(tmp_path / "step.svg")
    svg = path.read_text()
    assert svg == running.plot().svg
    for words in ("forward difference", "central difference", "complex step", "reverse mode", "step h"):
        assert words in svg
    assert running.save(tmp_path / "step.png").read_bytes().startswith(b"\x89PNG")
    assert running.save(tmp_path / "step.pdf").read_bytes().startswith(b"%PDF")
    assert json.loads(running.save(tmp_path / "step.json").read_text())["wrt"] == "x1"
    assert "<!DOCTYPE html>" in running.save(tmp_path / "step.html").read_text()
    with pytest.raises(InputError, match="ends otherwise"):
        running.save(tmp_path / "step.gif")
    assert dict(matplotlib.rcParams) == before


def test_curves_differ_by_colour_line_and_marker(running):
    assert len(set(COLOURS)) == len(set(MARKERS)) == len(set(map(str, LINES))) == len(COLOURS)
    figure = running.plot(["float64"]).figure
    drawn = [
        line
        for line in figure.axes[0].get_lines()
        if line.get_label() in figure.axes[0].get_legend_handles_labels()[1]
    ]
    looks = {(line.get_color(), str(line.get_linestyle()), str(line.get_marker())) for line in drawn}
    assert len(looks) == len(drawn) == 4
    with pytest.raises(InputError, match="not made in"):
        error_against_step(running.report, ["float16"])


def test_no_step_reaches_beyond_a_kink_or_a_branch_unsaid():
    near_kink = step("abs(x-1)*x", 1.001, dtypes=["float64"])
    central = near_kink["float64", "central"]
    assert central.order is None
    assert 1e-4 < central.measured_step < 1e-3
    assert "any large h" not in near_kink.sentence
    assert "and no larger" in near_kink.sentence
    near_branch = step(lambda x: x * x if x > 1 else 3 * x, 1.0001, dtypes=["float64"])
    assert "any large h" not in near_branch.sentence
    assert near_branch["float64", "central"].measured_step <= 1e-4
    assert "any large h" in step("x*x", 1.0001, dtypes=["float64"]).sentence


def test_reports_with_a_picture_draw_and_save_alike(tmp_path):
    for shown in (ad.step("x*x", 2.0), ad.sparsity(lambda x: x**2, np.ones(3))):
        assert shown.draw().save(tmp_path / "a.svg").read_text() == shown.save(tmp_path / "b.svg").read_text()
        assert shown.save(tmp_path / "table.md").read_text().startswith(shown.render("markdown")[:20])
        with pytest.raises(ad.InputError, match=r"\.svg.*ends otherwise"):
            shown.save(tmp_path / "a.doc")
