# With DjSessionForwardKey a back end can tell what httpd says from what anybody
# else does: doc/examples/forward has it in three languages, and each of them
# believes httpd and nobody else.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use Cwd ();
use Digest::SHA qw(hmac_sha256_hex);
use IO::Socket::INET;
use JSON::PP ();
use DjSession::Test;

my @NAMES = qw(state user tag created expires data);
my $examples = Cwd::abs_path('doc/examples/forward');
my $here = Cwd::abs_path('t/lib/verify');
my %program = (
    python => ['python3', "$here/server.py"],
    php    => ['php', '-n', '-S'],
    node   => ['node', "$here/server.js"],
);
my %pid;

sub end_all {
    local ($?, $@);
    kill 'TERM', $_ for values %pid;
    waitpid $_, 0 for values %pid;
    %pid = ();
    return;
}
END { end_all() }

# --- httpd, and a back end in each language -----------------------------------

my %port = map { $_ => DjSession::Server::free_port() } keys %program;
my $echo = backend();
my $scgi = backend('scgi');
my $s = DjSession::Server->prepare(modules => ['proxy_scgi'],
    conf => join('', map { "ProxyPass /$_ http://127.0.0.1:$port{$_}/\n" }
            sort keys %program) . <<"END");
ProxyPass /echo http://127.0.0.1:${\ $echo->port}/
ProxyPass /scgi scgi://127.0.0.1:${\ $scgi->port}/
DjSessionForward Data
DjSessionForwardKey state/forward.key
DjSessionMaxSize 8000
DjSessionUserKey uid
RequestHeader set X-DjSession-Signature forged
SetEnv HTTP_X_DJSESSION_SIGNATURE forged
<LocationMatch "summary">
  DjSessionForward Summary
</LocationMatch>
END
my $file = $s->make_secret("$s->{state}/forward.key");
my $hex = DjSession::Server::slurp($file) =~ s/\s//gr;
my $key = pack 'H*', $hex;
my $why = $s->launch;
die "httpd does not start: $why\n" if defined $why;

# Starts the back end of a language; false when its interpreter is missing.
sub start_program ($language) {
    my ($command, @arguments) = @{ $program{$language} };
    return 0 unless grep { -x "$_/$command" } split /:/, $ENV{PATH};
    @arguments = $language eq 'php'
        ? (@arguments, "127.0.0.1:$port{php}", "$here/server.php")
        : (@arguments, $examples, $file, $port{$language});
    $pid{$language} = fork // die "fork: $!";
    if (!$pid{$language}) {
        %pid = ();
        @ENV{qw(DIRECTORY KEY)} = ($examples, $file);
        open STDOUT, '>', '/dev/null';
        open STDERR, '>&', \*STDOUT;
        { exec $command, @arguments }
        POSIX::_exit(127);
    }
    return $s->wait_until(sub {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $port{$language});
    });
}

# --- what the signature is -----------------------------------------------------

sub sign ($t, $values, $with = $key) {
    return "t=$t,v1=" . hmac_sha256_hex(
        join("\n", $t, map { $_ // '' } @$values), $with);
}

# Our headers in what a back end was sent, by their last word.
sub seen ($r) {
    return { map { /^(?:HTTP_)?X.DJSESSION.(\w+)(?:: |=)(.*?)\r?$/i
                ? (lc $1, $2) : () } split /\n/, $r->body };
}

my $nobody = $s->browser;
my $ada = $s->browser;
$ada->act(u => '{"set":{"uid":"ad\u00e9 \u20ac","cart":[1,{"b":"\u2028"}]}}');
my %whom = ('a user' => $ada, nobody => $nobody);
for my $path (qw(/echo/data /echo/summary /scgi/data)) {
    for my $who (sort keys %whom) {
        my $seen = seen($whom{$who}->get($path,
            headers => ['X-DjSession-Signature: forged']));
        my ($t) = $seen->{signature} =~ /^t=(\d{10}),v1=[0-9a-f]{64}$/;
        cmp_ok abs(time - ($t // 0)), '<=', 2, "D09: $path: $who, signed now";
        is $seen->{signature}, sign($t, [@$seen{@NAMES}]),
            "D09: $path: over time and all six, for $who";
    }
}

# --- who believes what ---------------------------------------------------------

# What the back end makes of headers that come straight from anybody.
sub says ($language, @headers) {
    my $r = $ada->other(undef, port => $port{$language})
        ->get('/', headers => \@headers);
    return $r->status == 200 ? JSON::PP->new->utf8->decode($r->body)->{verified}
        : undef;
}
sub lines (%value) {
    return map { defined $value{$_} ? "X-DjSession-\u$_: $value{$_}" : () }
        sort keys %value;
}

for my $language (sort keys %program) {
    SKIP: {
        skip "$program{$language}[0] is not installed", 1
            unless start_program($language);
        believes_httpd($language);
        believes_nobody_else($language);
    }
}

sub believes_httpd ($language) {
    my $name = "D09: $language believes httpd";
    my $told = JSON::PP->new->utf8->decode(
        $ada->get("/$language/x", headers => ['X-DjSession-User: forged',
            'X-DjSession-Signature: forged',
            'Connection: x-djsession-signature',
            'Connection: a X-DjSession-State;X-DjSession-User',
            'Proxy-Connection: "b" X-DjSession-Data'])->body)->{verified};
    is $told->{state}, 'live', $name;
    is $told->{user}, "ad\x{e9} \x{20ac}", "$name: of the user, in UTF-8";
    is_deeply [JSON::PP->new->decode($told->{data})->{cart}],
        [[1, { b => "\x{2028}" }]], "$name: and of the data";
    $told = JSON::PP->new->utf8->decode(
        $nobody->get("/$language/x")->body)->{verified};
    is $told->{state}, 'none', "$name, that nobody is there";
    is $told->{user}, undef, "$name, and no user";
    $told = JSON::PP->new->utf8->decode(
        $ada->get("/$language/summary")->body)->{verified};
    is $told->{state}, 'live', "$name without data";
    return;
}

sub believes_nobody_else ($language) {
    my $name = "D09: $language does not believe";
    my %good = %{ seen($ada->get('/echo/x')) };
    my $now = time;
    my @values = @good{@NAMES};
    is says($language, lines(%good))->{state}, 'live',
        "D09: $language: a copy of httpd's own headers, for a while";
    is says($language, lines(%good, signature => sign($now - 20, \@values)))
        ->{state}, 'live', "D09: $language: at 20 seconds of age";
    my %forged = (
        'another user'      => { user => 'root' },
        'another state'     => { state => 'none' },
        'other data'        => { data => '{"uid":"root"}' },
        'a later end'       => { expires => $good{expires} + 1 },
        'no user'           => { user => undef },
        'no data'           => { data => undef },
        'no signature'      => { signature => undef },
        'an empty one'      => { signature => '' },
        'one of last hour'  => { signature => sign($now - 3600, \@values) },
        'one of 40 s ago'   => { signature => sign($now - 40, \@values) },
        'one of tomorrow'   => { signature => sign($now + 86_400, \@values) },
        'a time changed'    => { signature => $good{signature} =~
                s/^t=\d+/'t=' . ($now + 5)/er },
        'two values swapped' => { tag => $good{user}, user => $good{tag} },
        'a value moved on'  => { user => undef, tag => $good{user} },
        'a line in another' => { state => "live $good{user}", user => undef },
        'another key'       => { signature => sign($now, \@values, 'k' x 32) },
        'the digits as key' => { signature => sign($now, \@values, $hex) },
        'capital digits'    => { signature => uc $good{signature} },
        'a MAC cut short'   => { signature => substr($good{signature}, 0, -2) },
        'a MAC prolonged'   => { signature => "$good{signature}00" },
        'an order of its own' => { signature => $good{signature} =~
                s/^(t=\d+),(v1=.*)/$2,$1/r },
        'a signed other order' => { signature => sign($now, [reverse @values]) },
        'a signed eighth line' => { signature => sign($now, [@values, 'x']) },
    );
    for my $what (sort keys %forged) {
        is says($language, lines(%good, %{ $forged{$what} })), undef,
            "$name $what";
    }
    my $told = says($language, lines(%good), 'X-DjSession-Role: root');
    ok !exists $told->{role}, "$name a header that is not signed";
    $told = says($language, 'X-DjSession-User: root', lines(%good));
    isnt $told && $told->{user}, 'root', "$name a second user before his";
    is says($language), undef, "$name nothing at all";
    return;
}

end_all();
$s->allows(qr/\[proxy/);
$s->stop;
done_testing;
