"""Factors of the rate and of the decay: by layer, parameter and pattern, as PyTorch's groups."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from cases import OPTIMIZERS
from golden import recorded
from stepping import FakeLayer, assert_same, drawn, more_steps, steps_of, vector_of

from annlib import Sequential, callbacks, explain, layers, load_model, optimizers, schedules
from annlib.core.errors import ConfigurationError, ReadOnlyError, UnknownNameError
from annlib.optimizers import SGD, Adam, AdamW, Muon, Optimizer, loops, memory

RECORDS = recorded("optimizers")["optimizers"]
STEPPING = [row for row in OPTIMIZERS if not row.cls.full_batch]
COMMON = [
    row
    for row in STEPPING
    if row.cls is not optimizers.MultiOptimizer and "learning_rate_factors" not in row.keywords
]


def named(values):
    return dict(zip(("kernel", "bias"), values, strict=True))


@pytest.mark.parametrize("record", RECORDS["torch_groups"], ids=lambda record: record["name"])
def test_factors_are_the_groups_of_pytorch(record):
    config, bias = dict(record["config"]), record["bias"]
    config["learning_rate"] = config.pop("lr")
    factors = {}
    if "lr" in bias:
        factors["learning_rate_factors"] = {"*/bias": bias["lr"] / config["learning_rate"]}
    if "weight_decay" in bias:
        factors["weight_decay_factors"] = {
            "layer/bias": bias["weight_decay"] / config["weight_decay"]
        }
    if record["class"] != "SGD":
        config["epsilon"] = 1e-8
    optimizer = getattr(optimizers, record["class"])(**config, **factors)
    fake = FakeLayer(**named(RECORDS["variables"]))
    actual = steps_of(optimizer, fake, [named(pair) for pair in RECORDS["gradients"]])
    # PyTorch adds epsilon to the corrected root.
    assert_same(actual, [named(s) for s in record["steps"]], rtol=1e-4)
    if record["class"] == "SGD":
        assert_same(actual, [named(s) for s in record["steps"]])


def trained(optimizer, epochs=2, **keywords):
    model = Sequential(
        [layers.Dense(6, "tanh", name="body"), layers.Dense(3, name="head")], seed=3, **keywords
    )
    model.compile(optimizer, "mse")
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(40, 4)), rng.normal(size=(40, 3)), epochs=epochs, verbose=0)
    return model


@pytest.mark.parametrize("row", COMMON, ids=repr)
def test_a_factor_of_all_is_a_factor_of_the_rate(row):
    optimizer = row.make()
    factored = optimizer._replace(learning_rate_factors={"*": 0.25})
    rate = optimizer._arguments()["learning_rate"]
    slow = (lambda step: rate(step) * 0.25) if callable(rate) else rate * 0.25
    expected = trained(optimizer._replace(learning_rate=slow))
    np.testing.assert_array_equal(trained(factored).vector.values, expected.vector.values)


@pytest.mark.parametrize("row", COMMON, ids=repr)
def test_each_parameter_goes_as_if_all_had_its_factors(row):
    if row.keywords.get("global_clipnorm"):
        return  # of gradients that depend on no parameter
    rng = np.random.default_rng(1)
    values = {"a": rng.normal(size=(3, 2)), "b": rng.normal(size=4), "c": rng.normal(size=(2, 2))}
    gradients = [{k: rng.normal(size=v.shape) for k, v in values.items()} for _ in range(5)]
    factors = {"layer/a": 0.5, "layer/c": 3.0}
    together = steps_of(
        row.cls(*row.arguments, **row.keywords, learning_rate_factors=factors),
        FakeLayer(**values),
        gradients,
    )
    for name, factor in {"a": 0.5, "b": 1.0, "c": 3.0}.items():
        alone = steps_of(
            row.cls(*row.arguments, **row.keywords, learning_rate_factors={"*": factor}),
            FakeLayer(**values),
            gradients,
        )
        for mine, expected in zip(together, alone, strict=True):
            np.testing.assert_array_equal(mine[name], expected[name])


@pytest.mark.parametrize("row", COMMON, ids=repr)
def test_with_a_factor_of_zero_a_parameter_is_frozen(row):
    optimizer = row.cls(*row.arguments, **row.keywords, learning_rate_factors={"layer/w": 0})
    fake, gradients = drawn(6)
    for after in steps_of(optimizer, fake, gradients):
        np.testing.assert_allclose(after["w"], fake.start["w"], rtol=1e-12)  # of averages, too


def test_factors_that_match_are_multiplied():
    model = trained(SGD(0.1, learning_rate_factors={"head": 4, "*/bias": 0.5, "head/bias": 0.25}))
    factors = {e.path: model.optimizer.policy.rate_factor(e.path) for e in model.vector.entries}
    assert factors == {"body/kernel": 1, "body/bias": 0.5, "head/kernel": 4, "head/bias": 0.5}


def test_a_layer_inside_of_another_is_named_by_its_path():
    inside = layers.Columns([(layers.Dense(2, name="left"), [0, 1]), (layers.Dense(2), [2, 3])])
    for pattern, matched in (
        ("columns", {"left", "dense"}),
        ("columns/left", {"left"}),
        ("*/left", {"left"}),
        ("col*/dense/*", {"dense"}),
    ):
        model = Sequential([inside.clone(), layers.Dense(1, name="top")], seed=0)
        model.compile(SGD(0.1, learning_rate_factors={pattern: 0}), "mse")
        model.build((None, 4))
        before = {e.path: model.vector.values[e.where].copy() for e in model.vector.entries}
        model.fit(np.ones((8, 4)), np.arange(8.0), epochs=1, verbose=0)
        frozen = {
            e.path.split("/")[1]
            for e in model.vector.entries
            if e.parameter.name == "kernel"
            and np.array_equal(before[e.path], model.vector.values[e.where])
        }
        assert frozen == matched


@pytest.mark.parametrize("length", [1, 4, 7])
def test_long_vectors_are_updated_in_parts(monkeypatch, length):
    row = {"learning_rate_factors": {"body/bias": 0.5, "head": 2}, "weight_decay": 0.1}
    expected = trained(Adam(**row)).vector.values
    monkeypatch.setattr(memory, "_PART", length)
    np.testing.assert_allclose(trained(Adam(**row)).vector.values, expected, rtol=1e-5)


def test_two_threads_and_a_compiled_rule_give_the_same_bits(monkeypatch):
    from annlib.core import threads
    from annlib.optimizers import step_buffers

    keywords = {"learning_rate_factors": {"*/bias": 0.5, "head": 2}}
    expected = trained(Adam(**keywords)).vector.values
    monkeypatch.setattr(threads, "multithreaded", lambda: True)
    monkeypatch.setattr(step_buffers, "_WORTH_A_THREAD", 1)
    np.testing.assert_array_equal(trained(Adam(**keywords)).vector.values, expected)
    pytest.importorskip("numba")
    monkeypatch.undo()
    monkeypatch.setattr(optimizers.base, "_WORTH_COMPILING", 0)
    monkeypatch.setattr(loops, "WORTH_COMPILING", 0)
    model = Sequential([layers.Dense(6, "tanh", name="body"), layers.Dense(3, name="head")], seed=3)
    model.compile(Adam(**keywords), "mse", jit_compile="auto")
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(40, 4)), rng.normal(size=(40, 3)), epochs=2, verbose=0)
    assert model.optimizer.loop is not None
    np.testing.assert_array_equal(model.vector.values, expected)


def test_files_copies_and_clones_go_on_with_them(tmp_path):
    keywords = {
        "learning_rate_factors": {"*/bias": 0.5},
        "weight_decay_factors": {"head": 2.0},
    }
    expected = trained(AdamW(0.01, **keywords), 4).vector.values
    model = trained(AdamW(0.01, **keywords), 2)
    model.save(tmp_path / "m.annlib")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 4)), rng.normal(size=(40, 3))
    for continued in (load_model(tmp_path / "m.annlib"), pickle.loads(pickle.dumps(model)), model):
        continued.fit(x, y, epochs=4, initial_epoch=2, verbose=0)
        np.testing.assert_array_equal(continued.vector.values, expected)
        assert continued.optimizer.learning_rate_factors == {"*/bias": 0.5}
    clone = model.optimizer.clone()
    assert clone.get_config() == model.optimizer.get_config()
    assert clone.weight_decay_factors == {"head": 2.0}


def test_an_interrupted_run_resumes_to_the_bit(tmp_path):
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.steps == 5:
                raise KeyError("stop")

    def fit(*more):
        model = Sequential([layers.Dense(6, "tanh", name="body"), layers.Dense(3)], seed=3)
        factors = {"learning_rate_factors": {"body": 0.1}, "weight_decay_factors": {"*/bias": 0}}
        model.compile(AdamW(schedules.CosineDecay(0.1, 12), 0.1, **factors), "mse")
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(64, 4)), rng.normal(size=(64, 3))
        model.fit(x, y, batch_size=16, epochs=3, verbose=0, callbacks=[*more])
        return model.vector.values

    backup = tmp_path / "backup"
    with pytest.raises(KeyError):
        fit(callbacks.BackupAndRestore(backup, save_freq=1), Stop())
    resumed = fit(callbacks.BackupAndRestore(backup, save_freq=1))
    np.testing.assert_array_equal(resumed, fit())


def test_formula_and_trace_show_them():
    optimizer = AdamW(learning_rate_factors={"*/bias": 0.1}, weight_decay_factors={"head": 2})
    lines = explain(optimizer).formula
    assert "η = κ₁ η₀" in lines.text and "λ = κ₂ λ₀" in lines.text
    assert "0.1, of */bias" in repr(explain(optimizer))
    model = Sequential([layers.Dense(2, name="body"), layers.Dense(1, name="head")], seed=0)
    model.compile(SGD(0.5, learning_rate_factors={"body": 0.5}), "mse")
    notes = {step.layer: step.note for step in model.trace([1.0, 2.0], [1.0]).update}
    assert "a learning rate of 0.5, times 0.5." in notes["body"]
    assert "a learning rate of 0.5." in notes["head"]
    assert model.trace([1.0, 2.0], [1.0]).verify().passed


@pytest.mark.parametrize("name", ["learning_rate_factors", "weight_decay_factors"])
def test_a_pattern_of_nothing_is_refused(name):
    def model(built):
        made = Sequential([layers.Dense(2, name="embedding"), layers.Dense(1)], seed=0)
        if built:
            made.build((None, 3))
        return made

    optimizer = AdamW(**{name: {"embeding": 0.1}})
    late, early = model(False), model(True)
    late.compile(optimizer.clone(), "mse")
    message = rf'AdamW.{name}: .* got "embeding"\. Did you mean "embedding"\? Known: embedding, '
    with pytest.raises(UnknownNameError, match=message):
        late.fit(np.ones((4, 3)), np.ones(4), verbose=0)
    with pytest.raises(UnknownNameError, match=message):
        early.compile(optimizer, "mse")
    assert not early.compiled and optimizer._owner is None


@pytest.mark.parametrize(
    "factors",
    [3, "bias", ["bias"], {"": 1}, {1: 2}, {"bias": -1}, {"bias": "1"}, {"b": np.nan}, {"b": True}],
    ids=repr,
)
@pytest.mark.parametrize("name", ["learning_rate_factors", "weight_decay_factors"])
def test_factors_that_are_none_are_refused(name, factors):
    with pytest.raises(ConfigurationError, match=f"Adam.*expected .*{name}"):
        Adam(**{name: factors})


def test_factors_of_no_decay_and_of_a_rule_of_the_whole_vector_are_refused():
    class Whole(Optimizer):
        whole = True

        def update(self, theta, gradient, rate, state, scratch):
            theta -= rate * gradient

    fake, _ = drawn(1)
    entries = vector_of(fake).entries
    for optimizer, message in (
        (Adam(weight_decay_factors={"*": 2}), "expected weight_decay with weight_decay_factors"),
        (
            Muon(weight_decay=None, adam_weight_decay=None, weight_decay_factors={"*": 2}),
            "expected weight_decay with",
        ),
        (Whole(0.1, learning_rate_factors={"*": 2}), "all parameters in one call"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            optimizer.check_parameters(entries)
    Muon(weight_decay=None, weight_decay_factors={"*": 2}).check_parameters(entries)
    Adam(weight_decay=0.0, weight_decay_factors={"*": 2}).check_parameters(entries)


def test_they_stay_as_they_were_compiled():
    optimizer = Adam(learning_rate_factors={"*": 2.0})
    with pytest.raises(ReadOnlyError):
        optimizer.learning_rate_factors = {"*": 3.0}
    given = {"*": 2.0}
    optimizer = Adam(learning_rate_factors=given)
    given["*"] = 5.0
    assert optimizer.learning_rate_factors == {"*": 2.0}


def test_a_large_factor_counts_where_an_update_might_overflow():
    fake, gradients = drawn(1)
    fast = SGD(1.0, learning_rate_factors={"*": 1e30})
    fast.build(vector_of(fake))
    fake.gradients["w"][...] = 1e300
    before = fake.now["w"].copy()
    with np.errstate(over="ignore"):
        assert fast.checked_step(fake.vector, 1.0) is not None
    np.testing.assert_array_equal(fake.now["w"], before)
    assert len(list(more_steps(fast, fake, gradients))) == 1
