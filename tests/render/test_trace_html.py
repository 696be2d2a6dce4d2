"""Traces as HTML: well-formed, self-contained, without a script."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from golden_files import assert_golden
from trace_examples import EXAMPLES, bad, net, running


def tree(html: str) -> ET.Element:
    return ET.fromstring(re.sub(r"<(meta [^>]*)>", r"<\1/>", html.replace("<!DOCTYPE html>", "")))


def test_the_look_is_the_agreed_one() -> None:
    assert_golden("trace-all.html", running().to_html(page=True))


@pytest.mark.parametrize("page", [False, True], ids=["fragment", "page"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_well_formed_and_needs_nothing_else(name: str, page: bool) -> None:
    html = EXAMPLES[name]().to_html(page=page)
    root = tree(html)
    assert not [node for node in root.iter() if node.tag in ("script", "link", "img", "iframe")]
    assert not re.search(r"https?://|url\(|@import", html)
    assert '"Latin Modern Math","STIX Two Math","Cambria Math"' in html


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_row_has_as_many_cells_as_the_table_has_columns(name: str) -> None:
    for table in tree(EXAMPLES[name]().to_html()).iter("table"):
        widths = {sum(int(cell.get("colspan", "1")) for cell in row) for row in table.iter("tr")}
        assert len(widths) <= 1 or {len(row) for row in table.iter("tr")} == {0}


def test_numbers_are_padded_to_the_decimal_point() -> None:
    html = running("evaluate").to_html()
    assert '<td class="value">10\u2008\u2007\u2007\u2007</td>' in html
    assert '<td class="value">−0.959</td>' in html


def test_the_warning_stands_out() -> None:
    assert '<p class="warning">' in bad().to_html()
    assert '<p class="warning">' not in running().to_html()


def test_notebooks_show_it() -> None:
    shown = net()
    assert shown._repr_html_() == shown.to_html()
    assert shown._repr_markdown_() == shown.to_markdown()
    assert shown._repr_latex_() == shown.to_latex()
