# Two memcached hold the same, and one at a time is killed or stopped and comes
# back, while visitors log in, count and log out: no change that was answered
# 200 is lost, and nothing that was ended lives. DJS_CHAOS_SECONDS says for how
# long, DJS_CHAOS_SEED repeats a run.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Memcached;
use DjSession::Test;
use Time::HiRes qw(time sleep);

plan skip_all => 'no memcached here: build/deps check'
    if !DjSession::Memcached::program();

my $seconds = $ENV{DJS_CHAOS_SECONDS} // 12;
my $seed = $ENV{DJS_CHAOS_SEED} // time % 100_000;
my ($VISITORS, $REMEMBERED) = (4, 4);
my ($TIMEOUT, $PROMISED, $SLACK) = (500, 50, $ENV{DJS_LOAD_SLACK} // 300);
srand $seed;

my $PAGES = counter_pages() . <<'END';
DjSessionRotateGrace 0
Header always set X-State "%{DJSESSION_STATE}e" env=DJSESSION_STATE
<Location /login>
  Header set X-DjSession-Update '{"login":{"id":"7","data":{"n":0}}}'
</Location>
<Location /again>
  Header set X-DjSession-Update '{"rotate":true}'
</Location>
<Location /logout>
  Header set X-DjSession-Update '{"flush":true}'
</Location>
END

# One visitor, who knows what must be so: a counter between `least` and `most`,
# and the keys that have ended.
sub new_visitor ($s, $i) {
    return { i => $i, b => $s->browser, ended => [], longest => 0,
        map { $_ => 0 } qw(done trouble lost halfway revived cookies odd) };
}

# A request: 200, or 503 (trouble). Cookies may change with 200 only.
sub ask ($v, $path) {
    my $began = time;
    my $r = $v->{b}->get($path);
    my $took = 1000 * (time - $began);
    $v->{longest} = $took if $took > $v->{longest};
    $v->{odd}++ if $r->status != 200 && $r->status != 503;
    $v->{well} = $r->status == 200;
    if ($r->status != 200) {
        $v->{trouble}++;
        $v->{cookies}++ if $r->cookies;
        return;
    }
    $v->{done}++;
    return $r;
}

sub login ($v) {
    delete $v->{b}{jar}{sessionid};
    $v->{live} = 1 if ask($v, '/login');
    @$v{qw(least most unsure)} = (0, 0, 0);
    return;
}

sub count ($v) {
    $v->{most}++;
    $v->{least}++ if ask($v, '/count');
    return;
}

sub check ($v) {
    my $r = ask($v, '/index.html') // return;
    my ($n) = ($r->header('X-Data') // '') =~ /"n":(\d+)/;
    if (!defined $n || $n < $v->{least} || $n > $v->{most}) {
        # A rotation that was answered 503 may have ended the old key.
        $v->{ $v->{unsure} && !defined $n ? 'halfway' : 'lost' }++;
        $v->{live} = 0;
    }
    else { @$v{qw(least unsure)} = ($n, 0) }
    return;
}

# The same session under a new key; the old one has ended.
sub again ($v) {
    my $old = $v->{b}->session_key;
    my $r = ask($v, '/again');
    if    (!$r)                          { $v->{unsure} = 1 }
    elsif ($v->{b}->session_key ne $old) { remember($v, $old) }
    else                                 { $v->{lost}++ }
    return;
}

sub logout ($v) {
    my $key = $v->{b}->session_key;
    for (1 .. 200) {
        $v->{b}{jar}{sessionid} = $key;
        last if ask($v, '/logout');
        sleep 0.01;
    }
    remember($v, $key);
    $v->{live} = 0;
    return;
}

sub remember ($v, $key) {
    push @{ $v->{ended} }, $key;
    shift @{ $v->{ended} } if @{ $v->{ended} } > $REMEMBERED;
    return;
}

# None of what has ended is live, to whoever still has the key.
sub look_back ($v) {
    for my $key (@{ $v->{ended} }) {
        my $r = $v->{b}->other($key)->get('/index.html');
        $v->{revived}++ if ($r->header('X-State') // '') eq 'live';
    }
    return;
}

sub live ($s, $i, $until) {
    my $v = new_visitor($s, $i);
    for (my $turn = 1; time < $until; $turn++) {
        if    (!$v->{live})                   { login($v) }
        elsif ($v->{unsure})                  { check($v) }
        elsif ($turn % 53 == 0 && $v->{well}) { logout($v) }
        elsif ($turn % 31 == 0 && $v->{well}) { again($v) }
        elsif ($turn % 3 == 0)                { check($v) }
        else                                  { count($v) }
        look_back($v) if $turn % 10 == 0;
        sleep 0.002;
    }
    return join ' ', map { "$_=$v->{$_}" }
        qw(done trouble lost halfway revived cookies odd longest);
}

# One of the two goes for a while; then both have the time that healing takes:
# a lock that came too late stands for two seconds.
sub trouble_one (@twins) {
    my $victim = $twins[rand @twins];
    sleep 0.3; # there are sessions
    if (rand > 0.5) {
        $victim->kill_now;
        sleep 0.2 + rand 0.8;
        $victim->again;
    }
    else {
        $victim->freeze;
        sleep 0.2 + rand 0.8;
        $victim->thaw;
    }
    sleep 2.6;
    return;
}

my @twins = map { DjSession::Memcached->start } 1, 2;
my $s = server(loglevel => 'info', conf => $PAGES, store =>
        'DjSessionStore memcache:' . join(',', map { $_->name } @twins)
        . ' replicas=2');
$s->file("htdocs/$_", '') for qw(count login again logout);
my $until = time + $seconds;
my @jobs = begin_parallel($VISITORS, sub ($i) { live($s, $i, $until) });
my $faults = 0;
while (time < $until - 2.6) {
    trouble_one(@twins);
    $faults++;
}
my %sum;
for my $said (end_parallel(@jobs)) {
    my %one = map { split /=/ } split ' ', $said;
    is scalar(keys %one), 8, 'a visitor came to the end' or diag $said;
    my $longest = delete $one{longest} // 0;
    $sum{longest} = $longest if $longest > ($sum{longest} // 0);
    $sum{$_} += $one{$_} for keys %one;
}
diag sprintf '%d requests done, %d in trouble, %d rotations halfway,'
    . ' %d faults, longest %.0f ms, seed %d', @sum{qw(done trouble halfway)},
    $faults, $sum{longest}, $seed;
cmp_ok $sum{done}, '>', 100 * $VISITORS, 'I19: there was load';
is $sum{odd}, 0, 'I19: each request was answered 200 or 503';
is $sum{lost}, 0, 'I19: no change that was answered 200 is lost';
is $sum{revived}, 0, 'I19: nothing that was ended lives';
is $sum{cookies}, 0, 'I19: trouble leaves cookies alone';
cmp_ok $sum{longest}, '<', $TIMEOUT + $PROMISED + $SLACK,
    'I19: each had its answer in time';
$s->allows(qr/\[djsession:(?:error|crit|warn)\]/);
$s->stop;
done_testing;
