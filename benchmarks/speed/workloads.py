"""The work: networks, batches and data, the same for every contender."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Workload(NamedTuple):
    """One row of the table."""

    name: str
    sizes: tuple[int, ...]
    rows: int
    batch: int = 32
    kind: str = "train"  # or "fit", "predict", "latency"
    epochs: int = 1
    normalized: bool = False  # BatchNormalization and Dropout(0.2) behind every hidden layer

    @property
    def is_regression(self) -> bool:
        return self.sizes[-1] == 1

    @property
    def steps(self) -> int:
        """Steps of one epoch."""
        return self.rows // self.batch

    @property
    def network(self) -> str:
        return "-".join(map(str, self.sizes)) + (" BN, Dropout" if self.normalized else "")


MNIST = (784, 128, 64, 10)
WIDE = (784, 512, 512, 10)

WORKLOADS = {
    workload.name: workload
    for workload in [
        Workload("T1", (20, 64, 64, 1), 20_000),
        Workload("T2", (784, 10), 12_800),
        Workload("T3", (784, 64, 10), 12_800),
        Workload("T4", MNIST, 12_800),
        Workload("T4-128", MNIST, 25_600, 128),
        Workload("T5", WIDE, 6_400, 128),
        Workload("T6", WIDE, 20_000, 2000),
        Workload("T7", (784, 2048, 2048, 10), 2_560, 512),
        Workload("T8", WIDE, 6_400, 128, normalized=True),
        Workload("T9", (30, 256, 256, 1), 25_600, 256),
        # One member of a pack of four, each with weights of its own.
        Workload("M1", (30, 128, 128, 1), 25_600, 256),
        # Five epochs with all that a fit is: a model, its first step, its end.
        Workload("F1", (20, 64, 64, 1), 1_000, kind="fit", epochs=5),
        Workload("P1", MNIST, 1, 1, kind="latency"),
        Workload("P2", MNIST, 100_000, kind="predict"),
    ]
}


def data(work: Workload) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets: numbers in [0, 1), and labels or a smooth function of them."""
    rng = np.random.default_rng(0)
    X = rng.random((work.rows, work.sizes[0]), np.float32)
    if work.is_regression:
        return X, np.sin(X.sum(axis=1, keepdims=True) / 2).astype(np.float32)
    teacher = rng.standard_normal((work.sizes[0], work.sizes[-1]), np.float32)
    return X, np.argmax((X - 0.5) @ teacher, axis=1)


def images(rows: int = 60_000) -> tuple[np.ndarray, np.ndarray]:
    """Unsigned bytes of MNIST's shape, for the memory row."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (rows, 784), np.uint8), rng.integers(0, 10, rows)
