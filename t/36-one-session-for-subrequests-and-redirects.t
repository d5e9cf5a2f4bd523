# One session object for a request: over includes, internal redirects,
# rewrites, actions and error documents; saved once, one Set-Cookie.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server(modules => [qw(autoindex negotiation auth_basic
    authn_file authz_user)], conf => <<'END');
<Directory "@DIR@/htdocs">
  Options +Includes +Indexes +MultiViews
  AddOutputFilter INCLUDES .shtml
  AddHandler do-act .do
  Action do-act /cgi/act
</Directory>
<Directory "@DIR@/htdocs/di">
  DirectoryIndex /cgi/act
</Directory>
<Directory "@DIR@/htdocs/rw">
  RewriteEngine On
  RewriteRule ^ /cgi/act [L]
</Directory>
RewriteEngine On
RewriteRule ^/nice$ /cgi/act [PT]
<Location /many>
  DjSessionCreate Always
</Location>
ErrorDocument 404 /cgi/act?u=%7B%22incr%22:%7B%22n%22:1%7D%7D
ErrorDocument 403 /cgi/act?u=%7B%22incr%22:%7B%22n%22:1%7D%7D
ErrorDocument 401 /cgi/act?u=%7B%22incr%22:%7B%22n%22:1%7D%7D
ErrorDocument 410 https://elsewhere.test/
ErrorDocument 500 /cgi/act?u=%7B%22incr%22:%7B%22n%22:1%7D%7D
<Location /forbidden>
  Require all denied
</Location>
<Location /login>
  AuthType Basic
  AuthName x
  Require valid-user
</Location>
<Location /gone>
  Redirect 410
</Location>
END
$s->file('cgi/broken', "#!/nonexistent\n", 0755);
$s->file('htdocs/x.do', 'x');
$s->file('htdocs/list/' . $_, 'x') for 'a' .. 'z';
$s->file('htdocs/one.txt', "one\n");
$s->file('htdocs/two.html', "two\n");
$s->file('htdocs/fifty.shtml',
    join '', map { qq(<!--#include virtual="/cgi/act?body=$_." -->) } 1 .. 50);
$s->file('htdocs/state.shtml', '<!--#echo var="DJSESSION_STATE" -->'
    . '<!--#include virtual="/cgi/act" -->');
$s->file('htdocs/deep.shtml', '<!--#include virtual="/state.shtml" -->');
$s->file('htdocs/many/page.shtml',
    join '', map { qq(<!--#include virtual="/cgi/act/many?body=$_." -->) } 1 .. 20);
mkdir $s->dir . "/htdocs/$_" for qw(di rw);

sub u ($data) { return 'u=' . DjSession::Browser::escape(json($data)) }
my $b = $s->browser;
$b->act(u => { set => { n => 0 } });
my $incr = u({ incr => { n => 1 } });
sub n { return $b->data->{n} }

# Whatever leads to the program, it sees the session and changes it once.
my $want = 0;
for my $path ('/cgi/act', '/nice', '/di/', '/rw/x', '/x.do', '/missing',
    '/forbidden', '/login')
{
    my $r = $b->get("$path?$incr");
    my $name = "E02: $path";
    like $r->body, qr/^DJSESSION_STATE=live$/m, "$name sees the session"
        or diag $r->head, "\n", $r->body;
    is n(), $want += 1, "$name: applied once";
    is scalar($r->cookies), 1, "$name: one Set-Cookie";
    ok $r->varies, "E04: $name: Vary";
    like $r->header('Cache-Control') // '', qr/private, no-store/,
        "E04: $name: Cache-Control in the same answer";
    is scalar($r->all('X-DjSession-Update')), 0, "$name: header kept in";
}

# A program that hands over to another one: both updates count, once each.
my $location = '/cgi/act?' . $incr;
for my $depth (1 .. 5) {
    my $r = $b->get($location);
    is n(), $want += $depth, "E02: a chain of $depth counts $depth times";
    is scalar($r->cookies), 1, 'E02: and is saved with one cookie';
    $location = "/cgi/act?$incr&location="
        . DjSession::Browser::escape($location);
}
my $r = $b->get("/cgi/act?$incr&location=/one.txt");
is $r->body, "one\n", 'E02: a hand-over to a static file';
is n(), $want += 1, 'E02: and the update before it counts';
is scalar($r->cookies), 1, 'E02: with its cookie';
$r = $b->get("/cgi/act?$incr&location=/missing");
is n(), $want += 2, 'E02: a hand-over to an error document: both count';
$r = $b->get("/cgi/act?$incr&location=http://elsewhere.test/");
is $r->status, 302, 'E02: an external redirect';
is n(), $want += 1, 'E02: is saved';
is scalar($r->cookies), 1, 'E02: with its cookie';
$r = $b->get("/gone?$incr");
is n(), $want, 'E04: an external error document changes nothing';

# A program that can not run, and the error document for it.
$s->allows(qr/AH01630/, qr/AH0124|AH0121|AH0122|AH01215|AH02811|broken|End of script/);
$r = $b->get("/cgi/broken?$incr");
is $r->status, 500, 'E04: a broken program';
is n(), $want, 'C24: the update in its error document is not saved';
is scalar($r->cookies), 0, 'C24: and no cookie sent';

# D11: after a flush nothing of the session is told further down.
my $leaver = $s->browser;
$leaver->act(u => { login => 'ada' });
my $gone = '/cgi/act?' . u({ flush => \1 }) . '&location=/cgi/act';
my $env = $leaver->get($gone)->env;
is join(',', grep { /DJSESSION_(?:USER|DATA|TAG)/ } sort keys %$env), '',
    'D11: REDIRECT_DJSESSION_* does not outlive the session';
is $leaver->session_key, undef, 'D11: which is ended';

# Includes.
$r = $b->get('/fifty.shtml');
is $r->body, join('', map { "$_." } 1 .. 50), 'E01: fifty includes';
cmp_ok scalar($r->cookies), '<=', 1, 'E01: one Set-Cookie at most';
for my $page ('/state.shtml', '/deep.shtml') {
    like $b->get($page)->body, qr/live.*^DJSESSION_STATE=live$/ms,
        "E01: $page and its includes see the session";
}
$r = $b->get('/list/');
is $r->status, 200, 'E01: a directory listing';
like $b->get('/two')->body, qr/two/, 'E01: negotiation';
# An update that comes from inside a page: it counts, or its loss is logged.
for my $text ('', 'text before it ', 'x' x 20_000) {
    $s->file('htdocs/inner.shtml',
        qq($text<!--#include virtual="/cgi/act?body=in&$incr" -->));
    my $lost = () = $s->log =~ /DJS208/g;
    my $before = n();
    $r = $b->get('/inner.shtml');
    is $r->status, 200, 'E01: an include with an update is served';
    my $counted = n() - $before;
    my $told = (() = $s->log =~ /DJS208/g) - $lost;
    is $counted + $told, 1, 'E01: its update counts, or its loss is logged';
    is scalar($r->all('X-DjSession-Update')), 0, 'E01: the header stays in';
}
$s->allows(qr/DJS208/);

# A first visit to a page of many parts: one session.
$r = $s->browser->get('/many/page.shtml');
is scalar($r->cookies), 1, 'E01: DjSessionCreate Always: one cookie';
is $r->body, join('', map { "$_." } 1 .. 20), 'E01: for all its parts';
my $visitor = $s->browser;
$visitor->get('/many/');
is $visitor->state, 'live', 'E01: also for a directory listing';
my $first = $s->browser;
$first->get('/fifty.shtml');
is $first->session_key, undef, 'E01: no session comes of reading';

# E20: httpd's own authentication beside ours.
$s->stop;
my $auth = server(modules => [qw(auth_basic authn_file authz_user)],
    conf => <<'END');
<Location /cgi/act>
  AuthType Basic
  AuthName x
  AuthUserFile @DIR@/users
  Require valid-user
</Location>
END
my $hash = `openssl passwd -apr1 secret`;
$auth->file('users', "ada:$hash");
$b = $auth->browser;
my @login = (headers => ['Authorization: Basic YWRhOnNlY3JldA==']);
is $b->act(u => { set => { a => 1 } })->status, 401,
    'E20: without a password nothing runs';
$b->act(u => { set => { a => 1 } }, @login);
is $b->data(@login)->{a}, 1, 'E20: with it, the session works beside it';
$auth->stop;
done_testing;
