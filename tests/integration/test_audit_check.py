# SPDX-License-Identifier: EUPL-1.2
"""The record in the hands of whoever checks it: every change of a log of 1,000 entries is found by vitalectl's
verifier and by the independent one (tests/tools/verify_audit.py), given the last checkpoint; and the commands
of vitalectl audit against the real service, judged by that verifier, openssl and jq."""
import base64
import copy
import datetime
import functools
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys

import pytest

from bed import ROOT, wait_for
from conftest import audit_is_whole
from test_vitalectl import SESSION, Ctl

sys.path.insert(0, os.path.join(ROOT, "tests/tools"))
import forge_record  # noqa: E402
import verify_audit  # noqa: E402

COUNT = 1000
verify_audit.ed25519_ok = functools.lru_cache(verify_audit.ed25519_ok)  # openssl is asked once for each note


class Log:
    """1,000 entries with their leaves, the last checkpoint, and the two verifiers."""

    def __init__(self, build, folder):
        self.build, self.folder, self.key = build, folder, forge_record.Key()
        self.entries = forge_record.texts(COUNT)
        self.leaves = forge_record.leaves(self.entries)
        self.lines = [json.dumps(e, ensure_ascii=False) for e in self.entries]
        self.quoted = {None: "null", **dict(zip(self.entries, self.lines))}
        self.rows = [f'"{base64.b64encode(h).decode()}"' for h in self.leaves]
        self.note = self.key.note(COUNT, forge_record.tree_root(self.leaves))
        self.text = self.joined(self.lines, self.rows)
        assert self.text == forge_record.export(self.key, self.note, self.entries)
        for name, text in (("export", self.text), ("note", self.note), ("vkey", self.key.vkey)):
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write(text)
        self.parsed = verify_audit.parse_log(self.text)
        self.states = {}
        for listed in (True, False):  # the leaves proven; and bent, so that only the tree speaks
            log = dict(self.parsed)
            if not listed:
                log["leaves"] = [log["leaves"][1], *log["leaves"][1:]]
            checker = verify_audit.Checker(log, self.note, self.key.vkey)
            assert checker.proven == listed
            self.states[listed] = []
            for entry in self.entries[:-1]:
                self.states[listed].append(self.clone(checker))
                checker.take(entry)
            self.states[listed].append(self.clone(checker))

    def path(self, name):
        return str(self.folder / name)

    def joined(self, lines, rows, note=None):
        return self.head(note or self.note) + '"entries":[\n' + ",\n".join(lines) + '\n],\n"leaves":[\n' + ",\n".join(rows) + "\n]}\n"

    @functools.lru_cache
    def head(self, note):
        text = forge_record.export(self.key, note, [])
        return text[:text.index('"entries"')]

    @staticmethod
    def clone(checker):
        other = copy.copy(checker)
        other.tree = copy.copy(checker.tree)
        other.tree.subtrees = list(checker.tree.subtrees)
        return other

    def independent(self, texts, at=0, listed=True):
        """Whether the Python verifier finds something in @texts, which begin with entry @at."""
        checker = self.clone(self.states[listed][at])
        try:
            for text in texts:
                checker.take(text)
            checker.end()
        except verify_audit.Bad:
            return True
        return False

    def independent_whole(self, text):
        try:
            verify_audit.verify(verify_audit.parse_log(text), self.note, self.key.vkey)
        except verify_audit.Bad:
            return True
        return False

    def flips(self, seed, part):
        done = subprocess.run([os.path.join(self.build, "tests/unit/client/flip-export"), "flips", self.path("export"),
                               self.path("note"), self.path("vkey"), str(seed), str(part)],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), done.stderr

    def ours(self, texts):
        """Outcomes of the C verifier, many files in one run; it works while the next file is made."""
        def answer(run):
            return [int(word) for word in run.stdout.readline().split()]
        waits = 0
        with subprocess.Popen([os.path.join(self.build, "tests/unit/client/flip-export"), "files", self.path("note"),
                               self.path("vkey")], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
            for text in texts:
                data = text.encode()
                run.stdin.write(struct.pack(">Q", len(data)) + data)
                run.stdin.flush()
                if waits:
                    yield answer(run)
                waits = 1
            if waits:
                yield answer(run)
            run.stdin.close()
            assert run.wait() == 0


@pytest.fixture(scope="module")
def log(build, tmp_path_factory):
    return Log(build, tmp_path_factory.mktemp("log"))


@pytest.fixture(scope="module")
def part(request):
    return 1 if request.config.getoption("--soak") else 10


@pytest.fixture(scope="module")
def rng(request):
    return random.Random(request.config.getoption("--seed"))


def test_both_verifiers_take_the_log_as_it_is(log):
    assert list(log.ours([log.text])) == [[0, 0]]
    assert not log.independent_whole(log.text)
    assert not log.independent(log.entries) and not log.independent(log.entries[500:], 500)


def test_every_flipped_bit_of_the_entries_is_found_by_vitalectls_verifier(log, request, part):
    told, missed = log.flips(request.config.getoption("--seed") % 2**31, part)
    assert told["found"] == told["tried"] and not missed
    bits = 8 * (log.text.index('\n],\n"leaves"') - log.text.index('"entries":[') - len('"entries":[') + 2)
    assert told["tried"] >= bits / part * 0.9 and told["whole"] >= told["tried"] // 1100
    print(told)


def test_every_flipped_bit_of_the_entries_is_found_by_the_independent_verifier(log, part, rng):
    tried = whole = 0
    for index, line in enumerate(log.lines):
        data = line.encode()
        for bit in range(8 * len(data)) if part == 1 else rng.sample(range(8 * len(data)), 8 * len(data) // part):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            tried += 1
            try:
                text = json.loads(flipped.decode())
            except ValueError:  # the log is not JSON: seen by read_text() or parse_log()
                text = None
            if isinstance(text, str):
                assert log.independent([text], index), (index, bit)
            if tried % 2003 == 0:  # and as the file that it is
                whole += 1
                rest = log.lines[:index] + [flipped.decode(errors="surrogateescape")] + log.lines[index + 1:]
                assert log.independent_whole(log.joined(rest, log.rows)), (index, bit)
    print(tried, "flips,", whole, "of them as whole files")
    assert tried > 300000 and whole > 100


def structural(log, rng, part):
    """(what, first entry that differs, entries from there on, whether the leaves listed are the old ones,
    entries, leaves): every deletion, neighbours exchanged and as many others, every truncation, every
    entry doubled, put elsewhere, exchanged for another record's, or made null; without --soak half of
    them, drawn by the seed, but all neighbours exchanged."""
    e, h = log.entries, log.rows
    other = forge_record.texts(COUNT, seed=2)
    foreign = [f'"{base64.b64encode(x).decode()}"' for x in forge_record.leaves(other)]
    pairs = [(i, i + 1) for i in range(COUNT - 1)]
    pairs += [tuple(sorted(rng.sample(range(COUNT), 2))) for _ in range(COUNT if part == 1 else 100)]
    for k, (i, j) in enumerate(pairs):
        made = [list(e), list(h)]
        for column in made[:1 + k % 2]:
            column[i], column[j] = column[j], column[i]
        yield "swap", i, *made
    for n, i in enumerate(range(COUNT) if part == 1 else sorted({0, COUNT - 1, *rng.sample(range(COUNT), COUNT // 2)})):
        kept = n % 2
        yield "deletion", i, e[:i] + e[i + 1:], h if kept else h[:i] + h[i + 1:]
        yield "truncation", i, e[:i], h if kept else h[:i]
        yield "doubled", i, e[:i] + [e[i]] + e[i:], h if kept else h[:i] + [h[i]] + h[i:]
        yield "splice", i, e[:i] + [other[i]] + e[i + 1:], h if kept else h[:i] + [foreign[i]] + h[i + 1:]
        j = rng.randrange(COUNT - 1)
        moved, rows = e[:i] + e[i + 1:], h[:i] + h[i + 1:]
        moved.insert(j, e[i]), rows.insert(j, h[i])
        if i != j:
            yield "moved", min(i, j), moved, h if kept else rows
        yield "taken out", i, e[:i] + [None] + e[i + 1:], h
    yield "appended", COUNT - 1, e + [forge_record.entry(COUNT, rng)], h
    yield "splice of all behind", 300, e[:300] + other[300:], h[:300] + foreign[300:]


def test_every_structural_change_is_found_by_both(log, rng, part):
    counts, kept = {}, []

    def texts():
        for what, first, entries, rows in structural(log, rng, part):
            lines = [log.quoted.get(t) or json.dumps(t, ensure_ascii=False) for t in entries]
            text = log.joined(lines, rows)
            kept.append((what, first, entries, rows is log.rows, text))
            yield text
    for outcome, _ in log.ours(texts()):
        what, first, entries, listed, text = kept.pop(0)
        counts[what] = counts.get(what, 0) + 1
        assert outcome > 0, (what, first)
        assert log.independent(entries[first:], first, listed), (what, first)
        if part == 1 or rng.randrange(100) == 0:
            assert log.independent_whole(text), (what, first)
    print(counts)
    assert counts["swap"] >= COUNT - 1
    assert all(counts[w] >= (COUNT if part == 1 else COUNT // 2) - 5 for w in (
        "deletion", "truncation", "doubled", "splice", "moved", "taken out"))


def test_every_rollback_to_a_record_that_was_once_whole_is_found_by_both(log, rng, part):
    sizes = range(COUNT) if part == 1 else sorted(rng.sample(range(COUNT), 60))
    notes = {k: log.key.note(k, forge_record.tree_root(log.leaves[:k])) for k in sizes}
    texts = [log.joined(log.lines[:k], log.rows[:k], notes[k]) if k else
             forge_record.export(log.key, notes[k], []) for k in sizes]
    for size, text, (outcome, _) in zip(sizes, texts, log.ours(texts)):
        assert outcome > 0, size
        assert log.independent_whole(text), size
        verify_audit.verify(verify_audit.parse_log(text), notes[size], log.key.vkey)  # it was once whole


def test_a_record_that_was_rewritten_and_signed_by_its_own_key_is_found_by_both(log, rng, part):
    texts = []
    for i in sorted(rng.sample(range(COUNT), 20 * (10 // part))):
        entries = list(log.entries)
        entries[i] = forge_record.entry(i, rng, outcome="denied")
        hashes = forge_record.leaves(entries)
        note = log.key.note(COUNT, forge_record.tree_root(hashes))
        texts.append(forge_record.export(log.key, note, entries, hashes))
    for text, (outcome, _) in zip(texts, log.ours(texts)):
        assert outcome > 0 and log.independent_whole(text)


def test_what_no_checkpoint_covers_cannot_say_that_entries_were_pruned(log, rng):
    def without(text, member):
        return json.dumps({k: v for k, v in json.loads(text).items() if k != member})

    def other(text, member, value):
        return json.dumps({**json.loads(text), member: value})
    said = [forge_record.entry(i, rng, event="pruned", details={"first": 0, "last": last})
            for i, last in ((COUNT, COUNT - 1), (COUNT, 2**62), (COUNT + 1, COUNT - 1))]
    bare = f'"{base64.b64encode(forge_record.leaves(said)[0]).decode()}"'
    old = log.key.note(500, forge_record.tree_root(log.leaves[:500]))
    texts = []
    for gone in (COUNT, 1):
        for behind in ([], said[:1], said[1:2], [said[0], said[2]]):
            lines = ["null"] * gone + log.lines[gone:] + [json.dumps(text) for text in behind]
            for rows in (log.rows, log.rows + [bare]):
                whole = log.joined(lines, rows)
                texts += [whole, log.joined(lines, rows, old), without(whole, "checkpoint"), without(whole, "leaves"),
                          *(other(whole, "checkpoint", value) for value in (None, 7, "", [], [log.note]))]
    texts += [without(log.text, name) for name in ("checkpoint", "origin", "vkey", "format", "entries")]
    texts += [other(log.text, name, value) for name in ("checkpoint", "origin", "vkey", "format", "more")
              for value in (None, True, 2, "", "x", {})]
    assert len(texts) > 150
    for n, (text, (outcome, _)) in enumerate(zip(texts, log.ours(texts))):
        assert outcome > 0, (n, text[:100])
        assert log.independent_whole(text), (n, text[:100])


def test_pruned_entries_are_counted_when_the_record_says_that_they_were_pruned(log, rng, tmp_path):
    def made(gone, details):
        entries = log.entries[:COUNT - 1] + [forge_record.entry(COUNT - 1, rng, event="pruned", details=details)]
        hashes = forge_record.leaves(entries)
        note = log.key.note(COUNT, forge_record.tree_root(hashes))
        return note, forge_record.export(log.key, note, [None if i in gone else t for i, t in enumerate(entries)],
                                         hashes)
    cases = [(range(400), 399, True), (range(390), 399, True), (range(401), 399, False), (range(1, 300), 399, False),
             ([*range(300), 302], 399, False), (range(COUNT), 399, False)]
    cases = [(gone, {"first": 0, "last": last}, good) for gone, last, good in cases]
    cases += [(range(2), details, False) for details in (  # claims that are none
        None, [], [{"last": 9}], "last", 9, True, {}, {"last": None}, {"last": True}, {"last": "9"}, {"last": [9]},
        {"last": -1})]
    for gone, details, good in cases:
        note, text = made(gone, details)
        for name, content in (("note", note), ("log", text), ("vkey", log.key.vkey)):
            (tmp_path / name).write_text(content)
        tool = subprocess.run(["/usr/bin/python3", os.path.join(ROOT, "tests/tools/verify_audit.py"), "--log",
                               tmp_path / "log", "--checkpoint", tmp_path / "note", "--vkey", tmp_path / "vkey"],
                              capture_output=True, text=True)
        assert (tool.returncode == 0) == good, (gone, details, tool.stdout)
        assert not tool.stderr and re.fullmatch("ok: .*\n" if good else "bad: .*\n", tool.stdout), (details, tool)
        done = subprocess.run([os.path.join(log.build, "client/vitalectl"), "--json", "audit", "verify", tmp_path / "log",
                               "--checkpoint", tmp_path / "note", "--vkey", tmp_path / "vkey"],
                              capture_output=True, text=True)
        assert done.returncode == (0 if good else 8), done.stderr
        told = json.loads(done.stdout)
        if good:
            assert told["pruned"] == len(gone) and f"{len(gone)} of them pruned" in tool.stdout
        else:
            assert told["bad-entry"] is not None and told["why"]


# -- with the service ------------------------------------------------------------------------------------


@pytest.fixture
def ctl(bed, people):
    people(bed, choice_beneficiary=[0], choice_structure=[0])
    return Ctl(bed)


def note_of(ctl, name):
    path = os.path.join(ctl.home, name)
    assert ctl("audit", "checkpoint", "--output", path).returncode == 0
    return path


def independent(*arguments):
    done = subprocess.run(["/usr/bin/python3", os.path.join(ROOT, "tests/tools/verify_audit.py"), *arguments],
                          capture_output=True, text=True)
    return done.returncode, done.stdout


def jq(program, path):
    return json.loads(subprocess.run(["jq", "-c", program, path], capture_output=True, text=True, check=True).stdout)


def test_verify_prove_history_and_stats_say_what_the_record_says(ctl, bed, people):
    old = note_of(ctl, "old")
    assert ctl(*SESSION, "create", "list", "lock").returncode == 0
    assert ctl("open", "-m", "identity", "patient", "lock").returncode == 0
    app = people.actor(bed, "vdapp")
    key = ctl.put("vkey", app.get("/org/vitaled1", "Manager", "RecordKey"))
    told, = ctl.json("audit", "verify", "--checkpoint", old, "--vkey", key)
    assert told["ok"] and told["entries"] == told["covered"] and not told["own-key"]
    assert "whole" in ctl("audit", "verify", "--checkpoint", old).stdout
    entries = audit_is_whole(bed, app)
    # every entry is proven, by us and by the others
    for index in range(0, len(entries), 3):
        path = os.path.join(ctl.home, f"proof-{index}")
        told, = ctl.json("audit", "prove", str(index), "--vkey", key, "--output", path)
        assert told["ok"] and json.loads(told["entry"]) == entries[index]
        assert independent("--entry", path, "--vkey", key)[0] == 0
        with open(path, encoding="utf-8") as file:
            proof = json.load(file)
        proof["entry"] = proof["entry"].replace('"time":', '"time":1')
        assert independent("--entry", ctl.put("false", json.dumps(proof)), "--vkey", key)[0] == 1
    assert ctl("audit", "prove", "999999").returncode == 2
    assert ctl("audit", "prove", "x").returncode == 2
    # history
    opened = next(e for e in entries if e["event"] == "unlocked")
    for option, member in (("--session", "session"), ("--pseudonym", "pseudonym"), ("--professional", "professional")):
        rows = ctl.json("audit", "history", option, opened[member])
        assert rows[:len(entries)] == [e for e in entries if e.get(member) == opened[member]]
    path = ctl.put("pseudonym", opened["pseudonym"] + "\n")
    assert "unlocked" in ctl("audit", "history", "--pseudonym", path).stdout
    assert ctl("audit", "history").returncode == 2
    assert ctl.json("audit", "history", "--session", "session/999") == []
    # stats, of nobody's dossier
    rows = ctl.json("audit", "stats")
    assert rows == [{"month": datetime.datetime.fromtimestamp(opened["time"] / 1e6, datetime.timezone.utc)
                     .strftime("%Y-%m"), "professional": opened["professional"], "mode": "normal",
                     "structure": opened.get("structure"),
                     "openings": sum(e["event"] == "unlocked" for e in entries)}]
    assert opened["pseudonym"] not in ctl("audit", "stats").stdout
    assert [e["event"] for e in audit_is_whole(bed, app)].count("export") >= 8  # reading it is recorded


# HL7 FHIR 4.0.1, AuditEvent: member -> (least, most, type); types are below or checked by name
R4 = {
    "AuditEvent": {"resourceType": (1, 1, "code"), "id": (0, 1, "id"), "type": (1, 1, "Coding"),
                   "subtype": (0, 9, "Coding"), "action": (0, 1, "action"), "recorded": (1, 1, "instant"),
                   "outcome": (0, 1, "outcome"), "outcomeDesc": (0, 1, "string"),
                   "purposeOfEvent": (0, 9, "CodeableConcept"), "agent": (1, 99, "agent"), "source": (1, 1, "source"),
                   "entity": (0, 99, "entity")},
    "agent": {"type": (0, 1, "CodeableConcept"), "who": (0, 1, "Reference"), "altId": (0, 1, "string"),
              "name": (0, 1, "string"), "requestor": (1, 1, "boolean")},
    "source": {"site": (0, 1, "string"), "observer": (1, 1, "Reference"), "type": (0, 9, "Coding")},
    "entity": {"what": (0, 1, "Reference"), "type": (0, 1, "Coding"), "role": (0, 1, "Coding"),
               "detail": (0, 99, "detail")},
    "detail": {"type": (1, 1, "string"), "valueString": (0, 1, "string"), "valueBase64Binary": (0, 1, "base64")},
    "Coding": {"system": (0, 1, "uri"), "code": (0, 1, "code"), "display": (0, 1, "string")},
    "CodeableConcept": {"coding": (0, 9, "Coding")},
    "Reference": {"type": (0, 1, "uri"), "identifier": (0, 1, "Identifier"), "display": (0, 1, "string")},
    "Identifier": {"system": (0, 1, "uri"), "value": (0, 1, "string")},
}
MANY = {"subtype", "purposeOfEvent", "agent", "entity", "detail", "coding"}  # lists; and source.type
FORMS = {"code": r"[^\s]+(\s[^\s]+)*", "id": r"[A-Za-z0-9\-.]{1,64}", "uri": r"\S+", "string": r"[ \r\n\t\S]+",
         "instant": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "action": "[CRUDE]", "outcome": "0|4|8|12",
         "base64": r"(\s*([0-9a-zA-Z+/=]){4}\s*)+"}
DCM = "http://dicom.nema.org/resources/ontology/DCM"
CODES = {  # of the value sets that AuditEvent's elements are bound to, those that may occur
    DCM: {*map(str, range(110100, 110115)), *map(str, range(110120, 110143)), "110150"},
    "http://terminology.hl7.org/CodeSystem/v3-ActReason": {"TREAT", "ETREAT", "BTG"},
    "http://terminology.hl7.org/CodeSystem/audit-entity-type": {"1", "2", "3", "4"},
    "http://terminology.hl7.org/CodeSystem/object-role": {*map(str, range(1, 25))},
    "http://terminology.hl7.org/CodeSystem/security-source-type": {*map(str, range(1, 10))},
}
REFERENCES = {"who": {"PractitionerRole", "Practitioner", "Organization", "Device", "Patient", "RelatedPerson"}}
REFERENCES["observer"] = REFERENCES["who"]


def r4(value, kind, name="", parent=""):
    """Whether @value is what R4 calls @kind, with the members that it must have and no others."""
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in FORMS:
        return isinstance(value, str) and re.fullmatch(FORMS[kind], value) is not None
    assert isinstance(value, dict) and value and not set(value) - set(R4[kind]), (kind, value)
    for member, (least, most, of) in R4[kind].items():
        many = member in MANY or (kind, member) == ("source", "type")
        found = value.get(member, [])
        found = found if many and isinstance(found, list) else [found] if member in value else []
        assert least <= len(found) <= most, (kind, member)
        assert not many or member not in value or isinstance(value[member], list) and value[member]
        assert all(r4(one, of, member, kind) for one in found), (kind, member, found)
    if kind == "Coding" and value["system"] in CODES:
        assert value["code"] in CODES[value["system"]], value
    if kind == "Reference" and name in REFERENCES:
        assert value["type"] in REFERENCES[name], value
    if kind == "detail":
        assert ("valueString" in value) != ("valueBase64Binary" in value)
    return True


def test_the_record_as_fhir_is_a_valid_auditevent_for_each_entry(ctl, bed, people):
    assert ctl(*SESSION, "create", "list", "summary", "lock").returncode == 0
    plain, bundle, lines = (os.path.join(ctl.home, n) for n in ("record.json", "bundle.json", "record.ndjson"))
    assert ctl("audit", "export", "--output", plain).returncode == 0
    assert ctl("audit", "export", plain, "--format", "fhir", "--output", bundle).returncode == 0
    assert ctl("audit", "export", plain, "--format", "fhir-ndjson", "--output", lines).returncode == 0
    entries = [json.loads(text) for text in jq("[.entries[]]", plain)]
    assert jq("[.resourceType, .type, (.entry | length), ([.entry[].fullUrl] | unique | length)]", bundle) == \
        ["Bundle", "collection", len(entries), len(entries)]
    resources = jq("[.entry[].resource]", bundle)
    with open(lines, encoding="utf-8") as file:
        assert [json.loads(line) for line in file] == resources
    leaves = jq(".leaves", plain)
    for entry, leaf, resource in zip(entries, leaves, resources):
        assert r4(resource, "AuditEvent")
        assert resource["resourceType"] == "AuditEvent" and resource["id"] == f"entry-{entry['sequence']}"
        assert {"system": "https://vitaled.example/fhir/event", "code": entry["event"]} in resource["subtype"]
        assert datetime.datetime.fromisoformat(resource["recorded"].replace("Z", "+00:00")) == \
            datetime.datetime.fromtimestamp(0, datetime.timezone.utc) + datetime.timedelta(microseconds=entry["time"])
        assert sum(agent["requestor"] for agent in resource["agent"]) <= 1
        # nothing is lost, and it says where in the record it is
        details = {d["type"]: d.get("valueString", d.get("valueBase64Binary")) for d in resource["entity"][-1]["detail"]}
        assert details.pop("leaf-hash") == leaf
        for member in ("session", "boot-id", "rule", "mode", "dossier-hash"):
            assert details.get(member) == entry.get(member)
        if "details" in entry:
            assert json.loads(details["details"]) == entry["details"]
        text = json.dumps(resource)
        for member in ("professional", "pseudonym", "document", "structure", "caller"):
            assert member not in entry or json.dumps(entry[member]) in text
    with open(plain, "r+b") as file:  # nothing is made of a record that is not whole
        at = file.read().index(b"session-opened")
        file.seek(at)
        file.write(b"S")
    assert ctl("audit", "export", plain, "--format", "fhir").returncode == 8
    assert ctl("audit", "export", "--format", "csv").returncode == 2


def test_every_event_of_the_service_has_a_fhir_code():
    with open(os.path.join(ROOT, "client/audit-fhir.c"), encoding="utf-8") as file:
        known = set(re.findall(r'^\t\{"([a-z-]+)", CODE_', file.read(), re.M))
    words = set()
    for name in os.listdir(os.path.join(ROOT, "daemon/audit")):
        if name.endswith(".h"):
            with open(os.path.join(ROOT, "daemon/audit", name), encoding="utf-8") as file:
                for found in re.findall(r"#define AUDIT_EVENTS\(X\)((?:.*\\\n)+.*\n)", file.read()):
                    words |= set(re.findall(r'X\(\w+, "([a-z-]+)"', found))
    assert words and words == known, words ^ known


class Watch:
    """vitalectl audit watch, as it runs."""

    def __init__(self, ctl, path):
        env = {**ctl.bed.env, "LANG": "C.UTF-8", "LANGUAGE": "C.UTF-8"}
        self.run = subprocess.Popen(["setpriv", "--reuid=vdapp", "--regid=vdapp", "--clear-groups", "--",
                                     ctl.bed.program("vitalectl"), "--json", "audit", "watch", "--checkpoint", path],
                                    env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def line(self):
        return json.loads(self.run.stdout.readline())

    def end(self):
        self.run.terminate()
        out, err = self.run.communicate(timeout=30)
        return self.run.returncode, out, err


def size_of(path):
    with open(path, encoding="utf-8") as file:
        return int(file.read().split("\n")[1])


def test_the_watch_sees_the_record_grow_and_raises_an_alarm_when_it_was_rolled_back_or_rewritten(ctl, bed, people):
    kept = os.path.join(ctl.home, "kept")
    told = ctl.json("audit", "watch", "--checkpoint", kept, "--once")  # the first time: it begins here
    assert told == [] and os.path.exists(kept)
    first = size_of(kept)
    watch = Watch(ctl, kept)
    assert ctl("open", "-m", "identity", "patient", "lock").returncode == 0
    app = people.actor(bed, "vdapp")
    before = open(kept, encoding="utf-8").read()
    note = app.call("GetCheckpoint")
    while True:
        told = watch.line()
        assert told["ok"] and told["old"] >= first
        if told["size"] == int(note.split("\n")[1]):
            break
    wait_for(lambda: open(kept, encoding="utf-8").read() == note)
    # the proof between the two, by the others
    key = ctl.put("vkey", app.get("/org/vitaled1", "Manager", "RecordKey"))
    proof = app.call("GetAuditConsistency", before)
    assert independent("--growth", ctl.put("proof", json.dumps(proof)), "--checkpoint", ctl.put("before", before),
                       "--vkey", key)[0] == 0
    if proof["path"]:
        proof["path"][0] = base64.b64encode(b"\0" * 32).decode()
        assert independent("--growth", ctl.put("proof", json.dumps(proof)), "--checkpoint", ctl.put("before", before),
                           "--vkey", key)[0] == 1
    assert watch.end()[0] == 0
    # an older copy of file and key is put back: only what was kept elsewhere tells
    bed.end("vitaled")
    copy_of = bed.path("copy")
    shutil.copytree(bed.path("state"), copy_of, symlinks=True)
    bed.start_broker()
    app = people.actor(bed, "vdapp")
    for _ in range(3):
        app.call("ExportAudit", {"a{sv}": {}})  # each is an entry
    app.call("GetCheckpoint")
    assert ctl("audit", "watch", "--checkpoint", kept, "--once").returncode == 0
    grown = size_of(kept)
    bed.end("vitaled")
    for name in os.listdir(bed.path("state")):
        if name.startswith("audit"):
            os.unlink(bed.path("state", name))
    for name in os.listdir(copy_of):
        if name.startswith("audit"):
            shutil.copy2(os.path.join(copy_of, name), bed.path("state", name))
            shutil.chown(bed.path("state", name), "vitaled", "vitaled")
    bed.start_broker()
    done = ctl("--json", "audit", "watch", "--checkpoint", kept, "--once")
    assert done.returncode == 10, (done.stdout, done.stderr, size_of(kept), grown)
    told = json.loads(done.stdout)
    assert not told["ok"] and size_of(kept) == grown and told["kept"] == open(kept, encoding="utf-8").read()
    # both notes are signed by the same key: together they are the proof
    with open(kept + ".alarm", encoding="utf-8") as file:
        assert file.read() == told["seen"]
    # it grows past that size: still not the beginning
    app = people.actor(bed, "vdapp")
    while int(app.call("GetCheckpoint").split("\n")[1]) <= grown:
        app.call("ExportAudit", {"a{sv}": {}})
    done = ctl("audit", "watch", "--checkpoint", kept, "--once")
    assert done.returncode == 10 and "ALARM" in done.stderr and "rewritten" in done.stderr
    assert size_of(kept) == grown
