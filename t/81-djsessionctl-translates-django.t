#!/usr/bin/env perl
# djsessionctl decode and encode turn Django's bytes into JSON and back; the
# exit code says what is wrong with them, nothing else is written, and no secret
# is read that others can read.
use v5.36;
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

chdir dirname(__FILE__) . '/..' or die "no project around $0: $!\n";
my $built = $ENV{DJS_BUILDDIR} // '.';
my $tool = "$built/djsessionctl";
plan skip_all => "no $tool" unless -x $tool;
my $dir = tempdir(CLEANUP => 1);

sub spill ($name, $bytes, $mode = 0600) {
    unlink "$dir/$name";
    open my $out, '>:raw', "$dir/$name" or die "$name: $!\n";
    print {$out} $bytes;
    close $out or die "$name: $!\n";
    chmod $mode, "$dir/$name";
    return "$dir/$name";
}

sub slurp ($path) {
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/ = undef;
    return scalar(<$in>) // '';
}

# (exit code, standard output, standard error)
sub ctl ($input, @words) {
    my $in = spill('in', $input);
    my $line = join ' ', map { "'" . s/'/'\\''/gr . "'" } $tool, @words;
    my $out = qx{$line <$in 2>$dir/err};
    return ($? >> 8, $out, slurp("$dir/err"));
}

my $new = spill('new', "worked-example-secret\n");
my $old = spill('old', "the one before");
my @signed = ('--format', 'django-signed', '--secret-file', $new);
my $json = '{"a":1,"\u00e9":"\u20ac"}';
my $text = 'eyJhIjoxLCJcdTAwZTkiOiJcdTIwYWMifQ:1r31eq:'
    . 'gqJRFP-TTxpFD_kC5mBM6fRhkR0MTSV6V_vMNb71t6k';

# --- both ways ---------------------------------------------------------------

is_deeply [ctl($text, 'decode', @signed)], [0, "$json\n", ''],
    'H35: a signed text is read';
is_deeply [ctl($json, 'encode', @signed, '--now', 1700000000)],
    [0, $text, ''], 'and written as Django writes it, without a line end';
my (undef, $wide) = ctl('{"é":"€","a":1}', 'encode', @signed);
is((ctl($wide, 'decode', @signed))[1], '{"\u00e9":"\u20ac","a":1}' . "\n",
    'UTF-8 is taken, ASCII comes out');
my ($status, $cookie) = ctl($json, 'encode', @signed, '--salt',
    'django.contrib.sessions.backends.signed_cookies', '--now', 1700000000);
like $cookie, qr/:EyfdK2Q8g3Wq2boa__B-qVnElpoLnV3DZXqfSY5Rtkc$/,
    '--salt is another engine\'s';
is((ctl($cookie, 'decode', @signed))[0], 3, 'which is not the default one');

for my $format (qw(pickle filecache dbcache)) {
    my @format = ('--format', "django-$format");
    my (undef, $made) = ctl($json, 'encode', @format);
    is_deeply [ctl($made, 'decode', @format)], [0, "$json\n", ''],
        "django-$format, both ways";
}
my (undef, $odd) = ctl('{"b":1.50,"a":-0,"c":1e5,"a":{"x":1,"x":2}}',
    'encode', @signed);
is((ctl($odd, 'decode', @signed))[1], '{"b":1.5,"a":{"x":2},"c":100000.0}'
    . "\n", 'H04: what is shown is what Python makes of it');

my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
my (undef, $pickle) = ctl($json, 'encode', '--format', 'django-pickle');
spill('pickle', $pickle);
is qx{$python -c 'import json, pickle, sys
print(json.dumps(pickle.load(open(sys.argv[1], "rb")),
separators=(",", ":")))' $dir/pickle}, "$json\n", 'H35: Python loads it';

# --- each exit code ----------------------------------------------------------

my @cookie = (@signed, '--max-age', 60, '--now');
my @verdicts = (
    ['a changed character', 3, $text =~ s/^e/f/r, @signed],
    ['a line end behind it', 3, "$text\n", @signed],
    ['nothing', 3, '', @signed],
    ['another key', 3, $text, @signed[0, 1], '--secret-file', $old],
    ['another key, and this one a fallback', 0, $text, @signed[0, 1],
        '--secret-file', $old, '--fallback-file', $new],
    ['at its age', 0, $text, @cookie, 1700000060],
    ['a microsecond over it', 4, $text, @cookie, '1700000060.000001'],
    ['a pickle of a list', 6, '].', '--format', 'django-pickle'],
    ['a pickle that is cut short', 7, '}', '--format', 'django-pickle'],
    ['bytes in a pickle', 8, "}U\1aC\1bs.", '--format', 'django-pickle'],
    ['H23: code in a pickle', 9, "cos\nsystem\n.", '--format',
        'django-pickle'],
    ['H36: flags that are no pickle', 6, '}.', '--format', 'django-pickle',
        '--flags', 0],
    ['no cache file', 7, 'xyz', '--format', 'django-filecache'],
    ['a cache file with code', 9, "cos\nsystem\n.", '--format',
        'django-filecache'],
);
for my $row (@verdicts) {
    my ($name, $wanted, $input, @words) = @$row;
    my ($status, $out, $err) = ctl($input, 'decode', @words);
    is $status, $wanted, "$name: $wanted";
    ok $wanted ? $out eq '' && $err =~ /^djsessionctl: / : $out ne '',
        $wanted ? 'and a word about it, and no data' : 'and its data';
}
my (undef, $file) = ctl('{}', 'encode', '--format', 'django-filecache',
    '--now', 1700000000, '--max-age', 60);
is((ctl($file, 'decode', '--format', 'django-filecache', '--now',
            1700000060))[0], 0, 'a cache file at its end');
is((ctl($file, 'decode', '--format', 'django-filecache', '--now',
            1700000061))[0], 4, 'and after it');
is((ctl('{"a":', 'encode', @signed))[0], 5, 'only JSON is encoded');
is((ctl('[1]', 'encode', @signed))[0], 6, 'and only an object');

# --- secrets and words -------------------------------------------------------

my @refusals = (
    [2, qr/--format is one of/, 'decode'],
    [2, qr/--format is one of/, 'decode', '--format', 'django'],
    [2, qr/needs --secret-file/, 'decode', '--format', 'django-signed'],
    [2, qr/--key: no option/, 'decode', @signed, '--key', 'x'],
    [2, qr/--salt needs a value/, 'decode', @signed, '--salt'],
    [2, qr/--now is a time/, 'decode', @signed, '--now', 'noon'],
    [2, qr/--max-age is a number/, 'decode', @signed, '--max-age', '-1'],
    [2, qr/--flags is the number/, 'decode', @signed, '--flags', 'x'],
    [1, qr/does not exist/, 'decode', @signed[0, 1], '--secret-file', '/no'],
    [1, qr/has mode 0644/, 'decode', @signed[0, 1], '--secret-file',
        spill('open', 'k', 0644)],
    [1, qr/has mode 0640/, 'decode', @signed, '--fallback-file',
        spill('group', 'k', 0640)],
    [1, qr/first line has no bytes/, 'encode', @signed[0, 1],
        '--secret-file', spill('empty', "\nk\n")],
);
for my $row (@refusals) {
    my ($wanted, $why, @words) = @$row;
    my ($status, $out, $err) = ctl($text, @words);
    ok $status == $wanted && $err =~ $why && $out eq '', "refused: $why"
        or diag "$status: $err";
    unlike $err, qr/worked-example|the one before/, 'G12: without a secret';
}
my (undef, $help) = ctl('', '--help');
like $help, qr/^ +decode .*^ +--fallback-file/ms, '--help tells of them';
done_testing;
