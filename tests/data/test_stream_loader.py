"""What is a stream, in which order its batches come, and what it does when they end."""

from __future__ import annotations

from collections import deque

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from annlib.core.errors import DataError
from annlib.data import Batch, as_stream_loader, is_stream

X = np.arange(6.0).reshape(3, 2)
BATCHES = [(X + 10 * number, X[:, 0] + 10 * number) for number in range(5)]


def convert(item, where):
    return Batch(item[0], item[1], None)


class Loader:
    """Like PyTorch's: to be iterated again and again, with a length."""

    def __init__(self, length=5, says=None):
        self.length, self.says, self.begun = length, says or length, 0

    def __iter__(self):
        self.begun += 1
        yield from BATCHES[: self.length]

    def __len__(self):
        if self.says == "unknown":
            raise TypeError("an endless data set has no length")
        return self.says


class Dataset:
    """Like Keras': a batch for each index."""

    def __init__(self):
        self.calls = []

    def __len__(self):
        return 5

    def __getitem__(self, index):
        self.calls.append(index)
        return BATCHES[index]

    def on_epoch_end(self):
        self.calls.append("end")


class Rows:
    """What NumPy can read, and iterate, too."""

    def __array__(self, dtype=None, copy=None):
        return X

    def __iter__(self):
        return iter(X)


STREAMS = {
    "generator": (item for item in BATCHES),
    "iterator": iter(BATCHES),
    "zip": zip(BATCHES, BATCHES, strict=True),
    "list of batches": BATCHES,
    "deque of batches": deque(BATCHES),
    "batches of x alone": [(X,), (X,)],
    "loader": Loader(),
    "data set": Dataset(),
}
ROWS = {
    "array": X,
    "list": X.tolist(),
    "list of tuples": [(1.0, 2.0), (3.0, 4.0)],
    "list of rows": list(X),
    "tuple of rows": tuple(X),
    "empty list": [],
    "range": range(5),
    "frame": pd.DataFrame(X),
    "series": pd.Series(X[0]),
    "sparse": sp.csr_array(X),
    "object with __array__": Rows(),
    "dictionary": {"a": X},
    "set": {1, 2},
    "text": "data.csv",
    "bytes": b"data",
    "number": 5.0,
    "None": None,
}


@pytest.mark.parametrize("x", STREAMS.values(), ids=STREAMS)
def test_what_gives_batches(x):
    assert is_stream(x)


@pytest.mark.parametrize("x", ROWS.values(), ids=ROWS)
def test_what_is_rows_or_nothing(x):
    assert not is_stream(x)


def numbers(batches):
    return [int(batch.x[0, 0]) // 10 for batch in batches]


def test_rounds_of_an_iterable_begin_anew():
    loader = Loader()
    stream = as_stream_loader(loader, convert)
    assert (stream.count, stream.rows, stream.repeats) == (5, None, True)
    stream.first("fit")
    for begun in (1, 2):
        assert numbers(stream.sequential("fit")) == [0, 1, 2, 3, 4]
        assert loader.begun == begun  # what was looked at first is no round of its own
    assert numbers(stream.read(stream.start_pass(None, 3), None, "fit")) == [3, 4]
    assert numbers(stream.sequential("fit", 2)) == [0, 1]
    assert numbers(as_stream_loader(Loader(5, 3), convert).sequential("fit")) == [0, 1, 2]
    assert as_stream_loader(Loader(5, "unknown"), convert).count is None


def test_a_generator_goes_on():
    stream = as_stream_loader(iter(BATCHES), convert)
    assert (stream.count, stream.rows, stream.repeats) == (None, None, False)
    stream.first("fit")
    assert numbers(stream.sequential("fit", 2)) == [0, 1]
    assert stream.get_state() == 2
    assert numbers(stream.sequential("fit", 2)) == [2, 3]
    again = as_stream_loader(iter(BATCHES), convert)
    again.first("fit")
    again.set_state(3)
    assert numbers(again.sequential("fit")) == [3, 4]


def test_an_index_is_read_once_a_round_in_any_order():
    data = Dataset()
    stream = as_stream_loader(data, convert)
    stream.first("fit")
    assert numbers(stream.sequential("evaluate")) == [0, 1, 2, 3, 4]
    assert data.calls == [0, 1, 2, 3, 4, "end"]
    data.calls.clear()
    order = np.random.default_rng(3).permutation(5).tolist()
    for done in (0, 2):
        items = stream.start_pass(np.random.default_rng(3), done)
        assert numbers(stream.read(items, None, "fit")) == order[done:]
    assert data.calls == [*order, "end", *order[2:], "end"]


@pytest.mark.parametrize(
    ("x", "steps", "says"),
    [
        (iter(BATCHES), 6, "6 batches from x, a list_iterator, got 5. A generator .* exhausted"),
        ((item for item in ()), None, "some batches from x, a generator, got none. A generator"),
        (Loader(0, 3), None, "some batches from x, a Loader, got none"),
    ],
)
def test_too_few_batches(x, steps, says):
    with pytest.raises(DataError, match=f"^evaluate: expected {says}"):
        list(as_stream_loader(x, convert).sequential("evaluate", steps))


@pytest.mark.parametrize(
    "x", [iter(()), Loader(0, 1), type("None", (Dataset,), {"__len__": int})()]
)
def test_nothing_to_begin_with(x):
    with pytest.raises(DataError, match=r"^fit: expected some batches from x, .* got none"):
        as_stream_loader(x, convert).first("fit")
