# DjSession::History - sixteen clients, a real httpd, faults, and a judge.
#
# run(store => 'dbm'|'gdbm'|'db'|'memcache'|'twins'|'tiers', faults => [...],
# ops => N) starts what it needs, lets t/history/drive make operations while
# faults happen, and returns what t/history/judge said: a hash of `violations`,
# `operations` and the `text`. Faults: kill (a child, -9), graceful (a restart),
# break (nobody reaches the DBM files), freeze (memcached stands still), down
# (it is killed, and comes back with nothing; of twins one at a time). In two
# tiers the DBM files have the truth, so there nothing that memcached does may
# be seen.
package DjSession::History;
use v5.36;
use List::Util qw(sum0);
use POSIX qw(WNOHANG);
use Time::HiRes qw(clock_gettime sleep CLOCK_MONOTONIC);
use DjSession::Memcached;
use DjSession::Server;

# Milliseconds: of DjSessionRotateGrace, and for which a process may believe an
# epoch that it has from memcached (DJS_MC_LEASE).
use constant { GRACE => 200, LEASE => 100 };

my $PAGES = <<'END';
DjSessionRotateGrace 200ms
Header always set X-Data "%{DJSESSION_DATA}e" env=DJSESSION_DATA
Header always set X-State "%{DJSESSION_STATE}e" env=DJSESSION_STATE
<Location /do>
  Header set X-DjSession-Update "expr=%{HTTP:X-Do}"
</Location>
END

my %happens = (
    kill => sub ($run) {
        my @pids = $run->{server}->workers;
        kill 'KILL', $pids[rand @pids] if @pids;
        sleep 0.3;
    },
    graceful => sub ($run) {
        $run->{server}->restart;
        sleep 0.3;
    },
    break => sub ($run) {
        $run->{server}->break_store;
        sleep 0.2 + rand 0.4;
        $run->{server}->mend_store;
        sleep 0.5;
    },
    freeze => sub ($run) {
        my $m = one_of($run);
        $m->freeze;
        sleep 0.1 + rand 0.5; # a lock outlives it: see doc/formats-memcache
        $m->thaw;
        # The twin that was left out learns what it missed.
        sleep $run->{store} eq 'twins' ? 2 : 0.5;
    },
    down => sub ($run) {
        my $m = one_of($run);
        my $from = nanoseconds();
        $m->kill_now;
        sleep 0.1 + rand 0.5;
        $m->again;
        push @{ $run->{wipes} }, "$from " . nanoseconds()
            if $run->{store} eq 'memcache';
        sleep $run->{store} eq 'twins' ? 2.5 : 0.5;
    },
);

sub nanoseconds { return int(clock_gettime(CLOCK_MONOTONIC) * 1e9) }

sub one_of ($run) { return $run->{memcached}[rand @{ $run->{memcached} }] }

sub program ($name) {
    my $path = ($ENV{DJS_BUILDDIR} // '.') . "/t/history/$name";
    die "no $path: make builds it\n" unless -x $path;
    return $path;
}

sub store_line ($run) {
    my %files = (dbm => 'sdbm', gdbm => 'gdbm', db => 'db');
    my $type = $files{ $run->{store} };
    return "DjSessionStore dbm:\@STATE\@/store type=$type" if $type;
    my $where = join ',', map { $_->name } @{ $run->{memcached} };
    my %more = (twins => ' replicas=2', tiers => ' dbm:@STATE@/store');
    return "DjSessionStore memcache:$where" . ($more{ $run->{store} } // '');
}

sub start ($run) {
    my $many = { memcache => 1, twins => 2, tiers => 1 }->{ $run->{store} } // 0;
    $run->{memcached} = [map { DjSession::Memcached->start } 1 .. $many];
    my $s = DjSession::Server->prepare(
        loglevel => 'notice', store => store_line($run), conf => $PAGES);
    $s->file("htdocs/$_", "$_\n") for qw(see do);
    # What faults make it say is no news here, nor are keys that come late, nor
    # what libdb says by itself.
    $s->allows(qr/\[djsession:(?:warn|error|crit)\]/, qr/AH0005[012]/,
        qr/AH00493/, qr/AH10392/, qr/BDB3028|^: Permission denied/);
    my $why = $s->launch;
    die "httpd does not start: $why\n" if defined $why;
    $run->{server} = $s;
    return $s;
}

# Lets faults happen, in any order, until the clients have done.
sub drive ($run) {
    my $dir = $run->{server}->dir . '/history';
    mkdir $dir or die "$dir: $!\n";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        { exec program('drive'), 'port=' . $run->{server}->port, "dir=$dir",
            "ops=$run->{ops}", 'seed=' . ($run->{seed} // 1) }
        POSIX::_exit(127);
    }
    my @faults = @{ $run->{faults} // [] };
    while (waitpid($pid, WNOHANG) == 0) {
        @faults ? $happens{ $faults[rand @faults] }->($run) : sleep 0.05;
    }
    die "t/history/drive failed\n" if $?;
    $run->{server}->file("$dir/wipes",
        join '', map { "$_\n" } @{ $run->{wipes} // [] });
    return $dir;
}

sub run ($class, %run) {
    my $s = start(\%run);
    my $from = clock_gettime(CLOCK_MONOTONIC);
    my $dir = drive(\%run);
    $run{seconds} = clock_gettime(CLOCK_MONOTONIC) - $from;
    my $judge = program('judge');
    my $limits = 'grace=' . GRACE
        . ($run{store} =~ /^(?:g?dbm|db|tiers)$/ ? '' : ' lease=' . LEASE);
    $run{text} = qx{$judge dir=$dir $limits 2>&1};
    $run{judged} = $? >> 8;
    ($run{operations}) = $run{text} =~ /^operations (\d+)/m;
    ($run{violations}) = $run{text} =~ /violations (\d+)$/m;
    $run{broken} ? $s->kill_now : $s->stop;
    $_->kill_now for @{ $run{memcached} };
    return \%run;
}

1;
