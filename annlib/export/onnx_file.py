"""ONNX: a network or an estimator as a file that onnxruntime and many others run."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

from annlib.core.checks import check_count, check_flag
from annlib.core.errors import ConfigurationError, show
from annlib.core.files import atomic_write, check_file, file_object, write_object
from annlib.graph.network_graph import Graph
from annlib.graph.onnx_model import DEFAULT, OLDEST, onnx_model


def onnx(
    model: Any,
    filepath: str | os.PathLike[str] | BinaryIO,
    overwrite: bool = True,
    *,
    opset_version: int = DEFAULT,
    input_names: Any = None,
    output_names: Any = None,
) -> None:
    """Write what a network or an estimator predicts as a file of ONNX, whole or not at all.

    Needs onnx: ``pip install "annlib[onnx]"``. The file has been checked by ``onnx.checker``; the
    number of rows is free. A network has an input ``x`` and an output ``y``; a classifier gives
    ``label`` and ``probabilities``, a regressor ``variable``, as skl2onnx names them. Where columns
    are looked up (``StringLookup``) each is an input of its own, under its name, (n, 1).

    Parameters
    ----------
    model : Sequential, or a fitted estimator of annlib
    filepath : path or binary file object
        A path ends in ``.onnx``.
    overwrite : bool
    opset_version : int, at least 17
        Of ONNX's operators. An older one is read by older runtimes, and has fewer functions as
        one node.
    input_names, output_names : list of str, optional
        Other names than those.

    Raises
    ------
    ConfigurationError
        If a layer does not say what it computes, by name; before anything is written.
    NotBuiltError
        If the model has no weights yet.
    FileExistsError
        If the file exists and ``overwrite`` is false.

    Notes
    -----
    Numbers are those of ``predict`` but for rounding. In float64, functions that onnxruntime has
    for float32 alone (``Elu``, ``Gelu``, ...) are written as what they are made of.

    A layer or an activation of one's own says what it computes with a method ``expression``: see
    ``annlib.layers.Layer.expression``.

    Examples
    --------
    >>> import io
    >>> from annlib import Sequential, export, layers
    >>> model = Sequential([layers.Dense(4, "relu"), layers.Dense(3, "softmax")])
    >>> model.build((None, 2))
    >>> file = io.BytesIO()
    >>> export.onnx(model, file)
    """
    where = "annlib.export.onnx"
    check_flag(overwrite, where, "overwrite")
    opset = check_count(opset_version, where, "opset_version", OLDEST)
    file = checked_file(filepath, where, overwrite, (".onnx",))
    graph = graph_of(model, where).renamed(input_names, output_names, where)
    write(onnx_model(graph, opset, where).SerializeToString(), file, where)


def graph_of(model: Any, where: str) -> Graph:
    """The graph of a model or an estimator."""
    find = getattr(model, "_graph", None)
    if find is None or isinstance(model, type):
        raise ConfigurationError(
            f"{where}: expected a model or a fitted estimator of annlib, got {show(model)}."
        )
    graph: Graph = find(where)
    return graph


def checked_file(
    filepath: Any, where: str, overwrite: bool, suffixes: tuple[str, ...]
) -> str | BinaryIO:
    """A path with one of these suffixes, or a file object."""
    file = check_file(filepath, where, overwrite=overwrite)
    if isinstance(file, str) and not file.lower().endswith(suffixes):
        raise ConfigurationError(
            f"{where}: expected a filepath that ends in {' or '.join(suffixes)}, got {show(file)}. "
            "annlib's own format is written by model.save."
        )
    return file


def write(data: bytes, file: str | BinaryIO, where: str) -> None:
    """Write data to a path, whole or not at all, or to a file object."""
    if isinstance(file, str):
        atomic_write(file, data)
    else:
        written = file_object(file)
        assert written is not None, "checked"
        write_object(written, data, where)
