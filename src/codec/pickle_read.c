/* codec/pickle_read.c - the machine that runs a pickle of plain data.
 *
 * As CPython's: a stack of values, marks in it, a memo. What lies below the
 * last mark is out of reach until the mark is taken off. */
#include "codec/pickle.h"

#include <math.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include "codec/base64.h"
#include "codec/pickle_ops.h"
#include "codec/pickle_text.h"
#include "codec/pickle_value.h"
#include "codec/pynumber.h"

typedef struct {
    apr_array_header_t *stack; /* of djs_pickle_value_t * */
    apr_array_header_t *marks; /* of int: heights of the stack */
    apr_array_header_t *memo;  /* of djs_pickle_value_t *; NULL: no such slot */
    int memo_count;            /* slots that are taken */
    int made;                  /* values */
    djs_pickle_op_t op;
    apr_pool_t *p;
} machine_t;

#define VALUE(array, i) APR_ARRAY_IDX(array, i, djs_pickle_value_t *)

/* ---------------------------------------------------------------- the stack */

/* Height of the last mark: nothing below it may be touched. */
static int fence(const machine_t *m)
{
    return m->marks->nelts > 0
               ? APR_ARRAY_IDX(m->marks, m->marks->nelts - 1, int)
               : 0;
}

/* The `count` values on top; NULL when there are not so many. */
static djs_pickle_value_t **top(const machine_t *m, int count)
{
    int from = m->stack->nelts - count;

    return from < fence(m) ? NULL : &VALUE(m->stack, from);
}

static djs_django_e push(machine_t *m, djs_pickle_value_t *value)
{
    if (m->stack->nelts >= DJS_PICKLE_VALUES) {
        return DJS_DJANGO_MALICIOUS;
    }
    APR_ARRAY_PUSH(m->stack, djs_pickle_value_t *) = value;
    return DJS_DJANGO_OK;
}

static djs_django_e push_scalar(machine_t *m, djs_pickle_e kind,
                                djs_bytes_t text)
{
    if (++m->made > DJS_PICKLE_VALUES) {
        return DJS_DJANGO_MALICIOUS;
    }
    return push(m, djs_pickle_scalar(kind, text, m->p));
}

static djs_django_e push_container(machine_t *m, djs_pickle_e kind,
                                   djs_pickle_value_t *const *item, int count)
{
    if (++m->made > DJS_PICKLE_VALUES) {
        return DJS_DJANGO_MALICIOUS;
    }
    return push(m, djs_pickle_container(kind, item, count, m->p));
}

/* Takes off `count` values and puts a container of them in their place. */
static djs_django_e gather(machine_t *m, djs_pickle_e kind, int count)
{
    djs_pickle_value_t **item = top(m, count);

    if (!item) {
        return DJS_DJANGO_MALFORMED;
    }
    m->stack->nelts -= count;
    return push_container(m, kind, item, count);
}

/* Takes the last mark off; how many values were above it, or -1. */
static int take_mark(machine_t *m)
{
    int above;

    if (m->marks->nelts == 0) {
        return -1;
    }
    above = m->stack->nelts - fence(m);
    m->marks->nelts--;
    return above;
}

static djs_django_e gather_to_mark(machine_t *m, djs_pickle_e kind)
{
    int count = take_mark(m);

    return count < 0 ? DJS_DJANGO_MALFORMED : gather(m, kind, count);
}

/* ------------------------------------------------------------------ scalars */

static djs_django_e push_text(machine_t *m, djs_pickle_text_e form)
{
    djs_bytes_t text;

    return djs_pickle_text(&text, m->op.arg, form, m->p)
               ? push_scalar(m, DJS_PICKLE_STRING, text)
               : DJS_DJANGO_MALFORMED;
}

static djs_django_e step_utf8(machine_t *m)
{
    return push_text(m, DJS_PICKLE_UTF8);
}

static djs_django_e step_raw(machine_t *m)
{
    return push_text(m, DJS_PICKLE_RAW);
}

static djs_django_e step_ascii(machine_t *m)
{
    return push_text(m, DJS_PICKLE_ASCII);
}

static djs_django_e push_bytes(machine_t *m, djs_pickle_e kind)
{
    djs_bytes_t text = djs_base64_encode(m->op.arg, DJS_BASE64_STANDARD, m->p);

    text = djs_bytes(apr_pstrcat(m->p, "\"", text.data, "\"", NULL));
    return push_scalar(m, kind, text);
}

static djs_django_e step_bytes(machine_t *m)
{
    return push_bytes(m, DJS_PICKLE_BYTES);
}

static djs_django_e step_bytearray(machine_t *m)
{
    return push_bytes(m, DJS_PICKLE_BYTEARRAY);
}

static djs_django_e push_word(machine_t *m, const char *word)
{
    return push_scalar(m, DJS_PICKLE_NUMBER, djs_bytes(word));
}

static djs_django_e step_none(machine_t *m)
{
    return push_word(m, "null");
}

static djs_django_e step_true(machine_t *m)
{
    return push_word(m, "true");
}

static djs_django_e step_false(machine_t *m)
{
    return push_word(m, "false");
}

/* K, M: without a sign. */
static djs_django_e step_small(machine_t *m)
{
    return push_word(
        m, apr_psprintf(m->p, "%u", (unsigned)djs_pickle_op_number(m->op.arg)));
}

/* A number in two's complement. */
static djs_django_e push_integer(machine_t *m, djs_bytes_t bytes)
{
    djs_bytes_t text;
    apr_status_t rv = djs_integer_write(&text, bytes, m->p);

    if (rv == DJS_ETOOBIG) {
        return DJS_DJANGO_UNSUPPORTED; /* Python's json refuses it, too */
    }
    return rv == APR_SUCCESS ? push_scalar(m, DJS_PICKLE_NUMBER, text)
                             : DJS_DJANGO_TROUBLE;
}

static djs_django_e step_long(machine_t *m)
{
    return push_integer(m, m->op.arg);
}

/* Digits, as Python's pickler writes them: no blanks, no other base. */
static djs_django_e push_digits(machine_t *m, djs_bytes_t digits)
{
    djs_bytes_t bytes;
    apr_status_t rv;
    int sign = digits.len > 0 && *digits.data == '-';

    if (digits.len > (apr_size_t)sign + 1 && digits.data[sign] == '0') {
        return DJS_DJANGO_MALFORMED;
    }
    rv = djs_integer_read(&bytes, digits, m->p);
    switch (rv) {
    case APR_SUCCESS:
        return push_integer(m, bytes);
    case DJS_ETOOBIG:
        return DJS_DJANGO_UNSUPPORTED;
    case DJS_ETROUBLE:
        return DJS_DJANGO_TROUBLE;
    default:
        return DJS_DJANGO_MALFORMED;
    }
}

static djs_django_e step_long_line(machine_t *m)
{
    djs_bytes_t line = m->op.arg;

    if (line.len > 0 && line.data[line.len - 1] == 'L') {
        line.len--;
    }
    return push_digits(m, line);
}

static djs_django_e step_int_line(machine_t *m)
{
    if (djs_bytes_equal(m->op.arg, djs_bytes("01"))) {
        return step_true(m);
    }
    if (djs_bytes_equal(m->op.arg, djs_bytes("00"))) {
        return step_false(m);
    }
    return push_digits(m, m->op.arg);
}

static djs_django_e push_float(machine_t *m, double value)
{
    char text[DJS_FLOAT_LEN];

    djs_float_write(text, value);
    return push_word(m, apr_pstrdup(m->p, text));
}

static djs_django_e step_float(machine_t *m)
{
    apr_uint64_t bits = 0;
    double value;

    for (apr_size_t i = 0; i < 8; i++) {
        bits = bits << 8 | (unsigned char)m->op.arg.data[i];
    }
    memcpy(&value, &bits, sizeof(value));
    return push_float(m, value);
}

/* Python's pickle reads "inf", but no digits that are too many for a float. */
static djs_django_e step_float_line(machine_t *m)
{
    djs_bytes_t line = m->op.arg;
    double value;

    if (djs_float_read(&value, line, m->p) != APR_SUCCESS ||
        (isinf(value) && line.data[line.len - 1] <= '9')) {
        return DJS_DJANGO_MALFORMED;
    }
    return push_float(m, value);
}

/* --------------------------------------------------------------- containers */

static djs_django_e step_mark(machine_t *m)
{
    if (m->marks->nelts >= DJS_PICKLE_VALUES) {
        return DJS_DJANGO_MALICIOUS;
    }
    APR_ARRAY_PUSH(m->marks, int) = m->stack->nelts;
    return DJS_DJANGO_OK;
}

static djs_django_e step_empty(machine_t *m)
{
    switch (m->op.op) {
    case '}':
        return push_container(m, DJS_PICKLE_DICT, NULL, 0);
    case ']':
        return push_container(m, DJS_PICKLE_LIST, NULL, 0);
    case ')':
        return push_container(m, DJS_PICKLE_TUPLE, NULL, 0);
    default:
        return push_container(m, DJS_PICKLE_SET, NULL, 0);
    }
}

static djs_django_e step_tuple_of(machine_t *m)
{
    return gather(m, DJS_PICKLE_TUPLE, m->op.op - 0x84);
}

static djs_django_e step_tuple(machine_t *m)
{
    return gather_to_mark(m, DJS_PICKLE_TUPLE);
}

static djs_django_e step_list(machine_t *m)
{
    return gather_to_mark(m, DJS_PICKLE_LIST);
}

/* Each `step`th of them must be hashable. */
static int can_be_keys(djs_pickle_value_t *const *item, int count, int step)
{
    for (int i = 0; i < count; i += step) {
        if (!item[i]->hashable) {
            return 0;
        }
    }
    return count % step == 0;
}

static djs_django_e step_frozenset(machine_t *m)
{
    int count = take_mark(m);

    if (count < 0 || !can_be_keys(top(m, count), count, 1)) {
        return DJS_DJANGO_MALFORMED;
    }
    return gather(m, DJS_PICKLE_FROZENSET, count);
}

static djs_django_e step_dict(machine_t *m)
{
    int count = take_mark(m);

    if (count < 0 || !can_be_keys(top(m, count), count, 2)) {
        return DJS_DJANGO_MALFORMED;
    }
    return gather(m, DJS_PICKLE_DICT, count);
}

/* Moves `count` values into the container below them. */
static djs_django_e put_into(machine_t *m, djs_pickle_e kind, int count)
{
    djs_pickle_value_t **item = count < 0 ? NULL : top(m, count + 1);

    if (!item) {
        return DJS_DJANGO_MALFORMED;
    }
    if (count == 0) { /* as Python: not even looked at */
        return DJS_DJANGO_OK;
    }
    if (item[0]->kind != kind ||
        (kind != DJS_PICKLE_LIST &&
         !can_be_keys(item + 1, count, kind == DJS_PICKLE_DICT ? 2 : 1))) {
        return DJS_DJANGO_MALFORMED;
    }
    djs_pickle_append(item[0], item + 1, count, m->p);
    m->stack->nelts -= count;
    return DJS_DJANGO_OK;
}

static djs_django_e step_append(machine_t *m)
{
    return put_into(m, DJS_PICKLE_LIST, 1);
}

static djs_django_e step_appends(machine_t *m)
{
    return put_into(m, DJS_PICKLE_LIST, take_mark(m));
}

static djs_django_e step_setitem(machine_t *m)
{
    return put_into(m, DJS_PICKLE_DICT, 2);
}

static djs_django_e step_setitems(machine_t *m)
{
    return put_into(m, DJS_PICKLE_DICT, take_mark(m));
}

static djs_django_e step_additems(machine_t *m)
{
    return put_into(m, DJS_PICKLE_SET, take_mark(m));
}

/* ------------------------------------------------------------------ the memo
 */

static djs_django_e put(machine_t *m, apr_uint64_t slot)
{
    djs_pickle_value_t **item = top(m, 1);

    if (!item) {
        return DJS_DJANGO_MALFORMED;
    }
    if (slot >= DJS_PICKLE_MEMO) {
        return DJS_DJANGO_MALICIOUS;
    }
    while ((apr_uint64_t)m->memo->nelts <= slot) {
        APR_ARRAY_PUSH(m->memo, djs_pickle_value_t *) = NULL;
    }
    m->memo_count += VALUE(m->memo, slot) == NULL;
    VALUE(m->memo, slot) = *item;
    return DJS_DJANGO_OK;
}

static djs_django_e get(machine_t *m, apr_uint64_t slot)
{
    if (slot >= (apr_uint64_t)m->memo->nelts || !VALUE(m->memo, slot)) {
        return DJS_DJANGO_MALFORMED;
    }
    return push(m, VALUE(m->memo, slot));
}

static djs_django_e step_memoize(machine_t *m)
{
    return put(m, (apr_uint64_t)m->memo_count);
}

static djs_django_e step_put(machine_t *m)
{
    return put(m, djs_pickle_op_number(m->op.arg));
}

static djs_django_e step_get(machine_t *m)
{
    return get(m, djs_pickle_op_number(m->op.arg));
}

/* The digits of a slot; false for anything else, or more than there can be. */
static int slot_line(apr_uint64_t *slot, djs_bytes_t line)
{
    *slot = 0;
    for (apr_size_t i = 0; i < line.len; i++) {
        if (line.data[i] < '0' || line.data[i] > '9' || i >= 10) {
            return 0;
        }
        *slot = *slot * 10 + (apr_uint64_t)(line.data[i] - '0');
    }
    return line.len > 0;
}

static djs_django_e step_put_line(machine_t *m)
{
    apr_uint64_t slot;

    return slot_line(&slot, m->op.arg) ? put(m, slot) : DJS_DJANGO_MALFORMED;
}

static djs_django_e step_get_line(machine_t *m)
{
    apr_uint64_t slot;

    return slot_line(&slot, m->op.arg) ? get(m, slot) : DJS_DJANGO_MALFORMED;
}

/* ---------------------------------------------------------------- the whole */

/* FRAME and PROTO say how it was written, and were judged when read. */
static djs_django_e step_nothing(machine_t *m)
{
    (void)m;
    return DJS_DJANGO_OK;
}

typedef djs_django_e (*step_fn)(machine_t *m);

static const step_fn steps[256] = {
    ['('] = step_mark,      [')'] = step_empty,      ['B'] = step_bytes,
    ['C'] = step_bytes,     ['F'] = step_float_line, ['G'] = step_float,
    ['I'] = step_int_line,  ['J'] = step_long,       ['K'] = step_small,
    ['L'] = step_long_line, ['M'] = step_small,      ['N'] = step_none,
    ['T'] = step_ascii,     ['U'] = step_ascii,      ['V'] = step_raw,
    ['X'] = step_utf8,      [']'] = step_empty,      ['a'] = step_append,
    ['d'] = step_dict,      ['e'] = step_appends,    ['g'] = step_get_line,
    ['h'] = step_get,       ['j'] = step_get,        ['l'] = step_list,
    ['p'] = step_put_line,  ['q'] = step_put,        ['r'] = step_put,
    ['s'] = step_setitem,   ['t'] = step_tuple,      ['u'] = step_setitems,
    ['}'] = step_empty,     [0x80] = step_nothing,   [0x85] = step_tuple_of,
    [0x86] = step_tuple_of, [0x87] = step_tuple_of,  [0x88] = step_true,
    [0x89] = step_false,    [0x8a] = step_long,      [0x8b] = step_long,
    [0x8c] = step_utf8,     [0x8d] = step_utf8,      [0x8e] = step_bytes,
    [0x8f] = step_empty,    [0x90] = step_additems,  [0x91] = step_frozenset,
    [0x94] = step_memoize,  [0x95] = step_nothing,   [0x96] = step_bytearray,
};

/* Runs up to STOP; the scan has made sure that it comes. */
static djs_django_e run(machine_t *m)
{
    djs_django_e verdict = DJS_DJANGO_OK;

    while (verdict == DJS_DJANGO_OK) {
        verdict = djs_pickle_op_next(&m->op);
        if (verdict != DJS_DJANGO_OK || m->op.op == '.') {
            break;
        }
        verdict = steps[m->op.op] ? steps[m->op.op](m) : DJS_DJANGO_MALFORMED;
    }
    return verdict;
}

djs_django_e djs_pickle_read(djs_pickle_t *out, djs_bytes_t pickle,
                             apr_size_t ceiling, apr_pool_t *p)
{
    machine_t m = { 0 };
    djs_django_e verdict = djs_pickle_scan(pickle);

    out->json = djs_bytes_of("", 0);
    out->writable = 0;
    if (verdict != DJS_DJANGO_OK) {
        return verdict;
    }
    m.p = p;
    m.stack = apr_array_make(p, 16, sizeof(djs_pickle_value_t *));
    m.marks = apr_array_make(p, 16, sizeof(int));
    m.memo = apr_array_make(p, 16, sizeof(djs_pickle_value_t *));
    djs_pickle_op_init(&m.op, pickle);
    verdict = run(&m);
    if (verdict != DJS_DJANGO_OK) {
        return verdict;
    }
    if (m.stack->nelts != 1 || m.marks->nelts != 0) {
        return DJS_DJANGO_MALFORMED;
    }
    if (VALUE(m.stack, 0)->kind != DJS_PICKLE_DICT) {
        return DJS_DJANGO_NOT_OBJECT;
    }
    return djs_pickle_value_write(out, VALUE(m.stack, 0), ceiling, p);
}
