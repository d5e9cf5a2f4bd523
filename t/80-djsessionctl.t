#!/usr/bin/env perl
# djsessionctl shows and ends sessions while httpd serves them, tells neither
# keys nor (unless asked) values, and touches nothing as anybody but the
# store's owner.
# MPMs: event
use v5.36;
use lib 't/lib';
use File::Copy qw(copy);
use DjSession::Test;

my $tool = DjSession::Test::tool();
plan skip_all => "no $tool" unless -x $tool;

my $s = server();
my @whose = ('--store', 'dbm:' . $s->storedir, '--namespace', 'localhost',
    '--secret-file', $s->state . '/secret.key');

sub owners {
    my $dir = $s->storedir;
    my %seen = map { join(':', (stat)[4, 5]) => 1 } $dir, glob "$dir/*";
    return join ' ', sort keys %seen;
}

my ($ada, $bob) = map { $s->browser } 1, 2;
$ada->act(u => { login => 'ada', set => { word => 'CanaryWord' } });
$bob->act(u => { set   => { n => 1 } });
$s->canary('CanaryWord');
my %tag = map { $_->[0] => $_->[1]->get('/cgi/act')->env->{DJSESSION_TAG} }
    ['ada', $ada], ['bob', $bob];
my $before = owners();

# --- what it shows -----------------------------------------------------------

my ($status, $out, $err) = ctl($s, 'list', @whose);
is $status, 0, 'list works while httpd runs';
like $out, qr/^$tag{$_}  \d{4}-\d\d-\d\dT/m, "and shows ${_}'s session"
    for sort keys %tag;
is scalar(() = $out =~ /\n/g), 3, 'and no other';
is $err, '', 'without a complaint';

($status, my $shown) = ctl($s, 'show', $tag{ada}, @whose);
is $status, 0, 'show works';
like $shown, qr/^last login +\d{4}-/m, 'and knows of the login';
my ($data) = (ctl($s,
    'show', $tag{ada}, @whose, '--data'))[1] =~ /^data +(.*)/m;
is_deeply decode($data), { _auth_user_id => 'ada', word => 'CanaryWord' },
    'with --data it shows what is in the session';
unlike $out . $shown, qr/CanaryWord|_auth_user_id|"ada"/,
    'M13: without it, it does not';
my $keys = join '|', $ada->session_key, $bob->session_key;
unlike join('', $out, $shown, $data), qr/$keys/, 'M01: and a key never';

($status, $out) = ctl($s, 'stat', '--store', 'dbm:' . $s->storedir);
like $out, qr/^records +2$/m, 'stat counts, and needs no secret for it';
($status, $out) = ctl($s, 'check', @whose);
is "$status $out", "0 2 sessions open, 0 records do not\n", 'check is content';

# --- what it does ------------------------------------------------------------

($status) = ctl($s, 'remove', $tag{bob}, @whose);
is $status, 0, 'remove works';
is $bob->state, 'none', 'C20: and the session opens no more, at once';
is $ada->state, 'live', 'the other one still does';
($status, undef, $err) = ctl($s, 'remove', $tag{bob}, @whose);
is $status, 1, 'what is not there cannot be removed';
like $err, qr/no session $tag{bob}/, 'and it says so';

my $guest = $s->browser;
$guest->act(u => { set => { n => 1 }, expiry => 1 });
$s->wait_until(sub {
    (ctl($s, 'stat', '--store', 'dbm:' . $s->storedir))[1] =~ /^records +1$/m;
}, 5);
($status, $out) = ctl($s, 'sweep', '--store', 'dbm:' . $s->storedir);
like $out, qr/^1 expired records/, 'sweep removes what has expired';
is $ada->state, 'live', 'and nothing else';
is owners(), $before, 'O13: all of this left owners and groups as they were'
    if $> == 0;

# --- what it refuses ---------------------------------------------------------

($status, $out) = ctl($s, 'check', @whose[0, 1, 4, 5], '--namespace',
    'elsewhere');
is "$status $out", "1 0 sessions open, 1 records do not\n",
    'G05: a record opens in its own namespace only, and check fails then';
my $stranger = $s->make_secret("$s->{dir}/stranger.key");
($status, $out, $err) =
    ctl($s, 'list', @whose[0 .. 3], '--secret-file', $stranger);
unlike $out, qr/$tag{ada}/, 'G10: nothing is shown under another secret';
is $status, 1, 'and list fails, for it has not shown all there is';
like $err, qr/1 records do not open.*--namespace.*--secret-file/s,
    'and names the two likely causes';
($status, $out, $err) =
    ctl($s, 'list', @whose[0, 1, 4, 5], '--namespace', 'elsewhere');
ok $status == 1 && $err =~ /1 records do not open/,
    'G05: so it does with the name of another host' or diag "$status: $err";
unlike $out, qr/$tag{ada}/, 'of whose sessions nothing is shown';

my @refusals = (
    [2, qr/say what to do/],
    [2, qr/jump is no command/, 'jump'],
    [2, qr/needs the tag/, 'show', @whose],
    [2, qr/no tag/, 'show', 'x' x 12, @whose],
    [2, qr/takes no tag/, 'list', $tag{ada}, @whose],
    [2, qr/--namespace/, 'list', @whose[0, 1]],
    [2, qr/--key is no option/, 'list', '--key', 'x'],
    [2, qr/--store needs a value/, 'list', '--store'],
    [1, qr/no secret file/, 'list', @whose[0 .. 3], '--secret-file', '/no'],
    [1, qr/can not list/, 'stat', '--store', 'memcache:localhost:11211'],
    [1, qr/names no store/, 'stat', '--store', 'tape:/x'],
    [1, qr/needs a SPEC/, 'stat', '--store', ' '],
    [1, qr/is a store of type|another kind|does not fit|can not open/, 'stat',
        '--store', 'dbm:' . $s->storedir . ' type=gdbm'],
    [1, qr/has no option "colour=red"/, 'stat', '--store',
        'dbm:' . $s->storedir . ' colour=red'],
    [1, qr/there is no store/, 'stat', '--store', "dbm:$s->{dir}/none"],
    [1, qr/no directory/, 'stat', '--store', 'dbm:' . $s->{conf}],
);
for my $row (@refusals) {
    my ($wanted, $why, @words) = @$row;
    ($status, undef, $err) = ctl($s, @words);
    my $shown = join ' ', grep { defined } @words[0, 1];
    ok $status == $wanted && $err =~ $why, "refused: $shown"
        or diag "$status: $err";
}

SKIP: {
    skip 'only root can become somebody else', 2 if $>;
    # Where the project lies the other user may not be able to go.
    my $copy = "$s->{dir}/djsessionctl";
    copy($tool, $copy) or die "$copy: $!";
    chmod 0755, $copy, $s->state;
    my $pid = open(my $in, '-|') // die "fork: $!";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        $) = '65534 65534';
        $> = $< = 65534;
        { exec $copy, 'stat', '--store', 'dbm:' . $s->storedir }
        POSIX::_exit(127);
    }
    my $said = join '', <$in>;
    close $in;
    is $? >> 8, 1, 'another user than the owner is refused';
    like $said, qr/belongs to www-data/, 'and is told who the owner is';
}

# --- a reader that goes away -------------------------------------------------

open my $full, '>', '/dev/full' or die "/dev/full: $!";
my $pid = fork // die "fork: $!";
if (!$pid) {
    open STDOUT, '>&', $full;
    open STDERR, '>', "$s->{dir}/ctl.err";
    { exec $tool, 'list', @whose }
    POSIX::_exit(127);
}
waitpid $pid, 0;
is $? >> 8, 1, 'M13: output that cannot be written is a failure';
like DjSession::Server::slurp("$s->{dir}/ctl.err"), qr/could not be written/,
    'and is called one';

pipe my $read, my $write or die "pipe: $!";
$pid = fork // die "fork: $!";
if (!$pid) {
    close $read;
    open STDOUT, '>&', $write;
    open STDERR, '>', '/dev/null';
    { exec $tool, 'list', @whose }
    POSIX::_exit(127);
}
close $read;
close $write;
waitpid $pid, 0;
is $? & 127, 0, 'R-24: a reader that has gone kills it with no signal';

$s->stop;
done_testing;

sub decode ($json) { return JSON::PP->new->decode($json // 'null') }
