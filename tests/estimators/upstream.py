"""scikit-learn's own tests of its perceptrons, as installed, with annlib's in their place."""

from __future__ import annotations

import sys
import types
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor"


def load_upstream() -> types.ModuleType:
    """The module ``sklearn.neural_network.tests.test_mlp`` with one import line replaced."""
    spec = find_spec("sklearn.neural_network.tests.test_mlp")
    assert spec is not None, "scikit-learn is installed with its tests"
    assert spec.origin is not None, "from a file"
    source = Path(spec.origin).read_text(encoding="utf-8")
    assert source.count(_IMPORT) == 1, "it tests what it imports there"
    source = source.replace(_IMPORT, "from annlib import MLPClassifier, MLPRegressor")
    module: Any = types.ModuleType("tests_of_scikit_learn")
    sys.modules[module.__name__] = module
    exec(compile(source, spec.origin, "exec"), module.__dict__)
    return module
