# Odd requests, partial answers, upgrades, programs that never write: no crash,
# nothing of ours in a 1xx, the refresh saved, one set of headers.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
use Time::HiRes 'sleep';

my ($back, $socket) = (backend(), backend());
my $s = server(modules => ['deflate'], conf => <<"END");
ProxyPass /back http://127.0.0.1:${\ $back->port}/
ProxyPass /errors http://127.0.0.1:${\ $back->port}/
<Location /errors>
  ProxyErrorOverride On
</Location>
ErrorDocument 404 "lost"
ProxyPass /ws http://127.0.0.1:${\ $socket->port}/ upgrade=websocket
<Location /ws>
  DjSessionRenew EveryRequest
</Location>
<Location /every>
  DjSessionRenew EveryRequest
</Location>
<Location /deflated>
  SetOutputFilter DEFLATE
  DjSessionRenew EveryRequest
</Location>
END
$s->file('htdocs/every/page.html', 'x' x 2000);
$s->file('htdocs/deflated/page.html', 'x' x 2000);
my $b = $s->browser;
$b->act(u => { set => { a => 1 } });
my $K = $b->session_key;
my $cookie = "Cookie: sessionid=$K";

# E05, E22: requests without a path, without a host, of no version.
my $P = $s->port;
for my $request (
    "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n$cookie\r\nConnection: close",
    "GET http://localhost?x HTTP/1.1\r\nHost: localhost\r\n$cookie\r\n"
        . 'Connection: close',
    "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n$cookie\r\n"
        . 'Connection: close',
    "GET * HTTP/1.1\r\nHost: localhost\r\n$cookie\r\nConnection: close",
    "GET / HTTP/1.0\r\n$cookie",
    "GET /cgi/act HTTP/1.0\r\n$cookie",
    'GET /',
    "GET /cgi/act HTTP/9.9\r\nHost: localhost\r\n$cookie",
    "G\@T / HTTP/1.1\r\nHost: localhost\r\n$cookie",
    "GET /%00 HTTP/1.1\r\nHost: localhost\r\n$cookie\r\nConnection: close",
    "GET / HTTP/1.1\r\n$cookie\r\nConnection: close",
    "GET / HTTP/1.1\r\nHost: a b\r\n$cookie\r\nConnection: close",
    "POST /cgi/act HTTP/1.1\r\nHost: localhost\r\n$cookie\r\n"
        . "Content-Length: x\r\nConnection: close",
    )
{
    my $r = $b->exchange("$request\r\n\r\n");
    my ($line) = $request =~ /^([^\r]*)/;
    unlike $r->head, qr/\Q$K\E/, "E05: '$line' is no crash";
    is scalar($r->cookies), 0, 'E22: and sets no cookie' if $r->status == 400;
}
is $b->data->{a}, 1, 'E05: the session is well';
is $b->exchange("GET /cgi/act HTTP/1.0\r\n$cookie\r\n\r\n")->data->{a}, 1,
    'E05: HTTP/1.0 without Host has its session';

# E06: ranges.
for my $range ('0-9', '0-9,20-29', '99999-') {
    my $r = $b->get('/every/page.html', headers => ["Range: bytes=$range"]);
    like $r->status, qr/^(?:206|416)$/, "E06: range $range";
    is scalar($r->cookies), $r->status == 206 ? 1 : scalar($r->cookies),
        'E06: one Set-Cookie';
    cmp_ok scalar($r->cookies), '<=', 1, 'E06: never more';
}

# E07, E08.
my $r = $b->get('/every/page.html');
my $etag = $r->header('ETag');
sleep 1.1;
my $then = $b->get('/cgi/act')->env->{DJSESSION_EXPIRES};
$r = $b->get('/every/page.html', headers => ["If-None-Match: $etag"]);
is $r->status, 304, 'E07: 304';
is scalar($r->cookies), 1, 'E07: renewed with its cookie';
like $r->header('Cache-Control') // '', qr/no-store/, 'E07: and no-store';
my $now = $b->get('/cgi/act')->env->{DJSESSION_EXPIRES};
cmp_ok $now, '>', $then, 'E07: and the deadline has moved in the store';
for my $status (204, 205) {
    $r = $b->act(status => $status, u => { set => { s => $status } });
    is $r->status, $status, "E08: $status";
    is scalar($r->cookies), 1, 'E08: with its cookie';
    is $b->data->{s}, $status, 'E08: and its change';
}

# E09, B15: interim responses.
$b->open_connection(1);
$r = $b->request('POST', '/cgi/act', body => 'x=1', keep => 1,
    headers => ['Expect: 100-continue'],
    type => 'application/x-www-form-urlencoded');
$b->close_connection;
is $r->status, 200, 'E09: Expect: 100-continue';
unlike join('', $r->interim), qr/Set-Cookie|X-DjSession|Vary/i,
    'B15: nothing of ours in a 100';
$r = $b->get('/back?early&r='
    . DjSession::Browser::escape('X-DjSession-Update: {"incr":{"p":1}}'));
is $r->status, 200, 'E09: a proxied 103 before the answer';
is scalar(grep { /Set-Cookie|Vary|X-DjSession/i } $r->interim), 0,
    'B15: nothing of ours in a 103';
is scalar($r->cookies), 1, 'E09: the cookie comes with the answer';
is $b->data->{p}, 1, 'E09: the update counts once';

# E24: httpd's error page in the place of a back end's.
$r = $b->get('/errors?s=404&r='
    . DjSession::Browser::escape('X-DjSession-Update: {"set":{"err":1}}'));
is $r->status . $r->body, '404lost', 'E24: ProxyErrorOverride';
is scalar($r->all('X-DjSession-Update')), 0, 'E24: the update is kept in';
is $b->data->{err}, 1, 'E24: and counts';
is scalar($r->cookies), 1, 'E24: with its cookie';
$r = $b->get('/errors?s=500&r='
    . DjSession::Browser::escape('X-DjSession-Update: {"set":{"err":2}}'));
is $b->data->{err}, 1, 'C24: that of a 500 does not';

# E10: a websocket.
sleep 1.1;
$then = $b->get('/cgi/act')->env->{DJSESSION_EXPIRES};
my $sock = $b->open_connection;
my $update = DjSession::Browser::escape(
    'X-DjSession-Update: {"set":{"ws":1}}');
$b->send_bytes($sock, "GET /ws?r=$update HTTP/1.1\r\nHost: localhost\r\n"
    . "$cookie\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    . "Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n");
my $head = $b->read_head($sock);
like $head, qr{^HTTP/1\.1 101}, 'E10: a websocket is opened';
unlike $head, qr/Set-Cookie/i, 'B15: no Set-Cookie in the 101';
$b->send_bytes($sock, 'hello');
$b->more($sock);
like $b->{pending}, qr/echo hello/, 'E10: bytes go through';
$now = $b->get('/cgi/act')->env->{DJSESSION_EXPIRES} if $b->other;
$b->close_connection;
cmp_ok $b->other($K)->get('/cgi/act')->env->{DJSESSION_EXPIRES}, '>', $then,
    'E10: the refresh was saved';
is $b->data->{a}, 1, 'E10: the session is well';

# E15: pipelined requests of two users and nobody.
my $bob = $s->browser;
$bob->act(u => { set => { a => 'bob' } });
my @who = map { [$K, $bob->session_key, undef]->[$_ % 3] } 0 .. 29;
my $raw = join '', map {
    "GET /cgi/act HTTP/1.1\r\nHost: localhost\r\n"
        . (defined $_ ? "Cookie: sessionid=$_\r\n" : '') . "\r\n"
} @who;
$sock = $b->open_connection;
$b->send_bytes($sock, $raw);
my @got = map { $b->read_response($sock, 'GET')->data } @who;
$b->close_connection;
is join(' ', map { $_ ? $_->{a} : '-' } @got), join(' ', ('1 bob -') x 10),
    'E15: thirty pipelined requests, everybody their own';

# E17: programs with manners of their own.
$r = $b->get('/cgi/nph-raw');
like $r->body, qr/raw live/, 'E17: an nph program sees the session';
$r = $b->get('/cgi/nph-raw?u');
is $r->status, 200, 'E17: one that writes an update itself is no crash';
$r = $b->request('POST', '/cgi/act', body => 'u=x');
is $r->status, 200, 'E17: a POST without Content-Type';
is $b->data->{a}, 1, 'E17: the session is well';

# E18: a slow upload holds nothing.
$sock = $b->open_connection;
$b->send_bytes($sock, "POST /cgi/act HTTP/1.1\r\nHost: localhost\r\n$cookie\r\n"
    . "Content-Type: application/x-www-form-urlencoded\r\n"
    . "Content-Length: 40\r\nConnection: close\r\n\r\nx=1");
my $other = $s->browser->other($K);
$other->act(u => { set => { meanwhile => 1 } });
is $other->data->{meanwhile}, 1, 'E18: others write while a body trickles in';
$b->send_bytes($sock, '&' x 37);
is $b->read_response($sock, 'POST')->status, 200, 'E18: and it ends well';
$b->close_connection;

# E12: clients that go away at any point.
for my $bytes (1, 20, 60, 100) {
    my $one = $s->browser->other($K);
    my $c = $one->open_connection;
    $one->send_bytes($c, substr "GET /cgi/act?size=500000&u="
        . DjSession::Browser::escape('{"incr":{"gone":1}}')
        . " HTTP/1.1\r\nHost: localhost\r\n$cookie\r\n\r\n", 0,
        $bytes == 100 ? 9999 : $bytes);
    $one->close_connection;
}
is $b->data->{a}, 1, 'E12: aborted requests harm nothing';

# E19: filters around us.
$r = $b->get('/deflated/page.html', headers => ['Accept-Encoding: gzip']);
is $r->header('Content-Encoding'), 'gzip', 'E19: deflated';
is scalar($r->cookies), 1, 'E19: and renewed all the same';
like $r->header('Vary') // '', qr/Accept-Encoding/, 'F03: Vary is kept';

$s->allows(qr/AH0043|AH0005|AH0011|AH00135|AH01144|AH00127|AH0056|AH0131/);
$s->stop;
done_testing;
