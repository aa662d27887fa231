"""What can never act in a run is refused before it begins; orders that matter are warned of."""

from __future__ import annotations

import csv
import warnings

import numpy as np
import pytest

from annlib import Sequential, callbacks, layers, metrics, optimizers
from annlib.core.errors import ConfigurationError

X = np.random.default_rng(0).normal(size=(24, 3))
Y = X[:, :1]


def make_model(optimizer="sgd"):
    model = Sequential([layers.Dense(1)], seed=0)
    model.compile(optimizer, "mse", metrics=["mae", metrics.R2Score(name="F1")])
    return model


def fit(*given, optimizer="sgd", **how):
    model = make_model(optimizer)
    model.fit(X, Y, callbacks=list(given), **{"epochs": 3, "batch_size": 8, "verbose": 0, **how})
    return model


def refused(callback, says, optimizer="sgd", **how):
    model = make_model(optimizer)
    how = {"epochs": 3, "batch_size": 8, "verbose": 0, **how}
    with pytest.raises(ConfigurationError, match=says):
        model.fit(X, Y, callbacks=[callback] if callback else [], **how)
    assert not model.built
    assert model.history is None


MONITORS = [
    lambda path, monitor: callbacks.EarlyStopping(monitor, mode="max"),
    lambda path, monitor: callbacks.ReduceLROnPlateau(monitor, mode="max"),
    lambda path, monitor: callbacks.ModelCheckpoint(
        path / "m", monitor, mode="max", save_best_only=True
    ),
]


@pytest.mark.parametrize("make", MONITORS)
def test_a_monitor_that_is_misspelt_or_of_no_validation(make, tmp_path):
    for monitor, says in (
        ("f1", r'\(loss, mae, F1.*got "f1"\. Did you mean "?F1'),
        ("val_F1", r'got "val_F1"\. Pass validation data, or monitor one of these'),
        ("val_loss", r'got "val_loss"\. Pass validation data'),
    ):
        refused(make(tmp_path, monitor), says)
    refused(make(tmp_path, "val_f1"), 'got "val_f1"', validation_split=0.25)
    for monitor in ("F1", "val_F1", "val_loss"):
        fit(make(tmp_path, monitor), validation_split=0.25, validation_freq=1)


@pytest.mark.parametrize("make", MONITORS)
def test_what_a_callback_of_the_users_own_may_add_is_not_refused(make, tmp_path):
    class Adds(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["mine"] = float(epoch)

    class Stopping(callbacks.EarlyStopping):  # which writes the hook anew
        def on_epoch_end(self, epoch, logs=None):
            logs["mine"] = 1.0
            super().on_epoch_end(epoch, logs)

    adds = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(mine=1.0))
    for other in (Adds(), adds, Stopping("loss")):
        fit(other, make(tmp_path, "mine"))
    rate = callbacks.LearningRateScheduler(lambda epoch: 0.1)
    fit(rate, make(tmp_path, "learning_rate"))
    refused(make(tmp_path, "mine"), 'got "mine"')

    class Silent(callbacks.Callback):
        adds_logs = ()

        def on_epoch_end(self, epoch, logs=None):
            pass

    with pytest.raises(ConfigurationError, match='got "mine"'):
        fit(Silent(), make(tmp_path, "mine"))


def test_a_checkpoint_by_batches_sees_no_validation(tmp_path):
    how = {"save_best_only": True, "save_freq": 2}
    refused(
        callbacks.ModelCheckpoint(tmp_path / "m", "val_loss", **how),
        r'\(loss, mae, F1\), got "val_loss"',
        validation_split=0.25,
    )
    fit(callbacks.ModelCheckpoint(tmp_path / "m", "loss", **how))


def test_a_path_of_values_that_do_not_come(tmp_path):
    for name in ("{val_loss:.2f}", "{batch}", "{F2}"):
        refused(callbacks.ModelCheckpoint(tmp_path / name), "filepath of known values")
    fit(
        callbacks.ModelCheckpoint(tmp_path / "{epoch}-{val_loss:.2f}-{F1:.1f}"),
        validation_split=0.25,
    )
    assert len(list(tmp_path.iterdir())) == 3


def test_gradients_that_are_never_enough_for_an_update():
    accumulates = optimizers.SGD(gradient_accumulation_steps=10)
    refused(None, "gradient_accumulation_steps of at most 9, .* got 10", accumulates)
    model = fit(optimizer=optimizers.SGD(gradient_accumulation_steps=9))
    assert model.optimizer.iterations == 1
    # The steps of an earlier fit count.
    model = make_model(optimizers.SGD(gradient_accumulation_steps=10))
    model.fit(X, Y, batch_size=2, epochs=1, verbose=0)
    model.fit(X, Y, batch_size=3, epochs=1, verbose=0)
    assert model.optimizer.iterations == 2


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({"var_names": ["bais"]}, "got 'bais'. There are dense/kernel, dense/bias"),
        ({"var_names": ["bias", "gamma"]}, "got 'gamma'"),
        ({"var_list": ["dense/bias", "dense_1/bias"]}, "got 'dense_1/bias'"),
    ],
)
def test_exclusions_from_the_weight_decay_that_match_nothing(named, says):
    for call in (
        lambda model: model.fit(X, Y, verbose=0),
        lambda model: model.train_on_batch(X, Y),
    ):
        optimizer = optimizers.AdamW()
        optimizer.exclude_from_weight_decay(**named)
        model = make_model(optimizer)
        model.build((None, 3))
        before = [weight.tobytes() for weight in model.weights]
        with pytest.raises(ConfigurationError, match=says):
            call(model)
        assert [weight.tobytes() for weight in model.weights] == before


def columns(path, **how):
    fit(callbacks.CSVLogger(path), **how)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    return list(rows[0])


def test_a_log_has_columns_of_a_validation_only_if_there_is_one(tmp_path):
    trained = ["F1", "loss", "mae"]
    validated = [f"val_{name}" for name in trained]
    assert columns(tmp_path / "a") == ["epoch", *trained]
    both = ["epoch", *trained, *validated]
    assert columns(tmp_path / "b", validation_split=0.25) == both
    assert columns(tmp_path / "c", validation_split=0.25, validation_freq=2) == both


# -- the order of callbacks ------------------------------------------------------------------------


def averaging():
    return optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5)


def test_what_keeps_raw_weights_beside_averages_is_warned_of(tmp_path):
    stops = callbacks.EarlyStopping("val_loss", restore_best_weights=True)
    saves = callbacks.ModelCheckpoint(tmp_path / "m")
    swaps = callbacks.SwapEMAWeights(swap_on_epoch=True)
    how = {"optimizer": averaging(), "validation_split": 0.25}
    for given, name in (
        ((stops, swaps), "EarlyStopping"),
        ((saves, swaps), "ModelCheckpoint"),
        ((stops, callbacks.SwapEMAWeights()), "EarlyStopping"),
        ((callbacks.SwapEMAWeights(), stops), "EarlyStopping"),
    ):
        with pytest.warns(UserWarning, match=f"expected before {name}, with swap_on_epoch=True"):
            fit(*given, **how | {"optimizer": averaging()})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The right order, and what keeps no weights.
        model = fit(swaps, stops, saves, **how)
        fit(callbacks.EarlyStopping("val_loss"), swaps, **how | {"optimizer": averaging()})
        fit(saves, callbacks.SwapEMAWeights(), **how | {"optimizer": averaging()})
    best = min(model.history.history["val_loss"])
    assert model.evaluate(X[18:], Y[18:], return_dict=True)["loss"] == pytest.approx(best, rel=1e-5)
