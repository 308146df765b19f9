/* SPDX-License-Identifier: Apache-2.0 */
/* explore_runtime.h -- the runtime's sources, included with their atomics as switch points of the
 * explorer, and a system of two virtual workers for scenarios to use. For one test program each.
 */
#ifndef TESTS_UNIT_RUNTIME_EXPLORE_RUNTIME_H
#define TESTS_UNIT_RUNTIME_EXPLORE_RUNTIME_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void explore_switch(void);
#define ATOMIC_SWITCH() explore_switch()

#if !defined(__SANITIZE_ADDRESS__) /* there malloc, which sees misuse; elsewhere the slabs */
#undef MYELIN_SANITIZED
#define MYELIN_SANITIZED 0
#endif

#include "runtime/actor.c"
#include "runtime/buf.c"
#include "runtime/epoch.c"
#include "runtime/msg.c"
#include "runtime/slab.c"
#include "runtime/system.c"
#include "runtime/trace.c"
#include "runtime/worker.c"
#include "tests/unit/runtime/explore.h"
#include "tests/unit/runtime/probe.h"
#include "tests/unit/runtime/stub_world.h"

/* A short scenario is searched deep and a long one less so. Instrumented builds look for what the
 * instruments see, and are slow: less deep. */
#if defined(__SANITIZE_THREAD__)
#define DEEP 2
#define LONG 1
#define MACHINE 2
#define FLOOR_PART 50
#elif defined(__SANITIZE_ADDRESS__)
#define DEEP 4
#define LONG 3
#define MACHINE 2
#define FLOOR_PART 20
#else
#define DEEP 5
#define LONG 3
#define MACHINE 4
#define FLOOR_PART 1
#endif
#define FINDS 3 /* preemptions that show every mutation */

/* Explores all; nothing may be broken, and there must have been enough to see. */
static inline void assert_holds(const struct explore_scenario *s, unsigned preemptions,
                                uint64_t floor)
{
    const char *failure;
    const char *deeper = getenv("EXPLORE_DEEPER"); /* so many preemptions more, for a long look */
    if (deeper != NULL)
        preemptions += (unsigned)strtoul(deeper, NULL, 10);
    uint64_t schedules = explore(s, preemptions, &failure);
    if (failure != NULL)
        fail_msg("%s: %s", s->name, failure);
    if (schedules < floor / FLOOR_PART)
        fail_msg("%s: only %llu schedules", s->name, (unsigned long long)schedules);
}

/* In a child: a broken runtime may also abort or crash, which is a way to find the bug. */
static inline void assert_finds(const struct explore_scenario *s, unsigned preemptions)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)signal(SIGSEGV, SIG_DFL);
        close(STDERR_FILENO); /* what a panic prints is expected here */
        const char *failure;
        (void)explore(s, preemptions, &failure);
        fflush(NULL);
        _exit(failure != NULL ? 1 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        fail_msg("%s, broken: the explorer did not find it", s->name);
}

static inline unsigned task_index(void *context)
{
    return (unsigned)(uintptr_t)context;
}
/* --- the machine: virtual workers as tasks --------------------------------------------------------- */

static struct {
    struct stub_world stub;
    struct world_ops ops;
    struct system *system;
    struct probe_book book;
    bool woken[2];
    struct worker *current[EXPLORE_TASKS_MAX]; /* each task's current_worker */
    struct actor_ref refs[4];
    unsigned lives;
    bool in_turn;
    unsigned target; /* when the book has so many handled or answered, the workers may end */
} machine;

static inline void machine_wake(struct worker *w)
{
    EXPLORE_CHECK(w->index < 2);
    machine.woken[w->index] = true;
}

static inline void machine_switched(unsigned from, unsigned to)
{
    machine.current[from] = current_worker;
    current_worker = machine.current[to];
}

/* One system serves all schedules of a scenario: each leaves it settled and empty. */
static inline void machine_open(void)
{
    memset(&machine, 0, sizeof machine);
    stub_init(&machine.stub, 1);
    machine.ops = stub_ops;
    machine.ops.worker_wake = machine_wake;
    machine.stub.world.ops = &machine.ops;
    machine.system = stub_system(&machine.stub, 2);
}

static inline void machine_close(void)
{
    system_free(&machine.system);
}

static inline void machine_begin(void)
{
    memset(&machine.book, 0, sizeof machine.book);
    machine.woken[0] = machine.woken[1] = false;
    machine.in_turn = false;
    for (unsigned i = 0; i < 2; i++) {
        machine.system->workers[i]->sleeping = 0;
        machine.current[i] = machine.system->workers[i];
    }
}

#endif
