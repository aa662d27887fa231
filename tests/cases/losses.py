"""The cases of losses. What targets and predictions are, see ``cases.targets_and_predictions``."""

from annlib import losses
from cases.row import Row

SMOOTH = {"label_smoothing": 0.1, "axis": -1}
LOGITS = {"from_logits": True}

#: By the kinds of targets and predictions: the losses that take them.
_BY_DATA = {
    ("real", "real"): [
        Row(losses.HalfSumSquaredError),
        Row(losses.MeanSquaredError),
        Row(losses.MeanSquaredError, mask_nan=True),
        Row(losses.MeanAbsoluteError),
        Row(losses.MeanAbsolutePercentageError),
        Row(losses.Huber),
        Row(losses.Huber, 0.3),
        Row(losses.LogCosh),
        Row(losses.Quantile),
        Row(losses.Quantile, 0.9),
        Row(losses.CosineSimilarity, axis=-1),
    ],
    ("positive", "positive"): [
        Row(losses.MeanSquaredLogarithmicError),
        Row(losses.Poisson),
        Row(losses.Gamma),
        Row(losses.Tweedie, 2.5),
    ],
    ("positive", "real"): [Row(losses.Gamma, **LOGITS), Row(losses.Tweedie, 3.0, **LOGITS)],
    ("counts", "positive"): [
        Row(losses.Poisson),
        Row(losses.HalfPoissonDeviance),
        Row(losses.Tweedie),
        Row(losses.Tweedie, 1),
    ],
    ("counts", "real"): [
        Row(losses.HalfPoissonDeviance, **LOGITS),
        Row(losses.Tweedie, **LOGITS),
        Row(losses.Tweedie, power=1.0, **LOGITS),
    ],
    ("simplex", "unit"): [Row(losses.KLDivergence)],
    ("simplex", "simplex"): [Row(losses.CategoricalCrossentropy)],
    ("signs", "fractions"): [Row(losses.Hinge), Row(losses.SquaredHinge)],
    ("bits", "fractions"): [Row(losses.Hinge), Row(losses.SquaredHinge)],
    ("bits", "real"): [
        Row(losses.BinaryCrossentropy, **LOGITS, **SMOOTH),
        Row(losses.BinaryCrossentropy, **LOGITS, **SMOOTH, pos_weight=2.5),
        Row(losses.SumBinaryCrossentropy, **LOGITS, **SMOOTH),
        Row(losses.SumBinaryCrossentropy, **LOGITS, pos_weight=0.5, mask_nan=True),
        Row(losses.BinaryFocalCrossentropy, True, 0.3, 1.5, **LOGITS),
        Row(losses.BinaryFocalCrossentropy, gamma=0.5, **LOGITS, **SMOOTH),
    ],
    ("bits", "unit"): [
        Row(losses.BinaryCrossentropy),
        Row(losses.BinaryCrossentropy, label_smoothing=0.2),
        Row(losses.BinaryCrossentropy, pos_weight=3.0),
        Row(losses.SumBinaryCrossentropy),
        Row(losses.BinaryFocalCrossentropy),
        Row(losses.BinaryFocalCrossentropy, apply_class_balancing=True, alpha=0.4),
        Row(losses.BinaryFocalCrossentropy, gamma=3.5, **SMOOTH),
        Row(losses.BinaryFocalCrossentropy, gamma=0),
    ],
    ("unit", "unit"): [Row(losses.BinaryFocalCrossentropy, gamma=1)],
    ("unit", "real"): [
        Row(losses.BlockCrossentropy, (1,)),
        Row(losses.BinaryCrossentropy, **LOGITS),
        Row(losses.CategoricalCrossentropy, **LOGITS),
        Row(losses.BinaryFocalCrossentropy, **LOGITS),
        Row(losses.CategoricalFocalCrossentropy, **LOGITS),
    ],
    ("one-hot", "real"): [
        Row(losses.BlockCrossentropy),
        Row(losses.BlockCrossentropy, label_smoothing=0.1),
        Row(losses.CategoricalHinge),
        Row(losses.CategoricalCrossentropy, **LOGITS),
        Row(losses.CategoricalCrossentropy, **LOGITS, **SMOOTH),
        Row(losses.CategoricalFocalCrossentropy, 0.6, 1.5, **LOGITS),
    ],
    ("one-hot", "unit"): [
        Row(losses.CategoricalCrossentropy),
        Row(losses.CategoricalFocalCrossentropy),
    ],
    ("one-hot", "simplex"): [
        Row(losses.CategoricalCrossentropy, label_smoothing=0.3),
        Row(losses.CategoricalFocalCrossentropy, alpha=0.5, gamma=0.5, **SMOOTH),
        Row(losses.CategoricalFocalCrossentropy, gamma=0),
    ],
    ("labels", "simplex"): [
        Row(losses.CategoricalGeneralizedCrossEntropy),
        Row(losses.CategoricalGeneralizedCrossEntropy, q=0.9),
        Row(losses.SparseCategoricalCrossentropy),
        Row(losses.SparseCategoricalCrossentropy, ignore_class=None, axis=-1),
        Row(losses.SparseCategoricalCrossentropy, ignore_class=-1, label_smoothing=0.2),
    ],
    ("labels", "real"): [
        Row(losses.SparseCategoricalCrossentropy, **LOGITS),
        Row(losses.SparseCategoricalCrossentropy, **LOGITS, ignore_class=255),
        Row(losses.SparseCategoricalCrossentropy, **LOGITS, label_smoothing=0.1),
    ],
}

LOSSES = [
    row.where(targets=targets, predictions=predictions)
    for (targets, predictions), rows in _BY_DATA.items()
    for row in rows
]
