"""Graphs as files, whole or not at all: ONNX, and sources."""

from __future__ import annotations

from typing import Any, BinaryIO

from annlib.core.checks import check_choice, check_count, check_flag
from annlib.core.errors import ConfigurationError, show
from annlib.core.files import atomic_write, check_file, write_object
from annlib.graph.c_source import c_source
from annlib.graph.network_graph import Graph
from annlib.graph.onnx_model import DEFAULT, OLDEST, onnx_model
from annlib.graph.python_source import python_source
from annlib.graph.source_writer import SourceSize

_LANGUAGES = {"c": (c_source, (".c", ".h")), "python": (python_source, (".py",))}


def graph_from(model: Any, where: str) -> Graph:
    """The graph of a model, of an estimator, or of the best one that a search has found."""
    found = getattr(model, "best_estimator_", model)
    find = getattr(found, "_graph", None)
    if find is None or isinstance(found, type):
        pipeline = "A pipeline is converted by skl2onnx.to_onnx(pipeline, X[:1])."
        raise ConfigurationError(
            f"{where}: expected a model or a fitted estimator of annlib, got {show(found)}."
            f"{f' {pipeline}' if hasattr(found, 'fit') else ''}"
        )
    graph: Graph = find(where)
    return graph


def write_onnx(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    *,
    opset_version: int | None = None,
    input_names: Any = None,
    output_names: Any = None,
    where: str,
) -> None:
    """Write a model as ONNX; see ``annlib.export.onnx``."""
    check_flag(overwrite, where, "overwrite")
    given = DEFAULT if opset_version is None else opset_version
    opset = check_count(given, where, "opset_version", OLDEST)
    file = _checked(filepath, where, overwrite, (".onnx",))
    graph = graph_from(model, where).renamed(input_names, output_names, where)
    _write(onnx_model(graph, opset, where).SerializeToString(), file, where)


def write_source(
    model: Any,
    filepath: Any,
    language: str,
    overwrite: bool = True,
    *,
    function: str = "predict",
    where: str,
) -> SourceSize:
    """Write a model as a source; see ``annlib.export.source``."""
    check_flag(overwrite, where, "overwrite")
    language = check_choice(language, where, "language", tuple(_LANGUAGES))
    file = _checked(filepath, where, overwrite, _LANGUAGES[language][1])
    text, size = source_text(model, language, function, where)
    _write(text.encode(), file, where)
    return size


def source_text(model: Any, language: Any, function: Any, where: str) -> tuple[str, SourceSize]:
    """The text of a source, and its sizes."""
    language = check_choice(language, where, "language", tuple(_LANGUAGES))
    if not (isinstance(function, str) and function.isascii() and function.isidentifier()):
        raise ConfigurationError(
            f"{where}: expected function as the name of a function, got {show(function)}."
        )
    return _LANGUAGES[language][0](graph_from(model, where), where, function)


def _checked(
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


def _write(data: bytes, file: str | BinaryIO, where: str) -> None:
    """Write data to a path, whole or not at all, or to a file object."""
    if isinstance(file, str):
        atomic_write(file, data)
    else:
        write_object(file, data, where)
