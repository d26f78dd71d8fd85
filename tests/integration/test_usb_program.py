# SPDX-License-Identifier: EUPL-1.2
"""vitaled-usb as a program: what it lists, how it is called, and whose connections it takes."""
import os
import subprocess
import sys

import pytest

import usb_bench
from bed import Bed, wait_for
from usb_bench import NO_READER

ASK = """
import sys
from usb_bench import Link
try:
    with Link(sys.argv[1]) as link:
        print(link.attach("no such reader")[0])
except OSError as e:
    print(type(e).__name__)
"""


@pytest.fixture(scope="module")
def bench(build, personal):
    """Simulator and emulated readers, and nobody who serves them."""
    bed = Bed(build, cards=("cps4-gp", "vitale-family", None), personal=personal, usb="tpdu,single", serials="SECRET1,")
    try:
        bed.lay_out()
        bed.start_sim()
        bed.start_usb_bench()
        yield bed
    finally:
        bed.stop()


def call(bed, *options, **more):
    return bed.run([bed.program("vitaled-usb"), *options], user="vdusb",
                   env=bed.env | usb_bench.environment(bed.orders), **more)


def test_list_names_the_readers_and_keeps_serial_numbers_to_itself(bench):
    done = call(bench, "--list")
    assert (done.returncode, done.stderr) == (0, "")
    for expected in ("1c34:afd0", "0f14:0011"):
        assert expected in done.stdout
    assert "SECRET1" not in done.stdout


def test_serials_are_shown_to_who_asks_for_them(bench):
    done = call(bench, "--list", "--serials")
    assert done.returncode == 0 and "SECRET1" in done.stdout


def test_a_list_that_cannot_be_written_is_a_failure(bench):
    done = bench.run(["sh", "-c", '"$0" --list > /dev/full', bench.program("vitaled-usb")], user="vdusb",
                     env=bench.env | usb_bench.environment(bench.orders))
    assert done.returncode == 1


@pytest.mark.parametrize("options", [["--no-such-option"], ["--serials"], ["--socket"], ["--list", "reader"]],
                         ids=" ".join)
def test_wrong_usage_is_2(bench, options):
    done = call(bench, *options)
    assert done.returncode == 2 and done.stdout == ""


def test_without_a_socket_it_cannot_start(bench):
    done = call(bench)
    assert done.returncode == 1 and done.stdout == "" and "usb-start" in done.stderr


def test_another_user_than_the_peer_is_hung_up_on(bench):
    folder = bench.path("peer")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    path = os.path.join(folder, "socket")
    env = bench.env | usb_bench.environment(bench.orders)
    with subprocess.Popen(["setpriv", "--reuid=vdusb", "--regid=vdusb", "--clear-groups", "--",
                           bench.program("vitaled-usb"), "--socket", path, "--peer", "vdapp"], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as p:
        try:
            wait_for(lambda: os.path.exists(path) or p.poll() is not None)
            assert p.poll() is None
            os.chmod(path, 0o777)
            for user, answer in (("vdapp", str(NO_READER)), ("vdother", None), ("vdapp", str(NO_READER))):
                done = bench.run([sys.executable, "-c", ASK, path], user=user,
                                 env=bench.env | {"PYTHONPATH": os.path.dirname(usb_bench.__file__)})
                if answer:
                    assert done.stdout.strip() == answer, done.stderr
                else:
                    assert done.stdout.strip() in ("ConnectionError", "ConnectionResetError", "BrokenPipeError")
        finally:
            p.terminate()
        said = p.stdout.read()
    assert p.returncode == 0, said
    assert not os.path.exists(path)
