/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/publish.h"

#include <string.h>

#include "delivery/locals.h"
#include "delivery/outbox.h"
#include "interest/match.h"
#include "protocols/nats/client_parser.h"
#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "runtime/base/prng.h"
#include "runtime/system.h"

#define REFERENCE_MIN 4096u /* payloads from here go by reference */
#define RUN_TARGETS_MIN 4u  /* fewer get their frames directly */
#define RUN_COPY_MAX 2048u  /* a shorter run is copied to each target */
#define RUN_BYTES_MAX ((uint32_t)60 << 10)
#define RUNS_MAX 4u  /* sid texts of a streak; with more, frames go directly */
#define HEAD_MAX 16u /* of a control line: verb, blanks, end */
#define HOPS_MAX 8u
#define HOLD_MS 2u /* the reference's stallClientMinDuration and Max */
#define HOLD_FULL_MS 5u
#define CACHE_BYTES ((size_t)16 << 20)

struct run {
    struct buf *buf;
    uint32_t first; /* targets of the match: [first, end) */
    uint32_t end;
    uint32_t frames;
    uint32_t payload;
    bool headers;
};

/* What a worker keeps between the messages of a read. */
struct press {
    struct match_cache *cache;
    const struct match *match; /* of the open streak; NULL: none */
    struct actor_ref self;     /* its publisher, who is left out when it wants no echo */
    bool echo;
    bool drop_when_pressed;
    uint32_t run_count;   /* 0: frames go directly */
    uint32_t run_targets; /* who get the runs */
    struct run runs[RUNS_MAX];
    struct outbox *outbox;
};

static void *press_make(void)
{
    struct press *press = mem_alloc(sizeof *press);
    press->cache = match_cache_new(CACHE_BYTES, system_seed(worker_system()));
    press->outbox = outbox_here();
    return press;
}

static void press_free(void *state)
{
    struct press *press = state;
    CHECK(press->match == NULL);
    match_cache_free(&press->cache);
    mem_free(press);
}

static struct press *press_here(void)
{
    return worker_local(LOCAL_MATCH_CACHE, press_make, press_free);
}

/* --- frames ------------------------------------------------------------------------------------- */

static char *put(char *to, struct bytes text)
{
    memcpy(to, text.at, text.size);
    return to + text.size;
}

static uint32_t head_max(const struct publication *m, struct bytes sid)
{
    return (uint32_t)(m->subject.size + m->reply.size + sid.size + m->header_text.size +
                      m->payload_text.size) +
           HEAD_MAX;
}

/* MSG <subject> <sid> [reply] <size>, or HMSG with the header's size before it. */
static char *put_head(char *to, const struct publication *m, struct bytes sid)
{
    bool header = m->header_size > 0;
    to = put(to, header ? BYTES("HMSG ") : BYTES("MSG "));
    to = put(to, m->subject);
    *to++ = ' ';
    to = put(to, sid);
    *to++ = ' ';
    if (m->reply.size > 0) {
        to = put(to, m->reply);
        *to++ = ' ';
    }
    if (header) {
        to = put(to, m->header_text);
        *to++ = ' ';
    }
    to = put(to, m->payload_text);
    return put(to, BYTES("\r\n"));
}

static bool by_reference(const struct publication *m)
{
    return m->payload_size >= REFERENCE_MIN && m->payload_buf != NULL;
}

/* kind: group, hops and whom to avoid. */
static void put_frame(struct press *press, struct batch *batch, const struct publication *m,
                      const struct match_target *target, const struct part *kind)
{
    struct bytes sid = match_sid(press->match, target);
    uint32_t body = m->payload_size + 2;
    uint64_t before = batch->bytes;
    bool reference = by_reference(m);
    char *at = batch_reserve(batch, head_max(m, sid) + (reference ? 0 : body));
    char *end = put_head(at, m, sid);
    if (!reference) {
        memcpy(end, m->payload, body);
        end += body;
    }
    batch_commit(batch, (uint32_t)(end - at));
    batch->headers = batch->headers || m->header_size > 0;
    press->outbox->bytes += (uint32_t)(end - at);
    if (reference)
        batch_append(batch, m->payload_buf, (uint32_t)(m->payload - m->payload_buf->at), body);
    struct part part = *kind;
    part.slot = target->slot;
    part.frames = 1;
    part.bytes = (uint32_t)(batch->bytes - before);
    part.payload = m->payload_size;
    batch_account(batch, &part);
}

/* --- targets ------------------------------------------------------------------------------------ */

/* NULL: gone, or under pressure and the server drops rather than hold publishers. */
static struct batch *batch_for(const struct press *press, struct actor_ref to)
{
    if (press->drop_when_pressed && actor_pressure(to) != PRESSURE_CALM)
        return NULL;
    return outbox_batch(press->outbox, to);
}

static uint32_t direct_plain(struct press *press, const struct publisher *publisher,
                             const struct publication *m)
{
    const struct match *match = press->match;
    uint32_t count = 0;
    for (uint32_t i = 0; i < match->plain_count; i++) {
        const struct match_target *target = &match_plain(match)[i];
        struct actor_ref to = {target->conn};
        if (!publisher->echo && ref_equal(to, publisher->self))
            continue;
        struct batch *batch = batch_for(press, to);
        if (batch == NULL)
            continue;
        put_frame(press, batch, m, target, &(struct part){0});
        count++;
    }
    return count;
}

/* A name for the group that its members' worker can find it by again; never 0. */
static uint32_t group_id(const struct match *match, const struct match_group *group)
{
    struct bytes name = match_queue(match, group);
    return (uint32_t)hash_bytes(system_seed(worker_system()), name.at, name.size) | 1;
}

static bool to_member(struct press *press, const struct publisher *publisher,
                      const struct publication *m, const struct match_target *target,
                      const struct part *kind)
{
    struct actor_ref to = {target->conn};
    if (to.id == kind->avoid)
        return false;
    struct batch *batch = batch_for(press, to);
    if (batch == NULL)
        return false;
    put_frame(press, batch, m, target, kind);
    return true;
}

static uint32_t to_groups(struct press *press, const struct publisher *publisher,
                          const struct publication *m)
{
    const struct match *match = press->match;
    uint32_t count = 0;
    for (uint32_t g = 0; g < match->group_count; g++) {
        const struct match_group *group = &match_groups(match)[g];
        const struct match_target *members = match_group_members(match, group);
        const struct part kind = {.group = group_id(match, group),
                                  .avoid = publisher->echo ? 0 : publisher->self.id};
        uint32_t start = (uint32_t)prng_below(worker_prng(), group->count);
        for (uint32_t i = 0; i < group->count; i++)
            if (to_member(press, publisher, m, &members[(start + i) % group->count], &kind)) {
                count++;
                break;
            }
    }
    return count;
}

/* --- runs --------------------------------------------------------------------------------------- */

/* Whether two classes, each sorted by connection, name one in common. */
static bool classes_meet(const struct match *match, uint32_t a, uint32_t a_end, uint32_t b,
                         uint32_t b_end)
{
    while (a < a_end && b < b_end) {
        if (match_plain(match)[a].conn == match_plain(match)[b].conn)
            return true;
        if (match_plain(match)[a].conn < match_plain(match)[b].conn)
            a++;
        else
            b++;
    }
    return false;
}

static bool conn_repeats(const struct match *match, const uint32_t *ends)
{
    for (uint32_t i = 0; i < match->class_count; i++)
        for (uint32_t k = i + 1; k < match->class_count; k++)
            if (classes_meet(match, i == 0 ? 0 : ends[i - 1], ends[i], ends[k - 1], ends[k]))
                return true;
    return false;
}

/* Divides the plain targets, which are sorted by sid, into runs. Leaves run_count 0 when frames had
 * better go directly. */
static void plan_runs(struct press *press)
{
    const struct match *match = press->match;
    const uint32_t *ends = match_class_ends(match);
    press->run_count = 0;
    if (match->plain_count < RUN_TARGETS_MIN || match->group_count > 0 ||
        match->class_count > RUNS_MAX || match->class_count * 2 > match->plain_count ||
        conn_repeats(match, ends))
        return;
    for (uint32_t i = 0; i < match->class_count; i++)
        press->runs[i] = (struct run){.first = i == 0 ? 0 : ends[i - 1], .end = ends[i]};
    press->run_count = match->class_count;
    press->run_targets = match->plain_count;
    for (uint32_t i = 0; !press->echo && i < match->plain_count; i++)
        if (match_plain(match)[i].conn == press->self.id)
            press->run_targets--;
}

static void run_deliver(struct press *press, const struct run *run)
{
    uint32_t bytes = run->buf->size;
    for (uint32_t i = run->first; i < run->end; i++) {
        const struct match_target *target = &match_plain(press->match)[i];
        struct actor_ref to = {target->conn};
        if (!press->echo && ref_equal(to, press->self))
            continue;
        struct batch *batch = batch_for(press, to);
        if (batch == NULL)
            continue;
        if (bytes < RUN_COPY_MAX) {
            batch_copy(batch, run->buf->at, bytes);
            press->outbox->bytes += bytes;
        } else {
            batch_append(batch, run->buf, 0, bytes);
        }
        batch->headers = batch->headers || run->headers;
        batch_account(batch, &(struct part){.slot = target->slot,
                                            .frames = run->frames,
                                            .bytes = bytes,
                                            .payload = run->payload});
    }
}

static void runs_deliver(struct press *press)
{
    for (uint32_t r = 0; r < press->run_count; r++) {
        struct run *run = &press->runs[r];
        if (run->buf == NULL)
            continue;
        run_deliver(press, run);
        buf_unref(&run->buf);
        run->frames = run->payload = 0;
    }
}

static uint32_t to_runs(struct press *press, const struct publication *m)
{
    uint32_t body = m->payload_size + 2;
    for (uint32_t r = 0; r < press->run_count; r++) {
        struct run *run = &press->runs[r];
        struct bytes sid = match_sid(press->match, &match_plain(press->match)[run->first]);
        uint32_t size = head_max(m, sid) + body;
        if (run->buf != NULL && run->buf->size + size > run->buf->capacity)
            runs_deliver(press); /* all of them: messages stay in order for each target */
        if (run->buf == NULL)
            run->buf = buf_new(size > RUN_BYTES_MAX ? size : RUN_BYTES_MAX);
        char *at = run->buf->at + run->buf->size;
        char *end = put_head(at, m, sid);
        memcpy(end, m->payload, body);
        run->buf->size += (uint32_t)(end - at) + body;
        run->frames++;
        run->payload += m->payload_size;
        run->headers = run->headers || m->header_size > 0;
    }
    return press->run_targets;
}

/* --- a publisher's calls ------------------------------------------------------------------------ */

static void streak_end(struct press *press)
{
    if (press->match == NULL)
        return;
    runs_deliver(press);
    press->match = NULL;
    press->run_count = 0;
}

static uint32_t publish_in_streak(struct press *press, const struct publisher *publisher,
                                  const struct publication *m)
{
    if (press->outbox->bytes >= OUTBOX_BYTES_MAX)
        outbox_flush(press->outbox); /* no batch is held between messages */
    if (press->run_count > 0) {
        if (!by_reference(m))
            return to_runs(press, m);
        runs_deliver(press); /* what came before goes before */
    }
    return direct_plain(press, publisher, m) + to_groups(press, publisher, m);
}

uint32_t publish_message(const struct publisher *publisher, const struct publication *m)
{
    struct press *press = press_here();
    streak_end(press);
    press->match =
        match_find(press->cache, publisher->interest, publisher->interest_id, m->subject);
    press->self = publisher->self;
    press->echo = publisher->echo;
    press->drop_when_pressed = publisher->drop_when_pressed;
    plan_runs(press);
    return publish_in_streak(press, publisher, m);
}

uint32_t publish_again(const struct publisher *publisher, const struct publication *m)
{
    struct press *press = press_here();
    if (press->match == NULL || !ref_equal(press->self, publisher->self))
        return publish_message(publisher, m);
    return publish_in_streak(press, publisher, m);
}

uint32_t publish_end(void)
{
    struct press *press = press_here();
    streak_end(press);
    uint32_t hold = press->outbox->full ? HOLD_FULL_MS : press->outbox->pressed > 0 ? HOLD_MS : 0;
    outbox_flush(press->outbox);
    press->outbox->pressed = 0;
    press->outbox->full = false;
    return hold;
}

struct bytes publish_sid_of(const struct publisher *publisher, struct bytes subject)
{
    struct press *press = press_here();
    streak_end(press);
    const struct match *match =
        match_find(press->cache, publisher->interest, publisher->interest_id, subject);
    for (uint32_t i = 0; i < match->plain_count; i++)
        if (match_plain(match)[i].conn == publisher->self.id)
            return match_sid(match, &match_plain(match)[i]);
    return (struct bytes){NULL, 0};
}

/* --- frames that a member of a queue group could not take ---------------------------------------- */

/* Reads a whole frame back into what was published. */
static bool frame_read(struct bytes frame, struct publication *ret)
{
    const char *end = batch_line_end(frame);
    if (end == NULL || frame.size < 6)
        return false;
    bool header = frame.at[0] == 'H';
    struct bytes words[6];
    unsigned count = 0;
    const char *p = frame.at;
    while (p < end && count < 6) {
        const char *blank = memchr(p, ' ', (size_t)(end - p));
        const char *stop = blank != NULL ? blank : end;
        words[count++] = (struct bytes){p, (size_t)(stop - p)};
        p = stop + 1;
    }
    unsigned numbers = header ? 2 : 1;
    if (count < 3 + numbers)
        return false;
    bool reply = count == 4 + numbers;
    *ret = (struct publication){
        .subject = words[1],
        .reply = reply ? words[3] : (struct bytes){NULL, 0},
        .header_size = header ? client_parse_size(words[count - 2]) : -1,
        .payload_size = (uint32_t)client_parse_size(words[count - 1]),
        .header_text = header ? words[count - 2] : (struct bytes){NULL, 0},
        .payload_text = words[count - 1],
        .payload = end + 2,
    };
    return (size_t)(frame.at + frame.size - ret->payload) == (size_t)ret->payload_size + 2;
}

static const struct match_group *group_of(const struct match *match, uint32_t id)
{
    for (uint32_t g = 0; g < match->group_count; g++)
        if (group_id(match, &match_groups(match)[g]) == id)
            return &match_groups(match)[g];
    return NULL;
}

bool publish_hand_on(const struct publisher *refused, const struct part *part, struct bytes frame,
                     publish_takes_fn *takes, const void *context)
{
    struct publication m;
    bool whole = frame_read(frame, &m);
    CHECK(whole); /* a publisher of this server made it */
    if (part->hops >= HOPS_MAX)
        return false;
    struct press *press = press_here();
    streak_end(press);
    press->match = match_find(press->cache, refused->interest, refused->interest_id, m.subject);
    const struct match_group *group = group_of(press->match, part->group);
    const struct part kind = {.group = part->group, .hops = part->hops + 1, .avoid = part->avoid};
    bool taken = false;
    uint32_t start = group == NULL ? 0 : (uint32_t)prng_below(worker_prng(), group->count);
    for (uint32_t i = 0; group != NULL && i < group->count && !taken; i++) {
        const struct match_target *target =
            &match_group_members(press->match, group)[(start + i) % group->count];
        if (target->conn == refused->self.id && !takes(context, target->slot))
            continue; /* over, and the index does not know it yet */
        taken = to_member(press, refused, &m, target, &kind);
    }
    press->match = NULL;
    return taken;
}
