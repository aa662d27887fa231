"""LLVM, which Numba brings: text to functions in memory, and where BLAS' functions are."""

from __future__ import annotations

import ctypes
import functools
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from annlib._version import __version__
from annlib.compiling import cache
from annlib.compiling import products as own_products
from annlib.compiling.layout import Blas
from annlib.core.threads import ProcessLock

#: Of the address of a table; 0 where all guards held.
Function = Any

_lock = ProcessLock()
_made: dict[str, list[Function]] = {}


@functools.cache
def _target() -> tuple[Callable[[], Any], str]:
    """What makes LLVM's description of this processor, and what code depends on beside the text."""
    import llvmlite
    import llvmlite.binding as llvm

    if llvm.llvm_version_info[0] < 20:  # later ones do it themselves
        llvm.initialize()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    triple, name = llvm.get_default_triple(), llvm.get_host_cpu_name()
    features = llvm.get_host_cpu_features().flatten()
    make = functools.partial(
        llvm.Target.from_triple(triple).create_target_machine,
        cpu=name,
        features=features,
        opt=3,
        codemodel="jitdefault",
    )
    versions = __version__, llvmlite.__version__, llvm.llvm_version_info, np.__version__
    return make, repr((*versions, triple, name, features))


def functions(text: str, count: int) -> list[Function]:
    """The functions piece0, piece1, ... of a module."""
    with _lock.held:
        if text not in _made:
            _made[text] = _compile(text, count)
        return _made[text]


def _compile(text: str, count: int) -> list[Function]:
    engine = _engine(text)
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)
    found = [kind(engine.get_function_address(f"piece{i}")) for i in range(count)]
    for function in found:
        function.engine = engine  # type: ignore[attr-defined]  # it has the code, and lives as long
    return found


def _engine(text: str, *, improve: bool = True) -> Any:
    """What has the code of a module, which LLVM is to improve unless that has been done."""
    import llvmlite.binding as llvm

    make, depends_on = _target()
    machine = make()  # the engine has it for itself
    key = hashlib.sha256(f"{depends_on}\n{text}".encode()).hexdigest()
    known, made = cache.read(key), []
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.set_object_cache(lambda _, code: made.append(code), lambda _: known)
    if known is None and improve:
        options = llvm.create_pipeline_tuning_options(speed_level=3)
        options.loop_vectorization = options.loop_interleaving = True
        options.slp_vectorization = options.loop_unrolling = False  # much time for no gain
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
    engine.finalize_object()
    if made:
        cache.write(key, made[0])
    return engine


_engines: list[Any] = []


@functools.cache
def products(kind: str) -> dict[tuple[bool, bool], int]:
    """Where our own products of a type are, by which operands are turned; none where the processor
    is not one for which they are made.
    """
    _, depends_on = _target()
    if "+avx512f" not in depends_on:
        return {}
    with _lock.held:
        try:
            engine = _engine(own_products.text(kind), improve=False)
        except RuntimeError:  # a version of LLVM that takes another text
            return {}
        _engines.append(engine)
        names = {turned: own_products.product_name(*turned) for turned in own_products.TURNED}
        return {turned: engine.get_function_address(name) for turned, name in names.items()}


@functools.cache
def blas() -> Blas | None:
    """NumPy's own BLAS, of which the products are the same to the bit; None if it is not found."""
    names = [f"{kind}{name}" for kind in "sd" for name in ("gemm", "gemv", "dot")]
    try:
        library = ctypes.CDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]  # private
    except (AttributeError, OSError):
        return None
    for pattern, bits in _BLAS_NAMES:
        try:
            found = [getattr(library, pattern.format(name)) for name in names]
        except AttributeError:
            continue
        addresses = [ctypes.cast(function, ctypes.c_void_p).value or 0 for function in found]
        return Blas(dict(zip(names, addresses, strict=True)), bits)
    return None


#: How builds of NumPy call them, and of how many bits the whole numbers are that they take.
_BLAS_NAMES = (
    ("scipy_cblas_{}64_", 64),
    ("cblas_{}64_", 64),
    ("scipy_cblas_{}", 32),
    ("cblas_{}", 32),
)
