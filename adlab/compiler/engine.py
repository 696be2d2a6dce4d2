"""LLVM: text in, machine code in memory out.

A module is parsed in a context of its own, turned into an object file by the code generator (no optimisation passes:
what they would find, the graph passes found before, and the lowering writes good code to begin with), and the object is
linked into one just-in-time linker that all functions share. Going through object files, not straight to memory, costs
nothing and is what lets the cache keep them. Code lives as long as the `Code` that holds it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any, NamedTuple

from adlab.errors import CompileError


class Machine(NamedTuple):
    """A kind of processor to generate code for.

    Attributes
    ----------
    triple : str
        Architecture, vendor and system as LLVM writes them.
    cpu : str
        LLVM's name of the processor, e.g. "skylake-avx512".
    features : str
        Further instruction sets, as "+avx2,-avx512f".
    """

    triple: str
    cpu: str
    features: str

    @property
    def wide(self) -> bool:
        """Whether vectors of 512 bits pay."""
        return "+avx512f" in self.features.split(",")


@cache
def llvm() -> Any:
    """Return llvmlite's binding, ready to generate code; raises ImportError where there is none."""
    import llvmlite.binding as binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


@cache
def host() -> Machine:
    """Return the processor that code is made for: the one that this process runs on, unless ADLAB_CPU names a lesser one.

    "x86-64-v3" is a processor with AVX2 and without AVX-512, "x86-64" one with neither.
    """
    binding = llvm()
    chosen = os.environ.get("ADLAB_CPU", "")
    if chosen:
        return Machine(binding.get_process_triple(), chosen, "")
    return Machine(
        binding.get_process_triple(),
        binding.get_host_cpu_name(),
        binding.get_host_cpu_features().flatten(),
    )


@cache
def target_machine(machine: Machine, level: int) -> Any:
    """Return LLVM's code generator for a processor, working as hard as ``level`` (0 to 3) says."""
    target = llvm().Target.from_triple(machine.triple)
    return target.create_target_machine(
        cpu=machine.cpu, features=machine.features, opt=level, reloc="pic", codemodel="default"
    )


def object_code(text: str, level: int, machine: Machine) -> bytes:
    """Return the object file of a module.

    Parameters
    ----------
    text : str
        LLVM IR.
    level : {0, 1, 2, 3}
        How hard the code generator is to work.
    machine : Machine

    Raises
    ------
    CompileError
        If the text is not valid: a mistake in the lowering, never in the user's function.
    """
    binding = llvm()
    try:
        module = binding.parse_assembly(text, context=binding.create_context())
    except RuntimeError as error:
        raise CompileError(
            f"adlab wrote LLVM code that LLVM does not take ({error}); this is a mistake in adlab: please report it, "
            "and set ADLAB_COMPILE=0 to go on without native code."
        ) from error
    return target_machine(machine, level).emit_object(module)  # type: ignore[no-any-return]


def assembly(text: str, level: int, machine: Machine) -> str:
    """Return the machine code of a module as text."""
    binding = llvm()
    module = binding.parse_assembly(text, context=binding.create_context())
    return target_machine(machine, level).emit_assembly(module)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Code:
    """Machine code in memory.

    Attributes
    ----------
    addresses : dict
        Where each exported function starts.
    tracker : object
        LLVM's hold on the memory; the code is unloaded when it is collected.
    """

    addresses: dict[str, int]
    tracker: Any = field(repr=False)


_serial = count()


@cache
def _linker() -> Any:
    return llvm().create_lljit_compiler(target_machine(host(), 0))


def load(image: bytes, names: tuple[str, ...] = ("run",)) -> Code:
    """Link an object file into this process.

    Parameters
    ----------
    image : bytes
        As `object_code` returned it, in this process or an earlier one on the same machine.
    names : tuple of str
        The functions whose addresses are wanted.
    """
    builder = llvm().JITLibraryBuilder().add_object_img(image)
    for name in names:
        builder.export_symbol(name)
    tracker = builder.link(_linker(), f"adlab{next(_serial)}")
    return Code({name: tracker[name] for name in names}, tracker)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what ``work()`` returns and the seconds it took."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start
