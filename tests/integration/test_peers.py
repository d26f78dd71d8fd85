# SPDX-License-Identifier: EUPL-1.2
"""Programs that we did not write read our cards and our bus: OpenSC, openpace, busctl. What they, and cardpeek, find on
each card is compared field by field in test_peers_fields.py."""
import base64
import json
import os
import re
import subprocess

import pytest

from bed import ROOT, wait_for
from test_consultation import open_dossier


def test_opensc_tool_lists_the_reader_and_reads_the_atr(make_bed):
    bed = make_bed("cps3-gp", "vitale-family")
    listed = bed.run(["opensc-tool", "-l"]).stdout
    assert len(re.findall(r"Yes\s+Vitale Sim 00 0[01]", listed)) == 2
    assert bed.run(["opensc-tool", "-r", "0", "-a"]).stdout.startswith("3b:ac:00:40:2a:00:12:25:00:64:80")
    assert bed.run(["opensc-tool", "-r", "1", "-a"]).stdout.startswith("3b:75:13:00:00")


@pytest.mark.parametrize("card", ["cps3-gp", "cps4-gp", "vitale-family"])
def test_cvc_print_verifies_our_role_certificates(make_bed, people, card, tmp_path):
    bed = make_bed("cps4-gp" if card == "vitale-family" else card, "vitale-family")
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    if card == "vitale-family":
        receipt = app.call("GetReceipt", "json", path=session, interface="Session")
        certificate = base64.b64decode(receipt["patient"]["certificate"])
    else:
        with open(bed.path("cards", card + ".json"), encoding="utf-8") as f:
            certificate = base64.b64decode(json.load(f)["certificates"]["card"])
    (tmp_path / "card.cvcert").write_bytes(certificate)
    done = subprocess.run(["cvc-print", "--cvc", tmp_path / "card.cvcert", "--cvc-dir",
                           bed.path("anchors/simulated/cvc")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FRVDSIMROOT00001" in done.stdout


def test_busctl_shows_tree_and_interfaces(bed):
    wait_for(lambda: "/org/vitaled1/reader/" in bed.run(["busctl", "tree", "org.vitaled1"]).stdout)
    shown = bed.run(["busctl", "introspect", "org.vitaled1", "/org/vitaled1"])
    assert shown.returncode == 0 and ".OpenSession" in shown.stdout and ".RecordKey" in shown.stdout


def test_the_example_client_opens_a_dossier(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = open_dossier(app)
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    app.call("Release", path=session, interface="Session")
    done = bed.run(["/usr/bin/python3", os.path.join(ROOT, "doc/examples/open_dossier.py")])
    assert done.returncode == 0, done.stdout + done.stderr
    with open(os.path.join(ROOT, "doc/examples/open_dossier.py"), encoding="utf-8") as f:
        assert len(f.readlines()) <= 50
