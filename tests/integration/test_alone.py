# SPDX-License-Identifier: EUPL-1.2
"""A consultation without the Vitale (option without-card): what an authorisation in force opens, what a
consent of the same day lets a professional add, and nothing else."""
import os
import shutil
import time

import pytest

from actor import BusError
from bed import ROOT, wait_for
from conftest import audit_is_whole, cards, put_in
from test_consultation import metadata
from test_dossier import GP, add, asked, do, ids, lock, opened, refused, statement, who
from test_emergency import THEO, fd
from test_fault_list import clock  # noqa: F401 (a fixture)

ZOE = {"nir": "287110099000261", "birth-date": "1987-11-03"}


def without(app, *intents, patient=THEO):
    return app.open(intent=list(intents), patient=fd(patient), without_card=True)


def take_out(bed, app):
    bed.sim("remove 1")
    wait_for(lambda: "vitale" not in cards(app).values())


def rules(bed, app):
    """The rules by which sessions were refused so far."""
    return [e["rule"] for e in audit_is_whole(bed, app) if e["event"] == "denied"]


def use_wordings(bed, folder):
    """Start the broker again with the wordings of @folder, which nobody else has; the dossiers stay."""
    bed.end("vitaled")
    with open(bed.path("vitaled.conf"), encoding="utf-8") as f:
        lines = [line for line in f.read().splitlines() if not line.startswith("wordings =")]
    lines.insert(lines.index("[paths]") + 1, f"wordings = {folder}")
    with open(bed.path("vitaled.conf"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    bed.start_broker()


NOON, MIDNIGHT = 43200, 86400


@pytest.fixture
def day(clock):  # noqa: F811
    """day(seconds): that late is it for the broker, on this day; noon at first. What is decided here ends with the day."""
    now = time.localtime()
    begun = time.time() - (now.tm_hour * 3600 + now.tm_min * 60 + now.tm_sec)

    def at(seconds):
        clock(begun + seconds - time.time())
    at(NOON)
    return at


def test_an_authorisation_in_force_opens_without_the_vitale_and_nobody_is_asked(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = opened(app, "consult", "feed", "create", "authorise")
    do(app, session, "Create", {"a{sv}": {}})
    document = add(app, session, "a note")
    do(app, session, "Authorise", who(GP))
    lock(app, session)
    take_out(bed, app)
    before = asked(agent)

    session = without(app, "consult", "feed")
    app.until(session, "unlocked")
    assert asked(agent) == before and app.get(session, "Session", "Proof") == "none"
    assert ids(app, session) == [document]
    content, _ = do(app, session, "Read", document)
    assert content["text"] == "a note"
    told = statement(app, session)
    assert (told["form"], told["patient"]["proof"], told["patient"]["serial"]) == ("running", "none", None)
    bed.sim("insert 1 vitale-single")  # somebody else's: it is not looked at, and does not lock
    wait_for(lambda: "vitale" in cards(app).values())
    assert ids(app, session) == [document]
    do(app, session, "Revoke", who(GP))
    assert app.ended(session) == ("locked", "revoked")

    session = without(app, "consult")
    assert app.ended(session) == ("refused", "not-permitted")
    assert asked(agent) == before and rules(bed, app) == ["no-consent"]

    bed.sim("replace 1 vitale-family")
    session = opened(app, "authorise")
    until = time.time() + 5
    do(app, session, "Authorise", who(GP, until=int(until * 1000000)))
    lock(app, session)
    take_out(bed, app)
    wait_for(lambda: time.time() > until)
    assert app.ended(without(app, "consult")) == ("refused", "not-permitted")  # it has come to its end
    assert rules(bed, app) == ["no-consent"] * 2


def test_after_a_consent_one_may_add_on_the_same_day_and_read_nothing(bed, people, day):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = opened(app, "consult", "feed", "create")
    do(app, session, "Create", {"a{sv}": {}})
    document = add(app, session, "a note")
    lock(app, session)
    take_out(bed, app)
    before = asked(agent)

    session = without(app, "feed")
    app.until(session, "unlocked")
    later = add(app, session, "a result that came later")
    assert refused(app, session, "List", {"a{sv}": {}}) == "no-consent"
    assert refused(app, session, "Read", document) == "no-consent"
    assert statement(app, session)["acts"] == ["feed"]
    lock(app, session)
    day(MIDNIGHT - 60)
    session = without(app, "feed")
    app.until(session, "unlocked")
    day(MIDNIGHT + 1)
    assert refused(app, session, "Add", {"pipe": "x"}, {"fd": metadata("x")}) == "no-consent"
    lock(app, session)
    assert app.ended(without(app, "feed")) == ("refused", "not-permitted")
    assert rules(bed, app)[-2:] == ["no-consent"] * 2
    day(NOON)

    for intents in (["consult"], ["consult", "feed"], ["feed", "oppose"]):
        assert app.ended(without(app, *intents)) == ("refused", "not-permitted")
    assert app.ended(without(app, "feed", patient=ZOE)) == ("refused", "no-dossier")
    with pytest.raises(BusError) as error:
        app.open(intent=["feed"], without_card=True)
    assert error.value.short == "InvalidArgument" and "patient" in str(error.value)
    with pytest.raises(BusError) as error:
        without(app, "feed", "create")
    assert error.value.short == "InvalidArgument" and "intent" in str(error.value)

    pins = len(agent.seen("pin"))
    put_in(bed, app, 0, "cps4-pharmacist")  # who has never had a consent
    session = without(app, "feed")
    assert app.ended(session) == ("refused", "not-permitted")
    assert len(agent.seen("pin")) == pins + 1 and asked(agent) == before

    put_in(bed, app, 0, "cps4-gp")
    bed.sim("insert 1 vitale-family")
    wait_for(lambda: sorted(cards(app).values()) == ["cps", "vitale"])
    session = opened(app, "consult", "feed", "authorise", "treating-doctor")
    assert ids(app, session) == [later, document]
    do(app, session, "SetTreatingDoctor", True)
    do(app, session, "Block", who(GP), True)
    assert app.ended(session)[0] == "locked"
    take_out(bed, app)
    assert app.ended(without(app, "feed")) == ("refused", "not-permitted")
    assert rules(bed, app)[-1] == "blocked"


def test_what_the_patient_was_not_told_opens_with_the_vitale_alone(make_bed, people):
    bed = make_bed()
    untold = bed.path("untold")
    os.mkdir(untold)
    for language in ("fr", "en"):  # a text of acts that says nothing of openings without the card
        shutil.copy(os.path.join(ROOT, f"daemon/consent/wordings/consent-2.{language}.txt"), untold)
    os.chmod(untold, 0o755)
    use_wordings(bed, untold)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = opened(app, "consult", "feed", "create", "authorise")
    do(app, session, "Create", {"a{sv}": {}})
    document = add(app, session, "a note")
    do(app, session, "Authorise", who(GP))
    assert do(app, session, "ListProfessionals")["authorised"][0]["without-card"] is False
    lock(app, session)
    before = asked(agent)
    session = opened(app, "consult")  # with it, as ever
    assert ids(app, session) == [document] and asked(agent) == before
    assert statement(app, session)["form"] == "running"
    lock(app, session)
    take_out(bed, app)
    for intents in (["consult"], ["feed"], ["consult", "feed"]):
        assert app.ended(without(app, *intents)) == ("refused", "not-permitted")
    assert rules(bed, app) == ["not-told-without-card"] * 3

    use_wordings(bed, bed.path("data/wordings"))  # newer texts alone tell nobody of what was agreed before
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    assert app.ended(without(app, "consult")) == ("refused", "not-permitted")
    bed.sim("insert 1 vitale-family")
    wait_for(lambda: sorted(cards(app).values()) == ["cps", "vitale"])
    session = opened(app, "authorise")
    do(app, session, "Authorise", who(GP))
    assert do(app, session, "ListProfessionals")["authorised"][0]["without-card"] is True
    lock(app, session)
    take_out(bed, app)
    session = without(app, "consult")
    app.until(session, "unlocked")
    assert ids(app, session) == [document]
