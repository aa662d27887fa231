"""Set-ups for the check-up: ten healthy ones, and twelve with one fault each."""

from __future__ import annotations

import functools

import numpy as np
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

from annlib import Sequential, constraints, layers, losses, optimizers
from annlib.activations import Activation
from annlib.initializers import Constant

SPARSE = "sparse_categorical_crossentropy"


@functools.cache
def data(name):
    """Scaled features and targets of a data set of scikit-learn's."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return StandardScaler().fit_transform(x), y


def model(*stack, optimizer="adam", loss=SPARSE, seed=0):
    built = Sequential(list(stack), seed=seed)
    built.compile(optimizer, loss)
    return built


def classifier(units, width=32, **how):
    return model(layers.Dense(width, "relu"), layers.Dense(units, "softmax"), **how)


# -- healthy ---------------------------------------------------------------------------------------


def digits():
    x, y = datasets.load_digits(return_X_y=True)
    return classifier(10, 64), x / 16, y


def digits_as_they_are():
    x, y = datasets.load_digits(return_X_y=True)
    return classifier(10, 64), x, y


def iris_with_sgd():
    return classifier(3, 8, optimizer=optimizers.SGD(0.1, momentum=0.9)), *data("iris")


def wine_deep():
    stack = [layers.Dense(32, "tanh"), layers.Dense(16, "tanh"), layers.Dense(3, "softmax")]
    return model(*stack, optimizer="rmsprop"), *data("wine")


def cancer_logistic():
    x, y = data("breast_cancer")
    return model(layers.Dense(1, "sigmoid"), loss="binary_crossentropy"), x, y


def cancer_dropout():
    x, y = data("breast_cancer")
    stack = [
        layers.Dense(32, "relu", kernel_initializer="he_normal"),
        layers.Dropout(0.3),
        layers.Dense(1, "sigmoid"),
    ]
    return model(*stack, loss="binary_crossentropy"), x, y.reshape(-1, 1)


def diabetes():
    x, y = data("diabetes")
    y = (y - y.mean()) / y.std()
    stack = [layers.Dense(16, "relu"), layers.Dense(1)]
    return model(*stack, loss="mse"), x, y


def linear_regression():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(150, 4))
    y = x @ [[1.0], [-2.0], [0.5], [0.0]] + 0.3 + 0.2 * rng.normal(size=(150, 1))
    return model(layers.Dense(1), optimizer=optimizers.SGD(0.05), loss="mse"), x, y


def normalized_inside():
    x, y = datasets.load_wine(return_X_y=True)
    normalization = layers.Normalization()
    normalization.adapt(x)
    stack = [normalization, layers.Dense(16, "selu", kernel_initializer="lecun_normal")]
    return model(*stack, layers.Dense(3, "softmax")), x, y


def one_hot_with_batch_normalization():
    x, y = data("digits")
    stack = [
        layers.Dense(32, kernel_regularizer="l2"),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.Dense(10, "softmax", kernel_constraint=constraints.MaxNorm(3)),
    ]
    keep = x.std(axis=0) > 0
    return model(*stack, loss="categorical_crossentropy"), x[:, keep], np.eye(10)[y]


HEALTHY = [
    digits,
    digits_as_they_are,
    iris_with_sgd,
    wine_deep,
    cancer_logistic,
    cancer_dropout,
    diabetes,
    linear_regression,
    normalized_inside,
    one_hot_with_batch_normalization,
]


# -- with one fault each ---------------------------------------------------------------------------


def rate_of_a_thousand():
    return classifier(3, optimizer=optimizers.SGD(1e3)), *data("wine")


def adam_at_a_thousand():
    return classifier(3, optimizer=optimizers.Adam(1e3)), *data("wine")


def unscaled_inputs():
    return classifier(3), *datasets.load_wine(return_X_y=True)


def all_zero_weights():
    stack = [layers.Dense(16, "relu", kernel_initializer="zeros")]
    out = layers.Dense(3, "softmax", kernel_initializer="zeros")
    return model(*stack, out), *data("wine")


def labels_from_one():
    x, y = data("wine")
    return classifier(3), x, y + 1


def labels_from_one_with_a_unit_more():
    x, y = data("wine")
    return classifier(4), x, y + 1


def sigmoids_with_the_loss_of_softmax():
    stack = [layers.Dense(16, "relu"), layers.Dense(3, "sigmoid")]
    return model(*stack), *data("wine")


def sigmoid_with_squared_error():
    x, y = data("breast_cancer")
    stack = [layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")]
    return model(*stack, loss="mse"), x, y


def dead_relu_layer():
    stack = [
        layers.Dense(32, "relu"),
        layers.Dense(16, "relu", bias_initializer=Constant(-100.0)),
    ]
    return model(*stack, layers.Dense(3, "softmax")), *data("wine")


def shuffled_labels():
    x, y = data("digits")
    return classifier(10), x, np.random.default_rng(0).permutation(y)


def shuffled_targets():
    net, x, y = diabetes()
    return net, x, np.random.default_rng(1).permutation(y)


def constant_features():
    x, y = data("wine")
    x = x.copy()
    x[:, [2, 5]] = 0.7
    return classifier(3), x, y


def constant_zeros():
    x, y = data("wine")
    x = x.copy()
    x[:, 4] = 0.0
    return classifier(3), x, y


def one_class_in_99_percent():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 5))
    y = (np.argsort(np.argsort(x[:, 0])) >= 990).astype(int)
    return classifier(2), x, y


def nan_in_a_column():
    x, y = data("wine")
    x = x.copy()
    x[::7, 3] = np.nan
    return classifier(3), x, y


def targets_not_scaled():
    x, y = data("diabetes")
    stack = [layers.Dense(16, "relu"), layers.Dense(1)]
    return model(*stack, loss="mse"), x, y


class WrongCube(Activation):
    """a = z + z^3 / 3, with a derivative that somebody got wrong."""

    needs_input = True

    def forward(self, Z, A, work):
        A[:] = Z + Z**3 / 3

    def backward(self, dA, Z, A, work):
        dA *= 1 + Z**2 / 3


def wrong_activation_gradient():
    return model(layers.Dense(16, WrongCube()), layers.Dense(3, "softmax")), *data("wine")


class WrongScale(layers.Layer):
    """y = factor x, with a gradient of the factor that is not summed over the rows."""

    def build(self, input_shape):
        self.add_weight("factor", (input_shape[-1],), initializer="ones")

    def forward(self, x, work, *, training=False):
        work["x"] = x
        return x * self.factor

    def backward(self, dy, work, *, input_gradient=True):
        self.gradients["factor"][:] = (dy * work["x"])[0]
        return dy * self.factor


def wrong_layer_gradient():
    stack = [layers.Dense(16, "relu"), WrongScale(), layers.Dense(3, "softmax")]
    return model(*stack), *data("wine")


def wrong_loss_gradient():
    net, x, y = diabetes()
    wrong = (lambda y, a: ((a - y) ** 2).mean(axis=-1), lambda y, a: y - a)
    net.compile("adam", losses.get(wrong))
    return net, x, y


#: Each with the check that is to find it; several of some kinds.
def label_among_the_columns():
    x, y = data("wine")
    return classifier(3), np.column_stack([x, 10 * y]), y


def target_among_the_columns():
    net, x, y = linear_regression()
    return net, np.column_stack([x, 0.5 * y - 1]), y


def rows_that_come_twice():
    x, y = data("breast_cancer")
    again = np.random.default_rng(0).permutation(len(x))[:100]
    net = model(layers.Dense(1, "sigmoid"), loss="binary_crossentropy")
    return net, np.concatenate([x, x[again]]), np.concatenate([y, y[again]])


FAULTS = [
    (rate_of_a_thousand, "learning rate"),
    (adam_at_a_thousand, "learning rate"),
    (unscaled_inputs, "input scale"),
    (all_zero_weights, "initial weights"),
    (labels_from_one, "data"),
    (labels_from_one_with_a_unit_more, "labels"),
    (sigmoids_with_the_loss_of_softmax, "output"),
    (sigmoid_with_squared_error, "output"),
    (dead_relu_layer, "dead units"),
    (shuffled_labels, "unseen rows"),
    (shuffled_targets, "unseen rows"),
    (constant_features, "constant input"),
    (constant_zeros, "constant input"),
    (one_class_in_99_percent, "class balance"),
    (nan_in_a_column, "data"),
    (targets_not_scaled, "target scale"),
    (wrong_activation_gradient, "gradients"),
    (wrong_layer_gradient, "gradients"),
    (wrong_loss_gradient, "gradients"),
    (label_among_the_columns, "leak"),
    (target_among_the_columns, "leak"),
    (rows_that_come_twice, "duplicates"),
]
