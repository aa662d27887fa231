"""The limits on a gradient: on each element, on each parameter's norm, or on the norm of all."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.errors import ConfigurationError


def check_limits(where: str, **limits: float | None) -> None:
    """Raise ``ConfigurationError`` unless at most one is given, and that one above zero."""
    given = [name for name, limit in limits.items() if limit is not None]
    if len(given) > 1:
        raise ConfigurationError(
            f"{where}: expected at most one limit, got {' and '.join(given)}. Leave out all but "
            "one: they would act one after the other."
        )
    for name in given:
        check_number(limits[name], where, name, "(0, inf)")


def clip(
    gradient: Array,
    parameters: Sequence[Array],
    clipnorm: float | None,
    clipvalue: float | None,
    global_clipnorm: float | None,
) -> None:
    """Keep a gradient within the limit that is given; ``parameters`` are its parts, as views."""
    if clipvalue is not None:
        np.clip(gradient, -clipvalue, clipvalue, out=gradient)
    elif global_clipnorm is not None:
        _scale_down(gradient, global_clipnorm)
    elif clipnorm is not None:
        for part in parameters:
            _scale_down(part, clipnorm)


def _scale_down(vector: Array, limit: float) -> None:
    length = norm(vector)
    if length > limit:
        np.multiply(vector, limit / length, out=vector)


def norm(vector: Array) -> float:
    """The Euclidean norm, also where the squares overflow."""
    with np.errstate(over="ignore"):  # the result tells
        length = float(np.sqrt(np.dot(vector, vector)))
    if math.isinf(length) and math.isfinite(largest := float(np.abs(vector).max())):
        length = largest * norm(vector / largest)
    return length
