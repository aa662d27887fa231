"""The gradient check: every gradient of a model against finite differences of its loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_count, check_number
from annlib.core.finite_differences import Differences
from annlib.core.table import html_table, text_table
from annlib.core.terminal import Printed
from annlib.core.tracebacks import with_short_tracebacks
from annlib.models import Sequential
from annlib.tools.model_copy import ModelCopy
from annlib.training.objective import Objective

_WHERE = "gradcheck"
_STEPS = (1e-4, 1e-6)


@dataclass(frozen=True)
class GradientError:
    """How far the gradient of one parameter, or of the input, is from differences of the loss.

    Parameters
    ----------
    name : str
        The path of the parameter, or ``"x"``.
    shape : tuple of int
    checked, kinks : int, at least 0
        The elements compared, and those left out because the loss has no derivative there.
    error : float, at least 0
        The largest difference, divided by the largest of all derivatives compared.

    Attributes
    ----------
    name, shape, checked, kinks, error
        The same.

    Examples
    --------
    >>> from annlib import Sequential, gradcheck, layers
    >>> model = Sequential([layers.Dense(2, "tanh")], seed=0)
    >>> model.compile("sgd", "mse")
    >>> first = gradcheck(model, [[1.0, 2.0, 3.0]], [[0.5, -0.5]]).errors[1]
    >>> first.name, first.shape, first.checked, first.kinks, first.error < 1e-6
    ('dense/kernel', (3, 2), 6, 0, True)
    """

    name: str
    shape: tuple[int, ...]
    checked: int
    kinks: int
    error: float


class GradientReport(Printed):
    """What ``gradcheck`` found; true if every gradient is right.

    Parameters
    ----------
    errors : list of GradientError
    tolerance : float, above 0

    Attributes
    ----------
    errors : list of GradientError
    tolerance : float, above 0
        The largest error that is taken for rounding.

    Examples
    --------
    >>> report = GradientReport([GradientError("dense/kernel", (3, 2), 6, 0, 0.3)], 1e-6)
    >>> report.ok, report.largest, [error.name for error in report.wrong]
    (False, 0.3, ['dense/kernel'])
    """

    def __init__(self, errors: list[GradientError], tolerance: float) -> None:
        self.errors = errors
        self.tolerance = tolerance

    @property
    def ok(self) -> bool:
        """Whether no error is above the tolerance."""
        return not self.wrong

    @property
    def wrong(self) -> list[GradientError]:
        """Those above the tolerance; one that is not finite is."""
        return [each for each in self.errors if not each.error <= self.tolerance]

    @property
    def largest(self) -> float:
        """The largest relative error."""
        return max((each.error for each in self.errors), default=0.0)

    def __bool__(self) -> bool:
        return self.ok

    def _title(self) -> str:
        if self.ok:
            return f"gradients agree with differences: the largest error is {self.largest:.1e}"
        names = ", ".join(each.name for each in self.wrong)
        return f"WRONG gradients: {names} (error above {self.tolerance:g})"

    def _table(self) -> tuple[list[str], list[list[str]]]:
        rows = [
            [
                each.name,
                "×".join(map(str, each.shape)),
                str(each.checked),
                str(each.kinks),
                f"{each.error:.1e}",
                "ok" if each.error <= self.tolerance else "WRONG",
            ]
            for each in self.errors
        ]
        return ["gradient of", "shape", "checked", "kinks", "error", ""], rows

    def __repr__(self) -> str:
        return f"{self._title()}\n{text_table(*self._table())}"

    def _repr_html_(self) -> str:
        return f"<div><strong>{escape(self._title())}</strong>{html_table(*self._table())}</div>"


@with_short_tracebacks
def gradcheck(
    model: Sequential,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    rows: int = 8,
    elements: int = 50,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> GradientReport:
    """Compare every gradient of a model with central differences of its loss, in float64.

    It checks a copy, in training mode with the same random numbers at every evaluation, penalties
    included: layers, activations and a loss of one's own, too. Where the loss has a kink (a relu
    whose input is 0) there is no derivative; such elements are counted and left out.

    Parameters
    ----------
    model : Sequential
        Compiled.
    x : array_like, frame or sparse matrix, (n, features)
    y : array_like, (n,) or (n, outputs)
    sample_weight : array_like, (n,), optional
        Some data, as ``fit`` takes them.
    rows : int, at least 1
        How many rows of them to use.
    elements : int, at least 1
        How many elements of each parameter to compare; of a larger one they are drawn, and
        all together are compared along two random directions.
    tolerance : float, above 0
        The largest relative error that is taken for rounding.
    seed : int, at least 0
        Draws elements and directions.

    Returns
    -------
    GradientReport
        ``ok``, ``errors``; prints as a table.

    Raises
    ------
    NotCompiledError
        If the model is not compiled.
    DataError, ShapeError
        For data that do not fit the model.
    ConfigurationError
        If an argument is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import Sequential, layers, gradcheck
    >>> model = Sequential([layers.Dense(4, "tanh"), layers.Dense(2, "softmax")], seed=0)
    >>> model.compile("adam", "sparse_categorical_crossentropy")
    >>> bool(gradcheck(model, np.eye(3), [0, 1, 1]))
    True
    """
    check_count(rows, _WHERE, "rows")
    check_count(elements, _WHERE, "elements")
    check_number(tolerance, _WHERE, "tolerance", "(0, inf)")
    trial = ModelCopy(
        model, x, y, sample_weight, where=_WHERE, rows=rows, dtype="float64", seed=seed
    )
    return check_trial(trial, elements, tolerance, seed)


def check_trial(trial: ModelCopy, elements: int, tolerance: float, seed: int = 0) -> GradientReport:
    """Check every gradient of a model copy that is in float64."""
    with np.errstate(all="ignore"):
        return GradientReport(list(_Check(trial, elements, tolerance, seed).run()), tolerance)


class _Check:
    """The loss of a trial as a function of its parameters, and their gradients."""

    def __init__(self, trial: ModelCopy, elements: int, tolerance: float, seed: int) -> None:
        self.trial, self.elements, self.tolerance, self.seed = trial, elements, tolerance, seed
        network, compiled = trial.model._network, trial.model._require_compiled(_WHERE)
        loss = compiled.require_loss(_WHERE)
        self.objective = Objective(network, loss, training=True, to_input=True)

    def run(self) -> Iterator[GradientError]:
        """The errors of the input, and of the parameters from the first layer on."""
        dx = self.gradients()
        vector = self.trial.model.vector
        analytic = vector.gradients.copy()
        rng = np.random.default_rng(self.seed)
        if dx is not None:
            x = self.trial.x.reshape(-1)
            yield self.compare("x", self.trial.x.shape, x, dx.reshape(-1), rng)
        for entry in vector.entries:
            if entry.trainable:
                theta, found = vector.values[entry.where], analytic[entry.where]
                yield self.compare(entry.path, entry.parameter.shape, theta, found, rng)

    def value(self) -> float:
        """The loss, with the same random numbers at every call."""
        for index, (layer, work) in enumerate(self.objective.passes.steps):
            if layer.random:
                work.rng = np.random.default_rng([self.seed, index])
        x, y, weights = self.trial.x, self.trial.y, self.trial.weights
        value = self.objective.value(x, y, weights, training=True)
        return sum(self.objective.penalties(), value)

    def gradients(self) -> Array | None:
        """Write all gradients as the engine does; returns that of the input, if it has one."""
        self.value()
        dX = self.objective.backward()
        takes_codes = self.trial.model.layers[0].takes_codes
        return None if takes_codes or dX is None else dX.copy()

    def compare(
        self,
        name: str,
        shape: tuple[int, ...],
        theta: Array,
        analytic: Array,
        rng: np.random.Generator,
    ) -> GradientError:
        """The error of a gradient by the elements of ``theta``, which is moved and put back."""
        chosen = np.arange(theta.size)
        directions = []
        if theta.size > self.elements:
            chosen = np.sort(rng.choice(theta.size, self.elements, replace=False))
            directions = [rng.choice([-1.0, 1.0], theta.size) / theta.size**0.5 for _ in range(2)]
        one = np.array([1.0])
        pairs = [
            (self.along(theta, one, slice(k, k + 1)), float(analytic[k])) for k in chosen.tolist()
        ]
        for direction in directions:
            along = self.along(theta, direction, slice(None))
            pairs.append((along, float(np.dot(analytic, direction))))
        # Derivatives below the second are lost in the rounding of the loss.
        noise = 1e-11 * max(1.0, abs(self.value())) / self.tolerance
        size = max((max(abs(found), abs(by.by_step[1])) for by, found in pairs), default=0.0)
        scale = max(size, noise)
        error, kinks = 0.0, 0
        for differences, found in pairs:
            apart = min(abs(by - found) for by in differences.by_step) / scale
            if apart > self.tolerance and differences.is_kink(scale):
                kinks += 1
            else:
                error = max(error, apart if np.isfinite(apart) else np.inf)
        return GradientError(name, shape, max(0, len(chosen) - kinks), kinks, error)

    def along(self, theta: Array, direction: Array, where: slice) -> Differences:
        """Differences of the loss along a direction of some elements of ``theta``."""
        before = theta[where].copy()

        def at(step: float) -> float:
            theta[where] = before + step * direction
            value = self.value()
            theta[where] = before
            return value

        return Differences(at, *_STEPS)
