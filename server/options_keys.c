/* SPDX-License-Identifier: Apache-2.0 */
/* options_keys.c -- every key of nats-server's configuration, and what becomes of it here.
 *
 * A key whose feature is missing is refused by name and place, never ignored. What stands inside a
 * refused section needs no row. To support a key: give its row a setter and a field.
 */
#include <stddef.h>

#include "protocols/conf/conf_duration.h"
#include "runtime/base/check.h"
#include "server/options_reader.h"

static option_set_fn set_listen;
static option_set_fn set_http;
static option_set_fn set_server_name;
static option_set_fn set_trace_too;
static option_set_fn set_int32;
static option_set_fn set_max_connections;
static option_set_fn set_max_tokens;
static option_set_fn set_write_timeout;
static option_set_fn set_lame_duck;
static option_set_fn set_lame_duck_grace;
static option_set_fn set_tags;
static option_set_fn set_metadata;
static option_set_fn set_jetstream;
static option_set_fn set_leafnodes;
static option_set_fn set_leafnode_listen;
static option_set_fn set_leafnode_host;
static option_set_fn set_leafnode_port;
static option_set_fn set_websocket;
static option_set_fn set_myelin;
static option_set_fn set_workers;

/* clang-format off */
#define AT(field) offsetof(struct options, field)
#define YES(names, set, field) {names, KEY_SUPPORTED, set, AT(field)}
#define NOT_YET(names) {names, KEY_REFUSED, NULL, 0}
#define ONLY_OFF(names) {names, KEY_OFF_ONLY, NULL, 0}

const struct options_key options_keys[] = {
    /* where it listens, what it is called */
    YES("listen", set_listen, client),
    YES("host|net", options_set_text, client.host),
    YES("port", options_set_int, client.port),
    YES("client_advertise", options_set_text, client.advertise),
    YES("server_name", set_server_name, server_name),
    YES("server_tags", set_tags, tags),
    YES("server_metadata", set_metadata, metadata),
    YES("pidfile|pid_file", options_set_text, pid_file),
    YES("ports_file_dir", options_set_text, ports_file_dir),
    ONLY_OFF("proxy_protocol"),
    NOT_YET("proxies"),

    /* logging */
    YES("debug", options_set_bool, log.debug),
    YES("trace", options_set_bool, log.trace),
    YES("trace_verbose", set_trace_too, log.trace_verbose),
    YES("trace_headers", set_trace_too, log.trace_headers),
    YES("logtime", options_set_bool, log.time),
    YES("logtime_utc", options_set_bool, log.time_utc),
    YES("logfile|log_file", options_set_text, log.file),
    YES("logfile_size_limit|log_size_limit", options_set_int64, log.file_bytes_max),
    YES("logfile_max_num|log_max_num", options_set_int64, log.files_max),
    YES("max_traced_msg_len", options_set_int64, log.traced_bytes_max),
    ONLY_OFF("syslog"),
    NOT_YET("remote_syslog"),

    /* monitoring */
    YES("http", set_http, monitor),
    YES("http_port|monitor_port", options_set_int, monitor.port),
    YES("http_base_path", options_set_text, monitor.base_path),
    NOT_YET("https"),
    ONLY_OFF("https_port"),
    ONLY_OFF("prof_port"),
    ONLY_OFF("prof_block_rate"),

    /* limits and times */
    YES("max_control_line", set_int32, limits.control_line_bytes_max),
    YES("max_payload", set_int32, limits.payload_bytes_max),
    YES("max_pending", options_set_int64, limits.pending_bytes_max),
    YES("max_connections|max_conn", set_max_connections, limits.connections_max),
    YES("max_subscriptions|max_subs", options_set_int64, limits.subscriptions_max),
    YES("max_sub_tokens|max_subscription_tokens", set_max_tokens, limits.subject_tokens_max),
    YES("max_closed_clients", options_set_int64, limits.closed_connections_max),
    YES("ping_interval", options_set_duration, timing.ping_interval_ns),
    YES("ping_max", options_set_int64, timing.pings_out_max),
    YES("write_deadline", options_set_duration, timing.write_deadline_ns),
    YES("write_timeout", set_write_timeout, timing.write_policy),
    YES("lame_duck_duration", set_lame_duck, timing.lame_duck_ns),
    YES("lame_duck_grace_period", set_lame_duck_grace, timing.lame_duck_grace_ns),
    YES("connect_error_reports", options_set_int64, timing.connect_error_reports),
    YES("reconnect_error_reports", options_set_int64, timing.reconnect_error_reports),
    YES("no_header_support", options_set_not, headers),
    YES("disable_sublist_cache|no_sublist_cache", options_set_not, sublist_cache),
    YES("no_fast_producer_stall", options_set_not, stall_fast_producer),

    /* who may come in */
    YES("authorization", options_set_auth, auth),
    YES("no_system_account|no_system|no_sys_acc", options_set_not, system_account),
    NOT_YET("accounts"),
    NOT_YET("mappings|maps"),
    NOT_YET("no_auth_user"),
    NOT_YET("system_account|system"),
    NOT_YET("default_sentinel"),
    NOT_YET("operator|operators|roots|root|root_operators|root_operator"),
    NOT_YET("resolver|account_resolver|accounts_resolver"),
    NOT_YET("resolver_tls"),
    NOT_YET("resolver_preload"),
    NOT_YET("resolver_pinned_accounts"),
    NOT_YET("trusted|trusted_keys"),
    NOT_YET("tls"),
    ONLY_OFF("allow_non_tls"),
    ONLY_OFF("ocsp"),
    ONLY_OFF("ocsp_cache"),

    /* other servers, other protocols, storage */
    NOT_YET("cluster"),
    NOT_YET("gateway"),
    {"leaf|leafnodes", KEY_NOTICED, set_leafnodes, 0},
    {"websocket|ws", KEY_NOTICED, set_websocket, 0},
    NOT_YET("mqtt"),
    {"jetstream", KEY_SUPPORTED, set_jetstream, 0},
    NOT_YET("store_dir|storedir"),
    NOT_YET("default_js_domain"),
    NOT_YET("feature_flags"),

    /* ours alone */
    {"myelin", KEY_SUPPORTED, set_myelin, 0},
    {NULL, KEY_REFUSED, NULL, 0},
};

/* Ports and hosts are looked at, so that a mistake in them is told; nothing is kept. */
const struct options_key options_leafnode_keys[] = {
    {"listen", KEY_SUPPORTED, set_leafnode_listen, 0},
    {"host|net", KEY_SUPPORTED, set_leafnode_host, 0},
    {"port", KEY_SUPPORTED, set_leafnode_port, 0},
    NOT_YET("authorization"),
    NOT_YET("remotes"),
    NOT_YET("reconnect|reconnect_delay|reconnect_interval"),
    NOT_YET("dial_timeout"),
    NOT_YET("tls"),
    NOT_YET("leafnode_advertise|advertise"),
    ONLY_OFF("no_advertise"),
    NOT_YET("min_version|minimum_version"),
    NOT_YET("compression"),
    ONLY_OFF("isolate_leafnode_interest|isolate"),
    NOT_YET("write_deadline"),
    NOT_YET("write_timeout"),
    {NULL, KEY_REFUSED, NULL, 0},
};

static const struct options_key myelin_keys[] = {
    YES("workers", set_workers, workers),
    {NULL, KEY_REFUSED, NULL, 0},
};
/* clang-format on */

/* ---- setters ---- */

static void set_listen(struct options_reader *r, const struct options_key *key,
                       const struct conf_node *node, void *field)
{
    struct options_listener *listener = field;
    options_reader_listen(r, node, &listener->host, &listener->port);
}

static void set_http(struct options_reader *r, const struct options_key *key,
                     const struct conf_node *node, void *field)
{
    struct options_monitor *monitor = field;
    options_reader_listen(r, node, &monitor->host, &monitor->port);
}

static void set_server_name(struct options_reader *r, const struct options_key *key,
                            const struct conf_node *node, void *field)
{
    if (!options_reader_expect(r, node, CONF_STRING))
        return;
    struct bytes name = node->as.text;
    if (name.size > 0 && memchr(name.at, ' ', name.size) != NULL)
        options_reader_error(r, node, "server name cannot contain spaces");
    else
        *(const char **)field = options_reader_keep(r, name);
}

/* trace_verbose and trace_headers turn tracing itself on, or off. */
static void set_trace_too(struct options_reader *r, const struct options_key *key,
                          const struct conf_node *node, void *field)
{
    DCHECK(field != (void *)&r->options->log.trace);
    options_set_bool(r, key, node, field);
    options_set_bool(r, key, node, &r->options->log.trace);
}

static void set_int32(struct options_reader *r, const struct options_key *key,
                      const struct conf_node *node, void *field)
{
    if (!options_reader_expect(r, node, CONF_INTEGER))
        return;
    if (node->as.integer > INT32_MAX)
        options_reader_error(r, node, "%.*s value is too big", (int)node->key.size, node->key.at);
    else
        *(int64_t *)field = (int32_t)node->as.integer;
}

static void set_max_connections(struct options_reader *r, const struct options_key *key,
                                const struct conf_node *node, void *field)
{
    int64_t *connections = field;
    DCHECK(connections == &r->options->limits.connections_max);
    options_set_int64(r, key, node, field);
    if (node->type == CONF_INTEGER && *connections == 0)
        *connections = -1;
}

static void set_max_tokens(struct options_reader *r, const struct options_key *key,
                           const struct conf_node *node, void *field)
{
    if (!options_reader_expect(r, node, CONF_INTEGER))
        return;
    if (node->as.integer > UINT8_MAX)
        options_reader_error(r, node, "%.*s value is too big", (int)node->key.size, node->key.at);
    else if (node->as.integer <= 0)
        options_reader_error(r, node, "%.*s value can not be negative", (int)node->key.size,
                             node->key.at);
    else
        *(int64_t *)field = node->as.integer;
}

static void set_write_timeout(struct options_reader *r, const struct options_key *key,
                              const struct conf_node *node, void *field)
{
    enum write_policy *policy = field;
    if (!options_reader_expect(r, node, CONF_STRING))
        return;
    if (bytes_are(node->as.text, "default"))
        *policy = WRITE_POLICY_DEFAULT;
    else if (bytes_are(node->as.text, "close"))
        *policy = WRITE_POLICY_CLOSE;
    else if (bytes_are(node->as.text, "retry"))
        *policy = WRITE_POLICY_RETRY;
    else
        options_reader_error(r, node, "write_timeout must be 'default', 'close' or 'retry'");
}

/* A duration that may not be given as a number. */
static bool duration_only(struct options_reader *r, const struct options_key *key,
                          const struct conf_node *node, int64_t *ret_ns)
{
    struct conf_error error;
    if (!options_reader_expect(r, node, CONF_STRING))
        return false;
    if (conf_duration_parse(node->as.text, ret_ns, &error) == 0)
        return true;
    options_reader_error(r, node, "error parsing %s: %s", key->names, error.text);
    return false;
}

static void set_lame_duck(struct options_reader *r, const struct options_key *key,
                          const struct conf_node *node, void *field)
{
    int64_t ns;
    char text[CONF_DURATION_MAX];
    if (!duration_only(r, key, node, &ns))
        return;
    if (ns >= 30 * INT64_C(1000000000)) {
        *(int64_t *)field = ns;
        return;
    }
    conf_duration_print(ns, text);
    options_reader_error(r, node, "invalid lame_duck_duration of %s, minimum is 30 seconds", text);
}

static void set_lame_duck_grace(struct options_reader *r, const struct options_key *key,
                                const struct conf_node *node, void *field)
{
    int64_t ns;
    if (!duration_only(r, key, node, &ns))
        return;
    if (ns < 0)
        options_reader_error(r, node, "invalid lame_duck_grace_period, needs to be positive");
    else
        *(int64_t *)field = ns;
}

/* ---- tags and metadata ---- */

static bool has_tag(const struct options *o, const char *tag)
{
    for (size_t i = 0; i < o->tag_count; i++)
        if (strcmp(o->tags[i], tag) == 0)
            return true;
    return false;
}

/* Lower case, no spaces around, each once; room for it is there. */
static void add_tag(struct options_reader *r, struct bytes text)
{
    struct options *o = r->options;
    static const char spaces[] = " \t\r\n\v\f";
    while (text.size > 0 && strchr(spaces, text.at[0]) != NULL)
        text = (struct bytes){text.at + 1, text.size - 1};
    while (text.size > 0 && strchr(spaces, text.at[text.size - 1]) != NULL)
        text.size--;
    char *tag = arena_copy(&o->arena, text);
    for (char *c = tag; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c |= 0x20;
    if (tag[0] != '\0' && !has_tag(o, tag))
        o->tags[o->tag_count++] = tag;
}

static void set_tags(struct options_reader *r, const struct options_key *key,
                     const struct conf_node *node, void *field)
{
    struct options *o = r->options;
    bool is_array = node->type == CONF_ARRAY;
    if (!is_array && node->type != CONF_STRING) {
        options_reader_error(r, node, "error parsing tags: unsupported type %s",
                             conf_type_name(node->type));
        return;
    }
    CHECK(key->offset == offsetof(struct options, tags));
    size_t more = is_array ? node->as.group->count : 1;
    const char **grown = arena_alloc(&o->arena, (o->tag_count + more) * sizeof(o->tags[0]));
    for (size_t i = 0; i < o->tag_count; i++)
        grown[i] = o->tags[i];
    o->tags = grown;
    if (!is_array) {
        if (options_reader_expect(r, node, CONF_STRING))
            add_tag(r, node->as.text);
        return;
    }
    for (const struct conf_node *item = conf_first(node); item != NULL; item = item->next) {
        if (item->type != CONF_STRING) {
            options_reader_error(
                r, node,
                "error parsing tags: unsupported type *conf.token where string is expected");
            return;
        }
        if (options_reader_expect(r, item, CONF_STRING))
            add_tag(r, item->as.text);
    }
    CHECK(o->tag_count == 0 || o->tags != NULL);
}

static void set_metadata(struct options_reader *r, const struct options_key *key,
                         const struct conf_node *node, void *field)
{
    struct options *o = r->options;
    if (node->type != CONF_MAP) {
        options_reader_error(r, node, "error parsing metadata: unsupported type %s",
                             conf_type_name(node->type));
        return;
    }
    CHECK(key->offset == offsetof(struct options, metadata));
    o->metadata_count = 0;
    o->metadata = arena_alloc(&o->arena, node->as.group->count * sizeof(o->metadata[0]));
    for (const struct conf_node *item = conf_first(node); item != NULL; item = item->next) {
        if (!options_reader_expect(r, item, CONF_STRING))
            continue;
        o->metadata[o->metadata_count++] = (struct options_pair){
            .name = options_reader_keep(r, item->key),
            .value = options_reader_keep(r, item->as.text),
        };
    }
    CHECK(o->metadata_count <= node->as.group->count);
}

/* ---- sections ---- */

/* Off in one of the ways to say so, or refused. */
static void set_jetstream(struct options_reader *r, const struct options_key *key,
                          const struct conf_node *node, void *field)
{
    bool off = false;
    switch (node->type) {
    case CONF_BOOL: off = !node->as.truth; break;
    case CONF_STRING:
        off = conf_key_is(node->as.text, "disabled") || conf_key_is(node->as.text, "disable");
        if (off || conf_key_is(node->as.text, "enabled") || conf_key_is(node->as.text, "enable"))
            break;
        options_reader_error(r, node,
                             "Expected 'enabled' or 'disabled' for string value, got '%.*s'",
                             (int)node->as.text.size, node->as.text.at);
        return;
    case CONF_MAP:
        for (const struct conf_node *item = conf_first(node); item != NULL; item = item->next)
            if (conf_key_is(item->key, "enabled") || conf_key_is(item->key, "enable"))
                off = item->type == CONF_BOOL && !item->as.truth;
        break;
    default:
        options_reader_error(r, node, "Expected map, bool or string to define JetStream, got %s",
                             conf_type_name(node->type));
        return;
    }
    if (!off)
        options_reader_refuse(r, node);
}

static void set_leafnodes(struct options_reader *r, const struct options_key *key,
                          const struct conf_node *node, void *field)
{
    if (node->type != CONF_MAP)
        options_reader_error(r, node, "Expected map to define a leafnode, got %s",
                             conf_type_name(node->type));
    else
        options_reader_section(r, node, options_leafnode_keys, r->options);
}

static void set_leafnode_listen(struct options_reader *r, const struct options_key *key,
                                const struct conf_node *node, void *field)
{
    const char *host;
    int port;
    options_reader_listen(r, node, &host, &port);
}

static void set_leafnode_host(struct options_reader *r, const struct options_key *key,
                              const struct conf_node *node, void *field)
{
    options_reader_expect(r, node, CONF_STRING);
}

static void set_leafnode_port(struct options_reader *r, const struct options_key *key,
                              const struct conf_node *node, void *field)
{
    options_reader_expect(r, node, CONF_INTEGER);
}

static void set_websocket(struct options_reader *r, const struct options_key *key,
                          const struct conf_node *node, void *field)
{
    if (node->type != CONF_MAP)
        options_reader_error(r, node, "Expected websocket to be a map, got %s",
                             conf_type_name(node->type));
}

static void set_myelin(struct options_reader *r, const struct options_key *key,
                       const struct conf_node *node, void *field)
{
    if (node->type != CONF_MAP)
        options_reader_error(r, node, "Expected myelin to be a map, got %s",
                             conf_type_name(node->type));
    else
        options_reader_section(r, node, myelin_keys, r->options);
}

static void set_workers(struct options_reader *r, const struct options_key *key,
                        const struct conf_node *node, void *field)
{
    if (!options_reader_expect(r, node, CONF_INTEGER))
        return;
    if (node->as.integer < 0 || node->as.integer > OPTIONS_WORKERS_MAX)
        options_reader_error(r, node, "workers is from 1 to %d, or 0 for half of the processors",
                             OPTIONS_WORKERS_MAX);
    else
        *(int *)field = (int)node->as.integer;
}
