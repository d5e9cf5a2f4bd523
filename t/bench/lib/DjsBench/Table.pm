# DjsBench::Table - medians, numbers a person can read, and text tables.
package DjsBench::Table;
use strict;
use warnings;
use Exporter qw(import);

our @EXPORT_OK = qw(median commas ratio table);

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return undef unless @sorted;
    my $middle = int($#sorted / 2);
    return @sorted % 2 ? $sorted[$middle]
                       : ($sorted[$middle] + $sorted[$middle + 1]) / 2;
}

# 35600.2 -> "35,600".
sub commas {
    my ($number) = @_;
    return '-' unless defined $number;
    my $text = sprintf '%.0f', $number;
    1 while $text =~ s/^(-?\d+)(\d{3})/$1,$2/;
    return $text;
}

sub ratio {
    my ($part, $whole) = @_;
    return '-' unless defined $part && $whole;
    return sprintf '%.2f', $part / $whole;
}

# A title, the column heads, and rows of cells: first column to the left, the
# others to the right.
sub table {
    my ($title, $heads, @rows) = @_;
    my @width = map { length } @$heads;
    for my $row (@rows) {
        for my $i (0 .. $#$heads) {
            my $length = length($row->[$i] // '');
            $width[$i] = $length if $length > $width[$i];
        }
    }
    my $line = sub {
        my @cells = map { $_ // '' } @{ $_[0] };
        my $text = sprintf '  %-*s', $width[0], $cells[0];
        $text .= sprintf '  %*s', $width[$_], $cells[$_] for 1 .. $#$heads;
        return "$text\n";
    };
    my $rule = '  ' . join('  ', map { '-' x $_ } @width) . "\n";
    return join '', "$title\n", $line->($heads), $rule,
        map { $line->($_) } @rows;
}

1;
