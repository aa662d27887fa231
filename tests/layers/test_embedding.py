"""Embedding: codes go in as integers, wrong ones are refused, and it learns what Keras learns."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from golden import recorded

from annlib import Input, Sequential, clone_model, layers, optimizers, regularizers
from annlib.core.errors import ConfigurationError, DataError, ShapeError
from annlib.core.workspace import Workspace
from annlib.data import Batch
from annlib.testing import check_layer
from annlib.testing.passes import LayerTrial

CODES = np.random.default_rng(0).integers(0, 6, size=(40, 3))
VALUES = np.arange(40.0).reshape(40, 1) / 40


def network(*below, dtype="float32", **keywords):
    stack = [*below, layers.Embedding(6, 2, **keywords), layers.Flatten(), layers.Dense(1)]
    model = Sequential(stack, seed=1, dtype=dtype)
    model.compile(optimizers.SGD(0.1), "mse")
    return model


# -- what it computes ------------------------------------------------------------------------------


def test_a_training_is_that_of_keras():
    record = recorded("normalization_layers")["embedding"]
    x, y = np.array(record["x"]), np.array(record["y"])
    regularizer = regularizers.L2(record["l2"])
    model = Sequential(
        [
            Input((3,), dtype="int32"),
            layers.Embedding(**record["config"], embeddings_regularizer=regularizer),
            layers.Flatten(),
            layers.Dense(5, activation="tanh"),
            layers.Dense(1),
        ],
        dtype="float64",
    )
    start = [np.array(weight) for weight in record["initial_weights"]]
    model.set_weights(start)
    model.compile(optimizers.Adam(0.02), "mse")

    def close(found, expected):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)

    model._functions.step.loss_and_gradient(Batch(x[:16], y[:16], None))
    names = [(layer, name) for layer in model.layers for name in layer.gradients]
    for (layer, name), expected in zip(names, record["gradients_of_first_batch"], strict=True):
        close(layer.gradients[name], expected)
    history = model.fit(x, y, batch_size=16, epochs=4, shuffle=False, verbose=0)
    close(history.history["loss"], record["loss"])
    for found, expected in zip(model.get_weights(), record["final_weights"], strict=True):
        close(found, expected)
    close(model.predict(x[:5]), record["predictions"])


@pytest.mark.parametrize("shape", [(3,), (2, 3), ()])
def test_output_and_gradient_row_by_row(shape):
    trial = LayerTrial(layers.Embedding(4, 3), shape)
    x, dy = trial.data(5)
    y, gradient = trial.run(x, dy)
    W, expected = trial.layer.embeddings, np.zeros((4, 3))
    for place in np.ndindex(x.shape):
        np.testing.assert_array_equal(y[place], W[x[place]])
        expected[x[place]] += dy[place]
    np.testing.assert_allclose(gradient.reshape(4, 3), expected, rtol=1e-12, atol=1e-14)


def test_it_learns_a_table_of_categories():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"colour": rng.integers(0, 4, 300), "size": rng.integers(4, 9, 300)})
    effect = rng.normal(size=9)
    y = effect[frame["colour"]] * effect[frame["size"]]  # no sum of effects
    model = Sequential(
        [layers.Embedding(9, 4), layers.Flatten(), layers.Dense(16, "tanh"), layers.Dense(1)],
        seed=0,
    )
    model.compile(optimizers.Adam(0.02), "mse")
    history = model.fit(frame, y, epochs=60, verbose=0)
    assert history.history["loss"][-1] < 0.02 * np.var(y)
    assert model.evaluate(frame.to_numpy(), y) == pytest.approx(model.evaluate(frame, y))


def test_a_row_whose_code_never_comes_stays():
    model = network()
    model.build((None, 3))
    before = model.layers[0].embeddings.copy()
    model.fit(np.where(CODES == 4, 0, CODES), VALUES, verbose=0)
    changed = (model.layers[0].embeddings != before).all(axis=1)
    np.testing.assert_array_equal(changed, [True, True, True, True, False, True])


# -- integers arrive uncast ------------------------------------------------------------------------


class Spy(layers.Embedding):
    """Notes the types of its input."""

    def forward(self, x, work, *, training=False):
        self.seen.add((x.dtype, x.flags.c_contiguous))
        return super().forward(x, work, training=training)


KINDS = {
    "uint8": CODES.astype("u1"),
    "int64": CODES,
    "swapped": CODES.astype(">i4"),
    "whole floats": CODES.astype("f4"),
    "bool": CODES > 2,
    "Fortran": np.asfortranarray(CODES),
    "list": CODES.tolist(),
    "frame": pd.DataFrame(CODES),
    "mixed frame": pd.DataFrame(
        {"a": CODES[:, 0].astype("i1"), "b": CODES[:, 1] * 1.0, "c": CODES[:, 2]}
    ),
}


@pytest.mark.parametrize("x", KINDS.values(), ids=KINDS)
def test_every_door_gives_integers(x):
    spy = Spy(6, 2)
    model = Sequential([spy, layers.Flatten(), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    for call in (
        lambda: model.fit(x, VALUES, verbose=0, validation_split=0.2),
        lambda: model.evaluate(x, VALUES),
        lambda: model.predict(x),
        lambda: model.predict_on_batch(x),
        lambda: model.train_on_batch(x, VALUES),
        lambda: model.test_on_batch(x, VALUES),
        lambda: model(x),
    ):
        spy.seen = set()
        call()
        assert spy.seen == {(np.dtype(np.intp), True)}
    plain = np.asarray(x).astype(np.intp)
    np.testing.assert_array_equal(model.predict(x), model.predict(plain))


def test_codes_beyond_what_float32_can_count():
    n = 2**24 + 2
    model = Sequential([layers.Embedding(n, 1, "zeros"), layers.Flatten()])
    model.build((None, 1))
    model.layers[0].embeddings[-1] = 7.0
    np.testing.assert_array_equal(model.predict([[n - 1], [n - 2]]), [[7.0], [0.0]])


def test_sample_weights_stay_fractions():
    """Codes are integers, and the weights beside them are not."""
    half, whole = network(), network()
    for model, weight in ((half, 0.5), (whole, 1.0)):
        model.fit(CODES, VALUES, sample_weight=np.full(40, weight), batch_size=40, verbose=0)
    half, whole = (model.layers[2].bias for model in (half, whole))  # from 0, in one step
    np.testing.assert_allclose(half, whole / 2, rtol=1e-6)


def test_input_dim_is_no_length_of_a_row():
    assert not network().built
    assert network(input_shape=(3,)).output_shape == (None, 1)
    lines = []
    network(input_shape=(3,)).summary(print_fn=lines.append)
    assert "(None, 3, 2)" in lines[0]
    check_layer(layers.Embedding(5, 2, input_shape=(3,)))


# -- behind other layers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "below", [layers.Rescaling(0.5), layers.Flatten(), layers.Dense(3, trainable=False)]
)
def test_behind_a_layer_it_casts_whole_numbers(below):
    model = network(below)
    model.build((None, 3))
    x = CODES
    if isinstance(below, layers.Rescaling):
        x = 2 * CODES
    if isinstance(below, layers.Dense):
        below.kernel[...] = np.eye(3)
    first = network()
    first.build((None, 3))
    first.set_weights(model.get_weights()[-3:])
    np.testing.assert_array_equal(model.predict(x), first.predict(CODES))
    for one in (model, first):
        one.fit(x if one is model else CODES, VALUES, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.predict(x), first.predict(CODES))


def test_behind_a_layer_what_is_no_code_is_refused():
    model = network(layers.Rescaling(0.5))
    with pytest.raises(DataError, match=r'layer "embedding".* 0 to 5 .* 2\.5 at row 0, column 1'):
        model.predict([[2, 5, 4]])
    with pytest.raises(DataError, match=r"got 1 others, first 6\.0 at row 1, column 0"):
        model.predict([[2, 2, 4], [12, 2, 2]])


def test_nothing_below_it_can_learn():
    model = network(layers.Dense(3, kernel_initializer="identity"))
    model.build((None, 3))
    before = model.get_weights()
    with pytest.raises(ConfigurationError, match=r"codes have no derivative.*freeze"):
        model.fit(CODES, VALUES, verbose=0)
    for weight, same in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, same)


# -- what is no code -------------------------------------------------------------------------------


def changed(place, value, kind=float):
    x = CODES.astype(kind)
    x[place] = value
    return x


def framed(x, **types):
    return pd.DataFrame(x, columns=["a", "b", "c"]).astype(types)


WRONG = {
    "too large": (changed((3, 1), 6, int), r"x, .*first 6 at row 3, column 1\."),
    "negative": (changed((0, 2), -1, int), r"0 to 5 in x, .*first -1 at row 0, column 2\."),
    "unsigned": (changed((4, 0), 2**63 + 1, "u8"), r"first 9223372036854775809 at row 4, column 0"),
    "fraction": (changed((5, 1), 2.5), r"first 2\.5 at row 5, column 1\."),
    "huge": (changed((5, 1), 1e300), r"first 1e\+300 at row 5"),
    "frame": (framed(changed((7, 2), 9, int)), r'first 9 at row 7, column 2 \("c"\)\.'),
    "mixed frame": (framed(changed((7, 2), 9, int), a="int8"), r'in x\["c"\], .*9 at row 7\.'),
    "NaN": (changed((1, 1), np.nan), "finite"),
}


@pytest.mark.parametrize(("x", "says"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("built", [False, True])
def test_it_is_refused_at_every_door_before_anything_changes(x, says, built):
    model = network()
    if built:
        model.build((None, 3))
    before = [weight.tobytes() for weight in model.weights]
    validation = {"validation_data": (x, VALUES), "verbose": 0}
    for name, call in {
        "fit": lambda: model.fit(x, VALUES, verbose=0),
        "fit: validation_data": lambda: model.fit(CODES, VALUES, **validation),
        "evaluate": lambda: model.evaluate(x, VALUES),
        "predict": lambda: model.predict(x),
        "train_on_batch": lambda: model.train_on_batch(x, VALUES),
        "__call__": lambda: model(x),
    }.items():
        with pytest.raises(DataError, match=rf"Sequential\.{name}: expected .*{says}"):
            call()
    assert model.built == built
    assert [weight.tobytes() for weight in model.weights] == before


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [("i4", 6, "first 6 at"), ("i4", -1, "first -1 at"), ("f8", 2.5, r"first 2\.5 at")],
)
def test_a_memory_map_is_checked_batch_by_batch(kind, value, says, tmp_path):
    file = np.memmap(tmp_path / "x", kind, "w+", shape=CODES.shape)
    file[...] = CODES
    model = network()
    model.fit(file, VALUES, verbose=0)
    np.testing.assert_array_equal(model.predict(file), model.predict(CODES))
    file[33, 1] = value
    for call in (lambda: model.predict(file), lambda: model.fit(file, VALUES, verbose=0)):
        with pytest.raises(DataError, match=rf'layer "embedding": expected .* {says}'):
            call()


def test_forward_alone_never_reads_outside():
    trial = LayerTrial(layers.Embedding(4, 2), (2,))
    for x in ([[0, 4]], [[-1, 0]], [[0.0, 4.0]], [[-1.0, 1.0]], [[0.5, 1.0]]):
        with pytest.raises(DataError, match="0 to 3"):
            trial.layer.forward(np.array(x), Workspace("float64"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [((0, 2), "input_dim"), ((3, 0), "output_dim"), ((2.0, 3), "input_dim"), ((3, True), "output")],
)
def test_arguments_that_cannot_be_meant_are_refused(arguments, says):
    with pytest.raises(ConfigurationError, match=says):
        layers.Embedding(*arguments)


# -- given weights ---------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [np.asarray, lambda W: [W], lambda W: W.tolist()])
def test_given_weights_are_the_first_ones(wrap):
    W = np.random.default_rng(0).normal(size=(4, 3))
    layer = layers.Embedding(4, 3, weights=wrap(W), trainable=False)
    model = Sequential([layer, layers.Flatten(), layers.Dense(1)], dtype="float64", seed=0)
    unbuilt = Sequential.from_config(json.loads(json.dumps(model.get_config())))
    model.compile("sgd", "mse")
    model.fit([[0], [3]], [[1.0], [2.0]], verbose=0)
    copies = [model, clone_model(model), unbuilt, pickle.loads(pickle.dumps(model))]
    for copy in copies:
        copy.build((None, 1))
        np.testing.assert_array_equal(copy.layers[0].embeddings, W)
    assert layer.get_config()["weights"] is None  # they are in the file as the parameter


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.ones((3, 4)), ShapeError, r"shape \(4, 3\), one row a code, got \(3, 4\)"),
        (np.ones(4), ShapeError, "one row a code"),
        ([[1.0], [2.0, 3.0]], ConfigurationError, "matrix of finite numbers"),
        (np.full((4, 3), np.nan), ConfigurationError, "matrix of finite numbers"),
    ],
)
def test_weights_that_cannot_be_meant_are_refused(weights, error, message):
    with pytest.raises(error, match=message):
        layers.Embedding(4, 3, weights=weights)
