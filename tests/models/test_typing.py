"""What a type checker says of a user's script: nothing where it is right, and each mistake."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

import annlib
import annlib.typing
from annlib.core.errors import ConfigurationError
from annlib.core.registry import FAMILIES as REGISTRIES

HOME = str(Path(annlib.__file__).parents[1])

RIGHT = """
import numpy as np

import annlib
from annlib import Sequential, callbacks, layers, losses, metrics, optimizers, regularizers
from annlib.typing import OptimizerName

rng = np.random.default_rng(0)
x = rng.normal(size=(200, 4))
y = (x[:, 0] > 0).astype(int)

model = Sequential(
    [
        layers.Input((4,)),
        layers.Normalization(),
        layers.Dense(16, activation="relu", kernel_initializer="he_normal"),
        layers.Dropout(0.2),
        layers.Dense(8, activation=(np.sin, np.cos), kernel_regularizer=regularizers.l2(1e-4)),
        layers.Dense(8, activation=layers.PReLU(), name="hidden"),
        layers.Dense(2, activation="softmax"),
    ],
    seed=0,
)
names: list[OptimizerName] = ["adam", "sgd"]
for name in names:
    model.compile(name, "sparse_categorical_crossentropy", metrics=["accuracy", metrics.AUC()])
model.compile("sgd", ["mse"], metrics=[["mae"]], weighted_metrics=[lambda y, p: abs(y - p)])
model.compile(
    optimizer=optimizers.Adam(learning_rate=1e-3),
    loss=losses.SparseCategoricalCrossentropy(),
    metrics=[metrics.SparseCategoricalAccuracy()],
)
model.optimizer.learning_rate = 0.01
print(model.loss.name, model.optimizer.iterations)


class Watch(callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if logs and logs["loss"] < 0.1:
            self.model.stop_training = True


history = model.fit(x, y, epochs=3, validation_split=0.2, callbacks=[Watch()], verbose=0)
best: float = min(history.history["val_loss"])
results = model.evaluate(x, y, return_dict=True)
accuracy: float = results["sparse_categorical_accuracy"]
loss, score = model.evaluate(x, y)
classes = model.predict(x).argmax(axis=1)
print(best, accuracy, loss, score, (classes == y).mean(), len(model.layers))

model.summary()
model.save("model.safetensors")
again = annlib.load_model("model.safetensors")
again.set_weights(model.get_weights())

estimator = annlib.MLPClassifier((8,), activation=["tanh"], loss="log_loss", max_iter=20).fit(x, y)
print(estimator.predict_proba(x).shape, estimator.score(x, y))
print(annlib.explain("softmax"), annlib.compare({"run": history}))
"""

WRONG = {
    "annlib.Sequental": "Sequental",
    "annlib.layers.Dens(3)": "Dens",
    "annlib.optimizers.Adma()": "Adma",
    "annlib.Sequential(sed=0)": "sed",
    "annlib.layers.Dense(3, activatoin='relu')": "activatoin",
    "annlib.Sequential().optimizer.no_such": "no_such",
    "annlib.Sequential().fit(epoch=3)": "epoch",
    "annlib.Sequential().evaluate(return_dict=True).no_such": "no_such",
    "annlib.load_model(3.5)": "load_model",
    "annlib.Sequential().compile('adma')": "adma",
    "annlib.Sequential().compile(loss='sme')": "sme",
    "annlib.Sequential().compile(metrics=['accurcy'])": "accurcy|metrics",
    "annlib.layers.Dense(3, 'rleu')": "rleu",
    "annlib.layers.Dense(3, activation=abs)": "activation|Dense",
    "annlib.layers.Dense(3, kernel_initializer='he_norml')": "he_norml",
    "annlib.layers.Dense(3, kernel_constraint='max_nrm')": "max_nrm",
    "annlib.MLPClassifier(solver='adamm')": "adamm",
    "annlib.MLPClassifier(activation='tnah')": "tnah",
    "annlib.MLPRegressor(optimizer='adma')": "adma",
}


def mypy(script: Path, cache: Path) -> str:
    """What mypy prints of a script; annlib is read, and not what it says of annlib itself."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary"]
    command += [f"--cache-dir={cache}", "--follow-imports=silent", str(script)]
    done = subprocess.run(
        command, capture_output=True, text=True, env={"MYPYPATH": HOME}, check=False
    )
    assert not done.stderr, done.stderr
    return done.stdout


def pyright(script: Path, cache: Path) -> str:
    """What pyright prints of a script."""
    settings = {"extraPaths": [HOME], "typeCheckingMode": "standard", "include": [script.name]}
    (script.parent / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--project", str(script.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return "" if done.stdout.startswith("0 errors") else done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("checker", [mypy, pyright])
def test_a_script_is_checked_and_its_mistakes_are_found(checker, tmp_path):
    pytest.importorskip("mypy" if checker is mypy else "basedpyright")
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(RIGHT)
    wrong.write_text("\n".join(["import annlib", *WRONG]))
    assert checker(right, tmp_path / "cache") == ""
    said = checker(wrong, tmp_path / "cache")
    for number, (line, name) in enumerate(WRONG.items(), start=2):
        found = re.search(rf"wrong.py:{number}:.* error: (?s:.*?)(?=\n.*wrong.py:|\Z)", said)
        assert found, (line, said)
        assert re.search(name, found[0]), (line, found[0])


KINDS = ["activation", "constraint", "initializer", "loss", "metric", "optimizer", "regularizer"]


@pytest.mark.parametrize("family", KINDS)
def test_the_names_in_types_are_those_of_the_registry(family):
    """All that stand for an object without arguments, and those that ``compile`` resolves."""
    registry = REGISTRIES[family]
    resolved = {"loss": {"crossentropy", "ce"}, "metric": {"acc", "crossentropy", "ce"}}
    named = set(get_args(getattr(annlib.typing, f"{family.capitalize()}Name")))
    accepted = {
        name
        for cls in registry
        if cls.__module__.startswith("annlib.")
        for name in cls._names
        if stands_alone(registry, name)
    }
    assert named == accepted | resolved.get(family, set())


def stands_alone(registry, name):
    try:
        import_module(registry.package).get(name)
    except ConfigurationError:
        return False
    return True
