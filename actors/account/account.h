/* SPDX-License-Identifier: Apache-2.0 */
/* account.h -- one account: the only writer of its subject index. */
#ifndef ACTORS_ACCOUNT_ACCOUNT_H
#define ACTORS_ACCOUNT_ACCOUNT_H

#include "runtime/msg.h"

/* Its name is copied. */
struct actor_ref account_spawn(const char *name, uint64_t interest_id);

#endif
