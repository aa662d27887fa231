"""scikit-learn estimators on annlib's engine."""

from annlib.estimators.hidden import HiddenLayerTransformer
from annlib.estimators.mlp_classifier import MLPClassifier
from annlib.estimators.mlp_regressor import MLPRegressor
from annlib.estimators.persistence import InconsistentVersionWarning
from annlib.estimators.sequential import SequentialClassifier, SequentialRegressor

__all__ = [
    "HiddenLayerTransformer",
    "InconsistentVersionWarning",
    "MLPClassifier",
    "MLPRegressor",
    "SequentialClassifier",
    "SequentialRegressor",
]
