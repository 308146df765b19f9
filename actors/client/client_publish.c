/* SPDX-License-Identifier: Apache-2.0 */
/* client_publish.c -- what a client publishes: its checks, its counters, and the way out. */
#include <stdio.h>
#include <string.h>

#include "actors/client/client_log.h"
#include "actors/client/client_state.h"
#include "protocols/nats/client_parser.h"
#include "protocols/nats/subject.h"
#include "runtime/base/check.h"

#define RESERVED_REPLY "_R_."  /* replies of service imports */
#define GATEWAY_PREFIX "_GR_." /* subjects on their way through a gateway */

static bool begins_with(struct bytes text, const char *prefix)
{
    size_t size = strlen(prefix);
    return text.size >= size && memcmp(text.at, prefix, size) == 0;
}

/* What the reference refuses without a word to the client but the closed connection: the log has it. */
static bool bad_arguments(struct client *c, const char *format, struct bytes argument)
{
    client_log_quoted(c, LOG_LEVEL_ERROR, format, argument);
    client_close(c, CLOSED_STATE_PROTOCOL_VIOLATION);
    return false;
}

static const char *error_format(bool header, enum client_publish_error error)
{
    switch (error) {
    case CLIENT_PUBLISH_OK: break;
    case CLIENT_PUBLISH_ARGUMENTS:
        return header ? "processHeaderPub Parse Error: %s" : "processPub Parse Error: %s";
    case CLIENT_PUBLISH_SIZE:
        return header ? "processHeaderPub Bad or Missing Total Size: %s"
                      : "processPub Bad or Missing Size: %s";
    case CLIENT_PUBLISH_HEADER_SIZE: return "processHeaderPub Bad or Missing Header Size: %s";
    case CLIENT_PUBLISH_HEADER_LARGER:
        return "processHeaderPub Header Size larger then TotalSize: %s";
    }
    UNREACHABLE("not an error");
}

static bool payload_too_large(struct client *c, int32_t size)
{
    client_log(c, LOG_LEVEL_ERROR, "maximum payload exceeded: %d vs %u", size,
               c->settings->max_payload);
    if (!client_catch_up(c)) /* what it was sent before comes before the error */
        return false;
    client_error(c, "Maximum Payload Violation");
    client_close(c, CLOSED_STATE_MAX_PAYLOAD);
    return false;
}

bool client_pub_arguments(struct client *c, const struct client_line *line,
                          struct publication *ret_publication)
{
    struct client_publish p;
    bool header = line->op == CLIENT_OP_HPUB;
    if (header && !c->headers) {
        client_log(c, LOG_LEVEL_ERROR, "message headers not supported");
        client_close(c, CLOSED_STATE_PROTOCOL_VIOLATION);
        return false;
    }
    enum client_publish_error error =
        header ? client_parse_hpub(line->argument, &p) : client_parse_pub(line->argument, &p);
    if (error != CLIENT_PUBLISH_OK)
        return bad_arguments(c, error_format(header, error), line->argument);
    if ((uint32_t)p.payload_size > c->settings->max_payload)
        return payload_too_large(c, p.payload_size);
    *ret_publication = (struct publication){
        .subject = p.subject,
        .reply = p.reply,
        .header_size = p.header_size,
        .payload_size = (uint32_t)p.payload_size,
        .header_text = p.header_text,
        .payload_text = p.payload_text,
    };
    return true;
}

void client_forget_line(struct client *c)
{
    if (c->memory != NULL)
        c->memory->size = 0;
}

/* The texts of a publication lie in its line: here they are moved to the line's copy. */
static void remember(struct client *c, const struct publication *m, const char *line, uint32_t size)
{
    if (size > CLIENT_LINE_MAX || client_traces(c) ||
        (c->pedantic && !subject_is_valid_literal(m->subject))) {
        client_forget_line(c);
        return;
    }
    if (c->memory == NULL)
        c->memory = mem_alloc(sizeof *c->memory);
    struct client_line_memory *memory = c->memory;
    memcpy(memory->line, line, size);
    memory->size = size;
    memory->publication = *m;
    struct publication *p = &memory->publication;
    p->subject.at = memory->line + (m->subject.at - line);
    p->payload_text.at = memory->line + (m->payload_text.at - line);
    if (m->reply.size > 0)
        p->reply.at = memory->line + (m->reply.at - line);
    if (m->header_text.size > 0)
        p->header_text.at = memory->line + (m->header_text.at - line);
}

/* Nobody got it: who asked for a reply is told at once. */
static void no_responders(struct client *c, const struct publication *m)
{
    struct bytes sid = publish_sid_of(&c->publisher, m->reply);
    if (sid.size == 0)
        return;
    char head[128];
    uint32_t header_size = 32 + (uint32_t)m->subject.size;
    client_reply(c, BYTES("HMSG "));
    client_reply(c, m->reply);
    client_reply(c, BYTES(" "));
    client_reply(c, sid);
    int size = snprintf(head, sizeof head, " %u %u\r\nNATS/1.0 503\r\nNats-Subject: ", header_size,
                        header_size);
    client_reply(c, (struct bytes){head, (size_t)size});
    client_reply(c, m->subject);
    client_reply(c, BYTES("\r\n\r\n\r\n"));
}

static bool refused(struct client *c, const struct publication *m)
{
    char text[160];
    if (begins_with(m->subject, GATEWAY_PREFIX) || begins_with(m->subject, "$NRG.")) {
        snprintf(text, sizeof text, "Permissions Violation for Publish to \"%.*s\"",
                 (int)(m->subject.size < 96 ? m->subject.size : 96), m->subject.at);
        client_error(c, text);
        return true;
    }
    if (begins_with(m->reply, RESERVED_REPLY)) {
        snprintf(text, sizeof text, "Permissions Violation for Publish with Reply of \"%.*s\"",
                 (int)(m->reply.size < 96 ? m->reply.size : 96), m->reply.at);
        client_error(c, text);
        return true;
    }
    return false;
}

void client_publish(struct client *c, const struct publication *m, const char *line,
                    uint32_t line_size, bool again)
{
    c->in_msgs++;
    c->in_bytes += m->payload_size;
    c->last_in_ms = now_ms();
    COUNTER_ADD(&c->counters->in_msgs, 1);
    COUNTER_ADD(&c->counters->in_bytes, m->payload_size);
    if (client_traces(c))
        client_trace_payload(c, false, (struct bytes){m->payload, m->payload_size}, m->header_size);
    if (!again) {
        if (c->pedantic && !subject_is_valid_literal(m->subject))
            client_error(c, "Invalid Publish Subject");
        if (refused(c, m)) /* asked once a line: an equal one is remembered only when it may pass */
            return;
        remember(c, m, line, line_size);
    }
    if (c->verbose)
        client_reply(c, BYTES("+OK\r\n"));
    uint32_t targets = again ? publish_again(&c->publisher, m) : publish_message(&c->publisher, m);
    if (targets == 0 && m->reply.size > 0 && c->no_responders)
        no_responders(c, m);
}

void client_publish_end(struct client *c)
{
    uint32_t hold_ms = publish_end();
    if (hold_ms == 0 || c->settings->no_stall)
        return;
    c->hold_until_ms = now_ms() + hold_ms;
    c->stalls++;
    COUNTER_ADD(&c->counters->stalls, 1);
}
