"""A pack: k perceptrons that share nothing, side by side in one ``Sequential``.

Two kinds of packs see numbers in two ways: "periodic" makes of each number cosines that are
learned, "piecewise" interpolates linearly between fixed edges. What a member learns, no other sees:
so the loss on rows that it has not learned from is an honest one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

from annlib import initializers, layers
from annlib.activations.names import ActivationName
from annlib.core.arrays import Array, Shape
from annlib.estimators.tabular.features import Prepared
from annlib.models import Sequential

KINDS = ("periodic", "piecewise")
_UNITS, _DEPTH, _DROPOUT = 128, 8, 0.15
#: How much faster factors of inputs learn than others, and how much slower what is no kernel.
_FAST, _OF_LABELS, _SLOW = 6.0, 0.3, 0.1
#: Rows of a batch of predictions, with which what layers make of them is as large as a cache.
_ROWS = {"float32": 256, "float64": 96}
_KERNELS = ("first/kernel", "second/kernel", "last/kernel")


class Plan(NamedTuple):
    """What a pack is built by.

    Parameters
    ----------
    kind : {"periodic", "piecewise"}
    activation : {"selu", "mish", "relu"}
        The first two are mixed with the identity by a share that each unit learns.
    numbers, flags : int
        How many of the inputs are such.
    labels : sequence of int
        The codes of each category.
    outputs : int
    edges : list of list of float
        Between which a piecewise pack interpolates each number.
    """

    kind: str
    activation: ActivationName
    numbers: int
    flags: int
    labels: Sequence[int]
    outputs: int
    edges: list[list[float]]

    @classmethod
    def of(
        cls,
        kind: str,
        activation: ActivationName,
        rows: Prepared,
        labels: Sequence[int],
        outputs: int,
    ) -> Plan:
        """For inputs like these rows."""
        numbers, edges = rows.numbers.shape[1], []
        if kind == "piecewise" and numbers:
            encoding = layers.PiecewiseLinearEncoding()
            encoding.adapt(rows.numbers)
            edges = encoding.bin_boundaries or []
        flags = rows.matrix(slice(1)).shape[1] - numbers - len(labels)
        return cls(kind, activation, numbers, flags, labels, outputs, edges)

    def model(
        self, members: int, *, dropout: Any = _DROPOUT, seed: int = 0, dtype: str = "float32"
    ) -> Sequential:
        """So many members, not trained yet, for rows as ``Prepared.matrix`` gives them."""
        mixed = self.activation != "relu"
        parts: list[layers.Layer] = [self._inputs(members)]
        for name in ("first", "second"):
            parts += [
                layers.BatchedDense(
                    members,
                    _UNITS,
                    None if mixed else self.activation,
                    kernel_initializer=initializers.RandomNormal(stddev=1.0),
                    use_scale=name == "first",
                    name=name,
                ),
                *([layers.ParametricActivation(self.activation)] if mixed else []),
                layers.Dropout(dropout, random_bits=8),
            ]
        last = layers.BatchedDense(
            members, self.outputs, kernel_initializer="lecun_normal", name="last"
        )
        model = Sequential([*parts, last], seed=seed, dtype=dtype)
        model.build((None, self.numbers + self.flags + len(self.labels)))
        return model

    def _inputs(self, members: int) -> layers.Columns:
        numbers, flags, *codes = (
            list(range(*ends))
            for ends in pairwise(accumulate([0, self.numbers, self.flags, *[1] * len(self.labels)]))
        )
        periodic = self.kind == "periodic"
        chains: list[Any] = []
        if numbers and periodic:
            cosines = int(np.clip(512 // len(numbers), 4, 16))
            embedding = layers.PeriodicEmbedding(
                num_frequencies=cosines, members=members, kernel_initializer="lecun_normal"
            )
            chains.append((embedding, numbers))
        elif numbers:
            encoding = layers.PiecewiseLinearEncoding(self.edges, append_input=True, offset=-0.5)
            chains.append((encoding, numbers))
        if flags:
            chains.append(([], flags))
        for own, depth in zip(codes, self.labels, strict=True):
            # The vectors of all members side by side.
            normal = initializers.RandomNormal(stddev=1.0)
            vectors = layers.Embedding(depth, members * _DEPTH, normal)
            chains.append(([vectors, layers.Reshape((members, _DEPTH))], own))
        each = members if codes or (periodic and numbers) else None
        return layers.Columns(chains, members=each)

    def in_double(self, model: Sequential) -> Sequential:
        """The same members in float64."""
        count = model.output_shape[1] or 0
        made = self.model(count, dtype="float64")
        copy_members(model, range(count), made)
        return made


def copy_members(model: Sequential, members: Sequence[int], into: Sequential) -> None:
    """Set the weights of a model of some members to those of one of all."""
    count, weights = model.output_shape[1] or 0, []
    for entry, values in zip(model.vector.entries, model.get_weights(), strict=True):
        if entry.path.endswith("/embeddings"):  # (codes, members * depth)
            by_member = values.reshape(len(values), count, -1)
            weights.append(by_member[:, members].reshape(len(values), -1))
        else:
            weights.append(values[list(members)])
    into.set_weights(weights)


def rate_factors(model: Sequential) -> dict[str, float]:
    """What the learning rate of each parameter of a pack is multiplied by."""
    named = {"scale": _FAST, "embeddings": _OF_LABELS}
    return {
        path: shape[1] ** -0.5 if path in _KERNELS else named.get(name, _SLOW)
        for path, name, shape in _parameters(model)
    }


def _parameters(model: Sequential) -> list[tuple[str, str, Shape]]:
    """Path, name and shape of each."""
    entries = model.vector.entries
    return [(entry.path, entry.parameter.name, entry.parameter.shape) for entry in entries]


def outputs(model: Sequential, rows: Prepared) -> Array:
    """What each member says of rows, (n, k, outputs)."""
    found: Array = model.predict(rows.matrix(), batch_size=_ROWS[model.dtype], verbose=0)
    return found
