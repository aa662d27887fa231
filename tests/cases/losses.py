"""The cases of losses. What targets and predictions are, see ``cases.targets_and_predictions``."""

from annlib import losses
from cases.row import Row

LOSSES = [
    Row(losses.HalfSumSquaredError).where(targets="real", predictions="real"),
    Row(losses.MeanSquaredError).where(targets="real", predictions="real"),
    Row(losses.BinaryCrossentropy).where(targets="bits", predictions="unit"),
    Row(losses.BinaryCrossentropy, label_smoothing=0.2).where(targets="bits", predictions="unit"),
    Row(losses.BinaryCrossentropy, from_logits=True).where(targets="unit", predictions="real"),
    Row(losses.BinaryCrossentropy, from_logits=True, label_smoothing=0.1).where(
        targets="bits", predictions="real"
    ),
    Row(losses.CategoricalCrossentropy).where(targets="simplex", predictions="simplex"),
    Row(losses.CategoricalCrossentropy).where(targets="one-hot", predictions="unit"),
    Row(losses.CategoricalCrossentropy, label_smoothing=0.3).where(
        targets="one-hot", predictions="simplex"
    ),
    Row(losses.CategoricalCrossentropy, from_logits=True).where(
        targets="one-hot", predictions="real"
    ),
    Row(losses.CategoricalCrossentropy, from_logits=True).where(targets="unit", predictions="real"),
    Row(losses.CategoricalCrossentropy, from_logits=True, label_smoothing=0.1).where(
        targets="one-hot", predictions="real"
    ),
    Row(losses.SparseCategoricalCrossentropy).where(targets="labels", predictions="simplex"),
    Row(losses.SparseCategoricalCrossentropy, from_logits=True).where(
        targets="labels", predictions="real"
    ),
]
