/* SPDX-License-Identifier: Apache-2.0 */
/* store_scrub.h -- the scrub of a store, for the store's own files. */
#ifndef STORE_STORE_SCRUB_H
#define STORE_STORE_SCRUB_H

#include "store/store_state.h"

void store_scrub_init(struct store *s);
/* While there are pages; nothing is under way, or the disk has dropped it. */
void store_scrub_done(struct store *s);
void store_scrub_slice(struct store *s);
uint64_t store_scrub_due_ms(const struct store *s);
/* It has no request under way, and when the store closes, it has stopped. */
bool store_scrub_idle(const struct store *s);
/* Something of the group was unreadable: it is next. */
void store_scrub_soon(struct store *s, struct store_group *g);

#endif
