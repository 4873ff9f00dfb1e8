# Twenty writers at once take numbers from every series, and one in five rolls back: none stands twice, none waits for ever,
# and a gapless series has no gap.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SalesCrm;
use Test::More;

my $node = start_server('main', 'max_connections = 40');
my ($clients, $each) = (20, 40);

$node->safe_psql('postgres', 'CREATE DATABASE numbers');
$node->safe_psql('numbers', q{CREATE EXTENSION sales_crm; INSERT INTO crm.account (name) VALUES ('Contoso')});

write_numbers('from sequences');
is(gaps('quote'), 't', 'sequences: what was rolled back is a gap');

$node->safe_psql('numbers', 'UPDATE crm.number_series SET is_gapless = true');
my $last = $node->safe_psql('numbers', q{SELECT last_number FROM crm.number_series WHERE series IN ('invoice', 'order', 'quote') ORDER BY series});
write_numbers('gapless');
for my $table ('invoice', 'sales_order', 'quote')
{
	my $start = (split /\n/, $last)[ { invoice => 0, sales_order => 1, quote => 2 }->{$table} ];
	is(gaps($table, $start), 'f', "gapless: no gap in $table");
	cmp_ok($node->safe_psql('numbers', "SELECT count(*) FROM crm.$table WHERE " . number_of($table) . " > $start"), '>', $clients * $each / 2, "gapless: $table has its rows");
}

$node->safe_psql('numbers', 'UPDATE crm.number_series SET is_gapless = false');
write_numbers('back to sequences');
is($node->safe_psql('numbers', q{SELECT deadlocks FROM pg_stat_database WHERE datname = 'numbers'}), 0, 'no deadlock');
verify_finds_nothing($node, 'numbers', 'crm');

# All writers at once; no transaction may fail, and no number stand twice.
sub write_numbers
{
	my ($how) = @_;
	my ($out, $err) = run_command(
		[ 'pgbench', '-n', '-c', $clients, '-j', 4, '-t', $each, '-f', "$FindBin::RealBin/../lib/numbers.pgb", $node->connstr('numbers') ]);
	my $all = $clients * $each;

	like($out, qr{actually processed: $all/$all}, "$how: every transaction came through");
	unlike($err, qr/ERROR|deadlock/, "$how: nothing was refused") or diag($err);
	for my $table ('quote', 'sales_order', 'invoice')
	{
		is($node->safe_psql('numbers', 'SELECT count(*) - count(DISTINCT ' . number_of($table) . ") FROM crm.$table"), 0, "$how: no number of $table stands twice");
	}
	return;
}

sub number_of
{
	my ($table) = @_;
	my $column = $table eq 'sales_order' ? 'order_number' : "${table}_number";
	return "substring($column FROM '[0-9]+\$')::bigint";
}

# Whether numbers are missing after a start.
sub gaps
{
	my ($table, $start) = @_;
	my $number = number_of($table);
	$start //= 999;
	return $node->safe_psql('numbers', "SELECT max($number) - $start <> count(*) FROM crm.$table WHERE $number > $start");
}

$node->stop;
done_testing();
