"""The last batch of an epoch, left out where it is shorter than the others."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from annlib import Sequential, callbacks, layers
from annlib.core.errors import ConfigurationError

X = np.random.default_rng(0).normal(size=(43, 3))
Y = X @ [1.0, -2.0, 0.5]


class Rows(callbacks.Callback):
    """The first column of all rows of each batch."""

    def on_train_begin(self, logs=None):
        self.batches = []

    def on_gradients(self, batch, logs):
        rows = logs["x"]
        dense = rows.toarray() if scipy.sparse.issparse(rows) else rows
        self.batches.append(dense[:, 0].copy())


def fitted(x=X, y=Y, **keywords):
    model = Sequential([layers.Dense(1)], seed=1, dtype="float64")
    model.compile("sgd", "mse")
    rows = Rows()
    history = model.fit(
        x, y, verbose=0, callbacks=[rows, *keywords.pop("callbacks", [])], **keywords
    )
    return model, history, rows.batches


def forms():
    import pandas as pd

    return {
        "array": X,
        "fortran": np.asfortranarray(X),
        "list": X.tolist(),
        "frame": pd.DataFrame(X, columns=["a", "b", "c"]),
        "sparse": scipy.sparse.csr_array(X),
    }


@pytest.mark.parametrize("form", ["array", "fortran", "list", "frame", "sparse"])
@pytest.mark.parametrize("shuffle", [True, False, "batch"])
def test_every_batch_is_whole_in_every_form(form, shuffle):
    x = forms()[form]
    _, history, batches = fitted(x, batch_size=10, epochs=3, shuffle=shuffle, drop_last=True)
    assert [len(batch) for batch in batches] == [10] * 12
    assert history.params["steps"] == 4
    for i in range(0, 12, 4):
        seen = np.concatenate(batches[i : i + 4])
        assert len(np.unique(seen)) == 40
        assert np.isin(seen, X[:, 0]).all()
        if shuffle is not True:
            np.testing.assert_array_equal(np.sort(seen), np.sort(X[:40, 0]))


def test_it_is_the_training_without_those_rows_where_nothing_is_shuffled():
    left = fitted(batch_size=10, epochs=2, shuffle=False, drop_last=True)
    cut = fitted(X[:40], Y[:40], batch_size=10, epochs=2, shuffle=False)
    np.testing.assert_array_equal(left[0].vector.values, cut[0].vector.values)
    assert left[1].history == cut[1].history


@pytest.mark.parametrize("size", [1, 43])
def test_where_all_batches_are_whole_nothing_changes(size):
    dropping = fitted(batch_size=size, epochs=2, drop_last=True)
    keeping = fitted(batch_size=size, epochs=2)
    np.testing.assert_array_equal(dropping[0].vector.values, keeping[0].vector.values)


def test_with_a_shuffle_other_rows_are_left_out_in_each_epoch():
    _, _, batches = fitted(batch_size=10, epochs=8, drop_last=True)
    assert len(np.unique(np.concatenate(batches))) == 43


def test_validation_has_all_rows():
    held = {"validation_data": (X, Y), "validation_batch_size": 10}
    model, history, _ = fitted(batch_size=10, drop_last=True, **held)
    expected = model.evaluate(X, Y, verbose=0, return_dict=True)["loss"]
    np.testing.assert_allclose(history.history["val_loss"], [expected], rtol=1e-12)


def test_epochs_of_so_many_steps():
    _, _, batches = fitted(batch_size=20, epochs=3, steps_per_epoch=3, drop_last=True)
    assert [len(batch) for batch in batches] == [20] * 9
    for i in range(0, 8, 2):  # each pass has two batches, of different rows
        assert len(np.unique(np.concatenate(batches[i : i + 2]))) == 40
    _, _, batches = fitted(epochs=1, steps_per_epoch=4, drop_last=True)
    assert [len(batch) for batch in batches] == [10] * 4


def test_an_interrupted_run_resumes_to_the_bit(tmp_path):
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.steps == 6:
                raise KeyError("stop")

    run = {"batch_size": 10, "epochs": 3, "drop_last": True}
    backup = callbacks.BackupAndRestore(tmp_path / "b", save_freq=1)
    with pytest.raises(KeyError):
        fitted(callbacks=[backup, Stop()], **run)
    with pytest.raises(Exception, match="another data"):
        fitted(callbacks=[backup], **run | {"drop_last": False})
    resumed, history, _ = fitted(callbacks=[backup], **run)
    expected, whole, _ = fitted(**run)
    np.testing.assert_array_equal(resumed.vector.values, expected.vector.values)
    assert history.history == whole.history


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(ConfigurationError, match="43 rows and batch_size=44: all would be left"):
        fitted(batch_size=44, drop_last=True)
    with pytest.raises(ConfigurationError, match="drop_last as True or False, got 1"):
        fitted(drop_last=1)
    with pytest.raises(ConfigurationError, match="no drop_last where x gives batches"):
        fitted([(X, Y)], None, drop_last=True)
