/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sim/sim_hosts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/check.h"
#include "runtime/base/list.h"
#include "runtime/resolve.h"

/* One address of a name, or (failing) its failure. */
struct sim_host {
    struct link link;
    bool failing;
    int status;
    struct net_address address;
    char name[RESOLVE_HOST_MAX];
};

struct sim_hosts {
    struct link list; /* in the order of their adding */
};

struct sim_hosts *sim_hosts_new(void)
{
    struct sim_hosts *hosts = calloc(1, sizeof *hosts);
    CHECK(hosts != NULL);
    list_init(&hosts->list);
    return hosts;
}

/* Names are equal whatever their letters' case. */
static void remove_entries(struct sim_hosts *hosts, const char *name, bool failing)
{
    struct link *at = hosts->list.next;
    while (at != &hosts->list) {
        struct sim_host *host = LIST_ENTRY(at, struct sim_host, link);
        at = at->next;
        if (name != NULL && (strcasecmp(host->name, name) != 0 || host->failing != failing))
            continue;
        list_remove(&host->link);
        free(host);
    }
}

void sim_hosts_free(struct sim_hosts **hosts)
{
    remove_entries(*hosts, NULL, false);
    free(*hosts);
    *hosts = NULL;
}

static struct sim_host *add(struct sim_hosts *hosts, const char *name)
{
    struct sim_host *host = calloc(1, sizeof *host);
    size_t size = strlen(name);
    CHECK(host != NULL && size < RESOLVE_HOST_MAX);
    memcpy(host->name, name, size);
    list_push_back(&hosts->list, &host->link);
    return host;
}

void sim_hosts_add(struct sim_hosts *hosts, const char *name, const char *text)
{
    CHECK(net_address_parse(text, 0, &add(hosts, name)->address) == 0);
}

void sim_hosts_remove(struct sim_hosts *hosts, const char *name)
{
    remove_entries(hosts, name, false);
}

void sim_hosts_fail(struct sim_hosts *hosts, const char *name, int status)
{
    remove_entries(hosts, name, true);
    if (status == 0)
        return;
    struct sim_host *host = add(hosts, name);
    host->failing = true;
    host->status = status;
}

int sim_hosts_look_up(const struct sim_hosts *hosts, struct resolve_request *request)
{
    struct net_address literal;
    if (net_address_parse(request->host, request->port, &literal) == 0) {
        resolve_request_add(request, &literal);
        return 0;
    }
    for (const struct link *at = hosts->list.next; at != &hosts->list; at = at->next) {
        const struct sim_host *host = LIST_ENTRY(at, struct sim_host, link);
        if (strcasecmp(host->name, request->host) != 0)
            continue;
        if (host->failing)
            return host->status;
        resolve_request_add(request, &host->address);
    }
    return request->answer.count > 0 ? 0 : RESOLVE_NO_NAME;
}
