from __future__ import annotations

import io
import re
import shutil
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from picture_examples import chain, collapsed, network, scalar

from adlab.errors import RenderError
from adlab.render.layout import lay_out
from adlab.render.raster import to_pdf, to_png
from adlab.reports.picture import Box, Picture

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def pixels(data: bytes) -> npt.NDArray[np.float32]:
    from matplotlib.image import imread

    image: npt.NDArray[np.float32] = imread(io.BytesIO(data))
    return image


def test_a_png_has_the_size_of_the_layout() -> None:
    layout = lay_out(scalar())
    tall, wide, _ = pixels(to_png(scalar(), scale=1)).shape
    assert (wide, tall) == (round(layout.width), round(layout.height))


def test_nothing_touches_the_margin() -> None:
    image = pixels(to_png(collapsed(), scale=1))[..., :3]
    for border in (image[:8], image[-8:], image[:, :8], image[:, -8:]):
        assert border.min() == 1


def test_png_and_pdf_are_the_same_every_time() -> None:
    assert to_png(collapsed()) == to_png(collapsed())
    assert to_pdf(collapsed()) == to_pdf(collapsed())


def test_a_pdf_has_one_page_and_keeps_its_text() -> None:
    data = to_pdf(network())
    assert data.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b", data)) == 1
    assert b"/FontFile2" in data
    assert b"/Type3" not in data


def test_huge_pictures_get_fewer_pixels() -> None:
    tall, wide, _ = pixels(to_png(chain(200), scale=2)).shape
    assert max(tall, wide) <= 30_001


def test_letters_that_the_font_lacks_do_not_stop_the_drawing() -> None:
    assert to_png(Picture("p", (Box("a", "input", (("微分 $x$", ""),)),), ())).startswith(b"\x89PNG")


def test_settings_of_the_user_stay_as_they_are() -> None:
    import matplotlib

    with matplotlib.rc_context({"pdf.fonttype": 3, "font.size": 33.0}):
        to_pdf(scalar())
        assert matplotlib.rcParams["pdf.fonttype"] == 3
        assert matplotlib.rcParams["font.size"] == 33.0


def test_without_dot_the_formats_work_and_forced_dot_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    assert to_png(scalar()).startswith(b"\x89PNG")
    assert to_pdf(scalar()).startswith(b"%PDF")
    for draw in (to_png, to_pdf):
        with pytest.raises(RenderError, match=r"install Graphviz .* draws SVG, PNG and PDF without it"):
            draw(scalar(), "dot")


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_positions_from_dot_are_drawn_too() -> None:
    layout = lay_out(scalar(), "dot")
    tall, wide, _ = pixels(to_png(scalar(), "dot", scale=1)).shape
    assert abs(wide - layout.width) <= 1
    assert abs(tall - layout.height) <= 1


def test_lines_of_one_weight_look_alike() -> None:
    # matplotlib snaps straight lines to pixels unless told not to: then they are heavier than curves.
    image = pixels(to_png(chain(4), scale=2))[..., :3].mean(axis=2)
    layout = lay_out(chain(4))
    inks = []
    for path in layout.paths:
        column = image[:, round(2 * (path[0][0] + 12))]
        inks.append(float((1 - column).sum()))
    assert all(abs(a - b) < 0.05 for a, b in pairwise(inks))
