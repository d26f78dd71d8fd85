# SPDX-License-Identifier: EUPL-1.2
"""An employee of a structure (CPE; TD2.2 of M526): puts documents into a dossier for the structure, opens none of
them, and takes back what the structure put in."""
import hashlib
import json

import pytest

from actor import BusError
from bed import wait_for
from conftest import cards


def do(app, session, method, *args):
    return app.call(method, *args, path=session, interface="Dossier")


def add(app, session, text):
    data = text.encode()
    metadata = {"format": 1, "type": "letter", "title": "Courrier", "date": "2026-11-21", "mime": "text/plain",
                "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "flags": []}
    return do(app, session, "Add", {"pipe": text}, {"fd": json.dumps(metadata)})


def refused(app, session, method, *args):
    """The rule that refuses."""
    with pytest.raises(BusError) as e:
        do(app, session, method, *args)
    assert e.value.short == "NotPermitted"
    return str(e.value).rpartition(": ")[2]


def with_card(bed, app, name, *intents):
    """A session of the professional's card @name, and how it came out."""
    before = set(cards(app))
    bed.sim(f"replace 0 {name}")
    wait_for(lambda: len(cards(app)) == 2 and set(cards(app)) != before)
    session = app.open(intent=list(intents))
    return session, app.until(session, "unlocked", "refused", "failed")


def denied(app, session):
    """The rules by which the record says that @session was refused."""
    number = session.rsplit("/", 1)[1]
    log = [json.loads(e) for e in app.call("ExportAudit", {"a{sv}": {}})["entries"]]
    return [e["rule"] for e in log if e["event"] == "denied" and e.get("session", "").startswith(f"session/{number}@")]


def test_an_employee_puts_in_for_the_structure_and_opens_nothing(bed, people):
    app, _ = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = app.open(intent=["consult", "feed", "create"])
    app.until(session, "unlocked")
    do(app, session, "Create", {"a{sv}": {}})
    doctors = add(app, session, "a doctor's")
    app.call("Release", path=session, interface="Session")

    session, end = with_card(bed, app, "cps4-employee", "consult")
    assert end == ("refused", "not-permitted")
    assert denied(app, session) == ["role-forbidden"]

    session, end = with_card(bed, app, "cps4-employee", "feed")
    assert end == ("unlocked", "")
    put_in = add(app, session, "a secretary's")
    assert refused(app, session, "Read", put_in) == "intent"
    assert refused(app, session, "Delete", doctors) == "not-author"
    assert refused(app, session, "Archive", put_in, True) == "role-forbidden"
    app.call("Release", path=session, interface="Session")

    # the head of the same structure takes it back
    session, end = with_card(bed, app, "cps4-director", "feed")
    assert end == ("unlocked", "")
    do(app, session, "Delete", put_in)
    assert refused(app, session, "Delete", doctors) == "not-author"
