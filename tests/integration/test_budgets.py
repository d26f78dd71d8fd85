# SPDX-License-Identifier: EUPL-1.2
"""What a whole unlock costs on the wire: commands and characters counted by the simulator, from the
session's start until the dossier is open, against the goals of the project. Numbers are printed."""
import pytest

from bed import wait_for
from conftest import card_at, nothing_behind

CERTIFICATES = ("b001", "b002", "b003")  # identifiers of a professional's certificates
GOALS = {  # (characters, commands): the Vitale, the professional's card
    "cps3-gp": {"cached": ((1350, 22), (1180, 24)), "next": ((1350, 22), (900, 24))},
    "cps4-gp": {"cached": ((1350, 22), (1120, 24)), "next": ((1350, 22), (840, 24))},
}


class Meter:
    def __init__(self, bed, people):
        self.bed = bed
        self.app, self.agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
        self.files = [bed.path("sim", f"{slot}.record") for slot in (0, 1)]

    def recognised(self):
        for name in ("00 00", "00 01"):
            card_at(self.app, name)

    def unlock(self):
        """[(characters, commands)] of the Vitale and the professional's card."""
        for slot in (0, 1):
            self.bed.sim(f"record {slot} {self.files[slot]}")
            self.bed.sim(f"count-reset {slot}")
        session = self.app.open(intent=["create"])
        self.app.until(session, "unlocked")
        counts = [tuple(map(int, self.bed.sim(f"count {slot}").split()))[:2] for slot in (1, 0)]
        for slot in (0, 1):
            self.bed.sim(f"record {slot} off")
        self.app.call("Release", path=session, interface="Session")
        return [(characters, tpdus) for tpdus, characters in counts]

    def commands(self, slot):
        with open(self.files[slot], encoding="utf-8") as f:
            return [line[2:].strip() for line in f if line.startswith(">")]

    def again(self, *slots):
        for slot in slots:
            name = self.bed.sim("list").split()[slot].split("=")[1]
            before = card_at(self.app, f"00 0{slot}")
            self.bed.sim(f"replace {slot} {name}")
            wait_for(lambda: card_at(self.app, f"00 0{slot}") != before)


def reads_certificates(commands):
    return [c for c in commands if c[2:4] == "a4" and c[-4:] in CERTIFICATES]


@pytest.mark.parametrize("cps", GOALS)
def test_unlocking_keeps_to_its_characters(make_bed, people, cps, capsys):
    bed = make_bed(cps, "vitale-family")
    meter = Meter(bed, people)
    meter.recognised()
    rows = {"first": meter.unlock()}
    assert reads_certificates(meter.commands(0))
    meter.again(0, 1)
    rows["cached"] = meter.unlock()
    assert not reads_certificates(meter.commands(0)), meter.commands(0)
    meter.again(1)  # the next patient: the professional's card stays, its PIN verified
    rows["next"] = meter.unlock()
    assert not reads_certificates(meter.commands(0))
    assert not [c for c in meter.commands(0) if c[2:4] == "20" and len(c) > 10]  # no PIN
    with capsys.disabled():
        print("".join(f"\n{cps} {row}: Vitale {v[0]} characters, {v[1]} commands; CPS {c[0]}, {c[1]}"
                      for row, (v, c) in rows.items()))
    for row, goals in GOALS[cps].items():
        for (characters, commands), (most, most_commands) in zip(rows[row], goals):
            assert characters <= most and commands <= most_commands, (row, rows[row], goals)


def test_the_cache_serves_after_a_restart_and_not_when_it_is_off(make_bed, people):
    for on in (True, False):
        bed = make_bed(config=f"[cards]\nprofessional-cache = {'yes' if on else 'no'}\n")
        meter = Meter(bed, people)
        meter.recognised()
        meter.unlock()
        bed.end("vitaled")
        bed.start_broker()
        meter.app, meter.agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
        meter.recognised()
        meter.unlock()
        assert bool(reads_certificates(meter.commands(0))) is not on


def test_recognition_sends_one_command(bed, people):
    """Nothing is read of a card that nobody uses."""
    meter = Meter(bed, people)
    meter.recognised()
    nothing_behind(bed)
    for slot in (0, 1):
        name = bed.sim("list").split()[slot].split("=")[1]
        before = card_at(meter.app, f"00 0{slot}")
        bed.sim(f"remove {slot}")
        bed.sim(f"count-reset {slot}")
        bed.sim(f"insert {slot} {name}")
        wait_for(lambda: card_at(meter.app, f"00 0{slot}") != before)  # noqa: B023
        nothing_behind(bed)
        assert bed.sim(f"count {slot}").split()[0] == "1"
