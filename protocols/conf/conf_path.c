/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/conf/conf_path.h"

#include <string.h>

#include "runtime/base/check.h"

/* Takes the last element off what is written so far; false when there is none to take. */
static bool take_back(const char *out, size_t floor, size_t *size)
{
    size_t last = *size;
    while (last > floor && out[last - 1] != '/')
        last--;
    bool is_dots = *size - last == 2 && out[last] == '.' && out[last + 1] == '.';
    if (*size == floor || is_dots)
        return false;
    *size = last > floor ? last - 1 : floor;
    return true;
}

char *conf_path_clean(struct arena *arena, struct bytes path)
{
    char *out = arena_alloc(arena, path.size + 2);
    size_t floor = path.size > 0 && path.at[0] == '/' ? 1 : 0;
    size_t size = floor;
    if (floor > 0)
        out[0] = '/';
    for (size_t i = 0; i < path.size;) {
        size_t end = i;
        while (end < path.size && path.at[end] != '/')
            end++;
        struct bytes part = {path.at + i, end - i};
        i = end + 1;
        if (part.size == 0 || bytes_are(part, "."))
            continue;
        bool up = bytes_are(part, "..");
        if (up && (take_back(out, floor, &size) || floor > 0))
            continue;
        if (size > floor)
            out[size++] = '/';
        memcpy(out + size, part.at, part.size);
        size += part.size;
    }
    CHECK(size <= path.size + 1);
    if (size == 0)
        out[size++] = '.';
    out[size] = '\0';
    return out;
}

char *conf_path_beside(struct arena *arena, const char *from, struct bytes path)
{
    const char *slash = strrchr(from, '/');
    size_t folder_size = slash == NULL ? 0 : (size_t)(slash - from) + 1;
    if (folder_size == 0 && path.size > 0 && path.at[0] == '/') {
        from = "./";
        folder_size = 2;
    }
    size_t size = folder_size + path.size;
    char *joined = arena_alloc(arena, size + 1);
    CHECK(folder_size == 0 || from[folder_size - 1] == '/');
    memcpy(joined, from, folder_size);
    if (path.size > 0)
        memcpy(joined + folder_size, path.at, path.size);
    return conf_path_clean(arena, (struct bytes){joined, size});
}
