/* SPDX-License-Identifier: Apache-2.0 */
/* options.h -- everything the operator can set, and where it comes from.
 *
 * Idea        options_load turns a command line into options, or into what to print and the exit code.
 *             Flags are read, then the file, then the flags win over the file, then what is still unset
 *             gets its default, then the whole is checked. Nothing here touches the process: files and
 *             environment come through struct conf_source, output goes to memory.
 *             Which keys exist, and which of nats-server's keys are refused for now, is the table in
 *             options_keys.c; the flags are in flags.c.
 * Invariants  1. Every text belongs to the options' arena; NULL means unset.
 *             2. After options_load says OPTIONS_RUN, options_check passes and no field is at "unset"
 *                unless its comment allows that.
 */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include "protocols/conf/conf.h"
#include "runtime/base/arena.h"
#include "server/text.h"

enum {
    OPTIONS_PORT_ANY = -1, /* any free port */
    OPTIONS_PORT_CLIENT = 4222,
    OPTIONS_WORKERS_MAX = 256,
};

enum write_policy { WRITE_POLICY_DEFAULT, WRITE_POLICY_CLOSE, WRITE_POLICY_RETRY };

struct options_pair {
    const char *name;
    const char *value;
};

struct options_user {
    const char *user;
    const char *password; /* "" when the file gave none */
};

struct options_listener {
    const char *host;
    int port;
    const char *advertise; /* for address_parse; or NULL */
};

struct options_monitor {
    const char *host; /* the client listener's, when not set */
    int port;         /* 0: no monitoring */
    const char *base_path;
};

struct options_log {
    bool debug;
    bool trace;
    bool trace_verbose; /* the system account, too */
    bool trace_headers; /* headers alone, no payload */
    bool time;
    bool time_utc;
    const char *file;         /* NULL: stderr */
    int64_t file_bytes_max;   /* 0: no limit */
    int64_t files_max;        /* 0: keep all */
    int64_t traced_bytes_max; /* 0: no limit */
};

struct options_limits {
    int64_t control_line_bytes_max;
    int64_t payload_bytes_max;
    int64_t pending_bytes_max;
    int64_t connections_max;        /* negative: let nobody in */
    int64_t subscriptions_max;      /* of a connection; 0: no limit */
    int64_t subject_tokens_max;     /* of a subscription; 0: no limit */
    int64_t closed_connections_max; /* kept for monitoring */
};

struct options_timing {
    int64_t ping_interval_ns;
    int64_t pings_out_max;
    int64_t write_deadline_ns;
    enum write_policy write_policy;
    int64_t lame_duck_ns;
    int64_t lame_duck_grace_ns;
    int64_t connect_error_reports;
    int64_t reconnect_error_reports;
};

struct options_auth {
    const char *user; /* the one user, or NULL */
    const char *password;
    const char *token; /* or NULL */
    double timeout_s;
    struct options_user *users;
    size_t user_count;
};

struct options {
    struct arena arena;
    const char *config_file;              /* NULL: none */
    char config_digest[CONF_DIGEST_SIZE]; /* "" without a file */
    const char *server_name;              /* NULL: the server's id */
    struct options_listener client;
    struct options_monitor monitor;
    struct options_log log;
    struct options_limits limits;
    struct options_timing timing;
    struct options_auth auth;
    const char *pid_file;
    const char *ports_file_dir;
    bool headers;             /* do clients get NATS headers? */
    bool sublist_cache;       /* accepted; the index has no such switch */
    bool stall_fast_producer; /* slow producers down before consumers are cut off */
    bool system_account;
    const char **tags; /* lower case, each once */
    size_t tag_count;
    struct options_pair *metadata;
    size_t metadata_count;
    int workers;          /* 0: as many as the machine has */
    const char **notices; /* what the operator is to know; for the log, as warnings */
    size_t notice_count;
};

/* Everything unset; booleans and logtime as nats-server starts. */
void options_init(struct options *o);
void options_done(struct options *o);

/* Reads a configuration. Each problem is one line (FILE:LINE:COL: TEXT) in errors or in warnings. */
void options_read(struct options *o, const struct conf_tree *tree, struct text *errors,
                  struct text *warnings);

/* For the log, once there is one. */
void options_add_notice(struct options *o, struct bytes notice);

/* Fills in what is unset. */
void options_set_defaults(struct options *o);

/* Do the settings go together? -EINVAL with one line (without a newline) in problem. */
int options_check(const struct options *o, struct text *problem)
    __attribute__((warn_unused_result));

enum options_action {
    OPTIONS_RUN,    /* start a server */
    OPTIONS_EXIT,   /* print, and leave with exit_code */
    OPTIONS_SIGNAL, /* send a signal to another server, and leave */
};

/* Which process, and what to tell it. Without a pid: the only other one, found by name. */
struct options_signal {
    int number;
    int pid;      /* 0: not given */
    bool is_glob; /* all whose number begins with pid's digits ("*" alone: all) */
};

struct options_result {
    enum options_action action;
    int exit_code;
    struct text out; /* for stdout */
    struct text err; /* for stderr */
    struct options_signal signal;
    struct options options;
};

/* Always leaves a result to be released with options_result_done. */
void options_load(int argc, char *const argv[], const struct conf_source *source,
                  struct options_result *ret_result);
void options_result_done(struct options_result *r);

#endif
