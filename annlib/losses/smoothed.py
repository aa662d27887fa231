"""Smoothed targets: what the cross-entropies of targets between 0 and 1 share."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_flag, check_number
from annlib.core.formula import number
from annlib.core.workspace import Workspace
from annlib.losses.base import Loss, LossArguments, check_last_axis
from annlib.losses.outputs import OutputLossArguments
from annlib.losses.targets import is_labels, targets_between

#: Beyond so many, whole numbers are hardly labels.
_MANY = 1000


class SmoothedArguments(LossArguments, total=False):
    """The keyword arguments of a loss with smoothed targets."""

    from_logits: bool
    label_smoothing: float
    axis: int


class Smoothed(Loss):
    """What the cross-entropies of targets between 0 and 1 share: their arguments and targets."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        *shared: Any,
        **keywords: Unpack[OutputLossArguments],
    ) -> None:
        super().__init__(*shared, **keywords)
        where = type(self).__name__
        self.from_logits = check_flag(from_logits, where, "from_logits")
        self.label_smoothing: float = check_number(
            label_smoothing, where, "label_smoothing", "[0, 1]"
        )
        self.axis = check_last_axis(axis, where)

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        y = super().check_targets(y, output_shape, where)
        hint = "Re-code classes as 0 and 1."
        if y.size and 2 <= y.max() < _MANY and is_labels(y, _MANY):
            units = int(y.max()) + 1
            hint = (
                f'Labels of {units} classes want {units} units with activation="softmax" in the '
                'output layer and loss="sparse_categorical_crossentropy"; two classes are 0 and 1.'
            )
        return targets_between(y, 0, 1, where, hint)

    def effective_targets(self, Y: Array, work: Workspace) -> Array:
        """Y (1 - s) + s / N, of N exclusive classes or of two."""
        if not self.label_smoothing:
            return Y
        classes = Y.shape[1] if self.task == "classes" else 2
        smooth = np.multiply(Y, 1 - self.label_smoothing, out=work.array("smooth", *Y.shape))
        return np.add(smooth, self.label_smoothing / classes, out=smooth)

    def _before(self, classes: str, activation: str) -> tuple[str, ...]:
        """The lines of a formula that soften the targets, and make probabilities of logits."""
        lines = (activation,) if self.from_logits else ()
        if not self.label_smoothing:
            return lines
        s = number(self.label_smoothing)
        return (rf"y_i \leftarrow (1 - {s}) y_i + \frac{{{s}}}{{{classes}}}", *lines)
