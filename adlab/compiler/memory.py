"""The plan of scratch memory: which values may stand in the same bytes.

Every value lives from the step that begins to write it to the last step that reads it. Going through the steps in order,
a value takes the smallest gap that holds it, and gives it back after its last reader; so memory is reused while it is
still in the cache. A value may also take over the bytes of an operand that dies in the very step that computes it,
where the loop reads each element before it writes it.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ALIGN = 64


@dataclass(frozen=True)
class Lifetime:
    """How long a value needs memory.

    Attributes
    ----------
    value : hashable
    bytes : int
    first, last : int
        The first step that writes it, the last that reads it.
    heir_of : tuple
        Values whose bytes it may take over if they die in its first step.
    """

    value: object
    bytes: int
    first: int
    last: int
    heir_of: tuple[object, ...] = ()


def plan(lifetimes: Iterable[Lifetime]) -> tuple[Mapping[object, int], int]:
    """Return where each value stands, and how many bytes there are in all.

    Examples
    --------
    >>> plan([Lifetime("a", 64, 0, 1), Lifetime("b", 64, 1, 2), Lifetime("c", 64, 2, 3)])
    ({'a': 0, 'b': 64, 'c': 0}, 128)
    """
    places: dict[object, int] = {}
    gaps: list[tuple[int, int]] = []
    ending: dict[int, list[tuple[int, int, object]]] = defaultdict(list)
    top, now = 0, 0
    for life in sorted(lifetimes, key=lambda life: life.first):
        while now < life.first:
            for place, size, _ in ending.pop(now, ()):
                _free(gaps, place, size)
            now += 1
        size = max(ALIGN, -(-life.bytes // ALIGN) * ALIGN)
        inherited = _inherited(ending[life.first], life, size)
        if inherited is not None:
            places[life.value] = inherited
        else:
            best = min((gap for gap in gaps if gap[1] >= size), key=lambda gap: gap[1], default=None)
            if best is None and gaps and sum(gaps[-1]) == top:
                best = gaps[-1]
                top = best[0] + size
            if best is None:
                places[life.value], top = top, top + size
            else:
                gaps.remove(best)
                places[life.value] = best[0]
                if best[1] > size:
                    insort(gaps, (best[0] + size, best[1] - size))
        ending[life.last].append((places[life.value], size, life.value))
    return places, top


def _inherited(dying: list[tuple[int, int, object]], life: Lifetime, size: int) -> int | None:
    """Return the place of a dying operand of the same size, which is then no longer given back."""
    for entry in dying:
        if entry[2] in life.heir_of and entry[1] == size and life.last > life.first:
            dying.remove(entry)
            return entry[0]
    return None


def _free(gaps: list[tuple[int, int]], place: int, size: int) -> None:
    """Give bytes back, joined with the gaps beside them."""
    for gap in [gap for gap in gaps if sum(gap) == place or gap[0] == place + size]:
        gaps.remove(gap)
        place, size = min(place, gap[0]), size + gap[1]
    insort(gaps, (place, size))
