"""Metrics that are plain functions: a model is saved with their names and loaded with them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from annlib import Sequential, callbacks, layers, load_model, metrics
from annlib.core.errors import ConfigurationError

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))


def worst(y, a):
    return np.abs(y - a).max(axis=-1)


def above(threshold):
    def share(y, a):
        return (a > threshold).mean(axis=-1)

    return share


class Distance(metrics.MeanMetricWrapper):
    """A class of one's own that takes a function."""

    def __init__(self, fn, scale=1.0, name=None):
        self.scale = scale
        super().__init__(fn, name)


def network(*used, **compiled):
    model = Sequential([layers.Dense(2, name="out")], seed=0)
    model.compile("adam", "mse", metrics=list(used), **compiled)
    model.fit(X, Y, verbose=0)
    return model


def evaluated(model):
    return model.evaluate(X, Y, verbose=0, return_dict=True)


def test_they_come_back_from_custom_objects(tmp_path):
    model = network("mae", worst, weighted_metrics=[worst, "mse"])
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m", custom_objects={"worst": worst})
    assert evaluated(again) == evaluated(model)
    assert again.metrics_names == ["loss", "mae", "worst", "weighted_worst", "mse"]
    again.fit(X, Y, verbose=0)
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


def test_without_them_the_model_is_loaded_without_and_one_warning_names_them(tmp_path):
    named = metrics.MeanMetricWrapper(worst, name="mine")
    model = network("mae", worst, above(0), weighted_metrics=[named])
    model.save(tmp_path / "m")
    message = r'^load_model: .*functions.*custom_objects, got none called "worst", "share"\.'
    with pytest.warns(UserWarning, match=message) as warned:
        again = load_model(tmp_path / "m")
    assert len(warned) == 1
    assert warned[0].filename == __file__
    assert again.metrics_names == ["loss", "mae"]
    assert evaluated(again) == {key: evaluated(model)[key] for key in ("loss", "mae")}
    again.fit(X, Y, verbose=0)
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again.save(tmp_path / "again")
        assert load_model(tmp_path / "again").metrics_names == ["loss", "mae"]
        assert not load_model(tmp_path / "m", compile=False).compiled
        found = load_model(tmp_path / "m", {"worst": worst, "share": above(0)})
    assert found.metrics_names == model.metrics_names


def test_two_functions_of_one_name_are_two(tmp_path):
    model = network(above(-1), above(0.5), lambda y, a: a[:, 0], lambda y, a: a[:, 1])
    model.save(tmp_path / "m")
    given = {"share": above(-1), "share_1": above(0.5), "<lambda>": lambda y, a: a[:, 0]}
    with pytest.warns(UserWarning, match='got none called "<lambda>_1".'):
        again = load_model(tmp_path / "m", custom_objects=given)
    found = evaluated(again)
    assert found == {key: evaluated(model)[key] for key in found}
    assert again.metrics_names == ["loss", "share", "share_1", "<lambda>"]


def test_a_class_of_ones_own_with_a_function_is_as_good(tmp_path):
    model = network(Distance(worst, 2.0))
    model.save(tmp_path / "m")
    custom = {"Distance": Distance, "worst": worst}
    again = load_model(tmp_path / "m", custom_objects=custom)
    assert (type(again.metrics[0]), again.metrics[0].scale) == (Distance, 2.0)
    assert evaluated(again) == evaluated(model)
    with pytest.warns(UserWarning, match='"worst"'):
        assert load_model(tmp_path / "m", {"Distance": Distance}).metrics == []


def test_checkpoints_and_backups_are_written(tmp_path):
    model = network(worst)
    used = [
        callbacks.ModelCheckpoint(tmp_path / "best", "worst", save_best_only=True, mode="min"),
        callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False),
    ]
    model.fit(X, Y, epochs=2, verbose=0, callbacks=used)
    assert load_model(tmp_path / "best", {"worst": worst}).metrics_names == ["loss", "worst"]
    other = network(worst)
    other.fit(X, Y, epochs=2, verbose=0, callbacks=used)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def test_custom_objects_are_functions_or_classes(tmp_path):
    network(worst).save(tmp_path / "m")
    for wrong in (3, "worst", metrics.MeanAbsoluteError()):
        with pytest.raises(
            ConfigurationError, match=r"custom_objects: expected classes.*functions"
        ):
            load_model(tmp_path / "m", custom_objects={"worst": wrong})
    # A class is no function.
    with pytest.warns(UserWarning, match='"worst"'):
        load_model(tmp_path / "m", custom_objects={"worst": metrics.MeanAbsoluteError})
    with pytest.raises(ConfigurationError, match=r"MeanMetricWrapper: expected fn.*'worst'"):
        metrics.MeanMetricWrapper("worst")
