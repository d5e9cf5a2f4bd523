/* session/key.h - session keys: 32 characters of a-z0-9, 165 random bits. */
#ifndef DJS_SESSION_KEY_H
#define DJS_SESSION_KEY_H

#include "base/bytes.h"
#include "base/random.h"

#define DJS_KEY_LEN 32

/* Nonzero when `text` has the form of a session key. */
int djs_key_valid(djs_bytes_t text);

/* A fresh key and a NUL (Django: SessionBase._get_new_session_key): bytes of
 * `random` below 252, modulo 36, until there are 32, so that no character is
 * likelier than another. DJS_ERANDOM: `out` is empty. */
apr_status_t djs_key_make(char out[DJS_KEY_LEN + 1], djs_random_fn random);

#endif
