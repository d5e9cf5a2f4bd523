# A session lives as long as the policy or its own expiry says after its last
# save; use renews it when that is due, and no sooner.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;
use Time::HiRes 'sleep';

my $s = server(conf => <<'END');
<Location /cgi/act/two>
  DjSessionCookieAge 2
  DjSessionRenew Off
</Location>
<Location /cgi/act/half>
  DjSessionCookieAge 2
  DjSessionRenew 40%
</Location>
<Location /cgi/act/after>
  DjSessionRenew 1s
</Location>
<Location /cgi/act/every>
  DjSessionRenew EveryRequest
</Location>
<Location /every>
  DjSessionRenew EveryRequest
  DjSessionEnv Off
  DjSessionBackendUpdates Off
</Location>
END
$s->file('htdocs/every/index.html', "every\n");
sub born ($at, %o) {
    my $b = $s->browser;
    $b->act(u => { set => { a => 1 }, %o }, at => $at);
    return $b;
}
sub state_at ($b, $at) { return $b->get($at)->env->{DJSESSION_STATE} }

my $two   = born('/cgi/act/two');
my $half  = born('/cgi/act/half');
my $own   = born('/cgi/act/two', expiry => 2);
my $zero  = born('/cgi/act/two', expiry => 0);
my $after = born('/cgi/act/after');
my $every = born('/cgi/act/every');
my $plain = born('/cgi/act');
my $begun = Time::HiRes::time;
is state_at($_, '/cgi/act/two'), 'live', 'C16: born alive'
    for $two, $own, $zero;

# At once: nothing is due but with EveryRequest.
is scalar($half->get('/cgi/act/half')->cookies), 0,
    'C14: not due: no cookie, no write';
is scalar($after->get('/cgi/act/after')->cookies), 0, 'C14: not due by time';
is scalar($plain->get('/cgi/act')->cookies), 0, 'C14: nor with 10% of 2 weeks';
my $r = $every->get('/cgi/act/every');
is scalar($r->cookies), 1, 'C14: EveryRequest renews every time';
like(($r->cookies)[0], qr/^sessionid=\Q${\ $every->session_key }\E;/,
    'C14: with the same key');
$r = $every->get('/every/');
is scalar($r->cookies), 1, 'C14: a static file renews, too';
ok !$r->varies, 'F02: merely renewed: no Vary';
like $r->header('Cache-Control') // '', qr/private, no-store/,
    'F01: but not to be cached';
$r = $every->act(status => 500, at => '/cgi/act/every');
is scalar($r->cookies), 0, 'C24: a 500 renews nothing';

# After 1.2 s: half is due, two is not touched by reading.
my $to = 1.2 - (Time::HiRes::time - $begun);
sleep $to if $to > 0;
my $expires = $after->get('/cgi/act')->env->{DJSESSION_EXPIRES};
is scalar($half->get('/cgi/act/half')->cookies), 1, 'C14: due: renewed once';
is scalar($half->get('/cgi/act/half')->cookies), 0, 'C14: and only once';
is scalar($after->get('/cgi/act/after')->cookies), 1, 'C14: due by time';
cmp_ok $after->get('/cgi/act')->env->{DJSESSION_EXPIRES}, '>', $expires,
    'C14: the deadline has moved';
is state_at($two, '/cgi/act/two'), 'live', 'C16: still alive before its time';
is $two->act(u => '{}', at => '/cgi/act/two')->cookies, 0,
    'C14: an update that changes nothing saves nothing';

# After 2.2 s: what was not renewed is dead, on the dot.
$to = 2.15 - (Time::HiRes::time - $begun);
sleep $to if $to > 0;
is state_at($two, '/cgi/act/two'), 'none', 'C16: dead at its time';
is state_at($own, '/cgi/act/two'), 'none', 'C16: by its own expiry, too';
is state_at($zero, '/cgi/act/two'), 'none',
    'C16: a browser-session ends at the policy\'s age here';
is state_at($half, '/cgi/act/half'), 'live', 'C16: the renewed one lives on';
is state_at($plain, '/cgi/act'), 'live', 'C16: and so do the others';
my $key = $two->session_key;
$r = $two->get('/cgi/act/two');
is scalar($r->cookies), 0, 'B11: an expired key is left alone';
$two->act(u => { set => { b => 2 } });
isnt $two->session_key, $key, 'C16: writing begins anew under a new key';
is json($two->data), '{"b":2}', 'C16: with nothing of the old';

# Expiries that are past or far away.
for my $expiry (-1, '"1970-01-01T00:00:00Z"', '"2001-09-09T01:46:40Z"') {
    my $b = $s->browser;
    $r = $b->act(u => qq({"set":{"a":1},"expiry":$expiry}));
    ok $r->status =~ /^(?:200|500)$/, "N05: expiry $expiry is no crash";
    my $seen = $b->session_key ? $b->state : 'none';
    is $seen, 'none', "N05: and no session lives by expiry $expiry";
}
for my $expiry (2**31, 2**32, 2**53, '9223372036854775807',
    '99999999999999999999')
{
    my $b = $s->browser;
    $r = $b->act(u => qq({"set":{"a":1},"expiry":$expiry}));
    next if $r->status == 500;
    like(($r->cookies)[0], qr/Max-Age=34560000\b/,
        "N07: expiry $expiry saturates");
    is $b->state, 'live', "N07: and the session lives";
}
$s->allows(qr/\[djsession:(?:warn|error)\][^\n]*expiry/);

$s->stop;
done_testing;
