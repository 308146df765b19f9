/* SPDX-License-Identifier: Apache-2.0 */
/* memory_source.h -- files and environment of a test: tables that end with a NULL name. */
#ifndef TESTS_UNIT_CONF_MEMORY_SOURCE_H
#define TESTS_UNIT_CONF_MEMORY_SOURCE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/conf/conf.h"

struct memory_entry {
    const char *name;
    const char *content;
};

struct memory_source {
    const struct memory_entry *files;
    const struct memory_entry *variables;
};

static inline const char *memory_find(const struct memory_entry *entries, const char *name)
{
    for (; entries != NULL && entries->name != NULL; entries++)
        if (strcmp(entries->name, name) == 0)
            return entries->content;
    return NULL;
}

static inline int memory_read_file(void *context, const char *path, size_t size_max, char **ret_at,
                                   size_t *ret_size)
{
    const struct memory_source *memory = context;
    const char *content = memory_find(memory->files, path);
    if (content == NULL)
        return -ENOENT;
    if (strlen(content) > size_max)
        return -EFBIG;
    *ret_size = strlen(content);
    *ret_at = strdup(content);
    return *ret_at == NULL ? -ENOMEM : 0;
}

static inline const char *memory_get_env(void *context, const char *name)
{
    const struct memory_source *memory = context;
    return memory_find(memory->variables, name);
}

static inline struct conf_source memory_conf_source(struct memory_source *memory)
{
    return (struct conf_source){memory_read_file, memory_get_env, memory};
}

#endif
