/* base/status.c - the outcomes that callers tell apart, by name. */
#include "base/status.h"

static const struct {
    apr_status_t rv;
    const char *text;
} sentences[] = {
    { DJS_EABSENT, "there is no such record" },
    { DJS_ETAKEN, "the key is in use already" },
    { DJS_ETOOBIG, "more than the limit allows" },
    { DJS_ETROUBLE, "the store can not answer now" },
    { DJS_ETIMEOUT, "the store did not answer in time" },
    { DJS_EFULL, "the store has no space left" },
    { DJS_EUNREADABLE, "the record does not open" },
    { DJS_EINVALID, "malformed input" },
    { DJS_ETYPE, "a value of the wrong type" },
    { DJS_ERANDOM, "the random generator failed" },
    { DJS_EMOVED, "the session has another key by now" },
    { DJS_ESITE, "the Django site alone can do that: its logins, and sessions "
                 "with values that are not JSON" },
};

const char *djs_status_text(apr_status_t rv, char *buf, apr_size_t size)
{
    for (apr_size_t i = 0; i < sizeof(sentences) / sizeof(*sentences); i++) {
        if (sentences[i].rv == rv) {
            return sentences[i].text;
        }
    }
    if (size == 0) {
        return "";
    }
    return apr_strerror(rv, buf, size);
}
