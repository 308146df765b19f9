/* SPDX-License-Identifier: Apache-2.0 */
/* test_mailbox.c -- the mailbox's states one by one; its interleavings are in test_explore.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/mailbox.h"

static void assert_chain(const struct msg *chain, const struct msg *all, const unsigned *order,
                         unsigned count)
{
    for (unsigned i = 0; i < count; i++, chain = chain->next)
        assert_ptr_equal(chain, &all[order[i]]);
    assert_null(chain);
}

static void only_the_push_into_an_idle_mailbox_wakes(void **state)
{
    struct mailbox box = {0};
    struct msg m[3] = {0};
    assert_int_equal(mailbox_push(&box, &m[0]), MAILBOX_WOKE);
    assert_int_equal(mailbox_push(&box, &m[1]), MAILBOX_QUEUED);
    (void)mailbox_take(&box);
    assert_int_equal(mailbox_push(&box, &m[2]), MAILBOX_QUEUED); /* the receiver runs */
}

static void a_take_gives_all_oldest_first_and_leaves_it_busy(void **state)
{
    struct mailbox box = {0};
    struct msg m[4] = {0};
    for (unsigned i = 0; i < 3; i++)
        (void)mailbox_push(&box, &m[i]);
    assert_chain(mailbox_take(&box), m, (const unsigned[]){0, 1, 2}, 3);
    assert_null(mailbox_take(&box));
    (void)mailbox_push(&box, &m[3]);
    assert_chain(mailbox_take(&box), m, (const unsigned[]){3}, 1);
}

static void a_mailbox_goes_idle_only_when_nothing_came(void **state)
{
    struct mailbox box = {0};
    struct msg m[2] = {0};
    (void)mailbox_push(&box, &m[0]);
    (void)mailbox_take(&box);
    (void)mailbox_push(&box, &m[1]);
    assert_false(mailbox_go_idle(&box));
    assert_chain(mailbox_take(&box), m, (const unsigned[]){1}, 1);
    assert_true(mailbox_go_idle(&box));
    assert_int_equal(mailbox_push(&box, &m[0]), MAILBOX_WOKE);
}

static void a_closed_mailbox_gives_its_rest_and_refuses(void **state)
{
    struct msg m[3] = {0};
    bool idle;
    struct mailbox box = {0};
    assert_null(mailbox_close(&box, &idle));
    assert_true(idle);
    box.word = MAILBOX_IDLE;
    (void)mailbox_push(&box, &m[0]);
    (void)mailbox_push(&box, &m[1]);
    assert_chain(mailbox_close(&box, &idle), m, (const unsigned[]){0, 1}, 2);
    assert_false(idle);
    assert_int_equal(mailbox_push(&box, &m[2]), MAILBOX_REFUSED);
    box.word = MAILBOX_BUSY;
    assert_null(mailbox_close(&box, &idle));
    assert_false(idle);
    assert_int_equal(mailbox_push(&box, &m[2]), MAILBOX_REFUSED);
    assert_int_equal(box.word, MAILBOX_GONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_push_into_an_idle_mailbox_wakes),
        cmocka_unit_test(a_take_gives_all_oldest_first_and_leaves_it_busy),
        cmocka_unit_test(a_mailbox_goes_idle_only_when_nothing_came),
        cmocka_unit_test(a_closed_mailbox_gives_its_rest_and_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
