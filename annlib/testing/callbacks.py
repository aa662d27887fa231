"""The rules of a callback: Keras' hooks, one object for many runs, a state that can be saved, and
no model kept.
"""

from __future__ import annotations

import copy
import difflib
import gc
import inspect
import io
import json
import re
import weakref
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from typing import Any

import numpy as np

from annlib.callbacks import Callback, CallbackList
from annlib.callbacks.base import ALIASES, HOOKS
from annlib.core.arrays import Array
from annlib.core.checks import check_instance
from annlib.core.tracebacks import with_short_tracebacks
from annlib.layers import Dense
from annlib.models import Sequential
from annlib.saving.packing import pack, unpack
from annlib.testing.configuration import check_config, copies
from annlib.testing.rules import Rules, expected_error

Train = Callable[[list[Callback]], Sequential]

#: Attributes that the loop sets.
_TOLD = ("_model", "_expected")


class CallbackTrial:
    """A copy of a callback and a way to use it; what it prints is not shown."""

    def __init__(self, callback: Callback, train: Train) -> None:
        self.given, self.train = callback, train
        self.callback = copy.deepcopy(callback)

    def fresh(self) -> Callback:
        """Another copy of the callback as it was given."""
        return copy.deepcopy(self.given)

    def run(self, callback: Callback) -> dict[str, str]:
        """What the callback holds after a run, and the weights that it leaves."""
        with redirect_stdout(io.StringIO()):
            model = self.train([callback])
        weights = {"the model's weights": repr([w.tolist() for w in model.get_weights()])}
        callback = callback.in_charge if isinstance(callback, Relay) else callback
        held = {name: value for name, value in vars(callback).items() if name not in _TOLD}
        # Where an object lies in memory is by chance.
        texts = {name: re.sub(r" at 0x[0-9a-f]+", "", repr(value)) for name, value in held.items()}
        return weights | {f"self.{name}": text for name, text in texts.items()}

    def same_run(self, callback: Callback, when: str) -> None:
        """``AssertionError`` unless a run leaves what it leaves with a new object.

        What differs between two new objects (the time of day) may differ here.
        """
        expected, other = self.run(self.fresh()), self.run(self.fresh())
        found = self.run(callback)
        lasting = {f"self.{name}" for name in callback.persistent_attributes}
        for name, value in expected.items():
            if other.get(name) == value and name not in lasting:
                got = found.get(name, "nothing")
                assert got == value, f"expected {name} = {value} {when}, got {got}"


class Failing(Callback):
    """Ends a run by an error."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        raise RuntimeError("the error that the check has planted")


class Relay(Callback):
    """Hands its calls on to one callback, and in the middle of the run to another one, which gets
    the state of the first as a file would give it back.

    Parameters
    ----------
    first, second : Callback
    change : {"on_epoch_end", "on_train_batch_end"}
        Whether that is after the second epoch or in the third one, after its first batch.
    """

    def __init__(self, first: Callback, second: Callback, change: str) -> None:
        self.in_charge, self.next, self.change = first, second, change
        self.handles_divergence = first.handles_divergence
        self._calls: list[str] = []
        for hook in HOOKS:
            if hook not in ALIASES:
                setattr(self, hook, partial(self.hand_on, hook))

    def hand_on(self, hook: str, *arguments: Any) -> None:
        """Call the hook of the one in charge; what has begun begins for both of them."""
        self._calls.append(hook)
        epochs = self._calls.count("on_epoch_end")
        in_time = self.in_charge is not self.next
        late = hook == "on_epoch_begin" and epochs == 2
        if in_time and (hook == "on_train_begin" or late):
            self._call_aside(self.next, hook, *arguments)
        self._call(self.in_charge, hook, *arguments)
        if in_time and hook == self.change and epochs == 2:
            self.next.set_state(through_a_file(self.in_charge.get_state()))
            self._call_aside(self.in_charge, "on_exception", RuntimeError("cut off"))
            self.in_charge = self.next

    def _call_aside(self, callback: Callback, hook: str, *arguments: Any) -> None:
        """Call a hook in whose place the model is restored from a file: it changes nothing."""
        weights, optimizer = self.model.vector.values, self.model.optimizer
        before = weights.copy(), optimizer.get_state()
        self._call(callback, hook, *arguments)
        np.copyto(weights, before[0])
        optimizer.set_state(before[1])

    def _call(self, callback: Callback, hook: str, *arguments: Any) -> None:
        CallbackList([callback], self.model, "check_callback", **self.params).call(hook, *arguments)


def through_a_file(state: Any) -> Any:
    """A state as a checkpoint gives it back."""
    tensors: dict[str, Array] = {}
    text = json.dumps(pack(state, "state", tensors), allow_nan=False)
    return unpack(json.loads(text), tensors)


def train_a_little(callbacks: list[Callback]) -> Sequential:
    """A model that was trained, evaluated and asked, always in the same way."""
    model = Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = np.random.default_rng(0).normal(size=(2, 24, 2))
    how: dict[str, Any] = {"batch_size": 8, "verbose": 0, "callbacks": callbacks}
    model.fit(x, y[:, 0], epochs=4, validation_split=0.25, **how)
    model.evaluate(x, y[:, 0], **how)
    model.predict(x, **how)
    return model


rules: Rules[CallbackTrial] = Rules()


@with_short_tracebacks
def check_callback(callback: Callback, *, train: Train = train_a_little) -> None:
    """Check that a callback keeps every rule of a callback.

    Its hooks have Keras' names and arguments; one object serves any number of runs, also after
    one that failed; with its state another object continues in its place; it keeps no model alive,
    and copies leave the model behind.

    Parameters
    ----------
    callback : Callback
    train : callable, from a list of callbacks to the model that was trained with them
        A run that suits the callback, the same at every call. Without one, a small regression
        with the metric "mae" and validation data is fitted, evaluated and predicted.

    Raises
    ------
    AssertionError
        With the first rule that is broken, and how.

    Examples
    --------
    >>> from annlib import callbacks
    >>> check_callback(callbacks.EarlyStopping(restore_best_weights=True))
    >>> class Epochs(callbacks.Callback):
    ...     def __init__(self):
    ...         self.seen = []
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.seen.append(epoch)
    >>> check_callback(Epochs())
    Traceback (most recent call last):
        ...
    AssertionError: Epochs breaks the rule "one object serves two runs: on_train_begin makes its
    state": expected self.seen = [0, 1, 2, 3] of the second run, got [0, 1, 2, 3, 0, 1, 2, 3]
    """
    check_instance(callback, Callback, "check_callback", "callback")
    rules.check(type(callback).__name__, lambda: CallbackTrial(callback, train))
    check_config(callback)


@rules.add("a hook has the name that the training loop calls")
def names(trial: CallbackTrial) -> None:
    for name in dir(trial.callback):
        near = difflib.get_close_matches(name, HOOKS, n=1, cutoff=0.75)
        called = name in HOOKS or not name.startswith("on_") or not near
        assert called, f'nothing calls "{name}". Did you mean "{near[0]}"?'


@rules.add("a hook takes Keras' arguments: the number of the epoch or batch, and logs")
def arguments(trial: CallbackTrial) -> None:
    for hook in HOOKS:
        given = list(inspect.signature(getattr(Callback, hook)).parameters)[1:]
        own = inspect.signature(getattr(trial.callback, hook))
        try:
            own.bind(*given)
        except TypeError as error:
            raise AssertionError(
                f"expected {hook}({', '.join(given)}), got {hook}{own}: {error}"
            ) from None


@rules.add("a run with it comes to its end")
def runs(trial: CallbackTrial) -> None:
    trial.run(trial.callback)


@rules.add("one object serves two runs: on_train_begin makes its state")
def two_runs(trial: CallbackTrial) -> None:
    trial.run(trial.callback)
    trial.same_run(trial.callback, "of the second run")


@rules.add("it serves after a run that failed")
def after_failure(trial: CallbackTrial) -> None:
    for order in ([trial.callback, Failing()], [Failing(), trial.callback]):
        with redirect_stdout(io.StringIO()):
            expected_error(partial(trial.train, order), RuntimeError, "the planted one")
        trial.same_run(trial.callback, "of a run after one that failed")


@rules.add("its state can be saved: with it, another object continues in its place")
def resumed(trial: CallbackTrial) -> None:
    for change, when in (("on_epoch_end", "after"), ("on_train_batch_end", "in the epoch after")):
        trial.same_run(
            Relay(trial.fresh(), trial.fresh(), change),
            f"of an object that continues {when} the second epoch (what it must know stands in "
            "`state_attributes`)",
        )


@rules.add("it keeps no model alive")
def lifetime(trial: CallbackTrial) -> None:
    with redirect_stdout(io.StringIO()):
        model = weakref.ref(trial.train([trial.callback]))
    gc.collect()
    kept = model() is not None
    del trial.callback
    gc.collect()
    assert not (kept and model() is None), "the model lives as long as the callback. Use self.model"


@rules.add("copies leave the model behind and serve on")
def copied(trial: CallbackTrial) -> None:
    with redirect_stdout(io.StringIO()):
        model = trial.train([trial.callback])
    for way, other in copies(trial.callback).items():
        assert other.model is None, f"the copy of {way} has the model"
        trial.same_run(other, f"of the copy by {way}")
    assert trial.callback.model is model, "the callback itself has lost its model"
