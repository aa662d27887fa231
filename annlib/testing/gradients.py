"""The gradient check: a derivative against nothing but the function itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import SEED_BITS, check_count, check_number, to_array
from annlib.core.errors import ConfigurationError, show
from annlib.core.finite_differences import central
from annlib.core.tracebacks import with_short_tracebacks


@with_short_tracebacks
def check_gradient(
    f: Callable[[Array], Any],
    gradient: Any,
    at: Any,
    *,
    relative: float = 1e-6,
    step: float = 1e-5,
    directions: int = 3,
    seed: int = 0,
) -> None:
    """Check that ``gradient`` is df/dx at the point ``at``, by differences along directions.

    Along a random direction d the derivative is the sum of gradient * d, and central differences
    of fourth order tell it from f alone, in float64. No element of d is small, so none can hide.

    Parameters
    ----------
    f : callable
        From an array of the shape of ``at`` to a number.
    gradient : array_like, of the shape of ``at``, or callable from an array to one
        What to check.
    at : array_like, of any shape
        The point; choose one where f has no kink.
    relative : float, above 0
        The largest error, relative to the derivative's and the gradient's size.
    step : float, above 0
        The differences are taken 1 and 2 of these to either side.
    directions : int, at least 1
        How many are tried.
    seed : int, at least 0
        Another seed draws other directions.

    Raises
    ------
    AssertionError
        With the direction, the derivative along it and what ``gradient`` makes of it.
    ConfigurationError
        For a number out of its range, or an f that is no function.

    Examples
    --------
    >>> import numpy as np
    >>> check_gradient(lambda x: np.sum(x**3), lambda x: 3 * x**2, at=[1.0, 2.0])
    >>> check_gradient(lambda x: np.sum(x**3), [3.0, 3.0], at=[1.0, 2.0])
    Traceback (most recent call last):
        ...
    AssertionError: check_gradient: expected a derivative of 8.801042428 along the direction
    array([0.76978671, 0.54097352]), which differences of f give, got 3.932280713 from the
    gradient. The relative error is 5.5e-01.
    """
    where = "check_gradient"
    if not callable(f):
        raise ConfigurationError(f"{where}: expected f as a function, got {show(f)}.")
    check_number(relative, where, "relative", "(0, inf)")
    step = float(check_number(step, where, "step", "(0, inf)"))
    check_count(directions, where, "directions")
    seed = check_count(seed, where, "seed", 0, SEED_BITS)
    x = to_array(at, where, "at", np.float64)
    value = gradient(x.copy()) if callable(gradient) else gradient
    found = to_array(value, where, "gradient", np.float64)
    if found.shape != x.shape:
        raise AssertionError(
            f"check_gradient: expected a gradient of the shape of x, {x.shape}, got {found.shape}."
        )
    rng = np.random.default_rng(seed)
    for _ in range(directions):
        direction = rng.choice([-1.0, 1.0], size=x.shape) * rng.uniform(0.5, 1.5, size=x.shape)
        values: list[float] = []

        def along(t: float, d: Array = direction, values: list[float] = values) -> float:
            values.append(float(f(x + t * d)))
            return values[-1]

        numeric = central(along, step)
        analytic = float(np.sum(found * direction))
        scale = max(abs(numeric), float(np.linalg.norm(found)))
        # Below this, rounding in f itself is all that the difference shows.
        noise = 1e-15 / step * max(1.0, *map(abs, values))
        if not abs(analytic - numeric) <= relative * scale + noise:
            raise AssertionError(
                f"check_gradient: expected a derivative of {numeric:.10g} along the direction "
                f"{direction!r}, which differences of f give, got {analytic:.10g} from the "
                f"gradient. The relative error is {abs(analytic - numeric) / (scale or 1):.1e}."
            )
