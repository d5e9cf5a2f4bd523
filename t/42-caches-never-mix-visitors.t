# mod_cache in front: nobody is ever served what was made for somebody else,
# and what does not depend on a session is cached as ever.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

for my $quick ('on', 'off') {
    my $s = server(modules => ['cache', 'cache_disk'], conf => <<"END");
CacheRoot \@DIR\@/cache
CacheEnable disk /
CacheQuickHandler $quick
CacheIgnoreNoLastMod On
CacheDefaultExpire 60
CacheHeader On
<Location /cgi/act/every>
  DjSessionRenew EveryRequest
</Location>
<Location /plain>
  DjSessionEnv Off
  DjSessionBackendUpdates Off
</Location>
END
    my $page_file = $s->file('htdocs/plain/page.html', "plain\n");
    utime 1_700_000_000, 1_700_000_000, $page_file;
    my $is = "quick handler $quick";
    my ($ada, $bob) = ($s->browser, $s->browser);
    $ada->act(u => { login => 'ada' });
    $bob->act(u => { login => 'bob' });

    # A program that declares its pages public, by mistake.
    my $page = '/cgi/act/every?h='
        . DjSession::Browser::escape('Cache-Control: public, max-age=60');
    is $ada->get($page)->env->{DJSESSION_USER}, 'ada',
        "F05: $is: the first visitor fills the cache";
    for my $round (1, 2) {
        my $r = $bob->get($page);
        is $r->env->{DJSESSION_USER}, 'bob', "F05: $is: the second is himself";
        unlike $r->body, qr/=ada/, "F05: $is: and sees nothing of the first";
        unlike join(' ', $r->cookies), qr/\Q${\ $ada->session_key }\E/,
            "F05: $is: and gets no cookie of the first";
        $r = $s->browser->get($page);
        is $r->env->{DJSESSION_STATE}, 'none', "F05: $is: nobody is nobody";
        is scalar($r->cookies), 0, "F05: $is: and gets no cookie";
    }

    # One that reads only: Vary keeps the visitors apart.
    $page = '/cgi/act?h='
        . DjSession::Browser::escape('Cache-Control: public, max-age=60');
    $ada->get($page);
    is $bob->get($page)->env->{DJSESSION_USER}, 'bob', "F05: $is: by Vary";
    is $ada->get($page)->env->{DJSESSION_USER}, 'ada', "F05: $is: both ways";
    is $s->browser->get($page)->env->{DJSESSION_STATE}, 'none',
        "F05: $is: nobody, too";

    # What does not depend on the session is served from the cache.
    $ada->get('/plain/page.html');
    my $r = $bob->get('/plain/page.html');
    like $r->header('X-Cache') // '', qr/^HIT/, "F07: $is: static: a hit";
    is scalar($r->cookies), 0, "F08: $is: a hit replays no cookie";
    $s->allows(qr/\[cache/);
    $s->stop;
}

# A page that asks for the session only when its beginning is on its way.
my $s = server(modules => ['cache', 'cache_disk', 'include'], conf => <<'END');
CacheRoot @DIR@/cache
CacheEnable disk /
CacheIgnoreNoLastMod On
CacheDefaultExpire 60
<Directory "@DIR@/htdocs">
  Options +Includes
  SetOutputFilter INCLUDES
  XBitHack full
</Directory>
<LocationMatch "^/(?!cgi)">
  DjSessionEnv Off
  DjSessionBackendUpdates Off
</LocationMatch>
END
my %asks = (
    include => 'hello <!--#include virtual="/cgi/act" -->',
    expr => "hello <!--#if expr=\"djsession('name') == 'eve'\" -->DJSESSION_USER=eve"
        . '<!--#endif -->',
);
my $eve = $s->browser;
$eve->act(u => { login => 'eve', set => { name => 'eve' } });
for my $ask (sort keys %asks) {
    my $file = $s->file("htdocs/$ask.html", $asks{$ask});
    utime 1_700_000_000, 1_700_000_000, $file;
    chmod 0755, $file;
    my $r = $eve->get("/$ask.html");
    like $r->body, qr/DJSESSION_USER=eve/, "F05: $ask: her own page";
    like $r->header('Vary') // '', qr/Cookie/, "F02: $ask: depends on the cookie";
    unlike $s->browser->get("/$ask.html")->body, qr/eve/,
        "F05: $ask: is nobody else's";
}
$s->stop;
done_testing;
