# SPDX-License-Identifier: EUPL-1.2
"""udev's files without a device: base/readers.def, the program and the database say the same, libccid's list
agrees, and the rules do what they say to devices of umockdev.

What a kernel and a udevd make of them is shown in a guest (tests/vm).
"""
import glob
import importlib.machinery
import importlib.util
import os
import plistlib
import re
import shutil
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HWDB = os.path.join(ROOT, "udev/60-vitaled-readers.hwdb")
RULES = os.path.join(ROOT, "udev/65-vitaled-readers.rules")
ACCESS = os.path.join(ROOT, "udev/74-vitaled-usb.rules")
SEAT = os.path.join(ROOT, "udev/69-vitaled-usb.rules")
CCID = "/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist"
SETFACL = "/usr/bin/setfacl -m g:vitaled-usb:rw /dev/bus/usb/001/002"
SETFACL_ALONE = SETFACL.replace("setfacl -m", "setfacl -b -m")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def load(path, name):
    """A program of the tree as a module; nothing is written beside it."""
    loader = importlib.machinery.SourceFileLoader(name, path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    exec(loader.get_code(name), module.__dict__)  # pylint: disable=exec-used
    return module


MAKE = load(os.path.join(ROOT, "udev/make-hwdb"), "make_hwdb")
TABLE = MAKE.table(read(MAKE.TABLE))


def matched():
    """(vendor, product) of each device that the database has an entry for."""
    return re.findall(r"^usb:v([0-9A-F]{4})p([0-9A-F]{4})\*$", read(HWDB), re.M)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The rows of the table as a C compiler reads them, by the program's own functions."""
    program = str(tmp_path_factory.mktemp("table") / "table")
    subprocess.run(["cc", "-std=gnu17", "-I", ROOT, "-o", program, "-x", "c", "-",
                    *(os.path.join(ROOT, "base", name) for name in ("readers.c", "buf.c", "fault.c"))],
                   input=PRINT, text=True, check=True)
    lines = subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split("\t") for line in lines]


PRINT = r"""
#include <stdio.h>
#include "base/readers.h"
int main(void)
{
	for (size_t i = 0; readers_at(i); i++) {
		const struct reader_known *r = readers_at(i);
		if (readers_known(r->vendor, r->product) != r) {
			return 1;
		}
		printf("%04X\t%04X\t%s\t%s\t%s\t%u\t%s\t%u\t%u\t%s\n", r->vendor, r->product, r->maker, r->model,
			r->name, (unsigned)r->slots, r->libccid, (r->quirks & READER_QUIRK_NOT_CCID) != 0,
			(r->quirks & READER_QUIRK_SERIAL_PORT) != 0, r->source);
	}
	return 0;
}
"""


def test_the_program_and_the_maker_of_the_database_read_the_same_table(compiled):
    rows = [[row[k] for k in ("vendor", "product", "maker", "model", "name", "slots", "libccid")] +
            [str(int(quirk in row["quirks"])) for quirk in ("READER_QUIRK_NOT_CCID", "READER_QUIRK_SERIAL_PORT")] +
            [row["source"]] for row in TABLE]
    assert len(rows) >= 29 and compiled == rows


def test_every_quirk_of_the_table_is_one_that_the_header_has():
    known = set(re.findall(r"^\t(READER_QUIRK_\w+)", read(os.path.join(ROOT, "base/readers.h")), re.M))
    used = {quirk.strip() for row in TABLE for quirk in row["quirks"].split("|")} - {"0"}
    assert used and used == known


def test_every_fact_of_the_table_has_a_source():
    for row in TABLE:
        assert re.search(r"\(ids", row["source"]) and (row["slots"] == "0" or "slots" in row["source"]), row
        assert row["libccid"] == "no" or "release" in row["source"] or "first in" in row["source"], row


def test_the_database_is_what_is_made_of_the_table():
    assert MAKE.database(TABLE) == read(HWDB)


def test_a_row_that_cannot_be_read_is_no_database():
    with pytest.raises(ValueError):
        MAKE.table('READER(0x0B00, 0x0090, "A", "B")\n')


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


def test_every_match_is_one_device_of_the_table():
    assert matched() == [(row["vendor"], row["product"]) for row in TABLE]
    assert len([line for line in read(HWDB).splitlines() if line.startswith("usb:")]) == len(TABLE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["name"].replace(" ", "-"))
def test_database_and_table_say_the_same_of_a_reader(query, row):
    found = query(row["vendor"], row["product"])
    assert (found["ID_VENDOR_FROM_DATABASE"], found["ID_MODEL_FROM_DATABASE"]) == (row["maker"], row["model"])
    assert row["name"] in (row["model"], f"{row['maker']} {row['model']}")
    assert found["VITALED_READER"] == "1" and found["VITALED_LIBCCID"] == row["libccid"]
    assert found.get("VITALED_SLOTS", "0") == row["slots"]
    assert ("ID_MM_DEVICE_IGNORE" in found) == ("READER_QUIRK_SERIAL_PORT" in row["quirks"])


def test_libccid_claims_what_the_database_says_of_its_release():
    with open(CCID, "rb") as f:
        plist = plistlib.load(f)
    claimed = {(v[2:].upper(), p[2:].upper()) for v, p in zip(plist["ifdVendorID"], plist["ifdProductID"], strict=True)}
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libccid"], capture_output=True, text=True,
                          check=True)
    installed = version(done.stdout.partition("-")[0])
    for row in TABLE:
        expected = row["libccid"] != "no" and version(row["libccid"]) <= installed
        assert ((row["vendor"], row["product"]) in claimed) == expected, f"{row['name']}: libccid {done.stdout}"


OWN_UDEV = """mkdir -p /run/udev && mount -t tmpfs tmpfs /run/udev && mkdir /run/udev/rules.d &&
cp "$1" "/run/udev/rules.d/$2" && udevadm test --action=add /sys/devices/virtual/mem/null 2>&1"""


def faults(rules, name):
    """What udev says of a file of rules beyond having read it, in a mount namespace of its own."""
    done = subprocess.run(["unshare", "-m", "sh", "-c", OWN_UDEV, "sh", rules, name], capture_output=True, text=True,
                          check=True)
    lines = [line for line in done.stdout.splitlines() if name in line]
    assert f"Reading rules file: /run/udev/rules.d/{name}" in lines
    return [line for line in lines if not line.startswith("Reading rules file")]


@pytest.mark.parametrize("rules", [RULES, ACCESS], ids=os.path.basename)
def test_udev_finds_no_fault_in_the_rules(rules):
    assert faults(rules, os.path.basename(rules)) == []


@pytest.mark.parametrize("line", ['ENV{X}="1" NOSUCHKEY=="1"', 'GOTO="nowhere"', 'ATTR{power/persist}:="0'])
@pytest.mark.parametrize("rules", [RULES, ACCESS], ids=os.path.basename)
def test_udev_does_find_a_fault_in_broken_rules(tmp_path, rules, line):
    broken = tmp_path / "65-broken.rules"
    broken.write_text(read(rules) + line + "\n", encoding="utf-8")
    assert faults(str(broken), broken.name)


def statements(path):
    return "\n".join(line for line in read(path).splitlines() if line and not line.startswith("#"))


def test_the_rules_of_readers_open_nothing_to_anyone():
    assert not re.search(r"\b(MODE|OWNER|GROUP|RUN|TAG|SYMLINK|IMPORT|PROGRAM|SECLABEL)\b", statements(RULES))


def test_the_rules_of_access_add_one_entry_and_take_nothing_from_others():
    for rules in (ACCESS, SEAT):
        assert not re.search(r"\b(MODE|OWNER|GROUP|TAG|SYMLINK|IMPORT|PROGRAM|SECLABEL|OPTIONS)\b", statements(rules))
    assert re.findall(r"RUN.*", statements(ACCESS) + statements(SEAT)) == \
        ['RUN{program}+="/usr/bin/setfacl -m g:vitaled-usb:rw $devnode"',
         'RUN{program}+="/usr/bin/setfacl -b -m g:vitaled-usb:rw $devnode"']


# -- the rules over devices of umockdev, in mount namespaces of their own

SIMULATED = """mkdir -p /run/udev && mount -t tmpfs tmpfs /run/udev && mount -t tmpfs tmpfs /dev/char &&
mkdir /run/udev/rules.d && cp "$1" "$2" "$3" /run/udev/rules.d && printf '%s\n' "$5" > /run/udev/rules.d/61-test.rules &&
exec umockdev-run -d "$4" -- udevadm test --action="$6" "$7" 2>&1"""
DEVICE = """P: {path}
N: bus/usb/001/002
E: DEVNAME=/dev/bus/usb/001/002
E: DEVTYPE=usb_device
E: PRODUCT={product}
E: MAJOR=189
E: MINOR=1
E: BUSNUM=001
E: DEVNUM=002
E: SUBSYSTEM=usb
A: idVendor={vendor}\\n
A: idProduct={number}\\n
A: busnum=1\\n
A: devnum=2\\n
A: bNumInterfaces= 1\\n
A: power/persist=1\\n
"""
PATH = "/devices/pci0000:00/usb1/1-1"


def ran(tmp_path, extra="", vendor="ffff", number="0001", action="add", devtype="usb_device"):
    """What udev would run for a device, of its own (builtins) only what opens the node to the user of the seat;
    @extra: a rule before ours."""
    device = DEVICE.format(path=PATH, product=f"{vendor}/{number}/1", vendor=vendor, number=number)
    mock = tmp_path / "device.umockdev"
    mock.write_text(device.replace("DEVTYPE=usb_device", f"DEVTYPE={devtype}"), encoding="utf-8")
    done = subprocess.run(["unshare", "-m", "sh", "-c", SIMULATED, "sh", RULES, ACCESS, SEAT, str(mock), extra,
                           action, f"/sys{PATH}"], capture_output=True, text=True, check=True)
    assert "Reading rules file: /run/udev/rules.d/74-vitaled-usb.rules" in done.stdout, done.stdout
    return [m for m in re.findall(r"^run: '(.*)'$", done.stdout, re.M) if m.startswith("/") or m == "uaccess"]


IN_CLASS, IN_TABLE = 'ENV{ID_SMARTCARD_READER}="1"', 'ENV{VITALED_READER}="1"'


@pytest.mark.parametrize("action", ["add", "change", "bind"])
@pytest.mark.parametrize("why, runs", [(IN_CLASS, SETFACL), (IN_TABLE, SETFACL_ALONE)], ids=["class", "table"])
def test_a_reader_s_node_is_opened_for_the_group_of_vitaled_usb(tmp_path, why, runs, action):
    assert ran(tmp_path, why, action=action) == (["uaccess", runs] if why == IN_CLASS else [runs])


def test_a_reader_of_class_and_table_gets_one_entry(tmp_path):
    assert ran(tmp_path, f"{IN_CLASS}, {IN_TABLE}") == [SETFACL_ALONE]


@pytest.mark.parametrize("why", [IN_CLASS, f"{IN_CLASS}, {IN_TABLE}"], ids=["class", "table"])
def test_a_reader_of_the_table_is_not_for_the_user_of_the_seat_and_another_one_is(tmp_path, why):
    """Systemd's own rules give the class to the seat; a program is started by the class of either."""
    assert ("uaccess" in ran(tmp_path, why)) == (IN_TABLE not in why)


def test_of_a_device_that_is_no_reader_nothing_is_opened(tmp_path):
    assert ran(tmp_path) == []


def test_a_device_that_leaves_and_an_interface_of_a_reader_are_passed_over(tmp_path):
    assert ran(tmp_path, IN_CLASS, action="remove") == []
    assert SETFACL not in ran(tmp_path, IN_CLASS, devtype="usb_interface")


ENTRIES = """touch "$1/node" && chown root:43210 "$1/node" &&
chmod 0664 "$1/node" && setfacl -m u:43211:rw "$1/node" && setfacl -m g:43212:rw "$1/node" && getfacl -cpn "$1/node" &&
setfacl -x u:43211 "$1/node" && setfacl -m u:43213:rw "$1/node" && echo ==== && getfacl -cpn "$1/node" && stat -c %a:%g "$1/node" &&
echo ==== && setfacl -b -m g:43212:rw "$1/node" && getfacl -cpn "$1/node" && stat -c %a:%g "$1/node"
"""


def test_the_entry_stays_beside_the_group_of_pcscd_and_the_user_of_the_seat(tmp_path):
    """What setfacl does to a node that a libccid of its own user (group 43210) and logind (43211, then 43213) use; and
    to one of the table, which nobody else at the seat may open."""
    done = subprocess.run(["sh", "-ec", ENTRIES, "sh", str(tmp_path)], capture_output=True, text=True,
                          check=True)
    before, after, alone = done.stdout.split("====\n")
    assert before.split() == ["user::rw-", "user:43211:rw-", "group::rw-", "group:43212:rw-", "mask::rw-", "other::r--"]
    assert after.split() == ["user::rw-", "user:43213:rw-", "group::rw-", "group:43212:rw-", "mask::rw-", "other::r--",
                             "664:43210"]
    assert alone.split() == ["user::rw-", "group::rw-", "group:43212:rw-", "mask::rw-", "other::r--", "664:43210"]
