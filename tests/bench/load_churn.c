/* SPDX-License-Identifier: Apache-2.0 */
/* load_churn.c -- one connection subscribes and unsubscribes as fast as the server takes it.
 *
 * Idea    Pairs of SUB and UNSUB, each with a subject and a sid of its own, in chunks of 64 KiB; TCP
 *         is the only brake. All lines have one size: numbers have seven digits. With --live N the UNSUB is that
 *         of the subscription made N pairs before, so that N exist at any time.
 * Checks  Each part begins and ends with a probe: a subscription that hears one message, through
 *         the same connection, so that lines which were lost or misread do not pass for fast.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "tests/bench/load.h"

enum { NUMBER_FIRST = 1000000, NUMBERS = 9000000, DIGITS = 7, CHUNK_SIZE = 64 << 10 };

/* SUB c.1000000 1000000\r\nUNSUB 1000000\r\n */
enum { SUBJECT_AT = 6, SID_AT = 14, UNSUB_SID_AT = 29, PAIR_SIZE = 38 };

struct churn {
    struct load *l; /* borrowed */
    struct conn *conn;
    char *pairs;
    uint32_t chunk;
    uint64_t sent; /* pairs */
    uint64_t probes;
};

static void digits_write(char *at, uint32_t number)
{
    for (int i = DIGITS - 1; i >= 0; i--, number /= 10)
        at[i] = (char)('0' + number % 10);
}

static size_t take_probe(struct load *l, struct conn *c, const char *at, size_t size)
{
    static const char PROBE[] = "MSG probe 1 2\r\nok\r\n";
    struct churn *churn = c->workload;
    if (size < 4 || memcmp(at, "MSG ", 4) != 0)
        return take_control(l, c, at, size);
    if (size < sizeof PROBE - 1)
        return 0;
    if (memcmp(at, PROBE, sizeof PROBE - 1) != 0)
        load_fail(l, "the probe came back otherwise");
    churn->probes++;
    return sizeof PROBE - 1;
}

static uint32_t number_of(uint64_t subscription)
{
    return NUMBER_FIRST + (uint32_t)(subscription % NUMBERS);
}

static void pairs_send(struct churn *churn, uint32_t count)
{
    char *at = churn->pairs;
    DCHECK(count <= churn->chunk && conn_idle_output(churn->conn));
    for (uint32_t i = 0; i < count; i++, at += PAIR_SIZE) {
        uint64_t old = churn->sent + i, new = old + (uint64_t)churn->l->o.live;
        digits_write(at + SUBJECT_AT, number_of(new));
        memcpy(at + SID_AT, at + SUBJECT_AT, DIGITS);
        digits_write(at + UNSUB_SID_AT, number_of(old));
    }
    churn->sent += count;
    churn->conn->body = churn->pairs;
    churn->conn->body_size = count * PAIR_SIZE;
    churn->conn->body_sent = 0;
    conn_flush(churn->l, churn->conn);
}

static void churn_part(struct churn *churn, double seconds, uint64_t count)
{
    struct load *l = churn->l;
    uint64_t end = clock_ns() + (uint64_t)(seconds * 1e9), first = churn->sent;
    for (uint64_t now = clock_ns(); now < end && !load_failed(l); now = clock_ns()) {
        uint64_t left = count != 0 ? first + count - churn->sent : UINT64_MAX;
        if (left == 0)
            break;
        bool free_to_send = conn_idle_output(churn->conn);
        if (free_to_send)
            pairs_send(churn, left < churn->chunk ? (uint32_t)left : churn->chunk);
        load_turn(l, free_to_send ? 0 : end - now);
    }
    while (!conn_idle_output(churn->conn) && !load_failed(l))
        load_turn(l, 100000000);
    if (!l->o.raw)
        conn_print(churn->conn, "PUB probe 2\r\nok\r\n");
    uint64_t probes = churn->probes;
    conn_ping(l, churn->conn);
    load_sync(l);
    if (!l->o.raw && churn->probes != probes + 1)
        load_fail(l, "the probe did not come back");
}

static void churn_open(struct churn *churn)
{
    static const char PAIR[] = "SUB c.0000000 0000000\r\nUNSUB 0000000\r\n";
    _Static_assert(sizeof PAIR - 1 == PAIR_SIZE, "the offsets above are this text's");
    struct load *l = churn->l;
    churn->chunk = CHUNK_SIZE / PAIR_SIZE;
    churn->pairs = malloc((size_t)churn->chunk * PAIR_SIZE);
    CHECK(churn->pairs != NULL);
    for (uint32_t i = 0; i < churn->chunk; i++)
        memcpy(churn->pairs + (size_t)i * PAIR_SIZE, PAIR, PAIR_SIZE);
    churn->conn = load_connect(l, take_probe, churn, false);
    if (churn->conn == NULL)
        return;
    conn_greet(l, churn->conn, (struct role){.frame_in = PAIR_SIZE});
    if (!l->o.raw)
        conn_print(churn->conn, "SUB probe 1\r\n");
    for (int i = 0; i < l->o.live && !l->o.raw; i++)
        conn_print(churn->conn, "SUB c.%u %u\r\n", number_of((uint64_t)i), number_of((uint64_t)i));
    conn_ping(l, churn->conn);
    load_sync(l);
}

void load_run_churn(struct load *l)
{
    struct churn churn = {.l = l};
    churn_open(&churn);
    if (l->o.warmup_s > 0 && !load_failed(l))
        churn_part(&churn, l->o.warmup_s, 0);
    uint64_t before = churn.sent;
    load_mark(l);
    if (!load_failed(l))
        churn_part(&churn, l->o.seconds, l->o.count);
    load_measured(l, churn.sent - before);
    l->report.delivered = churn.probes;
    free(churn.pairs);
}
