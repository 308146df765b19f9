/* SPDX-License-Identifier: Apache-2.0 */
#include "server/address.h"

#include <limits.h>
#include <string.h>

#include "runtime/base/check.h"

bool address_split(struct bytes text, struct bytes *ret_host, struct bytes *ret_port)
{
    const char *colon = text.size == 0 ? NULL : memrchr(text.at, ':', text.size);
    if (colon == NULL)
        return false;
    struct bytes host = {text.at, (size_t)(colon - text.at)};
    *ret_port = (struct bytes){colon + 1, text.size - host.size - 1};
    bool bracketed = host.size >= 2 && host.at[0] == '[' && host.at[host.size - 1] == ']';
    if (bracketed)
        host = (struct bytes){host.at + 1, host.size - 2};
    else if (host.size > 0 && memchr(host.at, ':', host.size) != NULL)
        return false;
    if (host.size > 0 &&
        (memchr(host.at, '[', host.size) != NULL || memchr(host.at, ']', host.size) != NULL))
        return false;
    if (ret_port->size > 0 && (memchr(ret_port->at, '[', ret_port->size) != NULL ||
                               memchr(ret_port->at, ']', ret_port->size) != NULL))
        return false;
    *ret_host = host;
    return true;
}

bool address_port(struct bytes text, int *ret_port)
{
    bool negative = text.size > 0 && text.at[0] == '-';
    size_t i = text.size > 0 && (negative || text.at[0] == '+') ? 1 : 0;
    if (i == text.size)
        return false;
    int64_t port = 0;
    for (; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        port = port * 10 + (text.at[i] - '0');
        if (port > INT_MAX)
            port = INT_MAX;
    }
    *ret_port = (int)(negative ? -port : port);
    return true;
}

bool address_parse(struct bytes text, int default_port, struct bytes *ret_host, int *ret_port)
{
    struct bytes port;
    int number;
    if (text.size == 0)
        return false;
    bool bracketed = text.at[0] == '[' && text.at[text.size - 1] == ']';
    if (bracketed || memchr(text.at, ':', text.size) == NULL) {
        *ret_host = bracketed ? (struct bytes){text.at + 1, text.size - 2} : text;
        *ret_port = default_port;
        return true;
    }
    if (!address_split(text, ret_host, &port) || !address_port(port, &number))
        return false;
    *ret_port = number == 0 || number == -1 ? default_port : number;
    DCHECK(ret_host->size < text.size);
    return true;
}
