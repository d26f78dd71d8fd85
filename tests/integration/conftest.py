# SPDX-License-Identifier: EUPL-1.2
"""Beds for the integration tests. Cards are personalised once; each bed gets a copy."""
import contextlib
import os
import random
import subprocess
import time

import pytest

from actor import Actor
from bed import Bed, personalise

PROFILES = ("vitale-family", "vitale-single", "vitale-lunar", "vitale-1", "cps3-gp", "cps4-gp",
            "cps4-pharmacist", "cps4-insurer", "cps4-expired", "cps4-stranger", "cps4-test", "unknown")


def pytest_addoption(parser):
    parser.addoption("--build", default="build/gcc", help="build folder with the programs")
    parser.addoption("--soak", action="store_true", help="full counts, and what waits for minutes")
    parser.addoption("--seed", type=int, default=int(time.time()), help="which tenth is run without --soak")


def pytest_report_header(config):
    return f"seed: {config.getoption('--seed')}" + (", full counts" if config.getoption("--soak") else "")


def pytest_generate_tests(metafunc):
    """An argument `nth`: every command of a consultation, or a tenth of them by the seed."""
    if "nth" in metafunc.fixturenames:
        every = list(range(1, 61))
        if not metafunc.config.getoption("--soak"):
            every = sorted(random.Random(metafunc.config.getoption("--seed")).sample(every, 6))
        metafunc.parametrize("nth", every)


def pytest_configure(config):
    config.addinivalue_line("markers", "minutes: waits for people's deadlines; with --soak only")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--soak"):
        late = [i for i in items if i.get_closest_marker("minutes")]
        config.hook.pytest_deselected(items=late)
        items[:] = [i for i in items if i not in late]


@pytest.fixture(scope="session")
def build(request):
    return os.path.abspath(request.config.getoption("--build"))


@pytest.fixture(scope="session")
def personal(build, tmp_path_factory):
    out = str(tmp_path_factory.mktemp("personal") / "cards")
    personalise(build, out, PROFILES)
    return out


@pytest.fixture
def make_bed(build, personal):
    with contextlib.ExitStack() as stack:
        def make(*cards, **more):
            return stack.enter_context(Bed(build, cards=cards or ("cps4-gp", "vitale-family"),
                                           personal=personal, **more))
        yield make


@pytest.fixture
def bed(make_bed):
    return make_bed()


@pytest.fixture
def people(request):
    """people(bed, **answers): (application, agent), ended after the test."""
    with contextlib.ExitStack() as stack:
        def make(bed, **answers):
            agent = stack.enter_context(Actor(bed, "vdagent"))
            agent.agent("pin", "professional", **answers)
            return stack.enter_context(Actor(bed, "vdapp")), agent
        make.actor = lambda bed, user: stack.enter_context(Actor(bed, user))
        yield make


def children(bed):
    """Programs of ours that run in this pid namespace as the broker's user, by name."""
    done = subprocess.run(["ps", "-o", "stat=,comm=", "-u", "vitaled"], capture_output=True, text=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    return sorted(comm for stat, comm, *_ in rows if not stat.startswith("Z"))  # init here reaps nobody
