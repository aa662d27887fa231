"""``Shards``: rows in many files beside the same rows in memory."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from annlib import ConfigurationError, DataError, DivergenceError, Sequential, ShapeError, layers
from annlib.callbacks import BackupAndRestore, LambdaCallback
from annlib.data import ArrayLoader, Shards
from annlib.data import shards as module
from annlib.optimizers import SGD

RNG = np.random.default_rng(0)
X = RNG.normal(size=(203, 5)).astype(np.float32)
Y = (X[:, 0] + 0.3 * X[:, 1] > 0).astype(np.int64)
CUTS = [0, 40, 40, 41, 150, 203]  # a file without rows, and one with a single one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for k, (start, stop) in enumerate(pairwise(CUTS)):
        np.save(tmp_path / f"x-{k}.npy", X[start:stop])
        np.save(tmp_path / f"y-{k}.npy", Y[start:stop])
    return tmp_path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 8 rows and windows of 32, so that there are several of them."""
    monkeypatch.setattr(module, "_BLOCK", 8 * 5 * 4)
    monkeypatch.setattr(module, "_WINDOW", 32 * 5 * 4)


def pair(folder: Path) -> tuple[Shards, Shards]:
    return Shards(folder / "x-*.npy"), Shards(folder / "y-*.npy")


def model(**options) -> Sequential:
    chain = [layers.Dense(6, activation="relu"), layers.Dropout(0.2)]
    made = Sequential([*chain, layers.Dense(1, activation="sigmoid")], seed=3)
    made.compile("adam", "binary_crossentropy", metrics=["accuracy"], **options)
    return made


def test_it_is_the_array_of_all_rows(folder):
    x, y = pair(folder)
    assert x.shape == X.shape and x.dtype == X.dtype and len(x) == len(X) and x.ndim == 2
    assert y.shape == Y.shape and y.dtype == Y.dtype
    np.testing.assert_array_equal(np.asarray(x), X)
    np.testing.assert_array_equal(np.asarray(y), Y)
    np.testing.assert_array_equal(np.asarray(x, np.float64), X.astype(np.float64))
    assert len(x.files) == 4 and x.columns is None


@pytest.mark.parametrize("rows", [(0, 203), (39, 42), (40, 41), (100, 100), (-5, None), (7, 1000)])
def test_a_slice_is_some_of_the_rows(folder, rows):
    x, _ = pair(folder)
    np.testing.assert_array_equal(np.asarray(x[slice(*rows)]), X[slice(*rows)])
    np.testing.assert_array_equal(np.asarray(x[10:][slice(*rows)]), X[10:][slice(*rows)])


def test_the_files_apart(folder):
    x, _ = pair(folder)
    parts = x.by_file()
    assert [len(part) for part in parts] == [40, 1, 109, 53]
    np.testing.assert_array_equal(np.concatenate([np.asarray(part) for part in parts]), X)


def test_paths_count_in_the_order_given_and_patterns_by_name(folder):
    files = [folder / "x-4.npy", folder / "x-0.npy"]
    np.testing.assert_array_equal(np.asarray(Shards(files)), np.concatenate([X[150:], X[:40]]))
    np.testing.assert_array_equal(np.asarray(Shards(folder / "x-3.npy")), X[41:150])


COLUMNS = [(-1, 4), (0, 0), ([0, 1], [0, 1]), ([3, 0], [3, 0]), (slice(1, 4), slice(1, 4))]


@pytest.mark.parametrize(("given", "expected"), COLUMNS)
def test_columns(folder, given, expected):
    some = Shards(folder / "x-*.npy", columns=given)
    np.testing.assert_array_equal(np.asarray(some), X[:, expected])
    index = RNG.integers(0, 203, 50)
    found = np.empty((50, *some.shape[1:]), np.float32)
    some.read_rows(index, found)
    np.testing.assert_array_equal(found, X[index][:, expected])


@pytest.mark.parametrize(
    ("drop", "left"),
    [(-1, [0, 1, 2, 3]), ([0, 2], [1, 3, 4]), (2, [0, 1, 3, 4]), ([1, 2], [0, 3, 4])],
)
def test_all_columns_but_some(folder, drop, left):
    np.testing.assert_array_equal(np.asarray(Shards(folder / "x-*.npy", drop=drop)), X[:, left])


def test_any_layout_and_type_of_files(tmp_path):
    np.save(tmp_path / "a.npy", np.asfortranarray(X[:10]))
    np.save(tmp_path / "b.npy", X[10:20].astype(np.float64))
    np.save(tmp_path / "c.npy", np.arange(15, dtype=np.uint8).reshape(3, 5))
    np.save(tmp_path / "d.npy", X[20:22].astype(">f4"))
    x = Shards(tmp_path / "*.npy")
    whole = np.concatenate([X[:20], np.arange(15).reshape(3, 5), X[20:22]])
    assert x.dtype == np.float64
    np.testing.assert_array_equal(np.asarray(x), whole)


# -- what models do with it ----------------------------------------------------------------------


def test_in_the_same_order_the_bits_are_those_of_arrays(folder):
    x, y = pair(folder)
    weights = RNG.uniform(size=len(X))
    np.save(folder / "w.npy", weights)
    options = {"epochs": 3, "batch_size": 32, "shuffle": False, "verbose": 0}
    for more in (
        {"validation_split": 0.2},
        {"class_weight": {0: 2.0, 1: 0.5}},
        {"steps_per_epoch": 4},
        {"drop_last": True},
        {"sample_weight": (weights, Shards(folder / "w.npy"))},
        {"validation_data": ((X, Y), (x, y))},
    ):
        ours = {k: v[1] if isinstance(v, tuple) else v for k, v in more.items()}
        plain = {k: v[0] if isinstance(v, tuple) else v for k, v in more.items()}
        a, b = model(), model()
        first = a.fit(X, Y, **options, **plain).history
        second = b.fit(x, y, **options, **ours).history
        assert first == second, more
        for one, other in zip(a.get_weights(), b.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_rows_of_a_batch_are_shuffled_where_they_are(folder):
    x, y = pair(folder)
    a, b = model(), model()
    a.fit(X, Y, epochs=2, shuffle="batch", verbose=0)
    b.fit(x, y, epochs=2, shuffle="batch", verbose=0)
    np.testing.assert_array_equal(a.predict(X), b.predict(x))


def test_evaluate_and_predict(folder):
    x, y = pair(folder)
    a = model()
    a.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(a.predict(x), a.predict(X))
    np.testing.assert_array_equal(
        a.predict(x, steps=None, batch_size=7), a.predict(X, batch_size=7)
    )
    assert a.evaluate(x, y, verbose=0) == a.evaluate(X, Y, verbose=0)


def test_an_embedding_gets_codes(tmp_path):
    codes = RNG.integers(0, 9, (60, 2))
    np.save(tmp_path / "a.npy", codes[:25])
    np.save(tmp_path / "b.npy", codes[25:])
    net = Sequential([layers.Embedding(9, 3), layers.Flatten(), layers.Dense(1)], seed=0)
    net.compile("sgd", "mse")
    x = Shards(tmp_path / "*.npy")
    net.fit(x, codes[:, 0], epochs=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(net.predict(x), net.predict(codes))
    np.save(tmp_path / "c.npy", np.array([[1, 9]]))
    with pytest.raises(DataError, match=r"whole numbers from 0 to 8.*first 9 at row 60"):
        net.predict(Shards(tmp_path / "*.npy"))


def test_what_adapts(folder):
    norm, other = layers.Normalization(), layers.Normalization()
    norm.adapt(Shards(folder / "x-*.npy"))
    other.adapt(X)
    np.testing.assert_array_equal(norm.mean, other.mean)
    np.testing.assert_array_equal(norm.variance, other.variance)


# -- the order -----------------------------------------------------------------------------------


def orders(folder: Path, epochs: int = 2, seed: int = 0, **options) -> list[np.ndarray]:
    """The rows of each epoch, told by a column that counts them."""
    for k, (start, stop) in enumerate(pairwise(CUTS)):
        rows = np.column_stack([np.arange(start, stop), X[start:stop, 1:]])
        np.save(folder / f"n-{k}.npy", rows.astype(np.float32))
    seen: list[np.ndarray] = []

    class Sees(layers.Layer):
        def forward(self, x, work, *, training=False):
            if training:
                seen.append(x[:, 0].copy())
            return x

        def backward(self, dy, work, *, input_gradient=True):
            return dy

    net = Sequential([Sees(), layers.Dense(1)], seed=seed)
    net.compile(SGD(1e-9), "mse")
    steps = options.get("steps_per_epoch") or 7
    net.fit(Shards(folder / "n-*.npy"), X[:, 0], epochs=epochs, batch_size=32, verbose=0, **options)
    batches = [seen[k : k + steps] for k in range(0, len(seen), steps)]
    return [np.concatenate(epoch).astype(int) for epoch in batches]


def test_each_row_comes_once_an_epoch_in_a_new_order(folder, small):
    first, second = orders(folder)
    for order in (first, second):
        np.testing.assert_array_equal(np.sort(order), np.arange(len(X)))
    assert (first != second).any()
    np.testing.assert_array_equal(first, orders(folder)[0])
    assert (first != orders(folder, seed=1)[0]).any()


def test_neighbours_are_apart(folder, small):
    (order,) = orders(folder, epochs=1)
    place = np.argsort(order)
    # Of rows that stand side by side in a file few come one after the other; of a shuffle of all
    # rows 1 in 100 does, without one all do.
    assert (np.abs(np.diff(place)) == 1).mean() < 0.15
    # Each window of 32 rows is of several places of the files.
    assert min(np.ptp(order[k : k + 32]) for k in range(0, 160, 32)) > 60


def test_a_pass_goes_on_over_epochs(folder, small):
    found = orders(folder, epochs=7, steps_per_epoch=1)
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.arange(len(X)))


@pytest.mark.parametrize("rng", [None, 3])
def test_batches_come_one_by_one_wherever_an_epoch_cuts_what_is_read(folder, rng):
    def batches():
        kinds = {"dtype": np.float32, "target_dtype": np.intp}
        loader = ArrayLoader(Shards(folder / "x-*.npy"), Y, batch_size=4, **kinds)
        return loader, loader.start_pass(rng and np.random.default_rng(rng))

    loader, items = batches()
    whole = [(batch.x.copy(), batch.y.copy()) for batch in items]
    assert [len(x) for x, _ in whole] == [4] * 50 + [3]
    loader, items = batches()
    found = []
    for count in (1, 7, 30, None):
        with closing(loader.part(items, count, "")) as part:
            found += [(batch.x.copy(), batch.y.copy()) for batch in part]
        assert count is None or len(found) in (1, 8, 38)
    for (x, y), (there, those) in zip(found, whole, strict=True):
        np.testing.assert_array_equal(x, there)
        np.testing.assert_array_equal(y, those)


def test_long_rows_are_read_a_few_at_a_time(tmp_path, monkeypatch):
    np.save(tmp_path / "long.npy", np.zeros((64, 1 << 15), np.float32))  # of 128 KiB
    shards, read = Shards(tmp_path / "long.npy"), []
    monkeypatch.setattr(Shards, "read_slice", lambda self, a, b, out: read.append(b - a))
    kinds = {"dtype": np.float32, "target_dtype": np.float32}
    assert len([*ArrayLoader(shards, batch_size=2, **kinds).sequential()]) == 32
    assert read == [8] * 8


def test_the_model_in_memory_gets_the_same_rows(folder, small):
    (order,) = orders(folder, epochs=1)
    a, b = model(), model()
    a.fit(Shards(folder / "x-*.npy"), Shards(folder / "y-*.npy"), verbose=0)
    b.fit(X[order], Y[order], shuffle=False, verbose=0)
    # The names of the random streams are those of the layers, and the shuffle's is another: the
    # order of ``orders`` is that of any model of this seed.
    c = Sequential([layers.Dense(6), layers.Dense(1)], seed=0)
    d = Sequential([layers.Dense(6), layers.Dense(1)], seed=0)
    for net in (c, d):
        net.compile("adam", "mse")
    c.fit(Shards(folder / "x-*.npy"), Shards(folder / "y-*.npy"), verbose=0)
    d.fit(X[order], Y[order], shuffle=False, verbose=0)
    np.testing.assert_array_equal(c.predict(X), d.predict(X))


@pytest.mark.parametrize("cut", [3, 7, 10])
def test_a_run_that_is_cut_off_goes_on_in_the_same_order(folder, small, cut):
    x, y = pair(folder)
    whole = model()
    expected = whole.fit(x, y, epochs=3, verbose=0).history
    steps = 0

    def stop(batch, logs):
        nonlocal steps
        steps += 1
        if steps == cut:
            raise KeyboardInterrupt

    again = model()
    backup = BackupAndRestore(folder / "backup", save_freq=1)
    with pytest.raises(KeyboardInterrupt):
        again.fit(
            *(x, y),
            epochs=3,
            callbacks=[backup, LambdaCallback(on_train_batch_end=stop)],
            verbose=0,
        )
    new = model()
    backup = BackupAndRestore(folder / "backup", save_freq=1)
    assert new.fit(x, y, epochs=3, callbacks=[backup], verbose=0).history == expected
    np.testing.assert_array_equal(new.predict(X), whole.predict(X))


def test_other_data_are_not_taken_for_those_of_the_run(folder):
    x, y = pair(folder)
    backup = folder / "backup"
    callbacks = [BackupAndRestore(backup, delete_checkpoint=False)]
    model().fit(x, y, epochs=2, callbacks=callbacks, verbose=0)
    np.save(folder / "x-0.npy", X[:40] + 1)
    callbacks = [BackupAndRestore(backup, delete_checkpoint=False)]
    with pytest.raises(ValueError, match="data"):
        model().fit(*pair(folder), epochs=3, callbacks=callbacks, verbose=0)


# -- Parquet -------------------------------------------------------------------------------------


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    for k, (start, stop) in enumerate(pairwise(CUTS)):
        columns = {f"c{j}": X[start:stop, j] for j in range(5)} | {"y": Y[start:stop]}
        parquet.write_table(pa.table(columns), tmp_path / f"t-{k}.parquet", row_group_size=16)
    return tmp_path


def test_tables(tables):
    x = Shards(tables / "*.parquet", drop="y")
    y = Shards(tables / "*.parquet", columns="y")
    assert x.columns == ["c0", "c1", "c2", "c3", "c4"] and x.dtype == np.float32
    assert y.dtype == np.int64 and y.columns is None
    np.testing.assert_array_equal(np.asarray(x), X)
    np.testing.assert_array_equal(np.asarray(y), Y)
    np.testing.assert_array_equal(np.asarray(x[30:60]), X[30:60])
    np.testing.assert_array_equal(
        np.asarray(Shards(tables / "*.parquet", columns=["c3", "c0"])), X[:, [3, 0]]
    )
    a, b = model(), model()
    options = {"epochs": 2, "shuffle": False, "verbose": 0}
    assert a.fit(x, y, **options).history == b.fit(X, Y, **options).history
    assert a.feature_names == ["c0", "c1", "c2", "c3", "c4"]
    with pytest.raises(DataError, match="in their order"):
        a.predict(Shards(tables / "*.parquet", columns=["c1", "c0", "c2", "c3", "c4"]))


def test_tables_are_shuffled_by_groups(tables, small):
    x = Shards(tables / "*.parquet", drop="y")
    order = np.concatenate(list(x.shuffled(np.random.default_rng(0), 10)))
    np.testing.assert_array_equal(np.sort(order), np.arange(len(X)))
    found = np.empty_like(X)
    x.read_rows(order, found)
    np.testing.assert_array_equal(found, X[order])


def test_groups_that_are_not_kept_are_read_again(tables, monkeypatch):
    from annlib.data import shard_files

    monkeypatch.setattr(shard_files, "_KEPT", 400)
    x = Shards(tables / "*.parquet", drop="y")
    for _ in range(2):
        np.testing.assert_array_equal(np.asarray(x), X)


def test_numbers_that_are_missing_in_a_table(tables):
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({"a": [1.0, None], "n": pa.array([1, None])})
    parquet.write_table(table, tables / "missing.parquet")
    x = Shards(tables / "missing.parquet", columns=["a"])
    np.testing.assert_array_equal(np.asarray(x), [[1.0], [np.nan]])
    with pytest.raises(DataError, match=r'column "n".*1 that are missing'):
        np.asarray(Shards(tables / "missing.parquet", columns="n"))


# -- copies, threads, memory ---------------------------------------------------------------------


def test_a_pickle_holds_no_rows(folder, tables):
    for shards in (Shards(folder / "x-*.npy"), Shards(tables / "*.parquet", drop="y")):
        np.asarray(shards)
        data = pickle.dumps(shards)
        assert len(data) < 5000
        np.testing.assert_array_equal(np.asarray(pickle.loads(data)), X)


def test_threads_may_share_them(folder, tables):
    net = model()
    net.fit(X, Y, verbose=0)
    expected = net.predict(X)
    found: list[np.ndarray] = []
    x = Shards(tables / "*.parquet", drop="y")
    threads = [threading.Thread(target=lambda: found.append(net.predict(x))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and all(np.array_equal(one, expected) for one in found)


MEMORY = """
import resource, sys
import numpy as np
from annlib import Sequential, layers
from annlib.data import Shards

def own():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) / 1024

x, y = Shards(sys.argv[1] + "/x-*.npy"), Shards(sys.argv[1] + "/y.npy")
model = Sequential([layers.Dense(16, activation="relu"), layers.Dense(1)], seed=0)
model.compile("adam", "mse")
model.fit(x[:512], y[:512], batch_size=256, verbose=0)
before, most = own(), int(sys.argv[2])
soft = resource.getrlimit(resource.RLIMIT_DATA)[1]
resource.setrlimit(resource.RLIMIT_DATA, (most, soft))
model.fit(x, y, batch_size=256, verbose=0)
model.predict(x)
print(own() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_data_larger_than_the_memory_of_the_process(tmp_path):
    rows = RNG.normal(size=(40_000, 500)).astype(np.float32)  # 80 MB a file
    for k in range(6):
        np.save(tmp_path / f"x-{k}.npy", rows)
    np.save(tmp_path / "y.npy", RNG.normal(size=6 * len(rows)))
    most = 160 << 20  # of memory that is written to; the files are three times as large
    call = [sys.executable, "-c", MEMORY, str(tmp_path), str(most)]
    result = subprocess.run(call, capture_output=True, text=True, timeout=250, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    assert float(result.stdout) < 40  # MiB


# -- what is wrong -------------------------------------------------------------------------------


def test_what_is_no_shards(folder, tmp_path):
    (tmp_path / "text.npy").write_text("no array")
    np.save(tmp_path / "one.npy", np.float64(3))
    np.save(tmp_path / "texts.npy", np.array(["a", "b"]))
    np.save(tmp_path / "objects.npy", np.array([{}, None], object), allow_pickle=True)
    np.save(tmp_path / "wide.npy", np.zeros((2, 6)))
    (tmp_path / "cut.npy").write_bytes((folder / "x-3.npy").read_bytes()[:500])
    (tmp_path / "a.csv").write_text("1,2")
    (tmp_path / "bad.parquet").write_text("no table")
    x = folder / "x-3.npy"
    for paths, kind, message in (
        (tmp_path / "nothing-*.npy", DataError, r"got none of the pattern"),
        (tmp_path, DataError, r"got the folder .*\*\.npy"),
        ([], DataError, "at least one file"),
        (3, ConfigurationError, "paths as a path, got 3"),
        ([x, 3], ConfigurationError, "each of paths as a path"),
        (tmp_path / "a.csv", DataError, r"paths that end on \.npy or \.parquet"),
        (tmp_path / "text.npy", DataError, r"np\.save has written in .*text\.npy"),
        (tmp_path / "cut.npy", DataError, r"np\.save has written in .*cut\.npy"),
        (tmp_path / "objects.npy", DataError, r"np\.save has written in .*objects\.npy"),
        (tmp_path / "one.npy", DataError, "a single number"),
        (tmp_path / "texts.npy", DataError, "to hold numbers, got no numbers but text"),
        (tmp_path / "bad.parquet", DataError, "a Parquet file"),
        ([x, tmp_path / "wide.npy"], ShapeError, r"\(5,\) in .*x-3\.npy. and \(6,\) in .*wide"),
        ([x, tmp_path / "gone.npy"], DataError, r"gone\.npy"),
    ):
        with pytest.raises(kind, match=message):
            Shards(paths)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": 5}, "numbers of columns from -5 to 4"),
        ({"columns": "a"}, "numbers of columns"),
        ({"columns": [0, True]}, "numbers of columns"),
        ({"columns": []}, "leave some of 5"),
        ({"columns": slice(5, 9)}, "leave some of 5"),
        ({"drop": [0, 1, 2, 3, 4]}, "leave some of 5"),
        ({"drop": 1.5}, "drop as numbers of columns"),
        ({"columns": 0, "drop": 1}, "columns or drop, got both"),
    ],
)
def test_columns_that_are_not_there(folder, options, message):
    with pytest.raises(ConfigurationError, match=message):
        Shards(folder / "x-*.npy", **options)
    with pytest.raises(ConfigurationError, match="columns only where rows have some"):
        Shards(folder / "y-*.npy", columns=0)


def test_columns_of_tables_that_are_not_there(tables):
    import pyarrow as pa
    from pyarrow import parquet

    with pytest.raises(ConfigurationError, match=r'got "c7".*c0'):
        Shards(tables / "*.parquet", columns=["c7"])
    with pytest.raises(ConfigurationError, match='got "z"'):
        Shards(tables / "*.parquet", drop="z")
    text = pa.table({"c0": [1.0], "text": ["a"]})
    parquet.write_table(text, tables / "u.parquet")
    with pytest.raises(DataError, match=r'"text" of type string.*drop=\[.text.\]'):
        Shards(tables / "u.parquet")
    assert Shards(tables / "u.parquet", drop="text").shape == (1, 1)
    with pytest.raises(DataError, match=r"the columns of .*t-0.* got .*u\.parquet. without \['c1'"):
        Shards(tables / "*.parquet")
    np.save(tables / "a.npy", X)
    with pytest.raises(DataError, match="one format"):
        Shards([tables / "t-0.parquet", tables / "a.npy"])


def test_without_pyarrow_it_is_said_what_to_install(tables, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r'pyarrow, which cannot.*"annlib\[parquet\]"'):
        Shards(tables / "*.parquet")


def test_rows_are_taken_by_slices(folder):
    x, _ = pair(folder)
    for rows in (0, [1, 2], slice(0, 10, 2), (slice(0, 3), 0)):
        with pytest.raises(ConfigurationError, match=r"a slice with steps of one.*np\.asarray"):
            x[rows]


def test_what_is_not_finite_is_found_when_it_is_read(folder):
    x, y = pair(folder)
    net = model()
    net.fit(x, y, verbose=0)
    before = net.get_weights()
    bad = X[41:150].copy()
    bad[60, 2] = np.nan
    np.save(folder / "x-3.npy", bad)
    x, y = pair(folder)
    for call in (net.predict, lambda x: net.evaluate(x, y, verbose=0)):
        with pytest.raises(DataError, match="counted from row"):
            call(x)
    with pytest.raises(DivergenceError, match="x of the batch, as float32, is not finite"):
        net.fit(x, y, shuffle=False, batch_size=203, verbose=0)
    for one, other in zip(before, net.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_lengths_and_columns_that_do_not_fit(folder):
    x, y = pair(folder)
    with pytest.raises(ShapeError, match="x and y of one length"):
        model().fit(x, y[:10])
    net = model()
    net.fit(x, y, verbose=0)
    with pytest.raises(ShapeError, match="built for"):
        net.predict(Shards(folder / "x-*.npy", columns=[0, 1]))
    with pytest.raises(DataError, match="at least one row"):
        net.predict(x[:0])
    lookup = Sequential([layers.IntegerLookup(vocabulary=[1, 2])])
    with pytest.raises(DataError, match="in memory, since some of its values are looked up"):
        lookup.predict(Shards(folder / "y-*.npy"))


def test_a_file_that_vanishes_is_named(folder):
    x, y = pair(folder)
    x = pickle.loads(pickle.dumps(x))  # which has opened nothing yet
    (folder / "x-3.npy").unlink()
    net = model()
    with pytest.raises(DataError, match=r"x-3\.npy"):
        net.fit(x, y, verbose=0)
