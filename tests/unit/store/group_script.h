/* SPDX-License-Identifier: Apache-2.0 */
/* group_script.h -- what a group does, as a script: a line is done, "->" says what came of it, "="
 * what is in the stream then.
 *
 *     rules KEY=VALUE ...         a CONFIG; numbers, times in seconds; keys without a value are
 *     flags pub SUBJECT[*SIZE] [| HEADERS]          headers: "Name: value|Name: value"
 *     part f|l|fl|- SUBJECT [| HEADERS]       of a batch: first, last, both, neither
 *     origin SOURCE SEQ SUBJECT [| HEADERS]   a message of a source, or of the mirror
 *     del SEQ ..   erase SEQ ..   purge FILTER UP_TO KEEP   skip FROM TO   source NUMBER SEQ
 *     [reset] time SECONDS                            a TIME so much later
 *     later SECONDS                           the next entry comes so much later
 *     unwanted, wanted                        what the consumers say
 *     -> SEQ | dup SEQ | skipped SEQ | old | held | changed REMOVED | nothing | ERR_CODE TEXT
 *     = SEQ:SUBJECT ...
 *     due SECONDS | due never                 from now on
 */
#ifndef TESTS_UNIT_STORE_GROUP_SCRIPT_H
#define TESTS_UNIT_STORE_GROUP_SCRIPT_H

#include "tests/unit/store/group_bench.h"

struct script_flag {
    const char *name;
    unsigned flag;
};

static const struct script_flag script_flags[] = {
    {"sealed", RULES_SEALED},         {"deny_delete", RULES_DENY_DELETE},
    {"deny_purge", RULES_DENY_PURGE}, {"rollup", RULES_ALLOW_ROLLUP},
    {"ttl", RULES_ALLOW_MSG_TTL},     {"new_per_subject", RULES_DISCARD_NEW_PER_SUBJECT},
    {"mirror", RULES_MIRROR},
};

static inline void script_number(struct stream_rules *r, const char *key, int64_t value)
{
    if (strcmp(key, "max_msgs") == 0)
        r->max_msgs = value;
    else if (strcmp(key, "max_bytes") == 0)
        r->max_bytes = value;
    else if (strcmp(key, "per_subject") == 0)
        r->max_msgs_per_subject = value;
    else if (strcmp(key, "max_age") == 0)
        r->max_age_ns = value * SECOND;
    else if (strcmp(key, "window") == 0)
        r->duplicate_window_ns = value * SECOND;
    else if (strcmp(key, "marker") == 0)
        r->marker_ttl_ns = value * SECOND;
    else if (strcmp(key, "max_size") == 0)
        r->max_msg_size = (int32_t)value;
    else if (strcmp(key, "first_seq") == 0)
        r->first_seq = (uint64_t)value;
    else if (strcmp(key, "discard_new") == 0)
        r->discard = value ? DISCARD_NEW : DISCARD_OLD;
    else if (strcmp(key, "interest") == 0)
        r->retention = value ? RETENTION_INTEREST : RETENTION_LIMITS;
    else
        fail_msg("unknown rule %s", key);
}

static inline void script_rules(struct bench *b, char *words)
{
    stream_rules_done(&b->rules);
    stream_rules_init(&b->rules, BYTES("S"));
    uint16_t sources[16];
    uint16_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');
        if (value != NULL) {
            *value++ = '\0';
            if (strcmp(word, "source") == 0)
                sources[count++] = (uint16_t)atoi(value);
            else
                script_number(&b->rules, word, atoll(value));
            continue;
        }
        size_t i = 0;
        while (i < sizeof script_flags / sizeof script_flags[0] &&
               strcmp(script_flags[i].name, word) != 0)
            i++;
        assert_true(i < sizeof script_flags / sizeof script_flags[0]);
        b->rules.flags |= script_flags[i].flag;
    }
    stream_rules_set_sources(&b->rules, sources, count);
    bench_configure(b);
}

/* Cuts the headers off; NULL: there are none. */
static inline const char *script_headers(char *line)
{
    char *bar = strstr(line, " | ");
    if (bar == NULL)
        return NULL;
    *bar = '\0';
    return bar + 3;
}

static inline void script_publish(struct bench *b, char *line)
{
    const char *headers = script_headers(line);
    char *star = strchr(line, '*');
    if (star != NULL)
        *star++ = '\0';
    bench_message(b, line, headers, star != NULL ? (size_t)atoi(star) : 1);
    bench_apply(b, ENTRY_MSG);
}

static inline void script_part(struct bench *b, char *line)
{
    const char *headers = script_headers(line);
    char *subject = strchr(line, ' ');
    *subject++ = '\0';
    uint8_t flags = 0;
    flags |= strchr(line, 'f') != NULL ? BATCH_FIRST : 0;
    flags |= strchr(line, 'l') != NULL ? BATCH_LAST : 0;
    bench_part(b, flags, subject, headers);
}

static inline void script_origin(struct bench *b, char *line)
{
    struct buffer headers = bench_headers(script_headers(line));
    unsigned source;
    unsigned long long seq;
    char subject[64];
    assert_int_equal(sscanf(line, "%u %llu %63s", &source, &seq, subject), 3);
    struct message m = {
        .flags = MESSAGE_ORIGIN,
        .source = (uint16_t)source,
        .origin_seq = seq,
        .subject = bytes_of(subject),
        .headers = buffer_view(&headers),
        .payload = BYTES("x"),
    };
    bench_write_message(b, &m);
    buffer_done(&headers);
    bench_apply(b, ENTRY_MSG);
}

static inline void script_delete(struct bench *b, char *words, bool erase)
{
    uint64_t seqs[16];
    uint32_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        seqs[count++] = (uint64_t)atoll(word);
    b->body.size = 0;
    stream_delete_write(&b->body, seqs, count, erase);
    bench_apply(b, ENTRY_DELETE);
}

static inline void script_numbers(struct bench *b, const char *verb, const char *words)
{
    unsigned long long x;
    unsigned long long y;
    assert_int_equal(sscanf(words, "%llu %llu", &x, &y), 2);
    b->body.size = 0;
    if (strcmp(verb, "skip") == 0) {
        struct stream_skip s = {x, y};
        stream_skip_write(&b->body, &s);
        bench_apply(b, ENTRY_SKIP);
        return;
    }
    struct stream_source s = {
        .number = (uint16_t)x, .seq = y, .reset = strstr(words, "reset") != NULL};
    stream_source_write(&b->body, &s);
    bench_apply(b, ENTRY_SOURCE);
}

static inline void script_purge(struct bench *b, const char *words)
{
    char filter[64];
    unsigned long long up_to;
    unsigned long long keep;
    assert_int_equal(sscanf(words, "%63s %llu %llu", filter, &up_to, &keep), 3);
    bench_purge(b, strcmp(filter, "all") == 0 ? "" : filter, up_to, keep);
}

/* What came of the last entry, as it stands behind "->". */
static inline const char *script_outcome(const struct applied *a)
{
    static char text[REFUSAL_TEXT_MAX + 64];
    char refusal[REFUSAL_TEXT_MAX];
    unsigned long long seq = a->seq;
    unsigned long long removed = a->removed;
    switch (a->outcome) {
    case APPLIED_NOTHING: snprintf(text, sizeof text, "nothing"); break;
    case APPLIED_STORED: snprintf(text, sizeof text, "%llu", seq); break;
    case APPLIED_SKIPPED: snprintf(text, sizeof text, "skipped %llu", seq); break;
    case APPLIED_DUPLICATE: snprintf(text, sizeof text, "dup %llu", seq); break;
    case APPLIED_OLD: snprintf(text, sizeof text, "old"); break;
    case APPLIED_HELD: snprintf(text, sizeof text, "held"); break;
    case APPLIED_CHANGED: snprintf(text, sizeof text, "changed %llu", removed); break;
    case APPLIED_REFUSED:
        refusal_text(a->refusal, a->number, a->text, refusal);
        snprintf(text, sizeof text, "%u %s", refusal_err_code(a->refusal), refusal);
        break;
    }
    return text;
}

static inline void script_due(struct bench *b, const char *words)
{
    int64_t due = group_next_due(b->group);
    if (strcmp(words, "never") == 0)
        assert_true(due == INT64_MAX);
    else
        assert_int_equal(due - b->now_ns, atoll(words) * SECOND);
}

static inline void script_line(struct bench *b, char *line)
{
    char *words = strchr(line, ' ');
    if (words != NULL)
        *words++ = '\0';
    else
        words = line + strlen(line);
    if (strcmp(line, "rules") == 0)
        script_rules(b, words);
    else if (strcmp(line, "pub") == 0)
        script_publish(b, words);
    else if (strcmp(line, "part") == 0)
        script_part(b, words);
    else if (strcmp(line, "origin") == 0)
        script_origin(b, words);
    else if (strcmp(line, "del") == 0 || strcmp(line, "erase") == 0)
        script_delete(b, words, line[0] == 'e');
    else if (strcmp(line, "purge") == 0)
        script_purge(b, words);
    else if (strcmp(line, "skip") == 0 || strcmp(line, "source") == 0)
        script_numbers(b, line, words);
    else if (strcmp(line, "time") == 0)
        bench_time(b, atoll(words) * SECOND);
    else if (strcmp(line, "later") == 0)
        b->now_ns += atoll(words) * SECOND;
    else if (strcmp(line, "unwanted") == 0 || strcmp(line, "wanted") == 0)
        b->wanted = line[0] == 'w';
    else if (strcmp(line, "due") == 0)
        script_due(b, words);
    else if (strcmp(line, "->") == 0)
        assert_string_equal(script_outcome(&b->applied), words);
    else if (strcmp(line, "=") == 0)
        assert_string_equal(bench_messages(b), words);
    else
        fail_msg("unknown line %s", line);
}

static inline void script_run(struct bench *b, const char *script)
{
    char *copy = strdup(script);
    char *rest = NULL;
    for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        script_line(b, line);
    free(copy);
}

#endif
