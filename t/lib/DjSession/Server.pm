# DjSession::Server - a real httpd with a configuration of its own.
#
# It lives in a temporary directory, listens on free loopback ports and drops
# its privileges when the tests run as root. When it is stopped, three things
# are tested: no process remains, the error log has no line at warn or above
# that the test did not expect, and no secret that passed by is in any log.
package DjSession::Server;
use v5.36;
use File::Path qw(make_path);
use File::Temp ();
use IO::Socket::INET;
use POSIX qw(WNOHANG setsid);
use Test::More ();
use Time::HiRes qw(sleep time);

my $tree = __FILE__ =~ s{/?t/lib/DjSession/Server\.pm$}{}r;
$tree = '.' if $tree eq '';
my @running;

# A test that is interrupted ends what it started.
@SIG{qw(INT TERM HUP PIPE)} = (sub (@) { exit 1 }) x 4;

# What every test's host does unless it says `base => ''`.
my $BASE = <<'END';
DjSession On
DjSessionEnv Data
DjSessionBackendUpdates On
END

my @MODULES = qw(authz_core authn_core authz_host mime dir alias rewrite
    headers env setenvif include actions proxy proxy_http
    proxy_wstunnel filter);

# start(%o) dies when httpd does not come up. base, conf: text of the virtual
# host; global: text before it; after: text behind it; modules: more modules;
# tls, http2: what they say; clock: it can be shifted; loglevel; dir: another server's directory, to
# share its state; store, secret: DjSessionStore and DjSessionSecretFile lines;
# bare: no line about djsession at all but LoadModule. @DIR@, @PORT@,
# @TLSPORT@ and @STATE@ are replaced in each text.
sub start ($class, %o) {
    my $s = $class->prepare(%o);
    my $why = $s->launch;
    die "httpd does not start: $why\n" if defined $why;
    return $s;
}

# What stops such a server from starting: its stderr and error log. undef when
# it started (and was stopped again).
sub refuses ($class, %o) {
    my $s   = $class->prepare(%o);
    my $why = $s->launch;
    $s->kill_now unless defined $why;
    return $why;
}

sub prepare ($class, %o) {
    my $s = bless { o => \%o, owner => $$, expects => [], allows => [], canary => {} },
        $class;
    $s->{mpm} = $o{mpm} // $ENV{DJS_MPM} // 'event';
    $s->{tmp} = File::Temp->newdir('djs-XXXXXX',
        DIR => $ENV{DJS_TEST_TMP} // '/tmp', CLEANUP => !$ENV{DJS_KEEP});
    $s->{dir} = "$s->{tmp}";
    $s->{state} = $o{dir} ? "$o{dir}/state" : "$s->{dir}/state";
    chmod 0755, $s->{dir};
    make_path(map { "$s->{dir}/$_" } qw(htdocs logs run cgi state sync cache));
    chmod 0755, glob "$s->{dir}/*";
    chmod 0777, "$s->{dir}/sync";
    if ($> == 0) {
        chown scalar getpwnam('www-data'), -1, "$s->{dir}/sync",
            "$s->{dir}/cache";
    }
    for my $program (glob "$tree/t/cgi/*") {
        my ($name) = $program =~ m{([^/]+)$};
        $s->file("cgi/$name", slurp($program), 0755);
    }
    $s->file('htdocs/index.html', "home\n");
    $s->make_secret("$s->{state}/secret.key") unless $o{dir};
    $s->make_certificate if $o{tls};
    $s->make_clock if $o{clock};
    return $s;
}

sub port    ($s) { return $s->{port} }
sub tlsport ($s) { return $s->{tlsport} }
sub dir     ($s) { return $s->{dir} }
sub state   ($s) { return $s->{state} }
sub pid     ($s) { return $s->{pid} }
sub mpm     ($s) { return $s->{mpm} }
sub storedir ($s) { return "$s->{state}/store" }

sub browser ($s, %o) {
    require DjSession::Browser;
    return DjSession::Browser->new($s, %o);
}

# Writes a file in the server's directory.
sub file ($s, $name, $text, $mode = 0644) {
    my $path = $name =~ m{^/} ? $name : "$s->{dir}/$name";
    my ($parent) = $path =~ m{^(.*)/};
    make_path($parent);
    open my $fh, '>', $path or die "$path: $!";
    print {$fh} $text;
    close $fh;
    chmod $mode, $path;
    return $path;
}

sub slurp ($path) {
    open my $fh, '<', $path or return '';
    local $/ = undef;
    return scalar(<$fh>) // '';
}

# A fresh secret in a file of mode 0600; its content never goes into a log.
sub make_secret ($s, $path) {
    open my $fh, '<:raw', '/dev/urandom' or die "/dev/urandom: $!";
    read $fh, my $bytes, 32;
    my $hex = unpack 'H*', $bytes;
    $s->canary($hex);
    return $s->file($path, "$hex\n", 0600);
}

sub make_certificate ($s) {
    my $made = system "openssl req -x509 -newkey ec"
        . " -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        . " -subj /CN=localhost -addext subjectAltName=DNS:localhost"
        . " -addext basicConstraints=CA:FALSE"
        . " -keyout $s->{dir}/tls.key -out $s->{dir}/tls.crt 2>/dev/null";
    die "openssl makes no certificate\n" if $made;
    return;
}

# A time of day for this server alone, which shift_clock() moves.
sub make_clock ($s) {
    my $cc = $ENV{CC} // 'cc';
    system "$cc -D_GNU_SOURCE -shared -fPIC -o $s->{dir}/clockshift.so"
        . " $tree/t/lib/clockshift.c -ldl";
    die "no clockshift.so\n" if $?;
    return $s->shift_clock(0);
}

# The server's clock is so many seconds ahead (or behind) from now on.
sub shift_clock ($s, $seconds) {
    my $path = "$s->{dir}/clock";
    open my $fh, -e $path ? '+<:raw' : '>:raw', $path or die "$path: $!";
    syswrite $fh, pack 'q', $seconds;
    close $fh;
    return;
}

# Something that must never be seen in a log.
sub canary ($s, $text) { $s->{canary}{$text} = 1; return }

# Log lines at warn or above that must come, and that may come.
sub expects ($s, @re) { push @{ $s->{expects} }, @re; return }
sub allows  ($s, @re) { push @{ $s->{allows} },  @re; return }

# --- configuration ---------------------------------------------------------

sub find_module {
    return $ENV{DJS_MODULE} if $ENV{DJS_MODULE};
    my $path = ($ENV{DJS_BUILDDIR} // $tree) . '/.libs/mod_djsession.so';
    return absolute($path) if -e $path;
    die "no mod_djsession.so: build it first, or set DJS_MODULE\n";
}

sub absolute ($path) {
    require Cwd;
    return Cwd::abs_path($path);
}

sub apxs ($what) {
    state %known;
    return $known{$what} //= $ENV{"DJS_$what"} // do {
        my $apxs = $ENV{APXS} // 'apxs';
        chomp(my $got = `$apxs -q $what 2>/dev/null` // '');
        $got;
    };
}

sub httpd {
    state $path = $ENV{DJS_HTTPD} // do {
        my $sbin = apxs('SBINDIR') || '/usr/sbin';
        my $name = apxs('PROGNAME') || 'apache2';
        -x "$sbin/$name" ? "$sbin/$name" : '/usr/sbin/apache2';
    };
    return $path;
}

sub load ($name, $path = undef) {
    my $dir = apxs('LIBEXECDIR') || '/usr/lib/apache2/modules';
    $path //= "$dir/mod_$name.so";
    return '' unless -e $path;
    return "<IfModule !${name}_module>\nLoadModule ${name}_module $path\n"
        . "</IfModule>\n";
}

sub wants_http2 ($s) {
    return $s->{o}{http2} && $s->{mpm} ne 'prefork';
}

sub modules ($s) {
    my @names = (@MODULES, @{ $s->{o}{modules} // [] });
    push @names, $s->{mpm} eq 'prefork' ? 'cgi' : 'cgid';
    push @names, qw(socache_shmcb ssl) if $s->{o}{tls};
    push @names, 'http2' if $s->wants_http2;
    my $mpm = load("mpm_$s->{mpm}");
    my $own = $s->{o}{unloaded} ? '' : load('djsession', find_module());
    return $mpm . join('', map { load($_) } qw(unixd log_config), @names)
        . $own;
}

sub processes ($s) {
    return <<'END' if $s->{mpm} eq 'prefork';
StartServers 3
MinSpareServers 2
MaxSpareServers 40
ServerLimit 40
MaxRequestWorkers 40
END
    return <<'END';
StartServers 2
ServerLimit 4
ThreadsPerChild 16
MinSpareThreads 16
MaxSpareThreads 64
MaxRequestWorkers 64
END
}

sub identity { return $> == 0 ? "User www-data\nGroup www-data\n" : '' }

sub configuration ($s) {
    my $o = $s->{o};
    my $level = $o->{loglevel}
        // ($o->{unloaded} ? 'debug' : 'debug djsession:trace8');
    my $store  = $o->{store}  // 'DjSessionStore dbm:@STATE@/store';
    my $secret = $o->{secret} // 'DjSessionSecretFile @STATE@/secret.key';
    ($store, $secret) = ('', '') if $o->{bare} || $o->{unloaded};
    my $host = ($o->{base} // ($o->{bare} || $o->{unloaded} ? '' : $BASE))
        . ($o->{conf} // '');
    my $listen = "Listen 127.0.0.1:\@PORT\@\n";
    $listen .= "Listen 127.0.0.1:\@TLSPORT\@\n" if $o->{tls};
    my $text = <<"END";
ServerRoot \@DIR\@
ServerName localhost
DefaultRuntimeDir \@DIR\@/run
PidFile \@DIR\@/run/httpd.pid
${\ $s->modules}${\ $s->identity}$listen${\ $s->processes}
ErrorLog \@DIR\@/logs/error
LogLevel $level
LogFormat "%h %m %U %>s" short
CustomLog \@DIR\@/logs/access short
ScriptLog \@DIR\@/logs/script
TypesConfig /dev/null
AddType text/html .html
TimeOut 20
KeepAliveTimeout 10
MaxKeepAliveRequests 0
GracefulShutdownTimeout 5
${\ ($s->{mpm} eq 'prefork' ? '' : "ScriptSock \@DIR\@/run/cgisock\n")}
<Directory />
Require all granted
AllowOverride None
</Directory>
ScriptAlias /cgi/ \@DIR\@/cgi/
$store
$secret
${\ ($o->{global} // '')}
<VirtualHost 127.0.0.1:\@PORT\@>
ServerName localhost
DocumentRoot \@DIR\@/htdocs
$host
</VirtualHost>
${\ ($o->{tls} ? $s->tls_host($host) : '')}
${\ ($o->{after} // '')}
END
    return $s->expand($text);
}

sub tls_host ($s, $host) {
    my $protocols = $s->wants_http2 ? "Protocols h2 http/1.1\n" : '';
    return <<"END";
SSLSessionCache shmcb:\@DIR\@/run/ssl(65536)
<VirtualHost 127.0.0.1:\@TLSPORT\@>
ServerName localhost
DocumentRoot \@DIR\@/htdocs
SSLEngine on
SSLCertificateFile \@DIR\@/tls.crt
SSLCertificateKeyFile \@DIR\@/tls.key
$protocols$host
</VirtualHost>
END
}

sub expand ($s, $text) {
    my %value = (
        DIR => $s->{dir}, STATE => $s->{state}, PORT => $s->{port},
        TLSPORT => $s->{tlsport} // 0,
    );
    return $text =~ s/\@(DIR|STATE|PORT|TLSPORT)\@/$value{$1}/gr;
}

# --- life -------------------------------------------------------------------

# None of those that the system gives to clients: one of them might have taken it
# before the server that it is for has begun.
sub free_port {
    my ($low) = slurp('/proc/sys/net/ipv4/ip_local_port_range') =~ /^(\d+)/;
    my $room = ($low // 0) - 10_240;
    for (1 .. 100) {
        my $sock = IO::Socket::INET->new(Listen => 1,
            LocalAddr => '127.0.0.1', ReuseAddr => 1,
            LocalPort => $room > 1000 ? 10_240 + int rand $room : 0);
        return $sock->sockport if $sock;
    }
    die "no free port: $!";
}

sub write_configuration ($s) {
    $s->{conf} = $s->file('httpd.conf', $s->configuration);
    return;
}

# undef, or why it did not come up.
sub launch ($s) {
    $s->{port}    = free_port();
    $s->{tlsport} = free_port() if $s->{o}{tls};
    $s->write_configuration;
    return $s->spawn;
}

# Starts httpd with the configuration as it lies there.
sub spawn ($s) {
    unlink "$s->{dir}/run/httpd.pid";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        setsid();
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>>', "$s->{dir}/logs/stderr";
        open STDERR, '>&', \*STDOUT;
        # A sanitizer's library, for a module that was built with it.
        $ENV{LD_PRELOAD} = join ':', grep { $_ } $ENV{DJS_PRELOAD},
            $s->{o}{clock} ? "$s->{dir}/clockshift.so" : '';
        $ENV{DJS_CLOCK} = "$s->{dir}/clock";
        { exec httpd(), '-d', $s->{dir}, '-f', $s->{conf}, '-DFOREGROUND',
            @{ $s->{o}{arguments} // [] } }
        POSIX::_exit(127);
    }
    $s->{pid} = $pid;
    push @running, $s;
    return $s->await_start;
}

sub await_start ($s) {
    my $until = time + 15;
    while (time < $until) {
        if (waitpid($s->{pid}, WNOHANG) == $s->{pid}) {
            $s->{status} = $?;
            delete $s->{pid};
            return $s->complaints;
        }
        return if -s "$s->{dir}/run/httpd.pid" && $s->answers;
        sleep 0.02;
    }
    $s->kill_now;
    return 'it neither starts nor stops';
}

sub answers ($s) {
    return defined IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $s->{port}, Timeout => 1
    );
}

sub complaints ($s) {
    return slurp("$s->{dir}/logs/stderr") . $s->log;
}

sub log ($s) { return slurp("$s->{dir}/logs/error") }

# Waits until `test` is true; dies never.
sub wait_until ($s, $test, $seconds = 10) {
    my $until = time + $seconds;
    while (time < $until) {
        return 1 if $test->();
        sleep 0.02;
    }
    return 0;
}

# Number of times that httpd has said it is up.
sub generation ($s) {
    return scalar(() = $s->log =~ /resuming normal operations/g);
}

# A graceful (USR1) or hard (HUP) restart, complete when this returns true.
sub restart ($s, $signal = 'USR1') {
    # Children answer before their parent has said that it is up.
    $s->wait_until(sub { $s->generation });
    my $before = $s->generation;
    kill $signal, $s->{pid};
    return $s->wait_until(sub { $s->generation > $before && $s->answers });
}

# Pids of the parent's children; the first is no different from the others.
sub children ($s) {
    my $of = $s->{pid};
    return grep { slurp("/proc/$_/stat") =~ /^\d+ \(.*\) \S (\d+)/s && $1 == $of }
        map { m{(\d+)$} } glob '/proc/[0-9]*';
}

# Children that serve requests: not the CGI daemon.
sub workers ($s) {
    my %names = map { $_ => slurp("/proc/$_/cmdline") } $s->children;
    my ($parent) = slurp("/proc/$s->{pid}/cmdline");
    my @same = grep { $names{$_} eq $parent } keys %names;
    @same = grep { threads($_) > 1 } @same if $s->{mpm} ne 'prefork';
    return @same;
}

sub threads ($pid) {
    my @threads = glob "/proc/$pid/task/*";
    return scalar @threads;
}

# Processes that run with this server's configuration, zombies left out.
sub processes_left ($s) {
    return grep { index(slurp("/proc/$_/cmdline"), "$s->{dir}/httpd.conf") >= 0 }
        map { m{(\d+)$} } glob '/proc/[0-9]*';
}

sub halt ($s) {
    my $pid = $s->{pid} // return;
    kill 'TERM', $pid;
    my $gone = $s->wait_until(sub { waitpid($pid, WNOHANG) == $pid }, 15);
    $s->{status} = $? if $gone;
    kill 'KILL', $pid unless $gone;
    waitpid $pid, 0 unless $gone;
    delete $s->{pid};
    @running = grep { $_ != $s } @running;
    return $gone;
}

# Ends everything at once; nothing is tested.
sub kill_now ($s) {
    $s->halt;
    kill 'KILL', $_ for $s->processes_left;
    @running = grep { $_ != $s } @running;
    return;
}

# Stops httpd and tests what it leaves behind.
sub stop ($s) {
    my $clean = $s->halt;
    $s->wait_until(sub { !$s->processes_left }, 5);
    Test::More::ok($clean && !$s->processes_left,
        'httpd stops and leaves no process');
    kill 'KILL', $_ for $s->processes_left;
    $s->check_log;
    $s->check_canaries;
    return;
}

# The store in trouble: nobody but root can reach its files. A child may be born
# into it at any time, and says so.
sub break_store ($s) {
    $s->allows(qr/DJS103:/);
    chmod 0, $s->storedir or die "chmod: $!";
    return;
}

sub mend_store ($s) {
    chmod 0700, $s->storedir or die "chmod: $!";
    return;
}

# Runs t/lib/storepoke on the store as the user that serves; returns its lines.
sub poke ($s, $input, @arguments) {
    my $program = $s->storepoke;
    my ($spec, @options) = split ' ', $s->expand($s->store_line);
    my $in = $s->file('logs/poke.in', $input);
    my $out = "$s->{dir}/logs/poke.out";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN,  '<', $in;
        open STDOUT, '>', $out;
        become_server();
        { exec $program, $spec, @options, @arguments }
        POSIX::_exit(127);
    }
    waitpid $pid, 0;
    die "storepoke @arguments fails\n" if $?;
    return split /\n/, slurp($out);
}

# A copy of the program where the serving user can reach it.
sub storepoke ($s) {
    my $copy = "$s->{dir}/storepoke";
    return $copy if -e $copy;
    my $built = $ENV{DJS_STOREPOKE}
        // ($ENV{DJS_BUILDDIR} // $tree) . '/t/lib/storepoke';
    die "no $built: make tests builds it\n" unless -x $built;
    return $s->file('storepoke', slurp($built), 0755);
}

sub store_line ($s) {
    my $line = $s->{o}{store} // 'DjSessionStore dbm:@STATE@/store';
    return $line =~ s/^DjSessionStore //r;
}

sub become_server {
    return if $> != 0;
    my ($uid, $gid) = (getpwnam 'www-data')[2, 3];
    $) = "$gid $gid";
    $( = $gid;
    POSIX::setuid($uid);
    return;
}

# Every live record: name => [deadline, bytes as hex].
sub records ($s) {
    return map { my ($name, $until, $hex) = split; ($name => [$until, $hex]) }
        $s->poke('', 'list');
}

sub check_log ($s) {
    my @bad = grep { is_trouble($_) } split /\n/, $s->complaints;
    my @missing;
    for my $re (@{ $s->{expects} }) {
        push @missing, "expected but absent: $re" unless grep { /$re/ } @bad;
    }
    for my $re (@{ $s->{expects} }, @{ $s->{allows} }) {
        @bad = grep { !/$re/ } @bad;
    }
    Test::More::ok(!@bad && !@missing, 'the error log has nothing unexpected')
        or Test::More::diag(map { "  $_\n" } @missing, splice @bad, 0, 10);
    return;
}

# Lines at warn and above, and lines that httpd did not write as log lines.
# AH01882: the distribution's mod_ssl is newer than its OpenSSL; not ours.
# AH00161, AH00484: every worker was busy in the moment the MPM looked.
# AH03092: a stopping MPM has closed the sockets of workers that linger.
sub is_trouble ($line) {
    return 0 if $line =~ /^\s*$/ || $line =~ /AH(01882|00161|00484|03092):/;
    return 1 unless $line =~ /^\[[^\]]+\] \[[\w-]*:(\w+)\]/;
    return $1 =~ /^(?:emerg|alert|crit|error|warn)$/;
}

sub check_canaries ($s) {
    my $all = join '', $s->complaints, slurp("$s->{dir}/logs/access"),
        slurp("$s->{dir}/logs/script");
    my @seen = grep { index($all, $_) >= 0 } keys %{ $s->{canary} };
    push @seen, $1 if $all =~ /(Canary\w*)/;
    Test::More::ok(!@seen,
        'M01: no key, cookie, value or secret of this test is in a log')
        or Test::More::diag('seen: ' . join ' ',
            map { (grep { index($_, $seen[0]) >= 0 } split /\n/, $all)[0] }
            $seen[0]);
    return;
}

sub DESTROY ($s) {
    local ($?, $@);
    $s->kill_now if $s->{pid} && $s->{owner} == $$;
    return;
}

END {
    local ($?, $@);
    my @mine = grep { $_->{owner} == $$ } @running; # kill_now takes them out
    $_->kill_now for @mine;
}

1;
