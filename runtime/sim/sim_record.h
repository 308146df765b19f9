/* SPDX-License-Identifier: Apache-2.0 */
/* sim_record.h -- the records of a run, their digest, and the first difference of two runs.
 *
 * A record says when, who, what and how much, in numbers alone. Its digest is chained: equal digests
 * at one record mean that all before it were equal too.
 */
#ifndef RUNTIME_SIM_SIM_RECORD_H
#define RUNTIME_SIM_SIM_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* X(name) */
#define SIM_RECORDS(X) \
    X(ENTER)           \
    X(COLLECT)         \
    X(TURN)            \
    X(MESSAGE)         \
    X(FLUSH)           \
    X(BLOCK)           \
    X(STALL)           \
    X(CALL)            \
    X(SIGNAL)          \
    X(ACCEPT)          \
    X(READ)            \
    X(READ_END)        \
    X(WRITE)           \
    X(WRITTEN)         \
    X(CONNECTED)       \
    X(CLOSE)           \
    X(CLOSED)          \
    X(ARRIVE)          \
    X(RESET)           \
    X(FILE)            \
    X(LOOK_UP)         \
    X(CLIENT_READ)     \
    X(CLIENT_WRITE)    \
    X(CLIENT_EVENT)

#define SIM_RECORD_ENUM(name) RECORD_##name,
enum sim_what { SIM_RECORDS(SIM_RECORD_ENUM) RECORD_KINDS };
#undef SIM_RECORD_ENUM

struct sim_record {
    uint64_t time_ns;
    uint64_t who;    /* an actor's handle, or a link's, worker's or client's number */
    uint64_t detail; /* a hash of bytes, a number */
    uint32_t what;
    uint32_t kind;   /* of a message; a size; a status */
    uint64_t digest; /* of all up to and with this */
};

struct sim_records {
    struct sim_record *at; /* a ring, or all from the first on */
    uint64_t count;
    uint64_t capacity;
    bool all;
    uint64_t digest;
    const struct sim_records *first; /* the run this one is compared with, or NULL */
    uint64_t diverged_at;            /* number of the first differing record; UINT64_MAX: none */
};

void sim_records_init(struct sim_records *records, uint64_t seed, bool all);
void sim_records_done(struct sim_records *records);
void sim_records_add(struct sim_records *records, struct sim_record record);
void sim_records_mix(struct sim_records *records,
                     uint64_t value); /* into the next record's digest */
/* Up to count records that end at number `last`, oldest first. */
void sim_records_print(const struct sim_records *records, FILE *to, uint64_t last, unsigned count);

struct sim;
void sim_note(struct sim *sim, enum sim_what what, uint64_t who, uint32_t kind, uint64_t detail);

#endif
