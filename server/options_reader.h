/* SPDX-License-Identifier: Apache-2.0 */
/* options_reader.h -- from nodes of a configuration to fields of the options. For options_*.c only.
 *
 * Idea        A section of the configuration is a map, described by a table of its keys: what they are
 *             called, whether we can do what they ask, and who reads the value into which field.
 *             options_reader_section goes through a map by such a table; all knowledge about unknown and
 *             refused keys is there.
 */
#ifndef SERVER_OPTIONS_READER_H
#define SERVER_OPTIONS_READER_H

#include "server/options.h"

struct options_reader {
    struct options *options;
    struct text *errors;
    struct text *warnings;
};

enum key_state {
    KEY_SUPPORTED,
    KEY_NOTICED,  /* supported, with a notice that it does nothing yet */
    KEY_OFF_ONLY, /* refused, unless the value says off: false, 0, "disabled" */
    KEY_REFUSED,
};

struct options_key;
typedef void option_set_fn(struct options_reader *r, const struct options_key *key,
                           const struct conf_node *node, void *field);

struct options_key {
    const char *names; /* all spellings, with | between; in any case */
    enum key_state state;
    option_set_fn *set; /* NULL when refused */
    size_t offset;      /* of the field in the section's struct */
};

/* The top-level keys, and those of sections that are read; the last row has no names. */
extern const struct options_key options_keys[];
extern const struct options_key options_auth_keys[];
extern const struct options_key options_user_keys[];
extern const struct options_key options_leafnode_keys[];

/* Reads a map into the struct at `into`. */
void options_reader_section(struct options_reader *r, const struct conf_node *map,
                            const struct options_key *keys, void *into);

/* The row that spells the key so, or NULL. */
const struct options_key *options_reader_find(const struct options_key *keys, struct bytes name);

/* FILE:LINE:COL: TEXT */
void options_reader_error(struct options_reader *r, const struct conf_node *node,
                          const char *format, ...) __attribute__((format(printf, 3, 4)));
void options_reader_warn(struct options_reader *r, const struct conf_node *node, const char *format,
                         ...) __attribute__((format(printf, 3, 4)));
void options_reader_notice(struct options_reader *r, const struct conf_node *node,
                           const char *format, ...) __attribute__((format(printf, 3, 4)));
/* FILE:LINE:COL: "KEY" is not supported yet */
void options_reader_refuse(struct options_reader *r, const struct conf_node *node);
void options_reader_unknown(struct options_reader *r, const struct conf_node *node);

/* Is the node of this type? If not, the error that nats-server has for it. */
bool options_reader_expect(struct options_reader *r, const struct conf_node *node,
                           enum conf_type type);

/* The text, kept by the options. */
const char *options_reader_keep(struct options_reader *r, struct bytes text);

/* The value as a message shows it. */
void options_reader_show(struct text *into, const struct conf_node *node);

/* "host:port" or a port. */
bool options_reader_listen(struct options_reader *r, const struct conf_node *node,
                           const char **ret_host, int *ret_port);

/* A password or token, unless it is a hash. */
bool options_reader_secret(struct options_reader *r, const struct conf_node *node,
                           const char **ret_text);

/* Is it a bcrypt hash? */
bool options_secret_is_hash(const char *text);

/* Setters, named for the type of the field. */
option_set_fn options_set_text;
option_set_fn options_set_bool;
option_set_fn options_set_not;
option_set_fn options_set_int;
option_set_fn options_set_int64;
option_set_fn options_set_duration;
option_set_fn options_set_auth;

#endif
