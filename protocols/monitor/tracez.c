/* SPDX-License-Identifier: Apache-2.0 */
/* tracez.c -- the /tracez page; see tracez.h. Times of the format are in microseconds. */
#include "protocols/monitor/tracez.h"

#include <stdio.h>

#include "runtime/base/check.h"

enum { PROCESS_ID = 1 };

/* Workers count from 0, but viewers take thread 0 for none. */
static int thread_of(int worker)
{
    CHECK(worker >= 0);
    return worker + 1;
}

static void write_name(struct json *j, const char *what, int thread, struct bytes name)
{
    json_object_begin(j);
    json_put_string(j, "ph", BYTES("M"));
    json_put_int(j, "pid", PROCESS_ID);
    json_put_int(j, "tid", thread);
    json_put_string(j, "name", bytes_of(what));
    json_put_object(j, "args");
    json_put_string(j, "name", name);
    json_object_end(j);
    json_object_end(j);
}

void tracez_begin(struct json *j, struct bytes server_name, int worker_count)
{
    json_object_begin(j);
    json_put_string(j, "displayTimeUnit", BYTES("ns"));
    json_put_array(j, "traceEvents");
    write_name(j, "process_name", 0, server_name);
    for (int worker = 0; worker < worker_count; worker++) {
        char name[32];
        int size = snprintf(name, sizeof(name), "worker %d", worker);
        CHECK(size > 0 && (size_t)size < sizeof(name));
        write_name(j, "thread_name", thread_of(worker), (struct bytes){name, (size_t)size});
    }
}

/* Nanoseconds as microseconds with three decimals: exact, where a double would round. */
static void put_us(struct json *j, const char *name, uint64_t ns)
{
    char text[32];
    int size = snprintf(text, sizeof(text), "%llu.%03u", (unsigned long long)(ns / 1000),
                        (unsigned)(ns % 1000));
    CHECK(size > 0 && (size_t)size < sizeof(text));
    json_key(j, bytes_of(name));
    json_raw(j, (struct bytes){text, (size_t)size});
}

static void put_event_name(struct json *j, const struct tracez_event *event)
{
    char name[128];
    int size = snprintf(name, sizeof(name), "%.*s.%.*s", (int)event->actor_class.size,
                        event->actor_class.at, (int)event->kind.size, event->kind.at);
    CHECK(size > 0 && (size_t)size < sizeof(name)); /* both are names of the program */
    json_put_string(j, "name", (struct bytes){name, (size_t)size});
}

void tracez_event_write(struct json *j, const struct tracez_event *event)
{
    json_object_begin(j);
    json_put_string(j, "ph", BYTES("X"));
    json_put_int(j, "pid", PROCESS_ID);
    json_put_int(j, "tid", thread_of(event->worker));
    put_event_name(j, event);
    json_put_string(j, "cat", event->actor_class);
    put_us(j, "ts", event->start_ns);
    put_us(j, "dur", event->duration_ns);
    json_put_object(j, "args");
    json_put_uint(j, "actor", event->actor_id);
    json_put_uint(j, "waited_ns", event->waited_ns);
    json_object_end(j);
    json_object_end(j);
}

void tracez_end(struct json *j)
{
    json_array_end(j);
    json_object_end(j);
}
