"""What a loss is: the paper's loss layer (6.3, 7.1), a number for each row and its gradient.

To add one: a class with ``forward`` and ``backward`` side by side, ``@register()`` above it, and a
row in the tests' table of cases. Weights and reductions are here, once.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypedDict

import numpy as np

from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.config import Configurable, refuse_unknown
from annlib.core.errors import ConfigurationError, DataError, ShapeError
from annlib.core.registry import Registry
from annlib.core.workspace import Workspace

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none")


class LossArguments(TypedDict, total=False):
    """The keyword arguments that every loss takes."""

    reduction: str | None
    name: str | None


class Loss(Configurable):
    """E = reduction of w_r E_r over the rows r of a batch.

    A subclass writes

    - ``forward(Y, A, E, work)``: the loss E_r of each row into E, (n,).
    - ``backward(Y, A, dA, work)``: dE_r/dA of each row into dA, of A's shape. It runs after
      ``forward`` with the same ``work`` and finds there what that has stored.

    Parameters
    ----------
    reduction : {"sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none"}
        ``sum_over_batch_size`` (``mean`` is the same) divides by the number of rows n, whatever
        the weights, as Keras does; ``mean_with_sample_weight`` divides by the sum of the weights;
        ``sum`` is the paper's accumulation (5.2); ``none`` keeps one number a row and cannot be
        trained on.
    name : str, optional
    """

    #: Targets are "values" of the prediction's shape, or integer "labels", one a row.
    target_kind: ClassVar[str] = "values"
    #: From logits, ``forward`` leaves the probabilities in ``work`` under this name.
    PROBABILITIES: ClassVar[str] = "probabilities"

    def __init__(
        self,
        *,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown(type(self).__name__, unknown, type(self))
        reduction = "none" if reduction is None else reduction
        if reduction not in REDUCTIONS:
            raise ConfigurationError(
                f"{type(self).__name__}: expected reduction one of {', '.join(REDUCTIONS)}, "
                f"got {reduction!r}."
            )
        self.reduction = reduction
        self._name = name

    @property
    def name(self) -> str:
        """The name given, or the registered one."""
        return self._name or self.names[0]

    def _argument(self, name: str) -> Any:
        return self._name if name == "name" else super()._argument(name)

    # -- what a subclass writes ------------------------------------------------------------------

    def forward(self, Y: Array, A: Array, E: Array, work: Workspace) -> None:
        raise NotImplementedError

    def backward(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        raise NotImplementedError

    # -- what the model calls --------------------------------------------------------------------

    def value(self, Y: Array, A: Array, weights: Array | None, work: Workspace) -> float:
        """The reduced loss of a batch, and in ``work`` what ``gradient`` needs."""
        n = len(A)
        E = work.array("E", n)
        self.forward(Y, A, E, work)
        total = np.dot(E, work.ones(n) if weights is None else weights)
        return float(total) * self._factor(n, weights)

    def gradient(self, Y: Array, A: Array, weights: Array | None, work: Workspace) -> Array:
        """dE/dA of the reduced loss, in a buffer of ``work``; runs after ``value``."""
        dA = work.array("dA", *A.shape)
        self.backward(Y, A, dA, work)
        factor = self._factor(len(A), weights)
        if weights is not None:
            scaled = np.multiply(weights, factor, out=work.array("scaled_weights", len(A)))
            np.multiply(dA, scaled.reshape(-1, *[1] * (A.ndim - 1)), out=dA)
        elif factor != 1.0:
            np.multiply(dA, factor, out=dA)
        return dA

    def _factor(self, n: int, weights: Array | None) -> float:
        """What the sum over the rows is multiplied by."""
        if self.reduction in ("sum", "none"):
            return 1.0
        share = self.denominator(n, weights)
        return 1.0 / share if share else 0.0

    def denominator(self, n: int, weights: Array | None) -> float:
        """The share of a batch in a mean over batches: its n rows, or what they weigh."""
        if self.reduction == "mean_with_sample_weight" and weights is not None:
            return float(weights.sum())
        return float(n)

    # -- the public face -------------------------------------------------------------------------

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss of these predictions, as Keras gives it.

        Parameters
        ----------
        y_true : array_like
            Targets of the prediction's shape, or labels (n,) for a sparse loss.
        y_pred : array_like, (n, units)
        sample_weight : array_like, (n,), optional

        Returns
        -------
        float, or an array (n,) with ``reduction="none"``

        Raises
        ------
        ShapeError
            If the shapes do not agree; nothing is broadcast.
        """
        A = np.asarray(y_pred)
        A = np.asarray(A, A.dtype if A.dtype.char in "fd" else np.float32)
        Y = self.check_targets(np.asarray(y_true), A.shape, type(self).__name__)
        if len(Y) != len(A):
            raise ShapeError(
                f"{type(self).__name__}: expected targets and predictions of one length, got "
                f"{len(Y)} and {len(A)} rows."
            )
        Y = Y.astype(np.intp if self.target_kind == "labels" else A.dtype)
        weights = None
        if sample_weight is not None:
            weights = np.asarray(sample_weight, A.dtype).reshape(-1)
            if weights.shape != A.shape[:1]:
                raise ShapeError(
                    f"{type(self).__name__}: expected one sample weight a row, {A.shape[:1]}, "
                    f"got shape {np.shape(sample_weight)}."
                )
        work = Workspace(A.dtype)
        value = self.value(Y, A, weights, work)
        if self.reduction == "none":
            E = work.array("E", len(A)).copy()
            return E if weights is None else E * weights
        return value

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        """Targets in the layout that ``forward`` takes; (n,) becomes (n, 1) on purpose, here alone.

        Raises
        ------
        ShapeError
            If the targets' shape does not agree with the prediction's.
        """
        return matching_targets(y, output_shape, where, self._layout_hint(y, output_shape))

    def _layout_hint(self, y: Array, output_shape: BatchShape) -> str:
        units = y.shape[-1] if y.ndim > 1 else 1
        return (
            f"Give the output layer {units} unit{'s' * (units > 1)}, or pass targets of the "
            "output's shape."
        )


def matching_targets(y: Array, output_shape: BatchShape, where: str, hint: str) -> Array:
    """``y`` in the shape of the output; nothing broadcasts between prediction and target."""
    row: Shape = tuple(size or 0 for size in output_shape[1:])
    if y.shape[1:] == row:
        return y
    if y.ndim == 1 and row == (1,):
        return y.reshape(-1, 1)
    if row == () and y.shape[1:] == (1,):
        return y.reshape(-1)
    expected = f"(n, {', '.join(map(str, row))})" if row else "(n,)"
    raise ShapeError(
        f"{where}: expected targets y of shape {expected}, which the output has, got {y.shape}. "
        f"{hint}"
    )


def matching_labels(y: Array, units: int, where: str) -> Array:
    """Integer labels (n,) in 0..units-1, from (n,) or (n, 1) of any number type.

    Raises
    ------
    ShapeError
        If there is more than one number a row.
    DataError
        If a label is no integer or outside the output's units.
    """
    if y.ndim == 2 and y.shape[1] == 1:
        y = y.reshape(-1)
    if y.ndim != 1:
        raise ShapeError(
            f"{where}: expected integer labels y of shape (n,), got {y.shape}. For one-hot rows "
            'use loss="categorical_crossentropy".'
        )
    if y.dtype.kind not in "iub" and not (y.dtype.kind == "f" and np.array_equal(y, np.floor(y))):
        raise DataError(
            f"{where}: expected labels that are integers, got {y.dtype} values such as "
            f"{y[:3].tolist()}. Encode classes as 0, 1, ... first (sklearn's LabelEncoder)."
        )
    if y.size and (y.min() < 0 or y.max() >= units):
        bad = sorted({int(label) for label in np.unique(y) if not 0 <= label < units})
        shown = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
        raise DataError(
            f"{where}: expected labels in 0..{units - 1} for an output of {units} units, "
            f"got [{shown}]. "
            + ("Re" if y.min() < 0 else f"Give the output layer {int(y.max()) + 1} units, or re")
            + "-code y from 0."
        )
    return y


registry: Registry[Loss] = Registry("loss", Loss)
register = registry.register
get = registry.get
