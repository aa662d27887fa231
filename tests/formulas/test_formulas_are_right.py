"""Every formula is evaluated as it is written, and compared with the object and its differences."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from cases import targets_and_predictions
from cases.activations import ACTIVATIONS
from cases.losses import LOSSES
from cases.optimizers import OPTIMIZERS
from cases.regularizers import REGULARIZERS
from cases.schedules import SCHEDULES
from formulas.evaluation import assign
from optimizers.stepping import drawn, steps_of
from scipy.optimize import brentq

from annlib import activations, formulas, initializers, layers, optimizers
from annlib.core.workspace import Workspace
from annlib.testing.passes import LayerTrial

STEP = 1e-6


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def letters(formula, **names):
    """The symbols of the formula that stand for numbers, and what else is known."""
    for latex, meaning in formula.symbols:
        start = meaning.split(",")[0]
        with contextlib.suppress(ValueError):
            names.setdefault(formulas.as_text(latex), float(start))
    return names


def evaluated(lines, names):
    for line in lines:
        found = assign(line, names)
    return found


def differences(function, z):
    """The Jacobian of a function of a vector, by central differences."""
    columns = []
    for j in range(len(z)):
        up, down = z.copy(), z.copy()
        up[j] += STEP
        down[j] -= STEP
        columns.append((np.asarray(function(up)) - np.asarray(function(down))) / (2 * STEP))
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("row", ACTIVATIONS, ids=repr)
def test_activations(row):
    f = row.make()
    formula = formulas.of(f)
    kinks = np.array(getattr(row, "kinks", ()))
    z = np.array([-4.1, -2.2, -1.4, -0.9, -0.2, 0.3, 0.7, 1.3, 2.4, 4.2, 7.7])
    assert not np.isclose(z[:, None], kinks).any()
    if isinstance(f, activations.GLU):
        z = z[:10]
    names = letters(formula, z=z, N=len(f(z)), M=len(f(z)))
    # Sparsemax's t, which is said in words.
    names["t"] = brentq(lambda t: np.maximum(z - t, 0).sum() - 1, -10, 10, xtol=1e-14)
    evaluated(formula.equations, names)
    np.testing.assert_allclose(names["a"], f(z), rtol=1e-10, atol=1e-12)
    names |= {"N": len(z), "outputs": len(f(z))}
    slopes = evaluated(formula.derivatives, names)
    jacobian = differences(f, z)
    expected = jacobian if slopes.ndim == 2 else np.diag(jacobian)
    np.testing.assert_allclose(slopes, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("slope", [0.0, 0.25, 1.0])
def test_the_slope_of_relu_at_zero_is_in_its_formula(slope):
    f = activations.ReLU(slope_at_zero=slope)
    names = {"z": np.zeros(1), "N": 1}
    dA = np.ones((1, 1))
    f.backward(dA, np.zeros((1, 1)), np.zeros((1, 1)), Workspace("float64"))
    assert evaluated(formulas.of(f).derivatives, names)[0] == dA[0, 0] == slope


@pytest.mark.parametrize("row", LOSSES, ids=repr)
def test_losses(row, rng):
    loss = row.cls(*row.arguments, **row.keywords, reduction="none")
    formula = formulas.of(loss)
    n, k = 5, 4
    Y, A = targets_and_predictions(row, n, k, rng)
    if "block" in formula.note:  # its equations are those of one
        return
    logits = loss.from_logits
    needs_sum = loss.task == "classes" and not (loss.margin or logits)
    if needs_sum:
        A /= A.sum(axis=1, keepdims=True)
    for y, a in zip(Y, A, strict=True):
        if loss.margin and loss.task == "binary":
            written = np.where(y <= 0, -1.0, 1.0)
        elif row.targets == "counts":
            written = np.maximum(y, 1e-300)  # 0 log 0 is 0
        else:
            written = y
        names = letters(formula, y=written, N=k, **{"z" if logits else "a": a})
        evaluated(formula.equations, names)
        row_loss = lambda p, y=y: loss(np.array([y]), p[None])[0]  # noqa: E731
        np.testing.assert_allclose(names["E"], row_loss(a), rtol=1e-6, atol=1e-12)
        slopes, expected = evaluated(formula.derivatives, names), differences(row_loss, a)
        if needs_sum:  # along the probabilities that add up to 1
            slopes, expected = slopes - slopes.mean(), expected - expected.mean()
        np.testing.assert_allclose(slopes, expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("row", OPTIMIZERS, ids=repr)
def test_optimizers(row):
    if row.cls in (optimizers.LBFGS, optimizers.MultiOptimizer, optimizers.Muon):
        return  # SciPy's; those of its parts; and a loop of matrix products
    keywords = {**row.keywords}
    for words in ("gradient_accumulation_steps", "ema_overwrite_frequency"):  # said in words
        keywords.pop(words, None)
    optimizer = row.cls(*row.arguments, **keywords)
    formula = formulas.of(optimizer)
    fake, gradients = drawn(6, (20,))
    gradients[2]["w"] *= 0.01  # within every limit of clipping
    names = letters(formula, θ=fake.start["w"]) | {"θ̄": fake.start["w"]}
    names |= dict.fromkeys(("m", "u", "z", "s"), np.zeros(20))
    if optimizer._keeps_two:
        names["z"] = fake.start["w"]
    names["P"] = 20
    names["v"] = np.full(20, getattr(optimizer, "initial_accumulator_value", 0.0))
    taken = steps_of(optimizer, fake, gradients)
    for step, (gradient, expected) in enumerate(zip(gradients, taken, strict=True)):
        rate = row.make().get_config()["learning_rate"]
        if isinstance(rate, dict):
            names["η"] = row.arguments[0](step)
        names |= {"g": gradient["w"], "t": step + 1}
        evaluated(formula.equations, names)
        np.testing.assert_allclose(names["θ"], expected["w"], rtol=1e-9, atol=1e-12)
        if not step:
            names["θ̄"] = names["θ"]  # the first average is the first value
    if optimizer.use_ema:
        np.testing.assert_allclose(names["θ̄"], optimizer.averages, rtol=1e-9)


@pytest.mark.parametrize("row", REGULARIZERS, ids=repr)
def test_regularizers(row, rng):
    regularizer = row.make()
    if not regularizer.elementwise:  # its equations are of vectors
        return
    formula, w = formulas.of(regularizer), rng.normal(size=6)
    names = letters(formula, w=w, n=1.0)
    np.testing.assert_allclose(evaluated(formula.equations, names), regularizer(w), rtol=1e-12)
    slopes = evaluated(formula.derivatives, names)
    np.testing.assert_allclose(slopes, differences(regularizer, w), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("row", SCHEDULES, ids=repr)
def test_schedules(row):
    schedule = row.make()
    formula = formulas.of(schedule)
    for t in range(60):
        names = letters(formula, t=float(t), r=getattr(schedule, "schedule", None))
        names |= dict(zip("abis", _phase(schedule, t), strict=False))
        np.testing.assert_allclose(
            evaluated(formula.equations, names), schedule(t), rtol=1e-9, atol=1e-12
        )


def _phase(schedule, t):
    """What the formulas of periodic schedules leave to words: a, b, i, s."""
    name = type(schedule).__name__
    if name == "CosineDecayRestarts":
        period, length, start = 0, schedule.first_decay_steps, 0.0
        while t >= start + length - 1e-9:
            start, length, period = start + length, length * schedule.t_mul, period + 1
        return None, None, period, (t - start) / length
    if name == "OneCycle":
        t = min(t, schedule.total_steps - 1)
        begin, end, a, b = next(p for p in schedule._phases if t <= p[1])
        return a, b, None, (t - begin) / (end - begin)
    return ()


ROWS = [
    layers.LayerNormalization(),
    layers.LayerNormalization(epsilon=0.1, center=False),
    layers.LayerNormalization(scale=False),
    layers.RMSNormalization(epsilon=0.1),
    layers.UnitNormalization(),
    layers.Rescaling(-2.0, 1.5),
    layers.Rescaling(0.5, -1.5),
    layers.Identity(),
    layers.PReLU("ones"),
    layers.Scaling(initializers.Constant(0.75)),
    layers.SmoothClipping(1.5),
    layers.ParametricActivation("tanh", initializers.Constant(0.25)),
    layers.ParametricActivation("softplus"),
]


@pytest.mark.parametrize("layer", ROWS, ids=repr)
def test_layers_of_rows(layer, rng):
    """Forward, and backward by the layer itself, which its contracts compare with differences."""
    trial = LayerTrial(layer, (4,))
    x, dy = rng.normal(size=(1, 4)), rng.normal(size=(1, 4))
    y = trial.layer.forward(x, trial.work, training=True).copy()
    dx = trial.layer.backward(dy.copy(), trial.work)
    formula = formulas.of(layer)
    names = letters(formula, x=x[0], N=4, **{"∂E/∂y": dy[0]})
    values = {"γ": "gamma", "β": "beta", "α": "alpha"}
    names |= {letter: getattr(trial.layer, name, None) for letter, name in values.items()}
    if names["γ"] is None:
        names["γ"] = getattr(trial.layer, "scale", None)
    if names["β"] is None:
        names["β"] = names["α"]
    np.testing.assert_allclose(evaluated(formula.equations, names), y[0], rtol=1e-9)
    for line in formula.derivatives:
        assign(line, names)
    np.testing.assert_allclose(names["∂E/∂x"], dx[0], rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(
    "layer",
    [
        layers.BatchNormalization(),
        layers.BatchNormalization(center=False, epsilon=0.1),
        layers.BatchNormalization(scale=False),
        layers.BatchNormalization(trainable=False),
    ],
    ids=repr,
)
def test_batch_normalization(layer, rng):
    trial = LayerTrial(layer, (3,))
    X, dY = rng.normal(size=(2, 5, 3))
    Y = trial.layer.forward(X, trial.work, training=True).copy()
    dX = trial.layer.backward(dY.copy(), trial.work)
    formula, own = formulas.of(layer), trial.layer
    frozen = not layer.trainable
    mean = own.moving_mean if frozen else X.mean(axis=0)
    variance = own.moving_variance if frozen else X.var(axis=0)
    gamma = np.ones(3) if own.gamma is None else own.gamma
    beta = np.zeros(3) if own.beta is None else own.beta
    names = letters(formula, n=5, N=3, x=X, μ=mean, γ=gamma, β=beta, σ=np.sqrt(variance))
    H = (X - mean) / np.sqrt(variance + own.epsilon)
    names |= {"∂E/∂y": dY, "h": H, "g": dY * gamma}
    for r in range(5):
        local = {**names, "r": r}
        forward = [
            [assign_at(line, {**local, "i": i}) for i in range(3)] for line in formula.equations
        ]
        np.testing.assert_allclose(forward[0], H[r], rtol=1e-9)
        np.testing.assert_allclose(forward[1], Y[r], rtol=1e-9)
        slopes = [assign_at(formula.derivatives[1], {**local, "i": i}) for i in range(3)]
        np.testing.assert_allclose(slopes, dX[r], rtol=1e-8, atol=1e-12)
    for line in formula.derivatives[2:]:
        name = "gamma" if r"\gamma_i} =" in line else "beta"
        found = [assign_at(line, {**names, "i": i, "r": 0}) for i in range(3)]
        np.testing.assert_allclose(found, own.gradients[name], rtol=1e-9)


def assign_at(line, names):
    return assign(line, dict(names))
