/* SPDX-License-Identifier: Apache-2.0 */
/* bench_table.c -- what the tables of a store cost: nanoseconds of processor time an operation,
 * bytes an entry. */
#include <stdio.h>
#include <time.h>

#define STUB_CHAINS 65536
#include "run_stub.h"
#include "store/format/little.h"
#include "store/table/seqset.h"
#include "store/table/subject_flush.h"
#include "store/table/subject_table.h"

enum { SUBJECTS = 1000000, OPERATIONS = 4000000 };

/* Of this process: others on the machine are left out. */
static double now_ns(void)
{
    return (double)clock() * (1e9 / CLOCKS_PER_SEC);
}

static void tell(const char *what, double begun, uint64_t count)
{
    printf("%-52s %8.1f ns\n", what, (now_ns() - begun) / (double)count);
}

static void bench_seqset(void)
{
    enum { SEQS = 50000000 };
    struct prng p;
    struct seqset s;
    uint64_t found = 0;
    prng_init(&p, 1);
    seqset_init(&s);
    double t = now_ns();
    for (int i = 0; i < OPERATIONS; i++)
        seqset_add(&s, prng_below(&p, SEQS));
    tell("seqset_add, anywhere in 50 M", t, OPERATIONS);
    printf("%-52s %8.1f MB\n", "  memory with 4 M of 50 M in", (double)seqset_memory(&s) / 1e6);
    t = now_ns();
    for (int i = 0; i < OPERATIONS; i++)
        found += seqset_contains(&s, (uint64_t)i * 3);
    tell("seqset_contains, rising", t, OPERATIONS);
    t = now_ns();
    for (int i = 0; i < OPERATIONS; i++)
        found += seqset_contains(&s, prng_below(&p, SEQS));
    tell("seqset_contains, anywhere", t, OPERATIONS);
    t = now_ns();
    for (int i = 0; i < OPERATIONS / 10; i++)
        found += seqset_count(&s, prng_below(&p, SEQS), SEQS);
    tell("seqset_count, from anywhere to the end", t, OPERATIONS / 10);
    t = now_ns();
    for (int i = 0; i < OPERATIONS / 10; i++)
        found += seqset_next_out(&s, prng_below(&p, SEQS));
    tell("seqset_next_out, anywhere", t, OPERATIONS / 10);
    seqset_done(&s);
    seqset_init(&s);
    t = now_ns();
    for (uint64_t i = 0; i < OPERATIONS; i++)
        seqset_add(&s, i + 1);
    tell("seqset_add, rising", t, OPERATIONS);
    printf("%-52s %8zu bytes\n", "  memory of 4 M in a row", seqset_memory(&s));
    seqset_done(&s);
    seqset_init(&s);
    for (uint64_t i = 0; i < SEQS / 1000; i++)
        seqset_add_range(&s, i * 1000 + 1, i * 1000 + 999);
    printf("%-52s %8.1f MB\n", "  memory with one of 1,000 not in, of 50 M",
           (double)seqset_memory(&s) / 1e6);
    seqset_done(&s);
    printf("%-52s %8llu\n", "  (sum)", (unsigned long long)found);
}

static struct bytes subject_of(char *text, uint64_t i)
{
    int size = snprintf(text, 64, "orders.%llu.customer.%llu", (unsigned long long)(i % 1000),
                        (unsigned long long)i);
    return (struct bytes){text, (size_t)size};
}

static void fill(struct subject_table *t, char (*texts)[40], struct bytes *subjects)
{
    char text[64];
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < SUBJECTS; i++) {
        struct bytes subject = subject_of(text, i);
        memcpy(texts[i], subject.at, subject.size);
        subjects[i] = (struct bytes){texts[i], subject.size};
        bytes += subject.size;
    }
    double begun = now_ns();
    for (uint64_t i = 0; i < SUBJECTS; i++) {
        struct subject_value v = {.count = 1, .first_seq = i + 1, .last_seq = i + 1};
        subject_table_add(t, subjects[i], &v);
    }
    tell("subject_table_add, 1 M new", begun, SUBJECTS);
    printf("%-52s %8.1f bytes\n", "  memory a subject, beside the subject's bytes",
           (double)(subject_table_memory(t) - bytes) / SUBJECTS);
    printf("%-52s %8.1f bytes\n", "  (the subject's bytes)", (double)bytes / SUBJECTS);
}

static void update(struct subject_table *t, const struct bytes *subjects)
{
    struct prng p;
    prng_init(&p, 2);
    uint64_t sum = 0;
    double begun = now_ns();
    for (uint64_t i = 0; i < OPERATIONS; i++) {
        struct bytes subject = subjects[prng_below(&p, SUBJECTS)];
        sum += hash_bytes(1, subject.at, subject.size);
    }
    tell("(to choose any of 1 M subjects and hash it)", begun, OPERATIONS);
    begun = now_ns();
    for (uint64_t i = 0; i < OPERATIONS; i++) {
        struct subject_value v = {.count = 1, .first_seq = i + (sum & 1), .last_seq = i};
        subject_table_add(t, subjects[prng_below(&p, SUBJECTS)], &v);
    }
    tell("subject_table_add, any of 1 M", begun, OPERATIONS);
    begun = now_ns();
    for (uint64_t i = 0; i < OPERATIONS; i++) {
        struct subject_value v = {.count = 1, .first_seq = i, .last_seq = i};
        subject_table_add(t, subjects[i % SUBJECTS], &v);
    }
    tell("subject_table_add, one after the other", begun, OPERATIONS);
    begun = now_ns();
    for (uint64_t i = 0; i < OPERATIONS; i++) {
        struct subject_value v = {.count = 1, .first_seq = i, .last_seq = i};
        subject_table_add(t, subjects[prng_below(&p, 20000)], &v);
    }
    tell("subject_table_add, any of 20,000 of 1 M", begun, OPERATIONS);
}

static void write_run(struct subject_table *t, struct stub_file *f)
{
    struct buffer from = {0};
    struct run_build *b = run_build_new(1, 1, SUBJECTS);
    double begun = now_ns();
    while (subject_flush(t, &from, 1000, true, b) == -EINPROGRESS)
        stub_take(b, f);
    stub_finish(&b, f);
    tell("subject_flush into a run, a subject", begun, SUBJECTS);
    printf("%-52s %8.1f bytes\n", "  of the run, a subject", (double)f->size / SUBJECTS);
    buffer_done(&from);
}

static void read_run(struct stub_file *f, const struct bytes *subjects)
{
    static struct pages pages;
    struct run r;
    struct prng p;
    struct bytes value;
    struct buffer key = {0};
    stub_open(&r, f, 1, 1);
    prng_init(&p, 3);
    for (int round = 0; round < 2; round++) {
        double begun = now_ns();
        uint64_t gets = pages.gets;
        for (int i = 0; i < SUBJECTS; i++) {
            key.size = 0;
            buffer_u8(&key, RUN_SUBJECT);
            struct bytes subject = subjects[prng_below(&p, SUBJECTS)];
            buffer_add(&key, subject.at, subject.size);
            CHECK(run_get(&r, &pages, buffer_view(&key), &value) == 0);
        }
        tell(round == 0 ? "run_get, pages are decoded on the way" : "run_get, warm pages", begun,
             SUBJECTS);
        printf("%-52s %8.2f\n", "  pages asked for, each", (double)(pages.gets - gets) / SUBJECTS);
    }
    double begun = now_ns();
    for (int i = 0; i < SUBJECTS; i++) {
        key.at[0] = 'x';
        put_u32(key.at + 4, (uint32_t)i);
        CHECK(run_get(&r, &pages, buffer_view(&key), &value) == -ENOENT);
    }
    tell("run_get, what is not there", begun, SUBJECTS);
    struct run_cursor c = {0};
    uint64_t entries = 0;
    begun = now_ns();
    CHECK(run_cursor_seek(&c, &r, &pages, BYTES("")) == 0);
    for (; !run_cursor_at_end(&c); entries++)
        CHECK(run_cursor_next(&c) == 0);
    tell("run_cursor_next", begun, entries);
    run_cursor_done(&c);
    buffer_done(&key);
    stub_forget(&pages);
}

int main(void)
{
    bench_seqset();
    struct subject_table *t = subject_table_new(1);
    char(*texts)[40] = malloc(SUBJECTS * sizeof *texts);
    struct bytes *subjects = malloc(SUBJECTS * sizeof *subjects);
    CHECK(texts != NULL && subjects != NULL);
    struct stub_file f = {0};
    fill(t, texts, subjects);
    update(t, subjects);
    write_run(t, &f);
    read_run(&f, subjects);
    stub_file_done(&f);
    subject_table_free(&t);
    free(texts);
    free(subjects);
    return 0;
}
