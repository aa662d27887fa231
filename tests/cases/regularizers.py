"""The cases of regularizers."""

from annlib import regularizers
from cases.row import Row

REGULARIZERS = [
    Row(regularizers.L1, 0.2),
    Row(regularizers.L2),
    Row(regularizers.L2, 0.3),
    Row(regularizers.L1L2),
    Row(regularizers.L1L2, l1=0.1, l2=0.4),
    Row(regularizers.OrthogonalRegularizer),
    Row(regularizers.OrthogonalRegularizer, 0.3, "columns"),
    Row(regularizers.Ridge),
    Row(regularizers.Ridge, 0.3),
]
