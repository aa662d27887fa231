"""A table as it comes, array or frame, read as columns of numbers and of categories."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import validate_data

from annlib.core.arrays import Array
from annlib.core.checks import is_missing, is_whole
from annlib.core.errors import DataError, quote, show
from annlib.data import raw_columns
from annlib.data.frames import names as names_of

#: What ``categorical_features`` is where dtypes tell.
FROM_DTYPE = "from_dtype"
_DATES = (dt.date, dt.time, dt.timedelta, np.datetime64, np.timedelta64)


class KindError(DataError, TypeError):
    """A column whose values are neither numbers nor texts."""


class Column(NamedTuple):
    """One column: numbers with NaN where they are missing, or codes of labels with -1 there."""

    name: Any
    values: Array
    #: Texts, numbers and booleans that the codes stand for; None of numbers.
    labels: list[Any] | None = None

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"column {quote(self.name) if isinstance(self.name, str) else self.name}"


def read_table(
    estimator: Any, X: Any, where: str, *, reset: bool, categorical: Any = FROM_DTYPE
) -> list[Column]:
    """The columns of X, which the estimator remembers with ``reset`` and else compares.

    Parameters
    ----------
    estimator : BaseEstimator
        Gets ``n_features_in_`` and ``feature_names_in_``.
    X : array_like or frame, (n, features)
    where : str
        What messages begin with.
    reset : bool
    categorical : array_like or "from_dtype" or None
        Columns that are categories whatever their type: a mask, positions or names; by default
        those whose dtype says so. Texts are always categories, but refused with None.

    Raises
    ------
    DataError, ValueError, TypeError
        For what is no table, other columns than before, dates, nested objects, infinite numbers.
    """
    if isinstance(X, Mapping) or (isinstance(X, np.ndarray) and X.dtype.names):
        raise DataError(
            f"{where}: expected X as an array or a frame, got {show(X)}. Make a frame of it: "
            "pandas.DataFrame(X), or polars.DataFrame(X)."
        )
    if isinstance(X, np.ma.MaskedArray):
        X = _without_mask(X)
    if _is_numeric(X):
        # Infinity is looked for below, which knows the column.
        numbers = validate_data(
            estimator, X, reset=reset, dtype=np.float64, ensure_all_finite=False
        )
        found = [(numbers[:, j], j) for j in range(numbers.shape[1])]
    else:
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        if names_of(X) is None and not isinstance(X, list | tuple) and not hasattr(X, "collect"):
            X = np.asarray(X)
        found = raw_columns(X, where, "X")
        if not found or found[0][1] is None or not len(found[0][0]):
            lazy = "Pass X.collect()." if hasattr(X, "collect") else ""
            hint = lazy or "Of one column pass X[[name]], or X.reshape(-1, 1)."
            raise DataError(
                f"{where}: expected X of shape (n, features) with rows and columns, got "
                f"{show(type(X)) if lazy else f'one of shape {np.shape(X)}'}. {hint}"
            )
    mask = _mask(categorical, X, len(found), where)
    columns = [
        _column(values, name, where, forced)
        for (values, name), forced in zip(found, mask, strict=True)
    ]
    if categorical is None:
        for column in columns:
            if column.labels is not None:
                raise DataError(
                    f"{where}: expected numbers alone, as categorical_features is None, got "
                    f'{column.title} of texts. Pass categorical_features="from_dtype".'
                )
    return columns


def _mask(given: Any, X: Any, count: int, where: str) -> Array:
    """Which columns are categories by ``categorical_features``."""
    mask = np.zeros(count, bool)
    names = names_of(X)
    if given is None:
        return mask
    if isinstance(given, str) and given == FROM_DTYPE:
        if names is not None:
            kinds = [str(dtype) for dtype in X.dtypes]
            mask[:] = [kind.startswith(("category", "Categorical", "Enum")) for kind in kinds]
        return mask
    items = np.asarray(given).tolist() if not isinstance(given, list | tuple) else list(given)
    if items and all(isinstance(item, bool | np.bool_) for item in items):
        if len(items) != count:
            raise _refused(where, f"a bool for each of the {count} columns", given)
        mask[:] = items
        return mask
    for item in items:
        if isinstance(item, str):
            if names is None:
                raise _refused(where, "positions, as X has no names", given)
            if item not in names:
                raise _refused(where, f"names among {show(names)}", item)
            mask[names.index(item)] = True
        elif is_whole(item):
            if not 0 <= item < count:
                raise _refused(where, f"positions in [0, {count - 1}]", item)
            mask[item] = True
        else:
            raise _refused(where, "positions, names or a mask", given)
    return mask


def _refused(where: str, expected: str, got: Any) -> DataError:
    return DataError(f"{where}: expected categorical_features as {expected}, got {show(got)}.")


def _without_mask(X: Any) -> Array:
    """What a mask hides is missing."""
    if X.dtype.kind in "biuf":
        return np.asarray(X.astype(np.float64).filled(np.nan))
    found = np.array(X.data, object)
    found[np.ma.getmaskarray(X)] = None
    return found


def _is_numeric(X: Any) -> bool:
    """Whether scikit-learn's validation reads all of X as numbers, with its own messages."""
    if names_of(X) is not None:
        return False
    if hasattr(X, "toarray"):
        return True  # which it refuses
    if not isinstance(X, np.ndarray):
        try:
            X = np.asarray(X)
        except ValueError:  # rows of several lengths, which it refuses
            return True
    return X.dtype.kind not in "OUSTMm"


# -- one column ------------------------------------------------------------------------------------


def _column(values: Array, name: Any, where: str, categorical: bool) -> Column:
    """A column as numbers or categories, by its values' type and, of objects, by themselves."""
    title = Column(name, values).title
    kind = values.dtype.kind
    if kind in "Mm":
        raise _dates(where, title)
    if kind == "c":
        raise KindError(f"{where}: expected real numbers, got {title} of {values.dtype}.")
    if kind in "biuf":
        numbers = values.astype(np.float64)
        _check_finite(numbers, where, title)
        return _of_numbers(name, numbers) if categorical else Column(name, numbers)
    items = values.tolist()
    kinds = {type(item) for item in items}
    if any(cls.__name__ == "Interval" for cls in kinds):  # as pandas.cut makes them
        items = [str(item) if type(item).__name__ == "Interval" else item for item in items]
        kinds = {type(item) for item in items}
    texts = False
    for cls in kinds:
        if issubclass(cls, _DATES) or cls.__name__ == "Period":
            raise _dates(where, title)
        texts = texts or issubclass(cls, str)
        example = next(item for item in items if type(item) is cls)
        if not issubclass(cls, str | Real | Decimal | np.bool_) and not is_missing(example):
            raise KindError(
                f"{where}: expected numbers or texts, got {title} of {show(example)}: each "
                f"argument must be a string or a real number, not {cls.__name__!r}. Drop the "
                "column, or make columns of its parts."
            )
    if texts or (categorical and not all(issubclass(cls, float) for cls in kinds)):
        codes, labels = _of_items(items)
        numbers = np.array([*(_number(label) for label in labels), np.nan])  # of missing ones
        _check_finite(numbers[codes], where, title)
        return Column(name, codes, [_plain(label) for label in labels])
    numbers = np.array([_number(item) for item in items])
    _check_finite(numbers, where, title)
    return _of_numbers(name, numbers) if categorical else Column(name, numbers)


def _dates(where: str, title: str) -> KindError:
    return KindError(
        f"{where}: expected numbers, booleans, texts or categories, got {title} of dates or times. "
        "Drop it, or make numbers of it: its year, month and weekday, or the days since a date."
    )


def _check_finite(numbers: Array, where: str, title: str) -> None:
    wrong = np.isinf(numbers)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"{where}: expected finite numbers or NaN, got infinity in row {row} of {title} "
            f"({show(float(numbers[row]))}). Put a large number or NaN in its place."
        )


def _of_numbers(name: Any, numbers: Array) -> Column:
    """Numbers as categories, each value one."""
    known = ~np.isnan(numbers)
    found, codes = np.unique(numbers[known], return_inverse=True)
    every = np.full(len(numbers), -1)
    every[known] = codes
    return Column(name, every, found.tolist())


def _of_items(items: Sequence[Any]) -> tuple[Array, list[Any]]:
    """Codes of texts and what stands between them, and these in the order of their first rows."""
    places: dict[Any, int] = {}
    codes = np.empty(len(items), np.intp)
    for row, item in enumerate(items):
        codes[row] = -1 if is_missing(item) else places.setdefault(item, len(places))
    return codes, list(places)


def _plain(label: Any) -> Any:
    """A label as a file can hold it."""
    if isinstance(label, str):
        return str(label)
    return bool(label) if isinstance(label, bool | np.bool_) else float(label)


def _number(item: Any) -> float:
    """A number of a column; NaN for what is missing or a text."""
    if isinstance(item, str) or is_missing(item):
        return np.nan
    try:
        return float(item)
    except OverflowError:
        return np.inf
