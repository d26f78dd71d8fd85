# SPDX-License-Identifier: EUPL-1.2
"""What the record costs against the number of its entries, as tables for tests/bench/README.md.

usage: audit.py --build BUILD [--million N] [--folder FOLDER]

Entries are laid out in FOLDER (a temporary one on the disk of the current folder; a memory file system
would say nothing of syncing). Without --million the sizes are 10,000, 100,000 and 1,000,000; --million 10
adds 10,000,000 (a quarter of an hour and 12 GB). Durable appends stand beside bare inserts of SQLite in
the same run and folder. Nothing is asserted.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

SIZES = [10_000, 100_000, 1_000_000]
ROWS = ["append", "bare", "open", "history of 2", "last version", "proof", "consistency", "verify", "export",
        "longest step of export"]


def measure(build, folder, sizes):
    """{(what, entries): times}"""
    program = os.path.join(build, "tests/bench/peers/bench-record")
    found = {}
    with subprocess.Popen([program, folder, *map(str, sizes)], stdout=subprocess.PIPE, text=True) as p:
        for line in p.stdout:
            row = json.loads(line)
            found[row["what"], row["entries"]] = row
            print(".", end="", file=sys.stderr, flush=True)
    if p.returncode != 0:
        sys.exit(p.returncode)
    return found


def show(us):
    return f"{us} µs" if us < 10_000 else f"{us / 1000:.0f} ms" if us < 1_000_000 else f"{us / 1e6:.2f} s"


def table(found, sizes):
    lines = ["| | " + " | ".join(f"{n:,}" for n in sizes) + " |", "|---|" + "---:|" * len(sizes)]
    for what in ROWS:
        several = what not in ("open", "verify", "export", "longest step of export")
        cells = []
        for n in sizes:
            row = found[what, n]
            cells.append(f"{show(row['p50'])} / {show(row['p99'])}" if several else show(row["p50"]))
        lines.append(f"| {what}{' (p50 / p99)' if several else ''} | " + " | ".join(cells) + " |")
    ratio = [f"{found['append', n]['p50'] / found['bare', n]['p50']:.2f} / "
             f"{found['append', n]['p99'] / found['bare', n]['p99']:.2f}" for n in sizes]
    lines.append("| append : bare (p50 / p99) | " + " | ".join(ratio) + " |")
    lines.append("| bytes an entry | " + " | ".join(str(found["bytes an entry", n]["p50"]) for n in sizes) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build/gcc")
    parser.add_argument("--million", type=int, default=1, help="largest size")
    parser.add_argument("--sizes", type=lambda t: [int(n) for n in t.split(",")], help="these instead")
    parser.add_argument("--folder", default=".")
    args = parser.parse_args()
    sizes = args.sizes or SIZES + [n * 1_000_000 for n in (10, 100) if n <= args.million]
    folder = tempfile.mkdtemp(prefix="bench-record.", dir=args.folder)
    try:
        print("\n" + table(measure(args.build, folder, sizes), sizes))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
