"""Codes of categories as they are, as one-hot rows, or as rows of counts."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_choice, check_codes
from annlib.core.errors import ConfigurationError, show
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, LayerArguments

OUTPUT_MODES = ("int", "one_hot", "multi_hot", "count")


class Categories(Layer):
    """What layers share that give codes in a mode of Keras'.

    A subclass says how many codes there are, with ``depth``, and gives them in ``codes_of``.
    Of input (n, k) ``int`` makes (n, k), ``one_hot`` (n, k, depth) and of k = 1 (n, depth);
    ``multi_hot`` makes one row, (n, depth), with a 1 for each code that is there, and ``count``
    tells how often it is.
    """

    group = "preprocessing"
    _modes: ClassVar[tuple[str, ...]] = OUTPUT_MODES

    def __init__(
        self, output_mode: str, sparse: bool = False, **keywords: Unpack[LayerArguments]
    ) -> None:
        super().__init__(**keywords)
        where = type(self).__name__
        older = isinstance(output_mode, str) and output_mode == "binary"  # Keras' name of it
        mode = "multi_hot" if older else output_mode
        self.output_mode = check_choice(mode, where, "output_mode", self._modes)
        if sparse is not False:
            raise ConfigurationError(
                f"{where}: expected sparse=False, got {show(sparse)}: batches are dense. Leave it "
                "out, or take an Embedding, which never makes the rows of zeros."
            )
        self.sparse = False

    @property
    def depth(self) -> int:
        """How many codes there are."""
        raise NotImplementedError

    def codes_of(self, x: Array, work: Workspace) -> Array:
        """The codes of a batch x as indices, in the memory of ``work``; those from ``depth`` on are
        left out of all rows.
        """
        raise NotImplementedError

    def codes_expression(self, x: Any) -> Any:
        """The codes of x as an expression, of integers."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        if self.output_mode == "int":
            return input_shape
        single = len(input_shape) > 1 and input_shape[-1] == 1
        if self.output_mode == "one_hot" and not single:
            return (*input_shape, self.depth)
        return (*(input_shape[:-1] if len(input_shape) > 1 else input_shape), self.depth)

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        codes = self.codes_of(x, work)
        if self.output_mode == "int":
            y = work.array("y", *x.shape)
            np.copyto(y, codes, casting="unsafe")
            return y
        together = self.output_mode in ("multi_hot", "count") and x.ndim > 1
        k = x.shape[-1] if together else 1
        flat = codes.reshape(-1, k)
        depth = self.depth
        y = work.array("rows", len(flat), depth + 1)  # the last column is left out
        y.fill(0.0)
        places = work.array("places", *flat.shape, dtype=np.intp)
        starts = work.array("starts", len(flat), dtype=np.intp)
        starts.fill(depth + 1)
        np.cumsum(starts, out=starts)
        np.add(flat, starts[:, np.newaxis], out=places)
        np.subtract(places, depth + 1, out=places)
        every = y.reshape(-1)
        if self.output_mode == "count":
            np.add.at(every, places.reshape(-1), 1.0)
        else:
            every[places.reshape(-1)] = 1.0
        shape = self.compute_output_shape(x.shape)
        result = work.array("y", len(flat), depth)
        np.copyto(result, y[:, :depth])
        return result.reshape(len(x), *(size or 0 for size in shape[1:]))

    def expression(self, x: Any) -> Any:
        codes = self.codes_expression(x)
        if self.output_mode == "int":
            return codes.astype(self.dtype)
        rows = (codes[..., np.newaxis] == np.arange(self.depth)).astype(self.dtype)
        if self.output_mode == "count" and x.ndim > 1:
            return rows.sum(axis=-2)
        if self.output_mode == "multi_hot" and x.ndim > 1:
            return rows.max(axis=-2)
        shape = self.compute_output_shape(x.shape)
        return rows.reshape(-1, *shape[1:])


def as_codes(x: Array, count: int, work: Workspace, name: str | None) -> Array:
    """``x`` as indices, none of which is ``count`` or more."""
    codes, whole = x, True
    if x.dtype != np.intp:
        codes = work.array("codes", *x.shape, dtype=np.intp)
        np.copyto(codes, x, casting="unsafe")
        if x.dtype.kind == "f":
            whole = not np.subtract(x, codes, out=work.array("rest", *x.shape, dtype=x.dtype)).any()
    # As numbers without a sign those below 0 are the largest.
    if not whole or np.maximum.reduce(codes.view(np.uintp), axis=None) >= count:
        check_codes(x, count, f'layer "{name}"', "its input")
    return codes


def shortened(text: str, values: list[Any] | None) -> str:
    """The ``repr`` of a layer with the end of a long list among its arguments left out."""
    if values is None or len(values) <= 6:
        return text
    head = ", ".join(map(repr, values[:4]))
    return text.replace(repr(values), f"[{head}, ...]")
