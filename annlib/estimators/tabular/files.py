"""Fitted estimators of tables on disk: what their file has beside the parameters.

The header holds ``data`` (features and their names, what y means), ``columns`` (what was learned of
each), ``packs`` and ``learned``; tensors are the packs' parameters and edges, the typical row, the
scale of y and its errors, and the importances.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import is_number
from annlib.core.errors import ModelFormatError, show
from annlib.estimators.parameter_codes import decode, encode
from annlib.estimators.tabular.ensemble import Ensemble, Errors
from annlib.estimators.tabular.features import Features, Prepared
from annlib.estimators.tabular.pack import KINDS, Pack
from annlib.estimators.tabular.task import Task
from annlib.estimators.targets import LabelTargets, restore_targets

_SIZES = {"numbers", "flags", "outputs", "frequencies"}
#: What a file may ask memory for.
_MOST = 10**7


def describe(estimator: Any, where: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Header and tensors of a fitted estimator, without its parameters."""
    ensemble, typical = estimator._ensemble, estimator._typical
    names = getattr(estimator, "feature_names_in_", None)
    tensors = {f"typical/{name}": part for name, part in typical._asdict().items()}
    tensors["importances"] = estimator.feature_importances_
    packs = []
    for index, pack in enumerate(ensemble.packs):
        tensors[f"pack{index}/vector"] = pack.vector
        tensors[f"pack{index}/edges"] = np.concatenate([*pack.edges, np.empty(0)])
        packs.append({**pack.describe(), "edges": [len(each) for each in pack.edges]})
    if not estimator._classifies:
        tensors["scale"] = estimator._scale
        for index, errors in enumerate(getattr(estimator, "_errors", [])):
            parts = errors._asdict().items()
            tensors |= {f"errors{index}/{name}": part for name, part in parts}
    learned = {
        "history": estimator.history_,
        "best_epochs": estimator.best_epochs_,
        "score": estimator.score_out_of_fold_,
        "loss": estimator.loss_out_of_fold_,
        "shares": list(ensemble.shares),
        "temperature": ensemble.temperature,
    }
    header = {
        "data": {
            "n_features": int(estimator.n_features_in_),
            "names": None if names is None else [str(name) for name in names],
            "titles": [n if isinstance(n, int) else str(n) for n in estimator._features.names],
            "targets": estimator._targets.describe(where),
        },
        "columns": estimator._features.describe(),
        "packs": packs,
        "learned": {name: encode(value, where) for name, value in learned.items()},
    }
    return header, tensors


def restore(estimator: Any, header: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
    """Give an estimator what ``describe`` described; raises for what it does not give."""
    data = header["data"]
    learned = {name: decode(value) for name, value in header["learned"].items()}
    count, titles = data["n_features"], data["titles"]
    _require(type(count) is int and 0 < count <= _MOST, "n_features", count)
    _require(isinstance(titles, list) and len(titles) == count, "titles", titles)
    _require(all(isinstance(title, str | int) for title in titles), "titles", titles)
    features = Features.restored(header["columns"], titles)
    targets = restore_targets(data["targets"], classifier=estimator._classifies)
    task = estimator._task_of(targets)
    packs = [
        _restored_pack(code, index, task, tensors) for index, code in enumerate(header["packs"])
    ]
    _require(0 < len(packs) <= len(KINDS), "packs", len(packs))
    for pack in packs:
        _require(pack.labels == features.sizes(), "labels", pack.labels)
    shares = learned["shares"]
    _require(isinstance(shares, list) and len(shares) == len(packs), "shares", shares)
    _require(all(is_number(share) and 0 <= share <= 1 for share in shares), "shares", shares)
    temperature = learned["temperature"]
    _require(is_number(temperature) and 0 < temperature < np.inf, "temperature", temperature)
    typical = Prepared(*(tensors[f"typical/{name}"] for name in Prepared._fields))
    widths = [(1, packs[0].sizes["numbers"]), (1, packs[0].sizes["flags"])]
    widths.append((1, len(packs[0].labels)))
    for part, width in zip(typical, widths, strict=True):
        _require(part.shape == width, "a typical row", part.shape)
    places = features.places()
    used = [sum(len(own[kind]) for own in places) for kind in range(3)]
    _require(used == [width[1] for width in widths], "columns", used)
    for code, size in zip(typical.codes[0], packs[0].labels, strict=True):
        _require(0 <= code < size, "codes", code)
    importances = tensors["importances"]
    _require(importances.shape == (count,), "importances", importances.shape)
    fitted = {
        "n_features_in_": count,
        "_features": features,
        "_targets": targets,
        "_ensemble": Ensemble(task, packs, tuple(map(float, shares)), float(temperature)),
        "_typical": typical,
        "feature_importances_": importances,
        "history_": _history(learned["history"]),
        "best_epochs_": learned["best_epochs"],
        "shares_": {pack.kind: share for pack, share in zip(packs, shares, strict=True)},
        "columns_": features.by_kind(),
        "score_out_of_fold_": learned["score"],
        "loss_out_of_fold_": learned["loss"],
    }
    for name in ("score_out_of_fold_", "loss_out_of_fold_"):
        _require(is_number(fitted[name]), name, fitted[name])
    _require(
        isinstance(fitted["best_epochs_"], dict)
        and all(type(epoch) is int for epoch in fitted["best_epochs_"].values()),
        "epochs",
        fitted["best_epochs_"],
    )
    if isinstance(targets, LabelTargets):
        fitted["classes_"] = targets.classes
    else:
        scale = tensors["scale"]
        _require(scale.shape == (4, task.columns), "a scale", scale.shape)
        fitted["_scale"] = scale
        if "errors0/places" in tensors:
            fitted["_errors"] = [_errors(index, tensors) for index in range(task.columns)]
    if data["names"] is not None:
        names = np.array(data["names"], object)
        texts = all(isinstance(name, str) for name in data["names"])
        _require(texts and names.shape == (count,), "names", data["names"])
        fitted["feature_names_in_"] = names
    estimator.__dict__.update(fitted)


def _restored_pack(code: Any, index: int, task: Task, tensors: Mapping[str, Array]) -> Pack:
    code = dict(code)
    lengths = code.pop("edges")
    vector, edges = tensors[f"pack{index}/vector"], tensors[f"pack{index}/edges"]
    sizes, labels, members = code["sizes"], code["labels"], code["members"]
    fine = code.keys() == {"kind", "activation", "members", "sizes", "labels"}
    fine = fine and code["kind"] in KINDS and code["activation"] in ("selu", "mish", "relu")
    fine = fine and isinstance(sizes, dict) and sizes.keys() <= _SIZES
    _require(fine, "a pack", code)
    counts = [members, *sizes.values(), *labels, *lengths]
    _require(all(type(n) is int and 0 <= n <= _MOST for n in counts), "sizes", counts)
    _require(sizes["outputs"] == task.outputs and members > 0, "outputs", sizes)
    numbers = sizes["numbers"] if code["kind"] == "piecewise" else 0
    _require(len(lengths) == numbers and sum(lengths) == len(edges), "edges", lengths)
    # So that what is made is not larger than what the file has.
    least = members * sizes["numbers"] * sizes.get("frequencies", 0) + members * sum(labels)
    least += members * (len(edges) + sizes["flags"])
    _require(vector.ndim == 1 and least <= 200 * len(vector), "a vector", vector.shape)
    parts = np.split(edges, np.cumsum(lengths)[:-1]) if lengths else []
    _require(all((np.diff(part) > 0).all() for part in parts), "edges", show(edges))
    pack = Pack(**code, edges=parts)
    fits = (pack.vector.shape, pack.vector.dtype) == (vector.shape, vector.dtype)
    _require(fits, "a vector", vector.shape)
    pack.vector[...] = vector
    return pack


def _errors(index: int, tensors: Mapping[str, Array]) -> Errors:
    errors = Errors(*(tensors[f"errors{index}/{name}"] for name in Errors._fields))
    fine = errors.places.ndim == errors.quantiles.ndim == 1 and len(errors.places) > 0
    _require(fine and errors.places.shape == errors.sizes.shape, "errors", errors.places.shape)
    _require(len(errors.quantiles) > 0, "errors", errors.quantiles.shape)
    return errors


def _history(found: Any) -> dict[str, list[float]]:
    _require(isinstance(found, dict), "history", found)
    for name, values in found.items():
        _require(isinstance(name, str) and isinstance(values, list), "history", name)
        _require(all(is_number(value) for value in values), "history", values)
    history: dict[str, list[float]] = found
    return history


def _require(fine: Any, what: str, found: Any) -> None:
    if not fine:
        raise ModelFormatError(
            f"file: expected {what} as annlib writes it, of this estimator, got {show(found)}."
        )
