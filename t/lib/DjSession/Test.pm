# DjSession::Test - what every live test needs.
#
# A test file says at its head for which MPMs it matters, in a comment
# "# MPMs: event prefork worker"; DJS_MPM names the one of this run (event
# unless set). A file that does not matter for it is skipped.
package DjSession::Test;
use v5.36;
use Exporter 'import';
use JSON::PP ();
use Test::More;
use DjSession::Backend;
use DjSession::Browser;
use DjSession::Server;

our @EXPORT = (
    @Test::More::EXPORT,
    qw(server backend refused started parallel begin_parallel end_parallel
        json some_key KEY ctl live_data counter_pages counted)
);

# A well-formed session key, as a regular expression.
use constant KEY => qr/[a-z0-9]{32}/;

my $mpm = $ENV{DJS_MPM} // 'event';
my ($wanted) = DjSession::Server::slurp($0) =~ /^# MPMs?: (.*)$/m;
if (defined $wanted && !grep { $_ eq $mpm } split ' ', $wanted) {
    plan skip_all => "$mpm makes no difference here";
}

sub server (@o)  { return DjSession::Server->start(@o) }
sub backend (@o) { return DjSession::Backend->start(@o) }
sub json ($data) { return JSON::PP->new->canonical->ascii->encode($data) }

# A well-formed key that nobody has; other numbers, other keys.
sub some_key ($n = 0) {
    return substr sprintf('%06dzyxwvutsrqponmlkjihgfedcba9876543210', $n),
        0, 32;
}

# Tests that this configuration stops start-up with a sentence like that.
sub refused ($name, $why, %o) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $said = DjSession::Server->refuses(loglevel => 'warn', %o);
    return fail("$name: it started") unless defined $said;
    return like $said, $why, $name;
}

# Tests that this configuration starts.
sub started ($name, %o) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $said = DjSession::Server->refuses(loglevel => 'warn', %o);
    return ok(!defined $said, $name) || diag $said;
}

# Runs `n` copies of `code` (given its number) at the same time in processes
# of their own; returns what each of them returned, as text.
sub parallel ($n, $code) { return end_parallel(begin_parallel($n, $code)) }

# The same in two halves, between which the test can do something else.
sub begin_parallel ($n, $code) {
    my @pipes;
    pipe my $gate, my $open or die "pipe: $!";
    for my $i (1 .. $n) {
        pipe my $read, my $write or die "pipe: $!";
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            close $open;
            sysread $gate, my $go, 1;
            my $said = eval { $code->($i) } // "died: $@";
            print {$write} $said;
            close $write;
            POSIX::_exit(0);
        }
        close $write;
        push @pipes, [$pid, $read];
    }
    close $gate;
    close $open;
    return @pipes;
}

sub end_parallel (@pipes) {
    return map {
        my ($pid, $read) = @$_;
        local $/ = undef;
        my $said = <$read>;
        waitpid $pid, 0;
        $said // '';
    } @pipes;
}

# Configuration of static pages that do what programs do, for tests of load:
# /count adds 1 to `n`; every answer tells the data in X-Data.
sub counter_pages () {
    return <<'END';
Header always set X-Data "%{DJSESSION_DATA}e" env=DJSESSION_DATA
<Location /count>
  Header set X-DjSession-Update '{"incr":{"n":1}}'
</Location>
END
}

# The counter of a visitor, as such a page tells it; undef without a session.
sub counted ($browser) {
    my $r = $browser->get('/index.html');
    my ($n) = ($r->header('X-Data') // '') =~ /"n":(\d+)/;
    return $n;
}

# Runs djsessionctl beside a server: (exit status, output, error output).
sub ctl ($s, @words) {
    my $error = $s->dir . '/ctl.err';
    my $pid = open(my $out, '-|') // die "fork: $!";
    if (!$pid) {
        open STDERR, '>', $error;
        { exec tool(), @words }
        POSIX::_exit(127);
    }
    local $/ = undef;
    my $said = <$out> // '';
    close $out;
    return ($? >> 8, $said, DjSession::Server::slurp($error));
}

# Where djsessionctl has been built.
sub tool () { return ($ENV{DJS_BUILDDIR} // '.') . '/djsessionctl' }

# The session data of a key, asked for by a visitor of its own.
sub live_data ($browser, $key) { return $browser->other($key)->data }

1;
