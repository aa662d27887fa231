"""The pictures of the README: ``python .docs/pictures.py``; that of a trace needs Chromium."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import train_test_split

from annlib import Sequential, TabularRegressor, callbacks, layers, losses, optimizers, plots

HERE = Path(__file__).parents[1] / "notebooks"


def course() -> None:
    """What the README's first example learns, with the rate that falls."""
    x, y = load_digits(return_X_y=True)
    x_train, _, y_train, _ = train_test_split(x / 16, y, random_state=0)
    stack = [layers.Dense(64, "relu"), layers.Dropout(0.2), layers.Dense(10, "softmax")]
    model = Sequential(stack, seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    falling = callbacks.ReduceLROnPlateau(patience=4, factor=0.3)
    history = model.fit(
        x_train, y_train, epochs=60, validation_split=0.1, callbacks=[falling], verbose=0
    )
    keep(history.plot(), "history.png")


def certainty() -> None:
    """Intervals of a table's predictions, beside the truth."""
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    net = TabularRegressor("fast", random_state=0).fit(X_train, y_train)
    keep(plots.prediction_intervals(net, X_test, y_test), "intervals.png")


def equations() -> None:
    """The upper part of the trace of Mazur's example, from the paper's references."""
    model = Sequential([layers.Dense(2, "sigmoid"), layers.Dense(2, "sigmoid")], dtype="float64")
    model.build((None, 2))
    first, second = [[0.15, 0.25], [0.20, 0.30]], [[0.40, 0.50], [0.45, 0.55]]
    model.set_weights([first, [0.35, 0.35], second, [0.60, 0.60]])
    model.compile(optimizers.SGD(0.5), losses.HalfSumSquaredError(reduction="sum"))
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("pictures.py: expected Chromium for the picture of a trace, got none.")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "trace.html")
        model.trace([[0.05, 0.10]], [[0.01, 0.99]]).save(page)
        page.write_text(page.read_text().replace("<details", "<details open"))
        command = [browser, "--headless", "--no-sandbox", "--hide-scrollbars"]
        command += ["--window-size=1000,1180", f"--screenshot={HERE / 'trace.png'}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603  # of this file


def keep(axes: Any, name: str) -> None:
    figure = np.ravel(axes)[0].figure
    figure.savefig(HERE / name, dpi=110, bbox_inches="tight")
    plt.close(figure)


if __name__ == "__main__":
    plt.switch_backend("agg")
    course()
    certainty()
    equations()
