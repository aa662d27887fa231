"""Faults at the start: weights, units, the first loss, and whether the gradients are right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from annlib.callbacks.layer_statistics import range_of, shares
from annlib.tools.findings import Finding
from annlib.tools.gradient_check import check_trial
from annlib.tools.subject import Subject

_DEAD = 0.5
_SATURATED = 0.5
#: So many times the loss of a model that knows nothing.
_CERTAIN = 5.0


def initial_weights(subject: Subject) -> Iterator[Finding]:
    """Whether the units of a layer differ: alike they begin, alike they stay."""
    hidden = subject.weighted[:-1]
    for layer, _, _ in hidden:
        kernel = layer._values()["kernel"]
        if kernel.shape[1] > 1 and np.ptp(kernel, axis=1).max() == 0:
            what = "0" if not kernel.any() else "the same for every unit"
            yield Finding(
                "error",
                "initial weights",
                f'all weights of layer "{layer.name}" are {what}: its units get the same gradient '
                "and never differ.",
                'Leave kernel_initializer at its default, or take "he_normal" with relu.',
            )


def dead_units(subject: Subject) -> Iterator[Finding]:
    """Units that give one number for all rows."""
    if len(subject.trial) < 10:
        return
    for name, _, y in subject.hidden:
        units = y.reshape(len(y), -1)
        dead = float(np.mean(np.ptp(units, axis=0) == 0))
        if dead > _DEAD:
            yield Finding(
                "error" if dead > 0.95 else "warning",
                "dead units",
                f'{dead:.0%} of the units of layer "{name}" give the same number for all rows and '
                "do not learn.",
                "Look at its bias and at the scale of what it gets; "
                'kernel_initializer="he_normal" and bias 0 suit relu, "leaky_relu" does not die.',
            )


def saturated_units(subject: Subject) -> Iterator[Finding]:
    """Units at the flat ends of their activation, where gradients vanish."""
    for name, activation, y in subject.hidden:
        _, share = shares(y, range_of(activation))
        if share > _SATURATED:
            yield Finding(
                "warning",
                "saturation",
                f'{share:.0%} of the outputs of layer "{name}" are at the flat ends of '
                f"{activation._names[0]}, where the gradient is 0.",
                "Scale x, or begin with smaller weights.",
            )


def initial_loss(subject: Subject) -> Iterator[Finding]:
    """Whether the first loss is what a model that knows nothing should have."""
    trial = subject.trial
    found = trial.fresh_copy().training_loss()
    nothing = np.zeros_like(subject.predictions)
    if subject.output is not None:
        nothing = subject.output(nothing)
    with np.errstate(all="ignore"):
        expected = float(subject.loss(trial.y, nothing, trial.weights))
    if not expected:
        return
    message = (
        f"the loss begins at {found:.4g}, where {expected:.4g} is expected: that of outputs that "
        f"are all {nothing.flat[0]:.3g}"
    )
    if not found <= _CERTAIN * abs(expected) + 0.5:
        yield Finding(
            "warning",
            "initial loss",
            message + ". The model begins with certainty in what is wrong.",
            "Scale x, or begin with smaller weights in the last layer.",
        )
    else:
        yield Finding("note", "initial loss", message + ".")


def gradients(subject: Subject) -> Iterator[Finding]:
    """Whether the gradients are those of the loss: of layers and losses of one's own."""
    # Inputs that are not scaled make differences imprecise, but no factor is that near to 1.
    report = check_trial(subject.trial.first(8, "float64"), elements=12, tolerance=1e-4)
    if report.ok:
        return
    names = [wrong.name for wrong in report.wrong]
    which = " and ".join(filter(None, (", ".join(names[:-1][:4]), names[-1])))
    yield Finding(
        "error",
        "gradients",
        f"the derivative of the loss by {which} is not what backward writes: differences of the "
        f"loss are off by up to {report.largest:.2g} of the largest.",
        "Look at the backward of what is your own at the last of these or behind it: "
        "annlib.testing.check_layer, check_activation and check_loss tell more.",
    )
