#!/usr/bin/env perl
# The guards find nothing in the tree as it is, and they do find every kind of
# thing that they are there to find: a guard that cannot fail guards nothing.
use strict;
use warnings FATAL => 'all';
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;

chdir dirname(__FILE__) . '/..' or die "no project around $0: $!\n";

# The smallest unit that every guard is content with.
my $sound = <<'C';
/* base/sound.c - a unit that is as it should be. */
#include "base/sound.h"

int djs_sound(int a)
{
    if (a > 0) {
        return 1;
    }
    return 0;
}
C
my $sound_h = <<'C';
/* base/sound.h - a header that is as it should be. */
#ifndef DJS_BASE_SOUND_H
#define DJS_BASE_SOUND_H

/* Nonzero when `a` is above zero. */
int djs_sound(int a);

#endif
C
my %sound = ('src/base/sound.c' => $sound, 'src/base/sound.h' => $sound_h);

sub unit { return "/* $_[0] - a unit with a fault in it. */\n$_[1]" }

sub with_body {
    my ($body) = @_;
    return unit('base/x.c', "int djs_x(int a)\n{\n$body    return a;\n}\n");
}

my $deep = join '', map { ('    ' x ($_ + 1)) . "if (a > $_) {\n" } 0 .. 3;
$deep .= ('    ' x 5) . "a++;\n";
$deep .= join '', map { ('    ' x ($_ + 1)) . "}\n" } reverse 0 .. 3;

# Guard, what is wrong, the file, its text, what the guard must say.
my @faults = (
    ['check-layers', 'an include that goes upward', 'src/base/x.c',
     unit('base/x.c', qq{#include "codec/json.h"\n}), qr/base\/ \(level 1\)/],
    ['check-layers', 'a store that knows the codec', 'src/store/x.c',
     unit('store/x.c', qq{#include "codec/json.h"\n}), qr/store\/ \(level 2\)/],
    ['check-layers', 'a codec that knows the store', 'src/codec/x.c',
     unit('codec/x.c', qq{#include "store/store.h"\n}), qr/codec\/ \(level/],
    ['check-layers', 'an include without its folder', 'src/store/x.c',
     unit('store/x.c', qq{#include "store.h"\n}), qr/carry its folder/],
    ['check-layers', 'the tool knowing httpd\'s side', 'src/tool/x.c',
     unit('tool/x.c', qq{#include "httpd/hooks.h"\n}), qr/tool\/ \(level 4\)/],
    ['check-layers', 'a header of httpd in pure code', 'src/session/x.c',
     unit('session/x.c', "#include <http_log.h>\n"), qr/httpd's <http_log.h>/],
    ['check-layers', 'request_rec in pure code', 'src/session/x.c',
     unit('session/x.c', "int djs_x(request_rec *r);\n"), qr/request_rec/],
    ['check-layers', 'a call into httpd from pure code', 'src/store/x.c',
     unit('store/x.c', "int x = ap_is_initial_req(0);\n"), qr/ap_is_initial/],
    ['check-layers', 'a module record that looks below httpd/',
     'mod_djsession.c',
     unit('mod_djsession.c', qq{#include "store/store.h"\n}), qr/httpd\//],
    ['check-layers', 'a basename that stands twice', 'src/store/sound.c',
     unit('store/sound.c', ''), qr/same name/],
    ['check-layers', 'headers in a circle', 'src/base/sound.h',
     $sound_h =~ s{#endif}{#include "base/sound.h"\n#endif}r, qr/circle/],

    ['check-style', 'a line of 81 columns', 'src/base/x.c',
     with_body('    /* ' . 'x' x 71 . " */\n"), qr/81 columns/],
    ['check-style', 'a tab', 'src/base/x.c',
     with_body("\ta++;\n"), qr/a tab/],
    ['check-style', 'blanks at the end of a line', 'src/base/x.c',
     with_body("    a++; \n"), qr/blanks at the end/],
    ['check-style', 'a file without a title', 'src/base/x.c',
     "int djs_x;\n", qr/no title/],
    ['check-style', 'a title that names another file', 'src/base/x.c',
     unit('base/y.c', ''), qr/no title/],
    ['check-style', 'if without a brace', 'src/base/x.c',
     with_body("    if (a)\n        a++;\n"), qr/if without a brace/],
    ['check-style', 'else without a brace', 'src/base/x.c',
     with_body("    if (a) {\n    }\n    else\n        a++;\n"),
     qr/else without a brace/],
    ['check-style', 'the wall clock below httpd/', 'src/base/x.c',
     with_body("    a = apr_time_now();\n"), qr/apr_time_now/],
    ['check-style', 'memcmp on a secret', 'src/base/x.c',
     with_body("    a = memcmp(&a, secret, 32);\n"), qr/CRYPTO_memcmp/],
    ['check-style', 'strcmp on a session key', 'src/base/x.c',
     with_body("    a = strcmp(s->session_key, b);\n"), qr/CRYPTO_memcmp/],
    ['check-style', 'sprintf', 'src/base/x.c',
     with_body("    sprintf(b, \"%d\", a);\n"), qr/sprintf\(\)/],
    ['check-style', 'strcpy', 'src/base/x.c',
     with_body("    strcpy(b, c);\n"), qr/strcpy\(\)/],
    ['check-style', 'httpd\'s own cookie reader', 'src/httpd/x.c',
     unit('httpd/x.c', "int x = ap_cookie_read(r);\n"), qr/ap_cookie_read/],
    ['check-style', 'a public function without a contract', 'src/base/x.h',
     unit('base/x.h', "\nint djs_x(int a);\n"), qr/djs_x\(\) has no comment/],
    ['check-style', 'a log tag that no page explains', 'src/httpd/x.c',
     unit('httpd/x.c', "const char *x = \"DJS999\";\n"), qr/DJS999/],
    ['check-style', 'an explained tag that nothing logs', 'doc/messages',
     "DJS998\n", qr/DJS998 is logged nowhere/],
    ['check-style', 'something unfinished', 'src/base/x.c',
     with_body('    /* TO' . "DO: later */\n"), qr/unfinished/],
    ['check-style', 'a path of a developer\'s machine', 'doc/x.md',
     'See /ho' . "me/ada/src.\n", qr/somebody's machine/],
    ['check-style', 'a test that does not say what it promises', 't/50-x.t',
     "#!/usr/bin/env perl\nuse strict;\n", qr/no title/],

    ['shape', 'a function of 81 lines', 'src/base/x.c',
     with_body("    a++;\n" x 77), qr/81 lines of a function/],
    ['shape', 'many functions above 50 lines', 'src/base/x.c',
     with_body("    a++;\n" x 60), qr/too many are above 50/],
    ['shape', 'a file of 601 lines', 'src/base/x.c',
     unit('base/x.c', "\n" x 600), qr/601 lines of a file/],
    ['shape', 'four blocks inside each other', 'src/base/x.c',
     with_body($deep), qr/4 nesting/],
    ['shape', 'seven parameters', 'src/base/x.c',
     unit('base/x.c', 'int djs_x(' . join(', ', map { "int a$_" } 1 .. 7)
                    . ")\n{\n    return a1;\n}\n"), qr/7 parameters/],
    ['shape', 'a Perl file of 601 lines', 't/50-x.t',
     "#!/usr/bin/env perl\n" . "1;\n" x 600, qr/601 lines of a file/],
);

# What looks like a fault and is none.
my @fine = (
    ['check-style', 'do and while', with_body(
        "    do {\n        a--;\n    } while (a > 0);\n")],
    ['check-style', 'else if', with_body(
        "    if (a) {\n        a--;\n    }\n    else if (a + 1) {\n"
      . "        a++;\n    }\n")],
    ['check-style', 'words in comments and strings', with_body(
        "    /* strcpy(a, b) would do if (a) return; */\n"
      . "    a += sizeof(\"sprintf(x) ap_cookie_read(r)\");\n")],
    ['check-layers', 'request_rec in a comment', with_body(
        "    /* A request_rec never gets here. */\n")],
    ['shape', 'a table with braces in it', unit('base/x.c',
        "int x[2][2] = { { 1, 2 }, { 3, 4 } };\n")],
    ['shape', 'a parameter that is a function', unit('base/x.c',
        "int djs_x(int (*f)(int, int, int, int, int, int, int))\n{\n"
      . "    return f(1, 2, 3, 4, 5, 6, 7);\n}\n")],
);

sub run_guard {
    my ($guard, $top) = @_;
    my $said = qx{build/$guard $top 2>&1};
    return ($? >> 8, $said);
}

# A tree of its own with the sound unit and the files given.
sub tree {
    my (%files) = (%sound, @_);
    my $top = tempdir(CLEANUP => 1);
    for my $path (keys %files) {
        make_path(dirname("$top/$path"));
        open my $out, '>', "$top/$path" or die "$top/$path: $!\n";
        print {$out} $files{$path};
        close $out or die "$top/$path: $!\n";
    }
    return $top;
}

for my $guard (qw(check-layers check-style shape)) {
    my ($status, $said) = run_guard($guard, '.');
    is $status, 0, "build/$guard has nothing to say about the project"
        or diag $said;

    ($status, $said) = run_guard($guard, tree());
    is $status, 0, "build/$guard passes a sound tree" or diag $said;
}
for my $row (@faults) {
    my ($guard, $why, $path, $text, $expected) = @$row;
    my ($status, $said) = run_guard($guard, tree($path => $text));
    ok $status == 1 && $said =~ $expected, "build/$guard finds $why"
        or diag "status $status: $said";
}
for my $row (@fine) {
    my ($guard, $why, $text) = @$row;
    my ($status, $said) = run_guard($guard, tree('src/base/x.c' => $text));
    is $status, 0, "build/$guard passes $why" or diag $said;
}
done_testing;
