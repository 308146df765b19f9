/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sim/sim_record.h"

#include <inttypes.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "runtime/sim/sim_state.h"

#define RING_COUNT 4096u
#define ALL_MAX ((uint64_t)8 << 20) /* past this many a recorded run keeps its digest alone */

#define SIM_RECORD_NAME(name) #name,
static const char *const record_names[] = {SIM_RECORDS(SIM_RECORD_NAME)};
#undef SIM_RECORD_NAME

_Static_assert(sizeof record_names / sizeof record_names[0] == RECORD_KINDS, "a name each");

void sim_records_init(struct sim_records *records, uint64_t seed, bool all)
{
    *records = (struct sim_records){
        .capacity = RING_COUNT, .all = all, .digest = hash_u64(seed), .diverged_at = UINT64_MAX};
    records->at = calloc(records->capacity, sizeof *records->at);
    CHECK(records->at != NULL);
}

void sim_records_done(struct sim_records *records)
{
    free(records->at);
    records->at = NULL;
}

void sim_records_mix(struct sim_records *records, uint64_t value)
{
    records->digest = hash_u64(records->digest * 3 + value);
}

/* Where the next record goes. */
static struct sim_record *place(struct sim_records *records)
{
    if (records->all && records->count == records->capacity && records->capacity < ALL_MAX) {
        records->capacity *= 2;
        records->at = realloc(records->at, records->capacity * sizeof *records->at);
        CHECK(records->at != NULL);
    }
    return &records->at[records->count % records->capacity];
}

static bool holds(const struct sim_records *records, uint64_t number)
{
    return number < records->count && records->count - number <= records->capacity;
}

void sim_records_add(struct sim_records *records, struct sim_record record)
{
    sim_records_mix(records, record.time_ns);
    sim_records_mix(records, record.who);
    sim_records_mix(records, record.detail);
    sim_records_mix(records, (uint64_t)record.what << 32 | record.kind);
    record.digest = records->digest;
    *place(records) = record;
    uint64_t number = records->count++;
    const struct sim_records *first = records->first;
    if (first == NULL || records->diverged_at != UINT64_MAX)
        return;
    if (number >= first->count ||
        (holds(first, number) && first->at[number % first->capacity].digest != record.digest))
        records->diverged_at = number;
}

void sim_records_print(const struct sim_records *records, FILE *to, uint64_t last, unsigned count)
{
    uint64_t from = last + 1 > count ? last + 1 - count : 0;
    for (uint64_t i = from; i <= last; i++) {
        if (!holds(records, i))
            continue;
        const struct sim_record *r = &records->at[i % records->capacity];
        fprintf(to,
                "  %8" PRIu64 " %12" PRIu64 " ns %-12s who %" PRIx64 " kind %" PRIu32
                " detail %" PRIx64 " digest %016" PRIx64 "\n",
                i, r->time_ns, record_names[r->what], r->who, r->kind, r->detail, r->digest);
    }
}

/* --- as a simulation sees it -------------------------------------------------------------------- */

void sim_note(struct sim *sim, enum sim_what what, uint64_t who, uint32_t kind, uint64_t detail)
{
    sim_records_add(&sim->records,
                    (struct sim_record){sim->now_ns, who, detail, (uint32_t)what, kind, 0});
}

uint64_t sim_digest(const struct sim *sim)
{
    return sim->records.digest;
}

void sim_digest_u64(struct sim *sim, uint64_t value)
{
    sim_records_mix(&sim->records, value);
}

void sim_digest_bytes(struct sim *sim, const void *at, size_t size)
{
    sim_records_mix(&sim->records, hash_bytes(size, at, size));
}

void sim_compare(struct sim *sim, const struct sim *first)
{
    CHECK(first->records.all && sim->records.count == 0);
    sim->records.first = &first->records;
}

bool sim_diverged(const struct sim *sim)
{
    const struct sim_records *first = sim->records.first;
    return first != NULL &&
           (sim->records.diverged_at != UINT64_MAX || sim->records.count != first->count ||
            sim->records.digest != first->digest);
}

void sim_print_records(const struct sim *sim, FILE *to, unsigned count)
{
    const struct sim_records *records = &sim->records;
    if (!sim_diverged(sim)) {
        if (records->count > 0)
            sim_records_print(records, to, records->count - 1, count);
        return;
    }
    uint64_t at = records->diverged_at != UINT64_MAX ? records->diverged_at : records->count;
    fprintf(to, "the runs differ first at record %" PRIu64 "; the first run:\n", at);
    sim_records_print(records->first, to, at, count);
    fprintf(to, "this run:\n");
    sim_records_print(records, to, at < records->count ? at : records->count - 1, count);
}
