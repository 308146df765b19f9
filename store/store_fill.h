/* SPDX-License-Identifier: Apache-2.0 */
/* store_fill.h -- a group that is made of something from outside, and is seen when it is whole.
 *
 *     MAKING ──its record is durable──► FILLING ◄──► SAVING ──► SHOWING ──renamed, durable──► SHOWN
 *        └────────────────────────────────┴────── given up, or a crash: it goes ────┘
 *
 * Idea        A hidden group is a group like any other, with files and checkpoints of its own, but for its
 *             record in the ledger: that has no account, so nobody can name it. What is put into it goes into
 *             the tail of its log, and from there by the drain into segments whenever that is much; the
 *             journal has nothing of it. The last step replaces the record by one with the names, which is one
 *             commit of the ledger: before it nothing is there, after it everything. A start deletes hidden
 *             groups that it finds.
 *             Meanwhile the names are taken: a group of the same ones can not be made.
 * Failure     the store's, or that of the disk while it is drained, which is tried again as all drains are.
 * Bounds      FILL_BYTES_MAX of bodies in memory, or one; and what a group has in memory in any case.
 */
#ifndef STORE_STORE_FILL_H
#define STORE_STORE_FILL_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "store/store.h"

#define FILL_BYTES_MAX ((uint64_t)8 << 20)

struct store_fill;
struct stream_group;

struct store_fill_options {
    struct bytes account; /* of the group when it is shown */
    struct bytes name;
    enum store_sync sync;
    uint64_t bytes_max; /* of bodies that are not in segments; 0: FILL_BYTES_MAX */
};

/* 0, or -EEXIST, -ENAMETOOLONG, -EINVAL, -EIO. */
int store_fill_new(struct store *s, const struct store_fill_options *options,
                   struct store_fill **ret) __attribute__((warn_unused_result));
/* Gives it up, unless it is shown. Before store_free. */
void store_fill_free(struct store_fill **fill);

/* Whether more can be put in: 0; -EAGAIN: call again when a turn of the store, or the disk, has done
 * something; -EIO: the store has failed. */
int store_fill_ready(struct store_fill *f) __attribute__((warn_unused_result));
/* What is put in is put in here, by whoever fills; ready has said 0. No entries are under way. */
uint64_t store_fill_gid(const struct store_fill *f);
struct stream_group *store_fill_stream(struct store_fill *f);
struct msglog *store_fill_log(struct store_fill *f);
/* So many bytes have been put in. */
void store_fill_note(struct store_fill *f, uint64_t bytes);
/* Look-ups in it are between these; end says whether to wait: then ready says -EAGAIN until the pages are
 * there. */
void store_fill_look(struct store_fill *f);
void store_fill_look_end(struct store_fill *f);

/* The time of the last message that there ever was: the log knows it of those that were put in alone. */
void store_fill_set_last_time(struct store_fill *f, int64_t time_ns);

/* All is in: it becomes a group that is seen, durable when this says 0. -EAGAIN, -EIO as above; -EFBIG: it is
 * more than a checkpoint can hold. Nothing may be put in any more. */
int store_fill_show(struct store_fill *f, struct store_group **ret)
    __attribute__((warn_unused_result));

/* --- for the store ----------------------------------------------------------------------------------- */

/* What a start has found hidden goes. */
void store_fills_sweep(struct store *s);
/* All requests have ended or were dropped. */
void store_fills_done(struct store *s);

#endif
