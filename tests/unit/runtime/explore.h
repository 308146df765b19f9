/* SPDX-License-Identifier: Apache-2.0 */
/* explore.h -- runs every interleaving of a few tasks, up to a number of preemptions.
 *
 * Idea        The tasks are coroutines that may be switched before each atomic operation. A schedule
 *             is the list of choices made at those points; a depth-first search runs the scenario
 *             anew for each. A choice to leave a task that could go on is a preemption, and their
 *             number is bounded: nearly all real races need two or three, and the number of schedules
 *             stays finite and small.
 * Bounds      It sees sequentially consistent executions only: a missing acquire is not found here.
 *
 * Define ATOMIC_SWITCH() as explore_switch() before the code under test is included.
 */
#ifndef TESTS_UNIT_RUNTIME_EXPLORE_H
#define TESTS_UNIT_RUNTIME_EXPLORE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

/* Coroutines by ucontext, which sanitizers know, and by hand where they are not: swapcontext makes
 * two system calls, nine tenths of its time. */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define EXPLORE_BY_HAND 1
#else
#define EXPLORE_BY_HAND 0
#endif

#if EXPLORE_BY_HAND
struct explore_at {
    void *stack_pointer;
};

/* Pushes what a callee must keep, leaves its place in *from, and goes on where `to` was left. */
void explore_swap(void **from, void *to);
__asm__(".text\n"
        ".type explore_swap, @function\n"
        "explore_swap:\n"
        "  push %rbp\n  push %rbx\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
        "  mov %rsp, (%rdi)\n"
        "  mov %rsi, %rsp\n"
        "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbx\n  pop %rbp\n"
        "  ret\n"
        ".size explore_swap, . - explore_swap\n");
#else
struct explore_at {
    ucontext_t context;
};
#endif

#define EXPLORE_TASKS_MAX 4
#define EXPLORE_STACK ((size_t)256 << 10)
#define EXPLORE_CHOICES_MAX 8192
#define EXPLORE_STEPS_MAX 20000

typedef bool explore_ready_fn(void *context);

struct explore_task {
    void (*run)(void *context);
    void *context;
    struct explore_at at;
    char *stack;
    void *fiber; /* of the thread sanitizer */
    bool finished;
    explore_ready_fn *waits_for; /* NULL: it can run */
    void *waits_context;
};

struct explore_choice {
    uint8_t taken;
    uint8_t of;
};

struct explore {
    struct explore_task tasks[EXPLORE_TASKS_MAX];
    unsigned count;
    unsigned current;
    bool active;
    struct explore_at main;
    void *main_fiber;
    struct explore_choice choices[EXPLORE_CHOICES_MAX];
    unsigned depth; /* choices of the schedule that is searched now */
    unsigned at;    /* the next of them */
    unsigned preemptions;
    unsigned preemptions_max;
    unsigned steps;
    uint64_t schedules;
    uint64_t switches;
    const char *failure;                          /* NULL: none found */
    void (*switched)(unsigned from, unsigned to); /* what belongs to the task that runs */
};

/* A scenario: begin makes the state anew, the tasks run, end checks it. begin and end run outside the
 * tasks, without switches. */
struct explore_scenario {
    const char *name;
    void (*begin)(void);
    void (*tasks[EXPLORE_TASKS_MAX])(void *context);
    void (*end)(void);
    void (*switched)(unsigned from, unsigned to);
};

static struct explore
    the_explorer; /* one a test program: the switch in the atomics has no context */

static inline void explore_jump(struct explore *e, struct explore_at *from, struct explore_at *to,
                                void *fiber)
{
    (void)fiber;
    e->switches++;
#if defined(__SANITIZE_THREAD__)
    __tsan_switch_to_fiber(fiber, 0);
#endif
#if EXPLORE_BY_HAND
    explore_swap(&from->stack_pointer, to->stack_pointer);
#else
    if (swapcontext(&from->context, &to->context) != 0)
        abort();
#endif
}

static inline void explore_leave(struct explore *e)
{
    explore_jump(e, &e->tasks[e->current].at, &e->main, e->main_fiber);
}

/* Ends this run, and the search: a schedule that breaks an invariant. */
static inline void explore_fail(const char *why)
{
    struct explore *e = &the_explorer;
    if (e->failure == NULL)
        e->failure = why;
    if (e->active)
        explore_leave(e);
}

#define EXPLORE_CHECK(cond)      \
    do {                         \
        if (!(cond))             \
            explore_fail(#cond); \
    } while (0)

static inline bool explore_can_run(const struct explore_task *t)
{
    return !t->finished && (t->waits_for == NULL || t->waits_for(t->waits_context));
}

static inline unsigned explore_decide(struct explore *e, unsigned of)
{
    if (of == 1)
        return 0;
    if (e->at == e->depth) {
        if (e->depth == EXPLORE_CHOICES_MAX)
            abort();
        e->choices[e->depth++] = (struct explore_choice){0, (uint8_t)of};
    }
    struct explore_choice *choice = &e->choices[e->at++];
    if (choice->of != of) { /* the scenario is not deterministic: nothing here could be believed */
        fprintf(stderr, "explorer: choice %u was of %u, now of %u\n", e->at - 1, choice->of, of);
        abort();
    }
    return choice->taken;
}

static inline void explore_pick(struct explore *e, bool current_runs)
{
    unsigned options[EXPLORE_TASKS_MAX];
    unsigned count = 0;
    bool all_finished = true;
    if (current_runs)
        options[count++] = e->current;
    for (unsigned i = 0; i < e->count; i++) {
        all_finished = all_finished && e->tasks[i].finished;
        if (i == e->current && current_runs)
            continue;
        if ((!current_runs || e->preemptions < e->preemptions_max) && explore_can_run(&e->tasks[i]))
            options[count++] = i;
    }
    if (count == 0) {
        if (!all_finished && e->failure == NULL)
            e->failure = "all tasks wait for each other";
        explore_leave(e);
        return;
    }
    unsigned next = options[explore_decide(e, count)];
    unsigned from = e->current;
    if (next == from)
        return;
    if (current_runs)
        e->preemptions++;
    if (e->switched != NULL)
        e->switched(from, next);
    e->current = next;
    explore_jump(e, &e->tasks[from].at, &e->tasks[next].at, e->tasks[next].fiber);
}

static inline void explore_switch(void)
{
    struct explore *e = &the_explorer;
    if (!e->active)
        return;
    if (++e->steps > EXPLORE_STEPS_MAX)
        explore_fail("the schedule does not end");
    explore_pick(e, true);
}

/* The running task can not go on until ready says so. */
static inline void explore_wait(explore_ready_fn *ready, void *context)
{
    struct explore *e = &the_explorer;
    struct explore_task *t = &e->tasks[e->current];
    t->waits_for = ready;
    t->waits_context = context;
    explore_pick(e, ready(context));
    t->waits_for = NULL;
}

static inline void explore_task_main(void)
{
    struct explore *e = &the_explorer;
    struct explore_task *t = &e->tasks[e->current];
    t->run(t->context);
    t->finished = true;
    explore_pick(e, false);
    abort(); /* nobody comes back here */
}

static inline void explore_prepare(struct explore_task *t)
{
    t->finished = false;
    t->waits_for = NULL;
#if EXPLORE_BY_HAND
    /* As if explore_task_main had been called and left at its first instruction. */
    void **top = (void **)(void *)(t->stack + EXPLORE_STACK);
    memset(top - 8, 0, 8 * sizeof *top);
    top[-2] = (void *)(uintptr_t)explore_task_main;
    t->at.stack_pointer = top - 8;
#else
#if defined(__SANITIZE_THREAD__)
    if (t->fiber != NULL) /* the last run left it in the middle of its calls */
        __tsan_destroy_fiber(t->fiber);
    t->fiber = __tsan_create_fiber(0);
#endif
    if (getcontext(&t->at.context) != 0)
        abort();
    t->at.context.uc_stack.ss_sp = t->stack;
    t->at.context.uc_stack.ss_size = EXPLORE_STACK;
    t->at.context.uc_link = NULL;
    makecontext(&t->at.context, explore_task_main, 0);
#endif
}

/* One run by the choices so far; new ones take the first option. */
static inline void explore_run_once(struct explore *e, const struct explore_scenario *s)
{
    s->begin();
    for (unsigned i = 0; i < e->count; i++)
        explore_prepare(&e->tasks[i]);
    e->at = 0;
    e->preemptions = 0;
    e->steps = 0;
    e->current = explore_decide(e, e->count); /* who begins is a choice too */
    if (s->switched != NULL)
        s->switched(e->current, e->current);
    e->active = true;
    explore_jump(e, &e->main, &e->tasks[e->current].at, e->tasks[e->current].fiber);
    e->active = false;
    if (e->failure == NULL)
        s->end();
    e->schedules++;
}

/* Moves to the next schedule: the last choice that has another option takes it. */
static inline bool explore_backtrack(struct explore *e)
{
    while (e->depth > 0) {
        struct explore_choice *last = &e->choices[e->depth - 1];
        if (++last->taken < last->of)
            return true;
        e->depth--;
    }
    return false;
}

static inline void explore_init(struct explore *e, const struct explore_scenario *s,
                                unsigned preemptions)
{
    memset(e, 0, sizeof *e);
    e->preemptions_max = preemptions;
    e->switched = s->switched;
    while (e->count < EXPLORE_TASKS_MAX && s->tasks[e->count] != NULL) {
        struct explore_task *t = &e->tasks[e->count++];
        t->run = s->tasks[e->count - 1];
        t->context = (void *)(uintptr_t)(e->count - 1); /* which of the tasks it is */
        t->stack = malloc(EXPLORE_STACK);
        if (t->stack == NULL)
            abort();
    }
#if defined(__SANITIZE_THREAD__)
    e->main_fiber = __tsan_get_current_fiber();
#endif
}

static inline void explore_done(struct explore *e)
{
    for (unsigned i = 0; i < e->count; i++) {
        free(e->tasks[i].stack);
#if defined(__SANITIZE_THREAD__)
        __tsan_destroy_fiber(e->tasks[i].fiber);
#endif
    }
}

/* Runs all schedules, or up to the first that fails. Returns their number; *ret_failure is NULL or
 * what was broken. */
static inline uint64_t explore(const struct explore_scenario *s, unsigned preemptions,
                               const char **ret_failure)
{
    struct explore *e = &the_explorer;
    explore_init(e, s, preemptions);
    do
        explore_run_once(e, s);
    while (e->failure == NULL && explore_backtrack(e));
    printf("  %s: %llu schedules to %u preemptions, %llu switches%s%s\n", s->name,
           (unsigned long long)e->schedules, preemptions, (unsigned long long)e->switches,
           e->failure != NULL ? ": " : "", e->failure != NULL ? e->failure : "");
    *ret_failure = e->failure;
    explore_done(e);
    return e->schedules;
}

#endif
