"""The last layer of a network beside its targets: whether they fit, which loss, how to read it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from annlib.activations import Sigmoid, Softmax
from annlib.callbacks.layer_statistics import bounds_of
from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.checks import items_of, to_array
from annlib.core.constructors import constructor_arguments
from annlib.core.errors import ConfigurationError, show
from annlib.core.expression import express
from annlib.core.workspace import Workspace
from annlib.estimators.rows import codes_of
from annlib.estimators.targets import (
    BinaryTargets,
    ClassTargets,
    ColumnsTargets,
    IndicatorTargets,
    LabelTargets,
    Targets,
)
from annlib.layers import Layer
from annlib.layers.noise import Noise
from annlib.losses import (
    BinaryCrossentropy,
    BlockCrossentropy,
    CategoricalCrossentropy,
    Loss,
    LossOfVectors,
    SparseCategoricalCrossentropy,
)
from annlib.models import Sequential
from annlib.network.output import output_of
from annlib.network.prediction import infer


class Outputs(NamedTuple):
    """How the outputs of a network are read.

    Parameters
    ----------
    link : {"sigmoid", "softmax", "exponential", ""}
        What makes probabilities of logits, or numbers of their logarithms; nothing where there are
        none, as with a hinge loss.
    applied : bool
        Whether the network does so already.
    cut : float
        The border between no and yes of a single output that is read as it is.
    """

    link: str
    applied: bool
    cut: float = 0.0

    def probabilities(self, model: Sequential, X: Any) -> Array:
        """The output after its sigmoids or softmax."""
        A = infer(model._network, codes_of(model._network, X))
        if self.applied or not self.link:
            return A
        if self.link == "sigmoid":
            return numerics.sigmoid(A, A)
        loss = model.loss if isinstance(model.loss, BlockCrossentropy) else BlockCrossentropy()
        for block in loss.blocks(A.shape[1]):
            A[:, block] = softmax(np.ascontiguousarray(A[:, block]))
        return A

    def linked(self, Z: Any, model: Sequential) -> Any:
        """The same as an expression of an output that is none yet."""
        if self.link == "sigmoid":
            return express(Sigmoid(), Z)
        loss = model.loss if isinstance(model.loss, BlockCrossentropy) else BlockCrossentropy()
        blocks = [express(Softmax(), Z[:, block]) for block in loss.blocks(Z.shape[1])]
        return np.concatenate(blocks, axis=1)

    def decisions(self, model: Sequential, X: Any) -> Array:
        """The output before them, or of single outputs the distance from the cut."""
        Z = infer(model._network, codes_of(model._network, X), logits=self.applied)
        return np.subtract(Z, self.cut, out=Z) if self.cut else Z


def outputs_of(model: Sequential, loss: Loss | None, targets: Targets) -> Outputs:
    """How to read the output of a network that is trained with this loss."""
    if not isinstance(targets, LabelTargets):
        link = loss.fuses_with if loss is not None and loss.from_logits else ""
        return Outputs(link, applied=False)
    if task := _task(model):
        return Outputs(_LINKS[task], applied=True)
    if loss is not None and loss.from_logits:
        return Outputs(_LINKS.get(loss.task, ""), applied=False)
    one_each = _one_each(targets, _units(model))
    return Outputs("", applied=False, cut=_middle(model, loss) if one_each else 0.0)


def gives_probabilities(model: Sequential, loss: Loss) -> bool:
    """Whether a network, which need not be built, gives them when it is trained with this loss."""
    return _task(model) is not None or (loss.from_logits and loss.task in _LINKS)


def _middle(model: Sequential, loss: Loss | None) -> float:
    """Halfway between the targets of no and yes, or what comes next to them in reach."""
    targets = (-1.0, 1.0) if loss is not None and loss.margin else (0.0, 1.0)
    return float(np.clip(targets, *bounds_of(_activation(model))).mean())


#: What makes probabilities of logits, by the task.
_LINKS = {"binary": "sigmoid", "classes": "softmax"}


def fitting_loss(model: Sequential, targets: Targets, where: str) -> Any:
    """The loss that fits last layer and targets.

    Raises
    ------
    ConfigurationError
        If there is none.
    """
    activation, units, task = _activation(model), _units(model), _task(model)
    if not isinstance(targets, LabelTargets):
        return targets.loss
    _check_kept(model, where)
    linear = activation is None or activation._default_for_none
    if isinstance(targets, ColumnsTargets):
        if linear:
            return targets.loss
    elif task == "binary" or (linear and _one_each(targets, units)):
        return BinaryCrossentropy(from_logits=linear)
    elif task == "classes" or linear:
        return SparseCategoricalCrossentropy(from_logits=linear)
    name = "linear" if linear else activation._names[0]
    raise ConfigurationError(
        f'{where}: expected a last layer whose loss is known for {_described(targets)}, got '
        f'"{model.layers[-1].name}" with activation {name}. Give it {_wanted(targets)}, or pass '
        "a loss."
    )  # fmt: skip


def targets_of_outputs(model: Sequential, classes: Any, where: str) -> LabelTargets:
    """What the outputs of a trained classifier stand for.

    Parameters
    ----------
    model : Sequential
        Built.
    classes : array_like, list of them or None
        Of several columns a list; None are 0, 1, ..., and for several sigmoids labels.

    Raises
    ------
    ConfigurationError
        If they are not in their order, of which the columns of ``predict_proba`` are.
    """
    units = _units(model)
    if classes is None:
        loss = model.loss
        binary = _task(model) == "binary" or (loss is not None and loss.task == "binary")
        if binary and units > 1:
            return IndicatorTargets(np.empty((0, units)))
        classes = np.arange(max(units, 2))
    items = items_of(classes) or []
    several = bool(items) and hasattr(items[0], "__len__") and not isinstance(items[0], str | bytes)
    each = [to_array(one, where, "classes") for one in (items if several else [classes])]
    for one in each:
        if not _rises(one):
            raise ConfigurationError(
                f"{where}: expected classes in sorted order, each once, as scikit-learn has them, "
                f"got {show(one.tolist())}. Where the units of the last layer stand in another "
                "order, sort them, too: order = np.argsort(classes); kernel, bias = "
                "model.layers[-1].get_weights(); model.layers[-1].set_weights([kernel[:, order], "
                "bias[order]])."
            )
    if several:
        return ColumnsTargets(each, np.result_type(*each))
    return BinaryTargets(each[0]) if len(each[0]) <= 2 else ClassTargets(each[0])


def _rises(classes: Array) -> bool:
    """Whether it is a vector of what can be sorted, in its order, each once."""
    try:
        return classes.ndim == 1 and np.array_equal(np.unique(classes), classes)
    except TypeError:  # of kinds that cannot be compared
        return False


def for_arguments(loss: Loss, names: Iterable[str]) -> Loss:
    """An automatic loss that can have these arguments, if any can: label smoothing is one of the
    cross-entropy of one-hot rows alone, which is the same without it.
    """
    lacks = not constructor_arguments(type(loss)).keys() >= set(names)
    if lacks and isinstance(loss, SparseCategoricalCrossentropy):
        return CategoricalCrossentropy(from_logits=loss.from_logits, reduction=loss.reduction)
    return loss


def last_layer(loss: Loss, targets: Targets) -> tuple[int, str]:
    """Units and activation of a last layer for this loss and these targets."""
    if not isinstance(targets, LabelTargets):
        of_rows = loss.task == "classes" or loss.from_logits
        return targets.units, (not of_rows and (loss.fuses_with or loss.suits)) or "linear"
    # One unit would be the whole of its row, of which such a loss tells nothing.
    vectors = targets.units == 1 and isinstance(loss, LossOfVectors)
    units = 2 if vectors else targets.units
    activation = "softmax" if vectors else targets.activation
    takes_logits = loss.margin or (loss.from_logits and loss.fuses_with == activation)
    return units, "linear" if takes_logits else activation


def _check_kept(model: Sequential, where: str) -> None:
    """Raise ``ConfigurationError`` if a layer makes something else of probabilities."""
    output = output_of(model.layers)
    if output.activation is None or not output.activation.task:
        return
    changed_by: Layer | None = output.changed_by
    if changed_by is None and output.activation.task == "binary":
        # Noise of a half hides on which side of a half they are; what a dropout leaves of a
        # softmax is normalized by the loss.
        after = model.layers[output.place :][1:]
        noisy = (each for each in after if isinstance(each, Noise) and each.strength >= 0.5)
        changed_by = next(noisy, None)
    if changed_by is not None:
        name = output.activation._names[0]
        raise ConfigurationError(
            f'{where}: expected the {name} at the end of the network, got "{changed_by.name}" '
            "after it, which makes other numbers of its probabilities. Put that layer before the "
            f"{name}, leave it out, or pass a loss."
        )


def check_units(model: Sequential, targets: Targets, n_features: int, where: str) -> None:
    """Raise ``ConfigurationError`` unless the last layer can tell these targets."""
    shape = model.compute_output_shape((None, n_features))
    activation = _activation(model)
    task = _task(model)
    softmax = task == "classes"
    allowed = {targets.units}
    if isinstance(targets, BinaryTargets):
        allowed = {2} if softmax else {1} if task == "binary" else {1, 2}
    several = isinstance(targets, IndicatorTargets | ColumnsTargets)
    if len(shape) != 2 or shape[1] not in allowed or (softmax and several):
        name = "no activation" if activation is None else f"activation {activation._names[0]}"
        one_hot = softmax and isinstance(targets, IndicatorTargets)
        hint = " For rows of one class each pass y.argmax(axis=1)." if one_hot else ""
        raise ConfigurationError(
            f"{where}: expected a last layer for {_described(targets)}, got "
            f'"{model.layers[-1].name}" with outputs of shape {shape[1:]} and {name}. '
            f"Make it {_wanted(targets)}.{hint}"
        )


def check_blocks(loss: Any, targets: Targets, where: str) -> None:
    """Raise ``ConfigurationError`` for a loss of classes that mixes those of several columns."""
    if not isinstance(targets, ColumnsTargets):
        return
    # A name of a cross-entropy that the shapes would settle takes all outputs for one row of
    # classes; a loss of numbers takes each output for itself.
    of_numbers = isinstance(loss, Loss) and loss.task == "regression"
    of_blocks = isinstance(loss, BlockCrossentropy) and (
        [*loss.blocks(targets.units)] == [*BlockCrossentropy(targets.sizes).blocks(targets.units)]
    )
    if not (of_numbers or of_blocks):
        sizes = ", ".join(map(str, targets.sizes))
        raise ConfigurationError(
            f"{where}: expected a loss that takes the columns of y one by one, each with its "
            f"classes ({sizes}), got {loss!r}. Leave loss out, which means "
            f"BlockCrossentropy([{sizes}]), or take sklearn.multioutput.MultiOutputClassifier."
        )


def wants_one_hot(loss: Any, model: Sequential, targets: Targets) -> bool:
    """Whether the loss takes a column for each class, and not their codes."""
    labels = isinstance(loss, Loss) and loss.target_kind == "labels"
    # A name that is settled by the shapes is settled as codes.
    return isinstance(targets, ClassTargets) and _units(model) > 1 and not labels


def _activation(model: Sequential) -> Any:
    return model._network.output_activation


def _task(model: Sequential) -> str | None:
    """The task of which the network gives probabilities."""
    activation = _activation(model)
    return None if activation is None else activation.task


def _units(model: Sequential) -> int:
    return model.output_shape[-1] or 0


def _one_each(targets: Targets, units: int) -> bool:
    return units == 1 or isinstance(targets, IndicatorTargets)


def _described(targets: Targets) -> str:
    if isinstance(targets, ColumnsTargets):
        return f"{len(targets.sizes)} columns of {', '.join(map(str, targets.sizes))} classes"
    if isinstance(targets, IndicatorTargets):
        return f"{targets.units} labels"
    if isinstance(targets, BinaryTargets):
        return "two classes"
    if isinstance(targets, ClassTargets):
        return f"{targets.units} classes"
    return f"{targets.units} number{'s' * (targets.units > 1)} to predict"


def _wanted(targets: Targets) -> str:
    activation = "" if targets.activation == "linear" else f', activation="{targets.activation}"'
    text = f"Dense({targets.units}{activation})"
    return (
        f'{text} or Dense(2, activation="softmax")' if isinstance(targets, BinaryTargets) else text
    )


def softmax(Z: Array) -> Array:
    """The softmax of each row, in place."""
    numerics.softmax(Z, Z, Workspace(Z.dtype))
    return Z
