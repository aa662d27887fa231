"""scikit-learn's perceptrons, on annlib's engine, and what they lack."""

from annlib.core.namespaces import show_public_names
from annlib.estimators.perceptron.classifier import MLPClassifier
from annlib.estimators.perceptron.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]

show_public_names(__name__)
