/* SPDX-License-Identifier: Apache-2.0 */
/* store_repair.h -- lost messages that somebody supplies; for the store's own files. store.h has store_supply. */
#ifndef STORE_STORE_REPAIR_H
#define STORE_STORE_REPAIR_H

#include "store/format/chunk.h"
#include "store/store_state.h"

void store_repair_slice(struct store *s);
bool store_repair_idle(const struct store *s);
/* The group goes, or the store. */
void store_repair_done(struct store_group *g, int status);

/* For a rewrite that repairs. A piece in which something is bad: headers in it that are whole say which bodies are
 * the right ones. */
void store_repair_salvage(struct store_group *g, struct bytes piece);
/* The first sequence at or after seq for which something was supplied; UINT64_MAX: none. */
uint64_t store_repair_next(const struct store_group *g, uint64_t seq);
/* The message for it, if it may be taken. */
bool store_repair_record(struct store_group *g, uint64_t seq, struct chunk_record *ret);
/* It is in the new file. */
void store_repair_taken(struct store_group *g, uint64_t seq);

#endif
