"""A model that learns: what ``compile`` chose, and the training step on a batch."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from annlib.callbacks import History
from annlib.core.arrays import Array
from annlib.core.config import serialize
from annlib.core.errors import (
    ConfigurationError,
    DivergenceError,
    NotBuiltError,
    NotCompiledError,
    OwnershipError,
)
from annlib.data import Batch
from annlib.layers import Layer
from annlib.losses import Loss
from annlib.metrics import Metric
from annlib.models.compilation import Compiled, check_overrides
from annlib.models.evaluation import Evaluation
from annlib.models.head import check_output
from annlib.models.inference import Inference
from annlib.models.passes import Pass
from annlib.models.preparation import Prepared, prepare, prepare_inputs
from annlib.models.step import Step
from annlib.models.tally import Tally
from annlib.models.weighted import Weighted
from annlib.optimizers import Optimizer
from annlib.optimizers.loops import can_compile

#: What is made for passes, and is no part of a copy.
_OF_PASSES = ("_step", "_evaluation", "_tally", "_inference")


class Learner(Weighted):
    """A stack with a loss and an optimizer; see ``Sequential``."""

    _compiled: Compiled | None = None
    _step: Step | None = None
    _evaluation: Evaluation | None = None
    _tally: Tally | None = None
    _inference: Inference | None = None
    history: History | None = None
    stop_training: bool = False

    # -- compile ---------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Sequence[Any] | None = None,
        weighted_metrics: Sequence[Any] | None = None,
        *,
        jit_compile: bool | str = "auto",
    ) -> None:
        """Choose how the model learns; the weights stay as they are.

        Parameters
        ----------
        optimizer : str or Optimizer
        loss : str or Loss
        metrics : list of str, Metric or function of (y_true, y_pred)
            ``"accuracy"`` means what the shapes of target and output say.
        weighted_metrics : list, optional
            Metrics that heed ``sample_weight`` and ``class_weight``, which the others do not.
        jit_compile : bool or "auto"
            Whether the rule of ``Adam`` and ``AdamW`` is compiled by Numba: several times as fast,
            the same to the bit. "auto" is where Numba is installed (``annlib[jit]``) and there are
            so many parameters that half a second for the compilation is worth it.

        Raises
        ------
        ConfigurationError
            For unknown names and arguments that cannot be meant; nothing is changed then.
        OwnershipError
            If a layer belongs to another model.
        """
        compiled = Compiled(optimizer, loss, metrics, weighted_metrics, jit_compile)
        if jit_compile is True and not can_compile():
            raise ConfigurationError(
                "Sequential.compile: expected Numba for jit_compile=True, which is not installed. "
                'Run pip install "annlib[jit]", or leave it out: results are the same.'
            )
        self.adopt(compiled)

    def adopt(self, compiled: Compiled, anew: bool = True) -> None:
        """Learn like this; not ``anew`` as before, without warnings, and frozen as it was."""
        self.check_ownership("Sequential.compile")
        for layer in self._layers:
            if type(layer).backward is Layer.backward:
                raise ConfigurationError(
                    f"Sequential.compile: expected layers that can learn, got "
                    f'"{layer.name}" ({type(layer).__name__}) without a backward method. Write '
                    "backward(self, dy, work, *, input_gradient=True)."
                )
        for part, methods in (
            (compiled.loss, ("forward", "backward")),
            (compiled.optimizer, ("step",) if compiled.optimizer.full_batch else ("update",)),
        ):
            check_overrides(part, methods)
        if compiled.loss is not None and self._layers:
            check_output(self._layers, compiled.loss, "Sequential.compile", anew)
        owner = compiled.optimizer.owner and compiled.optimizer.owner()
        if owner not in (None, self) and owner.optimizer is compiled.optimizer:
            raise OwnershipError(
                f"Sequential.compile: expected an optimizer of this model's own, got one that "
                f'trains "{owner.name}". Pass optimizer.clone().'
            )
        if compiled.optimizer.owner is not None and owner is not self:
            compiled.optimizer.reset()  # what it remembers is of a model that is gone
        compiled.optimizer.owner = weakref.ref(self)
        self._compiled = compiled
        self.start_anew()
        self.lay_out_again(refreeze=anew)

    def check_ownership(self, where: str) -> None:
        """Raise ``OwnershipError`` if a layer is another model's."""
        for layer in self._layers:
            owner = layer.owner() if layer.owner is not None else None
            if owner is not None and owner is not self:
                raise OwnershipError(
                    f'{where}: expected layers of this model\'s own, got "{layer.name}" '
                    f'of "{owner.name}", whose weights they are. For a model of its own: '
                    "annlib.clone_model(model) with new weights, copy.deepcopy(layers) with these."
                )

    def compiled_state(self, where: str = "Sequential") -> Compiled:
        """What ``compile`` left; raises if there was none."""
        if self._compiled is None:
            raise NotCompiledError(
                f"{where}: expected a compiled model, got one without loss and optimizer. Call "
                'compile(optimizer="adam", loss="mse") first.'
            )
        return self._compiled

    def compiled_with_loss(self, where: str = "Sequential") -> Compiled:
        """The same; raises if there is no loss, either."""
        compiled = self.compiled_state(where)
        if not compiled.has_loss:
            raise NotCompiledError(
                f'{where}: expected a loss, got none. Call compile(..., loss="mse") or another.'
            )
        return compiled

    def compiled_loss(self, where: str = "Sequential") -> Loss:
        """The loss itself, which for "crossentropy" takes data to know; raises if there is none."""
        loss = self.compiled_with_loss(where).loss
        if loss is None:
            raise NotBuiltError(
                f"{where}: expected a model that has seen data, got none to tell which "
                "crossentropy is meant. Call fit or evaluate first, or name the loss."
            )
        return loss

    @property
    def compiled(self) -> bool:
        """Whether ``compile`` was called."""
        return self._compiled is not None

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer, or None before ``compile``."""
        return self._compiled.optimizer if self._compiled else None

    @property
    def loss(self) -> Loss | None:
        """The loss, or None; "crossentropy" is settled when the first data come."""
        return self._compiled.loss if self._compiled else None

    @property
    def metrics(self) -> list[Metric]:
        """The metrics, without the loss."""
        return list(self._compiled.metrics) if self._compiled else []

    @property
    def metrics_names(self) -> list[str]:
        """What ``evaluate`` returns, by name: the loss first."""
        return ["loss", *(self._compiled.names if self._compiled else [])]

    @property
    def step(self) -> Step:
        """The training step on a batch, with its memory."""
        if self._step is None:
            self.check_ownership("Sequential.fit")
            self.lay_out_again(refreeze=False)
            self._step = Step(self)
        return self._step

    @property
    def evaluation(self) -> Evaluation:
        """The model at rest on a batch with targets, with its memory."""
        if self._evaluation is None:
            self._evaluation = Evaluation(self)
        return self._evaluation

    @contextlib.contextmanager
    def running(self, run: Step | Evaluation) -> Iterator[Tally]:
        """While it runs, this is what ``get_metrics_result`` tells of; then the data are let go."""
        before, self._tally = self._tally, run.tally
        run.tally.reset()
        try:
            yield run.tally
        finally:
            run.forget()
            self._tally = before or run.tally

    def reset_metrics(self) -> None:
        """Begin loss and metrics of training anew."""
        self.step.tally.reset()

    def get_compile_config(self) -> dict[str, Any] | None:
        """What ``compile`` was given, as values that JSON can hold; None before it."""
        if self._compiled is None:
            return None
        given = self._compiled.given
        return {key: serialize(value, f"compile.{key}") for key, value in given.items()}

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """``compile`` with what ``get_compile_config`` gave."""
        self.compile(**config)

    def get_metrics_result(self) -> dict[str, float]:
        """Loss and metrics since they were last reset, as the progress bar shows them."""
        tally = self.step.tally if self._tally is None else self._tally
        return dict(sorted(tally.results().items()))

    # -- on one batch ----------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One update on these rows; returns loss and metrics of this batch as ``evaluate`` does."""
        data = prepare(self, x, y, sample_weight, class_weight, "Sequential.train_on_batch")
        data.admit(self)
        try:
            return self._on_batch(data, self.step, self.step.train, return_dict)
        except DivergenceError as error:
            raise DivergenceError(f"Sequential.train_on_batch: {error}") from None

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics on these rows, without an update."""
        data = prepare(self, x, y, sample_weight, None, "Sequential.test_on_batch")
        data.admit(self)
        where = "Sequential.test_on_batch"
        return self._on_batch(data, self.evaluation, self.evaluation.test, return_dict, where)

    def _on_batch(
        self,
        data: Prepared,
        run: Step | Evaluation,
        act: Callable[[Batch], None],
        as_dict: bool,
        where: str = "",
    ) -> Any:
        (batch,) = data.batches(self, len(data.x)).in_turn(where)
        with self.running(run) as tally:
            act(batch)
            return self._returned(tally.results(), as_dict)

    def predict_on_batch(self, x: Any) -> Array:
        """The output for these rows in one pass."""
        return self._in_one_pass(x, "Sequential.predict_on_batch")

    def __call__(self, x: Any, training: bool = False) -> Array:
        """The output for one batch; with ``training=True`` as a training pass computes it.

        The pass is thrown away: no weight and no statistic changes. A training pass draws from
        the model's random streams, so that every call drops other units.
        """
        return self._in_one_pass(x, "Sequential.__call__", training)

    def _in_one_pass(self, x: Any, where: str, training: bool = False) -> Array:
        data = prepare_inputs(self, x, where)
        data.admit(self)
        rng_of = self.rng_of if training else (lambda layer: None)
        (batch,) = data.batches(self, len(data.x)).in_turn(where)
        with np.errstate(all="ignore"):
            one = Pass(self._layers, self.dtype, rng_of)
            return np.array(one.forward(batch.x, training=training))

    def _returned(self, results: dict[str, float], return_dict: bool) -> Any:
        if return_dict:
            return dict(sorted(results.items()))
        values = list(results.values())
        return values if len(values) > 1 else values[0]

    def _rearranged(self) -> None:
        # What the optimizer remembers was of other layers, even where names and shapes agree.
        if self._compiled is not None:
            self._compiled.optimizer.reset()

    def start_anew(self) -> None:
        """Drop the memory of passes that were made for another layout, loss or metrics."""
        self._step = self._evaluation = self._tally = self._inference = None

    def _changed(self) -> None:
        self.start_anew()
        super()._changed()

    def _lay_out(self, refreeze: bool = True) -> None:
        self.start_anew()
        super()._lay_out(refreeze)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), **dict.fromkeys(_OF_PASSES)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self._compiled is not None:
            self._compiled.optimizer.owner = weakref.ref(self)
