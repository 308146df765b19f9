/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the body of an entry of a stream (the first byte says which), as rules, as headers:
 * what is read is written again as it was. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/format/message.h"
#include "store/format/stream_entry.h"
#include "store/group/dedup.h"
#include "store/group/publish_headers.h"
#include "store/group/rules.h"
#include "store/group/ttl_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool again_config(struct bytes body, struct buffer *b)
{
    struct stream_config c;
    if (stream_config_read(body, &c) != 0)
        return false;
    stream_config_write(b, &c);
    return true;
}

static bool again_delete(struct bytes body, struct buffer *b)
{
    struct stream_delete d;
    if (stream_delete_read(body, &d) != 0)
        return false;
    static uint64_t seqs[STREAM_DELETE_MAX];
    for (uint32_t i = 0; i < d.count; i++)
        seqs[i] = stream_delete_seq(&d, i);
    stream_delete_write(b, seqs, d.count, d.erase);
    return true;
}

static bool again_purge(struct bytes body, struct buffer *b)
{
    struct stream_purge p;
    if (stream_purge_read(body, &p) != 0)
        return false;
    stream_purge_write(b, &p);
    return true;
}

static bool again_skip(struct bytes body, struct buffer *b)
{
    struct stream_skip s;
    if (stream_skip_read(body, &s) != 0)
        return false;
    stream_skip_write(b, &s);
    return true;
}

static bool again_source(struct bytes body, struct buffer *b)
{
    struct stream_source s;
    if (stream_source_read(body, &s) != 0)
        return false;
    stream_source_write(b, &s);
    return true;
}

static bool again_rules(struct bytes body, struct buffer *b)
{
    struct stream_rules r;
    if (stream_rules_read(body, &r) != 0)
        return false;
    stream_rules_write(b, &r);
    stream_rules_done(&r);
    return true;
}

static bool again_version(struct bytes body, struct buffer *b)
{
    uint32_t version;
    if (stream_rules_version_read(body, &version) != 0)
        return false;
    stream_rules_version_write(b, version);
    return true;
}

/* Tables have no canonical numbers: what was read is read from what it writes. */
static void check_tables(struct bytes body)
{
    struct dedup d;
    struct dedup d_again;
    struct ttl_table t = {0};
    struct buffer b = {0};
    dedup_init(&d, 1);
    dedup_init(&d_again, 2);
    struct cursor c = cursor_of(body);
    if (dedup_read(&d, &c) == 0) {
        dedup_check(&d);
        dedup_write(&d, &b);
        c = cursor_of(buffer_view(&b));
        CHECK(dedup_read(&d_again, &c) == 0 && d_again.hash == d.hash);
    }
    c = cursor_of(body);
    if (ttl_table_read(&t, &c) == 0)
        ttl_table_check(&t);
    ttl_table_done(&t);
    dedup_done(&d);
    dedup_done(&d_again);
    buffer_done(&b);
}

static void check_headers(struct bytes headers)
{
    struct publish_headers h;
    struct publish_headers after;
    struct buffer b = {0};
    int64_t seconds;
    publish_headers_read(headers, &h);
    for (int i = 0; i < PUBLISH_HEADERS; i++)
        CHECK(h.values[i].size == 0 ||
              (h.values[i].at >= headers.at &&
               h.values[i].at + h.values[i].size <= headers.at + headers.size));
    if (publish_header_ttl(h.values[HEADER_TTL], &seconds) == 0)
        CHECK(seconds >= TTL_SECONDS_NEVER);
    publish_headers_with_ttl(&b, headers, 77);
    publish_headers_read(buffer_view(&b), &after);
    CHECK(bytes_are(after.values[HEADER_TTL], "77"));
    buffer_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool (*const kinds[])(struct bytes body, struct buffer * b) = {
        again_config, again_delete, again_purge,   again_skip,
        again_source, again_rules,  again_version,
    };
    if (size == 0)
        return 0;
    struct bytes body = {(const char *)data + 1, size - 1};
    struct buffer b = {0};
    unsigned kind = data[0] % (sizeof kinds / sizeof kinds[0] + 2);
    if (kind < sizeof kinds / sizeof kinds[0]) {
        if (kinds[kind](body, &b))
            CHECK(bytes_equal(body, buffer_view(&b)));
    } else if (kind == sizeof kinds / sizeof kinds[0]) {
        check_tables(body);
    } else {
        check_headers(body);
    }
    buffer_done(&b);
    return 0;
}
