"""What errors and warnings show of a program: the user's lines, and none of annlib's.

An error that leaves a public method has lost the frames of annlib; those of the user's own layers,
losses, callbacks and generators stay. Nothing is hooked: it is the error's own traceback that is
short, in scripts, notebooks and logs alike.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import warnings
from collections.abc import Callable
from types import FrameType, FunctionType, TracebackType
from typing import Any, TypeVar, cast

from annlib.core.errors import AnnlibError, ArgumentError, show

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGE = __name__.partition(".")[0]
#: What annlib calls, besides Python's own modules.
_LIBRARIES = {"joblib", "numpy", "safetensors", "scipy", "sklearn", "threadpoolctl", "tqdm"}
_PYTHON = os.path.dirname(os.__file__) + os.sep
_filtering = [True]


def disable_traceback_filtering() -> None:
    """Let errors show every frame of annlib: to report one, or to look into annlib.

    Examples
    --------
    >>> disable_traceback_filtering()
    >>> is_traceback_filtering_enabled()
    False
    >>> enable_traceback_filtering()
    """
    _filtering[0] = False


def enable_traceback_filtering() -> None:
    """Let errors show the user's own frames alone, as they do from the start.

    Examples
    --------
    >>> enable_traceback_filtering()
    >>> is_traceback_filtering_enabled()
    True
    """
    _filtering[0] = True


def is_traceback_filtering_enabled() -> bool:
    """Whether errors leave out the frames of annlib.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_traceback_filtering_enabled() in (True, False)
    True
    """
    return _filtering[0]


def with_short_tracebacks(function: F) -> F:
    """A decorator of what users call: an error that leaves it shows the frames of theirs alone, and
    a call that does not fit says which argument was meant.
    """

    @functools.wraps(function)
    def short(*arguments: Any, **keywords: Any) -> Any:
        try:
            try:
                return function(*arguments, **keywords)
            except TypeError as error:
                if not _has_begun(function, error):
                    _refuse_call(function, arguments, keywords)
                raise
        except Exception as error:
            shorten(error)
            raise  # alone: with a name behind it, this frame would be added again

    return cast("F", short)


def _has_begun(function: Callable[..., Any], error: BaseException) -> bool:
    """Whether a function, itself or in wrappers, ran when the error was raised."""
    code = cast("FunctionType", inspect.unwrap(function)).__code__
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code is not code:
        trace = trace.tb_next
    return trace is not None


def _refuse_call(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Raise ``ArgumentError`` about a call that does not fit."""
    from annlib.core.arguments import check_call  # what only errors need

    name = function.__name__
    owner, method, _ = function.__qualname__.rpartition(".")
    if method:
        of = arguments[0] if arguments else None
        cls = of if isinstance(of, type) else type(of)
        if not hasattr(cls, name):
            raise ArgumentError(
                f"{owner}.{name}: expected an object of whose class it is, got "
                f"{show(of)}. Make one first: "
                f"it = Class(...), then it.{name}(...)."
            )
        owner = getattr(of, "__name__", cls.__name__) if name == "__call__" else cls.__name__
        where = owner if name in ("__init__", "__call__") else f"{owner}.{name}"
    else:
        package = ".".join(function.__module__.split(".")[:2])
        listed = getattr(sys.modules.get(package), "__all__", ())
        at_top = name in getattr(sys.modules.get(_PACKAGE), "__all__", ())
        where = f"{package.partition('.')[2]}.{name}" if name in listed and not at_top else name
        last = function.__module__.rpartition(".")[2]
        where = f"{last}.{name}" if last in listed else where
    check_call(function, where, arguments, keywords, method=bool(method))


class ShortTracebacks:
    """To inherit from: the public methods of annlib's own classes are ``with_short_tracebacks``."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if cls.__module__.partition(".")[0] == _PACKAGE:
            for name, value in list(vars(cls).items()):
                if isinstance(value, FunctionType) and not name.startswith("_"):
                    setattr(cls, name, with_short_tracebacks(value))


def shorten(error: BaseException) -> None:
    """Take annlib's frames out of an error's traceback, and out of those that led to it.

    An error which is not annlib's keeps the line that raised it.
    """
    seen: set[int] = set()
    link: BaseException | None = error
    while _filtering[0] and link is not None and id(link) not in seen:
        seen.add(id(link))
        before = link.__context__
        if link.__cause__ is None and before is not None and not link.__suppress_context__:
            if not _is_made_here(before):
                before = None  # handled by the user, around the call
            elif isinstance(link, AnnlibError):
                link.__suppress_context__ = True
        link.__traceback__ = _users_part(link.__traceback__, isinstance(link, AnnlibError))
        link = link.__cause__ or before


def _is_made_here(error: BaseException) -> bool:
    """Whether an error was caught by annlib, and is no user's."""
    trace = error.__traceback__
    return trace is None or _is_own(trace.tb_frame)


def _users_part(trace: TracebackType | None, spoken: bool) -> TracebackType | None:
    """A traceback without annlib's frames and those of libraries that it called; where the error
    says not all that there is to know, with the last one.
    """
    links = []
    inside = False
    while trace is not None:
        frame = trace.tb_frame
        inside = _is_own(frame) or (inside and _is_of_library(frame))
        if not inside or (trace.tb_next is None and not spoken):
            links.append(trace)
        trace = trace.tb_next
    kept = None
    for link in reversed(links):
        kept = TracebackType(kept, link.tb_frame, link.tb_lasti, link.tb_lineno)
    return kept


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _is_own(frame: FrameType) -> bool:
    return _package(frame) == _PACKAGE


def _is_of_library(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    ours = file.startswith(_PYTHON) and "-packages" not in file[len(_PYTHON) :]
    return ours or file.startswith("<frozen ") or _package(frame) in _LIBRARIES


def warn_user(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line of the user that led here: the nearest outside annlib."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and (_is_own(frame) or _is_of_library(frame)):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)
