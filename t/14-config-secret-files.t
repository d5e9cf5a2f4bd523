# A secret file that is missing, malformed or readable by others stops
# start-up with its path and the reason, and never shows what is in it.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $good = 'c0ffee' . '0123456789abcdef' x 3 . '0123456789';
my %content = (
    'an empty file'         => '',
    '31 bytes'              => substr($good, 2),
    '63 digits'             => substr($good, 1),
    '65 digits'             => "${good}0",
    'a byte order mark'     => "\xEF\xBB\xBF$good",
    'a letter that is none' => substr($good, 1) . 'g',
    'a blank before'        => " $good",
    'a blank behind'        => "$good \n",
    'two lines'             => "$good\n$good\n",
    '32 raw bytes'          => pack('H*', $good),
    'a megabyte'            => $good x 16384,
);

sub with_secret ($write, %o) {
    my $s = DjSession::Server->prepare(
        loglevel => 'warn', base => '',
        conf => $o{conf} // "DjSession On\n",
        secret => 'DjSessionSecretFile ' . ($o{path} // '@DIR@/my.key'));
    $write->($s, "$s->{dir}/my.key");
    my $why = $s->launch;
    $s->kill_now unless defined $why;
    return $why;
}

sub refuses_secret ($name, $write, $reason = qr/my\.key/, %o) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $why = with_secret($write, %o);
    return fail("$name: it started") unless defined $why;
    like $why, qr/my\.key/, "$name is refused by its name";
    like $why, $reason, "$name: with the reason" if $reason ne qr/my\.key/;
    return unlike $why, qr/c0ffee|0123456789abcdef/, "$name is not shown";
}

for my $why (sort keys %content) {
    refuses_secret("G12: $why",
        sub ($s, $path) { $s->file($path, $content{$why}, 0600) }, qr/64/);
}
for my $mode (0644, 0660, 0640, 0604, 0666, 0602) {
    refuses_secret(sprintf('G12: mode %04o', $mode),
        sub ($s, $path) { $s->file($path, "$good\n", $mode) }, qr/0600/);
}
refuses_secret('G12: no file', sub (@) { });
refuses_secret('G12: a symbolic link', sub ($s, $path) {
    symlink $s->file('real.key', "$good\n", 0600), $path;
});
refuses_secret('G12: a FIFO', sub ($s, $path) { POSIX::mkfifo($path, 0600) });
refuses_secret('G12: a directory', sub ($s, $path) { mkdir $path, 0700 });
SKIP: {
    skip 'G12: needs root to give a file away', 1 if $> != 0;
    refuses_secret("G12: another user's file", sub ($s, $path) {
        chown 12345, 12345, $s->file($path, "$good\n", 0600);
    });
}
refuses_secret('G12: a file under a DocumentRoot', sub ($s, $path) {
    $s->file('htdocs/my.key', "$good\n", 0600);
}, qr/DocumentRoot/, path => '@DIR@/htdocs/my.key');
like with_secret(sub ($s, $path) { $s->file($path, "$good\n", 0600) },
    path => '@DIR@/my.key @DIR@/my.key'), qr/DjSessionSecretFile.*same/,
    'G12: the same secret twice is refused';

for my $end ("\n", "\r\n", '') {
    my $name = { "\n" => 'LF', "\r\n" => 'CR LF', '' => 'no line end' }->{$end};
    is with_secret(sub ($s, $path) { $s->file($path, "$good$end", 0600) }),
        undef, "G12: $name after the digits is accepted";
}
is with_secret(sub ($s, $path) { $s->file($path, uc "$good\n", 0400) }),
    undef, 'G12: capital digits and mode 0400 are accepted';

# The key that forwarded sessions are signed with.
sub with_key ($path, $text, $mode, $line = undef) {
    my $s = DjSession::Server->prepare(loglevel => 'warn',
        conf => $line // "DjSessionForwardKey $path\n");
    $s->file($path =~ s/^\@DIR\@\///r, $text, $mode) if defined $text;
    my $why = $s->launch;
    $s->kill_now unless defined $why;
    return $why;
}
for my $row (['no file', undef, 0, qr/does not exist: make one with/],
    ['mode 0644', "$good\n", 0644, qr/0600 or 0400/],
    ['63 digits', substr($good, 1), 0600, qr/64/],
    ['no text', '', 0600, qr/64/])
{
    my ($what, $text, $mode, $reason) = @$row;
    my $why = with_key('@DIR@/state/my.key', $text, $mode) // 'it started';
    like $why, qr/DjSessionForwardKey.*my\.key.*$reason/,
        "G12: a forward key with $what is refused";
    unlike $why, qr/c0ffee/, "G12: and not shown with $what";
}
like with_key('@DIR@/htdocs/my.key', "$good\n", 0600),
    qr/DjSessionForwardKey.*my\.key.*DocumentRoot/,
    'G12: a forward key under a DocumentRoot is refused';
like with_key('@DIR@/state/my.key', undef, 0,
    "DjSessionForwardKey \@STATE\@/secret.key\n"),
    qr/DjSessionForwardKey.*hold the same secret/,
    'G12: DjSessionSecretFile as a forward key is refused';
is with_key('@DIR@/state/my.key', "$good\n", 0400,
    "DjSessionForwardKey state/my.key\nDjSessionForward Summary\n"), undef,
    'G12: a good forward key is accepted, below ServerRoot, too';
is with_key('@DIR@/state/my.key', "$good\n", 0600), undef,
    'G12: a good forward key is accepted without DjSessionForward';
is with_key('x', undef, 0, "DjSessionForward Summary\n"), undef,
    'G12: DjSessionForward is accepted without a key';

done_testing;
