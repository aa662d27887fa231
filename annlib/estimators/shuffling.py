"""Mini-batches in the orders that scikit-learn's perceptrons take from a ``random_state``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from annlib.data import Batch, Batches


class ShuffledBatches(Batches):
    """Batches whose rows are permuted anew in each round, or are left in their order.

    Each round permutes what the last one had; so the same seed gives scikit-learn's batches.

    Parameters
    ----------
    *data, **types
        As for ``Batches``.
    random_state : numpy.random.RandomState, optional
        None leaves the rows in their order.
    """

    def __init__(self, *data: Any, random_state: Any, **types: Any) -> None:
        super().__init__(*data, **types)
        self._random_state = random_state
        self._order = np.arange(self.rows)

    def round(self, rng: Any, done: int = 0) -> Iterator[Batch]:
        """All rows; ``rng``, the model's own stream, is not used."""
        if self._random_state is None:
            return super().round(None, done)
        permutation = np.arange(self.rows)
        self._random_state.shuffle(permutation)
        self._order = self._order[permutation]
        return self.in_order(self._order)
