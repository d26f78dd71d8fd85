# SPDX-License-Identifier: EUPL-1.2
"""What `run demo` plays: an adviser at the fund opens a dossier, a pharmacist and a doctor use it with
consent, a doctor on duty breaks the glass, and the patient, alone at a kiosk, sees who did. Each scene
checks what it shows; who is asked what is said by demo.py.
"""
import json
import time
import zipfile

from stage import ALONE, EMERGENCY, Agent, Application, ensure

MEDICINE, ALLERGY = "Amoxicilline 1 g", "Pénicilline"
DELIVERY = f"{MEDICINE}, une boîte, délivrée ce jour. Deux comprimés par jour pendant sept jours.\n"
NOTE = "Tension 13/8, pouls 72. Éruption après la première prise : allergie probable. Arrêt, revoir dans un mois.\n"
REASON = "Patient inconscient sur le parking, allergies inconnues"
CARDS = ("cps4-gp", "vitale-family")  # the doctor's, the patient's
ON_DUTY = "cps3-gp"
PERSONAL = "246810"


def play(stage):
    desk = Agent(stage, "vdagent", "the professional", "pin,professional")
    kiosk = Agent(stage, "vddisplay", "the patient", "patient-display", **{"new-code": [PERSONAL]})
    for scene in (fund, pharmacy, practice, emergency):
        scene(stage, desk)
    patient_alone(stage, kiosk)


def who(stage, app):
    """The professional of this session, whom the others will read of."""
    p = app.command("professional")["result"]
    stage.names[p["national-id"]] = f"{p.get('given', '')} {p.get('surname', '')}".strip()
    return stage.names[p["national-id"]]


def go(stage, app, name):
    """The receipt, then the patient takes the card, and nothing of the dossier is left in the machine."""
    stage.receipts[name] = stage.path(f"receipt-{name}.json")
    app.command("receipt", "--output", stage.receipts[name])
    stage.leave()
    app.locked("patient-card-removed")
    stage.say("the patient took the card: locked, with a receipt; the dossier's process is gone")
    stage.no_dossier()


def fund(stage, desk):
    stage.heading("1. At the fund: an adviser opens the dossier from the card")
    stage.carry("caisse")
    app = Application(stage, "vdapp", "caisse", "administration", "--intent", "create,code").opened()
    app.command("create")
    asked = [m["request"] for m in desk.lines if "request" in m]
    ensure((asked.count("pin"), asked.count("consent")) == (1, 1), f"asked were {asked}")
    took = time.monotonic() - app.began
    ensure(stage.interactive or took < 60, f"the dossier took {took:.0f} s")
    stage.say(f"the dossier is there, {took:.1f} s after the adviser began; by {who(stage, app)}, with one PIN and one consent")
    rule = app.refused("list")
    stage.say(f"the adviser asks for the documents and is refused ({rule})")
    app.command("activation-code")
    code = desk.told("activation-code")["code"]
    ensure(len(code) == 8 and code.isdigit(), "that is no activation code")
    ensure(f'"{code}"' not in json.dumps(app.lines), "the application got the code")
    stage.say(f"only the adviser's own screen shows the activation code, once; it goes out on paper: {code[:4]} {code[4:]}")
    stage.code = code
    go(stage, app, "creation")


def pharmacy(stage, _desk):
    stage.heading("2. At the pharmacy: a medicine is handed out")
    stage.carry("pharmacie")
    app = Application(stage, "vdapp", "pharmacie", "normal", "--intent", "consult,feed").opened()
    entry = stage.put("medicine.json", json.dumps({"kind": "current-treatment", "substance": MEDICINE, "dosage": "2 par jour"}))
    ident = app.command("add", stage.put("delivery.txt", DELIVERY), "--type", "delivery", "--title", "Délivrance",
                        "--mime", "text/plain", "--entry", "@" + entry)["id"]
    stage.say(f"{who(stage, app)} adds what was handed out: document {ident}")
    treatments = app.command("summary")["result"]["current-treatments"]
    ensure([t["substance"] for t in treatments] == [MEDICINE], f"the treatments are {treatments}")
    stage.say(f"the summary shows the present treatments: {treatments[0]['substance']}, {treatments[0]['dosage']}")
    go(stage, app, "delivery")


def practice(stage, _desk):
    stage.heading("3. At the practice: a doctor reads and adds")
    stage.carry("cabinet")
    app = Application(stage, "vdapp", "cabinet", "normal", "--intent", "consult,feed").opened()
    patient = app.command("patient")["result"]
    stage.say(f"{who(stage, app)} may know the patient: {patient.get('given')} {patient.get('surname')}, {patient.get('birth-date')}")
    listed = app.command("list")["result"]
    ensure([d["type"] for d in listed] == ["delivery"], f"the list shows {listed}")
    stage.say(f"the list shows what the pharmacist added: {listed[0]['title']}, by {listed[0]['author'].get('name')}")
    entry = stage.put("allergy.json", json.dumps({"kind": "allergy", "substance": ALLERGY, "severity": "severe"}))
    ident = app.command("add", stage.put("note.txt", NOTE), "--type", "consultation", "--title", "Consultation",
                        "--mime", "text/plain", "--entry", "@" + entry)["id"]
    stage.say(f"a note is added: document {ident}")
    app.command("read", ident, "--output", stage.path("read.txt"))
    with open(stage.path("read.txt"), encoding="utf-8") as f:
        ensure(f.read() == NOTE, "the document came back changed")
    stage.say("the note is read back, size and hash agree")
    go(stage, app, "consultation")


def emergency(stage, desk):
    stage.heading("4. That night: a doctor on duty with an old CPS3, an unconscious patient, the Vitale in the wallet")
    stage.carry("cabinet", ON_DUTY)
    reason, asked = stage.put("reason.txt", REASON), len(desk.lines)
    app = Application(stage, "vdapp", "cabinet", "bris_de_glace", "--reason", reason, says=EMERGENCY).opened()
    new = [m.get("kind") or m["request"] for m in desk.lines[asked:] if "request" in m]
    ensure("pin" in new and "bris-de-glace" in new and "consent" not in new, f"asked were {new}")
    summary = app.command("summary")["result"]
    first = summary["order"][0]
    ensure(first == "allergies" and [a["substance"] for a in summary[first]] == [ALLERGY], f"first came {summary[first]}")
    stage.say(f"{who(stage, app)} sees at once what matters first: {first}, {summary[first][0]['substance']} ({summary[first][0]['severity']})")
    stage.on_duty = list(stage.names)[-1]
    go(stage, app, "emergency")


def patient_alone(stage, kiosk):
    stage.heading("5. Later, alone at a kiosk: who opened my dossier?")
    done = stage.bed.run([stage.bed.program("vitalectl"), "--json", "open", "--pair", "borne"], "vdother")
    ensure(done.returncode == 2 and "mode" in done.stdout, f"a kiosk opened something else: {done.stdout}{done.stderr}")
    stage.say("a kiosk for self-service opens nothing but the patient's own dossier: mode normal is refused")
    stage.carry("borne")
    wrong = f"{(int(stage.code) + 1) % 10 ** 8:08}"
    kiosk.words["patient-code"] = [stage.code] if stage.interactive else [wrong, stage.code]
    app = Application(stage, "vdother", "borne", "patient", says=ALONE).opened()
    asked = [m for m in kiosk.lines if m.get("kind") == "patient-code"]
    ensure(asked and asked[0]["facts"]["activation"] and not asked[0]["facts"]["personal"], f"asked was {asked}")
    ensure(stage.interactive or [m["facts"]["again"] for m in asked] == [False, True], "a wrong code was taken")
    told = kiosk.told("emergency-access")["facts"]
    ensure((told["count"], told["mode"]) == (1, "bris_de_glace"), f"told was {told}")
    stage.say("at once the patient is told: the dossier was opened once in an emergency, without consent")
    history(stage, app)
    app.command("personal-code")
    stage.say("the patient chooses a personal code, typed at the kiosk; the activation code is used up")
    export(stage, app)
    stage.receipts["visit"] = stage.path("receipt-visit.json")
    app.command("receipt", "--output", stage.receipts["visit"])
    stage.share(stage.receipts["visit"])
    page = app.command("receipt", "--text")["result"].strip().split("\n")
    stage.say(f"the receipt is printed, {len(page)} lines with a QR code for the record:")
    stage.quote(page)
    ensure(any("█" in line for line in page), "the page has no QR code")
    app.command("lock")
    app.locked("released")
    kiosk.told("take-card")
    stage.leave()
    stage.say("the card was forgotten in the reader: the kiosk says so until it is taken")
    stage.no_dossier()
    again(stage, kiosk)


def history(stage, app):
    rows = app.command("history")["result"]
    seen = {r["professional"] for r in rows if r.get("professional")}
    ensure(seen == set(stage.names), f"the history names {seen}, there were {stage.names}")
    broken = [r for r in rows if r["event"] == "emergency" and r["outcome"] == "ok"]
    ensure([r["professional"] for r in broken] == [stage.on_duty], f"the emergencies are {broken}")
    stage.say(f"the history ({len(rows)} lines) says who did:")
    for ident, name in stage.names.items():
        theirs = [r for r in rows if r.get("professional") == ident]
        flag = "  <-- without consent" if any(r in broken for r in theirs) else ""
        days = sorted({time.strftime("%d/%m/%Y %H:%M:%S", time.localtime(r["time"] / 1e6)) for r in theirs})
        stage.quote([f"{days[0]}  {name} ({ident}): {', '.join(sorted({r['event'] for r in theirs}))}{flag}"])


def export(stage, app):
    app.command("export", "--output", stage.path("dossier.zip"))
    with zipfile.ZipFile(stage.path("dossier.zip")) as z:
        ensure(z.testzip() is None, "the export is damaged")
        texts = [z.read(n).decode("utf-8", "replace") for n in z.namelist()]
        ensure(NOTE in texts and DELIVERY in texts, f"the export has {z.namelist()}")
        stage.say(f"everything goes along in one file: {', '.join(sorted(z.namelist())[:6])}")


def again(stage, kiosk):
    """The next visit: the Vitale and the personal code."""
    stage.carry("borne")
    kiosk.words["patient-code"], asked = [PERSONAL], len(kiosk.lines)
    app = Application(stage, "vdother", "borne", "patient", says=ALONE).opened()
    facts = [m for m in kiosk.lines[asked:] if m.get("kind") == "patient-code"][0]["facts"]
    ensure(facts["personal"] and not facts["activation"], f"asked was {facts}")
    ensure(not [m for m in kiosk.lines[asked:] if m.get("inform") == "emergency-access"], "it is told twice")
    ensure(len(app.command("list")["result"]) == 2, "the patient does not see both documents")
    stage.say("the next visit needs the personal code; both documents are there")
    stage.leave()
    app.locked("patient-card-removed")
    stage.no_dossier()
