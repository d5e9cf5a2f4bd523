# One Set-Cookie of our name in a response at most, to the letter as RFC 6265
# wants it, only when a session is created, rotated, renewed or deleted.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $date = qr/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/;

my $back = backend();
my $s = server(tls => 1, conf => <<"END");
ProxyPass /back http://127.0.0.1:${\ $back->port}/
Header add Set-Cookie "sessionid=from-mod-headers; Path=/" env=FORGE
SetEnvIf Request_URI "/forge" FORGE
<Location /cgi/act/close>
  DjSessionExpireAtBrowserClose On
</Location>
<Location /cgi/act/all>
  DjSessionCookieDomain example.org
  DjSessionCookiePath /cgi
  DjSessionCookieHttpOnly Off
  DjSessionCookieSameSite None
  DjSessionCookieSecure On
  DjSessionCookiePartitioned On
</Location>
<Location /cgi/act/bare>
  DjSessionCookieSameSite Off
  DjSessionCookieSecure Off
</Location>
<Location /cgi/act/long>
  DjSessionCookieAge 57w
</Location>
END
my %write = (u => { set => { a => 1 } });

my ($c) = $s->browser->act(%write)->cookies;
my $life = qr/Expires=$date; Max-Age=1209600/;
like $c, qr/^sessionid=${\ KEY }; Path=\/; $life; HttpOnly; SameSite=Lax$/,
    'B01: in the clear, by default';
($c) = $s->browser(tls => 1)->act(%write)->cookies;
like $c,
    qr/^sessionid=${\ KEY }; Path=\/; $life; Secure; HttpOnly; SameSite=Lax$/,
    'B01: over TLS, by default';
cmp_ok length $c, '<=', 200, 'B01: at most 200 bytes';
($c) = $s->browser(tls => 1)->act(%write, at => '/cgi/act/close')->cookies;
like $c, qr/^sessionid=${\ KEY }; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    'B13: ends with the browser: no Max-Age, no Expires';
($c) = $s->browser->act(%write, at => '/cgi/act/all')->cookies;
like $c, qr/^sessionid=${\ KEY };\ Domain=example\.org;\ Path=\/cgi;\ $life;
    \ Secure;\ SameSite=None;\ Partitioned$/x, 'B01: every attribute';
($c) = $s->browser(tls => 1)->act(%write, at => '/cgi/act/bare')->cookies;
like $c, qr/^sessionid=${\ KEY }; Path=\/; $life; HttpOnly$/,
    'B01: no attribute that was switched off';

# The dates agree with each other and with the clock.
sub age_and_date ($cookie) {
    my ($age) = $cookie =~ /Max-Age=(\d+)/;
    my ($d, $m, $y, $H, $M, $S) =
        $cookie =~ /Expires=\w+, (\d+) (\w+) (\d+) (\d+):(\d+):(\d+) GMT/;
    require Time::Local;
    my %month;
    @month{qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec)} = 0 .. 11;
    my $at = eval { Time::Local::timegm($S, $M, $H, $d, $month{$m}, $y) };
    return ($age, ($at // 0) - time);
}
($c) = $s->browser->act(%write, at => '/cgi/act/long')->cookies;
my ($age, $left) = age_and_date($c);
is $age, 57 * 7 * 86400, 'B12: 57 weeks are as they are';
cmp_ok abs($left - $age), '<=', 2, 'B14: Expires is now and Max-Age';
for my $row ([500 * 86400, 34560000, 'B12: 500 days are cut at 400'],
    ['"2038-01-20T00:00:00Z"', 34560000, 'B14: 2038'],
    ['"2106-02-08T00:00:00Z"', 34560000, 'B14: 2106'],
    ['"9999-12-31T23:59:59Z"', 34560000, 'B14: 9999'])
{
    my ($expiry, $want, $name) = @$row;
    ($c) = $s->browser->act(u => qq({"set":{"a":1},"expiry":$expiry}))->cookies;
    like $c // '', qr/Expires=$date/, "$name: a valid date";
    ($age, $left) = age_and_date($c // '');
    is $age, $want, "$name: Max-Age";
    cmp_ok abs($left - $want), '<=', 2, "$name: Expires says the same";
}

# B02, B16: nobody else's Set-Cookie of our name passes.
my $b = $s->browser;
my $evil = 'Set-Cookie: sessionid=attacker; Path=/';
my $r = $b->act(%write, (h => $evil) x 3, h => 'Set-Cookie: other=1');
is scalar($r->cookies), 1, 'B02: one Set-Cookie of ours';
unlike join(' ', $r->cookies), qr/attacker/, 'B16: not the program\'s';
is scalar($r->cookies('other')), 1, 'B16: others pass';
is $b->data->{a}, 1, 'B02: and it works';
for my $form ($evil, 'set-cookie: sessionid=x', 'Set-Cookie:sessionid =x',
    'Set-Cookie:  sessionid=x; Max-Age=0', 'Set-Cookie: sessionid')
{
    $r = $b->act(h => $form);
    is join(' ', $r->cookies), '', "B16: $form is stripped";
}
$r = $b->act(h => 'Set-Cookie: SessionID=x', h => 'Set-Cookie: sessionid2=x');
is scalar(my @kept = $r->all('Set-Cookie')), 2,
    'B16: names that only look like ours pass';
$r = $b->get('/back?r=' . DjSession::Browser::escape($evil)
    . '&r=' . DjSession::Browser::escape('Set-Cookie: other=2'));
is join(' ', $r->cookies), '', 'B16: a proxied one is stripped';
is scalar($r->cookies('other')), 1, 'B16: a proxied other one passes';
$r = $s->browser->get('/back?'
    . join '&', map { 'r=' . DjSession::Browser::escape($evil) } 1 .. 100);
is join(' ', $r->cookies), '', 'B16: a hundred of them are stripped';
for my $status (302, 404, 500) {
    $r = $b->act(h => $evil, status => $status);
    is join(' ', $r->cookies), '', "B16: stripped from a $status";
}

# B10: deletion, with the same attributes.
for my $at ('/cgi/act', '/cgi/act/all') {
    my $leaver = $s->browser(tls => 1);
    my ($set) = $leaver->act(%write, at => $at)->cookies;
    my $key = $leaver->session_key;
    my ($gone) = $leaver->act(u => { flush => \1 }, at => $at)->cookies;
    my ($life_of, $same) = ('', '');
    ($same = $set) =~ s/^sessionid=${\ KEY }/sessionid=/;
    $same =~ s/Expires=$date; Max-Age=\d+/GONE/;
    $gone =~ s/Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0/GONE/;
    is $gone, $same, "B10: the deletion at $at mirrors the cookie";
    is $leaver->other($key)->state, 'none', 'B10: and the record is gone';
}

# B11: nothing is said about keys that mean nothing.
for my $cookie ('sessionid=' . some_key(1), 'sessionid=x', 'sessionid=') {
    $r = $s->browser->get('/cgi/act', cookie => $cookie);
    is join(' ', $r->cookies), '', "B11: $cookie is left alone";
}

# B17: what is minted owes nothing to the request.
my %seen;
for my $i (1 .. 30) {
    my $fake = some_key($i);
    my $w = $s->browser;
    $w->act(%write, cookie => "sessionid=$fake", keep => 1);
    my $got = $w->session_key;
    $seen{$got}++ if $got ne $fake;
}
is scalar(keys %seen), 30, 'B17: thirty fake keys, thirty fresh ones';

# B18: HEAD is GET without a body.
sub headers_of ($r) {
    return join "\n", map { s/sessionid=\w+/sessionid=KEY/r =~ s/\d\d:\d\d:\d\d/T/r }
        sort grep { !/^(?:Date|Content-Length|Transfer-Encoding):/i }
        map { "$_->[0]: $_->[1]" } @{ $r->{headers} };
}
my $update = '?u=' . DjSession::Browser::escape('{"set":{"a":1}}');
is headers_of($s->browser->request('HEAD', "/cgi/act$update")),
    headers_of($s->browser->get("/cgi/act$update")),
    'B18: HEAD creates with the same headers as GET';
is headers_of($b->request('HEAD', '/cgi/act')), headers_of($b->get('/cgi/act')),
    'B18: and so when nothing changes';
my $hv = $s->browser;
$hv->request('HEAD', "/cgi/act$update");
is $hv->data->{a}, 1, 'B18: what HEAD wrote is there';

$s->allows(qr/\[djsession:warn\].*Set-Cookie/);
$s->stop;
done_testing;
