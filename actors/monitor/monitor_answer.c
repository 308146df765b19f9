/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_answer.c -- a page as an answer of HTTP.
 *
 * As net/http does it: a body of up to SIZED_MAX bytes goes out with its size, a longer one in chunks.
 * HTTP/1.0 knows no chunks: its body is held as a whole, up to HELD_MAX, past which the connection ends.
 * Of a body that HEAD asks about, only the size is kept.
 */
#include "actors/monitor/monitor_conn.h"
#include "protocols/http/http_target.h"
#include "runtime/base/check.h"

#define NS_PER_S 1000000000
#define SIZED_MAX 2048u

static int64_t now_s(void)
{
    return wall_ns() / NS_PER_S;
}

static void write_head(struct monitor_conn *c, uint64_t size)
{
    CHECK(!c->head_sent && c->page != NULL);
    const struct http_response response = {
        .status = c->page->status,
        .content = c->page->content,
        .now_s = now_s(),
        .size = size,
    };
    http_response_write(&c->out, &c->request, &response);
    c->head_sent = true;
}

static void finish(struct monitor_conn *c)
{
    CHECK(!c->answered && !c->writing);
    c->answered = true;
    c->last = !c->request.keep_alive;
}

void answer_refusal(struct monitor_conn *c, const struct http_refusal *refusal)
{
    http_refusal_write(&c->out, refusal);
    c->request.keep_alive = false;
    finish(c);
}

static void redirect(struct monitor_conn *c)
{
    struct bytes path = c->request.path;
    char *clean = mem_alloc(path.size + 1);
    size_t size = http_path_clean(path, clean);
    http_redirect_write(&c->out, &c->request, now_s(), (struct bytes){clean, size});
    mem_free(clean);
}

void answer_plainly(struct monitor_conn *c, enum monitor_page which)
{
    struct http_response response = {.content = HTTP_CONTENT_NONE, .now_s = now_s()};
    switch (which) {
    case MONITOR_REDIRECT: redirect(c); break;
    case MONITOR_BAD_TARGET: response.status = 400; break;
    case MONITOR_OPTIONS: response.status = 200; break;
    case MONITOR_NO_EXPECT: response.status = 417; break;
    default: UNREACHABLE("this is a page");
    }
    if (which == MONITOR_BAD_TARGET || which == MONITOR_NO_EXPECT)
        c->request.keep_alive = false;
    if (which != MONITOR_REDIRECT)
        http_response_write(&c->out, &c->request, &response);
    finish(c);
}

void answer_more(struct monitor_conn *c)
{
    struct json *json = &c->page->json;
    struct bytes body = json_text(json);
    CHECK(!c->answered && !c->writing);
    if (http_request_is_head(&c->request)) {
        c->counted += body.size;
        json_drain(json);
        return;
    }
    if (c->request.minor == 0 || body.size == 0 || (!c->head_sent && body.size <= SIZED_MAX))
        return;
    if (!c->head_sent)
        write_head(c, HTTP_SIZE_UNKNOWN);
    http_chunk_write(&c->out, body);
    json_drain(json);
}

void answer_end(struct monitor_conn *c)
{
    struct json *json = &c->page->json;
    answer_more(c);
    struct bytes body = json_text(json);
    bool wanted = !http_request_is_head(&c->request);
    CHECK(c->counted == 0 || !wanted);
    if (!c->head_sent) {
        write_head(c, c->counted + body.size);
        if (wanted)
            output_add(&c->out, body);
    } else {
        http_chunk_write(&c->out, body);
        http_chunk_end_write(&c->out);
    }
    json_drain(json);
    finish(c);
}
