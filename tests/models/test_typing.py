"""What a type checker says of a user's script: nothing where it is right, and each mistake."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import annlib

pytest.importorskip("mypy")

RIGHT = """
import numpy as np

import annlib
from annlib import Sequential, callbacks, layers, losses, metrics, optimizers

rng = np.random.default_rng(0)
x = rng.normal(size=(200, 4))
y = (x[:, 0] > 0).astype(int)

model = Sequential(
    [
        layers.Input((4,)),
        layers.Normalization(),
        layers.Dense(16, activation="relu", kernel_initializer="he_normal"),
        layers.Dropout(0.2),
        layers.Dense(2, activation="softmax"),
    ],
    seed=0,
)
for name in ("adam", "sgd"):
    model.compile(name, "sparse_categorical_crossentropy", metrics=["accuracy"])
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

estimator = annlib.MLPClassifier(hidden_layer_sizes=(8,), max_iter=20).fit(x, y)
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
}


def checked(script: Path, cache: Path) -> str:
    """What mypy prints of a script; annlib is read, and not what it says of annlib itself."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary"]
    command += [f"--cache-dir={cache}", "--follow-imports=silent", str(script)]
    home = str(Path(annlib.__file__).parents[1])
    done = subprocess.run(
        command, capture_output=True, text=True, env={"MYPYPATH": home}, check=False
    )
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_script_is_checked_and_its_mistakes_are_found(tmp_path):
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(RIGHT)
    wrong.write_text("\n".join(["import annlib", *WRONG]))
    assert checked(right, tmp_path / "cache") == ""
    said = checked(wrong, tmp_path / "cache")
    for number, (line, name) in enumerate(WRONG.items(), start=2):
        assert re.search(rf"wrong.py:{number}: error: .*{name}", said), (line, said)
