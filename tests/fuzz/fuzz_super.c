/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_super -- a super block whose checksum is made right: what is accepted is written again, the same. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/checksum.h"
#include "store/format/little.h"
#include "store/format/super_block.h"

enum { AT_HASH = 4088 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char at[SUPER_BLOCK_SIZE] = {0};
    struct super_block block;
    memcpy(at, data, size < sizeof at ? size : sizeof at);
    int raw = super_block_read(at, &block);
    put_u64(at + AT_HASH,
            checksum(checksum_seed(get_u64("MYELINST"), SUPER_BLOCK_SIZE, 0), at, AT_HASH));
    int sealed = super_block_read(at, &block);
    CHECK(implies(raw == 0, sealed == 0));
    if (sealed != 0)
        return 0;
    char again[SUPER_BLOCK_SIZE];
    super_block_write(&block, again);
    CHECK(memcmp(at, again, sizeof at) == 0);
    return 0;
}
