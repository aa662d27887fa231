"""The vector: trainable parameters first, in layer order, and every attribute a view."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annlib import initializers, layers
from annlib.core.parameters import ParameterVector
from annlib.optimizers.policy import stretches


def built(*stack, features=3):
    shape = (None, features)
    for index, layer in enumerate(stack):
        layer._auto_name = f"layer_{index}"
        shape = layer._declare(shape)
    return list(stack)


def paths(vector):
    return [entry.path for entry in vector.entries]


def test_trainable_first_then_the_rest_each_in_layer_order():
    stack = built(
        layers.Dense(2),
        layers.BatchNormalization(),
        layers.Dense(2, trainable=False),
        layers.Dense(1),
    )
    vector = ParameterVector(stack, "float32")
    assert paths(vector) == [
        "layer_0/kernel",
        "layer_0/bias",
        "layer_1/gamma",
        "layer_1/beta",
        "layer_3/kernel",
        "layer_3/bias",
        "layer_1/moving_mean",
        "layer_1/moving_variance",
        "layer_2/kernel",
        "layer_2/bias",
    ]
    assert vector.n_trainable == 6 + 2 + 2 + 2 + 2 + 1
    assert vector.size == vector.n_trainable + 2 + 2 + 4 + 2
    assert vector.values.dtype == np.float32


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=6))
def test_the_entries_tile_the_vector(sizes):
    stack = built(*(layers.Dense(units, trainable=trains) for units, trains in sizes))
    vector = ParameterVector(stack, "float64")
    vector.allocate_gradients()
    ends = [0]
    for entry in vector.entries:
        assert entry.where.start == ends[-1]
        ends.append(entry.where.stop)
        assert entry.trainable == (entry.where.stop <= vector.n_trainable)
        for whole, view in (
            (vector.values, getattr(entry.layer, entry.parameter.name)),
            (vector.gradients, entry.layer.gradients[entry.parameter.name]),
        ):
            assert view.shape == entry.parameter.shape
            assert np.shares_memory(whole, view)
            whole[entry.where] = np.arange(view.size)
            np.testing.assert_array_equal(view.ravel(), np.arange(view.size))
    assert ends[-1] == vector.size == sum(layer.count_params() for layer in stack)


def test_a_new_vector_takes_the_values_over():
    first, second = stack = built(layers.Dense(2), layers.Dense(1))
    old = ParameterVector(stack, "float64")
    old.values[...] = np.arange(old.size)
    kernel, last = first.kernel.copy(), second.kernel.copy()
    first.trainable = False
    assert old.outdated()
    new = ParameterVector(stack, "float64")
    assert not new.outdated()
    np.testing.assert_array_equal(first.kernel, kernel)
    np.testing.assert_array_equal(second.kernel, last)
    assert np.shares_memory(first.kernel, new.values)
    assert not np.shares_memory(old.values, new.values)
    assert new.n_trainable == 3


def test_only_fresh_layers_are_initialized_with_their_initializer_and_stream():
    stack = built(
        layers.Dense(2, kernel_initializer=initializers.Constant(5.0), bias_initializer="ones"),
        layers.Dense(2, kernel_initializer="random_normal"),
    )
    vector = ParameterVector(stack, "float64")
    vector.values.fill(-1)
    asked = []

    def stream(entry):
        asked.append(entry.path)
        return np.random.default_rng(3)

    vector.initialize(stream, [stack[1]])
    assert asked == ["layer_1/kernel", "layer_1/bias"]
    assert (stack[0].kernel == -1).all()
    expected = initializers.RandomNormal()((2, 2), "float64", np.random.default_rng(3))
    np.testing.assert_array_equal(stack[1].kernel, expected)
    vector.initialize(stream, stack)
    assert (stack[0].kernel == 5).all()
    assert (stack[0].bias == 1).all()


def test_a_vector_that_only_predicts_has_no_gradients():
    (layer,) = stack = built(layers.Dense(2))
    vector = ParameterVector(stack, "float32")
    assert vector.gradients.size == 0
    assert not layer.gradients
    vector.allocate_gradients()
    gradients = vector.gradients
    vector.allocate_gradients()
    assert vector.gradients is gradients
    assert layer.gradients.keys() == {"kernel", "bias"}


def test_penalized_entries_are_those_with_a_regularizer():
    stack = built(layers.Dense(2, kernel_regularizer="l2"), layers.Dense(2, bias_regularizer="l1"))
    vector = ParameterVector(stack, "float32")
    assert [e.path for e in vector.penalized()] == ["layer_0/kernel", "layer_1/bias"]


def test_layers_without_parameters_make_an_empty_vector():
    vector = ParameterVector(built(layers.Dropout(0.5)), "float32")
    vector.allocate_gradients()
    assert vector.size == vector.n_trainable == 0
    assert vector.entries == []


@given(st.dictionaries(st.integers(0, 30), st.integers(0, 2)))
def test_stretches_cover_the_same_and_are_as_few_as_can_be(values):
    merged = stretches((slice(i, i + 1), values[i]) for i in sorted(values))
    assert {i: value for s, value in merged for i in range(s.start, s.stop)} == values
    for (one, value), (other, another) in itertools.pairwise(merged):
        assert one.stop < other.start or (one.stop == other.start and value != another)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_neighbours_are_contiguous_in_memory(dtype):
    vector = ParameterVector(built(layers.Dense(4), layers.Dense(2)), dtype)
    assert vector.values.flags.c_contiguous
    for entry in vector.entries:
        assert getattr(entry.layer, entry.parameter.name).flags.c_contiguous
