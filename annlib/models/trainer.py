"""A model that is trained, tested and asked: ``fit``, ``evaluate``, ``predict``."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from reprlib import repr as show
from typing import Any

import numpy as np

from annlib.callbacks import Callback, CallbackList, EvaluationBar, History, ProgressBar
from annlib.core.arrays import Array
from annlib.core.checks import check_count
from annlib.core.errors import ConfigurationError
from annlib.core.threads import products
from annlib.data import Feed, is_stream
from annlib.models import full_batch, training
from annlib.models.arguments import frequency, least, optional_count, verbosity
from annlib.models.inference import Inference
from annlib.models.learner import Learner
from annlib.models.preparation import Prepared, prepare
from annlib.models.streamed import Streamed, receive, receive_inputs
from annlib.models.training import Training

#: Rows at a time where the result does not depend on it: big enough to keep the processor busy,
#: small enough to stay in its cache. (Keras takes 32 here too.)
_INFERENCE_BATCH = 512


class Trainer(Learner):
    """A learner with the loops over data; see ``Sequential``."""

    _run: Training | None = None

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
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Collection[int] = 1,
        *,
        threads: int | None = None,
    ) -> History:
        """Train; a second call goes on from weights and optimizer as they are.

        Parameters
        ----------
        x : array_like, frame or sparse matrix, (n, features); or what gives batches
            Read batch by batch, never copied or cast whole and never written to. (Of SciPy's
            formats only CSR is not copied; the others are converted to it.) What gives batches is
            a generator, an iterable, or an object with ``__getitem__`` and ``__len__``: see below.
        y : array_like
            Targets of the output's shape, or labels (n,) for a sparse loss.
        batch_size : int, optional
            32 without one. 1 is stochastic, n is batch gradient descent (paper 5.3). An optimizer
            that takes all rows at once (``LBFGS``) does not heed it.
        epochs : int
            The number of the last epoch; training starts after ``initial_epoch``.
        verbose : {"auto", 0, 1, 2}
            0 is silent, 1 (and auto) a bar an epoch, 2 a line an epoch.
        callbacks : list of Callback, optional
        validation_split : float, in [0, 1)
            The share of the rows, the last ones before any shuffling, to validate on.
        validation_data : tuple (x, y) or (x, y, sample_weight), optional
        shuffle : bool
            Whether rows are drawn in a new order every epoch.
        class_weight : dict of int to float, optional
            Multiplied with the sample weights; classes not named have 1. For training only.
        sample_weight : array_like, (n,), optional
        steps_per_epoch, validation_steps : int, optional
            At most so many batches an epoch. The next epoch of ``fit`` goes on through the data
            where the last one ended; what is left of a round is a shorter epoch.
        validation_batch_size : int, optional
        validation_freq : int or collection of int
            Validate after every so many epochs, or after these (counted from 1).
        threads : int, optional
            Of NumPy's matrix products while it trains. Without it small products get one, unless
            the process was told a number (``OMP_NUM_THREADS`` and the like), and large ones all.

        Returns
        -------
        History

        Raises
        ------
        DataError, ShapeError, ConfigurationError, NotCompiledError
            Before anything is changed.
        DivergenceError
            If loss or gradient become NaN or infinite; the weights are the last good ones.

        Notes
        -----
        An x that gives batches gives tuples (x, y) or (x, y, sample_weight), and takes the place
        of y, sample_weight, batch_size and validation_split; validation_data may be one, too.

        Ctrl-C ends it after the step (``history.interrupted``), a second one at once.

        - A generator serves all epochs, cut by ``steps_per_epoch``, and must not run dry. A run
          that is resumed draws again what was drawn before, and drops it.
        - An iterable (a list of batches, a PyTorch DataLoader) begins anew each epoch.
        - An object with a batch for each index (Keras' PyDataset) is read in a new order each
          epoch, unless ``shuffle=False``; its ``on_epoch_begin`` and ``on_epoch_end`` are called.

        A thread reads up to two batches ahead within an epoch, unless the object has an attribute
        ``prefetch = False``. What is wrong with a batch is raised when its turn comes, and leaves
        the weights as the last good step has made them.
        """
        where = "Sequential.fit"
        first = check_count(initial_epoch, where, "initial_epoch", 0)
        last = check_count(epochs, where, "epochs", 0)
        steps = optional_count(steps_per_epoch, where, "steps_per_epoch")
        size = optional_count(batch_size, where, "batch_size")
        test_size = optional_count(validation_batch_size, where, "validation_batch_size")
        optional_count(validation_steps, where, "validation_steps")
        optional_count(threads, where, "threads")
        validation_freq = frequency(validation_freq, where)
        if not isinstance(shuffle, bool | np.bool_):
            raise ConfigurationError(f"{where}: expected shuffle True or False, got {shuffle!r}.")
        level = verbosity(verbose, where)
        data = receive(self, x, y, sample_weight, class_weight, where)
        held_out: Prepared | Streamed | None = None
        if validation_data is not None:
            held_out = self._validation_data(validation_data, data)
        elif validation_split:
            data, held_out = data.split(validation_split)
        whole = self.compiled_state(where).optimizer.full_batch
        if whole and steps:
            raise ConfigurationError(
                f"{where}: expected no steps_per_epoch with an optimizer that takes all rows at "
                f"once, got {steps}. Leave it out."
            )
        size = data.batch_size(size, steps)
        batches = data.in_one(self) if whole else data.batches(self, size)
        validation = held_out and training.Validation(
            held_out.batches(self, test_size, default=size or 32, name="validation_batch_size"),
            validation_steps,
            validation_freq,
        )
        history = History()
        hooks = CallbackList(
            [callbacks, history, ProgressBar(level) if level else None],
            self,
            where,
            verbose=level,
            epochs=last,
            steps=least(batches.count, steps),
        )
        data.admit(self)
        self._warn_if_refrozen()
        self.history = history
        span = range(first, last)
        limit = self.step.product_threads(batches.batch_size) if threads is None else threads
        with hooks, products.limited(limit):
            if whole:
                full_batch.Descent(self, batches, validation, hooks, epochs=span).run()
            else:
                run = Training(
                    self,
                    batches,
                    validation,
                    hooks,
                    epochs=span,
                    shuffle=bool(shuffle),
                    steps=steps,
                )
                with self.going_on(run):
                    run.run()
        return history

    def _warn_if_refrozen(self) -> None:
        if self.vector.outdated():
            warnings.warn(
                "Sequential.fit: layers were frozen or unfrozen after compile, which takes effect "
                "at the next compile. Call compile again.",
                stacklevel=3,
            )

    def _validation_data(self, data: Any, like: Prepared | Streamed) -> Prepared | Streamed:
        where = "Sequential.fit: validation_data"
        if is_stream(data):
            return receive(self, data, None, None, None, where, like.row_shape)
        if not isinstance(data, tuple | list) or len(data) not in (2, 3):
            raise ConfigurationError(
                f"{where}: expected a tuple (x, y) or (x, y, sample_weight), got "
                f"{f'{len(data)} items' if isinstance(data, tuple | list) else show(data)}."
            )
        x, y, *weight = data
        return prepare(self, x, y, weight[0] if weight else None, None, where, like.row_shape)

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

        x may give batches, as in ``fit``.

        Returns
        -------
        float, or list of float, or dict
            The loss alone without metrics, [loss, *metrics] with them, by name on request.
        """
        where = "Sequential.evaluate"
        size = optional_count(batch_size, where, "batch_size")
        steps = optional_count(steps, where, "steps")
        data = receive(self, x, y, sample_weight, None, where)
        batches = data.batches(self, size, default=_INFERENCE_BATCH)
        hooks = self._inference_hooks(callbacks, verbose, where, batches, steps)
        data.admit(self)
        with hooks:
            return self._returned(training.evaluate(self, batches, hooks, steps), return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = 0,
        steps: int | None = None,
        callbacks: Sequence[Callback] | None = None,
    ) -> Array:
        """The output for every row, (n, units), in an array of its own.

        x may give batches, as in ``fit``: of x alone, or tuples, whose first is x.
        Any number of threads may predict with one model at a time.
        """
        simple = (batch_size, steps, callbacks, verbose) == (None, None, None, 0)
        if simple and self.built:
            if self._inference is None:
                self._inference = Inference(self, _INFERENCE_BATCH)
            y = self._inference.predict(x)
            if y is not None:
                return y
        where = "Sequential.predict"
        size = optional_count(batch_size, where, "batch_size")
        steps = optional_count(steps, where, "steps")
        data = receive_inputs(self, x, where)
        batches = data.batches(self, size, default=_INFERENCE_BATCH)
        hooks = self._inference_hooks(callbacks, verbose, where, batches, steps)
        data.admit(self)
        with hooks:
            return training.predict(self, batches, hooks, steps)

    def _inference_hooks(
        self, callbacks: Any, verbose: Any, where: str, batches: Feed, steps: int | None
    ) -> CallbackList:
        level = verbosity(verbose, where)
        bar = EvaluationBar(level) if level else None
        count = least(batches.count, steps)
        return CallbackList([callbacks, bar], self, where, verbose=level, steps=count)

    # -- a run that is going on ------------------------------------------------------------------

    @property
    def run(self) -> Training:
        """The ``fit`` that is going on; raises if there is none that can be backed up."""
        if self._run is None:
            what = self.optimizer if self.optimizer and self.optimizer.full_batch else "none"
            raise ConfigurationError(
                "Sequential.backup: expected a fit that is going on with an optimizer that trains "
                f"batch by batch, got {what}. Leave out BackupAndRestore, or take another "
                "optimizer."
            )
        return self._run

    @contextlib.contextmanager
    def going_on(self, run: Training) -> Iterator[None]:
        """While it runs, this is what ``backup`` writes."""
        before, self._run = self._run, run
        try:
            yield
        finally:
            self._run = before

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Write all of the running ``fit`` to a file: what ``BackupAndRestore`` calls.

        From there on Ctrl-C writes it, too, so that no step is lost.
        """
        self.run.save(path)

    def resume(self, path: str | os.PathLike[str]) -> None:
        """Let the ``fit`` that begins go on from such a file; from ``on_train_begin``.

        Raises
        ------
        ModelFormatError
            If the file is no checkpoint of this run.
        """
        from annlib.models import checkpoint

        checkpoint.prepare(self.run, path)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_run": None}
