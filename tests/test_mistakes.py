"""What beginners do wrong is told to them: where, what was expected, what came, what to try."""

from __future__ import annotations

import warnings

import pytest
from cases.mistakes import MISTAKES, THREE, VALUES, X, fit, model, sigmoid, softmax

from annlib import layers
from annlib.core.errors import AnnlibError

each_error = pytest.mark.parametrize("name", [k for k, m in MISTAKES.items() if not m.warns])
each_warning = pytest.mark.parametrize("name", [k for k, m in MISTAKES.items() if m.warns])


def test_there_are_enough_of_them():
    assert len(MISTAKES) >= 80


def check(message, says):
    where, _, rest = message.partition(": ")
    expected, _, got = rest.partition(", got ")
    assert where, message
    assert "expected" in expected, message
    assert got, message
    missing = [words for words in says if words not in message]
    assert not missing, (missing, message)
    # What to try stands in a sentence of its own, or what is known.
    assert message.rstrip().endswith((".", "?")), message


@each_error
def test_a_mistake_is_an_error_that_leads_on(name):
    mistake = MISTAKES[name]
    with pytest.raises(AnnlibError) as caught:
        mistake.act()
    check(str(caught.value), mistake.says)


@each_warning
def test_what_may_be_meant_is_a_warning_at_the_users_line(name):
    mistake = MISTAKES[name]
    with pytest.warns(UserWarning, match="expected") as caught:
        mistake.act()
    (warning,) = caught
    check(str(warning.message), mistake.says)
    assert warning.filename.endswith("mistakes.py")


def healthy():
    batch_norm = layers.BatchNormalization
    yield "labels", softmax(), X, THREE, {"validation_split": 0.2}
    yield "two classes", sigmoid(), X, THREE > 0, {"validation_split": 0.2}
    yield "many classes a row", sigmoid(2), X, X[:, :2] > 0, {}
    yield "values", model(), X, VALUES, {"validation_split": 0.2}
    yield "values in tens", model(), X, 20 + 10 * VALUES, {}
    yield "sorted values", model(), X, sorted(VALUES), {"validation_split": 0.2}
    yield "batches", model(layers.Dense(3), batch_norm(), layers.Dense(1)), X, VALUES, {}
    yield "counts", model(layers.Dense(1, "exponential"), loss="poisson"), X, 9000 + THREE, {}
    yield "relative", model(loss="mape"), X, 1e6 + 1e5 * VALUES, {}
    frozen = model(batch_norm(trainable=False), layers.Dense(1))
    yield "a frozen normalization", frozen, X, VALUES, {"batch_size": 1}


@pytest.mark.parametrize(
    ("net", "x", "y", "how"), [pytest.param(*rest, id=name) for name, *rest in healthy()]
)
def test_a_healthy_set_up_is_not_warned_of(net, x, y, how):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(net, x, y, **how)


def test_it_is_said_once_a_model():
    net = model()
    with pytest.warns(UserWarning, match="of a size of about 1"):
        fit(net, y=5000 + VALUES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(net, y=5000 + VALUES)
