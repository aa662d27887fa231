"""BatchNormalization: Keras' numbers along every axis, and columns that are hard to normalize."""

import numpy as np
import pytest
from golden import recorded

from annlib import Sequential, layers, load_model
from annlib.core.errors import ConfigurationError, ShapeError
from annlib.testing.passes import LayerTrial

RECORDS = recorded("elementwise_layers")["batch_normalization"]


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: f"{np.shape(r['x'][0])} {r['config']}")
def test_two_steps_and_an_inference_are_those_of_keras(record):
    first, second = np.array(record["x"])
    trial = LayerTrial(layers.BatchNormalization(**record["config"]), first.shape[1:])
    layer, work = trial.layer, trial.work
    layer.set_weights(record["weights"])
    close(layer.forward(second, work, training=False), record["inference"])
    for x, step in zip((first, second), record["steps"], strict=True):
        close(layer.forward(x, work, training=True), step["output"])
        close(layer.backward(np.array(record["cotangent"]), work), step["gradients"]["x"])
        for name in step["gradients"].keys() - {"x"}:
            close(layer.gradients[name], step["gradients"][name])
        layer.commit(work)
        for name, moving in step["moving"].items():
            close(getattr(layer, name if "_" in name else f"moving_{name}"), moving)


@pytest.mark.parametrize("training", [True, False])
def test_axis_1_of_a_matrix_is_the_last(training):
    last, first = (
        LayerTrial(layers.BatchNormalization(axis), (5,), training=training) for axis in (-1, 1)
    )
    x, dy = last.data()
    for one, other in zip(first.run(x, dy), last.run(x, dy), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n", [16, 2000])
def test_float32_is_accurate_far_from_zero(n):
    """Where the mean of the squares less the square of the mean has no digit left."""
    x = (1e4 + np.random.default_rng(0).standard_normal((n, 8))).astype(np.float32)
    trial = LayerTrial(
        layers.BatchNormalization(momentum=0, epsilon=1e-12, scale=False, center=False),
        (8,),
        dtype="float32",
    )
    y = trial.forward(x)
    exact = x.astype(float)
    # A sum of float32 that large is rounded, and so the mean to a few thousandths.
    np.testing.assert_allclose(y, (exact - exact.mean(0)) / exact.std(0), atol=0.05)
    trial.layer.commit(trial.work)
    np.testing.assert_allclose(trial.layer.moving_variance, exact.var(0), rtol=3e-3)
    np.testing.assert_allclose(trial.layer.moving_mean, exact.mean(0), rtol=1e-6)


@pytest.mark.parametrize("n", [1, 4])
def test_a_constant_column_becomes_beta(n):
    trial = LayerTrial(layers.BatchNormalization(), (2,), dtype="float32")
    x = np.full((n, 2), [0.1, -3e4], np.float32)
    y, dx, *_ = trial.run(x, np.ones_like(x))
    np.testing.assert_allclose(y, np.broadcast_to(trial.layer.beta, x.shape), atol=1e-6)
    np.testing.assert_allclose(dx, 0, atol=1e-6)


@pytest.mark.parametrize("axis", [0, True, 1.5, "last", None, [1]])
def test_an_axis_is_an_integer_and_not_the_batch(axis):
    with pytest.raises(ValueError, match=r"BatchNormalization: expected axis .*, got"):
        layers.BatchNormalization(axis)


@pytest.mark.parametrize(
    ("axis", "shape"), [(2, (5,)), (-2, (5,)), (-3, (5,)), (-1, ()), (-1, (None,)), (1, (None, 3))]
)
def test_an_axis_is_one_of_the_rows_and_of_known_size(axis, shape):
    with pytest.raises(ShapeError, match=f"BatchNormalization: .*axis {axis}"):
        layers.BatchNormalization(axis)._declare((None, *shape))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"renorm": 1}, "renorm as True or False"),
        ({"renorm_clipping": {"rmax": 2.0}}, "with renorm=True"),
        ({"renorm": True, "renorm_clipping": {"max": 2.0}}, "rmin, rmax, dmax"),
        ({"renorm": True, "renorm_clipping": {"rmin": 2.0, "rmax": 1.0}}, "rmin up to rmax"),
        ({"renorm": True, "renorm_clipping": {"dmax": -1.0}}, "renorm_clipping dmax"),
        ({"renorm": True, "renorm_momentum": 1.5}, "renorm_momentum"),
    ],
)
def test_limits_that_cannot_be_meant_are_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        layers.BatchNormalization(**arguments)


def test_renormalized_training_sees_what_it_sees_at_rest(tmp_path):
    """Also of batches that are far from all rows; and it comes back from a file."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.normal(3.0, 2.0, size=(400, 1)), axis=0)
    renorm = layers.BatchNormalization(renorm=True, momentum=0.9, renorm_momentum=0.9)
    model = Sequential([layers.Input((1,)), renorm], dtype="float64", seed=0)
    model.compile("sgd", "mse")
    order = rng.permutation(400)
    for start in range(0, 400, 4):
        model.train_on_batch(x[order[start : start + 4]], np.zeros((4, 1)))
    few = x[:4]
    at_rest = model(few)
    assert np.abs(model(few, training=True) - at_rest).max() < 0.2
    model.save(tmp_path / "m.safetensors")
    again = load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again(few, training=True), model(few, training=True))
