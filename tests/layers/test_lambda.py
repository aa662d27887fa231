"""Lambda: functions of a batch, with a derivative and without, in models, copies and files."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from cases.layers import centred, centred_back

from annlib import Sequential, explain, gradcheck, layers, load_model, testing
from annlib.core.errors import (
    ConfigurationError,
    DataError,
    ModelFormatError,
    ShapeError,
    UnknownNameError,
)
from annlib.models import model_from_json

rng = np.random.default_rng(0)
X = rng.uniform(0.1, 2, (24, 4))
Y = X[:, :1] * X[:, 1:2]


def cube(x):
    return x**3


def cube_slope(x):
    return 3 * x**2


def scaled(x, by, training=False):
    return x * (by if training else 1)


def scale_of(x, by, training=False):
    return np.full_like(x, by if training else 1)


def network(*parts, dtype="float32", **compiled):
    model = Sequential([*parts], seed=0, dtype=dtype)
    model.compile(**{"optimizer": "adam", "loss": "mse", **compiled})
    return model


def test_an_elementwise_function_is_the_activation_of_the_same_pair():
    pair = np.sin, np.cos
    one = network(layers.Dense(3), layers.Lambda(*pair), layers.Dense(1))
    other = network(layers.Dense(3), layers.Activation(pair), layers.Dense(1))
    for model in (one, other):
        model.fit(X, Y, epochs=3, verbose=0)
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    assert gradcheck(one, X, Y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_function_of_rows_takes_the_derivative_of_the_output(dtype):
    model = network(
        layers.Dense(3), layers.Lambda(centred, centred_back), layers.Dense(1), dtype=dtype
    )
    model.fit(X, Y, verbose=0)
    assert gradcheck(model, X, Y)
    assert model.predict(X).dtype == dtype


@pytest.mark.parametrize(
    "wrong",
    [
        layers.Lambda(cube, lambda x: 2 * x**2),
        layers.Lambda(centred, lambda x, dy: dy),
        layers.Columns([(layers.Lambda(np.sin, np.sin), [0, 1])]),
    ],
    ids=["elementwise", "rows", "in columns"],
)
def test_a_wrong_derivative_is_found(wrong):
    with pytest.raises(AssertionError, match="derivative by the input"):
        testing.check_layer(copy.deepcopy(wrong), input_shape=(4,))
    report = gradcheck(network(layers.Dense(4), wrong, layers.Dense(1)), X, Y)
    assert [each.name for each in report.wrong][:1] == ["x"]


@pytest.mark.parametrize(
    "right",
    [
        layers.Lambda(lambda x: x**2, lambda x: 2 * x),
        layers.Lambda(lambda x: x[:, ::-1], lambda x, dy: dy[:, ::-1]),
        layers.Lambda(lambda x: x.reshape(len(x), 2, 2)),
        layers.Lambda(np.sign),
        layers.Lambda(scaled, scale_of, arguments={"by": 3}),
        layers.Columns([([layers.Dense(2), layers.Lambda(np.sin, np.cos)], [0, 1])]),
    ],
    ids=["elementwise", "rows", "another shape", "flat", "arguments", "in columns"],
)
def test_functions_without_names_keep_the_rules_too(right):
    testing.check_layer(right, input_shape=(4,))


def test_without_a_derivative_it_comes_before_all_that_learns():
    model = network(layers.Lambda(np.log), layers.Dense(1))
    weights = model.fit(X, Y, verbose=0) and model.get_weights()
    other = network(layers.Dense(1))
    other.fit(np.log(X.astype("f")), Y, verbose=0)
    np.testing.assert_array_equal(weights[0], other.get_weights()[0])
    assert gradcheck(model, X, Y)


@pytest.mark.parametrize("inside", [False, True], ids=["in a row", "in columns"])
@pytest.mark.parametrize("method", ["fit", "train_on_batch"])
def test_behind_what_learns_it_predicts_and_is_refused_in_training(method, inside):
    own = layers.Lambda(cube, name="mine")
    parts = [layers.Dense(4), layers.Columns([(own, [0, 3])]) if inside else own, layers.Dense(1)]
    model = network(*parts)
    before, loss = model.predict(X), model.evaluate(X, Y)
    with pytest.raises(ConfigurationError, match=r'layer "mine".*Lambda\(function, derivative\)'):
        getattr(model, method)(X, Y)
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.evaluate(X, Y) == loss and model.history is None
    parts[0].trainable = False
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)


def test_codes_behind_what_learns_are_refused_before_the_first_step():
    model = network(layers.Dense(2), layers.Embedding(5, 2), layers.Flatten(), layers.Dense(1))
    with pytest.raises(ConfigurationError, match="codes have no derivative"):
        model.fit(X, Y, verbose=0)
    assert model.history is None


@pytest.mark.parametrize(
    ("function", "more", "shape"),
    [
        (lambda x: x[:, :2], {}, (None, 2)),
        (lambda x: x.sum(axis=1), {}, (None,)),
        (lambda x: np.outer(x.sum(axis=1), [1, 2, 3]), {}, (None, 3)),
        (lambda x: x[:, :, None] * x[:, None], {}, (None, 4, 4)),
        (lambda x: x > 1, {}, (None, 4)),
        (lambda x: x[:, :2], {"output_shape": (2,)}, (None, 2)),
        (lambda x: x[:, :2], {"output_shape": [2]}, (None, 2)),
        (lambda x: x[:, :2], {"output_shape": lambda shape: (shape[0], 2)}, (None, 2)),
        (lambda x: x[:, :2], {"output_shape": lambda shape: (None, 2)}, (None, 2)),
    ],
)
def test_the_shape_is_given_or_found(function, more, shape):
    layer = layers.Lambda(function, **more)
    assert layer.compute_output_shape((None, 4)) == shape
    model = Sequential([layers.Input((4,)), layer], seed=0)
    np.testing.assert_array_equal(model.predict(X), function(X.astype("f")).astype("f"))


def test_a_size_that_is_not_known_stays_so():
    layer = layers.Lambda(lambda x: np.concatenate([x, x], axis=2))
    assert layer.compute_output_shape((None, None, 3)) == (None, None, 6)


def test_the_function_is_tried_once_for_a_shape():
    calls = []

    def counted(x):
        calls.append(x.shape)
        return x

    model = network(layers.Lambda(counted), layers.Dense(1))
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    assert calls == [(2, 4), (3, 4), *[(8, 4)] * 6]


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (lambda x: 1.0, ShapeError, r"return 2 rows of 2, got an array of shape \(\)"),
        (lambda x: x.T, ShapeError, r"return 2 rows of 2, got an array of shape \(4, 2\)"),
        (lambda x: x + 1j, DataError, "what the function returns"),
        (lambda x: x.astype(str), DataError, "what the function returns"),
        (lambda x: np.sin(x, out=x), ConfigurationError, "read-only"),
        (lambda x: x @ np.ones(7), ConfigurationError, "output_shape"),
    ],
)
def test_what_a_function_cannot_return_is_refused_before_anything_is_built(function, error, words):
    model = Sequential([layers.Dense(4), layers.Lambda(function, name="mine")], seed=0)
    with pytest.raises(error, match=f'(?s)layer "mine".*{words}'):
        model.predict(X)
    assert not model.built


def test_a_shape_that_is_not_returned_is_refused():
    model = Sequential([layers.Lambda(cube, output_shape=(3,), name="mine")])
    with pytest.raises(ShapeError, match=r'layer "mine".*\(24, 3\), got an array of.*\(24, 4\)'):
        model.predict(X)


@pytest.mark.parametrize(
    ("derivative", "words"),
    [
        (lambda x: 1.0, r"X's shape, \(24, 4\).*np.full_like"),
        (lambda x, dy: dy[:, :1], r"X's shape, \(24, 4\)"),
    ],
)
def test_a_derivative_of_another_shape_is_refused(derivative, words):
    model = network(layers.Dense(4), layers.Lambda(np.sin, derivative), layers.Dense(1))
    with pytest.raises(ShapeError, match=words):
        model.fit(X, Y, batch_size=24, verbose=0)


def test_a_derivative_of_x_alone_is_that_of_an_elementwise_function():
    layer = layers.Lambda(lambda x: x[:, :2], lambda x: np.ones_like(x))
    with pytest.raises(ShapeError, match=r"derivative\(X, dY\)"):
        layer.compute_output_shape((None, 4))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"function": 3}, "function as a function of an array, got 3"),
        ({"function": None}, "function as a function of an array"),
        ({"function": layers.Dense(2)}, r"layers\.Activation"),
        ({"function": "relu"}, r"layers\.Activation"),
        ({"function": cube, "derivative": (3,)}, "output_shape="),
        ({"function": cube, "derivative": lambda a, b, c: a}, "of X and dY"),
        ({"function": cube, "mask": np.ones(3)}, "no masks"),
        ({"function": cube, "arguments": [1]}, "dict of keywords"),
        ({"function": cube, "arguments": {1: 2}}, "dict of keywords"),
        ({"function": cube, "output_shape": 2}, "output_shape as a tuple"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, words):
    with pytest.raises(ConfigurationError, match=words):
        layers.Lambda(**arguments)


def test_arguments_and_training_are_given_to_functions_that_take_them():
    model = network(layers.Dense(1), layers.Lambda(scaled, scale_of, arguments={"by": 3}))
    model.build((None, 4))
    np.testing.assert_array_equal(model(X, training=True), 3 * model(X))
    assert gradcheck(model, X, Y)


def test_copies_and_pickles_go_on():
    model = network(layers.Lambda(cube, cube_slope), layers.Dense(1))
    model.fit(X, Y, verbose=0)
    copied = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for each in (model, *copied):
        each.fit(X, Y, verbose=0)
    for other in copied:
        np.testing.assert_array_equal(other.predict(X), model.predict(X))
    assert model.layers[0].clone().function is cube


def test_a_file_has_the_names_and_its_reader_the_functions(tmp_path):
    model = network(layers.Lambda(cube, cube_slope), layers.Dense(1))
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m")
    with pytest.raises(ModelFormatError, match="custom_objects"):
        load_model(tmp_path / "m")
    given = {"cube": cube, "cube_slope": cube_slope}
    again = load_model(tmp_path / "m", custom_objects=given)
    for each in (model, again):
        each.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    from_json = model_from_json(model.to_json(), custom_objects=given)
    assert from_json.layers[0].derivative is cube_slope


def test_registered_functions_are_found_by_their_names(tmp_path):
    model = network(layers.Dense(3), layers.Lambda(centred, centred_back))
    model.build((None, 4))
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m").layers[1]
    assert (again.function, again.derivative) == (centred, centred_back)
    assert repr(again) == "Lambda('without_its_mean', derivative='centred_back')"


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([layers.Lambda(lambda x: x)], "with def"),
        ([layers.Lambda(cube, copy.copy), layers.Lambda(copy.deepcopy, copy.copy)], None),
        ([layers.Lambda(cube), layers.Lambda(type(cube)(cube.__code__, {}, "cube"))], "cube"),
    ],
)
def test_functions_that_a_file_cannot_tell_apart_are_refused(parts, words, tmp_path):
    model = Sequential([*parts])
    if words is None:
        model.save(tmp_path / "m")
        return
    with pytest.raises(ConfigurationError, match=words):
        model.save(tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_function_is_registered_once_under_a_name():
    @layers.register("one_of_a_kind")
    def one(x):
        return x

    assert layers.Lambda("one_of_a_kind").function is one
    with pytest.raises(ConfigurationError, match="free name"):
        layers.register("one_of_a_kind")(cube)
    with pytest.raises(ConfigurationError, match="with def"):
        layers.register()(lambda x: x)
    with pytest.raises(UnknownNameError, match="nobody"):
        layers.Lambda("nobody")


def test_trace_and_formula_show_it():
    model = network(layers.Dense(3), layers.Lambda(np.sin, np.cos), layers.Dense(1))
    assert "lambda" in str(model.trace(X[:3], Y[:3]))
    assert "sin" in str(explain(layers.Lambda(np.sin, np.cos)))
    assert "lambda" in str(explain("lambda"))
