"""The cases of initializers. ``fits`` are the shapes that one which does not fit all can make."""

import numpy as np

from annlib import initializers
from cases.row import Row

INITIALIZERS = [
    Row(initializers.Zeros),
    Row(initializers.Ones),
    Row(initializers.Constant, 0.3),
    Row(initializers.Constant, [0.1, 0.2, 0.3]).where(fits=[(3,)]),
    Row(initializers.Constant, np.array([[0.5, 1.0], [2.0, -1.0]])).where(fits=[(2, 2)]),
    Row(initializers.Identity).where(fits=[(4, 2), (2, 2)]),
    Row(initializers.Identity, gain=-0.5).where(fits=[(4, 2), (2, 2)]),
    Row(initializers.Orthogonal).where(fits=[(4, 2), (2, 2)]),
    Row(initializers.Orthogonal, 1.5, seed=4).where(fits=[(4, 2), (2, 2)]),
    Row(initializers.RandomUniform),
    Row(initializers.RandomUniform, -1, 1, seed=5),
    Row(initializers.RandomNormal, 0.5, stddev=0.2),
    Row(initializers.TruncatedNormal, stddev=0.1),
    Row(initializers.VarianceScaling),
    Row(initializers.VarianceScaling, 2.0, "fan_out", "untruncated_normal", seed=1),
    Row(initializers.VarianceScaling, 0.5, mode="fan_avg", distribution="uniform"),
    Row(initializers.GlorotUniform),
    Row(initializers.GlorotNormal),
    Row(initializers.HeUniform, seed=2),
    Row(initializers.HeNormal),
    Row(initializers.LecunUniform),
    Row(initializers.LecunNormal),
]
