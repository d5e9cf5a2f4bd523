# DjSession::Django - Django's own session engine in a process of its own: the
# other side of what httpd does.
package DjSession::Django;
use v5.36;
use IPC::Open2 ();
use JSON::PP ();

my $json = JSON::PP->new->canonical->ascii->allow_nonref;
my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';

sub python { return $python }

# Where Python finds Django VERSION ("3.2"): "" when it is the system's own,
# undef when there is none to be had.
sub place_of ($class, $version) {
    my $own = qx{$python -c 'import django; print(django.__version__)' 2>&1};
    return '' if $own =~ /^\Q$version\E\./;
    my $dir = ($ENV{DJS_BUILDDIR} // '.') . "/django-$version";
    return -f 'build/django'
        && system("sh build/django $version '$dir' >/dev/null 2>&1") == 0
        ? $dir : undef;
}

# The versions that can be had, as [version, place].
sub versions ($class) {
    return map { my $place = $class->place_of($_);
        defined $place ? [$_, $place] : () } qw(3.2 4.2 5.2);
}

# Starts ENGINE ("db") with these settings; place: as place_of says.
sub start ($class, $engine, $settings, $place = '') {
    local $ENV{PYTHONPATH} = $place;
    my $d = bless { owner => $$ }, $class;
    $d->{pid} = IPC::Open2::open2($d->{from}, $d->{to}, $python,
        't/lib/django_session.py', $engine, $json->encode($settings), 'serve');
    $d->{to}->autoflush;
    return $d;
}

# One verb of django_session.py; what it says, as data.
sub ask ($d, $verb, @words) {
    print { $d->{to} } $json->encode([$verb, @words]), "\n";
    my $said = readline $d->{from};
    die "Django has gone, asked to $verb\n" unless defined $said;
    my $answer = $json->decode($said);
    die "Django can not $verb: $answer->{error}\n" if $answer->{error};
    return $answer->{result};
}

sub make ($d, $data) { return $d->ask(make => $json->encode($data)) }
sub load ($d, $key) { return $json->decode($d->ask(load => $key)) }
sub update ($d, $key, $data) {
    return $d->ask(update => $key, $json->encode($data));
}
sub delete ($d, $key) { return $d->ask(delete => $key) }

sub stop ($d) {
    my $pid = delete $d->{pid} // return;
    close $d->{to};
    waitpid $pid, 0;
    return;
}

sub DESTROY ($d) {
    local $?;
    $d->stop if $d->{owner} == $$;
    return;
}

1;
