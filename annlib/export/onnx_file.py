"""ONNX: a network or an estimator as a file that onnxruntime and many others run."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

from annlib.core.tracebacks import with_short_tracebacks
from annlib.graph.files import write_onnx


@with_short_tracebacks
def onnx(
    model: Any,
    filepath: str | os.PathLike[str] | BinaryIO,
    overwrite: bool = True,
    *,
    opset_version: int | None = None,
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
    opset_version : int, at least 17, optional
        Of ONNX's operators; 20 unless given. An older one is read by older runtimes, and has fewer
        functions as one node.
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
    write_onnx(
        model,
        filepath,
        overwrite,
        opset_version=opset_version,
        input_names=input_names,
        output_names=output_names,
        where="annlib.export.onnx",
    )
