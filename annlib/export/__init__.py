"""Networks in other programs' formats: ONNX, C and Python sources, Keras and PyTorch models.

A trained network leaves as a file that others run, or as a model of theirs, and one that was
trained there comes in. Each function says which package it needs, and loads it when it is called.
"""

from importlib import import_module
from typing import Any

from annlib.core.namespaces import show_public_names

__all__ = [
    "SourceSize",
    "from_keras",
    "from_torch",
    "onnx",
    "source",
    "source_size",
    "to_keras",
    "to_torch",
]

# Each is loaded when it is first asked for. No module has the name of a function.
_LAZY = {
    "SourceSize": "annlib.export.source_file",
    "from_keras": "annlib.export.keras",
    "from_torch": "annlib.export.torch",
    "onnx": "annlib.export.onnx_file",
    "source": "annlib.export.source_file",
    "source_size": "annlib.export.source_file",
    "to_keras": "annlib.export.keras",
    "to_torch": "annlib.export.torch",
}


def _load(name: str) -> Any:
    if name not in _LAZY:
        return None
    value = globals()[name] = getattr(import_module(_LAZY[name]), name)
    return value


show_public_names(__name__, _load)
