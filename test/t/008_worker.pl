# The background worker serves organizations of strangers: none leaves anything to the next one, stops the others or is more than its owner.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Utils;
use SalesCrm;
use Test::More;

my $node = start_server('main', "shared_preload_libraries = 'sales_crm'\nsales_crm.worker_naptime = 1\nsales_crm.worker_time_limit = 2s");

$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN; CREATE ROLE peer LOGIN; CREATE ROLE boss LOGIN; CREATE DATABASE shared TEMPLATE template0');
$node->safe_psql('shared', q{
	SET row_security = off;
	CREATE EXTENSION sales_crm;
	GRANT CREATE ON DATABASE shared TO mallory, peer;
	GRANT EXECUTE ON FUNCTION sales_crm.create_organization TO mallory, peer});
for my $owner ('mallory', 'peer')
{
	as($owner, qq{
		SELECT sales_crm.create_organization(name => '${owner}_crm');
		CREATE TABLE ${owner}_crm.did (did_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, lead_id bigint REFERENCES ${owner}_crm.lead, name text);
		CREATE TABLE ${owner}_crm.saw (who text, path text, memory text, mark text);
		INSERT INTO ${owner}_crm.automation_rule (name, entity, event, timing) VALUES ('write', 'lead', 'created', 'queued');
		INSERT INTO ${owner}_crm.automation_action (automation_rule_id, action, parameters)
		SELECT automation_rule_id, 'create_record', '{"entity": "did", "values": {"lead_id": "new.lead_id", "name": "new.last_name"}}'
		  FROM ${owner}_crm.automation_rule WHERE name = 'write'});
}
$node->safe_psql('postgres', q{ALTER SYSTEM SET sales_crm.worker_databases = 'shared'});
$node->reload;

# What the code of one organization sets ends with its turn. Both note what they find.
for my $owner ('mallory', 'peer')
{
	as($owner, qq{
		CREATE FUNCTION ${owner}_crm.look() RETURNS trigger LANGUAGE plpgsql AS \$\$
		BEGIN
			INSERT INTO ${owner}_crm.saw VALUES (current_user, current_setting('search_path'), current_setting('work_mem'), coalesce(current_setting('own.mark', true), ''));
			BEGIN RESET ROLE; ALTER ROLE mallory SUPERUSER; EXCEPTION WHEN OTHERS THEN NULL; END;
			INSERT INTO ${owner}_crm.saw VALUES (current_user, current_setting('search_path'), current_setting('work_mem'), coalesce(current_setting('own.mark', true), ''));
			IF current_user = 'mallory' THEN
				PERFORM set_config('search_path', 'mallory_crm', false), set_config('work_mem', '1MB', false), set_config('own.mark', 'here', false), pg_advisory_lock(42);
			END IF;
			RETURN NULL;
		END \$\$;
		CREATE TRIGGER look AFTER DELETE ON ${owner}_crm.automation_queue FOR EACH STATEMENT EXECUTE FUNCTION ${owner}_crm.look()});
}
for my $round (1 .. 5)
{
	lead('mallory', "Lima $round");
	lead('peer', "Lima $round");
	ok(is_done('mallory', "Lima $round") && is_done('peer', "Lima $round"), "round $round: both are served");
}
is($node->safe_psql('shared', q{SELECT DISTINCT who, path, memory, mark FROM peer_crm.saw}), 'peer|pg_catalog, pg_temp|4MB|', 'an organization finds no setting of another');
is($node->safe_psql('shared', q{SELECT DISTINCT who, path, memory, mark FROM mallory_crm.saw}), 'mallory|pg_catalog, pg_temp|4MB|', 'nor its own of an earlier turn, and nobody but its owner works');
is($node->safe_psql('shared', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'}), 'f', 'who is no superuser');
is($node->safe_psql('shared', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), '0', 'locks of the session end with the turn too');
is($node->safe_psql('shared', q{SELECT is_well, failed_turns, due FROM peer_crm.automation_worker_status}), 't|0|0', 'the view tells that all is well');

# Foreign keys that wait for the commit
as('peer', q{
	DO $$ DECLARE c record; BEGIN
		FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint WHERE contype = 'f' AND connamespace = 'peer_crm'::regnamespace LOOP
			EXECUTE format('ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY DEFERRED', c.t, c.conname);
		END LOOP;
	END $$});
lead('peer', 'Deferred');
ok(is_done('peer', 'Deferred'), 'an organization whose foreign keys wait for the commit is served');

# One that hangs is canceled, the others are served meanwhile, and so is the rest of its own queue.
as('mallory', q{
	CREATE FUNCTION mallory_crm.hang() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF NEW.name = 'Sleeper' THEN PERFORM pg_sleep(3600); END IF;
		WHILE NEW.name = 'Stubborn' LOOP
			BEGIN PERFORM pg_sleep(3600); EXCEPTION WHEN query_canceled THEN NULL; END;
		END LOOP;
		RETURN NEW;
	END $$;
	CREATE TRIGGER hang BEFORE INSERT ON mallory_crm.did FOR EACH ROW EXECUTE FUNCTION mallory_crm.hang()});
lead('mallory', 'Sleeper');
lead('mallory', 'Behind');
for my $round (1 .. 3)
{
	lead('peer', "Beside $round");
	ok(is_done('peer', "Beside $round"), 'others are served beside one that hangs');
}
ok(is_done('mallory', 'Behind'), 'and so is what stands behind it in its own queue');
is($node->safe_psql('shared', q{SELECT record_id = (SELECT lead_id FROM mallory_crm.lead WHERE last_name = 'Sleeper'), attempts, last_error FROM mallory_crm.automation_queue}),
	't|1|It took longer than sales_crm.worker_time_limit, 2000 ms, and was canceled.', 'the entry that hangs is tried again later');
like(slurp_file($node->logfile), qr/LOG:  automation of organization "mallory_crm" failed, 1 times in a row\n.*DETAIL:  It took longer than sales_crm.worker_time_limit/, 'the log tells of it');
is($node->safe_psql('shared', q{SELECT failed_turns, last_error ~ 'worker_time_limit', last_failed_at IS NOT NULL, last_success_at > last_failed_at FROM mallory_crm.automation_worker}), '0|t|t|t', 'and so does a table');

# Code that catches the cancel ends with the process.
lead('mallory', 'Stubborn');
ok($node->poll_query_until('shared', q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'sales_crm worker' AND state = 'active'
	AND query = 'mallory_crm: rule "write" for lead ' || (SELECT lead_id FROM mallory_crm.lead WHERE last_name = 'Stubborn'))}), 'one hangs for good, and pg_stat_activity names the organization, the rule and the record')
	or diag('it did not');
for my $round (4 .. 6)
{
	lead('peer', "Beside $round");
	ok(is_done('peer', "Beside $round"), 'others are served beside one that does not let itself be canceled');
}
like(slurp_file($node->logfile), qr/FATAL:  terminating background worker(?:.*\n){1,8}.*automation of organization "mallory_crm", which did not end when it was canceled/, 'the log tells of it');
as('mallory', 'UPDATE mallory_crm.automation_rule SET is_active = false');

# One that fails as a whole
as('mallory', q{UPDATE mallory_crm.automation_rule SET is_active = true WHERE name = 'write'; ALTER TABLE mallory_crm.automation_queue RENAME COLUMN event_key TO key});
lead('peer', 'Still');
ok(is_done('peer', 'Still'), 'others are served beside one that fails');
ok($node->poll_query_until('shared', 'SELECT failed_turns > 1 AND next_turn_at > last_failed_at FROM mallory_crm.automation_worker'), 'which waits longer each time');
$node->safe_psql('shared', q{SET sales_crm.organization = mallory_crm; SELECT sales_crm.grant_access(role => 'boss', level => 'admin')});
is($node->safe_psql('shared', q{SELECT is_well, last_error ~ '^42703: table "automation_queue" has lost its column "event_key"' FROM mallory_crm.automation_worker_status}, extra_params => [ '-U', 'boss' ]), 'f|t', 'and whose administrator is told why');
as('mallory', 'ALTER TABLE mallory_crm.automation_queue RENAME COLUMN key TO event_key');

# What is no table of the organization's owner
as('mallory', q{ALTER TABLE mallory_crm.role_access RENAME TO old; CREATE VIEW mallory_crm.role_access AS SELECT * FROM mallory_crm.old});
ok(log_has(qr/ERROR:  "role_access" is not a table\n(?:.*\n){1,4}.*automation of organization "mallory_crm"/), 'a view in the place of a table is refused');
lead('peer', 'Last');
ok(is_done('peer', 'Last'), 'others are served');

$node->stop;
done_testing();

sub as
{
	my ($role, $sql) = @_;
	return $node->safe_psql('shared', $sql, extra_params => [ '-U', $role ]);
}

sub lead
{
	my ($owner, $name) = @_;
	as($owner, "INSERT INTO ${owner}_crm.lead (last_name) VALUES ('$name')");
	return;
}

# Waits a minute for a lead to be worked on.
sub is_done
{
	my ($owner, $name) = @_;
	for (1 .. 240)
	{
		return 1 if $node->safe_psql('shared', "SELECT count(*) FROM ${owner}_crm.did WHERE name = '$name'") eq '1';
		select undef, undef, undef, 0.25;
	}
	return 0;
}

# Waits a minute for a line of the server log.
sub log_has
{
	my ($line) = @_;
	for (1 .. 240)
	{
		return 1 if slurp_file($node->logfile) =~ $line;
		select undef, undef, undef, 0.25;
	}
	return 0;
}
