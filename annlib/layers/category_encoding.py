"""CategoryEncoding: codes of categories as one-hot rows, or as rows of counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_count
from annlib.core.formula import Formula
from annlib.core.workspace import Workspace
from annlib.layers.base import LayerArguments, register
from annlib.layers.categories import Categories, as_codes


@register("category_encoding")
class CategoryEncoding(Categories):
    """y_j = 1 if code j is in the row, else 0: codes 0, 1, ..., ``num_tokens`` - 1 as rows.

    (n, k) -> (n, num_tokens). With ``count``, y_j is how often the code is there; with
    ``one_hot``, each code has a row of its own, (n, k, num_tokens), and of k = 1 (n, num_tokens).

    Parameters
    ----------
    num_tokens : int, at least 1
        How many codes there are.
    output_mode : {"multi_hot", "one_hot", "count"}
    sparse : bool
        Only False: rows are dense.

    Raises
    ------
    ConfigurationError
        For an unknown mode, or ``sparse=True``.
    DataError
        In ``fit`` and the others, for what is no code.

    Examples
    --------
    >>> from annlib import Sequential
    >>> Sequential([CategoryEncoding(4)]).predict([[0, 3], [2, 2]])
    array([[1., 0., 0., 1.],
           [0., 0., 1., 0.]], dtype=float32)
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"num_tokens": 4}
    _modes = ("multi_hot", "one_hot", "count")

    def __init__(
        self,
        num_tokens: int,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(output_mode, sparse, **keywords)
        self.num_tokens = check_count(num_tokens, type(self).__name__, "num_tokens")

    @property
    def codes(self) -> int:
        return self.num_tokens

    @property
    def depth(self) -> int:
        return self.num_tokens

    def codes_of(self, x: Array, work: Workspace) -> Array:
        return as_codes(x, self.num_tokens, work, self.name)

    def codes_expression(self, x: Any) -> Any:
        return x.astype(np.int64)

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        if input_gradient:
            raise self.no_derivative()
        return None

    def formula(self) -> Formula:
        one = {
            "count": r"\{Y\} = \sum_i \{u_{x_i}\}",
            "one_hot": r"\{Y_i\} = \{u_{x_i}\}",
            "multi_hot": r"\{Y\} = \max_i \{u_{x_i}\}",
        }[self.output_mode]
        return self._formula(
            one,
            back=(r"\{D_{E,X}\} = \{0\}",),
            shapes=f"a batch: (n, k) to (n, {self.num_tokens})",
            symbols=((r"u_{x_i}", "all 0, but 1 at the code x_i"),),
        )
