"""Every metric of the table adds up exactly over any batches, and scikit-learn agrees."""

from __future__ import annotations

import copy
import functools
import itertools
import pickle

import numpy as np
import pytest
import scipy.special
import sklearn.metrics as sk
from cases import METRICS, targets_and_predictions
from sklearn.metrics.pairwise import paired_cosine_distances

from annlib import metrics
from annlib.core.errors import AnnlibError
from annlib.testing.rules import allocated

ROWS = [row for row in METRICS if row.predictions != "weights"]
each = pytest.mark.parametrize("row", ROWS, ids=repr)
N = 50
CUTS = [[0, N], [0, 1, 2, 20, 20, 45, N], [0, 30, 31, N]]


def data(row, n=N, k=3, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    y, a = targets_and_predictions(row, n, k, rng, dtype)
    return y, a, rng.integers(0, 4, n).astype(np.float64)


def streamed(metric, y, a, weights=None, cuts=CUTS[1]):
    for start, stop in itertools.pairwise(cuts):
        part = slice(start, stop)
        metric.update_state(y[part], a[part], None if weights is None else weights[part])
    return metric.result()


def same(found, expected, tolerance=1e-12):
    assert type(found) is type(expected)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


# -- contracts -------------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("weighted", [False, True])
def test_batches_make_no_difference(row, weighted):
    y, a, w = data(row)
    weights = w if weighted else None
    expected = row.make()(y, a, weights)
    for cuts in CUTS:
        metric = row.make()
        same(streamed(metric, y, a, weights, cuts), expected)
        metric.reset_state()
        same(streamed(metric, y, a, weights, cuts), expected)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if not row.keywords.get("num_regressors")], ids=repr
)  # which looks at the number of rows, not at what they weigh
def test_a_weight_is_how_often_a_row_counts(row):
    y, a, w = data(row)
    times = w.astype(int)
    same(row.make()(y, a, w), row.make()(np.repeat(y, times, 0), np.repeat(a, times, 0)))
    same(row.make()(y, a, w[:, None]), row.make()(y, a, w.astype(np.float32)))


@each
def test_single_precision_is_added_up_in_double(row):
    y, a, w = data(row, dtype=np.float32)
    doubled = y if y.dtype == np.intp else y.astype(np.float64)
    tolerance = 1e-6 if getattr(row.make(), "from_logits", False) else 1e-12
    same(row.make()(y, a, w), row.make()(doubled, a.astype(np.float64), w), tolerance)


@each
def test_any_layout_of_columns_and_numbers_means_the_same(row):
    y, a, w = data(row)
    expected = row.make()(y, a, w)
    same(row.make()(np.repeat(y, 2, 0)[::2], np.asfortranarray(a), w), expected)
    same(row.make()(y.tolist(), a.tolist(), w.tolist()), expected)


@each
def test_inputs_are_read_only_and_buffers_hold_nothing(row):
    y, a, w = data(row)
    for array in (y, a, w):
        array.flags.writeable = False
    metric, plain = row.make(), row.make()
    for start, stop in itertools.pairwise(CUTS[1]):
        part = slice(start, stop)
        metric.work.fill(np.nan)
        metric.update_state(y[part], a[part], w[part])
        plain.update_state(y[part], a[part], w[part])
    same(metric.result(), plain.result(), 0)


@pytest.mark.parametrize("row", [r for r in ROWS if not hasattr(r, "keeps_rows")], ids=repr)
def test_a_second_batch_allocates_nothing_that_grows_with_it(row):
    y, a, w = data(row, 100_000, dtype=np.float32)
    metric = row.make()
    with np.errstate():  # which puts the size of NumPy's own buffers back
        np.setbufsize(1024)
        for weights in (w, None):
            metric.update_state(y, a, weights)
            assert allocated(functools.partial(metric.update_state, y, a, weights)) < 80_000


@each
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_goes_on_by_itself(row, copied):
    y, a, w = data(row)
    metric = row.make()
    metric.update_state(y[:20], a[:20], w[:20])
    before = metric.result()
    other = copied(metric)
    other.update_state(y[20:], a[20:], w[20:])
    same(other.result(), row.make()(y, a, w))
    same(metric.result(), before, 0)


@each
def test_a_result_is_ones_own(row):
    y, a, w = data(row)
    metric = row.make()
    result = metric(y, a, w)
    if isinstance(result, np.ndarray):
        before = result.copy()
        result.fill(-1.0)
        same(metric.result(), before, 0)


@each
def test_what_is_refused_leaves_no_trace(row):
    y, a, w = data(row)
    bad = [(y[:-1], a, w[:-1]), (y, a[:-1], w), (y, a, w[:-1]), (y, a, np.ones((N, 2)))]
    bad += [(np.stack([y, y], 1), a, w), (y, a, ["a"] * N), *[(y, a[:, :2], w)] * (y.ndim > 1)]
    bad += [(np.full(y.shape, "a"), a, w), (y, np.full(a.shape, "a"), w)]
    for seen in (0, 10):
        metric, plain = row.make(), row.make()
        if seen:
            metric.update_state(y[:seen], a[:seen])
            plain.update_state(y[:seen], a[:seen])
        for wrong in bad:
            with pytest.raises(AnnlibError, match=row.cls.__name__):
                metric.update_state(*wrong)
        same(streamed(metric, y, a, w), streamed(plain, y, a, w), 0)


# -- scikit-learn's on the whole data --------------------------------------------------------------


def binary(rng, k=1):
    return rng.integers(0, 2, (N, k)), np.round(rng.random((N, k)), 2)


def labels_of(rng, k=4):
    return rng.integers(0, k, N), rng.dirichlet(np.full(k, 2.0), N)


def one_hot(rng, k=4):
    y, a = labels_of(rng, k)
    return np.eye(k)[y], a


def real(rng, k=3):
    return rng.normal(size=(N, k)), rng.normal(size=(N, k))


def positive(rng, k=2):
    return rng.uniform(0.5, 3, (N, k)), rng.uniform(0.5, 3, (N, k))


def several_labels(rng):
    return binary(rng, 3)


def one_column(rng):
    return real(rng, 1)


def row_means(function):
    """The weighted mean over rows of a function of one number an output."""
    return lambda y, a, w: np.average(function(y, a).mean(axis=1), weights=w)


def matrix(place):
    """One number of the confusion matrix at 0.5."""
    return lambda y, a, w: sk.confusion_matrix(y, a > 0.5, sample_weight=w)[place]


def f_score(average, threshold=None, beta=1.0):
    def of(y, a, w):
        if threshold is None:
            y, chosen = y.argmax(1), a.argmax(1)
        else:
            chosen = a > threshold
        return sk.fbeta_score(
            y, chosen, beta=beta, average=average, sample_weight=w, zero_division=0
        )

    return of


def by_label(score, average):
    """A score of the largest prediction of each row."""
    return lambda y, a, w: score(
        y, a.argmax(1), average=average, labels=range(4), sample_weight=w, zero_division=0
    )


def area(average, curve="ROC"):
    def of(y, a, w):
        score = sk.roc_auc_score if curve == "ROC" else sk.average_precision_score
        return score(np.eye(4)[y], a, average=average, sample_weight=w)

    return of


def ties(rng):
    """Labels, and scores that are often equal, or all 0."""
    return rng.integers(0, 4, N), rng.integers(-1, 2, (N, 4)).astype(float)


LABELLED = [
    *(
        (kind(average=average), labels_of, by_label(score, average))
        for kind, score in (
            (metrics.Precision, sk.precision_score),
            (metrics.Recall, sk.recall_score),
            (metrics.F1Score, sk.f1_score),
        )
        for average in (None, "micro", "macro", "weighted")
    ),
    (metrics.Precision(average="macro"), ties, by_label(sk.precision_score, "macro")),
    (metrics.F1Score("weighted"), ties, by_label(sk.f1_score, "weighted")),
    (
        metrics.Recall([0.2, 0.4], average="macro"),
        several_labels,
        lambda y, a, w: [
            sk.recall_score(y, a > t, average="macro", sample_weight=w, zero_division=0)
            for t in (0.2, 0.4)
        ],
    ),
    *(
        (metrics.AUC(None, curve, average=average), labels_of, area(average, curve))
        for curve in ("ROC", "PR")
        for average in (None, "micro", "macro", "weighted")
    ),
    (metrics.AUC(None, multi_label=True), labels_of, area("macro")),
    (metrics.AUC(None), labels_of, area("micro")),
    (
        metrics.AUC(None, average="weighted"),
        labels_of,
        lambda y, a, w: sk.roc_auc_score(
            y, a, multi_class="ovr", average="weighted", sample_weight=w
        ),
    ),
]


def poisson(y, a, w):
    deviance = sk.mean_poisson_deviance(y[:, 0], a[:, 0] + 1e-7, sample_weight=w)
    return deviance / 2 + np.average((y - y * np.log(y))[:, 0], weights=w) - 1e-7


def best_at(condition, score, least):
    """The best score of the thresholds in steps of 0.01 at which another one is large enough."""

    def of(y, a, w):
        cut = [(y, a > i / 100) for i in range(101)]
        return max(
            (score(*c, sample_weight=w) for c in cut if condition(*c, sample_weight=w) >= least),
            default=0.0,
        )

    return of


precision = functools.partial(sk.precision_score, zero_division=0)
specificity = functools.partial(sk.recall_score, pos_label=0)


def of_columns(coefficient):
    """The mean over the columns of what NumPy's covariance matrix and the means give."""

    def of(y, a, w):
        found = []
        for one, other in zip(y.T, a.T, strict=True):
            gap = np.average(one, weights=w) - np.average(other, weights=w)
            found.append(coefficient(np.cov(one, other, ddof=0, aweights=w), gap))
        return np.mean(found)

    return of


def of_rows(of):
    return lambda y, a, w: np.average(
        [of(row[:, None], other[:, None], None) for row, other in zip(y, a, strict=True)], weights=w
    )


pearson = of_columns(lambda c, gap: c[0, 1] / np.sqrt(c[0, 0] * c[1, 1]))
concordance = of_columns(lambda c, gap: 2 * c[0, 1] / (np.trace(c) + gap**2 + 1e-7))

REFERENCES = [
    *LABELLED,
    (metrics.Accuracy(), lambda r: (r.integers(0, 3, N), r.integers(0, 3, N)), sk.accuracy_score),
    (metrics.TruePositives(), binary, matrix((1, 1))),
    (metrics.TrueNegatives(), binary, matrix((0, 0))),
    (metrics.FalsePositives(), binary, matrix((0, 1))),
    (metrics.FalseNegatives(), binary, matrix((1, 0))),
    (
        metrics.Precision(0.3),
        binary,
        lambda y, a, w: sk.precision_score(y, a > 0.3, sample_weight=w),
    ),
    (
        metrics.Recall([0.7, 0.3]),
        binary,
        lambda y, a, w: [sk.recall_score(y, a > t, sample_weight=w) for t in (0.7, 0.3)],
    ),
    (
        metrics.Recall(class_id=1),
        several_labels,
        lambda y, a, w: sk.recall_score(y[:, 1], a[:, 1] > 0.5, sample_weight=w),
    ),
    (
        metrics.Recall(top_k=2),
        one_hot,
        lambda y, a, w: sk.top_k_accuracy_score(
            y.argmax(1), a, k=2, sample_weight=w, labels=range(4)
        ),
    ),
    (metrics.AUC(None), binary, lambda y, a, w: sk.roc_auc_score(y, a, sample_weight=w)),
    (
        metrics.AUC(None, "PR"),
        binary,
        lambda y, a, w: sk.average_precision_score(y, a, sample_weight=w),
    ),
    (
        metrics.AUC(None, multi_label=True),
        several_labels,
        lambda y, a, w: sk.roc_auc_score(y, a, average="macro", sample_weight=w),
    ),
    (
        metrics.AUC(None, label_weights=[1, 0, 2]),
        several_labels,
        lambda y, a, w: sk.roc_auc_score(
            y.ravel(),
            a.ravel(),
            sample_weight=np.outer(np.ones(N) if w is None else w, [1, 0, 2]).ravel(),
        ),
    ),
    (
        metrics.PrecisionAtRecall(0.4, 101),
        binary,
        best_at(sk.recall_score, precision, 0.4),
    ),
    (
        metrics.RecallAtPrecision(0.5, 101),
        binary,
        best_at(precision, sk.recall_score, 0.5),
    ),
    (
        metrics.SensitivityAtSpecificity(0.6, 101),
        binary,
        best_at(specificity, sk.recall_score, 0.6),
    ),
    (
        metrics.SpecificityAtSensitivity(0.3, 101),
        binary,
        best_at(sk.recall_score, specificity, 0.3),
    ),
    (metrics.PearsonCorrelation(), real, of_rows(pearson)),
    (metrics.PearsonCorrelation(axis=0), real, pearson),
    (metrics.ConcordanceCorrelation(), real, of_rows(concordance)),
    (metrics.ConcordanceCorrelation(axis=0), one_column, concordance),
    (
        metrics.SparseTopKCategoricalAccuracy(2, from_sorted_ids=True),
        lambda r: (r.integers(0, 4, N), np.argsort(r.random((N, 4)))),
        lambda y, a, w: np.average((a[:, :2] == y[:, None]).any(axis=1), weights=w),
    ),
    (metrics.F1Score(), one_hot, f_score(None)),
    (metrics.F1Score("macro"), one_hot, f_score("macro")),
    (metrics.F1Score("micro"), one_hot, f_score("micro")),
    (metrics.F1Score("weighted", 0.4), several_labels, f_score("weighted", 0.4)),
    (metrics.F1Score("micro", 0.6), several_labels, f_score("micro", 0.6)),
    (metrics.FBetaScore("macro", 2.0), one_hot, f_score("macro", beta=2.0)),
    (metrics.FBetaScore(None, 0.5, 0.4), several_labels, f_score(None, 0.4, 0.5)),
    (
        metrics.R2Score(),
        real,
        lambda y, a, w: sk.r2_score(y, a, sample_weight=w),
    ),
    (
        metrics.R2Score(None),
        real,
        lambda y, a, w: sk.r2_score(y, a, sample_weight=w, multioutput="raw_values"),
    ),
    (
        metrics.R2Score("variance_weighted_average"),
        lambda r: tuple(part * [1, 10, 0.1] + 1e4 for part in real(r)),
        lambda y, a, w: sk.r2_score(y, a, sample_weight=w, multioutput="variance_weighted"),
    ),
    (
        metrics.TopKCategoricalAccuracy(2),
        one_hot,
        lambda y, a, w: sk.top_k_accuracy_score(
            y.argmax(1), a, k=2, sample_weight=w, labels=range(4)
        ),
    ),
    (
        metrics.SparseTopKCategoricalAccuracy(3),
        labels_of,
        lambda y, a, w: sk.top_k_accuracy_score(y, a, k=3, sample_weight=w, labels=range(4)),
    ),
    (
        metrics.RootMeanSquaredError(),
        one_column,
        lambda y, a, w: sk.root_mean_squared_error(y, a, sample_weight=w),
    ),
    (
        metrics.MeanAbsolutePercentageError(),
        real,
        lambda y, a, w: 100 * sk.mean_absolute_percentage_error(y, a, sample_weight=w),
    ),
    (
        metrics.MeanSquaredLogarithmicError(),
        positive,
        lambda y, a, w: sk.mean_squared_log_error(y, a, sample_weight=w),
    ),
    (metrics.LogCoshError(), real, row_means(lambda y, a: np.log(np.cosh(a - y)))),
    (
        metrics.CosineSimilarity(),
        real,
        lambda y, a, w: 1 - np.average(paired_cosine_distances(y, a), weights=w),
    ),
    (
        metrics.BinaryCrossentropy(),
        lambda r: (binary(r)[0], r.uniform(0.1, 0.9, (N, 1))),
        lambda y, a, w: sk.log_loss(y, a, sample_weight=w),
    ),
    (
        metrics.BinaryCrossentropy(from_logits=True),
        lambda r: (binary(r)[0], r.normal(size=(N, 1))),
        lambda y, a, w: sk.log_loss(y, scipy.special.expit(a), sample_weight=w),
    ),
    (
        metrics.CategoricalCrossentropy(),
        one_hot,
        lambda y, a, w: sk.log_loss(y, a, sample_weight=w),
    ),
    (
        metrics.SparseCategoricalCrossentropy(from_logits=True),
        lambda r: (labels_of(r)[0], r.normal(size=(N, 4))),
        lambda y, a, w: sk.log_loss(
            y, scipy.special.softmax(a, axis=1), sample_weight=w, labels=range(4)
        ),
    ),
    (
        metrics.KLDivergence(),
        lambda r: (labels_of(r)[1], labels_of(r)[1]),
        lambda y, a, w: np.average(scipy.special.rel_entr(y, a).sum(1), weights=w),
    ),
    (metrics.Poisson(), lambda r: positive(r, 1), poisson),
    (
        metrics.Hinge(),
        lambda r: (binary(r)[0], r.normal(size=(N, 1))),
        lambda y, a, w: sk.hinge_loss(y[:, 0], a[:, 0], sample_weight=w),
    ),
    (
        metrics.SquaredHinge(),
        lambda r: (r.choice([-1, 1], (N, 2)), r.normal(size=(N, 2))),
        row_means(lambda y, a: np.where(y * a < 1, 1 - y * a, 0) ** 2),
    ),
    (
        metrics.CategoricalHinge(),
        one_hot,
        lambda y, a, w: sk.hinge_loss(y.argmax(1), a, sample_weight=w, labels=range(4)),
    ),
]


@pytest.mark.parametrize("case", range(len(REFERENCES)), ids=lambda i: repr(REFERENCES[i][0]))
@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_scikit_learn_says_of_all_rows(case, seed):
    metric, draw, reference = REFERENCES[case]
    rng = np.random.default_rng([seed, case])
    y, a = draw(rng)
    w = None if seed % 2 else rng.uniform(0, 2, N)
    expected = (
        reference(y, a, w)
        if reference is not sk.accuracy_score
        else reference(y, a, sample_weight=w)
    )
    metric = metric.clone()
    found = streamed(metric, y, a, w, CUTS[seed % 3])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_every_metric_has_a_reference():
    """Those that were before are compared in ``test_metrics``, by drawn problems."""
    elsewhere = {"BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy"}
    elsewhere |= {"MeanSquaredError", "MeanAbsoluteError", "Mean", "Sum"}
    compared = {type(metric).__name__ for metric, *_ in REFERENCES} | elsewhere
    assert {row.cls.__name__ for row in METRICS} == compared
