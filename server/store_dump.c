/* SPDX-License-Identifier: Apache-2.0 */
/* store_dump.c -- what a store holds, for people or, with --json, for programs. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/store_check.h"
#include "server/store_tool.h"
#include "store/format/message.h"
#include "store/table/seqset.h"

/* --- json ------------------------------------------------------------------------------------------------ */

/* Bytes that are no printable ASCII as \u00XX: what is not text stays recognisable. */
static void print_json(struct bytes text)
{
    putchar('"');
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void json_group(const struct view_group *g)
{
    const struct checkpoint *c = &g->checkpoint;
    printf("{\"gid\":%" PRIu64, g->gid);
    if (g->record_status == 0) {
        printf(",\"account\":");
        print_json(g->record.account);
        printf(",\"name\":");
        print_json(g->record.name);
        printf(",\"form\":\"%s\",\"sync\":\"%s\",\"incarnation\":%" PRIu64,
               g->record.form == MSGLOG_FILE ? "file" : "memory",
               g->record.sync == 0 ? "always" : "interval", g->record.incarnation);
    }
    if (g->checkpoint_status == 0) {
        printf(",\"checkpoint\":{\"applied\":%" PRIu64 ",\"term\":%u,\"log_time_ns\":%" PRId64
               ",\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"first_seq\":%" PRIu64
               ",\"last_seq\":%" PRIu64 ",\"segments\":[",
               c->applied, c->term, c->log_time_ns, c->msgs, c->bytes, c->first_seq, c->last_seq);
        for (uint32_t i = 0; i < g->segment_count; i++) {
            const struct segment_edge *e = &g->segments[i];
            printf("%s{\"number\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"first_seq\":%" PRIu64
                   ",\"last_seq\":%" PRIu64 ",\"messages\":%" PRIu64 "}",
                   i > 0 ? "," : "", e->number, e->size, e->first_seq, e->last_seq, e->records);
        }
        printf("],\"runs\":[");
        for (uint32_t i = 0; i < g->run_count; i++)
            printf("%s{\"number\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"keys\":%" PRIu64 "}",
                   i > 0 ? "," : "", g->runs[i].number, g->runs[i].size, g->runs[i].keys);
        printf("]}");
    }
    printf("}");
}

static void print_uuid(const struct store_view *v)
{
    for (size_t i = 0; i < sizeof v->super.uuid; i++)
        printf("%02x", v->super.uuid[i]);
}

static void dump_json(const struct store_view *v)
{
    printf("{\"uuid\":\"");
    print_uuid(v);
    printf("\",\"generation\":%" PRIu64 ",\"starts\":%u,\"clean\":%s,\"ledger\":%" PRIu64
           ",\"journal\":{\"floor\":%" PRIu64 ",\"end\":%" PRIu64 ",\"records\":%" PRIu64
           ",\"files\":%u,\"spares\":%u},\"groups\":[",
           v->super.generation, v->super.boot_epoch, v->super.clean ? "true" : "false",
           v->super.ledger, v->floor, v->journal_end.position, v->journal_records,
           v->journal.file_count, v->journal_spares);
    for (uint32_t i = 0; i < v->group_count; i++) {
        if (i > 0)
            putchar(',');
        json_group(&v->groups[i]);
    }
    printf("]}\n");
}

/* --- text -------------------------------------------------------------------------------------------------- */

static void dump_group(const struct store_view *v, const struct view_group *g)
{
    const struct checkpoint *c = &g->checkpoint;
    printf("%s", view_group_title(v, g->gid));
    if (g->record_status == 0)
        printf(": %s, synced %s", g->record.form == MSGLOG_FILE ? "file" : "memory",
               g->record.sync == 0 ? "always" : "at intervals");
    printf("\n");
    if (g->checkpoint_status == -ENOENT)
        printf("  no checkpoint yet: all of it is in the journal\n");
    else if (g->checkpoint_status != 0)
        printf("  its checkpoint can not be read: %s\n", tool_why(g->checkpoint_status));
    else
        printf("  at entry %" PRIu64 " (term %u): %" PRIu64 " messages, %" PRIu64
               " bytes, sequences %" PRIu64 " to %" PRIu64 "\n",
               c->applied, c->term, c->msgs, c->bytes, c->first_seq, c->last_seq);
    for (uint32_t i = 0; i < g->segment_count; i++) {
        const struct segment_edge *e = &g->segments[i];
        printf("  segment g/%" PRIu64 "/s-%08" PRIu64 ": %" PRIu64 " bytes, %" PRIu64
               " messages, sequences %" PRIu64 " to %" PRIu64 "\n",
               g->gid, e->number, e->size, e->records, e->first_seq, e->last_seq);
    }
    for (uint32_t i = 0; i < g->run_count; i++)
        printf("  run g/%" PRIu64 "/x-%08" PRIu64 ": %" PRIu64 " bytes, %" PRIu64 " subjects\n",
               g->gid, g->runs[i].number, g->runs[i].size, g->runs[i].keys);
}

static void dump_text(const struct store_view *v)
{
    printf("store ");
    print_uuid(v);
    printf(": started %u times, %s, super block generation %" PRIu64 ", ledger %" PRIu64 "\n",
           v->super.boot_epoch, v->super.clean ? "stopped in order" : "not stopped in order",
           v->super.generation, v->super.ledger);
    printf("journal: %" PRIu64 " records between positions %" PRIu64 " and %" PRIu64
           ", in %u files; %u spare ones\n",
           v->journal_records, v->floor, v->journal_end.position, v->journal.file_count,
           v->journal_spares);
    printf("%u groups\n", v->group_count);
    for (uint32_t i = 0; i < v->group_count; i++)
        dump_group(v, &v->groups[i]);
}

/* --- messages ------------------------------------------------------------------------------------------------ */

struct messages {
    struct store_tool *tool;
    const struct view_group *group;
    struct seqset dead;
    uint64_t unreadable; /* frames */
};

static void print_message(const struct store_tool *t, const char *from, uint64_t number,
                          int64_t time_ns, struct bytes body)
{
    struct message m;
    if (message_body_read(body, &m) != 0)
        return;
    if (m.flags & MESSAGE_OWN_TIME)
        time_ns = m.time_ns;
    if (!t->json) {
        printf("%s %" PRIu64 " at %" PRId64 " %s: %zu bytes of headers, %zu of payload: %s\n", from,
               number, time_ns, view_printable(m.subject), m.headers.size, m.payload.size,
               view_printable(m.payload));
        return;
    }
    printf("{\"%s\":%" PRIu64 ",\"time_ns\":%" PRId64 ",\"subject\":", from, number, time_ns);
    print_json(m.subject);
    printf(",\"headers\":");
    print_json(m.headers);
    printf(",\"payload\":");
    print_json(m.payload);
    printf("}\n");
}

static void on_record(void *context, const struct chunk_record *r)
{
    struct messages *m = context;
    if (r->seq >= m->group->checkpoint.first_seq && !seqset_contains(&m->dead, r->seq))
        print_message(m->tool, "seq", r->seq, r->time_ns, r->body);
}

static void on_lost(void *context, uint64_t first, uint64_t last)
{
    struct messages *m = context;
    (void)first;
    (void)last;
    m->unreadable++;
}

static void on_piece(void *context, const struct segment_piece *piece)
{
    (void)context;
    (void)piece;
}

/* What the journal has beyond the checkpoint: which sequence an entry gets is told when it is applied. */
static void on_entry(void *context, const struct entry *e)
{
    struct messages *m = context;
    const struct view_group *g = m->group;
    uint64_t applied = g->checkpoint_status == 0 ? g->checkpoint.applied : 0;
    if (e->gid == g->gid && e->index > applied && (e->kind == ENTRY_MSG || e->kind == ENTRY_BATCH))
        print_message(m->tool, "entry", e->index, e->time_ns, e->body);
}

/* NAME, ACCOUNT/NAME, or a number. */
static const struct view_group *find_group(const struct store_view *v, const char *text)
{
    for (uint32_t i = 0; i < v->group_count; i++) {
        const struct view_group *g = &v->groups[i];
        size_t name = g->record_status == 0 ? g->record.name.size : 0;
        size_t account = g->record_status == 0 ? g->record.account.size : 0;
        size_t size = strlen(text);
        if (g->record_status == 0 && size == name && memcmp(text, g->record.name.at, name) == 0)
            return g;
        if (g->record_status == 0 && size == account + 1 + name && text[account] == '/' &&
            memcmp(text, g->record.account.at, account) == 0 &&
            memcmp(text + account + 1, g->record.name.at, name) == 0)
            return g;
    }
    char *end;
    uint64_t gid = strtoull(text, &end, 10);
    return *end == 0 ? view_group(v, gid) : NULL;
}

static int dump_messages(struct store_tool *t)
{
    struct store_view *v = &t->view;
    struct messages m = {.tool = t, .group = find_group(v, t->messages)};
    if (m.group == NULL) {
        (void)fprintf(stderr,
                      "myelin store: no stream %s here; `myelin store dump %s` names them\n",
                      t->messages, v->path);
        return TOOL_CANNOT;
    }
    seqset_init(&m.dead);
    struct bytes dead = m.group->checkpoint.sections[CHECKPOINT_DEAD];
    bool known =
        m.group->checkpoint_status != 0 || dead.size == 0 || seqset_decode(&m.dead, dead) == 0;
    for (uint32_t i = 0; known && i < m.group->segment_count; i++)
        if (tool_walk_segment(t, m.group, &m.group->segments[i], on_record, on_lost, on_piece,
                              &m) != 0)
            m.unreadable++;
    v->on_entry = on_entry;
    v->context = &m;
    view_read_journal(v);
    seqset_done(&m.dead);
    if (known && m.unreadable == 0)
        return TOOL_CLEAN;
    (void)fprintf(stderr,
                  "myelin store: not all of it is readable; `myelin store check %s` says what\n",
                  v->path);
    return TOOL_DAMAGED;
}

int tool_dump(struct store_tool *t)
{
    struct store_view *v = &t->view;
    view_read_super(v);
    if (v->super_status == 0)
        view_read_ledger(v, 0);
    if (v->super_status != 0 || (v->ledger_status != 0 && v->super.ledger != 0)) {
        (void)fprintf(stderr, "myelin store: %s of %s: %s; `myelin store check` says more\n",
                      v->super_status != 0 ? "the super block" : "the ledger", v->path,
                      tool_why(v->super_status != 0 ? v->super_status : v->ledger_status));
        return TOOL_CANNOT;
    }
    if (t->messages != NULL)
        return dump_messages(t);
    view_read_journal(v);
    if (t->json)
        dump_json(v);
    else
        dump_text(v);
    return TOOL_CLEAN;
}
