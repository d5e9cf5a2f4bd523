# build/lib/Source.pm - what the guards share: the tree's files, and C text
# with its comments and strings blanked so that patterns see code only.
package Source;
use strict;
use warnings;
use Exporter 'import';
use File::Basename qw(dirname);
use File::Find ();

our @EXPORT_OK = qw(top files slurp blank line_of finding finish);

my $findings = 0;

my $left_behind = qr{^(?:\.git|_build.*|autom4te\.cache|node_modules|\.libs
                         |\.deps|aux|m4|mod_djsession-\d.*)$}x;

# The project's top: the first argument, or the folder above the guard.
sub top {
    my $top = @ARGV ? $ARGV[0] : dirname($0) . '/..';
    chdir $top or die "$0: cannot enter $top: $!\n";
    return;
}

# Every file of the project whose path matches $pattern, sorted. What builds
# and version control leave behind is no part of it.
sub files {
    my ($pattern) = @_;
    my @found;
    File::Find::find({
        no_chdir => 1,
        preprocess => sub { grep { !/$left_behind/ } @_ },
        wanted => sub {
            my $path = $File::Find::name =~ s{^\./}{}r;
            push @found, $path if -f $path && !-l $path && $path =~ $pattern;
        },
    }, '.');
    return sort @found;
}

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or die "$0: cannot read $path: $!\n";
    local $/;
    my $text = <$in>;
    close $in;
    return $text // '';
}

# C text of the same length and lines, with comments blank and the insides of
# strings and character constants turned into blanks; with $directives true,
# preprocessor lines are blanked as well.
sub blank {
    my ($text, $directives) = @_;
    my $hide = sub { $_[0] =~ s/[^\n]/ /gr };
    $text =~ s{(/\*.*?\*/|//[^\n]*)|"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'}
              {defined $1 ? $hide->($1)
               : defined $2 ? '"' . $hide->($2) . '"'
               : "'" . $hide->($3) . "'"}gse;
    $text =~ s{^([ \t]*\#(?:[^\n]*\\\n)*[^\n]*)}{$hide->($1)}gme if $directives;
    return $text;
}

# The line number of an offset.
sub line_of {
    my ($text, $offset) = @_;
    return 1 + (substr($text, 0, $offset) =~ tr/\n//);
}

# One line: where, what, and how to mend it.
sub finding {
    my ($where, $what, $mend) = @_;
    print "$where: $what; $mend\n";
    $findings++;
    return;
}

# The exit status: 1 when anything was found.
sub finish {
    my ($name) = @_;
    print "$name: ", $findings ? "$findings to mend\n" : "nothing to mend\n";
    exit($findings ? 1 : 0);
}

1;
