"""Outputs and gradients of the layers that normalize rows or features, and of an Embedding."""

import numpy as np
import torch

from golden.recorder import DTYPE, draw, gradient_tensor, keras, plain, use_float64, write


def record_layer(name, config, x, rng):
    """Record output and gradients of a layer with drawn parameters."""
    layer = getattr(keras.layers, name)(**config)
    layer.build((None, *x.shape[1:]))
    weights = {variable.name: draw(rng, *variable.shape) for variable in layer.weights}
    for variable in layer.weights:
        variable.assign(weights[variable.name])
    cotangent = draw(rng, *x.shape)
    tensor = gradient_tensor(x)
    output = layer(tensor)
    output.backward(torch.tensor(cotangent))
    gradients = {"x": tensor.grad} | {v.name: v.value.grad for v in layer.weights}
    return {
        "class": name,
        "config": config,
        "x": plain(x),
        "weights": plain(weights),
        "cotangent": plain(cotangent),
        "output": plain(output.detach()),
        "gradients": plain(gradients),
    }


def record_rows():
    """Record the layers that normalize each row by itself."""
    rng = np.random.default_rng(808)
    flat, deep, four = draw(rng, 6, 5, scale=2.0), draw(rng, 3, 2, 4), draw(rng, 3, 2, 3, 4)
    flat[1] = 1000.0 + flat[1] / 8  # an offset that dwarfs the deviations
    flat[2] *= 1e-3  # variance below epsilon
    flat[3] = 0.25
    short = flat.copy()
    short[4] *= 1e-14  # shorter than 1e-12
    layer, rms, unit = "LayerNormalization", "RMSNormalization", "UnitNormalization"
    # Not along one axis that is not the last, where Keras with PyTorch raises an error.
    return [
        record_layer(layer, {}, flat, rng),
        record_layer(layer, {"epsilon": 0.1, "center": False}, flat, rng),
        record_layer(layer, {"scale": False}, flat, rng),
        record_layer(layer, {"axis": [1, 2]}, deep, rng),
        record_layer(layer, {"axis": [1, 3]}, four, rng),
        record_layer(rms, {}, flat, rng),
        record_layer(rms, {"axis": [1, 2], "epsilon": 0.01}, deep, rng),
        record_layer(unit, {}, short, rng),
        record_layer(unit, {"axis": 1}, deep, rng),
        record_layer(unit, {"axis": [1, 3]}, four, rng),
    ]


def record_features():
    """Record Normalization before adapt, after it, and with given statistics."""
    rng = np.random.default_rng(809)
    flat = np.round(draw(rng, 12, 4, scale=3.0) + np.array([0.0, 50.0, -7.0, 0.0]), 4)
    flat[:, 3] = 2.5  # no variance: divided by Keras' epsilon
    four = draw(rng, 5, 2, 3, 4)
    given = {"mean": [1.0, 2.0, 3.0, 4.0], "variance": [0.0, 1.0, 4.0, 9.0]}
    cases = [
        ({}, flat, True),
        ({}, flat, False),
        ({"invert": True}, flat, True),
        ({"axis": None}, flat, True),
        ({"axis": 1}, four, True),
        ({"axis": [3, 1]}, four, True),
        ({"axis": [1, 2, 3]}, four, True),
        ({"mean": 3.0, "variance": 2.0}, flat, False),
        (given, flat, False),
        ({**given, "axis": [1, 3], "invert": True}, four, False),
    ]
    records = []
    for config, x, adapts in cases:
        layer = keras.layers.Normalization(**config)
        record = {"config": config, "x": plain(x), "adapts": adapts}
        if adapts:
            layer.adapt(x)
            record["mean"] = plain(layer.adapt_mean)
            record["variance"] = plain(layer.adapt_variance)
        else:
            layer.build(x.shape)
        cotangent, tensor = draw(rng, *x.shape), gradient_tensor(x)
        output = layer(tensor)
        output.backward(torch.tensor(cotangent))
        record |= {"cotangent": cotangent, "output": output.detach(), "gradient": tensor.grad}
        records.append(plain(record))
    return records


def record_embedding():
    """Record a training on codes of categories, and the gradients with which it begins."""
    rng = np.random.default_rng(810)
    keras.utils.clear_session()
    x = np.column_stack([rng.integers(0, 3, 48), rng.integers(3, 7, 48), rng.integers(7, 9, 48)])
    y = np.round(draw(rng, 9)[x].sum(axis=1, keepdims=True) + 0.1 * draw(rng, 48, 1), 4)
    embedding = {"input_dim": 10, "output_dim": 4}
    layers = [
        keras.layers.Embedding(**embedding, embeddings_regularizer=keras.regularizers.L2(0.001)),
        keras.layers.Flatten(),
        keras.layers.Dense(5, activation="tanh"),
        keras.layers.Dense(1),
    ]
    model = keras.Sequential([keras.Input((3,), dtype="int32"), *layers])
    start = [draw(rng, *v.shape, scale=0.4) for v in model.weights]
    model.set_weights(start)
    optimizer = keras.optimizers.Adam(learning_rate=0.02)
    model.compile(optimizer=optimizer, loss="mse", jit_compile=False)
    error = keras.losses.MeanSquaredError()(y[:16], model(x[:16])) + sum(model.losses)
    error.backward()
    gradients = [plain(variable.value.grad) for variable in model.weights]
    model.zero_grad()
    history = model.fit(x, y, batch_size=16, epochs=4, shuffle=False, verbose=0)
    return {
        "config": embedding,
        "l2": 0.001,
        "x": plain(x),
        "y": plain(y),
        "initial_weights": plain(start),
        "gradients_of_first_batch": gradients,
        "loss": plain(history.history["loss"]),
        "final_weights": plain(model.get_weights()),
        "predictions": plain(model.predict(x[:5], verbose=0)),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(
        __file__,
        dtype=DTYPE,
        rows=record_rows(),
        features=record_features(),
        embedding=record_embedding(),
    )
