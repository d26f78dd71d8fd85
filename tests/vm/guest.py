# SPDX-License-Identifier: EUPL-1.2
"""A Debian guest under QEMU with systemd, udev and pcscd, whose USB devices are usb_reader.py's.

The folder @cache keeps what is slow to make, each under a name that tells what went into it: the kernel
of Debian (uncompressed: that spares its own unpacking 8 s), the packages, the disk. The disk is never
written to. No KVM: the guest is emulated and needs none of the host's hardware.

What stands in the guest besides Debian's packages: all that `meson install` installs and what a package's
scripts do then (users, the socket of vitaled-usb enabled, the database of names), a user `alice` and a user
`bob`, and `agent`, a shell that runs what comes over a virtio port.
"""
import base64
import glob
import hashlib
import lzma
import os
import shutil
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PACKAGES = ("systemd-sysv,libpam-systemd,dbus,udev,kmod,pcscd,libccid,opensc,usbutils,acl,libdbus-1-3,libjansson4,"
            "libarchive13,libssl3,libsystemd0,libpcsclite1,libqrencode4,polkitd,procps,libinih1,libseccomp2,"
            "libsqlite3-0,libusb-1.0-0")
EARLY = ["virtio_pci", "virtio_blk", "ext4", "crc32c_generic", "virtio_console"]  # the initramfs loads these
LATE = ["xhci-pci", "virtio_rng", "loop"]  # udev loads these, and mount the last
BOOT_SECONDS, COMMAND_SECONDS = 300, 120  # limits, not expectations: other work may share the machine

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
for m in /modules/*.ko; do insmod $m; done
n=0; while [ ! -b /dev/vda ] && [ $n -lt 300 ]; do sleep 0.1; n=$((n+1)); done
mount -t ext4 -o rw,noatime /dev/vda /newroot || exec sh
for d in dev proc sys; do mount --move /$d /newroot/$d; done
exec switch_root /newroot /sbin/init
"""
AGENT = """#!/bin/bash
# what the host writes, a line of base64, is run; its status and output go back, a line too
exec 3<> /dev/virtio-ports/agent
echo ready >&3
while read -r line <&3; do
	out=$(timeout %d bash -c "$(base64 -d <<< "$line")" 2>&1 3>&-)
	status=$?
	echo "$status $(base64 -w0 <<< "$out")" >&3
done
""" % COMMAND_SECONDS
UNITS = {
    "agent.service": """[Unit]
DefaultDependencies=no
Requires=dev-virtio\\x2dports-agent.device
After=dev-virtio\\x2dports-agent.device basic.target systemd-logind.service
[Service]
ExecStart=/usr/local/bin/agent
KillMode=process
""",
    "vm.target": """[Unit]
Requires=basic.target
Wants=agent.service systemd-logind.service
AllowIsolate=yes
""",
}
MASKED = [name + ".service" for name in (
    "systemd-pcrphase", "systemd-pcrphase-sysinit", "systemd-random-seed", "systemd-journal-catalog-update",
    "systemd-update-utmp", "systemd-machine-id-commit", "systemd-firstboot", "systemd-hwdb-update",
    "systemd-journal-flush", "ldconfig", "systemd-update-done")] + ["timers.target"]


def run(*command, **options):
    """@command's output; an error with all that it said when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def kept(folder, name, make):
    """@folder/@name; @make(path) makes it where it is missing. What was interrupted is not found as made."""
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        stem = name.split("-")[0]
        for old in glob.glob(os.path.join(folder, f"{stem}-*")):  # made of something else, or in part
            shutil.rmtree(old) if os.path.isdir(old) else os.unlink(old)
        make(path + ".part")
        os.rename(path + ".part", path)
    return path


def digest(*parts):
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "big") + part)
    return state.hexdigest()[:12]


def content(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def make_kernel(path):
    """Debian's kernel, unpacked: linux-image-amd64 depends on the newest."""
    package = next(line.split()[-1] for line in run("apt-cache", "depends", "linux-image-amd64").splitlines()
                   if "Depends: linux-image-" in line)
    os.makedirs(path, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kernel-", dir=os.path.dirname(path)) as folder:
        run("apt-get", "download", "-q", package, cwd=folder)
        run("dpkg-deb", "-x", glob.glob(f"{folder}/*.deb")[0], path)
    version = package.removeprefix("linux-image-")
    run("depmod", "-b", path, version)
    image = content(f"{path}/boot/vmlinuz-{version}")
    with open(f"{path}/vmlinux", "wb") as f:
        f.write(lzma.LZMADecompressor().decompress(image[image.find(b"\xfd7zXZ\0"):]))
    write(f"{path}/version", version)


def modules(kernel, names):
    """Files of the modules @names and of all that they need, in the order in which they load."""
    version, found = content(f"{kernel}/version").decode(), []
    for name in names:
        for line in run("modprobe", "-S", version, "-d", kernel, "--show-depends", name).splitlines():
            word = line.split()
            if word[0] == "insmod" and word[1] not in found:
                found.append(word[1])
    return found


def make_initramfs(path, kernel):
    with tempfile.TemporaryDirectory() as top:
        for name in ("bin", "dev", "proc", "sys", "newroot", "modules"):
            os.mkdir(f"{top}/{name}")
        shutil.copy("/bin/busybox", f"{top}/bin")
        for n, file in enumerate(modules(kernel, EARLY)):
            shutil.copy(file, f"{top}/modules/{n:02}-{os.path.basename(file)}")
        write(f"{top}/init", INIT, 0o755)
        run("sh", "-c", f"find . | cpio -o -H newc --quiet > {os.path.abspath(path)}", cwd=top)


def make_packages(path):
    run("mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", "--quiet", "bookworm", path)


def make_disk(path, packages, kernel, payload):
    """Packages, modules and @payload ({path in the guest: (bytes, mode)}; None: a folder) as one ext4 image."""
    version = content(f"{kernel}/version").decode()
    with tempfile.TemporaryDirectory(prefix="disk-", dir=os.path.dirname(path)) as stage:
        run("cp", "-a", f"{packages}/.", stage)
        for file in modules(kernel, LATE):
            copy = os.path.join(stage, os.path.relpath(file, kernel))
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy(file, copy)
        for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
            shutil.copy(f"{kernel}/lib/modules/{version}/{name}", f"{stage}/lib/modules/{version}/")
        run("depmod", "-b", stage, version)
        for name, (data, mode) in payload.items():
            if data is None:
                os.makedirs(os.path.join(stage, name), exist_ok=True)
                continue
            os.makedirs(os.path.dirname(os.path.join(stage, name)), exist_ok=True)
            with open(os.path.join(stage, name), "wb") as f:
                f.write(data)
            os.chmod(os.path.join(stage, name), mode)
        run("systemd-sysusers", f"--root={stage}")
        run("systemctl", f"--root={stage}", "enable", "vitaled-usb.socket")
        run("systemd-hwdb", f"--root={stage}", "--usr", "update")
        for user, number in (("alice", 1000), ("bob", 1001)):
            run("chroot", stage, "useradd", "-m", "-u", str(number), "-s", "/bin/bash", user)
        for name in MASKED:
            os.symlink("/dev/null", f"{stage}/etc/systemd/system/{name}")
        write(f"{stage}/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        with open(path, "wb") as f:
            f.truncate(1 << 30)
        run("mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal,^metadata_csum", "-d", stage, path)


def payload(build):
    """Our own files, by their places in the guest."""
    found = {f"etc/systemd/system/{name}": (text.encode(), 0o644) for name, text in UNITS.items()}
    found["usr/local/bin/agent"] = (AGENT.encode(), 0o755)
    with tempfile.TemporaryDirectory(prefix="install-") as top:
        run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", top)
        if not os.path.exists(f"{top}/usr/bin/vitalectl"):
            raise RuntimeError(f"{build}: its prefix is not /usr")
        for folder, folders, names in os.walk(top):
            place = os.path.relpath(folder, top)
            if not folders and not names:
                found[place] = (None, 0)
            for name in names:
                path = os.path.join(folder, name)
                found[os.path.join(place, name)] = (content(path), os.stat(path).st_mode & 0o777)
    return found


class Guest:
    """A running guest; @sockets usb-redir devices wait for their readers at redir(n)."""

    def __init__(self, cache, build, sockets):
        os.makedirs(cache, exist_ok=True)
        begun = time.monotonic()
        kernel = kept(cache, "kernel-1", make_kernel)
        packages = kept(cache, f"packages-{digest(PACKAGES.encode())}", make_packages)
        initramfs = kept(cache, f"initramfs-{digest(INIT.encode(), content(kernel + '/version'))}",
                         lambda path: make_initramfs(path, kernel))
        ours = payload(build)
        key = digest(content(__file__), packages.encode(), content(kernel + "/version"),
                     *[part for name in sorted(ours) for part in (name.encode(), ours[name][0] or b"")])
        disk = kept(cache, f"disk-{key}", lambda path: make_disk(path, packages, kernel, ours))
        self.prepared = time.monotonic() - begun
        self.folder = tempfile.mkdtemp(prefix="vitaled-vm.")
        self.qemu = None
        try:
            self.boot(kernel, initramfs, disk, sockets)
        except BaseException:
            self.close()
            raise

    def redir(self, number):
        return f"{self.folder}/redir{number}"

    def boot(self, kernel, initramfs, disk, sockets):
        begun = time.monotonic()
        command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "768",
                   "-M", "q35", "-nodefaults", "-no-user-config", "-vga", "none", "-display", "none", "-no-reboot",
                   "-serial", f"file:{self.folder}/console", "-snapshot", "-kernel", f"{kernel}/vmlinux",
                   "-initrd", initramfs, "-drive", f"file={disk},if=virtio,format=raw",
                   "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
                   "-chardev", f"socket,id=agent,path={self.folder}/agent,server=on,wait=off",
                   "-device", "virtserialport,chardev=agent,name=agent", "-device", "qemu-xhci,p2=12,p3=2",
                   # no_timer_check: on a busy host the emulated timer misses the kernel's test of it
                   "-append", "console=ttyS0 quiet panic=-1 mitigations=off nokaslr audit=0 no_timer_check "
                   "systemd.unit=vm.target systemd.show_status=0 systemd.journald.forward_to_console=0"]
        for n in range(sockets):
            command += ["-chardev", f"socket,id=redir{n},path={self.redir(n)},server=on,wait=off",
                        "-device", f"usb-redir,chardev=redir{n},port={n + 1}"]
        self.qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, env=dict(os.environ, TMPDIR=self.folder))
        end = time.monotonic() + 30
        self.port = socket.socket(socket.AF_UNIX)
        while self.port.connect_ex(f"{self.folder}/agent"):
            if time.monotonic() > end or self.qemu.poll() is not None:
                raise RuntimeError(f"QEMU did not start\n{self.said()}")
            time.sleep(0.05)
        self.lines = self.port.makefile("rb")
        if self.line(BOOT_SECONDS) != b"ready\n":
            raise RuntimeError(f"the guest ended, or was not ready after {BOOT_SECONDS} s\n{self.said()}")
        self.booted = time.monotonic() - begun

    def line(self, seconds):
        self.port.settimeout(seconds)
        try:
            return self.lines.readline()
        except OSError:
            return b""

    def said(self):
        """The tail of the console, and what QEMU said where it has ended."""
        console = f"{self.folder}/console"
        tail = content(console).decode("utf-8", "replace").splitlines()[-40:] if os.path.exists(console) else []
        if self.qemu.poll() is not None:
            tail.append(f"QEMU: status {self.qemu.returncode}, {self.qemu.stdout.read().decode()}")
        return "\n".join(tail)

    def shell(self, command):
        """(status, output) of a shell command as root in the guest."""
        self.port.sendall(base64.b64encode(command.encode()) + b"\n")
        line = self.line(COMMAND_SECONDS + 60)
        if not line.endswith(b"\n"):
            raise RuntimeError(f"the guest is silent at: {command}\n{self.said()}")
        status, _, text = line.partition(b" ")
        return int(status), base64.b64decode(text).decode("utf-8", "replace").rstrip("\n")

    def says(self, command):
        """Output of a command that has to succeed."""
        status, text = self.shell(command)
        assert status == 0, f"{command}: status {status}\n{text}"
        return text

    def until(self, command, wanted, seconds=COMMAND_SECONDS):
        """Repeats @command until @wanted(output) is true; its last output. Fails after @seconds."""
        end = time.monotonic() + seconds
        while True:
            text = self.shell(command)[1]
            if wanted(text):
                return text
            assert time.monotonic() < end, f"after {seconds} s, {command}:\n{text}"

    def put(self, path, data):
        """@data as the file @path, root's, that all may read."""
        text = base64.b64encode(data).decode()
        self.says(f"mkdir -p {os.path.dirname(path)} && base64 -d <<< '{text}' > {path} && chmod 644 {path}")

    def close(self):
        if self.qemu:
            self.qemu.kill()
            self.qemu.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
