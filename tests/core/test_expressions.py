"""What a part says that it computes is what it computes."""

from __future__ import annotations

import numpy as np
import pytest
from cases import ACTIVATIONS, DEEP, FLAT, LAYERS, as_given

from annlib import Sequential, layers
from annlib.core.expression import express


@pytest.mark.parametrize("row", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize("shape", [(6, 4), (3, 2, 4)], ids=str)
def test_of_activations(row, shape):
    activation = row.make()
    Z = np.random.default_rng(0).normal(size=shape) * 3
    Z.flags.writeable = False
    expected = activation(Z)
    found = express(activation, Z)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)
    assert express(activation, Z.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("row", [row for row in LAYERS if row.cls is not layers.Input], ids=repr)
def test_of_layers(row):
    for shape in getattr(row, "shapes", [FLAT, DEEP]):
        layer = row.make()
        model = Sequential([layer], dtype="float64", seed=0)
        model.build((None, *shape))
        rng = np.random.default_rng(0)
        for weight in model._network.weights:
            weight[...] = rng.uniform(0.3, 1.5, weight.shape)
        x = rng.normal(size=(4, *shape))
        if layer.codes or layer.encodes:
            x = rng.integers(0, layer.codes, (4, *shape))
        elif layer.takes_codes:
            x = np.abs(x).round()
        expected = model.predict(as_given(layer, x))
        y = layer.encode(as_given(layer, x), "here", "x") if layer.encodes else x
        y.flags.writeable = False
        for part in model.layers:
            y = express(part, y)
        assert y.dtype == expected.dtype
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
