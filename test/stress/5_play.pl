#!/usr/bin/perl
# Eight sessions, each a psql that makes one call after the other (3_call.sql) until the file "stop" appears. What the server acknowledged or refused
# is written down line by line; a call whose session died is written down as lost. A session that died is followed by another.
use strict;
use warnings;
use IPC::Open2;
use Time::HiRes qw(sleep);

my ($seed, $round, $out) = @ARGV;
my $sessions = $ENV{SESSIONS} || 8;
my $calls_of_a_session = 250;
$SIG{PIPE} = 'IGNORE';

sub play
{
	my ($k) = @_;
	my $call = ($k * 1000 + $round) * 100_000;
	srand($seed * 1000 + $k * 100 + $round);
	open my $answers, '>', "$out/answers_${round}_$k" or die $!;
	$answers->autoflush(1);
	until (-e "$out/stop")
	{
		my $timeout = rand() < 0.2 ? 500 : 5000;
		local $ENV{PGOPTIONS} = "-c statement_timeout=$timeout";
		local $ENV{PGAPPNAME} = "stress $timeout";
		my $psql = open2(my $from, my $to, "exec psql -qXAt -U stress -d stress -o /dev/null -v seed=$seed 2>>$out/errors_$k");
		$to->autoflush(1);
		for (1 .. $calls_of_a_session)
		{
			last if -e "$out/stop";
			$call++;
			print $to "\\set call $call\n\\i test/stress/3_call.sql\n";
			my $line = <$from>;
			print $answers $line // "$call lost - lost\n";
			last unless defined $line;
		}
		close $to;
		waitpid $psql, 0;
		sleep 0.2 if $?;	# the server is not there
	}
	return;
}

my @pids;
for my $k (1 .. $sessions)
{
	my $pid = fork // die $!;
	if (!$pid) { play($k); exit 0 }
	push @pids, $pid;
}
waitpid $_, 0 for @pids;
