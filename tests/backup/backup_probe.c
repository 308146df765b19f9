/* SPDX-License-Identifier: Apache-2.0 */
/* backup_probe -- backups to lines of text and back, for oracle.py.
 *
 *     backup_probe read STREAM FILE > lines
 *     backup_probe write STREAM FILE < lines
 *
 *     meta HEX
 *     message SEQ TIME SUBJECT HEX HEX      headers and payload; "-" for no bytes
 *     deleted FROM TO                       ignored when written
 *     last SEQ TIME FIRST INDEX             the last two are ignored when written
 *     consumer NAME HEX HEX                 configuration and state
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/backup/backup_read.h"
#include "store/backup/backup_write.h"

enum { PIECE_SIZE = 10007, WORDS_MAX = 6 };

static void print_hex(struct bytes b)
{
    putchar(' ');
    if (b.size == 0)
        putchar('-');
    for (size_t i = 0; i < b.size; i++)
        printf("%02x", (unsigned char)b.at[i]);
}

static int on_config(void *context, struct bytes meta)
{
    printf("meta");
    print_hex(meta);
    putchar('\n');
    return 0;
}

static int on_message(void *context, const struct backup_message *m)
{
    printf("message %" PRIu64 " %" PRIi64 " %.*s", m->seq, m->time_ns, (int)m->subject.size,
           m->subject.at);
    print_hex(m->headers);
    print_hex(m->payload);
    putchar('\n');
    return 0;
}

static int on_deleted(void *context, uint64_t from, uint64_t to)
{
    printf("deleted %" PRIu64 " %" PRIu64 "\n", from, to);
    return 0;
}

static int on_consumer(void *context, const struct backup_consumer *c)
{
    printf("consumer %.*s", (int)c->name.size, c->name.at);
    print_hex(c->meta);
    print_hex(c->state);
    putchar('\n');
    return 0;
}

static int feed(struct backup_reader *r, FILE *file)
{
    char piece[PIECE_SIZE];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, file)) > 0) {
        struct bytes in = {piece, n};
        int status;
        while ((status = backup_reader_step(r, &in)) > 0)
            ;
        if (status < 0)
            return status;
        CHECK(in.size == 0);
    }
    return 0;
}

static int read_backup(const char *stream, FILE *file)
{
    static const char *const uses[] = {"absent", "used", "ignored"};
    struct backup_reader_options options = {
        .stream = bytes_of(stream),
        .events = {on_config, on_message, on_deleted, on_consumer},
    };
    struct backup_reader *r = backup_reader_new(&options);
    struct backup_summary summary;
    int status = feed(r, file);
    if (status == 0)
        status = backup_reader_end(r, &summary);
    if (status < 0)
        fprintf(stderr, "backup_probe: %s (%s)\n", backup_reader_why(r), strerror(-status));
    else
        printf("last %" PRIu64 " %" PRIi64 " %" PRIu64 " %s\n", summary.last_seq,
               summary.last_time_ns, summary.first_seq, uses[summary.index]);
    backup_reader_free(&r);
    return status < 0 ? 1 : 0;
}

/* Decodes in place. */
static struct bytes hex_bytes(char *text)
{
    if (text == NULL || strcmp(text, "-") == 0)
        return BYTES("");
    size_t n = strlen(text) / 2;
    for (size_t i = 0; i < n; i++) {
        char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
        text[i] = (char)strtoul(digits, NULL, 16);
    }
    return (struct bytes){text, n};
}

static void drain(struct backup_writer *w, FILE *file)
{
    char piece[PIECE_SIZE];
    size_t n;
    while ((n = backup_writer_step(w, piece, sizeof piece)) > 0)
        CHECK(fwrite(piece, 1, n, file) == n);
}

/* Hands one line over; -EAGAIN as the writer says it. words[0] is its kind. */
static int hand_over(struct backup_writer *w, char **words, const struct bytes *values)
{
    uint64_t seq = words[1] != NULL ? strtoull(words[1], NULL, 10) : 0;
    int64_t time_ns = words[2] != NULL ? strtoll(words[2], NULL, 10) : 0;
    if (strcmp(words[0], "message") == 0)
        return backup_writer_message(
            w, &(struct backup_message){seq, time_ns, bytes_of(words[3]), values[4], values[5]});
    if (strcmp(words[0], "last") == 0)
        return backup_writer_messages_end(w, seq, time_ns);
    if (strcmp(words[0], "consumer") == 0)
        return backup_writer_consumer(
            w, &(struct backup_consumer){bytes_of(words[1]), values[2], values[3]});
    return 0;
}

static void write_line(struct backup_writer **w, const char *stream, char *line, FILE *file)
{
    char *words[WORDS_MAX] = {NULL};
    struct bytes values[WORDS_MAX] = {{NULL, 0}};
    char *rest = line;
    for (int i = 0; i < WORDS_MAX && rest != NULL; i++)
        words[i] = strsep(&rest, " \n");
    bool is_message = strcmp(words[0], "message") == 0;
    bool is_consumer = strcmp(words[0], "consumer") == 0;
    for (int i = is_message ? 4 : 2; (is_message || is_consumer) && i < (is_message ? 6 : 4); i++)
        values[i] = hex_bytes(words[i]);
    if (strcmp(words[0], "meta") == 0) {
        *w = backup_writer_new(bytes_of(stream), hex_bytes(words[1]), 1700000000);
        return;
    }
    int status;
    while ((status = hand_over(*w, words, values)) == -EAGAIN)
        drain(*w, file);
    CHECK(status == 0);
}

static int write_backup(const char *stream, FILE *file)
{
    struct backup_writer *w = NULL;
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0)
        write_line(&w, stream, line, file);
    free(line);
    CHECK(w != NULL);
    while (backup_writer_end(w) == -EAGAIN)
        drain(w, file);
    drain(w, file);
    backup_writer_free(&w);
    return 0;
}

int main(int argc, char **argv)
{
    bool reads = argc == 4 && strcmp(argv[1], "read") == 0;
    bool writes = argc == 4 && strcmp(argv[1], "write") == 0;
    if (!reads && !writes) {
        fprintf(stderr, "usage: backup_probe read|write STREAM FILE\n");
        return 2;
    }
    FILE *file = fopen(argv[3], reads ? "rb" : "wb");
    if (file == NULL) {
        perror(argv[3]);
        return 1;
    }
    int status = reads ? read_backup(argv[2], file) : write_backup(argv[2], file);
    if (fclose(file) != 0)
        status = 1;
    return status;
}
