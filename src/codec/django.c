/* codec/django.c - what may come of reading what Django wrote. */
#include "codec/django.h"

const char *djs_django_text(djs_django_e verdict)
{
    switch (verdict) {
    case DJS_DJANGO_OK:
        return "it is a session";
    case DJS_DJANGO_TROUBLE:
        return "it could not be looked at: memory or OpenSSL fails";
    case DJS_DJANGO_BAD_SIGNATURE:
        return "the signature is not of these keys and this salt";
    case DJS_DJANGO_EXPIRED:
        return "it is too old";
    case DJS_DJANGO_NOT_JSON:
        return "signed, but what was signed is not JSON";
    case DJS_DJANGO_NOT_OBJECT:
        return "it decodes, but a session is an object with members";
    case DJS_DJANGO_MALFORMED:
        return "it is damaged, or of another format";
    case DJS_DJANGO_UNSUPPORTED:
        return "it holds values that JSON has no form for";
    case DJS_DJANGO_MALICIOUS:
        return "it asks to run code, or costs more than a session may";
    }
    return "unknown";
}
