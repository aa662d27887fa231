"""Models leave nothing behind: memory is flat, and a deleted model is gone at once."""

import gc
import sys
import tracemalloc
import weakref

import numpy as np
import pytest

from annlib import Sequential, callbacks, layers, load_model, models

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(200, 6)), rng.integers(0, 3, 200)


def network():
    model = Sequential(
        [layers.Dense(16, "relu"), layers.BatchNormalization(), layers.Dense(3, "softmax")], seed=0
    )
    model.compile("adam", "crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
    return model


def used(model, tmp_path):
    """A model that has been through everything."""
    model.fit(
        X,
        Y,
        epochs=2,
        validation_split=0.2,
        verbose=0,
        callbacks=[
            callbacks.EarlyStopping(restore_best_weights=True),
            callbacks.ReduceLROnPlateau(),
            callbacks.ModelCheckpoint(tmp_path / "best.safetensors", save_best_only=True),
            callbacks.BackupAndRestore(tmp_path / "backup"),
        ],
    )
    model.evaluate(X, Y)
    model.predict(X)
    model.train_on_batch(X, Y)
    model.save(tmp_path / "model.safetensors")
    return model


@pytest.mark.parametrize("loaded", [False, True])
def test_a_deleted_model_is_gone_at_once(tmp_path, loaded):
    model = used(network(), tmp_path)
    if loaded:
        model = used(load_model(tmp_path / "model.safetensors"), tmp_path)
    history, first = model.history, model.layers[0]
    gone = weakref.ref(model)
    gc.disable()  # no cycle holds it
    try:
        del model
        assert gone() is None
    finally:
        gc.enable()
    assert history.history["loss"]
    assert first.kernel.shape == (6, 16)


clear = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache  # from 3.13 on


def settle():
    gc.collect()
    clear()


def growth(act, times):
    """Bytes that are left after so many calls, beyond those after the first few.

    Without those of CPython's cache of attributes. It keeps up to 4,096 of the names that were
    looked up, also where they are made anew each time, as threadpoolctl's and those of types.
    """
    for _ in range(5):
        act()
    settle()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(times):
        act()
    settle()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return after - before


def test_memory_is_flat_over_200_epochs():
    model = network()
    one = growth(lambda: model.fit(X, Y, epochs=1, verbose=0, validation_split=0.2), 1)
    many = growth(lambda: model.fit(X, Y, epochs=200, verbose=0, validation_split=0.2), 1)
    # The History of 200 epochs, eight lists of floats, and nothing else.
    assert many - one < 200 * 8 * 40


def test_memory_is_flat_over_1000_predictions():
    model = network()
    model.fit(X, Y, verbose=0)
    assert growth(lambda: model.predict(X), 1000) < 5_000
    assert growth(lambda: model.evaluate(X, Y), 200) < 5_000


def test_models_made_in_a_loop_leave_nothing():
    # One model alone has more than 10 KB.
    assert growth(lambda: network().fit(X, Y, verbose=0), 30) < 5_000


def test_the_compile_arguments_round_trip_and_metrics_begin_anew():
    import json

    model = network()
    other = Sequential([layer.clone() for layer in model.layers], seed=0)
    assert other.get_compile_config() is None
    other.compile_from_config(json.loads(json.dumps(model.get_compile_config())))
    a, b = (m.fit(X, Y, epochs=2, verbose=0).history for m in (model, other))
    assert a == b
    assert set(a) == {"loss", "accuracy", "weighted_accuracy"}
    model.reset_metrics()
    assert model.get_metrics_result() == {"accuracy": 0, "loss": 0, "weighted_accuracy": 0}
    again = models.model_from_json(model.to_json())
    assert again.get_config() == model.get_config()
