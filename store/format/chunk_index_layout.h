/* SPDX-License-Identifier: Apache-2.0 */
/* chunk_index_layout.h -- what writer and reader of a raw index share.
 *
 *     records u32, frames u32, subjects u32, size of all subjects u32, first sequence u64, first time i64,
 *     zero 16                                                                          = 48 bytes
 *     frames x { stored size of the piece u32, records u32 }
 *     records x { sequences left out before it, step of its time (signed), subject number, head, payload }
 *     subjects x { bytes shared with the one before, size of the rest, the rest }
 */
#ifndef STORE_FORMAT_CHUNK_INDEX_LAYOUT_H
#define STORE_FORMAT_CHUNK_INDEX_LAYOUT_H

enum { INDEX_HEADER_SIZE = 48, INDEX_FRAME_SIZE = 8 };

#endif
