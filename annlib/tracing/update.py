"""The update (5.2): what regularizers add to the gradients, and what the optimizer does then."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.parameters import Parameter
from annlib.formulas import as_text
from annlib.formulas.grammar import Scripts, parse
from annlib.formulas.text import as_text_of
from annlib.layers import Layer
from annlib.optimizers import SGD, Optimizer
from annlib.optimizers.formula import DECAY, average_lines, limit_lines
from annlib.tracing.equation import Equation, Operand
from annlib.tracing.lines import Known, Lines, Quantity, UnreadableError
from annlib.tracing.recording import LayerRecord, Recording
from annlib.tracing.sections import as_paper, definition, gradient_symbol, indexed, symbol_of

_POLICY = (
    *("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema"),
    *("gradient_accumulation_steps", "learning_rate_factors"),
)
#: What is one number is shown with the first parameter that it is used for.
_T = re.compile(r"(?<![A-Za-z\\])t(?![A-Za-z])")


class Updates:
    """The updates of all parameters.

    Parameters
    ----------
    recording : Recording
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._said: set[tuple[int, float]] = set()

    def equations(self, record: LayerRecord) -> Iterator[Equation]:
        """Those of one layer's parameters."""
        for parameter in record.layer._parameters:
            path = f"{record.name}/{parameter.name}"
            if path in self.recording.gradients:
                update = _Update(self.recording, record, parameter)
                yield from update.penalties()
                if self.recording.trained:
                    key = id(update.part), update.rate
                    yield from update.equations(first=key not in self._said)
                    self._said.add(key)


class _Update:
    """That of one parameter."""

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

    def penalties(self) -> Iterator[Equation]:
        """What regularizers add to the gradient."""
        for term in self.recording.penalties:
            if term.path != self.path:
                continue
            total = self.gradient
            of_loss = self.paper(self.record.gradients[self.name])
            added = Operand(_of_penalty(self.symbol), self.paper(term.gradient), by_row=False)
            formula = definition(term.regularizer, "regularizer")
            yield self._equation(
                f"the regularizer of {self.name}",
                (total, "←", Operand(total.symbol, of_loss, by_row=False), "⊕", added),
                lambda loss, penalty: loss + penalty,
                code="dW += R'(W)",
                section="",
                definition=formula.derivatives if formula else (),
                note=f"{term.regularizer!r}: a penalty of {term.penalty:.6g}.",
            )

    def _equation(
        self,
        title: str,
        tokens: tuple[Any, ...],
        rule: Callable[..., Array] | None,
        code: str = "",
        section: str = "5.2",
        **more: Any,
    ) -> Equation:
        return Equation(self.record.name, "update", title, section, tokens, code, rule, **more)

    # -- by the optimizer's formula ----------------------------------------------------------------

    def equations(self, first: bool) -> Iterator[Equation]:
        """The optimizer's step; with what is one number for the ``first`` of its parameters."""
        optimizer, constraint = self.recording.optimizer, self.parameter.constraint
        if _is_the_papers(self.part, optimizer) and constraint is None:
            yield self._of_the_paper()
            return
        try:
            found = [*self._by_formula(first)]
        except UnreadableError:
            found = [*self._step(first)]
        yield from found

    def _of_the_paper(self) -> Equation:
        variable = {"kernel": "W", "bias": "b"}.get(self.name, self.name)
        rate = self.rate
        return self._equation(
            f"the update of {self.name}",
            (*self._moves, "⊖", r"\rho", self.gradient),
            lambda old, d: old - rate * d,
            code=f"{variable} -= {rate:g} * d{variable}",
            note=f"The learning rate is {rate:g}.",
        )

    @property
    def _moves(self) -> tuple[Operand, str, Operand]:
        """The parameter afterwards, an arrow, and the parameter before."""
        before, after = self.recording.before[self.path], self.recording.after[self.path]
        new = Operand(self.symbol, self.paper(after), by_row=False)
        return new, "←", Operand(self.symbol, self.paper(before), by_row=False)

    def _by_formula(self, first: bool) -> Iterator[Equation]:
        """Each line of the formula with the numbers of this parameter."""
        lines, final = self._lines()
        reader = Lines(self._names(), self._axes())
        last = {as_text_of(_left(line)): k for k, line in enumerate(lines)}
        note = self._words()
        if first and any(map(_T.search, lines)):
            yield self._count(note)
            note = ""
        for k, latex in enumerate(lines):
            line = reader.read(latex)
            if line.number:
                reader.names.setdefault(line.key, 0.0)
                if not callable(reader.names[line.key]):
                    reader.names[line.key] = float(line.value[0, 0])
                if not first:
                    continue
                result = Operand(line.left, line.value, by_row=False)
                title, derived = f"{as_text(line.left)} of the update", False
            else:
                known = final.get(line.key) if last[as_text_of(_left(latex))] == k else None
                array = line.value if known is None else known
                title, derived = self._title(line.key), known is None
                symbol = self._symbol(line.key, line.left)
                result = Operand(symbol, array, by_row=False)
                reader.names[line.key] = Quantity(symbol, array)
            yield self._equation(
                title,
                (result, "←", *line.tokens),
                line.rule,
                definition=(latex,) if first else (),
                derived=derived,
                note=note,
            )
            note = ""
        yield from self._constrained(reader)

    def _title(self, key: str) -> str:
        if key == "θ":
            return f"the update of {self.name}"
        return f"the gradient of {self.name}" if key == "g" else f"{key} of {self.name}"

    def _count(self, note: str) -> Equation:
        """The number of the update, which rules call t."""
        t = self._t
        new, old = (np.full((1, 1), float(n)) for n in (t, t - 1))
        return self._equation(
            "the number of the update",
            (Operand("t", new, False), "←", Operand("t", old, False, coefficient=True), "⊕", "1"),
            lambda old: old.reshape(1, 1) + 1,
            note=note,
        )

    @property
    def _every(self) -> int:
        return self.recording.optimizer.gradient_accumulation_steps or 1

    @property
    def _t(self) -> int:
        return self.recording.steps // self._every + 1

    @property
    def _is_due(self) -> bool:
        """Whether this step makes an update, and does not only add up gradients."""
        return (self.recording.steps + 1) % self._every == 0

    def _lines(self) -> tuple[list[str], dict[str, Array]]:
        """The lines that are computed, and what is known of their last results."""
        optimizer, part = self.recording.optimizer, self.part
        lines: list[str] = []
        if self._every > 1:
            mean = rf"g \leftarrow \frac{{1}}{{{self._every}}} (G + g)"
            lines += [mean, "G = 0 G"] if self._is_due else [r"G \leftarrow G + g"]
        if self._is_due:
            if part is not optimizer:
                lines += limit_lines(optimizer)
            own = part._formula_of(self.path, self.parameter.shape).equations
            own = own[: len(own) - len(average_lines(part))]
            decays = self._decay_factor > 0
            lines += [line for line in own if decays or not _is_of_decay(line)]
        if optimizer.use_ema:
            begun = self._t > 1
            lines += average_lines(optimizer) if begun else [r"\bar{\theta} \leftarrow \theta"]
            every = optimizer.ema_overwrite_frequency
            if every is not None and self._t % every == 0:
                lines.append(r"\theta \leftarrow \bar{\theta}")
        after = self.recording.slots_after[self.path]
        final = {letter: array for letter, array, _ in map(self._slot, after, after.values())}
        if self.parameter.constraint is None:
            final["θ"] = self.paper(self.recording.after[self.path])
        return lines, final

    @property
    def _decay_factor(self) -> float:
        return self.part.policy.decay_factor(self.path)

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
        return text, array, self._symbol(text, letter.split("_")[0] if index else letter)

    def _symbol(self, key: str, left: str) -> str:
        """That of a letter of the formula, for this parameter."""
        if key == "θ":
            return self.symbol
        if key == "g":
            return gradient_symbol(self.symbol)
        return indexed(left, self.symbol)

    def _names(self) -> dict[str, Known]:
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
        names["κ₂"] = float(self._decay_factor)
        names["t"], names["P"] = float(self._t), float(self.gradient.array.size)
        if recording.optimizer.global_clipnorm:
            names["‖g‖"] = self._norm_of_all()
        return names

    def _norm_of_all(self) -> float:
        """The norm of the gradient of all parameters."""
        recording, squares = self.recording, 0.0
        for path, gradient in recording.gradients.items():
            total = gradient.astype(np.float64)
            if self._every > 1:
                total = (total + recording.slots_before[path]["G"]) / self._every
            squares += float(np.square(total).sum())
        return float(np.sqrt(squares))

    def _axes(self) -> dict[str, int]:
        """Where the indices of a matrix are in the paper's."""
        shape = self.parameter.shape
        probe = np.empty((2, 3)) if len(shape) == 2 else None
        turned = probe is not None and self.paper(probe).shape != probe.shape
        return {"i": -1, "j": -2} if turned else {"i": -2, "j": -1}

    def _constrained(self, reader: Lines) -> Iterator[Equation]:
        """What the parameter's constraint makes of it."""
        constraint = self.parameter.constraint
        known = reader.names["θ"]
        if constraint is None or not isinstance(known, Quantity):
            return

        def rule(W: Array) -> Array:
            own = np.array(self.paper(W))
            projected = constraint(own)
            return self.paper(own if projected is None else np.asarray(projected))

        new, arrow, _ = self._moves
        yield self._equation(
            f"the constraint of {self.name}",
            (new, arrow, r"\operatorname{C}(", Operand(self.symbol, known.array, False), ")"),
            rule,
            section="",
            note=f"{constraint!r}.",
        )

    # -- of an optimizer without a formula that can be put in numbers ------------------------------

    def _step(self, first: bool) -> Iterator[Equation]:
        """What the parameter has changed by, and what is remembered of it."""
        step = indexed(r"\mathrm{step}", self.symbol)
        formula = definition(self.part, "optimizer") if first else None
        new, arrow, old = self._moves
        words = self._words()
        if self.parameter.constraint is not None:
            words += " The parameter's constraint is in the step."
        yield self._equation(
            f"the update of {self.name}",
            (new, arrow, old, "⊕", Operand(step, new.array - old.array, by_row=False)),
            lambda old, step: old + step,
            code="optimizer.step()",
            definition=formula.equations if formula else (),
            note=words,
        )
        before = self.recording.slots_before[self.path]
        for letter, array in self.recording.slots_after[self.path].items():
            symbol = indexed(_as_letter(letter), self.symbol)
            operands = [
                Operand(symbol, self.paper(a) if a.shape == self.parameter.shape else a, False)
                for a in (array, before[letter])
            ]
            yield self._equation(
                f"{letter} of {self.name}",
                (operands[0], "←", r"\operatorname{f}(", operands[1], ",", self.gradient, ")"),
                None,
                note="What the optimizer remembers, before and after.",
            )

    def _words(self) -> str:
        """The optimizer, and the numbers by which this step goes."""
        optimizer, factor = self.part, self.part.policy.rate_factor(self.path)
        by_factor = "" if factor == 1 else f", times {factor:g}"
        words = f"{optimizer!r}, at a learning rate of {self.rate:g}{by_factor}."
        for setting in optimizer._schedules:
            words += f" The {setting} is {getattr(optimizer, setting):g}."
        if not self._is_due:
            words += " This step only adds up gradients."
        return words


def _left(latex: str) -> Any:
    """What is left of the arrow."""
    parts = getattr(parse(latex), "items", ())
    return parts[0]


def _is_of_decay(line: str) -> bool:
    return line == DECAY


def _as_letter(name: str) -> str:
    """The name of a state as a letter in TeX."""
    if len(name) == 1 or name.startswith("\\"):
        return name
    return rf"\mathrm{{{''.join(c if c.isascii() and c.isalpha() else '~' for c in name)}}}"


def _is_the_papers(optimizer: Optimizer, whole: Optimizer) -> bool:
    """Whether it, by itself or as a part of another, is W <- W - rho D and nothing more."""
    plain = type(optimizer) is SGD and not optimizer.momentum and not optimizer._schedules
    policies = (getattr(part, name) for part in (optimizer, whole) for name in _POLICY)
    return plain and not any(policies)


def _of_penalty(symbol: str) -> str:
    return gradient_symbol(symbol).replace("D_{E,", "D_{P,")
