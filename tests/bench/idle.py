# SPDX-License-Identifier: EUPL-1.2
"""What programs cost while nothing is asked of them: wake-ups, and memory of their own."""
import os
import time


def switches(pid):
    """Times that any thread of the process has gone to sleep so far: it has woken up as often."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii") as f:
            total += int(next(line for line in f if line.startswith("voluntary_ctxt_switches")).split()[1])
    return total


def wakeups(pids, seconds):
    """{pid: wake-ups} of the processes within @seconds."""
    before = {pid: switches(pid) for pid in pids}
    time.sleep(seconds)
    return {pid: switches(pid) - n for pid, n in before.items()}


def wakeups_per_minute(pid, seconds=60):
    return wakeups([pid], seconds)[pid] * 60 / seconds


def rss_anon(pid):
    """kB that the process shares with no file."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(next(line for line in f if line.startswith("RssAnon")).split()[1])
