"""Keras models as ``annlib.export.from_keras`` describes them, what they predict, and how they
train on; and files that Keras wrote, in ``golden/keras_files``. From the folder ``tests``::

    PYTHONPATH=..:$PWD python -m golden.interchange
"""

from pathlib import Path

import numpy as np

from annlib.export.keras_description import described
from golden.recorder import draw, keras, plain, use_float64, write

L = keras.layers
FILES = Path(__file__).parent / "keras_files"


def classifier():
    return keras.Sequential(
        [
            keras.Input((3,)),
            L.Normalization(),
            L.Dense(
                5, "relu", kernel_regularizer="l2", kernel_constraint=keras.constraints.MaxNorm(1)
            ),
            L.BatchNormalization(momentum=0.8),
            keras.Sequential([L.Dense(4, L.LeakyReLU(0.4)), L.UnitNormalization()], name="inner"),
            L.Dense(3, "softmax"),
        ]
    )


def graph():
    x = keras.Input((3,), name="in")
    y = L.Dense(4, "gelu", name="first")(x)
    y = L.LayerNormalization(name="second")(y)
    y = L.PReLU(alpha_initializer=keras.initializers.Constant(0.3))(y)
    return keras.Model(x, L.Dense(1, name="last")(y), name="graph")


def codes():
    frozen = L.Dense(4, "tanh", trainable=False)
    return keras.Sequential(
        [keras.Input((2,), dtype="int32"), L.Embedding(4, 3), L.Flatten(), frozen, L.Dense(1)]
    )


def plain_network():
    return keras.Sequential([keras.Input((3,)), L.Dense(4, "tanh"), L.Dense(1)])


def excluding():
    optimizer = keras.optimizers.AdamW(0.01, use_ema=True, ema_momentum=0.9)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def rate():
    return keras.optimizers.schedules.ExponentialDecay(0.05, 3, 0.8)


OPTIMIZERS = keras.optimizers
CASES = {
    "classifier, Adam on a schedule": (
        classifier,
        lambda: OPTIMIZERS.Adam(rate(), amsgrad=True),
        "sparse_categorical_crossentropy",
        lambda: ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2)],
    ),
    "graph, AdamW with averages": (
        graph,
        excluding,
        lambda: keras.losses.Huber(delta=0.3),
        lambda: [keras.metrics.RootMeanSquaredError(name="rmse")],
    ),
    "codes, SGD": (codes, lambda: OPTIMIZERS.SGD(0.1, 0.9, nesterov=True), "mse", lambda: ["mae"]),
    "RMSprop": (
        plain_network,
        lambda: OPTIMIZERS.RMSprop(0.01, momentum=0.5, centered=True, clipnorm=0.5),
        "mae",
        list,
    ),
    "Nadam": (plain_network, lambda: OPTIMIZERS.Nadam(0.01), "mse", list),
    "Adadelta": (plain_network, lambda: OPTIMIZERS.Adadelta(0.5), "mse", list),
    "Adafactor": (plain_network, lambda: OPTIMIZERS.Adafactor(0.05), "mse", list),
    "Lion": (plain_network, lambda: OPTIMIZERS.Lion(0.01), "mse", list),
    "accumulated": (
        plain_network,
        lambda: OPTIMIZERS.Adamax(0.01, gradient_accumulation_steps=4),
        "mse",
        list,
    ),
}


def record(make, optimizer, loss, metrics):
    """A model that has trained for six steps, and the six steps after them."""
    keras.utils.clear_session()
    rng = np.random.default_rng(4)
    model = make()
    for variable in model.trainable_variables:
        variable.assign(draw(rng, *variable.shape, scale=0.5))
    x = rng.integers(0, 4, (24, 2)) if make is codes else draw(rng, 24, 3)
    y = rng.integers(0, 3, 24) if make is classifier else draw(rng, 24, 1)
    if make is classifier:
        model.layers[0].adapt(x)
    made = loss() if callable(loss) else loss
    model.compile(optimizer(), made, metrics=metrics(), jit_compile=False)

    def epoch():
        history = model.fit(x, y, batch_size=4, shuffle=False, verbose=0).history
        return {key: values[0] for key, values in history.items()}

    epoch()
    found = described(keras, model, "golden", compile=True)
    predicted = model.predict(x, verbose=0)
    logs = epoch()
    return {
        "described": found,
        "x": x,
        "y": y,
        "predicted": predicted,
        "logs": logs,
        "weights": model.get_weights(),
    }


def branch():
    x = keras.Input((3,), name="in")
    y = L.Dense(3, name="one")(x)
    return keras.Model(x, L.Add(name="sum")([x, y]))


def two_outputs():
    x = keras.Input((3,), name="in")
    y = L.Dense(3, name="one")(x)
    return keras.Model(x, [y, L.Dense(2, name="two")(y)])


def files():
    """A small network with models in it, as Keras keeps it."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    FILES.mkdir(exist_ok=True)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            L.Normalization(),
            L.Dense(4, "relu"),
            L.BatchNormalization(),
            L.Dropout(0.2),
            L.Dense(2, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    x = np.random.default_rng(0).normal(size=(20, 3))
    model.layers[0].adapt(x)
    model.fit(x, np.arange(20) % 2, verbose=0)
    for name in ("model.keras", "model.h5"):
        model.save(FILES / name)
    model.save_weights(FILES / "model.weights.h5")
    nested = keras.Sequential([keras.Input((3,)), keras.Sequential([L.Dense(4)]), L.Dense(2)])
    nested.save_weights(FILES / "nested.weights.h5")
    return {
        "weights": model.get_weights(),
        "nested": nested.get_weights(),
        "names": [layer.name for layer in (*nested.layers[0].layers, nested.layers[1])],
        "x": x[:5],
        "predicted": model.predict(x[:5], verbose=0),
    }


if __name__ == "__main__":
    there = files()
    use_float64()
    write(
        __file__,
        models={name: plain(record(*case)) for name, case in CASES.items()},
        graphs={make.__name__: make().get_config() for make in (branch, two_outputs)},
        files=plain(there),
    )
