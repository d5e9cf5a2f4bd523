# What a place says of sessions counts there whatever leads to it: a subrequest
# of a rewrite rule, a redirect inside httpd, a directory's index, an include;
# and what is asked of others' servers through httpd has no session here.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
use Time::HiRes 'sleep';

my $back = backend();
my $s = server(modules => ['include'], clock => 1, conf => <<"END");
ScriptAlias /adm/cgi/ \@DIR\@/cgi/
<Location /adm>
  DjSessionAbsoluteTimeout 1h
  AuthType DjSession
  AuthName adm
  Require djsession-user boss
</Location>
ScriptAlias /young/cgi/ \@DIR\@/cgi/
<Location /young>
  DjSessionAbsoluteTimeout 1h
</Location>
<Directory "\@DIR\@/htdocs">
  AllowOverride All
  Options +Includes
</Directory>
<Directory "\@DIR\@/htdocs/ssi">
  SetOutputFilter INCLUDES
</Directory>
<Directory "\@DIR\@/htdocs/dx">
  <Files index.html>
    DjSessionAbsoluteTimeout 1h
    AuthType DjSession
    AuthName dx
    Require djsession-user boss
  </Files>
</Directory>
<Files early.html>
  DjSessionCookieName earlyid
  AuthType DjSession
  AuthName early
  DjSessionAbsoluteTimeout 1h
  Require djsession-user boss
</Files>
RewriteEngine On
RewriteRule ^/early.html - [E=user:%{LA-U:REMOTE_USER}]
<Location /cgi/act/shop>
  DjSessionUserKey uid
</Location>
<Location /cgi/act/two>
  RequestHeader add Cookie lang=de
</Location>
<Location /out>
  ErrorDocument 503 /sorry.html
</Location>
END
$s->file('htdocs/.htaccess', "RewriteEngine On\nRewriteRule ^go\$ /adm/cgi/act [PT]\n"
    . "RewriteRule ^young\$ /young/cgi/act [PT]\n");
$s->file('htdocs/dx/index.html', "inside\n");
$s->file('htdocs/out/index.html', "in\n");
$s->file('htdocs/sorry.html', "sorry\n");
sub include ($query) { return "<!--#include virtual=\"/cgi/act?$query\" -->" }
sub u ($json) { return 'u=' . DjSession::Browser::escape($json) }
$s->file('htdocs/ssi/first.html', include(u('{"set":{"first":1}}')));
$s->file('htdocs/ssi/led.html', include(u('{"set":{"led":1}}')
    . '&location=' . DjSession::Browser::escape('/cgi/act/led')));
$s->file('htdocs/ssi/late.html', "text\n" . include(u('{"set":{"late":1}}')));
$s->file('htdocs/early.html', "inside\n");

# --- terms of the place ------------------------------------------------------

my $boss = $s->browser;
$boss->act(u => { login => 'boss' });
my %way = ('asked for' => '/adm/cgi/act', 'by a rewrite rule' => '/go',
    "as a directory's index" => '/dx/', 'as a file' => '/dx/index.html');
for my $way (sort keys %way) {
    is $boss->get($way{$way})->status, 200, "C17: a young login, $way";
}
$s->shift_clock(3700);
for my $way (sort keys %way) {
    my $r = $boss->get($way{$way});
    is $r->status, 401, "C17: too old there, $way";
    unlike $r->body, qr/DJSESSION_USER=/, "C17: who it was is not told, $way";
}
is $boss->get('/cgi/act')->env->{DJSESSION_USER}, 'boss',
    'C17: and as good as before elsewhere';
my $again = $s->browser(jar => { sessionid => $boss->session_key });
my $r = $again->get('/young?' . u('{"set":{"new":1}}'));
is $r->env->{DJSESSION_STATE}, 'none', 'C17: where it is too old it is none';
is json($again->get('/young')->data), '{"new":1}',
    'C17: and what is set there begins another';
is $boss->get('/cgi/act')->env->{DJSESSION_USER}, 'boss',
    'C17: which leaves the old one alone';
$s->shift_clock(0);

my $early = $s->browser(name => 'earlyid');
my $fresh = $s->browser;
$fresh->act(u => { login => 'boss' });
is $s->browser(jar => { earlyid => $fresh->session_key })
    ->get('/early.html')->status, 200,
    "E01: a rule's look ahead decides of no cookie's name";
is $fresh->get('/early.html')->status, 401, 'E01: the other one is none there';

# --- revocations under any user key -----------------------------------------

my $shop = '/cgi/act/shop';
my ($one, $two, $three) = map { my $b = $s->browser;
    $b->act(at => $shop, u => { login => 'bob' }); $b } 1 .. 3;
$one->act(at => $shop, u => { logout_everywhere => JSON::PP::true });
is $two->get('/cgi/act')->env->{DJSESSION_STATE}, 'none',
    'C20: a revoked session is none where users have another key';
my $ended = $s->browser(jar => { sessionid => $two->session_key });
$ended->act(u => { set => { a => 1 } });
is $s->browser(jar => { sessionid => $two->session_key })
    ->get($shop)->env->{DJSESSION_STATE}, 'none',
    'C20: nor does a change there bring it back';
is $three->get($shop)->env->{DJSESSION_STATE}, 'none', 'C20: neither of them';

# --- several Cookie fields, which a configuration makes ----------------------

my $b = $s->browser;
$b->act(u => { set => { a => 1 } });
$r = $b->get('/cgi/act/two');
is $r->env->{HTTP_COOKIE}, 'lang=de', 'A27: a field that was added stays';
is $r->env->{DJSESSION_STATE}, 'live', 'A27: beside the one with the session';

# --- pages that include --------------------------------------------------------

$r = $b->get('/ssi/first.html');
is $b->data->{first}, 1, 'D15: the very first include may change the session';
$r = $b->get('/ssi/led.html');
is $b->data->{led}, 1, 'D15: also one that leads on to another program';
$s->expects(qr/DJS208/);
$s->browser->get('/ssi/late.html');
unlike $s->log, qr/session  is lost/, 'D15: a late one is told of as late';

# --- an outage, and a directory's index ---------------------------------------

$s->expects(qr/DJS10[12]/);
$s->allows(qr/DJS10/);
$s->break_store;
for my $path ('/out/index.html', '/out/') {
    $r = $b->get($path);
    is $r->status, 503, "J14: an outage: $path";
    is $r->body, "sorry\n", 'J14: with the page for it';
}
$s->mend_store;
ok $s->wait_until(sub { $b->get('/out/')->status == 200 }, 5), 'and over';
$s->stop;

# --- a forward proxy -----------------------------------------------------------

my $url = 'http://127.0.0.1:' . $back->port;
$s = server(conf => <<"END");
ProxyRequests On
<Proxy "http://127.0.0.1:*">
  Require all granted
</Proxy>
END
my $evil = $s->browser;
my $login = DjSession::Browser::escape('X-DjSession-Update: {"login":"boss"}');
$s->expects(qr/DJS207/);
$r = $evil->get("$url/x?r=$login");
is $r->status, 200, 'D16: through a forward proxy';
is scalar($r->cookies), 0, "D16: another's server begins no session here";
is scalar($r->all('X-DjSession-Update')), 0, 'D16: what it wants stays here';
$boss = $s->browser;
$boss->act(u => { login => 'boss' });
like $boss->get("$url/x", headers => ['Cookie: other=1'])->body,
    qr/^Cookie: .*other=1/m, 'A27: its cookies are its own';
$r = $boss->get("$url/x?r=" . DjSession::Browser::escape(
    'Set-Cookie: sessionid=theirs'));
is join(' ', $r->cookies('sessionid')), 'sessionid=theirs',
    'A27: and those that it sets';
$s->stop;
done_testing;
