# SPDX-License-Identifier: EUPL-1.2
"""What `run bench bus` measures happens at all: calls are answered, signals are heard, floods hurt nobody else."""
import json
import os
import sys

import pytest
from bed import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests/bench"))
import bus  # noqa: E402


@pytest.fixture(scope="module")
def bed(build):
    with bus.BusBed(build, config=bus.DISPLAY) as one:
        yield one


def test_every_service_of_the_benchmark_answers_all_calls(bed):
    assert {bus.OURS, bus.FLOOR, "sd-bus"} <= set(bed.services())  # GDBus where its headers are
    for who in bed.services():
        for kind, clients, more in (("first", 40, ()), ("closed", 1, ()), ("closed", 40, ()), ("open", 40, (500,))):
            found = bed.calls(kind, who, clients, 1 if kind == "first" else 200, *more)
            assert found["calls"] and not found["errors"], (who, kind)


def test_256_connections_of_one_user_are_served_and_forgotten(bed):
    for _ in range(3):
        found = bed.calls("closed", bus.OURS, 256, 300)
        assert found["calls"] >= 256 and not found["errors"]


@pytest.mark.parametrize("who", [bus.OURS, bus.FLOOR])
def test_every_one_of_256_subscribers_hears_every_signal(bed, who):
    assert len(bed.load("fan", who, 256, 3)) == 3


def test_256_subscribers_hear_of_a_card(bed):
    assert len(bus.cards(bed, 2)) == 2


@pytest.mark.parametrize("kind", ["flood", "flood-polkit"])
def test_under_the_flood_of_one_user_another_is_refused_nothing(bed, kind):
    p = bed.flood(bus.OURS, kind, 8, 2000, 16)
    found = bed.calls("open", bus.OURS, 4, 1500, 200)
    flood = json.loads(p.communicate(timeout=60)[0])
    assert found["calls"] and not found["errors"]
    assert 0 < flood["errors"] < flood["calls"]  # refused and allowed ones


def test_the_service_answers_after_a_flood_and_holds_no_more_memory_than_it_may(bed):
    bed.flood(bus.OURS, "flood-polkit", 8, 1000, 100).communicate(timeout=60)
    assert not bed.calls("open", bus.OURS, 1, 200, 200)["errors"]
    assert bus.kilobytes(bed.processes[bus.OURS].pid, "status", "RssAnon") <= 5000
