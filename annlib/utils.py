"""What Keras scripts use beside models, by Keras' names: nothing of its own."""

from annlib.core.namespaces import show_public_names
from annlib.core.random_streams import set_random_seed
from annlib.core.session import clear_session
from annlib.data.categorical import to_categorical
from annlib.data.norms import normalize
from annlib.data.py_dataset import PyDataset
from annlib.data.sequences import pad_sequences
from annlib.datasets.download import get_file
from annlib.plots.network import plot_model
from annlib.versions import show_versions

#: The name of old.
Sequence = PyDataset

__all__ = [
    "PyDataset",
    "Sequence",
    "clear_session",
    "get_file",
    "normalize",
    "pad_sequences",
    "plot_model",
    "set_random_seed",
    "show_versions",
    "to_categorical",
]

show_public_names(__name__)
