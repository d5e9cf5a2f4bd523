# Beside mod_cache with either of its stores nobody ever gets a copy of what was
# made for somebody else, neither page nor cookie, and what needs no session is
# cached as ever.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $PUBLIC = DjSession::Browser::escape('Cache-Control: public, max-age=600');
my %store = (
    disk    => "CacheRoot \@DIR\@/cache\nCacheEnable disk /\n",
    socache => "CacheSocache shmcb:\@DIR\@/run/cache(4194304)\n"
        . "CacheSocacheMaxSize 102400\nCacheEnable socache /\n",
);
my $back = backend();

sub beside ($kind, $quick, $hide) {
    my $s = server(modules => [qw(cache cache_disk cache_socache
            socache_shmcb authz_user)], base => '', conf => <<"END");
$store{$kind}CacheQuickHandler $quick
CacheIgnoreNoLastMod On
CacheDefaultExpire 600
CacheHeader On
DjSession On
DjSessionMaxSize 8000
DjSessionHideCookie $hide
ProxyPass /back http://127.0.0.1:${\ $back->port}/
<Location /cgi/act>
  DjSessionEnv Data
  DjSessionBackendUpdates On
</Location>
<Location /cgi/act/renewed>
  DjSessionRenew EveryRequest
</Location>
<Location /back>
  DjSessionForward Data
</Location>
<Location /guarded>
  AuthType DjSession
  Require djsession-user *
</Location>
END
    return $s;
}

# Everything that visitors can tell apart, in pages that claim to be public.
sub never_mixed ($s, $is) {
    my %who = map { $_ => $s->browser } qw(ada bob);
    $who{$_}->act(u => { login => $_ }) for sort keys %who;
    $who{nobody} = $s->browser;
    my %page = (
        'a program' => "/cgi/act?h=$PUBLIC",
        'a program, renewed' => "/cgi/act/renewed?h=$PUBLIC",
        'a program that varies by itself' => "/cgi/act?h=$PUBLIC&h="
            . DjSession::Browser::escape('Vary: Accept-Encoding'),
        'a back end' => "/back/x?r=$PUBLIC",
        'a redirect' => "/cgi/act?h=$PUBLIC&status=301&location=/x",
        'an error page' => "/cgi/act?h=$PUBLIC&status=404",
    );
    for my $what (sort keys %page) {
        my (%got, @cookies);
        for my $name (qw(ada bob nobody bob ada nobody)) {
            my $r = $who{$name}->get($page{$what});
            my $others = join '|', map { ($_, $who{$_}->session_key // '-') }
                grep { $_ ne $name } qw(ada bob);
            my $all = $r->head . "\n" . $r->body =~ s/djs-\w+//gr;
            $got{$name}++ if $what =~ /redirect/
                || $all =~ ($name eq 'nobody' ? qr/state[=:] ?none/i
                    : qr/user[=:] ?$name/i);
            push @cookies, $r->cookies if $name eq 'nobody';
            unlike $all, qr/(?:USER[=:] ?|sessionid=)(?:$others)/i,
                "F05: $is: $what: nothing of others for $name";
        }
        is json(\%got), '{"ada":2,"bob":2,"nobody":2}',
            "F05: $is: $what: each got his own";
        is scalar(@cookies), 0, "F01: $is: $what: nobody got a cookie";
    }
    return;
}

# F10: what a HEAD or a range has left in the cache.
sub other_methods ($s, $is) {
    my ($ada, $bob) = ($s->browser, $s->browser);
    $_->[0]->act(u => { login => $_->[1] }) for [$ada, 'ada'], [$bob, 'bob'];
    my $page = "/cgi/act?h=$PUBLIC&x=2";
    $ada->request('HEAD', $page);
    is $bob->get($page)->env->{DJSESSION_USER}, 'bob', "F10: $is: after HEAD";
    $ada->get("$page&y", headers => ['Range: bytes=0-99999']);
    is $bob->get("$page&y")->env->{DJSESSION_USER}, 'bob',
        "F10: $is: after a range";
    # F13: what was there before a logout.
    $ada->get($page);
    my $key = $ada->session_key;
    $ada->act(u => { flush => \1 });
    my $r = $ada->get($page, cookie => "sessionid=$key");
    is $r->env->{DJSESSION_STATE}, 'none', "F13: $is: nobody after the logout";
    unlike $r->body, qr/USER=ada/, "F13: $is: no page of before";
    # F12: other cookies only.
    is $ada->get($page, cookie => 'a=b')->env->{DJSESSION_STATE}, 'none',
        "F12: $is: with other cookies nobody is there";
    return;
}

sub guarded ($s, $is) {
    my $ada = $s->browser;
    $ada->act(u => { login => 'ada' });
    my $nobody = $s->browser;
    for my $round (1, 2) {
        is $ada->get('/guarded/page.html')->status, 200, "F05: $is: a user";
        is $nobody->get('/guarded/page.html')->status, 401, "F05: $is: others";
    }
    return;
}

sub open_pages ($s, $is) {
    my ($ada, $nobody) = ($s->browser, $s->browser);
    $ada->act(u => { login => 'ada' });
    $ada->get('/page.html');
    my $r = $nobody->get('/page.html');
    like $r->header('X-Cache') // '', qr/^HIT/, "F07: $is: an open page: a hit";
    is scalar($r->cookies), 0, "F08: $is: which replays no cookie";
    my $tag = $r->header('ETag');
    $r = $ada->get('/page.html', headers => ["If-None-Match: $tag"]);
    is $r->status, 304, "F08: $is: not modified";
    is scalar($r->cookies), 0, "F08: $is: and no cookie with it";
    return;
}

for my $kind (sort keys %store) {
    for my $way (['on', 'On'], ['off', 'On'], ['on', 'Off'], ['off', 'Off']) {
        my ($quick, $hide) = @$way;
        my $is = "$kind, quick handler $quick, HideCookie $hide";
        my $s = beside($kind, $quick, $hide);
        for my $name (qw(page.html guarded/page.html)) {
            my $file = $s->file("htdocs/$name", "open\n");
            utime 1_700_000_000, 1_700_000_000, $file;
        }
        never_mixed($s, $is);
        other_methods($s, $is);
        guarded($s, $is);
        open_pages($s, $is);
        $s->allows(qr/\[cache|AH01630|AH01617/);
        $s->stop;
    }
}
done_testing;
