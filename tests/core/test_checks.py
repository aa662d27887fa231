"""The checks at the doors: what passes, what does not, and what the message says."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from annlib.core import errors
from annlib.core.checks import (
    all_finite,
    check_count,
    check_finite,
    check_frequency,
    check_numeric,
    check_path,
    check_seed,
    check_verbosity,
    is_number,
    is_whole,
    items_of,
    to_array,
)
from annlib.core.errors import ConfigurationError, DataError, quote, show


@pytest.mark.parametrize("value", [1, 7, np.int32(3), np.uint8(2)])
def test_counts_pass_as_plain_integers(value):
    found = check_count(value, "fit", "epochs")
    assert found == value
    assert type(found) is int


@pytest.mark.parametrize("value", [0, -1, 1.0, 2.5, "3", True, None, np.array([1, 2]), np.nan])
def test_what_is_no_count_is_refused(value):
    with pytest.raises(ConfigurationError, match=r"fit: expected epochs as an integer >= 1, got"):
        check_count(value, "fit", "epochs")


def test_the_least_count_is_the_callers():
    assert check_count(0, "fit", "initial_epoch", 0) == 0
    with pytest.raises(ConfigurationError, match=">= 5"):
        check_count(4, "fit", "n", 5)


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i8", "u1", "?"])
def test_numbers_and_truth_values_pass(dtype):
    check_numeric(np.ones((2, 2), dtype), "fit", "x")


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a", "b"]),
        np.array([1, "b", None], object),
        np.array([1j]),
        np.array(["2020-01-01"], "M8[D]"),
        np.zeros(0, "U1"),
        np.zeros((0, 2), object),
    ],
)
def test_other_things_are_refused_with_their_type(array):
    with pytest.raises(DataError, match=re.escape(str(array.dtype))) as raised:
        check_numeric(array, "fit", "x")
    assert str(raised.value).startswith("fit: expected x to hold numbers, got ")


def test_among_objects_the_one_that_is_no_number_is_the_example():
    with pytest.raises(DataError, match="such as 'b'"):
        check_numeric(np.array([1, 2.5, "b"], object), "fit", "x")


@given(
    hnp.arrays(
        hnp.floating_dtypes(sizes=(32, 64), endianness="="),
        hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5),
    )
)
def test_all_finite_is_numpys(array):
    assert all_finite(array) == bool(np.isfinite(array).all())


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_numbers_whose_sum_overflows_are_finite(dtype):
    largest = np.finfo(dtype).max
    assert all_finite(np.full((4, 3), largest, dtype))
    assert not all_finite(np.array([largest, largest, np.inf], dtype))
    assert not all_finite(np.array([np.inf, -np.inf], dtype))
    check_finite(np.full((4, 3), largest, dtype), "fit", "x")


@given(
    rows=st.integers(1, 6),
    columns=st.integers(1, 5),
    bad=st.sampled_from([np.nan, np.inf, -np.inf]),
    data=st.data(),
)
def test_the_first_number_that_is_not_finite_is_named(rows, columns, bad, data):
    array = np.zeros((rows, columns))
    places = data.draw(
        st.sets(st.tuples(*(st.integers(0, n - 1) for n in array.shape)), min_size=1)
    )
    for place in places:
        array[place] = bad
    row, column = min(places)
    expected = f"got {len(places)} NaN or infinite, first at row {row}, column {column}."
    with pytest.raises(DataError) as raised:
        check_finite(array, "fit", "x")
    assert expected in str(raised.value)


def test_the_place_in_arrays_of_other_dimensions_and_of_named_columns():
    for shape, place, text in (
        ((5,), (3,), "first at row 3."),
        ((2, 3, 4), (1, 2, 3), "first at row 1, position (2, 3)."),
    ):
        array = np.zeros(shape)
        array[place] = np.nan
        with pytest.raises(DataError) as raised:
            check_finite(array, "fit", "x")
        assert text in str(raised.value)
    with pytest.raises(DataError, match='row 0, column 1 \\("age"\\)'):
        check_finite(np.array([[1, np.nan]]), "fit", "x", ["size", "age"])


def test_a_large_array_is_looked_at_in_parts():
    array = np.zeros((3 << 20, 1), np.float32)
    array[[(1 << 20) + 5, (2 << 20) + 7]] = np.nan
    with pytest.raises(DataError, match=f"got 2 NaN or infinite, first at row {(1 << 20) + 5},"):
        check_finite(array, "fit", "x")


def test_integers_are_finite():
    check_finite(np.arange(3), "fit", "x")
    assert all_finite(np.array([True]))


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.ConfigurationError, ValueError),
        (errors.UnknownNameError, ValueError),
        (errors.ShapeError, ValueError),
        (errors.DataError, ValueError),
        (errors.ModelFormatError, ValueError),
        (errors.NotBuiltError, RuntimeError),
        (errors.NotCompiledError, RuntimeError),
        (errors.OwnershipError, RuntimeError),
        (errors.DivergenceError, FloatingPointError),
    ],
)
def test_every_error_is_annlibs_and_a_builtin(error, builtin):
    assert issubclass(error, errors.AnnlibError)
    assert issubclass(error, builtin)


# -- one check a kind of argument ------------------------------------------------------------------


def test_a_duration_is_no_number_although_numpy_counts_it_among_the_integers():
    assert issubclass(np.timedelta64, np.integer)
    for value in (np.timedelta64(1, "s"), np.timedelta64("NaT", "s")):
        assert not is_whole(value)
        assert not is_number(value)


def test_an_integer_counts_up_to_what_an_index_can_be():
    assert is_whole(2**63 - 1)
    assert not is_whole(2**63)
    assert not is_whole(np.uint64(2**64 - 1))
    with pytest.raises(
        ConfigurationError, match=r"steps as an integer >= 1 and < 2\*\*63, got 118"
    ):
        check_count(2**70, "fit", "steps")


def test_a_number_is_one_that_a_float_can_be():
    assert is_number(2**70)
    assert is_number(np.uint64(2**64 - 1))
    assert not is_number(10**400)


def test_a_seed_has_128_bits_as_numpys_own():
    assert check_seed(2**128 - 1, "Sequential") == 2**128 - 1
    with pytest.raises(ConfigurationError, match=r"seed .*2\*\*128"):
        check_seed(2**128, "Sequential")


@pytest.mark.parametrize("value", ["abc", b"abc", bytearray(b"abc"), memoryview(b"abc"), 3, None])
def test_text_and_single_values_have_no_items(value):
    assert items_of(value) is None


def test_items_are_those_of_lists_and_arrays_that_have_a_dimension():
    assert items_of(np.array(3)) is None
    assert items_of(np.array([1, 2])) == items_of((1, 2)) == items_of(range(1, 3)) == [1, 2]
    assert check_frequency(np.array([2, 4]), "fit", "validation_freq") == {2, 4}


@pytest.mark.parametrize("value", [None, 3, True, "", b"", "a\0b", "\ud800", np.array("a"), [1]])
def test_what_is_no_path_is_refused(value):
    with pytest.raises(ConfigurationError, match="expected filepath as a path, got"):
        check_path(value, "save", "filepath")


def test_a_path_is_text_in_the_end(tmp_path):
    assert check_path(tmp_path / "a", "save", "p") == str(tmp_path / "a")
    assert check_path(b"a", "save", "p") == "a"


@pytest.mark.parametrize("value", [np.zeros(3), np.timedelta64(1, "s"), "yes", None, 3])
def test_what_is_no_verbosity_is_refused(value):
    with pytest.raises(ConfigurationError, match="verbose"):
        check_verbosity(value, "fit")


def test_what_numpy_cannot_read_is_refused_with_its_reason():
    with pytest.raises(ConfigurationError, match="expected x as a number or an array") as raised:
        to_array([[1, 2], [3]], "normalize", "x")
    assert isinstance(raised.value.__cause__, ValueError)


class Shy:
    def __repr__(self):
        raise RuntimeError("nobody shows me")


class Rude:
    def __repr__(self):
        return "\x1b[2Jgone"


def test_a_message_shows_any_value_in_one_short_line_that_no_terminal_obeys():
    values = [Shy(), [Shy()], Rude(), 10**5000, [10**5000], "text" * 10_000, np.zeros((30, 30))]
    values += [[[]] * 1000, {n: n for n in range(1000)}, "\x1b\n\ud800", ["\0"]]
    for value in values:
        assert show(value).isprintable()
        assert len(show(value)) < 400
    assert (show("relu"), show(1.5)) == ("'relu'", "1.5")
    assert quote("re\nlu") == '"re\\nlu"'
