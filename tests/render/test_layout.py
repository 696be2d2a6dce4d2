from __future__ import annotations

import shutil
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from picture_examples import chain, collapsed, network, random_picture, scalar, square
from picture_geometry import bounds, crossings, flatten, hits, inside, overlap

from adlab.errors import InputError, RenderError
from adlab.render.layout import Layout, Rect, lay_out
from adlab.render.layout.simplex import Edge, minimise
from adlab.render.layout.text import width
from adlab.reports.picture import Arrow, Box, Picture, Row, check

TITLE = (("a", "i"),)
EMPTY = Picture("nothing", (), ())
ONE = Picture("one", (Box("a", "input", TITLE),), ())
LONELY = Picture("lonely", tuple(Box(f"a{i}", "operation", ((f"a{i}", ""),)) for i in range(60)), ())
LONG = Picture(
    "long words",
    (Box("a", "input", (("a" * 90, ""),)), Box("b", "output", (("b", ""),), rows=(Row("note", "n" * 60),))),
    (Arrow("a", "b", (("∂" * 70, ""),), count=3),),
)
FAN = Picture(
    "fan",
    (Box("s", "output", TITLE), *(Box(f"a{i}", "input", TITLE) for i in range(20))),
    tuple(Arrow(f"a{i}", "s", (("1", ""),), port=i) for i in range(20)),
    "TB",
)
CASES = {
    "scalar": scalar(),
    "scalar TB": scalar("TB"),
    "scalar bare": scalar("LR", 0, False),
    "network": network(),
    "network LR": network("LR"),
    "collapsed": collapsed(),
    "collapsed TB": collapsed("TB"),
    "square": square(),
    "square TB": square("TB"),
    "square bare": square("LR", False),
    "chain": chain(12),
    "long chain": chain(200, "TB"),
    "one": ONE,
    "lonely": LONELY,
    "long words": LONG,
    "fan": FAN,
    "nothing": EMPTY,
}


def assert_sound(picture: Picture, layout: Layout) -> None:
    """No two boxes overlap, all is on the paper, labels and scopes keep off boxes that are not theirs."""
    paper = Rect(0, 0, layout.width, layout.height)
    labels = [label for label in layout.labels if label]
    for rect in (*layout.boxes, *labels, *(cluster.rect for cluster in layout.clusters)):
        assert inside(rect, paper)
    for path in layout.paths:
        assert inside(bounds(flatten(path)), paper)
    for one, other in combinations(layout.boxes, 2):
        assert not overlap(one, other)
    for label in labels:
        assert not any(overlap(label, box) for box in layout.boxes)
    for one, other in combinations(labels, 2):
        assert not overlap(one, other)
    for cluster in layout.clusters:
        for box, rect in zip(picture.boxes, layout.boxes, strict=True):
            member = box.scope[: len(cluster.scope)] == cluster.scope
            assert inside(rect, cluster.rect) if member else not overlap(rect, cluster.rect)
        assert inside(cluster.title, cluster.rect)
        assert not any(overlap(cluster.title, rect) for rect in layout.boxes)
    for one, other in combinations(layout.clusters, 2):
        if one.scope != other.scope[: len(one.scope)]:
            assert not overlap(one.rect, other.rect)


def assert_no_arrow_through_boxes(picture: Picture, layout: Layout) -> None:
    for path in layout.paths:
        assert not any(hits(path, rect) for rect in layout.boxes)


def assert_arrows_end_at_their_boxes(picture: Picture, layout: Layout) -> None:
    index = {box.id: rect for box, rect in zip(picture.boxes, layout.boxes, strict=True)}
    for arrow, path in zip(picture.arrows, layout.paths, strict=True):
        for (x, y), rect in ((path[0], index[arrow.source]), (path[-1], index[arrow.target])):
            assert rect.x - 2 <= x <= rect.right + 2
            assert rect.y - 2 <= y <= rect.bottom + 2


@pytest.mark.parametrize("name", CASES)
def test_the_builtin_layout_is_sound(name: str) -> None:
    picture = CASES[name]
    layout = lay_out(picture)
    assert layout.engine == "builtin"
    assert_sound(picture, layout)
    assert_no_arrow_through_boxes(picture, layout)
    assert_arrows_end_at_their_boxes(picture, layout)


@pytest.mark.parametrize(
    "name",
    [
        "scalar",
        "scalar TB",
        "scalar bare",
        "network",
        "network LR",
        "collapsed",
        "collapsed TB",
        "square",
        "fan",
    ],
)
def test_these_pictures_have_no_crossing(name: str) -> None:
    assert crossings(lay_out(CASES[name])) == 0


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 36),
    direction=st.sampled_from(["LR", "TB"]),
    scopes=st.integers(0, 6),
    labels=st.booleans(),
)
def test_random_graphs_are_drawn_soundly(
    seed: int, count: int, direction: str, scopes: int, labels: bool
) -> None:
    picture = random_picture(seed, count, direction, scopes, labels)  # type: ignore[arg-type]
    layout = lay_out(picture)
    assert_sound(picture, layout)
    assert_no_arrow_through_boxes(picture, layout)
    assert_arrows_end_at_their_boxes(picture, layout)


def test_labels_keep_off_all_arrows_but_their_own() -> None:
    for picture in (scalar(), scalar("TB"), square(), FAN):
        layout = lay_out(picture)
        for label in layout.labels:
            assert label is None or not any(hits(path, label, 0) for path in layout.paths)


def test_arrows_that_enter_a_scope_keep_off_its_name() -> None:
    for picture in (network(), network("LR")):
        layout = lay_out(picture)
        for cluster in layout.clusters:
            assert not any(hits(path, cluster.title, 0) for path in layout.paths)


def test_inputs_stand_on_one_line_and_constants_next_to_their_users() -> None:
    layout = lay_out(scalar("TB"))
    assert layout.boxes[0].y == layout.boxes[1].y
    boxes = [box.id for box in network().boxes]
    network_layout = lay_out(network())
    epsilon, user = (network_layout.boxes[boxes.index(name)] for name in ("ep", "ae"))
    assert 0 < user.y - epsilon.bottom < 60


def test_a_chain_is_straight() -> None:
    for path in lay_out(chain(200)).paths:
        assert len({y for _, y in path}) == 1


def test_long_arrows_are_straight_between_their_ends() -> None:
    layout = lay_out(network())
    arrows = [(arrow.source, arrow.target) for arrow in network().arrows]
    path = layout.paths[arrows.index(("W1", "q1"))]
    assert len({x for x, _ in path}) <= 2


def test_two_arrows_between_the_same_boxes_are_both_seen() -> None:
    one, other = lay_out(square("LR", False)).paths
    assert abs(one[0][1] - other[0][1]) >= 8
    assert len({y for _, y in one}) == len({y for _, y in other}) == 1


def test_the_same_picture_gives_the_same_layout() -> None:
    for picture in (scalar(), network(), random_picture(4, 40, "LR", 5, True)):
        assert lay_out(picture) == lay_out(picture)


def test_without_dot_the_builtin_engine_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert lay_out(scalar()).engine == "builtin"
    with pytest.raises(RenderError, match=r"install Graphviz .*engine='builtin'"):
        lay_out(scalar(), "dot")


def test_forcing_pygraphviz_works_or_says_what_to_install() -> None:
    try:
        layout = lay_out(scalar(), "pygraphviz")
    except RenderError as error:
        assert "pip install 'adlab[graphviz]'" in str(error)  # noqa: PT017 - both outcomes are right
    else:
        assert_sound(scalar(), layout)


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("name", ["scalar", "network", "collapsed", "square", "one", "lonely"])
def test_the_dot_engine_is_sound(name: str) -> None:
    picture = CASES[name]
    layout = lay_out(picture, "dot")
    assert layout.engine == "dot"
    paper = Rect(0, 0, layout.width, layout.height)
    assert all(inside(rect, paper) for rect in layout.boxes)
    assert not any(overlap(one, other, 0.1) for one, other in combinations(layout.boxes, 2))
    assert_arrows_end_at_their_boxes(picture, layout)


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(InputError, match="no layout engine 'neato'"):
        lay_out(scalar(), "neato")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("boxes", "arrows", "message"),
    [
        ("aa", "", "several boxes with the id 'a'"),
        ("ab", "ac", "names the box 'c'"),
        ("abc", "ab bc ca", "cycle through the boxes a, b, c"),
    ],
)
def test_pictures_that_cannot_be_drawn_are_refused(boxes: str, arrows: str, message: str) -> None:
    picture = Picture(
        "p",
        tuple(Box(name, "operation", ((name, ""),)) for name in boxes),
        tuple(Arrow(*pair) for pair in arrows.split()),
    )
    with pytest.raises(InputError, match=message):
        check(picture)


@pytest.mark.parametrize(
    "picture",
    [
        Picture("p", (), (), "RL"),  # type: ignore[arg-type]
        Picture("p", (Box("a", "weight", TITLE),), ()),  # type: ignore[arg-type]
        Picture("p", (Box("a", "input", (("a", "bold"),)),), ()),
        Picture("p", (Box("a", "input", TITLE, rows=(Row("norm", "w"),)),), ()),  # type: ignore[arg-type]
        Picture("p", (Box("a", "input", TITLE), Box("b", "output", TITLE)), (Arrow("a", "b", count=0),)),
    ],
)
def test_unknown_words_are_refused(picture: Picture) -> None:
    with pytest.raises(InputError):
        check(picture)


def test_widths_are_those_of_dejavu_sans_or_more() -> None:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    for text, style, weight in (
        ("value −0.9589", "", "normal"),
        ("log_softmax", "b", "bold"),
        ("∂y/∂x σ", "", "normal"),
    ):
        drawn = TextPath((0, 0), text, size=100, prop=FontProperties(family="DejaVu Sans", weight=weight))
        assert (
            drawn.get_extents().width <= width(((text, style),), 100) <= 1.08 * drawn.get_extents().width + 15
        )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_the_network_simplex_is_optimal(data: st.DataObject) -> None:
    from scipy.optimize import linprog

    count = data.draw(st.integers(2, 7))
    pairs = [(a, b) for a in range(count) for b in range(a + 1, count)]
    chosen = data.draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=12))
    edges = [Edge(a, b, data.draw(st.integers(-3, 5)), data.draw(st.integers(0, 4))) for a, b in chosen]
    x = minimise(count, edges)
    assert all(x[edge.head] - x[edge.tail] >= edge.least for edge in edges)
    cost = [0] * count
    rows = []
    for edge in edges:
        cost[edge.head] += edge.weight
        cost[edge.tail] -= edge.weight
        rows.append([(node == edge.tail) - (node == edge.head) for node in range(count)])
    best = linprog(cost, rows, [-edge.least for edge in edges], bounds=(None, None))
    assert sum(c * v for c, v in zip(cost, x, strict=True)) == pytest.approx(best.fun, abs=1e-6)
