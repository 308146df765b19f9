/* SPDX-License-Identifier: Apache-2.0 */
/* group_model.h -- what a stream does, as plainly as it can be written: an array of messages, and
 * nats-server's order of things (store first, then remove what is over).
 *
 * An operation is drawn at random, knows what its headers say, and can be written as an entry; the
 * model does it without reading headers. All subjects, ids and numbers are small, so that they
 * meet.
 */
#ifndef TESTS_UNIT_STORE_GROUP_MODEL_H
#define TESTS_UNIT_STORE_GROUP_MODEL_H

#include "protocols/nats/subject.h"
#include "runtime/base/prng.h"
#include "tests/unit/store/group_bench.h"

#define MODEL_MESSAGES_MAX 4096u
#define MODEL_IDS_MAX 65536u
#define MODEL_PARTS_MAX 8u

struct op {
    enum entry_kind kind;
    uint8_t flags;
    int64_t step_ns; /* log time goes on by so much */
    /* messages */
    const char *subject;
    size_t payload;
    int id;       /* 0: none */
    int stream;   /* 0: not said, 1: the right one, 2: another */
    int64_t last; /* -1: not said */
    int64_t last_of_subject;
    const char *other_subject; /* NULL: not said */
    int last_id;               /* -1: not said */
    int rollup;                /* 1: subject, 2: all */
    int64_t ttl;               /* seconds; 0: not said, -1: never */
    bool kv_purge;
    bool origin;
    uint16_t source; /* SOURCE, too */
    uint64_t origin_seq;
    bool reset;
    /* others */
    uint64_t seqs[3];
    uint32_t seq_count;
    bool erase;
    const char *filter;
    uint64_t up_to;
    uint64_t keep;
    struct stream_rules rules;
    char headers[512]; /* lines for bench_headers */
};

struct model_message {
    uint64_t seq;
    int64_t time_ns;
    int64_t due_ns; /* INT64_MAX: never by its own time */
    bool never;     /* whatever its age */
    bool marker;
    uint64_t size;
    const char *subject;
};

struct model_id {
    int id;
    uint64_t seq;
    int64_t time_ns;
};

struct model {
    struct model_message messages[MODEL_MESSAGES_MAX];
    unsigned count;
    uint64_t last_seq;
    int64_t now_ns;
    struct stream_rules rules;
    struct model_id ids[MODEL_IDS_MAX];
    unsigned id_count;
    int last_id;
    uint64_t sources[4];
    bool has_source[4];
    struct op parts[MODEL_PARTS_MAX];
    unsigned part_count;
    bool wanted;
    struct applied applied;
};

static const char *const model_subjects[] = {"a", "b", "c.x", "c.y", "c.y.z"};
static const char *const model_filters[] = {"a", "b", "c.x", "c.*", "c.>", ">", "", "z"};
#define MODEL_PICK(prng, array) array[prng_below(prng, sizeof(array) / sizeof(array)[0])]

/* --- drawing ---------------------------------------------------------------------------------- */

static inline void draw_headers(struct op *op)
{
    char *at = op->headers;
    size_t room = sizeof op->headers;
#define LINE(...)                                      \
    do {                                               \
        size_t used = strlen(at);                      \
        if (used > 0)                                  \
            at[used++] = '|';                          \
        snprintf(at + used, room - used, __VA_ARGS__); \
    } while (0)
    if (op->id != 0)
        LINE("Nats-Msg-Id: id-%d", op->id);
    if (op->stream != 0)
        LINE("Nats-Expected-Stream: %s", op->stream == 1 ? "S" : "T");
    if (op->last >= 0)
        LINE("Nats-Expected-Last-Sequence: %lld", (long long)op->last);
    if (op->last_of_subject >= 0)
        LINE("Nats-Expected-Last-Subject-Sequence: %lld", (long long)op->last_of_subject);
    if (op->other_subject != NULL)
        LINE("Nats-Expected-Last-Subject-Sequence-Subject: %s", op->other_subject);
    if (op->last_id >= 0)
        LINE("Nats-Expected-Last-Msg-Id: id-%d", op->last_id);
    if (op->rollup != 0)
        LINE("Nats-Rollup: %s", op->rollup == 1 ? "sub" : "all");
    if (op->ttl > 0)
        LINE("Nats-TTL: %lld", (long long)op->ttl);
    if (op->ttl < 0)
        LINE("Nats-TTL: never");
    if (op->kv_purge)
        LINE("KV-Operation: PURGE");
#undef LINE
}

static inline void draw_message(struct prng *p, const struct model *m, struct op *op)
{
    op->subject = MODEL_PICK(p, model_subjects);
    op->payload = prng_below(p, 20);
    if (prng_one_in(p, 30))
        op->payload = 120; /* over max_bytes alone, at times */
    op->last = op->last_of_subject = op->last_id = -1;
    op->id = prng_one_in(p, 4) ? 1 + (int)prng_below(p, 30) : 0;
    if (prng_one_in(p, 20))
        op->stream = 1 + (int)prng_one_in(p, 2);
    if (prng_one_in(p, 20))
        op->last = (int64_t)(m->last_seq + prng_below(p, 2) * prng_below(p, 2));
    if (prng_one_in(p, 12))
        op->last_of_subject = prng_one_in(p, 4) || m->count == 0
                                  ? 0
                                  : (int64_t)m->messages[prng_below(p, m->count)].seq;
    if (prng_one_in(p, 20))
        op->other_subject = MODEL_PICK(p, model_filters);
    if (op->other_subject != NULL && op->other_subject[0] == '\0')
        op->other_subject = NULL;
    if (prng_one_in(p, 30))
        op->last_id = prng_one_in(p, 2) ? m->last_id : (int)prng_below(p, 30);
    if (op->last_id == 0)
        op->last_id = -1;
    if (prng_one_in(p, 15))
        op->rollup = 1 + (int)prng_one_in(p, 3);
    if (prng_one_in(p, 6))
        op->ttl = prng_one_in(p, 6) ? -1 : 1 + (int64_t)prng_below(p, 20);
    op->kv_purge = prng_one_in(p, 20);
    if (m->rules.source_count > 0 && prng_one_in(p, 3)) {
        op->origin = true;
        op->source = (uint16_t)prng_below(p, 3);
        op->origin_seq = m->sources[op->source] + prng_below(p, 3);
    }
    if (rules_have(&m->rules, RULES_MIRROR)) { /* nobody batches what a mirror gets */
        op->origin = op->kind == ENTRY_MSG;
        op->source = 0;
        op->origin_seq = m->last_seq + prng_below(p, 4);
    }
    draw_headers(op);
}

static inline void draw_rules(struct prng *p, struct op *op)
{
    static const uint16_t sources[] = {0, 1, 2};
    struct stream_rules *r = &op->rules;
    stream_rules_init(r, BYTES("S"));
    r->discard = prng_one_in(p, 3) ? DISCARD_NEW : DISCARD_OLD;
    r->retention = prng_one_in(p, 6) ? RETENTION_INTEREST : RETENTION_LIMITS;
    r->max_msgs = prng_one_in(p, 2) ? 3 + (int64_t)prng_below(p, 20) : -1;
    r->max_bytes = prng_one_in(p, 3) ? 100 + (int64_t)prng_below(p, 900) : -1;
    r->max_msgs_per_subject = prng_one_in(p, 2) ? 1 + (int64_t)prng_below(p, 5) : -1;
    r->max_age_ns = prng_one_in(p, 2) ? (5 + (int64_t)prng_below(p, 30)) * SECOND : 0;
    r->duplicate_window_ns = prng_one_in(p, 4) ? 0 : (int64_t)prng_below(p, 60) * SECOND;
    r->max_msg_size = prng_one_in(p, 8) ? 60 : -1;
    for (unsigned flag = 1; flag < RULES_FLAGS; flag <<= 1)
        if (prng_one_in(p, flag == RULES_ALLOW_ROLLUP || flag == RULES_ALLOW_MSG_TTL ? 2 : 12))
            r->flags |= flag;
    if (rules_have(r, RULES_ALLOW_MSG_TTL) && prng_one_in(p, 2))
        r->marker_ttl_ns = (1 + (int64_t)prng_below(p, 15)) * SECOND;
    if (prng_one_in(p, 3))
        stream_rules_set_sources(r, sources, 1 + (uint16_t)prng_below(p, 3));
}

static inline void draw_others(struct prng *p, const struct model *m, struct op *op)
{
    uint64_t seq = 1;
    op->erase = prng_one_in(p, 2);
    op->seq_count = 1 + (uint32_t)prng_below(p, 3);
    if (m->count > 0)
        seq = m->messages[prng_below(p, m->count)].seq;
    for (uint32_t i = 0; i < op->seq_count; i++, seq += 1 + prng_below(p, 2))
        op->seqs[i] = seq;
    op->filter = MODEL_PICK(p, model_filters);
    op->up_to = prng_one_in(p, 2) ? prng_below(p, m->last_seq + 3) : 0;
    op->keep = prng_one_in(p, 2) ? prng_below(p, 6) : 0;
    if (op->kind == ENTRY_SOURCE) {
        op->source = (uint16_t)prng_below(p, 3);
        op->origin_seq = m->sources[op->source] + prng_below(p, 4);
        op->origin_seq -= op->origin_seq > 0;
        op->reset = prng_one_in(p, 3);
    }
}

static inline void draw(struct prng *p, const struct model *m, struct op *op)
{
    *op = (struct op){.kind = ENTRY_MSG};
    op->step_ns = prng_one_in(p, 3) ? (int64_t)prng_below(p, 4 * (uint64_t)SECOND) : 0;
    if (prng_one_in(p, 50))
        op->step_ns = -(int64_t)prng_below(p, 5 * (uint64_t)SECOND);
    if (m->part_count > 0 && !prng_one_in(p, 10)) {
        op->kind = ENTRY_BATCH;
        op->flags = prng_one_in(p, 3) ? BATCH_LAST : 0;
    } else if (prng_one_in(p, 20)) {
        op->kind = ENTRY_BATCH;
        op->flags = prng_one_in(p, 20) ? 0 : BATCH_FIRST;
        if (prng_one_in(p, 10))
            op->flags |= BATCH_LAST;
    } else {
        switch (prng_below(p, 60)) {
        case 0:
        case 1: op->kind = ENTRY_CONFIG; break;
        case 2:
        case 3:
        case 4:
        case 5: op->kind = ENTRY_DELETE; break;
        case 6:
        case 7: op->kind = ENTRY_PURGE; break;
        case 8: op->kind = ENTRY_SKIP; break;
        case 9: op->kind = ENTRY_SOURCE; break;
        case 10: op->kind = ENTRY_TIME; break;
        case 11: op->kind = ENTRY_NOOP; break;
        default: break;
        }
    }
    if (op->kind == ENTRY_BATCH && m->part_count == MODEL_PARTS_MAX)
        op->flags |= BATCH_LAST;
    if (op->kind == ENTRY_MSG || op->kind == ENTRY_BATCH)
        draw_message(p, m, op);
    else if (op->kind == ENTRY_CONFIG)
        draw_rules(p, op);
    else
        draw_others(p, m, op);
}

/* --- as an entry ------------------------------------------------------------------------------ */

static inline void write_message(struct bench *b, const struct op *op)
{
    char payload[128] = {0};
    struct buffer headers = bench_headers(op->headers);
    struct message m = {
        .flags = op->origin ? MESSAGE_ORIGIN : 0,
        .source = op->source,
        .origin_seq = op->origin_seq,
        .subject = bytes_of(op->subject),
        .headers = buffer_view(&headers),
        .payload = {payload, op->payload},
    };
    bench_write_message(b, &m);
    buffer_done(&headers);
}

static inline void write_op(struct bench *b, const struct op *op)
{
    struct stream_purge purge = {bytes_of(op->filter ? op->filter : ""), op->up_to, op->keep};
    struct stream_skip skip = {op->seqs[0], op->seqs[0] + op->keep};
    struct stream_source source = {op->source, op->reset, op->origin_seq, BYTES("id")};
    struct stream_config config = {.text = BYTES("{}")};
    struct buffer rules = {0};
    b->body.size = 0;
    if (op->kind == ENTRY_MSG || op->kind == ENTRY_BATCH)
        write_message(b, op);
    if (op->kind == ENTRY_CONFIG) {
        stream_rules_write(&rules, &op->rules);
        config.rules = buffer_view(&rules);
        stream_config_write(&b->body, &config);
        buffer_done(&rules);
    }
    if (op->kind == ENTRY_DELETE)
        stream_delete_write(&b->body, op->seqs, op->seq_count, op->erase);
    if (op->kind == ENTRY_PURGE)
        stream_purge_write(&b->body, &purge);
    if (op->kind == ENTRY_SKIP)
        stream_skip_write(&b->body, &skip);
    if (op->kind == ENTRY_SOURCE)
        stream_source_write(&b->body, &source);
}

/* --- the model: messages ---------------------------------------------------------------------- */

static inline bool model_matches(const char *filter, const char *subject)
{
    return filter[0] == '\0' || subject_matches(bytes_of(filter), bytes_of(subject));
}

static inline unsigned model_count(const struct model *m, const char *filter)
{
    unsigned n = 0;
    for (unsigned i = 0; i < m->count; i++)
        n += model_matches(filter, m->messages[i].subject);
    return n;
}

static inline uint64_t model_bytes(const struct model *m)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < m->count; i++)
        bytes += m->messages[i].size;
    return bytes;
}

static inline uint64_t model_last(const struct model *m, const char *filter)
{
    uint64_t seq = 0;
    for (unsigned i = 0; i < m->count; i++)
        if (model_matches(filter, m->messages[i].subject))
            seq = m->messages[i].seq;
    return seq;
}

static inline void model_remove_at(struct model *m, unsigned at)
{
    memmove(&m->messages[at], &m->messages[at + 1], (m->count - at - 1) * sizeof m->messages[0]);
    m->count--;
}

static inline int model_find(const struct model *m, uint64_t seq)
{
    for (unsigned i = 0; i < m->count; i++)
        if (m->messages[i].seq == seq)
            return (int)i;
    return -1;
}

static inline void model_remove_oldest(struct model *m, const char *subject)
{
    for (unsigned i = 0; i < m->count; i++) {
        if (model_matches(subject, m->messages[i].subject)) {
            model_remove_at(m, i);
            return;
        }
    }
}

static inline void model_append(struct model *m, struct model_message new_message)
{
    assert_true(m->count < MODEL_MESSAGES_MAX);
    m->messages[m->count++] = new_message;
    m->last_seq = new_message.seq;
}

static inline bool model_is_over(const struct model *m)
{
    const struct stream_rules *r = &m->rules;
    return r->discard == DISCARD_OLD &&
           ((r->max_msgs > 0 && m->count > (uint64_t)r->max_msgs) ||
            (r->max_bytes > 0 && model_bytes(m) > (uint64_t)r->max_bytes));
}

static inline unsigned model_enforce(struct model *m)
{
    unsigned removed = 0;
    for (; model_is_over(m); removed++)
        model_remove_at(m, 0);
    return removed;
}

/* --- the model: time -------------------------------------------------------------------------- */

static inline bool model_wants(const struct model *m)
{
    return m->rules.retention != RETENTION_INTEREST || m->wanted;
}

static inline void model_expire_at(struct model *m, unsigned at)
{
    struct model_message gone = m->messages[at];
    bool marker = m->rules.marker_ttl_ns >= SECOND && !rules_have(&m->rules, RULES_SEALED) &&
                  !gone.marker && model_count(m, gone.subject) == 1;
    model_remove_at(m, at);
    if (!marker)
        return;
    m->last_id = 0;
    if (!model_wants(m)) {
        m->last_seq++;
        return;
    }
    char headers[128];
    int64_t ttl = m->rules.marker_ttl_ns / SECOND;
    int size = snprintf(headers, sizeof headers,
                        "NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\nNats-TTL: %llds\r\n"
                        "Nats-Rollup: sub\r\n\r\n",
                        (long long)ttl);
    model_append(m, (struct model_message){
                        .seq = m->last_seq + 1,
                        .time_ns = m->now_ns,
                        .due_ns = m->now_ns + ttl * SECOND,
                        .marker = true,
                        .size = 16 + strlen(gone.subject) + (size_t)size,
                        .subject = gone.subject,
                    });
}

static inline bool model_expire_by_age(struct model *m)
{
    if (m->rules.max_age_ns <= 0)
        return false;
    for (unsigned i = 0; i < m->count; i++) {
        if (m->messages[i].never)
            continue;
        if (m->messages[i].time_ns > m->now_ns - m->rules.max_age_ns)
            return false;
        model_expire_at(m, i);
        return true;
    }
    return false;
}

static inline bool model_expire_by_ttl(struct model *m)
{
    int first = -1;
    for (unsigned i = 0; i < m->count && rules_have(&m->rules, RULES_ALLOW_MSG_TTL); i++)
        if (m->messages[i].due_ns <= m->now_ns &&
            (first < 0 || m->messages[i].due_ns < m->messages[first].due_ns))
            first = (int)i;
    if (first >= 0)
        model_expire_at(m, (unsigned)first);
    return first >= 0;
}

static inline void model_expire(struct model *m)
{
    while (model_expire_by_age(m))
        continue;
    while (model_expire_by_ttl(m))
        continue;
    model_enforce(m);
}

/* --- the model: a publish --------------------------------------------------------------------- */

static inline bool model_refuse(struct model *m, enum refusal refusal, uint64_t number)
{
    m->applied.outcome = APPLIED_REFUSED;
    m->applied.refusal = refusal;
    m->applied.number = number;
    return false;
}

static inline int64_t model_ttl(const struct model *m, const struct op *op)
{
    int64_t least = m->rules.marker_ttl_ns / SECOND;
    bool raise = op->ttl > 0 && op->ttl < least && m->rules.max_msgs_per_subject != 1;
    return raise ? least : op->ttl;
}

static inline uint64_t model_size(const struct model *m, const struct op *op)
{
    struct buffer headers = bench_headers(op->headers);
    uint64_t size = 16 + strlen(op->subject) + headers.size + op->payload;
    buffer_done(&headers);
    char digits[2][24];
    if (op->ttl > 0) {
        snprintf(digits[0], sizeof digits[0], "%lld", (long long)op->ttl);
        snprintf(digits[1], sizeof digits[1], "%lld", (long long)model_ttl(m, op));
        size += strlen(digits[1]) - strlen(digits[0]);
    }
    return size;
}

static inline uint64_t model_header_and_payload(const struct op *op)
{
    struct buffer headers = bench_headers(op->headers);
    uint64_t size = headers.size + op->payload;
    buffer_done(&headers);
    return size;
}

static inline bool model_staged(const struct op *before, unsigned count, const char *subject)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(before[i].subject, subject) == 0)
            return true;
    return false;
}

/* Conditions that ask for sequences. */
static inline bool model_judge_sequences(struct model *m, const struct op *op,
                                         const struct op *before, unsigned count)
{
    const char *subject = op->other_subject != NULL ? op->other_subject : op->subject;
    if (op->last_of_subject >= 0) {
        if (model_staged(before, count, subject))
            return model_refuse(m, REFUSAL_WRONG_LAST_SEQ_IN_BATCH, 0);
        if (model_last(m, subject) != (uint64_t)op->last_of_subject)
            return model_refuse(m, REFUSAL_WRONG_LAST_SEQ, model_last(m, subject));
    } else if (op->other_subject != NULL) {
        return model_refuse(m, REFUSAL_LAST_SUBJECT_SEQ_MISSING, 0);
    }
    if (op->last >= 0 && (uint64_t)op->last != m->last_seq + count)
        return model_refuse(m, REFUSAL_WRONG_LAST_SEQ, m->last_seq + count);
    if (op->last >= 0 && count > 0)
        return model_refuse(m, REFUSAL_WRONG_LAST_SEQ_IN_BATCH, 0);
    return true;
}

static inline bool model_judge_id(struct model *m, const struct op *op, const struct op *before,
                                  unsigned count, bool batch)
{
    if (op->id == 0 || rules_have(&m->rules, RULES_MIRROR))
        return true;
    for (unsigned i = 0; i < count; i++)
        if (before[i].id == op->id)
            return model_refuse(m, REFUSAL_BATCH_DUPLICATE, 0);
    for (unsigned i = m->id_count; i-- > 0;) {
        if (m->ids[i].id != op->id)
            continue;
        if (m->now_ns - m->ids[i].time_ns >= m->rules.duplicate_window_ns)
            return true;
        m->applied.seq = m->ids[i].seq;
        if (batch)
            return model_refuse(m, REFUSAL_BATCH_DUPLICATE, 0);
        m->applied.outcome = APPLIED_DUPLICATE;
        return false;
    }
    return true;
}

static inline bool model_judge_rollup(struct model *m, const struct op *op, const struct op *before,
                                      unsigned count)
{
    bool allowed =
        rules_have(&m->rules, RULES_ALLOW_ROLLUP) && !rules_have(&m->rules, RULES_DENY_PURGE);
    if (op->rollup == 0)
        return true;
    if (!allowed && !op->origin)
        return model_refuse(m, REFUSAL_ROLLUP_FORBIDDEN, 0);
    if (op->rollup == 1 && model_staged(before, count, op->subject))
        return model_refuse(m, REFUSAL_ROLLUP_SUBJECT_IN_BATCH, 0);
    if (op->rollup == 2 && count > 0)
        return model_refuse(m, REFUSAL_ROLLUP_ALL_IN_BATCH, 0);
    return true;
}

static inline bool model_judge_limits(struct model *m, const struct op *op, const struct op *before,
                                      unsigned count, bool batch)
{
    const struct stream_rules *r = &m->rules;
    uint64_t size = model_size(m, op);
    uint64_t in_subject = model_count(m, op->subject);
    uint64_t staged_bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        in_subject += strcmp(before[i].subject, op->subject) == 0;
        staged_bytes += model_size(m, &before[i]);
    }
    bool full = r->max_msgs_per_subject > 0 && in_subject >= (uint64_t)r->max_msgs_per_subject;
    bool replaces = full && !batch;
    if (r->discard != DISCARD_NEW || !model_wants(m))
        return true;
    if (full && rules_have(r, RULES_DISCARD_NEW_PER_SUBJECT) && op->rollup == 0)
        return model_refuse(m, REFUSAL_MAX_MSGS_PER_SUBJECT, 0);
    if (r->max_msgs > 0 && m->count + count >= (uint64_t)r->max_msgs && !replaces)
        return model_refuse(m, REFUSAL_MAX_MSGS, 0);
    if (r->max_bytes <= 0 || model_bytes(m) + staged_bytes + size <= (uint64_t)r->max_bytes)
        return true;
    for (unsigned i = 0; replaces && i < m->count; i++)
        if (strcmp(m->messages[i].subject, op->subject) == 0)
            return m->messages[i].size >= size || model_refuse(m, REFUSAL_MAX_BYTES, 0);
    return model_refuse(m, REFUSAL_MAX_BYTES, 0);
}

/* Whether it is taken; else the outcome says why not. */
static inline bool model_judge(struct model *m, const struct op *op, const struct op *before,
                               unsigned count, bool batch)
{
    const struct stream_rules *r = &m->rules;
    if (op->origin) {
        uint64_t seen = rules_have(r, RULES_MIRROR) ? m->last_seq : m->sources[op->source];
        if (op->origin_seq <= seen) {
            m->applied.outcome = APPLIED_OLD;
            return false;
        }
    }
    if (rules_have(r, RULES_SEALED))
        return model_refuse(m, REFUSAL_SEALED, 0);
    if (!op->origin && op->stream == 2)
        return model_refuse(m, REFUSAL_WRONG_STREAM, 0);
    if (!op->origin && op->ttl != 0 && !rules_have(r, RULES_ALLOW_MSG_TTL))
        return model_refuse(m, REFUSAL_TTL_DISABLED, 0);
    if (!op->origin && !model_judge_sequences(m, op, before, count))
        return false;
    if (!model_judge_id(m, op, before, count, batch))
        return false;
    if (!op->origin && op->last_id >= 0 && batch)
        return model_refuse(m, REFUSAL_BATCH_HEADER, 0);
    if (!op->origin && op->last_id >= 0 && op->last_id != m->last_id)
        return model_refuse(m, REFUSAL_WRONG_LAST_MSG_ID, 0);
    if (!model_judge_rollup(m, op, before, count))
        return false;
    if (r->max_msg_size >= 0 && model_header_and_payload(op) > (uint64_t)r->max_msg_size)
        return model_refuse(m, REFUSAL_MSG_TOO_LARGE, 0);
    return model_judge_limits(m, op, before, count, batch);
}

static inline void model_roll_up(struct model *m, const struct op *op, unsigned keep)
{
    const char *filter = op->rollup == 1 ? op->subject : ">";
    if (op->rollup != 0 && rules_have(&m->rules, RULES_ALLOW_ROLLUP) &&
        !rules_have(&m->rules, RULES_DENY_PURGE))
        while (model_count(m, filter) > keep)
            model_remove_oldest(m, filter);
}

static inline void model_store(struct model *m, const struct op *op)
{
    bool mirrored = op->origin && rules_have(&m->rules, RULES_MIRROR);
    uint64_t seq = mirrored ? op->origin_seq : m->last_seq + 1;
    int64_t ttl = model_ttl(m, op);
    if (model_wants(m)) {
        model_append(m, (struct model_message){
                            .seq = seq,
                            .time_ns = m->now_ns,
                            .due_ns = ttl > 0 ? m->now_ns + ttl * SECOND : INT64_MAX,
                            .never = ttl < 0,
                            .marker = op->kv_purge,
                            .size = model_size(m, op),
                            .subject = op->subject,
                        });
        int64_t max = m->rules.max_msgs_per_subject;
        while (max > 0 && model_count(m, op->subject) > (uint64_t)max)
            model_remove_oldest(m, op->subject);
        model_enforce(m);
        model_roll_up(m, op, 1);
    } else {
        m->last_seq = seq;
        model_roll_up(m, op, 0);
    }
    m->last_id = op->id;
    if (op->id != 0 && m->rules.duplicate_window_ns > 0)
        m->ids[m->id_count++] = (struct model_id){op->id, seq, m->now_ns};
    if (op->origin && !mirrored) {
        m->sources[op->source] = op->origin_seq;
        m->has_source[op->source] = true;
    }
    m->applied.outcome = model_wants(m) ? APPLIED_STORED : APPLIED_SKIPPED;
    m->applied.seq = seq;
}

static inline void model_batch(struct model *m, const struct op *op)
{
    if (op->flags & BATCH_FIRST)
        m->part_count = 0;
    else if (m->part_count == 0) {
        model_refuse(m, REFUSAL_BATCH_INCOMPLETE, 0);
        return;
    }
    if (!(op->flags & BATCH_LAST)) {
        m->parts[m->part_count++] = *op;
        m->applied.outcome = APPLIED_HELD;
        return;
    }
    unsigned total = m->part_count + 1;
    struct op parts[MODEL_PARTS_MAX + 1];
    memcpy(parts, m->parts, m->part_count * sizeof parts[0]);
    parts[total - 1] = *op;
    m->part_count = 0;
    unsigned part = 0;
    while (part < total && model_judge(m, &parts[part], parts, part, true))
        part++;
    m->applied.batch_size = total;
    if (part < total) {
        m->applied.batch_part = part + 1;
        return;
    }
    for (part = 0; part < total; part++)
        model_store(m, &parts[part]);
    m->applied.outcome = APPLIED_STORED;
    m->applied.seq = m->last_seq;
}

/* --- the model: the other kinds --------------------------------------------------------------- */

static inline void model_changed(struct model *m, uint64_t removed)
{
    m->applied.outcome = APPLIED_CHANGED;
    m->applied.removed = removed;
}

static inline void model_delete(struct model *m, const struct op *op)
{
    uint64_t removed = 0;
    if (rules_have(&m->rules, RULES_SEALED)) {
        model_refuse(m, REFUSAL_SEALED, 0);
        return;
    }
    if (rules_have(&m->rules, RULES_DENY_DELETE)) {
        model_refuse(m, REFUSAL_DELETE_FORBIDDEN, 0);
        return;
    }
    for (uint32_t i = 0; i < op->seq_count; i++) {
        int at = model_find(m, op->seqs[i]);
        if (at >= 0)
            model_remove_at(m, (unsigned)at);
        removed += at >= 0;
    }
    if (removed == 0)
        model_refuse(m, REFUSAL_SEQ_NOT_FOUND, op->seqs[0]);
    else
        model_changed(m, removed);
}

static inline void model_purge(struct model *m, const struct op *op)
{
    bool all = op->filter[0] == '\0' || strcmp(op->filter, ">") == 0;
    uint64_t keep = all && op->up_to > 0 ? 0 : op->keep;
    uint64_t removed = 0;
    if (rules_have(&m->rules, RULES_SEALED)) {
        model_refuse(m, REFUSAL_SEALED, 0);
        return;
    }
    if (rules_have(&m->rules, RULES_DENY_PURGE)) {
        model_refuse(m, REFUSAL_PURGE_FORBIDDEN, 0);
        return;
    }
    for (unsigned i = 0; i < m->count && op->up_to != 1;) {
        bool goes = model_matches(op->filter, m->messages[i].subject) &&
                    (op->up_to == 0 || m->messages[i].seq < op->up_to) &&
                    model_count(m, op->filter) > keep;
        if (goes)
            model_remove_at(m, i);
        removed += goes;
        i += !goes;
    }
    if (all && op->up_to > m->last_seq + 1)
        m->last_seq = op->up_to - 1;
    model_changed(m, removed);
}

static inline void model_configure(struct model *m, struct op *op)
{
    int64_t was = m->rules.max_msgs_per_subject;
    int64_t now = op->rules.max_msgs_per_subject;
    stream_rules_done(&m->rules);
    m->rules = op->rules;
    op->rules.sources = NULL;
    for (uint16_t i = 0; i < 4; i++) {
        if (!stream_rules_has_source(&m->rules, i) &&
            !(i == 0 && rules_have(&m->rules, RULES_MIRROR))) {
            m->sources[i] = 0;
            m->has_source[i] = false;
        }
    }
    uint64_t removed = model_enforce(m);
    for (size_t i = 0; i < sizeof model_subjects / sizeof model_subjects[0]; i++) {
        if (now <= 0 || (was > 0 && now >= was))
            break;
        for (; model_count(m, model_subjects[i]) > (uint64_t)now; removed++)
            model_remove_oldest(m, model_subjects[i]);
    }
    while (model_expire_by_age(m))
        continue;
    while (model_expire_by_ttl(m))
        continue;
    removed += model_enforce(m);
    model_changed(m, removed);
}

static inline void model_skip(struct model *m, const struct op *op)
{
    uint64_t to = op->seqs[0] + op->keep;
    if (to <= m->last_seq) {
        m->applied.outcome = APPLIED_OLD;
        return;
    }
    m->last_seq = to;
    model_changed(m, 0);
}

static inline void model_source(struct model *m, const struct op *op)
{
    bool known = stream_rules_has_source(&m->rules, op->source) ||
                 (op->source == 0 && rules_have(&m->rules, RULES_MIRROR));
    if (!known || (op->origin_seq < m->sources[op->source] && !op->reset)) {
        m->applied.outcome = APPLIED_OLD;
        return;
    }
    m->sources[op->source] = op->origin_seq;
    m->has_source[op->source] = true;
    model_changed(m, 0);
}

static inline void model_forget_ids(struct model *m)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < m->id_count; i++)
        if (m->now_ns - m->ids[i].time_ns < m->rules.duplicate_window_ns)
            m->ids[kept++] = m->ids[i];
    m->id_count = kept;
}

static inline void model_apply(struct model *m, struct op *op, int64_t time_ns)
{
    m->applied = (struct applied){0};
    if (time_ns > m->now_ns)
        m->now_ns = time_ns;
    model_expire(m);
    if (op->kind != ENTRY_BATCH)
        m->part_count = 0;
    switch (op->kind) {
    case ENTRY_MSG:
        if (model_judge(m, op, NULL, 0, false))
            model_store(m, op);
        break;
    case ENTRY_BATCH: model_batch(m, op); break;
    case ENTRY_DELETE: model_delete(m, op); break;
    case ENTRY_PURGE: model_purge(m, op); break;
    case ENTRY_CONFIG: model_configure(m, op); break;
    case ENTRY_SKIP: model_skip(m, op); break;
    case ENTRY_SOURCE: model_source(m, op); break;
    default: break;
    }
    model_forget_ids(m);
}

#endif
