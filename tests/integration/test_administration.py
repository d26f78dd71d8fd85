# SPDX-License-Identifier: EUPL-1.2
"""Mode administration: an agent of the fund opens a dossier from the patient's card, and a structure's
employee does; neither sees a document, and who has no business there comes no further than the PIN."""
import pytest

from actor import BusError
from conftest import audit_is_whole, put_in
from test_dossier import add, do, lock, refused, statement


def administration(app, *intents):
    return app.open(mode="administration", intent=list(intents))


def test_an_agent_of_the_fund_creates_a_dossier_with_one_pin_one_choice_and_one_consent(make_bed, people):
    bed = make_bed("cps4-fund", "vitale-family")
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = administration(app, "create", "oppose")
    app.until(session, "unlocked")
    assert app.get(session, "Session", "Mode") == "administration"
    assert app.get(session, "Session", "Proof") == "mutual"
    assert app.call("GetProfessional", path=session, interface="Session")["card-type"] == 3
    assert [len(agent.seen(kind)) for kind in ("pin", "choice", "consent")] == [1, 1, 1]
    assert agent.seen("consent")[0]["request"]["acts"] == ["create", "oppose"]
    do(app, session, "Create", {"a{sv}": {}})
    do(app, session, "SetOpposition", "centre_15", True)
    for method, args in (("List", [{"a{sv}": {}}]), ("Summary", [])):
        assert refused(app, session, method, *args) == "intent"  # which this mode does not have
    with pytest.raises(BusError) as error:
        add(app, session, "nothing of the fund's")
    assert error.value.short == "NotPermitted"
    told = statement(app, session)
    assert (told["mode"], told["acts"]) == ("administration", ["create", "oppose"])
    lock(app, session)

    for intents in ([], ["consult"], ["create", "feed"]):
        with pytest.raises(BusError) as error:
            app.open(**({"intent": intents} if intents else {}), mode="administration")
        assert error.value.short == "InvalidArgument" and "intent" in str(error.value)
    session = app.open(intent=["create"])  # a consultation is none of the fund's
    assert app.ended(session) == ("refused", "forbidden-sector")

    put_in(bed, app, 0, "cps4-gp")  # what was made is a dossier as any
    session = app.open(intent=["consult"])
    app.until(session, "unlocked")
    assert app.get(session, "Dossier", "State") == "open"
    record = audit_is_whole(bed, app)
    created = [e for e in record if (e["event"], e["outcome"]) == ("dossier-created", "ok")]
    assert [e["mode"] for e in created] == ["administration"]


def test_an_employee_may_and_an_insurer_may_not(make_bed, people):
    bed = make_bed("cps4-employee", "vitale-single")
    app, agent = people(bed, choice_structure=[0])
    session = administration(app, "create")
    app.until(session, "unlocked")
    do(app, session, "Create", {"a{sv}": {}})
    lock(app, session)
    asked = len(agent.seen("consent"))
    put_in(bed, app, 0, "cps4-insurer")
    session = administration(app, "oppose")
    assert app.ended(session) == ("refused", "forbidden-sector")
    assert len(agent.seen("consent")) == asked
