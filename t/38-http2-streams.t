# HTTP/2: a cookie in crumbs is found, a hundred streams of one connection
# share a session without losing a change, and a reset harms nobody.
# MPMs: event worker
use v5.36;
use lib 't/lib';
use DjSession::Test;

for my $tool (qw(nghttp h2load)) {
    plan skip_all => "no $tool" unless `sh -c 'command -v $tool'`;
}
my $back = backend();
my $s = server(tls => 1, http2 => 1, loglevel => 'info',
    global => "LimitRequestFields 200\n",
    conf => "ProxyPass /back http://127.0.0.1:${\ $back->port}/\n");
my $url = 'https://127.0.0.1:' . $s->tlsport;
my $b = $s->browser(tls => 1);
$b->act(u => { set => { n => 0 } });
my $K = $b->session_key;
sub u ($json) { return '/cgi/act?u=' . DjSession::Browser::escape($json) }

# A09: a header field for each cookie.
for my $n (0, 1, 10, 150) {
    my @crumbs = map { "-H'cookie: c$_=$_'" } 1 .. $n;
    splice @crumbs, $n / 2, 0, "-H'cookie: sessionid=$K'";
    my $said = `nghttp --no-verify-peer @crumbs $url/cgi/act 2>&1`;
    like $said, qr/^DJSESSION_STATE=live$/m, "A09: found among $n crumbs";
    unlike $said, qr/\Q$K\E/, 'A27: and hidden from the program' if $n;
}

# D04: trailers of HTTP/2.
$s->file('body', 'x=1');
my $trailed = `nghttp --no-verify-peer -d @{[ $s->dir ]}/body \\
    --trailer 'x-djsession-user: forged' --trailer 'x_djsession_state: forged' \\
    $url/cgi/act 2>&1`;
like $trailed, qr/^DJSESSION_STATE=none$/m, 'D04: a request with trailers';
unlike $trailed, qr/forged/, 'D04: which tell the program nothing';

# And of a back end's response, which only HTTP/2 passes on.
my $behind = join '&', map { 't=' . DjSession::Browser::escape($_) }
    'X-DjSession-Update: {"set":{"a":"hidden"}}',
    'Set-Cookie: sessionid=forged', 'X-Mine: mine';
$s->expects(qr/DJS208: an update came behind the response/);
$trailed = `nghttp -v --no-verify-peer '$url/back/x?$behind' 2>&1`;
like $trailed, qr/x-mine: mine/, "D15: a back end's trailers pass";
unlike $trailed =~ s/^.*:path:.*$//gmr =~ s/^GET .*$//gmr,
    qr/x-djsession-update:|set-cookie: sessionid=forged/,
    'D15: but for an update and a cookie of ours';

# E11: a hundred streams at once, each changes the session.
my $said = `h2load -n 100 -c 1 -m 100 -H 'cookie: sessionid=$K' \\
    '$url${\ u('{"incr":{"n":1}}') }' 2>&1`;
like $said, qr/100 succeeded, 0 failed/, 'E11: a hundred parallel streams';
like $said, qr/status codes: 100 2xx/, 'E11: all answered well';
is $b->data->{n}, 100, 'E11: no change was lost';
$said = `h2load -n 400 -c 4 -m 50 -H 'cookie: sessionid=$K' \\
    $url/index.html 2>&1`;
like $said, qr/400 2xx/, 'E11: four connections that only read';
is scalar(() = `nghttp -v --no-verify-peer -H'cookie: sessionid=$K' \\
    '$url${\ u('{"set":{"x":1}}') }' 2>&1` =~ /set-cookie: sessionid/gi), 1,
    'E11: one Set-Cookie in a stream';

# E12: the client goes away in the middle, at twenty points.
for my $ms (map { $_ * 4 } 1 .. 20) {
    my $wait = sprintf '%.3f', $ms / 1000;
    system "timeout -s KILL $wait h2load -n 20 -c 1 -m 20"
        . " -H 'cookie: sessionid=$K' '$url${\ u('{\"incr\":{\"cut\":1}}') }"
        . "&size=50000' >/dev/null 2>&1";
}
is $b->data->{n}, 100, 'E12: the session survives connections cut short';
cmp_ok scalar($s->workers), '>=', 1, 'E12: and so do the children';
unlike $s->log, qr/exit signal/, 'E12: none of them crashed';

# The same over HTTP/2 in one go: create, read, end.
$said = `curl -sk --http2 -i '$url${\ u('{"set":{"h":2}}') }' 2>&1`;
my ($key) = $said =~ /^set-cookie: sessionid=(${\ KEY });/mi;
ok $key, 'E11: HTTP/2 makes a session';
$s->canary($key // 'none');
is live_data($b, $key)->{h}, 2, 'E11: HTTP/1.1 reads it';
like $said, qr/^vary:.*cookie/mi, 'F01: Vary over HTTP/2';
like $said, qr/^cache-control: private, no-store/mi, 'F01: Cache-Control, too';

$s->allows(qr/\[http2:warn\]|\[http2:error\]|\[cgid?:error\]/);
$s->stop;
done_testing;
