"""Models that were compiled or trained, and functions that return such, given to the estimators."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from annlib import (
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    layers,
    losses,
    metrics,
    optimizers,
    schedules,
)
from annlib.core.errors import ShapeError

RAW, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(RAW)
TWO = (Y == 1).astype(int)
NUMBERS = np.column_stack([X[:, 0], X[:, 1] * X[:, 2]])


def build(learn_rate=0.1, units=8, activation="softmax"):
    """As in public scripts: built by its input's shape, and compiled."""
    model = Sequential()
    model.add(layers.Dense(units, input_shape=(4,), activation="tanh"))
    model.add(layers.Dense(3, activation=activation))
    model.compile(
        optimizers.SGD(learn_rate, momentum=0.5), "categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def weights(fitted):
    return [each.tolist() for each in fitted.model_.get_weights()]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


# -- what was compiled counts ----------------------------------------------------------------------


@pytest.mark.parametrize("model", [build, build(), lambda: build()])
def test_optimizer_loss_and_metrics_are_those_compiled(model):
    fitted = SequentialClassifier(model, epochs=3, random_state=0).fit(X, Y)
    learns = fitted.model_
    assert type(learns.optimizer) is optimizers.SGD
    assert learns.optimizer.learning_rate == 0.1
    assert learns.optimizer.momentum == 0.5
    assert type(learns.loss) is losses.CategoricalCrossentropy  # of codes, made one-hot
    assert set(fitted.history_) == {"loss", "accuracy"}
    assert fitted.history_["accuracy"][-1] > 0.5


def test_a_grid_over_an_argument_of_a_function_that_compiles():
    # With no rate, and almost none, nothing is learned; with 0.1 the classes are.
    grid = {"model__learn_rate": [0.0, 1e-6, 0.1], "epochs": [30]}
    search = GridSearchCV(SequentialClassifier(build, random_state=0), grid, cv=3).fit(X, Y)
    nothing, hardly, much = search.cv_results_["mean_test_score"]
    assert abs(nothing - hardly) < 0.01
    assert much > 0.9 > nothing + 0.1
    assert search.best_estimator_.model_.optimizer.learning_rate == 0.1
    pipeline = make_pipeline(StandardScaler(), SequentialClassifier(build, random_state=0))
    grid = {"sequentialclassifier__model__units": [2, 8]}
    assert GridSearchCV(pipeline, grid, cv=2).fit(RAW, Y).best_score_ > 0.85


def test_a_compiled_model_in_a_search_is_copied_for_each_candidate():
    model = build()
    before, optimizer = model.get_weights(), model.optimizer
    grid = {"optimizer__learning_rate": [0.0, 0.1], "model__dense__activation": ["relu", "tanh"]}
    search = GridSearchCV(SequentialClassifier(model, epochs=20, random_state=0), grid, cv=2)
    scores = search.fit(X, Y).cv_results_
    assert search.best_params_["optimizer__learning_rate"] == 0.1
    assert len(set(scores["mean_test_score"])) >= 3
    assert same(model.get_weights(), before)
    assert model.optimizer is optimizer and optimizer.iterations == 0
    assert cross_val_score(SequentialClassifier(model, epochs=20), X, Y, cv=2).mean() > 0.8


@pytest.mark.parametrize(
    ("compiled", "name", "look"),
    [
        ({"optimizer": optimizers.Adam(0.2)}, "learning_rate", 0.2),
        ({"optimizer": optimizers.AdamW(0.2, weight_decay=0.1)}, "weight_decay", 0.1),
        ({"optimizer": optimizers.SGD(schedules.CosineDecay(0.1, 9))}, "momentum", 0.0),
        ({"optimizer": optimizers.SGD(0.1, use_ema=True)}, "use_ema", True),
        ({"optimizer": "rmsprop"}, "rho", 0.9),
    ],
)
def test_every_argument_of_the_optimizer_is_kept(compiled, name, look):
    model = Sequential([layers.Dense(3, "softmax")])
    model.compile(loss="sparse_categorical_crossentropy", **compiled)
    estimator = SequentialClassifier(model, epochs=1)
    fitted = estimator.fit(X, Y)
    assert type(fitted.model_.optimizer) is type(model.optimizer)
    assert getattr(fitted.model_.optimizer, name) == look
    assert estimator.get_params()[f"optimizer__{name}"] == look
    assert fitted.model_.optimizer._arguments() == model.optimizer._arguments()


def test_a_rate_that_was_set_and_exclusions_are_kept():
    model = build()
    model.optimizer.learning_rate = 0.0
    assert same(
        SequentialClassifier(model, epochs=2).fit(X, Y).model_.get_weights(), model.get_weights()
    )
    excluding = optimizers.AdamW(0.01)
    excluding.exclude_from_weight_decay(var_names=["bias"])
    model.compile(excluding, "categorical_crossentropy")
    fitted = SequentialClassifier(model, epochs=1, optimizer__weight_decay=0.5).fit(X, Y)
    assert not fitted.model_.optimizer.policy.decays("dense/bias")
    assert fitted.model_.optimizer.weight_decay == 0.5


def test_metrics_of_both_kinds_are_kept_and_have_a_state_of_their_own():
    def first_output(y_true, y_pred):
        return y_pred[:, 0]

    model = Sequential([layers.Dense(1, "sigmoid")])
    area = metrics.AUC(name="area")
    model.compile(
        "adam",
        losses.BinaryFocalCrossentropy(gamma=1.0),
        metrics=["accuracy", area, first_output],
        weighted_metrics=["accuracy", metrics.Precision()],
    )
    rows = np.linspace(0, 2, 150)
    fitted = SequentialClassifier(model, epochs=2, random_state=0).fit(X, TWO, rows)
    names = ["accuracy", "area", "first_output", "weighted_accuracy", "precision"]
    assert set(fitted.history_) == {"loss", *names}
    assert fitted.history_["accuracy"] != fitted.history_["weighted_accuracy"]
    assert fitted.model_.loss == losses.BinaryFocalCrossentropy(gamma=1.0)
    assert math.isnan(area.result())  # it has seen nothing
    mine = metrics.AUC(name="mine")
    plain = SequentialClassifier(metrics=[mine], epochs=2, random_state=0).fit(X, TWO)
    assert len(plain.history_["mine"]) == 2
    assert math.isnan(mine.result())


def test_a_loss_that_the_shapes_decide_or_that_is_left_open():
    model = Sequential([layers.Dense(3, "softmax")])
    model.compile("sgd", "crossentropy")
    fitted = SequentialClassifier(model, epochs=1).fit(X, Y)
    assert fitted.model_.loss is not None
    model.compile(optimizers.SGD(0.5))
    fitted = SequentialClassifier(model, epochs=1, loss__reduction="sum").fit(X, Y)
    assert fitted.model_.loss == losses.SparseCategoricalCrossentropy(reduction="sum")
    assert fitted.model_.optimizer.learning_rate == 0.5


# -- arguments that are given win ------------------------------------------------------------------


@pytest.mark.parametrize("model", [build, build()])
def test_arguments_win_with_one_warning(model):
    estimator = SequentialClassifier(
        model, optimizer="adam", loss="mse", metrics=["mae"], epochs=1, random_state=0
    )
    with pytest.warns(
        UserWarning, match="expected optimizer, loss, metrics from .* got both"
    ) as met:
        fitted = estimator.fit(X, Y)
    assert len(met) == 1
    assert type(fitted.model_.optimizer) is optimizers.Adam
    assert type(fitted.model_.loss) is losses.MeanSquaredError
    assert set(fitted.history_) == {"loss", "mae"}
    with pytest.warns(UserWarning, match="expected loss from"):
        SequentialClassifier(model, loss="mse", epochs=1).fit(X, Y)


def test_arguments_of_the_parts_change_what_was_compiled_without_a_warning():
    for model in (build, build()):
        fitted = SequentialClassifier(
            model, epochs=1, optimizer__momentum=0.25, loss__label_smoothing=0.1
        ).fit(X, Y)
        assert fitted.model_.optimizer.momentum == 0.25
        assert fitted.model_.optimizer.learning_rate == 0.1
        assert fitted.model_.loss.label_smoothing == 0.1
        with pytest.raises(ValueError, match='Did you mean "momentum"'):
            SequentialClassifier(model, epochs=1, optimizer__momentumm=0.25).fit(X, Y)


# -- weights ---------------------------------------------------------------------------------------


def test_a_trained_model_goes_on_from_its_weights_whatever_the_arithmetic():
    model = build()
    model.fit(X, np.eye(3)[Y], epochs=40, verbose=0)
    accuracy = np.mean(model.predict(X).argmax(axis=1) == Y)
    for dtype in ("float32", "float64"):
        still = SequentialClassifier(model, epochs=1, optimizer__learning_rate=0.0, dtype=dtype)
        fitted = still.fit(X, Y)
        assert fitted.score(X, Y) == accuracy
        assert same(fitted.model_.get_weights(), model.get_weights())
        assert fitted.model_.dtype == dtype
    assert fitted.model_.optimizer.iterations == 5  # the model's had made 200 steps


def test_a_function_may_return_a_model_with_weights():
    model = build()
    model.fit(X, np.eye(3)[Y], epochs=5, verbose=0)

    model.layers[0].trainable = False

    def pretrained():
        return Sequential([*model.layers[:1], layers.Dense(3, "softmax")])

    estimator = SequentialClassifier(pretrained, epochs=60, random_state=0)
    fitted = estimator.set_params(optimizer__learning_rate=0.02).fit(X, Y)
    assert same(fitted.model_.layers[0].get_weights(), model.layers[0].get_weights())
    assert fitted.score(X, Y) > 0.8
    assert not fitted.model_.layers[0].trainable


def test_random_state_decides_the_weights_that_a_function_draws():
    one, again, other = (
        SequentialClassifier(build, epochs=1, random_state=seed).fit(X, Y) for seed in (0, 0, 1)
    )
    assert weights(one) == weights(again)
    assert weights(one) != weights(other)
    assert weights(SequentialClassifier(build, epochs=1).fit(X, Y)) != weights(one)
    seeded = [
        SequentialClassifier(
            lambda: Sequential([layers.Input((4,)), layers.Dense(3, "softmax")], seed=5),
            epochs=1,
            optimizer__learning_rate=0.0,
            random_state=state,
        ).fit(X, Y)
        for state in (0, 1)
    ]
    assert weights(seeded[0]) == weights(seeded[1])


def test_layers_with_another_shape_or_initializer_draw_new_weights():
    model = build()
    model.fit(X, np.eye(3)[Y], epochs=2, verbose=0)
    kernel, bias, last, _ = model.get_weights()
    still = {"epochs": 1, "optimizer__learning_rate": 0.0, "random_state": 0}
    wider = SequentialClassifier(model, model__dense__units=9, **still).fit(X, Y).model_
    assert [w.shape for w in wider.get_weights()] == [(4, 9), (9,), (9, 3), (3,)]
    np.testing.assert_array_equal(wider.get_weights()[3], model.get_weights()[3])
    zero = SequentialClassifier(model, model__dense__kernel_initializer="zeros", **still)
    first, second, third, _ = zero.fit(X, Y).model_.get_weights()
    assert not first.any()
    assert same((second, third), (bias, last))
    rest = SequentialClassifier(model, model__dense__activation="relu", **still).fit(X, Y).model_
    assert same(rest.get_weights(), model.get_weights())
    without = SequentialClassifier(model, model__dense__use_bias=False, **still).fit(X, Y).model_
    assert same(without.get_weights()[:2], (kernel, last))


def test_statistics_that_a_layer_has_learned_are_kept():
    adapted = layers.Normalization()
    adapted.adapt(RAW)
    model = Sequential([adapted, layers.Dense(8, "tanh"), layers.Dense(3, "softmax")], seed=0)
    fitted = SequentialClassifier(model, epochs=60, random_state=0).fit(RAW, Y)
    np.testing.assert_allclose(fitted.model_.layers[0].mean, RAW.mean(axis=0), rtol=1e-6)
    assert fitted.score(RAW, Y) > 0.8
    normalized = Sequential(
        [layers.Dense(4, input_shape=(4,)), layers.BatchNormalization(), layers.Dense(3, "softmax")]
    )
    normalized.compile("adam", "sparse_categorical_crossentropy")
    normalized.fit(X, Y, epochs=3, verbose=0)
    frozen = SequentialClassifier(normalized, epochs=1, model__batch_normalization__trainable=False)
    after = frozen.fit(X, Y).model_.layers[1].moving_variance
    np.testing.assert_allclose(after, normalized.layers[1].moving_variance)


def test_a_model_that_was_built_for_other_data_is_refused():
    model = build()
    with pytest.raises(ShapeError, match=r"expected the input shape \(None, 4\).*got \(None, 2\)"):
        SequentialClassifier(model).fit(X[:, :2], Y)
    trained = Sequential([layers.Dense(3, "softmax")])
    trained.compile("adam", "sparse_categorical_crossentropy")
    trained.fit(X, Y, epochs=1, verbose=0)
    with pytest.raises(ShapeError, match=r"expected the input shape \(None, 4\)"):
        SequentialClassifier(trained).fit(X[:, :2], Y)


def test_copies_and_pickles_keep_what_was_compiled():
    model = build()
    estimator = SequentialClassifier(model, epochs=2, random_state=0)
    expected = weights(estimator.fit(X, Y))
    for copied in (clone(estimator), pickle.loads(pickle.dumps(estimator))):
        assert weights(copied.fit(X, Y)) == expected


# -- regressors and several columns ----------------------------------------------------------------


@pytest.mark.parametrize("y", [NUMBERS[:, 0], NUMBERS[:, :1], NUMBERS])
def test_regressors_heed_a_compiled_model_as_well(y):
    def network(learn_rate=0.05):
        model = Sequential([layers.Dense(16, "tanh", input_shape=(4,)), layers.Dense(y[:1].size)])
        model.compile(optimizers.SGD(learn_rate), "huber", metrics=["mae"])
        return model

    fitted = SequentialRegressor(network, epochs=100, random_state=0).fit(X, y)
    assert type(fitted.model_.loss) is losses.Huber
    assert set(fitted.history_) == {"loss", "mae"}
    assert fitted.predict(X).shape == y.shape
    assert fitted.score(X, y) > 0.7
    still = SequentialRegressor(network, epochs=5, random_state=0, model__learn_rate=0.0)
    assert still.fit(X, y).score(X, y) < 0.3
    model = network()
    model.fit(X, y, epochs=100, verbose=0)
    kept = SequentialRegressor(model, epochs=1, optimizer__learning_rate=0.0).fit(X, y)
    expected = model.predict(X).reshape(y.shape)
    np.testing.assert_allclose(kept.predict(X), expected, atol=1e-5)


def test_labels_and_columns_of_classes_heed_a_compiled_model_as_well():
    labels = np.column_stack([Y == 0, Y > 0, X[:, 0] > 0]).astype(int)
    model = Sequential([layers.Dense(16, "tanh"), layers.Dense(3, "sigmoid")])
    model.compile(optimizers.Adam(0.02), losses.BinaryFocalCrossentropy())
    fitted = SequentialClassifier(model, epochs=60, random_state=0).fit(X, labels)
    assert fitted.model_.loss == losses.BinaryFocalCrossentropy()
    assert fitted.score(X, labels) > 0.9
    columns = np.column_stack([Y, Y > 0])
    model = Sequential([layers.Dense(16, "tanh"), layers.Dense(5)])
    model.compile(optimizers.Adam(0.02))
    fitted = SequentialClassifier(model, epochs=60, random_state=0).fit(X, columns)
    assert type(fitted.model_.loss) is losses.BlockCrossentropy
    assert fitted.score(X, columns) > 0.9


# -- partial_fit -----------------------------------------------------------------------------------


def test_partial_fit_goes_on_from_a_trained_model_pass_by_pass():
    model = build()
    model.fit(X, np.eye(3)[Y], epochs=2, verbose=0)
    estimator = SequentialClassifier(model, random_state=0, batch_size=50)
    one = clone(estimator).partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X, Y)
    both = clone(estimator).set_params(epochs=2).fit(X, Y)
    assert weights(one) == weights(both)
    assert one.model_.optimizer.iterations == 6
    assert one.history_ == both.history_
