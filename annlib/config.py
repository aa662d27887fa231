"""What holds for a whole process: by functions, as in ``keras.config``."""

from annlib.core.namespaces import show_public_names
from annlib.core.settings import jit_compile, set_jit_compile

__all__ = ["jit_compile", "set_jit_compile"]

show_public_names(__name__)
