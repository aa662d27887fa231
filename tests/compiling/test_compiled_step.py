"""What a compiled step must notice: whatever differs from the step that was recorded."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import annlib
from annlib import Sequential, callbacks, layers, optimizers, schedules
from annlib.callbacks import Callback
from annlib.compiling import cache, codegen, machine, rules, templates
from annlib.core.errors import ConfigurationError, DivergenceError
from annlib.models import trainer

pytest.importorskip("llvmlite")

ROWS = 75
rng = np.random.default_rng(0)
X = rng.normal(size=(ROWS, 6))
Y = rng.integers(0, 3, ROWS)


def stack():
    return [
        layers.Dense(16, "relu", kernel_regularizer="l2"),
        layers.BatchNormalization(),
        layers.Dropout(0.3),
        layers.Dense(8, "tanh"),
        layers.Dense(3, "softmax"),
    ]


def trained(jit, optimizer="adam", body=None, epochs=4, batch_size=20, each=(), **fit):
    body = stack() if body is None else body()
    model = Sequential(body, seed=1, dtype="float64")
    optimizer = optimizer() if callable(optimizer) else optimizer
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit_compile=jit)
    made = [make() for make in each]
    model.fit(X, Y, epochs=epochs, batch_size=batch_size, verbose=0, callbacks=made, **fit)
    return model


def of(model):
    """The compiled step of a model."""
    return model._functions.step._compiled


def check_same(**given):
    """A training compiled and not gives the same but for rounding; the compiled model."""
    plain, compiled = trained(False, **given), trained(True, **given)
    assert of(plain) is None
    for right, found in zip(plain.weights, compiled.weights, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-8, atol=1e-10)
    for name, values in plain.history.history.items():
        np.testing.assert_allclose(compiled.history.history[name], values, rtol=1e-7)
    assert not of(compiled)._off
    return compiled


OPTIMIZERS = {
    "schedule": lambda: optimizers.Adam(schedules.ExponentialDecay(0.01, 3, 0.7)),
    "schedule of momentum": lambda: optimizers.SGD(lambda step: 0.1 / (1 + step), momentum=0.9),
    "averages": lambda: optimizers.Adam(use_ema=True, ema_overwrite_frequency=3),
    "accumulation": lambda: optimizers.Adam(gradient_accumulation_steps=3),
    "clipnorm": lambda: optimizers.SGD(0.1, clipnorm=0.05),
    "global_clipnorm": lambda: optimizers.SGD(0.1, global_clipnorm=0.05),
    "clipvalue": lambda: optimizers.RMSprop(clipvalue=0.01),
    "weight decay": lambda: optimizers.AdamW(weight_decay=0.1),
    "two sets of weights": lambda: optimizers.ScheduleFreeAdamW(),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_numbers_that_change_from_step_to_step(optimizer):
    compiled = check_same(optimizer=optimizer)
    assert of(compiled)._programs and not of(compiled).why


@pytest.mark.filterwarnings("ignore:Sequential.fit.*one row")
@pytest.mark.parametrize(
    "fit",
    [
        {"sample_weight": rng.uniform(0.1, 2, ROWS)},
        {"class_weight": {0: 3.0, 2: 0.5}},
        {"validation_split": 0.2},
        {"shuffle": False},
        {"batch_size": 1},
        {"batch_size": ROWS},
        {"steps_per_epoch": 2},
    ],
    ids=lambda fit: next(iter(fit)),
)
def test_what_fit_can_be_told(fit):
    check_same(**fit)


class Anneal(Callback):
    """Assigns what users assign while a model trains."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[2].rate = 0.3 / (1 + epoch)
        self.model.optimizer.learning_rate = 0.01 / (1 + epoch)

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 2:
            self.model.optimizer.global_clipnorm = 0.1


class AnnealEach(Callback):
    def on_train_batch_begin(self, batch, logs=None):
        self.model.layers[2].rate = 0.1 * batch


class SetsWeights(Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.layers[0].set_weights([w * 0.9 for w in self.model.layers[0].get_weights()])


class ReadsGradients(Callback):
    def on_gradients(self, batch, logs=None):
        for layer in self.model.layers:
            for gradient in layer.gradients.values():
                gradient *= 0.5


EACH = {
    "attributes": Anneal,
    "attributes at each step": AnnealEach,
    "weights": SetsWeights,
    "gradients": ReadsGradients,
    "plateau": lambda: callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=1.0),
    "early stopping": lambda: callbacks.EarlyStopping("loss", patience=1, min_delta=0.5),
}


@pytest.mark.parametrize("each", EACH.values(), ids=EACH)
def test_callbacks(each):
    check_same(each=[each], epochs=6)


def test_a_rate_that_is_assigned_is_in_force_at_once():
    model = trained(True)
    model.layers[2].rate = 1.0  # leaves out all
    before = model.layers[3].get_weights()[0]
    model.optimizer.learning_rate = 1.0
    model.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.layers[3].gradients["kernel"], 0.0)
    assert before.shape == model.layers[3].get_weights()[0].shape


def test_frozen_layers_and_larger_batches():
    def run(jit):
        model = trained(jit, epochs=3, batch_size=8)
        model.fit(X, Y, batch_size=30, epochs=3, verbose=0)  # its buffers are new
        model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
        model.layers[0].trainable = False
        model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=jit)
        model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
        return model

    plain, compiled = run(False), run(True)
    for right, found in zip(plain.weights, compiled.weights, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-8, atol=1e-10)
    assert of(compiled)._programs


def test_where_a_guard_fails_the_step_runs_as_it_stands():
    def run(jit):
        body = [layers.Dense(4), layers.Dense(3, "softmax")]
        model = Sequential(body, seed=1)
        sgd = optimizers.SGD(1e-20)
        model.compile(sgd, "sparse_categorical_crossentropy", jit_compile=jit)
        losses = [model.train_on_batch(X[:10], Y[:10]) for _ in range(4)]
        large = X[:10] * 1e16  # squares of such logits are far from what is usual
        losses += [model.train_on_batch(large, Y[:10]) for _ in range(2)]
        return model, losses

    (plain, right), (compiled, found) = run(False), run(True)
    np.testing.assert_allclose(found, right, rtol=1e-5)
    for a, b in zip(plain.weights, compiled.weights, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4)


def test_where_a_guard_fails_the_draws_are_those_of_numpy():
    def run(jit):
        body = [layers.Dense(4), layers.Dropout(0.5), layers.GaussianNoise(0.1)]
        body += [layers.Dense(3, "softmax")]
        model = Sequential(body, seed=1)
        sgd = optimizers.SGD(1e-20)
        model.compile(sgd, "sparse_categorical_crossentropy", jit_compile=jit)
        batches = [X[:10]] * 4 + [X[:10] * 1e16] * 2 + [X[:10]] * 2
        losses = [model.train_on_batch(x, Y[:10]) for x in batches]
        return model, losses

    (plain, right), (compiled, found) = run(False), run(True)
    np.testing.assert_allclose(found, right, rtol=1e-5)
    # The last step of the large batches ran as it stands, after all had been drawn.
    assert of(compiled)._programs and not of(compiled)._off
    assert compiled._network.streams.state() == plain._network.streams.state()


class BreaksOff(Callback):
    def __init__(self, when, step):
        super().__init__()
        setattr(self, when, self._break)
        self._step, self._seen = step, 0

    def _break(self, batch, logs=None):
        self._seen += 1
        if self._seen == self._step:
            raise RuntimeError


@pytest.mark.parametrize("when", ["on_gradients", "on_train_batch_end"])
def test_a_run_that_breaks_off_in_a_step_goes_on(when):
    def run(jit):
        model = trained(jit, epochs=1)
        for step in (1, 2, 3):
            with pytest.raises(RuntimeError):
                model.fit(X, Y, batch_size=10, verbose=0, callbacks=[BreaksOff(when, step)])
        model.fit(X, Y, batch_size=10, epochs=2, verbose=0)
        return model

    plain, compiled = run(False), run(True)
    for right, found in zip(plain.weights, compiled.weights, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-8, atol=1e-10)
    assert {shape[0] for (shape, *_), *_ in of(compiled)._programs} >= {20, 10, 5}


def test_a_divergence_is_told_as_ever():
    model = trained(True)
    before = model.get_weights()
    bad = X.copy()
    bad[3, 2] = np.nan
    with pytest.raises(DivergenceError, match="x of the batch"):
        model._functions.step.check_finite((bad, Y, None), np.nan)
    with pytest.raises(annlib.AnnlibError):
        model.train_on_batch(bad, Y)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_a_layer_learns_before_training_is_read_again():
    def run(jit):
        body = [layers.Normalization(), layers.Dense(3, "softmax")]
        body[0].adapt(X)
        model = Sequential(body, seed=1, dtype="float64")
        model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=jit)
        losses = [model.train_on_batch(X, Y) for _ in range(6)]
        found = [model.predict(X[:3], verbose=0) for _ in range(4)]
        body[0].adapt(3 * X + 1)
        losses += [model.train_on_batch(X, Y) for _ in range(6)]
        return losses, [*found, model.predict(X[:3], verbose=0)]

    for right, found in zip(run(False), run(True), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-9)


def test_other_models_do_not_disturb_a_program():
    model = trained(True)
    programs = dict(of(model)._programs)
    other = trained(False)
    other.layers[2].rate = 0.1
    model.train_on_batch(X[:20], Y[:20])
    assert programs and of(model)._programs == programs


class Doubled(layers.Layer):
    """One of the user's."""

    calls = 0

    def build(self, input_shape):
        self.add_weight("factor", (input_shape[-1],), "ones")

    def forward(self, x, work, *, training=False):
        self.calls += 1
        work["x"] = x
        return x * self.factor * (2.0 if self.calls < 30 else 3.0)

    def backward(self, dy, work, *, input_gradient=True):
        scale = 2.0 if self.calls < 30 else 3.0
        self.gradients["factor"][...] = (dy * work["x"]).sum(0) * scale
        return dy * self.factor * scale


def test_a_layer_of_the_users_is_called_once_a_step():
    def body():
        return [layers.Dense(6, "relu"), Doubled(), layers.Dense(3, "softmax")]

    compiled = check_same(body=body, epochs=12)
    plain = trained(False, body=body, epochs=12)
    assert compiled.layers[1].calls == plain.layers[1].calls
    assert of(compiled)._programs


def test_the_same_seed_gives_the_same_bits():
    one, other = trained(True), trained(True)
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def scheduled():
    """With layers that are called as they stand, and draw."""
    falling = schedules.CosineDecay(0.5, 20)
    inner = [layers.Dense(4, "tanh"), layers.Dropout(0.2)]
    chains = [(inner, [0, 1, 2]), ([layers.GaussianNoise(0.1)], [3, 4, 5])]
    return [
        *(layers.Columns(chains), layers.Dense(9, "tanh"), layers.Dropout(falling)),
        *(layers.Dense(8, "gelu"), layers.GaussianNoise(falling), layers.Dense(3, "softmax")),
    ]


@pytest.mark.parametrize("each", [None, Anneal], ids=["alone", "attributes"])
@pytest.mark.parametrize("body", [stack, scheduled])
@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "mse"])
def test_a_copy_and_a_run_that_is_continued_have_the_same_bits(loss, body, each):
    y = Y if loss.startswith("sparse") else X[:, :3]
    if each and body is scheduled:
        pytest.skip("its rate is set by its schedule")

    def made():
        model = Sequential(body(), seed=1)
        model.compile("adam", loss, jit_compile=True)
        return model

    def fit(model, **epochs):
        own = [each()] if each else []
        model.fit(X, y, batch_size=20, verbose=0, callbacks=own, **epochs)

    model, whole = made(), made()
    fit(whole, epochs=5)
    fit(model, epochs=2)
    continued = copy.deepcopy(model)
    for one in (model, continued):
        fit(one, initial_epoch=2, epochs=5)
    for a, b, c in zip(whole.weights, model.weights, continued.weights, strict=True):
        np.testing.assert_array_equal(b, a)
        np.testing.assert_array_equal(c, a)
    few = [continued.predict(X[:3], verbose=0) for _ in range(5)]
    assert all(np.array_equal(p, few[0]) for p in few)


def test_wrong_code_is_noticed_and_not_used(monkeypatch):
    monkeypatch.setattr(machine, "_made", {})
    monkeypatch.setattr(templates, "_made", {})
    monkeypatch.setattr(cache, "read", lambda key: None)
    monkeypatch.setattr(cache, "write", lambda key, code: None)
    monkeypatch.setitem(codegen._UNARY, "sqrt", "llvm.fabs")
    right = trained(False)
    monkeypatch.setattr(rules, "_agree", {})
    rule = pytest.warns(UserWarning, match="expected machine code.*the rule of Adam")
    with rule, pytest.warns(UserWarning, match='expected the compiled.*"batch_normalization"'):
        model = trained(True)
    for a, b in zip(right.weights, model.weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_gradient_of_rounding_alone_is_no_wrong_code(dtype):
    # One number divided by its own length is 1 or -1, whatever the weights.
    body = [layers.Dense(16, "tanh"), layers.Dense(1), layers.UnitNormalization()]
    model = Sequential(body, seed=0, dtype=dtype)
    model.compile("sgd", "mse", jit_compile=True)
    model.fit(X, X[:, 0], epochs=2, batch_size=25, verbose=0)
    assert of(model)._programs


def test_columns_that_only_pass_are_called_as_they_stand():
    def body():
        chains = [([], [0, 1, 2]), ([], [4, 3])]
        return [layers.Columns(chains), layers.Dense(8, "relu"), layers.Dense(3, "softmax")]

    compiled = check_same(body=body)
    plain = trained(False, body=body)
    for _ in range(3):
        np.testing.assert_allclose(compiled.predict(X[:4]), plain.predict(X[:4]), rtol=1e-9)


# -- the mode --------------------------------------------------------------------------------------


@pytest.fixture
def process():
    yield annlib.config.set_jit_compile
    annlib.config.set_jit_compile("auto")


def test_a_process_can_compile_by_default(process):
    process(True)
    assert annlib.config.jit_compile() is True
    model = trained("auto")
    assert of(model)._programs and model.get_compile_config()["jit_compile"] is True
    assert of(trained(False)) is None
    process(False)
    assert of(trained("auto")) is None and of(trained(True))
    with pytest.raises(ConfigurationError, match='value True, False or "auto"'):
        process("yes")


class Stop(Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise RuntimeError


def test_a_run_that_is_continued_keeps_its_mode(process, tmp_path):
    def run(*each):
        model = Sequential(stack(), seed=1, dtype="float64")
        model.compile("adam", "sparse_categorical_crossentropy")
        backup = callbacks.BackupAndRestore(tmp_path)
        model.fit(X, Y, epochs=4, batch_size=20, verbose=0, callbacks=[backup, *each])
        return model

    process(True)
    whole = trained("auto")
    with pytest.raises(RuntimeError):
        run(Stop())
    process("auto")
    resumed = run()
    assert of(resumed)._programs
    for a, b in zip(whole.weights, resumed.weights, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9)


def test_a_loaded_model_keeps_its_mode_and_does_without_numba(tmp_path, monkeypatch):
    model = trained(True)
    path = tmp_path / "model.safetensors"
    model.save(path)
    loaded = annlib.models.load_model(path)
    loaded.fit(X, Y, epochs=2, batch_size=20, verbose=0)
    assert of(loaded)._programs
    monkeypatch.setattr(trainer, "can_compile", lambda: False)
    loaded = annlib.models.load_model(path)
    with pytest.warns(UserWarning, match="expected Numba"):
        loaded.fit(X, Y, epochs=2, batch_size=20, verbose=0)
    assert of(loaded) is None
