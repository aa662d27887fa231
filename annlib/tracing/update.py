"""The update (5.2): what regularizers add to the gradients, and what the optimizer does then."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.formulas import as_text
from annlib.formulas.grammar import Node, Row, parse
from annlib.formulas.text import as_text_of
from annlib.optimizers import SGD, Optimizer
from annlib.tracing.equation import Equation, Operand
from annlib.tracing.letters import Letters
from annlib.tracing.lines import Lines
from annlib.tracing.recording import LayerRecord, Recording
from annlib.tracing.sections import definition, gradient_symbol, indexed
from annlib.tracing.terms import Quantity, UnreadableError

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
        #: What is one number, as it was shown, by the optimizer's part and the rate.
        self._said: dict[tuple[int, float], dict[str, float]] = {}

    def equations(self, record: LayerRecord) -> Iterator[Equation]:
        """Those of one layer's parameters."""
        for parameter in record.layer._parameters:
            path = f"{record.name}/{parameter.name}"
            if path in self.recording.gradients:
                update = _Update(self.recording, record, parameter)
                yield from update.penalties()
                if self.recording.trained:
                    key = id(update.part), update.rate
                    first = key not in self._said
                    yield from update.equations(self._said.setdefault(key, {}), first=first)


class _Update(Letters):
    """That of one parameter."""

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

    def equations(self, said: dict[str, float], *, first: bool) -> Iterator[Equation]:
        """The optimizer's step; without the numbers that were said with another parameter.

        The formula is beside it for the ``first`` of its parameters.
        """
        optimizer, constraint = self.recording.optimizer, self.parameter.constraint
        if _is_the_papers(self.part, optimizer) and constraint is None:
            yield self._of_the_paper()
            return
        try:
            found = [*self._by_formula(said, first=first)]
            if not self.rate and any(math.isnan(step.distance()) for step in found):
                raise UnreadableError("a rate of 0 that is divided by")
        except UnreadableError:
            found = [*self._step(first=first)]
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

    def _by_formula(self, said: dict[str, float], *, first: bool) -> Iterator[Equation]:
        """Each line of the formula with the numbers of this parameter."""
        lines, final = self.lines()
        reader = Lines(self.names(), self.axes())
        last = {as_text_of(_left(line)): k for k, line in enumerate(lines)}
        if first and any(map(_T.search, lines)):
            yield self._count()
        for k, latex in enumerate(lines):
            line = reader.read(latex)
            if line.number:
                reader.names.setdefault(line.key, 0.0)
                if not callable(reader.names[line.key]):
                    reader.names[line.key] = float(line.value[0, 0])
                if said.get(line.key) == line.value[0, 0]:
                    continue
                said[line.key] = float(line.value[0, 0])
                result = Operand(line.left, line.value, by_row=False)
                title, derived = f"{as_text(line.left)} of the update", False
            else:
                known = final.get(line.key) if last[as_text_of(_left(latex))] == k else None
                array = line.value if known is None else known
                title, derived = self._title(line.key), known is None
                symbol = self.symbol_for(line.key, line.left)
                result = Operand(symbol, array, by_row=False)
                reader.names[line.key] = Quantity(symbol, array)
            yield self._equation(
                title,
                (result, "←", *line.tokens),
                line.rule,
                definition=(latex,) if first else (),
                derived=derived,
                note=self._words() if k + 1 == len(lines) else "",
            )
        yield from self._constrained(reader)

    def _title(self, key: str) -> str:
        if key == "θ":
            return f"the update of {self.name}"
        return f"the gradient of {self.name}" if key == "g" else f"{key} of {self.name}"

    def _count(self) -> Equation:
        """The number of the update, which rules call t."""
        t = self.t
        new, old = (np.full((1, 1), float(n)) for n in (t, t - 1))
        return self._equation(
            "the number of the update",
            (
                Operand("t", new, by_row=False),
                "←",
                Operand("t", old, by_row=False, coefficient=True),
                "⊕",
                "1",
            ),
            lambda old: old.reshape(1, 1) + 1,
        )

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
            (
                new,
                arrow,
                r"\operatorname{C}(",
                Operand(self.symbol, known.array, by_row=False),
                ")",
            ),
            rule,
            section="",
            note=f"{constraint!r}.",
        )

    # -- of an optimizer without a formula that can be put in numbers ------------------------------

    def _step(self, *, first: bool) -> Iterator[Equation]:
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
        before, shape = self.recording.slots_before[self.path], self.parameter.shape
        for letter, array in self.recording.slots_after[self.path].items():
            symbol = indexed(_as_letter(letter), self.symbol)
            operands = [
                Operand(symbol, self.paper(a) if a.shape == shape else a, by_row=False)
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
        words = f"{optimizer!r}, at a learning rate of {self.base_rate:g}{by_factor}."
        for setting in optimizer._schedules:
            words += f" The {setting} is {getattr(optimizer, setting):g}."
        if not self.is_due:
            words += " This step only adds up gradients."
        return words


def _left(latex: str) -> Node:
    """What is left of the arrow."""
    row = parse(latex)
    return row.items[0] if isinstance(row, Row) else row


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
