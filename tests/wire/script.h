/* SPDX-License-Identifier: Apache-2.0 */
/* script.h -- a wire script as steps. Grammar: README.md. */
#ifndef TESTS_WIRE_SCRIPT_H
#define TESTS_WIRE_SCRIPT_H

#include <stdbool.h>

#include "tests/wire/blob.h"

#define SCRIPT_NAMES_MAX 64u
#define SCRIPT_STEPS_MAX 2000u
#define SCRIPT_SIZE_MAX ((size_t)1 << 20)

enum step_kind {
    STEP_SERVER,    /* target, text = config, more = flags: start and wait until ready */
    STEP_LAUNCH,    /* the same without waiting */
    STEP_START,     /* target: start again, wait until ready */
    STEP_CONFIG,    /* target, text = config: write it, for a reload */
    STEP_SIGNAL,    /* target, text = name */
    STEP_EXITS,     /* target, number = code or -1 for any */
    STEP_CLIENT,    /* names, target, more = JSON over the default CONNECT */
    STEP_RAW,       /* names, target, more = listener */
    STEP_SEND,      /* names, text; number = enum send_form */
    STEP_EXPECT,    /* names, text */
    STEP_ONE_OF,    /* names, text */
    STEP_UNORDERED, /* names[0], block = the STEP_EXPECTs to meet in any order */
    STEP_PING,      /* names; `ping`, `silent` and `open` are three readings of it */
    STEP_CLOSED,    /* names */
    STEP_REFUSED,   /* names */
    STEP_CLOSE,     /* names */
    STEP_HOLD,      /* names */
    STEP_RESUME,    /* names */
    STEP_INFO,      /* names, text = condition on the last INFO */
    STEP_PAYLOAD,   /* names, text = condition on the JSON payload of the last message */
    STEP_HTTP,      /* target, text = path, more = condition to repeat the request for */
    STEP_STATUS,    /* number */
    STEP_JSON,      /* text = condition on the last answer */
    STEP_BODY,      /* text = pattern */
    STEP_HEADER,    /* target = header, text = pattern */
    STEP_LOG,       /* target, text = pattern */
    STEP_NO_LOG,    /* target, text = pattern */
    STEP_FILE,      /* target, more = glob, text = pattern, or NULL for absent */
    STEP_LET,       /* target = variable, names[0] = client or none, text = path */
    STEP_ADVANCE,   /* number = nanoseconds */
    STEP_REPEAT     /* number = times, block */
};

enum send_form {
    SEND_LINE,    /* control line, CRLF, payload, CRLF */
    SEND_BYTES,   /* as they are */
    SEND_SPLIT,   /* SEND_LINE cut in two; the script is run once for each place */
    SEND_BYTEWISE /* SEND_LINE, each byte on its own */
};

struct step {
    enum step_kind kind;
    int line;
    char *names[SCRIPT_NAMES_MAX]; /* given */
    unsigned name_count;
    char *target; /* given */
    char *text;   /* given */
    char *more;   /* given */
    long long number;
    bool regex;         /* text is a pattern */
    bool strict;        /* not even a PING or an INFO may come before */
    struct step *block; /* given */
    unsigned block_count;
};

struct script {
    char *path;        /* given */
    char *sentence;    /* given */
    char *needs;       /* given; version, or NULL */
    char *only;        /* given; backend names, or NULL */
    char *only_reason; /* given */
    bool split;        /* some step is SEND_SPLIT */
    struct step *steps;
    unsigned count;
};

/* Parses the script at path. NULL when it cannot, with "path:line: why" in ret_why. */
struct script *script_load(const char *path, struct blob *ret_why);
void script_free(struct script **s);

#endif
