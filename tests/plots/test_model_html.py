"""The page of a model: whole HTML, small, without scripts or network, escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from annlib import Input, Sequential, layers

VOID = {"circle", "path", "use", "rect"}


class Page(HTMLParser):
    """Checks that every element is closed; keeps elements and text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.elements, self.words = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open and self.open[-1] != "style":
            self.words.append(text)

    def count(self, tag):
        return sum(element == tag for element, _ in self.elements)


def page(model):
    html = model._repr_html_()
    assert len(html.encode()) <= 40_000
    found = Page(html)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in found.elements}
    addresses = re.findall(r"https?://[^\"]*", html)
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}
    for _, attributes in found.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("href", "#").startswith("#")
    return found


def test_a_card_a_layer_with_its_facts():
    model = Sequential(
        [Input((4,)), layers.Dense(3, "relu", name="first"), layers.Dense(1, trainable=False)],
        seed=7,
        name="mine",
    )
    found = page(model)
    assert found.count("details") == 2
    assert found.count("svg") == 1
    text = " ".join(found.words)
    for fact in (
        "mine", "Sequential, 19 parameters, float32, seed 7, not compiled",
        "first", "Dense relu", "(None, 4) → (None, 3)", "15 parameters",
        "kernel (4, 3)", "bias (3,)", "Dense(3, activation='relu', name='first')",
        "4 parameters, frozen",
    ):  # fmt: skip
        assert fact in text, fact
    model.compile("adam", "mse")
    assert "compiled with Adam and mean_squared_error" in " ".join(page(model).words)


def test_what_is_not_known_is_a_question_mark():
    text = " ".join(page(Sequential([layers.Dense(3), layers.Dropout(0.1)])).words)
    for fact in ("? parameters", "? → ?", "made by Dropout(0.1)"):
        assert fact in text
    assert "no layers" in " ".join(page(Sequential()).words)


@pytest.mark.parametrize("depth", [50, 61, 400])
def test_deep_models_stay_small(depth):
    stack = [layers.Dense(16 + i % 3, "relu", kernel_regularizer="l2") for i in range(depth)]
    found = page(Sequential([Input((16,)), *stack]))
    assert found.count("details") == min(depth, 60)
    more = f"{depth - 60} more layers"
    assert (more in " ".join(found.words)) == (depth > 60)


def test_names_come_out_as_text():
    nasty = "<script>alert(1)</script>&\"'"
    found = page(
        Sequential([Input((2,)), layers.Dense(2, name=nasty.replace("/", "|"))], name=nasty)
    )
    assert nasty in " ".join(found.words)
    long = page(Sequential([layers.Dense(2, name=f"{i}" + "n" * 5000) for i in range(60)]))
    assert max(map(len, long.words)) <= 300


def test_colours_follow_the_theme():
    style = re.search("<style>(.*?)</style>", Sequential([layers.Dense(1)])._repr_html_()).group(1)
    # The page's own colour, whatever the system's theme is, which the page's may not be.
    assert not re.search(r"[;{]color:|prefers-color-scheme|color-scheme", style)
    assert style.count("{") == style.count("}")
    # Backgrounds let the page's own shine through.
    assert set(re.findall(r"background:([^;}]+)", style)) == {"rgba(128,128,128,.1)"}
