# SPDX-License-Identifier: EUPL-1.2
"""The main job over the real stack: two cards, PIN, proof, consent, dossier, record, lock."""
import base64
import hashlib
import json
import os
import subprocess

import pytest

from actor import BusError
from bed import wait_for
from conftest import children, put_in

NOTE = "Patient fatigué, tension 13/8. Contrôle dans un mois.\n"


def metadata(text, title="Consultation du jour", kind="consultation", **more):
    data = text.encode()
    return json.dumps({"format": 1, "type": kind, "title": title, "date": "2026-11-21", "mime": "text/plain",
                       "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "flags": [], **more})


def add(app, session, text=NOTE, **more):
    return app.call("Add", {"pipe": text}, {"fd": metadata(text, **more)}, path=session, interface="Dossier")


def open_dossier(app, **options):
    options = {"intent": ["consult", "feed", "create"], **options}
    session = app.open(**options)
    app.until(session, "unlocked")
    return session


@pytest.mark.parametrize("cps", ["cps4-gp", "cps3-gp"])
def test_one_consultation_opens_reads_and_locks(make_bed, people, cps):
    bed = make_bed(cps, "vitale-family")
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    assert app.get(session, "Session", "Proof") == "mutual"
    assert app.get(session, "Dossier", "State") == "absent"
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    ident = add(app, session)
    rows = app.call("List", {"a{sv}": {}}, path=session, interface="Dossier")
    assert [r["id"] for r in rows] == [ident]
    content, facts = app.call("Read", ident, path=session, interface="Dossier")
    assert content["text"] == NOTE and facts["title"] == "Consultation du jour"
    history = app.call("History", {"a{sv}": {}}, path=session, interface="Dossier")
    assert {"document-added", "document-read"} <= {e["event"] for e in history}
    app.call("Lock", path=session, interface="Session")
    assert app.until(session, "locked") == ("locked", "released")
    wait_for(lambda: "vitaled-dossier" not in children(bed))


def test_the_dossier_is_there_next_time_and_the_pin_is_not_asked_again(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    first = open_dossier(app)
    app.call("Create", {"a{sv}": {}}, path=first, interface="Dossier")
    ident = add(app, first)
    app.call("Lock", path=first, interface="Session")
    second = open_dossier(app, intent=["consult"])
    assert app.get(second, "Dossier", "State") == "open"
    rows = app.call("List", {"a{sv}": {}}, path=second, interface="Dossier")
    assert [r["id"] for r in rows] == [ident]
    assert len([e for e in agent.events if e["event"] == "pin"]) == 1


def test_identity_needs_the_vitale_alone_and_opens_no_dossier(make_bed, people):
    bed = make_bed(None, "vitale-family")
    app, agent = people(bed, choice_beneficiary=[1])
    session = app.open(mode="identity")
    app.until(session, "unlocked")
    assert app.get(session, "Session", "Proof") == "active"
    patient = app.call("GetPatient", path=session, interface="Session")
    assert patient["surname"]
    with pytest.raises(BusError):
        app.call("Summary", path=session, interface="Dossier")


def test_a_masked_document_is_hidden_from_another_professional(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    hidden, plain = add(app, session, title="secret"), add(app, session, title="plain")
    app.call("SetVisibility", hidden, "masque_ps", True, path=session, interface="Dossier")
    app.call("Release", path=session, interface="Session")
    put_in(bed, app, 0, "cps4-pharmacist")
    session = open_dossier(app, intent=["consult"])
    rows = app.call("List", {"a{sv}": {}}, path=session, interface="Dossier")
    assert [r["id"] for r in rows] == [plain]
    with pytest.raises(BusError) as e:
        app.call("Read", hidden, path=session, interface="Dossier")
    assert e.value.short == "NotPermitted"


def test_typed_entries_make_the_summary(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    add(app, session, "A+", kind="health-data", title="Groupe sanguin",
        entry={"kind": "blood-group", "group": "AB", "rhesus": "-"})
    summary = app.call("Summary", path=session, interface="Dossier")
    assert '"AB"' in json.dumps(summary)


def test_the_receipt_verifies_with_openssl_alone(bed, people, tmp_path):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    receipt = app.call("GetReceipt", "json", path=session, interface="Session")
    (tmp_path / "r.json").write_text(json.dumps(receipt))
    out = tmp_path / "x"
    out.mkdir()
    done = subprocess.run([bed.program("vitalectl"), "receipt", "extract", str(tmp_path / "r.json"), "--out", str(out)],
                          capture_output=True, text=True, env=bed.env)
    assert done.returncode == 0, done.stderr
    root = [p for p in _files(bed.path("anchors/simulated")) if p.endswith(".pem") and "x509" in p][0]

    def verified():
        cms = subprocess.run(["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in",
                              out / "professional.cms", "-content", out / "statement.json", "-CAfile", root,
                              "-purpose", "any", "-out", os.devnull], capture_output=True)
        presence = subprocess.run(["openssl", "dgst", "-sha256", "-verify", out / "presence.pem", "-signature",
                                   out / "presence.sig", out / "presence.bin"], capture_output=True)
        return cms.returncode == 0, presence.returncode == 0
    assert verified() == (True, True)
    digest = hashlib.sha256((out / "statement.json").read_bytes()).digest()
    assert (out / "presence.bin").read_bytes() == digest + b"VDCONS01"  # bound to this statement
    statement = json.loads(base64.b64decode(receipt["statement"]))
    assert statement["decision"] == "given" and statement["patient"]["nature"] == "simulated"
    for number, name in enumerate(("statement.json", "presence.bin")):
        data = bytearray((out / name).read_bytes())
        data[len(data) // 2] ^= 1
        (out / name).write_bytes(data)
        assert not verified()[number]


def _files(folder):
    return [os.path.join(f, n) for f, _, names in os.walk(folder) for n in names]


def test_the_exported_record_verifies_without_our_code_and_a_flipped_bit_is_found(bed, people, tmp_path):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    app.call("Release", path=session, interface="Session")
    log = app.call("ExportAudit", {"a{sv}": {}})
    (tmp_path / "log").write_text(json.dumps(log))
    (tmp_path / "note").write_text(log["checkpoint"])
    (tmp_path / "vkey").write_text(app.get("/org/vitaled1", "Manager", "RecordKey"))
    tool = os.path.join(os.path.dirname(__file__), "../tools/verify_audit.py")

    def verify():
        return subprocess.run(["/usr/bin/python3", tool, "--log", tmp_path / "log", "--checkpoint",
                               tmp_path / "note", "--vkey", tmp_path / "vkey"], capture_output=True, text=True)
    assert verify().returncode == 0, verify().stdout
    for index in (0, 2, len(log["entries"]) - 1):
        entry = log["entries"][index]
        at = entry.index('"time":') + 10
        flipped = entry[:at] + chr(ord(entry[at]) ^ 1) + entry[at + 1:]  # one bit of a digit
        log["entries"][index] = flipped
        (tmp_path / "log").write_text(json.dumps(log))
        found = verify()
        assert found.returncode == 1 and str(index) in found.stdout
        log["entries"][index] = entry


def test_after_lock_no_memory_holds_pin_name_or_text(bed, people):
    app, agent = people(bed, pin=["1234"], choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    ident = add(app, session, "zyxwvut unmistakable text of a document")
    app.call("Read", ident, path=session, interface="Dossier")
    patient = app.call("GetPatient", path=session, interface="Session")
    needles = {"name": patient["surname"].encode(), "given name": patient["given"].encode(),
               "number": patient["nir"][:13].encode(), "PIN": b"1234", "text": b"zyxwvut unmistakable",
               "title": b"Consultation du jour"}
    before = {name: memory_of(pid) for name, pid in processes("vitaled")}
    assert all(before.values())  # we can read them
    for what in ("name", "given name", "number"):
        assert needles[what] in before["vitaled"], f"{what} is not where it must be before"
    app.call("Lock", path=session, interface="Session")
    app.until(session, "locked")
    after = {name: memory_of(pid) for name, pid in processes("vitaled")}
    assert set(after) == {"vitaled", "vitaled-watch", "vitaled-card"} and all(after.values())
    for name, memory in after.items():
        for what, needle in needles.items():
            if what != "PIN" or name == "vitaled-card":
                assert needle not in memory, f"{what} is still in {name}"


def processes(user):
    done = subprocess.run(["ps", "-o", "comm=,pid=,stat=", "-u", user], capture_output=True, text=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    return [(row[0], int(row[1])) for row in rows if not row[-1].startswith("Z")]  # init here reaps nobody


def memory_of(pid):
    parts = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            if "rw" not in line.split()[1] or "[vvar]" in line:
                continue
            first, last = (int(x, 16) for x in line.split()[0].split("-"))
            try:
                mem.seek(first)
                parts.append(mem.read(last - first))
            except OSError:
                pass
    return b"".join(parts)
