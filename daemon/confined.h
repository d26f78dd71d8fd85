/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Whether the sandbox that systemd/vitaled.service asks for is in force: looked at once, at the start,
 * from inside, and told by Manager.Diagnose (finding not-confined, one per directive). systemd leaves a
 * directive out in silence where kernel or container refuse it.
 *
 * That a sandbox is asked for is said by the unit itself (Environment=VITALED_CONFINED=1). A broker
 * that somebody starts by hand has none, and says "all".
 *
 * Not looked at here, but tried by the test of the package (tests/nspawn), whose probe may break things:
 * SystemCallArchitectures, RestrictNamespaces, RestrictRealtime, PrivateMounts, RemoveIPC, ProtectClock,
 * SecureBits; TasksMax, MemoryMax and OOMPolicy where the container has the controllers, else only that
 * systemd knows them. Shown nowhere by themselves: IPAddressDeny (no family of addresses but AF_UNIX, no
 * network), DevicePolicy (no device, no mknod), KeyringMode (a container refuses every call about keys).
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

/* the directives of systemd.exec(5) that can be seen, by what shows them */
#define CONFINED_DIRECTIVES(X)                                                                 \
	X(ALL, "all")				  /* VITALED_CONFINED is not set */            \
	X(NO_NEW_PRIVILEGES, "NoNewPrivileges")	  /* status: NoNewPrivs 1 */                   \
	X(CAPABILITIES, "CapabilityBoundingSet")  /* status: five empty sets */                \
	X(UMASK, "UMask")			  /* status: Umask 0077 */                     \
	X(SYSTEM_CALLS, "SystemCallFilter")	  /* ptrace() of nobody */                     \
	X(MEMORY, "MemoryDenyWriteExecute")	  /* mmap() */                                 \
	X(PERSONALITY, "LockPersonality")	  /* personality(), asking */                  \
	X(SUID, "RestrictSUIDSGID")		  /* fchmod() of nothing */                    \
	X(FAMILIES, "RestrictAddressFamilies")	  /* socket(AF_INET) */                        \
	X(NETWORK, "PrivateNetwork")		  /* no route, no address */                   \
	X(USERS, "PrivateUsers")		  /* uid_map */                                \
	X(IPC, "PrivateIPC")			  /* not the first namespace */                \
	X(HOSTNAME, "ProtectHostname")		  /* not the first namespace */                \
	X(ROOT, "RootDirectory")		  /* mountinfo of / */                         \
	X(EXECUTION, "NoExecPaths")		  /* / is mounted noexec */                    \
	X(SYSTEM, "ProtectSystem")		  /* /, /etc, /usr read-only */                \
	X(TMP, "PrivateTmp")			  /* mountinfo of /tmp */                      \
	X(HOME, "ProtectHome")			  /* /home, /root, /run/user */                \
	X(DEVICES, "PrivateDevices")		  /* what is in /dev */                        \
	X(PROC, "ProtectProc")			  /* no /proc/1 */                             \
	X(PROC_SUBSET, "ProcSubset")		  /* no /proc/meminfo */                       \
	X(TUNABLES, "ProtectKernelTunables")	  /* /sys, /proc/sys */                        \
	X(CONTROL_GROUPS, "ProtectControlGroups") /* /sys/fs/cgroup */                         \
	X(MODULES, "ProtectKernelModules")	  /* /usr/lib/modules */                       \
	X(KERNEL_LOGS, "ProtectKernelLogs")	  /* /dev/kmsg, /proc/kmsg */                  \
	X(CORE, "LimitCORE")			  /* getrlimit() */

enum confined_directive {
#define X(id, word) CONFINED_##id,
	CONFINED_DIRECTIVES(X)
#undef X
	CONFINED_COUNT
};

const char *confined_word(enum confined_directive d); /* as systemd spells it */

/** struct confined_facts - what was seen; texts are empty where a file could not be read. */
struct confined_facts {
	bool asked;	       /* VITALED_CONFINED=1 */
	char status[8192];     /* /proc/self/status */
	char uid_map[256];     /* /proc/self/uid_map */
	char mountinfo[65536]; /* /proc/self/mountinfo */
	char routes[4096];     /* /proc/self/net/route */
	char addresses[4096];  /* /proc/self/net/if_inet6 */
	char ipc[64];	       /* /proc/self/ns/ipc, "ipc:[4026531839]" */
	char uts[64];
	uint64_t core; /* bytes that a core may have, at most */
	/* errno of the attempts, 0: it was allowed */
	int filtered; /* ECANCELED: the attempt was killed */
	int write_execute;
	int personality;
	int suid;
	int inet;
	bool root_noexec;
	bool system_writable; /* any of the three */
	bool homes;	      /* any of the three can be entered */
	bool devices;	      /* more than those that everybody has */
	bool init;	      /* /proc/1 */
	bool meminfo;
	bool tunables; /* writable */
	bool control_groups;
	bool modules;
	bool kernel_logs;
};

/** confined_missing() - pure. Return: 1 << enum confined_directive of each that is not in force;
 *  1 << CONFINED_ALL alone when none was asked for. */
uint32_t confined_missing(const struct confined_facts *f);
/** confined_look() - read the facts; what cannot be read is taken as not in force. Takes a
 *  millisecond, starts (and reaps) one process; nothing but @ret->asked is written when that is false. Return: 0 or a fault. */
int confined_look(struct confined_facts *ret) _must_check_;
/** confined_check() - both. */
int confined_check(uint32_t *ret_missing) _must_check_;
