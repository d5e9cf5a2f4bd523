# Demo.pm - all that a program needs to have a session, in four functions.
#
# Reading:  httpd puts the session into the environment (DjSessionEnv Data).
# Changing: the program answers with a header (DjSessionBackendUpdates On).
# No library, no cookie, no key: JSON::PP comes with Perl.
package Demo;
use strict;
use warnings;
use utf8;
use Encode qw(decode);
use Exporter 'import';
use JSON::PP ();

our @EXPORT = qw(session posted update page redirect html);

# --- the session -------------------------------------------------------------

# What is in the session now: a hash, empty for a visitor without one.
sub session {
    my $data = $ENV{DJSESSION_DATA} // '{}';
    return JSON::PP->new->decode($data);
}

# The header that changes the session: update(set => {color => 'red'}),
# update(incr => {visits => 1}), update(flush => JSON::PP::true) ...
# It must be one line of ASCII, and `ascii` makes it so.
sub update {
    my (%change) = @_;
    my $json = JSON::PP->new->ascii->canonical->encode(\%change);
    return "X-DjSession-Update: $json\n";
}

# --- pages -------------------------------------------------------------------

# Text that is safe inside HTML, whoever typed it.
sub html {
    my ($text) = @_;
    my %entity = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;',
                  '"' => '&quot;', "'" => '&#39;');
    return ($text // '') =~ s/([&<>"'])/$entity{$1}/gr;
}

# The fields of the form that was posted; nothing when this is no POST. A
# browser says where a form comes from: what another site sends is refused.
sub posted {
    return if ($ENV{REQUEST_METHOD} // '') ne 'POST';
    if (($ENV{HTTP_SEC_FETCH_SITE} // 'same-origin') ne 'same-origin') {
        page('Refused', '<p>This form came from another site.</p>', '', 403);
        exit;
    }
    my $length = $ENV{CONTENT_LENGTH} // 0;
    read STDIN, my $body, $length < 4096 ? $length : 4096;

    my %field;
    for my $pair (split /&/, $body // '') {
        my ($name, $value) = map {
            decode('UTF-8', tr/+/ /r =~ s/%([0-9a-fA-F]{2})/chr hex $1/ger)
        } split(/=/, $pair, 2), '', '';
        $field{$name} = $value;
    }
    return %field;
}

# Prints a whole page. $headers: lines such as update() makes.
sub page {
    my ($title, $body, $headers, $status) = @_;
    $headers //= '';
    $status //= 200;
    my $name = defined $ENV{DJSESSION_USER} ? session()->{name} : undef;
    my $who = defined $name
        ? '<form method="post" action="/logout"><b>' . html($name) . '</b> '
        . '<button>Log out</button></form>'
        : '<a href="/login">Log in</a>';
    my @places = (['/', 'Home'], ['/cart', 'Cart'], ['/members', 'Members'],
                  ['/environment', 'Environment']);
    my $here = $ENV{REQUEST_URI} =~ s/\?.*//r;
    my $links = join "\n", map {
        my ($path, $text) = @$_;
        my $current = $path eq $here ? ' aria-current="page"' : '';
        "<a href=\"$path\"$current>$text</a>";
    } @places;

    binmode STDOUT, ':encoding(UTF-8)';
    print <<"END";
Status: $status
Content-Type: text/html; charset=utf-8
$headers
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title - mod_djsession</title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="/icon.svg">
</head>
<body>
<header>
<nav>
$links
</nav>
<div class="who">$who</div>
</header>
<main>
<h1>$title</h1>
$body
</main>
<footer>The session you see is kept by httpd, with
<a href="/plain.html">nothing else running</a>.</footer>
</body>
</html>
END
    return;
}

# After a change: go on to a page that may be reloaded.
sub redirect {
    my ($path, $headers) = @_;
    print "Status: 303\nLocation: $path\n", $headers // '', "\n";
    return;
}

1;
