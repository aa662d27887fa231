"""Weight decay, momentum and betas that follow a schedule, as the learning rate does."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from golden import recorded
from stepping import FakeLayer, assert_same, drawn, more_steps, steps_of, vector_of

from annlib import Sequential, callbacks, explain, layers, load_model, optimizers, schedules
from annlib.core.errors import ConfigurationError, ReadOnlyError
from annlib.optimizers import SGD, Adam, AdamW, Lion, Muon, RMSprop, ScheduleFreeAdamW

RECORDS = recorded("optimizers")["optimizers"]
FALLING = schedules.CosineDecay(0.9, 12, alpha=0.1)
# Each argument that may follow a schedule.
SETTINGS = {
    "momentum": (SGD, RMSprop, Muon),
    "beta_1": (Adam, AdamW, optimizers.Lamb, optimizers.Nadam, optimizers.Adamax, Lion),
    "beta_2": (
        *(Adam, AdamW, optimizers.Lamb, optimizers.Nadam, optimizers.Adamax, Lion),
        ScheduleFreeAdamW,
    ),
    "weight_decay": (SGD, Adam, AdamW, Muon, ScheduleFreeAdamW, optimizers.Adafactor),
}
each_setting = pytest.mark.parametrize(
    ("name", "cls"), [(name, cls) for name, classes in SETTINGS.items() for cls in classes]
)


def named(values):
    return dict(zip(("kernel", "bias"), values, strict=True))


@pytest.mark.parametrize("record", RECORDS["torch_schedules"], ids=lambda record: record["name"])
def test_steps_are_those_of_pytorch_with_settings_set_before_each(record):
    config = dict(record["config"])
    names = {"lr": "learning_rate", "eps": "epsilon", "alpha": "rho"}
    config = {names.get(name, name): value for name, value in config.items()}
    settings = {name: values.__getitem__ for name, values in record["settings"].items()}
    optimizer = getattr(optimizers, record["class"])(**config | settings)
    fake = FakeLayer(**named(RECORDS["variables"]))
    actual = steps_of(optimizer, fake, [named(pair) for pair in RECORDS["gradients"]])
    assert_same(actual, [named(s) for s in record["steps"]])


@each_setting
def test_a_constant_schedule_is_the_number(name, cls):
    for start in range(2):
        fake, gradients = drawn(6, (3, 2), seed=start)
        expected = steps_of(cls(**{name: 0.5}), fake, gradients)
        fake, gradients = drawn(6, (3, 2), seed=start)
        assert_same(steps_of(cls(**{name: lambda step: 0.5}), fake, gradients), expected, rtol=0)


@each_setting
@pytest.mark.parametrize("policy", [{}, {"gradient_accumulation_steps": 2, "use_ema": True}])
def test_each_update_takes_the_number_of_its_step(name, cls, policy):
    asked = []

    def schedule(step):
        asked.append(step)
        return 0.9 - 0.1 * step

    optimizer = cls(**{name: schedule}, **policy)
    fake, gradients = drawn(6, (3, 2))
    optimizer.build(vector_of(fake))
    asked.clear()
    seen = [getattr(optimizer, name) for _ in more_steps(optimizer, fake, gradients)]
    steps = [0, 1, 2, 3, 4, 5]
    if policy:  # those that only accumulate ask for nothing
        assert asked == [1, 3, 5]
        steps = [0, 1, 1, 3, 3, 5]
    else:
        assert asked == steps
    np.testing.assert_allclose(seen, [0.9 - 0.1 * step for step in steps])


@each_setting
@pytest.mark.parametrize("policy", [{}, {"gradient_accumulation_steps": 2}])
def test_it_goes_on_from_its_state_to_the_bit(name, cls, policy):
    def made():
        return cls(**{name: FALLING}, **policy)

    fake, gradients = drawn(9, (3, 2))
    expected = steps_of(made(), fake, gradients)
    for halfway in (3, 4):
        fake, gradients = drawn(9, (3, 2))
        first = made()
        steps_of(first, fake, gradients[:halfway])
        restored = made()
        restored.build(fake.vector)
        for mine, theirs in zip(
            restored.state_arrays().values(), first.state_arrays().values(), strict=True
        ):
            np.copyto(mine, theirs)
        restored.set_state(first.get_state())
        assert getattr(restored, name) == getattr(first, name)
        assert_same(
            list(more_steps(restored, fake, gradients[halfway:])), expected[halfway:], rtol=0
        )


def model_of(optimizer, rate=0.0):
    model = Sequential(
        [layers.Dense(6, "tanh"), layers.Dropout(rate), layers.Dense(3)], seed=3, dtype="float64"
    )
    model.compile(optimizer, "mse")
    return model


def fit(model, *more, epochs=3, **keywords):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 4)), rng.normal(size=(64, 3))
    model.fit(x, y, batch_size=16, epochs=epochs, verbose=0, callbacks=[*more], **keywords)
    return model


def scheduled_model():
    betas = schedules.PiecewiseConstantDecay([5], [0.9, 0.6])
    half = schedules.CosineDecay(0.3, 6, warmup_target=0.3, warmup_steps=6)
    return model_of(AdamW(half, half, beta_1=betas, beta_2=FALLING), half)


def test_files_copies_and_clones_follow_it(tmp_path):
    expected = fit(scheduled_model()).vector.values
    model = fit(scheduled_model(), epochs=2)
    rates = model.layers[1].rate, model.optimizer.weight_decay, model.optimizer.beta_1
    model.save(tmp_path / "m.annlib")
    loaded = load_model(tmp_path / "m.annlib")
    assert isinstance(loaded.layers[1].get_config()["rate"], dict)
    for other in (loaded, pickle.loads(pickle.dumps(model)), model):
        now = other.layers[1].rate, other.optimizer.weight_decay, other.optimizer.beta_1
        assert now == rates
        fit(other, initial_epoch=2)
        np.testing.assert_array_equal(other.vector.values, expected)
    clone = model.optimizer.clone()
    assert (clone.weight_decay, clone.beta_1) == (0.3, 0.9)
    assert clone.get_config() == model.optimizer.get_config()
    anew = model.clone()
    assert anew.layers[1].rate == 0.3


@pytest.mark.parametrize("stop", [1, 5, 8])
def test_an_interrupted_run_resumes_to_the_bit(tmp_path, stop):
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.steps == stop:
                raise KeyError("stop")

    backup = callbacks.BackupAndRestore(tmp_path / "backup", save_freq=1)
    with pytest.raises(KeyError):
        fit(scheduled_model(), backup, Stop())
    resumed = fit(scheduled_model(), backup)
    np.testing.assert_array_equal(resumed.vector.values, fit(scheduled_model()).vector.values)


def test_a_trace_and_a_failed_step_leave_no_mark():
    expected = fit(scheduled_model()).vector.values
    model = fit(scheduled_model(), epochs=2)
    trace = model.trace(np.ones((2, 4)), np.ones((2, 3)))
    assert trace.verify().passed
    fit(model, initial_epoch=2)
    np.testing.assert_array_equal(model.vector.values, expected)
    model = fit(scheduled_model(), epochs=2)
    model.optimizer._most = -1.0  # each step on trial
    model.vector.gradients.fill(np.inf)
    with np.errstate(all="ignore"):
        assert model.optimizer.checked_step(model.vector, math.inf) is not None
    fit(model, initial_epoch=2)
    np.testing.assert_array_equal(model.vector.values, expected)


def test_formula_and_trace_show_the_present_number():
    optimizer = AdamW(weight_decay=FALLING, beta_1=FALLING)
    text = repr(explain(optimizer))
    assert "0.9, the weight decay, now, by CosineDecay" in text
    assert "0.9, now, by CosineDecay" in text
    model = fit(model_of(AdamW(0.01, weight_decay=FALLING)), epochs=1)
    notes = [step.note for step in model.trace(np.ones((2, 4)), np.ones((2, 3))).update]
    assert any(f"The weight_decay is {FALLING(4):g}" in note for note in notes)
    assert "μ v" in explain(SGD(momentum=lambda step: 0.1 * step)).formula.text.replace("  ", " ")


@pytest.mark.parametrize("name", ["weight_decay", "momentum"])
def test_what_a_schedule_sets_is_not_assigned(name):
    optimizer = SGD(**{name: FALLING})
    with pytest.raises(ReadOnlyError, match=f"SGD.{name}: expected no assignment, since a sched"):
        setattr(optimizer, name, 0.5)
    assert optimizer.get_config()[name]["class_name"] == "CosineDecay"
    constant = SGD(**{name: 0.5})
    with pytest.raises(ReadOnlyError, match="got a schedule"):
        setattr(constant, name, FALLING)
    assert getattr(constant, name) == 0.5


@pytest.mark.parametrize("value", ["0.5", [0.5], schedules.CosineDecay, lambda: 0.5, -0.1])
def test_what_is_neither_a_number_nor_a_schedule_is_refused(value):
    with pytest.raises(ConfigurationError, match="SGD: expected weight_decay as a number in"):
        SGD(weight_decay=value)


@pytest.mark.parametrize("value", [1.5, -0.5, math.nan, "0.5", None])
def test_a_schedule_that_gives_no_such_number_is_refused(value):
    message = r"Adam.beta_1: expected .* to return a number in \[0, 1\), got .* at step "
    with pytest.raises(ConfigurationError, match=message + "0"):
        Adam(beta_1=lambda step: value)
    fake, gradients = drawn(5)
    optimizer = Adam(beta_1=lambda step: value if step == 3 else 0.5)
    optimizer.build(vector_of(fake))
    done = []
    with pytest.raises(ConfigurationError, match=message + "3"):
        done.extend(more_steps(optimizer, fake, gradients))
    assert optimizer.steps == 3
