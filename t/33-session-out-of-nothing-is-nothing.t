# Reading makes no session, unknown keys make none, logging out makes none;
# only a write does, unless DjSessionCreate Always says otherwise.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server(loglevel => 'info', conf => <<'END');
DjSessionRenew EveryRequest
<Location /always>
  DjSessionCreate Always
</Location>
<Location /cgi/act/always>
  DjSessionCreate Always
</Location>
END
$s->file('htdocs/always/index.html', "always\n");

# The bytes that the store takes, its lock files included.
sub store_bytes { return join ',', map { "$_:" . (-s $_) }
    grep { -f } glob $s->storedir . '/*' }

$s->browser->get('/index.html');
my $before = store_bytes();
for my $i (1 .. 300) {
    state $b = $s->browser;
    $b->get($i % 10 ? '/index.html' : '/cgi/act', keep => 1);
}
is store_bytes(), $before, 'C07: 300 requests without a cookie store nothing';
my @cookies;
for my $i (1 .. 300) {
    state $b = $s->browser;
    push @cookies, $b->get($i % 10 ? '/index.html' : '/cgi/act', keep => 1,
        cookie => 'sessionid=' . some_key($i))->all('Set-Cookie');
}
is store_bytes(), $before, 'C08: 300 unknown keys store nothing';
is "@cookies", '', 'C08: EveryRequest makes no empty session of them';

for my $cookie (undef, 'sessionid=' . some_key(1), 'sessionid=x') {
    my $r = $s->browser->act(u => { flush => \1 }, cookie => $cookie);
    is $r->status, 200, 'C09: logging out of nothing';
    is scalar(grep { !/Max-Age=0/ } $r->cookies), 0, 'C09: sets no session';
}
is store_bytes(), $before, 'C09: and stores nothing';
for my $u ({ remove => ['a'] }, { set => {} }, {}, { rotate => \1 }) {
    my $r = $s->browser->act(u => $u);
    is scalar($r->cookies), 0, 'C06: ' . json($u) . ' makes no session';
}
is store_bytes(), $before, 'C06: and stores nothing';

# DjSessionCreate Always.
my $b = $s->browser;
my $r = $b->get('/always/');
is scalar($r->cookies), 1, 'DjSessionCreate Always: the first visit has one';
is $b->state, 'live', 'which lives';
is json($b->data), '{}', 'and is empty';
my $key = $b->session_key;
$b->get('/always/');
is $b->session_key, $key, 'the second visit keeps it';
$b = $s->browser;
$r = $b->get('/always/', cookie => 'sessionid=' . some_key(3));
is scalar($r->cookies), 1, 'C01: an unknown key gets one too';
isnt $b->session_key, some_key(3), 'C01: under a key of our own';
$r = $s->browser->act(at => '/cgi/act/always', status => 500);
is scalar($r->cookies), 0, 'C24: but not with a 500';

# C13 in the small: keys look as they should and never repeat.
my %seen;
my @letters;
for (1 .. 200) {
    my ($c) = $s->browser->get('/always/')->cookies;
    my ($k) = $c =~ /^sessionid=(${\ KEY });/;
    $seen{ $k // '' }++;
    $letters[ord]++ for split //, $k // '';
}
is scalar(keys %seen), 200, 'C13: 200 keys, none twice';
is scalar(grep { defined } @letters), 36, 'C13: all 36 characters occur';

$s->stop;
done_testing;
