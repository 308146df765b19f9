/* SPDX-License-Identifier: Apache-2.0 */
/* scenarios.c -- the list of all scenarios. */
#include "tests/sim/scenarios.h"

#include "tests/sim/broker.h"
#include "tests/sim/scenario.h"

#define ROW(name, run, story) {#name, story, run, broker_payload, false, false}

const struct scenario scenarios[] = {
    ROW(ping_pong, scenario_ping_pong, "two actors of two workers hand a ball on"),
    ROW(echo, scenario_echo, "an echo server gives every byte back, in order, through a rough network"),
    ROW(random, scenario_random, "servers, clients, faults; then all heals, flushes and stops"),
    ROW(subjects, scenario_subjects, "subscribe, unsubscribe, publish against a flat model; no faults"),
};

const unsigned scenario_count = sizeof scenarios / sizeof scenarios[0];
