"""The helpers that Keras scripts use."""

import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder
from sklearn.preprocessing import normalize as sklearn_normalize

import annlib
from annlib import Sequential, layers, utils
from annlib.core.errors import ConfigurationError, DataError

rng = np.random.default_rng(0)


def test_to_categorical_is_one_hot_encoding():
    labels = rng.integers(0, 5, 40)
    expected = OneHotEncoder(categories=[range(5)], sparse_output=False).fit_transform(
        labels[:, None]
    )
    for given in (labels, labels[:, None], labels.astype(float), labels.tolist()):
        np.testing.assert_array_equal(utils.to_categorical(given, 5), expected)
    assert utils.to_categorical([0, 1, 2]).shape == (3, 3)
    assert utils.to_categorical([[0, 1], [2, 0]]).shape == (2, 2, 3)
    assert utils.to_categorical([True, False]).tolist() == [[0, 1], [1, 0]]
    assert utils.to_categorical([], 3).shape == (0, 3)


@pytest.mark.parametrize(
    ("x", "classes", "said"),
    [
        ([0, 3], 3, r"0\.\.2, got values from 0 to 3"),
        ([-1, 2], None, "from -1 to 2"),
        ([0.5], None, "integer labels.*LabelEncoder"),
        (["a"], None, "integer labels"),
    ],
)
def test_labels_that_are_none_are_refused(x, classes, said):
    with pytest.raises(DataError, match=said):
        utils.to_categorical(x, classes)
    with pytest.raises(ConfigurationError, match="num_classes"):
        utils.to_categorical([0], 0)


@pytest.mark.parametrize(("order", "norm"), [(1, "l1"), (2, "l2"), (np.inf, "max")])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_normalize_is_that_of_scikit_learn(order, norm, axis):
    x = rng.normal(size=(6, 4))
    x[2] = 0
    expected = sklearn_normalize(x, norm, axis=axis % 2)
    np.testing.assert_allclose(utils.normalize(x, axis, order), expected, rtol=1e-14)
    assert utils.normalize(x.astype("f4")).dtype == np.float32
    np.testing.assert_allclose(utils.normalize([3, 4]), [0.6, 0.8])


@pytest.mark.parametrize("order", [1, 2, 3, np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normalize_of_numbers_whose_squares_are_too_large_or_small(order, dtype):
    """The length counts, not whether its square is a number: (3, 4) / 5 at every size."""
    info = np.finfo(dtype)
    sizes = np.array([[info.max / 8], [1e20], [1], [1e-20], [info.tiny * 1e8]], dtype)
    rows = np.array([[3, 4]], dtype) * sizes
    length = {1: 7, 2: 5, 3: 91 ** (1 / 3), np.inf: 4}[order]
    expected = np.tile([[3 / length, 4 / length]], (5, 1))
    np.testing.assert_allclose(utils.normalize(rows, order=order), expected, rtol=4 * info.eps)
    np.testing.assert_allclose(utils.normalize(rows.T, 0, order), expected.T, rtol=4 * info.eps)
    np.testing.assert_array_equal(utils.normalize(np.zeros((2, 2), dtype), order=order), 0)


@pytest.fixture
def process_seed(monkeypatch):
    monkeypatch.setattr(annlib.core.random_streams, "_process", [])


def weights():
    model = Sequential([layers.Input((4,)), layers.Dense(3)])
    return model.seed, model.get_weights()[0]


@pytest.mark.usefixtures("process_seed")
def test_a_seed_for_the_process_repeats_models_without_one_and_touches_nothing_else():
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    utils.set_random_seed(7)
    first, second = weights(), weights()
    utils.set_random_seed(7)
    again = weights()
    assert first[0] == again[0] != second[0]
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], second[1])
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert Sequential([layers.Dense(1)], seed=5).seed == 5
    with pytest.raises(ConfigurationError, match="seed"):
        utils.set_random_seed(-1)


def test_show_versions_names_what_matters(capsys):
    annlib.show_versions()
    out = capsys.readouterr().out
    for line in (f"annlib: {annlib.__version__}", f"numpy: {np.__version__}", "threads"):
        assert line in out


def test_clear_session_changes_nothing():
    def first_names_and_weights():
        model = Sequential([layers.Input((2,)), layers.Dense(3), layers.Dense(1)], seed=0)
        return [layer.name for layer in model.layers], [W.tolist() for W in model.weights]

    utils.set_random_seed(3)
    expected, seed = first_names_and_weights(), Sequential().seed
    utils.set_random_seed(3)
    assert utils.clear_session() is annlib.backend.clear_session(free_memory=False) is None
    assert (first_names_and_weights(), Sequential().seed) == (expected, seed)
    assert "nothing" in utils.clear_session.__doc__
