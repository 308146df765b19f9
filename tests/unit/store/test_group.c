/* SPDX-License-Identifier: Apache-2.0 */
/* What entries do to a stream, rule by rule. Each script is run with all pages at hand, and with
 * each of them missing once, and twice. */
#include "tests/unit/store/group_script.h"

struct scenario {
    const char *name;
    const char *script;
};

static void run_all(const struct scenario *scenarios, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (unsigned rounds = 0; rounds < 3; rounds++) {
            struct bench b;
            bench_init(&b);
            b.wanted = true;
            b.log->page_rounds = rounds;
            print_message("    %s\n", scenarios[i].name);
            script_run(&b, scenarios[i].script);
            bench_done(&b);
        }
    }
}

#define RUN(scenarios) run_all(scenarios, sizeof(scenarios) / sizeof(scenarios)[0])

/* clang-format off */
static const struct scenario limits[] = {
    {"the oldest go when there are too many",
     "rules max_msgs=2\npub a\n-> 1\npub b\npub c\n-> 3\n= 2:b 3:c\n"},
    {"of a subject the oldest goes",
     "rules per_subject=2\npub a\npub b\npub a\npub a\n= 2:b 3:a 4:a\n"},
    {"of a subject the oldest goes before the stream's",
     "rules per_subject=1 max_msgs=2\npub a\npub b\npub a\n= 2:b 3:a\n"},
    {"as many old ones go as the bytes of a new one need",
     "rules max_bytes=100\npub a*10\npub a*10\npub a*10\n= 1:a 2:a 3:a\npub b*40\n= 3:a 4:b\n"},
    {"what is over max_bytes alone clears the stream and keeps its sequence",
     "rules max_bytes=50\npub a\npub b\npub c*100\n-> 3\n= \npub d\n-> 4\n= 4:d\n"},
    {"new ones are refused when there are too many",
     "rules max_msgs=2 discard_new=1\npub a\npub b\npub c\n-> 10077 maximum messages exceeded\n"
     "= 1:a 2:b\ndel 1\npub c\n-> 3\n"},
    {"new ones are refused when there are too many bytes",
     "rules max_bytes=40 discard_new=1\npub a\npub b\npub c*10\n-> 10077 maximum bytes exceeded\n"},
    {"a new one that replaces its subject's oldest is not too many",
     "rules max_msgs=2 per_subject=1 discard_new=1\npub a\npub b\npub a\n-> 3\n= 2:b 3:a\n"
     "pub c\n-> 10077 maximum messages exceeded\n"},
    {"what replaces must not be larger when bytes are short",
     "rules max_bytes=60 per_subject=1 discard_new=1\npub a*10\npub b*10\npub a*10\n-> 3\n"
     "pub a*20\n-> 10077 maximum bytes exceeded\n"},
    {"new ones are refused when their subject has too many",
     "rules per_subject=1 discard_new=1 new_per_subject\npub a\npub a\n"
     "-> 10077 maximum messages per subject exceeded\npub b\n-> 2\n"},
    {"a roll-up is not refused because its subject has too many",
     "rules per_subject=1 discard_new=1 new_per_subject rollup\npub a\npub a | Nats-Rollup: sub\n"
     "-> 2\n= 2:a\n"},
    {"messages are at most max_msg_size, headers counted",
     "rules max_size=30\npub a*30\n-> 1\npub a*31\n-> 10054 message size exceeds maximum allowed\n"
     "pub a*20 | A: b\n-> 10054 message size exceeds maximum allowed\n"},
    {"a new configuration is enforced at once",
     "rules\npub a\npub b\npub a\npub b\npub c\nrules max_msgs=4\n-> changed 1\n= 2:b 3:a 4:b 5:c\n"
     "rules per_subject=1\n-> changed 1\n= 3:a 4:b 5:c\nrules max_bytes=36\n-> changed 1\n= 4:b 5:c\n"},
    {"a lower limit for subjects trims each",
     "rules\npub a\npub a\npub a\npub b\npub c\npub c\nrules per_subject=1\n-> changed 3\n= 3:a 4:b 6:c\n"},
    {"first_seq is where a stream begins that has never had a message",
     "rules first_seq=10\npub a\n-> 10\nrules first_seq=90\npub a\n-> 11\n"},
    {"a sealed stream takes nothing and loses nothing",
     "rules\npub a\nrules sealed\npub a\n-> 10109 invalid operation on sealed stream\n"
     "del 1\n-> 10109 invalid operation on sealed stream\n"
     "purge all 0 0\n-> 10109 invalid operation on sealed stream\n= 1:a\n"},
};

static const struct scenario conditions[] = {
    {"an id within the window is a duplicate and takes no sequence",
     "rules window=10\npub a | Nats-Msg-Id: x\n-> 1\npub a | Nats-Msg-Id: x\n-> dup 1\npub a\n-> 2\n"},
    {"the window ends by log time, to the nanosecond",
     "rules window=10\npub a | Nats-Msg-Id: x\nlater 9\npub a | Nats-Msg-Id: x\n-> dup 1\n"
     "later 1\npub a | Nats-Msg-Id: x\n-> 2\nlater 9\npub a | Nats-Msg-Id: x\n-> dup 2\n"},
    {"an id is known also when its message is gone",
     "rules window=10\npub a | Nats-Msg-Id: x\npurge all 0 0\npub a | Nats-Msg-Id: x\n-> dup 1\n"},
    {"without a window ids say nothing",
     "rules\npub a | Nats-Msg-Id: x\npub a | Nats-Msg-Id: x\n-> 2\n"},
    {"the expected stream",
     "rules\npub a | Nats-Expected-Stream: S\n-> 1\n"
     "pub a | Nats-Expected-Stream: T\n-> 10060 expected stream does not match\n"},
    {"the expected last sequence",
     "rules\npub a | Nats-Expected-Last-Sequence: 0\n-> 1\n"
     "pub a | Nats-Expected-Last-Sequence: 0\n-> 10071 wrong last sequence: 1\n"
     "pub a | Nats-Expected-Last-Sequence: x\n-> 10071 wrong last sequence: 1\n"
     "del 1\npub a | Nats-Expected-Last-Sequence: 1\n-> 2\n"},
    {"the expected last sequence of the subject",
     "rules\npub a\npub b\npub a | Nats-Expected-Last-Subject-Sequence: 2\n-> 10071 wrong last sequence: 1\n"
     "pub a | Nats-Expected-Last-Subject-Sequence: 1\n-> 3\n"
     "pub c | Nats-Expected-Last-Subject-Sequence: 0\n-> 4\n"
     "del 3\npub a | Nats-Expected-Last-Subject-Sequence: 1\n-> 5\n"},
    {"the expected last sequence of another subject, also with wildcards",
     "rules\npub x.1\npub x.2\npub y\n"
     "pub a | Nats-Expected-Last-Subject-Sequence: 1|Nats-Expected-Last-Subject-Sequence-Subject: x.*\n"
     "-> 10071 wrong last sequence: 2\n"
     "pub a | Nats-Expected-Last-Subject-Sequence: 2|Nats-Expected-Last-Subject-Sequence-Subject: x.*\n-> 4\n"
     "pub a | Nats-Expected-Last-Subject-Sequence: 0|Nats-Expected-Last-Subject-Sequence-Subject: z.>\n-> 5\n"
     "pub a | Nats-Expected-Last-Subject-Sequence-Subject: x.*\n"
     "-> 10193 missing sequence for expected last sequence per subject\n"},
    {"the expected last message id",
     "rules window=10\npub a | Nats-Msg-Id: x\npub a | Nats-Expected-Last-Msg-Id: y\n"
     "-> 10070 wrong last msg ID: x\npub a | Nats-Expected-Last-Msg-Id: x\n-> 2\n"
     "pub a | Nats-Expected-Last-Msg-Id: x\n-> 10070 wrong last msg ID: \n"},
    {"sequences are asked before ids, as nats-server's streams of one replica do",
     "rules window=10\npub a | Nats-Msg-Id: x|Nats-Expected-Last-Sequence: 0\n"
     "pub a | Nats-Msg-Id: x|Nats-Expected-Last-Sequence: 0\n-> 10071 wrong last sequence: 1\n"},
    {"counters, schedules and sources' headers are refused where there are none",
     "rules\npub a | Nats-Incr: 1\n-> 10168 message counters is disabled\n"
     "pub a | Nats-Incr: one\n-> 10171 message counter increment is invalid\n"
     "pub a | Nats-Schedule: @at 2030-01-01T00:00:00Z\n-> 10188 message schedules is disabled\n"
     "pub a | Nats-Schedule-Next: purge|Nats-Scheduler: b\n-> 10188 message schedules is disabled\n"
     "pub a | Nats-Schedule-Next: purge|Nats-Scheduler: a\n-> 10212 message schedules invalid scheduler\n"
     "pub a | Nats-Scheduler: a\n-> 10212 message schedules invalid scheduler\n"
     "pub a | Nats-Stream-Source: T 1\n-> 10227 message stream source header is not allowed\n= \n"},
    {"what nobody wants gets a sequence and is not stored",
     "rules interest=1 window=10 rollup\npub a | Nats-Msg-Id: x\n-> 1\nunwanted\n"
     "pub a | Nats-Msg-Id: y\n-> skipped 2\npub a | Nats-Msg-Id: y\n-> dup 2\n= 1:a\n"
     "pub a | Nats-Rollup: sub\n-> skipped 3\n= \nwanted\npub a\n-> 4\n"},
};

static const struct scenario rollups[] = {
    {"a roll-up of the subject leaves it alone in its subject",
     "rules rollup\npub a\npub b\npub a\npub a | Nats-Rollup: sub\n-> 4\n= 2:b 4:a\n"},
    {"a roll-up of all leaves it alone",
     "rules rollup\npub a\npub b\npub c | Nats-Rollup: ALL\n-> 3\n= 3:c\npub d\n-> 4\n= 3:c 4:d\n"},
    {"a roll-up has to be allowed, and purges too",
     "rules\npub a | Nats-Rollup: sub\n-> 10111 rollup not permitted\n"
     "rules rollup deny_purge\npub a | Nats-Rollup: sub\n-> 10111 rollup not permitted\n"
     "rules rollup\npub a | Nats-Rollup: me\n-> 10111 rollup value invalid: \"me\"\n"},
    {"limits come before the roll-up",
     "rules rollup max_msgs=3\npub b\npub a\npub a\npub a | Nats-Rollup: sub\n= 4:a\n"},
    {"bytes come before the roll-up",
     "rules rollup max_bytes=80\npub b\npub a\npub a\npub a*10 | Nats-Rollup: sub\n= 4:a\n"},
};

static const struct scenario ages[] = {
    {"a message goes when it is max_age old by log time",
     "rules max_age=10\ndue never\npub a\ndue 10\nlater 4\npub b\ndue 6\ntime 5\n= 1:a 2:b\ntime 1\n= 2:b\n"
     "due 4\ntime 100\n= \ndue never\n"},
    {"any entry makes log time, also a refused one",
     "rules max_age=10\npub a\nlater 10\npub b | Nats-Expected-Stream: T\n= \n"},
    {"log time does not go back with its maker's clock",
     "rules max_age=10\npub a\nlater 9\npub b\nlater -100\npub c\nlater 101\ntime 0\n= 2:b 3:c\n"
     "time 8\n= 2:b 3:c\ntime 1\n= \n"},
    {"a shorter max_age is enforced at once",
     "rules max_age=100\npub a\nlater 20\npub b\nrules max_age=10\n-> changed 0\n= 2:b\n"},
    {"a message has its own time to live",
     "rules ttl\npub a | Nats-TTL: 5\npub b\npub c | Nats-TTL: 1m\ndue 5\ntime 4\n= 1:a 2:b 3:c\ntime 1\n"
     "= 2:b 3:c\ndue 55\ntime 55\n= 2:b\ndue never\n"},
    {"a message that never goes is passed by age",
     "rules ttl max_age=10\npub a | Nats-TTL: never\npub b\ntime 10\n= 1:a\npub c\ntime 9\n= 1:a 3:c\n"
     "due 1\ntime 1\n= 1:a\ndue never\n"},
    {"times to live are refused where they are off, and when they are none",
     "rules\npub a | Nats-TTL: 5\n-> 10166 per-message TTL is disabled\n"
     "pub a | Nats-TTL: 0.5s\n-> 10165 invalid per-message TTL\n"
     "rules ttl\npub a | Nats-TTL: 0\n-> 10165 invalid per-message TTL\n"
     "pub a | Nats-TTL: soon\n-> 10165 invalid per-message TTL\npub a | Nats-TTL: 1s\n-> 1\n"},
    {"a deleted message's time does not come",
     "rules ttl\npub a | Nats-TTL: 5\npub a | Nats-TTL: 6\ndel 1\ndue 6\npurge all 0 0\ndue never\n"},
    {"the last message of a subject leaves a marker when it is too old",
     "rules ttl rollup marker=3600 max_age=10\npub a\npub b\npub a\ntime 10\n= 4:b 5:a\n"},
    {"markers go without markers",
     "rules ttl rollup marker=60 max_age=10\npub a\ntime 10\n= 2:a\ntime 10\n= \n"},
    {"markers live as long as their own time without max_age",
     "rules ttl rollup marker=60\npub a | Nats-TTL: 100\ntime 100\n= 2:a\ndue 60\ntime 59\n= 2:a\ntime 1\n= \n"},
    {"a client's marker leaves none",
     "rules ttl rollup marker=60 max_age=10\npub a | KV-Operation: PURGE\npub b | KV-Operation: DEL\ntime 10\n"
     "= 3:b\n"},
    {"a message that is not the last of its subject leaves no marker",
     "rules ttl rollup marker=60 max_age=10\npub a\npub a | Nats-TTL: never\ntime 10\n= 2:a\n"},
    {"a time to live is at least that of markers",
     "rules ttl rollup marker=60\npub a | Nats-TTL: 5\ndue 60\nrules ttl rollup marker=60 per_subject=1\n"
     "pub b | Nats-TTL: 5\ndue 5\n"},
    {"times to live begin to count when they are allowed",
     "rules source=1\norigin 1 1 a | Nats-TTL: 5\n-> 1\ndue never\ntime 9\n= 1:a\nrules ttl source=1\n= \n"},
};

static const struct scenario removals[] = {
    {"a delete names what goes",
     "rules\npub a\npub b\npub c\ndel 2\n-> changed 1\n= 1:a 3:c\ndel 2\n-> 10043 sequence 2 not found\n"
     "erase 1 2 3\n-> changed 2\n= \npub d\n-> 4\n"},
    {"deletes may be forbidden",
     "rules deny_delete\npub a\ndel 1\n-> 10057 message delete not permitted\n= 1:a\n"},
    {"a purge of all keeps the last sequence",
     "rules\npub a\npub b\npurge all 0 0\n-> changed 2\n= \npub c\n-> 3\n"},
    {"a purge up to a sequence leaves that one",
     "rules\npub a\npub b\npub c\npurge all 3 0\n-> changed 2\n= 3:c\npurge all 1 0\n-> changed 0\n= 3:c\n"},
    {"a purge beyond the end moves the last sequence",
     "rules\npub a\npurge all 10 0\n-> changed 1\npub b\n-> 10\n"},
    {"a purge that keeps some",
     "rules\npub a\npub b\npub c\npub d\npurge all 0 2\n-> changed 2\n= 3:c 4:d\npurge > 0 5\n-> changed 0\n"},
    {"a purge of a subject",
     "rules\npub a\npub b\npub a\npurge a 0 0\n-> changed 2\n= 2:b\npurge z 0 0\n-> changed 0\n"},
    {"a purge of subjects with wildcards",
     "rules\npub x.1\npub y.1\npub x.2\npub x.1\npurge x.* 0 0\n-> changed 3\n= 2:y.1\n"},
    {"a purge of a subject up to a sequence",
     "rules\npub a\npub b\npub a\npub a\npurge a 4 0\n-> changed 2\n= 2:b 4:a\n"},
    {"a purge of subjects that keeps some",
     "rules\npub x.1\npub x.2\npub y\npub x.3\npub x.1\npurge x.> 0 2\n-> changed 2\n= 3:y 4:x.3 5:x.1\n"
     "purge y 0 1\n-> changed 0\npurge x.1 0 0\n-> changed 1\n"},
    {"purges may be forbidden",
     "rules deny_purge\npub a\npurge all 0 0\n-> 10110 stream purge not permitted\n"},
    {"sequences are skipped",
     "rules\npub a\nskip 2 5\n-> changed 0\npub b\n-> 6\nskip 3 4\n-> old\n= 1:a 6:b\n"},
};

static const struct scenario batches[] = {
    {"a batch is stored when its last part comes",
     "rules\npart f a\n-> held\npart - b\n-> held\n= \npart l c\n-> 3\n= 1:a 2:b 3:c\n"},
    {"a batch of one", "rules\npart fl a\n-> 1\n= 1:a\n"},
    {"what is followed by anything else never happened",
     "rules\npart f a\npart - b\npub x\n-> 1\npart l c\n-> 10176 atomic publish batch is incomplete\n= 1:x\n"},
    {"another first part begins another batch",
     "rules\npart f a\npart f b\npart l c\n-> 2\n= 1:b 2:c\n"},
    {"another first part begins another batch when messages have just become too old, too",
     "rules max_age=10\npub x\npart f a\nlater 10\npart fl b\n-> 2\n= 2:b\n"},
    {"one refusal refuses all",
     "rules\npub z\npart f a\npart - b | Nats-Expected-Stream: T\npart l c\n"
     "-> 10060 expected stream does not match\n= 1:z\n"},
    {"an id that is known refuses the batch",
     "rules window=10\npub a | Nats-Msg-Id: x\npart f a | Nats-Msg-Id: y\npart l a | Nats-Msg-Id: x\n"
     "-> 10201 atomic publish batch contains duplicate message id\n"
     "part f a | Nats-Msg-Id: y\npart l a | Nats-Msg-Id: y\n"
     "-> 10201 atomic publish batch contains duplicate message id\n= 1:a\n"},
    {"the ids of a batch are known after it",
     "rules window=10\npart f a | Nats-Msg-Id: y\npart l b | Nats-Msg-Id: z\n-> 2\n"
     "pub a | Nats-Msg-Id: y\n-> dup 1\npub a | Nats-Msg-Id: z\n-> dup 2\n"},
    {"only the first part may expect a last sequence",
     "rules\npart f a | Nats-Expected-Last-Sequence: 0\npart l b\n-> 2\n"
     "part f a\npart l b | Nats-Expected-Last-Sequence: 3\n-> 10164 wrong last sequence\n"
     "part f a\npart l b | Nats-Expected-Last-Sequence: 2\n-> 10071 wrong last sequence: 3\n"},
    {"a subject that was written in the batch can not be expected",
     "rules\npub b\npart f a | Nats-Expected-Last-Subject-Sequence: 0\n"
     "part l b | Nats-Expected-Last-Subject-Sequence: 1\n-> 3\n"
     "part f a\npart l a | Nats-Expected-Last-Subject-Sequence: 2\n-> 10164 wrong last sequence\n"},
    {"roll-ups come first in a batch",
     "rules rollup\npub a\npub b\npart f a | Nats-Rollup: sub\npart l a\n-> 4\n= 2:b 3:a 4:a\n"
     "part f a\npart l a | Nats-Rollup: sub\n-> 10111 batch rollup sub invalid\n"
     "part f a\npart l b | Nats-Rollup: all\n-> 10111 batch rollup all invalid\n"
     "part f c | Nats-Rollup: all\npart l d\n-> 6\n= 5:c 6:d\n"},
    {"a batch may not expect a last id",
     "rules\npart fl a | Nats-Expected-Last-Msg-Id: x\n"
     "-> 10177 atomic publish unsupported header used: Nats-Expected-Last-Msg-Id\n"},
    {"limits that discard old ones let a batch pass",
     "rules max_msgs=2\npub x\npart f a\npart - b\npart l c\n-> 4\n= 3:b 4:c\n"},
    {"limits that discard new ones refuse the whole batch",
     "rules max_msgs=2 discard_new=1\npub x\npart f a\npart l b\n-> 10077 maximum messages exceeded\n"
     "rules max_bytes=40 discard_new=1\npart f a\npart l b\n-> 10077 maximum bytes exceeded\n"
     "rules per_subject=1 discard_new=1 new_per_subject\npart f a\npart l a\n"
     "-> 10077 maximum messages per subject exceeded\n= 1:x\n"},
};

static const struct scenario origins[] = {
    {"a mirror keeps the sequences of its origin",
     "rules mirror\norigin 0 5 a\n-> 5\norigin 0 7 b\n-> 7\norigin 0 6 c\n-> old\n= 5:a 7:b\n"},
    {"a mirror leaves ids and conditions to its origin",
     "rules mirror window=10\norigin 0 1 a | Nats-Msg-Id: x|Nats-Expected-Last-Sequence: 9\n-> 1\n"
     "origin 0 2 a | Nats-Msg-Id: x|Nats-Stream-Source: T 1\n-> 2\n"},
    {"a source's messages come once",
     "rules source=1 source=3\norigin 1 5 a\n-> 1\norigin 1 5 a\n-> old\norigin 3 5 b\n-> 2\n"
     "origin 1 6 c\n-> 3\n"},
    {"a source's position moves without messages",
     "rules source=1\nsource 1 9\n-> changed 0\norigin 1 9 a\n-> old\nsource 1 4\n-> old\n"
     "source 1 4 reset\n-> changed 0\norigin 1 5 a\n-> 1\nsource 2 1\n-> old\n"},
    {"what is no longer a source is forgotten",
     "rules source=1\norigin 1 9 a\nrules source=2\nrules source=1\norigin 1 1 a\n-> 2\n"},
};
/* clang-format on */

static void limits_hold(void **state)
{
    RUN(limits);
}

static void conditions_are_judged_when_the_message_is_applied(void **state)
{
    RUN(conditions);
}

static void rollups_replace(void **state)
{
    RUN(rollups);
}

static void messages_go_by_log_time(void **state)
{
    RUN(ages);
}

static void deletes_and_purges_take_away(void **state)
{
    RUN(removals);
}

static void batches_are_all_or_nothing(void **state)
{
    RUN(batches);
}

static void mirrors_and_sources_come_once(void **state)
{
    RUN(origins);
}

/* --- what scripts do not tell ----------------------------------------------------------------- */

static void markers_say_why_and_how_long(void **state)
{
    struct bench b;
    bench_init(&b);
    script_run(&b, "rules ttl rollup marker=5400 max_age=10\npub a\ntime 10\n");
    struct stored s;
    assert_int_equal(msglog_memory_read(b.log->memory, 2, &s), 0);
    assert_true(bytes_are(s.message.headers, "NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\n"
                                             "Nats-TTL: 1h30m0s\r\nNats-Rollup: sub\r\n\r\n"));
    assert_int_equal(s.message.payload.size, 0);
    assert_int_equal(s.time_ns, b.now_ns);
    assert_true(s.body_hash == entry_body_hash(BENCH_GID, b.index, b.term, s.body));
    bench_done(&b);
}

static void a_raised_time_to_live_stands_in_the_header(void **state)
{
    struct bench b;
    bench_init(&b);
    script_run(&b, "rules ttl rollup marker=60\npub a | Nats-TTL: 5|X: y\n");
    struct stored s;
    assert_int_equal(msglog_memory_read(b.log->memory, 1, &s), 0);
    assert_true(bytes_are(s.message.headers, "NATS/1.0\r\nX: y\r\nNats-TTL: 60\r\n\r\n"));
    bench_done(&b);
}

static void facts_are_told_with_their_reasons(void **state)
{
    struct bench b;
    bench_init(&b);
    script_run(&b, "rules max_msgs=2 rollup\npub a\npub a\npub a\n");
    assert_int_equal(b.removed[GROUP_BY_LIMIT], 1);
    assert_int_equal(b.appended, 1);
    script_run(&b, "erase 2\n");
    assert_int_equal(b.removed[GROUP_BY_ERASE], 1);
    script_run(&b, "pub a\npub a | Nats-Rollup: sub\n");
    assert_int_equal(b.removed[GROUP_BY_LIMIT] + b.removed[GROUP_BY_ROLLUP], 2);
    script_run(&b, "purge a 0 0\n");
    assert_int_equal(b.removed[GROUP_BY_PURGE], 1);
    assert_int_equal(b.purged, 1);
    script_run(&b, "pub a\npurge all 0 0\n");
    assert_int_equal(b.removed_below, 1);
    script_run(&b, "pub a\n");
    uint64_t seq = group_log(b.group) != NULL ? b.applied.seq : 0;
    assert_int_equal(group_can_remove(b.group, seq), 0);
    group_remove_acked(b.group, seq);
    assert_int_equal(group_can_remove(b.group, seq), -ENOENT);
    assert_int_equal(b.removed[GROUP_BY_ACK], 1);
    script_run(&b, "= \ntime 1\n");
    bench_done(&b);
}

static void much_goes_in_slices_and_the_entry_waits(void **state)
{
    enum { MANY = 3 * GROUP_SLICE + 5 };
    struct bench b;
    bench_init(&b);
    script_run(&b, "rules max_age=10\n");
    bench_message(&b, "a", NULL, 1);
    for (int i = 0; i < MANY; i++) {
        struct entry e = {.gid = BENCH_GID,
                          .index = ++b.index,
                          .term = 1,
                          .kind = ENTRY_MSG,
                          .time_ns = b.now_ns,
                          .body = buffer_view(&b.body)};
        assert_int_equal(bench_apply_entry(&b, &e), 0);
    }
    script_run(&b, "later 10\npub b\n= 30006:b\n");
    assert_int_equal(b.slices, 3);
    assert_int_equal(b.removed[GROUP_BY_AGE], MANY);
    bench_done(&b);
}

static void a_large_roll_up_goes_in_slices_before_its_message(void **state)
{
    enum { MANY = 2 * GROUP_SLICE + 5 };
    struct bench b;
    bench_init(&b);
    script_run(&b, "rules rollup\npub b\n");
    bench_message(&b, "a", NULL, 1);
    for (int i = 0; i < MANY; i++) {
        struct entry e = {.gid = BENCH_GID,
                          .index = ++b.index,
                          .term = 1,
                          .kind = ENTRY_MSG,
                          .time_ns = b.now_ns,
                          .body = buffer_view(&b.body)};
        assert_int_equal(bench_apply_entry(&b, &e), 0);
    }
    script_run(&b, "pub a | Nats-Rollup: sub|Nats-Expected-Last-Subject-Sequence: 20006\n"
                   "-> 20007\n= 1:b 20007:a\n");
    assert_true(b.slices >= 2);
    script_run(&b, "pub c\nrules rollup max_bytes=19\n= 20008:c\n");
    bench_done(&b);
}

static void a_batch_has_at_most_a_thousand_parts(void **state)
{
    struct bench b;
    bench_init(&b);
    script_run(&b, "rules\n");
    for (unsigned parts = GROUP_BATCH_MAX; parts <= GROUP_BATCH_MAX + 1; parts++) {
        for (unsigned i = 0; i < parts - 1; i++)
            bench_part(&b, i == 0 ? BATCH_FIRST : 0, "a", NULL);
        assert_true(implies(parts == GROUP_BATCH_MAX, group_is_busy(b.group)));
        bench_part(&b, BATCH_LAST, "a", NULL);
        assert_int_equal(b.applied.outcome,
                         parts == GROUP_BATCH_MAX ? APPLIED_STORED : APPLIED_REFUSED);
        assert_false(group_is_busy(b.group));
    }
    struct msglog_state s;
    msglog_state(b.log, &s);
    assert_int_equal(s.msgs, GROUP_BATCH_MAX);
    bench_done(&b);
}

static void unreadable_entries_change_nothing(void **state)
{
    static const enum entry_kind kinds[] = {ENTRY_CONFIG, ENTRY_MSG,  ENTRY_BATCH,  ENTRY_DELETE,
                                            ENTRY_PURGE,  ENTRY_SKIP, ENTRY_SOURCE, ENTRY_RULES,
                                            ENTRY_VOTE,   ENTRY_COPY};
    struct bench b;
    bench_init(&b);
    script_run(&b, "rules\npub a\n");
    uint64_t hash = group_state_hash(b.group);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct entry e = {.gid = BENCH_GID,
                          .index = b.index + 1,
                          .term = 1,
                          .kind = kinds[i],
                          .flags = BATCH_FIRST,
                          .time_ns = b.now_ns,
                          .body = BYTES("junk")};
        int r = bench_apply_entry(&b, &e);
        assert_true(r == -EBADMSG || r == -ENOTSUP);
        assert_true(group_state_hash(b.group) == hash);
    }
    bench_done(&b);
}

static void unknown_rules_of_apply_stop_the_group(void **state)
{
    struct bench b;
    bench_init(&b);
    stream_rules_version_write(&b.body, 2);
    struct entry e = {.gid = BENCH_GID,
                      .index = 1,
                      .term = 1,
                      .kind = ENTRY_RULES,
                      .time_ns = b.now_ns,
                      .body = buffer_view(&b.body)};
    assert_int_equal(bench_apply_entry(&b, &e), -ENOTSUP);
    b.body.size = 0;
    stream_rules_version_write(&b.body, 1);
    bench_apply(&b, ENTRY_RULES);
    bench_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(conditions_are_judged_when_the_message_is_applied),
        cmocka_unit_test(rollups_replace),
        cmocka_unit_test(messages_go_by_log_time),
        cmocka_unit_test(deletes_and_purges_take_away),
        cmocka_unit_test(batches_are_all_or_nothing),
        cmocka_unit_test(mirrors_and_sources_come_once),
        cmocka_unit_test(markers_say_why_and_how_long),
        cmocka_unit_test(a_raised_time_to_live_stands_in_the_header),
        cmocka_unit_test(facts_are_told_with_their_reasons),
        cmocka_unit_test(much_goes_in_slices_and_the_entry_waits),
        cmocka_unit_test(a_large_roll_up_goes_in_slices_before_its_message),
        cmocka_unit_test(a_batch_has_at_most_a_thousand_parts),
        cmocka_unit_test(unreadable_entries_change_nothing),
        cmocka_unit_test(unknown_rules_of_apply_stop_the_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
