"""What the rows of a class weigh in training: ``class_weight``, for targets of one class a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import is_number
from annlib.core.errors import ConfigurationError, show
from annlib.losses import Loss


def class_weights(
    class_weight: Mapping[int, float],
    target: Array,
    loss: Loss,
    output_shape: BatchShape,
    where: str,
) -> Array:
    """The weight of each row's class.

    Parameters
    ----------
    class_weight : dict of int to float
        As the user gave it; classes not named weigh 1.
    target : array, (n, ...)
        In the layout that the loss takes.
    loss : Loss
    output_shape : tuple
    where : str
        The method to name in errors.

    Raises
    ------
    ConfigurationError
        If a row is of no class or may be of several, or a class is none of the output's.
    """
    if not isinstance(class_weight, Mapping):
        raise ConfigurationError(
            f"{where}: expected class_weight as a dict of class to weight, got "
            f"{show(class_weight)}. "
            'For "balanced" weights: sklearn.utils.class_weight.compute_class_weight.'
        )
    if loss.masks and loss.target_kind == "values":
        raise ConfigurationError(
            f"{where}: expected no class_weight with {loss!r}, of which targets may be missing, "
            f"got {show(class_weight)}. Pass sample_weight instead, a weight for each output."
        )
    labels, classes = _classes(target, loss, output_shape, where)
    weights = np.ones(len(labels))
    for label, weight in class_weight.items():
        if not isinstance(label, int | float | np.number) or label != np.floor(label):
            raise ConfigurationError(
                f"{where}: expected class_weight by the integer codes of classes, got "
                f"{show(label)}. Pass {{0: ..., 1: ...}} as y has them."
            )
        if not is_number(weight) or not 0 <= weight < np.inf:
            raise ConfigurationError(
                f"{where}: expected class weights as numbers >= 0, got {show(weight)} for class "
                f"{show(label)}."
            )
        if label not in classes:
            known = f"0..{classes[-1]}" if len(classes) > 3 else ", ".join(map(str, classes))
            raise ConfigurationError(
                f"{where}: expected class_weight for the classes {known} that the output has, got "
                f"a weight for {show(label)}. Leave it out, or give the output layer a unit for it."
            )
        weights[labels == label] = weight
    return weights


def _classes(
    target: Array, loss: Loss, output_shape: BatchShape, where: str
) -> tuple[Array, Sequence[int]]:
    """The class of each row, and the classes that there can be.

    Raises
    ------
    ConfigurationError
        If a row has none, or may have several: the loss says what is meant, and the targets.
    """
    more = f" or each output, {target.shape}" if loss.weighs_outputs and target.ndim > 1 else ""
    units, got = output_shape[-1] or 0, f"targets of shape {target.shape}"
    if loss.target_kind == "labels" and target.ndim == 1:
        return target, range(units)
    if target.size == len(target):
        labels = target.reshape(-1)
        classes: Sequence[int] = (0, 1)
        if loss.margin and not (labels == 0).any():  # 1 alone may be of either kind
            classes = (-1, 1) if (labels == -1).any() else (-1, 0, 1)
        other = ~np.isin(labels, classes)
        if not other.any():
            return labels, classes
        got = f"{labels[other][0]:g}, which is none of two classes"
    elif target.ndim == 2 and loss.task == "binary":
        got += f" for {loss.name}, to which outputs are labels that do not exclude each other"
    elif target.ndim == 2:
        largest = target.max(axis=1, keepdims=True)
        one = np.count_nonzero(target == largest, axis=1) == 1
        if loss.task == "regression":  # a number is of no class: rows of zeros and a one alone are
            one &= (np.count_nonzero(target, axis=1) == 1) & (largest[:, 0] == 1)
        if one.all():
            return target.argmax(axis=1), range(units)
        got = f"the row {show(target[np.argmin(one)].tolist())}, which is of no class or of several"
    raise ConfigurationError(
        f"{where}: expected targets of one class a row where there is a class_weight, got {got}. "
        f"Pass sample_weight instead, a weight for each row{more}."
    )
