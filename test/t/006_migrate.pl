# Organizations of older versions: they are read and not written, migrate() makes them what a fresh one is, and what users have of their own stays.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use PostgreSQL::Test::Utils;
use SalesCrm;
use Test::More;

my $version = 2;
my $fixtures = "$FindBin::RealBin/../fixtures";
my $node = start_server('main', 'max_prepared_transactions = 0');
my %own = (
	crm => qr/^\w+ own_|\.lead_own_|_own_\w+_idx|own_log_lead|ON crm\.own_|t80_automation_|^column (lead|opportunity)\.(region|score)\b/,
	north => qr/site_inspection|t80_automation_/);

$node->safe_psql('postgres', q{
	DO $$ BEGIN IF to_regrole('postgres') IS NULL THEN CREATE ROLE postgres SUPERUSER; END IF; END $$;
	CREATE ROLE own_reader; CREATE ROLE own_seller LOGIN; CREATE ROLE own_admin; CREATE ROLE own_pool; CREATE ROLE own_owner LOGIN});

# What a fresh organization is, of the same owner, with the same roles.
$node->safe_psql('postgres', "CREATE DATABASE fresh_$_ TEMPLATE template0") for 'crm', 'north';
$node->safe_psql('fresh_crm', q{
	SET SESSION AUTHORIZATION postgres;
	CREATE EXTENSION sales_crm;
	SELECT sales_crm.grant_access(role => r, level => l) FROM (VALUES ('own_reader', 'read'), ('own_seller', 'sell'), ('own_admin', 'admin'), ('own_pool', 'impersonate')) AS access (r, l)});
$node->safe_psql('fresh_north', q{
	SET row_security = off;
	CREATE EXTENSION sales_crm;
	RESET row_security;
	GRANT CREATE ON DATABASE fresh_north TO own_owner;
	GRANT EXECUTE ON FUNCTION sales_crm.create_organization TO own_owner;
	SET ROLE own_owner;
	SELECT sales_crm.create_organization(name => 'north', base_currency => 'EUR');
	RESET ROLE;
	SET sales_crm.organization = 'north';
	SELECT sales_crm.grant_access(role => r, level => l) FROM (VALUES ('own_owner', 'admin'), ('own_seller', 'sell')) AS access (r, l)});
is($node->safe_psql('fresh_crm', 'SELECT string_agg(version::text, $$,$$) FROM crm.schema_version'), $version, 'a fresh organization stands at the version at once');

restore($node, 'extended', "$fixtures/1.0_extended.sql");
restore($node, 'sales', "$fixtures/1.0_sales.sql");

# The first by a superuser, the second by its owner, who is none.
older_is_read('extended', 'crm');
older_is_read('sales', 'north');
older_is_not_written('extended', 'crm');
older_is_not_written('sales', 'north');
other_sessions();
stranger_is_refused();
migrates('extended', 'crm', 'postgres');
migrates('sales', 'north', 'own_owner');
superuser_grants_calls();
own_things_work();
steps_run_again();
newer_is_not_written();
restored_in_parts();
keys_that_are_not_positive();
nothing_runs_as_caller();

$node->stop;
done_testing();

# All rows of a query as a role, in an organization.
sub ask
{
	my ($db, $organization, $query, $role) = @_;
	return $node->safe_psql($db, "SET sales_crm.organization = '$organization'; " . ($role ? "SET SESSION AUTHORIZATION $role; " : '') . $query);
}

# The refusal that a statement gets, with its detail and hint; what it did is undone.
sub refusal
{
	my ($db, $organization, $statement, $role) = @_;
	my (undef, undef, $error) = $node->psql($db, "\\set VERBOSITY verbose\nSET sales_crm.organization = '$organization';\n" . ($role ? "SET SESSION AUTHORIZATION $role;\n" : '') . "BEGIN; $statement; ROLLBACK");
	return $error;
}

# Each statement is refused because the organization is older; one session tries them all.
sub refused_as_older
{
	my ($db, $organization, @statements) = @_;
	my $answers = ask($db, $organization, q{
		CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $f$
		DECLARE d text; h text;
		BEGIN
			EXECUTE statement;
			RETURN 'not refused';
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
			RETURN concat_ws(' / ', SQLSTATE, SQLERRM, d, h);
		END $f$;
		} . join(' ', map { 'SELECT pg_temp.refusal($s$' . $_ . '$s$);' } @statements));

	for my $answer (split /\n/, $answers)
	{
		is($answer, "SC014 / organization \"$organization\" is older than the installed sales_crm / Its version is 1, the library's $version; it can be read, not written. / SELECT * FROM sales_crm.migrate(organization => '$organization')",
			"$organization, not migrated: SC014 for " . shift @statements);
	}
	return;
}

sub older_is_read
{
	my ($db, $organization) = @_;
	my $lead = ask($db, $organization, "SELECT max(lead_id) FROM $organization.lead");

	verify_finds_nothing($node, $db, $organization);
	cmp_ok(ask($db, $organization, qq{SELECT sum((xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s', oid::regclass), false, true, '')))[1]::text::bigint)
		FROM pg_class WHERE relnamespace = '$organization'::regnamespace AND relkind IN ('r', 'v')}), '>', 1000, "$organization: all tables and views are read");
	cmp_ok(ask($db, $organization, $_), '>', 0, "$organization: $_") for
		"SELECT count(*) FROM sales_crm.preview_qualify_lead(lead_id => (SELECT max(lead_id) FROM $organization.lead WHERE state = 'open'))",
		"SELECT count(*) FROM sales_crm.explain_total(entity => 'invoice', id => (SELECT max(invoice_id) FROM $organization.invoice))",
		"SELECT count(*) FROM sales_crm.process_guidance(entity => 'lead', id => $lead)",
		"SELECT count(*) FROM sales_crm.timeline(entity => 'opportunity', id => (SELECT min(opportunity_id) FROM $organization.opportunity WHERE state <> 'open'))";
	like(ask($db, $organization, "SELECT reason, hint FROM sales_crm.why_not(entity => 'lead', id => (SELECT max(lead_id) FROM $organization.lead WHERE state = 'open'), action => 'qualify_lead')"),
		qr/migrate\(/, "$organization: why_not() says it too");
	return;
}

sub older_is_not_written
{
	my ($db, $organization) = @_;
	my $o = $organization;
	my @calls = (
		"qualify_lead(lead_id => (SELECT max(lead_id) FROM $o.lead))", 'expire_quotes()', 'run_due_automation()', 'take_emails()', 'read_outbox(consumer => $$c$$)',
		'purge_automation_run(before => now())', 'purge_outbox(older_than => $$1 day$$)', 'expand_due_series()', 'grant_access(role => $$own_reader$$, level => $$read$$)',
		'pick_next(queue_id => 1)', 'add_activity_type(name => $$visit$$)', 'publish_product(product_id => 1)', 'activate_quote(quote_id => 1)',
		'pay_invoice(invoice_id => 1)', 'complete_activity(activity_id => 1)', 'deactivate_process(process_name => $$Lead to Cash$$)', "repair(organization => '$o')");

	refused_as_older($db, $o, map({ "SELECT sales_crm.$_" } @calls), "INSERT INTO $o.lead (last_name) VALUES ('Lee')", "DELETE FROM $o.quote", "TRUNCATE $o.lead CASCADE",
		"INSERT INTO $o.organization_setting (name, value) VALUES ('a', 'b')", "UPDATE $o.invoice SET name = 'x'", "COPY $o.lead (last_name) FROM PROGRAM 'echo Lee'",
		$o eq 'crm' ? 'INSERT INTO crm.own_visit (account_id) SELECT max(account_id) FROM crm.account' : ());
	is(ask($db, $o, qq{
		CREATE TEMP TABLE written (relname text);
		DO \$\$ DECLARE t record; is_empty boolean; BEGIN
			FOR t IN SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'p' JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.conkey[1] AND a.attidentity <> 'a'
				WHERE c.relnamespace = '$o'::regnamespace AND EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND g.tgtype & 28 > 0 AND g.tgfoid::regproc::text LIKE 'sales_crm.%')
			LOOP
				EXECUTE format('SELECT NOT EXISTS (SELECT FROM $o.%I)', t.relname) INTO is_empty;
				CONTINUE WHEN is_empty;
				BEGIN
					EXECUTE format('UPDATE $o.%1\$I SET %2\$I = %2\$I', t.relname, t.attname);
					EXECUTE format('DELETE FROM $o.%I', t.relname);
					INSERT INTO written VALUES (t.relname);
				EXCEPTION WHEN SQLSTATE 'SC014' THEN NULL;
				END;
			END LOOP;
		END \$\$;
		TABLE written}), '', "$o: no guarded table is written");
	return;
}

# Until the others are done migrate() waits, and nobody who waits for it is in its way; they go on with the new version.
sub other_sessions
{
	my ($in, $out, $err, $errors) = ('', '', '', '');
	my $waiting = "SELECT count(*) = %d FROM pg_locks WHERE NOT granted";

	$node->safe_psql('postgres', 'CREATE DATABASE busy TEMPLATE sales');
	my $writer = IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('busy') ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	# As a session that still has the older library: it writes, and no trigger minds.
	$in .= "SET session_replication_role = replica;\nBEGIN;\nINSERT INTO north.territory (name) VALUES ('early') RETURNING 'begun';\n";
	$writer->pump until $out =~ /begun/ || $err;
	my $migration = IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('busy'), '-c', "SELECT sales_crm.migrate(organization => 'north')" ], '>', \my $migrated, '2>', \$errors, IPC::Run::timeout(120));
	$node->poll_query_until('busy', "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%migrate(organization%' AND wait_event = 'PgSleep'") or diag('migrate() does not wait');
	$in .= "INSERT INTO north.account (name, owner_id) VALUES ('Late', 1) RETURNING 'went on';\nCOMMIT;\n";
	$writer->pump until $out =~ /went on/ || $err;
	$writer->pump_nb;
	$migration->finish;
	is("$migrated$errors$err", "$version\n", 'migrate() waits for who writes, and holds nothing that he needs');
	$in .= "SET session_replication_role = origin;\nINSERT INTO north.account (name) VALUES ('Later') RETURNING 'after';\n\\q\n";
	$writer->finish;
	like($out, qr/after/, 'the session goes on');
	is(ask('busy', 'north', q{SELECT count(*) FROM north.account WHERE name LIKE 'Late%'}), '2', 'what it wrote is there');

	# Five write sales without end; one of them or migrate() may meet a deadlock, and says so.
	$node->safe_psql('postgres', 'DROP DATABASE busy WITH (FORCE)');
	$node->safe_psql('postgres', 'CREATE DATABASE busy TEMPLATE sales');
	my $script = PostgreSQL::Test::Utils::tempdir() . '/write.pgb';
	append_to_file($script, "BEGIN;\nINSERT INTO north.territory (name) VALUES (random()::text);\nINSERT INTO north.account (name, owner_id) VALUES ('Busy', 1);\nUPDATE north.price_list SET description = 'x' WHERE price_list_id = 1;\nCOMMIT;\n");
	local $ENV{PGOPTIONS} = '-c session_replication_role=replica';
	my $bench = IPC::Run::start([ 'pgbench', '-n', '-c', '5', '-T', '4', '--max-tries=10', '-f', $script, $node->connstr('busy') ], '>', \my $report, '2>', \my $trouble);
	$node->poll_query_until('busy', q{SELECT count(*) > 5 FROM north.account WHERE name = 'Busy'});
	delete $ENV{PGOPTIONS};
	is(ask('busy', 'north', "SELECT sales_crm.migrate(organization => 'north')"), $version, 'under load too');
	$bench->finish;
	unlike($trouble, qr/ERROR/, 'nobody else failed');
	verify_finds_nothing($node, 'busy', 'north');
	same(ours('busy', 'north'), ours('fresh_north', 'north'), 'under load: all is as in a fresh organization');
	return;
}

sub stranger_is_refused
{
	my $call = "SELECT sales_crm.migrate(organization => 'north')";

	like(refusal('sales', 'north', $call, 'own_seller'), qr/42501: permission denied for function migrate/, 'who has no right on the call');
	ask('sales', 'north', 'GRANT EXECUTE ON FUNCTION sales_crm.migrate(text) TO own_seller, own_owner; REVOKE ALL ON FUNCTION sales_crm.reopen_lead(bigint, text) FROM own_owner, own_seller');
	like(refusal('sales', 'north', $call, 'own_seller'), qr/42501: organization "north" is not yours to maintain\nDETAIL:  It belongs to role "own_owner".\nHINT: /, 'who has it, but not the tables');
	is(ask('sales', 'north', 'SELECT max(version) FROM north.schema_version'), '1', 'nothing was done');
	return;
}

# What is ours in an organization, and what is not; the check of keys that added types get is tried below.
sub ours { my ($db, $organization) = @_; return join "\n", grep { !/$own{$organization}/ } split /\n/, objects($node, $db, $organization); }
sub not_ours { my ($db, $organization) = @_; return join "\n", grep { /$own{$organization}/ && !/_id_check / } split /\n/, objects($node, $db, $organization); }

sub migrates
{
	my ($db, $organization, $role) = @_;
	my $own = not_ours($db, $organization);
	my $figures = "SELECT (SELECT count(*) FROM $organization.lead), (SELECT count(*) FROM $organization.activity), (SELECT sum(total_amount) FROM $organization.quote), (SELECT sum(total_amount) FROM $organization.invoice), (SELECT sum(amount) FROM $organization.payment), (SELECT count(*) FROM $organization.status_history)";
	my $before = ask($db, $organization, $figures);

	is(ask($db, $organization, "SELECT * FROM sales_crm.migrate(organization => '$organization')", $role), $version, "$organization: migrate() by $role");
	is(ask($db, $organization, "SELECT string_agg(version::text, ',' ORDER BY version) FROM $organization.schema_version"), join(',', 1 .. $version), "$organization: a row for each version");
	same(ours($db, $organization), ours("fresh_$organization", $organization), "$organization: all is as in a fresh organization");
	same(not_ours($db, $organization), $own, "$organization: what is not ours is as it was");
	has_seeds($db, $organization);
	is(ask($db, $organization, $figures), $before, "$organization: records are as they were");
	verify_finds_nothing($node, $db, $organization);
	is(ask($db, $organization, "SELECT * FROM sales_crm.migrate(organization => '$organization')", $role), $version, "$organization: migrate() again");
	same(ours($db, $organization), ours("fresh_$organization", $organization), "$organization: changes nothing");
	calls_work($node, $db, $organization);
	return;
}

# Calls that an owner may not pass on are no obstacle to him; a superuser grants them.
sub superuser_grants_calls
{
	my $may = q{SELECT has_function_privilege('own_seller', 'sales_crm.reopen_lead(bigint, text)', 'EXECUTE')};

	is(ask('sales', 'north', $may), 'f', 'an owner cannot pass on a call that he has not');
	is(ask('sales', 'north', "SELECT * FROM sales_crm.repair(organization => 'north')"), $version, 'repair() by a superuser');
	is(ask('sales', 'north', $may), 't', 'grants it');
	return;
}

# Each row that a fresh organization begins with is there; users have more, and have changed some.
sub has_seeds
{
	my ($db, $organization) = @_;
	my %there = map { $_ => 1 } split /\n/, seeds($node, $db, $organization);
	my @missing = grep { !$there{$_} && !/^organization_setting .*"time_zone"|^number_series .*"invoice"/ } split /\n/, seeds($node, "fresh_$organization", $organization);

	is(join("\n", @missing), '', "$organization: no row of a fresh organization is missing");
	return;
}

sub own_things_work
{
	ask('extended', 'crm', q{INSERT INTO crm.lead (last_name, company_name, region, score) VALUES ('New', 'Newcomers', 'east', 7)});
	is(ask('extended', 'crm', q{SELECT leads FROM crm.own_lead_region WHERE region = 'east'}), '1', 'own column and view');
	is(ask('extended', 'crm', q{SELECT count(*) FROM crm.own_bi_lead JOIN crm.lead USING (lead_id) WHERE region = 'east'}), '1', 'own view on a view of ours');
	is(ask('extended', 'crm', q{SELECT count(*) FROM crm.own_bi_lead}, 'own_reader'), ask('extended', 'crm', q{SELECT count(*) FROM crm.lead WHERE state = 'open'}), 'as it was granted');
	is(ask('extended', 'crm', q{SELECT state FROM crm.own_lead_log ORDER BY own_lead_log_id DESC LIMIT 1}), 'open', 'own trigger');
	like(refusal('extended', 'crm', q{INSERT INTO crm.lead (last_name, score) VALUES ('New', -1)}), qr/lead_own_score_check/, 'own constraint');
	ask('extended', 'crm', 'REFRESH MATERIALIZED VIEW crm.own_bi_total');
	is(ask('extended', 'crm', q{INSERT INTO crm.own_visit (account_id) SELECT max(account_id) FROM crm.account; SELECT count(*) FROM crm.outbox_event WHERE event_name = 'own.visited'}), '4', 'own table with its rule');
	is(ask('extended', 'crm', 'INSERT INTO crm.own_sensor VALUES (-2, $$lower$$); SELECT count(*) FROM crm.own_sensor'), '4', 'own keys are not checked');
	is(ask('extended', 'crm', q{SELECT sales_crm.qualify_lead(lead_id => (SELECT max(lead_id) FROM crm.lead)); SELECT region FROM crm.opportunity ORDER BY opportunity_id DESC LIMIT 1}) =~ s/.*\n//r, 'east', 'own column travels');
	like(refusal('sales', 'north', q{INSERT INTO north.site_inspection (site_inspection_id, activity_id) SELECT 0, activity_id FROM north.activity WHERE activity_type = 'site_inspection'}), qr/23514.*site_inspection/, 'keys of added types are checked');
	return;
}

# A step that meets what it made itself.
sub steps_run_again
{
	ask('sales', 'north', "DELETE FROM north.schema_version WHERE version > 1");
	like(refusal('sales', 'north', "INSERT INTO north.lead (last_name) VALUES ('Lee')"), qr/SC014/, 'older again');
	is(ask('sales', 'north', "INSERT INTO north.schema_version (version) VALUES ($version); INSERT INTO north.lead (last_name) VALUES ('Lee') RETURNING 1; DELETE FROM north.schema_version WHERE version > 1"), '1', 'a session follows the version');
	is(ask('sales', 'north', "SELECT * FROM sales_crm.migrate(organization => 'north'); INSERT INTO north.lead (last_name) VALUES ('Lee')", 'own_owner'), $version, 'all steps once more');
	same(ours('sales', 'north'), ours('fresh_north', 'north'), 'change nothing');
	like(refusal('sales', 'north', "DELETE FROM north.schema_version WHERE version > 1; SAVEPOINT s; SELECT sales_crm.migrate('north'); ROLLBACK TO s; INSERT INTO north.lead (last_name) VALUES ('Lee')"), qr/SC014/, 'taken back with its transaction');
	return;
}

sub newer_is_not_written
{
	ask('sales', 'north', 'INSERT INTO north.schema_version (version) VALUES (99)');
	like(refusal('sales', 'north', $_), qr/SC014: .*organization "north" is newer than the installed sales_crm\nDETAIL:  Its version is 99, .*\nHINT:  Install the newer files/, "newer: $_")
		for "INSERT INTO north.lead (last_name) VALUES ('Lee')", 'SELECT sales_crm.expire_quotes()', "SELECT sales_crm.migrate('north')";
	verify_finds_nothing($node, 'sales', 'north');
	ask('sales', 'north', 'DELETE FROM north.schema_version WHERE version = 99');
	ask('sales', 'north', "INSERT INTO north.lead (last_name) VALUES ('Lee')");
	return;
}

# Tables first, then rows with the triggers off.
sub restored_in_parts
{
	my $dir = PostgreSQL::Test::Utils::tempdir();

	$node->command_ok([ 'pg_dump', @$_, '-d', $node->connstr('sales') ], "pg_dump @$_") for [ '-s', '-f', "$dir/structure.sql" ], [ '-a', '--disable-triggers', '-f', "$dir/rows.sql" ];
	restore($node, 'parts', "$dir/structure.sql");
	$node->command_ok([ 'psql', '-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', 'parts', '-f', "$dir/rows.sql" ], 'rows alone, triggers off');
	same(contents($node, 'parts', 'north'), contents($node, 'sales', 'north'), 'all rows are there');
	calls_work($node, 'parts', 'north');
	return;
}

# A row that the new version does not take is told of, and can be helped.
sub keys_that_are_not_positive
{
	restore($node, 'zero', "$fixtures/1.0_extended.sql");
	ask('zero', 'crm', "SET session_replication_role = replica; INSERT INTO crm.territory (territory_id, name) VALUES (0, 'Nowhere'), (-5, 'Elsewhere')");
	like(refusal('zero', 'crm', "SELECT sales_crm.migrate('crm')"), qr/23514: territory -5 has a key that is not positive\nDETAIL:  .*"crm.territory" has a row with territory_id = -5.\nHINT:  Give it another key/, 'a key that is not positive');
	is(ask('zero', 'crm', 'SELECT max(version) FROM crm.schema_version'), '1', 'leaves all as it was');
	ask('zero', 'crm', 'BEGIN; ALTER TABLE crm.territory DISABLE TRIGGER USER; UPDATE crm.territory SET territory_id = 1000 - territory_id WHERE territory_id <= 0; ALTER TABLE crm.territory ENABLE TRIGGER USER; COMMIT');
	is(ask('zero', 'crm', "SELECT sales_crm.migrate('crm')"), $version, 'with keys as the hint says it goes on');
	same(ours('zero', 'crm'), ours('fresh_crm', 'crm'), 'to what a fresh organization is');
	return;
}

# A superuser migrates a stranger's organization: what its owner hung on it runs as the owner, and cannot wait for the commit.
sub nothing_runs_as_caller
{
	restore($node, 'hostile', "$fixtures/1.0_sales.sql");
	ask('hostile', 'north', q{
		CREATE TABLE north.seen (who text, session_too text);
		CREATE FUNCTION north.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO north.seen VALUES (current_user);
			BEGIN RESET ROLE; EXCEPTION WHEN OTHERS THEN NULL; END;
			INSERT INTO north.seen VALUES (current_user);
			PERFORM set_config('search_path', 'north', false);
			RETURN NULL; END $$;
		CREATE TRIGGER look AFTER INSERT ON north.schema_version FOR EACH ROW EXECUTE FUNCTION north.look();
		CREATE CONSTRAINT TRIGGER look_later AFTER INSERT ON north.schema_version DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION north.look()}, 'own_owner');
	is(ask('hostile', 'north', "SELECT sales_crm.migrate('north'); SHOW search_path"), "$version\n\"\$user\", public", 'a superuser migrates a stranger\'s organization; settings stay his own');
	is(ask('hostile', 'north', 'SELECT who, count(*) FROM north.seen GROUP BY who'), 'own_owner|4', 'whose triggers run as its owner, the deferred one too');
	return;
}
