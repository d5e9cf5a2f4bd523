# memcached that forgets, that goes and comes ten times a second, that is one of
# another list: nobody gets what is another's, nobody's cookie is touched, and
# nothing but what is ours goes to it or is handed on.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Memcached;
use DjSession::Test;
use Time::HiRes qw(time sleep);

plan skip_all => 'no memcached here: build/deps check'
    if !DjSession::Memcached::program();

my $seconds = $ENV{DJS_CHAOS_SECONDS} // 2.5;
my $slack = $ENV{DJS_LOAD_SLACK} // 300;
my $trouble = qr/\[djsession:(?:error|crit|warn)\]/;
my $STATE = counter_pages() . <<'END';
Header always set X-State "%{DJSESSION_STATE}e" env=DJSESSION_STATE
END
my ($m, @more) = map { DjSession::Memcached->start } 1 .. 3;

# I22: nothing is shared over a fork.
my $s = server(loglevel => 'info', conf => $STATE,
    store => 'DjSessionStore memcache:' . $m->name . ' min=4');
$s->file('htdocs/count', '');
is join(' ', map { $m->sockets_of($_) } $s->pid, $s->workers), '',
    'I22: right after the start nobody is connected';
my @visitors = map { $s->browser } 1 .. 8;
parallel(8, sub ($i) { $visitors[$i - 1]->get('/count') for 1 .. 20; '' });
is join(' ', $m->sockets_of($s->pid)), '', 'I22: the parent never is';
my %owners;
$owners{$_}++ for map { $m->sockets_of($_) } $s->workers;
cmp_ok scalar(keys %owners), '>=', 1, 'I22: its children are';
is join(' ', grep { $owners{$_} > 1 } keys %owners), '',
    'I22: and share no socket';

# I23: a program gets none of them, from a child that has some.
my $b = $s->browser;
$b->act(u => { set => { n => 1 } }) for 1 .. 5;
is $b->get('/cgi/act?fds')->env->{FDS} // '-', '',
    'I23: a CGI program inherits no file and no socket';

# I10: it forgets everything.
my $r = $b->get('/cgi/act');
is $r->env->{DJSESSION_STATE}, 'live', 'I10: a session';
is join(' ', $m->ask('flush_all')), 'OK', 'I10: is forgotten';
$r = $b->get('/cgi/act');
is $r->status, 200, 'I10: the visitor is served';
is $r->env->{DJSESSION_STATE}, 'none', 'I10: without a session';
is scalar($r->all('Set-Cookie')), 0, 'I10: the cookie is left alone';
is $b->act(u => { set => { n => 2 } })->status, 200, 'I10: and gets a new one';
is $b->data->{n}, 2, 'I10: which is kept';
$s->stop;    # and no line in the log

# I20: a server more or less moves sessions: they are missed, never mixed up.
my $list = join ',', map { $_->name } $m, @more;
$s = server(loglevel => 'info', store => 'DjSessionStore memcache:' . $m->name);
my @keys = map {
    my $v = $s->browser;
    $v->act(u => { set => { who => "v$_" } });
    $v->session_key;
} 1 .. 30;
my $wider = server(loglevel => 'info', dir => $s->dir,
    store => "DjSessionStore memcache:$list");
my ($own, $none, $wrong) = (0, 0, 0);
for my $i (1 .. @keys) {
    my $data = live_data($wider->browser, $keys[$i - 1]);
    if    (!$data)                  { $none++ }
    elsif ($data->{who} eq "v$i")   { $own++ }
    else                            { $wrong++ }
}
is $wrong, 0, 'I20: nobody gets another\'s session';
cmp_ok $own, '>', 0, "I20: $own sessions lie where they did";
cmp_ok $none, '>', 0, "I20: $none are missed";
$wider->stop;
$s->stop;

# I02: cookies that would be commands, through a tap.
my $log = File::Temp->new(DIR => '/tmp');
my $port = $m->tap("$log");
$s = server(loglevel => 'info', store =>
    "DjSessionStore memcache:127.0.0.1:$port");
my $key = some_key();
my @nasty = ("x\tset victim 0 0 5", 'x 0 0 1', '', ' ', "$key 0", "${key}0",
    substr($key, 1), uc $key, "$key\tvictim", "victim $key", 'a' x 251,
    'a' x 4000, "\xFF" x 32, "$key\x01", "\x80$key", "\"$key\"", "$key=$key",
    '%0d%0aflush_all%0d%0a', '../../etc/passwd', '${jndi:x}');
for my $i (0 .. 255) {
    my $odd = $key;
    substr $odd, $i % 32, 1, chr $i;
    push @nasty, $odd if $odd !~ /^[a-z0-9]{32}$/ && $i != 10 && $i != 0;
}
$b = $s->browser;
my $served = grep { $b->get('/cgi/act', cookie => "sessionid=$_")->status
    =~ /^(?:200|400)$/ } @nasty;
is $served, scalar @nasty, "I02: $served nasty cookies are answered";
is DjSession::Server::slurp("$log"), '', 'I02: nothing of them is on the wire';
my $answered = grep {
    $b->get('/cgi/act', cookie => "sessionid=" . some_key($_))->status == 200
} 1 .. 50;
my $said = DjSession::Server::slurp("$log");
like $said, qr/\A(?:get djs:s:[0-9a-f]{80}\r\n)+\z/,
    'I01: fifty keys that nobody has: only commands of our form';
my $commands = () = $said =~ /^get /mg;
cmp_ok $answered, '>', 0, 'I01: a tap that is slow is no outage for all';
ok $commands >= $answered && $commands <= 50,
    'I01: and one for each, at most'
    or diag "$answered answered, $commands commands";
$s->allows(qr/DJS101|DJS102/);
unlike $said, qr/\Q${\ substr some_key(1), 6 }\E/, 'I01: no key is among them';
$s->stop;

# I08: goes and comes ten times a second. A visitor checks that all it gets is
# its own, that trouble leaves its cookie alone, and, where memcached is only
# stopped, that nothing is lost.
sub visit ($s, $i, $until, $forgets) {
    my ($v, %sum) = $s->browser;
    my ($least, $most) = (0, 0);
    while (time < $until) {
        my $count = rand > 0.5;
        my $began = time;
        my $r = $v->get($count ? '/count' : '/index.html');
        my $took = time - $began;
        $sum{late}++ if $took > 0.03 + 0.05 + $slack / 1000;
        $sum{$r->status}++;
        $sum{touched}++ if $r->status == 503 && $r->all('Set-Cookie');
        $most++ if $count;
        if ($r->status == 200 && !$count && $v->session_key) {
            my ($n) = ($r->header('X-Data') // '') =~ /"n":(\d+)/;
            $n = $least = $most = 0 if !defined $n && $forgets;
            $sum{lost}++ if !defined $n || $n > $most
                || (!$forgets && $n < $least);
            $least = $n // 0;
        }
        $least++ if $count && $r->status == 200;
        sleep 0.003;
    }
    return join ' ', map { "$_=" . ($sum{$_} // 0) }
        qw(200 503 touched lost late);
}

sub flicker ($name, $forgets, $down, $up) {
    my $s = server(loglevel => 'info', conf => $STATE,
        store => 'DjSessionStore memcache:' . $m->name,
        global => 'DjSessionStoreTimeout 30ms');
    $s->file('htdocs/count', '');
    my $until = time + $seconds;
    my @jobs = begin_parallel(4, sub ($i) { visit($s, $i, $until, $forgets) });
    while (time < $until - 0.1) {
        $down->();
        sleep 0.05;
        $up->();
        sleep 0.05;
    }
    my %sum;
    for my $said (end_parallel(@jobs)) {
        my %one = $said =~ /(\w+)=(\d+)/g or diag $said;
        $sum{$_} += $one{$_} for keys %one;
    }
    diag "$name: " . join ' ', map { "$_: $sum{$_}" } sort keys %sum;
    cmp_ok $sum{200}, '>', 50, "I08: $name: requests are served";
    cmp_ok $sum{503}, '>', 0, "I08: $name: and it was noticed";
    is $sum{lost}, 0, "I08: $name: to each what is its own";
    is $sum{touched}, 0, "I08: $name: no trouble touches a cookie";
    is $sum{late}, 0, "I08: $name: no answer is late";
    $b = $s->browser;
    ok $s->wait_until(sub { $b->get('/count')->status == 200 }, 3),
        "I08: $name: afterwards all is well";
    $s->allows($trouble);
    $s->stop;
    return;
}
flicker('stopped and going on', 0, sub { $m->freeze }, sub { $m->thaw });
flicker('killed and started', 1, sub { $m->kill_now }, sub { $m->again });
done_testing;
