"""Muon (Jordan et al., 2024): steps of which all singular values are about 1."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_count, check_flag, check_number, items_of
from annlib.core.errors import ConfigurationError, show
from annlib.core.formula import Formula, number
from annlib.optimizers.averages import move_toward
from annlib.optimizers.base import Optimizer, register
from annlib.optimizers.formula import update_formula
from annlib.optimizers.policy import PolicyArguments, norm
from annlib.optimizers.state import State


@register("muon")
class Muon(Optimizer):
    """theta <- theta - rate rms_rate sqrt(max(n, m)) O, for each kernel, (n, m).

        M <- momentum M + g
        O = g + momentum M (nesterov) or M, over its norm; then ns_steps times, with S = O O^T:
        O <- a O + (b S + c S S) O

    The iteration of Newton and Schulz brings O near U V^T of the decomposition O = U D V^T. What is
    no matrix, embeddings and ``exclude_layers`` are trained by AdamW, at ``adam_lr_ratio`` times
    the rate. Weights decay first, w <- w - rate weight_decay w. Jordan et al. (2024), with the
    scale of Liu et al. (2025), "Muon is scalable for LLM training".

    Parameters
    ----------
    learning_rate : float, at least 0, or callable
        The root mean square of a kernel's step is about ``rms_rate`` times this.
    adam_beta_1, adam_beta_2 : float, in [0, 1)
        What AdamW's moments keep of themselves in a step.
    adam_weight_decay : float, at least 0, or callable, optional
        That of the parameters that AdamW trains.
    epsilon : float, at least 0
        AdamW's.
    weight_decay : float, at least 0, or callable, optional
        That of the others.
    exclude_layers : sequence of str, optional
        Regular expressions, searched for in the paths of parameters: ``["head"]``.
    exclude_embeddings : bool
        Whether AdamW trains the tables of embeddings, too.
    muon_a, muon_b, muon_c : float, any number
        a, b and c.
    adam_lr_ratio : float, at least 0
        AdamW's rate over that of the kernels.
    momentum : float, in [0, 1), or callable
        What M keeps of itself in a step.
    ns_steps : int, at least 0
        How often O is iterated.
    nesterov : bool
        Look ahead by another momentum M.
    rms_rate : float, above 0, or None for no factor rms_rate sqrt(max(n, m))
        The root mean square of a step, over the rate.
    **keywords
        The policy that every ``Optimizer`` takes.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, of another type or out of its range.

    Examples
    --------
    It remembers one number of each weight of the kernel, and two of the biases, which AdamW trains:

    >>> import numpy as np
    >>> from annlib import Sequential, layers, optimizers
    >>> model = Sequential([layers.Input((3,)), layers.Dense(2)])
    >>> model.compile(optimizers.Muon(0.01), "mse")
    >>> loss = model.train_on_batch(np.zeros((1, 3)), np.zeros((1, 2)))
    >>> [(name, array.shape) for name, array in model.optimizer.state_arrays().items()]
    [('momentum', (8,)), ('dense/bias/velocity', (2,))]
    """

    per_parameter = True
    state_names = ("momentum",)
    letters: ClassVar[Mapping[str, str]] = {"momentum": "M", "velocity": "v"}
    bounded = True
    weight_decay: float | None = None

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: Any = 0.004,
        epsilon: float = 1e-7,
        weight_decay: Any = 0.004,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: Any = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **keywords: Unpack[PolicyArguments],
    ) -> None:
        super().__init__(learning_rate, **keywords)
        where = "Muon"
        self._squares: dict[Any, tuple[Array, Array]] = {}
        self.adam_beta_1 = check_number(adam_beta_1, where, "adam_beta_1", "[0, 1)")
        self.adam_beta_2 = check_number(adam_beta_2, where, "adam_beta_2", "[0, 1)")
        self.adam_weight_decay = self._optional_decay(adam_weight_decay, "adam_weight_decay")
        self.weight_decay = self._optional_decay(weight_decay, "weight_decay")
        self.epsilon = check_number(epsilon, where, "epsilon", "[0, inf)")
        self.exclude_layers = _patterns(exclude_layers)
        self.exclude_embeddings = check_flag(exclude_embeddings, where, "exclude_embeddings")
        self.muon_a = check_number(muon_a, where, "muon_a")
        self.muon_b = check_number(muon_b, where, "muon_b")
        self.muon_c = check_number(muon_c, where, "muon_c")
        self.adam_lr_ratio = check_number(adam_lr_ratio, where, "adam_lr_ratio", "[0, inf)")
        self.momentum = self._number(momentum, "momentum", "[0, 1)")
        self.ns_steps = check_count(ns_steps, where, "ns_steps", 0)
        self.nesterov = check_flag(nesterov, where, "nesterov")
        self.rms_rate = (
            None if rms_rate is None else check_number(rms_rate, where, "rms_rate", "(0, inf)")
        )

    @property
    def _can_decay(self) -> bool:
        return not self.weight_decay is self.adam_weight_decay is None

    def state_shapes(self, shape: Shape, path: str = "") -> Mapping[str, Shape]:
        """AdamW's second moment, for the parameters that it trains."""
        return {"velocity": shape} if self._by_adam(path, shape) else {}

    def _by_adam(self, path: str, shape: Shape) -> bool:
        """Whether AdamW trains the parameter."""
        embedding = self.exclude_embeddings and "embedding" in path.lower()
        excluded = any(re.search(pattern, path) for pattern in self.exclude_layers)
        return len(shape) != 2 or embedding or excluded

    def update(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        adam = "velocity" in vars(state)
        decay = self.adam_weight_decay if adam else self.weight_decay
        if decay and (factor := self.policy.decay_factor(state.path)):
            np.multiply(theta, 1 - rate * (decay * factor), out=theta)
        if adam:
            self._adam_step(theta, gradient, rate * self.adam_lr_ratio, state, scratch)
            return
        M = state.momentum
        np.add(np.multiply(M, self.momentum, out=M), gradient, out=M)
        if self.nesterov:
            np.add(gradient, np.multiply(M, self.momentum, out=scratch), out=gradient)
        else:
            np.copyto(gradient, M)
        if self.rms_rate is not None:
            rate *= self.rms_rate * math.sqrt(max(theta.shape))
        O = self._orthogonal(gradient, scratch)  # noqa: E741  # the paper's letter
        np.subtract(theta, np.multiply(O, rate, out=O), out=theta)

    def _adam_step(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        t, m, v = self.iterations + 1, state.momentum, state.velocity
        alpha = rate * math.sqrt(1 - self.adam_beta_2**t) / (1 - self.adam_beta_1**t)
        move_toward(m, gradient, self.adam_beta_1, scratch)
        move_toward(v, np.square(gradient, out=gradient), self.adam_beta_2, scratch)
        np.add(np.sqrt(v, out=scratch), self.epsilon, out=scratch)
        np.multiply(np.divide(m, scratch, out=scratch), alpha, out=scratch)
        np.subtract(theta, scratch, out=theta)

    def _orthogonal(self, G: Array, scratch: Array) -> Array:
        """G, in one of the two buffers, with its singular values brought near 1."""
        np.divide(G, norm(G) + 1e-7, out=G)
        (n, m), r = G.shape, min(G.shape)
        if (r, G.dtype) not in self._squares:
            self._squares[r, G.dtype] = np.empty((r, r), G.dtype), np.empty((r, r), G.dtype)
        S, T = self._squares[r, G.dtype]
        for _ in range(self.ns_steps):
            # O O^T, or O^T O of a tall matrix, which acts from the other side and is as small.
            np.matmul(*((G, G.T) if n <= m else (G.T, G)), out=S)
            np.multiply(np.matmul(S, S, out=T), self.muon_c, out=T)
            np.add(np.multiply(S, self.muon_b, out=S), T, out=S)
            np.matmul(*((S, G) if n <= m else (G, S)), out=scratch)
            np.add(scratch, np.multiply(G, self.muon_a, out=G), out=scratch)
            G, scratch = scratch, G
        return G

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_squares": {}}

    def formula(self) -> Formula:
        a, b, c = (number(x) for x in (self.muon_a, self.muon_b, self.muon_c))
        return self._formula(rf"O \leftarrow {a} O + ({b} O O^T + {c} O O^T O O^T) O")

    def _formula_of(self, path: str, shape: Shape) -> Formula:
        if self._by_adam(path, shape):
            return self._formula_of_adam()
        a, b, c = (number(x) for x in (self.muon_a, self.muon_b, self.muon_c))
        once = rf"O \leftarrow {a} O + ({b} S + {c} S S) O"
        return self._formula(*("S = O O^T", once) * self.ns_steps)

    def _formula_of_adam(self) -> Formula:
        b1, b2, ratio = (
            number(x) for x in (self.adam_beta_1, self.adam_beta_2, self.adam_lr_ratio)
        )
        kept = rf"\frac{{\sqrt{{1 - {b2}^t}}}}{{1 - {b1}^t}}"
        return update_formula(
            self,
            rf"M \leftarrow {b1} M + {number(1 - self.adam_beta_1)} g",
            rf"v \leftarrow {b2} v + {number(1 - self.adam_beta_2)} g^2",
            rf"\alpha = \eta {ratio} {kept}",
            r"\theta \leftarrow \theta - \alpha \frac{M}{\sqrt{v} + \varepsilon}",
            source="Loshchilov & Hutter (2019)",
            decay="adam_weight_decay",
            epsilon=self.epsilon,
        )

    def _formula(self, *iteration: str) -> Formula:
        mu = number(self.momentum)
        start = rf"g + {mu} M" if self.nesterov else "M"
        scale = r"\eta"
        if self.rms_rate is not None:
            scale += rf" {number(self.rms_rate)} \sqrt{{\max(n, m)}}"
        return update_formula(
            self,
            rf"M \leftarrow {mu} M + g",
            rf"O = \frac{{{start}}}{{\lVert {start} \rVert + 10^{{-7}}}}",
            *iteration,
            rf"\theta \leftarrow \theta - {scale} O",
            source="Jordan et al. (2024); Liu et al. (2025)",
            note=f"For each kernel, [n × m]; the line of O {self.ns_steps} times. Biases, "
            "embeddings and excluded layers are trained by AdamW.",
        )


def _patterns(patterns: Any) -> list[str]:
    """The regular expressions of layers; raises ``ConfigurationError``."""
    texts = [] if patterns is None else items_of(patterns)
    try:
        if texts is None or not all(isinstance(text, str) for text in texts):
            raise TypeError
        for text in texts:
            re.compile(text)
        return texts
    except (TypeError, re.error):
        raise ConfigurationError(
            f'Muon: expected exclude_layers as a list of regular expressions, ["head"], got '
            f"{show(patterns)}."
        ) from None
