"""Reuters: 11,228 newswires of 1987 as codes of their words, on one of 46 topics each."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.tracebacks import with_short_tracebacks
from annlib.datasets import sequence_file
from annlib.datasets.download import get_file, is_there
from annlib.datasets.sequences import WordCodes, as_vector, word_index

Split: TypeAlias = tuple[Array, Array]

_WHERE = "annlib.datasets.reuters.load_data"
_FOLDER = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
# Of the files that Keras keeps.
_PUBLISHED = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
_WORDS_PUBLISHED = "4d44cc38712099c9e383dc6e5f11a921"

_TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves "
    "ship cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin "
    "strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem "
    "dlr gas silver wpi hog lead"
)


@with_short_tracebacks
def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Split, Split]:
    """Load 11,228 newswires, shuffled and split as Keras does it.

    Read from the file that Keras keeps, ``reuters.npz``, in the folder ``ANNLIB_DATA_HOME``, in the
    cache folder or in ``~/.keras/datasets``; if none has it, fetched. Nothing in it is run.

    Parameters
    ----------
    path : str
        The name of the file.
    num_words : int, at least 0, optional
        Codes from this one on, of rarer words, become ``oov_char``; 0 is as None.
    skip_top : int, at least 0
        So do codes below this one, of the most frequent words.
    maxlen : int, at least 1, optional
        Newswires of so many words or more are left out.
    test_split : float, in [0, 1)
        Fraction of the newswires for the test set.
    seed : int, in [0, 2**32)
        Seed of the shuffling. NumPy's global generator is not touched.
    start_char, oov_char : int, at least 0, optional
        The codes of the beginning of a newswire, and of words that are left out; None for none.
    index_from : int, at least 0
        What is added to the codes of words.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuple of two pairs of arrays
        x : (n,), a list of codes in each place; y : int64, (n,), the topic, in [0, 46), whose name
        ``get_label_names`` has.

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
    >>> from annlib.datasets import reuters
    >>> (x_train, y_train), (x_test, y_test) = reuters.load_data()  # doctest: +SKIP
    >>> reuters.get_label_names()[y_train[0]]  # doctest: +SKIP
    'earn'
    """
    test_split = check_number(test_split, _WHERE, "test_split", "[0, 1)")
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
    file = get_file(path, f"{_FOLDER}reuters.npz", file_hash=_PUBLISHED)
    x, y = sequence_file.read(file, ("x",), ("y",), _WHERE)
    # NumPy's older generator, because the order that Keras gives for a seed comes from it.
    x, y = codes.shuffled(np.random.RandomState(codes.seed), x, y, _WHERE)
    rows, n = codes.without_rare(x), int(len(x) * (1 - test_split))
    return (as_vector(rows[:n]), y[:n]), (as_vector(rows[n:]), y[n:])


@with_short_tracebacks
def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
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
    """
    where = "annlib.datasets.reuters.get_word_index"
    return word_index(path, f"{_FOLDER}reuters_word_index.json", _WORDS_PUBLISHED, where)


@with_short_tracebacks
def get_label_names() -> tuple[str, ...]:
    """The names of the topics, in the order of the labels.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> from annlib.datasets import reuters
    >>> names = reuters.get_label_names()
    >>> len(names), names[3]
    (46, 'earn')
    """
    return tuple(_TOPICS.split())


def is_available() -> bool:
    """Whether ``reuters.npz`` is on disk, so that `load_data` needs no download.

    Returns
    -------
    bool
    """
    return is_there("reuters.npz")
