"""What holds for a whole process: by functions, as in ``keras.config``."""

from annlib.core.namespaces import show_public_names
from annlib.core.settings import jit_compile, set_jit_compile
from annlib.core.tracebacks import (
    disable_traceback_filtering,
    enable_traceback_filtering,
    is_traceback_filtering_enabled,
)

__all__ = [
    "disable_traceback_filtering",
    "enable_traceback_filtering",
    "is_traceback_filtering_enabled",
    "jit_compile",
    "set_jit_compile",
]

show_public_names(__name__)
