/* SPDX-License-Identifier: Apache-2.0 */
/* client_connect.c -- INFO, CONNECT, and who may come in. */
#include <string.h>

#include "actors/client/client_log.h"
#include "actors/client/client_state.h"
#include "protocols/json/output.h"
#include "protocols/nats/connect.h"
#include "protocols/nats/info.h"
#include "runtime/base/check.h"

#define INFO_MAX ((size_t)64 << 20) /* names come from the configuration, which is no longer */
#define COMPATIBLE_VERSION "2.14.5"
#define COMPATIBLE_GO "go1.25.0" /* the field is there for tools that expect it */
#define API_LEVEL 4              /* told with JetStream off, too */

/* --- INFO --------------------------------------------------------------------------------------- */

void client_send_info(struct client *c, bool connect_info, bool lame_duck)
{
    const struct client_settings *s = c->settings;
    char ip[NET_HOST_MAX];
    uint16_t port;
    net_address_text(&c->peer, ip, &port);
    struct info_server server = {
        .server_id = bytes_of(s->server_id),
        .server_name = bytes_of(s->server_name),
        .version = BYTES(COMPATIBLE_VERSION),
        .proto = 1,
        .go = BYTES(COMPATIBLE_GO),
        .host = bytes_of(s->advertised_host),
        .port = s->advertised_port,
        .headers = s->headers,
        .auth_required = s->auth_required,
        .lame_duck = lame_duck,
        .connect_urls = s->connect_urls,
        .connect_url_count = lame_duck ? 0 : s->connect_url_count,
        .api_level = API_LEVEL,
        .xkey = bytes_of(s->xkey),
        .impl = BYTES("myelin"),
        .impl_version = BYTES(MYELIN_VERSION),
    };
    struct info_client client = {
        .max_payload = (int32_t)s->max_payload,
        .client_id = c->cid,
        .client_ip = bytes_of(ip),
        .connect_info = connect_info,
        .remote_account = connect_info ? BYTES("$G") : BYTES(""),
    };
    struct output text;
    output_init(&text, INFO_MAX);
    info_write(&text, &server, &client);
    CHECK(output_error(&text) == 0);
    client_reply(c, output_bytes(&text));
    if (client_traces(c)) /* without the verb, and the blank and the line's end behind it */
        client_trace_out(c, "INFO", (struct bytes){text.at + 5, text.size - 8});
    output_done(&text);
}

void client_greet(struct client *c)
{
    client_send_info(c, false, false);
}

/* --- who may come in ---------------------------------------------------------------------------- */

/* Takes the same time wherever the two differ. */
static bool secret_equal(const char *secret, struct bytes given)
{
    size_t size = strlen(secret);
    unsigned char different = size != given.size;
    for (size_t i = 0; i < given.size; i++)
        different |= (unsigned char)given.at[i] ^ (unsigned char)(i < size ? secret[i] : 0);
    return different == 0;
}

static bool user_may(const struct client_settings *s, const struct connect_options *o)
{
    for (uint32_t i = 0; i < s->user_count; i++)
        if (bytes_are(o->user, s->users[i].name))
            return secret_equal(s->users[i].password, o->pass);
    return false;
}

static bool may_come_in(const struct client *c, const struct connect_options *o)
{
    const struct client_settings *s = c->settings;
    if (o->new_account || o->account.size > 0)
        return false;
    if (!s->auth_required)
        return true;
    if (s->auth_token != NULL)
        return secret_equal(s->auth_token, o->auth_token);
    return user_may(s, o);
}

void client_auth_violation(struct client *c)
{
    const struct client_identity *id = c->identity;
    struct bytes user = {NULL, 0};
    if (id != NULL)
        user = (struct bytes){id->texts + id->name_size + id->lang_size + id->version_size,
                              id->user_size};
    if (user.size > 0)
        client_log_quoted(c, LOG_LEVEL_ERROR, "authentication error - User %s", user);
    else if (c->token_given)
        client_log(c, LOG_LEVEL_ERROR, "authentication error - Token \"[REDACTED]\"");
    else
        client_log(c, LOG_LEVEL_ERROR, "authentication error");
    client_error(c, "Authorization Violation");
    client_close(c, CLOSED_STATE_AUTHENTICATION_VIOLATION);
}

/* --- CONNECT ------------------------------------------------------------------------------------ */

static struct bytes shortened(struct bytes text)
{
    return (struct bytes){text.at, text.size < UINT16_MAX ? text.size : UINT16_MAX};
}

static void identify(struct client *c, const struct connect_options *o)
{
    struct bytes texts[4] = {shortened(o->name), shortened(o->lang), shortened(o->version),
                             shortened(o->user)};
    size_t size = sizeof(struct client_identity);
    for (unsigned i = 0; i < 4; i++)
        size += texts[i].size;
    mem_free(c->identity);
    c->identity = mem_alloc(size);
    char *at = c->identity->texts;
    for (unsigned i = 0; i < 4; i++) {
        if (texts[i].size > 0)
            memcpy(at, texts[i].at, texts[i].size);
        at += texts[i].size;
    }
    c->identity->name_size = (uint16_t)texts[0].size;
    c->identity->lang_size = (uint16_t)texts[1].size;
    c->identity->version_size = (uint16_t)texts[2].size;
    c->identity->user_size = (uint16_t)texts[3].size;
}

static bool fits(struct client *c, const struct connect_options *o)
{
    if (o->protocol < 0 || o->protocol > 1) {
        client_error(c, "invalid client protocol");
        client_close(c, CLOSED_STATE_BAD_CLIENT_PROTOCOL);
        return false;
    }
    if (o->no_responders && !c->headers) {
        client_error(c, "no responders requires headers support");
        client_close(c, CLOSED_STATE_NO_RESPONDERS_NO_HEADERS);
        return false;
    }
    return true;
}

static void accept_connect(struct client *c, const struct connect_options *o)
{
    bool first = !c->connected;
    c->connected = true;
    c->auth_due_ms = 0;
    c->state = CLIENT_STATE_OPEN;
    c->verbose = o->verbose;
    c->pedantic = o->pedantic;
    c->publisher.echo = o->echo;
    c->headers = c->settings->headers && o->headers;
    c->no_responders = o->no_responders;
    c->protocol = (int8_t)(o->protocol == 1);
    client_expect_ping(c);
    if (first && c->account.id == 0)
        client_register(c);
}

/* A second CONNECT changes what it names and leaves the rest: so it starts from what is in force. */
static void begin_options(const struct client *c, struct connect_options *o)
{
    connect_options_init(o);
    if (!c->connected)
        return;
    o->verbose = c->verbose;
    o->pedantic = c->pedantic;
    o->echo = c->publisher.echo;
    o->headers = c->headers;
    o->no_responders = c->no_responders;
    o->protocol = c->protocol;
}

void client_on_connect(struct client *c, struct bytes argument)
{
    struct connect_options options;
    begin_options(c, &options);
    const char *what = NULL;
    if (connect_options_decode(&options, argument, &what) != 0) {
        connect_options_done(&options);
        client_log(c, LOG_LEVEL_ERROR, "CONNECT can not be read: %s", what == NULL ? "" : what);
        client_close(c, CLOSED_STATE_PROTOCOL_VIOLATION);
        return;
    }
    if (!c->connected)
        c->rtt_ns = (uint64_t)(wall_ns() - c->start_wall_ns);
    identify(c, &options);
    c->token_given = options.auth_token.size > 0;
    if (c->connected)
        client_forget_subs(c); /* those from before the first CONNECT stay */
    client_forget_line(c);
    if (!may_come_in(c, &options)) {
        client_auth_violation(c);
    } else {
        accept_connect(c, &options);
        if (fits(c, &options) && c->verbose)
            client_reply(c, BYTES("+OK\r\n"));
    }
    connect_options_done(&options);
    client_timer_update(c);
}
