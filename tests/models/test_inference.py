"""The short way through predict: as the long way, to the bit."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from annlib import Sequential, callbacks, layers
from annlib.core.errors import DataError, ShapeError
from annlib.network import prediction

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 5))


def network(*extra, dtype="float32"):
    stack = [layers.Dense(7, "relu"), layers.BatchNormalization(), *extra, layers.Dense(3)]
    model = Sequential([*stack, layers.Softmax()], seed=0, dtype=dtype)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, RNG.integers(0, 3, len(X)), verbose=0)
    return model


@pytest.fixture
def taken(monkeypatch):
    """How often the short way answered."""
    answers = []
    way = prediction.Predictor.predict

    def watched(self, x):
        answers.append(way(self, x) is not None)
        return way(self, x)

    monkeypatch.setattr(prediction.Predictor, "predict", watched)
    return answers


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 2, 31, 512])
@pytest.mark.parametrize(
    "given",
    [
        lambda x: x.astype("float32"),
        lambda x: x,
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x.astype("float32").view(),
    ],
)
def test_both_ways_give_the_same_bits(given, rows, dtype, taken):
    model, x = network(layers.Dropout(0.5), dtype=dtype), given(X[:rows])
    x.flags.writeable = False
    short, long = model.predict(x), model.predict(x, batch_size=512)
    assert taken == [True]
    assert short.dtype == long.dtype == dtype
    assert short.tobytes() == long.tobytes()
    assert not np.shares_memory(short, model.predict(x))


def test_what_needs_preparation_or_a_report_takes_the_long_way(taken):
    model, seen = network(), []
    expected = model.predict(X, batch_size=512)
    model.predict(X)
    model.predict(X[:4].tolist())
    model.predict((10 * X[:4]).astype(int))
    model.predict(X[:4], callbacks=[callbacks.LambdaCallback(on_predict_end=seen.append)])
    assert not any(taken)
    assert seen
    np.testing.assert_array_equal(model.predict(X), expected)


def test_bad_input_gets_the_errors_of_the_long_way():
    model = network()
    with pytest.raises(DataError, match="row 1, column 2"):
        model.predict(np.where(np.arange(10).reshape(2, 5) == 7, np.nan, X[:2]))
    with pytest.raises(ShapeError, match="expected x of shape"):
        model.predict(X[:2, :4])
    with pytest.raises(DataError, match="at least one row"):
        model.predict(X[:0])


def test_it_follows_every_change_of_the_model():
    model = network()
    first = model.predict(X[:3])
    model.set_weights([w * 0.5 for w in model.get_weights()])
    assert not np.array_equal(model.predict(X[:3]), first)
    model.pop()
    logits = model.predict(X[:3])
    np.testing.assert_array_equal(logits, model.predict(X[:3], batch_size=3))
    assert (logits < 0).any()
    model.add(layers.Activation("relu"))
    np.testing.assert_array_equal(model.predict(X[:3]), np.maximum(logits, 0))


def test_threads_get_the_numbers_of_one():
    model = network()
    expected = [model.predict(X[i : i + 1], batch_size=1) for i in range(200)]
    wrong = []

    def ask():
        for i in range(200):
            if not np.array_equal(model.predict(X[i : i + 1]), expected[i]):
                wrong.append(i)

    crowd = [threading.Thread(target=ask) for _ in range(8)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert not wrong
