/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/group_record.h"

#include <errno.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"

#define VERSION 1
#define SEED_MAX 128
#define FLAGS_KNOWN (GROUP_COMPRESSED | GROUP_SHORT)

void group_record_write(struct buffer *b, const struct group_record *r)
{
    CHECK(r->account.size <= GROUP_NAME_MAX && r->name.size <= GROUP_NAME_MAX);
    CHECK(r->seed.size <= SEED_MAX && (r->flags & ~FLAGS_KNOWN) == 0);
    buffer_u8(b, VERSION);
    buffer_u8(b, r->form);
    buffer_u8(b, r->sync);
    buffer_u8(b, r->flags);
    buffer_u64(b, r->incarnation);
    buffer_bytes(b, r->account);
    buffer_bytes(b, r->name);
    buffer_bytes(b, r->seed);
}

int group_record_read(struct bytes body, struct group_record *ret)
{
    struct cursor c = cursor_of(body);
    if (cursor_u8(&c) != VERSION)
        return c.bad ? -EBADMSG : -ENOTSUP;
    struct group_record r = {.form = cursor_u8(&c), .sync = cursor_u8(&c)};
    r.flags = cursor_u8(&c);
    r.incarnation = cursor_u64(&c);
    r.account = cursor_bytes(&c);
    r.name = cursor_bytes(&c);
    r.seed = cursor_bytes(&c);
    if (!cursor_is_at_end(&c) || r.form > 1 || r.sync > 2 || r.account.size > GROUP_NAME_MAX ||
        r.name.size > GROUP_NAME_MAX || r.seed.size > SEED_MAX)
        return -EBADMSG;
    if ((r.flags & ~FLAGS_KNOWN) != 0)
        return -ENOTSUP;
    *ret = r;
    return 0;
}
