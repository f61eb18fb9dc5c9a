/* The text of a configuration file with the values that changed at run time put in their places.
 *
 * Everything else stays as it is, byte for byte: comments, order, nesting, quotes, line ends. A value that stands in
 * the file is replaced where it stands, item by item in lists and maps; one that does not is added at the end under a
 * comment line. Touched are only parameters that CONFIG SET or the command line changed, or whose owner knows the live
 * value (a binding's `get`). Before the new text is given out it is read again and must say what is in force.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/yaml_read.h"

/* `path` names the file in errors and says where its includes are (NULL as `directory`: there are none). `out` is
 * empty before. False: the file cannot be read as a configuration any more, or a value cannot be expressed. */
MUST_USE bool yaml_rewrite(struct params *params, struct slice text, const char *path, const char *directory,
                           struct bytes *out, struct error *err);
