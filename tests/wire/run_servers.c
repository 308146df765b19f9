/* SPDX-License-Identifier: Apache-2.0 */
/* run_servers.c -- steps about servers: life, signals, log, files. */
#include "tests/wire/run_steps.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/check.h"

#define UNSUPPORTED \
    "not supported yet" /* how our server refuses what nats-server has and it has not */
#define RETRY_NS (10 * (int64_t)1000000)

static bool wait_ready(struct session *s, int server)
{
    int64_t deadline = session_deadline(s);
    for (;;) {
        enum wire_server_state state = s->ops->server_state(s->backend, (unsigned)server);
        if (state == WIRE_READY)
            return true;
        if (state == WIRE_EXITED) {
            struct bytes log = s->ops->server_log(s->backend, (unsigned)server);
            s->unsupported = memmem(log.at, log.size, UNSUPPORTED, strlen(UNSUPPORTED)) != NULL;
            return session_fail(s, "the server exited");
        }
        if (!session_step(s, deadline))
            return session_fail(s, "the server does not get ready");
    }
}

static bool config_text(struct session *s, const struct step *step, int server, struct blob *ret)
{
    const char *dir = s->ops->server_dir(s->backend, (unsigned)server, s->servers[server]);
    blob_format(ret,
                "host: \"127.0.0.1\"\nport: -1\nhttp: \"127.0.0.1:-1\"\nports_file_dir: \"%s\"\n",
                dir);
    if (s->config != NULL)
        blob_format(ret, "%s\n", s->config);
    return session_expand(s, bytes_of(step->text), server, ret);
}

/* Starts with the text; flags are words, cut in place. */
static bool start_with(struct session *s, int server, const char *config, char *flags)
{
    struct wire_server_setup setup = {.name = s->servers[server], .config = config};
    char *rest = NULL;
    unsigned count = 0;
    for (char *word = strtok_r(flags, " \t", &rest); word != NULL;
         word = strtok_r(NULL, " \t", &rest)) {
        if (count + 1 == WIRE_FLAGS_MAX)
            return session_fail(s, "too many flags");
        setup.flags[count++] = word;
    }
    int rc = s->ops->server_start(s->backend, (unsigned)server, &setup);
    return rc == 0 || session_fail(s, "start: %s", strerror(-rc));
}

static bool launch(struct session *s, int server, const struct step *step)
{
    struct blob config = {0};
    struct blob flags = {0};
    blob_add_string(&flags, "");
    bool ok = config_text(s, step, server, &config) &&
              session_expand(s, bytes_of(step->more), server, &flags) &&
              start_with(s, server, blob_string(&config), flags.at);
    blob_done(&config);
    blob_done(&flags);
    return ok;
}

bool run_launch(struct session *s, const struct step *step)
{
    int server = session_server_add(s, step->target);
    return server >= 0 && launch(s, server, step);
}

bool run_server(struct session *s, const struct step *step)
{
    return run_launch(s, step) && wait_ready(s, session_server(s, step->target));
}

/* The step that first started a server: a restart uses its text. */
static const struct step *first_start(const struct session *s, const char *name)
{
    for (unsigned i = 0; i < s->script->count; i++) {
        const struct step *step = &s->script->steps[i];
        if ((step->kind == STEP_SERVER || step->kind == STEP_LAUNCH) &&
            strcmp(step->target, name) == 0)
            return step;
    }
    return NULL;
}

bool run_start(struct session *s, const struct step *step)
{
    int server = session_server(s, step->target);
    const struct step *first = first_start(s, step->target);
    if (server < 0 || first == NULL)
        return false;
    if (s->ops->server_state(s->backend, (unsigned)server) != WIRE_EXITED)
        return session_fail(s, "it runs still");
    return launch(s, server, first) && wait_ready(s, server);
}

bool run_config(struct session *s, const struct step *step)
{
    int server = session_server(s, step->target);
    if (server < 0)
        return false;
    struct blob config = {0};
    bool ok = config_text(s, step, server, &config);
    int rc = ok ? s->ops->server_configure(s->backend, (unsigned)server, blob_string(&config)) : 0;
    blob_done(&config);
    return rc == 0 ? ok : session_fail(s, "config: %s", strerror(-rc));
}

bool run_signal(struct session *s, const struct step *step)
{
    int server = session_server(s, step->target);
    if (server < 0)
        return false;
    int rc = s->ops->server_signal(s->backend, (unsigned)server, step->text);
    return rc == 0 || session_fail(s, "signal: %s", strerror(-rc));
}

bool run_exits(struct session *s, const struct step *step)
{
    int server = session_server(s, step->target);
    if (server < 0)
        return false;
    int64_t deadline = session_deadline(s);
    while (s->ops->server_state(s->backend, (unsigned)server) != WIRE_EXITED) {
        if (!session_step(s, deadline))
            return session_fail(s, "the server does not exit");
    }
    int code = s->ops->server_exit_code(s->backend, (unsigned)server);
    if (step->number >= 0 && code != step->number)
        return session_fail(s, "expected exit code %lld, it was %d", step->number, code);
    return true;
}

/* A line of the log that matches; groups are kept. */
static bool log_has(struct session *s, int server, const char *pattern, struct blob *why)
{
    struct bytes log = s->ops->server_log(s->backend, (unsigned)server);
    struct blob line = {0};
    bool found = false;
    while (!found && log.size > 0) {
        const char *end = memchr(log.at, '\n', log.size);
        size_t size = end == NULL ? log.size : (size_t)(end - log.at);
        blob_clear(&line);
        blob_add(&line, (struct bytes){log.at, size});
        found = end != NULL && condition_matches(blob_string(&line), pattern, &s->groups, why);
        size_t skip = end == NULL ? size : size + 1;
        log.at += skip;
        log.size -= skip;
    }
    blob_done(&line);
    return found;
}

static bool log_step(struct session *s, const struct step *step, const char *pattern)
{
    int server = session_server(s, step->target);
    int64_t deadline = session_deadline(s);
    struct blob why = {0};
    bool wanted = step->kind == STEP_LOG;
    bool found = false;
    while (server >= 0) {
        found = log_has(s, server, pattern, &why);
        if (!wanted || found || why.size > 0 || !session_step(s, deadline))
            break;
    }
    bool ok = server >= 0 && found == wanted && why.size == 0;
    if (server >= 0 && !ok)
        session_fail(s, "expected %s of the log to match: %s %s", wanted ? "a line" : "no line",
                     pattern, blob_string(&why));
    blob_done(&why);
    return ok;
}

bool run_log(struct session *s, const struct step *step)
{
    struct blob pattern = {0};
    bool ok = session_expand(s, bytes_of(step->text), -1, &pattern) &&
              log_step(s, step, blob_string(&pattern));
    blob_done(&pattern);
    return ok;
}

/* Whether the file is as wanted: content that matches the pattern, or absent when it is NULL. */
static bool file_is(struct session *s, int server, const char *glob, const char *pattern,
                    struct blob *ret_content)
{
    struct blob why = {0};
    blob_clear(ret_content);
    int rc = s->ops->server_file(s->backend, (unsigned)server, glob, ret_content);
    bool ok = pattern == NULL ? rc == -ENOENT
                              : rc == 0 && condition_matches(blob_string(ret_content), pattern,
                                                             &s->groups, &why);
    blob_add_string(ret_content, blob_string(&why));
    blob_done(&why);
    return ok;
}

static bool wait_file(struct session *s, int server, const char *glob, const char *pattern)
{
    struct blob content = {0};
    int64_t deadline = session_deadline(s);
    bool ok = false;
    while (!(ok = file_is(s, server, glob, pattern, &content))) {
        int64_t now = s->ops->now(s->backend);
        if (now >= deadline)
            break;
        (void)s->ops->step(s->backend, now + RETRY_NS);
    }
    if (!ok)
        session_fail(s, "file %s: expected %s, content: %s", glob,
                     pattern == NULL ? "none" : pattern, blob_string(&content));
    blob_done(&content);
    return ok;
}

bool run_file(struct session *s, const struct step *step)
{
    int server = session_server(s, step->target);
    struct blob glob = {0};
    struct blob pattern = {0};
    bool ok =
        server >= 0 && session_expand(s, bytes_of(step->more), server, &glob) &&
        (step->text == NULL || session_expand(s, bytes_of(step->text), server, &pattern)) &&
        wait_file(s, server, blob_string(&glob), step->text == NULL ? NULL : blob_string(&pattern));
    blob_done(&glob);
    blob_done(&pattern);
    return ok;
}
