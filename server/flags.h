/* SPDX-License-Identifier: Apache-2.0 */
/* flags.h -- the command line, in the syntax of Go's flag package.
 *
 * Idea        -flag and --flag are the same; a value follows, or stands behind "="; a boolean takes one
 *             only behind "=". The first word that is no flag ends them. All flags of nats-server are
 *             known here; those whose feature is missing are refused by name, unless they ask for
 *             nothing (-tls=false).
 * Invariants  values are borrowed from argv.
 */
#ifndef SERVER_FLAGS_H
#define SERVER_FLAGS_H

#include "server/options.h"

/* X(ID, "spelling|spelling", TYPE, state) */
/* clang-format off */
#define FLAGS(X)                                              \
    X(HELP, "h|help", BOOL, SUPPORTED)                        \
    X(VERSION, "v|version", BOOL, SUPPORTED)                  \
    X(HELP_TLS, "help_tls", BOOL, REFUSED)                    \
    X(CONFIG, "c|config", TEXT, SUPPORTED)                    \
    X(TEST, "t", BOOL, SUPPORTED)                             \
    X(PORT, "p|port", INT, SUPPORTED)                         \
    X(ADDR, "a|addr|net", TEXT, SUPPORTED)                    \
    X(NAME, "n|name|server_name", TEXT, SUPPORTED)            \
    X(PID, "P|pid", TEXT, SUPPORTED)                          \
    X(PORTS_FILE_DIR, "ports_file_dir", TEXT, SUPPORTED)      \
    X(CLIENT_ADVERTISE, "client_advertise", TEXT, SUPPORTED)  \
    X(HTTP_PORT, "m|http_port", INT, SUPPORTED)               \
    X(HTTPS_PORT, "ms|https_port", INT, REFUSED)              \
    X(SIGNAL, "sl|signal", TEXT, SUPPORTED)                   \
    X(LOG, "l|log", TEXT, SUPPORTED)                          \
    X(LOGTIME, "T|logtime", BOOL, SUPPORTED)                  \
    X(LOGTIME_UTC, "logtime_utc", BOOL, SUPPORTED)            \
    X(SYSLOG, "s|syslog", BOOL, REFUSED)                      \
    X(REMOTE_SYSLOG, "r|remote_syslog", TEXT, REFUSED)        \
    X(DEBUG, "D|debug", BOOL, SUPPORTED)                      \
    X(TRACE, "V|trace", BOOL, SUPPORTED)                      \
    X(TRACE_VERBOSE, "VV", BOOL, SUPPORTED)                   \
    X(DEBUG_TRACE, "DV", BOOL, SUPPORTED)                     \
    X(DEBUG_TRACE_VERBOSE, "DVV", BOOL, SUPPORTED)            \
    X(LOG_SIZE_LIMIT, "log_size_limit", INT, SUPPORTED)       \
    X(MAX_TRACED_MSG_LEN, "max_traced_msg_len", INT, SUPPORTED) \
    X(JETSTREAM, "js|jetstream", BOOL, REFUSED)               \
    X(STORE_DIR, "sd|store_dir", TEXT, REFUSED)               \
    X(USER, "user", TEXT, SUPPORTED)                          \
    X(PASS, "pass", TEXT, SUPPORTED)                          \
    X(AUTH, "auth", TEXT, SUPPORTED)                          \
    X(TLS, "tls", BOOL, REFUSED)                              \
    X(TLS_CERT, "tlscert", TEXT, REFUSED)                     \
    X(TLS_KEY, "tlskey", TEXT, REFUSED)                       \
    X(TLS_VERIFY, "tlsverify", BOOL, REFUSED)                 \
    X(TLS_CA_CERT, "tlscacert", TEXT, REFUSED)                \
    X(ROUTES, "routes", TEXT, REFUSED)                        \
    X(CLUSTER, "cluster|cluster_listen", TEXT, REFUSED)       \
    X(CLUSTER_NAME, "cluster_name", TEXT, REFUSED)            \
    X(CLUSTER_ADVERTISE, "cluster_advertise", TEXT, REFUSED)  \
    X(NO_ADVERTISE, "no_advertise", BOOL, REFUSED)            \
    X(CONNECT_RETRIES, "connect_retries", INT, REFUSED)       \
    X(PROFILE, "profile", INT, REFUSED)

#define FLAG_ENUM(id, names, type, state) FLAG_##id,
enum flag_id { FLAGS(FLAG_ENUM) FLAG_COUNT };
#undef FLAG_ENUM
/* clang-format on */

struct flag_value {
    bool is_set;
    struct bytes name; /* as it was spelled last */
    bool truth;        /* of a BOOL */
    int64_t number;    /* of an INT */
    const char *text;  /* of a TEXT */
};

struct flags {
    struct flag_value values[FLAG_COUNT];
    const char *command; /* the first word behind the flags, or NULL */
};

/* argv[0] is skipped. -EINVAL with one line (without a newline) in problem. */
int flags_parse(struct flags *f, int argc, char *const argv[], struct text *problem)
    __attribute__((warn_unused_result));

/* The first flag that asks for what is missing, or NULL. */
const struct flag_value *flags_refused(const struct flags *f);

/* Puts what was given over what is there. */
void flags_apply(const struct flags *f, struct options *o);

static inline bool flags_is_on(const struct flags *f, enum flag_id id)
{
    return f->values[id].is_set && f->values[id].truth;
}

/* "" when it was not given. */
static inline const char *flags_text(const struct flags *f, enum flag_id id)
{
    return f->values[id].is_set ? f->values[id].text : "";
}

extern const char flags_help[];

#endif
