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
    ReadOnlyError,
    ShapeError,
    UnknownNameError,
)
from annlib.core.namespaces import show_public_names

if TYPE_CHECKING:
    from annlib import (
        activations,
        backend,
        callbacks,
        config,
        constraints,
        data,
        datasets,
        estimators,
        export,
        formulas,
        initializers,
        layers,
        losses,
        metrics,
        models,
        optimizers,
        parallel,
        plots,
        reference,
        regularizers,
        schedules,
        testing,
        tools,
        tracing,
        typing,
        utils,
    )
    from annlib.estimators import (
        HiddenLayerTransformer,
        MLPClassifier,
        MLPRegressor,
        SequentialClassifier,
        SequentialRegressor,
        TabularClassifier,
        TabularRegressor,
        load_estimator,
    )
    from annlib.formulas import explain
    from annlib.layers import Input
    from annlib.models import Sequential, clone_model, load_model
    from annlib.plots import plot_model
    from annlib.tools import checkup, compare, gradcheck, lr_find
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
    "ReadOnlyError",
    "Sequential",
    "SequentialClassifier",
    "SequentialRegressor",
    "ShapeError",
    "TabularClassifier",
    "TabularRegressor",
    "UnknownNameError",
    "__version__",
    "activations",
    "backend",
    "callbacks",
    "checkup",
    "clone_model",
    "compare",
    "config",
    "constraints",
    "data",
    "datasets",
    "estimators",
    "explain",
    "export",
    "formulas",
    "gradcheck",
    "initializers",
    "layers",
    "load_estimator",
    "load_model",
    "losses",
    "lr_find",
    "metrics",
    "models",
    "optimizers",
    "parallel",
    "plot_model",
    "plots",
    "reference",
    "regularizers",
    "schedules",
    "show_versions",
    "testing",
    "tools",
    "tracing",
    "typing",
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
    "TabularClassifier": "annlib.estimators",
    "TabularRegressor": "annlib.estimators",
    "activations": "annlib",
    "backend": "annlib",
    "callbacks": "annlib",
    "checkup": "annlib.tools",
    "clone_model": "annlib.models",
    "compare": "annlib.tools",
    "config": "annlib",
    "constraints": "annlib",
    "data": "annlib",
    "datasets": "annlib",
    "estimators": "annlib",
    "explain": "annlib.formulas",
    "export": "annlib",
    "formulas": "annlib",
    "gradcheck": "annlib.tools",
    "initializers": "annlib",
    "layers": "annlib",
    "load_estimator": "annlib.estimators",
    "load_model": "annlib.models",
    "losses": "annlib",
    "lr_find": "annlib.tools",
    "metrics": "annlib",
    "models": "annlib",
    "optimizers": "annlib",
    "parallel": "annlib",
    "plot_model": "annlib.plots",
    "plots": "annlib",
    "reference": "annlib",
    "regularizers": "annlib",
    "schedules": "annlib",
    "show_versions": "annlib.utils",
    "testing": "annlib",
    "tools": "annlib",
    "tracing": "annlib",
    "typing": "annlib",
    "utils": "annlib",
}


def _load(name: str) -> Any:
    home = _LAZY.get(name)
    if home is None:
        return None
    value = (
        import_module(f"annlib.{name}") if home == "annlib" else getattr(import_module(home), name)
    )
    globals()[name] = value
    return value


show_public_names(__name__, _load)
