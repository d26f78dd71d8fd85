# SPDX-License-Identifier: EUPL-1.2
"""What a program under exactly the settings of vitaled.service can do: each attempt, and what it got.

guest.py puts it in the place of the broker by a drop-in; the answers, errno names or values, land as
JSON in the state folder, which is all that may be written. With "-" they go to standard output: in the
place of vitaled-usb, which may write nowhere.
"""
import ctypes
import errno
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
LIBC.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
STATE = "/var/lib/vitaled"
ANSWERS = {}


def attempt(name, what):
    """What the attempt gave: the name of its error, or its value ("done" for none)."""
    try:
        value = what()
        ANSWERS[name] = "done" if value is None else value
    except OSError as e:
        ANSWERS[name] = errno.errorcode.get(e.errno, str(e.errno))


def call(result):
    """A libc call's result; its errno as OSError."""
    if result in (-1, 0xFFFFFFFFFFFFFFFF):
        raise OSError(ctypes.get_errno(), "")
    return "done"


def write(path, text="x"):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read(65536)


def see(path):
    """Look into a folder or a file."""
    if os.path.isdir(path):
        os.listdir(path)
    else:
        with open(path, "rb"):
            pass
    return "there"


def memory_executable_at_once():
    at = LIBC.mmap(None, 4096, 7, 0x22, -1, 0)  # read, write, execute; private, anonymous
    return call(-1 if at in (None, ctypes.c_void_p(-1).value) else 0)


def memory_executable_later():
    at = LIBC.mmap(None, 4096, 3, 0x22, -1, 0)
    return call(LIBC.mprotect(at, 4096, 5))


def ended(argv):
    """How a program ended: its status, or the signal's name."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return signal.Signals(-done.returncode).name if done.returncode < 0 else done.returncode


def setuid_file():
    write(f"{STATE}/probe.suid")
    os.chmod(f"{STATE}/probe.suid", 0o4700)


def executable_in(folder):
    with open(f"{folder}/probe.sh", "w", encoding="ascii") as f:
        f.write("#!/usr/lib/vitaled-probe/python3\n")
    os.chmod(f"{folder}/probe.sh", 0o700)
    return ended([f"{folder}/probe.sh"])


def mode_of_new_file():
    write(f"{STATE}/probe.mode")
    return oct(stat.S_IMODE(os.stat(f"{STATE}/probe.mode").st_mode))


def core_of_a_crash():
    pid = os.fork()
    if pid == 0:
        os.kill(os.getpid(), signal.SIGSEGV)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    return "core" if os.WCOREDUMP(status) else signal.Signals(os.WTERMSIG(status)).name


def ptrace_of_a_child():
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    try:
        return call(LIBC.ptrace(16, pid, None, None))  # PTRACE_ATTACH
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def memory(n):
    """How a child ended that wrote to @n bytes: "done", or the signal's name."""
    pid = os.fork()
    if pid == 0:
        held = bytearray(n)
        held[::4096] = b"x" * len(held[::4096])
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "done"


def forks(n):
    """How many of @n processes could be made at a time."""
    made = []
    try:
        for _ in range(n):
            pid = os.fork()
            if pid == 0:
                signal.pause()
                os._exit(0)
            made.append(pid)
    except OSError:
        pass
    for pid in made:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return len(made)


def foreign_processes():
    """Processes in /proc that are not of this user."""
    return sorted(p for p in os.listdir("/proc") if p.isdigit() and os.stat(f"/proc/{p}").st_uid != os.getuid())


def session_keyring():
    key = LIBC.syscall(250, 0, -3, 0)  # keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, no)
    return call(key) and int(key)


def syscalls():
    """Calls that only a privileged program, a debugger or a loader of code has use for."""
    null = ctypes.c_void_p(None)
    for name, number, *arguments in (
            ("mount", 165, b"none", b"/tmp", b"tmpfs", 0, null), ("umount", 166, b"/tmp", 0),
            ("pivot_root", 155, b"/", b"/"), ("chroot", 161, b"/tmp"),
            ("init_module", 175, null, 0, null), ("delete_module", 176, b"x", 0),
            ("reboot", 169, 0, 0, 0, null), ("swapon", 167, b"/x", 0),
            ("settimeofday", 164, null, null), ("clock_settime", 227, 0, null),
            ("adjtimex", 159, null), ("syslog", 103, 10, null, 0),
            ("sethostname", 170, b"x", 1), ("bpf", 321, 0, null, 0), ("acct", 163, null),
            ("perf_event_open", 298, null, 0, -1, -1, 0), ("process_vm_readv", 310, os.getpid(), null, 0, null, 0, 0),
            ("kexec_load", 246, 0, 0, null, 0), ("iopl", 172, 3), ("ptrace_traceme", 101, 0, 0, 0, 0),
            ("setns", 308, 0, 0), ("unshare_user", 272, 0x10000000), ("unshare_net", 272, 0x40000000),
            ("unshare_mnt", 272, 0x00020000), ("personality", 135, 8), ("setuid", 105, 0), ("setgid", 106, 0),
            ("setpriority", 141, 0, 0, -5), ("sched_setscheduler", 144, 0, 1, null),
            ("mknod", 133, b"/var/lib/vitaled/null", 0o020600, 0x103), ("fanotify_init", 300, 0, 0),
            ("open_by_handle_at", 304, -1, null, 0), ("userfaultfd", 323, 0)):
        attempt("call " + name, lambda: call(LIBC.syscall(number, *arguments)))


def files():
    for path in ("/x", "/etc/x", "/etc/vitaled/vitaled.conf", "/usr/x", "/usr/lib/vitaled/vitaled", "/run/x",
                 "/run/dbus/x", "/run/pcscd/x", "/run/vitaled-syslog/x", "/run/vitaled-usb/x", "/tmp/x", "/var/tmp/x", "/dev/x", "/dev/shm/x", "/sys/x",
                 "/proc/sys/kernel/hostname", "/sys/fs/cgroup/cgroup.procs"):
        attempt("write " + path, lambda: write(path))
    for path in ("/etc/shadow", "/etc/ssh", "/root", "/home/alice", "/run/user", "/boot", "/usr/lib/modules", "/proc/meminfo",
                 "/proc/1", "/proc/net/dev", "/proc/kmsg", "/proc/kcore", "/proc/sys", "/proc/keys", "/dev/kmsg", "/dev/mem",
                 "/dev/rtc0", "/dev/bus/usb", "/var/log", "/var/lib/dpkg", "/etc/vitaled/vitaled.conf",
                 "/run/systemd/timesync/synchronized", "/run/vitaled-syslog"):
        attempt("see " + path, lambda: see(path))
    attempt("read /etc/vitaled/vitaled.conf", lambda: len(read("/etc/vitaled/vitaled.conf")) > 0)
    attempt("write state", lambda: write(f"{STATE}/probe.txt"))
    attempt("devices", lambda: sorted(os.listdir("/dev")))
    attempt("foreign processes", foreign_processes)
    attempt("mode of a new file", mode_of_new_file)
    attempt("setuid file", setuid_file)
    attempt("be spared when memory is short", lambda: write("/proc/self/oom_score_adj", "-1000"))
    attempt("move the revocation lists", lambda: os.rename("/etc/vitaled/crl", "/etc/vitaled/away"))
    attempt("remove the revocation lists", lambda: os.rmdir("/etc/vitaled/crl"))
    attempt("write a revocation list", lambda: write("/etc/vitaled/crl/x.crl"))
    attempt("see the revocation lists", lambda: see("/etc/vitaled/crl"))


def programs():
    attempt("run /usr/bin/true", lambda: ended(["/usr/bin/true"]))
    attempt("run /bin/sh", lambda: ended(["/bin/sh", "-c", "true"]))
    attempt("run a file of the state", lambda: executable_in(STATE))
    attempt("run a copy in /run", lambda: executable_in("/run"))
    attempt("run vitaled-card", lambda: ended(["/usr/lib/vitaled/vitaled-card"]))
    attempt("run 32 bit", lambda: ended(["/usr/lib/vitaled-probe/probe32"]))


def sockets():
    for name in ("AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG", "AF_BLUETOOTH"):
        attempt("socket " + name, lambda: socket.socket(getattr(socket, name), socket.SOCK_RAW if name in (
            "AF_NETLINK", "AF_PACKET") else socket.SOCK_DGRAM).close())
    attempt("socket AF_UNIX", lambda: socket.socket(socket.AF_UNIX).close())
    attempt("connect bus", lambda: socket.socket(socket.AF_UNIX).connect("/run/dbus/system_bus_socket"))
    attempt("connect pcscd", lambda: socket.socket(socket.AF_UNIX).connect("/run/pcscd/pcscd.comm"))
    attempt("connect vitaled-usb", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect(
        "/run/vitaled-usb/socket"))


def limits():
    for name in ("CORE", "MEMLOCK", "NOFILE", "NPROC"):
        attempt("limit " + name, lambda: resource.getrlimit(getattr(resource, "RLIMIT_" + name))[1])
    attempt("core of a crash", core_of_a_crash)
    attempt("forks of 80", lambda: forks(80))
    attempt("memory of 400 MiB", lambda: memory(400 << 20))
    attempt("securebits", lambda: LIBC.prctl(27, 0, 0, 0, 0))  # PR_GET_SECUREBITS
    more = (ctypes.c_ulong * 2)(4096, 4096)
    attempt("open files", lambda: call(LIBC.setrlimit(resource.RLIMIT_NOFILE, more)))


def credentials():
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    for name in ("audit.key", "dossier.key", "pseudonym.key"):
        attempt("credential " + name, lambda: open(f"{folder}/{name}", "rb").read(64).hex())


def main():
    files()
    programs()
    sockets()
    syscalls()
    attempt("memory executable at once", memory_executable_at_once)
    attempt("memory executable later", memory_executable_later)
    attempt("ptrace of a child", ptrace_of_a_child)
    attempt("signal to process 1", lambda: os.kill(1, 0))
    attempt("session keyring", session_keyring)
    limits()
    credentials()
    ANSWERS["status"] = dict(line.split(":\t", 1) for line in read("/proc/self/status").splitlines() if ":\t" in line)
    ANSWERS["uid_map"] = read("/proc/self/uid_map").split()
    ANSWERS["mountinfo"] = read("/proc/self/mountinfo").splitlines()
    ANSWERS["environment"] = sorted(os.environ)
    ANSWERS["boot"] = os.environ.get("VITALED_BOOT_ID", "")
    if sys.argv[1:] == ["-"]:
        json.dump(ANSWERS, sys.stdout)
        return 0
    with open(f"{STATE}/probe.json.new", "w", encoding="utf-8") as f:
        json.dump(ANSWERS, f)
    os.rename(f"{STATE}/probe.json.new", f"{STATE}/probe.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
