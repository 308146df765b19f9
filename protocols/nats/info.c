/* SPDX-License-Identifier: Apache-2.0 */
/* info.c -- the INFO line; see info.h. */
#include "protocols/nats/info.h"

#include "protocols/json/json_writer.h"
#include "runtime/base/check.h"

/* Far above any real INFO: its longest part are the URLs of a cluster. */
enum { INFO_SIZE_MAX = 1 << 20 };

static void write_server(struct json *j, const struct info_server *s)
{
    json_put_string(j, "server_id", s->server_id);
    json_put_string(j, "server_name", s->server_name);
    json_put_string(j, "version", s->version);
    json_put_int(j, "proto", s->proto);
    json_opt_string(j, "git_commit", s->git_commit);
    json_put_string(j, "go", s->go);
    json_put_string(j, "host", s->host);
    json_put_int(j, "port", s->port);
    json_put_bool(j, "headers", s->headers);
    json_opt_bool(j, "auth_required", s->auth_required);
    json_opt_bool(j, "tls_required", s->tls_required);
    json_opt_bool(j, "tls_verify", s->tls_verify);
    json_opt_bool(j, "tls_available", s->tls_available);
}

static void write_client(struct json *j, const struct info_server *s, const struct info_client *c)
{
    json_put_int(j, "max_payload", c->max_payload);
    json_opt_bool(j, "jetstream", s->jetstream);
    json_opt_string(j, "ip", s->ip);
    json_opt_uint(j, "client_id", c->client_id);
    json_opt_string(j, "client_ip", c->client_ip);
    json_opt_string(j, "nonce", c->nonce);
}

static void write_cluster(struct json *j, const struct info_server *s, const struct info_client *c)
{
    json_opt_string(j, "cluster", s->cluster);
    json_opt_bool(j, "cluster_dynamic", s->cluster_dynamic);
    json_opt_string(j, "domain", s->domain);
    json_opt_strings(j, "connect_urls", s->connect_urls, s->connect_url_count);
    json_opt_bool(j, "ldm", s->lame_duck);
    json_opt_string(j, "compression", s->compression);
    json_opt_bool(j, "connect_info", c->connect_info);
    json_opt_string(j, "remote_account", c->remote_account);
    json_opt_bool(j, "acc_is_sys", c->account_is_system);
    json_opt_int(j, "api_lvl", s->api_level);
    json_opt_string(j, "xkey", s->xkey);
    json_opt_string(j, "impl", s->impl);
    json_opt_string(j, "impl_version", s->impl_version);
}

void info_write(struct output *o, const struct info_server *server,
                const struct info_client *client)
{
    CHECK(server->server_id.size > 0 && server->version.size > 0);
    DCHECK(client->connect_info || client->remote_account.size == 0);
    struct json j;
    json_init(&j, JSON_COMPACT, INFO_SIZE_MAX);
    json_object_begin(&j);
    write_server(&j, server);
    write_client(&j, server, client);
    write_cluster(&j, server, client);
    json_object_end(&j);
    /* The blank before the line's end is nats-server's. */
    output_text(o, "INFO ");
    output_append(o, &j.out);
    output_text(o, " \r\n");
    json_done(&j);
}
