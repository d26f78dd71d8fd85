# SPDX-License-Identifier: EUPL-1.2
"""udev/*.rules and udev/*.hwdb in a Debian guest: a real kernel, systemd's udev, Debian's pcscd.

Tests run reader by reader, so that each is plugged once (see `plug`).
"""
import json
import re

import pytest

from conftest import Plugged
from readers import EVERY, IN_CLASS, MODELS, NAMED, PCSC, UNSEEN

OURS = re.compile("VITALED_|ID_MM_DEVICE_IGNORE")
RULES = "65-vitaled-readers.rules"


def slots(name):
    return [f"{reader} {slot:02X}" for reader, count in PCSC.get(name, []) for slot in range(count)]


def pytest_generate_tests(metafunc):
    """`name`: every reader, or those of the mark `only`."""
    if "name" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("only")
        metafunc.parametrize("name", only.args[0] if only else EVERY)


@pytest.fixture
def reader(plug, name):
    return plug(name)


def test_the_kernel_enumerates_it_with_its_interfaces(guest, reader, name):
    model = MODELS[name]
    ids = guest.says(f"cd {reader.device}; cat idVendor idProduct product; cat {reader.device}:1.*/bInterfaceClass")
    assert ids.split("\n") == [f"{model.vendor:04x}", f"{model.product:04x}", model.name] + \
        [f"{i.usb_class:02x}" for i in model.interfaces]


def test_the_database_names_it(reader, name):
    found = reader.properties()
    assert {k: v for k, v in found.items() if OURS.match(k)} == {k: v for k, v in NAMED[name].items() if OURS.match(k)}
    assert {k: found[k] for k in NAMED[name]} == NAMED[name]


def test_lsusb_tells_its_name(guest, reader, name):
    model, named = MODELS[name], NAMED[name]
    text = guest.says(f"lsusb -d {model.vendor:04x}:{model.product:04x}")
    assert named.get("ID_VENDOR_FROM_DATABASE", "").lower() in text.lower()  # the case is systemd's for some
    assert named.get("ID_MODEL_FROM_DATABASE", "") in text


def test_the_smart_card_class_starts_the_target_and_our_table_keeps_it_from_the_seat(guest, reader, name):
    found = reader.properties()
    tags = set(found.get("CURRENT_TAGS", "").split(":"))
    in_class = name in IN_CLASS
    assert (found.get("ID_SMARTCARD_READER") == "1") == in_class
    assert ("security-device" in tags) == in_class and "uaccess" not in tags
    assert not [key for key in found if key == "VITALED_CLASS"]
    assert (found.get("SYSTEMD_WANTS") == "smartcard.target") == in_class
    wanted = "active" if in_class else "inactive"
    guest.until("systemctl is-active smartcard.target", lambda text: text == wanted)


def test_who_may_open_it(guest, reader, name):
    node = reader.node()
    mode, alice, bob, *entries = guest.says(
        f"stat -c '%a %U %G' {node}; for uid in 1000 1001; do "
        f"setpriv --reuid=$uid --regid=$uid --clear-groups sh -c ': <> {node}' 2> /dev/null; echo $?; done; "
        f"getfacl -cp {node}").splitlines()
    assert mode == "664 root root"  # as systemd makes it
    assert alice != "0" and bob != "0"  # she sits at the seat
    named = [e for e in entries if re.match(r"(user|group):[^:]+:", e)]
    assert named == (["group:vitaled-usb:rw-"] if "VITALED_READER" in NAMED[name] else [])


def test_suspend_cannot_hide_that_cards_were_swapped(guest, reader, name):
    assert guest.says(f"cat {reader.device}/power/persist") == ("1" if name == "other" else "0")


@pytest.mark.only(list(PCSC))
def test_pcscd_shows_each_slot(pcsc, reader, name):
    pcsc.until(slots(name))


@pytest.mark.only(list(PCSC))
def test_pcscd_sees_cards_come_and_go_slot_by_slot(guest, pcsc, reader, name):
    places = [(i, s) for i, interface in enumerate(MODELS[name].interfaces) for s in range(interface.slots)]
    for (interface, slot), wanted in zip(places, slots(name), strict=True):
        reader.reader.insert(slot, interface)
        number = pcsc.until(slots(name), wanted)[wanted]
        said = guest.says(f"opensc-tool -r {number} -a -s 00:84:00:00:08")
        assert "3b:04:56:4d:30:31" in said and "00 01 02 03 04 05 06 07" in said
        reader.reader.remove(slot, interface)
        pcsc.until(slots(name))


@pytest.mark.only(UNSEEN)
def test_pcscd_does_not_see_a_reader_that_no_driver_claims(guest, pcsc, reader, name):
    known = Plugged(guest, "gemalto")  # plugged later: pcscd that shows it has looked at the other one too
    try:
        pcsc.until(slots("gemalto"))
    finally:
        known.unplug()
    pcsc.until([])


def test_the_doctor_names_a_reader_that_nobody_can_serve_and_no_other(guest, pcsc, reader, name):
    """What libccid does not know is vitaled-usb's, which is installed: no finding. Of the old mode is nobody's."""
    model = MODELS[name]
    pcsc.until(slots(name))
    lines = [json.loads(line) for line in guest.shell("vitalectl doctor --json")[1].splitlines()]
    told = {line["finding"]: line["facts"] for line in lines if line.get("group") == "readers" and "finding" in line}
    if name == "ingenico-ff":
        assert list(told) == ["reader-old-mode"]
        assert told["reader-old-mode"]["usb"] == f"{model.vendor:04x}:{model.product:04x}"
    else:
        assert not told
    assert not [line for line in lines if line.get("finding") == "reader-rules"]


def test_unplugged_and_plugged_again(guest, pcsc, reader, name):
    before = reader.properties()
    reader.unplug()
    record = f"/run/udev/data/c{before['MAJOR']}:{before['MINOR']}"
    guest.until(f"test -e {before['DEVNAME']} || test -e {record} || systemctl is-active smartcard.target",
                lambda text: text == "inactive")
    pcsc.until([])
    reader.plug()
    steady, after = ("DEVPATH", "CURRENT_TAGS", *NAMED[name]), reader.properties()
    assert {k: set(after[k].split(":")) for k in steady if k in after} == \
        {k: set(before[k].split(":")) for k in steady if k in before}
    pcsc.until(slots(name))


@pytest.fixture
def alone(plug):
    """No reader plugged by the tests above is left."""
    plug("other")


def test_without_our_rule_the_kernel_would_keep_a_reader_over_suspend(guest, alone):
    guest.says(f"mkdir -p /run/udev/rules.d && ln -s /dev/null /run/udev/rules.d/{RULES} && udevadm control --reload")
    try:
        reader = Plugged(guest, "doctolib")
        assert guest.says(f"cat {reader.device}/power/persist") == "1"
        reader.unplug()
    finally:
        guest.says(f"rm /run/udev/rules.d/{RULES} && udevadm control --reload")


def test_udev_finds_no_fault_in_our_rules(guest, alone):
    said = guest.says("udevadm test --action=add $(readlink -f /sys/bus/usb/devices/usb1) 2>&1")
    lines = [line for line in said.splitlines() if RULES in line]
    assert lines and all(line.startswith("Reading rules file") for line in lines), lines


def test_readers_side_by_side_come_and_go_without_each_other(guest, pcsc, alone):
    readers = [Plugged(guest, name) for name in ("gemalto", "doctolib", "ingenico", "kap-link")]
    try:
        every = sorted(slot for name in PCSC for slot in slots(name))
        pcsc.until(every)
        readers[1].unplug()
        pcsc.until([slot for slot in every if "Doctolib" not in slot])
        readers[1].plug()
        pcsc.until(every)
    finally:
        for reader in readers:
            reader.unplug()
