# DjSession::WebDriver - a headless Chromium, told what to do over the W3C
# WebDriver protocol, with nothing but Perl's own modules.
package DjSession::WebDriver;
use v5.36;
use File::Temp ();
use HTTP::Tiny ();
use JSON::PP ();
use POSIX qw(WNOHANG setsid);
use Time::HiRes qw(sleep time);

# The name under which the protocol hands out elements.
use constant ELEMENT => 'element-6066-11e4-a52e-4f735466cecf';

sub find_program (@names) {
    for my $name (@names) {
        for my $dir (split(/:/, $ENV{PATH}), '/usr/lib/chromium') {
            return "$dir/$name" if -x "$dir/$name";
        }
    }
    return;
}

# Why there is no browser here; undef when there is one.
sub missing ($class) {
    return 'no chromium here' unless chromium();
    return 'no chromedriver here' unless find_program('chromedriver');
    return;
}

sub chromium {
    return find_program(qw(chromium chromium-browser google-chrome));
}

# A browser with a profile of its own; dies when it does not start.
sub start ($class, %o) {
    my $b = bless {
        owner => $$,
        tmp   => File::Temp->newdir('djs-browser-XXXXXX', TMPDIR => 1),
        http  => HTTP::Tiny->new(timeout => 60),
    }, $class;
    for my $try (1 .. 3) {
        last if $b->start_driver;
        kill KILL => $b->{pid};
        waitpid delete $b->{pid}, 0;
        die "chromedriver does not start\n" if $try == 3;
    }
    my ($width, $height) = @{ $o{size} // [1000, 800] };
    my $session = $b->call(POST => '', {
        capabilities => { alwaysMatch => { 'goog:chromeOptions' => {
            binary => chromium(),
            args   => [
                '--headless=new', '--no-sandbox', '--disable-gpu',
                '--disable-dev-shm-usage', '--no-first-run',
                '--disable-extensions', '--disable-background-networking',
                "--window-size=$width,$height",
                "--user-data-dir=$b->{tmp}/profile",
            ],
        } } },
    });
    $b->{session} = "/$session->{sessionId}";
    return $b;
}

# The driver chooses a port and says which; false when it hangs, as it may.
sub start_driver ($b) {
    my $log = "$b->{tmp}/driver.log";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        setsid();
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', $log;
        open STDERR, '>&', \*STDOUT;
        $ENV{HOME} = "$b->{tmp}";
        { exec find_program('chromedriver'), '--port=0' }
        POSIX::_exit(127);
    }
    $b->{pid} = $pid;
    my $until = time + 15;
    while (time < $until) {
        open my $in, '<', $log or next;
        local $/;
        if ((<$in> // '') =~ /started successfully on port (\d+)/) {
            $b->{url} = "http://127.0.0.1:$1/session";
            return 1;
        }
        sleep 0.05;
    }
    return 0;
}

# One command of the protocol; its value.
sub call ($b, $method, $path, $body = undef) {
    my %o;
    if ($method eq 'POST') {
        $o{headers} = { 'Content-Type' => 'application/json' };
        $o{content} = JSON::PP->new->utf8->encode($body // {});
    }
    my $r = $b->{http}->request(
        $method, $b->{url} . ($b->{session} // '') . $path, \%o);
    my $said = eval { JSON::PP->new->utf8->decode($r->{content}) };
    die "$method $path: ", $said->{value}{message} // $r->{content}, "\n"
        unless $r->{success};
    return $said->{value};
}

sub visit ($b, $url) { $b->call(POST => '/url', { url => $url }); return }
sub url ($b)         { return $b->call(GET => '/url') }
sub title ($b)       { return $b->call(GET => '/title') }
sub reload ($b)      { $b->call(POST => '/refresh'); return }

# The path of an element, for the calls below.
sub find ($b, $css) {
    my $found = $b->call(POST => '/element',
        { using => 'css selector', value => $css });
    return "/element/$found->{ +ELEMENT }";
}

sub text ($b, $css)  { return $b->call(GET => $b->find($css) . '/text') }
sub click ($b, $css) { $b->call(POST => $b->find($css) . '/click'); return }

sub type ($b, $css, $text) {
    $b->call(POST => $b->find($css) . '/value', { text => $text });
    return;
}

sub script ($b, $text, @arguments) {
    return $b->call(POST => '/execute/sync',
        { script => $text, args => \@arguments });
}

# Waits until the element reads as it should; what it reads at last.
sub text_becomes ($b, $css, $wanted) {
    my $until = time + 15;
    my $is;
    do {
        $is = eval { $b->text($css) };
        return $is if defined $is && $is eq $wanted;
        sleep 0.05;
    } while (time < $until);
    return $is;
}

# Tabs are known by their handles.
sub tab ($b) { return $b->call(GET => '/window') }

sub new_tab ($b) {
    my $tab = $b->call(POST => '/window/new', { type => 'tab' })->{handle};
    $b->switch($tab);
    return $tab;
}

sub switch ($b, $tab) {
    $b->call(POST => '/window', { handle => $tab });
    return;
}

# All that the browser knows of a cookie; undef when it has none.
sub cookie ($b, $name) {
    return eval { $b->call(GET => "/cookie/$name") };
}

# A picture of the window, as the bytes of a PNG.
sub picture ($b) {
    require MIME::Base64;
    return MIME::Base64::decode_base64($b->call(GET => '/screenshot'));
}

sub stop ($b) {
    my $pid = delete $b->{pid} or return;
    eval { $b->call(DELETE => '') };
    kill 'TERM', $pid;
    my $until = time + 10;
    until (waitpid($pid, WNOHANG) == $pid) {
        kill 'KILL', $pid if time > $until;
        sleep 0.05;
    }
    return;
}

sub DESTROY ($b) {
    local ($?, $@, $!);
    $b->stop if $$ == $b->{owner};
    return;
}

1;
