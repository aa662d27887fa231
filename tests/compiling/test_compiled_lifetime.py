"""What compiled steps and predictions keep, and what they let go."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from annlib import Sequential, layers
from annlib.callbacks import Callback
from annlib.compiling.notes import Map
from annlib.compiling.recording import Recorder

pytest.importorskip("llvmlite")

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(64, 4)).astype("float32"), rng.integers(0, 3, 64)


def made(*extra):
    body = [layers.Dense(8, "relu"), layers.BatchNormalization(), *extra]
    model = Sequential([*body, layers.Dense(3, "softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=True)
    return model


class Break(Callback):
    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def on_train_batch_end(self, batch, logs=None):
        if batch == self.batch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("batch", [0, 1, 2])
def test_data_are_let_go_when_training_breaks_off(batch):
    model, data = made(), X.copy()
    with pytest.raises(KeyboardInterrupt):
        model.fit(data, Y, batch_size=16, shuffle=False, callbacks=[Break(batch)], verbose=0)
    gone = weakref.ref(data)
    del data
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("times", [1, 2, 3])
def test_data_are_let_go_after_a_prediction(times):
    model, data = made(), X.copy()
    model.build((None, 4))
    for _ in range(times):
        model.predict(data)
    gone = weakref.ref(data)
    del data
    gc.collect()
    assert gone() is None


def test_models_leave_no_notes():
    def left():
        gc.collect()
        return [x for x in gc.get_objects() if isinstance(x, Recorder | Map)]

    before = len(left())
    for extra in ([], [layers.Dropout(0.1)], [layers.Lambda(np.square, lambda x: 2 * x)]):
        model = made(*extra)
        model.fit(X, Y, batch_size=24, epochs=2, verbose=0)
        model.predict(X[:2])
        assert model._functions.step._compiled._programs
        del model
    assert len(left()) == before
