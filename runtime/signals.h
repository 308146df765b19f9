/* SPDX-License-Identifier: Apache-2.0 */
/* signals.h -- signals of the process, as events of one pinned actor. */
#ifndef RUNTIME_SIGNALS_H
#define RUNTIME_SIGNALS_H

struct actor;

typedef void signal_fn(struct actor *self, int number);

/* From now on the signal calls on_signal as a turn of self, until signals_ignore. At most
 * SIGNALS_MAX a worker. */
#define SIGNALS_MAX 8
int signals_watch(struct actor *self, int number, signal_fn *on_signal)
    __attribute__((warn_unused_result));
void signals_ignore(struct actor *self);

#endif
