"""The version, in one place: the package, its files on disk and the build read it here."""

__version__ = "0.2.0"
