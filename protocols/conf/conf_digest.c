/* SPDX-License-Identifier: Apache-2.0 */
/* conf_digest.c -- one number for what a configuration says.
 *
 * Idea        SHA-256 over the values as JSON: keys sorted by bytes, no spaces, a newline at the end,
 *             strings and floats spelled as Go's encoding/json spells them. That is what nats-server
 *             prints, so equal configurations have equal digests in both.
 * Bounds      a tree is at most CONF_NODES_MAX values written out; the output goes through a small
 *             buffer into the hash.
 */
#include "protocols/conf/conf.h"

#include <assert.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/conf/conf_json.h"
#include "protocols/conf/conf_tree.h"
#include "protocols/conf/conf_utf8.h"
#include "runtime/base/check.h"

static void put(struct conf_json *j, struct bytes b)
{
    j->put(j->context, b);
}

static void put_text(struct conf_json *j, const char *text)
{
    put(j, bytes_of(text));
}

/* The escape for c, or NULL when it stands for itself. */
static const char *escape_of(uint32_t c, size_t width, char buffer[8])
{
    switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\b': return "\\b";
    case '\f': return "\\f";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
    }
    bool is_bad = c == CONF_UTF8_BAD && width == 1;
    bool is_escaped = c < 0x20 || c == '<' || c == '>' || c == '&' || c == 0x2028 || c == 0x2029;
    if (!is_bad && !is_escaped)
        return NULL;
    snprintf(buffer, 8, "\\u%04x", c);
    return buffer;
}

static void put_string(struct conf_json *j, struct bytes text)
{
    put_text(j, "\"");
    size_t plain = 0; /* where what is not yet put begins */
    for (size_t i = 0; i < text.size;) {
        size_t width;
        char buffer[8];
        uint32_t c = conf_utf8_decode((struct bytes){text.at + i, text.size - i}, &width);
        const char *escape = escape_of(c, width, buffer);
        if (escape != NULL) {
            put(j, (struct bytes){text.at + plain, i - plain});
            put_text(j, escape);
            plain = i + width;
        }
        i += width;
    }
    put(j, (struct bytes){text.at + plain, text.size - plain});
    put_text(j, "\"");
}

/* digits is "d.ddde+NN" with `precision` digits behind the point; NN is power, and larger. */
static void put_padded(const char *digits, int precision, int power, char text[CONF_JSON_FLOAT_MAX])
{
    size_t used = 0;
    for (const char *d = digits; *d != 'e'; d++)
        if (*d != '.')
            text[used++] = *d;
    for (int zeros = power - precision; zeros > 0; zeros--)
        text[used++] = '0';
    DCHECK(power > precision);
    CHECK(used < CONF_JSON_FLOAT_MAX);
    text[used] = '\0';
}

/* The fewest digits that read back as the same number. */
void conf_json_float(double number, char text[CONF_JSON_FLOAT_MAX])
{
    CHECK(isfinite(number));
    double size = fabs(number);
    bool exponent = size != 0 && (size < 1e-6 || size >= 1e21);
    char digits[40];
    int precision = 0;
    for (; precision < 17; precision++) {
        snprintf(digits, sizeof(digits), "%.*e", precision, number);
        if (strtod(digits, NULL) == number)
            break;
    }
    if (!exponent) {
        int power = atoi(strchr(digits, 'e') + 1);
        /* Past the last of these digits stand zeros, where %f would go on with the exact value. */
        if (power > precision)
            put_padded(digits, precision, power, text);
        else
            snprintf(text, CONF_JSON_FLOAT_MAX, "%.*f", precision - power, number);
        return;
    }
    /* e-09 is written e-9 */
    char *power = strchr(digits, 'e') + 1;
    if (power[0] == '-' && power[1] == '0')
        memmove(power + 1, power + 2, strlen(power + 2) + 1);
    snprintf(text, CONF_JSON_FLOAT_MAX, "%s", digits);
}

static int compare_keys(const void *a, const void *b)
{
    struct bytes x = (*(const struct conf_node *const *)a)->key;
    struct bytes y = (*(const struct conf_node *const *)b)->key;
    size_t size = x.size < y.size ? x.size : y.size;
    int order = size == 0 ? 0 : memcmp(x.at, y.at, size);
    if (order != 0)
        return order;
    return x.size < y.size ? -1 : x.size > y.size;
}

static void put_map(struct conf_json *j, const struct conf_group *map)
{
    const struct conf_node **sorted = calloc(map->count + 1, sizeof(const struct conf_node *));
    CHECK(sorted != NULL);
    size_t count = 0;
    for (const struct conf_node *node = map->first; node != NULL; node = node->next)
        sorted[count++] = node;
    CHECK(count == map->count);
    qsort(sorted, count, sizeof(sorted[0]), compare_keys);
    for (size_t i = 0; i < count; i++) {
        put_text(j, i == 0 ? "{" : ",");
        put_string(j, sorted[i]->key);
        put_text(j, ":");
        conf_json_write(j, sorted[i]);
    }
    put_text(j, count == 0 ? "{}" : "}");
    free(sorted);
}

static void put_array(struct conf_json *j, const struct conf_group *array)
{
    put_text(j, "[");
    for (const struct conf_node *node = array->first; node != NULL; node = node->next) {
        if (node != array->first)
            put_text(j, ",");
        conf_json_write(j, node);
    }
    put_text(j, "]");
}

void conf_json_write(struct conf_json *j, const struct conf_node *node)
{
    char text[CONF_JSON_FLOAT_MAX];
    switch (node->type) {
    case CONF_STRING:
    case CONF_DATETIME: put_string(j, node->as.text); break;
    case CONF_BOOL: put_text(j, node->as.truth ? "true" : "false"); break;
    case CONF_INTEGER:
        snprintf(text, sizeof(text), "%lld", (long long)node->as.integer);
        put_text(j, text);
        break;
    case CONF_FLOAT:
        conf_json_float(node->as.number, text);
        put_text(j, text);
        break;
    case CONF_ARRAY:
        DCHECK(node->as.group->height <= CONF_DEPTH_MAX);
        put_array(j, node->as.group);
        break;
    case CONF_MAP:
        DCHECK(node->as.group->height <= CONF_DEPTH_MAX);
        put_map(j, node->as.group);
        break;
    }
}

struct hashing {
    crypto_hash_sha256_state state;
    size_t used;
    char pending[4096];
};

static void flush(struct hashing *h)
{
    crypto_hash_sha256_update(&h->state, (const unsigned char *)h->pending, h->used);
    h->used = 0;
}

static void hash_put(void *context, struct bytes b)
{
    struct hashing *h = context;
    while (b.size > 0) {
        size_t room = sizeof(h->pending) - h->used;
        size_t size = b.size < room ? b.size : room;
        memcpy(h->pending + h->used, b.at, size);
        h->used += size;
        b = (struct bytes){b.at + size, b.size - size};
        if (h->used == sizeof(h->pending))
            flush(h);
    }
    DCHECK(h->used < sizeof(h->pending));
}

void conf_digest(const struct conf_tree *tree, char digest[CONF_DIGEST_SIZE])
{
    struct hashing h = {.used = 0};
    struct conf_json j = {.put = hash_put, .context = &h};
    crypto_hash_sha256_init(&h.state);
    conf_json_write(&j, conf_root(tree));
    hash_put(&h, BYTES("\n"));
    flush(&h);
    unsigned char sum[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(&h.state, sum);
    static_assert(CONF_DIGEST_SIZE == 8 + 2 * crypto_hash_sha256_BYTES, "prefix, digits, NUL");
    memcpy(digest, "sha256:", strlen("sha256:"));
    sodium_bin2hex(digest + strlen("sha256:"), CONF_DIGEST_SIZE - strlen("sha256:"), sum,
                   sizeof(sum));
}
