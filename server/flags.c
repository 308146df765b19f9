/* SPDX-License-Identifier: Apache-2.0 */
#include "server/flags.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/conf/conf_error.h"
#include "protocols/conf/conf_quote.h"
#include "runtime/base/check.h"

enum flag_type { FLAG_BOOL, FLAG_INT, FLAG_TEXT };
enum flag_state { FLAG_SUPPORTED, FLAG_REFUSED };

struct flag {
    const char *names;
    enum flag_type type;
    enum flag_state state;
};

#define FLAG_ROW(id, names, type, state) [FLAG_##id] = {names, FLAG_##type, FLAG_##state},
static const struct flag table[FLAG_COUNT] = {FLAGS(FLAG_ROW)};
#undef FLAG_ROW

static bool is_named(const struct flag *flag, struct bytes name)
{
    for (const char *at = flag->names; *at != '\0';) {
        size_t size = strcspn(at, "|");
        if (bytes_equal((struct bytes){at, size}, name))
            return true;
        at += size + (at[size] == '|' ? 1 : 0);
    }
    return false;
}

/* FLAG_COUNT when there is none. */
static enum flag_id find(struct bytes name)
{
    for (int id = 0; id < FLAG_COUNT; id++)
        if (is_named(&table[id], name))
            return (enum flag_id)id;
    return FLAG_COUNT;
}

static bool parse_bool(const char *text, bool *ret_truth)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (strcmp(text, yes[i]) != 0 && strcmp(text, no[i]) != 0)
            continue;
        *ret_truth = strcmp(text, yes[i]) == 0;
        return true;
    }
    return false;
}

/* Decimal, 0x, 0o, 0b, or octal behind a 0. -EINVAL: no number, -ERANGE: too large. */
static int parse_int(const char *text, int64_t *ret_number)
{
    const char *digits = text + (*text == '-' || *text == '+' ? 1 : 0);
    int base = 10;
    char letter = digits[0] == '0' ? (char)(digits[1] | 0x20) : '\0';
    if (letter == 'x' || letter == 'b' || letter == 'o') {
        base = letter == 'x' ? 16 : letter == 'b' ? 2 : 8;
        digits += 2;
    } else if (digits[0] == '0' && digits[1] != '\0') {
        base = 8;
        digits += 1;
    }
    if (digits[strspn(digits, "0123456789abcdefABCDEF")] != '\0' || *digits == '\0')
        return -EINVAL;
    char *end = NULL;
    errno = 0;
    unsigned long long size = strtoull(digits, &end, base);
    if (*end != '\0')
        return -EINVAL;
    bool negative = *text == '-';
    if (errno == ERANGE || size > (unsigned long long)INT64_MAX + (negative ? 1 : 0))
        return -ERANGE;
    *ret_number = (int64_t)(negative ? -size : size);
    return 0;
}

static int refuse(struct text *problem, const char *what, struct bytes name)
{
    text_add(problem, "%s", what);
    text_add_bytes(problem, name);
    return -EINVAL;
}

/* before"VALUE"between-NAME: REASON */
static int refuse_value(struct text *problem, const char *before, const char *value,
                        const char *between, struct bytes name, const char *reason)
{
    struct conf_error quoted;
    conf_error_clear(&quoted);
    conf_quote(&quoted, bytes_of(value));
    text_add(problem, "%s%s%s", before, quoted.text, between);
    text_add_bytes(problem, name);
    text_add(problem, ": %s", reason);
    return -EINVAL;
}

static int set_flag(struct flag_value *into, enum flag_type type, struct bytes name,
                    const char *value, struct text *problem)
{
    into->is_set = true;
    into->name = name;
    int rc;
    switch (type) {
    case FLAG_BOOL:
        if (parse_bool(value, &into->truth))
            return 0;
        return refuse_value(problem, "invalid boolean value ", value, " for -", name,
                            "parse error");
    case FLAG_INT:
        rc = parse_int(value, &into->number);
        if (rc == 0)
            return 0;
        return refuse_value(problem, "invalid value ", value, " for flag -", name,
                            rc == -ERANGE ? "value out of range" : "parse error");
    case FLAG_TEXT: into->text = value; return 0;
    }
    UNREACHABLE("a flag of no type");
}

/* One flag, whose word is argv[*at]; leaves *at behind its value. */
static int parse_one(struct flags *f, int argc, char *const argv[], int *at, struct text *problem)
{
    const char *word = argv[*at];
    DCHECK(word[0] == '-' && word[1] != '\0');
    const char *name_at = word + (word[1] == '-' ? 2 : 1);
    ++*at;
    if (*name_at == '\0' || *name_at == '-' || *name_at == '=')
        return refuse(problem, "bad flag syntax: ", bytes_of(word));
    struct bytes name = {name_at, strcspn(name_at, "=")};
    const char *value = name_at[name.size] == '=' ? name_at + name.size + 1 : NULL;
    enum flag_id id = find(name);
    if (id == FLAG_COUNT)
        return refuse(problem, "flag provided but not defined: -", name);
    if (value == NULL && table[id].type == FLAG_BOOL)
        value = "true";
    if (value == NULL && *at < argc)
        value = argv[(*at)++];
    if (value == NULL)
        return refuse(problem, "flag needs an argument: -", name);
    return set_flag(&f->values[id], table[id].type, name, value, problem);
}

int flags_parse(struct flags *f, int argc, char *const argv[], struct text *problem)
{
    CHECK(argc >= 0);
    *f = (struct flags){0};
    int at = 1;
    while (at < argc && argv[at][0] == '-' && argv[at][1] != '\0') {
        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        int rc = parse_one(f, argc, argv, &at, problem);
        if (rc < 0)
            return rc;
    }
    if (at < argc)
        f->command = argv[at];
    return 0;
}

static bool asks_for_nothing(const struct flag *flag, const struct flag_value *value)
{
    switch (flag->type) {
    case FLAG_BOOL: return !value->truth;
    case FLAG_INT: return value->number == 0;
    case FLAG_TEXT: return value->text[0] == '\0';
    }
    UNREACHABLE("a flag of no type");
}

const struct flag_value *flags_refused(const struct flags *f)
{
    for (int id = 0; id < FLAG_COUNT; id++) {
        const struct flag_value *value = &f->values[id];
        if (table[id].state == FLAG_REFUSED && value->is_set &&
            !asks_for_nothing(&table[id], value))
            return value;
    }
    return NULL;
}

static void apply_text(const struct flags *f, enum flag_id id, struct options *o,
                       const char **field)
{
    DCHECK(table[id].type == FLAG_TEXT && table[id].state == FLAG_SUPPORTED);
    if (f->values[id].is_set)
        *field = arena_copy(&o->arena, bytes_of(f->values[id].text));
}

static void apply_bool(const struct flags *f, enum flag_id id, bool *field)
{
    DCHECK(table[id].type == FLAG_BOOL && table[id].state == FLAG_SUPPORTED);
    if (f->values[id].is_set)
        *field = f->values[id].truth;
}

static void apply_int64(const struct flags *f, enum flag_id id, int64_t *field)
{
    DCHECK(table[id].type == FLAG_INT && table[id].state == FLAG_SUPPORTED);
    if (f->values[id].is_set)
        *field = f->values[id].number;
}

static void apply_port(const struct flags *f, enum flag_id id, int *field)
{
    int64_t port = *field;
    apply_int64(f, id, &port);
    *field = port > INT_MAX ? INT_MAX : port < INT_MIN ? INT_MIN : (int)port;
}

static void apply_log(const struct flags *f, struct options_log *log)
{
    apply_bool(f, FLAG_DEBUG, &log->debug);
    apply_bool(f, FLAG_TRACE, &log->trace);
    apply_bool(f, FLAG_DEBUG_TRACE, &log->debug);
    apply_bool(f, FLAG_DEBUG_TRACE, &log->trace);
    apply_bool(f, FLAG_DEBUG_TRACE_VERBOSE, &log->debug);
    apply_bool(f, FLAG_DEBUG_TRACE_VERBOSE, &log->trace);
    apply_bool(f, FLAG_DEBUG_TRACE_VERBOSE, &log->trace_verbose);
    apply_bool(f, FLAG_TRACE_VERBOSE, &log->trace);
    apply_bool(f, FLAG_TRACE_VERBOSE, &log->trace_verbose);
    apply_bool(f, FLAG_LOGTIME, &log->time);
    apply_bool(f, FLAG_LOGTIME_UTC, &log->time_utc);
    apply_int64(f, FLAG_LOG_SIZE_LIMIT, &log->file_bytes_max);
    apply_int64(f, FLAG_MAX_TRACED_MSG_LEN, &log->traced_bytes_max);
}

void flags_apply(const struct flags *f, struct options *o)
{
    apply_port(f, FLAG_PORT, &o->client.port);
    apply_text(f, FLAG_ADDR, o, &o->client.host);
    apply_text(f, FLAG_CLIENT_ADVERTISE, o, &o->client.advertise);
    apply_text(f, FLAG_NAME, o, &o->server_name);
    apply_port(f, FLAG_HTTP_PORT, &o->monitor.port);
    apply_text(f, FLAG_PID, o, &o->pid_file);
    apply_text(f, FLAG_PORTS_FILE_DIR, o, &o->ports_file_dir);
    apply_text(f, FLAG_LOG, o, &o->log.file);
    apply_log(f, &o->log);
    apply_text(f, FLAG_USER, o, &o->auth.user);
    apply_text(f, FLAG_PASS, o, &o->auth.password);
    apply_text(f, FLAG_AUTH, o, &o->auth.token);
}
