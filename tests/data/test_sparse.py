"""A sparse matrix of any format gives the rows of the dense one, and is never dense itself."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

import annlib
from annlib import Input, Sequential, callbacks, layers, optimizers
from annlib.core.errors import DataError, DivergenceError
from annlib.data import ArrayLoader, as_source, dense

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


@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("form", FORMATS)
def test_batches_may_stay_sparse(form, kind):
    for dtype in ("f4", "f8", "u1", "?"):
        source, expected = as_source(matrix(form, dtype, kind), "fit", "x"), DENSE.astype(dtype)
        batches = ArrayLoader(source, batch_size=8, dtype="f4", target_dtype="f4", sparse=True)
        order = rng.permutation(N)
        for parts, which in ((batches.sequential(), slice(None)), (batches.take(order), order)):
            rows = [batch.x for batch in parts]
            assert {(x.format, x.dtype) for x in rows} == {("csr", np.dtype("f4"))}
            x = sp.vstack(rows).toarray()
            np.testing.assert_array_equal(x, expected[which].astype("f4"))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", ["f8", "f4", "u1", "?"])
def test_entries_that_come_twice_are_added(dtype, sparse):
    """In the type of the matrix: bytes wrap around, as in ``toarray``."""
    stored = np.array([200, 100, 4], dtype)
    twice = sp.csr_array((stored, [1, 1, 0], [0, 2, 3]), shape=(2, 3))
    stored.flags.writeable = False
    batches = ArrayLoader(
        as_source(twice, "fit", "x"), batch_size=2, dtype="f4", target_dtype="f4", sparse=sparse
    )
    for parts in (batches.sequential(), batches.take(np.arange(2))):
        (batch,) = parts
        np.testing.assert_array_equal(dense(batch.x), twice.toarray())
    assert twice.nnz == 3


def fitted(x, *first, **keywords):
    stack = [*first, layers.Dense(4, "tanh"), layers.Dense(3, "softmax")]
    model = Sequential(stack, seed=0, dtype=keywords.pop("dtype", "float32"))
    optimizer = keywords.pop("optimizer", "adam")
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    keywords = {"batch_size": 7, "epochs": 3, "verbose": 0, **keywords}
    return model, model.fit(x, LABELS, **keywords).history


KEYWORDS = {
    "validation_split": 0.25,
    "class_weight": {1: 2.0},
    "sample_weight": np.linspace(0, 2, N),
}


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", [optimizers.Adam, optimizers.LBFGS])
def test_a_model_learns_the_same_as_from_the_dense_matrix_but_for_rounding(form, dtype, optimizer):
    keywords = {**KEYWORDS, "dtype": dtype, "optimizer": optimizer}
    x = matrix(form, "f8")
    (model, history), (plain, expected) = (fitted(x, **keywords) for x in (x, DENSE.astype("f8")))
    near = {
        "rtol": 1e-5 if dtype == "float32" else 1e-12,
        "atol": 1e-6 if dtype == "float32" else 0,
    }
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, **near)
    for found, weight in zip(model.weights, plain.weights, strict=True):
        np.testing.assert_allclose(found, weight, **near)
    np.testing.assert_allclose(model.predict(x), plain.predict(DENSE), **near)
    np.testing.assert_allclose(model.evaluate(x, LABELS), plain.evaluate(DENSE, LABELS), **near)
    np.testing.assert_allclose(model(x), plain(DENSE), **near)
    np.testing.assert_allclose(
        model.test_on_batch(x, LABELS), plain.test_on_batch(DENSE, LABELS), **near
    )
    if optimizer is not optimizers.LBFGS:
        found, wanted = (
            net.train_on_batch(rows, LABELS) for net, rows in ((model, x), (plain, DENSE))
        )
        np.testing.assert_allclose(found, wanted, **near)


def test_a_row_gives_the_same_bits_in_any_batch():
    model, _ = fitted(matrix("csr"))
    whole = Sequential(model.layers[:1]).predict(matrix("csr"))
    for size in (1, 7, N):
        rows = Sequential(model.layers[:1]).predict(matrix("csr"), batch_size=size)
        np.testing.assert_array_equal(rows, whole)


def test_the_same_seed_gives_the_same_bits_in_any_format():
    results = [fitted(matrix(form, "f4", kind), **KEYWORDS) for form, kind in (
        ("csr", "array"), ("csr", "matrix"), ("csr", "array"), ("csc", "array"),
    )]  # fmt: skip
    for model, history in results[1:]:
        assert history == results[0][1]
        assert [w.tobytes() for w in model.weights] == [w.tobytes() for w in results[0][0].weights]


class Scaled(layers.Dense):
    """A Dense with a forward pass of its own, which knows nothing of sparse rows."""

    def forward(self, x, work, *, training=False):
        assert type(x) is np.ndarray
        return super().forward(x * 2, work, training=training)


@pytest.mark.parametrize(
    "first",
    [layers.BatchNormalization, lambda: layers.Dropout(0.5), lambda: Scaled(5), layers.Flatten],
)
def test_other_first_layers_get_dense_batches(first):
    x = matrix("csr")
    (model, history), (plain, expected) = (
        fitted(rows, first(), **KEYWORDS) for rows in (x, DENSE.astype("f8"))
    )
    assert history == expected
    assert [w.tobytes() for w in model.weights] == [w.tobytes() for w in plain.weights]
    np.testing.assert_array_equal(model.predict(x), plain.predict(DENSE))
    assert model.train_on_batch(x, LABELS) == plain.train_on_batch(DENSE, LABELS)


class Wide(layers.Dense):
    """A Dense with other arguments, and the passes of a Dense."""

    def __init__(self, units=4, **keywords):
        super().__init__(units, "tanh", kernel_regularizer="l2", **keywords)


def test_a_dense_with_other_arguments_takes_sparse_rows(monkeypatch):
    monkeypatch.setattr(sp.csr_array, "toarray", None)
    model, _ = fitted(matrix("csr"), Wide(), layers.Dropout(0.2))
    assert model.predict(matrix("csr")).shape == (N, 3)


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_killed_run_resumes_to_the_bit(tmp_path, shuffle):
    class Kill(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations == 8:
                raise KeyError

    def run(*more):
        backup = callbacks.BackupAndRestore(tmp_path / "run", save_freq=3)
        return fitted(matrix("csr"), callbacks=[backup, *more], shuffle=shuffle, **KEYWORDS)

    with pytest.raises(KeyError):
        run(Kill())
    model, history = run()
    whole, expected = fitted(matrix("csr"), shuffle=shuffle, **KEYWORDS)
    assert history == expected
    assert [w.tobytes() for w in model.weights] == [w.tobytes() for w in whole.weights]


def test_data_are_known_again_by_their_dense_rows():
    for sparse in (True, False):
        types = {"dtype": "f4", "target_dtype": "f4", "sparse": sparse}
        one, other, wrong = (
            ArrayLoader(as_source(x, "fit", "x"), batch_size=8, **types).fingerprint()["x"]
            for x in (matrix("csr"), matrix("csc"), matrix("csr")[::-1])
        )
        assert one == other != wrong
        plain = ArrayLoader(DENSE.astype("f4"), batch_size=8, dtype="f4", target_dtype="f4")
        assert one[-1] == plain.fingerprint()["x"][-1]


def test_what_looks_at_a_batch_of_sparse_rows():
    doctor = callbacks.Doctor()
    seen = []

    class Look(callbacks.Callback):
        def on_gradients(self, batch, logs):
            seen.append(logs["x"])

    model, _ = fitted(matrix("csr"), callbacks=[doctor, Look()])
    assert {x.format for x in seen} == {"csr"}
    plain = callbacks.Doctor()
    fitted(DENSE.astype("f8"), callbacks=[plain])
    assert len(doctor.steps) == len(plain.steps)
    np.testing.assert_array_equal(doctor.get_state()["_rows"], plain.get_state()["_rows"])
    assert doctor.report() == plain.report()
    x, y = matrix("csr")[:2], LABELS[:2]
    assert str(model.trace(x, y)) == str(model.trace(x.toarray(), y))
    assert annlib.gradcheck(model, x, y).ok


def test_numbers_that_the_type_cannot_hold_end_training_with_their_place():
    x = matrix("csr")
    x.data[3] = 1e300
    with pytest.raises(DivergenceError, match="x of the batch, as float32, is not finite"):
        fitted(x)


def test_codes_of_an_embedding_may_be_sparse():
    def codes(x):
        model = Sequential([layers.Embedding(4, 2), layers.Flatten(), layers.Dense(3)], seed=0)
        return model.predict(x)

    np.testing.assert_array_equal(codes(matrix("csr", "i8")), codes(DENSE))
    with pytest.raises(
        DataError, match=r"whole numbers from 0 to 3 in what x stores,.* got 29 others"
    ):
        codes(matrix("csr", "i8") * 2)


@pytest.mark.parametrize("shuffle", [True, False])
def test_nothing_of_the_size_of_the_dense_matrix_is_made(shuffle):
    rows, features = 1_000, 200_000
    columns = np.sort(rng.integers(0, features, (rows, 50)))
    parts = np.ones(columns.size), columns.ravel(), np.arange(0, columns.size + 1, 50)
    x, y = sp.csr_array(parts, shape=(rows, features)), np.arange(rows) % 2
    model = Sequential([Input((features,)), layers.Dense(2, "tanh"), layers.Dense(1, "sigmoid")])
    model.compile(optimizers.SGD(), "bce", jit_compile=False)
    # As few rows as a hundred, written out, would take half of that.
    most = rows * features * model.weights[0].itemsize / 20

    def batches():
        yield x[:500], y[:500]
        yield x[500:], y[500:]

    for call in (
        lambda: model.fit(x, y, batch_size=500, verbose=0, validation_split=0.5, shuffle=shuffle),
        lambda: model.fit(batches(), verbose=0),
        lambda: model.train_on_batch(x, y),
        lambda: model.evaluate(x, y),
        lambda: model.predict(x),
        lambda: model(x),
        lambda: ArrayLoader(
            as_source(x, "fit", "x"), batch_size=32, dtype="f4", target_dtype="f4", sparse=True
        ).fingerprint(),
    ):
        tracemalloc.start()
        call()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < most


def test_layers_that_take_no_sparse_rows_get_them_dense_a_batch_at_a_time():
    x = sp.random_array((50_000, 2_000), density=0.001, format="csr", dtype="f4", rng=0)
    model = Sequential([Input((2_000,)), layers.Dropout(0.1), layers.Dense(1)])
    model.compile("sgd", "mse")
    y, whole = np.zeros(50_000), 50_000 * 2_000 * 4
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
        assert peak < whole / 40


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
