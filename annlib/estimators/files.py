"""Fitted estimators on disk: the container's kind "estimator", without pickle.

The header holds ``class_name``, ``parameters`` (as ``parameter_codes`` writes them), ``left_out``
(of parameters that no file can hold, what they were), ``data`` (features and their names, what y
means), ``learned`` (History and what a family of estimators adds) and ``model``, the header of the
network's file; ``given`` is that of a ``Sequential`` that is the parameter ``model``. Tensors are
those of the models under ``model/`` and ``given/``, and the estimator's own. A
``HiddenLayerTransformer`` has headers of its estimators instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_count, check_flag, check_path, is_number
from annlib.core.errors import ConfigurationError, ModelFormatError, show
from annlib.core.foreign import check_suffix
from annlib.core.tracebacks import warn_user
from annlib.estimators.best_epoch import BestEpoch
from annlib.estimators.outputs import Outputs, check_units
from annlib.estimators.parameter_codes import LeftOut, decode, encode
from annlib.estimators.targets import LabelTargets, restore_targets
from annlib.models import Sequential
from annlib.models.files import restore as restore_model
from annlib.saving import container, model_file
from annlib.saving.function_metrics import without_unknown
from annlib.saving.limits import check_header, check_metrics
from annlib.saving.serializable import check_names


def save_estimator(estimator: Any, path: Any, *, overwrite: bool = True) -> None:
    """Write a fitted estimator; see ``NetworkEstimator.save``."""
    where = f"{type(estimator).__name__}.save"
    path = check_path(path, where, "path")
    if not check_flag(overwrite, where, "overwrite") and Path(path).exists():
        raise FileExistsError(
            f"{where}: expected a path where no file is, got {path}. Pass overwrite=True, or "
            "another path."
        )
    with estimator._evaluating():
        header, tensors = estimator._describe()
        check_suffix(path, where, "estimator")
        container.write(path, "estimator", header, tensors)
    if header["left_out"]:
        texts = ", ".join(f"{name} ({text})" for name, text in header["left_out"].items())
        warn_user(
            f"{where}: expected parameters that a file can hold, got {texts}, left out: what is "
            "loaded predicts, and trains once set_params has given them again."
        )


# -- what is in the file ---------------------------------------------------------------------------


def describe_parameters(estimator: Any, tensors: dict[str, Array]) -> dict[str, Any]:
    """The part of a header that an estimator has before it is fitted; tensors are added.

    Raises
    ------
    ConfigurationError
        If its class cannot be told from another.
    """
    cls = type(estimator)
    where = f"{cls.__name__}.save"
    if any(base.__name__ == cls.__name__ for base in cls.__mro__[1:]):
        raise ConfigurationError(
            f"{where}: expected a class with a name of its own, got {cls!r}, which is called as "
            "one that it derives from. Name it otherwise."
        )
    parameters, left_out, given = {}, {}, None
    for name, value in estimator.get_params(deep=False).items():
        try:
            if isinstance(value, LeftOut):
                left_out[name] = value.text
            elif isinstance(value, Sequential):
                given = describe_model(value, "given", tensors)
            else:
                code = encode(value, f"{where}, {name}")
                check_names(code, f"{where}, {name}")
                parameters[name] = code
        except (ConfigurationError, ModelFormatError):
            left_out[name] = _in_words(value)
    return {
        "class_name": cls.__name__,
        "parameters": parameters,
        "left_out": left_out,
        "given": given,
    }


def describe(estimator: Any) -> tuple[dict[str, Any], dict[str, Array]]:
    """Header and tensors of an estimator's file.

    Raises
    ------
    ConfigurationError
        If it is no class of annlib's, or its network or classes can be in no file.
    """
    where = f"{type(estimator).__name__}.save"
    tensors: dict[str, Array] = {}
    header = describe_parameters(estimator, tensors)
    model = estimator.model_
    try:
        network = describe_model(model, "model", tensors)
    except ConfigurationError:
        if model._compiled is None:
            raise
        network = describe_model(model, "model", tensors, compiled=False)
        header["left_out"]["model_"] = "what it was compiled with"
    learned, own = estimator._learned()
    names = getattr(estimator, "feature_names_in_", None)
    header |= {
        "data": {
            "n_features": int(estimator.n_features_in_),
            "names": None if names is None else [str(name) for name in names],
            "targets": estimator._targets.describe(where),
            "outputs": list(estimator._outputs),
        },
        "learned": {
            "history": encode(estimator.history_, where),
            "best": encode(estimator._best and list(estimator._best), where),
            **learned,
        },
        "model": network,
    }
    return header, tensors | own


def _in_words(value: Any) -> str:
    """What a parameter was: of a function its name, which is the same in every process."""
    named = getattr(value, "__qualname__", None)
    text = show(value) if named is None else f"the {type(value).__name__} {named}"
    return "".join(letter for letter in text if letter.isprintable())


def describe_model(
    model: Sequential, prefix: str, tensors: dict[str, Array], *, compiled: bool = True
) -> dict[str, Any]:
    """The header of a model, whose tensors are added under the prefix."""
    if compiled:
        header, own = model._describe()
    else:
        header, own = model_file.describe(model._network, None)
    tensors |= prefixed(f"{prefix}/", own)
    return header


def class_of(header: Mapping[str, Any], kinds: Mapping[str, Any]) -> Any:
    """The class of the estimator that a file has, one of these."""
    cls = kinds.get(header["class_name"])
    if cls is None:
        raise ModelFormatError(
            f"file: expected an estimator of {', '.join(kinds)}, got "
            f"{show(header['class_name'])}. Pass classes of your own as custom_objects."
        )
    return cls


def restore_parameters(header: Mapping[str, Any], tensors: Mapping[str, Array]) -> dict[str, Any]:
    """The arguments of the constructor that ``describe_parameters`` described."""
    left_out = header["left_out"]
    check_names([header["class_name"], header["parameters"], left_out], "file")
    check_metrics([*_metrics(header["parameters"])])
    parameters = {name: decode(code) for name, code in header["parameters"].items()}
    for name, text in left_out.items():
        _require(isinstance(text, str) and name not in parameters, "left_out", text)
        if name != "model_":
            parameters[name] = LeftOut(text)
    if header["given"] is not None:
        parameters["model"] = restored_model(header["given"], "given", tensors)
    return parameters


def restore(cls: Any, header: Mapping[str, Any], tensors: Mapping[str, Array]) -> Any:
    """The estimator that ``describe`` described, of this class."""
    data, learned = header["data"], header["learned"]
    estimator = cls(**restore_parameters(header, tensors))
    model = restored_model(header["model"], "model", tensors)
    n_features = data["n_features"]
    _require(type(n_features) is int, "n_features", n_features)
    _require(model.built and model.input_shape == (None, n_features), "n_features", n_features)
    targets = restore_targets(data["targets"], classifier=cls._classifies)
    check_units(model, targets, n_features, "file")
    fitted = {
        "model_": model,
        "_targets": targets,
        "_outputs": _outputs(data["outputs"], targets.links),
        "n_features_in_": n_features,
        "history_": _history(decode(learned["history"])),
    }
    if isinstance(targets, LabelTargets):
        fitted["classes_"] = targets.classes
    if data["names"] is not None:
        names = np.array(data["names"], object)
        texts = all(isinstance(name, str) for name in data["names"])
        _require(texts and names.shape == (n_features,), "names", data["names"])
        fitted["feature_names_in_"] = names
    best = fitted["_best"] = _best(decode(learned["best"]))
    if best is not None:
        fitted["best_epoch_"] = best.epoch
    estimator.__dict__.update(fitted)
    own = {n: a for n, a in tensors.items() if not n.startswith(("model/", "given/"))}
    estimator._restore(learned, own)
    return estimator


def restored_model(header: Any, prefix: str, tensors: Mapping[str, Array]) -> Sequential:
    """The model that ``describe_model`` described."""
    own = under(f"{prefix}/", tensors)
    check_header(header)
    if header["compiled"] is not None:
        compiled, unknown = without_unknown(header["compiled"])
        header = {**header, "compiled": compiled}
        if unknown and prefix == "given":
            warn_user(
                "load_estimator: expected the functions that were metrics of the parameter model "
                f"as custom_objects, got none called {', '.join(unknown)}. The model is without."
            )
    return restore_model(header, own)


def prefixed(start: str, tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Tensors of a part under names that begin so."""
    return {f"{start}{name}": array for name, array in tensors.items()}


def under(start: str, tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Those that ``prefixed`` was given."""
    return {n.removeprefix(start): a for n, a in tensors.items() if n.startswith(start)}


def _metrics(code: Any) -> Iterator[Any]:
    """The configurations of metrics that are somewhere in what ``encode`` wrote."""
    if isinstance(code, dict):
        found = code.get("object")
        if isinstance(found, dict) and found.get("family") == "metric":
            yield found
        code = list(code.values())
    if isinstance(code, list):
        for item in code:
            yield from _metrics(item)


def _outputs(given: Any, links: tuple[str, ...]) -> Outputs:
    link, applied, cut = given
    _require(link in ("", *links) and type(applied) is bool, "outputs", given)
    _require(isinstance(cut, float), "outputs", given)
    return Outputs(link, applied, cut)


def _history(found: Any) -> dict[str, list[Any]]:
    _require(isinstance(found, dict), "history", found)
    for name, values in found.items():
        _require(isinstance(name, str) and isinstance(values, list), "history", name)
        _require(all(value is None or is_number(value) for value in values), "history", values)
    check_names(list(found), "file")
    history: dict[str, list[Any]] = found
    return history


def _best(found: Any) -> BestEpoch | None:
    if found is None:
        return None
    by, value, epoch = found
    _require(isinstance(by, str) and is_number(value), "best", found)
    return BestEpoch(by, value, check_count(epoch, "file", "epoch", 0))


def _require(fine: Any, what: str, found: Any) -> None:
    if not fine:
        raise ModelFormatError(
            f"file: expected {what} as annlib writes it, of this estimator, got {show(found)}."
        )
