/* codec/pickle_ops.c - opcodes of a pickle and the arguments behind them. */
#include "codec/pickle_ops.h"

#include "codec/pickle.h"

#define STOP          '.'
#define PROTO         0x80
#define MOST_PROTOCOL 5

/* What follows an opcode, and what it may do. */
typedef enum {
    UNKNOWN = 0,
    NONE,
    FIXED1,
    FIXED2,
    FIXED4,
    FIXED8,
    COUNTED1, /* a length of so many bytes, then as many bytes */
    COUNTED4,
    COUNTED8,
    SIGNED4, /* as COUNTED4, but the length has a sign */
    LINE,
    FRAMED,  /* the length of a frame, which must be there */
    ODD,     /* plain data, but no pickler writes it for plain data */
    PYTHON2, /* the repr of a byte string */
    CODE     /* imports, calls, builds, or reaches outside */
} shape_e;

static const unsigned char shapes[256] = {
    ['('] = NONE,      ['.'] = NONE,      [')'] = NONE,      ['N'] = NONE,
    [']'] = NONE,      ['a'] = NONE,      ['d'] = NONE,      ['e'] = NONE,
    ['l'] = NONE,      ['s'] = NONE,      ['t'] = NONE,      ['u'] = NONE,
    ['}'] = NONE,      [0x85] = NONE,     [0x86] = NONE,     [0x87] = NONE,
    [0x88] = NONE,     [0x89] = NONE,     [0x8f] = NONE,     [0x90] = NONE,
    [0x91] = NONE,     [0x94] = NONE,     ['K'] = FIXED1,    ['h'] = FIXED1,
    ['q'] = FIXED1,    [PROTO] = FIXED1,  ['M'] = FIXED2,    ['J'] = FIXED4,
    ['j'] = FIXED4,    ['r'] = FIXED4,    ['G'] = FIXED8,    ['C'] = COUNTED1,
    ['U'] = COUNTED1,  [0x8a] = COUNTED1, [0x8c] = COUNTED1, ['B'] = COUNTED4,
    ['X'] = COUNTED4,  ['T'] = SIGNED4,   [0x8b] = SIGNED4,  [0x8d] = COUNTED8,
    [0x8e] = COUNTED8, [0x96] = COUNTED8, ['F'] = LINE,      ['I'] = LINE,
    ['L'] = LINE,      ['V'] = LINE,      ['g'] = LINE,      ['p'] = LINE,
    [0x95] = FRAMED,   ['0'] = ODD,       ['1'] = ODD,       ['2'] = ODD,
    ['S'] = PYTHON2,   ['P'] = CODE,      ['Q'] = CODE,      ['R'] = CODE,
    ['b'] = CODE,      ['c'] = CODE,      ['i'] = CODE,      ['o'] = CODE,
    [0x81] = CODE,     [0x82] = CODE,     [0x83] = CODE,     [0x84] = CODE,
    [0x92] = CODE,     [0x93] = CODE,     [0x97] = CODE,     [0x98] = CODE,
};

apr_uint64_t djs_pickle_op_number(djs_bytes_t arg)
{
    apr_uint64_t number = 0;

    for (apr_size_t i = arg.len; i > 0; i--) {
        number = number << 8 | (unsigned char)arg.data[i - 1];
    }
    return number;
}

static int take(djs_pickle_op_t *op, apr_uint64_t len)
{
    if ((apr_uint64_t)(op->end - op->at) < len) {
        return 0;
    }
    op->arg = djs_bytes_of(op->at, (apr_size_t)len);
    op->at += len;
    return 1;
}

static int take_counted(djs_pickle_op_t *op, apr_uint64_t width)
{
    return take(op, width) && take(op, djs_pickle_op_number(op->arg));
}

static int take_line(djs_pickle_op_t *op)
{
    const char *end = memchr(op->at, '\n', (apr_size_t)(op->end - op->at));

    if (!end) {
        return 0;
    }
    op->arg = djs_bytes_of(op->at, (apr_size_t)(end - op->at));
    op->at = end + 1;
    return 1;
}

/* The length only: what is in the frame are opcodes again. */
static int take_frame(djs_pickle_op_t *op)
{
    return take(op, 8) &&
           djs_pickle_op_number(op->arg) <= (apr_uint64_t)(op->end - op->at);
}

static int take_argument(djs_pickle_op_t *op, shape_e shape)
{
    switch (shape) {
    case FIXED1:
        return take(op, 1) && (op->op != PROTO ||
                               (unsigned char)*op->arg.data <= MOST_PROTOCOL);
    case FIXED2:
        return take(op, 2);
    case FIXED4:
        return take(op, 4);
    case FIXED8:
        return take(op, 8);
    case COUNTED1:
        return take_counted(op, 1);
    case COUNTED4:
        return take_counted(op, 4);
    case COUNTED8:
        return take_counted(op, 8);
    case SIGNED4: /* read without it a negative length is one too long */
        return take_counted(op, 4) && op->arg.len <= APR_INT32_MAX;
    case FRAMED:
        return take_frame(op);
    case LINE:
    case PYTHON2:
        return take_line(op);
    default:
        return take(op, 0);
    }
}

void djs_pickle_op_init(djs_pickle_op_t *op, djs_bytes_t pickle)
{
    op->at = pickle.len > 0 ? pickle.data : "";
    op->end = op->at + pickle.len;
    op->op = 0;
    op->arg = djs_bytes_of("", 0);
}

djs_django_e djs_pickle_op_next(djs_pickle_op_t *op)
{
    shape_e shape;

    if (op->at == op->end) {
        return DJS_DJANGO_MALFORMED;
    }
    op->op = (unsigned char)*op->at++;
    shape = (shape_e)shapes[op->op];
    if (shape == CODE) {
        return DJS_DJANGO_MALICIOUS;
    }
    if (shape == UNKNOWN || !take_argument(op, shape)) {
        return DJS_DJANGO_MALFORMED;
    }
    return shape == PYTHON2 ? DJS_DJANGO_UNSUPPORTED : DJS_DJANGO_OK;
}

/* Goes on after what is merely odd, for code may stand behind it. */
djs_django_e djs_pickle_scan(djs_bytes_t pickle)
{
    djs_pickle_op_t op;
    djs_django_e worst = DJS_DJANGO_OK;

    djs_pickle_op_init(&op, pickle);
    do {
        djs_django_e verdict = djs_pickle_op_next(&op);

        if (verdict == DJS_DJANGO_MALICIOUS ||
            verdict == DJS_DJANGO_MALFORMED) {
            return verdict;
        }
        if (shapes[op.op] == ODD) {
            worst = DJS_DJANGO_MALFORMED;
        }
        else if (worst == DJS_DJANGO_OK) {
            worst = verdict;
        }
    } while (op.op != STOP);
    return op.at == op.end ? worst : DJS_DJANGO_MALFORMED;
}
