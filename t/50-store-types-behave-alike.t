# sdbm, gdbm and db keep sessions alike: small and large ones, from many
# processes at once, and what has expired is swept away.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

for my $type (qw(sdbm gdbm db)) {
    my $s = server(loglevel => 'info',
        store => "DjSessionStore dbm:\@STATE\@/store type=$type shards=4",
        global => "DjSessionSweep 1s\nDjSessionStoreTimeout 10s\n");
    my $b = $s->browser;
    $b->act(u => { set => { a => 1 } });
    is $b->data->{a}, 1, "J07: $type keeps a session";

    # J06: sizes around those that one DBM of this type takes.
    for my $size (200, 300, 700, 1000, 1100, 4000, 7500) {
        my $r = $b->act(u => { set => { big => 'x' x $size } });
        is length($b->data->{big}), $size, "J06: $type: $size bytes";
    }
    $b->act(u => { remove => ['big'] });
    is json($b->data), '{"a":1}', "J06: $type: and small again";

    # J07, J08: everybody at once; each its own session and one shared.
    my $key = $b->session_key;
    my @said = parallel(8, sub ($i) {
        my $own    = $s->browser;
        my $shared = $b->other($key);
        my $ok     = 0;
        for my $n (1 .. 5) {
            $own->act(u => { set => { n => $n } });
            $ok += ($own->data // {})->{n} == $n;
            $shared->act(u => { incr => { sum => 1 } });
        }
        return $ok;
    });
    is join(' ', @said), '5 5 5 5 5 5 5 5', "J07: $type: each read its own";
    is $b->data->{sum}, 40, "J08: $type: and all counted";

    # J16 in the small: expired records go, live ones stay.
    my $until = time + 1;
    $s->browser->act(u => { set => { x => 1 }, expiry => 1 }) for 1 .. 10;
    my $bytes = join ',', map { -s } grep { -f } glob $s->storedir . '/*';
    ok $s->wait_until(sub { $s->log =~ /\[djsession:[^\]]+\].*(?:swept|sweep|removed)/ },
        6), "J16: $type: the sweep tells of its work";
    is $b->data->{sum}, 40, "J16: $type: the live are untouched";
    ok $s->wait_until(sub { my %r = $s->records; keys %r == 9 }, 4),
        "J16: $type: nine are left";
    $s->stop;
}
done_testing;
