# A Cookie header costs time in proportion to its length, and no more than
# 64 KiB of it are considered.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;
use Time::HiRes 'time';

my $s = server(loglevel => 'info djsession:debug',
    conf => "LimitRequestFieldSize 1048576\nLimitRequestLine 8190\n"
        . "Header set X-State %{DJSESSION_STATE}e\n",
    global => "LimitRequestFieldSize 1048576\n",
    after => <<'END');
<VirtualHost 127.0.0.1:@PORT@>
  ServerName small.test
  LimitRequestFieldSize 8190
</VirtualHost>
END
my $b = $s->browser;
$b->act(u => { set => { a => 1 } });
my $K = $b->session_key;

sub timed ($cookie) {
    my $t = time;
    my $r = $b->get('/index.html', cookie => $cookie);
    return ($r->status == 200 ? $r->header('X-State') : $r->status,
        time - $t);
}

# 8190 bytes of what a parser might dislike, our cookie at the end.
my $room = 8190 - length("; sessionid=$K");
for my $piece (';', 'a;', 'sessionid=', 'sessionid=;', ',', ', ', '=', '"',
    'a="', '$Path=', "\xff")
{
    my $filler = substr $piece x 8190, 0, $room;
    my ($state) = timed("$filler; sessionid=$K");
    is $state, 'live', "A22: 8 KB of '"
        . ($piece =~ s/([^ -~])/sprintf '\\x%02X', ord $1/ger) . q(');
}
my ($state) = timed(join ';', ("sessionid=$K") x 180);
is $state, 'live', 'A22: ours 180 times';

# A megabyte: linear, and only the first 64 KiB count.
my ($first, $front) = timed("sessionid=$K; f=" . 'x' x 1_000_000);
is $first, 'live', 'A23: found at the front of 1 MB';
my ($behind) = timed('f=' . 'x' x 100_000 . "; sessionid=$K");
is $behind, 'none', 'A23: not looked for behind 64 KiB';
my (undef, $semicolons) = timed(';' x 1_000_000);
my (undef, $names)      = timed('sessionid=' x 100_000);
my (undef, $pairs)      = timed('sessionid=a;' x 80_000);
for my $took ($front, $semicolons, $names, $pairs) {
    cmp_ok $took, '<', 1, 'A23: 1 MB in well under a second';
}
like $s->log, qr/\[djsession:[^\]]+\][^\n]*65536/, 'A23: and the log tells of it';

# Refused by core: nothing of ours happens.
my $lines = join '', map { 'Cookie: ' . 'a;' x 4096 . "\r\n" } 1 .. 20;
my $t = time;
my $r = $b->exchange("GET /cgi/act HTTP/1.1\r\nHost: localhost\r\n"
    . 'Cookie: ' . 'x' x 1_100_000 . "\r\nConnection: close\r\n\r\n");
is $r->status, 400, 'A21: a header above the limit is refused by core';
cmp_ok time - $t, '<', 1, 'A21: quickly';
ok !$r->all('Set-Cookie'), 'A21: without a cookie';
$r = $b->exchange("GET /index.html HTTP/1.1\r\nHost: localhost\r\n$lines"
    . "Connection: close\r\n\r\n");
ok $r->status == 400 || $r->header('X-State') eq 'none',
    'A21: twenty lines of 8 KB are no session';
is $b->state, 'live', 'A21: and the next request is served';

$s->stop;
done_testing;
