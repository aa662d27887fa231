"""Pictures of what columns do show the numbers that the estimators give."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

from annlib import ConfigurationError, DataError, TabularClassifier, TabularRegressor, plots

pd = pytest.importorskip("pandas")
SHORT = {"epochs": 20, "members": 1, "random_state": 0}
N = 120


def frame():
    rng = np.random.default_rng(0)
    found = pd.DataFrame(
        {
            "age": rng.integers(17, 80, N).astype(float),
            "profit in $": rng.normal(size=N),
            "town": rng.choice(["Aa", "Bb", "Cc"], N),
            "constant": 1.0,
        }
    )
    found.loc[::5, "age"] = np.nan
    return found


X = frame()
AMOUNT = X["profit in $"].to_numpy() * 2 + (X["town"] == "Aa").to_numpy()
CLASSES = np.array(["low", "middle", "high"])[np.digitize(AMOUNT, [-0.5, 1])]


@pytest.fixture(scope="module")
def number():
    return TabularRegressor(**SHORT).fit(X, AMOUNT)


@pytest.fixture(scope="module")
def two():
    return TabularClassifier(**SHORT).fit(X, AMOUNT > 0)


@pytest.fixture(scope="module")
def three():
    return TabularClassifier(**SHORT).fit(X, CLASSES)


def labels(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def widths(ax):
    return [bar.get_width() for bar in ax.patches]


# -- importances -----------------------------------------------------------------------------------


def test_importances_are_bars_in_their_order(number, canvas):
    given = canvas.subplots()[1]
    assert plots.feature_importances(number, ax=given) is given
    assert len(canvas.get_fignums()) == 1
    found = number.feature_importances_
    assert widths(given) == sorted(found, reverse=True)
    assert labels(given)[0] == "profit in \\$"
    assert set(labels(given)) == {"age", "profit in \\$", "town", "constant"}
    assert "squared error" in given.get_xlabel()


def test_the_most_important_alone(two):
    ax = plots.feature_importances(two, most=2)
    assert widths(ax) == sorted(two.feature_importances_)[:1:-1]
    assert "2 more" in ax.get_title()
    assert "logarithmic loss" in ax.get_xlabel()


def test_importances_of_another_estimator():
    forest = RandomForestClassifier(5, random_state=0).fit(X[["profit in $"]].to_numpy(), CLASSES)
    ax = plots.feature_importances(forest)
    assert (labels(ax), widths(ax)) == (["column 0"], [1.0])


def test_what_has_no_importances(three):
    with pytest.raises(NotFittedError):
        plots.feature_importances(TabularClassifier())
    with pytest.raises(ConfigurationError, match="with feature_importances_, such as"):
        plots.feature_importances(LinearRegression().fit([[0], [1]], [0, 1]))
    with pytest.raises(ConfigurationError, match="as an estimator, got 3"):
        plots.feature_importances(3)
    with pytest.raises(ConfigurationError, match="most as an integer >= 1"):
        plots.feature_importances(three, most=0)


# -- contributions ---------------------------------------------------------------------------------


def test_the_bars_of_a_row_lead_to_its_prediction(number):
    row = X[7:8]
    ax = plots.contributions(number, row)
    amounts = number.contributions(row)[0]
    order = np.argsort(-abs(amounts))[: np.count_nonzero(amounts)]
    np.testing.assert_allclose(widths(ax), amounts[order])
    starts = np.array([bar.get_x() for bar in ax.patches])
    base = number.typical_prediction_[0]
    np.testing.assert_allclose(starts[-1], base)
    np.testing.assert_allclose(starts[:-1], starts[1:] + widths(ax)[1:])
    assert starts[0] + widths(ax)[0] == pytest.approx(number.predict(row)[0], rel=1e-6)
    at_ends = [line.get_xdata()[0] for line in ax.lines]
    np.testing.assert_allclose(at_ends, [base, base + amounts.sum()])
    assert any(label.startswith("profit in \\$ = ") for label in labels(ax))
    assert ax.get_xlabel() == "prediction"


def test_the_other_columns_are_one_bar(number):
    row = X[5:6]
    ax = plots.contributions(number, row, most=1)
    amounts = number.contributions(row)[0]
    assert sum(widths(ax)) == pytest.approx(amounts.sum())
    assert labels(ax)[1] == f"{np.count_nonzero(amounts) - 1} more columns"
    every = labels(plots.contributions(number, row))
    assert "age is missing" in every
    assert f"town = {row['town'].iloc[0]}" in every


def test_the_dots_of_many_rows(two):
    ax = plots.contributions(two, X[:30])
    amounts = two.contributions(X[:30])
    order = np.argsort(-abs(amounts).mean(axis=0), kind="stable")
    assert labels(ax) == [list(X)[k].replace("$", r"\$") for k in order]
    dots = np.concatenate([np.asarray(c.get_offsets()) for c in ax.collections])
    for place, k in enumerate(order):
        at = dots[np.abs(dots[:, 1] - place) < 0.5, 0]
        np.testing.assert_allclose(np.sort(at), np.sort(amounts[:, k]))
    assert ax.get_xlabel() == "change of log odds of True"


@pytest.mark.parametrize("kind", ["array", "list", "polars"])
def test_tables_of_any_kind(number, kind):
    rows = {
        "array": lambda: X.to_numpy(),
        "list": lambda: X.to_numpy().tolist(),
        "polars": lambda: pytest.importorskip("polars").DataFrame(X.to_dict("list")),
    }[kind]()
    if kind == "polars":
        assert labels(plots.contributions(number, rows[:9]))
    else:
        with pytest.warns(UserWarning, match="feature names"):
            assert labels(plots.contributions(number, rows[:9]))


def test_of_several_classes_a_row_explains_its_most_probable_one(three):
    for wanted in three.classes_:
        row = X[wanted == CLASSES][:1]
        ax = plots.contributions(three, row)
        label = three.predict(row)[0]
        assert ax.get_xlabel() == f"log probability of {label}"
        place = three.classes_.tolist().index(label)
        end = np.log(three.predict_proba(row)[0, place])
        assert float(legend(ax)[1].removeprefix("this row: ")) == pytest.approx(end, rel=1e-3)


def test_of_several_classes_many_rows_have_an_axes_each(three):
    axes = plots.contributions(three, X[:9])
    assert [ax.get_xlabel() for ax in axes] == [
        f"change of log probability of {label}" for label in three.classes_
    ]
    one = plots.contributions(three, X[:9], target="low")
    assert one.get_xlabel() == "change of log probability of low"
    with pytest.raises(ConfigurationError, match=r"target as one of \['high', .*, got 'huge'"):
        plots.contributions(three, X[:9], target="huge")


def test_several_columns_of_y(canvas):
    y = np.stack([AMOUNT, -AMOUNT], axis=1)
    net = TabularRegressor(**SHORT).fit(X, y)
    given = canvas.subplots(1, 2)[1]
    axes = plots.contributions(net, X[:1], ax=given)
    assert [ax.get_xlabel() for ax in axes] == ["prediction of column 0", "prediction of column 1"]
    assert plots.contributions(net, X[:1], target=1).get_xlabel() == "prediction of column 1"
    both = TabularClassifier(**SHORT).fit(X, np.stack([CLASSES, AMOUNT > 0], axis=1).astype(str))
    assert len(plots.contributions(both, X[:5])) == 5
    flags = TabularClassifier(**SHORT).fit(X, (y > 0).astype(int))
    assert len(plots.contributions(flags, X[:5])) == 2


def test_what_has_no_contributions():
    with pytest.raises(NotFittedError):
        plots.contributions(TabularRegressor(), X)
    with pytest.raises(ConfigurationError, match="with contributions, such as"):
        plots.contributions(LinearRegression().fit([[0], [1]], [0, 1]), [[1]])


def test_a_row_that_is_the_typical_one_and_a_table_without_rows(number):
    middle = X.assign(town=X["town"].mode()[0])[:1]
    middle["age"], middle["profit in $"] = X["age"].median(), X["profit in $"].median()
    ax = plots.contributions(number, middle)
    assert abs(sum(widths(ax))) < 1e-3
    with pytest.raises(DataError, match="with rows and columns"):
        plots.contributions(number, X[:0])


def test_before_fit_there_is_no_typical_prediction(number):
    with pytest.raises(AttributeError, match="typical_prediction_"):
        _ = TabularRegressor().typical_prediction_
    assert number.typical_prediction_.shape == (1,)
