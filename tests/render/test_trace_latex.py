"""Traces as LaTeX; compiled where there is a LaTeX."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from golden_files import assert_golden
from trace_examples import EXAMPLES, long, running

from adlab.api import trace

STRANGE = ("x_1", "W", "captured0", "alpha", "α", "ŷ", "learning_rate", "_", "é")


def test_the_look_is_the_agreed_one() -> None:
    assert_golden("trace-all.tex", running().to_latex())


@pytest.mark.parametrize("name", EXAMPLES)
def test_braces_and_environments_are_balanced(name: str) -> None:
    text = EXAMPLES[name]().to_latex(document=True)
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert text.count(r"\begin{") == text.count(r"\end{")
    assert text.count(r"\left") - text.count(r"\left[") == text.count(r"\right") - text.count(r"\right]")
    assert "−" not in text
    assert text.count("$") % 2 == 0


def test_numbers_are_split_at_the_decimal_point() -> None:
    text = running().to_latex()
    assert "$11$ & $.652$" in text
    assert r"\toprule" in text
    assert "r@{}l" in text


def strange() -> str:
    product = " + ".join(f"{name}**2" for name in STRANGE)
    return trace(product, *range(1, len(STRANGE) + 1), mode="reverse").to_latex(document=True)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_documents_compile(tmp_path: Path) -> None:
    # one run for all: starting LaTeX is what costs
    documents = [EXAMPLES[name]().to_latex(document=True) for name in EXAMPLES]
    documents += [strange(), long(60).to_latex(document=True)]
    head = documents[0].split(r"\begin{document}")[0]
    bodies = [text.split(r"\begin{document}")[1].split(r"\end{document}")[0] for text in documents]
    (tmp_path / "all.tex").write_text(
        head + r"\begin{document}" + r"\clearpage".join(bodies) + r"\end{document}", "utf-8"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    errors = [line for line in result.stdout.decode("latin-1").splitlines() if line.startswith("!")]
    assert (result.returncode, errors) == (0, [])
