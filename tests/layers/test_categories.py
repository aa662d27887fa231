"""Layers of categories: texts and integers that are looked up, codes as rows, and bins."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from golden import recorded

import annlib
from annlib import Sequential, layers
from annlib.core.errors import ConfigurationError, DataError, ReadOnlyError

WORDS = ["b", "a", "b", "c", "a", "b", "d"]


def output(layer, x, dtype="float64"):
    return Sequential([layer], dtype=dtype).predict(x)


# -- against Keras ---------------------------------------------------------------------------------


def test_encodings_are_those_of_keras():
    for record in recorded("columns")["encodings"]:
        layer = layers.CategoryEncoding(5, record["mode"])
        np.testing.assert_array_equal(output(layer, record["x"]), record["output"])


@pytest.mark.parametrize("record", recorded("columns")["bins"], ids=lambda r: f"{len(r['data'])}")
def test_bins_are_those_of_keras(record):
    layer = layers.Discretization(num_bins=record["num_bins"], epsilon=record["epsilon"])
    layer.adapt(record["data"])
    np.testing.assert_allclose(layer.bin_boundaries, record["bin_boundaries"], rtol=1e-6)
    np.testing.assert_array_equal(output(layer, record["x"]), record["bins"])


def test_bins_of_batches_are_those_of_keras():
    record = recorded("columns")["bins_of_batches"]
    layer = layers.Discretization(num_bins=6)
    layer.adapt(np.array(batch) for batch in record["batches"])
    np.testing.assert_allclose(layer.bin_boundaries, record["bin_boundaries"], rtol=1e-6)


def test_a_number_at_a_boundary_is_in_the_bin_above_in_the_models_type():
    layer = layers.Discretization([0.1, 0.7], output_mode="one_hot")
    x = np.array([[0.1], [0.7], [0.0999]])
    for dtype in ("float32", "float64"):
        np.testing.assert_array_equal(output(layer.clone(), x, dtype).argmax(axis=1), [1, 2, 0])


# -- the vocabulary --------------------------------------------------------------------------------


def test_the_order_is_by_frequency_and_of_ties_the_larger_first():
    """As Keras documents and does: lexsort by count and term, backwards."""
    texts = layers.StringLookup()
    texts.adapt(WORDS)
    assert texts.get_vocabulary() == ["[UNK]", "b", "a", "d", "c"]
    integers = layers.IntegerLookup(max_tokens=3)
    integers.adapt(np.array([[7, 7], [10**15, 3], [3, 10**15]]))
    assert integers.get_vocabulary() == [-1, 10**15, 7]


def test_special_tokens_come_first_and_are_never_learned():
    layer = layers.StringLookup(mask_token="", max_tokens=4)
    layer.adapt(["", "", "x", "[UNK]", "y", "y", "z"])
    assert layer.get_vocabulary() == ["", "[UNK]", "y", "z"]
    assert layer.get_vocabulary(include_special_tokens=False) == ["y", "z"]
    assert layer.vocabulary_size() == 4
    np.testing.assert_array_equal(output(layer, [["", "q", "y"]]), [[0, 1, 2]])
    rows = layers.StringLookup(
        mask_token="", vocabulary=["y", "z"], output_mode="multi_hot", num_oov_indices=0
    )
    np.testing.assert_array_equal(output(rows, [["", "z"], ["", ""]]), [[0, 1], [0, 0]])


def test_adapt_reads_series_frames_and_batches_alike():
    expected = layers.StringLookup()
    expected.adapt(WORDS)
    for data in (
        np.array(WORDS),
        np.array(WORDS, object),
        pd.Series(WORDS),
        pd.Series(WORDS, dtype="category"),
        pd.DataFrame({"x": WORDS}),
        [[word] for word in WORDS],
        iter([np.array(WORDS[:3]), np.array(WORDS[3:])]),
        iter([(np.array(WORDS), np.zeros(7))]),
        np.array([word.encode() for word in WORDS]),
    ):
        layer = layers.StringLookup()
        layer.adapt(data)
        assert layer.get_vocabulary() == expected.get_vocabulary(), data


def test_a_vocabulary_that_was_given_stays():
    layer = layers.StringLookup(vocabulary=["[UNK]", "x", "y"])
    assert layer.vocabulary == ["x", "y"]
    with pytest.raises(ConfigurationError, match="vocabulary of its own"):
        layer.adapt(WORDS)
    with pytest.raises(ReadOnlyError):
        layer.vocabulary = ["z"]
    layer.set_vocabulary(["z"])
    assert layer.vocabulary == ["z"]
    for wrong in (["x", "x"], [], "x", [None], [1]):
        with pytest.raises(ConfigurationError):
            layer.set_vocabulary(wrong)
    assert layer.vocabulary == ["z"]
    with pytest.raises(ConfigurationError, match="max_tokens=2"):
        layers.StringLookup(max_tokens=2, vocabulary=["x", "y"])


def test_what_annlib_does_not_have_says_so():
    for wrong in (
        {"invert": True},
        {"output_mode": "tf_idf"},
        {"sparse": True, "output_mode": "one_hot"},
        {"num_oov_indices": 2},
    ):
        with pytest.raises(ConfigurationError, match="StringLookup"):
            layers.StringLookup(vocabulary=["a"], **wrong)


# -- values ----------------------------------------------------------------------------------------


def test_wide_integers_are_looked_up_as_they_are():
    wide = 2**53 + 1
    layer = layers.IntegerLookup(vocabulary=[wide, 2**53])
    for x in (np.array([[wide], [2**53]]), pd.DataFrame({"id": [wide, 2**53]})):
        np.testing.assert_array_equal(output(layer, x, "float32"), [[1], [2]])
    two = layers.Columns([(layers.IntegerLookup(vocabulary=[wide, 2**53]), 0)])
    frame = pd.DataFrame({"id": [wide, 2**53], "z": [0.5, 1.5]})
    np.testing.assert_array_equal(output(two, frame, "float32"), [[1, 0.5], [2, 1.5]])


def test_several_codes_for_unknown_integers_are_by_remainder():
    layer = layers.IntegerLookup(vocabulary=[5], num_oov_indices=3)
    np.testing.assert_array_equal(output(layer, [[5, 7, 9, -1]]), [[3, 1, 0, 2]])


def test_unknown_values_are_refused_where_they_have_no_code():
    layer = layers.StringLookup(vocabulary=["a"], num_oov_indices=0)
    with pytest.raises(DataError, match="num_oov_indices=0, got 'q'"):
        output(layer, [["a"], ["q"]])


@pytest.mark.parametrize(
    ("layer", "bad"),
    [
        (layers.StringLookup(vocabulary=["a"]), [["a"], [None]]),
        (layers.StringLookup(vocabulary=["a"]), [["a"], [float("nan")]]),
        (layers.StringLookup(vocabulary=["a"]), [["a"], [1]]),
        (layers.StringLookup(vocabulary=["a"]), np.ones((2, 1))),
        (layers.IntegerLookup(vocabulary=[1]), [[1], [1.5]]),
        (layers.IntegerLookup(vocabulary=[1]), [[1.0], [float("nan")]]),
        (layers.IntegerLookup(vocabulary=[1]), [[1], ["a"]]),
        (layers.IntegerLookup(vocabulary=[1]), np.array([[2**63]], np.uint64)),
        (layers.CategoryEncoding(3), [[0], [3]]),
        (layers.CategoryEncoding(3), [[0.5]]),
        (layers.Discretization([0.0]), [["a"]]),
    ],
    ids=str,
)
def test_other_values_are_refused(layer, bad):
    with pytest.raises(DataError):
        Sequential([layer.clone()]).predict(bad)


def test_texts_pass_only_where_the_first_layer_takes_them():
    frame = pd.DataFrame({"t": ["a", "b"], "z": [1.0, 2.0], "u": ["c", "d"]})
    looked_up = layers.Columns([(layers.StringLookup(vocabulary=["a", "b"]), "t")])
    with pytest.raises(DataError, match=r'x\["u"\] to hold numbers'):
        output(looked_up, frame)
    with pytest.raises(ConfigurationError, match="first"):
        Sequential([layers.Identity(), layers.StringLookup(vocabulary=["a"])]).build((None, 1))
    late = [layers.Identity(), layers.StringLookup(vocabulary=["a"])]
    with pytest.raises(ConfigurationError, match="first in its chain"):
        Sequential([layers.Columns([(late, 0)])]).build((None, 1))


def test_a_layer_without_a_vocabulary_or_boundaries_asks_for_adapt():
    for layer, x in (
        (layers.StringLookup(), [["a"]]),
        (layers.Discretization(num_bins=3), [[1.0]]),
    ):
        with pytest.raises(ConfigurationError, match="adapt"):
            output(layer, x)
    with pytest.raises(ConfigurationError, match="adapt"):
        Sequential([layers.StringLookup(output_mode="one_hot")]).build((None, 1))


# -- in a model ------------------------------------------------------------------------------------


def test_texts_are_learned_from_and_the_file_keeps_the_vocabulary(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.choice(["red", "green", "blue"], (80, 1))
    y = (x[:, 0] == "red").astype(float)
    lookup = layers.StringLookup()
    lookup.adapt(x)
    model = Sequential(
        [lookup, layers.Embedding(4, 2), layers.Flatten(), layers.Dense(1, "sigmoid")], seed=0
    )
    model.compile(annlib.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    assert model.fit(x, y, epochs=20, verbose=0).history["accuracy"][-1] == 1
    expected = model.predict(x)
    model.save(tmp_path / "m.safetensors")
    others = [annlib.load_model(tmp_path / "m.safetensors"), copy.deepcopy(model)]
    for other in (*others, pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(x), expected)
        assert other.layers[0].get_vocabulary() == lookup.get_vocabulary()
    assert annlib.clone_model(model).layers[0].vocabulary == lookup.vocabulary
    np.testing.assert_array_equal(model.predict(pd.DataFrame({"colour": x[:, 0]})), expected)
    assert not [f for f in annlib.checkup(model, x, y).findings if f.check == "gradients"]
    assert model.trace(x[:2], y[:2]).verify().passed


def test_bins_that_adapt_has_found_survive_a_file_and_may_be_found_again(tmp_path):
    layer = layers.Discretization(num_bins=4, output_mode="one_hot")
    layer.adapt(np.arange(100.0).reshape(-1, 1))
    model = Sequential([layer, layers.Dense(1)], seed=0)
    model.build((None, 1))
    model.save(tmp_path / "m.safetensors")
    other = annlib.load_model(tmp_path / "m.safetensors").layers[0]
    assert other.bin_boundaries == layer.bin_boundaries
    other.adapt(np.arange(200.0).reshape(-1, 1))
    assert other.bin_boundaries != layer.bin_boundaries
    with pytest.raises(ConfigurationError, match="for which the layer was built"):
        other.adapt([[1.0], [2.0]])


def test_adapt_of_columns_adapts_what_can_be():
    frame = pd.DataFrame({"t": WORDS, "z": np.arange(7.0), "k": [1, 1, 1, 2, 2, 3, 3]})
    fixed = layers.Normalization(mean=1.0, variance=1.0)
    parts = [layers.StringLookup(), layers.Normalization(), layers.IntegerLookup(), fixed]
    pairs = list(zip(parts, ["t", "z", "k", "z"], strict=True))
    layers.Columns(pairs).adapt(frame)
    assert parts[0].vocabulary == ["b", "a", "d", "c"]
    assert parts[1].mean == 3 and fixed.mean == 1
    assert parts[2].vocabulary == [1, 3, 2]
    again = [layers.StringLookup(), layers.Normalization()]
    layers.Columns(list(zip(again, [0, 1], strict=True))).adapt(frame.to_numpy())
    assert again[0].vocabulary == parts[0].vocabulary and again[1].mean == 3
    with pytest.raises(DataError, match="array or a frame"):
        layers.Columns([(layers.Normalization(), 0)]).adapt(iter([np.ones((2, 1))]))
