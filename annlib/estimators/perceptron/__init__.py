"""scikit-learn's perceptrons, on annlib's engine, and what they lack."""

from annlib.core.namespaces import show_public_names
from annlib.estimators.perceptron.mlp import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]

show_public_names(__name__)
