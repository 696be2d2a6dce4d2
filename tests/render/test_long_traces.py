"""Traces of very many rows: shortened where people read them, whole and row by row where programs do."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import adlab as ad
from adlab.cli.main import cli
from adlab.errors import InputError
from adlab.render import trace_tables
from adlab.render.table_json import dump, dumped
from adlab.render.write import save
from adlab.reports import lazy
from adlab.reports.lazy import Lazy, made

COUNT = 400


def chain(count: int = COUNT) -> ad.Graph:
    def f(x: Any) -> Any:
        for k in range(count // 2):
            with ad.scope(f"part{k // 50}"):
                x = np.sin(x) + 0.5
        return x

    return ad.graph(f, 0.3)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make traces of 100 rows count as long: the same code as for millions, in less time."""
    monkeypatch.setattr(lazy, "KEPT", 50)
    monkeypatch.setattr(trace_tables, "LONGEST_TABLE", 100)
    monkeypatch.setattr(trace_tables, "SHOWN_ROWS", 20)
    monkeypatch.setattr(trace_tables, "MOST_ROWS", 300)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("format", ["text", "markdown", "latex", "html"])
def test_the_middle_is_left_out_with_a_sentence(format: str) -> None:
    trace = ad.trace(chain(), 0.3, mode="all")
    text = getattr(trace, f"to_{format}")()
    assert text.count("381 rows left out") == 3
    assert "20 of the 401 rows" in text
    assert "rows=" in text
    assert len(text) < len(getattr(ad.trace(chain(98), 0.3, mode="all"), f"to_{format}")())


@pytest.mark.usefixtures("short")
def test_the_ends_are_the_rows_of_the_whole() -> None:
    shortened = ad.trace(chain(200), 0.3, mode="evaluate").to_text(digits=6)
    whole = ad.trace(chain(200), 0.3, mode="evaluate").to_text(digits=6, rows="all")
    assert whole.count("\n") > 200
    assert "left out" not in whole

    def rows(text: str) -> list[list[str]]:
        return [line.split() for line in text.splitlines() if line.startswith(("v", "  v"))]

    assert rows(shortened) == rows(whole)[:10] + rows(whole)[-10:]


@pytest.mark.usefixtures("short")
def test_a_number_of_rows_may_be_asked_for() -> None:
    assert "395 rows left out" in ad.trace(chain(), 0.3).to_text(rows=6)
    for rows in (1, -3, True, "some"):
        with pytest.raises(InputError, match="2 or more rows, or rows='all'"):
            ad.trace(chain(), 0.3).to_text(rows=rows)


@pytest.mark.usefixtures("short")
def test_too_many_rows_are_refused_in_a_sentence_that_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"401 rows is too long.*300; write all of it as CSV or JSON"):
        ad.trace(chain(), 0.3).to_html(rows="all")


def test_long_and_short_traces_have_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = ad.trace(chain(), 0.3, mode="all")
    assert isinstance(kept.report.rows, tuple)
    whole = {format: getattr(kept, f"to_{format}")() for format in ("csv", "json", "text", "html")}
    monkeypatch.setattr(lazy, "KEPT", 50)
    made_on_demand = ad.trace(chain(), 0.3, mode="all")
    assert isinstance(made_on_demand.report.rows, Lazy)
    for format, text in whole.items():
        assert getattr(made_on_demand, f"to_{format}")() == text
    assert [repr(row) for row in made_on_demand.rows[-3:]] == [repr(row) for row in kept.rows[-3:]]
    assert [row.name for row in made_on_demand.reversed_rows] == [row.name for row in kept.reversed_rows]


@pytest.mark.parametrize("ending", [".txt", ".md", ".tex", ".html", ".csv", ".json"])
def test_a_trace_is_saved_as_its_ending_says(ending: str, tmp_path: Path) -> None:
    trace = ad.trace("ln(x1) + x1*x2 - sin(x2)", 2, 5, mode="all")
    text = trace.save(tmp_path / f"t{ending}").read_text(encoding="utf-8")
    format = {".txt": "text", ".md": "markdown", ".tex": "latex"}.get(ending, ending[1:])
    options = {"page": True} if format == "html" else {}
    assert text.rstrip("\n") == getattr(trace, f"to_{format}")(**options).rstrip("\n")


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not as \.pdf"):
        ad.trace("x^2", 3.0).save(tmp_path / "t.pdf")
    with pytest.raises(InputError, match="'pdf' is unknown"):
        ad.trace("x^2", 3.0).pieces("pdf")


def test_csv_and_json_are_made_row_by_row() -> None:
    trace = ad.trace(chain(), 0.3, mode="all")
    pieces = trace.pieces("csv")
    assert isinstance(pieces, Iterator)
    assert next(pieces).startswith("row,name")
    assert sum(1 for _ in pieces) == 3 * 401 + 1
    assert max(len(piece) for piece in trace.pieces("json")) < 4000
    assert len(list(csv.reader(io.StringIO(trace.to_csv())))) == 3 * 401 + 2


def test_the_json_of_a_long_trace_has_one_row_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = chain()
    indented = ad.trace(graph, 0.3, mode="all").to_json()
    monkeypatch.setattr("adlab.render.trace_json.KEPT", 50)
    compact = ad.trace(graph, 0.3, mode="all").to_json()
    assert json.loads(compact) == json.loads(indented)
    assert compact.count("\n") < indented.count("\n") / 10


@pytest.mark.parametrize("data", [{}, {"a": 1}, {"a": [], "b": {"c": [1.5, "x\ny"]}}, {"a": float("nan")}])
def test_pieces_of_json_are_the_whole(data: dict[str, Any]) -> None:
    assert "".join(dumped(data)) == dump(data)


@pytest.mark.parametrize("items", [[], [1], [{"a": [1, 2], "b": "x"}, {}]])
def test_iterators_in_json_are_lists(items: list[Any]) -> None:
    assert "".join(dumped({"rows": iter(items), "z": 0})) == dump({"rows": items, "z": 0})
    assert json.loads("".join(dumped({"rows": iter(items)}, compact=True))) == {"rows": items}


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def broken() -> Iterator[str]:
        yield "half"
        raise RuntimeError("inside")

    target = tmp_path / "t.txt"
    save(target, iter(["one, ", "zwei: ä"]))
    assert target.read_text(encoding="utf-8") == "one, zwei: ä"
    with pytest.raises(RuntimeError, match="inside"):
        save(target, broken())
    assert target.read_text(encoding="utf-8") == "one, zwei: ä"
    assert list(tmp_path.iterdir()) == [target]


def test_the_command_line_shortens_and_shows_all(tmp_path: Path) -> None:
    code = tmp_path / "long.py"
    code.write_text(
        "import numpy as np\n\ndef f(x):\n    for _ in range(6000):\n        x = np.sin(x) + 0.5\n    return x\n",
        encoding="utf-8",
    )

    def run(*options: str) -> str:
        result = CliRunner().invoke(cli, ["trace", f"{code}:f", "x=0.3", *options])
        assert result.exit_code == 0, result.output
        return result.output

    assert "11,001 rows left out" in run()
    assert "11,991 rows left out" in run("--rows", "10")
    assert run("--rows", "all").count("\n") > 12_000
    assert len(json.loads(run("--format", "json"))["rows"]) == 12_001


def test_lazy_sequences_are_sequences() -> None:
    squares = Lazy(lambda k: k * k, range(10))
    assert list(squares) == [k * k for k in range(10)]
    assert list(squares[::-1][:2]) == [81, 64]
    assert (squares[-1], len(squares), 49 in squares) == (81, 10, True)
    assert made(lambda k: k, range(3)) == (0, 1, 2)
    with pytest.raises(IndexError):
        squares[10]
