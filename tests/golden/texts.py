"""Records what Keras makes of data sets of texts, from small files in the format of theirs.

From the folder ``tests``: python -m golden.texts.
"""

import tempfile
from pathlib import Path

import numpy as np

from golden.recorder import keras, plain, write

ARGUMENTS = (
    {},
    {"num_words": 40, "skip_top": 6},
    {"maxlen": 9, "seed": 3},
    {"start_char": None, "oov_char": None, "num_words": 30},
    {"start_char": None, "index_from": 0, "skip_top": 2},
    {"index_from": 10, "oov_char": 7, "start_char": 5, "num_words": 300},
)


def rows(rng, count):
    """Lists of codes, more small ones than large ones."""
    lengths = rng.integers(1, 14, count)
    return [np.minimum(rng.zipf(1.3, n), 70_000).tolist() for n in lengths]


def objects(lists):
    """A vector of lists, as Keras keeps them."""
    vector = np.empty(len(lists), object)
    vector[:] = lists
    return vector


def lists(split):
    """Rows and labels of a split as lists."""
    x, y = split
    return {"x": [plain(list(row)) for row in x], "y": plain(y)}


def record(name, arrays, more=()):
    """What ``load_data`` of a data set returns for a file of these arrays."""
    module = getattr(keras.src.datasets, name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.npz")
        np.savez(path, **arrays)
        module.get_file = lambda *_, **__: str(path)
        found = []
        for arguments in (*ARGUMENTS, *more):
            train, test = module.load_data(**arguments)
            found.append({"arguments": arguments, "train": lists(train), "test": lists(test)})
    return {"arrays": {key: plain(list(value)) for key, value in arrays.items()}, "records": found}


def main():
    """Record both data sets."""
    rng = np.random.default_rng(909)
    imdb = {
        "x_train": objects(rows(rng, 12)),
        "y_train": rng.integers(0, 2, 12),
        "x_test": objects(rows(rng, 9)),
        "y_test": rng.integers(0, 2, 9),
    }
    reuters = {"x": objects(rows(rng, 21)), "y": rng.integers(0, 46, 21)}
    write(
        __file__,
        imdb=record("imdb", imdb),
        reuters=record("reuters", reuters, [{"test_split": 0.5, "seed": 2}, {"test_split": 0.0}]),
        label_names=list(keras.datasets.reuters.get_label_names()),
    )


if __name__ == "__main__":
    main()
