/* SPDX-License-Identifier: Apache-2.0 */
/* run.c -- a script against a backend: which step is which function, and once for each cut. */
#include "tests/wire/run.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "tests/wire/run_steps.h"

#define SPLITS_MAX 4096u

typedef bool step_fn(struct session *s, const struct step *step);

static bool run_let(struct session *s, const struct step *step)
{
    int conn = step->name_count == 0 ? 0 : session_conn(s, step->names[0]);
    if (conn < 0)
        return false;
    const struct blob *document = step->name_count == 0 ? &s->answer.body : &s->conns[conn].info;
    struct blob value = {0};
    struct blob why = {0};
    bool ok = condition_value(blob_bytes(document), step->text, &value, &why) ||
              session_fail(s, "%s", blob_string(&why));
    ok = ok && session_var_set(s, step->target, blob_bytes(&value));
    blob_done(&value);
    blob_done(&why);
    return ok;
}

static bool run_advance(struct session *s, const struct step *step)
{
    if (!s->ops->virtual_time) {
        s->patience_ns += step->number;
        return true;
    }
    int64_t until = s->ops->now(s->backend) + step->number;
    while (s->ops->step(s->backend, until) == WIRE_CHANGED)
        ;
    return true;
}

static bool steps_run(struct session *s, const struct step *steps, unsigned count);

static bool run_repeat(struct session *s, const struct step *step)
{
    for (long long i = 1; i <= step->number; i++) {
        char number[24];
        snprintf(number, sizeof(number), "%lld", i);
        if (!session_var_set(s, "i", bytes_of(number)) ||
            !steps_run(s, step->block, step->block_count))
            return false;
    }
    return true;
}

static step_fn *const step_fns[] = {
    [STEP_SERVER] = run_server, [STEP_LAUNCH] = run_launch, [STEP_START] = run_start,
    [STEP_CONFIG] = run_config, [STEP_SIGNAL] = run_signal, [STEP_EXITS] = run_exits,
    [STEP_CLIENT] = run_client, [STEP_RAW] = run_raw,       [STEP_SEND] = run_send,
    [STEP_EXPECT] = run_expect, [STEP_ONE_OF] = run_one_of, [STEP_UNORDERED] = run_unordered,
    [STEP_PING] = run_ping,     [STEP_CLOSED] = run_end,    [STEP_REFUSED] = run_end,
    [STEP_CLOSE] = run_close,   [STEP_HOLD] = run_hold,     [STEP_RESUME] = run_hold,
    [STEP_INFO] = run_info,     [STEP_PAYLOAD] = run_info,  [STEP_HTTP] = run_http,
    [STEP_STATUS] = run_status, [STEP_JSON] = run_json,     [STEP_BODY] = run_body,
    [STEP_HEADER] = run_header, [STEP_LOG] = run_log,       [STEP_NO_LOG] = run_log,
    [STEP_FILE] = run_file,     [STEP_LET] = run_let,       [STEP_ADVANCE] = run_advance,
    [STEP_REPEAT] = run_repeat,
};

static bool steps_run(struct session *s, const struct step *steps, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        CHECK((size_t)steps[i].kind < sizeof(step_fns) / sizeof(step_fns[0]));
        s->step = &steps[i];
        if (!step_fns[steps[i].kind](s, &steps[i]))
            return false;
    }
    return true;
}

/* Whether the comma-separated names include the kind. */
static bool names_include(const char *names, const char *kind)
{
    size_t size = strlen(kind);
    for (const char *p = strstr(names, kind); p != NULL; p = strstr(p + 1, kind)) {
        bool begins = p == names || !isalpha((unsigned char)p[-1]);
        if (begins && !isalpha((unsigned char)p[size]))
            return true;
    }
    return false;
}

static bool older(const char *version, const char *needs)
{
    int a[3] = {0};
    int b[3] = {0};
    sscanf(version, "%d.%d.%d", &a[0], &a[1], &a[2]);
    sscanf(needs, "%d.%d.%d", &b[0], &b[1], &b[2]);
    for (int i = 0; i < 3; i++) {
        if (a[i] != b[i])
            return a[i] < b[i];
    }
    return false;
}

/* One run with one backend. */
static enum run_result run_once(const struct script *script, const struct run_world *world,
                                unsigned split, size_t *ret_split_size, struct blob *report)
{
    struct wire_backend *backend = world->backend_new(world);
    CHECK(backend != NULL);
    enum run_result result = RUN_SKIPPED;
    struct session *s = malloc(sizeof(*s));
    CHECK(s != NULL);
    session_init(s, backend, script, report);
    s->split = split;
    s->config = world->config;
    if (script->needs != NULL && older(backend->ops->version(backend), script->needs))
        blob_format(report, "%s: skipped: needs %s\n", script->path, script->needs);
    else
        result = steps_run(s, script->steps, script->count) ? RUN_PASSED : RUN_FAILED;
    if (s->unsupported) {
        blob_format(report, "%s: skipped: refused as not supported yet\n", script->path);
        result = RUN_SKIPPED;
    }
    *ret_split_size = s->split_size;
    session_done(s);
    free(s);
    backend->ops->free(&backend);
    return result;
}

enum run_result run_script(const struct script *script, const struct run_world *world,
                           struct blob *report)
{
    if (script->only != NULL && !names_include(script->only, world->kind)) {
        blob_format(report, "%s: skipped: only %s: %s\n", script->path, script->only,
                    script->only_reason);
        return RUN_SKIPPED;
    }
    size_t split_size = 0;
    enum run_result result = run_once(script, world, 0, &split_size, report);
    CHECK(split_size <= SPLITS_MAX);
    for (unsigned at = 1; result == RUN_PASSED && at < split_size; at++) {
        size_t same;
        result = run_once(script, world, at, &same, report);
        CHECK(result != RUN_PASSED || same == split_size);
    }
    return result;
}
