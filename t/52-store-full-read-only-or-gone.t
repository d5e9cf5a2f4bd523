# A full disk, a read-only one, files that vanish or are cut under a running
# server: a clear error, nothing acknowledged is lost, no wrong data.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

sub on_small_disk ($code, %o) {
    my $s = DjSession::Server->prepare(loglevel => 'info', %o);
    my $disk = $s->dir . '/disk';
    mkdir $disk;
    system "mount -t tmpfs -o size=3m,mode=0755 none $disk 2>/dev/null";
    return 0 if $?;
    my $type = $o{type} // 'sdbm';
    $s->{o}{store} = "DjSessionStore dbm:$disk/store type=$type shards=4";
    my $done = eval {
        my $why = $s->launch;
        die "no start: $why" if defined $why;
        $code->($s, $disk);
        1;
    };
    my $error = $@;
    $s->allows(qr/\[djsession:(?:warn|error|crit)\]/);
    $done ? $s->stop : $s->kill_now;
    system "umount $disk";
    system "umount $disk 2>/dev/null" if !$done;
    die $error unless $done;
    return 1;
}

for my $type (qw(sdbm gdbm db)) {
    my $can = on_small_disk(sub ($s, $disk) {
        my @kept;
        for my $n (1 .. 10) {
            my $b = $s->browser;
            $b->act(u => { set => { n => $n } });
            push @kept, $b;
        }
        # Full to the last byte.
        open my $fill, '>', "$disk/fill" or die;
        while (syswrite $fill, 'x' x 4096) { }
        close $fill;
        my (%status, $born);
        for my $n (1 .. 20) {
            my $b = $s->browser;
            my $r = $b->act(u => { set => { big => 'y' x 3000 } });
            $status{ $r->status }++;
            push @kept, $b if $r->status == 200 && ($b->{n} = 0) + 1;
            $born++ if $r->status != 200 && defined $b->session_key;
        }
        ok $status{503}, "J13: $type: a full disk is a 503";
        is join(',', grep { $_ !~ /^(?:200|503)$/ } keys %status), '',
            "J13: $type: and nothing else";
        ok !$born, "J13: $type: no cookie for what was not stored";
        my @lost = grep { !$_->data } @kept;
        is scalar(@lost), 0, "J13: $type: nothing acknowledged is lost";
        is $kept[3]->data->{n}, 4, "J13: $type: nor changed";
        my $r = $kept[0]->act(u => { flush => \1 });
        is $r->status, 200, "J13: $type: logging out works on a full disk";
        unlink "$disk/fill";
        ok $s->wait_until(sub {
            $kept[1]->act(u => { set => { n => 'after' } })->status == 200
        }, 3), "J13: $type: with room again it goes on without a restart";
        is $kept[1]->data->{n}, 'after', "J13: $type: and keeps what it says";

        # Read-only.
        # (A second, read-only mount over it: the first one is in use.)
        system "mount --bind $disk $disk && mount -o remount,ro,bind $disk";
        is $kept[2]->data->{n}, 3, "J14: $type: read-only: reading works";
        $r = $kept[2]->act(u => { set => { n => 'x' } });
        is $r->status, 503, "J14: $type: writing is a 503";
        is $kept[2]->data->{n}, 3, "J14: $type: the data is as it was";
        system "umount $disk";
        ok $s->wait_until(sub {
            $kept[2]->act(u => { set => { n => 'rw' } })->status == 200
        }, 3), "J14: $type: writable again it goes on";
    }, type => $type);
    if (!$can) {
        SKIP: { skip 'J13: no permission to mount a small disk', 1 }
    }
}

# Files that go away, are replaced or cut while httpd runs.
sub with_three ($name, $damage, $after) {
    my $s = server(loglevel => 'info',
        store => 'DjSessionStore dbm:@STATE@/store shards=1');
    my @three = map { $s->browser } 1 .. 3;
    my @text  = map { "text of $_ " x 40 } 1 .. 3;
    $three[$_]->act(u => { set => { text => $text[$_] } }) for 0 .. 2;
    $s->allows(qr/\[djsession:(?:warn|error|crit)\]/);
    $damage->($s, $s->storedir);
    for my $i (0 .. 2) {
        my $r = $three[$i]->get('/cgi/act');
        my $data = $r->status == 200 ? $r->data : undef;
        ok !$data || $data->{text} eq $text[$i],
            "$name: no wrong data (" . ($data ? 'live' : $r->status) . ')';
        $after->($name, $data, $r);
    }
    ok $s->wait_until(sub {
        my $b = $s->browser;
        $b->act(u => { set => { new => 1 } })->status == 200
            && ($b->data // {})->{new};
    }, 3), "$name: new sessions work";
    unlike $s->log, qr/exit signal/, "$name: no child crashed";
    $s->stop;
    return;
}
my $any  = sub (@) { };
my $kept = sub ($name, $data, $r) { ok $data, "$name: the twin has it" };
sub shard_files ($dir, $copy) { return glob "$dir/*.$copy*" }

with_three('J15: copy a of a shard is removed', sub ($s, $dir) {
    unlink shard_files($dir, 'a');
}, $any);
with_three('J15: both copies of a shard are removed', sub ($s, $dir) {
    unlink shard_files($dir, $_) for qw(a b);
}, $any);
with_three('J15: the whole directory is removed', sub ($s, $dir) {
    system 'rm', '-rf', "$dir.gone";
    rename $dir, "$dir.gone";
    rename "$dir.gone", $dir;
}, $kept);
for my $cut (0, 1, 0.5) {
    with_three("J11: copy a is cut to $cut", sub ($s, $dir) {
        for my $file (shard_files($dir, 'a')) {
            truncate $file, $cut == 0.5 ? int((-s $file) / 2) : $cut;
        }
    }, $any);
}
with_three('J12: every 37th byte of copy a is flipped', sub ($s, $dir) {
    for my $file (grep { -s } shard_files($dir, 'a')) {
        open my $fh, '+<:raw', $file or next;
        my $size = -s $file;
        $size = 65536 if $size > 65536;
        my $bytes;
        read $fh, $bytes, $size;
        for (my $i = 5; $i < $size; $i += 37) {
            substr($bytes, $i, 1) ^.= "\x10";
        }
        seek $fh, 0, 0;
        print {$fh} $bytes;
        close $fh;
    }
}, $any);

done_testing;
