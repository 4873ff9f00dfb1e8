#!/bin/bash
# Arrows point down: no include of, call into or SQL on a room that stands later in ROOMS. Comments do not count,
# nor do the names of tables as plain data; a constraint or trigger that an upper room puts on a lower table is the way.
perl -e '
	my @rooms = split " ", $ENV{ROOMS} or die "ROOMS is empty, run me by make lint\n"; my (%tables, %calls); my $bad = 0;
	sub slurp { local (@ARGV, $/) = ($_[0]); my $t = <>; $t =~ s{/\*.*?\*/}{ my $c = $&; $c =~ tr/\n//cd; $c }gse; $t =~ s/--.*|\/\/.*//g if $_[0] =~ /sql$/; $t }
	for my $i (0 .. $#rooms) {
		for (glob "src/$rooms[$i]/*.sql") { my $t = slurp($_); $tables{$1} = $i while $t =~ /CREATE (?:OR REPLACE )?(?:TABLE|VIEW)\s+(\w+)/g }
		for (glob "src/$rooms[$i]/*.h") { my $t = slurp($_); $calls{$1} = $i while $t =~ /^[a-z][\w \t*]*?\b(\w+)\(/mg }
	}
	for my $i (0 .. $#rooms) {
		for my $file (glob "src/$rooms[$i]/*.[ch] src/$rooms[$i]/*.sql") {
			my ($text, @hits) = slurp($file); my $upper = join "|", @rooms[$i + 1 .. $#rooms];
			if ($file =~ /sql$/) { $text =~ s/\x27[^\x27]*\x27//g; push @hits, [$1, $tables{$1}] while $text =~ /\b(?:REFERENCES|FROM|JOIN|INTO|UPDATE|ON|TABLE|LIKE|VIEW)\s+(\w+)/g }
			else {
				while ($upper && $text =~ m{#include "((?:$upper)/[^"]*)"}g) { push @hits, ["include of $1", $#rooms + 1] if -f "src/$1" }
				push @hits, [$1, $calls{$1}] while $text =~ /\b(\w+)\(/g;
				push @hits, ["\@$1", $tables{$1}] while $text =~ /\@(\w+)/g;
			}
			for (grep { ($_->[1] // -1) > $i } @hits) { print "$file: $_->[0] belongs to a later room\n"; $bad = 1 }
		}
	}
	printf "%d rooms, %d tables and views, %d C functions\n", scalar @rooms, scalar keys %tables, scalar keys %calls; exit $bad'
