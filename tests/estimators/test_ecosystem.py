"""What a scikit-learn user does with an estimator: every cell must hold for every estimator here.

The rows are those of scikit-learn's developer documentation and of what wrappers of other
libraries fail at: labels that are text, frames with names, weights that are routed, and so on.
"""

from __future__ import annotations

import copy
import io
import pickle
import re

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # for the import below
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    check_cv,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from annlib import (
    HiddenLayerTransformer,
    MLPClassifier,
    MLPRegressor,
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    layers,
    losses,
    optimizers,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Got `batch_size` less than 1:UserWarning"),
]

CLASSIFIERS = [
    SequentialClassifier(epochs=12, random_state=0, optimizer__learning_rate=0.01),
    MLPClassifier(max_iter=12, random_state=0, batch_size=32, learning_rate_init=0.01),
]
REGRESSORS = [
    SequentialRegressor(epochs=12, random_state=0, optimizer__learning_rate=0.01),
    MLPRegressor(max_iter=12, random_state=0, batch_size=32, learning_rate_init=0.01),
]


HINGES = ("hinge", "squared_hinge", "categorical_hinge")


def each(*estimators):
    return pytest.mark.parametrize("net", estimators, ids=lambda net: type(net).__name__)


each_classifier = each(*CLASSIFIERS)
each_regressor = each(*REGRESSORS)
each_estimator = each(*CLASSIFIERS, *REGRESSORS)

rng = np.random.default_rng(0)
X = rng.normal(size=(150, 6))
CODES = np.arange(150) % 3
X[:, 0] += 3 * CODES
X[:, 1] -= 3 * (CODES == 1)
NAMES = np.array(["ant", "bee", "cat"])[CODES]
BINARY = (CODES == 1).astype(int)
NUMBERS = X @ np.array([0.5, -0.3, 0.1, 0.0, 0.2, -0.1])
WEIGHTS = rng.uniform(0.5, 2, size=150)
COLUMNS = ["a", "b", "c", "d", "e", "f"]
LABELS = np.column_stack([CODES == 0, CODES != 1, X[:, 2] > 0]).astype(int)


def target(net, kind=NAMES):
    return kind if is_classifier(net) else NUMBERS


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def epochs_of(net):
    return "epochs" if "epochs" in net.get_params(deep=False) else "max_iter"


# -- parameters ------------------------------------------------------------------------------------


@each_estimator
def test_clone_keeps_every_parameter(net):
    """keras.wrappers loses fit_kwargs here, and then trains with defaults."""
    net = clone(net).set_params(optimizer__beta_1=0.8, warm_start=True, shuffle=False)
    ours, theirs = net.get_params(deep=False), clone(net).get_params(deep=False)
    assert ours.keys() == theirs.keys()
    assert ours == theirs
    assert theirs["optimizer__beta_1"] == 0.8


@each_estimator
def test_repr_shows_what_is_not_a_default(net):
    text = repr(clone(net).set_params(optimizer__beta_1=0.8))
    assert text.startswith(f"{type(net).__name__}(")
    assert "optimizer__beta_1=0.8" in text
    assert "random_state=0" in text
    assert "warm_start" not in text


@each_estimator
@pytest.mark.parametrize("optimizer", ["rmsprop", optimizers.SGD(momentum=0.5)], ids=repr)
def test_arguments_of_parts_are_tuned(net, optimizer):
    """Of names and of ready objects, which SciKeras cannot."""
    net = clone(net).set_params(optimizer=optimizer)
    grid = {"optimizer__learning_rate": [1e-7, 0.03], "optimizer__momentum": [0.0, 0.5]}
    search = GridSearchCV(net, grid, cv=2).fit(X, target(net))
    assert search.best_params_["optimizer__learning_rate"] == 0.03
    best = search.best_estimator_.model_.optimizer
    assert best._arguments()["learning_rate"] == 0.03
    if optimizer != "rmsprop":
        assert optimizer._arguments()["learning_rate"] == 0.01  # the user's own is as it was


@each_estimator
def test_a_name_that_is_none_is_refused(net):
    with pytest.raises(ValueError, match="Invalid parameter 'learning_rat'"):
        clone(net).set_params(learning_rat=1)
    with pytest.raises(TypeError, match="learning_rat"):
        type(net)(learning_rat=1)
    with pytest.raises(ValueError, match="learning_rate"):
        clone(net).set_params(optimizer__lerning_rate=1).fit(X, target(net))


# -- data ------------------------------------------------------------------------------------------


@each_estimator
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames_have_feature_names(net, frame):
    table = frame(dict(zip(COLUMNS, X.T, strict=True)))
    if not hasattr(StandardScaler().fit(table), "feature_names_in_"):
        pytest.skip("this scikit-learn does not read the names of such frames")
    net = clone(net).fit(table, target(net))
    assert net.feature_names_in_.tolist() == COLUMNS
    assert net.n_features_in_ == 6
    np.testing.assert_array_equal(net.predict(table), clone(net).fit(X, target(net)).predict(X))
    turned = frame(dict(zip(COLUMNS[::-1], X.T[::-1], strict=True)))
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(turned)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        net.predict(X)


@each_estimator
def test_validation_within_fit_warns_of_no_names(net):
    table = pd.DataFrame(X, columns=COLUMNS)
    clone(net).fit(table, target(net), X_val=table[:30], y_val=target(net)[:30])  # no warning


@each_estimator
def test_wrong_data_are_refused_as_scikit_learn_does(net):
    y = target(net)
    with pytest.raises(NotFittedError):
        clone(net).predict(X)
    bad = X.copy()
    bad[3, 2] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        clone(net).fit(bad, y)
    fitted = clone(net).fit(X, y)
    with pytest.raises(ValueError, match=r"X has 5 features, but .* is expecting 6"):
        fitted.predict(X[:, :5])
    with pytest.raises(ValueError, match="contains NaN"):
        fitted.predict(bad)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clone(net).fit(X, y[:-1])
    with pytest.raises(ValueError, match="X has 5 features"):
        clone(net).fit(X, y, X_val=X[:, :5], y_val=y)


@each_estimator
@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("layout", ["csr", "csc", "coo"])
def test_sparse_is_dense(net, kind, layout):
    S = getattr(sp, f"{layout}_{kind}")(np.where(np.abs(X) > 0.5, X, 0))
    sparse, dense = (clone(net).fit(D, target(net)) for D in (S, S.toarray()))
    method = "predict_proba" if is_classifier(net) else "predict"
    got, expected = getattr(sparse, method)(S), getattr(dense, method)(S.toarray())
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@each_estimator
@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_maps_and_read_only_data(net, order, tmp_path):
    path = tmp_path / "x.pkl"
    joblib.dump(np.asarray(X, order=order), path)
    mapped = joblib.load(path, mmap_mode="r")
    net = clone(net).fit(mapped, target(net))
    np.testing.assert_array_equal(net.predict(mapped), net.predict(X))


@each_estimator
def test_float32_stays_float32(net):
    net = clone(net).fit(X.astype(np.float32), target(net))
    assert {W.dtype for W in net.model_.weights} == {np.dtype(np.float32)}
    method = "predict_proba" if is_classifier(net) else "predict"
    assert getattr(net, method)(X.astype(np.float32)).dtype == np.float32
    net = clone(net).set_params(dtype="float32").fit(X, target(net))
    assert {W.dtype for W in net.model_.weights} == {np.dtype(np.float32)}


# -- targets ---------------------------------------------------------------------------------------


@each_classifier
@pytest.mark.parametrize(
    "labels",
    [
        ["ant", "bee", "cat"],
        np.array(["ant", "bee", "cat"], object),
        [-5, 0, 7],
        [2.0, 3.0, 4.0],
        [False, True, False],
    ],
    ids=["str", "object", "negative", "float", "bool"],
)
def test_labels_of_any_type(net, labels):
    y = np.asarray(labels)[CODES]
    net = clone(net).fit(X, y)
    assert net.classes_.dtype == y.dtype
    assert net.classes_.tolist() == sorted(set(labels))
    predicted = net.predict(X)
    assert predicted.dtype == y.dtype
    assert net.score(X, y) > 0.8
    P = net.predict_proba(X)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    np.testing.assert_array_equal(net.classes_[P.argmax(axis=1)], predicted)
    np.testing.assert_allclose(np.exp(net.predict_log_proba(X)), P)
    D = net.decision_function(X)
    assert D.shape == (150,) if len(net.classes_) == 2 else (150, 3)


@each_classifier
@pytest.mark.parametrize(
    "series",
    [
        pd.Series(NAMES, dtype="string"),
        pd.Series(NAMES, dtype="category"),
        pl.Series(NAMES.tolist()),
        NAMES.tolist(),
    ],
    ids=["string", "category", "polars", "list"],
)
def test_labels_in_a_series(net, series):
    assert clone(net).fit(X, series).score(X, series) > 0.8


@each_estimator
def test_a_column_of_targets(net):
    y = target(net)
    if is_classifier(net) or isinstance(net, MLPRegressor):
        with pytest.warns(sklearn.exceptions.DataConversionWarning):
            column = clone(net).fit(X, y.reshape(-1, 1))
    else:
        column = clone(net).fit(X, y.reshape(-1, 1))
    flat = clone(net).fit(X, y)
    np.testing.assert_array_equal(column.predict(X).ravel(), flat.predict(X))


@each_classifier
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, pd.DataFrame], ids=lambda f: f.__name__)
def test_multilabel(net, form):
    net = clone(net).fit(X, form(LABELS))
    assert net.predict(X).shape == net.predict_proba(X).shape == (150, 3)
    assert net.decision_function(X).shape == (150, 3)
    np.testing.assert_array_equal(net.predict(X), (net.predict_proba(X) > 0.5).astype(int))
    assert (net.predict(X) == LABELS).mean() > 0.8
    assert 0 <= net.score(X, LABELS) <= 1


@each_classifier
def test_several_columns_of_classes(net):
    """Which scikit-learn's MLP refuses."""
    y = np.column_stack([NAMES, np.where(X[:, 2] > 0, "yes", "no")])
    net = clone(net).fit(X, y)
    assert [classes.tolist() for classes in net.classes_] == [["ant", "bee", "cat"], ["no", "yes"]]
    assert net.predict(X).dtype == y.dtype
    assert (net.predict(X) == y).mean() > 0.8
    first, second = net.predict_proba(X)
    assert first.shape == (150, 3) and second.shape == (150, 2)
    np.testing.assert_allclose(first.sum(axis=1), 1)
    np.testing.assert_array_equal(net.classes_[1][second.argmax(axis=1)], net.predict(X)[:, 1])
    assert net.score(X, y) == np.mean((net.predict(X) == y).all(axis=1))


@each_regressor
def test_several_numbers(net):
    y = np.column_stack([NUMBERS, -NUMBERS])
    net = clone(net).fit(X, y)
    assert net.predict(X).shape == (150, 2)
    assert net.score(X, y) > 0.5


# -- weights ---------------------------------------------------------------------------------------


@each_estimator
def test_weights_are_repetitions(net):
    repeats = np.arange(150) % 4
    whole = clone(net).set_params(batch_size=1000)
    kept = repeats > 0
    weighted = clone(whole).fit(X[kept], target(net)[kept], sample_weight=repeats[kept])
    repeated = clone(whole).fit(np.repeat(X, repeats, axis=0), np.repeat(target(net), repeats))
    np.testing.assert_allclose(weighted.model_.predict(X), repeated.model_.predict(X), rtol=1e-5)


@each_estimator
def test_weights_are_not_written_to(net):
    weights = WEIGHTS.copy()
    weights.flags.writeable = False
    net = clone(net).fit(X, target(net), sample_weight=weights)
    net.partial_fit(X, target(net), sample_weight=weights)
    assert net.score(X, target(net), sample_weight=weights) <= 1
    with pytest.raises(ValueError, match="zero"):
        clone(net).fit(X, target(net), sample_weight=np.zeros(150))
    with pytest.raises(ValueError, match="Negative"):
        clone(net).fit(X, target(net), sample_weight=-WEIGHTS)


@each_classifier
def test_class_weights(net):
    """Not in scikit-learn's MLP."""
    by_dict = clone(net).set_params(class_weight={"bee": 5.0, "cat": 0.5})
    factors = np.choose(CODES, [1.0, 5.0, 0.5])
    expected = clone(net).fit(X, NAMES, sample_weight=factors * WEIGHTS).predict_proba(X)
    got = by_dict.fit(X, NAMES, sample_weight=WEIGHTS).predict_proba(X)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    rare = (np.arange(150) % 10 == 0).astype(int)
    balanced = clone(net).set_params(class_weight="balanced").fit(X, rare)
    assert (
        balanced.predict_proba(X)[:, 1].mean()
        > clone(net).fit(X, rare).predict_proba(X)[:, 1].mean()
    )
    with pytest.raises(ValueError, match="class_weight"):
        clone(net).set_params(class_weight="balanced").partial_fit(X, rare, classes=[0, 1])
    with pytest.raises(ValueError, match="'class_weight' parameter"):
        clone(net).set_params(class_weight="balancd").fit(X, rare)


@each_classifier
def test_class_weights_of_classes_that_a_fold_lacks(net):
    """Of sorted classes each fold of KFold trains without one."""
    order = np.argsort(CODES, kind="stable")
    by_dict = clone(net).set_params(class_weight={"ant": 1, "bee": 1, "cat": 5})
    scores = cross_val_score(by_dict, X[order], NAMES[order], cv=KFold(3))
    assert np.isfinite(scores).all()
    with pytest.raises(ValueError, match="class_weight: expected classes of"):
        clone(net).set_params(class_weight={"ant": 1, "rat": 5}).fit(X, NAMES)
    parts = [CODES < 2, CODES == 2]
    weighted = clone(by_dict)
    factors = {"ant": 1.0, "bee": 1.0, "cat": 5.0}
    plain = clone(net)
    for rows in parts:
        weighted.partial_fit(X[rows], NAMES[rows], classes=["ant", "bee", "cat"])
        by_row = np.array([factors[name] for name in NAMES[rows]])
        plain.partial_fit(X[rows], NAMES[rows], by_row, classes=["ant", "bee", "cat"])
    np.testing.assert_allclose(weighted.predict_proba(X), plain.predict_proba(X), rtol=1e-6)


# -- metadata --------------------------------------------------------------------------------------


@each_estimator
def test_routed_weights_reach_fit(net, routing):
    """keras.wrappers routes them to score, and trains without a word unweighted."""
    net = clone(net).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    search = GridSearchCV(net, {"random_state": [0]}, cv=2)
    search.fit(X, target(net), sample_weight=WEIGHTS**3)
    direct = clone(net).fit(X, target(net), sample_weight=WEIGHTS**3)
    plain = clone(net).fit(X, target(net))
    np.testing.assert_array_equal(search.predict(X), direct.predict(X))
    a, b, c = (e.model_.predict(X) for e in (search.best_estimator_, direct, plain))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    scores = cross_validate(net, X, target(net), params={"sample_weight": WEIGHTS}, cv=2)
    assert len(scores["test_score"]) == 2


@each_estimator
def test_a_pipeline_transforms_the_validation_set(net, routing):
    requested = clone(net).set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
    pipe = Pipeline([("scale", StandardScaler()), ("net", requested)], transform_input=["X_val"])
    y = target(net)
    pipe.fit(X[50:], y[50:], X_val=X[:50], y_val=y[:50], sample_weight_val=WEIGHTS[:50])
    scale = StandardScaler().fit(X[50:])
    direct = clone(net).fit(
        scale.transform(X[50:]),
        y[50:],
        X_val=scale.transform(X[:50]),
        y_val=y[:50],
        sample_weight_val=WEIGHTS[:50],
    )
    assert direct.history_["val_loss"] == pipe["net"].history_["val_loss"]
    assert len(direct.history_["val_loss"]) == len(direct.history_["loss"])


# -- persistence -----------------------------------------------------------------------------------


def through_joblib(net):
    file = io.BytesIO()
    joblib.dump(net, file)
    return joblib.load(file)


@each_estimator
@pytest.mark.parametrize(
    "way",
    [
        lambda net: pickle.loads(pickle.dumps(net)),
        lambda net: pickle.loads(cloudpickle.dumps(net)),
        through_joblib,
    ],
    ids=["pickle", "cloudpickle", "joblib"],
)
def test_a_copy_from_a_file_predicts_and_goes_on(net, way):
    net = clone(net).fit(X, target(net))
    copied = way(net)
    np.testing.assert_array_equal(copied.predict(X), net.predict(X))
    assert copied.get_params().keys() == net.get_params().keys()
    copied.partial_fit(X, target(net))
    assert not np.array_equal(copied.model_.predict(X), net.model_.predict(X))


@each_estimator
def test_a_pickle_is_of_weights_and_moments(net):
    """scikit-learn's is more than four times as large as the weights."""
    wide = rng.normal(size=(150, 300))
    net = clone(net).fit(wide, target(net))
    vectors = 1 + len(net.model_.optimizer.state)
    assert vectors == 3  # theta, and Adam's means of the gradient and of its square
    size = sum(W.nbytes for W in net.model_.weights)
    assert len(pickle.dumps(net)) < 1.1 * vectors * size + 20_000


# -- incremental -----------------------------------------------------------------------------------


@each_estimator
def test_partial_fit_is_one_epoch_and_keeps_the_optimizer(net):
    """As Hyperband and the like have it."""
    net = clone(net)
    first = {"classes": np.unique(NAMES)} if is_classifier(net) else {}
    net.partial_fit(X, target(net), **first)
    assert len(net.history_["loss"]) == 1
    assert net.model_.optimizer.iterations == 5  # 150 rows, 32 a batch
    again = pickle.loads(pickle.dumps(net))
    for one in (net, again):
        for _ in range(3):
            one.partial_fit(X, target(net))
    assert len(net.history_["loss"]) == 4
    assert net.model_.optimizer.iterations == 20
    np.testing.assert_array_equal(net.model_.predict(X), again.model_.predict(X))
    for _ in range(10):
        net.partial_fit(X, target(net))
    assert net.score(X, target(net)) > 0.7


@each_classifier
def test_partial_fit_knows_classes_that_are_yet_to_come(net):
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        clone(net).partial_fit(X, NAMES)
    net = clone(net).partial_fit(X[NAMES != "cat"], NAMES[NAMES != "cat"], classes=np.unique(NAMES))
    assert net.classes_.tolist() == ["ant", "bee", "cat"]
    net.partial_fit(X, NAMES)
    with pytest.raises(ValueError, match=r"class|unseen"):
        net.partial_fit(X[:2], ["dog", "ant"])


@each_estimator
def test_warm_start_goes_on(net):
    net = clone(net).set_params(warm_start=True)
    net.fit(X, target(net))
    before = net.history_["loss"][-1]
    net.fit(X, target(net))
    assert net.history_["loss"][-1] < before
    assert net.model_.optimizer.iterations == 2 * 12 * 5


# -- searches --------------------------------------------------------------------------------------


@each_estimator
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_two_jobs_give_what_one_gives(net, backend):
    grid = {"optimizer__learning_rate": [1e-4, 0.01]}
    one = GridSearchCV(net, grid, cv=2).fit(X, target(net))
    with joblib.parallel_config(backend):
        two = GridSearchCV(net, grid, cv=2, n_jobs=2).fit(X, target(net))
    np.testing.assert_allclose(
        one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"], rtol=1e-6
    )


@each_estimator
def test_searches(net):
    grid = {"optimizer__learning_rate": [1e-3, 1e-2, 1e-1]}
    y = target(net)
    RandomizedSearchCV(net, grid, n_iter=2, cv=2, random_state=0).fit(X, y)
    epochs = epochs_of(net)
    by_epochs = HalvingGridSearchCV(
        net, grid, cv=2, resource=epochs, min_resources=2, max_resources=6, factor=3, random_state=0
    ).fit(X, y)
    assert by_epochs.best_params_[epochs] == 6
    HalvingGridSearchCV(net, grid, cv=2, min_resources=40, random_state=0).fit(X, y)
    validation_curve(net, X, y, param_name=epochs, param_range=[1, 3], cv=2)
    learning_curve(net, X, y, cv=2, train_sizes=[0.5, 1.0])


# -- meta-estimators -------------------------------------------------------------------------------

OF_CLASSES = {
    "bagging": lambda net: BaggingClassifier(net, n_estimators=2, random_state=0),
    "calibrated": lambda net: CalibratedClassifierCV(net, cv=2),
    "isotonic": lambda net: CalibratedClassifierCV(net, cv=2, method="isotonic"),
    "calibrated frozen": lambda net: CalibratedClassifierCV(FrozenEstimator(net.fit(X, NAMES))),
    "one against rest": OneVsRestClassifier,
    "one against one": OneVsOneClassifier,
    "code": lambda net: OutputCodeClassifier(net, random_state=0),
    "adaboost": lambda net: AdaBoostClassifier(net, n_estimators=2, random_state=0),
    "soft vote": lambda net: VotingClassifier(
        [("a", net), ("b", LogisticRegression())], voting="soft"
    ),
    "vote": lambda net: VotingClassifier([("a", net), ("b", LogisticRegression())]),
    "stack": lambda net: StackingClassifier([("a", net), ("b", LogisticRegression())], cv=2),
    "last of a stack": lambda net: StackingClassifier(
        [("b", LogisticRegression())], final_estimator=net, cv=2
    ),
    "pipeline": lambda net: make_pipeline(StandardScaler(), net),
    "column transformer": lambda net: make_pipeline(
        make_column_transformer((StandardScaler(), [0, 1, 2]), remainder="passthrough"), net
    ),
    "selector": lambda net: make_pipeline(
        SequentialFeatureSelector(net, n_features_to_select=1, cv=2), net
    ),
    "grid of auc": lambda net: GridSearchCV(
        net, {"random_state": [1]}, cv=2, scoring="roc_auc_ovr"
    ),
}  # fmt: skip


@each_classifier
@pytest.mark.parametrize("meta", OF_CLASSES, ids=str)
def test_meta_estimators_of_classes(net, meta):
    rows = X[:, :3] if meta == "selector" else X
    fitted = OF_CLASSES[meta](clone(net)).fit(rows, NAMES)
    assert np.mean(fitted.predict(rows) == NAMES) > 0.7
    if hasattr(fitted, "predict_proba"):
        np.testing.assert_allclose(fitted.predict_proba(rows).sum(axis=1), 1)


def margins(n_outputs):
    return Sequential([layers.Dense(16, "relu"), layers.Dense(n_outputs)])


WITHOUT_PROBABILITIES = each(
    *(clone(CLASSIFIERS[0]).set_params(model=margins, loss=loss) for loss in HINGES),
    *(clone(CLASSIFIERS[1]).set_params(loss=loss) for loss in HINGES),
    clone(CLASSIFIERS[1]).set_params(loss=losses.Hinge()),
)


@WITHOUT_PROBABILITIES
def test_probabilities_that_there_are_not_are_absent(net):
    """As of scikit-learn's SGDClassifier and LinearSVC, so that others take decisions instead."""
    for each_net in (clone(net), clone(net).fit(X, NAMES)):
        for method in ("predict_proba", "predict_log_proba"):
            assert not hasattr(each_net, method)
        with pytest.raises(AttributeError) as told:
            each_net.predict_proba(X)
        assert "Use decision_function, or another loss." in str(told.value.__cause__ or told.value)
    stack = StackingClassifier([("net", clone(net))], LogisticRegression(), cv=3).fit(X, NAMES)
    assert stack.stack_method_ == ["decision_function"]
    assert stack.score(X, NAMES) > 0.9
    for meta in (
        CalibratedClassifierCV(clone(net), cv=3),
        OneVsRestClassifier(clone(net)),
        VotingClassifier([("a", clone(net)), ("b", LogisticRegression())]),
        BaggingClassifier(clone(net), n_estimators=2),
    ):
        assert meta.fit(X, NAMES).score(X, NAMES) > 0.8
    tuned = TunedThresholdClassifierCV(clone(net), cv=3).fit(X, BINARY)
    assert tuned.score(X, BINARY) > 0.8
    assert cross_val_score(clone(net), X, BINARY, scoring="roc_auc", cv=3).mean() > 0.8
    refitted = clone(net).fit(X, NAMES).set_params(loss="mse")
    assert not hasattr(refitted, "predict_proba"), "of the network that is fitted"


@pytest.mark.parametrize(
    ("last", "loss", "present"),
    [
        (layers.Dense(1, "sigmoid"), "mse", True),
        (layers.Dense(1), "mse", False),
        (layers.Dense(1), "auto", True),
        (layers.Dense(1), losses.BinaryCrossentropy(from_logits=True), True),
        (layers.Dense(1, "tanh"), "hinge", False),
    ],
)
def test_a_network_tells_of_its_probabilities_before_it_is_fitted(last, loss, present):
    compiled = Sequential([copy.deepcopy(last)])
    compiled.compile(loss=None if loss == "auto" else loss)
    for net in (
        SequentialClassifier(Sequential([last]), loss=loss, epochs=1),
        SequentialClassifier(compiled, epochs=1),
    ):
        assert hasattr(net, "predict_proba") is present
        assert hasattr(net.fit(X, BINARY), "predict_proba") is present


def test_nonsense_is_refused_by_fit_and_not_by_hasattr():
    for arguments in ({"loss": "hingf"}, {"loss": 3}, {"optimizer": "adamm"}, {"solver": "adan"}):
        assert hasattr(MLPClassifier(**arguments), "predict_proba")
        assert hasattr(MLPClassifier(**arguments), "partial_fit")
        with pytest.raises(ValueError, match=f"'{next(iter(arguments))}' parameter"):
            MLPClassifier(**arguments).fit(X, NAMES)


@each_classifier
def test_meta_estimators_of_two_classes(net):
    names = np.where(BINARY, "yes", "no")
    tuned = TunedThresholdClassifierCV(
        net, scoring=make_scorer(lambda y, p: np.mean(y == p)), cv=2
    ).fit(X, names)
    assert np.mean(tuned.predict(X) == names) > 0.8
    fixed = FixedThresholdClassifier(clone(net), threshold=0.9, pos_label="yes").fit(X, names)
    assert np.mean(fixed.predict(X) == "yes") <= np.mean(names == "yes") + 0.05
    scores = cross_val_score(net, X, names, cv=2, scoring="roc_auc")
    assert scores.min() > 0.8
    P = cross_val_predict(net, X, names, cv=2, method="predict_proba")
    D = cross_val_predict(net, X, names, cv=2, method="decision_function")
    assert roc_auc_score(names, P[:, 1]) == pytest.approx(roc_auc_score(names, D), abs=0.02)
    partly = np.where(np.arange(150) % 5 == 0, -1, BINARY)
    training = SelfTrainingClassifier(clone(net), max_iter=2, threshold=0.6).fit(X, partly)
    assert np.mean(training.predict(X) == BINARY) > 0.7


@each_classifier
def test_meta_estimators_of_many_labels(net):
    for meta in (MultiOutputClassifier(net), ClassifierChain(net, random_state=0)):
        assert np.mean(meta.fit(X, LABELS).predict(X) == LABELS) > 0.8
    P = OneVsRestClassifier(net).fit(X, LABELS).predict_proba(X)
    assert P.shape == (150, 3)


OF_NUMBERS = {
    "bagging": lambda net: BaggingRegressor(net, n_estimators=2, random_state=0),
    "adaboost": lambda net: AdaBoostRegressor(net, n_estimators=2, random_state=0),
    "vote": lambda net: VotingRegressor([("a", net), ("b", LinearRegression())]),
    "stack": lambda net: StackingRegressor([("a", net), ("b", LinearRegression())], cv=2),
    "transformed target": lambda net: TransformedTargetRegressor(net, transformer=StandardScaler()),
    "pipeline": lambda net: make_pipeline(StandardScaler(), net),
}


@each_regressor
@pytest.mark.parametrize("meta", OF_NUMBERS, ids=str)
def test_meta_estimators_of_numbers(net, meta):
    assert OF_NUMBERS[meta](clone(net)).fit(X, NUMBERS).score(X, NUMBERS) > 0.6


@each_regressor
def test_meta_estimators_of_several_numbers(net):
    y = np.column_stack([NUMBERS, -NUMBERS])
    for meta in (MultiOutputRegressor(net), RegressorChain(net)):
        assert meta.fit(X, y).score(X, y) > 0.6


@each_estimator
def test_inspection(net):
    """Which refuse what says nothing of its kind, as SciKeras."""
    net = clone(net).fit(X, target(net, BINARY))
    curve = partial_dependence(net, X, [0], grid_resolution=5)
    assert np.isfinite(curve["average"]).all()
    importance = permutation_importance(net, X, target(net, BINARY), n_repeats=1, random_state=0)
    assert importance.importances_mean.shape == (6,)


@each_estimator
def test_kinds_are_known(net):
    assert is_classifier(net) != is_regressor(net)
    splitter = check_cv(2, target(net), classifier=is_classifier(net))
    assert isinstance(splitter, StratifiedKFold) == is_classifier(net)


@each_estimator
def test_one_hot_columns_of_a_frame(net):
    table = pd.DataFrame(X, columns=COLUMNS).assign(kind=NAMES)
    steps = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
    pipe = make_pipeline(steps, clone(net)).fit(table, target(net))
    assert pipe.score(table, target(net)) > 0.7


# -- what is shown ---------------------------------------------------------------------------------


@each(*CLASSIFIERS, *REGRESSORS, HiddenLayerTransformer())
def test_every_parameter_and_attribute_is_described(net):
    """In an entry of its own, as scikit-learn's HTML shows it beside the value."""
    fitted = clone(net).fit(X, target(net) if hasattr(net, "predict") else NAMES)
    attributes = [name for name in vars(fitted) if name.endswith("_") and name[0] != "_"]
    for name in [*type(net)._get_param_names(), *attributes]:
        entry = re.search(rf"^ *{name} : .+\n +\S", type(net).__doc__, re.MULTILINE)
        assert entry, name


@each(*CLASSIFIERS, *REGRESSORS, HiddenLayerTransformer())
def test_html(net):
    html = net._repr_mimebundle_()["text/html"]
    assert type(net).__name__ in html
    assert "scikit-learn.org/" not in net._get_doc_link()


@each_estimator
def test_html_shows_what_has_been_set_of_parts(net):
    html = clone(net).set_params(optimizer__beta_1=0.8)._repr_mimebundle_()["text/html"]
    assert "optimizer__beta_1" in html
    assert "optimizer__amsgrad" not in html


@each_estimator
def test_same_seed_same_bits_and_numpys_generator_is_left_alone(net):
    state = np.random.get_state()[1].copy()
    one, two = (clone(net).fit(X, target(net)).model_.predict(X) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    other = clone(net).set_params(random_state=1).fit(X, target(net)).model_.predict(X)
    assert not np.array_equal(one, other)


# -- scikit-learn's callbacks ----------------------------------------------------------------------


@each_estimator
def test_callbacks_of_scikit_learn(net):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9")
    y = target(net)
    metric = "accuracy" if is_classifier(net) else "r2"
    monitor = callback.ScoringMonitor(scoring=metric)
    monitored = clone(net).set_callbacks(monitor).fit(X, y)
    scores = [row[metric] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) == monitored.n_iter_
    assert scores[-1] == monitored.score(X, y) > scores[0]
    plain = clone(net).fit(X, y)
    np.testing.assert_array_equal(monitored.model_.predict(X), plain.model_.predict(X))

    class Stop:
        def __init__(self):
            self.seen = []

        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
            if context.task_name == "epoch":
                self.seen.append(fitted_estimator.score(X, y))
            return len(self.seen) == 3

    stop = Stop()
    stopped = clone(net).set_callbacks(stop).fit(X, y)
    assert stopped.n_iter_ == len(stop.seen) == 3
    assert stop.seen[-1] == stopped.score(X, y)
