/* codec/django_sign.h - the signed text in which Django keeps sessions.
 *
 *     [.]PAYLOAD:TIMESTAMP:SIGNATURE
 *
 * in a row, a file or a cookie. The signature is checked before anything else
 * is looked at, as text and in constant time; then the age; then the payload
 * is inflated, into a bounded buffer; only then it is read. */
#ifndef DJS_CODEC_DJANGO_SIGN_H
#define DJS_CODEC_DJANGO_SIGN_H

#include <apr_pools.h>
#include <apr_time.h>
#include "base/bytes.h"
#include "base/status.h"
#include "codec/django.h"

#define DJS_DJANGO_SALT        "django.contrib.sessions.SessionStore"
#define DJS_DJANGO_COOKIE_SALT "django.contrib.sessions.backends.signed_cookies"

typedef struct {
    const djs_bytes_t *secrets; /* SECRET_KEY, then SECRET_KEY_FALLBACKS */
    int count;                  /* of them; at least one */
    djs_bytes_t salt;
    int legacy; /* nonzero: what Django 3.2 and earlier signed with SHA-1 */
    apr_interval_time_t max_age; /* below 0: any age will do */
    apr_time_t now;
} djs_django_signer_t;

/* Verifies and decodes. `*json`, in `p`, is a normal object (codec/json.h)
 * with numbers as they were; a member may stand twice, as in djs_json_normal.
 * Else DJS_DJANGO_BAD_SIGNATURE, _EXPIRED, _NOT_JSON, _NOT_OBJECT,
 * _MALICIOUS: more than `ceiling` bytes, or _TROUBLE. With `legacy` the form
 * before Django 3.1 is read too, if the salt is one that it had. */
djs_django_e djs_django_loads(djs_bytes_t *json, djs_bytes_t text,
                              const djs_django_signer_t *signer,
                              apr_size_t ceiling, apr_pool_t *p);

/* A normal object as Django would write it at `now`: under the first secret,
 * compressed when that is shorter. DJS_ETROUBLE: OpenSSL or memory fails. */
apr_status_t djs_django_dumps(djs_bytes_t *out, djs_bytes_t json,
                              const djs_django_signer_t *signer, apr_pool_t *p);

/* Renews a signed text: the same payload, with the time `now` and the first
 * secret. Verdicts are those of djs_django_loads() up to the age; the payload
 * is not looked into. What is of the form before 3.1 can not be renewed. */
djs_django_e djs_django_resign(djs_bytes_t *out, djs_bytes_t text,
                               const djs_django_signer_t *signer,
                               apr_pool_t *p);

/* When a text was signed, as it says; 0 when it says nothing. Only of a text
 * that djs_django_loads() has found good is it true. */
apr_time_t djs_django_signed_at(djs_bytes_t text);

/* HMAC under the hash of salt and secret, Django's salted_hmac, in lower-case
 * hex of 64 digits (SHA-256) or 40 (SHA-1) in `p`. NULL when OpenSSL fails. */
const char *djs_django_salted_hmac(djs_bytes_t salt, djs_bytes_t secret,
                                   djs_bytes_t value, int sha1, apr_pool_t *p);

#endif
