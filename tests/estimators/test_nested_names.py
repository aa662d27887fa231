"""``set_params`` refuses names of arguments that a part does not have, if the part is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from annlib import (
    ConfigurationError,
    MLPClassifier,
    MLPRegressor,
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    callbacks,
    layers,
    optimizers,
)
from annlib.estimators import HiddenLayerTransformer

PERCEPTRONS = MLPClassifier, MLPRegressor
SEQUENTIALS = SequentialClassifier, SequentialRegressor


def named(value):
    """A part of a test's name, which must be the same in every process."""
    return "-".join(value) if isinstance(value, dict) else value.__name__


def network(n_features_in, units=3):
    return Sequential([layers.Dense(units), layers.Dense(1)])


MODEL = Sequential([layers.Dense(3, name="first"), layers.Dropout(0.1), layers.Dense(1)])
WRONG = [
    *(
        (cls, params)
        for cls in (*PERCEPTRONS, *SEQUENTIALS)
        for params in (
            {"optimizer__zz": 1},
            {"optimizer": "sgd", "optimizer__beta_1": 0.5},
            {"optimizer": optimizers.SGD(), "optimizer__momentun": 0.5},
            {"loss__zz": 1},
            {"loss": "mse", "loss__label_smoothing": 0.1},
            {"callbacks": "early_stopping", "callbacks__zz": 1},
            {"callbacks": "early_stopping", "callbacks__early_stopping__zz": 1},
            {"callbacks": [callbacks.EarlyStopping()], "callbacks__csv_logger__append": True},
        )
    ),
    *(
        (cls, {"regularizer": "l2", "regularizer__l1": 0.1})
        for cls in PERCEPTRONS
    ),
    *(
        (cls, params)
        for cls in SEQUENTIALS
        for params in (
            {"model": MODEL, "model__zz": 1},
            {"model": MODEL, "model__first__zz": 1},
            {"model": MODEL, "model__second__units": 1},
            {"model": MODEL, "model__first__kernel_initializer__zz": 1},
            {"model": network, "model__unit": 4},
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("cls", "params"), WRONG, ids=named)
def test_an_unknown_name_is_refused_and_nothing_is_changed(cls, params):
    estimator = cls(random_state=3)
    before = estimator.get_params(deep=False)
    with pytest.raises(ConfigurationError, match="expected a known parameter"):
        estimator.set_params(random_state=5, **params)
    assert estimator.get_params(deep=False) == before
    assert [*vars(estimator)] == [*vars(cls(random_state=3))]


RIGHT = [
    (SequentialClassifier, {"optimizer__learning_rate": 0.1, "optimizer__clipnorm": 1.0}),
    (SequentialClassifier, {"optimizer": "sgd", "optimizer__momentum": 0.9}),
    (SequentialClassifier, {"loss": "binary_crossentropy", "loss__label_smoothing": 0.1}),
    (SequentialClassifier, {"loss__label_smoothing": 0.1}),  # the data say of which loss
    (SequentialRegressor, {"model": MODEL, "model__first__units": 4, "model__dropout__rate": 0.5}),
    (SequentialRegressor, {"model": MODEL, "model__first__kernel_initializer__seed": 4}),
    (SequentialRegressor, {"model": MODEL, "model__first__kernel_initializer": "zeros",
                           "model__first__kernel_initializer__what": 4}),
    (SequentialRegressor, {"model": network, "model__units": 4}),
    (MLPClassifier, {"callbacks": "early_stopping", "callbacks__early_stopping__patience": 5}),
    (MLPClassifier, {"optimizer": "adam", "optimizer__beta_1": 0.5}),
    (MLPRegressor, {"regularizer": "l1", "regularizer__l1": 0.5}),
    # Values, and what stands for no part, are for fit to refuse, as in scikit-learn.
    (MLPRegressor, {"optimizer": "nonsense", "optimizer__learning_rate": 0.5}),
    (SequentialRegressor, {"optimizer__learning_rate": "nonsense"}),
]  # fmt: skip


@pytest.mark.parametrize(("cls", "params"), RIGHT, ids=named)
def test_what_may_be_right_is_taken(cls, params):
    estimator = cls().set_params(**params)
    got = estimator.get_params()
    assert {name: got[name] for name in params} == params
    assert clone(estimator).get_params(deep=False).keys() >= params.keys()


def test_it_is_refused_through_pipelines_and_searches():
    pipeline = make_pipeline(StandardScaler(), SequentialRegressor(epochs=1))
    with pytest.raises(ConfigurationError, match="optimizer__zz"):
        pipeline.set_params(sequentialregressor__optimizer__zz=1)
    search = GridSearchCV(pipeline, {"sequentialregressor__optimizer__zz": [1]}, cv=2)
    with pytest.raises(ValueError, match="optimizer__zz"):
        search.fit(np.eye(4), np.arange(4.0))
    hidden = HiddenLayerTransformer(MLPRegressor())
    with pytest.raises(ConfigurationError, match="optimizer__zz"):
        hidden.set_params(estimator__optimizer__zz=1)
