"""The cases of layers.

``shapes`` are shapes of one row; ``passive`` has no gradient to speak of."""

import numpy as np

from annlib import activations, constraints, initializers, layers, regularizers, schedules
from cases.row import Row

FLAT, DEEP = (5,), (2, 5)


def as_given(layer, codes):
    """Codes as the user's values, of a layer that looks these up."""
    if not layer.encodes:
        return codes
    terms = np.array(layer.get_vocabulary(include_special_tokens=False))
    return terms[codes % len(terms)]


@layers.register()
def squared_and_more(x, shift=1.0):
    return x**2 + shift


@layers.register()
def twice(x):
    return 2 * x


@layers.register("without_its_mean")
def centred(x):
    return x - x.mean(axis=-1, keepdims=True)


@layers.register()
def centred_back(x, dy):
    return dy - dy.mean(axis=-1, keepdims=True)


@layers.register()
def first_two(x):
    return x[..., :2] * np.float64(3)


@layers.register()
def first_two_back(x, dy):
    dx = np.zeros_like(x)
    dx[..., :2] = 3 * dy
    return dx


LAYERS = [
    Row(layers.Dense, 3),
    Row(layers.Dense, 4, activation="softmax"),
    Row(layers.Dense, 3, activation="relu", use_bias=False),
    Row(layers.Dense, 3, activation=activations.GELU(approximate=True)),
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
    Row(layers.BatchedDense, 2, 3).where(shapes=[DEEP, FLAT]),
    Row(layers.BatchedDense, 3, 4, "softmax").where(shapes=[(3, 2), FLAT]),
    Row(layers.BatchedDense, members=2, units=1, activation="tanh", use_scale=True).where(
        shapes=[DEEP, FLAT, (2, 1), (1,)]
    ),
    Row(
        layers.BatchedDense,
        2,
        4,
        activation="glu",
        use_bias=False,
        kernel_initializer="orthogonal",
        kernel_regularizer=regularizers.OrthogonalRegularizer(0.1),
        kernel_constraint="max_norm",
        use_scale=True,
        scale_initializer=initializers.Constant(0.5),
    ).where(shapes=[DEEP, FLAT]),
    Row(
        layers.BatchedDense,
        2,
        3,
        bias_initializer=initializers.Constant([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]),
        kernel_regularizer=regularizers.L1L2(0.02, 0.03),
        bias_regularizer="l2",
        bias_constraint="non_neg",
        activity_regularizer="l2",
        trainable=False,
    ).where(shapes=[DEEP]),
    Row(layers.Activation, "sigmoid"),
    Row(layers.Activation, "softmax"),
    Row(layers.Activation, "linear"),
    Row(layers.Activation, activations.GELU()),
    Row(layers.ReLU),
    Row(layers.ReLU, 1.5, 0.1, 0.25),
    Row(layers.ReLU, max_value=2.0, negative_slope=0.3, threshold=0.5),
    Row(layers.LeakyReLU),
    Row(layers.LeakyReLU, negative_slope=0.05),
    Row(layers.ELU),
    Row(layers.ELU, alpha=0.5),
    Row(layers.Softmax),
    Row(layers.Softmax, 1),
    Row(layers.Softmax, axis=-2).where(shapes=[DEEP, (3, 2, 4)]),
    Row(layers.BatchNormalization),
    Row(layers.BatchNormalization, momentum=0.9, epsilon=0.1, center=False),
    Row(layers.BatchNormalization, scale=False, beta_regularizer="l1"),
    Row(layers.BatchNormalization, center=False, scale=False),
    Row(layers.BatchNormalization, trainable=False),
    # With these limits r and t are constants, which they are taken for.
    Row(
        layers.BatchNormalization,
        renorm=True,
        renorm_clipping={"rmin": 1.0, "rmax": 1.0, "dmax": 0.0},
        renorm_momentum=0.8,
        epsilon=0.1,
    ),
    Row(layers.BatchNormalization, -1, renorm=True, trainable=False),
    Row(layers.BatchNormalization, 1),
    Row(layers.BatchNormalization, axis=-2, scale=False).where(shapes=[DEEP, (3, 2, 4)]),
    Row(
        layers.BatchNormalization,
        axis=1,
        beta_initializer="ones",
        gamma_initializer=initializers.Constant(0.5),
        moving_mean_initializer="ones",
        moving_variance_initializer=initializers.Constant(2.0),
        gamma_regularizer="l2",
        beta_constraint="non_neg",
        gamma_constraint=constraints.MaxNorm(2.5),
        trainable=False,
    ),
    Row(layers.Dropout, 0.4),
    Row(layers.Dropout, 0.0, seed=3),
    Row(layers.Dropout, 0.4, (None, 1, 5)).where(shapes=[DEEP]),
    Row(layers.Dropout, 0.4, random_bits=8),
    Row(layers.Dropout, 0.4, noise_shape=(4, 1), seed=2).where(shapes=[FLAT]),
    # Constant for as long as the tests go, but scheduled.
    Row(layers.Dropout, schedules.PiecewiseConstantDecay([10_000], [0.4, 0.1])),
    Row(layers.GaussianNoise, schedules.PiecewiseConstantDecay([10_000], [0.2, 0.1]), seed=1),
    Row(layers.GaussianNoise, 0.3),
    Row(layers.GaussianNoise, 0, seed=4),
    Row(layers.GaussianDropout, 0.2),
    Row(layers.GaussianDropout, 0.5, seed=5),
    Row(layers.GaussianDropout, 0.5, 5, noise_shape=[1, None]).where(shapes=[FLAT]),
    Row(layers.AlphaDropout, 0.3),
    Row(layers.AlphaDropout, 0.3, random_bits=16),
    Row(layers.AlphaDropout, rate=0.1, seed=6),
    Row(layers.AlphaDropout, 0.2, (None, 2, 1), 6).where(shapes=[DEEP]),
    Row(layers.ActivityRegularization),
    Row(layers.ActivityRegularization, 0.0, 0.02),
    Row(layers.ActivityRegularization, l1=0.01, l2=0.02),
    Row(layers.Identity),
    Row(layers.Lambda, squared_and_more),
    Row(layers.Lambda, squared_and_more, twice, arguments={"shift": 2.0}),
    Row(layers.Lambda, centred, centred_back, name="mean 0"),
    Row(layers.Lambda, function=first_two, derivative=first_two_back, output_shape=[2]).where(
        shapes=[FLAT]
    ),
    Row(layers.PReLU),
    Row(
        layers.PReLU,
        alpha_initializer=initializers.Constant(0.25),
        alpha_regularizer="l2",
        alpha_constraint="non_neg",
        shared_axes=1,
    ),
    Row(layers.PReLU, "ones", shared_axes=[1, 2]).where(shapes=[DEEP, (3, 2, 4)]),
    Row(layers.Reshape, (5, 1)).where(shapes=[(1, 5), FLAT]),
    Row(layers.Reshape, (-1, 2)).where(shapes=[DEEP, (6,)]),
    Row(layers.Reshape, (1,)).where(shapes=[(1, 1), ()]),
    Row(layers.Flatten).where(shapes=[FLAT, DEEP, ()]),
    Row(layers.LayerNormalization),
    Row(layers.LayerNormalization, epsilon=0.1, center=False, gamma_regularizer="l1"),
    Row(layers.LayerNormalization, scale=False),
    Row(layers.LayerNormalization, center=False, scale=False),
    Row(layers.LayerNormalization, (-1, 1)).where(shapes=[DEEP, (3, 2, 4)]),
    Row(
        layers.LayerNormalization,
        axis=[1],
        beta_initializer="ones",
        gamma_initializer=initializers.Constant(0.5),
        beta_regularizer="l2",
        beta_constraint="non_neg",
        gamma_constraint=constraints.MaxNorm(2.5),
        trainable=False,
    ),
    Row(layers.RMSNormalization),
    Row(layers.RMSNormalization, axis=-2, epsilon=0.1).where(shapes=[DEEP, (3, 2, 4)]),
    Row(layers.UnitNormalization),
    Row(layers.UnitNormalization, [1, 3]).where(shapes=[(3, 2, 4)]),
    Row(layers.Normalization),
    Row(layers.Normalization, None, invert=True),
    Row(layers.Normalization, axis=[1, 3]).where(shapes=[(3, 2, 4)]),
    Row(layers.Normalization, axis=1, mean=0.5, variance=4.0),
    Row(layers.Normalization, mean=[0, 1, 2, 3, 4], variance=np.full(5, 2.5), invert=True).where(
        shapes=[DEEP, FLAT]
    ),
    Row(layers.Embedding, 7, 3).where(shapes=[(4,), (3, 2), ()]),
    Row(
        layers.Embedding,
        4,
        2,
        embeddings_initializer="he_normal",
        embeddings_regularizer=regularizers.L1L2(0.02, 0.03),
        embeddings_constraint=constraints.MaxNorm(2.5),
        activity_regularizer="l2",
        input_shape=(3,),
    ).where(shapes=[(3,)]),
    Row(layers.Embedding, 4, 2, weights=np.arange(8.0).reshape(4, 2)).where(shapes=[(3,)]),
    Row(layers.Columns, [(layers.Dense(3, "tanh"), [0, 3]), (layers.Dense(2), [1, 2, 3])]).where(
        shapes=[FLAT]
    ),
    Row(
        layers.Columns,
        [
            (layers.Embedding(4, 3, embeddings_regularizer="l2"), 1),
            ([layers.Dense(3, "relu", kernel_regularizer="l1"), layers.Dropout(0.4)], [-1, 0]),
            ([layers.BatchNormalization()], [2]),
            ([], 3),
        ],
        "drop",
        name="mixed",
    ).where(shapes=[FLAT]),
    Row(
        layers.Columns,
        [
            (layers.Columns([(layers.PReLU(), 0), (layers.GaussianNoise(0.1), [0, 1])]), [4, 2]),
            (layers.BatchNormalization(), [0, 2]),
        ],
        trainable=True,
    ).where(shapes=[FLAT]),
    Row(
        layers.Columns,
        [
            (layers.PeriodicEmbedding(2, 3, members=2), [0, 4]),
            ([layers.Embedding(4, 6), layers.Reshape((2, 3))], 1),
            (layers.Dense(3, "tanh"), [2, 4]),
            ([], [3, 4]),
        ],
        members=2,
    ).where(shapes=[FLAT]),
    Row(layers.CategoryEncoding, 5).where(shapes=[(3,), (1,), ()]),
    Row(layers.CategoryEncoding, 5, "one_hot").where(shapes=[(3,), (1,), (2, 3)]),
    Row(layers.CategoryEncoding, num_tokens=4, output_mode="count").where(shapes=[(3,), (2, 3)]),
    Row(layers.Discretization, [-0.5, 0.0, 0.75]).where(passive=True),
    Row(layers.Discretization, [-0.5, 0.5], 4, 0.02, "one_hot").where(passive=True),
    Row(layers.Discretization, bin_boundaries=[0.0], output_mode="count").where(passive=True),
    Row(layers.StringLookup, vocabulary=["b", "a", "c"]).where(shapes=[(3,), (1,)]),
    Row(layers.StringLookup, 9, 0, "", None, ["b", "a"], None, False, "multi_hot", True).where(
        shapes=[(3,)]
    ),
    Row(layers.IntegerLookup, None, 2, 0, -2, [7, 10**15]).where(shapes=[(3,)]),
    Row(layers.IntegerLookup, vocabulary=[7, 5], mask_token=1, output_mode="one_hot").where(
        shapes=[(3,), (1,)]
    ),
    Row(layers.Input, FLAT).where(shapes=[FLAT]),
    Row(layers.Input, FLAT, batch_size=8, dtype="int32").where(shapes=[FLAT]),
    Row(layers.Scaling),
    Row(
        layers.Scaling,
        scale_initializer=initializers.Constant(0.5),
        scale_regularizer="l1",
        scale_constraint="non_neg",
        shared_axes=1,
    ),
    Row(layers.Scaling, "ones", shared_axes=[1, 2]).where(shapes=[DEEP, (3, 2, 4)]),
    Row(layers.ParametricActivation, "selu"),
    Row(layers.ParametricActivation, "softmax", "zeros"),
    Row(
        layers.ParametricActivation,
        activation="mish",
        alpha_initializer=initializers.Constant(0.5),
        alpha_regularizer="l2",
        alpha_constraint="non_neg",
        shared_axes=[1],
    ),
    Row(layers.SmoothClipping),
    Row(layers.SmoothClipping, limit=0.5),
    Row(layers.PeriodicEmbedding).where(shapes=[(1,), FLAT]),
    Row(layers.PeriodicEmbedding, 2, 3, 2).where(shapes=[DEEP, FLAT]),
    Row(
        layers.PeriodicEmbedding,
        units=1,
        num_frequencies=1,
        members=1,
        append_input=False,
        frequency_initializer="ones",
        phase_initializer="zeros",
        kernel_initializer="he_normal",
        bias_initializer="ones",
        kernel_regularizer="l2",
        kernel_constraint="max_norm",
        activity_regularizer="l2",
    ).where(shapes=[(1, 5), (5,)]),
    Row(layers.RobustScaling),
    Row(layers.RobustScaling, [0.5, 1.0, 0.0, -1.0, 2.0], scale=[1.0, 2.0, 0.25, 1.5, 4.0]).where(
        shapes=[DEEP, FLAT]
    ),
    Row(layers.PiecewiseLinearEncoding, [[-1.0, 0.0, 0.5]] * 4).where(shapes=[(4,)]),
    Row(
        layers.PiecewiseLinearEncoding,
        [[-1.0, 0.0, 0.5], [0.25], [-2.0, 2.0], [-1.0, -0.5, 0.5, 1.0]],
        num_bins=3,
        extrapolate=True,
        offset=-0.5,
    ).where(shapes=[(4,)]),
    Row(
        layers.PiecewiseLinearEncoding,
        bin_boundaries=[[-1.0, 0.0, 0.5], [0.25]],
        append_input=True,
        offset=-0.5,
    ).where(shapes=[(2,)]),
    Row(layers.Rescaling, 0.25),
    Row(layers.Rescaling, -2.0, offset=1.5),
    Row(layers.Rescaling, [0.5, 2.0, -1.0, 3.0, 1.0], offset=np.arange(5.0)).where(
        shapes=[DEEP, FLAT]
    ),
    Row(layers.Rescaling, 2, offset=[[1.0], [-1.0]]).where(shapes=[DEEP]),
]
