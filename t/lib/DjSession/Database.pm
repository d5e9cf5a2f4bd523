# DjSession::Database - a real database for a live test: SQLite's file, or a
# PostgreSQL or MariaDB of the test's own, on a free port of the loopback.
package DjSession::Database;
use v5.36;
use File::Path ();
use File::Temp ();
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep);
use DjSession::Server;

my @all;

# The kinds that can be had here, with what is missing for the others.
sub kinds ($class) { return qw(sqlite postgresql mysql) }

sub lacks ($class, $kind) {
    my %needs = (
        sqlite => ['apr_dbd_sqlite3', 'sqlite3', 'sh'],
        postgresql => ['apr_dbd_pgsql', 'psycopg2', program('postgres')],
        mysql => ['apr_dbd_mysql', 'MySQLdb', program('mariadbd')],
    );
    my ($driver, $python, $program) = @{ $needs{$kind} };
    my ($found) = glob "/usr/lib/*/apr-util-1/$driver.so";
    return "no $driver here" unless $found;
    return "no server of $kind here" unless $program;
    return "no $python for Python"
        if system("/usr/bin/python3 -c 'import $python' 2>/dev/null") != 0;
    return;
}

sub program ($name) {
    my ($found) = grep { -x } map { "$_/$name" } split(/:/, $ENV{PATH} // ''),
        '/usr/sbin', reverse glob('/usr/lib/postgresql/*/bin');
    return $found;
}

# Who runs a server of a database: they refuse root.
sub keeper { return $> == 0 ? 'nobody' : scalar getpwuid $> }

# Starts one of that kind with an empty database "site"; it ends with the test.
sub start ($class, $kind) {
    my $d = bless { kind => $kind, owner => $$ }, $class;
    $d->{dir} = File::Temp::tempdir('djs-db-XXXXXX', TMPDIR => 1);
    push @all, $d;
    my $who = $kind eq 'sqlite' ? 'www-data' : keeper();
    chown +(getpwnam $who)[2, 3], $d->{dir} if $> == 0;
    chmod 0755, $d->{dir};
    $d->{port} = DjSession::Server::free_port() if $kind ne 'sqlite';
    $d->prepare;
    return $d->again;
}

# Runs a program as the keeper; its output, or death.
sub must ($d, @command) {
    open my $out, '-|', $d->as_keeper(@command) or die "$command[0]: $!";
    my $said = join '', <$out>;
    close $out or die "@command fails:\n$said";
    return $said;
}

sub as_keeper ($d, @command) {
    my $line = join ' ', map { "'$_'" } @command;
    return $> == 0
        ? ('su', '-s', '/bin/sh', '-c', "$line 2>&1", keeper())
        : ('sh', '-c', "$line 2>&1");
}

sub prepare ($d) {
    my $dir = $d->{dir};
    if ($d->{kind} eq 'postgresql') {
        $d->must(program('initdb'), '-D', "$dir/data", '-A', 'trust', '-U',
            'site', '--no-sync', '-E', 'UTF8');
    }
    elsif ($d->{kind} eq 'mysql') {
        mkdir "$dir/data" or die "$dir/data: $!";
        chown +(getpwnam(keeper()))[2, 3], "$dir/data" if $> == 0;
        $d->must(program('mariadb-install-db'), "--datadir=$dir/data",
            '--auth-root-authentication-method=normal', '--skip-test-db',
            '--skip-name-resolve', '--innodb-log-file-size=4M');
    }
    return;
}

sub command ($d) {
    my ($dir, $port) = @$d{qw(dir port)};
    return (program('postgres'), '-D', "$dir/data", '-p', $port, '-k', $dir,
        '-h', '127.0.0.1', '-F') if $d->{kind} eq 'postgresql';
    return (program('mariadbd'), '--no-defaults', "--datadir=$dir/data",
        "--port=$port", '--bind-address=127.0.0.1', "--socket=$dir/socket",
        "--pid-file=$dir/pid", '--innodb-flush-log-at-trx-commit=2',
        '--innodb-log-file-size=4M', '--skip-name-resolve');
}

# Starts its server (once more); with what is in it.
sub again ($d) {
    return $d if $d->{kind} eq 'sqlite';
    my @command = $d->command;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$d->{dir}/log";
        open STDERR, '>&', \*STDOUT;
        my ($uid, $gid) = (getpwnam(keeper()))[2, 3];
        if ($> == 0) {
            $) = "$gid $gid";
            $( = $gid;
            POSIX::setuid($uid);
        }
        { exec @command }
        POSIX::_exit(127);
    }
    $d->{pid} = $pid;
    for (1 .. 1500) {
        return $d if $d->ready;
        sleep 0.02;
    }
    die "$d->{kind} does not start:\n" . DjSession::Server::slurp(
        "$d->{dir}/log");
}

# It answers, and has the database.
sub ready ($d) {
    my ($dir, $port) = @$d{qw(dir port)};
    IO::Socket::INET->new("127.0.0.1:$port") or return 0;
    if ($d->{kind} eq 'postgresql') {
        my @psql = (program('psql'), '-qAt', '-h', '127.0.0.1', '-p', $port,
            '-U', 'site', '-d', 'postgres', '-c');
        my $there = eval { $d->must(@psql,
            'select count(*) from pg_database where datname = $$site$$') }
            // return 0;
        $d->must(@psql, 'create database site') if $there =~ /^0/;
        return 1;
    }
    return defined eval { $d->must(program('mariadb'), '--no-defaults',
        "--socket=$dir/socket", '-u', 'root', '-e',
        'create database if not exists site character set utf8mb4;'
        . q( create user if not exists "site"@"127.0.0.1"
             identified by "of-the-site";)
        . q( grant all on site.* to "site"@"127.0.0.1")) };
}

# Ends its server, as a crash would.
sub kill_now ($d) {
    my $pid = delete $d->{pid} // return;
    kill $d->{kind} eq 'postgresql' ? 'QUIT' : 'KILL', $pid;
    waitpid $pid, 0;
    return;
}

# Breaks all connections to it, as a quick restart would.
sub cut ($d) {
    my ($dir, $port) = @$d{qw(dir port)};
    return $d->must(program('psql'), '-qAt', '-h', '127.0.0.1', '-p', $port,
        '-U', 'site', '-d', 'postgres', '-c',
        'select pg_terminate_backend(pid) from pg_stat_activity'
        . ' where datname = $$site$$') if $d->{kind} eq 'postgresql';
    my @mariadb = (program('mariadb'), '--no-defaults', "--socket=$dir/socket",
        '-u', 'root', '-BN', '-e');
    for ($d->must(@mariadb, 'select id from information_schema.processlist'
        . ' where user = "site"') =~ /^(\d+)$/mg) {
        $d->must(@mariadb, "kill $_");
    }
    return;
}

# How mod_dbd finds it.
sub directives ($d) {
    my ($dir, $port) = ($d->{dir}, $d->{port} // '');
    my %lines = (
        sqlite => "DBDriver sqlite3\nDBDParams $dir/site.sqlite\n",
        postgresql => "DBDriver pgsql\nDBDParams \"host=127.0.0.1 port=$port"
            . " user=site dbname=site connect_timeout=2\"\n",
        mysql => "DBDriver mysql\nDBDParams host=127.0.0.1,port=$port,"
            . "user=site,pass=of-the-site,dbname=site\n",
    );
    return $lines{ $d->{kind} };
}

# How Django finds it: settings.DATABASES["default"].
sub for_django ($d) {
    my ($dir, $port) = ($d->{dir}, $d->{port} // '');
    return { ENGINE => 'django.db.backends.sqlite3',
        NAME => "$dir/site.sqlite", OPTIONS => { timeout => 20 } }
        if $d->{kind} eq 'sqlite';
    return { ENGINE => "django.db.backends.$d->{kind}", NAME => 'site',
        USER => 'site', PASSWORD => 'of-the-site', HOST => '127.0.0.1',
        PORT => "$port" };
}

sub dir ($d) { return $d->{dir} }

# What Django has made belongs to the user that serves.
sub give_away ($d) {
    return if $d->{kind} ne 'sqlite' || $> != 0;
    return chown +(getpwnam 'www-data')[2, 3], "$d->{dir}/site.sqlite";
}

END {
    my $status = $?;
    for my $d (grep { $_->{owner} == $$ } @all) {
        $d->kill_now;
        File::Path::remove_tree($d->{dir}) if $d->{dir};
    }
    $? = $status;
}

1;
