# SPDX-License-Identifier: EUPL-1.2
"""What one caller can make the service hold, and that others do not notice. Numbers: daemon/limits.h."""
import contextlib
import fcntl
import os
import re
import signal

import pytest

import rawbus
from conftest import nothing_behind
from bed import ROOT as TREE, USERS, wait_for
from test_hostile_callers import is_sanitized

ROOT, MANAGER = "/org/vitaled1", "org.vitaled1.Manager"
PROPERTIES, OBJECTS = "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.ObjectManager"
LIMITS = "org.vitaled1.Error.LimitsExceeded"
VERSION = (ROOT, PROPERTIES, "Get", "ss", [MANAGER, "Version"])
OPEN = (ROOT, MANAGER, "OpenSession", "a{sv}", [[("wait", ("b", 1))]])
CHECKS_UID, SESSIONS_PEER, SESSIONS_UID, UNREAD_PEER, UNREAD_UID = 16, 6, 8, 12, 16


class Hall:
    """The bed, and connections of its users."""

    def __init__(self, bed, stack):
        self.bed, self.stack = bed, stack
        self.pid = bed.processes["vitaled"].pid

    def enter(self, user):
        os.seteuid(USERS.get(user, user))
        try:
            return self.stack.enter_context(rawbus.Connection(self.bed.path("bus/sock"), 60))
        finally:
            os.seteuid(0)

    def memory(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            return int(re.search(r"RssAnon:\s+(\d+)", f.read()).group(1))

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    @contextlib.contextmanager
    def stopped(self, name):
        os.kill(self.bed.processes[name].pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.bed.processes[name].pid, signal.SIGCONT)


@pytest.fixture
def hall(bed):
    with contextlib.ExitStack() as stack:
        yield Hall(bed, stack)
    assert bed.processes["vitaled"].poll() is None


def texts(connection, serials):
    return [m.text() for m in map(connection.reply, serials) if m.error == LIMITS]


def test_calls_of_31_mib_are_refused_at_once_and_leave_no_memory(hall):
    """libdbus reads nothing more while it holds 63 MiB: three such calls that waited would shut out everybody."""
    big, other, before = hall.enter("vdapp"), hall.enter("vdother"), hall.memory()
    with hall.stopped("polkitd"):
        serials = [big.call(ROOT, MANAGER, "GetAuditProof", "s", ["9" * (31 << 20)]) for _ in range(4)]
        assert other.ask(*VERSION).error is None
        assert texts(big, serials) == ["limits-exceeded: bytes"] * 4
        fresh = hall.enter("vdagent")  # a stranger's first calls wait for the bus to say who it is
        serials = [fresh.call(ROOT, MANAGER, "ExportAudit", "a{sv}", [[("x" * (31 << 20), ("u", 1))]]) for _ in range(4)]
        assert other.ask(*VERSION).error is None
        assert texts(fresh, serials) == ["limits-exceeded: bytes"] * 4
    if not is_sanitized(hall.bed.build):  # which keeps what was freed
        assert hall.memory() <= before + 4096


def test_a_user_whose_questions_to_polkit_are_many_is_refused_and_others_are_not(hall):
    mine, mine_too, other = hall.enter("vdapp"), hall.enter("vdapp"), hall.enter("vdother")
    ask = (ROOT, MANAGER, "OpenSession", "a{sv}", [[("mode", ("s", "identity"))]])
    for connection in (mine, mine_too, other):
        assert connection.ask(*VERSION).error is None
    with hall.stopped("polkitd"):
        waiting = [mine.call(*ask) for _ in range(CHECKS_UID)]
        assert mine.ask(*ask).text() == "limits-exceeded: checks"
        assert mine_too.ask(*ask).text() == "limits-exceeded: checks"  # of the same user
        his = other.call(*OPEN)
        assert mine.ask(*VERSION).error is None  # what does not wait is not refused
        assert other.ask(*VERSION).error is None
    said = [mine.reply(serial) for serial in waiting]
    assert {m.text() for m in said if m.error} <= {"limits-exceeded: sessions"} and not said[0].error
    assert other.reply(his).error is None


def test_calls_that_wait_with_descriptors_hold_few_of_ours(hall):
    nothing_behind(hall.bed)  # the processes that wait for cards have been started
    mine, before = hall.enter("vdapp"), hall.fds()
    fd = os.memfd_create("x", os.MFD_ALLOW_SEALING)
    os.write(fd, b'{"nir": "1850", "birth-date": "1985-01-01"}')
    fcntl.fcntl(fd, 1033, 15)  # F_ADD_SEALS
    assert mine.ask(*VERSION).error is None
    with hall.stopped("polkitd"):
        serials = [mine.call(ROOT, MANAGER, "OpenSession", "a{sv}", [[("patient", ("h", 0))]], fds=[fd])
                   for _ in range(CHECKS_UID + 20)]
        refused = texts(mine, serials[CHECKS_UID:])
        assert refused and set(refused) <= {"limits-exceeded: descriptors", "limits-exceeded: checks"}
        assert hall.fds() <= before + 2 * CHECKS_UID
    for serial in serials[:CHECKS_UID]:
        mine.reply(serial)
    os.close(fd)
    mine.close()
    wait_for(lambda: hall.fds() <= before + 2, 20)


def test_a_connection_has_its_sessions_and_a_user_its_own(hall, people):
    """The first waits for its PIN, the others for the cards."""
    people(hall.bed, pin=["never"])
    mine, mine_too, other = hall.enter("vdapp"), hall.enter("vdapp"), hall.enter("vdother")
    for _ in range(SESSIONS_PEER):
        assert mine.ask(*OPEN).error is None
    assert mine.ask(*OPEN).text() == "limits-exceeded: sessions"
    for _ in range(SESSIONS_UID - SESSIONS_PEER):
        assert mine_too.ask(*OPEN).error is None
    assert mine_too.ask(*OPEN).text() == "limits-exceeded: sessions"
    assert other.ask(*OPEN).error is None
    mine.close()
    wait_for(lambda: mine_too.ask(*OPEN).error is None, 10)


def test_a_flood_by_one_user_refuses_another_nothing(hall):
    """Hundreds of connections, thousands of calls that want no answer, and as many that are not read."""
    other = hall.enter("vdother")
    flood = [hall.enter("vdapp") for _ in range(100)]
    for connection in flood:
        for _ in range(40):
            connection.call(ROOT, MANAGER, "Diagnose", flags=rawbus.NO_REPLY)
        for _ in range(30):
            connection.call(ROOT, OBJECTS, "GetManagedObjects")
            connection.call(ROOT, MANAGER, "RegisterAgent", "oas", ["/a", ["pin"]])
    for _ in range(50):
        assert other.ask(*VERSION).error is None
        assert other.ask(ROOT, OBJECTS, "GetManagedObjects").error is None
    assert hall.enter("vdagent").ask(ROOT, MANAGER, "RegisterAgent", "oas", ["/a", ["pin"]]).error is None
    said = {m.text() for c in flood for m in [c.receive() for _ in range(30)] if m.error == LIMITS}
    assert said <= {"limits-exceeded: records", "limits-exceeded: costly", "limits-exceeded: calls",
                    "limits-exceeded: checks", "limits-exceeded: agents"} and said, said


def test_connections_of_one_user_push_out_no_other(hall):
    other = hall.enter("vdother")
    session = other.ask(*OPEN).args()[0]
    crowd = [hall.enter("vdapp") for _ in range(200)]
    for connection in crowd:
        assert connection.ask(*VERSION).error is None
    assert other.ask(session, PROPERTIES, "GetAll", "s", ["org.vitaled1.Session"]).error is None
    for connection in crowd:
        connection.close()
    assert other.ask(*VERSION).error is None


def test_a_caller_that_reads_no_answer_keeps_nobody_from_theirs(hall):
    """dbus-daemon reads nothing more from a service of which it keeps 64 descriptors for a caller that does not read."""
    deaf, other = hall.enter("vdapp"), hall.enter("vdother")
    proof = (ROOT, MANAGER, "GetAuditProof", "s", ["0"])
    assert deaf.ask(*VERSION).error is None
    serials = []
    for _ in range(40):
        serials += [deaf.call(*proof) for _ in range(15)]
        assert other.ask(*VERSION).error is None
    said = [deaf.reply(serial) for serial in serials]
    assert [m.error for m in said].count(None) >= UNREAD_PEER  # what it gets it closes: there is room anew
    assert {m.text() for m in said if m.error} == {"limits-exceeded: unread"}
    wait_for(lambda: deaf.ask(*proof).error is None, 10)
    for _ in range(5 * UNREAD_PEER):  # who reads is refused nothing
        assert deaf.ask(*proof).error is None


def kept(bed):
    """Memory files that dbus-daemon holds for those who do not read."""
    folder = f"/proc/{bed.processes['dbus'].pid}/fd"
    names = []
    for fd in os.listdir(folder):
        with contextlib.suppress(OSError):
            names.append(os.readlink(os.path.join(folder, fd)))
    return sum("memfd:" in name for name in names)


def test_three_users_who_read_no_answer_keep_no_fourth_from_theirs(make_bed, tmp_path):
    """Their sockets are full first, so that dbus-daemon itself holds what each is refused no more than."""
    with open(os.path.join(TREE, "tests/data/bed.rules"), encoding="utf-8") as f:
        rules = f.read()
    verb = '"org.vitaled1.audit.read"'
    everybody = f"polkit.addRule(function (a) {{ if (a.id === {verb}) return polkit.Result.YES; }});\n"
    (tmp_path / "audit.rules").write_text(everybody + rules)
    bed = make_bed(rules=str(tmp_path / "audit.rules"))
    with contextlib.ExitStack() as stack:
        hall = Hall(bed, stack)
        proof = (ROOT, MANAGER, "GetAuditProof", "s", ["0"])
        honest = hall.enter("vddisplay")
        assert honest.ask(*VERSION).error is None
        deaf = {user: [hall.enter(user) for _ in range(2)] for user in ("vdapp", "vdother", "vdagent")}
        for user, connections in deaf.items():
            for connection in connections:
                assert connection.ask(*VERSION).error is None
                for _ in range(400):
                    connection.call(ROOT, OBJECTS, "GetManagedObjects")
            for _ in range(6):  # fewer at a time than questions to polkit; its answer to ours comes after theirs
                for connection in connections * 4:
                    connection.call(*proof)
                assert honest.ask(*OPEN).error.endswith("AccessDenied")
                assert honest.ask(*VERSION).error is None
        wait_for(lambda: kept(bed) >= 2 * UNREAD_UID, 30)  # they do hold what the experiment is about
        assert kept(bed) < 64
        for _ in range(3 * UNREAD_PEER):  # and who reads gets what has a descriptor too
            said = honest.ask(*proof)
            assert said.error is None, said.text()
        assert honest.ask(*VERSION).error is None
