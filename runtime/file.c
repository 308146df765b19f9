/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/file.h"

#include "runtime/base/check.h"
#include "runtime/worker.h"

static const struct msg_type file_message_type = {"FILE", RUNTIME_IO, false,
                                                  sizeof(struct file_request), msg_io_drop};

static const struct world_ops *ops(void)
{
    return current_worker->system->world->ops;
}

static void call_done(void *data)
{
    struct disk_request *request = data;
    request->disk.carrier = NULL;
    request->done(request);
}

static void call_drop(void *data)
{
    struct disk_request *request = data;
    request->disk.carrier = NULL;
    if (request->op == DISK_OPEN && request->result == 0)
        ops()->file_abandon(request->file);
    if (request->op == DISK_LIST && request->result == 0)
        disk_names_free(&request->names);
    if (request->drop != NULL)
        request->drop(request);
}

static void submit(void *context, struct disk_request *disk)
{
    (void)context;
    struct worker *w = current_worker;
    CHECK(w->running != NULL);
    struct file_request *request = (struct file_request *)(void *)msg_alloc(&file_message_type);
    request->io.data = disk;
    request->io.done_data = call_done;
    request->io.drop_data = call_drop;
    request->disk = disk;
    request->owner = w->running->self;
    request->worker = w;
    disk->disk.carrier = request;
    ops()->file_submit(w, request);
}

const struct disk *file_disk(void)
{
    static const struct disk disk = {submit, NULL};
    return &disk;
}

struct disk_file *file_stderr(void)
{
    return ops()->file_stderr(current_worker->system->world);
}

void file_give_up_stderr(void)
{
    ops()->file_give_up(current_worker->system->world);
}

void file_request_ended(struct file_request *request)
{
    DCHECK(request->disk->disk.carrier == request);
    request->io.result = request->disk->result;
    worker_post(request->worker, request->owner, &request->io.msg);
}
