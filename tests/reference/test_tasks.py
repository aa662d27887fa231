"""The tasks of PAPER.md run, and reach what independent programs reach."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from annlib import Sequential, layers, testing

PAGE = (Path(__file__).parents[2] / "PAPER.md").read_text(encoding="utf-8")
TASKS = PAGE[PAGE.index("## The tasks") : PAGE.index("## The errata")]
START, *SECTIONS = re.split(r"^### ", TASKS, flags=re.MULTILINE)


def code(text):
    return "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))


def run(title):
    """What the block under this heading leaves behind."""
    (section,) = [s for s in SECTIONS if s.startswith(title)]
    space: dict = {}
    exec(compile(code(START) + code(section), f"PAPER.md: {title}", "exec"), space)
    return space


def test_every_section_has_a_test():
    titles = {section.split("\n", 1)[0] for section in SECTIONS}
    assert titles == {
        *LINEAR,
        "10.2 Nonlinear regression: y = b0 + b1² x",
        "10.3 Logistic regression",
        "10.3 Multinomial regression",
        "10.3 Multi-label classification",
        "11 A deep network",
    }


LINEAR = [
    "10.1 Simple linear regression",
    "10.1 Multivariable linear regression",
    "10.1 Multivariate linear regression",
    "10.1 Polynomial regression",
]


def least_squares(x, y):
    """NumPy's least-squares predictions."""
    design = np.column_stack([x, np.ones(len(x))])
    return design @ np.linalg.lstsq(design, y, rcond=None)[0]


@pytest.mark.parametrize("title", LINEAR)
def test_linear_regressions_reach_least_squares(title):
    task = run(title)
    expected = least_squares(task["x"], task["y"]).reshape(len(task["x"]), -1)
    assert np.abs(task["model"].predict(task["x"]) - expected).max() < 1e-6


def test_simple_regression_names_its_slope():
    task = run("10.1 Simple linear regression")
    slope, intercept = np.polyfit(task["x"][:, 0], task["y"][:, 0], 1)
    assert task["slope"] == pytest.approx(slope, abs=1e-6)
    assert task["intercept"] == pytest.approx(intercept, abs=1e-6)


def test_the_custom_layer_finds_its_coefficients():
    task = run("10.2")
    slope, intercept = np.polyfit(task["x"][:, 0], task["y"][:, 0], 1)
    assert task["b0"][0] == pytest.approx(intercept, abs=1e-6)
    assert task["b1"][0] ** 2 == pytest.approx(slope, abs=1e-6)


def unpenalized(x, labels):
    return LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x, labels).predict_proba(x)


def test_logistic_regression_reaches_scikit_learns():
    task = run("10.3 Logistic regression")
    expected = unpenalized(task["x"], task["y"])[:, 1]
    assert np.abs(task["model"].predict(task["x"])[:, 0] - expected).max() < 1e-4


def test_multinomial_regression_reaches_scikit_learns():
    task = run("10.3 Multinomial regression")
    expected = unpenalized(task["x"], task["labels"])
    assert np.abs(task["model"].predict(task["x"]) - expected).max() < 1e-4


def test_multi_label_classification_is_a_logistic_regression_a_label():
    task = run("10.3 Multi-label classification")
    got = task["model"].predict(task["x"])
    for label in range(2):
        expected = unpenalized(task["x"], task["y"][:, label])[:, 1]
        assert np.abs(got[:, label] - expected).max() < 1e-4


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_deep_network_reads_digits():
    task = run("11 A deep network")
    x, y, train, test = (task[name] for name in ("x", "y", "train", "test"))
    peer = MLPClassifier((64, 32), batch_size=32, max_iter=60, random_state=0)
    expected = peer.fit(x[train] / 16, y[train]).score(x[test] / 16, y[test])
    assert task["accuracy"] > expected - 0.02
    assert expected > 0.95


def test_xor_needs_a_hidden_stage():
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([0.0, 1.0, 1.0, 0.0])
    deep = Sequential([layers.Dense(4, "tanh"), layers.Dense(1, "sigmoid")], seed=1)
    deep.compile("adam", "binary_crossentropy")
    deep.optimizer.learning_rate = 0.05
    deep.fit(x, y, batch_size=4, epochs=400, verbose=0)
    assert (deep.predict(x)[:, 0].round() == y).all()
    flat = Sequential([layers.Dense(1, "sigmoid")], seed=1)
    flat.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    flat.optimizer.learning_rate = 0.05
    flat.fit(x, y, batch_size=4, epochs=400, verbose=0)
    assert flat.evaluate(x, y)[1] <= 0.75  # no line separates them


def test_two_spirals():
    rng = np.random.default_rng(0)
    angle = np.sqrt(rng.uniform(size=400)) * 3 * np.pi
    arm = np.arange(400) % 2
    radius = angle / (3 * np.pi)
    x = np.column_stack([np.cos(angle + np.pi * arm), np.sin(angle + np.pi * arm)])
    x = x * radius[:, None] + 0.01 * rng.normal(size=(400, 2))
    model = Sequential(
        [layers.Dense(64, "relu"), layers.Dense(64, "relu"), layers.Dense(2, "softmax")], seed=0
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.01
    model.fit(x, arm, epochs=150, verbose=0)
    assert model.evaluate(x, arm)[1] > 0.98


def test_the_custom_layer_keeps_every_rule():
    testing.check_layer(run("10.2")["SquaredSlope"](), input_shape=(1,))
