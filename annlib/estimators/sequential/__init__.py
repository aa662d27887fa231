"""Any network of one's own as an estimator."""

from annlib.core.namespaces import show_public_names
from annlib.estimators.sequential.classifier import SequentialClassifier
from annlib.estimators.sequential.regressor import SequentialRegressor

__all__ = ["SequentialClassifier", "SequentialRegressor"]

show_public_names(__name__)
