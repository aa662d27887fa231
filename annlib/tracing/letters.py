"""What the letters of an optimizer's formula stand for, of one parameter in one step."""

from __future__ import annotations

import numpy as np

from annlib.core.arrays import Array
from annlib.core.parameters import Parameter
from annlib.formulas import as_text
from annlib.formulas.grammar import Scripts, parse
from annlib.formulas.latex import as_latex
from annlib.formulas.text import as_text_of
from annlib.layers import Layer
from annlib.optimizers.formula import DECAY, average_lines, limit_lines
from annlib.tracing.equation import Operand
from annlib.tracing.recording import LayerRecord, Recording
from annlib.tracing.sections import as_paper, gradient_symbol, indexed, symbol_of
from annlib.tracing.terms import Known, Quantity, UnreadableError


class Letters:
    """Symbols and numbers of one parameter, by the letters of the formula that trains it.

    Parameters
    ----------
    recording : Recording
    record : LayerRecord
        Of the layer that has the parameter.
    parameter : Parameter

    Attributes
    ----------
    part : Optimizer
        The one that trains it.
    rate : float
        The learning rate of this parameter.
    """

    def __init__(self, recording: Recording, record: LayerRecord, parameter: Parameter) -> None:
        self.recording, self.record, self.parameter = recording, record, parameter
        self.layer: Layer = record.layer
        self.name, self.path = parameter.name, f"{record.name}/{parameter.name}"
        self.symbol = symbol_of(self.layer, parameter.name, parameter.shape)
        optimizer = recording.optimizer
        self.part, own = optimizer._trained_by(self.path)
        self.base_rate = recording.rate * own
        self.rate = self.base_rate * self.part.policy.rate_factor(self.path)

    def paper(self, array: Array) -> Array:
        """As the paper has it: the weights of a Dense transposed."""
        return as_paper(self.layer, self.name, array)

    @property
    def gradient(self) -> Operand:
        """What the optimizer got."""
        array = self.paper(self.recording.gradients[self.path])
        return Operand(gradient_symbol(self.symbol), array, by_row=False)

    @property
    def every(self) -> int:
        """How many steps make one update."""
        return self.recording.optimizer.gradient_accumulation_steps or 1

    @property
    def t(self) -> int:
        """The number of the update, from 1."""
        return self.recording.steps // self.every + 1

    @property
    def is_due(self) -> bool:
        """Whether this step makes an update, and does not only add up gradients."""
        return (self.recording.steps + 1) % self.every == 0

    @property
    def decay_factor(self) -> float:
        """That of the weight decay."""
        return self.part.policy.decay_factor(self.path)

    def lines(self) -> tuple[list[str], dict[str, Array]]:
        """The lines that are computed, and what is known of their last results."""
        optimizer, part = self.recording.optimizer, self.part
        if not part._holds("formula"):  # of a class derived from that which has it
            raise UnreadableError(type(part).__name__)
        lines: list[str] = []
        if self.every > 1:
            mean = rf"g \leftarrow \frac{{1}}{{{self.every}}} (G + g)"
            lines += [mean, "G = 0 G"] if self.is_due else [r"G \leftarrow G + g"]
        if self.is_due:
            if part is not optimizer:
                lines += limit_lines(optimizer)
            own = part._formula_of(self.path, self.parameter.shape).equations
            own = own[: len(own) - len(average_lines(part))]
            decays = self.decay_factor > 0
            lines += [line for line in own if decays or line != DECAY]
        if optimizer.use_ema:
            begun = self.t > 1
            lines += average_lines(optimizer) if begun else [r"\bar{\theta} \leftarrow \theta"]
            every = optimizer.ema_overwrite_frequency
            if every is not None and self.t % every == 0:
                lines.append(r"\theta \leftarrow \bar{\theta}")
        after = self.recording.slots_after[self.path]
        final = {letter: array for letter, array, _ in map(self._slot, after, after.values())}
        if self.parameter.constraint is None:
            final["θ"] = self.paper(self.recording.after[self.path])
        return lines, final

    def _slot(self, letter: str, array: Array) -> tuple[str, Array, str]:
        """The letter as text, the numbers as the paper has them, and the symbol."""
        node = parse(letter)
        index = ""
        if isinstance(node, Scripts) and node.below is not None:
            index, node = as_text_of(node.below), node.base
        if index:  # means over the other index
            array = np.expand_dims(array, -1 if index == "i" else -2)
        if array.ndim == len(self.parameter.shape):
            array = self.paper(array)
        text = as_text_of(node)
        return text, array, self.symbol_for(text, as_latex(node))

    def symbol_for(self, key: str, left: str) -> str:
        """That of a letter of the formula, for this parameter."""
        if key == "θ":
            return self.symbol
        if key == "g":
            return gradient_symbol(self.symbol)
        return indexed(left, self.symbol)

    def names(self) -> dict[str, Known]:
        """What the letters of the formula stand for."""
        recording, part = self.recording, self.part
        formula = part._formula_of(self.path, self.parameter.shape)
        names: dict[str, Known] = {as_text(letter): value for letter, value in formula.values}
        shape = self.parameter.shape
        if len(shape) > 1:
            names |= {"n": float(shape[-2]), "m": float(shape[-1])}
        for letter, array in recording.slots_before[self.path].items():
            key, numbers, symbol = self._slot(letter, array)
            names[key] = Quantity(symbol, numbers)
        names["θ"] = Quantity(self.symbol, self.paper(recording.before[self.path]))
        names["g"] = Quantity(self.gradient.symbol, self.gradient.array)
        factors = bool(part.learning_rate_factors)
        names["η₀" if factors else "η"] = float(self.base_rate if factors else self.rate)
        names["κ₁"] = float(part.policy.rate_factor(self.path))
        names["κ₂"] = float(self.decay_factor)
        names["t"], names["P"] = float(self.t), float(self.gradient.array.size)
        if recording.optimizer.global_clipnorm:
            names["‖g‖"] = self._norm_of_all()
        return names

    def _norm_of_all(self) -> float:
        """The norm of the gradient of all parameters."""
        recording, squares = self.recording, 0.0
        for path, gradient in recording.gradients.items():
            total = gradient.astype(np.float64)
            if self.every > 1:
                total = (total + recording.slots_before[path]["G"]) / self.every
            squares += float(np.square(total).sum())
        return float(np.sqrt(squares))

    def axes(self) -> dict[str, int]:
        """Where the indices of a matrix are in the paper's."""
        shape = self.parameter.shape
        probe = np.empty((2, 3)) if len(shape) == 2 else None
        turned = probe is not None and self.paper(probe).shape != probe.shape
        return {"i": -1, "j": -2} if turned else {"i": -2, "j": -1}
