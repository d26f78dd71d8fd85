/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Whether vitaled-usb may open a device: its group by the node's own mode, or by an entry of its list of
 * rights, as 74-vitaled-usb.rules adds one; and whether other users may. Anybody may look; nothing is opened.
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "client/doctor.h"

#define GROUP	 "vitaled-usb"
#define ACL_ROOM 1024U /* bytes: 127 entries */

/* linux/posix_acl_xattr.h, little endian: version, then entries of tag, rights and number */
enum {
	ACL_VERSION = 2,
	ACL_TAG_USER = 0x02,
	ACL_TAG_GROUP = 0x08,
	ACL_TAG_MASK = 0x10,
	ACL_READ_WRITE = 06,
};

static uint16_t get_u16(struct reader *r)
{
	uint16_t low = reader_u8(r);

	return (uint16_t)(low | reader_u8(r) << 8);
}

static uint32_t get_u32(struct reader *r)
{
	uint32_t low = get_u16(r);

	return low | (uint32_t)get_u16(r) << 16;
}

/* Of those entries that @wanted says. */
static bool acl_gives(struct view acl,
	bool (*wanted)(unsigned int tag, uint32_t number, uint32_t of), uint32_t of)
{
	struct reader r = reader_of(acl);
	unsigned int given = 0, mask = ACL_READ_WRITE;

	if (get_u32(&r) != ACL_VERSION) {
		return false;
	}
	while (r.left >= 8) {
		unsigned int tag = get_u16(&r), rights = get_u16(&r);
		uint32_t number = get_u32(&r);

		if (tag == ACL_TAG_MASK) {
			mask = rights;
		} else if (wanted(tag, number, of) &&
			   (given & ACL_READ_WRITE) != ACL_READ_WRITE) {
			given = rights;
		}
	}
	return r.left == 0 && (given & mask & ACL_READ_WRITE) == ACL_READ_WRITE;
}

static bool is_group(unsigned int tag, uint32_t number, uint32_t of)
{
	return tag == ACL_TAG_GROUP && number == of;
}

static bool is_other_user(unsigned int tag, uint32_t number, uint32_t of)
{
	return tag == ACL_TAG_USER && number != of;
}

bool doctor_acl_allows(struct view acl, uint32_t gid)
{
	return acl_gives(acl, is_group, gid);
}

bool doctor_acl_shares(struct view acl)
{
	return acl_gives(acl, is_other_user, 0);
}

/* The number of the group in another tree's group(5). */
static bool gid_in(struct view text, uint32_t *ret)
{
	static const char start[] = GROUP ":x:";

	while (text.len > 0) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t n = end ? (size_t)(end - text.data) : text.len;
		struct reader r = reader_of(view_sub(text, 0, n));

		if (view_equal(reader_take(&r, sizeof(start) - 1), view_str(start))) {
			uint32_t gid = 0;

			for (uint8_t c = reader_u8(&r); c >= '0' && c <= '9' && gid < 1U << 27;
				c = reader_u8(&r)) {
				gid = gid * 10 + (c - '0');
			}
			*ret = gid;
			return true;
		}
		text = view_sub(text, n + 1, text.len);
	}
	return false;
}

static bool group_id(const struct doctor *d, uint32_t *ret)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(DOCTOR_FILE_MAX);

	if (d->root[0] == '\0') {
		const struct group *g = getgrnam(GROUP);

		*ret = g ? g->gr_gid : 0;
		return g != NULL;
	}
	return doctor_read(d, "/etc/group", DOCTOR_FILE_MAX, &text) == 0 &&
	       gid_in(buf_view(&text), ret);
}

int doctor_node(const struct doctor *d, unsigned int bus, unsigned int device, bool *ret_group,
	bool *ret_shared)
{
	char name[64], path[DOCTOR_PATH_MAX];
	uint8_t acl[ACL_ROOM];
	struct stat st;
	uint32_t gid = 0;
	ssize_t n;

	*ret_group = group_id(d, &gid);
	*ret_shared = false;
	(void)snprintf(name, sizeof(name), "/dev/bus/usb/%03u/%03u", bus, device);
	if (!*ret_group || !doctor_path(d, name, path)) {
		return DOCTOR_ABSENT;
	}
	if (stat(path, &st) < 0) {
		return errno == ENOENT ? DOCTOR_ABSENT : DOCTOR_ODD;
	}
	n = getxattr(path, "system.posix_acl_access", acl, sizeof(acl));
	*ret_shared = (st.st_mode & 06) == 06 ||
		      (n > 0 && doctor_acl_shares(view_of(acl, (size_t)n)));
	if ((st.st_mode & 06) == 06 || (st.st_gid == gid && (st.st_mode & 060) == 060)) {
		return 0;
	}
	if (n < 0) {
		return errno == ENODATA ? DOCTOR_DENIED : DOCTOR_ODD;
	}
	return doctor_acl_allows(view_of(acl, (size_t)n), gid) ? 0 : DOCTOR_DENIED;
}
