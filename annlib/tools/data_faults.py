"""Faults of data: what a look at x and y tells, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from annlib.activations import ReLU, Sigmoid, Softmax, Tanh
from annlib.tools.findings import Finding
from annlib.tools.patient import Patient

#: Inputs of a larger size than this saturate units and ask for a tiny learning rate.
_LARGE = 20.0
_SMALL = 0.005
#: A class in this share of the rows makes a constant prediction look good.
_DOMINANT = 0.9
_MANY = 50


def input_scale(patient: Patient) -> Iterator[Finding]:
    """Whether what the first matrix multiplies has a size of about 1."""
    if not patient.weighted:
        return
    x = patient.weighted[0][1].reshape(len(patient.trial), -1)
    size = np.sqrt(np.mean(np.square(x, dtype=np.float64), axis=0))
    large = np.flatnonzero(size > _LARGE)
    advice = "Scale x: layers.Normalization with adapt(x) first, or sklearn's StandardScaler."
    if len(large):
        worst = large[np.argsort(-size[large])]
        yield Finding(
            "error" if size.max() > 10 * _LARGE else "warning",
            "input scale",
            f"{len(large)} of {len(size)} columns of x are far from a size of 1: "
            f"{patient.some(list(worst))}; the largest is about {size.max():.3g}.",
            advice,
        )
    elif size.max() < _SMALL:
        yield Finding(
            "warning",
            "input scale",
            f"all columns of x are tiny: the largest is about {size.max():.2g}.",
            advice,
        )


def constant_columns(patient: Patient) -> Iterator[Finding]:
    """Columns of x that tell nothing, since all rows have the same number there."""
    x = patient.trial.x
    if x.ndim != 2 or len(x) < 10 or patient.trial.model.layers[0].codes is not None:
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
        f"{patient.some(list(constant))}.",
        "" if natural else "Leave them out, or see why they are constant.",
    )


def class_balance(patient: Patient) -> Iterator[Finding]:
    """Whether each class has its share of the rows."""
    classes = patient.classes
    if classes is None:
        return
    count = max(2, patient.units)
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


def target_scale(patient: Patient) -> Iterator[Finding]:
    """Whether the targets of a regression have the size of what the model gives."""
    if not patient.is_regression:
        return
    y = patient.trial.y.astype(np.float64)
    size, spread = float(np.sqrt(np.mean(y**2))), float(y.std())
    given = float(np.sqrt(np.mean(np.square(patient.predictions, dtype=np.float64))))
    if spread == 0:
        yield Finding(
            "error",
            "target scale",
            f"y is {y.flat[0]:g} in all rows: there is nothing to learn.",
            "See whether it is the right column.",
        )
    elif size > _LARGE * max(1.0, given) or spread < _SMALL:
        yield Finding(
            "warning",
            "target scale",
            f"the targets have mean {y.mean():.3g} and standard deviation {spread:.3g}, where "
            f"outputs begin at a size of {given:.2g}.",
            "Train on (y - mean) / std: sklearn's TransformedTargetRegressor, or a last layer "
            "Normalization(mean=..., variance=..., invert=True).",
        )
    lowest, highest = _range(patient)
    if y.min() < lowest - 1e-6 or y.max() > highest + 1e-6:
        yield Finding(
            "error",
            "output",
            f"the output layer gives numbers from {lowest:g} to {highest:g}, and the targets go "
            f"from {y.min():.3g} to {y.max():.3g}.",
            "Leave out the activation of the last layer: a regression has none.",
        )


def _range(patient: Patient) -> tuple[float, float]:
    """What the last activation can give."""
    activation = patient.output
    if isinstance(activation, Sigmoid | Softmax):
        return 0.0, 1.0
    if isinstance(activation, Tanh):
        return -1.0, 1.0
    if isinstance(activation, ReLU) and not activation.negative_slope:
        return 0.0, np.inf if activation.max_value is None else activation.max_value
    return -np.inf, np.inf


def output_and_loss(patient: Patient) -> Iterator[Finding]:
    """Whether the last activation and the loss belong together."""
    activation, loss = patient.output, patient.loss_name
    logits = getattr(patient.trial.loss_function, "from_logits", False)
    name = "none" if activation is None else activation.names[0]
    of_classes = loss in _OF_CLASSES
    advice = ""
    if isinstance(activation, Softmax) and patient.units == 1:
        advice = 'One unit with softmax is always 1: use "sigmoid" and "binary_crossentropy".'
    elif of_classes and not logits and not isinstance(activation, Softmax):
        advice = 'Give the last layer activation="softmax".'
        if isinstance(activation, Sigmoid):
            advice += " Where a row may have several classes: loss " + '"binary_crossentropy".'
    elif "binary" in loss and not logits and not isinstance(activation, Sigmoid):
        softmax = 'loss "categorical_crossentropy", or '
        advice = (softmax if isinstance(activation, Softmax) else "") + 'activation="sigmoid".'
        advice = advice[0].upper() + advice[1:]
    elif (
        isinstance(activation, Sigmoid | Softmax)
        and patient.classes is not None
        and loss in ("mean_squared_error", "half_sum_squared_error", "mean_absolute_error")
    ):
        wanted = "binary" if isinstance(activation, Sigmoid) else "categorical"
        advice = f'Use loss "{wanted}_crossentropy", whose gradient does not vanish.'
    if advice:
        yield Finding(
            "error" if of_classes or "binary" in loss or patient.units == 1 else "warning",
            "output",
            f"the last layer's activation is {name}, which does not go with the loss {loss}.",
            advice,
        )


_OF_CLASSES = {
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "categorical_focal_crossentropy",
}
