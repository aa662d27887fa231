"""annlib: dense neural networks in NumPy, with Keras' interface.

>>> from annlib import Sequential, layers
>>> model = Sequential([layers.Dense(128, activation="relu"),
...                     layers.Dense(10, activation="softmax")])
>>> model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""

from annlib import (
    activations,
    callbacks,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    schedules,
)
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
from annlib.layers import Input
from annlib.models import Sequential, clone_model

__all__ = [
    "AnnlibError",
    "ConfigurationError",
    "DataError",
    "DivergenceError",
    "Input",
    "ModelFormatError",
    "NotBuiltError",
    "NotCompiledError",
    "OwnershipError",
    "Sequential",
    "ShapeError",
    "UnknownNameError",
    "__version__",
    "activations",
    "callbacks",
    "clone_model",
    "constraints",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "schedules",
]
