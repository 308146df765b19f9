/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_client_stream.c -- whole sessions of a simulated server: anything from some connections, while
 * one behaves.
 *
 * Idea        An input is options, each a byte, and a script. A script is the bytes that connections
 *             send; an escape and a letter is an act between them:
 *
 *               `0 to `3      the connection that the next bytes are for       ``   the byte itself
 *               `c `x `r      connects again; closes; is reset
 *               `h `u         does not read; does again
 *               `L            logs in as any server of these inputs wants it
 *               `pN `qN       a PUB, an HPUB with the Nth size; `kN the last one 2^N times more
 *               `bN           2^N SUBs to one subject
 *               `sN `tN `f    up to 2^N steps; 10^N microseconds; until nothing happens
 *               `w            the good client publishes
 *
 *             The bytes between acts are cut into pieces, with steps of the simulation between them.
 * Checked     every connection gets well-formed lines only; the good client its own messages once and
 *             in order, unless a limit that was set concerns it, and its PONGs in time; the server ends
 *             when told, and all memory is home (system_free, and the leak sanitizer).
 * Bounds      what a script sends, steps and repeats is bounded: what is left of it is not run.
 */
#include <signal.h>
#include <sodium.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "runtime/base/prng.h"
#include "runtime/sim/sim.h"
#include "server/server.h"
#include "tests/fuzz/client_stream.h"

#define CONNECTIONS 4u
#define INPUT_MAX 8192u
#define SENT_MAX ((size_t)192 << 10) /* bytes of a script, repeats and all */
#define SUBS_MAX 2100u               /* of `b: more than one list of operations for the account */
#define STEPS_MAX 50000u             /* of a script */
#define REST_STEPS_MAX 200000u       /* to come to rest; and one for so many bytes: */
#define BYTES_A_STEP 16u
#define MS ((uint64_t)1000000)
#define SECOND (1000 * MS)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes in front of a script. Digits read best: '0' is what a server has by default. */
enum stream_option {
    OPTION_AUTH,    /* none, token, user */
    OPTION_WORKERS, /* 1 to 3 */
    OPTION_PAYLOAD,
    OPTION_LINE,
    OPTION_PENDING,
    OPTION_FLAGS, /* 1: no stalls, 2: no headers, 4: few subscriptions, 8: few tokens */
    OPTION_OTHER, /* 1: three connections at most, 2: pings, 4: short write deadline, 8: nobody subscribes to > */
    OPTION_ROUGH, /* 0: a calm network and schedule; else which rough ones */
    OPTION_PIECE, /* 0: bytes between acts are sent at once; else in pieces up to this size */
    OPTION_END,   /* 1: all close first, 2: by a signal, 4: lame duck first, 8: held ones stay so */
};

struct stream;

struct peer {
    struct stream *stream;
    struct sim_client *client;
    struct lines lines;
    bool wanted;
};

struct stream {
    struct sim *sim;
    struct world *world;
    struct server *server;
    struct options options;
    struct net_address address;
    struct prng prng; /* of pieces */
    struct good good;
    struct peer peers[CONNECTIONS];
    struct peer *peer; /* the bytes' */
    const uint8_t *option;
    size_t sent;
    uint32_t steps;
    uint32_t subs;
    uint32_t last_size; /* of `p and `q */
    bool last_header;
};

static unsigned option_of(const struct stream *s, enum stream_option which, unsigned below)
{
    return (uint8_t)(s->option[which] - '0') % below;
}

static bool flag_of(const struct stream *s, enum stream_option which, unsigned flag)
{
    return ((uint8_t)(s->option[which] - '0') & flag) != 0;
}

/* --- connections -------------------------------------------------------------------------------- */

static void on_line(void *context, enum line_kind kind, const struct frame *frame)
{
    (void)context;
    (void)kind;
    (void)frame;
}

static void on_connected(void *context, int status)
{
    struct peer *p = context;
    p->wanted = status == 0;
}

static void on_bytes(void *context, struct bytes bytes)
{
    struct peer *p = context;
    lines_add(&p->lines, bytes);
}

static void on_closed(void *context, int status)
{
    struct peer *p = context;
    (void)status;
    p->wanted = false;
}

static void on_timer(void *context)
{
    (void)context;
}

static const struct sim_client_events peer_events = {on_connected, on_bytes, on_closed, on_timer};

static void peer_connect(struct peer *p)
{
    if (p->wanted)
        return;
    p->wanted = true;
    lines_forget(&p->lines);
    sim_client_connect(p->client, &p->stream->address);
}

static void peer_close(struct peer *p)
{
    p->wanted = false;
    sim_client_close(p->client);
}

/* --- going on ----------------------------------------------------------------------------------- */

static void step(struct stream *s, uint32_t count)
{
    uint64_t until_ns = sim_now_ns(s->sim) + MS;
    for (uint32_t i = 0; i < count && s->steps < STEPS_MAX && sim_step(s->sim, until_ns); i++)
        s->steps++;
}

static uint64_t bytes_read(const struct stream *s)
{
    uint64_t bytes = s->good.lines.read;
    for (unsigned i = 0; i < CONNECTIONS; i++)
        bytes += s->peers[i].lines.read;
    return bytes;
}

/* Until done, or until nothing is left to happen; what is left may take a while, but has an end. */
static void come_to_rest(struct stream *s, uint64_t until_ns, sim_done_fn *done, void *context)
{
    uint64_t first = sim_steps(s->sim);
    while (!(done != NULL && done(context)) && sim_step(s->sim, until_ns))
        CHECK(sim_steps(s->sim) - first <
              REST_STEPS_MAX + (s->sent + bytes_read(s)) / BYTES_A_STEP);
}

static void let_time_pass(struct stream *s, uint64_t ns)
{
    come_to_rest(s, sim_now_ns(s->sim) + ns, NULL, NULL);
}

/* --- sending ------------------------------------------------------------------------------------ */

/* What the good client's subscriptions can make of all that is sent: three frames of each, no larger
 * than twice what made them. */
static void judge_limits(struct stream *s)
{
    uint64_t pending = 6 * (uint64_t)s->sent + 3 * 128 * (uint64_t)s->good.sent + 8192;
    uint64_t max = (uint64_t)s->options.limits.pending_bytes_max;
    s->good.may_be_cut = s->good.may_be_cut || pending > max;
    s->good.lossy = s->good.lossy || (!s->options.stall_fast_producer && pending > max / 4 * 3);
}

static bool may_send(const struct stream *s, size_t size)
{
    return s->sent + size <= SENT_MAX;
}

static void send_whole(struct stream *s, struct bytes bytes)
{
    if (!may_send(s, bytes.size))
        return;
    peer_connect(s->peer);
    s->sent += bytes.size;
    judge_limits(s);
    sim_client_send(s->peer->client, bytes);
}

static void send_pieces(struct stream *s, struct bytes bytes)
{
    unsigned most = option_of(s, OPTION_PIECE, 256);
    while (bytes.size > 0) {
        size_t piece = most == 0 ? bytes.size : 1 + prng_below(&s->prng, most);
        if (piece > bytes.size)
            piece = bytes.size;
        send_whole(s, (struct bytes){bytes.at, piece});
        bytes.at += piece;
        bytes.size -= piece;
        if (most > 0)
            step(s, (uint32_t)prng_below(&s->prng, 24));
    }
}

/* --- acts --------------------------------------------------------------------------------------- */

static void publish(struct stream *s)
{
    char line[64];
    char payload[1024];
    memset(payload, 'x', sizeof payload);
    memcpy(payload, "NATS/1.0\r\n\r\n", 12);
    uint32_t header = s->last_header ? s->last_size < 12 ? s->last_size : 12 : 0;
    int size = s->last_header
                   ? snprintf(line, sizeof line, "HPUB a %u %u\r\n", header, s->last_size)
                   : snprintf(line, sizeof line, "PUB a a.r %u\r\n", s->last_size);
    if (!may_send(s, (size_t)size + s->last_size + 2))
        return;
    send_whole(s, (struct bytes){line, (size_t)size});
    for (uint32_t left = s->last_size; left > 0;) {
        uint32_t part = left < sizeof payload ? left : (uint32_t)sizeof payload;
        send_whole(s, (struct bytes){payload, part});
        left -= part;
    }
    send_whole(s, BYTES("\r\n"));
}

static void publish_sized(struct stream *s, unsigned nth, bool header)
{
    static const uint32_t sizes[] = {0, 12, 33, 101, 450, 2040, 4095, 4097, 9000, 65600};
    s->last_size = sizes[nth % 10];
    s->last_header = header;
    publish(s);
}

static void subscribe_often(struct stream *s, uint32_t count)
{
    for (uint32_t i = 0; i < count && s->subs < SUBS_MAX; i++) {
        char line[32];
        int size = snprintf(line, sizeof line, "SUB %s b%u\r\n", i < 4 ? "a" : "z.*", s->subs++);
        send_whole(s, (struct bytes){line, (size_t)size});
    }
}

static void act_numbered(struct stream *s, char act, unsigned number)
{
    static const uint64_t ns[] = {1000,     10000,  100000,      MS,           10 * MS,
                                  100 * MS, SECOND, 10 * SECOND, 100 * SECOND, 300 * SECOND};
    switch (act) {
    case 'p': publish_sized(s, number, false); break;
    case 'q': publish_sized(s, number, true); break;
    case 'k':
        for (uint32_t i = 0; i < 1u << number; i++)
            publish(s);
        break;
    case 'b': subscribe_often(s, 1u << (number + 2)); break;
    case 's': step(s, 1u << number); break;
    case 't':
        if (s->steps++ < STEPS_MAX)
            let_time_pass(s, ns[number]);
        break;
    default: break;
    }
}

static void act(struct stream *s, char what)
{
    switch (what) {
    case '0':
    case '1':
    case '2':
    case '3': s->peer = &s->peers[what - '0']; break;
    case 'c': peer_connect(s->peer); break;
    case 'x': peer_close(s->peer); break;
    case 'r': sim_client_reset(s->peer->client); break;
    case 'h': sim_client_hold(s->peer->client, true); break;
    case 'u': sim_client_hold(s->peer->client, false); break;
    case 'L': send_pieces(s, BYTES(STREAM_LOGIN)); break;
    case 'f': let_time_pass(s, 50 * MS); break;
    case 'w':
        good_publish(&s->good);
        judge_limits(s);
        break;
    default: break;
    }
}

/* An act at `at`, behind its escape: how many bytes it takes. */
static size_t run_act(struct stream *s, const char *at, size_t size)
{
    if (size == 0)
        return 0;
    if (strchr("pqkbst", *at) == NULL || *at == '\0') {
        act(s, *at);
        return 1;
    }
    act_numbered(s, *at, size > 1 ? (uint8_t)(at[1] - '0') % 10u : 0);
    return size > 1 ? 2 : 1;
}

static void run_script(struct stream *s, const char *at, size_t size)
{
    const char *end = at + size;
    while (at < end && s->steps < STEPS_MAX) {
        bool escaped = *at == STREAM_ESCAPE && end - at > 1 && at[1] == STREAM_ESCAPE;
        if (*at == STREAM_ESCAPE && !escaped) {
            at++;
            at += run_act(s, at, (size_t)(end - at));
            continue;
        }
        at += escaped;
        const char *stop = memchr(at + 1, STREAM_ESCAPE, (size_t)(end - at) - 1);
        stop = stop != NULL ? stop : end;
        send_pieces(s, (struct bytes){at, (size_t)(stop - at)});
        at = stop;
    }
}

/* --- a server's life ---------------------------------------------------------------------------- */

static void set_options(struct stream *s)
{
    static const int64_t payloads[] = {1 << 20, 32, 100, 5000};
    static const int64_t lines[] = {4096, 128, 256, 1024};
    static const int64_t pendings[] = {64 << 20, 8192, 32768, 1 << 20};
    struct options *o = &s->options;
    options_init(o);
    o->client.port = 4222;
    o->limits.payload_bytes_max = payloads[option_of(s, OPTION_PAYLOAD, 4)];
    o->limits.control_line_bytes_max = lines[option_of(s, OPTION_LINE, 4)];
    o->limits.pending_bytes_max = pendings[option_of(s, OPTION_PENDING, 4)];
    o->limits.subscriptions_max = flag_of(s, OPTION_FLAGS, 4) ? 6 : 0;
    o->limits.subject_tokens_max = flag_of(s, OPTION_FLAGS, 8) ? 3 : 0;
    o->limits.closed_connections_max = 4;
    if (flag_of(s, OPTION_OTHER, 1))
        o->limits.connections_max = 3;
    if (flag_of(s, OPTION_OTHER, 2))
        o->timing.ping_interval_ns = (int64_t)SECOND;
    if (flag_of(s, OPTION_OTHER, 4))
        o->timing.write_deadline_ns = 100 * (int64_t)MS;
    o->timing.lame_duck_ns = (int64_t)SECOND;
    o->timing.lame_duck_grace_ns = 100 * (int64_t)MS;
    options_set_defaults(o);
    if (o->limits.payload_bytes_max > o->limits.pending_bytes_max)
        o->limits.payload_bytes_max = o->limits.pending_bytes_max;
    o->stall_fast_producer = !flag_of(s, OPTION_FLAGS, 1);
    o->headers = !flag_of(s, OPTION_FLAGS, 2);
    o->workers = 1 + (int)option_of(s, OPTION_WORKERS, 3);
    unsigned auth = option_of(s, OPTION_AUTH, 3);
    o->auth.token = auth == 1 ? STREAM_TOKEN : NULL;
    o->auth.user = auth == 2 ? STREAM_USER : NULL;
    o->auth.password = auth == 2 ? STREAM_PASSWORD : NULL;
}

static bool is_answered(void *context)
{
    const struct stream *s = context;
    return good_answered(&s->good);
}

/* All that the good client has sent is done, in a time that no limit of these servers makes longer. */
static void good_converges(struct stream *s)
{
    come_to_rest(s, sim_now_ns(s->sim) + 300 * SECOND, is_answered, s);
    CHECK(good_answered(&s->good));
    good_check(&s->good);
}

static void start(struct stream *s, uint64_t key)
{
    struct sim_options sim_options;
    sim_options_init(&sim_options);
    unsigned rough = option_of(s, OPTION_ROUGH, 256);
    prng_init(&s->prng, hash_bytes(1, s->option, STREAM_OPTIONS));
    if (rough > 0) {
        struct prng roughness;
        prng_init(&roughness, rough);
        sim_options_draw(&sim_options, &roughness);
        sim_options.net.bytes_per_s = 0; /* no link is too slow for a write deadline */
    }
    s->sim = sim_new(rough, &sim_options);
    unsigned host = sim_host(s->sim);
    s->world = sim_world_new(s->sim, host);
    set_options(s);
    struct text problem;
    text_init(&problem);
    const struct server_wiring wiring = {.signals = true};
    s->server = server_new(s->world, &s->options, &wiring, &problem);
    CHECK(problem.size == 0);
    text_done(&problem);
    sim_host_address(host, server_client_port(s->server), &s->address);
    unsigned clients = sim_host(s->sim);
    good_init(&s->good, s->sim, clients, key, !flag_of(s, OPTION_OTHER, 8));
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct peer *p = &s->peers[i];
        p->stream = s;
        p->client = sim_client_new(s->sim, clients, &peer_events, p);
        lines_init(&p->lines, on_line, p);
    }
    s->peer = &s->peers[0];
    good_connect(&s->good, &s->address);
    good_converges(s);
}

static void shut_down(void *context)
{
    server_shutdown(context);
}

static bool is_stopped(void *context)
{
    const struct stream *s = context;
    return sim_world_stopped(s->world);
}

static void stop(struct stream *s)
{
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        if (!flag_of(s, OPTION_END, 8))
            sim_client_hold(s->peers[i].client, false);
        if (flag_of(s, OPTION_END, 1))
            peer_close(&s->peers[i]);
    }
    s->good.may_be_cut = true;
    if (flag_of(s, OPTION_END, 4)) {
        sim_signal(s->world, SIGUSR2);
        step(s, 200);
    }
    if (flag_of(s, OPTION_END, 2))
        sim_signal(s->world, SIGINT);
    else
        sim_call(s->world, 0, shut_down, s->server);
    come_to_rest(s, sim_now_ns(s->sim) + 60 * SECOND, is_stopped, s);
    CHECK(sim_world_stopped(s->world));
    sim_world_end(s->world);
    server_free(&s->server);
    sim_world_free(&s->world);
    options_done(&s->options);
}

static void done(struct stream *s)
{
    come_to_rest(s, UINT64_MAX, NULL, NULL);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        sim_client_free(&s->peers[i].client);
        lines_done(&s->peers[i].lines);
    }
    good_done(&s->good);
    sim_free(&s->sim);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    CHECK(sodium_init() >= 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < STREAM_OPTIONS || size > INPUT_MAX)
        return 0;
    struct stream s = {.option = data};
    start(&s, hash_bytes(2, data, size));
    run_script(&s, (const char *)data + STREAM_OPTIONS, size - STREAM_OPTIONS);
    good_publish(&s.good);
    judge_limits(&s);
    good_ping(&s.good);
    good_converges(&s);
    stop(&s);
    done(&s);
    return 0;
}
