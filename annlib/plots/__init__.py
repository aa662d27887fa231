"""Pictures of models, runs and mistakes.

Every function takes the axes to draw on, or makes a figure, and returns the axes; none shows
anything. They need Matplotlib, ``pip install "annlib[plot]"``, but for ``plot_model``, which
writes its own SVG.
"""

from annlib.core.namespaces import show_public_names
from annlib.plots.card import model_html
from annlib.plots.certainty import calibration, prediction_intervals
from annlib.plots.curves import compare_histories, plot_history
from annlib.plots.displays import confusion_matrix, decision_boundary, learning_curve
from annlib.plots.images import first_layer, mistakes
from annlib.plots.importances import contributions, feature_importances
from annlib.plots.network import Drawing, plot_model
from annlib.plots.vitals import plot_layers, plot_spread

__all__ = [
    "Drawing",
    "calibration",
    "compare_histories",
    "confusion_matrix",
    "contributions",
    "decision_boundary",
    "feature_importances",
    "first_layer",
    "learning_curve",
    "mistakes",
    "model_html",
    "plot_history",
    "plot_layers",
    "plot_model",
    "plot_spread",
    "prediction_intervals",
]

show_public_names(__name__)
