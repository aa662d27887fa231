"""Numbers of Keras and PyTorch, recorded by the modules of this folder."""

import functools
import json
from pathlib import Path
from typing import Any


@functools.cache
def recorded(name: str) -> Any:
    """What the recorder of that name has stored, by section."""
    return json.loads((Path(__file__).parent / f"{name}.json").read_text())
