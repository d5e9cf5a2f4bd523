/* codec/django.h - what may come of reading what Django wrote.
 *
 * These are answers, not failures: each asks for something else. The numbers
 * are the exit codes of djsessionctl decode. */
#ifndef DJS_CODEC_DJANGO_H
#define DJS_CODEC_DJANGO_H

typedef enum {
    DJS_DJANGO_OK = 0,
    DJS_DJANGO_TROUBLE = 1,       /* no memory, or OpenSSL fails: not known */
    DJS_DJANGO_BAD_SIGNATURE = 3, /* nothing behind it was looked at */
    DJS_DJANGO_EXPIRED = 4,
    DJS_DJANGO_NOT_JSON = 5,    /* signed, and can not be decoded */
    DJS_DJANGO_NOT_OBJECT = 6,  /* decodes, but a session is a dict */
    DJS_DJANGO_MALFORMED = 7,   /* a broken pickle or frame */
    DJS_DJANGO_UNSUPPORTED = 8, /* harmless, but no JSON says it */
    DJS_DJANGO_MALICIOUS = 9    /* asks for code, or costs too much */
} djs_django_e;

/* Containers inside each other, at most: Python's json gives up near 1000.
 * What is nested above DJS_JSON_DEPTH can be shown, but not be a session. */
#define DJS_DJANGO_DEPTH 980

/* A sentence for a verdict; lives for ever. */
const char *djs_django_text(djs_django_e verdict);

#endif
