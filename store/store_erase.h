/* SPDX-License-Identifier: Apache-2.0 */
/* store_erase.h -- erased messages leave every file; for the store's own files. store.h has store_erased. */
#ifndef STORE_STORE_ERASE_H
#define STORE_STORE_ERASE_H

#include "store/store_state.h"

/* What the group's stream tells about its messages goes to its erase list. */
void store_erase_follow(struct store_group *g);
void store_erase_slice(struct store *s);
uint64_t store_erase_due_ms(const struct store *s);
bool store_erase_idle(const struct store *s);
/* What becomes of a file of the group: what is erased may be in it. */
enum trash_way store_erase_way(const struct store_group *g);
/* The section of a checkpoint: erased sequences that may be in a file, and back. -EBADMSG, -ENOTSUP. */
void store_erase_write(const struct store_group *g, struct buffer *to);
int store_erase_read(struct store_group *g, struct bytes section)
    __attribute__((warn_unused_result));
/* The group goes. */
void store_erase_done(struct store_group *g, int status);

#endif
