"""Every constructor parameter of the Sequential estimators, changed before training goes on:
it counts in a warm start and in ``partial_fit``, or is refused; none is ignored."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest
from sklearn.datasets import load_iris

from annlib import (
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    layers,
    metrics,
    optimizers,
)
from annlib.callbacks import Callback
from annlib.estimators.rules import InvalidParameterError

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
ESTIMATORS = {SequentialClassifier: Y, SequentialRegressor: X[:, 0] * X[:, 1]}
WAYS = ["fit", "partial_fit"]


class Calls(Callback):
    """What was called last."""

    hooks: list[str] = []  # of all objects: a clone is another one

    def on_train_begin(self, logs=None):
        self.hooks[:] = ["begin"]

    def on_epoch_end(self, epoch, logs=None):
        self.hooks.append(f"{epoch}: {' '.join(sorted(logs))}")

    def on_train_end(self, logs=None):
        self.hooks.append("end")


def first_output(y_true, y_pred):
    return y_pred[:, 0]


def build(n_outputs, output_activation, units=4):
    return Sequential(
        [
            layers.Dense(units, "tanh", name="hidden"),
            layers.Dropout(0.2),
            layers.Dense(n_outputs, output_activation),
        ]
    )


def begun(cls, **parameters):
    """An estimator after two epochs of five steps."""
    defaults = {"epochs": 2, "batch_size": 30, "random_state": 0, "warm_start": True}
    return cls(build, **(defaults | parameters)).fit(X, ESTIMATORS[cls])


def goes_on(estimator, way):
    return getattr(estimator, way)(X, ESTIMATORS[type(estimator)])


def learned(estimator):
    return [each.tolist() for each in estimator.model_.get_weights()]


# -- parameters that count -------------------------------------------------------------------------

#: The new value, what is looked at, and what it is then after ``fit`` and after ``partial_fit``;
#: None where it is another number than without the change.
COUNT = {
    "optimizer": ("sgd", lambda e: type(e.model_.optimizer).__name__, "SGD", "SGD"),
    "optimizer__learning_rate": (0.1, lambda e: e.model_.optimizer.learning_rate, 0.1, 0.1),
    "optimizer__clipnorm": (1e-6, learned, None, None),
    "loss": ("huber", lambda e: type(e.model_.loss).__name__, "Huber", "Huber"),
    "loss__reduction": ("sum", lambda e: e.model_.loss.reduction, "sum", "sum"),
    "metrics": ([first_output], lambda e: len(e.history_["first_output"]), 2, 1),
    "batch_size": (10, lambda e: e.model_.optimizer.iterations, 10 + 2 * 15, 10 + 15),
    "epochs": (5, lambda e: e.n_iter_, 2 + 5, 2 + 1),  # partial_fit is one epoch
    "validation_split": (0.2, lambda e: len(e.history_["val_loss"]), 2, 1),
    "callbacks": (
        Calls(),
        lambda e: Calls.hooks[:],
        ["begin", "2: loss", "3: loss", "end"],
        ["begin", "2: loss", "end"],
    ),
    "class_weight": ({0: 100.0}, learned, None, None),
    "shuffle": (False, learned, None, None),
    "random_state": (1, learned, None, None),
    "warm_start": (False, lambda e: e.n_iter_, 2, 2 + 1),  # partial_fit always goes on
}

#: New values that would need another network.
REFUSED = {
    "model": Sequential([layers.Dense(3)]),
    "model__units": 8,
    "dtype": "float32",
}


def parameters_of(cls):
    return {name for name in inspect.signature(cls).parameters if name != "nested"}


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_the_tables_have_every_parameter(cls):
    own = {name for name in (*COUNT, *REFUSED) if "__" not in name}
    assert parameters_of(cls) <= own | {"verbose", "scoring"}  # which have tests of their own
    assert own - parameters_of(cls) <= {"class_weight"}


COUNTING = [
    (cls, name)
    for cls in ESTIMATORS
    for name in COUNT
    if "__" in name or name in parameters_of(cls)
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("cls", "name"), COUNTING)
def test_a_changed_parameter_counts(cls, name, way):
    value, look, after_fit, after_partial_fit = COUNT[name]
    estimator = begun(cls).set_params(**{name: value})
    assert estimator.get_params()[name] is value
    found = look(goes_on(estimator, way))
    expected = after_fit if way == "fit" else after_partial_fit
    if expected is None:
        assert found != look(goes_on(begun(cls), way))
    else:
        assert found == expected


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_verbose_counts(cls, way, capsys):
    goes_on(begun(cls).set_params(verbose=2), way)
    assert capsys.readouterr().out.count("loss:") == (2 if way == "fit" else 1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_another_network_is_refused_and_nothing_changes(cls, name, way):
    estimator = begun(cls)
    before = learned(estimator), estimator.n_iter_, dict(estimator.history_)
    old = getattr(estimator, name, None)
    estimator.set_params(**{name: REFUSED[name]})
    with pytest.raises(
        InvalidParameterError, match=f"The '{name}' parameter .*as before.*fit with"
    ):
        goes_on(estimator, way)
    assert before == (learned(estimator), estimator.n_iter_, estimator.history_)
    if name == "model__units":
        estimator.set_params(model__units=4)
        with pytest.raises(InvalidParameterError, match="must be None, as before"):
            goes_on(estimator, way)
        delattr(estimator, name)
    else:
        estimator.set_params(**{name: old})
    goes_on(estimator, way)
    cold = begun(cls).set_params(**{name: REFUSED[name]}, warm_start=False)
    if name != "model":  # whose units fit neither
        assert goes_on(cold, "fit").n_iter_ == 2


# -- parameters that stay --------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_equal_parameters_change_nothing(cls, way):
    def made():
        return begun(cls, optimizer=optimizers.Adam(0.01), metrics=[first_output], dtype="float64")

    plain, again, thawed = made(), made(), pickle.loads(pickle.dumps(made()))
    equal = {"optimizer": optimizers.Adam(0.01), "metrics": [first_output], "random_state": 0}
    again.set_params(**equal, dtype=None)
    optimizer = again.model_.optimizer
    expected = learned(goes_on(plain, way))
    assert learned(goes_on(again, way)) == expected
    assert again.model_.optimizer is optimizer
    assert learned(goes_on(thawed, way)) == expected
    assert again.history_ == plain.history_ == thawed.history_


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_an_optimizer_keeps_its_steps_while_the_loss_changes(cls):
    estimator = begun(cls)
    optimizer = estimator.model_.optimizer
    goes_on(estimator.set_params(loss="mae", metrics=[first_output]), "fit")
    assert estimator.model_.optimizer is optimizer
    assert optimizer.iterations == 20
    goes_on(estimator.set_params(optimizer__beta_1=0.5), "fit")
    assert estimator.model_.optimizer is not optimizer
    assert estimator.model_.optimizer.iterations == 10


def test_a_new_loss_gets_the_targets_that_it_takes_and_is_read_as_such():
    two = (Y == 1).astype(int)
    model = Sequential([layers.Dense(16, "relu"), layers.Dense(1)])
    net = SequentialClassifier(model, epochs=80, warm_start=True, random_state=0).fit(X, two)
    assert net.model_.loss.from_logits
    net.set_params(loss="mse", optimizer__learning_rate=0.01).fit(X, two)
    assert net.score(X, two) > 0.9
    np.testing.assert_array_equal(net.predict(X), net.model_.predict(X)[:, 0] > 0.5)
    three = SequentialClassifier(warm_start=True, random_state=0, epochs=5).fit(X, Y)
    three.set_params(loss="categorical_crossentropy").fit(X, Y)
    assert three.model_.loss.target_kind == "values"


def test_a_loss_that_does_not_fit_leaves_the_network_as_it_was():
    net = begun(SequentialClassifier, model__units=4)
    before = learned(net), net.model_.loss
    from_logits = net.model_.loss._replace(from_logits=True)
    with pytest.raises(ValueError, match="expected logits"):
        goes_on(net.set_params(loss=from_logits), "fit")
    assert (learned(net), net.model_.loss) == before
    goes_on(net.set_params(loss="auto"), "fit")


def test_metrics_of_ones_own_have_a_state_for_each_fit_and_go_on():
    class Share(metrics.Metric):
        def __init__(self, least=0.5):
            super().__init__("share")
            self.least = least
            self.reset_state()

        def reset_state(self):
            self.seen = self.large = 0

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.seen += len(y_pred)
            self.large += (y_pred.max(axis=1) > self.least).sum()

        def result(self):
            return self.large / max(self.seen, 1)

    share = Share(0.9)
    net = SequentialClassifier(build, metrics=[share], random_state=0)
    for _ in range(3):
        net.partial_fit(X, Y, classes=[0, 1, 2])
    assert len(net.history_["share"]) == 3
    assert share.seen == 0
    assert net.model_.optimizer.iterations == 15
