# SPDX-License-Identifier: EUPL-1.2
"""Receipts of every kind of session, judged by programs that are none of ours: openssl for the signatures, the verifier
of tests/tools for the record's part, sha256sum's algorithm for the texts, and zbar for the code of the printed page."""
import base64
import glob
import hashlib
import json
import os
import re
import subprocess
import sys

import pytest

from bed import ROOT, wait_for
from conftest import cards
from test_consultation import add, open_dossier
from test_patient import carry, issue, opened_alone, scene  # noqa: F401  (a fixture)

sys.path.insert(0, os.path.join(ROOT, "tests/tools"))
import verify_audit  # noqa: E402  pylint: disable=wrong-import-position

NOEL = {"ins": "1190699000123", "birth-date": "2019-06-27", "rank": 1}  # a child of vitale-family, by the INS
ROW = 80


def receipt_of(app, session, form="json"):
    return app.call("GetReceipt", form, path=session, interface="Session")


def vitalectl(bed, *args, code=0, lang="C"):
    done = subprocess.run([bed.program("vitalectl"), *args], capture_output=True, text=True, timeout=60,
                          env={**bed.env, "LC_ALL": "", "LANG": lang, "VITALED_LOCALEDIR": bed.program("locale")})
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def roots(bed):
    return [p for p in glob.glob(bed.path("anchors/simulated/**"), recursive=True) if p.endswith(".pem") and "x509" in p][0]


def openssl(out, *args):
    return subprocess.run(["openssl", *args], cwd=out, capture_output=True).returncode == 0


def cms_holds(out, ca):
    return openssl(out, "cms", "-verify", "-binary", "-purpose", "any", "-inform", "DER", "-in", "professional.cms",
                   "-content", "statement.json", "-CAfile", ca, "-out", os.devnull)


def presence_holds(out):
    return openssl(out, "dgst", "-sha256", "-verify", "presence.pem", "-signature", "presence.sig", "presence.bin")


def record_holds(receipt, vkey):
    """The consent's entry and the acts under the receipt's checkpoint, by RFC 6962 alone; the entries."""
    audit, found = receipt["audit"], []
    for part in [audit] + audit["acts"]:
        text = base64.b64decode(part["entry"], validate=True).decode()
        proof = {"entry": text, "index": part["index"], "path": part["path"], "checkpoint": audit["checkpoint"]}
        assert verify_audit.verify_entry(proof, vkey)[0] == part["index"]
        found.append(json.loads(text))
    return found


def judged(bed, app, receipt, folder, professional=True, patient=True):
    """Every part of a receipt, each by who knows nothing of ours; (statement, acts)."""
    path, out = folder / "receipt.json", folder / "pieces"
    path.write_text(json.dumps(receipt))
    vkey = app.get("/org/vitaled1", "Manager", "RecordKey")
    told = vitalectl(bed, "--json", "receipt", "verify", str(path), "--anchors", bed.path("anchors/simulated"), "--vkey", vkey)
    told = json.loads(told)
    assert told["ok"] and told["acts"] == len(receipt["audit"]["acts"])
    vitalectl(bed, "receipt", "extract", str(path), "--out", str(out))
    raw = (out / "statement.json").read_bytes()
    assert raw == base64.b64decode(receipt["statement"])
    assert (receipt["professional"] is not None) == professional == (out / "professional.cms").exists()
    if professional:
        assert cms_holds(out, roots(bed))
    assert (receipt["patient"]["signature"] is not None) == patient
    if patient:
        assert presence_holds(out)
        assert (out / "presence.bin").read_bytes() == hashlib.sha256(raw).digest() + b"VDCONS01"
    consent, *acts = record_holds(receipt, vkey)
    assert consent["details"]["statement-sha256"] == hashlib.sha256(raw).hexdigest()
    assert {(a["session"], a["pseudonym"]) for a in acts} == {(consent["session"], consent["pseudonym"])}
    for act, part in zip(acts, receipt["audit"]["acts"]):
        assert (out / f"act-{part['index']}.json").read_bytes() == base64.b64decode(part["entry"])
        assert act["sequence"] == part["index"] > receipt["audit"]["index"]
    return json.loads(raw), acts


# -- what is in it --------------------------------------------------------------------------------


def test_each_act_of_a_consultation_is_in_its_receipt_and_a_bent_one_is_found(bed, people, tmp_path):
    app, _ = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    ident = add(app, session)
    app.call("Read", ident, path=session, interface="Dossier")
    receipt = receipt_of(app, session)
    statement, acts = judged(bed, app, receipt, tmp_path)
    assert (statement["form"], statement["mode"], statement["assisted-by"]) == ("oral", "normal", None)
    events = [a["event"] for a in acts if a["outcome"] == "ok"]
    wanted = ["unlocked", "dossier-created", "document-added", "document-read", "receipt"]
    assert [e for e in events if e in wanted] == wanted and receipt["audit"]["omitted"] == 0
    assert {a["document"] for a in acts if "document" in a} == {ident}

    for part in ("entry", "path", "index"):
        bent = json.loads(json.dumps(receipt))
        act = bent["audit"]["acts"][-2]  # the reading
        if part == "entry":
            text = base64.b64decode(act["entry"]).replace(b'"ok"', b'"no"')
            act["entry"] = base64.b64encode(text).decode()
        elif part == "path":
            act["path"] = act["path"][::-1]
        else:
            act["index"] -= 1
        path = tmp_path / f"bent-{part}.json"
        path.write_text(json.dumps(bent))
        told = vitalectl(bed, "--json", "receipt", "verify", str(path), "--anchors", bed.path("anchors/simulated"), code=8)
        assert json.loads(told)["at"] == "audit.acts"

    app.call("Lock", path=session, interface="Session")  # and after the end, with what came to it
    _, more = judged(bed, app, receipt_of(app, session), make(tmp_path, "after"))
    assert [a["sequence"] for a in more][:len(acts)] == [a["sequence"] for a in acts]

    old = json.loads(json.dumps(receipt))  # as it was before there were acts
    del old["audit"]["acts"], old["audit"]["omitted"]
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old))
    vitalectl(bed, "receipt", "verify", str(path), "--anchors", bed.path("anchors/simulated"))
    shown = json.loads(vitalectl(bed, "--json", "receipt", "show", str(path)))
    assert (shown["acts"], shown["omitted"]) == ([], 0)


def make(folder, name):
    (folder / name).mkdir()
    return folder / name


def test_who_helped_is_named_in_the_receipt_and_not_in_the_record(bed, people, tmp_path):
    helper = {"name": "Ève d'Arc", "quality": "interpreter"}
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0],
                        consent=[{"decision": "given", "form": "assisted", "helper": helper}])
    session = open_dossier(app)
    receipt = receipt_of(app, session)
    statement, _ = judged(bed, app, receipt, tmp_path)
    assert (statement["form"], statement["assisted-by"]) == ("assisted", helper)
    assert statement["agent"]["capability"] == "professional"
    assert agent.event("consent")["request"]["minor"] is False
    entry = json.loads(base64.b64decode(receipt["audit"]["entry"]))
    assert (entry["details"]["form"], entry["details"]["helper"]) == ("assisted", "interpreter")
    # with its apostrophe: three letters alone may stand in a signature's base64
    assert "d'Arc" not in json.dumps(app.call("ExportAudit", {"a{sv}": {}}), ensure_ascii=False)
    assert "Ève d'Arc (interprète)" in receipt_of(app, session, "text")["text"]
    shown = vitalectl(bed, "receipt", "show", str(tmp_path / "receipt.json"))
    assert "Ève d'Arc" in shown and "document" not in shown.lower().split("done in this session")[0]


def test_a_representative_answers_for_a_child_and_for_no_adult(bed, people, tmp_path):
    helper = {"name": "Théo BÉRANGER", "quality": "parent"}
    answer = {"decision": "given", "form": "representative", "helper": helper}
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0], consent=[answer])
    session = app.open(intent=["create"])
    assert app.ended(session) == ("failed", "invalid-argument")  # the holder is an adult
    session = app.open(intent=["create"], patient={"fd": json.dumps(NOEL)})
    app.until(session, "unlocked")
    statement, _ = judged(bed, app, receipt_of(app, session), tmp_path)
    assert (statement["form"], statement["assisted-by"]) == ("representative", None)
    assert (statement["patient"]["representative"], statement["patient"]["age"]) == (helper, "minor")
    assert [e["request"]["minor"] for e in agent.seen("consent")] == [False, True]


def test_an_agent_of_the_fund_has_a_receipt_of_what_they_did(make_bed, people, tmp_path):
    bed = make_bed("cps4-fund", "vitale-family")
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = app.open(mode="administration", intent=["create", "oppose", "close"])
    app.until(session, "unlocked")
    assert "* Fermer votre dossier." in agent.event("consent")["request"]["text"]["wording"]
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    app.call("SetOpposition", "centre_15", True, path=session, interface="Dossier")
    statement, acts = judged(bed, app, receipt_of(app, session), tmp_path)
    assert (statement["mode"], statement["acts"]) == ("administration", ["create", "oppose", "close"])
    assert {"dossier-created", "opposition"} <= {a["event"] for a in acts}


def test_an_emergency_without_the_card_has_the_professional_s_signature_alone(make_bed, people, tmp_path):
    bed = make_bed("cps4-gp", "vitale-family")
    app, _ = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    app.call("Release", path=session, interface="Session")
    bed.sim("remove 1")
    wait_for(lambda: sorted(cards(app).values()) == ["cps"])
    session = app.open(mode="bris_de_glace", reason={"fd": "Patient inconscient, seul"},
                       patient={"fd": json.dumps({"nir": "1850500990001", "birth-date": "1985-05-14"})})
    app.until(session, "unlocked")
    statement, _ = judged(bed, app, receipt_of(app, session), tmp_path, patient=False)
    assert statement["patient"]["proof"] == "none" and statement["decision"] == "not-needed"
    page = receipt_of(app, session, "text")["text"]
    assert "openssl dgst" not in page and "absente" in page


def test_the_patient_alone_has_a_receipt_that_their_card_alone_signed(scene, tmp_path):  # noqa: F811
    bed, app, agent, kiosk, display = scene
    code = issue(app, agent)
    carry(bed, app, 2)
    session = opened_alone(kiosk, display, code)
    ident = add(kiosk, session, kind="patient-note", title="Mes notes")
    statement, acts = judged(bed, kiosk, receipt_of(kiosk, session), tmp_path, professional=False)
    assert (statement["mode"], statement["acts"], statement["form"]) == ("patient", ["patient"], "code")
    assert (statement["professional"], statement["agent"], statement["text"]) == (None, None, None)
    assert statement["patient"]["proof"] == "active" and statement["decision"] == "given"
    assert ident in [a.get("document") for a in acts]
    page = receipt_of(kiosk, session, "text")["text"]
    assert "le patient seul" in page and "openssl cms" not in page and "openssl dgst" in page
    assert len(scanned(page)) == 1


# -- the page -------------------------------------------------------------------------------------


def pixels(lines, scale=4):
    """Half blocks as a grey picture: (width, height, bytes)."""
    dark = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    wide = max(map(len, lines)) + 4  # the blanks at the end of lines
    rows = []
    for line in lines:
        for half in (0, 1):
            row = b"".join((b"\0" if dark[c][half] else b"\xff") * scale for c in line.ljust(wide))
            rows += [row] * scale
    return wide * scale, len(rows), b"".join(rows)


def scanned(page):
    """What a scanner that we did not write reads on the page."""
    import zbar
    lines = page.split("\n")
    first = next(i for i, line in enumerate(lines) if re.search("[▀▄█]", line))
    last = max(i for i, line in enumerate(lines) if re.search("[▀▄█]", line))
    width, height, data = pixels(lines[first - 2:last + 3])
    scanner, picture = zbar.ImageScanner(), zbar.Image(width, height, "Y800", data)
    assert scanner.scan(picture) == 1
    return [symbol.data for symbol in picture]


@pytest.mark.parametrize("language, words", [("fr", ["REÇU", "créer le dossier", "document ajouté", "carte simulée"]),
                                             ("en", ["RECEIPT", "create the record", "document added", "simulated card"])])
def test_the_page_fits_the_printer_and_its_code_names_receipt_and_checkpoint(make_bed, people, tmp_path, language, words):
    bed = make_bed(config=f"[consent]\nlanguage = {language}\n")
    app, _ = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    add(app, session)
    page = receipt_of(app, session, "text")["text"]
    assert page.endswith("\n") and max(map(len, page.split("\n"))) <= ROW
    assert all(w in page for w in words) and not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", page)
    receipt = receipt_of(app, session)
    statement = json.loads(base64.b64decode(receipt["statement"]))
    assert statement["id"] in page and statement["professional"]["surname"] in page
    assert "DUPONT" not in page and "BÉRANGER" not in page  # who the patient is

    code, = scanned(page)
    told = re.fullmatch(r"vitaled:receipt\?id=([0-9a-f-]{36})&origin=([^&]+)&size=(\d+)&root=([0-9a-f]{64})", code)
    assert told and told[1] == statement["id"] and code in page.replace("\n", "")
    note = app.call("GetCheckpoint")
    assert note.split("\n")[0] == told[2]
    # the tree of that size has that root, says the record, and so does a verifier of others
    log = app.call("ExportAudit", {"a{sv}": {}})
    tree = verify_audit.Tree()
    for entry in log["entries"][:int(told[3])]:
        tree.add_leaf(verify_audit.leaf_hash(entry.encode()))
    assert tree.root().hex() == told[4]

    path, printed = tmp_path / "r.json", tmp_path / "page.txt"  # and from the file, without the service
    path.write_text(json.dumps(receipt))
    locale = {"fr": "fr_FR.UTF-8", "en": "C.UTF-8"}[language]
    vitalectl(bed, "receipt", "show", str(path), "--page", str(printed), lang=locale)
    text = printed.read_text(encoding="utf-8")
    assert max(map(len, text.split("\n"))) <= ROW and text.split("\n")[0] == words[0]
    name, size, root = receipt["audit"]["checkpoint"].split("\n")[:3]
    assert scanned(text) == [f"vitaled:receipt?id={statement['id']}&origin={name}&size={size}"
                             f"&root={base64.b64decode(root).hex()}"]
    vitalectl(bed, "receipt", "show", str(path), "--page", str(printed), code=1)  # nothing is overwritten
    assert vitalectl(bed, "receipt", "show", str(path), "--page", "-", lang=locale) == text
