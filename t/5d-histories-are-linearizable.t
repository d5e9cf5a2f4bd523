# Sixteen clients share sessions on a real httpd while its children are killed,
# it restarts and its store fails; afterwards a judge reads what each of them
# saw: nothing acknowledged is lost, nothing ended is live, nobody sees another
# session's data. Modules with a fault built in are condemned by the same judge.
# The long run is make history.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::History;
use DjSession::Test;

sub judged ($name, %o) {
    my $run = DjSession::History->run(%o);
    note $run->{text};
    is $run->{operations}, $o{ops}, "L08: $name: all operations are judged";
    is $run->{violations}, 0, "L08: $name: every promise is kept"
        or diag $run->{text};
    return;
}

judged('DBM, children are killed, restarts, the store fails',
    store => 'dbm', faults => [qw(kill graceful break)], ops => 20_000);
SKIP: {
    skip 'no memcached here: build/deps check', 1
        if !DjSession::Memcached::program();
    judged('memcached stands still, dies and comes back', store => 'memcache',
        faults => [qw(freeze down)], ops => 15_000);
    judged('two tiers, either of which fails', store => 'tiers',
        faults => [qw(kill break freeze down)], ops => 15_000);
}

my %fault = (
    LOSE_UPDATE => 'a save that forgets what others did meanwhile',
    REVIVE => 'a late save that begins an ended session anew',
    MIX => 'sessions that are taken for one another',
    STALE_ALIAS => 'an old key that opens its session for ever',
);
my $broken = ($ENV{DJS_BUILDDIR} // '.') . '/t/history/broken';
for my $fault (sort keys %fault) {
    SKIP: {
        skip "no $broken/$fault.so; run it through make check", 1
            if !-e "$broken/$fault.so";
        local $ENV{DJS_MODULE} = "$broken/$fault.so";
        my $run = DjSession::History->run(
            store => 'dbm', ops => 25_000, broken => 1);
        cmp_ok $run->{violations} // 0, '>', 0,
            "L08: $fault{$fault} is found out";
        note $run->{text};
    }
}
done_testing;
