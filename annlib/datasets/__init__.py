"""Data sets to learn with, in the shapes and under the names that Keras gives them.

Each module has ``load_data()`` and ``is_available()``. Nothing is shipped with annlib: a file is
taken from the folder in ``ANNLIB_DATA_HOME``, else from the cache, else fetched through
scikit-learn once.
"""

from annlib.core.namespaces import show_public_names
from annlib.datasets import (
    boston_housing,
    california_housing,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
)
from annlib.datasets.store import DatasetNotFoundError

__all__ = [
    "DatasetNotFoundError",
    "boston_housing",
    "california_housing",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
]

show_public_names(__name__)
