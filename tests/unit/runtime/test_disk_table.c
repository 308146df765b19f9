/* SPDX-License-Identifier: Apache-2.0 */
/* The same operations with the same results on the host's disk and on the simulated one.
 *
 * A script is a list of operations with what each must bring. Its steps run one after another: a
 * step's end submits the next one. "~/" at the start of a path stands for the script's folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>

#include "runtime/base/prng.h"
#include "runtime/file.h"
#include "runtime/sim/sim_disk.h"
#include "tests/unit/runtime/disk_actor.h"

#define SCRIPT_FILES 4
#define SCRIPT_READ_MAX 256

struct disk_step {
    enum disk_op op;
    int64_t result;
    const char *path;
    const char *to;
    unsigned file; /* which of the script's open files; set by open */
    uint32_t flags;
    uint64_t offset;
    uint64_t size; /* of reads: how much */
    const char
        *text; /* written in two parts; or expected: bytes read, names "a b/ c", size of stat */
};

struct disk_script {
    const struct disk *disk;
    const char *folder;
    const struct disk_step *steps;
    size_t count;
    void (*ended)(void *context); /* after the last step */
    void *context;

    size_t at;
    char failure[512]; /* "": none */
    struct disk_file *files[SCRIPT_FILES];
    struct disk_request request;
    struct iovec parts[2];
    char read[SCRIPT_READ_MAX];
    char path[DISK_PATH_MAX];
    char to[DISK_PATH_MAX];
};

static void expand(char to[DISK_PATH_MAX], const char *folder, const char *path)
{
    if (strncmp(path, "~/", 2) == 0)
        (void)snprintf(to, DISK_PATH_MAX, "%s/%s", folder, path + 2);
    else
        (void)snprintf(to, DISK_PATH_MAX, "%s", path);
}

static void names_text(const struct disk_names *names, char *text, size_t size)
{
    size_t at = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < names->count && at < size; i++)
        at += (size_t)snprintf(text + at, size - at, "%s%s%s", i > 0 ? " " : "",
                               names->names[i].text, names->names[i].directory ? "/" : "");
}

/* What came, as text to compare with the step's. */
static const char *outcome(struct disk_script *script, char *text, size_t size)
{
    struct disk_request *r = &script->request;
    if (r->op == DISK_READ) {
        (void)snprintf(text, size, "%.*s", (int)r->result, script->read);
    } else if (r->op == DISK_STAT) {
        (void)snprintf(text, size, "%llu", (unsigned long long)r->stat.size);
    } else if (r->op == DISK_LIST) {
        names_text(r->names, text, size);
        disk_names_free(&r->names);
    } else {
        return NULL;
    }
    return text;
}

static void submit_next(struct disk_script *script);

static void on_end(struct disk_request *request)
{
    struct disk_script *script = request->context;
    const struct disk_step *step = &script->steps[script->at];
    char text[SCRIPT_READ_MAX + 1];
    const char *got = request->result < 0 ? NULL : outcome(script, text, sizeof text);
    if (request->op == DISK_OPEN && request->result == 0)
        script->files[step->file] = request->file;
    if (request->result != step->result)
        (void)snprintf(script->failure, sizeof script->failure, "step %zu, %s: %lld, not %lld",
                       script->at, disk_op_name(step->op), (long long)request->result,
                       (long long)step->result);
    else if (got != NULL && step->text != NULL && strcmp(got, step->text) != 0)
        (void)snprintf(script->failure, sizeof script->failure, "step %zu, %s: '%s', not '%s'",
                       script->at, disk_op_name(step->op), got, step->text);
    script->at++;
    submit_next(script);
}

static void set_parts(struct disk_script *script, const struct disk_step *step)
{
    struct disk_request *r = &script->request;
    r->parts = script->parts;
    r->part_count = 2;
    char *from = step->op == DISK_READ ? script->read : (char *)(uintptr_t)step->text;
    size_t size = step->op == DISK_READ ? (size_t)step->size : strlen(step->text);
    size_t first = size / 2;
    script->parts[0] = (struct iovec){from, first};
    script->parts[1] = (struct iovec){from + first, size - first};
}

static void submit_next(struct disk_script *script)
{
    if (script->at == script->count || script->failure[0] != 0) {
        script->ended(script->context);
        return;
    }
    const struct disk_step *step = &script->steps[script->at];
    struct disk_request *r = &script->request;
    *r = (struct disk_request){.op = step->op,
                               .flags = step->flags,
                               .mode = step->op == DISK_MKDIR ? 0700 : 0600,
                               .offset = step->offset,
                               .size = step->op == DISK_READ ? 0 : step->size,
                               .done = on_end,
                               .context = script};
    if (disk_op_on_path(step->op)) {
        expand(script->path, script->folder, step->path);
        r->path = script->path;
    } else {
        r->file = script->files[step->file];
    }
    if (step->op == DISK_RENAME) {
        expand(script->to, script->folder, step->to);
        r->to = script->to;
    }
    if (step->op == DISK_READ || step->op == DISK_WRITE || step->op == DISK_APPEND)
        set_parts(script, step);
    disk_submit(script->disk, r);
}

/* Submits the first step; `ended` is called at the end, or at the first step that brings something
 * else. */
static void disk_script_start(struct disk_script *script)
{
    script->at = 0;
    script->failure[0] = 0;
    submit_next(script);
}

#define RW (DISK_OPEN_WRITE | DISK_OPEN_CREATE)

/* clang-format off */
static const struct disk_step reading_and_writing[] = {
    {DISK_OPEN,     -ENOENT, .path = "~/a"},
    {DISK_OPEN,     0, .path = "~/a", .flags = RW | DISK_OPEN_EXCLUSIVE},
    {DISK_OPEN,     -EEXIST, .path = "~/a", .flags = RW | DISK_OPEN_EXCLUSIVE, .file = 1},
    {DISK_READ,     0, .size = 10, .text = ""},
    {DISK_WRITE,    5, .text = "hello"},
    {DISK_WRITE,    5, .offset = 3, .text = "p me!"},
    {DISK_READ,     8, .size = 100, .text = "help me!"},
    {DISK_READ,     2, .offset = 6, .size = 100, .text = "e!"},
    {DISK_READ,     3, .offset = 1, .size = 3, .text = "elp"},
    {DISK_READ,     0, .offset = 8, .size = 3, .text = ""},
    {DISK_READ,     0, .offset = 800000, .size = 3, .text = ""},
    {DISK_STAT,     0, .text = "8"},
    {DISK_SYNC,     0, .file = 0},
    {DISK_TRUNCATE, 0, .size = 4},
    {DISK_READ,     4, .size = 100, .text = "help"},
    {DISK_TRUNCATE, 0, .size = 6},
    {DISK_STAT,     0, .text = "6"},
    {DISK_WRITE,    1, .offset = 5, .text = "."},
    {DISK_WRITE,    1, .offset = 4, .text = "!"},
    {DISK_READ,     6, .size = 100, .text = "help!."},
    {DISK_CLOSE,    0, .file = 0},
    {DISK_OPEN,     0, .path = "~/a"},
    {DISK_READ,     6, .size = 100, .text = "help!."},
    {DISK_WRITE,    -EBADF, .text = "no"},
    {DISK_TRUNCATE, -EINVAL, .size = 1},
    {DISK_CLOSE,    0, .file = 0},
    {DISK_OPEN,     0, .path = "~/a", .flags = RW | DISK_OPEN_TRUNCATE},
    {DISK_STAT,     0, .text = "0"},
    {DISK_CLOSE,    0, .file = 0},
};

static const struct disk_step appending[] = {
    {DISK_OPEN,   0, .path = "~/log", .flags = DISK_OPEN_CREATE | DISK_OPEN_APPEND},
    {DISK_APPEND, 4, .text = "one "},
    {DISK_APPEND, 4, .text = "two "},
    {DISK_READ,   -EBADF, .size = 4},
    {DISK_OPEN,   0, .path = "~/log", .flags = DISK_OPEN_CREATE | DISK_OPEN_APPEND, .file = 1},
    {DISK_APPEND, 6, .file = 1, .text = "three "},
    {DISK_APPEND, 4, .text = "four"},
    {DISK_CLOSE,  0, .file = 0},
    {DISK_CLOSE,  0, .file = 1},
    {DISK_OPEN,   0, .path = "~/log"},
    {DISK_READ,   18, .size = 100, .text = "one two three four"},
    {DISK_CLOSE,  0, .file = 0},
};

static const struct disk_step names[] = {
    {DISK_LIST,     0, .path = "~/", .text = ""},
    {DISK_MKDIR,    0, .path = "~/d"},
    {DISK_MKDIR,    -EEXIST, .path = "~/d"},
    {DISK_MKDIR,    -ENOENT, .path = "~/none/d"},
    {DISK_OPEN,     -ENOENT, .path = "~/none/f", .flags = RW},
    {DISK_OPEN,     0, .path = "~/b", .flags = RW},
    {DISK_WRITE,    1, .text = "b"},
    {DISK_CLOSE,    0, .file = 0},
    {DISK_OPEN,     0, .path = "~/a", .flags = RW},
    {DISK_WRITE,    1, .text = "a"},
    {DISK_CLOSE,    0, .file = 0},
    {DISK_OPEN,     0, .path = "~/d/x", .flags = RW},
    {DISK_CLOSE,    0, .file = 0},
    {DISK_OPEN,     0, .path = "~/d-", .flags = RW},
    {DISK_CLOSE,    0, .file = 0},
    {DISK_LIST,     0, .path = "~/", .text = "a b d/ d-"},
    {DISK_LIST,     0, .path = "~/d", .text = "x"},
    {DISK_LIST,     -ENOENT, .path = "~/e"},
    {DISK_LIST,     -ENOTDIR, .path = "~/a"},
    {DISK_OPEN,     -EISDIR, .path = "~/d", .flags = DISK_OPEN_WRITE},
    {DISK_OPEN,     -ENOTDIR, .path = "~/a/x", .flags = RW},
    {DISK_REMOVE,   -ENOTEMPTY, .path = "~/d"},
    {DISK_REMOVE,   -ENOENT, .path = "~/none"},
    {DISK_RENAME,   -ENOENT, .path = "~/none", .to = "~/other"},
    {DISK_RENAME,   -ENOENT, .path = "~/a", .to = "~/none/a"},
    {DISK_RENAME,   -EISDIR, .path = "~/a", .to = "~/d"},
    {DISK_RENAME,   0, .path = "~/a", .to = "~/b"},
    {DISK_LIST,     0, .path = "~/", .text = "b d/ d-"},
    {DISK_OPEN,     0, .path = "~/b"},
    {DISK_READ,     1, .size = 10, .text = "a"},
    {DISK_RENAME,   0, .path = "~/b", .to = "~/d/b"},
    {DISK_REMOVE,   0, .path = "~/d/b"},
    {DISK_READ,     1, .size = 10, .text = "a"},
    {DISK_CLOSE,    0, .file = 0},
    {DISK_LIST,     0, .path = "~/d", .text = "x"},
    {DISK_REMOVE,   0, .path = "~/d/x"},
    {DISK_SYNC_DIR, 0, .path = "~/d"},
    {DISK_REMOVE,   0, .path = "~/d"},
    {DISK_SYNC_DIR, 0, .path = "~/"},
    {DISK_SYNC_DIR, -ENOENT, .path = "~/d"},
    {DISK_LIST,     0, .path = "~/", .text = "d-"},
};

static const struct disk_step space_and_locks[] = {
    {DISK_SPACE,    0, .path = "~/"},
    {DISK_OPEN,     0, .path = "~/j", .flags = RW | DISK_OPEN_URGENT},
    {DISK_ALLOCATE, 0, .size = 8192},
    {DISK_STAT,     0, .text = "8192"},
    {DISK_WRITE,    3, .offset = 8190, .text = "end"},
    {DISK_ALLOCATE, 0, .size = 4096},
    {DISK_STAT,     0, .text = "8193"},
    {DISK_ALLOCATE, -EINVAL, .size = 0},
    {DISK_LOCK,     0, .file = 0},
    {DISK_LOCK,     0, .file = 0},
    {DISK_OPEN,     0, .path = "~/j", .flags = RW, .file = 1},
    {DISK_LOCK,     -EWOULDBLOCK, .file = 1},
    {DISK_CLOSE,    0, .file = 0},
    {DISK_LOCK,     0, .file = 1},
    {DISK_CLOSE,    0, .file = 1},
};
/* clang-format on */

#define SCRIPT(steps)                                  \
    {                                                  \
#steps, steps, sizeof(steps) / sizeof *(steps) \
    }

static const struct {
    const char *name;
    const struct disk_step *steps;
    size_t count;
} scripts[] = {SCRIPT(reading_and_writing), SCRIPT(appending), SCRIPT(names),
               SCRIPT(space_and_locks)};

#define SCRIPTS (sizeof scripts / sizeof *scripts)

/* --- on the simulated disk -------------------------------------------------------------------- */

static void note_end(void *context)
{
    *(bool *)context = true;
}

static void run_simulated(struct disk_script *script, uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct sim_disk_options options = {.delay_min_ns = 0, .delay_max_ns = 1000};
    struct sim_disk *disk = sim_disk_new(&prng, &options);
    bool ended = false;
    script->disk = sim_disk_door(disk);
    script->folder = "folder";
    script->ended = note_end;
    script->context = &ended;
    const struct disk_step *steps = script->steps;
    size_t count = script->count;
    static const struct disk_step make_folder[] = {{DISK_MKDIR, 0, .path = "folder"}};
    for (int pass = 0; pass < 2; pass++) {
        script->steps = pass == 0 ? make_folder : steps;
        script->count = pass == 0 ? 1 : count;
        ended = false;
        disk_script_start(script);
        while (sim_disk_next_ns(disk) != UINT64_MAX)
            sim_disk_step(disk, sim_disk_next_ns(disk));
        assert_true(ended);
    }
    sim_disk_free(&disk);
}

static void the_simulated_disk_does_the_table(void **state)
{
    for (size_t i = 0; i < SCRIPTS; i++)
        for (uint64_t seed = 1; seed <= 20; seed++) {
            struct disk_script script = {.steps = scripts[i].steps, .count = scripts[i].count};
            run_simulated(&script, seed);
            if (script.failure[0] != 0)
                fail_msg("%s: %s", scripts[i].name, script.failure);
        }
}

/* --- on the host's ---------------------------------------------------------------------------- */

static void exit_actor(void *context)
{
    actor_exit(context);
}

static void begin(struct actor *self, void *context)
{
    struct disk_script *script = context;
    script->disk = file_disk();
    script->ended = exit_actor;
    script->context = self;
    disk_script_start(script);
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *ftw)
{
    return remove(path);
}

static void the_hosts_disk_does_the_table(void **state)
{
    for (size_t i = 0; i < SCRIPTS; i++) {
        char folder[] = "/tmp/myelin-disk-XXXXXX";
        assert_non_null(mkdtemp(folder));
        struct disk_script script = {
            .steps = scripts[i].steps, .count = scripts[i].count, .folder = folder};
        disk_actor_run(begin, &script);
        assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
        if (script.failure[0] != 0)
            fail_msg("%s: %s", scripts[i].name, script.failure);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_simulated_disk_does_the_table),
        cmocka_unit_test(the_hosts_disk_does_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
