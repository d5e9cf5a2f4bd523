# Children that are ended in the middle of a write, as `apachectl stop` and
# `restart` do it, leave no lock behind: whoever comes next is served. Writing
# to the store takes long here, so that they are met while they hold the lock.
# MPMs: prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
use File::Temp ();
use Time::HiRes qw(sleep time);

my $slow = File::Temp->newdir('djs-XXXXXX', DIR => '/tmp');
chmod 0755, $slow;
sub make_slow {
    open my $source, '>', "$slow/slow.c" or die "$slow: $!";
    print {$source} <<'END';
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

ssize_t write(int fd, const void *from, size_t size)
{
    const struct timespec pause = { 0, 3000000 };
    ssize_t (*real)(int, const void *, size_t) =
        (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    char link[32], path[256];
    ssize_t got;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    got = readlink(link, path, sizeof path - 1);
    path[got > 0 ? got : 0] = '\0';
    if (strstr(path, "/state/store/")) {
        nanosleep(&pause, NULL);
    }
    return real(fd, from, size);
}
END
    close $source;
    my $cc = $ENV{CC} // 'cc';
    system "$cc -D_GNU_SOURCE -shared -fPIC -o $slow/slow.so $slow/slow.c -ldl";
    die "no slow.so\n" if $?;
    return "$slow/slow.so";
}
local $ENV{DJS_PRELOAD} = join ':', grep { $_ } $ENV{DJS_PRELOAD}, make_slow();

my $s = server(
    loglevel => 'info',
    store    => 'DjSessionStore dbm:@STATE@/store shards=1',
    conf     => counter_pages() . <<'END');
<Location /new>
  DjSessionCreate Always
</Location>
END
$s->file("htdocs/$_", "$_\n") for qw(count new);

# Visitors that write until told to stop: new sessions, and changes to their
# own. Each tells the changes it was promised and the number it finds.
sub writers ($n) {
    my @readers;
    for (1 .. $n) {
        pipe my $read, my $write or die "pipe: $!";
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            close $read;
            print {$write} write_on();
            close $write;
            POSIX::_exit(0);
        }
        close $write;
        push @readers, [$pid, $read];
    }
    return @readers;
}
sub write_on {
    my $v = $s->browser;
    my ($acked, $unanswered, $refused) = (0, 0, 0);
    while (!-e $s->dir . '/stop') {
        my $new = eval { $s->browser->get('/new') };
        my $r   = eval { $v->get('/count') };
        if    (!$r || !$r->status) { $unanswered++; sleep 0.005 }
        elsif ($r->status == 200)  { $acked++ }
        else                       { $refused++ }
    }
    return "$acked $unanswered $refused " . (counted($v) // -1);
}

# The same configuration and ports, as after `apachectl start`.
sub stop_and_start {
    my $pid = $s->pid;
    kill 'TERM', $pid;
    $s->wait_until(sub { waitpid($pid, POSIX::WNOHANG()) == $pid }, 20)
        or return 0;
    delete $s->{pid};
    return !defined $s->spawn;
}

# A new visitor's first write, waited for no longer than a lock may last.
sub serves {
    return $s->wait_until(sub {
        my $r = eval { $s->browser->get('/new') };
        $r && $r->status == 200 && $r->cookies == 1;
    }, 5);
}

my @writers = writers(8);
my ($started, $served) = (0, 0);
for my $round (1 .. 8) {
    sleep 0.25 + rand 0.2;
    $started += stop_and_start();
    $served  += serves();
}
is $started, 8, 'O02: eight stops and starts in the middle of writes';
is $served, 8, 'J09: after each of them somebody new is served';

my ($restarts, $after) = (0, 0);
for my $round (1 .. 4) {
    sleep 0.2 + rand 0.2;
    $restarts += $s->restart('HUP');
    $after    += serves();
}
is $restarts, 4, 'O02: four hard restarts in the middle of writes';
is $after, 4, 'J09: after each of them somebody new is served';
$s->file('stop', '');

my ($promised, $refused, @lost) = (0, 0);
for my $writer (@writers) {
    my ($pid, $read) = @$writer;
    my $said = <$read> // '';
    waitpid $pid, 0;
    my ($acked, $unanswered, $no, $have) = split ' ', $said;
    push @lost, $said if !defined $have || $have < $acked
        || $have > $acked + $unanswered + $no;
    $promised += $acked // 0;
    $refused  += $no // 0;
}
is join('; ', @lost), '', "O02: $promised promised changes are all there";
cmp_ok $promised, '>', 30, 'O02: there was a load';

# Nobody writes now: every request is served, and at once.
my %status;
my $slowest = 0;
for my $i (1 .. 60) {
    my $start = time;
    $status{ $s->browser->get($i % 2 ? '/new' : '/count')->status }++;
    $slowest = time - $start if time - $start > $slowest;
}
is join(' ', map { "$_:$status{$_}" } sort keys %status), '200:60',
    'J09: afterwards every request is served';
cmp_ok $slowest, '<', 0.5, 'J22: and none of them waits for a lock';
my @said = parallel(6, sub ($i) {
    return join '', map { $s->browser->get('/new')->status == 200 ? 1 : 0 }
        1 .. 10;
});
is join('', @said), '1' x 60, 'J09: sixty visitors, six at a time, as well';

$s->allows(qr/\[core:(?:notice|error|warn)\][^\n]*(?:exit signal|AH0004[5-7])/,
    qr/DJS\d+/, qr/^Unable to flush stdout/, qr/\[mpm_\w+:(?:error|warn)\]/);
$s->stop;
done_testing;
