"""Bad calls: the right error, a message that helps, and nothing changed."""

import re
from functools import partial

import numpy as np
import pandas as pd
import pytest

import annlib
from annlib import AnnlibError, Input, Sequential, callbacks, layers, losses, optimizers

# Losses meet linear outputs here on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Sequential.compile. expected probabilities")

# <where>: expected <what>, got <what>. <what to try>
GRAMMAR = re.compile(r"[A-Za-z][\w.\[\]\"' :,]*: expected \S.*, got \S.*[.)]", re.DOTALL)

N = 12
rng = np.random.default_rng(0)
X = rng.normal(size=(N, 4))
LABELS = np.arange(N) % 3
ONE_HOT = np.eye(3)[LABELS]
VALUES = rng.normal(size=(N, 3))


def classifier(**keywords):
    model = Sequential([layers.Dense(5, "tanh"), layers.Dropout(0.5), layers.Dense(3, "softmax")])
    model.compile("adam", keywords.pop("loss", "sparse_categorical_crossentropy"), ["accuracy"])
    return model


def regressor(units=3, loss="mse"):
    model = Sequential([layers.BatchNormalization(), layers.Dense(units)])
    model.compile("adam", loss)
    return model


def state(model):
    """Everything that a refused call must leave as it was."""
    optimizer = model.optimizer
    return (
        model.built,
        model.compiled,
        model._network.expected_input_shape(),
        [(id(layer), layer.name, layer._built_shape) for layer in model.layers],
        [weight.tobytes() for weight in model.weights],
        optimizer and (id(optimizer), optimizer.iterations, optimizer.state.tobytes()),
        model._network.streams.state(),
        model.loss,
        model.metrics,
        model.history,
    )


def refused(model, call, kind, says):
    """``call(model)`` raises an AnnlibError that is a ``kind`` too, in the grammar; no change."""
    before = state(model)
    with pytest.raises(AnnlibError) as caught:
        call(model)
    assert isinstance(caught.value, kind)
    message = str(caught.value)
    assert GRAMMAR.fullmatch(message), message
    assert re.search(says, message), message
    assert len(message) < 600, message
    assert state(model) == before


def with_(array, value, row=2, column=None):
    """A float copy of ``array`` with one bad value."""
    array = np.array(array, float)
    array[row if column is None else (row, column)] = value
    return array


def masked():
    return np.ma.masked_array(X, mask=X > 1)


class Sparse:
    """What looks like scipy's sparse matrices and is no array."""

    shape = (N, 4)

    def toarray(self):
        return X


BAD_X = {
    "one feature too few": (X[:, :3], r"\(n, 4\).*\(12, 3\).*columns"),
    "one feature too many": (np.c_[X, X[:, 0]], r"\(n, 4\).*\(12, 5\)"),
    "1-D": (X[:, 0], r"reshape\(-1, 1\)"),
    "3-D": (X.reshape(3, 4, 4), r"\(n, 4\).*\(3, 4, 4\)"),
    "NaN": (with_(X, np.nan, 7, 3), r"finite numbers in x, got 1 .* row 7, column 3"),
    "infinity": (with_(X, -np.inf, 0, 0), r"finite.* row 0, column 0"),
    "NaN in a frame": (
        pd.DataFrame(with_(X, np.nan, 7, 2), columns=["age", "size", "income", "rooms"]),
        r'row 7, column 2 \("income"\)|x\["income"\].* row 7',
    ),
    "NaN in a frame of several types": (
        pd.DataFrame(with_(X, np.nan, 7, 2), columns=list("abcd")).assign(a=1),
        r'x\["c"\].* row 7',
    ),
    "text in a frame": (
        pd.DataFrame(X, columns=list("abcd")).assign(b="red"),
        r'x\["b"\] to hold numbers.*"?red"?.* Encode',
    ),
    "no rows": (X[:0], r"at least one row.*\(0, 4\)"),
    "no columns": (X[:, :0], r"at least one.*\(12, 0\)"),
    "a frame without columns": (pd.DataFrame(index=range(N)), r"at least one row and one column"),
    "text": (X.astype(str), r"hold numbers.*Encode"),
    "objects": (np.array([[1, 2, None, 4]] * N, object), r"hold numbers.*None"),
    "complex": (X + 1j, r"hold numbers, got complex"),
    "dates": (np.full((N, 4), "2026-01-01", "M8[D]"), r"hold numbers.*datetime64"),
    "ragged": ([[1.0, 2.0], [3.0]], r"rows of one length"),
    "a number": (5.0, r"x with rows.*5\.0"),
    "None": (None, r"x with rows.*None"),
    "a string": ("data.csv", r"x with rows.*data\.csv"),
    "a dict": ({"a": X}, r"x as one array or frame.*dict"),
    "a set": ({1, 2}, r"x with rows"),
    "sparse": (Sparse(), r"toarray\(\)"),
    "masked": (masked(), r"mask"),
}

CALLS_WITH_Y = {
    "fit": lambda model, x, y, **kw: model.fit(x, y, verbose=0, **kw),
    "train_on_batch": lambda model, x, y, **kw: model.train_on_batch(x, y, **kw),
    "evaluate": lambda model, x, y, **kw: model.evaluate(x, y, **kw),
    "test_on_batch": lambda model, x, y, **kw: model.test_on_batch(x, y, **kw),
}
CALLS = {
    **{name: partial(call, y=LABELS) for name, call in CALLS_WITH_Y.items()},
    "predict": lambda model, x: model.predict(x),
    "predict_on_batch": lambda model, x: model.predict_on_batch(x),
    "__call__": lambda model, x: model(x),
}


@pytest.fixture(scope="module")
def trained():
    model = classifier()
    model.fit(X, LABELS, verbose=0)
    return model


@pytest.mark.parametrize("case", BAD_X)
@pytest.mark.parametrize("call", CALLS)
def test_bad_x(trained, call, case):
    x, says = BAD_X[case]
    refused(trained, lambda model: CALLS[call](model, x=x), ValueError, says)


@pytest.mark.parametrize("case", BAD_X)
def test_bad_x_does_not_build(case):
    x, says = BAD_X[case]
    if case in ("one feature too few", "one feature too many", "3-D"):
        pytest.skip("any number of features will do before the model is built")
    refused(
        classifier(),
        lambda model: model.fit(x, LABELS, verbose=0),
        ValueError,
        "x.reshape" if case == "1-D" else says,
    )


@pytest.mark.parametrize("call", CALLS_WITH_Y)
@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize(
    ("make", "y", "says"),
    [
        (classifier, None, r"targets y, got None\. Pass y"),
        (classifier, LABELS[:-1], r"one length, got 12 rows of x and 11 of y"),
        (classifier, LABELS[:0], r"y with at least one row"),
        (classifier, ONE_HOT, r"labels y of shape \(n,\), got \(12, 3\).*categorical_crossentropy"),
        (classifier, with_(LABELS, np.nan), r"finite numbers in y.* row 2"),
        (classifier, LABELS + 0.5, r"labels that are integers.*0\.5.*LabelEncoder"),
        (classifier, LABELS - 1, r"0\.\.2 for an output of 3 units, got \[-1\]\. Re-code y"),
        (classifier, LABELS + 1, r"0\.\.2 .*got \[3\].* 4 units"),
        (classifier, LABELS.astype(str), r"y to hold numbers.*Encode"),
        (classifier, LABELS.astype(object), r"y to hold numbers"),
        (classifier, LABELS + 0j, r"y to hold numbers, got complex"),
        (classifier, [[0], [1, 2]], r"y as an array.*rows of one length"),
        (classifier, 3, r"y with rows"),
        (partial(classifier, loss="categorical_crossentropy"), LABELS, r"sparse_categorical"),
        (partial(classifier, loss="categorical_crossentropy"), LABELS.reshape(-1, 1), r"\(n, 3\)"),
        (partial(classifier, loss="categorical_crossentropy"), ONE_HOT[:, :2], r"\(n, 3\).*12, 2"),
        (partial(regressor, 1, loss="bce"), LABELS - 1.0, r"between 0 and 1.*-1.0 to 1.0"),
        (partial(regressor, 1, loss="bce"), LABELS, r"between 0 and 1.*0 to 2"),
        (partial(classifier, loss="categorical_crossentropy"), VALUES, r"between 0 and 1"),
        (regressor, VALUES[:, 0], r"\(n, 3\).*\(12,\).* 1 unit"),
        (regressor, VALUES[:, :1], r"\(n, 3\).*\(12, 1\)"),
        (partial(regressor, 1), VALUES, r"\(n, 1\).*\(12, 3\).* 3 unit"),
        (partial(regressor, 1), VALUES[None], r"one length"),
        (regressor, with_(VALUES, np.inf, 5, 1), r"finite numbers in y.* row 5, column 1"),
        (
            regressor,
            pd.DataFrame(with_(VALUES, np.nan, 5, 1), columns=["u", "v", "w"]),
            r'"v".*',
        ),
    ],
)
def test_bad_targets(call, built, make, y, says):
    model = make()
    if built:
        model.build((None, 4))
    refused(model, lambda model: CALLS_WITH_Y[call](model, X, y), ValueError, says)


BAD_WEIGHTS = {
    "too few": (np.ones(N - 1), r"sample_weight of shape \(12,\), got \(11,\)"),
    "a matrix": (np.ones((N, 2)), r"\(12,\), got \(12, 2\)"),
    "a row": (np.ones((1, N)), r"\(12,\), got \(1, 12\)"),
    "a number": (2.0, r"sample_weight with rows, got 2.0"),
    "negative": (with_(np.ones(N), -1), r"at least 0.*-1"),
    "all zero": (np.zeros(N), r"not all 0"),
    "NaN": (with_(np.ones(N), np.nan), r"finite numbers in sample_weight.* row 2"),
    "infinite": (with_(np.ones(N), np.inf), r"finite numbers in sample_weight.* row 2"),
    "text": (["heavy"] * N, r"sample_weight to hold numbers"),
    "objects": ([None] * N, r"sample_weight to hold numbers"),
    "ragged": ([[1.0], [1.0, 2.0]], r"sample_weight"),
    "a dict": ({0: 1.0}, r"sample_weight"),
}


@pytest.mark.parametrize("call", CALLS_WITH_Y)
@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_bad_sample_weight(call, case):
    weights, says = BAD_WEIGHTS[case]
    refused(
        classifier(),
        lambda model: CALLS_WITH_Y[call](model, X, LABELS, sample_weight=weights),
        ValueError,
        says,
    )


@pytest.mark.parametrize("call", ["fit", "train_on_batch"])
@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ([1.0, 2.0, 3.0], r"class_weight as a dict"),
        ("balanced", r"class_weight as a dict.*balanced"),
        ({0: -1.0}, r"-1\.0 for class 0"),
        ({0: np.nan}, r"nan for class 0"),
        ({0: "heavy"}, r"'heavy' for class 0"),
        ({0: None}, r"None for class 0"),
        ({0: [1.0, 2.0]}, r"for class 0"),
        ({"cat": 2.0}, r"'cat'"),
        ({0.5: 2.0}, r"0\.5"),
        ({0: 0.0, 1: 0.0, 2: 0.0}, r"weight above 0.*and all 0"),
    ],
)
def test_bad_class_weight(call, weights, says):
    refused(
        classifier(),
        lambda model: CALLS_WITH_Y[call](model, X, LABELS, class_weight=weights),
        ValueError,
        says,
    )


MULTI_LABEL = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]] * 4)
SIGNS = np.where(LABELS == 0, -1, 1)
custom = (lambda Y, A: ((A - Y) ** 2).mean(-1), lambda Y, A: 2 * (A - Y) / Y.shape[1])

#: Units, loss, targets, class_weight: rows of no class or of several, and classes that there are
#: not.
NO_CLASSES = {
    "labels that do not exclude each other": (3, "binary_crossentropy", MULTI_LABEL, {0: 2.0}),
    "one of them a row by chance": (3, "binary_crossentropy", ONE_HOT, {0: 2.0}),
    "of a focal loss": (3, "binary_focal_crossentropy", MULTI_LABEL, {0: 2.0}),
    "of a hinge": (3, "hinge", MULTI_LABEL, {0: 2.0}),
    "several in a softmax": (3, "categorical_crossentropy", MULTI_LABEL, {0: 2.0}),
    "several by mse": (3, "mse", MULTI_LABEL, {0: 2.0}),
    "several by a function": (3, custom, MULTI_LABEL, {0: 2.0}),
    "numbers": (3, "mse", VALUES, {0: 2.0}),
    "numbers by mae": (3, "mae", VALUES, {0: 2.0}),
    "one number": (1, "huber", VALUES[:, 0], {0: 2.0}),
    "one number a row": (1, "mse", VALUES[:, :1], {0: 2.0}),
    "counts": (1, "poisson", LABELS, {0: 2.0}),
    "shares": (1, "binary_crossentropy", LABELS / 2, {0: 2.0}),
    "no third unit": (3, "sparse_categorical_crossentropy", LABELS, {3: 50.0}),
    "nor a unit of -1": (3, "sparse_categorical_crossentropy", LABELS, {0: 1.0, -1: 2.0}),
    "of labels in a column": (3, "sparse_categorical_crossentropy", LABELS[:, None], {7: 2.0}),
    "of one-hot rows": (3, "categorical_crossentropy", ONE_HOT, {0: 1.0, 3: 50.0}),
    "of one-hot rows by mse": (3, "mse", ONE_HOT, {3: 50.0}),
    "of two classes": (1, "binary_crossentropy", LABELS > 0, {2: 2.0}),
    "of two classes in a column": (1, "mse", (LABELS > 0)[:, None], {2: 2.0}),
    "of 0 beside -1 and 1": (1, "hinge", SIGNS, {0: 2.0}),
    "of -1 beside 0 and 1": (1, "hinge", LABELS > 0, {-1: 2.0}),
    "infinite": (3, "sparse_categorical_crossentropy", LABELS, {np.inf: 2.0}),
}
DATA = {
    "arrays": lambda x, y: {"x": x, "y": y},
    "lists": lambda x, y: {"x": x.tolist(), "y": y.tolist()},
    "a list of batches": lambda x, y: {"x": [(x[:6], y[:6]), (x[6:], y[6:])]},
    "a generator": lambda x, y: {"x": iter([(x, y)])},
    "an indexed object": lambda x, y: {"x": Indexed([(x, y)])},
}


class Indexed:
    """What Keras calls a PyDataset."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
@pytest.mark.parametrize(("units", "loss", "y", "weights"), NO_CLASSES.values(), ids=NO_CLASSES)
def test_class_weight_needs_a_class_for_each_row_and_a_unit_for_each_class(
    units, loss, y, weights, data
):
    says = "one class a row.*Pass sample_weight"
    if weights != {0: 2.0} or y is SIGNS:
        says = "class_weight for the classes"
    refused(
        regressor(units, loss),
        lambda model: model.fit(**data(X, y), class_weight=weights, verbose=0),
        ValueError,
        says,
    )
    refused(
        regressor(units, loss),
        lambda model: model.train_on_batch(X, y, class_weight=weights),
        ValueError,
        says,
    )


#: Units, loss, targets, and the class of each row.
CLASSES = {
    "labels": (3, "sparse_categorical_crossentropy", LABELS, LABELS),
    "floats": (3, "sparse_categorical_crossentropy", LABELS.astype(float)[:, None], LABELS),
    "one-hot": (3, "categorical_crossentropy", ONE_HOT, LABELS),
    "soft": (3, "categorical_crossentropy", 0.7 * ONE_HOT + 0.1, LABELS),
    "soft KL": (3, "kl_divergence", 0.7 * ONE_HOT + 0.1, LABELS),
    "one-hot by mse": (3, "mse", ONE_HOT, LABELS),
    "categorical hinge": (3, "categorical_hinge", ONE_HOT, LABELS),
    "two": (1, "binary_crossentropy", LABELS > 0, LABELS > 0),
    "two in a column": (1, "mse", np.float32(LABELS > 0)[:, None], LABELS > 0),
    "two by a hinge": (1, "hinge", LABELS > 0, LABELS > 0),
    "signs": (1, "squared_hinge", SIGNS, SIGNS),
    "one sign": (1, "hinge", np.ones(N), np.ones(N)),
}


@pytest.mark.parametrize(("units", "loss", "y", "of_class"), CLASSES.values(), ids=CLASSES)
def test_class_weight_is_a_sample_weight_by_class(units, loss, y, of_class):
    """What a class weighs is what each of its rows weighs: the same steps to the bit."""
    by_class = {label: 0.5 + 2 * index for index, label in enumerate(np.unique(of_class).tolist())}
    by_row = np.array([by_class[label] for label in of_class.tolist()])
    models = []
    for keywords in ({"class_weight": by_class}, {"sample_weight": by_row}):
        model = Sequential([layers.Dense(units)], seed=0)
        model.compile("sgd", loss)
        model.fit(X, y, 4, epochs=2, verbose=0, **keywords)
        models.append(model)
    one, other = models
    assert one.history.history == other.history.history
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


BAD_OPTIONS = {
    "batch_size": (0, -1, 1.5, True, "32", np.float32(4)),
    "epochs": (-1, 1.5, True, "10", None),
    "initial_epoch": (-1, 0.5, False, None),
    "steps_per_epoch": (0, -3, 2.5),
    "validation_steps": (0, 1.5),
    "validation_batch_size": (0, 1.5),
    "validation_freq": (0, -1, 1.5, "2", True, None, [0], ["a"], [1.5]),
    "validation_split": (-0.1, 1.0, 1.5, np.nan, True, "0.2", 0.99, [0.2]),
    "shuffle": ("batches", 2, None, "yes"),
    "verbose": (3, -1, "loud", None),
    "callbacks": (
        ["early_stopping"],
        [callbacks.EarlyStopping],
        [print],
        "early_stopping",
        5,
    ),
    "validation_data": (
        X,
        (X,),
        (X, LABELS, np.ones(N), 1),
        (X[:, :3], LABELS),
        (X, LABELS + 1),
        (X, LABELS[:-1]),
        (X, ONE_HOT),
        (X, None),
        (X, LABELS, -np.ones(N)),
        (with_(X, np.nan), LABELS),
        "test",
        5,
    ),
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD_OPTIONS.items() for value in values],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
@pytest.mark.parametrize("built", [False, True])
def test_bad_option_of_fit(name, value, built):
    model = classifier()
    if built:
        model.build((None, 4))
    options = {"verbose": 0, name: value}
    if name in ("validation_freq", "validation_steps", "validation_batch_size"):
        options["validation_data"] = (X, LABELS)
    refused(model, lambda model: model.fit(X, LABELS, **options), ValueError, name)


@pytest.mark.parametrize("call", ["evaluate", "predict"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("batch_size", 2.0),
        ("steps", 0),
        ("steps", "all"),
        ("verbose", 7),
        ("callbacks", ["bar"]),
        ("callbacks", 1),
    ],
)
def test_bad_option_of_evaluate_and_predict(call, name, value):
    options = {"y": LABELS} if call == "evaluate" else {}
    refused(
        classifier(),
        lambda model: getattr(model, call)(X, **options, **{name: value}),
        ValueError,
        name,
    )


def plain():
    return Sequential([Input((4,)), layers.Dense(3)])


@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.fit(X, VALUES, verbose=0),
        lambda model: model.evaluate(X, VALUES),
        lambda model: model.train_on_batch(X, VALUES),
        lambda model: model.test_on_batch(X, VALUES),
    ],
)
def test_before_compile(call):
    refused(plain(), call, RuntimeError, r"compiled model.*compile\(")

    without_loss = plain()
    without_loss.compile("adam")
    refused(without_loss, call, RuntimeError, r"expected a loss, got none.*compile\(")


@pytest.mark.parametrize(
    "method", ["get_weights", "count_params", "save_weights", "load_weights", "set_weights"]
)
def test_before_build(method):
    arguments = {"save_weights": ["w"], "load_weights": ["w"], "set_weights": [[]]}
    refused(
        classifier(),
        lambda model: getattr(model, method)(*arguments.get(method, [])),
        RuntimeError,
        rf"Sequential\.{method}: expected a built model.*build\(",
    )


@pytest.mark.parametrize(
    ("arguments", "kind", "says"),
    [
        ({"optimizer": "adm"}, ValueError, r'optimizer.*"adm"\. Did you mean "adam"'),
        ({"optimizer": 5}, ValueError, r"optimizer.*5"),
        ({"optimizer": None}, ValueError, r"optimizer.*None"),
        ({"optimizer": optimizers.SGD(), "loss": "mze"}, ValueError, r'Did you mean "m[as]e"'),
        ({"loss": "mean_square_error"}, ValueError, r'Did you mean "mean_squared_error"'),
        (
            {"loss": lambda y, a: 0.0},
            ValueError,
            r"compile\.loss.*function with its gradient.*Pass \(",
        ),
        ({"loss": losses.MeanSquaredError(reduction="none")}, ValueError, r'reduction="none"'),
        ({"loss": {"class_name": "mse"}}, ValueError, r"class_name.*config"),
        ({"loss": {"class_name": 5, "config": {}}}, ValueError, r"loss.*5"),
        ({"metrics": {"accuracy"}}, ValueError, r"metrics as a list.*metrics=\[\"accuracy\"\]"),
        ({"metrics": {"a": "accuracy"}}, ValueError, r'metrics: expected.*last layer.*got "a"'),
        ({"metrics": {"class_name": "MeanMetricWrapper"}}, ValueError, r"class_name.*config"),
        ({"metrics": "acuracy"}, ValueError, r'"acuracy"\. Did you mean "accuracy"'),
        ({"metrics": ["acuracy"]}, ValueError, r'"acuracy"\. Did you mean "accuracy"'),
        ({"metrics": [5]}, ValueError, r"metric.*5"),
        ({"metrics": [None]}, ValueError, r"metric.*None"),
    ],
)
def test_bad_compile(arguments, kind, says):
    arguments = {"loss": "mse", **arguments}
    refused(plain(), lambda model: model.compile(**arguments), kind, says)
    model = regressor()
    refused(model, lambda model: model.compile(**arguments), kind, says)
    # The refused objects are as free as before.
    if isinstance(arguments.get("optimizer"), optimizers.Optimizer):
        plain().compile(arguments["optimizer"], "mse")


def test_an_optimizer_trains_one_model():
    optimizer = optimizers.Adam()
    first = plain()
    first.compile(optimizer, "mse")
    refused(
        plain(),
        lambda model: model.compile(optimizer, "mse"),
        RuntimeError,
        r"optimizer.*clone\(\)",
    )
    first.compile("sgd", "mse")  # it is free again
    plain().compile(optimizer, "mse")


class NoBackward(layers.Layer):
    def forward(self, x, work, *, training=False):
        return x


class NoForward(layers.Layer):
    def backward(self, dy, work, *, input_gradient=True):
        return dy


class BadBuild(layers.Dense):
    def build(self, input_shape):
        super().build(input_shape)
        raise annlib.ShapeError("BadBuild: expected nothing, got a call. Do not build it.")


class BadInitializer(annlib.initializers.Initializer):
    def __call__(self, shape, dtype="float32", rng=None):
        raise annlib.ConfigurationError("BadInitializer: expected nothing, got a call.")


def test_a_layer_without_backward_predicts_and_does_not_compile():
    model = Sequential([Input((4,)), NoBackward(name="mine"), layers.Dense(3)])
    assert model.predict(X).shape == (N, 3)
    refused(model, lambda model: model.compile("sgd", "mse"), ValueError, r"mine.*backward\(self")


def bound_dense():
    donor = Sequential([Input((4,)), layers.Dense(3, name="taken")])
    return donor, donor.layers[0]


def nested_clash():
    return Sequential([layers.Dense(3), layers.Dense(2, name="last")])


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (lambda m: m.add(NoForward()), ValueError, "forward method.*NoForward"),
        (lambda m: m.add("dense"), ValueError, "a layer, got 'dense'.*annlib.layers"),
        (lambda m: m.add(layers.Dense), ValueError, "a layer, got.*pass an object"),
        (lambda m: m.add(None), ValueError, "a layer, got None"),
        (lambda m: m.add(lambda x: x), ValueError, "a layer, got"),
        (lambda m: m.add([layers.Dense(3)]), ValueError, "a layer, got"),
        (lambda m: m.add(m.layers[0]), RuntimeError, '"first" again'),
        (lambda m: m.add(m), RuntimeError, '"first" again'),
        (lambda m: m.add(layers.Dense(2, name="first")), ValueError, '"first" twice'),
        (lambda m: m.add(Input((4,))), ValueError, "Input first"),
        (lambda m: m.add(nested_clash()), ValueError, '"last" twice'),
        (lambda m: m.add(BadBuild(3)), ValueError, "BadBuild"),
        (
            lambda m: m.add(layers.Dense(2, kernel_initializer=BadInitializer())),
            ValueError,
            "BadInitializer",
        ),
        (lambda m: m.get_layer("fist"), ValueError, r'"fist"\. Did you mean "first"'),
        (lambda m: m.get_layer(), ValueError, "a name or an index"),
        (lambda m: m.get_layer("first", 0), ValueError, "a name or an index"),
        (lambda m: m.get_layer(index=2), ValueError, "index"),
        (lambda m: m.get_layer(index=1.0), ValueError, "index"),
        (lambda m: m.set_weights([]), ValueError, r"4 arrays \(first/kernel, .*got 0"),
        (lambda m: m.set_weights(None), ValueError, "list of arrays"),
        (lambda m: m.set_weights([*m.get_weights()[:3], [1, 2, 3]]), ValueError, "last/bias"),
        (lambda m: m.set_weights([*m.get_weights()[:3], ["a", "b"]]), ValueError, "last/bias"),
        (lambda m: m.set_weights([*m.get_weights()[:3], [1j, 2j]]), ValueError, "last/bias"),
        (lambda m: m.layers[0].set_weights([np.ones((4, 3))]), ValueError, '"first"'),
        (
            lambda m: m.layers[0].set_weights([np.ones((4, 3)), ["a", "b", "c"]]),
            ValueError,
            "first/bias",
        ),
        (lambda m: m.build((None, 5)), ValueError, r"\(None, 4\).*\(None, 5\)"),
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_bad_calls_on_a_built_model(call, kind, says, compiled):
    model = Sequential([Input((4,)), layers.Dense(3, name="first"), layers.Dense(2, name="last")])
    if compiled:
        model.compile("adam", "mse")
        model.train_on_batch(X, X[:, :2])
    refused(model, call, kind, says)
    before = model.predict(X)
    model.vector.values[...] += 1  # the layers still are views of the model's vector
    assert (model.predict(X) != before).any()


@pytest.mark.parametrize(
    ("shape", "kind", "says"),
    [
        (None, RuntimeError, r"input shape, got none.*annlib\.Input"),
        (5, ValueError, r"\(None, n_features\)"),
        ("ab", ValueError, r"\(None, n_features\)"),
        ((), ValueError, r"\(None, n_features\)"),
        ((4,), ValueError, r"n_features|\(n, features\)"),
        ((None, 0), ValueError, r"0"),
        ((None, -1), ValueError, r"-1"),
        ((None, None), ValueError, r"None"),
        ((None, 2.5), ValueError, r"2\.5"),
        ((None, "4"), ValueError, r"'4'"),
        ((None, True), ValueError, r"True"),
    ],
)
def test_bad_shape_to_build(shape, kind, says):
    refused(classifier(), lambda model: model.build(shape), kind, says)


def test_a_build_that_fails_leaves_an_unbuilt_model():
    model = Sequential([layers.Dense(3), layers.Dense(2, kernel_initializer=BadInitializer())])
    model.compile("sgd", "mse")
    refused(model, lambda model: model.build((None, 4)), ValueError, "BadInitializer")
    refused(model, lambda model: model.fit(X, X[:, :2], verbose=0), ValueError, "BadInitializer")
    assert [layer.built for layer in model.layers] == [False, False]


def test_a_bound_layer_belongs_to_the_model_that_was_compiled_last():
    donor, layer = bound_dense()
    donor.compile("sgd", "mse")
    second = Sequential([layer, layers.Dense(3)])
    assert second.predict(X).shape == (N, 3)
    second.compile("sgd", "mse")
    assert layer is donor.layers[0]
    y = np.zeros((N, layer.units))
    refused(donor, lambda model: model.fit(X, y), RuntimeError, '"taken"')


def test_a_layer_that_was_bound_after_compile_is_refused_by_fit():
    layer = layers.Dense(3, name="taken")
    second = Sequential([layer])
    second.compile("sgd", "mse")
    donor = Sequential([Input((4,)), layer])
    seen = []
    spy = callbacks.Callback()
    spy.on_train_begin = seen.append
    refused(
        second,
        lambda model: model.fit(X, VALUES, verbose=0, callbacks=[spy]),
        RuntimeError,
        r'Sequential\.fit: .*"taken"',
    )
    assert not seen
    assert donor.layers[0] is layer


def first_dense(**keywords):
    return layers.Dense(3, **keywords)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: layers.Dense(0), r"units as an integer >= 1, got 0"),
        (lambda: layers.Dense(-3), r"units.*-3"),
        (lambda: layers.Dense(2.5), r"units.*2\.5"),
        (lambda: layers.Dense(True), r"units.*True"),
        (lambda: layers.Dense("10"), r"units.*'10'"),
        (lambda: layers.Dense(None), r"units.*None"),
        (lambda: layers.Dense(3, "rleu"), r'"rleu"\. Did you mean "relu"'),
        (
            lambda: layers.Dense(3, activation=np.tanh),
            r"Dense\.activation.*function with its derivative.*Pass both",
        ),
        (lambda: layers.Dense(3, activation=3), r"Dense\.activation.*3"),
        (lambda: first_dense(kernel_initializer="he_norml"), r'Did you mean "he_normal"'),
        (lambda: first_dense(bias_initializer="zeross"), r'Did you mean "zeros"'),
        (lambda: first_dense(kernel_regularizer="l3"), r"regularizer.*l3"),
        (lambda: first_dense(kernel_constraint="nonnneg"), r'Did you mean "non_neg"'),
        (lambda: first_dense(activation_function="relu"), r'"activation_function".*"activation"'),
        (lambda: first_dense(name=3), r"name.*3"),
        (lambda: first_dense(name=""), r"name.*''"),
        (lambda: first_dense(name="a/b"), r'name without "/"'),
        (lambda: first_dense(input_shape=5), r"input_shape.*5"),
        (lambda: first_dense(input_shape=(0,)), r"input_shape.*0"),
        (lambda: first_dense(input_shape="ab"), r"input_shape.*'ab'"),
        (lambda: first_dense(input_dim=0), r"input_dim.*0"),
        (lambda: first_dense(input_dim=2.5), r"input_dim.*2\.5"),
        (lambda: layers.Dropout(1.5), r"rate.*1\.5"),
        (lambda: layers.Dropout("half"), r"rate.*'half'"),
        (lambda: layers.Dropout(np.nan), r"rate.*nan"),
        (lambda: layers.BatchNormalization(axis=0), r"axis"),
        (lambda: layers.BatchNormalization(momentum=1.0), r"momentum.*1\.0"),
        (lambda: layers.BatchNormalization(epsilon=0), r"epsilon.*0"),
        (lambda: layers.BatchNormalization(momentum="high"), r"momentum.*'high'"),
        (lambda: layers.Activation("sofmax"), r'Did you mean "softmax"'),
        (lambda: layers.Rescaling("1/255"), r"scale.*'1/255'"),
        (lambda: Input(4), r"tuple of integers >= 1, got 4.*\(n,\)"),
        (lambda: Input((0,)), r"0"),
        (lambda: Input((2.5,)), r"2\.5"),
        (lambda: Input("ab"), r"'ab'"),
        (lambda: Input((None,)), r"None"),
        (lambda: Sequential(layers.Dense(3)), r"a list of layers.*Write Sequential\(\["),
        (lambda: Sequential([layers.Dense(3), Input((4,))]), r"Input first"),
        (lambda: Sequential([Input((4,)), Input((4,))]), r"Input first"),
        (lambda: Sequential(5), r"a list of layers.*5"),
        (lambda: Sequential("dense"), r"a list of layers.*'dense'"),
        (lambda: Sequential(seed=-1), r"seed.*-1"),
        (lambda: Sequential(seed=1.5), r"seed.*1\.5"),
        (lambda: Sequential(seed="a"), r"seed.*'a'"),
        (lambda: Sequential(dtype="float16"), r"dtype.*float16"),
        (lambda: Sequential(dtype="flaot32"), r"dtype.*flaot32"),
        (lambda: Sequential(dtype=3), r"dtype.*3"),
        (lambda: Sequential(name=3), r"name.*3"),
        (lambda: Sequential().pop(), r"with layers, got none"),
        (lambda: optimizers.SGD(-0.1), r"learning_rate.*-0\.1"),
        (lambda: optimizers.SGD("fast"), r"learning_rate.*'fast'"),
        (lambda: optimizers.SGD(np.nan), r"learning_rate.*nan"),
        (lambda: optimizers.SGD(lr=0.1), r'"lr".*learning_rate'),
        (lambda: optimizers.Adam(beta_1=1.0), r"beta_1.*1\.0"),
        (lambda: optimizers.Adam(clipnorm=1.0, clipvalue=1.0), r"at most one limit"),
        (lambda: optimizers.get("sdg"), r'Did you mean "sgd"'),
        (lambda: losses.MeanSquaredError(reduction="avg"), r"reduction.*'avg'"),
    ],
)
def test_bad_constructor(make, says):
    refused(plain(), lambda _: make(), ValueError, says)


def test_an_empty_model_says_so():
    for model in (Sequential(), Sequential([Input((3,))])):
        model.compile("sgd", "mse")
        for call in (
            lambda model: model.fit(X, X, verbose=0),
            lambda model: model.predict(X),
            lambda model: model.build((None, 4)),
        ):
            refused(model, call, RuntimeError, "with layers, got none")
