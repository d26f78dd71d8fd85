# SPDX-License-Identifier: EUPL-1.2
"""`meson install` into an empty folder: every file in its conventional place, and none beside."""
import filecmp
import fnmatch
import json
import os
import re
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Below the prefix; a pattern stands for files of one kind. Every pattern is found, every file is in a pattern.
PLACES = """
bin/vitale-sim bin/vitalectl
lib/pcsc/drivers/serial/libifdvitalesim.so
lib/systemd/catalog/vitaled.catalog
lib/systemd/system/vitale-sim.service lib/systemd/system/vitaled.service
lib/systemd/system/vitaled-usb.service lib/systemd/system/vitaled-usb.socket
lib/sysusers.d/vitale-sim.conf lib/sysusers.d/vitaled.conf lib/sysusers.d/vitaled-usb.conf
lib/tmpfiles.d/vitaled.conf
lib/udev/hwdb.d/60-vitaled-readers.hwdb lib/udev/rules.d/65-vitaled-readers.rules lib/udev/rules.d/69-vitaled-usb.rules lib/udev/rules.d/74-vitaled-usb.rules
lib/vitaled/vitaled lib/vitaled/vitaled-card lib/vitaled/vitaled-crl lib/vitaled/vitaled-dossier lib/vitaled/vitaled-feed lib/vitaled/vitaled-usb lib/vitaled/vitaled-watch
lib/vitaled/root/*
share/bash-completion/completions/vitalectl share/bash-completion/completions/vitale-sim
share/dbus-1/interfaces/org.vitaled1.xml
share/dbus-1/system-services/org.vitaled1.service
share/dbus-1/system.d/org.vitaled1.conf
share/doc/vitaled-sim/examples/vitale-sim.reader.conf
share/doc/vitaled/*.md share/doc/vitaled/wire.csv
share/doc/vitaled/examples/open_dossier.py
share/doc/vitaled/examples/conf/*.conf share/doc/vitaled/examples/polkit/*.rules
share/doc/vitaled/examples/systemd/encrypted-credentials.conf
share/locale/fr/LC_MESSAGES/vitaled.mo
share/man/man1/vitalectl.1 share/man/man1/vitale-sim.1 share/man/man5/vitaled.conf.5 share/man/man7/org.vitaled1.7
share/man/man8/vitaled.8 share/man/man8/vitaled-usb.8 share/man/fr/man1/vitalectl.1 share/man/fr/man1/vitale-sim.1 share/man/fr/man5/vitaled.conf.5
share/man/fr/man7/org.vitaled1.7 share/man/fr/man8/vitaled.8 share/man/fr/man8/vitaled-usb.8
share/polkit-1/actions/org.vitaled1.policy
share/polkit-1/rules.d/50-vitaled.rules
share/vitaled/codes/*.json share/vitaled/dossier/*.json share/vitaled/metadata.schema.json share/vitaled/export.schema.json share/vitaled/profiles/*.json
share/vitaled/rights/*.json share/vitaled/wordings/consent-*.txt
etc/vitaled/vitaled.conf
""".split()

# Data that programs read: folder in the tree, folder below the prefix
DATA = [("base/data/codes", "share/vitaled/codes"), ("daemon/consent/data", "share/vitaled/rights"),
        ("daemon/consent/wordings", "share/vitaled/wordings"), ("drivers/sim/profiles", "share/vitaled/profiles"),
        ("doc/examples/conf", "share/doc/vitaled/examples/conf"), ("doc/examples/polkit", "share/doc/vitaled/examples/polkit")]


@pytest.fixture(scope="module")
def prefix(request, tmp_path_factory):
    """The prefix's folder in an installation of its own."""
    build = os.path.abspath(request.config.getoption("--build", default="build/gcc"))
    options = json.loads(subprocess.run(["meson", "introspect", "--buildoptions", build], check=True, capture_output=True,
                                        text=True).stdout)
    place = next(o["value"] for o in options if o["name"] == "prefix")
    folder = tmp_path_factory.mktemp("install")
    done = subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet"], capture_output=True, text=True,
                          env=dict(os.environ, DESTDIR=str(folder)))
    assert done.returncode == 0, done.stdout + done.stderr
    if place == "/usr":  # whose configuration is in /etc
        os.rename(folder / "etc", folder / "usr/etc")
    return str(folder) + place


def files(folder):
    for where, _, names in os.walk(folder):
        for name in names:
            yield os.path.relpath(os.path.join(where, name), folder)


def text(prefix, path):
    with open(os.path.join(prefix, path), encoding="utf-8") as f:
        return f.read()


def test_every_file_is_in_its_conventional_place_and_nothing_is_missing(prefix):
    found = list(files(prefix))
    strange = [f for f in found if not any(fnmatch.fnmatch(f, p) for p in PLACES)]
    missing = [p for p in PLACES if not fnmatch.filter(found, p)]
    assert not strange and not missing


def test_the_data_that_programs_read_is_installed_whole(prefix):
    for source, place in DATA:
        source = os.path.join(ROOT, source)
        names = [n for n in os.listdir(source) if n != "README.md"]
        assert names
        for name in names:
            assert filecmp.cmp(os.path.join(source, name), os.path.join(prefix, place, name), shallow=False), name


def test_the_units_name_programs_where_they_were_installed(prefix):
    for name in ("vitaled.service", "vitaled-usb.service", "vitale-sim.service"):
        unit = text(prefix, "lib/systemd/system/" + name)
        assert not re.search(r"@\w+@", unit)
        program = re.search(r"^ExecStart=(\S+)", unit, re.M).group(1)
        assert prefix.endswith(os.path.dirname(os.path.dirname(os.path.dirname(program)))) or "/bin/" in program
        assert os.access(os.path.join(prefix, os.path.relpath(program, prefix[prefix.rindex("/usr"):])), os.X_OK)


def test_without_an_option_the_prefix_is_where_bus_and_polkit_look():
    """Below /usr/local dbus-daemon would not find the policy, nor polkitd the actions."""
    done = subprocess.run(["meson", "introspect", "--buildoptions", os.path.join(ROOT, "meson.build")], check=True,
                          capture_output=True, text=True)
    assert next(o["value"] for o in json.loads(done.stdout) if o["name"] == "prefix") == "/usr"


def test_the_unit_s_own_root_has_a_place_for_everything_that_is_mounted(prefix):
    """/usr may be read-only: systemd could make none."""
    unit = text(prefix, "lib/systemd/system/vitaled.service")
    wanted = ["/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/home", "/root", "/run/credentials",
              "/run/systemd/incoming", "/var/lib/vitaled"]
    unit += text(prefix, "lib/systemd/system/vitaled-usb.service")  # has the same
    for line in re.findall(r"^BindReadOnlyPaths=(.*)", unit, re.M):
        wanted += [path.lstrip("-").split(":")[0] for path in line.split()]
    assert len(wanted) > 20
    for path in wanted:
        assert os.path.exists(os.path.join(prefix, "lib/vitaled/root", path.lstrip("/"))), path


@pytest.mark.parametrize("name,tenths", [("vitaled", 2), ("vitaled-usb", 10)])
def test_systemd_rates_the_units_at_0_2_and_1_0_or_better(prefix, name, tenths):
    unit = os.path.join(prefix, f"lib/systemd/system/{name}.service")
    rate = ["systemd-analyze", "security", "--no-pager", "--offline=true", unit]
    done = subprocess.run([*rate, f"--threshold={tenths}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert subprocess.run([*rate, "--threshold=0"], capture_output=True).returncode != 0  # it is looked at


def test_the_socket_of_vitaled_usb_is_the_brokers_alone(prefix):
    unit = text(prefix, "lib/systemd/system/vitaled-usb.socket")
    told = dict(re.findall(r"^(\w+)=(.*)$", unit, re.M))
    assert (told["SocketUser"], told["SocketGroup"], told["SocketMode"], told["DirectoryMode"]) == \
        ("vitaled", "vitaled", "0600", "0750")
    paths = re.findall(r"^ListenSequentialPacket=(.*)$", unit, re.M)
    assert paths[1:] == [paths[0] + "-watch"]
    folder = os.path.dirname(paths[0])
    assert re.search(rf"^d +{folder} +0750 root +vitaled$", text(prefix, "lib/tmpfiles.d/vitaled.conf"), re.M)


def test_nothing_is_enabled_and_the_folders_of_anchors_and_revocation_lists_are_empty(prefix):
    for folder in ("anchors/real", "anchors/test", "anchors/simulated", "anchors/feeder/real", "anchors/feeder/test",
                   "anchors/feeder/simulated", "crl"):
        assert os.listdir(os.path.join(prefix, "etc/vitaled", folder)) == []
    assert "WantedBy" not in text(prefix, "lib/systemd/system/vitaled.service")
    assert not any(".wants" in f for f in files(prefix))


def test_no_installed_file_is_writable_for_others_or_setuid(prefix):
    for name in files(prefix):
        assert not os.stat(os.path.join(prefix, name)).st_mode & 0o6022, name
