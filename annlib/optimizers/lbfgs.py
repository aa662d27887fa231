"""L-BFGS (Liu & Nocedal, 1989): a quasi-Newton method on the whole data set, driven by SciPy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_count, check_number
from annlib.core.config import refuse_unknown
from annlib.core.errors import ConfigurationError
from annlib.core.formula import Formula
from annlib.core.packages import needed
from annlib.optimizers.base import Optimizer, register
from annlib.optimizers.formula import update_formula

# SciPy's status of a run that a callback has ended.
_STOPPED = 99


@register("lbfgs")
class LBFGS(Optimizer):
    """theta <- theta - alpha H g: H from the last steps and gradients, alpha by a line search.

    For small data and smooth losses. An epoch of ``fit`` is an iteration, on all rows at once,
    and ``fit`` ends by itself where the tolerances are met; ``message`` says why it ended. In
    float32 it ends early, where a step changes the loss by less than rounding does:
    ``Sequential(..., dtype="float64")`` continues.

    Parameters
    ----------
    maxcor : int, at least 1
        How many of the last steps H is made from.
    ftol : float, at least 0
        End when ``(f - f_new) / max(|f|, |f_new|, 1)`` is no larger.
    gtol : float, at least 0
        End when no component of the gradient is larger.
    maxls : int, at least 1
        The most evaluations of one line search.
    maxfun : int, at least 1, optional
        The most evaluations in all; a run may continue to the end of its line search.
    name : str, optional
        ``lbfgs`` by itself.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, of another type or out of its range: none of the policy of other
        optimizers goes with a line search.

    References
    ----------
    Liu & Nocedal (1989), "On the limited memory BFGS method for large scale optimization"; the
    routine is that of ``scipy.optimize.minimize``.

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import Sequential, layers, optimizers
    >>> x = np.array([[1.0], [2.0], [3.0]])
    >>> model = Sequential([layers.Dense(1)], dtype="float64")
    >>> model.compile(optimizers.LBFGS(gtol=1e-8), "mse")
    >>> history = model.fit(x, 2 * x - 1, epochs=100, verbose=0)
    >>> len(history.epoch) < 20
    True
    >>> [weights.round(4) for weights in model.get_weights()]
    [array([[2.]]), array([-1.])]
    """

    full_batch = True
    _settable = ("maxcor", "ftol", "gtol", "maxls", "maxfun")

    def __init__(
        self,
        maxcor: int = 10,
        ftol: float = 2.220446049250313e-09,
        gtol: float = 1e-05,
        maxls: int = 20,
        maxfun: int | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown("LBFGS", unknown, LBFGS)
        super().__init__(1.0, name=name)
        self.maxcor = check_count(maxcor, "LBFGS", "maxcor")
        self.ftol = check_number(ftol, "LBFGS", "ftol", "[0, inf)")
        self.gtol = check_number(gtol, "LBFGS", "gtol", "[0, inf)")
        self.maxls = check_count(maxls, "LBFGS", "maxls")
        self.maxfun = None if maxfun is None else check_count(maxfun, "LBFGS", "maxfun")
        #: Why the last run ended, in SciPy's words and as its number: 0 where a tolerance was met.
        self.message, self.status = "", 0

    def minimize(
        self,
        function: Callable[[Array], tuple[float, Array]],
        theta: Array,
        iterations: int,
        each: Callable[[Array], None],
    ) -> Array:
        """Where a function of a vector is least, by at most so many iterations from ``theta``.

        Parameters
        ----------
        function : callable
            The value and the gradient at a vector; both in double precision.
        theta : array, (n,)
            Where it begins.
        iterations : int, at least 1
            The most of them.
        each : callable
            Called with the vector after each iteration, the last that ``function`` has seen; it
            may raise ``StopIteration`` to end the run.

        Returns
        -------
        array, (n,)
            The last vector.
        """
        with needed("LBFGS", "SciPy", "scipy"):
            from scipy.optimize import minimize

        last = np.array(theta, np.float64)

        def callback(xk: Array) -> None:
            np.copyto(last, xk)
            self.iterations += 1
            each(xk)

        options = {"maxiter": iterations, "maxfun": self.maxfun or np.inf}
        options |= {key: getattr(self, key) for key in ("maxcor", "ftol", "gtol", "maxls")}
        self.message, self.status = "STOPPED BY A CALLBACK", _STOPPED
        with contextlib.suppress(StopIteration):  # which SciPy before 1.11 lets through
            result = minimize(
                function,
                last.copy(),
                jac=True,
                method="L-BFGS-B",
                callback=callback,
                options=options,
            )
            if result.status != _STOPPED:
                self.message, self.status = str(result.message), int(result.status)
        return last

    def step(self, gradient: Array) -> None:
        raise ConfigurationError(
            "LBFGS: expected all data at once, got a batch. Train with fit, which gives it all "
            "rows in every iteration, or compile with another optimizer for train_on_batch."
        )

    @property
    def _next_rate(self) -> float:
        return 1.0

    @property
    def learning_rate(self) -> float:
        """1: the length that a line search tries first."""
        return 1.0

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise TypeError(
            "LBFGS.learning_rate: expected no assignment, since a line search finds the length of "
            "each step. Leave out callbacks and schedules that change the rate."
        )

    def formula(self) -> Formula:
        formula = update_formula(
            self,
            r"\theta \leftarrow \theta - \alpha H g",
            source="Liu & Nocedal (1989), by SciPy",
        )
        own = (
            ("H", f"the inverse of the Hessian, as the last {self.maxcor} steps show it"),
            (r"\alpha", "found by a line search"),
        )
        shapes = "{θ}, {g}: [P × 1], [H]: [P × P], never formed"
        return replace(formula, shapes=shapes, symbols=(*own, *formula.symbols))
