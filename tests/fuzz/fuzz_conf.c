/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_conf.c -- any bytes are parsed or refused, and what is parsed can be digested and read as options.
 * What stands before the first NUL byte is the file, what stands behind it another one ("inc"), and a
 * variable of the environment ("E"). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/conf/conf.h"
#include "runtime/base/check.h"
#include "server/options.h"

static int read_file(void *context, const char *path, size_t size_max, char **ret_at,
                     size_t *ret_size)
{
    const struct bytes *second = context;
    if (strcmp(path, "inc") != 0)
        return -ENOENT;
    if (second->size > size_max)
        return -EFBIG;
    *ret_at = malloc(second->size + 1);
    if (*ret_at == NULL)
        return -ENOMEM;
    if (second->size > 0)
        memcpy(*ret_at, second->at, second->size);
    *ret_size = second->size;
    return 0;
}

static const char *get_env(void *context, const char *name)
{
    const struct bytes *second = context;
    return strcmp(name, "E") == 0 ? second->at : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    CHECK(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    size_t first = strnlen(text, size);
    struct bytes second = {text + (first < size ? first + 1 : size),
                           first < size ? size - first - 1 : 0};
    struct conf_source source = {read_file, get_env, &second};
    struct conf_tree *tree = NULL;
    struct conf_error error;
    if (conf_parse_text((struct bytes){text, first}, "main", &source, &tree, &error) < 0) {
        CHECK(tree == NULL && error.size > 0 && error.text[error.size] == '\0');
    } else {
        char digest[CONF_DIGEST_SIZE];
        struct options options;
        struct text errors;
        struct text warnings;
        conf_digest(tree, digest);
        CHECK(strlen(digest) == CONF_DIGEST_SIZE - 1);
        options_init(&options);
        text_init(&errors);
        text_init(&warnings);
        options_read(&options, tree, &errors, &warnings);
        options_set_defaults(&options);
        text_done(&errors);
        text_done(&warnings);
        options_done(&options);
    }
    conf_free(&tree);
    free(text);
    return 0;
}
