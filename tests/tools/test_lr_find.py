"""The learning-rate finder suggests rates that train, and leaves everything as it was."""

from __future__ import annotations

import numpy as np
import pytest
from tools.setups import classifier, data, model

from annlib import Sequential, layers, lr_find, optimizers, schedules
from annlib.core.errors import ConfigurationError, DivergenceError
from annlib.tools.rate_finder import LearningRates, valley, with_rate

SETS = ["digits", "iris", "wine", "breast_cancer", "diabetes"]


def problem(name):
    x, y = data(name)
    if name == "diabetes":
        y = (y - y.mean()) / y.std()
    order = np.random.default_rng(1).permutation(len(x))
    cut = 3 * len(x) // 4
    return x, y, order[:cut], order[cut:]


def network(name, y):
    if name == "diabetes":
        return model(layers.Dense(32, "relu"), layers.Dense(1), loss="mse", seed=1)
    return classifier(int(y.max()) + 1, 32, seed=1)


@pytest.mark.parametrize("name", SETS)
def test_the_suggestion_trains_to_within_twice_the_best_of_a_grid(name):
    """Loss on held-out rows after 40 epochs, the best of nine rates from 1e-5 to 1."""
    x, y, train, test = problem(name)
    found = lr_find(network(name, y), x[train], y[train])

    def loss_at(rate):
        net = network(name, y)
        net.compile(optimizers.Adam(rate), net.loss)
        net.fit(x[train], y[train], epochs=40, verbose=0)
        return net.evaluate(x[test], y[test], verbose=0)

    best = min(loss_at(rate) for rate in 10.0 ** np.linspace(-5, 0, 9))
    assert loss_at(found.suggestion) <= 2 * best + 0.005


def test_everything_is_as_before():
    x, y = data("wine")

    def trained():
        net = model(layers.Dense(8, "relu"), layers.Dropout(0.5), layers.Dense(3, "softmax"))
        net.fit(x, y, epochs=2, verbose=0)
        return net

    tried, other = trained(), trained()
    before = [w.tobytes() for w in tried.get_weights()], tried.optimizer.state.tobytes()
    with pytest.warns(UserWarning, match="not trained yet, got one after 12 updates"):
        lr_find(tried, x, y)
    after = [w.tobytes() for w in tried.get_weights()], tried.optimizer.state.tobytes()
    assert before == after
    assert tried.optimizer.learning_rate == other.optimizer.learning_rate
    for net in (tried, other):
        net.fit(x, y, epochs=2, verbose=0)
    for mine, theirs in zip(tried.get_weights(), other.get_weights(), strict=True):
        assert mine.tobytes() == theirs.tobytes()


def test_the_rates_rise_in_equal_ratios_and_end_early():
    x, y = data("wine")
    found = lr_find(classifier(3, optimizer="sgd"), x, y, start=1e-5, end=100.0, steps=50)
    ratios = found.learning_rates[1:] / found.learning_rates[:-1]
    np.testing.assert_allclose(ratios, 1e7 ** (1 / 49))
    assert found.learning_rates[0] == 1e-5
    assert len(found.losses) == len(found.learning_rates) <= 50
    assert found.suggestion in found.learning_rates
    beyond = found.losses > 4 * np.minimum.accumulate(found.losses)
    assert not beyond[:-1].any()


def test_the_first_smoothed_loss_is_the_first_loss():
    """The bias of an average that begins at 0 is taken out."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3))
    net = model(layers.Dense(2, "softmax", kernel_initializer="zeros"))
    found = lr_find(net, x, np.arange(64) % 2, start=1e-12, end=1e-9)
    np.testing.assert_allclose(found.losses, np.log(2), rtol=1e-5)


def test_twice_the_same():
    x, y = data("iris")
    one, other = (lr_find(classifier(3), x, y) for _ in range(2))
    np.testing.assert_array_equal(one.losses, other.losses)


def test_a_schedule_gives_way_to_the_test():
    x, y = data("iris")
    optimizer = optimizers.SGD(schedules.ExponentialDecay(0.1, 100, 0.5), momentum=0.9)
    net = classifier(3, optimizer=optimizer)
    assert lr_find(net, x, y).learning_rates[0] == 1e-7
    assert net.optimizer.learning_rate == 0.1


def test_the_optimizer_is_otherwise_the_same():
    own = optimizers.AdamW(0.1, weight_decay=0.02, clipnorm=1.0)
    own.exclude_from_weight_decay(var_names=["bias"])
    other = with_rate(own, 0.5, "")
    assert other.get_config() == {**own.get_config(), "learning_rate": 0.5}
    assert not other.policy.decays("dense/bias") and other.policy.decays("dense/kernel")


def test_what_it_needs():
    x, y = data("iris")
    with pytest.raises(ConfigurationError, match="line search"):
        lr_find(classifier(3, optimizer="lbfgs"), x, y)
    with pytest.raises(ConfigurationError, match="start below end"):
        lr_find(classifier(3), x, y, start=1.0, end=0.1)
    with pytest.raises(ConfigurationError, match="steps"):
        lr_find(classifier(3), x, y, steps=2)
    with pytest.raises(ConfigurationError, match="expected a Sequential"):
        lr_find(Sequential, x, y)
    with pytest.raises(DivergenceError, match="checkup"):
        lr_find(model(layers.Dense(1), loss="mse"), x * 1e30, x[:, :1])


def test_valley_is_on_the_longest_descent():
    flat, falling, rising = np.full(30, 5.0), np.linspace(5, 1, 31)[1:], np.linspace(1, 20, 10)
    losses = np.concatenate([flat, falling, rising])
    assert 45 <= valley(losses) <= 55
    noisy = losses + 0.02 * np.random.default_rng(0).normal(size=len(losses))
    assert 40 <= valley(noisy) <= 58


def test_plot_and_text():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    ax = figure.subplots()
    found = LearningRates(10.0 ** np.arange(-6.0, 0), np.array([2.0, 1.9, 1.5, 1.0, 0.8, 3.0]))
    assert found.plot(ax) is ax
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), found.losses)
    assert ax.get_xscale() == "log"
    assert repr(found).startswith(f"Suggested: learning_rate={found.suggestion:.2g}\n")


def test_a_model_that_was_trained_is_spoken_of():
    x, y = data("iris")
    net = classifier(3)
    lr_find(net, x, y)  # no warning: it would be an error
    net.fit(x, y, epochs=1, verbose=0)
    with pytest.warns(UserWarning, match=r"after 5 updates.*training on.*model\.clone\(\)"):
        lr_find(net, x, y)
    net.compile("sgd", net.loss)  # the weights stay
    with pytest.warns(UserWarning, match="after 1 epoch:"):
        lr_find(net, x, y)
    fresh = net.clone()
    fresh.compile("sgd", net.loss)
    lr_find(fresh, x, y)


def drawn(losses, rates=None):
    rates = np.geomspace(1e-6, 1e3, len(losses)) if rates is None else rates
    found = LearningRates(rates, np.array(losses, float))
    ax = found.plot(pytest.importorskip("matplotlib.figure").Figure().subplots())
    return found, ax


def test_the_picture_ends_where_the_loss_diverges():
    descent = [2.0] * 20 + np.linspace(2, 0.5, 20).tolist()
    found, ax = drawn([*descent, 1.0, 2.0, 50.0, 1e9])
    low, high = ax.get_ylim()
    assert low < 0.5
    assert 2.0 < high < 3.0
    left, right = ax.get_xlim()
    assert left < found.learning_rates[0] < found.suggestion < found.learning_rates[41] < right
    assert right < found.learning_rates[43]
    line, dot = ax.lines[1], ax.lines[2]
    assert set(line.get_xdata()) == set(dot.get_xdata()) == {found.suggestion}
    assert dot.get_ydata()[0] in descent
    assert f"{found.suggestion:.2g}" in ax.get_legend().get_texts()[0].get_text()


@pytest.mark.parametrize(
    "losses", [[1.0] * 12, [0.0] * 12, list(range(1, 13)), [5.0, 1, 6, 6, 5, 4, 3, 2, 9, 99, 999]]
)
def test_whatever_the_losses_the_suggestion_is_in_the_picture(losses):
    found, ax = drawn(losses)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    x, y = ax.lines[2].get_xydata()[0]
    assert left < x < right
    assert low < y < high
    assert x == found.suggestion
