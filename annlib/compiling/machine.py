"""LLVM, which Numba brings: text to functions in memory, and where BLAS' functions are."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import threading
from typing import Any

import numpy as np

from annlib.compiling.codegen import Blas

Function = Any  # of an address, that of the table; 0 where all guards held

_lock = threading.Lock()
_made: dict[str, tuple[Any, list[Function]]] = {}


@functools.cache
def target() -> Any:
    """LLVM's description of this processor."""
    import llvmlite.binding as llvm

    if llvm.llvm_version_info[0] < 20:
        llvm.initialize()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=3, codemodel="jitdefault"
    )


def functions(text: str, count: int, cache: Any = None) -> list[Function]:
    """The functions piece0, piece1, ... of a module."""
    key = hashlib.sha256(text.encode()).hexdigest()
    with _lock:
        if key not in _made:
            _made[key] = _compile(text, count, cache)
        return _made[key][1]


def _compile(text: str, count: int, cache: Any) -> tuple[Any, list[Function]]:
    import llvmlite.binding as llvm

    machine = target()
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    engine = llvm.create_mcjit_compiler(module, machine)
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    builder = llvm.create_pass_builder(machine, options)
    passes = builder.getModulePassManager()
    passes.run(module, builder)
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)
    return engine, [kind(engine.get_function_address(f"piece{i}")) for i in range(count)]


@functools.cache
def blas() -> Blas | None:
    """NumPy's own BLAS, so that products are the same to the bit; None where it is not found."""
    names = [f"{kind}{name}" for kind in "sd" for name in ("gemm", "gemv", "dot")]
    try:
        library = ctypes.CDLL(np._core._multiarray_umath.__file__)
    except OSError:
        return None
    for pattern, bits in (
        ("scipy_cblas_{}64_", 64),
        ("cblas_{}64_", 64),
        ("scipy_cblas_{}", 32),
        ("cblas_{}", 32),
    ):
        try:
            found = {name: getattr(library, pattern.format(name)) for name in names}
        except AttributeError:
            continue
        addresses = {
            name: ctypes.cast(f, ctypes.c_void_p).value or 0 for name, f in found.items()
        }
        return Blas(addresses, bits)
    return None
