"""Faults that show while it trains: the learning rate, one batch, and rows it has not seen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import DivergenceError
from annlib.optimizers import Adam
from annlib.tools.findings import Finding
from annlib.tools.model_copy import ModelCopy
from annlib.tools.subject import Subject

_BATCH = 32
_UPDATES = 300
#: What a model must gain over one that does not see x.
_GAIN = 0.95


def learning_rate(subject: Subject) -> Iterator[Finding]:
    """Whether the loss of the first updates grows instead of falling."""
    optimizer = subject.trial.model.optimizer
    assert optimizer is not None, "the model is compiled"
    if optimizer.full_batch:
        return
    trial = subject.trial.fresh_copy()
    start = trial.loss()
    batches = trial.orders(min(_BATCH, len(trial)))
    losses = learn(trial, batches, 40)
    rate = optimizer._next_rate
    ending = float(np.median(losses[-10:])) if len(losses) == 40 else np.inf
    peak = max(losses, default=np.inf)
    if not (ending <= 2 * start + 0.1 and peak <= 10 * start + 1):
        worst = max(peak, ending)
        how = f"grows from {start:.3g} to {worst:.3g}" if np.isfinite(worst) else "is not finite"
        yield Finding(
            "error",
            "learning rate",
            f"at a rate of {rate:g} the loss {how} within {len(losses)} updates.",
            "Take a smaller one: annlib.lr_find(model, x, y) suggests one.",
        )


def one_batch(subject: Subject) -> Iterator[Finding]:
    """Whether a few rows can be learned by heart, or at least better than without x."""
    trial = subject.trial
    index = np.random.default_rng(trial.seed).permutation(len(trial))[:_BATCH]
    if np.ptp(trial.y[index], axis=0).max() == 0:
        return  # of one class alone nothing needs to be learned
    seen, baseline = (_after(trial, index, x) for x in (trial.x, _mean_baseline(trial)))
    if not seen < 0.9 * baseline:
        yield Finding(
            "error",
            "one batch",
            f"after {_UPDATES} updates on {len(index)} rows the loss is {seen:.3g}, and "
            f"{baseline:.3g} where x is replaced by its mean: the model does not learn from x.",
            "Look for units that are dead, for a frozen layer, and at the gradients.",
        )
    else:
        yield Finding(
            "note",
            "one batch",
            f"{len(index)} rows are learned to a loss of {seen:.3g} in {_UPDATES} updates.",
        )


def _after(trial: ModelCopy, index: Array, x: Array) -> float:
    """The least loss on some rows of x after training on them alone."""
    own = trial.fresh_copy(Adam(0.01))
    own.x = x

    def same() -> Iterator[Array]:
        while True:
            yield index

    losses = learn(own, same(), _UPDATES)
    return float(np.mean(np.sort(losses)[:5])) if losses else np.inf


def unseen_rows(subject: Subject) -> Iterator[Finding]:
    """Whether what is learned holds for other rows: x and y may have come apart."""
    trial = subject.trial
    n = len(trial)
    if n < 40:
        return
    order = np.random.default_rng(0).permutation(n)
    train, test = order[: 3 * n // 4], order[3 * n // 4 :]
    seen, baseline = (_generalized(trial, train, test, x) for x in (trial.x, _mean_baseline(trial)))
    if not seen < _GAIN * baseline:
        yield Finding(
            "warning",
            "unseen rows",
            f"on rows that it was not trained on the loss is {seen:.3g} at best, and "
            f"{baseline:.3g} where x is replaced by its mean: what it learns of y from x does not "
            "hold.",
            "See whether the rows of x and y belong together: shuffled or sorted apart? If they "
            f"do, {len(train)} rows are too few, or x says little about y.",
        )


def _generalized(trial: ModelCopy, train: Array, test: Array, x: Array) -> float:
    """The least loss on the rows ``test`` while training on ``train``."""
    own = trial.fresh_copy(Adam(0.01))
    own.x = x
    best = own.loss(test)
    batches = own.orders(_BATCH, train)
    for _ in range(12):
        losses = learn(own, batches, 40)
        best = min(best, own.loss(test))
        if len(losses) < 40:
            break
    return best


def learn(trial: ModelCopy, batches: Iterator[Array], updates: int) -> list[float]:
    """The losses of so many updates, fewer if one is not finite."""
    losses: list[float] = []
    for _, index in zip(range(updates), batches, strict=False):
        try:
            losses.append(trial.update(index))
        except DivergenceError:
            break
    return losses


def _mean_baseline(trial: ModelCopy) -> Array:
    """Every row the mean of all, or for codes the first."""
    x, first = trial.x, trial.model.layers[0]
    if x.dtype.kind != "f":
        return np.broadcast_to(x[:1], x.shape).copy()
    row = x.mean(axis=0, keepdims=True, dtype=np.float64)
    codes = [*first.code_columns(x.shape[-1])] if first.takes_codes else []
    row[..., codes] = x[:1, ..., codes]
    return np.broadcast_to(row, x.shape).astype(x.dtype)
