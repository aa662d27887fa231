"""Objects that give batches, of every kind, and a model to train on them."""

from __future__ import annotations

import itertools
import threading

import numpy as np

from annlib import Sequential, layers

N, SIZE = 60, 8  # seven batches and a short one
COUNT = -(-N // SIZE)
rng = np.random.default_rng(0)
X = rng.normal(size=(N, 4)).astype("f4")
LABELS = rng.integers(0, 3, N)
WEIGHTS = rng.uniform(0.5, 2, N)
CLASSES = {0: 0.0, 2: 3.0}


def classifier(seed=5, **keywords):
    model = Sequential(
        [layers.Dense(6, "tanh"), layers.Dropout(0.3), layers.Dense(3, "softmax")], seed=seed
    )
    arguments = {"metrics": ["accuracy"], "weighted_metrics": ["accuracy"], **keywords}
    model.compile("adam", "sparse_categorical_crossentropy", **arguments)
    return model


def cut(*columns):
    """The batches of these columns, as tuples."""
    return [tuple(c[a : a + SIZE] for c in columns) for a in range(0, len(columns[0]), SIZE)]


def readers():
    return [thread for thread in threading.enumerate() if thread.name == "annlib-prefetch"]


class Tensor:
    """An array of another library, as annlib sees it."""

    def __init__(self, array):
        self.array, self.shape = array, array.shape

    def __array__(self, dtype=None, copy=None):
        return self.array


class Loader:
    """Like PyTorch's: lists of tensors, again and again."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        for batch in self.batches:
            yield [Tensor(part) for part in batch]

    def __len__(self):
        return len(self.batches)


class Endless(Loader):
    """One that does not know how many it has."""

    def __len__(self):
        raise TypeError("no length")


class Dataset:
    """Like Keras' PyDataset: a batch for each index."""

    def __init__(self, batches):
        self.batches, self.order, self.calls = batches, [], []

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        self.order.append(index)
        return self.batches[index]

    def on_epoch_begin(self):
        self.calls.append("begin")

    def on_epoch_end(self):
        self.calls.append("end")


class InMainThread(Dataset):
    prefetch = False

    def __getitem__(self, index):
        assert threading.current_thread() is threading.main_thread()
        return super().__getitem__(index)


def reusing(batches):
    """A generator that fills the same arrays again and again."""
    memory = [np.empty_like(part) for part in batches[0]]
    while True:
        for batch in batches:
            views = [whole[: len(part)] for whole, part in zip(memory, batch, strict=True)]
            for view, part in zip(views, batch, strict=True):
                view[...] = part
            yield tuple(views)


STREAMS = {
    "generator": itertools.cycle,
    "generator that uses its memory again": reusing,
    "list": list,
    "loader": Loader,
    "loader without length": Endless,
    "data set": Dataset,
    "data set for the main thread": InMainThread,
}


def steps_of(stream, name="steps_per_epoch"):
    """What a stream without an end needs besides."""
    return {name: COUNT} if hasattr(stream, "__next__") else {}


def same(one, other):
    assert [w.tobytes() for w in one.weights] == [w.tobytes() for w in other.weights]
    assert one.history.history == other.history.history
    assert one._network.streams.state() == other._network.streams.state()
