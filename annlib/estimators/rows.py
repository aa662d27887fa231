"""Rows of validated data."""

from __future__ import annotations

from typing import Any, NamedTuple

from annlib.core.arrays import Array


class Rows(NamedTuple):
    """Features, targets and weights of the same rows."""

    X: Any
    y: Array
    weights: Array | None

    def part(self, rows: Array) -> Rows:
        """Some of them, copied."""
        weights = None if self.weights is None else self.weights[rows]
        return Rows(self.X[rows], self.y[rows], weights)
