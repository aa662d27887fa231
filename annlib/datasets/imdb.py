"""IMDB: 50,000 reviews of films as codes of their words, half of them favourable."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from annlib.core.arrays import Array
from annlib.core.tracebacks import with_short_tracebacks
from annlib.datasets import sequence_file
from annlib.datasets.download import get_file, is_there
from annlib.datasets.sequences import WordCodes, as_vector, word_index

Split: TypeAlias = tuple[Array, Array]

_WHERE = "annlib.datasets.imdb.load_data"
_FOLDER = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
# Of the files that Keras keeps.
_PUBLISHED = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
_WORDS_PUBLISHED = "bfafd718b763782e994055a2d397834f"


@with_short_tracebacks
def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Split, Split]:
    """Load 25,000 reviews to train on and 25,000 to test on, shuffled as Keras does it.

    Read from the file that Keras keeps, ``imdb.npz``, in the folder ``ANNLIB_DATA_HOME``, in the
    cache folder or in ``~/.keras/datasets``; if none has it, fetched. Nothing in it is run.

    ``layers.CategoryEncoding(num_words, "multi_hot")`` makes rows of numbers of them, one text at a
    time, since they are of different lengths.

    Parameters
    ----------
    path : str
        The name of the file.
    num_words : int, at least 0, optional
        Codes from this one on, of rarer words, become ``oov_char``; 0 is as None.
    skip_top : int, at least 0
        So do codes below this one, of the most frequent words.
    maxlen : int, at least 1, optional
        Reviews of so many words or more are left out.
    seed : int, in [0, 2**32)
        Seed of the shuffling. NumPy's global generator is not touched.
    start_char, oov_char : int, at least 0, optional
        The codes of the beginning of a review, and of words that are left out; None for none.
    index_from : int, at least 0
        What is added to the codes of words.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuple of two pairs of arrays
        x : (n,), a list of codes in each place; y : int64, (n,), 1 for a favourable review.

    Raises
    ------
    ConfigurationError
        For arguments that cannot be meant.
    DatasetNotFoundError
        If there is no file and it cannot be downloaded.
    DataError
        If the file is another one.

    Examples
    --------
    >>> from annlib.datasets import imdb
    >>> (x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=1000)  # doctest: +SKIP
    >>> x_train[0][:3]  # doctest: +SKIP
    [1, 14, 22]
    """
    codes = WordCodes.checked(
        _WHERE,
        num_words=num_words,
        skip_top=skip_top,
        maxlen=maxlen,
        seed=seed,
        start_char=start_char,
        oov_char=oov_char,
        index_from=index_from,
    )
    file = get_file(path, f"{_FOLDER}imdb.npz", file_hash=_PUBLISHED)
    keys = ("x_train", "x_test"), ("y_train", "y_test")
    x_train, x_test, y_train, y_test = sequence_file.read(file, *keys, _WHERE)
    # NumPy's older generator, because the order that Keras gives for a seed comes from it.
    rng = np.random.RandomState(codes.seed)
    x_train, y_train = codes.shuffled(rng, x_train, y_train, _WHERE)
    x_test, y_test = codes.shuffled(rng, x_test, y_test, _WHERE)
    rows, n = codes.without_rare(x_train + x_test), len(x_train)
    return (as_vector(rows[:n]), y_train), (as_vector(rows[n:]), y_test)


@with_short_tracebacks
def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """The codes of words, before ``index_from`` is added to them.

    Parameters
    ----------
    path : str
        The name of the file.

    Returns
    -------
    dict of str to int
        1 for the most frequent word.

    Raises
    ------
    DatasetNotFoundError
        If there is no file and it cannot be downloaded.
    DataError
        If the file is another one.

    Examples
    --------
    >>> from annlib.datasets import imdb
    >>> imdb.get_word_index()["the"]  # doctest: +SKIP
    1
    """
    where = "annlib.datasets.imdb.get_word_index"
    return word_index(path, f"{_FOLDER}imdb_word_index.json", _WORDS_PUBLISHED, where)


def is_available() -> bool:
    """Whether ``imdb.npz`` is on disk, so that `load_data` needs no download.

    Returns
    -------
    bool
    """
    return is_there("imdb.npz")
