"""Messages of a fit: scikit-learn's lines on stdout, and its warnings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from annlib.core.tracebacks import warn_user


def verbose_printer(verbose: Any) -> Callable[[str], None]:
    """A function that prints a line, or ignores it, as ``verbose`` says."""
    if verbose and verbose != "tqdm":
        return print
    return lambda line: None


def warn_if_not_converged(optimizer: Any, done: int, epochs: int) -> None:
    """Warn if a training of ``done`` epochs ended at ``max_iter``, before it converged."""
    if optimizer.full_batch:
        if optimizer.status in (0, 99):
            return
        text = (
            f"lbfgs failed to converge after {done} iteration(s) (status={optimizer.status}):\n"
            f"{optimizer.message}\n"
        )
        if done == epochs:
            text += (
                f"\nIncrease the number of iterations to improve the convergence "
                f"(max_iter={epochs})."
            )
        text += (
            "\nYou might also want to scale the data as shown in:\n"
            "    https://scikit-learn.org/stable/modules/preprocessing.html"
        )
        warn_user(text, ConvergenceWarning)
    elif done == epochs:
        warn_user(
            f"Stochastic Optimizer: Maximum iterations ({epochs}) reached and the optimization "
            "hasn't converged yet.",
            ConvergenceWarning,
        )
