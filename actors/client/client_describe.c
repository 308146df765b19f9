/* SPDX-License-Identifier: Apache-2.0 */
/* client_describe.c -- what a connection tells of itself, to monitoring and at its end.
 *
 * Bounds      a slice has up to DESCRIBE_SUBS_MAX subscriptions, and ends early when their texts pass
 *             DESCRIBE_TEXT_MAX. The record of a connection that ends is kept for long: it has
 *             LAST_SUBS_MAX of them, and up to LAST_TEXT_MAX.
 * Differs     nats-server keeps all subscriptions of a closed connection.
 */
#include "actors/client/client_state.h"
#include "interest/index.h"
#include "protocols/json/output.h"
#include "protocols/monitor/conn_record.h"
#include "runtime/base/check.h"
#include "runtime/buf.h"

#define DESCRIBE_SUBS_MAX 256u
#define NS_PER_MS 1000000
#define GLOBAL_ACCOUNT "$G" /* everybody's */
#define DESCRIBE_TEXT_MAX ((size_t)64 << 10)
#define LAST_SUBS_MAX 64u
#define LAST_TEXT_MAX ((size_t)8 << 10)

/* A slice while it is being gathered: texts move as they grow, so pointers come last. */
struct slice_texts {
    struct sub_detail *subs; /* given; texts' sizes right, their places not yet */
    uint32_t count;
    uint32_t next;
    struct output texts; /* subject, queue and sid of each, in this order */
};

void client_described_drop(struct msg *m)
{
    buf_unref(&((struct client_described *)(void *)m)->record);
}

/* --- subscriptions ------------------------------------------------------------------------------ */

static size_t add_subject(const struct client *c, uint32_t entry, struct output *texts)
{
    size_t size = interest_subject(c->publisher.interest, entry, NULL, 0);
    output_reserve(texts, texts->size + size);
    CHECK(output_error(texts) == 0 && texts->capacity - texts->size >= size);
    interest_subject(c->publisher.interest, entry, texts->at + texts->size, size);
    texts->size += size;
    return size;
}

/* The index has the subject once the account has added it. */
static bool is_told(const struct sub *sub)
{
    return sub->state == SUB_LIVE;
}

static void add_sub(const struct client *c, const struct sub *sub, struct slice_texts *slice)
{
    CHECK(slice->count < DESCRIBE_SUBS_MAX && c->publisher.interest != NULL);
    struct sub_detail *to = &slice->subs[slice->count++];
    to->subject.size = add_subject(c, sub->entry, &slice->texts);
    if (sub->queue != 0) {
        struct bytes queue = interest_queue(c->publisher.interest, sub->queue);
        output_add(&slice->texts, queue);
        to->queue.size = queue.size;
    }
    char digits[SUB_SID_DIGITS];
    struct bytes sid = subs_sid(sub, digits);
    output_add(&slice->texts, sid);
    to->sid.size = sid.size;
    to->msgs = (int64_t)sub->delivered;
    to->max = sub->max;
    to->cid = c->cid;
}

static void gather(const struct client *c, uint32_t from, uint32_t count_max, size_t text_max,
                   struct slice_texts *slice)
{
    uint32_t cursor = from;
    const struct sub *sub = NULL;
    while (slice->count < count_max && slice->texts.size < text_max &&
           (sub = subs_next(&c->subs, &cursor)) != NULL)
        if (is_told(sub))
            add_sub(c, sub, slice);
    slice->next = sub != NULL && cursor < c->subs.made ? cursor : 0;
}

static void place_texts(struct slice_texts *slice)
{
    CHECK(output_error(&slice->texts) == 0);
    const char *at = slice->texts.at;
    for (uint32_t i = 0; i < slice->count; i++) {
        struct sub_detail *sub = &slice->subs[i];
        sub->subject.at = at;
        sub->queue.at = at + sub->subject.size;
        sub->sid.at = sub->queue.at + sub->queue.size;
        at = sub->sid.at + sub->sid.size;
    }
    DCHECK(slice->count == 0 || at == slice->texts.at + slice->texts.size);
}

/* --- the row ------------------------------------------------------------------------------------ */

static struct bytes take_text(const char **at, uint16_t size)
{
    struct bytes text = {*at, size};
    *at += size;
    return text;
}

static void fill_identity(const struct client *c, struct conn_info *info)
{
    const struct client_identity *identity = c->identity;
    if (identity == NULL)
        return;
    const char *at = identity->texts;
    info->name = take_text(&at, identity->name_size);
    info->lang = take_text(&at, identity->lang_size);
    info->version = take_text(&at, identity->version_size);
    info->auth.user = take_text(&at, identity->user_size);
    if (info->auth.user.size == 0 && c->token_given)
        info->auth.user = BYTES("[REDACTED]");
}

/* Kept by the monotonic clock, and to the millisecond. */
static int64_t last_activity_ns(const struct client *c)
{
    uint64_t last_ms = c->last_in_ms > c->last_out_ms ? c->last_in_ms : c->last_out_ms;
    if (last_ms == 0)
        return c->start_wall_ns;
    DCHECK(last_ms <= now_ms());
    int64_t last_ns = wall_ns() - (int64_t)(now_ms() - last_ms) * NS_PER_MS;
    return last_ns < c->start_wall_ns ? c->start_wall_ns : last_ns;
}

static void fill_info(const struct client *c, char ip[NET_HOST_MAX], struct conn_info *info)
{
    uint16_t port = 0;
    net_address_text(&c->peer, ip, &port);
    *info = (struct conn_info){
        .cid = c->cid,
        .kind = BYTES("Client"),
        .type = BYTES("nats"),
        .ip = bytes_of(ip),
        .port = port,
        .start_ns = c->start_wall_ns,
        .last_ns = last_activity_ns(c),
        .rtt_ns = (int64_t)c->rtt_ns,
        .pending_bytes = (int64_t)c->out.bytes,
        .in_msgs = (int64_t)c->in_msgs,
        .out_msgs = (int64_t)c->out_msgs,
        .in_bytes = (int64_t)c->in_bytes,
        .out_bytes = (int64_t)c->out_bytes,
        .stalls = c->stalls,
        .sub_count = c->subs.live,
    };
    fill_identity(c, info);
    if (c->account.id != 0 && client_is_open(c))
        info->auth.name_tag = BYTES(GLOBAL_ACCOUNT);
}

static struct buf *make_record(const struct client *c, struct slice_texts *slice,
                               enum closed_state reason)
{
    place_texts(slice);
    char ip[NET_HOST_MAX];
    struct conn_record record = {
        .subs = slice->subs, .sub_count = slice->count, .sub_next = slice->next};
    fill_info(c, ip, &record.info);
    if (reason != CLOSED_STATE_OPEN) {
        record.info.stop_ns = wall_ns();
        record.info.reason = reason;
    }
    size_t size = conn_record_size(&record);
    struct buf *buf = buf_new(size);
    CHECK(buf->capacity >= size && slice->count <= DESCRIBE_SUBS_MAX);
    conn_record_write(buf->at, size, &record);
    buf->size = (uint32_t)size;
    return buf;
}

static void slice_begin(struct slice_texts *slice, uint32_t count_max)
{
    *slice = (struct slice_texts){0};
    output_init(&slice->texts, DESCRIBE_TEXT_MAX + 4 * INTEREST_QUEUE_SIZE_MAX);
    if (count_max > 0)
        slice->subs = mem_alloc(count_max * sizeof *slice->subs);
}

static void slice_end(struct slice_texts *slice)
{
    output_done(&slice->texts);
    mem_free(slice->subs);
}

void client_on_describe(struct client *c, struct client_describe *m)
{
    if (!client_is_open(c))
        return; /* it is told of at its end; the request answers GONE */
    uint32_t count_max = m->count_max < DESCRIBE_SUBS_MAX ? m->count_max : DESCRIBE_SUBS_MAX;
    struct slice_texts slice;
    slice_begin(&slice, count_max);
    const struct sub *only = NULL;
    if (count_max > 0 && m->sub_slot == CLIENT_ALL_SLOTS)
        gather(c, m->sub_from, count_max, DESCRIBE_TEXT_MAX, &slice);
    else if (count_max > 0 && (only = subs_at(&c->subs, m->sub_slot)) != NULL && is_told(only))
        add_sub(c, only, &slice);
    struct client_described *answer = (struct client_described *)(void *)msg_alloc(m->answer);
    answer->record = make_record(c, &slice, CLOSED_STATE_OPEN);
    slice_end(&slice);
    struct reply reply = reply_take(&m->msg);
    reply_send(&reply, &answer->msg);
}

struct buf *client_last_record(const struct client *c, enum closed_state reason)
{
    CHECK(reason != CLOSED_STATE_OPEN);
    uint32_t count_max = c->subs.live < LAST_SUBS_MAX ? c->subs.live : LAST_SUBS_MAX;
    struct slice_texts slice;
    slice_begin(&slice, count_max);
    if (count_max > 0)
        gather(c, 0, count_max, LAST_TEXT_MAX, &slice);
    slice.next = 0;
    for (uint32_t i = 0; i < slice.count; i++) /* the reference tells it here alone */
        slice.subs[i].account = slice.subs[i].account_tag = BYTES(GLOBAL_ACCOUNT);
    struct buf *record = make_record(c, &slice, reason);
    slice_end(&slice);
    return record;
}
