"""A call that does not fit is told which argument was meant; what a function raises stays."""

from __future__ import annotations

import functools
import pickle

import pytest

from annlib import Sequential, initializers, layers, optimizers, plots
from annlib.core.errors import ArgumentError, MissingFileError, UnknownSymbolError
from annlib.core.tracebacks import with_short_tracebacks


@with_short_tracebacks
def scaled(x, factor=2):
    return x * factor


@with_short_tracebacks
def fails(x, again=True):
    if again:
        return fails(x, agian=False)
    raise TypeError("its own")


def told(function, *arguments, **keywords):
    with pytest.raises(ArgumentError) as caught:
        function(*arguments, **keywords)
    return str(caught.value)


def test_a_function_names_the_near_argument():
    assert told(scaled, 1, facter=3).startswith(
        'scaled: expected known arguments, got "facter". Did you mean "factor"?'
    )
    assert told(scaled).endswith("Write scaled(x=...).")
    assert "at most 2 arguments by position (x, factor), got 3" in told(scaled, 1, 2, 3)
    assert "expected x once" in told(scaled, 1, x=2)
    assert scaled(1, factor=3) == 3


def test_what_a_function_itself_raises_stays():
    with pytest.raises(TypeError, match="its own") as caught:
        fails(1, again=False)
    assert not isinstance(caught.value, ArgumentError)
    with pytest.raises(TypeError, match="unsupported operand"):
        scaled(None, None)
    assert told(fails, 1).startswith("fails: expected known arguments, got")


def test_a_wrapped_function_is_told_as_well():
    def wrapper(*arguments, **keywords):
        return scaled.__wrapped__(*arguments, **keywords)

    wrapped = with_short_tracebacks(functools.wraps(scaled.__wrapped__)(wrapper))
    assert '"factor"?' in told(wrapped, 1, fcator=3)
    assert wrapped(1, factor=3) == 3


def test_the_place_is_the_public_one():
    assert told(plots.first_layer).startswith("plots.first_layer: ")
    assert told(initializers.Zeros().clone, 3).startswith(
        "Zeros.clone: expected at most 0 arguments"
    )
    assert told(optimizers.SGD.from_config, conf={}).startswith("SGD.from_config: ")
    assert told(layers.Dense(1), y=3).startswith("Dense: ")
    assert told(Sequential([]).fit, name="net").endswith("argument of Sequential(name=...).")


def test_an_error_of_a_users_layer_stays():
    class Own(layers.Dense):
        def forward(self, X, training=False):
            return super().forward(X, trainin=training)

    model = Sequential([Own(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="trainin") as caught:
        model.fit([[1.0]], [1.0], verbose=0)
    assert not isinstance(caught.value, ArgumentError)


def test_errors_of_two_kinds_speak_as_one():
    error = MissingFileError(2, "expected a file, got none.", "a\x1b.txt")
    assert str(error) == r"a\x1b.txt: expected a file, got none."
    assert (error.errno, error.filename) == (2, "a\x1b.txt")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert str(UnknownSymbolError('Trace["x"]: expected')) == 'Trace["x"]: expected'
