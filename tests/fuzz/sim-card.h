/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once

/* What a step of fuzz-sim-card.c puts behind its bytes (struct record's kind). */

enum material {
	RAW,	     /* nothing: the bytes are the whole command */
	ROOT_NAME,   /* 83 */
	CERTIFICATE, /* the other card's, as PSO VERIFY CERTIFICATE takes it */
	PEER_NAME,   /* 83 */
	PROOF,	     /* the other card's signature over the last answer and our serial */
	CRYPTOGRAM,  /* of "secret", under the RSA key */
	STRANGER,    /* a certificate whose signature is false */
	OTHER_ROOT,  /* one that says it is of another root */
	OFF_CURVE,   /* one that the root has signed, with a point that is none */
	MATERIALS,
};
