"""Tables as they come: each kind of column, frames of pandas and polars, and what is refused."""

from __future__ import annotations

import datetime as dt
import functools
from decimal import Decimal

import numpy as np
import pytest
import scipy.sparse
from sklearn.metrics import log_loss

from annlib import DataError, TabularClassifier, TabularRegressor

pd = pytest.importorskip("pandas")

SHORT = {"epochs": 4, "members": 1, "random_state": 0}
N = 90


def frame():
    """All kinds of columns at once."""
    rng = np.random.default_rng(0)
    found = pd.DataFrame(
        {
            "number": rng.normal(size=N),
            "integer": rng.integers(0, 50, N),
            "boolean": rng.random(N) < 0.5,
            "text": rng.choice(["a", "b", "c"], N),
            "category": pd.Categorical(rng.integers(10, 14, N)),
            "nullable": pd.array([None if k % 9 == 0 else k % 5 for k in range(N)], "Int64"),
            "perhaps": pd.array([None if k % 4 == 0 else k % 3 == 0 for k in range(N)], "boolean"),
            "string": pd.array([None if k % 5 == 0 else "uvw"[k % 3] for k in range(N)], "string"),
            "constant": 1.0,
            "nothing": np.nan,
            "or missing": np.where(rng.random(N) < 0.5, 1.0, np.nan),
            "zeros": np.where(rng.random(N) < 0.9, 0, rng.exponential(size=N)),
            "heavy": rng.standard_cauchy(N) ** 3,
            "huge": rng.normal(size=N) * 1e300,
            "tiny": rng.normal(size=N) * 1e-300,
            "many": [f"name {k % 40}" for k in range(N)],
            "once": [f"id {k}" for k in range(N)],
            "mixed": [(1, "x", None)[k % 3] for k in range(N)],
        }
    )
    found["copy"] = found["integer"]
    found.loc[::7, "number"] = np.nan
    found.loc[::6, "text"] = None
    found.loc[3, "category"] = np.nan
    return found


LABELS = np.where(frame()["heavy"] > 0, "yes", "no")


def fitted(X, **arguments):
    return TabularClassifier(**{**SHORT, **arguments}).fit(X, LABELS)


# -- what becomes of columns -----------------------------------------------------------------------


def test_all_kinds_of_columns_at_once():
    net = fitted(frame())
    assert net.columns_ == {
        "number": ["number", "integer", "nullable", "zeros", "heavy", "huge", "tiny"],
        "binary": ["boolean", "perhaps", "or missing"],
        "one-hot": ["text", "category", "string", "mixed"],
        "embedded": ["many"],
        "dropped": ["constant", "nothing", "once", "copy"],
    }
    assert np.isfinite(net.predict_proba(frame())).all()
    assert net.feature_importances_.shape == (19,)
    assert (net.feature_importances_[[8, 9, 16, 18]] == 0).all()
    y = np.random.default_rng(0).normal(size=(N, 2))
    several = TabularRegressor(**SHORT).fit(frame(), y)
    assert several.columns_ == net.columns_
    assert several.predict(frame()).shape == (N, 2)
    assert np.isfinite(several.predict(frame())).all()


@pytest.mark.parametrize("column", list(frame()))
def test_each_kind_alone(column):
    X = frame()[[column]]
    net = fitted(X)
    assert np.isfinite(net.predict_proba(X)).all()
    nothing = pd.DataFrame({column: [None, None]})
    assert np.isfinite(net.predict_proba(nothing)).all()


def test_columns_that_tell_the_target_are_used():
    """Of each kind a column that alone tells the class."""
    yes = LABELS == "yes"
    rng = np.random.default_rng(0)
    found = {
        "missing": np.where(yes, rng.normal(size=N), np.nan),
        "binary": yes * 2 - 7,
        "flag": np.where(yes, 5.0, np.nan),
        "text": np.where(yes, "on", "off"),
        "no text": np.where(yes, "on", None),
        "codes": np.where(yes, rng.integers(0, 20, N), rng.integers(20, 40, N)).astype(str),
        "zeros": np.where(yes, rng.exponential(size=N), 0),
        "far": np.where(yes, 1e9, 0) + rng.normal(size=N),
    }
    for name, values in found.items():
        X = pd.DataFrame({name: values, "noise": rng.normal(size=N)})
        net = TabularClassifier(epochs=150, members=1, random_state=0).fit(X, LABELS)
        assert net.score(X, LABELS) > 0.9, name


def test_categories_that_are_named():
    X = frame()
    by_name = fitted(X, categorical_features=["integer", "zeros"])
    assert "integer" in by_name.columns_["one-hot"] + by_name.columns_["embedded"]
    assert "category" in by_name.columns_["number"]
    assert "text" in by_name.columns_["one-hot"]
    mask = np.isin(X.columns, ["integer", "zeros"])
    for same in (mask, mask.tolist(), [1, 11], np.array([1, 11])):
        other = fitted(X, categorical_features=same)
        assert np.array_equal(other.predict_proba(X), by_name.predict_proba(X))
    numbers = X[["number", "integer", "category"]]
    assert fitted(numbers, categorical_features=None).columns_["number"] == list(numbers)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["other"], "names among .*, got 'other'"),
        ([19], r"positions in \[0, 18\], got 19"),
        ([-1], r"positions in \[0, 18\], got -1"),
        ([True], "a bool for each of the 19 columns"),
        ([1.5], "positions, names or a mask"),
    ],
)
def test_categories_that_are_not_there(given, message):
    with pytest.raises(DataError, match=message):
        fitted(frame(), categorical_features=given)
    if isinstance(given[0], str):
        with pytest.raises(DataError, match="positions, as X has no names"):
            fitted(np.ones((N, 2)), categorical_features=given)


def test_what_was_unknown_at_fit():
    X = frame()
    net = fitted(X)
    other = X.head(4).copy()
    other["text"], other["many"], other["string"] = "new", "new", "new"
    other["category"] = pd.Categorical([99] * 4)
    other["boolean"] = [5, -5, 0, 1]
    other["number"] = [1e308, -1e308, 0.0, np.nan]
    assert np.isfinite(net.predict_proba(other)).all()
    # A category that is unknown is like one that was there once.
    X["many"] = [f"name {min(k, 39)}" for k in range(N)]
    net = fitted(X)
    assert net.columns_["one-hot"][2] == "string"
    one, two = (X.head(1).assign(many=text) for text in ("name 3", "never"))
    assert np.array_equal(net.predict_proba(one), net.predict_proba(two))


# -- the same table in other forms -----------------------------------------------------------------


def test_polars_like_pandas():
    pl = pytest.importorskip("polars")
    X = frame()[["number", "integer", "boolean", "text", "heavy", "many"]]
    columns = {name: [None if pd.isna(v) else v for v in X[name]] for name in X}
    Y = pl.DataFrame(columns)
    net = fitted(X)
    assert np.array_equal(net.predict_proba(X), fitted(Y).predict_proba(Y))
    assert np.array_equal(net.predict_proba(X), net.predict_proba(Y))
    kinds = Y.with_columns(pl.col("text").cast(pl.Categorical), pl.col("many").cast(pl.String))
    assert np.array_equal(net.predict_proba(X), fitted(kinds).predict_proba(kinds))


def test_arrays_and_lists_of_objects():
    X = frame()[["number", "boolean", "text", "many"]]
    net = fitted(X)
    objects = X.to_numpy(dtype=object)
    with pytest.warns(UserWarning, match="valid feature names"):
        found = net.predict_proba(objects)
    assert np.array_equal(found, net.predict_proba(X))
    nameless = fitted(objects)
    assert np.array_equal(nameless.predict_proba(objects), found)
    assert np.array_equal(fitted(objects.tolist()).predict_proba(objects.tolist()), found)


def test_types_of_numbers_do_not_matter():
    X = np.random.default_rng(0).integers(0, 9, (N, 3))
    found = fitted(X).predict_proba(X)
    for dtype in (np.int8, np.uint16, np.float32, np.float64, object):
        assert np.array_equal(fitted(X.astype(dtype)).predict_proba(X.astype(dtype)), found)
    assert np.array_equal(fitted(np.asfortranarray(X)).predict_proba(X[:, :]), found)


# -- changes that tell nothing ---------------------------------------------------------------------


def numbers(n=240):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 4))
    X[:, 3] = np.where(rng.random(n) < 0.8, 0, rng.exponential(size=n))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + X[:, 3]


@pytest.mark.parametrize("kind", [TabularClassifier, TabularRegressor])
def test_powers_of_two_change_no_bit(kind):
    X, y = numbers()
    X[::5, 1] = np.nan
    y = np.nan_to_num(y) if kind is TabularRegressor else y > 0.3
    method = "predict" if kind is TabularRegressor else "predict_proba"
    found = getattr(kind(**SHORT).fit(X, y), method)(X)
    for scale in (2.0**20, 2.0**-20, 2.0**900, [1.0, 2.0**20, 1.0, 2.0**-30]):
        again = kind(**SHORT).fit(X * scale, y)
        assert np.array_equal(getattr(again, method)(X * scale), found)


def test_a_copy_and_a_constant_change_no_bit():
    X, y = numbers()
    found = TabularRegressor(**SHORT).fit(X, y).predict(X)
    more = np.hstack([X, X[:, :1], np.ones((len(X), 1))])
    net = TabularRegressor(**SHORT).fit(more, y)
    assert net.columns_["dropped"] == [4, 5]
    assert np.array_equal(net.predict(more), found)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda X: X[:, ::-1].copy(),
        lambda X: X * 1e6,
        lambda X: X + 1e6,
        lambda X: X * [1, -1, 1e-9, 1e9],
        lambda X: np.hstack([X, X[:, :1]]),
        lambda X: np.hstack([X, np.random.default_rng(5).normal(size=(len(X), 1))]),
    ],
    ids=["order", "scale", "shift", "scales", "copy", "noise"],
)
@pytest.mark.parametrize("kind", [TabularClassifier, TabularRegressor])
def test_changes_that_tell_nothing_change_little(kind, change):
    """Less than the standard error of the score over the splits."""
    before, after = _scores(kind, None), _scores(kind, change)
    error = np.std(before, ddof=1) / np.sqrt(len(before))
    assert np.mean(after) > np.mean(before) - error


@functools.cache
def _scores(kind, change):
    """R2, or the logarithmic loss with its sign turned, on the test rows of four splits."""
    X, y = numbers(900)
    y = y + 0.8 * np.random.default_rng(1).normal(size=len(y))
    X = X if change is None else change(X)
    y = y if kind is TabularRegressor else np.where(y > 0.3, "yes", "no")
    found = []
    for seed in range(4):
        rows = np.random.default_rng(seed).permutation(len(X))
        fit, test = rows[:600], rows[600:]
        net = kind(epochs=20, random_state=seed).fit(X[fit], y[fit])
        if kind is TabularRegressor:
            found.append(net.score(X[test], y[test]))
        else:
            found.append(-log_loss(y[test], net.predict_proba(X[test])))
    return found


def test_more_columns_than_rows():
    """A thousand, of which one tells the target."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 1000))
    X[:, ::10] = X[:, ::10].round()
    X[rng.random(X.shape) < 0.05] = np.nan
    y = np.nan_to_num(X[:, 7])
    for net, target in ((TabularRegressor(**SHORT), y), (TabularClassifier(**SHORT), y > 0)):
        net.fit(X, target)
        assert len(net.columns_["number"]) == 1000
        assert net.feature_importances_.shape == (1000,)
        assert net.predict(X).shape == (60,)
        assert np.isfinite(net.predict_proba(X) if net._classifies else net.predict(X)).all()


# -- what is missing, and what few have ------------------------------------------------------------


def test_what_a_mask_hides_is_missing():
    values = frame()[["number", "heavy"]].to_numpy()
    hidden = np.random.default_rng(1).random(values.shape) < 0.2
    net = fitted(np.ma.array(values, mask=hidden))
    plain = fitted(np.where(hidden, np.nan, values))
    assert np.array_equal(net.predict_proba(values), plain.predict_proba(values))
    texts = frame()[["text", "number"]].to_numpy()
    net = fitted(np.ma.array(texts, mask=hidden))
    texts[hidden] = None
    assert np.array_equal(net.predict_proba(texts), fitted(texts).predict_proba(texts))


def test_intervals_as_pandas_cuts_them_are_categories():
    X = frame()[["number"]].fillna(0)
    X["cut"] = pd.cut(X["number"], 4)
    net = fitted(X)
    assert net.columns_["one-hot"] == ["cut"]
    as_text = X.assign(cut=X["cut"].astype(str))
    assert np.array_equal(net.predict_proba(X), net.predict_proba(as_text))


@pytest.mark.parametrize("missing", ["NaN", "sNaN"])
def test_decimals_that_are_no_numbers_are_missing(missing):
    odd = [Decimal(missing) if k % 5 == 0 else Decimal(k) / 4 for k in range(N)]
    plain = [np.nan if k % 5 == 0 else k / 4 for k in range(N)]
    X = frame()[["number"]]
    net = fitted(X.assign(amount=odd))
    same = fitted(X.assign(amount=plain))
    assert np.array_equal(
        net.predict_proba(X.assign(amount=odd)), same.predict_proba(X.assign(amount=plain))
    )


def test_arrows_columns_are_those_of_pandas():
    pytest.importorskip("pyarrow")
    X = frame()[["number", "integer", "boolean", "text", "nullable", "perhaps", "string"]]
    arrow = X.convert_dtypes(dtype_backend="pyarrow")
    assert all("pyarrow" in str(dtype) for dtype in arrow.dtypes)
    net = fitted(X)
    for other in (net, fitted(arrow)):
        assert np.array_equal(other.predict_proba(arrow), net.predict_proba(X))


def test_integers_that_numpy_has_not():
    pl = pytest.importorskip("polars")
    numbers = [None if k % 7 == 0 else k * 10**20 for k in range(N)]
    X = pl.DataFrame({"wide": pl.Series(numbers, dtype=pl.Int128), "one": range(N)})
    plain = pl.DataFrame({"wide": pl.Series(numbers, dtype=pl.Float64), "one": range(N)})
    assert np.array_equal(fitted(X).predict_proba(X), fitted(plain).predict_proba(plain))


def test_records_in_a_column_are_refused_by_name():
    pl = pytest.importorskip("polars")
    for value in ({"a": 1}, [1, 2], b"bytes"):
        with pytest.raises(DataError, match='column "odd" of'):
            fitted(pl.DataFrame({"number": range(N), "odd": [value] * N}))


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        pd.date_range("2026-01-01", periods=N),
        pd.date_range("2026-01-01", periods=N, tz="UTC"),
        pd.timedelta_range("1h", periods=N),
        [dt.date(2026, 1, 1)] * N,
        [dt.time(12)] * N,
        [None] * (N - 1) + [dt.datetime(2026, 1, 1, tzinfo=dt.UTC)],
        pd.period_range("2026-01-01", periods=N, freq="D"),
        pd.Series([np.datetime64("2026-01-01")] * N, dtype=object),
        pd.Series([np.timedelta64(1, "D")] * N, dtype=object),
    ],
    ids=[
        *("dates", "with a zone", "durations", "objects", "times", "one", "periods"),
        *("NumPy's dates", "NumPy's durations"),
    ],
)
def test_dates_are_refused_by_name(values):
    X = frame()[["number"]].assign(when=values)
    with pytest.raises(DataError, match=r'column "when" of dates or times\. Drop it, or make'):
        fitted(X)


def test_polars_dates_are_refused_by_name():
    pl = pytest.importorskip("polars")
    for value in (dt.date(2026, 1, 1), dt.datetime(2026, 1, 1), dt.timedelta(1), dt.time(12)):
        X = pl.DataFrame({"number": range(N), "when": [value] * N})
        with pytest.raises(DataError, match='column "when" of dates or times'):
            fitted(X)


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, (1,), b"bytes", object, 1j], ids=repr)
def test_nested_objects_are_refused_by_name(value):
    X = frame()[["number"]].assign(odd=[value] * N)
    with pytest.raises(DataError, match='column "odd" of'):
        fitted(X)
    with pytest.raises(TypeError, match="not 'dict'"):
        fitted(np.array([[1.0, {"a": 1}]] * N, object))


def test_infinity_is_refused_by_name():
    X = frame()[["number", "heavy"]]
    X.loc[5, "heavy"] = -np.inf
    with pytest.raises(DataError, match=r'infinity in row 5 of column "heavy" \(-inf\)'):
        fitted(X)
    with pytest.raises(DataError, match=r"infinity in row 5 of column 1 \(-inf\)"):
        fitted(X.to_numpy())
    for values in ([10**400] + [1] * (N - 1), [10**400] + ["a"] * (N - 1)):
        with pytest.raises(DataError, match=r'infinity in row 0 of column "far"'):
            fitted(X[["number"]].assign(far=pd.Series(values, dtype=object)))
    net = fitted(frame()[["number", "heavy"]])
    with pytest.raises(DataError, match=r'TabularClassifier\.predict_proba: .* column "heavy"'):
        net.predict_proba(X)


def test_texts_are_refused_where_nothing_is_a_category():
    message = 'expected numbers alone, as categorical_features is None, got column "text" of texts'
    with pytest.raises(DataError, match=message):
        fitted(frame(), categorical_features=None)


@pytest.mark.parametrize("X", [scipy.sparse.eye(N).tocsr(), scipy.sparse.coo_array((N, 2))])
def test_sparse_matrices_say_what_to_do(X):
    with pytest.raises(TypeError, match=r"toarray"):
        fitted(X)


@pytest.mark.parametrize(
    "X", [np.ones(N), ["a"] * N, np.empty((N, 0)), pd.DataFrame(index=range(N))]
)
def test_what_is_no_table(X):
    with pytest.raises(ValueError, match=r"Reshape your data|0 feature\(s\)|2D|2-dim|shape"):
        fitted(X)


@pytest.mark.parametrize(
    ("X", "hint"),
    [
        ({"a": [1.0] * N}, r"pandas\.DataFrame\(X\)"),
        (np.zeros(N, [("a", float), ("b", int)]), r"pandas\.DataFrame\(X\)"),
    ],
    ids=["dictionary", "records"],
)
def test_what_a_frame_can_be_made_of(X, hint):
    with pytest.raises(DataError, match=f"X as an array or a frame, .*{hint}"):
        fitted(X)


def test_a_lazy_frame_is_to_be_collected():
    pl = pytest.importorskip("polars")
    with pytest.raises(DataError, match=r"LazyFrame'>\. Pass X\.collect\(\)"):
        fitted(pl.DataFrame({"a": [1.0] * N}).lazy())


def test_other_columns_at_predict_leave_the_estimator_as_it_was():
    X = frame()
    net = fitted(X)
    found = net.predict_proba(X)
    with pytest.raises(ValueError, match=r"yet now missing:\n- number"):
        net.predict(X.drop(columns="number"))
    with pytest.raises(ValueError, match="must be in the same order"):
        net.predict(X[X.columns[::-1]])
    with pytest.raises(DataError, match='predict: expected column "number" of numbers, as at fit'):
        net.predict(X.assign(number="one"))
    with pytest.raises(DataError, match='predict: expected column "text" of texts, as at fit'):
        net.predict(X.assign(text=1.5))
    with pytest.raises(DataError, match='column "integer" of dates'):
        net.predict(X.assign(integer=dt.date(2026, 1, 1)))
    with pytest.raises(DataError):
        net.fit(X.assign(integer=dt.date(2026, 1, 1)), LABELS)
    assert np.array_equal(net.predict_proba(X), found)
