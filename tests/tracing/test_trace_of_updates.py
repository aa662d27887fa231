"""An update shows each line of the optimizer's formula in numbers that are right."""

from __future__ import annotations

import numpy as np
import pytest
from cases import OPTIMIZERS
from formulas.evaluation import assign, bare, items
from formulas.test_formulas_are_right import letters

from annlib import Sequential, constraints, formulas, layers, optimizers, schedules
from annlib.formulas.grammar import parse

ROWS = [row for row in OPTIMIZERS if row.cls is not optimizers.LBFGS]
RNG = np.random.default_rng(11)
X, Y = np.random.default_rng(5).normal(size=(2, 6, 3))


def model_of(optimizer, steps, dtype="float64", **keywords):
    model = Sequential([layers.Dense(4, "tanh", **keywords), layers.Dense(3)], seed=0, dtype=dtype)
    model.compile(optimizer, "mse")
    for _ in range(steps):
        model.train_on_batch(X, Y)
    return model


def shown(step, symbol):
    """The numbers of an operand but the result."""
    return next(o.array for o in step.operands[1:] if o.text == symbol)


def far(step):
    """How far a step's numbers are from its rule, by the size of the result."""
    first, *others = (operand.array.astype(np.float64) for operand in step.operands)
    size = max(np.abs(first).max(), 1e-300)
    return np.abs(np.asarray(step.rule(*others)) - first).max() / size


@pytest.mark.parametrize("steps", [0, 1, 4])
@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_all_numbers_hang_together(row, steps):
    for dtype, tolerance in (("float64", 1e-10), ("float32", 2e-4)):
        trace = model_of(row.make(), steps, dtype).trace(X, Y)
        assert not any("step" in step.symbol for step in trace.update)
        for step in trace.update:
            assert far(step) <= tolerance, step.text
        for path, symbol in (("dense/kernel", "[Wᵀ]"), ("dense/bias", "{B}")):
            ends = [step.value for step in trace["dense"].update if step.symbol == symbol]
            after = trace.after[path].T if path == "dense/kernel" else trace.after[path]
            if ends:
                assert np.array_equal(ends[-1], after)
            else:  # a step that only adds up gradients
                assert np.array_equal(after, model_before(trace, path))


def model_before(trace, path):
    return trace.before[path].T if path == "dense/kernel" else trace.before[path]


@pytest.mark.parametrize("steps", [0, 1, 4])
@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_formulas_of_the_numbers_give_the_numbers(row, steps):
    """By the evaluation that the formulas themselves are tested with."""
    if row.cls is optimizers.Muon:  # products of matrices, which it does not know
        return
    trace = model_of(row.make(), steps).trace(X, Y)
    optimizer = trace.recording.optimizer
    part, own = optimizer._trained_by("dense/kernel")
    every = trace["dense"].update
    last = max(k for k, step in enumerate(every) if "kernel" in step.title)
    update = [step for step in every[: last + 1] if step.definition]
    if not update:  # the paper's, which is shown in its own symbols
        assert type(part) is optimizers.SGD
        return
    names = letters(formulas.of(part)) | {"t": steps + 1, "P": 12, "N": 3}
    every = optimizer.gradient_accumulation_steps or 1
    names["t"] = steps // every + 1
    factor = part.policy.rate_factor("dense/kernel")
    names["η₀" if part.learning_rate_factors else "η"] = trace.recording.rate * own
    names |= {"κ₁": factor, "κ₂": part.policy.decay_factor("dense/kernel")}
    names["θ"], names["g"] = trace.before["dense/kernel"].T, trace.gradients["dense/kernel"].T
    lefts = [items(parse(step.definition[0]))[0] for step in update]
    for step, left in zip(update, lefts, strict=True):
        before = [o for o in step.operands[1:] if o.text == step.symbol]
        if before:
            names.setdefault(bare(left), before[0].array)
    for step, left in zip(update, lefts, strict=True):
        (line,) = step.definition
        of_all = optimizer.global_clipnorm and r"\lVert g" in line
        if r"\sum" in line or "_{ij}" in line or of_all:  # which has sums over other things
            names[bare(left)] = step.value
            continue
        found = assign(line, names)
        number = found(names["t"]) if callable(found) else found
        np.testing.assert_allclose(number, step.value.squeeze(), rtol=1e-9, err_msg=line)


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_what_it_remembers_afterwards_is_there_before_the_next_step(row):
    model = model_of(row.make(), 1)
    first = model.trace(X, Y).recording
    model.train_on_batch(X, Y)
    second = model.trace(X, Y).recording
    for path, after in first.slots_after.items():
        assert after.keys() == second.slots_before[path].keys()
        for letter, numbers in after.items():
            np.testing.assert_allclose(numbers, second.slots_before[path][letter], rtol=1e-12)
    assert second.steps == first.steps + 1 == 2


def test_adams_numbers_are_those_of_adam():
    """Three steps of the paper's algorithm by hand, with Keras' place of epsilon."""
    model = model_of(optimizers.Adam(0.01, 0.8, 0.95, 1e-4), 0)
    m = v = np.zeros((3, 4))
    for t in (1, 2, 3):
        trace = model.trace(X, Y)
        g, theta = trace.gradients["dense/kernel"], trace.before["dense/kernel"]
        section = trace["dense"]
        assert section["t"].value == t
        assert shown(section["t"], "t") == t - 1
        np.testing.assert_allclose(shown(section["[m_Wᵀ]"], "[m_Wᵀ]"), m.T, rtol=1e-12)
        np.testing.assert_allclose(shown(section["[v_Wᵀ]"], "[v_Wᵀ]"), v.T, rtol=1e-12)
        m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g**2
        alpha = 0.01 * np.sqrt(1 - 0.95**t) / (1 - 0.8**t)
        np.testing.assert_allclose(section["[m_Wᵀ]"].value, m.T, rtol=1e-12)
        np.testing.assert_allclose(section["[v_Wᵀ]"].value, v.T, rtol=1e-12)
        np.testing.assert_allclose(section["α"].value, alpha, rtol=1e-12)
        expected = theta - alpha * m / (np.sqrt(v) + 1e-4)
        np.testing.assert_allclose(section["[Wᵀ]"].value, expected.T, rtol=1e-12)
        model.train_on_batch(X, Y)
    assert "1 − 0.95³" in repr(section)


def test_what_is_one_number_is_shown_once_for_each_rate():
    factors = {"dense_1": 0.5}
    trace = model_of(optimizers.Adam(learning_rate_factors=factors), 2).trace(X, Y)
    assert [step.layer for step in trace.update if step.symbol == "α"] == ["dense", "dense_1"]
    assert trace["dense_1"]["α"].value == pytest.approx(trace["dense"]["α"].value / 2)
    assert trace["dense_1"]["η"].value == pytest.approx(0.0005)


def test_a_gradient_is_limited_before_it_is_used():
    for words, of in (({"clipnorm": 0.1}, "dense/kernel"), ({"global_clipnorm": 0.1}, None)):
        trace = model_of(optimizers.Adam(**words), 1).trace(X, Y)
        g = trace.gradients["dense/kernel"]
        every = trace.gradients.values() if of is None else [g]
        length = np.sqrt(sum((one**2).sum() for one in every))
        limited = trace["dense"]["[D_E,Wᵀ]"]  # of the backward pass
        assert np.array_equal(limited.value, g.T)
        first = next(s for s in trace["dense"].update if s.symbol == "[D_E,Wᵀ]")
        np.testing.assert_allclose(first.value, g.T * 0.1 / length, rtol=1e-12)
        assert first.derived


def test_gradients_are_added_up_and_their_mean_is_used():
    model = model_of(optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=3), 0)
    total = np.zeros((3, 4))
    for due in (False, False, True):
        trace = model.trace(X, Y)
        g, section = trace.gradients["dense/kernel"], trace["dense"]
        if due:
            mean = next(s for s in section.update if s.symbol == "[D_E,Wᵀ]").value
            np.testing.assert_allclose(mean, (total + g).T / 3, rtol=1e-12)
            assert not section["[G_Wᵀ]"].value.any()
        else:
            total = total + g
            np.testing.assert_allclose(section["[G_Wᵀ]"].value, total.T, rtol=1e-12)
            assert "[Wᵀ]" not in [s.symbol for s in section.update]
            assert "only adds up" in "".join(step.note for step in section.update)
        model.train_on_batch(X, Y)


def test_averages_and_constraints_come_last():
    rule = optimizers.RMSprop(0.05, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=2)
    model = model_of(rule, 1, kernel_constraint=constraints.MaxNorm(0.5))
    trace = model.trace(X, Y)
    symbols = [step.symbol for step in trace["dense"].update if "Wᵀ" in step.symbol]
    assert symbols == ["[v_Wᵀ]", "[Wᵀ]", "[θ̄_Wᵀ]", "[Wᵀ]", "[Wᵀ]"]
    last = [s for s in trace["dense"].update if s.symbol == "[Wᵀ]"][-1]
    assert last.title == "the constraint of kernel"
    assert np.array_equal(last.value, trace.after["dense/kernel"].T)
    assert np.linalg.norm(trace.after["dense/kernel"], axis=0).max() <= 0.5 + 1e-6
    model.train_on_batch(X, Y)
    assert np.array_equal(model.layers[0].kernel, trace.after["dense/kernel"])


def test_what_does_not_decay_has_no_line_of_it():
    optimizer = optimizers.AdamW(weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    trace = model_of(optimizer, 0).trace(X, Y)
    texts = [step.text for step in trace["dense"].update]
    assert "[Wᵀ] ← (1 − η λ) [Wᵀ]" in texts
    assert "{B} ← (1 − η λ) {B}" not in texts


def test_each_rule_of_several_has_its_own_lines():
    rules = {"dense": optimizers.SGD(0.05, momentum=0.9)}
    rate = schedules.ExponentialDecay(1.0, 3, 0.5)
    optimizer = optimizers.MultiOptimizer(rules, "nadam", rate, clipvalue=0.01)
    trace = model_of(optimizer, 2).trace(X, Y)
    assert "{v_B} ← μ {v_B} ⊖ η {D_E,B}" in [step.text for step in trace["dense"].update]
    assert "{v̂_B}" in [step.symbol for step in trace["dense_1"].update]
    for name in ("dense", "dense_1"):
        limited = next(s for s in trace[name].update if s.symbol == "{D_E,B}")
        assert np.abs(limited.value).max() <= 0.01


def test_an_optimizer_without_a_formula_shows_what_it_remembers():
    class Own(optimizers.Optimizer):
        state_names = ("my_velocity",)

        def update(self, theta, gradient, rate, state, scratch):
            state.my_velocity += gradient
            theta -= rate * state.my_velocity

    trace = model_of(Own(), 2).trace(X, Y)
    step = next(s for s in trace["dense"].update if "velocity" in s.symbol)
    after, before = step.operands[0].array, step.operands[1].array
    np.testing.assert_allclose(after - before, trace.gradients["dense/kernel"].T, rtol=1e-12)
    assert "[Wᵀ] ← [Wᵀ] ⊕ [step_Wᵀ]" in [s.text for s in trace["dense"].update]


def test_a_rule_derived_from_one_with_a_formula_does_not_show_that():
    class Other(optimizers.Adam):
        def update(self, theta, gradient, rate, state, scratch):
            state.m += gradient
            theta -= 2 * rate * gradient

    trace = model_of(Other(), 2).trace(X, Y)
    texts = [step.text for step in trace["dense"].update]
    assert "[Wᵀ] ← [Wᵀ] ⊕ [step_Wᵀ]" in texts
    assert not any("β₁" in text for text in texts)
    assert all(not step.distance() > 1e-12 for step in trace.update)


def test_a_rate_of_nothing():
    for rule in (optimizers.Adam(0.0), optimizers.Ftrl(0.0), optimizers.RMSprop(0.0)):
        trace = model_of(rule, 1).trace(X, Y)
        assert np.array_equal(trace.after["dense/kernel"], trace.before["dense/kernel"])
        assert all(step.distance() <= 1e-12 for step in trace.update)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_odd_shapes(row, dtype):
    """One unit, no bias, an embedding, branches, weights of rows."""
    branches = [(layers.Embedding(3, 2), 0), ([layers.Dense(1, use_bias=False)], [1, 2])]
    stack = [layers.Columns(branches), layers.BatchNormalization(), layers.Dense(1)]
    model = Sequential(stack, seed=1, dtype=dtype)
    optimizer = row.make()
    if any("*[1sw]" in str(argument) for argument in (row.arguments, row.keywords)):
        return  # patterns that are of the parameters of other models
    if getattr(optimizer, "exclude_layers", None):
        optimizer = optimizers.Muon(exclude_layers=["columns"])
    model.compile(optimizer, "mse")
    x = np.column_stack([np.arange(6) % 3, RNG.normal(size=(6, 2))])
    y, weights = RNG.normal(size=6), np.array([1, 0.5, 0, 2, 1, 1])
    for _ in range(3):
        model.train_on_batch(x, y, weights)
    trace = model.trace(x, y, weights)
    tolerance = 1e-10 if dtype == "float64" else 1e-3
    assert all(not step.distance() > tolerance for step in trace)
    assert repr(trace)
    assert trace.to_html()
