"""What the engine costs beside the arithmetic: a training step against the same step by hand.

By hand means the bare NumPy calls of forward, loss value, backward and Adam on preallocated
arrays, all parameters in one vector, with nothing around them: no layers, no checks, no shapes.
Both run in turn in one process; the ratio of the medians is what annlib's structure costs.

    python -m benchmarks.step_overhead
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable

import numpy as np

from annlib import Sequential, layers
from annlib.data import Batch
from annlib.training.loop import train_step

ALTERNATIONS = 7
WORKLOADS = [
    ((20, 64, 64, 1), 32, "mse"),
    ((784, 128, 64, 10), 32, "sparse_categorical_crossentropy"),
    ((784, 128, 64, 10), 128, "sparse_categorical_crossentropy"),
]


def by_hand(
    sizes: tuple[int, ...], X: np.ndarray, y: np.ndarray, start: list[np.ndarray]
) -> tuple[Callable[[], float], np.ndarray]:
    """The step as bare calls; returns it with the vector that it trains."""
    n, f4 = len(X), np.float32
    count = sum(w.size for w in start)
    theta, grad, m, v, scratch = (np.zeros(count, f4) for _ in range(5))
    weights, gradients, at = [], [], 0
    for w in start:
        theta[at : at + w.size] = w.ravel()
        weights.append(theta[at : at + w.size].reshape(w.shape))
        gradients.append(grad[at : at + w.size].reshape(w.shape))
        at += w.size
    W, b, dW, db = weights[::2], weights[1::2], gradients[::2], gradients[1::2]
    depth = len(W)
    Z = [np.empty((n, size), f4) for size in sizes[1:]]
    dX = [np.empty((n, size), f4) for size in sizes[1:-1]]
    masks = [np.empty((n, size), bool) for size in sizes[1:-1]]
    ones, units = np.ones(n, f4), np.ones(sizes[-1], f4)
    D, P, L = (np.empty((n, sizes[-1]), f4) for _ in range(3))
    T, peak, total, E = (
        np.empty((sizes[-1], n), f4),
        np.empty(n, f4),
        np.empty(n, f4),
        np.empty(n, f4),
    )
    starts = np.arange(0, n * sizes[-1], sizes[-1])
    positions, at_label = np.empty(n, np.intp), np.empty(n, f4)
    t = 0

    def squared_error() -> float:
        np.subtract(Z[-1], y, out=D)
        np.einsum("ij,ij->i", D, D, out=E)
        value = float(np.dot(E, ones)) / n
        np.multiply(D, 2 / n, out=D)
        return value

    def crossentropy() -> float:
        logits = Z[-1]
        np.copyto(T, logits.T)
        np.maximum.reduce(T, axis=0, out=peak)
        np.subtract(logits, peak.reshape(n, 1), out=P)
        np.copyto(L, P)
        np.exp(P, out=P)
        np.dot(P, units, out=total)
        np.divide(P, total.reshape(n, 1), out=P)
        np.subtract(L, np.log(total, out=total).reshape(n, 1), out=L)
        np.add(starts, y, out=positions)
        np.take(L.reshape(-1), positions, out=E, mode="clip")
        value = -float(np.dot(E, ones)) / n
        np.copyto(D, P)
        np.take(P.reshape(-1), positions, out=at_label, mode="clip")
        np.subtract(at_label, 1, out=at_label)
        np.put(D.reshape(-1), positions, at_label, mode="clip")
        np.multiply(D, 1 / n, out=D)
        return value

    loss = squared_error if sizes[-1] == 1 else crossentropy

    def step() -> float:
        nonlocal t
        A = X
        for i in range(depth):
            np.dot(A, W[i], out=Z[i])
            np.add(Z[i], b[i], out=Z[i])
            if i < depth - 1:
                np.maximum(Z[i], 0, out=Z[i])
            A = Z[i]
        value = loss()
        dZ = D
        for i in range(depth - 1, -1, -1):
            np.dot((Z[i - 1] if i else X).T, dZ, out=dW[i])
            np.dot(ones, dZ, out=db[i])
            if i:
                np.dot(dZ, W[i].T, out=dX[i - 1])
                np.greater(Z[i - 1], 0, out=masks[i - 1])
                np.multiply(dX[i - 1], masks[i - 1], out=dX[i - 1])
                dZ = dX[i - 1]
        t += 1
        root = math.sqrt(1 - 0.999)
        alpha = 0.001 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t) * (1 - 0.9) / root
        np.multiply(m, 0.9, out=m)
        np.add(m, grad, out=m)
        np.multiply(v, 0.999, out=v)
        np.multiply(grad, grad, out=scratch)
        np.add(v, scratch, out=v)
        np.sqrt(v, out=scratch)
        np.add(scratch, 1e-7 / root, out=scratch)
        np.divide(m, scratch, out=scratch)
        np.multiply(scratch, alpha, out=scratch)
        np.subtract(theta, scratch, out=theta)
        return value

    return step, theta


def network(sizes: tuple[int, ...], loss: str) -> Sequential:
    """The same network in annlib."""
    hidden = [layers.Dense(size, activation="relu") for size in sizes[1:-1]]
    output = layers.Dense(sizes[-1], activation=None if loss == "mse" else "softmax")
    model = Sequential([*hidden, output], seed=0)
    model.build((None, sizes[0]))
    model.compile("adam", loss)
    return model


def seconds(step: Callable[[], float], repeats: int) -> float:
    """The time of one step."""
    started = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - started) / repeats


def compare(
    sizes: tuple[int, ...], batch: int, loss: str, repeats: int
) -> tuple[float, float, float]:
    """Medians of annlib's and of the bare step, and the relative difference of the weights."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((batch, sizes[0]), np.float32)
    y: np.ndarray = rng.standard_normal((batch, 1), np.float32)
    if loss != "mse":
        y = rng.integers(0, sizes[-1], batch)
    model = network(sizes, loss)
    bare, theta = by_hand(sizes, X, y, model.get_weights())
    step, data = model._functions.step, Batch(X, y, None)

    def ours() -> float:
        return train_step(step, data)

    for _ in range(20):
        ours()
        bare()
    trained = model.vector.values
    difference = float(np.abs(trained - theta).max() / np.abs(theta).max())
    times = [(seconds(ours, repeats), seconds(bare, repeats)) for _ in range(ALTERNATIONS)]
    return (
        statistics.median(a for a, _ in times),
        statistics.median(b for _, b in times),
        difference,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=1000, help="steps in each of 7 turns")
    repeats = parser.parse_args().repeats
    print(
        f"{'network':<16}{'batch':>6}{'annlib us':>12}{'by hand us':>12}{'ratio':>8}  same weights"
    )
    for sizes, batch, loss in WORKLOADS:
        ours, bare, difference = compare(sizes, batch, loss, repeats)
        print(
            f"{'-'.join(map(str, sizes)):<16}{batch:>6}{ours * 1e6:>12.1f}{bare * 1e6:>12.1f}"
            f"{ours / bare:>8.2f}  to {difference:.0e}"
        )


if __name__ == "__main__":
    main()
