/* SPDX-License-Identifier: Apache-2.0 */
/* client_stream_mutate.c -- mutations that keep an input a session.
 *
 * An input's script is cut into elements: an act, or a line of a client up to its end. Half of the
 * mutations are libFuzzer's own; the others put in, take out, repeat, move or exchange elements, make
 * a line's number another one, or change an option in front.
 */
#include <stdio.h>
#include <string.h>

#include "runtime/base/prng.h"
#include "tests/fuzz/client_stream.h"

#define ELEMENTS_MAX 512u
#define ELEMENT_MAX_SIZE 256u

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);

/* A script, and where its elements begin. */
struct script {
    uint8_t *at;
    size_t size;
    size_t size_max;
    size_t begins[ELEMENTS_MAX + 1]; /* and the end */
    unsigned count;
};

static size_t element_size(const uint8_t *at, size_t size)
{
    if (*at == STREAM_ESCAPE && size > 1)
        return strchr("pqkbst", at[1]) != NULL && at[1] != '\0' && size > 2 ? 3 : 2;
    for (size_t i = 1; i < size; i++)
        if (at[i - 1] == '\n' || at[i] == STREAM_ESCAPE)
            return i;
    return size;
}

static void cut(struct script *s)
{
    s->count = 0;
    for (size_t at = 0; at < s->size && s->count < ELEMENTS_MAX; s->count++) {
        s->begins[s->count] = at;
        at += element_size(s->at + at, s->size - at);
    }
    s->begins[s->count] = s->size;
}

static size_t size_of(const struct script *s, unsigned nth)
{
    return s->begins[nth + 1] - s->begins[nth];
}

/* Puts bytes in the place of `size` others; what has no room is left as it was. */
static void replace(struct script *s, size_t at, size_t size, const void *by, size_t by_size)
{
    if (s->size - size + by_size > s->size_max)
        return;
    memmove(s->at + at + by_size, s->at + at + size, s->size - at - size);
    memcpy(s->at + at, by, by_size);
    s->size = s->size - size + by_size;
}

/* --- new elements ------------------------------------------------------------------------------- */

static const char *draw(struct prng *prng, const char *const *of, unsigned count)
{
    return of[prng_below(prng, count)];
}

#define DRAW(prng, of) draw((prng), (of), sizeof(of) / sizeof *(of))

static const char *const subjects[] = {"a",      "a.b",      "a.*",    ">",    "a.>",
                                       "good.0", "good.>",   "*.r",    "a..b", "$SYS.x",
                                       "_R_.x",  "_INBOX.1", "$NRG.x", "a.r"};
static const char *const sids[] = {"1", "2", "3", "10", "b0", "longer-sid", "00001", "4294967297"};
static const char *const acts[] = {"`0",  "`1",  "`2",  "`3",  "`0",  "`1",  "`c",  "`x",  "`r",
                                   "`h",  "`u",  "`L",  "`L",  "`f",  "`f",  "`w",  "`w",  "`p1",
                                   "`p4", "`p7", "`p9", "`q2", "`q7", "`k2", "`k4", "`b1", "`b4",
                                   "`s1", "`s4", "`s8", "`t1", "`t4", "`t6", "`t7"};
static const char *const others[] = {"PING\r\n",   "PONG\r\n",    "+OK\r\n",
                                     "-ERR x\r\n", "INFO {}\r\n", "FOO\r\n"};
static const char *const booleans[] = {"true", "false"};

static int print_publish(char *to, size_t size, struct prng *prng)
{
    char reply[32] = "";
    if (prng_one_in(prng, 3))
        snprintf(reply, sizeof reply, "%s ", DRAW(prng, subjects));
    unsigned payload = (unsigned)prng_below(prng, 40);
    unsigned lie = prng_one_in(prng, 10) ? (unsigned)prng_below(prng, 3) : 0;
    if (prng_one_in(prng, 3))
        return snprintf(to, size, "HPUB %s %s12 %u\r\nNATS/1.0\r\n\r\n%.*s\r\n",
                        DRAW(prng, subjects), reply, 12 + payload + lie, (int)payload,
                        "0123456789012345678901234567890123456789");
    return snprintf(to, size, "PUB %s %s%u\r\n%.*s\r\n", DRAW(prng, subjects), reply, payload + lie,
                    (int)payload, "0123456789012345678901234567890123456789");
}

static int print_connect(char *to, size_t size, struct prng *prng)
{
    return snprintf(to, size,
                    "CONNECT {\"verbose\":%s,\"pedantic\":%s,\"echo\":%s,\"headers\":%s,"
                    "\"no_responders\":%s,\"protocol\":%u,\"auth_token\":\"t\",\"user\":\"u\","
                    "\"pass\":\"p\"}\r\n",
                    DRAW(prng, booleans), DRAW(prng, booleans), DRAW(prng, booleans),
                    DRAW(prng, booleans), DRAW(prng, booleans), (unsigned)prng_below(prng, 2));
}

static size_t print_element(char *to, size_t size, struct prng *prng)
{
    switch (prng_below(prng, 12)) {
    case 0:
    case 1: return (size_t)print_publish(to, size, prng);
    case 2: return (size_t)print_connect(to, size, prng);
    case 3: return (size_t)snprintf(to, size, "%s", DRAW(prng, others));
    case 4:
        return (size_t)snprintf(to, size, "SUB %s %s\r\n", DRAW(prng, subjects), DRAW(prng, sids));
    case 5:
        return (size_t)snprintf(to, size, "SUB %s q %s\r\n", DRAW(prng, subjects),
                                DRAW(prng, sids));
    case 6: return (size_t)snprintf(to, size, "UNSUB %s\r\n", DRAW(prng, sids));
    case 7:
        return (size_t)snprintf(to, size, "UNSUB %s %u\r\n", DRAW(prng, sids),
                                (unsigned)prng_below(prng, 5));
    default: return (size_t)snprintf(to, size, "%s", DRAW(prng, acts));
    }
}

/* --- mutations ---------------------------------------------------------------------------------- */

static void put_in(struct script *s, struct prng *prng)
{
    char text[ELEMENT_MAX_SIZE];
    for (uint64_t left = 1 + prng_below(prng, 3); left > 0; left--) {
        size_t size = print_element(text, sizeof text, prng);
        replace(s, s->begins[prng_below(prng, s->count + 1)], 0, text, size);
        cut(s);
    }
}

static void copy_to(struct script *s, unsigned from, unsigned to)
{
    uint8_t text[ELEMENT_MAX_SIZE];
    size_t size = size_of(s, from) < sizeof text ? size_of(s, from) : sizeof text;
    memcpy(text, s->at + s->begins[from], size);
    replace(s, s->begins[to], 0, text, size);
}

static void take_out(struct script *s, unsigned nth)
{
    replace(s, s->begins[nth], size_of(s, nth), "", 0);
}

static void change_number(struct script *s, unsigned nth, struct prng *prng)
{
    static const char *const numbers[] = {"0",       "1",         "2",         "12",   "31",
                                          "32",      "33",        "4095",      "4096", "65535",
                                          "1048576", "999999999", "0000000001"};
    size_t end = s->begins[nth + 1];
    for (size_t at = s->begins[nth]; at < end; at++)
        if (s->at[at] >= '0' && s->at[at] <= '9') {
            size_t stop = at;
            while (stop < end && s->at[stop] >= '0' && s->at[stop] <= '9')
                stop++;
            const char *number = DRAW(prng, numbers);
            replace(s, at, stop - at, number, strlen(number));
            return;
        }
}

static void mutate_script(struct script *s, struct prng *prng)
{
    cut(s);
    unsigned from = s->count == 0 ? 0 : (unsigned)prng_below(prng, s->count);
    unsigned to = s->count == 0 ? 0 : (unsigned)prng_below(prng, s->count);
    switch (s->count == 0 ? 9 : prng_below(prng, 10)) {
    case 0:
    case 1: take_out(s, from); break;
    case 2:
    case 3: copy_to(s, from, to); break;
    case 4:
        copy_to(s, from, to);
        cut(s);
        if (from + (to <= from) < s->count)
            take_out(s, from + (to <= from));
        break;
    case 5: change_number(s, from, prng); break;
    default: put_in(s, prng); break;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    if (size < STREAM_OPTIONS || size_max < STREAM_OPTIONS || prng_one_in(&prng, 2))
        return LLVMFuzzerMutate(data, size, size_max);
    if (prng_one_in(&prng, 8)) {
        data[prng_below(&prng, STREAM_OPTIONS)] = (uint8_t)('0' + prng_below(&prng, 16));
        return size;
    }
    struct script s = {.at = data + STREAM_OPTIONS,
                       .size = size - STREAM_OPTIONS,
                       .size_max = size_max - STREAM_OPTIONS};
    for (uint64_t left = 1 + prng_below(&prng, 3); left > 0; left--)
        mutate_script(&s, &prng);
    return s.size + STREAM_OPTIONS;
}
