"""What the lookups of texts and of integers share: a vocabulary, and how values become codes."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_count, check_flag
from annlib.core.errors import ConfigurationError, DataError, show
from annlib.core.formula import Formula
from annlib.core.workspace import Workspace
from annlib.data import (
    Batch,
    as_stream_loader,
    check_steps,
    holds_arrays,
    is_stream,
    raw_columns,
)
from annlib.layers.base import LayerArguments
from annlib.layers.categories import Categories, as_codes, shortened


class Lookup(Categories):
    """y = the place of x in a vocabulary; the layer comes first, in a model or in a chain.

    Values become codes before batches are made of them, once for a data set: ``forward`` gets the
    codes. Codes are, in this order: 0 for ``mask_token``, if there is one; ``num_oov_indices``
    for what is not in the vocabulary; the terms of the vocabulary. ``adapt`` orders terms by how
    often they are in the data; of those that are as frequent the larger comes first (texts by
    their letters' code points), as in Keras. In the output modes other than ``int`` the mask has
    no code, and is left out.

    A subclass says how values are read, with ``read``, and what unknown ones are.
    """

    _stored_as = {"name": "_name", "vocabulary": "_vocabulary"}  # noqa: RUF012  # never changed
    encodes = True
    #: What the values are called in errors.
    kind: ClassVar[str]

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        where = type(self).__name__
        weighted = isinstance(output_mode, str) and output_mode in ("tf_idf", "tf-idf")
        if weighted or idf_weights is not None:
            raise ConfigurationError(
                f"{where}: expected output_mode one of int, one_hot, multi_hot, count and no "
                f"idf_weights, got {show(output_mode)} and {show(idf_weights)}. annlib has no "
                "weights by document frequency; take sklearn's TfidfVectorizer in front."
            )
        super().__init__(output_mode, sparse, **keywords)
        if check_flag(invert, where, "invert"):
            raise ConfigurationError(
                f"{where}: expected invert=False, got True: a network gives numbers. For the terms "
                "of codes: np.array(layer.get_vocabulary())[codes]."
            )
        self.invert, self.idf_weights = False, None
        self.max_tokens = (
            None if max_tokens is None else check_count(max_tokens, where, "max_tokens", 2)
        )
        self.num_oov_indices = check_count(num_oov_indices, where, "num_oov_indices", 0)
        self.pad_to_max_tokens = check_flag(pad_to_max_tokens, where, "pad_to_max_tokens")
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise ConfigurationError(
                f"{where}: expected max_tokens with pad_to_max_tokens=True, got none."
            )
        self.mask_token, self.oov_token = mask_token, oov_token
        self._vocabulary: list[Any] | None = None
        self._given = vocabulary is not None
        if self._given:
            self.set_vocabulary(vocabulary)

    def __repr__(self) -> str:
        return shortened(super().__repr__(), self._vocabulary)

    # -- what a subclass writes ------------------------------------------------------------------

    def read(self, values: Array, where: str) -> Array:
        """A vector of the user's values as the layer compares them.

        Others raise; the message begins with ``where``.
        """
        raise NotImplementedError

    def _unknown(self, values: Array) -> Array:
        """Which of the codes for unknown values each of these gets, of several."""
        raise NotImplementedError

    @property
    def keeps_values(self) -> bool:  # type: ignore[override]  # it depends on the mode
        """Whether it gives the codes on as they are."""
        return bool(self.output_mode == "int")

    @property
    def vocabulary(self) -> list[Any] | None:
        """The terms, without those of the mask and of unknown values; None if there are none."""
        return None if self._vocabulary is None else list(self._vocabulary)

    # -- the vocabulary --------------------------------------------------------------------------

    @property
    def adaptable(self) -> bool:  # type: ignore[override]  # it depends on the arguments
        """Whether ``adapt`` may find its vocabulary."""
        return not self._given

    @property
    def _has_mask(self) -> bool:
        """Whether code 0 is the mask's."""
        return self.mask_token is not None and self.output_mode == "int"

    @property
    def _first(self) -> int:
        """The code of the vocabulary's first term."""
        return self._has_mask + self.num_oov_indices

    def vocabulary_size(self) -> int:
        """How many codes there are, those of the mask and of unknown values among them."""
        return self._first + len(self._vocabulary or ())

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The terms by their codes.

        Parameters
        ----------
        include_special_tokens : bool
            Whether the mask, and what stands for unknown values, are in front of them.

        Returns
        -------
        list of str or int

        Raises
        ------
        ConfigurationError
            If ``include_special_tokens`` is no bool.
        """
        check_flag(include_special_tokens, "get_vocabulary", "include_special_tokens")
        special = [self.mask_token] * self._has_mask + [self.oov_token] * self.num_oov_indices
        return [*(special if include_special_tokens else ()), *(self._vocabulary or ())]

    def set_vocabulary(self, vocabulary: Any) -> None:
        """Take these terms, in their order; mask and unknown token may stand in front of them.

        Parameters
        ----------
        vocabulary : list of str or int
            The terms, each once.

        Raises
        ------
        ConfigurationError
            If a term is there twice, or no such value, or there are more than ``max_tokens``.
        """
        where = f"{type(self).__name__}.set_vocabulary"
        terms = None if isinstance(vocabulary, str | bytes | bytearray) else _listed(vocabulary)
        if terms is None:
            raise ConfigurationError(
                f"{where}: expected the vocabulary as a list of terms, got {show(vocabulary)}. Of "
                "a file with a term a line: pathlib.Path(name).read_text().splitlines()."
            )
        special = self.get_vocabulary()[: self._first]
        if len(terms) >= len(special) and all(map(_same, terms, special)):
            terms = terms[len(special) :]
        try:
            given = np.fromiter(terms, object, len(terms))
            terms = self.read(given, f"{where}: vocabulary").tolist() if terms else []
        except DataError as error:
            raise ConfigurationError(str(error)) from None
        if not terms or len(set(terms)) < len(terms) or self.mask_token in terms:
            raise ConfigurationError(
                f"{where}: expected terms of a vocabulary, each once and without the mask, got "
                f"{len(terms)} with {len(set(terms))} different ones."
            )
        if self.max_tokens is not None and self._first + len(terms) > self.max_tokens:
            raise ConfigurationError(
                f"{where}: expected at most max_tokens={self.max_tokens} codes, got "
                f"{self._first + len(terms)}, those of the mask and of unknown values among them."
            )
        self._take(terms, where)
        self._given = True

    def _take(self, terms: list[Any], where: str) -> None:
        before = None if self._built_shape is None else self.depth
        kept, self._vocabulary = self._vocabulary, terms
        if before is not None and self.output_mode != "int" and before != self.depth:
            self._vocabulary = kept
            raise ConfigurationError(
                f"{where}: expected a vocabulary of {before} codes, for which the layer was "
                f"built, got {self._first + len(terms)}. Build a new model, or take "
                "pad_to_max_tokens=True."
            )

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Take the terms of data for the vocabulary, the most frequent first.

        Parameters
        ----------
        data : array_like, series or frame; or what gives batches of it
            As the layer will get them.
        steps : int, optional
            How many batches to read; needed for what has no end.

        Raises
        ------
        DataError, ConfigurationError
            Before anything is changed.
        """
        where = f"{type(self).__name__}.adapt"
        if self._given:
            raise ConfigurationError(
                f"{where}: expected a layer without a vocabulary of its own, got {self!r}. Leave "
                "out the argument, or do not adapt."
            )
        terms, counts = self._counted(data, where, check_steps(data, steps, where))
        special = [token for token in (self.mask_token, self.oov_token) if token is not None]
        kept = np.array([term not in special for term in terms.tolist()], bool)
        terms, counts = terms[kept], counts[kept]
        if not len(terms):
            raise DataError(f"{where}: expected data with terms, got none.")
        order = np.lexsort((terms, counts))[::-1]
        most = None if self.max_tokens is None else self.max_tokens - self._first
        self._take(terms[order][:most].tolist(), where)

    def _counted(self, data: Any, where: str, steps: int | None) -> tuple[Array, Array]:
        """The terms of data, in order, and how often each is there."""
        if not is_stream(data):
            return np.unique(self._values_of(data, where), return_counts=True)
        stream = as_stream_loader(data, self._batch)
        stream.first(where)
        stream.check_end(steps, where, "steps")
        found = [batch.x for batch in stream.sequential(where, steps)]
        return np.unique(np.concatenate(found), return_counts=True)

    def _batch(self, item: Any, where: str) -> Batch:
        """The values of what a stream gives, without the targets beside it."""
        item = item[0] if isinstance(item, tuple) and holds_arrays(item) else item
        return Batch(self._values_of(item, where).copy(), None, None)

    def _values_of(self, data: Any, where: str) -> Array:
        found = [
            self.read(column.reshape(-1), f"{where}: data")
            for column, _ in raw_columns(data, where, "data")
        ]
        if not found:
            raise DataError(f"{where}: expected data with rows, got none.")
        return np.concatenate(found)

    # -- codes -----------------------------------------------------------------------------------

    @property
    def depth(self) -> int:
        if self.pad_to_max_tokens:
            assert self.max_tokens is not None, "the constructor sees to that"
            return self.max_tokens
        return max(1, self.vocabulary_size())

    @property
    def codes(self) -> int:
        return self.depth + 1  # one for what is left out

    def encode(self, x: Array, where: str, name: str) -> Array:
        """The codes of values, in an array of the same shape.

        Raises
        ------
        ConfigurationError
            If there is no vocabulary yet.
        DataError
            For values of another kind, or that are unknown where no code is for these.
        """
        if self._vocabulary is None:
            raise ConfigurationError(
                f'{where}: expected a vocabulary of layer "{self.name}", got none. Call '
                "adapt(data) before, or pass vocabulary."
            )
        values = self.read(x.reshape(-1), f"{where}: {name}")
        terms = np.array(self._vocabulary)
        order = np.argsort(terms, kind="stable")
        ordered = terms[order]
        distinct, back = np.unique(values, return_inverse=True)
        at = np.minimum(np.searchsorted(ordered, distinct), len(ordered) - 1)
        known = ordered[at] == distinct
        codes = np.where(known, order[at] + self._first, self._has_mask)
        if self.mask_token is not None:
            masked = distinct == self.mask_token
            codes[masked] = 0 if self._has_mask else self.depth
            known |= masked
        if not self.num_oov_indices and not known.all():
            raise DataError(
                f"{where}: expected {name} with values of the vocabulary, since layer "
                f'"{self.name}" has num_oov_indices=0, got {distinct[~known][0].item()!r}. Take '
                "num_oov_indices=1."
            )
        if self.num_oov_indices > 1:
            codes[~known] += self._unknown(distinct[~known])
        return codes[back].astype(np.intp).reshape(x.shape)

    def code_table(self, where: str) -> tuple[list[Any], list[int], int]:
        """The values that have a code, their codes, and the code of others; where there is none
        for these, one that no layer takes.
        """
        if self._vocabulary is None:
            raise ConfigurationError(
                f'{where}: expected a vocabulary of layer "{self.name}", got none. Call '
                "adapt(data) before, or pass vocabulary."
            )
        codes = [*range(self._first, self._first + len(self._vocabulary))]
        terms = list(self._vocabulary)
        if self.mask_token is not None:
            terms.append(self.mask_token)
            codes.append(0 if self._has_mask else self.depth)
        return terms, codes, int(self._has_mask) if self.num_oov_indices else self.codes

    def unknown_codes(self, x: Any) -> Any:
        """Which of several codes for unknown values each of x gets, as an expression."""
        raise NotImplementedError

    def build(self, input_shape: BatchShape) -> None:
        if self._vocabulary is None and self.output_mode != "int" and not self.pad_to_max_tokens:
            raise ConfigurationError(
                f'layer "{self.name}": expected a vocabulary, got none: how wide a row is, follows '
                "from it. Call adapt(data) before, or pass vocabulary."
            )

    def codes_of(self, x: Array, work: Workspace) -> Array:
        return as_codes(x, self.codes, work, self.name)

    def codes_expression(self, x: Any) -> Any:
        return x.astype(np.int64)

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        if input_gradient:
            raise self.no_derivative()
        return None

    def formula(self) -> Formula:
        return self._formula(
            r"\{Y\} = \operatorname{place}(\{X\})",
            back=(r"\{D_{E,X}\} = \{0\}",),
            shapes=f"a batch: (n, k), each of {self.vocabulary_size()} codes",
        )


def _listed(given: Any) -> list[Any] | None:
    """The items of what has some, else None."""
    try:
        return list(given)
    except TypeError:
        return None


def _same(term: Any, token: Any) -> bool:
    """Whether a term of the user's, which may be anything, is this token."""
    return isinstance(term, str | int | np.integer | None) and bool(term == token)
