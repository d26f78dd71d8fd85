# SPDX-License-Identifier: EUPL-1.2
"""What a patient is asked for each act, and that the receipt names just that text: awk and sha256sum are the judges."""
import base64
import hashlib
import json
import os
import re
import subprocess

import pytest

from actor import BusError
from bed import ROOT
from conftest import audit_is_whole

ACTS = ["consult", "feed", "create", "authorise", "treating-doctor", "oppose", "close", "code"]
HEADS = {"fr": ["* Lire", "* Ajouter", "* Créer", "* Ouvrir", "* Devenir", "* Interdire", "* Fermer", "* Recevoir"],
         "en": ["* Read", "* Add", "* Create", "* Open", "* Become", "* Forbid", "* Close", "* Receive"]}
SETS = [["authorise"], ["consult", "treating-doctor"], ["oppose", "feed", "consult"], ACTS[:-2]]  # no close and no code here


def documented():
    """The program of doc/consent.md that makes a text again."""
    with open(os.path.join(ROOT, "doc/consent.md"), encoding="utf-8") as f:
        return re.search(r"awk -v acts=\"consult feed\" '\n(.*?)' consent-3\.fr\.txt \| sha256sum", f.read(), re.S).group(1)


def made_again(path, acts):
    return subprocess.run(["awk", "-v", "acts=" + " ".join(acts), documented(), path], capture_output=True, check=True).stdout


def statement_of(app, session):
    receipt = app.call("GetReceipt", "json", path=session, interface="Session")
    return receipt, json.loads(base64.b64decode(receipt["statement"]))


@pytest.mark.parametrize("language", HEADS)
def test_each_session_asks_for_its_acts_alone_and_the_receipt_says_by_what_text(make_bed, people, language, tmp_path):
    bed = make_bed(config=f"[consent]\nlanguage = {language}\n")
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = app.open(intent=["create"])
    app.until(session, "unlocked")
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    app.call("Release", path=session, interface="Session")
    for number, acts in enumerate(SETS):
        before = len(agent.events)
        session = app.open(intent=acts)
        app.until(session, "unlocked")
        assert app.get(session, "Session", "Intent") == sorted(acts, key=ACTS.index)
        request = agent.event("consent", before)["request"]
        assert request["acts"] == sorted(acts, key=ACTS.index)
        text = request["text"]
        shown = text["wording"].encode()
        assert (text["id"], text["language"]) == ("consent-3", language)
        assert [h in text["wording"] for h in HEADS[language]] == [a in acts for a in ACTS]
        assert shown == made_again(os.path.join(ROOT, f"daemon/consent/wordings/consent-3.{language}.txt"), acts)
        receipt, statement = statement_of(app, session)
        assert statement["acts"] == request["acts"]
        assert statement["text"] == {"id": "consent-3", "language": language, "sha256": hashlib.sha256(shown).hexdigest()}
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(receipt))
        again = subprocess.run([bed.program("vitalectl"), "--json", "receipt", "show", str(path), "--wordings",
                                bed.path("data/wordings")], capture_output=True, check=True, env=bed.env)
        assert json.loads(again.stdout)["wording"].encode() == shown
        app.call("Release", path=session, interface="Session")
    consents = [e for e in audit_is_whole(bed, app) if e["event"] == "consent"]
    assert [e["details"]["acts"] for e in consents] == [["create"]] + [sorted(a, key=ACTS.index) for a in SETS]


def test_refusing_one_act_leaves_nothing_of_any_and_the_rest_may_be_asked_again(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0], consent=["refused", "given"])
    assert app.ended(app.open(intent=["create", "authorise"])) == ("refused", "consent-refused")
    session = app.open(intent=["create"])
    app.until(session, "unlocked")
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    told = app.call("ListProfessionals", path=session, interface="Dossier")
    assert told == {"authorised": [], "blocked": [], "treating-doctor": None, "oppositions": [],
                    "masked-allowed": False}


def test_what_a_site_s_own_text_does_not_tell_of_is_not_asked(make_bed, people):
    bed = make_bed()
    bed.end("vitaled")
    own = bed.path("own")
    os.mkdir(own)
    with open(os.path.join(own, "consent-7.fr.txt"), "w", encoding="utf-8") as f:
        f.write("Le professionnel demande à lire et à compléter votre dossier.\n")
    os.chmod(own, 0o755)
    with open(bed.path("vitaled.conf"), encoding="utf-8") as f:
        conf = f.read()
    with open(bed.path("vitaled.conf"), "w", encoding="utf-8") as f:
        f.write(conf.replace("[paths]\n", f"[paths]\nwordings = {own}\n", 1))
    bed.start_broker()
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    features = app.get("/org/vitaled1", "Manager", "Features")
    assert {f for f in features if f.startswith("intent-")} == {"intent-consult", "intent-feed", "intent-create"}
    for acts in (["authorise"], ["consult", "oppose"]):
        with pytest.raises(BusError) as e:
            app.open(intent=acts)
        assert e.value.short == "InvalidArgument" and "intent" in str(e.value)
    session = app.open(intent=["create"])
    app.until(session, "unlocked")
    _, statement = statement_of(app, session)
    with open(os.path.join(own, "consent-7.fr.txt"), "rb") as f:
        assert statement["text"]["sha256"] == hashlib.sha256(f.read()).hexdigest()  # that of the file
