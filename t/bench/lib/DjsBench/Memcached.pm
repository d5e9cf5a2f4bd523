# DjsBench::Memcached - a memcached of this run, and what it counted.
package DjsBench::Memcached;
use strict;
use warnings;
use Carp qw(croak);
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep);

my %running;

END {
    local $?;
    $_->stop for values %running;
}

# Starts it on a port of its own and waits until it answers.
sub start {
    my ($class) = @_;
    my $probe = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
        or croak "no port: $!";
    my $self = bless { port => $probe->sockport }, $class;
    close $probe;
    my @user = $> == 0 ? ('-u', 'nobody') : ();
    $self->{pid} = fork;
    croak "fork: $!" unless defined $self->{pid};
    if (!$self->{pid}) {
        exec 'memcached', '-l', '127.0.0.1', '-p', $self->{port}, '-U', 0,
            '-t', 1, @user or POSIX::_exit(127);
    }
    $running{$self} = $self;
    for (1 .. 100) {
        return $self if eval { $self->stats };
        sleep 0.05;
    }
    croak 'memcached does not answer';
}

# HOST:PORT, as a configuration names it.
sub name {
    my ($self) = @_;
    return "127.0.0.1:$self->{port}";
}

# What it says of itself: name => number.
sub stats {
    my ($self) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $self->{port})
        or croak "memcached: $!";
    print $socket "stats\r\n";
    my %got;
    while (<$socket>) {
        last if /^END/;
        $got{$1} = $2 if /^STAT (\S+) ([\d.]+)/;
    }
    return \%got;
}

# Ends the process this object started.
sub stop {
    my ($self) = @_;
    return unless delete $running{$self};
    kill 'TERM', $self->{pid};
    waitpid $self->{pid}, 0;
}

1;
