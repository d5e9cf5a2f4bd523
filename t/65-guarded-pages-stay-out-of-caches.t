# What is guarded by a session is never answered from a cache of httpd's: not to
# others, and not to the same visitor after the logout.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

for my $quick ('on', 'off') {
    my $s = server(loglevel => 'info', base => "DjSession On\n",
        modules => [qw(cache cache_disk authz_user)], conf => <<"END");
CacheRoot \@DIR\@/cache
CacheEnable disk /
CacheQuickHandler $quick
CacheDefaultExpire 3600
CacheIgnoreNoLastMod On
CacheStorePrivate On
CacheIgnoreCacheControl On
CacheHeader On
AliasMatch ^/(?:show|hide|expr)/ \@DIR\@/htdocs/index.html
<LocationMatch "^/(?:show|hide)/">
  AuthType DjSession
  Require djsession-user *
  DjSessionLoginURL /in
</LocationMatch>
<Location /show/>
  DjSessionHideCookie Off
</Location>
<Location /expr/>
  Header set X-Plan "expr=[%{DJSESSION:plan}]"
</Location>
<Location /cgi/>
  DjSessionEnv Data
  DjSessionBackendUpdates On
  CacheDisable on
</Location>
END
    utime 1_700_000_000, 1_700_000_000, $s->dir . '/htdocs/index.html';
    my $b = $s->browser;
    $b->act(u => { login => { id => 'ada', data => { plan => 'pro' } } });
    my $other = $s->browser;
    $other->act(u => { login => { id => 'bob', data => { plan => 'free' } } });
    my $nobody = $s->browser;
    my @html = (headers => ['Accept: text/html']);

    $b->get('/index.html') for 1 .. 2;
    ok defined $nobody->get('/index.html')->header('Age'),
        "quick handler $quick: the cache works: an open page comes out of it";
    for my $at (qw(show hide)) {
        for my $round (1 .. 3) {
            my @r = ($b->get("/$at/x"), $nobody->get("/$at/x"),
                $nobody->get("/$at/x", @html));
            is $r[0]->status, 200, "F05: $at: a user is served";
            is $r[1]->status, 401, "F05: $at: others are not";
            is $r[2]->status, 302, "F05: $at: nor a browser";
            is scalar(grep { $_->varies } @r), 3, "F05: $at: with Vary: Cookie";
        }
        ok !defined $b->get("/$at/x")->header('Age'), "F05: $at: nothing is kept";
    }
    for my $round (1 .. 2) {
        is $b->get('/expr/x')->header('X-Plan'), '[pro]', 'F05: an expression: own';
        is $other->get('/expr/x')->header('X-Plan'), '[free]', 'F05: and own';
        is $nobody->get('/expr/x')->header('X-Plan'), '[]', 'F05: and none';
    }
    my $key = $b->session_key;
    $b->other($key)->act(u => { flush => \1 });
    is $b->other($key)->get("/$_/x")->status, 401, "F05: $_: after the logout it is shut"
        for qw(show hide);

    $s->allows(qr/AH01630|AH01617/);
    $s->stop;
}
done_testing;
