"""scikit-learn estimators on annlib's engine."""

from annlib.core.namespaces import show_public_names
from annlib.core.packages import needed as _needed

with _needed("annlib.estimators", "scikit-learn", "scikit-learn"):
    import sklearn as _sklearn  # noqa: F401  # which all of them derive from

from annlib.estimators.hidden import HiddenLayerTransformer
from annlib.estimators.loading import load_estimator
from annlib.estimators.perceptron import MLPClassifier, MLPRegressor
from annlib.estimators.persistence import InconsistentVersionWarning
from annlib.estimators.sequential import SequentialClassifier, SequentialRegressor
from annlib.estimators.tabular import TabularClassifier, TabularRegressor

__all__ = [
    "HiddenLayerTransformer",
    "InconsistentVersionWarning",
    "MLPClassifier",
    "MLPRegressor",
    "SequentialClassifier",
    "SequentialRegressor",
    "TabularClassifier",
    "TabularRegressor",
    "load_estimator",
]

show_public_names(__name__)
