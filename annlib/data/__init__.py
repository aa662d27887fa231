"""Where batches come from: arrays, frames, what users write, and files larger than memory."""

from annlib.core.namespaces import show_public_names
from annlib.data.array_loader import ArrayLoader
from annlib.data.frames import check_names
from annlib.data.gather import Gatherer
from annlib.data.loader import Batch, DataLoader
from annlib.data.py_dataset import PyDataset
from annlib.data.shards import Shards
from annlib.data.source import Source, as_source, check_type, materialize, raw_columns
from annlib.data.sparse import Sparse, dense
from annlib.data.stream_loader import (
    StreamLoader,
    as_stream_loader,
    check_steps,
    holds_arrays,
    is_stream,
)
from annlib.data.table import Table

__all__ = [
    "ArrayLoader",
    "Batch",
    "DataLoader",
    "Gatherer",
    "PyDataset",
    "Shards",
    "Source",
    "Sparse",
    "StreamLoader",
    "Table",
    "as_source",
    "as_stream_loader",
    "check_names",
    "check_steps",
    "check_type",
    "dense",
    "holds_arrays",
    "is_stream",
    "materialize",
    "raw_columns",
]

show_public_names(__name__)
