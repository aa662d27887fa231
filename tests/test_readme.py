"""The README does what it says."""

import re
from pathlib import Path

import numpy as np
import pytest

import annlib
import annlib.testing
from annlib.core.registry import FAMILIES

ROOT = Path(annlib.__file__).parents[1]
README = ROOT / "README.md"
pytestmark = pytest.mark.skipif(not README.is_file(), reason="not a checkout")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def namespace(tmp_path_factory):
    """What the names are after all the Python of the README has run, in its order."""
    names = {"__name__": "readme"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("readme"))
        for registry in FAMILIES.values():  # what it registers, it registers for itself
            own = {n: c for n, c in registry._classes.items() if c.__module__.startswith("annlib.")}
            patch.setattr(registry, "_classes", own)
        for code in blocks("python"):
            exec(compile(code, README, "exec"), names)
        names["saved"] = Path("digits.safetensors").is_file()
        yield names


def test_links_lead_to_headings_that_there_are():
    """The anchor of a heading is its text in small letters, as GitHub makes it."""
    text = README.read_text()
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
    links = re.findall(r"\]\(#([^)\s]*)\)", text)
    assert len(links) > 15
    assert set(links) <= anchors


def test_python_is_reached_within_twenty_lines():
    assert README.read_text().split("```python")[0].count("\n") < 20


def test_the_example_learns_and_saves(namespace):
    assert namespace["accuracy"] > 0.95
    assert namespace["probabilities"].shape == (len(namespace["x_test"]), 10)
    np.testing.assert_allclose(namespace["probabilities"].sum(axis=1), 1, rtol=1e-5)
    assert namespace["saved"]


def test_the_layer_of_the_readme_has_the_right_gradient(namespace):
    layer = namespace["Scale"]()
    model = annlib.Sequential([layer, annlib.layers.Dense(1)], seed=0, dtype="float64")
    model.compile("sgd", "mse")
    x, y = np.random.default_rng(0).normal(size=(2, 20, 3))
    before = model.evaluate(x, y[:, :1])
    model.optimizer.learning_rate = 0.0
    model.train_on_batch(x, y[:, :1])
    gradient = layer.gradients["factor"].copy()
    step = np.array([1e-6, -2e-6, 1e-6])
    layer.factor[...] += step
    assert model.evaluate(x, y[:, :1]) - before == pytest.approx(step @ gradient, rel=1e-4)


def test_the_parts_of_the_readme_train_by_name_and_keep_the_rules(namespace):
    x = np.random.default_rng(0).normal(size=(400, 2))
    y = x[:, :1] * 2 + np.random.default_rng(1).normal(size=(400, 1))
    model = annlib.Sequential(
        [annlib.layers.Dense(8, "tanh"), namespace["Scale"](), annlib.layers.Dense(1)], seed=0
    )
    optimizer, loss = namespace["SignDescent"](0.001), namespace["Expectile"](0.9)
    model.compile(optimizer, loss, metrics=["within", annlib.metrics.get("within")])
    history = model.fit(x, y, epochs=60, verbose=0).history
    # Where it is least, what lies above counts nine times as much as what lies below.
    D = y - model.predict(x)
    assert 7 < -D[D < 0].sum() / D[D > 0].sum() < 11
    assert history["within"] == history["within_1"]
    metric = namespace["Within"](1.0)
    assert metric([[0.0], [5.0], [1.5]], [[0.9], [3.0], [1.0]], [1, 2, 3]) == pytest.approx(4 / 6)
    assert annlib.optimizers.get("sign_descent").state_names == ("v",)
    annlib.testing.check_config(metric)


def test_the_functions_of_the_readme_are_a_loss_with_its_gradient(namespace):
    loss = namespace["custom"].loss
    assert loss([[1.0], [0.0]], [[3.0], [1.0]]) == 8.5
    annlib.testing.check_loss(loss, [[1.0], [0.0]], [[3.0], [1.0]], may_allocate=True)


def test_the_errors_are_those_shown(namespace):
    shown = [block for block in blocks("text") if ">>>" in block]
    assert shown
    for block in shown:
        call, expected = re.fullmatch(r">>> (.*?)\n(.*)", block, re.DOTALL).groups()
        with pytest.raises(annlib.AnnlibError) as caught:
            exec(call, namespace)
        got = f"{type(caught.value).__module__}.{type(caught.value).__name__}: {caught.value}"
        assert " ".join(got.split()) == " ".join(expected.split())


def test_the_commands_are_those_that_are_tested():
    start, develop = (block.strip() for block in blocks("sh"))
    assert start == "python -m pip install . && python -m annlib"
    # The script takes the second command from the README, by this pattern.
    pattern = re.search(r"grep -m 1 -E '([^']+)' README\.md", (ROOT / ".ci/run").read_text())[1]
    found = [line for line in README.read_text().splitlines() if re.search(pattern, line)]
    assert found == [develop]
    assert develop == 'python -m pip install -e ".[test]" && python -m pytest -n auto'


def test_files_and_options_that_are_named_exist():
    text = README.read_text()
    paths = re.findall(r"`((?:annlib|tests|benchmarks|\.ci)/[\w./]+)`", text)
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    assert paths
    assert [path for path in paths + links if not (ROOT / path).exists()] == []


def test_the_tiers_are_the_folders():
    tiers = next(block for block in blocks("text") if ">>>" not in block)
    named = {word for line in tiers.splitlines() for word in line.split("  ")[0].split()}
    folders = {path.parent.name for path in (ROOT / "annlib").glob("*/__init__.py")}
    assert named == folders
