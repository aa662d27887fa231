"""A training step in the paper's notation, with the numbers of one's own network in it.

``Sequential.trace`` makes a ``Trace``. Here are its parts: what was recorded (``recording``), the
equations of each kind of layer, how they are checked (``verification``), and how they are shown.
"""

from annlib.core.namespaces import show_public_names
from annlib.tracing.equation import Equation, Operand
from annlib.tracing.jacobian import jacobian
from annlib.tracing.recording import LayerRecord, Recording
from annlib.tracing.sections import Section
from annlib.tracing.trace import Trace
from annlib.tracing.verification import Check, Report

__all__ = [
    "Check",
    "Equation",
    "LayerRecord",
    "Operand",
    "Recording",
    "Report",
    "Section",
    "Trace",
    "jacobian",
]

show_public_names(__name__)
