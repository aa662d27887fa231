"""The weights in a file of Keras': ``.weights.h5``, a whole model in ``.h5``, or ``.keras``.

Read with h5py, without Keras. Nothing in the file is run or followed to another file; of its
arrays those alone are read whose shape is that of the model's.

Keras 3 puts the weights of a layer under ``layers/<class>_<count>/vars/<index>``, as it counts the
layers of each class; its older ``.h5`` has the layers by name, in their order.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from annlib.core.arrays import Array
from annlib.core.config import snake_case
from annlib.core.errors import ModelFormatError, quote, show
from annlib.core.files import open_file, shown
from annlib.core.foreign import HEAD, recognized
from annlib.core.packages import missing
from annlib.layers import Layer
from annlib.network.network import Network
from annlib.saving.container import MAX_BYTES

_WHERE = "Sequential.load_weights"
_ZIP = b"PK\x03\x04"
_IN_ZIP = "model.weights.h5"
# How deep models in models may be.
_DEPTH = 16


def data_of(file: str | BinaryIO) -> bytes | None:
    """All of a file that may be Keras', or None, at once, if it is of another kind.

    Raises
    ------
    ModelFormatError
        If there is more of it than is read.
    """
    given = open_file(file) if isinstance(file, str) else contextlib.nullcontext(file)
    if given is None:
        return None
    with given as opened:
        if not isinstance(file, str) and not _is_seekable(opened):
            return None
        start = opened.tell()
        head = opened.read(HEAD)
        opened.seek(start)
        form = recognized(head) if isinstance(head, bytes) else None
        if form is None or not form.of_keras:
            return None
        data = opened.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise _error(file, f"at most {MAX_BYTES} bytes", "more")
    return data


def _is_seekable(file: Any) -> bool:
    return hasattr(file, "seekable") and hasattr(file, "read") and bool(file.seekable())


def read(network: Network, data: bytes, file: str | BinaryIO) -> dict[str, Array]:
    """The arrays of Keras' file by the names that annlib's have: ``layers/<index>/<parameter>``.

    Of those of another shape than the network's the shape alone is read.

    Raises
    ------
    ModelFormatError
        If the file is damaged, or has other layers than the network.
    ImportError
        Without h5py.
    """
    try:
        import h5py
    except ImportError as error:
        raise missing(f"{_WHERE}, {shown(file)} of Keras", "h5py", "annlib[keras]", error) from None
    with _refusing(file):
        if data.startswith(_ZIP):
            data = _unpacked(data, file)
        with h5py.File(io.BytesIO(data), "r") as root:
            return _named(network, root, file, h5py)


@contextlib.contextmanager
def _refusing(file: str | BinaryIO) -> Iterator[None]:
    """Turn what h5py and zipfile say of damaged files into the one error."""
    try:
        yield
    except (ModelFormatError, ImportError):
        raise
    except Exception as error:  # what a damaged file makes of them
        said = show(str(error))
        raise _error(file, "a whole file of Keras'", f"{type(error).__name__}: {said}") from error


def _unpacked(data: bytes, file: str | BinaryIO) -> bytes:
    """The file of the weights in a ``.keras`` file."""
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if _IN_ZIP not in archive.namelist():
            raise _error(file, f"a .keras file with {_IN_ZIP} in it", "another zip archive")
        with archive.open(_IN_ZIP) as weights:
            inner = weights.read(len(data) + 1)
    if len(inner) > len(data):
        raise _error(file, f"{_IN_ZIP} as it is, as Keras stores it", "it compressed")
    return inner


def _named(network: Network, root: Any, file: str | BinaryIO, h5py: Any) -> dict[str, Array]:
    own = [(i, layer) for i, layer in enumerate(network.layers) if layer._parameters]
    whole = _child(root, "model_weights", h5py.Group, h5py)
    old = root if whole is None else whole
    if "layer_names" in old.attrs:
        found = _of_old_file(own, old, file, h5py)
    elif "layers" in root:
        found = _of_file(own, root, file, h5py)
    else:
        raise _error(file, "the weights of a model of Keras'", f"an HDF5 file of {_names(root)}")
    tensors: dict[str, Array] = {}
    for (index, layer), arrays in zip(own, found, strict=True):
        count = len(layer._parameters)
        place = f'layer "{layer.name}"'
        if len(arrays) not in (count, count + layer.keras_weights_besides):
            raise _error(file, f"{count} arrays for {place}", f"{len(arrays)}")
        for parameter, dataset in zip(layer._parameters, arrays, strict=False):
            key = f"layers/{index}/{parameter.name}"
            tensors[key] = _values(dataset, parameter.shape, f"{place}, {parameter.name}", file)
    return tensors


def _of_file(
    own: Sequence[tuple[int, Layer]], root: Any, file: str | BinaryIO, h5py: Any
) -> list[list[Any]]:
    """The arrays of each layer, in a file of Keras 3."""
    groups = {path: (name, arrays) for path, name, arrays in _layers(root, h5py) if arrays}
    counts: dict[str, int] = {}
    paths = []
    for _, layer in own:
        kind = snake_case(type(layer).__name__)
        number = counts[kind] = counts.get(kind, -1) + 1
        paths.append(f"layers/{kind}_{number}" if number else f"layers/{kind}")
    if {*paths} != groups.keys() and any(path.count("layers/") > 1 for path in groups):
        # Of models in a model the file has no order: the layers' names say which is which.
        named = {name: path for path, (name, _) in groups.items()}
        paths = [named.get(str(layer.name), "") for _, layer in own]
    odd = sorted({*paths} ^ groups.keys())
    if odd:
        wanted = ", ".join(f"{layer.name} ({type(layer).__name__})" for _, layer in own)
        raise _error(
            file,
            f"the weights of the model's layers, {wanted or 'none'}",
            f"{', '.join(sorted(groups)) or 'none'}",
        )
    return [groups[path][1] for path in paths]


def _layers(group: Any, h5py: Any, path: str = "", depth: int = 0) -> Iterator[tuple[Any, ...]]:
    """Path, name and arrays of each layer in a group, those of models in it too."""
    inner = _child(group, "layers", h5py.Group, h5py)
    if inner is None or depth > _DEPTH:
        return
    for key in inner:
        layer = _child(inner, key, h5py.Group, h5py)
        if layer is None:
            continue
        place = f"{path}layers/{key}"
        variables = _child(layer, "vars", h5py.Group, h5py)
        arrays = [] if variables is None else _in_order(variables, h5py)
        name = "" if variables is None else variables.attrs.get("name", "")
        yield place, str(name), arrays
        yield from _layers(layer, h5py, f"{place}/", depth + 1)


def _in_order(variables: Any, h5py: Any) -> list[Any]:
    """The arrays ``0``, ``1``, ... of a layer."""
    found = [_child(variables, str(i), h5py.Dataset, h5py) for i in range(len(variables))]
    return [array for array in found if array is not None]


def _child(group: Any, key: str, kind: Any, h5py: Any) -> Any:
    """What a group holds itself under this name; no link, which may lead to another file."""
    if not isinstance(group.get(key, getlink=True), h5py.HardLink):
        return None
    found = group[key]
    return found if isinstance(found, kind) else None


def _of_old_file(
    own: Sequence[tuple[int, Layer]], root: Any, file: str | BinaryIO, h5py: Any
) -> list[list[Any]]:
    """The arrays of each layer, in a file whose layers stand in their order, models as one."""
    arrays = []
    for name in _texts(root.attrs["layer_names"]):
        group = _child(root, name, h5py.Group, h5py)
        for path in _texts(group.attrs["weight_names"]) if group is not None else ():
            place = group
            *folders, last = path.split("/")
            for folder in folders:
                place = None if place is None else _child(place, folder, h5py.Group, h5py)
            array = None if place is None else _child(place, last, h5py.Dataset, h5py)
            if array is None:
                raise _error(file, f"an array {quote(path)}", "none")
            arrays.append(array)
    found, start = [], 0
    besides = sum(layer.keras_weights_besides for _, layer in own)
    count = sum(len(layer._parameters) for _, layer in own)
    with_besides = len(arrays) == count + besides
    if not with_besides and len(arrays) != count:
        raise _error(file, f"{count} arrays, as the model has", f"{len(arrays)}")
    for _, layer in own:
        stop = start + len(layer._parameters)
        stop += layer.keras_weights_besides if with_besides else 0
        found.append(arrays[start:stop])
        start = stop
    return found


def _texts(names: Any) -> list[str]:
    return [n.decode() if isinstance(n, bytes) else str(n) for n in np.asarray(names).tolist()]


def _values(dataset: Any, shape: Any, place: str, file: str | BinaryIO) -> Array:
    """The numbers of an array; of one of another shape none, and no memory for them."""
    # In one piece of the file, as Keras writes them: a compressed one may be of any size.
    elsewhere = dataset.external or dataset.is_virtual or dataset.chunks is not None
    if dataset.dtype.kind != "f" or elsewhere:
        got = "numbers in pieces or in another file" if elsewhere else str(dataset.dtype)
        raise _error(file, f"floating-point numbers for {place}", got)
    if dataset.shape != shape:
        return np.broadcast_to(np.zeros((), dataset.dtype), dataset.shape)
    values: Array = dataset[()]
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _names(group: Any) -> str:
    return show(sorted(group)[:8])


def _error(file: str | BinaryIO, expected: str, got: str) -> ModelFormatError:
    return ModelFormatError(
        f"{_WHERE}, {shown(file)}: expected {expected}, got {got}. Load it into a model of the "
        "same layers in the same order; annlib.export.from_keras makes one of a whole model's file."
    )
