"""Keras' models come in with their weights, compile arguments and optimizer state, and train on."""

from __future__ import annotations

import copy
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from golden import recorded

import annlib
from annlib import export, layers
from annlib.core.errors import ConfigurationError
from annlib.core.registry import FAMILIES
from annlib.export import keras as keras_models
from annlib.export import keras_description
from annlib.export.keras_parts import from_keras_config, to_keras_config

RECORDS = recorded("interchange")
MODELS = RECORDS["models"]


def arrays_of(record):
    described = copy.deepcopy(record["described"])
    described["weights"] = [[np.array(one) for one in own] for own in described["weights"]]
    return described, np.array(record["x"]), np.array(record["y"])


@pytest.fixture(params=MODELS)
def came_in(request):
    record = MODELS[request.param]
    described, x, y = arrays_of(record)
    return keras_models.from_description(described), record, x, y


def close(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_it_predicts_what_keras_predicts(came_in):
    model, record, x, _ = came_in
    assert model.dtype == "float64"
    close(model.predict(x), record["predicted"])


def test_it_trains_on_with_the_same_numbers(came_in):
    model, record, x, y = came_in
    assert model.optimizer.steps == 6
    history = model.fit(x, y, batch_size=4, shuffle=False, verbose=0).history
    assert history.keys() == record["logs"].keys()
    for key, values in history.items():
        close(values[0], record["logs"][key])
    weights = model._network.as_listed(record["weights"])
    assert len(weights) == len(model.get_weights())
    for own, theirs in zip(model.get_weights(), weights, strict=True):
        close(own, theirs)


def test_without_its_state_it_trains_otherwise():
    """Else the test above might compare nothing."""
    described, x, y = arrays_of(MODELS["Nadam"])
    described["optimizer"] = None
    model = keras_models.from_description(described)
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    assert np.abs(model.get_weights()[0] - MODELS["Nadam"]["weights"][0]).max() > 1e-3


def test_names_frozen_layers_and_what_does_not_decay_come_in():
    model = keras_models.from_description(arrays_of(MODELS["graph, AdamW with averages"])[0])
    assert [layer.name for layer in model.layers] == ["first", "second", "p_re_lu", "last"]
    assert (model.name, model.loss.delta) == ("graph", 0.3)
    decaying = [e.path for e in model.vector.entries if model.optimizer._decays(e.path)]
    assert "first/kernel" in decaying
    assert not any("bias" in path for path in decaying)
    model = keras_models.from_description(arrays_of(MODELS["codes, SGD"])[0])
    assert [layer.trainable for layer in model.layers] == [True, True, False, True]


def test_models_in_a_model_are_its_layers():
    model = keras_models.from_description(arrays_of(MODELS["classifier, Adam on a schedule"])[0])
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds[3:] == ["Dense", "UnitNormalization", "Dense"]
    assert model.layers[3].activation.negative_slope == 0.4


def test_state_that_keras_does_not_give_stays_behind_with_a_warning():
    described, x, y = arrays_of(MODELS["Lion"])
    described["optimizer"]["state"] = {"iteration": 6}
    with pytest.warns(
        UserWarning, match=r'expected "sequential_dense_\w*_momentum".*with a new optimizer'
    ):
        model = keras_models.from_description(described)
    assert model.optimizer.steps == 0
    model.fit(x, y, verbose=0)


def test_it_is_a_model_as_others(came_in, tmp_path):
    model, _, x, _ = came_in
    model.save(tmp_path / "m.safetensors")
    again = annlib.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.optimizer.steps == 6


# -- what is refused -------------------------------------------------------------------------------


def layer_of(name="Dense", **config):
    given = {"name": "mine", "units": 2, **config}
    return {"module": "keras.layers", "class_name": name, "config": given, "registered_name": None}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (layer_of("Conv2D"), ["Conv2D"]),
        (layer_of("LSTM"), ["LSTM"]),
        ({**layer_of("Mine"), "module": "my.layers"}, ['"Mine"', "a class of its own"]),
        ({**layer_of(), "registered_name": "my>Dense"}, ['"Dense"', "a class of its own"]),
        (layer_of(lora_rank=4), ["lora_rank=None", "got 4"]),
        (layer_of(activation={**layer_of("Mine"), "module": "my"}), ["activation", '"Mine"']),
        (
            layer_of(
                kernel_initializer={"module": "my", "class_name": "function", "config": "draw"}
            ),
            ["kernel_initializer", "the function"],
        ),
    ],
)
def test_layers_that_annlib_does_not_have_are_refused_by_name_and_place(given, words):
    described, _, _ = arrays_of(MODELS["RMSprop"])
    described["layers"][0] = given
    described["defaults"].setdefault("Dense", {})["lora_rank"] = None
    with pytest.raises(ConfigurationError) as caught:
        keras_models.from_description(described)
    assert str(caught.value).startswith('from_keras, layer "mine"')
    for word in words:
        assert word in str(caught.value)


def test_parts_of_compile_are_refused_by_name_and_place():
    function = {"module": "builtins", "class_name": "function", "config": "my_loss"}
    for key, given in (("loss", function), ("metrics", [function])):
        described, _, _ = arrays_of(MODELS["RMSprop"])
        described["compiled"][key] = given
        with pytest.raises(ConfigurationError, match=rf"from_keras, compile, {key}.*my_loss"):
            keras_models.from_description(described)


def test_layers_of_two_types_are_refused():
    described, _, _ = arrays_of(MODELS["RMSprop"])
    described["layers"][0]["config"]["dtype"] = "float16"
    with pytest.raises(ConfigurationError, match="one type for all layers"):
        keras_models.from_description(described)


class Thing:
    def __init__(self, name):
        self.name = name


class AnInput(Thing):
    pass


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        ("branch", ['layer "sum"', '"one"', '"in"']),
        ("two_outputs", ["one output", '"two"', '"one"']),
    ],
)
def test_graphs_that_are_no_chain_are_refused(graph, words):
    config = RECORDS["graphs"][graph]
    keras = SimpleNamespace(layers=SimpleNamespace(Layer=Thing, InputLayer=AnInput))
    operations = [
        (AnInput if entry["class_name"] == "InputLayer" else Thing)(entry["name"])
        for entry in config["layers"]
    ]
    model = SimpleNamespace(operations=operations, get_config=lambda: config)
    with pytest.raises(ConfigurationError) as caught:
        keras_description._parts_of_graph(keras, model, "from_keras")
    for word in [*words, "chains of layers only"]:
        assert word in str(caught.value)


def test_an_operation_that_is_no_layer_is_refused():
    config = RECORDS["graphs"]["branch"]
    keras = SimpleNamespace(layers=SimpleNamespace(Layer=AnInput, InputLayer=AnInput))
    operations = [Thing("one"), AnInput("in"), Thing("sum")]
    model = SimpleNamespace(operations=operations, get_config=lambda: config)
    with pytest.raises(ConfigurationError, match=r'layer "one".*the operation Thing'):
        keras_description._parts_of_graph(keras, model, "from_keras")


def test_files_that_are_not_keras_are_named(tmp_path):
    model = annlib.Sequential([layers.Input((2,)), layers.Dense(1)])
    with pytest.warns(UserWarning, match="written in annlib's format"):
        model.save(tmp_path / "mine.keras")
    export.onnx(model, tmp_path / "m.onnx")
    for name, said in (("mine.keras", "got safetensors.*load_model"), ("m.onnx", "got ONNX")):
        with pytest.raises(annlib.ModelFormatError, match=said):
            keras_description.model_in_file(None, str(tmp_path / name), compile=True)


# -- configurations --------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["regularizer", "constraint", "initializer", "schedule"])
def test_what_keras_writes_of_a_part_is_the_part(family):
    for cls in FAMILIES[family]:
        try:
            part = cls(**cls.example_arguments)
        except TypeError:
            continue
        given = {
            "module": f"keras.{FAMILIES[family].plural}",
            "class_name": cls.__name__,
            "config": part.get_config(),
            "registered_name": None,
        }
        assert FAMILIES[family].get(from_keras_config(given, family, "here", {})) == part


def test_one_mean_for_all_numbers_comes_in():
    """Whose axis Keras keeps as ()."""
    given = layer_of("Normalization", axis=[], invert=True)
    del given["config"]["units"]
    made = annlib.layers.get(from_keras_config(given, "layer", "here", {}))
    assert (made.axis, made.invert) == (None, True)


def test_a_function_that_needs_more_than_x_has_no_name_in_keras():
    def threshold(x, threshold, default_value): ...
    def relu(x, negative_slope=0.0): ...

    functions = SimpleNamespace(threshold=threshold, relu=relu)
    keras = SimpleNamespace(activations=functions, layers=SimpleNamespace())
    assert to_keras_config(annlib.activations.ReLU(), "activation", "here", keras) == "relu"
    with pytest.raises(ConfigurationError, match=r"here: .*got Threshold"):
        to_keras_config(annlib.activations.Threshold(), "activation", "here", keras)


def test_the_weights_of_keras_are_those_of_a_model_that_is_there():
    record = MODELS["classifier, Adam on a schedule"]
    model = keras_models.from_description(arrays_of(record)[0])
    model.set_weights(record["weights"])  # with the count of rows that Keras' Normalization has
    weights = model._network.as_listed(record["weights"])
    assert len(weights) == len(record["weights"]) - 1
    for own, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(own, theirs)


def test_without_keras_it_says_what_to_install():
    """Keras is imported when it is asked for, and by these functions alone."""
    program = (
        "import sys\n"
        "sys.modules['keras'] = sys.modules['torch'] = None\n"
        "from annlib import Sequential, export, layers\n"
        "model = Sequential([layers.Input((2,)), layers.Dense(1)])\n"
        "class module: named_modules = None\n"
        "for call in (lambda: export.from_keras('m.keras'), lambda: export.to_keras(model),\n"
        "             lambda: export.from_torch(module), lambda: export.to_torch(model)):\n"
        "    try: call()\n"
        "    except ImportError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert all("pip install" in line for line in lines)


def test_a_model_without_weights_does_not_leave():
    for function in (export.to_keras, export.to_torch):
        with pytest.raises(annlib.NotBuiltError):
            function(annlib.Sequential([layers.Dense(2)]))
        with pytest.raises(ConfigurationError, match="expected a Sequential as model"):
            function(layers.Dense(2))
