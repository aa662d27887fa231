"""The recorders need Keras and PyTorch, which the tests do without."""

collect_ignore_glob = ["*.py"]
