"""Discretization: numbers as the number of the bin that they fall into."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_count, check_number, check_numbers
from annlib.core.errors import ConfigurationError, show
from annlib.core.formula import Formula
from annlib.core.workspace import Workspace
from annlib.data import as_source, check_names, check_steps, check_type, is_stream, materialize
from annlib.layers.base import LayerArguments, register
from annlib.layers.categories import Categories, shortened
from annlib.layers.normalization import parts_of

#: Numbers that are looked up at a time.
_AT_A_TIME = 1024


@register("discretization")
class Discretization(Categories):
    """y = how many boundaries are at most x: bin 0 is below the first, the last from the last on.

    The boundaries are given, or quantiles of data that ``adapt`` was shown, for all features
    together. The derivative is 0: nothing learns through it.

    Parameters
    ----------
    bin_boundaries : list of float, optional
        In rising order; n boundaries make n + 1 bins.
    num_bins : int, at least 1, optional
        How many bins ``adapt`` is to make. Give one of the two; with both, the boundaries are what
        ``adapt`` has found before, and it may find others.
    epsilon : float, in (0, 1)
        The quantiles' precision, as a share of the rows.
    output_mode : {"int", "one_hot", "multi_hot", "count"}
        The number of the bin, or rows as of ``CategoryEncoding``.
    sparse : bool
        Only False: rows are dense.

    Raises
    ------
    ConfigurationError
        For boundaries that do not rise, or neither of the two arguments.

    Examples
    --------
    >>> from annlib import Sequential
    >>> layer = Discretization([0.0, 1.0])
    >>> Sequential([layer]).predict([[-0.5, 0.0], [0.5, 7.0]])
    array([[0., 1.],
           [1., 2.]], dtype=float32)
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"bin_boundaries": [0.0, 1.0]}
    _stored_as = {"name": "_name", "bin_boundaries": "_boundaries"}  # noqa: RUF012  # never changed

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(output_mode, sparse, **keywords)
        where = "Discretization"
        self._boundaries: list[float] | None = None
        if bin_boundaries is not None:
            found = check_numbers(bin_boundaries, where, "bin_boundaries").tolist()
            if any(one > other for one, other in pairwise(found)):
                raise ConfigurationError(
                    f"{where}: expected bin_boundaries in rising order, got {show(bin_boundaries)}."
                )
            self._boundaries = found
        self.num_bins = None if num_bins is None else check_count(num_bins, where, "num_bins")
        if self.num_bins is None and self._boundaries is None:
            raise ConfigurationError(f"{where}: expected bin_boundaries or num_bins, got neither.")
        self.epsilon = float(check_number(epsilon, where, "epsilon", "(0, 1)"))

    def __repr__(self) -> str:
        return shortened(super().__repr__(), self._boundaries)

    @property
    def bin_boundaries(self) -> list[float] | None:
        """The boundaries in use; None before ``adapt``."""
        return None if self._boundaries is None else list(self._boundaries)

    @property
    def adaptable(self) -> bool:  # type: ignore[override]  # it depends on the arguments
        """Whether ``adapt`` may find its boundaries."""
        return self.num_bins is not None

    @property
    def depth(self) -> int:
        return len(self._known()) + 1

    def _known(self) -> list[float]:
        if self._boundaries is None:
            raise ConfigurationError(
                f'layer "{self.name or "discretization"}": expected boundaries, got none. Call '
                "adapt(data) before, or pass bin_boundaries."
            )
        return self._boundaries

    def build(self, input_shape: BatchShape) -> None:
        self._known()

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Take quantiles of data for the boundaries, as Keras does: from a summary of about
        1 / ``epsilon`` numbers, in float32.

        Parameters
        ----------
        data : array_like or frame, (n, ...); or what gives batches of it
            As ``Normalization.adapt`` takes it.
        steps : int, optional
            How many batches to read; needed for what has no end.

        Raises
        ------
        DataError, ConfigurationError
            Before anything is changed.
        """
        where = "Discretization.adapt"
        if self.num_bins is None:
            raise ConfigurationError(
                f"{where}: expected a layer with num_bins, got {self!r}, whose boundaries are "
                "given. Pass num_bins, or do not adapt."
            )
        steps = check_steps(data, steps, where)
        names = check_names(data, self.feature_names if self._owner else None, where, "data")
        parts = parts_of(data, where, steps)[1] if is_stream(data) else [_whole(data, where)]
        summary = np.empty((2, 0), np.float32)
        for part in parts:
            summary = _joined(_summary(part, self.epsilon), summary, self.epsilon)
        found = _compressed(summary, 1.0 / self.num_bins)[0, :-1].tolist()
        wide = self._built_shape is not None and self.output_mode != "int"
        if wide and len(found) + 1 != self.depth:
            raise ConfigurationError(
                f"{where}: expected data that make {self.depth} bins, for which the layer was "
                f"built, got {len(found) + 1}. Build a new model."
            )
        self._boundaries = found
        self.feature_names = names or (self.feature_names if self._owner else None)

    def codes_of(self, x: Array, work: Workspace) -> Array:
        boundaries = np.asarray(self._known(), x.dtype)
        codes, flat = work.array("codes", x.size, dtype=np.intp), x.reshape(-1)
        for start in range(0, x.size, _AT_A_TIME):  # it has no memory to write to
            part = slice(start, start + _AT_A_TIME)
            codes[part] = np.searchsorted(boundaries, flat[part], side="right")
        return codes.reshape(x.shape)

    def codes_expression(self, x: Any) -> Any:
        boundaries = np.asarray(self._known(), x.dtype)
        return (x[..., np.newaxis] >= boundaries).astype(np.int64).sum(axis=-1)

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        if not input_gradient:
            return None
        dx = work.array("dx", *work["shape"])
        dx.fill(0.0)
        return dx

    def expression(self, x: Any) -> Any:
        return super().expression(x)

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        work["shape"] = x.shape
        return super().forward(x, work, training=training)

    def formula(self) -> Formula:
        return self._formula(
            r"y_i = \sum_j [b_j \le x_i]",
            back=(r"\frac{\partial E}{\partial x_i} = 0",),
            symbols=(("b_j", "boundary j"),),
        )


def _whole(data: Any, where: str) -> Array:
    """Data as one array, of which Keras makes one summary."""
    source = as_source(data, where, "data")
    check_type(source, np.float32, where, "data")
    numbers: Array = materialize(source, np.float32)
    return numbers


def _summary(values: Array, epsilon: float) -> Array:
    """Numbers at equal distances among the sorted ones, each with how many it stands for."""
    ordered = np.sort(values.astype(np.float32).reshape(-1))
    step = max(ordered.size * epsilon, 1)
    some = ordered[int(step - 1) :: int(step)]
    return np.stack([some, np.full_like(some, step)])


def _joined(one: Array, other: Array, epsilon: float) -> Array:
    """Two summaries as one, no finer than is asked for."""
    both = np.concatenate([one, other], axis=1)
    return _compressed(both[:, np.argsort(both[0])], epsilon)


def _compressed(summary: Array, epsilon: float) -> Array:
    """A summary at shares epsilon, 2 epsilon, ... of all it stands for."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    sums = summary[1].cumsum()
    of_all = sums / sums[-1]
    at = np.interp(shares, of_all, sums)
    weights = at - np.concatenate([[0.0], at[:-1]])
    return np.stack([np.interp(shares, of_all, summary[0]), weights]).astype(np.float32)
