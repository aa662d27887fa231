"""The tables of cases: for each family of plug-ins the objects that every contract runs over.

To add a class, add a row. ``tests/test_contracts.py`` fails while a registered class has none.
A test takes the rows of a family and makes a new object of each::

    @pytest.mark.parametrize("row", OPTIMIZERS, ids=repr)
    def test_something(row):
        optimizer = row.make()
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.activations import ACTIVATIONS
from cases.callbacks import CALLBACKS
from cases.constraints import CONSTRAINTS
from cases.initializers import INITIALIZERS
from cases.layers import DEEP as DEEP
from cases.layers import FLAT as FLAT
from cases.layers import LAYERS
from cases.layers import as_given as as_given
from cases.losses import LOSSES
from cases.metrics import METRICS
from cases.optimizers import OPTIMIZERS
from cases.regularizers import REGULARIZERS
from cases.row import Row
from cases.schedules import SCHEDULES


def targets_and_predictions(
    row: Row, n: int, k: int, rng: np.random.Generator, dtype: Any = np.float64
) -> tuple[np.ndarray, np.ndarray]:
    """n rows of k outputs of the kinds that the row names, nowhere special."""
    drawn = {
        "real": lambda: rng.normal(size=(n, k)) * 2,
        "positive": lambda: rng.uniform(0.1, 5, size=(n, k)),
        "fractions": lambda: np.round(rng.normal(size=(n, k)) * 2, 1) + 0.05,  # away from 1
        "counts": lambda: rng.poisson(2, size=(n, k)),
        "signs": lambda: rng.choice([-1, 1], size=(n, k)),
        "unit": lambda: rng.uniform(0.05, 0.95, size=(n, k)),
        "bits": lambda: rng.integers(0, 2, size=(n, k)),
        "simplex": lambda: rng.dirichlet(np.full(k, 3.0), size=n) * 0.9 + 0.1 / k,
        "one-hot": lambda: np.eye(k)[rng.integers(0, k, size=n)],
        "labels": lambda: rng.integers(0, k, size=n),
        "weights": lambda: rng.uniform(0.1, 2, size=n),
    }
    targets = drawn[row.targets]()
    targets = targets.astype(np.intp if row.targets == "labels" else dtype)
    return targets, drawn[row.predictions]().astype(dtype)


def extremes(dtype: Any) -> np.ndarray:
    """Numbers of both signs around the places where exp overflows and to the ends of the type."""
    sizes = [0, 1e-300, 1e-30, 1e-8, 0.5, 1, 20, 87, 88.7, 90, 709, 1e3, 1e30, 1e300]
    sizes = [size for size in sizes if size < float(np.finfo(dtype).max)]
    return np.array(sizes + [-size for size in sizes], dtype)


#: Every family by the name of its registry.
TABLES: dict[str, list[Row]] = {
    "activation": ACTIVATIONS,
    "callback": CALLBACKS,
    "constraint": CONSTRAINTS,
    "initializer": INITIALIZERS,
    "layer": LAYERS,
    "loss": LOSSES,
    "metric": METRICS,
    "optimizer": OPTIMIZERS,
    "regularizer": REGULARIZERS,
    "schedule": SCHEDULES,
}

ALL = [row for rows in TABLES.values() for row in rows]
