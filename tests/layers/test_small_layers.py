"""PReLU, ActivityRegularization, Reshape and Identity."""

import numpy as np
import pytest
from golden import recorded

from annlib import Sequential, layers, regularizers
from annlib.core.errors import ConfigurationError, ShapeError
from annlib.core.workspace import Workspace
from annlib.layers.passes import Pass
from annlib.testing.passes import LayerTrial

KERAS = recorded("elementwise_layers")


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


# -- PReLU -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record", KERAS["prelu"], ids=lambda r: f"{np.shape(r['x'])} {r['shared_axes']}"
)
def test_prelu_is_that_of_keras(record):
    x = np.array(record["x"])
    trial = LayerTrial(layers.PReLU(shared_axes=record["shared_axes"]), x.shape[1:])
    trial.layer.set_weights([record["alpha"]])
    close(trial.forward(x), record["output"])
    close(trial.layer.backward(np.array(record["cotangent"]), trial.work), record["gradients"]["x"])
    close(trial.layer.gradients["alpha"], record["gradients"]["alpha"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_prelu_at_the_ends_of_the_type(dtype):
    most = np.finfo(dtype).max
    trial = LayerTrial(layers.PReLU(), (5,), dtype=dtype)
    trial.layer.alpha[...] = [0.5, -1.0, 2.0, 0.0, 1.0]
    x = np.array([[-most, -most, most, -most, np.nan]], dtype)
    y, dx, _ = trial.run(x, np.zeros_like(x))
    np.testing.assert_array_equal(y, np.array([[-most / 2, most, most, 0, np.nan]], dtype))
    np.testing.assert_array_equal(dx, 0)


def test_prelu_starts_as_a_relu():
    x = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    model, relu = (Sequential([layer]) for layer in (layers.PReLU(), layers.Activation("relu")))
    np.testing.assert_array_equal(model.predict(x), relu.predict(x))


@pytest.mark.parametrize(
    ("shared_axes", "shape"),
    [(2, (5,)), ([1, 3], (2, 5)), (None, (None, 5)), ([2], (None, 5))],
)
def test_prelu_names_rows_that_do_not_fit(shared_axes, shape):
    with pytest.raises(ShapeError, match=r"PReLU: expected rows .* got shape \(None, "):
        layers.PReLU(shared_axes=shared_axes)._declare((None, *shape))


def test_prelu_shares_along_an_axis_of_unknown_length():
    layer = layers.PReLU(shared_axes=[1])
    assert layer._declare((None, None, 5)) == (None, None, 5)
    assert [p.shape for p in layer._parameters] == [(1, 5)]


# -- ActivityRegularization ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record", KERAS["activity_regularization"]["records"], ids=lambda r: str(r["config"])
)
def test_the_price_of_activities_is_that_of_keras(record):
    x, kernel = (np.array(KERAS["activity_regularization"][key]) for key in ("x", "kernel"))
    layer = layers.ActivityRegularization(**record["config"])
    model = Sequential(
        [layers.Input((4,)), layers.Dense(3, use_bias=False), layer], dtype="float64"
    )
    model.set_weights([kernel])
    model.vector.allocate_gradients()
    batch = Pass(model.layers, "float64")
    y = batch.forward(x, training=True)
    close(y, x @ kernel)
    close(batch.penalty(), record["penalty"])
    batch.backward(np.zeros_like(y))
    close(model.layers[0].gradients["kernel"], record["gradient"])


def test_the_regularizer_is_made_of_l1_and_l2_and_not_given():
    layer = layers.ActivityRegularization(0.1, l2=0.2, name="price")
    assert layer.activity_regularizer == regularizers.L1L2(0.1, 0.2)
    for same in (layer.clone(), type(layer).from_config(layer.get_config())):
        assert same.activity_regularizer == layer.activity_regularizer
        assert repr(same) == repr(layer) == "ActivityRegularization(l1=0.1, l2=0.2, name='price')"
    with pytest.raises(ConfigurationError, match="ActivityRegularization: expected l1 and l2"):
        layers.ActivityRegularization(0.1, activity_regularizer="l2")


# -- Reshape and Identity --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "row", "expected"),
    [
        ((3, 4), (12,), (3, 4)),
        ((-1,), (2, 3, 2), (12,)),
        ([2, -1, 3], (12,), (2, 2, 3)),
        ((1, -1), (), (1, 1)),
        ((), (1,), ()),
    ],
)
def test_reshape_shows_the_same_numbers_in_another_shape(target, row, expected):
    layer, work = layers.Reshape(target), Workspace("float64")
    assert layer.compute_output_shape((None, *row)) == (None, *expected)
    for n in (4, 1, 0):
        x = np.arange(n * np.prod(row, dtype=int), dtype=float).reshape(n, *row)
        y = layer.forward(x, work)
        assert y.shape == (n, *expected)
        assert not n or np.shares_memory(x, y)
        np.testing.assert_array_equal(layer.backward(y, work), x)


def test_reshape_of_unknown_sizes_is_unknown():
    assert layers.Reshape((-1, 2)).compute_output_shape((None, None)) == (None, None, 2)


@pytest.mark.parametrize(("target", "row"), [((3, 4), (10,)), ((3, -1), (10,)), ((5,), (10,))])
def test_reshape_names_both_shapes_when_they_do_not_fit(target, row):
    model = Sequential([layers.Input(row), layers.Dense(10)])
    with pytest.raises(ShapeError) as raised:
        model.add(layers.Reshape(target))
    assert str(target) in str(raised.value)
    assert str(row) in str(raised.value)


def test_identity_is_what_it_is_given():
    layer, work, x = layers.Identity(), Workspace("float64"), np.ones((4, 3))
    assert layer.forward(x, work) is x
    assert layer.backward(x, work) is x


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.PReLU(shared_axes=0), "PReLU: expected shared_axes"),
        (lambda: layers.PReLU(shared_axes=[1, "2"]), "PReLU: expected shared_axes"),
        (lambda: layers.PReLU("zeross"), 'Did you mean "zeros"'),
        (lambda: layers.ActivityRegularization(-1), "ActivityRegularization: expected l1"),
        (lambda: layers.ActivityRegularization(l2=np.inf), "ActivityRegularization: expected l2"),
        (lambda: layers.Reshape(12), "Reshape: expected target_shape as a tuple"),
        (lambda: layers.Reshape((-1, -1)), "Reshape: expected target_shape"),
        (lambda: layers.Reshape((2, 0)), "Reshape: expected target_shape"),
        (lambda: layers.Reshape((2, -2)), "Reshape: expected target_shape"),
        (lambda: layers.Reshape((2.0, 3)), "Reshape: expected target_shape"),
        (lambda: layers.Reshape("ab"), "Reshape: expected target_shape"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_rescaling_of_columns():
    scale, offset = np.array([0.5, 2.0]), [1.0, -1.0]
    model = Sequential([layers.Rescaling(scale, offset)])
    y = model.predict([[2.0, 3.0], [0.0, 1.0]])
    np.testing.assert_array_equal(y, [[2.0, 5.0], [1.0, 1.0]])
    assert y.dtype == np.float32
    scale[:] = 0  # the layer has numbers of its own
    assert Sequential.from_config(model.get_config()).predict([[2.0, 3.0]]).tolist() == [[2.0, 5.0]]


@pytest.mark.parametrize("wrong", [[1.0, np.nan], ["a"], [], [[1.0], [1.0, 2.0]], None, [True]])
def test_rescaling_by_what_are_no_numbers_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="Rescaling: expected scale as a"):
        layers.Rescaling(wrong)


@pytest.mark.parametrize("wrong", [[1.0, 2.0, 3.0], [[1.0], [2.0], [3.0]], np.ones((1, 2))])
def test_rescaling_of_other_columns_is_refused(wrong):
    with pytest.raises(ShapeError, match=r"expected offset .* of input \(None, 2\)"):
        Sequential([layers.Input((2,)), layers.Rescaling(1.0, wrong)])
