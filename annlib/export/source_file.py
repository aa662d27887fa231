"""Sources: a network as one file of C or Python that depends on nothing."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

from annlib.core.tracebacks import with_short_tracebacks
from annlib.graph.files import source_text, write_source
from annlib.graph.source_writer import SourceSize

__all__ = ["SourceSize", "source", "source_size"]


@with_short_tracebacks
def source(
    model: Any,
    filepath: str | os.PathLike[str] | BinaryIO,
    language: str = "c",
    overwrite: bool = True,
    *,
    function: str = "predict",
) -> SourceSize:
    """Write what a network predicts for one row as one file without dependencies.

    In C (C99) it is ``void predict(const float x[...], float y[...])`` with static arrays, in
    single precision, which allocates nothing; compile it with ``-lm``. In Python it is
    ``predict(x)``, from a list to a list, without NumPy. Rows of several axes are flat; inputs that
    come apart lie one after the other. A classifier gives its probabilities.

    Parameters
    ----------
    model : Sequential, or a fitted estimator of annlib
    filepath : path or binary file object
        A path ends in ``.c``, ``.h`` or ``.py``.
    language : {"c", "python"}
    overwrite : bool
    function : str
        The name of the function.

    Returns
    -------
    SourceSize
        What ``source_size`` tells beforehand.

    Raises
    ------
    ConfigurationError
        If a layer does not say what it computes, or looks up texts, of which C has none; before
        anything is written.
    NotBuiltError
        If the model has no weights yet.
    FileExistsError
        If the file exists and ``overwrite`` is false.

    Examples
    --------
    >>> import io
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Dense(2, "relu", kernel_initializer="ones")])
    >>> model.build((None, 3))
    >>> file = io.BytesIO()
    >>> size = source(model, file, language="python")
    >>> program = {}
    >>> exec(file.getvalue(), program)
    >>> program["predict"]([1.0, 2.0, 3.0])
    [6.0, 6.0]
    """
    return write_source(
        model, filepath, language, overwrite, function=function, where="annlib.export.source"
    )


@with_short_tracebacks
def source_size(model: Any, language: str = "c") -> SourceSize:
    """How many bytes a network takes as a source, before it is written.

    Parameters
    ----------
    model : Sequential, or a fitted estimator of annlib
    language : {"c", "python"}

    Returns
    -------
    SourceSize
        Bytes of ``constants``, of the ``memory`` that a prediction writes to, and of the text of
        the ``file``; in Python without what its objects take besides.

    Raises
    ------
    ConfigurationError
        If it is no model, or a layer does not say what it computes, or the language is another.
    NotBuiltError
        If the model has no weights yet.

    Examples
    --------
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Dense(2, "relu")])
    >>> model.build((None, 3))
    >>> source_size(model).constants
    32
    """
    return source_text(model, language, "predict", "annlib.export.source_size")[1]
