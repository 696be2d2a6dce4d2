"""Numbers in print."""

from __future__ import annotations

import math

import numpy as np
import pytest

from adlab.render.numbers import (
    brief,
    latex_number,
    literal_text,
    nested,
    plain,
    significant,
    summary,
    text_number,
)

NUMBERS = [
    # value, plain, text, LaTeX
    (-0.9589242746631385, "-0.959", "−0.959", "-0.959"),
    (10.693147180559945, "10.693", "10.693", "10.693"),
    (5.0, "5", "5", "5"),
    (5.5, "5.5", "5.5", "5.5"),
    (-0.0, "0", "0", "0"),
    (0.00512, "0.00512", "0.00512", "0.00512"),
    (1e-5, "1e-5", "1e−5", r"1 \times 10^{-5}"),
    (-2.5e-9, "-2.5e-9", "−2.5e−9", r"-2.5 \times 10^{-9}"),
    (1234567.891, "1234567.891", "1234567.891", "1234567.891"),
    (1.5e12, "1.5e12", "1.5e12", r"1.5 \times 10^{12}"),
    (0.9999999, "1", "1", "1"),
    (math.inf, "inf", "∞", r"\infty"),
    (-math.inf, "-inf", "−∞", r"-\infty"),
    (math.nan, "nan", "NaN", r"\mathrm{NaN}"),
    (True, "true", "true", r"\mathrm{true}"),
]


@pytest.mark.parametrize(("value", "ascii", "text", "latex"), NUMBERS, ids=lambda value: str(value))
def test_three_decimals(value: float, ascii: str, text: str, latex: str) -> None:
    assert plain(value) == ascii
    assert text_number(value) == text
    assert latex_number(value) == latex


def test_digits_are_a_choice() -> None:
    assert text_number(math.pi, 6) == "3.141593"
    assert text_number(math.pi, 0) == "3"
    assert text_number(2.5e-9, 1) == "2e−9" or text_number(2.5e-9, 1) == "3e−9"


@pytest.mark.parametrize(
    "value", [0.1, 1e-300, 5e-324, 1.7976931348623157e308, 123456.789, -2.5e-9, 2.0, 1e16, 1e22]
)
def test_a_literal_reads_back_exactly(value: float) -> None:
    assert float(literal_text(value)) == value


def test_significant_digits_for_pictures() -> None:
    assert [significant(x) for x in (0.69314, 11.652, -0.95892, 1e-7, 0.0)] == [
        "0.6931",
        "11.65",
        "−0.9589",
        "1e−7",
        "0",
    ]


def test_arrays_in_a_few_words() -> None:
    array = np.arange(12.0).reshape(3, 4)
    assert summary(array) == "3×4, ‖·‖ = 22.49"
    assert summary(array > 5) == "3×4, 6 true"
    assert summary(np.full(9, np.nan)) == "9, ‖·‖ = NaN"
    assert brief(array) == "‖22.49‖"
    assert nested(np.array([[1.0, -2.0]]), text_number) == "[[1, −2]]"
