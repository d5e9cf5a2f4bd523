# Who may pass is what httpd's rules for containers make of each Require, for
# every state of a session; and not knowing never opens a door. Some hundred
# combinations are computed here, by a model, and asked of a real httpd.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

# --- leaves -------------------------------------------------------------------
# What each Require says: T grants, F denies, E can not know. `outage` and
# `unreadable` are E for all that ask the session.
my %leaf = (
    session => { line => 'djsession',                    true => 'user guest' },
    any     => { line => 'djsession-user *',             true => 'user' },
    ada     => { line => 'djsession-user bob ada',       true => 'user' },
    nobody  => { line => 'djsession-user "*"',           true => '' },
    pro     => { line => 'djsession-key plan == pro',    true => 'user' },
    notpro  => { line => 'djsession-key plan != pro',    true => 'guest' },
    absent  => { line => 'djsession-key none != 1',      true => '' },
    match   => { line => 'djsession-key plan =~ ^(pro|free)$',
        true => 'user guest' },
    young   => { line => 'djsession-age 1h',             true => 'user' },
    granted => { line => 'all granted', always => 'T' },
    denied  => { line => 'all denied',  always => 'F' },
);
my @ours   = grep { !$leaf{$_}{always} } sort keys %leaf;
my @leaves = sort keys %leaf;
my @states = qw(user guest none unknown unreadable outage);

sub says ($name, $state) {
    my $leaf = $leaf{$name};
    return $leaf->{always} if $leaf->{always};
    return 'E' if $state =~ /^(?:unreadable|outage)$/;
    return (grep { $_ eq $state } split ' ', $leaf->{true}) ? 'T' : 'F';
}

# --- the model ------------------------------------------------------------------
# A tree is a leaf's name or [kind, children...]; kinds: all, any, none, and
# not, which has one leaf. N: no opinion.
sub value ($tree, $state) {
    return says($tree, $state) unless ref $tree;
    my ($kind, @children) = @$tree;
    my %stops = (all => 'F', any => 'T', none => 'T', not => 'T');
    my $seen = 'N';
    for my $child (@children) {
        my $v = value($child, $state);
        if ($v eq 'E' || $v eq $stops{$kind}) { $seen = $v; last }
        $seen = $v unless $v eq 'N';
    }
    return $seen if $kind eq 'all' || $kind eq 'any';
    return $seen eq 'T' ? 'F' : $seen eq 'E' ? 'E' : 'N';
}

sub text ($tree) {
    return "Require $leaf{$tree}{line}\n" unless ref $tree;
    my ($kind, @children) = @$tree;
    return "Require not $leaf{ $children[0] }{line}\n" if $kind eq 'not';
    my $name = 'Require' . ucfirst $kind;
    return "<$name>\n" . join('', map { text($_) } @children) . "</$name>\n";
}

sub name ($tree) {
    return $tree unless ref $tree;
    my ($kind, @children) = @$tree;
    return "$kind(" . join(' ', map { name($_) } @children) . ')';
}

# --- trees ------------------------------------------------------------------------
my $seed = 20_240_229;
sub dice ($n) {
    $seed = ($seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return int($seed / 65_536) % $n;
}
sub pick (@list) { return $list[dice(scalar @list)] }

# A random tree. `not` and RequireNone have no effect but in RequireAll, where
# something must be positive; httpd refuses them elsewhere.
sub grow ($depth) {
    return pick(@leaves) if $depth == 0 || !dice(4);
    my @children = map { grow($depth - 1) } 1 .. 1 + dice(3);
    return ['any', @children] if dice(2);
    my @negative = map { dice(2) ? ['not', pick(@leaves)]
            : ['none', map { grow($depth - 1) } 1 .. 1 + dice(2)] } 1 .. dice(3);
    my @all = (@children, @negative);
    @all = map { splice @all, dice(scalar @all), 1 } 1 .. @all;
    return ['all', @all];
}

my @trees = @leaves;
for my $p (@ours) {
    push @trees, ['all', 'granted', ['not', $p]], ['all', ['not', $p], 'granted'],
        ['all', ['none', $p], 'granted'], ['all', 'denied', ['not', $p]],
        ['all', 'session', ['not', $p]], ['any', 'denied', $p],
        ['any', 'granted', $p], ['any', $p, 'granted'], ['all', 'granted', $p],
        ['all', 'granted', ['none', 'denied', $p]],
        ['any', ['all', 'granted', ['not', $p]], 'denied'],
        ['any', 'denied', ['any', ['all', $p], 'any']];
}
push @trees, map { grow(3) } 1 .. 200;

# How a location's own Require goes with that of the one above it.
my @merged;
for my $how (qw(Off And Or)) {
    for my $pair ([qw(session ada)], [qw(ada session)], [qw(granted pro)],
        [qw(pro granted)], [qw(denied any)], [qw(any denied)],
        ['young', ['all', 'granted', ['not', 'pro']]],
        [['all', 'granted', ['not', 'session']], 'granted'])
    {
        push @merged, [$how, @$pair];
    }
}
my %merging = (And => 'all', Or => 'any');

sub merged_tree ($how, $above, $own) {
    return ['any', $own] if $how eq 'Off';
    return [$merging{$how}, ['any', $above], ['any', $own]];
}

my @cases = map { [$_, text($_)] } @trees;
my $conf  = '';
for my $i (0 .. $#cases) {
    my ($tree, $text) = @{ $cases[$i] };
    $conf .= "<Location /t/$i/>\n$text</Location>\n"
        . "<Location /u/$i/>\nAuthType DjSession\n$text</Location>\n";
}
for my $i (0 .. $#merged) {
    my ($how, $above, $own) = @{ $merged[$i] };
    $conf .= "<Directory \@DIR\@/htdocs/m/$i>\n" . text($above)
        . "</Directory>\n<Directory \@DIR\@/htdocs/m/$i/x>\n"
        . "AuthMerging $how\n" . text($own) . "</Directory>\n";
}
my $s = server(loglevel => 'crit', conf => <<"END");
DjSessionOnStoreError Anonymous
DjSessionRenew Off
ErrorDocument 500 /wrong.html
<Location /t>
  ErrorDocument 500 default
</Location>
AliasMatch ^/[tu]/ "\@DIR\@/htdocs/index.html"
$conf
END

$s->file("htdocs/m/$_/x/x", "home\n") for 0 .. $#merged;
$s->file('htdocs/wrong.html', "something went wrong\n");

# --- visitors -------------------------------------------------------------------
my %visitor = map { $_ => $s->browser } qw(user guest none);
$visitor{user}->act(u => { login => { id => 'ada', data => { plan => 'pro' } } });
my %records = $s->records;
$visitor{guest}->act(u => { set => { plan => 'free' } });
$visitor{unknown} = $s->browser->other(some_key());
my $damaged = $visitor{unreadable} = $s->browser;
my %before = $s->records;
$damaged->act(u => { login => { id => 'eve', data => { plan => 'pro' } } });
my %now = $s->records;
my ($record) = grep { !$before{$_} } keys %now;
my ($until, $hex) = @{ $now{$record} };
$hex =~ s/(..)$/sprintf '%02x', hex($1) ^ 1/e;
$s->poke($hex, 'put', $record, $until);
$visitor{outage} = $s->browser->other($visitor{user}->session_key);

my %status = (T => 200, F => 403, N => 403);
sub wanted ($value, $state) {
    return $value eq 'E' ? ($state eq 'outage' ? 503 : 500) : $status{$value};
}

# Asks for every case in one state; the numbers of those that answer otherwise.
sub compare ($state, $path, @expected) {
    my $b = $visitor{$state};
    my @odd;
    for my $i (0 .. $#expected) {
        my ($value, $name) = @{ $expected[$i] };
        my $r = $b->get(sprintf($path, $i), keep => 1);
        my $wanted = wanted($value, $state);
        # With AuthType a login may help: httpd then asks for one.
        my $good = $r->status == $wanted
            || ($path =~ /^.u/ && $wanted == 403 && $r->status == 401);
        $good &&= $r->body ne "home\n" if $wanted != 200;
        $good &&= !$r->cookies;
        $good &&= defined $r->header('Retry-After') if $wanted == 503;
        # An ErrorDocument for httpd's 500 is served, with our status.
        $good &&= $r->body eq "something went wrong\n"
            if $wanted >= 500 && $path !~ /^.t/;
        push @odd, "$name: $value, not " . $r->status unless $good;
    }
    return @odd;
}

my ($asked, %grants) = (0);
for my $state (@states) {
    $s->break_store if $state eq 'outage';
    my @expected = map { [value(['any', $_->[0]], $state), name($_->[0])] } @cases;
    for my $path ('/t/%d/x', '/u/%d/x') {
        my @odd = compare($state, $path, @expected);
        is "@odd[0 .. ($#odd > 4 ? 4 : $#odd)]", '',
            "P01 P02 P03: $state: " . @expected . " forms of Require at $path";
        $asked += @expected;
    }
    $grants{$state} = join '', map { $_->[0] eq 'T' ? 1 : 0 } @expected;
    @expected = map { my $t = merged_tree(@$_);
            [value($t, $state), "$_->[0] " . name($t)] } @merged;
    my @odd = compare($state, '/m/%d/x/x', @expected);
    is "@odd", '', "P06: $state: AuthMerging";
    $asked += @expected;
}
$s->mend_store;
note "$asked answers compared";

# Not from the model: what is granted in an outage is granted to everybody.
for my $state (qw(outage unreadable)) {
    my @more = grep { my $i = $_; substr($grants{$state}, $i, 1)
            && grep { !substr($grants{$_}, $i, 1) } qw(user guest none unknown) }
        0 .. $#cases;
    is "@more", '', "P02: $state: nothing opens that is not open to all";
}
cmp_ok $grants{user} =~ tr/1//, '>', 50, 'the table has doors that open';
cmp_ok $grants{none} =~ tr/0//, '>', 50, 'and doors that stay shut';
is scalar(keys %{ { $s->records } }), 3, 'P01: no session was made';

$s->allows(qr/DJS101/);
$s->stop;
done_testing;
