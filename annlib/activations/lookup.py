"""From what a user writes for an activation to an activation."""

from __future__ import annotations

from typing import Any

from annlib.activations.base import Activation, registry
from annlib.activations.elementwise import Elementwise
from annlib.core.errors import ConfigurationError, show
from annlib.core.other_names import meant_by
from annlib.core.tracebacks import with_short_tracebacks


@with_short_tracebacks
def get(identifier: Any, where: str = "activations.get") -> Activation:
    """The activation that an argument stands for.

    Parameters
    ----------
    identifier : str, Activation, type, dict, (function, derivative) or None
        A registered name, an object or what ``get_config`` gave; None is the identity, as in Keras,
        and two functions in a tuple are a function and its derivative: see ``Elementwise``.
    where : str
        What a message begins with.

    Returns
    -------
    Activation

    Raises
    ------
    UnknownNameError
        For a name that is not registered; the message has the nearest.
    ConfigurationError
        For a function without its derivative, and anything else.

    Examples
    --------
    >>> import numpy as np
    >>> get("relu")([-1.0, 2.0])
    array([0., 2.])
    >>> get((np.sin, np.cos))([0.0, np.pi / 2])
    array([0., 1.])
    """
    if identifier is None:
        return registry.get("linear")
    if isinstance(identifier, tuple) and len(identifier) == 2 and all(map(callable, identifier)):
        return Elementwise(*identifier)
    if callable(identifier) and not isinstance(identifier, type | Activation):
        called = str(getattr(identifier, "__name__", ""))
        known = registry.attribute(called.lower())
        name = f'"{known._names[0]}"' if known else meant_by("activation", called, ())
        raise ConfigurationError(
            f"{where}: expected a function with its derivative, got {show(identifier)} alone. "
            f"{f'Did you mean {name}? ' if name else ''}Pass both, (function, derivative), each "
            "from an array to an array of its shape."
        )
    return registry.get(identifier, where)
