/* SPDX-License-Identifier: Apache-2.0 */
/* backup_store -- a backup through a store: restored, stored, started again, backed up, for oracle.py.
 *
 *     backup_store STREAM FROM TO
 *
 * The disk is one in memory. What the configurations say is kept as it came, as the text of CONFIG and PUT. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/format/consumer_entry.h"
#include "store/store_backup.h"
#include "tests/unit/store/store_run.h"

enum { PIECE_SIZE = 20011, NOW_S = 1700000000 };

static int read_config(void *context, struct bytes meta, struct buffer *to)
{
    struct stream_rules rules;
    struct buffer text = {0};
    stream_rules_init(&rules, bytes_of(context));
    stream_rules_write(&text, &rules);
    stream_config_write(to, &(struct stream_config){buffer_view(&text), meta});
    buffer_done(&text);
    stream_rules_done(&rules);
    return 0;
}

static int read_consumer(void *context, uint32_t id, struct bytes name, struct bytes meta,
                         struct buffer *to)
{
    const struct consumer_put put = {
        .id = id, .ack = CONSUMER_ACK_EXPLICIT, .start_seq = 1, .name = name, .config = meta};
    consumer_put_write(to, &put, NULL, NULL);
    return 0;
}

static int write_meta(void *context, struct bytes config, struct buffer *to)
{
    buffer_add(to, config.at, config.size);
    return 0;
}

static int write_consumer(void *context, const struct consumer_put *put, struct buffer *to)
{
    buffer_add(to, put->config.at, put->config.size);
    return 0;
}

static int restore_piece(struct store_run *run, struct store_restore *r, struct bytes in)
{
    int status;
    while ((status = store_restore_step(r, &in)) == 1 || status == -EAGAIN)
        if (status == -EAGAIN)
            CHECK(store_run_step(run));
    return status;
}

static int restore(struct store_run *run, const char *stream, FILE *file)
{
    static char piece[PIECE_SIZE];
    struct store_group *g;
    struct store_restore *r = store_restore_new(&(struct store_restore_options){
        .store = run->store,
        .account = BYTES("A"),
        .name = bytes_of(stream),
        .now_ns = (int64_t)run->disk.now_ns,
        .config = read_config,
        .consumer = read_consumer,
        .context = (void *)(uintptr_t)stream,
    });
    int status = 0;
    size_t n;
    while (status == 0 && (n = fread(piece, 1, sizeof piece, file)) > 0)
        status = restore_piece(run, r, (struct bytes){piece, n});
    if (status == 0)
        while ((status = store_restore_end(r, &g)) == -EAGAIN)
            CHECK(store_run_step(run));
    if (status < 0)
        fprintf(stderr, "backup_store: %s (%s)\n", store_restore_why(r), strerror(-status));
    store_restore_free(&r);
    return status;
}

static int backup(struct store_run *run, const char *stream, FILE *file)
{
    static char piece[PIECE_SIZE];
    size_t size = 0;
    struct store_backup *b = store_backup_new(&(struct store_backup_options){
        .store = run->store,
        .gid = store_group_gid(store_run_find(run, stream)),
        .now_s = NOW_S,
        .stream_meta = write_meta,
        .consumer_meta = write_consumer,
    });
    int status;
    do {
        status = store_backup_step(b, piece, sizeof piece, &size);
        if (status == -EAGAIN)
            CHECK(store_run_step(run));
        else if (status == 0 && fwrite(piece, 1, size, file) != size)
            status = -EIO;
    } while (status == -EAGAIN || (status == 0 && size > 0));
    store_backup_free(&b);
    if (status < 0)
        fprintf(stderr, "backup_store: %s\n", strerror(-status));
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: backup_store STREAM FROM TO\n");
        return 2;
    }
    FILE *from = fopen(argv[2], "rb");
    FILE *to = fopen(argv[3], "wb");
    if (from == NULL || to == NULL) {
        perror("backup_store");
        return 1;
    }
    struct store_run run;
    store_run_init(&run, 1);
    CHECK(store_run_open(&run) == 0);
    int status = restore(&run, argv[1], from);
    if (status == 0) {
        CHECK(store_run_close(&run) == 0);
        CHECK(store_run_open(&run) == 0);
        status = backup(&run, argv[1], to);
    }
    store_run_done(&run);
    fclose(from);
    if (fclose(to) != 0)
        status = -EIO;
    return status < 0 ? 1 : 0;
}
