/* SPDX-License-Identifier: Apache-2.0 */
/* script.c -- from the lines of a script to its steps.
 *
 * Idea        A line's first word picks the form from a table; a line that begins with names of
 *             connections takes its form from the word after them. What a form leaves unread is an
 *             error. Texts stay as written: variables and escapes mean something only when the step
 *             runs, since a variable may be bound by an earlier step.
 * Bounds      SCRIPT_SIZE_MAX, SCRIPT_STEPS_MAX, SCRIPT_NAMES_MAX; blocks do not nest.
 */
#include "tests/wire/script.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/check.h"

#define SPACES " \t"

struct source {
    struct script *script;
    struct blob file;
    char **lines; /* into file */
    int count;
    int next; /* index of the next line to read */
    bool in_block;
    struct blob *why; /* the caller's */
};

struct steps {
    struct step *at;
    unsigned count;
};

/* Reads the rest of a line into the step; false with why filled if it cannot. */
typedef bool parse_fn(struct source *s, char *rest, struct step *step);

struct form {
    const char *word;
    parse_fn *parse;
    enum step_kind kind;
    long long number;
    bool regex;
    bool strict;
};

static bool fail(struct source *s, const char *why)
{
    if (s->why->size == 0)
        blob_format(s->why, "%s:%d: %s", s->script->path, s->next, why);
    return false;
}

static char *copy(struct bytes b)
{
    char *c = strndup(b.at, b.size);
    CHECK(c != NULL);
    return c;
}

static char *skip_spaces(char *p)
{
    return p + strspn(p, SPACES);
}

/* Takes the next word; NULL at the end of the line. */
static char *word_take(char **rest)
{
    char *p = skip_spaces(*rest);
    size_t size = strcspn(p, SPACES);
    if (size == 0)
        return NULL;
    *rest = skip_spaces(p + size);
    return copy((struct bytes){p, size});
}

static bool is_name(struct bytes b)
{
    if (b.size == 0 || !isalpha((unsigned char)b.at[0]))
        return false;
    for (size_t i = 0; i < b.size; i++) {
        if (!isalnum((unsigned char)b.at[i]) && b.at[i] != '_')
            return false;
    }
    return true;
}

/* Takes `a, b,c` and leaves the rest after it. */
static bool names_take(struct source *s, char **rest, struct step *step)
{
    for (;;) {
        char *p = skip_spaces(*rest);
        size_t size = strcspn(p, SPACES ",");
        struct bytes name = {p, size};
        if (!is_name(name))
            return fail(s, "expected a name");
        if (step->name_count == SCRIPT_NAMES_MAX)
            return fail(s, "too many names");
        step->names[step->name_count++] = copy(name);
        *rest = skip_spaces(p + size);
        if (**rest != ',')
            return true;
        ++*rest;
    }
}

static bool target_take(struct source *s, char **rest, struct step *step)
{
    step->target = word_take(rest);
    if (step->target == NULL)
        return fail(s, "expected a name");
    return true;
}

/* Text up to the end of the line. */
static bool text_take(struct source *s, char *rest, struct step *step)
{
    rest = skip_spaces(rest);
    step->text = copy(bytes_of(rest));
    return true;
}

static bool text_required(struct source *s, char *rest, struct step *step)
{
    if (*skip_spaces(rest) == '\0')
        return fail(s, "expected a text");
    return text_take(s, rest, step);
}

static bool nothing_more(struct source *s, char *rest, struct step *step)
{
    return *skip_spaces(rest) == '\0' || fail(s, "unexpected text at the end");
}

static bool number_take(struct source *s, char **rest, struct step *step)
{
    char *end;
    errno = 0;
    step->number = strtoll(*rest, &end, 10);
    if (end == *rest || errno != 0)
        return fail(s, "expected a number");
    *rest = skip_spaces(end);
    return true;
}

/* How many braces the text leaves open. */
static int open_braces(const char *text)
{
    int depth = 0;
    for (; *text != '\0'; text++)
        depth += (*text == '{') - (*text == '}');
    return depth;
}

/* A configuration block: from `{` to the line that ends with its `}`. */
static bool config_take(struct source *s, char *open, struct step *step)
{
    struct blob config = {0};
    blob_add_string(&config, open + 1);
    int depth = open_braces(open);
    while (depth > 0 && s->next < s->count) {
        const char *line = s->lines[s->next++];
        blob_format(&config, "\n%s", line);
        depth += open_braces(line);
    }
    while (config.size > 0 && strchr(SPACES "\n", config.at[config.size - 1]) != NULL)
        config.size--;
    bool closed = depth == 0 && config.size > 0 && config.at[config.size - 1] == '}';
    if (closed)
        step->text = copy((struct bytes){config.at, config.size - 1});
    blob_done(&config);
    return closed || fail(s, "the configuration does not end with its }");
}

static bool parse_server(struct source *s, char *rest, struct step *step)
{
    if (!target_take(s, &rest, step))
        return false;
    char *open = strchr(rest, '{');
    size_t flags = open == NULL ? strlen(rest) : (size_t)(open - rest);
    step->more = copy((struct bytes){rest, flags});
    if (open != NULL)
        return config_take(s, open, step);
    step->text = copy(BYTES(""));
    return true;
}

static bool parse_config(struct source *s, char *rest, struct step *step)
{
    if (!target_take(s, &rest, step))
        return false;
    if (*rest != '{')
        return fail(s, "expected {");
    return config_take(s, rest, step);
}

static bool parse_target(struct source *s, char *rest, struct step *step)
{
    return target_take(s, &rest, step) && nothing_more(s, rest, step);
}

static bool parse_target_text(struct source *s, char *rest, struct step *step)
{
    return target_take(s, &rest, step) && text_required(s, rest, step);
}

/* `a, b -> s`, then the CONNECT fields or the listener. */
static bool parse_connect(struct source *s, char *rest, struct step *step)
{
    if (!names_take(s, &rest, step))
        return false;
    if (strncmp(rest, "->", 2) != 0)
        return fail(s, "expected ->");
    rest += 2;
    if (!target_take(s, &rest, step))
        return false;
    if (*rest != '\0')
        step->more = copy(bytes_of(rest));
    return true;
}

/* `s /path` or `s /path until json CONDITION`. */
static bool parse_http(struct source *s, char *rest, struct step *step)
{
    static const char until[] = " until json ";
    if (!target_take(s, &rest, step) || *rest != '/')
        return fail(s, "expected a path");
    char *at = strstr(rest, until);
    if (at != NULL) {
        step->more = copy(bytes_of(at + strlen(until)));
        *at = '\0';
    }
    return text_required(s, rest, step);
}

/* `s ~ pattern` or `s !~ pattern`. */
static bool parse_log(struct source *s, char *rest, struct step *step)
{
    if (!target_take(s, &rest, step))
        return false;
    if (rest[0] == '!') {
        step->kind = STEP_NO_LOG;
        rest++;
    }
    if (rest[0] != '~')
        return fail(s, "expected ~ or !~");
    return text_required(s, rest + 1, step);
}

static bool parse_pattern(struct source *s, char *rest, struct step *step)
{
    rest = skip_spaces(rest);
    if (*rest != '~')
        return fail(s, "expected ~");
    return text_required(s, rest + 1, step);
}

static bool parse_header(struct source *s, char *rest, struct step *step)
{
    return target_take(s, &rest, step) && parse_pattern(s, rest, step);
}

static bool parse_file(struct source *s, char *rest, struct step *step)
{
    if (!target_take(s, &rest, step))
        return false;
    step->more = word_take(&rest);
    if (step->more == NULL)
        return fail(s, "expected a file name");
    if (strcmp(rest, "absent") == 0)
        return true;
    return parse_pattern(s, rest, step);
}

/* `x = json .path` or `x = a info .path`. */
static bool parse_let(struct source *s, char *rest, struct step *step)
{
    if (!target_take(s, &rest, step))
        return false;
    if (*rest != '=')
        return fail(s, "expected =");
    rest = skip_spaces(rest + 1);
    if (strncmp(rest, "json ", 5) == 0)
        return text_required(s, rest + 5, step);
    if (!names_take(s, &rest, step))
        return false;
    if (strncmp(rest, "info ", 5) != 0)
        return fail(s, "expected: json PATH, or NAME info PATH");
    return text_required(s, rest + 5, step);
}

static bool parse_number(struct source *s, char *rest, struct step *step)
{
    return number_take(s, &rest, step) && nothing_more(s, rest, step);
}

static bool parse_advance(struct source *s, char *rest, struct step *step)
{
    if (!number_take(s, &rest, step))
        return false;
    if (strcmp(rest, "ms") == 0)
        step->number *= 1000000;
    else if (strcmp(rest, "s") == 0)
        step->number *= 1000000000;
    else
        return fail(s, "expected ms or s");
    return true;
}

static bool steps_parse(struct source *s, struct steps *steps, bool indented);

static bool parse_repeat(struct source *s, char *rest, struct step *step)
{
    if (!parse_number(s, rest, step))
        return false;
    if (s->in_block)
        return fail(s, "repeat does not nest");
    struct steps block = {0};
    s->in_block = true;
    bool ok = steps_parse(s, &block, true);
    s->in_block = false;
    step->block = block.at;
    step->block_count = block.count;
    return ok;
}

static bool parse_one_of(struct source *s, char *rest, struct step *step)
{
    if (strncmp(rest, "of ", 3) != 0)
        return fail(s, "expected: one of NAMES < TEXT");
    rest += 3;
    if (!names_take(s, &rest, step))
        return false;
    step->regex = *rest == '~';
    if (*rest != '<' && *rest != '~')
        return fail(s, "expected < or ~");
    return text_required(s, rest + 1, step);
}

/* `a split > TEXT`, `a bytewise > TEXT`. */
static bool parse_cut(struct source *s, char *rest, struct step *step)
{
    rest = skip_spaces(rest);
    if (*rest != '>')
        return fail(s, "expected >");
    if (step->number == SEND_SPLIT) {
        if (s->script->split)
            return fail(s, "only one split in a script");
        s->script->split = true;
    }
    return text_required(s, rest + 1, step);
}

static bool parse_exits(struct source *s, char *rest, struct step *step)
{
    step->target = step->names[0];
    step->names[0] = NULL;
    if (step->name_count != 1)
        return fail(s, "one server at a time");
    step->name_count = 0;
    step->number = -1;
    return *rest == '\0' || parse_number(s, rest, step);
}

/* clang-format off */
static const struct form line_forms[] = {
    {"server",  parse_server,      STEP_SERVER,  0, false, false},
    {"launch",  parse_server,      STEP_LAUNCH,  0, false, false},
    {"start",   parse_target,      STEP_START,   0, false, false},
    {"config",  parse_config,      STEP_CONFIG,  0, false, false},
    {"signal",  parse_target_text, STEP_SIGNAL,  0, false, false},
    {"client",  parse_connect,     STEP_CLIENT,  0, false, false},
    {"raw",     parse_connect,     STEP_RAW,     0, false, false},
    {"one",     parse_one_of,      STEP_ONE_OF,  0, false, false},
    {"http",    parse_http,        STEP_HTTP,    0, false, false},
    {"status",  parse_number,      STEP_STATUS,  0, false, false},
    {"json",    text_required,     STEP_JSON,    0, false, false},
    {"body",    parse_pattern,     STEP_BODY,    0, false, false},
    {"header",  parse_header,      STEP_HEADER,  0, false, false},
    {"log",     parse_log,         STEP_LOG,     0, false, false},
    {"file",    parse_file,        STEP_FILE,    0, false, false},
    {"let",     parse_let,         STEP_LET,     0, false, false},
    {"advance", parse_advance,     STEP_ADVANCE, 0, false, false},
    {"repeat",  parse_repeat,      STEP_REPEAT,  0, false, false},
};
static const struct form name_forms[] = {
    {">",        text_take,     STEP_SEND,      SEND_LINE,     false, false},
    {">>",       text_required, STEP_SEND,      SEND_BYTES,    false, false},
    {"split",    parse_cut,     STEP_SEND,      SEND_SPLIT,    false, false},
    {"bytewise", parse_cut,     STEP_SEND,      SEND_BYTEWISE, false, false},
    {"<",        text_required, STEP_EXPECT,    0,             false, false},
    {"<!",       text_required, STEP_EXPECT,    0,             false, true},
    {"~",        text_required, STEP_EXPECT,    0,             true,  false},
    {"~!",       text_required, STEP_EXPECT,    0,             true,  true},
    {"<&",       text_required, STEP_UNORDERED, 0,             false, false},
    {"~&",       text_required, STEP_UNORDERED, 0,             true,  false},
    {"ping",     nothing_more,  STEP_PING,      0,             false, false},
    {"silent",   nothing_more,  STEP_PING,      0,             false, false},
    {"open",     nothing_more,  STEP_PING,      0,             false, false},
    {"closed",   nothing_more,  STEP_CLOSED,    0,             false, false},
    {"refused",  nothing_more,  STEP_REFUSED,   0,             false, false},
    {"close",    nothing_more,  STEP_CLOSE,     0,             false, false},
    {"hold",     nothing_more,  STEP_HOLD,      0,             false, false},
    {"resume",   nothing_more,  STEP_RESUME,    0,             false, false},
    {"info",     text_required, STEP_INFO,      0,             false, false},
    {"payload",  text_required, STEP_PAYLOAD,   0,             false, false},
    {"exits",    parse_exits,   STEP_EXITS,     0,             false, false},
};
/* clang-format on */

static const struct form *form_find(const struct form *forms, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(forms[i].word, word) == 0)
            return &forms[i];
    }
    return NULL;
}

static bool form_apply(struct source *s, const struct form *form, char *rest, struct step *step)
{
    step->kind = form->kind;
    step->number = form->number;
    step->regex = form->regex;
    step->strict = form->strict;
    return form->parse(s, rest, step);
}

static void step_done(struct step *step)
{
    for (unsigned i = 0; i < step->name_count; i++)
        free(step->names[i]);
    free(step->target);
    free(step->text);
    free(step->more);
    for (unsigned i = 0; i < step->block_count; i++)
        step_done(&step->block[i]);
    free(step->block);
}

/* The blank step at the end of the list. */
static struct step *step_push(struct source *s, struct steps *steps)
{
    if (steps->count == SCRIPT_STEPS_MAX) {
        fail(s, "too many steps");
        return NULL;
    }
    struct step *at = realloc(steps->at, (steps->count + 1) * sizeof(*at));
    CHECK(at != NULL);
    steps->at = at;
    struct step *step = &at[steps->count++];
    *step = (struct step){.line = s->next};
    return step;
}

/* A line of an unordered set joins the set just before it, if that is of the same client. */
static bool unordered_join(struct source *s, struct steps *steps)
{
    struct step *last = &steps->at[steps->count - 1];
    if (last->name_count != 1)
        return fail(s, "a set in any order has one client");
    struct step line = *last;
    line.kind = STEP_EXPECT;
    struct step *set = steps->count > 1 ? last - 1 : NULL;
    if (set != NULL && set->kind == STEP_UNORDERED && strcmp(set->names[0], line.names[0]) == 0)
        steps->count--;
    else {
        set = last;
        *set = (struct step){.kind = STEP_UNORDERED, .line = line.line, .name_count = 1};
        set->names[0] = copy(bytes_of(line.names[0]));
    }
    struct steps block = {set->block, set->block_count};
    struct step *slot = step_push(s, &block);
    set->block = block.at;
    set->block_count = block.count;
    if (slot == NULL) {
        step_done(&line);
        return false;
    }
    *slot = line;
    return true;
}

static bool step_parse(struct source *s, char *line, struct steps *steps)
{
    struct step *step = step_push(s, steps);
    if (step == NULL)
        return false;
    char *rest = line;
    char *word = word_take(&rest);
    CHECK(word != NULL);
    const struct form *form =
        form_find(line_forms, sizeof(line_forms) / sizeof(line_forms[0]), word);
    free(word);
    if (form != NULL)
        return form_apply(s, form, rest, step);
    rest = line;
    if (!names_take(s, &rest, step))
        return false;
    word = word_take(&rest);
    form = word == NULL ? NULL
                        : form_find(name_forms, sizeof(name_forms) / sizeof(name_forms[0]), word);
    free(word);
    if (form == NULL)
        return fail(s, "no such form");
    if (!form_apply(s, form, rest, step))
        return false;
    return step->kind != STEP_UNORDERED || unordered_join(s, steps);
}

/* Cuts a comment and the white space before it; true if nothing is left. */
static bool line_is_blank(char *line)
{
    for (char *p = line; *p != '\0'; p++) {
        if (*p == '#' && (p == line || p[-1] == ' ' || p[-1] == '\t')) {
            *p = '\0';
            break;
        }
    }
    size_t size = strlen(line);
    while (size > 0 && strchr(SPACES "\r", line[size - 1]) != NULL)
        line[--size] = '\0';
    return size == 0;
}

static bool steps_parse(struct source *s, struct steps *steps, bool indented)
{
    while (s->next < s->count) {
        char *line = s->lines[s->next];
        bool deeper = line[0] == ' ' || line[0] == '\t';
        if (line_is_blank(line)) {
            s->next++;
            continue;
        }
        if (indented && !deeper)
            break;
        s->next++;
        if (!indented && deeper)
            return fail(s, "unexpected indentation");
        if (!step_parse(s, skip_spaces(line), steps))
            return false;
    }
    return !indented || steps->count > 0 || fail(s, "expected an indented block");
}

/* `only a,b: reason`. */
static bool only_take(struct source *s, char *rest)
{
    char *colon = strchr(rest, ':');
    if (colon == NULL || *skip_spaces(colon + 1) == '\0')
        return fail(s, "expected: only NAMES: reason");
    s->script->only = copy((struct bytes){rest, (size_t)(colon - rest)});
    s->script->only_reason = copy(bytes_of(skip_spaces(colon + 1)));
    return true;
}

static bool sentence_take(struct source *s, char *rest)
{
    size_t size = strlen(rest);
    if (size < 3 || rest[0] != '"' || rest[size - 1] != '"')
        return fail(s, "expected: test \"sentence\"");
    s->script->sentence = copy((struct bytes){rest + 1, size - 2});
    return true;
}

/* The file is named after the sentence: letters and digits in lower case, one _ for what is between. */
static bool name_is_sentence(const struct script *script)
{
    const char *name = strrchr(script->path, '/');
    name = name == NULL ? script->path : name + 1;
    const char *p = script->sentence;
    while (*p != '\0') {
        if (isalnum((unsigned char)*p)) {
            if (tolower((unsigned char)*p++) != *name++)
                return false;
            continue;
        }
        while (*p != '\0' && !isalnum((unsigned char)*p))
            p++;
        if (*p != '\0' && *name++ != '_')
            return false;
    }
    return strcmp(name, ".nt") == 0;
}

/* The lines before the first step: test, needs, only. */
static bool head_parse(struct source *s)
{
    while (s->next < s->count) {
        char *line = s->lines[s->next];
        if (line_is_blank(line)) {
            s->next++;
            continue;
        }
        char *rest = line;
        char *word = word_take(&rest);
        CHECK(word != NULL);
        bool is_test = strcmp(word, "test") == 0;
        bool is_needs = strcmp(word, "needs") == 0;
        bool is_only = strcmp(word, "only") == 0;
        free(word);
        if (!is_test && !is_needs && !is_only)
            break;
        s->next++;
        if ((is_test && s->script->sentence) || (is_needs && s->script->needs) ||
            (is_only && s->script->only))
            return fail(s, "said twice");
        if (is_needs)
            s->script->needs = copy(bytes_of(rest));
        else if (is_only ? !only_take(s, rest) : !sentence_take(s, rest))
            return false;
    }
    if (s->script->sentence == NULL)
        return fail(s, "a script begins with: test \"sentence\"");
    return name_is_sentence(s->script) || fail(s, "the file name is not the sentence");
}

static int file_read(const char *path, struct blob *ret)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return -errno;
    char chunk[4096];
    size_t size;
    int rc = 0;
    while (rc == 0 && (size = fread(chunk, 1, sizeof(chunk), f)) > 0) {
        blob_add(ret, (struct bytes){chunk, size});
        if (ret->size > SCRIPT_SIZE_MAX)
            rc = -EFBIG;
    }
    fclose(f);
    return rc;
}

static void lines_cut(struct source *s)
{
    int count = 1;
    for (size_t i = 0; i < s->file.size; i++)
        count += s->file.at[i] == '\n';
    s->lines = calloc((size_t)count, sizeof(char *));
    CHECK(s->lines != NULL);
    char *p = s->file.at;
    while (p != NULL && s->count < count) {
        s->lines[s->count++] = p;
        p = strchr(p, '\n');
        if (p != NULL)
            *p++ = '\0';
    }
}

struct script *script_load(const char *path, struct blob *ret_why)
{
    struct script *script = calloc(1, sizeof(*script));
    CHECK(script != NULL);
    script->path = copy(bytes_of(path));
    struct source s = {.script = script, .why = ret_why};
    struct steps steps = {0};
    blob_clear(ret_why);
    int rc = file_read(path, &s.file);
    if (rc < 0)
        blob_format(ret_why, "%s: %s", path, strerror(-rc));
    lines_cut(&s);
    bool ok = rc == 0 && head_parse(&s) && steps_parse(&s, &steps, false);
    script->steps = steps.at;
    script->count = steps.count;
    free(s.lines);
    blob_done(&s.file);
    if (!ok)
        script_free(&script);
    return script;
}

void script_free(struct script **s)
{
    struct script *script = *s;
    *s = NULL;
    if (script == NULL)
        return;
    for (unsigned i = 0; i < script->count; i++)
        step_done(&script->steps[i]);
    free(script->steps);
    free(script->path);
    free(script->sentence);
    free(script->needs);
    free(script->only);
    free(script->only_reason);
    free(script);
}
