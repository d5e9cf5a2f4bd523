#!/usr/bin/env perl
# doc/coverage tells the truth: every case of the security catalogue stands in
# it once, and every test that it names is there and cites the case.
use strict;
use warnings FATAL => 'all';
use File::Basename qw(dirname);
use Test::More;

chdir dirname(__FILE__) . '/..' or die "no project around $0: $!\n";

# Sections of the catalogue and how many cases each has.
my %cases = (A => 28, B => 18, C => 25, D => 18, E => 26, F => 13, G => 25,
    H => 36, I => 27, J => 22, K => 12, L => 8, N => 10, O => 14, P => 10);

# Of other sections, what is tested so far.
my @more = qw(M12);

sub slurp {
    my ($path) = @_;
    open my $fh, '<', $path or die "$path: $!\n";
    local $/ = undef;
    return scalar <$fh>;
}

# The files behind a word of the table; none when it is no test's name.
sub files_of {
    my ($word) = @_;
    return glob "t/$word-*.t" if $word =~ /^\d[0-9a-z]$/;
    return grep { -e } map { ("t/$_/$word.c", "t/$_/$word.py") }
        qw(unit fuzz crash);
}

my (%seen, %tests, $id);
for my $line (split /\n/, slurp('doc/coverage')) {
    if ($line =~ /^([A-Z]\d\d)  (.*)/) {
        $id = $1;
        $seen{$id}++;
        # The tests are the last column: two blanks before it, or a new line.
        $line = $2 =~ /\S {2,}(\S.*)$/ ? $1 : next;
    }
    elsif ($line !~ /^     \S/ || !$id || $tests{$id}) { next }
    my ($names) = $line =~ /^\s*([^;]*)/;
    $tests{$id} = [split ' ', $names];
}

for my $letter (sort keys %cases) {
    my @ids  = map { sprintf '%s%02d', $letter, $_ } 1 .. $cases{$letter};
    my @odd  = grep { ($seen{$_} // 0) != 1 } @ids;
    my @mute = grep { !$tests{$_} } @ids;
    is "@odd", '', "each case of $letter stands in the table once";
    is "@mute", '', "each case of $letter has tests or a reason";
}
my %known = map { my $l = $_; map { (sprintf('%s%02d', $l, $_) => 1) }
        1 .. $cases{$l} } keys %cases;
@known{@more} = (1) x @more;
is join(' ', grep { !$known{$_} } sort keys %seen), '', 'and no other does';

my (%text, @wrong);
for my $case (sort keys %tests) {
    my @names = @{ $tests{$case} };
    next if $names[0] eq '-';
    for my $name (@names) {
        my @files = files_of($name);
        push @wrong, "$case: no test $name" unless @files;
        push @wrong, "$case: $name does not cite it" if @files
            && !grep { ($text{$_} //= slurp($_)) =~ /\b$case\b/ } @files;
    }
}
is join("\n", @wrong), '', 'every test named is there and cites its case';

done_testing;
