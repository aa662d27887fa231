"""StringLookup: texts as the places that they have in a vocabulary."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import is_whole
from annlib.core.errors import ConfigurationError, DataError, show
from annlib.core.formula import Formula
from annlib.layers.base import LayerArguments, register
from annlib.layers.lookup import Lookup


@register("string_lookup")
class StringLookup(Lookup):
    """y = the place of a text in the vocabulary, from 1 on; 0 for texts that are not in it.

    It stands first in a model, or in a chain of ``Columns``, and takes texts: arrays, lists,
    series and frames of them. What is missing (None, NaN) is no text, and is refused.

    Parameters
    ----------
    max_tokens : int, at least 2, optional
        The most codes there may be, those of the mask and of unknown texts among them.
    num_oov_indices : {1, 0}
        How many codes unknown texts have; with 0 these are refused.
    mask_token : str, optional
        A text with code 0; unknown ones and the vocabulary come after it.
    oov_token : str
        What ``get_vocabulary`` shows for unknown texts.
    vocabulary : list of str, optional
        Without one, ``adapt`` finds it.
    idf_weights : None
        Keras' argument; annlib has no such mode.
    invert : bool
        Only False.
    output_mode : {"int", "one_hot", "multi_hot", "count"}
        The code, or rows as of ``CategoryEncoding``.
    pad_to_max_tokens : bool
        Rows of ``max_tokens`` numbers, however many terms there are.
    sparse : bool
        Only False.
    encoding : str
        Of texts that are given as bytes.

    Raises
    ------
    ConfigurationError
        For arguments that do not fit, and a vocabulary with a term twice.
    DataError
        For values that are no texts.

    Notes
    -----
    ``adapt`` puts the most frequent text first; of those that are as frequent, the one that is
    later in the alphabet (by code points).

    Examples
    --------
    >>> from annlib import Sequential
    >>> layer = StringLookup()
    >>> layer.adapt(["b", "a", "b", "c"])
    >>> layer.get_vocabulary()
    ['[UNK]', 'b', 'c', 'a']
    >>> Sequential([layer]).predict([["a"], ["z"], ["b"]])
    array([[3.],
           [0.],
           [1.]], dtype=float32)
    """

    kind = "texts"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",  # noqa: S107  # no password
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        **keywords: Unpack[LayerArguments],
    ) -> None:
        for name, token in (("mask_token", mask_token), ("oov_token", oov_token)):
            if not isinstance(token, str | None):
                raise ConfigurationError(
                    f"StringLookup: expected {name} as text, got {show(token)}."
                )
        if not is_whole(num_oov_indices) or num_oov_indices not in (0, 1):
            raise ConfigurationError(
                f"StringLookup: expected num_oov_indices 0 or 1, got {show(num_oov_indices)}: "
                "annlib does not hash."
            )
        try:
            "".encode(encoding)
        except (LookupError, TypeError, ValueError):
            raise ConfigurationError(
                f"StringLookup: expected encoding as the name of one, got {show(encoding)}."
            ) from None
        self.encoding = encoding
        super().__init__(
            *(max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights),
            *(invert, output_mode, sparse, pad_to_max_tokens),
            **keywords,
        )

    def read(self, values: Array, where: str) -> Array:
        if values.dtype.kind == "U":
            return values
        given = values.tolist()
        if kinds := {*map(type, given)} - {str, np.str_}:
            if kinds <= {bytes, np.bytes_}:
                return np.array([text.decode(self.encoding) for text in given], str)
            odd = next(value for value in given if type(value) in kinds)
            raise DataError(
                f"{where}: expected texts, got {show(odd)}. Fill what is missing with a text of "
                'its own, x.fillna("missing"), and take IntegerLookup for numbers.'
            )
        return np.array(given, str)

    def formula(self) -> Formula:
        return super().formula()
