"""Sections 5 and 11: a network of stages, trained on mini-batches, one row after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.reference.layers import (
    activation_6_2,
    activation_7_2,
    bias_gradient_7_3,
    fully_connected_6_1,
    input_gradient_7_3,
    loss_6_3,
    loss_7_1,
    weight_gradient_7_3,
)
from annlib.reference.notation import column_2_1

if TYPE_CHECKING:  # loaded when first used, not with annlib
    from numpy.random import Generator


class FullyConnected:
    """A fully connected layer: its [W^T], (N, M), and its {B}, (N, 1).

    Parameters
    ----------
    Wt : ndarray, (N, M)
        [W^T], to N outputs from M inputs.
    B : array_like, (N, 1) or (N,)
        The biases.

    Examples
    --------
    >>> FullyConnected([[0.5, -1.0]], [0.25]).B.shape
    (1, 1)
    """

    def __init__(self, Wt: Array, B: Array) -> None:
        self.Wt = np.array(Wt, np.float64)
        self.B = np.array(B, np.float64).reshape(-1, 1)


class Activation(NamedTuple):
    """An activation layer, by the name of its function.

    Parameters
    ----------
    function : {"relu", "sigmoid", "tanh", "softmax", "linear"}

    Examples
    --------
    >>> Activation("relu")
    Activation(function='relu')
    """

    function: str


class Network(NamedTuple):
    """Layers in their order, and the loss layer behind them.

    Errata 10: before the loss layer come a fully connected layer of N units and its activation;
    the paper's output stage is "just one loss layer".

    Parameters
    ----------
    layers : sequence of FullyConnected and Activation
    loss : {"half_sum_squared_error", "categorical_crossentropy", "binary_log_loss"}

    Examples
    --------
    >>> network = Network(
    ...     [FullyConnected([[0.5, -1.0]], [0.25]), Activation("relu")], "half_sum_squared_error"
    ... )
    >>> len(network.layers)
    2
    """

    layers: Sequence[FullyConnected | Activation]
    loss: str


Gradients = list[tuple[Array, Array]]


def initialize_5_1(inputs: int, outputs: int, rng: Generator) -> FullyConnected:
    """Random weights and biases between -1 and 1.

    Parameters
    ----------
    inputs, outputs : int, at least 1
        M and N.
    rng : numpy.random.Generator

    Returns
    -------
    FullyConnected

    Examples
    --------
    >>> initialize_5_1(3, 2, np.random.default_rng(0)).Wt.shape
    (2, 3)
    """
    return FullyConnected(rng.uniform(-1, 1, (outputs, inputs)), rng.uniform(-1, 1, (outputs, 1)))


def forward_6(network: Network, X: Array) -> list[Array]:
    """What goes into each layer for the row {X}, and the network's output {A} last.

    Parameters
    ----------
    network : Network
    X : ndarray, (M, 1)
        The row of the table, as a column.

    Returns
    -------
    list of ndarray, (M, 1) and so on
        What goes into each layer, and the output.

    Examples
    --------
    >>> network = Network(
    ...     [FullyConnected([[0.5, -1.0]], [0.25]), Activation("relu")], "half_sum_squared_error"
    ... )
    >>> [value.T.tolist() for value in forward_6(network, column_2_1([3, 1]))]
    [[[3.0, 1.0]], [[0.75]], [[0.75]]]
    """
    values = [X]
    for layer in network.layers:
        if isinstance(layer, FullyConnected):
            values.append(fully_connected_6_1(layer.Wt, values[-1], layer.B))
        else:
            values.append(activation_6_2(layer.function, values[-1]))
    return values


def backward_7(network: Network, values: Sequence[Array], Y: Array) -> Gradients:
    """[D_E,W^T] and {D_E,B} of each fully connected layer, first to last, for one row.

    Parameters
    ----------
    network : Network
    values : sequence of ndarray, (M, 1) and so on
        What ``forward_6`` gave.
    Y : ndarray, (N, 1)
        The targets.

    Returns
    -------
    list of (ndarray, ndarray), (N, M) and (N, 1)

    Examples
    --------
    >>> network = Network(
    ...     [FullyConnected([[0.5, -1.0]], [0.25]), Activation("relu")], "half_sum_squared_error"
    ... )
    >>> values = forward_6(network, column_2_1([3, 1]))
    >>> [(D_EWt, D_EB)] = backward_7(network, values, column_2_1([0]))
    >>> D_EWt, D_EB
    (array([[2.25, 0.75]]), array([[0.75]]))
    """
    gradients: Gradients = []
    D = loss_7_1(network.loss, values[-1], Y)
    for layer, entering in zip(reversed(network.layers), reversed(values[:-1]), strict=True):
        if isinstance(layer, FullyConnected):
            gradients.append((weight_gradient_7_3(D, entering), bias_gradient_7_3(D)))
            D = input_gradient_7_3(layer.Wt, D)
        else:
            D = activation_7_2(layer.function, D, entering)
    return gradients[::-1]


def accumulate_5_2(network: Network, rows_X: Array, rows_Y: Array) -> tuple[float, Gradients]:
    """The loss and the gradients of a mini-batch: those of its rows, added up.

    Parameters
    ----------
    network : Network
    rows_X, rows_Y : ndarray, (nu, M) and (nu, N)
        A row of the table each.

    Returns
    -------
    tuple of float and list of (ndarray, ndarray), (N, M) and (N, 1)

    Examples
    --------
    >>> network = Network(
    ...     [FullyConnected([[0.5, -1.0]], [0.25]), Activation("relu")], "half_sum_squared_error"
    ... )
    >>> loss, _ = accumulate_5_2(network, np.array([[3, 1], [4, 1]]), np.array([[0], [0]]))
    >>> loss
    1.0625
    """
    weighted = [layer for layer in network.layers if isinstance(layer, FullyConnected)]
    total = 0.0
    accumulated = [(np.zeros_like(layer.Wt), np.zeros_like(layer.B)) for layer in weighted]
    for row_X, row_Y in zip(rows_X, rows_Y, strict=True):
        values = forward_6(network, column_2_1(row_X))
        Y = column_2_1(row_Y)
        total += loss_6_3(network.loss, values[-1], Y)
        for sums, gradients in zip(accumulated, backward_7(network, values, Y), strict=True):
            for accumulated_gradient, gradient in zip(sums, gradients, strict=True):
                np.add(accumulated_gradient, gradient, out=accumulated_gradient)
    return total, accumulated


def update_5_2(network: Network, accumulated: Gradients, rho: float) -> None:
    """[W^T] <- [W^T] - rho [D_E,W^T], {B} <- {B} - rho {D_E,B}, with the accumulated gradients.

    Errata 6: for W the paper prints the last row's gradient.

    Parameters
    ----------
    network : Network
        Changed in place.
    accumulated : list of (ndarray, ndarray), (N, M) and (N, 1)
        What ``accumulate_5_2`` gave.
    rho : float, above 0
        The learning rate.

    Examples
    --------
    >>> network = Network(
    ...     [FullyConnected([[0.5, -1.0]], [0.25]), Activation("relu")], "half_sum_squared_error"
    ... )
    >>> update_5_2(network, [(np.array([[1.0, 1.0]]), np.array([[1.0]]))], 0.5)
    >>> network.layers[0].Wt
    array([[ 0. , -1.5]])
    """
    weighted = [layer for layer in network.layers if isinstance(layer, FullyConnected)]
    for layer, (D_EWt, D_EB) in zip(weighted, accumulated, strict=True):
        layer.Wt -= rho * D_EWt
        layer.B -= rho * D_EB


def train_5_2(
    network: Network,
    rows_X: Array,
    rows_Y: Array,
    rho: float,
    batch_size: int,
    orders: Iterable[Sequence[int] | Array],
    mean: bool = False,
) -> None:
    """Train for as many epochs as there are orders of the rows.

    Parameters
    ----------
    network : Network
        Changed in place.
    rows_X, rows_Y : ndarray, (mu, M) and (mu, N)
        A row of the table each.
    rho : float, above 0
        The learning rate.
    batch_size : int, at least 1
        nu: 1 is stochastic, mu is batch gradient descent (5.3).
    orders : iterable of sequences of int, (mu,)
        The shuffled rows of each epoch.
    mean : bool
        Divide what was accumulated by the rows of the mini-batch, as annlib does unless
        ``reduction="sum"`` (errata 14).

    Examples
    --------
    >>> X, Y = np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [3.0], [5.0]])
    >>> network = Network([FullyConnected([[0.0]], [0.0])], "half_sum_squared_error")
    >>> train_5_2(network, X, Y, 0.2, 3, [range(3)] * 200)
    >>> network.layers[0].Wt.round(3), network.layers[0].B.round(3)
    (array([[2.]]), array([[1.]]))
    """
    for order in orders:
        shuffled = np.asarray(order)
        for start in range(0, len(shuffled), batch_size):
            batch = shuffled[start : start + batch_size]
            _, accumulated = accumulate_5_2(network, rows_X[batch], rows_Y[batch])
            update_5_2(network, accumulated, rho / len(batch) if mean else rho)
