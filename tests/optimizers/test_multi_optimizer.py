"""MultiOptimizer: each parameter by its own rule, as two optimizers of PyTorch's would."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from golden import recorded
from stepping import FakeLayer, assert_same, drawn, steps_of, vector_of

from annlib import (
    Sequential,
    callbacks,
    clone_model,
    explain,
    layers,
    load_model,
    lr_find,
    optimizers,
    schedules,
)
from annlib.core.errors import (
    ConfigurationError,
    ModelFormatError,
    OwnershipError,
    ReadOnlyError,
    UnknownNameError,
)
from annlib.optimizers import SGD, Adam, AdamW, Lamb, MultiOptimizer, Muon, loops, memory

RECORDS = recorded("optimizers")["optimizers"]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(64, 4)), RNG.normal(size=(64, 3))
SPLITS = [
    {"optimizers": {"*/bias": lambda: SGD(0.1, momentum=0.9)}, "default": lambda: Adam(0.02)},
    {"optimizers": {"body": lambda: Muon(0.02), "head": lambda: Lamb(0.01)}},
    {
        "optimizers": {"body/kernel": lambda: AdamW(schedules.CosineDecay(0.1, 8), 0.1)},
        "default": lambda: optimizers.Adagrad(0.1),
    },
]
each_split = pytest.mark.parametrize(
    "split", SPLITS, ids=["sgd adam", "muon lamb", "adamw adagrad"]
)


def made(split, **policy):
    rules = {pattern: rule() for pattern, rule in split["optimizers"].items()}
    default = split["default"]() if "default" in split else None
    return MultiOptimizer(rules, default, **policy)


def model_of(optimizer, **keywords):
    model = Sequential(
        [layers.Dense(6, "tanh", name="body"), layers.Dense(3, name="head")],
        seed=3,
        dtype="float64",
    )
    model.compile(optimizer, "mse", **keywords)
    return model


def fit(model, *more, epochs=2, **keywords):
    model.fit(X, Y, 16, epochs, verbose=0, callbacks=[*more], **keywords)
    return model


def named(values):
    return dict(zip(("kernel", "bias"), values, strict=True))


def of_pytorch(class_name, config):
    names = {"lr": "learning_rate"}
    config = {names.get(name, name): value for name, value in config.items()}
    if "betas" in config:
        config["beta_1"], config["beta_2"] = config.pop("betas")
    return getattr(optimizers, class_name)(**config)


@pytest.mark.parametrize("record", RECORDS["torch_several"], ids=lambda record: record["name"])
def test_steps_are_those_of_two_optimizers_of_pytorch(record):
    optimizer = MultiOptimizer(
        {"layer/kernel": of_pytorch(*record["kernel"]), "*/bias": of_pytorch(*record["bias"])}
    )
    fake = FakeLayer(**named(RECORDS["variables"]))
    actual = steps_of(optimizer, fake, [named(pair) for pair in RECORDS["gradients"]])
    # PyTorch adds another epsilon to the corrected root.
    assert_same(actual, [named(s) for s in record["steps"]], rtol=2e-4)


@each_split
@pytest.mark.parametrize("length", [4, 1 << 16])
def test_each_parameter_goes_as_if_its_rule_trained_all(split, length, monkeypatch):
    monkeypatch.setattr(memory, "_PART", length)
    rng = np.random.default_rng(1)
    body = {"kernel": rng.normal(size=(3, 2)), "bias": rng.normal(size=2)}
    head = {"kernel": rng.normal(size=(2, 4)), "bias": rng.normal(size=4)}
    drawn = [{k: rng.normal(size=v.size) for k, v in {**body}.items()} for _ in range(5)]
    more = [{k: rng.normal(size=v.size) for k, v in {**head}.items()} for _ in range(5)]

    def run(optimizer):
        one, two = FakeLayer("body", **body), FakeLayer("head", **head)
        vector = vector_of(one, two)
        optimizer.build(vector)
        for first, second in zip(drawn, more, strict=True):
            for fake, gradients in ((one, first), (two, second)):
                for name, value in gradients.items():
                    fake.gradients[name][...] = value.reshape(fake.start[name].shape)
            optimizer.step(vector.gradients[: vector.n_trainable])
        return {e.path: vector.values[e.where].copy() for e in vector.entries}

    together = run(made(split))
    for path, values in together.items():
        rule, _ = made(split)._trained_by(path)
        np.testing.assert_allclose(values, run(rule.clone())[path], rtol=1e-12, err_msg=path)


@pytest.mark.parametrize(
    "policy",
    [
        {"use_ema": True, "ema_momentum": 0.8, "gradient_accumulation_steps": 2},
        {"clipnorm": 0.01},
        {"clipvalue": 0.005},
        {"global_clipnorm": 0.02},
        {"ema_overwrite_frequency": 2, "use_ema": True},
        {"gradient_accumulation_steps": 4},
    ],
    ids=str,
)
def test_of_one_rule_alone_it_is_that_rule_with_the_policy(policy):
    several = MultiOptimizer({"body": Adam(0.02)}, Adam(0.02), **policy)
    expected = fit(model_of(Adam(0.02, **policy))).vector.values
    np.testing.assert_array_equal(fit(model_of(several)).vector.values, expected)


def test_rates_decays_and_factors_are_each_rules_own():
    rules = {"body": AdamW(0.05, 0.2, learning_rate_factors={"body/bias": 0.5})}
    model = fit(model_of(MultiOptimizer(rules, SGD(0.0), gradient_accumulation_steps=2)))
    before = model_of("sgd")
    before.build((None, 4))
    np.testing.assert_array_equal(model.layers[1].kernel, before.layers[1].kernel)
    assert not np.array_equal(model.layers[0].kernel, before.layers[0].kernel)
    # Where the gradient of the body does not depend on what the head learns, it learns as alone.
    frozen = model_of(
        AdamW(
            0.05,
            0.2,
            gradient_accumulation_steps=2,
            learning_rate_factors={"body/bias": 0.5, "head": 0.0},
        )
    )
    np.testing.assert_array_equal(fit(frozen).vector.values, model.vector.values)


def test_the_learning_rate_is_a_factor_of_all():
    half = fit(model_of(MultiOptimizer({"body": SGD(0.1)}, Adam(0.02), learning_rate=0.5)))
    expected = fit(model_of(MultiOptimizer({"body": SGD(0.05)}, Adam(0.01))))
    np.testing.assert_array_equal(half.vector.values, expected.vector.values)
    model = model_of(MultiOptimizer({"body": SGD(0.1)}, Adam(0.02)))
    assert model.optimizer.learning_rate == 1.0
    plateau = callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=1e9)
    history = model.fit(X, Y, epochs=4, verbose=0, callbacks=[plateau])
    np.testing.assert_allclose(history.history["learning_rate"], [1, 1, 0.1, 0.01])
    rules = model.optimizer._rules
    assert [rule.learning_rate for rule in rules] == [0.1, 0.02]
    scheduled = MultiOptimizer(
        {"body": SGD(lambda step: 0.1 * 0.5**step)}, SGD(0.2), schedules.ExponentialDecay(1, 2, 0.5)
    )
    fake, gradients = drawn(3)
    steps_of(scheduled, fake, gradients)
    assert scheduled.learning_rate == 0.5**1.5
    assert scheduled.optimizer_map["body"].learning_rate == 0.1 * 0.5**3


@each_split
@pytest.mark.parametrize("policy", [{}, {"use_ema": True, "gradient_accumulation_steps": 2}])
def test_files_copies_and_clones_go_on_with_it(split, policy, tmp_path):
    expected = fit(model_of(made(split, **policy)), epochs=4).vector.values
    model = fit(model_of(made(split, **policy)))
    model.optimizer.learning_rate = 1.0
    model.save(tmp_path / "m.annlib")
    loaded = load_model(tmp_path / "m.annlib")
    if not policy:  # with averages the second fit begins with these
        for other in (loaded, pickle.loads(pickle.dumps(model)), copy.deepcopy(model), model):
            fit(other, epochs=4, initial_epoch=2)
            np.testing.assert_array_equal(other.vector.values, expected)
    else:
        one, other = (fit(m, epochs=4, initial_epoch=2) for m in (loaded, model))
        np.testing.assert_array_equal(one.vector.values, other.vector.values)
    clone = model.optimizer.clone()
    assert clone.get_config() == model.optimizer.get_config()
    assert not {*map(id, clone._parts())} & {*map(id, model.optimizer._parts())}
    assert clone.steps == 0 and clone._rules[0].steps == 0
    assert clone_model(model).layers


def test_a_limit_that_is_set_changes_nothing_else():
    set_halfway = fit(model_of(made(SPLITS[0], clipnorm=1e6)), epochs=1)
    state = {name: a.copy() for name, a in set_halfway.optimizer.state_arrays().items()}
    set_halfway.optimizer.clipnorm = 1e7
    assert [rule.steps for rule in set_halfway.optimizer._rules] == [4, 4]
    for name, array in set_halfway.optimizer.state_arrays().items():
        np.testing.assert_array_equal(array, state[name])
    fit(set_halfway, initial_epoch=1)
    expected = fit(model_of(made(SPLITS[0]))).vector.values
    np.testing.assert_array_equal(set_halfway.vector.values, expected)
    with pytest.raises(ReadOnlyError):
        set_halfway.optimizer.optimizer_map = {}
    with pytest.raises(ReadOnlyError):
        set_halfway.optimizer.weight_decay = 0.1


def test_rates_that_were_set_are_saved(tmp_path):
    model = fit(model_of(made(SPLITS[0])))
    model.optimizer.learning_rate = 0.5
    model.optimizer.optimizer_map["*/bias"].learning_rate = 0.025
    model.save(tmp_path / "m.annlib")
    loaded = load_model(tmp_path / "m.annlib")
    assert loaded.optimizer.learning_rate == 0.5
    assert loaded.optimizer.optimizer_map["*/bias"].learning_rate == 0.025
    fit(model)
    fit(loaded)
    np.testing.assert_array_equal(loaded.vector.values, model.vector.values)


@each_split
def test_an_interrupted_run_resumes_to_the_bit(split, tmp_path):
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.steps == 5:
                raise KeyError("stop")

    backup = callbacks.BackupAndRestore(tmp_path / "backup", save_freq=1)
    policy = {"gradient_accumulation_steps": 2}
    with pytest.raises(KeyError):
        fit(model_of(made(split, **policy)), backup, Stop())
    resumed = fit(model_of(made(split, **policy)), backup)
    expected = fit(model_of(made(split, **policy)))
    np.testing.assert_array_equal(resumed.vector.values, expected.vector.values)


def test_scheduled_betas_go_on_from_a_file_while_gradients_are_summed(tmp_path):
    def optimizer():
        betas = schedules.CosineDecay(0.9, 10, alpha=0.2)
        return MultiOptimizer(
            {"body": Adam(0.02, betas, betas)}, SGD(0.1, betas), gradient_accumulation_steps=3
        )

    expected = fit(model_of(optimizer()), epochs=3).vector.values
    model = fit(model_of(optimizer()))  # eight steps: two updates, and two more gradients
    model.save(tmp_path / "m.annlib")
    loaded = load_model(tmp_path / "m.annlib")
    fit(loaded, epochs=3, initial_epoch=2)
    np.testing.assert_array_equal(loaded.vector.values, expected)


def test_a_rule_remembers_no_more_than_its_own_parameters(tmp_path):
    model = fit(model_of(MultiOptimizer({"body": SGD(0.1)}, Adam(0.02))))
    arrays = model.optimizer.state_arrays()
    assert {name: array.size for name, array in arrays.items()} == {"1/m": 21, "1/v": 21}


def test_weights_left_out_of_the_decay_are_left_out_in_a_file_too(tmp_path):
    def optimizer():
        made = MultiOptimizer({"body": AdamW(0.05, 0.5)}, SGD(0.1, weight_decay=0.5))
        made.exclude_from_weight_decay(var_names=["bias"])
        return made

    model = fit(model_of(optimizer()))
    model.save(tmp_path / "m.annlib")
    loaded = load_model(tmp_path / "m.annlib")
    for path in ("body/bias", "head/bias"):
        assert not loaded.optimizer._decays(path)
    assert loaded.optimizer._decays("head/kernel") and model.optimizer.clone()._decays(
        "body/kernel"
    )
    assert not model.optimizer.clone()._decays("head/bias")
    expected = fit(model_of(optimizer()), epochs=4).vector.values
    np.testing.assert_array_equal(fit(loaded, epochs=4, initial_epoch=2).vector.values, expected)
    unbuilt = model_of(optimizer())
    with pytest.raises(ConfigurationError, match="expected a built model"):
        unbuilt.save(tmp_path / "unbuilt.annlib")


def test_frozen_layers_need_no_rule_and_get_none():
    model = Sequential(
        [
            layers.Dense(6, name="body", trainable=False),
            layers.BatchNormalization(),
            layers.Dense(3, name="head"),
        ],
        seed=0,
    )
    model.compile(MultiOptimizer({"head": "adam", "*/gamma": "sgd", "*/beta": "sgd"}), "mse")
    model.build((None, 4))
    before = model.layers[0].kernel.copy()
    fit(model)
    np.testing.assert_array_equal(model.layers[0].kernel, before)
    model.layers[0].trainable = True
    with pytest.raises(ConfigurationError, match=r'none for "body/kernel", "body/bias". Pass a de'):
        model.compile(model.optimizer.clone(), "mse")


def test_a_compiled_rule_gives_the_same_bits(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.setattr(optimizers.base, "_WORTH_COMPILING", 0)
    monkeypatch.setattr(loops, "WORTH_COMPILING", 0)
    expected = fit(model_of(made(SPLITS[0]), jit_compile=False)).vector.values
    model = fit(model_of(made(SPLITS[0]), jit_compile="auto"))
    assert model.optimizer.default.loop is not None
    np.testing.assert_array_equal(model.vector.values, expected)


def test_an_update_that_overflows_is_undone():
    optimizer = MultiOptimizer(
        {"body": optimizers.Adagrad(0.1)}, SGD(1e20, momentum=0.9), learning_rate=1e300
    )
    model = model_of(optimizer)
    model.build((None, 4))
    before = model.vector.values.copy()
    with pytest.raises(Exception, match="learning rate"):
        fit(model)
    np.testing.assert_array_equal(model.vector.values, before)
    optimizer.learning_rate = 1e-20
    again = model_of(optimizer.clone())
    again.optimizer.learning_rate = 1e-20
    for one in (model, again):
        one.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.vector.values, again.vector.values)


def test_formula_trace_and_search_know_it():
    text = repr(explain(MultiOptimizer({"body": SGD(0.5)}, "adam")))
    assert "SGD(learning_rate=0.5), of body" in text
    assert "Adam(), of all others" in text
    model = fit(model_of(MultiOptimizer({"body": SGD(0.5)}, Adam(0.02), learning_rate=0.1)))
    trace = model.trace(X[:2], Y[:2])
    assert trace.verify().passed
    notes = {step.layer: step.note for step in trace.update}
    assert notes["body"] == "The learning rate is 0.05."
    assert notes["head"] == "Adam(learning_rate=0.02), at a learning rate of 0.002."
    before = model.vector.values.copy()
    steps = model.optimizer.optimizer_map["body"].steps
    with pytest.warns(UserWarning, match="not trained yet, got one after 8 updates"):
        assert lr_find(model, X, Y).suggestion > 0
    np.testing.assert_array_equal(model.vector.values, before)
    assert model.optimizer.optimizer_map["body"].steps == steps


def test_an_optimizer_belongs_to_one_model():
    rule = SGD(0.1)
    model = model_of(MultiOptimizer({"body": rule}, "adam"))
    for other in (rule, MultiOptimizer({"head": rule}, "adam"), model.optimizer):
        with pytest.raises(OwnershipError, match="trains"):
            model_of(other)
    model_of(rule.clone())
    copied = pickle.loads(pickle.dumps(model))
    with pytest.raises(OwnershipError):
        model_of(copied.optimizer.optimizer_map["body"])


class Whole(optimizers.Optimizer):
    whole = True

    def update(self, theta, gradient, rate, state, scratch):
        theta -= rate * gradient


ONE = SGD(0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None,), "expected a dict of optimizers by"),
        (([("dense", "sgd")],), "expected a dict of optimizers by"),
        (({"": "sgd"},), "expected a dict of optimizers by"),
        (({"dense": "sdg"},), r'optimizer_map\["dense"\].*"sdg"'),
        (({"dense": "sgd"}, "adma"), r'default.*"adma".*adam'),
        (({},), "expected an optimizer for each pattern, got none"),
        (({"a": ONE, "b": ONE},), "got one object twice"),
        (({"a": ONE}, ONE), "got one object twice"),
        (({"a": "lbfgs"},), "updates some parameters without the others, got LBFGS"),
        (({"a": "schedulefreeadamw"},), "without the others"),
        (({"a": Whole(0.1)},), "without the others"),
        (({"a": MultiOptimizer({"b": "sgd"})},), "without the others"),
        (({"a": optimizers.Optimizer()},), "without the others"),
        (({"a": SGD(clipnorm=1.0)},), r"no clipnorm, which counts for all.*clipnorm=1\.0"),
        (({"a": SGD(use_ema=True)},), "no use_ema"),
        (({"a": "sgd"}, SGD(gradient_accumulation_steps=2)), "no gradient_accumulation_steps"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        MultiOptimizer(*arguments)


def test_unknown_arguments_and_a_decay_of_its_own_are_refused():
    with pytest.raises(ConfigurationError, match='got "weight_decay"'):
        MultiOptimizer({"a": "sgd"}, weight_decay=0.1)


def test_patterns_must_be_of_the_model_and_of_one_rule_each():
    for optimizer, error, message in (
        (
            MultiOptimizer({"bodi": "sgd"}, "adam"),
            UnknownNameError,
            'got "bodi". Did you mean "body"',
        ),
        (MultiOptimizer({"body": "sgd"}), ConfigurationError, 'none for "head/kernel", "head/b'),
        (
            MultiOptimizer({"body": "sgd", "*/bias": "adam"}, "adam"),
            ConfigurationError,
            r'got those of "\*/bias" and "body" for "body/bias"',
        ),
        (
            MultiOptimizer({"body": SGD(learning_rate_factors={"hea": 2})}, "adam"),
            UnknownNameError,
            'SGD.learning_rate_factors: .*Did you mean "head"',
        ),
    ):
        with pytest.raises(error, match=message):
            fit(model_of(optimizer))


def test_a_state_of_another_kind_is_refused():
    optimizer = made(SPLITS[0])
    optimizer.build(vector_of(FakeLayer(w=np.ones(3))))
    state = optimizer.get_state()
    for wrong in (None, [], state["rules"][:1], [{"calls": -1, "learning_rate": None}] * 2):
        with pytest.raises((ConfigurationError, ModelFormatError)):
            optimizer.check_state({**state, "rules": wrong})
    optimizer.check_state(state)


# -- as Keras writes them --------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["body/.*", "^body/.*", "^body/.*$", "body", "body/*"])
def test_keras_map_of_optimizers(pattern, tmp_path):
    rules = optimizers.OptimizerMap(default_optimizer=Adam(0.02))
    rules[pattern] = SGD(0.1)
    ours = fit(model_of(MultiOptimizer({"body": SGD(0.1)}, default=Adam(0.02))))
    keras = fit(model_of(MultiOptimizer(rules)))
    np.testing.assert_array_equal(keras.predict(X), ours.predict(X))
    assert keras.optimizer.optimizers == [rules[pattern], rules.default_optimizer]
    keras.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert again.optimizer.get_config() == keras.optimizer.get_config()
    np.testing.assert_array_equal(fit(again).predict(X), fit(ours).predict(X))


def test_a_map_has_the_default():
    rules = optimizers.OptimizerMap(SGD(), {"body": Adam()})
    with pytest.raises(ConfigurationError, match="expected one default"):
        MultiOptimizer(rules, default="sgd")
    with pytest.raises(ConfigurationError, match=r"OptimizerMap\.default_optimizer"):
        optimizers.OptimizerMap(MultiOptimizer({"body": SGD()}))
    with pytest.raises(ConfigurationError, match="expected a dict of optimizers"):
        optimizers.OptimizerMap(SGD(), [Adam()])
