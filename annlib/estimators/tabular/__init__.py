"""Tables as they come: an ensemble of small networks, good without tuning."""

from annlib.core.namespaces import show_public_names
from annlib.estimators.tabular.classifier import TabularClassifier
from annlib.estimators.tabular.regressor import TabularRegressor

__all__ = ["TabularClassifier", "TabularRegressor"]

show_public_names(__name__)
