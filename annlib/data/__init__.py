"""Where batches come from."""

from annlib.core.namespaces import show_public_names
from annlib.data.batches import Batches
from annlib.data.feed import Batch, Feed
from annlib.data.gather import Gatherer
from annlib.data.source import Source, as_source, own
from annlib.data.sparse import Sparse
from annlib.data.streams import Stream, as_stream, holds_arrays, is_stream
from annlib.data.table import Table

__all__ = [
    "Batch",
    "Batches",
    "Feed",
    "Gatherer",
    "Source",
    "Sparse",
    "Stream",
    "Table",
    "as_source",
    "as_stream",
    "holds_arrays",
    "is_stream",
    "own",
]

show_public_names(__name__)
