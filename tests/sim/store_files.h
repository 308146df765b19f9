/* SPDX-License-Identifier: Apache-2.0 */
/* store_files.h -- what lies on the disk under a store, and what may. */
#ifndef TESTS_SIM_STORE_FILES_H
#define TESTS_SIM_STORE_FILES_H

#include <stdbool.h>

#include "runtime/base/bytes.h"

struct store_world;

/* The store is idle: of each group, the segments in its folder are those that it names; and nothing was set aside,
 * as nothing was unreadable. */
void files_check(struct store_world *w);
/* Whether a file under the store holds these bytes: visible, or stored. */
bool files_hold(struct store_world *w, struct bytes text);

#endif
