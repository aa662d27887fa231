"""What a file may hold at most: more would take time or memory out of proportion to its size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from annlib.core.errors import ModelFormatError
from annlib.saving.serializable import check_names

# What a file may have at most: more would take minutes to put together.
_MOST_LAYERS = 1000
_MOST_METRICS = 100
# The thresholds of all metrics of a file, times their labels, for which they take memory.
_MOST_COUNTED = 2**21


def check_header(header: Mapping[str, Any]) -> None:
    """Refuse what would cost time or memory out of proportion, or play tricks on a terminal."""
    parts = ("config", "layers", "compiled", "class_name", "arguments")
    check_names({key: header[key] for key in parts if key in header}, "header")
    layers, compiled = header["config"]["layers"], header["compiled"] or {}
    _at_most(_MOST_LAYERS, "layers", max(len(layers) - 1, len(header["layers"])))
    check_metrics([*compiled.get("metrics", ()), *compiled.get("weighted_metrics", ())])


def check_metrics(configs: Sequence[Any]) -> None:
    """Refuse metrics that would take memory out of proportion."""
    _at_most(_MOST_METRICS, "metrics", len(configs))
    _at_most(_MOST_COUNTED, "thresholds and labels of metrics", sum(map(_counted, configs)))


def _at_most(most: int, what: str, count: int) -> None:
    if count > most:
        raise ModelFormatError(f"file: expected at most {most} {what}, got {count}.")


def _counted(metric: Any) -> int:
    """What a metric may take memory for: the product of all that it counts."""
    if isinstance(metric, dict):
        return math.prod(max(1, _counted(value)) for value in metric.values())
    return len(metric) if isinstance(metric, list) else abs(metric) if type(metric) is int else 1
