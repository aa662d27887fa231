"""Columns: each chain works on its columns, and is in everything what it would be in a model."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from golden import recorded

import annlib
from annlib import (
    Input,
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    layers,
    optimizers,
    regularizers,
)
from annlib.core.errors import ConfigurationError, DataError, OwnershipError, ShapeError
from annlib.core.workspace import Workspace
from annlib.layers.container import Container
from annlib.models import model_from_json
from annlib.testing import check_layer

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "city": RNG.choice(["Rome", "Oslo", "Bonn"], 60),
        "day": RNG.integers(0, 7, 60),
        "age": RNG.normal(40, 10, 60),
        "income": RNG.lognormal(size=60),
    }
)
BITS = (FRAME.age + FRAME.day > 43).to_numpy().astype(int)
NUMBERS = FRAME[["day", "age", "income"]]


def columns(**keywords):
    return layers.Columns(
        [
            ([layers.Embedding(7, 3), layers.Dropout(0.3)], "day"),
            ([layers.Dense(4, "tanh"), layers.BatchNormalization()], ["income", "age"]),
        ],
        **keywords,
    )


def network(**keywords):
    model = Sequential([columns(**keywords), layers.Dense(5, "tanh"), layers.Dense(1)], seed=3)
    model.compile("adam", "mse")
    return model


def trained(**keywords):
    model = network(**keywords)
    model.fit(NUMBERS, BITS, epochs=2, verbose=0)
    return model


# -- what it computes ------------------------------------------------------------------------------


def test_a_training_is_that_of_keras_functional_api():
    record = recorded("columns")["training"]
    mixed = layers.Columns(
        [
            (layers.Embedding(6, 3, embeddings_regularizer=regularizers.L2(0.001)), 0),
            (layers.Dense(4, "tanh", activity_regularizer=regularizers.L2(0.01)), [1, 2]),
            (layers.CategoryEncoding(3, "one_hot"), 3),
        ]
    )
    model = Sequential(
        [Input((5,)), mixed, layers.Dense(5, "tanh"), layers.Dense(1)], dtype="float64"
    )
    model.set_weights([np.array(weight) for weight in record["initial_weights"]])
    model.compile(optimizers.Adam(0.02), "mse")
    x, y = np.array(record["x"]), np.array(record["y"])
    history = model.fit(x, y, batch_size=16, epochs=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.history["loss"], record["loss"], rtol=1e-9)
    for found, expected in zip(model.get_weights(), record["final_weights"], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(model.predict(x[:5]), record["predictions"], rtol=1e-9)


def test_the_results_stand_in_order_and_the_remainder_last():
    x = np.arange(10.0).reshape(2, 5)
    chains = [([], [3]), (layers.Rescaling(10.0), [-1, 0])]
    for remainder, rest in (("passthrough", [1, 2]), ("drop", [])):
        found = Sequential([layers.Columns(chains, remainder)], dtype="float64").predict(x)
        expected = np.hstack([x[:, [3]], 10 * x[:, [4, 0]], x[:, rest]])
        np.testing.assert_array_equal(found, expected)


def test_a_gradient_by_a_column_is_the_sum_over_its_chains():
    layer = layers.Columns([(layers.Rescaling(2.0), [0, 1]), (layers.Rescaling(3.0), [1, 2])])
    layer._declare((None, 4))
    work = Workspace("float64")
    layer.forward(np.ones((2, 4)), work, training=True)
    dx = layer.backward(np.ones((2, 5)), work)
    np.testing.assert_array_equal(dx, [[2, 5, 3, 1]] * 2)


def test_members_get_what_is_theirs_and_what_is_for_all():
    own = layers.PeriodicEmbedding(2, 3, members=2)
    vectors = [layers.Embedding(4, 6), layers.Reshape((2, 3))]
    for_all = layers.Dense(3, "tanh")
    layer = layers.Columns(
        [(own, [0, 4]), (vectors, 1), (for_all, [2, 4]), ([], [3, 0])], members=2
    )
    model = Sequential([layer], seed=0, dtype="float64")
    x = RNG.normal(size=(6, 5))
    x[:, 1] = RNG.integers(0, 4, 6)
    found = model.predict(x)
    assert model.output_shape == (None, 2, 14)
    parts = {
        "own": Sequential([own], dtype="float64").predict(x[:, [0, 4]]),
        "all": Sequential([for_all], dtype="float64").predict(x[:, [2, 4]]),
    }
    table = vectors[0].embeddings.reshape(4, 2, 3)
    for member in range(2):
        np.testing.assert_allclose(found[:, member, :6], parts["own"][:, member], rtol=1e-12)
        np.testing.assert_array_equal(found[:, member, 6:9], table[x[:, 1].astype(int), member])
        np.testing.assert_allclose(found[:, member, 9:12], parts["all"], rtol=1e-12)
        np.testing.assert_array_equal(found[:, member, 12:], x[:, [3, 0]])


def test_a_gradient_of_what_goes_to_all_members_is_the_sum_over_them():
    chains = [(layers.Rescaling(2.0), [0, 1]), ([], [1])]
    layer = layers.Columns(chains, "drop", members=3)
    layer._declare((None, 3))
    work = Workspace("float64")
    assert layer.forward(np.ones((2, 3)), work, training=True).shape == (2, 3, 3)
    dx = layer.backward(np.ones((2, 3, 3)), work)
    np.testing.assert_array_equal(dx, [[6, 9, 0]] * 2)


def test_members_with_columns_train_as_if_each_were_alone():
    x, y = RNG.normal(size=(40, 3)), RNG.normal(size=(40, 1))
    x[:, 1] = RNG.integers(0, 4, 40)

    def network(members):
        codes = [layers.Embedding(4, 2 * members), layers.Reshape((members, 2))]
        own = layers.PeriodicEmbedding(2, 3, members=members)
        columns = layers.Columns([(own, 0), (codes, 1), ([], 2)], members=members)
        parts = [columns, layers.BatchedDense(members, 4, "tanh"), layers.BatchedDense(members, 1)]
        model = Sequential(parts, seed=0, dtype="float64")
        model.compile(optimizers.SGD(0.01 * members), "mse")  # each has a share of the loss
        model.build((None, 3))
        return model

    together, alone = network(3), network(1)
    start = together.get_weights()
    together.fit(x, y, epochs=3, shuffle=False, verbose=0)
    of_codes = [path.endswith("embeddings") for path in (e.path for e in together.vector.entries)]
    for member in range(3):
        alone.set_weights(
            [
                w.reshape(4, 3, 2)[:, member] if codes else w[member : member + 1]
                for w, codes in zip(start, of_codes, strict=True)
            ]
        )
        alone.fit(x, y, epochs=3, shuffle=False, verbose=0)
        np.testing.assert_allclose(
            together.predict(x)[:, member], alone.predict(x)[:, 0], rtol=1e-9, atol=1e-12
        )


def test_one_chain_over_all_columns_is_the_chain():
    x = RNG.normal(size=(50, 6))
    y = RNG.normal(size=(50, 2))

    def weights(first):
        model = Sequential([first, layers.Dense(2)], seed=0, dtype="float64")
        model.build((None, 6))
        model.set_weights([np.full_like(w, 0.1) for w in model.get_weights()])
        model.compile("adam", "mse")
        model.fit(x, y, epochs=3, verbose=0)
        return model.get_weights()

    alone = weights(layers.Dense(4, "tanh", kernel_regularizer="l2"))
    inside = weights(layers.Columns([(layers.Dense(4, "tanh", kernel_regularizer="l2"), range(6))]))
    for one, other in zip(alone, inside, strict=True):
        np.testing.assert_array_equal(one, other)


def test_wide_codes_beside_numbers_arrive_as_they_are():
    """float32 has no 2^24 + 1: as a number of that type it would be its neighbour."""
    wide = 2**24 + 1
    seen = []

    class Codes(layers.Layer):
        @property
        def codes(self):
            return 2**25

        def forward(self, x, work, *, training=False):
            seen.append(x.copy())
            y = work.array("y", *x.shape)
            y[...] = 1
            return y

        def backward(self, dy, work, *, input_gradient=True):
            return None

    for x in (np.array([[wide, 1]]), pd.DataFrame({"a": [wide], "b": [0.5]})):
        Sequential([layers.Columns([(Codes(), 0)])]).predict(x)
        assert int(seen[-1][0, 0]) == wide
    Sequential([layers.Columns([(Codes(), [1, 0])])]).predict(np.array([[wide, 1]]))
    assert seen[-1].dtype == np.intp


# -- it is a layer ---------------------------------------------------------------------------------


def test_weights_lie_in_the_models_vector_under_their_paths():
    model = trained()
    paths = [entry.path for entry in model.vector.entries]
    assert paths[:3] == [
        "columns/embedding/embeddings",
        "columns/dense/kernel",
        "columns/dense/bias",
    ]
    first = model.layers[0]
    for entry in model.vector.entries[:3]:
        own = model.vector.values[entry.where]
        assert np.shares_memory(own, entry.layer._values()[entry.parameter.name])
    assert first.count_params() == sum(weight.size for weight in first.get_weights())
    before = first.get_weights()
    first.set_weights([weight + 1 for weight in before])
    for one, other in zip(first.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other + 1)
    with pytest.raises(ShapeError):
        first.set_weights(before[:-1])


def test_what_is_frozen_inside_stays(saved):
    model = network()
    chain = model.layers[0].chains
    chain[0][0][0].trainable = False
    model.compile("adam", "mse")
    model.build((None, 3))
    before = model.get_weights()
    model.fit(NUMBERS, BITS, epochs=2, verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed[:2] == [False, True]
    assert model.trainable and model.layers[0].trainable
    again = annlib.load_model(saved(model))
    assert [layer.trainable for layer in again.layers[0]._held[:3]] == [False, True, True]
    model.layers[0].trainable = False
    assert not any(layer.trainable for layer in model.layers[0]._held)
    model.compile("adam", "mse")
    before = model.layers[0].get_weights()
    model.fit(NUMBERS, BITS, epochs=2, verbose=0)
    for one, other in zip(before, model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def saved(tmp_path):
    def save(model):
        model.save(tmp_path / "model.safetensors")
        return tmp_path / "model.safetensors"

    return save


@pytest.mark.parametrize("way", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), None])
def test_copies_train_on_to_the_bit(way, saved):
    model = trained()
    other = annlib.load_model(saved(model)) if way is None else way(model)
    np.testing.assert_array_equal(other.predict(NUMBERS), model.predict(NUMBERS))
    assert other.feature_names == ["day", "age", "income"]
    for each in (model, other):
        each.fit(NUMBERS, BITS, epochs=2, verbose=0)
    for one, same in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)


def test_weights_files_and_clones(saved):
    model = trained()
    path = saved(model).with_name("w.safetensors")
    model.save_weights(path)
    other = trained(name="columns")
    other.load_weights(path)
    np.testing.assert_array_equal(other.predict(NUMBERS), model.predict(NUMBERS))
    clone = annlib.clone_model(model)
    assert clone.to_json() == model.to_json()
    assert model_from_json(model.to_json()).to_json() == model.to_json()
    clone.build((None, 3))
    fresh = network()
    fresh.build((None, 3))
    for one, other in zip(clone.get_weights(), fresh.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)  # of the same seed


def test_streams_are_by_place_and_a_layer_before_changes_none():
    plain, other = (
        network(),
        Sequential(
            [columns(name="mine"), layers.Dropout(0.1), layers.Dense(5, "tanh"), layers.Dense(1)],
            seed=3,
        ),
    )
    for model in (plain, other):
        model.build((None, 3))
    for one, same in zip(plain.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)
    model = trained()
    assert "columns/0/dropout/0" in model._network.streams.state()


def test_adapted_layers_inside_keep_what_they_have_learned(saved):
    scaled = layers.Normalization()
    first = layers.Columns([(scaled, ["age"]), (layers.Embedding(7, 2), "day")])
    first.adapt(NUMBERS)
    model = Sequential([first, layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(NUMBERS, BITS, verbose=0)
    np.testing.assert_allclose(scaled.mean, [NUMBERS.age.mean()], rtol=1e-6)
    assert annlib.load_model(saved(model)).layers[0]._held[0].mean == scaled.mean


def test_a_regularizer_and_a_constraint_inside_count():
    inside = layers.Dense(
        2, kernel_regularizer=regularizers.L2(0.5), kernel_constraint="non_neg", use_bias=False
    )
    model = Sequential([layers.Columns([(inside, [0, 1])], "drop")], seed=0, dtype="float64")
    model.compile("sgd", "mse")
    x = np.zeros((4, 3))
    model.build((None, 3))
    model.set_weights([np.ones((2, 2))])
    assert model.evaluate(x, np.zeros((4, 2))) == pytest.approx(0.5 * 4)
    model.set_weights([-np.ones((2, 2))])
    model.fit(x, np.zeros((4, 2)), verbose=0)
    assert (model.get_weights()[0] >= 0).all()


# -- names and data --------------------------------------------------------------------------------


def test_a_frame_an_array_and_batches_of_them_are_predicted_alike():
    polars = pytest.importorskip("polars")
    model = trained()
    expected = model.predict(NUMBERS)
    for x in (NUMBERS.to_numpy(), polars.DataFrame({k: NUMBERS[k].to_list() for k in NUMBERS})):
        np.testing.assert_array_equal(model.predict(x), expected)
    batches = (NUMBERS[k : k + 20] for k in range(0, 60, 20))
    np.testing.assert_allclose(model.predict(batches), expected, rtol=1e-5)
    np.testing.assert_allclose(model.predict(NUMBERS, batch_size=7), expected, rtol=1e-5)
    with pytest.raises(DataError, match="columns that the model has learned from"):
        model.predict(NUMBERS[["age", "day", "income"]])


def test_names_are_learned_by_any_use_of_a_frame():
    for use in (
        lambda m: m.predict(NUMBERS),
        lambda m: m(NUMBERS),
        lambda m: m.evaluate(NUMBERS, BITS),
        lambda m: m.train_on_batch(NUMBERS, BITS),
    ):
        use(network())
    with pytest.raises(DataError, match=r'"day".*Pass a frame'):
        network().predict(NUMBERS.to_numpy())
    model = network()
    with pytest.raises(DataError, match='a column "day"'):
        model.fit(NUMBERS.rename(columns={"day": "Day"}), BITS, verbose=0)
    assert not model.built and model.feature_names is None


def test_only_columns_of_codes_are_asked_for_codes():
    model = trained()
    bad = NUMBERS.copy()
    bad.loc[3, "day"] = 7
    with pytest.raises(DataError, match=r'from 0 to 6 in x\["day"\].*first 7 at row 3'):
        model.predict(bad)
    bad = NUMBERS.to_numpy().copy()
    bad[5, 0] = 0.5
    with pytest.raises(DataError, match=r"x\[:, 0\]"):
        model.predict(bad)
    with pytest.raises(ShapeError, match="expected x of shape"):
        model.predict(np.ones((3, 4)))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_memory_maps_and_sparse_matrices(dtype, tmp_path):
    from scipy import sparse

    first = layers.Columns([(layers.Embedding(7, 3), 0), (layers.Dense(2), [1, 2])])
    model = Sequential([first, layers.Dense(1)], seed=0)
    x = np.column_stack([NUMBERS.day, NUMBERS.age.round(), NUMBERS.day]).astype(dtype)
    expected = model.predict(x)
    np.save(tmp_path / "x.npy", x)
    np.testing.assert_array_equal(
        model.predict(np.load(tmp_path / "x.npy", mmap_mode="r")), expected
    )
    np.testing.assert_array_equal(model.predict(sparse.csr_array(x)), expected)
    wrong = x.copy()
    wrong[4, 0] = 9
    with pytest.raises(DataError, match="codes of an Embedding"):
        model.predict(sparse.csr_array(wrong))


# -- estimators and tools --------------------------------------------------------------------------


def test_estimators_take_frames_and_arguments_of_layers_inside():
    for make in (SequentialClassifier, SequentialRegressor):
        net = make(network(), epochs=2, random_state=0).fit(NUMBERS, BITS)
        assert net.predict(NUMBERS).shape == (60,)
        net.set_params(model__columns__embedding__output_dim=5).fit(NUMBERS, BITS)
        assert net.model_.layers[0]._held[0].output_dim == 5
    with pytest.raises(ConfigurationError, match="embeddin"):
        SequentialClassifier(network(), model__columns__embedin__output_dim=5).fit(NUMBERS, BITS)


def test_it_is_shown_with_what_is_inside(capsys):
    model = trained()
    model.summary()
    text = capsys.readouterr().out
    for line in ("columns (Columns)", "  embedding (Embedding)", "  dropout (Dropout)"):
        assert line in text
    svg = annlib.plot_model(model, to_file=None, show_shapes=True, show_layer_names=True)
    assert "embedding (Embedding)" in svg and "(None, 1, 3)" in svg
    assert "embedding" in model._repr_html_()
    assert "Yₖ" in repr(annlib.explain(model.layers[0]))
    trace = model.trace(NUMBERS[:3], BITS[:3])
    assert trace["columns/dense"]["Z"] is not None
    assert trace.verify().passed
    report = annlib.checkup(model, NUMBERS, BITS)
    assert not [finding for finding in report.findings if finding.check == "gradients"]


# -- what cannot be meant --------------------------------------------------------------------------


def test_what_cannot_be_meant_is_refused():
    dense = layers.Dense(2)
    for wrong in (
        [],
        dense,
        [dense],
        [(dense,)],
        [("relu", 0)],
        [(layers.Dense, 0)],
        [(layers.Input((2,)), 0)],
        [(dense, [])],
        [(dense, 1.5)],
        [(dense, True)],
        [(dense, slice(2))],
        [(dense, 0), (dense, 1)],
        [([layers.Dense(1, name="a"), layers.Dense(1, name="a")], 0)],
    ):
        with pytest.raises(ConfigurationError, match="Columns"):
            layers.Columns(wrong)
    with pytest.raises(ConfigurationError, match="remainder"):
        layers.Columns([(dense, 0)], remainder="keep")


def test_columns_that_are_not_there_are_refused_when_the_model_is_built():
    for spec, error in (([0, 3], ShapeError), ([-4], ShapeError), ([0, -3], ConfigurationError)):
        model = Sequential([layers.Columns([(layers.Dense(2), spec)])])
        with pytest.raises(error, match="olumn"):
            model.build((None, 3))
        assert not model.built
    with pytest.raises(ShapeError, match="Flatten"):
        Sequential([layers.Columns([(layers.Dense(2), 0)])]).build((None, 3, 2))
    model = Sequential([columns()])
    with pytest.raises(ShapeError, match="got 2 columns"):
        model.build((None, 2))


def test_a_layer_has_one_place():
    dense = layers.Dense(2)
    inside = layers.Columns([(dense, 0)])
    with pytest.raises(OwnershipError, match="one place"):
        Sequential([inside, dense])
    with pytest.raises(OwnershipError, match="one place"):
        Sequential([inside, layers.Columns([(dense, 1)])])


def test_a_build_that_fails_leaves_nothing():
    class Picky(layers.Layer):
        def build(self, input_shape):
            raise ShapeError("picky")

        def forward(self, x, work, *, training=False):
            return x

    first = layers.Dense(2)
    model = Sequential([layers.Columns([(first, 0), (Picky(), 1)])])
    with pytest.raises(ShapeError, match="picky"):
        model.build((None, 2))
    assert not first.built and not first._parameters and not model.layers[0]._parameters


def test_nothing_that_learns_can_stand_below_codes():
    model = Sequential([layers.Dense(3), layers.Columns([(layers.Embedding(3, 2), 0)])], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises((ConfigurationError, DataError)):
        model.fit(np.zeros((4, 2)), np.zeros((4, 4)), verbose=0)


def test_containers_of_ones_own_need_little():
    """A subclass says how chains are run; all else follows."""

    class BothSum(Container):
        def __init__(self, one, other, **keywords):
            super().__init__(**keywords)
            self.one, self.other = layers.get(one), layers.get(other)
            self._hold([[self.one], [self.other]])

        def _entering(self, input_shape):
            return [input_shape] * 2

        def build(self, input_shape):
            for chain in self._chains:
                self._declare_chain(chain, input_shape)

        def compute_output_shape(self, input_shape):
            return self.one.compute_output_shape(input_shape)

        def forward(self, x, work, *, training=False):
            one, other = (each.forward(x, training=training) for each in self._passes(work))
            return np.add(one, other, out=work.array("y", *one.shape))

        def backward(self, dy, work, *, input_gradient=True):
            copies = work.array("dy", *dy.shape), dy
            copies[0][...] = dy
            parts = [
                each.backward(own, to_input=input_gradient)
                for each, own in zip(self._passes(work), copies, strict=True)
            ]
            if input_gradient:
                return np.add(*parts, out=work.array("dx", *parts[0].shape))
            return None

    check_layer(BothSum(layers.Dense(3, "tanh"), layers.Dense(3)), (4,))
