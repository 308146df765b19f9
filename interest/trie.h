/* SPDX-License-Identifier: Apache-2.0 */
/* trie.h -- entries: the literal subjects, and the nodes of the patterns, as the writer makes them. */
#ifndef INTEREST_TRIE_H
#define INTEREST_TRIE_H

#include "interest/state.h"

/* The entry of a subscribable subject, or 0. */
uint32_t trie_find(const struct interest *in, struct bytes subject);

/* The same, made when it is not there; 0: no memory, nothing changed. */
uint32_t trie_make(struct interest *in, struct bytes subject);

/* Takes the entry out of the index when it has no subscribers and no children, and then its parent
 * in the same way, and so on. */
void trie_prune(struct interest *in, uint32_t entry_id);

/* The counter that says whether anything with this entry's subject changed. */
_Atomic uint32_t *trie_stamp(struct interest *in, const struct stamps *stamps,
                             const struct entry *e);

/* Bytes of the entry's whole subject or pattern; writes it when `size` suffices. */
size_t trie_subject(const struct interest *in, uint32_t entry_id, char *to, size_t size);

/* Ends moves of the two tables and gives back what they have too much. */
void trie_trim(struct interest *in);

#endif
