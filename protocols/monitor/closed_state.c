/* SPDX-License-Identifier: Apache-2.0 */
/* closed_state.c -- why a connection ended, in words; see closed_state.h. */
#include "protocols/monitor/closed_state.h"

#include <string.h>

static const char *const TEXTS[CLOSED_STATE_COUNT] = {
#define X(name, text) [CLOSED_STATE_##name] = (text),
    CLOSED_STATES(X)
#undef X
};

const char *closed_state_text(enum closed_state state)
{
    if (state <= CLOSED_STATE_OPEN || state >= CLOSED_STATE_COUNT)
        return "Unknown State";
    return TEXTS[state];
}

int closed_state_rank(enum closed_state state)
{
    const char *text = closed_state_text(state);
    int rank = 0;
    for (int other = CLOSED_STATE_OPEN; other < CLOSED_STATE_COUNT; other++)
        rank += strcmp(closed_state_text((enum closed_state)other), text) < 0;
    return rank;
}
