"""Callbacks get Keras' calls, in its order and with its arguments."""

from __future__ import annotations

import contextlib
import gc
import pickle
import weakref

import numpy as np
import pytest
from cases import CALLBACKS
from golden import recorded

from annlib import Input, MLPRegressor, Sequential, callbacks, layers, optimizers
from annlib.callbacks import Callback, CallbackList, EarlyStopping, History
from annlib.callbacks.base import HOOKS
from annlib.core.errors import ConfigurationError, ModelFormatError
from annlib.testing import check_callback

RECORDS = recorded("callbacks")["hooks"]
X, Y = (np.array(recorded("training")["training"]["data"][key]) for key in ("x", "y_value"))


def make_model():
    """The model of the records."""
    dense = layers.Dense(1, kernel_initializer="ones")
    model = Sequential([Input((6,)), dense], dtype="float64")
    model.compile("sgd", "mse", ["mae"])
    return model


def recorder(hooks, stop_at=None, calls=None, name=None):
    """A callback that overrides these hooks, and the list that its calls go to.

    At the call ``stop_at``, a hook and a number, it sets ``stop_training``.
    """
    calls = [] if calls is None else calls

    def hook_method(hook):
        def method(self, *arguments):
            calls.append((*([name] if name else []), hook, *arguments))
            if stop_at == (hook, *arguments[:1]):
                self.model.stop_training = True

        return method

    methods = {hook: hook_method(hook) for hook in hooks}
    return type("Recorder", (Callback,), methods)(), calls


KERAS_HOOKS = [hook for hook in HOOKS if hook not in ("on_batch_begin", "on_batch_end")]
KERAS_HOOKS = [hook for hook in KERAS_HOOKS if hook not in ("on_exception", "on_gradients")]


def assert_same_calls(calls, expected):
    assert [(hook, list(index)) for hook, *index, _ in calls] == [
        (record["hook"], record["index"]) for record in expected
    ]
    for (hook, *_, logs), record in zip(calls, expected, strict=True):
        assert type(logs) is dict, hook
        assert list(logs) == list(record["logs"]), hook
        for key, value in logs.items():
            np.testing.assert_allclose(value, record["logs"][key], rtol=1e-10, err_msg=hook)


@pytest.mark.parametrize(
    ("case", "hooks", "stop_at"),
    [
        ("fit", KERAS_HOOKS, None),
        ("fit_aliases", ["on_batch_begin", "on_batch_end"], None),
        ("fit_stopped_by_batch", KERAS_HOOKS, ("on_train_batch_end", 0)),
        ("fit_stopped_by_epoch", KERAS_HOOKS, ("on_epoch_end", 0)),
    ],
)
def test_fit_calls_the_hooks_as_keras_does(case, hooks, stop_at):
    callback, calls = recorder(hooks, stop_at)
    make_model().fit(X, Y, verbose=0, callbacks=[callback], **RECORDS["fit"])
    assert_same_calls(calls, RECORDS["calls"][case])


def test_evaluate_and_predict_call_the_hooks_as_keras_does():
    callback, calls = recorder(KERAS_HOOKS)
    make_model().evaluate(X, Y, batch_size=16, callbacks=[callback])
    assert_same_calls(calls, RECORDS["calls"]["evaluate"])
    calls.clear()
    outputs = []

    class Keep(Callback):
        def on_predict_batch_end(self, batch, logs=None):
            outputs.append(logs["outputs"].copy())

    predicted = make_model().predict(X[:20], batch_size=16, callbacks=[Keep(), callback])
    assert [call[:-1] for call in calls] == [
        (record["hook"], *record["index"]) for record in RECORDS["calls"]["predict"]
    ]
    np.testing.assert_array_equal(np.concatenate(outputs), predicted)
    recorded = [r["logs"]["outputs"] for r in RECORDS["calls"]["predict"] if "outputs" in r["logs"]]
    for mine, theirs in zip(outputs, recorded, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10)


def test_callbacks_are_called_in_keras_order():
    calls, record = [], recorded("callbacks")["order"]
    first, second = (recorder(KERAS_HOOKS, calls=calls, name=n)[0] for n in ("first", "second"))
    make_model().fit(X, Y, verbose=0, callbacks=[first, second], **record["fit"])
    assert [list(call[:-1]) for call in calls] == record["calls"]


def test_epochs_are_numbered_from_the_initial_one():
    callback, calls = recorder(["on_epoch_begin", "on_epoch_end"])
    make_model().fit(X, Y, epochs=5, initial_epoch=3, verbose=0, callbacks=[callback])
    assert [call[:2] for call in calls] == [
        ("on_epoch_begin", 3), ("on_epoch_end", 3), ("on_epoch_begin", 4), ("on_epoch_end", 4),
    ]  # fmt: skip


class Model:
    """A model of which nothing is asked."""


def test_only_overridden_hooks_are_called():
    class OnEpochs(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.called = epoch, logs

    callback, model = OnEpochs(), Model()
    hooks = CallbackList([callback], model, "test", epochs=3)
    assert [hook for hook, methods in hooks._hooks.items() if methods] == ["on_epoch_end"]
    for hook in hooks._hooks:
        hooks.call(hook, 7, {})
    assert callback.called == (7, {})
    assert callback.params == {"epochs": 3}
    assert callback.model is model


def test_hooks_that_a_base_class_overrides_are_called():
    base, calls = recorder(["on_epoch_end"])

    class Derived(type(base)):
        pass

    model = Model()
    CallbackList([Derived()], model, "test").call("on_epoch_end", 0, {})
    assert calls == [("on_epoch_end", 0, {})]


def test_short_names_are_called_where_the_long_ones_are_due():
    callback, calls = recorder(["on_batch_begin", "on_batch_end"])
    model = Model()
    hooks = CallbackList([callback], model, "test")
    hooks.call("on_train_batch_begin", 0, {})
    hooks.call("on_test_batch_begin", 0, {})
    hooks.call("on_train_batch_end", 0, {"loss": 1.0})
    assert calls == [("on_batch_begin", 0, {}), ("on_batch_end", 0, {"loss": 1.0})]


@pytest.mark.parametrize("bad", [object(), "early_stopping", EarlyStopping, print])
def test_what_is_no_callback_is_refused_before_anything_changes(bad):
    model = Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ConfigurationError, match="Callback objects"):
        model.fit(X, Y, callbacks=[bad], verbose=0)
    assert not model.built
    assert model.history is None


def test_logs_of_batches_are_made_only_for_who_reads_them():
    class Deaf(Callback):
        reads_batch_logs = False

        def on_train_batch_end(self, batch, logs=None):
            self.logs = logs

        on_test_batch_end = on_train_batch_end

    deaf, model = Deaf(), make_model()
    model.fit(X, Y, verbose=0, callbacks=[deaf])
    assert deaf.logs == {}
    model.evaluate(X, Y, callbacks=[deaf])
    assert deaf.logs == {}


def train_with_averages(callbacks):
    """The same little run as without it, by an optimizer that averages."""
    model = Sequential([layers.Dense(1)], seed=0, dtype="float64")
    model.compile(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse", ["mae"])
    model.fit(X, Y, epochs=4, validation_split=0.25, verbose=0, callbacks=callbacks)
    model.evaluate(X, Y, callbacks=callbacks)
    return model


@pytest.mark.parametrize(
    "row", [row for row in CALLBACKS if not getattr(row, "goes_on", False)], ids=repr
)
def test_it_keeps_the_rules_of_a_callback(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if hasattr(row, "needs"):
        pytest.importorskip(row.needs)
    how = {"train": train_with_averages} if getattr(row, "averages", False) else {}
    if getattr(row, "holds_functions", False):  # which alone is what it is blamed for
        with pytest.raises(AssertionError, match="expected a value that a configuration can hold"):
            check_callback(row.make(), **how)
    else:
        check_callback(row.make(), **how)


# Two runs, and the end of training


def test_one_object_serves_two_fits():
    history, (callback, calls) = History(), recorder(["on_train_begin"])
    model = make_model()
    for epochs in (3, 2):
        result = model.fit(X, Y, epochs=epochs, verbose=0, callbacks=[history, callback])
        assert history.epoch == list(range(epochs))
        assert history.history == result.history
    assert len(calls) == 2
    other = make_model()
    other.fit(X, Y, verbose=0, callbacks=[callback])
    assert callback.model is other


def test_stopping_at_a_batch_leaves_the_rest_of_the_epoch_out():
    callback, _ = recorder(["on_train_batch_end"], ("on_train_batch_end", 2))
    model = make_model()
    history = model.fit(X, Y, batch_size=5, epochs=4, verbose=0, callbacks=[callback])
    assert model.optimizer.iterations == 3
    assert history.epoch == [0]
    assert model.stop_training
    model.fit(X, Y, batch_size=25, epochs=2, verbose=0)  # the wish is forgotten at the next fit
    assert model.optimizer.iterations == 3 + 4


def test_an_error_in_a_callback_reaches_the_others_and_the_caller():
    class Fails(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise RuntimeError("enough")

    other, calls = recorder(["on_exception", "on_train_end", "on_epoch_end"])
    model = make_model()
    with pytest.raises(RuntimeError, match="enough") as caught:
        model.fit(X, Y, batch_size=10, verbose=0, callbacks=[Fails(), other])
    assert calls == [("on_exception", caught.value)]
    assert len(model.fit(X, Y, epochs=2, verbose=0).epoch) == 2


def test_states_go_to_the_callbacks_that_have_one():
    class Own(Callback):
        seed = 1

        def get_state(self):
            return {"seed": self.seed}

        def set_state(self, state):
            self.seed = state["seed"] + 1

    model = Model()
    hooks = CallbackList([Callback(), Own(), History(), EarlyStopping()], model, "test")
    states = hooks.get_state()
    assert [name for name, _ in states] == ["Own", "History", "EarlyStopping"]
    hooks.check_state(states)
    hooks.set_state(states)
    assert hooks.callbacks[1].seed == 2
    for others in ([], [History(), Own(), EarlyStopping()], [Own(), History()]):
        with pytest.raises(ModelFormatError, match="a run with Own, History, EarlyStopping"):
            CallbackList(others, model, "test").check_state(states)


# What lives how long


def test_a_callback_keeps_no_model_alive():
    model, callback = Model(), Callback()
    callback.set_model(model)
    assert callback.model is model
    assert pickle.loads(pickle.dumps(callback)).model is None
    del model
    assert callback.model is None


@pytest.fixture
def without_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("verbose", [0, 1])
def test_a_model_dies_with_its_last_name(verbose, capsys):
    model = make_model()
    stopper = EarlyStopping(restore_best_weights=True, patience=5)
    history = model.fit(X, Y, epochs=2, validation_split=0.2, verbose=verbose, callbacks=[stopper])
    model.evaluate(X, Y, verbose=verbose)
    model.predict(X, verbose=verbose)
    model.train_on_batch(X, Y)
    last = weakref.ref(model)
    vector = weakref.ref(model.vector)
    del model
    assert last() is None
    assert vector() is None
    assert history.model is None


@pytest.mark.usefixtures("without_collector")
def test_a_model_dies_after_a_failed_fit_too():
    class Fails(Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError

    model, callback = make_model(), Fails()
    with contextlib.suppress(RuntimeError):
        model.fit(X, Y, verbose=0, callbacks=[callback])
    last = weakref.ref(model)
    del model
    assert last() is None


def test_callbacks_are_found_by_name():
    assert callbacks.get("early_stopping") is not callbacks.get("early_stopping")
    assert type(callbacks.get("EarlyStopping")) is EarlyStopping


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
def test_gradients_are_shown_before_the_update(optimizer):
    """Of the mean squared error of a linear layer they are known: 2 / n X^T (XW - Y)."""
    model = make_model()
    model.compile(optimizer, "mse")
    found = []

    class Look(Callback):
        def on_gradients(self, batch, logs):
            (W, b), n = self.model.layers[0].get_weights(), len(logs["x"])
            rows = X[batch * n : (batch + 1) * n]
            np.testing.assert_array_equal(logs["x"], rows)
            error = rows @ W + b - Y[batch * n : (batch + 1) * n].reshape(-1, 1)
            expected = [2 / n * rows.T @ error, 2 / n * error.sum(axis=0)]
            for value, right in zip(self.model.layers[0].gradients.values(), expected, strict=True):
                np.testing.assert_allclose(value, right, rtol=1e-10)
            found.append(batch)

    model.fit(X[:32], Y[:32], batch_size=16, shuffle=False, verbose=0, callbacks=[Look()])
    assert found[:2] == ([0, 1] if optimizer == "sgd" else [0, 0])


def test_without_the_hook_nothing_is_called():
    calls = CallbackList([Callback()], make_model(), "fit")
    assert not calls.has("on_gradients")


class KerasBase:
    """What Keras' base class is: every hook is there and does nothing."""

    def __init__(self):
        self.params = self._model = None

    def set_params(self, params):
        self.params = params

    def set_model(self, model):
        self._model = model

    @property
    def model(self):
        return self._model

    def on_train_begin(self, logs=None):
        raise AssertionError("is never called, since a subclass has not written it")

    on_epoch_begin = on_train_batch_begin = on_train_batch_end = on_test_begin = on_train_begin


KerasBase.__name__ = "Callback"


class Pruned(Exception):
    """As Optuna's."""


class Pruning(KerasBase):
    """Optuna's callback, as it is written for Keras."""

    def __init__(self, limit):
        super().__init__()
        self.limit, self.reported = limit, []

    def on_epoch_end(self, epoch, logs=None):
        self.reported.append((epoch, logs["val_loss"]))
        if len(self.reported) == self.limit:
            raise Pruned(f"epoch {epoch}")


def test_a_callback_that_is_keras_in_all_but_its_class_is_taken():
    model, callback = make_model(), Pruning(limit=2)
    how = {"shuffle": False, "verbose": 0, "validation_split": 0.2}
    with pytest.raises(Pruned, match="epoch 1"):
        model.fit(X, Y, epochs=5, callbacks=[[callback]], **how)
    assert callback.model is model
    assert callback.params["epochs"] == 5
    expected = make_model().fit(X, Y, epochs=2, **how).history["val_loss"]
    assert callback.reported == list(enumerate(expected))
    model.fit(X, Y, verbose=0)


def test_its_hooks_are_called_by_the_rules_of_the_others():
    class Alike:
        reached = ()

        def set_model(self, model):
            self.model = model

        def set_params(self, params):
            self.on_train_begin = lambda logs=None: self.see("begins")

        def see(self, what):
            self.reached += (what,)

        def on_batch_end(self, batch, logs=None):
            self.see((batch, *logs))

        def on_epoch_end(self, epoch, logs=None):
            logs["own"] = 1.0
            self.model.stop_training = True

        def on_test_end(self, logs=None):
            self.see("tested")

        def on_predict_batch_end(self, batch, logs=None):
            self.see(logs["outputs"].shape)

    model, callback = make_model(), Alike()
    callback.set_params(None)
    history = model.fit(X[:32], Y[:32], batch_size=16, epochs=9, verbose=0, callbacks=callback)
    assert callback.reached == ("begins", (0, "loss", "mae"), (1, "loss", "mae"))
    assert history.history["own"] == [1.0]
    model.evaluate(X, Y, callbacks=[callback])
    model.predict(X[:5], callbacks=[callback])
    assert callback.reached[3:] == ("tested", (5, 1))


@pytest.mark.parametrize("wrong", [Pruning, object(), "early_stopping", 3])
def test_what_is_no_callback_is_refused(wrong):
    with pytest.raises(ConfigurationError, match=r"Callback objects.*set_model"):
        make_model().fit(X, Y, verbose=0, callbacks=[wrong])


def test_estimators_take_it_as_well():
    callback = Pruning(limit=1)
    with pytest.raises(Pruned):
        MLPRegressor(validation_fraction=0.2, early_stopping=True, callbacks=[callback]).fit(
            X, Y.ravel()
        )
    assert callbacks.get(callback).callback is callback


class StopAt(Callback):
    """Asks in a hook of batches to stop after this one."""

    def __init__(self, what, batch):
        self.what, self.batch, self.seen, self.ended = what, batch, [], 0

    def stop(self, batch, logs=None):
        self.seen.append(batch)
        if batch == self.batch:
            setattr(self.model, self.what, True)

    on_test_batch_end = on_predict_batch_begin = stop

    def end(self, logs=None):
        self.ended += 1

    on_test_end = on_predict_end = end


def test_evaluate_ends_where_a_callback_asks_for_it():
    model, callback = make_model(), StopAt("stop_evaluating", 1)
    found = model.evaluate(X, Y, batch_size=5, callbacks=[callback], return_dict=True)
    assert (callback.seen, callback.ended, model.stop_evaluating) == ([0, 1], 1, True)
    assert found == model.evaluate(X[:10], Y[:10], batch_size=5, return_dict=True)
    assert not model.stop_evaluating
    model.evaluate(X, Y, batch_size=len(X), callbacks=[callback])
    history = model.fit(
        X, Y, epochs=2, verbose=0, validation_data=(X, Y), validation_batch_size=5,
        callbacks=[callback],
    )  # fmt: skip
    assert callback.seen == [0, 1, 0, 0, 1, 0, 1]
    assert len(history.history["val_loss"]) == 2


class InTurn:
    """An iterator of which nothing is read ahead, so that what is left of it is known."""

    prefetch = False

    def __init__(self):
        self.batches = iter([X[start : start + 5] for start in range(0, len(X), 5)])

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.batches)


@pytest.mark.parametrize("stream", [False, True])
def test_predict_ends_where_a_callback_asks_for_it(stream):
    model, callback = make_model(), StopAt("stop_predicting", 1)
    x = InTurn() if stream else X
    how = {} if stream else {"batch_size": 5}
    found = model.predict(x, callbacks=[callback], **how)
    assert (callback.seen, callback.ended) == ([0, 1], 1)
    np.testing.assert_allclose(found, model.predict(X)[:10], rtol=1e-12)
    assert found.base is None
    assert len(model.predict(x, **how)) == len(X) - 10 * stream
