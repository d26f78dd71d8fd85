# SPDX-License-Identifier: EUPL-1.2
"""Another program takes a claimed reader away, as the kernel lets whoever may open its node (USBDEVFS_DISCONNECT_CLAIM;
the node is nobody else's, 69-vitaled-usb.rules): the card loses its power, sessions end by name, other readers go on."""
from bed import wait_for
from conftest import cards
from test_usb import BOTH_LEFT, unlocked
from test_usb_faults import CHALLENGE, next_card, served  # pylint: disable=unused-import
from usb_bench import CARD_IN, GONE, READER_IN, READER_OUT

FOUR = ("cps4-gp", "vitale-family", "cps4-gp", "vitale-family")
SOON = 30  # s; it is tried anew after ten


def powered(s):
    """The slots whose cards have power."""
    return {int(word[0]) for word in s.bed.orders("powered").split() if word.endswith("=1")}


def test_a_reader_that_is_taken_away_leaves_without_power_and_comes_back(served):
    """Nobody asks for anything meanwhile, and who took it takes it again after the reset."""
    s = served("tpdu,tpdu", cards=FOUR)
    w, _ = s.watch()
    mine, other = s.attached(0), s.attached(2)
    s.bed.orders("steal 0 stays")
    assert {next_card(w, READER_OUT)[1] for _ in range(2)} == {s.name(0), s.name(1)}
    wait_for(lambda: not {0, 1} & powered(s))
    assert 2 in powered(s) and s.transmits(other)
    assert mine.transmit(CHALLENGE)[0] == GONE
    wait_for(lambda: "reader-held: 1c34:afd0 at 1-1: another program has it" in s.words(), SOON)
    s.bed.orders("steal 0 off")
    assert {next_card(w, READER_IN)[1] for _ in range(2)} == {s.name(0), s.name(1)}
    assert {next_card(w, CARD_IN)[1] for _ in range(2)} == {s.name(0), s.name(1)}
    assert s.transmits(s.attached(1)) and s.transmits(other)


def test_a_dossier_is_locked_by_name_and_opens_again(make_bed, people):
    """The reset takes the reader from who took it."""
    bed = make_bed(usb="tpdu")
    app, _, session = unlocked(bed, people)
    bed.orders("steal 0 once")
    assert app.ended(session) in BOTH_LEFT
    wait_for(lambda: len(cards(app)) == 2, 60)
    app.until(app.open(intent=["create"]), "unlocked")
