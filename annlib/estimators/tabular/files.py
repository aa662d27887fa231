"""Fitted estimators of tables on disk: what their file has beside the parameters.

The header holds ``data`` (features and their names, what y means), ``columns`` (what was learned of
each), ``packs`` (headers of model files), their ``kinds`` and ``learned``; tensors are the packs'
under ``pack0/`` and ``pack1/``, the typical row, the scale and errors of y, and the importances.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import is_number
from annlib.core.errors import ModelFormatError, show
from annlib.estimators.files import describe_model, restored_model
from annlib.estimators.parameter_codes import decode, encode
from annlib.estimators.tabular.ensemble import Ensemble, Errors
from annlib.estimators.tabular.features import Features, Prepared
from annlib.estimators.tabular.pack import KINDS
from annlib.estimators.tabular.task import Task
from annlib.estimators.targets import LabelTargets, restore_targets
from annlib.models import Sequential

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
        packs.append(describe_model(pack, f"pack{index}", tensors))
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
        "kinds": list(estimator.shares_),
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
        _restored_pack(code, index, task, features, tensors)
        for index, code in enumerate(header["packs"])
    ]
    kinds = header["kinds"]
    _require(isinstance(kinds, list) and len(kinds) == len(packs) > 0, "packs", kinds)
    _require(all(kind in KINDS for kind in kinds), "packs", kinds)
    shares = learned["shares"]
    _require(isinstance(shares, list) and len(shares) == len(packs), "shares", shares)
    _require(all(is_number(share) and 0 <= share <= 1 for share in shares), "shares", shares)
    temperature = learned["temperature"]
    _require(is_number(temperature) and 0 < temperature < np.inf, "temperature", temperature)
    typical = Prepared(*(tensors[f"typical/{name}"] for name in Prepared._fields))
    for kind, part in enumerate(typical):
        width = sum(len(own[kind]) for own in features.places())
        _require(part.shape == (1, width), "a typical row", part.shape)
    for code, size in zip(typical.codes[0], features.sizes(), strict=True):
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
        "shares_": dict(zip(kinds, shares, strict=True)),
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


def _restored_pack(
    header: Any, index: int, task: Task, features: Features, tensors: Mapping[str, Array]
) -> Sequential:
    model = restored_model(header, f"pack{index}", tensors)
    widths = [sum(len(own[part]) for own in features.places()) for part in range(3)]
    _require(model.built and model.input_shape == (None, sum(widths) or 1), "a pack", model)
    shape = model.output_shape
    _require(len(shape) == 3 and shape[-1] == task.outputs, "outputs", shape)
    # A code that a column may have is one that the network knows.
    known = model.layers[0].code_columns(sum(widths)) if model.layers[0].takes_codes else {}
    first = sum(widths) - widths[2]
    wanted = {first + place: depth for place, depth in enumerate(features.sizes())}
    _require(known == wanted, "codes", known)
    return model


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
