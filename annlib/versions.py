"""What a report of an error needs: versions, processor, BLAS and its threads."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from annlib._version import __version__
from annlib.core.tracebacks import with_short_tracebacks

_PACKAGES = (
    *("numpy", "scipy", "scikit-learn", "tqdm", "safetensors"),
    *("pandas", "polars", "matplotlib", "tensorboardX"),
)


@with_short_tracebacks
def show_versions() -> None:
    """Print versions, processor, BLAS and its threads, for a report of an error.

    Examples
    --------
    >>> from annlib import utils
    >>> utils.show_versions()
        annlib: ...
        python: ...
    """
    lines = {
        "annlib": __version__,
        "python": sys.version.split()[0],
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
    }
    for package in _PACKAGES:
        try:
            lines[package] = version(package)
        except PackageNotFoundError:
            lines[package] = "none"
    import numpy as np  # noqa: F401  # so that its BLAS is loaded

    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        lines["threadpoolctl"] = "none: the threads of products are not limited"
    else:
        for pool in threadpool_info():
            lines[str(pool["user_api"])] = (
                f"{pool['internal_api']} {pool['version']}, {pool['num_threads']} threads"
            )
    width = max(map(len, lines))
    print("\n".join(f"{name.rjust(width)}: {value}" for name, value in lines.items()))
