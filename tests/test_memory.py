"""After its first batch training allocates nothing that grows with the data or the parameters.

NumPy's casting buffers, two of 8,192 numbers, are a constant; here they are made smaller, so that
an array of one truth value a row of the long batch, or of one number a unit of the wide layer, is
larger than the limit.
"""

import gc
import hashlib
import math
import tracemalloc
import weakref

import numpy as np
import pandas as pd
import pytest
from cases import FLAT, LAYERS, LOSSES, METRICS, OPTIMIZERS, as_given

from annlib import Sequential, callbacks, layers, optimizers, regularizers
from annlib.testing.passes import LayerTrial

# Losses meet linear outputs here on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Sequential.compile. expected probabilities")

LIMIT = 50_000  # bytes
LONG = 2**16  # rows of a batch
WIDE = 2**14  # units of a layer
ROWS = LONG * 9 // 4  # two batches and a short one
rng = np.random.default_rng(0)
X = rng.normal(size=(ROWS, 4)).astype(np.float32)
LABELS = rng.integers(0, 3, ROWS)
TARGETS = {
    "values": rng.normal(size=(ROWS, 2)).astype(np.float32),
    "probabilities": np.eye(3, dtype=np.float32)[LABELS],
    "labels": LABELS,
    "truth": (LABELS[:, None] > 0).astype(np.float32),
}
WEIGHTS = rng.uniform(1, 2, ROWS)
TARGETS["positive"] = rng.uniform(0.1, 1, (ROWS, 1)).astype(np.float32)


class Meter(callbacks.Callback):
    """The most memory that was taken at once between the ends of two batches, beyond the start."""

    reads_batch_logs = False

    def on_train_begin(self, logs=None):
        self.most = 0
        tracemalloc.start()

    def on_train_batch_end(self, batch, logs=None):
        if batch:
            self.most = max(self.most, tracemalloc.get_traced_memory()[1] - self.start)
        tracemalloc.reset_peak()
        self.start = tracemalloc.get_traced_memory()[0]

    on_test_batch_end = on_train_batch_end

    def on_train_end(self, logs=None):
        tracemalloc.stop()


@pytest.fixture(autouse=True)
def small_buffers():
    with np.errstate():  # which puts the size of the buffers back, too
        np.setbufsize(1024)
        yield
    tracemalloc.stop()


def most(model, x=X, y=None, batch_size=LONG, **keywords):
    """What a step of this training takes at most."""
    meter = Meter()
    y = TARGETS["values"] if y is None else y
    model.fit(x, y, batch_size=batch_size, verbose=0, callbacks=[meter], **keywords)
    assert meter.most > 0
    return meter.most


def network(*extra, units=8, out=2, activation=None, optimizer="sgd", loss="mse", **keywords):
    model = Sequential(
        [layers.Dense(units, "relu"), *extra, layers.Dense(out, activation)],
        seed=0,
        dtype="float32",
    )
    model.compile(optimizer, loss, **keywords)
    return model


def test_the_meter_sees_an_array_of_a_row_or_a_unit():
    class Careless(layers.Layer):
        def forward(self, x, work, *, training=False):
            x.max(axis=self.axis) > 0  # noqa: B015
            return x

        def backward(self, dy, work, *, input_gradient=True):
            return dy

    layer = Careless()
    layer.axis = 1
    assert most(network(layer)) > LIMIT
    layer = Careless()
    layer.axis = 0
    assert most(network(layer, units=WIDE), X[:20], TARGETS["values"][:20], 8) > LIMIT


def frame_of_types():
    frame = pd.DataFrame(X, columns=list("abcd"))
    return frame.assign(b=LABELS, c=X[:, 0] > 0, d=X[:, 3].astype(np.float64))


SOURCES = {
    "C order": lambda: X,
    "F order": lambda: np.asfortranarray(X),
    "every other column": lambda: np.repeat(X, 2, axis=1)[:, ::2],
    "part of a wider table": lambda: np.concatenate([X, X], axis=1)[:, 1:5],
    "every other row": lambda: np.repeat(X, 2, axis=0)[::2],
    "backwards": lambda: X[::-1, ::-1],
    "float64": lambda: X.astype(np.float64),
    "float64 in F order": lambda: np.asfortranarray(X, np.float64),
    "float16": lambda: X.astype(np.float16),
    "unsigned bytes": lambda: (X * 9).astype(np.uint8),
    "truth values": lambda: X > 0,
    "other byte order": lambda: X.astype(">f4"),
    "frame": lambda: pd.DataFrame(X),
    "frame of several types": frame_of_types,
    "frame of nullable types": lambda: frame_of_types().convert_dtypes(),
    "frame of polars": lambda: pytest.importorskip("polars").DataFrame(np.asfortranarray(X)),
    "frame of polars, of several types": lambda: pytest.importorskip("polars").DataFrame(
        {name: column.to_numpy() for name, column in frame_of_types().items()}
    ),
}


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("source", SOURCES)
def test_data(source, shuffle):
    assert most(network(), SOURCES[source](), shuffle=shuffle) < LIMIT


@pytest.mark.parametrize("shuffle", [False, True])
def test_memory_map(tmp_path, shuffle):
    np.save(tmp_path / "x.npy", X.astype(np.float64))
    assert most(network(), np.load(tmp_path / "x.npy", mmap_mode="r"), shuffle=shuffle) < LIMIT


@pytest.mark.parametrize("units", [8, WIDE])
@pytest.mark.parametrize(
    "extra",
    [
        [],
        [layers.BatchNormalization],
        [layers.BatchNormalization, lambda: layers.Activation("tanh")],
        [lambda: layers.Dropout(0.5)],
        [lambda: layers.Rescaling(0.5, 1.0)],
        [lambda: layers.Activation("softmax")],
        [lambda: layers.Activation("sigmoid")],
        [lambda: layers.BatchNormalization(trainable=False)],
        [lambda: layers.Dropout(0.1, activity_regularizer=regularizers.L1L2(0.1, 0.1))],
        [layers.Flatten],
        [lambda: layers.GaussianNoise(0.1), lambda: layers.GaussianDropout(0.1)],
        [lambda: layers.AlphaDropout(0.1), layers.Identity],
        [lambda: layers.ActivityRegularization(0.1, 0.1)],
        [layers.PReLU],
        [
            lambda: layers.Reshape((4, -1)),
            lambda: layers.BatchNormalization(axis=1),
            lambda: layers.PReLU(shared_axes=2),
            layers.Flatten,
        ],
    ],
    ids=lambda extra: "",
)
def test_layers(extra, units):
    rows, batch = (ROWS, LONG) if units == 8 else (20, 8)
    model = network(*(make() for make in extra), units=units)
    assert most(model, X[:rows], TARGETS["values"][:rows], batch) < LIMIT


def layer_cases():
    for row in LAYERS:
        for shape in getattr(row, "shapes", [FLAT]):
            if shape and row.cls not in (layers.Input, layers.Lambda):  # which is as its function
                yield pytest.param(row, shape, id=f"{row!r}-{shape}")


@pytest.mark.parametrize(("row", "shape"), [*layer_cases()])
def test_layers_of_the_table(row, shape):
    layer, size = row.make(), math.prod(shape)
    before = [layers.Dense(size), layers.Reshape(shape)]
    x = X
    if layer.takes_codes:
        before, x = [], as_given(layer, LayerTrial(layer, shape).data(ROWS)[0])
    model = Sequential([*before, layer, layers.Flatten(), layers.Dense(2)], seed=0)
    model.compile("sgd", "mse")
    assert most(model, x) < LIMIT


def test_penalties_and_constraints():
    model = Sequential(
        [
            layers.Dense(
                WIDE,
                "relu",
                kernel_regularizer=regularizers.L1L2(0.1, 0.1),
                bias_regularizer="l2",
                kernel_constraint="non_neg",
            ),
            layers.Dense(
                2, kernel_regularizer="l1", kernel_constraint="max_norm", bias_constraint="non_neg"
            ),
        ]
    )
    model.compile("sgd", "mse")
    assert most(model, X[:20], TARGETS["values"][:20], 8) < LIMIT


@pytest.mark.parametrize("row", [row for row in OPTIMIZERS if not row.cls.full_batch], ids=repr)
@pytest.mark.parametrize("frozen", [False, True])
def test_optimizers(row, frozen):
    model = network(layers.BatchNormalization(), units=WIDE, optimizer=row.make())
    if frozen:
        model.layers[-1].trainable = False
        model.compile(row.make(), "mse")
    assert most(model, X[:20], TARGETS["values"][:20], 8) < LIMIT


#: Targets of a kind that the table of cases names: those of ``TARGETS``, and the outputs they need.
TARGETS_OF = {
    **dict.fromkeys(["real"], ("values", 2)),
    **dict.fromkeys(["counts", "signs", "bits"], ("truth", 1)),
    "positive": ("positive", 1),
    **dict.fromkeys(["unit", "simplex", "one-hot"], ("probabilities", 3)),
    "labels": ("labels", 3),
}
#: With both kinds of probabilities a loss is fused with its activation, and it is not.
ACTIVATIONS_OF = {
    "real": [None],
    "fractions": [None],
    "positive": ["sigmoid"],
    "unit": ["sigmoid", "softmax"],
    "simplex": ["sigmoid", "softmax"],
}


def loss_cases():
    for row in LOSSES:
        for activation in ACTIVATIONS_OF[row.predictions]:
            name = f"{row!r}-{row.targets}-{activation}"
            yield pytest.param(row.make(), *TARGETS_OF[row.targets], activation, id=name)


@pytest.mark.filterwarnings("ignore:Sequential.fit")  # of pairs that nobody would take
@pytest.mark.parametrize(("loss", "kind", "out", "activation"), [*loss_cases()])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses(loss, kind, out, activation, weighted):
    model = network(out=out, activation=activation, loss=loss, optimizer=optimizers.SGD(1e-9))
    weights = {"sample_weight": WEIGHTS} if weighted else {}
    assert most(model, y=TARGETS[kind], **weights) < LIMIT


# Where no unit of the hidden layer is active, the outputs are equal.
@pytest.mark.filterwarnings("ignore:Sequential.fit")  # and some outputs suit no one
@pytest.mark.parametrize(
    "row",
    [row for row in METRICS if row.predictions != "weights" and not hasattr(row, "keeps_rows")],
    ids=repr,
)
def test_metrics(row):
    kind, out = TARGETS_OF[row.targets]
    if kind == "truth":  # in as many columns as the table names weights of columns
        kind, out = "probabilities", 3
    activation = ACTIVATIONS_OF.get(row.predictions, ["sigmoid"])[-1]
    loss = "sparse_categorical_crossentropy" if kind == "labels" else "mse"
    model = network(out=out, activation=activation, loss=loss, metrics=[row.make()])
    assert most(model, y=TARGETS[kind]) < LIMIT


def test_all_at_once():
    model = network(
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        out=3,
        activation="softmax",
        loss="sparse_categorical_crossentropy",
        optimizer="adam",
        metrics=["accuracy"],
    )
    taken = most(
        model,
        SOURCES["F order"](),
        LABELS,
        sample_weight=WEIGHTS,
        class_weight={1: 2.0},
        epochs=2,
        validation_data=(X[:700], LABELS[:700], WEIGHTS[:700]),
        validation_batch_size=300,
    )
    assert taken < LIMIT


# -- the data ------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
def test_fit_copies_no_data_set(source):
    x, y = SOURCES[source](), LABELS
    model = network(out=3, activation="softmax", loss="sparse_categorical_crossentropy")
    model.fit(x[:300], y[:300], verbose=0)
    tracemalloc.start()
    model.fit(x, y, batch_size=4096, verbose=0, shuffle=False)
    unshuffled = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    model.fit(x, y, batch_size=4096, verbose=0, validation_split=0.1)
    shuffled = tracemalloc.get_traced_memory()[1]
    # One truth value a row while pandas looks at a frame; one integer a row for an order.
    assert unshuffled < ROWS + 2_000_000
    assert shuffled < ROWS * 8 + 2_000_000


def test_predict_takes_the_result_and_little_more():
    model = network(units=64)
    model.predict(X[:10])
    tracemalloc.start()
    result = model.predict(X)
    assert tracemalloc.get_traced_memory()[1] < result.nbytes + 1_000_000


def digest(data):
    arrays = [data] if isinstance(data, np.ndarray) else [data[c].to_numpy() for c in data.columns]
    return [hashlib.sha256(np.ascontiguousarray(array)).hexdigest() for array in arrays]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("shuffle", [False, True])
def test_inputs_are_untouched(source, shuffle):
    x = SOURCES[source]()[:500]
    y, weight = LABELS[:500].copy(), WEIGHTS[:500].copy()
    for array in (x, y, weight):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    before = [digest(array) for array in (x, y, weight)]
    class_weight = {0: 2.0}
    model = Sequential(
        [layers.Activation("relu"), layers.BatchNormalization(), layers.Dense(3, "softmax")], seed=0
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(
        x,
        y,
        sample_weight=weight,
        class_weight=class_weight,
        shuffle=shuffle,
        verbose=0,
        validation_data=(x, y, weight),
    )
    model.train_on_batch(x, y, weight)
    model.evaluate(x, y, sample_weight=weight)
    model.predict(x)
    model(x, training=True)
    assert [digest(array) for array in (x, y, weight)] == before
    assert class_weight == {0: 2.0}


@pytest.mark.parametrize("source", SOURCES)
def test_the_layout_of_the_data_changes_no_bit(source):
    x = SOURCES[source]()[:500]
    plain = np.ascontiguousarray(np.asarray(x).astype(np.float32))
    for shuffle in (False, True):
        one, other = network(), network()
        one.fit(x, TARGETS["values"][:500], shuffle=shuffle, verbose=0)
        other.fit(plain, TARGETS["values"][:500], shuffle=shuffle, verbose=0)
        assert [w.tobytes() for w in one.weights] == [w.tobytes() for w in other.weights]


# -- over time -----------------------------------------------------------------------------------


def test_epochs_leave_only_their_history():
    model = network(layers.Dropout(0.5), optimizer="adam", metrics=["mae"])
    x, y = X[:64], TARGETS["values"][:64]
    model.fit(x, y, epochs=20, verbose=0, validation_data=(x, y))  # loads what it needs
    tracemalloc.start()
    start = tracemalloc.get_traced_memory()[0]
    model.fit(x, y, epochs=200, verbose=0, validation_data=(x, y))
    gc.collect()
    assert tracemalloc.get_traced_memory()[0] - start < 200 * 4 * 64 + 20_000


def test_calls_leave_nothing():
    model = network(layers.BatchNormalization())
    x, y = X[:64], TARGETS["values"][:64]

    def all_calls():
        model.predict(x)
        model(x)
        model.evaluate(x, y)
        model.train_on_batch(x, y)

    all_calls()
    all_calls()  # the first step makes the passes anew
    gc.collect()
    gc.disable()
    try:
        tracemalloc.start()
        start = tracemalloc.get_traced_memory()[0]
        for _ in range(300):
            all_calls()
        assert gc.collect() == 0  # no cycles
        assert tracemalloc.get_traced_memory()[0] - start < 5_000
    finally:
        gc.enable()


@pytest.mark.parametrize("source", ["C order", "F order", "float64", "unsigned bytes"])
def test_the_data_are_let_go(source):
    gc.collect()
    gc.disable()
    try:
        model = network()
        x, y = SOURCES[source]()[:64].copy(order="K"), TARGETS["values"][:64].copy()
        model.fit(x, y, verbose=0, validation_data=(x, y), sample_weight=WEIGHTS[:64])
        model.evaluate(x, y)
        model.predict(x)
        gone = [weakref.ref(x), weakref.ref(y)]
        del x, y
        assert all(reference() is None for reference in gone)
    finally:
        gc.enable()


@pytest.mark.parametrize("stage", ["built", "fitted", "after an error", "sharing"])
def test_a_model_dies_with_its_last_reference(stage):
    gc.collect()
    gc.disable()
    try:
        model = network(layers.Dropout(0.5), metrics=["mae"])
        model.build((None, 4))
        if stage != "built":
            model.fit(X[:64], TARGETS["values"][:64], verbose=0, validation_split=0.5)
            model.predict(X[:64])
        if stage == "after an error":
            with pytest.raises(ValueError, match="expected"):
                model.fit(X[:64, :3], TARGETS["values"][:64], verbose=0)
        other = Sequential(model.layers[:-1]) if stage == "sharing" else None
        gone = weakref.ref(model)
        del model
        assert gone() is None
        assert other is None or other.predict(X[:3]).shape == (3, 8)
    finally:
        gc.enable()
