# Two httpds on one store and one secret are one: what one writes the other
# reads, counts add up, and what one ends is ended.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $one = server(loglevel => 'info');
my $two = server(loglevel => 'info', dir => $one->dir);
my $b = $one->browser;
$b->act(u => { set => { n => 0 } });
my $key = $b->session_key;
is live_data($two->browser, $key)->{n}, 0, 'O10: the other server knows it';

my @said = parallel(10, sub ($i) {
    my $v = ($i % 2 ? $one : $two)->browser->other($key);
    my $ok = 0;
    $ok += $v->act(u => { incr => { n => 1 }, set => { "k$i" => $_ } })
        ->status == 200 for 1 .. 10;
    return $ok;
});
is join(' ', @said), join(' ', (10) x 10), 'O10: both serve at the same time';
my $data = live_data($b, $key);
is $data->{n}, 100, 'O10: locks hold across instances: nothing was lost';
is join(' ', map { $data->{"k$_"} } 1 .. 10), join(' ', (10) x 10),
    'O10: nor reverted';
$two->browser->other($key)->act(u => { flush => \1 });
is live_data($b, $key), undef, 'O10: ended by one, ended for both';

# One stops: the other does not care.
$b = $one->browser;
$b->act(u => { set => { a => 1 } });
$two->stop;
is $b->data->{a}, 1, 'O10: one stops, the other goes on';
$b->act(u => { set => { a => 2 } });
is $b->data->{a}, 2, 'O10: and writes';
my $three = server(loglevel => 'info', dir => $one->dir);
is live_data($three->browser, $b->session_key)->{a}, 2,
    'J20: a third one started later knows it all';
$three->stop;
$one->stop;
done_testing;
