/* SPDX-License-Identifier: Apache-2.0 */
/* closed_state.h -- why a connection ended, and the words for it in /connz and in the system events. */
#ifndef PROTOCOLS_MONITOR_CLOSED_STATE_H
#define PROTOCOLS_MONITOR_CLOSED_STATE_H

/* clang-format off */
#define CLOSED_STATES(X)                                                              \
    X(CLIENT_CLOSED,              "Client Closed")                                    \
    X(AUTHENTICATION_TIMEOUT,     "Authentication Timeout")                           \
    X(AUTHENTICATION_VIOLATION,   "Authentication Failure")                           \
    X(TLS_HANDSHAKE_ERROR,        "TLS Handshake Failure")                            \
    X(SLOW_CONSUMER_PENDING,      "Slow Consumer (Pending Bytes)")                    \
    X(SLOW_CONSUMER_DEADLINE,     "Slow Consumer (Write Deadline)")                   \
    X(WRITE_ERROR,                "Write Error")                                      \
    X(READ_ERROR,                 "Read Error")                                       \
    X(PARSE_ERROR,                "Parse Error")                                      \
    X(STALE_CONNECTION,           "Stale Connection")                                 \
    X(PROTOCOL_VIOLATION,         "Protocol Violation")                               \
    X(BAD_CLIENT_PROTOCOL,        "Bad Client Protocol Version")                      \
    X(WRONG_PORT,                 "Incorrect Port")                                   \
    X(MAX_ACCOUNT_CONNECTIONS,    "Maximum Account Connections Exceeded")             \
    X(MAX_CONNECTIONS,            "Maximum Connections Exceeded")                     \
    X(MAX_PAYLOAD,                "Maximum Message Payload Exceeded")                 \
    X(MAX_CONTROL_LINE,           "Maximum Control Line Exceeded")                    \
    X(MAX_SUBSCRIPTIONS,          "Maximum Subscriptions Exceeded")                   \
    X(DUPLICATE_ROUTE,            "Duplicate Route")                                  \
    X(ROUTE_REMOVED,              "Route Removed")                                    \
    X(SERVER_SHUTDOWN,            "Server Shutdown")                                  \
    X(AUTHENTICATION_EXPIRED,     "Authentication Expired")                           \
    X(WRONG_GATEWAY,              "Wrong Gateway")                                    \
    X(MISSING_ACCOUNT,            "Missing Account")                                  \
    X(REVOCATION,                 "Credentials Revoked")                              \
    X(INTERNAL_CLIENT,            "Internal Client")                                  \
    X(MSG_HEADER_VIOLATION,       "Message Header Violation")                         \
    X(NO_RESPONDERS_NO_HEADERS,   "No Responders Requires Headers")                   \
    X(CLUSTER_NAME_CONFLICT,      "Cluster Name Conflict")                            \
    X(DUPLICATE_REMOTE_LEAFNODE,  "Duplicate Remote LeafNode Connection")             \
    X(DUPLICATE_CLIENT_ID,        "Duplicate Client ID")                              \
    X(DUPLICATE_SERVER_NAME,      "Duplicate Server Name")                            \
    X(MINIMUM_VERSION_REQUIRED,   "Minimum Version Required")                         \
    X(CLUSTER_NAMES_IDENTICAL,    "Cluster Names Identical")                          \
    X(KICKED,                     "Kicked")                                           \
    X(PROXY_NOT_TRUSTED,          "Proxy Not Trusted")                                \
    X(PROXY_REQUIRED,             "Proxy Required")
/* clang-format on */

enum closed_state {
    CLOSED_STATE_OPEN, /* not closed */
#define X(name, text) CLOSED_STATE_##name,
    CLOSED_STATES(X)
#undef X
        CLOSED_STATE_COUNT,
};

/* The words; never NULL, "Unknown State" for CLOSED_STATE_OPEN and what is no state. */
const char *closed_state_text(enum closed_state state);
/* The place of the words in their alphabet, from 0: by this a list is sorted by reason. */
int closed_state_rank(enum closed_state state);

#endif
