# DjsBench::Site - what is there to measure with: httpd, its modules, tools, and
# a directory that ends with the run.
package DjsBench::Site;
use strict;
use warnings;
use Carp qw(croak);
use DjsBench::Memcached;
use File::Copy qw(copy);
use File::Path qw(make_path);
use File::Temp qw(tempdir);

# module: mod_djsession.so or undef; dir: where to work (a temporary directory
# unless given); apxs: the program that knows httpd; django: a directory that
# has a Django, else that of the system.
sub new {
    my ($class, %arg) = @_;
    my $apxs = $arg{apxs} || 'apxs';
    my $self = bless {}, $class;
    $self->{modules} = _ask($apxs, 'LIBEXECDIR');
    $self->{httpd} = _ask($apxs, 'SBINDIR') . '/' . _ask($apxs, 'PROGNAME');
    $self->{httpd} = $arg{httpd} if $arg{httpd};
    $self->{dir} = $arg{dir} || tempdir('bench-sessions-XXXXXX', TMPDIR => 1,
                                        CLEANUP => 1);
    if ($> == 0) {
        ($self->{uid}, $self->{gid}) = (getpwnam 'nobody')[2, 3];
        defined $self->{uid} or croak 'there is no user nobody';
    }
    $self->{django} = $arg{django} if $arg{django} && -d $arg{django};
    $self->{htdocs} = $self->make_dir('htdocs');
    _write("$self->{htdocs}/page.txt",
           "A small static page, the same for every case.\n");
    if ($arg{module} && -e $arg{module}) {
        $self->{module} = "$self->{dir}/mod_djsession.so";
        copy($arg{module}, $self->{module}) or croak "$arg{module}: $!";
    }
    return $self;
}

sub _ask {
    my ($apxs, $what) = @_;
    my $answer = `$apxs -q $what`;
    croak "$apxs -q $what says nothing" unless $answer;
    chomp $answer;
    return $answer;
}

sub _write {
    my ($path, $text) = @_;
    open my $out, '>', $path or croak "$path: $!";
    print $out $text;
    close $out or croak "$path: $!";
}

# A file of this run, owned by whom the servers run as.
sub make_file {
    my ($self, $path, $text, $mode) = @_;
    _write($path, $text);
    chmod $mode, $path if defined $mode;
    $self->_give($path);
    return $path;
}

# A directory of this run, owned by whom the servers run as.
sub make_dir {
    my ($self, $name) = @_;
    my $path = "$self->{dir}/$name";
    make_path($path);
    $self->_give($self->{dir}, $path);
    return $path;
}

sub _give {
    my ($self, @paths) = @_;
    return unless defined $self->{uid};
    chown $self->{uid}, $self->{gid}, @paths;
}

# The memcached of this run; it is started when first asked for.
sub memcached {
    my ($self) = @_;
    return $self->{memcached} //= DjsBench::Memcached->start;
}

sub has_module {
    my ($self, $name) = @_;
    return -e "$self->{modules}/mod_$name.so";
}

# Nonzero when `name` is a program on the PATH.
sub has_tool {
    my ($self, $name) = @_;
    return scalar grep { -x "$_/$name" } split /:/, $ENV{PATH};
}

1;
