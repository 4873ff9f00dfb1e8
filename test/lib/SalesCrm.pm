# What the TAP tests share: a server, a living database, and how two databases are compared.
package SalesCrm;
use strict;
use warnings;
use Exporter 'import';
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(start_server run_file contents structure same verify_finds_nothing calls_work);
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
