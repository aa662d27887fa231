"""The training step as machine code, of a model that was compiled with ``jit_compile=True``."""

from annlib.compiling.step import CompiledStep

__all__ = ["CompiledStep"]
