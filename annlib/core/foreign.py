"""Files of other programs: what their names promise, and what their first bytes say.

annlib writes safetensors whatever a file is called. A name that promises another program's format
is refused with the function that writes it; Keras' own suffixes, which Keras scripts have, are
taken with a warning. A file of another program is recognized by how it begins: nothing of it is
read further, and nothing run.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from typing import NamedTuple

from annlib.core.errors import ConfigurationError, quote
from annlib.core.tracebacks import warn_user

#: How many bytes of a file ``recognized`` needs.
HEAD = 512


class Format(NamedTuple):
    """The format of another program."""

    name: str
    #: With these names ends the path of such a file.
    suffixes: tuple[str, ...]
    #: What writes it, with ``{what}`` for the model or the estimator.
    out: str
    #: What brings it in.
    into: str
    #: With one of these bytes it begins.
    heads: tuple[bytes, ...] = ()
    #: Whether it is one of Keras', whose scripts call files so that annlib is to write.
    of_keras: bool = False


_PICKLE = (
    "What wrote it reads it (pickle.load, joblib.load, skops.io.load); a pickle runs what is in "
    "it, so only of files that you trust. Then model.save(path) writes a file that load_model reads"
)
_KERAS = Format(
    "Keras' format",
    (".keras",),
    "annlib.export.to_keras({what}).{save}(path)",
    "annlib.export.from_keras(path) makes a model of it; model.load_weights(path) takes its "
    "weights into one that is there",
    of_keras=True,
)
_TORCH = Format(
    "PyTorch's format",
    (".pt", ".pth"),
    "torch.save(annlib.export.to_torch({what}).state_dict(), path)",
    "annlib.export.from_torch(module) makes a model of the nn.Sequential that PyTorch has loaded",
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9j",),
)
_NUMPY = Format(
    "NumPy's format",
    (".npz", ".npy"),
    "numpy.savez(path, *{what}.get_weights())",
    "model.set_weights takes the arrays that numpy.load gives, into a model that is there",
    (b"\x93NUMPY",),
)
_ZIP = Format(
    "a zip archive",
    (".zip",),
    "{what}.save(path) under another name, and zipfile",
    "Take the file out of it first",
)
FORMATS = (
    _KERAS,
    Format(
        "HDF5, as Keras writes it",
        (".h5", ".hdf5"),
        _KERAS.out,
        "A whole model of Keras': annlib.export.from_keras(path). Weights alone: "
        "model.load_weights(path)",
        (b"\x89HDF\r\n\x1a\n",),
        of_keras=True,
    ),
    _TORCH,
    Format(
        "ONNX",
        (".onnx",),
        "annlib.export.onnx({what}, path)",
        "annlib reads none: bring the network in from where it was trained, with "
        "annlib.export.from_keras or from_torch",
        tuple(bytes([8, version, tag]) for version in range(1, 32) for tag in (0x12, 0x3A, 0x42)),
    ),
    Format(
        "a pickle",
        (".pkl", ".pickle", ".joblib", ".skops"),
        "pickle.dump({what}, file), or joblib.dump({what}, path)",
        _PICKLE,
        tuple(bytes([0x80, protocol]) for protocol in range(2, 6)),
    ),
    Format(
        "a compressed file",
        (".gz", ".bz2", ".xz"),
        "{what}.save(path) under another name, and gzip",
        f"joblib compresses its pickles, too. {_PICKLE}",
        (b"\x1f\x8b", b"\x78\x9c", b"\x78\x01", b"\x78\xda", b"\x78\x5e", b"BZh", b"\xfd7zXZ"),
    ),
    _NUMPY,
    _ZIP,
    Format(
        "TensorFlow's format",
        (".tflite", ".pb"),
        "annlib.export.to_keras({what}), with Keras' export of it",
        "annlib reads none: bring the network in with annlib.export.from_keras",
    ),
    Format(
        "a picture",
        (".png", ".jpg", ".jpeg", ".pdf", ".svg"),
        "annlib.plot_model({what}, to_file=path)",
        "There is no network in it",
        (b"\x89PNG", b"\xff\xd8\xff", b"%PDF", b"<svg", b"GIF8"),
    ),
    Format(
        "a text",
        (".json", ".yaml", ".yml", ".txt", ".csv", ".html"),
        "Path(path).write_text({what}.to_json()) (layers without weights)",
        "annlib.models.model_from_json(text) reads what to_json wrote",
        (b"{", b"[", b"<!DOCTYPE", b"<html"),
    ),
    Format(
        "a source in C",
        (".c", ".h"),
        'annlib.export.source({what}, path, language="c")',
        "It is for a compiler: keep the file that model.save writes",
    ),
    Format(
        "a source in Python",
        (".py",),
        'annlib.export.source({what}, path, language="python")',
        "It is for Python: keep the file that model.save writes",
    ),
)
# What the first file in a zip archive is called, and whose archive that makes it.
_IN_ZIP = (
    (("metadata.json", "config.json", "model.weights.h5"), _KERAS),
    (("data.pkl", ".format_version", "byteorder"), _TORCH),
    ((".npy",), _NUMPY),
)

#: Whether the one who saves has been told already whose format a name promises.
_TOLD: ContextVar[bool] = ContextVar("told", default=False)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """A context in which names are not warned of: whoever saves has warned of his at first."""
    token = _TOLD.set(True)
    try:
        yield
    finally:
        _TOLD.reset(token)


def check_suffix(path: str, where: str, what: str = "model", save: str = "save") -> None:
    """Raise ``ConfigurationError`` for a name that promises a format which ``save`` does not write,
    and warn of one that Keras scripts have.

    Parameters
    ----------
    path : str
    where : str
    what : {"model", "estimator"}
        What is saved.
    save : str
        The method of Keras' model that writes the like.

    Examples
    --------
    >>> check_suffix("net.safetensors", "Sequential.save")
    >>> check_suffix("net.onnx", "Sequential.save")
    Traceback (most recent call last):
        ...
    annlib.core.errors.ConfigurationError: Sequential.save: expected a name of annlib's format, \
got "net.onnx", which promises ONNX. For that: annlib.export.onnx(model, path). annlib's own files \
are safetensors: "net.safetensors".
    """
    lower = path.lower()
    for form in FORMATS:
        if not lower.endswith(form.suffixes):
            continue
        out = form.out.format(what=what, save=save)
        if not form.of_keras:
            name = os.path.basename(path)
            stem = name[: max(len(name) - len(os.path.splitext(name)[1]), 1)]
            raise ConfigurationError(
                f"{where}: expected a name of annlib's format, got {quote(name)}, which promises "
                f"{form.name}. For that: {out}. annlib's own files are safetensors: "
                f"{quote(stem + '.safetensors')}."
            )
        if not _TOLD.get():
            warn_user(
                f"{where}: {path} is written in annlib's format, safetensors, which annlib reads "
                f"whatever the name is, and Keras does not. Keras gets the model by {out}."
            )
        return


def recognized(head: bytes) -> Format | None:
    r"""The format of a file of another program that begins like this; None if it is unknown.

    Examples
    --------
    >>> recognized(b"\x89HDF\r\n\x1a\n").name
    'HDF5, as Keras writes it'
    """
    if head.startswith(b"PK\x03\x04"):
        length = int.from_bytes(head[26:28], "little")
        first = head[30 : 30 + length].decode(errors="replace")
        return next((form for ends, form in _IN_ZIP if first.endswith(ends)), _ZIP)
    if head[4:8] == b"TFL3":
        return next(form for form in FORMATS if ".tflite" in form.suffixes)
    return next((form for form in FORMATS if form.heads and head.startswith(form.heads)), None)
