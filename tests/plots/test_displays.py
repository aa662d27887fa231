"""Scikit-learn's displays of a bare model and of an estimator show what their numbers are."""

from __future__ import annotations

import numpy as np
import pytest
from plots.geometry import check_texts, shown_texts
from sklearn.datasets import make_blobs
from sklearn.metrics import confusion_matrix as sklearn_matrix
from sklearn.naive_bayes import GaussianNB

from annlib import Sequential, layers, losses, plots
from annlib.core.errors import ConfigurationError, DataError, NotBuiltError, ShapeError
from annlib.plots.adapter import SequentialAsClassifier, as_estimator, labels
from annlib.plots.axes import MARKERS

X, Y = make_blobs(120, centers=3, random_state=2, cluster_std=2.0)
X = (X - X.mean(axis=0)) / X.std(axis=0)


def fitted(units=3, activation="softmax", loss="sparse_categorical_crossentropy", y=Y, **how):
    model = Sequential([layers.Dense(8, "tanh"), layers.Dense(units, activation)], seed=0)
    model.compile("adam", loss)
    model.fit(X, y, epochs=20, verbose=0)
    return model


def binary(activation="sigmoid", loss="binary_crossentropy", y=None):
    return fitted(1, activation, loss, (Y > 0) * 1 if y is None else y)


def test_the_confusion_matrix_is_that_of_the_predictions(canvas):
    model = fitted()
    given = canvas.subplots()[1]
    for y in (Y, Y[:, None], np.eye(3)[Y]):
        given.clear()
        assert plots.confusion_matrix(model, X, y, ax=given) is given
        shown = [int(text.get_text()) for text in given.texts]
        assert shown == sklearn_matrix(Y, model.predict(X).argmax(axis=1)).ravel().tolist()
    assert len(canvas.get_fignums()) == 1


def test_an_estimator_is_taken_as_it_is():
    names = np.array(["a", "b", "c"])[Y]
    estimator = GaussianNB().fit(X, names)
    ax = plots.confusion_matrix(estimator, X, names, normalize="true")
    expected = sklearn_matrix(names, estimator.predict(X), normalize="true")
    shown = [float(text.get_text()) for text in ax.texts]
    np.testing.assert_allclose(shown, expected.ravel(), atol=6e-3)
    boundary = plots.decision_boundary(estimator, X, names)
    assert [t.get_text() for t in boundary.get_legend().get_texts()] == ["a", "b", "c"]


def test_the_boundary_of_several_classes_is_where_the_largest_output_changes():
    model = fitted()
    ax = plots.decision_boundary(model, X, Y)
    (mesh,) = (c for c in ax.collections if "QuadMesh" in type(c).__name__)
    points = mesh.get_coordinates()
    centres = (points[1:, 1:] + points[:-1, :-1]) / 2
    expected = model.predict(centres.reshape(-1, 2)).argmax(axis=1)
    np.testing.assert_array_equal(np.ravel(mesh.get_array()), expected)
    dots = [c.get_offsets() for c in ax.collections if "Path" in type(c).__name__]
    assert [len(offsets) for offsets in dots] == np.bincount(Y).tolist()
    assert ax.get_xlabel() == "feature 0"


@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        ("sigmoid", "binary_crossentropy"),
        (None, losses.BinaryCrossentropy(from_logits=True)),
        ("tanh", "hinge"),
    ],
    ids=["probabilities", "logits", "hinge"],
)
def test_the_line_of_two_classes_is_where_they_are_even(activation, loss):
    model = binary(activation, loss)
    middle = 0.5 if activation == "sigmoid" else 0.0
    ax = plots.decision_boundary(model, X, Y > 0)
    line = ax.collections[1].get_paths()[0].vertices
    np.testing.assert_allclose(model.predict(line)[:, 0], middle, atol=0.02)
    taken = as_estimator(model, "").predict(X)
    np.testing.assert_array_equal(taken, model.predict(X)[:, 0] > middle)
    rows = SequentialAsClassifier(model).predict_proba(X).sum(axis=1)
    np.testing.assert_allclose(rows, 1, rtol=1e-6)


def test_logits_become_the_probabilities_that_softmax_gives():
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model = fitted(activation=None, loss=loss)
    Z = model.predict(X)
    expected = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(SequentialAsClassifier(model).predict_proba(X), expected, rtol=1e-5)


@pytest.mark.parametrize("after", [layers.Dropout(0.1), layers.Flatten(), layers.Identity()])
def test_a_network_classifies_whatever_keeps_its_probabilities(after):
    stack = [layers.Input((2,)), layers.Dense(3, "softmax"), after]
    assert isinstance(as_estimator(Sequential(stack), ""), SequentialAsClassifier)


def test_a_learning_curve_trains_models_of_its_own(canvas):
    model = fitted()
    before = [w.tobytes() for w in model.weights]
    sizes = [0.5, 1.0]
    how = {"cv": 3, "train_sizes": sizes, "fit": {"epochs": 15, "batch_size": 8}}
    ax = plots.learning_curve(model, X, Y, **how)
    assert [w.tobytes() for w in model.weights] == before
    train, test = (line.get_ydata() for line in ax.lines)
    assert ax.lines[0].get_xdata().tolist() == [40, 80]
    assert ax.get_ylabel().lower() == "accuracy"
    # The last point is three networks trained as the first one was, which can be done by hand.
    from sklearn.model_selection import StratifiedKFold

    scores = []
    for rows, held_out in StratifiedKFold(3).split(X, Y):
        clone = model.clone()
        clone.compile("adam", "sparse_categorical_crossentropy")
        clone.fit(X[rows], Y[rows], epochs=15, batch_size=8, verbose=0)
        scores.append(np.mean(clone.predict(X[held_out]).argmax(axis=1) == Y[held_out]))
    assert test[1] == pytest.approx(np.mean(scores))
    assert np.all(train <= 1)
    given = canvas.subplots()[1]
    estimator = GaussianNB()
    assert plots.learning_curve(estimator, X, Y, ax=given, cv=3, train_sizes=sizes) is given


def test_a_regression_has_a_learning_curve_and_no_classes():
    model = fitted(1, None, "mse", X[:, 0])
    ax = plots.learning_curve(model, X, X[:, 0] * 2, cv=3, train_sizes=[0.5, 1.0])
    assert ax.get_ylabel() == "R²"
    assert model.history.params["epochs"] == 20
    for draw in (plots.decision_boundary, plots.confusion_matrix):
        with pytest.raises(ConfigurationError, match="expected a classifier"):
            draw(model, X, Y)


def test_what_cannot_be_drawn_is_refused():
    model = fitted()
    for call, error, said in (
        (lambda: plots.decision_boundary(model, X[:, :1]), ShapeError, r"\(n, 2\).*\(120, 1\)"),
        (lambda: plots.confusion_matrix(3, X, Y), ConfigurationError, "Sequential or a scikit"),
        (
            lambda: plots.confusion_matrix(model, X, np.ones((120, 3))),
            DataError,
            "several classes",
        ),
        (
            lambda: plots.learning_curve(GaussianNB(), X, Y, fit={"epochs": 1}),
            ConfigurationError,
            "bare Sequential only",
        ),
        (
            lambda: plots.confusion_matrix(Sequential([layers.Dense(3, "softmax")]), X, Y),
            NotBuiltError,
            "built model",
        ),
    ):
        with pytest.raises(error, match=said):
            call()


@pytest.mark.parametrize("classes", [10, 24])
def test_many_classes_have_colours_of_their_own(classes):
    y = np.arange(120) % classes
    ax = plots.decision_boundary(fitted(classes, y=y), X, y)
    dots = [c for c in ax.collections if "Path" in type(c).__name__]
    assert len({tuple(c.get_facecolor()[0]) for c in dots}) == classes


def test_labels_of_every_form():
    for y in (Y, Y.tolist(), Y[:, None], np.eye(3)[Y], np.eye(3, dtype=bool)[Y]):
        np.testing.assert_array_equal(labels(y, "plots"), Y)


# -- many classes, and long names ------------------------------------------------------------------


class Wheel:
    """A fitted classifier of so many classes that is right in two of three cases."""

    def __init__(self, names):
        self.classes_ = np.array(names)

    def get_params(self, deep=True):
        return {}

    def predict(self, X):
        true = X[:, 0].astype(int)
        return self.classes_[np.where(X[:, 1] > 1 / 3, true, (true + 1) % len(self.classes_))]


def matrix_of(names, **how):
    classes = np.arange(len(names)).repeat(30)
    x = np.column_stack([classes, np.random.default_rng(0).uniform(size=len(classes))])
    wheel = Wheel(names)
    return plots.confusion_matrix(wheel, x, wheel.classes_[classes], **how), wheel, x, classes


def long_names(count):
    return [f"{k:03} Größe in μm, Überlänge, äöüß"[:30] for k in range(count)]


@pytest.mark.parametrize("names", [list("abc"), long_names(2), long_names(8), long_names(15)])
@pytest.mark.parametrize("how", [{}, {"normalize": "true"}, {"colorbar": True}])
def test_a_matrix_of_a_few_classes_has_numbers_in_their_cells(names, how):
    ax, wheel, x, classes = matrix_of(names, **how)
    check_texts(ax.figure)
    expected = sklearn_matrix(
        wheel.classes_[classes], wheel.predict(x), normalize=how.get("normalize")
    )
    np.testing.assert_allclose([float(t.get_text()) for t in ax.texts], expected.ravel(), atol=6e-3)
    cell = np.diff(ax.transData.transform([[0, 0], [1, 1]]), axis=0)[0]
    for text, box in shown_texts(ax.figure):
        if text in ax.texts:
            assert box.width <= abs(cell[0])
            assert box.height <= abs(cell[1])
            assert text.get_fontsize() >= 5
    for axis in (ax.xaxis, ax.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == names


@pytest.mark.parametrize("count", [45, 100, 250])
@pytest.mark.parametrize("long", [False, True])
def test_a_matrix_of_many_classes_has_a_bar_in_the_place_of_numbers(count, long):
    names = long_names(count) if long else list(map(str, range(count)))
    ax, *_ = matrix_of(names)
    check_texts(ax.figure)
    assert not ax.texts
    (bar,) = (other for other in ax.figure.axes if other is not ax)
    assert bar.get_ylabel() == "rows"
    assert max(ax.figure.get_size_inches()) < 13
    own = sorted(names)  # as scikit-learn orders the classes
    for axis in (ax.xaxis, ax.yaxis):
        places = axis.get_majorticklocs().astype(int)
        assert 10 <= len(places) <= 45
        assert len(set(np.diff(places))) == 1
        shown = [label.get_text() for label in axis.get_ticklabels()]
        assert shown == [own[place] for place in places]


def test_what_the_user_asks_for_is_drawn():
    names = list(map(str, range(45)))
    ax, *_ = matrix_of(names, include_values=True, colorbar=False, xticks_rotation=30)
    assert len(ax.texts) == 45**2
    assert len(ax.figure.axes) == 1
    assert ax.get_xticklabels()[0].get_rotation() == 30
    for normalize, said in (("true", "true class"), ("pred", "predicted"), ("all", "all rows")):
        ax, *_ = matrix_of(list("abc"), normalize=normalize, colorbar=True)
        assert said in ax.figure.axes[1].get_ylabel()


def test_names_are_of_all_classes_some_of_which_may_not_be_there():
    x = np.array([[0.0, 1.0], [1.0, 1.0]])
    wheel = Wheel([0, 1, 2])
    ax = plots.confusion_matrix(wheel, x, [0, 1], display_labels=["no", "yes", "unseen"])
    assert [text.get_text() for text in ax.texts] == list("100010000")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["no", "yes", "unseen"]
    with pytest.raises(ConfigurationError, match="display_labels as 2 names, of "):
        plots.confusion_matrix(wheel, x, [0, 1], display_labels=["no"])


@pytest.mark.parametrize("classes", [2, 5, 24])
def test_classes_differ_in_their_shapes_too(classes):
    y = np.arange(120) % classes
    model = binary() if classes == 2 else fitted(classes, y=y)
    ax = plots.decision_boundary(model, X, y)
    check_texts(ax.figure)
    dots = [c for c in ax.collections if type(c).__name__ == "PathCollection"]
    shapes = {c.get_paths()[0].vertices.tobytes() for c in dots}
    assert len(shapes) == min(classes, len(MARKERS)) > 1
    assert len(ax.get_legend().get_texts()) == classes
    bars = [other for other in ax.figure.axes if other is not ax]
    assert [bar.get_ylabel() for bar in bars] == ["probability of 1"] * (classes == 2)
