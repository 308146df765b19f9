/* SPDX-License-Identifier: Apache-2.0 */
/* store_restore.c -- nats-server's archive into a group. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/nats/subject.h"
#include "runtime/base/check.h"
#include "store/backup/consumer_state.h"
#include "store/format/message.h"
#include "store/format/stream_entry.h"
#include "store/group/group_restore.h"
#include "store/group/stream_group.h"
#include "store/store_backup.h"
#include "store/store_fill.h"
#include "store/store_state.h"

struct store_restore {
    struct store_restore_options options;
    char *names;                  /* given: account and name */
    struct backup_reader *reader; /* given */
    struct store_fill *fill;      /* given; after the configuration */
    int status;                   /* the error that stays */
    bool ended;                   /* the archive is in, and was whole */
    uint32_t consumers;
};

/* --- what the archive says ------------------------------------------------------------------------------ */

static struct group *group_of(struct store_restore *r)
{
    return stream_group_stream(store_fill_stream(r->fill));
}

static uint32_t term_of(const struct store_restore *r)
{
    return r->options.store->super.boot_epoch;
}

/* The first entry of the group: its CONFIG. */
static int configure(struct store_restore *r, struct bytes body)
{
    struct entry e = {
        .gid = store_fill_gid(r->fill),
        .index = 1,
        .term = term_of(r),
        .kind = ENTRY_CONFIG,
        .time_ns = r->options.now_ns,
        .body = body,
    };
    e.body_hash = entry_body_hash(e.gid, e.index, e.term, e.body);
    struct applied applied;
    int status = group_apply(group_of(r), &e, &applied);
    if (status == 0 && applied.outcome == APPLIED_REFUSED)
        return -EINVAL;
    return status == -EBADMSG || status == -ENOTSUP ? -EINVAL : status;
}

static int on_config(void *context, struct bytes meta)
{
    struct store_restore *r = context;
    struct buffer body = {0};
    int status = r->options.config(r->options.context, meta, &body);
    if (status == 0)
        status = store_fill_new(r->options.store,
                                &(struct store_fill_options){
                                    .account = r->options.account,
                                    .name = r->options.name,
                                    .sync = r->options.sync,
                                    .bytes_max = r->options.fill_bytes_max,
                                },
                                &r->fill);
    if (status == 0)
        status = configure(r, buffer_view(&body));
    buffer_done(&body);
    return status;
}

static int on_message(void *context, const struct backup_message *m)
{
    struct store_restore *r = context;
    int status = store_fill_ready(r->fill);
    if (status != 0)
        return status;
    const struct message message = {
        .subject = m->subject, .headers = m->headers, .payload = m->payload};
    struct msglog_state state;
    msglog_state(store_fill_log(r->fill), &state);
    if (m->seq <= state.last_seq || m->seq > STREAM_SEQ_MAX || m->subject.size == 0 ||
        m->subject.size > SUBJECT_SIZE_MAX)
        return -EBADMSG;
    group_restore_message(group_of(r), term_of(r), m->seq, m->time_ns, &message);
    store_fill_note(r->fill, message_body_size(&message));
    return 0;
}

static int on_deleted(void *context, uint64_t from, uint64_t to)
{
    struct store_restore *r = context;
    int status = store_fill_ready(r->fill);
    if (status != 0)
        return status;
    store_fill_look(r->fill);
    status = group_restore_deleted(group_of(r), from, to);
    store_fill_look_end(r->fill);
    if (status == 0 && to <= STREAM_SEQ_MAX) /* what comes later is after it */
        group_restore_last(group_of(r), to);
    return status == -EINPROGRESS ? -EAGAIN : status;
}

static int on_consumer(void *context, const struct backup_consumer *c)
{
    struct store_restore *r = context;
    int status = store_fill_ready(r->fill);
    if (status != 0)
        return status;
    struct consumer_state state;
    status = backup_consumer_read(c->state, &state);
    if (status != 0)
        return status;
    struct buffer put = {0};
    status = r->options.consumer(r->options.context, r->consumers + 1, c->name, c->meta, &put);
    store_fill_look(r->fill);
    if (status == 0)
        status = stream_group_restore_consumer(store_fill_stream(r->fill), term_of(r),
                                               buffer_view(&put), &state);
    store_fill_look_end(r->fill);
    if (status == 0)
        r->consumers++;
    buffer_done(&put);
    consumer_state_done(&state);
    return status;
}

/* --- life ------------------------------------------------------------------------------------------------ */

struct store_restore *store_restore_new(const struct store_restore_options *options)
{
    struct store_restore *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    r->options = *options;
    r->names = malloc(options->account.size + options->name.size + 1);
    CHECK(r->names != NULL);
    memcpy(r->names, options->account.at, options->account.size);
    memcpy(r->names + options->account.size, options->name.at, options->name.size);
    r->options.account.at = r->names;
    r->options.name.at = r->names + options->account.size;
    r->reader = backup_reader_new(&(struct backup_reader_options){
        .stream = r->options.name,
        .bytes_max = options->bytes_max,
        .events = {on_config, on_message, on_deleted, on_consumer},
        .context = r,
    });
    return r;
}

void store_restore_free(struct store_restore **at)
{
    struct store_restore *r = *at;
    *at = NULL;
    if (r == NULL)
        return;
    store_fill_free(&r->fill);
    backup_reader_free(&r->reader);
    free(r->names);
    free(r);
}

static int stays(struct store_restore *r, int status)
{
    if (status >= 0 || status == -EAGAIN)
        return status;
    r->status = status;
    store_fill_free(&r->fill);
    return status;
}

int store_restore_step(struct store_restore *r, struct bytes *in)
{
    return r->status != 0 ? r->status : stays(r, backup_reader_step(r->reader, in));
}

/* The archive is in: the stream ends where it ended, and log time is not before its last message. */
static int finish(struct store_restore *r)
{
    struct backup_summary summary;
    int status = backup_reader_end(r->reader, &summary);
    if (status == 0)
        status = store_fill_ready(r->fill);
    if (status != 0)
        return status;
    if (summary.last_seq > STREAM_SEQ_MAX)
        return -EBADMSG;
    group_restore_last(group_of(r), summary.last_seq);
    group_restore_time(group_of(r), summary.last_time_ns);
    store_fill_set_last_time(r->fill, summary.last_time_ns);
    r->ended = true;
    return 0;
}

int store_restore_end(struct store_restore *r, struct store_group **ret)
{
    int status = r->status;
    if (status == 0 && !r->ended)
        status = stays(r, finish(r));
    if (status == 0)
        status = stays(r, store_fill_show(r->fill, ret));
    return status;
}

const char *store_restore_why(const struct store_restore *r)
{
    return backup_reader_why(r->reader);
}
