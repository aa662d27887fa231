"""Records the public names of Keras' packages; from the folder tests: python -m golden.names."""

from golden.recorder import keras, write

PACKAGES = (
    *("", "activations", "backend", "callbacks", "constraints", "datasets", "initializers"),
    *("layers", "losses", "metrics", "models", "optimizers", "optimizers.schedules"),
    *("regularizers", "saving", "utils"),
)
# Of how Keras is built, and no part of its interface.
_INSIDE = ("src",)


def names(package):
    """The public names of one package of Keras."""
    found = keras
    for part in package.split("."):
        found = getattr(found, part) if part else found
    return sorted(name for name in dir(found) if name[0] != "_" and name not in _INSIDE)


if __name__ == "__main__":
    write(__file__, packages={package: names(package) for package in PACKAGES})
