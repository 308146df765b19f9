/* SPDX-License-Identifier: Apache-2.0 */
/* page.h -- a page while it is being made: a small machine inside a connection of the monitoring port.
 *
 * Idea        The connection calls step until the page ends. A step does a bounded piece: it asks other
 *             actors and waits, or looks at some of what they answered, or writes some 16 KiB of the
 *             document, which the connection drains. So no page holds a worker up, and no document is
 *             in memory as a whole.
 * Invariants  1 `waiting` answers are to come; step is not called before they are here
 *             2 what a page keeps is released in its done, wherever it stood
 */
#ifndef ACTORS_MONITOR_PAGE_H
#define ACTORS_MONITOR_PAGE_H

#include "actors/monitor/monitor.h"
#include "actors/monitor/monitor_conn_msg.h"
#include "protocols/http/http_response.h"
#include "protocols/json/json_writer.h"
#include "protocols/monitor/monitor_args.h"
#include "runtime/actor.h"

#define PAGE_CHUNK ((size_t)16 << 10) /* what a step writes, and a row more */

struct page;

enum page_step {
    PAGE_GOES_ON, /* there is more to do at once */
    PAGE_WAITS,   /* for answers */
    PAGE_ENDS,    /* the document is complete */
};

struct page_class {
    size_t size;
    /* Optional. Reads the arguments: 0, or -EINVAL with the refusal filled in. */
    int (*begin)(struct page *p);
    enum page_step (*step)(struct page *p);
    /* Optional, for pages that ask: an answer, borrowed; or the one asked with this tag is gone. */
    void (*answer)(struct page *p, struct msg *m);
    void (*gone)(struct page *p, uint32_t tag);
    void (*done)(struct page *p); /* optional */
};

struct page {
    const struct page_class *class;
    struct actor *conn;                      /* borrowed: whose page it is */
    const struct monitor_settings *settings; /* borrowed; outlives it */
    struct actor_ref monitor;
    enum monitor_page which;
    int status; /* of HTTP */
    enum http_content content;
    struct json json; /* the body, so far as it is not drained */
    struct monitor_args args;
    struct monitor_refusal refusal;
    struct timer timer;
    int64_t now_ns;
    uint32_t waiting;
};

/* Asks for the page: the answer comes to its class. */
void page_ask(struct page *p, struct actor_ref whom, struct msg *request, uint32_t tag);
/* Waits for so long; it counts as one answer, which nobody is told of. */
void page_sleep(struct page *p, uint64_t ms);

/* Whether this step has written enough. */
static inline bool page_is_full(const struct page *p)
{
    return json_text(&p->json).size >= PAGE_CHUNK;
}

static inline struct bytes page_server_id(const struct page *p)
{
    return p->settings->varz.identity.server_id;
}

/* The class of a page; all but those that are none have one. */
const struct page_class *page_class_of(enum monitor_page which);

/* page_*.c */
extern const struct page_class page_index;
extern const struct page_class page_not_found;
extern const struct page_class page_healthz;
extern const struct page_class page_varz;
extern const struct page_class page_connz;
extern const struct page_class page_subsz;
extern const struct page_class page_actorz;
extern const struct page_class page_tracez;
extern const struct page_class page_routez;
extern const struct page_class page_gatewayz;
extern const struct page_class page_leafz;
extern const struct page_class page_jsz;
extern const struct page_class page_accountz;
extern const struct page_class page_accstatz;
extern const struct page_class page_absent;

#endif
