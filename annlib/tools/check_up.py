"""The check-up: what Karpathy's "recipe for training neural networks" does by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from annlib.core.checks import check_count
from annlib.core.errors import DataError, ShapeError
from annlib.core.tracebacks import with_short_tracebacks
from annlib.tools import data_checks, initial_checks, row_checks, training_checks
from annlib.tools.findings import CheckReport, Finding
from annlib.tools.model_copy import ModelCopy, trainable
from annlib.tools.subject import Subject

_WHERE = "checkup"

#: The checks, in their order.
_CHECKS: dict[str, Callable[[Subject], Iterator[Finding]]] = {
    "input scale": data_checks.input_scale,
    "constant input": data_checks.constant_columns,
    "class balance": data_checks.class_balance,
    "row order": row_checks.row_order,
    "leak": row_checks.leak,
    "duplicates": row_checks.duplicates,
    "target scale": data_checks.target_scale,
    "output": data_checks.output,
    "initial weights": initial_checks.initial_weights,
    "dead units": initial_checks.dead_units,
    "saturation": initial_checks.saturated_units,
    "initial loss": initial_checks.initial_loss,
    "gradients": initial_checks.gradients,
    "learning rate": training_checks.learning_rate,
    "one batch": training_checks.one_batch,
    "unseen rows": training_checks.unseen_rows,
}


@with_short_tracebacks
def checkup(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    rows: int = 2000,
    seed: int = 0,
) -> CheckReport:
    """Look for what keeps a model from learning, in the data, at the start and while it trains.

    It takes a second or so, before hours are spent, and works on copies: the model, its optimizer
    and its random streams are as before. The model is to be as it will be trained, best before
    ``fit``.

    Parameters
    ----------
    model : Sequential or estimator
        Compiled; or an estimator of annlib's, whose ``fit`` is looked at before it is done.
    x : array_like, frame or sparse matrix, (n, features)
    y : array_like, (n,) or (n, outputs)
    sample_weight : array_like, (n,), optional
        The data, as ``fit`` takes them.
    rows : int, at least 1
        At most so many rows, drawn from them, are checked. NaN is looked for in all.
    seed : int, at least 0
        Draws the rows.

    Returns
    -------
    CheckReport
        ``ok``, ``findings``; prints a line for each thing found, with what to do.

    Raises
    ------
    NotCompiledError
        If the model is not compiled.
    ConfigurationError
        If it is no model, or another argument is none of these. What is wrong with the data is a
        finding.

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import Sequential, layers, checkup
    >>> x = np.random.default_rng(0).normal(size=(200, 3)) * 1000
    >>> model = Sequential([layers.Dense(8, "relu"), layers.Dense(2, "softmax")], seed=0)
    >>> model.compile("adam", "sparse_categorical_crossentropy")
    >>> report = checkup(model, x, (x[:, 0] > 0).astype(int))
    >>> report.ok, "input scale" in report
    (False, True)
    """
    columns = getattr(x, "columns", None)
    model, x, y, sample_weight = trainable(model, x, y, sample_weight, _WHERE)
    check_count(rows, _WHERE, "rows")
    try:
        trial = ModelCopy(model, x, y, sample_weight, where=_WHERE, rows=rows, seed=seed)
    except (DataError, ShapeError) as error:
        # Nothing more can be checked.
        message = str(error).removeprefix(f"{_WHERE}: ")
        return CheckReport([Finding("error", "data", message[0].upper() + message[1:])], ["data"])
    subject = Subject(trial, columns)
    findings: list[Finding] = []
    looked_at = ["data"]
    for name, check in _CHECKS.items():
        if name == "unseen rows" and any(
            f.check == "one batch" and f.severity == "error" for f in findings
        ):
            break  # what cannot be learned by heart says nothing about other rows
        looked_at.append(name)
        findings += check(subject)
    return CheckReport(findings, looked_at)
