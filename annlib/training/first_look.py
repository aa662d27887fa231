"""A look at a fit before its first step: set-ups that train and hardly learn, each a warning.

It is conservative: what may be meant passes in silence, and ``annlib.checkup`` looks further.
"""

from __future__ import annotations

import numpy as np

from annlib.activations import Linear
from annlib.core.arrays import Array
from annlib.core.tracebacks import warn_user
from annlib.losses import Loss
from annlib.network.network import Network
from annlib.network.output import output_of
from annlib.training.dataset import Dataset
from annlib.training.stream_dataset import StreamDataset

_WHERE = "Sequential.fit"
#: At most about so many targets are looked at.
_LOOKED_AT = 2000
#: Targets of such a size are out of reach of outputs that begin at about 1; of a larger one the
#: loss soon is infinite, which is an error.
_FAR = 1e3, 1e9
#: Fewer targets may be sorted by chance.
_FEW = 30


def look(
    network: Network,
    loss: Loss,
    data: Dataset | StreamDataset,
    split_off: Dataset | StreamDataset | None,
    batch_size: int | None,
    *,
    drop_last: bool = False,
    warn_of_size: bool = True,
) -> None:
    """Warn of what a fit of a new model with these parts will suffer from.

    ``split_off`` are the last rows, where ``validation_split`` took them.
    """
    _look_at_output(network, loss)
    if not isinstance(data, Dataset) or data.y is None:
        return
    each = max(1, len(data.y) // _LOOKED_AT)
    y = data.y[::each]
    # Rows without a weight may be anything.
    if warn_of_size and (data.weights is None or data.weights[::each].all()):
        _look_at_size(network, loss, y)
    _look_at_rows(network, len(data.y), batch_size or len(data.y), drop_last)
    if isinstance(split_off, Dataset) and split_off.y is not None:
        held_out = split_off.y[:: max(1, len(split_off.y) // _LOOKED_AT)]
        _look_at_order(loss, y, held_out)


def _look_at_output(network: Network, loss: Loss) -> None:
    output = output_of(network.layers)
    activation = output.given
    units = network.compute_output_shape(network.input_shape)[-1]
    if activation is None or loss.margin:
        return
    name, layer = activation._names[0], network.layers[output.place].name
    if activation.task == "classes" and units == 1:
        warn_user(
            f'{_WHERE}: expected several units with {name}, got 1 in the output layer "{layer}", '
            'which is always 1, whatever x is. Use activation="sigmoid" with '
            'loss="binary_crossentropy" for two classes, or a unit for each class.'
        )
    elif activation.task == "binary" and loss.target_kind == "labels" and loss.task == "classes":
        warn_user(
            f"{_WHERE}: expected probabilities of exclusive classes for the loss {loss.name}, got "
            f'{name} in the output layer "{layer}", whose units are each for itself. Use '
            'activation="softmax"; where a row may have several classes, '
            'loss="binary_crossentropy" and rows of 0 and 1.'
        )


def _look_at_size(network: Network, loss: Loss, y: Array) -> None:
    """Targets far from the size of outputs, where a linear layer gives them and has not begun at
    their mean.
    """
    known = loss.task == "regression" and loss._holds("task")
    if not known or loss.masks or loss.suits or y.dtype.kind not in "iuf":
        return
    last = network.layers[-1]
    bias = getattr(last, "bias", None)
    if type(output_of(network.layers).given) is not Linear or (bias is not None and bias.any()):
        return
    with np.errstate(all="ignore"):
        size = float(np.sqrt(np.mean(np.square(y, dtype=np.float64))))
        if not _FAR[0] < size < _FAR[1] or not _heeds_size(loss, y):
            return
    warn_user(
        f"{_WHERE}: expected targets y of a size of about 1, as outputs have at first, got a size "
        f"of {size:.3g}, to which steps of the optimizer take long. Train on (y - mean) / std: "
        "scikit-learn's TransformedTargetRegressor, or a last layer "
        "Normalization(mean=..., variance=..., invert=True)."
    )


def _heeds_size(loss: Loss, y: Array) -> bool:
    """Whether larger targets make a loss larger in proportion, at least."""
    Y = y.reshape(len(y), -1).astype(np.float64)
    nothing = np.zeros_like(Y)
    return bool(loss(Y, nothing) > 50 * loss(Y / 100, nothing))


def _look_at_rows(network: Network, rows: int, batch_size: int, drop_last: bool) -> None:
    """Batches of one row, of which no statistics can be taken."""
    alone = batch_size == 1 or rows == 1
    if not alone and (rows % batch_size != 1 or drop_last):
        return
    for layer in network.layers:
        if layer.needs_rows:
            which = "of one row" if alone else f"of one row at the end of {rows}"
            warn_user(
                f'{_WHERE}: expected several rows in a batch for "{layer.name}" '
                f"({type(layer).__name__}), got batches {which}, whose variance is 0: all that "
                "comes out is beta. Take another batch_size"
                f"{'' if alone else ', or drop_last=True'}."
            )
            return


def _look_at_order(loss: Loss, y: Array, held_out: Array) -> None:
    """Rows that are sorted by class, of which the last are held out."""
    classes, others = _classes_of(loss, y), _classes_of(loss, held_out)
    if classes is None or others is None or len(classes) + len(others) < _FEW:
        return
    both = np.concatenate([classes, others])
    changes = np.count_nonzero(both[1:] != both[:-1])
    absent = np.setdiff1d(classes, others)
    if changes and changes == len(np.unique(both)) - 1 and len(absent):
        warn_user(
            f"{_WHERE}: expected rows in a random order with validation_split, got y sorted by "
            f"class: the rows held out are of {len(np.unique(others))} of {len(np.unique(both))} "
            "classes. Shuffle the rows of x and y first (sklearn's train_test_split, which also "
            "stratifies), and pass validation_data."
        )


def _classes_of(loss: Loss, y: Array) -> Array | None:
    """The class of each row, of a loss for classes."""
    if loss.task == "regression":
        return None
    if loss.target_kind == "labels" or y.ndim == 1:
        return y if y.ndim == 1 else None
    if y.ndim != 2:
        return None
    return y[:, 0] if y.shape[1] == 1 else np.argmax(y, axis=1)
