/* tool/translate.c - Django's bytes to JSON and back, from the shell.
 *
 * Touches no store: bytes come in on standard input and go out on standard
 * output. What decode prints is what Python's json.dumps would. */
#include "tool/translate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <apr_strings.h>
#include "base/buf.h"
#include "codec/base64.h"
#include "codec/django_cache.h"
#include "codec/django_sign.h"
#include "codec/json.h"
#include "codec/pickle.h"
#include "codec/secret.h"

#define KEYS        16                 /* --secret-file and --fallback-file */
#define MOST_INPUT  (32 * 1024 * 1024) /* bytes */
#define MOST_OUTPUT (8 * 1024 * 1024)  /* inflated, decoded */
#define FAILED      1
#define USAGE       2

typedef enum { SIGNED, PICKLE, FILECACHE, DBCACHE } format_e;

typedef struct {
    const char *format; /* as it was said */
    format_e kind;
    const char *secret; /* --secret-file */
    const char *fallbacks[KEYS];
    int fallback_count;
    const char *salt;
    const char *max_age;
    const char *now;
    const char *flags;
    int legacy;
    djs_django_signer_t signer;
    apr_uint32_t bits; /* --flags */
    apr_pool_t *p;
} job_t;

static int complain(int status, const char *sentence)
{
    fprintf(stderr, "djsessionctl: %s\n", sentence);
    if (status == USAGE) {
        fprintf(stderr, "djsessionctl --help says more\n");
    }
    return status;
}

/* ------------------------------------------------------------- the options */

/* Where the value of an option goes; NULL when there is no such option, and a
 * flag when it has none. */
static const char **place_of(job_t *job, const char *name)
{
    const struct {
        const char *name;
        const char **place;
    } known[] = {
        { "--format", &job->format },      { "--salt", &job->salt },
        { "--secret-file", &job->secret }, { "--now", &job->now },
        { "--max-age", &job->max_age },    { "--flags", &job->flags }
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (strcmp(name, known[i].name) == 0) {
            return known[i].place;
        }
    }
    if (strcmp(name, "--fallback-file") == 0 &&
        job->fallback_count < KEYS - 1) {
        return &job->fallbacks[job->fallback_count++];
    }
    return NULL;
}

static const char *take_words(job_t *job, int argc, const char *const *argv)
{
    for (int i = 1; i < argc; i++) {
        const char **place;

        if (strcmp(argv[i], "--legacy") == 0) {
            job->legacy = 1;
            continue;
        }
        place = place_of(job, argv[i]);
        if (!place) {
            return apr_psprintf(job->p,
                                "%s: no option of %s, or too often; there are "
                                "--format, --secret-file, --fallback-file, "
                                "--salt, --max-age, --now, --flags, --legacy",
                                argv[i], argv[0]);
        }
        if (i + 1 == argc) {
            return apr_psprintf(job->p, "%s needs a value", argv[i]);
        }
        *place = argv[++i];
    }
    return NULL;
}

static const char *set_format(job_t *job)
{
    static const char *const names[] = { "django-signed", "django-pickle",
                                         "django-filecache", "django-dbcache" };

    for (int i = 0; job->format && i < 4; i++) {
        if (strcmp(job->format, names[i]) == 0) {
            job->kind = (format_e)i;
            return NULL;
        }
    }
    return "--format is one of django-signed, django-pickle, "
           "django-filecache, django-dbcache";
}

/* Seconds with a fraction or none, as microseconds. */
static int read_seconds(apr_time_t *out, const char *text)
{
    apr_size_t whole = strspn(text + (*text == '-'), "0123456789");
    const char *at = text + (*text == '-') + whole;
    apr_time_t micro = 0;

    if (whole == 0 || whole > 12) {
        return 0;
    }
    if (*at == '.') {
        apr_time_t unit = APR_USEC_PER_SEC;

        for (at++; *at >= '0' && *at <= '9'; at++) {
            unit /= 10;
            micro += (*at - '0') * unit;
        }
    }
    *out = apr_time_from_sec(apr_strtoi64(text, NULL, 10));
    *out += *text == '-' ? -micro : micro;
    return *at == '\0';
}

static const char *set_numbers(job_t *job)
{
    char *end = NULL;

    job->signer.now = apr_time_now();
    job->signer.max_age = -1;
    job->bits = DJS_FLAG_PICKLE;
    if (job->now && !read_seconds(&job->signer.now, job->now)) {
        return "--now is a time in seconds since 1970";
    }
    if (job->max_age && (!read_seconds(&job->signer.max_age, job->max_age) ||
                         job->signer.max_age < 0)) {
        return "--max-age is a number of seconds";
    }
    if (job->flags) {
        job->bits = (apr_uint32_t)strtoul(job->flags, &end, 10);
        if (end == job->flags || *end != '\0') {
            return "--flags is the number that memcached keeps with a value";
        }
    }
    return NULL;
}

/* SECRET_KEY and those before it; only a signed text has any. */
static const char *read_keys(job_t *job)
{
    djs_bytes_t *keys = apr_pcalloc(job->p, KEYS * sizeof(*keys));
    const char *wrong = djs_secret_read_line(&keys[0], job->secret, job->p);

    for (int i = 0; i < job->fallback_count && !wrong; i++) {
        wrong = djs_secret_read_line(&keys[i + 1], job->fallbacks[i], job->p);
    }
    job->signer.secrets = keys;
    job->signer.count = job->fallback_count + 1;
    job->signer.salt = djs_bytes(job->salt ? job->salt : DJS_DJANGO_SALT);
    job->signer.legacy = job->legacy;
    return wrong;
}

/* 0, or how it ends. */
static int set_up(job_t *job, int argc, const char *const *argv)
{
    const char *wrong = take_words(job, argc, argv);

    wrong = wrong ? wrong : set_format(job);
    wrong = wrong ? wrong : set_numbers(job);
    if (!wrong && job->kind == SIGNED && !job->secret) {
        wrong = "django-signed needs --secret-file FILE, whose first line is "
                "the site's SECRET_KEY";
    }
    if (wrong) {
        return complain(USAGE, wrong);
    }
    wrong = job->kind == SIGNED ? read_keys(job) : NULL;
    return wrong ? complain(FAILED, wrong) : 0;
}

/* ----------------------------------------------------------------- the work */

static const char *read_input(djs_bytes_t *out, apr_pool_t *p)
{
    char chunk[8192];
    djs_buf_t buf;
    size_t got;

    djs_buf_init(&buf, MOST_INPUT, p);
    while ((got = fread(chunk, 1, sizeof(chunk), stdin)) > 0 && !buf.failed) {
        djs_buf_add(&buf, djs_bytes_of(chunk, got));
    }
    if (ferror(stdin)) {
        return "standard input could not be read";
    }
    return djs_buf_take(out, &buf) == APR_SUCCESS
               ? NULL
               : "there is more on standard input than a session can be";
}

static int write_output(djs_bytes_t text, int line)
{
    fwrite(text.data, 1, text.len, stdout);
    if (line) {
        putchar('\n');
    }
    return fflush(stdout) != 0 || ferror(stdout)
               ? complain(FAILED, "the output could not be written")
               : 0;
}

/* JSON as Python writes it after reading it: 1.50 is 1.5, and of two members
 * of a name the last one is left. The way there is through its values. */
static djs_bytes_t as_python(djs_bytes_t json, apr_pool_t *p)
{
    djs_pickle_t plain;
    djs_bytes_t pickle;

    return djs_pickle_write(&pickle, json, MOST_OUTPUT * 4, p) == APR_SUCCESS &&
                   djs_pickle_read(&plain, pickle, MOST_OUTPUT, p) ==
                       DJS_DJANGO_OK
               ? plain.json
               : json;
}

static djs_django_e decode(djs_bytes_t *json, djs_bytes_t input,
                           const job_t *job)
{
    djs_pickle_t read = { { "", 0 }, 0 };
    djs_django_e verdict;

    switch (job->kind) {
    case SIGNED:
        verdict =
            djs_django_loads(json, input, &job->signer, MOST_OUTPUT, job->p);
        *json = verdict == DJS_DJANGO_OK ? as_python(*json, job->p) : *json;
        return verdict;
    case FILECACHE:
        verdict = djs_django_file_read(&read, input, job->signer.now,
                                       MOST_OUTPUT, job->p);
        break;
    case DBCACHE:
        verdict = djs_django_row_read(&read, input, MOST_OUTPUT, job->p);
        break;
    default:
        verdict = djs_django_flagged_read(&read, input, job->bits, MOST_OUTPUT,
                                          job->p);
        break;
    }
    *json = read.json;
    return verdict;
}

static apr_status_t encode(djs_bytes_t *out, djs_bytes_t json, const job_t *job)
{
    const djs_django_signer_t *signer = &job->signer;
    apr_time_t expires = 0;
    djs_bytes_t pickle;
    apr_status_t rv;

    if (job->kind == SIGNED) {
        return djs_django_dumps(out, json, signer, job->p);
    }
    rv = djs_pickle_write(&pickle, json, MOST_INPUT, job->p);
    if (rv != APR_SUCCESS || job->kind == PICKLE) {
        *out = pickle;
        return rv;
    }
    if (job->kind == DBCACHE) {
        *out = djs_base64_encode(pickle, DJS_BASE64_STANDARD, job->p);
        return APR_SUCCESS;
    }
    if (signer->max_age >= 0) {
        expires = signer->now + signer->max_age;
    }
    return djs_django_file_write(out, pickle, expires, job->p);
}

static int run_encode(djs_bytes_t input, const job_t *job)
{
    djs_bytes_t json;
    djs_bytes_t out;
    apr_status_t rv = djs_json_normal_deep(&json, input, MOST_INPUT,
                                           DJS_DJANGO_DEPTH, job->p);
    char text[160];

    if (rv != APR_SUCCESS) {
        return complain(DJS_DJANGO_NOT_JSON, "standard input is no JSON");
    }
    if (djs_json_kind(json) != DJS_JSON_OBJECT) {
        return complain(DJS_DJANGO_NOT_OBJECT,
                        "standard input is JSON, but no object");
    }
    rv = encode(&out, json, job);
    return rv == APR_SUCCESS
               ? write_output(out, 0)
               : complain(FAILED, djs_status_text(rv, text, sizeof(text)));
}

static const char *why(djs_django_e verdict, djs_bytes_t input,
                       const job_t *job)
{
    const char *text = djs_django_text(verdict);

    if (verdict != DJS_DJANGO_BAD_SIGNATURE) {
        return text;
    }
    if (input.len > 0 && input.data[input.len - 1] == '\n') {
        return apr_pstrcat(job->p, text,
                           ", or the end of line behind it is too much: it is "
                           "none of the session's bytes (`tr -d '\\n'`)",
                           NULL);
    }
    return job->salt ? text
                     : apr_pstrcat(job->p, text,
                                   ": a cookie takes --salt "
                                   "django.contrib.sessions.backends."
                                   "signed_cookies",
                                   NULL);
}

int djs_translate_knows(const char *command)
{
    return strcmp(command, "decode") == 0 || strcmp(command, "encode") == 0;
}

const char *djs_translate_usage(void)
{
    return "\n  decode       Django's bytes on standard input, as JSON\n"
           "  encode       JSON on standard input, as Django's bytes\n"
           "\n  --format FORMAT     django-signed, django-pickle,\n"
           "                      django-filecache or django-dbcache\n"
           "  --secret-file FILE  its first line is SECRET_KEY\n"
           "  --fallback-file FILE  one of SECRET_KEY_FALLBACKS, in order\n"
           "  --salt SALT         default: " DJS_DJANGO_SALT "\n"
           "  --max-age SECONDS   older is expired; default: any age\n"
           "  --now UNIXTIME      default: the clock\n"
           "  --flags NUMBER      of memcached, for django-pickle; default: 1\n"
           "  --legacy            SHA-1 and Django before 3.1 as well\n";
}

int djs_translate_run(int argc, const char *const *argv, apr_pool_t *p)
{
    job_t job = { .p = p };
    djs_bytes_t input;
    djs_bytes_t json;
    djs_django_e verdict;
    const char *wrong;
    int status = set_up(&job, argc, argv);

    if (status) {
        return status;
    }
    wrong = read_input(&input, p);
    if (wrong) {
        return complain(FAILED, wrong);
    }
    if (strcmp(argv[0], "encode") == 0) {
        return run_encode(input, &job);
    }
    verdict = decode(&json, input, &job);
    return verdict == DJS_DJANGO_OK
               ? write_output(json, 1)
               : complain((int)verdict, why(verdict, input, &job));
}
