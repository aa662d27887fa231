"""IntegerLookup: integers, such as identifiers, as the places that they have in a vocabulary."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_label
from annlib.core.errors import ConfigurationError, DataError, show
from annlib.core.formula import Formula
from annlib.layers.base import LayerArguments, register
from annlib.layers.lookup import Lookup


@register("integer_lookup")
class IntegerLookup(Lookup):
    """y = the place of an integer in the vocabulary, from 1 on; 0 for those that are not in it.

    It stands first in a model, or in a chain of ``Columns``, and takes integers of 64 bits as
    they are, and floating-point numbers that are whole.

    Parameters
    ----------
    max_tokens : int, at least 2, optional
        The most codes there may be, those of the mask and of unknown integers among them.
    num_oov_indices : int, at least 0
        How many codes unknown integers have; of several an integer x gets number x modulo these,
        and with 0 unknown ones are refused.
    mask_token : int, of 64 bits, any value, optional
        An integer with code 0; unknown ones and the vocabulary come after it.
    oov_token : int, of 64 bits, any value
        What ``get_vocabulary`` shows for unknown integers.
    vocabulary : list of int, optional
        Without one, ``adapt`` finds it.
    vocabulary_dtype : {"int64"}
        As in Keras.
    idf_weights : None
        Keras' argument; annlib has no such mode.
    invert : bool
        Only False.
    output_mode : {"int", "one_hot", "multi_hot", "count"}
        The code, or rows as of ``CategoryEncoding``.
    sparse : bool
        Only False.
    pad_to_max_tokens : bool
        Rows of ``max_tokens`` numbers, however many terms there are.

    Raises
    ------
    ConfigurationError
        For arguments that do not fit, and a vocabulary with a term twice.
    DataError
        For values that are no integers.

    Notes
    -----
    ``adapt`` puts the most frequent integer first; of those that are as frequent, the largest.

    Examples
    --------
    >>> from annlib import Sequential
    >>> layer = IntegerLookup(vocabulary=[12, 1138, 42])
    >>> Sequential([layer]).predict([[12], [42], [7]])
    array([[1.],
           [3.],
           [0.]], dtype=float32)
    """

    kind = "integers"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        mask_token = check_label(mask_token, "IntegerLookup", "mask_token")
        unknown = check_label(oov_token, "IntegerLookup", "oov_token")
        if not isinstance(vocabulary_dtype, str) or vocabulary_dtype != "int64":
            raise ConfigurationError(
                f'IntegerLookup: expected vocabulary_dtype="int64", got {show(vocabulary_dtype)}, '
                "which holds all others."
            )
        self.vocabulary_dtype = vocabulary_dtype
        super().__init__(
            *(max_tokens, num_oov_indices, mask_token, unknown, vocabulary, idf_weights),
            *(invert, output_mode, sparse, pad_to_max_tokens),
            **keywords,
        )

    def read(self, values: Array, where: str) -> Array:
        found = values
        if values.dtype.kind == "O" and values.size:
            try:
                found = np.array(values.tolist())
            except ValueError:  # sequences of several lengths among them
                found = values
            found = found if found.shape == values.shape else values
        if found.dtype.kind in "iub" and found.size:
            if found.dtype.kind != "u" or found.max() <= np.iinfo(np.int64).max:
                return found.astype(np.int64)
        elif found.dtype.kind == "f":
            with np.errstate(invalid="ignore"):
                whole = found.astype(np.int64)
            if np.array_equal(whole, found) and np.abs(found).max(initial=0) < 2.0**63:
                return whole
            found = found[whole != found]
        example = found.reshape(-1)[:1].tolist()
        raise DataError(
            f"{where}: expected integers of 64 bits, got {found.dtype}"
            f"{f' such as {show(example[0])}' if example else ''}. Give what is missing an integer "
            "of its own, and take StringLookup for texts."
        )

    def _unknown(self, values: Array) -> Array:
        return np.mod(values, self.num_oov_indices)

    def unknown_codes(self, x: Any) -> Any:
        return np.mod(x, self.num_oov_indices) + int(self._has_mask)

    def formula(self) -> Formula:
        return super().formula()
