# A session's cookie comes with the final answer to its own visitor: not out
# of a cache, not in an interim response, not where the store could not keep
# the session; and a logout deletes no cookies that it did not understand.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

sub u ($data) { return 'u=' . DjSession::Browser::escape(json($data)) }

# F05: mod_cache is made to store what it should not. A renewal tells of no
# Vary, so only its own header keeps it out.
my @stored = ([relaxed => 'DjSessionCacheControl Off'],
    [forced => "CacheStorePrivate On\nCacheStoreNoStore On"],
    [both => "DjSessionCacheControl Off\nCacheStorePrivate On\n"
        . 'CacheStoreNoStore On']);
for my $kind (['disk', 'on'], ['disk', 'off'], ['socache', 'on'],
    ['socache', 'off'])
{
    my ($where, $quick) = @$kind;
    my $s = server(base => '',
        modules => [qw(cache cache_disk socache_shmcb cache_socache)],
        conf => <<"END" . join '',
DjSession On
DjSessionRenew EveryRequest
CacheRoot \@DIR\@/cache
CacheSocache shmcb:\@DIR\@/run/cache(512000)
CacheEnable $where /
CacheQuickHandler $quick
CacheIgnoreNoLastMod On
CacheDefaultExpire 60
CacheHeader On
<Location /cgi/>
  DjSessionEnv Data
  DjSessionBackendUpdates On
</Location>
<Location /off>
  DjSession Off
</Location>
END
        map { my ($name, $lines) = @$_;
            "<Location /$name>\n$lines\n</Location>\n"
            . "<Location /$name/new>\nDjSessionCreate Always\n</Location>\n"
        } @stored);
    for my $name ('off', map { ($_->[0], "$_->[0]/new") } @stored) {
        my $file = $s->file("htdocs/$name/page.html", "page\n");
        utime 1_700_000_000, 1_700_000_000, $file;
    }
    my ($ada, $bob) = ($s->browser, $s->browser);
    $ada->act(u => { login => 'ada' });
    $bob->act(u => { login => 'bob' });
    for my $name (map { $_->[0] } @stored) {
        my $is = "$where, quick handler $quick, $name";
        my $r = $ada->get("/$name/page.html");
        is scalar($r->cookies), 1, "F05: $is: the first is renewed";
        for my $round (1, 2) {
            $r = $bob->get("/$name/page.html");
            is $r->body, "page\n", "F05: $is: the second is served";
            is join(' ', grep { !/^sessionid=\Q${\ $bob->session_key };/ }
                    $r->all('Set-Cookie')), '',
                "F05: $is: and gets no cookie but his own";
            is scalar($s->browser->get("/$name/page.html")
                    ->all('Set-Cookie')), 0, "F05: $is: nobody gets none";
        }
        my @new = map { my $v = $s->browser; $v->get("/$name/new/page.html");
            $v->session_key // "none$_" } 1 .. 3;
        my %once = map { $_ => 1 } @new;
        is scalar(keys %once), 3, "F05: $is: three first visitors, three keys";
    }
    $ada->get('/off/page.html');
    like $bob->get('/off/page.html')->header('X-Cache') // '', qr/^HIT/,
        "F07: $where, quick handler $quick: what has no session comes from the cache";
    is $ada->get('/cgi/act')->env->{DJSESSION_USER}, 'ada', 'F05: all is well';
    $s->allows(qr/\[cache/);
    $s->stop;
}

# A back end that says a lot before its response: h=LINE goes into each of
# the interim responses that n= lists, r=LINE into the final one.
package Talker {
    use v5.36;

    our @ISA = ('DjSession::Backend');

    sub start ($class) {
        my $sock = IO::Socket::INET->new(Listen => 64, ReuseAddr => 1,
            LocalAddr => '127.0.0.1', LocalPort => 0) // die "no back end: $!";
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            DjSession::Backend::serve($sock, \&talk);
            POSIX::_exit(0);
        }
        return bless { pid => $pid, port => $sock->sockport, owner => $$ },
            $class;
    }

    sub talk ($client) {
        my $got = '';
        while ($got !~ /\r\n\r\n/) {
            sysread($client, $got, 65536, length $got) or return;
        }
        my ($head, $rest) = split /\r\n\r\n/, $got, 2;
        my ($one) = DjSession::Backend::lines_of($head);
        my ($query) = $head =~ /^\S+ [^\s?]*\?(\S*) /;
        my @first = map { s/^h=//r =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger }
            grep { /^h=/ } split /&/, $query // '';
        my $lines = join '', map { "$_\r\n" } @first;
        for my $status (split /,/, $one->{n} // '') {
            syswrite $client, "HTTP/1.1 $status X\r\n$lines\r\n";
            select undef, undef, undef, 0.05;
        }
        if ($head =~ /^Content-Length: (\d+)/mi) {
            while (length $rest < $1) {
                sysread($client, $rest, 65536, length $rest) or last;
            }
        }
        elsif ($head =~ /^Transfer-Encoding: chunked/mi) {
            while ($rest !~ /0\r\n\r\n$/) {
                sysread($client, $rest, 65536, length $rest) or last;
            }
        }
        DjSession::Backend::reply($client, "got $rest", $head);
        return;
    }
}

my $back = Talker->start;
my $s = server(conf => <<"END");
ProxyPass /back http://127.0.0.1:${\ $back->port}/
ProxyPass /dark http://127.0.0.1:${\ $back->port}/
ProxyPass /every http://127.0.0.1:${\ $back->port}/
<Location /dark>
  DjSessionBackendUpdates Off
</Location>
<Location /every>
  DjSessionRenew EveryRequest
</Location>
<Location /anonymous>
  DjSessionCreate Always
  DjSessionOnStoreError Anonymous
</Location>
<Location /deny>
  DjSessionCreate Always
  DjSessionOnStoreError Deny
</Location>
END
my $b = $s->browser;
$b->act(u => { set => { n => 0, who => 'ada' } });
my $K = $b->session_key;
my $forged = some_key(1);
my @ours = ('X-DjSession-Update: {"set":{"early":1}}',
    "Set-Cookie: sessionid=$forged; Path=/", 'Vary: Cookie',
    'Link: </x.css>; rel=preload');
my $early = join '&', map { 'h=' . DjSession::Browser::escape($_) } @ours;
my $final = join '&', map { 'r=' . DjSession::Browser::escape($_) }
    'X-DjSession-Update: {"incr":{"n":1}}', "Set-Cookie: sessionid=$forged",
    'Set-Cookie: theirs=1';
my $n = 0;
$s->expects(qr/DJS207: .* of \/dark/);
for my $path ('/back', '/every', '/dark') {
    for my $statuses ('103', '103,103,103', '100', '102', '100,103') {
        for my $who ($b, $s->browser) {
            my $known = $who == $b ? 'a session' : 'no cookie';
            my $name = "$path with $known, $statuses";
            my $r = $who->get("$path?n=$statuses&$early&$final");
            is $r->status, 200, "E09: $name: the answer comes";
            is scalar(grep { /X-DjSession|sessionid|Set-Cookie/i }
                    $r->interim), 0, "B15: $name: nothing of ours before it";
            is scalar($r->all('X-DjSession-Update')), 0,
                "D15: $name: nor is the update in the answer";
            unlike $r->head, qr/\Q$forged\E/,
                "B16: $name: nor the cookie that the back end made up";
            is scalar($r->cookies('theirs')), 1,
                "E09: $name: a cookie of its own passes";
            next if $path eq '/dark';
            is scalar($r->cookies), 1, "E09: $name: ours is in the answer";
            my $data = $who->data;
            is $data->{n}, $who == $b ? ++$n : 1,
                "D15: $name: the answer's update counts once";
            ok !exists $data->{early}, "D15: $name: an early one does not";
        }
    }
}
is $b->session_key, $K, 'E09: nobody got another key';

# A client that waits to be asked for the body.
for my $query ('?n=100', "?n=100&$early&$final", "?n=103,100&$early") {
    my $name = $query =~ s/&.*/ .../r;
    my $body = 'b' x 3000;
    my $sock = $b->open_connection;
    $b->send_bytes($sock, "POST /back$query HTTP/1.1\r\nHost: localhost\r\n"
        . "Cookie: sessionid=$K\r\nExpect: 100-continue\r\n"
        . 'Content-Length: ' . length($body) . "\r\nConnection: close\r\n\r\n");
    my @asked;
    while ($b->more($sock, 3)) {
        while ($b->{pending} =~ s/^(HTTP\S+ 1.*?)\r\n\r\n//s) {
            push @asked, $1;
        }
        last if "@asked" =~ m{HTTP/1\.1 100} || length $b->{pending};
    }
    is scalar(grep { m{^HTTP/1\.1 100} } @asked) > 0, 1,
        "E09: Expect, $name: the client is told to go on";
    unlike "@asked", qr/X-DjSession|sessionid|Set-Cookie/i,
        "B15: Expect, $name: and nothing else";
    $b->send_bytes($sock, $body);
    my $r = $b->read_response($sock, 'POST');
    $b->close_connection;
    is $r->status, 200, "E09: Expect, $name: and is answered";
    ok $r->body eq "got $body", 'E09: the body went through';
    is scalar(grep { /X-DjSession|sessionid|Set-Cookie/i } $r->interim), 0,
        'B15: nothing of ours in what came before';
}
is $b->data->{who}, 'ada', 'E09: the session is well';

# J14: a session that nobody asked for, with the store in trouble.
$s->file("htdocs/$_/page.html", "page\n") for qw(anonymous deny);
my $first = $s->browser;
$s->break_store;
for my $cookie (undef, 'other=1') {
    my @with = (cookie => $cookie);
    my $is = defined $cookie ? 'with a cookie of another' : 'without a cookie';
    my $r = $first->get('/anonymous/page.html', @with);
    is $r->status, 200, "J14: Anonymous: a first visit $is is served";
    is $r->body, "page\n", 'J14: as if there were no sessions';
    is scalar($r->all('Set-Cookie')), 0, 'J14: and promised no session';
    $r = $first->get('/deny/page.html', @with);
    is $r->status, 503, "J14: Deny: a first visit $is is told";
    like $r->header('Retry-After') // '', qr/^\d+$/, 'J14: to come back';
    is scalar($r->all('Set-Cookie')), 0, 'J14: and promised no session';
}
my $asks = $b->open_connection;
$b->send_bytes($asks, "POST /back HTTP/1.1\r\nHost: localhost\r\n"
    . "Cookie: sessionid=$K\r\nExpect: 100-continue\r\n"
    . "Content-Length: 3000\r\nConnection: close\r\n\r\n");
my $told = $b->read_response($asks, 'POST');
$b->close_connection;
is $told->status, 503, 'J14: Expect: a client is told';
is scalar($told->interim), 0, 'E09: and not asked for its body in vain';
$s->mend_store;
for my $place (qw(anonymous deny)) {
    my $v = $s->browser;
    is $v->get("/$place/page.html")->status, 200, "J14: $place: afterwards";
    is $v->state, 'live', 'J14: each gets one that is kept';
}

# A flush where it is not clear which session is meant.
my ($one, $two) = ($s->browser, $s->browser);
$one->act(u => { set => { who => 'one' } });
$two->act(u => { set => { who => 'two' } });
my ($A, $B) = map { $_->session_key } $one, $two;
my @dead = map { 'sessionid=' . some_key($_) } 2 .. 5;
my %unclear = (
    'A03: two live keys'         => "sessionid=$A; sessionid=$B",
    'A03: the other way round'   => "sessionid=$B; sessionid=$A",
    'A03: and a dead one'        => "sessionid=$A; $dead[0]; sessionid=$B",
    'A07: five keys, one live'   => join('; ', "sessionid=$A", @dead),
    'A07: five keys, two live'   => join('; ', "sessionid=$A",
        @dead[0 .. 2], "sessionid=$B"),
);
my $flush = u({ flush => \1 });
for my $name (sort keys %unclear) {
    for my $path ("/cgi/act?$flush", "/cgi/act?$flush&location=/index.html") {
        my $r = $s->browser->get($path, cookie => $unclear{$name});
        is $r->status, 200, "$name: a flush is answered";
        is join(' ', $r->all('Set-Cookie')), '', "$name: it sets no cookie";
    }
}
is live_data($one, $A)->{who}, 'one', 'A03: the one is still there';
is live_data($two, $B)->{who}, 'two', 'A03: and the other';
my $r = $s->browser->get("/cgi/act?$flush", cookie => "sessionid=$A");
like join(' ', $r->cookies), qr/^sessionid=;/, 'B10: one live key: deleted';

$s->allows(qr/DJS101|DJS102/, qr/DJS209/, qr/AH01102|AH10124/);
$s->stop;
done_testing;
