# Beside mod_deflate, mod_include, mod_http2 and mod_proxy_wstunnel a session is
# what it is without them: its headers whole, its pages guarded.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use Compress::Zlib ();
use DjSession::Test;

my $back = backend();
my $s = server(tls => 1, http2 => 1, modules => [qw(deflate)], conf => <<"END");
DjSessionEnv Data
ProxyPass /ws ws://127.0.0.1:${\ $back->port}/
ProxyPass /back http://127.0.0.1:${\ $back->port}/
DjSessionMaxSize 8000
<LocationMatch "^/(?:ws|back)">
  DjSessionForward Summary
</LocationMatch>
<LocationMatch "^/(?:guarded|ws/guarded|mixed/inner)">
  AuthType DjSession
  Require djsession-user ada
</LocationMatch>
AddOutputFilterByType DEFLATE text/plain text/html
<Directory "\@DIR\@/htdocs/mixed">
  Options +Includes
  SetOutputFilter INCLUDES;DEFLATE
</Directory>
END
my $long = 'guarded ' x 500;
$s->file('htdocs/guarded/page.html', $long);
$s->file('htdocs/mixed/inner.html', 'inner of <!--#echo var="DJSESSION_USER" -->');
$s->file('htdocs/mixed/page.html', 'user <!--#echo var="DJSESSION_USER" -->;'
    . '<!--#include virtual="inner.html" -->;'
    . '<!--#if expr="djsession(\'plan\') == \'pro\'" -->pro<!--#else -->free'
    . '<!--#endif -->;<!--#include virtual="/cgi/act?u=%7B%22incr%22:%7B%22n%22:'
    . '1%7D%7D" -->;' . 'filler ' x 500);

my ($ada, $bob, $nobody) = map { $s->browser } 1 .. 3;
$ada->act(u => { login => { id => 'ada', data => { plan => 'pro' } } });
$bob->act(u => { login => { id => 'bob', data => { plan => 'free' } } });
my @gzip = (headers => ['Accept-Encoding: gzip']);
sub plain ($r) {
    return $r->body unless ($r->header('Content-Encoding') // '') eq 'gzip';
    return Compress::Zlib::memGunzip($r->body);
}

# --- mod_deflate ----------------------------------------------------------------

my $r = $ada->get('/guarded/page.html', @gzip);
is $r->header('Content-Encoding'), 'gzip', 'F03: mod_deflate is at work';
is plain($r), $long, 'F03: a guarded page, compressed';
is join(' ', sort map { lc } map { split /, */ } $r->all('Vary')),
    'accept-encoding cookie', 'F03: Vary names both';
is $_->get('/guarded/page.html', @gzip)->status, $_ == $bob ? 403 : 401,
    'F03: others are refused' for $bob, $nobody;
my $new = $s->browser;
$r = $new->get('/cgi/act?size=5000&u='
    . DjSession::Browser::escape('{"set":{"a":1}}'), @gzip);
is $r->header('Content-Encoding'), 'gzip', 'F01: a compressed response';
is scalar($r->cookies), 1, 'F01: that begins a session';
is $r->header('Cache-Control'), 'private, no-store', 'F01: kept from caches';
is scalar($r->all('X-DjSession-Update')), 0, 'F01: the update stays';
is $new->data->{a}, 1, 'F01: and was obeyed';
# An own ETag, suffixed by mod_deflate, and what mod_deflate does with 304.
$r = $ada->get('/guarded/page.html', @gzip);
$r = $ada->get('/guarded/page.html', headers => ['Accept-Encoding: gzip',
    'If-None-Match: ' . ($r->header('ETag') // '"-"')]);
ok $r->varies, 'F08: a conditional request: Vary';

# --- mod_include ----------------------------------------------------------------

my @expect = ([$ada, 'user ada', 'inner of ada', 'pro'],
    [$bob, 'user bob', '[an error', 'free'],
    [$nobody, 'user (none)', '[an error', 'free']);
for my $row (@expect) {
    my ($who, @parts) = @$row;
    my @got = split /;/, plain($who->get('/mixed/page.html', @gzip));
    is $got[$_], $parts[$_], "E01: mod_include: $parts[$_]" for 0, 2;
    is substr($got[1], 0, length $parts[1]), $parts[1],
        "E01: mod_include: a guarded part: $parts[1]";
}
is $ada->data->{n}, 1, 'E01: an included program counts, once';

# --- mod_proxy_wstunnel ---------------------------------------------------------

$nobody = $s->browser; # the page has begun a session for the last one

sub upgrade ($who, $path) {
    my $sock = $who->open_connection;
    $who->send_bytes($sock, "GET $path HTTP/1.1\r\nHost: localhost\r\n"
        . 'Cookie: ' . ($who->cookie_line // 'x=1') . "\r\n"
        . "X-DjSession-User: forged\r\nUpgrade: websocket\r\n"
        . "Connection: Upgrade, X-DjSession-User\r\n"
        . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        . "Sec-WebSocket-Version: 13\r\n\r\n");
    my $r = $who->read_response($sock, 'GET');
    my $echo = '';
    if ($r->status == 101) {
        $who->send_bytes($sock, 'head');
        $who->more($sock);
        $echo = $who->{pending};
    }
    $who->close_connection;
    return ($r->status, $echo);
}
for my $row ([$ada, 'live', 'ada', 101], [$bob, 'live', 'bob', 403],
    [$nobody, 'none', undef, 401])
{
    my ($who, $state, $user, $guarded) = @$row;
    my ($status, $head) = upgrade($who, '/ws/x');
    is $status, 101, 'E10: a tunnel opens';
    my ($told) = $head =~ /^X-DjSession-State: (.*?)\r$/mi;
    is $told, $state, "E10: its back end is told: $state";
    ($told) = $head =~ /^X-DjSession-User: (.*?)\r$/mi;
    is $told, $user, 'E10: and who is there, and nothing forged';
    is((upgrade($who, '/ws/guarded'))[0], $guarded,
        "E10: a guarded tunnel: $guarded");
}

# --- mod_http2 ------------------------------------------------------------------

SKIP: {
    skip 'HTTP/2 needs event or worker', 1 if $s->mpm eq 'prefork';
    skip 'curl is not installed', 1 if system 'curl --version >/dev/null 2>&1';
    my $base = 'https://localhost:' . $s->tlsport;
    my $curl = "curl -sk --http2 --resolve localhost:${\ $s->tlsport}:127.0.0.1"
        . " --max-time 20";
    my $jar = $s->dir . '/run/jar';
    my $login = DjSession::Browser::escape('{"login":"ada"}');
    my $head = qx{$curl -c $jar -D - -o /dev/null '$base/cgi/act?u=$login'};
    like $head, qr{^HTTP/2 200}, 'E11: HTTP/2';
    $s->canary($1) if $head =~ /sessionid=([a-z0-9]{32})/;
    my $urls = "-o /dev/null $base/guarded/page.html " x 20;
    my $write = "-w '%{http_version} %{http_code} %{size_download}\n'";
    my @got = split /\n/, qx{$curl -b $jar --parallel $write $urls 2>/dev/null};
    is scalar(@got), 20, 'E11: twenty streams of one connection';
    is scalar(grep { $_ eq "2 200 ${\ length $long}" } @got), 20,
        'E11: have the guarded page, for its user';
    like qx{$curl -o /dev/null $write $base/guarded/page.html}, qr/^2 401/,
        'E11: nobody is refused';
    my $told = qx{$curl -b $jar -H 'X-DjSession-User: forged' $base/back/x};
    like $told, qr/^X-DjSession-User: ada\r?$/m,
        'E11: a back end is told who comes by HTTP/2';
    unlike $told, qr/forged/, 'E11: and nothing forged';
}
$s->allows(qr/AH01630|AH01617|\[(?:proxy|include|http2|ssl)|authz/);
$s->stop;
done_testing;
