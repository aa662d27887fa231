"""The recording script needs Keras and PyTorch, which the tests do without."""

collect_ignore = ["record.py"]
