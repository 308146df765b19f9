/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/condition.h"

#include <ctype.h>
#include <jansson.h>
#include <regex.h>
#include <stdlib.h>

#include "runtime/base/check.h"

bool condition_matches(const char *text, const char *pattern, struct condition_groups *ret_groups,
                       struct blob *ret_why)
{
    regex_t re;
    int rc = regcomp(&re, pattern, REG_EXTENDED);
    if (rc != 0) {
        char why[200];
        regerror(rc, &re, why, sizeof(why));
        blob_format(ret_why, "bad pattern %s: %s", pattern, why);
        return false;
    }
    regmatch_t groups[CONDITION_GROUPS];
    bool ok = regexec(&re, text, CONDITION_GROUPS, groups, 0) == 0;
    for (int i = 1; ok && ret_groups != NULL && i < CONDITION_GROUPS; i++) {
        if (groups[i].rm_so < 0)
            continue;
        size_t size = (size_t)(groups[i].rm_eo - groups[i].rm_so);
        blob_clear(&ret_groups->at[i]);
        blob_add(&ret_groups->at[i], (struct bytes){text + groups[i].rm_so, size});
    }
    regfree(&re);
    return ok;
}

/* Takes the key after a dot or within ["..."]; its size is 0 when there is none. */
static struct bytes key_take(const char **path)
{
    const char *p = *path;
    struct bytes key = {p, 0};
    if (strncmp(p, "[\"", 2) == 0) {
        const char *end = strstr(p, "\"]");
        if (end == NULL)
            return key;
        key = (struct bytes){p + 2, (size_t)(end - p) - 2};
        *path = end + 2;
        return key;
    }
    if (*p == '.')
        p++;
    key.at = p;
    while (isalnum((unsigned char)p[key.size]) || strchr("_$-", p[key.size] ? p[key.size] : ' '))
        key.size++;
    *path = p + key.size;
    return key;
}

/* Walks from the root; leaves *path behind the path. NULL where nothing is. */
static json_t *value_at(json_t *at, const char **path)
{
    if ((*path)[0] == '.' && ((*path)[1] == '\0' || (*path)[1] == ' ' || (*path)[1] == '['))
        ++*path;
    while (**path != '\0' && **path != ' ') {
        if (**path == '[' && isdigit((unsigned char)(*path)[1])) {
            char *end;
            size_t index = strtoul(*path + 1, &end, 10);
            at = json_array_get(at, index);
            *path = *end == ']' ? end + 1 : end;
            continue;
        }
        const char *before = *path;
        struct bytes key = key_take(path);
        if (*path == before)
            break;
        at = json_object_getn(at, key.at, key.size);
    }
    *path += strspn(*path, " ");
    return at;
}

static void add_value(struct blob *t, const json_t *value)
{
    if (value == NULL) {
        blob_add_string(t, "nothing");
        return;
    }
    if (json_is_string(value)) {
        blob_add(t, (struct bytes){json_string_value(value), json_string_length(value)});
        return;
    }
    char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    CHECK(dump != NULL);
    blob_add_string(t, dump);
    free(dump);
}

static bool test_equal(json_t *value, const char *wanted, struct blob *why)
{
    json_t *w = json_loads(wanted, JSON_DECODE_ANY, NULL);
    if (w == NULL)
        blob_format(why, "%s is no JSON", wanted);
    bool ok = w != NULL && value != NULL && json_equal(value, w);
    json_decref(w);
    return ok;
}

static bool test_unequal(json_t *value, const char *wanted, struct blob *why)
{
    return !test_equal(value, wanted, why) && why->size == 0;
}

static bool test_pattern(json_t *value, const char *pattern, struct blob *why)
{
    struct blob t = {0};
    add_value(&t, value);
    bool ok = value != NULL && condition_matches(blob_string(&t), pattern, NULL, why);
    blob_done(&t);
    return ok;
}

static int compare(json_t *value, const char *number)
{
    double a = json_number_value(value);
    double b = strtod(number, NULL);
    return a < b ? -1 : a > b;
}

static bool test_less(json_t *value, const char *number, struct blob *why)
{
    return json_is_number(value) && compare(value, number) < 0;
}

static bool test_at_most(json_t *value, const char *number, struct blob *why)
{
    return json_is_number(value) && compare(value, number) <= 0;
}

static bool test_more(json_t *value, const char *number, struct blob *why)
{
    return json_is_number(value) && compare(value, number) > 0;
}

static bool test_at_least(json_t *value, const char *number, struct blob *why)
{
    return json_is_number(value) && compare(value, number) >= 0;
}

static bool test_absent(json_t *value, const char *nothing, struct blob *why)
{
    return value == NULL;
}

static bool test_present(json_t *value, const char *nothing, struct blob *why)
{
    return value != NULL;
}

static bool test_count(json_t *value, const char *number, struct blob *why)
{
    size_t count = json_is_array(value) ? json_array_size(value) : json_object_size(value);
    return (json_is_array(value) || json_is_object(value)) && count == strtoul(number, NULL, 10);
}

static bool test_has(json_t *value, const char *keys, struct blob *why)
{
    while (*keys != '\0') {
        size_t size = strcspn(keys, " ");
        if (json_object_getn(value, keys, size) == NULL) {
            blob_format(why, "no %.*s in it", (int)size, keys);
            return false;
        }
        keys += size;
        keys += strspn(keys, " ");
    }
    return true;
}

static bool test_is(json_t *value, const char *type, struct blob *why)
{
    return value != NULL && ((strcmp(type, "string") == 0 && json_is_string(value)) ||
                             (strcmp(type, "integer") == 0 && json_is_integer(value)) ||
                             (strcmp(type, "real") == 0 && json_is_real(value)) ||
                             (strcmp(type, "number") == 0 && json_is_number(value)) ||
                             (strcmp(type, "boolean") == 0 && json_is_boolean(value)) ||
                             (strcmp(type, "array") == 0 && json_is_array(value)) ||
                             (strcmp(type, "object") == 0 && json_is_object(value)) ||
                             (strcmp(type, "null") == 0 && json_is_null(value)));
}

static bool test(json_t *value, const char *condition, struct blob *why)
{
    static const struct {
        const char *word;
        bool (*holds)(json_t *value, const char *operand, struct blob *why);
    } tests[] = {
        {"=", test_equal},     {"!=", test_unequal},    {"~", test_pattern},
        {"<", test_less},      {"<=", test_at_most},    {">", test_more},
        {">=", test_at_least}, {"absent", test_absent}, {"present", test_present},
        {"count", test_count}, {"has", test_has},       {"is", test_is},
    };
    size_t size = strcspn(condition, " ");
    const char *operand = condition + size;
    operand += strspn(operand, " ");
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (strlen(tests[i].word) == size && memcmp(tests[i].word, condition, size) == 0)
            return tests[i].holds(value, operand, why);
    }
    blob_format(why, "no such test: %s", condition);
    return false;
}

static json_t *document_load(struct bytes document, struct blob *why)
{
    json_error_t error;
    json_t *root = json_loadb(document.at, document.size, JSON_DECODE_ANY, &error);
    if (root == NULL) {
        blob_format(why, "no JSON (%s): ", error.text);
        blob_add_escaped(why, document);
    }
    return root;
}

bool condition_holds(struct bytes document, const char *condition, struct blob *ret_why)
{
    json_t *root = document_load(document, ret_why);
    if (root == NULL)
        return false;
    const char *p = condition;
    json_t *value = value_at(root, &p);
    struct blob why = {0};
    bool ok = test(value, p, &why);
    if (!ok) {
        blob_add_string(ret_why, blob_string(&why));
        blob_add_string(ret_why, why.size > 0 ? "; it is " : "it is ");
        add_value(ret_why, value);
    }
    blob_done(&why);
    json_decref(root);
    return ok;
}

bool condition_value(struct bytes document, const char *path, struct blob *ret_value,
                     struct blob *ret_why)
{
    json_t *root = document_load(document, ret_why);
    const char *p = path;
    json_t *value = root == NULL ? NULL : value_at(root, &p);
    if (value != NULL)
        add_value(ret_value, value);
    else
        blob_format(ret_why, "nothing at %s", path);
    json_decref(root);
    return value != NULL;
}
