"""What every layer promises: right gradients, untouched inputs, nothing carried over."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from cases import DEEP, FLAT, LAYERS
from finite_differences import assert_gradient

from annlib import layers
from annlib.core.parameters import ParameterVector
from annlib.core.workspace import Workspace

CASES = [
    pytest.param(row, shape, id=f"{row!r}-{shape}")
    for row in LAYERS
    for shape in getattr(row, "shapes", [FLAT, DEEP])
]
each = pytest.mark.parametrize(("row", "shape"), CASES)
both_modes = pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])


class Bound:
    """A layer of a row with parameters that are nowhere special, and one way to run it."""

    def __init__(self, row, shape, dtype="float64"):
        self.layer = row.make()
        self.output_shape = self.layer.declare((None, *shape))
        self.vector = ParameterVector([self.layer], dtype)
        self.vector.allocate_gradients()
        rng = np.random.default_rng(1)
        self.vector.initialize(lambda entry: rng, [self.layer])
        self.vector.values += rng.uniform(0.1, 0.6, self.vector.size).astype(dtype)
        self.dtype = dtype
        self.work = self.workspace()

    def workspace(self):
        return Workspace(self.dtype, np.random.default_rng(7))

    def data(self, n, shape, seed=2):
        """Input, and a cotangent of the output."""
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, *shape)).astype(self.dtype)
        return x, rng.normal(size=(n, *self.output_shape[1:])).astype(self.dtype)

    def forward(self, x, training, work=None):
        """The output, with the same random numbers at every call."""
        work = self.work if work is None else work
        work.rng = np.random.default_rng(7)
        return self.layer.forward(x, work, training=training)

    def run(self, x, dy, training, work=None):
        """Copies of output, input gradient and parameter gradients."""
        work = self.work if work is None else work
        y = self.forward(x, training, work).copy()
        return y, *self.backward(dy, work)

    def backward(self, dy, work=None):
        dx = self.layer.backward(dy.copy(), self.work if work is None else work).copy()
        return dx, *(gradient.copy() for gradient in self.learned().values())

    def learned(self):
        """The gradients that ``backward`` must write."""
        names = [p.name for p in self.layer.parameters if p.trainable]
        return {name: self.layer.gradients[name] for name in names}


def assert_same(found, expected, rtol=0.0):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)


@each
@both_modes
def test_the_input_gradient_is_the_derivative(row, shape, training):
    bound = Bound(row, shape)
    x, dy = bound.data(6, shape)
    _, dx, *_ = bound.run(x, dy, training)
    assert dx.any()
    assert_gradient(lambda x: np.sum(dy * bound.forward(x, training)), x, dx)


@each
@both_modes
def test_every_parameter_gradient_is_the_derivative(row, shape, training):
    bound = Bound(row, shape)
    x, dy = bound.data(6, shape)
    for entry in bound.vector.entries:
        if not entry.parameter.trainable:
            continue
        bound.vector.gradients.fill(np.nan)
        bound.run(x, dy, training)
        gradient = bound.layer.gradients[entry.parameter.name].copy()
        value = getattr(bound.layer, entry.parameter.name)
        here = value.copy()

        def f(there, value=value):
            value[...] = there
            return np.sum(dy * bound.forward(x, training))

        assert gradient.any()
        assert_gradient(f, here, gradient)
        value[...] = here


@each
@both_modes
def test_parameter_gradients_do_not_need_the_input_gradient(row, shape, training):
    bound = Bound(row, shape)
    x, dy = bound.data(6, shape)
    _, _, *expected = bound.run(x, dy, training)
    bound.vector.gradients.fill(np.nan)
    bound.forward(x, training)
    bound.layer.backward(dy.copy(), bound.work, input_gradient=False)
    assert_same(list(bound.learned().values()), expected)


@each
@both_modes
def test_nothing_depends_on_what_a_pass_left_behind(row, shape, training):
    bound = Bound(row, shape)
    x, dy = bound.data(6, shape)
    expected = bound.run(x, dy, training)
    bound.work.fill(np.nan)
    bound.vector.gradients.fill(np.nan)
    assert_same(bound.run(x, dy, training), expected)


@each
@both_modes
def test_batches_of_any_length_share_one_memory(row, shape, training):
    bound = Bound(row, shape)
    for n in (7, 3, 1, 9, 9, 2):
        x, dy = bound.data(n, shape, seed=n)
        alone = bound.run(x, dy, training, bound.workspace())
        assert_same(bound.run(x, dy, training), alone, rtol=1e-12)


@each
@both_modes
def test_backward_overwrites_and_never_accumulates(row, shape, training):
    bound = Bound(row, shape)
    x, dy = bound.data(6, shape)
    _, *expected = bound.run(x, dy, training)
    assert_same(bound.backward(dy), expected)


@each
@both_modes
def test_forward_writes_to_neither_input_nor_parameters(row, shape, training):
    bound = Bound(row, shape)
    x, dy = bound.data(6, shape)
    before, parameters = x.copy(), bound.vector.values.copy()
    bound.vector.values.flags.writeable = x.flags.writeable = False
    expected = bound.run(x, dy, training)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(bound.vector.values, parameters)
    # Other strides are the same numbers.
    columns = np.asfortranarray(x)
    columns.flags.writeable = False
    spread = np.repeat(x, 2, axis=0)[::2]
    assert_same(bound.run(columns, dy, training), expected, rtol=1e-12)
    assert_same(bound.run(spread, dy, training), expected, rtol=1e-12)


@each
@both_modes
def test_a_second_batch_allocates_nothing(row, shape, training):
    bound = Bound(row, shape)
    x, dy = bound.data(20_000, shape)
    for n in (20_000, 15_000):
        bound.forward(x[:n], training)
        bound.layer.backward(dy[:n].copy(), bound.work)
    cotangent = dy[:15_000].copy()
    tracemalloc.start()
    bound.layer.forward(x[:15_000], bound.work, training=training)
    bound.layer.backward(cotangent, bound.work)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 15_000 * 8  # one number a row; NumPy itself buffers 64 KB where types differ


@each
@both_modes
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_type_stays(row, shape, training, dtype):
    bound = Bound(row, shape, dtype)
    x, dy = bound.data(6, shape)
    for array in (*bound.run(x, dy, training), *bound.layer.values().values()):
        assert array.dtype == dtype
    bound.layer.commit(bound.work)
    assert {
        buffer.dtype for buffer in bound.work._buffers.values() if buffer.dtype.kind == "f"
    } <= {np.dtype(dtype)}
    assert all(value.dtype == dtype for value in bound.layer.values().values())


@each
def test_the_output_has_the_shape_that_was_said(row, shape):
    bound = Bound(row, shape)
    for n in (1, 4):
        x, _ = bound.data(n, shape)
        assert bound.forward(x, False).shape == (n, *bound.output_shape[1:])
        assert bound.layer.compute_output_shape((None, *shape)) == bound.output_shape


@each
def test_the_first_pass_of_float32_is_that_of_float64_rounded(row, shape):
    double, single = Bound(row, shape), Bound(row, shape, "float32")
    single.vector.values[...] = double.vector.values
    x, dy = double.data(6, shape)
    for training in (False,) if double.layer.random else (False, True):
        expected = double.run(x, dy, training)
        found = single.run(x.astype("f4"), dy.astype("f4"), training)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


# -- single layers ---------------------------------------------------------------------------------


def test_dense_is_the_papers_fully_connected_layer_row_by_row():
    """{Z} = [W^T]{X} + {B}; 7.3 for the gradients, summed over the rows (5.2)."""
    bound = Bound(next(row for row in LAYERS if row.arguments == (3,)), FLAT)
    W, B = bound.layer.kernel, bound.layer.bias
    x, dy = bound.data(4, FLAT)
    y, dx, dW, dB = bound.run(x, dy, training=True)
    M, N = W.shape
    accumulated_W, accumulated_B = np.zeros((M, N)), np.zeros(N)
    for r in range(len(x)):
        for i in range(N):
            z = B[i]
            for j in range(M):
                z += W[j, i] * x[r, j]
                accumulated_W[j, i] += dy[r, i] * x[r, j]
            accumulated_B[i] += dy[r, i]
            assert y[r, i] == pytest.approx(z, rel=1e-12)
        for j in range(M):
            expected = sum(W[j, i] * dy[r, i] for i in range(N))
            assert dx[r, j] == pytest.approx(expected, rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(dW, accumulated_W, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(dB, accumulated_B, rtol=1e-12, atol=1e-14)


def test_dropout_keeps_the_expectation_and_the_share():
    layer, work = layers.Dropout(0.25), Workspace("float64", np.random.default_rng(0))
    x = np.full((500, 200), 3.0)
    y = layer.forward(x, work, training=True)
    assert set(np.unique(y)) == {0.0, 4.0}
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.01)
    np.testing.assert_array_equal(layer.backward(np.ones_like(x), work), y / 3)
    assert layer.forward(x, work, training=False) is x


def test_dropout_of_all_is_zero_both_ways():
    layer, work = layers.Dropout(1.0), Workspace("float64", np.random.default_rng(0))
    assert not layer.forward(np.ones((4, 3)), work, training=True).any()
    assert not layer.backward(np.ones((4, 3)), work).any()


def test_batch_normalization_gives_columns_of_mean_0_and_variance_1():
    bound = Bound(next(row for row in LAYERS if row.cls is layers.BatchNormalization), FLAT)
    bound.layer.gamma[...], bound.layer.beta[...] = 1.0, 0.0
    x, _ = bound.data(50, FLAT)
    y = bound.forward(100 + 20 * x, training=True)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=0), 1, rtol=1e-4)  # epsilon is in the variance


def test_batch_normalization_commits_what_the_batch_taught_and_not_before():
    row = next(row for row in LAYERS if row.cls is layers.BatchNormalization)
    bound = Bound(row, FLAT)
    layer = bound.layer
    x, _ = bound.data(8, FLAT)
    mean, variance = layer.moving_mean.copy(), layer.moving_variance.copy()
    bound.forward(x, training=True)
    np.testing.assert_array_equal(layer.moving_mean, mean)
    layer.commit(bound.work)
    np.testing.assert_allclose(layer.moving_mean, 0.99 * mean + 0.01 * x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        layer.moving_variance, 0.99 * variance + 0.01 * x.var(axis=0), rtol=1e-12
    )
    bound.forward(x, training=False)
    before = bound.vector.values.copy()
    layer.commit(bound.work)
    np.testing.assert_array_equal(bound.vector.values, before)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dense(0), "units"),
        (lambda: layers.Dense(True), "units"),
        (lambda: layers.Dense(2.5), "units"),
        (lambda: layers.Dense(3, activation="rleu"), 'Did you mean "relu"'),
        (lambda: layers.Dense(3, name="a/b"), "/"),
        (lambda: layers.Dense(3, name=""), "name"),
        (lambda: layers.Dropout(1.5), "rate"),
        (lambda: layers.Dropout(True), "rate"),
        (lambda: layers.BatchNormalization(axis=1), "axis"),
        (lambda: layers.BatchNormalization(momentum=1), "momentum"),
        (lambda: layers.BatchNormalization(epsilon=0), "epsilon"),
        (lambda: layers.Input(5), "Input"),
        (lambda: layers.Input((0,)), "Input"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("shape", [(None,), (None, None), (None, 3, None)])
def test_dense_needs_to_know_its_features(shape):
    with pytest.raises(ValueError, match="features"):
        layers.Dense(2).declare(shape)


def test_a_layer_with_nothing_but_the_interface_works():
    """The example in ``Layer``'s docstring, differentiated."""

    class Scale(layers.Layer):
        def build(self, input_shape):
            self.add_weight("factor", (input_shape[-1],), initializer="ones")

        def forward(self, x, work, *, training=False):
            work["x"] = x
            return np.multiply(x, self.factor, out=work.array("y", *x.shape))

        def backward(self, dy, work, *, input_gradient=True):
            np.sum(dy * work["x"], axis=0, out=self.gradients["factor"])
            return np.multiply(dy, self.factor, out=dy)

    from cases import Row

    bound = Bound(Row(Scale), FLAT)
    x, dy = bound.data(6, FLAT)
    _, dx, d_factor = bound.run(x, dy, training=True)
    np.testing.assert_allclose(dx, dy * bound.layer.factor)
    np.testing.assert_allclose(d_factor, (dy * x).sum(axis=0))
