/* SPDX-License-Identifier: Apache-2.0 */
/* toy.h -- a backend of virtual time with a server of five words, to test the runner itself.
 *
 *     PING                answered with PONG
 *     SAY text            answered with the text; ^ in it is CRLF
 *     LATER ms text       the same after so many milliseconds
 *     BYE                 closes
 *     CONNECT ...         no answer; INFO comes when the connection is made
 */
#ifndef TESTS_WIRE_RUNNER_TOY_H
#define TESTS_WIRE_RUNNER_TOY_H

#include "tests/wire/backend.h"

struct wire_backend *toy_new(void);

#endif
