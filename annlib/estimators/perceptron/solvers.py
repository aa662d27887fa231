"""What scikit-learn calls a solver, as one of annlib's optimizers."""

from __future__ import annotations

from typing import Any

from annlib import optimizers
from annlib.optimizers import LBFGS, SGD, Adam, Optimizer

#: Below this an adaptive rate ends the training.
_LEAST_RATE = 1e-6


def of_solver(estimator: Any) -> Optimizer:
    """The optimizer that ``solver`` and the parameters that belong to it describe."""
    if estimator.solver == "lbfgs":
        return LBFGS(gtol=float(estimator.tol), maxfun=int(estimator.max_fun))
    rate: Any = estimator.learning_rate
    if isinstance(rate, str):
        rate = float(estimator.learning_rate_init)
    if estimator.solver == "sgd":
        return SGD(rate, float(estimator.momentum), bool(estimator.nesterovs_momentum))
    return Adam(rate, float(estimator.beta_1), float(estimator.beta_2), float(estimator.epsilon))


def chosen(estimator: Any) -> Optimizer:
    """The optimizer that the user named or made, or else that of the solver."""
    if estimator.optimizer is None:
        return of_solver(estimator)
    return optimizers.get(estimator.optimizer)


def is_batchwise(estimator: Any) -> bool:
    """True, so that there is a ``partial_fit``, or an ``AttributeError`` that says why not."""
    optimizer = chosen(estimator)
    if optimizer.full_batch:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{optimizer._names[0]} is not stochastic."
        )
    return True


class RateRule:
    """How scikit-learn's ``learning_rate`` goes on from epoch to epoch; for ``sgd`` alone.

    Parameters
    ----------
    how : {"constant", "invscaling", "adaptive"}
        The first leaves the rate alone; with the second it is initial / (t + 1)^power after t
        rows; with the third it is divided by 5 where training would end.
    initial : float
    power : float
    """

    def __init__(self, how: str, initial: float, power: float) -> None:
        self.how = how
        self.initial = initial
        self.power = power

    @classmethod
    def of(cls, estimator: Any) -> RateRule:
        """The rule that an estimator's parameters say."""
        own = estimator.solver == "sgd" and estimator.optimizer is None
        how = estimator.learning_rate if own else "constant"
        how = how if isinstance(how, str) else "constant"
        return cls(how, float(estimator.learning_rate_init), float(estimator.power_t))

    def end_epoch(self, optimizer: Optimizer, t: int) -> None:
        """Set the rate of the next epoch, after so many rows in all."""
        if self.how == "invscaling":
            optimizer.learning_rate = self.initial / (t + 1) ** self.power

    def goes_on(self, optimizer: Optimizer) -> tuple[bool, str]:
        """Whether training goes on with another rate, where it would end; and what to say."""
        if self.how != "adaptive":
            return False, "Stopping."
        if optimizer.learning_rate <= _LEAST_RATE:
            return False, "Learning rate too small. Stopping."
        optimizer.learning_rate /= 5
        return True, f"Setting learning rate to {optimizer.learning_rate:f}"
