/* SPDX-License-Identifier: Apache-2.0 */
/* client.c -- what nats.c sees of a server.
 *
 * Idea        A check is a function that says what went wrong, or NULL. It makes its connections
 *             through `struct scene`, which closes whatever is left when the check is over, so that
 *             a check may return at the first surprise. run.py says how results are told.
 * Bounds      SCENE_MAX connections and subscriptions a check; every wait ends after WAIT_MS.
 */
#include <nats/nats.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WAIT_MS = 5000, SCENE_MAX = 8, MIB = 1024 * 1024, QUEUE_COUNT = 600, ORDER_COUNT = 10000 };

enum url { URL_OPEN, URL_TOKEN, URL_USERS, URL_LAME, URL_COUNT };

struct scene {
    const char *const *urls;
    natsOptions *options; /* of the next connection */
    natsConnection *connections[SCENE_MAX];
    natsSubscription *subscriptions[SCENE_MAX];
    int connection_count;
    int subscription_count;
    char why[256];
};

/* A count that one thread raises and another waits for. */
struct event {
    pthread_mutex_t lock;
    pthread_cond_t raised;
    int count;
};

#define EVENT_INITIALIZER                                      \
    {                                                          \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 \
    }

/* Leaves the check, with the line, when the condition does not hold. */
#define EXPECT(condition)                                                         \
    do {                                                                          \
        if (!(condition)) {                                                       \
            snprintf(s->why, sizeof s->why, "line %d: %s", __LINE__, #condition); \
            return s->why;                                                        \
        }                                                                         \
    } while (0)

#define EXPECT_OK(call)                                                         \
    do {                                                                        \
        natsStatus status_ = (call);                                            \
        if (status_ != NATS_OK) {                                               \
            snprintf(s->why, sizeof s->why, "line %d: %s: %s", __LINE__, #call, \
                     natsStatus_GetText(status_));                              \
            return s->why;                                                      \
        }                                                                       \
    } while (0)

static void event_raise(struct event *e)
{
    pthread_mutex_lock(&e->lock);
    e->count++;
    pthread_cond_broadcast(&e->raised);
    pthread_mutex_unlock(&e->lock);
}

/* Whether the count got there in time. */
static bool event_reaches(struct event *e, int count)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&e->lock);
    int late = 0;
    while (e->count < count && late == 0)
        late = pthread_cond_timedwait(&e->raised, &e->lock, &limit);
    bool reached = e->count >= count;
    pthread_mutex_unlock(&e->lock);
    return reached;
}

static void on_connection_event(natsConnection *nc, void *closure)
{
    (void)nc;
    event_raise(closure);
}

static void on_counted(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
    (void)nc;
    (void)sub;
    natsMsg_Destroy(msg);
    event_raise(closure);
}

/* The options of the scene's next connection, with what all connections here share. */
static natsOptions *options_of(struct scene *s)
{
    if (s->options == NULL) {
        if (natsOptions_Create(&s->options) != NATS_OK ||
            natsOptions_SetAllowReconnect(s->options, false) != NATS_OK ||
            natsOptions_SetTimeout(s->options, WAIT_MS) != NATS_OK) {
            fprintf(stderr, "cannot make options\n");
            exit(1);
        }
    }
    return s->options;
}

static natsStatus scene_connect(struct scene *s, enum url url, natsConnection **ret_nc)
{
    if (s->connection_count == SCENE_MAX)
        return NATS_NO_MEMORY;
    natsStatus status = natsOptions_SetURL(options_of(s), s->urls[url]);
    if (status == NATS_OK)
        status = natsConnection_Connect(ret_nc, s->options);
    natsOptions_Destroy(s->options);
    s->options = NULL;
    if (status == NATS_OK)
        s->connections[s->connection_count++] = *ret_nc;
    return status;
}

static natsStatus scene_subscribe(struct scene *s, natsConnection *nc, const char *subject,
                                  natsSubscription **ret_sub)
{
    if (s->subscription_count == SCENE_MAX)
        return NATS_NO_MEMORY;
    natsStatus status = natsConnection_SubscribeSync(ret_sub, nc, subject);
    if (status == NATS_OK)
        s->subscriptions[s->subscription_count++] = *ret_sub;
    return status;
}

/* One that calls; `queue` may be NULL. It lives until the scene ends, and so must the closure. */
static natsStatus scene_listen(struct scene *s, natsConnection *nc, const char *subject,
                               const char *queue, natsMsgHandler callback, void *closure)
{
    if (s->subscription_count == SCENE_MAX)
        return NATS_NO_MEMORY;
    natsSubscription *sub = NULL;
    natsStatus status =
        queue == NULL ? natsConnection_Subscribe(&sub, nc, subject, callback, closure)
                      : natsConnection_QueueSubscribe(&sub, nc, subject, queue, callback, closure);
    if (status == NATS_OK)
        s->subscriptions[s->subscription_count++] = sub;
    return status;
}

static void scene_done(struct scene *s)
{
    for (int i = 0; i < s->subscription_count; i++)
        natsSubscription_Destroy(s->subscriptions[i]);
    for (int i = 0; i < s->connection_count; i++)
        natsConnection_Destroy(s->connections[i]);
    natsOptions_Destroy(s->options);
}

/* Asks the runner for something, and waits until it is done; whether that was the answer. */
static bool order(const char *what, const char *answer)
{
    char line[64];
    printf("do %s\n", what);
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL)
        return false;
    line[strcspn(line, "\n")] = '\0';
    return strcmp(line, answer) == 0;
}

/* Whether the next message has this payload, and this subject unless NULL. */
static bool next_is(natsSubscription *sub, const char *subject, const void *data, int size)
{
    natsMsg *msg = NULL;
    if (natsSubscription_NextMsg(&msg, sub, WAIT_MS) != NATS_OK)
        return false;
    bool same = natsMsg_GetDataLength(msg) == size &&
                (size == 0 || memcmp(natsMsg_GetData(msg), data, (size_t)size) == 0) &&
                (subject == NULL || strcmp(natsMsg_GetSubject(msg), subject) == 0);
    natsMsg_Destroy(msg);
    return same;
}

static bool next_text_is(natsSubscription *sub, const char *text)
{
    return next_is(sub, NULL, text, (int)strlen(text));
}

static natsStatus publish_number(natsConnection *nc, const char *subject, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    return natsConnection_PublishString(nc, subject, text);
}

static bool next_number_is(natsSubscription *sub, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    return next_text_is(sub, text);
}

static natsStatus flush(natsConnection *nc)
{
    return natsConnection_FlushTimeout(nc, WAIT_MS);
}

/* What a request is answered with when nobody should answer it. */
static natsStatus request_status(natsConnection *nc, const char *subject)
{
    natsMsg *answer = NULL;
    natsStatus status = natsConnection_RequestString(&answer, nc, subject, "", WAIT_MS);
    natsMsg_Destroy(answer);
    return status;
}

static const char *check_connect(struct scene *s)
{
    natsConnection *nc;
    char url[256] = "", id[256] = "", *ip = NULL;
    uint64_t cid = 0;
    int64_t rtt = -1;
    EXPECT_OK(natsOptions_SetName(options_of(s), "c suite"));
    EXPECT_OK(scene_connect(s, URL_OPEN, &nc));
    EXPECT_OK(natsConnection_GetConnectedUrl(nc, url, sizeof url));
    EXPECT_OK(natsConnection_GetConnectedServerId(nc, id, sizeof id));
    EXPECT_OK(natsConnection_GetClientID(nc, &cid));
    EXPECT_OK(natsConnection_GetRTT(nc, &rtt));
    EXPECT_OK(natsConnection_HasHeaderSupport(nc));
    EXPECT_OK(natsConnection_GetClientIP(nc, &ip));
    bool local = strcmp(ip, "127.0.0.1") == 0;
    free(ip);
    EXPECT(local);
    EXPECT(strcmp(url, s->urls[URL_OPEN]) == 0);
    EXPECT(strlen(id) == 56 && id[0] == 'N');
    EXPECT(cid > 0 && rtt >= 0);
    char lang[64];
    snprintf(lang, sizeof lang, "C %s", nats_GetVersion());
    EXPECT(order("whois c suite", lang));
    EXPECT(natsConnection_GetMaxPayload(nc) == MIB);
    return NULL;
}

static const char *check_publish(struct scene *s)
{
    natsConnection *nc;
    natsSubscription *sub;
    natsMsg *msg = NULL;
    static const char odd[] = "\r\nMSG x 1 0\r\n\0\xff";
    EXPECT_OK(scene_connect(s, URL_OPEN, &nc));
    EXPECT_OK(scene_subscribe(s, nc, "plain.subject", &sub));
    EXPECT_OK(natsConnection_PublishString(nc, "plain.subject", "hello"));
    EXPECT_OK(natsConnection_Publish(nc, "plain.subject", NULL, 0));
    EXPECT_OK(natsConnection_Publish(nc, "plain.subject", odd, sizeof odd));
    EXPECT_OK(natsConnection_PublishRequestString(nc, "plain.subject", "back.here", "reply"));
    EXPECT(next_is(sub, "plain.subject", "hello", 5));
    EXPECT(next_is(sub, "plain.subject", NULL, 0));
    EXPECT(next_is(sub, "plain.subject", odd, sizeof odd));
    EXPECT_OK(natsSubscription_NextMsg(&msg, sub, WAIT_MS));
    bool replies = natsMsg_GetReply(msg) != NULL && strcmp(natsMsg_GetReply(msg), "back.here") == 0;
    natsMsg_Destroy(msg);
    EXPECT(replies);
    return NULL;
}

static const char *check_wildcards(struct scene *s)
{
    natsConnection *nc;
    natsSubscription *one, *rest;
    static const char *const subjects[] = {"wild.a.c", "wild.c", "wild.a.b.c", "wild", "wild.b.c"};
    uint64_t left = 1;
    EXPECT_OK(scene_connect(s, URL_OPEN, &nc));
    EXPECT_OK(scene_subscribe(s, nc, "wild.*.c", &one));
    EXPECT_OK(scene_subscribe(s, nc, "wild.>", &rest));
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
        EXPECT_OK(natsConnection_PublishString(nc, subjects[i], ""));
    EXPECT_OK(flush(nc));
    EXPECT(next_is(one, "wild.a.c", NULL, 0));
    EXPECT(next_is(one, "wild.b.c", NULL, 0));
    EXPECT_OK(natsSubscription_QueuedMsgs(one, &left));
    EXPECT(left == 0);
    for (int i = 0; i < 5; i++)
        EXPECT(i == 3 || next_is(rest, subjects[i], NULL, 0));
    EXPECT_OK(natsSubscription_QueuedMsgs(rest, &left));
    EXPECT(left == 0);
    return NULL;
}

/* How often each numbered message came to any member of a group. */
struct shares {
    struct event all;
    int times[QUEUE_COUNT]; /* under the event's lock */
};

static void on_share(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
    struct shares *shares = closure;
    char text[16] = "";
    (void)nc;
    (void)sub;
    int size = natsMsg_GetDataLength(msg);
    memcpy(text, natsMsg_GetData(msg), size < 15 ? (size_t)size : 15);
    natsMsg_Destroy(msg);
    int number = atoi(text);
    pthread_mutex_lock(&shares->all.lock);
    if (number >= 0 && number < QUEUE_COUNT)
        shares->times[number]++;
    pthread_mutex_unlock(&shares->all.lock);
    event_raise(&shares->all);
}

static const char *check_queue(struct scene *s)
{
    natsConnection *members[3], *publisher;
    natsSubscription *every;
    static struct shares shares = {.all = EVENT_INITIALIZER};
    EXPECT_OK(scene_connect(s, URL_OPEN, &publisher));
    EXPECT_OK(scene_subscribe(s, publisher, "queue.work", &every));
    for (int i = 0; i < 3; i++) {
        EXPECT_OK(scene_connect(s, URL_OPEN, &members[i]));
        EXPECT_OK(scene_listen(s, members[i], "queue.work", "workers", on_share, &shares));
        EXPECT_OK(flush(members[i]));
    }
    for (int i = 0; i < QUEUE_COUNT; i++)
        EXPECT_OK(publish_number(publisher, "queue.work", i));
    EXPECT(event_reaches(&shares.all, QUEUE_COUNT));
    for (int i = 0; i < 3; i++)
        EXPECT_OK(flush(members[i]));
    for (int i = 0; i < QUEUE_COUNT; i++)
        EXPECT(next_number_is(every, i));
    pthread_mutex_lock(&shares.all.lock);
    int once = 0;
    for (int i = 0; i < QUEUE_COUNT; i++)
        once += shares.times[i] == 1;
    int total = shares.all.count;
    pthread_mutex_unlock(&shares.all.lock);
    EXPECT(once == QUEUE_COUNT && total == QUEUE_COUNT);
    return NULL;
}

static void on_request(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
    (void)sub;
    (void)closure;
    if (natsMsg_GetReply(msg) != NULL)
        (void)natsConnection_Publish(nc, natsMsg_GetReply(msg), natsMsg_GetData(msg),
                                     natsMsg_GetDataLength(msg));
    natsMsg_Destroy(msg);
}

static const char *check_request(struct scene *s)
{
    natsConnection *server, *client, *old;
    EXPECT_OK(scene_connect(s, URL_OPEN, &server));
    EXPECT_OK(scene_connect(s, URL_OPEN, &client));
    EXPECT_OK(natsOptions_UseOldRequestStyle(options_of(s), true));
    EXPECT_OK(scene_connect(s, URL_OPEN, &old));
    EXPECT_OK(scene_listen(s, server, "service", NULL, on_request, NULL));
    EXPECT_OK(flush(server));
    for (int i = 0; i < 100; i++) {
        natsMsg *answer = NULL;
        char text[16];
        int size = snprintf(text, sizeof text, "%d", i);
        EXPECT_OK(natsConnection_RequestString(&answer, i % 2 == 0 ? client : old, "service", text,
                                               WAIT_MS));
        bool same = natsMsg_GetDataLength(answer) == size &&
                    memcmp(natsMsg_GetData(answer), text, (size_t)size) == 0;
        natsMsg_Destroy(answer);
        EXPECT(same);
    }
    return NULL;
}

static const char *check_no_responders(struct scene *s)
{
    natsConnection *nc;
    EXPECT_OK(scene_connect(s, URL_OPEN, &nc));
    EXPECT(request_status(nc, "nobody.here") == NATS_NO_RESPONDERS);
    return NULL;
}

/* Whether the message has the two values of "Many" and the rest of what check_headers() sends. */
static bool headers_are_whole(natsMsg *msg)
{
    const char **values = NULL, *single = NULL;
    int count = 0;
    bool whole = natsMsgHeader_Values(msg, "Many", &values, &count) == NATS_OK && count == 2 &&
                 strcmp(values[0], "one") == 0 && strcmp(values[1], "two") == 0 &&
                 natsMsgHeader_Get(msg, "colons", &single) == NATS_OK &&
                 strcmp(single, "a:b:c") == 0;
    free((void *)values);
    return whole;
}

static const char *check_headers(struct scene *s)
{
    natsConnection *nc;
    natsSubscription *sub;
    natsMsg *sent = NULL, *got = NULL;
    EXPECT_OK(scene_connect(s, URL_OPEN, &nc));
    EXPECT_OK(scene_subscribe(s, nc, "headed", &sub));
    EXPECT_OK(natsMsg_Create(&sent, "headed", NULL, "body", 4));
    natsStatus status = natsMsgHeader_Add(sent, "Many", "one");
    if (status == NATS_OK)
        status = natsMsgHeader_Add(sent, "Many", "two");
    if (status == NATS_OK)
        status = natsMsgHeader_Set(sent, "colons", "a:b:c");
    if (status == NATS_OK)
        status = natsConnection_PublishMsg(nc, sent);
    natsMsg_Destroy(sent);
    EXPECT_OK(status);
    EXPECT_OK(natsConnection_PublishString(nc, "headed", "bare"));
    EXPECT_OK(natsSubscription_NextMsg(&got, sub, WAIT_MS));
    bool whole = headers_are_whole(got) && natsMsg_GetDataLength(got) == 4;
    natsMsg_Destroy(got);
    EXPECT(whole);
    EXPECT_OK(natsSubscription_NextMsg(&got, sub, WAIT_MS));
    const char *value = NULL;
    bool bare = natsMsgHeader_Get(got, "Many", &value) == NATS_NOT_FOUND;
    natsMsg_Destroy(got);
    EXPECT(bare);
    return NULL;
}

static const char *check_auto_unsubscribe(struct scene *s)
{
    natsConnection *nc, *publisher;
    natsSubscription *sub;
    natsMsg *msg = NULL;
    EXPECT_OK(scene_connect(s, URL_OPEN, &nc));
    EXPECT_OK(scene_connect(s, URL_OPEN, &publisher));
    EXPECT_OK(scene_subscribe(s, nc, "limited", &sub));
    EXPECT_OK(natsSubscription_AutoUnsubscribe(sub, 5));
    EXPECT_OK(flush(nc));
    for (int i = 0; i < 10; i++)
        EXPECT_OK(publish_number(publisher, "limited", i));
    EXPECT_OK(flush(publisher));
    for (int i = 0; i < 5; i++)
        EXPECT(next_number_is(sub, i));
    natsStatus status = natsSubscription_NextMsg(&msg, sub, WAIT_MS);
    natsMsg_Destroy(msg);
    EXPECT(status == NATS_MAX_DELIVERED_MSGS || status == NATS_INVALID_SUBSCRIPTION);
    EXPECT(request_status(publisher, "limited") == NATS_NO_RESPONDERS);
    return NULL;
}

static const char *check_no_echo(struct scene *s)
{
    natsConnection *nc, *other;
    natsSubscription *sub;
    EXPECT_OK(natsOptions_SetNoEcho(options_of(s), true));
    EXPECT_OK(scene_connect(s, URL_OPEN, &nc));
    EXPECT_OK(scene_connect(s, URL_OPEN, &other));
    EXPECT_OK(scene_subscribe(s, nc, "echo", &sub));
    EXPECT_OK(natsConnection_PublishString(nc, "echo", "mine"));
    EXPECT_OK(flush(nc));
    EXPECT_OK(natsConnection_PublishString(other, "echo", "theirs"));
    EXPECT(next_text_is(sub, "theirs"));
    return NULL;
}

static const char *check_drain(struct scene *s)
{
    natsConnection *nc, *publisher;
    static struct event closed = EVENT_INITIALIZER, got = EVENT_INITIALIZER;
    EXPECT_OK(natsOptions_SetClosedCB(options_of(s), on_connection_event, &closed));
    EXPECT_OK(scene_connect(s, URL_OPEN, &nc));
    EXPECT_OK(scene_connect(s, URL_OPEN, &publisher));
    EXPECT_OK(scene_listen(s, nc, "drained", NULL, on_counted, &got));
    EXPECT_OK(flush(nc));
    for (int i = 0; i < 200; i++)
        EXPECT_OK(publish_number(publisher, "drained", i));
    EXPECT_OK(flush(publisher));
    EXPECT_OK(natsConnection_Drain(nc));
    EXPECT(event_reaches(&closed, 1));
    EXPECT(got.count == 200);
    EXPECT(natsConnection_IsClosed(nc));
    return NULL;
}

/* One payload as large as is allowed, and one byte more; `buffer` has room for both. */
static const char *send_largest(struct scene *s, char *buffer)
{
    natsConnection *nc;
    natsSubscription *sub;
    EXPECT_OK(scene_connect(s, URL_OPEN, &nc));
    EXPECT_OK(scene_subscribe(s, nc, "large", &sub));
    EXPECT(natsConnection_Publish(nc, "large", buffer, MIB + 1) == NATS_MAX_PAYLOAD);
    EXPECT_OK(natsConnection_Publish(nc, "large", buffer, MIB));
    EXPECT(next_is(sub, "large", buffer, MIB));
    return NULL;
}

static const char *check_large(struct scene *s)
{
    char *buffer = malloc(MIB + 1);
    if (buffer == NULL)
        return "no memory";
    for (int i = 0; i <= MIB; i++)
        buffer[i] = (char)(i * 7 % 251);
    const char *why = send_largest(s, buffer);
    free(buffer);
    return why;
}

static const char *check_order(struct scene *s)
{
    natsConnection *nc, *publisher;
    natsSubscription *sub;
    EXPECT_OK(scene_connect(s, URL_OPEN, &nc));
    EXPECT_OK(scene_connect(s, URL_OPEN, &publisher));
    EXPECT_OK(scene_subscribe(s, nc, "ordered", &sub));
    EXPECT_OK(flush(nc));
    for (int i = 0; i < ORDER_COUNT; i++)
        EXPECT_OK(publish_number(publisher, "ordered", i));
    for (int i = 0; i < ORDER_COUNT; i++)
        EXPECT(next_number_is(sub, i));
    return NULL;
}

static const char *check_reconnect(struct scene *s)
{
    natsConnection *nc, *other;
    natsSubscription *sub;
    static struct event lost = EVENT_INITIALIZER, back = EVENT_INITIALIZER;
    natsOptions *options = options_of(s);
    EXPECT_OK(natsOptions_SetAllowReconnect(options, true));
    EXPECT_OK(natsOptions_SetMaxReconnect(options, -1));
    EXPECT_OK(natsOptions_SetReconnectWait(options, 50));
    EXPECT_OK(natsOptions_SetReconnectJitter(options, 0, 0));
    EXPECT_OK(natsOptions_SetDisconnectedCB(options, on_connection_event, &lost));
    EXPECT_OK(natsOptions_SetReconnectedCB(options, on_connection_event, &back));
    EXPECT_OK(scene_connect(s, URL_OPEN, &nc));
    EXPECT_OK(scene_subscribe(s, nc, "survivor", &sub));
    EXPECT_OK(flush(nc));
    EXPECT(order("restart", "done"));
    EXPECT(event_reaches(&lost, 1));
    EXPECT(event_reaches(&back, 1));
    EXPECT_OK(flush(nc));
    EXPECT_OK(scene_connect(s, URL_OPEN, &other));
    EXPECT_OK(natsConnection_PublishString(other, "survivor", "after"));
    EXPECT(next_text_is(sub, "after"));
    return NULL;
}

static const char *check_token(struct scene *s)
{
    natsConnection *nc;
    EXPECT_OK(natsOptions_SetToken(options_of(s), "s3cr3t"));
    EXPECT_OK(scene_connect(s, URL_TOKEN, &nc));
    EXPECT_OK(flush(nc));
    EXPECT_OK(natsOptions_SetToken(options_of(s), "wrong"));
    EXPECT(scene_connect(s, URL_TOKEN, &nc) == NATS_CONNECTION_AUTH_FAILED);
    EXPECT(scene_connect(s, URL_TOKEN, &nc) == NATS_CONNECTION_AUTH_FAILED);
    return NULL;
}

static const char *check_user(struct scene *s)
{
    natsConnection *nc;
    EXPECT_OK(natsOptions_SetUserInfo(options_of(s), "alice", "wonder"));
    EXPECT_OK(scene_connect(s, URL_USERS, &nc));
    EXPECT_OK(flush(nc));
    EXPECT_OK(natsOptions_SetUserInfo(options_of(s), "bob", "builder"));
    EXPECT_OK(scene_connect(s, URL_USERS, &nc));
    EXPECT_OK(flush(nc));
    EXPECT_OK(natsOptions_SetUserInfo(options_of(s), "alice", "builder"));
    EXPECT(scene_connect(s, URL_USERS, &nc) == NATS_CONNECTION_AUTH_FAILED);
    EXPECT(scene_connect(s, URL_USERS, &nc) == NATS_CONNECTION_AUTH_FAILED);
    return NULL;
}

static const char *check_lame_duck(struct scene *s)
{
    natsConnection *nc;
    static struct event told = EVENT_INITIALIZER;
    EXPECT_OK(natsOptions_SetLameDuckModeCB(options_of(s), on_connection_event, &told));
    EXPECT_OK(scene_connect(s, URL_LAME, &nc));
    EXPECT_OK(flush(nc));
    EXPECT(order("lame-duck", "done"));
    EXPECT(event_reaches(&told, 1));
    return NULL;
}

static const struct {
    const char *name;
    const char *(*make)(struct scene *s);
} checks[] = {
    {"connects with a name and is told of the server", check_connect},
    {"delivers what is published, empty and binary payloads too", check_publish},
    {"matches wildcards", check_wildcards},
    {"gives each message to one member of a queue group", check_queue},
    {"answers requests, in either style", check_request},
    {"tells that nobody responds", check_no_responders},
    {"carries headers", check_headers},
    {"ends a subscription after its number of messages", check_auto_unsubscribe},
    {"does not send back to one who wants no echo", check_no_echo},
    {"drains: what was sent before is handled, then the connection closes", check_drain},
    {"carries a payload of 1 MiB, and refuses one above the maximum", check_large},
    {"delivers 10,000 messages in order", check_order},
    {"reconnects after a restart, with its subscriptions", check_reconnect},
    {"is let in with the token, and refused without", check_token},
    {"is let in as a user, and refused with another password", check_user},
    {"is told when the server retires", check_lame_duck},
};

int main(int argc, char **argv)
{
    if (argc != URL_COUNT + 1) {
        fprintf(stderr, "usage: client_c OPEN TOKEN USERS LAME\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        struct scene scene = {.urls = (const char *const *)&argv[1]};
        const char *why = checks[i].make(&scene);
        if (why != NULL)
            printf("fail %s: %s\n", checks[i].name, why);
        else
            printf("ok %s\n", checks[i].name);
        fflush(stdout);
        scene_done(&scene);
    }
    nats_CloseAndWait(WAIT_MS);
    puts("end");
    return 0;
}
