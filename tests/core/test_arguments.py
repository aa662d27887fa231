"""Calls and attributes that do not fit: which was meant, and nothing else is hidden."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from annlib import Sequential, callbacks, layers, optimizers
from annlib.core.errors import (
    AnnlibError,
    ArgumentError,
    MissingAttributeError,
    NotBuiltError,
    ReadOnlyError,
)

X = np.random.default_rng(0).normal(size=(8, 3))


class Mine(callbacks.Callback):
    """One with arguments and faults of its own."""

    def __init__(self, often, fault=None):
        super().__init__()
        self.often = often
        if fault:
            raise TypeError(fault)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Mine(3, oftn=2), 'Mine: expected known arguments, got "oftn".*Known: often'),
        (lambda: Mine(), r"Mine: expected often, got no such argument. Write Mine\(often=...\)"),
        (lambda: Mine(oftn=2), 'got "oftn". Did you mean "often"'),
        (lambda: Mine(1, 2, 3), r"at most 2 arguments by position \(often, fault\), got 3"),
        (lambda: Mine(1, often=2), "expected often once, got it by position and by name"),
        (
            lambda: Sequential().fit(X, X, 1, batch_size=2),
            "Sequential.fit: expected batch_size once",
        ),
        (lambda: Sequential().predict(), "Sequential.predict: expected x, got no such argument"),
        (lambda: Sequential().add(), "Sequential.add: expected layer, got no such argument"),
    ],
)
def test_a_call_that_does_not_fit(call, message):
    with pytest.raises(ArgumentError, match=message) as caught:
        call()
    for kind in (AnnlibError, TypeError, ValueError):
        assert isinstance(caught.value, kind)
    assert caught.value.__suppress_context__


def test_a_type_error_of_the_users_own_stays_as_it_is():
    with pytest.raises(TypeError, match=r"^mine$") as caught:
        Mine(3, "mine")
    assert type(caught.value) is TypeError

    class Late(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise TypeError("mine, too")

    model = Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"^mine, too$") as caught:
        model.fit(X, X[:, 0], verbose=0, callbacks=[Late()])
    assert type(caught.value) is TypeError


def test_an_attribute_that_is_not_there():
    model = Sequential([layers.Dense(1)])
    assert not hasattr(model, "predict_proba")
    assert getattr(model, "_private", 3) == 3
    with pytest.raises(MissingAttributeError) as caught:
        _ = model.predict_proba
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is MissingAttributeError
    assert str(again) == str(caught.value)
    with pytest.raises(AttributeError, match=r"^'Sequential' object has no attribute '_private'$"):
        _ = model._private


def test_what_a_property_raises_stays_as_it_is():
    with pytest.raises(NotBuiltError, match="built"):
        _ = Sequential([layers.Dense(1)]).vector


def test_an_optimizer_has_no_lr():
    optimizer = optimizers.SGD(0.5)
    assert not hasattr(optimizer, "lr")
    with pytest.raises(ReadOnlyError, match=r"learning_rate = 0.1"):
        optimizer.lr = 0.1
    assert optimizer.learning_rate == 0.5
    assert copy.deepcopy(optimizer).learning_rate == 0.5
