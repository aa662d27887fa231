"""The check-up finds planted faults, and little else."""

from __future__ import annotations

import copy
import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from tools.setups import FAULTS, HEALTHY, data, diabetes, digits, model, wrong_layer_gradient

from annlib import Sequential, checkup, layers
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
