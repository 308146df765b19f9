/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "runtime/resolve.h"
#include "runtime/sim/sim_hosts.h"
#include "tests/unit/runtime/disk_actor.h"

struct story {
    struct resolved answers[2];
    unsigned answered;
    unsigned wanted;
};

static struct story *story; /* the running test's: look-ups carry no context but their actor */

static void on_resolved(struct actor *self, const struct resolved *answer)
{
    assert_true(answer->tag < 2);
    story->answers[answer->tag] = *answer;
    if (++story->answered == story->wanted)
        actor_exit(self);
}

static void begin_two(struct actor *self, void *context)
{
    story = context;
    story->wanted = 2;
    assert_int_equal(resolve(self, "127.0.0.1", 4222, 0, on_resolved), 0);
    assert_int_equal(resolve(self, "::1", 6222, 1, on_resolved), 0);
}

static void assert_address(const struct net_address *address, const char *text, uint16_t port)
{
    char got[NET_HOST_MAX];
    uint16_t got_port;
    net_address_text(address, got, &got_port);
    assert_string_equal(got, text);
    assert_int_equal(got_port, port);
}

static void addresses_in_text_come_back_with_their_port(void **state)
{
    struct story s = {0};
    disk_actor_run(begin_two, &s);
    assert_int_equal(s.answers[0].status, 0);
    assert_int_equal(s.answers[0].count, 1);
    assert_address(&s.answers[0].addresses[0], "127.0.0.1", 4222);
    assert_int_equal(s.answers[1].status, 0);
    assert_address(&s.answers[1].addresses[0], "::1", 6222);
}

static void begin_odd(struct actor *self, void *context)
{
    story = context;
    story->wanted = 1;
    char name[RESOLVE_HOST_MAX + 1];
    memset(name, 'x', sizeof name);
    name[RESOLVE_HOST_MAX] = 0;
    assert_int_equal(resolve(self, name, 1, 0, on_resolved), -EINVAL);
    assert_int_equal(resolve(self, "", 1, 0, on_resolved), -EINVAL);
    assert_int_equal(resolve(self, "no such name.invalid", 1, 0, on_resolved), 0);
}

static void a_name_that_is_none_has_a_status_and_no_address(void **state)
{
    struct story s = {0};
    disk_actor_run(begin_odd, &s);
    assert_true(s.answers[0].status < 0);
    assert_int_equal(s.answers[0].count, 0);
}

static void begin_leaving(struct actor *self, void *context)
{
    story = context;
    for (unsigned i = 0; i < 2 * RESOLVE_UNDER_WAY_MAX; i++)
        assert_int_equal(resolve(self, "127.0.0.1", 1, 0, on_resolved), 0);
    actor_exit(self);
}

static void look_ups_of_an_actor_that_is_gone_end_unseen(void **state)
{
    struct story s = {0};
    disk_actor_run(begin_leaving, &s);
    assert_int_equal(s.answered, 0);
}

static int look_up(const struct sim_hosts *hosts, const char *name, struct resolve_request *request)
{
    memset(request, 0, sizeof *request);
    memcpy(request->host, name, strlen(name) + 1);
    request->port = 4222;
    return sim_hosts_look_up(hosts, request);
}

static void the_simulated_table_answers_in_its_order(void **state)
{
    struct sim_hosts *hosts = sim_hosts_new();
    sim_hosts_add(hosts, "a.example", "10.0.0.2");
    sim_hosts_add(hosts, "a.example", "10.0.0.1");
    sim_hosts_add(hosts, "A.example", "10.0.0.2");
    struct resolve_request request;
    assert_int_equal(look_up(hosts, "a.EXAMPLE", &request), 0);
    assert_int_equal(request.answer.count, 2);
    assert_address(&request.answer.addresses[0], "10.0.0.2", 4222);
    assert_address(&request.answer.addresses[1], "10.0.0.1", 4222);
    assert_int_equal(look_up(hosts, "10.1.1.1", &request), 0);
    assert_int_equal(look_up(hosts, "b.example", &request), RESOLVE_NO_NAME);
    sim_hosts_fail(hosts, "a.example", RESOLVE_TRY_AGAIN);
    assert_int_equal(look_up(hosts, "b.example", &request), RESOLVE_NO_NAME);
    sim_hosts_remove(hosts, "a.example");
    assert_int_equal(look_up(hosts, "a.example", &request), RESOLVE_TRY_AGAIN);
    sim_hosts_fail(hosts, "a.example", 0);
    assert_int_equal(look_up(hosts, "a.example", &request), RESOLVE_NO_NAME);
    sim_hosts_free(&hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_in_text_come_back_with_their_port),
        cmocka_unit_test(a_name_that_is_none_has_a_status_and_no_address),
        cmocka_unit_test(look_ups_of_an_actor_that_is_gone_end_unseen),
        cmocka_unit_test(the_simulated_table_answers_in_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
