/* session/quota.c - at most so many sessions of one user. */
#include <openssl/evp.h>
#include "base/hex.h"
#include "session/quota.h"

#define ENTRY      (DJS_STORE_KEY_LEN / 2) /* bytes of a store key */
#define NAME_LEN   (9 + 2 * 32)            /* "list for " and a SHA-256 */
#define MOST_TRIES 5                       /* logins that may get in between */

/* The list under one user's name, and what is to become of it. */
typedef struct {
    const djs_save_t *v;
    char name[DJS_STORE_KEY_LEN + 1];
    djs_record_place_t at;
    const unsigned char *mine; /* goes to the end, unless it is there */
    apr_time_t until;          /* the list must last so long */
    const unsigned char *gone; /* store keys to be taken out, */
    unsigned char *instead;    /* and what comes into the place of each, */
    const char *kept;          /* if anything does */
    int gone_count;
    unsigned char *entries; /* as written: `count` store keys */
    int count;
} list_t;

static int position(const unsigned char *entries, int count,
                    const unsigned char *entry)
{
    for (int i = 0; i < count; i++) {
        if (memcmp(entries + i * ENTRY, entry, ENTRY) == 0) {
            return i;
        }
    }
    return -1;
}

/* What the list held, without what is gone, and with ours. */
static void make_entries(list_t *list, djs_bytes_t old, apr_pool_t *p)
{
    int had = (int)(old.len / ENTRY);

    list->entries = apr_palloc(p, ((apr_size_t)had + 1) * ENTRY);
    list->count = 0;
    for (int i = 0; i < had; i++) {
        const unsigned char *entry =
            (const unsigned char *)old.data + i * ENTRY;

        int which = position(list->gone, list->gone_count, entry);

        if (which >= 0) {
            entry = list->kept[which] ? list->instead + which * ENTRY : NULL;
        }
        if (entry && position(list->entries, list->count, entry) < 0) {
            memcpy(list->entries + list->count++ * ENTRY, entry, ENTRY);
        }
    }
    if (position(list->entries, list->count, list->mine) < 0) {
        memcpy(list->entries + list->count++ * ENTRY, list->mine, ENTRY);
    }
    if (list->count > DJS_QUOTA_MOST) {
        list->entries += (list->count - DJS_QUOTA_MOST) * ENTRY;
        list->count = DJS_QUOTA_MOST;
    }
}

/* djs_update_fn: a list that can not be read begins anew. */
static apr_status_t write_list(djs_update_t *todo, djs_bytes_t current,
                               void *baton, apr_pool_t *scratch)
{
    list_t *list = baton;
    const djs_place_t *place = list->v->place;
    djs_record_t record;

    if (current.len == 0 ||
        djs_record_open(&record, current, place->mode, list->at, place->ring,
                        scratch) != APR_SUCCESS ||
        record.kind != DJS_RECORD_LIST || record.body.len % ENTRY != 0) {
        memset(&record, 0, sizeof record);
        record.kind = DJS_RECORD_LIST;
        memset(record.tag, '0', DJS_TAG_LEN);
        record.created = list->v->call.now;
    }
    make_entries(list, record.body, list->v->p);
    record.body = djs_bytes_of((const char *)list->entries,
                               (apr_size_t)list->count * ENTRY);
    record.saved = list->v->call.now;
    record.version++;
    record.expires =
        list->until > record.expires ? list->until : record.expires;
    todo->what = DJS_UPDATE_REPLACE;
    todo->expires = record.expires;
    return djs_record_seal(&todo->val, &record, place->mode, list->at,
                           place->ring, scratch);
}

/* Writes the list with our session in it, over whatever is there. */
static apr_status_t save_list(list_t *list)
{
    const djs_save_t *v = list->v;

    return djs_store_change(v->place->store, list->at.store_key, write_list,
                            list, v->call, v->p);
}

/* Follows a store key to where its session is by now: `*entry` becomes that
 * place. DJS_EABSENT: it has ended. */
static apr_status_t find_live(unsigned char *entry, const djs_save_t *v)
{
    char name[DJS_STORE_KEY_LEN + 1];
    djs_record_place_t at = { v->place->ns, { name, DJS_STORE_KEY_LEN } };
    apr_status_t rv = DJS_EMOVED;

    djs_hex_encode(name, entry, ENTRY);
    for (int hops = 0; hops < DJS_ALIAS_HOPS && rv == DJS_EMOVED; hops++) {
        djs_record_t record;
        djs_alias_t next;
        djs_bytes_t bytes;

        rv =
            djs_store_get(v->place->store, at.store_key, v->call, &bytes, v->p);
        if (rv == APR_SUCCESS) {
            rv = djs_record_open(&record, bytes, v->place->mode, at,
                                 v->place->ring, v->p);
        }
        if (rv == APR_SUCCESS && record.kind == DJS_RECORD_SESSION &&
            record.expires <= v->call.now) {
            return DJS_EABSENT;
        }
        if (rv == APR_SUCCESS && record.kind != DJS_RECORD_SESSION) {
            rv = djs_alias_read(&next, &record, NULL, v->place);
            if (rv == APR_SUCCESS) {
                memcpy(name, next.store_key, sizeof name);
                rv = DJS_EMOVED;
            }
        }
    }
    if (rv == APR_SUCCESS) {
        (void)djs_hex_decode(entry, ENTRY, at.store_key);
    }
    return rv == DJS_EMOVED || rv == DJS_EUNREADABLE ? DJS_EABSENT : rv;
}

/* What evict finds: of each entry where its session is by now. */
typedef struct {
    list_t *list;
    unsigned char *place;
    unsigned char *gone;
    char *kept;
    char *live;
} look_t;

/* `entry` is to be taken out, for `place` to stand there, or nothing. */
static void take_out(look_t *look, int i, const unsigned char *place)
{
    list_t *list = look->list;
    int which = list->gone_count++;

    memcpy(look->gone + which * ENTRY, list->entries + i * ENTRY, ENTRY);
    look->kept[which] = place != NULL;
    if (place) {
        memcpy(list->instead + which * ENTRY, place, ENTRY);
    }
}

/* The entry goes, whatever was to come into its place. */
static void drop(look_t *look, int i)
{
    int which = position(look->gone, look->list->gone_count,
                         look->list->entries + i * ENTRY);

    if (which >= 0) {
        look->kept[which] = 0;
    }
    else {
        take_out(look, i, NULL);
    }
}

/* Follows every entry. A session that got new keys may be there several times:
 * it keeps the oldest of its places. */
static apr_status_t look_through(look_t *look, djs_save_t *v)
{
    const list_t *list = look->list;
    apr_status_t rv = APR_SUCCESS;

    for (int i = 0; i < list->count && rv == APR_SUCCESS; i++) {
        unsigned char *entry = list->entries + i * ENTRY;
        unsigned char *place = look->place + i * ENTRY;

        memcpy(place, entry, ENTRY);
        rv = find_live(place, v);
        look->live[i] =
            rv == APR_SUCCESS && position(look->place, i, place) < 0;
        if (look->live[i] && memcmp(place, entry, ENTRY) != 0) {
            take_out(look, i, place);
        }
        else if (!look->live[i] && (rv == APR_SUCCESS || rv == DJS_EABSENT)) {
            take_out(look, i, NULL);
        }
        if (rv == DJS_EABSENT) {
            memset(place, 0, ENTRY);
            rv = APR_SUCCESS;
        }
    }
    return rv;
}

/* Of the oldest ones beyond the limit: those that have ended are taken out of
 * the list, and of the others as many are ended as are too many. */
static apr_status_t evict(list_t *list)
{
    djs_save_t *v = (djs_save_t *)list->v;
    apr_size_t count = (apr_size_t)list->count;
    look_t look = { list, apr_palloc(v->p, count * ENTRY),
                    apr_palloc(v->p, 2 * count * ENTRY),
                    apr_palloc(v->p, 2 * count), apr_palloc(v->p, count) };
    int live = 0;
    apr_status_t rv;

    list->gone = look.gone;
    list->instead = apr_palloc(v->p, 2 * count * ENTRY);
    list->kept = look.kept;
    list->gone_count = 0;
    rv = look_through(&look, v);
    /* The newest ones first: whoever finds the places taken must go. */
    for (int i = list->count - 1; i >= 0 && rv == APR_SUCCESS; i--) {
        char name[DJS_STORE_KEY_LEN + 1];

        if (!look.live[i] || live++ < v->terms->max_per_user) {
            continue;
        }
        djs_hex_encode(name, look.place + i * ENTRY, ENTRY);
        rv = djs_alias_end(v->place, name, v->call, NULL, v->p);
        v->out->evicted += rv == APR_SUCCESS;
        if (rv == APR_SUCCESS || rv == DJS_EABSENT) {
            drop(&look, i);
            rv = APR_SUCCESS;
        }
    }
    return rv;
}

/* The store key of the user's list. */
static apr_status_t name_list(list_t *list, djs_bytes_t user)
{
    unsigned char hash[32];
    char text[NAME_LEN + 1] = "list for ";
    unsigned len;

    if (EVP_Digest(user.data, user.len, hash, &len, EVP_sha256(), NULL) != 1) {
        return DJS_ETROUBLE;
    }
    djs_hex_encode(text + 9, hash, sizeof hash);
    return djs_keyring_store_key(list->v->place->ring, 0, list->v->place->ns,
                                 djs_bytes(text), list->name);
}

/* A list outlives its sessions by as much as they are given. */
static apr_time_t twice_as_far(const djs_record_t *record, apr_time_t now)
{
    apr_interval_time_t left =
        record->expires > now ? record->expires - now : record->age;

    return left < (DJS_STORE_FOREVER - now) / 2 ? now + 2 * left
                                                : DJS_STORE_FOREVER;
}

apr_status_t djs_quota_note(djs_save_t *v, djs_bytes_t user,
                            const djs_record_t *record, djs_bytes_t store_key)
{
    unsigned char mine[ENTRY];
    list_t list = { .v = v, .mine = mine };
    apr_status_t rv = name_list(&list, user);

    list.at.ns = v->place->ns;
    list.at.store_key = djs_bytes_of(list.name, DJS_STORE_KEY_LEN);
    list.until = twice_as_far(record, v->call.now);
    if (rv == APR_SUCCESS && djs_hex_decode(mine, ENTRY, store_key)) {
        rv = DJS_EINVALID;
    }
    if (rv == APR_SUCCESS) {
        rv = save_list(&list);
    }
    for (int i = 0; i < MOST_TRIES && rv == APR_SUCCESS &&
                    list.count > v->terms->max_per_user;
         i++) {
        rv = evict(&list);
        if (rv == APR_SUCCESS) {
            rv = save_list(&list);
        }
    }
    return rv;
}
