# Parallel requests of one session merge key by key: what a request did not
# touch it never reverts, increments add up, and what was ended stays ended.
# MPMs: event prefork worker
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server(loglevel => 'info', conf => "DjSessionRotateGrace 0s\n");

# Twelve writers, each with its own key and all with one counter.
my $b = $s->browser;
$b->act(u => { set => { n => 0, untouched => [1, 2] } });
my $key = $b->session_key;
my ($writers, $rounds) = (12, 8);
my @said = parallel($writers, sub ($i) {
    my $w  = $b->other($key);
    my $ok = 0;
    for my $round (1 .. $rounds) {
        my $r = $w->act(u => { incr => { n => 1 }, set => { "k$i" => $round } });
        $ok += $r->status == 200;
    }
    return $ok;
});
is join(' ', @said), join(' ', ($rounds) x $writers), 'L04: all are served';
my $data = live_data($b, $key);
is $data->{n}, $writers * $rounds, 'L04: every increment counts';
is join(' ', map { $data->{"k$_"} // '-' } 1 .. $writers),
    join(' ', ($rounds) x $writers), 'L04: no writer undid another';
is json($data->{untouched}), '[1,2]', 'L04: what nobody touched is there';

# A slow request reads, another writes, the slow one writes something else.
sub slow_and_quick ($name, $slow, $quick, %o) {
    my $w = $s->browser;
    $w->act(u => { set => { a => 1, b => 1 } });
    my $k = $w->session_key;
    my ($late, $now) = parallel(2, sub ($i) {
        if ($i == 1) {
            my $r = $w->other($k)->act(touch => "in$name", wait => "go$name",
                u => $slow);
            return join ' ', $r->status, $r->cookies;
        }
        $s->wait_until(sub { -e $s->dir . "/sync/in$name" });
        my $q = $w->other($k);
        my $r = $q->act(u => $quick);
        $s->file("sync/go$name", '');
        return join ' ', $r->status, $q->session_key // '-';
    });
    my ($status, $new) = split ' ', $now;
    return ($w, $k, $late, $new);
}
my ($w, $k, $late, $new) = slow_and_quick('merge', { set => { b => 2 } },
    { set => { a => 2, c => 3 } });
is json(live_data($w, $k)), '{"a":2,"b":2,"c":3}',
    'C15: a slow writer does not revert what it did not touch';
($w, $k, $late) = slow_and_quick('remove', { remove => ['a'] },
    { set => { b => 5 } });
is json(live_data($w, $k)), '{"b":5}', 'C15: so it is with removals';
($w, $k, $late) = slow_and_quick('same', { set => { a => 'slow' } },
    { set => { a => 'quick' } });
is live_data($w, $k)->{a}, 'slow', 'C15: of two writers of a key the last wins';

# C10: ended meanwhile, never revived.
$s->allows(qr/\[djsession:(?:warn|notice)\]/);
($w, $k, $late) = slow_and_quick('logout', { set => { a => 9 } },
    { flush => \1 });
is live_data($w, $k), undef, 'C10: a logout is not undone by a late writer';
unlike $late, qr/sessionid=${\ KEY }/, 'C10: who gets no new cookie either';
like $s->log, qr/\[djsession:[^\]]+\][^\n]*(?:ended|gone|dropped|meanwhile)/,
    'C10: the log tells of the dropped change';
($w, $k, $late, $new) = slow_and_quick('rotate', { set => { a => 9 } },
    { rotate => \1 });
is live_data($w, $k), undef, 'C10: a rotated-out key is not revived';
is live_data($w, $new)->{b}, 1, 'C10: its successor is well';

# Two rotations, two logins of one key at once: at most one of them wins.
for my $what ({ rotate => \1 }, { login => '5' }) {
    my $v = $s->browser;
    $v->act(u => { set => { a => 1 } });
    my $old = $v->session_key;
    my @keys = parallel(6, sub ($i) {
        my $one = $v->other($old);
        $one->act(u => $what);
        return $one->session_key // '-';
    });
    my %live = map { $_ => 1 } grep { $_ ne $old && live_data($v, $_) }
        grep { /^${\ KEY }$/ } @keys;
    cmp_ok scalar(keys %live), '>=', 1, 'L03: ' . json($what) . ' succeeds';
    is live_data($v, $old), undef, 'L03: and the old key is dead';
}

# First writes without a cookie: as many sessions, never mixed.
my @new = parallel(6, sub ($i) {
    my $one = $s->browser;
    $one->act(u => { set => { me => $i } });
    return $one->session_key . ' ' . $one->data->{me};
});
my %keys = map { (split)[0] => 1 } @new;
is scalar(keys %keys), 6, 'L02: six first writes, six sessions';
is join(' ', map { (split)[1] } @new), '1 2 3 4 5 6', 'L02: each its own';

# Forked children draw from generators of their own.
my @drawn = map { split } parallel(10, sub ($i) {
    return join ' ', map {
        my $one = $s->browser;
        $one->act(u => { set => { me => $i } });
        $one->session_key // 'none';
    } 1 .. 8;
});
my %drawn = map { $_ => 1 } @drawn;
is scalar(keys %drawn), 80, 'O05: eighty keys from many children, all different';

$s->stop;
done_testing;
