"""What every layer takes and shows as in Keras: ``dtype``, its weights, the shape of the input."""

import numpy as np
import pytest

from annlib import Sequential, layers, losses, metrics
from annlib.core.errors import ConfigurationError
from annlib.core.views import same_memory


@pytest.mark.parametrize("dtype", ["float32", "float64", np.float64, np.dtype("float32")])
def test_the_dtype_of_the_model_may_be_said_again(dtype):
    name = np.dtype(dtype).name
    made = [
        layers.Input((3,)),
        layers.Embedding(4, 2, dtype=dtype, trainable=False),
        layers.Flatten(dtype=dtype),
        layers.Dense(1, dtype=dtype),
    ]
    model = Sequential(made, dtype=name)
    model.compile("sgd", losses.MeanSquaredError(dtype=dtype), [metrics.R2Score(dtype=dtype)])
    assert [layer.dtype for layer in model.layers] == [name] * 3
    assert "dtype" not in model.layers[2].get_config()  # the model has it
    assert model.predict([[0, 1, 2]]).dtype == dtype


def test_another_dtype_than_the_models_is_refused_before_anything_changes():
    model = Sequential([layers.Dense(2, input_dim=3)])
    model.compile("sgd", "mse", ["mae"])
    for change in (
        lambda: model.add(layers.Dense(1, dtype="float64")),
        lambda: model.compile("adam", losses.Huber(dtype="float64")),
        lambda: model.compile("adam", "mse", [metrics.MeanAbsoluteError(dtype="float64")]),
        lambda: model.compile("adam", "mse", weighted_metrics=[metrics.R2Score(dtype="float64")]),
    ):
        with pytest.raises(ConfigurationError, match="expected dtype='float32', as the model's"):
            change()
    assert len(model.layers) == 1
    assert type(model.optimizer).__name__ == "SGD"


@pytest.mark.parametrize("dtype", ["float16", "mixed_float16", "int32", "flaot32", 3, object()])
@pytest.mark.parametrize("make", [layers.ReLU, losses.MeanSquaredError, metrics.R2Score])
def test_a_dtype_that_no_model_has_is_refused(make, dtype):
    with pytest.raises(ConfigurationError, match="expected dtype as that of the model"):
        make(dtype=dtype)


def test_an_argument_dtype_of_a_class_of_ones_own_is_its_own():
    class Cast(layers.Identity):
        def __init__(self, dtype="int8", **keywords):
            super().__init__(**keywords)
            self.kind = dtype

    assert Cast(dtype="int16").kind == "int16"


def test_weights_by_keras_names():
    frozen = layers.Dense(2, trainable=False, name="frozen")
    model = Sequential([layers.Input((3,)), frozen, layers.BatchNormalization(), layers.Dense(1)])
    norm, dense = model.layers[1:]
    assert [w.shape for w in dense.weights] == [(2, 1), (1,)]
    assert same_memory(dense.weights[0], dense.variables[0])
    assert np.shares_memory(dense.weights[0], model.vector.values)
    assert [len(norm.trainable_weights), len(norm.non_trainable_variables)] == [2, 2]
    assert [len(frozen.trainable_variables), len(frozen.non_trainable_weights)] == [0, 2]
    for kind in ("weights", "trainable_weights", "non_trainable_weights"):
        other = kind.replace("weights", "variables")
        mine = [w for layer in model.layers for w in getattr(layer, kind)]
        for same in (getattr(model, kind), getattr(model, other)):
            assert all(same_memory(*pair) for pair in zip(mine, same, strict=True))
    assert layers.Dense(2).weights == layers.Dense(2).trainable_weights == []
    assert (model.inputs, model.outputs) == ([(None, 3)], [(None, 1)])


@pytest.mark.parametrize(
    ("arguments", "config"),
    [
        ({"shape": (3,)}, {"shape": [3], "batch_size": None}),
        ({"batch_shape": (None, 3)}, {"shape": [3], "batch_size": None}),
        ({"batch_shape": [8, 2, 3]}, {"shape": [2, 3], "batch_size": 8}),
        ({"batch_input_shape": (None, 3)}, {"shape": [3], "batch_size": None}),
    ],
)
def test_the_shape_of_the_input_as_keras_has_it(arguments, config):
    made = layers.InputLayer(**arguments)
    assert type(made) is layers.Input
    assert made.get_config() | config == made.get_config()
    assert Sequential([made]).get_config()["layers"][0]["class_name"] == "Input"


def test_the_old_name_of_the_inputs_shape_warns_as_in_keras():
    with pytest.warns(UserWarning, match="input_shape is deprecated. Use shape") as caught:
        assert layers.InputLayer(input_shape=(3,)).shape == (3,)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "expected shape, that of one row, got none"),
        ({"shape": (3,), "batch_shape": (None, 3)}, "batch_shape alone"),
        ({"batch_size": 2, "batch_shape": (None, 3)}, "batch_shape alone"),
        ({"batch_shape": 3}, "batch_shape alone"),
        ({"shape": (3,), "sparse": True}, '"sparse"'),
    ],
)
def test_an_input_without_one_shape_is_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        layers.Input(**arguments)
