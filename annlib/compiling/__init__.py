"""Training steps and small predictions as machine code, of models with ``jit_compile=True``."""

from annlib.compiling.prediction import CompiledPass
from annlib.compiling.step import CompiledStep

__all__ = ["CompiledPass", "CompiledStep"]
