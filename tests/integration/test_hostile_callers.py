# SPDX-License-Identifier: EUPL-1.2
"""Hostile callers on every member that the interface's XML names.

Messages are made from the XML by a generator of our own and sent by hand (tests/bed/rawbus.py), so that nothing
of them is put right by a library. Each must be answered by an error that the XML documents for its member, and
must do nothing. Bytes that are no D-Bus message at all are dbus-daemon's to refuse: it does so before we see
them. The seed stands in pytest's header; without --soak a tenth is sent. Runs under the sanitizers as well.
"""
import contextlib
import hashlib
import json
import os
import random
import re
import select
import socket
import threading
import time
import xml.etree.ElementTree as ET

import pytest

import rawbus
from bed import ROOT as TREE
from bed import USERS, wait_for
from conftest import audit_is_whole, shown

PREFIX, ROOT = "org.vitaled1.", "/org/vitaled1"
MANAGER, PROPERTIES = PREFIX + "Manager", "org.freedesktop.DBus.Properties"
OWN = "org.vitaled1.Error."
FREEDESKTOP = {"org.freedesktop.DBus.Error." + n for n in
               ("UnknownObject", "UnknownInterface", "UnknownMethod", "UnknownProperty", "PropertyReadOnly",
                "AccessDenied")}  # the last by the bus, for what its policy does not list
ANY = {OWN + n for n in ("InvalidArgument", "LimitsExceeded", "Failed")}
BY_POLKIT = {OWN + n for n in ("AccessDenied", "InteractionRequired")}
AT_ROOT = (MANAGER, PROPERTIES, "org.freedesktop.DBus.ObjectManager", "org.freedesktop.DBus.Introspectable")
STANDARD = {(PROPERTIES, "Get"): "ss", (PROPERTIES, "GetAll"): "s", (PROPERTIES, "Set"): "ssv",
            ("org.freedesktop.DBus.ObjectManager", "GetManagedObjects"): "",
            ("org.freedesktop.DBus.Introspectable", "Introspect"): ""}


# -- what the XML says -------------------------------------------------------------------------------------

def error_names():
    with open(os.path.join(TREE, "include/vitaled/errors.h"), encoding="utf-8") as f:
        return set(re.findall(r'"([A-Z][A-Za-z]+)"', f.read()))


class Member:
    def __init__(self, interface, name, signature, text, text_of_all, names):
        self.interface, self.name, self.signature = interface, name, signature
        said = {OWN + n for n in names if re.search(r"\b%s\b" % n, text + text_of_all)}
        self.errors = said | ANY | FREEDESKTOP | (BY_POLKIT if "polkit: org" in text else set())

    def __str__(self):
        return f"{self.interface.rsplit('.', 1)[-1]}.{self.name}"


def members():
    """Every method that callers may call; what stands in the comment before it are its errors."""
    names, found = error_names(), []
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))
    tree = ET.parse(os.path.join(TREE, "include/dbus/org.vitaled1.xml"), parser).getroot()
    comment = ""
    for node in tree:
        if node.tag is ET.Comment:
            comment = node.text
            continue
        interface, of_all, text = node.get("name"), comment, ""
        for part in node:
            if part.tag is ET.Comment:
                text = part.text
            elif part.tag == "method" and interface != PREFIX + "Agent":
                signature = "".join(a.get("type") for a in part if a.get("direction") == "in")
                same = re.search(r"\bas (\w+)\.", text)  # "All else, and the errors, as ChangePin."
                more = " ".join(m.text for m in found if same and m.name == same.group(1))
                found.append(Member(interface, part.get("name"), signature, text + more, of_all, names))
                found[-1].text = text
    for (interface, name), signature in STANDARD.items():
        found.append(Member(interface, name, signature, "AccessDenied", "", {"AccessDenied"}))
        found[-1].text = ""
    return found


MEMBERS = members()


# -- values ------------------------------------------------------------------------------------------------

LONG = [200, 4000, 9000, 70000]
# bytes of long texts in one message, and its levels: with more than 32 MiB or 64 the bus itself ends the connection
MOST, DEEPEST = 8 << 20, 60
WORDS = ["", "x", "json", "default", "é\u2028", "\x01\x7f", "a\nb", "../../etc/passwd", "%s%n%x", "NULL", "0", "-1",
         "184467440737095516160", "org.vitaled1.Session", "\U0010ffff", "'; drop table entries; --"]
NUMBERS = {"y": [0, 1, 255], "b": [0, 1], "n": [-2**15, -1, 0], "q": [0, 2**16 - 1], "i": [-2**31, -1, 2**31 - 1],
           "u": [0, 1, 121, 2**31, 2**32 - 1], "x": [-2**63, 0, 2**63 - 1], "t": [0, 2**63, 2**64 - 1],
           "d": [0.0, float("nan"), float("inf"), -1e308]}
PATHS = ["/", "/x", ROOT, ROOT + "/session/0", ROOT + "/session/4294967296", ROOT + "/card/1/2", "/" + "a" * 3000]
TYPES = ["y", "b", "n", "q", "i", "u", "x", "t", "d", "s", "o", "g", "ay", "as", "a{sv}", "(ss)", "v", "aas", "a(uu)"]
KEYS = ["mode", "intent", "patient", "reason", "pair", "structure", "application", "lifetime", "wait", "section", "type",
        "status", "author", "text", "from", "to", "after", "limit", "name", "version", "", "Mode", "x" * 300, "é", "mode ", "__proto__"]


class Values:
    def __init__(self, rng):
        self.rng, self.room, self.levels = rng, MOST, 0

    def text(self):
        rng = self.rng
        size = rng.choice(LONG) if rng.random() < 0.15 else 0
        if 0 < 4 * size <= self.room:
            self.room -= 4 * size
            return ((rng.choice(WORDS) or "y") * size)[:size]
        return rng.choice(WORDS)

    def deep(self, levels):
        value = ("s", "x")
        for _ in range(levels):
            value = ("v", value)
        return value

    def make(self, kind):
        self.levels += kind[0] in "av({"
        try:
            return self.made(kind)
        finally:
            self.levels -= kind[0] in "av({"

    def made(self, kind):
        rng, first = self.rng, kind[0]
        if first in NUMBERS:
            return rng.choice(NUMBERS[first])
        if first == "h":
            return 0
        if first == "s":
            return self.text()
        if first == "o":
            return rng.choice(PATHS)
        if first == "g":
            return rng.choice(["", "s", "a{sv}", "(ii)"])
        if first == "v":
            if rng.random() < 0.1:
                return self.deep(min(rng.choice([3, 9, 40]), DEEPEST - self.levels))
            inner = rng.choice(TYPES)
            return (inner, self.make(inner))
        if first == "a":
            count = rng.choice([0, 1, 2, 3, 3, 40, 20000 if kind == "ay" else 5])
            return [self.make(kind[1:]) for _ in range(count)]
        if kind == "{sv}":
            return (rng.choice(KEYS), self.make("v"))
        return tuple(self.make(part) for part in rawbus.split(kind[1:-1]))

    def other_signature(self, signature):
        self.room = MOST
        while True:
            made = "".join(self.rng.choice(TYPES) for _ in range(self.rng.randrange(4)))
            if made != signature:
                return made


NOBODY = "00000000-0000-0000-0000-000000000000"
BAD_OPTION = [[("mode", ("s", "normal")), ("mode", ("s", "normal"))], [("wait", ("s", "yes"))], [("lifetime", ("u", 0))],
              [("lifetime", ("u", 2**32 - 1))], [("pair", ("s", "nobody's"))], [("intent", ("as", []))],
              [("intent", ("as", ["consult", "consult"]))], [("intent", ("as", ["consult"] * 900))],
              [("intent", ("as", ["oppose", "authorise", "oppose"]))], [("intent", ("as", ["close"]))], [("intent", ("as", ["code"]))],
              [("mode", ("s", "identity")), ("intent", ("as", ["authorise"]))], [("mode", ("s", "administration"))],
              [("mode", ("s", "administration")), ("intent", ("as", ["consult", "create"]))],
              [("mode", ("s", "patient")), ("intent", ("as", ["consult"]))],
              [("mode", ("s", "patient")), ("structure", ("s", "10B0127189"))], [("without-card", ("b", 1))],
              [("mode", ("s", "patient")), ("without-card", ("b", 1))], [("without-card", ("s", "yes"))],
              [("application", ("a{sv}", [("name", ("s", "x" * 65))]))], [("structure", ("s", ""))],
              [("application", ("v", ("a{sv}", [])))], [("patient", ("s", "1850"))], [("mode", ("s", "root"))]]
WRONG = {  # arguments of the right signature that mean nothing good
    "OpenSession": [[o] for o in BAD_OPTION],
    "RegisterAgent": [["/a", []], ["/a", ["pin", "pin"]], ["/a", ["root"]], ["/" + "a" * 300, ["pin"]],
                      ["/a", ["pin"] * 500]],
    "UnregisterAgent": [["/"], ["/agent"], ["/" + "a" * 5000]],
    "GetAuditProof": [[""], ["-1"], ["00"], ["9" * 19], ["9" * 5000], ["x" * 200000], ["1 "]],
    "GetAuditConsistency": [[""], ["-1"], ["00"], ["9" * 19], ["9" * 5000], ["x" * 200000], ["origin\n1\n"]],
    "ExportAudit": [[[("format", ("s", "csv"))]], [[("", ("v", ("v", ("u", 1))))]]],
    "Lend": [[0], [121], [2**32 - 1]],
    "Choose": [[0], [19], [2**32 - 1]],
    "GetReceipt": [[""], ["xml"], ["json "], ["x" * 100000]],
    "Create": [[[("force", ("b", 1))]]],
    "List": [[[("section", ("u", 1))]], [[("Section", ("s", ""))]], [[("after", ("s", "x")), ("after", ("s", "x"))]],
             [[("author", ("u", 1))]], [[("text", ("as", ["x"]))]], [[("limit", ("u", 0))]], [[("limit", ("u", 501))]],
             [[("limit", ("t", 1))]], [[("status", ("s", "gone"))]]],
    "Archive": [["x", 1], ["", 0], ["x" * 9000, 1], [NOBODY, 1], [NOBODY, 0]],
    "Delete": [[""], ["x"], ["x" * 37], ["x" * 9000], [NOBODY]],
    "SetTreatingDoctor": [[1], [0]],  # without the intent; without the role
    "SetOpposition": [["", 1], ["normal", 1], ["bris-de-glace", 1], ["x" * 9000, 0], ["bris_de_glace", 1],
                      ["centre_15", 0]],
    "SetMaskedAllowed": [[1], [0]],  # without the intent
    "Export": [[[("format", ("s", "tar"))]], [[("to", ("s", "/etc/passwd"))]]],
    "Read": [[""], ["x"], ["x" * 37], ["x" * 100000], [NOBODY]],
    "SetVisibility": [["x", "masque_ps", 1], ["", "", 0], ["x" * 9000, "masque_ps", 1], ["x", "masque_p", 1]],
    "History": [[[("limit", ("s", "1"))]], [[("limit", ("t", 1))]], [[("since", ("t", 1))]]],
    "Get": [["", ""], [MANAGER, "x" * 5000], ["x" * 300000, "Version"], [PREFIX + "Agent", "Version"]],
    "GetAll": [["org.x"], ["x" * 300000]],
    "Set": [[MANAGER, "Version", ("s", "2")], [PREFIX + "Session", "State", ("s", "unlocked")]],
}


# -- descriptors -------------------------------------------------------------------------------------------

def memfd(data=b"", seals=15, size=None):
    import fcntl
    fd = os.memfd_create("x", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    if size is not None:
        os.ftruncate(fd, size)
    fcntl.fcntl(fd, 1033, seals)  # F_ADD_SEALS
    return fd


def pipe_of(data=b"", keep=None, end=0):
    """A pipe's end with @data in it; the other end closed, or appended to @keep."""
    ends = os.pipe()
    os.write(ends[1], data)
    if keep is None:
        os.close(ends[1 - end])
    else:
        keep.append(ends[1 - end])
    return ends[end]


def sockets():
    a, b = socket.socketpair()
    b.close()
    return a.detach()


def epoll():
    with select.epoll() as e:
        return os.dup(e.fileno())


NO_PATIENT = {  # what is not JSON in a sealed memfd
    "a directory": lambda: os.open("/tmp", os.O_RDONLY), "/dev/zero": lambda: os.open("/dev/zero", os.O_RDONLY),
    "/dev/null": lambda: os.open("/dev/null", os.O_RDWR), "O_PATH": lambda: os.open("/etc/passwd", os.O_PATH),
    "a file": lambda: os.open("/etc/passwd", os.O_RDONLY), "a socket": sockets, "epoll": epoll,
    "eventfd": lambda: os.eventfd(1), "an empty pipe": lambda: pipe_of(), "a full pipe": lambda: pipe_of(b"{}"),
    "a pipe's writing end": lambda: pipe_of(end=1), "a pidfd": lambda: os.pidfd_open(os.getpid()),
    "no seals": lambda: memfd(b"{}", 0), "may grow": lambda: memfd(b"{}", 2 | 8), "may shrink": lambda: memfd(b"{}", 4 | 8),
    "may be written": lambda: memfd(b"{}", 2 | 4), "nothing": memfd, "too large": lambda: memfd(b"{}", size=2**20 + 1),
    "a hole of 1 TiB": lambda: memfd(b"{}", size=2**40), "no text": lambda: memfd(b"\xff\xfe\0"),
    "NUL": lambda: memfd(b"{}\0"), "no object": lambda: memfd(b"[]"), "another": lambda: memfd(b'{"a": 1}'),
    "deep": lambda: memfd(b"[" * 200000), "twice": lambda: memfd(b'{"nir": "1", "nir": "1"}'),
    "spaces": lambda: memfd(b" " * 2**20), "a number": lambda: memfd(b"1" * 100000), "open text": lambda: memfd(b'{"nir": "'),
}
NO_CONTENT = {k: v for k, v in NO_PATIENT.items() if "pipe" not in k or "writing" in k}


ME = "899700000000"  # no card of the tests bears it
WHO = ("Authorise", "Revoke", "Block")
YEAR = 365 * 86400 * 10**6


def nobody():
    """JSON that names nobody, by what is wrong with it; for all three of WHO."""
    long = "x" * 2000
    texts = {"no id": "{}", "a list": '["1"]', "text": '"1"', "null": "null", "a number as id": '{"id": 899700000000}',
             "an empty id": '{"id": ""}', "a long id": json.dumps({"id": "8" * 65}), "an id of controls": '{"id": "8\\u0001"}',
             "no name": json.dumps({"id": ME, "name": 5}), "a long name": json.dumps({"id": ME, "name": long}),
             "a name of controls": '{"id": "%s", "name": "a\\nb"}' % ME, "a list as id": '{"id": ["%s"]}' % ME,
             "an unknown member": json.dumps({"id": ME, "colour": "red"}), "a later one": '{"id": "%s", "id": "2"}' % ME,
             "another case": json.dumps({"Id": ME}), "NUL": '{"id": "8\\u0000"}', "a real number": '{"id": 8.5}',
             "many members": json.dumps({"id": ME, **{f"m{n}": n for n in range(20000)}}),
             "1 MiB of name": json.dumps({"id": ME, "name": "x" * (2**20 - 64)}),
             "1 MiB of lists": '{"id": "%s", "name": [%s]}' % (ME, ",".join(["[]"] * 300000)),
             "deep": '{"id": "%s", "name": ' % ME + "[" * 100 + "]" * 100 + "}"}
    return {k: v.encode() for k, v in texts.items()}


def no_end(now):
    """Ends that an authorisation cannot have."""
    return [-1, 0, 1, now - 10**6, now + 11 * YEAR, 2**62, "tomorrow", None, [], True]


# -- callers -----------------------------------------------------------------------------------------------

class Callers:
    """Connections by uid, opened as that uid; asked one by one, every answer checked."""

    def __init__(self, bed):
        self.bed, self.stack, self.open = bed, contextlib.ExitStack(), {}
        self.strangers = rawbus.strangers(100)
        self.sent, self.answers = 0, {}

    def connect(self, uid):
        os.seteuid(uid)
        try:
            return self.stack.enter_context(rawbus.Connection(self.bed.path("bus/sock")))
        finally:
            os.seteuid(0)

    def of(self, uid):
        if uid not in self.open:
            self.open[uid] = self.connect(uid)
        return self.open[uid]

    def fresh(self, n):
        """One of many users: each brings full buckets."""
        return self.of(self.strangers[n % len(self.strangers)])

    def refused(self, connection, member, path, signature, values, fds=(), errors=None, **more):
        """Ask; the answer must be an error of @member's list."""
        self.sent += 1
        serial = connection.call(path, member.interface, member.name, signature, values, fds=fds, **more)
        if more.get("flags", 0) & rawbus.NO_REPLY:
            return None
        m = connection.reply(serial)
        what = f"{member} at {path} ({signature}) {str(values)[:200]}"
        assert m.error, f"{what}: was not refused"
        assert m.error in (errors or member.errors), f"{what}: {m.error} is not documented: {m.text()}"
        self.answers[m.error] = self.answers.get(m.error, 0) + 1
        return m


@pytest.fixture
def callers(bed):
    made = Callers(bed)
    with made.stack:
        yield made


def scale(request, n):
    return n if request.config.getoption("--soak") else max(1, n // 10)


def rng_of(request, name):
    return random.Random(f"{request.config.getoption('--seed')} {name}")


def is_sanitized(build):
    with open(os.path.join(build, "meson-info/intro-buildoptions.json"), encoding="utf-8") as f:
        return any(o["name"] == "b_sanitize" and o["value"] != "none" for o in json.load(f))


class Watcher:
    """What the broker holds before, and that it holds no more after: memory, descriptors, objects, entries."""

    def __init__(self, bed, app):
        self.bed, self.app = bed, app
        self.pid = bed.processes["vitaled"].pid
        self.before = self.look()

    def look(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            memory = int(re.search(r"RssAnon:\s+(\d+)", f.read()).group(1))
        return {"memory": memory, "fds": len(os.listdir(f"/proc/{self.pid}/fd")),
                "agents": self.app.get(ROOT, "Manager", "Agents"), "sessions": sorted(shown(self.app, "Session")),
                "entries": [e["event"] for e in audit_is_whole(self.bed, self.app)]}

    def check(self, *may_grow):
        """@may_grow: events of which there may be more now; export: made by looking."""
        # a process that is started ahead has two of them
        wait_for(lambda: len(os.listdir(f"/proc/{self.pid}/fd")) <= self.before["fds"] + 4, 20)
        now = self.look()
        assert now["agents"] == self.before["agents"] and now["sessions"] == self.before["sessions"]
        new = now["entries"][len(self.before["entries"]):]
        assert set(new) <= {"export", *may_grow}, new
        assert self.bed.processes["vitaled"].poll() is None and not self.bed.sanitizer_reports()
        if not is_sanitized(self.bed.build):  # there freed memory is kept aside
            assert now["memory"] <= self.before["memory"] + 4096, (now["memory"], self.before["memory"])


def objects(app):
    """Paths of one object of each kind."""
    found = {i: sorted(shown(app, i)) for i in ("Reader", "Card", "Session")}
    return {PREFIX + i: paths for i, paths in found.items()}


# -- the tests ---------------------------------------------------------------------------------------------

def test_the_generator_reads_the_members_and_their_errors():
    by_name = {str(m): m for m in MEMBERS}
    assert len(by_name) == len(MEMBERS) >= 40
    assert {OWN + "AuditUnavailable", OWN + "InteractionRequired"} <= by_name["Manager.OpenSession"].errors
    assert OWN + "PinBlocked" in by_name["Card.UnblockPin"].errors  # "the errors, as ChangePin"
    assert OWN + "NotPermitted" in by_name["Dossier.Read"].errors  # of the whole interface
    assert OWN + "PinBlocked" not in by_name["Manager.OpenSession"].errors
    assert by_name["Dossier.Add"].signature == "hh" and by_name["Dossier.Replace"].signature == "shh"
    assert {"Authorise", "Revoke", "Block"} == {m.name for m in MEMBERS if m.name in WHO}


def test_arguments_of_any_kind_are_refused_on_every_member(bed, people, callers, request):
    app, _ = people(bed)
    rng, watcher = rng_of(request, "arguments"), Watcher(bed, app)
    values, paths = Values(rng), objects(app)
    uid = 0
    for n in range(scale(request, 300)):
        for member in MEMBERS:
            uid += 1
            connection = callers.fresh(uid)
            path = ROOT if member.interface in AT_ROOT else rng.choice(paths.get(member.interface) or [ROOT + "/session/1"])
            if rng.random() < 0.3 and member.name in WRONG:
                signature, arguments = member.signature, rng.choice(WRONG[member.name])
            else:
                signature = values.other_signature(member.signature)
                arguments = [values.make(kind) for kind in rawbus.split(signature)]
            flags = rng.choice([0, 0, 0, rawbus.INTERACTIVE, rawbus.NO_REPLY])
            callers.refused(connection, member, path, signature, arguments, flags=flags)
    for connection in callers.open.values():  # what wanted no answer got none
        assert connection.ask(ROOT, MANAGER, "Diagnose").error is None
        assert not [m for m in connection.others if m.kind in (rawbus.RETURN, rawbus.ERROR) and
                    m.fields[rawbus.SENDER] != rawbus.BUS]  # which answers what its policy refuses
    assert OWN + "InvalidArgument" in callers.answers
    watcher.check()


def test_arguments_behind_polkits_yes_are_refused(bed, people, callers):
    app, _ = people(bed)
    watcher, mine = Watcher(bed, app), callers.of(USERS["vdapp"])
    reader = sorted(shown(app, "Reader"))[0]
    for member in MEMBERS:
        if member.interface in (MANAGER, PREFIX + "Reader", PROPERTIES):
            for arguments in WRONG.get(member.name, []):
                path = reader if member.interface == PREFIX + "Reader" else ROOT
                m = callers.refused(mine, member, path, member.signature, arguments)
                assert m.error != OWN + "AccessDenied" or member.name == "RegisterAgent", m.text()
    watcher.check()


def test_every_member_at_every_path_where_it_is_not_does_not_exist(bed, people, callers):
    app, _ = people(bed)
    session = app.open(mode="identity")
    app.until(session, "unlocked")
    watcher, stranger = Watcher(bed, app), callers.of(USERS["vdother"])
    paths = objects(app)
    places = [ROOT, ROOT + "/session/0", ROOT + "/lease/1", ROOT + "/card/4294967295", ROOT + "/reader", "/", session,
              ROOT + "/" + "x" * 4000, *(p[0] for p in paths.values() if p)]
    values = Values(random.Random(1))
    for member in MEMBERS:
        home = {ROOT} if member.interface in AT_ROOT else set(paths.get(member.interface) or [])
        for path in places:
            if (path in home or member.interface.startswith("org.freedesktop")) and path != session:
                continue
            arguments = [[] if kind.startswith("a") else values.make(kind) for kind in rawbus.split(member.signature)]
            fds = [os.open("/dev/null", os.O_RDONLY) for kind in member.signature if kind == "h"]
            m = callers.refused(stranger, member, path, member.signature, arguments, fds)
            for fd in fds:
                os.close(fd)
            assert m.error.startswith("org.freedesktop.DBus.Error.Unknown") or m.error == OWN + "LimitsExceeded" or \
                member.name == "Set", m.text()  # which the bus lets nobody send
    app.call("Release", path=session, interface="Session")
    watcher.before["sessions"] = []
    watcher.check("session-ended")


def test_descriptors_of_the_wrong_kind_open_nothing(bed, people, callers):
    app, _ = people(bed)
    watcher = Watcher(bed, app)
    opening = next(m for m in MEMBERS if m.name == "OpenSession")
    for n, (name, make) in enumerate(NO_PATIENT.items()):
        for key in ("patient", "reason"):
            if (name, key) == ("twice", "reason"):
                continue  # a text like any other
            fd = make()
            more = [] if key == "patient" else [("mode", ("s", "bris_de_glace"))]
            m = callers.refused(callers.fresh(n % 7), opening, ROOT, "a{sv}", [more + [(key, ("h", 0))]], [fd])
            os.close(fd)
            assert m.error == OWN + "InvalidArgument", f"{key}, {name}: {m.error} {m.text()}"
    watcher.check()


def test_descriptors_that_no_argument_wants_are_refused_and_closed(bed, people, callers):
    app, _ = people(bed)
    watcher = Watcher(bed, app)
    fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(16)]
    for n, member in enumerate(m for m in MEMBERS if m.interface in AT_ROOT):
        arguments = {"": [], "a{sv}": [[]], "s": ["x"], "o": ["/a"], "oas": ["/a", []], "ss": ["x", "x"],
                     "ssv": ["x", "x", ("u", 0)], "h": [0]}[member.signature]
        for count in (1, 2, 3, 16):
            if count <= 2 and "v" in member.signature or count == member.signature.count("h"):
                continue  # a dictionary of options may name as many; or it is wanted
            m = callers.refused(callers.fresh(n), member, ROOT, member.signature, arguments, fds[:count])
            assert m.error in ANY or member.name == "Set" or \
                (member.name, m.error) == ("ImportReimbursements", OWN + "AccessDenied"), m.error  # polkit's no
    for fd in fds:
        os.close(fd)
    watcher.check()


def test_replies_and_signals_that_nobody_waits_for_change_nothing(bed, people, callers, request):
    app, _ = people(bed)
    rng, watcher = rng_of(request, "replies"), Watcher(bed, app)
    service = callers.fresh(1).ask(rawbus.BUS_PATH, rawbus.BUS, "GetNameOwner", "s", ["org.vitaled1"],
                                       to=rawbus.BUS).args()[0]
    values = Values(rng)
    forged = [("org.freedesktop.DBus", "NameOwnerChanged", "sss", [callers.fresh(1).name] * 2 + [""]),
              ("org.freedesktop.DBus", "NameOwnerChanged", "sss", ["org.freedesktop.PolicyKit1", "", callers.fresh(1).name]),
              ("org.freedesktop.login1.Manager", "PrepareForSleep", "b", [1]),
              (PROPERTIES, "PropertiesChanged", "sa{sv}as", [MANAGER, [("Version", ("s", "2"))], []])]
    for n in range(scale(request, 3000)):
        connection = callers.fresh(n % 5)
        kind = rng.choice([rawbus.RETURN, rawbus.ERROR, rawbus.SIGNAL])
        to = {rawbus.DESTINATION: rng.choice([service, "org.vitaled1"])}
        if kind == rawbus.SIGNAL:
            interface, member, signature, arguments = rng.choice(forged)
            connection.send(kind, {rawbus.PATH: rng.choice(["/org/freedesktop/DBus", ROOT]), rawbus.INTERFACE: interface,
                                   rawbus.MEMBER: member, **to}, signature, arguments)
            continue
        signature = rng.choice(["", "(bba{ss})", "a{sv}", "h", "s", values.other_signature("")])
        arguments = [(1, 0, [])] if signature == "(bba{ss})" else [values.make(k) for k in rawbus.split(signature)]
        fds = [os.open("/dev/null", os.O_RDONLY)] if signature == "h" else []
        extra = {rawbus.ERROR_NAME: "org.x.No"} if kind == rawbus.ERROR else {}
        connection.send(kind, {rawbus.REPLY_SERIAL: rng.randrange(1, 4000), **extra, **to}, signature, arguments, fds,
                        flags=rawbus.NO_REPLY)
        for fd in fds:
            os.close(fd)
    for connection in callers.open.values():
        assert connection.ask(ROOT, MANAGER, "Diagnose").error is None
    watcher.check()


def metadata(size, digest=None):
    return json.dumps({"format": 1, "type": "consultation", "title": "t", "date": "2026-11-21", "mime": "text/plain",
                       "size": size, "sha256": digest or hashlib.sha256(b"x" * size).hexdigest(), "flags": []}).encode()


def told(mine, path, member, signature="", values=()):
    """The JSON that a call on the dossier answers."""
    mine.kept = []
    m = mine.ask(path, PREFIX + "Dossier", member, signature, values)
    fds, mine.kept = mine.kept, None
    assert m.error is None, m.text()
    with os.fdopen(fds[0], "rb") as f:
        return json.load(f)


def unlock(mine, *intents):
    """Path of a session of @mine that is unlocked."""
    made = mine.ask(ROOT, MANAGER, "OpenSession", "a{sv}", [[("intent", ("as", list(intents)))]])
    path = made.args()[0]

    def state():
        return mine.ask(path, PROPERTIES, "Get", "ss", [PREFIX + "Session", "State"]).args()[0]
    wait_for(lambda: state() == "unlocked", 30)
    return path


@pytest.fixture
def unlocked(bed, people, callers):
    """(connection, path) of a hostile caller that has a dossier of its own."""
    app, _ = people(bed, choice_beneficiary=[0], choice_structure=[0])
    mine = callers.of(USERS["vdapp"])
    path = unlock(mine, "consult", "feed", "create")
    assert mine.ask(path, PREFIX + "Dossier", "Create", "a{sv}", [[]]).error is None
    return app, mine, path


def test_an_unlocked_dossier_bears_any_argument(bed, unlocked, callers, request):
    app, mine, path = unlocked
    rng, watcher = rng_of(request, "dossier"), Watcher(bed, app)
    values = Values(rng)
    for member in MEMBERS:
        if member.interface not in (PREFIX + "Session", PREFIX + "Dossier"):
            continue
        for arguments in WRONG.get(member.name, []):
            callers.refused(mine, member, path, member.signature, arguments)
        for _ in range(scale(request, 100)):
            signature = values.other_signature(member.signature)
            arguments = [values.make(kind) for kind in rawbus.split(signature)]
            callers.refused(mine, member, path, signature, arguments)
    assert mine.ask(path, PREFIX + "Dossier", "Summary").error is None  # it is unlocked still
    watcher.check("denied", "dossier-summary", "document-read", "document-flagged", "dossier-listed", "history-read",
                  "document-archived", "document-deleted", "people-listed", "treating-doctor", "opposition")


def test_who_is_named_in_no_good_way_is_nobody(bed, people, callers):
    app, _ = people(bed, choice_beneficiary=[0], choice_structure=[0])
    mine = callers.of(USERS["vdapp"])
    path = unlock(mine, "consult", "create", "authorise", "treating-doctor")
    assert mine.ask(path, PREFIX + "Dossier", "Create", "a{sv}", [[]]).error is None
    assert mine.ask(path, PREFIX + "Dossier", "SetTreatingDoctor", "b", [1]).error is None  # who may block
    watcher = Watcher(bed, app)
    members = [m for m in MEMBERS if m.name in WHO]

    def refused(member, fd, what, error="InvalidArgument"):
        m = callers.refused(mine, member, path, member.signature, [0, 1][:len(member.signature)], [fd])
        os.close(fd)
        assert m.error == OWN + error, f"{member}: {what}: {m.error} {m.text()}"
    for member in members:
        for name, make in NO_PATIENT.items():
            if name != "twice":
                refused(member, make(), name)
        for name, text in nobody().items():
            refused(member, memfd(text), name)
        if member.name == "Authorise":  # of others, by a professional
            refused(member, memfd(json.dumps({"id": ME}).encode()), "another", "NotPermitted")
            for until in no_end(time.time_ns() // 1000):
                refused(member, memfd(json.dumps({"id": ME, "until": until}).encode()), f"until {until}")
        else:
            refused(member, memfd(json.dumps({"id": ME, "until": 2**51}).encode()), "until, which it does not take")
    people_of = told(mine, path, "ListProfessionals")
    assert people_of["authorised"] == people_of["blocked"] == people_of["oppositions"] == []
    watcher.check("denied", "authorised", "revoked", "blocked", "people-listed")


def test_the_ids_of_another_dossier_are_no_documents(bed, people, callers):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    mine, ids = callers.of(USERS["vdapp"]), []
    for person in (0, 1):
        agent.answers(choice_beneficiary=[person])
        path = unlock(mine, "consult", "feed", "create")
        assert mine.ask(path, PREFIX + "Dossier", "Create", "a{sv}", [[]]).error is None
        fds = [pipe_of(b"xxxx"), memfd(metadata(4))]
        ids.append(mine.ask(path, PREFIX + "Dossier", "Add", "hh", [0, 1], fds=fds).args()[0])
        for fd in fds:
            os.close(fd)
        if person == 0:
            assert mine.ask(path, PREFIX + "Session", "Release").error is None
    watcher = Watcher(bed, app)
    by_name = {m.name: m for m in MEMBERS if m.interface == PREFIX + "Dossier"}
    for name, rest in (("Read", []), ("Archive", [1]), ("Archive", [0]), ("Delete", []), ("Replace", [0, 1]),
                       ("SetVisibility", ["masque_ps", 1])):
        fds = [pipe_of(b"xxxx"), memfd(metadata(4))] if name == "Replace" else []
        m = callers.refused(mine, by_name[name], path, by_name[name].signature, [ids[0], *rest], fds)
        assert m.error == OWN + "NoSuchDocument", f"{name}: {m.error} {m.text()}"
        for fd in fds:
            os.close(fd)
    assert [row["id"] for row in told(mine, path, "List", "a{sv}", [[]])] == ids[1:]
    watcher.check("denied", "document-read", "document-archived", "document-deleted", "document-replaced",
                  "document-flagged", "dossier-listed")


def feed(fd, data, forever=False):
    def run():
        with contextlib.suppress(OSError):
            os.write(fd, data)
            while forever:
                os.write(fd, data)
        os.close(fd)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("name", ["Add", "Replace"])
def test_documents_that_are_not_what_they_say_are_not_filed(bed, unlocked, callers, name):
    app, mine, path = unlocked
    before = []
    if name == "Replace":
        fds = [pipe_of(b"old"), memfd(metadata(3, hashlib.sha256(b"old").hexdigest()))]
        before = mine.ask(path, PREFIX + "Dossier", "Add", "hh", [0, 1], fds=fds).args()
        for fd in fds:
            os.close(fd)
    watcher = Watcher(bed, app)
    member = next(m for m in MEMBERS if m.name == name)

    def refused(content, meta, name):
        m = callers.refused(mine, member, path, member.signature, [*before, 0, 1], [content, meta])
        assert m.error in (OWN + "InvalidArgument", OWN + "LimitsExceeded"), f"{name}: {m.error} {m.text()}"
        os.close(content)
        os.close(meta)
        return m

    for kind, make in NO_CONTENT.items():
        refused(make(), memfd(metadata(4)), "content: " + kind)
    for kind, make in NO_PATIENT.items():
        refused(pipe_of(b"xxxx"), make(), "metadata: " + kind)
    refused(pipe_of(b"xxxx"), memfd(metadata(2**62, "0" * 64)), "a size of 2^62")
    refused(pipe_of(b"xxxx"), memfd(metadata(-1, "0" * 64)), "a negative size")
    refused(pipe_of(b"xxx"), memfd(metadata(4)), "ends early")
    refused(pipe_of(), memfd(metadata(4)), "ends at once")
    refused(pipe_of(b"xxxxx"), memfd(metadata(4)), "exceeds its size")
    refused(pipe_of(b"yyyy"), memfd(metadata(4)), "another content")
    keep = []
    endless = pipe_of(keep=keep)
    thread = feed(keep.pop(), b"x" * 65536, forever=True)
    refused(endless, memfd(metadata(100000)), "never ends")
    thread.join(20)
    assert not thread.is_alive()
    rows = told(mine, path, "List", "a{sv}", [[("status", ("s", "all"))]])  # the dossier's process lives
    assert [(row["id"], row["status"]) for row in rows] == [(ident, "active") for ident in before]
    watcher.check("denied", "document-added", "document-replaced", "dossier-listed")


@pytest.mark.minutes
def test_a_pipe_that_says_nothing_is_given_up_and_others_are_served(bed, unlocked, callers):
    app, mine, path = unlocked
    keep = []
    content, meta = pipe_of(b"x", keep=keep), memfd(metadata(4))
    mine.socket.settimeout(120)
    serial = mine.call(path, PREFIX + "Dossier", "Add", "hh", [0, 1], fds=[content, meta])
    assert app.call("Diagnose") is not None  # while it waits
    assert mine.ask(path, PROPERTIES, "GetAll", "s", [PREFIX + "Session"]).error is None
    assert mine.reply(serial).error == OWN + "Timeout"
    for fd in (content, meta, *keep):
        os.close(fd)
