"""Losses whose outputs are alike: each has a term of its own, a weight, and perhaps no target."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.checks import check_flag
from annlib.core.errors import ConfigurationError
from annlib.core.workspace import Workspace
from annlib.losses.base import Loss, LossArguments


class OutputLossArguments(LossArguments, total=False):
    """The keyword arguments of a loss whose outputs are alike."""

    mask_nan: bool


class LossOfOutputs(Loss):
    """A loss that is the sum over a row's outputs, which are alike: E_r = sum_i w_ri e(y_i, a_i).

    A subclass writes

    - ``terms(Y, A, T, work)``: e of each output into T, of A's shape.
    - ``slopes(Y, A, dA, work)``: de/da of each into dA. It runs after ``terms`` with the same
      ``work``, and finds T there as ``work.array("terms", *A.shape)``.

    Parameters
    ----------
    mask_nan : bool
        Whether targets that are NaN are missing: they count in neither sum nor denominator. The
        mean is over the outputs that are there, whichever rows they are in; with the reductions
        ``sum`` and ``none`` each row is a mean over its own.

    Raises
    ------
    ConfigurationError
        For an argument out of its range, or an unknown reduction.
    ArgumentError
        For an argument that it does not have; the message names the nearest.
    ShapeError, DataError
        When it is called, or in ``fit``, for shapes that do not agree, and for what is no number or
        no target of it.

    Notes
    -----
    ``mask_nan`` is refused of a subclass with a ``forward`` or ``backward`` of its own, which knows
    nothing of it.

    Examples
    --------
    >>> class Cubes(LossOfOutputs):
    ...     def terms(self, Y, A, T, work):
    ...         np.power(np.abs(A - Y), 3, out=T)
    ...     def slopes(self, Y, A, dA, work):
    ...         np.multiply(3 * (A - Y), np.abs(A - Y), out=dA)
    >>> Cubes()([[0.0, 0.0]], [[1.0, -2.0]])
    9.0
    """

    mask_nan: bool = False

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        *,
        mask_nan: bool = False,
        **unknown: Any,
    ) -> None:
        super().__init__(reduction, name, **unknown)
        where = type(self).__name__
        self.mask_nan = check_flag(mask_nan, where, "mask_nan")
        self.masks = self.mask_nan
        if mask_nan and not self.weighs_outputs:
            raise ConfigurationError(
                f"{where}: expected no mask_nan with a forward or backward of its own, which "
                "knows nothing of it, got mask_nan=True. Write terms and slopes instead."
            )

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        """Write the loss e of each output into T.

        Parameters
        ----------
        Y, A : ndarray, (n, units)
            Targets and predictions.
        T : ndarray, (n, units)
            The result.
        work : Workspace
            Scratch, kept until ``slopes``.

        Raises
        ------
        NotImplementedError
            Of a subclass that does not write it.
        """
        raise NotImplementedError

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        """Write de/da of each output into dA; runs after ``terms`` with the same ``work``.

        Parameters
        ----------
        Y, A : ndarray, (n, units)
            Targets and predictions.
        dA : ndarray, (n, units)
            The result.
        work : Workspace
            Scratch, with what ``terms`` left there.

        Raises
        ------
        NotImplementedError
            Of a subclass that does not write it.
        """
        raise NotImplementedError

    def missing(self, Y: Array, out: Array | None = None) -> Array:
        return np.asarray(np.isnan(Y) if out is None else np.isnan(Y, out=out))

    @property
    def weighs_outputs(self) -> bool:
        cls, base = type(self), LossOfOutputs
        return cls.forward is base.forward and cls.backward is base.backward

    def forward(self, Y: Array, A: Array, E: Array, work: Workspace) -> None:
        T = work.array("terms", *A.shape)
        self.terms(Y, A, T, work)
        self._add_up(T, E, work)

    def backward(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        self.slopes(Y, A, dA, work)
        if self.averages_outputs and A.size > len(A):
            np.multiply(dA, len(A) / A.size, out=dA)

    def _add_up(self, T: Array, E: Array, work: Workspace) -> None:
        """The sum or mean of each row's terms."""
        rows = T.reshape(len(T), -1)
        width = rows.shape[1]
        if width == 1:
            np.add(rows.reshape(-1), numerics.ZERO[E.dtype.char], out=E)  # no row is -0.0
            return
        parts = work.array("parts", width)
        # The mean as a sum of parts cannot overflow, as the sum of all can.
        parts.fill(1 / width if self.averages_outputs else 1)
        rows.dot(parts, E)

    def _value_of_each(self, Y: Array, A: Array, weights: Array | None, work: Workspace) -> float:
        Y, W, n = self.counted(Y, weights, work)
        assert W is not None, "missing targets weigh 0"
        T, E = work.array("terms", *A.shape), work.array("E", len(A))
        self.terms(Y, A, T, work)
        self._leave_out_missing(T, work)
        self._add_up(np.multiply(T, W, out=work.array("weighted", *A.shape)), E, work)
        return float(np.dot(E, self._shares(n, W, work))) + 0.0

    def _gradient_of_each(
        self, Y: Array, A: Array, weights: Array | None, work: Workspace
    ) -> Array:
        Y, W, n = self.counted(Y, weights, work)
        assert W is not None, "missing targets weigh 0"
        dA = work.array("dA", *A.shape)
        self.backward(Y, A, dA, work)
        self._leave_out_missing(dA, work)
        np.multiply(dA, W, out=dA)
        return np.multiply(dA, self._factor(n, W), out=dA)

    def _each_counts(self, A: Array, weights: Array | None) -> bool:
        return A.ndim > 1 and (self.masks or (weights is not None and weights.ndim > 1))

    def _leave_out_missing(self, T: Array, work: Workspace) -> None:
        """Zeros where there is no target, also for infinite numbers, whose product is none."""
        if self.masks:
            np.copyto(T, 0, where=work.array("missing", *T.shape, dtype=bool))


class MeanOverOutputs(LossOfOutputs):
    """A loss that is the mean over a row's outputs: E_r = 1/N sum_i e(y_i, a_i).

    A subclass writes ``terms`` and ``slopes``, as of ``LossOfOutputs``.

    Examples
    --------
    >>> class Cubes(MeanOverOutputs):
    ...     def terms(self, Y, A, T, work):
    ...         np.power(np.abs(A - Y), 3, out=T)
    ...     def slopes(self, Y, A, dA, work):
    ...         np.multiply(3 * (A - Y), np.abs(A - Y), out=dA)
    >>> Cubes()([[0.0, 0.0]], [[1.0, -2.0]])
    4.5
    """

    averages_outputs = True


def differences(Y: Array, A: Array, work: Workspace) -> Array:
    """D = A - Y, kept in ``work`` as "D"."""
    return np.subtract(A, Y, out=work.array("D", *A.shape))
