# SPDX-License-Identifier: EUPL-1.2
"""Programs that we did not write read our cards and our bus: OpenSC, cardpeek, openpace, busctl."""
import base64
import json
import os
import pathlib
import re
import subprocess

import pytest

from bed import ROOT
from test_consultation import open_dossier

AUT = "e828bd080f8025000001ff001002"
MODULE = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"


def test_opensc_tool_lists_the_reader_and_reads_the_atr(make_bed):
    bed = make_bed("cps3-gp", "vitale-family")
    listed = bed.run(["opensc-tool", "-l"]).stdout
    assert len(re.findall(r"Yes\s+Vitale Sim 00 0[01]", listed)) == 2
    assert bed.run(["opensc-tool", "-r", "0", "-a"]).stdout.startswith("3b:ac:00:40:2a:00:12:25:00:64:80")
    assert bed.run(["opensc-tool", "-r", "1", "-a"]).stdout.startswith("3b:75:13:00:00")


def test_pkcs15_tool_dumps_what_the_profile_holds(make_bed):
    bed = make_bed("cps3-gp", None)
    done = bed.run(["pkcs15-tool", "--dump"])
    assert done.returncode == 0, done.stderr
    for label in ("Code porteur", "CPS_PRIV_SIG", "CPS_PRIV_AUT", "CPS_ACTIVITY_01_PS", "CPS_INFO_PS"):
        assert label in done.stdout
    assert "CPS_ACTIVITY_02_PS" not in done.stdout  # a gap, as on real cards


def test_opensc_signs_with_the_authentication_key_and_openssl_verifies(make_bed):
    bed = make_bed("cps3-gp", None)
    tmp_path = pathlib.Path(bed.path("app"))
    tmp_path.mkdir()
    os.chmod(tmp_path, 0o777)
    message = tmp_path / "message"
    message.write_bytes(b"what is signed")
    digest = subprocess.run(["openssl", "dgst", "-sha256", "-binary", message], capture_output=True, check=True).stdout
    info, signature = tmp_path / "info", tmp_path / "signature"
    info.write_bytes(bytes.fromhex("3031300d060960864801650304020105000420") + digest)
    done = bed.run(["pkcs11-tool", "--module", MODULE, "--login", "--pin", "1234", "--sign", "-m", "RSA-PKCS",
                    "--id", AUT, "-i", str(info), "-o", str(signature)])
    assert done.returncode == 0, done.stderr
    pem = bed.run(["pkcs15-tool", "--read-certificate", AUT]).stdout
    (tmp_path / "cert.pem").write_text(pem[pem.index("-----BEGIN"):])
    key = subprocess.run(["openssl", "x509", "-in", tmp_path / "cert.pem", "-pubkey", "-noout"], capture_output=True, check=True).stdout
    (tmp_path / "key.pem").write_bytes(key)
    assert subprocess.run(["openssl", "dgst", "-sha256", "-verify", tmp_path / "key.pem", "-signature", signature,
                           message], capture_output=True).returncode == 0


def test_cardpeek_reads_the_whole_vitale(make_bed):
    bed = make_bed(None, "vitale-family")
    home = bed.path("home")
    os.makedirs(os.path.join(home, ".cardpeek"))
    subprocess.run(["chown", "-R", "vdapp:", home], check=True)
    reader = "pcsc://Vitale Sim 00 01"
    walk = ('pcall(dofile,"vitale_2.lua") local function w(n,d) for c in n:children() do '
            'io.write(string.rep(" ",d),tostring(c:get_attribute("label"))," ",c:get_attribute("id") or "",": ",'
            'tostring(c:get_attribute("alt") or c:get_attribute("val") or ""),"\\n") w(c,d+1) end end '
            'w(nodes.root(),0) os.exit(0)')

    def cardpeek(script):
        return bed.run(["bash", "-c", 'yes 1 | timeout 20 xvfb-run -a cardpeek -r "$1" -c -e "$2" 2>&1 | '
                        'head -c 200000', "bash", reader, script], env={**bed.env, "HOME": home, "TMPDIR": home}).stdout
    cardpeek("os.exit(0)")  # the first run installs its scripts
    tree = cardpeek(walk)
    assert "french health card" in tree
    assert tree.count("Bénéficiaire") == 8, tree  # four identities, four numbers
    assert tree.count("6982") >= 2  # what is protected stays closed


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
    tree = bed.run(["busctl", "tree", "org.vitaled1"])
    assert tree.returncode == 0 and "/org/vitaled1/reader/" in tree.stdout, tree.stderr
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
