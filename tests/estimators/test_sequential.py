"""SequentialClassifier and SequentialRegressor: networks, losses, parameters and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV

from annlib import Sequential, SequentialClassifier, SequentialRegressor, layers, losses, optimizers
from annlib.callbacks import Callback, EarlyStopping
from annlib.core.errors import ConfigurationError, DivergenceError

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
TWO = (Y == 1).astype(int)
MANY = np.column_stack([Y == 0, Y > 0, X[:, 0] > 0]).astype(int)
COLUMNS = np.column_stack([Y, Y > 0])
ROWS, NUMBERS = make_regression(120, 5, random_state=0)
NUMBERS = NUMBERS / NUMBERS.std()


def net(model=None, **parameters):
    defaults = {"epochs": 20, "random_state": 0, "optimizer__learning_rate": 0.01}
    return SequentialClassifier(model, **(defaults | parameters))


# -- the network -----------------------------------------------------------------------------------


def test_the_users_model_is_copied_and_stays_unbuilt():
    model = Sequential([layers.Dense(8, "relu"), layers.Dense(3, "softmax")], seed=7)
    fitted = net(model).fit(X, Y)
    assert not model.built and not model.compiled
    assert fitted.model is model
    assert fitted.model_ is not model
    assert all(one is not two for one, two in zip(fitted.model_.layers, model.layers, strict=True))
    assert fitted.score(X, Y) > 0.9


def trained(**compiled):
    model = Sequential(
        [layers.Input((4,)), layers.Dense(8, "relu"), layers.Dense(3, "softmax")], seed=7
    )
    loss = "sparse_categorical_crossentropy"
    model.compile(**({"optimizer": optimizers.SGD(0.05), "loss": loss} | compiled))
    model.fit(X, Y, epochs=5, verbose=0)
    return model


def test_fit_begins_from_the_weights_of_a_built_model_and_leaves_it_alone():
    model = trained()
    optimizer, steps, before = model.optimizer, model.optimizer.iterations, model.get_weights()
    estimator = SequentialClassifier(model, epochs=2)
    one, two = (estimator.fit(X, Y).model_.get_weights() for _ in range(2))
    for mine, other, kept, now in zip(one, two, before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
        np.testing.assert_array_equal(now, kept)
    assert model.optimizer is optimizer and optimizer.iterations == steps
    for seed in (0, 1):  # it seeds the shuffle alone
        still = SequentialClassifier(model, epochs=1, optimizer__learning_rate=0.0)
        still.set_params(random_state=seed).fit(X, Y)
        assert still.model_.seed != model.seed
        for mine, kept in zip(still.model_.get_weights(), before, strict=True):
            np.testing.assert_array_equal(mine, kept)


def test_the_seed_is_random_state_or_the_models_own():
    model = Sequential([layers.Dense(3, "softmax")], seed=7)
    fits = [net(model, random_state=None, epochs=1).fit(X, Y) for _ in range(2)]
    np.testing.assert_array_equal(fits[0].predict_proba(X), fits[1].predict_proba(X))
    assert fits[0].model_.seed == 7
    unseeded = Sequential([layers.Dense(3, "softmax")])
    one, two = (net(unseeded, random_state=None, epochs=1).fit(X, Y) for _ in range(2))
    assert one.model_.seed != two.model_.seed


def test_the_arithmetic_is_that_of_the_data_or_as_told():
    model = Sequential([layers.Dense(3, "softmax")], dtype="float32")
    assert net(model).fit(X, Y).model_.dtype == "float64"
    assert net(model).fit(X.astype(np.float32), Y).model_.dtype == "float32"
    assert net(model, dtype="float32").fit(X, Y).model_.dtype == "float32"


def test_a_function_gets_what_it_asks_for():
    seen = {}

    def build(n_features_in, n_classes, *, n_outputs, units=5, rate=0.0):
        seen.update(n_features_in=n_features_in, n_classes=n_classes, n_outputs=n_outputs)
        return Sequential([layers.Dense(units, "relu"), layers.Dense(n_classes, "softmax")])

    fitted = net(build, model__units=6).fit(X, Y)
    assert seen == {"n_features_in": 4, "n_classes": 3, "n_outputs": 3}
    assert fitted.model_.layers[0].units == 6
    net(build).fit(X, TWO)
    assert seen == {"n_features_in": 4, "n_classes": 2, "n_outputs": 1}
    search = GridSearchCV(net(build), {"model__units": [1, 7]}, cv=2).fit(X, Y)
    assert search.best_params_["model__units"] == 7


def test_a_function_that_asks_for_more_or_gives_no_model():
    with pytest.raises(ValueError, match=r"got depth\. Pass model__depth"):
        net(lambda depth: None).fit(X, Y)
    with pytest.raises(ValueError, match="returns a Sequential, got None"):
        net(lambda: None).fit(X, Y)
    with pytest.raises(ValueError, match='Did you mean "units"'):
        net(lambda n_classes, units=1: None, model__unit=2).fit(X, Y)


def test_layers_are_tuned_by_their_names():
    model = Sequential(
        [
            layers.Dense(4, "relu", kernel_regularizer="l2"),
            layers.Dropout(0.5, name="drop"),
            layers.Dense(3, "softmax"),
        ]
    )
    estimator = net(model, model__dense__units=9, model__drop__rate=0.0)
    estimator.set_params(model__dense__kernel_regularizer__l2=0.25)
    stack = estimator.fit(X, Y).model_.layers
    assert stack[0].units == 9
    assert stack[0].kernel_regularizer.l2 == 0.25
    assert stack[1].rate == 0.0
    assert model.layers[0].units == 4
    assert estimator.get_params()["model__dense_1__units"] == 3
    with pytest.raises(ValueError, match='Did you mean "dense_1"'):
        net(model, model__dens_1__units=3).fit(X, Y)
    with pytest.raises(ValueError, match='Did you mean "units"'):
        net(model, model__dense__unit=3).fit(X, Y)


def test_the_default_network_follows_the_data():
    small, large = net().fit(X, Y), net().fit(np.tile(X, 20), Y)
    assert [layer.units for layer in small.model_.layers] == [32, 32, 3]
    assert [layer.units for layer in large.model_.layers] == [128, 128, 3]
    other = net(model__depth=1, model__units=5, model__activation="tanh", model__dropout=0.1)
    kinds = [type(layer).__name__ for layer in other.fit(X, Y).model_.layers]
    assert kinds == ["Dense", "Dropout", "Dense"]


# -- the last layer and the loss -------------------------------------------------------------------

LAST = {
    "sigmoid": (TWO, [layers.Dense(1, "sigmoid")], "BinaryCrossentropy"),
    "two": (TWO, [layers.Dense(2, "softmax")], "SparseCategoricalCrossentropy"),
    "logit": (TWO, [layers.Dense(1)], "BinaryCrossentropy"),
    "two logits": (TWO, [layers.Dense(2)], "SparseCategoricalCrossentropy"),
    "sigmoids": (Y, [layers.Dense(3, "sigmoid")], "BinaryCrossentropy"),
    "softmax": (Y, [layers.Dense(3, "softmax")], "SparseCategoricalCrossentropy"),
    "logits": (Y, [layers.Dense(3)], "SparseCategoricalCrossentropy"),
    "softmax layer": (Y, [layers.Dense(3), layers.Softmax()], "SparseCategoricalCrossentropy"),
    "labels": (MANY, [layers.Dense(3, "sigmoid")], "BinaryCrossentropy"),
    "logits of labels": (MANY, [layers.Dense(3)], "BinaryCrossentropy"),
    "columns": (COLUMNS, [layers.Dense(5)], "BlockCrossentropy"),
}


@pytest.mark.parametrize("case", LAST)
def test_the_loss_fits_the_last_layer(case):
    y, last, loss = LAST[case]
    fitted = net(Sequential([layers.Dense(16, "relu"), *last])).fit(X, y)
    assert type(fitted.model_.loss).__name__ == loss
    assert fitted.score(X, y) > 0.9
    probabilities, decisions = fitted.predict_proba(X), fitted.decision_function(X)
    if case == "columns":
        probabilities, decisions = probabilities[0], decisions[0]
    top = probabilities.argmax(axis=1) if probabilities.shape[1] > 1 else probabilities
    if y is TWO:
        assert probabilities.shape == (150, 2) and decisions.shape == (150,)
        order = np.argsort(decisions, kind="stable")
        assert (np.diff(probabilities[order, 1]) >= -1e-12).all()
        np.testing.assert_array_equal(decisions > 0, fitted.predict(X) == 1)
    elif y is MANY:
        np.testing.assert_allclose(probabilities, 1 / (1 + np.exp(-decisions)))
    else:
        np.testing.assert_array_equal(decisions.argmax(axis=1), top)
        link = 1 / (1 + np.exp(-decisions)) if case == "sigmoids" else np.exp(decisions)
        expected = link / link.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(probabilities, expected)
    if y is not MANY:
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_one_unit_and_two_say_the_same_of_two_classes():
    names = np.where(TWO, "yes", "no")
    one = net(Sequential([layers.Dense(1, "sigmoid")]), epochs=60).fit(X, names)
    two = net(Sequential([layers.Dense(2, "softmax")]), epochs=60).fit(X, names)
    assert np.mean(one.predict(X) == two.predict(X)) > 0.85
    assert one.classes_.tolist() == two.classes_.tolist() == ["no", "yes"]


def test_the_loss_is_what_it_says():
    fitted = net(batch_size=150, metrics=["accuracy"]).fit(X, Y, X_val=X, y_val=Y)
    assert fitted.history_["val_loss"][-1] == pytest.approx(log_loss(Y, fitted.predict_proba(X)))
    assert fitted.history_["val_accuracy"][-1] == pytest.approx(fitted.score(X, Y))
    weights = np.linspace(0, 3, 150)
    fitted = net(metrics=["accuracy"]).fit(
        X, Y, X_val=X, y_val=Y, sample_weight_val=weights
    )  # fmt: skip
    expected = log_loss(Y, fitted.predict_proba(X), sample_weight=weights)
    assert fitted.history_["val_loss"][-1] == pytest.approx(expected)
    assert fitted.history_["val_accuracy"][-1] == pytest.approx(fitted.score(X, Y, weights))


@pytest.mark.parametrize(
    ("y", "last", "loss"),
    [
        (Y, layers.Dense(3, "softmax"), "categorical_crossentropy"),
        (Y, layers.Dense(3, "softmax"), "crossentropy"),
        (Y, layers.Dense(3, "softmax"), losses.CategoricalFocalCrossentropy()),
        (Y, layers.Dense(3, "sigmoid"), "mse"),
        (Y, layers.Dense(3), "categorical_hinge"),
        (TWO, layers.Dense(1, "tanh"), "hinge"),
        (TWO, layers.Dense(1, "sigmoid"), "binary_focal_crossentropy"),
        (TWO, layers.Dense(2, "softmax"), "categorical_crossentropy"),
    ],
)
def test_losses_of_ones_own_get_the_targets_they_take(y, last, loss):
    fitted = net(Sequential([layers.Dense(16, "relu"), last]), loss=loss, epochs=60).fit(X, y)
    assert fitted.score(X, y) > 0.85
    if "hinge" in str(loss):
        with pytest.raises(AttributeError, match="no attribute 'predict_proba'"):
            fitted.predict_proba(X)
    else:
        assert fitted.predict_proba(X).shape == (150, y.max() + 1)


def test_arguments_of_an_automatic_loss():
    fitted = net(Sequential([layers.Dense(1, "sigmoid")]), loss__label_smoothing=0.2).fit(X, TWO)
    assert fitted.model_.loss.label_smoothing == 0.2


@pytest.mark.parametrize("last", [layers.Dense(3, "softmax"), layers.Dense(3)])
def test_label_smoothing_of_an_automatic_loss_of_classes(last):
    """- mean sum_k q_k log a_k with q = y (1 - s) + s / 3, by hand."""
    fitted = net(Sequential([last]), loss__label_smoothing=0.2, dtype="float64").fit(X, Y)
    a, q = fitted.predict_proba(X), np.eye(3)[Y] * 0.8 + 0.2 / 3
    expected = -(q * np.log(a)).sum(axis=1).mean()
    assert fitted.model_.evaluate(X, Y) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("y", "last", "message"),
    [
        (Y, layers.Dense(1, "sigmoid"), r"3 classes, got \"dense_1\".*Dense\(3, activation"),
        (Y, layers.Dense(4, "softmax"), r"outputs of shape \(4,\).*Make it Dense\(3"),
        (TWO, layers.Dense(1, "softmax"), r"two classes.*Dense\(1, activation=\"sigmoid\"\) or"),
        (TWO, layers.Dense(3, "softmax"), "two classes"),
        (TWO, layers.Dense(2, "sigmoid"), "two classes"),
        (MANY, layers.Dense(3, "softmax"), r"3 labels.*activation=\"sigmoid\""),
        (np.eye(3)[Y], layers.Dense(3, "softmax"), r"3 labels.*pass y\.argmax\(axis=1\)"),
        (MANY, layers.Dense(2, "sigmoid"), "3 labels"),
        (COLUMNS, layers.Dense(5, "softmax"), r"2 columns of 3, 2 classes.*Make it Dense\(5\)"),
        (Y, layers.Dense(3, "relu"), "activation relu.*or pass a loss"),
    ],
)
def test_a_last_layer_that_does_not_fit(y, last, message):
    with pytest.raises(ValueError, match=message):
        net(Sequential([layers.Dense(4), last])).fit(X, y)


# -- training --------------------------------------------------------------------------------------


def test_optimizers_are_cloned():
    optimizer = optimizers.SGD(0.1, momentum=0.9)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    fitted = net(optimizer=optimizer, optimizer__learning_rate=0.05).fit(X, Y)
    assert optimizer.iterations == 0
    assert fitted.model_.optimizer.iterations == 100
    assert fitted.model_.optimizer._arguments()["learning_rate"] == 0.05
    assert not fitted.model_.optimizer.policy.decays("dense/bias")


def test_lbfgs():
    fitted = SequentialClassifier(
        Sequential([layers.Dense(3, "softmax", kernel_regularizer="l2")]), optimizer="lbfgs"
    ).fit(X, Y)
    assert 5 < fitted.n_iter_ < 100
    assert fitted.score(X, Y) > 0.9


def test_the_split_is_random_and_has_all_classes():
    class Watch(Callback):
        def on_train_begin(self, logs=None):
            self.rows = self.params["steps"]

    watch = Watch()
    fitted = net(validation_split=0.2, batch_size=1, epochs=3, callbacks=[watch]).fit(X, Y)
    assert watch.rows == 120
    assert len(fitted.history_["val_loss"]) == 3
    assert fitted.history_["val_loss"][-1] < 1  # Keras' last rows are all of one class
    with pytest.raises(ValueError, match="n_samples=1"):
        SequentialRegressor(validation_split=0.5).fit(X[:1], [0.5])
    fitted.set_params(validation_split=0.0, warm_start=True).fit(X, Y)
    assert fitted.n_iter_ == len(fitted.history_["loss"]) == 6


def test_callbacks_and_their_arguments():
    stopping = EarlyStopping(patience=50, restore_best_weights=True)
    estimator = net(epochs=300, callbacks=[stopping], validation_split=0.3)
    tuned = clone(estimator).set_params(callbacks__early_stopping__patience=1).fit(X, Y)
    assert tuned.n_iter_ < 300
    assert stopping.patience == 50
    by_name = net(callbacks="terminate_on_nan", epochs=1).fit(X, Y)
    assert by_name.get_params()["callbacks"] == "terminate_on_nan"
    with pytest.raises(ValueError, match='Did you mean "early_stopping"'):
        estimator.set_params(callbacks__early_stoping__patience=1).fit(X, Y)


def test_a_failing_fit_leaves_the_fitted_network():
    fitted = net().fit(X, Y)
    before = fitted.predict_proba(X)
    with pytest.raises(DivergenceError):
        fitted.set_params(optimizer__learning_rate=1e200).fit(X, Y)
    np.testing.assert_array_equal(fitted.predict_proba(X), before)


def test_verbose_speaks(capsys):
    net(epochs=2).fit(X, Y)
    assert capsys.readouterr().out == ""
    net(epochs=2, verbose=2).fit(X, Y)
    assert capsys.readouterr().out.count("loss:") == 2


def test_regression_keeps_the_dimensions_of_y():
    estimator = SequentialRegressor(epochs=30, random_state=0, optimizer__learning_rate=0.01)
    for y in (NUMBERS, NUMBERS[:, None], np.column_stack([NUMBERS, -NUMBERS])):
        fitted = clone(estimator).fit(ROWS, y)
        assert fitted.predict(ROWS).shape == y.shape
        assert fitted.score(ROWS, y) > 0.9
    with pytest.raises(ValueError, match="2 columns, as before, got 1"):
        fitted.partial_fit(ROWS, NUMBERS)


def test_one_class_is_learned():
    for model in (None, Sequential([layers.Dense(2, "softmax")])):
        fitted = net(model).fit(X, ["only"] * 150)
        assert set(fitted.predict(X)) == {"only"}
        np.testing.assert_array_equal(fitted.predict_proba(X)[:, 0], fitted.predict_proba(X)[:, 0])
    assert net().fit(X, ["only"] * 150).predict_proba(X).shape == (150, 1)


# -- bad input -------------------------------------------------------------------------------------

BAD = [
    ("epochs", 0, r"an int in the range \[1, inf\)"),
    ("epochs", 2.5, "an int"),
    ("epochs", True, "an int"),
    ("batch_size", -1, "an int"),
    ("validation_split", 1.0, r"a float in the range \[0.0, 1.0\)"),
    ("validation_split", "0.1", "a float"),
    ("shuffle", 1, "an instance of 'bool'"),
    ("warm_start", None, "an instance of 'bool'"),
    ("verbose", 3, "one of {0, 1, 2, 'auto'}"),
    ("random_state", -1, "an int in the range"),
    ("random_state", "0", "an int in the range"),
    ("dtype", "float16", "None or one of {'float32', 'float64'}"),
    ("model", Sequential, "None or a Sequential or a function that returns one"),
    ("model", "mlp", "None or a Sequential"),
    ("optimizer", "adamm", "the name of a known Optimizer"),
    ("optimizer", None, "the name of a known Optimizer"),
    ("loss", "cross", "the name of a known Loss"),
    ("metrics", 3, "None or a list of metrics"),
    ("callbacks", ["stop"], "the name of a known Callback"),
    ("class_weight", "even", "a dict, 'balanced'"),
]


@pytest.mark.parametrize(("name", "value", "expected"), BAD)
def test_bad_parameters_are_refused_in_fit_before_anything_changes(name, value, expected):
    estimator = SequentialClassifier().set_params(**{name: value})
    message = rf"The '{name}' parameter of SequentialClassifier must be .*{expected}.* Got "
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, Y)
    assert [attribute for attribute in vars(estimator) if attribute.endswith("_")] == []


def test_names_of_keras_wrappers_get_a_hint():
    with pytest.raises(TypeError, match='Did you mean "batch_size"'):
        SequentialClassifier(fit__batch_size=3)
    with pytest.raises(ValueError, match='Did you mean "loss"'):
        SequentialClassifier().set_params(compile__loss="mse")


def test_half_a_validation_set():
    with pytest.raises(ValueError, match="X_val is provided, but y_val was not"):
        net().fit(X, Y, X_val=X)
    with pytest.raises(ValueError, match="unseen labels"):
        net().fit(X, Y, X_val=X[:2], y_val=[0, 3])


def test_a_model_keeps_its_class_or_is_refused():
    class Named(Sequential):
        pass

    class Fixed(Sequential):
        def __init__(self, units=3):
            super().__init__([layers.Dense(units, "relu"), layers.Dense(1, "sigmoid")])
            self.units = units

    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    net = SequentialClassifier(Named([layers.Dense(1, "sigmoid")]), epochs=1).fit(X, y)
    assert type(net.model_) is Named
    with pytest.raises(ConfigurationError, match="whose class takes layers, got Fixed"):
        SequentialClassifier(Fixed(), epochs=1).fit(X, y)
