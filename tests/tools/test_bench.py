# SPDX-License-Identifier: EUPL-1.2
"""The sums in tests/bench/README.md are those that tests/bench/floor.py makes."""
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def test_the_sums_of_the_benchmarks_page_are_the_programs():
    made = subprocess.run(["/usr/bin/python3", os.path.join(ROOT, "tests/bench/floor.py")], capture_output=True,
                          text=True, check=True).stdout.strip()
    with open(os.path.join(ROOT, "tests/bench/README.md"), encoding="utf-8") as f:
        assert f.read().strip().endswith(made)
    assert made.count("Floor: ") == 6
