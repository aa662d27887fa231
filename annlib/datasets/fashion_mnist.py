"""Fashion-MNIST: pieces of clothing in the format of MNIST, and harder to tell apart."""

from annlib.core.tracebacks import with_short_tracebacks
from annlib.datasets.store import ImageSplits, image_dataset, image_splits

#: What the labels 0 to 9 stand for.
CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

_PUBLISHED = "37e5852d33933792bfddacf387e185c9c3d87fa20c45417517512181f092a44a"
_DATASET = image_dataset("fashion_mnist", openml_name="Fashion-MNIST", digest=_PUBLISHED)


@with_short_tracebacks
def load_data() -> ImageSplits:
    """Load 70,000 grey images of clothing, in the published split.

    Read from ``fashion_mnist.npz`` in the folder ``ANNLIB_DATA_HOME`` or in the cache folder; if
    neither has it, fetched with scikit-learn and kept in the cache folder.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuple of two pairs of arrays
        x_train : uint8, shape (60000, 28, 28)
            Grey levels from 0 (background) to 255, rows from top to bottom.
        y_train : uint8, shape (60000,)
            Indices into `CLASS_NAMES`, 0 to 9.
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
    H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms", arXiv:1708.07747, 2017.

    Examples
    --------
    >>> from annlib.datasets import fashion_mnist
    >>> (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()  # doctest: +SKIP
    >>> fashion_mnist.CLASS_NAMES[y_train[0]]  # doctest: +SKIP
    'Ankle boot'
    """
    return image_splits(_DATASET.load())


def is_available() -> bool:
    """Whether ``fashion_mnist.npz`` is on disk, so that `load_data` needs no download.

    Returns
    -------
    bool

    Examples
    --------
    >>> from annlib.datasets import fashion_mnist
    >>> fashion_mnist.is_available()  # doctest: +SKIP
    True
    """
    return _DATASET.find() is not None
