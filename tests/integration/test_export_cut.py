# SPDX-License-Identifier: EUPL-1.2
"""An export that is cut: the broker or the dossier's process is killed while it is prepared, while its reader is slow,
or when the reader has gone. Nothing of ours runs on, no program takes what is there for whole, and the record says what
left: an entry once the pipe was given out, none before."""
import os
import signal

import pytest

from actor import BusError
from bed import wait_for
from conftest import audit_is_whole, pids, running
from test_dossier import ids, lock
from test_life import CONFIG, Place, judged, large, saved, told


@pytest.fixture
def bed(make_bed):
    return make_bed("cps4-fund", None, None, readers="2,1", config=CONFIG)


@pytest.fixture
def cut(bed, people):
    place = Place(bed, people)
    place.found()
    return Cut(place, large(place))


class Cut:
    def __init__(self, place, ident):
        self.place, self.bed, self.ident = place, place.bed, ident
        self.exported = 0  # given out so far

    def begin(self, session, keep):
        return self.place.other.start("Export", {"a{sv}": {}}, path=session, interface="Dossier", keep=keep)

    def kill(self, victim, session):
        """@victim is killed under @session: all of ours that was at work for it goes, and after a new start the record is
        whole."""
        if victim == "vitaled":
            self.bed.processes["vitaled"].kill()
            wait_for(lambda: running() == [], 10)  # the broker's, whatever they were doing
            self.bed.start_broker()
            self.place.start()
        else:
            os.kill(pids("vitaled-dossier")[0], signal.SIGKILL)
            assert self.place.other.ended(session) == ("locked", "child-failed")
            wait_for(lambda: pids("vitaled-dossier") == [], 10)

    def check(self, victim):
        """What the record says of all exports, and of the last session's end."""
        record = audit_is_whole(self.bed, self.place.app)
        exported = told(record, "dossier-exported")
        assert [o for o, _ in exported] == ["ok"] * self.exported
        assert all((d["released"], d["withheld"]) == (1, 0) for _, d in exported)
        ends = [e["event"] for e in record if e["event"] in ("child-failed", "session-ended", "start")]
        assert ends[-1] == ("start" if victim == "vitaled" else "session-ended")
        assert victim == "vitaled" or ends[-2] == "child-failed"

    def whole(self):
        """The dossier is as it was, and the next export is whole."""
        session = self.place.alone()
        assert ids(self.place.other, session) == [self.ident]
        _, _, contents = judged(saved(self.place, session))
        assert sum(len(c) for c in contents.values()) > 5_000_000
        self.exported += 1
        lock(self.place.other, session)


@pytest.mark.parametrize("victim", ["vitaled", "vitaled-dossier"])
def test_what_is_killed_while_an_export_is_on_its_way_leaves_no_half_of_it(cut, victim):
    session = cut.place.alone()
    os.kill(pids("vitaled-dossier")[0], signal.SIGSTOP)  # it is asked, and does not answer
    begun = cut.begin(session, "hold")
    assert cut.place.other.get(session, "Dossier", "State") == "open"  # what was asked before is on its way
    other = cut.place.other
    cut.kill(victim, session)
    with pytest.raises(BusError) as error:
        other.answer(begun)
    assert error.value.short == ("NoReply" if victim == "vitaled" else "ChildFailed")
    cut.check(victim)

    for how in ("slow", "gone"):  # the pipe was given out
        other = cut.place.other
        session = cut.place.alone()
        assert other.answer(cut.begin(session, "hold" if how == "slow" else "drop"))
        cut.exported += 1
        got = other.sip(1_000_000) if how == "slow" else b""
        cut.kill(victim, session)
        if how == "slow":
            assert len(got) == 1_000_000
            got += other.sip(10_000_000)  # ends: nobody holds its other end any more
            assert got.startswith(b"PK\3\4") and len(got) < 5_000_000 and b"PK\5\6" not in got
            other.release()
        cut.check(victim)
    cut.whole()
