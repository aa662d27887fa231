"""An SVG as PNG, by whichever program for that is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec

from annlib.core.errors import ConfigurationError, show

#: Pixels for one of the SVG's, for screens that have them.
_SCALE = 2
#: What reads an SVG from stdin and writes a PNG to stdout, and how each is called.
_PROGRAMS = {
    "cairosvg": ["-", "--format=png", f"--scale={_SCALE}"],
    "rsvg-convert": ["--format=png", f"--zoom={_SCALE}"],
    "inkscape": ["--pipe", "--export-type=png", f"--export-dpi={96 * _SCALE}", "-o", "-"],
    "resvg": [f"--zoom={_SCALE}", "-", "-c"],
}
_PACKAGE = "cairosvg"
_SECONDS = 60.0


def png_of(svg: str, where: str, path: str | os.PathLike[str]) -> bytes:
    """The picture in the colours of a light page.

    Raises
    ------
    ConfigurationError
        If nothing that makes PNG is installed, or it failed.
    """
    failed = ""
    for program, arguments in _PROGRAMS.items():
        found = shutil.which(program)
        if found is None and (program != _PACKAGE or find_spec(program) is None):
            continue
        # A package's program need not be where the shell looks.
        command = [sys.executable, "-m", program] if found is None else [found]
        try:
            done = subprocess.run(  # noqa: S603  # one of the programs above
                [*command, *arguments],
                input=svg.encode(),
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            failed = f" {program} failed: {error}."
            continue
        if done.stdout.startswith(b"\x89PNG"):
            return bytes(done.stdout)
        said = done.stderr.decode(errors="replace").strip().splitlines()
        failed = f" {program} failed: {' '.join(said[-1:])[:200]}."
    raise ConfigurationError(
        f"{where}: expected to_file with the ending .svg, got {show(os.fspath(path))}, and nothing "
        f"installed that makes PNG of SVG.{failed} pip install cairosvg, or install rsvg-convert "
        "(in Debian librsvg2-bin) or Inkscape; any browser shows an SVG."
    )
