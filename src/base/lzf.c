#include "base/lzf.h"

#include <limits.h>
#include <lzf.h>

size_t lzf_pack(struct slice text, char *out, size_t room) {
    if (text.size > UINT_MAX || room > UINT_MAX) return 0;
    return lzf_compress(text.data, (unsigned)text.size, out, (unsigned)room);
}

bool lzf_unpack(struct slice packed, char *out, size_t size) {
    if (packed.size == 0 || size == 0 || packed.size > UINT_MAX || size > UINT_MAX) return false;
    return lzf_decompress(packed.data, (unsigned)packed.size, out, (unsigned)size) == size;
}
