# SPDX-License-Identifier: EUPL-1.2
"""The simulated readers as any PC/SC program sees them through the real pcscd."""
import contextlib
import statistics
import time

import pytest

from bed import Bed, wait_for
from terminal import EMPTY, MUTE, PRESENT, PcscError, Terminal

SELECT_MF = "00A4000C023F00"
REMOVED, RESET_CARD = "80100069", "80100068"
NOT_TRANSACTED, UNAVAILABLE, UNPOWERED = "80100016", "80100017", "80100067"
INVALID_VALUE = "80100011"  # pcscd of a handle whose reader it has dropped
FEATURES = {"verify": 0x06, "modify": 0x07, "properties": 0x0A, "tlv": 0x12}


def code(feature):
    """SCARD_CTL_CODE of pcsc-lite"""
    return 0x42000000 + (3400 + feature if feature else 3400)


@pytest.fixture
def readers(build, personal):
    """readers(cards..., options of Bed): a bed with the simulator and pcscd alone."""
    with contextlib.ExitStack() as stack:
        def make(*cards, **more):
            bed = Bed(build, cards=cards, personal=personal, **more)
            stack.callback(bed.stop)
            bed.lay_out()
            bed.start_sim()
            bed.start_pcscd()
            return bed
        yield make


@pytest.fixture
def terminal(request):
    with contextlib.ExitStack() as stack:
        yield lambda bed: stack.enter_context(Terminal(bed))


def fails(call, *args):
    """The code of PC/SC with which @call ends."""
    with pytest.raises(PcscError) as e:
        call(*args)
    return str(e.value)


def listed(terminal, *numbers):
    wait_for(lambda: terminal.readers() == [f"Vitale Sim {n}" for n in numbers])


# -- readers --------------------------------------------------------------------------------------

def test_several_readers_have_the_names_that_pcscd_gives_real_ones(readers, terminal):
    bed = readers("cps4-gp", "vitale-family", None, "vitale-single", readers="2,1+1")
    t = terminal(bed)
    listed(t, "00 00", "00 01", "01 00", "02 00")
    assert bed.sim("list") == "0=cps4-gp 1=vitale-family 2=- 3=vitale-single"
    state = t.states(0, {"Vitale Sim 02 00": 0, "Vitale Sim 01 00": 0})
    assert state["Vitale Sim 02 00"][0] & PRESENT and state["Vitale Sim 01 00"][0] & EMPTY
    t.connect("Vitale Sim 02 00")
    assert t.send(SELECT_MF) == "9000"


def test_readers_of_reader_conf_stay_listed_when_unplugged(readers, terminal):
    """What pcscd 1.9.9 does, and why usb_bus.py is there."""
    bed = readers("cps4-gp", "vitale-family")
    t = terminal(bed)
    t.connect("Vitale Sim 00 01")
    bed.sim("unplug 0")
    assert fails(t.send, SELECT_MF) in (UNAVAILABLE, NOT_TRANSACTED, REMOVED)
    listed(t, "00 00", "00 01")
    bed.sim("plug 0")
    wait_for(lambda: t.states(0, {"Vitale Sim 00 01": 0})["Vitale Sim 00 01"][0] & PRESENT)


def test_an_unplugged_reader_goes_with_all_its_slots_and_comes_back(readers, terminal):
    bed = readers("cps4-gp", "vitale-family", "vitale-single", readers="2,1", hotplug=True)
    t = terminal(bed)
    listed(t, "00 00", "00 01", "01 00")
    t.connect("Vitale Sim 00 01")
    assert t.send(SELECT_MF) == "9000"
    bed.sim("unplug 0")
    listed(t, "01 00")
    assert fails(t.send, SELECT_MF) == INVALID_VALUE
    bed.sim("plug 0")
    wait_for(lambda: len(t.readers()) == 3)
    again = terminal(bed)
    assert sorted(again.readers()) == [f"Vitale Sim {n}" for n in ("00 00", "00 01", "01 00")]
    again.connect("Vitale Sim 00 01")
    assert again.send(SELECT_MF) == "9000"


def test_a_composite_device_goes_as_a_whole(readers, terminal):
    bed = readers("cps4-gp", "vitale-family", readers="1+1", hotplug=True)
    t = terminal(bed)
    listed(t, "00 00", "01 00")
    bed.sim("unplug 1")
    listed(t)
    bed.sim("plug 0")
    listed(t, "00 00", "01 00")


def test_a_reader_may_be_unplugged_in_the_middle_of_a_command(readers, terminal):
    bed = readers("cps4-gp", "vitale-family", hotplug=True)
    t = terminal(bed)
    t.connect("Vitale Sim 00 01")
    bed.sim("unplug 0 2")
    assert t.send(SELECT_MF) == "9000"
    assert fails(t.send, SELECT_MF) in (UNAVAILABLE, NOT_TRANSACTED)
    listed(t)


def test_slots_that_block_wait_for_each_other(readers, terminal):
    bed = readers("cps4-gp", "vitale-family")
    one, two = terminal(bed), terminal(bed)
    one.connect("Vitale Sim 00 00")
    two.connect("Vitale Sim 00 01")
    bed.sim("wtx 0 on")
    one.start("send", "01A40000023F00")
    wait_for(lambda: bed.sim("count 0").startswith("1 "))
    assert two.send(SELECT_MF) == "9000"
    bed.sim("blocking 0 on")
    two.start("send", SELECT_MF)
    assert not two.answered(0.3)
    assert bed.sim("count 1").startswith("1 ")
    bed.sim("wtx 0 off")
    one.result()
    assert two.result() == "9000"


# -- presence ---------------------------------------------------------------------------------------

def test_cards_are_pushed_to_programs_not_found_by_asking(readers, terminal, capsys):
    bed = readers(None, None)
    t, name, took = terminal(bed), "Vitale Sim 00 00", {"in": [], "out": []}
    state = t.states(0, {name: 0})[name][0]
    for _ in range(10):
        for what, command in (("in", "insert 0 vitale-single"), ("out", "remove 0")):
            t.start("states", 5, {name: state})
            before = time.monotonic()
            bed.sim(command)
            answer = t.result()
            state = answer[name][0]
            assert bool(state & PRESENT) == (what == "in")
            took[what].append((answer["at"] - before) * 1000)
    with capsys.disabled():
        print("".join(f"\ncard {k}: median {statistics.median(v):.1f} ms, longest {max(v):.1f} ms"
                      for k, v in took.items()))


def test_a_card_that_bounces_is_seen_leaving_and_coming(readers, terminal):
    bed = readers("vitale-single", None)
    t, name = terminal(bed), "Vitale Sim 00 00"
    before = t.states(0, {name: 0})[name][0]
    t.connect(name)
    bed.sim("bounce 0 200")
    wait_for(lambda: bed.sim("list").startswith("0=vitale-single"))
    wait_for(lambda: t.states(0, {name: 0})[name][0] >> 16 == (before >> 16) + 2)  # pcscd's event counter
    assert fails(t.send, SELECT_MF) in (REMOVED, RESET_CARD)


def test_a_quiet_swap_is_told_by_nobody(readers, terminal):
    bed = readers("vitale-single", None)
    t, name = terminal(bed), "Vitale Sim 00 00"
    t.connect(name)
    assert t.send(SELECT_MF) == "9000"
    before = t.states(0, {name: 0})[name]
    bed.sim("swap 0 vitale-family live")
    assert t.send(SELECT_MF) == "9000"
    bed.sim("swap 0 vitale-single quiet")
    assert fails(t.send, SELECT_MF) == NOT_TRANSACTED
    assert t.states(0, {name: 0})[name] == before
    t.reconnect()
    assert t.send(SELECT_MF) == "9000"


def test_a_card_upside_down_is_there_and_mute(readers, terminal):
    bed = readers(None, None)
    t, name = terminal(bed), "Vitale Sim 00 00"
    bed.sim("upside-down 0 vitale-single")
    wait_for(lambda: t.states(0, {name: 0})[name][0] & MUTE)
    assert fails(t.connect, name) == UNPOWERED
    bed.sim("replace 0 vitale-single")
    wait_for(lambda: t.states(0, {name: 0})[name][0] & (PRESENT | MUTE) == PRESENT)
    t.connect(name)


def test_a_glitch_at_power_up_passes(readers, terminal):
    bed = readers(None, None)
    t, name = terminal(bed), "Vitale Sim 00 00"
    bed.sim("glitch 0 2")
    bed.sim("insert 0 vitale-single")
    wait_for(lambda: t.states(0, {name: 0})[name][0] & PRESENT)

    def connects():
        try:
            t.connect(name)
        except PcscError as e:
            assert str(e) == UNPOWERED
            return False
        return True
    wait_for(connects)
    assert t.send(SELECT_MF) == "9000"


# -- commands -----------------------------------------------------------------------------------------

def test_an_endless_extension_keeps_the_command_until_it_is_taken_back(readers, terminal):
    bed = readers("vitale-single", None)
    t = terminal(bed)
    t.connect("Vitale Sim 00 00")
    bed.sim("wtx 0 on")
    t.start("send", SELECT_MF)
    wait_for(lambda: bed.sim("count 0").startswith("1 "))
    time.sleep(1.2)  # longer than one sign of life
    bed.sim("normal 0")
    assert t.result() == "9000"
    bed.sim("stuck 0 100")
    t.start("send", SELECT_MF)
    wait_for(lambda: bed.sim("count 0").startswith("2 "))
    assert bed.sim("faults 0") == "none"  # it was for that command alone
    bed.sim("stuck 0 off")
    assert t.result() == "9000"


ANSWERS = [("procedure 0 one", "60"), ("procedure 0 sw1", "1234"), ("procedure 0 empty", ""), ("loop6c 0", "6c11"),
           ("loop61 0", "6110"), ("flip 0 1 7", "9100"), ("truncate 0 1", "90"), ("overlong 0 2", "00009000")]


@pytest.mark.parametrize("command,answer", ANSWERS, ids=[c.split()[0] + c.split()[-1] for c, _ in ANSWERS])
def test_wrong_answers_reach_the_program(readers, terminal, command, answer):
    bed = readers("vitale-single", None)
    t = terminal(bed)
    t.connect("Vitale Sim 00 00")
    bed.sim(command)
    try:
        got = t.send("00B0000010" if "loop6c" in command else SELECT_MF)
    except PcscError as e:
        got = str(e)  # pcscd itself refuses what is no answer
    assert got in (answer, NOT_TRANSACTED, "8010001F")
    bed.sim("normal 0")
    assert t.send(SELECT_MF) == "9000"


def test_many_short_commands_take_what_the_line_takes(readers, terminal, capsys):
    """The time is printed, not asserted; the counted one is exact."""
    bed = readers("cps3-gp", None, clock=True)
    t = terminal(bed)
    t.connect("Vitale Sim 00 00")
    command = "00A4040C0C" + "A00000018088000000030000"  # 20 characters; no such file
    t.send(command)
    bed.sim("count-reset 0")
    took = t.repeat(command, 100)
    tpdus, characters, link = map(int, bed.sim("count 0").split())
    assert (tpdus, characters, link) == (100, 2000, 2000 * 1116)
    with capsys.disabled():
        print(f"\n100 commands of 20 characters: {took * 1e6 / link:.4f} of the line's time")
    assert took * 1e6 > 0.98 * link


# -- keypad -----------------------------------------------------------------------------------------

def pin_verify(data, **more):
    f = {"timeout": 30, "format": 0x82, "block": 0x00, "length": 0, "digits": 0x0404, "condition": 2,
         "messages": 1} | more
    raw = bytes.fromhex(data)
    return (bytes([f["timeout"], 0, f["format"], f["block"], f["length"]]) + f["digits"].to_bytes(2, "little") +
            bytes([f["condition"], f["messages"]]) + b"\x0c\x04" + b"\0" + b"\0\0\0" +
            len(raw).to_bytes(4, "little") + raw).hex()


@pytest.fixture
def keyed(readers, terminal):
    bed = readers("cps4-gp", "vitale-single", keypad=[0])
    t = terminal(bed)
    t.connect("Vitale Sim 00 00")
    assert t.send("01A4040C088025000001FF0100") == "9000"
    return bed, t


def test_only_a_reader_with_a_keypad_offers_its_features(keyed, terminal):
    bed, t = keyed
    listed_ = bytes.fromhex(t.control(code(0)))
    assert [listed_[i] for i in range(0, len(listed_), 6)] == list(FEATURES.values())
    assert all(int.from_bytes(listed_[i + 2:i + 6], "big") == code(listed_[i]) for i in range(0, len(listed_), 6))
    assert t.control(code(FEATURES["properties"])) == "10020700"
    assert "766974616c652d73696d" in t.control(code(FEATURES["tlv"]))
    other = terminal(bed)
    other.connect("Vitale Sim 00 01")
    assert other.control(code(0)) == ""


def test_the_code_typed_on_the_keypad_reaches_the_card_and_no_file(keyed):
    bed, t = keyed
    record = bed.path("sim", "keys.record")
    bed.sim(f"record 0 {record}")
    assert bed.sim("keypad 0") == "idle"
    t.start("control", code(6), pin_verify("0120000104FFFFFFFF"))
    wait_for(lambda: bed.sim("keypad 0") == "asking verify 1")
    bed.sim("keypad 0 type 4321")
    assert t.result() == "63c2"
    assert bed.sim("counters 0") == "pin 2 puk 10 100"
    bed.sim("keypad 0 type 1234")  # before it is asked for
    assert t.control(code(6), pin_verify("0120000104FFFFFFFF")) == "9000"
    t.start("control", code(6), pin_verify("0120000104FFFFFFFF"))  # for one entry only
    wait_for(lambda: bed.sim("keypad 0").startswith("asking"))
    bed.sim("keypad 0 cancel")
    assert t.result() == "6401"
    bed.sim("keypad 0 late")
    assert t.control(code(6), pin_verify("0120000104FFFFFFFF")) == "6400"
    bed.sim("record 0 off")
    with open(record, encoding="utf-8") as f:
        text = f.read()
    assert text.count("0120000104********") == 2 and "34333231" not in text and "31323334" not in text


def test_a_new_code_is_typed_with_the_present_one_and_twice(readers, terminal):
    bed = readers("cps3-gp", None, keypad="all")
    t = terminal(bed)
    t.connect("Vitale Sim 00 00")

    def change(*codes):
        data = bytes.fromhex("0024000108" + "FF" * 8)
        structure = bytes([30, 0, 0x82, 0x04, 0, 0, 4, 4, 4, 3, 2, 3, 0x0C, 4, 0, 1, 2, 0, 0, 0]) + \
            len(data).to_bytes(4, "little") + data
        t.start("control", code(FEATURES["modify"]), structure.hex())
        for left, typed in zip((3, 2, 1), codes):
            wait_for(lambda: bed.sim("keypad 0") == f"asking modify {left}")
            bed.sim(f"keypad 0 type {typed}")
        return t.result()
    assert change("1234", "5678", "5679") == "6402"
    assert bed.sim("counters 0") == "pin 3 puk 10 100"
    assert change("9999", "5678", "5678") == "63c2"
    assert change("1234", "5678", "5678") == "9000"
    assert t.send("002000010435363738") == "9000"


def test_nobody_types_until_the_time_is_up(keyed):
    bed, t = keyed
    before = time.monotonic()
    assert t.control(code(6), pin_verify("0120000104FFFFFFFF", timeout=1)) == "6400"
    assert time.monotonic() - before >= 1


def test_a_card_that_leaves_ends_the_entry(keyed):
    bed, t = keyed
    t.start("control", code(6), pin_verify("0120000104FFFFFFFF"))
    wait_for(lambda: bed.sim("keypad 0").startswith("asking"))
    bed.sim("remove 0")
    with pytest.raises(PcscError):
        t.result()
    assert bed.sim("keypad 0") == "idle"


WRONG = [{"condition": 0}, {"condition": 8}, {"messages": 2}, {"digits": 0x0804}, {"format": 0x83}]


@pytest.mark.parametrize("wrong", WRONG, ids=[str(w) for w in WRONG])
def test_structures_that_no_reader_takes_are_refused(keyed, wrong):
    bed, t = keyed
    assert t.control(code(6), pin_verify("0120000104FFFFFFFF", **wrong)) == "6b80"
    assert bed.sim("counters 0") == "pin 3 puk 10 100"
