"""Any network of one's own as an estimator."""

from annlib.estimators.sequential.classifier import SequentialClassifier
from annlib.estimators.sequential.regressor import SequentialRegressor

__all__ = ["SequentialClassifier", "SequentialRegressor"]
