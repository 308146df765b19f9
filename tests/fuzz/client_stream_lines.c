/* SPDX-License-Identifier: Apache-2.0 */
/* client_stream_lines.c -- a strict reader of what a server sends.
 *
 * The one liberty is the protocol's own: an argument's first byte may be anything, so that a line's
 * end is looked for behind it.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "tests/fuzz/client_stream.h"

#define LINE_MAX ((size_t)64 << 10) /* far more than any control line may have */
#define WORDS_MAX 6u

void lines_init(struct lines *l, line_fn *on_line, void *context)
{
    *l = (struct lines){.on_line = on_line, .context = context};
}

void lines_done(struct lines *l)
{
    free(l->at);
    l->at = NULL;
}

void lines_forget(struct lines *l)
{
    l->size = 0;
}

static bool begins_with(struct bytes text, const char *with)
{
    size_t size = strlen(with);
    return text.size >= size && memcmp(text.at, with, size) == 0;
}

static size_t number_of(struct bytes word)
{
    CHECK(word.size > 0 && word.size < 10);
    size_t number = 0;
    for (size_t i = 0; i < word.size; i++) {
        CHECK(word.at[i] >= '0' && word.at[i] <= '9');
        number = number * 10 + (size_t)(word.at[i] - '0');
    }
    return number;
}

/* Words with one blank between them and none around. */
static unsigned words_of(struct bytes text, struct bytes words[WORDS_MAX])
{
    unsigned count = 0;
    const char *end = text.at + text.size;
    for (const char *at = text.at;; count++) {
        const char *blank = memchr(at, ' ', (size_t)(end - at));
        const char *stop = blank != NULL ? blank : end;
        CHECK(stop > at && count < WORDS_MAX);
        words[count] = (struct bytes){at, (size_t)(stop - at)};
        if (blank == NULL)
            return count + 1;
        at = blank + 1;
    }
}

/* The bytes of a frame, 0: not all there. argument: of its control line, which takes line_size. */
static size_t take_frame(struct lines *l, struct bytes rest, struct bytes argument,
                         size_t line_size)
{
    struct bytes words[WORDS_MAX];
    unsigned numbers = rest.at[0] == 'H' ? 2 : 1;
    unsigned count = words_of(argument, words);
    CHECK(count == 2 + numbers || count == 3 + numbers);
    size_t size = number_of(words[count - 1]);
    size_t header = numbers == 2 ? number_of(words[count - 2]) : 0;
    CHECK(header <= size);
    if (rest.size < line_size + size + 2)
        return 0;
    const char *payload = rest.at + line_size;
    CHECK(memcmp(payload + size, "\r\n", 2) == 0);
    const struct frame frame = {
        .subject = words[0],
        .sid = words[1],
        .reply = count == 3 + numbers ? words[2] : (struct bytes){NULL, 0},
        .header = {payload, header},
        .payload = {payload + header, size - header},
    };
    l->on_line(l->context, LINE_FRAME, &frame);
    return line_size + size + 2;
}

static enum line_kind kind_of(struct bytes line)
{
    if (bytes_are(line, "PING"))
        return LINE_PING;
    if (bytes_are(line, "PONG"))
        return LINE_PONG;
    if (bytes_are(line, "+OK"))
        return LINE_OK;
    if (begins_with(line, "-ERR '")) {
        CHECK(line.size > 7 && line.at[line.size - 1] == '\'');
        return LINE_ERR;
    }
    CHECK(begins_with(line, "INFO {")); /* or it is no line of the protocol */
    json_t *info = json_loadb(line.at + 5, line.size - 5, 0, NULL);
    CHECK(info != NULL && json_is_string(json_object_get(info, "server_id")));
    json_decref(info);
    return LINE_INFO;
}

/* The first line and what belongs to it: how many bytes, 0: not all there. */
static size_t take_one(struct lines *l, struct bytes rest)
{
    size_t verb = begins_with(rest, "MSG ") ? 4 : begins_with(rest, "HMSG ") ? 5 : 0;
    size_t from = verb == 0 ? 0 : verb + 1;
    const char *end = rest.size > from ? memchr(rest.at + from, '\n', rest.size - from) : NULL;
    if (end == NULL) {
        CHECK(rest.size < LINE_MAX);
        return 0;
    }
    size_t line_size = (size_t)(end + 1 - rest.at);
    CHECK(line_size > verb + 2 && end[-1] == '\r');
    if (verb > 0)
        return take_frame(l, rest, (struct bytes){rest.at + verb, line_size - verb - 2}, line_size);
    l->on_line(l->context, kind_of((struct bytes){rest.at, line_size - 2}), NULL);
    return line_size;
}

void lines_add(struct lines *l, struct bytes bytes)
{
    l->read += bytes.size;
    if (l->size + bytes.size > l->capacity) {
        while (l->size + bytes.size > l->capacity)
            l->capacity = l->capacity == 0 ? 4096 : l->capacity * 2;
        l->at = realloc(l->at, l->capacity);
        CHECK(l->at != NULL);
    }
    memcpy(l->at + l->size, bytes.at, bytes.size);
    l->size += bytes.size;
    size_t done = 0;
    while (done < l->size) {
        size_t taken = take_one(l, (struct bytes){l->at + done, l->size - done});
        if (taken == 0)
            break;
        done += taken;
    }
    memmove(l->at, l->at + done, l->size - done);
    l->size -= done;
}
