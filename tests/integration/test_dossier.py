# SPDX-License-Identifier: EUPL-1.2
"""The dossier and its rules over the real stack: a document's whole life, who may open the dossier later,
who may not, what the treating doctor sees, what the patient opposed; by D-Bus and by vitalectl."""
import base64
import json
import time

import pytest

from actor import BusError
from bed import wait_for
from conftest import audit_is_whole, cards, put_in
from test_consultation import add, metadata
from test_emergency import REGULATION
from test_vitalectl import Ctl

GP, PHARMACIST, NURSE, OTHER_GP = "889900000020", "889900000038", "889900000095", "889900000012"
CARDS = {GP: "cps4-gp", PHARMACIST: "cps4-pharmacist", NURSE: "cps4-nurse", OTHER_GP: "cps3-gp"}
ALL = ["consult", "feed", "create", "authorise", "treating-doctor", "oppose"]
REASON = "Patiente inconsciente, allergies inconnues"
DAY = 24 * 3600 * 1000000


def do(app, session, method, *args):
    return app.call(method, *args, path=session, interface="Dossier")


def rows(app, session, **filters):
    made = {k: {"u": v} if isinstance(v, int) else v for k, v in filters.items()}
    return do(app, session, "List", {"a{sv}": made})


def ids(app, session, **filters):
    return [r["id"] for r in rows(app, session, **filters)]


def refused(app, session, method, *args):
    """The rule that refuses, or the error's name when no rule does."""
    with pytest.raises(BusError) as e:
        do(app, session, method, *args)
    rule = str(e.value).rpartition(": ")[2]
    return rule if e.value.short == "NotPermitted" else e.value.short


def who(number, **more):
    return {"fd": json.dumps({"id": number, **more})}


def opened(app, *intents, **options):
    session = app.open(intent=list(intents), **options)
    app.until(session, "unlocked")
    return session


def lock(app, session):
    app.call("Lock", path=session, interface="Session")
    app.until(session, "locked")


def asked(agent):
    """How often the patient was asked so far."""
    return len(agent.seen("consent"))


def statement(app, session):
    receipt = app.call("GetReceipt", "json", path=session, interface="Session")
    return json.loads(base64.b64decode(receipt["statement"]))


@pytest.fixture
def made(bed, people):
    """(application, agent) with an empty dossier of Théo's, locked."""
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = opened(app, "create")
    do(app, session, "Create", {"a{sv}": {}})
    lock(app, session)
    return app, agent


# -- documents ----------------------------------------------------------------------------------------

def test_a_document_is_added_replaced_archived_and_deleted_and_the_record_tells_no_title(bed, made):
    app, _ = made
    session = opened(app, "consult", "feed")
    first = add(app, session, "first text", title="Quixotic one")
    second = do(app, session, "Replace", first, {"pipe": "second"}, {"fd": metadata("second", title="Quixotic two")})
    assert ids(app, session) == [second]
    old, new = rows(app, session, status="replaced"), rows(app, session)
    assert [(r["id"], r["replaced-by"]) for r in old] == [(first, second)] and new[0]["replaces"] == first
    content, facts = do(app, session, "Read", first)  # nothing is lost by a replacement
    assert content["text"] == "first text" and facts["replaced-by"] == second and facts["status"] == "replaced"
    assert refused(app, session, "Replace", first, {"pipe": "x"}, {"fd": metadata("x")}) == "WrongState"

    do(app, session, "Archive", second, True)
    assert ids(app, session) == [] and ids(app, session, status="archived") == [second]
    do(app, session, "Archive", second, False)
    assert ids(app, session) == [second] and ids(app, session, status="all") == [second, first]

    do(app, session, "Delete", second)  # and with it what it replaced
    assert ids(app, session) == []
    gone = rows(app, session, status="deleted")
    assert [(r["id"], r["status"], r["type"]) for r in gone] == [(i, "deleted", "consultation") for i in (second, first)]
    assert "Quixotic" not in json.dumps(gone) and all(r["author"]["id"] == GP and "title" not in r for r in gone)
    for ident in (first, second):
        for method, args in (("Read", []), ("Archive", [True]), ("SetVisibility", ["masque_ps", True]), ("Delete", [])):
            assert refused(app, session, method, ident, *args) == "NoSuchDocument", method

    history = do(app, session, "History", {"a{sv}": {}})
    patient = app.call("GetPatient", path=session, interface="Session")
    lock(app, session)
    record = audit_is_whole(bed, app)
    for entries in (history, record):
        told = {(e["event"], e.get("document")) for e in entries if e["outcome"] == "ok"}
        assert {("document-added", first), ("document-deleted", second), ("document-archived", second)} <= told
        assert {d for e, d in told if e == "document-replaced"} & {first, second}
        for secret in ("Quixotic", "first text", patient["surname"], patient["nir"][:13]):
            assert secret not in json.dumps(entries, ensure_ascii=False)
    assert all(e["professional"] == GP for e in history if e["event"].startswith("document-"))


def test_who_did_not_write_a_document_does_not_change_it(bed, made):
    app, _ = made
    session = opened(app, "consult", "feed")
    ident = add(app, session)
    lock(app, session)
    put_in(bed, app, 0, CARDS[PHARMACIST])
    session = opened(app, "consult", "feed")
    for method, args in (("Replace", [{"pipe": "x"}, {"fd": metadata("x")}]), ("Archive", [True]), ("Delete", [])):
        assert refused(app, session, method, ident, *args) == "not-author", method
    content, _ = do(app, session, "Read", ident)
    assert content["bytes"] and ids(app, session) == [ident]
    lock(app, session)
    denied = [e for e in audit_is_whole(bed, app) if e["event"] == "denied" and e.get("document") == ident]
    assert [e["rule"] for e in denied] == ["not-author"] * 3 and {e["professional"] for e in denied} == {PHARMACIST}


def test_600_documents_are_found_by_page_title_author_type_and_day_and_vitalectl_lists_all(bed, made):
    app, _ = made
    session = opened(app, "consult", "feed")
    waiting, written = [], []
    for n in range(600):
        about = {"kind": "laboratory-result", "date": "2020-02-03"} if n % 100 == 7 else {"date": "2021-01-01"}
        title = "Été à l'HÔPITAL" if n % 200 == 5 else f"Note {n}"
        waiting.append(app.start("Add", {"pipe": "x"}, {"fd": metadata("x", title, **about)}, path=session,
                                 interface="Dossier"))
        if len(waiting) == 4:
            written += [app.answer(w) for w in waiting]
            waiting = []
    hidden, summers, labs = written[499], written[5::200][::-1], written[7::100][::-1]
    do(app, session, "SetVisibility", hidden, "masque_ps", True)
    listed = [i for i in written[::-1] if i not in labs] + labs  # newest day first, then who came last

    def paged(limit, **filters):
        found = []
        while page := rows(app, session, limit=limit, **({"after": found[-1]["id"]} if found else {}), **filters):
            assert len(page) <= limit
            found += page
            if len(page) < limit:
                break
        return [r["id"] for r in found]

    assert paged(500) == listed and paged(4, type="laboratory-result") == labs
    assert paged(2, text="ete a l'hop") == summers == paged(500, text="ÉTÉ À")
    assert ids(app, session, text="hôtel", limit=500) == []
    assert paged(100, section="biology", **{"from": "2020-02-03", "to": "2020-02-03"}) == labs
    assert paged(500, author=GP) == listed and ids(app, session, author=PHARMACIST, limit=500) == []
    for bad in (0, 501):
        assert refused(app, session, "List", {"a{sv}": {"limit": {"u": bad}}}) == "InvalidArgument"
    lock(app, session)

    put_in(bed, app, 0, CARDS[PHARMACIST])  # a page is full although what is masked is left out
    ctl = Ctl(bed)
    got = [r["id"] for r in ctl.results("open", "list")["list"]["result"]]
    assert got == [i for i in listed if i != hidden]
    got = ctl.results("open", "list --limit 501 --from 2021-01-01", "list --text 'ete a'")["list"]["result"]
    assert [r["id"] for r in got] == summers
    shown = ctl("open", "list --limit 510").stdout.splitlines()
    assert [line.split("\t")[0] for line in shown] == [i for i in listed if i != hidden][:510]


def test_two_dossiers_never_see_each_other_s_documents(bed, made):
    app, agent = made
    session = opened(app, "consult", "feed")
    ident = add(app, session, "of Théo")
    lock(app, session)
    agent.answers(choice_beneficiary=[1])
    session = opened(app, *ALL)
    do(app, session, "Create", {"a{sv}": {}})
    do(app, session, "SetTreatingDoctor", True)  # who sees all that a dossier has
    own = add(app, session, "of the other one")
    assert ids(app, session, status="all") == [own]
    for method, args in (("Read", []), ("Archive", [True]), ("Delete", []), ("SetVisibility", ["masque_ps", True]),
                         ("Replace", [{"pipe": "x"}, {"fd": metadata("x")}])):
        assert refused(app, session, method, ident, *args) == "NoSuchDocument", method
    with pytest.raises(BusError) as e:
        rows(app, session, after=ident)
    assert e.value.short in ("NoSuchDocument", "InvalidArgument")
    assert ident not in json.dumps(do(app, session, "History", {"a{sv}": {}}))
    assert ident not in json.dumps(do(app, session, "Summary"))
    lock(app, session)
    agent.answers(choice_beneficiary=[0])
    session = opened(app, "consult")
    assert ids(app, session, status="all") == [ident]
    assert do(app, session, "ListProfessionals")["treating-doctor"] is None


# -- who may open it later ----------------------------------------------------------------------------

def test_an_authorisation_opens_the_dossier_next_time_without_the_patient_being_asked(bed, made):
    app, agent = made
    session = opened(app, "consult", "feed", "authorise")
    ident = add(app, session)
    until = int(time.time() * 1000000) + 30 * DAY
    do(app, session, "Authorise", who(GP, until=until))
    listed = do(app, session, "ListProfessionals")["authorised"]
    assert [(a["id"], a["until"], a.get("ended", False)) for a in listed] == [(GP, until, False)]
    assert refused(app, session, "Authorise", who(PHARMACIST)) == "not-self"
    lock(app, session)

    before = asked(agent)
    session = opened(app, "consult", "feed")
    assert asked(agent) == before
    said = statement(app, session)
    assert said["form"] == "running" and said["acts"] == ["consult", "feed"]
    assert do(app, session, "Read", ident)[0]["bytes"]
    lock(app, session)
    bed.end("vitaled")  # it outlives the service, too
    bed.start_broker()
    wait_for(lambda: {k for k in cards(app).values()} == {"cps", "vitale"})
    agent.agent("pin", "professional", choice_beneficiary=[0], choice_structure=[0])
    session = opened(app, "consult")
    assert asked(agent) == before and ids(app, session) == [ident]
    lock(app, session)
    session = opened(app, "consult", "authorise")  # more than was agreed to is asked
    assert asked(agent) == before + 1
    lock(app, session)
    put_in(bed, app, 0, CARDS[PHARMACIST])  # and anybody else is
    session = opened(app, "consult")
    assert asked(agent) == before + 2
    lock(app, session)


def test_revoking_closes_at_once_and_asks_again_next_time(bed, made):
    app, agent = made
    session = opened(app, "consult", "authorise")
    do(app, session, "Authorise", who(GP))
    a_year = do(app, session, "ListProfessionals")["authorised"][0]
    assert 360 * DAY < a_year["until"] - a_year["since"] < 370 * DAY
    lock(app, session)
    before = asked(agent)
    session = opened(app, "consult")
    do(app, session, "Revoke", who(GP))
    assert app.ended(session) == ("locked", "revoked")
    assert asked(agent) == before
    session = opened(app, "consult")
    assert asked(agent) == before + 1
    assert do(app, session, "ListProfessionals")["authorised"][0]["ended"] is True
    lock(app, session)
    agent.answers(consent=["refused"])
    session = app.open(intent=["consult"])
    assert app.ended(session) == ("refused", "consent-refused")
    told = [(e["event"], e["outcome"]) for e in audit_is_whole(bed, app) if e["event"] in ("authorised", "revoked")]
    assert [o for o in told if o[1] == "ok"] == [("authorised", "ok"), ("revoked", "ok")]


def test_who_is_blocked_is_refused_whatever_consent_says(bed, made):
    app, agent = made
    put_in(bed, app, 0, CARDS[OTHER_GP])
    session = opened(app, "consult", "authorise")
    do(app, session, "Authorise", who(OTHER_GP))
    lock(app, session)
    put_in(bed, app, 0, CARDS[GP])
    session = opened(app, *ALL)
    assert refused(app, session, "Block", who(OTHER_GP), True) == "role-forbidden"  # the treating doctor alone
    do(app, session, "SetTreatingDoctor", True)
    do(app, session, "Block", who(OTHER_GP, name="MARÉCHAL"), True)
    blocked = do(app, session, "ListProfessionals")["blocked"]
    assert [(b["id"], b["name"]) for b in blocked] == [(OTHER_GP, "MARÉCHAL")]
    lock(app, session)
    put_in(bed, app, 0, CARDS[OTHER_GP])
    before = asked(agent)
    session = app.open(intent=["consult"])
    assert app.ended(session) == ("refused", "not-permitted") and asked(agent) == before
    session = app.open(mode="bris_de_glace", reason={"fd": REASON})
    assert app.ended(session) == ("refused", "not-permitted") and not agent.seen("confirm")
    record = audit_is_whole(bed, app)
    assert [e["rule"] for e in record if e["event"] == "denied" and e["professional"] == OTHER_GP] == ["blocked"] * 2
    acts = {e["event"]: e["details"] for e in record if e["outcome"] == "ok" and e.get("details")}
    assert acts["authorised"]["id"] == acts["blocked"]["id"] == OTHER_GP and "treating-doctor" in acts
    assert "MARÉCHAL" not in json.dumps(acts["blocked"], ensure_ascii=False)  # whom it is about is a number
    put_in(bed, app, 0, CARDS[GP])
    session = opened(app, "consult", "authorise")
    do(app, session, "Block", who(OTHER_GP), False)
    lock(app, session)
    put_in(bed, app, 0, CARDS[OTHER_GP])
    opened(app, "consult")


def test_the_treating_doctor_sees_what_is_masked_and_the_whole_history(bed, made):
    app, agent = made
    put_in(bed, app, 0, CARDS[PHARMACIST])
    session = opened(app, "consult", "feed", "treating-doctor")
    hidden = add(app, session, "hidden", title="Masqué")
    do(app, session, "SetVisibility", hidden, "masque_ps", True)
    assert refused(app, session, "SetTreatingDoctor", True) == "role-forbidden"  # it is a doctor's role
    lock(app, session)
    put_in(bed, app, 0, CARDS[GP])
    session = opened(app, "consult", "feed")
    assert ids(app, session) == [] and refused(app, session, "Read", hidden) == "masked"
    assert {e["professional"] for e in do(app, session, "History", {"a{sv}": {}}) if "professional" in e} == {GP}
    assert refused(app, session, "SetTreatingDoctor", True) == "intent"
    lock(app, session)
    session = opened(app, "consult", "feed", "treating-doctor")
    do(app, session, "SetTreatingDoctor", True)
    assert do(app, session, "ListProfessionals")["treating-doctor"]["id"] == GP
    assert do(app, session, "Summary")["treating-doctor"]["id"] == GP
    assert ids(app, session) == [hidden] and do(app, session, "Read", hidden)[0]["text"] == "hidden"
    history = do(app, session, "History", {"a{sv}": {}})
    assert {GP, PHARMACIST} <= {e.get("professional") for e in history} and "Masqué" not in json.dumps(history)
    do(app, session, "Archive", hidden, True)  # any document
    do(app, session, "Archive", hidden, False)
    assert refused(app, session, "Delete", hidden) == "not-author"
    do(app, session, "SetTreatingDoctor", False)
    assert ids(app, session) == [] and refused(app, session, "Read", hidden) == "masked"
    lock(app, session)


@pytest.mark.parametrize("opposed, other", [("bris_de_glace", "centre_15"), ("centre_15", "bris_de_glace")])
def test_an_opposition_stops_the_emergency_it_names_and_only_the_patient_lifts_it(make_bed, people, opposed, other):
    bed = make_bed(config=REGULATION.format("489900000011"))
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = opened(app, "consult", "create", "oppose")
    do(app, session, "Create", {"a{sv}": {}})
    do(app, session, "SetOpposition", opposed, True)
    for mode in ("normal", "patient", ""):
        assert refused(app, session, "SetOpposition", mode, True) == "InvalidArgument"
    assert refused(app, session, "SetOpposition", opposed, False) == "CodeMissing"
    assert [o["mode"] for o in do(app, session, "ListProfessionals")["oppositions"]] == [opposed]
    lock(app, session)
    session = app.open(mode=opposed, reason={"fd": REASON})
    assert app.ended(session) == ("refused", "not-permitted")
    assert not agent.seen("confirm")
    record = audit_is_whole(bed, app)
    assert [e["details"]["mode"] for e in record if (e["event"], e["outcome"]) == ("opposition", "ok")] == [opposed]
    denied = [e for e in record if e["event"] == "denied"]
    assert denied[-1]["rule"] == "opposed" and denied[-1]["mode"] == opposed
    session = app.open(mode=other, reason={"fd": REASON})
    app.until(session, "unlocked")
    lock(app, session)
    opened(app, "consult")  # with consent it opens as ever


# -- the same by vitalectl ----------------------------------------------------------------------------

@pytest.fixture
def ctl(bed, made):
    ctl = Ctl(bed)
    ctl.agent = made[1]
    return ctl


def test_vitalectl_carries_a_document_through_its_life(ctl):
    note, better = ctl.put("note.txt", "first"), ctl.put("better.txt", "second")
    intents = ["open", "-i", "consult,feed"]
    first = ctl.results(*intents, f"add {note} --type consultation --title 'Été'")["add"]["id"]
    second = ctl.results(*intents, f"replace {first} {better} --type consultation --title 'Hiver'")["replace"]["id"]
    out = [m for m in ctl.json(*intents, "list --text HIVER", f"list --status replaced --author {GP}",
                               f"archive {second}", "list", f"unarchive {second}", f"delete {second} --yes",
                               "list --status deleted") if "command" in m]
    assert [m["command"] for m in out] == ["list", "list", "archive", "list", "unarchive", "delete", "list"]
    lists = [[r["id"] for r in m["result"]] for m in out if m["command"] == "list"]
    assert lists == [[second], [first], [], [second, first]]
    hidden = ctl.results(*intents, f"add {note} --type consultation --title Secret --masque-ps")["add"]["id"]
    ctl.results(*intents, f"replace {hidden} {better} --type consultation --title Secret")
    shown = ctl.results("open", "list --text secret")["list"]["result"]
    assert [r["flags"] for r in shown] == [["masque_ps"]]
    done = ctl(*intents, f"delete {first}")
    assert done.returncode == 2 and "--yes" in done.stderr
    done = ctl(*intents, f"delete {first} --yes")
    assert done.returncode == 1  # it is gone already
    gone = ctl("open", "list --status deleted", lang="fr").stdout.splitlines()
    assert len(gone) == 2 and all("supprimé 20" in line and line.endswith("François DUBREUIL") for line in gone)
    done = ctl(*intents, f"read {second}", lang="fr")
    assert done.returncode == 1 and "aucun document" in done.stderr.lower() or "pas de tel document" in done.stderr
    shown = ctl("open", "-i", "consult", "summary", lang="fr").stdout.splitlines()
    assert shown[0] == "allergies : rien d'inscrit" and "groupe sanguin : rien d'inscrit" in shown


def test_vitalectl_says_who_may_open_and_why_not(ctl, bed):
    out = ctl.results("open", "-i", "consult,authorise,treating-doctor,oppose", "authorise --until 2030-01-31",
                      "treating-doctor on", f"block {PHARMACIST}", "oppose centre_15 on", "professionals")
    people = out["professionals"]["result"]
    assert (people["authorised"][0]["id"], people["treating-doctor"]["id"]) == (GP, GP)
    assert [p["id"] for p in people["blocked"]] == [PHARMACIST] and people["oppositions"][0]["mode"] == "centre_15"
    before = asked(ctl.agent)
    kept = f"{ctl.home}/receipt.json"
    text = ctl("open", "professionals", f"receipt --output {kept}", lang="fr").stdout
    assert asked(ctl.agent) == before  # authorised
    assert "running" in ctl("receipt", "show", kept).stdout
    assert ctl("receipt", "verify", kept, "--anchors", bed.path("anchors/simulated")).returncode == 0
    assert f"{GP} François DUBREUIL" in text and "2030-01-31" in text and f"bloqués : \n  - {PHARMACIST}" in text
    done = ctl("open", "-i", "consult,authorise", f"authorise {NURSE}", lang="fr")
    assert done.returncode == 3 and "que pour vous-même" in done.stderr
    done = ctl("open", "-i", "consult,oppose", "oppose centre_15 off", lang="fr")
    assert done.returncode == 6 and "pas encore de code" in done.stderr
    done = ctl("--json", "open", "treating-doctor on")  # what runs covers no role
    refusal = next(m for m in map(json.loads, done.stdout.splitlines()) if "error" in m)
    assert done.returncode == 3 and refusal["rule"] == "no-consent" and "has not agreed" in refusal["sentence"]
    done = ctl("open", "revoke", "professionals")  # which ends the session
    assert done.returncode != 0 and "taken back" in done.stderr
    assert ctl("open", "list").returncode == 0 and asked(ctl.agent) > before
    put_in(bed, ctl.agent, 0, CARDS[PHARMACIST])
    done = ctl("open", "list")
    assert done.returncode == 3
