# The clock of the server jumps: nobody is logged out by a second, no session
# becomes immortal, and what is dead and swept stays dead. Also a whole life
# of a session, without waiting for it.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

my ($second, $hour, $day, $year) = (1, 3600, 86_400, 31_557_600);
local $ENV{TZ} = 'America/St_Johns';    # half an hour off, with summer time
my $s = server(clock => 1, loglevel => 'info', global => "DjSessionSweep 1s\n",
    conf => <<'END');
<Location /cgi/act/hour>
  DjSessionCookieAge 1h
  DjSessionRenew Off
</Location>
<Location /cgi/act/tenth>
  DjSessionCookieAge 1000h
</Location>
END
sub born ($at = '/cgi/act') {
    my $b = $s->browser;
    my ($cookie) = $b->act(u => { set => { a => 1 } }, at => $at)->cookies;
    return ($b, $cookie);
}
sub at ($seconds, $b, $path = '/cgi/act') {
    $s->shift_clock($seconds);
    return $b->get($path)->env->{DJSESSION_STATE};
}

# C16: to the second, and no tolerance.
my ($b) = born('/cgi/act/hour');
is at($hour - 2, $b, '/cgi/act/hour'), 'live', 'C16: alive before its hour';
is at($hour + 1, $b, '/cgi/act/hour'), 'none', 'C16: dead after its hour';

# N02: what was swept meanwhile stays dead, all others live on.
my $short = $b;
$s->shift_clock(0);
my ($long) = born();
$s->shift_clock($hour + 60);
ok $s->wait_until(sub { $s->log =~ /\[djsession:[^\n]*(?:swept|removed)/ }, 6),
    'N02: an hour ahead the sweep removes what has expired';
is at($hour + 60, $long), 'live', 'N02: others live an hour ahead';
is at(0, $short, '/cgi/act/hour'), 'none', 'N02: and back, the dead are dead';
is at(0, $long), 'live', 'N02: and the living live';

# N01: the clock goes back.
($b) = born();
for my $back ($second, $hour) {
    is at(-$back, $b), 'live', "N01: $back seconds back: nobody is logged out";
    my ($c) = $b->act(u => { set => { b => $back } })->cookies;
    like $c, qr/Max-Age=1209600\b/, 'N01: and a save is a save';
}
is at(0, $b), 'live', 'N01: and forth again';
$b->act(u => { set => { c => 1 } });
my $then = at(-10 * $year, $b);
like $then, qr/^(?:live|none)$/, 'N01: ten years back is no error';
$b->act(u => { set => { d => 1 } });
is at(15 * $day, $b), 'none',
    'N01: and what was used then is not immortal for it';

# N03: born in what is now the future.
$s->shift_clock($day);
($b) = born();
like at(0, $b), qr/^(?:live|none)$/, 'N03: born tomorrow is no error';
is at(16 * $day, $b), 'none', 'N03: and lives no longer for it';

# C14: a session in use is written ten times in its life, not more.
$s->shift_clock(0);
($b) = born('/cgi/act/tenth');
my $writes = 0;
for my $step (1 .. 300) {
    $s->shift_clock($step * 1000 * $hour / 100);
    $writes += $b->get('/cgi/act/tenth')->cookies;
}
cmp_ok $writes, '<=', 30, "C14: $writes renewals in three lives of use";
cmp_ok $writes, '>=', 25, 'C14: and it has been renewed all the time';
is $b->data->{a}, 1, 'C14: it lives on';

# N04, N06: dates are UTC, and dates far ahead are dates.
for my $row (['2038-01-19', 2_147_483_647], ['2106-02-07', 4_294_967_295]) {
    my ($date, $epoch) = @$row;
    for my $around (-30, 30) {
        $s->shift_clock($epoch + $around - time);
        my ($v, $cookie) = born();
        my ($y) = $cookie =~ /Expires=\w{3}, \d\d \w{3} (\d{4})/;
        is $y, substr($date, 0, 4), "N06: $around s around $date: Expires";
        is $v->data->{a}, 1, 'N06: and the session lives';
        my $expires = $v->get('/cgi/act')->env->{DJSESSION_EXPIRES};
        cmp_ok abs($expires - $epoch - $around - 14 * $day), '<', 10,
            'N06: for two weeks';
    }
}
$s->shift_clock(0);
my (undef, $cookie) = born();
require Time::Local;
my ($d, $H, $M) = $cookie =~ /Expires=\w+, (\d\d) \w+ \d+ (\d\d):(\d\d)/;
my @want = gmtime(time + 14 * $day);
cmp_ok abs($H * 60 + $M - $want[2] * 60 - $want[1]) % 1439, '<=', 1,
    'N04: Expires is UTC, whatever the time zone';
$s->stop;
done_testing;
