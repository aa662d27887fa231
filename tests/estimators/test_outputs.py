"""How outputs are read: where no ends and yes begins, and past layers that come after the link."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression

from annlib import (
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    activations,
    layers,
    losses,
)
from annlib.core.constructors import constructor_arguments as arguments_of
from annlib.core.errors import ConfigurationError, DataError, DivergenceError

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
TWO = (Y == 0).astype(int)
NAMES = np.where(TWO, "yes", "no")
MANY = np.column_stack([Y == 0, Y > 0, X[:, 0] > 0]).astype(int)


def net(last, loss="auto", hidden=(), **parameters):
    defaults = {"epochs": 60, "random_state": 0, "optimizer__learning_rate": 0.02}
    return SequentialClassifier(Sequential([*hidden, *last]), loss=loss, **(defaults | parameters))


# -- where no ends and yes begins ------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["mse", "half_sum_squared_error", "log_cosh", losses.Huber(100.0)])
def test_a_linear_network_of_squared_errors_is_least_squares_cut_at_a_half(loss):
    # scikit-learn's LinearRegression on 0 and 1. Near its minimum log(cosh) is half the square.
    least_squares = LinearRegression().fit(X, TWO).predict(X)
    for dtype in ("float32", "float64"):
        fitted = SequentialClassifier(
            Sequential([layers.Dense(1)]), loss=loss, optimizer="lbfgs", random_state=0, dtype=dtype
        ).fit(X, NAMES)
        assert fitted.predict(X).tolist() == np.where(least_squares > 0.5, "yes", "no").tolist()
        assert fitted.score(X, NAMES) == 1.0
        if loss != "log_cosh":
            expected = least_squares - 0.5
            np.testing.assert_allclose(fitted.decision_function(X), expected, atol=2e-3)


def test_several_labels_of_squared_errors_are_cut_at_a_half():
    least_squares = LinearRegression().fit(X, MANY).predict(X)
    fitted = SequentialClassifier(
        Sequential([layers.Dense(3)]), loss="mse", optimizer="lbfgs", random_state=0
    ).fit(X, MANY)
    np.testing.assert_allclose(fitted.decision_function(X), least_squares - 0.5, atol=1e-3)
    np.testing.assert_array_equal(fitted.predict(X), least_squares > 0.5)


LEARNED = [
    *(
        (loss, act)
        for loss in ("mse", "mae", "huber", "msle", "log_cosh")
        for act in (None, "tanh")
    ),
    *((loss, "hard_sigmoid") for loss in ("mse", "mae", "huber", "binary_crossentropy", "poisson")),
    *((loss, "softplus") for loss in ("mse", "poisson", "hinge")),
    *((loss, act) for loss in ("hinge", "squared_hinge") for act in (None, "tanh", "softsign")),
    # These cannot reach -1, the hinge's no; halfway is 0.5.
    *((loss, act) for loss in ("hinge", "squared_hinge") for act in ("sigmoid", "hard_sigmoid")),
]


@pytest.mark.parametrize(("loss", "activation"), LEARNED)
@pytest.mark.parametrize("y", [NAMES, MANY], ids=["two classes", "several labels"])
def test_outputs_that_are_no_logits_separate_the_classes(loss, activation, y):
    last = layers.Dense(3 if y is MANY else 1, activation)
    fitted = net([last], loss, [layers.Dense(16, "tanh")]).fit(X, y)
    assert fitted.score(X, y) > 0.94
    yes = fitted.decision_function(X) > 0
    predicted = fitted.predict(X)
    np.testing.assert_array_equal(predicted if y is MANY else predicted == "yes", yes)
    if activation == "sigmoid":
        probabilities = fitted.predict_proba(X) if y is MANY else fitted.predict_proba(X)[:, 1]
        np.testing.assert_array_equal(probabilities > 0.5, yes)


@np.errstate(over="ignore")
def reach(activation):
    """The least and the largest number that it gives of these."""
    found = activation(np.concatenate([[-1e6], np.linspace(-50, 50, 10_001), [1e6]]))
    return found.min(), found.max()


def border(loss, activation):
    """Halfway between the loss' targets, as far as the activation can give them."""
    targets = (-1, 1) if loss.margin else (0, 1)
    return 0.0 if loss.from_logits else np.mean(np.clip(targets, *reach(activation)))


def has_defaults(cls):
    return all(argument.default is not argument.empty for argument in arguments_of(cls).values())


ELEMENTWISE = [cls for cls in activations.registry if cls.elementwise and not cls.task]
OF_NUMBERS = [
    *(
        cls()
        for cls in losses.registry
        if cls.target_kind == "values" and not cls.from_logits and has_defaults(cls)
    ),
    losses.BinaryCrossentropy(from_logits=True),
    losses.BinaryFocalCrossentropy(from_logits=True),
]


@pytest.mark.filterwarnings("ignore:.*expected probabilities")  # of what a linear layer gives
@pytest.mark.parametrize("loss", OF_NUMBERS, ids=repr)
@pytest.mark.parametrize("activation", ELEMENTWISE, ids=lambda cls: cls._names[0])
def test_predictions_and_decisions_agree_for_every_loss_and_activation(activation, loss):
    for y, units in ((TWO, 1), (MANY, 3)):
        fitted = net([layers.Dense(units, activation())], loss, epochs=1)
        try:
            fitted.fit(X, y)
        except DataError:  # of losses like Gamma's, which have no target 0
            with pytest.raises(DataError):
                loss([[0.0]], [[0.5]])
            continue
        except DivergenceError:  # of losses like Poisson's, for outputs below zero
            assert reach(activation())[0] < 0
            continue
        outputs = fitted.model_.predict(X)
        yes = outputs > border(loss, activation())
        clear = np.abs(outputs - border(loss, activation())) > 1e-3
        predicted = fitted.predict(X).reshape(outputs.shape)
        np.testing.assert_array_equal(predicted[clear], yes[clear])
        decisions = fitted.decision_function(X).reshape(outputs.shape)
        np.testing.assert_array_equal(decisions > 0, predicted)
        if loss.from_logits:
            probabilities = fitted.predict_proba(X)
            probabilities = probabilities if units == 3 else probabilities[:, 1:]
            np.testing.assert_array_equal(probabilities > 0.5, predicted)


def test_what_a_user_wrote_is_cut_by_what_its_class_says():
    class Half(losses.Loss):
        def forward(self, Y, A, E, work):
            np.square(A - Y).sum(axis=1, out=E)

        def backward(self, Y, A, dA, work):
            np.multiply(2, A - Y, out=dA)

    class Margin(Half):
        margin = True

    halves, margins = (net([layers.Dense(1)], loss()).fit(X, TWO) for loss in (Half, Margin))
    outputs = halves.model_.predict(X)[:, 0]
    np.testing.assert_array_equal(halves.predict(X), outputs > 0.5)
    np.testing.assert_array_equal(margins.predict(X), margins.model_.predict(X)[:, 0] > 0)
    pair = net(
        [layers.Dense(1)], (lambda y, a: ((a - y) ** 2).sum(axis=-1), lambda y, a: 2 * (a - y))
    )
    np.testing.assert_allclose(pair.fit(X, TWO).decision_function(X), outputs - 0.5)


# -- layers after the link -------------------------------------------------------------------------

KEEP = {
    "dropout": [layers.Dropout(0.2)],
    "gaussian noise": [layers.GaussianNoise(0.05)],
    "gaussian dropout": [layers.GaussianDropout(0.1)],
    "alpha dropout": [layers.AlphaDropout(0.1)],
    "flatten": [layers.Flatten()],
    "identity": [layers.Identity()],
    "linear": [layers.Activation("linear")],
    "reshape": [layers.Reshape((-1,))],
    "there and back": [layers.Reshape((1, -1)), layers.Flatten()],
    "penalty": [layers.ActivityRegularization(l2=1e-4)],
    "several": [layers.Identity(), layers.Dropout(0.0), layers.Flatten()],
}
NOISY = ("dropout", "noise")
LINKS = {
    "softmax": (Y, [layers.Dense(3, "softmax")], losses.SparseCategoricalCrossentropy),
    "softmax layer": (Y, [layers.Dense(3), layers.Softmax()], losses.SparseCategoricalCrossentropy),
    "of an axis": (Y, [layers.Dense(3), layers.Softmax(1)], losses.SparseCategoricalCrossentropy),
    "two of softmax": (TWO, [layers.Dense(2, "softmax")], losses.SparseCategoricalCrossentropy),
    "sigmoid": (TWO, [layers.Dense(1, "sigmoid")], losses.BinaryCrossentropy),
    "labels": (MANY, [layers.Dense(3, "sigmoid")], losses.BinaryCrossentropy),
}


@pytest.mark.parametrize("tail", KEEP)
@pytest.mark.parametrize("link", LINKS)
def test_layers_that_keep_values_hide_no_link(link, tail):
    y, last, loss = LINKS[link]
    both = []
    for after in ([], KEEP[tail]):
        hidden = [layers.Dense(16, "tanh")]
        stack = copy.deepcopy([*last, *after])
        both.append(net(stack, hidden=hidden, dtype="float64").fit(X, y))
    for fitted in both:
        assert type(fitted.model_.loss) is loss
        assert not fitted.model_.loss.from_logits
        assert fitted.score(X, y) > 0.9
        probabilities = fitted.predict_proba(X)
        assert probabilities.max() > 0.99  # 0.58 at most, if it were the softmax of a softmax
        outputs = fitted.model_.predict(X)  # which are probabilities themselves
        mine = probabilities[:, 1:] if outputs.shape[1] == 1 else probabilities
        np.testing.assert_allclose(mine, outputs, rtol=1e-9)
        decisions = fitted.decision_function(X)
        if loss is losses.BinaryCrossentropy:  # the logits
            expected = np.log(outputs / (1 - outputs))
            clear = (outputs > 1e-6) & (outputs < 1 - 1e-6)
            np.testing.assert_allclose(decisions.reshape(outputs.shape)[clear], expected[clear])
        elif y is Y:
            differences = np.log(outputs) - np.log(outputs[:, :1])
            np.testing.assert_allclose(decisions - decisions[:, :1], differences, atol=1e-8)
    if not any(kind in tail for kind in NOISY):
        plain, other = (fitted.model_.predict(X) for fitted in both)
        np.testing.assert_allclose(plain, other, atol=2e-3)


@pytest.mark.parametrize(
    "link", ["softmax", "softmax layer", "two of softmax", "sigmoid", "labels"]
)
@pytest.mark.parametrize(
    "after", [layers.Rescaling(2.0), layers.Rescaling(1.0, 0.1), layers.UnitNormalization()]
)
def test_probabilities_that_are_changed_have_no_automatic_loss(link, after):
    y, last, _ = LINKS[link]
    given = copy.deepcopy([*last, after, layers.Dropout(0.1)])
    with pytest.raises(ConfigurationError, match=r"at the end of the network, got .* after it"):
        net(given).fit(X, y)
    fitted = net(given, "mse", hidden=[layers.Dense(16, "tanh")]).fit(X, y)
    if not isinstance(after, layers.UnitNormalization) or y is Y:
        assert fitted.score(X, y) > 0.9


@pytest.mark.parametrize(
    "noise", [layers.Dropout(0.5), layers.GaussianNoise(0.5), layers.AlphaDropout(0.7)]
)
def test_noise_that_hides_the_border_has_no_automatic_loss(noise):
    # Dropout(0.5) doubles what it leaves: from 0.5 on all is 1, at which no loss can pull.
    for y, units in ((TWO, 1), (MANY, 3)):
        with pytest.raises(ConfigurationError, match="expected the sigmoid at the end"):
            net([layers.Dense(units, "sigmoid"), noise]).fit(X, y)


def test_what_dropout_leaves_of_a_softmax_is_normalized_by_the_loss():
    softmax = [layers.Dense(3, "softmax"), layers.Dropout(0.5)]
    assert net(softmax, hidden=[layers.Dense(16, "tanh")]).fit(X, Y).score(X, Y) > 0.9


def test_a_softmax_of_parts_of_the_output_is_no_probability_of_it():
    # Two rows of three are no row of six.
    six = np.arange(150) % 6
    stack = [layers.Dense(6), layers.Reshape((2, 3)), layers.Softmax(), layers.Flatten()]
    with pytest.raises(ConfigurationError, match='got "flatten" after it'):
        net(stack).fit(X, six)
    # Of the first axis they are no rows of three, either.
    stack = [layers.Dense(3), layers.Reshape((3, 1)), layers.Softmax(1), layers.Flatten()]
    assert net(stack, "mse", epochs=1).fit(X, Y).predict(X).shape == (150,)


def test_layers_after_a_linear_layer_give_logits():
    for after in (layers.Rescaling(0.5), layers.Dropout(0.1), layers.BatchNormalization()):
        fitted = net([layers.Dense(3), after], hidden=[layers.Dense(16, "tanh")]).fit(X, Y)
        assert fitted.model_.loss.from_logits
        assert fitted.score(X, Y) > 0.9


def test_a_layer_of_ones_own_hides_no_link_if_it_says_so():
    class Mark(layers.Identity):
        """Another name for the identity."""

    class Twice(layers.Identity):
        def forward(self, x, work, *, training=False):
            return np.multiply(x, 2, out=work.array("y", *x.shape))

        def backward(self, dy, work, *, input_gradient=True):
            return np.multiply(dy, 2, out=dy)

    assert not net([layers.Dense(3, "softmax"), Mark()]).fit(X, Y).model_.loss.from_logits
    with pytest.raises(ConfigurationError, match='got "twice" after it'):
        net([layers.Dense(3, "softmax"), Twice()]).fit(X, Y)


def test_a_regressor_takes_any_last_layer():
    stack = [layers.Dense(2, "sigmoid"), layers.Rescaling(10.0, -5.0)]
    y = np.column_stack([X[:, 0], X[:, 1]])
    fitted = SequentialRegressor(
        Sequential(stack), epochs=100, random_state=0, optimizer__learning_rate=0.02
    ).fit(X, y)
    assert type(fitted.model_.loss) is losses.MeanSquaredError
    assert fitted.score(X, y) > 0.5


@pytest.mark.parametrize("tail", KEEP)
def test_compile_looks_past_layers_that_keep_values(tail):
    def made(last, after=True):
        return Sequential([*last, *(copy.deepcopy(KEEP[tail]) if after else [])])

    for last in ([layers.Dense(3, "softmax")], [layers.Dense(3), layers.Softmax()]):
        made(last).compile("adam", "categorical_crossentropy")  # without a warning
        with pytest.raises(ConfigurationError, match="expected logits"):
            made(last).compile("adam", losses.CategoricalCrossentropy(from_logits=True))
    with pytest.warns(UserWarning, match="without activation"):
        made([layers.Dense(3)]).compile("adam", "categorical_crossentropy")
    model = made([layers.Dense(3, "softmax")])
    model.compile("adam", "crossentropy")
    model.fit(X, Y, epochs=1, verbose=0)
    assert not model.loss.from_logits
