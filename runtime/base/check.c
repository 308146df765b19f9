/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/check.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static _Atomic(panic_reporter *) the_reporter; /* the process's: a panic has no other context */

void panic_set_reporter(panic_reporter *reporter)
{
    atomic_store_explicit(&the_reporter, reporter, memory_order_release);
}

_Noreturn void panic_at(const char *file, int line, const char *func, const char *what)
{
    fprintf(stderr, "panic: %s:%d: %s: %s\n", file, line, func, what);
    /* Taken out before it runs, so that a reporter that fails itself does not loop. */
    panic_reporter *reporter = atomic_exchange_explicit(&the_reporter, NULL, memory_order_acquire);
    if (reporter != NULL)
        reporter();
    fflush(stderr);
    abort();
}
