"""The ledger of kinks: distances, both sides, conventions of others, policies, and steps that reach across."""

import dataclasses
import json

import numpy as np
import pytest

import adlab as ad
from adlab.errors import BranchError, InputError
from adlab.methods import METHODS
from adlab.primitives import NAMES, ROWS
from adlab.reports.conventions import PEERS, with_policy
from adlab.reports.kinks import kinks


def relu(x):
    return ad.relu(x)


def by_system(ledger, name="x"):
    return {system: float(blocks[name]) for system, blocks in ledger.gradient.items()}


def sides(ledger):
    return {(side.output, side.input): (side.left, side.right) for side in ledger.sides}


# ------------------------------------------------------------------------------------------------ switches


@pytest.mark.parametrize(
    ("f", "x", "kind", "distance"),
    [
        (np.abs, -0.25, "kink", -0.25),
        (ad.relu, 0.125, "kink", 0.125),
        (lambda x: np.maximum(x, 2.0), 1.5, "kink", -0.5),
        (lambda x: np.clip(x, -1.0, 1.0), 0.75, "kink", 0.25),
        (lambda x: np.where(x > 1, x, x * x), 1.5, "where", 0.5),
        (lambda x: np.where((x > 1) & (x < 4), x, 0), 3.5, "where", -0.5),
        (lambda x: x * x if x > 1 else x, 1.5, "branch", 0.5),
        (lambda x: np.floor(x) * x, 2.25, "jump", 0.25),
        (lambda x: np.round(x) * x, 2.25, "jump", 0.25),
        (lambda x: np.max(np.stack([x, 3 * x])), 2.0, "kink", 4.0),
        (np.sqrt, 0.01, "kink", 0.01),
    ],
)
def test_every_kind_of_switch_is_found_with_its_distance(f, x, kind, distance):
    ledger = kinks(f, x)
    nearest = ledger.switches[0]
    assert nearest.kind == kind
    assert nearest.distance == pytest.approx(distance)
    assert not nearest.on
    assert ledger.sides == ()
    assert nearest.source.file == __file__ or nearest.source.line


def test_smooth_functions_have_no_switch():
    assert kinks(lambda x: np.sin(x) ** 3 + x**2.0, 0.0).switches == ()
    assert "smooth" in kinks(np.exp, 0.0).sentence


def test_arrays_report_the_nearest_element_and_how_many_sit_on_the_switch():
    switch = kinks(lambda x: np.sum(ad.relu(x)), np.array([1.0, 0.0, -0.5, 0.0])).switches[0]
    assert (switch.element, switch.size, switch.count, switch.distance) == ((1,), 4, 2, 0.0)


def test_a_ledger_names_the_line():
    def f(x):
        y = 2 * x
        return abs(y - 1)

    switch = kinks(f, 0.5).switches[0]
    assert switch.source.text() == "return abs(y - 1)"


def test_a_long_chain_is_no_trouble():
    def f(x):
        for _ in range(3000):
            x = abs(x) * 0.999
        return x

    assert len(kinks(f, 1.0).switches) == 3000


# --------------------------------------------------------------------------------------------- both sides


@pytest.mark.parametrize(
    ("f", "left", "right"),
    [
        (np.abs, -1, 1),
        (relu, 0, 1),
        (lambda x: ad.relu(x) - ad.relu(-x), 1, 1),
        (lambda x: np.maximum(3 * x, x), 1, 3),
        (lambda x: np.where(x > 0, np.sin(x), x * x), 0, 1),
        (lambda x: x * x + 3 * x if x > 0 else -x, -1, 3),
        (lambda x: 5.0 * x if x >= 0 else 2.0 * x, 2, 5),
        (lambda x: 1.0 * x if x == 0 else 4.0 * x, 4, 4),
        (lambda x: 1.0 + x if x > 0 else x, 1, np.inf),
        (lambda x: np.floor(x) + 2 * x, np.inf, 2),
    ],
)
def test_the_whole_function_from_both_sides(f, left, right):
    ledger = kinks(f, 0.0)
    assert ledger.on
    assert sides(ledger) == {("y", "x"): (left, right)}


def test_sides_belong_to_elements_of_outputs_and_inputs():
    found = sides(kinks(lambda x: np.abs(x) * np.array([1.0, 2.0]), np.array([0.0, 3.0])))
    assert found["y[0]", "x[0]"] == (-1, 1)
    assert found["y[1]", "x[1]"] == (2, 2)
    assert found["y[0]", "x[1]"] == found["y[1]", "x[0]"] == (0, 0)


def test_what_takes_too_long_is_left_out_and_said():
    ledger = kinks(lambda x: np.sum(ad.relu(x)), np.linspace(-1, 1, 3001))
    assert ledger.sides == ()
    assert any("3001 input elements" in note for note in ledger.notes)


def test_a_graph_that_lacks_the_other_branch_says_so():
    graph = ad.graph(lambda x: x * x if x > 0 else -x, 0.0)
    ledger = kinks(graph, 0.0)
    assert ledger.sides[0].left == -1
    assert np.isnan(ledger.sides[0].right)
    assert any("not recorded" in note for note in ledger.notes)
    with pytest.raises(BranchError):
        kinks(graph, 1.0)


# ------------------------------------------------------------------------------------- other systems, policy


@pytest.mark.parametrize(
    ("f", "adlab", "jax", "torch"),
    [  # JAX 0.10.2 and PyTorch's derivatives.yaml
        (relu, 1, 0, 0),
        (np.abs, 0, 1, 0),
        (lambda x: np.maximum(x, 0.0), 0.5, 0.5, 0.5),
        (lambda x: np.clip(x, 0.0, 1.0), 1, 0.5, 1),
        (lambda x: ad.leaky_relu(x, 0.25), 1, 1, 0.25),
        (lambda x: ad.elu(x, 2.0), 1, 2, 2),
        (np.sqrt, np.inf, np.inf, np.inf),
        (lambda x: np.where(x > 0, 3 * x, x), 1, 1, 1),
    ],
)
def test_what_other_systems_would_say(f, adlab, jax, torch):
    assert by_system(kinks(f, 0.0)) == {"adlab": adlab, "JAX": jax, "PyTorch": torch}


def test_conventions_for_both_operands():
    ledger = kinks(lambda x, z: np.hypot(x, z), 0.0, 0.0)
    assert by_system(ledger, "x")["JAX"] == by_system(ledger, "z")["JAX"] == 0.5
    assert np.isnan(by_system(ledger)["PyTorch"])
    assert ledger.switches[0].peers == {"JAX": "½ and ½", "PyTorch": "NaN and NaN"}
    assert sides(ledger) == {("y", "x"): (-1, 1), ("y", "z"): (-1, 1)}


def test_an_unknown_convention_is_not_made_up():
    assert set(kinks(lambda x: x**0.5, 0.0).gradient) == {"adlab"}


def test_the_tables_of_other_systems_speak_of_rows_with_kinks():
    kinked = {row.name for row in ROWS if row.kinks}
    for peer in PEERS:
        assert set(peer.conventions) <= kinked
        assert not set(peer.conventions) & peer.same


@pytest.mark.parametrize(
    ("policy", "f", "expected"),
    [
        ({"relu": 0}, relu, 0),
        ({"relu": 0.5}, lambda x: ad.relu(x) - ad.relu(-x), 1),
        ({"relu": "left"}, relu, 0),
        ({"abs": "right"}, np.abs, 1),
        ({"abs": "middle"}, np.abs, 0),
        ({"elu": "left"}, lambda x: ad.elu(x, 3.0), 3),
        ({"maximum": 1}, lambda x: np.maximum(x, 3 * x), 1),
        ({"maximum": 0}, lambda x: np.maximum(x, 3 * x), 3),
        ({"minimum": (1, 0)}, lambda x: np.minimum(x, 3 * x), 1),
        ({"clip": 0.25}, lambda x: np.clip(x, 2 * x, 1.0), 0.25 + 2 * 0.75),
        ({"sqrt": 7}, np.sqrt, 7),
    ],
)
@pytest.mark.parametrize("method", ["forward", "reverse"])
def test_a_policy_overrides_a_convention(policy, f, expected, method):
    assert by_system(kinks(f, 0.0, policy=policy))["policy"] == expected
    graph = with_policy(ad.graph(f, 0.0), policy)
    found = METHODS[method].derivative(graph, [np.float64(0.0)])
    assert float(found.jacobians[0][0]) == expected


def test_a_policy_changes_nothing_off_the_kink_and_nothing_elsewhere():
    before = {name: row.rule for name, row in NAMES.items()}
    graph = with_policy(ad.graph(lambda x: ad.relu(x) * x, 1.0), {"relu": 0})
    for x in (-2.0, 1e-300, 3.0):
        found = METHODS["reverse"].derivative(graph, [np.float64(x)]).jacobians[0][0]
        assert found == METHODS["reverse"].derivative(ad.graph("relu(x)*x"), [np.float64(x)]).jacobians[0][0]
    assert {name: row.rule for name, row in NAMES.items()} == before
    assert float(ad.grad(ad.relu)(0.0)) == 1


def test_a_graph_under_a_policy_can_be_differentiated_again():
    graph = with_policy(ad.graph(lambda x: ad.relu(x) * x, 0.0), {"relu": 0.5})
    assert float(ad.grad(ad.grad(graph))(0.0)) == 1.0
    assert float(ad.grad(graph)(np.float64(0.0))) == 0.0


def test_bad_policies_are_refused():
    for policy, words in [
        ({"sin": 0}, "no kink"),
        ({"max": 0}, "no kink"),
        ({"relu": "up"}, "left, right or middle"),
        ({"relu": True}, "give a number"),
        ({"relu": [0, 1]}, "2 numbers for 1 operands"),
        ({"maximum": "left"}, "no left and right"),
    ]:
        with pytest.raises(InputError, match=words):
            kinks(ad.relu, 0.0, policy=policy)


# -------------------------------------------------------------------------------------------- straddling


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: ad.relu(x - 1), 1 + 1e-4),
        (lambda x: np.abs(np.sin(x)), -1e-4),
        (lambda x: np.where(x * x > 1, 2 * x, x), 1 - 1e-4),
        (lambda x: np.maximum(2 * x, 1.0), 0.5 + 1e-4),
        (lambda x: np.max(np.stack([x, 1 / x])), 1 + 1e-4),
    ],
)
def test_the_warning_comes_exactly_when_the_difference_is_wrong(f, x):
    exact = float(ad.grad(f)(x))
    for h, reaches in [(1e-3, True), (1e-5, False)]:
        ledger = kinks(f, x, h=h)
        assert bool(ledger.warnings) == reaches
        off = abs(float(ad.grad(f, method="numerical", h=h)(x)) - exact)
        assert (off > 1e-2) == reaches


def test_the_warning_names_input_step_and_line():
    def f(a, b):
        return ad.relu(a) * b

    (warning,) = kinks(f, 1e-7, 2.0).warnings
    assert "a (h = 6.06e-06)" in warning
    assert "b (" not in warning
    assert "test_kinks.py" in warning


def test_jumps_are_straddled_only_where_the_value_changes():
    assert kinks(lambda x: np.floor(x) * x, 0.5, h=0.1).warnings == ()
    assert len(kinks(lambda x: np.floor(x) * x, 1.05, h=0.1).warnings) == 1


# ---------------------------------------------------------------------------------------------- renderings


def test_the_report_is_frozen_data_in_every_format():
    shown = ad.kinks(lambda x: ad.relu(x) + np.abs(x), 0.0, policy={"relu": 0})
    with pytest.raises(dataclasses.FrozenInstanceError):
        shown.report.step = 1.0
    text = shown.to_text()
    assert "from the left" in text
    assert "policy" in text
    assert "| ∂y/∂x | −1 | 2 | 1 | 1 | 0 | 0 |" in shown.to_markdown()
    assert "<table" in shown.to_html()
    assert "begin{tabular}" in shown.to_latex()
    data = json.loads(shown.to_json())
    assert data["sides"][0] == {
        "output": "y", "input": "x", "left": -1.0, "right": 2.0,
        "adlab": 1.0, "JAX": 1.0, "PyTorch": 0.0, "policy": 0.0,
    }  # fmt: skip
    assert data["switches"][0]["distance"] == 0


def test_containers_and_missing_points():
    ledger = kinks(lambda p: ad.relu(p["a"]) * p["b"][0], {"a": 0.5, "b": [2.0]})
    assert ledger.switches[0].distance == 0.5
    assert set(ledger.gradient["adlab"]) == {"p.a", "p.b[0]"}
    with pytest.raises(InputError, match="needs a point"):
        kinks("abs(x)")


# ---------------------------------------------------------------------------------- loops, norms and ties


def test_kinks_in_the_steps_of_a_loop_are_found():
    ledger = kinks(lambda x: ad.fori(3, lambda i, c: np.abs(c - 1), x), 1.0)
    assert {(switch.step, switch.on) for switch in ledger.switches} == {
        ("step 1 of (body × 3)", True),
        ("step 2 of (body × 3)", False),
        ("step 3 of (body × 3)", True),
    }
    assert sides(ledger) == {("y", "x"): (-1.0, 1.0)}
    assert by_system(ledger)["JAX"] == -1.0
    assert "step 3 of (body × 3)" in str(ad.kinks(lambda x: ad.fori(3, lambda i, c: np.abs(c - 1), x), 1.0))


def test_a_policy_reaches_into_loops_and_checkpoints():
    held = ad.checkpoint(lambda c: ad.relu(c))
    ledger = kinks(lambda x: ad.fori(1, lambda i, c: ad.relu(c), x) + held(x), 0.0, policy={"relu": 1})
    assert by_system(ledger)["policy"] == 2.0


def test_a_loop_that_is_too_long_is_not_called_smooth():
    ledger = kinks(lambda x: ad.fori(20_000, lambda i, c: np.abs(c - 1) / 2, x), 1.0)
    assert ledger.closed == ("(body × 20000)",)
    assert "smooth" not in ledger.sentence
    assert "(body × 20000)" in ledger.sentence
    assert ledger.to_dict()["closed"] == ["(body × 20000)"]


def test_a_norm_of_zeros_is_on_its_kink():
    ledger = kinks(lambda x: np.linalg.norm(x - 1), np.ones(3))
    (switch,) = ledger.switches
    assert (switch.on, switch.distance) == (True, 0.0)
    assert "subgradient" in switch.convention
    assert sides(ledger) == {("y", f"x[{k}]"): (-1.0, 1.0) for k in range(3)}
    assert kinks(np.linalg.norm, np.array([3.0, 4.0])).switches[0].distance == 5.0


def test_a_sort_is_on_its_kink_where_elements_tie():
    ledger = kinks(lambda x: np.sort(x)[0], np.array([1.0, 1.0, 4.0]))
    (switch,) = ledger.switches
    assert (switch.count, switch.size, switch.element) == (1, 2, (0,))
    assert sides(ledger)["y", "x[0]"] == (1.0, 0.0)
    assert kinks(lambda x: np.sort(x)[0], np.array([5.0, 1.0, 3.0])).switches[0].distance == 2.0
    assert kinks(lambda x: np.sort(x)[0], np.array([5.0])).switches[0].distance == np.inf


def test_each_side_of_a_branch_is_read_from_its_own_side():
    ledger = kinks(
        lambda x: abs(x) if x > 0 else -3.0 * x, 0.0
    )  # the right branch has a kink of its own here
    assert sides(ledger) == {("y", "x"): (-3.0, 1.0)}
    mirrored = kinks(lambda x: 3.0 * x if x > 0 else abs(x), 0.0)
    assert sides(mirrored) == {("y", "x"): (-1.0, 3.0)}
