/* SPDX-License-Identifier: Apache-2.0 */
/* account_report.c -- see account_report.h.
 *
 * Bounds      a slice has up to REPORT_SUBS_MAX subscriptions, whose texts are as long as control lines
 *             may be.
 */
#include "actors/account/account_report.h"

#include "actors/account/account_msg.h"
#include "interest/index.h"
#include "protocols/json/output.h"
#include "runtime/actor.h"
#include "runtime/base/check.h"
#include "runtime/buf.h"

#define REPORT_SUBS_MAX 256u
#define REPORT_TEXT_MAX ((size_t)REPORT_SUBS_MAX * 3 * 65536)

/* While the walk goes on, texts move as they grow: their places come last. */
struct report {
    struct account_sub *subs; /* given; sizes right */
    uint32_t count;
    struct output texts;
};

void account_reported_drop(struct msg *m)
{
    buf_unref(&((struct account_reported *)(void *)m)->slice);
}

static void on_item(void *context, const struct interest_item *item)
{
    struct report *report = context;
    CHECK(report->count < REPORT_SUBS_MAX);
    report->subs[report->count++] = (struct account_sub){
        .subject = {NULL, item->subject.size},
        .queue = {NULL, item->queue.size},
        .sid = {NULL, item->sid.size},
        .conn = {item->conn},
        .slot = item->slot,
    };
    output_add(&report->texts, item->subject);
    output_add(&report->texts, item->queue);
    output_add(&report->texts, item->sid);
}

static struct buf *make_slice(const struct report *report)
{
    CHECK(output_error(&report->texts) == 0);
    size_t head = sizeof(struct account_slice) + report->count * sizeof(struct account_sub);
    struct buf *buf = buf_new(head + report->texts.size);
    struct account_slice *slice = (struct account_slice *)(void *)buf->at;
    slice->count = report->count;
    char *at = buf->at + head;
    if (report->texts.size > 0)
        memcpy(at, report->texts.at, report->texts.size);
    for (uint32_t i = 0; i < report->count; i++) {
        slice->subs[i] = report->subs[i];
        slice->subs[i].subject.at = at;
        slice->subs[i].queue.at = at + report->subs[i].subject.size;
        slice->subs[i].sid.at = slice->subs[i].queue.at + report->subs[i].queue.size;
        at = at + report->subs[i].subject.size + report->subs[i].queue.size +
             report->subs[i].sid.size;
    }
    buf->size = (uint32_t)(head + report->texts.size);
    return buf;
}

static void add_slice(const struct interest *interest, const struct account_report *m,
                      struct account_reported *answer)
{
    struct interest_cursor cursor = {m->cursor_entry, m->cursor_skip};
    uint32_t count = m->count_max < REPORT_SUBS_MAX ? m->count_max : REPORT_SUBS_MAX;
    struct report report = {.subs = mem_alloc(count * sizeof(struct account_sub))};
    output_init(&report.texts, REPORT_TEXT_MAX);
    answer->more = interest_scan(interest, &cursor, count, on_item, &report);
    answer->cursor_entry = cursor.entry;
    answer->cursor_skip = cursor.skip;
    answer->slice = make_slice(&report);
    output_done(&report.texts);
    mem_free(report.subs);
}

void account_answer_report(const struct interest *interest, struct account_report *m)
{
    struct interest_stats stats;
    interest_stats(interest, &stats);
    struct account_reported *answer = (struct account_reported *)(void *)msg_alloc(m->answer);
    answer->subscriptions = stats.subscriptions;
    answer->inserts = stats.inserts;
    answer->removes = stats.removes;
    if (m->count_max > 0)
        add_slice(interest, m, answer);
    struct reply reply = reply_take(&m->msg);
    reply_send(&reply, &answer->msg);
}
