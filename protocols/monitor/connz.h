/* SPDX-License-Identifier: Apache-2.0 */
/* connz.h -- the /connz page: its arguments, the order of its rows, its document.
 *
 * Idea        A collector asks the connections for their rows and keeps the offset + limit first ones:
 *             a row has a key, and keys compare as numbers whatever the page is sorted by. Then the
 *             document is written row by row, a long list of subscriptions item by item.
 * Differs     Rows of equal keys are listed by cid; nats-server leaves their order open.
 */
#ifndef PROTOCOLS_MONITOR_CONNZ_H
#define PROTOCOLS_MONITOR_CONNZ_H

#include "protocols/json/json_writer.h"
#include "protocols/monitor/closed_state.h"
#include "protocols/monitor/monitor_args.h"

enum { CONNZ_LIMIT_DEFAULT = 1024 };

enum connz_sort {
    CONNZ_BY_CID,
    CONNZ_BY_START,
    CONNZ_BY_SUBS,
    CONNZ_BY_PENDING,
    CONNZ_BY_OUT_MSGS,
    CONNZ_BY_IN_MSGS,
    CONNZ_BY_OUT_BYTES,
    CONNZ_BY_IN_BYTES,
    CONNZ_BY_LAST,
    CONNZ_BY_IDLE,
    CONNZ_BY_UPTIME,
    CONNZ_BY_STOP,
    CONNZ_BY_REASON,
    CONNZ_BY_RTT,
    CONNZ_SORT_COUNT,
};

enum connz_state { CONNZ_OPEN, CONNZ_CLOSED, CONNZ_ALL };
enum connz_subs { CONNZ_NO_SUBS, CONNZ_SUBS, CONNZ_SUBS_DETAIL };

/* What is asked for. Texts belong to the args they were read from. */
struct connz_options {
    enum connz_sort sort;
    enum connz_state state;
    enum connz_subs subs;
    bool auth;
    int64_t offset; /* >= 0 once checked */
    int64_t limit;  /* > 0 once checked */
    uint64_t cid;   /* 0: all */
    struct bytes user;
    struct bytes account;
    struct bytes mqtt_client;
    struct bytes filter_subject; /* not an argument of the page: of the system account's request */
};

/* Reads and checks the page's arguments: 0, or -EINVAL with the refusal filled in. */
__attribute__((warn_unused_result)) int connz_options_parse(struct monitor_args *args,
                                                            struct connz_options *ret_options,
                                                            struct monitor_refusal *refusal);
/* The name of a sort as the option has it ("" is by cid): 0, or -EINVAL with the refusal. */
__attribute__((warn_unused_result)) int connz_sort_parse(struct bytes name,
                                                         enum connz_sort *ret_sort,
                                                         struct monitor_refusal *refusal);
/* Checks what options say together and puts defaults into them, for both doors. */
__attribute__((warn_unused_result)) int connz_options_check(struct connz_options *options,
                                                            struct monitor_refusal *refusal);

/* A subscription in detail, here and in /subsz. */
struct sub_detail {
    struct bytes account;     /* /subsz only */
    struct bytes account_tag; /* /subsz only */
    struct bytes subject;
    struct bytes queue;
    struct bytes sid;
    int64_t msgs;
    int64_t max;
    uint64_t cid;
};

struct tls_peer_cert {
    struct bytes subject;
    struct bytes spki_sha256;
    struct bytes cert_sha256;
};

struct conn_info_tls {
    struct bytes version; /* "1.3"; empty without TLS */
    struct bytes cipher;
    const struct tls_peer_cert *certs; /* borrowed */
    size_t cert_count;
    bool first;
};

/* Told only when the page is asked for auth, which is the filler's business. */
struct conn_info_auth {
    struct bytes user;
    struct bytes account; /* empty for the global one */
    struct bytes jwt;     /* empty for a bearer token */
    struct bytes issuer_key;
    struct bytes name_tag;
    const struct bytes *tags; /* borrowed */
    size_t tag_count;
};

/* One row. Times are in ns since 1970; stop_ns is 0 while the connection is open. */
struct conn_info {
    uint64_t cid;
    struct bytes kind; /* "Client", "Leafnode" */
    struct bytes type; /* "nats", "websocket", "mqtt" */
    struct bytes ip;
    int port;
    int64_t start_ns;
    int64_t last_ns;
    int64_t stop_ns;
    enum closed_state reason;
    int64_t rtt_ns; /* as measured; the page cuts it to microseconds */
    int64_t pending_bytes;
    int64_t in_msgs;
    int64_t out_msgs;
    int64_t in_bytes;
    int64_t out_bytes;
    int64_t stalls;
    uint32_t sub_count;
    struct bytes name;
    struct bytes lang;
    struct bytes version;
    struct conn_info_tls tls;
    struct conn_info_auth auth;
    struct bytes mqtt_client;
    struct bytes proxy_key;
};

/* What a row is sorted by: ascending value, then ascending cid, is the order of the page. */
struct connz_key {
    int64_t value;
    uint64_t cid;
};
struct connz_key connz_key_of(enum connz_sort sort, const struct conn_info *c, int64_t now_ns);
bool connz_key_before(struct connz_key a, struct connz_key b);

struct connz_page {
    struct bytes server_id;
    int64_t now_ns;
    size_t row_count; /* of the rows that follow */
    int64_t total;
    int64_t offset;
    int64_t limit;
    bool no_account; /* the account asked for does not exist: the rows are null */
};

void connz_begin(struct json *j, const struct connz_page *page);
void connz_end(struct json *j, const struct connz_page *page);

/* A row is begin, at most one list of subscriptions, end. An empty list is not written. */
void connz_conn_begin(struct json *j, const struct conn_info *c, int64_t now_ns);
void connz_subs_begin(struct json *j, enum connz_subs subs);
void connz_sub(struct json *j, enum connz_subs subs, const struct sub_detail *sub);
void connz_subs_end(struct json *j);
void connz_conn_end(struct json *j, const struct conn_info *c);

void sub_detail_write(struct json *j, const struct sub_detail *sub);

#endif
