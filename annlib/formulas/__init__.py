"""The formulas of what annlib computes, as text, LaTeX and MathML.

>>> from annlib import formulas
>>> print(formulas.of("softmax").derivative_text)
∂aᵢ/∂zⱼ = aᵢ (δᵢⱼ − aⱼ)
"""

from annlib.core.namespaces import show_public_names
from annlib.formulas.explanation import Explanation, explain
from annlib.formulas.formula import Formula, formula_of
from annlib.formulas.lookup import of
from annlib.formulas.mathml import as_mathml
from annlib.formulas.text import as_text

__all__ = ["Explanation", "Formula", "as_mathml", "as_text", "explain", "formula_of", "of"]

show_public_names(__name__)
