# SPDX-License-Identifier: EUPL-1.2
"""One guest for all tests, with a socket for each model of readers.py; a reader is plugged where used."""
import contextlib
import os
import re

import pytest

from guest import Guest
from readers import MODELS
from usb_reader import connect


def pytest_addoption(parser):
    parser.addoption("--build", default="build/gcc", help="build folder with the programs")
    parser.addoption("--cache", default="build/vm", help="where kernel, packages and disk are kept")


def pytest_configure(config):
    config.addinivalue_line("markers", "only(names): this test is for these readers")


def pytest_collection_modifyitems(items):
    """Reader by reader; then what is about several."""
    order = list(MODELS)
    items.sort(key=lambda i: order.index(i.callspec.params["name"]) if hasattr(i, "callspec") else len(order))


def pytest_terminal_summary(terminalreporter, config):
    if hasattr(config, "pcsc"):
        terminalreporter.line(f"guest: {config.guest.prepared:.0f} s to prepare, {config.guest.booted:.0f} s to boot; "
                              f"pcscd stuck and started anew: {config.pcsc.stuck} times")


@pytest.fixture(scope="session")
def guest(request):
    """The guest, with alice at the seat and bob anywhere else."""
    config = request.config
    running = Guest(os.path.abspath(config.getoption("--cache")), os.path.abspath(config.getoption("--build")),
                    len(MODELS))
    config.guest = running
    with contextlib.closing(running):
        running.readers = {name: connect(model, running.redir(n)) for n, (name, model) in enumerate(MODELS.items())}
        # the first virtual terminal is the one in front: a session on it is the seat's active one
        running.says("XDG_SEAT=seat0 XDG_VTNR=1 XDG_SESSION_TYPE=tty XDG_SESSION_CLASS=user setsid "
                     "runuser -l alice -c 'sleep infinity' > /dev/null 2>&1 &")
        running.until("loginctl show-seat seat0 -p ActiveSession --value", lambda text: text != "")
        yield running


class Pcsc:
    """What pcscd shows. libccid 1.5.2 sometimes never ends the removal of a reader of several slots that it
    was just talking to (1.6.0 announces "better handling of reader removal"), and pcscd then sees nothing more.
    It is started anew here, and that is counted."""

    STUCK_SECONDS = 45

    def __init__(self, guest):
        self.guest, self.stuck = guest, 0

    @staticmethod
    def parse(text):
        """{reader: (number, a card is in it)} of `opensc-tool -l`. Of a name `... XX YY` the first number is
        left out: it counts readers in the order in which they came, and interfaces of one device come in any."""
        return {re.sub(r" [0-9A-F]{2} ([0-9A-F]{2})$", r" \1", m[3]): (int(m[1]), m[2] == "Yes")
                for m in re.finditer(r"^(\d+) +(Yes|No) +(.+)$", text, re.M)}

    def until(self, readers, card=None):
        """Waits until exactly @readers are shown and only @card of them holds a card; {reader: number}."""
        def reached(text):
            found = self.parse(text)
            told = found or "No smart card readers found." in text
            return told and sorted(found) == sorted(readers) and \
                [k for k, v in found.items() if v[1]] == ([card] if card else [])

        try:
            text = self.guest.until("opensc-tool -l", reached, self.STUCK_SECONDS)
        except AssertionError:
            self.stuck += 1
            self.end()
            text = self.guest.until("opensc-tool -l", reached)
        return {k: v[0] for k, v in self.parse(text).items()}

    def end(self):
        """The next question to its socket starts another pcscd."""
        self.guest.says("systemctl kill -s KILL pcscd.service; systemctl reset-failed pcscd.service; true")


@pytest.fixture(scope="session")
def pcsc(guest, request):
    request.config.pcsc = Pcsc(guest)
    return request.config.pcsc


class Plugged:
    """A reader in the guest: @device its folder in sysfs."""

    def __init__(self, guest, name):
        self.guest, self.name, self.model, self.reader = guest, name, MODELS[name], guest.readers[name]
        self.device = f"/sys/bus/usb/devices/1-{list(MODELS).index(name) + 1}"
        self.plug()

    def plug(self):
        """Plugs it, and waits until udev is through with it."""
        self.reader.plug()
        self.guest.until(f"test -e {self.device}/bNumInterfaces && udevadm wait --settle -t 1 {self.device} && "
                         "echo there", lambda text: text == "there")

    def unplug(self):
        self.reader.unplug()
        self.guest.until(f"test -e {self.device} || echo gone", lambda text: text == "gone")

    def properties(self, path=""):
        text = self.guest.says(f"udevadm info --query=property --path=$(readlink -f {self.device}{path})")
        return dict(line.split("=", 1) for line in text.splitlines())

    def node(self):
        return self.properties()["DEVNAME"]


@pytest.fixture(scope="module")
def plug(guest, pcsc):
    """plug(NAME): that reader, plugged once and left so until the next one's turn."""
    now = []

    def turn(name):
        if now and now[0].name != name:
            pcsc.end()
            now.pop().unplug()
        if not now:
            now.append(Plugged(guest, name))
        return now[0]

    yield turn
    for last in now:
        last.unplug()
