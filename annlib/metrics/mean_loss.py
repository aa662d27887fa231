"""A metric that is the mean over rows of a loss."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import ShapeError
from annlib.core.registry import FAMILIES
from annlib.core.workspace import Workspace
from annlib.metrics.base import Direction, MeanOverRows, Reads, check_probabilities

# Rows whose targets the loss checks at once: what that allocates does not grow with the batch.
_CHUNK = 4096


class MeanLoss(MeanOverRows):
    """The mean of the loss E_r of each row, computed in double precision.

    A subclass names the loss, whose arguments its own are, but for ``name``.
    """

    direction: ClassVar[Direction | None] = "down"
    #: As the losses' registry knows it; metrics import no losses.
    loss: ClassVar[str]
    #: If predictions are probabilities: how large they may be. (Those that are divided by their sum
    #: may be of any size.)
    largest: ClassVar[float | None] = None
    from_logits: bool = False

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        arguments = {key: value for key, value in self._arguments().items() if key != "name"}
        self._loss: Any = FAMILIES["loss"].find(self.loss)(**arguments)

    def reads(self, units: int) -> Reads:
        if self.from_logits:
            return "logits"
        return "outputs" if self.largest is None else "probabilities"

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        n = len(A)
        Y, A, _ = self._loss.vectors(*self._parts(Y, A, work), None, work)
        E = work.array("metric.E", len(A))
        if len(A):
            self._loss.forward(Y, A, E, work)
        return E if len(E) == n else E.reshape(n, -1).mean(axis=1)

    def outputs(self, Y: Array, A: Array, work: Workspace) -> Array:
        T = work.array("terms", *A.shape)
        self._loss.terms(*self._parts(Y, A, work), T, work)
        return T

    @property
    def weighs_outputs(self) -> bool:
        """Whether each output can have a weight: the loss is a mean of them."""
        return super().weighs_outputs and self._loss.weighs_outputs and self._loss.averages_outputs

    def _parts(self, Y: Array, A: Array, work: Workspace) -> tuple[Array, Array]:
        """Targets and predictions, checked, as the loss takes them."""
        if self.largest is not None and not self.from_logits:
            check_probabilities(A, type(self).__name__, self.for_scores, self.largest)
        Y = self._targets(Y, A, work)
        if A.dtype != np.float64:
            double = work.array("metric.A", *A.shape)
            np.copyto(double, A)
            A = double
        return Y, A

    def _targets(self, Y: Array, A: Array, work: Workspace) -> Array:
        """Targets in the layout and the type that the loss takes."""
        n, where = len(A), type(self).__name__
        if Y.shape[:1] != (n,):
            raise ShapeError(
                f"{where}: expected targets and predictions of one length, got shapes {Y.shape} "
                f"and {A.shape}."
            )
        dtype = np.intp if self._loss.target_kind == "labels" else np.float64
        for start in range(0, max(n, 1), _CHUNK):
            part = slice(start, start + _CHUNK)
            checked = self._loss.check_targets(Y[part], A.shape, where)
            targets = work.array("metric.Y", n, *checked.shape[1:], dtype=dtype)
            np.copyto(targets[part], checked, casting="unsafe")
        return targets
