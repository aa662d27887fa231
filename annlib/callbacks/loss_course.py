"""What the course of the losses of a run says: that it learns by heart, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

#: Fewer epochs say nothing.
_EPOCHS = 5
#: A change smaller than this share of the loss is none, and a rise larger than that is one.
_STILL = 1e-3
_RISE = 0.05


def sentences_on_losses(history: Mapping[str, Sequence[float]], first: int = 0) -> list[str]:
    """What is out of the ordinary in the losses of the epochs from ``first`` on, and what to do.

    >>> sentences_on_losses({"loss": [2.3, 2.3, 2.3, 2.3, 2.3]})
    ['The loss does not move: 2.3 in each of 5 epochs. Try a larger learning rate, scaled inputs \
and targets, and annlib.checkup.']
    """
    return [*_rising(history, first), *_still(history)]


def _rising(history: Mapping[str, Sequence[float]], first: int) -> list[str]:
    """A validation loss that has risen since its best epoch, while that of training fell."""
    train, held_out = (np.array(history.get(key, ()), float) for key in ("loss", "val_loss"))
    if len(held_out) < _EPOCHS or len(train) != len(held_out) or not np.isfinite(held_out).all():
        return []
    best = int(np.argmin(held_out))
    limit = held_out[best] + _RISE * abs(held_out[best])
    if best > len(held_out) - 4 or not (held_out[-3:] > limit).all() or train[-1] >= train[best]:
        return []
    said = (
        f"The validation loss rises since epoch {first + best + 1}, from {held_out[best]:.4g} to "
        f"{held_out[-1]:.4g}, while that of training falls: rows are learned by heart. Try "
        "EarlyStopping(restore_best_weights=True), Dropout, weight_decay, fewer units or more rows."
    )
    return [said]


def _still(history: Mapping[str, Sequence[float]]) -> list[str]:
    """A loss that is the same in all epochs."""
    train = np.array(history.get("loss", ()), float)
    if len(train) < _EPOCHS or not np.isfinite(train).all():
        return []
    if not np.ptp(train) < _STILL * np.abs(train).max():
        return []
    said = (
        f"The loss does not move: {train[-1]:.4g} in each of {len(train)} epochs. Try a larger "
        "learning rate, scaled inputs and targets, and annlib.checkup."
    )
    return [said]
