/* SPDX-License-Identifier: Apache-2.0 */
#include "actors/client/client_log.h"

#include <stdarg.h>
#include <stdio.h>

#include "protocols/json/go_text.h"
#include "protocols/json/output.h"
#include "runtime/base/check.h"

#define LINE_MAX ((size_t)64 << 10)
#define LABEL_MAX 1024
#define GLOBAL_ACCOUNT "$G"

/* The part of the identity that CONNECT told: "v1:lang:name". */
static void add_software(struct output *o, const struct client_identity *id)
{
    struct bytes name = {id->texts, id->name_size};
    struct bytes lang = {name.at + name.size, id->lang_size};
    struct bytes version = {lang.at + lang.size, id->version_size};
    struct output text;
    output_init(&text, LABEL_MAX);
    if (version.size > 0) {
        output_text(&text, "v");
        output_add(&text, version);
    }
    if (lang.size > 0) {
        output_text(&text, text.size > 0 ? ":" : "");
        output_add(&text, lang);
    }
    if (name.size > 0) {
        output_text(&text, text.size > 0 ? ":" : "");
        output_add(&text, name);
    }
    if (text.size > 0 && output_error(&text) == 0) {
        output_text(o, " - ");
        go_text_quote(o, output_bytes(&text));
    }
    output_done(&text);
}

static void add_label(struct output *o, const struct client *c)
{
    char host[NET_HOST_MAX];
    uint16_t port;
    net_address_text(&c->peer, host, &port);
    bool v6 = c->peer.any.sa_family == AF_INET6;
    output_print(o, v6 ? "[%s]:%u - cid:%llu" : "%s:%u - cid:%llu", host, port,
                 (unsigned long long)c->cid);
    const struct client_identity *id = c->identity;
    if (id == NULL)
        return;
    add_software(o, id);
    if (id->user_size > 0 && c->connected) {
        output_print(o, " - \"%s/", GLOBAL_ACCOUNT);
        output_add(o, (struct bytes){id->texts + id->name_size + id->lang_size + id->version_size,
                                     id->user_size});
        output_text(o, "\"");
    }
}

static void write_line(const struct client *c, enum log_level level, struct bytes text)
{
    struct output line;
    output_init(&line, LINE_MAX);
    add_label(&line, c);
    output_text(&line, " - ");
    output_add(&line, text);
    if (output_error(&line) == 0)
        log_write(c->settings->log, level, "%.*s", (int)line.size, line.at);
    output_done(&line);
}

void client_log(const struct client *c, enum log_level level, const char *format, ...)
{
    char text[LABEL_MAX];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(size >= 0);
    write_line(c, level,
               (struct bytes){text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1});
}

static void write_quoted(const struct client *c, enum log_level level, const char *before,
                         struct bytes quoted, const char *after)
{
    struct output text;
    output_init(&text, LINE_MAX);
    output_text(&text, before);
    go_text_quote(&text, quoted);
    output_text(&text, after);
    if (output_error(&text) == 0)
        write_line(c, level, output_bytes(&text));
    output_done(&text);
}

void client_log_quoted(const struct client *c, enum log_level level, const char *format,
                       struct bytes text)
{
    char before[LABEL_MAX];
    const char *mark = strstr(format, "%s");
    CHECK(mark != NULL && (size_t)(mark - format) < sizeof before);
    memcpy(before, format, (size_t)(mark - format));
    before[mark - format] = '\0';
    write_quoted(c, level, before, text, mark + 2);
}

static void trace(const struct client *c, const char *arrow, const char *verb,
                  struct bytes argument)
{
    struct output text;
    output_init(&text, LINE_MAX);
    output_text(&text, arrow);
    output_text(&text, " [");
    output_text(&text, verb);
    if (argument.size > 0) {
        output_text(&text, " ");
        output_add(&text, argument);
    }
    output_text(&text, "]");
    if (output_error(&text) == 0)
        write_line(c, LOG_LEVEL_TRACE, output_bytes(&text));
    output_done(&text);
}

void client_trace_in(const struct client *c, const char *verb, struct bytes argument)
{
    trace(c, "<<-", verb, argument);
}

void client_trace_out(const struct client *c, const char *verb, struct bytes argument)
{
    trace(c, "->>", verb, argument);
}

void client_trace_payload(const struct client *c, bool out, struct bytes payload,
                          int32_t header_size)
{
    const struct client_settings *s = c->settings;
    if (s->trace_headers) {
        if (header_size <= 0 || (size_t)header_size > payload.size)
            return;
        payload.size = (size_t)header_size - 2; /* without the empty line that ends it */
    }
    if (payload.size == 0)
        return;
    uint32_t most = s->max_traced_msg_len;
    bool cut = most > 0 && payload.size > most;
    if (!cut) {
        write_quoted(c, LOG_LEVEL_TRACE, out ? "->> MSG_PAYLOAD: [" : "<<- MSG_PAYLOAD: [", payload,
                     "]");
        return;
    }
    struct output text;
    output_init(&text, LINE_MAX);
    go_text_quote(&text, (struct bytes){payload.at, most});
    if (output_error(&text) == 0 && text.size > 0) {
        text.at[text.size - 1] = '.'; /* the closing quote comes after the dots */
        output_text(&text, "..\"]");
        struct output line;
        output_init(&line, LINE_MAX);
        output_text(&line, out ? "->> MSG_PAYLOAD: [" : "<<- MSG_PAYLOAD: [");
        output_append(&line, &text);
        if (output_error(&line) == 0)
            write_line(c, LOG_LEVEL_TRACE, output_bytes(&line));
        output_done(&line);
    }
    output_done(&text);
}
