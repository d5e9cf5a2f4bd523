# With DjSessionForward proxied back ends of every kind are told the session in
# request headers, as it is and nothing else: whatever a client sends or a
# configuration sets under these names.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my %scheme = (http => 'http', fastcgi => 'fcgi', scgi => 'scgi',
    uwsgi => 'uwsgi', ajp => 'ajp');
my @kinds = sort keys %scheme;
my %back = map { $_ => backend($_) } @kinds;
my %url  = map { $_ => "$scheme{$_}://127.0.0.1:${\ $back{$_}->port}" } @kinds;

my $s = server(
    modules => [qw(proxy_fcgi proxy_scgi proxy_uwsgi proxy_ajp)],
    global => "LimitRequestFieldSize 16000\n",
    conf => join('', map { "ProxyPass /$_ $url{$_}/\n" } @kinds) . <<"END",
DjSessionEnv Off
DjSessionForward Data
DjSessionMaxSize 15k
DjSessionUserKey uid
RequestHeader set X-DjSession-User forged early
RequestHeader set X-DjSession-User forged
RequestHeader append X_DjSession_State forged
RequestHeader set Connection X-DjSession-User
RequestHeader add Connection X-DjSession-Data
SetEnv DJSESSION_USER forged
SetEnv HTTP_X_DJSESSION_USER forged
SetEnv HTTP_X_DJSESSION_SIGNATURE forged
SetEnv HTTP-X_DJSESSION_SIGNATURE forged
SetEnv DJSESSION-USER forged
SetEnvIf Request_URI . HTTP_X.DJSESSION_DATA=forged
RewriteEngine On
RewriteRule ^ - [E=HTTP_X_DJSESSION_STATE:forged]
RewriteRule ^/rw/(.*) $url{http}/\$1 [P]
<LocationMatch "/summary">
  DjSessionForward Summary
</LocationMatch>
<LocationMatch "/silent">
  DjSessionForward Off
</LocationMatch>
<LocationMatch "/off">
  DjSession Off
</LocationMatch>
<Location /cgi/act>
  DjSessionEnv Data
</Location>
<Location /handled>
  SetHandler "proxy:$url{http}/"
</Location>
<Directory "\@DIR\@/htdocs/fpm">
  AllowOverride All
</Directory>
<Directory "\@DIR\@/htdocs/ssi">
  Options +Includes
  SetOutputFilter INCLUDES
</Directory>
ErrorDocument 404 /http/error
END
    after => "MergeTrailers On\n",
);
$s->file('htdocs/fpm/page.html', "not this\n");
$s->file('htdocs/fpm/.htaccess', <<"END");
SetHandler "proxy:$url{fastcgi}"
RequestHeader set X-DjSession-User htaccess
RequestHeader set Connection X-DjSession-User
SetEnv HTTP_X_DJSESSION_USER htaccess
SetEnv HTTP_X_DJSESSION_SIGNATURE htaccess
RewriteEngine On
RewriteRule ^ - [E=HTTP_X_DJSESSION_DATA:htaccess]
END
$s->file('htdocs/ssi/page.html', 'A<!--#include virtual="/http/inner" -->'
    . '<!--#if expr="-n %{HTTP:X-DjSession-User}" -->left<!--#endif -->'
    . 'B<!--#include virtual="/cgi/act" -->C');

# All that a back end saw under names that could be taken for ours.
sub told ($r) {
    my %seen;
    for my $line (split /\r?\n/, $r->body) {
        my ($name, $value) = $line =~ /^(?:HTTP_)?([!-9;-~]+?)(?:: |=)(.*)$/
            or next;
        next if $name !~ s/^X[^A-Za-z0-9]DjSession[^A-Za-z0-9]//i;
        push @{ $seen{ lc $name } }, $value;
    }
    return { map { $_ => join ' and ', @{ $seen{$_} } } keys %seen };
}
my @forged = (headers => ['X-DjSession-State: forged',
    'X_DjSession_User: forged', 'X.DjSession.Data: forged',
    'x-djsession-SIGNATURE: forged', 'X-DjSession-Other: forged',
    'Connection: close, X-DjSession-State, x_djsession_user',
    'Proxy-Connection: X-DjSession-Tag', 'TE: x-djsession-created']);

my $nobody = $s->browser;
my $ada = $s->browser;
$ada->act(u => '{"login":"ada","set":{"q":"\u00e9\u0000\r\n%0d"}}');
my $env = $ada->get('/cgi/act')->env;

for my $kind (@kinds) {
    my $name = "D01, E25: $kind";
    is json(told($nobody->get("/$kind/x", @forged))), '{"state":"none"}',
        "$name: nobody is there";
    is json(told($nobody->get("/$kind/x", cookie => 'sessionid=' . some_key(1),
        @forged))), '{"state":"none"}', "$name: nor for an unknown key";
    is json(told($nobody->get("/$kind/$_", @forged))), '{}', "$name: $_"
        for qw(silent off);
    my $seen = told($ada->get("/$kind/x", @forged));
    is join(' ', sort keys %$seen), 'created data expires state tag user',
        "$name: Data tells six things";
    is $seen->{$_}, $env->{"DJSESSION_\U$_"}, "$name: $_ as in DJSESSION_\U$_"
        for sort keys %$seen;
    $seen = told($ada->get("/$kind/summary", @forged));
    is join(' ', sort keys %$seen), 'created expires state tag user',
        "$name: Summary tells five";
    my $r = $ada->get("/$kind/x");
    unlike $r->body, qr/\Q${\ $ada->session_key }\E/,
        "D14: $kind is not told the key";
    ok $r->varies, "D01: $kind: Vary names Cookie";
    ok $nobody->get("/$kind/x")->varies, "D01: $kind: without a cookie, too";
}

# Every way to a back end.
my %ways = (POST => [$ada->post('/http/x', [a => 1], @forged)],
    'RewriteRule [P]' => [$ada->get('/rw/x', @forged)],
    'SetHandler' => [$ada->get('/handled/x', @forged)],
    'SetHandler in .htaccess' => [$ada->get('/fpm/page.html', @forged)],
    'an error document' => [$ada->get('/missing', @forged)],
    'a preflight' => [$ada->request('OPTIONS', '/http/x', headers => [
        @{ $forged[1] }, 'Origin: http://evil.test',
        'Access-Control-Request-Method: PUT'])]);
for my $way (sort keys %ways) {
    my $seen = told($ways{$way}[0]);
    is "$seen->{state} $seen->{user}", 'live ada', "D03: told by $way";
    ok !(grep { /forged|htaccess|and/ } values %$seen),
        "D10: and nothing forged by $way";
    ok !exists $seen->{signature}, "D09: nor a signature by $way";
}
is scalar($ada->get('/handled/x?early')->interim), 0,
    'D15: interim responses are kept back, SetHandler or not';
my $mix = $ada->get('/ssi/page.html', @forged)->body;
my ($inner, $cgi) = $mix =~ /^A(.*)B(.*)C$/s;
like $inner, qr/^X-DjSession-User: ada/m, 'D01: told in a subrequest';
unlike $mix, qr/left/, 'D01: and not the page that includes it';
unlike $cgi, qr/^HTTP_X_DJSESSION/m, 'D01: programs of ours see no header';
unlike $mix, qr/forged/, 'D01: nor anything forged';

# D04: trailers; to FastCGI the headers go when the body has been read.
my $r;
for my $kind (qw(http fastcgi)) {
    my $raw = "POST /$kind/x HTTP/1.1\r\nHost: localhost\r\n"
        . 'Cookie: sessionid=' . $ada->session_key . "\r\n"
        . "Transfer-Encoding: chunked\r\nConnection: close\r\n"
        . "Trailer: X-DjSession-User\r\n\r\n1\r\nx\r\n0\r\n"
        . "X-DjSession-User: forged\r\nX_DjSession_Tag: forged\r\n\r\n";
    $r = $ada->exchange($raw, 'POST');
    is told($r)->{user}, 'ada', "D04: $kind: ours stays beside a trailer";
    unlike $r->body, qr/forged/, "D04: $kind: and the trailer goes";
}

# D05: many and long ones.
$r = $ada->get('/http/x', headers => [('X_DjSession_User: forged') x 90]);
is told($r)->{user}, 'ada', 'D05: ours alone, of ninety-one';
$r = $ada->get('/http/x', headers => ['X-DjSession-User: ' . 'f' x 15_000]);
is told($r)->{user}, 'ada', 'D05: ours, and no long one';

# D06: a text that a header can not carry as it is, is left out.
my $bob = $s->browser;
for my $row (['"\u00e9 \ud83d\ude00"', "\xc3\xa9 \xf0\x9f\x98\x80"],
    ['17', '17'], ['"a, b; c=\"d\"%0d%0aX: y"', 'a, b; c="d"%0d%0aX: y'],
    ['"a\r\nX-DjSession-State: none"'], ['"root\u0000"'], ['" root"'],
    ['"root "'], ['"\troot"'], ['""'], ['"\ud800"'], ['"a\u007f"'])
{
    my ($id, $want) = @$row;
    $bob->act(u => qq({"set":{"uid":$id}}));
    for my $kind (@kinds) {
        my $seen = told($bob->get("/$kind/x"));
        is $seen->{user}, $want, "D06: $id as a user for $kind";
        like $seen->{data}, qr/^\{[ -~]+\}$/, "D06: data is ASCII for $kind";
    }
}

# D07: whole, or not at all.
my $line = 16000 - length 'X-DjSession-Data: {"a":""}';
my $long = $s->browser;
for my $piece (['{"set":{"a":"' . 'x' x 7000 . '"}}'],
    ['{"set":{"b":"' . 'x' x 7000 . '"}}'])
{
    $long->act(u => @$piece);
    is told($long->get('/http/x'))->{data}, $long->get('/cgi/act')
        ->env->{DJSESSION_DATA}, 'D07: much data is told whole';
}
$s->stop;

$s = server(conf => <<"END");
ProxyPass /http $url{http}/
DjSessionForward Data
DjSessionMaxSize 60k
<Location /http/summary>
  DjSessionForward Summary
</Location>
END
$long = $s->browser;
my $room = 8190 - length 'X-DjSession-Data: {"a":""}';
for my $row ([$room, 200], [$room + 1, 500]) {
    my ($size, $status) = @$row;
    # A header line that changes sessions has 8 KiB at most: in two of them.
    my $half = int($size / 2);
    $long->act(u => { set => { a => 'x' x $half } },
        u => { set => { b => 'x' x ($size - $half - length ',"b":""') } });
    my $r = $long->get('/http/x');
    is $r->status, $status, "D07: " . ($size - $room) . " bytes too many: $status";
    unlike $r->body, qr/xxx/, 'D07: and nothing of it told' if $status == 500;
    is told($long->get('/http/summary'))->{state}, 'live',
        'D07: Summary is none the worse';
}
$s->expects(qr/DJS311: .*X-DjSession-Data would have 8191 bytes.*8190/,
    qr/DJS011: .*DjSessionMaxSize 8172 at most/);

# D18: what TRACE sends on comes back to the client.
my $eve = $s->browser;
$eve->act(u => { login => 'eve' });
$r = $eve->request('TRACE', '/http/x');
is $r->status, 200, 'D18: a back end is asked to TRACE';
unlike $r->body, qr/djsession/i, 'D18: and is told nothing';
like $eve->get('/http/x')->body, qr/X-DjSession-User: eve/,
    'D18: as it would be otherwise';
$s->stop;

# Trouble is told as trouble; a back end of somebody's own choice, nothing.
$s = server(conf => <<"END", modules => ['proxy_connect']);
ProxyPass /http $url{http}/
ProxyRequests On
DjSessionForward Data
DjSessionMaxSize 8000
DjSessionOnStoreError Anonymous
<Location /http/strict>
  DjSessionOnStoreError Deny
</Location>
<Location /http/tls>
  DjSessionHTTPSOnly On
</Location>
<Proxy *>
  DjSession On
  DjSessionForward Data
</Proxy>
END
$ada = $s->browser;
$ada->act(u => { login => 'ada' });
is told($ada->get('/http/x'))->{user}, 'ada', 'D14: a back end of this site';
$r = $ada->get("$url{http}/x");
like $r->body, qr{^GET /x }, 'D14: an origin server, by forward proxy';
unlike $r->body, qr/djsession/i, 'D14: is told nothing';
is json(told($ada->get('/http/tls'))), '{"state":"none"}',
    'D01: DjSessionHTTPSOnly over plain HTTP: none';
$s->break_store;
is json(told($ada->get('/http/x'))), '{"state":"unavailable"}',
    'D01: with the store in trouble: unavailable';
$r = $ada->get('/http/strict');
is $r->status, 503, 'D01: with Deny';
unlike $r->body, qr/djsession/i, 'D01: no back end is asked';
$s->mend_store;
$s->expects(qr/DJS101/);
$s->stop;
done_testing;
