"""Layers that normalize are traced line by line, and their statistics before and after."""

from __future__ import annotations

import numpy as np
import pytest

from annlib import Sequential, layers

X, Y = np.random.default_rng(7).normal(size=(2, 5, 4))


def traced(layer, x=X, dtype="float64", steps=2):
    end = [layers.Flatten()] if np.ndim(x) > 2 else []
    model = Sequential([layers.Dense(4), layer, *end, layers.Dense(4)], seed=0, dtype=dtype)
    model.compile("adam", "mse")
    for _ in range(steps):
        model.train_on_batch(x, Y)
    return model, model.trace(x, Y)


def rest(trace, name):
    return trace[name], trace["dense_1"]["{D_E,X}"].value


def value(section, symbol):
    return section[symbol].value


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_batch_normalization(dtype):
    model, trace = traced(layers.BatchNormalization(momentum=0.9, name="bn"), dtype=dtype)
    rtol = 1e-9 if dtype == "float64" else 2e-3
    section, dA = rest(trace, "bn")
    x = trace["dense"]["{A}"].value.astype(float)
    mean, variance = x.mean(axis=0), x.var(axis=0)
    gamma, beta = trace.before["bn/gamma"], trace.before["bn/beta"]
    h = (x - mean) / np.sqrt(variance + 0.001)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol / 100)  # noqa: E731
    close(value(section, "{μ}"), mean)
    close(value(section, "{σ²}"), variance)
    close(value(section, "{H}"), h)
    close(value(section, "{A}"), gamma * h + beta)
    g = gamma * dA
    spread = np.sqrt(variance + 0.001)
    close(value(section, "{D_E,X}"), (g - g.mean(axis=0) - h * (g * h).mean(axis=0)) / spread)
    close(value(section, "{D_E,γ}"), (h * dA).sum(axis=0))
    close(value(section, "{D_E,β}"), dA.sum(axis=0))
    for symbol, name, seen in (("{μ̄}", "moving_mean", mean), ("{σ̄²}", "moving_variance", variance)):
        before = getattr(model.get_layer("bn"), name)
        step = section[symbol]
        close(step.operands[1 + 1].array, before)
        close(step.value, 0.9 * before + 0.1 * seen)
    after = [section[s].value.copy() for s in ("{μ̄}", "{σ̄²}")]
    new = [s.value for s in section.update if s.symbol in ("{γ}", "{β}")]
    model.train_on_batch(X, Y)
    layer = model.get_layer("bn")
    for numbers, name in zip(
        (*after, *new), ("moving_mean", "moving_variance", "gamma", "beta"), strict=True
    ):
        assert np.array_equal(numbers, getattr(layer, name)), name


def test_a_frozen_one_uses_its_averages_and_keeps_them():
    _, trace = traced(layers.BatchNormalization(name="bn", trainable=False))
    section = trace["bn"]
    assert "{μ̄}" not in [step.symbol for step in section]
    h = section["{H}"]
    assert np.array_equal(h.operands[2].array, np.zeros(4))
    assert section["{D_E,X}"].text.startswith("{D_E,X} ← {G} ⊘ √")
    assert trace.verify().passed


@pytest.mark.parametrize(
    "clipping", [None, {"rmin": 0.5, "rmax": 1.1, "dmax": 0.2}, {"rmax": 1.0}], ids=repr
)
def test_renorm(clipping):
    layer = layers.BatchNormalization(renorm=True, renorm_clipping=clipping, name="bn")
    model, trace = traced(layer, steps=4)
    section = trace["bn"]
    kept = ("{μ̄}", "{s̄}", "{μ̂}", "{s\u0302}", "{σ̄²}")
    after = {symbol: section.update[-5 + k].value for k, symbol in enumerate(kept)}
    assert [step.symbol for step in section.update[-5:]] == list(kept)
    for step in section:
        assert not step.distance() > 1e-12, step.text
    limits = clipping or {}
    assert value(section, "{R}").max() <= limits.get("rmax", np.inf)
    assert np.abs(value(section, "{T}")).max() <= limits.get("dmax", np.inf)
    model.train_on_batch(X, Y)
    names = ("moving_mean", "moving_stddev", "renorm_mean", "renorm_stddev", "moving_variance")
    for symbol, name in zip(kept, names, strict=True):
        assert np.array_equal(after[symbol], getattr(model.get_layer("bn"), name)), name


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_layer_normalization(center, scale):
    layer = layers.LayerNormalization(epsilon=0.01, center=center, scale=scale, name="n")
    _, trace = traced(layer)
    section, dA = rest(trace, "n")
    x = trace["dense"]["{A}"].value
    mean = x.mean(axis=1, keepdims=True)
    s = np.sqrt(x.var(axis=1, keepdims=True) + 0.01)
    h = (x - mean) / s
    gamma = trace.before.get("n/gamma", 1.0)
    np.testing.assert_allclose(value(section, "μ"), mean, rtol=1e-10)
    np.testing.assert_allclose(value(section, "s"), s, rtol=1e-10)
    np.testing.assert_allclose(value(section, "{H}"), h, rtol=1e-9)
    expected = gamma * h + trace.before.get("n/beta", 0.0)
    np.testing.assert_allclose(value(section, "{A}"), expected, rtol=1e-9)
    g = gamma * dA
    mean_g, mean_gh = (part.mean(axis=1, keepdims=True) for part in (g, g * h))
    np.testing.assert_allclose(
        value(section, "{D_E,X}"), (g - mean_g - h * mean_gh) / s, rtol=1e-8, atol=1e-12
    )
    symbols = [step.symbol for step in section.backward]
    assert ("{D_E,γ}" in symbols, "{D_E,β}" in symbols) == (scale, center)
    if scale:
        np.testing.assert_allclose(value(section, "{D_E,γ}"), (h * dA).sum(axis=0), rtol=1e-9)
        rows = section["{D_E,γ}ᵣ"]
        assert rows.derived
        assert rows.value.shape == (5, 4)


def test_rms_normalization_calls_its_scale_what_its_formula_does():
    _, trace = traced(layers.RMSNormalization(epsilon=0.01, name="n"))
    section = trace["n"]
    x = trace["dense"]["{A}"].value
    s = np.sqrt((x**2).mean(axis=1, keepdims=True) + 0.01)
    np.testing.assert_allclose(value(section, "s"), s, rtol=1e-10)
    np.testing.assert_allclose(value(section, "{A}"), trace.before["n/scale"] * x / s, rtol=1e-9)
    assert np.array_equal(section.update[-1].value, trace.after["n/scale"])
    assert section.update[-1].symbol == "{γ}"


def test_unit_normalization_also_of_nothing():
    model = Sequential([layers.UnitNormalization(name="n"), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    trace = model.trace([[3.0, 4.0], [0.0, 0.0]], [1.0, 2.0])
    section = trace["n"]
    np.testing.assert_allclose(value(section, "s"), [[5.0], [1e-12]])
    np.testing.assert_allclose(value(section, "{A}"), [[0.6, 0.8], [0, 0]], rtol=1e-6)
    assert all(not step.distance() > 1e-4 for step in section)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.BatchNormalization(axis=1),
        lambda: layers.LayerNormalization(axis=1),
        lambda: layers.LayerNormalization(axis=[1, 2]),
        lambda: layers.RMSNormalization(axis=[1, 2]),
        lambda: layers.UnitNormalization(axis=1),
    ],
)
def test_rows_along_other_axes(layer):
    x = np.random.default_rng(0).normal(size=(5, 3, 4))
    _, trace = traced(layer(), x)
    (section,) = [s for s in trace.sections if "normalization" in s.name]
    for step in section:
        assert not step.distance() > 1e-10, step.text
    assert trace.verify().passed


def test_inside_of_columns():
    inner = [layers.Dense(3), layers.BatchNormalization(name="bn")]
    columns = layers.Columns([(inner, [0, 1]), (layers.LayerNormalization(name="ln"), [2, 3])])
    model = Sequential([columns, layers.Dense(1)], seed=0, dtype="float64")
    model.compile("adam", "mse")
    trace = model.trace(X, Y[:, :1])
    names = [section.name for section in trace.sections]
    assert {"columns/bn", "columns/ln"} <= {*names}
    assert "{μ̄}" in [step.symbol for step in trace["columns/bn"]]
    assert "μ" in [step.symbol for step in trace["columns/ln"]]
    assert trace.verify().passed
