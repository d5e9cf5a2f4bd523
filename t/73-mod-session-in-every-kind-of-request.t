# What mod_session's users do reaches the store from redirects, included pages
# and error pages, never twice, and never after the response has begun.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
use File::Temp;

# A module of somebody else's that uses mod_session.
my $made = File::Temp->newdir('djs-XXXXXX', DIR => $ENV{DJS_TEST_TMP} // '/tmp');
chmod 0755, $made;
my $apxs  = $ENV{APXS} // 'apxs';
my $flags = join ' ', map { my $f = `$apxs -q $_`; chomp $f; $f }
    qw(EXTRA_CPPFLAGS EXTRA_CFLAGS);
my @places = map { my $d = `$apxs -q $_`; chomp $d; "-I$d" }
    qw(INCLUDEDIR APR_INCLUDEDIR APU_INCLUDEDIR);
my $cc = $ENV{CC} // 'cc';
system "$cc $flags @places -shared -fPIC -o $made/mod_sessiontest.so"
    . ' t/lib/mod_sessiontest.c';
is $?, 0, 'a module that is built on mod_session compiles';

# mod_session is loaded behind us here.
my $session = (DjSession::Server::load('session') =~ /^(LoadModule .*)$/m)[0];
my $forms = <<'END';
<LocationMatch "^/(set|cgi|page|error|secure|beside)">
  Session On
  SessionEnv On
  DjSessionModSession On
</LocationMatch>
SessionHeader X-Session
<LocationMatch "^/view">
  SessionMaxAge 60
  Session On
  DjSessionModSession On
  Options +Includes
  SetOutputFilter INCLUDES
</LocationMatch>
<LocationMatch "^/(set|secure)">
  SetHandler sessiontest
</LocationMatch>
<LocationMatch "^/(page|beside)">
  Options +Includes
  SetOutputFilter INCLUDES
</LocationMatch>
<Location /page/refused>
  Require all denied
  ErrorDocument 403 /set?seen=refused
</Location>
<Location /members>
  Session On
  DjSessionModSession On
  AuthType Form
  AuthName private
  AuthFormProvider file
  AuthUserFile @DIR@/users
  Require valid-user
</Location>
<LocationMatch "^/(secure|cgi/act/only)">
  DjSessionHTTPSOnly On
</LocationMatch>
<Location /see>
  DjSession On
  DjSessionEnv Data
</Location>
RewriteEngine On
RewriteRule ^/moved$ /set [PT]
ScriptAlias /see @DIR@/cgi/act
CacheEnable socache /page/
CacheSocache shmcb:@DIR@/run/cache(500000)
CacheQuickHandler On
END
my $s = server(
    modules => [qw(include socache_shmcb cache cache_socache
            auth_form request authn_file authz_user)], base => '',
    global  => "$session\nLoadModule sessiontest_module $made/mod_sessiontest.so\n",
    conf    => $forms);
$s->file('htdocs/page/incl.html', qq(a <!--#include virtual="/set?inc=luded" -->end\n));
$s->file('htdocs/page/plain.html', "plain\n");
$s->file('htdocs/view/view.html', '<!--#include virtual="/view/part.html" -->end');
$s->file('htdocs/view/part.html', 'part');

sub count ($server) {
    my %records = $server->records;
    return scalar keys %records;
}
sub data ($b) { return $b->get('/see')->data }

my $b = $s->browser;
my $r = $b->get('/set?a=1');
is $r->body, "load ok\nset ok\n", 'another module uses our session';
is scalar($r->all('Set-Cookie')), 1, 'B02: one cookie';
is_deeply data($b), {a => 1}, 'it is saved';
$b->get('/moved?b=2');
is_deeply data($b), {a => 1, b => 2}, 'behind a rewrite';
$r = $b->get('/cgi/act?location=/set?c=3');
is_deeply data($b), {a => 1, b => 2, c => 3}, 'E02: behind an internal redirect';
$r = $b->get('/set?d=4;goto=/index.html');
is $r->body, "home\n", 'a page that sets something and sends on';
is data($b)->{d}, 4, 'E03: loses nothing where mod_session is not';
$r = $b->get('/page/incl.html');
like $r->body, qr/set ok\nend/, 'E01: an included page shares the session';
is data($b)->{inc}, undef, 'what it sets comes when the page is on its way';
is scalar(() = $s->log =~ /DJS401: .* for \/page\/incl/g), 1,
    'and the log says that it is lost';
$b->get('/set?empty=');
is $b->get('/view/view.html')->body, "partend", 'E01: a page that includes';
is json(data($b)) =~ s/.*("empty":"").*/$1/r, '"empty":""',
    'E01: what includes do not touch stays as it is';
$r = $b->get('/page/refused/');
is $r->status, 403, 'E04: a refused page';
is data($b)->{seen}, 'refused', 'has its error page save what it sets';
$b->get('/set?seen');
is data($b)->{seen}, undef, 'a key that is removed is gone';

# Names are one to mod_session, whatever their letters.
$b->get('/set?A=5');
is data($b)->{a}, '5', 'a name in other letters is the same name';
is data($b)->{A}, undef, 'and makes no second one';
$b->get('/cgi/act?h=X-Session:%20a%3D%26A%3D6');
is data($b)->{a}, '6', 'also when it was removed in between';
is data($b)->{A}, undef, 'as before';
$b->get('/set?A=5');

# Too late.
$r = $b->get('/set?late;z=1');
is $r->body, "begun\nload ok\nset ok\nsave error\n",
    'a change after the response has begun is not called saved';
is data($b)->{z}, undef, 'and it is not';
$s->expects(qr/DJS401/, qr/AH01822/);

# Caches: a page with a session is nobody else's.
$s->file('htdocs/page/who.html', '<!--#echo var="HTTP_SESSION" -->');
my $mine = $b->get('/page/who.html')->body;
like $mine, qr/a=5/, 'a page that shows the session';
unlike $s->browser->get('/page/who.html')->body, qr/a=5/,
    'F05: is not served to the next visitor from a cache';
like $b->get('/page/who.html')->body, qr/a=5/, 'F05: nor the other way round';

# HTTPSOnly.
my $plain = $s->browser;
$r = $plain->get('/secure?a=1');
is $r->status, 503, 'B07: DjSessionHTTPSOnly holds for mod_session, too';
is $plain->session_key, undef, 'no cookie goes out in the clear';
$plain->get('/set?a=1');
like $plain->get('/cgi/act?location=/cgi/act')->env->{HTTP_SESSION} // '',
    qr/a=1/, 'a page behind a redirect sees the session';
unlike $plain->get('/cgi/act?location=/cgi/act/only')->env->{HTTP_SESSION} // '',
    qr/a=1/, 'B07: not where DjSessionHTTPSOnly is On';
is $plain->get('/set?b=2;goto=/secure?c=3')->status, 503,
    'B07: nor is it changed there';
$plain->get('/set?a');
is $plain->session_key, undef, 'and it ends where it may';
$s->expects(qr/DJS402: .*plain HTTP/);

# A session that ends while a request of its runs stays ended.
my @slow = begin_parallel(1, sub ($i) {
    return $b->get('/cgi/act?touch=in&wait=go&h=X-Session:%20late%3Dyes')->status;
});
$s->wait_until(sub { -e $s->dir . '/sync/in' });
my %seen = map { $_ => '' } keys %{ data($b) };
my $other = $b->other($b->session_key);
$other->get("/set?$_") for keys %seen;
is count($s), 0, 'C06: it is emptied, and so it ends';
$s->file('sync/go', '');
is_deeply [end_parallel(@slow)], [200], 'a request that was under way';
is count($s), 0, 'C10: does not bring it back, as it does with mod_session_dbd';

# A restart, and the bridge is there again.
$b->get('/set?after=one');
ok $s->restart, 'a graceful restart';
is_deeply data($b), {after => 'one'}, 'finds the session again';
$b->get('/set?after=two');
is_deeply data($b), {after => 'two'}, 'and saves it';
ok $s->restart('HUP'), 'a hard one';
$b->get('/set?after=three');
is_deeply data($b), {after => 'three'}, 'as well';

# A record that does not open is left alone.
my %all = $s->records;
my ($name) = keys %all;
my ($until, $hex) = @{ $all{$name} };
my $flipped = substr($hex, 0, -2) . (substr($hex, -2) eq '00' ? '01' : '00');
$s->poke($flipped, 'put', $name, $until);
$s->expects(qr/DJS203/, qr/AH01816/);
$r = $b->get('/set?after=four');
is $r->body, "load error\n", 'G01: of a damaged record mod_session is told';
is $b->get('/members/')->status, 500, 'G01: and a guarded page is 500';
my %now = $s->records;
is $now{$name}[1], $flipped, 'G01: nothing overwrites it';
$s->allows(qr/AH01630/);
$s->stop;

refused('mod_session must be there',
    qr/DJS001: DjSessionModSession On: mod_session is not there/,
    conf => "DjSessionModSession On\n");
done_testing;
