/* codec/django_auth.h - what Django checks of a login: the hash that a session
 * keeps of the stored password, and the password itself. */
#ifndef DJS_CODEC_DJANGO_AUTH_H
#define DJS_CODEC_DJANGO_AUTH_H

#include <apr_pools.h>
#include "base/bytes.h"

typedef enum {
    DJS_PASSWORD_RIGHT,
    DJS_PASSWORD_WRONG,  /* also: no password can be right */
    DJS_PASSWORD_UNKNOWN /* of a kind that is not checked here, damaged, or
                          * OpenSSL fails: neither right nor wrong */
} djs_password_e;

/* DJS_PASSWORD_RIGHT when `hash`, a session's _auth_user_hash, was made of
 * `stored`, the user's password column, under one of `count` secrets:
 * SECRET_KEY first, then its fallbacks. With `legacy` also as Django before 3.1
 * made it, with SHA-1. Takes the same time wherever a hash differs. _UNKNOWN:
 * OpenSSL fails. */
djs_password_e djs_django_auth_hash(djs_bytes_t hash, djs_bytes_t stored,
                                    const djs_bytes_t *secrets, int count,
                                    int legacy, apr_pool_t *p);

/* Is `password` (UTF-8, as it was typed) the one that `stored` is of? Kinds:
 * pbkdf2_sha256, pbkdf2_sha1, scrypt where OpenSSL has it, and "!..." which
 * never is right. Takes the time that the stored hash asks for, up to about a
 * minute of it; more is DJS_PASSWORD_UNKNOWN. */
djs_password_e djs_django_password(djs_bytes_t stored, djs_bytes_t password,
                                   apr_pool_t *p);

#endif
