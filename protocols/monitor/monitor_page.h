/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_page.h -- which page a request is for, and the pages that are no documents. */
#ifndef PROTOCOLS_MONITOR_MONITOR_PAGE_H
#define PROTOCOLS_MONITOR_MONITOR_PAGE_H

#include "protocols/http/http_request.h"
#include "protocols/json/output.h"

/* name, path, title in the index (NULL: not there); in the order of the index. */
/* clang-format off */
#define MONITOR_PAGES(X)                                       \
    X(VARZ,           "/varz",           "General")            \
    X(JSZ,            "/jsz",            "JetStream")          \
    X(CONNZ,          "/connz",          "Connections")        \
    X(ACCOUNTZ,       "/accountz",       "Accounts")           \
    X(ACCSTATZ,       "/accstatz",       "Account Stats")      \
    X(SUBSZ,          "/subsz",          "Subscriptions")      \
    X(SUBSCRIPTIONSZ, "/subscriptionsz", NULL)                 \
    X(ROUTEZ,         "/routez",         "Routes")             \
    X(LEAFZ,          "/leafz",          "LeafNodes")          \
    X(GATEWAYZ,       "/gatewayz",       "Gateways")           \
    X(RAFTZ,          "/raftz",          "Raft Groups")        \
    X(HEALTHZ,        "/healthz",        "Health Probe")       \
    X(EXPVAR,         "/debug/vars",     "Expvar")             \
    X(STACKSZ,        "/stacksz",        NULL)                 \
    X(IPQUEUESZ,      "/ipqueuesz",      NULL)                 \
    X(ACTORZ,         "/actorz",         "Actors")             \
    X(TRACEZ,         "/tracez",         "Trace")
/* clang-format on */

enum monitor_page {
    MONITOR_NOT_FOUND,  /* 404 with monitor_not_found_text */
    MONITOR_REDIRECT,   /* http_redirect_write to http_path_clean of the path */
    MONITOR_BAD_TARGET, /* "*": 400, HTTP_CONTENT_NONE, close */
    MONITOR_OPTIONS,    /* OPTIONS *: 200, HTTP_CONTENT_NONE */
    MONITOR_NO_EXPECT,  /* 417, HTTP_CONTENT_NONE, close */
    MONITOR_INDEX,
#define X(name, path, title) MONITOR_##name,
    MONITOR_PAGES(X)
#undef X
        MONITOR_PAGE_COUNT,
};

/* base is the configured base path, "" or "/x" without slash at its end. Any method reads a page. */
enum monitor_page monitor_page_of(const struct http_request *r, struct bytes base);

/* The path of a page without base, as http_req_stats counts it ("/subsz" for its alias too); NULL
 * for what is not counted. */
const char *monitor_page_path(enum monitor_page page);

/* The HTML of the index. */
void monitor_index_write(struct output *o, struct bytes base, const char *version);

struct bytes monitor_not_found_text(void);

#endif
