# SPDX-License-Identifier: EUPL-1.2
"""The record leaves the machine, forgets what is too old, and goes on when the disk is full.

A real rsyslogd reads the socket as a site's would, and forwards by TLS to a second one; both have keys of a
CA that openssl makes here. Messages are judged by a pattern of RFC 5424, by expat and against the export.
"""
import base64
import contextlib
import hashlib
import os
import random
import re
import signal
import socket
import subprocess
import time
import xml.etree.ElementTree as ET

import pytest

from actor import BusError
from bed import wait_for
from conftest import audit_is_whole
from test_consultation import open_dossier
from test_emergency import add, emergency, lock, opened
from test_faults import ended

# RFC 5424 section 6: PRI VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG
HEADER = re.compile(r"<(8[45])>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})(?:Z|\+00:00) ([!-~]{1,255}) vitaled - "
                    r"(IHE\+RFC-3881|DICOM\+RFC3881) \[meta sequenceId=\"(\d+)\"\] \ufeff(<\?xml .*)", re.S)
YEARS_AHEAD = """
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t c, struct timespec *t)
{
	long r = syscall(SYS_clock_gettime, c, t);
	if (r == 0 && c == CLOCK_REALTIME)
		t->tv_sec += 4L * 366 * 86400;
	return (int)r;
}
"""


# -- rsyslog as a site has it ------------------------------------------------------------------------

def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


def make_keys(folder):
    """ca.pem, and NAME.pem with NAME.key of log.example and desk.example."""
    os.makedirs(folder)
    ca = [os.path.join(folder, f"ca.{end}") for end in ("key", "pem")]
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", ca[0], "-out", ca[1], "-days", "2",
            "-subj", "/CN=site CA")
    for name in ("log.example", "desk.example"):
        key, request, cert, names = (os.path.join(folder, f"{name}.{end}") for end in ("key", "csr", "pem", "ext"))
        with open(names, "w", encoding="utf-8") as f:
            f.write(f"subjectAltName=DNS:{name}\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", ca[1], "-CAkey", ca[0], "-CAcreateserial", "-out", cert,
                "-days", "2", "-extfile", names)


class Log:
    """A site's rsyslogd (and the central one that it forwards to) in the bed's folder."""

    def __init__(self, bed, stream=False, forward=False):
        self.bed, self.forward = bed, forward
        self.socket = bed.path("site", "vitaled")
        os.makedirs(bed.path("site"), exist_ok=True)
        os.chmod(bed.path("site"), 0o755)
        self.files = {name: bed.path("site", name + ".log") for name in ("site", "central")}
        if forward:
            make_keys(bed.path("keys"))
            self.port = self.free_port()
            self.write("central", self.tls("log.example") + f"""
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name"
       PermittedPeer=["desk.example"])
input(type="imtcp" address="127.0.0.1" port="{self.port}")
""" + self.file("central"))
        where = f'imptcp" path="{self.socket}" unlink="on" FileCreateMode="0666' if stream else \
            f'imuxsock" Socket="{self.socket}" UseSpecialParser="off" ParseHostname="on" UseSysTimeStamp="off" IgnoreTimestamp="off'
        self.write("site", (self.tls("desk.example") if forward else "") + f"""
{'module(load="imptcp")' if stream else 'module(load="imuxsock" SysSock.Use="off")'}
input(type="{where}")
""" + self.file("site") + (f"""
action(type="omfwd" target="127.0.0.1" port="{self.port}" protocol="tcp" TCP_Framing="octet-counted"
       StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name"
       StreamDriverPermittedPeers="log.example" template="RSYSLOG_SyslogProtocol23Format"
       queue.type="LinkedList" queue.filename="forward" queue.saveOnShutdown="on" action.resumeRetryCount="-1"
       action.resumeInterval="1")
""" if forward else ""))

    @staticmethod
    def free_port():
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return s.getsockname()[1]

    def tls(self, name):
        keys = self.bed.path("keys")
        return (f'global(DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="{keys}/ca.pem"\n'
                f'  DefaultNetstreamDriverCertFile="{keys}/{name}.pem" DefaultNetstreamDriverKeyFile="{keys}/{name}.key")\n')

    def file(self, name):
        return (f'template(name="raw" type="string" string="%rawmsg%\\n")\n'
                f'action(type="omfile" file="{self.files[name]}" template="raw")\n')

    def write(self, name, text):
        folder = self.bed.path("site", name + ".d")
        os.makedirs(folder)
        with open(self.bed.path("site", name + ".conf"), "w", encoding="utf-8") as f:
            f.write(f'global(workDirectory="{folder}")\n'
                    f'main_queue(queue.type="LinkedList" queue.filename="main" queue.saveOnShutdown="on")\n' + text)

    def start(self):
        for name in ("central", "site") if self.forward else ("site",):
            if name not in self.bed.processes:
                self.bed.spawn(name, ["rsyslogd", "-n", "-f", self.bed.path("site", name + ".conf"),
                                      "-i", self.bed.path("site", name + ".pid")])
        wait_for(lambda: os.path.exists(self.socket), 20)

    def stop(self, name="site"):
        self.bed.end(name, 20)

    def messages(self, name="site"):
        """[(sequence, header, AuditMessage)] in the order of arrival; each must be what it has to be."""
        found = []
        with contextlib.suppress(FileNotFoundError), open(self.files[name], encoding="utf-8", newline="\n") as f:
            text = f.read()
            for line in text[:text.rfind("\n") + 1].splitlines():
                m = HEADER.fullmatch(line)
                assert m, line
                found.append((int(m[5]) - 1, m, ET.fromstring(m[6])))
        return found

    def sequences(self, name="site"):
        """Numbers of the entries, each once, in the order in which they came first."""
        return list(dict.fromkeys(n for n, _, _ in self.messages(name)))

    def has_all(self, size, name="site", seconds=40):
        with contextlib.suppress(TimeoutError):
            wait_for(lambda: len(self.sequences(name)) >= size, seconds, 0.1)
        assert len(self.sequences(name)) >= size, (size, self.sequences(name)[-5:], self.bed.log(name))
        assert self.sequences(name) == list(range(len(self.sequences(name))))


def details(message):
    last = message.findall("ParticipantObjectIdentification")[-1]
    return {d.get("type"): base64.b64decode(d.get("value")) for d in last.findall("ParticipantObjectDetail")}


def consult(bed, people, app=None):
    """One consultation; its application."""
    if app is None:  # whose agent is registered with this broker
        app, _ = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    with contextlib.suppress(BusError):  # it is there already
        app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    app.call("List", {"a{sv}": {}}, path=session, interface="Dossier")
    app.call("Release", path=session, interface="Session")
    return app


def size_of(app):
    return int(app.call("GetCheckpoint").splitlines()[1])


@pytest.fixture
def logged(make_bed):
    """make(stream=…, forward=…): (bed, log), the log running."""
    def make(start=True, **how):
        bed = make_bed(config="[record]\nsyslog = /nonexistent")
        bed.end("vitaled")
        subprocess.run(["rm", "-rf", bed.path("state")], check=True)
        os.makedirs(bed.path("state"))
        os.chown(bed.path("state"), 64101, 64101)
        os.chmod(bed.path("state"), 0o700)
        log = Log(bed, **how)
        bed.extra = f"[record]\nsyslog = {log.socket}"
        bed.write_config()
        if start:
            log.start()
        bed.start_broker()
        return bed, log
    return make


def test_each_entry_reaches_the_site_and_by_tls_the_central_log(logged, people):
    bed, log = logged(forward=True)
    app = consult(bed, people)
    entries = audit_is_whole(bed, app)
    for name in ("site", "central"):
        log.has_all(len(entries), name)
        for number, header, message in log.messages(name)[:len(entries)]:
            entry = entries[number]
            said = details(message)
            assert message.tag == "AuditMessage" and message[0].find("EventID").get("codeSystemName") == "DCM"
            assert message[0].findall("EventTypeCode")[-1].get("csd-code") == entry["event"]
            assert message[0].get("EventDateTime") == header[2] + "Z"
            assert message.find("AuditSourceIdentification").get("AuditSourceID") == "bed.vitaled.example/record"
            assert said["session"].decode() == entry["session"] if "session" in entry else "session" not in said
            users = [p.get("UserID") for p in message.findall("ActiveParticipant")]
            assert "vitaled" in users and ("professional" not in entry or entry["professional"] in users)
            patients = [o.get("ParticipantObjectID") for o in message.findall("ParticipantObjectIdentification")
                        if o.get("ParticipantObjectTypeCodeRole") == "1"]
            assert patients == [entry[k] for k in ("pseudonym",) if k in entry]
    assert {"unlocked", "dossier-created", "dossier-listed"} <= {e["event"] for e in entries}


def test_the_leaves_at_the_site_lead_to_the_records_own_checkpoint(logged, people):
    """Whoever holds the messages can hold the record against them years later."""
    bed, log = logged()
    app = consult(bed, people)
    size, root = app.call("GetCheckpoint").splitlines()[1:3]
    log.has_all(int(size))
    level = []  # (leaves, hash): complete subtrees from the left
    for _, _, message in log.messages()[:int(size)]:
        level.append((1, details(message)["leaf"]))
        while len(level) > 1 and level[-1][0] == level[-2][0]:
            right, left = level.pop(), level.pop()
            level.append((2 * left[0], hashlib.sha256(b"\x01" + left[1] + right[1]).digest()))
    whole = level.pop()[1]
    while level:
        whole = hashlib.sha256(b"\x01" + level.pop()[1] + whole).digest()
    assert base64.b64encode(whole).decode() == root


def test_nothing_of_the_patient_but_the_pseudonym_leaves(logged, people):
    bed, log = logged()
    app = consult(bed, people)
    log.has_all(size_of(app))
    with open(log.files["site"], encoding="utf-8") as f:
        text = f.read()
    decoded = " ".join(v.decode("utf-8", "replace") for _, _, m in log.messages() for k, v in details(m).items() if k != "leaf")
    with open(os.path.join(os.path.dirname(__file__), "../../drivers/sim/profiles/vitale-family.json"), encoding="utf-8") as f:
        profile = f.read()
    names = set(re.findall(r'"(?:name|given|surname|birth[a-z_-]*|nir|[a-z-]*name)": *"([^"]{3,})"', profile))
    assert len(names) > 3  # what is looked for is there
    for word in names:
        assert word not in text and word not in decoded, word


@pytest.mark.parametrize("stream", [False, True], ids=["datagrams", "stream"])
def test_a_log_that_is_stopped_and_started_gets_all_in_order(logged, people, stream):
    bed, log = logged(stream=stream)
    app = None
    for stops in range(3):
        app = consult(bed, people, app)
        if stops == 1:
            bed.processes["site"].send_signal(signal.SIGSTOP)  # it hangs: nobody waits for it
        if stops < 2:
            consult(bed, people, app)
        if stops == 1:
            bed.processes["site"].send_signal(signal.SIGCONT)
        log.stop()
        consult(bed, people, app)  # nobody listens, and care goes on
        log.start()
    log.has_all(size_of(app))
    audit_is_whole(bed, app)


def test_a_service_that_was_killed_sends_what_was_not_taken(logged, people):
    bed, log = logged(start=False)
    app = consult(bed, people)
    with_log = size_of(app)
    bed.processes["vitaled"].kill()
    bed.end("vitaled")
    log.start()
    bed.start_broker()
    app = consult(bed, people)
    log.has_all(size_of(app))
    assert size_of(app) > with_log
    bed.end("vitaled")
    before = len(log.messages())
    bed.start_broker()  # a clean end is followed by nothing that was sent already
    app = consult(bed, people)
    log.has_all(size_of(app))
    assert before <= len(log.messages()) <= before + size_of(app)
    audit_is_whole(bed, app)


def test_a_log_that_does_not_listen_is_found_and_stops_nobody(logged, people):
    bed, log = logged(start=False)
    app = consult(bed, people)

    def found():
        return [f for f in app.call("Diagnose") if f["name"] == "record-behind"]
    assert wait_for(found, 60, 0.5)[0]["socket"] == log.socket
    assert found()[0]["entries"] >= size_of(app) - 1
    wait_for(lambda: "record-behind" in bed.log("vitaled"), 30, 0.2)
    log.start()
    log.has_all(size_of(app))
    wait_for(lambda: not found(), 20, 0.2)


# -- retention ---------------------------------------------------------------------------------------

def years_ahead(bed):
    """The broker's environment in which it is four years later."""
    source, library = bed.path("ahead.c"), bed.path("ahead.so")
    with open(source, "w", encoding="utf-8") as f:
        f.write(YEARS_AHEAD)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return {"LD_PRELOAD": library,
            "ASAN_OPTIONS": ":".join(filter(None, [bed.env.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))}


def pruned(app):
    return sum(e is None for e in app.call("ExportAudit", {"a{sv}": {}})["entries"])


@contextlib.contextmanager
def in_four_years(bed):
    today = dict(bed.env)
    bed.env.update(years_ahead(bed))
    try:
        bed.start_broker()
        yield
    finally:
        bed.end("vitaled")
        bed.env.clear()
        bed.env.update(today)


def exchange(bed, other):
    """The folder of dossiers and @other change places."""
    here, aside = bed.path("state/dossiers"), bed.path("aside")
    for a, b in ((here, aside), (other, here), (aside, other)):
        os.rename(a, b)


def test_what_is_three_years_old_goes_across_kills_and_a_rolled_back_store_is_still_found(make_bed, people):
    bed = make_bed()
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = opened(app)
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    lock(app, session)
    wait_for(lambda: app.call("GetCheckpoint"))
    subprocess.run(["cp", "-a", bed.path("state/dossiers"), bed.path("older")], check=True)
    session = opened(app, intent=["consult", "feed"])
    document = add(app, session)
    for _ in range(700):
        app.call("List", {"a{sv}": {}}, path=session, interface="Dossier")
    lock(app, session)
    old = size_of(app)
    bed.end("vitaled")
    for _ in range(4):  # steps of 128 every 20 ms, two seconds after the start
        with in_four_years(bed):
            time.sleep(random.uniform(1.9, 2.2))
            bed.processes["vitaled"].kill()
    with in_four_years(bed):
        app, agent = people(bed)
        wait_for(lambda: pruned(app) >= old, 20, 0.2)
        assert audit_is_whole(bed, app)
    exchange(bed, bed.path("older"))
    bed.start_broker()
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = app.open(intent=["consult"])
    state, reason = ended(app, session)
    assert reason == "store-unavailable"  # of version 1; the record has forgotten who wrote 2, not that it is 2
    exchange(bed, bed.path("older"))
    session = opened(app, intent=["consult"])
    rows = app.call("List", {"a{sv}": {}}, path=session, interface="Dossier")
    assert [r["id"] for r in rows] == [document]
    lock(app, session)
    entries = audit_is_whole(bed, app)
    told = [e["details"] for e in entries if e["event"] == "pruned" and "last" in e["details"]]
    assert [t["first"] for t in told] == [0] + [t["last"] + 1 for t in told[:-1]]
    assert told[-1]["last"] >= old - 1
    kept = [e for e in entries if e["event"] == "pruned" and "kept-from" in e["details"]]
    assert len(kept) == 1 and "professional" not in kept[0]


def test_a_retention_that_is_no_time_is_refused(make_bed):
    bed = make_bed(config="[record]\nretention = 0")
    bed.end("vitaled")
    for text, good in (("3 y", True), ("1096 d", True), ("100 y", True), ("101 y", False), ("3", False),
                       ("-1 d", False), ("3 months", False), ("y", False), ("", False)):
        bed.extra = f"[record]\nretention = {text}"
        bed.write_config()
        if good:
            bed.start_broker()
            assert bed.end("vitaled") == 0, text
        else:
            bed.start_broker(wait=False)
            assert bed.processes["vitaled"].wait(10) == 78, text
            bed.end("vitaled")


# -- a full disk -------------------------------------------------------------------------------------

def fill(bed):
    with open(bed.path("state", "filler"), "wb", 0) as f:
        for piece in (1 << 16, 1 << 12):
            with contextlib.suppress(OSError):
                while f.write(bytes(piece)):
                    pass


def test_on_a_full_disk_emergencies_open_and_are_recorded_and_nothing_else_is(make_bed, people):
    bed = make_bed(state_size="64m")  # of which an eighth is kept for them
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = opened(app)
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    document = add(app, session)
    fill(bed)
    with pytest.raises(BusError) as e:  # what is beyond the reserve is used up first
        for _ in range(900):
            app.call("List", {"a{sv}": {}}, path=session, interface="Dossier")
    assert e.value.short == "AuditUnavailable"
    assert ended(app, session) == ("locked", "audit-unavailable")
    with pytest.raises(BusError) as e:
        app.open(intent=["consult"])
    assert e.value.short == "AuditUnavailable"
    for _ in range(3):
        session = emergency(app, intent=["consult"])
        app.until(session, "unlocked")
        rows = app.call("List", {"a{sv}": {}}, path=session, interface="Dossier")
        assert [r["id"] for r in rows] == [document]
        assert app.call("Read", document, path=session, interface="Dossier")[0]["text"] == "note"
        lock(app, session)
    assert [f["cause"] for f in app.call("Diagnose") if f["name"] == "audit-unavailable"] == ["disk full"]
    bed.end("vitaled")
    bed.start_broker()  # also after a start on the full disk
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = emergency(app, intent=["consult"])
    app.until(session, "unlocked")
    lock(app, session)
    with pytest.raises(BusError) as e:
        app.open(intent=["consult"])
    assert e.value.short == "AuditUnavailable"
    os.unlink(bed.path("state", "filler"))
    lock(app, opened(app, intent=["consult"]))
    entries = audit_is_whole(bed, app)
    glass = [e["event"] for e in entries if e.get("mode") == "bris_de_glace"]
    assert glass.count("emergency") == glass.count("unlocked") == glass.count("session-ended") == 4
    assert glass.count("document-read") == 3
    assert ("audit-unavailable", "session-ended") in [(e.get("outcome"), e["event"]) for e in entries]
    assert not [f for f in app.call("Diagnose") if f["name"] == "audit-unavailable"]
