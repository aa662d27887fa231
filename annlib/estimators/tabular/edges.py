"""Where a piecewise linear code of a column has its edges."""

from __future__ import annotations

import numpy as np

from annlib.core.arrays import Array


def edges_of(values: Array, bins: int) -> Array:
    """Edges between which a column is interpolated: all values, if there are few; else each value
    that more than 1/bins of the rows have, and quantiles of the others.
    """
    found, counts = np.unique(values, return_counts=True)
    if len(found) <= bins + 1:
        return found.astype(float)
    heavy = found[counts > len(values) / bins]
    others = values[~np.isin(values, heavy)]
    shares = np.linspace(0, 1, max(2, bins + 1 - len(heavy)))
    quantiles = np.quantile(others, shares) if len(others) else others
    every = np.unique(np.concatenate([heavy, quantiles]).astype(np.float64))
    # What is nearer than float32 tells apart would be a slope without bound.
    apart = np.diff(every, prepend=-np.inf) > 1e-5
    kept = every[apart]
    return kept if len(kept) > 1 else np.array([found[0], found[-1]], float)
