"""Other systems: a stand-in that is always there, every installed one, and what is said of those that are not."""

import importlib.util
import json
import sys
import types

import numpy as np
import pytest

import adlab as ad
from adlab.errors import InputError
from adlab.reports.comparison import compare
from adlab.reports.peers import PEERS


def running(x1, x2):
    return np.log(x1) + x1 * x2 - np.sin(x2)


@pytest.fixture
def stand_in(monkeypatch):
    """A tiny autograd: NumPy as its namespace, central differences as its Jacobian."""

    def jacobian(f, argnum):
        def slope(*args):
            columns = []
            for place in np.ndindex(np.shape(args[argnum])):
                ends = []
                for h in (1e-6, -1e-6):
                    x = np.array(args[argnum], float)
                    x[place] += h
                    ends.append(np.asarray(f(*args[:argnum], x[()], *args[argnum + 1 :])))
                columns.append((ends[0] - ends[1]) / 2e-6)
            inner = np.shape(columns[0])
            return np.stack(columns, axis=-1).reshape((*inner, *np.shape(args[argnum])))

        return slope

    fake = types.ModuleType("autograd")
    fake.jacobian = jacobian
    monkeypatch.setitem(sys.modules, "autograd", fake)
    monkeypatch.setitem(sys.modules, "autograd.numpy", np)
    monkeypatch.setitem(sys.modules, "autograd.scipy.special", None)
    return fake


def test_a_peer_is_one_more_method(stand_in):
    report = compare(running, 2.0, 5.0, peers="autograd")
    assert [m.name for m in report.methods][-1] == "autograd"
    peer = report["autograd"]
    assert peer.value == running(2.0, 5.0)
    assert peer.gradient["x1"] == pytest.approx(5.5)
    assert 0 < peer.relative_error < 1e-7
    assert peer.ulps > 1
    assert peer.seconds > 0
    assert peer.cost is None


def test_several_outputs_arrays_and_chosen_inputs(stand_in):
    report = compare(
        lambda x, w: (np.tanh(x @ w), np.sum(x)), np.array([0.1, 0.2]), np.eye(2), wrt="w", peers=["autograd"]
    )
    blocks = report["autograd"].gradient["w"]
    assert [np.shape(block) for block in blocks] == [(2, 2, 2), (2, 2)]
    np.testing.assert_allclose(blocks[0], report["reverse"].gradient["w"][0], rtol=1e-6, atol=1e-9)


def test_a_row_that_the_peer_lacks_is_named_with_the_users_line(stand_in):
    reason = compare(lambda x: ad.gammaln(x) * x, 2.5, peers="autograd")["autograd"].reason
    assert reason.startswith("No answer: autograd has no counterpart of 'gammaln' (")
    assert "test_peers.py" in reason


def test_a_users_own_primitive_is_refused(stand_in):
    mine = ad.primitive(np.sin, name="mine", partials=lambda y, x: (np.cos(x),))
    assert "no counterpart of 'mine'" in compare(mine, 1.0, peers="autograd")["autograd"].reason


def test_what_the_peer_itself_raises_is_its_answer(stand_in):
    def refuse(f, argnum):
        raise NotImplementedError("no derivative today\nand a second line")

    stand_in.jacobian = refuse
    assert compare(running, 2.0, 5.0, peers="autograd")["autograd"].reason == (
        "No answer: autograd says: no derivative today"
    )


def test_a_convention_of_another_system_is_not_ours(stand_in):
    reason = compare(lambda x: ad.relu(x) - ad.relu(-x) + 0 * x, 0.0, peers="autograd")["autograd"].reason
    assert "the convention of the lectures" not in reason


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_that_is_not_installed_says_so_in_one_sentence(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    peer = compare(running, 2.0, 5.0, methods="reverse", peers=name)[name]
    assert peer.value is None
    assert peer.reason == (
        f"No answer: {PEERS[name].title} is not installed; pip install {name}, or 'adlab[peers]' for all peers."
    )


def test_all_asks_every_peer(monkeypatch):
    for name in PEERS:
        monkeypatch.setitem(sys.modules, name, None)
    shown = ad.compare(running, 2.0, 5.0, methods="reverse", peers="all")
    assert [m.name for m in shown.methods] == ["reverse", *PEERS]
    text = shown.to_text()
    assert "torch" in text
    assert "·" in text
    data = json.loads(shown.to_json())
    assert [m["name"] for m in data["methods"]] == ["reverse", *PEERS]


def test_an_unknown_peer_is_refused():
    with pytest.raises(InputError, match="no peer 'tensorflow'; the peers are autograd, jax, torch, casadi"):
        compare(running, 2.0, 5.0, peers=["tensorflow"])


# ----------------------------------------------------------------------------------------- those that are installed

PROBLEMS = {
    "the running example": (running, (2.0, 5.0), ()),
    "matrix product, tanh, maximum of all": (
        lambda x: (np.tanh(x @ np.ones((3, 2))) * np.max(x), x.sum()),
        (np.array([0.1, 0.5, 0.3]),),
        (),
    ),
    "choice and mean": (
        lambda x: np.where(x > 0.4, np.maximum(x, 0.45), x * x).mean(),
        (np.array([0.3, 0.5]),),
        (),
    ),
    "stack, reshape, product": (
        lambda x: np.stack([x + 1, x * 2]).reshape(-1)[1:].prod(),
        (np.array([0.1, 0.5, 0.3]),),
        (),
    ),
    "activations": (
        lambda x: np.sum(ad.sigmoid(x) * ad.softplus(x) + ad.relu(x)),
        (np.array([-1.5, 0.5]),),
        (),
    ),
    "float32": (lambda x: np.exp(x) * x, (np.float32(1.5),), ()),
    "norm and solve": (
        lambda x: np.linalg.solve(np.eye(2) + np.outer(x, x), x) / np.linalg.norm(x),
        (np.array([0.3, 0.5]),),
        ("casadi",),
    ),
}


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", PEERS)
@pytest.mark.filterwarnings("ignore")
def test_an_installed_peer_agrees_with_fifty_digits(name, problem):
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    f, point, lacking = PROBLEMS[problem]
    peer = compare(f, *point, methods="reverse", peers=name)[name]
    if name in lacking:
        assert "no counterpart" in peer.reason
    else:
        assert peer.ulps < 16, peer.reason
        assert peer.seconds > 0
