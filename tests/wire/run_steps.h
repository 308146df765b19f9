/* SPDX-License-Identifier: Apache-2.0 */
/* run_steps.h -- between the run_*.c files alone: the function of each kind of step. Each returns true, or
 * false with the failure reported. */
#ifndef TESTS_WIRE_RUN_STEPS_H
#define TESTS_WIRE_RUN_STEPS_H

#include "tests/wire/session.h"

/* Calls the function for each connection the step names. */
bool run_for_each_conn(struct session *s, const struct step *step,
                       bool (*each)(struct session *s, int conn, const struct step *step));
/* Waits for the frame that the step wants, on this connection. */
bool run_expect_on(struct session *s, int conn, const struct step *step);

bool run_launch(struct session *s, const struct step *step);
bool run_server(struct session *s, const struct step *step);
bool run_start(struct session *s, const struct step *step);
bool run_config(struct session *s, const struct step *step);
bool run_signal(struct session *s, const struct step *step);
bool run_exits(struct session *s, const struct step *step);
bool run_log(struct session *s, const struct step *step);
bool run_file(struct session *s, const struct step *step);
bool run_expect(struct session *s, const struct step *step);
bool run_one_of(struct session *s, const struct step *step);
bool run_unordered(struct session *s, const struct step *step);
bool run_ping(struct session *s, const struct step *step);
bool run_end(struct session *s, const struct step *step);
bool run_info(struct session *s, const struct step *step);
bool run_raw(struct session *s, const struct step *step);
bool run_client(struct session *s, const struct step *step);
bool run_send(struct session *s, const struct step *step);
bool run_close(struct session *s, const struct step *step);
bool run_hold(struct session *s, const struct step *step);
bool run_http(struct session *s, const struct step *step);
bool run_status(struct session *s, const struct step *step);
bool run_json(struct session *s, const struct step *step);
bool run_body(struct session *s, const struct step *step);
bool run_header(struct session *s, const struct step *step);

#endif
