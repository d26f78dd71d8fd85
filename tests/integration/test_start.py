# SPDX-License-Identifier: EUPL-1.2
"""Start and end of the broker: what it says when it cannot start, and that it leaves nothing."""
import os
import signal
import sqlite3
import subprocess
import time

import pytest

from bed import wait_for
from conftest import children
from test_consultation import open_dossier

MISCONFIGURED = 78  # EX_CONFIG: starting again is no help


def start_fails(bed, seconds=10):
    """Start the broker, expect it to end by itself; (exit status, what it logged)."""
    before = len(bed.log("vitaled")) if os.path.exists(bed.path("log/vitaled")) else 0
    bed.start_broker(wait=False)
    status = bed.processes["vitaled"].wait(seconds)
    bed.end("vitaled")
    return status, bed.log("vitaled")[before:]


def append(path, text):
    with open(path, "a", encoding="utf-8") as f:
        f.write(text)


@pytest.mark.parametrize("text,named", [
    ("[paths]\nstat = /x\n", "stat"),
    ("[nonsense]\nx = 1\n", "nonsense"),
    ("[proof]\nreal = sometimes\n", "real"),
    ("[pin]\nlifetime = soon\n", "lifetime"),
])
def test_a_wrong_configuration_stops_the_start_with_its_place(bed, text, named):
    bed.end("vitaled")
    append(bed.path("vitaled.conf"), text)
    status, log = start_fails(bed)
    assert status == MISCONFIGURED and named in log and "vitaled.conf:" in log


def test_a_configuration_that_is_not_there_stops_the_start(bed):
    bed.end("vitaled")
    os.unlink(bed.path("vitaled.conf"))
    status, log = start_fails(bed)
    assert status == MISCONFIGURED and bed.path("vitaled.conf") in log


def test_another_origin_than_the_records_stops_the_start_and_both_are_named(bed):
    bed.end("vitaled")
    with open(bed.path("vitaled.conf"), encoding="utf-8") as f:
        good = f.read()
    with open(bed.path("vitaled.conf"), "w", encoding="utf-8") as f:
        f.write(good.replace("bed.vitaled.example/record", "practice.example/record"))
    for _ in range(2):
        status, log = start_fails(bed)
        assert status == MISCONFIGURED
        assert "the record is bed.vitaled.example/record, the configuration says practice.example/record" in log
        assert "EBADMSG" not in log
    with open(bed.path("vitaled.conf"), "w", encoding="utf-8") as f:
        f.write(good)
    bed.start_broker()


@pytest.mark.parametrize("name", ["audit.key", "dossier.key", "pseudonym.key"])
@pytest.mark.parametrize("file_is_there", [True, False])
def test_another_key_than_before_stops_the_start_and_nothing_is_changed(bed, people, name, file_is_there):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    app.call("Create", {"a{sv}": {}}, path=open_dossier(app), interface="Dossier")
    bed.end("vitaled")
    key = bed.path("state", name)
    with open(key, "rb") as f:
        old = f.read()
    if not file_is_there:
        os.unlink(key)
    before = sorted(os.listdir(bed.path("state")))
    os.mkdir(bed.path("credentials"))
    bed.env["CREDENTIALS_DIRECTORY"] = bed.path("credentials")
    with open(bed.path("credentials", name), "wb") as f:
        f.write(bytes(32))
    for _ in range(2):
        status, log = start_fails(bed)
        assert status == MISCONFIGURED
        assert f"{name}: not the one that was used here before" in log
    assert set(before) <= set(os.listdir(bed.path("state"))) and os.path.exists(key) == file_is_there
    with open(bed.path("credentials", name), "wb") as f:
        f.write(old)
    bed.start_broker()
    agent.agent("pin", "professional", choice_beneficiary=[0], choice_structure=[0])
    again = people.actor(bed, "vdapp")
    assert again.get(open_dossier(again, intent=["consult"]), "Dossier", "State") == "open"


@pytest.mark.parametrize("name,told", [("audit.key", "audit-open"), ("dossier.key", "dossier-keys"),
                                       ("pseudonym.key", "dossier-keys")])
def test_a_key_that_is_damaged_stops_the_start_until_it_is_restored(bed, people, name, told):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    app.call("Create", {"a{sv}": {}}, path=open_dossier(app), interface="Dossier")
    bed.end("vitaled")
    key = bed.path("state", name)
    with open(key, "rb") as f:
        whole = f.read()
    os.unlink(key)
    status, log = start_fails(bed)
    assert status == MISCONFIGURED and told in log and not os.path.exists(key)
    for content, mode, fault in ((whole[:31], 0o600, "EBADMSG"), (b"", 0o600, ""), (whole, 0o644, "EPERM")):
        with open(key, "wb") as f:
            f.write(content)
        os.chmod(key, mode)
        os.chown(key, 64101, 64101)
        status, log = start_fails(bed)
        assert status == MISCONFIGURED and told in log and fault in log
    os.chmod(key, 0o600)
    bed.start_broker()
    agent.agent("pin", "professional", choice_beneficiary=[0], choice_structure=[0])
    again = people.actor(bed, "vdapp")
    assert again.get(open_dossier(again, intent=["consult"]), "Dossier", "State") == "open"


def test_dossiers_without_their_record_stop_the_start_until_it_is_restored(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    app.call("Create", {"a{sv}": {}}, path=open_dossier(app), interface="Dossier")
    bed.end("vitaled")
    record = [n for n in os.listdir(bed.path("state")) if n.startswith("audit.")]
    os.mkdir(bed.path("backup"))
    for name in record:
        os.rename(bed.path("state", name), bed.path("backup", name))
    for _ in range(2):
        status, log = start_fails(bed)
        assert status == MISCONFIGURED and "audit.sqlite is not there" in log
    assert not any(n.startswith("audit.") for n in os.listdir(bed.path("state")))
    for name in record:
        os.rename(bed.path("backup", name), bed.path("state", name))
    bed.start_broker()
    agent.agent("pin", "professional", choice_beneficiary=[0], choice_structure=[0])
    again = people.actor(bed, "vdapp")
    assert again.get(open_dossier(again, intent=["consult"]), "Dossier", "State") == "open"


def test_a_file_that_is_no_anchor_stops_the_start_and_is_named(bed):
    bed.end("vitaled")
    with open(bed.path("anchors/simulated/extra.pem"), "w", encoding="ascii") as f:
        f.write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    status, log = start_fails(bed)
    assert status == 1 and "extra.pem" in log


def test_a_record_that_was_tampered_with_stops_the_start(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    app.call("Release", path=open_dossier(app), interface="Session")
    bed.end("vitaled")
    path = bed.path("state/audit.sqlite")
    with sqlite3.connect(path) as db:
        tables = [r[0] for r in db.execute("select name from sqlite_master where type='table'")]
        assert "entry" in tables
        db.execute("delete from entry where rowid = (select max(rowid) from entry)")
    db.close()
    for name in os.listdir(bed.path("state")):
        os.chown(bed.path("state", name), 64101, 64101)
    status, log = start_fails(bed)
    assert status == MISCONFIGURED and "EBADMSG" in log


@pytest.mark.parametrize("missing", [["rights/actions.json"], ["rights/sectors.json"],
                                     [f"wordings/consent-{n}.{l}.txt" for n in (1, 2, 3) for l in ("fr", "en")]])
def test_missing_rights_or_wordings_stop_the_start(bed, missing):
    bed.end("vitaled")
    for name in missing:
        os.unlink(bed.path("data", name))
    status, log = start_fails(bed)
    assert status != 0 and log


def test_a_read_only_state_stops_the_start(make_bed):
    bed = make_bed(state_size="4m")
    bed.end("vitaled")
    subprocess.run(["mount", "-o", "remount,ro", bed.path("state")], check=True)
    status, log = start_fails(bed)
    assert status != 0 and log


def test_a_second_broker_does_not_start(bed):
    second = bed.run([bed.program("vitaled"), "--config", bed.path("vitaled.conf")], user="vitaled", timeout=20)
    assert second.returncode != 0
    assert bed.owned("org.vitaled1")


def test_a_missing_child_program_is_answered_and_the_broker_lives(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    os.unlink(bed.path("children/vitaled-dossier"))
    session = app.open(intent=["create"])
    state, reason = app.until(session, "failed", "refused")
    assert state == "failed" and reason in ("store-unavailable", "child-failed", "failed")
    assert app.get("/org/vitaled1", "Manager", "Version")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_end_of_the_broker_leaves_no_process_and_no_open_dossier(bed, people, how):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    broker = bed.processes["vitaled"]
    broker.send_signal(how)
    status = broker.wait(10)
    assert status == (0 if how != signal.SIGKILL else -signal.SIGKILL)
    wait_for(lambda: children(bed) == [])
    bed.end("vitaled")
    bed.start_broker()
    agent.agent("pin", "professional", choice_beneficiary=[0], choice_structure=[0])
    again = people.actor(bed, "vdapp")
    session = open_dossier(again, intent=["consult"])
    assert again.get(session, "Dossier", "State") == "open"


def test_losing_the_bus_ends_the_broker_and_its_children(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    open_dossier(app)
    bed.end("dbus")
    assert bed.processes["vitaled"].wait(10) != 0
    wait_for(lambda: children(bed) == [])


def test_help_and_version(bed):
    for program in ("vitaled", "vitalectl"):
        assert bed.run([bed.program(program), "--version"]).stdout.startswith(program)
        assert "--help" in bed.run([bed.program(program), "--help"]).stdout
    assert bed.run([bed.program("vitaled"), "--sideways"]).returncode == 2


def test_an_unlocked_session_expires(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = app.open(intent=["create"], lifetime={"u": 1})
    app.until(session, "unlocked")
    before = time.monotonic()
    assert app.until(session, "locked") == ("locked", "expired")
    assert time.monotonic() - before < 10
