#!/usr/bin/env perl
# What real Django wrote opens here and gives its data; what Django refuses, or
# should have refused, does not: t/vectors, through djsessionctl decode, and
# through the functions themselves for what has no command.
use v5.36;
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IPC::Open2 qw(open2);
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use Test::More;

chdir dirname(__FILE__) . '/..' or die "no project around $0: $!\n";
my $built = $ENV{DJS_BUILDDIR} // '.';
my $tool = "$built/djsessionctl";
my $filter = "$built/t/unit/django_filter";
plan skip_all => "no $tool and $filter" unless -x $tool && -x $filter;

my $dir = tempdir(CLEANUP => 1);
my %word = (0 => 'ok', 3 => 'bad_signature', 4 => 'expired', 5 => 'not_json',
    6 => 'not_object', 7 => 'malformed', 8 => 'unsupported',
    9 => 'malicious');

# The catalogue's cases that a group is about.
my %cases = (
    write   => 'H35', cache  => 'H36', forged => 'H13 H15 H17',
    payload => 'H03 H04 H05 H06 H07 H08 H09 H16 H18 H19 H21',
    timestamp => 'H14', keys => 'H13', legacy => 'H13', renew => 'H35',
    expiry  => 'H35', pickle => 'H24 H29 H30 H32',
    hostile => 'H23 H26 H27 H28 H31',
);
my %format = (filebased => 'filecache', dbcache => 'dbcache');

sub cases_of ($group) {
    open my $in, '<', "t/vectors/$group.jsonl" or die "$group: $!\n";
    # `data` may hold half a surrogate pair, which JSON::PP refuses; the text
    # in `data_text` is what is compared.
    return map { decode_json(s/(?<!\\)\\ud[89a-f]../?/gr) } <$in>;
}

sub spill ($name, $bytes) {
    unlink "$dir/$name";
    open my $out, '>:raw', "$dir/$name" or die "$name: $!\n";
    chmod 0600, "$dir/$name";
    print {$out} $bytes;
    close $out or die "$name: $!\n";
    return "$dir/$name";
}

sub utf8 ($text) {
    utf8::encode($text);
    return $text;
}

# The words behind "decode --format".
sub options ($case) {
    my $flags = $case->{flags} // 'any';
    my @now = defined $case->{now} ? ('--now', $case->{now}) : ();
    if ($case->{group} =~ /^(?:pickle|hostile|cache)$/) {
        my $format = $format{ $case->{backend} } // 'pickle';
        return ("django-$format", @now, $format eq 'pickle' && $flags ne 'any'
            ? ('--flags', $flags) : ());
    }
    my $i = 0;
    my @files = map { spill('key' . $i++, utf8("$_\n")) } $case->{secret_key},
        @{ $case->{fallbacks} };
    my @words = ('django-signed', '--secret-file', shift @files,
        (map { ('--fallback-file', $_) } @files), '--salt', $case->{salt},
        @now);
    push @words, '--max-age', $case->{settings}{SESSION_COOKIE_AGE}
        if $case->{engine} eq 'cookie';
    push @words, '--legacy' if $case->{django} =~ /^3[.]/;
    return @words;
}

# (verdict, standard output)
sub decoded ($case) {
    my $raw = spill('raw', decode_base64($case->{raw_b64}));
    my @words = ($tool, 'decode', '--format', options($case));
    my $line = join ' ', map { "'" . s/'/'\\''/gr . "'" } @words;
    my $out = qx{$line <$raw 2>$dir/err};
    return ($word{ $? >> 8 } // "status $?", $out);
}

sub check_reading ($case) {
    my ($verdict, $out) = decoded($case);
    my $name = "$cases{$case->{group}}: $case->{id}, $case->{label}";
    my @good = ($case->{verdict}, @{ $case->{also_ok} });

    @good = 'ok' if $case->{group} eq 'expiry'; # the store's question
    ok((grep { $_ eq $verdict } @good), "$name: $verdict")
        or diag "wanted @good";
    is $out, $verdict eq 'ok' ? "$case->{data_text}\n" : '',
        $verdict eq 'ok' ? 'and its data' : 'and not a byte of it';
    ok !-e $case->{canary}, 'and nothing was run' if $case->{canary};
    return;
}

# --- what has no command -----------------------------------------------------

my $pid = open2(my $from, my $to, $filter);
binmode $_, ':raw' for $from, $to;

# Asks the filter: (number, bytes).
sub ask (@fields) {
    print {$to} pack 'V', scalar @fields;
    print {$to} pack 'V/a*', $_ for @fields;
    $to->flush;
    read($from, my $head, 8) == 8 or die "the filter ended\n";
    my ($number, $length) = unpack 'VV', $head;
    my $bytes = '';
    read($from, $bytes, $length) == $length or die "the filter ended\n";
    return ($number, $bytes);
}

sub check_writing ($case) {
    my ($status, $text) = ask('dumps', $case->{data_text}, $case->{salt},
        "$case->{now}000000", -1, 0, utf8($case->{secret_key}));
    my $theirs = decode_base64($case->{raw_b64});

    is $status, 0, "H35: $case->{id} is written";
    $case->{compressed} ? like($text, qr/^\.eJ/, 'compressed, as Django does')
        : is($text, $theirs, 'byte for byte as Django writes it');
    return;
}

sub check_renewal ($case) {
    my @rest = ($case->{salt}, "$case->{later}000000", -1, 0,
        utf8($case->{secret_key}));
    my ($verdict, $text) =
        ask('resign', decode_base64($case->{raw_b64}), @rest);

    is "$verdict $text", '0 ' . decode_base64($case->{renewed_b64}),
        "H35: $case->{id} is renewed as Django would";
    return;
}

sub check_names ($case) {
    my ($engine) = $case->{storage_key} =~ /sessions\.(cache|cached_db)/;
    $engine = $case->{engine} eq 'cached_db' ? 'cached_db' : 'cache';
    my (undef, $said) = ask('names', $case->{settings}{CACHE_KEY_PREFIX},
        $case->{settings}{CACHE_VERSION}, $engine, $case->{session_key});
    my ($key, $file) = split / /, $said;

    is $key, $case->{storage_key}, "$case->{id}: its entry's name";
    is $file, $case->{storage_key_file}, 'and its file\'s'
        if $case->{storage_key_file};
    return;
}

sub check_login ($case) {
    my $name = "$case->{id}: $case->{label}";
    my %word = (0 => 'ok', 1 => 'bad_hash');
    if ($case->{session_hash}) {
        my ($said) = ask('auth', $case->{session_hash},
            $case->{stored_password}, 0, map { utf8($_) } $case->{secret_key},
            @{ $case->{fallbacks} });
        return is $word{$said}, $case->{verdict}, $name;
    }
    my ($said) = ask('password', $case->{stored_password},
        utf8($case->{password}));
    return is $said, $case->{password_ok} ? 0 : 1, $name;
}

my %client = (pymemcache => 0, pylibmc => 1, 'python-memcached' => 2);

sub check_server ($case) {
    my ($index) = ask('server', $client{ $case->{backend} },
        $case->{storage_key}, @{ $case->{servers} });
    return is $index, $case->{server_index},
        "$case->{id}: the server that $case->{backend} asks";
}

# Rows and files round their end.
sub check_end ($case) {
    my $local = $case->{settings}{USE_TZ} // 1 ? ''
        : $case->{settings}{TIME_ZONE};
    my ($alive, $data) = ask('alive', $case->{engine},
        decode_base64($case->{raw_b64}), micro($case->{now}),
        "$case->{settings}{SESSION_COOKIE_AGE}000000",
        $case->{engine} eq 'file' ? micro($case->{mtime})
            : $case->{expire_date}, $local, utf8($case->{secret_key}));
    my $name = "H35: $case->{id}, $case->{label}";
    my %may = map { $_ => 1 } $case->{verdict}, @{ $case->{also_ok} };
    ok $may{ $alive ? 'ok' : 'expired' },
        "$name: " . ($alive ? 'alive' : 'over');
    is $data, $case->{data_text}, 'with its data' if $alive;
    return;
}

# Seconds, with a fraction or not, as microseconds.
sub micro ($seconds) { return sprintf '%.0f', $seconds * 1e6 }

sub check_cookie_header ($case) {
    my ($count, $key) = ask('last', utf8($case->{header}));
    return is "$count $key", $case->{accept_as_key}
        ? "1 $case->{cookie_value}" : '0 ',
        "H35: $case->{id}: \"$case->{label}\" has the key that Django finds";
}

# What Django's middleware sends for a session that is saved; the order of
# attributes and the case of their names are free (RFC 6265).
sub check_set_cookie ($case) {
    my %has = %{ $case->{settings} };
    my (undef, $header) = ask('setcookie', $case->{data_text},
        $case->{session_key}, "$case->{now}000000",
        "$has{SESSION_COOKIE_AGE}000000",
        $has{SESSION_EXPIRE_AT_BROWSER_CLOSE} ? 1 : 0);
    my ($ours, $theirs) = map { join '; ',
        sort map { s/^expires/Expires/r } split /; / } $header,
        $case->{set_cookie};
    return is $ours, $theirs, "H35: $case->{id}, $case->{label}: the cookie";
}

check_reading($_) for map { cases_of($_) } sort keys %cases;
check_writing($_) for cases_of('write');
check_renewal($_) for cases_of('renew');
check_names($_) for grep { $_->{settings} } cases_of('cache');
check_login($_) for cases_of('auth');
check_server($_) for cases_of('servers');
check_end($_) for cases_of('expiry');
check_cookie_header($_) for cases_of('cookieheader');
check_set_cookie($_) for grep {
    ($_->{set_cookie} // '') =~ /^\w+=[a-z0-9]/ } cases_of('setcookie');

close $to;
waitpid $pid, 0;
is $?, 0, 'the filter ends well';
done_testing;
