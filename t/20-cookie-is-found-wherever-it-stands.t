# Our cookie is found by its exact name wherever it stands in the Cookie
# header, and in however many lines that header came.
# MPMs: event prefork worker
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server(conf => <<'END');
<Location /plain.html>
  DjSessionEnv Off
  DjSessionBackendUpdates Off
</Location>
END
$s->file('htdocs/plain.html', "plain\n");
my $b = $s->browser;
$b->act(u => { set => { a => 1 } });
my $K = $b->session_key;
like $K, qr/^${\ KEY }$/, 'A02: a session has a key';

sub state_with ($cookie, %o) { return $b->state(cookie => $cookie, %o) }

# A01: no cookie at all: with the store out of reach nothing is amiss.
$s->break_store;
my $r = $b->get('/cgi/act', cookie => undef);
is $r->status, 200,                   'A01: no Cookie costs no store access';
is $r->env->{DJSESSION_STATE}, 'none', 'A01: and is state none';
is scalar($r->cookies), 0,            'A01: nothing is set';
$r = $b->get('/plain.html', cookie => undef);
ok !$r->varies, 'A01: no Vary where nobody asked for the session';
$s->mend_store;

# A02: alone, first, in the middle, last; blanks and tabs around semicolons.
my @found = ("sessionid=$K", "sessionid=$K; b=2", "a=1; sessionid=$K; b=2",
    "a=1; sessionid=$K");
for my $gap ('', ' ', "\t", "  ", " \t ", '   ') {
    push @found, "a=1;${gap}sessionid=$K${gap};${gap}b=2";
}
push @found, "sessionid=$K;", ";sessionid=$K", "; ; sessionid=$K ;;",
    " sessionid=$K", "\tsessionid=$K\t", "a=;sessionid=$K", "a;sessionid=$K";
my @lost = grep { state_with($_) ne 'live' } @found;
is "@lost", '', 'A02: found in all ' . @found . ' places';

# A04: the same key twice is one candidate.
is state_with("sessionid=$K; sessionid=$K"), 'live', 'A04: the same key twice';
is state_with(join '; ', ("sessionid=$K") x 50), 'live', 'A04: fifty times';

# A05: junk beside it does not hide it.
for my $junk ('x', '', '"' . $K . '"', uc $K, substr($K, 1), "${K}0") {
    is state_with("sessionid=$junk; sessionid=$K"), 'live',
        'A05: junk before it';
    is state_with("sessionid=$K; sessionid=$junk"), 'live',
        'A05: junk behind it';
}

# A08: two Cookie lines, in every order, are as one line.
my @lines = ('a=1', "sessionid=$K", 'b=2');
for my $order ([0, 1, 2], [1, 0, 2], [2, 0, 1], [0, 2, 1], [1, 2, 0]) {
    my ($first, @more) = map { $lines[$_] } @$order;
    is state_with($first, headers => [map { "Cookie: $_" } @more]), 'live',
        "A08: lines in order @$order";
}
is state_with('a=1', headers => ["Cookie: sessionid=$K; c=3", 'Cookie: d=4']),
    'live', 'A08: in the middle line of three';
is state_with("a=1, sessionid=$K"), 'live',
    'A08: joined with a comma before it came to us';

# A20: bytes above 0x7F in other cookies are none of our affair.
is state_with("n=\xc3\xa9; sessionid=$K; m=\xff\x80"), 'live',
    'A20: bytes 0x80 to 0xFF around it';

# E16: on one connection, who sends no cookie is nobody.
is $b->get('/cgi/act', keep => 1)->env->{DJSESSION_STATE}, 'live',
    'E16: with the cookie';
is $b->get('/cgi/act', keep => 1, cookie => undef)->env->{DJSESSION_STATE},
    'none', 'E16: the next request of the connection, without';
$b->close_connection;

$s->stop;
done_testing;
