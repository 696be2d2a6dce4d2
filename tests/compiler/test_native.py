"""The whole way from graph to function: what is kept on disk, tiers, switching off, processes and exits."""

import os
import platform
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import adlab as ad
from adlab.compiler import disk, engine, native
from adlab.compiler.native import compile_graph
from adlab.errors import CompileError, InputError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ADLAB_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def network(x, w):
    return np.tanh(x @ w).sum(axis=0)


X, W = np.linspace(-1, 1, 1200).reshape(40, 30), np.linspace(-2, 2, 600).reshape(30, 20)


def test_code_is_kept_and_loaded_again(folder):
    graph = ad.graph(network, X, W)
    first, second = compile_graph(graph), compile_graph(graph)
    assert not first.stats.kept
    assert second.stats.kept
    assert len(os.listdir(folder)) == 1
    assert np.array_equal(first(X, W), second(X, W))
    np.testing.assert_allclose(second(X, W), network(X, W), rtol=1e-12, atol=1e-13)


def test_literals_are_kept_with_the_code():
    graph = ad.graph(lambda x: x @ W + np.arange(20.0), X)
    compile_graph(graph)
    again = compile_graph(graph)
    assert again.stats.kept
    np.testing.assert_allclose(again(X), X @ W + np.arange(20.0), rtol=1e-12, atol=1e-12)


def test_graphs_that_differ_in_one_literal_are_kept_apart(folder):
    for value in (1.0, 2.0, -0.0, 0.0):
        made = compile_graph(ad.graph(lambda x, value=value: X * x + value, np.ones((40, 30))))
        assert not made.stats.kept
    assert len(os.listdir(folder)) == 4


@pytest.mark.parametrize(
    "damage", [b"", b"adlab native 1\n", lambda data: data[:-7], lambda data: data[:60] + b"!" + data[61:]]
)
def test_a_damaged_entry_is_made_anew(folder, damage):
    graph = ad.graph(network, X, W)
    compile_graph(graph)
    (entry,) = folder.iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(damage if isinstance(damage, bytes) else damage(whole))
    again = compile_graph(graph)
    assert not again.stats.kept
    assert entry.read_bytes()[:40] == whole[:40] or entry.read_bytes() != damage
    assert compile_graph(graph).stats.kept


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ADLAB_CACHE_DIR", str(tmp_path / "file" / "kept"))
    assert compile_graph(ad.graph(network, X, W)).stats.kind == "array"
    monkeypatch.setenv("ADLAB_CACHE_DIR", "")
    assert disk.folder() is None
    assert compile_graph(ad.graph(network, X, W)).stats.kind == "array"


def test_what_was_not_used_for_longest_goes_first(folder, monkeypatch):
    monkeypatch.setattr(disk, "LIMIT", 3000)
    for k in range(5):
        disk.write(f"entry{k}", bytes(900))
        os.utime(folder / f"entry{k}", (k, k))
    disk.write("last", bytes(900))
    assert disk.read("entry0") is None
    assert disk.read("last") == bytes(900)
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 3000


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


PROGRAM = """
    import numpy as np, adlab as ad
    x, w = np.linspace(-1, 1, 1200).reshape(40, 30), np.linspace(-2, 2, 600).reshape(30, 20)
    f = ad.compile(lambda x, w: np.tanh(x @ w).sum(axis=0), x, w)
"""


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="names processors of the x86 family"
)
@pytest.mark.parametrize("cpu", ["x86-64-v3", "x86-64"])
def test_lesser_processors_compute_the_same(cpu):
    code = """
    import numpy as np
    import adlab as ad
    x, w = np.linspace(-1, 1, 1290).reshape(43, 30), np.linspace(-2, 2, 510).reshape(30, 17)

    def loss(w, x):
        p = ad.softmax(np.tanh(x @ w), axis=1)
        return -np.log(p).sum() + np.exp(w).mean() + np.sin(1e7 * w).max()

    f = ad.compile(ad.value_and_grad(loss), w, x)
    value, gradient = f(w, x)
    want, adjoint = ad.value_and_grad(loss)(w, x)
    np.testing.assert_allclose(value, want, rtol=1e-13)
    np.testing.assert_allclose(gradient, adjoint, rtol=1e-11, atol=1e-12)
    print(f.stats.kind, "zmm" in f.assembly)
    """
    assert run(code, ADLAB_CPU=cpu).split() == ["array", "False"]


def test_another_process_loads_it_and_exits_cleanly():
    code = PROGRAM + "    print(f.stats.kept, repr(f(x, w).sum()))\n"
    first, second = run(code).split(), run(code).split()
    assert (first[0], second[0]) == ("False", "True")
    assert first[1] == second[1]


def test_two_processes_may_write_at_once():
    code = PROGRAM + "    print(repr(f(x, w).sum()))\n"
    started = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=300)[0] for process in started]
    assert answers[0] == answers[1] != ""
    assert [process.returncode for process in started] == [0, 0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_goes_on_calling_and_compiling():
    run(
        PROGRAM
        + """
    import os, warnings
    warnings.simplefilter("ignore")
    want = f(x, w)
    child = os.fork()
    if not child:
        again = ad.compile(lambda x: x * 2.0 + 1.0, 1.0)
        os._exit(0 if np.array_equal(f(x, w), want) and again(2.0) == 5.0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    """
    )


def test_switched_off_by_the_environment_it_is_interpreted_and_says_so_once():
    answer = run(
        """
    import warnings
    import adlab as ad
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        f, g = ad.compile("x^2", 3.0), ad.compile("x^3", 3.0)
    print(f(2.0), g(2.0), f.stats.kind, len(caught), caught[0].message)
    """,
        ADLAB_COMPILE="0",
    )
    assert answer.startswith(
        "4.0 8.0 interpreted 1 ADLAB_COMPILE=0 switches native code off; functions are interpreted"
    )


def test_without_llvmlite_everything_works():
    answer = run(
        """
    import sys
    sys.modules["llvmlite"] = sys.modules["llvmlite.binding"] = None
    import warnings
    warnings.simplefilter("ignore")
    import adlab as ad
    f, d = ad.compile("x^2", 3.0), ad.grad("x^3")
    print(f(2.0), f.stats, [float(d(2.0)) for _ in range(3)])
    """
    )
    assert answer.strip() == (
        "4.0 interpreted: llvmlite, which generates native code, is not installed on this platform [12.0, 12.0, 12.0]"
    )


def test_repeated_derivatives_become_native_and_stay_right():
    def f(x):
        return x * x * x if x > 0 else -x

    d = ad.grad(f)
    assert [d(x) for x in (2.0, -1.0, 3.0, -2.0, 4.0, -3.0, 5.0)] == [
        12.0,
        -1.0,
        27.0,
        -1.0,
        48.0,
        -1.0,
        75.0,
    ]
    scale = [2.0]
    g = ad.value_and_grad(lambda x: (x * x).sum() * scale[0])
    x = np.arange(3.0)
    for factor in (2.0, 2.0, 2.0, 5.0, 5.0, 5.0):
        scale[0] = factor
        value, gradient = g(x)
        assert value == 5.0 * factor
        assert gradient.tolist() == [0.0, 2 * factor, 4 * factor]


def test_a_native_gradient_inside_another_trace():
    d = ad.grad(lambda x: x * x * x)
    assert [d(2.0) for _ in range(3)] == [12.0] * 3
    assert ad.grad(d)(2.0) == 12.0
    assert ad.hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0])).tolist() == [[6.0, 0.0], [0.0, 12.0]]


def test_rows_without_a_native_form_are_computed_between_native_parts():
    made = compile_graph(ad.graph(lambda x: np.sort(x * 2) @ x, np.arange(5.0)))
    assert made.stats.kind == "mixed"
    assert made.stats.reason == "NumPy computes sort"
    assert made(np.array([3.0, 1.0, 2.0, 5.0, 4.0])) == 102.0
    with pytest.raises(InputError):
        made(np.ones(3))


def test_a_graph_that_llvm_refuses_is_reported_as_a_mistake_of_adlabs():
    with pytest.raises(CompileError, match="mistake in adlab"):
        engine.object_code("define i32 @run(", 0, engine.host())


def test_donated_arguments_are_updated_in_place():
    graph = ad.graph(lambda w, g: (w - 0.5 * g, (g * g).sum()), np.ones((40, 30)), np.ones((40, 30)))
    made = compile_graph(graph, {0: 0})
    w, g = np.ones((40, 30)), np.full((40, 30), 0.25)
    new, total = made(w, g)
    assert new is w
    assert (w == 0.875).all()
    assert total == 75.0
    list_w = np.asfortranarray(np.ones((40, 30)))
    assert made(list_w, g)[0] is list_w
    assert (list_w == 0.875).all()
    both = np.ones((40, 30))
    new, _ = made(both, both)
    assert (new == 0.5).all()


def test_a_thousand_functions_alive_at_once():
    made = [compile_graph(ad.graph(lambda x, k=k: (x * k + 1.0) * x, 1.0)) for k in range(1000)]
    assert [f(2.0) for f in made] == [(2 * k + 1) * 2 for k in range(1000)]


def test_text_of_a_graph_of_arrays():
    made = compile_graph(ad.graph(network, X, W))
    assert "define i32 @run" in made.ir
    assert made.assembly
    assert "array code" in repr(made)
    assert native.unavailable() == ""
