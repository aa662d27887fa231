"""The check-up finds planted faults, and little else."""

from __future__ import annotations

import copy
import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from tools.setups import (
    FAULTS,
    HEALTHY,
    SPARSE,
    data,
    diabetes,
    digits,
    model,
    wrong_layer_gradient,
)

from annlib import Sequential, activations, checkup, initializers, layers, losses
from annlib.core.errors import ConfigurationError, NotCompiledError
from annlib.tools import CheckReport, Finding


@pytest.mark.parametrize(("setup", "check"), FAULTS, ids=lambda part: getattr(part, "__name__", ""))
def test_every_planted_fault_is_found(setup, check):
    report = checkup(*setup())
    assert check in report, repr(report)
    assert not report.ok and not report
    for finding in report.alarms:
        assert finding.message
        assert finding.advice or finding.check == "data"


def test_at_most_one_false_alarm_in_ten_healthy_set_ups():
    alarms = [str(found) for setup in HEALTHY for found in checkup(*setup()).alarms]
    assert len(HEALTHY) == 10
    assert len(alarms) <= 1, alarms


def test_rows_sorted_by_class_are_noted():
    """They do no harm to who shuffles, so it is no alarm."""
    net, x, y = digits()
    order = np.argsort(y, kind="stable")
    found = [f for f in checkup(net, x[order], y[order]).findings if f.check == "row order"]
    assert [f.severity for f in found] == ["note"]
    assert "validation_split" in found[0].message
    mixed = np.random.default_rng(0).permutation(len(x))
    assert not [f for f in checkup(net, x[mixed], y[mixed]).findings if f.check == "row order"]


def test_the_copies_across_the_split_are_counted():
    """The last 100 rows are copies; of the 133 that a split of 0.2 holds out these alone."""
    net, x, y = next(setup for setup, check in FAULTS if check == "duplicates")()
    (found,) = (f for f in checkup(net, x, y).findings if f.check == "duplicates")
    assert "100 of 669 rows" in found.message
    held_out, rest = x[-133:], {row.tobytes() for row in x[:-133]}
    across = sum(row.tobytes() in rest for row in held_out)
    assert f"{across} of the last 133" in found.message


def state_of(net):
    return (
        [weights.tobytes() for weights in net.get_weights()] if net.built else None,
        json.dumps(net.get_config(), default=str),
        net.optimizer.steps,
        net.optimizer.state.tobytes(),
        net.optimizer.learning_rate,
        None if net.history is None else copy.deepcopy(net.history.history),
    )


def test_the_model_is_not_touched():
    """Also one with dropout, half-way through a training, which then goes on as if nothing was."""
    x, y = data("wine")

    def trained():
        stack = [layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dropout(0.5)]
        net = model(*stack, layers.Dense(3, "softmax"))
        net.fit(x, y, epochs=2, verbose=0)
        return net

    looked_at, other = trained(), trained()
    given = x.copy()
    given.flags.writeable = False
    before = state_of(looked_at)
    checkup(looked_at, given, y)
    assert state_of(looked_at) == before
    for net in (looked_at, other):
        net.fit(x, y, epochs=2, verbose=0)
    assert state_of(looked_at) == state_of(other)


def test_a_model_that_is_not_built_stays_so():
    net, x, y = digits()
    assert not net.built
    checkup(net, x, y)
    assert not net.built


def test_twice_the_same():
    assert repr(checkup(*diabetes())) == repr(checkup(*diabetes()))


def test_what_it_needs():
    x, y = data("wine")
    with pytest.raises(ConfigurationError, match="expected a Sequential"):
        checkup("model", x, y)
    with pytest.raises(NotCompiledError, match="checkup"):
        checkup(Sequential([layers.Dense(3)]), x, y)
    with pytest.raises(ConfigurationError, match="rows"):
        checkup(digits()[0], x, y, rows=0)


@pytest.mark.parametrize("after", [layers.Dropout(0.1), layers.Flatten(), layers.Identity()])
def test_layers_that_keep_values_hide_no_activation(after):
    x, y = data("wine")
    assert "output" not in checkup(model(layers.Dense(3, "softmax"), after), x, y)
    with pytest.warns(UserWarning, match="without activation"):
        wrong = model(layers.Dense(3), after.clone())
    assert "output" in checkup(wrong, x, y)


def test_wrong_shapes_are_a_finding():
    net, x, y = digits()
    report = checkup(net, x, y[:-1])
    assert [found.check for found in report.alarms] == ["data"]
    assert "one length" in repr(report)


def test_frames_and_sparse_matrices():
    pandas = pytest.importorskip("pandas")
    sparse = pytest.importorskip("scipy.sparse")
    x, y = data("wine")
    frame = pandas.DataFrame(x, columns=[f"c{i}" for i in range(x.shape[1])])
    frame["c4"] = frame["c4"] * 1e4
    net = model(layers.Dense(3, "softmax"))
    report = checkup(net, frame, y, rows=100)
    assert "input scale" in report
    assert '"c4"' in repr(report)
    x, y = digits()[1:]
    assert checkup(digits()[0], sparse.csr_matrix(x), y, rows=500).ok


def test_codes_of_an_embedding():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 6, size=(300, 2))
    y = (x[:, 0] + x[:, 1] > 5).astype(int)
    net = model(layers.Embedding(6, 4), layers.Flatten(), layers.Dense(2, "softmax"))
    assert checkup(net, x, y).ok


def test_sample_weights_and_two_dimensional_rows():
    x, y = digits()[1:]
    net = model(layers.Flatten(), layers.Dense(32, "relu"), layers.Dense(10, "softmax"))
    assert checkup(net, x.reshape(-1, 8, 8), y, np.ones(len(y))).ok


def test_lbfgs_has_no_rate_to_be_too_large():
    x, y = data("wine")
    report = checkup(model(layers.Dense(3, "softmax"), optimizer="lbfgs"), x, y)
    assert report.ok, repr(report)


def test_the_report_prints():
    report = CheckReport(
        [Finding("note", "a", "fine."), Finding("error", "<b>", "wrong & more.", "Do that.")],
        ["a", "<b>", "c"],
    )
    lines = repr(report).splitlines()
    assert lines[0] == "Check-up: 1 error in 3 checks"
    assert lines[1].split() == ["✗", "<b>", "Wrong", "&", "more.", "Do", "that."]
    assert max(map(len, repr(checkup(*wrong_layer_gradient())).splitlines())) <= 100
    html = report._repr_html_()
    ET.fromstring(html)
    assert "&lt;b&gt;" in html and "<b>" not in html and "wrong &amp; more" in html.lower()
    assert CheckReport([Finding("note", "a", "fine.")], ["a"]).ok


# -- by attributes, whatever the class -------------------------------------------------------------


class Quantile(losses.MeanOverOutputs):
    """A loss of one's own."""

    def terms(self, Y, A, T, work):
        np.maximum(0.9 * (Y - A), 0.1 * (A - Y), out=T)

    def slopes(self, Y, A, dA, work):
        dA[:] = np.where(Y > A, -0.9, 0.1)


class Arctan(activations.Activation):
    """A bounded activation of one's own."""

    needs_input = True

    def forward(self, Z, A, work):
        np.arctan(Z, out=A)

    def backward(self, dA, Z, A, work):
        dA /= 1 + Z**2


REGRESSIONS = [
    "mse",
    "mae",
    "mape",
    "msle",
    "huber",
    "log_cosh",
    "half_sum_squared_error",
    Quantile(),
]


def far_targets(loss, output, low=100):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 4)), low + 100 * rng.random((200, 1))
    return checkup(model(layers.Dense(8, "relu"), layers.Dense(1, output), loss=loss), x, y)


@pytest.mark.parametrize("loss", [*REGRESSIONS, "poisson", "cosine_similarity"], ids=str)
@pytest.mark.parametrize("output", ["sigmoid", "hard_tanh", "softsign", Arctan()], ids=str)
def test_targets_beyond_what_the_output_gives(loss, output):
    assert "output" in far_targets(loss, output)


@pytest.mark.parametrize("loss", REGRESSIONS, ids=str)
def test_targets_far_from_a_size_of_one(loss):
    report = far_targets(loss, None)
    assert "target scale" in report and "output" not in report
    (found,) = (f for f in report.findings if f.check == "target scale")
    assert ("y.mean()" in found.advice) == (loss == "msle")  # which takes no targets below 0


def test_of_a_loss_of_directions_the_size_of_targets_is_no_matter():
    assert "target scale" not in far_targets("cosine_similarity", None)


@pytest.mark.parametrize("output", ["softplus", "exponential", "silu", "linear", "relu"])
def test_outputs_that_reach_the_targets(output):
    assert "output" not in far_targets("mse", output)


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_a_loss_of_margins_wants_outputs_of_both_signs(loss):
    x, y = data("breast_cancer")
    for output, alarm in (("sigmoid", True), ("relu", True), ("tanh", False), (None, False)):
        report = checkup(model(layers.Dense(1, output), loss=loss), x, y.reshape(-1, 1))
        assert ("output" in report) == alarm, output


@pytest.mark.parametrize(
    "activation", ["tanh", "sigmoid", "hard_tanh", "hard_sigmoid", "softsign", Arctan()], ids=str
)
def test_saturated_outputs_of_any_bounded_activation(activation):
    x, y = data("wine")
    wide = initializers.RandomNormal(stddev=300.0)
    stack = [layers.Dense(16, activation, kernel_initializer=wide), layers.Dense(3, "softmax")]
    assert "saturation" in checkup(model(*stack), x, y)
    small = [layers.Dense(16, activation), layers.Dense(3, "softmax")]
    assert "saturation" not in checkup(model(*small), x, y)


@pytest.mark.parametrize(
    ("units", "output", "loss", "expected"),
    [
        (3, "softmax", SPARSE, np.log(3)),
        (3, None, losses.SparseCategoricalCrossentropy(from_logits=True), np.log(3)),
        (3, "softmax", losses.CategoricalFocalCrossentropy(gamma=0, alpha=1), np.log(3)),
        (3, "sigmoid", "binary_crossentropy", np.log(2)),
        (3, "sigmoid", "sum_binary_crossentropy", 3 * np.log(2)),
        (3, None, "categorical_hinge", 1.0),
    ],
    ids=str,
)
def test_the_first_loss_that_is_expected(units, output, loss, expected):
    x, y = data("wine")
    net = model(layers.Dense(units, output), loss=loss)
    report = checkup(net, x, y if net.loss.target_kind == "labels" else np.eye(3)[y])
    (found,) = (f for f in report.findings if f.check == "initial loss")
    assert f"where {expected:.4g} is expected" in found.message
