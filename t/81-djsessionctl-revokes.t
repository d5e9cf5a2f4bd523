# djsessionctl revoke ends the sessions of a user, or everybody's: once it has
# returned no request finds one alive, on DBM files and in memcached, and it
# does not return with success before.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Memcached;
use DjSession::Test;

my $tool = DjSession::Test::tool();
plan skip_all => "no $tool" unless -x $tool;

my ($s, @whose);

sub login ($user) {
    my $b = $s->browser;
    $b->act(u => { login => $user });
    return $b;
}
sub user ($b) { return $b->get('/cgi/act')->env->{DJSESSION_USER} // '-' }

# Requests of ada's session without a pause, while it is revoked; the command's
# return is marked by a file. None that began after it may find her.
sub stream ($ada, $end) {
    my ($late, $seen) = (0, 0);
    for (1 .. 4000) {
        my $after = -e $end;
        my $found = user($ada) eq 'ada';
        $seen++ if $found;
        $late++ if $found && $after;
        last if $after && $_ > 20 && !$found;
    }
    return "$late " . ($seen > 0 ? 'some' : 'none');
}

sub revokes ($where) {
    my ($ada, $twin, $bob, $guest) = (login('ada'), login('ada'),
        login('bob'), $s->browser);
    $guest->act(u => { set => { n => 1 } });
    my $end = $s->dir . '/sync/revoked';
    unlink $end;
    my @said = parallel(3, sub ($i) {
        return stream($ada, $end) if $i < 3;
        select undef, undef, undef, 0.3;
        my ($status, $out) = ctl($s, 'revoke', '--user', 'ada', @whose);
        $s->file('sync/revoked', '');
        return "$status $out";
    });
    like $said[2], qr/^0 every session of that user in localhost that this secret opens has ended$/,
        "C20: $where: revoke --user";
    is "$said[0] $said[1]", '0 some 0 some',
        "C20: $where: no request that began after it found her";
    is user($twin), '-', "C20: $where: nor her other session";
    is user($bob), 'bob', "C20: $where: others go on";
    is user(login('ada')), 'ada', "C20: $where: she may log in again";
    my ($status, $out) = ctl($s, 'revoke', '--all', @whose);
    is "$status $out", "0 every session of localhost that this secret opens has ended\n",
        "C21: $where: revoke --all";
    is user($bob) . ($guest->data // 'nothing'), '-nothing',
        "C21: $where: nobody is left";
    is user(login('bob')), 'bob', "C21: $where: and may come back";
    return;
}

# On DBM files.
$s = server();
@whose = ('--store', 'dbm:' . $s->storedir, '--namespace', 'localhost',
    '--secret-file', $s->state . '/secret.key');
revokes('DBM files');
my ($status, undef, $err) = ctl($s, 'revoke', @whose);
is $status, 2, 'without --user or --all it is a mistake';
like $err, qr/needs --user ID.*or --all/, 'and it says what to say';
($status, undef, $err) = ctl($s, 'revoke', '--user', 'x', '--all', @whose);
is $status, 2, 'both are a mistake, too';
is +(ctl($s, 'revoke', '--user', 'bob', @whose[0, 1, 4, 5], '--namespace',
        'localhots'))[0], 1, 'a namespace that the store does not know';
$s->make_secret($s->state . '/other.key');
($status, undef, $err) = ctl($s, 'revoke', '--user', 'bob', @whose[0 .. 3],
    '--secret-file', $s->state . '/other.key');
is $status, 1, 'or a secret that opens nothing is a failure';
like $err, qr/is --namespace right, and --secret-file/, 'that says what to look at';
my $eve = login('eve');
my $tag = $eve->get('/cgi/act')->env->{DJSESSION_TAG};
like +(ctl($s, 'list', @whose))[1], qr/^$tag /m, 'list shows who is there';
ctl($s, 'revoke', '--user', 'eve', @whose);
unlike +(ctl($s, 'list', @whose))[1], qr/^$tag /m,
    'and nobody whose sessions were revoked';
is +(ctl($s, 'show', $tag, @whose))[0], 1, 'nor does show';
login('carl');
is +(ctl($s, 'revoke', '--user', 'nobody', @whose))[0], 0,
    'a user who has no session is no mistake';
like +(ctl($s, 'list', @whose))[1], qr/^(?:TAG[^\n]*\n)(?:[0-9a-f]{12} [^\n]*\n)*$/,
    'list shows sessions, not marks';
is +(ctl($s, 'check', @whose))[0], 0, 'check is content with marks';
$s->stop;

# In memcached, on two servers.
SKIP: {
    skip 'no memcached here: build/deps check' if !DjSession::Memcached->program;
    my @mc = map { DjSession::Memcached->start } 1, 2;
    my $spec = 'memcache:' . join ',', map { '127.0.0.1:' . $_->port } @mc;
    $s = server(store => "DjSessionStore $spec");
    @whose = ('--store', $spec, '--namespace', 'localhost',
        '--secret-file', $s->state . '/secret.key');
    revokes('memcached');
    my $ada = login('ada');
    $mc[1]->freeze;
    ($status, undef, $err) = ctl($s, 'revoke', '--user', 'ada', @whose);
    is $status, 1, 'I03: with a server that is silent it fails';
    like $err, qr/some of the sessions may live on: run this again/,
        'I03: and says so';
    $mc[1]->thaw;
    ok $s->wait_until(sub {
            !(ctl($s, 'revoke', '--user', 'ada', @whose))[0] }, 10),
        'I03: it succeeds when that is back';
    is user($ada), '-', 'C20: and then she is out';
    $s->allows(qr/DJS101|DJS102/);
    $s->stop;
}
done_testing;
