# Restarts under load and killed children: every change that was acknowledged
# is there afterwards, and httpd holds no more than before.
# MPMs: event prefork worker
use v5.36;
use lib 't/lib';
use DjSession::Test;
use Time::HiRes 'sleep';

my $s = server(loglevel => 'info', conf => counter_pages());
$s->file('htdocs/count', '');

# Visitors that change their session until told to stop. Each reports how many
# changes were acknowledged, how many went unanswered, and what was wrong.
sub under_load ($visitors, $disturb) {
    unlink $s->dir . '/stop';
    my @said = parallel($visitors + 1, sub ($i) {
        return disturb($disturb) if $i == 1;
        my $v = $s->browser;
        my ($acked, $unanswered, %wrong) = (0, 0);
        while (!-e $s->dir . '/stop') {
            my $r = eval { $v->get('/count') };
            if    (!$r || !$r->status)   { $unanswered++ }
            elsif ($r->status == 200)    { $acked++ }
            else                         { $wrong{ $r->status }++ }
        }
        my $have = counted($v) // -1;
        my $fine = $have >= $acked && $have <= $acked + $unanswered;
        return join ' ', $fine ? 'fine' : "has $have", $acked, $unanswered,
            map { "$_:$wrong{$_}" } sort keys %wrong;
    });
    my $said = shift @said;
    return ($said, @said);
}
sub disturb ($how) {
    my $said = eval { $how->() } // "died: $@";
    $s->file('stop', '');
    return $said;
}
sub judge ($name, $unanswered_allowed, $said, @visitors) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($acked, $unanswered) = (0, 0);
    for my $v (@visitors) {
        my (undef, $a, $u) = split ' ', $v =~ s/has -?\d+/wrong/r;
        $acked += $a // 0;
        $unanswered += $u // 0;
    }
    is scalar(grep { !/^fine/ } @visitors), 0,
        "$name: $acked acknowledged changes, all of them there"
        or diag join "\n", @visitors;
    my @wrong = grep { /:\d/ } @visitors;
    is "@wrong", '', "$name: no error status";
    is $unanswered, 0, "$name: every request answered"
        unless $unanswered_allowed;
    cmp_ok $acked, '>', 50, "$name: there was a load";
    return;
}
# What the parent holds, once that has stopped changing.
sub holdings {
    my ($last, $same) = ('', 0);
    for (1 .. 40) {
        my $now = join ' ', held();
        $same = $now eq $last ? $same + 1 : 0;
        last if $same == 3;
        $last = $now;
        sleep 0.1;
    }
    return held();
}
sub held {
    my @fds = glob "/proc/${\ $s->pid }/fd/*";
    my $maps = () = DjSession::Server::slurp("/proc/${\ $s->pid }/maps") =~ /\n/g;
    my $sems = () = `ipcs -s` =~ /\n/g;
    return (scalar(@fds), $sems, $maps);
}

$s->restart for 1 .. 2;
my @before = holdings();
my ($restarts, @visitors) = under_load(4, sub {
    my $done = 0;
    for (1 .. 20) { $done += $s->restart; sleep 0.05 }
    return $done;
});
is $restarts, 20, 'O01: twenty graceful restarts';
judge('O01', 0, $restarts, @visitors);
$s->wait_until(sub { $s->workers <= 8 }, 5);
my @after = holdings();
is $after[0], $before[0], 'O01: the parent has as many descriptors as before';
is $after[1], $before[1], 'O01: and the system as many semaphores';
cmp_ok $after[2], '<=', $before[2] + 4, 'O01: and it maps as many files';

($restarts, @visitors) = under_load(3, sub {
    my $done = 0;
    for (1 .. 4) { $done += $s->restart('HUP'); sleep 0.2 }
    return $done;
});
is $restarts, 4, 'O02: four hard restarts';
judge('O02', 1, $restarts, @visitors);

my ($kills, @crashed) = under_load(4, sub {
    my $killed = 0;
    my $until = Time::HiRes::time() + 6;
    while (Time::HiRes::time() < $until) {
        my @children = $s->workers;
        $killed += kill 'KILL', $children[rand @children] if @children;
        sleep 0.06 + rand 0.06;
    }
    return $killed;
});
cmp_ok $kills, '>=', 5, "O04: $kills children killed with SIGKILL";
judge('O04', 1, $kills, @crashed);
my $b = $s->browser;
ok $s->wait_until(sub { $b->act(u => { set => { a => 1 } })->status == 200 }),
    'J10: afterwards all is well';
is $b->data->{a}, 1, 'J10: and kept';

# J21, I23: nobody inherits what belongs to the store.
my @open = grep { defined && index($_, $s->storedir) == 0 }
    map { readlink } glob "/proc/${\ $s->pid }/fd/*";
is "@open", '', 'J21, O13: the parent has no file of the store open';
is $b->get('/cgi/act?fds')->env->{FDS} // '-', '', 'I23: nor has a CGI program';

$s->allows(qr/\[core:(?:notice|error|warn)\][^\n]*(?:exit signal|AH00052|AH00045|
    AH00046|AH00047)/x, qr/^Unable to flush stdout/, qr/\[mpm_\w+:(?:error|warn|alert)\]/,
    qr/\[cgid?:(?:error|warn)\]/);
$s->stop;

# O08: a child for each connection.
my $short = server(loglevel => 'info',
    global => "MaxConnectionsPerChild 1\n");
my $v = $short->browser;
$v->act(u => { set => { n => 0 } });
my $ok = 0;
$ok += ($v->act(u => { incr => { n => 1 } })->status == 200) for 1 .. 15;
is $ok, 15, 'O08: children that serve one connection each';
is $v->data->{n}, 15, 'O08: pass the session on';
# Children that come and go under load fill the scoreboard for a moment.
$short->allows(qr/\[mpm_event:error\][^\n]*AH03490/);
$short->stop;
done_testing;
