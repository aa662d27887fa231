"""The learning-rate range test (Smith, 2017), as fastai runs it."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_count, check_number
from annlib.core.errors import ConfigurationError, DivergenceError, show
from annlib.core.terminal import Printed
from annlib.core.tracebacks import warn_user, with_short_tracebacks
from annlib.optimizers import Optimizer
from annlib.plots.axes import COLOURS, one_axes
from annlib.tools.model_copy import ModelCopy, trainable

_WHERE = "lr_find"
_SMOOTHING = 0.98
#: The test is over when the smoothed loss is so many times its least.
_TOO_MUCH = 4.0


class LearningRates(Printed):
    """What ``lr_find`` found.

    Parameters
    ----------
    learning_rates, losses : array, (k,)
        Rates that rise, and the loss at each.

    Attributes
    ----------
    learning_rates : array, (k,)
        The rates tried, one an update, up to where the loss grew too much.
    losses : array, (k,)
        The loss at each, smoothed: an average that forgets 2 % an update, without its bias.
    suggestion : float
        A rate on the long descent of the losses: two thirds along its valley.

    Examples
    --------
    >>> rates = np.geomspace(1e-5, 1.0, 40)
    >>> losses = np.r_[np.ones(10), np.linspace(1.0, 0.1, 20), np.linspace(0.1, 3.0, 10)]
    >>> LearningRates(rates, losses)
    Suggested: learning_rate=0.0066
      tried  40 rates from 1e-05 to 1
      loss   1 at first, least 0.1 at 0.052, 3 at the end
    """

    def __init__(self, learning_rates: Array, losses: Array) -> None:
        self.learning_rates = learning_rates
        self.losses = losses
        self.suggestion = float(learning_rates[valley(losses)])

    def __repr__(self) -> str:
        rates, best = self.learning_rates, int(np.argmin(self.losses))
        least = f"{self.losses[best]:.4g} at {rates[best]:.2g}"
        return (
            f"Suggested: learning_rate={self.suggestion:.2g}\n"
            f"  tried  {len(rates)} rates from {rates[0]:.2g} to {rates[-1]:.2g}\n"
            f"  loss   {self.losses[0]:.4g} at first, least {least}, "
            f"{self.losses[-1]:.4g} at the end"
        )

    def _range(self) -> tuple[tuple[float, float], int]:
        """The ends of the losses to show, and the last rate: where they have grown beyond all that
        there were up to the suggestion, they diverge, and would hide the others.
        """
        at = int(np.argmin(np.abs(self.learning_rates - self.suggestion)))
        low, high = float(self.losses.min()), float(self.losses[: at + 1].max())
        room = 0.1 * (high - low) or 0.1 * abs(high) or 1.0
        beyond = np.flatnonzero(self.losses[at:] > high + room)
        last = at + int(beyond[0]) if len(beyond) else len(self.losses) - 1
        return (low - room, high + room), last

    def plot(self, ax: Any = None) -> Any:
        """Draw the losses by rate up to where they grow beyond all before, and the suggestion.

        Parameters
        ----------
        ax : Axes, optional

        Returns
        -------
        Axes

        Raises
        ------
        ConfigurationError
            If ``ax`` is no Axes of Matplotlib.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> rates = np.geomspace(1e-5, 1.0, 40)
        >>> losses = np.r_[np.ones(10), np.linspace(1.0, 0.1, 20), np.linspace(0.1, 3.0, 10)]
        >>> ax = LearningRates(rates, losses).plot(ax=Figure().subplots())
        >>> ax.get_xscale()
        'log'
        """
        ax = one_axes(ax, _WHERE, figsize=(5.2, 3.4))
        ax.plot(self.learning_rates, self.losses, color=COLOURS[0])
        at = float(self.losses[np.argmin(np.abs(self.learning_rates - self.suggestion))])
        ax.axvline(self.suggestion, color=COLOURS[1], linewidth=1, linestyle=":")
        ax.plot(
            [self.suggestion],
            [at],
            "o",
            color=COLOURS[1],
            label=f"suggestion: {self.suggestion:.2g}",
        )
        (low, high), last = self._range()
        ax.set_ylim(low, high)
        ax.set_xlim(self.learning_rates[0] / 1.2, self.learning_rates[last] * 1.2)
        ax.set_xscale("log")
        ax.set_xlabel("learning rate")
        ax.set_ylabel("loss, smoothed")
        ax.grid(visible=True, alpha=0.25)
        ax.legend(frameon=False)
        return ax


@with_short_tracebacks
def lr_find(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    batch_size: int = 32,
    start: float = 1e-7,
    end: float = 10.0,
    steps: int = 100,
) -> LearningRates:
    """Train a copy of a model at rates that rise from update to update, and see how the loss falls.

    The rate of update i = 0, 1, ... is start (end / start)^(i / (steps - 1)); the test is over
    when the smoothed loss is 4 times its least, or not finite. The model itself, its optimizer and
    its random streams are not touched. Of a model that was trained before a warning says so: its
    rate is one for training on.

    Parameters
    ----------
    model : Sequential or estimator
        Compiled; its optimizer is tried from its initial state. Or an estimator of annlib's, of
        which a network is made as ``fit`` would.
    x : array_like, frame or sparse matrix, (n, features)
    y : array_like, (n,) or (n, outputs)
    sample_weight : array_like, (n,), optional
        The data, as ``fit`` takes them.
    batch_size : int, at least 1
        The one to train with: the best rate depends on it.
    start, end : float, above 0
        The first rate and the last.
    steps : int, at least 10
        How many updates are made, at most.

    Returns
    -------
    LearningRates
        ``suggestion``, ``learning_rates``, ``losses`` and ``plot``.

    Raises
    ------
    NotCompiledError
        If the model is not compiled.
    ConfigurationError
        For an optimizer without a rate, LBFGS, and if an argument is none of these.
    DataError, ShapeError
        For data that do not fit the model.
    DivergenceError
        If the loss is not finite at the first rate.

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import Sequential, layers, lr_find
    >>> x = np.linspace(-1, 1, 64).reshape(-1, 1)
    >>> model = Sequential([layers.Dense(8, "tanh"), layers.Dense(1)], seed=0)
    >>> model.compile("adam", "mse")
    >>> found = lr_find(model, x, x**2, batch_size=16)
    >>> bool(1e-4 < found.suggestion < 1)
    True
    """
    model, x, y, sample_weight = trainable(model, x, y, sample_weight, _WHERE)
    check_count(batch_size, _WHERE, "batch_size")
    check_count(steps, _WHERE, "steps", 10)
    start = float(check_number(start, _WHERE, "start", "(0, inf)"))
    end = float(check_number(end, _WHERE, "end", "(0, inf)"))
    if not start < end or end / start == np.inf:
        raise ConfigurationError(f"{_WHERE}: expected start below end, got {start} and {end}.")
    _warn_of_training(model)
    optimizer = with_rate(model.optimizer, start, _WHERE)
    # No more rows than the updates take.
    rows = batch_size * steps
    whole = ModelCopy(model, x, y, sample_weight, where=_WHERE, rows=rows, seed=model.seed)
    trial = whole.fresh_copy(optimizer)
    rates = start * (end / start) ** (np.arange(steps) / (steps - 1))
    losses: list[float] = []
    average = 0.0
    for i, (rate, index) in enumerate(zip(rates, trial.orders(batch_size), strict=False)):
        optimizer.learning_rate = float(rate)
        try:
            average = _SMOOTHING * average + (1 - _SMOOTHING) * trial.update(index)
        except DivergenceError:
            break
        losses.append(average / (1 - _SMOOTHING ** (i + 1)))
        if losses[-1] > _TOO_MUCH * min(losses) and min(losses) > 0:
            break
    if len(losses) < 3:
        raise DivergenceError(
            f"{_WHERE}: expected a loss that is finite at a learning rate of {rates[0]:g}, got "
            "none. Run annlib.checkup(model, x, y), which looks for the cause."
        )
    return LearningRates(rates[: len(losses)], np.array(losses))


def _warn_of_training(model: Any) -> None:
    done, history = model.optimizer.steps, model.history
    if done or (history is not None and history.epoch):
        count, what = (done, "update") if done else (len(history.epoch), "epoch")
        times = f"{count:,} {what}{'s' * (count != 1)}"
        warn_user(
            f"{_WHERE}: expected a model that is not trained yet, got one after {times}: its loss "
            "falls little, and the suggestion is a rate for training on. For one to begin with, "
            "take model.clone(), and compile it."
        )


def with_rate(optimizer: Optimizer | None, rate: float, where: str) -> Optimizer:
    """An optimizer of the same configuration, but with this constant rate."""
    assert optimizer is not None, "the model is compiled"
    if optimizer.full_batch:
        raise ConfigurationError(
            f"{where}: expected an optimizer with a learning rate, got {show(optimizer)}, whose "
            "line search finds the length of every step."
        )
    own = optimizer._replace(learning_rate=rate)
    own.policy.excluded = optimizer.policy.excluded
    return own


def valley(losses: Array) -> int:
    """Where to take the rate: two thirds along the longest descent, as fastai's "valley" does.

    The longest descent is the longest subsequence of losses that fall, which noise interrupts but
    does not end.

    >>> valley(np.array([5.0, 5, 5, 4, 3, 2, 1, 3, 9]))
    4
    """
    n = len(losses)
    length, before = np.ones(n, int), np.full(n, -1)
    for i in range(1, n):
        longer = np.flatnonzero(losses[:i] > losses[i])
        if len(longer):
            longest = longer[length[longer] == length[longer].max()]
            best = longest[-1]  # so that a plateau before the descent is no part of it
            length[i], before[i] = length[best] + 1, best
    last = first = int(np.argmax(length))
    while before[first] >= 0:
        first = int(before[first])
    return first + int((last - first) * 2 / 3)
