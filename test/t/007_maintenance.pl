# Who maintains the organization of a stranger runs nothing of his with more rights than his own: grant_access(), repair(), migrate(), verify().
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use SalesCrm;
use Test::More;

my $node = start_server('main', 'max_prepared_transactions = 5');
my @mallory = (extra_params => [ '-U', 'mallory' ]);

# Mallory owns organization north and his own schema, and is nothing else. seen tells who ran his code.
$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN; CREATE ROLE clerk LOGIN; CREATE DATABASE plain TEMPLATE template0');
$node->safe_psql('plain', q{
	CREATE EXTENSION sales_crm;
	GRANT CREATE ON DATABASE plain TO mallory;
	GRANT EXECUTE ON FUNCTION sales_crm.create_organization TO mallory});
$node->safe_psql('plain', q{
	SELECT sales_crm.create_organization(name => 'north');
	CREATE SCHEMA own;
	CREATE TABLE own.seen (who text);
	CREATE FUNCTION own.strike() RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO own.seen VALUES (current_user);
		BEGIN ALTER ROLE mallory SUPERUSER; EXCEPTION WHEN OTHERS THEN NULL; END;
		BEGIN RESET ROLE; ALTER ROLE mallory SUPERUSER; EXCEPTION WHEN OTHERS THEN NULL; END;
		BEGIN SET SESSION AUTHORIZATION DEFAULT; ALTER ROLE mallory SUPERUSER; EXCEPTION WHEN OTHERS THEN NULL; END;
		RETURN true;
	END $$;
	CREATE FUNCTION own.on_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM own.strike(); RETURN NEW; END $$;
	INSERT INTO north.lead (last_name) VALUES ('Lima')}, @mallory);
run_file($node, 'plain', 'deals.sql', 'north');
$node->safe_psql('plain', 'ALTER DATABASE plain SET sales_crm.organization = north');

my $grant = q{SELECT sales_crm.grant_access(role => 'clerk', level => 'sell')};
my $repair = q{SELECT sales_crm.repair(organization => 'north')};
my $migrate = q{SELECT sales_crm.migrate(organization => 'north')};
my $verify = q{SELECT count(*) FROM sales_crm.verify()};

# A trigger where a call writes
runs_as_mallory('a trigger on role_access', 'CREATE TRIGGER strike BEFORE INSERT ON north.role_access FOR EACH ROW EXECUTE FUNCTION own.on_row()', $grant);
runs_as_mallory('a constraint trigger that waits for the commit',
	'CREATE CONSTRAINT TRIGGER strike AFTER INSERT ON north.role_access DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION own.on_row()', $grant);
runs_as_mallory('a check on role_access', 'ALTER TABLE north.role_access ADD CHECK (own.strike())', $grant);
runs_as_mallory('a trigger on schema_version',
	'CREATE TRIGGER strike BEFORE INSERT ON north.schema_version FOR EACH ROW EXECUTE FUNCTION own.on_row(); DELETE FROM north.schema_version', $migrate);
runs_as_mallory('a policy that is forced on the owner too', q{
	CREATE POLICY strike ON north.role_access USING (own.strike()) WITH CHECK (own.strike());
	ALTER TABLE north.role_access ENABLE ROW LEVEL SECURITY;
	ALTER TABLE north.role_access FORCE ROW LEVEL SECURITY}, $grant, 'nothing');

# A view in the place of a table
refuses_table($_) for 'schema_version', 'access_rule', 'role_access', 'organization_setting';
runs_as_mallory('a view in the place of lead', view_for('lead'), $verify, 'refused');
runs_as_mallory('a view in the place of activity_type', view_for('activity_type'), $repair, 'refused');

# Operators that fit better than those of PostgreSQL, where the superuser has the schema in his path
runs_as_mallory("operators", join(" ", map { operator(@$_) } ([ "unequal", "<>", "boolean", "false" ], [ "more", ">", "boolean", "false" ], [ "less", "<", "boolean", "false" ], [ "over", "/", "numeric", "a" ])),
	"SET search_path = own, pg_catalog; $grant; $repair; $migrate; $verify", 'nothing');

# What his code sets ends with the call
attack('settings', q{
	CREATE FUNCTION north.set() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM set_config('search_path', 'own', false), set_config('work_mem', '1MB', false), set_config('own.mark', 'here', false),
			set_config('sales_crm.user_id', '1', false);
		RETURN NEW;
	END $$;
	CREATE TRIGGER strike BEFORE INSERT ON north.role_access FOR EACH ROW EXECUTE FUNCTION north.set()}, sub {
	is($node->safe_psql('attack', qq{SET work_mem = '8MB'; SET search_path = public; $grant;
		SELECT current_setting('search_path'), current_setting('work_mem'), current_setting('own.mark', true), current_setting('sales_crm.user_id')}),
		"sell\npublic|8MB||", 'settings that a trigger changes end with the call');
});

# Foreign keys and other constraints that wait for the commit
attack('deferred', deferred(), sub {
	is($node->safe_psql('attack', "ALTER TABLE north.role_access ADD COLUMN owner_id bigint DEFAULT 1 REFERENCES north.owner DEFERRABLE INITIALLY DEFERRED; $grant; $repair; $migrate; $verify"),
		"sell\n2\n2\n0", 'an organization whose constraints wait for the commit is maintained');
	is($node->safe_psql('attack', qq{BEGIN; $grant;
		INSERT INTO north.contact (last_name, account_id) VALUES ('Early', 77);
		INSERT INTO north.account (account_id, name) VALUES (77, 'Late'); COMMIT;
		SELECT count(*) FROM north.contact WHERE account_id = 77}), "sell\n1", 'afterwards the constraints wait again');
	is($node->safe_psql('attack', qq{BEGIN; INSERT INTO north.contact (last_name, account_id) VALUES ('Early', 78);
		INSERT INTO north.account (account_id, name) VALUES (78, 'Late'); $repair; COMMIT;
		SELECT count(*) FROM north.contact WHERE account_id = 78}), "2\n1", 'what was put off before is checked by the call');
	my (undef, undef, $error) = $node->psql('attack', "BEGIN; INSERT INTO north.contact (last_name, account_id) VALUES ('Early', 79); $repair");
	like($error, qr/contact_account_id_fkey/, 'and refused where it does not hold');
});
runs_as_mallory('a constraint trigger that waits, set off before the call',
	'CREATE CONSTRAINT TRIGGER strike AFTER INSERT ON north.note DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION own.on_row()',
	"BEGIN; INSERT INTO north.note (regarding_entity, regarding_id, subject) VALUES ('lead', 1, 'x'); $repair; COMMIT");

# Grants are the owner's on what is his, and the caller's on the calls
attack('rules', q{INSERT INTO north.access_rule (access_level, object_kind, object_name) VALUES ('read', 'function', 'forbidden'), ('read', 'table', 'secret')}, sub {
	$node->safe_psql('attack', q{
		CREATE FUNCTION sales_crm.forbidden() RETURNS integer LANGUAGE sql AS 'SELECT 1';
		REVOKE ALL ON FUNCTION sales_crm.forbidden FROM PUBLIC;
		CREATE TABLE north.secret (secret_id bigint)});
	my ($status, undef, $error) = $node->psql('attack', $grant);
	is($status, 0, 'rules that name what is not the owner\'s do not stop grant_access()');
	like($error, qr/WARNING.*forbidden.*WARNING.*secret|WARNING.*secret.*WARNING.*forbidden/s, 'which says what it leaves out');
	is($node->safe_psql('attack', q{SELECT has_function_privilege('clerk', 'sales_crm.forbidden()', 'EXECUTE'), has_table_privilege('clerk', 'north.secret', 'INSERT'), has_table_privilege('clerk', 'north.secret', 'SELECT'),
		has_table_privilege('clerk', 'north.lead', 'UPDATE'), has_function_privilege('clerk', 'sales_crm.verify()', 'EXECUTE')}), 'f|f|f|t|t', 'and gives the rest');
});

# Who may
attack('rights', '', sub {
	$node->safe_psql('attack', "$grant; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA sales_crm TO clerk WITH GRANT OPTION; GRANT INSERT, SELECT ON ALL TABLES IN SCHEMA north TO clerk");
	for my $call ($grant, $repair, $migrate)
	{
		my (undef, undef, $error) = $node->psql('attack', "\\set VERBOSITY verbose\n$call", extra_params => [ '-U', 'clerk' ]);
		like($error, qr/ERROR:  42501: organization "north" is not yours to maintain/, "only its owner maintains an organization: $call");
	}
	$node->safe_psql('attack', q{SELECT sales_crm.create_organization(name => 'south')});
	for my $call ('run_due_automation()', 'retry_dead_automation(1)', 'purge_automation_run(now())', "read_outbox('clerk')", "acknowledge_outbox('clerk', 0, true)", 'purge_outbox()')
	{
		my (undef, undef, $error) = $node->psql('attack', "\\set VERBOSITY verbose\nSET sales_crm.organization = south; SELECT sales_crm.$call", extra_params => [ '-U', 'clerk' ]);
		like($error, qr/ERROR:  42501: role "clerk" may not work on the automation of organization "south"/, "EXECUTE on a call gives nothing in another organization: $call");
	}
	is($node->safe_psql('attack', $verify, extra_params => [ '-U', 'clerk' ]), '0', 'verify() is for all who read');
});

$node->stop;
done_testing();

# A view that calls his code, in the place of a table.
sub view_for
{
	my ($table) = @_;
	return "ALTER TABLE north.$table RENAME TO old_$table; CREATE VIEW north.$table AS SELECT * FROM north.old_$table WHERE own.strike()";
}

sub deferred
{
	return q{
	DO $$ DECLARE c record; BEGIN
		FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint WHERE contype = 'f' AND connamespace = 'north'::regnamespace LOOP
			EXECUTE format('ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY DEFERRED', c.t, c.conname);
		END LOOP;
	END $$};
}

# Mallory prepares a copy of the database; whatever happened there, the next one begins anew.
sub attack
{
	my ($what, $prepare, $check) = @_;
	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS attack WITH (FORCE)');
	$node->safe_psql('postgres', 'CREATE DATABASE attack TEMPLATE plain');
	$node->safe_psql('postgres', 'ALTER DATABASE attack SET sales_crm.organization = north');
	$node->safe_psql('attack', $prepare, @mallory) if $prepare;
	$check->();
	is($node->safe_psql('postgres', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'}), 'f', "$what: Mallory is no superuser");
	$node->safe_psql('postgres', 'ALTER ROLE mallory NOSUPERUSER');
	return;
}

# His code runs, or the call is refused, or nothing of his runs; but as nobody else.
sub runs_as_mallory
{
	my ($what, $prepare, $call, $ending) = @_;
	$ending //= 'runs';
	attack($what, $prepare, sub {
		my ($status) = $node->psql('attack', $call);
		my $ran = $node->safe_psql('attack', 'SELECT count(*) > 0 FROM own.seen');
		is($node->safe_psql('attack', q{SELECT count(*) FROM own.seen WHERE who <> 'mallory'}), '0', "$what: his code runs as nobody but him");
		is($status ? 'refused' : $ran eq 't' ? 'runs' : 'nothing', $ending, "$what: $ending");
	});
	return;
}

sub refuses_table
{
	my ($table) = @_;
	attack("a view in the place of $table", view_for($table), sub {
		for my $call ($grant, $repair, $migrate, $verify)
		{
			my (undef, undef, $error) = $node->psql('attack', "\\set VERBOSITY verbose\n$call");
			like($error, qr/ERROR:  42809: "$table" is not a table/, "a view in the place of $table is refused: $call");
		}
	});
	return;
}

# An operator of numeric and integer, which PostgreSQL has none of.
sub operator
{
	my ($name, $operator, $type, $result) = @_;
	return "CREATE FUNCTION own.$name(a numeric, b integer) RETURNS $type LANGUAGE sql AS 'SELECT $result FROM (SELECT own.strike()) AS s';
		CREATE OPERATOR own.$operator (LEFTARG = numeric, RIGHTARG = integer, FUNCTION = own.$name);";
}
