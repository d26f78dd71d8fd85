# SPDX-License-Identifier: EUPL-1.2
"""Reimbursements that the health insurer feeds (doc/feed.md), over the real stack: made by openssl, asked
for by D-Bus and by vitalectl, and what List, History and the record tell of them looked at by jq."""
import contextlib
import datetime
import json
import os
import pty
import signal
import subprocess
import tempfile
import threading

import pytest

from actor import BusError
from bed import wait_for
from conftest import audit_is_whole, pids
from test_dossier import do, lock, made, opened, refused, rows  # noqa: F401 (made is a fixture)
from test_vitalectl import Ctl

THEO, ZOE, NOBODY = ("1850500990001", "1985-05-14"), ("2871100990002", "1987-11-03"), ("2700100990009", "1970-01-05")
CAISSE = "Caisse de test"
TODAY = datetime.date.today()


def ago(days):
    return (TODAY - datetime.timedelta(days=days)).isoformat()


def line(ident, person=THEO, **more):
    made = {"id": ident, "nir": person[0], "birth": person[1], "date": ago(30), "kind": "medicine",
            "label": "Paracétamol 1 g", "quantity": 2, "amount": 418, "reimbursed": 272, "performer": "889900000038"}
    return {k: v for k, v in (made | more).items() if v is not None}


def text(*lines, **header):
    head = {"format": 1, "feeder": CAISSE, "made": TODAY.isoformat(), "lines": len(lines)} | header
    return "".join((one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)) + "\n" for one in (head, *lines))


def run(*argv, **more):
    done = subprocess.run(argv, capture_output=True, text=True, **more)
    assert done.returncode == 0, (argv, done.stderr)
    return done.stdout


class Feeder:
    """An authority, and who signs feeds under it."""

    def __init__(self, folder):
        self.folder = str(folder)
        os.chmod(self.folder, 0o755)
        self.authority("ca")
        self.signer("signer")

    def path(self, name):
        return os.path.join(self.folder, name)

    def authority(self, name):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "300",
            "-subj", f"/CN={name} of feeders", "-keyout", self.path(name + ".key"), "-out", self.path(name + ".pem"),
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def signer(self, name, cn=CAISSE, ca="ca", usage="digitalSignature", purpose=None, days=("-1", "200"), key="ec"):
        kind = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "weak": ["rsa:1024"]}[key]
        extensions = f"keyUsage=critical,{usage}\n" + (f"extendedKeyUsage={purpose}\n" if purpose else "")
        with open(self.path("x.ext"), "w", encoding="ascii") as f:
            f.write(extensions)
        run("openssl", "req", "-newkey", *kind, "-nodes", "-subj", f"/CN={cn}", "-keyout", self.path(name + ".key"),
            "-out", self.path("x.csr"))
        stamp = [(datetime.datetime.utcnow() + datetime.timedelta(days=int(d))).strftime("%Y%m%d%H%M%SZ") for d in days]
        for f in ("index.txt", "index.txt.attr"):
            open(self.path(f), "w", encoding="ascii").close()
        with open(self.path("ca.cnf"), "w", encoding="ascii") as f:
            f.write(f"[ca]\ndefault_ca=c\n[c]\ndatabase={self.path('index.txt')}\nnew_certs_dir={self.folder}\n"
                    "rand_serial=yes\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n")
        run("openssl", "ca", "-batch", "-notext", "-config", self.path("ca.cnf"), "-cert", self.path(ca + ".pem"),
            "-keyfile", self.path(ca + ".key"), "-in", self.path("x.csr"), "-out", self.path(name + ".pem"),
            "-startdate", stamp[0], "-enddate", stamp[1], "-extfile", self.path("x.ext"))

    def revoke(self, *names, number=1, ca="ca", key=None, days=("-1", "20"), critical=None):
        """The list of authority @ca, signed by @key, that names these signers."""
        for f in ("index.txt", "index.txt.attr"):
            open(self.path(f), "w", encoding="ascii").close()
        with open(self.path("number"), "w", encoding="ascii") as f:
            f.write(f"{number:02X}\n")
        with open(self.path("crl.cnf"), "w", encoding="ascii") as f:
            f.write(f"[ca]\ndefault_ca=c\n[c]\ndatabase={self.path('index.txt')}\ncrlnumber={self.path('number')}\n"
                    "default_md=sha256\ndefault_crl_days=20\ncrl_extensions=e\n[e]\n"
                    + (f"{critical}=critical,ASN1:NULL\n" if critical else ""))
        stamp = [(datetime.datetime.utcnow() + datetime.timedelta(days=int(d))).strftime("%Y%m%d%H%M%SZ") for d in days]
        signer = ("-config", self.path("crl.cnf"), "-cert", self.path(ca + ".pem"), "-keyfile", self.path((key or ca) + ".key"))
        for name in names:
            run("openssl", "ca", *signer, "-revoke", self.path(name + ".pem"))
        run("openssl", "ca", *signer, "-gencrl", "-crl_lastupdate", stamp[0], "-crl_nextupdate", stamp[1], "-out",
            self.path("list.crl"))
        return self.path("list.crl")

    def sign(self, content, *options, signer="signer", name="feed"):
        if isinstance(content, str):
            content = content.encode()
        with open(self.path("content"), "wb") as f:
            f.write(content)
        run("openssl", "cms", "-sign", "-binary", "-nodetach", "-outform", "DER", "-signer", self.path(signer + ".pem"),
            "-inkey", self.path(signer + ".key"), "-in", self.path("content"), "-out", self.path(name), *options)
        os.chmod(self.path(name), 0o644)
        return self.path(name)


@pytest.fixture(scope="module")
def feeder():
    """In a folder that the bed's users may look into, as pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="vitaled-feeder-") as folder:
        yield Feeder(folder)


def trust(bed, feeder, nature="simulated", name="ca"):
    folder = bed.path("anchors", "feeder", nature)
    os.makedirs(folder, exist_ok=True)
    for parent in (bed.path("anchors/feeder"), folder):
        os.chmod(parent, 0o755)
    subprocess.run(["install", "-m", "644", feeder.path(name + ".pem"), folder], check=True)


@pytest.fixture
def fed(bed, made, feeder):  # noqa: F811
    """(application, agent): Théo has a dossier, and the feeder is believed."""
    trust(bed, feeder)
    return made


def hand_in(app, path, how="read"):
    return app.call("ImportReimbursements", {"file": [path, how]})


def invalid(app, path, how="read"):
    """What is wrong, as the error's detail names it."""
    with pytest.raises(BusError) as e:
        hand_in(app, path, how)
    assert e.value.short == "FeedInvalid", str(e.value)
    return str(e.value).split("feed-invalid: ")[-1]


def jq(program, value):
    done = subprocess.run(["jq", "-ce", program], input=json.dumps(value), capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def imported(bed, app):
    return [e for e in audit_is_whole(bed, app) if e["event"] == "imported"]


# -- what an import does ----------------------------------------------------------------------------------

def test_lines_become_read_only_documents_of_the_insurer_and_the_same_feed_again_changes_nothing(bed, fed, feeder):
    app, _ = fed
    feed = feeder.sign(text(line("c-1"), line("c-2", kind="act", code="HBLD036", label="Couronne", profession=40,
                                              prescriber="889900000020", date=ago(5)),
                            line("z-1", ZOE), line("n-1", NOBODY), line("c-3", date=ago(800))))
    assert hand_in(app, feed) == 2  # Zoé and nobody have no dossier, and c-3 is too old
    assert hand_in(app, feed, "sealed") == 0

    session = opened(app, "consult", "feed", "treating-doctor")
    listed = rows(app, session, section="treatments")
    assert jq('map({title, type, status, kind: .author.kind, by: .author.id, size})', listed) == [
        {"title": t, "type": "reimbursement", "status": "active", "kind": "insurer", "by": CAISSE, "size": 0}
        for t in ("Couronne", "Paracétamol 1 g")]
    first = listed[0]["id"]
    content, facts = do(app, session, "Read", first)
    assert content["text"] == "" and jq(".entry | [.id, .act, .code, .amount, .reimbursed, .profession]", facts) == [
        "c-2", "act", "HBLD036", 418, 272, 40]
    assert "1850500990001" not in json.dumps([listed, facts])
    for method, args in (("Delete", []), ("Archive", [True]), ("SetVisibility", ["masque_ps", True])):
        assert refused(app, session, method, first, *args) == "read-only", method
    do(app, session, "SetTreatingDoctor", True)  # who sees what others did
    history = do(app, session, "History", {"a{sv}": {}})
    assert jq('[.[] | select(.event == "imported") | [.outcome, .details.lines, .details.added]]', history) == [
        ["ok", 3, 0], ["ok", 3, 2]]
    assert do(app, session, "Summary")["allergies"] == []
    lock(app, session)
    entries = imported(bed, app)
    assert jq('[.[] | [.outcome, has("pseudonym"), .details.added]]', entries) == [
        ["started", False, None], ["started", True, None], ["ok", True, 2], ["ok", False, 2],
        ["started", False, None], ["started", True, None], ["ok", True, 0], ["ok", False, 0]]
    assert jq("map(.details) | last | [.lines, .absent, .failed]", entries) == [5, 2, 0]
    assert all("professional" not in e and e["caller-uid"] >= 0 for e in entries)
    assert not any(n in json.dumps(entries) for n in ("Paracétamol", "1850500990001", "c-1"))


def test_a_dossier_that_is_open_gets_its_lines_through_its_own_process(bed, fed, feeder):
    app, _ = fed
    session = opened(app, "consult", "feed")
    process, = pids("vitaled-dossier")
    assert hand_in(app, feeder.sign(text(line("o-1")))) == 1
    assert [r["type"] for r in rows(app, session)] == ["reimbursement"]
    assert pids("vitaled-dossier") == [process]
    assert hand_in(app, feeder.sign(text(line("o-1"), line("o-2")))) == 1
    assert len(rows(app, session)) == 2
    lock(app, session)
    session = opened(app, "consult")  # version and hash are what the record says
    assert len(rows(app, session)) == 2
    entries = [e for e in imported(bed, app) if "pseudonym" in e]
    assert [e["outcome"] for e in entries] == ["started", "ok"] * 2 and not any("professional" in e for e in entries)


def test_an_import_waits_for_a_session_that_is_on_its_way_to_the_dossier(bed, people, feeder):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0],
                        consent=["given", {"later": 2000, "answer": "given"}, "never"])
    trust(bed, feeder)
    session = opened(app, "create")
    do(app, session, "Create", {"a{sv}": {}})
    lock(app, session)
    other = people.actor(bed, "vdapp")
    session = app.open(intent=["consult"])
    wait_for(lambda: len(agent.seen("consent")) == 2)  # the dossier's process has the file, and shows nothing yet
    assert hand_in(other, feeder.sign(text(line("w-1")))) == 1
    app.until(session, "unlocked")
    assert [r["type"] for r in rows(app, session)] == ["reimbursement"]
    lock(app, session)

    session = app.open(intent=["consult"])
    wait_for(lambda: len(agent.seen("consent")) == 3)
    ours, its = pty.openpty()  # at a terminal it is told that the command waits
    with subprocess.Popen(["setpriv", "--reuid=vdapp", "--regid=vdapp", "--clear-groups", "--", bed.program("vitalectl"),
                           "import", feeder.sign(text(line("w-2")))], env=bed.env, stdout=subprocess.PIPE, stderr=its,
                          text=True) as ctl:
        os.close(its)
        said = ""
        while said.count("Waiting for the service:") < 2:
            said += os.read(ours, 4096).decode()
        assert pids("vitaled-feed") and ctl.poll() is None
        app.call("Lock", path=session, interface="Session")  # nobody answered
        assert "1 lines are new" in ctl.communicate(timeout=60)[0]
        with contextlib.suppress(OSError):  # the other end is closed
            while part := os.read(ours, 4096).decode():
                said += part
    os.close(ours)
    assert said.endswith("\r\x1b[K")  # and the line is taken away


def test_only_a_feeder_of_the_dossiers_nature_reaches_it(bed, made, feeder):  # noqa: F811
    app, _ = made
    trust(bed, feeder, "test")
    assert hand_in(app, feeder.sign(text(line("t-1")))) == 0
    os.unlink(bed.path("anchors/feeder/test/ca.pem"))
    trust(bed, feeder, "simulated")
    assert hand_in(app, feeder.sign(text(line("t-1")))) == 1  # anchors are looked at for each feed


def test_vitalectl_hands_a_file_in_and_says_what_came_of_it(bed, fed, feeder):
    ctl = Ctl(bed)
    feed = feeder.sign(text(line("v-1"), line("v-2")))
    assert ctl.json("import", feed) == [{"command": "import", "lines": 2}]
    done = ctl("import", feed, lang="fr")
    assert done.returncode == 0 and "0 lignes sont nouvelles" in done.stdout
    wrong = feeder.sign(text(line("v-3"), "{"))
    done = ctl("import", wrong)
    assert done.returncode == 2 and "line 3: json" in done.stderr
    done = ctl("import", feeder.folder)
    assert done.returncode == 2 and "no regular file" in done.stderr


def test_who_may_not_import_may_not(bed, people, fed, feeder):
    with pytest.raises(BusError) as e:
        hand_in(people.actor(bed, "vdother"), feeder.sign(text(line("p-1"))))
    assert e.value.short == "AccessDenied"


# -- who was revoked ----------------------------------------------------------------------------------------

def put_list(bed, path, name="feeders.crl"):
    """Whole at once, as a site's job does it."""
    new = bed.path("crl", ".new")
    subprocess.run(["install", "-m", "644", path, new], check=True)
    os.rename(new, bed.path("crl", name))


def found(app, name):
    return [f for f in app.call("Diagnose") if f["name"] == name]


def test_a_feeder_who_was_revoked_is_refused_whole_and_stays_so(bed, fed, feeder):
    app, _ = fed
    feeder.signer("colleague")
    assert hand_in(app, feeder.sign(text(line("r-1")))) == 1  # nobody says anything of them
    lacking, = found(app, "feeder-crl-missing")
    assert (lacking["nature"], lacking["authority"]) == ("simulated", "ca of feeders")
    put_list(bed, feeder.revoke("colleague"))
    wait_for(lambda: not found(app, "feeder-crl-missing"))
    assert hand_in(app, feeder.sign(text(line("r-2")))) == 1
    assert invalid(app, feeder.sign(text(line("r-3")), signer="colleague")) == "revoked"
    put_list(bed, feeder.revoke("signer", number=2))
    assert invalid(app, feeder.sign(text(line("r-3")))) == "revoked"  # an import waits for a list that came before it
    assert invalid(app, feeder.sign(text(line("r-3"), "{"))) == "line 3: json"  # a feed that is none is not asked about
    assert hand_in(app, feeder.sign(text(line("r-4")), signer="colleague")) == 1  # lists say who, and may forget
    os.unlink(bed.path("crl/feeders.crl"))
    assert invalid(app, feeder.sign(text(line("r-5")))) == "revoked"
    session = opened(app, "consult")
    assert len(rows(app, session)) == 3
    lock(app, session)
    of_feeds = [e for e in imported(bed, app) if "pseudonym" not in e]
    assert jq('map(select(.outcome == "started") | .details.revocation)', of_feeds) == ["unknown", "good", "good"]
    assert jq('map(select(.details.why == "revoked") | [.outcome, .details.added, .details.lines]) | unique', of_feeds) == [
        ["feed-invalid", 0, 1]]
    assert not [e for e in imported(bed, app) if "pseudonym" in e and e["outcome"] not in ("started", "ok")]


def test_lists_of_feeders_are_judged_as_those_of_cards(bed, fed, feeder):
    app, _ = fed
    feeder.authority("other")
    cases = (("early", {"days": ("2", "20")}), ("unsupported", {"critical": "1.2.3.4"}), ("false", {"key": "other"}))
    for number, (reason, how) in enumerate(cases):
        if reason == "false":  # of the same name, and not its key
            run("openssl", "req", "-x509", "-new", "-key", feeder.path("other.key"), "-days", "300", "-subj", "/CN=ca of feeders",
                "-out", feeder.path("same.pem"), "-addext", "keyUsage=critical,keyCertSign,cRLSign")
            how = {"ca": "same", "key": "other"}
        put_list(bed, feeder.revoke("signer", number=number + 1, **how), reason + ".crl")
    put_list(bed, feeder.revoke("signer", ca="other"), "stranger.crl")
    assert hand_in(app, feeder.sign(text(line("u-1")))) == 1  # once they have been read
    assert {f["file"]: f["reason"] for f in found(app, "crl-rejected")} == {
        f"{r}.crl": r for r in ("early", "unsupported", "false", "stranger")}
    put_list(bed, feeder.revoke(number=5, days=("-9", "-2")))
    wait_for(lambda: found(app, "feeder-crl-expired") and not found(app, "feeder-crl-missing"))
    assert hand_in(app, feeder.sign(text(line("u-2")))) == 1
    assert [e["details"]["revocation"] for e in imported(bed, app) if "revocation" in e["details"]] == ["unknown"] * 2
    put_list(bed, feeder.revoke("signer", number=6, days=("-8", "-2")))
    assert invalid(app, feeder.sign(text(line("u-3")))) == "revoked"  # too old to say good, not to say this


def test_a_list_that_lies_there_counts_for_the_first_feed(bed, made, feeder):  # noqa: F811
    app, _ = made
    feeder.signer("ended")
    put_list(bed, feeder.revoke("ended"))
    wait_for(lambda: [f for f in found(app, "crl-rejected") if f["reason"] == "stranger"])
    trust(bed, feeder)  # its authority comes after it: the import has the folder read anew, and waits
    assert invalid(app, feeder.sign(text(line("f-1")), signer="ended")) == "revoked"
    assert found(app, "crl-rejected") == []


def test_a_feeder_who_is_revoked_on_the_way_gets_no_further_dossier(bed, people, feeder):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0], consent=["given", "never"])
    trust(bed, feeder)
    session = opened(app, "create")
    do(app, session, "Create", {"a{sv}": {}})
    lock(app, session)
    other = people.actor(bed, "vdapp")
    session = app.open(intent=["consult"])
    wait_for(lambda: len(agent.seen("consent")) == 2)  # the dossier is on its way to that session
    thread, outcome = feeding(other, feeder.sign(text(line("e-1"))))
    wait_for(lambda: [e for e in imported(bed, app) if e["outcome"] == "started"])
    put_list(bed, feeder.revoke("signer"))
    wait_for(lambda: not found(app, "feeder-crl-missing"))
    assert thread.is_alive()
    app.call("Lock", path=session, interface="Session")
    thread.join(60)
    assert outcome and outcome[0].short == "FeedInvalid" and str(outcome[0]).endswith(": revoked"), outcome
    entries = imported(bed, app)
    assert jq('[.[] | [.outcome, has("pseudonym"), .details.why]]', entries) == [
        ["started", False, None], ["feed-invalid", False, "revoked"]]


def test_anchors_of_feeders_that_are_none_or_over_are_found(bed, fed, feeder):
    app, _ = fed
    assert found(app, "feeder-anchors") == [] == found(app, "feeder-anchor-expired")
    feeder.signer("over", days=("-20", "-10"))
    trust(bed, feeder, name="over")
    over, = found(app, "feeder-anchor-expired")
    assert (over["nature"], over["subject"]) == ("simulated", f"/CN={CAISSE}")
    os.symlink("/nowhere", bed.path("anchors/feeder/simulated/gone.pem"))
    wrong, = found(app, "feeder-anchors")
    assert wrong["file"] == bed.path("anchors/feeder/simulated/gone.pem")
    with pytest.raises(BusError):
        hand_in(app, feeder.sign(text(line("g-1"))))


# -- what is refused, by name --------------------------------------------------------------------------------

def test_a_line_that_is_wrong_is_named_and_nothing_at_all_is_imported(bed, fed, feeder):
    app, _ = fed
    good = [line(f"g-{i}") for i in range(8)]
    cases = {
        "line 6: json": text(*good[:4], "not json", *good[4:], lines=9),
        "line 6: amount": text(*good[:4], line("bad", amount=-1), *good[4:]),
        "line 6: date": text(*good[:4], line("bad", date="2999-01-01"), *good[4:]),
        "line 6: nir": text(*good[:4], line("bad", nir="12345"), *good[4:]),
        "line 6: birth": text(*good[:4], line("bad", birth="1984-05-14"), *good[4:]),
        "line 6: unknown": text(*good[:4], line("bad", diagnosis="x"), *good[4:]),
        "line 6: id": text(*good[:4], line("g-2"), *good[4:]),
        "line 6: size": text(*good[:4], line("bad", label="x" * (1 << 20)), *good[4:]),
        "line 6: label": text(*good[:4], line("bad", label="a\u0085b"), *good[4:]),
        "line 1: lines": text(*good, lines=7),
        "line 1: made": text(*good, made="2999-01-01"),
        "line 1: feeder": text(*good, feeder="Another"),
        "line 1: json": "",
    }
    for wanted, content in cases.items():
        assert invalid(app, feeder.sign(content)) == wanted
    assert invalid(app, feeder.sign(text(lines=0))) == "line 1: lines"
    latin = text(*good[:4], line("bad"), *good[4:]).encode("utf-8").replace("é".encode(), b"\xe9")
    assert invalid(app, feeder.sign(latin)) == "line 2: json"
    session = opened(app, "consult")
    assert rows(app, session) == []
    lock(app, session)
    assert {e["outcome"] for e in imported(bed, app)} == {"feed-invalid"}


def test_a_signature_that_is_not_a_feeders_is_refused_by_name(bed, fed, feeder):
    app, _ = fed
    content = text(line("s-1"))
    feeder.authority("stranger")
    feeder.signer("by-stranger", ca="stranger")
    feeder.signer("old", days=("-20", "-10"))
    feeder.signer("young", days=("10", "20"))
    feeder.signer("server", purpose="serverAuth")
    feeder.signer("mail", purpose="emailProtection")
    feeder.signer("documents", purpose="1.3.6.1.5.5.7.3.36")
    feeder.signer("no-usage", usage="keyAgreement")
    feeder.signer("weak", key="weak")
    with open(feeder.sign(content), "rb") as f:
        good = f.read()

    def changed(data):
        with open(feeder.path("changed"), "wb") as out:
            out.write(data)
        os.chmod(feeder.path("changed"), 0o644)
        return feeder.path("changed")

    for signer, wanted in (("by-stranger", "stranger"), ("old", "expired"), ("young", "not-yet-valid"),
                           ("server", "usage"), ("no-usage", "usage"), ("weak", "weak")):
        assert invalid(app, feeder.sign(content, signer=signer)) == wanted, signer
    assert invalid(app, changed(good + b"\0")) == "trailing"
    assert invalid(app, changed(good[:-1])) == "malformed"
    assert invalid(app, changed(b"")) == "malformed"
    assert invalid(app, changed(content.encode())) == "malformed"
    assert invalid(app, changed(good.replace(b"Parac", b"parac"))) == "false"
    assert invalid(app, changed(good[:-1] + bytes([good[-1] ^ 1]))) == "false"
    assert invalid(app, feeder.sign(content, "-stream")) == "encoding"  # BER: lengths that are not told before
    assert invalid(app, feeder.sign(content, "-nocerts")) == "certificate"
    assert invalid(app, feeder.sign(content, "-noattr")) == "attributes"
    assert invalid(app, feeder.sign(content, "-md", "sha1")) == "weak"
    assert invalid(app, feeder.sign(content, "-signer", feeder.path("mail.pem"), "-inkey", feeder.path("mail.key"))) == "signers"
    run("openssl", "cms", "-sign", "-binary", "-outform", "DER", "-signer", feeder.path("signer.pem"), "-inkey",
        feeder.path("signer.key"), "-in", feeder.path("content"), "-out", feeder.path("detached"))
    os.chmod(feeder.path("detached"), 0o644)
    assert invalid(app, feeder.path("detached")) == "detached"
    run("openssl", "cms", "-data_create", "-outform", "DER", "-in", feeder.path("content"), "-out", feeder.path("plain"))
    os.chmod(feeder.path("plain"), 0o644)
    assert invalid(app, feeder.path("plain")) == "content-type"
    for i, signer in enumerate(("mail", "documents")):
        assert hand_in(app, feeder.sign(text(line(f"m-{i}")), signer=signer)) == 1


def test_a_signer_who_is_pinned_is_the_only_one_of_their_authority(bed, made, feeder):  # noqa: F811
    app, _ = made
    feeder.signer("colleague")
    trust(bed, feeder, name="signer")
    assert hand_in(app, feeder.sign(text(line("q-1")))) == 1
    assert invalid(app, feeder.sign(text(line("q-2")), signer="colleague")) == "stranger"
    os.unlink(bed.path("anchors/feeder/simulated/signer.pem"))  # a stolen key is stopped so
    assert invalid(app, feeder.sign(text(line("q-3")))) == "stranger"


def test_an_anchor_of_cards_is_never_a_feeders(bed, fed, feeder):
    app, _ = fed
    folder = bed.path("anchors/simulated")
    name = next(n for n in sorted(os.listdir(folder)) if n.endswith(".pem"))
    subprocess.run(["install", "-m", "644", os.path.join(folder, name), bed.path("anchors/feeder/simulated/card.pem")],
                   check=True)
    assert invalid(app, feeder.sign(text(line("a-1")))) == "anchors"
    os.unlink(bed.path("anchors/feeder/simulated/card.pem"))
    trust(bed, feeder, "real")  # one anchor, two natures
    assert invalid(app, feeder.sign(text(line("a-1")))) == "anchors"


def test_what_is_no_steady_file_is_no_feed(bed, fed, feeder):
    app, _ = fed
    feed = feeder.sign(text(line("d-1")))
    os.chmod(feed, 0o666)
    for argument in ({"pipe": "x"}, {"file": [feed, "writable"]}, {"file": [feed, "unsealed"]}, {"file": [feeder.folder, "read"]},
                     {"file": ["/dev/zero", "read"]}):
        with pytest.raises(BusError) as e:
            app.call("ImportReimbursements", argument)
        assert (e.value.short, str(e.value).rpartition(": ")[2]) == ("InvalidArgument", "feed"), argument
    large = feeder.path("large")
    with open(large, "wb") as f:
        f.truncate((64 << 20) + 1)
    os.chmod(large, 0o644)
    with pytest.raises(BusError) as e:
        hand_in(app, large)
    assert e.value.short == "LimitsExceeded"
    with open(large, "wb") as f:
        f.truncate(64 << 20)
    assert invalid(app, large) == "malformed"


# -- what happens on the way -------------------------------------------------------------------------------

def feeding(app, path):
    """An import in a thread; its outcome in the list."""
    outcome = []

    def go():
        try:
            outcome.append(hand_in(app, path))
        except (BusError, RuntimeError, EOFError) as e:
            outcome.append(e)
    t = threading.Thread(target=go)
    t.start()
    return t, outcome


def test_processes_that_are_killed_leave_nothing_half_and_the_feed_is_imported_again(bed, fed, feeder):
    app, _ = fed
    feed = feeder.sign(text(*[line(f"k-{i}", label=f"Soin {i}") for i in range(1500)]))
    for program in ("vitaled-feed", "vitaled-dossier"):
        thread, outcome = feeding(app, feed)
        found = wait_for(lambda p=program, o=outcome: pids(p) or o)
        if not outcome:
            try:
                os.kill(found[0], signal.SIGKILL)
            except ProcessLookupError:
                pass
        thread.join(60)
        assert outcome and (isinstance(outcome[0], int) or outcome[0].short in ("ChildFailed", "StoreUnavailable")), outcome
    hand_in(app, feed)
    session = opened(app, "consult")
    assert len({r["title"] for r in rows(app, session, limit=500)}) == 500
    lock(app, session)
    ends = [e["details"].get("added", 0) for e in imported(bed, app) if "pseudonym" in e and e["outcome"] == "ok"]
    assert sum(ends) <= 1500 and hand_in(app, feed) == 0


def test_a_broker_that_is_killed_imports_the_rest_the_next_time(bed, people, fed, feeder):
    app, _ = fed
    feed = feeder.sign(text(*[line(f"b-{i}") for i in range(1000)]))
    thread, _ = feeding(app, feed)
    wait_for(lambda: pids("vitaled-dossier") or not thread.is_alive())
    os.kill(bed.processes["vitaled"].pid, signal.SIGKILL)
    thread.join(60)
    bed.end("vitaled")
    bed.start_broker()
    app = people.actor(bed, "vdapp")
    hand_in(app, feed)
    assert hand_in(app, feed) == 0
    said = [e for e in imported(bed, app) if "pseudonym" in e and e["outcome"] in ("ok", "recovered")]
    assert said and said[-1]["outcome"] == "ok"


def test_a_full_store_takes_all_of_a_dossiers_lines_or_none(make_bed, people, feeder):
    bed = make_bed(state_size="12m")
    app, _ = people(bed, choice_beneficiary=[0], choice_structure=[0])
    trust(bed, feeder)
    session = opened(app, "create")
    do(app, session, "Create", {"a{sv}": {}})
    lock(app, session)
    wall = bed.path("state/wall")
    free = os.statvfs(bed.path("state"))
    with open(wall, "wb") as f:
        f.write(bytes(free.f_bavail * free.f_bsize - (600 << 10)))
    feed = feeder.sign(text(*[line(f"f-{i}", label="x" * 200) for i in range(1900)]))
    with pytest.raises(BusError) as e:
        hand_in(app, feed)
    assert e.value.short in ("StoreUnavailable", "AuditUnavailable")
    os.unlink(wall)
    assert hand_in(app, feed) == 1900
