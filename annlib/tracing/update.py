"""The update (5.2): what regularizers add to the gradients, and what the optimizer does then."""

from __future__ import annotations

from collections.abc import Iterator

from annlib.core.arrays import Array
from annlib.layers import Layer
from annlib.optimizers import SGD, Optimizer
from annlib.tracing.equation import Equation, Operand
from annlib.tracing.recording import LayerRecord, Recording
from annlib.tracing.sections import as_paper, definition, gradient_symbol, symbol_of

_POLICY = (
    *("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema"),
    *("gradient_accumulation_steps", "learning_rate_factors"),
)


def equations(recording: Recording, record: LayerRecord) -> Iterator[Equation]:
    """Those of one layer's parameters."""
    layer: Layer = record.layer
    for parameter in layer._parameters:
        path = f"{record.name}/{parameter.name}"
        if path not in recording.gradients:
            continue

        def paper(array: Array, name: str = parameter.name) -> Array:
            return as_paper(layer, name, array)

        symbol = symbol_of(layer, parameter.name, parameter.shape)
        total = Operand(gradient_symbol(symbol), paper(recording.gradients[path]), by_row=False)
        for term in recording.penalties:
            if term.path == path:
                of_loss = paper(record.gradients[parameter.name])
                formula = definition(term.regularizer, "regularizer")
                yield Equation(
                    record.name,
                    "update",
                    f"the regularizer of {parameter.name}",
                    "",
                    (
                        total,
                        "←",
                        Operand(total.symbol, of_loss, by_row=False),
                        "⊕",
                        Operand(_of_penalty(symbol), paper(term.gradient), by_row=False),
                    ),
                    "dW += R'(W)",
                    lambda loss, penalty: loss + penalty,
                    definition=formula.derivatives if formula else (),
                    note=f"{term.regularizer!r}: a penalty of {term.penalty:.6g}.",
                )
        if recording.trained:
            before, after = paper(recording.before[path]), paper(recording.after[path])
            constrained = parameter.constraint is not None
            yield _update(
                recording, record, parameter.name, symbol, before, after, total, constrained
            )


def _update(
    recording: Recording,
    record: LayerRecord,
    name: str,
    symbol: str,
    before: Array,
    after: Array,
    total: Operand,
    constrained: bool,
) -> Equation:
    path = f"{record.name}/{name}"
    optimizer, own = recording.optimizer._trained_by(path)
    rate, factor = recording.rate * own, optimizer.policy.rate_factor(path)
    new, old = Operand(symbol, after, by_row=False), Operand(symbol, before, by_row=False)
    variable = {"kernel": "W", "bias": "b"}.get(name, name)
    if _is_the_papers(optimizer, recording.optimizer) and not constrained:
        return Equation(
            record.name,
            "update",
            f"the update of {name}",
            "5.2",
            (new, "←", old, "⊖", r"\rho", total),
            f"{variable} -= {rate:g} * d{variable}",
            lambda old, d: old - rate * d,
            note=f"The learning rate is {rate:g}.",
        )
    matrix = symbol.startswith("[")
    inner = symbol[1:-1] if matrix else symbol[2:-2]
    step = rf"[\mathrm{{step}}_{{{inner}}}]" if matrix else rf"\{{\mathrm{{step}}_{{{inner}}}\}}"
    paths = (p for p in recording.gradients if recording.optimizer._trained_by(p)[0] is optimizer)
    first = next(paths) == path
    formula = definition(optimizer, "optimizer") if first else None
    by_factor = "" if factor == 1 else f", times {factor:g}"
    words = f"{optimizer!r}, at a learning rate of {rate:g}{by_factor}."
    for setting in optimizer._schedules:
        words += f" The {setting} is {getattr(optimizer, setting):g}."
    if constrained:
        words += " The parameter's constraint is in the step."
    return Equation(
        record.name,
        "update",
        f"the update of {name}",
        "5.2",
        (new, "←", old, "⊕", Operand(step, after - before, by_row=False)),
        "optimizer.step()",
        lambda old, step: old + step,
        definition=formula.equations if formula else (),
        note=words,
    )


def _is_the_papers(optimizer: Optimizer, whole: Optimizer) -> bool:
    """Whether it, by itself or as a part of another, is W <- W - rho D and nothing more."""
    plain = type(optimizer) is SGD and not optimizer.momentum and not optimizer._schedules
    policies = (getattr(part, name) for part in (optimizer, whole) for name in _POLICY)
    return plain and not any(policies)


def _of_penalty(symbol: str) -> str:
    return gradient_symbol(symbol).replace("D_{E,", "D_{P,")
