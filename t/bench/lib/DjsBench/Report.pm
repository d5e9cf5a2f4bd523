# DjsBench::Report - the sections of a run, each measured and put in a table.
package DjsBench::Report;
use strict;
use warnings;
use DjsBench::Cases;
use DjsBench::Cpu;
use DjsBench::Instructions;
use DjsBench::Lookup;
use DjsBench::Scale;
use DjsBench::Syscalls;
use DjsBench::Table qw(commas median ratio table);
use DjsBench::Throughput;
use DjsBench::Writes;

my %SECTION = (
    instructions => \&instructions,
    syscalls => \&syscalls,
    cpu => \&cpu,
    throughput => \&throughput,
    memcached => \&memcached,
    writes => \&writes,
    scale => \&scale,
);

# What sections say of a case for the table of all: case => { column => cell }.
my %all;
my @aims;

sub sections {
    return grep { $SECTION{$_} }
        qw(instructions syscalls cpu throughput memcached writes scale);
}

# The text of one section.
sub section {
    my ($name, $site, $option) = @_;
    my $code = $SECTION{$name}
        or die "no section $name; there are: @{[ sections() ]}\n";
    return $code->($site, $option);
}

sub _cases {
    my ($site, $option) = @_;
    my %wanted = map { $_ => 1 } 'base', @{ $option->{only} || [] };
    return grep { keys %wanted == 1 || $wanted{ $_->{id} } }
        DjsBench::Cases::all($site);
}

sub _progress {
    print STDERR "  @_\n";
}

# A figure for each case that could be measured; a case that could not says so
# and leaves the others alone.
sub _each {
    my ($section, $measure, @cases) = @_;
    my %figure;
    for my $case (@cases) {
        _progress("$section: $case->{id}");
        $figure{ $case->{id} } = eval { $measure->($case) };
        _progress("$case->{id} failed: $@") if $@;
    }
    return \%figure;
}

sub instructions {
    my ($site, $option) = @_;
    return "Instructions: not measured, there is no valgrind\n"
        unless $site->has_tool('valgrind');
    my @cases = _cases($site, $option);
    my $figure = _each('instructions', sub {
        DjsBench::Instructions::measure($_[0], $option->{requests})
    }, @cases);
    my $added = sub {
        my $here = $figure->{ $_[0] };
        return defined $here ? $here - $figure->{base} : undef;
    };
    my $peer = $added->('peer_cookie');
    my @rows = map {
        my $more = $added->($_->{id});
        $all{ $_->{id} }{'instructions added'} = commas($more);
        $all{ $_->{id} }{'to mod_session_cookie'} = ratio($more, $peer);
        [ $_->{text}, commas($figure->{ $_->{id} }), commas($more),
          ratio($more, $peer) ]
    } @cases;
    my $text = table('Instructions per request (user space, whole process)',
                     [ 'case', 'total', 'added', 'to mod_session_cookie' ],
                     @rows);
    _aim('instructions a lookup adds, to mod_session_cookie',
         ratio($added->('lookup'), $peer), 0.80);
    _aim('instructions a request without cookie adds',
         _whole($added->('none')), 1500);
    return $text;
}

sub _whole {
    my ($number) = @_;
    return defined $number ? sprintf '%.0f', $number : undef;
}

# Notes what was aimed at and what came of it, for the end of the report.
sub _aim {
    my ($what, $got, $limit) = @_;
    return unless defined $got && $got ne '-';
    push @aims, [ $what, $got, $limit, $got <= $limit ? 'met' : 'not met' ];
}

# The last but one table: a row for each case, a column from each section.
sub together {
    my ($site, $option) = @_;
    my @columns = ('instructions added', 'to mod_session_cookie',
                   'system calls added', 'writes', 'CPU us added',
                   'requests/s to static');
    my @cases = grep { $all{ $_->{id} } } _cases($site, $option);
    return '' unless @cases;
    return table('All together', [ 'case', @columns ],
                 map { [ $_->{text}, @{ $all{ $_->{id} } }{@columns} ] }
                 @cases);
}

# The last table: every aim of the sections so far.
sub aims {
    return @aims ? table('Aims', [ 'aim', 'measured', 'at most', '' ], @aims)
                 : '';
}

sub syscalls {
    my ($site, $option) = @_;
    return "System calls: not measured, there is no strace\n"
        unless $site->has_tool('strace');
    my @cases = _cases($site, $option);
    my $figure = _each('syscalls', sub {
        DjsBench::Syscalls::measure($_[0], $_[0]{slow} ? 10 : 50)
    }, @cases);
    my $base = $figure->{base};
    my @rows = map {
        my $here = $figure->{ $_->{id} };
        $here ? [ $_->{text}, $here->{total}, $here->{total} - $base->{total},
                  sprintf('%.4g', $here->{writes}) ]
              : [ $_->{text}, '-', '-', '-' ]
    } @cases;
    my $text = table('System calls per request',
                     [ 'case', 'total', 'added', 'writes to files' ], @rows);
    for my $case (@cases) {
        my $here = $figure->{ $case->{id} } or next;
        $all{ $case->{id} }{'system calls added'} =
            $here->{total} - $base->{total};
        $all{ $case->{id} }{writes} = sprintf '%.4g', $here->{writes};
        my $names = DjsBench::Syscalls::difference($here, $base);
        $text .= "  $case->{id}: $names\n" if $names;
    }
    my $remote = $figure->{mc_lookup};
    _aim('system calls a lookup in memcached adds',
         $remote->{total} - $base->{total}, 2) if $remote;
    my $lookup = $figure->{lookup} or return $text;
    _aim('system calls a lookup adds', $lookup->{total} - $base->{total}, 16);
    _aim('writes to files of a lookup', $lookup->{writes}, 0);
    return $text;
}

sub cpu {
    my ($site, $option) = @_;
    my @cases = _cases($site, $option);
    my $figure = DjsBench::Cpu::measure(
        \@cases, 2 * $option->{rounds}, 10 * $option->{requests},
        sub { _progress("cpu: round $_[0]") });
    my $added = sub {
        my $here = $figure->{ $_[0] };
        return defined $here ? $here - $figure->{base} : undef;
    };
    my $number = sub { defined $_[0] ? sprintf '%.1f', $_[0] : '-' };
    my @rows = map {
        my $id = $_->{id};
        $all{$id}{'CPU us added'} = $number->($added->($id));
        [ $_->{text}, $number->($figure->{$id}), $number->($added->($id)),
          ratio($figure->{$id}, $figure->{base}),
          ratio($figure->{$id}, $figure->{mc_lookup}) ]
    } @cases;
    _aim('CPU of a lookup in memcached, to Django\'s of the same request',
         ratio($figure->{mc_lookup}, $figure->{django}), 1);
    return table('Processor time per request (user and system, whole process, '
                     . 'microseconds)',
                 [ 'case', 'CPU us', 'added', 'to static',
                   'to our memcached lookup' ], @rows);
}

sub memcached {
    my ($site, $option) = @_;
    my @cases = grep { $_->{memcached} } _cases($site, $option);
    return "memcached: not measured, it is not here\n"
        unless $site->has_tool('memcached');
    my $figure = _each('memcached', sub {
        DjsBench::Lookup::commands($_[0], 100)
    }, @cases);
    my @rows = map {
        my $here = $figure->{ $_->{id} } // {};
        my $others = 0;
        $others += $here->{$_}
            for grep { !/^(?:cmd_get|cmd_set|total_connections)$/ } keys %$here;
        [ $_->{text}, map { defined $_ ? sprintf '%.4g', $_ : '-' }
          @$here{qw(cmd_get cmd_set)}, $others, $here->{total_connections} ]
    } @cases;
    _aim('times a lookup asks memcached', $figure->{mc_lookup}{cmd_get}, 1);
    _aim('times a request without cookie asks memcached',
         $figure->{mc_none}{cmd_get}, 0);
    return table('What memcached is asked, per request',
                 [ 'case', 'get', 'add, replace, set', 'others', 'connections' ],
                 @rows) . _lookup($site, $option);
}

# The store's lookup beside a client that does the least.
sub _lookup {
    my ($site, $option) = @_;
    my $program = $option->{'lookup-bench'};
    return '' unless $program && -x $program;
    _progress('memcached: the store beside a raw client');
    my $got = DjsBench::Lookup::measure($program, 100_000,
                                        $site->has_tool('valgrind'));
    _aim('CPU of a lookup in memcached, to a raw client\'s', $got->{ratio},
         1.25);
    my @rows = map {
        [ $_->[0], sprintf('%.2f', $got->{ $_->[1] }{cpu}), $_->[2],
          commas($got->{ $_->[1] }{instructions}) ]
    } [ 'raw socket, persistent', 'raw', '1.00' ],
        [ 'djs_store_get, memcache:', 'store', $got->{ratio} ];
    return "\n" . table('One lookup in memcached, no request around it',
                        [ 'client', 'CPU us', 'ratio', 'instructions' ], @rows);
}

sub throughput {
    my ($site, $option) = @_;
    return "Throughput: not measured, there is no wrk\n"
        unless $site->has_tool('wrk');
    my @cases = _cases($site, $option);
    my $figure = DjsBench::Throughput::measure(
        \@cases, $option->{rounds}, $option->{seconds},
        sub { _progress("throughput: round $_[0] of $option->{rounds}") });
    my $base = $figure->{base}{rate};
    my $peer = $figure->{peer_cookie}{rate};
    my @rows = map {
        my $here = $figure->{ $_->{id} };
        $all{ $_->{id} }{'requests/s to static'} = ratio($here->{rate}, $base);
        [ $_->{text}, commas($here->{rate}), ratio($here->{rate}, $base),
          ratio($here->{rate}, $peer), commas($here->{p50}),
          commas($here->{p99}) ]
    } @cases;
    return table('Throughput (event MPM, wrk -t1 -c8; medians of '
                     . "$option->{rounds} rounds of $option->{seconds} s)",
                 [ 'case', 'requests/s', 'to static', 'to mod_session_cookie',
                   'p50 us', 'p99 us' ], @rows);
}

sub writes {
    my ($site) = @_;
    my $case = DjsBench::Cases::find($site, 'quiet');
    return "Writes of a lifetime: not measured, strace or the module lacks\n"
        unless $case && $site->has_tool('strace');
    _progress('writes: one lifetime');
    my $got = DjsBench::Writes::measure($case);
    _aim('writes of a lifetime, renewal at 10 %', $got->{writing}, 10);
    return table('Writes in one lifetime, renewal at 10 %',
                 [ 'requests', 'that wrote', 'that set a cookie' ],
                 [ @$got{qw(sent writing cookies)} ]);
}

sub scale {
    my ($site, $option) = @_;
    my $program = $option->{'store-bench'};
    return "Scale: not measured, there is no bench_store\n"
        unless $program && -x $program;
    my $many = $option->{sessions};
    my $place = DjsBench::Scale::place($many, $site->{dir});
    _progress("scale: $many sessions in $place; filling takes a while");
    my $got = DjsBench::Scale::measure($program, $many, $place);
    my %small = map {
        my $what = $_;
        $what => median(map { $_->{$what} } @{ $got->{small} })
    } qw(median p99 hold);
    my $big = $got->{big};
    my $row = sub {
        my ($count, $of) = @_;
        return [ commas($count), map { sprintf '%.1f', $of->{$_} }
                 qw(median p99 hold) ];
    };
    _aim('median lookup, big store to small store',
         ratio($big->{median}, $small{median}), 1.5);
    _aim('milliseconds the sweep holds a lock', $big->{hold}, 20);
    return table("Lookups and sweep of a DBM store (sdbm, in $place)",
                 [ 'sessions', 'median us', '99 % us', 'longest hold ms' ],
                 $row->(DjsBench::Scale::SMALL, \%small),
                 $row->($many, $big));
}

1;
