/* memcache_epoch.c - epochs that this process has asked for just now. */
#include <string.h>
#include "base/clock.h"
#include "store/memcache_epoch.h"

/* Names are short of a store key's most; what is longer is not remembered. */
static djs_mcepoch_t *find(djs_link_t *link, djs_bytes_t name)
{
    for (int i = 0; i < DJS_MC_EPOCHS; i++) {
        djs_mcepoch_t *known = &link->epochs[i];

        if (known->len == name.len &&
            memcmp(known->name, name.data, name.len) == 0) {
            return known;
        }
    }
    return NULL;
}

int djs_mcepoch_recall(apr_uint64_t *epoch, djs_link_t *link, djs_bytes_t name)
{
    djs_mcepoch_t *known;
    int fresh;

    apr_thread_mutex_lock(link->mutex);
    known = find(link, name);
    fresh = known && djs_clock_steady() - known->asked < DJS_MC_LEASE;
    if (fresh) {
        *epoch = known->epoch;
    }
    apr_thread_mutex_unlock(link->mutex);
    return fresh;
}

void djs_mcepoch_note(djs_link_t *link, djs_bytes_t name, apr_uint64_t epoch,
                      apr_time_t asked)
{
    djs_mcepoch_t *known;

    if (name.len > sizeof known->name) {
        return;
    }
    apr_thread_mutex_lock(link->mutex);
    known = find(link, name);
    if (!known) { /* the oldest makes room */
        known = &link->epochs[0];
        for (int i = 1; i < DJS_MC_EPOCHS; i++) {
            if (link->epochs[i].asked < known->asked) {
                known = &link->epochs[i];
            }
        }
        memset(known, 0, sizeof *known);
    }
    if (asked >= known->asked) {
        memcpy(known->name, name.data, name.len);
        known->len = name.len;
        known->epoch = epoch;
        known->asked = asked;
    }
    apr_thread_mutex_unlock(link->mutex);
}
