#!/usr/bin/perl
# The deadlocks of a server log, a kind once: who waited for what, with the statements of both.
use strict;
use warnings;

my ($pid, $text, %times, %example) = ('', '');
open my $log, '<', $ARGV[0] or die $!;
while (<$log>)
{
	my ($of) = /^\S+ \S+ \S+ \[(\d+)\] /;
	if ($text && defined $of && ($of ne $pid || !/(DETAIL|HINT|CONTEXT|STATEMENT): /)) { remember() }
	if (/ERROR:  deadlock detected/) { $pid = $of; $text = ' ' }
	elsif ($text && !/HINT: /) { s/^\S+ \S+ \S+ \[\d+\] \S+ .*?(DETAIL|CONTEXT|STATEMENT): /$1: /; $text .= $_ }
}
remember() if $text;

sub remember
{
	my $kind = join ' / ', sort map { s/\d+/n/gr } $text =~ /^\s*Process \d+: (.*)$/mg;
	$times{$kind}++;
	$example{$kind} //= $text;
	$text = '';
	return;
}

print "deadlock, $times{$_} times:$example{$_}" =~ s/^/    /gmr for sort { $times{$b} <=> $times{$a} } keys %times;
