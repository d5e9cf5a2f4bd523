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
done_testing;
