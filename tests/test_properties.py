"""Every public attribute of every object answers ``hasattr``, at every stage of its life."""

from __future__ import annotations

import inspect
from collections.abc import Sized

import numpy as np
import pytest
from cases import TABLES

import annlib
from annlib import NotBuiltError, Sequential, layers

ALL = [row for rows in TABLES.values() for row in rows]
ESTIMATORS = [
    annlib.MLPClassifier, annlib.MLPRegressor, annlib.SequentialClassifier,
    annlib.SequentialRegressor,
]  # fmt: skip
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(12, 3)), rng.integers(0, 2, 12)


def check(made):
    for name in dir(made):
        if not name.startswith("_"):
            found = hasattr(made, name)
            missing = object()
            assert (getattr(made, name, missing) is not missing) == found, name


@pytest.mark.parametrize("row", ALL, ids=repr)
def test_every_class_answers(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = row.make()
    check(made)
    if isinstance(made, layers.Layer) and not isinstance(made, layers.Input):
        shape = getattr(row, "shapes", [(5,)])[0]
        check(Sequential([layers.Input(shape), made], seed=0).layers[0])


def test_every_public_class_without_arguments_answers():
    known = {row.cls for row in ALL}
    tried = []
    for name in annlib.__all__:
        thing = getattr(annlib, name)
        for cls in [thing] if inspect.isclass(thing) else getattr(thing, "__dict__", {}).values():
            if inspect.isclass(cls) and cls not in known and not issubclass(cls, BaseException):
                try:
                    made = cls()
                    len(made) if issubclass(cls, Sized) else None
                except Exception:  # it needs arguments, or is a base class
                    continue
                check(made)
                tried.append(cls)
    assert Sequential in tried
    assert {*ESTIMATORS} <= {*tried}


def test_a_model_answers_at_every_stage():
    model = Sequential([layers.Dense(4), layers.Dense(1, "sigmoid")], seed=0)
    check(Sequential())
    check(model)
    model.compile("adam", "binary_crossentropy", ["accuracy"])
    check(model)
    model.fit(X, Y, verbose=0)
    check(model)
    model.pop()
    check(model)
    check(Sequential(model.layers))


@pytest.mark.parametrize("name", ["input_shape", "output_shape", "vector"])
def test_what_a_model_has_not_yet_is_missing(name):
    model = Sequential([layers.Dense(2)])
    assert not hasattr(model, name)
    assert getattr(model, name, "none") == "none"
    with pytest.raises(NotBuiltError, match=rf"Sequential\.{name}: expected a built model"):
        getattr(model, name)
    model.build((None, 3))
    assert hasattr(model, name)


@pytest.mark.filterwarnings("ignore")  # of two epochs, which are few
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_an_estimator_answers_before_and_after_fit(cls):
    estimator = cls(random_state=0)
    check(estimator)
    estimator.set_params(**{"max_iter" if "MLP" in cls.__name__ else "epochs": 2}).fit(X, Y)
    check(estimator)
