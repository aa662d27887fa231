"""MNIST: handwritten digits, the first data set that most people train on."""

from annlib.core.tracebacks import with_short_tracebacks
from annlib.datasets.store import ImageSplits, image_dataset, image_splits

_PUBLISHED = "8fc8fc4f0343f34ece1fcfdfb65f0801fac48030ce7c70e62bbb62f64ee2e65b"
_DATASET = image_dataset("mnist", openml_name="mnist_784", digest=_PUBLISHED)


@with_short_tracebacks
def load_data() -> ImageSplits:
    """Load 70,000 grey images of handwritten digits, in the published split.

    Read from ``mnist.npz`` in the folder ``ANNLIB_DATA_HOME`` or in the cache folder; if neither
    has it, fetched with scikit-learn and kept in the cache folder.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuple of two pairs of arrays
        x_train : uint8, shape (60000, 28, 28)
            Grey levels from 0 (background) to 255 (ink), rows from top to bottom.
        y_train : uint8, shape (60000,)
            The digits, 0 to 9.
        x_test, y_test : uint8, shapes (10000, 28, 28) and (10000,)
            The same for the test set.

    Raises
    ------
    DatasetNotFoundError
        If there is no file and it cannot be downloaded.
    DataError
        If the file is damaged, or what is downloaded is not the published data; that a file holds
        others is a warning.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86 (11), 2278-2324, 1998.

    Examples
    --------
    >>> from annlib.datasets import mnist
    >>> (x_train, y_train), (x_test, y_test) = mnist.load_data()  # doctest: +SKIP
    >>> x_train = x_train.reshape(-1, 784) / 255.0  # doctest: +SKIP
    """
    return image_splits(_DATASET.load())


def is_available() -> bool:
    """Whether ``mnist.npz`` is on disk, so that `load_data` needs no download.

    Returns
    -------
    bool

    Examples
    --------
    >>> from annlib.datasets import mnist
    >>> mnist.is_available()  # doctest: +SKIP
    True
    """
    return _DATASET.find() is not None
