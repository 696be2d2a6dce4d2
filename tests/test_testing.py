"""The assertion for test suites, alone and as pytest shows it."""

import numpy as np
import pytest

import adlab as ad
from adlab.errors import InputError
from adlab.testing import assert_gradient

pytest_plugins = ["pytester"]

wrong = ad.primitive(np.sin, name="wrong_sine", partials=lambda y, x: (2 * np.cos(x),))


def test_right_derivatives_pass_in_silence(capsys):
    assert assert_gradient(lambda x, y: np.sum(np.exp(x) * y), np.ones(3), 2.0) is None
    assert assert_gradient("ln(x1) + x1*x2 - sin(x2)", 2, 5, method="reverse") is None
    assert assert_gradient(lambda x: np.sum(np.sin(x) * x), np.linspace(0, 1, 500)) is None
    assert capsys.readouterr().out == ""


def test_wrong_derivatives_raise_with_the_report():
    with pytest.raises(AssertionError) as caught:
        assert_gradient(lambda x: np.sum(wrong(x)), np.array([0.5, 1.0]))
    message = str(caught.value)
    assert "'wrong_sine'" in message
    assert "reverse" in message
    assert "forward" in message
    assert "tolerance" in message


def test_large_inputs_are_judged_the_same_at_every_run():
    def message(seed):
        with pytest.raises(AssertionError) as caught:
            assert_gradient(lambda x: np.sum(wrong(x)), np.linspace(0, 1, 500), seed=seed)
        return str(caught.value)

    assert message(0) == message(0)
    assert message(0) != message(1)


def test_the_tolerance_and_the_methods_can_be_chosen():
    off = ad.primitive(np.sin, name="off", partials=lambda y, x: (np.cos(x) * (1 + 1e-4),))
    assert_gradient(off, 1.0, tol=1e-3)
    with pytest.raises(AssertionError, match="off"):
        assert_gradient(off, 1.0, tol=1e-6)
    with pytest.raises(InputError, match="tolerance"):
        assert_gradient(off, 1.0, tol=-1)
    with pytest.raises(InputError, match="numerical, symbolic, forward, reverse"):
        assert_gradient(off, 1.0, method="magic")


def test_pytest_shows_the_users_line_and_the_report(pytester):
    pytester.makepyfile(
        """
        import numpy as np
        import adlab as ad
        from adlab.testing import assert_gradient

        wrong = ad.primitive(np.sin, name="wrong_sine", partials=lambda y, x: (2 * np.cos(x),))

        def test_right():
            assert_gradient(lambda x: np.sum(np.tanh(x)), np.linspace(0, 1, 4))

        def test_wrong():
            assert_gradient(wrong, 1.0)
        """
    )
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([">*assert_gradient(wrong, 1.0)", "E*AssertionError:*", "E*'wrong_sine'*"])
    result.stdout.no_fnmatch_line("*report.passed*")
