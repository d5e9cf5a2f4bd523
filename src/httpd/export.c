/* httpd/export.c - what programs behind httpd are told, as environment.
 *
 * Values go out whole or not at all: a text with a control character in it (a
 * NUL would cut it, a newline could start a line of its own somewhere) or
 * without a UTF-8 form is left out. */
#include <apr_strings.h>
#include <httpd.h>
#include "httpd/export.h"

static const char *const states[] = { "live", "none", "unavailable",
                                      "unreadable" };

static int is_plain(djs_bytes_t text)
{
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c < ' ' || c == 0x7f) {
            return 0;
        }
    }
    return 1;
}

const char *djs_export_text(const djs_session_t *s, const char *key,
                            apr_pool_t *p)
{
    djs_bytes_t value, text;

    if (s == NULL || s->state != DJS_STATE_LIVE ||
        !djs_json_find(&value, s->record.body, djs_bytes(key))) {
        return NULL;
    }
    if (djs_json_kind(value) != DJS_JSON_STRING) {
        return apr_pstrmemdup(p, value.data, value.len);
    }
    if (djs_json_text(&text, value, p) != APR_SUCCESS || !is_plain(text)) {
        return NULL;
    }
    return text.data;
}

const char *djs_export_state(djs_state_e state)
{
    return states[state];
}

static void set_seconds(request_rec *r, const char *name, apr_time_t t)
{
    apr_table_addn(r->subprocess_env, name, apr_off_t_toa(r->pool, t));
}

static void export_summary(request_rec *r, const djs_session_t *s,
                           const djs_policy_t *policy)
{
    const char *user = djs_export_text(s, policy->user_key, r->pool);

    if (user != NULL) {
        apr_table_addn(r->subprocess_env, "DJSESSION_USER", user);
    }
    apr_table_addn(r->subprocess_env, "DJSESSION_TAG", s->record.tag);
    set_seconds(r, "DJSESSION_CREATED", apr_time_sec(s->record.created));
    set_seconds(r, "DJSESSION_EXPIRES", apr_time_sec(s->record.expires));
}

void djs_export_env(request_rec *r, const djs_session_t *s,
                    const djs_policy_t *policy)
{
    djs_state_e state = s == NULL ? DJS_STATE_NONE : s->state;
    int i;

    if (policy->env != DJS_ENV_OFF) {
        apr_table_addn(r->subprocess_env, "DJSESSION_STATE", states[state]);
        if (state == DJS_STATE_LIVE) {
            export_summary(r, s, policy);
        }
    }
    if (policy->env == DJS_ENV_DATA && state == DJS_STATE_LIVE) {
        apr_table_addn(r->subprocess_env, "DJSESSION_DATA",
                       s->record.body.data);
    }
    for (i = 0; policy->exports != NULL && i < policy->exports->count; i += 2) {
        const char *name = policy->exports->items[i + 1];
        const char *value =
            djs_export_text(s, policy->exports->items[i], r->pool);

        if (value != NULL) {
            apr_table_setn(r->subprocess_env, name, value);
        }
        else {
            apr_table_unset(r->subprocess_env, name);
        }
    }
}
