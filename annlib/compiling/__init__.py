"""Training steps and small predictions as machine code, of models with ``jit_compile=True``."""

from annlib.compiling.prediction import CompiledPass
from annlib.compiling.rules import compiled_rule
from annlib.compiling.step import compiled_objective
from annlib.core.namespaces import show_public_names

__all__ = ["CompiledPass", "compiled_objective", "compiled_rule"]

show_public_names(__name__)
