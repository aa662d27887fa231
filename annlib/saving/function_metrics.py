"""Metrics that are plain functions: a file holds their names, and its reader the functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from annlib.core.errors import UnknownNameError
from annlib.metrics import MeanMetricWrapper, registry
from annlib.training.compiled import Compiled

_LISTS = ("metrics", "weighted_metrics")


def distinguish(compiled: Compiled, config: Mapping[str, Any]) -> None:
    """Let a configuration call two functions of one name differently: the second one as its metric
    is reported.
    """
    known: dict[str, Any] = {}
    for part in _LISTS:
        for metric, described in zip(compiled.given[part], config[part], strict=True):
            name = metric.function_name if isinstance(metric, MeanMetricWrapper) else None
            if name is not None and known.setdefault(name, metric.fn) is not metric.fn:
                described["config"]["fn"] = metric.name


def without_unknown(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A configuration without the functions that are not among the custom objects, and the names
    of these.
    """
    kept, unknown = dict(config), dict.fromkeys(_functions(config))
    unknown = {name: None for name in unknown if registry.function(name) is None}
    for part in _LISTS:
        if isinstance(config.get(part), list):
            kept[part] = [one for one in config[part] if _function(one) not in unknown]
    return kept, list(unknown)


def _functions(config: Mapping[str, Any]) -> Iterator[str]:
    for part in _LISTS:
        listed = config.get(part)
        for described in listed if isinstance(listed, list) else ():
            if (name := _function(described)) is not None:
                yield name


def _function(described: Any) -> str | None:
    """The name of the function of which this is the mean over rows; None if it is of none."""
    if not isinstance(described, dict) or not isinstance(described.get("config"), dict):
        return None
    name, kind = described["config"].get("fn"), described.get("class_name")
    if not isinstance(name, str) or not isinstance(kind, str):
        return None
    if kind != MeanMetricWrapper.__name__:
        try:
            if not issubclass(registry.find(kind), MeanMetricWrapper):
                return None
        except UnknownNameError:
            return None
    return name
