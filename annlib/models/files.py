"""Models in and out of files and texts."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

from annlib.core.arrays import Array
from annlib.core.checks import check_flag, check_instance, check_path
from annlib.core.errors import AnnlibError, ConfigurationError, ModelFormatError, quote, show
from annlib.core.registry import custom_object_scope
from annlib.models.sequential import Sequential, made_again, registry
from annlib.saving import container, model_file
from annlib.saving.function_metrics import without_unknown
from annlib.saving.limits import check_header
from annlib.saving.serializable import check_names


def save_model(model: Sequential, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """``model.save(filepath, overwrite)``."""
    check_instance(model, Sequential, "save_model", "model").save(filepath, overwrite)


def load_model(
    path: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,  # Keras' name
) -> Sequential:
    """The model that ``Sequential.save`` wrote to a file.

    Classes are looked up by name among those that are registered; nothing that the file names is
    imported, and nothing in it is run.

    Parameters
    ----------
    path : path
    custom_objects : dict of str to class or function, optional
        Classes of your own by the name that the file has for them, and functions that are metrics.
        A class with ``@layers.register()`` (or of another family) above it is known without; a
        function that is not among them is left out of the metrics, with a warning.
    compile : bool
        Whether to compile as the model was, optimizer state included.

    Returns
    -------
    Sequential

    Raises
    ------
    ModelFormatError
        If the file is damaged, foreign, of another kind, or names what is not known.
    OSError
        If the system cannot open or read it.
    """
    path = check_path(path, "load_model", "path")
    check_flag(compile, "load_model", "compile")
    classes = _checked_classes(custom_objects, "load_model")
    header, tensors = container.read(path, "model")
    unknown: list[str] = []
    with custom_object_scope(classes), model_file.refusing(path):
        check_header(header)
        if compile and header["compiled"] is not None:
            header = dict(header)
            header["compiled"], unknown = without_unknown(header["compiled"])
        model = restore(header, tensors, compile)
    if unknown:
        warnings.warn(
            f"load_model: {path}, expected the functions that were metrics of the model as "
            f"custom_objects, got none called {', '.join(map(quote, unknown))}. The model is "
            f"without {'them' if len(unknown) > 1 else 'it'}; for those pass "
            f"custom_objects={{{quote(unknown[0])}: the function, ...}}.",
            stacklevel=2,
        )
    return model


def restore(
    header: Mapping[str, Any], tensors: Mapping[str, Array], compile: bool = True
) -> Sequential:
    """The model that a file's header and tensors describe."""
    check_header(header)
    cls = registry.find(header.get("class_name", "Sequential"), "load_model")
    model = made_again(header)
    own = None if model is None else model._network
    network = model_file.restore_network(header, tensors, own)
    if model is None:
        model = cls(seed=network.seed, dtype=network.dtype, name=header["config"]["name"])
        model._network = network
    if compile and (given := header["compiled"]) is not None:
        compiled = model_file.restore_compiled(given, network)
        model._set_compiled(compiled, anew=False)
        model_file.restore_optimizer(network, compiled.optimizer, given["run"], tensors)
    return model


def clone_model(model: Sequential) -> Sequential:
    """A model of the same configuration with new weights (of the same seed), not compiled."""
    return check_instance(model, Sequential, "clone_model", "model").clone()


def _checked_classes(custom_objects: Any, where: str) -> Mapping[str, Any]:
    known = custom_objects is None or isinstance(custom_objects, Mapping)
    if not known or not all(isinstance(name, str) for name in custom_objects or ()):
        raise ConfigurationError(
            f"{where}: expected custom_objects as a dict of classes and functions by name, got "
            f"{show(custom_objects)}."
        )
    return custom_objects or {}


def model_from_json(text: str, custom_objects: Mapping[str, Any] | None = None) -> Sequential:
    """The model that ``to_json`` described, with new weights.

    Parameters
    ----------
    text : str
    custom_objects : dict of str to class, optional
        Classes of your own that are not registered.

    Raises
    ------
    ConfigurationError
        If it is another text, or names what is not known.
    """
    import json

    where, what = "model_from_json", "the text of a Sequential.to_json"
    if not isinstance(text, str | bytes | bytearray):
        raise ConfigurationError(f"{where}: expected text, got {show(text)}.")
    try:
        given = json.loads(text)
        if not isinstance(given, dict) or not isinstance(given.get("config"), dict):
            raise ConfigurationError(f"{where}: expected {what}, got another.")
        check_names(given, where)
        with custom_object_scope(_checked_classes(custom_objects, where)):
            cls = registry.find(given.get("class_name", ""), where)
            return cls.from_config(given["config"])
    except ModelFormatError as error:
        raise ConfigurationError(str(error)) from None
    except AnnlibError:
        raise
    # A text is no JSON, or too deep for it; what constructors make of other arguments is theirs,
    # and layers may be larger than the memory.
    except Exception as error:
        raise ConfigurationError(
            f"{where}: expected {what}, got {show(text)}, for which {type(error).__name__} says: "
            f"{show(str(error))}"
        ) from error
