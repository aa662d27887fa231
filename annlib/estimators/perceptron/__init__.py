"""scikit-learn's perceptrons, on annlib's engine, and what they lack."""

from annlib.estimators.perceptron.mlp import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
