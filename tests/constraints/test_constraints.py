"""Constraints make of a parameter what Keras' make of it."""

from __future__ import annotations

import numpy as np
import pytest
from golden import recorded
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from annlib import Sequential, constraints, layers
from annlib.constraints import MaxNorm, NonNeg
from annlib.core.errors import ConfigurationError

RECORDS = recorded("constraints")["constraints"]
matrices = hnp.arrays(float, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.floats(-10, 10))


def projected(constraint, W):
    """What becomes of a copy of W, which must happen in place."""
    W = np.array(W)
    assert constraint(W) is None
    return W


@pytest.mark.parametrize(
    "record", RECORDS["records"], ids=lambda r: f"{r['class']}-{r['config']}-{r['input']}"
)
def test_projections_are_those_of_keras(record):
    constraint = getattr(constraints, record["class"])(**record["config"])
    W = RECORDS["inputs"][record["input"]]
    np.testing.assert_allclose(projected(constraint, W), record["output"], rtol=1e-12)


@given(matrices)
def test_non_neg_keeps_what_is_positive_and_nothing_else(W):
    after = projected(NonNeg(), W)
    assert (after >= 0).all()
    np.testing.assert_array_equal(after[W > 0], W[W > 0])
    assert not after[W <= 0].any()


@given(matrices, st.floats(0.1, 5), st.sampled_from([0, 1]))
def test_max_norm_limits_norms_and_keeps_directions(W, limit, axis):
    after = projected(MaxNorm(limit, axis), W)
    before_norms, norms = (np.linalg.norm(a, axis=axis, keepdims=True) for a in (W, after))
    assert (norms <= limit * (1 + 1e-9)).all()
    np.testing.assert_allclose(norms, np.minimum(before_norms, limit), rtol=1e-4, atol=2e-7)
    np.testing.assert_allclose(after * before_norms, W * norms, rtol=1e-9, atol=1e-12)


def test_a_model_satisfies_its_constraints_after_training():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2)) * 10
    layer = layers.Dense(2, kernel_constraint=MaxNorm(0.5), bias_constraint="non_neg")
    model = Sequential([layer], seed=0)
    model.compile("adam", "mse")
    model.fit(x, y - 20, epochs=5, verbose=0)
    assert (np.linalg.norm(layer.kernel, axis=0) <= 0.5 + 1e-6).all()
    assert (layer.bias >= 0).all()


def test_a_limit_is_positive():
    with pytest.raises(ConfigurationError, match="max_value"):
        MaxNorm(0)


def test_none_is_none_and_names_are_found():
    assert constraints.get(None) is None
    assert constraints.get("max_norm") == MaxNorm(2)
