from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from golden_files import assert_golden
from picture_examples import collapsed, network, scalar

from adlab.errors import InputError
from adlab.render.svg import to_svg
from adlab.render.write import save
from adlab.reports.picture import Arrow, Box, Picture

SPACE = "{http://www.w3.org/2000/svg}"
PICTURES = {"scalar": scalar(), "network": network(), "collapsed": collapsed()}


@pytest.mark.parametrize("name", PICTURES)
def test_the_svg_is_the_golden_one(name: str) -> None:
    assert_golden(f"{name}.svg", to_svg(PICTURES[name], "builtin"))


def test_the_svg_is_xml_with_words_for_screen_readers() -> None:
    root = ElementTree.fromstring(to_svg(scalar()))
    assert root.get("role") == "img"
    named = {element.get("id"): element for element in root.iter() if element.get("id")}
    words = [named[name].text for name in (root.get("aria-labelledby") or "").split()]
    assert words == [scalar().title, scalar().description]
    groups = [element for element in root.iter(f"{SPACE}g") if "box" in (element.get("class") or "")]
    assert [group.get("aria-label") for group in groups] == [box.label for box in scalar().boxes]
    assert all(group.find(f"{SPACE}title") is not None for group in groups)


def test_size_and_view_box_agree() -> None:
    root = ElementTree.fromstring(to_svg(network()))
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"


def test_ids_of_two_pictures_on_a_page_differ() -> None:
    def ids(prefix: str) -> set[str]:
        root = ElementTree.fromstring(to_svg(scalar(), prefix=prefix))
        found = [element.get("id") or "" for element in root.iter() if element.get("id")]
        assert len(found) == len(set(found))
        return set(found)

    assert not ids("left") & ids("right")


def test_odd_ids_and_letters_are_safe() -> None:
    boxes = tuple(
        Box(name, "input", (("<&>\"'", ""),), label='"<') for name in ("a b", "a-b", "ä<b", "title")
    )
    text = to_svg(Picture("<&>", boxes, (Arrow("a b", "a-b", (("<1>", ""),)),)))
    root = ElementTree.fromstring(text)
    found = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(found) == len(set(found))
    assert [group.get("data-box") for group in root.iter(f"{SPACE}g") if group.get("data-box")] == [
        "a b",
        "a-b",
        "ä<b",
        "title",
    ]


def test_roles_are_told_by_more_than_colour() -> None:
    root = ElementTree.fromstring(to_svg(network()))
    borders: dict[str, tuple[str | None, str | None]] = {}
    for group in root.iter(f"{SPACE}g"):
        rect = group.find(f"{SPACE}rect")
        if rect is not None:
            borders[group.get("data-role") or ""] = (rect.get("stroke-width"), rect.get("stroke-dasharray"))
    assert borders["input"] == ("2", None)
    assert borders["output"] == ("3", None)
    assert borders["operation"] == ("1.2", None)
    assert borders["constant"][1] == "4 3"
    assert 'class="mark"' in to_svg(collapsed())


def test_merged_arrows_show_how_many_they_are() -> None:
    assert "×3" in to_svg(collapsed())


def test_the_same_picture_gives_the_same_text() -> None:
    assert to_svg(network()) == to_svg(network())


def test_files_are_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    assert save(path, "old") == path
    save(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.svg"]
    assert path.stat().st_mode & 0o444 == 0o444


def test_files_that_cannot_be_written_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        save(tmp_path / "none" / "a.svg", "")
    with pytest.raises(InputError, match="it is a folder"):
        save(tmp_path, "")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "a.svg").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        save(tmp_path / "a.svg", "new")
    assert (tmp_path / "a.svg").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.svg"]
