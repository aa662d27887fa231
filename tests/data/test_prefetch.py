"""Reading ahead changes when things are read, and nothing else; its thread always ends."""

from __future__ import annotations

import gc
import threading
import time
import traceback
import weakref

import numpy as np
import pytest

from annlib.data.prefetch import AHEAD, Prefetch


def readers():
    return [t for t in threading.enumerate() if t.name == "annlib-prefetch"]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
def test_items_come_in_their_order(count):
    with Prefetch(iter(range(count))) as items:
        assert list(items) == list(range(count))
    assert readers() == []


def test_so_many_are_read_ahead_and_no_more():
    read = []
    wanted = threading.Condition()

    def source():
        for number in range(10):
            with wanted:
                read.append(number)
                wanted.notify()
            yield number

    with Prefetch(source()) as items:
        for number in items:
            with wanted:  # the next ones come while this one is in use
                assert wanted.wait_for(lambda n=number: len(read) >= min(n + 1 + AHEAD, 10), 10)
            time.sleep(0.005)
            assert len(read) == min(number + 1 + AHEAD, 10)


def test_an_error_comes_in_its_turn_with_its_traceback():
    def breaks_down():
        yield 1
        yield 2
        raise ZeroDivisionError("here")

    got = []

    def read():
        with Prefetch(breaks_down()) as items:
            for item in items:
                got.append(item)

    with pytest.raises(ZeroDivisionError, match="here") as caught:
        read()
    assert got == [1, 2]
    assert "breaks_down" in [
        frame.name for frame in traceback.extract_tb(caught.value.__traceback__)
    ]
    assert readers() == []


def test_the_source_is_read_as_if_by_who_asks():
    def source():
        yield np.zeros(1) / np.zeros(1)

    with np.errstate(invalid="ignore"), Prefetch(source()) as items:
        assert np.isnan(*items)
    raising = pytest.raises(FloatingPointError)
    with np.errstate(invalid="raise"), raising, Prefetch(source()) as items:
        list(items)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, None])
def test_the_thread_ends_when_it_is_left(error):
    def leave():
        with Prefetch(iter(range(1000))) as items:
            for number in items:
                assert len(readers()) == 1
                if number == 3:
                    if error is None:
                        break
                    raise error

    if error is None:
        leave()
    else:
        with pytest.raises(error):
            leave()
    for thread in readers():  # after Ctrl-C it is not waited for
        thread.join(10)
    assert readers() == []


def test_a_second_interrupt_does_not_wait_for_a_read():
    go_on = threading.Event()

    def slow():
        yield 1
        go_on.wait(60)
        yield 2

    def interrupted():
        with Prefetch(slow()) as items:
            for _ in items:
                raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - started < 30
    go_on.set()
    for thread in readers():
        thread.join(10)
    assert readers() == []


def test_nothing_is_left_behind():
    class Item:
        pass

    gc.collect()
    gc.disable()
    try:
        gone = []

        def source(breaks):
            for _ in range(5):
                item = Item()
                gone.append(weakref.ref(item))
                yield item
            if breaks:
                raise ValueError

        for breaks in (False, True):
            try:
                with Prefetch(source(breaks)) as items:
                    for item in items:
                        del item
            except ValueError:
                pass
        assert len(gone) == 10
        assert all(reference() is None for reference in gone)
        assert gc.collect() == 0
    finally:
        gc.enable()
