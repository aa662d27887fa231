"""Where the HTML of an estimator links to."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, metadata


class Documented:
    """To inherit from, before ``BaseEstimator``: links to annlib's documentation, not to another's.

    The address is the project's own "Documentation" in its package metadata; without one there is
    no link.
    """

    def _get_doc_link(self) -> str:
        try:
            urls = metadata("annlib").get_all("Project-URL") or []
        except PackageNotFoundError:  # run from a folder, not installed
            return ""
        for entry in urls:
            label, _, address = entry.partition(", ")
            if label == "Documentation":
                return f"{address}#{type(self).__name__}"
        return ""
