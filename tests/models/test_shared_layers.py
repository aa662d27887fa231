"""Layers in several models: whoever compiled last trains them, and all predict with them."""

from __future__ import annotations

import copy
import gc
import pickle

import numpy as np
import pytest

from annlib import (
    ConfigurationError,
    Input,
    OwnershipError,
    Sequential,
    callbacks,
    layers,
    load_model,
    optimizers,
)

rng = np.random.default_rng(0)
X = rng.normal(1.0, 2.0, (60, 6))
Y = np.arange(60) % 3


def encoder(built=True, **how):
    parts = [layers.Dense(4, "tanh"), layers.Dense(2)]
    return Sequential([*([Input((6,))] if built else []), *parts], name="encoder", seed=1, **how)


def decoder(built=True, **how):
    parts = [layers.Dense(4, "tanh"), layers.Dense(6)]
    return Sequential([*([Input((2,))] if built else []), *parts], name="decoder", seed=2, **how)


def trained(built=True, **how):
    """An autoencoder and its parts."""
    parts = encoder(built, **how), decoder(built, **how)
    whole = Sequential(parts, seed=3, **how)
    whole.compile("adam", "mse")
    whole.fit(X, X, epochs=2, verbose=0)
    return whole, *parts


def classifier():
    model = Sequential(
        [
            Input((6,)),
            layers.Normalization(),
            layers.Dense(5, "relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(3, "softmax"),
        ],
        seed=0,
    )
    model.layers[0].adapt(X)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, epochs=2, verbose=0)
    return model


def bits(model):
    return [W.tobytes() for W in model.get_weights()]


def assert_parts_are_the_whole(whole, first, second):
    assert bits(whole) == bits(first) + bits(second)
    codes = first.predict(X)
    np.testing.assert_allclose(second.predict(codes), whole.predict(X), rtol=1e-5, atol=1e-6)


# -- models in a model -----------------------------------------------------------------------------


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_the_whole_trains_the_parts(built, dtype):
    whole, first, second = trained(built, dtype=dtype)
    assert_parts_are_the_whole(whole, first, second)
    assert bits(first) != bits(encoder()) and first.built and second.built
    whole.fit(X, X, verbose=0)
    assert_parts_are_the_whole(whole, first, second)
    flat = Sequential([layers.Dense(4, "tanh"), layers.Dense(2), *decoder(False).layers], seed=3)
    if not built and dtype == "float32":  # as if it had been written without parts
        flat.compile("adam", "mse")
        flat.fit(X, X, epochs=2, verbose=0)
        flat.fit(X, X, verbose=0)
        assert bits(flat) == bits(whole)


def test_names_never_clash():
    whole, first, second = trained()
    names = ["dense", "dense_1", "dense_2", "dense_3"]
    assert [layer.name for layer in whole.layers] == names
    assert [layer.name for layer in second.layers] == names[2:]
    assert second.get_layer("dense_2") is whole.get_layer("dense_2")
    deeper = Sequential([Sequential([first, second]), Sequential([Input((6,)), layers.Dense(1)])])
    assert [layer.name for layer in deeper.layers] == [*names, "dense_4"]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([None, None], ["dense_1", None], ["dense", "dense_2", "dense_1", "dense_3"]),
        ([None, None], [None, "dense_2"], ["dense", "dense_1", "dense_3", "dense_2"]),
        (["a", None], ["b", None], ["a", "dense", "b", "dense_1"]),
    ],
)
def test_names_that_nobody_gave_yield_to_those_that_were_given(one, other, expected):
    parts = [
        Sequential([Input((3,)), *(layers.Dense(3, name=name) for name in names)])
        for names in (one, other)
    ]
    assert [layer.name for layer in Sequential(parts).layers] == expected
    for part in parts:
        assert len({layer.name for layer in part.layers}) == 2


def test_names_that_were_given_twice_are_refused():
    parts = [Sequential([Input((3,)), layers.Dense(3, name="same")]) for _ in range(2)]
    with pytest.raises(ConfigurationError, match='names that differ, got "same" twice'):
        Sequential(parts)


def test_copies_and_files_of_the_whole_go_on(tmp_path):
    whole, first, second = trained()
    whole.save(tmp_path / "m")
    alone = [load_model(tmp_path / "m"), copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))]
    together = [
        copy.deepcopy((first, whole, second)),
        pickle.loads(pickle.dumps((second, first, whole))),
    ]
    whole.fit(X, X, verbose=0)
    for other in alone:
        other.fit(X, X, verbose=0)
        assert bits(other) == bits(whole)
    for a, b, c in together:
        models = sorted((a, b, c), key=lambda model: len(model.layers))
        models[2].fit(X, X, verbose=0)
        assert bits(models[2]) == bits(whole)
        parts = [next(m for m in (a, b, c) if m.name == name) for name in ("encoder", "decoder")]
        assert_parts_are_the_whole(models[2], *parts)


# -- who trains them -------------------------------------------------------------------------------


def test_compile_claims_the_layers_and_the_former_owner_says_so():
    whole, first, _ = trained()
    before, state = bits(whole), whole.predict(X)
    first.compile("sgd", "mse")
    assert bits(whole) == before
    np.testing.assert_array_equal(whole.predict(X), state)
    loss = whole.evaluate(X, X)
    for train in (whole.fit, whole.train_on_batch):
        with pytest.raises(
            OwnershipError, match=r'"dense", which trains in "encoder".*compile again'
        ):
            train(X, X)
    assert bits(whole) == before
    first.fit(X, X[:, :2], verbose=0)
    assert bits(whole)[:4] == bits(first) != before[:4]
    assert whole.evaluate(X, X) != loss
    assert whole.evaluate(X, X) == pytest.approx(np.mean((whole.predict(X) - X) ** 2))
    whole.compile("sgd", "mse")
    whole.fit(X, X, verbose=0)
    assert bits(whole)[:4] == bits(first)
    with pytest.raises(OwnershipError, match='trains in "sequential"'):
        first.fit(X, X[:, :2], verbose=0)


def test_a_former_owner_can_be_saved_and_trains_on_after_compile(tmp_path):
    model = classifier()
    head = Sequential([*model.layers[:-1], layers.Dense(1)])
    head.compile("adam", "mse")
    head.fit(X, X[:, :1], verbose=0)
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.evaluate(X, Y) == pytest.approx(model.evaluate(X, Y))
    again.fit(X, Y, verbose=0)
    del head
    gc.collect()
    model.fit(X, Y, verbose=0)  # nobody else has them any more


@pytest.mark.parametrize(
    "how", ["sgd", optimizers.ScheduleFreeAdamW(), optimizers.Adam(use_ema=True)]
)
def test_a_new_head_on_frozen_layers_leaves_them_as_they_are(how):
    model = classifier()
    before, predictions = bits(model), model.predict(X)
    body = Sequential(model.layers[:-1], seed=4)
    body.trainable = False
    body.add(layers.Dense(1))
    body.compile(how, "mse")
    body.fit(X, X[:, :1], epochs=2, verbose=0)
    assert bits(model) == before and bits(body)[:-2] == before[:-2]
    np.testing.assert_array_equal(model.predict(X), predictions)
    assert body.vector.n_trainable == 6
    model.fit(X, Y, verbose=0)  # of what it trains, nothing is another's
    assert bits(model)[:-2] == before[:-2]
    body.trainable = True
    body.compile("sgd", "mse")
    body.fit(X, X[:, :1], verbose=0)
    assert bits(model)[:-2] == bits(body)[:-2] != before[:-2]
    with pytest.raises(OwnershipError):
        model.fit(X, Y, verbose=0)


def test_an_adapted_normalization_stands_in_two_compiled_models():
    scale = layers.Normalization()
    scale.adapt(X)
    models = [Sequential([scale, layers.Dense(1)], seed=seed) for seed in (0, 1)]
    for model in models:
        model.compile("sgd", "mse")
    mean = scale.adapt_mean.copy()
    for _ in range(2):
        for model in models:
            model.fit(X, X[:, :1], verbose=0)
    np.testing.assert_array_equal(scale.adapt_mean, mean)
    alone = Sequential([layers.Normalization(), layers.Dense(1)], seed=0)
    alone.layers[0].adapt(X)
    alone.compile("sgd", "mse")
    for _ in range(2):
        alone.fit(X, X[:, :1], verbose=0)
    assert bits(alone) == bits(models[0])


def test_moving_statistics_are_trained_by_the_owner_alone():
    norm = layers.BatchNormalization(center=False, scale=False)
    one = Sequential([Input((6,)), norm, layers.Dense(1)])
    other = Sequential([norm, layers.Dense(1)])
    one.compile("sgd", "mse")
    other.compile("sgd", "mse")
    other.fit(X, X[:, :1], verbose=0)
    with pytest.raises(OwnershipError, match='"batch_normalization"'):
        one.fit(X, X[:, :1], verbose=0)


def test_layers_of_another_type_are_refused_before_any_is_claimed():
    model = classifier()
    other = Sequential([layers.Dense(6), model.layers[-1]], dtype="float64")
    with pytest.raises(ConfigurationError, match="layers of dtype float64"):
        other.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert not other.compiled


def test_layers_are_claimed_before_the_shape_of_the_data_is_known():
    model = classifier()
    other = Sequential([layers.Dense(5), *model.layers[2:]])
    other.compile("sgd", "sparse_categorical_crossentropy")
    kernel = model.layers[-1].kernel.copy()
    np.testing.assert_array_equal(other.layers[-1].kernel, kernel)
    other.fit(X[:, :4], Y, verbose=0)
    assert (model.layers[-1].kernel != kernel).any()
    with pytest.raises(OwnershipError):
        model.fit(X, Y, verbose=0)


def test_an_evaluation_sees_where_the_weights_have_gone():
    """Their penalties and the last layer's weights, too, whoever has had them in between."""
    model = classifier()
    model.evaluate(X, Y)
    for _ in range(2):
        other = Sequential(model.layers, seed=5)
        other.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        other.fit(X, Y, verbose=0)
        assert model.evaluate(X, Y) == other.evaluate(X, Y)
        del other
        gc.collect()
        twin = copy.deepcopy(model)
        assert model.evaluate(X, Y) == twin.evaluate(X, Y)


def test_a_fit_ends_when_a_callback_takes_its_layers():
    class Takes(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.other = Sequential(self.model.layers[:1])
            self.other.compile("sgd", "mse")

    model = Sequential([Input((6,)), layers.Dense(6), layers.Dense(6)])
    model.compile("sgd", "mse")
    with pytest.raises(ConfigurationError, match="a callback has changed"):
        model.fit(X, X, epochs=3, verbose=0, callbacks=[Takes()])


def test_columns_are_claimed_with_what_they_hold():
    columns = layers.Columns([(layers.Dense(2), [0, 1]), (layers.Dense(1), [2])])
    model = Sequential([Input((6,)), columns, layers.Dense(1)], seed=0)
    other = Sequential([columns, layers.Dense(1)], seed=1)
    for one in (model, other):
        one.compile("sgd", "mse")
    before = bits(model)
    other.fit(X, X[:, :1], verbose=0)
    assert bits(model)[:4] == bits(other)[:4] != before[:4]
    with pytest.raises(OwnershipError, match='"columns"'):
        model.fit(X, X[:, :1], verbose=0)
