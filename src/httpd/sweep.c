/* httpd/sweep.c - removes expired records in the background, by mod_watchdog.
 *
 * The watchdog is a singleton: one child of one httpd runs it. Each call works
 * in slices for a second at most; what is left waits for the next beat, so
 * that a child that shall stop can. */
#include <apr_optional.h>
#include <httpd.h>
#include <http_log.h>
#include <mod_watchdog.h>
#include "base/clock.h"
#include "httpd/server.h"
#include "httpd/sweep.h"

APLOG_USE_MODULE(djsession);

#define SLICE_PAUSE  apr_time_from_msec(2)
#define SLICE_TIME   apr_time_from_msec(200) /* deadline of one slice */
#define BEAT_TIME    apr_time_from_sec(1)    /* most work in one call */
#define NEXT_AT_ONCE AP_WD_TM_SLICE

static APR_OPTIONAL_FN_TYPE(ap_watchdog_set_callback_interval) * set_interval;
static ap_watchdog_t *watchdog;

static apr_status_t sweep_until(djs_back_t *back, djs_sweep_t *did,
                                apr_time_t end, apr_pool_t *p)
{
    apr_status_t rv = APR_EAGAIN;
    apr_pool_t *scratch;

    apr_pool_create(&scratch, p);
    while (APR_STATUS_IS_EAGAIN(rv) && djs_clock_steady() < end) {
        djs_call_t call = { apr_time_now(), djs_clock_steady() + SLICE_TIME,
                            0 };

        rv = djs_store_sweep(back->store, did, call, scratch);
        apr_pool_clear(scratch);
        apr_sleep(SLICE_PAUSE);
    }
    apr_pool_destroy(scratch);
    return rv;
}

static apr_status_t beat(int what, void *data, apr_pool_t *p)
{
    djs_back_t *back = data;
    djs_sweep_t did = { 0, 0, 0, 0 };
    apr_status_t rv;
    char text[160];

    if (what != AP_WATCHDOG_STATE_RUNNING || !djs_server_ready(back)) {
        return APR_SUCCESS;
    }
    rv = sweep_until(back, &did, djs_clock_steady() + BEAT_TIME, p);
    if (rv != APR_SUCCESS && rv != DJS_EABSENT && !APR_STATUS_IS_EAGAIN(rv)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, back->s,
                     "DJS104: expired records of %s stay for now: %s",
                     djs_store_name(back->store),
                     djs_status_text(rv, text, sizeof text));
    }
    else if (did.removed > 0 || did.compacted > 0) {
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, back->s,
                     "DJS105: removed %" APR_UINT64_T_FMT
                     " expired records of %" APR_UINT64_T_FMT
                     " in %s, rewrote %" APR_UINT64_T_FMT
                     " files, longest lock %" APR_TIME_T_FMT " us",
                     did.removed, did.seen, djs_store_name(back->store),
                     did.compacted, did.longest_hold);
    }
    set_interval(watchdog,
                 APR_STATUS_IS_EAGAIN(rv) ? NEXT_AT_ONCE : back->sweep_every,
                 back, beat);
    return APR_SUCCESS;
}

int djs_sweep_register(apr_pool_t *pconf, server_rec *s)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get_instance =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *add =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    const apr_array_header_t *backs = djs_server_backs();
    apr_status_t rv;
    int i;

    if (backs == NULL || backs->nelts == 0) {
        return OK;
    }
    set_interval = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_set_callback_interval);
    if (get_instance == NULL || add == NULL || set_interval == NULL) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "DJS003: mod_watchdog is not loaded, so expired records"
                     " stay in the store: load it, or run `djsessionctl sweep`"
                     " from cron");
        return OK;
    }
    rv = get_instance(&watchdog, "_djsession_sweep_", 0, 1, pconf);
    for (i = 0; i < backs->nelts && rv == APR_SUCCESS; i++) {
        djs_back_t *back = APR_ARRAY_IDX(backs, i, djs_back_t *);

        rv = add(watchdog, back->sweep_every, back, beat);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, rv, s,
                     "DJS004: mod_watchdog refuses the sweep of stores");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}
