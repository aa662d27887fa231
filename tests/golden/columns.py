"""A training on mixed columns, as Keras' functional API has it, and layers of codes and bins."""

import numpy as np
import torch

from golden.recorder import DTYPE, draw, keras, plain, use_float64, write


def record_training():
    """Codes and numbers in one table: an embedding, a dense chain, one-hot rows, the rest."""
    rng = np.random.default_rng(815)
    keras.utils.clear_session()
    x = np.column_stack(
        [rng.integers(0, 6, 48), draw(rng, 48, 2), rng.integers(0, 3, 48), draw(rng, 48)]
    )
    y = np.round(draw(rng, 6)[x[:, 0].astype(int)] + x[:, 1] - x[:, 3] + 0.1 * draw(rng, 48), 4)
    inputs = keras.Input((5,))
    codes = keras.layers.Lambda(lambda t: t[:, :1])(inputs)
    numbers = keras.layers.Lambda(lambda t: t[:, 1:3])(inputs)
    labels = keras.layers.Lambda(lambda t: t[:, 3:4])(inputs)
    rest = keras.layers.Lambda(lambda t: t[:, 4:])(inputs)
    parts = [
        keras.layers.Flatten()(
            keras.layers.Embedding(6, 3, embeddings_regularizer=keras.regularizers.L2(0.001))(codes)
        ),
        keras.layers.Dense(4, activation="tanh", activity_regularizer=keras.regularizers.L2(0.01))(
            numbers
        ),
        keras.layers.Lambda(lambda t: keras.ops.one_hot(keras.ops.cast(t[:, 0], "int32"), 3))(
            labels
        ),
        rest,
    ]
    joined = keras.layers.Concatenate()(parts)
    outputs = keras.layers.Dense(1)(keras.layers.Dense(5, activation="tanh")(joined))
    model = keras.Model(inputs, outputs)
    start = [draw(rng, *v.shape, scale=0.4) for v in model.weights]
    model.set_weights(start)
    optimizer = keras.optimizers.Adam(learning_rate=0.02)
    model.compile(optimizer=optimizer, loss="mse", jit_compile=False)
    history = model.fit(x, y[:, None], batch_size=16, epochs=4, shuffle=False, verbose=0)
    return {
        "x": plain(x),
        "y": plain(y[:, None]),
        "shapes": [list(weight.shape) for weight in start],
        "initial_weights": plain(start),
        "loss": plain(history.history["loss"]),
        "final_weights": plain(model.get_weights()),
        "predictions": plain(model.predict(x[:5], verbose=0)),
    }


def record_encodings():
    """CategoryEncoding in each mode, for rows of one code and of several."""
    rng = np.random.default_rng(816)
    found = []
    for shape in ((7, 3), (7, 1)):
        x = rng.integers(0, 5, shape)
        for mode in ("multi_hot", "one_hot", "count"):
            layer = keras.layers.CategoryEncoding(5, output_mode=mode)
            found.append(
                {"mode": mode, "x": plain(x), "output": plain(np.asarray(layer(torch.tensor(x))))}
            )
    return found


def adapt(layer, batches):
    """What ``adapt`` does, which asks for TensorFlow."""
    layer.reset_state()
    for batch in batches:
        layer.update_state(batch)
    layer.finalize_state()


def record_bins():
    """Discretization: the boundaries that ``adapt`` finds, and the bins of numbers."""
    rng = np.random.default_rng(817)
    found = []
    for n, bins, epsilon in ((500, 5, 0.01), (37, 4, 0.01), (1000, 7, 0.1), (3, 8, 0.01)):
        data = np.round(rng.normal(size=(n, 2)), 3)
        layer = keras.layers.Discretization(num_bins=bins, epsilon=epsilon)
        adapt(layer, [data])
        x = np.round(rng.normal(size=(9, 2)), 2)
        found.append(
            {
                "num_bins": bins,
                "epsilon": epsilon,
                "data": plain(data),
                "bin_boundaries": plain(np.array(layer.bin_boundaries)),
                "x": plain(x),
                "bins": plain(np.asarray(layer(torch.tensor(x)))),
            }
        )
    batches = [np.round(rng.normal(size=(60, 1)), 3) for _ in range(4)]
    layer = keras.layers.Discretization(num_bins=6)
    adapt(layer, batches)
    return found, {
        "batches": plain(np.array(batches)),
        "bin_boundaries": plain(np.array(layer.bin_boundaries)),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    bins, of_batches = record_bins()
    write(
        __file__,
        dtype=DTYPE,
        training=record_training(),
        encodings=record_encodings(),
        bins=bins,
        bins_of_batches=of_batches,
    )
