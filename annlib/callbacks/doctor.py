"""Doctor: weights, gradients, activations and updates of every layer, during training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.callbacks.base import Callback, Logs, register
from annlib.callbacks.layer_statistics import Findings, range_of, sentences, shares, summary
from annlib.callbacks.loss_course import sentences_on_losses
from annlib.core.arrays import Array
from annlib.core.checks import (
    check_codes,
    check_count,
    check_finite,
    check_known,
    check_numeric,
    to_array,
)
from annlib.core.errors import ConfigurationError, NotBuiltError, ShapeError, show
from annlib.core.states import check_array, check_keys, check_rising, check_whole, refuse
from annlib.core.workspace import Workspace
from annlib.data import dense

_BUDGET = 1 << 20  # bytes for all samples of a run
_ROWS = 128  # of the probe, if it is taken from the first batches
_OVERHEAD = 160  # bytes of an array beside its numbers


@register("doctor")
class Doctor(Callback):
    """Watch the inside of a model: at some steps it measures every layer.

    Of the weights, the gradients (as the loss gave them, before the optimizer clips them) and the
    layer's outputs for a probe it keeps root mean square and quantiles; of the update its size
    relative to the weights, |dW| / |W|; of units the shares that are dead or saturated. Training
    is the same to the bit with and without it. All samples of a run take at most 1 MB: when they
    fill it, every second one is dropped and ``every`` doubled for the rest.

    Parameters
    ----------
    every : int, at least 1
        Steps from one sample to the next. (Of an optimizer that accumulates gradients, updates;
        of one that takes all rows at once, epochs.)
    probe : array_like, (n, features), optional
        The rows whose activations are measured, by a forward pass of its own. Without it the
        first 128 that are trained on.

    Attributes
    ----------
    steps : list of int
        The steps of the samples, from 0.
    layers, outputs : list of str
        The layers that learn, and all of which there are activations.

    Raises
    ------
    ConfigurationError
        If ``every`` is no count of at least 1, or ``probe`` has no rows.
    DataError
        If ``probe`` has NaN, infinite values or what is no number.
    ShapeError
        When training begins, if the probe's rows do not fit the model's input.

    Examples
    --------
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Dense(4, "relu"), layers.Dense(1)], seed=0)
    >>> model.compile("sgd", "mse")
    >>> doctor = Doctor(every=2)
    >>> x = np.random.default_rng(0).normal(size=(64, 3))
    >>> _ = model.fit(x, x[:, 0], epochs=2, batch_size=16, verbose=0, callbacks=[doctor])
    >>> doctor.steps, doctor.layers
    ([0, 2, 4, 6], ['dense', 'dense_1'])
    >>> doctor.report()
    ['Nothing out of the ordinary in 4 samples, of steps 0 to 6.']
    """

    reads_batch_logs = False
    adds_logs = ()
    state_attributes = ("steps", "layers", "outputs", "_step", "_stride", "_samples", "_rows")

    def __init__(self, every: int = 10, probe: Any = None) -> None:
        self.every = check_count(every, "Doctor", "every")
        self.probe = None if probe is None else to_array(probe, "Doctor", "probe")
        if self.probe is not None:
            if not self.probe.ndim:
                raise ConfigurationError(
                    f"Doctor: expected probe as rows of the model's input, got {show(probe)}."
                )
            check_numeric(self.probe, "Doctor", "probe")
            check_finite(self.probe, "Doctor", "probe")
        self._forget()

    def _forget(self) -> None:
        self.steps: list[int] = []
        self.layers: list[str] = []
        self.outputs: list[str] = []
        self._step, self._stride = 0, self.every
        self._samples: dict[str, list[Array]] = {}
        #: The probe, once there are rows of it.
        self._rows: Array | None = None
        self._work: list[Workspace] = []
        self._before: tuple[Array, Array] | None = None
        #: What ``History`` has of the run.
        self._history: dict[str, list[float]] = {}
        self._first_epoch = 0

    # -- while it trains -------------------------------------------------------------------------

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._forget()
        model, vector = self.model, self.model.vector
        self._slices: dict[str, slice] = {}
        for entry in vector.entries:
            if entry.trainable:  # those of a layer lie side by side
                name, start = entry.path.rpartition("/")[0], entry.where.start
                start = self._slices.get(name, slice(start, start)).start
                self._slices[name] = slice(start, entry.where.stop)
        self.layers = list(self._slices)
        self.outputs = [layer.name for layer in model.layers]
        self._ranges = [range_of(layer._split_activation()[1]) for layer in model.layers]
        self._work = [Workspace(model.dtype) for _ in model.layers]
        if self.probe is not None:
            expected = model.input_shape
            if not self.probe.size or self.probe.shape[1:] != expected[1:]:
                raise ShapeError(
                    f"Doctor: expected a probe of shape {('n', *expected[1:])}, as the model's "
                    f"input, got {self.probe.shape}."
                )
            codes = model.layers[0].codes is not None
            self._rows = self.probe.astype(np.intp if codes else model.dtype)

    def check_state(self, state: Any, done: range) -> None:
        super().check_state(state, done)
        place, samples, rows = "state of Doctor", state["_samples"], state["_rows"]
        step = check_whole(state["_step"], f"{place}._step")
        check_whole(state["_stride"], f"{place}._stride", 1)
        check_rising(state["steps"], f"{place}.steps", step)
        for name in ("layers", "outputs"):
            if state[name] != getattr(self, name):
                raise refuse(f"{place}.{name}", f"{getattr(self, name)}", state[name])
        learning, outputs = len(self.layers), len(self.outputs)
        shapes = {
            **dict.fromkeys(("weights", "gradients"), (learning, 8)),
            "updates": (learning,),
            "activations": (outputs, 8),
            **dict.fromkeys(("dead", "saturated"), (outputs,)),
        }
        check_keys(samples, shapes if state["steps"] else (), f"{place}._samples")
        for name, found in samples.items():
            if not isinstance(found, list) or len(found) != len(state["steps"]):
                raise refuse(f"{place}._samples.{name}", "one for each step", found)
            for one in found:
                check_array(one, np.empty(shapes[name], np.float32), f"{place}._samples.{name}")
        if rows is None and not samples and self.probe is None:
            return
        codes = self.model.layers[0].codes
        # Codes are of the type that the data have.
        kind = self.model.dtype if codes is None else getattr(rows, "dtype", None)
        like = np.empty((1, *self.model.input_shape[1:]), kind)
        check_array(rows, like, f"{place}._rows", rows=True)
        if codes is not None:
            check_codes(rows, codes, place, "_rows")

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._step += 1

    def on_gradients(self, batch: int, logs: dict[str, Any]) -> None:
        optimizer = self.model.optimizer
        # One that takes all rows at once gives the same at every evaluation.
        wanted = 1 if optimizer.full_batch else _ROWS
        if self.probe is None and (self._rows is None or len(self._rows) < wanted):
            self._take_rows(logs["x"])
        together = optimizer.gradient_accumulation_steps or 1
        step = self._step - 1
        if not optimizer.full_batch and step % (self._stride * together) == together - 1:
            # Before the optimizer overwrites the gradient.
            self._look()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._before is not None:
            self._measure()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.model.optimizer.full_batch:
            self._look()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.model.optimizer.full_batch and self._before is not None:
            self._before = self._before[0], self._summaries(self.model.vector.gradients)
            self._step += 1
            if (self._step - 1) % self._stride == 0:
                self._measure()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._end()

    def on_exception(self, error: BaseException) -> None:
        self._end()

    def _end(self) -> None:
        self._work, self._before = [], None
        self._history = {k: list(v) for k, v in self.model.history.history.items()}
        self._first_epoch = next(iter(self.model.history.epoch), 0)

    def _take_rows(self, x: Array) -> None:
        """Rows from all over the batch, which may be sorted, as far as the probe lacks them."""
        have = 0 if self._rows is None else len(self._rows)
        count = min(_ROWS - have, x.shape[0])
        rows = dense(x[np.linspace(0, x.shape[0] - 1, count).astype(np.intp)])
        self._rows = rows if self._rows is None else np.concatenate([self._rows, rows])

    @np.errstate(all="ignore")
    def _look(self) -> None:
        vector = self.model.vector
        self._before = vector.values.copy(), self._summaries(vector.gradients)

    def _summaries(self, vector: Array) -> Array:
        found = [summary(vector[where]) for where in self._slices.values()]
        return np.array(found, np.float32).reshape(-1, 8)

    @np.errstate(all="ignore")
    def _measure(self) -> None:
        """Add a sample after a step, from the values kept before it and the present ones."""
        assert self._before is not None, "what was before the step is kept"
        values, (before, gradients) = self.model.vector.values, self._before
        self._before = None
        weights = self._summaries(values)
        changes = [
            np.linalg.norm(values[where] - before[where]) / np.linalg.norm(before[where])
            for where in self._slices.values()
        ]
        sample = {
            "weights": weights,
            "gradients": gradients,
            "updates": np.array(changes, np.float32),
            **self._outputs(),
        }
        for name, measured in sample.items():
            self._samples.setdefault(name, []).append(measured)
        self.steps.append(self._step - 1)
        size = sum(measured.nbytes + _OVERHEAD for measured in sample.values())
        if len(self.steps) > max(16, _BUDGET // size):
            self._thin_out()

    def _outputs(self) -> dict[str, Array]:
        """What the layers make of the probe."""
        found, units = [], []
        A = self._rows
        assert A is not None, "the first step has brought rows"
        for layer, work, limits in zip(self.model.layers, self._work, self._ranges, strict=True):
            A = layer.forward(A, work, training=False)
            found.append(summary(A))
            units.append(shares(A, limits))
        dead, saturated = np.array(units, np.float32).T
        return {"activations": np.array(found), "dead": dead, "saturated": saturated}

    def _thin_out(self) -> None:
        self.steps = self.steps[::2]
        self._samples = {name: found[::2] for name, found in self._samples.items()}
        self._stride *= 2

    # -- afterwards ------------------------------------------------------------------------------

    def report(self) -> list[str]:
        """What is out of the ordinary in the last run, a sentence each.

        Dead and saturated units, gradients that vanish or explode, updates that are too small or
        too large, a validation loss that rises since an epoch, a loss that does not move. Layers
        are judged by the last quarter of the samples.

        Returns
        -------
        list of str

        Raises
        ------
        NotBuiltError
            Before any ``fit``.
        """
        self._check("report")
        last = slice(-len(self.steps) // 4, None)

        def recent(name: str) -> Array:
            return np.median(self._series(name)[last], axis=0)

        first = slice(-last.start)
        gradients, updates = self._series("gradients")[..., 0], self._series("updates")
        assert self._rows is not None, "there are samples"
        found = sentences(
            Findings(
                learning=self.layers,
                gradients=np.median(gradients[last], axis=0),
                first_gradients=np.median(gradients[first], axis=0),
                weights=np.median(self._series("weights")[last, :, 0], axis=0),
                updates=recent("updates"),
                # Of weights that begin at zero any step is large.
                first_updates=np.where(np.isinf(updates[0]), 0, np.median(updates[first], axis=0)),
                outputs=self.outputs,
                dead=recent("dead"),
                saturated=recent("saturated"),
                rows=len(self._rows),
            )
        )
        found += sentences_on_losses(self._history, self._first_epoch)
        steps = f"{len(self.steps)} samples, of steps {self.steps[0]} to {self.steps[-1]}"
        return found or [f"Nothing out of the ordinary in {steps}."]

    def plot_weights(self, ax: Any = None, layer: str | None = None) -> Any:
        """Draw the size (root mean square) of each layer's weights by step; or with ``layer`` how
        the weights of that one are spread.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; one of a new figure by itself.
        layer : str, optional
            The name of a layer that learns.

        Returns
        -------
        Axes

        Raises
        ------
        NotBuiltError
            Before any ``fit``.
        UnknownNameError
            If no layer that learns has this name.
        ConfigurationError
            If ``ax`` is no Axes of Matplotlib.
        """
        return self._plot("weights", self.layers, ax, layer)

    def plot_gradients(self, ax: Any = None, layer: str | None = None) -> Any:
        """Draw the size of each layer's gradient by step; or with ``layer`` how it is spread.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; one of a new figure by itself.
        layer : str, optional
            The name of a layer that learns.

        Returns
        -------
        Axes

        Raises
        ------
        NotBuiltError
            Before any ``fit``.
        UnknownNameError
            If no layer that learns has this name.
        ConfigurationError
            If ``ax`` is no Axes of Matplotlib.
        """
        return self._plot("gradients", self.layers, ax, layer)

    def plot_activations(self, ax: Any = None, layer: str | None = None) -> Any:
        """Draw the size of each layer's output by step; or with ``layer`` how it is spread.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; one of a new figure by itself.
        layer : str, optional
            The name of a layer.

        Returns
        -------
        Axes

        Raises
        ------
        NotBuiltError
            Before any ``fit``.
        UnknownNameError
            If no layer has this name.
        ConfigurationError
            If ``ax`` is no Axes of Matplotlib.
        """
        return self._plot("activations", self.outputs, ax, layer)

    def plot_updates(self, ax: Any = None) -> Any:
        """Draw by step how much an update changes the weights of each layer, |dW| / |W|.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; one of a new figure by itself.

        Returns
        -------
        Axes

        Raises
        ------
        NotBuiltError
            Before any ``fit``.
        ConfigurationError
            If ``ax`` is no Axes of Matplotlib.
        """
        self._check("plot_updates")
        from annlib.plots.vitals import plot_layers

        ratios = self._series("updates")
        usual = (1e-4, 1e-2)
        return plot_layers(self.steps, ratios, self.layers, "update / weights", ax, usual=usual)

    def _plot(self, what: str, names: Sequence[str], ax: Any, layer: str | None) -> Any:
        self._check(f"plot_{what}")
        from annlib.plots.vitals import plot_layers, plot_spread

        series = self._series(what)
        if layer is None:
            return plot_layers(self.steps, series[..., 0], names, f"{what}, root mean square", ax)
        check_known(layer, f"Doctor.plot_{what}", "layer as the name of one", names)
        spread = series[:, list(names).index(layer), 1:]
        return plot_spread(self.steps, spread, f"{what} of {layer}", ax)

    def _series(self, name: str) -> Array:
        return np.stack(self._samples[name])

    def _check(self, method: str) -> None:
        if not self.steps:
            raise NotBuiltError(
                f"Doctor.{method}: expected a callback that has been through a fit, got one "
                "without samples. Pass it in fit(..., callbacks=[doctor])."
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_work": [], "_before": None}
