"""Which columns of an input each of several parts takes, by position or by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.core.errors import ConfigurationError, DataError, ShapeError, show

Names = tuple[str, ...] | None


class Selection:
    """The columns of some parts, and what remains.

    Parameters
    ----------
    parts : sequence
        Of each its columns: a position or a name, or a list of them.
    passes_on : bool
        Whether the columns that no part takes are a last part.
    where : str
        What to name in errors.

    Examples
    --------
    >>> Selection([[0, -1], "b"], True, "here").places(4, ("a", "b", "c", "d"))
    [[0, 3], [1], [2]]
    """

    def __init__(self, parts: Sequence[Any], passes_on: bool, where: str) -> None:
        self._parts = [_spec(columns, where) for columns in parts]
        self._passes_on, self._where = passes_on, where

    def __repr__(self) -> str:
        return f"Selection({self._parts}, {self._passes_on}, {self._where!r})"

    @property
    def by_name(self) -> bool:
        """Whether any column is taken by its name."""
        return any(isinstance(column, str) for part in self._parts for column in part)

    def places(self, features: int, names: Names) -> list[list[int]]:
        """The positions of each part's columns, and of those that remain as a last part's.

        Raises
        ------
        DataError, ShapeError, ConfigurationError
            For columns that are not there, or twice in one part.
        """
        places = [self._of(part, features, names) for part in self._parts]
        if self._passes_on:
            taken = {place for part in places for place in part}
            places.append([place for place in range(features) if place not in taken])
        return places

    def counts(self, features: int, names: Names) -> list[int]:
        """How many columns each part has; before names are known, each is another column."""
        if names is not None or not self.by_name:
            return [len(places) for places in self.places(features, names)]
        every = [column for part in self._parts for column in part]
        named = {column for column in every if isinstance(column, str)}
        placed = {column % features for column in every if not isinstance(column, str)}
        if (rest := features - len(named) - len(placed)) < 0:
            raise ShapeError(
                f"{self._where}: expected input with the columns {sorted(named)}, got {features} "
                "columns."
            )
        return [*map(len, self._parts), *[rest] * self._passes_on]

    def _of(self, part: Sequence[Any], features: int, names: Names) -> list[int]:
        found = []
        for column in part:
            if isinstance(column, str):
                found.append(self._named(column, names))
            elif -features <= column < features:
                found.append(column % features)
            else:
                raise ShapeError(
                    f"{self._where}: expected columns of x, which has {features}, got column "
                    f"{column}."
                )
        if len(set(found)) < len(found):
            raise ConfigurationError(
                f"{self._where}: expected a chain's columns once each, got {list(part)}."
            )
        return found

    def _named(self, column: str, names: Names) -> int:
        if names is None:
            raise DataError(
                f"{self._where}: expected x whose columns have names, since a chain takes "
                f'"{column}", got none. Pass a frame, or take columns by position.'
            )
        if column not in names:
            raise DataError(
                f'{self._where}: expected a column "{column}" in x, got {list(names)}. Take those '
                "that there are, by name or by position."
            )
        return names.index(column)


def _spec(columns: Any, where: str) -> list[Any]:
    """Columns as a list of positions and names."""
    spec = columns if isinstance(columns, list) else [columns]
    spec = [int(c) if isinstance(c, np.integer) else c for c in spec]
    fine = all(isinstance(c, int | str) and not isinstance(c, bool) for c in spec)
    if not spec or not fine:
        raise ConfigurationError(
            f"{where}: expected the columns of a chain as positions or names, one or a list of "
            f"them, got {show(columns)}. For neighbours: range(2, 5)."
        )
    return spec


def runs(places: Sequence[int]) -> list[tuple[slice, slice]]:
    """Runs of neighbouring places: where they lie, and where in the row of them.

    >>> runs([4, 5, 1])
    [(slice(4, 6, None), slice(0, 2, None)), (slice(1, 2, None), slice(2, 3, None))]
    """
    found: list[tuple[slice, slice]] = []
    for index, place in enumerate(places):
        if found and found[-1][0].stop == place:
            there, here = found.pop()
            found.append((slice(there.start, place + 1), slice(here.start, index + 1)))
        else:
            found.append((slice(place, place + 1), slice(index, index + 1)))
    return found
