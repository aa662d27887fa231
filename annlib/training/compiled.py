"""The arguments of ``compile`` as objects: an optimizer, a loss and metrics, checked."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib import losses, metrics, optimizers
from annlib.core import settings
from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_count_or, check_flag, is_number
from annlib.core.errors import (
    ConfigurationError,
    NotBuiltError,
    NotCompiledError,
    UnknownNameError,
    quote,
    show,
)
from annlib.core.settings import check_jit_compile
from annlib.core.workspace import Workspace
from annlib.layers import Layer
from annlib.losses import Loss, resolve_crossentropy
from annlib.metrics import MeanMetricWrapper, Metric
from annlib.metrics.lookup import metric_of
from annlib.optimizers import Optimizer
from annlib.training.fused_loss import check_output
from annlib.training.outputs import Outputs
from annlib.training.running_metrics import RunningMetrics

ACCURACY = ("accuracy", "acc")
CROSSENTROPY = ("crossentropy", "ce")
_Key = tuple[BatchShape, BatchShape, Layer]
# Rows of the targets that each metric tries.
_TRIED = 256
# What logs hold under names of their own, and what begins the names of a validation's values.
_RESERVED = ("loss", "learning_rate", "epoch", "batch")
_OF_VALIDATION = "val_"


class Compiled:
    """An optimizer, a loss and metrics: what ``compile`` was given, as objects.

    A metric given as a string is reported under that string; a name that comes twice gets _1, _2.
    What "crossentropy" and "accuracy" mean is resolved when the shapes of the data are known.
    """

    def __init__(
        self,
        optimizer: Any,
        loss: Any,
        metrics: Any = None,
        weighted_metrics: Any = None,
        jit_compile: bool | str = "auto",
    ) -> None:
        self.optimizer: Optimizer = optimizers.registry.get(optimizer, "compile.optimizer")
        self._deferred_loss = isinstance(loss, str) and loss.lower() in CROSSENTROPY
        self.loss: Loss | None = None
        if loss is not None and not self._deferred_loss:
            self.loss = losses.get(loss, "compile.loss")
        if self.loss is not None and self.loss.reduction == "none":
            raise ConfigurationError(
                'Sequential.compile: expected a loss that is one number, got reduction="none". '
                'Use "sum_over_batch_size" or "sum".'
            )
        for name, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if not isinstance(given, list | tuple | None):
                raise ConfigurationError(
                    f"Sequential.compile: expected {name} as a list, got {show(given)}. "
                    f'Write {name}=["accuracy"], or whichever it is.'
                )
        check_jit_compile(jit_compile, "Sequential.compile")
        #: Whether the mode was asked for, and is not that of the process.
        self.mode_given = jit_compile != "auto"
        self.jit_compile = jit_compile if self.mode_given else settings.jit_compile()
        self._specified: list[Any] = []
        self._given: list[Any] = []
        self.names: list[str] = []
        for argument in metrics or ():
            self._specify(argument, "", "metrics")
        #: How many of the metrics, the first ones, take every row alike.
        self.unweighted = len(self._specified)
        for argument in weighted_metrics or ():
            self._specify(argument, "weighted_", "weighted_metrics")
        self.metrics: list[Metric] = [m for m in self._specified if isinstance(m, Metric)]
        self._deferred = len(self.metrics) < len(self._specified)
        #: For which outputs the names are resolved, and the metrics known to suit.
        self._resolved_for: _Key | None = None
        self._checked_for: _Key | None = None
        #: Of each metric, whether it gets outputs after the link of the loss.
        self._linked: list[bool] = []
        #: The arguments, with objects where classes, functions and most names stood for them.
        self.given: dict[str, Any] = {
            "optimizer": self.optimizer,
            "loss": loss if self._deferred_loss else self.loss,
            "metrics": self._given[: self.unweighted],
            "weighted_metrics": self._given[self.unweighted :],
            "jit_compile": self.jit_compile,
        }

    def set_mode(self, jit_compile: bool | str) -> None:
        """Compile, or do not, as a run did that is continued."""
        self.jit_compile = self.given["jit_compile"] = jit_compile

    def _specify(self, argument: Any, prefix: str, given_as: str) -> None:
        """Take in a metric under a name of its own; ``prefix`` sets a second one apart."""
        deferred = isinstance(argument, str) and argument.lower() in ACCURACY
        metric = argument if deferred else _metric(argument, f"compile.{given_as}")
        name = argument if isinstance(argument, str) else metric.name
        if name in self.names:
            name = f"{prefix}{name}"
        unique, count = name, 0
        while unique in self.names:
            count += 1
            unique = f"{name}_{count}"
        _check_metric_name(unique)
        self.names.append(unique)
        if not deferred and unique != metric.name:
            metric.rename(unique)
        self._specified.append(metric)
        self._given.append(argument if isinstance(argument, str) else metric)

    def check_dtype(self, dtype: str) -> None:
        """Raise ``ConfigurationError`` if loss or metrics were given another type than this."""
        for part in (self.loss, *self.metrics):
            if part is not None:
                part._check_dtype(dtype, "Sequential.compile")

    @property
    def has_loss(self) -> bool:
        """Whether there is one, or will be when the data come."""
        return self.loss is not None or self._deferred_loss

    def loss_for(self, target_shape: BatchShape, output_shape: BatchShape) -> Loss:
        """The loss for targets and outputs of these shapes."""
        if self._deferred_loss:
            return resolve_crossentropy(target_shape, output_shape)
        assert self.loss is not None, "checked in fit"
        return self.loss

    def require_loss(self, where: str = "Sequential") -> Loss:
        """The loss object; "crossentropy" is resolved only once data shapes are known.

        Raises
        ------
        NotCompiledError, NotBuiltError
            If there is none, or none yet.
        """
        if not self.has_loss:
            raise NotCompiledError(
                f'{where}: expected a loss, got none. Call compile(..., loss="mse") or another.'
            )
        if self.loss is None:
            raise NotBuiltError(
                f"{where}: expected a model that has seen data, got none to tell which "
                "crossentropy is meant. Call fit or evaluate first, or name the loss."
            )
        return self.loss

    def check_layers(self, layers: Sequence[Layer], *, warn: bool = True) -> None:
        """Raise ``ConfigurationError`` if these layers cannot be trained with these parts."""
        for layer in layers:
            if type(layer).backward is Layer.backward:
                raise ConfigurationError(
                    f"Sequential.compile: expected layers that can learn, got "
                    f'"{layer.name}" ({type(layer).__name__}) without a backward method. Write '
                    "backward(self, dy, work, *, input_gradient=True)."
                )
        _check_overrides(self.loss, ("forward", "backward"))
        _check_overrides(self.optimizer, ("step",) if self.optimizer.full_batch else ("update",))
        if self.loss is not None and layers:
            check_output(layers, self.loss, "Sequential.compile", warn)

    def check_metrics(
        self, target: Array, outputs: Outputs, where: str, weights: Array | None = None
    ) -> None:
        """Look at what each metric would get, and let it try some of the targets, before a step
        has been made.

        Raises
        ------
        ConfigurationError, DataError, ShapeError
            If it cannot take them.
        """
        if not self._specified:
            return
        there, loss = None, outputs.loss
        if loss.masks:
            target, there = loss.present(target, Workspace("float64"))
        output_shape, key = outputs.shape, _key(outputs)
        meant = self.metrics if key == self._resolved_for else self._meant(outputs)
        new = key != self._checked_for
        for metric, given in zip(meant, self._specified, strict=True):
            named = isinstance(given, str)
            if named and new:
                outputs.check_accuracy(given, where)
            outputs.check_targets(metric, target, where, named=named)
            if new:
                settled = copy.copy(metric)
                settled.settle(of_labels=outputs.of_labels)
                outputs.check(settled, f'"{given}"' if named else type(metric).__name__, where)
        self._checked_for = key
        rows = np.linspace(0, len(target) - 1, min(_TRIED, len(target))).astype(np.intp)
        predictions = np.full((len(rows), *(size or 0 for size in output_shape[1:])), 0.5)
        for metric in self._specified:
            of_function = isinstance(metric, MeanMetricWrapper) and metric.function_name
            if isinstance(metric, Metric) and not of_function:
                metric.clone().update_state(target[rows], predictions)
        missing, what = there is not None and there.ndim > 1, "targets may be missing"
        if there is None or not missing:
            there, what = weights, "sample_weight has one an output"
        if there is None or there.ndim == 1:
            return
        tried = np.ones((len(rows), *there.shape[1:]))
        for metric in meant if missing else meant[self.unweighted :]:
            outputs.check_weights(metric, target[rows], predictions, tried, where, what)

    def outputs(
        self, layers: Sequence[Layer], target_shape: BatchShape, output_shape: BatchShape
    ) -> Outputs:
        """What the outputs of these layers are to the loss and the metrics."""
        loss = self.loss_for(target_shape, output_shape)
        return Outputs(layers, loss, target_shape, output_shape)

    def resolve(self, outputs: Outputs) -> bool:
        """Resolve what the names mean, and what each metric gets, now that the outputs are known;
        say if that is new.
        """
        key = _key(outputs)
        if key == self._resolved_for:
            return False
        before = self._linked or [False] * len(self._specified)
        self.loss, self.metrics = outputs.loss, self._meant(outputs)
        for metric in self.metrics:
            metric.settle(of_labels=outputs.of_labels)
        self._linked = [outputs.are_linked_for(metric) for metric in self.metrics]
        self._resolved_for = key
        return self._deferred or self._deferred_loss or self._linked != before

    def _meant(self, outputs: Outputs) -> list[Metric]:
        """The metrics, those that "accuracy" means among them."""
        return [
            outputs.accuracy(name) if isinstance(metric, str) else metric
            for metric, name in zip(self._specified, self.names, strict=True)
        ]

    def running_metrics(self, metrics: Sequence[Metric]) -> RunningMetrics:
        """The running loss and these metrics, which are its own or copies of them."""
        return RunningMetrics(self.names, metrics, self.unweighted, self._linked)


def check_keras_arguments(
    run_eagerly: Any, steps_per_execution: Any, loss_weights: Any, auto_scale_loss: Any
) -> None:
    """Raise ``ConfigurationError`` for arguments of Keras' that would change what is learned."""
    where = "Sequential.compile"
    if run_eagerly is not None:
        check_flag(run_eagerly, where, "run_eagerly")
    check_flag(auto_scale_loss, where, "auto_scale_loss")
    check_count_or(steps_per_execution, where, "steps_per_execution", "auto")
    given = loss_weights
    if isinstance(given, dict):
        given = list(given.values())
    if isinstance(given, list | tuple) and len(given) == 1:
        (given,) = given
    if given is not None and not (is_number(given) and given == 1):
        raise ConfigurationError(
            f"{where}: expected loss_weights None or 1, since a Sequential has one output and one "
            f"loss, got {show(loss_weights)}. Leave it out; a factor of the loss is a "
            "sample_weight."
        )


def require(
    compiled: Compiled | None, where: str = "Sequential", *, loss: bool = False
) -> Compiled:
    """The compiled configuration, or ``NotCompiledError``: there is none, or none with a loss."""
    if compiled is None:
        raise NotCompiledError(
            f"{where}: expected a compiled model, got one without loss and optimizer. Call "
            'compile(optimizer="adam", loss="mse") first.'
        )
    if loss and not compiled.has_loss:
        compiled.require_loss(where)
    return compiled


def _check_overrides(part: Loss | Optimizer | None, methods: Sequence[str]) -> None:
    """Raise if a loss or an optimizer of the user's lacks a method that training calls."""
    base = Loss if isinstance(part, Loss) else Optimizer
    for method in methods:
        if part is not None and getattr(type(part), method) is getattr(base, method):
            raise ConfigurationError(
                f"Sequential.compile: expected {type(part).__name__} with a method {method}, got "
                f"none. Write it as {base.__name__}, its base class, documents it."
            )


def _key(outputs: Outputs) -> _Key:
    """What decides on the meaning of names, and on what each metric gets."""
    return outputs.target_shape[1:], outputs.shape[1:], outputs.layer


def _check_metric_name(name: str) -> None:
    """Raise if a metric of this name would stand in the place of another value of the logs."""
    what = None
    if name in _RESERVED:
        what = "which is what the logs call another value"
    elif name.startswith(_OF_VALIDATION):
        what = "which is what the logs call a value of the validation data"
    if what is not None:
        raise ConfigurationError(
            f'Sequential.compile: expected metrics with names of their own, got "{name}", {what}. '
            f'Give it another: name="my_{name}", or another name for the function.'
        )


def _metric(argument: Any, where: str) -> Metric:
    try:
        return metric_of(argument, where)
    except UnknownNameError:  # the near names are those of compile, accuracy among them
        raise UnknownNameError(
            f"{where}: expected a known metric, got {quote(argument)}. "
            f"{metrics.registry.suggest(argument, *ACCURACY)}"
        ) from None
