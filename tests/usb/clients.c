/* SPDX-License-Identifier: EUPL-1.2 */
/* The testbed gives no access to a client's socket: it is the one that nobody has found before. */
#include "tests/usb/clients.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FILES_MAX 1024

/** struct connection - a socket; its number may be another file's later, with another inode. */
struct connection {
	int fd;
	guint64 inode;
};

static GHashTable *found; /* inodes of all connections that were taken */

/* Whether it is one of those of @node, and not the socket that takes them. */
static bool is_connection(int fd, const char *node)
{
	struct sockaddr_un name = {0};
	socklen_t size = sizeof(name);
	socklen_t room = sizeof(int);
	int listens = 1;

	return getsockname(fd, (struct sockaddr *)(void *)&name, &size) == 0 &&
	       name.sun_family == AF_UNIX && g_str_has_suffix(name.sun_path, node) &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &room) == 0 && !listens;
}

static guint64 inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) ? st.st_ino : 0;
}

void client_came(UMockdevIoctlClient *c)
{
	struct connection *one = g_new0(struct connection, 1);
	const char *node = umockdev_ioctl_client_get_devnode(c);

	if (!found)
		found = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	for (int fd = 0; fd < FILES_MAX && one->inode == 0; fd++) {
		guint64 inode = inode_of(fd);

		if (inode != 0 && is_connection(fd, node) &&
			!g_hash_table_contains(found, &inode))
			*one = (struct connection){.fd = fd, .inode = inode};
	}
	if (one->inode == 0)
		g_error("a client without a connection");
	g_hash_table_add(found, g_memdup2(&one->inode, sizeof(one->inode)));
	g_object_set_data_full(G_OBJECT(c), "connection", one, g_free);
}

bool client_lives(UMockdevIoctlClient *c)
{
	const struct connection *one = g_object_get_data(G_OBJECT(c), "connection");
	struct pollfd p = {.fd = one->fd};

	return umockdev_ioctl_client_get_connected(c) && inode_of(one->fd) == one->inode &&
	       poll(&p, 1, 0) == 0; /* no POLLHUP */
}
