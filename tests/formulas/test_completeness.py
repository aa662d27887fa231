"""Everything that is registered has a formula that can be shown in every form."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from cases import TABLES

from annlib import explain, formulas, reference
from annlib.core.registry import FAMILIES
from annlib.formulas.grammar import parse

KINDS = ("activation", "loss", "optimizer", "layer", "regularizer", "schedule")
CLASSES = [
    (kind, cls) for kind in KINDS for cls in FAMILIES[kind] if cls.__module__.startswith("annlib.")
]
ROWS = [(kind, row) for kind in KINDS for row in TABLES[kind]]


@pytest.mark.parametrize(("kind", "cls"), CLASSES, ids=lambda part: str(part))
def test_every_registered_class_has_a_formula(kind, cls):
    for name in (*cls._names, cls.__name__, cls):
        formula = formulas.of(name, kind=kind)
        assert formula.kind == kind
        assert formula.name == cls._names[0]
        assert formula.equations and formula.shapes
        if kind not in ("optimizer", "schedule"):
            assert formula.derivatives


@pytest.mark.parametrize(("kind", "row"), ROWS, ids=lambda part: str(part))
def test_every_form_of_every_case(kind, row):
    shown = explain(row.make())
    formula = shown.formula
    assert formula.kind == kind
    for line in (*formula.equations, *formula.derivatives, *formula.batch):
        parse(line)
        assert line.count("{") == line.count("}")
        assert line.count(r"\begin{cases}") == line.count(r"\end{cases}")
        ET.fromstring(formulas.as_mathml(line))
        text = formulas.as_text(line)
        assert "\\" not in text and "  " not in text
    ET.fromstring(shown._repr_html_())
    assert "<script" not in shown._repr_html_() and "http:" not in re.sub(
        r'xmlns="[^"]*"', "", shown._repr_html_()
    )
    assert len(shown._repr_html_()) < 20_000
    # Two lines of one width of the terminal at most.
    assert max(map(len, repr(shown).splitlines())) <= 130
    whole = shown.to_latex().replace(" &", "")
    for line in (*formula.equations, *formula.derivatives):
        assert line.replace(" &", "") in whole


@pytest.mark.parametrize(("kind", "cls"), CLASSES, ids=lambda part: str(part))
def test_sections_are_those_of_the_paper(kind, cls):
    """Each section that a formula names has a function in the reference, which ends with it."""
    written = {name.split("_", 1)[1] for name in reference.__all__ if "_" in name}
    for section in filter(None, formulas.of(cls, kind=kind).section.split(", ")):
        ending = section.replace(".", "_")
        assert any(name.endswith(ending) for name in written), section


def test_a_batch_is_what_a_row_says_for_dense(dense_numbers):
    """The paper's equations for one row, summed over the rows, are the batch's."""
    X, W, dZ = dense_numbers
    assert formulas.of("dense").batch[1] == "D_W = X^T D_Z"
    assert formulas.of("dense").derivatives[0] == r"[D_{E,W^T}] = \{D_{E,Z}\} [X^T]"
    by_rows = sum(dz.reshape(-1, 1) @ x.reshape(1, -1) for x, dz in zip(X, dZ, strict=True))
    assert abs(by_rows.T - X.T @ dZ).max() < 1e-12
    assert formulas.of("dense").derivatives[-1] == r"\{D_{E,X}\} = [W] \{D_{E,Z}\}"
    assert abs((W @ dZ[0].reshape(-1, 1)).T - (dZ @ W.T)[:1]).max() < 1e-12


@pytest.fixture
def dense_numbers():
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=(4, 2))
