"""PiecewiseLinearEncoding: how far a number is through each of the bins of its column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_count, check_flag, check_number, check_numbers, items_of
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.formula import DX, Formula, cases, number
from annlib.core.workspace import Workspace
from annlib.layers.adapting import columns_of
from annlib.layers.base import Layer, LayerArguments, register

#: Without ``num_bins``: rows that a bin has at least, numbers that a row becomes at most, and the
#: fewest and most bins.
_ROWS_A_BIN, _NUMBERS, _FEWEST, _MOST = 400, 384, 4, 32
#: Runs of features up to which a call for each is faster than one that looks every number up.
_FEW_RUNS = 12
#: The most edges that ``repr`` shows.
_SHOWN = 24


class _Components(NamedTuple):
    """The numbers that rows become, each with its part of the formula, in the model's type."""

    #: Features of as many numbers that lie beside each other: where, and where their numbers are.
    runs: list[tuple[slice, slice]]

    feature: Array
    start: Array
    slope: Array
    low: Array
    high: Array
    offset: Array


@register("piecewise_linear_encoding")
class PiecewiseLinearEncoding(Layer):
    """e_t = (x - b_(t-1)) / (b_t - b_(t-1)), cut off at 0 and 1, for each bin t of x's feature.

    Each feature has edges b_0 < ... < b_T of its own and becomes T numbers: 1 for the bins that lie
    below x, 0 for those above, and in between how far x is through its bin (Gorishniy et al., 2022,
    "On Embeddings for Numerical Features"). Nothing of it is learned by training. A linear layer
    behind it makes any function of x that is linear between the edges.

    ``adapt`` finds edges in data, F columns of n rows. A column of few values has all of them as
    edges. Of others each value that more than 1 / ``num_bins`` of the rows have is an edge, and
    the rest are quantiles of the rest.

    Parameters
    ----------
    bin_boundaries : list of list of float, optional
        The edges of each feature, in rising order: what ``adapt`` has found before, which may find
        others, or what you know.
    num_bins : int, at least 1, optional
        The most bins that ``adapt`` makes of a column; without it n / 400 or 384 / F, whichever is
        less, but 4 at least and 32 at most.
    append_input : bool
        Whether x itself comes behind the numbers that it becomes.
    extrapolate : bool
        Whether the first bin goes on below 0, and the last one above 1, as in the paper. Values far
        outside of a narrow bin then become very large.
    offset : float, any number
        Added to each e_t: with -.5 they are centered.

    Raises
    ------
    ConfigurationError
        For edges that do not rise, or if the layer is used without edges.
    ShapeError
        For input that is not (n, features).

    Notes
    -----
    Edges are part of the configuration, not of the weights. NaN becomes NaN.

    Examples
    --------
    >>> from annlib import Sequential
    >>> layer = PiecewiseLinearEncoding([[0.0, 1.0, 3.0]])
    >>> Sequential([layer]).predict([[0.25], [2.0], [9.0]])
    array([[0.25, 0.  ],
           [1.  , 0.5 ],
           [1.  , 1.  ]], dtype=float32)
    """

    group = "preprocessing"
    example_arguments: ClassVar[Mapping[str, Any]] = {"bin_boundaries": [[0.0, 1.0, 2.0]]}
    _stored_as = {"name": "_name", "bin_boundaries": "_boundaries"}  # noqa: RUF012  # never changed

    adaptable = True

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        append_input: bool = False,
        extrapolate: bool = False,
        offset: float = 0.0,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**keywords)
        where = type(self).__name__
        self._boundaries = None if bin_boundaries is None else _edges(bin_boundaries, where)
        self.num_bins = None if num_bins is None else check_count(num_bins, where, "num_bins")
        self.append_input = check_flag(append_input, where, "append_input")
        self.extrapolate = check_flag(extrapolate, where, "extrapolate")
        self.offset = float(check_number(offset, where, "offset"))

    def __repr__(self) -> str:
        text, edges = super().__repr__(), self._boundaries
        if edges is None or sum(map(len, edges)) <= _SHOWN:
            return text
        return text.replace(repr(edges), f"[... of {len(edges)} features]")

    @property
    def bin_boundaries(self) -> list[list[float]] | None:
        """The edges of each feature in use; None before ``adapt``."""
        return None if self._boundaries is None else [list(edges) for edges in self._boundaries]

    def _known(self) -> list[list[float]]:
        if self._boundaries is None:
            raise ConfigurationError(
                f'layer "{self.name or type(self)._names[0]}": expected edges, got none. Call '
                "adapt(data) before, or pass bin_boundaries."
            )
        return self._boundaries

    def build(self, input_shape: BatchShape) -> None:
        self._known()

    def count_multiplications(self) -> int:
        return sum(len(edges) - 1 for edges in self._known())

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        edges, where = self._known(), type(self).__name__
        if len(input_shape) != 2 or input_shape[1] != len(edges):
            raise ShapeError(
                f"{where}: expected rows of {len(edges)} features, (n, {len(edges)}), got shape "
                f"{input_shape}. Adapt it to data as the model gets them."
            )
        size = self._size(edges)
        if not size:
            raise ShapeError(
                f"{where}: expected a feature with a bin, got {len(edges)} of a single edge. "
                "Leave out columns that are constant, or pass append_input=True."
            )
        return (input_shape[0], size)

    def _size(self, edges: list[list[float]]) -> int:
        """How many numbers a row becomes."""
        return sum(map(len, edges)) + len(edges) * (self.append_input - 1)

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Find edges in data; earlier ones go.

        Parameters
        ----------
        data : array_like or frame, (n, features); or what gives batches of it
            As ``Normalization.adapt`` takes it; while it runs, all is in memory in float64. Rows as
            this layer gets them: behind others, ``Sequential(others).predict(x)``.
        steps : int, optional
            How many batches to read; needed for what has no end.

        Raises
        ------
        DataError, ShapeError, ConfigurationError
            Before anything is changed.
        """
        where = f"{type(self).__name__}.adapt"
        shape = self._row_shape if self._built_shape is None else self._built_shape[1:]
        X, names = columns_of(self, data, shape[-1] if shape else None, where, steps)
        bins = self.num_bins
        if bins is None:
            bins = min(len(X) // _ROWS_A_BIN, _NUMBERS // X.shape[1])
            bins = min(max(bins, _FEWEST), _MOST)
        found = [_edges_of(column, bins) for column in X.T]
        if self._built_shape is not None and self._size(found) != self._size(self._known()):
            raise ConfigurationError(
                f"{where}: expected data that make rows of {self._size(self._known())} numbers, "
                f"for which the layer was built, got {self._size(found)}. Build a new model."
            )
        self._boundaries = found
        self.feature_names = names

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        parts = self._typed(work)
        y = self._uncut(x, parts, work.array("y", len(x), len(parts.feature)))
        np.minimum(np.maximum(y, parts.low, out=y), parts.high, out=y)
        work["x"] = x
        return np.add(y, parts.offset, out=y) if self.offset else y

    def expression(self, x: Any) -> Any:
        parts = self._components(self._known(), x.dtype)
        y = (np.take(x, parts.feature, axis=1) - parts.start) * parts.slope
        y = np.minimum(np.maximum(y, parts.low), parts.high)
        return y + parts.offset if self.offset else y

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        if not input_gradient:
            return None
        parts, x = self._typed(work), work["x"]
        t, inside = self._uncut(x, parts, work.array("t", *dy.shape)), work.array("in", *dy.shape)
        np.multiply(np.greater(t, parts.low, out=inside), dy, out=dy)
        np.multiply(np.less(t, parts.high, out=inside), dy, out=dy)
        np.multiply(dy, parts.slope, out=dy)
        dx = work.array("dx", *x.shape)
        dx.fill(0)
        present, starts = np.unique(parts.feature, return_index=True)
        if len(present) == x.shape[1]:
            return np.add.reduceat(dy, starts, axis=1, out=dx)
        dx[:, present] = np.add.reduceat(dy, starts, axis=1, out=t[:, : len(present)])
        return dx

    @staticmethod
    def _uncut(x: Array, parts: _Components, t: Array) -> Array:
        """How far each number is from the start of each bin, in widths of it."""
        if len(parts.runs) > _FEW_RUNS:
            np.take(x, parts.feature, axis=1, out=t, mode="clip")
            np.subtract(t, parts.start, out=t)
        else:
            for features, numbers in parts.runs:
                own = x[:, features, np.newaxis]
                wide = t[:, numbers].reshape(*own.shape[:2], -1)
                np.subtract(own, parts.start[numbers].reshape(own.shape[1], -1), out=wide)
        return np.multiply(t, parts.slope, out=t)

    def _typed(self, work: Workspace) -> _Components:
        """The numbers that a row becomes, in the model's type."""
        edges, known = self._known(), work.constants
        if known.get("of") is not edges:
            known["of"], known["parts"] = edges, self._components(edges, work.dtype)
        parts: _Components = known["parts"]
        return parts

    def _components(self, edges: list[list[float]], dtype: Any) -> _Components:
        steepest = float(np.sqrt(np.finfo(dtype).max))
        counts = np.array([len(own) for own in edges])
        last = np.cumsum(counts) - 1
        feature = np.repeat(np.arange(len(edges)), counts)
        start = np.array([edge for own in edges for edge in own], dtype)
        slope, low, high = np.ones_like(start), np.zeros_like(start), np.ones_like(start)
        offset = np.full_like(start, self.offset)
        with np.errstate(all="ignore"):
            # Edges that are one number in this type make a step.
            slope[:-1] = np.minimum(1 / np.diff(start), steepest)
        if self.extrapolate:
            low[last - counts + 1], high[last - 1] = -np.inf, np.inf
        # No bin begins at the last edge of a feature: its place is that of x itself.
        start[last], slope[last], low[last], high[last], offset[last] = 0, 1, -np.inf, np.inf, 0
        kept = np.ones(len(start), bool)
        kept[last] = self.append_input
        parts = (part[kept] for part in (feature, start, slope, low, high, offset))
        return _Components(_runs(feature[kept]), *parts)

    def formula(self) -> Formula:
        shift = ""
        if self.offset:
            shift = f" {'+' if self.offset > 0 else '-'} {number(abs(self.offset))}"
        width = r"b_{jt} - b_{j,t-1}"
        slope = rf"\frac{{1}}{{{width}}}"
        note = "Of the last bin of a feature there is no largest, of the first no least e."
        return self._formula(
            rf"r_{{jt}} = \frac{{x_j - b_{{j,t-1}}}}{{{width}}}",
            rf"e_{{jt}} = \max(0, \min(1, r_{{jt}})){shift}",
            back=(
                r"s_{jt} = " + cases((slope, r"0 < r_{jt} < 1"), ("0", "")),
                DX.replace("x_i", "x_j")
                + r" = \sum_t s_{jt} \frac{\partial E}{\partial e_{jt}}"
                + (r" + \frac{\partial E}{\partial y_j}" if self.append_input else ""),
            ),
            shapes="a batch: (n, F) to (n, the number of all bins"
            + (" + F)" if self.append_input else ")"),
            source="Gorishniy et al. (2022)",
            symbols=(
                ("b_{jt}", "edge t of feature j"),
                *((("y_j", "x_j itself, behind the e of feature j"),) if self.append_input else ()),
            ),
            note=note if self.extrapolate else "",
        )


def _runs(features: Array) -> list[tuple[slice, slice]]:
    """Features that have as many numbers as their neighbours, and where all these lie."""
    present, counts = np.unique(features, return_counts=True)
    stops, runs, first = np.cumsum(counts), [], 0
    for last in [
        *np.flatnonzero((np.diff(counts) != 0) | (np.diff(present) != 1)),
        len(counts) - 1,
    ]:
        begin = int(stops[first] - counts[first])
        runs.append(
            (slice(int(present[first]), int(present[last]) + 1), slice(begin, int(stops[last])))
        )
        first = last + 1
    return runs


def _edges(given: Any, where: str) -> list[list[float]]:
    """Edges that were given, as lists of numbers that rise."""
    features = items_of(given)
    if not features:
        raise ConfigurationError(
            f"{where}: expected bin_boundaries as a list with the edges of each feature, got "
            f"{show(given)}."
        )
    found = []
    for place, own in enumerate(features):
        single = items_of(own) is None
        edges = check_numbers(own, where, f"bin_boundaries[{place}]")
        if single or not (np.diff(edges) > 0).all():
            raise ConfigurationError(
                f"{where}: expected bin_boundaries[{place}] as a list of numbers in rising order, "
                f"got {show(own)}."
            )
        found.append(edges.astype(np.float64).tolist())
    return found


def _edges_of(x: Array, bins: int) -> list[float]:
    """The edges of a column, for so many bins at most."""
    values, counts = np.unique(x, return_counts=True)
    if len(values) > bins + 1:
        often = counts * bins > len(x)
        rest = np.repeat(values[~often], counts[~often])
        count = max(bins + 1 - int(np.count_nonzero(often)), 2)
        quantiles = np.quantile(rest, np.linspace(0, 1, count))
        values = np.unique(np.concatenate([values[often], quantiles]))
    edges: list[float] = values.tolist()
    return edges
