"""Reading ahead of the model, ending it, resuming a run on streams, and memory."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import subprocess
import sys
import threading
import traceback
import tracemalloc
import weakref
from collections import deque

import numpy as np
import pytest
from cases.streams import (
    COUNT,
    LABELS,
    Dataset,
    Endless,
    InMainThread,
    Loader,
    X,
    classifier,
    cut,
    readers,
    same,
    steps_of,
)  # fmt: skip

from annlib import callbacks
from annlib.core.errors import DataError, DivergenceError


@pytest.fixture(autouse=True)
def no_reader_stays():
    yield
    assert readers() == []


class Act(callbacks.Callback):
    """Does something at the end of a batch, counted from the start of the run."""

    def __init__(self, act, at=3):
        self.act, self.at, self.seen = act, at, []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(len(readers()))
        if len(self.seen) == self.at + 1:
            self.act(self.model)


def throw(error):
    raise error


def infinite(model):
    return [np.full_like(W, np.inf) for W in model.get_weights()]


def stop(model):
    model.stop_training = True


ENDS = {
    "to the end": (lambda model: None, None),
    "stop_training": (stop, None),
    "an error of a callback": (lambda model: throw(ZeroDivisionError()), ZeroDivisionError),
    "KeyboardInterrupt": (lambda model: throw(KeyboardInterrupt()), KeyboardInterrupt),
    "divergence": (lambda model: model.set_weights(infinite(model)), DivergenceError),
    "Ctrl-C": (lambda model: os.kill(os.getpid(), signal.SIGINT), None),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_the_thread_ends_with_the_run(end):
    act, error = ENDS[end]
    model, callback = classifier(), Act(act)
    source = itertools.cycle(cut(X, LABELS))
    if error is None:
        model.fit(source, steps_per_epoch=50, callbacks=[callback], verbose=0)
        assert model.optimizer.iterations == (50 if end == "to the end" else 4)
    else:
        with pytest.raises(error) as caught:
            model.fit(source, steps_per_epoch=50, callbacks=[callback], verbose=0)
        assert caught.value is not None  # and with it the frames of the run are alive
    assert callback.seen[0] == 1
    assert readers() == []


def test_an_error_of_the_generator_is_its_own():
    def generator():
        yield from cut(X, LABELS)[:3]
        [].pop()

    model, plain = classifier(), classifier()
    with pytest.raises(IndexError, match="pop from empty list") as caught:
        model.fit(generator(), verbose=0)
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert "generator" in frames
    assert "fit" in frames
    plain.fit(cut(X, LABELS)[:3], verbose=0)
    assert [w.tobytes() for w in model.weights] == [w.tobytes() for w in plain.weights]


@pytest.mark.parametrize("ahead", [True, False])
def test_reading_and_training_overlap(ahead):
    """While the model is busy with a batch the next is read; not so in the main thread."""
    begun = [threading.Event() for _ in range(COUNT)]

    class Watched(Dataset):
        prefetch = ahead

        def __getitem__(self, index):
            begun[index].set()
            return super().__getitem__(index)

    met = []

    class Watch(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch + 1 < COUNT:
                met.append(begun[batch + 1].wait(10 if ahead else 0))

    classifier().fit(Watched(cut(X, LABELS)), shuffle=False, callbacks=[Watch()], verbose=0)
    assert met == [ahead] * (COUNT - 1)


# -- resuming --------------------------------------------------------------------------------------


class Reordered(Dataset):
    """Shuffles itself after each epoch, too, by its own generator."""

    def __init__(self, batches):
        super().__init__(list(batches))
        self.rng = np.random.default_rng(8)

    def on_epoch_end(self):
        super().on_epoch_end()
        self.rng.shuffle(self.batches)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "steps"),
    [
        (itertools.cycle, 3),
        (list, None),
        (Loader, 3),
        (Endless, None),
        (Endless, 3),
        (Endless, 4),
        (Dataset, None),
        (Reordered, None),
        (Reordered, 3),
    ],
)
@pytest.mark.parametrize("at", [0, 2, 3, 7, 8])
def test_a_run_that_is_cut_off_goes_on_with_the_same_batches(make, steps, at, tmp_path):
    def fit(folder, *more):
        model = classifier()
        model.fit(
            make(cut(X, LABELS)),
            epochs=4,
            steps_per_epoch=steps,
            # Other batches after each epoch.
            validation_data=itertools.cycle(cut(X, LABELS)),
            validation_steps=3,
            callbacks=[callbacks.BackupAndRestore(tmp_path / folder, save_freq=1), *more],
            verbose=0,
        )
        return model

    whole = fit("whole")
    with pytest.raises(ZeroDivisionError):
        fit("cut", Act(lambda model: throw(ZeroDivisionError()), at))
    resumed = fit("cut")
    same(resumed, whole)


# -- memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [itertools.cycle, Loader, Dataset, InMainThread])
def test_epochs_leave_only_their_history(make):
    model, stream = classifier(), make(cut(X, LABELS))
    keywords = {"validation_data": cut(X, LABELS), "verbose": 0, **steps_of(stream)}
    model.fit(stream, epochs=5, **keywords)
    if isinstance(stream, Dataset):
        stream.order, stream.calls = deque(maxlen=1), deque(maxlen=1)
    tracemalloc.start()
    start = tracemalloc.get_traced_memory()[0]
    model.fit(stream, epochs=100, **keywords)
    gc.collect()  # what it has yet to find is not left
    grown = tracemalloc.get_traced_memory()[0] - start
    tracemalloc.stop()
    assert grown < 100 * 7 * 64 + 20_000


@pytest.mark.parametrize("fails", [False, True])
def test_model_and_batches_are_let_go(fails):
    gc.collect()
    gc.disable()
    try:
        model = classifier()
        batches = [(x.copy(), y.copy()) for x, y in cut(X, LABELS)]
        if fails:
            batches.append((X, None))
            with pytest.raises(DataError):
                model.fit(iter(batches), verbose=0)
        else:
            model.fit(Loader(batches), validation_data=Dataset(batches), verbose=0)
            model.evaluate(iter(batches))
            model.predict(batches)
        gone = [weakref.ref(model), *(weakref.ref(part) for part in batches[0])]
        del model, batches
        assert [reference() for reference in gone] == [None] * 3
    finally:
        gc.enable()


#: Trains on a memory map and prints by how many bytes the process' own memory has grown at most:
#: pages of the file itself are the system's cache.
_MAPPED = """
import sys
import numpy as np
from annlib import Input, Sequential, callbacks, layers

def own():
    with open("/proc/self/status") as status:
        return next(int(l.split()[1]) * 1024 for l in status if l.startswith("RssAnon"))

class Meter(callbacks.Callback):
    reads_batch_logs = False
    most = 0
    def on_train_batch_end(self, batch, logs=None):
        self.most = max(self.most, own())
    on_test_batch_end = on_train_batch_end

rows = int(sys.argv[2])
x = np.memmap(sys.argv[1], np.float32, "r", shape=(rows, 256))
if sys.argv[3] == "copied":
    x = np.array(x)
y = np.arange(rows) % 3
model = Sequential([Input((256,)), layers.Dense(8, "relu"), layers.Dense(3, "softmax")], seed=0)
model.compile("sgd", "sparse_categorical_crossentropy")
model.fit(x[:1024], y[:1024], batch_size=512, verbose=0)
meter, before = Meter(), own() - (x.nbytes if sys.argv[3] == "copied" else 0)
model.fit(x, y, batch_size=512, epochs=1, validation_split=0.1, callbacks=[meter], verbose=0)
print(meter.most - before, *(W.tobytes().hex() for W in model.get_weights()))
"""


@pytest.mark.parametrize(
    "rows", [2**16, pytest.param(2**20, marks=pytest.mark.long)], ids=["64 MiB", "1 GiB"]
)
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="Linux tells")
def test_a_memory_map_trains_in_little_memory(rows, tmp_path):
    """And to the weights that a copy of it in memory gives, which is seen to take its size."""
    x = np.memmap(tmp_path / "x", np.float32, "w+", shape=(rows, 256))
    rng = np.random.default_rng(0)
    for start in range(0, rows, 2**14):
        x[start : start + 2**14] = rng.standard_normal((2**14, 256), np.float32)
    size = x.nbytes
    del x
    runs = {}
    for how in ("mapped", "copied"):
        run = subprocess.run(
            [sys.executable, "-c", _MAPPED, str(tmp_path / "x"), str(rows), how],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        runs[how] = run.stdout.split()
    # An order of the rows takes a byte of 128.
    assert int(runs["mapped"][0]) < size / 64 + 8 * 2**20
    assert int(runs["copied"][0]) > size
    assert runs["mapped"][1:] == runs["copied"][1:]
