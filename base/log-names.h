/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The one list of messages of the journal: name and MESSAGE_ID (sd_journal_send(3)), random once and
 * stable ever since (a new one: systemd-id128 new). systemd/vitaled.catalog explains each in English
 * and French: journalctl -x. A test reads every call of the tree and misses none.
 */
#define LOG_NAMES(X)                                                                           \
	X("started", "c494aa306a5a4eb58776a7117d64e707")                                       \
	X("stopped", "630d8fc1345d449ca9cffabce3388f1f")                                       \
	X("configuration", "2a061b642d7d4a05aafdc344a8b3015b")                                 \
	X("dumpable", "fb28655ac403467a8d8ed9d82f4d26c6")                                      \
	X("loop", "d676a06ba3454aa98950b45d4b54d27a")                                          \
	X("tick", "45eefe3e9579485ba673f6853dc84445")                                          \
	X("audit-open", "027b995057fc45b5bf16d6cb7f632e88")                                    \
	X("origin-differs", "90c111a972ff48b3b9449d7266aabf12")                                \
	X("key-differs", "c03d639557ad46babbd1c692c55957c0")                                   \
	X("record-missing", "de13562bcd9f4f648d4eeca1a80a237d")                                \
	X("audit-unavailable", "d25a207c3d484f91a817b1d5d6f59d5f")                             \
	X("record-behind", "bae46e3a39104ab9915c005f6191d4be")                                 \
	X("outbox-stuck", "fe0c9ee2f51f4db6a9d35e9dad9a3e33")                                  \
	X("emergency-opened", "aac9cdc3b0604cbc8c104612f7b6679c")                              \
	X("clock-jump", "c3ce9259257b42429828f50685ee50bb")                                    \
	X("configuration-read", "67a2ead1d4a241ed9192f6143a232221")                            \
	X("asleep", "f8abd6783fd34b84a2381e8f33f7f928")                                        \
	X("sleep-signal", "a84f2eb104084530bf2d2bdfe650cac4")                                  \
	X("clock-unset", "d0b38cd42eb24b54a7a93010237871a5")                                   \
	X("confinement", "386ab0082c1d4520a93e122a9b2b78d9")                                   \
	X("trust-anchors", "ed315c23445c4d94ae8a62ec3843548c")                                 \
	X("rights-load", "8556f7a7a1af4781bf56c91039e4dbe1")                                   \
	X("consent-wordings", "39d29c5dc1de45d4b504fe8d6d332bb0")                              \
	X("leases", "c043822c694642f680269420a20f48c6")                                        \
	X("pins", "f81fcb0af21f4016a08d44ec564b4df2")                                          \
	X("crls", "a50fe7d78df149bea557e9d72ea6c3fe")                                          \
	X("crl-missing", "070425d946cc4e9689080d9ad49b97ff")                                   \
	X("crl-expired", "55918a10d96f4e48996d06e81585d655")                                   \
	X("crl-rejected", "41e5d7e7be4245108ffc592f4dfe8b4a")                                  \
	X("crl-failed", "898e9f8d037e499c8a44005f117960d8")                                    \
	X("revocation-unknown", "13994a81f593423cbb44c5f0ba40a278")                            \
	X("cards-watch", "19c7cfa7a6db4a62a9e126114ba31783")                                   \
	X("dossier-keys", "f220e3f74bd64859baf46b46a3832195")                                  \
	X("sessions", "fc1317bf20c648288a01e0bbd2144450")                                      \
	X("bus-connect", "91293d53bfaa41438b3d2004d3c8b9d8")                                   \
	X("bus-name", "9115a1bd83324385a718d91846fa419d")                                      \
	X("bus-serve", "84d90fe2376d4da78f33598cf952c1c8")                                     \
	X("bus-call", "7c96c2f87c1e4f0c85ff2728387c8249")                                      \
	X("bus-answer", "333513e7702a4b1ca8e9caf012fa7c77")                                    \
	X("bus-ask", "31d51cf1abd743f384ce793aa088c4bf")                                       \
	X("bus-send", "25845f305f8f43babe48f4b5241a3bd7")                                      \
	X("bus-reader", "7662114fce254cb195715b89fc98a78d")                                    \
	X("bus-card", "336842afec5f47a5aca71d182a9995e1")                                      \
	X("bus-session", "8e3b95e0599144b1ac576cb3e083bed8")                                   \
	X("bus-lease", "1baef4f294354b4484b42bac111a5f24")                                     \
	X("bus-handed", "32c657313c184160a94e08e26d3c7e26")                                    \
	X("polkit", "f7b013a411424edea6d1748bd6087246")                                        \
	X("card-absent", "5f0246047ec647edb79ff859e48fbc6d")                                   \
	X("vitale-sim-failed", "a3c17adef6d74acdb24469635850b095")                             \
	X("usb-started", "08081750e4f34f07a073b84766199775")                                   \
	X("usb-stopped", "6f40c1303405431583ab7dc2c3c94729")                                   \
	X("usb-start", "6acb0a52c20f413db8a7a7b8a3f90fac")                                     \
	X("usb-peer", "218bde006e71441bba77f5dc82e319e5")                                      \
	X("reader-taken", "c2b114109bab4b63bfbe214ea3e5fc70")                                  \
	X("reader-left", "f4441f4bbd7741889e3e2a22c26482bd")                                   \
	X("reader-refused", "2d344cd42f5f434d8d96b8c421dd9c6e")                                \
	X("reader-broken", "fc0396ba50ef4c88b8816508e48de83c")                                 \
	X("reader-lied", "328cd90669c940c3a63a5ddb5f00d78e")                                   \
	X("reader-held", "c7e9891566e842a1badd14aa84d4fdf9")                                   \
	X("reader-denied", "67551d13c17349a7be5453c4610228e2")                                 \
	X("reader-failed", "22ce8cc8398d43f79879a931c57f9afc")
