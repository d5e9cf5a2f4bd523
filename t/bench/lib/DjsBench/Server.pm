# DjsBench::Server - one httpd of a measurement: its files, its start, its end.
#
# Every server has a directory, a port on 127.0.0.1 and a process of its own.
# Started by root it runs as nobody, so that what is measured is never a
# privileged process.
package DjsBench::Server;
use strict;
use warnings;
use Carp qw(croak);
use IO::Socket::INET;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

my %running;

END {
    local $?;
    $_->stop for values %running;
}

# dir: an existing directory of this server alone; config: httpd directives;
# site: what DjsBench::Site found out about the httpd to measure.
sub new {
    my ($class, %arg) = @_;
    my $self = bless { %arg, port => free_port() }, $class;
    open my $out, '>', "$self->{dir}/httpd.conf" or croak "httpd.conf: $!";
    print $out $self->_config;
    close $out or croak "httpd.conf: $!";
    return $self;
}

# A port that nobody listens on at this moment.
sub free_port {
    my $probe = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
        or croak "no port: $!";
    return $probe->sockport;
}

sub _config {
    my ($self) = @_;
    my ($dir, $site) = @$self{qw(dir site)};
    my $mpm = $self->{mpm} || 'prefork';
    my $size = $mpm eq 'prefork' ? '' : <<"CONF";
StartServers 1
ServerLimit 1
ThreadsPerChild 32
MaxRequestWorkers 32
ThreadLimit 32
MinSpareThreads 32
MaxSpareThreads 32
CONF
    return <<"CONF";
ServerRoot $dir
ServerName bench.invalid
Listen 127.0.0.1:$self->{port}
PidFile $dir/pid
ErrorLog $dir/error_log
LogLevel warn
Mutex default:$dir
LoadModule mpm_${mpm}_module $site->{modules}/mod_mpm_$mpm.so
LoadModule authz_core_module $site->{modules}/mod_authz_core.so
LoadModule mime_module $site->{modules}/mod_mime.so
TypesConfig /dev/null
AddType text/plain .txt
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 300
${size}DocumentRoot $site->{htdocs}
<Directory $site->{htdocs}>
    AllowOverride None
    Require all granted
</Directory>
$self->{config}
CONF
}

# Starts httpd, behind the words of `wrapper` when there are any (valgrind,
# strace), and waits until it answers.
sub start {
    my ($self, @wrapper) = @_;
    my $one_process = @wrapper || $self->{one_process};
    my @words = (@wrapper, $self->{site}{httpd},
                 '-f', "$self->{dir}/httpd.conf",
                 $one_process ? '-X' : '-DFOREGROUND');

    unlink "$self->{dir}/pid";
    $self->{pid} = fork;
    croak "fork: $!" unless defined $self->{pid};
    if (!$self->{pid}) {
        open STDOUT, '>', "$self->{dir}/output";
        open STDERR, '>&', \*STDOUT;
        drop_privileges($self->{site});
        exec @words or POSIX::_exit(127);
    }
    $running{$self} = $self;
    $self->_wait_until_up;
    return $self;
}

# The rest of this process runs as nobody, if it was root.
sub drop_privileges {
    my ($site) = @_;
    return unless defined $site->{uid};
    $( = $site->{gid};
    $) = "$site->{gid} $site->{gid}";
    ($<, $>) = ($site->{uid}, $site->{uid});
    croak 'still root' if $> == 0 || $< == 0;
}

sub _wait_until_up {
    my ($self) = @_;
    my $end = time + 60;
    while (time < $end) {
        if (waitpid($self->{pid}, WNOHANG) == $self->{pid}) {
            delete $running{$self};
            croak "httpd did not start:\n" . $self->log;
        }
        return if -s "$self->{dir}/pid"
            && IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $self->{port});
        sleep 0.05;
    }
    croak "httpd does not answer:\n" . $self->log;
}

# The process that serves: under strace it is a child of what was started.
sub httpd_pid {
    my ($self) = @_;
    open my $in, '<', "$self->{dir}/pid" or return $self->{pid};
    my ($pid) = (<$in> // '') =~ /(\d+)/;
    return $pid || $self->{pid};
}

# Ends the processes this object started, and only those.
sub stop {
    my ($self) = @_;
    return unless delete $running{$self};
    my $httpd = $self->httpd_pid;
    kill 'TERM', $httpd;
    for (1 .. 200) {
        return if waitpid($self->{pid}, WNOHANG) == $self->{pid};
        sleep 0.05;
    }
    kill 'KILL', $httpd, $self->{pid};
    waitpid $self->{pid}, 0;
}

# What httpd and its wrapper said, for an error message.
sub log {
    my ($self) = @_;
    my $text = '';
    for my $name (qw(output error_log)) {
        open my $in, '<', "$self->{dir}/$name" or next;
        local $/;
        $text .= <$in> // '';
    }
    return length $text > 4000 ? substr($text, -4000) : $text;
}

1;
