/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Commands to a simulated card. Head: which card (sim-scene.h) | protocol. A step (records.h):
 * @bytes is the command as it goes over the line; where @kind names a material (sim-card.h), @bytes
 * is the header and what stands before the material in the data, and what depends on keys and
 * challenges is made here. @arg: bit 0 a reset before, bit 1 chained, bit 2 Le behind.
 */
#include <assert.h>
#include <openssl/rsa.h>

#include "base/tlv.h"
#include "drivers/sim/os-card.h"
#include "drivers/sim/transport.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/records.h"
#include "tests/fuzz/sim-card.h"
#include "tests/fuzz/sim-scene.h"

#define HEADER	4U
#define CHUNK	200U
#define COMMAND 1024U
#define STEPS	96U

#define STEP_RESET   1U
#define STEP_CHAINED 2U
#define STEP_LE	     4U

const size_t record_head = 2;

/* -- materials ------------------------------------------------------------------------------------ */

static struct state *peers[2]; /* a professional's card, a patient's */
static uint8_t cryptogram[CRYPTO_RSA];
static struct buf off_curve = {.max = CVC_MAX};
static struct buf other_root = {.max = CVC_MAX};

/* A certificate of the professional's with @from in its body replaced by as many bytes of @to, and
 * signed by @key. */
static void forge(EVP_PKEY *key, struct view from, struct view to, struct buf *out)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(CVC_MAX);
	uint8_t signature[CRYPTO_SIGNATURE];
	struct cvc c;
	size_t at = 0;

	assert(cvc_parse_whole(buf_view(&peers[0]->cvc), &c) == 0);
	while (!view_equal(view_sub(c.body, at, from.len), from)) {
		at++;
		assert(at < c.body.len);
	}
	buf_put_view(&body, view_sub(c.body, 0, at));
	buf_put_view(&body, to);
	buf_put_view(&body, view_sub(c.body, at + from.len, c.body.len));
	assert(crypto_ec_sign(key, buf_view(&body), signature) == 0);
	buf_put_view(out, buf_view(&body));
	tlv_put(out, 0x5F37, VIEW(signature));
	assert(buf_check(out) == 0);
}

/* Called once by sim-scene.c. */
void scene_ready(void)
{
	static const uint8_t zeros[CRYPTO_POINT] = {4};
	_cleanup_(buf_done) struct buf pem = BUF_NULL(8192);
	_cleanup_key_ EVP_PKEY *root = NULL;
	EVP_PKEY_CTX *ctx;
	size_t len = sizeof(cryptogram);
	struct cvc c;

	assert(state_load(SCENE_DIR, "cps3-gp", &peers[0]) == 0);
	assert(state_load(SCENE_DIR, "vitale-family", &peers[1]) == 0);
	assert(files_get(SCENE_DIR "/authorities/simulated/cvc-key.pem", &pem));
	buf_put_u8(&pem, 0);
	assert(crypto_load_private((const char *)pem.data, &root) == 0);
	assert(cvc_parse_whole(buf_view(&peers[0]->cvc), &c) == 0);
	forge(root, c.point, VIEW(zeros), &off_curve);
	forge(root, c.car, VIEW_TEXT("FRVDTSTROOT00001"), &other_root);
	ctx = EVP_PKEY_CTX_new(peers[0]->authentication_key, NULL);
	assert(ctx && EVP_PKEY_encrypt_init(ctx) == 1);
	assert(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1);
	assert(EVP_PKEY_encrypt(ctx, cryptogram, &len, (const uint8_t *)"secret", 6) == 1);
	EVP_PKEY_CTX_free(ctx);
}

struct play {
	struct card *card;
	const struct state *peer;
	struct transport transport;
	struct buf answer;  /* of the last command, without its status word */
	struct buf command; /* being sent */
};

static void put_certificate(const struct play *p, bool good, struct buf *out)
{
	struct tlv whole;

	assert(tlv_find(buf_view(&p->peer->cvc), 0x7F21, &whole) == 0);
	buf_put_view(out, whole.value);
	if (!good && out->len > 0) {
		out->data[out->len - 1] ^= 1;
	}
}

static void put_proof(const struct play *p, struct buf *out)
{
	_cleanup_(buf_done) struct buf message = BUF_NULL(512);
	uint8_t signature[CRYPTO_SIGNATURE];

	buf_put_view(&message, buf_view(&p->answer));
	buf_put_view(&message, view_last(VIEW(p->card->serial), 8));
	if (buf_check(&message) == 0 &&
		crypto_ec_sign(p->peer->card_key, buf_view(&message), signature) == 0) {
		buf_put_view(out, VIEW(signature));
	}
}

static void put_material(const struct play *p, uint8_t kind, struct buf *out)
{
	struct cvc c;

	if (cvc_parse_whole(buf_view(&p->peer->cvc), &c) != 0) {
		return;
	}
	switch ((enum material)(kind % MATERIALS)) {
	case RAW:
	case MATERIALS:
		break;
	case ROOT_NAME:
		tlv_put(out, 0x83, c.car);
		break;
	case CERTIFICATE:
		put_certificate(p, true, out);
		break;
	case PEER_NAME:
		tlv_put(out, 0x83, c.chr);
		break;
	case PROOF:
		put_proof(p, out);
		break;
	case CRYPTOGRAM:
		buf_put_view(out, VIEW(cryptogram));
		break;
	case STRANGER:
		put_certificate(p, false, out);
		break;
	case OTHER_ROOT:
		buf_put_view(out, buf_view(&other_root));
		break;
	case OFF_CURVE:
		buf_put_view(out, buf_view(&off_curve));
		break;
	}
}

/* -- sending -------------------------------------------------------------------------------------- */

static void send(struct play *p)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(TRANSPORT_ANSWER_MAX);
	size_t before = p->card->n_files;

	(void)transport_exchange(&p->transport, p->card, buf_view(&p->command), &out);
	assert(out.failed || out.len >= 2);
	assert(p->card->n_files == before);
	assert(p->card->state->pin.tries <= p->card->state->pin.max);
	assert(p->card->state->puk.tries <= p->card->state->puk.max);
	buf_reset(&p->answer);
	buf_put_view(&p->answer, view_sub(buf_view(&out), 0, out.len < 2 ? 0 : out.len - 2));
	buf_reset(&p->command);
}

static void send_data(struct play *p, struct view header, bool more, struct view data, bool le)
{
	struct reader r = reader_of(header);

	buf_put_u8(&p->command, (uint8_t)(reader_u8(&r) | (more ? 0x10 : 0)));
	buf_put_view(&p->command, reader_take(&r, HEADER - 1));
	buf_put_u8(&p->command, (uint8_t)data.len);
	buf_put_view(&p->command, data);
	if (le && !more) {
		buf_put_u8(&p->command, 0);
	}
	send(p);
}

static void step(struct play *p, const struct record *one)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(COMMAND);
	struct view header = view_sub(one->bytes, 0, HEADER);
	struct view left;

	if (one->arg & STEP_RESET) {
		card_reset(p->card);
		transport_reset(&p->transport, p->transport.protocol, 32);
	}
	if (one->kind % MATERIALS == RAW || header.len < HEADER) {
		buf_put_view(&p->command, one->bytes);
		send(p);
		return;
	}
	buf_put_view(&data, view_sub(one->bytes, HEADER, COMMAND));
	put_material(p, one->kind, &data);
	left = buf_view(&data);
	while ((one->arg & STEP_CHAINED) && left.len > CHUNK) {
		send_data(p, header, true, view_sub(left, 0, CHUNK), false);
		left = view_sub(left, CHUNK, left.len);
	}
	send_data(p, header, false, view_sub(left, 0, 255), one->arg & STEP_LE);
}

void target_run(struct view in)
{
	struct reader r = reader_of(in);
	const char *name = scene_names[reader_u8(&r) % SCENE_CARDS];
	struct play p = {.answer = BUF_NULL(512), .command = BUF_NULL(COMMAND)};
	unsigned protocol = reader_u8(&r) & 1U;
	struct state *state;
	struct record one;

	if (state_load(SCENE_DIR, name, &state) == 0 && card_new(state, &p.card) == 0) {
		p.peer = peers[profile_is_cps(p.card->state->profile)];
		transport_init(&p.transport);
		transport_reset(&p.transport, protocol, 32);
		for (size_t i = 0; i < STEPS && record_next(&r, &one); i++) {
			step(&p, &one);
		}
		transport_done(&p.transport);
	}
	card_free(p.card);
	buf_done(&p.answer);
	buf_done(&p.command);
	files_reset();
}
