# Every form of our header names that a client sends is taken out before a
# program or a back end could see it, wherever any host uses the module.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $back = backend();
my $proxy = "http://127.0.0.1:${\ $back->port}/";
my $s = server(conf => <<"END", after => <<"AFTER");
ProxyPass /back $proxy
RewriteEngine On
RewriteRule ^/rw/(.*) $proxy\$1 [P]
<Location /back/off>
  DjSession Off
</Location>
RequestHeader set X-Other kept
END
MergeTrailers On
<VirtualHost 127.0.0.1:\@PORT\@>
  ServerName plain.test
  ProxyPass /back $proxy
</VirtualHost>
AFTER
my $b = $s->browser;
$b->act(u => { set => { a => 1 } });
my $plain = $s->browser(host => 'plain.test');

# Forms of the name: letters in any case, any other character a separator.
my @names = map { s/ //gr } (
    'X-DjSession-User', 'X-DJSESSION-USER', 'x-djsession-user',
    'X_DjSession_User', 'x-djsession_user', 'X_DJSESSION-USER',
    'X.DjSession.User', 'X-DjSession.User', 'X!DjSession!User',
    'X~DjSession~User', "X'DjSession'User", 'X-DjSession-State',
    'X-DjSession-Tag', 'X-DjSession-Created', 'X-DjSession-Expires',
    'X-DjSession-Data', 'X-DjSession-Signature', 'X-DjSession-Update',
    'X_DjSession_Update', 'X-DjSession-Other',
);
my %at = (proxied => [$b, '/back/x'], rewritten => [$b, '/rw/x'],
    'DjSession Off' => [$b, '/back/off'],
    'a host without sessions' => [$plain, '/back/x'],
    anonymous => [$s->browser, '/back/x']);
for my $where (sort keys %at) {
    my ($who, $path) = @{ $at{$where} };
    my $seen = $who->get($path,
        headers => [(map { "$_: forged" } @names), 'X-Mine: kept'])->body;
    unlike $seen, qr/djsession/i, "D02: no form of our names: $where";
    unlike $seen, qr/forged/,     "D02: nor their values: $where";
    like $seen, qr/^X-Mine: kept/m, "D02: other headers pass: $where";
}

# D03: nominating our names in Connection takes nothing away.
for my $line ('Connection: close, X-DjSession-User, X-Mine',
    'Connection: x-djsession_user,close', "Connection: close\r\n"
        . 'Connection: X-DjSession-State',
    "Connection: close\r\nProxy-Connection: X-DjSession-User")
{
    my $seen = $b->get('/back/x', headers => [$line,
        'X-DjSession-User: forged', 'X-Mine: mine'])->body;
    unlike $seen, qr/djsession/i, 'D03: ' . $line =~ s/\r\n/ | /gr;
}
my $seen = $b->get('/back/x', headers => ['Connection: close, X-Mine',
    'X-Mine: mine'])->body;
unlike $seen, qr/X-Mine/, 'D03: other nominations work as ever';

# D04: trailers.
for my $name ('X-DjSession-User', 'X_DjSession_User') {
    for my $path ('/back/x', '/cgi/act') {
        my $raw = "POST $path HTTP/1.1\r\nHost: localhost\r\n"
            . "Transfer-Encoding: chunked\r\nTrailer: $name\r\n"
            . "Content-Type: text/plain\r\nConnection: close\r\n\r\n"
            . "1\r\nx\r\n0\r\n$name: forged\r\n\r\n";
        my $r = $b->exchange($raw, 'POST');
        unlike $r->body, qr/forged/, "D04: a trailer $name to $path";
    }
}

# D05: many and long ones.
my $r = $b->get('/back/x', headers => [('X_DjSession_User: forged') x 90]);
is $r->status, 200, 'D05: ninety of them';
unlike $r->body, qr/forged/, 'D05: are all taken out';
$r = $b->get('/back/x', headers => ['X-DjSession-User: ' . 'f' x 8100]);
unlike $r->body, qr/djsession/i, 'D05: so is one of 8 KB';
$r = $b->exchange("GET /back/x HTTP/1.1\r\nHost: localhost\r\n"
    . "X-DjSession-User : forged\r\nConnection: close\r\n\r\n");
ok $r->status == 400 || $r->body !~ /forged/, 'D02: a blank before the colon';

# D18: TRACE shows what came, and nothing of ours.
$r = $b->request('TRACE', '/cgi/act');
is $r->status, 200, 'D18: TRACE';
unlike $r->body, qr/djsession/i, 'D18: shows nothing that we added';

# The environment does not leak upstream as headers by itself.
unlike $b->get('/back/x')->body, qr/djsession/i,
    'D14: a back end is told nothing unless asked for';
unlike $b->get('/back/x')->body, qr/\Q${\ $b->session_key }\E/,
    'D14: nor is it told the key';

# An update from a back end is obeyed and kept in.
$r = $b->get('/back/x?r=' . DjSession::Browser::escape(
    'X-DjSession-Update: {"set":{"from":"back"}}'));
is scalar($r->all('X-DjSession-Update')), 0, 'D15: a back end\'s update stays';
is $b->data->{from}, 'back', 'D15: and is obeyed';
$r = $plain->get('/back/x?r=' . DjSession::Browser::escape(
    'X-DjSession-Update: {"set":{"from":"plain"}}'));
$s->expects(qr/DJS207/);
is scalar($r->all('X-DjSession-Update')), 0,
    'D16: taken off in a host without sessions, too';
$s->allows(qr/\[proxy/);
$s->stop;
done_testing;
