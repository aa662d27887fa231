"""Small things that Keras' users write: they mean here what they mean there."""

import numpy as np
import pytest

from annlib import (
    Sequential,
    callbacks,
    constraints,
    initializers,
    layers,
    metrics,
    optimizers,
    utils,
)
from annlib.core.errors import (
    ConfigurationError,
    DataError,
    NotBuiltError,
    NotCompiledError,
    ShapeError,
)

X = np.random.default_rng(0).normal(size=(12, 3))


def test_what_a_layer_was_built_without_is_none():
    dense, norm = layers.Dense(2, use_bias=False), layers.BatchNormalization(center=False)
    assert not hasattr(dense, "bias")
    Sequential([dense, norm]).build((None, 3))
    assert dense.bias is norm.beta is None
    assert norm.moving_stddev is None
    assert (dense.kernel.shape, norm.gamma.shape) == ((3, 2), (2,))


def test_a_variable_has_a_value():
    model = Sequential([layers.Dense(2)])
    model.compile("adam", "mse")
    model.build((None, 3))
    kernel = model.layers[0].kernel
    assert type(kernel.value) is np.ndarray
    np.testing.assert_array_equal(kernel.value, model.get_weights()[0])
    assert model.optimizer.learning_rate.value == 0.001
    assert type(model.optimizer.learning_rate.value) is float


def test_mean_and_variance_are_as_tensors():
    adapted, given = layers.Normalization(), layers.Normalization(mean=[1.0], variance=[4.0])
    assert adapted.mean is None
    adapted.adapt(X)
    np.testing.assert_allclose(adapted.mean.numpy(), X.mean(axis=0))
    np.testing.assert_allclose(adapted.variance.numpy(), X.var(axis=0))
    assert given.variance.numpy() == [4.0]


@pytest.mark.parametrize(
    ("name", "cls"),
    [("IdentityInitializer", "Identity"), ("orthogonal_initializer", "Orthogonal")],
)
def test_initializers_have_their_old_names(name, cls):
    assert type(initializers.get(name)) is getattr(initializers, cls)


@pytest.mark.parametrize(
    ("make", "config", "other"),
    [
        (layers.BatchNormalization, {"synchronized": False}, True),
        (layers.LayerNormalization, {"rms_scaling": False}, True),
        (lambda **given: layers.Embedding(3, 2, **given), {"mask_zero": False}, True),
        (lambda **given: layers.Embedding(3, 2, **given), {"mask_zero": False}, 0),
        (optimizers.Adam, {"loss_scale_factor": None}, 2.0),
    ],
)
def test_arguments_of_one_value_are_taken_where_it_is_that(make, config, other):
    made = make(**config)
    assert made.get_config() == make().get_config()
    assert type(made).from_config({**made.get_config(), **config}).get_config() == made.get_config()
    (name,) = config
    with pytest.raises(
        ConfigurationError, match=rf"expected {name}={config[name]}, got {other}. [A-Z]"
    ):
        make(**{name: other})


def test_input_length_of_old_does_nothing():
    with pytest.warns(UserWarning, match="input_length is deprecated. Leave it out"):
        layer = layers.Embedding(10, 4, input_length=5)
    assert layer.get_config() == layers.Embedding(10, 4).get_config()


@pytest.mark.parametrize("expand", [True, False])
def test_a_summary_takes_keras_arguments(expand):
    lines: list[str] = []
    model = Sequential([layers.Dense(2)])
    model.summary(expand_nested=expand, print_fn=lines.append)
    model.summary(print_fn=lines.append)
    assert lines[0] == lines[1]


@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("truncating", ["pre", "post"])
@pytest.mark.parametrize("maxlen", [None, 1, 2, 5])
def test_lists_become_rows(maxlen, truncating, padding):
    lists = [[1, 2, 3], [], np.array([4]), (5, 6)]
    rows = utils.pad_sequences(
        lists, maxlen, "float32", padding=padding, truncating=truncating, value=9
    )
    length = maxlen or 3
    assert (rows.shape, rows.dtype) == ((4, length), "float32")
    for row, given in zip(rows, lists, strict=True):
        kept = list(given)[:length] if truncating == "post" else list(given)[-length:]
        fill = [9] * (length - len(kept))
        assert row.tolist() == (kept + fill if padding == "post" else fill + kept)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"sequences": [["a"]]}, DataError, "lists of numbers, got .* at 0"),
        ({"sequences": [[1], 2]}, DataError, "lists of numbers, got 2 at 1"),
        ({"sequences": "abc"}, DataError, "a list of lists of numbers"),
        ({"sequences": [[[1]]]}, ShapeError, r"got shape \(1, 1\) at 0"),
        ({"maxlen": 0}, ConfigurationError, "expected maxlen"),
        ({"dtype": "str"}, ConfigurationError, "expected dtype as one of numbers"),
        ({"padding": "left"}, ConfigurationError, "expected padding one of"),
        ({"value": "0"}, ConfigurationError, "expected value as a number"),
    ],
)
def test_what_are_no_lists_of_numbers_is_refused(arguments, error, says):
    with pytest.raises(error, match=f"pad_sequences: .*{says}"):
        utils.pad_sequences(**{"sequences": [[1]], **arguments})


def test_a_number_in_an_array_is_a_number():
    assert layers.Rescaling(np.array(0.5), np.array(2)).get_config()["scale"] == 0.5
    with pytest.raises(ConfigurationError, match="Rescaling: expected scale"):
        layers.Rescaling(np.array("a"))


@pytest.mark.parametrize(("metric", "expected"), [("Mean", 10 / 4), ("Sum", 10.0)])
def test_each_value_may_have_a_weight(metric, expected):
    values, weights = [[1, 3], [5, 7]], [[2, 1], [1, 0]]
    assert getattr(metrics, metric)()(values, sample_weight=weights) == expected
    whole = getattr(metrics, metric)()
    for value, weight in zip(np.ravel(values), np.ravel(weights), strict=True):
        whole.update_state(value, sample_weight=[weight])
    assert whole.result() == expected


def test_thresholds_beside_no_number_of_them_are_heeded():
    y, p = [0, 0, 1, 1], [0.2, 0.6, 0.4, 0.9]
    both = metrics.AUC(num_thresholds=None, thresholds=[0.3, 0.5], curve="PR")
    assert both(y, p) == metrics.AUC(thresholds=[0.3, 0.5], curve="PR")(y, p)


def test_a_constraint_gives_the_parameter_back():
    W = np.array([[-1.0, 3.0]])
    assert constraints.NonNeg()(W) is W
    np.testing.assert_array_equal(W, [[0.0, 3.0]])
    np.testing.assert_allclose(constraints.UnitNorm(axis=1)(W), [[0.0, 1.0]])


def test_a_monitoring_callback_of_ones_own_watches_the_validation_loss():
    watching = callbacks.MonitorCallback()
    assert (watching.monitor, watching.mode, watching.min_delta) == ("val_loss", "auto", 0.0)


def test_what_is_not_built_or_compiled_is_a_value_error_as_in_keras():
    model = Sequential([layers.Dense(1)])
    with pytest.raises(ValueError, match="compile") as caught:
        model.fit(X, X[:, :1], verbose=0)
    assert isinstance(caught.value, NotCompiledError)
    with pytest.raises(ValueError, match="expected a model with layers") as caught:
        Sequential()(X)
    assert isinstance(caught.value, NotBuiltError)
