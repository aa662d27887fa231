"""Files of data sets by their address: found on disk or fetched once, and checked by a digest."""

from __future__ import annotations

import os
import urllib.parse
from pathlib import Path

from annlib.core.checks import check_choice, check_flag, check_path
from annlib.core.errors import ConfigurationError, DataError, show
from annlib.core.files import atomic_write
from annlib.core.tracebacks import warn_user, with_short_tracebacks
from annlib.datasets.store import DatasetNotFoundError, cache_folder, data_home

_WHERE = "get_file"
#: Letters of a digest, by which "auto" tells what it is.
_LENGTHS = {"sha256": 64, "md5": 32}
_SECONDS = 60
#: Bytes of a file's name, in most systems.
_LONGEST = 255


@with_short_tracebacks
def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | None = "auto",  # noqa: ARG001  # Keras' place of it: nothing is unpacked
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """The path of a file on this machine; what is not there is fetched once and kept.

    It is looked for in the folder that ``ANNLIB_DATA_HOME`` names, in annlib's cache folder, where
    downloads are kept, and in Keras' own (``~/.keras/datasets``).

    Parameters
    ----------
    fname : str, optional
        The name of the file; that of ``origin`` without one.
    origin : str, optional
        Its address: https, http or file. Without one the file must be there.
    file_hash, md5_hash : str, optional
        The SHA-256 of its content, or the MD5. Without one a warning says the SHA-256.
    cache_subdir : str
        The folder in Keras' cache, or in ``cache_dir``.
    hash_algorithm : {"auto", "sha256", "md5"}
    cache_dir : path, optional
        A folder to look in, and to keep the download in, instead of those above.
    force_download : bool
        Whether to fetch it even if it is there.
    untar, extract, archive_format
        Keras' arguments to unpack it, which are refused: ``shutil.unpack_archive`` does it.

    Returns
    -------
    str

    Raises
    ------
    ConfigurationError
        For arguments that cannot be meant.
    DatasetNotFoundError
        If it is not there and cannot be fetched.
    DataError
        If its content has another digest; what is fetched is not kept then.

    Examples
    --------
    >>> from annlib.utils import get_file
    >>> path = get_file(
    ...     "wine.csv",
    ...     origin="https://example.org/wine.csv",
    ...     file_hash="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ... )  # doctest: +SKIP
    """
    if check_flag(untar, _WHERE, "untar") or check_flag(extract, _WHERE, "extract"):
        raise ConfigurationError(
            f"{_WHERE}: expected a file that stays as it is, got untar or extract. Unpack it: "
            'shutil.unpack_archive(path, folder, filter="data").'
        )
    check_choice(hash_algorithm, _WHERE, "hash_algorithm", ("auto", "sha256", "md5"))
    check_flag(force_download, _WHERE, "force_download")
    algorithm, wanted = (
        _digest(md5_hash, "md5", "md5_hash")
        if file_hash is None
        else _digest(file_hash, hash_algorithm, "file_hash")
    )
    plain = isinstance(cache_subdir, str) and not cache_subdir
    cache_subdir = "." if plain else check_path(cache_subdir, _WHERE, "cache_subdir")
    name = _name(fname, origin)
    if cache_dir is not None:
        folders = [Path(check_path(cache_dir, _WHERE, "cache_dir")).expanduser() / cache_subdir]
        keep = folders[0] / name
    else:
        folders, keep = _folders(cache_subdir), cache_folder() / name
    found = _find(name, folders)
    if found is not None and not force_download:
        _check(found.read_bytes(), algorithm, wanted, f"in {found}. Remove it, or force_download")
        return str(found)
    data = _fetched(name, origin, folders)
    _check(data, algorithm, wanted, f"from {origin}. It was not kept")
    keep.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(keep, data)
    return str(keep)


def is_there(name: str) -> bool:
    """Whether `get_file` finds a file of this name, so that it needs no download."""
    return _find(name, _folders("datasets")) is not None


def _folders(subdir: str) -> list[Path]:
    home = data_home()
    return [*([home] if home else []), cache_folder(), Path("~/.keras").expanduser() / subdir]


def _find(name: str, folders: list[Path]) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _digest(given: str | None, algorithm: str, argument: str) -> tuple[str, str | None]:
    """The algorithm and the digest in small letters, if there is one."""
    if given is None:
        return "sha256", None
    text = given.lower() if isinstance(given, str) else ""
    if algorithm == "auto":
        algorithm = next((a for a, n in _LENGTHS.items() if n == len(text)), "sha256")
    if len(text) != _LENGTHS[algorithm] or set(text) - set("0123456789abcdef"):
        raise ConfigurationError(
            f"{_WHERE}: expected {argument} as a digest of {_LENGTHS[algorithm]} hexadecimal "
            f"digits, as {algorithm} has them, got {show(given)}."
        )
    return algorithm, text


def _name(fname: str | os.PathLike[str] | None, origin: str | None) -> str:
    if origin is not None and _scheme(origin) not in ("https", "http", "file"):
        raise ConfigurationError(
            f"{_WHERE}: expected origin as an address of https, http or file, got {show(origin)}."
        )
    if fname is None and origin is not None:
        fname = os.path.basename(urllib.parse.unquote(urllib.parse.urlsplit(origin).path))
    none = fname is None or (isinstance(fname, str) and not fname)
    name = "" if none else check_path(fname, _WHERE, "fname")
    if not name or Path(name).name != name or name == ".." or len(os.fsencode(name)) > _LONGEST:
        raise ConfigurationError(
            f"{_WHERE}: expected fname as the name of a file without folders, got "
            f"{show(fname)}. For a folder of your own pass cache_dir."
        )
    return name


def _scheme(origin: str) -> str | None:
    try:
        return urllib.parse.urlsplit(origin).scheme if isinstance(origin, str) else None
    except ValueError:  # no address
        return None


def _fetched(name: str, origin: str | None, folders: list[Path]) -> bytes:
    import urllib.request

    places = ", ".join(map(str, folders))
    if origin is None:
        raise DatasetNotFoundError(
            f"{_WHERE}: expected {name} in {places}, got none. Put it there, or pass its origin."
        )
    try:
        # The scheme was checked, and the content is checked by its digest.
        with urllib.request.urlopen(origin, timeout=_SECONDS) as answer:  # noqa: S310
            data: bytes = answer.read()
            return data
    except (OSError, ValueError) as error:
        raise DatasetNotFoundError(
            f"{_WHERE}: expected {name} in {places}, or from {origin}, got no file and "
            f"{type(error).__name__}: {error}. Fetch it by hand and put it in one of these folders."
        ) from error


def _check(data: bytes, algorithm: str, wanted: str | None, place: str) -> None:
    """Raise ``DataError`` for another digest, and warn if none was given."""
    import hashlib

    found = hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()
    if wanted is None:
        warn_user(
            f"{_WHERE}: expected file_hash, got none, so that nobody knows whether the content is "
            f'the one that was meant. Pass file_hash="{found}" if it is.'
        )
    elif found != wanted:
        raise DataError(f"{_WHERE}: expected the {algorithm} {wanted}, got {found} {place}.")
