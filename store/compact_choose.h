/* SPDX-License-Identifier: Apache-2.0 */
/* compact_choose.h -- which neighbouring segments are worth being written anew.
 *
 * Idea        A segment that is at least half dead is a candidate: rewriting it costs no more than it gives
 *             back. So dead bytes stay under the live ones (of segments that are let be), and each byte is
 *             moved about once for each that dies. Of the candidates the one with the most dead bytes times
 *             age goes first: what is young will go on dying by itself. Its neighbours come along when
 *             they are candidates, too, or small, as long as the result is no larger than a segment is meant to
 *             be: else rewriting would leave ever more and ever smaller files.
 */
#ifndef STORE_COMPACT_CHOOSE_H
#define STORE_COMPACT_CHOOSE_H

#include <stdbool.h>
#include <stdint.h>

struct compact_segment {
    uint64_t size;    /* bytes of the file */
    uint64_t records; /* in it, when it was written; not 0 */
    uint64_t live;    /* of them */
    uint64_t age;     /* since its youngest message, in any unit */
};

struct compact_limits {
    uint64_t dead_min;   /* bytes of one segment: less is let be, unless all of it is dead */
    uint64_t result_max; /* bytes of the new one */
    uint64_t small;      /* a segment with fewer live bytes goes with its neighbour */
    uint32_t count_max;
};

struct compact_choice {
    uint32_t first;
    uint32_t count; /* 0: there is nothing to do */
};

/* Bytes of the file that its live records take, about. */
uint64_t compact_live_bytes(const struct compact_segment *s);

struct compact_choice compact_choose(const struct compact_segment *segments, uint32_t count,
                                     const struct compact_limits *limits);

#endif
