# SPDX-License-Identifier: EUPL-1.2
"""How the patient hears of an emergency, over the real stack: the site's outbox, the programs that are
there, the next visit of the patient and of the treating doctor; and what an emergency may see of what is
hidden from professionals."""
import json
import os
import subprocess

import pytest

from actor import BusError
from bed import ROOT, own, wait_for
from conftest import card_at
from test_emergency import add, emergency, entries, listed, lock, named, opened

PAIR = "[pair counter]\npatient-reader = Vitale Sim 00 01\nprofessional-reader = Vitale Sim 00 00\n"
DISPLAY = PAIR + "[agent display]\ncapability = patient-display\npair = counter\nuser = vddisplay\n"
ALL = ["consult", "feed", "create", "authorise", "treating-doctor", "oppose"]


def dossier(app, session, method, *args):
    return app.call(method, *args, path=session, interface="Dossier")


def insert(bed, app, card):
    """Another professional's card in the place of the one that is there."""
    before = card_at(app, "00 00")
    bed.sim(f"replace 0 {card}")
    wait_for(lambda: card_at(app, "00 00") not in (None, before))


def outbox(folder, *program):
    """What `jq` says of the messages, oldest first."""
    names = sorted(n for n in os.listdir(folder) if n.endswith(".json")) if os.path.isdir(folder) else []
    done = subprocess.run(["jq", "-c", *(program or ["."]), *(os.path.join(folder, n) for n in names)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def told(bed, *words):
    """The messages of the outbox by these words, when they are there."""
    def found():
        return [m["what"] for m in outbox(bed.path("state", "outbox"))]

    wait_for(lambda: found()[-len(words):] == list(words), 20, 0.05)
    return outbox(bed.path("state", "outbox"))[-len(words):]


def informed(app):
    log = app.call("ExportAudit", {"a{sv}": {}})
    found = [json.loads(e) for e in log["entries"]]
    return [e for e in found if e["event"] == "informed"]


@pytest.fixture
def counter(make_bed, people):
    """(bed, application, agent, display, dossier's session): by its treating doctor, unlocked, with a display."""
    bed = make_bed(config=DISPLAY)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    display = people.actor(bed, "vddisplay")
    display.agent("patient-display", consent=["given"])
    session = opened(app, pair="counter", intent=ALL)
    dossier(app, session, "Create", {"a{sv}": {}})
    dossier(app, session, "SetTreatingDoctor", True)
    return bed, app, agent, display, session


def test_an_emergency_is_told_to_the_site_and_at_the_next_visit_once(counter):
    bed, app, agent, display, session = counter
    first = told(bed, "opened", "created", "treating-doctor")
    app.event("notified", path=session, what="treating-doctor")
    assert [e["what"] for e in app.seen("notified", path=session)] == ["created", "treating-doctor"]
    lock(app, session)
    insert(bed, app, "cps4-pharmacist")
    broken = emergency(app, pair="counter")
    app.until(broken, "unlocked")
    heard = app.event("notified", path=broken)
    assert heard["what"] == "emergency"
    message = told(bed, "emergency")[0]
    entry = entries(app, broken, "unlocked")[0]
    assert message == {"format": 1, "what": "emergency", "when": entry["time"], "mode": "bris_de_glace",
                       "id": f"{entry['time']:016}-{entry['sequence']:012}", "session": entry["session"],
                       **{k: entry[k] for k in ("pseudonym", "professional", "structure")}}
    assert message["pseudonym"] == first[0]["pseudonym"] and message["professional"] != first[0]["professional"]
    names = sorted(os.listdir(bed.path("state", "outbox")))
    assert names == [m["id"] + ".json" for m in outbox(bed.path("state", "outbox"))]
    assert {os.stat(bed.path("state", "outbox", n)).st_mode & 0o777 for n in names} == {0o640}
    lock(app, broken)
    # who opens next is the treating doctor, and the patient is there
    insert(bed, app, "cps4-gp")
    after = len(display.events), len(agent.events)
    visit = opened(app, pair="counter", intent=["consult"])
    facts = {"count": 1, "last": entry["time"], "mode": "bris_de_glace"}
    assert display.event("inform", after[0], what="emergency-access")["facts"] == {**facts, "to": "patient"}
    assert agent.event("inform", after[1], what="emergency-access")["facts"] == {**facts, "to": "treating-doctor"}
    wait_for(lambda: len(informed(app)) == 2, 20, 0.05)
    assert sorted(e["details"]["to"] for e in informed(app)) == ["patient", "treating-doctor"]
    assert {e["details"]["count"] for e in informed(app)} == {1}
    history = dossier(app, visit, "History", {"a{sv}": {}})
    assert [e["professional"] for e in history if e["event"] == "unlocked" and e["mode"] == "bris_de_glace"] == [
        entry["professional"]]
    lock(app, visit)
    lock(app, opened(app, pair="counter", intent=["consult"]))
    assert len(display.seen("inform", what="emergency-access")) == 1
    assert len(agent.seen("inform", what="emergency-access")) == 1


def test_a_display_that_is_away_is_told_when_it_is_back(counter, people):
    bed, app, agent, display, session = counter
    mine = app.call("GetProfessional", path=session, interface="Session")["national-id"]
    dossier(app, session, "Authorise", {"fd": {"id": mine}})
    dossier(app, session, "SetTreatingDoctor", False)
    assert told(bed, "authorised", "no-treating-doctor")[0]["whom"] == mine
    lock(app, session)
    broken = emergency(app, pair="counter")
    app.until(broken, "unlocked")
    lock(app, broken)
    display.end()
    wait_for(lambda: "patient-display" not in [a[0] for a in app.get("/org/vitaled1", "Manager", "Agents")])
    lock(app, opened(app, pair="counter", intent=["consult"]))  # nobody need be asked
    assert not informed(app)
    back = people.actor(bed, "vddisplay")
    back.agent("patient-display", consent=["given"])
    visit = opened(app, pair="counter", intent=["consult"])
    assert back.event("inform", what="emergency-access")["facts"]["to"] == "patient"
    wait_for(lambda: [e["details"]["to"] for e in informed(app)] == ["patient"], 20, 0.05)
    lock(app, visit)


def test_what_is_masked_is_seen_in_an_emergency_when_the_patient_allows_it(make_bed, people):
    bed = make_bed()
    app, _ = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = opened(app, intent=ALL)
    dossier(app, session, "Create", {"a{sv}": {}})
    plain, hidden = add(app, session), add(app, session, "hidden")
    dossier(app, session, "SetVisibility", hidden, "masque_ps", True)
    assert dossier(app, session, "ListProfessionals")["masked-allowed"] is False
    told(bed, "opened", "created", "document-added", "document-added")
    for allowed in (True, False):
        dossier(app, session, "SetMaskedAllowed", allowed)
        assert dossier(app, session, "ListProfessionals")["masked-allowed"] is allowed
        lock(app, session)
        insert(bed, app, "cps4-pharmacist")
        broken = emergency(app)
        app.until(broken, "unlocked")
        assert sorted(listed(app, broken)) == (sorted([plain, hidden]) if allowed else [plain])
        if allowed:
            content, _ = dossier(app, broken, "Read", hidden)
            assert content["text"] == "hidden"
            assert named(app.call, "SetMaskedAllowed", False, path=broken, interface="Dossier") == "NotPermitted"
        else:
            with pytest.raises(BusError) as e:
                dossier(app, broken, "Read", hidden)
            assert "masked" in str(e.value)
        lock(app, broken)
        insert(bed, app, "cps4-gp")
        session = opened(app, intent=ALL)
    told(bed, "masked-hidden", "emergency", "opened")
    recorded = json.loads(json.dumps(app.call("ExportAudit", {"a{sv}": {}})["entries"]))
    changes = [json.loads(e) for e in recorded if '"event":"masked-allowed"' in e]
    assert [(e["details"]["on"], e["outcome"]) for e in changes] == [
        (True, "started"), (True, "ok"), (False, "started"), (False, "ok")]


def test_a_job_of_another_account_takes_them_and_a_folder_that_takes_none_delays_nobody(make_bed, people):
    bed = make_bed()
    spool, box = bed.path("spool"), bed.path("state", "outbox")
    app, _ = people(bed, choice_beneficiary=[0], choice_structure=[0])
    for folder in (spool, box):
        os.makedirs(folder, exist_ok=True)
    own(box, "vitaled", 0o700)
    subprocess.run(["chown", "vitaled:vdother", spool], check=True)
    os.chmod(spool, 0o2770)
    subprocess.run(["mount", "--bind", spool, box], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", box], check=True)
        session = opened(app)
        dossier(app, session, "Create", {"a{sv}": {}})
        lock(app, session)
        broken = emergency(app)
        app.until(broken, "unlocked")
        assert listed(app, broken) == []

        def findings():
            return [f for f in app.call("Diagnose") if f["name"] == "outbox-stuck"]

        wait_for(findings, 20, 0.05)
        assert (findings()[0]["path"], findings()[0]["cause"]) == (box, "read-only")
        assert f"{box}: read-only" in bed.log("vitaled") and os.listdir(spool) == []
        subprocess.run(["mount", "-o", "remount,bind,rw", box], check=True)
        wait_for(lambda: [m["what"] for m in outbox(spool)] == ["opened", "created", "emergency"], 60, 0.1)
        assert not findings()
        job = 'for f in "$1"/*.json; do jq -er .what "$f" && rm -- "$f"; done'
        done = bed.run(["sh", "-c", job, "job", spool], user="vdother")
        assert done.stdout.split() == ["opened", "created", "emergency"], done.stderr
        assert os.listdir(spool) == []
    finally:
        subprocess.run(["umount", box], check=False)


def test_a_site_that_wants_no_messages_keeps_none(make_bed, people):
    bed = make_bed(config="[record]\noutbox = no\n")
    app, _ = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = opened(app)
    dossier(app, session, "Create", {"a{sv}": {}})
    app.event("notified", path=session, what="created")  # who is there hears it
    lock(app, session)
    assert not os.path.exists(bed.path("state", "outbox"))
    place = bed.path("state", "outbox.next")  # of the days when it wanted some
    bed.end("vitaled")
    with open(place, "w", encoding="ascii") as f:
        f.write('{"next":0}\n')
    bed.start_broker()
    assert not os.path.exists(place)


def test_an_administrator_may_let_a_card_break_the_glass_once_more(make_bed, people, tmp_path):
    with open(os.path.join(ROOT, "tests/data/bed.rules"), encoding="utf-8") as f:
        rules = f.read()
    rules = rules.replace('"session.open-emergency", "audit.read"',
                          '"session.open-emergency", "session.exceed-emergencies", "audit.read"')
    assert "exceed-emergencies" in rules
    (tmp_path / "bed.rules").write_text(rules)
    bed = make_bed(config="[emergency]\nper-hour = 1\n", rules=str(tmp_path / "bed.rules"))
    app, _ = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = opened(app)
    dossier(app, session, "Create", {"a{sv}": {}})
    lock(app, session)
    for allowed in (0, 1):
        broken = emergency(app)
        app.until(broken, "unlocked")
        assert [e["details"]["emergencies"] for e in entries(app, broken, "rate-exceeded")] == [1] * allowed
        lock(app, broken)
    stranger = people.actor(bed, "vdother")  # polkit says no to their user
    agent = people.actor(bed, "vdagent")
    agent.agent("pin", "professional", choice_beneficiary=[0], choice_structure=[0])
    broken = emergency(stranger)
    assert stranger.ended(broken) == ("refused", "limits-exceeded")
    assert [e["rule"] for e in entries(app, broken, "denied")] == ["rate"]
