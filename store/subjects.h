/* SPDX-License-Identifier: Apache-2.0 */
/* subjects.h -- how many messages each subject of a log has, and which are its first and last.
 *
 * Idea        What changed since the last checkpoint that had much to write is a table in memory; what was
 *             before is in sorted runs, files x-NNN that never change. The newest one that knows a subject
 *             knows all of it: values in runs are totals.
 *
 *                 table, being changed   table, being written   run   run   run
 *                 newest ────────────────────────────────────────────────► oldest
 *
 *             Apply never reads for it: where the total of a subject is not known, the table has the
 *             difference, which is *unsettled* until a look-up or the flush has found the rest.
 *             First and last are where to look: the message may be dead by now, and the one that took its
 *             place is searched for when somebody asks, from there on, and remembered.
 * Count       of distinct subjects: exact, but for what is unsettled; subjects_count settles it first. So it
 *             costs a look into the filters for each subject that came new, and a block for each that was
 *             there, once between two flushes, and mostly at the flush.
 * Life        of a flush: subjects_save takes the table away (a look-up still sees it), steps write it,
 *             then it is a run, or given up: then it is the table again. Of a merge: it replaces its runs
 *             at once; they are named by the last checkpoint, and go when the next one is put.
 * Bounds      SUBJECTS_INLINE_MAX bytes in a checkpoint; the table: subjects_memory, watched by the store.
 */
#ifndef STORE_SUBJECTS_H
#define STORE_SUBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "store/table/subject_value.h"

struct buffer;
struct disk;
struct pages;
struct subjects;
struct subjects_flush;
struct subjects_merge;

#define SUBJECTS_INLINE_MAX ((size_t)4 << 10)
#define RUN_NAME_SIZE 24 /* with a slash before and a NUL after */

/* Writes "FOLDER/x-NNN" or, of a second copy, "FOLDER/y-NNN". */
void run_path(const char *folder, uint64_t number, bool second, char *ret, size_t size);

struct subjects_options {
    uint64_t seed;       /* of hash tables */
    uint64_t gid;        /* the rest may be left out where there will be no runs */
    struct pages *pages; /* borrowed */
    const char *folder;  /* borrowed: the group's */
    bool whole;          /* there are no runs, which are not encrypted: the checkpoint has it all */
};

struct subjects *subjects_new(const struct subjects_options *options);
/* After subjects_abandon, or when subjects_close has ended; the pages are gone, or know nothing of its files. */
void subjects_free(struct subjects **s);
/* Lets go of all files; done, perhaps at once, when nothing is under way. Then free. */
void subjects_close(struct subjects *s, void (*done)(void *context), void *context);

/* --- changes --------------------------------------------------------------------------------------- */

/* A message of this subject is there now. */
void subjects_appended(struct subjects *s, struct bytes subject, uint64_t seq);
/* One is no more. */
void subjects_removed(struct subjects *s, struct bytes subject);
void subjects_clear(struct subjects *s);
/* No message before first_seq (0: nothing learnt) or after last_seq (0) has it. */
void subjects_learn(struct subjects *s, struct bytes subject, uint64_t first_seq,
                    uint64_t last_seq);

/* --- look-ups: -EAGAIN, -EBADMSG as all of them ------------------------------------------------------ */

/* 0; -ENOENT: it has no message. */
int subjects_get(struct subjects *s, struct bytes subject, struct subject_value *ret)
    __attribute__((warn_unused_result));
/* Those that match and have messages, from behind `after` (size 0: the first) on, in order: at most max, of at
 * most SUBJECTS_SCAN_MAX. 0: there are no more; -EINPROGRESS: there may be. Else nothing was visited. */
#define SUBJECTS_SCAN_MAX 1024u
typedef void subjects_visit_fn(void *context, struct bytes subject,
                               const struct subject_value *value);
int subjects_scan(struct subjects *s, struct bytes filter, struct bytes after, uint32_t max,
                  subjects_visit_fn *visit, void *context) __attribute__((warn_unused_result));
/* Distinct subjects that have messages, exactly. -EINPROGRESS: a slice is done, call again. */
int subjects_count(struct subjects *s, uint64_t *ret) __attribute__((warn_unused_result));
/* The same without looking: what is not settled is as it was before. */
uint64_t subjects_count_settled(const struct subjects *s);
bool subjects_is_settled(const struct subjects *s);

/* --- checkpoints -------------------------------------------------------------------------------------- */

/* Of the table; what is being written is not in it. */
size_t subjects_memory(const struct subjects *s);

/* Whether it is too large for a checkpoint: then a save is a flush. */
bool subjects_is_large(struct subjects *s);
/* Nothing is under way, and the last checkpoint names the files that are used. */
bool subjects_is_quiet(const struct subjects *s);

/* What a checkpoint says, in two sections: the files, and what the table has beyond them. When that is more than
 * SUBJECTS_INLINE_MAX it becomes a flush, which has to be written before the checkpoint, and has it all
 * then. NULL: there is none. */
struct subjects_flush *subjects_save(struct subjects *s, struct buffer *runs,
                                     struct buffer *subjects);
/* Back, into a new one. -EBADMSG, -ENOTSUP. */
int subjects_load(struct subjects *s, struct bytes runs, struct bytes subjects)
    __attribute__((warn_unused_result));
/* The checkpoint that was saved last is about to be durable: the numbers of files that it does not name any
 * more, one after the other; done, perhaps at once, when nobody reads it. false: there are no more. */
bool subjects_obsolete(struct subjects *s, uint64_t *ret_number);
void subjects_drop(struct subjects *s, uint64_t number, void (*done)(void *context), void *context);

/* A slice of writing it. 0: durable; -EINPROGRESS: call again; -EAGAIN: call again when the disk has done
 * something; else it has failed. next_file: the group's; numbers are taken from it. */
int subjects_flush_step(struct subjects_flush *f, const struct disk *disk, uint64_t *next_file)
    __attribute__((warn_unused_result));
/* Written: the section of the files with it. */
void subjects_flush_section(const struct subjects_flush *f, struct buffer *runs);
/* The checkpoint that names it is durable; or there will be none. */
void subjects_flush_end(struct subjects_flush **f, bool durable);
uint64_t subjects_flush_size(const struct subjects_flush *f);
/* Whether it is written, and to which file. */
bool subjects_flush_written(const struct subjects_flush *f, uint64_t *ret_number);

/* --- merges ------------------------------------------------------------------------------------------- */

/* Whether there are runs to be merged, or are being. */
bool subjects_wants_merge(const struct subjects *s);
/* A slice, as subjects_flush_step. 0: one is done. A failure is not the end: the runs are as they were, and
 * another step tries again. */
int subjects_merge_step(struct subjects *s, const struct disk *disk, uint64_t *next_file)
    __attribute__((warn_unused_result));
/* Ends one that is under way. */
void subjects_merge_stop(struct subjects *s);
/* Nothing of a merge is under way on the disk. */
bool subjects_merge_idle(const struct subjects *s);
/* The disk has dropped all that was under way: what waits for pages does not any more. Then free. */
void subjects_abandon(struct subjects *s);

uint32_t subjects_run_count(const struct subjects *s);
uint64_t subjects_run_bytes(const struct subjects *s);
/* The invariants of subjects_state.h. */
void subjects_check(struct subjects *s);

#endif
