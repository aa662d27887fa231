"""What ``compile`` adds to a model: an optimizer, a loss and metrics, resolved and checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from annlib import losses, metrics, optimizers
from annlib.core.arrays import BatchShape
from annlib.core.config import near
from annlib.core.errors import ConfigurationError, UnknownNameError
from annlib.losses import Loss
from annlib.metrics import Metric, resolve_accuracy
from annlib.optimizers import Optimizer

ACCURACY = ("accuracy", "acc")


class Compiled:
    """The arguments of ``compile``, as objects.

    A metric given as a string is reported under that string; a name that comes twice gets _1, _2.
    """

    def __init__(self, optimizer: Any, loss: Any, metric_arguments: Any) -> None:
        self.optimizer: Optimizer = optimizers.get(optimizer)
        self.loss: Loss | None = None if loss is None else losses.get(loss)
        if self.loss is not None and self.loss.reduction == "none":
            raise ConfigurationError(
                'Sequential.compile: expected a loss that is one number, got reduction="none". '
                'Use "sum_over_batch_size" or "sum".'
            )
        if not isinstance(metric_arguments, list | tuple | None):
            raise ConfigurationError(
                f"Sequential.compile: expected metrics as a list, got {metric_arguments!r}. "
                'Write metrics=["accuracy"], or whichever it is.'
            )
        self._specified: list[Any] = []
        names: list[str] = []
        for argument in metric_arguments or ():
            late = isinstance(argument, str) and argument in ACCURACY
            metric = argument if late else _metric(argument)
            name = argument if isinstance(argument, str) else metric.name
            unique, count = name, 0
            while unique in names:
                count += 1
                unique = f"{name}_{count}"
            names.append(unique)
            if not late and unique != metric.name:
                metric.rename(unique)
            self._specified.append(metric)
        self.names = names
        self.metrics: list[Metric] = [m for m in self._specified if isinstance(m, Metric)]
        self._late = len(self.metrics) < len(self._specified)
        self._settled_for: tuple[BatchShape, BatchShape] | None = None

    def resolve_metrics(self, target_shape: BatchShape, output_shape: BatchShape) -> bool:
        """Settle what "accuracy" means, now that the shapes are known; say if that is new."""
        shapes = target_shape[1:], output_shape[1:]
        new = self._late and shapes != self._settled_for
        if new:
            self.metrics = [
                resolve_accuracy(target_shape, output_shape, name) if isinstance(m, str) else m
                for m, name in zip(self._specified, self.names, strict=True)
            ]
            self._settled_for = shapes
        return new


def check_overrides(part: Loss | Optimizer | None, methods: Sequence[str]) -> None:
    """Raise if a loss or an optimizer of the user's lacks a method that training calls."""
    base = Loss if isinstance(part, Loss) else Optimizer
    for method in methods:
        if part is not None and getattr(type(part), method) is getattr(base, method):
            raise ConfigurationError(
                f"Sequential.compile: expected {type(part).__name__} with a method {method}, got "
                f"none. Write it as {base.__name__}, its base class, documents it."
            )


def _metric(argument: Any) -> Metric:
    try:
        return metrics.get(argument)
    except UnknownNameError:  # the near names are those of compile, accuracy among them
        known = [*ACCURACY, *(name for cls in metrics.registry for name in cls.names)]
        raise UnknownNameError(
            f'Sequential.compile: expected a known metric, got "{argument}". '
            f"{near(str(argument), known)}"
        ) from None
