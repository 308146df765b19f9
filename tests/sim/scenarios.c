/* SPDX-License-Identifier: Apache-2.0 */
/* scenarios.c -- the list of all scenarios. */
#include "tests/sim/scenarios.h"

#include "tests/sim/broker.h"
#include "tests/sim/scenario.h"

#define ROW(name, run, story)                                  \
    {                                                          \
#name, story, run, broker_payload, false, false, false \
    }
#define SLOW(name, run, story)                                \
    {                                                         \
#name, story, run, broker_payload, true, false, false \
    }
#define STORE(name, run, story)                              \
    {                                                        \
#name, story, run, broker_payload, false, true, true \
    }
#define SLOW_STORE(name, run, story)                        \
    {                                                       \
#name, story, run, broker_payload, true, true, true \
    }

const struct scenario scenarios[] = {
    ROW(ping_pong, scenario_ping_pong, "two actors of two workers hand a ball on"),
    ROW(echo, scenario_echo,
        "an echo server gives every byte back, in order, through a rough network"),
    ROW(slots, scenario_slots, "actors ask, end and begin in reused slots: one answer each"),
    ROW(flushes, scenario_flushes, "publisher flushes, subscriber flushes: the message is there"),
    ROW(reply_finds_inbox, scenario_reply_finds_inbox,
        "SUB, PUB: the answer arrives while the account removes many subscriptions"),
    SLOW(reply_finds_inbox_large, scenario_reply_finds_inbox_large, "the same, with 100,000"),
    ROW(maxima, scenario_maxima, "UNSUB n with 8 publishers: exactly n; groups hand the rest on"),
    ROW(splits, scenario_splits, "the same lines again and again, cut anywhere"),
    ROW(stalled_worker, scenario_stalled_worker,
        "memory retired while a worker stands in its read section comes back after it"),
    ROW(flood, scenario_flood, "clients in a ring flood each other: nobody hangs"),
    ROW(pinned, scenario_pinned, "what a slow target pins is bounded by what it is charged"),
    ROW(stop, scenario_stop, "a server ends with connections in all states"),
    SLOW(stop_large, scenario_stop_large, "the same, with 10,000 connections"),
    ROW(random, scenario_random, "servers, clients, faults; then all heals, flushes and stops"),
    ROW(subjects, scenario_subjects,
        "subscribe, unsubscribe, publish against a flat model; no faults"),
    ROW(store_actor, scenario_store_actor,
        "writers on several workers and one store: what was acknowledged is read again"),
    STORE(store_crashes, scenario_store_crashes,
          "work of all shapes, kills and lost power: what was acknowledged is there"),
    STORE(store_tables, scenario_store_tables,
          "the same with more subjects than the tables in memory hold: flushes and merges"),
    STORE(store_every_crash, scenario_store_every_crash,
          "a short life that ends at every single operation of the disk, and so does its recovery"),
    SLOW_STORE(store_faults, scenario_store_faults,
               "a disk that fails, fills up and stalls: nothing that was acknowledged is lost"),
};

const unsigned scenario_count = sizeof scenarios / sizeof scenarios[0];
