# SPDX-License-Identifier: EUPL-1.2
"""vitalectl readers --usb over trees of files that stand for a computer: readers that are sold, readers that lie,
readers that libccid does not know, none; nobody is asked, nothing needs a right, no serial number is shown unasked.

The descriptors are put together from what is published (libccid's readers/*.txt); endpoints are made up."""
import json
import os
import pwd
import re
import struct
import subprocess
import tempfile

import pytest

SMART_CARD, OTHER = 0x0B, 0xFF
PLIST = """<?xml version="1.0"?><plist><dict><key>CFBundleShortVersionString</key><string>1.5.2</string>
<key>ifdVendorID</key><array>{0}</array><key>ifdProductID</key><array>{1}</array>
<key>ifdFriendlyName</key><array>{2}</array></dict></plist>"""
SERIAL = "00402081"


def described(index=0, voltages=7, protocols=3, clock=4000, rate=344086, ifsd=254, features=0x00010230, message=271,
              display=0, pin=0, busy=1):
    """The CCID class descriptor (CCID 1.1 §5.1)."""
    return struct.pack("<BBHBBIIIBIIBIIIIIBBHBB", 54, 0x21, 0x0110, index, voltages, protocols, clock, clock, 0, 10752,
                       rate, 0, ifsd, 0, 0, features, message, 0xFF, 0xFF, display, pin, busy)


def interface(number, usb_class, body=b"", endpoints=3):
    pipes = struct.pack("<BBBBHB", 7, 5, 2 * number + 1, 2, 64, 0) + struct.pack(
        "<BBBBHB", 7, 5, 0x81 + 2 * number, 2, 64, 0) + struct.pack("<BBBBHB", 7, 5, 0x82 + 2 * number, 3, 8, 24)
    return bytes([9, 4, number, 0, endpoints, usb_class, 0, 0, 0]) + body + pipes[:7 * endpoints]


KAP = described(voltages=1, rate=344064, features=0x000100BA)
KAP_LINK = [interface(0, SMART_CARD, KAP), interface(1, SMART_CARD, KAP)]
AF_CARE = [interface(0, SMART_CARD, described(index=1, rate=200080, features=0x0004047E, message=65554))]
LEO = [interface(0, SMART_CARD, described(features=0x000204BA, message=356, display=0x0210, pin=3))]
OLD_MODE = [interface(0, OTHER)]


class Computer:
    def __init__(self, root, build):
        self.root, self.build = root, build
        os.makedirs(self.path("sys/bus/usb/devices"))
        self.put("proc/sys/kernel/osrelease", "6.1.0-99-amd64\n")
        self.put("usr/sbin/pcscd", "\x7fELF pcsc-lite 1.9.9 daemon ready.\n")
        self.driver(("0x2947", "0x0101", "KAPELSE KAP-LINK"), ("0x08E6", "0x3437", "Gemalto PC Twin Reader"))

    def path(self, name):
        return os.path.join(self.root, name)

    def put(self, name, content):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode("latin-1"))

    def driver(self, *rows):
        columns = ["".join(f"<string>{row[i]}</string>" for row in rows) for i in range(3)]
        self.put("usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist", PLIST.format(*columns))

    def plug(self, port, ids, interfaces, words=("Maker", "Model", SERIAL), descriptors=None, held=None, **more):
        """A device as the kernel shows it; @descriptors: what its file holds instead of the truth."""
        vendor, product = (int(i, 16) for i in ids.split(":"))
        body = b"".join(interfaces)
        whole = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0, 0, 0, 64, vendor, product, 0x0108, 1, 2, 3, 1)
        whole += struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), len(interfaces), 1, 0, 0x80, 50) + body
        folder = "sys/bus/usb/devices/" + port
        facts = {"idVendor": f"{vendor:04x}", "idProduct": f"{product:04x}", "busnum": 1, "devnum": 7,
                 "bConfigurationValue": 1, **dict(zip(("manufacturer", "product", "serial"), words)), **more}
        for name, value in facts.items():
            self.put(f"{folder}/{name}", f"{value}\n")
        self.put(folder + "/descriptors", whole if descriptors is None else descriptors(whole))
        for i, one in enumerate(interfaces):
            self.put(f"{folder}:1.{i}/bInterfaceClass", f"{one[5]:02x}\n")
            if held:
                os.symlink(f"../../../../../bus/usb/drivers/{held}", self.path(f"{folder}:1.{i}/driver"))

    def run(self, *options, lang="C.UTF-8", user=None):
        env = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "", "LANGUAGE": lang, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere",
               "VITALED_LOCALEDIR": os.path.join(self.build, "client/locale")}
        if user is not None:
            env["GCOV_PREFIX"] = os.path.join(os.path.dirname(self.root), "counters")
        done = subprocess.run([os.path.join(self.build, "client/vitalectl"), "readers", "--usb", "--root", self.root,
                               *options], capture_output=True, text=True, env=env, timeout=60, user=user)
        assert done.stderr == "" and done.returncode == 0, done.stderr
        return done.stdout

    def configuration(self):
        return json.loads(self.run("--json").splitlines()[0])["configuration"]

    def json(self, *options):
        """(versions, {port: device})"""
        lines = [json.loads(line) for line in self.run("--json", *options).splitlines()]
        return lines[0]["versions"], {one["port"]: one for one in lines[1:]}


@pytest.fixture
def computer(tmp_path, request):
    return Computer(str(tmp_path / "root"), os.path.abspath(request.config.getoption("--build", default="build/gcc")))


def test_without_readers_the_versions_are_told_all_the_same(computer):
    computer.plug("1-1", "1234:5678", [interface(0, 3)])  # something else
    text = computer.run()
    for line in ("kernel: 6.1.0-99-amd64", "pcscd: 1.9.9", "libccid: 1.5.2", "No card reader is plugged in."):
        assert line in text.splitlines()
    assert re.search(r"^vitalectl: \d+\.\d+", text, re.M)
    assert computer.json()[1] == {}


def test_a_computer_without_usb_or_pcscd_is_told(tmp_path, computer):
    computer.root = str(tmp_path / "nothing")
    text = computer.run()
    assert {"pcscd: not there", "libccid: not there", "No card reader is plugged in."} <= set(text.splitlines())


def test_readers_that_are_sold_are_told_in_words(computer):
    computer.plug("1-1.2", "2947:0101", KAP_LINK, ("KAPELSE", "KAP-LINK", SERIAL))
    computer.plug("1-2", "1c34:afc2", AF_CARE, ("AF Care", "Two", SERIAL))
    computer.plug("2-1", "0f14:003b", LEO, ("INGENICO", "CCID Smart Card Reader", ""))
    text = computer.run()
    assert SERIAL not in text and "serial number: it has one" in text
    kap, care, leo = re.split(r"\n(?=\d+-[\d.]+ )", text)[1:]
    assert kap.startswith("1-1.2 2947:0101 Kapelse KAP-LINK\n") and kap.count("slots: 1\n") == 2
    assert "exchange level: TPDUs" in kap and "voltages: 5 V\n" in kap and "keypad: none" in kap
    assert 'claims it, as "KAPELSE KAP-LINK"' in kap and "takes it when pcscd does not hold it [auto]" in kap
    assert "slots: 2 (1 at a time)" in care and "short and extended APDUs" in care and "65554 bytes" in care
    assert "does not claim it; libccid does since 1.4.32" in care and "done by the driver: none" in care
    assert "PIN verification, PIN change" in leo and "display: 2 x 16 characters" in leo
    assert "serial number" not in leo


def test_the_same_is_told_in_french(computer):
    computer.plug("1-1", "2947:0101", KAP_LINK)
    computer.plug("1-2", "0b00:0090", OLD_MODE)
    text = computer.run(lang="fr")
    for words in ("emplacements : 1", "niveau d'échange : TPDU", "fait par le lecteur :", "clavier : aucun",
                  "parle le protocole de son fabricant", "le prend, sous le nom « KAPELSE KAP-LINK »"):
        assert words in text
    assert not re.search(r"\b(slots ?:|bytes|keypad|longest|done by)", text)


def test_json_holds_the_facts_without_words(computer):
    computer.plug("1-1", "2947:0101", KAP_LINK, ("KAPELSE", "KAP-LINK", SERIAL))
    versions, devices = computer.json()
    assert versions["pcscd"] == "1.9.9" and versions["libccid"] == "1.5.2" and versions["vitaled-usb"] is False
    kap = devices["1-1"]
    assert kap["usb"] == "2947:0101" and kap["name"] == "Kapelse KAP-LINK" and kap["driver"] == "auto"
    assert "serial" not in kap and "refused" not in kap and len(kap["readers"]) == 2
    first = kap["readers"][0]
    assert first["level"] == "tpdu" and first["slots"] == 1 and first["t0"] and first["t1"] and first["message"] == 271
    assert {"pps", "clock", "rate", "voltage"} <= set(first["by-reader"]) and "ifsd" in first["by-driver"]
    assert computer.json("--serials")[1]["1-1"]["serial"] == SERIAL


def test_serials_are_shown_only_when_asked_for_also_within_other_words(computer):
    computer.plug("1-1", "2947:0101", KAP_LINK, ("KAPELSE", f"{SERIAL} KAP-LINK", SERIAL))
    assert SERIAL not in computer.run() and SERIAL not in computer.run("--json")
    assert f"serial number: {SERIAL}" in computer.run("--serials")


@pytest.mark.parametrize("lie, reason", [
    (lambda whole: b"", "descriptor-cut"),
    (lambda whole: whole[:40], "descriptor-cut"),
    (lambda whole: whole[:27] + bytes([0]) + whole[28:], "descriptor-length"),
    (lambda whole: whole[:36 + 4] + bytes([16]) + whole[36 + 5:], "descriptor-slots"),
    (lambda whole: whole[:36 + 4] + bytes([8]) + whole[36 + 5:], "descriptor-many"),
    (lambda whole: whole[:36 + 53] + bytes([0]) + whole[36 + 54:], "descriptor-slots"),
    (lambda whole: whole[:36 + 44] + bytes([255] * 4) + whole[36 + 48:], "descriptor-message"),
    (lambda whole: whole[:36 + 6] + bytes(4) + whole[36 + 10:], "descriptor-protocols"),
    (lambda whole: whole[:36 + 42] + bytes([3]) + whole[36 + 43:], "descriptor-level"),
    (lambda whole: whole[:92] + bytes([0]) + whole[93:], "descriptor-endpoints"),
    (lambda whole: whole[:34] + bytes([1]) + whole[35:], "descriptor-protocol"),
    (lambda whole: whole[:37] + bytes([0]) + whole[38:], "descriptor-class"),
    (lambda whole: whole[:22] + bytes([2]) + whole[23:], "descriptor-interfaces"),
])
def test_a_reader_that_lies_is_named_with_its_lie(computer, lie, reason):
    computer.plug("1-1", "0f14:003b", LEO, descriptors=lie)
    computer.plug("1-2", "2947:0101", KAP_LINK)  # the others are told all the same
    text = computer.run()
    assert re.search(rf"why it cannot be used: [A-Z].*\. \[{reason}\]", text) and "cannot use it [auto]" in text
    assert text.count("exchange level") == 2
    assert computer.json()[1]["1-1"]["refused"] == reason


def test_the_old_mode_of_a_terminal_is_explained(computer):
    computer.plug("1-1", "0b00:0090", OLD_MODE, ("INGENICO", "Lecteur SESAM VITALE", ""))
    text = computer.run()
    assert "In this mode it is no card reader for computers" in text and "EI96S" in text
    assert "[descriptor-no-reader]" in text


def test_a_device_that_shows_no_descriptors_is_told_by_its_number(computer):
    computer.plug("1-1", "2947:0101", KAP_LINK)
    os.unlink(computer.path("sys/bus/usb/devices/1-1/descriptors"))
    assert computer.json()[1]["1-1"]["refused"] == "descriptor-cut"


@pytest.mark.parametrize("section, driver", [
    ("", "pcsc"), ("[usb 1234:5678]\ndriver = usb\n", "usb"), ("[usb *]\ndriver=auto\n", "auto"),
    ("[usb 1234:5678 S 1]\r\n driver = usb\r\n[usb 1234:5678]\ndriver = pcsc\n", "usb"),
    ("[usb 1234:5678] ; at the counter\ndriver = usb ; ours\n", "usb"), ("; [usb *]\n; driver = usb\n", "pcsc"),
    ("[usb 1234:5678 S2]\ndriver = usb\n", "pcsc")])
def test_the_configuration_tells_whose_it_is(computer, section, driver):
    computer.plug("1-1", "1234:5678", LEO, ("Maker", "Model", " S  1"))
    computer.put("etc/vitaled/vitaled.conf", section)
    assert computer.json()[1]["1-1"]["driver"] == driver
    text = computer.run()
    assert f"[{driver}]" in text and "\nconfiguration: read\n" in text
    assert computer.configuration() == {"state": "read"}


@pytest.mark.parametrize("text, line", [
    ("[usb 1234]\ndriver = usb\n", 2), ("; [usb *]\n[reader a]\ndriver = usb\n", 3),
    ("[usb 1234:5678]\ndriver = usb\n auto\n", 3), ("[usb *]\ndriver = usb # ours\n", 2)])
def test_a_configuration_that_is_not_good_is_told_and_says_nothing_of_readers(computer, text, line):
    computer.plug("1-1", "1234:5678", LEO)
    path = computer.path("etc/vitaled/vitaled.conf")
    computer.put("etc/vitaled/vitaled.conf", text)
    told = computer.run()
    assert f"\nconfiguration: not good: {path}:{line}: [" in told and re.search(r"vitaled-usb: not known\n", told)
    assert "driver" not in computer.json()[1]["1-1"]
    found = computer.configuration()
    assert found["state"] == "invalid" and found["where"].startswith(f"{path}:{line}: [")
    os.unlink(path)
    assert "\nconfiguration: not there: defaults\n" in computer.run()
    assert computer.configuration() == {"state": "absent"} and computer.json()[1]["1-1"]["driver"] == "pcsc"
    os.symlink("vitaled.conf", path)  # no file, and no way to one
    assert computer.configuration()["state"] == "invalid"


@pytest.fixture
def open_folder():
    """Below which everybody may look, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        os.mkdir(folder + "/counters")
        os.chmod(folder + "/counters", 0o777)  # a build that counts coverage writes as another user too
        yield folder


def test_a_configuration_that_may_not_be_read_is_told(open_folder, computer):
    computer = Computer(open_folder + "/root", computer.build)
    computer.plug("1-1", "2947:0101", KAP_LINK)
    computer.plug("1-2", "1234:5678", LEO, descriptors=lambda whole: whole[:40])
    computer.put("etc/vitaled/vitaled.conf", "[usb *]\ndriver = usb\n")
    os.chmod(computer.path("etc/vitaled/vitaled.conf"), 0)
    user = 65534 if os.getuid() == 0 else None
    text = computer.run(user=user)
    assert "\nconfiguration: may not be read by this user\n" in text
    assert "vitaled-usb: not known\n" in text and "vitaled-usb: cannot use it\n" in text
    assert json.loads(computer.run("--json", user=user).splitlines()[0])["configuration"] == {"state": "denied"}


def test_the_rights_of_the_node_and_who_has_it_are_told(computer):
    computer.plug("1-1", "2947:0101", KAP_LINK, held="usbfs", authorized=0)
    computer.put("dev/bus/usb/001/007", "")
    os.chmod(computer.path("dev/bus/usb/001/007"), 0o640)
    text = computer.run()
    me = pwd.getpwuid(os.getuid()).pw_name
    assert re.search(rf"device node: /dev/bus/usb/001/007 640 {me}:\S+; this user may use it; ", text)
    assert "a program has it now (usbfs)" in text and "The system does not let this device in." in text
    device = computer.json()[1]["1-1"]
    assert device["kernel-driver"] == "usbfs" and device["blocked"] and device["node"]["mode"] == 0o640


def test_words_of_a_device_cannot_move_the_cursor(computer):
    computer.plug("1-1", "1234:5678", LEO, ("\x1b[2J\xe9\x85", "a [usb 9-9] 00 00", "\x07\x9b"))
    text = computer.run("--serials")
    assert "\nserial number: ??" in text.replace("  serial", "serial")
    assert all(c == "\n" or " " <= c <= "~" for c in text)
    assert all(" " <= c <= "~" or c == "\n" for c in computer.run("--json", "--serials"))


def test_names_of_drivers_and_folders_cannot_either(computer):
    computer.driver(("0x2947", "0x0101", "\x1b[2J KAP"))
    computer.plug("1-1", "2947:0101", KAP_LINK, held="\x1b[2J")
    computer.plug("1-\x1b[2J", "2947:0101", KAP_LINK)
    computer.put("proc/sys/kernel/osrelease", "6\x1b[2J\n")
    text = computer.run()
    assert "\x1b" not in text and "KAP" in text and "driver in the kernel: ?[2J" in text and text.count(" 2947:0101 ") == 1


def test_hostile_folders_stop_nobody(computer):
    computer.plug("1-1", "2947:0101", KAP_LINK)
    computer.plug("1-2", "2947:0101", KAP_LINK, descriptors=lambda whole: whole + bytes(100000))
    computer.plug("1-3", "2947:0101", KAP_LINK, bConfigurationValue="99999999999999999999", busnum="x")
    os.mkfifo(computer.path("sys/bus/usb/devices/1-4"))
    os.makedirs(computer.path("sys/bus/usb/devices/1-5/descriptors"))
    devices = computer.json()[1]
    assert set(devices) == {"1-1", "1-2", "1-3"}
    assert devices["1-2"]["refused"] == "descriptor-length" and devices["1-3"]["node"]["path"] == ""
