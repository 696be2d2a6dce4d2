"""Colouring: which columns, or rows, of a sparse Jacobian can share one pass.

Columns that have no row in common can be seeded together: one forward pass gives their sum, and each of its elements
belongs to one column only (Curtis, Powell and Reid, *IMA Journal of Applied Mathematics* 13, 1974). The same holds for
rows and reverse passes. Diagonal and banded patterns are coloured by counting; others greedily, in several orders,
of which the fewest colours win. No colouring has fewer colours than the fullest row has entries, so one that reaches
this bound is the best there is.

A few full rows spoil every colouring of columns. They are *peeled*: they get reverse passes of their own, and the
columns of what is left are coloured. In a Hessian, which is its own mirror image, a peeled row is read off the
forward pass of the column with the same number.

The mirror image allows more: an entry may be read in either of its two places. The colouring that this takes is a
*star colouring* (Coleman and Moré, *Math. Programming* 28, 1984; the definition and the name in Gebremedhin, Manne and
Pothen, *What color is your Jacobian?*, SIAM Review 47, 2005): neighbours differ, and every path of four vertices has
at least three colours, where vertices are columns and entries off the diagonal are edges. Then of i's neighbours only
j has j's colour, or of j's neighbours only i has i's; so entry (i, j) stands alone in row i of the product for j's
colour, or in row j of that for i's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from adlab.transforms.sparsity import Pattern

NETWORKX_ENTRIES = 20_000
"""Conflict graphs up to this many edges are also coloured in networkx's orders, which take longer than ours."""

STAR_STEPS = 2_000_000
"""Star colourings are sought where they look at no more pairs of edges than this, half a second's work."""

STRATEGIES = ("largest_first", "smallest_last")

Colours = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Compression:
    """How a sparse derivative is taken in few passes.

    Attributes
    ----------
    pattern : Pattern
    columns : array of int
        The colour of each column, which is the number of its forward pass; −1 where no entry is read from one.
    rows : array of int
        The same of each row and reverse passes.
    forward, reverse : int
        How many passes there are.
    by_row : array of bool
        For each entry of the pattern, whether it is read from its row's pass.
    symmetric : bool
        Whether rows are read from the forward pass of the column with the same number.
    """

    pattern: Pattern
    columns: Colours
    rows: Colours
    forward: int
    reverse: int
    by_row: np.ndarray[Any, Any]
    symmetric: bool = False

    @property
    def passes(self) -> int:
        """Passes in both directions together."""
        return self.forward + self.reverse

    @cached_property
    def from_forward(self) -> Reads:
        """Where the numbers that forward passes give belong."""
        rows, columns = self.pattern.rows, self.pattern.indices
        if self.symmetric:
            colours = np.where(self.by_row, self.rows[rows], self.columns[columns])
            return _reads(None, colours, np.where(self.by_row, columns, rows))
        entries = np.flatnonzero(~self.by_row) if self.reverse else None
        return _reads(entries, self.columns[columns], rows)

    @cached_property
    def from_reverse(self) -> Reads:
        """Where the numbers that reverse passes give belong."""
        entries = np.flatnonzero(self.by_row) if self.forward else None
        return _reads(entries, self.rows[self.pattern.rows], self.pattern.indices)


class Reads(NamedTuple):
    """Which number of which pass is which entry of the pattern.

    Attributes
    ----------
    entries : array of int or None
        The entries that are read; None for all in order.
    passes, elements : array of int
        For each, the number of the pass and the element of its result.
    straight : bool
        Whether the result of a single pass is the entries as they stand.
    """

    entries: Any
    passes: Any
    elements: Any
    straight: bool


def _reads(entries: Any, passes: Any, elements: Any) -> Reads:
    if entries is not None:
        passes, elements = passes[entries], elements[entries]
    straight = not passes.any() and np.array_equal(elements, np.arange(len(elements)))
    return Reads(entries, passes, elements, straight)


def colour_columns(pattern: Pattern) -> tuple[Colours, int]:
    """Return a colour for each column such that columns of one colour share no row, and the number of colours.

    In a pattern without entries no column needs a pass, and all colours are −1.

    Examples
    --------
    >>> from adlab.transforms.sparsity import from_entries
    >>> tridiagonal = from_entries([0, 0, 1, 1, 1, 2, 2], [0, 1, 0, 1, 2, 1, 2], (3, 3))
    >>> colours, count = colour_columns(tridiagonal)
    >>> colours.tolist(), count
    ([0, 1, 2], 3)
    """
    if not pattern.nonzeros:
        return np.full(pattern.shape[1], -1), 0
    fewest = int(pattern.row_counts.max())
    first, last = pattern.band
    width = last - first + 1
    if width <= fewest:
        return np.arange(pattern.shape[1]) % width, min(width, pattern.shape[1])
    by_column = pattern.transposed
    best = _first_fit(by_column, range(pattern.shape[1]))
    orders = (_fullest_first, *(_networkx_order(strategy) for strategy in STRATEGIES))
    for order in orders:
        if best[1] == fewest:
            break
        found = order(pattern, by_column)
        if found is not None and found[1] < best[1]:
            best = found
    return best


def _first_fit(by_column: Pattern, order: Sequence[int]) -> tuple[Colours, int]:
    """Return the greedy colouring of columns in an order; a set of bits per row holds the colours it has met."""
    taken = [0] * by_column.shape[1]
    starts, rows = by_column.indptr.tolist(), by_column.indices.tolist()
    colours = np.zeros(by_column.shape[0], np.int64)
    for column in order:
        own = rows[starts[column] : starts[column + 1]]
        met = 0
        for row in own:
            met |= taken[row]
        bit = ~met & (met + 1)
        colours[column] = bit.bit_length() - 1
        for row in own:
            taken[row] |= bit
    return colours, int(colours.max(initial=-1)) + 1


def _fullest_first(pattern: Pattern, by_column: Pattern) -> tuple[Colours, int]:
    order = np.argsort(-by_column.row_counts, kind="stable")
    return _first_fit(by_column, order.tolist())


def _networkx_order(strategy: str) -> Any:
    """Return a colouring of the conflict graph by one of networkx's strategies, where that graph is small."""

    def colour(pattern: Pattern, by_column: Pattern) -> tuple[Colours, int] | None:
        if int(np.sum(pattern.row_counts.astype(np.int64) ** 2)) > 2 * NETWORKX_ENTRIES:
            return None
        import networkx

        graph: Any = networkx.Graph()
        graph.add_nodes_from(range(pattern.shape[1]))
        for row in range(pattern.shape[0]):
            members = pattern.indices[pattern.indptr[row] : pattern.indptr[row + 1]].tolist()
            graph.add_edges_from((a, b) for k, a in enumerate(members) for b in members[k + 1 :])
        greedy: Any = networkx.coloring.greedy_color  # its stubs, where there are any, want a literal
        found = greedy(graph, strategy=strategy)
        colours = np.array([found[column] for column in range(pattern.shape[1])], np.int64)
        return colours, int(colours.max(initial=-1)) + 1

    return colour


# ----------------------------------------------------------------------------------------------- ways to take passes


def by_columns(pattern: Pattern) -> Compression:
    """Return the compression into forward passes only."""
    colours, count = colour_columns(pattern)
    nothing = np.zeros(pattern.nonzeros, bool)
    return Compression(pattern, colours, np.full(pattern.shape[0], -1), count, 0, nothing)


def by_rows(pattern: Pattern) -> Compression:
    """Return the compression into reverse passes only."""
    colours, count = colour_columns(pattern.transposed)
    everything = np.ones(pattern.nonzeros, bool)
    return Compression(pattern, np.full(pattern.shape[1], -1), colours, 0, count, everything)


def peeled(pattern: Pattern, symmetric: bool = False) -> Compression | None:
    """Return the compression that takes the fullest rows by themselves; None if peeling saves nothing.

    After the k fullest rows are gone, the remaining columns take at least as many colours as the next row has
    entries; k is chosen to make the sum least.
    """
    counts = pattern.row_counts
    order = np.argsort(-counts, kind="stable")
    total = np.arange(len(counts)) + counts[order]
    k = int(np.argmin(total)) if len(total) else 0
    if not k:
        return None
    full = np.zeros(pattern.shape[0], bool)
    full[order[:k]] = True
    by_row = full[pattern.rows]
    own = np.full(pattern.shape[0], -1)
    own[order[:k]] = np.arange(k)
    return _peeled_hessian(pattern, full, own, k) if symmetric else _peeled_jacobian(pattern, by_row, own, k)


def _peeled_jacobian(pattern: Pattern, by_row: Any, own: Colours, k: int) -> Compression:
    colours, count = colour_columns(_without(pattern, by_row))
    return Compression(pattern, colours, own, count, k, by_row)


def _peeled_hessian(pattern: Pattern, full: Any, own: Colours, k: int) -> Compression:
    """Peeled rows are columns with colours of their own; what is left has neither those rows nor those columns."""
    in_row, in_column = full[pattern.rows], full[pattern.indices]
    rest = _without(pattern, in_row | in_column)
    colours, count = colour_columns(rest)
    by_row = in_row & ~in_column
    star = star_colours(rest)
    if star is not None and star[1] < count:
        colours, count = star
        by_row[~(in_row | in_column)] = _crowded(rest, colours)
    colours = np.where(full, count + own, colours)
    return Compression(pattern, colours, colours, count + k, 0, by_row, symmetric=True)


def _without(pattern: Pattern, entries: Any) -> Pattern:
    """Return the pattern without some of its entries."""
    kept = ~entries
    counts = np.bincount(pattern.rows[kept], minlength=pattern.shape[0])
    return Pattern(np.concatenate([[0], np.cumsum(counts)]), pattern.indices[kept], pattern.shape)


# ----------------------------------------------------------------------------------------------------- star colouring


def star_colours(pattern: Pattern) -> tuple[Colours, int] | None:
    """Return a star colouring of a symmetric pattern and its number of colours; None where that would take long.

    Examples
    --------
    >>> from adlab.transforms.sparsity import from_entries
    >>> arrow = from_entries([0, 0, 0, 1, 1, 2, 2], [0, 1, 2, 0, 1, 0, 2], (3, 3))
    >>> colours, count = star_colours(arrow)
    >>> colours.tolist(), count
    ([0, 1, 1], 2)
    """
    counts = pattern.row_counts.astype(np.int64)
    if int(np.sum(counts**2)) > STAR_STEPS:
        return None
    starts, indices = pattern.indptr.tolist(), pattern.indices.tolist()
    neighbours = [[w for w in indices[starts[v] : starts[v + 1]] if w != v] for v in range(pattern.shape[0])]
    orders = (np.argsort(-counts, kind="stable").tolist(), range(len(neighbours)))
    found = [np.array(_star_first_fit(neighbours, order), np.int64) for order in orders]
    return min(((colours, int(colours.max(initial=-1)) + 1) for colours in found), key=lambda pair: pair[1])


def _star_first_fit(neighbours: Sequence[Sequence[int]], order: Sequence[int]) -> list[int]:
    """Return the greedy star colouring in an order.

    The last vertex of a path of four to be coloured is an end or the second of it. As an end, v − w − x − y, it must
    not take x's colour where y has w's. As the second, u − v − w − x, it must not where u has w's. ``met`` counts, for
    each vertex, the neighbours that have each colour.
    """
    colours = [-1] * len(neighbours)
    met: list[dict[int, int]] = [{} for _ in neighbours]
    for v in order:
        forbidden = set()
        for w in neighbours[v]:
            colour = colours[w]
            if colour < 0:
                continue
            forbidden.add(colour)
            twice = met[v][colour] > 1
            forbidden.update(
                colours[x] for x in neighbours[w] if colours[x] >= 0 and (twice or met[x][colour] > 1)
            )
        free = next(c for c in range(len(forbidden) + 1) if c not in forbidden)
        colours[v] = free
        for w in neighbours[v]:
            met[w][free] = met[w].get(free, 0) + 1
    return colours


def _crowded(pattern: Pattern, colours: Colours) -> Any:
    """Return for each entry whether its row has others of its column's colour, so that it is read in its mirror
    place.
    """
    place = pattern.rows.astype(np.int64) * (int(colours.max(initial=0)) + 1) + colours[pattern.indices]
    _, inverse, counts = np.unique(place, return_inverse=True, return_counts=True)
    return counts[inverse] > 1


def by_star(pattern: Pattern) -> Compression | None:
    """Return the compression of a symmetric pattern by a star colouring; None where seeking one would take long."""
    found = star_colours(pattern)
    if found is None:
        return None
    colours, count = found
    by_row = _crowded(pattern, colours)
    return Compression(pattern, colours, colours, count, 0, by_row, symmetric=True)


def compress_hessian(pattern: Pattern) -> Compression:
    """Return the compression of a symmetric pattern into the fewest products with the Hessian found.

    Columns of a plain colouring first: what others do in as many products reads no simpler.
    """
    whole = by_columns(pattern)
    if whole.passes <= 2:
        return whole
    others = (peeled(pattern, symmetric=True), by_star(pattern))
    return min((whole, *(found for found in others if found is not None)), key=lambda found: found.passes)


__all__ = [
    "Compression",
    "by_columns",
    "by_rows",
    "by_star",
    "colour_columns",
    "compress_hessian",
    "peeled",
    "star_colours",
]
