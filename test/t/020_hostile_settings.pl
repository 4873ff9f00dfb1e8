# The caller's settings change nothing: the core of the work stores and says the same to the byte under each of them, and under all together.
# Installing, making, repairing and migrating an organization under them gives the same tables, constraints, indexes, views and seed rows.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Utils;
use SalesCrm;
use Test::More;

my %of_time = ('automation_run' => [ 'ended_at' ], 'process_instance' => [ 'last_used_at' ]);    # by the real clock
my @settings = (
	'quote_all_identifiers=on', 'standard_conforming_strings=off escape_string_warning=off backslash_quote=off',
	'DateStyle=SQL,\ DMY IntervalStyle=sql_standard', 'bytea_output=escape xmlbinary=hex extra_float_digits=-15',
	'timezone=Pacific/Apia', 'array_nulls=off transform_null_equals=on',
	'default_transaction_isolation=serializable default_transaction_deferrable=on', 'search_path=',
	'client_encoding=LATIN1 lo_compat_privileges=on check_function_bodies=off default_text_search_config=pg_catalog.simple',
	'plan_cache_mode=force_custom_plan join_collapse_limit=1 from_collapse_limit=1 geqo_threshold=2 constraint_exclusion=on synchronize_seqscans=off',
	'force_parallel_mode=on parallel_setup_cost=0 parallel_tuple_cost=0 min_parallel_table_scan_size=0 xmloption=document timezone_abbreviations=India',
	'enable_hashjoin=off enable_mergejoin=off enable_indexscan=off enable_bitmapscan=off enable_sort=off enable_hashagg=off enable_material=off');
my @alone = ('DateStyle=German IntervalStyle=iso_8601', 'plan_cache_mode=force_generic_plan', 'lc_numeric=' . other_locale() . ' lc_monetary=' . other_locale());

my $node = start_server('main');

$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh', "CREATE EXTENSION sales_crm; SELECT sales_crm.create_organization('branch')");

# A locale of this machine that writes numbers otherwise than C; C itself where there is none.
sub other_locale
{
	my ($found) = grep { /^(de|fr|it|es)_/ } split /\n/, `locale -a`;
	return $found // 'C';
}

# Runs as a session that comes with these settings, so that the library is loaded under them.
sub under
{
	my ($settings, $work) = @_;
	local $ENV{PGOPTIONS} = join ' ', map { "-c $_" } split /(?<!\\) /, $settings;
	return $work->();
}

# Each row as text, read under neutral settings.
sub rows
{
	my ($db, $leave_out, @schemas) = @_;
	my $list = join ', ', map { "'$_'" } @schemas;
	my $without = join ' ', map { "WHEN '$_' THEN '{" . join(',', @{ $of_time{$_} }) . "}'" } sort keys %of_time;
	my $queries = $node->safe_psql($db, qq{
		SELECT format('SELECT %L || (to_jsonb(t) - %L::text[])::text AS line FROM %s AS t', relname || ' ', CASE relname $without ELSE '{$leave_out}' END, c.oid::regclass)
		FROM pg_class AS c WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ($list) ORDER BY relname});
	return join "\n", sort split /\n/, $node->safe_psql($db, join ' UNION ALL ', split /\n/, $queries);
}

sub worked
{
	my ($db, $settings) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE fresh");
	under($settings, sub {
		run_file($node, $db, 'core_of_sales.sql');
		is($node->safe_psql($db, 'SELECT * FROM sales_crm.verify()'), '', "verify() finds nothing: $settings") });
	return rows($db, '', 'crm', 'told');
}

sub installed
{
	my ($db, $settings) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $db");
	under($settings, sub {
		$node->safe_psql($db, $_) for 'CREATE EXTENSION sales_crm', "SELECT sales_crm.create_organization('branch')",
			'DROP EXTENSION sales_crm CASCADE; DROP VIEW crm.bi_dim_date CASCADE', 'CREATE EXTENSION sales_crm',
			map { "SELECT sales_crm.repair('$_'), sales_crm.migrate('$_')" } 'crm', 'branch' });
	return structure($node, $db) . "\n" . rows($db, 'created_at,modified_at,installed_at,changed_at,activated_at,valid_from_at', 'crm', 'branch');
}

my $rows = worked('calm', 'timezone=UTC');
like($rows, qr/^invoice \{/m, 'the core of the work makes invoices');
unlike($rows, qr/not refused/, 'what has to be refused is');
unlike($rows, qr/^verify \{/m, 'and verify() is silent');
my $structure = installed('made', 'timezone=UTC');

my $n = 0;
for my $settings (@settings, @alone, join(' ', grep { !/^(enable|force_parallel)/ } @settings))
{
	$n++;
	same(worked("hostile_$n", $settings), $rows, "stored and said the same: $settings");
	$node->safe_psql('postgres', "DROP DATABASE hostile_$n");
	next if $settings !~ /^(quote|standard|DateStyle|search_path)/;    # what a script may stumble on; the last of them is all together
	same(installed("made_$n", $settings), $structure, "installed and repaired the same: $settings");
	$node->safe_psql('postgres', "DROP DATABASE made_$n");
}

# Compiled from the first row on: the reads alone, since compiling takes its time.
under('jit=on jit_above_cost=0 jit_inline_above_cost=0 jit_optimize_above_cost=0', sub {
	is($node->safe_psql('calm', 'SELECT count(*) FROM sales_crm.explain_total(\'invoice\', 4)'), $node->safe_psql('calm', 'SELECT count(*) FROM told.invoice_total'), 'explained the same when compiled') });

$node->stop;
done_testing();
