# SPDX-License-Identifier: EUPL-1.2
"""The demo is true: its four scenes and the patient at the kiosk, played once, each with its own checks; then the
proofs that it ends with."""
import demo
import scenes
from stage import CONFIG, READERS, Stage


def test_the_four_scenes_and_the_kiosk_hold(make_bed):
    bed = make_bed("cps4-fund", None, "cps4-pharmacist", None, scenes.CARDS[0], readers=READERS, config=CONFIG)
    stage = Stage(bed, quiet=True)
    demo.play(stage)
    assert sorted(stage.receipts) == ["consultation", "creation", "delivery", "emergency", "visit"]
    assert len(stage.names) == 4
