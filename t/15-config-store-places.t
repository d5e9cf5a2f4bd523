# The store is a directory of the server's own: made with mode 0700, files of
# 0600, owned by who serves; whatever could be somebody else's is refused.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;
use File::Find ();

my $www = $> == 0 ? scalar getpwnam 'www-data' : $>;

sub modes ($dir) {
    my (%bad, $files);
    File::Find::find({ no_chdir => 1, wanted => sub {
        my @st = lstat;
        my $want = -d _ ? 0700 : 0600;
        $files++ unless -d _;
        $bad{$_} = sprintf '%04o uid %d', $st[2] & 07777, $st[4]
            if ($st[2] & 07777) != $want || $st[4] != $www;
    } }, $dir);
    return ($files, join ', ', map { "$_: $bad{$_}" } sort keys %bad);
}

for my $umask (0000, 0022, 0077) {
    my $name = sprintf 'J01: umask %03o', $umask;
    my $old = umask $umask;
    my $s = server(loglevel => 'warn');
    umask $old;
    my $b = $s->browser;
    $b->act(u => { set => { a => 1 } });
    is $b->data->{a}, 1, "$name: a session is kept";
    my ($files, $bad) = modes($s->storedir);
    ok $files, "$name: there are files";
    is $bad, '', "$name: directory 0700, files 0600, the server's own";
    $s->stop;
}

# A place that is not, or might not be, a directory of our own.
sub bad_place ($name, $make, $why = qr/store/, %o) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $s = DjSession::Server->prepare(loglevel => 'warn', %o);
    $make->($s, $s->storedir);
    my $said = $s->launch;
    if (!defined $said) {
        $s->kill_now;
        return fail("$name: it started");
    }
    return like $said, $why, "$name is refused";
}

bad_place('J02: a symbolic link', sub ($s, $dir) {
    mkdir "$s->{dir}/elsewhere", 0700;
    chown $www, -1, "$s->{dir}/elsewhere";
    symlink "$s->{dir}/elsewhere", $dir;
});
bad_place('J02: a dangling symbolic link', sub ($s, $dir) {
    symlink "$s->{dir}/nowhere", $dir;
});
bad_place('J02: a plain file', sub ($s, $dir) { $s->file($dir, 'x', 0600) });
bad_place('J02: a FIFO', sub ($s, $dir) { POSIX::mkfifo($dir, 0600) });
bad_place('J02: a device', sub (@) { }, qr{/dev/null},
    store => 'DjSessionStore dbm:/dev/null');
bad_place('J02: a directory open to all', sub ($s, $dir) {
    mkdir $dir;
    chown $www, -1, $dir;
    chmod 0777, $dir;
});
SKIP: {
    skip 'J02: needs root to give a directory away', 1 if $> != 0;
    bad_place("J02: another user's directory", sub ($s, $dir) {
        mkdir $dir, 0700;
        chown 12345, 12345, $dir;
    });
}
bad_place('J02: a link among the files', sub ($s, $dir) {
    is $s->launch, undef, 'J02: a store is made';
    $s->browser->act(u => { set => { a => 1 } });
    $s->halt;
    my ($file) = sort grep { -f } glob "$dir/*";
    rename $file, "$s->{dir}/moved";
    symlink "$s->{dir}/moved", $file;
});
bad_place('J03: a parent that all may write', sub ($s, $dir) {
    chmod 0777, $s->state;
});
bad_place('J04: a place under the DocumentRoot', sub (@) { },
    qr/DocumentRoot/, store => 'DjSessionStore dbm:@DIR@/htdocs/store');
bad_place("J04: a place under another host's DocumentRoot", sub ($s, $dir) {
    mkdir "$s->{dir}/other";
}, qr/DocumentRoot/,
    store => 'DjSessionStore dbm:@DIR@/other/deep/../store',
    after => "<VirtualHost 127.0.0.1:\@PORT\@>\nServerName other\n"
        . "DocumentRoot \@DIR\@/other\n</VirtualHost>\n");
bad_place('J04: the DocumentRoot itself', sub (@) { },
    qr/DocumentRoot/, store => 'DjSessionStore dbm:@DIR@/htdocs');
bad_place('J19: files of another type', sub ($s, $dir) {
    is $s->launch, undef, 'J19: a store of sdbm is made';
    $s->browser->act(u => { set => { a => 1 } });
    $s->halt;
    $s->{o}{store} = 'DjSessionStore dbm:@STATE@/store type=gdbm';
}, qr/sdbm|gdbm/);

done_testing;
