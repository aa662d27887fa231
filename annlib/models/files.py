"""Models in and out of files and texts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from annlib.core.arrays import Array
from annlib.core.checks import check_flag, check_instance
from annlib.core.config import cloned
from annlib.core.errors import AnnlibError, ConfigurationError, ModelFormatError, quote, show
from annlib.core.files import check_file, shown
from annlib.core.registry import check_custom_objects, custom_object_scope
from annlib.core.tracebacks import warn_user, with_short_tracebacks
from annlib.layers import Input, Layer
from annlib.models.plain_state import restored
from annlib.models.sequential import Sequential, made_again, registry
from annlib.saving import container, model_file
from annlib.saving.function_metrics import without_unknown
from annlib.saving.limits import check_header
from annlib.saving.serializable import check_names


@with_short_tracebacks
def save_model(
    model: Sequential,
    filepath: str | os.PathLike[str] | BinaryIO,
    overwrite: bool = True,
    *,
    include_optimizer: bool = True,
) -> None:
    """Write a model to a safetensors file: ``model.save`` as a function.

    Parameters
    ----------
    model : Sequential
    filepath : path or binary file object
        An open file object (``io.BytesIO()``) is written from where it stands.
    overwrite : bool
        Whether to replace a file that exists.
    include_optimizer : bool
        Whether to write what ``compile`` was given and the optimizer's state.

    Raises
    ------
    ConfigurationError
        If it is no model, or a part of it can be no part of a file.
    FileExistsError
        If the file exists and ``overwrite`` is false.
    OSError
        If the system cannot write it.

    Examples
    --------
    >>> import io
    >>> from annlib import Sequential, layers, models
    >>> file = io.BytesIO()
    >>> models.save_model(Sequential([layers.Input((3,)), layers.Dense(1)]), file)
    >>> _ = file.seek(0)
    >>> models.load_model(file).layers
    [Dense(1)]
    """
    check_instance(model, Sequential, "save_model", "model").save(
        filepath, overwrite, include_optimizer=include_optimizer
    )


@with_short_tracebacks
def load_model(
    path: str | os.PathLike[str] | BinaryIO,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,  # Keras' name
) -> Sequential:
    """The model that ``Sequential.save`` wrote to a file.

    Classes are looked up by name among those that are registered; nothing that the file names is
    imported, and nothing in it is run.

    Parameters
    ----------
    path : path or binary file object
        An open file object is read from where it stands to its end.
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
    ConfigurationError
        If ``path`` is none, or ``custom_objects`` no dict of classes and functions.
    OSError
        If the system cannot open or read it.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from annlib import Sequential, layers, load_model
    >>> x = np.array([[0.0, 1.0], [2.0, 3.0]])
    >>> model = Sequential([layers.Dense(4, "tanh"), layers.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> history = model.fit(x, [1.0, 2.0], verbose=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     model.save(path)
    ...     again = load_model(path)
    >>> np.array_equal(again.predict(x), model.predict(x)), again.optimizer.iterations
    (True, 1)
    """
    file = check_file(path, "load_model", "path")
    check_flag(compile, "load_model", "compile")
    classes = check_custom_objects(custom_objects, "load_model")
    header, tensors = container.read(file, "model")
    unknown: list[str] = []
    with custom_object_scope(classes), model_file.refusing(shown(file)):
        check_header(header)
        if compile and header["compiled"] is not None:
            header = dict(header)
            header["compiled"], unknown = without_unknown(header["compiled"])
        model = restore(header, tensors, compile)
    if unknown:
        warn_user(
            f"load_model: {shown(file)}, expected the functions that were metrics of the model as "
            f"custom_objects, got none called {', '.join(map(quote, unknown))}. The model is "
            f"without {'them' if len(unknown) > 1 else 'it'}; for those pass "
            f"custom_objects={{{quote(unknown[0])}: the function, ...}}."
        )
    return model


def restore(
    header: Mapping[str, Any], tensors: Mapping[str, Array], compile: bool = True
) -> Sequential:
    """The model that a file's header and tensors describe."""
    check_header(header)
    cls = registry.find(header.get("class_name", "Sequential"), "load_model")
    model = made_again(header)
    made: Sequential = restored(cls, model, header, tensors, compile)
    return made


@with_short_tracebacks
def clone_model(
    model: Sequential, *, clone_function: Callable[[Layer], Layer] | None = None
) -> Sequential:
    """A model of the same configuration with new weights (of the same seed).

    It is compiled as the model is, with an optimizer of its own that has made no step; unless they
    share layers, which the model goes on training.

    Parameters
    ----------
    model : Sequential
    clone_function : callable, optional
        Gives for each layer, but for the ``Input``, the one that takes its place: a clone, another
        layer, or the layer itself, whose weights are then in both models.

    Returns
    -------
    Sequential

    Raises
    ------
    ConfigurationError
        If ``model`` is none, ``clone_function`` no function, or what it gives no layer.

    Examples
    --------
    >>> from annlib import Sequential, clone_model, layers
    >>> model = Sequential([layers.Dense(8, "relu"), layers.Dropout(0.5), layers.Dense(1)])
    >>> def halved(layer):
    ...     return layers.Dense(4, "relu") if layer.name == "dense" else layer.clone()
    >>> clone_model(model, clone_function=halved).layers
    [Dense(4, activation='relu'), Dropout(0.5), Dense(1)]
    """
    check_instance(model, Sequential, "clone_model", "model")
    if clone_function is None:
        return _compiled_as(model, model.clone())
    if not callable(clone_function):
        raise ConfigurationError(
            "clone_model: expected clone_function as a function of a layer, got "
            f"{show(clone_function)}."
        )
    arguments = model._network.arguments()
    parts = [
        layer.clone() if isinstance(layer, Input) else clone_function(layer)
        for layer in arguments.pop("layers")
    ]
    for part in parts:
        if not isinstance(part, Layer):
            raise ConfigurationError(
                f"clone_model: expected clone_function to give a layer for each, got {show(part)}. "
                "Return layer.clone() for those that stay as they are."
            )
    return _compiled_as(model, Sequential(parts, **arguments))


def _compiled_as(model: Sequential, clone: Sequential) -> Sequential:
    """The clone, compiled with clones of what the model was compiled with."""
    shared = {id(layer) for layer in model.layers} & {id(layer) for layer in clone.layers}
    if model._compiled is not None and not shared:
        clone.compile(**{name: cloned(value) for name, value in model._compiled.given.items()})
    return clone


@with_short_tracebacks
def model_from_json(text: str, custom_objects: Mapping[str, Any] | None = None) -> Sequential:
    """The model that ``to_json`` described, with new weights.

    Parameters
    ----------
    text : str
        What ``to_json`` gave.
    custom_objects : dict of str to class, optional
        Classes of your own that are not registered.

    Returns
    -------
    Sequential
        Of the same seed, not compiled.

    Raises
    ------
    ConfigurationError
        If it is another text, or names what is not known.

    Examples
    --------
    >>> from annlib import Sequential, layers, models
    >>> text = Sequential([layers.Dense(4, "tanh"), layers.Dense(1)], seed=0).to_json()
    >>> models.model_from_json(text)
    Sequential(layers=[Dense(4, activation='tanh'), Dense(1)], seed=0)
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
        with custom_object_scope(check_custom_objects(custom_objects, where)):
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
