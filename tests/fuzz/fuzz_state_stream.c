/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_state_stream -- the bytes as a piece, as messages and as the bodies of BEGIN and END: what is read is written
 * again as it was. And as a stream whose hashes are made right, into a store: it is refused, or a group is
 * there which is what the stream said, and nothing else is left.
 *
 *     the stream: kind u8, size u16, body;  a body of MESSAGES: (step of seq u8, size u8, payload)* */
#include <stddef.h>
#include <stdint.h>

#include "store/format/little.h"
#include "store/format/state_piece.h"
#include "store/group/stream_group.h"
#include "store/msglog_file.h"
#include "store/state_read.h"
#include "store/store_state.h"
#include "tests/unit/store/store_run.h"

#define STREAM 77u
#define PIECES_MAX 64u

/* --- read, and written again -------------------------------------------------------------------------------- */

static void check_piece(struct bytes in)
{
    struct state_piece p;
    if (state_piece_read(in, &p) != 0)
        return;
    struct buffer b = {0};
    CHECK(state_piece_write(&b, &p) == p.hash);
    CHECK(bytes_equal(buffer_view(&b), in));
    buffer_done(&b);
}

static void check_bodies(struct bytes in)
{
    struct state_begin begin;
    struct state_end end;
    struct buffer b = {0};
    if (state_begin_read(in, &begin) == 0) {
        state_begin_write(&b, &begin);
        CHECK(bytes_equal(buffer_view(&b), in));
    }
    b.size = 0;
    if (state_end_read(in, &end) == 0) {
        state_end_write(&b, &end);
        CHECK(bytes_equal(buffer_view(&b), in));
    }
    buffer_done(&b);
}

static void check_messages(struct bytes in)
{
    struct state_message before = {0};
    struct state_message m;
    struct buffer b = {0};
    size_t size;
    while (state_message_read(in, &before, &m, &size) == 0) {
        CHECK(m.seq > before.seq && size <= in.size);
        b.size = 0;
        state_message_write(&b, &before, &m);
        CHECK(bytes_equal(buffer_view(&b), (struct bytes){in.at, size}));
        in.at += size;
        in.size -= size;
        before = m;
    }
    buffer_done(&b);
}

/* --- a stream with right hashes ------------------------------------------------------------------------------- */

struct maker {
    struct state_begin begin;
    struct state_message before;
    uint64_t all;
    uint32_t number;
    uint64_t msgs;
    struct buffer body;
    struct buffer piece;
};

static void add_messages(struct maker *k, struct bytes in)
{
    char body[400];
    while (in.size >= 2) {
        size_t size = (uint8_t)in.at[1];
        if (size > in.size - 2)
            size = in.size - 2;
        struct state_message m = k->before;
        m.seq += 1 + (uint64_t)(uint8_t)in.at[0];
        m.index++;
        const struct message message = {.subject = BYTES("s"), .payload = {in.at + 2, size}};
        m.body = (struct bytes){body, message_body_size(&message)};
        message_body_write(&message, body);
        m.body_hash = entry_body_hash(k->begin.gid, m.index, m.term, m.body);
        state_message_write(&k->body, &k->before, &m);
        k->before = m;
        k->msgs++;
        in.at += 2 + size;
        in.size -= 2 + size;
    }
}

static void add_section(struct maker *k, struct bytes in)
{
    buffer_add(&k->body, in.at, in.size);
    if (in.size < 8)
        return;
    uint64_t seed = checksum_seed(k->begin.gid, 0x67726f7570, 0);
    put_u64(k->body.at + in.size - 8, checksum(seed, in.at, in.size - 8));
}

static void make_piece(struct maker *k, uint8_t kind, struct bytes in)
{
    k->body.size = k->piece.size = 0;
    struct state_begin begin;
    if (kind == STATE_PIECE_BEGIN && state_begin_read(in, &begin) == 0)
        k->begin = begin;
    if (kind == STATE_PIECE_MESSAGES)
        add_messages(k, in);
    else if (kind == STATE_PIECE_GROUP)
        add_section(k, in);
    else if (kind == STATE_PIECE_END)
        state_end_write(&k->body, &(struct state_end){k->msgs, k->all});
    else
        buffer_add(&k->body, in.at, in.size);
    struct state_piece p = {
        .kind = kind, .number = k->number, .stream = STREAM, .body = buffer_view(&k->body)};
    p.hash = state_piece_write(&k->piece, &p);
    k->all = state_piece_fold(k->all, k->number++, p.hash);
}

static int give(struct store_run *run, struct state_reader *r, struct bytes piece)
{
    int status;
    while ((status = state_reader_piece(r, piece)) == -EAGAIN)
        CHECK(store_run_step(run));
    return status;
}

static void check_group(struct store_run *run, struct store_group *g, const struct maker *k)
{
    struct group_counters c;
    struct msglog_state state;
    group_counters(g->group, &c);
    msglog_state(g->log, &state);
    CHECK(c.applied == k->begin.applied && c.time_ns == k->begin.log_time_ns);
    CHECK(state.msgs == k->msgs && state.last_seq == k->begin.last_seq);
    msglog_check(g->log);
    CHECK(store_run_delete(run, g) == 0);
}

static void check_stream(struct store_run *run, struct bytes in)
{
    struct maker k = {.number = 0};
    struct store_group *g = NULL;
    struct state_reader *r = state_reader_new(&(struct state_reader_options){
        .store = run->store, .account = BYTES("A"), .name = BYTES("T"), .fill_bytes_max = 300});
    int status = 0;
    while (status == 0 && in.size >= 3 && k.number < PIECES_MAX) {
        uint8_t kind = 1 + (uint8_t)in.at[0] % 5;
        size_t size = get_u16(in.at + 1);
        if (size > in.size - 3)
            size = in.size - 3;
        make_piece(&k, kind, (struct bytes){in.at + 3, size});
        status = give(run, r, buffer_view(&k.piece));
        in.at += 3 + size;
        in.size -= 3 + size;
    }
    if (status == 0)
        while ((status = state_reader_end(r, &g)) == -EAGAIN)
            CHECK(store_run_step(run));
    state_reader_free(&r);
    if (status == 0)
        check_group(run, g, &k);
    store_run_settle(run);
    CHECK(run->store->groups.count == 0);
    buffer_done(&k.body);
    buffer_done(&k.piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct store_run run;
    if (run.store == NULL) {
        store_run_init(&run, 1);
        CHECK(store_run_open(&run) == 0);
    }
    struct bytes in = {(const char *)data, size};
    check_piece(in);
    check_bodies(in);
    check_messages(in);
    check_stream(&run, in);
    return 0;
}
