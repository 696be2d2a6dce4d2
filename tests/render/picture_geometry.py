"""Measures of a drawing, taken from its real curves and rectangles."""

from __future__ import annotations

from itertools import combinations, pairwise

from adlab.render.layout import Layout, Path, Point, Rect

STEPS = 12


def flatten(path: Path) -> list[Point]:
    """Points on a chain of Bézier curves."""
    points = [path[0]]
    for a, b, c, d in zip(path[0::3], path[1::3], path[2::3], path[3::3], strict=False):
        for step in range(1, STEPS + 1):
            t, u = step / STEPS, 1 - step / STEPS
            weights = (u**3, 3 * u * u * t, 3 * u * t * t, t**3)
            x, y = (sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True)) for axis in (0, 1))
            points.append((x, y))
    return points


def bounds(points: list[Point]) -> Rect:
    """The rectangle around points."""
    left, top = min(x for x, _ in points), min(y for _, y in points)
    return Rect(left, top, max(x for x, _ in points) - left, max(y for _, y in points) - top)


def overlap(one: Rect, other: Rect, slack: float = 0.0) -> bool:
    """Whether two rectangles share an area."""
    return (
        one.x < other.right - slack
        and other.x < one.right - slack
        and one.y < other.bottom - slack
        and other.y < one.bottom - slack
    )


def inside(inner: Rect, outer: Rect) -> bool:
    """Whether a rectangle lies within another."""
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.right <= outer.right
        and inner.bottom <= outer.bottom
    )


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    return _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0


def crossings(layout: Layout) -> int:
    """How many pairs of arrows cross."""
    curves = [flatten(path) for path in layout.paths]
    boxes = [bounds(curve) for curve in curves]
    return sum(
        any(_cross(a, b, c, d) for a, b in pairwise(curves[i]) for c, d in pairwise(curves[j]))
        for i, j in combinations(range(len(curves)), 2)
        if overlap(boxes[i], boxes[j])
    )


def hits(path: Path, rect: Rect, slack: float = 0.5) -> bool:
    """Whether a path runs through the inside of a rectangle."""
    points = [
        (a[0] + (b[0] - a[0]) * part / 4, a[1] + (b[1] - a[1]) * part / 4)
        for a, b in pairwise(flatten(path))
        for part in range(5)
    ]
    return any(
        rect.x + slack < x < rect.right - slack and rect.y + slack < y < rect.bottom - slack
        for x, y in points
    )
