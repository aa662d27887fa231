"""Loss and metrics of the one output that there is, as Keras takes them for several outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from annlib.core.errors import ConfigurationError, quote, show
from annlib.layers import Layer
from annlib.metrics import Metric


def loss_of_output(given: Any, layers: Sequence[Layer]) -> Any:
    """The loss itself of ``["mse"]`` or ``{"out": "mse"}``; anything else as it is.

    Raises
    ------
    ConfigurationError
        If there is another number of losses, or a name that is not that of the last layer.
    """
    if isinstance(given, dict):
        given = _of_last_layer(given, "loss", layers)
        given = [None] if given is None else given
    if not isinstance(given, list) and not (isinstance(given, tuple) and len(given) != 2):
        return given  # two functions in a tuple are one loss
    if len(given) != 1 or given[0] is None:
        raise ConfigurationError(
            f"compile.loss: expected one loss for the one output, got {show(given)}. Write "
            'loss="mse", or whichever it is.'
        )
    return given[0]


def metrics_of_output(given: Any, argument: str, layers: Sequence[Layer]) -> Sequence[Any] | None:
    """The metrics of ``"mae"``, ``[["mae"]]`` or ``{"out": ["mae"]}`` as a list; a list as it is.

    Raises
    ------
    ConfigurationError
        For a name that is not that of the last layer, and for what holds no metrics.
    """
    if isinstance(given, dict):
        given = _of_last_layer(given, argument, layers) if given else []
        given = [None] if given is None else given
    if isinstance(given, str | Metric | dict | type) or callable(given):
        return [given]
    if not isinstance(given, list | tuple | None):
        raise ConfigurationError(
            f"Sequential.compile: expected {argument} as a list, got {show(given)}. "
            f'Write {argument}=["accuracy"], or whichever it is.'
        )
    found: list[Any] = []
    for one in given or ():
        found.extend(one if isinstance(one, list | tuple) else [one])
    return None if given is None else found


def _of_last_layer(given: Any, argument: str, layers: Sequence[Layer]) -> Any:
    """What a dictionary by the names of outputs has for the only one."""
    if not isinstance(given, dict) or given.keys() == {"class_name", "config"}:
        return given
    names = [layer.name for layer in layers]
    if not names or list(given) != names[-1:]:
        wrong = next((name for name in given if name not in names[-1:]), None)
        got = show(given) if wrong is None else quote(wrong)
        what = f'the name of the last layer, "{names[-1]}"' if names else "a model with layers"
        known = ", which is not the last" if wrong in names else ", which names no layer"
        raise ConfigurationError(
            f"compile.{argument}: expected {what}, for a dictionary by outputs, got {got}"
            f"{known if wrong is not None and names else ''}. A network has one output: pass what "
            "the dictionary has for it."
        )
    return given[names[-1]]
