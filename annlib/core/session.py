"""What Keras has for its state of the process, of which annlib has none."""

from __future__ import annotations

from annlib.core.arrays import DTYPES
from annlib.core.tracebacks import with_short_tracebacks


@with_short_tracebacks
def clear_session(free_memory: bool = True) -> None:
    """Do nothing: Keras forgets models, names and seeds of the process here, and annlib has none.

    Automatic names are numbered in each model, a seed belongs to a model, and a model's memory is
    free with the model. What ``set_random_seed`` has set stays.

    Parameters
    ----------
    free_memory : bool
        As in Keras.

    Examples
    --------
    >>> from annlib import backend, layers
    >>> layer = layers.Dense(2)
    >>> backend.clear_session()
    >>> layer([[1.0]]).shape
    (1, 2)
    """


@with_short_tracebacks
def floatx() -> str:
    """The type of numbers of a model that is not told another: ``"float32"``.

    There is no ``set_floatx``: each model has its own, ``Sequential(..., dtype="float64")``.

    Returns
    -------
    str

    Examples
    --------
    >>> from annlib import backend
    >>> backend.floatx()
    'float32'
    """
    return DTYPES[0]
