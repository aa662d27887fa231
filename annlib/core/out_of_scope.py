"""Names of Keras that annlib leaves out for good: each stands for an error that shows the way."""

from __future__ import annotations

from typing import Any, NoReturn

from annlib.core.errors import ConfigurationError

GRAPH = (
    "annlib has no graphs of layers. A chain is written as a list: "
    'Sequential([Input((4,)), Dense(8, "relu"), Dense(1)]); chains that work on columns of the one '
    "input and are joined: layers.Columns([(Dense(8), [0, 1]), (Embedding(10, 4), [2])])."
)
_OWN_STEP = (
    "annlib does not differentiate what it runs. model.train_on_batch(x, y) is a step, the hook "
    "on_gradients of a Callback shows its gradients, and a layer of your own has a backward method."
)
_FLAT = (
    "annlib is of dense networks: rows of numbers. layers.Flatten makes a row of an image or a "
    "window of a series."
)
_HOWS = {
    **dict.fromkeys(("Model", "Functional"), GRAPH),
    **dict.fromkeys(
        ("Concatenate", "Add", "Average", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"),
        GRAPH,
    ),
    **dict.fromkeys(("concatenate", "add", "average", "multiply", "subtract"), GRAPH),
    "GradientTape": _OWN_STEP,
    **dict.fromkeys(
        (
            *(f"{kind}{n}D" for kind in ("Conv", "SeparableConv", "MaxPooling") for n in (1, 2, 3)),
            *(
                f"{kind}{n}D"
                for kind in ("AveragePooling", "UpSampling", "Cropping")
                for n in (1, 2, 3)
            ),
            *(f"Global{kind}Pooling{n}D" for kind in ("Average", "Max") for n in (1, 2, 3)),
            *(f"ZeroPadding{n}D" for n in (1, 2, 3)),
            *("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv2D"),
            *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
            *("RNN", "LSTM", "GRU", "SimpleRNN", "Bidirectional", "TimeDistributed"),
            *("Attention", "AdditiveAttention", "MultiHeadAttention", "Masking", "RepeatVector"),
        ),
        _FLAT,
    ),
}
#: Where Keras has them.
_PLACES = ("annlib", "annlib.layers", "annlib.models")


def stand_in(package: str, name: str) -> Any:
    """A class in the place of one that is out of scope, which explains that when it is used; None
    for other names. So an import that is not used stops no script.
    """
    if package not in _PLACES or name not in _HOWS:
        return None

    def refuse(*_arguments: Any, **_keywords: Any) -> NoReturn:
        raise ConfigurationError(
            f"{package}.{name}: expected what a network in a row is made of, got Keras' {name}, "
            f"which is out of scope. {_HOWS[name]}"
        )

    space = {"__new__": refuse, "__init_subclass__": classmethod(refuse), "__module__": package}
    return type(name, (), {**space, "__doc__": f"Out of scope. {_HOWS[name]}"})
