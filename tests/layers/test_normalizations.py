"""Layers that normalize: rows by themselves, and features by what data had."""

from __future__ import annotations

import copy
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from golden import recorded
from sklearn.preprocessing import StandardScaler, normalize, scale

from annlib import Input, Sequential, clone_model, layers
from annlib.core.errors import AnnlibError, DataError
from annlib.core.workspace import Workspace
from annlib.testing.passes import LayerTrial

NUMBERS = recorded("normalization_layers")
ROWS = [layers.LayerNormalization, layers.RMSNormalization, layers.UnitNormalization]
each_of_rows = pytest.mark.parametrize("cls", ROWS, ids=lambda cls: cls.__name__)


def close(actual, expected, rtol=1e-9, atol=1e-12):
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def named(record):
    return f"{record.get('class', '')}{record['config']}"


def bound(layer, shape, dtype="float64", **weights):
    """The layer in a vector of its own, with these weights."""
    model = Sequential([Input(shape), layer], dtype=dtype)
    model.vector.allocate_gradients()
    for name, value in weights.items():
        getattr(layer, name)[...] = value
    return layer


# -- Keras' numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize("record", NUMBERS["rows"], ids=named)
def test_rows_are_normalized_as_in_keras(record):
    x = np.array(record["x"])
    layer = getattr(layers, record["class"])(**record["config"])
    bound(layer, x.shape[1:], **record["weights"])
    work = Workspace("float64")
    close(layer.forward(x, work, training=True), record["output"])
    gradients = record["gradients"]
    close(layer.backward(np.array(record["cotangent"]), work), gradients.pop("x"))
    assert gradients.keys() == layer.gradients.keys()
    for name, gradient in gradients.items():
        close(layer.gradients[name], gradient)


@pytest.mark.parametrize("record", NUMBERS["features"], ids=named)
def test_features_are_normalized_as_in_keras(record):
    x = np.array(record["x"])
    layer = layers.Normalization(**record["config"])
    if record["adapts"]:
        layer.adapt(x)
        close(layer.mean, record["mean"])
        close(layer.variance, record["variance"])
    bound(layer, x.shape[1:])
    work, cotangent = Workspace("float64"), np.array(record["cotangent"])
    y, gradient = layer.forward(x, work), layer.backward(cotangent.copy(), work)
    # Keras divides what does not vary by 1e-7: on purpose it is 1 here.
    varies = np.broadcast_to(layer.variance != 0, layer.variance.shape or (1,))
    varies = varies if varies.ndim == 1 and len(varies) == x.shape[-1] else slice(None)
    close(y[..., varies], np.array(record["output"])[..., varies])
    close(gradient[..., varies], np.array(record["gradient"])[..., varies])
    if not isinstance(varies, slice):
        mean = -layer.mean if not layer.invert else layer.mean
        close(y[..., ~varies], (x + mean)[..., ~varies])
        close(gradient[..., ~varies], cotangent[..., ~varies])


# -- rows ------------------------------------------------------------------------------------------


def test_rows_are_those_of_scikit_learn():
    x = np.random.default_rng(0).normal(3, 2, size=(20, 7))
    run = lambda layer: bound(layer, (7,)).forward(x, Workspace("float64"))  # noqa: E731
    close(run(layers.UnitNormalization()), normalize(x))
    close(run(layers.LayerNormalization(epsilon=1e-14)), scale(x, axis=1))
    close(run(layers.RMSNormalization(epsilon=1e-14)), normalize(x) * np.sqrt(7))


@each_of_rows
@pytest.mark.parametrize("axis", [1, -2, [1, 3], [-3, -2]])
def test_any_axes_are_as_good_as_the_last(cls, axis):
    own = LayerTrial(cls(axis), (3, 2, 4))
    x, dy = own.data()
    axes = sorted(a % 4 for a in (axis if isinstance(axis, list) else [axis]))
    last = range(-len(axes), 0)
    turn = lambda a: np.moveaxis(a, axes, last)  # noqa: E731
    other = LayerTrial(cls([*last]), turn(x).shape[1:])
    other.vector.values[...] = own.vector.values
    y, dx, *gradients = own.run(x, dy)
    expected = other.run(turn(x).copy(), turn(dy).copy())
    for found, wanted in zip([turn(y), turn(dx), *gradients], expected, strict=True):
        close(found, wanted, rtol=1e-12)


@each_of_rows
@pytest.mark.parametrize(("dtype", "huge"), [("float64", 1e308), ("float32", 3e38)])
def test_numbers_whose_squares_overflow(cls, dtype, huge):
    """Without a warning, and rows beside them are as they were."""
    layer = bound(cls(), (4,), dtype)
    ordinary = np.array([[0.5, -1.0, 2.0, 0.0], [3.0, 3.0, -2.0, 1.0]], dtype)
    x = np.array([*ordinary, [huge, -huge, huge, -huge], [0.0] * 4], dtype)
    y = layer.forward(x, Workspace(dtype))
    size = 0.5 if cls is layers.UnitNormalization else 1.0
    close(y[2], np.array([size, -size, size, -size]), rtol=1e-6)
    np.testing.assert_array_equal(y[:2], layer.forward(ordinary, Workspace(dtype)))
    assert not y[3].any()
    assert y.dtype == dtype


@each_of_rows
def test_the_gradient_where_squares_overflow_is_that_of_smaller_rows_made_smaller(cls):
    """h(c x) = h(x) where epsilon is nothing, so that the derivative at c x is that at x by c."""
    keywords = {} if cls is layers.UnitNormalization else {"epsilon": 1e-200}
    layer = bound(cls(**keywords), (5,))
    x, dy = np.random.default_rng(0).normal(size=(2, 6, 5))
    found = []
    for factor in (1.0, 2.0**700):
        work = Workspace("float64")
        layer.forward(factor * x, work)
        found.append(layer.backward(dy.copy(), work) * factor)
    close(found[1], found[0], rtol=1e-12)


@each_of_rows
def test_nan_stays_in_its_row(cls):
    layer = bound(cls(), (3,))
    x = np.array([[1.0, 2.0, 4.0], [np.nan, 1.0, 1.0], [3.0, 1.0, 0.0]])
    y = layer.forward(x, Workspace("float64"))
    assert np.isnan(y[1]).any()
    assert np.isfinite(y[[0, 2]]).all()


def test_a_row_of_zeros_has_no_length_and_its_gradient_is_that_of_keras_bound():
    layer, work = layers.UnitNormalization(), Workspace("float64")
    assert not layer.forward(np.zeros((2, 3)), work).any()
    close(layer.backward(np.ones((2, 3)), work), np.full((2, 3), 1e12))


# -- features --------------------------------------------------------------------------------------


def large(rows=50_000):
    rng = np.random.default_rng(1)
    return rng.normal([0, 1e6, -3], [1, 2, 1e-3], size=(rows, 3))


def sources(tmp_path):
    x = large()
    file = np.memmap(tmp_path / "x.f4", "float32", "w+", shape=x.shape)
    file[...] = x
    whole = np.round(x * [100, 1, 1000])
    frame = pd.DataFrame(
        {"a": whole[:, 0].astype("int8"), "b": x[:, 1].astype("f4"), "c": whole[:, 2] > 0}
    )
    return {
        "array": x,
        "columns": np.asfortranarray(x),
        "strides": np.repeat(x, 2, axis=0)[::-2],
        "memory map": file,
        "bytes": whole.astype("uint8"),
        "frame": frame,
        "list": x[:50].tolist(),
    }


@pytest.mark.parametrize(
    "kind", ["array", "columns", "strides", "memory map", "bytes", "frame", "list"]
)
def test_adapt_finds_what_standard_scaler_finds(kind, tmp_path):
    data = sources(tmp_path)[kind]
    plain = np.asarray(data, dtype=np.float64)
    scaler = StandardScaler().fit(plain)
    layer = layers.Normalization()
    layer.adapt(data)
    close(layer.mean, scaler.mean_, rtol=1e-12, atol=0)
    close(layer.variance, scaler.var_, rtol=1e-12, atol=0)
    model = Sequential([layer], dtype="float64")
    # The deviations are of 1, and rounding in scikit-learn's mean of 1e6 is of 1e-9.
    close(model.predict(plain[:100]), scaler.transform(plain[:100]), atol=1e-7)


CONSTANTS = [5, 0.1, -7.3, 1e-30, 1e4 + 0.1, 1 / 3, 0]


@pytest.mark.parametrize("rows", [1, 2, 17, 30_000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("streamed", [False, True])
def test_columns_that_did_not_vary_are_divided_by_1_as_by_standard_scaler(rows, dtype, streamed):
    rng = np.random.default_rng(0)
    x = np.column_stack([*(np.full(rows, c) for c in CONSTANTS), rng.normal(3, 2, rows)])
    new = x[:1] + np.append(np.arange(1, 8), 0.5)
    there, back = layers.Normalization(), layers.Normalization(invert=True)
    for layer in (there, back):
        layer.adapt(iter(np.array_split(x, 7 if rows > 7 else 1)) if streamed else x)
    constant = 7 if rows > 1 else 8
    np.testing.assert_array_equal(there.variance[:constant], 0)
    y = Sequential([there], dtype=dtype).predict(new)
    eps = np.finfo(dtype).eps
    close(y, StandardScaler().fit(x).transform(new), rtol=1e-5, atol=1e-6 + 2e4 * eps)
    np.testing.assert_allclose(Sequential([back], dtype=dtype).predict(y), new, rtol=9 * eps)


def test_a_column_that_varies_by_rounding_alone_is_constant_and_a_small_one_is_not():
    sums = np.array([[0.3], [0.1 + 0.2], [0.6 / 2]])  # 0.30000000000000004 is one of them
    layer = layers.Normalization()
    layer.adapt(sums)
    assert layer.variance == 0
    layer.adapt(1e6 + np.array([[-1e-3], [1e-3]]))
    assert layer.variance == pytest.approx(1e-6, rel=1e-6)


@pytest.mark.parametrize("zero", [0, 0.0, [0.0, 4.0], np.zeros(2)])
def test_a_given_variance_of_0_divides_by_1(zero):
    mean = np.full(np.shape(zero), 5.0)
    layer = layers.Normalization(mean=mean, variance=zero)
    y = Sequential([layer]).predict([[6.0, 9.0]])
    np.testing.assert_array_equal(y, [[1.0, 2.0 if np.any(zero) else 4.0]])


class Batches:
    """An object with a batch for each index, as Keras' PyDataset."""

    def __init__(self, batches):
        self.batches, self.epochs = batches, 0

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]

    def on_epoch_end(self):
        self.epochs += 1


def torch_loader(batches):
    torch = pytest.importorskip("torch")
    rows = torch.utils.data.TensorDataset(torch.tensor(np.concatenate(batches)))
    return torch.utils.data.DataLoader(rows, batch_size=4)


STREAMS = {
    "iterator": iter,
    "generator": lambda batches: (batch for batch in batches),
    "of pairs": lambda batches: ((batch, np.ones(len(batch))) for batch in batches),
    "of triples": lambda batches: ((b, b, b) for b in batches),
    "of lists": lambda batches: (batch.tolist() for batch in batches),
    "of frames": lambda batches: (
        pd.DataFrame(batch, columns=["a", "b", "c"]) for batch in batches
    ),
    "of sparse": lambda batches: map(sp.csr_array, batches),
    "of one buffer": lambda batches: refilled(batches),
    "indexed": Batches,
    "indexed pairs": lambda batches: Batches([(batch, batch[:, 0]) for batch in batches]),
    "torch": torch_loader,
}


def refilled(batches):
    buffer = np.empty((50, 3))
    for batch in batches:
        buffer[: len(batch)] = batch
        yield buffer[: len(batch)]


@pytest.mark.parametrize("make", STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("built", [False, True])
def test_what_gives_batches_is_adapted_to_as_their_rows(make, built):
    x = large(50)
    given, together = layers.Normalization(), layers.Normalization()
    if built:
        Sequential([Input((3,)), given], dtype="float64")
    given.adapt(make(np.split(x, [7, 30, 31])))
    together.adapt(x)
    close(given.mean, together.mean, rtol=1e-14)
    close(given.variance, together.variance, rtol=1e-12)


def test_the_hooks_of_an_indexed_object_are_called():
    data = Batches(np.split(large(20), 4))
    layers.Normalization().adapt(data)
    assert data.epochs == 1


def test_streams_of_images():
    x = np.random.default_rng(0).normal(size=(9, 4, 2))
    layer = layers.Normalization(axis=[1, 2])
    layer.adapt(iter([x[:5], x[5:]]))
    close(layer.mean, x.mean(axis=0))
    close(layer.variance, x.var(axis=0))


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_is_one_array(kind):
    x, images = large(8), np.random.default_rng(0).normal(size=(5, 4, 2))
    for data, keywords in (
        (kind(x), {}),  # of rows
        (kind(x.tolist()), {}),
        (kind(images.tolist()), {}),
        (kind(images), {"input_shape": (4, 2)}),
        (kind(images), {"axis": [1, 2]}),
    ):
        layer, array = layers.Normalization(**keywords), layers.Normalization(**keywords)
        layer.adapt(data)
        array.adapt(np.array(data))
        np.testing.assert_array_equal(layer.mean, array.mean)
        np.testing.assert_array_equal(layer.variance, array.variance)


@pytest.mark.parametrize("kind", [list, tuple])
@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize(
    "batches",
    [
        np.split(np.ones((8, 3)), 2),
        np.split(np.ones((8, 3)), [3]),
        [np.ones((8, 3))],
        [pd.DataFrame(np.ones((8, 3)))] * 2,
        [(np.ones((8, 3)), np.ones(8))] * 2,
    ],
    ids=["equal", "of other lengths", "one", "frames", "pairs"],
)
def test_a_list_of_batches_is_refused_and_shown_iter(kind, built, batches):
    layer = layers.Normalization()
    if built:
        Sequential([Input((3,)), layer])
    with pytest.raises(DataError, match=r"Normalization\.adapt: expected .*Pass iter\(batches\)"):
        layer.adapt(kind(batches))
    assert layer.built == built
    layer.adapt(iter(batches))
    np.testing.assert_array_equal(layer.mean, 1)


def test_adapt_makes_no_copy_of_the_data():
    x = large(300_000).astype("f4")
    tracemalloc.start()
    layers.Normalization().adapt(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.nbytes


def test_adapt_before_the_model_and_after_it():
    x = large(200)
    norm = layers.Normalization()
    assert norm.mean is None
    norm.adapt(x)
    before = Sequential([norm, layers.Dense(2)], seed=3)
    assert before.built  # for data of that shape
    after = Sequential([Input((3,)), layers.Normalization(), layers.Dense(2)], seed=3)
    np.testing.assert_array_equal(after(x), Sequential(after.layers[1:])(x))  # y = x so far
    after.layers[0].adapt(x)
    np.testing.assert_array_equal(after.predict(x), before.predict(x))
    for model in (before, after):
        layer = model.layers[0]
        assert layer.mean.dtype == np.float32
        assert np.shares_memory(layer.mean, model.vector.values)
    before.layers[0].adapt(x * 2)  # the earlier numbers go
    close(before.layers[0].mean, 2 * x.mean(axis=0), rtol=1e-6)


def test_training_leaves_mean_and_variance_and_they_go_with_the_weights(tmp_path):
    x = large(64)
    norm = layers.Normalization()
    norm.adapt(x)
    model = Sequential([norm, layers.Dense(1)], seed=0)
    model.compile("adam", "mse")
    found = norm.mean.copy(), norm.variance.copy()
    model.fit(x, x[:, :1], epochs=2, verbose=0)
    np.testing.assert_array_equal((norm.mean, norm.variance), found)
    assert [w.shape for w in model.trainable_weights] == [(3, 1), (1,)]
    model.save_weights(tmp_path / "w.safetensors")
    clone = clone_model(model)
    assert clone.layers[0].mean is None  # starts anew
    clone.build((None, 3))
    clone.load_weights(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(clone.predict(x), model.predict(x))


@pytest.mark.parametrize("way", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_of_an_adapted_layer_are_adapted(way):
    x, norm = large(50), layers.Normalization()
    norm.adapt(x)
    other = way(norm)
    norm.adapt(x + 1)
    model = Sequential([other], dtype="float64")
    close(model.predict(x), scale(x), rtol=1e-9, atol=1e-9)


def test_a_model_trains_as_on_data_that_were_scaled_before():
    x = large(60)
    y = x[:, :1] * 2 + x[:, 2:]
    norm = layers.Normalization()
    norm.adapt(x)
    inside = Sequential([norm, layers.Dense(1)], seed=5, dtype="float64")
    outside = Sequential([Input((3,)), layers.Dense(1)], seed=5, dtype="float64")
    losses = []
    for model, data in ((inside, x), (outside, StandardScaler().fit_transform(x))):
        model.compile("adam", "mse")
        losses.append(model.fit(data, y, epochs=3, verbose=0).history["loss"])
    close(losses[0], losses[1])


def test_inverted_undoes_it():
    x = large(30)
    there, back = layers.Normalization(), layers.Normalization(invert=True)
    there.adapt(x)
    back.adapt(x)
    close(Sequential([there, back], dtype="float64").predict(x), x)


@pytest.mark.parametrize("invert", [False, True])
def test_given_numbers_are_no_parameters(invert):
    layer = layers.Normalization(mean=np.array([1, 2]), variance=[4.0, 9.0], invert=invert)
    model = Sequential([Input((2,)), layer])
    assert model.count_params() == 0
    x = np.array([[3.0, 5.0]], "f4")
    np.testing.assert_allclose(model.predict(x), [[7, 17]] if invert else [[1, 1]], rtol=1e-6)
    assert model.predict(x).dtype == np.float32


# -- what is refused -------------------------------------------------------------------------------


def adapted():
    layer = layers.Normalization()
    layer.adapt(np.eye(3))
    return layer


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: layers.LayerNormalization(axis=1.5), "LayerNormalization: expected axis as"),
        (lambda: layers.LayerNormalization(axis=[]), "expected axis"),
        (lambda: layers.LayerNormalization(axis=None), "expected axis"),
        (lambda: layers.UnitNormalization(axis=True), "UnitNormalization: expected axis"),
        (lambda: layers.LayerNormalization(epsilon=0), "expected epsilon as a number in"),
        (lambda: layers.RMSNormalization(epsilon="1"), "RMSNormalization: expected epsilon"),
        (lambda: bound(layers.LayerNormalization(axis=0), (3,)), "0 is the batch"),
        (lambda: layers.UnitNormalization(axis=0).compute_output_shape((8, 3)), "0 is the batch"),
        (lambda: bound(layers.UnitNormalization(axis=2), (3,)), "along axis 2"),
        (lambda: bound(layers.UnitNormalization(axis=[1, -1]), (3,)), r"\(None, 3\)"),
        (lambda: bound(layers.RMSNormalization(axis=-3), (3,)), "along axis -3"),
        (lambda: layers.Normalization(axis="x"), "Normalization: expected axis"),
        (lambda: layers.Normalization(mean=1.0), "mean and variance or neither"),
        (lambda: layers.Normalization(mean=1.0, variance=-1.0), "at least 0"),
        (lambda: layers.Normalization(mean=np.nan, variance=1.0), "finite"),
        (lambda: layers.Normalization(mean="a", variance=1.0), "finite numbers"),
        (lambda: layers.Normalization(mean=[1.0], variance=1.0), "one shape"),
        (lambda: bound(layers.Normalization(mean=[1, 2], variance=[1, 2]), (3,)), r"fit \(3,\)"),
        (lambda: layers.Normalization(mean=0, variance=1).adapt(np.eye(3)), "do not adapt"),
        (lambda: adapted().adapt(np.ones((4, 2))), r"rows of shape \(3,\).*got \(2,\)"),
        (lambda: adapted().adapt([[1.0, np.nan, 2.0]]), "NaN"),
        (lambda: adapted().adapt([["a", "b", "c"]]), "numbers"),
        (lambda: adapted().adapt(np.ones((0, 3))), "at least one row"),
        (lambda: layers.Normalization().adapt(np.arange(3.0)), "along axis -1"),
        (lambda: layers.Normalization().adapt([[1e300], [-1e300]]), "variance is a number"),
        (lambda: layers.Normalization().adapt(iter([])), "expected some batches from x"),
        (lambda: layers.Normalization().adapt(iter([np.ones((2, 3)), np.ones((2, 4))])), "batch 2"),
        (lambda: layers.Normalization().adapt(iter([[[1.0]], [[np.nan]]])), "batch 2.*NaN"),
        (lambda: adapted().adapt(iter([np.ones((2, 4))])), r"rows of shape \(3,\).*got \(4,\)"),
        (lambda: Sequential([Input((4,)), adapted()]), r"\(None, 3\).*built already"),
        (lambda: Sequential([adapted()]).predict(np.ones((2, 4))), r"\(n, 3\)"),
        (lambda: layers.Input((3,), batch_size=0), "batch_size"),
        (lambda: layers.Input((3,), dtype="int33"), "dtype"),
        (lambda: layers.Input((3,), dtype="str"), "dtype"),
    ],
)
def test_what_does_not_fit_is_refused(call, says):
    with pytest.raises(AnnlibError, match=says):
        call()


def test_a_refused_adapt_changes_nothing(tmp_path):
    layer = adapted()
    before = layer.mean.copy(), layer.variance.copy()
    file = np.memmap(tmp_path / "x", "float64", "w+", shape=(40_000, 3))
    file[39_000, 1] = np.inf  # found in the last part
    with pytest.raises(AnnlibError, match=r"Normalization\.adapt.*row 39000|counted from row"):
        layer.adapt(file)
    np.testing.assert_array_equal((layer.mean, layer.variance), before)
    fresh = layers.Normalization()
    with pytest.raises(AnnlibError):
        fresh.adapt(file)
    assert fresh._built_shape is None


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "layer",
    [
        layers.BatchNormalization(epsilon=1e-60, moving_variance_initializer="zeros"),
        layers.LayerNormalization(epsilon=1e-60),
        layers.RMSNormalization(epsilon=1e-60),
        layers.UnitNormalization(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_an_epsilon_below_the_type_still_keeps_0_by_0_away(layer, training):
    x = np.zeros((4, 3), np.float32)
    np.testing.assert_array_equal(Sequential([layer.clone()])(x, training=training), 0)
