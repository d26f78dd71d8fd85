# SPDX-License-Identifier: EUPL-1.2
"""udev's files without a device: they compile, and they say what the command and libccid's list say.

What a kernel and a udevd make of them is shown in a guest (tests/vm).
"""
import glob
import os
import plistlib
import re
import shutil
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HWDB = os.path.join(ROOT, "udev/60-vitaled-readers.hwdb")
RULES = os.path.join(ROOT, "udev/65-vitaled-readers.rules")
CCID = "/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist"


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def matched():
    """(vendor, product) of each device that the database has an entry for."""
    return re.findall(r"^usb:v([0-9A-F]{4})p([0-9A-F]{4})\*$", read(HWDB), re.M)


def known():
    """[(vendor, product, name, first release of libccid)]: the table of `vitalectl doctor`."""
    rows = re.findall(r'\{0x([0-9A-F]{4}), 0x([0-9A-F]{4}), "([^"]+)", "([^"]+)"\}',
                      read(os.path.join(ROOT, "client/readers.c")))
    assert len(rows) >= 20, "the table of client/readers.c is not where it was"
    return rows


@pytest.fixture(scope="module")
def query(tmp_path_factory):
    """query(vendor, product): properties, in systemd's database with ours added."""
    root = tmp_path_factory.mktemp("hwdb")
    folder = root / "etc/udev/hwdb.d"
    folder.mkdir(parents=True)
    for path in glob.glob("/usr/lib/udev/hwdb.d/*usb*.hwdb") + [HWDB]:
        shutil.copy(path, folder)
    subprocess.run(["systemd-hwdb", f"--root={root}", "update"], check=True)

    def ask(vendor, product):
        done = subprocess.run(["systemd-hwdb", f"--root={root}", "query", f"usb:v{vendor}p{product}:any"],
                              capture_output=True, text=True, check=True)
        return dict(line.split("=", 1) for line in done.stdout.splitlines())

    return ask


def version(text):
    return tuple(map(int, text.split(".")))


def complaints(tmp_path, text):
    """What the compiler says of a database; its exit status tells nothing in systemd 252, --strict or not."""
    folder = tmp_path / "etc/udev/hwdb.d"
    folder.mkdir(parents=True)
    (folder / "60-x.hwdb").write_text(text, encoding="utf-8")
    done = subprocess.run(["systemd-hwdb", "--strict", f"--root={tmp_path}", "update"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert os.path.getsize(tmp_path / "etc/udev/hwdb.bin") > 0
    return done.stdout + (f"status {done.returncode}" if done.returncode else "")


def test_the_compiler_has_nothing_to_say_of_the_database(tmp_path):
    assert complaints(tmp_path, read(HWDB)) == ""


@pytest.mark.parametrize("tail", ["\nusb:v0B00p0091*\n NO_VALUE\n", "\nusb:v0B00p0091*\n\n", "\n X=1\n"])
def test_the_compiler_does_complain_of_a_broken_database(tmp_path, tail):
    assert complaints(tmp_path, read(HWDB) + tail)


def test_no_device_has_two_entries():
    assert len(matched()) == len(set(matched()))


def test_every_match_is_one_device_or_the_vendor_that_is_kapelse():
    assert [line for line in read(HWDB).splitlines() if line.startswith("usb:") and
            not re.fullmatch(r"usb:v[0-9A-F]{4}p[0-9A-F]{4}\*", line)] == ["usb:v2947*"]


def test_database_and_command_know_the_same_readers():
    assert sorted(matched()) == sorted(row[:2] for row in known())


@pytest.mark.parametrize("vendor,product,name,libccid", known(), ids=lambda value: value.replace(" ", "-"))
def test_database_and_command_say_the_same_of_a_reader(query, vendor, product, name, libccid):
    found = query(vendor, product)
    maker, model = found["ID_VENDOR_FROM_DATABASE"], found["ID_MODEL_FROM_DATABASE"]
    assert name in (model, f"{maker} {model}")
    assert found["VITALED_READER"] == "1" and found["VITALED_LIBCCID"] == libccid
    assert found.get("VITALED_SLOTS", "1") in ("1", "2", "3")


def test_libccid_claims_what_the_database_says_of_its_release():
    with open(CCID, "rb") as f:
        plist = plistlib.load(f)
    claimed = {(v[2:].upper(), p[2:].upper()) for v, p in zip(plist["ifdVendorID"], plist["ifdProductID"], strict=True)}
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libccid"], capture_output=True, text=True,
                          check=True)
    installed = version(done.stdout.partition("-")[0])
    for vendor, product, name, first in known():
        expected = first != "no" and version(first) <= installed
        assert ((vendor, product) in claimed) == expected, f"{name}: libccid {done.stdout}"


OWN_UDEV = """mkdir -p /run/udev && mount -t tmpfs tmpfs /run/udev && mkdir /run/udev/rules.d &&
cp "$1" "/run/udev/rules.d/$2" && udevadm test --action=add /sys/devices/virtual/mem/null 2>&1"""


def faults(rules, name):
    """What udev says of a file of rules beyond having read it, in a mount namespace of its own."""
    done = subprocess.run(["unshare", "-m", "sh", "-c", OWN_UDEV, "sh", rules, name], capture_output=True, text=True,
                          check=True)
    lines = [line for line in done.stdout.splitlines() if name in line]
    assert f"Reading rules file: /run/udev/rules.d/{name}" in lines
    return [line for line in lines if not line.startswith("Reading rules file")]


def test_udev_finds_no_fault_in_the_rules():
    assert faults(RULES, os.path.basename(RULES)) == []


@pytest.mark.parametrize("line", ['ENV{X}="1" NOSUCHKEY=="1"', 'GOTO="nowhere"', 'ATTR{power/persist}:="0'])
def test_udev_does_find_a_fault_in_broken_rules(tmp_path, line):
    broken = tmp_path / "65-broken.rules"
    broken.write_text(read(RULES) + line + "\n", encoding="utf-8")
    assert faults(str(broken), broken.name)


def test_the_rules_open_nothing_to_anyone():
    lines = [line for line in read(RULES).splitlines() if line and not line.startswith("#")]
    assert not re.search(r"\b(MODE|OWNER|GROUP|RUN|TAG|SYMLINK|IMPORT|PROGRAM|SECLABEL)\b", "\n".join(lines))
