"""With NumPy and safetensors alone everything below the estimators works; the rest says what to
install.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import annlib

ROOT = Path(annlib.__file__).parents[1]


@pytest.fixture(scope="module")
def light(tmp_path_factory):
    """A function that runs a program where no packages are but these, and gives what it prints."""
    packages = tmp_path_factory.mktemp("packages")
    for name in ("numpy", "safetensors"):
        folder = Path(find_spec(name).origin).parent
        for part in (folder, folder.parent / f"{name}.libs"):
            if part.exists():
                (packages / part.name).symlink_to(part)
    (packages / "annlib").symlink_to(ROOT / "annlib")

    def run(program: str, folder: Path = packages) -> str:
        start = f"import sys\nsys.path.append({str(packages)!r})\n"
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-W", "error", "-c", start + program],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    return run


MODEL = """
import numpy as np, annlib
from annlib import Sequential, layers
x = np.random.default_rng(0).normal(size=(64, 3))
y = (x.sum(axis=1) > 0).astype(int)
def made():
    model = Sequential([layers.Dense(8, "relu"), layers.Dense(2, "softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model
"""


def test_the_packages_are_not_there(light):
    names = ["sklearn", "scipy", "threadpoolctl", "tqdm", "joblib", "pandas", "h5py"]
    program = f"from importlib.util import find_spec\nprint([n for n in {names} if find_spec(n)])"
    assert light(program) == "[]\n"


def test_a_model_trains_saves_loads_and_predicts(light, tmp_path):
    shown = light(
        MODEL
        + """
model = made()
epochs = annlib.callbacks.BackupAndRestore("backup")
history = model.fit(x, y, epochs=3, callbacks=[epochs], validation_split=0.25)
model.save("model.safetensors")
again = annlib.load_model("model.safetensors")
assert (again.predict(x) == model.predict(x)).all()
again.fit(x, y, epochs=4, initial_epoch=3, verbose=2)
model.save_weights("w.safetensors")
again.load_weights("w.safetensors")
model.summary()
print(model.evaluate(x, y, return_dict=True).keys())
print(model.trace(x[0], y[:1]).verify().passed)
annlib.show_versions()
annlib.explain("Adam")
""",
        tmp_path,
    )
    assert "Epoch 3/3" in shown
    assert "dict_keys(['accuracy', 'loss'])" in shown
    assert "True" in shown
    assert "threadpoolctl: none" in shown


def test_it_gives_the_same_numbers(light):
    program = MODEL + (
        "model = made()\nmodel.fit(x, y, epochs=2, verbose=0)\nprint(model.predict(x[:4]).tolist())"
    )
    names: dict[str, object] = {}
    exec(program.rpartition("print")[0], names)
    here = names["model"].predict(names["x"][:4]).tolist()
    assert light(program) == f"{here}\n"


def test_a_run_that_was_cut_off_resumes(light, tmp_path):
    program = MODEL + (
        "class Cut(annlib.callbacks.Callback):\n"
        "    def on_epoch_begin(self, epoch, logs=None):\n"
        "        if epoch == 2: raise KeyboardInterrupt\n"
        "back = annlib.callbacks.BackupAndRestore\n"
        "whole = made(); whole.fit(x, y, epochs=4, verbose=0)\n"
        "try: made().fit(x, y, epochs=4, verbose=0, callbacks=[back('b'), Cut()])\n"
        "except KeyboardInterrupt: pass\n"
        "model = made(); model.fit(x, y, epochs=4, verbose=0, callbacks=[back('b')])\n"
        "print((model.predict(x) == whole.predict(x)).all())\n"
    )
    assert light(program, tmp_path) == "True\n"


@pytest.mark.parametrize(
    ("statement", "package"),
    [
        ("annlib.MLPClassifier", "scikit-learn"),
        ("annlib.estimators", "scikit-learn"),
        (
            "m = made(); m.compile('lbfgs', 'sparse_categorical_crossentropy'); m.fit(x, y)",
            "scipy",
        ),
        (
            (
                "m = Sequential([layers.Dense(1, 'sigmoid')]); m.compile('sgd', 'bce', "
                "[annlib.metrics.AUC(num_thresholds=None)]); m.fit(x, y, verbose=0)"
            ),
            "scikit-learn",
        ),
        ("annlib.plots.decision_boundary(made(), x[:, :2], y)", "annlib[plot]"),
        ("annlib.__main__.main(['--data', 'digits'])", "scikit-learn"),
        ("annlib.export.from_keras('m.keras')", "keras"),
        ("annlib.export.to_torch(Sequential([layers.Dense(2, input_shape=(3,))]))", "torch"),
    ],
)
def test_what_needs_more_says_what_to_install(light, statement, package):
    program = MODEL + (
        f"import annlib.__main__\ntry:\n    {statement}\n"
        "except ImportError as error:\n    print(error)\n"
    )
    shown = light(program)
    assert "pip install" in shown
    assert package in shown


def test_nothing_was_learned_before_a_metric_says_so(light):
    program = MODEL + (
        "m = Sequential([layers.Dense(1, 'sigmoid', input_shape=(3,))], seed=0)\n"
        "m.compile('sgd', 'bce', [annlib.metrics.AUC(num_thresholds=None)])\n"
        "before = m.get_weights()\n"
        "try: m.fit(x, y, verbose=0)\n"
        "except ImportError: print(all(map(np.array_equal, before, m.get_weights())))\n"
    )
    assert light(program) == "True\n"
