/* SPDX-License-Identifier: Apache-2.0 */
/* store_backup.c -- a pinned group into nats-server's archive. */
#include "store/store_backup.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/backup/consumer_state.h"
#include "store/group/consumers.h"
#include "store/group/group.h"
#include "store/store_pin.h"
#include "store/store_state.h"

enum backup_step {
    BACKUP_PINNING,
    BACKUP_MESSAGES,
    BACKUP_MESSAGES_END,
    BACKUP_CONSUMERS,
    BACKUP_END,
    BACKUP_REST, /* of the archive is to be taken out */
};

struct store_backup {
    struct store_backup_options options;
    enum backup_step step;
    int status;                   /* the error that stays */
    struct store_pin *pin;        /* given */
    struct backup_writer *writer; /* given */
    struct consumers *consumers;  /* given: those of the pinned state */
    struct consumer **sorted;     /* given: the same, by id */
    uint32_t consumer_at;
    struct buffer meta; /* of the consumer at hand */
    struct buffer state;
};

struct store_backup *store_backup_new(const struct store_backup_options *options)
{
    struct store_backup *b = calloc(1, sizeof *b);
    CHECK(b != NULL);
    b->options = *options;
    return b;
}

void store_backup_free(struct store_backup **at)
{
    struct store_backup *b = *at;
    *at = NULL;
    if (b == NULL)
        return;
    store_pin_free(&b->pin);
    backup_writer_free(&b->writer);
    free(b->sorted);
    if (b->consumers != NULL)
        consumers_free(&b->consumers);
    buffer_done(&b->meta);
    buffer_done(&b->state);
    free(b);
}

/* --- its beginning -------------------------------------------------------------------------------------- */

static int take_consumers(struct store_backup *b)
{
    const struct checkpoint *c = store_pin_state(b->pin);
    struct bytes section = c->sections[CHECKPOINT_CONSUMERS];
    if (section.size == 0)
        return 0;
    int status =
        consumers_read(section, b->options.store->options.seed, c->last_seq, &b->consumers);
    if (status == 0)
        b->sorted = consumers_sorted(b->consumers);
    return status;
}

static int begin(struct store_backup *b)
{
    int status = store_pin_new(b->options.store, b->options.gid, &b->pin);
    if (status != 0)
        return status;
    /* Nothing has been applied since: the group has the configuration that was pinned. */
    const struct store_group *g = group_table_find(&b->options.store->groups, b->options.gid);
    struct buffer meta = {0};
    status = b->options.stream_meta(b->options.context, group_config(g->group), &meta);
    if (status == 0)
        status = take_consumers(b);
    if (status == 0)
        b->writer = backup_writer_new(g->name, buffer_view(&meta), b->options.now_s);
    buffer_done(&meta);
    b->step = BACKUP_MESSAGES;
    return status;
}

/* --- messages ------------------------------------------------------------------------------------------- */

static int on_message(void *context, const struct stored *stored)
{
    struct store_backup *b = context;
    return backup_writer_message(b->writer, &(struct backup_message){
                                                .seq = stored->seq,
                                                .time_ns = stored->time_ns,
                                                .subject = stored->message.subject,
                                                .headers = stored->message.headers,
                                                .payload = stored->message.payload,
                                            });
}

/* --- consumers ------------------------------------------------------------------------------------------ */

static int write_consumer(struct store_backup *b)
{
    struct consumer *c = b->sorted[b->consumer_at];
    struct consumer_put put = consumer_rules(c);
    b->meta.size = b->state.size = 0;
    int status = b->options.consumer_meta(b->options.context, &put, &b->meta);
    if (status != 0)
        return status;
    backup_consumer_write(&b->state, c, b->options.now_s);
    status = backup_writer_consumer(b->writer,
                                    &(struct backup_consumer){.name = consumer_name(c),
                                                              .meta = buffer_view(&b->meta),
                                                              .state = buffer_view(&b->state)});
    if (status == 0)
        b->consumer_at++;
    return status;
}

/* --- steps ---------------------------------------------------------------------------------------------- */

/* A status of the step that is being done: 0: it is over. */
static int advance(struct store_backup *b)
{
    const struct checkpoint *c = b->pin == NULL ? NULL : store_pin_state(b->pin);
    switch (b->step) {
    case BACKUP_PINNING: return begin(b);
    case BACKUP_MESSAGES: {
        int status = store_pin_read(b->pin, on_message, b);
        if (status == 0)
            b->step = BACKUP_MESSAGES_END;
        return status == -EINPROGRESS ? 0 : status;
    }
    case BACKUP_MESSAGES_END: {
        int status = backup_writer_messages_end(b->writer, c->last_seq, c->last_time_ns);
        if (status == 0)
            b->step = BACKUP_CONSUMERS;
        return status;
    }
    case BACKUP_CONSUMERS:
        if (b->consumers != NULL && b->consumer_at < b->consumers->count)
            return write_consumer(b);
        b->step = BACKUP_END;
        return 0;
    case BACKUP_END: {
        int status = backup_writer_end(b->writer);
        if (status == 0)
            b->step = BACKUP_REST;
        return status;
    }
    case BACKUP_REST: return 0;
    }
    UNREACHABLE("a backup is in one of its steps");
}

int store_backup_step(struct store_backup *b, char *at, size_t capacity, size_t *ret_size)
{
    size_t size = 0;
    int status = b->status;
    while (status == 0 && size == 0) {
        if (b->writer != NULL)
            size = backup_writer_step(b->writer, at, capacity);
        if (size > 0 || b->step == BACKUP_REST)
            break;
        status = advance(b);
    }
    if (status == 0)
        *ret_size = size;
    else if (status != -EAGAIN)
        b->status = status;
    return status;
}
