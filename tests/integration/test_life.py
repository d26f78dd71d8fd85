# SPDX-License-Identifier: EUPL-1.2
"""The dossier's life: closed with a reason and reopened, exported whole and readable by other programs, erased ten
years later and not before; what a broken store, a reader that leaves and a killed broker come to."""
import hashlib
import json
import os
import re
import signal
import subprocess
import time
import zipfile

import jsonschema
import pytest

from bed import ROOT, wait_for
from conftest import audit_is_whole, cards, pids
from test_consultation import add, metadata
from test_dossier import GP, do, ids, lock, refused, who
from test_fault_list import clock  # noqa: F401 (a fixture)

CONFIG = """
[pair caisse]
professional-reader = Vitale Sim 00 00
patient-reader = Vitale Sim 00 01

[pair borne]
patient-reader = Vitale Sim 01 00
self-service = yes

[agent display]
capability = patient-display
pair = borne
user = vddisplay
"""
PERSONAL = "246810"
WHY = "Je déménage à l'étranger.\nMerci."
YEARS = 10
DAY = 86400 * 1000000
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(1, 200))


class Place:
    """A counter with the dossier of the card's holder, and a kiosk at which they are alone."""

    def __init__(self, bed, people):
        self.bed, self.people = bed, people
        self.start()

    def start(self):
        """Everybody comes to the bus, anew after the broker was."""
        self.app, self.agent = self.people(self.bed, choice_beneficiary=[0], choice_structure=[0],
                                           code_patient_code=[PERSONAL])
        self.other = self.people.actor(self.bed, "vdother")
        self.display = self.people.actor(self.bed, "vddisplay")
        self.display.agent("patient-display", code_patient_code=[PERSONAL], code_new_code=[PERSONAL])

    def carry(self, pair, professional=None):
        """The Vitale is put in there; @professional into the counter's other slot."""
        for slot in (1, 2):
            self.bed.sim(f"remove {slot}")
        wait_for(lambda: "vitale" not in cards(self.app).values())
        if professional:
            self.bed.sim(f"replace 0 {professional}")
        self.bed.sim("insert %d vitale-family" % (1 if pair == "caisse" else 2))
        wait_for(lambda: sorted(cards(self.app).values()) in (["cps", "vitale"], ["cpa", "vitale"]))

    def desk(self, *intents, mode="normal", professional="cps4-gp"):
        self.carry("caisse", professional)
        session = self.app.open(pair="caisse", mode=mode, intent=list(intents))
        self.app.until(session, "unlocked")
        return session

    def fund(self, *intents):
        return self.desk(*intents, mode="administration", professional="cps4-fund")

    def alone(self):
        self.carry("borne")
        session = self.other.open(pair="borne", mode="patient")
        self.other.until(session, "unlocked")
        return session

    def found(self):
        """The dossier is there, with the patient's personal code; @self.documents: by name."""
        session = self.fund("create", "code")
        do(self.app, session, "Create", {"a{sv}": {}})
        do(self.app, session, "IssueActivationCode")
        told = self.agent.event("inform", what="activation-code")["facts"]["code"]
        lock(self.app, session)
        code = told["text"] if isinstance(told, dict) else f"{told:08}"
        self.display.answers(code_patient_code=[code])
        session = self.alone()
        do(self.other, session, "SetPersonalCode")
        lock(self.other, session)
        self.display.answers(code_patient_code=[PERSONAL])

    def close(self):
        session = self.alone()
        do(self.other, session, "Close", {"fd": WHY})
        return session


@pytest.fixture
def bed(make_bed):
    return make_bed("cps4-fund", None, None, readers="2,1", config=CONFIG)


@pytest.fixture
def place(bed, people):
    made = Place(bed, people)
    made.found()
    return made


def told(entries, event):
    return [(e["outcome"], e.get("details", {})) for e in entries if e["event"] == event]


def stores(bed, *endings):
    found = []
    for folder, _, names in os.walk(bed.path("state/dossiers")):
        found += [n for n in names if n.endswith(endings or (".key", ".dossier", "-wal"))]
    return sorted(found)


# -- closing ------------------------------------------------------------------------------------------

def test_a_dossier_is_closed_by_the_patient_and_good_for_nothing_but_being_taken_along_until_it_is_reopened(place):
    app, other = place.app, place.other
    session = place.desk("consult", "feed")
    ident = add(app, session, "a note")
    lock(app, session)
    session = place.alone()
    for bad in ("", "   \n", "x" * 1001, "a\x07b", b"\xff\xfe".decode("latin-1") * 1001):
        assert refused(other, session, "Close", {"fd": bad}) == "InvalidArgument"
    for bad in ({"unsealed": WHY}, {"file": ["/etc/hostname", "read"]}, {"pipe": WHY}):
        assert refused(other, session, "Close", bad) == "InvalidArgument"
    assert refused(other, session, "Reopen") == "WrongState"
    do(other, session, "Close", {"fd": WHY})
    assert other.get(session, "Dossier", "State") == "closed"
    for method, args in (("List", [{"a{sv}": {}}]), ("Summary", []), ("Read", [ident]), ("Delete", [ident]),
                         ("ListProfessionals", []), ("SetVisibility", [ident, "masque_ps", True]),
                         ("Close", [{"fd": WHY}]), ("SetOpposition", ["centre_15", True]), ("SetPersonalCode", []),
                         ("Add", [{"pipe": "x"}, {"fd": metadata("x")}])):
        assert refused(other, session, method, *args) == "WrongState", method
    assert any(e["event"] == "dossier-closed" for e in do(other, session, "History", {"a{sv}": {}}))
    lock(other, session)

    place.carry("caisse", "cps4-gp")
    for intents in (["consult"], ["consult", "feed"]):
        session = app.open(pair="caisse", intent=intents)
        assert app.ended(session)[1] == "wrong-state"
    session = place.alone()  # the next day
    assert other.get(session, "Dossier", "State") == "closed"
    lock(other, session)
    session = place.desk("create", "consult")  # any professional may reopen it, with the patient's consent
    assert app.get(session, "Dossier", "State") == "closed"
    for method in ("List", "History", "Export"):
        assert refused(app, session, method, {"a{sv}": {}}) == "WrongState", method
    do(app, session, "Reopen")
    assert app.get(session, "Dossier", "State") == "open" and ids(app, session) == [ident]
    lock(app, session)

    record = audit_is_whole(place.bed, app)
    (started, closing), (ok, closed) = told(record, "dossier-closed")
    assert (started, ok) == ("started", "ok") and closing == closed
    assert closed["reason-sha256"] == hashlib.sha256(WHY.encode()).hexdigest()
    now = time.gmtime()
    until = time.gmtime(closed["until"] / 1000000)
    assert until.tm_year - now.tm_year in (YEARS, YEARS - 1) and abs(closed["until"] / 1e6 - time.time() - 3652.5 * 86400) < 2 * 86400
    assert [o for o, _ in told(record, "dossier-reopened")] == ["started", "ok"]
    assert "déménage" not in json.dumps(record, ensure_ascii=False)


def test_the_fund_closes_it_with_the_patient_s_code_and_reopens_it(place):
    app, agent = place.app, place.agent
    session = place.fund("close", "create")
    agent.answers(code_patient_code=["error"])
    assert refused(app, session, "Close", {"fd": WHY}) in ("Cancelled", "CodeWrong")
    assert app.get(session, "Dossier", "State") == "open"
    agent.answers(code_patient_code=[PERSONAL])
    do(app, session, "Close", {"fd": WHY})
    do(app, session, "Reopen")
    assert app.get(session, "Dossier", "State") == "open"
    lock(app, session)
    session = place.desk("consult")  # at a practice nobody does
    assert refused(app, session, "Close", {"fd": WHY}) in ("intent", "role-forbidden")
    lock(app, session)


# -- export -------------------------------------------------------------------------------------------

def schema():
    """doc/export.schema.json with what it refers to."""
    texts = {}
    for name in ("metadata", "export"):
        with open(os.path.join(ROOT, f"doc/{name}.schema.json"), encoding="utf-8") as f:
            texts[name] = f.read()
    made, other = json.loads(texts["export"].replace("urn:vitaled:metadata:1#", "#")), json.loads(texts["metadata"])
    made["$defs"] |= other["$defs"]
    jsonschema.Draft202012Validator.check_schema(made)
    return made


def judged(path):
    """index.json and history.json of a ZIP that python, unzip and jq take, and that is as its schema says."""
    assert subprocess.run(["unzip", "-tqq", path], capture_output=True).returncode == 0
    with zipfile.ZipFile(path) as z:
        assert z.testzip() is None
        names = z.namelist()
        index, history = json.loads(z.read("index.json")), json.loads(z.read("history.json"))
        text = z.read("README.txt").decode()
        contents = {n: z.read(n) for n in names if n.startswith("documents/")}
        assert all(i.external_attr >> 16 == 0o100600 for i in z.infolist())
    assert len(set(names)) == len(names) and re.search("CE DOSSIER.*THIS DOSSIER", text, re.S)
    done = subprocess.run(["jq", "-r", ".documents[] | select(.file) | .file"], text=True, capture_output=True,
                          input=json.dumps(index))
    assert sorted(done.stdout.split()) == sorted(contents)
    for d in index["documents"]:
        if "file" in d:
            content = contents[d["file"]]
            assert (len(content), hashlib.sha256(content).hexdigest()) == (d["size"], d["sha256"])
    jsonschema.Draft202012Validator(schema()).validate(index)
    return index, history, contents


def saved(place, session, name="dossier.zip"):
    """The ZIP of an export, in a file."""
    got = do(place.other, session, "Export", {"a{sv}": {}})
    path = place.bed.path(name)
    with open(path, "wb") as f:
        f.write(bytes.fromhex(got["hex"]))
    return path


def test_everything_goes_along_in_one_zip_that_other_programs_read_also_of_a_closed_dossier(place):
    app, other, bed = place.app, place.other, place.bed
    session = place.desk("consult", "feed", "authorise", "treating-doctor")
    first = add(app, session, "first", title="Été")
    second = do(app, session, "Replace", first, {"pipe": "second " * 30000},
                {"fd": metadata("second " * 30000, title="Hiver")})
    masked = add(app, session, "masked", title="Masqué", flags=["masque_ps"])
    secret = add(app, session, "not yet", title="Diagnostic", flags=["invisible_patient"])
    gone = add(app, session, "gone", title="Erreur")
    archived = add(app, session, "archived", title="Ancien")
    allergy = add(app, session, "", title="Allergie", entry={"kind": "allergy", "substance": "Pénicilline"})
    do(app, session, "Delete", gone)
    do(app, session, "Archive", archived, True)
    do(app, session, "SetTreatingDoctor", True)
    do(app, session, "Authorise", who(GP))
    lock(app, session)

    session = place.alone()
    assert refused(other, session, "Export", {"a{sv}": {"format": "tar"}}) == "InvalidArgument"
    index, history, contents = judged(saved(place, session))
    by_id = {d["id"]: d for d in index["documents"]}
    assert set(by_id) == {first, second, masked, gone, archived, allergy}
    assert [by_id[i]["status"] for i in (first, second, gone, archived)] == ["replaced", "active", "deleted", "archived"]
    assert contents[by_id[second]["file"]] == b"second " * 30000 and by_id[second]["title"] == "Hiver"
    assert "file" not in by_id[gone] and "file" not in by_id[allergy] and by_id[allergy]["entry"]["substance"] == "Pénicilline"
    assert index["dossier"]["state"] == "open" and index["people"]["treating-doctor"]["id"]
    assert [type(p["without-card"]) for p in index["people"]["authorised"]] == [bool]
    for _ in range(13):  # more than one may leave unread
        judged(saved(place, session))
    seen_alone = do(other, session, "History", {"a{sv}": {}})
    for never in (secret, "Diagnostic", "not yet", "scrypt", PERSONAL, "withheld"):
        assert never not in json.dumps([index, history, seen_alone], ensure_ascii=False), never
    assert {"dossier-created", "document-added", "document-replaced"} <= {e["event"] for e in history}
    do(other, session, "Close", {"fd": WHY})
    index, history, _ = judged(saved(place, session, "closed.zip"))
    assert index["dossier"]["state"] == "closed" and index["dossier"]["closed"]["reason"] == WHY
    assert "dossier-exported" in {e["event"] for e in history}
    lock(other, session)
    exported = told(audit_is_whole(bed, app), "dossier-exported")
    assert [o for o, _ in exported] == ["ok"] * 15
    assert all((d["released"], d["withheld"]) == (6, 1) for _, d in exported)

    session = place.desk("consult", "create")  # who is not the patient takes nothing along
    assert refused(app, session, "Export", {"a{sv}": {}}) == "WrongState"
    do(app, session, "Reopen")
    assert refused(app, session, "Export", {"a{sv}": {}}) in ("mode", "role-forbidden")
    lock(app, session)
    session = place.fund("create")
    assert refused(app, session, "Export", {"a{sv}": {}}) in ("mode", "role-forbidden")


def large(place, size=6_000_000):
    """A document that no pipe holds. Return: its id."""
    session = place.desk("consult", "feed")
    text = "".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(size // 64))
    ident = add(place.app, session, text, title="Large")
    lock(place.app, session)
    return ident


def flip(bed, table):
    """One bit of the newest sealed row of @table, in the only store there is."""
    import sqlite3
    name = stores(bed, ".dossier")[0]
    path = bed.path("state/dossiers", name[:2], name)
    with sqlite3.connect(path) as db:
        rowid, sealed = db.execute(f"SELECT rowid, sealed FROM {table} ORDER BY rowid DESC LIMIT 1").fetchone()
        sealed = bytearray(sealed)
        sealed[len(sealed) // 2] ^= 4
        db.execute(f"UPDATE {table} SET sealed = ? WHERE rowid = ?", (bytes(sealed), rowid))
    db.close()
    for suffix in ("-wal", "-shm"):
        if os.path.exists(path + suffix):
            os.chown(path + suffix, 64101, 64101)


def test_a_flipped_bit_ends_the_export_and_the_session_and_no_program_takes_it_for_whole(place):
    large(place)
    place.bed.end("vitaled")
    flip(place.bed, "chunk")  # the hash of the state does not cover chunks: their own tags do
    place.bed.start_broker()
    place.start()
    session = place.alone()
    path = saved(place, session)
    assert os.path.getsize(path) > 3_000_000  # what was good before it
    assert not zipfile.is_zipfile(path) and subprocess.run(["unzip", "-tqq", path], capture_output=True).returncode != 0
    assert place.other.ended(session) == ("locked", "store-unavailable")
    record = audit_is_whole(place.bed, place.app)
    assert told(record, "store-rejected")[-1][1] == {"why": "content"}


def unread(place, session, how):
    """An export whose pipe is held and not read ("hold"), or closed at once ("drop")."""
    return place.other.call("Export", {"a{sv}": {}}, path=session, interface="Dossier", keep=how)


def test_a_reader_that_never_reads_or_leaves_keeps_nobody_else_waiting(place):
    ident = large(place)
    other = place.other
    session = place.alone()
    for how in ("hold", "drop"):
        assert unread(place, session, how) == how
        if how == "hold":
            assert refused(other, session, "Export", {"a{sv}": {}}) == "LimitsExceeded"
            assert ids(other, session) == [ident]  # other calls go on
            other.release()
    wait_for(lambda: zipfile.is_zipfile(saved(place, session)))
    assert unread(place, session, "hold") == "hold"
    os.kill(pids("vitaled-dossier")[0], signal.SIGKILL)
    assert other.ended(session) == ("locked", "child-failed")


# -- ten years ----------------------------------------------------------------------------------------

def seen(bed, **new):
    """What daily runs have seen go by; with @new as if there had been so many."""
    path = bed.path("state/dossiers/closed/clock")
    with open(path, encoding="utf-8") as f:
        was = json.load(f)
    if new:
        with open(path, "w", encoding="utf-8") as f:
            json.dump({**was, **new}, f)
    return was


def again(place, seconds, shift):
    """The service is started anew, @seconds from now."""
    shift(seconds, start=True)
    place.start()


def test_ten_years_later_it_is_erased_and_no_clock_brings_that_about_sooner(bed, people, clock):  # noqa: F811
    place = Place(bed, people)
    place.found()
    session = place.close()
    lock(place.other, session)
    closed = told(audit_is_whole(bed, place.app), "dossier-closed")[-1][1]["until"]
    marks = bed.path("state/dossiers/closed", time.strftime("%Y-%m", time.gmtime(closed / 1000000)))
    assert len(stores(bed, ".dossier")) == 1 and len(os.listdir(marks)) == 1
    decade = closed // 1000000 - int(time.time())

    before = seen(bed)
    again(place, 1 - int(time.time()), clock)  # 1970: it was never set, and there is no run
    for ahead in (decade + 86400, 100 * 365 * 86400):  # just over; a century
        ran = seen(bed)["ran"]
        again(place, ahead, clock)
        wait_for(lambda ran=ran: seen(bed)["ran"] > ran)
        assert len(stores(bed, ".dossier")) == 1
    assert 60 * DAY < seen(bed)["time"] - before["time"] <= 62 * DAY  # a month each
    # so many days went by that the time is over
    seen(bed, time=closed - DAY, ran=0)
    again(place, decade + 2 * 86400, clock)
    wait_for(lambda: stores(bed) == [], 20)
    wait_for(lambda: os.listdir(marks) == [] and os.listdir(bed.path("state/dossiers/closed/erasing")) == [])
    again(place, 0, clock)
    record = audit_is_whole(bed, place.app)
    assert [o for o, _ in told(record, "dossier-erased")] == ["started", "ok"]
    place.found()  # there may be a new one
    lock(place.other, place.close())

    # the next one: begun, and cut off between its key and its store
    closed = told(audit_is_whole(bed, place.app), "dossier-closed")[-1][1]["until"]
    erasing = bed.path("state/dossiers/closed/erasing")
    bed.end("vitaled")
    key = stores(bed, ".key")[0]
    key = bed.path("state/dossiers", key[:2], key)
    os.remove(key)
    os.mkdir(key)  # no file that could be overwritten
    seen(bed, time=closed - DAY, ran=0)
    again(place, closed // 1000000 - int(time.time()) + 2 * 86400, clock)
    wait_for(lambda: len(os.listdir(erasing)) == 1)
    wait_for(lambda: [o for o, _ in told(audit_is_whole(bed, place.app), "dossier-erased")][-1:] == ["started"])
    assert len(stores(bed, ".dossier")) == 1
    bed.end("vitaled")
    os.rmdir(key)
    bed.start_broker()
    assert stores(bed) == [] and os.listdir(erasing) == []
    place.start()
    assert [o for o, _ in told(audit_is_whole(bed, place.app), "dossier-erased")][-2:] == ["started", "ok"]
