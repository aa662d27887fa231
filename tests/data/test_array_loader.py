"""Every row comes once, with its own target and weight, from rows of every kind."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annlib import Input, Sequential, layers
from annlib.core.errors import DataError
from annlib.data import ArrayLoader, Table, as_source, as_stream_loader


def copies(batches):
    """A batch is borrowed until the next: keep what it holds."""
    return [tuple(None if part is None else part.copy() for part in batch) for batch in batches]


def numbered(n, **keywords):
    """Rows whose first feature, target and weight are the row's number."""
    row = np.arange(n)
    x = np.column_stack([row, -row]).astype("i4")
    arguments = {"batch_size": 3, "dtype": "float64", "target_dtype": np.intp, **keywords}
    return ArrayLoader(x, row.astype("u2"), row / 2, **arguments)


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 99), st.booleans())
def test_each_row_comes_once_with_its_target_and_weight(n, size, seed, shuffled):
    batches = numbered(n, batch_size=size)
    order = np.random.default_rng(seed).permutation(n) if shuffled else np.arange(n)
    parts = copies(batches.take(order) if shuffled else batches.sequential())
    lengths = [len(x) for x, _, _ in parts]
    assert lengths == [size] * (n // size) + ([n % size] if n % size else [])
    assert len(batches) == len(parts)
    assert batches.rows == n
    x, y, w = (np.concatenate(column) for column in zip(*parts, strict=True))
    np.testing.assert_array_equal(x, np.column_stack([order, -order]))
    np.testing.assert_array_equal(y, order)
    np.testing.assert_array_equal(w, order / 2)
    assert (x.dtype, y.dtype, w.dtype) == (np.float64, np.intp, np.float64)


def test_epochs_can_follow_one_another_in_any_way():
    batches, order = numbered(8), np.array([7, 0, 6, 1, 5, 2, 4, 3])
    first = [x[:, 0].tolist() for x, _, _ in batches.sequential()]
    for again in (batches.take(order), batches.sequential(), batches.take(order)):
        rows = list(itertools.chain.from_iterable(x[:, 0].tolist() for x, _, _ in again))
        assert sorted(rows) == list(range(8))
    assert [x[:, 0].tolist() for x, _, _ in batches.sequential()] == first


def test_what_is_not_given_is_none():
    batches = ArrayLoader(np.ones((4, 2)), batch_size=3, dtype="float32", target_dtype="float32")
    assert [(y, w) for _, y, w in batches.sequential()] == [(None, None)] * 2
    assert [(y, w) for _, y, w in batches.take(np.arange(4))] == [(None, None)] * 2


# Frames


def mixed_frame(n=10):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "z": rng.integers(-5, 5, n),
            "a": rng.normal(size=n).astype("float32"),
            "flag": rng.random(n) < 0.5,
            "byte": rng.integers(0, 255, n).astype("uint8"),
        }
    )


def test_a_mixed_frame_is_read_in_the_order_of_its_columns():
    frame = mixed_frame()
    source = as_source(frame, "test", "x")
    assert isinstance(source, Table)
    assert source.names == ["z", "a", "flag", "byte"]
    assert source.shape == (10, 4)
    expected = frame.to_numpy(dtype="float64")
    batches = ArrayLoader(source, batch_size=4, dtype="float64", target_dtype="float64")
    for order in (np.arange(10), np.random.default_rng(1).permutation(10)):
        x = np.concatenate([b[0] for b in copies(batches.take(order))])
        np.testing.assert_array_equal(x, expected[order])
    turn = np.concatenate([b[0] for b in copies(batches.sequential())])
    np.testing.assert_array_equal(turn, expected)
    part = ArrayLoader(source[3:7], batch_size=3, dtype="float64", target_dtype="float64")
    some = np.concatenate([b[0] for b in copies(part.sequential())])
    np.testing.assert_array_equal(some, expected[3:7])


def test_columns_that_are_views_or_have_one_name_are_read():
    frame = mixed_frame()[::-2]
    frame.columns = ["same"] * 4
    source = as_source(frame, "test", "x")
    batches = ArrayLoader(source, batch_size=2, dtype="float32", target_dtype="float32")
    x = np.concatenate([b[0] for b in copies(batches.sequential())])
    np.testing.assert_array_equal(x, frame.to_numpy(dtype="float32"))


def test_a_frame_of_one_type_is_its_array():
    frame = pd.DataFrame(np.arange(12.0).reshape(4, 3))
    source = as_source(frame, "test", "x")
    assert isinstance(source, np.ndarray)
    assert np.shares_memory(source, frame.to_numpy())


def test_neither_frames_nor_arrays_are_copied():
    n = 200_000
    frame = pd.DataFrame({"a": np.arange(n), "b": np.ones(n, "f4"), "c": np.zeros(n, bool)})
    array = np.asfortranarray(np.ones((n, 3), "f4"))
    y = np.arange(n)
    order = np.random.default_rng(0).permutation(n)
    for x in (frame, array):
        tracemalloc.start()
        source = as_source(x, "test", "x")
        batches = ArrayLoader(source, y, batch_size=50, dtype="float32", target_dtype="float32")
        for epoch in (batches.sequential(), batches.take(order)):
            for _ in itertools.islice(epoch, 5):
                pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 150_000  # a column of bytes would be 200,000


@pytest.mark.parametrize(
    ("column", "value"), [("a", np.nan), ("a", np.inf), ("z", "text"), ("flag", None)]
)
def test_a_bad_column_is_named(column, value):
    frame = mixed_frame().astype({column: object if column != "a" else "float32"})
    frame.loc[3, column] = value
    with pytest.raises(DataError, match=rf'x\["{column}"\]'):
        as_source(frame, "fit", "x")


@pytest.mark.parametrize("bad", [[], np.zeros((0, 3)), np.zeros((3, 0)), pd.DataFrame()])
def test_a_source_has_rows_and_columns(bad):
    with pytest.raises(DataError, match="at least one row"):
        as_source(bad, "fit", "x")


# Through a model


def trained(x, y):
    model = Sequential([Input((3,)), layers.Dense(2, activation="tanh"), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(x, y, batch_size=7, epochs=2, verbose=0, validation_split=0.2)
    return model


def test_a_model_learns_the_same_from_every_layout(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 9, (40, 3)), rng.integers(0, 9, 40)
    x.astype("f4").tofile(tmp_path / "x")
    mixed = pd.DataFrame(
        {"a": x[:, 0], "b": x[:, 1].astype("f4"), "c": x[:, 2].astype("u1")},
        index=rng.permutation(40),
    )
    sources = [
        x.astype("f4"),
        np.asfortranarray(x.astype("f8")),
        x.astype(">i2")[::-1][::-1],
        x.tolist(),
        np.memmap(tmp_path / "x", "f4", "r", shape=(40, 3)),
        pd.DataFrame(x, index=rng.permutation(40)),
        mixed,
    ]
    reference = trained(x, y)
    for source in sources:
        for target in (y, y.astype("f4"), y.tolist(), pd.Series(y), y.reshape(-1, 1)):
            model = trained(source, target)
            for mine, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
                np.testing.assert_array_equal(mine, theirs)
        np.testing.assert_array_equal(model.predict(source), reference.predict(x))


@pytest.mark.parametrize("kind", ["rows", "an index object"])
def test_the_order_of_a_round_is_drawn_at_once(kind):
    """Not with the first batch: a run that goes on from its very end would never draw it."""

    class Batched:
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return np.full((2, 3), index), np.zeros(2)

    feed = numbered(10)
    if kind != "rows":
        feed = as_stream_loader(Batched(), lambda *batch: batch)
    rng, drawn = np.random.default_rng(0), np.random.default_rng(0)
    drawn.permutation(10 if kind == "rows" else 4)
    feed.start_pass(rng, 2)
    assert rng.bit_generator.state == drawn.bit_generator.state
