/* SPDX-License-Identifier: Apache-2.0 */
/* conf_path.h -- names of files, as text: where an include points. */
#ifndef PROTOCOLS_CONF_CONF_PATH_H
#define PROTOCOLS_CONF_CONF_PATH_H

#include "runtime/base/arena.h"

/* The shortest name for the same place: no "//", ".", or ".." that could be taken back; "." for "". */
char *conf_path_clean(struct arena *arena, struct bytes path);

/* The file `path` seen from the folder of the file `from`. Even "/x" is below that folder. */
char *conf_path_beside(struct arena *arena, const char *from, struct bytes path);

#endif
