"""scikit-learn's perceptrons, on annlib's engine, and what they lack."""

from annlib.estimators.perceptron.classifier import MLPClassifier
from annlib.estimators.perceptron.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
