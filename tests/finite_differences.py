"""Gradients checked against nothing but the function itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

STEP = 1e-5
RELATIVE = 1e-6


def assert_gradient(
    f: Callable[[np.ndarray], float], x: np.ndarray, gradient: np.ndarray, directions: int = 3
) -> None:
    """``gradient`` is df/dx at x: central differences of fourth order along random directions.

    Every element of a direction is +-1 times its own size, so that no element can hide; the error
    is relative to the size that such a product has.
    """
    rng = np.random.default_rng(0)
    assert gradient.shape == x.shape
    for _ in range(directions):
        direction = rng.choice([-1.0, 1.0], size=x.shape) * rng.uniform(0.5, 1.5, size=x.shape)
        by = {step: f(x + step * STEP * direction) for step in (-2, -1, 1, 2)}
        expected = (8 * (by[1] - by[-1]) - (by[2] - by[-2])) / (12 * STEP)
        found = float(np.sum(gradient * direction))
        scale = max(abs(expected), float(np.linalg.norm(gradient)))
        # Below this, rounding in f itself is all that the difference shows.
        noise = 1e-10 * max(1.0, *map(abs, by.values()))
        assert abs(found - expected) <= RELATIVE * scale + noise, (found, expected)
