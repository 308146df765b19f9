/* SPDX-License-Identifier: Apache-2.0 */
/* group_config.c -- a new configuration, which is enforced at once, and the positions of sources.
 *
 * Idea        The rules hold from the first step on. Then what is over the new limits goes in
 *             slices: by count and bytes, then of each subject that has more than it may, then by
 *             age.
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/group/group_private.h"

#define SUBJECTS_A_LOOK 1024u

enum config_phase { CONFIG_RULES, CONFIG_LIMITS, CONFIG_SUBJECTS, CONFIG_AGE };

/* --- sources ---------------------------------------------------------------------------------- */

static uint32_t source_rank(const struct group *g, uint16_t number)
{
    uint32_t n = 0;
    while (n < g->source_count && g->sources[n].number < number)
        n++;
    return n;
}

struct source *group_find_source(const struct group *g, uint16_t number)
{
    uint32_t n = source_rank(g, number);
    return n < g->source_count && g->sources[n].number == number ? &g->sources[n] : NULL;
}

void group_set_source(struct group *g, uint16_t number, uint64_t seq)
{
    struct source *source = group_find_source(g, number);
    g->work.begun = true;
    if (source == NULL) {
        uint32_t n = source_rank(g, number);
        g->sources = realloc(g->sources, (g->source_count + 1) * sizeof g->sources[0]);
        CHECK(g->sources != NULL);
        source = &g->sources[n];
        memmove(source + 1, source, (g->source_count - n) * sizeof *source);
        *source = (struct source){.number = number};
        g->source_count++;
    }
    source->seq = seq;
}

static bool is_source(const struct group *g, uint16_t number)
{
    return stream_rules_has_source(&g->rules, number) ||
           (number == 0 && rules_have(&g->rules, RULES_MIRROR));
}

/* Those that the rules no longer have are forgotten. */
static void drop_sources(struct group *g)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < g->source_count; i++)
        if (is_source(g, g->sources[i].number))
            g->sources[kept++] = g->sources[i];
    g->source_count = kept;
}

bool group_source(const struct group *g, uint16_t number, uint64_t *ret_seq,
                  struct bytes *ret_identity)
{
    const struct source *source = group_find_source(g, number);
    if (source == NULL)
        return false;
    *ret_seq = source->seq;
    *ret_identity = (struct bytes){source->identity, source->identity_size};
    return true;
}

int apply_source(struct group *g, const struct entry *e, struct applied *ret)
{
    struct stream_source s;
    int r = stream_source_read(e->body, &s);
    if (r != 0)
        return r;
    const struct source *known = group_find_source(g, s.number);
    if (!is_source(g, s.number) || (known != NULL && s.seq < known->seq && !s.reset)) {
        ret->outcome = APPLIED_OLD;
        return 0;
    }
    group_set_source(g, s.number, s.seq);
    struct source *source = group_find_source(g, s.number);
    source->identity_size = (uint8_t)s.identity.size;
    if (s.identity.size > 0)
        memcpy(source->identity, s.identity.at, s.identity.size);
    ret->outcome = APPLIED_CHANGED;
    return 0;
}

/* --- the rules -------------------------------------------------------------------------------- */

void group_set_rules(struct group *g, struct stream_rules *rules)
{
    struct buffer b = {0};
    stream_rules_write(&b, rules);
    g->rules_hash = checksum(g->gid, b.at, b.size);
    buffer_done(&b);
    stream_rules_done(&g->rules);
    g->rules = *rules;
    *rules = (struct stream_rules){0};
}

/* Whether subjects may now have fewer messages than before. */
static bool is_lower_per_subject(const struct stream_rules *from, const struct stream_rules *to)
{
    return to->max_msgs_per_subject > 0 && (from->max_msgs_per_subject <= 0 ||
                                            to->max_msgs_per_subject < from->max_msgs_per_subject);
}

static int take_config(struct group *g, const struct entry *e)
{
    struct stream_config c;
    struct stream_rules rules;
    int r = stream_config_read(e->body, &c);
    if (r == 0)
        r = stream_rules_read(c.rules, &rules);
    if (r != 0)
        return r;
    struct msglog_state state = group_log_state(g);
    if (state.last_seq == 0 && rules.first_seq > 1) {
        r = group_compact(g, rules.first_seq, GROUP_BY_PURGE);
        if (r != 0) {
            stream_rules_done(&rules);
            return r;
        }
    }
    g->work.begun = true;
    g->work.phase = CONFIG_LIMITS;
    g->work.lowered = is_lower_per_subject(&g->rules, &rules);
    group_set_rules(g, &rules);
    drop_sources(g);
    g->config.size = 0;
    buffer_add(&g->config, c.text.at, c.text.size);
    if (g->events->configured != NULL)
        g->events->configured(g->context, &g->rules);
    return 0;
}

/* --- messages per subject --------------------------------------------------------------------- */

struct search {
    struct group *group;
    bool found; /* one that has too many */
};

static void look_at(void *context, struct bytes subject, const struct subject_totals *totals)
{
    struct search *search = context;
    struct group *g = search->group;
    if (search->found)
        return;
    work_visit(&g->work, subject);
    search->found = totals->msgs > (uint64_t)g->rules.max_msgs_per_subject;
}

/* Removes the oldest of the subject until it has no more than it may. */
static int trim(struct group *g, struct bytes subject, uint32_t *budget)
{
    for (;;) {
        struct subject_totals totals;
        int r = msglog_subject(g->log, subject, &totals);
        if (r != 0)
            return r == -ENOENT ? 0 : r;
        if (totals.msgs <= (uint64_t)g->rules.max_msgs_per_subject)
            return 0;
        if (*budget == 0)
            return -EINPROGRESS;
        struct stored_stat s;
        r = msglog_stat(g->log, totals.first_seq, &s);
        if (r != 0)
            return r == -ENOENT ? -EBADMSG : r;
        group_remove(g, &s, GROUP_BY_LIMIT);
        g->work.removed++;
        --*budget;
    }
}

static int trim_subjects(struct group *g, uint32_t *budget)
{
    for (;;) {
        /* The subject that the last call ended with, trimmed as far as that got. */
        if (g->work.after.size > 0) {
            int r = trim(g, buffer_view(&g->work.after), budget);
            if (r != 0)
                return r;
        }
        if (*budget == 0)
            return -EINPROGRESS;
        --*budget;
        struct search search = {.group = g};
        int r = msglog_subjects(g->log, BYTES(">"), buffer_view(&g->work.after), SUBJECTS_A_LOOK,
                                look_at, &search);
        work_advance(&g->work);
        if (!search.found && r != -EINPROGRESS)
            return r;
    }
}

int apply_config(struct group *g, const struct entry *e, uint32_t *budget, struct applied *ret)
{
    int r = 0;
    if (g->work.phase == CONFIG_RULES)
        r = take_config(g, e);
    if (r == 0 && g->work.phase == CONFIG_LIMITS) {
        r = group_enforce(g, budget);
        if (r == 0)
            g->work.phase = g->work.lowered ? CONFIG_SUBJECTS : CONFIG_AGE;
    }
    if (r == 0 && g->work.phase == CONFIG_SUBJECTS) {
        r = trim_subjects(g, budget);
        if (r == 0)
            g->work.phase = CONFIG_AGE;
    }
    if (r == 0)
        r = group_expire(g, e, budget);
    if (r == 0)
        r = group_enforce(g, budget);
    if (r != 0)
        return r;
    ret->outcome = APPLIED_CHANGED;
    ret->removed = g->work.removed;
    return 0;
}
