from __future__ import annotations

import shutil
import subprocess

import pytest
from golden_files import assert_golden
from picture_examples import chain, collapsed, network, scalar

from adlab.errors import InputError
from adlab.render.dot import to_dot
from adlab.render.mermaid import to_mermaid
from adlab.reports.picture import Arrow, Box, Picture

PICTURES = {"scalar": scalar(), "network": network(), "collapsed": collapsed()}
ODD = Picture(
    'a "b" <c>',
    (Box("<", "input", (('a<b & "c"', ""),)), Box("\\N", "output", (("y", "i"),), scope=("s <1>",))),
    (Arrow("<", "\\N", (("#1;", ""),)),),
)


@pytest.mark.parametrize("name", PICTURES)
def test_the_dot_text_is_the_golden_one(name: str) -> None:
    assert_golden(f"{name}.dot", to_dot(PICTURES[name]))


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("picture", [*PICTURES.values(), ODD], ids=[*PICTURES, "odd"])
def test_graphviz_reads_it_without_a_remark(picture: Picture) -> None:
    done = subprocess.run(["dot", "-Tsvg"], input=to_dot(picture).encode(), capture_output=True, check=True)
    assert done.stderr == b""
    assert done.stdout.count(b'class="node"') == len(picture.boxes)
    assert done.stdout.count(b'class="edge"') == len(picture.arrows)


def test_mermaid_has_every_box_arrow_and_scope() -> None:
    text = to_mermaid(network())
    assert text.startswith("flowchart TB\n")
    assert text.count(":::") == len(network().boxes)
    assert text.count("-->") == len(network().arrows)
    assert text.count("subgraph ") == text.count("end\n") == 8


def test_mermaid_writes_scripts_in_unicode_and_quotes_what_it_must() -> None:
    assert "v₃ = v₀ · v₁" in to_mermaid(scalar())
    assert "#lt;" in to_mermaid(ODD)
    assert '"#35;1;"' in to_mermaid(ODD)


def test_mermaid_is_for_small_pictures() -> None:
    with pytest.raises(InputError, match="61 boxes"):
        to_mermaid(chain(61))
