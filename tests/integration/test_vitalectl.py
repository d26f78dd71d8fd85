# SPDX-License-Identifier: EUPL-1.2
"""vitalectl against the real broker: every command, words and JSON, French and English, exit codes."""
import base64
import json
import os
import subprocess
import zipfile

import pytest

from bed import wait_for
from conftest import audit_is_whole
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


def test_readers_are_those_of_the_service_with_their_cards(ctl):
    text = ctl("readers").stdout
    assert "Vitale Sim 00 00" in text and "Vitale Sim 00 01" in text and "vitaled" not in text
    kinds = [set(o) & {"org.vitaled1.Reader", "org.vitaled1.Card"} for o in ctl.json("readers")[0]["objects"].values()]
    assert all(kinds) and {"org.vitaled1.Card"} in kinds and kinds.count({"org.vitaled1.Reader"}) == 2
    assert ctl("readers", "--serials").returncode == 2


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


def replace(ctl, slot, card):
    """Another card in @slot, and until the service has seen it."""
    def cards():
        return {p for p, o in ctl.json("readers")[0]["objects"].items() if "org.vitaled1.Card" in o}

    before = cards()
    ctl.bed.sim(f"replace {slot} {card}")
    wait_for(lambda: (now := cards()) != before and len(now) == len(before))


def test_the_exit_code_says_what_went_wrong(ctl, bed):
    assert ctl("open", "--mode", "sideways").returncode == 2
    assert ctl("nothing").returncode == 2
    replace(ctl, 0, "cps4-insurer")
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


def statement_of(path):
    with open(path, encoding="utf-8") as f:
        return json.loads(base64.b64decode(json.load(f)["statement"]))


class Terminal:
    """`vitalectl agent` as @user, whose answers are lines; what it printed as JSON."""

    def __init__(self, bed, user, capability, *answers):
        self.process = subprocess.Popen(
            ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--", bed.program("vitalectl"), "--json",
             "agent", "--capability", capability], env=bed.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert json.loads(self.process.stdout.readline())["agent"] == "registered"
        self.process.stdin.write("".join(f"{a}\n" for a in answers))
        self.process.stdin.flush()

    def lines(self):
        """Everything that it printed; it ends."""
        self.process.terminate()
        out = self.process.communicate(timeout=30)[0]
        return [json.loads(line) for line in out.splitlines()]


HELPER = {"name": "Zoé LEFÈVRE", "quality": "relative"}


def test_the_agent_says_who_helped_with_the_answer(bed):
    ctl, out = Ctl(bed), bed.path("app/receipt.json")
    answer = json.dumps({"decision": "given", "form": "assisted", "helper": HELPER})
    desk = Terminal(bed, "vdagent", "pin,professional", "1234", "1", "1", answer)
    ctl.results(*SESSION, "create", f"receipt --output {out}")
    said = statement_of(out)
    assert said["form"] == "assisted" and said["assisted-by"] == HELPER
    assert [m["request"] for m in desk.lines() if "request" in m] == ["pin", "choice", "choice", "consent"]


def test_an_answer_is_for_the_question_that_is_there_and_for_none_that_was_withdrawn(bed):
    ctl = Ctl(bed)
    desk = Terminal(bed, "vdagent", "pin,professional")

    def printed(key):
        while True:
            m = json.loads(desk.process.stdout.readline())
            if key in m:
                return m

    def write(text):
        desk.process.stdin.write(text)
        desk.process.stdin.flush()

    def opening(*verbs):
        return subprocess.Popen(["setpriv", "--reuid=vdapp", "--regid=vdapp", "--clear-groups", "--", bed.program("vitalectl"),
                                 "--json", *SESSION, *verbs], env=bed.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    with opening("create") as app:
        first = printed("request")
        assert (first["request"], first["question"]) == ("pin", 1)
        write("00")  # half of it is read
        app.terminate()
        assert printed("cancelled")["session"] == first["session"]
        app.communicate()
    write("00\n0000\n1\nyes\n")
    with opening("create", "lock") as app:
        asked = printed("request")
        assert (asked["request"], asked["question"]) == ("pin", 2)
        write("#1 0000\n")  # by a program that has not heard yet
        assert printed("ignored") == {"ignored": "other-question", "question": 2}
        write("#2 1234\n")
        for number, kind in ((3, "choice"), (4, "choice"), (5, "consent")):
            asked = printed("request")
            assert (asked["request"], asked["question"]) == (kind, number)
            write(f"#{number - 1} impossible\n")
            assert "ignored" in printed("ignored")
            write("yes\n" if kind == "consent" else "1\n")  # who names no question answers the one that is there
        out, errors = app.communicate(timeout=60)
    assert app.returncode == 0, out + errors
    desk.process.terminate()
    desk.process.communicate(timeout=30)
    record = audit_is_whole(bed, Recorder(ctl))
    assert [e["outcome"] for e in record if e["event"] == "pin"] == ["ok"]  # no try was spent


def test_with_an_authorisation_the_card_may_stay_at_home(ctl, bed):
    file = ctl.put("patient.json", json.dumps({"nir": "185050099000117", "birth-date": "1985-05-14"}))
    note = ctl.put("note.txt", NOTE)
    ctl.results("open", "--intent", "consult,feed,create,authorise", "create", f"add {note} --type consultation --title Jour",
                "authorise", "lock")
    bed.sim("remove 1")
    got = ctl.json("open", "--without-card", "--patient", file, "list", "lock")
    assert [m["properties"]["Proof"] for m in got if m.get("state") == "unlocked"] == ["none"]
    assert [len(m["result"]) for m in got if m.get("command") == "list"] == [1]
    assert ctl("open", "--without-card", "list").returncode == 2


def test_alone_with_the_card_the_code_opens_closes_and_takes_along(make_bed, tmp_path):
    bed = make_bed("cps4-fund", "vitale-family", "vitale-single", readers="2,1", config=(
        "[pair caisse]\nprofessional-reader = Vitale Sim 00 00\npatient-reader = Vitale Sim 00 01\n"
        "[pair borne]\npatient-reader = Vitale Sim 01 00\nself-service = yes\n"
        "[agent display]\ncapability = patient-display\npair = borne\nuser = vddisplay\n"))
    ctl, reason = Ctl(bed), "Je ne veux plus de dossier."
    desk = Terminal(bed, "vdagent", "pin,professional", "1234", "1", "yes")
    ctl.results("open", "--pair", "caisse", "--mode", "administration", "--intent", "create,code", "create", "activation-code")
    code = next(m["code"] for m in desk.lines() if m.get("inform") == "activation-code")
    bed.sim("remove 1")
    replace(ctl, 2, "vitale-family")
    alone = ["open", "--pair", "borne", "--mode", "patient"]
    display = Terminal(bed, "vddisplay", "patient-display", "1", code, "135790135790", "1", "135790135790", "1", "24680", "135790135790")
    file = ctl.put("reason.txt", reason)
    assert ctl(*alone, "personal-code", f"close --reason {file}", user="vdother").returncode == 0
    out = os.path.join(ctl.home, "all.zip")
    done = ctl("--json", *alone, f"export --output {out}", "reopen", "summary", user="vdother")
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(out) as z:
        assert z.testzip() is None and "index.json" in z.namelist()
    done = ctl(*alone, "summary", "lock", user="vdother")
    assert done.returncode == 0, done.stdout + done.stderr
    asked = [(m["kind"], m["facts"].get("again")) for m in display.lines() if m.get("request") == "code"]
    assert asked == [("patient-code", False), ("new-code", None), ("patient-code", False), ("patient-code", False),
                     ("patient-code", True)]
    text = json.dumps(audit_is_whole(bed, Recorder(ctl)))
    assert code not in text and "135790135790" not in text and "dossier plus" not in text


class Recorder:
    """What audit_is_whole() needs of an application: the record, by vitalectl."""

    def __init__(self, ctl):
        self.ctl = ctl

    def call(self, method, *_arguments):
        assert method == "ExportAudit"
        path = os.path.join(self.ctl.home, "whole.json")
        self.ctl.json("audit", "export", "--output", path)
        with open(path, encoding="utf-8") as f:
            return json.load(f)
