"""What a tabular estimator predicts as a graph: columns, packs of networks, their mixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.errors import ConfigurationError
from annlib.estimators.graphs import labels
from annlib.estimators.tabular.features import REACH, Binary, Category, Number
from annlib.estimators.targets import IndicatorTargets

if TYPE_CHECKING:  # loaded when an estimator is exported
    from annlib.graph.symbol import Symbol


def tabular_outputs(estimator: Any, where: str) -> tuple[dict[str, Symbol], dict[str, Symbol]]:
    """Inputs and outputs of a fitted tabular estimator.

    Tables of numbers are one input ``X``, (n, columns); where there are texts each column is an
    input of its own, (n, 1), of which a text that is missing is empty.
    """
    inputs, columns = _inputs(estimator, where)
    M = _matrix(estimator._features.features, columns, where)
    ensemble, targets = estimator._ensemble, estimator._targets
    mixed: Any = 0
    for pack, share in zip(ensemble.packs, ensemble.shares, strict=True):
        mixed = mixed + _members(pack, ensemble.task, M, where) * share
    if not estimator._classifies:
        mean, spread, low, high = estimator._scale
        scaled = np.clip(mixed, low / spread - mean / spread, high / spread - mean / spread)
        return inputs, {"variable": np.clip(scaled * spread + mean, low, high)}
    logs = np.log(np.maximum(mixed, 1e-12)) / ensemble.temperature
    predicted = _probabilities(logs, ensemble.task)
    if isinstance(targets, IndicatorTargets):
        predicted = predicted[:, 1::2]
        label: Any = targets.decode(predicted - 0.5)
        probabilities: Any = predicted
    else:
        label, probabilities = targets.decode(predicted), targets.probabilities(predicted)
    found = {"label": labels(label)}
    if isinstance(probabilities, list):
        found |= {f"probabilities_{k}": each for k, each in enumerate(probabilities)}
    else:
        found["probabilities"] = probabilities
    return inputs, found


def _inputs(estimator: Any, where: str) -> tuple[dict[str, Symbol], list[Symbol]]:
    """The inputs by name, and the columns."""
    from annlib.graph.symbol import Symbol

    features, names = estimator._features.features, estimator._features.names
    texts = [isinstance(f, Category) and f.kinds == "texts" for f in features]
    for feature, name in zip(features, names, strict=True):
        if isinstance(feature, Category) and feature.kinds == "both":
            raise ConfigurationError(
                f"{where}: expected columns of texts or of numbers, got column {name!r} of both. "
                "Make its labels texts, and fit again."
            )
    if not any(texts):
        x = Symbol("input", (), (None, len(features)), np.float64)
        return {"X": x}, [x[:, k : k + 1] for k in range(len(features))]
    titles = [name if isinstance(name, str) else f"X{k}" for k, name in enumerate(names)]
    columns = [
        Symbol("input", (), (None, 1), np.dtype("U1") if text else np.float64) for text in texts
    ]
    return dict(zip(titles, columns, strict=True)), columns


def _matrix(features: list[Any], columns: list[Symbol], where: str) -> Symbol:
    """The prepared columns side by side, in float32."""
    numbers, flags, codes = [], [], []
    for feature, x in zip(features, columns, strict=True):
        if isinstance(feature, Category):
            found: Any = _codes(feature, x)
            if feature.one_hot:
                flags.append(found == np.arange(feature.depth - 1))
            else:
                codes.append(found)
        elif feature is not None:
            there: Any = x == x  # noqa: PLR0124  # what is missing is NaN
            value: Any = np.where(there, x, 0)
            if isinstance(feature, Number):
                value = (x * 2.0**-feature.exponent - feature.centre) / feature.spread
                value = np.clip(np.where(there, value, 0), -1e6, 1e6)
                numbers.append(value / np.sqrt(1 + value * value / REACH**2))
            elif isinstance(feature, Binary):
                middle = feature.low / 2 + feature.high / 2
                half = feature.high / 2 - feature.low / 2
                value = np.clip((x - middle) / half, -1, 1) if half else x * 0
                flags.append(np.where(there, value, 0))
            else:
                raise ConfigurationError(f"{where}: expected columns of known kinds, got others.")
            if feature.flagged:
                flags.append(~there)
            flags += [x == mark for mark in getattr(feature, "marks", ())]
    parts = [part.astype(np.float32) for part in (*numbers, *flags, *codes)]
    return np.concatenate(parts, axis=1)  # type: ignore[return-value]  # of symbols it is one


def _codes(feature: Category, x: Symbol) -> Symbol:
    """The codes of a column of labels."""
    from annlib.graph.symbol import looked_up

    other, count = feature.depth - 1, len(feature.labels)
    missing = count if feature.missing else other
    if feature.kinds == "texts":
        known = dict(zip(feature.labels, range(count), strict=True))
        known.setdefault("", missing)
        return looked_up(x, np.array([*known]), np.array([*known.values()], np.int64), other)
    known_at: Any = x == np.array([float(label) for label in feature.labels])
    code = np.where(known_at, np.arange(count) - other, 0).sum(axis=1, keepdims=True) + other
    found: Any = np.where(x == x, code, missing)  # noqa: PLR0124  # what is missing is NaN
    return found  # type: ignore[no-any-return]  # of symbols it is one


def _members(pack: Any, task: Any, M: Symbol, where: str) -> Any:
    """The mean over the members of a pack of what they predict."""
    from annlib.graph.network_graph import through

    network = pack._network
    if network.input_shape[1:] != M.shape[1:]:
        raise ConfigurationError(
            f"{where}: expected the columns of the networks, {network.input_shape[1]}, got "
            f"{M.shape[1]}."
        )
    first = network.layers[0]
    y = through(network.layers, M.astype(np.float64 if first.takes_double else M.dtype), where)
    return _probabilities(y.astype(np.float64), task).mean(axis=1)


def _probabilities(logits: Any, task: Any) -> Any:
    """Of each block of outputs its softmax; numbers as they are."""
    if not task.blocks:
        return logits
    parts = []
    for block in task.slices:
        z = logits[..., block]
        powers = np.exp(z - z.max(axis=-1, keepdims=True))
        parts.append(powers / powers.sum(axis=-1, keepdims=True))
    return np.concatenate(parts, axis=-1)
