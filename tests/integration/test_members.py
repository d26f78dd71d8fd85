# SPDX-License-Identifier: EUPL-1.2
"""Every card that the tree has, put into the reader: what it is said to be, who is on it, how its
session ends. What is expected is computed here from the profiles' JSON, by the published rules."""
import base64
import json
import os
import shutil

import pytest

from actor import Actor, BusError
from bed import Bed, wait_for
from conftest import audit_is_whole, card_at, pids, profiles, reader_at, shown

PROFILES = profiles()
ADVICE = {"vitale-1": "vitale-1", "cps2ter": "cps2ter", "unknown": "unknown-card",
          "cps3-contactless": "cps-contactless", "vitale-1-bull": "vitale-1", "vitale-1-scot": "vitale-1"}
OLD = {"cps2ter": ("unsupported", "cps2ter"), "unknown": ("unknown", ""), "cps3-contactless": ("unsupported", "cps3")}
KINDS = {"vitale": ("vitale", "vitale-2"), "vitale-1": ("unsupported", "vitale-1"), "cps3": ("cps", "cps3"),
         "cps4": ("cps", "cps4")}
VITALES = [name for name, p in PROFILES.items() if p["kind"] == "vitale"]
READABLE = [name for name in VITALES if name not in ("vitale-bare", "vitale-expired")]
APPS = ("vdapp", "vdother")  # in turns: each may open so many sessions a minute


class Desk:
    """One bed for many cards: professional's in slot 0, patient's in slot 1."""

    def __init__(self, bed):
        self.bed, self.turn = bed, 0
        self.agent = Actor(bed, "vdagent")
        self.agent.agent("pin", "professional", choice_structure=[0], choice_beneficiary=["never"])
        self.apps = [Actor(bed, user) for user in APPS]

    def app(self):
        self.turn += 1
        return self.apps[self.turn % len(self.apps)]

    def put(self, slot, card):
        """Put @card in; its path."""
        if self.bed.sim("list").split()[slot] != f"{slot}={card}":
            before = self.path(slot)
            self.bed.sim(f"replace {slot} {card}")
            wait_for(lambda: self.path(slot) not in (before, None))
        return card_at(self.apps[0], f"00 0{slot}")

    def path(self, slot):
        readers = {r["Name"]: r["Card"] for r in shown(self.apps[0], "Reader").values()}
        card = readers[f"Vitale Sim 00 0{slot}"]
        return None if card == "/" else card

    def end(self):
        for actor in (self.agent, *self.apps):
            actor.__exit__()


@pytest.fixture(scope="module")
def desk(build, personal):
    with Bed(build, cards=("cps4-gp", "vitale-single"), personal=personal) as bed:
        desk = Desk(bed)
        yield desk
        desk.end()


# -- what a card is ---------------------------------------------------------------------------------

@pytest.mark.parametrize("name", PROFILES)
def test_a_card_is_shown_as_what_it_is(desk, name):
    profile = PROFILES[name]
    path = desk.put(1, name)
    card = shown(desk.apps[0], "Card")[path]
    assert (card["Kind"], card["Generation"]) == (OLD[name] if name in OLD else KINDS[profile["kind"]])
    assert card["Advice"] == ADVICE.get(name, "")
    assert card["Nature"] == "unknown"  # until a certificate has been read
    if "atr" in profile:
        assert bytes(card["Atr"]).hex() == profile["atr"].lower()
    else:
        assert bytes(card["Atr"])[5] == int(profile["atr_byte"], 16)


# -- who is on a patient's card -----------------------------------------------------------------------

def number(person):
    """The NIR when it is one: 97 - (13 digits mod 97), Corsica by 19 and 18."""
    nir = person.get("nir", "")
    digits = nir[:13].replace("2A", "19", 1) if nir[5:7] == "2A" else nir[:13]
    digits = digits.replace("2B", "18", 1) if nir[5:7] == "2B" else digits
    if len(nir) != 15 or not digits.isdigit() or int(nir[13:]) != 97 - int(digits) % 97:
        return None
    return nir


def born_as_the_number_says(person):
    nir, birth = number(person), person["birth"][-6:]
    return nir is not None and "01" <= birth[2:4] <= "12" and nir[1:5] == birth[:4]


def owns(people, person):
    """A number is its bearer's own when nobody else on the card was born when it says."""
    bearers = [p for p in people if number(p) == number(person) and born_as_the_number_says(p)]
    return born_as_the_number_says(person) and len(bearers) == 1


def date(birth):
    return f"{birth[:-4]}-{birth[-4:-2]}-{birth[-2:]}"


def public(person):
    """What the choice shows."""
    facts = {"surname": person["surname"], "given": person["given"], "birth-date": date(person["birth"])}
    return facts | ({"rank": person["rank"]} if "rank" in person else {})


def whole(profile, index, coverage):
    """What GetPatient tells."""
    person = profile["people"][index]
    facts = public(person) | {"country": person["country"]}
    if number(person):
        facts["nir"] = number(person)
    if coverage and profile["coverage"]:
        facts["coverage"] = [{k: c[k] for k in ("from", "to", "ald", "situation")}
                             for c in profile["coverage"] if c["index"] == index]
    return facts


def meet(app, **options):
    """Open a session up to the choice of the person, or to its end when there is one person only."""
    session = app.open(**options)
    state = app.until(session, "waiting-for-choice", "unlocked", "refused", "failed")[0]
    return session, state


@pytest.mark.parametrize("name", READABLE)
def test_a_vitale_offers_exactly_its_people(desk, name):
    profile, bed = PROFILES[name], desk.bed
    desk.put(0, "cps4-gp")
    desk.put(1, name)
    people = profile["people"]
    others = [i for i, p in enumerate(people) if not owns(people, p)]
    chosen = [i for i in range(len(people)) if i not in others][:2] + others[:1]
    for index in chosen:
        app = desk.app()
        session, state = meet(app, intent=["create"])
        if len(people) > 1:
            assert state == "waiting-for-choice", app.get(session, "Session", "Reason")
            asked = desk.agent.event("choice", session=session, kind="beneficiary")["choices"]
            offered = app.call("GetBeneficiaries", path=session, interface="Session")
            assert offered == [public(p) for p in people] == asked
            app.call("Choose", {"u": index}, path=session, interface="Session")
        end = app.until(session, "unlocked", "refused")
        if index in others:
            assert end == ("refused", "no-own-identity")
        else:
            assert end[0] == "unlocked" and app.get(session, "Session", "Proof") == "mutual"
            assert app.call("GetPatient", path=session, interface="Session") == whole(profile, index, True)
        app.call("Release", path=session, interface="Session")
    assert len([c for c in bed.sim("counters 0").split()[:2] if c == "3"]) == 1


@pytest.mark.parametrize("name", READABLE)
def test_a_vitale_alone_tells_each_of_its_people(desk, name):
    profile = PROFILES[name]
    desk.put(1, name)
    for index in range(len(profile["people"])):
        app = desk.app()
        session, state = meet(app, mode="identity")
        if len(profile["people"]) > 1:
            app.call("Choose", {"u": index}, path=session, interface="Session")
        app.until(session, "unlocked")
        assert app.get(session, "Session", "Proof") == "active"
        assert app.call("GetPatient", path=session, interface="Session") == whole(profile, index, False)
        app.call("Release", path=session, interface="Session")


def test_an_expired_vitale_is_named(desk):
    desk.put(0, "cps4-gp")
    desk.put(1, "vitale-expired")
    for mode in ("normal", "identity"):
        app = desk.app()
        assert app.ended(app.open(mode=mode)) == ("failed", "card-expired")


def test_a_vitale_that_cannot_prove_itself_waits_for_the_administrator(desk, build, personal, people):
    desk.put(0, "cps4-gp")
    desk.put(1, "vitale-bare")
    app = desk.app()
    for mode in ("normal", "identity"):  # its nature is unknown: the row of real cards counts
        assert app.ended(app.open(mode=mode)) == ("failed", "proof-too-weak")
    with Bed(build, cards=("cps4-gp", "vitale-bare"), personal=personal, config="[proof]\nreal = read\n") as bed:
        app, _ = people(bed, choice_structure=[0])
        assert app.ended(app.open()) == ("failed", "nature-mixed")
        session = app.open(mode="identity")
        app.until(session, "unlocked")
        assert app.get(session, "Session", "Proof") == "read"
        told = app.call("GetPatient", path=session, interface="Session")
        assert told == whole(PROFILES["vitale-bare"], 0, False)


# -- cards of professionals ------------------------------------------------------------------------------

ENDS = {  # those that do not open a dossier
    "cps3-student": ("refused", "role-forbidden"),
    # employees of a structure feed a dossier and do not create one
    "cps3-midwife": ("refused", "not-permitted"), "cps4-employee": ("refused", "not-permitted"),
    "cps4-director": ("refused", "not-permitted"),
    "cps4-fund": ("refused", "forbidden-sector"), "cps4-insurer": ("refused", "forbidden-sector"),
    "cps3-actua-broken": ("failed", "card-broken"), "cps3-actua-empty": ("failed", "card-broken"),
    "cps4-actua-zeros": ("failed", "card-broken"), "cps3-expired": ("failed", "card-expired"),
    "cps4-expired": ("failed", "card-expired"), "cps3-revoked": ("failed", "card-opposed"),
    "cps4-revoked": ("failed", "card-opposed"), "cps4-stranger": ("failed", "not-trusted"),
    "cps4-test": ("failed", "nature-mixed"), "cps3-contactless": ("failed", "card-unsupported"),
    "cps2ter": ("failed", "card-unsupported"), "unknown": ("failed", "card-unknown"),
}
FAMILY = [name for name, p in PROFILES.items() if not p["kind"].startswith("vitale")]
TYPES = ("cps", "cpf", "cpe", "cpa")
UNREAD = ("cps3-actua-broken", "cps3-actua-empty", "cps4-actua-zeros", "cps3-expired", "cps4-expired", "cps3-revoked",
          "cps4-revoked", "cps4-stranger")  # ended before or by their certificates


def structures(profile):
    return [{"name": a["name"], "id": a["structure"], "sector": a["sector"]} for a in profile["activities"]]


def check_professional(told, profile, revocation):
    who = profile["professional"]
    first = profile["activities"][0]
    expected = {"national-id": who["id"], "surname": who.get("surname", ""), "given": who.get("given", ""),
                "nature": "simulated", "revocation": revocation, "card-type": who["type"],
                "category": 0x80, "profession": who["profession"], "speciality": who.get("speciality", ""),
                "structure": first["structure"], "structure-name": first["name"], "sector": first["sector"]}
    assert {k: told[k] for k in expected} == expected
    assert told["card-number"] == "8025000001/0" + profile["serial"][-8:] + luhn(profile["serial"])


def luhn(serial):
    """The check digit after the 18 of a card's serial."""
    digits = [int(d) for d in serial]
    doubled = [d * 2 - 9 if d > 4 else d * 2 for d in digits[::-1][0::2]]
    return str(-(sum(doubled) + sum(digits[::-1][1::2])) % 10)


@pytest.mark.parametrize("name", FAMILY)
def test_a_professionals_card_goes_as_far_as_the_rules_say(desk, name):
    profile, before = PROFILES[name], len(desk.agent.events)
    desk.put(1, "vitale-single")
    path = desk.put(0, name)
    app = desk.app()
    session = app.open(intent=["create"])
    end = app.until(session, "unlocked", "refused", "failed")
    assert end == ENDS.get(name, ("unlocked", ""))
    card = shown(app, "Card")[path]
    if name in ("cps3-actua-broken", "cps3-actua-empty", "cps4-actua-zeros"):
        assert card["Advice"] == "card-update-incomplete"
    if name not in UNREAD and profile["kind"] in ("cps3", "cps4") and name != "cps3-contactless":
        assert card["Kind"] == TYPES[profile["professional"]["type"]]
        assert card["Nature"] == ("test" if name == "cps4-test" else "simulated")
    asked = desk.agent.seen("choice", before, kind="structure")
    if len(profile.get("activities", [])) > 1 and end[0] == "unlocked":
        assert [e["choices"] for e in asked] == [structures(profile)]
    if end[0] == "unlocked":
        check_professional(app.call("GetProfessional", path=session, interface="Session"), profile, "good")
    pins = len(desk.agent.seen("pin", before))
    if name != "cps4-test":  # its cards are found out before it is typed, or just after it was asked
        assert pins == (0 if name in UNREAD or profile["kind"] not in ("cps3", "cps4") or name == "cps3-contactless" else 1)
    app.call("Release", path=session, interface="Session")


def missing(app):
    return [f for f in app.call("Diagnose") if f["name"] == "crl-missing" and f["nature"] == "simulated"]


class Lists:
    """A bed with none of its revocation lists; hand_in() gives them back."""

    def __init__(self, build, personal, *cards):
        self.bed = Bed(build, cards=cards, personal=personal)

    def __enter__(self):
        bed = self.bed.__enter__()
        bed.end("vitaled")
        self.kept = bed.path("kept")
        shutil.move(bed.path("crl"), self.kept)
        os.mkdir(bed.path("crl"))
        bed.start_broker()
        return self

    def __exit__(self, *unused):
        self.bed.__exit__()

    def hand_in(self):
        for name in os.listdir(self.kept):
            shutil.copy(os.path.join(self.kept, name), self.bed.path("crl", name))


def test_revocation_is_unknown_without_a_list_and_found_when_one_is_handed_in(build, personal, people):
    with Lists(build, personal, "cps4-revoked", "vitale-single") as lists:
        app, agent = people(lists.bed)
        assert missing(app)
        session = app.open(intent=["create"])
        app.until(session, "unlocked")
        told = app.call("GetProfessional", path=session, interface="Session")
        check_professional(told, PROFILES["cps4-revoked"], "unknown")
        app.call("Release", path=session, interface="Session")
        lists.hand_in()
        wait_for(lambda: not missing(app))
        session = app.open(intent=["create"])  # the PIN is verified still, the card is opposed
        assert app.ended(session) == ("failed", "card-opposed")
        with pytest.raises(BusError):
            app.call("GetProfessional", path=session, interface="Session")


@pytest.mark.parametrize("card", ["cps3-revoked", "cps4-revoked"])
def test_a_list_that_revokes_its_card_locks_an_unlocked_session(build, personal, people, card):
    with Lists(build, personal, card, "vitale-single") as lists:
        app, agent = people(lists.bed, choice_structure=[0])
        session = app.open(intent=["create"])
        app.until(session, "unlocked")
        app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
        assert pids("vitaled-dossier")
        lists.hand_in()
        assert app.ended(session) == ("locked", "card-opposed")
        told = [e["changed"]["Reason"] for e in app.seen("properties") if "Reason" in e["changed"]]
        assert told[-1] == "card-opposed"
        wait_for(lambda: not pids("vitaled-dossier"))
        with pytest.raises(BusError) as e:
            app.call("Summary", path=session, interface="Dossier")
        assert e.value.short == "WrongState"
        ends = [e for e in audit_is_whole(lists.bed, app) if e["event"] == "session-ended"]
        assert [(e["outcome"], e["details"]["state"]) for e in ends] == [("card-opposed", "locked")]


@pytest.mark.parametrize("step", ["waiting-for-pin", "waiting-for-consent", "suspended"])
def test_a_list_that_revokes_its_card_ends_a_session_wherever_it_stands(build, personal, people, step):
    hold = {"waiting-for-pin": {"pin": ["never"]}, "waiting-for-consent": {"consent": ["never"]}}.get(step, {})
    with Lists(build, personal, "cps4-revoked", "vitale-single") as lists:
        app, agent = people(lists.bed, choice_structure=[0], **hold)
        session = app.open(intent=["create"])
        app.until(session, "unlocked" if step == "suspended" else step)
        if step == "suspended":
            reader = reader_at(app, "00 00")
            app.call("Lend", {"u": 60}, path=reader, interface="Reader")
            app.until(session, step)
        lists.hand_in()
        assert app.ended(session) == ("locked" if step == "suspended" else "failed", "card-opposed")
        ends = [e["outcome"] for e in audit_is_whole(lists.bed, app) if e["event"] == "session-ended"]
        assert ends == ["card-opposed"]


def test_a_list_that_revokes_others_leaves_a_session_and_what_it_says_is_shown(build, personal, people):
    with Lists(build, personal, "cps4-gp", "vitale-single") as lists:
        app, agent = people(lists.bed, choice_structure=[0])
        session = app.open(intent=["create"])
        app.until(session, "unlocked")
        told = app.call("GetProfessional", path=session, interface="Session")
        check_professional(told, PROFILES["cps4-gp"], "unknown")
        lists.hand_in()
        wait_for(lambda: not missing(app))
        assert app.state(session) == "unlocked"
        told = app.call("GetProfessional", path=session, interface="Session")
        check_professional(told, PROFILES["cps4-gp"], "good")
        app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")


# -- what is not read again -------------------------------------------------------------------------------

class Link:
    """What went over the wires of both cards while sessions ran, by the simulator's record."""

    def __init__(self, bed, people):
        self.bed = bed
        self.app, self.agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
        for slot in (0, 1):
            card_at(self.app, f"00 0{slot}")

    def unlock(self):
        """{(slot, "<" or ">"): bytes of all answers, or data of all commands, one after the other}"""
        files = [self.bed.path("sim", f"{slot}.record") for slot in (0, 1)]
        for slot, path in enumerate(files):
            self.bed.sim(f"record {slot} {path}")
        session = self.app.open(intent=["create"])
        self.app.until(session, "unlocked")
        self.app.call("Release", path=session, interface="Session")
        told = {}
        for slot, path in enumerate(files):
            self.bed.sim(f"record {slot} off")
            with open(path, encoding="utf-8") as f:
                lines = [line.split() for line in f]
            for kind, start, end in (("<", 0, -2), (">", 5, None)):  # without status words; without headers
                rows = [bytes.fromhex(r[1].replace("**", "00"))[start:end] for r in lines if r[0] == kind]
                told[slot, kind] = b"".join(rows)
        return told

    def again(self, slot, card):
        before = card_at(self.app, f"00 0{slot}")
        self.bed.sim(f"replace {slot} {card}")
        wait_for(lambda: card_at(self.app, f"00 0{slot}") != before)


def windows(data, size=16):
    return {data[i:i + size] for i in range(len(data) - size + 1)}


@pytest.mark.parametrize("card", ["cps3-gp", "cps4-gp"])
def test_no_byte_of_a_certificate_is_read_again(make_bed, people, card):
    """By the bytes, not by the commands: on the second use no 16 bytes of any certificate of the professional's
    card come from it. The card-verifiable one goes to the patient's card all the same, from the cache."""
    bed = make_bed(card, "vitale-family")
    with open(bed.path("cards", card + ".json"), encoding="utf-8") as f:
        certificates = {k: base64.b64decode(c) for k, c in json.load(f)["certificates"].items()}
    assert sorted(certificates) == ["authentication", "card", "signature"]
    role = certificates["card"][4:]  # 7F21 81 len: what PSO VERIFY CERTIFICATE takes
    link = Link(bed, people)
    first = link.unlock()
    for name, certificate in certificates.items():  # the answers are all there: nothing is missed below
        assert len(certificate) > 200 and windows(certificate) <= windows(first[0, "<"]), name
    assert role in first[1, ">"]
    link.again(0, card)
    link.again(1, "vitale-family")
    cached = link.unlock()
    link.again(1, "vitale-single")  # the next patient: the professional's card stays
    held = link.unlock()
    for use in (cached, held):
        answers = windows(use[0, "<"])
        assert answers and not [n for n, c in certificates.items() if windows(c) & answers]
        assert role in use[1, ">"]
