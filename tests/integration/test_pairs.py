# SPDX-License-Identifier: EUPL-1.2
"""Pairs of readers over the real stack: names, readers, the kept PIN, the patient's display."""
import pytest

from actor import BusError

FIRST = "[pair counter]\npatient-reader = Vitale Sim 00 01\nprofessional-reader = Vitale Sim 00 00\n"
SECOND = FIRST.replace("counter", "office")
DISPLAY = "[agent display]\ncapability = patient-display\npair = counter\nuser = vddisplay\n"


def open_session(app, **options):
    return app.open(**{"intent": ["create"], **options})


def test_with_pairs_configured_default_is_none_of_them(make_bed, people):
    bed = make_bed(config=FIRST)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    for options in ({}, {"pair": "default"}, {"pair": "office"}, {"mode": "identity"}):
        with pytest.raises(BusError) as error:
            app.open(**options)
        assert error.value.name.endswith("InvalidArgument") and "pair" in str(error.value)
    app.until(open_session(app, pair="counter"), "unlocked")


def test_a_kept_pin_is_typed_anew_at_another_pair(make_bed, people):
    bed = make_bed(config=FIRST + SECOND)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    for pair, pins in (("counter", 1), ("counter", 1), ("office", 2)):
        session = open_session(app, pair=pair)
        app.until(session, "unlocked")
        app.call("Lock", path=session, interface="Session")
        app.until(session, "locked")
        assert len([e for e in agent.events if e["event"] == "pin"]) == pins


def test_an_agent_with_a_pair_is_asked_at_that_pair_alone(make_bed, people):
    bed = make_bed(config=FIRST + SECOND + "[agent pin]\npair = counter\n[agent professional]\npair = counter\n")
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    assert app.until(open_session(app, pair="office"), "failed") == ("failed", "no-agent")
    assert not [e for e in agent.events if e["event"] == "pin"]
    app.until(open_session(app, pair="counter"), "unlocked")
    assert len([e for e in agent.events if e["event"] == "pin"]) == 1


def test_a_display_that_is_away_is_no_oral_consent(make_bed, people):
    bed = make_bed(config=FIRST + SECOND + DISPLAY)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0], consent=["given"])
    session = open_session(app, pair="counter")
    assert app.until(session, "failed") == ("failed", "no-agent")
    assert not [e for e in agent.events if e["event"] == "consent"]
    app.until(open_session(app, pair="office"), "unlocked")  # it has none
