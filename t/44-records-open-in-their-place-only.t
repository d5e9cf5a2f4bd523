# A record that was altered, cut, moved to another key, host or kind of seal
# does not open: state unreadable, and no request overwrites or deletes it.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;
use Time::HiRes ();

my $s = server(loglevel => 'info djsession:trace8', after => <<'END');
<VirtualHost 127.0.0.1:@PORT@>
  ServerName b.test
  DjSession On
  DjSessionEnv Data
  DjSessionBackendUpdates On
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
  ServerName bare.test
  DjSession On
  DjSessionEnv Data
  DjSessionBackendUpdates On
  DjSessionEncrypt Off
  DjSessionNamespace localhost
</VirtualHost>
END
$s->allows(qr/DJS206/, qr/\[djsession:(?:warn|error)\][^\n]*(?:unreadable|does not open)/);

# A visitor, the name of its record, its bytes and its deadline.
sub visitor ($host, %data) {
    my %before = $s->records;
    my $b = $s->browser(host => $host);
    $b->act(u => { set => { %data } });
    my %after = $s->records;
    my ($name) = grep { !$before{$_} } keys %after;
    return ($b, $name, @{ $after{$name} });
}
my ($ada, $A, $until, $a) = visitor('localhost', who => 'ada');
my ($bob, $B, undef, $bb) = visitor('localhost', who => 'bob');
my ($eve, $E, undef, $e) = visitor('b.test', who => 'eve');
my ($bare, $R, undef, $plain) = visitor('bare.test', who => 'bare');

like $A, qr/^[0-9a-f]{40}$/, 'G03: a store key is a hash';
unlike join('', map { pack 'H*', $_ } $a, $bb, $e), qr/ada|bob|eve|who/,
    'G07: sealed records show nothing';
like pack('H*', $plain), qr/"who":"bare"/, 'G07: an unsealed one does';
ok index(pack('H*', $a . $plain), $ada->session_key) < 0
    && index(pack('H*', $plain), $bare->session_key) < 0,
    'G17: no session key is in the store';

# With these bytes in its place ada's session is unreadable, and stays so.
sub unreadable ($name, $bytes, $who = $ada, $record = $A) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $s->poke($bytes, 'put', $record, $until);
    my $env = $who->get('/cgi/act')->env;
    my $told = join ',', sort grep { /^DJSESSION/ } keys %$env;
    return is "$env->{DJSESSION_STATE} $told", 'unreadable DJSESSION_STATE',
        $name;
}
sub flip ($hex, $byte, $bit) {
    my $raw = pack 'H*', $hex;
    substr($raw, $byte, 1) ^.= chr(1 << $bit);
    return unpack 'H*', $raw;
}
my $length = length($a) / 2;
for my $byte (0 .. 7, map { int($_ * $length / 24) } 1 .. 23) {
    next if $byte >= $length;
    unreadable("G01: a bit of byte $byte", flip($a, $byte, $byte % 8));
}
for my $keep (1, 4, 16, int($length / 2), $length - 17, $length - 16,
    $length - 1)
{
    unreadable("G02: cut to $keep bytes", substr $a, 0, 2 * $keep);
}
unreadable("G02: $_ bytes more", $a . '00' x $_) for 1, 64;
unreadable('G02: random bytes',
    unpack 'H*', join '', map { chr int rand 256 } 1 .. 200);
unreadable('G03: the record of another key', $bb);
unreadable('G04: the record of another host', $e);
unreadable('G04: and the other way round', $a, $eve, $E);
unreadable('G07: plain JSON', unpack 'H*', '{"who":"root"}');
unreadable('G07: an unsealed record', $plain);
unreadable('G07: a sealed one where none is sealed', $a, $bare, $R);
unreadable('G08: a version 0', '00' . substr $a, 2);
unreadable('G08: version 255', 'ff' . substr $a, 2);
unreadable('G15: no tag at all', substr $a, 0, -32);

# The bare record is authenticated: no bit of it can be changed.
my $at = index pack('H*', $plain), 'bare"';
unreadable('G01: a letter of an unsealed record', flip($plain, $at, 0), $bare,
    $R);

# G09, H34: hands off: not by reading, writing, rotating or logging out.
my $odd = flip($a, 2, 3);
for my $u ({ set => { who => 'root' } }, { rotate => \1 }, { login => '1' },
    { flush => \1 }, { incr => { n => 1 } })
{
    $s->poke($odd, 'put', $A, $until);
    my $v = $ada->other($ada->session_key);
    my $r = $v->act(u => $u);
    my %now = $s->records;
    is $now{$A}[1], $odd, 'H34: ' . json($u) . ' leaves the record alone';
    is scalar(keys %now), 4, 'H34: and makes no other';
    is scalar($r->cookies), 0, 'H34: and leaves the cookie alone';
    isnt $r->status, 200, 'H34: and does not say that all is well';
}
my $r = $ada->get('/cgi/act');
is $r->status, 200, 'H34: reading goes on';
is scalar($r->cookies), 0, 'H34: without a cookie';

# Back in its place it is as if nothing had been.
$s->poke($a, 'put', $A, $until);
is $ada->data->{who}, 'ada', 'G09: the right bytes open again';

# G22: an older state of the same session, which the store can not tell from
# a restored backup: accepted. G23: one past its own deadline is not.
$ada->act(u => { set => { who => 'ada again' } });
$s->poke($a, 'put', $A, $until);
is $ada->data->{who}, 'ada', 'G22: a rollback is seen, as documented';
my $short = $s->browser;
my %before = $s->records;
$short->act(u => { set => { x => 1 }, expiry => 1 });
my ($S) = grep { !$before{$_} } keys %{ { $s->records } };
my $bytes = { $s->records }->{$S}[1];
Time::HiRes::sleep(1.1);
is $short->state, 'none', 'G23: it expires';
$s->poke($bytes, 'put', $S, time + 3600);
is $short->state, 'none', 'G23: a later deadline outside does not help it';

# G14: the same data twice has nothing in common.
my ($x, undef, undef, $one) = visitor('localhost', same => 'data');
my ($y, undef, undef, $two) = visitor('localhost', same => 'data');
my $same = grep { substr($one, $_, 2) eq substr($two, $_, 2) }
    map { 2 * $_ } length($one) / 2 - 30 .. length($one) / 2 - 1;
cmp_ok $same, '<', 8, 'G14: two seals of the same data differ';

$s->stop;
done_testing;
