"""Faults of data: what x and y show before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from annlib.callbacks.layer_statistics import bounds_of
from annlib.core.arrays import Array
from annlib.core.errors import DataError
from annlib.tools.findings import Finding
from annlib.tools.subject import Subject

#: Inputs of a larger size than this saturate units and ask for a tiny learning rate.
_LARGE = 20.0
_SMALL = 0.005
#: A class in this share of the rows makes a constant prediction look good.
_DOMINANT = 0.9
_MANY = 50
#: So far beyond what the output can give targets are out of reach.
_SLACK = 1e-3


def input_scale(subject: Subject) -> Iterator[Finding]:
    """Whether what the first matrix multiplies has a size of about 1."""
    if not subject.weighted:
        return
    first, x, _ = subject.weighted[0]
    x = x.reshape(len(subject.trial), -1)
    size = np.sqrt(np.mean(np.square(x, dtype=np.float64), axis=0))
    large = np.flatnonzero(size > _LARGE)
    advice = "Scale x: layers.Normalization with adapt(x) first, or sklearn's StandardScaler."
    if len(large):
        worst = large[np.argsort(-size[large])]
        mixed = any(layer._held for layer in subject.trial.model.layers)
        what = f'what "{first.name}" gets' if mixed else "x"
        which = ", ".join(map(str, worst[:3])) if mixed else subject.some(list(worst))
        yield Finding(
            "error" if size.max() > 10 * _LARGE else "warning",
            "input scale",
            f"{len(large)} of {len(size)} columns of {what} are far from a size of 1: "
            f"{which}; the largest is about {size.max():.3g}.",
            advice,
        )
    elif size.max() < _SMALL:
        yield Finding(
            "warning",
            "input scale",
            f"all columns of x are tiny: the largest is about {size.max():.2g}.",
            advice,
        )


def constant_columns(subject: Subject) -> Iterator[Finding]:
    """Columns of x that tell nothing, since all rows have the same number there."""
    x = subject.trial.x
    if x.ndim != 2 or len(x) < 10 or subject.trial.model.layers[0].takes_codes:
        return
    constant = np.flatnonzero(np.ptp(x, axis=0) == 0)
    if not len(constant):
        return
    # Some zeros are natural in the border of an image, or where there are as many columns.
    natural = bool(
        (x[0, constant] == 0).all()
        and (x.min() >= 0 or x.shape[1] >= _MANY)
        and 3 * len(constant) < x.shape[1]
    )
    yield Finding(
        "note" if natural else "warning",
        "constant input",
        f"{len(constant)} of {x.shape[1]} columns of x have one value in all rows: "
        f"{subject.some(list(constant))}.",
        "" if natural else "Leave them out, or see why they are constant.",
    )


def class_balance(subject: Subject) -> Iterator[Finding]:
    """Whether each class has its share of the rows."""
    classes = subject.classes
    if classes is None:
        return
    count = max(2, subject.units)
    shares = np.bincount(classes.astype(int), minlength=count) / len(classes)
    absent = np.flatnonzero(shares == 0)
    if len(absent) and len(classes) >= 20 * count:
        off = len(absent) == 1 and absent[0] == 0
        yield Finding(
            "warning",
            "labels",
            f"no row is of class {', '.join(map(str, absent[:5]))}, of {count} that the output "
            "has.",
            "Re-code the labels from 0: they seem to begin at 1."
            if off
            else "Give the output as many units as there are classes, or see where they are.",
        )
    if shares.max() >= _DOMINANT:
        yield Finding(
            "warning",
            "class balance",
            f"{shares.max():.1%} of the rows are of class {int(np.argmax(shares))}: to predict "
            "that always is as accurate.",
            "Look at precision, recall or AUC instead of accuracy, and try "
            'class_weight (sklearn\'s compute_class_weight("balanced")).',
        )


def target_scale(subject: Subject) -> Iterator[Finding]:
    """Whether the targets of a regression have the size of what the model gives."""
    if not subject.is_regression:
        return
    y = subject.trial.y.astype(np.float64)
    size, spread = float(np.sqrt(np.mean(y**2))), float(y.std())
    given = float(np.sqrt(np.mean(np.square(subject.predictions, dtype=np.float64))))
    if spread == 0:
        yield Finding(
            "error",
            "target scale",
            f"y is {y.flat[0]:g} in all rows: there is nothing to learn.",
            "See whether it is the right column.",
        )
    elif _has_scale(subject) and (size > _LARGE * max(1.0, given) or spread < _SMALL):
        yield Finding(
            "warning",
            "target scale",
            f"the targets have mean {y.mean():.3g} and standard deviation {spread:.3g}, where "
            f"outputs begin at a size of {given:.2g}.",
            _scaling(subject, y),
        )


def _has_scale(subject: Subject) -> bool:
    """Whether the loss depends on the size of the targets, not on their direction alone."""
    loss, y = subject.loss, subject.trial.y
    with np.errstate(all="ignore"):
        half, whole = (loss(targets, subject.predictions) for targets in (y / 2, y))
    return not np.isclose(half, whole, rtol=1e-6)


def _scaling(subject: Subject, y: Array) -> str:
    """How to scale targets; some losses take none below 0."""
    try:
        subject.loss.check_targets(y - y.mean(), subject.predictions.shape, "checkup")
    except DataError:
        return "Train on y / y.mean(), which has a size of 1."
    return (
        "Train on (y - mean) / std: sklearn's TransformedTargetRegressor, or a last layer "
        "Normalization(mean=..., variance=..., invert=True)."
    )


def output(subject: Subject) -> Iterator[Finding]:
    """Whether the last activation goes with the loss, and with the targets."""
    yield from output_and_loss(subject)
    yield from output_range(subject)


def output_range(subject: Subject) -> Iterator[Finding]:
    """Whether the last activation can give what the loss wants: the targets, or both margins."""
    lowest, highest = bounds_of(subject.output)
    y, what = subject.trial.y, "the targets go"
    if subject.loss.margin:
        y, what = np.array([-1.0, 1.0]), f"the loss {subject.loss._names[0]} wants margins"
    elif not subject.is_regression:
        return
    if y.min() < lowest - _SLACK or y.max() > highest + _SLACK:
        yield Finding(
            "error",
            "output",
            f"the output layer gives numbers from {lowest:g} to {highest:g}, and {what} "
            f"from {y.min():.3g} to {y.max():.3g}.",
            "Leave out the activation of the last layer.",
        )


def output_and_loss(subject: Subject) -> Iterator[Finding]:
    """Whether the last activation and the loss belong together."""
    activation, loss = subject.output, subject.loss
    given = None if activation is None else activation.task
    of_probabilities = loss.task != "regression" and not (loss.margin or loss.from_logits)
    advice = ""
    if given == "classes" and subject.units == 1:
        advice = 'One unit with softmax is always 1: use "sigmoid" and "binary_crossentropy".'
    elif of_probabilities and loss.task == "classes" and given != "classes":
        advice = 'Give the last layer activation="softmax".'
        if given == "binary":
            advice += ' Where a row may have several classes: loss "binary_crossentropy".'
    elif of_probabilities and loss.task == "binary" and given != "binary":
        advice = 'Give the last layer activation="sigmoid"'
        advice += ', or take the loss "categorical_crossentropy".' if given else "."
    elif given and loss.task == "regression" and subject.classes is not None:
        wanted = "binary" if given == "binary" else "categorical"
        advice = f'Use loss "{wanted}_crossentropy", whose gradient does not vanish.'
    if advice:
        name = "none" if activation is None else activation._names[0]
        yield Finding(
            "error" if of_probabilities or subject.units == 1 else "warning",
            "output",
            f"the last layer's activation is {name}, which does not go with the loss "
            f"{loss._names[0]}.",
            advice,
        )
