"""TensorBoard writes curves that TensorBoard's own reader finds, under Keras' names."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from annlib import Input, Sequential, layers
from annlib.callbacks import Callback, ReduceLROnPlateau, TensorBoard
from annlib.core.errors import ConfigurationError

X = np.random.default_rng(0).normal(size=(40, 3))


def make_model():
    model = Sequential([Input((3,)), layers.Dense(2, "tanh"), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse", ["mae"])
    return model


@pytest.fixture
def written(monkeypatch):
    """What is written, by a stand-in for tensorboardX: (folder, kind, tag, value, step)."""
    entries = []

    class Writer:
        def __init__(self, logdir, filename_suffix=""):
            self.folder, self.open = logdir.rpartition("/")[2], True
            entries.append((self.folder, "open", filename_suffix, None, None))

        def close(self):
            assert self.open
            self.open = False
            entries.append((self.folder, "close", "", None, None))

        def __getattr__(self, name):
            def add(tag, value, step):
                assert self.open
                entries.append((self.folder, name.removeprefix("add_"), tag, value, step))

            return add

    module = type(sys)("tensorboardX")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "tensorboardX", module)
    return entries


def curves(entries, folder):
    """Values by step, by tag."""
    found = {}
    for where, kind, tag, value, step in entries:
        if (where, kind) == (folder, "scalar"):
            found.setdefault(tag, {})[step] = value
    return found


def test_loss_metrics_and_rate_of_every_epoch(written):
    model = make_model()
    plateau = ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=100.0)
    callbacks = [plateau, TensorBoard("logs", write_steps_per_second=True)]
    history = model.fit(X, X[:, 0], epochs=3, validation_split=0.5, verbose=0, callbacks=callbacks)
    train, validation = curves(written, "train"), curves(written, "validation")
    speed = train.pop("epoch_steps_per_second")
    assert list(speed) == [0, 1, 2]
    assert min(speed.values()) > 0
    logs = {key: dict(enumerate(values)) for key, values in history.history.items()}
    assert train == {
        "epoch_loss": logs["loss"],
        "epoch_mae": logs["mae"],
        "epoch_learning_rate": {0: 0.01, 1: 0.005, 2: 0.0025},  # after the epoch, as in Keras
    }
    assert logs["learning_rate"] == {0: 0.01, 1: 0.01, 2: 0.005}
    by_iteration = {1: 0, 2: 1, 3: 2}
    assert validation == {
        "epoch_loss": logs["val_loss"],
        "epoch_mae": logs["val_mae"],
        **{
            f"evaluation_{name}_vs_iterations": {
                step: logs[f"val_{name}"][epoch] for step, epoch in by_iteration.items()
            }
            for name in ("loss", "mae")
        },
    }
    (text,) = [value for _, kind, _, value, _ in written if kind == "text"]
    assert "dense_1" in text
    assert "Total params" in text


@pytest.mark.parametrize(
    ("update_freq", "steps"), [("epoch", []), ("batch", range(1, 9)), (3, [3, 6])]
)
def test_batches_as_often_as_asked(written, update_freq, steps):
    callback = TensorBoard("logs", update_freq=update_freq)
    make_model().fit(X, X[:, 0], epochs=2, batch_size=10, verbose=0, callbacks=[callback])
    train = curves(written, "train")
    assert list(train.get("batch_loss", {})) == list(train.get("batch_mae", {})) == [*steps]
    assert not curves(written, "validation")


@pytest.mark.parametrize(("frequency", "epochs"), [(0, []), (1, [0, 1, 2]), (2, [0, 2])])
def test_histograms_of_every_weight(written, frequency, epochs):
    model = make_model()
    model.fit(X, X[:, 0], epochs=3, verbose=0, callbacks=[TensorBoard("logs", frequency, False)])
    found = [(tag, step) for _, kind, tag, _, step in written if kind == "histogram"]
    tags = [f"{name}/{w}/histogram" for name in ("dense", "dense_1") for w in ("kernel", "bias")]
    assert found == [(tag, epoch) for epoch in epochs for tag in tags]
    assert not [kind for _, kind, *_ in written if kind == "text"]


def test_only_numbers_are_curves(written):
    class Add(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs |= {"f1": np.ones(2), "name": "x", "count": np.int64(3)}

    make_model().fit(X, X[:, 0], verbose=0, callbacks=[Add(), TensorBoard()])
    assert {*curves(written, "train")} == {
        "epoch_loss", "epoch_mae", "epoch_count", "epoch_learning_rate"
    }  # fmt: skip


def test_files_are_closed_however_it_ends_and_never_written_over(written):
    class Fails(Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError

    callback, model = TensorBoard(), make_model()
    for extra in ([], [Fails()]):
        with pytest.raises(RuntimeError) if extra else pytest.MonkeyPatch.context():
            model.fit(X, X[:, 0], validation_split=0.5, verbose=0, callbacks=[callback, *extra])
    model.evaluate(X, X[:, 0], callbacks=[callback])
    opened = [(folder, suffix) for folder, kind, suffix, *_ in written if kind == "open"]
    assert len(set(opened)) == len(opened) == 5
    assert sum(kind == "close" for _, kind, *_ in written) == 5


def test_without_tensorboardx_the_error_comes_before_the_first_epoch(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    model = make_model()
    before = model.get_weights()
    with pytest.raises(ConfigurationError, match=r"pip install .*\[tensorboard\]"):
        model.fit(X, X[:, 0], verbose=0, callbacks=[TensorBoard()])
    assert all(map(np.array_equal, before, model.get_weights()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"update_freq": "often"}, "update_freq as an integer >= 1, got 'often'"),
        ({"update_freq": 0}, "update_freq"),
        ({"histogram_freq": -1}, "histogram_freq"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        TensorBoard(**arguments)


def test_real_files_are_read_back(tmp_path):
    pytest.importorskip("tensorboardX")
    callback = TensorBoard(tmp_path, histogram_freq=1, update_freq="batch")
    model = make_model()
    how = {"epochs": 2, "batch_size": 10, "validation_split": 0.5, "verbose": 0}
    first = model.fit(X, X[:, 0], callbacks=[callback], **how).history
    assert len(list((tmp_path / "train").iterdir())) == 1
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train, validation = (
        reader.EventAccumulator(str(tmp_path / run), {"histograms": 0}).Reload()
        for run in ("train", "validation")
    )
    assert {*train.Tags()["scalars"]} == {
        "epoch_loss", "epoch_mae", "epoch_learning_rate", "batch_loss", "batch_mae"
    }  # fmt: skip
    for run, prefix in ((train, ""), (validation, "val_")):
        for name in ("loss", "mae"):
            events = run.Scalars(f"epoch_{name}")
            assert [event.step for event in events] == [0, 1]
            found = [event.value for event in events]
            np.testing.assert_allclose(found, first[f"{prefix}{name}"], rtol=1e-6)
    assert [event.step for event in train.Scalars("batch_loss")] == [1, 2, 3, 4]
    (_, last) = train.Histograms("dense/kernel/histogram")
    kernel = model.layers[0].kernel
    assert last.histogram_value.num == kernel.size
    np.testing.assert_allclose(last.histogram_value.sum, kernel.sum(dtype="float64"), rtol=1e-5)
    # A second run, a moment later, has files of its own.
    model.fit(X, X[:, 0], callbacks=[callback], **how)
    assert len(list((tmp_path / "train").iterdir())) == 2
