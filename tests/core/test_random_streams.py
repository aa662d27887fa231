"""Random streams: the same name gives the same numbers, another name others."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annlib.core.errors import ConfigurationError
from annlib.core.random_streams import RandomStreams, seeds_from

names = st.text(min_size=1, max_size=30)
seeds = st.integers(0, 2**64)


def draw(rng, n=8):
    return rng.integers(0, 2**63, n).tolist()


@given(names, seeds)
def test_the_same_name_gives_the_same_numbers(name, seed):
    assert draw(RandomStreams(seed).new(name)) == draw(RandomStreams(seed).new(name))
    streams = RandomStreams(seed)
    assert draw(streams.new(name)) == draw(streams.new(name))
    assert draw(streams.persistent(name)) == draw(streams.new(name))


@given(names, names, seeds)
def test_no_two_streams_are_alike(one, other, seed):
    streams = RandomStreams(seed)
    common = set(draw(streams.new(one))) & set(draw(streams.new(other)))
    assert bool(common) == (one == other)


@given(names, seeds, seeds)
def test_no_two_seeds_are_alike(name, one, other):
    common = set(draw(RandomStreams(one).new(name))) & set(draw(RandomStreams(other).new(name)))
    assert bool(common) == (one == other)


def test_names_that_are_nearly_the_same():
    streams = RandomStreams(1)
    close = [
        "a",
        "aa",
        "aaa",
        "a/b",
        "ab/",
        "A",
        "a\0",
        "a\0\0",
        "dense/1",
        "dense/11",
        "ä",
        "a\u0308",
    ]
    firsts = [draw(streams.new(name), 1)[0] for name in close]
    assert len(set(firsts)) == len(close)


def test_kept_goes_on_and_fresh_starts_again():
    streams = RandomStreams(3)
    whole = draw(streams.new("shuffle"), 20)
    kept = streams.persistent("shuffle")
    assert draw(kept, 5) == whole[:5]
    draw(streams.persistent("other"))
    assert draw(streams.persistent("shuffle"), 15) == whole[5:]
    assert streams.persistent("shuffle") is kept


def test_a_use_with_a_seed_of_its_own_does_not_see_the_models():
    assert draw(RandomStreams(1).new("dropout", 9)) == draw(RandomStreams(2).new("dropout", 9))
    assert draw(RandomStreams(1).new("dropout", 9)) != draw(RandomStreams(1).new("dropout"))
    assert draw(RandomStreams(1).new("dropout/0", 9)) != draw(RandomStreams(1).new("dropout/1", 9))


def test_a_state_that_went_through_json_is_where_the_streams_stood():
    streams = RandomStreams(3)
    draw(streams.persistent("shuffle"), 7)
    streams.persistent("dropout/0", 5).random(3)
    state = json.loads(json.dumps(streams.state()))
    expected = {name: draw(streams.persistent(name)) for name in ("shuffle", "dropout/0", "new")}
    again = RandomStreams(3)
    again.restore(state)
    assert {name: draw(again.persistent(name)) for name in expected} == expected
    streams.restore(state)
    assert {name: draw(streams.persistent(name)) for name in expected} == expected
    assert again.state() == streams.state()


def test_restore_reaches_the_generators_that_passes_hold():
    streams = RandomStreams(3)
    held = streams.persistent("dropout/0")
    state = streams.state()
    expected = draw(held)
    streams.restore(state)
    assert draw(held) == expected


def test_nothing_touches_the_global_generators():
    before = np.random.get_state(legacy=False), random.getstate()
    streams = RandomStreams()
    draw(streams.persistent("a"))
    streams.restore(streams.state())
    after = np.random.get_state(legacy=False), random.getstate()
    np.testing.assert_equal(after, before)


def test_without_a_seed_one_is_drawn_and_kept():
    one, other = RandomStreams(), RandomStreams()
    assert one.seed != other.seed
    assert 0 <= one.seed < 2**63
    assert draw(RandomStreams(one.seed).new("x")) == draw(one.new("x"))


@pytest.mark.parametrize("seed", [-1, True, 1.5, "1", np.array([1, 2])])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(ConfigurationError, match="seed"):
        RandomStreams(seed)
    assert RandomStreams(np.int64(5)).seed == 5


def test_another_process_draws_the_same_numbers():
    code = (
        "from annlib.core.random_streams import RandomStreams; "
        "print(RandomStreams(42).new('dense/0/kernel').integers(0, 2**63, 8).tolist())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == draw(RandomStreams(42).new("dense/0/kernel"))


def test_seeds_of_a_context_are_its_own():
    def seeds(n=2):
        return [RandomStreams().seed for _ in range(n)]

    with seeds_from(3):
        first = seeds()
        with seeds_from(4):
            inner = seeds()
        rest = seeds(1)
    with seeds_from(3):
        assert seeds(3) == first + rest
    with pytest.raises(KeyError), seeds_from(3):
        raise KeyError
    drawn = seeds(6)
    assert len({*first, *rest, *inner, *drawn}) == 5 + 6
    assert RandomStreams(7).seed == 7


def test_seeds_of_a_context_leave_those_of_the_process_where_they_would_be():
    code = """
from annlib.core.random_streams import RandomStreams, seeds_from, set_random_seed
set_random_seed(1)
made = [RandomStreams() for _ in range(3)]
set_random_seed(1)
RandomStreams()
with seeds_from(9):
    other = RandomStreams()
print(RandomStreams().seed == made[2].seed, other.seed != made[1].seed)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True", "True"]


def test_restarted_streams_are_those_of_the_other_seed():
    streams = RandomStreams(1)
    draw(streams.persistent("shuffle"))
    streams.restart(2)
    assert draw(streams.persistent("shuffle")) == draw(RandomStreams(2).persistent("shuffle"))
    assert not streams.seed_was_drawn
