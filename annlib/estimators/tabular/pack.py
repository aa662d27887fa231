"""A pack: k perceptrons that share nothing, trained at once on the same batches of a table.

Each parameter has an axis for the members, and all of them lie in one vector. Two kinds of packs
see numbers in two ways: "periodic" makes of each number cosines that are learned, "piecewise"
interpolates linearly between fixed edges. What a member learns, no other sees: so the loss on rows
that it has not learned from is an honest one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from annlib.core.arrays import Array
from annlib.estimators.tabular.activations import activate, dropout_mask
from annlib.estimators.tabular.edges import edges_of
from annlib.estimators.tabular.features import Prepared

UNITS = 128
#: Outputs of the cosines of a number, and of the embedding of a category.
_OUT, _DEPTH = 3, 8
#: Of cosines' frequencies.
_FREQUENCY = 0.1 * 2 * np.pi
#: How much faster factors of inputs learn than others, and how much slower what is no kernel.
_FAST, _OF_LABELS, _SLOW = 6.0, 0.3, 0.1
#: Rows from which the first values of the parameters are found.
_START = 500
#: Rows of a prediction at a time.
_ROWS = 1024

KINDS = ("periodic", "piecewise")


class Tape(NamedTuple):
    """What the way back needs of a pass."""

    shared: Array
    own: Array
    #: Angles and cosines of a periodic pack.
    waves: tuple[Array, ...]
    kernel: Array
    #: Of each hidden layer: its output, the derivative, and what its slope is multiplied by.
    hidden: list[tuple[Array, Array, Array | None]]
    codes: Array


class Pack:
    """k networks: inputs, two hidden layers, outputs.

    Parameters
    ----------
    kind : {"periodic", "piecewise"}
    activation : {"selu", "mish", "relu"}
        The first two are mixed with the identity, x + a (f(x) - x), by a learned a for each unit.
    members : int
    sizes : dict of str to int
        ``numbers``, ``flags`` and ``outputs``; ``frequencies`` of a periodic pack.
    labels : list of int
        The codes of each category.
    edges : list of arrays
        Between which a piecewise pack interpolates.
    """

    def __init__(
        self,
        kind: str,
        activation: str,
        members: int,
        sizes: dict[str, int],
        labels: Sequence[int],
        edges: Sequence[Array] = (),
        dtype: Any = np.float32,
    ) -> None:
        self.kind, self.activation, self.members = kind, activation, members
        self.sizes, self.labels, self.edges = dict(sizes), list(labels), list(edges)
        numbers, flags, outputs = (sizes[name] for name in ("numbers", "flags", "outputs"))
        shapes: dict[str, tuple[int, ...]] = {}
        periodic = kind == "periodic" and numbers > 0
        if periodic:
            frequencies = sizes["frequencies"]
            shapes["frequencies"] = (members, numbers, 1, frequencies)
            shapes["phases"] = (members, numbers, 1, frequencies)
            shapes["waves"] = (members, numbers, frequencies, _OUT)
            shapes["offsets"] = (members, numbers, 1, _OUT)
        for index, count in enumerate(labels):
            shapes[f"labels{index}"] = (count, members, _DEPTH)
        steps = [1 / np.diff(each) for each in edges]
        self._slopes = np.concatenate([*steps, []]).astype(dtype)
        shifts = [-each[:-1] * step for each, step in zip(edges, steps, strict=True)]
        self._shifts = np.concatenate([*shifts, []]).astype(dtype)
        self._places = np.repeat(np.arange(len(steps)), [len(step) for step in steps])
        self.shared = len(self._slopes) + numbers + flags
        self._waves = numbers * _OUT if periodic else 0
        width = self.shared + self._waves + _DEPTH * len(labels)
        shapes["factors"] = (members, width, 1)
        widths = (width, UNITS, UNITS, outputs)
        self.depth = len(widths) - 1
        for index in range(self.depth):
            shapes[f"kernel{index}"] = (members, *widths[index : index + 2])
            shapes[f"bias{index}"] = (members, 1, widths[index + 1])
            if index < self.depth - 1 and activation != "relu":
                shapes[f"slope{index}"] = (members, 1, widths[index + 1])
        self.vector = np.zeros(sum(int(np.prod(s)) for s in shapes.values()), dtype)
        self._shapes = shapes
        #: Whether the first kernel has the factors in it.
        self.folded = False
        self.parameters = self._views(self.vector, shapes)

    def start_learning(self) -> None:
        """Make room for what only training needs."""
        shapes = self._shapes
        self.gradient = np.zeros_like(self.vector)
        #: What the rate is multiplied by, and whether it decays, for each parameter.
        self.rates, self.decays = np.ones_like(self.vector), np.zeros_like(self.vector)
        self.gradients = self._views(self.gradient, shapes)
        rates, decays = self._views(self.rates, shapes), self._views(self.decays, shapes)
        for name, shape in shapes.items():
            kernel = name.startswith("kernel")
            rates[name][...] = _FAST if name == "factors" else _SLOW
            if name.startswith("labels"):
                rates[name][...] = _OF_LABELS
            elif kernel:
                rates[name][...] = max(1, shape[1]) ** -0.5
            decays[name][...] = kernel or name.startswith("slope")

    def stop_learning(self) -> None:
        """Give that room back."""
        del self.gradient, self.gradients, self.rates, self.decays

    @staticmethod
    def _views(vector: Array, shapes: dict[str, tuple[int, ...]]) -> dict[str, Array]:
        found, start = {}, 0
        for name, shape in shapes.items():
            stop = start + int(np.prod(shape))
            found[name] = vector[start:stop].reshape(shape)
            start = stop
        return found

    @classmethod
    def fresh(
        cls,
        kind: str,
        activation: str,
        members: int,
        rows: Prepared,
        labels: Sequence[int],
        outputs: int,
        rng: np.random.Generator,
    ) -> Pack:
        """A pack with first values that are drawn, and fitted to some of the rows."""
        n, numbers = rows.numbers.shape
        sizes = {"numbers": numbers, "flags": rows.flags.shape[1], "outputs": outputs}
        edges: list[Array] = []
        if kind == "periodic":
            sizes["frequencies"] = int(np.clip(512 // max(numbers, 1), 4, 16))
        else:
            bins = int(np.clip(min(n / 400, 384 / max(numbers, 1)), 4, 32))
            edges = [edges_of(column, bins) for column in rows.numbers.T]
        pack = cls(kind, activation, members, sizes, labels, edges)
        pack._draw(rows.take(rng.permutation(n)[:_START]), rng)
        return pack

    def _draw(self, rows: Prepared, rng: np.random.Generator) -> None:
        """Draw first values: each unit has unit deviation on these rows, and bends among them."""
        for name, values in self.parameters.items():
            shape = values.shape
            if name.startswith(("factors", "slope")):
                values[...] = 1.0
            elif name == "phases":
                values[...] = rng.uniform(-np.pi, np.pi, shape)
            elif not name.startswith(("bias", "offsets")):
                scale = {"frequencies": _FREQUENCY, "waves": max(1, shape[-2]) ** -0.5}.get(
                    name, 1.0
                )
                values[...] = rng.standard_normal(shape, np.float32) * np.float32(scale)
        shared, own = self.shared_inputs(rows), self._own_inputs(rows)[0]
        h = np.concatenate([np.broadcast_to(shared, (self.members, *shared.shape)), own], axis=2)
        for index in range(self.depth):
            kernel, bias = self.parameters[f"kernel{index}"], self.parameters[f"bias{index}"]
            z = h @ kernel
            deviation = z.std(axis=1, keepdims=True) + np.float32(1e-6)
            # Of inputs that hardly vary, as of a single row, it would be amplified without bound.
            deviation = np.maximum(deviation, np.float32(1e-2))
            kernel /= deviation
            z /= deviation
            if index == self.depth - 1:
                break
            units = z.shape[2]
            some = rng.integers(z.shape[1], size=(5, self.members, units))
            shares = rng.standard_exponential(some.shape, np.float32)
            shares /= shares.sum(axis=0)
            members, places = np.ogrid[: self.members, :units]
            bias[:, 0] = -(z[members, some, places] * shares).sum(axis=0)
            z += bias
            h = self._activate(z, index, learning=False)[0]

    # -- passes ----------------------------------------------------------------------------------

    def shared_inputs(self, rows: Prepared) -> Array:
        """What all members see of rows, (n, shared): it does not depend on any parameter."""
        n, count = rows.numbers.shape
        codes = len(self._slopes)
        dtype = self.vector.dtype
        shared = np.empty((n, self.shared), dtype)
        if codes:
            code = np.take(rows.numbers, self._places, axis=1).astype(dtype, copy=False)
            code *= self._slopes
            code += self._shifts
            np.clip(code, 0, 1, out=code)
            np.subtract(code, 0.5, out=shared[:, :codes])
        shared[:, codes : codes + count] = rows.numbers
        shared[:, codes + count :] = rows.flags
        return shared

    def _own_inputs(self, rows: Prepared) -> tuple[Array, tuple[Array, ...]]:
        """What each member makes of rows, (k, n, own), and angles and cosines on the way."""
        n, count = rows.numbers.shape
        dtype = self.vector.dtype
        own = np.empty((self.members, n, self._waves + _DEPTH * len(self.labels)), dtype)
        waves: tuple[Array, ...] = ()
        if self._waves:
            x = np.ascontiguousarray(rows.numbers.T, dtype)[np.newaxis, :, :, np.newaxis]
            angles = x * self.parameters["frequencies"]
            angles += self.parameters["phases"]
            cosines = np.cos(angles)
            made = cosines @ self.parameters["waves"]
            made += self.parameters["offsets"]
            by_row = own[:, :, : self._waves].reshape(self.members, n, count, _OUT)
            by_row[...] = made.transpose(0, 2, 1, 3)
            if not np.shares_memory(by_row, own):
                own[:, :, : self._waves] = by_row.reshape(self.members, n, -1)
            waves = (x, angles, cosines)
        for index in range(len(self.labels)):
            start = self._waves + _DEPTH * index
            found = self.parameters[f"labels{index}"][rows.codes[:, index]]
            own[:, :, start : start + _DEPTH] = found.transpose(1, 0, 2)
        return own, waves

    def _activate(self, z: Array, index: int, *, learning: bool) -> tuple[Array, Array, Any]:
        slope = self.parameters.get(f"slope{index}")
        return activate(self.activation, z, slope, learning=learning)

    def _first(self, shared: Array, own: Array, kernel: Array) -> Array:
        z: Array = np.matmul(shared, kernel[:, : self.shared])
        if own.shape[2]:
            z += own @ kernel[:, self.shared :]
        return z

    def forward(
        self,
        rows: Prepared,
        shared: Array | None = None,
        dropout: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, Tape | None]:
        """Outputs, (k, n, outputs); with ``rng`` those of a step, and what ``backward`` needs.

        Parameters
        ----------
        shared : array, optional
            What ``shared_inputs`` gives of these rows, if it is known.
        """
        learning = rng is not None
        shared = self.shared_inputs(rows) if shared is None else shared
        own, waves = self._own_inputs(rows)
        kernel = self.parameters["kernel0"]
        if not self.folded:
            kernel = kernel * self.parameters["factors"]
        h, hidden = shared, []
        for index in range(self.depth):
            z = self._first(shared, own, kernel) if index == 0 else h @ self._kernel(index)
            z += self.parameters[f"bias{index}"]
            if index == self.depth - 1:
                break
            h, df, f = self._activate(z, index, learning=learning)
            if rng is not None:
                if dropout > 0:
                    mask = dropout_mask(h.shape, dropout, rng)
                    h *= mask
                    if f is not None:
                        f *= mask
                    df = df * mask
                hidden.append((h, df, f))
        tape = Tape(shared, own, waves, kernel, hidden, rows.codes) if learning else None
        return z, tape

    def _kernel(self, index: int) -> Array:
        return self.parameters[f"kernel{index}"]

    def backward(self, dz: Array, tape: Tape) -> None:
        """Write the gradient of all parameters, given that of the outputs."""
        gradients = self.gradients
        for index in range(self.depth - 1, 0, -1):
            h, df, f = tape.hidden[index - 1]
            np.sum(dz, axis=1, keepdims=True, out=gradients[f"bias{index}"])
            np.matmul(h.transpose(0, 2, 1), dz, out=gradients[f"kernel{index}"])
            dz = dz @ self._kernel(index).transpose(0, 2, 1)
            if f is not None:
                np.einsum("kno,kno->ko", dz, f, out=gradients[f"slope{index - 1}"][:, 0])
            dz *= df
        np.sum(dz, axis=1, keepdims=True, out=gradients["bias0"])
        own = tape.own
        effective = gradients["kernel0"]
        effective[:, : self.shared] = tape.shared.T @ dz
        if own.shape[2]:
            effective[:, self.shared :] = own.transpose(0, 2, 1) @ dz
            self._backward_own(dz @ tape.kernel[:, self.shared :].transpose(0, 2, 1), tape)
        np.einsum("kio,kio->ki", effective, self._kernel(0), out=gradients["factors"][..., 0])
        effective *= self.parameters["factors"]

    def _backward_own(self, dx: Array, tape: Tape) -> None:
        gradients, (members, n, _) = self.gradients, dx.shape
        if self._waves:
            x, angles, cosines = tape.waves
            dy = dx[:, :, : self._waves].reshape(members, n, -1, _OUT)
            dy = np.ascontiguousarray(dy.transpose(0, 2, 1, 3))
            np.matmul(cosines.transpose(0, 1, 3, 2), dy, out=gradients["waves"])
            np.sum(dy, axis=2, keepdims=True, out=gradients["offsets"])
            da = dy @ self.parameters["waves"].transpose(0, 1, 3, 2)
            np.sin(angles, out=angles)
            da *= angles
            np.negative(da, out=da)
            np.sum(da, axis=2, keepdims=True, out=gradients["phases"])
            np.matmul(x.transpose(0, 1, 3, 2), da, out=gradients["frequencies"])
        for index, count in enumerate(self.labels):
            start = self._waves + _DEPTH * index
            by_row = dx[:, :, start : start + _DEPTH].transpose(1, 0, 2).reshape(n, -1)
            cells = (np.ones(n, np.float32), tape.codes[:, index], np.arange(n + 1))
            chosen = scipy.sparse.csr_array(cells, shape=(n, count))
            gradients[f"labels{index}"][...] = (chosen.T @ by_row).reshape(count, members, _DEPTH)

    def outputs(self, rows: Prepared) -> Array:
        """Predictions of each member, (k, n, outputs)."""
        starts = range(0, rows.size, _ROWS)
        parts = [self.forward(rows.take(slice(start, start + _ROWS)))[0] for start in starts]
        return np.concatenate(parts, axis=1)

    def predictor(self, members: Any = None, dtype: Any = None) -> Pack:
        """Some of the members, or all, to predict with: factors of inputs are in the kernels.

        In float64 the predictions of a row hardly depend on the rows beside it.
        """
        chosen = np.arange(self.members)[slice(None) if members is None else members]
        code = self.describe() | {"members": len(chosen)}
        pack = Pack(**code, edges=self.edges, dtype=dtype or self.vector.dtype)
        for name, values in self.parameters.items():
            axis = 1 if name.startswith("labels") else 0
            pack.parameters[name][...] = values.take(chosen, axis)
        pack.parameters["kernel0"] *= pack.parameters["factors"]
        pack.parameters["factors"][...] = 1
        pack.folded = True
        return pack

    # -- pickles and files -----------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """What makes the same pack again, beside its vector and ``edges``."""
        return {
            "kind": self.kind,
            "activation": self.activation,
            "members": self.members,
            "sizes": self.sizes,
            "labels": self.labels,
        }

    def __getstate__(self) -> dict[str, Any]:
        return {"code": self.describe(), "vector": self.vector, "edges": self.edges}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state["code"], edges=state["edges"])  # type: ignore[misc]  # views again
        self.vector[...] = state["vector"]
