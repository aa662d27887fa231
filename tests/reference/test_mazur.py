"""Mazur's worked example of backpropagation, the paper's reference [2], to all printed digits.

https://mattmazur.com/2015/03/17/a-step-by-step-backpropagation-example/
"""

from __future__ import annotations

import numpy as np

from annlib import Sequential, layers, losses, optimizers, reference

FIRST = np.array([[0.15, 0.25], [0.20, 0.30]])
SECOND = np.array([[0.40, 0.50], [0.45, 0.55]])
X, Y = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])


def test_the_engine():
    model = Sequential([layers.Dense(2, "sigmoid"), layers.Dense(2, "sigmoid")], dtype="float64")
    model.build((None, 2))
    model.set_weights([FIRST, [0.35, 0.35], SECOND, [0.60, 0.60]])
    model.compile(optimizers.SGD(0.5), losses.HalfSumSquaredError(reduction="sum"))
    assert f"{model.predict(X)[0, 0]:.8f}" == "0.75136507"
    assert f"{model.evaluate(X, Y):.9f}" == "0.298371109"
    # His update leaves the biases alone, which changes no weight of the first step.
    model.train_on_batch(X, Y)
    first, _, second, _ = model.get_weights()
    assert f"{first[0, 0]:.9f}" == "0.149780716"  # w1
    assert f"{first[1, 0]:.9f}" == "0.199561432"  # w2
    assert f"{first[0, 1]:.9f}" == "0.249751144"  # w3
    assert f"{first[1, 1]:.9f}" == "0.299502287"  # w4
    assert f"{second[0, 0]:.8f}" == "0.35891648"  # w5
    assert f"{second[1, 0]:.9f}" == "0.408666186"  # w6
    assert f"{second[0, 1]:.9f}" == "0.511301270"  # w7
    assert f"{second[1, 1]:.9f}" == "0.561370121"  # w8


def test_the_reference():
    hidden = reference.FullyConnected(FIRST.T, [0.35, 0.35])
    output = reference.FullyConnected(SECOND.T, [0.60, 0.60])
    sigmoid = reference.Activation("sigmoid")
    network = reference.Network([hidden, sigmoid, output, sigmoid], "half_sum_squared_error")
    total, accumulated = reference.accumulate_5_2(network, X, Y)
    assert f"{total:.9f}" == "0.298371109"
    reference.update_5_2(network, accumulated, 0.5)
    assert f"{hidden.Wt[0, 0]:.9f}" == "0.149780716"
    assert f"{output.Wt[0, 0]:.8f}" == "0.35891648"
