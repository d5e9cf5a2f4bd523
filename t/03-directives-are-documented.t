#!/usr/bin/env perl
# doc/directives says what the module accepts: it is made from the same rows.
use strict;
use warnings FATAL => 'all';
use File::Basename qw(dirname);
use Test::More tests => 3;

chdir dirname(__FILE__) . '/..' or die "no project around $0: $!\n";
my $built = $ENV{DJS_BUILDDIR} // '.';

sub text_of {
    my ($path) = @_;
    open my $in, '<', $path or return "cannot read $path: $!";
    local $/ = undef;
    return scalar <$in>;
}

my $made = qx{$built/build/gen-directives};
is $?, 0, 'the generator runs';
is text_of('doc/directives'), $made,
    'doc/directives is current (make doc writes it)';

my %row = map { $_ => 1 } text_of('src/session/rows.def') =~ /^ROW\("(\w+)"/mg;
my %told = map { $_ => 1 } $made =~ /^(DjSession\w*) /mg;
is_deeply \%told, \%row, 'M14: every directive stands there, and no other';
