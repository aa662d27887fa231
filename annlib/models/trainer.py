"""Trainer: what Keras' models do with data: compile, fit, evaluate, predict."""

from __future__ import annotations

import functools
import inspect
import os
import threading
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, overload

import numpy as np

from annlib.callbacks import Callback, CallbackList, EvaluationBar, History, ProgressBar
from annlib.core.arguments import check_call, naming_arguments
from annlib.core.arrays import Array
from annlib.core.checks import (
    check_count,
    check_flag,
    check_frequency,
    check_optional_count,
    check_verbosity,
)
from annlib.core.config import Configurable, serialize
from annlib.core.errors import ConfigurationError, DivergenceError, OwnershipError, show
from annlib.core.packages import install_command
from annlib.core.threads import blas_threads
from annlib.core.tracebacks import ShortTracebacks, warn_user, with_short_tracebacks
from annlib.core.views import ArrayView
from annlib.data import Batch, DataLoader, is_stream
from annlib.layers.call import refuse_symbols
from annlib.layers.passes import Pass
from annlib.losses import Loss
from annlib.losses.names import LossLike
from annlib.metrics import Metric
from annlib.metrics.names import MetricsLike
from annlib.network.network import Network
from annlib.network.prediction import INFERENCE_BATCH, Predictor, predict
from annlib.optimizers import Optimizer
from annlib.optimizers.loops import can_compile
from annlib.optimizers.names import OptimizerLike
from annlib.training import processes
from annlib.training.compiled import Compiled, check_keras_arguments, require
from annlib.training.dataset import Dataset, array_dataset, input_dataset, is_share
from annlib.training.evaluation import Evaluation
from annlib.training.first_look import look
from annlib.training.full_batch import FullBatchTraining
from annlib.training.functions import Functions, build_for
from annlib.training.loop import Training, Validation, evaluate, train_step, warn_of_undefined
from annlib.training.one_output import loss_of_output, metrics_of_output
from annlib.training.processes import Communicator
from annlib.training.step import Step
from annlib.training.stream_dataset import StreamDataset, as_dataset, as_input_dataset

P = ParamSpec("P")
R = TypeVar("R")


def alone(
    where: str, *, inside: bool = False
) -> Callable[[Callable[Concatenate[Any, P], R]], Callable[Concatenate[Any, P], R]]:
    """A decorator of methods that ``_training`` surrounds, with these arguments."""

    def decorate(method: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
        @functools.wraps(method)
        def guarded(self: Any, /, *arguments: P.args, **keywords: P.kwargs) -> R:
            try:
                with self._training(where, inside=inside):
                    return method(self, *arguments, **keywords)
            except TypeError:
                check_call(method, where, (self, *arguments), keywords)
                raise

        return guarded

    return decorate


class Trainer(ShortTracebacks, Configurable):
    """A network with what ``compile`` chose, and the loops over data; see ``Sequential``."""

    _instead = (
        "Compile again for another optimizer, loss or metrics; for other layers, seed, dtype or "
        "name make a new model, to which new.set_weights(model.get_weights()) carries the weights."
    )

    _compiled: Compiled | None = None
    _kept_functions: Functions | None = None
    _predictor: Predictor | None = None
    _run: Training | None = None
    #: Whether ``fit`` warns of targets that are far from a size of 1.
    _warns_of_size: bool = True
    #: Process, thread and mark of what trains the model now.
    _trained_by: tuple[int, int, object]
    history: History | None = None
    stop_training: bool = False
    stop_evaluating: bool = False
    stop_predicting: bool = False

    _keras_methods = dict.fromkeys(
        (
            *("call", "__call__", "train_step", "test_step", "predict_step"),
            *("compute_loss", "compute_metrics", "make_train_function", "make_test_function"),
            *("make_predict_function",),
        ),
        "fit",
    )
    _extending = (
        "Write a layer of your own (forward and backward), a loss, a metric, a Callback, or a loop "
        "around train_on_batch."
    )

    def __init__(self, network: Network) -> None:
        self._network = network

    # -- compile ---------------------------------------------------------------------------------

    @naming_arguments("Sequential.compile")
    def compile(
        self,
        optimizer: OptimizerLike = "rmsprop",
        loss: LossLike | Sequence[LossLike] | Mapping[str, LossLike] | None = None,
        metrics: MetricsLike | None = None,
        weighted_metrics: MetricsLike | None = None,
        *,
        jit_compile: bool | str = "auto",
        run_eagerly: bool = False,
        steps_per_execution: int | str = 1,
        loss_weights: Any = None,
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose how the model learns; the weights stay as they are.

        Layers that stand in other models, too, are trained by the one that was compiled last: the
        others predict with the same weights, and must compile again before they train them.

        Parameters
        ----------
        optimizer : str or Optimizer
        loss : str, Loss or function of ``losses``
        metrics : list of str, Metric or function of (y_true, y_pred), or one of these
            ``"accuracy"`` means what loss, last activation and shapes say. Metrics of probabilities
            get probabilities of a network whose loss takes logits, functions the outputs.
        weighted_metrics : list, optional
            Metrics that heed ``sample_weight`` and ``class_weight``, which the others do not.
            As in Keras, loss and metrics may stand in a list for the one output (``["mse"]``,
            ``[["mae"]]``), or in a dictionary under the name of the last layer.
        jit_compile : bool or "auto"
            True compiles training steps, and predictions of few rows (``annlib[jit]``): the first
            ones are made as ever, and what they ask of NumPy becomes machine code, which is tried
            against them and kept on disk.
            A small network trains two to three times as fast, a large one hardly faster; results
            differ from those without it by rounding. Layers and losses of the user's are called
            as they stand. With "auto" the rule of ``Adam`` and ``AdamW`` alone is compiled, to the
            same bits, where Numba is installed, there are many parameters, and updates in NumPy
            have taken as long as a compilation: half a second. ``annlib.config.set_jit_compile``
            sets what "auto" means in the process.
        run_eagerly, steps_per_execution, auto_scale_loss
            Keras' ways to compile steps and to scale a loss in half precision. They change nothing
            here: a step is always run as it stands, and reported to callbacks.
        loss_weights : None or 1
            Keras' factors of several outputs' losses, of which a ``Sequential`` has one.

        Raises
        ------
        ConfigurationError
            For unknown names and arguments that cannot be meant; nothing is changed then.
        OwnershipError
            If the optimizer trains another model.

        Examples
        --------
        >>> from annlib import Sequential, layers, optimizers
        >>> model = Sequential([layers.Dense(10, activation="softmax")])
        >>> model.compile(
        ...     optimizer=optimizers.Adam(0.01),
        ...     loss="sparse_categorical_crossentropy",
        ...     metrics=["accuracy"],
        ... )
        >>> model.loss, model.metrics_names
        (SparseCategoricalCrossentropy(), ['loss', 'accuracy'])
        """
        check_keras_arguments(run_eagerly, steps_per_execution, loss_weights, auto_scale_loss)
        layers = self._network.layers
        loss = loss_of_output(loss, layers)
        metrics = metrics_of_output(metrics, "metrics", layers)
        weighted_metrics = metrics_of_output(weighted_metrics, "weighted_metrics", layers)
        compiled = Compiled(optimizer, loss, metrics, weighted_metrics, jit_compile)
        if compiled.jit_compile is True and not can_compile():
            raise ConfigurationError(
                "Sequential.compile: expected Numba for jit_compile=True, which is not installed. "
                f"Run {install_command('annlib[jit]')}, or leave it out: results differ by "
                "rounding."
            )
        compiled.check_dtype(self._network.dtype)
        self._set_compiled(compiled)

    @alone("Sequential.compile", inside=True)
    def _set_compiled(self, compiled: Compiled, *, anew: bool = True) -> None:
        """Install a compiled configuration; ``anew=False`` (when loading) keeps the frozen layout
        and warns about nothing.
        """
        self._refuse_keras_methods("Sequential.compile")
        compiled.check_layers(self._network.layers, warn=anew)
        parts = compiled.optimizer._parts()
        owners = [part._owner and part._owner() for part in parts]
        for part, owner in zip(parts, owners, strict=True):
            if owner not in (None, self) and part in owner.optimizer._parts():
                raise OwnershipError(
                    f"Sequential.compile: expected an optimizer of this model's own, got one that "
                    f'trains "{owner.name}". Pass optimizer.clone().'
                )
        if self._network.built:
            compiled.optimizer.check_parameters(self._network.vector.entries)
        self._network.claim()
        for part, owner in zip(parts, owners, strict=True):
            if part._owner is not None and owner is not self:
                compiled.optimizer.reset()  # its state is of a model that is gone
            part._owner = weakref.ref(self)
        self._compiled = compiled
        self._reset_functions()
        self._network.relayout(refreeze=anew)

    def _require_compiled(self, where: str, *, loss: bool = True) -> Compiled:
        return require(self._compiled, where, loss=loss)

    @property
    def _functions(self) -> Functions:
        """The training step and the evaluation, for what was compiled last."""
        if self._kept_functions is None or self._kept_functions.outdated:
            compiled = require(self._compiled)
            self._kept_functions = Functions(self._network, compiled, _compiler)
        return self._kept_functions

    def _reset_functions(self) -> None:
        """Drop the memory that was made for another layout, loss or metrics."""
        if self._kept_functions is not None:
            self._kept_functions.drop()
        self._kept_functions = self._predictor = None

    @property
    def _compiles(self) -> bool:
        """Whether steps and small predictions are compiled."""
        return self._compiled is not None and self._compiled.jit_compile is True and can_compile()

    @property
    def compiled(self) -> bool:
        """Whether ``compile`` was called."""
        return self._compiled is not None

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer, or None before ``compile``."""
        # To a type checker it is what it is after compile: nobody wants to cast it each time.
        return self._compiled.optimizer if self._compiled else None  # type: ignore[return-value]  # see above

    @property
    def loss(self) -> Loss:
        """The loss, or None; "crossentropy" is resolved when the first data come."""
        return self._compiled.loss if self._compiled else None  # type: ignore[return-value]  # as optimizer

    @property
    def metrics(self) -> list[Metric]:
        """The metrics, without the loss."""
        return list(self._compiled.metrics) if self._compiled else []

    @property
    def metrics_names(self) -> list[str]:
        """What ``evaluate`` returns, by name: the loss first."""
        return ["loss", *(self._compiled.names if self._compiled else [])]

    def reset_metrics(self) -> None:
        """Reset the running loss and metrics of training.

        Raises
        ------
        NotCompiledError
            Before ``compile``.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> loss = model.train_on_batch([[1.0]], [5.0])
        >>> model.reset_metrics()
        >>> model.get_metrics_result()
        {'loss': 0.0}
        """
        self._functions.step.metrics.reset()

    def get_metrics_result(self) -> dict[str, float]:
        """Loss and metrics since they were last reset, as the progress bar shows them.

        Returns
        -------
        dict of str to float

        Raises
        ------
        NotCompiledError
            Before ``compile``.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse", metrics=["mae"])
        >>> loss = model.train_on_batch([[1.0]], [5.0])
        >>> model.get_metrics_result()
        {'loss': 25.0, 'mae': 5.0}
        """
        return self._functions.results()

    def get_compile_config(self) -> dict[str, Any] | None:
        """What ``compile`` was given, as values that JSON can hold; None before it.

        Returns
        -------
        dict of str to object, or None

        Raises
        ------
        ConfigurationError
            If a part is a function of your own.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> model.get_compile_config()["loss"]["class_name"]
        'MeanSquaredError'
        """
        if self._compiled is None:
            return None
        given = self._compiled.given
        return {key: serialize(value, f"compile.{key}") for key, value in given.items()}

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """``compile`` with what ``get_compile_config`` gave.

        Parameters
        ----------
        config : dict of str to object

        Raises
        ------
        ConfigurationError
            If it is no such dict, or has a name that is not known.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model, other = Sequential([layers.Dense(1)]), Sequential([layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> other.compile_from_config(model.get_compile_config())
        >>> other.optimizer
        SGD()
        """
        known = inspect.signature(self.compile).parameters
        if not isinstance(config, Mapping) or not config.keys() <= known.keys():
            raise ConfigurationError(
                "Sequential.compile_from_config: expected config as a dict of "
                f"{', '.join(known)}, got {show(config)}."
            )
        self.compile(**config)

    # -- fit -------------------------------------------------------------------------------------

    @alone("Sequential.fit")
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Sequence[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | Literal["batch"] = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Collection[int] = 1,
        *,
        drop_last: bool = False,
        threads: int | None = None,
        strategy: Communicator | None = None,
    ) -> History:
        """Train; a second call continues from the present weights and optimizer.

        Parameters
        ----------
        x : array_like, frame or sparse matrix, (n, features); or what gives batches
            Read batch by batch, never copied or cast whole and never written to. (Of SciPy's
            formats only CSR is not copied; the others are converted to it.) What gives batches is
            a generator, an iterable, or an object with ``__getitem__`` and ``__len__``: see below.
        y : array_like
            Targets of the output's shape, or labels (n,) for a sparse loss.
        batch_size : int, at least 1, optional
            32 without one. 1 is stochastic, n is batch gradient descent (paper 5.3). An optimizer
            that takes all rows at once (``LBFGS``) does not heed it.
        epochs : int, at least 0
            The number of the last epoch; training starts after ``initial_epoch``.
        verbose : {"auto", 0, 1, 2}
            0 is silent, 1 (and auto) a bar an epoch, 2 a line an epoch.
        callbacks : list of Callback, optional
        validation_split : float, in [0, 1)
            The share of the rows, the last ones before any shuffling, to validate on.
        validation_data : tuple (x, y) or (x, y, sample_weight), or what gives batches, optional
        shuffle : bool or "batch"
            Whether rows are drawn in a new order every epoch. "batch" shuffles those within each
            batch alone, so that a file is read from its beginning to its end.
        class_weight : dict of int to float, at least 0, optional
            Multiplied with the sample weights; classes not named have 1. For training only, and
            for targets that are one class a row.
        sample_weight : array_like, (n,), at least 0, optional
            Where the loss is one of outputs that are alike, also of the outputs' shape: each term
            of the loss then counts times its weight. Targets that are missing may be NaN, if the
            loss says ``mask_nan=True``.
        initial_epoch : int, at least 0
            The number of epochs that count as done.
        steps_per_epoch, validation_steps : int, at least 1, optional
            So many batches an epoch. The next epoch of ``fit`` continues in the data where the
            last one ended, and a new pass begins where they end; a validation is at most one pass.
        validation_batch_size : int, at least 1, optional
            ``batch_size`` without one.
        validation_freq : int, at least 1, or collection of int
            Validate after every so many epochs, or after these (counted from 1).
        drop_last : bool
            Whether to leave out the last batch of an epoch if it is shorter than the others
            (PyTorch's name; with ``shuffle`` other rows in each epoch). A validation has all rows.
        threads : int, at least 1, optional
            Of NumPy's matrix products while it trains. Without it small products get one, unless
            the process was told a number (``OMP_NUM_THREADS`` and the like), and large ones all.
        strategy : annlib.parallel.MPI, optional
            Train together with other processes, all of which call ``fit`` with the same data, model
            (and seed) and arguments: each takes some rows of every batch.

        Returns
        -------
        History

        Raises
        ------
        DataError, ShapeError, ConfigurationError, NotCompiledError
            Before anything is changed.
        OwnershipError
            If another ``fit`` of the model has not ended.
        DivergenceError
            If loss or gradient become NaN or infinite; the weights are the last good ones.

        Notes
        -----
        An x that gives batches gives tuples (x, y) or (x, y, sample_weight), and takes the place
        of y, sample_weight, batch_size and validation_split; validation_data may be one, too.

        Ctrl-C ends it after the step (``history.interrupted``), a second one at once: also that
        of the next fit, within three seconds.

        - A generator serves all epochs, cut by ``steps_per_epoch``, and must not end before. A run
          that is resumed draws again what was drawn before, and drops it. As ``validation_data`` it
          needs ``validation_steps``, since nobody knows whether it has an end.
        - An iterable (a list of batches, a PyTorch DataLoader) starts again each epoch.
        - An object with a batch for each index (Keras' PyDataset) is read in a new order each
          epoch, unless ``shuffle=False``; its ``on_epoch_begin`` and ``on_epoch_end`` are called.

        A thread reads up to two batches ahead within an epoch, unless the object has an attribute
        ``prefetch = False``. What is wrong with a batch is raised when its turn comes, and leaves
        the weights as the last good step has made them.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import Sequential, layers, optimizers
        >>> x = np.linspace(-1, 1, 50).reshape(-1, 1)
        >>> y = 3 * x + 1
        >>> model = Sequential([layers.Dense(1)], seed=0)
        >>> model.compile(optimizers.SGD(0.3), "mse")
        >>> history = model.fit(x, y, epochs=40, validation_split=0.2, verbose=0)
        >>> model.predict([[2.0]]).round(2)
        array([[7.]], dtype=float32)
        >>> len(history.history["val_loss"])
        40
        """
        where = "Sequential.fit"
        first = check_count(initial_epoch, where, "initial_epoch", 0)
        last = check_count(epochs, where, "epochs", 0)
        steps = check_optional_count(steps_per_epoch, where, "steps_per_epoch")
        size = check_optional_count(batch_size, where, "batch_size")
        test_size = check_optional_count(validation_batch_size, where, "validation_batch_size")
        check_optional_count(validation_steps, where, "validation_steps")
        drop_last = check_flag(drop_last, where, "drop_last")
        threads = check_optional_count(threads, where, "threads")
        validation_freq = check_frequency(validation_freq, where, "validation_freq")
        if isinstance(shuffle, bool | np.bool_):
            shuffle = bool(shuffle)
        elif not isinstance(shuffle, str) or shuffle != "batch":
            raise ConfigurationError(
                f'{where}: expected shuffle True, False or "batch", got {show(shuffle)}.'
            )
        level = check_verbosity(verbose, where)
        network, compiled = self._network, self._require_compiled(where)
        communicator = processes.checked(strategy, compiled, where)
        if communicator is not None and communicator.rank:
            level = 0  # one bar for all
        data = as_dataset(
            network, compiled, x, y, sample_weight, class_weight, where, training=True
        )
        held_out: Dataset | StreamDataset | None = None
        if validation_data is not None:
            held_out = self._validation_data(compiled, validation_data, data)
        elif is_share(validation_split, where):
            data, held_out = data.split(validation_split)
            held_out.check_types(network, f"{where}: validation_split")
        whole = compiled.optimizer.full_batch
        if whole and steps:
            raise ConfigurationError(
                f"{where}: expected no steps_per_epoch with an optimizer that takes all rows at "
                f"once, got {steps}. Leave it out."
            )
        size = data.batch_size(size, steps, drop_last)
        batches = (
            data.in_one(network) if whole else data.batches(network, size, drop_last=drop_last)
        )
        batches.check_end(steps, where, "steps_per_epoch")
        validation = held_out and Validation(
            held_out.batches(network, test_size, default=size or 32, name="validation_batch_size"),
            validation_steps,
            validation_freq,
        )
        if validation:
            place = f"{where}: validation_data"
            validation.batches.check_end(validation_steps, place, "validation_steps", again=True)
        history = History()
        hooks = CallbackList(
            [callbacks, history, ProgressBar(level) if level else None],
            self,
            where,
            verbose=level,
            epochs=last,
            steps=steps or batches.count,
        )
        each = 1 if whole else steps or batches.count
        total = None if each is None else each * max(0, last - first)
        hooks.check_run(self.metrics_names, validation is not None, total)
        compiled.optimizer.check_run(total)
        self._build_for(data)
        network.learn_names(data.feature_names)
        if not compiled.optimizer.steps:
            look(
                *(network, compiled.require_loss(where), data),
                held_out if validation_data is None else None,
                batches.batch_size,
                drop_last=drop_last,
                warn_of_size=self._warns_of_size and not whole,
            )
        if network.vector.outdated():
            warn_user(
                "Sequential.fit: layers were frozen or unfrozen after compile, which takes effect "
                "at the next compile. Call compile again."
            )
        self._run_fit(
            *(batches, validation, hooks, history),
            epochs=range(first, last),
            shuffle=shuffle,
            steps=steps,
            threads=threads,
            communicator=communicator,
        )
        return history

    @contextmanager
    def _training(self, where: str, *, inside: bool = False) -> Iterator[None]:
        """A context in which this thread alone trains the model.

        Raises
        ------
        OwnershipError
            If another does, or this one already and ``inside`` does not allow for it.
        """
        own = (os.getpid(), threading.get_ident(), object())
        held = vars(self).setdefault("_trained_by", own)  # one step to other threads: no lock
        if held[0] != own[0]:  # of the process that this one was forked from
            held = self._trained_by = own
        if held is not own and not (inside and held[:2] == own[:2]):
            raise OwnershipError(
                f"{where}: expected a model that is not being trained, got one of which a fit has "
                "not ended, in another thread or around this callback. Wait for it, or take a "
                "copy: copy.deepcopy(model)."
            )
        try:
            yield
        finally:
            if held is own:
                del self._trained_by

    def _validation_data(
        self, compiled: Compiled, data: Any, like: Dataset | StreamDataset
    ) -> Dataset | StreamDataset:
        where = "Sequential.fit: validation_data"
        target = self._network, compiled
        known = like if isinstance(like, Dataset) else like.first
        if is_stream(data):
            return as_dataset(*target, data, None, None, None, where, known)
        if not isinstance(data, tuple | list) or len(data) not in (2, 3):
            raise ConfigurationError(
                f"{where}: expected a tuple (x, y) or (x, y, sample_weight), got "
                f"{f'{len(data)} items' if isinstance(data, tuple | list) else show(data)}."
            )
        x, y, *weight = data
        return array_dataset(*target, x, y, weight[0] if weight else None, None, where, known)

    def _build_for(self, data: Dataset | StreamDataset) -> None:
        """Build the network for checked data, if it was not."""
        if build_for(self._network, require(self._compiled), data):
            self._reset_functions()

    def _settle_metrics(self, target: Array, where: str) -> None:
        """Resolve what the names of metrics mean for a built network and targets as its loss takes
        them; raise for metrics that cannot take these.
        """
        compiled, network = require(self._compiled), self._network
        output_shape = network.compute_output_shape(network.input_shape)
        outputs = compiled.outputs(network.layers, target.shape, output_shape)
        compiled.check_metrics(target, outputs, where)
        if compiled.resolve(outputs):
            self._reset_functions()

    def _run_fit(
        self,
        batches: DataLoader,
        validation: Validation | None,
        callbacks: CallbackList,
        history: History,
        *,
        epochs: range,
        shuffle: bool | Literal["batch"] = True,
        steps: int | None = None,
        threads: int | None = None,
        communicator: Communicator | None = None,
    ) -> None:
        """Train the built model on batches; ``fit`` and the estimators both end here."""
        functions = self._functions
        step, self.history = functions.step, history  # that there is a step, comes first
        history.batch_size = batches.batch_size
        parts = functions, batches, validation, callbacks, history
        limit = threads or step.product_threads(batches.batch_size)
        if communicator is not None:
            limit = threads or communicator.threads
        before = self._run
        try:
            with callbacks, blas_threads.limited(limit):
                if functions.compiled.optimizer.full_batch:
                    FullBatchTraining(*parts, epochs=epochs).run()
                else:
                    self._run = Training(
                        *parts,
                        epochs=epochs,
                        shuffle=shuffle,
                        steps=steps,
                        communicator=communicator,
                    )
                    self._run.run()
        finally:
            self._run = before
            if communicator is not None:
                self._reset_functions()  # whose step is for a part of the rows

    def _backup(self, path: str | os.PathLike[str]) -> None:
        """Write all of the active ``fit`` to a file; from then on Ctrl-C and SIGTERM do so, too."""
        from annlib.saving import checkpoint

        run = self._active_run()
        if not self._writes_files:
            return
        run.save_on_interrupt(functools.partial(checkpoint.save, path=path))
        checkpoint.save(run, path)

    @property
    def _writes_files(self) -> bool:
        """Whether files are this process' to write, and no other's that trains the same model."""
        run = self._run
        return run is None or run.communicator is None or run.communicator.rank == 0

    def _resume(self, path: str | os.PathLike[str]) -> None:
        """Resume from a checkpoint; call it in ``on_train_begin``.

        Raises
        ------
        ModelFormatError
            If the file is no checkpoint of this run.
        """
        from annlib.saving import checkpoint

        run = self._active_run()
        checkpoint.resume(run, path)
        if self._writes_files:
            run.save_on_interrupt(functools.partial(checkpoint.save, path=path))

    def _active_run(self) -> Training:
        if self._run is None:
            what = self.optimizer if self.optimizer and self.optimizer.full_batch else "none"
            raise ConfigurationError(
                "Sequential.backup: expected an active fit with an optimizer that trains "
                f"batch by batch, got {what}. Leave out BackupAndRestore, or take another "
                "optimizer."
            )
        return self._run

    # -- evaluate and predict --------------------------------------------------------------------

    @overload
    def evaluate(
        self,
        x: Any = ...,
        y: Any = ...,
        batch_size: int | None = ...,
        verbose: int | str = ...,
        sample_weight: Any = ...,
        steps: int | None = ...,
        callbacks: Sequence[Callback] | None = ...,
        *,
        return_dict: Literal[True],
    ) -> dict[str, float]: ...

    @overload
    def evaluate(
        self,
        x: Any = ...,
        y: Any = ...,
        batch_size: int | None = ...,
        verbose: int | str = ...,
        sample_weight: Any = ...,
        steps: int | None = ...,
        callbacks: Sequence[Callback] | None = ...,
        return_dict: bool = ...,
    ) -> Any: ...

    @naming_arguments("Sequential.evaluate")
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = 0,
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Sequence[Callback] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on data, with dropout and batch statistics at rest.

        Parameters
        ----------
        x : array_like, frame or sparse matrix, (n, features); or what gives batches
            As in ``fit``; of batches without an end ``steps`` are read.
        y : array_like
            Targets of the output's shape, or labels (n,) for a sparse loss.
        batch_size : int, at least 1, optional
            The rows of one pass; 512 without one.
        verbose : {"auto", 0, 1, 2}
            0 is silent, 1 (and auto) a bar, 2 a line.
        sample_weight : array_like, (n,), optional
            As in ``fit``.
        steps : int, at least 1, optional
            So many batches.
        callbacks : list of Callback, optional
        return_dict : bool
            Whether to return a dict by name.

        Returns
        -------
        float, or list of float, or dict
            The loss alone without metrics, [loss, *metrics] with them, by name on request.

        Raises
        ------
        NotCompiledError
            Before ``compile``.
        DataError, ShapeError, ConfigurationError
            If the data do not fit the model or each other, or an argument is none of these.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Input((1,)), layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse", metrics=["mae"])
        >>> model.evaluate([[1.0], [2.0]], [3.0, 5.0])
        [17.0, 4.0]
        >>> model.evaluate([[1.0], [2.0]], [3.0, 5.0], return_dict=True)
        {'loss': 17.0, 'mae': 4.0}
        """
        where = "Sequential.evaluate"
        check_flag(return_dict, where, "return_dict")
        size = check_optional_count(batch_size, where, "batch_size")
        steps = check_optional_count(steps, where, "steps")
        compiled = self._require_compiled(where)
        data = as_dataset(self._network, compiled, x, y, sample_weight, None, where)
        batches = data.batches(self._network, size, default=INFERENCE_BATCH)
        batches.check_end(steps, where, "steps")
        hooks = self._inference_hooks(callbacks, verbose, where, batches, steps)
        self._build_for(data)
        with hooks, self._evaluating():
            results = evaluate(self._functions, batches, hooks, steps)
        if undefined := self._functions.evaluation.metrics.undefined(results):
            warn_of_undefined(undefined, where)
        return _returned(results, return_dict)

    @naming_arguments("Sequential.predict")
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = 0,
        steps: int | None = None,
        callbacks: Sequence[Callback] | None = None,
    ) -> Array:
        """The output for every row, in an array of its own.

        Any number of threads may predict with one model at a time.

        Parameters
        ----------
        x : array_like, frame or sparse matrix, (n, features); or what gives batches
            As in ``fit``: batches of x alone, or tuples, whose first is x; of those without an end
            ``steps`` are read.
        batch_size : int, at least 1, optional
            The rows of one pass; 512 without one.
        verbose : {"auto", 0, 1, 2}
            0 is silent, 1 (and auto) a bar, 2 a line.
        steps : int, at least 1, optional
            So many batches.
        callbacks : list of Callback, optional

        Returns
        -------
        array, (n, units)

        Raises
        ------
        NotBuiltError
            If the model has no layers.
        DataError, ShapeError, ConfigurationError
            If the data do not fit the model, or an argument is none of these.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Input((1,)), layers.Dense(2, kernel_initializer="ones")])
        >>> model.predict([[1.0], [2.0], [3.0]])
        array([[1., 1.],
               [2., 2.],
               [3., 3.]], dtype=float32)
        """
        network = self._network
        simple = batch_size is None and steps is None and callbacks is None
        if simple and type(verbose) is int and not verbose and network.built:
            if self._predictor is None:
                self._refuse_keras_methods("Sequential.predict")
                made = _compiled_pass if self._compiles else None
                self._predictor = Predictor(network, INFERENCE_BATCH, made)
            with self._evaluating():
                y = self._predictor.predict(x)
            if y is not None:
                return y
        where = "Sequential.predict"
        self._refuse_keras_methods(where)
        size = check_optional_count(batch_size, where, "batch_size")
        steps = check_optional_count(steps, where, "steps")
        data = as_input_dataset(network, x, where)
        batches = data.batches(network, size, default=INFERENCE_BATCH)
        batches.check_end(steps, where, "steps")
        hooks = self._inference_hooks(callbacks, verbose, where, batches, steps)
        first = not network.built
        network.build((None, *data.row_shape), data.feature_names)
        if first and simple and type(x) is np.ndarray:
            return self.predict(x, verbose=verbose)  # by the way, and to the bits, of the next call
        with hooks, self._evaluating():
            return predict(network.layers, network.dtype, batches, hooks, steps)

    def _evaluating(self) -> AbstractContextManager[None]:
        """A context in which the network has the weights to evaluate with."""
        if self._compiled is None or not self._network.built:
            return nullcontext()
        return self._compiled.optimizer.evaluating(self._network.vector)

    def _inference_hooks(
        self, callbacks: Any, verbose: Any, where: str, batches: DataLoader, steps: int | None
    ) -> CallbackList:
        level = check_verbosity(verbose, where)
        bar = EvaluationBar(level) if level else None
        count = _fewer(batches.count, steps)
        return CallbackList([callbacks, bar], self, where, verbose=level, steps=count)

    # -- on one batch ----------------------------------------------------------------------------

    @alone("Sequential.train_on_batch", inside=True)
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One update on these rows.

        Parameters
        ----------
        x : array_like, (n, features)
        y : array_like
            Targets of the output's shape, or labels (n,) for a sparse loss.
        sample_weight : array_like, (n,), optional
        class_weight : dict of int to float, optional
            Multiplied with the sample weights; classes not named have 1.
        return_dict : bool
            Whether to return a dict by name.

        Returns
        -------
        float, or list of float, or dict
            Loss and metrics of this batch, before the update, as ``evaluate`` returns them.

        Raises
        ------
        NotCompiledError
            Before ``compile``.
        DataError, ShapeError, ConfigurationError
            If the data do not fit the model or each other; nothing is changed then.
        OwnershipError
            If another thread trains the model.
        DivergenceError
            If loss or gradient become NaN or infinite; the weights are the last good ones.

        Examples
        --------
        >>> from annlib import Sequential, layers, optimizers
        >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
        >>> model.compile(optimizers.SGD(0.1), "mse")
        >>> model.train_on_batch([[1.0]], [10.0])
        100.0
        >>> model.train_on_batch([[1.0]], [10.0])
        64.0
        """
        where = "Sequential.train_on_batch"
        check_flag(return_dict, where, "return_dict")
        data = self._batch_data(x, y, sample_weight, class_weight, where, training=True)
        self._network.learn_names(data.feature_names)
        step = self._functions.step

        def act(batch: Batch) -> None:
            step.update_metrics(batch, train_step(step, batch))

        try:
            with step.optimizer.training(step.vector):
                return self._on_batch(data, step, act, return_dict)
        except DivergenceError as error:
            raise DivergenceError(f"{where}: {error}") from None

    @naming_arguments("Sequential.test_on_batch")
    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics on these rows, without an update.

        Parameters
        ----------
        x : array_like, (n, features)
        y : array_like
            Targets of the output's shape, or labels (n,) for a sparse loss.
        sample_weight : array_like, (n,), optional
        return_dict : bool
            Whether to return a dict by name.

        Returns
        -------
        float, or list of float, or dict
            As ``evaluate`` returns them.

        Raises
        ------
        NotCompiledError
            Before ``compile``.
        DataError, ShapeError
            If the data do not fit the model or each other.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Input((1,)), layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> model.test_on_batch([[1.0]], [10.0])
        100.0
        """
        where = "Sequential.test_on_batch"
        check_flag(return_dict, where, "return_dict")
        data = self._batch_data(x, y, sample_weight, None, where)
        evaluation = self._functions.evaluation
        with self._evaluating():
            return self._on_batch(data, evaluation, evaluation.test, return_dict, where)

    def _batch_data(
        self, x: Any, y: Any, weight: Any, class_weight: Any, where: str, training: bool = False
    ) -> Dataset:
        compiled = self._require_compiled(where)
        parts = self._network, compiled, x, y, weight, class_weight, where
        data = array_dataset(*parts, training=training)
        self._build_for(data)
        return data

    def _on_batch(
        self,
        data: Dataset,
        run: Step | Evaluation,
        act: Callable[[Batch], None],
        as_dict: bool,
        where: str = "",
    ) -> Any:
        (batch,) = data.in_one(self._network).sequential(where)
        with self._functions.running(run) as metrics:
            act(batch)
            return _returned(metrics.results(), as_dict)

    @naming_arguments("Sequential.predict_on_batch")
    def predict_on_batch(self, x: Any) -> Array:
        """The output for these rows in one pass.

        Parameters
        ----------
        x : array_like, (n, features)

        Returns
        -------
        array, (n, units)

        Raises
        ------
        NotBuiltError
            If the model has no layers.
        DataError, ShapeError
            If the data do not fit the model.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Input((1,)), layers.Dense(1, kernel_initializer="ones")])
        >>> model.predict_on_batch([[1.0], [2.0]])
        array([[1.],
               [2.]], dtype=float32)
        """
        return self._in_one_pass(x, "Sequential.predict_on_batch")

    @with_short_tracebacks
    def __call__(self, x: Any, training: bool = False) -> Array:
        """The output for one batch; with ``training=True`` as a training pass computes it.

        The pass is thrown away: no weight and no statistic changes. A training pass draws from
        the model's random streams, so that every call drops other units. The output is an array
        that has ``numpy()``, as Keras' tensors have.

        Parameters
        ----------
        x : array_like, (n, features)
        training : bool

        Returns
        -------
        array, (n, units)

        Raises
        ------
        NotBuiltError
            If the model has no layers.
        DataError, ShapeError
            If the data do not fit the model.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Dropout(0.5)], seed=0)
        >>> model([[1.0, 1.0, 1.0, 1.0]])
        array([[1., 1., 1., 1.]], dtype=float32)
        >>> model([[1.0, 1.0, 1.0, 1.0]], training=True)
        array([[0., 0., 0., 2.]], dtype=float32)
        """
        check_flag(training, "Sequential.__call__", "training")
        refuse_symbols(x, "Sequential.__call__")
        return ArrayView.of(self._in_one_pass(x, "Sequential.__call__", training))

    def _in_one_pass(self, x: Any, where: str, training: bool = False) -> Array:
        self._refuse_keras_methods(where)
        network = self._network
        data = input_dataset(network, x, where)
        network.build((None, *data.row_shape), data.feature_names)
        rng_of = network.rng_of if training else (lambda layer: None)
        (batch,) = data.in_one(network).sequential(where)
        with np.errstate(all="ignore"), nullcontext() if training else self._evaluating():
            one = Pass(network.layers, network.dtype, rng_of)
            return np.array(one.forward(batch.x, training=training))

    # -- copies ----------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        # What is made for passes, and is no part of a copy.
        state = {**self.__dict__, "_kept_functions": None, "_predictor": None, "_run": None}
        state.pop("_trained_by", None)
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        if self._compiled is not None:
            for part in self._compiled.optimizer._parts():
                part._owner = weakref.ref(self)

    # Models are compared by identity.
    __eq__ = object.__eq__
    __hash__ = object.__hash__


def _compiler() -> Any:
    """What makes machine code of steps, or None, with a warning, where Numba is not."""
    if not can_compile():
        warn_user(
            "Sequential: expected Numba for a model compiled with jit_compile=True, which is not "
            "installed: its steps run as they stand, and differ by rounding. Run "
            f"{install_command('annlib[jit]')}, or compile anew."
        )
        return None
    from annlib import compiling  # loaded when first used, not with annlib

    return compiling


def _compiled_pass(passes: Pass) -> Any:
    """The same pass as machine code."""
    from annlib.compiling import CompiledPass

    return CompiledPass(passes)


def _fewer(count: int | None, steps: int | None) -> int | None:
    return steps if count is None else count if steps is None else min(count, steps)


def _returned(results: dict[str, float], return_dict: bool) -> Any:
    if return_dict:
        return dict(sorted(results.items()))
    values = list(results.values())
    return values if len(values) > 1 else values[0]
