"""Measuring: marks, quartiles, turns, and whether other programs disturbed it."""

import threading
import time
from itertools import pairwise
from types import SimpleNamespace

import pytest

from workbook.measuring import timing


def test_measured_numbers_carry_the_mark():
    assert timing.measured(1234.5678, "ms") == "1,234.568 ms [measured]"
    assert timing.measured(0.5, "x", 8) == "   0.500 x [measured]"


def test_timing_is_the_median_between_quartiles():
    taken = timing.Timing.of([4.0, 1.0, 3.0, 2.0, 5.0])
    assert (taken.first_quartile, taken.median, taken.third_quartile) == (2.0, 3.0, 4.0)
    assert taken.spread == 2.0
    assert timing.Timing.of([7.0]).spread == 0


def test_cases_take_turns():
    order = []
    times = timing.interleaved(
        {"a": lambda: (order.append("a"), time.sleep(0.001)), "b": lambda: (order.append("b"), time.sleep(0.001))},
        seconds=0.01,
    )
    rounds = times["a"].rounds
    assert rounds >= 3
    each = ["a", "a", "b", "b"]  # what the turn before left in the caches is not this one's: a call that does not count
    assert order[-4 * rounds :] == each * rounds


def test_what_precedes_a_turn_can_be_chosen_and_long_calls_need_nothing():
    order = []

    def case(name, seconds):
        return lambda: (order.append(name), time.sleep(seconds))

    cases = {"a": case("a", 0.001), "long": case("long", 0.025)}
    rounds = timing.interleaved(cases, before={"a": lambda: order.append("cold")}, seconds=0.01)["a"].rounds
    assert order[-3 * rounds :] == ["cold", "a", "long"] * rounds


def test_disturbed_rounds_are_taken_again_and_the_calmest_count(monkeypatch):
    """Another program has the core during the second round, by clocks of our own."""
    now = dict.fromkeys(("wall", "running"), 0.0)
    clocks = SimpleNamespace(perf_counter=lambda: now["wall"], thread_time=lambda: now["running"])
    monkeypatch.setattr(timing, "time", clocks)
    delays = iter([0, 0, 0, 0.5, 0, 0])  # two warm-ups, three rounds, one again

    def run():
        now["running"] += 0.1
        now["wall"] += 0.1 + next(delays)

    taken = timing.interleaved({"a": run}, seconds=0, clock=clocks.perf_counter)["a"]
    assert taken.rounds == 3
    assert (taken.median, taken.third_quartile) == pytest.approx((0.1, 0.1))
    assert taken.waited == pytest.approx(0)


def test_below_a_table_stands_how_far_to_trust_it():
    calm, torn = timing.Timing(1.0, 0.99, 1.02, 5, 0.01), timing.Timing(2.0, 1.5, 2.5, 5, 0.2)
    assert timing.trust([calm]) == [
        "[machine] half of a program's runs lie within 3% of each other, or closer",
        "[machine] other programs had the core for up to 1% of the time",
    ]
    assert timing.trust([calm, torn]) == [
        "[machine] half of a program's runs lie within 50% of each other, or closer",
        "[machine] other programs had the core for up to 20% of the time; close them and measure again",
    ]


def test_alone_each_turn_waits_for_other_threads_and_begins_with_a_call_that_does_not_count():
    calls, spinning_until = [], 0.0

    def spin():
        while time.perf_counter() < spinning_until:
            pass

    def run(name):
        nonlocal spinning_until
        calls.append((name, time.perf_counter(), spinning_until))
        spinning_until = time.perf_counter() + 0.02
        threading.Thread(target=spin).start()

    cases = {name: lambda name=name: run(name) for name in "ab"}
    times = timing.interleaved(cases, seconds=0.01, alone=True)
    counted = sum(timing.rounds for timing in times.values())
    assert counted == 6
    firsts = [call for before, call in pairwise(calls) if call[0] != before[0]][-counted + 1 :]
    assert len(firsts) == counted - 1
    assert all(begun > free for _, begun, free in firsts)


def test_the_threads_own_clock_leaves_waiting_out():
    times = timing.interleaved({"asleep": lambda: time.sleep(0.005)}, seconds=0.05, clock=time.thread_time)
    assert times["asleep"].median < 0.004


def test_waiting_is_told_from_running(monkeypatch):
    """By clocks of our own: on a busy machine what runs has to wait too."""

    def passes(wall, running):
        now["wall"] += wall
        now["running"] += running

    now = dict.fromkeys(("wall", "running"), 0.0)
    clocks = SimpleNamespace(perf_counter=lambda: now["wall"], thread_time=lambda: now["running"])
    monkeypatch.setattr(timing, "time", clocks)
    cases = {"asleep": lambda: passes(0.005, 0), "running": lambda: passes(0.002, 0.002), "both": lambda: passes(4, 1)}
    times = timing.interleaved(cases, seconds=0.05, clock=clocks.perf_counter)
    assert [times[name].waited for name in cases] == pytest.approx([1, 0, 0.75])


def test_sleep_is_waiting():
    assert timing.interleaved({"asleep": lambda: time.sleep(0.005)}, seconds=0.05)["asleep"].waited > 0.9


@pytest.mark.parametrize(("value", "quick"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_quick_is_asked_for_by_the_environment(value, quick, monkeypatch):
    monkeypatch.setenv("WORKBOOK_QUICK", value)
    assert timing.quick() is quick
