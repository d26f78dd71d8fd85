#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Who may do what, said a second time, and held against rights_decide() over random fact sets.

The rules below are written from the design and from the matrix M526 v1.8 as doc/rights.md lays it out; which
sector, card and profession is which comes from the data files. They know nothing of actions.json: what it
says must come out the same. Both must agree on the decision and on the rule that is named, and every rule and
every way of being allowed must have come up often. Some professions are given a list of document types here,
because the shipped data file narrows none.

usage: rights_restated.py RIGHTS-ASK DATA-FOLDER [--count N] [--seed N]
"""
import argparse
import collections
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

NARROW = {21: ["prescription", "delivery"], 60: ["consultation"], 40: []}  # profession: types

# -- the matrix ----------------------------------------------------------------------------------------------
# y yes, o own documents, s only oneself, - no.
# PS, Dr, MT: consultation, regulation, broken glass (MT has no column of regulation in M526: as Dr).
# ES: consultation, regulation. administration: professional, employee, agent of the fund.
# patient: the holder, a minor's representative.
MATRIX = """
                       PS   Dr   Occ MT   CPE ES  administration patient
open                   yyy  yyy  y   yyy  y   yy  yyy            yy
create                 y--  y--  -   y--  -   --  yyy            --
summary                yyy  yyy  -   yyy  -   --  ---            yy
list                   yyy  yyy  y   yyy  -   --  ---            yy
read                   yyy  yyy  -   yyy  -   --  ---            yy
add                    yyy  yyy  y   yyy  y   yy  ---            --
replace                o--  o--  o   o--  o   o-  ---            oo
archive                o--  oyy  o   yyy  -   --  ---            oo
unarchive              o--  oyy  o   yyy  -   --  ---            oo
delete                 ooo  ooo  o   ooo  o   oo  ---            oo
mask                   y--  y--  y   y--  -   --  ---            yy
unmask                 o--  o--  o   y--  -   --  ---            yy
show-patient           y--  y--  y   y--  -   --  ---            --
hide-patient           o--  o--  o   y--  -   --  ---            --
show-representatives   y--  y--  y   y--  -   --  ---            y-
hide-representatives   o--  o--  o   y--  -   --  ---            y-
notes                  ---  ---  -   ---  -   --  ---            yy
history                yyy  yyy  y   yyy  -   --  ---            yy
list-professionals     y--  y--  y   y--  -   --  ---            yy
authorise              s--  s--  -   s--  s   --  ---            yy
revoke                 s--  s--  -   s--  -   --  ---            yy
block                  ---  ---  -   y--  -   --  ---            yy
unblock                ---  ---  -   y--  -   --  ---            yy
treating-doctor-take   ---  y--  -   y--  -   --  ---            --
treating-doctor-leave  ---  ---  -   y--  -   --  ---            --
oppose                 y--  y--  -   y--  -   --  yyy            yy
unoppose               y--  y--  -   y--  -   --  yyy            yy
allow-masked           y--  y--  -   y--  -   --  yyy            yy
close                  ---  ---  -   ---  -   --  yyy            yy
reopen                 y--  y--  -   y--  -   --  yyy            yy
export                 ---  ---  -   ---  -   --  ---            yy
activation-code        ---  ---  -   ---  -   --  yyy            --
personal-code          ---  ---  -   ---  -   --  ---            yy
import                 ---  ---  -   ---  -   --  ---            --
"""
COLUMNS = MATRIX.split("\n")[1].split()
CELLS = {line.split()[0]: dict(zip(COLUMNS, line.split()[1:])) for line in MATRIX.strip().splitlines()[1:]}
ACTIONS = list(CELLS)
DURING = {"normal": 0, "centre_15": 1, "bris_de_glace": 2}
EMERGENCY = ("bris_de_glace", "centre_15")
NAMES = {"PS": "professional", "Dr": "doctor", "MT": "treating-doctor", "Occ": "occupational", "CPE": "employee",
         "ES": "structure", "fund": "agent", "feed": "feeder", "holder": "patient", "representative": "representative"}
CARED_FOR = ("PS", "Dr", "MT", "Occ")  # have a profession

INTENTS = ("consult", "feed", "create", "authorise", "treating-doctor", "oppose", "close", "code")
NEEDS_INTENT = {
    "consult": "summary list read",
    "feed": "add replace archive unarchive delete mask unmask show-patient hide-patient show-representatives "
            "hide-representatives",
    "create": "create reopen",
    "authorise": "authorise block unblock",
    "treating-doctor": "treating-doctor-take",
    "oppose": "oppose unoppose allow-masked",
    "close": "close",
    "code": "activation-code",
}
INTENT_OF = {action: intent for intent, actions in NEEDS_INTENT.items() for action in actions.split()}
NO_CONSENT = ("treating-doctor-leave", "import")  # gives nothing away; asks nobody
CONSENT_NOW = ("create reopen notes authorise block unblock treating-doctor-take oppose unoppose allow-masked close "
               "export activation-code personal-code").split()  # an earlier authorisation does not cover these
FEEDING = ("add", "replace")  # what the rest of the day allows without the card
# what one may not see one does not touch; to put in, unmask or hide more is no matter of masks
HIDDEN_TOO = "summary list read archive unarchive delete mask show-patient show-representatives".split()
WITH_CODE = ("close", "unoppose")
NONE, READ, ACTIVE, MUTUAL, LOCKED = range(5)
MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTATIVES = 1, 2, 4
BY_PATIENT, BY_INSURER = 1, 4


class Rules:
    def __init__(self, folder):
        def load(name):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                return json.load(f)

        professions = load("professions.json")
        self.sectors = {s["code"]: s["access"] for s in load("sectors.json")["sectors"]}
        self.professions = {p["code"]: p for p in professions["professions"]}
        self.cards = {c["code"]: c for c in professions["cards"]}
        self.specialities = professions["occupational-specialities"]

    def sector(self, f):
        if f.mode == "identity" and not f.sector:
            return "care"  # no PIN, no structure
        return self.sectors.get(f.sector, "never")

    def who(self, f):
        """The column of the one who acts, or None: a card that is nobody's here."""
        if f.mode == "patient":
            return "representative" if f.representative and not f.holder else "holder"
        if f.feeder:
            return "feed"
        if f.indirect:
            return "ES"
        kind = self.cards.get(f.card_type, {}).get("administration" if f.mode == "administration" else "use", "none")
        if kind in ("own", "ps"):
            job = self.professions.get(f.profession)
            if job is None:
                return None
            if self.sector(f) == "occupational" or f.speciality in self.specialities:
                return "Occ"
            if kind == "own" and job["role"] == "doctor":
                return "MT" if f.treating_doctor else "Dr"
            return "PS"
        if kind == "employee":
            return "fund" if self.sector(f) == "administration" else "CPE"
        return "fund" if kind == "agent" else None

    @staticmethod
    def cell(f, who, action):
        columns = CELLS[action]
        if f.mode == "patient":
            return columns["patient"][who == "representative"]
        if f.mode == "administration":
            if who == "feed":
                return "y" if action in ("open", "import") else "-"
            order = ("PS", "CPE", "fund")
            return columns["administration"][order.index(who)] if who in order else "-"
        during = DURING[f.mode]
        if who in ("Occ", "CPE"):  # no column but that of the consultation
            return columns[who] if during == 0 else "-"
        if who == "ES":
            return columns[who][during] if during < 2 else "-"
        return columns[who][during] if who in columns else "-"

    # -- refusals: each says whether it holds ----------------------------------------------------------------

    def forbidden_sector(self, f, who):
        if who in ("holder", "representative", "feed"):
            return False
        sector = self.sector(f)
        if sector == "administration":
            return not (f.mode == "administration" and who == "fund")
        return sector == "never"

    def stranger(self, f, who):
        return who is None or (who in ("CPE", "ES", "fund") and self.sector(f) == "occupational")

    @staticmethod
    def rate(f):
        return f.mode == "bris_de_glace" and f.action == "open" and f.emergencies >= f.emergencies_max

    @staticmethod
    def earlier(f):
        """An authorisation that runs, or the day of a consented session."""
        if f.mode != "normal" or f.action in CONSENT_NOW:
            return False
        return f.authorised or (f.action in FEEDING and f.absent and f.fed_today)

    def not_told(self, f):
        """Without the card only what the patient was told is open without it."""
        if not f.absent or f.action in NO_CONSENT or not self.earlier(f):
            return False
        ways = [f.authorised and f.authorised_told]
        if f.action in FEEDING:
            ways.append(f.fed_today and f.fed_told)
        return not any(ways)

    def unproved(self, f):
        if f.required == LOCKED:
            return True
        if f.action in NO_CONSENT:
            return False
        if f.absent:
            return not (f.mode in EMERGENCY or self.earlier(f))
        return f.proof < max(f.required, ACTIVE if f.mode == "patient" else NONE)

    @staticmethod
    def patients_own(f, who):
        if f.author_kind != BY_PATIENT or f.mode == "patient":
            return False
        if f.action == "replace":
            return True
        return f.action in ("archive", "unarchive", "delete") and who != "MT"

    @staticmethod
    def read_only(f):
        if f.author_kind != BY_INSURER:
            return False
        if f.action in ("replace", "archive", "unarchive", "delete"):
            return True
        hiding = ("mask", "unmask", "show-patient", "hide-patient", "show-representatives", "hide-representatives")
        return f.action in hiding and f.mode != "patient"

    @staticmethod
    def of_another(f, who, cell):
        if cell != "o":
            return False
        if f.mode == "patient":
            return f.author_kind != BY_PATIENT
        if f.author_kind == BY_PATIENT and f.action in ("archive", "unarchive", "delete") and who == "MT":
            return False  # the treating doctor puts the patient's own away
        return not f.author

    @staticmethod
    def masked(f, who):
        if not f.flags & MASQUE_PS or f.action not in HIDDEN_TOO or f.mode == "patient":
            return False
        if f.mode in EMERGENCY:
            return not f.masked_allowed
        return not (f.author or who == "MT")

    @staticmethod
    def invisible(f, who):
        if f.mode != "patient":
            return False
        hidden = INVISIBLE_PATIENT | (INVISIBLE_REPRESENTATIVES if who == "representative" else 0)
        return bool(f.flags & hidden)

    def other_type(self, f, who):
        if who not in CARED_FOR or not f.type or (f.author and f.action not in ("add", "replace")):
            return False
        types = self.professions[f.profession]["types"]
        return types != "all" and f.type not in types

    def refusals(self, f, who):
        """(rule, whether it refuses), in the order in which they are asked; lazily."""
        no = "role-forbidden" if f.mode == "normal" else "mode"
        yield "forbidden-sector", self.forbidden_sector(f, who)
        if f.mode == "identity":
            yield "mode", f.action != "open"
            return
        yield "role-forbidden", self.stranger(f, who)
        yield no, self.cell(f, who, "open") == "-"
        yield "regulation", f.mode == "centre_15" and not f.regulation
        yield "rate", self.rate(f)
        if f.action == "open":
            return
        patient = f.mode == "patient"
        yield "not-holder", patient and not f.holder and not (f.representative and f.age == 1)
        yield "blocked", f.blocked and not patient and who != "feed"
        yield "opposed", f.opposed and f.mode in EMERGENCY
        yield "no-consent", not (f.consented or f.action in NO_CONSENT or self.earlier(f))
        yield "not-told-without-card", self.not_told(f)
        yield "proof", self.unproved(f)
        yield "code", not f.code and (patient or f.action in WITH_CODE)
        wanted = INTENT_OF.get(f.action)
        yield "intent", not patient and wanted is not None and not f.intents & 1 << INTENTS.index(wanted)
        cell = self.cell(f, who, f.action)
        yield no, cell == "-"
        yield "patients-own", self.patients_own(f, who)
        yield "read-only", self.read_only(f)
        yield "not-author", self.of_another(f, who, cell)
        yield "not-self", cell == "s" and not f.self
        yield "masked", self.masked(f, who)
        yield "invisible", self.invisible(f, who)
        yield "document-type", self.other_type(f, who)
        yield "no-end", f.action == "authorise" and not f.has_until

    def decide(self, f):
        who = self.who(f)
        for rule, refuses in self.refusals(f, who):
            if refuses:
                return "deny " + rule
        if f.mode == "identity":
            return "allow identity"
        return "allow author" if f.author and f.mode != "patient" else "allow " + NAMES[who]


# -- fact sets -----------------------------------------------------------------------------------------------

FIELDS = ("action mode card_type profession speciality sector regulation indirect feeder emergencies emergencies_max "
          "absent holder representative age code proof required consented intents authorised authorised_told fed_today fed_told "
          "blocked treating_doctor opposed masked_allowed author author_kind flags type self has_until").split()
Facts = collections.namedtuple("Facts", FIELDS)
MODES = {"normal": 44, "bris_de_glace": 13, "centre_15": 13, "administration": 13, "patient": 14, "identity": 3}
# times as often as others: they reach what nothing else does
MORE = {"open": 4, "authorise": 4, "import": 3, "archive": 2, "unarchive": 2, "delete": 2, "replace": 2}
OFTEN = 60  # each answer comes up so often in 100,000


def pick(rng, weighted):
    return rng.choices(list(weighted), weighted.values())[0]


WEIGHTS = {action: MORE.get(action, 1) for action in ACTIONS}


def random_facts(rng, rules):
    """Mostly what goes well, with a little of everything that does not."""
    def chance(p):
        return rng.random() < p

    mode = pick(rng, MODES)
    desk = mode == "administration"
    action = pick(rng, WEIGHTS)
    sectors = {"care": 80, "occupational": 7, "administration": 45 if desk else 4, "never": 4, "": 5}
    wanted = pick(rng, sectors)
    known = [code for code, access in rules.sectors.items() if access == wanted]
    return Facts(
        action=action, mode=mode,
        card_type=pick(rng, {0: 70, 1: 8, 2: 14, 3: 20 if desk else 4, rng.randrange(256): 2}),
        profession=pick(rng, {10: 50, rng.choice(list(NARROW)): 25, rng.choice(list(rules.professions)): 25,
                              rng.randrange(256): 3}),
        speciality=pick(rng, {"": 40, "SM54": 40, "SM25": 4, "SM2": 2}),
        sector=rng.choice(known or ["", "SA00", "sa07", "SA0"]),
        regulation=chance(.85), indirect=chance(.07), feeder=chance(.3 if desk else .02),
        emergencies=rng.randrange(7), emergencies_max=5,
        absent=chance(.1), holder=chance(.6), representative=chance(.5), age=rng.randrange(2), code=chance(.75),
        proof=pick(rng, {MUTUAL: 80, ACTIVE: 10, READ: 5, NONE: 5}),
        required=pick(rng, {MUTUAL: 60, ACTIVE: 20, READ: 10, NONE: 8, LOCKED: 2}),
        consented=chance(.9), intents=255 if chance(.8) else rng.randrange(256), authorised=chance(.3),
        authorised_told=chance(.6), fed_today=chance(.4), fed_told=chance(.6), blocked=chance(.03), treating_doctor=chance(.4), opposed=chance(.1),
        masked_allowed=chance(.5), author=chance(.45),
        author_kind=pick(rng, {0: 60, 1: 70 if mode == "patient" else 12, 2: 5, 3: 5, 4: 15}),
        flags=0 if chance(.5) else rng.randrange(8),
        type=pick(rng, {None: 20, "consultation": 40, "prescription": 20, "image": 20}),
        self=chance(.6), has_until=chance(.8))


def narrowed(folder, into):
    """The data files, with lists of types for some professions."""
    for name in ("actions.json", "sectors.json"):
        shutil.copy(os.path.join(folder, name), into)
    with open(os.path.join(folder, "professions.json"), encoding="utf-8") as f:
        data = json.load(f)
    for row in data["professions"]:
        row["types"] = NARROW.get(row["code"], row["types"])
    with open(os.path.join(into, "professions.json"), "w", encoding="utf-8") as f:
        json.dump(data, f)


def line_of(f):
    return json.dumps({k: v for k, v in f._asdict().items() if v}) + "\n"


def answers(program, folder, lines):
    """What the program says to @lines, line by line."""
    done = subprocess.run([program, folder], input="".join(lines), stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def compare(args, folder, rng):
    """How often each answer came, and each action was allowed; both must agree on every fact set."""
    rules, reached, allowed = Rules(folder), collections.Counter(), collections.Counter()
    for start in range(0, args.count, 50_000):
        sets = [random_facts(rng, rules) for _ in range(min(50_000, args.count - start))]
        said = answers(args.program, folder, [line_of(f) for f in sets])
        assert len(said) == len(sets)
        for f, told in zip(sets, said):
            mine = rules.decide(f)
            if mine != told:
                sys.exit(f"rights_decide() says {told!r}, the restatement {mine!r}:\n{line_of(f)}")
            reached[told] += 1
            allowed[f.action, f.mode] += told.startswith("allow")
    return reached, allowed


def expected():
    """Every answer that there is."""
    refused = ("forbidden-sector role-forbidden mode regulation rate not-holder blocked opposed no-consent "
               "not-told-without-card proof code intent patients-own read-only not-author not-self masked invisible document-type no-end").split()
    return {"deny " + rule for rule in refused} | {"allow " + n for n in [*NAMES.values(), "author", "identity"]}


def open_cells():
    """(action, mode) wherever the matrix says anything but no."""
    yield "import", "administration"
    for action, columns in CELLS.items():
        for mode, during in DURING.items():
            if any(columns[c][during] != "-" for c in ("PS", "Dr", "MT")):
                yield action, mode
        for mode in ("administration", "patient"):
            if set(columns[mode]) != {"-"}:
                yield action, mode


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("folder")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    args = parser.parse_args()
    print(f"seed {args.seed}, {args.count} fact sets", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        narrowed(args.folder, folder)
        reached, allowed = compare(args, folder, random.Random(args.seed))
    for answer, n in sorted(reached.items()):
        print(f"{n:8} {answer}")
    assert set(reached) == expected(), set(reached) ^ expected()
    few = [a for a, n in reached.items() if n * 100_000 < OFTEN * args.count]
    assert not few, f"came up too seldom: {few}"
    print(f"{min(allowed[cell] for cell in open_cells()):8} the rarest that is allowed")
    never = [cell for cell in open_cells() if not allowed[cell]]
    assert not never, f"never allowed: {never}"


if __name__ == "__main__":
    main()
