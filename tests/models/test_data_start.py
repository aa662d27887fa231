"""``initialize_from_data``: first weights that fit the data, by the model's seed."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from annlib import Sequential, layers
from annlib.core.errors import ConfigurationError, DataError, ShapeError


@pytest.fixture
def rng():
    return np.random.default_rng(31)


@pytest.fixture
def x(rng):
    return rng.normal(size=(400, 5)) * [1, 10, 0.1, 1, 100] + [0, 50, 3, -1, 0]


def pre_activations(model, x):
    """What the activation of each fully connected layer gets."""
    found, inputs = [], x.astype(model.dtype)
    for place, layer in enumerate(model.layers):
        if hasattr(layer, "units"):
            kernel, *bias = layer.get_weights()[:2] if layer.use_bias else layer.get_weights()[:1]
            if getattr(layer, "use_scale", False):
                kernel = kernel * layer.scale[..., np.newaxis]
            subscripts = "nki,kio->nko" if inputs.ndim == 3 else "ni,kio->nko"
            product = inputs @ kernel if kernel.ndim == 2 else np.einsum(subscripts, inputs, kernel)
            found.append(product + (bias[0] if bias else 0))
        inputs = Sequential(model.layers[: place + 1], dtype=model.dtype).predict(x)
    return found


STACKS = {
    "dense": lambda: [layers.Dense(8, "relu"), layers.Dropout(0.5), layers.Dense(3, "softmax")],
    "members": lambda: [
        layers.BatchedDense(3, 8, use_scale=True),
        layers.ParametricActivation("mish"),
        layers.BatchedDense(3, 2, "softmax", use_bias=False),
    ],
}


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_unit_varies_by_one_and_bends_among_the_rows(stack, dtype, x):
    model = Sequential(stack(), seed=0, dtype=dtype)
    model.initialize_from_data(x, rows=400)
    for Z in pre_activations(model, x):
        np.testing.assert_allclose(Z.std(axis=0), 1, rtol=2e-3)
    first = pre_activations(model, x)[0].reshape(400, -1)
    assert ((first.min(axis=0) < 0) & (first.max(axis=0) > 0)).all()
    assert len(np.unique(first[0])) == first.shape[1]


def test_it_is_drawn_by_the_seed(x):
    def start(seed, times=1):
        model = Sequential(STACKS["members"](), seed=seed)
        for _ in range(times):
            model.initialize_from_data(x, rows=50)
        return model.get_weights()

    for one, other in zip(start(3), start(3), strict=True):
        np.testing.assert_array_equal(one, other)
    assert any((one != other).any() for one, other in zip(start(3), start(4), strict=True))
    for one, other in zip(start(3), start(3, times=2), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_the_output_may_stay_and_frozen_layers_do(x):
    model = Sequential(
        [layers.Dense(4, trainable=False), layers.Dense(4, "tanh"), layers.Dense(1)], seed=0
    )
    model.build((None, 5))
    before = model.get_weights()
    model.initialize_from_data(x, output=False)
    changed = [(one != other).any() for one, other in zip(before, model.get_weights(), strict=True)]
    assert changed == [False, False, True, True, False, False]


def test_a_unit_without_variation_keeps_its_kernel(rng):
    x = np.full((30, 2), 7.0)
    model = Sequential([layers.Dense(3)], seed=0)
    model.build((None, 2))
    before = model.get_weights()[0]
    model.initialize_from_data(x)
    np.testing.assert_array_equal(model.get_weights()[0], before)
    np.testing.assert_allclose(model.predict(x), 0, atol=1e-5)


def test_batches_sparse_rows_and_one_row(x):
    whole = Sequential([layers.Dense(4)], seed=0, dtype="float64")
    whole.initialize_from_data(x, rows=400)
    kernel = whole.layers[0].kernel
    for data in (iter([x[:300], x[300:]]), csr_array(x)):
        model = Sequential([layers.Dense(4)], seed=0, dtype="float64")
        model.initialize_from_data(data, rows=400)
        np.testing.assert_allclose(model.layers[0].kernel, kernel, rtol=1e-9)
    model = Sequential([layers.Dense(4)], seed=0)
    model.initialize_from_data(x[:1])
    assert np.isfinite(model.get_weights()[0]).all()


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"rows": 0}, ConfigurationError, "rows"),
        ({"points": 1.5}, ConfigurationError, "points"),
        ({"output": 1}, ConfigurationError, "output"),
        ({"x": [[1.0, np.nan]]}, DataError, "NaN"),
        ({"x": np.ones((4, 6))}, ShapeError, "5"),
    ],
)
def test_bad_input_changes_nothing(arguments, error, match, x):
    model = Sequential([layers.Dense(4)], seed=0)
    model.build((None, 5))
    before = model.get_weights()
    with pytest.raises(error, match=match):
        model.initialize_from_data(**{"x": x, **arguments})
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
