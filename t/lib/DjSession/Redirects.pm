# DjSession::Redirects - what attackers write to be redirected to, and where a
# browser would go.
package DjSession::Redirects;
use v5.36;

# Bytes as they are after one decoding; most of them known from advisories.
sub payloads {
    my @plain = split ' ', <<'END';
http://evil.example https://evil.example/ HTTP://evil.example
hTTps://evil.example http:evil.example http:/evil.example
http:///evil.example http:////evil.example https:evil.example
https:/evil.example https:\evil.example https:\\evil.example
http:\/\/evil.example //evil.example //evil.example/ //evil.example/%2f..
///evil.example ////evil.example /////evil.example //evil.example//
//evil.example/path?x=/ //user@evil.example //localhost@evil.example
//localhost:80@evil.example //evil.example:80 //evil.example#localhost
//evil.example?localhost //evil.example\@localhost //evil%00.example
/\evil.example /\/evil.example /\\evil.example \/evil.example
\/\/evil.example \\evil.example \\\evil.example \evil.example
/\\/evil.example //\evil.example /\/\evil.example
/%2Fevil.example /%2fevil.example /%2F/evil.example /%2F%2Fevil.example
%2F%2Fevil.example %2Fevil.example %2F%5Cevil.example /%5Cevil.example
/%5cevil.example /%5C%5Cevil.example /%5C/evil.example %5C%5Cevil.example
/%252Fevil.example /%252F%252Fevil.example /%255Cevil.example
%252F%252Fevil.example /%09/evil.example /%0A/evil.example
/%0D/evil.example /%0D%0A/evil.example /%0d%0aLocation:%20//evil.example
/%0d%0aSet-Cookie:%20sessionid=x /%0aX:y /%00/evil.example /%7F/evil.example
/.//evil.example /..//evil.example /./\evil.example /../\evil.example
/%2e//evil.example /%2e%2e//evil.example /a//evil.example
/a/..//evil.example /a/../%2fevil.example /;//evil.example
/x:y@evil.example /@evil.example @evil.example user:pass@evil.example
evil.example evil.example/ .evil.example ..evil.example
javascript:alert(1) JaVaScRiPt:alert(1) javascript://%0aalert(1)
javascript:%61lert(1) /javascript:alert(1) vbscript:x
data:text/html,<script>alert(1)</script> data:;base64,eA==
file:///etc/passwd ftp://evil.example ws://evil.example
blob:http://evil.example/x about:blank mailto:x@evil.example tel:1
view-source:http://evil.example intent://evil.example
//[::1] //[::ffff:127.0.0.1]/ //127.1 //2130706433 //0x7f.1 //017700000001
//xn--evil-example //evil.example. //evil.example..
?next=//evil.example ?//evil.example #//evil.example ;//evil.example
/?next=//evil.example /#//evil.example /?x=http://evil.example
<script> /<script>alert(1)</script> "//evil.example /"onload="x
'//evil.example /'//evil.example `//evil.example /{}//evil.example
/%E2%80%AE/evil.example /%C0%AF/evil.example /%C0%AFevil.example
/%u002fevil.example /%uFF0Fevil.example %u002f%u002fevil.example
/% /%2 /%2G /%%2F /%2%46evil.example ./evil.example ../evil.example
. .. / /. /.. // //. /./ 0 1 null undefined
END
    # Blanks, controls and letters beyond ASCII, which a list can not hold.
    my @odd = ("\t//evil.example", " //evil.example", "/\t/evil.example",
        "/\t\\evil.example", "/\n/evil.example", "/\r/evil.example",
        "/\r\n/evil.example", "\n//evil.example", "\0//evil.example",
        "/\0/evil.example", "/ /evil.example", "//evil.example ",
        "ht\ttp://evil.example", "java\nscript:alert(1)",
        "\x01javascript:alert(1)", "/x\r\nSet-Cookie: sessionid=x",
        "/x\nLocation: //evil.example", "/x\r\n\r\n<script>", "/\x0b/evil.example",
        "/\x7f/evil.example", "\xe3\x80\x80//evil.example",
        "/\xe2\x80\xa8/evil.example", "//evil\xe3\x80\x82example",
        "/\xef\xbc\x8fevil.example", "\xef\xbc\x8f\xef\xbc\x8fevil.example",
        "/\xef\xbc\xbcevil.example", "/\xe2\x88\x95evil.example",
        "//\xe2\x93\x94vil.example", "\xc2\xa0//evil.example",
        "\xef\xbb\xbf//evil.example", "/\xc0\xafevil.example",
        "/\xff/evil.example", "/" . "a" x 5000, "/" . "/" x 5000);
    return (@plain, @odd);
}

# Where a browser that was here goes: 'here' or 'elsewhere' (WHATWG's URL, as
# far as it decides about the host).
sub goes ($reference) {
    $reference =~ s/^[\0-\x20]+//;
    $reference =~ s/[\t\r\n]//g;
    return 'elsewhere' if $reference =~ m{^[A-Za-z][A-Za-z0-9+.-]*:};
    $reference =~ tr{\\}{/};
    return $reference =~ m{^//} ? 'elsewhere' : 'here';
}

sub decoded ($text) {
    return $text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger;
}

# Nonzero when the path can be taken for nothing but a path of this site, as it
# stands and decoded once.
sub stays ($path) {
    return $path =~ m{^/} && !grep { goes($_) ne 'here' || /[\r\n\0]/ }
        $path, decoded($path) =~ s/\?.*//sr;
}

1;
