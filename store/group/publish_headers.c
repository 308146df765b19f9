/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group/publish_headers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "protocols/conf/conf_duration.h"
#include "runtime/base/check.h"
#include "store/format/buffer.h"

#define SECOND_NS ((int64_t)1000000000)

static const struct bytes first_line = {"NATS/1.0\r\n", 10};
static const struct bytes line_end = {"\r\n", 2};

static const struct bytes names[PUBLISH_HEADERS] = {
    [HEADER_MSG_ID] = BYTES("Nats-Msg-Id"),
    [HEADER_EXPECTED_STREAM] = BYTES("Nats-Expected-Stream"),
    [HEADER_EXPECTED_LAST_SEQ] = BYTES("Nats-Expected-Last-Sequence"),
    [HEADER_EXPECTED_LAST_SUBJECT_SEQ] = BYTES("Nats-Expected-Last-Subject-Sequence"),
    [HEADER_EXPECTED_LAST_SUBJECT_SEQ_SUBJECT] =
        BYTES("Nats-Expected-Last-Subject-Sequence-Subject"),
    [HEADER_EXPECTED_LAST_MSG_ID] = BYTES("Nats-Expected-Last-Msg-Id"),
    [HEADER_ROLLUP] = BYTES("Nats-Rollup"),
    [HEADER_TTL] = BYTES("Nats-TTL"),
    [HEADER_MARKER_REASON] = BYTES("Nats-Marker-Reason"),
    [HEADER_KV_OPERATION] = BYTES("KV-Operation"),
    [HEADER_STREAM_SOURCE] = BYTES("Nats-Stream-Source"),
    [HEADER_INCR] = BYTES("Nats-Incr"),
    [HEADER_SCHEDULE] = BYTES("Nats-Schedule"),
    [HEADER_SCHEDULE_NEXT] = BYTES("Nats-Schedule-Next"),
    [HEADER_SCHEDULER] = BYTES("Nats-Scheduler"),
};

/* Takes the next line off rest, without its end; false: there is none. */
static bool next_line(struct bytes *rest, struct bytes *ret_line)
{
    if (rest->size == 0)
        return false;
    const char *end = memmem(rest->at, rest->size, line_end.at, line_end.size);
    size_t size = end != NULL ? (size_t)(end - rest->at) : rest->size;
    size_t used = end != NULL ? size + line_end.size : size;
    *ret_line = (struct bytes){rest->at, size};
    rest->at += used;
    rest->size -= used;
    return true;
}

/* Which header the line is; PUBLISH_HEADERS: none of ours. */
static enum publish_header header_of(struct bytes line, struct bytes *ret_value)
{
    const char *colon = line.size > 0 ? memchr(line.at, ':', line.size) : NULL;
    if (colon == NULL || (line.at[0] != 'N' && line.at[0] != 'K'))
        return PUBLISH_HEADERS;
    struct bytes name = {line.at, (size_t)(colon - line.at)};
    unsigned i = 0;
    while (i < PUBLISH_HEADERS && !bytes_equal(names[i], name))
        i++;
    struct bytes value = {colon + 1, line.size - name.size - 1};
    for (; value.size > 0 && value.at[0] == ' '; value.size--)
        value.at++;
    *ret_value = value;
    return (enum publish_header)i;
}

void publish_headers_read(struct bytes headers, struct publish_headers *ret)
{
    *ret = (struct publish_headers){0};
    bool seen[PUBLISH_HEADERS] = {false};
    struct bytes rest = headers;
    struct bytes line;
    struct bytes value = {0};
    if (!next_line(&rest, &line)) /* the first line names the version */
        return;
    while (next_line(&rest, &line)) {
        enum publish_header h = header_of(line, &value);
        if (h == PUBLISH_HEADERS || seen[h])
            continue;
        seen[h] = true;
        ret->values[h] = value;
    }
}

uint64_t publish_header_seq(struct bytes value)
{
    uint64_t n = 0;
    for (size_t i = 0; i < value.size; i++) {
        unsigned digit = (unsigned)(value.at[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, digit, &n))
            return UINT64_MAX;
    }
    return value.size > 0 ? n : UINT64_MAX;
}

static bool is_word(struct bytes value, const char *word)
{
    return value.size == strlen(word) && strncasecmp(value.at, word, value.size) == 0;
}

enum publish_rollup publish_header_rollup(struct bytes value)
{
    if (value.size == 0)
        return ROLLUP_NONE;
    if (is_word(value, "sub"))
        return ROLLUP_SUBJECT;
    return is_word(value, "all") ? ROLLUP_ALL : ROLLUP_BAD;
}

int publish_header_ttl(struct bytes value, int64_t *ret_seconds)
{
    if (value.size == 0) {
        *ret_seconds = 0;
        return 0;
    }
    if (is_word(value, "never")) {
        *ret_seconds = TTL_SECONDS_NEVER;
        return 0;
    }
    struct conf_error error;
    int64_t ns;
    if (conf_duration_parse(value, &ns, &error) == 0) {
        if (ns < SECOND_NS)
            return -EINVAL;
        *ret_seconds = ns / SECOND_NS;
        return 0;
    }
    uint64_t n = publish_header_seq(value);
    if (n > INT64_MAX)
        return -EINVAL;
    *ret_seconds = (int64_t)n;
    return 0;
}

bool publish_headers_are_marker(const struct publish_headers *h)
{
    return h->values[HEADER_MARKER_REASON].size > 0 ||
           bytes_are(h->values[HEADER_KV_OPERATION], "PURGE");
}

static void add_text(struct buffer *b, const char *text)
{
    buffer_add(b, text, strlen(text));
}

void publish_marker_headers(struct buffer *b, int64_t ttl_ns)
{
    char ttl[CONF_DURATION_MAX];
    conf_duration_print(ttl_ns / SECOND_NS * SECOND_NS, ttl);
    add_text(b, "NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\nNats-TTL: ");
    add_text(b, ttl);
    add_text(b, "\r\nNats-Rollup: sub\r\n\r\n");
}

void publish_headers_with_ttl(struct buffer *b, struct bytes headers, int64_t seconds)
{
    struct bytes rest = headers;
    struct bytes line;
    struct bytes value;
    (void)next_line(&rest, &line);
    buffer_add(b, first_line.at, first_line.size);
    while (next_line(&rest, &line) && line.size > 0) {
        if (header_of(line, &value) == HEADER_TTL)
            continue;
        buffer_add(b, line.at, line.size);
        buffer_add(b, line_end.at, line_end.size);
    }
    char text[48];
    int size = snprintf(text, sizeof text, "Nats-TTL: %lld\r\n\r\n", (long long)seconds);
    CHECK(size > 0 && (size_t)size < sizeof text);
    buffer_add(b, text, (size_t)size);
}
