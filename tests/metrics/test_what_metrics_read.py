"""Metrics of probabilities get probabilities, or refuse: on their own and in a model."""

from __future__ import annotations

import math
import pickle
import re
import warnings

import numpy as np
import pytest
import sklearn.metrics as sk
from scipy.special import softmax

from annlib import (
    MLPClassifier,
    Sequential,
    SequentialClassifier,
    activations,
    callbacks,
    layers,
    load_model,
    losses,
    metrics,
)
from annlib.core.errors import ConfigurationError, DataError, ShapeError
from annlib.metrics import registry

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
BITS = (X[:, 0] > 0).astype(float)
LABELS = (X > 0).astype(float)
ONE_HOT = np.eye(3)[rng.integers(0, 3, 60)]


def passing(**compiled):
    """A model of one weight, 1, whose outputs are its inputs."""
    ones = layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = Sequential([ones])
    model.compile("sgd", **compiled)
    return model


def network(units=1, activation=None, loss="mse", *used, optimizer="sgd"):
    model = Sequential([layers.Dense(units, activation)], seed=0)
    model.compile(optimizer, loss, metrics=list(used))
    return model


# -- on their own ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_f_score_of_one_column_is_cut_at_one_half(shape, dtype):
    y, p = np.reshape([0, 0, 1], shape), np.reshape([0.1, 0.2, 0.9], shape).astype(dtype)
    for metric in (metrics.F1Score(), metrics.FBetaScore(beta=2.0)):
        assert metric(y, p) == [1.0]  # as scikit-learn's f1_score(y, p > 0.5)
    for average in ("micro", "macro", "weighted"):
        assert metrics.F1Score(average)(y, p) == 1.0
    found = metrics.F1Score()([0, 0, 1, 1], [0.1, 0.6, 0.9, 0.4])
    assert found == sk.f1_score([0, 0, 1, 1], [0, 1, 1, 0])


@pytest.mark.parametrize("curve", ["ROC", "PR"])
def test_areas_of_scores_are_exact_or_refused(curve):
    y, scores = [0, 1], [2.0, 3.0]
    assert metrics.AUC(None, curve)(y, scores) == 1.0  # scikit-learn's
    with pytest.raises(DataError, match=r"^AUC: .*from 2 to 3\..*from_logits.*num_thresholds=None"):
        metrics.AUC(curve=curve)(y, scores)
    assert metrics.AUC(1000, curve, from_logits=True)(y, scores) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "metric",
    [
        metrics.BinaryAccuracy(),
        metrics.BinaryAccuracy(threshold=0.3),
        metrics.TruePositives(),
        metrics.TrueNegatives(0.2),
        metrics.FalsePositives([0.0, 0.5, 1.0]),
        metrics.FalseNegatives(),
        metrics.Precision(),
        metrics.Precision(0.5, top_k=1),
        metrics.Recall(class_id=0),
        metrics.AUC(),
        metrics.AUC(thresholds=[0.5]),
        metrics.AUC(curve="PRGAIN", multi_label=True),
        metrics.F1Score(threshold=0.5),
        metrics.FBetaScore(threshold=0.2, beta=2.0),
        metrics.BinaryCrossentropy(),
        metrics.KLDivergence(),
    ],
    ids=repr,
)
def test_what_cuts_or_bins_probabilities_refuses_scores(metric):
    y = np.eye(2)
    for scores in ([[2.0, 0.1], [0.2, 0.9]], [[0.9, -1.0], [0.2, 0.9]]):
        with pytest.raises(DataError, match=rf"^{type(metric).__name__}: .*probabilities.*Pass"):
            metric.update_state(y, scores)
    metric.update_state(y, [[1 + 1e-7, -1e-7], [0.2, 0.9]])  # which averages may give
    metric.update_state(np.zeros((0, 2)), np.zeros((0, 2)))


@pytest.mark.parametrize(
    "cls", [metrics.CategoricalCrossentropy, metrics.SparseCategoricalCrossentropy]
)
def test_what_is_divided_by_its_sum_may_have_any_size(cls):
    y = [1] if cls is metrics.SparseCategoricalCrossentropy else [[0, 1]]
    assert cls()(y, [[1.0, 3.0]]) == pytest.approx(-math.log(0.75))
    with pytest.raises(DataError, match="from_logits=True"):
        cls()(y, [[-1.0, 3.0]])
    assert cls(from_logits=True)(y, [[-1.0, 3.0]]) == pytest.approx(math.log1p(math.exp(-4)))


def test_a_threshold_that_tells_no_probabilities_apart_cuts_scores():
    y, scores = np.array([1, 0, 1, 0]), np.array([3.0, -2.0, -0.1, 0.2])
    assert metrics.BinaryAccuracy(threshold=0.0)(y, scores) == 0.5
    assert metrics.BinaryAccuracy(threshold=0)(2 * y - 1, scores) == 0.5  # labels of -1 and 1
    assert metrics.BinaryAccuracy(threshold=2.0)(y, scores) == 0.75
    assert metrics.Precision(0.0)(y, scores) == metrics.Recall([0.0])(y, scores) == 0.5
    assert metrics.TruePositives(thresholds=1.0)(y, scores) == 1.0
    assert metrics.Precision(top_k=1)([[1, 0], [1, 0]], [[3.0, 1.0], [-2.0, -1.0]]) == 0.5


@pytest.mark.parametrize("y", [[0.3, 1.0], [1, 2], [-1, 1], [math.nan, 1.0]])
def test_a_share_of_bits_needs_bits(y):
    with pytest.raises(DataError, match=r"BinaryAccuracy: expected targets that are 0 or 1"):
        metrics.BinaryAccuracy()(y, [0.5, 0.6])


@pytest.mark.parametrize("thresholds", [None, 200])
@pytest.mark.parametrize("curve", ["ROC", "PR", "PRGAIN"])
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_no_area(label, curve, thresholds):
    if thresholds is None and curve == "PRGAIN":
        return  # which has no exact form
    metric = metrics.AUC(thresholds, curve)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        area = metric(np.full(4, label), [0.1, 0.4, 0.6, 0.8])
    # Precision and recall of ones alone are 1 at every threshold.
    assert area == 1.0 if (curve, label) == ("PR", 1) else math.isnan(area)
    metric = metrics.AUC(thresholds, curve, multi_label=True, label_weights=[1.0, 0.0])
    assert metric([[0, label], [1, label]], [[0.2, 0.3], [0.9, 0.4]]) == pytest.approx(1.0)


# -- of logits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "cls", [losses.BinaryCrossentropy, losses.BinaryFocalCrossentropy, losses.SumBinaryCrossentropy]
)
def test_logits_are_made_probabilities(cls, dtype):
    used = ["accuracy", "precision", "recall", "auc", "f1_score", metrics.BinaryAccuracy("own")]
    model = passing(loss=cls(from_logits=True), metrics=used)
    found = model.evaluate(np.array([[0.3], [-1.0]], dtype), [1, 0])[1:]
    assert found == [1.0] * 6  # by hand: sigmoid is above 0.5 where the logit is above 0
    history = model.fit([[0.3], [-1.0]], [1, 0], verbose=0).history
    assert [np.ravel(history[name]).item() for name in model.metrics_names[1:]] == [1.0] * 6


def test_what_was_asked_before_the_data_came_is_made_anew():
    model = passing(loss=losses.BinaryCrossentropy(from_logits=True), metrics=["precision", "auc"])
    model.build((None, 1))
    model.reset_metrics()
    assert math.isnan(model.get_metrics_result()["auc"])
    assert model.fit([[0.3], [-1.0]], [1, 0], verbose=0).history["precision"] == [1.0]


def test_thresholds_of_logits_are_heeded_both_ways():
    used = [
        metrics.BinaryAccuracy("of_probabilities", threshold=0.6),
        metrics.BinaryAccuracy("of_logits", threshold=0.0),
        metrics.Precision(0.0, name="cut_at_0"),
        metrics.AUC(from_logits=True),
        metrics.BinaryCrossentropy(from_logits=True),
        metrics.AUC(None, name="exact"),
    ]
    model = passing(loss=losses.BinaryCrossentropy(from_logits=True), metrics=used)
    z, y = np.array([0.3, -1.0, 2.0, 0.1]), np.array([1, 0, 1, 0])
    loss, *found = model.evaluate(z[:, None], y)
    # sigmoid(0.3) is 0.574, sigmoid(0.1) 0.525
    assert found == pytest.approx([0.75, 0.75, 2 / 3, 1.0, loss, 1.0], rel=1e-6)


def test_a_metric_of_ones_own_gets_the_outputs():
    seen = []

    def function(y_true, y_pred):
        seen.append(np.array(y_pred))
        return y_pred

    class Own(metrics.MeanOverRows):
        def rows(self, Y, A, work):
            seen.append(A.copy())
            return A[:, 0]

    class Linked(metrics.AUC):
        """The workaround of Keras."""

        def update_state(self, y_true, y_pred, sample_weight=None):
            seen.append(y_pred.copy())
            super().update_state(y_true, activations.sigmoid(y_pred), sample_weight)

    class Wanting(Own):
        def rows(self, Y, A, work):
            return A[:, 0]

        def reads(self, units):
            return "probabilities"

    model = passing(
        loss=losses.BinaryCrossentropy(from_logits=True),
        metrics=[function, Own(), Linked(), "mae", "accuracy", Wanting(name="mean")],
    )
    seen.clear()
    found = model.evaluate([[3.0], [-1.0]], [1, 0])
    for outputs in seen[-3:]:
        assert outputs.tolist() == [[3.0], [-1.0]]
    assert found[3:5] == [1.0, 1.5]
    assert found[6] == pytest.approx((1 / (1 + math.exp(-3)) + 1 / (1 + math.e)) / 2)


def test_counts_of_a_poisson_deviance_come_after_its_exponential():
    loss = losses.HalfPoissonDeviance(from_logits=True)
    z, y = np.array([0.0, 1.0]), np.array([1.0, 0.0])
    found = passing(loss=loss, metrics=["poisson"]).evaluate(z[:, None], y)[1]
    assert found == pytest.approx(np.mean(np.exp(z) - y * z), rel=1e-6)
    for name in ("accuracy", "auc"):
        with pytest.raises(ConfigurationError):
            passing(loss=loss, metrics=[name]).evaluate(z[:, None], y)


def test_each_block_of_logits_has_probabilities_of_its_own():
    model = network(5, None, losses.BlockCrossentropy([2]), "precision", metrics.AUC(None))
    z = model.predict(X).astype(float)
    p = np.hstack([softmax(z[:, :2], axis=1), softmax(z[:, 2:], axis=1)])
    y = np.hstack([np.eye(2)[BITS.astype(int)], ONE_HOT])
    expected = (
        sk.precision_score(y.ravel(), p.ravel() > 0.5),
        sk.roc_auc_score(y.ravel(), p.ravel()),
    )
    assert model.evaluate(X, y)[1:] == pytest.approx(expected, rel=1e-6)


# -- what accuracy means ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["accuracy", "acc", "Accuracy"])
@pytest.mark.parametrize("y", [LABELS, LABELS.astype(bool), LABELS.astype(int)])
def test_accuracy_of_several_labels_counts_each(name, y):
    model = network(3, "sigmoid", "binary_crossentropy", name, "auc")
    right = (model.predict(X) > 0.5) == y
    assert model.evaluate(X, y)[1] == pytest.approx(right.mean())
    assert model.test_on_batch(X, y)[1] == pytest.approx(right.mean())
    assert model.fit(X, y, verbose=0).history[name]
    again = pickle.loads(pickle.dumps(model))
    assert again.evaluate(X, y) == model.evaluate(X, y)


def test_accuracy_of_a_margin_is_by_the_sign():
    model = network(1, None, "hinge", "accuracy")
    right = (model.predict(X)[:, 0] > 0) == BITS
    assert model.evaluate(X, BITS)[1] == model.evaluate(X, 2 * BITS - 1)[1] == right.mean()


def test_the_meaning_follows_a_second_compile(tmp_path):
    model = network(3, "sigmoid", "bce", "accuracy")
    model.evaluate(X, ONE_HOT)
    model.compile("sgd", "mse", ["accuracy"])
    model.evaluate(X, ONE_HOT)
    assert type(model.metrics[0]) is metrics.CategoricalAccuracy
    model.compile("sgd", "bce", ["accuracy"])
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert again.evaluate(X, ONE_HOT) == model.evaluate(X, ONE_HOT)
    assert type(again.metrics[0]) is metrics.BinaryAccuracy


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_a_squared_error_of_classes_keeps_its_accuracy(activation):
    model = network(3, activation, "mse", "accuracy")
    right = model.predict(X).argmax(1) == ONE_HOT.argmax(1)
    assert model.evaluate(X, ONE_HOT)[1] == pytest.approx(right.mean())
    one = network(1, "sigmoid", "mse", "accuracy", "auc")
    assert one.evaluate(X, BITS)[1] == ((one.predict(X)[:, 0] > 0.5) == BITS).mean()


REFUSED = [
    *((1, None, loss, "accuracy", BITS) for loss in ("mse", "mae", "huber", "log_cosh", "poisson")),
    (3, None, "mse", "acc", ONE_HOT),
    (1, None, "mse", "accuracy", X[:, 0]),
    (1, "sigmoid", "mse", "accuracy", abs(X[:, 0])),
    (1, "sigmoid", "bce", "accuracy", 0.9 * BITS),
    (3, "softmax", "mse", "accuracy", X),
    (3, "sigmoid", "mse", "accuracy", LABELS),
    (3, "relu", "cosine_similarity", "categorical_accuracy", X),
    (3, "softmax", "mse", metrics.TopKCategoricalAccuracy(2), X),
    (1, "tanh", "mse", "binary_accuracy", BITS),
    (1, "relu", "mae", "precision", BITS),
    (1, None, "mse", "auc", BITS),
    (1, None, "mse", "f1_score", BITS),
    (1, None, "mse", "bce", BITS),
    (3, None, "hinge", "f1_score", LABELS),
    (1, None, "hinge", "recall", BITS),
    (3, None, "categorical_hinge", "categorical_crossentropy", ONE_HOT),
    (1, "sigmoid", "bce", metrics.AUC(from_logits=True), BITS),
    (3, "softmax", "mse", metrics.CategoricalCrossentropy(from_logits=True), ONE_HOT),
    (1, "sigmoid", "bce", "categorical_accuracy", BITS),
    (1, "sigmoid", "bce", "sparse_categorical_accuracy", BITS),
    (3, None, losses.BlockCrossentropy([2, 1]), "accuracy", ONE_HOT),
    (1, None, (lambda y, a: (y - a)[:, 0] ** 2, lambda y, a: 2 * (a - y)), "accuracy", BITS),
]  # fmt: skip


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
@pytest.mark.parametrize(("units", "activation", "loss", "metric", "y"), REFUSED)
def test_what_has_no_meaning_is_refused_before_training(
    units, activation, loss, metric, y, optimizer
):
    if isinstance(metric, metrics.Metric):
        metric = metric.clone()
    model = network(units, activation, loss, metric, optimizer=optimizer)
    model.build((None, 3))
    before = model.get_weights()
    for use in (
        lambda: model.fit(X, y, verbose=0),
        lambda: model.fit(X, y, validation_split=0.5, verbose=0),
        lambda: model.fit(iter([(X, y)]), verbose=0),
        lambda: model.evaluate(X, y),
        lambda: model.evaluate(iter([(X, y)])),
        lambda: model.train_on_batch(X, y),
        lambda: model.test_on_batch(X, y),
    ):
        with pytest.raises((ConfigurationError, DataError, ShapeError), match=r"expected .* got"):
            use()
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert model.optimizer.steps == 0


def test_a_row_far_down_that_is_no_target_is_found_before_training():
    y = np.tile(BITS, 200)
    y[7777] = 0.25
    model = network(1, "sigmoid", "mse", "accuracy", "precision")
    with pytest.raises(DataError, match=r"0 or 1, got 0\.25"):
        model.fit(np.tile(X, (200, 1)), y, verbose=0)
    assert model.optimizer.steps == 0


def test_outputs_that_nobody_knows_are_looked_at():
    class Twice(layers.Layer):
        def forward(self, x, work, *, training=False):
            return x * 2

        def backward(self, dy, work, *, input_gradient=True):
            return dy * 2

    for factor, fits in ((0.0, True), (50.0, False)):
        kernel = layers.Dense(1, kernel_initializer="ones", use_bias=False)
        model = Sequential([kernel, Twice()])
        model.compile("sgd", "mse", ["binary_accuracy"])
        if fits:
            assert model.evaluate(X * factor, BITS)[1] == (BITS == 0).mean()
        else:
            with pytest.raises(DataError, match="BinaryAccuracy: expected predictions"):
                model.evaluate(X * factor, BITS)


def test_the_estimator_has_the_same_rules():
    def net(loss, activation, *used):
        return SequentialClassifier(
            Sequential([layers.Dense(1, activation)]), loss=loss, metrics=list(used), epochs=2,
            validation_split=0.2, random_state=0, verbose=0,
        )  # fmt: skip

    with pytest.raises(ConfigurationError, match="expected outputs that are probabilities"):
        net("mse", None, "auc").fit(X, BITS)
    logits = net(losses.BinaryCrossentropy(from_logits=True), None, "accuracy", "auc", "f1_score")
    fitted = logits.fit(X, BITS)
    p = fitted.predict_proba(X)[:, 1]
    found = fitted.model_.evaluate(X, BITS)[1:]
    assert found[0] == ((p > 0.5) == BITS).mean()
    assert found[1] == pytest.approx(sk.roc_auc_score(BITS, p), abs=0.02)
    assert found[2] == pytest.approx([sk.f1_score(BITS, p > 0.5)])


# -- without a value -------------------------------------------------------------------------------


def classifier(*used, optimizer="sgd"):
    return network(1, "sigmoid", "bce", *used, optimizer=optimizer)


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
def test_one_class_is_told_once_a_run_and_shown_as_a_dash(optimizer, capsys):
    model = classifier("auc", "accuracy", metrics.AUC(None, name="exact"), optimizer=optimizer)
    rows = BITS == 1
    with pytest.warns(UserWarning, match="got targets of one class: NaN") as told:
        history = model.fit(
            X, BITS, epochs=3, batch_size=2, verbose=2,
            validation_data=(X[rows], BITS[rows]), callbacks=[callbacks.TerminateOnNaN()],
        ).history  # fmt: skip
    assert len(told) == 1
    if optimizer == "sgd":  # SciPy calls the other
        assert told[0].filename == __file__
    assert "val_auc, val_exact" in str(told[0].message)
    assert np.isnan(history["val_auc"]).all() and np.isnan(history["val_exact"]).all()
    assert np.isfinite([history["auc"], history["val_accuracy"], history["loss"]]).all()
    shown = capsys.readouterr().out
    assert re.search(r"auc \S+ val -  exact \S+ val -  loss", shown), shown
    with pytest.warns(UserWarning, match="Sequential.evaluate.*auc, exact") as told:
        found = model.evaluate(X[rows], BITS[rows], verbose=1, return_dict=True)
    assert len(told) == 1
    assert math.isnan(found["auc"])
    assert " auc: - " in capsys.readouterr().out


def test_batches_of_one_class_are_nothing_to_tell():
    model, rows = classifier("auc"), BITS == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for use in (model.train_on_batch, model.test_on_batch):
            assert math.isnan(use(X[rows], BITS[rows])[1])
        spy = callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: seen.append(logs["auc"])
        )
        seen = []
        model.fit(X, BITS, batch_size=1, shuffle=False, verbose=0, callbacks=[spy])
    assert math.isnan(seen[0]) and math.isfinite(seen[-1])


@pytest.mark.filterwarnings("ignore:Sequential.*targets of one class")
def test_no_value_is_no_improvement(tmp_path):
    model, rows = classifier("auc"), BITS == 1
    plateau = callbacks.ReduceLROnPlateau("val_auc", factor=0.5, patience=2)
    stop = callbacks.EarlyStopping("val_auc", patience=3, restore_best_weights=True)
    best = callbacks.ModelCheckpoint(tmp_path / "best", "val_auc", save_best_only=True)
    history = model.fit(
        X, BITS, epochs=9, verbose=0, validation_data=(X[rows], BITS[rows]),
        callbacks=[plateau, stop, best],
    ).history  # fmt: skip
    assert len(history["loss"]) == 3
    assert model.optimizer.learning_rate == 0.005
    assert not (tmp_path / "best").exists()
    assert math.isnan(stop.best) and math.isnan(best.best) and math.isnan(plateau.best)


@pytest.mark.filterwarnings("ignore:Sequential.*targets of one class")
def test_a_run_without_values_resumes(tmp_path):
    def fit(epochs, *used):
        rows, stop = BITS == 1, callbacks.EarlyStopping("val_auc", patience=9)
        return classifier("auc").fit(
            X, BITS, epochs=epochs, verbose=0, validation_data=(X[rows], BITS[rows]),
            callbacks=[stop, *used],
        ).history  # fmt: skip

    fit(2, callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False))
    resumed, whole = fit(4, callbacks.BackupAndRestore(tmp_path / "backup")), fit(4)
    assert np.isnan(resumed["val_auc"]).all()
    for name, values in whole.items():
        np.testing.assert_array_equal(resumed[name], values)


def test_a_score_without_a_value_ends_a_perceptrons_training():
    scores = iter([0.5, 0.6, *[math.nan] * 20])
    fitted = MLPClassifier(
        early_stopping=True, scoring=lambda estimator, x, y: next(scores), n_iter_no_change=3,
        random_state=0,
    ).fit(X, BITS)  # fmt: skip
    assert fitted.n_iter_ == 6  # two that improve, and four that do not: more than three
    assert fitted.best_validation_score_ == 0.6


def test_every_metric_says_what_it_reads():
    kinds = {"outputs", "scores", "probabilities", "logits"}
    for cls in registry:
        if cls is not metrics.MeanMetricWrapper:
            assert cls(**cls.example_arguments).reads(1) in kinds
