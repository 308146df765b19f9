/* SPDX-License-Identifier: Apache-2.0 */
/* store_view_journal.c -- the journal of a store that nobody runs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "server/store_view.h"

#define FILE_BYTES_MAX ((uint64_t)1 << 30)

static int by_place(const void *a, const void *b)
{
    const struct view_entry *x = a;
    const struct view_entry *y = b;
    if (x->gid != y->gid)
        return x->gid < y->gid ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

bool view_has_entry(const struct store_view *v, uint64_t gid, uint64_t index)
{
    struct view_entry key = {gid, index};
    return v->entry_count > 0 &&
           bsearch(&key, v->entries, v->entry_count, sizeof *v->entries, by_place) != NULL;
}

const char *view_position(const struct store_view *v, uint64_t position)
{
    static char text[64]; /* the tool is one thread; it is used in one line of output */
    const char *name = "?";
    for (uint32_t i = 0; i < v->journal.file_count; i++)
        if (v->journal.files[i].number == position / v->journal.file_bytes)
            name = v->journal_names[i];
    (void)snprintf(text, sizeof text, "journal/%s, byte %llu", name,
                   (unsigned long long)(position % v->journal.file_bytes));
    return text;
}

/* --- what the scan tells -------------------------------------------------------------------------------- */

static void on_record(void *context, const struct record *r, uint64_t position)
{
    struct store_view *v = context;
    (void)position;
    v->journal_records++;
    if (!entry_kind_is_transient(r->entry.kind)) {
        if (v->entry_count == v->entry_capacity) {
            v->entry_capacity = v->entry_capacity == 0 ? 1024 : 2 * v->entry_capacity;
            v->entries = realloc(v->entries, v->entry_capacity * sizeof *v->entries);
            CHECK(v->entries != NULL);
        }
        v->entries[v->entry_count++] = (struct view_entry){r->entry.gid, r->entry.index};
    }
    if (v->on_entry != NULL)
        v->on_entry(v->context, &r->entry);
}

static void on_rot(void *context, const struct journal_rot *rot)
{
    struct store_view *v = context;
    struct view_rot *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    r->rot = *rot;
    *v->rots_last = r;
    v->rots_last = &r->next;
}

/* --- files ------------------------------------------------------------------------------------------------ */

/* The size that most files have: all have the same, but for one that was being made. */
static uint64_t file_bytes(const char *folder, char (*names)[16], uint32_t count)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < count; i++) {
        char path[VIEW_PATH_MAX];
        struct stat st;
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (stat(path, &st) == 0 && (uint64_t)st.st_size > most)
            most = (uint64_t)st.st_size;
    }
    return most;
}

/* The names j-NNN in the folder, given. */
static char (*list_names(const char *folder, uint32_t *ret_count))[16]
{
    char(*names)[16] = calloc(JOURNAL_FILES_MAX, sizeof *names);
    CHECK(names != NULL);
    DIR *directory = opendir(folder);
    const struct dirent *e;
    *ret_count = 0;
    while (directory != NULL && *ret_count < JOURNAL_FILES_MAX && (e = readdir(directory)) != NULL)
        if (strlen(e->d_name) == 7 && strncmp(e->d_name, "j-", 2) == 0)
            memcpy(names[(*ret_count)++], e->d_name, 8);
    if (directory != NULL)
        (void)closedir(directory);
    return names;
}

/* What can not be read of a file is zeros. */
static char *read_image(const char *folder, const char *name, uint64_t size, int *status)
{
    char path[VIEW_PATH_MAX];
    char *image = aligned_alloc(BLOCK_ALIGN, size);
    CHECK(image != NULL);
    memset(image, 0, size);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        *status = -errno;
    for (uint64_t at = 0; fd >= 0 && at < size; at += BLOCK_ALIGN)
        if (pread(fd, image + at, BLOCK_ALIGN, (off_t)at) < 0)
            *status = -errno;
    if (fd >= 0)
        (void)close(fd); /* it was read only */
    return image;
}

static void add_file(struct store_view *v, const char *name, uint64_t number, const char *image)
{
    struct journal_scan *s = &v->journal;
    uint32_t at = s->file_count++;
    while (at > 0 && s->files[at - 1].number > number) {
        s->files[at] = s->files[at - 1];
        memcpy(v->journal_names[at], v->journal_names[at - 1], sizeof v->journal_names[at]);
        at--;
    }
    s->files[at] = (struct journal_scan_file){.number = number, .image = image};
    memcpy(v->journal_names[at], name, sizeof v->journal_names[at]);
}

void view_read_journal(struct store_view *v)
{
    char folder[VIEW_PATH_MAX / 2 + 16];
    uint32_t count;
    (void)snprintf(folder, sizeof folder, "%s/journal", v->path);
    char(*names)[16] = list_names(folder, &count);
    uint64_t size = file_bytes(folder, names, count);
    v->journal = (struct journal_scan){.store = super_block_store(&v->super),
                                       .file_bytes = size,
                                       .floor = v->floor,
                                       .record = on_record,
                                       .rot = on_rot,
                                       .context = v};
    v->journal.files = calloc(count + 1, sizeof *v->journal.files);
    v->journal_names = calloc(count + 1, sizeof *v->journal_names);
    CHECK(v->journal.files != NULL && v->journal_names != NULL);
    bool possible = size % BLOCK_ALIGN == 0 && size >= 2 * BLOCK_ALIGN && size <= FILE_BYTES_MAX;
    v->journal_status = count == 0 || possible ? 0 : -EBADMSG;
    for (uint32_t i = 0; i < count && possible; i++) {
        uint64_t number;
        char *image = read_image(folder, names[i], size, &v->journal_status);
        bool any = journal_scan_number(image, size, v->journal.store, &number) == 0;
        if (any && number >= v->floor / size) {
            add_file(v, names[i], number, image);
        } else {
            v->journal_spares++;
            free(image);
        }
    }
    free(names);
    for (uint32_t i = 1; i < v->journal.file_count; i++)
        if (v->journal.files[i].number == v->journal.files[i - 1].number)
            v->journal_status = -EEXIST;
    if (v->journal_status == -EEXIST)
        return; /* no scan can tell which of them is meant */
    if (possible && v->journal.file_count > 0) {
        int status = journal_scan(&v->journal, &v->journal_end);
        v->journal_status = v->journal_status == 0 ? status : v->journal_status;
    }
    if (v->entry_count > 0)
        qsort(v->entries, v->entry_count, sizeof *v->entries, by_place);
}
