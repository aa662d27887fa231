"""Small predictions compiled: the same numbers, by the weights and attributes of the moment."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from cases import LAYERS, as_given

from annlib import Sequential, layers
from annlib.testing.layers import LayerTrial

pytest.importorskip("llvmlite")

NEAR = {"float32": 1e-5, "float64": 1e-12}


def pair(stack, dtype="float32", shape=None):
    plain = Sequential(stack(), seed=2, dtype=dtype)
    compiled = Sequential(stack(), seed=2, dtype=dtype)
    for model, jit in ((plain, False), (compiled, True)):
        model.compile("sgd", "mse", jit_compile=jit)
        if shape is not None:
            model.build((None, *shape))
    return plain, compiled


def body():
    return [layers.Dense(7, "relu"), layers.BatchNormalization(), layers.Dense(3, "softmax")]


def check(plain, compiled, x, dtype="float32"):
    right = plain.predict(x, verbose=0)
    for _ in range(4):
        found = compiled.predict(x, verbose=0)
        np.testing.assert_allclose(found, right, rtol=NEAR[dtype] * 10, atol=NEAR[dtype])
    return found


def programs(model):
    return [p for run in model._predictor._idle for p, _ in run._programs.values()]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", [r for r in LAYERS if r.cls is not layers.Input], ids=repr)
def test_layers(row, dtype):
    for shape in getattr(row, "shapes", [(5,), (2, 5)]):
        x = as_given(row.make(), LayerTrial(row.make(), shape).data(6)[0])
        stack = lambda: [row.make(), layers.Flatten(), layers.Dense(2)]  # noqa: E731
        plain, compiled = pair(stack, dtype)
        for model in (plain, compiled):
            model.train_on_batch(x, np.ones((6, 2)))
        compiled.set_weights(plain.get_weights())
        x = x.astype(dtype) if x.dtype.kind == "f" else x
        for rows in (1, 6):
            check(plain, compiled, x[:rows], dtype)


def test_batches_of_any_size_and_place():
    plain, compiled = pair(body, shape=(5,))
    x = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
    for start, stop in ((0, 1), (3, 4), (0, 8), (8, 16), (0, 40), (5, 6), (39, 40), (0, 8)):
        check(plain, compiled, x[start:stop])
        check(plain, compiled, np.asfortranarray(x[start:stop]))
        check(plain, compiled, x[start:stop].astype("float64"))
    assert all(programs(compiled))


def test_results_are_the_callers_own():
    _, compiled = pair(body, shape=(5,))
    x = np.ones((2, 5), "float32")
    one = [compiled.predict(x, verbose=0) for _ in range(4)]
    before = one[-1].copy()
    compiled.predict(2 * x, verbose=0)
    np.testing.assert_array_equal(one[-1], before)


def test_new_weights_and_attributes_are_in_force_at_once():
    plain, compiled = pair(body, shape=(5,))
    x = np.ones((3, 5), "float32")
    check(plain, compiled, x)
    for model in (plain, compiled):
        model.set_weights([w + 0.1 for w in model.get_weights()])
    check(plain, compiled, x)
    for model in (plain, compiled):
        model.fit(np.eye(5), np.eye(5)[:, :3], epochs=3, verbose=0)
    check(plain, compiled, x)


def test_layers_that_another_model_takes_over():
    plain, compiled = pair(body, shape=(5,))
    x = np.ones((3, 5), "float32")
    check(plain, compiled, x)
    for model in (plain, compiled):  # the weights move into the other model's vector
        other = Sequential(model.layers[:-1])
        other.compile("sgd", "mse", jit_compile=False)
        other.layers[0].set_weights([w * 2 for w in other.layers[0].get_weights()])
    check(plain, compiled, x)


def test_threads():
    plain, compiled = pair(body, shape=(5,))
    x = np.random.default_rng(0).normal(size=(30, 5)).astype("float32")
    right, wrong = plain.predict(x, verbose=0), []

    def work(row):
        for _ in range(30):
            found = compiled.predict(x[row : row + 1], verbose=0)
            if not np.allclose(found, right[row : row + 1], rtol=1e-4):
                wrong.append(row)

    threads = [threading.Thread(target=work, args=(row,)) for row in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
