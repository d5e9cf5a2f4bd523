/* base/status.h - the outcomes that callers tell apart, by name.
 *
 * They share apr_status_t with APR's own codes. Hit, miss and trouble are
 * three answers: only DJS_EABSENT means "there is no such session"; every
 * status that is not named here counts as trouble. */
#ifndef DJS_BASE_STATUS_H
#define DJS_BASE_STATUS_H

#include <apr_errno.h>

#define DJS_STATUS_BASE (APR_OS_START_USERERR + 4200)

#define DJS_EABSENT     (DJS_STATUS_BASE + 1) /* no such record, or expired */
#define DJS_ETAKEN      (DJS_STATUS_BASE + 2) /* the key is in use already */
#define DJS_ETOOBIG     (DJS_STATUS_BASE + 3) /* over a limit; nothing done */
#define DJS_ETROUBLE    (DJS_STATUS_BASE + 4) /* the store can not answer */
#define DJS_ETIMEOUT    (DJS_STATUS_BASE + 5) /* trouble: the deadline passed */
#define DJS_EFULL       (DJS_STATUS_BASE + 6) /* trouble: no space left */
#define DJS_EUNREADABLE (DJS_STATUS_BASE + 7) /* this record does not open */
#define DJS_EINVALID    (DJS_STATUS_BASE + 8) /* malformed input */
#define DJS_ETYPE       (DJS_STATUS_BASE + 9) /* well formed, of wrong type */
#define DJS_ERANDOM     (DJS_STATUS_BASE + 10) /* the generator failed */
#define DJS_EMOVED      (DJS_STATUS_BASE + 11) /* it has another key */
#define DJS_ESITE       (DJS_STATUS_BASE + 12) /* the Django site alone may */

/* The last of them: those from DJS_EABSENT to here have names. */
#define DJS_STATUS_LAST DJS_ESITE

/* A sentence for `rv`, ours or APR's; lives in `buf`, of `size` bytes, or for
 * ever. Never names a key or a value. */
const char *djs_status_text(apr_status_t rv, char *buf, apr_size_t size);

#endif
