/* SPDX-License-Identifier: Apache-2.0 */
/* check.h -- what to do when the program, not the world, is wrong.
 *
 * A failed CHECK is a bug in this server. It prints where and what, lets the reporter add the actor
 * that was running and the last messages it handled, and aborts. CHECK stays on in release builds,
 * so it must be cheap. DCHECK may be expensive and exists only in debug and simulation builds.
 * Anything a peer, a disk or an operator can cause is not a CHECK: it is an error value.
 */
#ifndef RUNTIME_BASE_CHECK_H
#define RUNTIME_BASE_CHECK_H

#include <stdbool.h>

_Noreturn void panic_at(const char *file, int line, const char *func, const char *what);

/* Called once by a panic, after its own line and before abort. It runs in a broken process: it may
 * read and print, nothing else. Belongs to the process; the runtime sets it. */
typedef void panic_reporter(void);
void panic_set_reporter(panic_reporter *reporter);

#define CHECK(cond)                                        \
    do {                                                   \
        if (__builtin_expect(!(cond), 0))                  \
            panic_at(__FILE__, __LINE__, __func__, #cond); \
    } while (0)

#define UNREACHABLE(why) panic_at(__FILE__, __LINE__, __func__, (why))

#ifdef NDEBUG
#define DCHECK(cond) ((void)sizeof(cond))
#else
#define DCHECK(cond) CHECK(cond)
#endif

static inline bool implies(bool a, bool b)
{
    return !a || b;
}

#endif
