"""The model as a list of layers and of weights: composing, looking into, replacing."""

import re

import numpy as np
import pytest

from annlib import (
    ConfigurationError,
    Input,
    OwnershipError,
    Sequential,
    ShapeError,
    clone_model,
    layers,
    losses,
    optimizers,
)

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 4)).astype(np.float32)
Y = np.arange(20) % 3


def network(**keywords):
    return Sequential(
        [
            layers.Dense(6, "tanh", name="low"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(3, "softmax", name="top"),
        ],
        **{"seed": 4, **keywords},
    )


def trained(**keywords):
    model = network(**keywords)
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(X, Y, verbose=0, epochs=2, batch_size=5)
    return model


def goes_on(model, y=Y):
    """The weights are views that training changes, all that can change."""
    before = model.get_weights()
    model.fit(X, y, verbose=0)
    after = model.get_weights()
    assert all((a != b).any() for a, b in zip(after, before, strict=True))
    assert np.isfinite(model.evaluate(X, y)).all()


# -- composing -----------------------------------------------------------------------------------


def test_a_nested_model_stands_for_its_layers():
    inner = Sequential([Input((4,)), layers.Dense(5), layers.Dropout(0.1)])
    model = Sequential([inner, Sequential([layers.Dense(3), Sequential([layers.Dense(2)])])])
    assert [type(layer).__name__ for layer in model.layers] == [
        "Dense",
        "Dropout",
        "Dense",
        "Dense",
    ]
    assert len({layer.name for layer in model.layers}) == 4
    assert model.input_shape == (None, 4)
    assert model.output_shape == (None, 2)
    inner_first = inner.layers[0]
    assert model.layers[0] is inner_first


def test_automatic_names_number_within_the_model():
    for _ in range(2):
        model = Sequential([layers.Dense(3), layers.Dropout(0.1), layers.Dense(2), layers.Dense(1)])
        names = [layer.name for layer in model.layers]
        assert names == ["dense", "dropout", "dense_1", "dense_2"]
        assert model.name == "sequential"


def test_an_automatic_name_gives_way_to_one_that_was_given():
    model = Sequential([layers.Dense(3, name="dense_1"), layers.Dense(3), layers.Dense(3)])
    assert [layer.name for layer in model.layers] == ["dense_1", "dense", "dense_2"]


def test_hidden_features_share_the_weights():
    model = trained()
    features = Sequential(model.layers[:-1])
    low, norm = model.layers[:2]
    W, b = low.get_weights()
    gamma, beta, mean, variance = norm.get_weights()
    expected = gamma * (np.tanh(X @ W + b) - mean) / np.sqrt(variance + 1e-3) + beta
    np.testing.assert_allclose(features.predict(X), expected, rtol=2e-5, atol=1e-6)

    before = features.predict(X)
    model.fit(X, Y, verbose=0)  # the model trains on as if nothing were
    assert (features.predict(X) != before).any()
    np.testing.assert_array_equal(
        Sequential(model.layers[-1:]).predict(features.predict(X)), model.predict(X)
    )


def test_borrowed_layers_are_free_when_their_model_is_gone():
    borrower = Sequential(trained().layers)
    borrower.compile("sgd", "sparse_categorical_crossentropy")
    goes_on(borrower)


def test_borrowed_layers_are_not_trained_beside_their_model():
    model = trained()
    second = Sequential([*model.layers[:1], layers.Dense(3, "softmax", name="new")])
    second.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(OwnershipError):
        model.fit(X, Y, verbose=0)
    before = model.get_weights()
    second.set_weights([np.zeros_like(w) for w in second.get_weights()])
    assert not model.get_weights()[0].any()  # they are the same arrays
    model.set_weights(before)


@pytest.mark.parametrize("make", [lambda: network(), trained])
def test_pop_and_add(make):
    model = make()
    weights = [layer.get_weights() for layer in model.layers] if model.built else None
    top = model.pop()
    assert top.name == "top"
    assert [layer.name for layer in model.layers] == ["low", "norm"]
    assert model.built == (weights is not None)
    if weights:
        assert model.output_shape == (None, 6)
        for kept, old in zip(top.get_weights(), weights[2], strict=True):
            np.testing.assert_array_equal(kept, old)
        assert len(model.get_weights()) == 6

    model.add(layers.Dense(5, "relu", name="middle"))
    if weights:
        with pytest.raises(ShapeError, match=r'\(None, 6\) for layer "top", .* got \(None, 5\)'):
            model.add(top)
        assert model.output_shape == (None, 5)
    else:
        model.add(top)
        assert model.predict(X).shape == (20, 3)


def test_pop_and_add_the_same_layer_changes_nothing():
    model, plain = trained(), trained()
    top = model.pop()
    model.add(top)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    goes_on(model)


def test_a_new_head_on_a_trained_model():
    model = trained()
    body = [w.tobytes() for w in model.get_weights()[:6]]
    model.pop()
    model.add(layers.Dense(5, "softmax", name="head"))
    assert model.compiled
    assert [w.tobytes() for w in model.get_weights()[:6]] == body
    assert model.predict(X).shape == (20, 5)
    goes_on(model, np.arange(20) % 5)


def test_add_builds_a_built_model_on():
    model = Sequential([Input((4,))])
    assert not model.built
    for units in (3, 2):
        model.add(layers.Dense(units))
        assert model.built
        assert model.output_shape == (None, units)
    assert [w.shape for w in model.weights] == [(4, 3), (3,), (3, 2), (2,)]
    at_once = Sequential([Input((4,)), layers.Dense(3), layers.Dense(2)], seed=model.seed)
    np.testing.assert_array_equal(model.predict(X), at_once.predict(X))


def test_a_layer_that_was_popped_can_join_another_model():
    model = trained()
    before = model.get_weights()
    top = model.pop()
    other = Sequential([Input((6,)), top])
    np.testing.assert_array_equal(other.get_weights()[0], before[6])
    other.compile("sgd", "sparse_categorical_crossentropy")
    other.train_on_batch(np.ones((3, 6)), [0, 1, 2])
    assert model.predict(X).shape == (20, 6)


def test_layers_is_a_copy():
    model = network()
    model.layers.clear()
    assert len(model.layers) == 3


def test_get_layer():
    model = network()
    assert model.get_layer("norm") is model.get_layer(index=1) is model.layers[1]
    assert model.get_layer(index=-1).name == "top"


@pytest.mark.parametrize("make", [network, trained])
def test_a_clone_has_new_weights_of_the_same_configuration(make):
    model = make()
    clone = clone_model(model)
    assert clone.compiled == model.compiled
    assert clone.get_compile_config() == model.get_compile_config()
    assert clone.get_config() == model.get_config()
    assert clone.seed == model.seed
    assert not any(a is b for a, b in zip(clone.layers, model.layers, strict=True))
    clone.compile("adam", "sparse_categorical_crossentropy")
    fresh = network()
    fresh.compile("adam", "sparse_categorical_crossentropy")
    for each in (clone, fresh):
        each.fit(X, Y, verbose=0)
    assert [w.tobytes() for w in clone.weights] == [w.tobytes() for w in fresh.weights]


def test_a_clone_has_the_layers_that_a_function_makes():
    model = trained()
    wide = clone_model(
        model,
        clone_function=lambda layer: (
            layers.Dense(9, name="wide") if layer.name == "norm" else layer.clone()
        ),
    )
    assert [layer.name for layer in wide.layers if layer.name != "wide"] == [
        layer.name for layer in model.layers if layer.name != "norm"
    ]
    assert (wide.seed, wide.dtype, wide.compiled) == (model.seed, model.dtype, True)
    assert wide.get_layer("wide").units == 9
    shared = clone_model(model, clone_function=lambda layer: layer)
    np.testing.assert_array_equal(shared.predict(X), model.predict(X))
    assert shared.layers == model.layers
    assert not shared.compiled
    model.fit(X, Y, verbose=0)


def test_a_clone_of_a_trained_model_begins_anew():
    model = trained()
    clone = clone_model(model)
    assert (model.optimizer.steps > 0, clone.optimizer.steps) == (True, 0)
    before = [w.tobytes() for w in model.get_weights()]
    clone.fit(X, Y, verbose=0)
    assert not any(a is b for a, b in zip(clone.metrics, model.metrics, strict=True))
    assert [w.tobytes() for w in model.get_weights()] == before


def test_a_clone_function_must_give_layers():
    model = trained()
    with pytest.raises(ConfigurationError, match="to give a layer for each, got None"):
        clone_model(model, clone_function=lambda layer: None)


# -- weights -------------------------------------------------------------------------------------


def test_lists_of_weights():
    model = trained()
    names = ["kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", "kernel", "bias"]
    assert [p.name for layer in model.layers for p in layer._parameters] == names
    shapes = [(4, 6), (6,), (6,), (6,), (6,), (6,), (6, 3), (3,)]
    assert [w.shape for w in model.weights] == shapes
    assert [w.shape for w in model.trainable_weights] == [*shapes[:4], *shapes[6:]]
    assert all(a is not b for a, b in zip(model.weights, model.get_weights(), strict=True))
    np.testing.assert_array_equal(model.non_trainable_weights[0], model.layers[1].moving_mean)

    model.get_layer("low").trainable = False
    assert [w.shape for w in model.non_trainable_weights] == [*shapes[:2], *shapes[4:6]]
    assert len(model.trainable_weights) == 4


def test_counts_are_the_sizes_of_the_arrays():
    model = trained()
    assert model.count_params() == sum(w.size for w in model.weights) == 75
    for layer in model.layers:
        assert layer.count_params() == sum(w.size for w in layer.get_weights())


def test_weights_are_the_arrays_and_get_weights_are_copies():
    model = trained()
    model.weights[0][...] = 0
    assert not model.layers[0].kernel.any()
    model.get_weights()[0][...] = 5
    assert not model.layers[0].kernel.any()


@pytest.mark.parametrize("kind", [np.asarray, np.ndarray.tolist, lambda w: w.astype(np.float64)])
def test_set_weights(kind):
    model, other = trained(), network(seed=9)
    other.compile("sgd", "sparse_categorical_crossentropy")
    other.build((None, 4))
    assert (other.predict(X) != model.predict(X)).any()
    other.set_weights([kind(weight) for weight in model.get_weights()])
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    assert all(w.dtype == np.float32 for w in other.weights)
    goes_on(other)
    for layer, theirs in zip(other.layers, model.layers, strict=True):
        layer.set_weights([kind(weight) for weight in theirs.get_weights()])
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_set_weights_takes_its_own():
    model = trained()
    before = model.predict(X)
    model.set_weights(model.weights)
    np.testing.assert_array_equal(model.predict(X), before)


def test_trainable_sets_every_layer():
    model = trained()
    assert model.trainable
    model.trainable = False
    assert not any(layer.trainable for layer in model.layers)
    assert not model.trainable
    assert model.trainable_weights == []
    model.trainable = True
    assert len(model.trainable_weights) == 6


def test_a_kept_optimizer_object_is_the_models():
    optimizer = optimizers.SGD(0.25)
    model = network()
    model.compile(optimizer, "mse")
    assert model.optimizer is optimizer
    model.optimizer.learning_rate = 0.125
    assert model.optimizer.learning_rate == 0.125
    assert model.optimizer.get_config()["learning_rate"] == 0.25


# -- summary -------------------------------------------------------------------------------------


def table(model, **keywords):
    lines = []
    model.summary(print_fn=lines.append, **keywords)
    return "\n".join(lines)


def test_summary_of_an_unbuilt_model():
    text = table(network())
    rows = re.findall(r"^(\w+) \((\w+)\)\s.*?(\?)\s+(\?)\s+\?$", text, re.MULTILINE)
    assert rows == [
        ("low", "Dense", "?", "?"),
        ("norm", "BatchNormalization", "?", "?"),
        ("top", "Dense", "?", "?"),
    ]
    assert "Total params: ?" in text


def test_summary_of_a_built_model():
    model = trained()
    text = table(model)
    rows = re.findall(r"^(\w+) \((\w+)\)\s.*?(\(.*?\))\s+([\d,]+)\s+\d+$", text, re.MULTILINE)
    sizes = [sum(w.size for w in layer.get_weights()) for layer in model.layers]
    assert [int(row[3]) for row in rows] == sizes
    assert [row[2] for row in rows] == ["(None, 6)", "(None, 6)", "(None, 3)"]
    total, learning = (sum(w.size for w in ws) for ws in (model.weights, model.trainable_weights))
    assert f"Total params: {total} ({total * 4} B)" in text
    assert f"Trainable params: {learning} " in text
    assert f"Non-trainable params: {total - learning} " in text
    assert f"Optimizer params: {2 * learning} " in text
    assert f"\nSeed: {model.seed}" in text


def test_summary_of_large_layers_and_of_names():
    model = Sequential([Input((784,)), layers.Dense(1000, name="w" * 30)], name="big")
    text = table(model)
    assert 'Model: "big"' in text
    assert "w" * 30 in text
    assert "785,000" in text
    assert "2.99 MB" in text


@pytest.mark.parametrize("width", [None, 60, 120])
def test_summary_keeps_to_its_width(width):
    lines = table(trained(), line_length=width).splitlines()
    rules = {len(line) for line in lines if set(line) == {"─"}}
    assert rules == {width or 78}
    assert max(map(len, lines[1:-4])) == (width or 78)


def test_summary_says_what_trains():
    model = trained()
    model.get_layer("low").trainable = False
    text = table(model, show_trainable=True)
    assert re.search(r"^low .* no$", text, re.MULTILINE)
    assert re.search(r"^top .* yes$", text, re.MULTILINE)


def test_summary_prints(capsys):
    network().summary()
    assert capsys.readouterr().out.startswith('Model: "sequential"')


def test_repr_builds_the_model_again():
    model = network()
    again = eval(repr(model), {"Sequential": Sequential, **vars(layers)})
    assert again.get_config() == model.get_config()


@pytest.mark.parametrize(
    ("loss", "activation"),
    [
        ("binary_crossentropy", "sigmoid"),
        ("categorical_crossentropy", "softmax"),
        ("sparse_categorical_crossentropy", "softmax"),
    ],
)
def test_a_forgotten_output_activation_is_pointed_out(loss, activation):
    with pytest.warns(UserWarning, match=f'"dense" without activation.*"{activation}"'):
        Sequential([layers.Dense(3)]).compile("sgd", loss)
    Sequential([layers.Dense(3, activation)]).compile("sgd", loss)  # no warning: it would raise
    from_logits = losses.registry.find(loss)(from_logits=True)
    Sequential([layers.Dense(3)]).compile("sgd", from_logits)


def test_repr_leaves_out_what_is_default():
    assert repr(layers.Dense(3)) == "Dense(3)"
    assert repr(layers.Dense(3, activation="linear")) == "Dense(3)"
    assert repr(layers.Activation("linear")) == "Activation('linear')"


def test_an_image_where_rows_are_expected_gets_the_hint_to_flatten():
    model = Sequential([layers.Input((6,)), layers.Dense(2)])
    with pytest.raises(ShapeError, match=r"x\.reshape\(len\(x\), -1\).*Flatten"):
        model.predict(np.zeros((5, 2, 3)))


# -- what a model shows --------------------------------------------------------------------------

#: Of Keras 3.15's Sequential, by ``dir``: what annlib has of it.
OF_KERAS = {
    *(
        "add",
        "build",
        "built",
        "compile",
        "compile_from_config",
        "compiled",
        "compute_output_shape",
    ),
    *(
        "count_params",
        "dtype",
        "evaluate",
        "fit",
        "from_config",
        "get_compile_config",
        "get_config",
    ),
    *(
        "export",
        "get_layer",
        "get_metrics_result",
        "get_weights",
        "history",
        "input_shape",
        "layers",
    ),
    *("load_weights", "loss", "metrics", "metrics_names", "name", "non_trainable_weights"),
    *("optimizer", "output_shape", "pop", "predict", "predict_on_batch", "reset_metrics", "save"),
    *("save_weights", "set_weights", "stop_training", "summary", "test_on_batch", "to_json"),
    *("stop_evaluating", "stop_predicting"),
    *("train_on_batch", "trainable", "trainable_weights", "weights"),
    *("variables", "trainable_variables", "non_trainable_variables", "inputs", "outputs"),
}
#: And what Keras has not; ``clone`` and ``example_arguments`` are those of every part.
OWN = {
    *("trace", "seed", "vector", "clone", "example_arguments", "feature_names", "metadata"),
    "initialize_from_data",
}


def test_a_model_shows_keras_names_and_a_few_of_its_own():
    assert {name for name in dir(trained()) if not name.startswith("_")} == OF_KERAS | OWN
