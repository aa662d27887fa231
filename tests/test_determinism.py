"""The same seed gives the same bits; nothing else in the process is touched or matters."""

import hashlib
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from annlib import Input, Sequential, layers

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 5)).astype(np.float32)
Y = np.arange(60) % 3


def network(seed=11, name=None, dropout=(), norm=True):
    return Sequential(
        [
            layers.Dense(8, "relu", name=name),
            *(layers.Dropout(rate) for rate in dropout),
            *([layers.BatchNormalization()] if norm else []),
            layers.Dense(3, "softmax"),
        ],
        seed=seed,
    )


def train(model, **keywords):
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    history = model.fit(
        X, Y, **{"epochs": 3, "verbose": 0, "validation_split": 0.2, "batch_size": 8, **keywords}
    )
    return model, history.history


def bits(model):
    return [weight.tobytes() for weight in model.weights]


def test_models_alike_are_alike():
    (one, first), (other, second) = (train(network(dropout=[0.5])) for _ in range(2))
    assert bits(one) == bits(other)
    assert first == second
    another, third = train(network(seed=12, dropout=[0.5]))
    assert bits(another) != bits(one)
    assert third != first


def test_what_else_is_built_in_between_does_not_matter():
    one, _ = train(network())
    train(network(seed=1, dropout=[0.2, 0.3]))
    other, _ = train(network())
    assert bits(one) == bits(other)


SCRIPT = """
import hashlib, numpy as np
from annlib import Sequential, layers
rng = np.random.default_rng(0)
x, y = rng.normal(size=(60, 5)), np.arange(60) % 3
model = Sequential([layers.Dense(8, "relu"), layers.Dropout(0.5), layers.BatchNormalization(),
                    layers.Dense(3, "softmax")], seed=11)
model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
history = model.fit(x, y, epochs=3, batch_size=8, verbose=0, validation_split=0.2).history
print(hashlib.sha256(b"".join(w.tobytes() for w in model.weights)).hexdigest(), history)
"""


def test_processes_agree():
    outputs = []
    for hash_seed in ("0", "1234"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    model, history = train(network(dropout=[0.5]))
    digest = hashlib.sha256(b"".join(bits(model))).hexdigest()
    assert outputs == [f"{digest} {history}\n"] * 2


class Recorder(layers.Layer):
    """y = x; keeps the order of the rows of training passes."""

    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.seen = []

    def forward(self, x, work, *, training=False):
        if training:
            self.seen.append(x.tobytes())
        return x

    def backward(self, dy, work, *, input_gradient=True):
        return dy


def test_a_dropout_more_changes_neither_initial_weights_nor_the_shuffle():
    orders, initial = [], []
    for dropout in ([], [0.5], [0.5, 0.1]):
        recorder = Recorder()
        model = Sequential([recorder, *network(dropout=dropout).layers], seed=11)
        model.build((None, 5))
        initial.append(bits(model))
        train(model)
        orders.append(recorder.seen)
    assert initial[0] == initial[1] == initial[2]
    assert orders[0] == orders[1] == orders[2]
    assert len(set(orders[0])) == len(orders[0]) == 3 * 6


def test_a_second_dropout_leaves_the_first_its_stream():
    def dropped(model):
        return Sequential(model.layers[:2], seed=11)(np.ones((4, 5), np.float32), training=True)

    np.testing.assert_array_equal(
        dropped(network(dropout=[0.5])), dropped(network(dropout=[0.5, 0.5]))
    )


def test_two_dropouts_drop_each_their_own():
    model = Sequential([Input((999,)), layers.Dropout(0.5), layers.Dropout(0.5)], seed=0)
    kept = np.mean(model(np.ones((20, 999)), training=True) > 0)
    assert 0.23 < kept < 0.27


def test_names_do_not_matter():
    plain, first = train(network())
    layers_named = network(name="zebra").layers
    named, second = train(Sequential(layers_named, seed=11, name="other"))
    assert bits(plain) == bits(named)
    assert first == second


def test_global_generators_are_neither_read_nor_moved():
    outcomes = []
    for seed in (1, 2):
        np.random.seed(seed)
        random.seed(seed)
        states = np.random.get_state()[1].tobytes(), random.getstate()
        model, history = train(network(dropout=[0.5]))
        model.predict(X)
        model.evaluate(X, Y)
        outcomes.append((bits(model), history))
        assert (np.random.get_state()[1].tobytes(), random.getstate()) == states
    assert outcomes[0] == outcomes[1]


def test_without_a_seed_models_differ_and_can_be_repeated():
    one, first = train(network(seed=None, dropout=[0.5]))
    other, _ = train(network(seed=None, dropout=[0.5]))
    assert one.seed != other.seed
    assert bits(one) != bits(other)
    again, repeated = train(network(seed=one.seed, dropout=[0.5]))
    assert bits(again) == bits(one)
    assert repeated == first


def test_a_layers_own_seed_overrules_the_models():
    def dropped(seed, own):
        model = Sequential([Input((50,)), layers.Dropout(0.5, seed=own)], seed=seed)
        return model(np.ones((4, 50)), training=True).tobytes()

    assert dropped(1, 5) == dropped(2, 5)
    assert dropped(1, 5) != dropped(1, 6)
    assert dropped(1, None) != dropped(2, None)


def test_an_integer_and_a_numpy_integer_are_one_seed():
    one, other = network(seed=7), network(seed=np.int64(7))
    for model in (one, other):
        model.build((None, 5))
    assert bits(one) == bits(other)
    assert type(other.seed) is int


def test_threads_predict_as_one(tmp_path):
    model, _ = train(network(dropout=[0.5]))
    for weight in model.weights:
        weight.flags.writeable = False  # nobody writes meanwhile
    before = [dict(vars(layer)) for layer in model.layers]
    batches = [rng.normal(size=(n, 5)).astype(np.float32) for n in (1, 3, 40, 7, 60, 2, 33, 16)]
    expected = [model.predict(x, batch_size=16).tobytes() for x in batches]

    def work(index):
        x = batches[index]
        return all(model.predict(x, batch_size=16).tobytes() == expected[index] for _ in range(100))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
    for layer, state in zip(model.layers, before, strict=True):
        assert vars(layer).keys() == state.keys()
        assert all(vars(layer)[key] is value for key, value in state.items())


@pytest.mark.parametrize("size", [1, 7, 32, 1000])
def test_a_prediction_hardly_depends_on_its_batch(size):
    model = Sequential([layers.Dense(300, "tanh"), layers.Dense(5)], seed=0, dtype="float64")
    x = rng.normal(size=(100, 1024))
    whole = model.predict(x, batch_size=100)
    order = rng.permutation(100)
    np.testing.assert_allclose(
        model.predict(x[order], batch_size=size),
        whole[order],
        rtol=0,
        atol=1e-12 * np.abs(whole).max(),
    )
