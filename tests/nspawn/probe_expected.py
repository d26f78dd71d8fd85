# SPDX-License-Identifier: EUPL-1.2
"""What probe.py must get under vitaled.service, and under vitaled-usb.service (USB): {test: {attempt: answer, or
several that are as good}}.

Each group is one test of guest.py; the comments name the directives that it shows.
"""
GONE = ("ENOENT", "EACCES", "ENOTDIR")  # not there, or not for us
SEALED = ("EROFS", "ENOENT", "EACCES", "ENOTDIR", "EPERM")
REFUSED = ("EPERM", "EACCES")

EXPECTED = {
    # ProtectSystem, RootDirectory, BindReadOnlyPaths, ReadOnlyPaths, InaccessiblePaths, TemporaryFileSystem, PrivateTmp,
    # ProtectKernelTunables, ProtectControlGroups, StateDirectory
    "from_inside_only_the_state_can_be_written": {
        **{"write " + path: SEALED for path in (
            "/x", "/etc/x", "/etc/vitaled/vitaled.conf", "/usr/x", "/usr/lib/vitaled/vitaled", "/run/x", "/run/dbus/x",
            "/run/pcscd/x", "/run/vitaled-syslog/x", "/run/vitaled-usb/x", "/tmp/x", "/var/tmp/x", "/dev/x", "/dev/shm/x", "/sys/x",
            "/proc/sys/kernel/hostname", "/sys/fs/cgroup/cgroup.procs")},
        "write state": "done",
        # the folder that a job of root's writes to: nothing can be put in its place
        "move the revocation lists": "EROFS", "remove the revocation lists": "EROFS", "write a revocation list": "EROFS",
        "see the revocation lists": "there",
    },
    # RootDirectory, ProtectHome, ProcSubset, ProtectProc, PrivateDevices, ProtectKernelLogs, ProtectKernelModules
    "from_inside_the_rest_of_the_machine_is_not_there": {
        **{"see " + path: GONE for path in (
            "/etc/shadow", "/etc/ssh", "/root", "/home/alice", "/boot", "/proc/meminfo", "/proc/1", "/proc/net/dev",
            "/proc/kmsg", "/proc/kcore", "/proc/sys", "/proc/keys", "/dev/kmsg", "/dev/mem", "/dev/rtc0", "/dev/bus/usb",
            "/var/log", "/var/lib/dpkg", "/run/user", "/usr/lib/modules")},
        "see /etc/vitaled/vitaled.conf": "there", "see /run/systemd/timesync/synchronized": "there",
        "see /run/vitaled-syslog": "there",
        "read /etc/vitaled/vitaled.conf": True, "foreign processes": [],
    },
    # PrivateNetwork, RestrictAddressFamilies, IPAddressDeny
    "from_inside_there_is_no_network_but_bus_pcscd_and_vitaled_usb": {
        **{"socket " + name: "EAFNOSUPPORT" for name in (
            "AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG", "AF_BLUETOOTH")},
        "socket AF_UNIX": "done", "connect bus": "done", "connect pcscd": "done", "connect vitaled-usb": "done",
    },
    # NoExecPaths, ExecPaths
    "from_inside_no_program_can_be_run_but_our_own": {
        "run /usr/bin/true": "EACCES", "run /bin/sh": GONE, "run a file of the state": "EACCES", "run a copy in /run": SEALED,
        "run vitaled-card": 3,  # it ran, and had no parent to talk to
    },
    # MemoryDenyWriteExecute
    "from_inside_no_memory_becomes_code": {
        "memory executable at once": "EPERM", "memory executable later": "EPERM",
    },
    # LimitCORE, SystemCallFilter without @debug, PrivateUsers
    "from_inside_nothing_is_traced_dumped_or_signalled": {
        "core of a crash": "SIGSEGV", "limit CORE": 0, "ptrace of a child": "EPERM", "call ptrace_traceme": "EPERM",
        "call process_vm_readv": "EPERM", "call perf_event_open": "EPERM", "signal to process 1": ("EPERM", "ESRCH"),
    },
    # SystemCallFilter, RestrictNamespaces, RestrictRealtime, LockPersonality, ProtectClock, ProtectHostname,
    # ProtectKernelModules, ProtectKernelLogs, CapabilityBoundingSet, PrivateDevices
    "from_inside_every_call_of_the_privileged_is_refused": {
        **{"call " + name: "EPERM" for name in (
            "mount", "umount", "pivot_root", "chroot", "init_module", "delete_module", "reboot", "swapon", "settimeofday",
            "clock_settime", "adjtimex", "syslog", "sethostname", "bpf", "acct", "kexec_load", "iopl", "setns", "unshare_user",
            "unshare_net", "unshare_mnt", "personality", "setuid", "setgid", "setpriority", "sched_setscheduler", "mknod",
            "fanotify_init", "open_by_handle_at", "userfaultfd")},
    },
    # UMask, RestrictSUIDSGID
    "from_inside_new_files_are_private_and_never_setuid": {
        "mode of a new file": "0o600", "setuid file": "EPERM",
    },
    # SecureBits (both locked), CapabilityBoundingSet
    "from_inside_root_s_number_would_give_no_right": {
        "securebits": 1 << 1 | 1 << 3, "be spared when memory is short": "EACCES",
    },
    # LimitMEMLOCK, LimitNOFILE, LimitNPROC, TasksMax (each by itself: guest.py); NOFILE cannot be raised again
    "from_inside_the_limits_hold": {
        "forks of 80": (62, 63),
        "limit MEMLOCK": 1 << 20, "limit NOFILE": 1024, "limit NPROC": 64, "open files": ("EPERM", "EINVAL"),
    },
    # LoadCredential without a file of the site: no credential, and no failure
    "from_inside_there_is_no_credential_where_the_site_gave_none": {
        "credential audit.key": "ENOENT", "credential dossier.key": "ENOENT", "credential pseudonym.key": "ENOENT",
    },
}

CALLS = "from_inside_every_call_of_the_privileged_is_refused"
MEMORY = "from_inside_no_memory_becomes_code"
TRACED = "from_inside_nothing_is_traced_dumped_or_signalled"
NUMBERS = "from_inside_root_s_number_would_give_no_right"

USB = {
    # ProtectSystem, RootDirectory, ReadOnlyPaths, InaccessiblePaths, TemporaryFileSystem; no StateDirectory
    "in_place_of_vitaled_usb_nothing_can_be_written": {
        **{"write " + path: SEALED for path in (
            "/x", "/etc/x", "/etc/vitaled/vitaled.conf", "/usr/x", "/usr/lib/vitaled/vitaled", "/run/x", "/run/dbus/x",
            "/run/pcscd/x", "/run/vitaled-syslog/x", "/run/vitaled-usb/x", "/tmp/x", "/var/tmp/x", "/dev/x", "/dev/shm/x",
            "/sys/x", "/proc/sys/kernel/hostname", "/sys/fs/cgroup/cgroup.procs")},
        "write state": SEALED, "write a revocation list": SEALED, "setuid file": SEALED, "mode of a new file": SEALED,
    },
    # RootDirectory, ProtectHome, ProcSubset, ProtectProc, ProtectKernelLogs; nothing of the broker's is bound
    "in_place_of_vitaled_usb_the_rest_of_the_machine_is_not_there": {
        **{"see " + path: GONE for path in (
            "/etc/shadow", "/etc/ssh", "/root", "/home/alice", "/boot", "/proc/meminfo", "/proc/1", "/proc/net/dev",
            "/proc/kmsg", "/proc/kcore", "/proc/sys", "/proc/keys", "/var/log", "/var/lib/dpkg", "/run/user",
            "/usr/lib/modules", "/etc/vitaled/vitaled.conf", "/run/systemd/timesync/synchronized")},
        "foreign processes": [],
    },
    # RestrictAddressFamilies, RootDirectory
    "in_place_of_vitaled_usb_there_is_no_network_but_netlink": {
        **{"socket " + name: "EAFNOSUPPORT" for name in (
            "AF_INET", "AF_INET6", "AF_PACKET", "AF_VSOCK", "AF_ALG", "AF_BLUETOOTH")},
        "socket AF_UNIX": "done", "socket AF_NETLINK": "done", "connect bus": GONE, "connect pcscd": GONE,
        "connect vitaled-usb": GONE,
    },
    # NoExecPaths, ExecPaths
    "in_place_of_vitaled_usb_no_program_can_be_run_but_our_own": {
        "run /usr/bin/true": "EACCES", "run /bin/sh": GONE, "run a file of the state": SEALED, "run a copy in /run": SEALED,
    },
    "in_place_of_vitaled_usb_no_memory_becomes_code": EXPECTED[MEMORY],
    "in_place_of_vitaled_usb_nothing_is_traced_dumped_or_signalled": EXPECTED[TRACED],
    # mknod: where it would, nothing can be written
    "in_place_of_vitaled_usb_every_call_of_the_privileged_is_refused": {
        **EXPECTED[CALLS], "call mknod": ("EPERM", "EROFS")},
    "in_place_of_vitaled_usb_root_s_number_would_give_no_right": EXPECTED[NUMBERS],
    # LimitMEMLOCK, LimitNOFILE, LimitNPROC, TasksMax
    "in_place_of_vitaled_usb_the_limits_hold": {
        "forks of 80": (46, 47), "limit MEMLOCK": 1 << 20, "limit NOFILE": 512, "limit NPROC": 48,
        "open files": ("EPERM", "EINVAL"),
    },
}
