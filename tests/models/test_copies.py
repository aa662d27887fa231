"""Copies of a model at every stage: alike to the bit, alive, and apart from the original."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest

from annlib import Input, Sequential, callbacks, layers, optimizers

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 4)).astype(np.float32)
Y = np.arange(40) % 3

STAGES = ["unbuilt", "built", "compiled", "compiled unbuilt", "fitted", "frozen", "grown"]


def make(stage):
    model = Sequential(
        [
            *([Input((4,))] if stage == "built" else []),
            layers.Dense(6, "tanh", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(3, "softmax"),
        ],
        seed=7,
    )
    if stage in ("unbuilt", "built"):
        return model
    if stage == "compiled":
        model.build((None, 4))
    compiled(model)
    if stage in ("fitted", "frozen", "grown"):
        train(model)
    if stage == "frozen":
        model.layers[0].trainable = False
        compiled(model)
        train(model)
    if stage == "grown":
        model.pop()
        model.add(layers.Dense(3, "softmax"))
    return model


def compiled(model):
    model.compile(
        optimizers.Adam(0.01, clipnorm=1.0), "sparse_categorical_crossentropy", ["accuracy"]
    )
    return model


def train(model):
    return model.fit(X, Y, epochs=2, batch_size=16, verbose=0)


def bits(model):
    optimizer = model.optimizer
    return (
        [weight.tobytes() for weight in model.weights],
        optimizer and (optimizer.iterations, optimizer.state.tobytes()),
        model._network.streams.state(),
    )


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def through(protocol):
    return lambda model: pickle.loads(pickle.dumps(model, protocol))


COPIERS = {
    "deepcopy": copy.deepcopy,
    **{f"pickle {protocol}": through(protocol) for protocol in range(2, 6)},
    "joblib": by_joblib,
    "twice": lambda model: copy.deepcopy(through(5)(model)),
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("copier", COPIERS)
def test_a_copy_predicts_and_trains_as_the_original(stage, copier):
    model = make(stage)
    before = bits(model)
    twin = COPIERS[copier](model)
    assert bits(model) == before
    assert bits(twin) == before
    assert (twin.built, twin.compiled) == (model.built, model.compiled)
    assert twin.get_config() == model.get_config()
    if model.built:
        assert model.predict(X).tobytes() == twin.predict(X).tobytes()
    for each in (model, twin):
        if not each.compiled:
            compiled(each)
    histories = [train(each).history for each in (model, twin)]
    assert histories[0] == histories[1]
    assert bits(model) == bits(twin)
    assert bits(model) != before


@pytest.mark.parametrize("stage", ["built", "fitted", "frozen"])
@pytest.mark.parametrize("copier", COPIERS)
def test_a_copy_is_apart(stage, copier):
    model = make(stage)
    twin = COPIERS[copier](model)
    before = bits(model)
    compiled(twin)
    train(twin)
    twin.set_weights([np.zeros_like(w) for w in twin.get_weights()])
    assert bits(model) == before
    assert not np.shares_memory(model.vector.values, twin.vector.values)
    kept = twin.get_weights()
    compiled(model)
    train(model)
    assert all((a == b).all() for a, b in zip(kept, twin.get_weights(), strict=True))


@pytest.mark.parametrize("copier", COPIERS)
def test_the_weights_of_a_copy_are_views_of_its_vector(copier):
    twin = COPIERS[copier](make("fitted"))
    for weight in twin.weights:
        assert np.shares_memory(weight, twin.vector.values)
    assert sum(w.size for w in twin.weights) == twin.vector.size
    twin.vector.values[...] = 0
    assert not twin.layers[0].kernel.any()
    twin.layers[0].kernel[...] = 1
    assert np.count_nonzero(twin.vector.values) == twin.layers[0].kernel.size


def test_a_copy_in_the_middle_of_training():
    copies = []

    class Copy(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                copies.append(pickle.loads(pickle.dumps(self.model)))

    model, plain = make("compiled"), make("compiled")
    model.fit(X, Y, batch_size=16, verbose=0, callbacks=[Copy()])
    plain.fit(X, Y, batch_size=16, verbose=0)
    assert bits(model) == bits(plain)
    (half,) = copies
    assert half.optimizer.iterations == 2
    train(half)


def test_a_pickle_holds_the_weights_once_and_no_buffers():
    model = Sequential([Input((100,)), layers.Dense(200), layers.Dense(3, "softmax")])
    compiled(model)
    model.fit(np.ones((512, 100)), np.zeros(512), batch_size=512, verbose=0)
    values = model.vector.values.nbytes + model.optimizer.state.nbytes
    assert len(pickle.dumps(model)) < values + 10_000


def test_copied_layers_make_a_model_of_their_own():
    model = make("fitted")
    before = model.predict(X)
    other = compiled(Sequential(copy.deepcopy(model.layers), seed=1))
    np.testing.assert_array_equal(other.predict(X), before)
    train(other)
    assert (other.predict(X) != before).any()
    np.testing.assert_array_equal(model.predict(X), before)


def test_a_copy_of_what_shares_layers_has_its_own():
    model = make("fitted")
    features = Sequential(model.layers[:-1])
    twin = copy.deepcopy(features)
    before = features.predict(X)
    train(model)
    assert (features.predict(X) != before).any()
    np.testing.assert_array_equal(twin.predict(X), before)


def test_a_pickled_callback_and_history_leave_the_model_behind():
    history = train(make("compiled"))
    twin = pickle.loads(pickle.dumps(history))
    assert twin.history == history.history
    assert twin.epoch == history.epoch
