"""The cases of layers.

``shapes`` are shapes of one row; ``passive`` has no gradient to speak of."""

from annlib import activations, constraints, initializers, layers, regularizers
from cases.row import Row

FLAT, DEEP = (5,), (2, 5)

LAYERS = [
    Row(layers.Dense, 3),
    Row(layers.Dense, 4, activation="softmax"),
    Row(layers.Dense, 3, activation="relu", use_bias=False),
    Row(layers.Dense, 3, activation=activations.ReLU(slope_at_zero=1.0)),
    Row(
        layers.Dense,
        3,
        activation="tanh",
        kernel_initializer="he_normal",
        bias_initializer=initializers.Constant(0.1),
        kernel_regularizer=regularizers.L1L2(0.02, 0.03),
        bias_regularizer="l2",
        kernel_constraint=constraints.MaxNorm(2.5),
        bias_constraint="non_neg",
        activity_regularizer="l2",
        name="odd name",
        input_shape=FLAT,
    ).where(shapes=[FLAT]),
    Row(layers.Dense, 2, activation="sigmoid", trainable=False, input_dim=5).where(shapes=[FLAT]),
    Row(layers.Activation, "sigmoid"),
    Row(layers.Activation, "softmax"),
    Row(layers.Activation, "linear"),
    Row(layers.Activation, activations.ReLU(slope_at_zero=0.5)),
    Row(layers.BatchNormalization),
    Row(layers.BatchNormalization, momentum=0.9, epsilon=0.1, center=False),
    Row(layers.BatchNormalization, scale=False, beta_regularizer="l1"),
    Row(layers.BatchNormalization, center=False, scale=False),
    Row(layers.BatchNormalization, trainable=False),
    Row(layers.Dropout, 0.4),
    Row(layers.Dropout, 0.0, seed=3),
    Row(layers.Flatten).where(shapes=[FLAT, DEEP, ()]),
    Row(layers.Input, FLAT).where(shapes=[FLAT]),
    Row(layers.Rescaling, 0.25),
    Row(layers.Rescaling, -2.0, offset=1.5),
]
