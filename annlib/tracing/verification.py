"""A trace held against the paper's row-by-row equations and against finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from annlib import reference
from annlib.core.arrays import Array
from annlib.core.checks import check_choice
from annlib.core.terminal import Printed
from annlib.core.workspace import Workspace
from annlib.layers import Dense
from annlib.layers.activation import ActivationLayer
from annlib.tracing.data import TraceData
from annlib.tracing.equation import apart
from annlib.tracing.jacobian import LIMIT, jacobian
from annlib.tracing.loss import with_targets_as_given

#: What the distances may be, by the type of the numbers.
EXACT = {"float64": 1e-12, "float32": 1e-4}
DIFFERENCES = {"float64": 1e-6, "float32": 1e-3}
#: The most numbers that are varied one by one.
_VARIED = 300
#: Slopes of both sides that differ by more than this are a kink: by curvature they would by 1e-5.
_KINK = 0.01


#: What a trace is held against.
_AGAINST = ("equations", "engine", "reference", "differences")


class Check(NamedTuple):
    """One comparison: what with what, how far apart, and how far it may be.

    Parameters
    ----------
    what : str
        ``"dense/kernel: gradient"``.
    against : {"equations", "engine", "reference", "differences"}
    distance, tolerance : float, at least 0

    Examples
    --------
    >>> check = Check("loss", "engine", 1e-15, 1e-12)
    >>> check.passed
    True
    """

    what: str
    against: str
    distance: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether it is near enough."""
        return self.distance <= self.tolerance


class Report(Printed):
    """All comparisons of a trace.

    Parameters
    ----------
    checks : list of Check
    notes : list of str
        What could not be compared, and why.

    Attributes
    ----------
    checks : list of Check
    notes : list of str
        What could not be compared, and why.

    Examples
    --------
    >>> report = Report([Check("loss", "engine", 1e-15, 1e-12)], [])
    >>> report.passed, report.worst("engine"), report.worst("differences")
    (True, 1e-15, 0.0)
    """

    def __init__(self, checks: list[Check], notes: list[str]) -> None:
        self.checks, self.notes = checks, notes

    @property
    def passed(self) -> bool:
        """Whether all comparisons are near enough."""
        return all(check.passed for check in self.checks)

    def worst(self, against: str) -> float:
        """The largest distance from one of them, or 0.

        Parameters
        ----------
        against : {"equations", "engine", "reference", "differences"}

        Returns
        -------
        float, at least 0

        Raises
        ------
        ConfigurationError
            If it is none of these.
        """
        check_choice(against, "Report.worst", "against", _AGAINST)
        found = [c.distance for c in self.checks if c.against == against]
        return float(np.max(found)) if found else 0.0

    def __repr__(self) -> str:
        width = max(len(check.what) for check in self.checks)
        lines = [
            f"{'':2}{'compared':<{width}}  {'with':<12} {'apart by':>9}  {'allowed':>8}",
            *(
                f"{'✓' if c.passed else '✗'} {c.what:<{width}}  {c.against:<12} "
                f"{c.distance:>9.1e}  {c.tolerance:>8.0e}"
                for c in self.checks
            ),
        ]
        return "\n".join([*lines, *(f"· {note}" for note in self.notes)])


def verify(trace: TraceData) -> Report:
    """The report of a trace.

    - equations: every step's numbers put into its equation.
    - engine: the loss and gradient that the engine has recorded, computed from the shown targets.
    - reference: loss and gradients by ``annlib.reference``, one row after the other.
    - differences: central finite differences, of the loss by the parameters (in float64, with the
      same masks) and of each activation by its input.
    """
    kind = str(trace.recording.dtype)
    exact, differences = EXACT[kind], DIFFERENCES[kind]
    checks = [*_equations(trace, exact), _from_targets(trace, exact)]
    notes: list[str] = []
    network, why = _network(trace)
    if network is None:
        notes.append(f"Not compared with annlib.reference: {why}")
    else:
        checks += _against_reference(trace, network, exact)
    checks += _jacobians(trace, 1e-6 if kind == "float64" else 1e-2)
    checks += _differences(trace, differences, notes)
    return Report(checks, notes)


def _equations(trace: TraceData, tolerance: float) -> Iterator[Check]:
    for section in trace.sections:
        distances = [step.distance() for step in section]
        finite = [distance for distance in distances if not math.isnan(distance)]
        yield Check(f"{section.name}: steps", "equations", max(finite, default=0.0), tolerance)


# -- the targets that are shown -------------------------------------------------------------------


def _targets(trace: TraceData) -> Array:
    """{Y} of all rows, as the trace shows it: the last operand of the loss of a row."""
    return trace.sections[-1].forward[0].operands[-1].array


def _from_targets(trace: TraceData, tolerance: float) -> Check:
    """The loss of the shown targets, which it takes as they are, held against the engine's.

    The gradient is compared, too: a row whose outputs are all alike has one loss for many targets.
    """
    recording, Y = trace.recording, _targets(trace)
    loss = recording.loss
    if recording.fused is not None:
        loss = type(loss).from_config({**loss.get_config(), "from_logits": True})
    loss = with_targets_as_given(loss)
    off = 0.0
    if loss.target_kind == "labels":
        # Of a label that is ignored the row is zeros.
        labels = np.where(Y.any(axis=-1), Y.argmax(axis=-1), recording.y)
        off, Y = apart(Y, loss.target_rows(labels, Y.shape[-1], Workspace(Y.dtype))), labels
    X = recording.layers[-1].y if recording.layers else recording.x
    work = Workspace(recording.dtype)
    with np.errstate(all="ignore"):
        loss.value(Y, X, recording.weights, work)
        gradient = loss.gradient(Y, X, recording.weights, work)
    distances = [
        0.0 if np.array_equal(found, recorded, equal_nan=True) else apart(recorded, found)
        for found, recorded in (
            (work.array("E", recording.rows), recording.row_losses),
            (gradient, recording.head_gradient),
        )
    ]
    return Check("loss: targets", "engine", float(np.max([off, *distances])), tolerance)


# -- the paper's own equations -------------------------------------------------------------------


def _network(trace: TraceData) -> tuple[reference.Network | None, str]:
    """The network in the paper's notation, or why it has none."""
    recording = trace.recording
    loss = vars(type(recording.loss)).get("reference_name")
    if not loss or (recording.fused is None and recording.loss.from_logits):
        return None, f"the paper has no {recording.loss!r}."
    if recording.weighs_outputs or recording.loss.canonical is not type(recording.loss).canonical:
        return None, f"the paper has no weights as those of {recording.loss!r}."
    stages: list[reference.FullyConnected | reference.Activation] = []
    for record in recording.layers:
        layer = record.layer
        if record.regularizer is not None or record.x.ndim != 2:
            return None, f'it knows no penalty or deep input of "{record.name}".'
        if isinstance(layer, Dense) and type(layer).forward is Dense.forward:
            W = recording.before.get(f"{record.name}/kernel", layer.kernel)
            b = np.zeros(W.shape[1])
            if layer.use_bias:
                b = recording.before.get(f"{record.name}/bias", layer.bias)
            stages.append(reference.FullyConnected(W.T, b))
            f = layer.activation
        elif isinstance(layer, ActivationLayer):
            f = layer.activation
        else:
            return None, f"it knows no {type(layer).__name__}."
        if f._names[0] not in reference.ACTIVATIONS or not f._is_default():
            return None, f"it knows no activation {f!r}."
        stages.append(reference.Activation(f._names[0]))
    if recording.fused is not None:
        stages.append(reference.Activation(recording.fused._names[0]))
    if loss == "categorical_crossentropy" and stages[-1:] != [reference.Activation("softmax")]:
        return None, "annlib divides outputs that do not come from softmax by their sum."
    return reference.Network(stages, loss), ""


def _against_reference(
    trace: TraceData, network: reference.Network, tolerance: float
) -> Iterator[Check]:
    recording = trace.recording
    Y, shares = _targets(trace).astype(np.float64), recording.shares.astype(np.float64)
    if recording.loss.averages_outputs:
        shares = shares / Y[0].size
    weighted = [s for s in network.layers if isinstance(s, reference.FullyConnected)]
    total = 0.0
    sums = [(np.zeros_like(s.Wt), np.zeros_like(s.B)) for s in weighted]
    with np.errstate(all="ignore"):
        for x, y, share in zip(recording.x.astype(np.float64), Y, shares, strict=True):
            E, gradients = reference.accumulate_5_2(network, x[np.newaxis], y[np.newaxis])
            total += share * E if share else 0.0
            for accumulated, gradient in zip(sums, gradients, strict=True):
                for whole, part in zip(accumulated, gradient, strict=True):
                    np.add(whole, share * part, out=whole)
    yield _near("loss", np.array(recording.data_loss), np.array(total), tolerance)
    dense = [record for record in recording.layers if isinstance(record.layer, Dense)]
    for record, (W, B) in zip(dense, sums, strict=True):
        for name, found in (("kernel", W.T), ("bias", B[:, 0])):
            if name in record.gradients and f"{record.name}/{name}" in trace.recording.gradients:
                what = f"{record.name}/{name}: gradient"
                yield _near(what, record.gradients[name], found, tolerance)


def _near(what: str, one: Array, other: Array, tolerance: float) -> Check:
    return Check(what, "reference", apart(one.astype(np.float64), other), tolerance)


# -- finite differences --------------------------------------------------------------------------


def _jacobians(trace: TraceData, tolerance: float) -> Iterator[Check]:
    """Each explicit Jacobian of the first row, against differences of the activation itself."""
    for name, (f, Z) in trace.activations.items():
        z = Z[0].astype(np.float64)
        if z.size * z.size > LIMIT:
            continue
        h = 1e-6
        steps = h * np.eye(z.size)
        found = (f(z + steps) - f(z - steps)).T / (2 * h)
        distance = apart(jacobian(f, z), found)
        yield Check(f"{name}: [D_A,Z]", "differences", distance, tolerance)


def _differences(trace: TraceData, tolerance: float, notes: list[str]) -> Iterator[Check]:
    loss = trace.recording.replay()
    for path, gradient in trace.recording.gradients.items():
        theta = trace.recording.before[path].astype(np.float64)
        flat = gradient.astype(np.float64).reshape(-1)
        some = np.unique(np.linspace(0, flat.size - 1, _VARIED).astype(int))
        if some.size < flat.size:
            notes.append(f"Of {path} {some.size} of {flat.size} numbers were varied.")
        sides = np.array([_slopes(loss, path, theta, index) for index in some]).reshape(-1, 2)
        scale = max(np.abs(flat).max(initial=0.0), 1e-3)
        kinked = np.abs(sides[:, 0] - sides[:, 1]) > _KINK * scale
        off = np.abs(sides.mean(axis=1) - flat[some])
        margin = _KINK / 100 * scale  # the slope of one side is less exact than the central one
        low, high = sides.min(axis=1) - margin, sides.max(axis=1) + margin
        beyond = np.maximum(np.maximum(low - flat[some], flat[some] - high), 0.0)
        distance = float(np.where(kinked, beyond, off).max(initial=0.0) / scale)
        if kinked.any():
            notes.append(
                f"At {kinked.sum()} numbers of {path} the loss has a kink, as relu at 0; their "
                "gradient was held against the slopes of both sides, between which it may lie."
            )
        yield Check(f"{path}: gradient", "differences", distance, tolerance)


def _slopes(
    loss: Callable[[str, Array], float], path: str, theta: Array, index: int
) -> tuple[float, float]:
    """Of the loss by one number, to its left and to its right; their mean is the central one."""
    h = 1e-5 * max(1.0, abs(float(theta.reshape(-1)[index])))
    values = []
    for sign in (-1, 0, 1):
        moved = theta.copy()
        moved.reshape(-1)[index] += sign * h
        values.append(loss(path, moved))
    return (values[1] - values[0]) / h, (values[2] - values[1]) / h
