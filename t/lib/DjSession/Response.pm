# DjSession::Response - what a server answered, every byte of it.
package DjSession::Response;
use v5.36;
use JSON::PP ();

# `head` is the raw text of status line and headers, without the empty line.
sub new ($class, %self) {
    my ($first, @lines) = split /\r?\n/, $self{head};
    ($self{status}) = ($first // '') =~ m{^HTTP/\S+ (\d{3})};
    $self{status} //= 0;
    $self{headers} = [map { [split /:[ \t]*/, $_, 2] } @lines];
    $self{interim} //= [];
    $self{body}    //= '';
    return bless \%self, $class;
}

sub status ($self) { return $self->{status} }
sub body   ($self) { return $self->{body} }
sub head   ($self) { return $self->{head} }

# The raw heads of the 1xx responses that came first.
sub interim ($self) { return @{ $self->{interim} } }

# Every value of a header, in order.
sub all ($self, $name) {
    return map { $_->[1] // '' }
        grep { lc $_->[0] eq lc $name } @{ $self->{headers} };
}

# The values joined as a proxy would join them; undef when there is none.
sub header ($self, $name) {
    my @all = $self->all($name);
    return @all ? join(', ', @all) : undef;
}

# Values of Set-Cookie for one cookie name.
sub cookies ($self, $name = 'sessionid') {
    return grep { /^\Q$name\E=/ } $self->all('Set-Cookie');
}

# Whether `Vary` names Cookie.
sub varies ($self) {
    return scalar grep { lc eq 'cookie' }
        map { split /\s*,\s*/ } $self->all('Vary');
}

# The environment that the program t/cgi/act printed, as a hash.
sub env ($self) {
    return { map { /^([^=]+)=(.*)$/ ? ($1, $2) : () }
            split /\n/, $self->{body} };
}

# The session data that program saw; undef when it saw none.
sub data ($self) {
    my $json = $self->env->{DJSESSION_DATA};
    return defined $json ? JSON::PP->new->decode($json) : undef;
}

1;
