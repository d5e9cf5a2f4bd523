# DjSession::Memcached - a real memcached for a live test, and what may stand
# before it: a tap that keeps every byte which goes to it.
package DjSession::Memcached;
use v5.36;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Time::HiRes qw(sleep);
use DjSession::Server;

my @all;

# Where the program is; undef without one.
sub program {
    my ($found) = grep { -x } map { "$_/memcached" }
        split(/:/, $ENV{PATH} // ''), '/usr/bin';
    return $found;
}

# Starts one on a free port, or on the unix socket `path`.
sub start ($class, %o) {
    my $m = bless { %o, owner => $$ }, $class;
    $m->{port} //= DjSession::Server::free_port() unless $m->{path};
    push @all, $m;
    return $m->again;
}

sub port ($m) { return $m->{port} }
sub pid  ($m) { return $m->{pid} }

# How DjSessionStore names it.
sub name ($m) { return $m->{path} // "127.0.0.1:$m->{port}" }

# Starts it once more where it was; it has forgotten everything.
sub again ($m) {
    my @where = $m->{path} ? ('-s', $m->{path}, '-a', '0777')
        : ('-l', '127.0.0.1', '-p', $m->{port}, '-U', 0);
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        { exec program(), @where, '-m', 64, ($> == 0 ? ('-u', 'nobody') : ()) }
        POSIX::_exit(127);
    }
    $m->{pid} = $pid;
    for (1 .. 400) {
        return $m if $m->connect_once;
        sleep 0.01;
    }
    die "memcached does not start\n";
}

sub connect_once ($m) {
    return $m->{path} ? IO::Socket::UNIX->new(Peer => $m->{path})
        : IO::Socket::INET->new($m->name);
}

sub kill_now ($m) {
    my $pid = delete $m->{pid} // return;
    kill 'KILL', $pid;
    waitpid $pid, 0;
    return;
}

# Stopped and going on, with all that it knows.
sub freeze ($m) {
    kill 'STOP', $m->{pid};
    waitpid $m->{pid}, POSIX::WUNTRACED;
    return;
}
sub thaw ($m) { return kill 'CONT', $m->{pid} }

# What it answers to a line, as lines.
sub ask ($m, $line) {
    my $sock = $m->connect_once or return;
    syswrite $sock, "$line\r\n";
    my $said = '';
    while ($said !~ /\r\n\z/) {
        sysread $sock, $said, 65536, length $said or last;
    }
    return split /\r\n/, $said;
}

# Inodes of the sockets that process `pid` has open to it, over TCP.
sub sockets_of ($m, $pid) {
    my $port = sprintf '%04X', $m->{port};
    my %ours = map { ((split)[9] => 1) }
        grep { /^\s*\d+: [0-9A-F]{8}:\w+ 0100007F:$port 01 / }
        split /\n/, DjSession::Server::slurp('/proc/net/tcp');
    return grep { $ours{$_} }
        map { (readlink($_) // '') =~ /^socket:\[(\d+)\]/ ? $1 : () }
        glob "/proc/$pid/fd/*";
}

# Starts a tap before this server: its port, and the file with what it heard.
sub tap ($m, $log) {
    my $listener = IO::Socket::INET->new(
        Listen => 64, LocalAddr => '127.0.0.1', LocalPort => 0
    ) // die "no tap: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open my $out, '>>:raw', $log or POSIX::_exit(1);
        relay($listener, $m->name, $out);
        POSIX::_exit(0);
    }
    push @all, bless { pid => $pid, owner => $$ }, ref $m;
    return $listener->sockport;
}

# Passes bytes on, both ways; those of the clients are written down first.
sub relay ($listener, $server, $out) {
    my $all = IO::Select->new($listener);
    my (%other, %client);
    while (my @ready = $all->can_read) {
        for my $sock (@ready) {
            if ($sock == $listener) {
                my $near = $listener->accept // next;
                my $far  = IO::Socket::INET->new($server) // next;
                @other{$near, $far} = ($far, $near);
                $client{$near} = 1;
                $all->add($near, $far);
                next;
            }
            my $peer = $other{$sock} // next;
            if (!sysread $sock, my $bytes, 65536) {
                $all->remove($sock, $peer);
                delete @other{$sock, $peer};
                delete @client{$sock, $peer}; # another may get its name
                close $_ for $sock, $peer;
                next;
            }
            else {
                syswrite $out, $bytes if $client{$sock};
                syswrite $peer, $bytes;
            }
        }
    }
    return;
}

END {
    local ($?, $@);
    $_->kill_now for grep { $_->{owner} == $$ } @all;
}

1;
