"""Sparse Jacobians and Hessians, vector passes, the choice of direction, and the report that says what they save."""

import json

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

import adlab as ad
from adlab.compiler import tiers
from adlab.errors import InputError, MethodError
from adlab.methods import METHODS, method_named
from adlab.methods.compressed import Plans, plan_hessian, plan_jacobian
from adlab.methods.direction import choose_direction
from adlab.transforms import batch
from adlab.transforms.costs import count_forward, count_reverse

RNG = np.random.default_rng(20)


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def burgers(u, nu=0.01):
    h = 1 / (u.size + 1)
    w = np.concatenate([np.zeros(1), u, np.zeros(1)])
    return -u * (w[2:] - w[:-2]) / (2 * h) + nu * (w[2:] - 2 * u + w[:-2]) / h**2


def arrow(x):
    return np.concatenate([np.stack([np.sum(x**2)]), x[1:] ** 2 + x[0] * x[1:]])


def kmeans(points):
    def loss(centres):
        return np.sum(np.min(np.sum((points[:, None, :] - centres[None]) ** 2, axis=2), axis=1))

    return loss


# --------------------------------------------------------------------------------------------------- row D12


def test_lectures_row_d12_sigmoid_layer_with_a_batch_of_100():
    """Formally 204,800 × 204,800; 204,800 non-zeros, under 10 MB, one pass; samples are independent."""
    x = RNG.normal(size=(100, 2048))
    found = ad.jacobian(ad.sigmoid, sparse=True)(x)
    assert found.shape == (204_800, 204_800)
    assert found.nnz == 204_800
    assert found.data.nbytes + found.indices.nbytes + found.indptr.nbytes < 10e6
    y = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(found.diagonal(), np.ravel(y * (1 - y)), rtol=1e-12)
    report = ad.sparsity(ad.sigmoid, x)
    assert (report.nonzeros, report.structure, report.passes) == (204_800, "diagonal", 1)
    assert report.bytes < 10e6
    assert report.dense_bytes == 8 * 204_800**2
    one = ad.jacobian(ad.sigmoid)(x[0, :64])
    np.testing.assert_allclose(found[:64, :64].toarray(), one, rtol=1e-15)


# ---------------------------------------------------------------------------------------------- sparse Jacobians


def test_tridiagonal_burgers_residual_in_three_passes():
    u = RNG.normal(size=10_000)
    report = ad.sparsity(burgers, u)
    assert (report.compression.forward, report.compression.reverse) == (3, 0)
    assert report.nonzeros == 3 * 10_000 - 2
    found = ad.jacobian(burgers, sparse=True)(u)
    v = RNG.normal(size=u.size)
    np.testing.assert_allclose(found @ v, ad.jvp(burgers, (u,), (v,))[1], rtol=1e-9, atol=1e-6)
    small = u[:30]
    np.testing.assert_allclose(
        ad.jacobian(burgers, sparse=True)(small).toarray(), ad.jacobian(burgers)(small), atol=1e-12
    )


@pytest.mark.parametrize(
    ("f", "forward", "reverse"),
    [
        (arrow, 2, 1),
        (lambda x: np.concatenate([np.stack([np.sum(x**2)]), x[1:] ** 2]), 0, 2),
        (lambda x: x * x[0], 2, 0),
        (lambda x: x**2, 1, 0),
        (lambda x: np.stack([np.sum(np.sin(x))]), 0, 1),
        (lambda x: np.zeros(3), 0, 0),
    ],
)
def test_columns_rows_or_both(f, forward, reverse):
    x = RNG.normal(size=50)
    found = ad.sparsity(f, x).compression
    assert (found.forward, found.reverse) == (forward, reverse)
    sparse = ad.jacobian(f, sparse=True)(x)
    np.testing.assert_allclose(sparse.toarray(), ad.jacobian(f, method="reverse")(x), rtol=1e-12, atol=1e-12)
    assert isinstance(sparse, scipy.sparse.csr_array)


def test_a_direction_can_be_forced():
    x = RNG.normal(size=20)
    for method in ("forward", "reverse"):
        report = ad.sparsity(burgers, x, method=method)
        assert getattr(report.compression, method) == 3
        sparse = ad.jacobian(burgers, sparse=True, method=method)(x)
        np.testing.assert_allclose(sparse.toarray(), ad.jacobian(burgers)(x), atol=1e-11)


def test_blocks_nest_as_dense_ones_do():
    def f(params, t):
        return {"a": params["w"] * t, "b": params["w"].sum() + t}

    args = ({"w": RNG.normal(size=(2, 3)), "unused": 1.5}, 2.0)
    dense, sparse = (ad.jacobian(f, (0, 1), sparse=s)(*args) for s in (False, True))
    for key in ("a", "b"):
        for d, s in zip(
            [dense[key][0]["w"], dense[key][0]["unused"], dense[key][1]],
            [sparse[key][0]["w"], sparse[key][0]["unused"], sparse[key][1]],
            strict=True,
        ):
            np.testing.assert_allclose(s.toarray().ravel(), np.ravel(d), rtol=1e-14)


def test_plans_are_kept_for_the_same_program_only():
    plans = Plans()
    scale = 2.0

    def f(x, band):
        return (band @ x) * scale

    one, two = np.eye(6) + np.eye(6, k=1), np.eye(6) + np.eye(6, k=-1)
    graphs = [ad.graph(lambda x, b=b: f(x, b), np.ones(6)) for b in (one, one.copy(), two)]
    first = plans.keep(plan_jacobian(graphs[0], (0,)))
    assert plans.find(graphs[1], (0,)) is first
    assert plans.find(graphs[2], (0,)) is None  # its zeros are elsewhere
    scale = 3.0
    graph = ad.graph(lambda x: f(x, one), np.ones(6))
    other = plans.find(graph, (0,))
    assert other.compression is first.compression  # no pattern looks at 3
    assert other.graph is graph  # but the numbers are its own
    assert plans.plans == [other]
    assert plans.find(ad.graph(lambda x: f(x, one) + 1, np.ones(6)), (0,)) is None


def test_closures_branches_and_shapes_may_change_between_calls():
    weights = np.eye(3)
    jacobian = ad.jacobian(lambda x: weights @ x, sparse=True)
    np.testing.assert_array_equal(jacobian(np.ones(3)).toarray(), weights)
    weights = np.eye(3)[::-1].copy()
    np.testing.assert_array_equal(jacobian(np.ones(3)).toarray(), weights)

    def branching(x):
        return x**2 if np.sum(x) > 0 else x[::-1]

    jacobian = ad.jacobian(branching, sparse=True)
    for x in (np.ones(3), -np.ones(3), np.ones(5), np.ones(3)):
        np.testing.assert_array_equal(jacobian(x).toarray(), ad.jacobian(branching)(x))
    hessian = ad.hessian(lambda x: np.sum(weights @ x**3), sparse=True)
    for factor in (1.0, 2.0):
        weights = np.eye(3) * factor
        np.testing.assert_allclose(hessian(np.ones(3)).toarray(), 6 * factor * np.eye(3))


class Model:
    rate = 2.0


FACTOR = 2.0


def test_numbers_that_the_function_reads_may_change_between_calls():
    global FACTOR
    weights, table, model, start = [2.0], np.full(3, 2.0), Model(), [0]
    rng, twin = np.random.default_rng(3), np.random.default_rng(3)

    def change():
        global FACTOR
        weights[0] = table[:] = model.rate = FACTOR = 9.0

    functions = {
        "list": lambda x: x**2 * weights[0],
        "array": lambda x: x**2 * table,
        "attribute": lambda x: x**2 * model.rate,
        "global": lambda x: x**2 * FACTOR,
        "threshold": lambda x: np.where(x > weights[0], x**2, 5 * x),
        "scalars": lambda x: np.stack([x[0] * weights[0], x[1] ** 2 * table[1], x[2] + x[0]]),
    }
    for name, f in functions.items():
        weights[0] = table[:] = model.rate = FACTOR = 2.0
        sparse = {m: ad.jacobian(f, sparse=True, method=m) for m in ("auto", "forward", "reverse")}
        hessian = ad.hessian(lambda x, f=f: np.sum(f(x) ** 2), sparse=True)
        for step in range(8):
            if step in (3, 6):
                change() if step == 3 else weights.__setitem__(0, 4.0)
            x = np.full(3, 3.0 + step / 8)
            for one in sparse.values():
                np.testing.assert_allclose(one(x).toarray(), ad.jacobian(f)(x), rtol=1e-13, err_msg=name)
            dense = ad.hessian(lambda x, f=f: np.sum(f(x) ** 2))(x)
            np.testing.assert_allclose(hessian(x).toarray(), dense, rtol=1e-13, err_msg=name)
    random = ad.jacobian(lambda x: x * rng.normal(), sparse=True)
    for _ in range(4):
        np.testing.assert_array_equal(random(np.ones(3)).toarray(), twin.normal() * np.eye(3))
    shifted = ad.jacobian(lambda x: x[start[0] : start[0] + 2] ** 2, sparse=True)
    for start[0] in (0, 0, 0, 1, 1, 0):
        found = shifted(np.arange(1.0, 4.0)).toarray()
        np.testing.assert_array_equal(found, np.diag([2.0, 4.0, 6.0])[start[0] : start[0] + 2])


def test_a_hessian_of_scalar_code_becomes_native(monkeypatch):
    pytest.importorskip("llvmlite")

    def f(x):
        total = 0.0
        for i in range(len(x) - 1):
            total += 100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
        return total

    made = []

    def compiled(answer, args):
        made.append(original(answer, args))
        return made[-1]

    original = tiers._compiled
    monkeypatch.setattr(tiers, "_compiled", compiled)
    hessian, x = ad.hessian(f, sparse=True), RNG.normal(size=100)
    expected = ad.hessian(rosenbrock)(x)
    for _ in range(4):
        np.testing.assert_allclose(hessian(x).toarray(), expected, rtol=1e-12, atol=1e-12)
    kinds = [code and code.stats.kind for code in made]
    assert kinds == ["scalar"]


def test_results_are_the_users_own():
    jacobian = ad.jacobian(lambda x: x**2, sparse=True)
    first = jacobian(np.arange(3.0))
    first.indices[:] = 0
    first.data[:] = 7
    np.testing.assert_array_equal(jacobian(np.arange(3.0)).toarray(), np.diag([0.0, 2.0, 4.0]))


def test_many_colours_take_several_runs(monkeypatch):
    x = RNG.normal(size=12)
    full = RNG.normal(size=(12, 12))
    want = ad.jacobian(lambda x: full @ x**2)(x)
    monkeypatch.setattr(batch, "LANE_BYTES", 1000)
    for method in ("forward", "reverse"):
        found = ad.jacobian(lambda x: full @ x**2, sparse=True, method=method)(x)
        np.testing.assert_allclose(found.toarray(), want, rtol=1e-12)
    monkeypatch.setattr(batch, "LANE_BYTES", 1)
    np.testing.assert_allclose(
        ad.jacobian(arrow, sparse=True)(x).toarray(), ad.jacobian(arrow)(x), rtol=1e-12
    )


def test_float32_stays_float32():
    found = ad.jacobian(lambda x: x**2 * x[::-1], sparse=True)(np.arange(4, dtype=np.float32))
    assert found.dtype == np.float32


# ---------------------------------------------------------------------------------------------- sparse Hessians


def on_a_ring(x):
    return np.sum(np.sin(x) * np.roll(x, 1) ** 2)


def on_a_grid(x):
    return np.sum(np.sin(x[1:]) * x[:-1] ** 2) + np.sum(np.cos(x[:, 1:]) * x[:, :-1])


@pytest.mark.parametrize(
    ("f", "shape", "passes"),
    [
        (on_a_ring, (100,), 3),
        (on_a_grid, (7, 8), 5),
        (rosenbrock, (100,), 3),
        (kmeans(RNG.normal(size=(60, 4))), (20, 4), 1),
        (lambda x: x[0] * np.sum(x[1:] ** 2) + np.sum(x**3), (40,), 2),
        (lambda x: np.sum(np.sin(x)), (7,), 1),
        (lambda x: np.sum(x), (7,), 0),
        (lambda x: np.sum(x) ** 2, (6,), 6),
    ],
)
def test_sparse_hessians(f, shape, passes):
    x = RNG.normal(size=shape)
    assert ad.sparsity(f, x, hessian=True).passes == passes
    dense = ad.hessian(f)(x).reshape(x.size, x.size)
    hessian = ad.hessian(f, sparse=True)
    for _ in range(2):
        np.testing.assert_allclose(hessian(x).toarray(), dense, rtol=1e-12, atol=1e-11)


def test_hessian_blocks_nest_as_dense_ones_do():
    def f(a, b):
        return np.sum(a**2 * b)

    args = (RNG.normal(size=3), 2.0)
    dense, sparse = (ad.hessian(f, (0, 1), sparse=s)(*args) for s in (False, True))
    for row, other in zip(dense, sparse, strict=True):
        for d, s in zip(row, other, strict=True):
            np.testing.assert_allclose(s.toarray().ravel(), np.ravel(d))


def test_sparse_hessian_keeps_the_gradient_program():
    graph = ad.graph(rosenbrock, np.ones(9))
    plan = plan_hessian(graph, ad.grad_graph(rosenbrock, np.ones(9)), (0,))
    assert plan.fitted(ad.graph(rosenbrock, np.zeros(9)), (0,)) is plan
    assert plan.fitted(ad.graph(lambda x: 2 * rosenbrock(x), np.zeros(9)), (0,)) is None
    assert plan.fitted(ad.graph(lambda x: np.sum(101 * x), np.zeros(9)), (0,)) is None


def test_sparse_refusals():
    with pytest.raises(MethodError, match="inside another differentiation"):
        ad.grad(lambda x: ad.jacobian(lambda z: z**2, sparse=True)(x).sum())(np.ones(3))
    with pytest.raises(InputError, match="'auto', 'forward' or 'reverse', not 'numerical'"):
        ad.jacobian(rosenbrock, sparse=True, method="numerical")
    with pytest.raises(InputError, match="no option 'h'"):
        ad.jacobian(rosenbrock, sparse=True, h=1.0)
    with pytest.raises(InputError, match="forward over reverse"):
        ad.hessian(rosenbrock, sparse=True, method="symbolic")
    with pytest.raises(InputError, match="one number"):
        ad.hessian(lambda x: x, sparse=True)(np.ones(3))
    with pytest.raises(InputError, match="truth value"):
        ad.jacobian(lambda x: x > 0, sparse=True)(np.ones(3))
    with pytest.raises(InputError, match="one scalar result"):
        ad.sparsity(lambda x: x, np.ones(3), hessian=True)


# ------------------------------------------------------------------------------------------------- vector passes


def programs(x, W):
    return np.tanh(W @ x), np.sum(x**2), np.outer(x, x[:2]) * W[0, 0], np.max(W, axis=1), np.cumsum(x)[::-1]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("forward", {}),
        ("reverse", {}),
        ("numerical", {}),
        ("numerical", {"scheme": "forward"}),
        ("numerical", {"scheme": "complex"}),
        ("numerical", {"scheme": "richardson"}),
        ("numerical", {"h": 1e-3}),
    ],
)
def test_lanes_give_what_one_by_one_gives(monkeypatch, method, options, dtype):
    args = (RNG.normal(size=4).astype(dtype), RNG.normal(size=(3, 4)).astype(dtype))
    graph = ad.graph(programs, *args)
    together = method_named(method).derivative(graph, args, **options)
    monkeypatch.setattr(batch, "LANE_BYTES", 1)
    alone = method_named(method).derivative(graph, args, **options)
    assert together.cost.to_dict() == alone.cost.to_dict()
    loose = method == "numerical" and options.get("scheme") != "complex"
    tolerance = {"rtol": 1e-6, "atol": 1e-5} if loose else {"rtol": 1e-13, "atol": 1e-14}
    if dtype is np.float32:
        tolerance = {"rtol": 1e-2, "atol": 5e-2} if loose else {"rtol": 1e-5, "atol": 1e-6}
    for row, other in zip(together.jacobians, alone.jacobians, strict=True):
        for block, single in zip(row, other, strict=True):
            assert block.dtype == single.dtype == dtype
            assert block.shape == single.shape
            np.testing.assert_allclose(block, single, **tolerance)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 9), st.integers(1, 4000))
def test_any_number_of_lanes_gives_the_same(size, limit):
    x = np.linspace(-1, 1, size)
    graph = ad.graph(lambda x: np.sin(x) * x.sum(), x)
    want = np.diag(np.cos(x) * x.sum()) + np.sin(x)[:, None]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "LANE_BYTES", limit)
        for name in ("forward", "reverse"):
            np.testing.assert_allclose(
                METHODS[name].derivative(graph, (x,)).jacobians[0][0], want, atol=1e-14
            )


def test_perturbations_go_one_by_one_through_branches():
    def f(x):
        return np.sum(x) if x[0] > 0 else np.sum(x) * 3

    found = METHODS["numerical"].derivative(ad.graph(f, np.array([1e-9, 1.0])), (np.array([1e-9, 1.0]),))
    np.testing.assert_allclose(found.jacobians[0][0], [1, 1], rtol=1e-5)
    assert any("x[0]" in note for note in found.notes)


def test_a_vanishing_step_names_its_element():
    with pytest.raises(InputError, match=r"vanishes next to x\[2\] = 1e\+20"):
        ad.grad(lambda x: np.sum(x), method="numerical", h=1e-3)(np.array([0.0, 1.0, 1e20]))


# ------------------------------------------------------------------------------------------ choice of direction


def test_direction_is_chosen_and_explained():
    def wide(x):
        return np.stack([x[0] * x[1] ** k for k in range(49)])

    report = ad.gradient(wide, np.array([1.0, 2.0]), method="auto", scalar=False)
    assert report.method == "forward"
    assert report.notes[0].startswith("2 forward passes instead of 49 reverse passes")
    assert report.cost.forward_passes == 2
    tall = ad.gradient("x1*x2 + sin(x3)", 1.0, 2.0, 3.0, method="auto")
    assert tall.method == "reverse"
    assert tall.notes[0].startswith("1 reverse pass instead of 3 forward passes")
    assert "operations against" in tall.notes[0]


def test_direction_follows_the_count():
    def mixed(x):
        return np.sum(np.sin(np.outer(x, np.ones(50))), axis=1)

    graph = ad.graph(mixed, np.ones(3))
    forward = 3 * count_forward(graph, 0).total()
    reverse = 3 * count_reverse(graph, graph.outputs[0], [0]).total()
    choice = choose_direction(graph, [0], graph.outputs)
    assert f"{min(forward, reverse):,} operations against {max(forward, reverse):,}" in choice.sentence
    assert choice.method == ("forward" if forward <= reverse else "reverse")
    each = {"forward": forward, "reverse": reverse}
    dearer = max(each, key=each.get)
    passes = {"forward": 3, "reverse": 3, dearer: 1}  # a third of the passes makes the dearer one the cheaper
    assert (
        choose_direction(graph, [0], graph.outputs, (passes["forward"], passes["reverse"])).method == dearer
    )
    assert choose_direction(graph, [0], graph.outputs, (1, 100)).method == "forward"
    assert choose_direction(graph, [0], graph.outputs, (100, 1)).method == "reverse"


def test_jacobian_takes_the_cheaper_direction_by_itself():
    x = RNG.normal(size=(3,))
    for f in (lambda x: np.sum(x**3), lambda x: np.outer(x, np.ones(20)) ** 2):
        for method in ("forward", "reverse"):
            np.testing.assert_allclose(ad.jacobian(f)(x), ad.jacobian(f, method=method)(x), rtol=1e-15)
    with pytest.raises(InputError, match="no option"):
        ad.jacobian(rosenbrock, h=1e-3)


# ------------------------------------------------------------------------------------------------------ report


def test_report_in_every_format():
    shown = ad.sparsity(rosenbrock, np.ones(100), hessian=True)
    text = shown.to_text()
    for words in (
        "298 (3 %)",
        "banded, diagonals −1 to 1",
        "3 of columns",
        "100 forward",
        "80 kB",
        "3 products with the Hessian",
    ):
        assert words in text
    for format in ("markdown", "latex", "html", "csv"):
        assert "298" in shown.render(format)
    data = json.loads(shown.to_json())
    assert (data["nonzeros"], data["forward_passes"], data["dense_forward_passes"]) == (298, 3, 100)
    assert len(data["rows"]) == len(data["columns"]) == len(data["passes"]) == 298
    assert "<svg" in shown._repr_html_()


def test_entries_and_their_passes_stand_in_the_data():
    data = json.loads(ad.sparsity(arrow, np.ones(12)).to_json())
    passes = {(r, c): p for r, c, p in zip(data["rows"], data["columns"], data["passes"], strict=True)}
    assert {passes[0, c] for c in range(12)} == {2}
    column, diagonal = (
        {passes[r, c] for r, c in cells}
        for cells in ([(r, 0) for r in range(1, 12)], [(r, r) for r in range(1, 12)])
    )
    assert len(column) == len(diagonal) == 1
    assert column | diagonal == {0, 1}


def test_pictures(tmp_path):
    drawing = ad.sparsity(arrow, np.ones(12)).draw()
    assert drawing.svg.count("h") > 30
    assert "2 forward passes and 1 reverse pass" in drawing.svg
    for name in ("spy.svg", "spy.png", "spy.pdf"):
        assert drawing.save(tmp_path / name).stat().st_size > 1000
    large = ad.sparsity(burgers, np.ones(1000)).draw()
    assert len(large.svg) < 60_000
    assert "darker" in large.svg
    assert "0 entries" in ad.sparsity(lambda x: np.ones(3), np.ones(2)).draw().svg
    with pytest.raises(InputError, match=r"not as \.gif"):
        drawing.save(tmp_path / "spy.gif")


def test_command_line(tmp_path):
    from click.testing import CliRunner

    from adlab.cli.main import cli

    target = tmp_path / "spy.svg"
    done = CliRunner().invoke(cli, ["sparsity", "x*x*3", "x=[1,2,3]", "--picture", str(target)])
    assert done.exit_code == 0
    assert "diagonal" in done.stdout
    assert target.read_text().startswith("<svg")
    done = CliRunner().invoke(cli, ["sparsity", "x1*x2^2", "x1=1", "x2=2", "--hessian", "--format", "json"])
    assert json.loads(done.stdout)["nonzeros"] == 3
    done = CliRunner().invoke(cli, ["jacobian", "x*x", "x=[1,2]"])
    assert "passes instead of" in done.stdout
