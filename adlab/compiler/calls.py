"""Calls from Python in tens of nanoseconds: entry points that read CPython's and NumPy's objects themselves.

An entry is a function of the vectorcall protocol, written in LLVM's text beside ``run``. It checks that each argument is
exactly what the code was made for (a float; an array of this dtype and shape, contiguous and aligned, by reading its
struct), collects the addresses of their data, makes the results, calls ``run`` and nests what it found. Whatever is not
exactly so, a list, an integer, a transposed array, a traced value, a branch that turns out otherwise, goes to the *slow
path*: an ordinary Python function given with the same arguments, which converts or raises. So the entry has no opinion
on bad arguments, and cannot be crashed by them.

What the entry needs from this process (types, functions of the C API, scratch memory) it finds in a table of addresses
that the callable object points at; none is written into the code.
"""

from __future__ import annotations

import ctypes
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from adlab.compiler import engine
from adlab.compiler.body import Body
from adlab.compiler.program import Program
from adlab.ir.graph import Graph
from adlab.ir.tree import LEAF, Tree, plain
from adlab.ir.types import BOOL, FLOAT32, FLOAT64, Type
from adlab.transforms.evaluation import argument_trees, output_tree

HEAD = 16
"""Bytes of an object before its own fields: reference count and type."""

VECTORCALL, TABLE, DICT, WEAK, SIZE = 16, 24, 32, 40, 48
"""Where a native function keeps its entry's address, its table, its attributes, its weak references; its size."""

DATA, NDIM, DIMS, DESCR, FLAGS = 16, 24, 32, 56, 64
"""Where an ndarray keeps its fields; `layout_is_known` checks it."""

CONTIGUOUS_ALIGNED, WRITEABLE = 0x0001 | 0x0100, 0x0400

MOST_LEAVES = 64
"""Arguments beyond this many are left to the slow path."""

NAMES = (
    "slow", "PyObject_Vectorcall", "PyFloat_Type", "PyTuple_Type", "PyList_Type", "PyDict_Type", "ndarray",
    "float64", "float32", "new_float64", "new_float32", "true", "false", "None",
    "dtype_float64", "dtype_float32", "dtype_bool", "PyArray_New",
    "PyTuple_New", "PyList_New", "PyDict_New", "PyDict_SetItem", "PyDict_GetItem",
    "Py_IncRef", "Py_DecRef", "PyEval_SaveThread", "PyEval_RestoreThread", "PyMem_RawMalloc", "PyMem_RawFree",
    "run_table", "work", "busy",
)  # fmt: skip
"""The table's entries in order; after them come the keys of dicts. ``busy`` is no address but the flag itself."""

SLOTS = {name: k for k, name in enumerate(NAMES)}

_PYARRAY_NEW = 93
"""Place of PyArray_New in NumPy's C API table."""


# ------------------------------------------------------------------------------------------- the entry's text


@dataclass
class _Entry:
    """An entry function being written."""

    graph: Graph
    program: Program
    heavy: bool
    body: Body = field(default_factory=Body)
    keys: list[Any] = field(default_factory=list)
    objects: dict[int, str] = field(default_factory=dict)
    count: int = 0

    @property
    def donated(self) -> Mapping[int, int]:
        """Results whose memory is an argument's."""
        return self.program.donated or {}

    def address(self, name: str) -> str:
        """Return an entry of the table."""
        return self.at(SLOTS[name])

    def at(self, index: int) -> str:
        place = self.body.emit(f"getelementptr i8, ptr %table, i64 {8 * index}", "at")
        return self.body.emit(f"load ptr, ptr {place}", "fn")

    def key(self, key: Any) -> str:
        """Return a dict's key."""
        if key not in self.keys:
            self.keys.append(key)
        return self.at(len(NAMES) + self.keys.index(key))

    def field(self, pointer: str, offset: int, type: str = "ptr") -> str:
        """Return a field of a struct."""
        place = self.body.emit(f"getelementptr i8, ptr {pointer}, i64 {offset}", "at")
        return self.body.emit(f"load {type}, ptr {place}", "field")

    def require(self, condition: str) -> None:
        """Go to the slow path unless the condition holds."""
        go_on = self.body.label("ok")
        self.body.branch_if(condition, go_on, "slow")
        self.body.place(go_on)

    def require_type(self, value: str, name: str) -> None:
        """Go to the slow path unless the object's type is exactly this."""
        kind = self.field(value, 8)
        self.require(self.body.emit(f"icmp eq ptr {kind}, {self.address(name)}"))

    # ------------------------------------------------------------------------------------------------ arguments

    def arguments(self) -> None:
        """Check every argument and store the addresses of their data."""
        trees = argument_trees(self.graph, len(self.graph.inputs))
        self.require(self.body.emit("icmp eq ptr %names, null"))
        number = self.body.emit("and i64 %count, 9223372036854775807")
        self.require(self.body.emit(f"icmp eq i64 {number}, {len(trees)}"))
        for k, tree in enumerate(trees):
            self.nested(tree, self.field("%given", 8 * k))

    def nested(self, tree: Tree, value: str) -> None:
        """Check an argument that nests as ``tree`` does (the depth of trees is bounded)."""
        if tree is None:
            self.require(self.body.emit(f"icmp eq ptr {value}, {self.address('None')}"))
        elif tree == LEAF:
            self.leaf(value)
        else:
            kind, keys, children = tree
            self.require_type(value, f"Py{kind.capitalize()}_Type")
            length = self.field(value, HEAD, "i64")
            self.require(self.body.emit(f"icmp eq i64 {length}, {len(children)}"))
            items = self.items(kind, keys, value, len(children))
            for child, item in zip(children, items, strict=True):
                self.nested(child, item)

    def items(self, kind: str, keys: Sequence[Any], value: str, count: int) -> list[str]:
        """Return the items of a container."""
        if kind == "tuple":
            return [self.field(value, HEAD + 8 + 8 * k) for k in range(count)]
        if kind == "list":
            first = self.field(value, HEAD + 8) if count else ""
            return [self.field(first, 8 * k) for k in range(count)]
        found = []
        for key in keys:
            get, name = self.address("PyDict_GetItem"), self.key(key)
            found.append(self.body.emit(f"call ptr {get}(ptr {value}, ptr {name})"))
            self.require(self.body.emit(f"icmp ne ptr {found[-1]}, null"))
        return found

    def leaf(self, value: str) -> None:
        """Check a number or an array and store the address of its data."""
        type = self.graph.input_types[self.count]
        if type.shape:
            data = self.array(value, type, self.count in self.donated.values())
        else:
            data = self.number(value, type)
        place = self.body.emit(f"getelementptr i8, ptr %args, i64 {8 * self.count}", "at")
        self.body.lines.append(f"store ptr {data}, ptr {place}")
        self.count += 1

    def number(self, value: str, type: Type) -> str:
        """Check a float64 or Python float, or a float32; its number is where all of them keep it."""
        if type.dtype == BOOL:
            self.body.lines += ["br label %slow"]
            self.body.place(self.body.label("never"))
            return value
        kind = self.field(value, 8)
        fits = self.body.emit(f"icmp eq ptr {kind}, {self.address(type.dtype.name)}")
        if type.dtype == FLOAT64:
            plain = self.body.emit(f"icmp eq ptr {kind}, {self.address('PyFloat_Type')}")
            fits = self.body.emit(f"or i1 {plain}, {fits}")
        self.require(fits)
        return self.body.emit(f"getelementptr i8, ptr {value}, i64 {HEAD}", "at")

    def array(self, value: str, type: Type, donated: bool) -> str:
        """Check an array's class, dtype, layout and shape; return its data."""
        emit = self.body.emit
        self.require_type(value, "ndarray")
        self.require(
            emit(f"icmp eq ptr {self.field(value, DESCR)}, {self.address(f'dtype_{type.dtype.name}')}")
        )
        wanted = CONTIGUOUS_ALIGNED | (WRITEABLE if donated else 0)
        flags = emit(f"and i32 {self.field(value, FLAGS, 'i32')}, {wanted}")
        self.require(emit(f"icmp eq i32 {flags}, {wanted}"))
        self.require(emit(f"icmp eq i32 {self.field(value, NDIM, 'i32')}, {len(type.shape)}"))
        dims = self.field(value, DIMS)
        for axis, length in enumerate(type.shape):
            self.require(emit(f"icmp eq i64 {self.field(dims, 8 * axis, 'i64')}, {length}"))
        if donated:
            self.objects[self.count] = value
        return self.field(value, DATA)

    def apart(self) -> None:
        """Require that no donated array overlaps another argument."""
        emit, types = self.body.emit, self.graph.input_types
        starts: dict[int, str] = {}
        for j, type in enumerate(types):
            if type.shape:
                starts[j] = emit(f"ptrtoint ptr {self.field('%args', 8 * j)} to i64")
        for j in sorted(self.objects):
            for k in starts:
                if k != j and not (k in self.objects and k < j):
                    self.disjoint(starts[j], _bytes(types[j]), starts[k], _bytes(types[k]))

    def disjoint(self, a: str, size_a: int, b: str, size_b: int) -> None:
        emit = self.body.emit
        end_a, end_b = emit(f"add i64 {a}, {size_a}"), emit(f"add i64 {b}, {size_b}")
        before = emit(f"icmp ule i64 {end_a}, {b}")
        self.require(emit(f"or i1 {before}, {emit(f'icmp ule i64 {end_b}, {a}')}"))

    # -------------------------------------------------------------------------------------------------- results

    def results(self) -> list[str]:
        """Make room for every result; return the arrays, or where numbers will be."""
        made = []
        for k, type in enumerate(self.graph.output_types):
            donor = self.donated.get(k)
            if donor is not None:
                value, data = self.objects[donor], self.field("%args", 8 * donor)
            elif type.shape:
                value = self.new_array(type)
                data = self.field(value, DATA)
            else:
                value = data = self.scratch("i64", 8)
            place = self.body.emit(f"getelementptr i8, ptr %args, i64 {8 * (self.count + k)}", "at")
            self.body.lines.append(f"store ptr {data}, ptr {place}")
            made.append(value)
        return made

    def scratch(self, type: str, align: int) -> str:
        return self.body.scratch(type, align)

    def new_array(self, type: Type) -> str:
        """Return a new array; to be checked for NULL by `run`."""
        emit = self.body.emit
        dims = self.scratch(f"[{len(type.shape)} x i64]", 8)
        for axis, length in enumerate(type.shape):
            place = emit(f"getelementptr i8, ptr {dims}, i64 {8 * axis}", "at")
            self.body.lines.append(f"store i64 {length}, ptr {place}")
        new, kind = self.address("PyArray_New"), self.address("ndarray")
        value = emit(
            f"call ptr {new}(ptr {kind}, i32 {len(type.shape)}, ptr {dims}, i32 {type.dtype.num}, ptr null, ptr null, "
            "i32 0, i32 0, ptr null)"
        )
        self.fail_if_null(value)
        return value

    def fail_if_null(self, value: str) -> None:
        """Return NULL, with the exception set, where an object could not be made (memory is then all but gone)."""
        go_on = self.body.label("made")
        self.body.branch_if(self.body.emit(f"icmp ne ptr {value}, null"), go_on, "failed")
        self.body.place(go_on)

    def run(self) -> str:
        """Call the code; where the scratch memory is in use by another thread, with fresh one."""
        emit, lines = self.body.emit, self.body.lines
        work, table = self.address("work"), self.address("run_table")
        if not self.heavy:
            status = emit(f"call i32 @run(ptr %args, ptr {work}, ptr {table})")
        else:
            flag = emit(f"getelementptr i8, ptr %table, i64 {8 * SLOTS['busy']}", "busy")
            busy = emit(f"atomicrmw xchg ptr {flag}, i64 1 acquire", "was")
            mine = emit(f"icmp eq i64 {busy}, 0", "mine")
            malloc, free = self.address("PyMem_RawMalloc"), self.address("PyMem_RawFree")
            save, restore = self.address("PyEval_SaveThread"), self.address("PyEval_RestoreThread")
            take, ready = self.body.label("take"), self.body.label("ready")
            before = self.body.block
            self.body.branch_if(mine, ready, take)
            self.body.place(take)
            raw = emit(f"call ptr {malloc}(i64 {self.program.work_bytes + 64})")
            self.fail_if_null(raw)
            number = emit(f"ptrtoint ptr {raw} to i64")
            past = emit(f"add i64 {number}, 63")
            aligned = emit(f"inttoptr i64 {emit(f'and i64 {past}, -64')} to ptr")
            taken = self.body.block
            self.body.branch(ready)
            self.body.place(ready)
            space = self.body.phi("ptr", [(work, before), (aligned, taken)])
            own = self.body.phi("ptr", [("null", before), (raw, taken)])
            state = emit(f"call ptr {save}()")
            status = emit(f"call i32 @run(ptr %args, ptr {space}, ptr {table})")
            lines.append(f"call void {restore}(ptr {state})")
            give, clear, done = self.body.label("give"), self.body.label("clear"), self.body.label("done")
            self.body.branch_if(mine, clear, give)
            self.body.place(clear)
            lines.append(f"store atomic i64 0, ptr {flag} release, align 8")
            self.body.branch(done)
            self.body.place(give)
            lines.append(f"call void {free}(ptr {own})")
            self.body.branch(done)
            self.body.place(done)
        return status

    def refuse(self, status: str, made: Sequence[str]) -> None:
        """Go to the slow path, which raises, where a guard failed; the results made so far are given back."""
        fine, wrong = self.body.label("fine"), self.body.label("wrong")
        self.body.branch_if(self.body.emit(f"icmp eq i32 {status}, 0"), fine, wrong)
        self.body.place(wrong)
        for k, (value, type) in enumerate(zip(made, self.graph.output_types, strict=True)):
            if type.shape and k not in self.donated:
                self.release(value)
        self.body.branch("slow")
        self.body.place(fine)

    def boxed(self, k: int, place: str) -> str:
        """Return a result as an object of its own."""
        type = self.graph.output_types[k]
        emit = self.body.emit
        if k in self.donated:
            self.retain(place)
            return place
        if type.shape:
            return place
        if type.dtype == BOOL:
            truth = emit(f"icmp ne i8 {emit(f'load i8, ptr {place}')}, 0")
            value = emit(f"select i1 {truth}, ptr {self.address('true')}, ptr {self.address('false')}")
            self.retain(value)
            return value
        name, t = (type.dtype.name, "double" if type.dtype == FLOAT64 else "float")
        new, kind = self.address(f"new_{name}"), self.address(name)
        value = emit(f"call ptr {new}(ptr {kind}, i64 0)")
        self.fail_if_null(value)
        to = emit(f"getelementptr i8, ptr {value}, i64 {HEAD}", "at")
        self.body.lines.append(f"store {t} {emit(f'load {t}, ptr {place}')}, ptr {to}")
        return value

    def retain(self, value: str) -> None:
        """Add one to an object's reference count."""
        self.body.lines.append(f"call void {self.address('Py_IncRef')}(ptr {value})")

    def release(self, value: str) -> None:
        """Take one from an object's reference count."""
        self.body.lines.append(f"call void {self.address('Py_DecRef')}(ptr {value})")

    def nest(self, tree: Tree, leaves: list[str]) -> str:
        """Return the results nested as ``tree`` says; takes them from the front of ``leaves``."""
        emit, lines = self.body.emit, self.body.lines
        if tree is None:
            value = self.address("None")
            self.retain(value)
            return value
        if tree == LEAF:
            return leaves.pop(0)
        kind, keys, children = tree
        items = [self.nest(child, leaves) for child in children]
        maker = self.address(f"Py{kind.capitalize()}_New")
        size = "" if kind == "dict" else f"i64 {len(items)}"
        value = emit(f"call ptr {maker}({size})")
        self.fail_if_null(value)
        if kind == "dict":
            for key, item in zip(keys, items, strict=True):
                insert, name = self.address("PyDict_SetItem"), self.key(key)
                emit(f"call i32 {insert}(ptr {value}, ptr {name}, ptr {item})")
                self.release(item)
            return value
        first = value if kind == "tuple" else self.field(value, HEAD + 8) if items else ""
        for k, item in enumerate(items):
            offset = HEAD + 8 + 8 * k if kind == "tuple" else 8 * k
            place = emit(f"getelementptr i8, ptr {first}, i64 {offset}", "at")
            lines.append(f"store ptr {item}, ptr {place}")
        return value

    # ---------------------------------------------------------------------------------------------------- whole

    def text(self) -> str:
        """Return the definition of the entry."""
        body = self.body
        body.prologue += [
            f"%table.at = getelementptr i8, ptr %self, i64 {TABLE}",
            "%table = load ptr, ptr %table.at",
        ]
        total = len(self.graph.inputs) + len(self.graph.outputs)
        body.prologue.append(f"%args = alloca [{max(total, 1)} x ptr], align 8")
        self.arguments()
        self.apart()
        places = self.results()
        status = self.run()
        if self.graph.guards:
            self.refuse(status, places)
        leaves = [self.boxed(k, place) for k, place in enumerate(places)]
        body.lines.append(f"ret ptr {self.nest(output_tree(self.graph), leaves)}")
        body.place("slow")
        slow, call = self.address("slow"), self.address("PyObject_Vectorcall")
        answer = body.emit(f"call ptr {call}(ptr {slow}, ptr %given, i64 %count, ptr %names)")
        body.lines.append(f"ret ptr {answer}")
        body.place("failed")
        body.lines.append("ret ptr null")
        return body.function("ptr @entry(ptr %self, ptr %given, i64 %count, ptr %names)")


def entry_text(graph: Graph, program: Program, heavy: bool) -> tuple[str, tuple[Any, ...]] | None:
    """Return the text of an entry and the dict keys that its table ends with; None where there is no fast way.

    Parameters
    ----------
    graph : Graph
        The signature: how arguments and results are typed and nested.
    program : Program
        What is called; its text is to stand in the same module.
    heavy : bool
        Whether a call takes so long that other threads should run meanwhile.
    """
    leaves = len(graph.inputs)
    if leaves > MOST_LEAVES or len(graph.outputs) > MOST_LEAVES or not layout_is_known():
        return None
    trees = (graph.in_tree, graph.out_tree)
    if not all(plain(tree) == tree and all(isinstance(key, str) for key in _keys(tree)) for tree in trees):
        return None
    entry = _Entry(graph, program, heavy)
    return entry.text(), tuple(entry.keys)


def _keys(tree: Tree) -> list[Any]:
    if tree is None or tree == LEAF:
        return []
    _, keys, children = tree
    return [*keys, *(key for child in children for key in _keys(child))]


def _bytes(type: Type) -> int:
    return type.size * type.dtype.itemsize


# ------------------------------------------------------------------------------------------ the callable object


@cache
def layout_is_known() -> bool:
    """Return whether objects of this Python and arrays of this NumPy are laid out as entries read them."""
    if object.__basicsize__ != HEAD or ctypes.sizeof(ctypes.c_void_p) != 8 or sys.byteorder != "little":
        return False
    array = np.arange(6.0).reshape(2, 3)

    def word(address: int, kind: Any = ctypes.c_uint64) -> int:
        return int(kind.from_address(address).value)

    here = id(array)
    dims = word(here + DIMS)
    return (
        word(here + 8) == id(np.ndarray)
        and word(here + DATA) == array.ctypes.data
        and word(here + NDIM, ctypes.c_int) == 2
        and (word(dims), word(dims + 8)) == array.shape
        and word(here + DESCR) == id(array.dtype) == id(FLOAT64)
        and word(here + FLAGS, ctypes.c_int) & 0x0FFF == array.flags.num & 0x0FFF
        and ctypes.c_double.from_address(id(np.float64(2.5)) + HEAD).value == 2.5
        and ctypes.c_double.from_address(id(2.5) + HEAD).value == 2.5
        and ctypes.c_float.from_address(id(np.float32(2.5)) + HEAD).value == 2.5
        and word(id((1, 2)) + HEAD + 8) == id(1)
    )


@cache
def addresses() -> Mapping[str, int]:
    """Return the addresses that entries of this process share, by name."""
    found = {
        "PyFloat_Type": id(float), "PyTuple_Type": id(tuple), "PyList_Type": id(list), "PyDict_Type": id(dict),
        "ndarray": id(np.ndarray), "float64": id(np.float64), "float32": id(np.float32),
        "true": id(np.True_), "false": id(np.False_), "None": id(None),
        "dtype_float64": id(FLOAT64), "dtype_float32": id(FLOAT32), "dtype_bool": id(BOOL),
        "new_float64": _allocator(np.float64), "new_float32": _allocator(np.float32),
        "PyArray_New": _array_new(),
    }  # fmt: skip
    for name in NAMES:
        if name.startswith("Py") and name not in found:
            found[name] = _api(name)
    return found


def _allocator(kind: type) -> int:
    slot = ctypes.pythonapi.PyType_GetSlot
    slot.restype, slot.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_int]
    return int(slot(kind, 47))


def _array_new() -> int:
    core = importlib.import_module("numpy._core._multiarray_umath")  # the only place of the C API's table
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = get(core._ARRAY_API, None)
    return int(ctypes.c_uint64.from_address(table + 8 * _PYARRAY_NEW).value)


class _Member(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p), ("type", ctypes.c_int), ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int), ("doc", ctypes.c_char_p),
    )  # fmt: skip


class _Slot(ctypes.Structure):
    _fields_ = (("slot", ctypes.c_int), ("value", ctypes.c_void_p))


class _Spec(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p), ("basicsize", ctypes.c_int), ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint), ("slots", ctypes.POINTER(_Slot)),
    )  # fmt: skip


_TP_CALL, _TP_DEALLOC, _TP_MEMBERS = 50, 52, 72
_SIZE, _READ_ONLY = 19, 1
_DEFAULT, _HAVE_VECTORCALL, _NO_NEW = 1 << 18, 1 << 11, 1 << 7


def _api(name: str) -> int:
    return int(ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0)


@cache
def _dealloc() -> engine.Code:
    """Return the destructor: weak references, attributes, the object, its class; Python's own skips the first two."""
    names = ("PyObject_ClearWeakRefs", "Py_DecRef", "PyObject_Free")
    weak, decref, free = (f"inttoptr (i64 {_api(name)} to ptr)" for name in names)
    text = f"""define void @dealloc(ptr %self) nounwind {{
%type.at = getelementptr i8, ptr %self, i64 8
%type = load ptr, ptr %type.at
%dict.at = getelementptr i8, ptr %self, i64 {DICT}
%dict = load ptr, ptr %dict.at
%weak.at = getelementptr i8, ptr %self, i64 {WEAK}
%weak = load ptr, ptr %weak.at
%some = icmp ne ptr %weak, null
br i1 %some, label %clear, label %rest
clear:
call void {weak}(ptr %self)
br label %rest
rest:
call void {decref}(ptr %dict)
call void {free}(ptr %self)
call void {decref}(ptr %type)
ret void
}}
"""
    return engine.load(engine.object_code(text, 0, engine.host()), ("dealloc",))


@cache
def callable_type(name: str) -> type:
    """Return a class whose instances are called through an entry, with attributes like any other class's.

    Only C can give a class the vectorcall protocol, so it is made with PyType_FromSpec; everything else is added to it
    from Python.
    """
    members = (_Member * 4)(
        _Member(b"__vectorcalloffset__", _SIZE, VECTORCALL, _READ_ONLY, None),
        _Member(b"__dictoffset__", _SIZE, DICT, _READ_ONLY, None),
        _Member(b"__weaklistoffset__", _SIZE, WEAK, _READ_ONLY, None),
        _Member(None, 0, 0, 0, None),
    )
    slots = (_Slot * 4)(
        _Slot(_TP_CALL, _api("PyVectorcall_Call")),
        _Slot(_TP_DEALLOC, _dealloc().addresses["dealloc"]),
        _Slot(_TP_MEMBERS, ctypes.addressof(members)),
        _Slot(0, None),
    )
    spec = _Spec(name.encode(), SIZE, 0, _DEFAULT | _HAVE_VECTORCALL | _NO_NEW, slots)
    make = ctypes.pythonapi.PyType_FromSpec
    make.restype, make.argtypes = ctypes.py_object, [ctypes.POINTER(_Spec)]
    kind: type = make(ctypes.byref(spec))
    return kind


def new_callable(
    kind: type, entry: int, slow: Callable[..., Any], run_table: int, work: int, keys: Sequence[Any]
) -> Any:
    """Return an instance of a `callable_type`.

    Parameters
    ----------
    kind : type
    entry : int
        Address of the entry.
    slow : callable
        Given the same arguments where the entry does not know what to do.
    run_table, work : int
        Addresses for ``run``; what they point at must be kept alive in the instance's attributes.
    keys : sequence of str
        As `entry_text` returned them.
    """
    make = ctypes.pythonapi.PyType_GenericAlloc
    make.restype, make.argtypes = ctypes.py_object, [ctypes.py_object, ctypes.c_ssize_t]
    made = make(kind, 0)
    known = {**addresses(), "slow": id(slow), "run_table": run_table, "work": work, "busy": 0}
    table = np.array([*(known[name] for name in NAMES), *map(id, keys)], dtype=np.uint64)
    made._slow, made._table, made._keys = slow, table, keys
    ctypes.c_uint64.from_address(id(made) + TABLE).value = table.ctypes.data
    ctypes.c_uint64.from_address(id(made) + VECTORCALL).value = entry
    return made
