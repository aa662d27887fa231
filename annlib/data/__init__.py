"""Where batches come from."""

from annlib.data.arrays import Batch, Batches, as_source
from annlib.data.gather import Gatherer
from annlib.data.table import Table

__all__ = ["Batch", "Batches", "Gatherer", "Table", "as_source"]
