"""What a callback is: hooks that the training loop calls, with Keras' names and arguments."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, ClassVar, NamedTuple, Self

from annlib.core.config import Configurable
from annlib.core.errors import ConfigurationError, ModelFormatError, show
from annlib.core.registry import Registry
from annlib.core.states import check_alike, check_keys
from annlib.core.tracebacks import with_short_tracebacks

Logs = dict[str, float]


class Run(NamedTuple):
    """What is known of a ``fit`` before it begins.

    Attributes
    ----------
    metrics : list of str
        What is reported of every batch: the loss and the metrics.
    validates : bool
        Whether there are data to validate on.
    batches : int or None
        In all epochs together, if that is known.
    callbacks : list of Callback
        In their order.
    """

    metrics: Sequence[str]
    validates: bool
    batches: int | None
    callbacks: Sequence[Callback]

    @property
    def names(self) -> list[str]:
        """What the logs of an epoch will have, and perhaps more."""
        validation = [f"val_{name}" for name in self.metrics] if self.validates else []
        added = (_added(callback, "on_epoch_end") or () for callback in self.callbacks)
        return [*self.metrics, *validation, *dict.fromkeys(chain.from_iterable(added))]

    def lacks(self, name: str, *, of_batches: bool = False) -> bool:
        """Whether the logs of epochs, or of batches, can never have this name."""
        hook = "on_train_batch_end" if of_batches else "on_epoch_end"
        if name in (self.metrics if of_batches else self.names):
            return False
        return all(_added(callback, hook) is not None for callback in self.callbacks)


class Callback(Configurable):
    """Base class: override any of the hooks. State is made in ``on_train_begin``, so that one
    object can be used in two fits.

    The order of a ``fit``: ``on_train_begin``; each epoch ``on_epoch_begin``, its batches between
    ``on_train_batch_begin`` and ``on_train_batch_end`` (or by their short names
    ``on_batch_begin`` and ``on_batch_end``), the validation between ``on_test_begin`` and
    ``on_test_end``, ``on_epoch_end``; ``on_train_end``. Epochs and batches count from 0. ``logs``
    are loss and metrics by name where a hook's name ends in ``_end``, of the run so far for a
    batch, with the ``val_`` ones for an epoch; ``on_predict_batch_end`` has the batch's
    ``outputs``, borrowed until the next. A key that a hook adds at ``on_epoch_end`` goes into
    History. Setting ``self.model.stop_training`` ends the run after the batch, ``stop_evaluating``
    and ``stop_predicting`` end ``evaluate`` and ``predict``, which return what they have.

    Attributes
    ----------
    model : Sequential
        The model that is trained (held weakly, so that a callback keeps no model alive).
    params : dict
        ``verbose``, ``epochs``, ``steps``.

    Examples
    --------
    >>> class StopBelow(Callback):
    ...     def __init__(self, loss):
    ...         self.loss = loss
    ...
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         if logs["loss"] < self.loss:
    ...             self.model.stop_training = True
    >>> import numpy as np
    >>> from annlib import Sequential, layers
    >>> x = np.array([[1.0], [2.0]])
    >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(x, x, epochs=100, verbose=0, callbacks=[StopBelow(1.0)])
    >>> len(history.epoch), round(history.history["loss"][-1], 1)
    (10, 1.0)

    The hooks of an epoch of one batch, in their order:

    >>> from annlib.callbacks import LambdaCallback
    >>> hooks = ["on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_gradients"]
    >>> hooks += ["on_train_batch_end", "on_test_begin", "on_test_batch_begin"]
    >>> hooks += ["on_test_batch_end", "on_test_end", "on_epoch_end", "on_train_end"]
    >>> def names(hook, into):
    ...     return lambda *arguments: into.append(hook)
    >>> order = []
    >>> tell = LambdaCallback(**{hook: names(hook, order) for hook in hooks})
    >>> history = model.fit(x, x, validation_data=(x, x), verbose=0, callbacks=[tell])
    >>> order == hooks
    True
    """

    #: Whether ``on_train_batch_end`` and ``on_test_batch_end`` read their ``logs``; if not, none
    #: are computed for them.
    reads_batch_logs: bool = True

    #: The attributes that are its state in a run, for a checkpoint to keep: numbers, texts, arrays,
    #: and lists and dictionaries of them. ``on_train_begin`` resets them.
    state_attributes: ClassVar[tuple[str, ...]] = ()
    #: Those of its attributes that persist from one ``fit`` to the next; all others are reset.
    persistent_attributes: ClassVar[tuple[str, ...]] = ()
    #: The names that its ``on_epoch_end`` adds to the logs; None if nobody knows them beforehand.
    #: Who writes the hook says it, and a subclass that writes another has to say it again.
    adds_logs: ClassVar[tuple[str, ...] | None] = None
    #: Call its ``*_begin`` hooks first and its ``*_end`` hooks last.
    wraps_others: ClassVar[bool] = False
    #: Whether it writes to a path that is an argument: no file names one that is followed.
    writes_files: ClassVar[bool] = False
    #: Whether it does more than write: where other processes write the files, it is called all the
    #: same.
    resumes_runs: ClassVar[bool] = False
    #: The arguments that count when the object is made, and cannot be set as the others can.
    _fixed: ClassVar[tuple[str, ...]] = ()

    #: Whether it decides what happens after a loss that is not finite, instead of an error.
    handles_divergence: bool = False

    #: Whether it keeps the weights that the model has when an epoch ends.
    keeps_weights: bool = False

    _model: Any = None
    #: The names that the logs of an epoch will have, as the loop has said before the run.
    _expected: Sequence[str] | None = None
    params: dict[str, Any] = {}  # noqa: RUF012  # never changed, only replaced by set_params

    @property
    def model(self) -> Any:
        """The model, or None if it is gone."""
        return self._model() if self._model is not None else None

    def set_model(self, model: Any) -> None:
        """Called by the loop before ``on_train_begin``.

        Parameters
        ----------
        model : Sequential

        Examples
        --------
        >>> from annlib import Sequential
        >>> callback, model = Callback(), Sequential()
        >>> callback.set_model(model)
        >>> callback.model is model
        True
        """
        self._model = weakref.ref(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Called by the loop before ``on_train_begin``.

        Parameters
        ----------
        params : dict
            ``verbose``, ``epochs``, ``steps``.

        Examples
        --------
        >>> callback = Callback()
        >>> callback.set_params({"epochs": 3, "steps": 10, "verbose": 0})
        >>> callback.params["epochs"]
        3
        """
        self.params = params

    @classmethod
    def _may_be_set(cls, argument: str) -> bool:
        return argument not in cls._fixed

    def check_run(self, run: Run) -> None:
        """Called before a ``fit`` has begun: refuse an argument that names what will not be there,
        or can never act (not in Keras).

        Parameters
        ----------
        run : Run
            Its ``metrics``, whether it ``validates``, its ``batches`` and ``callbacks``.

        Raises
        ------
        ConfigurationError
            If the callback could never act.

        Examples
        --------
        >>> from annlib import Sequential, callbacks, layers
        >>> model = Sequential([layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> model.fit([[1.0]], [1.0], verbose=0, callbacks=[callbacks.EarlyStopping("accuracy")])
        Traceback (most recent call last):
            ...
        annlib.core.errors.ConfigurationError: EarlyStopping: expected a monitor that the logs will
        have ...
        """

    def get_state(self) -> dict[str, Any]:
        """Its state in the current run, by attribute: those that ``state_attributes`` names.

        Returns
        -------
        dict of str to object
            Of what a model's file can hold: numbers, texts, arrays of any shape, lists and dicts of
            these.

        Examples
        --------
        >>> class Count(Callback):
        ...     state_attributes = ("batches",)
        ...     batches = 0
        ...
        ...     def on_train_batch_end(self, batch, logs=None):
        ...         self.batches += 1
        >>> Count().get_state()
        {'batches': 0}
        """
        return {name: getattr(self, name) for name in self.state_attributes}

    def check_state(self, state: Any, done: range) -> None:
        """Refuse what ``get_state`` could not have given.

        Called after ``on_train_begin`` and before anything is changed. A file from a stranger may
        hold anything: what ``set_state`` takes over is what this lets pass.

        Parameters
        ----------
        state : object
        done : range
            The epochs that were done.

        Raises
        ------
        ModelFormatError
            If it could not.

        Examples
        --------
        >>> class Count(Callback):
        ...     state_attributes = ("batches",)
        ...     batches = 0
        >>> Count().check_state({"batches": 7}, range(2))
        >>> Count().check_state({"batches": "seven"}, range(2))
        Traceback (most recent call last):
            ...
        annlib.core.errors.ModelFormatError: state of Count...
        """
        place, own = f"state of {type(self).__name__}", self.get_state()
        if not overrides(self, "get_state"):
            check_keys(state, own, place)
        check_alike(state, own, place)

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from what ``get_state`` gave; called after ``on_train_begin``.

        Parameters
        ----------
        state : dict of str to object

        Examples
        --------
        >>> class Count(Callback):
        ...     state_attributes = ("batches",)
        ...     batches = 0
        >>> count = Count()
        >>> count.set_state({"batches": 7})
        >>> count.batches
        7
        """
        for name in self.state_attributes:
            setattr(self, name, state[name])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """``fit`` begins.

        Parameters
        ----------
        logs : dict
            Empty.
        """

    def on_train_end(self, logs: Logs | None = None) -> None:
        """``fit`` ends, unless by an error.

        Parameters
        ----------
        logs : dict of str to float
            Those of the last epoch.
        """

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """An epoch begins.

        Parameters
        ----------
        epoch : int, at least 0
        logs : dict
            Empty.
        """

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """An epoch ends, its validation done.

        Parameters
        ----------
        epoch : int, at least 0
        logs : dict of str to float
            Loss and metrics, and the ``val_`` ones; what is added to it goes into History.
        """

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A batch begins.

        Parameters
        ----------
        batch : int, at least 0
            Its number in the epoch.
        logs : dict
            Empty.
        """

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A batch ends, the weights updated.

        Parameters
        ----------
        batch : int, at least 0
            Its number in the epoch.
        logs : dict of str to float
            Loss and metrics of the epoch so far.
        """

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """``on_train_batch_begin`` by its short name.

        Parameters
        ----------
        batch : int, at least 0
            Its number in the epoch.
        logs : dict
            Empty.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> class Count(Callback):
        ...     batches = 0
        ...
        ...     def on_batch_begin(self, batch, logs=None):
        ...         self.batches += 1
        >>> model, count = Sequential([layers.Dense(1)]), Count()
        >>> model.compile("sgd", "mse")
        >>> x = [[1.0], [2.0]]
        >>> history = model.fit(x, x, batch_size=1, verbose=0, callbacks=[count])
        >>> count.batches
        2
        """

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """``on_train_batch_end`` by its short name.

        Parameters
        ----------
        batch : int, at least 0
            Its number in the epoch.
        logs : dict of str to float
            Loss and metrics of the epoch so far.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> class Losses(Callback):
        ...     def on_batch_end(self, batch, logs=None):
        ...         print(batch, logs)
        >>> model = Sequential([layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit([[0.0]], [3.0], verbose=0, callbacks=[Losses()])
        0 {'loss': 9.0}
        """

    def on_gradients(self, batch: int, logs: dict[str, Any]) -> None:
        """The gradients of a batch are there, and no weight has changed yet (not in Keras).

        They lie in ``model.vector.gradients``, and by name in each layer's ``gradients``;
        ``logs["x"]`` are the batch's rows, in SciPy's CSR format if x is sparse and the first layer
        is a Dense. All are borrowed until the hook returns.

        Parameters
        ----------
        batch : int, at least 0
            Its number in the epoch.
        logs : dict
            ``x``, (n, features).

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> class Show(Callback):
        ...     def on_gradients(self, batch, logs):
        ...         print(logs["x"].ravel(), self.model.layers[0].gradients["kernel"].ravel())
        >>> model = Sequential([layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> loss = model.fit([[1.0]], [3.0], verbose=0, callbacks=[Show()])
        [1.] [-6.]
        """

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """``evaluate``, or a validation, begins.

        Parameters
        ----------
        logs : dict
            Empty.
        """

    def on_test_end(self, logs: Logs | None = None) -> None:
        """``evaluate``, or a validation, ends.

        Parameters
        ----------
        logs : dict of str to float
            Loss and metrics.
        """

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of ``evaluate``, or of a validation, begins.

        Parameters
        ----------
        batch : int, at least 0
        logs : dict
            Empty.
        """

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of ``evaluate``, or of a validation, ends.

        Parameters
        ----------
        batch : int, at least 0
        logs : dict of str to float
            Loss and metrics of the batches so far.
        """

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """``predict`` begins.

        Parameters
        ----------
        logs : dict
            Empty.

        Examples
        --------
        >>> from annlib import Sequential, callbacks, layers
        >>> model = Sequential([layers.Input((1,)), layers.Dense(1)])
        >>> tell = callbacks.LambdaCallback(on_predict_begin=lambda logs: print("begins"))
        >>> y = model.predict([[1.0]], callbacks=[tell])
        begins
        """

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """``predict`` ends.

        Parameters
        ----------
        logs : dict
            Empty.

        Examples
        --------
        >>> from annlib import Sequential, callbacks, layers
        >>> model = Sequential([layers.Input((1,)), layers.Dense(1)])
        >>> tell = callbacks.LambdaCallback(on_predict_end=lambda logs: print("ends"))
        >>> y = model.predict([[1.0]], callbacks=[tell])
        ends
        """

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of ``predict`` begins.

        Parameters
        ----------
        batch : int, at least 0
        logs : dict
            Empty.

        Examples
        --------
        >>> from annlib import Sequential, callbacks, layers
        >>> model = Sequential([layers.Input((1,)), layers.Dense(1)])
        >>> tell = callbacks.LambdaCallback(on_predict_batch_begin=lambda batch, logs: print(batch))
        >>> y = model.predict([[1.0], [2.0], [3.0]], batch_size=2, callbacks=[tell])
        0
        1
        """

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of ``predict`` ends.

        Parameters
        ----------
        batch : int, at least 0
        logs : dict
            ``outputs``, the batch's predictions, (n, outputs), borrowed until the next batch.

        Examples
        --------
        >>> from annlib import Sequential, callbacks, layers
        >>> model = Sequential([layers.Input((1,)), layers.Dense(1, kernel_initializer="ones")])
        >>> tell = callbacks.LambdaCallback(
        ...     on_predict_batch_end=lambda batch, logs: print(batch, logs["outputs"].ravel())
        ... )
        >>> y = model.predict([[1.0], [2.0], [3.0]], batch_size=2, callbacks=[tell])
        0 [1. 2.]
        1 [3.]
        """

    def on_exception(self, error: BaseException) -> None:
        """The run ends by an error: close what is open (not in Keras).

        Parameters
        ----------
        error : BaseException

        Examples
        --------
        >>> from annlib import Sequential, callbacks, layers, optimizers
        >>> model = Sequential([layers.Dense(1)], seed=0)
        >>> model.compile(optimizers.SGD(1e30), "mse")
        >>> tell = callbacks.LambdaCallback(on_exception=lambda error: print(type(error).__name__))
        >>> model.fit([[1.0]], [1.0], epochs=9, verbose=0, callbacks=[tell])
        Traceback (most recent call last):
            ...
        annlib.core.errors.DivergenceError: ...
        """

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_model": None, "_expected": None}

    # Callbacks have state, and are compared by identity.
    __eq__ = object.__eq__
    __hash__ = object.__hash__


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))
#: Keras' short names: a callback that overrides one is called where the other is due.
ALIASES = {"on_batch_begin": "on_train_batch_begin", "on_batch_end": "on_train_batch_end"}


class KerasCallback(Callback):
    """A callback that is Keras' in all but its class, such as Optuna's for pruning; its hooks are
    called by the same rules.

    Parameters
    ----------
    callback : object
        With ``set_model``, ``set_params`` and any of the hooks.
    """

    def __init__(self, callback: Any) -> None:
        self.callback = callback
        for hook in HOOKS:
            method = getattr(callback, hook, None)
            if callable(method) and not _of_base(callback, hook):
                setattr(self, hook, method)

    @staticmethod
    def fits(callback: Any) -> bool:
        """Whether it is one, and no callback of annlib."""
        return not isinstance(callback, Callback | type) and all(
            callable(getattr(callback, name, None)) for name in ("set_model", "set_params")
        )

    def set_model(self, model: Any) -> None:
        self.callback.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        self.callback.set_params(params)


def _of_base(callback: Any, hook: str) -> bool:
    """Whether a hook is that of Keras' base class, which does nothing."""
    if hook in getattr(callback, "__dict__", ()):
        return False
    owner = next((cls for cls in type(callback).__mro__ if hook in vars(cls)), None)
    return owner is not None and owner.__name__ == "Callback"


class CallbackList:
    """The callbacks of one run; calls of each hook only those that override it.

    As a context it tells them of an error that ends the run.

    Parameters
    ----------
    callbacks : Callback, sequence of Callback, or None
    model : Sequential
    where : str
        What error messages begin with.
    **params
        What ``set_params`` gets: ``verbose``, ``epochs``, ``steps``.

    Raises
    ------
    ConfigurationError
        If something in the list is no callback.

    Examples
    --------
    >>> from annlib import Sequential, callbacks
    >>> tell = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))
    >>> model = Sequential()
    >>> hooks = CallbackList([tell], model, "fit", epochs=1)
    >>> hooks.has("on_epoch_end"), hooks.has("on_epoch_begin")
    (True, False)
    >>> hooks.call("on_epoch_end", 0, {"loss": 0.5})
    0 {'loss': 0.5}
    """

    def __init__(self, callbacks: Any, model: Any, where: str, **params: Any) -> None:
        self.callbacks: list[Any] = [
            KerasCallback(callback) if KerasCallback.fits(callback) else callback
            for callback in _flat(callbacks)
        ]
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                named = isinstance(callback, str)
                hint = f" Of a name: callbacks.get(name). {registry.suggest(callback)}" * named
                raise ConfigurationError(
                    f"{where}: expected callbacks as a list of Callback objects, got "
                    f"{show(callback)}. Derive the class from annlib.callbacks.Callback, or give "
                    "it Keras' methods: set_model, set_params and hooks such as on_epoch_end."
                    f"{hint}"
                )
        self._model = model
        for callback in self.callbacks:
            callback.set_params(params)
            callback.set_model(model)
        self._hooks = {hook: self._methods(hook) for hook in HOOKS if hook not in ALIASES}
        self.read_batch_logs = self._reads_logs("on_train_batch_end")
        self.read_test_logs = self._reads_logs("on_test_batch_end")
        self.handle_divergence = any(callback.handles_divergence for callback in self.callbacks)

    def _methods(self, hook: str) -> list[Any]:
        """What is called for a hook, in its order."""
        begins = hook.endswith("_begin")
        short = next((name for name, long in ALIASES.items() if long == hook), hook)
        methods = []
        for callback in sorted(self.callbacks, key=lambda c: c.wraps_others, reverse=begins):
            name = hook if overrides(callback, hook) else short
            if overrides(callback, name):
                methods.append(getattr(callback, name))
        return methods

    def _reads_logs(self, hook: str) -> bool:
        return any(
            callback.reads_batch_logs
            for callback in self.callbacks
            if any(overrides(callback, h) for h in HOOKS if ALIASES.get(h, h) == hook)
        )

    @property
    def stop_training(self) -> bool:
        """``stop_training`` of the model, by which a callback ends the run after the batch."""
        return bool(self._model.stop_training)

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self._model.stop_training = value

    @property
    def stop_evaluating(self) -> bool:
        """``stop_evaluating`` of the model, by which a callback ends ``evaluate``, or a validation,
        after the batch.
        """
        return bool(self._model.stop_evaluating)

    @stop_evaluating.setter
    def stop_evaluating(self, value: bool) -> None:
        self._model.stop_evaluating = value

    @property
    def stop_predicting(self) -> bool:
        """``stop_predicting`` of the model, by which a callback ends ``predict``."""
        return self._model is not None and bool(self._model.stop_predicting)

    @stop_predicting.setter
    def stop_predicting(self, value: bool) -> None:
        if self._model is not None:
            self._model.stop_predicting = value

    def leave_files_alone(self) -> None:
        """Call no more what writes files: another process does."""
        quiet = [c for c in self.callbacks if c.writes_files and not c.resumes_runs]
        for hook, methods in self._hooks.items():
            self._hooks[hook] = [m for m in methods if getattr(m, "__self__", None) not in quiet]

    def check_run(self, metrics: Sequence[str], validates: bool, batches: int | None) -> None:
        """Refuse a run in which a callback could never act.

        Parameters
        ----------
        metrics : sequence of str
            What is reported of every batch.
        validates : bool
            Whether there are data to validate on.
        batches : int or None
            In all epochs together, if that is known.

        Raises
        ------
        ConfigurationError
            Of the first callback that could not.
        """
        run = Run(metrics, validates, batches, self.callbacks)
        for callback in self.callbacks:
            callback.check_run(run)
            callback._expected = run.names

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if error is not None:
            self.call("on_exception", error)

    def get_state(self) -> list[Any]:
        """The state of each callback with its class.

        Returns
        -------
        list
            Pairs of a class' name and a state.
        """
        return [[type(c).__name__, c.get_state()] for c in self._stateful()]

    def check_state(self, states: list[Any]) -> None:
        """Refuse states that are of other callbacks.

        Parameters
        ----------
        states : list
            From ``get_state``.

        Raises
        ------
        ModelFormatError
            If classes or their order differ.
        """
        there = [name for name, _ in states]
        here = [type(c).__name__ for c in self._stateful()]
        if there != here:
            raise ModelFormatError(
                f"callbacks: expected a run with {', '.join(there)}, as the checkpoint has, got "
                f"{', '.join(here)}. Pass the same callbacks in the same order."
            )

    def check_values(self, states: list[Any], done: range) -> None:
        """Refuse states that these callbacks could not have written.

        Parameters
        ----------
        states : list
            From ``get_state``.
        done : range
            The epochs that were done.

        Raises
        ------
        ModelFormatError
            Of the first callback that could not.
        """
        for callback, (_, state) in zip(self._stateful(), states, strict=True):
            callback.check_state(state, done)

    def set_state(self, states: list[Any]) -> None:
        """Continue from what ``get_state`` gave.

        Parameters
        ----------
        states : list
            From ``get_state``.
        """
        for callback, (_, state) in zip(self._stateful(), states, strict=True):
            callback.set_state(state)

    def _stateful(self) -> list[Callback]:
        return [c for c in self.callbacks if c.state_attributes or overrides(c, "get_state")]

    def has(self, hook: str) -> bool:
        """Whether a callback overrides this hook.

        Parameters
        ----------
        hook : str
            ``"on_epoch_end"``.

        Returns
        -------
        bool
        """
        return bool(self._hooks[hook])

    def call(self, hook: str, *arguments: Any) -> None:
        """Call this hook of every callback that has one, in their order.

        Parameters
        ----------
        hook : str
            ``"on_epoch_end"``.
        *arguments
            Those of the hook.
        """
        for method in self._hooks[hook]:
            method(*arguments)


def overrides(callback: Callback, hook: str) -> bool:
    """Whether its class, or the object itself, has a hook of its own."""
    method = getattr(callback, hook)
    return getattr(method, "__func__", method) is not getattr(Callback, hook)


def _added(callback: Callback, hook: str) -> tuple[str, ...] | None:
    """The names that a hook adds to its logs, as its author says; None if that is not said."""
    names = [name for name in HOOKS if ALIASES.get(name, name) == hook]
    if not any(overrides(callback, name) for name in names):
        return ()
    if not any(name in vars(callback) for name in names):
        for cls in type(callback).__mro__:
            if "adds_logs" in vars(cls):
                return cls.adds_logs  # type: ignore[attr-defined,no-any-return]  # it has it
            if any(name in vars(cls) for name in names):
                break
    return None


def _flat(callbacks: Any) -> Iterator[Any]:
    """Callbacks from one, or from lists of them, in which None stands for none."""
    if isinstance(callbacks, list | tuple):
        for item in callbacks:
            if item is callbacks:
                raise ConfigurationError(
                    "callbacks: expected a list of callbacks, got one in itself."
                )
            yield from _flat(item)
    elif callbacks is not None:
        yield callbacks


registry: Registry[Callback] = Registry("callback", Callback)
register = registry.register


@with_short_tracebacks
def get(identifier: Any, where: str = "") -> Callback:
    """``Registry.get``, which also takes what is a callback of Keras in all but its class.

    Parameters
    ----------
    identifier : Callback, str, type, dict or object
        ``"early_stopping"``, ``EarlyStopping``, ``{"class_name": "EarlyStopping", "config":
        {...}}``, or an object with Keras' methods.
    where : str, optional
        What error messages begin with; ``callbacks.get`` by itself.

    Returns
    -------
    Callback

    Raises
    ------
    UnknownNameError
        If no callback has this name; the message names the nearest.
    ConfigurationError
        If it is none of these.

    Examples
    --------
    >>> from annlib import callbacks
    >>> callbacks.get({"class_name": "EarlyStopping", "config": {"patience": 3}})
    EarlyStopping(patience=3)
    """
    if KerasCallback.fits(identifier):
        return KerasCallback(identifier)
    return registry.get(identifier, where)
