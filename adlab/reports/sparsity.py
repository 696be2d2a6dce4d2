"""What a sparse derivative saves: its pattern, the colours of its columns or rows, passes and bytes against dense."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.derivatives import gradient_program
from adlab.errors import InputError
from adlab.ir.graph import Graph
from adlab.ir.types import BOOL
from adlab.methods.base import make_problem, position_of
from adlab.methods.compressed import Plan, plan_hessian, plan_jacobian
from adlab.transforms.colouring import Compression
from adlab.transforms.sparsity import Pattern

LISTED = 10_000
"""Up to so many entries the data name every one of them."""


@dataclass(frozen=True)
class SparsityReport:
    """The pattern of a derivative and how few passes it takes.

    Attributes
    ----------
    title : str
        The function.
    kind : "Jacobian" or "Hessian"
    pattern : Pattern
    compression : Compression
    sentence : str
        Which passes are taken instead of which.
    dtype : str
    dense_forward, dense_reverse : int
        Passes without sparsity in either direction.
    """

    title: str
    kind: str
    pattern: Pattern
    compression: Compression
    sentence: str
    dtype: str
    dense_forward: int
    dense_reverse: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.pattern.shape

    @property
    def nonzeros(self) -> int:
        """Entries that may be other than zero."""
        return self.pattern.nonzeros

    @property
    def density(self) -> float:
        """The share of all entries; 0 for an empty matrix."""
        return self.nonzeros / max(self.shape[0] * self.shape[1], 1)

    @property
    def structure(self) -> str:
        """The kind of pattern in words: empty, diagonal, banded, dense, scattered."""
        if not self.nonzeros:
            return "empty"
        if self.nonzeros == self.shape[0] * self.shape[1]:
            return "dense"
        first, last = self.pattern.band
        if first == last == 0:
            return "diagonal"
        area = (last - first + 1) * min(self.shape)
        return (
            f"banded, diagonals {first} to {last}".replace("-", "−")
            if 2 * self.nonzeros >= area
            else "scattered"
        )

    @property
    def passes(self) -> int:
        """Passes that the sparse derivative takes."""
        return self.compression.passes

    @property
    def bytes(self) -> int:
        """Size of the numbers and of their places."""
        item = np.dtype(self.dtype).itemsize
        return self.nonzeros * item + self.pattern.indices.nbytes + self.pattern.indptr.nbytes

    @property
    def dense_bytes(self) -> int:
        """Size of the dense matrix."""
        return self.shape[0] * self.shape[1] * np.dtype(self.dtype).itemsize

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; the entries, with the pass each is read from, only if they are few."""
        found = self.compression
        few = self.nonzeros <= LISTED
        return {
            "kind": self.kind,
            "shape": list(self.shape),
            "nonzeros": self.nonzeros,
            "density": self.density,
            "structure": self.structure,
            "forward_passes": found.forward,
            "reverse_passes": found.reverse,
            "dense_forward_passes": self.dense_forward,
            "dense_reverse_passes": self.dense_reverse,
            "bytes": self.bytes,
            "dense_bytes": self.dense_bytes,
            "sentence": self.sentence,
            "rows": self.pattern.rows.tolist() if few else None,
            "columns": self.pattern.indices.tolist() if few else None,
            "passes": self.pass_of_entries().tolist() if few else None,
        }

    def pass_of_entries(self) -> np.ndarray[Any, Any]:
        """Return for each entry the number of the pass it is read from; reverse passes count after forward ones."""
        found, numbers = self.compression, np.zeros(self.nonzeros, np.int64)
        for count, reads, first in (
            (found.forward, found.from_forward, 0),
            (found.reverse, found.from_reverse, found.forward),
        ):
            if count:
                numbers[slice(None) if reads.entries is None else reads.entries] = reads.passes + first
        return numbers


def sparsity_report(
    graph: Graph,
    leaves: Sequence[Any],
    *,
    hessian: bool = False,
    wrt: Sequence[int | str] | None = None,
    method: str = "auto",
    title: str = "",
) -> SparsityReport:
    """Return the sparsity of the Jacobian or Hessian of a graph.

    Parameters
    ----------
    graph : Graph
    leaves : sequence
        One NumPy value per input: where the function is traced, if it has branches.
    hessian : bool
        Whether to look at the Hessian, which a function with one scalar result has.
    wrt : sequence of int or str, optional
        The inputs that are differentiated by; by default all that hold numbers.
    method : {"auto", "forward", "reverse"}
        Which passes to take for a Jacobian.
    title : str

    Raises
    ------
    InputError
        For inputs that do not exist, a method that takes no passes, the Hessian of several results.
    """
    chosen = _inputs(graph, wrt)
    make_problem(graph, leaves, chosen, None, NUMPY)  # refuses truth values
    plan = _hessian(graph, leaves, chosen) if hessian else plan_jacobian(graph, chosen, method)
    shape = plan.compression.pattern.shape
    return SparsityReport(
        title,
        "Hessian" if hessian else "Jacobian",
        plan.compression.pattern,
        plan.compression,
        plan.sentence,
        np.result_type(*(graph.types[k].dtype for k in chosen)).name,
        shape[1],
        shape[0],
    )


def _inputs(graph: Graph, wrt: Sequence[int | str] | None) -> tuple[int, ...]:
    if wrt is None:
        chosen = tuple(k for k, type in enumerate(graph.input_types) if type.dtype != BOOL)
    else:
        chosen = tuple(position_of(graph, which) for which in wrt)
    if not chosen:
        raise InputError(
            "There is no input to differentiate by, so there is no pattern; give an argument that holds numbers."
        )
    return chosen


def _hessian(graph: Graph, leaves: Sequence[Any], wrt: tuple[int, ...]) -> Plan:
    if len(graph.outputs) != 1 or graph.output_types[0].shape:
        raise InputError(
            "A Hessian belongs to one scalar result, and this function has another; ask for its Jacobian, or return a sum."
        )
    return plan_hessian(graph, gradient_program(graph, leaves, wrt), wrt)
