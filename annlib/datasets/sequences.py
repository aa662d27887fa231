"""Texts as lists of word codes: how Keras shuffles them, cuts them and marks what it leaves out."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_count, is_whole
from annlib.core.errors import ConfigurationError, DataError, show
from annlib.datasets.download import get_file

Rows = list[list[int]]


class WordCodes(NamedTuple):
    """Keras' arguments of data sets of texts, checked.

    Words have codes by how frequent they are, 1 for the most frequent, before ``index_from`` is
    added to them.
    """

    num_words: int | None
    skip_top: int
    maxlen: int | None
    seed: int
    start_char: int | None
    oov_char: int | None
    index_from: int

    @classmethod
    def checked(cls, where: str, **arguments: Any) -> WordCodes:
        """The arguments of ``load_data``; raises ``ConfigurationError``."""
        for name, value in arguments.items():
            optional = name in ("num_words", "maxlen", "start_char", "oov_char")
            least = 1 if name == "maxlen" else 0
            if value is not None or not optional:
                check_count(value, where, name, least)
        if not is_whole(arguments["seed"]) or arguments["seed"] >= 2**32:
            raise ConfigurationError(
                f"{where}: expected seed from 0 to 2**32 - 1, got {show(arguments['seed'])}."
            )
        whole: dict[str, Any] = {n: None if v is None else int(v) for n, v in arguments.items()}
        return cls(**whole)

    def shuffled(
        self, rng: np.random.RandomState, rows: Rows, labels: Array, where: str
    ) -> tuple[Rows, Array]:
        """Rows in another order, with the mark of a beginning, without those that are too long."""
        order = np.arange(len(rows))
        rng.shuffle(order)
        start = [] if self.start_char is None else [self.start_char]
        moved = [[*start, *(word + self.index_from for word in rows[k])] for k in order.tolist()]
        short = [self.maxlen is None or len(row) < self.maxlen for row in moved]
        if not any(short):
            raise ConfigurationError(
                f"{where}: expected maxlen that leaves some texts, got {show(self.maxlen)}. Take a "
                "larger one."
            )
        return [row for row, kept in zip(moved, short, strict=True) if kept], labels[order][short]

    def without_rare(self, rows: Rows) -> Rows:
        """Rows with ``oov_char`` in the place of words that are too rare or too frequent."""
        most = self.num_words or max(map(max, filter(None, rows)), default=0)
        least, other = self.skip_top, self.oov_char
        if other is None:
            return [[word for word in row if least <= word < most] for row in rows]
        return [[word if least <= word < most else other for word in row] for row in rows]


def as_vector(rows: Rows) -> Array:
    """A vector with a list in each place."""
    vector = np.empty(len(rows), object)
    vector[:] = rows
    return vector


def word_index(path: str, origin: str, digest: str, where: str) -> dict[str, int]:
    """The codes of words, from the file that Keras keeps."""
    file = get_file(path, origin, file_hash=digest)
    try:
        with open(file, encoding="utf-8") as stream:
            found = json.load(stream)
    except ValueError as error:
        raise DataError(f"{where}: expected codes of words in {file}, got {error}.") from error
    codes: dict[str, int] = found
    return codes
