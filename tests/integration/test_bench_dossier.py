# SPDX-License-Identifier: EUPL-1.2
"""The benchmark of dossiers stays true: it runs, with counts that take no time, and prints all its rows."""
import os
import re
import subprocess

from bed import ROOT


def test_the_benchmark_of_dossiers_runs_to_its_end(build):
    done = subprocess.run(["/usr/bin/python3", os.path.join(ROOT, "tests/bench/dossier.py"), "--build", build, "--counts", "2,5",
                           "--documents", "2,3", "--rounds", "1", "--mib", "1"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if re.match(r"\| [\dbR]", line)]
    assert [row[0] for row in rows] == ["2", "5", "bare loop (SQLite blob, EVP, pipe)", "Read, from the call to the last byte",
                                        "2", "3"]
    for row in rows[:2] + rows[4:]:
        assert all(re.fullmatch(r"\d+\.\d \(×\d+\.\d\d\)|\d+", cell) for cell in row[1:]), row
    assert re.fullmatch(r"≥ 60 %: (met|not met)", rows[3][3])
