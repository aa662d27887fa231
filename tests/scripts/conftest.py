"""Keras scripts, which a test runs with other import lines."""

collect_ignore_glob = ["*.py"]
