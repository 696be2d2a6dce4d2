"""Addresses of what generated code calls but does not contain: the C library, BLAS, special functions, literals.

Code reads them from a table, so that it can be kept on disk and loaded into another process, where they differ.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from adlab.compiler.program import Outside, Program
from adlab.errors import CompileError

CAPSULES = {"blas": "scipy.linalg.cython_blas", "special": "scipy.special.cython_special"}
"""Modules of SciPy that publish C functions, by kind."""

OF_DOUBLES = re.compile(rb"double \((?:double, )+int __pyx_skip_dispatch\)")
"""The signature of a special function of real numbers."""


def run_table(table: Sequence[Outside], read: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Return the table that ``run`` takes; the literals must be kept alive as long as it is used."""
    words = np.zeros(max(len(table), 1), dtype=np.uint64)
    for k, entry in enumerate(table):
        words[k] = read[entry.name].ctypes.data if entry.kind == "literal" else address(entry)
    return words


def literals(program: Program) -> dict[str, np.ndarray[Any, Any]]:
    """Return the data of the literals that the code reads: contiguous, aligned, in the dtype they compute with."""
    found = {}
    for entry in program.table:
        if entry.kind == "literal":
            value, type = program.graph.constants[int(entry.name)]
            found[entry.name] = aligned_copy(np.broadcast_to(value, type.shape).astype(type.dtype))
    return found


@cache
def address(entry: Outside) -> int:
    """Return where a function outside starts.

    Raises
    ------
    CompileError
        If this system does not have it.
    """
    if entry.kind == "libm":
        function = getattr(_libm(), entry.name, None)
        if function is None:
            raise CompileError(f"The C library of this system has no function {entry.name!r}.")
        return int(ctypes.cast(function, ctypes.c_void_p).value or 0)
    return _capsule(CAPSULES[entry.kind], entry.name)


@cache
def _libm() -> ctypes.CDLL:
    if sys.platform == "win32":
        return ctypes.CDLL("ucrtbase")
    return ctypes.CDLL(ctypes.util.find_library("m") if sys.platform != "linux" else "libm.so.6")


def _capsule(module: str, name: str) -> int:
    """Return the C function that a Cython module publishes under a name."""
    published = importlib.import_module(module).__pyx_capi__
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    # A function of several types is published once per type, under names whose numbers vary: the signature tells.
    for key in (name, *(f"__pyx_fuse_{k}{name}" for k in range(3))):
        if key in published:
            signature = api.PyCapsule_GetName(published[key])
            if module == CAPSULES["blas"] or OF_DOUBLES.fullmatch(signature):
                return int(api.PyCapsule_GetPointer(published[key], signature))
    raise CompileError(f"{module} publishes no C function {name!r}.")


def aligned(count: int) -> np.ndarray[Any, Any]:
    """Return scratch memory of ``count`` bytes that starts at a multiple of 64."""
    raw = np.empty(count + 64, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + count]


def aligned_copy(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a contiguous copy whose data starts at a multiple of 64."""
    copy: np.ndarray[Any, Any] = aligned(array.nbytes).view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def pointers(arrays: Sequence[np.ndarray[Any, Any]]) -> Any:
    """Return the addresses of arrays' data as a C array."""
    return (ctypes.c_void_p * max(len(arrays), 1))(*(array.ctypes.data for array in arrays))
