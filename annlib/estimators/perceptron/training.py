"""How a perceptron is trained: its solver, learning rate and batches, and the rule that ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from annlib import optimizers, schedules
from annlib.callbacks import Callback
from annlib.callbacks.base import Logs
from annlib.core.arrays import Array
from annlib.core.checks import check_choice, check_count, check_number, is_number
from annlib.core.constructors import constructor_arguments
from annlib.core.errors import AnnlibError, ConfigurationError, ModelFormatError, show
from annlib.data import ArrayLoader, Batch, check_type
from annlib.estimators.parameter_codes import decode, encode
from annlib.estimators.weights import Samples
from annlib.models import Sequential
from annlib.optimizers import LBFGS, SGD, Adam, Optimizer

#: scikit-learn's own rates.
RATE_RULES = ("constant", "invscaling", "adaptive")
#: An adaptive rate at or below this ends the training.
_LEAST_RATE = 1e-6


def schedule(estimator: Any, given: Any) -> Any:
    """The schedule that ``learning_rate`` means, or None for one of scikit-learn's rules.

    One by name begins with ``learning_rate_init``, unless it is told otherwise.
    """
    nested = estimator._nested("learning_rate")
    if isinstance(given, str) and given in RATE_RULES:
        if nested:
            names = ", ".join(f"learning_rate__{name}" for name in nested)
            raise ConfigurationError(f"expected a schedule for {names}, got {given!r}.")
        return None
    if not isinstance(given, str):
        return given
    cls = schedules.registry.find(given)
    known = constructor_arguments(cls)
    if "initial_learning_rate" in known:
        nested = {"initial_learning_rate": float(estimator.learning_rate_init)} | nested
    return cls(**nested)


def of_solver(estimator: Any) -> Optimizer:
    """The optimizer that ``solver`` and the parameters that belong to it describe."""
    if estimator.solver == "lbfgs":
        return LBFGS(gtol=float(estimator.tol), maxfun=int(estimator.max_fun))
    rate = estimator._part("learning_rate")
    if rate is None:
        rate = float(estimator.learning_rate_init)
    if estimator.solver == "sgd":
        return SGD(rate, float(estimator.momentum), bool(estimator.nesterovs_momentum))
    return Adam(rate, float(estimator.beta_1), float(estimator.beta_2), float(estimator.epsilon))


def chosen(estimator: Any) -> Optimizer:
    """A new optimizer: like the one that the user named or made, or else that of the solver."""
    if estimator.optimizer is None:
        return of_solver(estimator)
    return optimizers.registry.get(estimator.optimizer).clone()


def is_batchwise(estimator: Any) -> bool:
    """True, so that there is a ``partial_fit``, or an ``AttributeError`` that says why not."""
    try:
        optimizer = chosen(estimator)
    except (AnnlibError, TypeError):  # nonsense, which fit will refuse
        return True
    if optimizer.full_batch:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{optimizer._names[0]} is not stochastic."
        )
    return True


class RateRule(NamedTuple):
    """scikit-learn's ``learning_rate`` from epoch to epoch; for ``sgd`` alone.

    Parameters
    ----------
    how : {"constant", "invscaling", "adaptive"}
        The first leaves the rate alone; with the second it is initial / (t + 1)^power after t
        rows; with the third it is divided by 5 where training would end.
    initial : float
    power : float
    """

    how: str
    initial: float
    power: float

    @classmethod
    def of(cls, estimator: Any) -> RateRule:
        """The rule that an estimator's parameters describe."""
        own = estimator.solver == "sgd" and estimator.optimizer is None
        how = estimator.learning_rate if own else "constant"
        how = how if isinstance(how, str) and how in RATE_RULES else "constant"
        return cls(how, float(estimator.learning_rate_init), float(estimator.power_t))

    @classmethod
    def restored(cls, given: Any) -> RateRule:
        """The rule that these three values of a file describe."""
        how, initial, power = given
        check_choice(how, "file", "learning_rate", RATE_RULES)
        check_number(initial, "file", "learning_rate_init", "(0, inf)")
        check_number(power, "file", "power_t", "[0, inf)")
        return cls(how, initial, power)

    def end_epoch(self, optimizer: Optimizer, t: int) -> None:
        """Set the rate of the next epoch, after so many rows in all."""
        if self.how == "invscaling":
            optimizer.learning_rate = self.initial / (t + 1) ** self.power

    def decide(self, optimizer: Optimizer) -> tuple[bool, str]:
        """Whether a training without progress continues with a smaller rate; and a message."""
        if self.how != "adaptive":
            return False, "Stopping."
        if optimizer.learning_rate <= _LEAST_RATE:
            return False, "Learning rate too small. Stopping."
        optimizer.learning_rate /= 5
        return True, f"Setting learning rate to {optimizer.learning_rate:f}"


_NUMBERS = ("best_loss", "best_score")
_COUNTS = ("epochs_without_improvement", "t")


@dataclass
class Progress:
    """How far a training has come, over all calls with a warm start."""

    losses: list[float] = field(default_factory=list)
    best_loss: float = np.inf
    scores: list[float] = field(default_factory=list)
    best_score: float = -np.inf
    #: All parameters of the model, where the score was best.
    best_weights: Array | None = None
    epochs_without_improvement: int = 0
    #: Rows seen.
    t: int = 0
    #: What the loss and the score are, by which there is a best one.
    loss_is: Any = None
    score_is: Any = None

    def begin(self, loss_is: Any, score_is: Any) -> None:
        """Begin or continue, without the best one by another loss or score."""
        if loss_is != self.loss_is:
            self.best_loss = np.inf
        if score_is != self.score_is:
            self.best_score, self.best_weights = -np.inf, None
        self.loss_is, self.score_is = loss_is, score_is

    def describe(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """All but what loss and score are, as JSON can hold it, and the best weights."""
        values = {name: getattr(self, name) for name in ("losses", "scores", *_NUMBERS, *_COUNTS)}
        best = {} if self.best_weights is None else {"best_weights": self.best_weights}
        return encode(values, "progress"), best

    @classmethod
    def restored(cls, code: Any, arrays: Mapping[str, Array], like: Array) -> Progress:
        """What ``describe`` described, of a network whose parameters are ``like`` these."""
        found, best = decode(code), arrays.get("best_weights")
        known = ("losses", "scores", *_NUMBERS, *_COUNTS)
        fine = found.keys() == {*known} and arrays.keys() <= {"best_weights"}
        fine = fine and all(is_number(found[name]) for name in _NUMBERS)
        for name in ("losses", "scores"):
            fine = fine and isinstance(found[name], list) and all(map(is_number, found[name]))
        if best is not None:
            fine = fine and (best.shape, best.dtype) == (like.shape, like.dtype)
        if not fine:
            raise ModelFormatError(f"file: expected the course of a training, got {show(code)}.")
        for name in _COUNTS:
            check_count(found[name], "file", name, 0)
        return cls(**found, best_weights=best)


class Convergence(Callback):
    """Ends a training without progress: ``tol`` at least, in more than ``patience`` epochs.

    Parameters
    ----------
    progress : Progress
        Of the training that is continued; changed in place.
    rows : int
        The samples of an epoch.
    tol, patience : float
    rate : RateRule
    scores : callable, optional
        From the logs of an epoch to the score on the validation data, by name.
    watches_score : bool
        Whether the score decides, and not the loss on the training data.
    log : callable
        Gets the lines that scikit-learn prints.
    """

    def __init__(
        self,
        progress: Progress,
        *,
        rows: int,
        tol: float,
        patience: float,
        rate: RateRule,
        scores: Callable[[Logs], dict[str, float]] | None,
        watches_score: bool,
        log: Callable[[str], None],
    ) -> None:
        self.progress = progress
        self.rows = rows
        self.tol = tol
        self.patience = patience
        self.rate = rate
        self.scores = scores
        self.watches_score = watches_score
        self.log = log
        self.epochs = 0
        #: Whether the rule has ended the training.
        self.ended = False

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        progress, optimizer = self.progress, self.model.optimizer
        self.epochs += 1
        progress.losses.append(float(logs["loss"]))
        progress.t += self.rows
        self.log(f"Iteration {self.epochs}, loss = {progress.losses[-1]:.8f}")
        if self.scores is not None:
            logs |= self.scores(logs)
        if not optimizer.full_batch:
            logs["learning_rate"] = optimizer._next_rate
        if self.watches_score:
            self._record_score(float(logs["val_score"]))
        else:
            if self.scores is not None:
                progress.scores.append(float(logs["val_score"]))
            self._record_loss()
        self.rate.end_epoch(optimizer, progress.t)
        if progress.epochs_without_improvement > self.patience and not optimizer.full_batch:
            what = "Validation score" if self.watches_score else "Training loss"
            continues, verdict = self.rate.decide(optimizer)
            self.log(
                f"{what} did not improve more than tol={self.tol:f} for {self.patience} "
                f"consecutive epochs. {verdict}"
            )
            if continues:
                progress.epochs_without_improvement = 0
            else:
                self.ended = True
                self.model.stop_training = True

    def _record_loss(self) -> None:
        progress = self.progress
        loss = progress.losses[-1]
        progress.epochs_without_improvement = (
            progress.epochs_without_improvement + 1 if loss > progress.best_loss - self.tol else 0
        )
        progress.best_loss = min(progress.best_loss, loss)

    def _record_score(self, score: float) -> None:
        progress = self.progress
        progress.scores.append(score)
        self.log(f"Validation score: {score:f}")
        # As a comparison that a score of NaN fails: it is no improvement.
        improved = score >= progress.best_score + self.tol
        progress.epochs_without_improvement = (
            0 if improved else progress.epochs_without_improvement + 1
        )
        if score > progress.best_score:
            progress.best_score = score
            progress.best_weights = self.model.vector.values.copy()


class ShuffledLoader(ArrayLoader):
    """Batches whose rows are permuted in each epoch, or stay in their order.

    Each epoch permutes the order of the last one; so the same seed gives scikit-learn's batches.

    Parameters
    ----------
    *data, **types
        As for ``ArrayLoader``.
    random_state : numpy.random.RandomState, optional
        None leaves the rows in their order.
    """

    def __init__(self, *data: Any, random_state: Any = None, **types: Any) -> None:
        super().__init__(*data, **types)
        self._random_state = random_state
        self._order = np.arange(self.rows)

    def start_pass(self, rng: Any, done: int = 0) -> Iterator[Batch]:
        """All rows; ``rng``, the model's own stream, is not used."""
        if self._random_state is None:
            return super().start_pass(None, done)
        permutation = np.arange(self.rows)
        self._random_state.shuffle(permutation)
        self._order = self._order[permutation]
        return self.take(self._order)


def batches_of(
    model: Sequential, data: Samples, size: int, random_state: Any = None
) -> ShuffledLoader:
    """Encoded samples in batches of the compiled model's types.

    Raises
    ------
    DataError
        If there are numbers that are infinite as the model's type.
    """
    labels = model.loss is not None and model.loss.target_kind == "labels"
    for name, part in (("X", data.source), ("y", data.Y), ("sample_weight", data.weights)):
        if part is not None:
            check_type(part, model.dtype, "fit", name)
    return ShuffledLoader(
        data.source,
        data.Y,
        data.weights,
        batch_size=size,
        dtype=model.dtype,
        target_dtype=np.intp if labels else model.dtype,
        sparse=model._network.takes_sparse,
        random_state=random_state,
    )
