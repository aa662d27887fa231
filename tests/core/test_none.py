"""What ``get(None)`` is, in each family as in Keras."""

from __future__ import annotations

import numpy as np
import pytest

from annlib import (
    Sequential,
    activations,
    constraints,
    initializers,
    layers,
    load_model,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from annlib.core.errors import ConfigurationError


@pytest.mark.parametrize(
    "family", [constraints, initializers, losses, metrics, optimizers, regularizers]
)
def test_none_is_none(family):
    assert family.get(None) is None
    for other in (False, 0, "", ()):
        with pytest.raises(ConfigurationError):
            family.get(other)


def test_no_activation_is_linear():
    assert activations.get(None) == activations.Linear()


def test_a_layer_without_an_initializer_takes_that_of_add_weight(tmp_path):
    made = []
    for initializer in (None, "glorot_uniform"):
        model = Sequential([layers.Dense(4, kernel_initializer=initializer)], seed=0)
        model.build((None, 3))
        made.append(model.get_weights())
    np.testing.assert_array_equal(made[0][0], made[1][0])
    model = Sequential([layers.Dense(4, kernel_initializer=None)], seed=0)
    model.build((None, 3))
    model.save(tmp_path / "m")
    assert load_model(tmp_path / "m").layers[0].kernel_initializer is None
