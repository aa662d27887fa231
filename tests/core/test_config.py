"""Configuration follows from the constructor's signature, whatever a class looks like."""

from __future__ import annotations

import numpy as np
import pytest

from annlib.core.config import Configurable, serialize
from annlib.core.constructors import constructor_arguments
from annlib.core.errors import ConfigurationError
from annlib.core.suggestion import suggest


class Base(Configurable):
    def __init__(self, *, size=1, **unknown):
        assert not unknown
        self.size = size


class Plain(Configurable):
    pass


class Further(Base):
    def __init__(self, units, rate=0.5, **keywords):
        super().__init__(**keywords)
        self.units = units
        self.rate = rate
        self.state = 0


class Closed(Further):
    def __init__(self, rate=0.25):
        super().__init__(7, rate)


def test_keywords_stand_for_those_of_the_next_base():
    assert list(constructor_arguments(Further)) == ["units", "rate", "size"]
    assert Further(3, size=2).get_config() == {"units": 3, "rate": 0.5, "size": 2}
    assert Further.from_config({"units": 3, "size": 2}) == Further(3, size=2)


def test_a_constructor_without_keywords_ends_the_search():
    assert list(constructor_arguments(Closed)) == ["rate"]
    assert Closed().get_config() == {"rate": 0.25}
    assert Closed.from_config({"rate": 1.0}).units == 7
    assert Plain().get_config() == {}
    assert repr(Plain()) == "Plain()"


def test_repr_shows_what_is_not_the_default():
    assert repr(Further(3)) == "Further(3)"
    assert repr(Further(3, 0.5, size="x")) == "Further(3, size='x')"
    assert repr(Further(Further(1))) == "Further(Further(1))"


def test_run_state_is_no_part_of_the_configuration():
    one, other = Further(3), Further(3)
    one.state = 5
    assert one == other
    assert hash(one) == hash(other)
    assert one.clone().state == 0


def test_equality_needs_the_same_class_and_arguments():
    assert Further(3) != Further(4)
    assert Further(7, 0.25) != Closed()
    assert Plain() != Base()
    assert Further(np.array([1, 2])) == Further(np.array([1, 2]))
    assert Further(np.array([1, 2])) != Further(np.array([1, 3]))
    assert Further(np.array([1, 2])) != Further(np.array([1, 2, 3]))


def test_is_default():
    assert Base()._is_default()
    assert not Base(size=2)._is_default()
    assert not Further(3)._is_default()


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.eye(2), [[1.0, 0.0], [0.0, 1.0]]),
        ((1, (2, None)), [1, [2, None]]),
        ({1: "a"}, {"1": "a"}),
        (Plain(), {"class_name": "Plain", "config": {}}),
        ([Base(size=(1,))], [{"class_name": "Base", "config": {"size": [1]}}]),
    ],
)
def test_what_json_can_hold(value, plain):
    found = serialize(value, "here")
    assert found == plain
    assert type(found) is type(plain)


@pytest.mark.parametrize("value", [len, {1, 2}, object(), [print], 1j])
def test_what_json_cannot_hold_is_refused_by_name(value):
    with pytest.raises(ConfigurationError, match=r"Further\.units: expected .* configuration"):
        Further(value).get_config()


def test_near_names_the_nearest_only_if_it_is_near():
    assert suggest("unit", ["units", "rate"]) == 'Did you mean "units"? Known: units, rate.'
    assert suggest("zzz", ["units", "rate"]) == "Known: units, rate."


def test_unknown_keys_are_refused():
    with pytest.raises(ConfigurationError, match=r'Further.*"ratee".*Did you mean "rate"'):
        Further.from_config({"units": 1, "ratee": 2})
