# kill -9 of the server while two workers, or the background worker, drain the queue: no action is done twice and none is lost.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SalesCrm;
use Test::More;

my $leads = 20000;
my $node = start_server('main', "shared_preload_libraries = 'sales_crm'\nsales_crm.worker_naptime = 1\nlog_min_messages = fatal");
my $script = PostgreSQL::Test::Utils::tempdir() . '/worker.pgb';
append_to_file($script, qq{SELECT sales_crm.run_due_automation("limit" => 5);\n});

$node->safe_psql('postgres', 'CREATE DATABASE queue');
$node->safe_psql('queue', q{
	CREATE EXTENSION sales_crm;
	CREATE TABLE crm.did (did_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, lead_id bigint, by_role text, by_process integer);
	INSERT INTO crm.automation_rule (name, entity, event, timing) VALUES ('write', 'lead', 'created', 'queued');
	INSERT INTO crm.automation_action (automation_rule_id, action, parameters)
	SELECT automation_rule_id, 'create_record', '{"entity": "did", "values": {"lead_id": "new.lead_id", "by_role": "current_user", "by_process": "pg_backend_pid()"}}'
	  FROM crm.automation_rule WHERE name = 'write'});

# Two workers that call run_due_automation() in a loop.
for my $round (1 .. 2)
{
	my ($out, $err) = ('', '');

	new_leads();
	my $bench = IPC::Run::start([ 'pgbench', '-n', '-c', '2', '-T', '60', '-f', $script, $node->connstr('queue') ], '<', \undef, '>', \$out, '2>', \$err);
	wait_for_some($round);
	kill_server();
	$bench->finish;
	unlike($err, qr/ERROR:/, "round $round: no call failed before");
	$node->start;
	half_done("round $round, two workers");
	cmp_ok($node->safe_psql('queue', 'SELECT count(*) FROM crm.automation_queue'), '>', 0, "round $round: it came in between");
	cmp_ok($node->safe_psql('queue', 'SELECT count(DISTINCT by_process) FROM crm.did'), '>=', 2, "round $round: both had worked") if $round == 1;
	drain();
	all_done("round $round, two workers");
}

# The background worker: it comes and goes with the setting, with a kill and with the server.
is(workers(), 0, 'no worker for a database that nobody named');
new_leads();
$node->safe_psql('postgres', q{ALTER SYSTEM SET sales_crm.worker_databases = 'queue, no_such_database'});
$node->reload;
wait_for_some(3);
kill_server();
$node->start;
half_done('background worker');
ok(queue_is_done(), 'the background worker goes on');
all_done('background worker');
is(workers(), 1, 'one worker');

my $pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'sales_crm worker'});
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'sales_crm worker' AND pid <> $pid AND datname = 'queue'"), 'one that is ended is started again');
$node->safe_psql('queue', "INSERT INTO crm.lead (company_name) VALUES ('Late')");
ok(queue_is_done(), 'and works on');
is($node->safe_psql('queue', 'SELECT DISTINCT by_role FROM crm.did'), 'postgres', 'with the rights of the rule');

# An organization that fails does not keep the others from their work; what looks like one gets no rights from it.
$node->safe_psql('queue', q{
	CREATE ROLE mallory;
	GRANT CREATE ON DATABASE queue TO mallory;
	SET ROLE mallory;
	CREATE SCHEMA a_trap;
	CREATE TABLE a_trap.schema_version (version integer);
	CREATE TABLE a_trap.organization_setting (name text, value text);
	CREATE TABLE a_trap.automation_rule (automation_rule_id bigint, name text, entity text, event text, date_column text, offset_interval interval, activated_at timestamptz, created_at timestamptz, is_active boolean, sort_order integer);
	CREATE TABLE a_trap.seen (who text);
	CREATE FUNCTION a_trap.look() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN INSERT INTO a_trap.seen VALUES (current_user); BEGIN RESET ROLE; EXCEPTION WHEN OTHERS THEN NULL; END; INSERT INTO a_trap.seen VALUES (current_user); RETURN false; END';
	CREATE VIEW a_trap.automation_queue AS SELECT 1::bigint AS automation_queue_id, 1::bigint AS automation_rule_id, 'lead'::text AS entity, 1::bigint AS record_id, 'created'::text AS event, 'created:1:1'::text AS event_key,
		0 AS attempts, 1 AS depth, NULL::jsonb AS new_row, NULL::jsonb AS old_row, now() AS due_at, 'pending'::text AS state WHERE a_trap.look();
	INSERT INTO a_trap.automation_rule (automation_rule_id, is_active) VALUES (1, true)});
$node->safe_psql('queue', "INSERT INTO crm.lead (company_name) VALUES ('Later')");
ok(queue_is_done(), 'work goes on beside a trap');
is($node->safe_psql('queue', 'SELECT count(*) FROM a_trap.seen'), '0', 'which is not worked on: what stands in the place of its queue is no table');

$node->safe_psql('postgres', 'ALTER SYSTEM RESET sales_crm.worker_databases');
$node->reload;
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'sales_crm worker'}), 'a database that is no longer named has no worker');
$node->stop;
ok(1, 'the launcher lets the server stop');

# Not preloaded, the settings have no effect.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\nsales_crm.worker_databases = 'queue'");
$node->start;
is($node->safe_psql('queue', q{SELECT sales_crm.run_due_automation(); SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'sales_crm%'}), "0\n0", 'without the library preloaded there is no worker');
$node->stop;
done_testing();

sub new_leads
{
	$node->safe_psql('queue', "TRUNCATE crm.did; INSERT INTO crm.lead (company_name) SELECT 'Lead ' || n FROM generate_series(1, $leads) AS n");
	return;
}

# Waits until a part is done.
sub wait_for_some
{
	my ($round) = @_;
	$node->poll_query_until('queue', 'SELECT count(*) >= 200 FROM crm.did') or diag("round $round: nothing is done");
	return;
}

# kill -9 of every process of the server.
sub kill_server
{
	my @pids = split /\n/, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;

	kill 'KILL', $postmaster, @pids;
	for (1 .. 600) { last unless kill 0, $postmaster; select undef, undef, undef, 0.1; }
	$node->{_pid} = undef;
	return;
}

# After the crash each lead is in the queue or was done, and none both or twice.
sub half_done
{
	my ($what) = @_;
	is($node->safe_psql('queue', q{SELECT count(*) FROM (SELECT lead_id FROM crm.did GROUP BY lead_id HAVING count(*) > 1) AS twice}), '0', "$what: none was done twice");
	is($node->safe_psql('queue', q{SELECT count(*) FROM crm.did JOIN crm.automation_queue ON record_id = lead_id}), '0', "$what: what is done has left the queue");
	return;
}

sub drain
{
	while ($node->safe_psql('queue', 'SELECT sales_crm.run_due_automation("limit" => 10000)') > 0) { }
	return;
}

sub all_done
{
	my ($what) = @_;
	is($node->safe_psql('queue', 'SELECT count(*), count(DISTINCT lead_id) FROM crm.did'), "$leads|$leads", "$what: every action is done, each once");
	verify_finds_nothing($node, 'queue', 'crm');
	return;
}

# Waits a minute for the queue to be empty.
sub queue_is_done
{
	for (1 .. 120)
	{
		return 1 if $node->safe_psql('queue', 'SELECT count(*) FROM crm.automation_queue') eq '0';
		select undef, undef, undef, 0.5;
	}
	return 0;
}

sub workers
{
	return $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'sales_crm worker'});
}
