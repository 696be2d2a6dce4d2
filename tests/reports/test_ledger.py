"""The cost ledger: what is counted is what the theory predicts, and the chain of Jacobians is multiplied as cheaply as can be."""

from __future__ import annotations

import json
from itertools import pairwise, product

import numpy as np
import pytest

import adlab as ad
from adlab.errors import InputError
from adlab.reports.bounds import Weights, measure
from adlab.reports.chains import chain_ledger, chain_of_graph
from adlab.reports.ledger import cost_ledger
from adlab.transforms.costs import count_reverse

TEXT = "ln(x1) + x1*x2 - sin(x2)"
FUNCTIONS = {
    "running example": (TEXT, (2.0, 5.0)),
    "Griewank and Walther": ("(sin(x1/x2) + x1/x2 - exp(x2))*(x1/x2 - exp(x2))", (1.5, 0.5)),
    "logistic map": ("4*(4*x*(1 - x))*(1 - 4*x*(1 - x))", (0.2,)),
    "sum of squares": (lambda x: np.sum(x * x), (np.arange(1.0, 6.0),)),
    "linear map": (lambda x: np.array([[1.0, 2.0, 0.5], [0.0, 1.0, 3.0]]) @ x, (np.ones(3),)),
    "several results": (lambda x, y: (x * y, np.sin(x), np.exp(y)), (1.0, 2.0)),
}


def speelpenning(*xs):
    total = xs[0]
    for x in xs[1:]:
        total = total * x
    return total


FUNCTIONS["Speelpenning"] = (speelpenning, tuple(np.linspace(1.0, 2.0, 8)))
EACH = pytest.mark.parametrize("name", FUNCTIONS)


@EACH
def test_counts_are_what_the_laws_predict(name: str) -> None:
    f, args = FUNCTIONS[name]
    ledger = cost_ledger(f, *args)
    m, n = ledger.inputs, ledger.outputs
    jacobian = ad.jacobian(f, argnums=tuple(range(len(args))))(*args) if name != "several results" else None
    if jacobian is not None:
        assert sum(np.size(block) for block in jacobian) == m * n
    assert ledger["numerical, forward"].counted_evaluations == m + 1
    assert ledger["numerical, central"].counted_evaluations == 2 * m + 1
    assert (ledger["forward"].counted_evaluations, ledger["forward"].counted_passes) == (1, m)
    assert (ledger["reverse"].counted_evaluations, ledger["reverse"].counted_passes) == (1, n)
    assert all(row.as_predicted for row in ledger.modes if row.counted_evaluations is not None)


@EACH
def test_the_theorems_hold(name: str) -> None:
    f, args = FUNCTIONS[name]
    ledger = cost_ledger(f, *args)
    assert [bound.mode for bound in ledger.bounds] == ["forward", "reverse", "reverse"]
    for bound in ledger.bounds:
        assert 1 < bound.ratio <= bound.limit == (2.5 if bound.mode == "forward" else 5.0)
        assert bound.holds
        assert "within the bound" in bound.sentence


def test_a_dear_rule_is_named() -> None:
    forward = next(bound for bound in cost_ledger("x^3", 2.0).bounds if bound.mode == "forward")
    assert not forward.holds
    assert forward.primitive == "power"
    assert forward.ratio == forward.worst > 2.5
    assert "'power'" in forward.sentence


def test_picking_elements_one_by_one_is_dear_in_reverse() -> None:
    """The adjoint of x[k] is a whole array of zeros but for one element: the ledger says that this is where it goes."""
    bound = cost_ledger(lambda x: speelpenning(*[x[k] for k in range(8)]), np.ones(8)).bounds[2]
    assert not bound.holds
    assert bound.primitive == "index"


def test_one_product_attains_the_forward_bound() -> None:
    """Griewank and Walther's 5/2: 3 moves and 1 product against twice the moves, 3 products and a sum."""
    forward = cost_ledger("x1*x2", 2.0, 3.0).bounds[0]
    assert forward.ratio == 2.5
    work = measure(ad.graph("x1*x2"), (0, 1), Weights(move=0.0)).work["multiply"]
    assert (work.value, work.tangent, work.adjoint) == (1, 3, 2)


def test_operations_by_kind_and_totals() -> None:
    ledger = cost_ledger(TEXT, 2.0, 5.0)
    assert ledger.value == {"add": 1, "log": 1, "multiply": 1, "sin": 1, "subtract": 1}
    graph = ad.graph(TEXT)
    assert ledger["reverse"].operations == 5 + count_reverse(graph, graph.outputs[0], (0, 1)).total() == 14
    assert ledger["numerical, central"].operations == 5 * 5
    assert dict(ledger.adjoint) == dict(sorted(count_reverse(graph, graph.outputs[0], (0, 1)).items()))


def test_sharing_makes_symbolic_derivatives_smaller() -> None:
    ledger = cost_ledger("4*(4*x*(1 - x))*(1 - 4*x*(1 - x))", 0.2)
    assert ledger["symbolic, written out"].operations > ledger["symbolic, parts shared"].operations > 0


def test_storage() -> None:
    def long_chain(x):
        for _ in range(50):
            x = np.sin(x)
        return np.sum(x)

    ledger = cost_ledger(long_chain, np.ones(100))
    array = 100 * 8
    assert ledger["numerical, forward"].bytes_needed == 2 * array
    assert ledger["forward"].bytes_needed == 2 * ledger["numerical, forward"].bytes_needed
    assert 51 * array < ledger["reverse"].bytes_needed < 55 * array
    assert 100 * array < ledger["forward"].bytes_held < 104 * array
    for row in ledger.modes:
        if row.bytes_held is not None:
            assert row.bytes_held >= row.bytes_needed or row.mode == "reverse"


def test_large_functions_are_predicted_not_run() -> None:
    ledger = cost_ledger(lambda W, x: np.sum(np.tanh(W @ x)), np.ones((300, 300)), np.ones(300))
    row = ledger["numerical, forward"]
    assert (row.evaluations, row.counted_evaluations, row.as_predicted) == (90_301, None, None)
    assert "Left out" in ledger["symbolic, written out"].note
    assert ledger["reverse"].counted_passes == 1


# ---------------------------------------------------------------------------------------------------- chains of Jacobians


def brute(shapes) -> int:
    """Return the fewest multiplications by trying every order."""
    if len(shapes) == 1:
        return 0
    return min(
        brute(shapes[:k]) + brute(shapes[k:]) + shapes[0][0] * shapes[k][0] * shapes[-1][1]
        for k in range(1, len(shapes))
    )


@pytest.mark.parametrize("seed", range(6))
def test_orders_of_multiplication(seed: int) -> None:
    sizes = np.random.default_rng(seed).integers(1, 30, 7)
    shapes = [(int(a), int(b)) for a, b in pairwise(sizes)]
    chain = chain_ledger(shapes)
    assert chain.best == brute(shapes)
    assert chain.best <= min(chain.left_to_right, chain.right_to_left)
    left = right = 0
    whole = shapes[0]
    for rows, columns in shapes[1:]:
        left, whole = left + whole[0] * rows * columns, (whole[0], columns)
    whole = shapes[-1]
    for rows, columns in shapes[-2::-1]:
        right, whole = right + rows * columns * whole[1], (rows, whole[1])
    assert (chain.left_to_right, chain.right_to_left) == (left, right)
    assert sorted(chain.order.replace("(", "").replace(")", "").split("·")) == sorted(chain.names)


def test_a_gradient_wants_reverse_and_a_curve_forward() -> None:
    gradient = chain_ledger([(1, 10), (10, 100), (100, 1000)])
    assert (gradient.left_to_right, gradient.right_to_left) == (101_000, 1_010_000)
    curve = chain_ledger([(1000, 100), (100, 10), (10, 1)])
    assert (curve.right_to_left, curve.left_to_right) == (101_000, 1_010_000)
    assert "reverse mode takes 101,000" in gradient.sentence
    assert "forward mode takes 101,000" in curve.sentence


def test_the_middle_first_can_be_best() -> None:
    chain = chain_ledger([(50, 1), (1, 50), (50, 1), (1, 50)])
    assert chain.best == brute(chain.shapes) < min(chain.left_to_right, chain.right_to_left)
    assert chain.order in chain.sentence


def test_a_collapsed_graph_is_a_chain_of_its_scopes() -> None:
    def net(W1, W2, x):
        with ad.scope("layer1"):
            hidden = ad.sigmoid(W1 @ x)
        with ad.scope("layer2"):
            out = ad.tanh(W2 @ hidden)
        with ad.scope("loss"):
            return np.sum(out * out)

    graph = ad.graph(net, np.ones((20, 10)), np.ones((5, 20)), np.ones(10))
    chain = chain_of_graph(graph, [2])
    assert chain.names == ("loss", "layer2", "layer1")
    assert chain.shapes == ((1, 5), (5, 20), (20, 10))
    assert (chain.left_to_right, chain.right_to_left) == (5 * 20 + 20 * 10, 5 * 20 * 10 + 5 * 10)
    weights = chain_of_graph(graph, [0, 1])
    assert weights.shapes == ((1, 5), (5, 120), (120, 300))


def test_steps_that_pass_values_on() -> None:
    chain = chain_of_graph(ad.graph(TEXT))
    assert all(a[1] == b[0] for a, b in pairwise(chain.shapes))
    assert chain.shapes[0][0] == 1
    assert chain.shapes[-1][1] == 2
    assert chain_of_graph(ad.graph("x")).shapes == ((1, 1),)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([], "at least one"),
        ([(1, 2), (3, 4)], "does not multiply"),
        ([(1, 2, 3)], "pairs"),
        ([(1, -2)], "pairs"),
    ],
)
def test_bad_chains(shapes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        chain_ledger(shapes)


def test_a_long_program_is_counted() -> None:
    def long(x):
        for _ in range(3_000):
            x = np.sin(x) * x
        return x

    steps = measure(ad.graph(long, 0.5), (0,))
    assert steps.work["sin"].value == 3_000 * 4
    assert all(bound.holds for bound in steps.bounds())


def test_formats() -> None:
    shown = ad.cost(TEXT, 2, 5)
    data = json.loads(shown.to_json())
    assert data["inputs"] == 2
    assert [row["mode"] for row in data["modes"]][-2:] == ["forward", "reverse"]
    for text in (shown.to_text(), shown.to_markdown(), shown.to_html(), shown.to_latex(), shown.to_csv()):
        assert "reverse" in text
    assert "1, 2 ✓" in shown.to_text()
    assert shown["reverse"].passes == 1
    with pytest.raises(InputError, match="no mode 'sideways'"):
        shown["sideways"]
    for fmt, chain in product(("text", "html", "json"), (ad.chain([(1, 10), (10, 100)]),)):
        assert "1,000" in chain.render(fmt)


def test_a_chain_of_anything_but_shapes_is_refused():
    for given in (lambda x: x, "x", [1, 2]):
        with pytest.raises(ad.InputError, match=r"list of pairs \(rows, columns\)"):
            ad.chain(given)
    with pytest.raises(ad.InputError, match="pairs of whole numbers"):
        ad.chain([(1.5, 2)])
    with pytest.raises(ad.InputError, match="one name per Jacobian"):
        ad.chain([(1, 2)], 1.0)


def test_a_theorem_whose_precondition_fails_does_not_apply():
    ledger = ad.cost(lambda A, x: np.sum(np.tanh(A @ x)), np.ones((5, 4)), np.ones(4))
    forward = ledger.bounds[0]
    assert (forward.primitive, forward.holds) == ("tanh", False)
    assert "does not apply" in forward.sentence
    assert "does not apply" in str(ledger)
    product = ad.cost("x1*x2", 1.0, 2.0).bounds[0]  # every rule keeps the bound
    assert product.worst <= product.limit
    assert product.holds
