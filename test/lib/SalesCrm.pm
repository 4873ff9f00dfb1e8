# What the TAP tests share: a server, a living database, and how two databases are compared.
package SalesCrm;
use strict;
use warnings;
use Exporter 'import';
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(start_server run_file restore contents structure objects seeds same verify_finds_nothing calls_work);
my $lib = dirname(__FILE__);

sub start_server
{
	my ($name, $conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init;
	$node->append_conf('postgresql.conf', $conf) if $conf;
	$node->start;
	return $node;
}

# Runs a file of test/lib, for one organization when one is named.
sub run_file
{
	my ($node, $db, $file, $organization) = @_;
	local $ENV{PGOPTIONS} = '-c client_min_messages=warning';
	$ENV{PGOPTIONS} .= " -c sales_crm.organization=$organization -c search_path=$organization" if $organization;
	$node->command_ok(
		[ 'psql', '-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $db, '-f', "$lib/$file" ],
		"$file runs in $db" . ($organization ? " for $organization" : ''));
	return;
}

# Makes a database out of a plain dump.
sub restore
{
	my ($node, $db, $file) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0");
	$node->command_ok([ 'psql', '-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $db, '-f', $file ], basename($file) . " is restored into $db");
	return;
}

# Each table's rows and each sequence's position, as text that can be compared.
sub contents
{
	my ($node, $db, @schemas) = @_;
	my $list = join ', ', map { "'$_'" } @schemas;
	my $queries = $node->safe_psql($db, qq{
		SELECT CASE relkind WHEN 'S' THEN format('SELECT %L, last_value, is_called::text FROM %s', oid::regclass, oid::regclass)
			ELSE format('SELECT %L, count(*), md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM %s AS t', oid::regclass, oid::regclass) END
		FROM pg_class WHERE relkind IN ('r', 'S') AND relnamespace::regnamespace::text IN ($list) ORDER BY oid::regclass::text});
	return $node->safe_psql($db, join(' UNION ALL ', split /\n/, $queries) . ' ORDER BY 1');
}

# The catalogue as pg_dump writes it, without its random key and its remarks.
sub structure
{
	my ($node, $db, @options) = @_;
	my ($out) = run_command([ 'pg_dump', '-s', @options, '-d', $node->connstr($db) ]);
	return join "\n", grep { !/^--|^\\(un)?restrict|^$/ } split /\n/, $out;
}

# All that a schema holds, a line for each thing; columns by name, since those that were added later stand behind.
sub objects
{
	my ($node, $db, $schema) = @_;
	return $node->safe_psql($db, qq{
		SET search_path = $schema;
		WITH relation AS (SELECT oid, relname, relkind, relowner::regrole AS owner, reloptions, relrowsecurity, relforcerowsecurity, relacl FROM pg_class WHERE relnamespace = '$schema'::regnamespace)
		SELECT regexp_replace(line, '[[:space:]]+', ' ', 'g') FROM (
			SELECT format('relation %s %s owner %s %s %s %s', relname, relkind, owner, reloptions, relrowsecurity, relforcerowsecurity) AS line FROM relation WHERE relkind <> 'i'
			UNION ALL SELECT format('column %s.%s %s %s default %s identity %s %s storage %s %s comment %s', r.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
					pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, a.attstorage, a.attcollation::regcollation, col_description(r.oid, a.attnum))
				FROM relation AS r JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef AS d ON d.adrelid = r.oid AND d.adnum = a.attnum WHERE r.relkind IN ('r', 'p', 'v', 'm')
			UNION ALL SELECT format('constraint %s.%s %s %s', r.relname, c.conname, pg_get_constraintdef(c.oid), c.convalidated) FROM relation AS r JOIN pg_constraint AS c ON c.conrelid = r.oid
			UNION ALL SELECT format('index %s', pg_get_indexdef(oid)) FROM relation WHERE relkind = 'i'
			UNION ALL SELECT format('trigger %s %s', pg_get_triggerdef(t.oid), t.tgenabled) FROM relation AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
			UNION ALL SELECT format('view %s %s', relname, pg_get_viewdef(oid)) FROM relation WHERE relkind IN ('v', 'm')
			UNION ALL SELECT format('sequence %s %s', r.relname, to_jsonb(s) - 'seqrelid') FROM relation AS r JOIN pg_sequence AS s ON s.seqrelid = r.oid
			UNION ALL SELECT format('comment %s %s', relname, obj_description(oid, 'pg_class')) FROM relation WHERE obj_description(oid, 'pg_class') IS NOT NULL
			UNION ALL SELECT format('policy %s.%s %s', r.relname, p.polname, pg_get_expr(p.polqual, p.polrelid)) FROM relation AS r JOIN pg_policy AS p ON p.polrelid = r.oid
			UNION ALL SELECT format('grant %s to %s: %s', r.relname, g.grantee::regrole, string_agg(g.privilege_type, ' ' ORDER BY g.privilege_type)) FROM relation AS r, LATERAL aclexplode(r.relacl) AS g WHERE g.grantee <> r.owner GROUP BY r.relname, g.grantee
			UNION ALL SELECT format('function %s %s', p.oid::regprocedure, p.prosrc) FROM pg_proc AS p WHERE p.pronamespace = '$schema'::regnamespace
			UNION ALL SELECT format('grant schema to %s: %s', g.grantee::regrole, string_agg(g.privilege_type, ' ' ORDER BY g.privilege_type)) FROM pg_namespace AS n, LATERAL aclexplode(n.nspacl) AS g WHERE n.nspname = '$schema' GROUP BY g.grantee
		) AS lines ORDER BY line COLLATE "C"});
}

# The rows of all tables, a line for each, without keys, which follow the order rows came in, and stamps.
sub seeds
{
	my ($node, $db, $schema) = @_;
	my $queries = $node->safe_psql($db, qq{
		SELECT format('SELECT %L || '' '' || (SELECT jsonb_object_agg(key, value)::text FROM jsonb_each(to_jsonb(t)) WHERE key !~ ''(_id|_at|_by|row_version)\$'') FROM $schema.%I AS t', relname, relname)
		FROM pg_class WHERE relkind = 'r' AND relnamespace = '$schema'::regnamespace AND relname <> 'schema_version' ORDER BY relname});
	return $node->safe_psql($db, join(' UNION ALL ', split /\n/, $queries) . ' ORDER BY 1');
}

# Two texts of many lines are equal; if not, only the lines that differ are shown.
sub same
{
	my ($got, $wanted, $what) = @_;
	my (%left, @differ);

	return if ok($got eq $wanted, $what);
	$left{$_}++ for split /\n/, $wanted;
	$left{$_} ? $left{$_}-- : push @differ, "got:    $_" for split /\n/, $got;
	push @differ, map { "wanted: $_" } grep { $left{$_} } sort keys %left;
	diag(join "\n", splice(@differ, 0, 40));
	return;
}

sub verify_finds_nothing
{
	my ($node, $db, @organizations) = @_;
	for my $organization (@organizations)
	{
		is($node->safe_psql($db, "SET sales_crm.organization = '$organization'; SELECT * FROM sales_crm.verify()"),
			'', "verify() finds nothing in $organization of $db");
	}
	return;
}

# One more sale from its lead to the paid invoice; its numbers follow the last ones.
sub calls_work
{
	my ($node, $db, @organizations) = @_;
	for my $organization (@organizations)
	{
		my $last = "SELECT max(invoice_number) FROM $organization.invoice";
		my ($number) = $node->safe_psql($db, $last) =~ /(\d+)$/;

		run_file($node, $db, 'one_sale.sql', $organization);
		is($node->safe_psql($db, $last), sprintf('INV-%05d', $number + 1), "the next invoice number follows in $organization of $db");
	}
	return;
}

1;
