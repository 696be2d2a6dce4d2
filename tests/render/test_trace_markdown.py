"""Traces as Markdown."""

from __future__ import annotations

import re

import pytest
from golden_files import assert_golden
from trace_examples import EXAMPLES, running

from adlab.render.formats import render_table
from adlab.render.table_markdown import escaped
from adlab.render.tables import plain_table


def test_the_look_is_the_agreed_one() -> None:
    assert_golden("trace-all.md", running().to_markdown())


@pytest.mark.parametrize("math", [False, True])
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_table_is_rectangular(name: str, math: bool) -> None:
    text = EXAMPLES[name]().to_markdown(math=math)
    tables = re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    assert tables
    for table in tables:
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in table.strip().splitlines()}
        assert len(counts) == 1


def test_bars_and_markup_are_escaped() -> None:
    assert escaped("|a|*b*") == r"\|a\|\*b\*"
    assert r"a \| b" in render_table(plain_table(("x",), [("a | b",)]), "markdown")


def test_mathematics_between_dollars_on_request() -> None:
    text = running().to_markdown(math=True)
    assert r"$v_{2} = \ln\left(v_{0}\right)$" in text
    assert text.count("$") % 2 == 0
