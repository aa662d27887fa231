"""``python -m annlib``: train a classifier of handwritten digits and say what happens.

The first example: everything below the command line is what a user of annlib would write.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

from annlib import AnnlibError, Sequential, __version__, datasets, layers
from annlib.core.errors import ConfigurationError
from annlib.core.foreign import check_suffix, told
from annlib.core.packages import needed


def load(name: str) -> tuple[str, Any]:
    """The data set asked for: what it is, and ((x_train, y_train), (x_test, y_test))."""
    if name == "auto":
        name = "mnist" if datasets.mnist.is_available() else "digits"
    if name == "mnist":
        return "MNIST digits", datasets.mnist.load_data()
    if name == "fashion_mnist":
        return "Fashion-MNIST", datasets.fashion_mnist.load_data()
    with needed("--data digits", "scikit-learn, which has them", "scikit-learn"):
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    digits = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        digits.images, digits.target, test_size=0.2, random_state=0, stratify=digits.target
    )
    return "scikit-learn's digits", ((x_train, y_train), (x_test, y_test))


def build(hidden: list[int], largest: float, seed: int | None) -> Sequential:
    """Pixels scaled to [0, 1], relu layers, ten probabilities."""
    return Sequential(
        [
            layers.Flatten(),
            layers.Rescaling(1 / largest),
            *(layers.Dense(units, activation="relu") for units in hidden),
            layers.Dense(10, activation="softmax"),
        ],
        seed=seed,
        name="digits",
    )


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, train, evaluate, save."""
    options = _parser().parse_args(arguments)
    what, ((x_train, y_train), (x_test, y_test)) = load(options.data)
    size = " x ".join(str(side) for side in x_train.shape[1:])
    print(f"annlib {__version__}")
    print(f"Data: {what}, {len(x_train):,} to train on, {len(x_test):,} to test, {size} pixels")

    model = build(options.hidden, float(x_train.max()), options.seed)
    model.build((None, *x_train.shape[1:]))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()

    started = time.perf_counter()
    model.fit(x_train, y_train, batch_size=options.batch_size, epochs=options.epochs)
    seconds = time.perf_counter() - started
    loss, accuracy = model.evaluate(x_test, y_test)
    rows = options.epochs * len(x_train) / seconds
    print(f"Trained in {seconds:.1f} s, {rows:,.0f} rows a second")
    print(f"Test accuracy: {accuracy:.2%} (loss {loss:.4f})")

    model.save(options.save)
    print(f"Saved the model to {options.save}. To use it on images of {size} pixels:\n")
    print("    from annlib import load_model")
    print(f"    model = load_model({os.path.abspath(options.save)!r})")
    print("    digits = model.predict(images).argmax(axis=1)")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m annlib",
        description="Train a classifier of handwritten digits: on MNIST if it is at hand (in the "
        "folder that ANNLIB_DATA_HOME names, or downloaded before), else on scikit-learn's own.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--epochs", type=_count, default=10, help="runs through the data")
    parser.add_argument("--batch-size", type=_count, default=128, help="rows of a mini-batch")
    parser.add_argument(
        "--hidden", type=_sizes, default=[256, 128], metavar="N,N,...", help="hidden units"
    )
    parser.add_argument(
        "--data",
        choices=["auto", "mnist", "fashion_mnist", "digits"],
        default="auto",
        help="the data set; mnist and fashion_mnist are downloaded where they are missing",
    )
    parser.add_argument("--seed", type=_seed, default=None, help="for a run that can be repeated")
    parser.add_argument(
        "--save", type=_path, default="digits.safetensors", help="where the model goes"
    )
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {count}")
    return count


def _seed(text: str) -> int:
    seed = int(text)
    if seed < 0:
        raise argparse.ArgumentTypeError(f"expected at least 0, got {seed}")
    return seed


def _path(text: str) -> str:
    folder = os.path.dirname(text) or "."
    if not os.path.isdir(folder) or os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"expected a file in a folder that exists, got {text}")
    try:
        with told():  # save itself warns of a name that is Keras'
            check_suffix(text, "--save")
    except ConfigurationError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _sizes(text: str) -> list[int]:
    return [_count(part) for part in text.split(",") if part.strip()]


if __name__ == "__main__":
    try:
        main()
    except (AnnlibError, ImportError) as error:
        raise SystemExit(f"error: {error}") from None
