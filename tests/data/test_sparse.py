"""A sparse matrix of any format gives the rows of the dense one, and never all at once."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

from annlib import Input, Sequential, layers
from annlib.core.errors import DataError
from annlib.data import ArrayLoader, as_source

FORMATS = ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"]
N, FEATURES = 40, 7
rng = np.random.default_rng(0)
DENSE = rng.integers(0, 4, (N, FEATURES)) * (rng.random((N, FEATURES)) < 0.3)
DENSE[5] = DENSE[:, 2] = 0  # rows and columns without an entry
LABELS = np.arange(N) % 3


def matrix(form, dtype="f8", kind="array"):
    return getattr(sp, f"{form}_{kind}")(DENSE.astype(dtype))


@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("form", FORMATS)
def test_batches_are_the_dense_rows(form, kind):
    for dtype in ("f4", "f8", "u1", "?"):
        source = as_source(matrix(form, dtype, kind), "fit", "x")
        expected = DENSE.astype(dtype)
        for rows, plain in ((source, expected), (source[11:30], expected[11:30])):
            assert rows.shape == plain.shape
            batches = ArrayLoader(rows, batch_size=8, dtype="f4", target_dtype="f4")
            order = rng.permutation(len(rows))
            for parts, which in (
                (batches.sequential(), slice(None)),
                (batches.take(order), order),
            ):
                x = np.concatenate([batch.x.copy() for batch in parts])
                np.testing.assert_array_equal(x, plain[which].astype("f4"))


def test_entries_that_come_twice_are_added():
    twice = sp.csr_array(([1.0, 2.0, 4.0], [1, 1, 0], [0, 2, 3]), shape=(2, 3))
    batches = ArrayLoader(as_source(twice, "fit", "x"), batch_size=2, dtype="f8", target_dtype="f8")
    (batch,) = batches.sequential()
    np.testing.assert_array_equal(batch.x, [[0, 3, 0], [4, 0, 0]])


def fitted(x, **keywords):
    model = Sequential([layers.Dense(4, "tanh"), layers.Dense(3, "softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    history = model.fit(x, LABELS, batch_size=7, epochs=3, verbose=0, **keywords)
    return model, history.history


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
def test_a_model_learns_the_same_as_from_the_dense_matrix(form):
    keywords = {"validation_split": 0.25, "class_weight": {1: 2.0}}
    (model, history), (plain, expected) = (
        fitted(x, **keywords) for x in (matrix(form), DENSE.astype("f8"))
    )
    assert history == expected
    assert [w.tobytes() for w in model.weights] == [w.tobytes() for w in plain.weights]
    x = matrix(form)
    np.testing.assert_array_equal(model.predict(x), plain.predict(DENSE))
    assert model.evaluate(x, LABELS) == plain.evaluate(DENSE, LABELS)
    assert model.train_on_batch(x, LABELS) == plain.train_on_batch(DENSE, LABELS)
    np.testing.assert_array_equal(model(x), plain(DENSE))


def test_codes_of_an_embedding_may_be_sparse():
    def codes(x):
        model = Sequential([layers.Embedding(4, 2), layers.Flatten(), layers.Dense(3)], seed=0)
        return model.predict(x)

    np.testing.assert_array_equal(codes(matrix("csr", "i8")), codes(DENSE))
    with pytest.raises(
        DataError, match=r"whole numbers from 0 to 3 in what x stores,.* got 29 others"
    ):
        codes(matrix("csr", "i8") * 2)


def test_the_matrix_is_never_dense_as_a_whole():
    x = sp.random_array((50_000, 2_000), density=0.001, format="csr", dtype="f4", rng=0)
    model = Sequential([Input((2_000,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    y, dense = np.zeros(50_000), 50_000 * 2_000 * 4
    model.fit(x[:64], y[:64], verbose=0)
    for call in (
        lambda: model.fit(x, y, batch_size=256, verbose=0, validation_split=0.1),
        lambda: model.evaluate(x, y),
        lambda: model.predict(x),
    ):
        tracemalloc.start()
        call()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < dense / 50


def test_bad_entries_are_found():
    for bad, place in ((np.nan, "row 9"), (np.inf, "row 9")):
        x = DENSE.astype("f8")
        x[9, 4] = bad
        for form in ("csr", "coo"):
            with pytest.raises(DataError, match=f"counted from {place}, got 1 .*row 0, column 4"):
                as_source(getattr(sp, f"{form}_array")(x), "fit", "x")
    with pytest.raises(DataError, match="complex"):
        as_source(matrix("csr", "c16"), "fit", "x")
    with pytest.raises(
        DataError, match=r"rows and columns, got a sparse coo_array of shape \(7,\)"
    ):
        as_source(sp.coo_array(DENSE[0]), "fit", "x")
    with pytest.raises(DataError, match="at least one row"):
        as_source(matrix("csr")[:0], "fit", "x")
    with pytest.raises(DataError, match=r"y as an array, got a sparse .*y\.toarray\(\)"):
        fitted(DENSE)[0].fit(DENSE, sp.csr_array(DENSE), verbose=0)
