/* SPDX-License-Identifier: Apache-2.0 */
/* store_pin.h -- the state of a group at one entry, kept while the group goes on.
 *
 * Idea        What a pin has of its own: counters, sections, which sequences are dead, the bodies of the tail,
 *             and its own view of the segments. The files of these stay on the disk for as long as the
 *             pin is there: they are trash that waits. So nothing that the group does meanwhile (append,
 *             remove, drain, rewrite a segment) is seen through the pin, and the group waits for nothing.
 *
 *                 first_seq             drained                 last_seq
 *                 |  segments: files stay | tail: copied        |    what comes after is not in it
 *
 * Invariants  1 the messages that a pin tells are those that were alive when it was taken: their count and
 *               the sum of their hashes are those of its state, else reading ends with -EBADMSG
 *             2 a file that a pin names is not removed, renamed or overwritten
 * Bounds      a copy of the tail, which the journal's debt bounds; the sections; the set of dead ones. What
 *             was read of the tail is let go.
 */
#ifndef STORE_STORE_PIN_H
#define STORE_STORE_PIN_H

#include <stdbool.h>
#include <stdint.h>

#include "store/format/checkpoint.h"
#include "store/msglog.h"

struct store;
struct store_group;
struct store_pin;

/* Pins the group as it is now. -EAGAIN: it is being loaded, or in the middle of an entry: call again later;
 * -ENOENT: there is no such group, or it is being deleted; -EBADMSG: it is damaged; -ENOTSUP: it is a
 * memory stream, which has nothing that could be pinned. */
int store_pin_new(struct store *s, uint64_t gid, struct store_pin **ret)
    __attribute__((warn_unused_result));
/* Before store_free. */
void store_pin_free(struct store_pin **pin);

/* Counters, and the sections CHECKPOINT_GROUP and CHECKPOINT_CONSUMERS; the others are empty. */
const struct checkpoint *store_pin_state(const struct store_pin *p);
uint64_t store_pin_gid(const struct store_pin *p);

/* The next message, borrowed for the call: 0: taken, go on; 1: taken, stop; else not taken, stop. */
typedef int store_pin_visit_fn(void *context, const struct stored *stored);
/* Some of the messages that have not been told, in order. 0: that was all; -EINPROGRESS: there are more;
 * -EAGAIN: pages have to come, call again when the disk has done something; -EBADMSG: a message is
 * unreadable; -ECANCELED: the group is gone; else what the disk said. */
int store_pin_read(struct store_pin *p, store_pin_visit_fn *visit, void *context)
    __attribute__((warn_unused_result));

/* --- for the store ----------------------------------------------------------------------------------- */

/* A pin needs this file. */
bool store_pins_hold(const struct store *s, uint64_t gid, uint64_t segment);
/* None is letting go of its files. */
bool store_pins_idle(const struct store *s);
/* The group is being deleted: its pins let go of its files. */
void store_pins_let_go(struct store *s, uint64_t gid);
/* Whether none of its files is being read through a pin. */
bool store_pins_are_gone(const struct store *s, uint64_t gid);
/* The pages are gone. */
void store_pins_done(struct store *s);

#endif
