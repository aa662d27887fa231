"""What a network reports of itself is what scikit-learn says of its predictions.

Networks, losses, metrics and data are drawn at random; the loss takes probabilities, logits or
scores. The weights stay as they are (a learning rate of 0), so that the running metrics of an epoch
are those of the predictions, too.
"""

from __future__ import annotations

import warnings

import numpy as np
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax

from annlib import Sequential, layers, losses, metrics, optimizers

#: By what a row is: heads of a network as (activation, loss, what makes probabilities of outputs).
HEADS = {
    "labels": [
        ("sigmoid", losses.BinaryCrossentropy, None),
        ("sigmoid", losses.BinaryFocalCrossentropy, None),
        (None, lambda: losses.BinaryCrossentropy(from_logits=True), expit),
        (None, lambda: losses.BinaryFocalCrossentropy(from_logits=True), expit),
        (None, lambda: losses.SumBinaryCrossentropy(from_logits=True, label_smoothing=0.1), expit),
    ],
    "classes": [
        ("softmax", losses.CategoricalCrossentropy, None),
        ("softmax", losses.SparseCategoricalCrossentropy, None),
        ("softmax", losses.KLDivergence, None),
        ("softmax", losses.MeanSquaredError, None),
        ("sigmoid", losses.MeanAbsoluteError, None),
        ("softmax", losses.BinaryCrossentropy, None),
        (None, lambda: losses.CategoricalCrossentropy(from_logits=True), softmax),
        (None, lambda: losses.SparseCategoricalCrossentropy(from_logits=True), softmax),
        (None, lambda: losses.CategoricalFocalCrossentropy(from_logits=True), softmax),
        (None, losses.BlockCrossentropy, softmax),
    ],
    "scores": [(None, losses.Hinge, None), ("tanh", losses.SquaredHinge, None)],
}  # fmt: skip


def shares(of_one):
    """The mean of a score of columns, as Keras and annlib weigh them: all columns as one."""

    def of_all(y, p, w):
        return of_one(y.ravel(), p.ravel(), sample_weight=np.repeat(w, y.shape[1]))

    return of_all


def at_half(score, **options):
    return shares(lambda y, p, **weights: score(y, p > 0.5, **options, **weights))


def areas(score):
    return shares(
        lambda y, p, **weights: score(y, p, **weights) if len(np.unique(y)) == 2 else np.nan
    )


def each_f1(y, p, w):
    return [
        sk.f1_score(y[:, j], p[:, j] > 0.5, sample_weight=w, zero_division=0)
        for j in range(y.shape[1])
    ]


def log_loss(y, p, w):
    return np.average(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(axis=1), weights=w)


#: Metrics with their references, of 0s and 1s y, probabilities (or scores) p and weights w.
LABELS = [
    (lambda: "accuracy", at_half(sk.accuracy_score)),
    (lambda: "Acc", at_half(sk.accuracy_score)),
    (lambda: "binary_accuracy", at_half(sk.accuracy_score)),
    (lambda: metrics.BinaryAccuracy(threshold=0.3), shares(
        lambda y, p, **w: sk.accuracy_score(y, p > 0.3, **w))),
    (lambda: "precision", at_half(sk.precision_score, zero_division=0)),
    (lambda: "recall", at_half(sk.recall_score, zero_division=0)),
    (metrics.TruePositives, lambda y, p, w: ((y == 1) & (p > 0.5)).sum(axis=1) @ w),
    (metrics.F1Score, each_f1),
    (lambda: metrics.F1Score("macro"), lambda y, p, w: np.mean(each_f1(y, p, w))),
    (lambda: metrics.FBetaScore("micro", 2.0), at_half(sk.fbeta_score, beta=2, zero_division=0)),
    (lambda: metrics.AUC(None), areas(sk.roc_auc_score)),
    (lambda: metrics.AUC(None, "PR"), shares(
        lambda y, p, **w: sk.average_precision_score(y, p, **w) if y.any() else np.nan)),
    (lambda: "bce", log_loss),
    (lambda: metrics.AUC(2000), areas(  # of one bin alike
        lambda y, p, **weights: sk.roc_auc_score(y, np.ceil(np.float32(p) * 1999), **weights)
    )),
]  # fmt: skip


def largest(score):
    return lambda y, p, w: score(y.argmax(axis=1), p.argmax(axis=1), sample_weight=w)


CLASSES = [
    (lambda: "accuracy", largest(sk.accuracy_score)),
    (lambda: metrics.F1Score("macro"), lambda y, p, w: sk.f1_score(
        y.argmax(1), p.argmax(1), labels=range(y.shape[1]), average="macro", sample_weight=w,
        zero_division=0)),
    (lambda: metrics.Precision(top_k=1), largest(sk.accuracy_score)),
    (lambda: "recall", at_half(sk.recall_score, zero_division=0)),
    (lambda: metrics.AUC(None), areas(sk.roc_auc_score)),
    (lambda: metrics.TopKCategoricalAccuracy(2), lambda y, p, w: sk.top_k_accuracy_score(
        y.argmax(1), p, k=2, labels=range(y.shape[1]), sample_weight=w)),
    (lambda: "categorical_crossentropy", lambda y, p, w: np.average(
        -np.log((y * p).sum(axis=1) / p.sum(axis=1)), weights=w)),
]  # fmt: skip
SPARSE = [
    (lambda: "acc", largest(sk.accuracy_score)),
    (lambda: "sparse_categorical_crossentropy", CLASSES[-1][1]),
    (lambda: metrics.SparseTopKCategoricalAccuracy(2), CLASSES[-2][1]),
]
SCORES = [
    (lambda: "accuracy", shares(lambda y, p, **w: sk.accuracy_score(y, p > 0, **w))),
    (lambda: metrics.BinaryAccuracy(threshold=0.0), shares(
        lambda y, p, **w: sk.accuracy_score(y, p > 0, **w))),
]  # fmt: skip
OF_BITS = [
    (lambda: metrics.Recall(thresholds=0.0), shares(
        lambda y, p, **w: sk.recall_score(y, p > 0, zero_division=0, **w))),
    (lambda: metrics.AUC(None), areas(sk.roc_auc_score)),
]  # fmt: skip


@st.composite
def problems(draw):
    """A compiled network, its data, the references of its metrics, and which the metrics weigh."""
    kind = draw(st.sampled_from([*HEADS]))
    activation, make_loss, link = draw(st.sampled_from(HEADS[kind]))
    loss, rng = make_loss(), np.random.default_rng(draw(st.integers(0, 2**32)))
    n, k = draw(st.integers(2, 40)), draw(st.integers(1 + 2 * (kind == "classes"), 4))
    table = {"labels": LABELS, "classes": CLASSES, "scores": SCORES}[kind]
    y = rng.integers(0, 2, (n, k))
    targets = y.astype(draw(st.sampled_from(["float32", "int64", "bool"])))
    if kind == "classes":
        y = targets = np.eye(k)[rng.integers(0, k, n)]
        if loss.target_kind == "labels":
            table, targets = SPARSE, y.argmax(axis=1)
    elif kind == "scores" and draw(st.booleans()):
        targets = 2 * y - 1
    elif kind == "scores":
        table = SCORES + OF_BITS
    chosen = draw(st.lists(st.sampled_from(table), min_size=1, max_size=4))
    weighted = draw(st.booleans())
    head = layers.Dense(k, activation)
    if draw(st.booleans()) and activation is not None:
        head = layers.Dense(k), layers.Activation(activation)
    dtype = draw(st.sampled_from(["float32", "float64"]))
    model = Sequential(np.ravel(head).tolist(), seed=draw(st.integers(0, 99)), dtype=dtype)
    names = [make() for make, _ in chosen]
    model.compile(optimizers.SGD(0.0), loss, **{f"{'weighted_' * weighted}metrics": names})
    x = rng.normal(size=(n, 3)) * draw(st.sampled_from([0.3, 2.0]))
    weights = rng.uniform(0.1, 2, n)
    if k == 1 and targets.ndim == 2 and draw(st.booleans()):
        targets = targets[:, 0]
    references = [reference for _, reference in chosen]
    return model, link, (x, targets, weights), y, references, weighted, draw(st.integers(1, 50))


@settings(max_examples=100, deadline=None)
@given(problems())
def test_evaluate_and_history_are_scikit_learns(problem):
    model, link, (x, targets, weights), y, references, weighted, size = problem
    parts = [slice(i, i + size) for i in range(0, len(x), size)]
    batches = [(x[part], targets[part], weights[part]) for part in parts]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sequential.* targets of one class")
        found = model.evaluate(x, targets, size, sample_weight=weights)[1:]
        streamed = model.evaluate(iter(batches))[1:]
        history = model.fit(
            x, targets, size, sample_weight=weights, verbose=0,
            validation_data=(x, targets, weights),
        ).history  # fmt: skip
    one = model.test_on_batch(x, targets, weights)[1:]
    p = model.predict(x).astype(np.float64)
    p = p if link is None else link(p, axis=1) if link is softmax else link(p)
    w = weights if weighted else np.ones(len(x))
    names = model.metrics_names[1:]
    trained, validated = ([history[prefix + name][0] for name in names] for prefix in ("", "val_"))
    for i, reference in enumerate(references):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn's, of one class
            expected = reference(y, p, w)
        rounding = 5e-3 if getattr(model.metrics[i], "num_thresholds", None) else 2e-5
        for values in (found, streamed, one, trained, validated):
            np.testing.assert_allclose(values[i], expected, rtol=rounding, atol=rounding)
