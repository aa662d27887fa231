"""An SVG as PNG, by whichever program for that is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from annlib.core.errors import ConfigurationError, show

#: Pixels for one of the SVG's, for screens that have them.
_SCALE = 2
#: What reads an SVG and writes a PNG, and how each is called.
_PROGRAMS = {
    "rsvg-convert": ["--format=png", f"--zoom={_SCALE}"],
    "inkscape": ["--pipe", "--export-type=png", f"--export-dpi={96 * _SCALE}", "-o", "-"],
    "resvg": ["--zoom", str(_SCALE), "-", "-c"],
}
_SECONDS = 60.0


def png_of(svg: str, where: str, path: str | os.PathLike[str]) -> bytes:
    """The picture in the colours of a light page.

    Raises
    ------
    ConfigurationError
        If nothing that makes PNG is installed, or it failed.
    """
    failed = ""
    if find_spec("cairosvg") is not None:
        try:
            cairosvg: Any = import_module("cairosvg")
            return bytes(cairosvg.svg2png(bytestring=svg.encode(), scale=_SCALE))
        except Exception as error:  # also of the library under it, which may not be there
            failed = f" cairosvg failed: {error}."
    for program, arguments in _PROGRAMS.items():
        if (found := shutil.which(program)) is not None:
            try:
                done = subprocess.run(  # noqa: S603  # one of the programs above
                    [found, *arguments],
                    input=svg.encode(),
                    capture_output=True,
                    timeout=_SECONDS,
                    check=False,
                )
            except (OSError, subprocess.SubprocessError) as error:
                failed = f" {program} failed: {error}."
                continue
            if done.stdout.startswith(b"\x89PNG"):
                return done.stdout
            failed = f" {program} failed: {done.stderr.decode(errors='replace').strip()[:200]}."
    raise ConfigurationError(
        f"{where}: expected to_file with the ending .svg, got {show(os.fspath(path))}, and nothing "
        f"installed that makes PNG of SVG.{failed} pip install cairosvg, or install rsvg-convert "
        "(in Debian librsvg2-bin) or Inkscape; any browser shows an SVG."
    )
