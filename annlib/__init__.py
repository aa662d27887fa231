"""annlib: dense neural networks in NumPy, with Keras' interface.

>>> from annlib import Sequential, layers
>>> model = Sequential([layers.Dense(128, activation="relu"),
...                     layers.Dense(10, activation="softmax")])
>>> model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from annlib._version import __version__
from annlib.core.errors import (
    AnnlibError,
    ConfigurationError,
    DataError,
    DivergenceError,
    ModelFormatError,
    NotBuiltError,
    NotCompiledError,
    OwnershipError,
    ShapeError,
    UnknownNameError,
)

if TYPE_CHECKING:
    from annlib import (
        activations,
        callbacks,
        constraints,
        datasets,
        estimators,
        initializers,
        layers,
        losses,
        metrics,
        models,
        optimizers,
        regularizers,
        schedules,
        utils,
    )
    from annlib.estimators import (
        HiddenLayerTransformer,
        MLPClassifier,
        MLPRegressor,
        SequentialClassifier,
        SequentialRegressor,
    )
    from annlib.layers import Input
    from annlib.models import Sequential, clone_model, load_model
    from annlib.utils import show_versions

__all__ = [
    "AnnlibError",
    "ConfigurationError",
    "DataError",
    "DivergenceError",
    "HiddenLayerTransformer",
    "Input",
    "MLPClassifier",
    "MLPRegressor",
    "ModelFormatError",
    "NotBuiltError",
    "NotCompiledError",
    "OwnershipError",
    "Sequential",
    "SequentialClassifier",
    "SequentialRegressor",
    "ShapeError",
    "UnknownNameError",
    "__version__",
    "activations",
    "callbacks",
    "clone_model",
    "constraints",
    "datasets",
    "estimators",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "schedules",
    "show_versions",
    "utils",
]

# Each is loaded when it is first asked for: importing annlib costs next to nothing.
_LAZY = {
    "HiddenLayerTransformer": "annlib.estimators",
    "Input": "annlib.layers",
    "MLPClassifier": "annlib.estimators",
    "MLPRegressor": "annlib.estimators",
    "Sequential": "annlib.models",
    "SequentialClassifier": "annlib.estimators",
    "SequentialRegressor": "annlib.estimators",
    "activations": "annlib",
    "callbacks": "annlib",
    "clone_model": "annlib.models",
    "constraints": "annlib",
    "datasets": "annlib",
    "estimators": "annlib",
    "initializers": "annlib",
    "layers": "annlib",
    "load_model": "annlib.models",
    "losses": "annlib",
    "metrics": "annlib",
    "models": "annlib",
    "optimizers": "annlib",
    "regularizers": "annlib",
    "schedules": "annlib",
    "show_versions": "annlib.utils",
    "utils": "annlib",
}


def __getattr__(name: str) -> Any:
    home = _LAZY.get(name)
    if home is None:
        raise AttributeError(f"module 'annlib' has no attribute '{name}'")
    value = (
        import_module(f"annlib.{name}") if home == "annlib" else getattr(import_module(home), name)
    )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
