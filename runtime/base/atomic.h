/* SPDX-License-Identifier: Apache-2.0 */
/* atomic.h -- the atomic operations of the lock-free parts, each a possible switch for the explorer.
 *
 * mailbox.h, epoch.c and the worker's sleep protocol use these and nothing else on shared words. In
 * a normal build they are C11's own operations. A test that defines ATOMIC_SWITCH before it includes
 * them gets a call before each operation, from which it moves to another coroutine: so every
 * interleaving of a small scenario can be run (tests/unit/runtime/test_explore.c).
 */
#ifndef RUNTIME_BASE_ATOMIC_H
#define RUNTIME_BASE_ATOMIC_H

#include <stdatomic.h>

#ifndef ATOMIC_SWITCH
#define ATOMIC_SWITCH() ((void)0)
#endif

#define ATOMIC_LOAD(at, order) (ATOMIC_SWITCH(), atomic_load_explicit((at), (order)))
#define ATOMIC_STORE(at, value, order) \
    (ATOMIC_SWITCH(), atomic_store_explicit((at), (value), (order)))
#define ATOMIC_EXCHANGE(at, value, order) \
    (ATOMIC_SWITCH(), atomic_exchange_explicit((at), (value), (order)))
#define ATOMIC_ADD(at, value, order) \
    (ATOMIC_SWITCH(), atomic_fetch_add_explicit((at), (value), (order)))
#define ATOMIC_CAS(at, expected, value, order)                                                    \
    (ATOMIC_SWITCH(), atomic_compare_exchange_strong_explicit((at), (expected), (value), (order), \
                                                              memory_order_relaxed))

/* A counter with one writer that others read: the store costs what a plain one does. */
#define COUNTER_ADD(at, value)                                                              \
    atomic_store_explicit((at), atomic_load_explicit((at), memory_order_relaxed) + (value), \
                          memory_order_relaxed)
#define COUNTER_SET(at, value) atomic_store_explicit((at), (value), memory_order_relaxed)
#define COUNTER_GET(at) atomic_load_explicit((at), memory_order_relaxed)

#endif
