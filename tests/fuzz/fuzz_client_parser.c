/* SPDX-License-Identifier: Apache-2.0 */
/* A client's bytes, parsed at once and in pieces: both must see the same lines and the same end. The
 * first byte says how the pieces are cut. */
#include <stdlib.h>
#include <string.h>

#include "protocols/nats/client_parser.h"
#include "runtime/base/check.h"

#define LINE_MAX 64
#define LINES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    uint32_t ends[LINES_MAX];
    uint8_t ops[LINES_MAX];
    unsigned count;
    enum client_parse last;
};

static uint32_t payload_of(const struct client_line *line)
{
    struct client_publish p;
    if (line->op == CLIENT_OP_PUB && client_parse_pub(line->argument, &p) == CLIENT_PUBLISH_OK)
        return (uint32_t)p.payload_size + 2;
    if (line->op == CLIENT_OP_HPUB && client_parse_hpub(line->argument, &p) == CLIENT_PUBLISH_OK)
        return (uint32_t)p.payload_size + 2;
    struct client_subscribe s;
    struct client_unsubscribe u;
    (void)client_parse_sub(line->argument, &s);
    (void)client_parse_unsub(line->argument, &u);
    return 0;
}

/* Parses bytes [0, size) as they arrive in pieces of `piece` bytes, as a connection does. */
static void run(const char *at, size_t size, size_t piece, struct seen *seen)
{
    size_t begin = 0;
    size_t scanned = 0;
    for (size_t have = piece < size ? piece : size;;
         have = have + piece < size ? have + piece : size) {
        while (begin < have && seen->count < LINES_MAX) {
            struct client_line line;
            seen->last = client_parse_line(at + begin, have - begin, scanned, LINE_MAX, &line);
            scanned = 0;
            if (seen->last == CLIENT_PARSE_MORE) {
                scanned = have - begin;
                break;
            }
            if (seen->last != CLIENT_PARSE_LINE)
                return;
            CHECK(line.size > 0 && line.size <= have - begin);
            uint32_t payload = payload_of(&line);
            if (payload > have - begin - line.size) {
                seen->last = CLIENT_PARSE_MORE;
                break;
            }
            begin += line.size + payload;
            seen->ends[seen->count] = (uint32_t)begin;
            seen->ops[seen->count++] = (uint8_t)line.op;
        }
        if (have == size)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 8192)
        return 0;
    static struct seen whole;
    static struct seen pieces;
    memset(&whole, 0, sizeof whole);
    memset(&pieces, 0, sizeof pieces);
    char *copy = malloc(size - 1); /* of the exact size, so that reading past it is seen */
    CHECK(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    run(copy, size - 1, size, &whole);
    run(copy, size - 1, (size_t)data[0] % 32 + 1, &pieces);
    free(copy);
    CHECK(whole.count == pieces.count);
    CHECK(memcmp(whole.ends, pieces.ends, sizeof whole.ends) == 0);
    CHECK(memcmp(whole.ops, pieces.ops, sizeof whole.ops) == 0);
    CHECK(whole.last == pieces.last);
    return 0;
}
