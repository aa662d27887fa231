"""Training steps and small predictions as machine code, of models with ``jit_compile=True``."""

from annlib.compiling.loops import compiled_loop
from annlib.compiling.prediction import CompiledPass
from annlib.compiling.step import compiled_objective
from annlib.core.namespaces import show_public_names

__all__ = ["CompiledPass", "compiled_loop", "compiled_objective"]

show_public_names(__name__)
