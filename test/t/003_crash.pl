# kill -9 of the whole server under load: after recovery every conversion is whole, every number single, every total right.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SalesCrm;
use Test::More;

my $node = start_server('main');
my $dir = PostgreSQL::Test::Utils::tempdir();

$node->safe_psql('postgres', 'CREATE DATABASE living');
run_file($node, 'living', 'living.sql');
run_file($node, 'living', 'deals.sql', 'crm');
# From here on invoices are numbered without gaps; the counter goes on from the last number given.
$node->safe_psql('living', q{
	UPDATE crm.number_series SET is_gapless = true, last_number = (SELECT max(right(invoice_number, 5)::bigint) FROM crm.invoice) WHERE series = 'invoice'});

for my $round (1 .. 3)
{
	my ($out, $err) = ('', '');
	my $before = $node->safe_psql('living', 'SELECT count(*) FROM crm.invoice');
	my $bench = IPC::Run::start(
		[ 'pgbench', '-n', '-c', '4', '-T', '60', '-f', "$FindBin::RealBin/../lib/mixed.pgb", $node->connstr('living') ],
		'<', \undef, '>', \$out, '2>', \$err);

	$node->poll_query_until('living', "SELECT count(*) >= $before + 100 FROM crm.invoice") or diag("pgbench: $err");
	my $seen = $node->safe_psql('living', 'SELECT count(*) FROM crm.invoice');
	my @pids = split /\n/, $node->safe_psql('living', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	kill 'KILL', $postmaster, @pids;
	$bench->finish;
	for (1 .. 600) { last unless kill 0, $postmaster; select undef, undef, undef, 0.1; }
	$node->{_pid} = undef;
	like($err, qr/backend died|server closed|terminat/, "round $round: the server died under pgbench");
	unlike($err, qr/SC0|ERROR:/, "round $round: no call was refused before");

	$node->start;
	cmp_ok($node->safe_psql('living', 'SELECT count(*) FROM crm.invoice'), '>=', $seen, "round $round: what was committed is there");
	verify_finds_nothing($node, 'living', 'crm');
	none($round, 'a qualified lead has its opportunity', q{
		SELECT lead_id FROM crm.lead AS l WHERE l.state = 'qualified'
		AND NOT EXISTS (SELECT FROM crm.opportunity AS o WHERE o.opportunity_id = l.qualified_opportunity_id AND o.originating_lead_id = l.lead_id)});
	none($round, 'a lead with an opportunity is qualified', q{
		SELECT lead_id FROM crm.opportunity AS o JOIN crm.lead AS l ON l.lead_id = o.originating_lead_id WHERE l.state <> 'qualified'});
	none($round, 'a won quote has one order and a won opportunity', q{
		SELECT q.quote_id FROM crm.quote AS q JOIN crm.opportunity AS o USING (opportunity_id) WHERE q.state = 'won'
		AND (o.state <> 'won' OR 1 <> (SELECT count(*) FROM crm.sales_order AS s WHERE s.quote_id = q.quote_id))});
	none($round, 'a fulfilled order has its invoice', q{
		SELECT s.sales_order_id FROM crm.sales_order AS s WHERE s.state = 'fulfilled'
		AND 1 <> (SELECT count(*) FROM crm.invoice AS i WHERE i.sales_order_id = s.sales_order_id)});
	none($round, 'a closed opportunity has its close activity', q{
		SELECT opportunity_id FROM crm.opportunity AS o WHERE o.state <> 'open'
		AND 1 <> (SELECT count(*) FROM crm.opportunity_close AS c WHERE c.opportunity_id = o.opportunity_id)});
	for my $table ('opportunity', 'quote', 'sales_order', 'invoice')
	{
		none($round, "totals of $table equal its lines", qq{
			SELECT h.${table}_id FROM crm.$table AS h
			WHERE h.total_line_item_amount <> (SELECT coalesce(sum(base_amount - manual_discount_amount - volume_discount_amount * quantity), 0)
				FROM crm.${table}_product AS l WHERE l.${table}_id = h.${table}_id)});
	}
	none($round, 'what is paid equals the payments', q{
		SELECT invoice_id FROM crm.invoice AS i
		WHERE amount_paid <> (SELECT coalesce(sum(amount), 0) FROM crm.payment AS p WHERE p.invoice_id = i.invoice_id AND p.canceled_at IS NULL)});
	none($round, 'no number stands twice', q{
		SELECT 1 FROM crm.sales_order GROUP BY order_number HAVING count(*) > 1
		UNION ALL SELECT 1 FROM crm.quote GROUP BY quote_number, revision_number HAVING count(*) > 1
		UNION ALL SELECT 1 FROM crm.invoice GROUP BY invoice_number HAVING count(*) > 1});
	none($round, 'the gapless series has no gap', q{
		SELECT n FROM (SELECT count(*), max(right(invoice_number, 5)::int) - min(right(invoice_number, 5)::int) + 1 AS n FROM crm.invoice) AS i WHERE count <> n});
}
run_file($node, 'living', 'one_sale.sql', 'crm');

sub none
{
	my ($round, $what, $query) = @_;
	is($node->safe_psql('living', $query), '', "round $round: $what");
	return;
}

$node->stop;
done_testing();
