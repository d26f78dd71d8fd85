# SPDX-License-Identifier: EUPL-1.2
"""vitalectl against the real broker: every command, words and JSON, French and English, exit codes."""
import base64
import json
import os
import subprocess

import pytest

from test_consultation import NOTE

SESSION = ["open", "--intent", "consult,feed,create"]


class Ctl:
    def __init__(self, bed):
        self.bed = bed
        self.home = bed.path("app")
        os.makedirs(self.home)
        os.chmod(self.home, 0o777)

    def __call__(self, *arguments, lang="C.UTF-8", **more):
        env = {**self.bed.env, "LANG": "C.UTF-8", "LANGUAGE": lang,
               "VITALED_LOCALEDIR": os.path.join(self.bed.build, "client/locale")}
        return self.bed.run([self.bed.program("vitalectl"), *arguments], env=env, **more)

    def json(self, *arguments, **more):
        done = self("--json", *arguments, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def results(self, *arguments, **more):
        return {m["command"]: m for m in self.json(*arguments, **more) if "command" in m}

    def put(self, name, text):
        path = os.path.join(self.home, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, 0o644)
        return path


@pytest.fixture
def ctl(bed, people):
    people(bed, choice_beneficiary=[0], choice_structure=[0])
    return Ctl(bed)


def test_status_shows_service_readers_and_cards(ctl):
    text = ctl("status").stdout
    assert "Vitale Sim 00 00" in text and "simulated" in text.lower()
    assert ctl.json("status")


def test_status_speaks_french(ctl):
    assert "carte Vitale" in ctl("status", lang="fr").stdout
    assert "Vitale card" in ctl("status", lang="en").stdout


def test_a_whole_session_from_arguments(ctl):
    note = ctl.put("note.txt", NOTE)
    out = os.path.join(ctl.home, "receipt.json")
    got = ctl.results(*SESSION, "create", "patient", "professional", "summary",
                      f"add {note} --type consultation --title Jour", "list", "history",
                      f"receipt --output {out}", "lock")
    assert {"create", "patient", "professional", "summary", "add", "list", "history", "receipt"} <= set(got)
    assert got["patient"]["result"]["surname"]
    shown = ctl("receipt", "show", out)
    assert shown.returncode == 0 and shown.stdout
    anchors = ctl.bed.path("anchors/simulated")
    record = ctl.json("audit", "export", "--output", os.path.join(ctl.home, "record.json"))
    assert record
    with open(os.path.join(ctl.home, "record.json"), encoding="utf-8") as f:
        export = json.load(f)
    vkey = export["vkey"]
    assert ctl("receipt", "verify", out, "--anchors", anchors, "--vkey", vkey).returncode == 0
    with open(out, encoding="utf-8") as f:
        receipt = json.load(f)
    receipt["patient"]["signature"] = "AAAA" + receipt["patient"]["signature"][4:]
    false = ctl.put("false.json", json.dumps(receipt))
    assert ctl("receipt", "verify", false, "--anchors", anchors, "--vkey", vkey).returncode == 8
    checkpoint = ctl.put("checkpoint", export["checkpoint"])
    verify = ("audit", "verify", os.path.join(ctl.home, "record.json"), "--checkpoint", checkpoint, "--vkey", vkey)
    assert ctl(*verify).returncode == 0
    export["entries"][1] = export["entries"][1].replace("vdapp", "vdbpp").replace('"sequence":1', '"sequence":7')
    os.unlink(os.path.join(ctl.home, "record.json"))
    ctl.put("record.json", json.dumps(export))
    assert ctl(*verify).returncode == 8


def test_a_whole_session_from_standard_input_hides_and_shows(ctl):
    note = ctl.put("note.txt", NOTE)
    made = ctl.results(*SESSION, "create", f"add {note} --type consultation --title Jour")
    ident = made["add"]["id"]
    done = ctl("--json", "open", "--intent", "consult,feed",
               input=f"hide {ident}\nshow {ident}\nread {ident} --output {ctl.home}/read\nlock\n")
    assert done.returncode == 0, done.stdout + done.stderr
    with open(os.path.join(ctl.home, "read"), encoding="utf-8") as f:
        assert f.read() == NOTE


def test_the_exit_code_says_what_went_wrong(ctl, bed):
    assert ctl("open", "--mode", "sideways").returncode == 2
    assert ctl("nothing").returncode == 2
    bed.sim("replace 0 cps4-insurer")
    assert ctl(*SESSION, "summary").returncode == 3
    bed.end("vitaled")
    assert ctl("status").returncode == 4


def test_doctor_works_with_and_without_the_service(ctl, bed):
    assert ctl("doctor").stdout
    bed.end("vitaled")
    without = ctl("--json", "doctor")
    assert without.returncode != 0 and json.loads(without.stdout.splitlines()[0])


def test_watch_prints_a_card_that_leaves(ctl, bed):
    watch = subprocess.Popen(["setpriv", "--reuid=vdapp", "--regid=vdapp", "--clear-groups", "--",
                              bed.program("vitalectl"), "--json", "watch"], env=bed.env, stdout=subprocess.PIPE,
                             text=True)
    try:
        assert json.loads(watch.stdout.readline())["change"] == "watching"
        bed.sim("remove 1")
        seen = [json.loads(watch.stdout.readline()) for _ in range(2)]
        assert any(m["change"] in ("removed", "changed") for m in seen)
    finally:
        watch.terminate()
        watch.wait()
        watch.stdout.close()


@pytest.mark.parametrize("own", [False, True])
def test_the_patients_own_display_makes_the_form(make_bed, people, own):
    user = "vddisplay" if own else "vdapp"
    bed = make_bed(config=f"[agent display]\ncapability = patient-display\npair = default\nuser = {user}\n")
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0], consent=["refused"])
    display = people.actor(bed, user)
    display.agent("patient-display", consent=["given"])
    session = app.open(intent=["create"])
    app.until(session, "unlocked")
    receipt = app.call("GetReceipt", "json", path=session, interface="Session")
    statement = json.loads(base64.b64decode(receipt["statement"]))
    assert statement["form"] == ("screen" if own else "screen-shared")
    assert display.event("consent") and not [e for e in agent.events if e["event"] == "consent"]
