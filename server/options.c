/* SPDX-License-Identifier: Apache-2.0 */
#include "server/options.h"

#include <errno.h>
#include <string.h>

#include "protocols/conf/conf_duration.h"
#include "protocols/conf/conf_path.h"
#include "runtime/base/check.h"
#include "server/address.h"
#include "server/options_reader.h"

static const int64_t SECOND = 1000000000;
static const int64_t PAYLOAD_BYTES_ADVISED = 8 << 20;

void options_init(struct options *o)
{
    *o = (struct options){
        .log.time = true,
        .headers = true,
        .sublist_cache = true,
        .stall_fast_producer = true,
        .system_account = true,
    };
    arena_init(&o->arena);
}

void options_done(struct options *o)
{
    arena_done(&o->arena);
    *o = (struct options){0};
}

void options_read(struct options *o, const struct conf_tree *tree, struct text *errors,
                  struct text *warnings)
{
    struct options_reader r = {.options = o, .errors = errors, .warnings = warnings};
    const struct conf_node *root = conf_root(tree);
    CHECK(root->type == CONF_MAP);
    if (root->as.group->count == 0)
        text_add(warnings, "%s: config has no values or is empty\n",
                 o->config_file == NULL ? "" : o->config_file);
    options_reader_section(&r, root, options_keys, o);
}

void options_add_notice(struct options *o, struct bytes notice)
{
    const char **grown = arena_alloc(&o->arena, (o->notice_count + 1) * sizeof(o->notices[0]));
    for (size_t i = 0; i < o->notice_count; i++)
        grown[i] = o->notices[i];
    grown[o->notice_count++] = arena_copy(&o->arena, notice);
    o->notices = grown;
}

static void default_text(const char **field, const char *value)
{
    if (*field == NULL || (*field)[0] == '\0')
        *field = value;
}

static void default_number(int64_t *field, int64_t value)
{
    if (*field == 0)
        *field = value;
    CHECK(*field != 0);
}

/* "/x/y": a slash in front, none behind, no dots. */
static const char *clean_base_path(struct options *o)
{
    const char *path = o->monitor.base_path == NULL ? "" : o->monitor.base_path;
    size_t size = strlen(path);
    char *rooted = arena_alloc(&o->arena, size + 2);
    rooted[0] = '/';
    memcpy(rooted + 1, path, size);
    return conf_path_clean(&o->arena, (struct bytes){rooted, size + 1});
}

void options_set_defaults(struct options *o)
{
    default_text(&o->client.host, "0.0.0.0");
    default_text(&o->monitor.host, o->client.host);
    if (o->client.port == 0)
        o->client.port = OPTIONS_PORT_CLIENT;
    o->monitor.base_path = clean_base_path(o);
    default_number(&o->limits.control_line_bytes_max, 4096);
    default_number(&o->limits.payload_bytes_max, 1024 * 1024);
    default_number(&o->limits.pending_bytes_max, 64 * 1024 * 1024);
    default_number(&o->limits.connections_max, 64 * 1024);
    default_number(&o->limits.closed_connections_max, 10000);
    default_number(&o->timing.ping_interval_ns, 120 * SECOND);
    default_number(&o->timing.pings_out_max, 2);
    default_number(&o->timing.write_deadline_ns, 10 * SECOND);
    default_number(&o->timing.lame_duck_ns, 120 * SECOND);
    default_number(&o->timing.lame_duck_grace_ns, 10 * SECOND);
    default_number(&o->timing.connect_error_reports, 3600);
    default_number(&o->timing.reconnect_error_reports, 1);
    if (o->auth.timeout_s == 0)
        o->auth.timeout_s = 2;
    if (o->limits.payload_bytes_max > PAYLOAD_BYTES_ADVISED)
        options_add_notice(
            o, BYTES("Maximum payloads over 8.00 MB are generally discouraged and could "
                     "lead to poor performance"));
}

int options_check(const struct options *o, struct text *problem)
{
    const struct options_timing *t = &o->timing;
    CHECK(o->client.host != NULL && o->client.port != 0); /* the defaults are in */
    DCHECK(problem->size == 0);
    if (t->lame_duck_ns > 0 && t->lame_duck_grace_ns >= t->lame_duck_ns) {
        char grace[CONF_DURATION_MAX];
        char duration[CONF_DURATION_MAX];
        conf_duration_print(t->lame_duck_grace_ns, grace);
        conf_duration_print(t->lame_duck_ns, duration);
        text_add(
            problem,
            "lame duck grace period (%s) should be strictly lower than lame duck duration (%s)",
            grace, duration);
        return -EINVAL;
    }
    if (o->limits.payload_bytes_max > o->limits.pending_bytes_max) {
        text_add(problem, "max_payload (%lld) cannot be higher than max_pending (%lld)",
                 (long long)o->limits.payload_bytes_max, (long long)o->limits.pending_bytes_max);
        return -EINVAL;
    }
    if (o->server_name != NULL && strchr(o->server_name, ' ') != NULL) {
        text_add(problem, "server name cannot contain spaces");
        return -EINVAL;
    }
    struct bytes host;
    int port;
    const char *advertise = o->client.advertise == NULL ? "" : o->client.advertise;
    if (advertise[0] != '\0' && !address_parse(bytes_of(advertise), o->client.port, &host, &port)) {
        text_add(problem,
                 "Error setting server INFO with ClientAdvertise value of %s, err=no address",
                 advertise);
        return -EINVAL;
    }
    return 0;
}
