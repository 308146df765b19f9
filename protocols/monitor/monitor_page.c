/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_page.c -- which page a request is for; see monitor_page.h. */
#include "protocols/monitor/monitor_page.h"

#include "protocols/http/http_target.h"
#include "runtime/base/check.h"

static const struct page {
    const char *path;
    const char *title;
} PAGES[MONITOR_PAGE_COUNT] = {[MONITOR_INDEX] = {"/", NULL},
#define X(name, path, title) [MONITOR_##name] = {path, title},
                               MONITOR_PAGES(X)
#undef X
};

/* Whether net/http would send the client to a cleaner path first. */
static bool is_clean(struct bytes path)
{
    if (path.size == 0 || path.at[0] != '/')
        return false;
    size_t start = 1;
    for (size_t i = 1; i <= path.size; i++) {
        if (i < path.size && path.at[i] != '/')
            continue;
        struct bytes segment = {path.at + start, i - start};
        bool last = i == path.size;
        if ((segment.size == 0 && !last) || bytes_are(segment, ".") || bytes_are(segment, ".."))
            return false;
        start = i + 1;
    }
    return true;
}

static bool is_index(struct bytes path, struct bytes base)
{
    return http_path_is(path, base, base.size > 0 ? "" : "/");
}

enum monitor_page monitor_page_of(const struct http_request *r, struct bytes base)
{
    CHECK(base.size == 0 || (base.at[0] == '/' && base.at[base.size - 1] != '/'));
    if (r->expects_other)
        return MONITOR_NO_EXPECT;
    if (bytes_are(r->path, "*"))
        return bytes_are(r->method, "OPTIONS") ? MONITOR_OPTIONS : MONITOR_BAD_TARGET;
    if (!is_clean(r->path))
        return bytes_are(r->method, "CONNECT") ? MONITOR_NOT_FOUND : MONITOR_REDIRECT;
    if (is_index(r->path, base))
        return MONITOR_INDEX;
    for (int page = MONITOR_INDEX + 1; page < MONITOR_PAGE_COUNT; page++) {
        if (http_path_is(r->path, base, PAGES[page].path))
            return (enum monitor_page)page;
    }
    return MONITOR_NOT_FOUND;
}

const char *monitor_page_path(enum monitor_page page)
{
    CHECK(page >= 0 && page < MONITOR_PAGE_COUNT);
    return PAGES[page == MONITOR_SUBSCRIPTIONSZ ? MONITOR_SUBSZ : page].path;
}

static void write_link(struct output *o, struct bytes base, const struct page *page)
{
    output_text(o, "<li><a href=.");
    output_add(o, base);
    output_text(o, page->path);
    output_text(o, ">");
    output_text(o, page->title);
    output_text(o, "</a> <code>");
    output_text(o, page->path);
    output_text(o, "</code></li>\n");
}

void monitor_index_write(struct output *o, struct bytes base, const char *version)
{
    output_text(o, "<!DOCTYPE html>\n"
                   "<html lang=\"en\">\n"
                   "<head>\n"
                   "<title>NATS server</title>\n"
                   "<link rel=\"shortcut icon\" href=\"https://nats.io/favicon.ico\">\n"
                   "<style>body { font-family: sans-serif; margin: 2em } "
                   "code { color: #888 }</style>\n"
                   "</head>\n"
                   "<body>\n"
                   "<h1>NATS server</h1>\n"
                   "<p><a class=\"version\" href=\"https://github.com/nats-io/nats-server\">v");
    output_text(o, version);
    output_text(o, "</a></p>\n<ul>\n");
    for (int page = MONITOR_INDEX + 1; page < MONITOR_PAGE_COUNT; page++) {
        if (PAGES[page].title)
            write_link(o, base, &PAGES[page]);
    }
    output_text(o,
                "</ul>\n"
                "<p><a href=\"https://docs.nats.io/running-a-nats-service/nats_admin/monitoring\">"
                "Help</a></p>\n"
                "</body>\n"
                "</html>\n");
}

struct bytes monitor_not_found_text(void)
{
    return BYTES("404 page not found\n");
}
