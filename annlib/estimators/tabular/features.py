"""What is learned of each column: scales, middles and vocabularies, and the arrays they make.

Numbers are centred at their median, divided by a spread that outliers do not move, and clipped
smoothly; values that mean something of their own get flags beside that; what is missing is the
median, with a flag of its own. Columns of two values, and categories with few labels, become flags;
others become codes, for embeddings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import DataError, ModelFormatError, show
from annlib.estimators.parameter_codes import decode, encode
from annlib.estimators.tabular.frame import Column
from annlib.estimators.tabular.marks import flags_of

#: Labels up to which a category becomes a flag for each.
ONE_HOT = 32
#: Labels of a category that are told apart; the others share a code with unknown ones.
MOST_LABELS = 1000
#: Scaled numbers beyond this are pressed together.
REACH = 3.0


class Prepared(NamedTuple):
    """Rows as the networks take them."""

    #: Scaled and clipped, (n, numbers).
    numbers: Array
    #: -1 and 1, or 0 and 1, (n, flags).
    flags: Array
    #: Labels from 0 on, (n, categories) of integers.
    codes: Array

    @property
    def size(self) -> int:
        """How many rows."""
        return len(self.numbers)

    def take(self, rows: Any) -> Prepared:
        return Prepared(*(part[rows] for part in self))

    def matrix(self, rows: Any = slice(None)) -> Array:
        """All of it side by side, in float32; a column of zeros if it has none."""
        parts = [part[rows].astype(np.float32, copy=False) for part in self]
        found = np.concatenate(parts, axis=1)
        return found if found.shape[1] else np.zeros((len(found), 1), np.float32)


class Number(NamedTuple):
    """A column of many values: ``(x - centre) / spread`` after all is scaled by ``2^-exponent``."""

    exponent: int
    centre: float
    spread: float
    #: Whether rows lacked it, so that it has a flag.
    flagged: bool
    #: Values that have flags of their own.
    marks: list[float] = []  # noqa: RUF012  # of a tuple, which copies none of it

    def scaled(self, values: Array) -> Array:
        x = np.ldexp(values, -self.exponent)
        x = (x - self.centre) / self.spread
        x[np.isnan(x)] = 0.0
        x = np.clip(x, -1e6, 1e6)
        found: Array = x / np.sqrt(1 + np.square(x / REACH))
        return found


class Binary(NamedTuple):
    """A column of two values, or of one beside missing ones: -1 and 1, and 0 for what lacks it."""

    low: float
    high: float
    flagged: bool

    def flags(self, values: Array) -> Array:
        middle = self.low / 2 + self.high / 2
        half = self.high / 2 - self.low / 2
        x = np.zeros(len(values)) if half == 0 else np.clip((values - middle) / half, -1, 1)
        x[np.isnan(x)] = 0.0
        return x


class Category(NamedTuple):
    """A column of labels. The last code is of those that were rare or missing at fit, or unknown;
    as a flag it has none.
    """

    labels: list[Any]
    #: Whether what is missing is a label of its own, the last one.
    missing: bool
    #: Whether its labels are texts, or numbers, or both.
    kinds: str

    @property
    def depth(self) -> int:
        """How many codes, that of others among them."""
        return len(self.labels) + self.missing + 1

    @property
    def one_hot(self) -> bool:
        return self.depth - 1 <= ONE_HOT

    def codes(self, column: Column) -> Array:
        assert column.labels is not None, "of a category"
        known = {label: code for code, label in enumerate(self.labels)}
        other = self.depth - 1
        table = np.array([*(known.get(label, other) for label in column.labels), other])
        if self.missing:
            table[-1] = len(self.labels)
        return table[column.values]


Feature = Number | Binary | Category | None


class Features:
    """What was learned of all columns of a table, in their order.

    Parameters
    ----------
    features : list of Number, Binary, Category or None
        None has nothing to tell: a column of one value, or a copy of another.
    names : list
        Of the columns.
    """

    def __init__(self, features: Sequence[Feature], names: Sequence[Any]) -> None:
        self.features = list(features)
        self.names = list(names)

    @classmethod
    def learn(
        cls,
        columns: Sequence[Column],
        counts: Array,
        find_marks: Callable[[Array, Callable[[Array], Array]], list[float]],
    ) -> Features:
        """From the columns of the rows to train on, of each of which there are so many.

        Parameters
        ----------
        find_marks : callable
            Is given the values of a column and what scales them, and tells which get flags.
        """
        many = bool((counts > 1).any())
        found: list[Feature] = []
        seen: dict[bytes, list[Array]] = {}
        for column in columns:
            every = column._replace(values=column.values.repeat(counts)) if many else column
            feature = (_learn_numbers if column.labels is None else _learn_labels)(every)
            if isinstance(feature, Number):
                feature = feature._replace(marks=find_marks(column.values, feature.scaled))
            if feature is not None and _is_copy(feature, column, seen):
                feature = None
            found.append(feature)
        return cls(found, [column.name for column in columns])

    def categories(self) -> Array:
        """Which columns are categories."""
        return np.array([isinstance(feature, Category) for feature in self.features], bool)

    def sizes(self) -> list[int]:
        """The codes of each column that has some."""
        return [f.depth for f in self.features if isinstance(f, Category) and not f.one_hot]

    def prepare(self, columns: Sequence[Column], where: str) -> Prepared:
        """Rows as arrays of float32; raises for columns of another kind than before."""
        numbers: list[Array] = []
        flags: list[Array] = []
        codes: list[Array] = []
        for column, feature in zip(columns, self.features, strict=True):
            if feature is None:
                continue
            if isinstance(feature, Category):
                labels = _categories_of(column, feature, where)
                if feature.one_hot:
                    every = np.arange(feature.depth - 1)
                    flags.extend((labels == code).astype(np.float32) for code in every)
                else:
                    codes.append(labels)
                continue
            values = _numbers_of(column, where)
            if isinstance(feature, Number):
                numbers.append(feature.scaled(values).astype(np.float32))
            else:
                flags.append(feature.flags(values).astype(np.float32))
            if feature.flagged:
                flags.append(np.isnan(values).astype(np.float32))
            if isinstance(feature, Number):
                flags.extend(flags_of(values, feature.marks))
        n = len(columns[0].values)
        return Prepared(
            _stacked(numbers, n, np.float32),
            _stacked(flags, n, np.float32),
            _stacked(codes, n, np.intp),
        )

    def places(self) -> list[tuple[list[int], list[int], list[int]]]:
        """For each column which numbers, flags and codes of the prepared rows it has made."""
        found = []
        ends = [0, 0, 0]
        for feature in self.features:
            own = [0, 0, 0]
            if isinstance(feature, Category):
                own[1 if feature.one_hot else 2] = feature.depth - 1 if feature.one_hot else 1
            elif feature is not None:
                own[0 if isinstance(feature, Number) else 1] = 1
                own[1] += feature.flagged + (
                    len(feature.marks) if isinstance(feature, Number) else 0
                )
            parts = [list(range(end, end + n)) for end, n in zip(ends, own, strict=True)]
            found.append((parts[0], parts[1], parts[2]))
            ends = [end + n for end, n in zip(ends, own, strict=True)]
        return found

    # -- what is shown and kept ------------------------------------------------------------------

    def by_kind(self) -> dict[str, list[Any]]:
        """Which columns became what."""
        found: dict[str, list[Any]] = {kind: [] for kind in _KINDS}
        for feature, name in zip(self.features, self.names, strict=True):
            found[_kind_of(feature)].append(name)
        return found

    def marked(self) -> dict[Any, int]:
        """The columns of which values have flags of their own, and how many."""
        pairs = zip(self.names, self.features, strict=True)
        return {name: len(f.marks) for name, f in pairs if isinstance(f, Number) and f.marks}

    def describe(self) -> list[Any]:
        """All of it as JSON can hold it."""
        return [
            None if f is None else [type(f).__name__, *(encode(part, "save") for part in f)]
            for f in self.features
        ]

    @classmethod
    def restored(cls, code: Any, names: Sequence[Any]) -> Features:
        """What ``describe`` described; raises for what it does not give."""
        kinds: Mapping[str, Any] = {kind.__name__: kind for kind in _FIELDS}
        found = [None if item is None else _restored(kinds[item[0]], item[1:]) for item in code]
        if len(found) != len(names):
            raise ModelFormatError(f"file: expected {len(names)} columns, got {len(found)}.")
        return cls(found, names)


#: The types of each kind's fields, for files.
_FIELDS: Mapping[Any, tuple[type, ...]] = {
    Number: (int, float, float, bool, list),
    Binary: (float, float, bool),
    Category: (list, bool, str),
}


def _restored(kind: Any, parts: Sequence[Any]) -> Any:
    feature = kind(*(decode(part) for part in parts))
    fine = all(type(v) is t for v, t in zip(feature, _FIELDS[kind], strict=True))
    if fine and kind is Number:
        fine = all(isinstance(mark, float) for mark in feature.marks)
    if fine and kind is Category:
        fine = all(isinstance(label, str | float | bool) for label in feature.labels)
    if not fine:
        raise ModelFormatError(f"file: expected what a column is, got {show(parts)}.")
    return feature


_KINDS = ("number", "binary", "one-hot", "embedded", "dropped")


def _kind_of(feature: Feature) -> str:
    if isinstance(feature, Category):
        return "one-hot" if feature.one_hot else "embedded"
    return {Number: "number", Binary: "binary"}.get(type(feature), "dropped")


def _stacked(columns: Sequence[Array], n: int, dtype: Any) -> Array:
    return np.stack(columns, axis=1).astype(dtype) if columns else np.empty((n, 0), dtype)


def _is_copy(feature: Any, column: Column, seen: dict[bytes, list[Array]]) -> bool:
    """Whether an earlier column makes the same values, which it remembers."""
    if isinstance(feature, Category):
        values = feature.codes(column).astype(np.float32)
    else:
        made = feature.scaled if isinstance(feature, Number) else feature.flags
        values = made(column.values).astype(np.float32)
        values[np.isnan(column.values)] = np.nan
    key = bytes(type(feature).__name__, "ascii") + np.ascontiguousarray(values[:64]).tobytes()
    others = seen.setdefault(key, [])
    if any(np.array_equal(values, other, equal_nan=True) for other in others):
        return True
    others.append(values)
    return False


# -- learning one column ---------------------------------------------------------------------------


def _learn_labels(column: Column) -> Category | None:
    assert column.labels is not None, "of a category"
    known = column.values[column.values >= 0]
    counts = np.bincount(known, minlength=len(column.labels))
    missing = len(known) < len(column.values)
    # What is there once tells nothing of its label, and what is rare little.
    least = 2 if len(counts) > ONE_HOT else 1
    kept = [int(code) for code in np.argsort(-counts, kind="stable") if counts[code] >= least]
    labels = [column.labels[code] for code in kept[:MOST_LABELS]]
    labels.sort(key=lambda label: (type(label).__name__, label))
    used = np.flatnonzero(counts)
    if len(used) + missing < 2 or len(labels) + missing == 0:
        return None
    texts = {isinstance(column.labels[code], str) for code in used}
    kinds = "both" if len(texts) > 1 else "texts" if True in texts else "numbers"
    return Category(labels, missing, kinds)


def _learn_numbers(column: Column) -> Feature:
    known = column.values[~np.isnan(column.values)]
    flagged = len(known) < len(column.values)
    if not len(known):
        return None
    low, high = float(known.min()), float(known.max())
    if low == high:
        return Binary(low, high, flagged) if flagged else None
    if not ((known != low) & (known != high)).any():
        return Binary(low, high, flagged)
    exponent = int(np.frexp(max(abs(low), abs(high)))[1])
    x = np.ldexp(known, -exponent)
    first, centre, third = (float(q) for q in np.quantile(x, [0.25, 0.5, 0.75]))
    spread = third - first
    if spread == 0:  # most rows have the same value; of the others their distance tells
        distances = np.abs(x - centre)
        spread = float(np.quantile(distances[distances > 0], 0.75))
    return Number(exponent, centre, spread, flagged)


# -- reading one column ----------------------------------------------------------------------------


def _numbers_of(column: Column, where: str) -> Array:
    if column.labels is None:
        return column.values
    if (column.values < 0).all():
        return np.full(len(column.values), np.nan)
    raise DataError(
        f"{where}: expected {column.title} of numbers, as at fit, got labels such as "
        f"{show(column.labels[0])}. Pass the columns that fit got, of the same types."
    )


def _categories_of(column: Column, feature: Category, where: str) -> Array:
    assert column.labels is not None, "read as a category"
    kinds = {isinstance(label, str) for label in column.labels}
    other = {"texts": False, "numbers": True}.get(feature.kinds)
    if other is not None and kinds == {other}:
        raise DataError(
            f"{where}: expected {column.title} of {feature.kinds}, as at fit, got labels such as "
            f"{show(column.labels[0])}. Pass the columns that fit got, of the same types."
        )
    return feature.codes(column)
