# What sessions keep of configuration tables follows changes that fire no ordinary trigger: under session_replication_role = replica,
# by logical replication, and while the owner has triggers disabled.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SalesCrm;
use Test::More;

# A name, what a session asks, its answer, the change by somebody else, the answer then.
my @kinds = (
	[ 'number_series', q{INSERT INTO crm.quote (account_id) VALUES (1) RETURNING left(quote_number, 4)}, 'QUO-',
		q{UPDATE crm.number_series SET prefix = 'NEW-' WHERE series = 'quote'}, 'NEW-' ],
	[ 'organization_setting', q{INSERT INTO crm.quote (account_id) VALUES (1) RETURNING discount_method}, 'line_item',
		q{UPDATE crm.organization_setting SET value = 'per_unit' WHERE name = 'discount_method'}, 'per_unit' ],
	[ 'currency', q{SELECT public.line(2, 'crm.opportunity', 10.55)}, '10.5500',
		q{UPDATE crm.currency SET decimals = 0 WHERE currency_code = 'EUR'}, '11.0000' ],
	[ 'price_list', q{INSERT INTO crm.quote (account_id, price_list_id) VALUES (1, 3) RETURNING currency_code}, 'USD',
		q{UPDATE crm.price_list SET currency_code = 'EUR' WHERE price_list_id = 3}, 'EUR' ],
	[ 'unit', q{SELECT public.sold('price_per_unit', 2, 1)}, '120.00000',
		q{UPDATE crm.unit SET base_quantity = 20 WHERE unit_id = 50}, '200.00000' ],
	[ 'discount_list_item', q{SELECT public.sold('volume_discount_amount', 1, 10)}, '1.00000',
		q{UPDATE crm.discount_list_item SET percentage = 20}, '2.00000' ],
	[ 'product_property', q{SELECT public.sold('properties', 1, 1)}, '',
		q{INSERT INTO crm.product_property (product_id, name, data_type, default_value) VALUES (1, 'length', 'decimal', '1.5')}, '{"length": 1.5}' ],
	[ 'price_list_territory', q{INSERT INTO crm.quote (account_id) VALUES (1) RETURNING price_list_id}, '1',
		q{UPDATE crm.price_list_territory SET price_list_id = 4}, '4' ],
	[ 'tax_rate', q{SELECT public.line(1, 'crm.quote', 100)}, '21.0000',
		q{UPDATE crm.tax_rate SET percentage = 10}, '10.0000' ],
	[ 'tax_rule', q{SELECT public.line(1, 'crm.quote', 100)}, '10.0000', q{UPDATE crm.tax_rule SET country = 'FR'}, '0.0000' ],
	[ 'payment_term', q{INSERT INTO crm.invoice (account_id, payment_terms, invoice_date) VALUES (1, 'net_30', '2026-03-01') RETURNING due_date}, '2026-03-31',
		q{UPDATE crm.payment_term SET net_days = 10 WHERE payment_terms = 'net_30'}, '2026-03-11' ],
	[ 'status_reason', q{INSERT INTO crm.lead (last_name, status_reason) VALUES ('A', 'warm') RETURNING status_reason}, 'SC003',
		q{INSERT INTO crm.status_reason (entity, state, status_reason, label) VALUES ('lead', 'open', 'warm', 'Warm')}, 'warm' ],
	[ 'state_transition', q{SELECT public.reopened()}, 'open',
		q{DELETE FROM crm.state_transition WHERE entity = 'lead' AND made_by = 'reopen_lead'}, 'SC001' ],
	[ 'editable_when_closed', q{SELECT public.changed_when_closed()}, 'SC002',
		q{INSERT INTO crm.editable_when_closed (entity, column_name) VALUES ('lead', 'company_name')}, 'changed' ],
	[ 'option_value', q{INSERT INTO crm.lead (last_name, lead_source) VALUES ('A', 'fair') RETURNING lead_source}, '23514',
		q{INSERT INTO crm.option_value (entity, column_name, value, label) VALUES ('lead', 'lead_source', 'fair', 'Fair')}, 'fair' ],
	[ 'column_map', q{SELECT public.mapped()}, 'kept', q{DELETE FROM crm.column_map WHERE source_column = 'description'}, '' ],
	[ 'crm_user', q{INSERT INTO crm.lead (last_name) VALUES ('A') RETURNING owner_id}, '101', q{UPDATE crm.crm_user SET owner_id = 102 WHERE owner_id = 101}, '102' ],
	[ 'team', q{SELECT public.unknown_owner()}, 'Default Team', q{UPDATE crm.team SET is_default = (team_id = 50) WHERE is_default OR team_id = 50}, 'Others' ],
	[ 'role_access', q{SELECT public.acting()}, '42501', q{INSERT INTO crm.role_access (role_name, access_level) VALUES ('pool', 'impersonate')}, '102' ],
	[ 'activity_type_role', q{SELECT public.attended('organizer')}, '23514',
		q{INSERT INTO crm.activity_type_role (activity_type, participation_type) VALUES ('phone_call', 'organizer')}, 'organizer' ],
	[ 'activity_type_reason', q{INSERT INTO crm.activity (activity_type, subject, status_reason) VALUES ('task', 'A', 'warm') RETURNING status_reason}, 'SC003',
		q{INSERT INTO crm.activity_type_reason (activity_type, state, status_reason) VALUES ('task', 'open', 'warm')}, 'warm' ],
	[ 'queue_exit_state', q{SELECT public.left_queue()}, 'inactive', q{DELETE FROM crm.queue_exit_state WHERE entity = 'lead'}, 'active' ],
	[ 'automation_action', q{SELECT public.marked('Mark')}, 'first',
		q{UPDATE crm.automation_action SET parameters = '{"set": {"description": "''second''"}}' WHERE automation_action_id = 1001}, 'second' ],
	[ 'automation_rule', q{SELECT public.marked('Mark')}, 'second', q{UPDATE crm.automation_rule SET condition = 'false' WHERE automation_rule_id = 1001}, '' ],
	[ 'working_hours', q{SELECT sales_crm.add_working_time('2026-03-02 00:00+00', 60)}, '2026-03-02 10:00:00+00',
		q{UPDATE crm.working_hours SET start_time = '12:00' WHERE weekday = 1}, '2026-03-02 13:00:00+00' ],
	[ 'holiday', q{SELECT sales_crm.add_working_time('2026-03-03 00:00+00', 60)}, '2026-03-03 10:00:00+00',
		q{INSERT INTO crm.holiday (working_calendar_id, holiday_date) SELECT working_calendar_id, '2026-03-03' FROM crm.working_calendar}, '2026-03-04 10:00:00+00' ],
	[ 'working_calendar', q{SELECT sales_crm.add_working_time('2026-03-05 00:00+00', 60)}, '2026-03-05 10:00:00+00',
		q{UPDATE crm.working_calendar SET time_zone = 'Europe/Madrid'}, '2026-03-05 09:00:00+00' ],
	[ 'schema_version', q{INSERT INTO crm.lead (last_name) VALUES ('A') RETURNING state}, 'open', q{INSERT INTO crm.schema_version (version) VALUES (99)}, 'SC014' ]);

my $setup = q{
	CREATE EXTENSION sales_crm;
	ALTER TABLE crm.number_series ALTER width SET DEFAULT 5;
	INSERT INTO crm.status_reason (entity, state, status_reason, label) VALUES ('activity', 'open', 'warm', 'Warm') ON CONFLICT DO NOTHING;
	UPDATE crm.organization_setting SET value = 'excluded' WHERE name = 'tax_method';
	INSERT INTO crm.currency (currency_code, name, decimals, exchange_rate) VALUES ('EUR', 'Euro', 2, 1);
	INSERT INTO crm.territory (territory_id, name) VALUES (1, 'North');
	INSERT INTO crm.owner (owner_id, owner_type, name) VALUES (101, 'user', 'Ada'), (102, 'user', 'Ben'), (103, 'team', 'Others');
	INSERT INTO crm.team (team_id, owner_id, name) VALUES (50, 103, 'Others');
	INSERT INTO crm.crm_user (crm_user_id, owner_id, name, role_name, territory_id) VALUES (1, 101, 'Ada', current_user, 1);
	INSERT INTO crm.account (account_id, name, address_country) VALUES (1, 'Contoso', 'ES');
	INSERT INTO crm.discount_list (discount_list_id, name) VALUES (1, 'Volume');
	INSERT INTO crm.discount_list_item (discount_list_id, low_quantity, percentage) VALUES (1, 5, 10);
	INSERT INTO crm.unit (unit_id, unit_group_id, name, base_quantity) SELECT 50, unit_group_id, 'Crate', 12 FROM crm.unit_group;
	INSERT INTO crm.product (product_id, product_number, name, unit_group_id, list_price, quantity_decimals) SELECT n, 'P-' || n, 'Product', unit_group_id, 10, 2 FROM crm.unit_group, generate_series(1, 2) AS n;
	SELECT sales_crm.publish_product(product_id => n) FROM generate_series(1, 2) AS n;
	INSERT INTO crm.price_list (price_list_id, name, currency_code) VALUES (1, 'One', 'USD'), (2, 'Two', 'EUR'), (3, 'Three', 'USD'), (4, 'Four', 'USD');
	INSERT INTO crm.price_list_item (price_list_id, product_id, unit_id, amount, discount_list_id) SELECT 1, 1, default_unit_id, 10, 1 FROM crm.product WHERE product_id = 1;
	INSERT INTO crm.price_list_item (price_list_id, product_id, unit_id, pricing_method, percentage) VALUES (1, 2, 50, 'percent_of_list', 100);
	INSERT INTO crm.price_list_territory (price_list_id, territory_id) VALUES (1, 1);
	INSERT INTO crm.tax_rate (tax_rate_id, name, percentage) VALUES (1, 'VAT', 21);
	INSERT INTO crm.tax_rule (name, tax_rate_id, country) VALUES ('Spain', 1, 'ES');
	INSERT INTO crm.queue (queue_id, name) VALUES (1000, 'Inbound');
	INSERT INTO crm.automation_rule (automation_rule_id, name, entity, event, condition) VALUES (1001, 'Mark', 'lead', 'created', 'new.last_name = ''Mark''');
	INSERT INTO crm.automation_action (automation_action_id, automation_rule_id, action, parameters) VALUES (1001, 1001, 'set_columns', '{"set": {"description": "''first''"}}');
	CREATE FUNCTION public.told(statement text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE answer text;
	BEGIN
		EXECUTE statement INTO answer;
		RETURN coalesce(answer, '');
	EXCEPTION WHEN OTHERS THEN
		RETURN SQLSTATE;
	END $$;
	CREATE FUNCTION public.line(list bigint, header text, amount numeric) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE made bigint; answer text;
	BEGIN
		IF header = 'crm.opportunity' THEN
			INSERT INTO crm.opportunity (name, account_id, currency_code, is_revenue_system_calculated, estimated_value) VALUES ('A', 1, 'EUR', false, amount) RETURNING estimated_value::text INTO answer;
			RETURN answer;
		END IF;
		INSERT INTO crm.quote (account_id) VALUES (1) RETURNING quote_id INTO made;
		INSERT INTO crm.quote_product (quote_id, product_description, price_per_unit, quantity) VALUES (made, 'Item', amount, 1) RETURNING tax_amount::text INTO answer;
		RETURN answer;
	END $$;
	CREATE FUNCTION public.sold(what text, product bigint, many numeric) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE made bigint; answer text;
	BEGIN
		INSERT INTO crm.quote (account_id, price_list_id) VALUES (1, 1) RETURNING quote_id INTO made;
		EXECUTE format('INSERT INTO crm.quote_product (quote_id, product_id, unit_id, quantity) VALUES ($1, $2, CASE WHEN $2 = 2 THEN 50 END, $3) RETURNING %I::text', what) INTO answer USING made, product, many;
		RETURN answer;
	END $$;
	CREATE FUNCTION public.reopened() RETURNS text LANGUAGE plpgsql AS $$
	DECLARE made bigint;
	BEGIN
		INSERT INTO crm.lead (last_name) VALUES ('A') RETURNING lead_id INTO made;
		PERFORM sales_crm.disqualify_lead(lead_id => made);
		RETURN (SELECT state FROM sales_crm.reopen_lead(lead_id => made) AS r (state));
	END $$;
	CREATE FUNCTION public.changed_when_closed() RETURNS text LANGUAGE plpgsql AS $$
	DECLARE made bigint; answer text;
	BEGIN
		INSERT INTO crm.lead (last_name) VALUES ('A') RETURNING lead_id INTO made;
		PERFORM sales_crm.disqualify_lead(lead_id => made);
		UPDATE crm.lead SET company_name = 'changed' WHERE lead_id = made RETURNING company_name INTO answer;
		RETURN answer;
	END $$;
	CREATE FUNCTION public.mapped() RETURNS text LANGUAGE plpgsql AS $$
	DECLARE made bigint;
	BEGIN
		INSERT INTO crm.lead (last_name, description) VALUES ('A', 'kept') RETURNING lead_id INTO made;
		SELECT opportunity_id FROM sales_crm.qualify_lead(lead_id => made) INTO made;
		RETURN (SELECT description FROM crm.opportunity WHERE opportunity_id = made);
	END $$;
	CREATE FUNCTION public.unknown_owner() RETURNS text LANGUAGE plpgsql AS $$
	DECLARE answer text;
	BEGIN
		SET LOCAL ROLE seller;
		INSERT INTO crm.lead (last_name) VALUES ('A') RETURNING (SELECT o.name FROM crm.owner AS o WHERE o.owner_id = lead.owner_id) INTO answer;
		RESET ROLE;
		RETURN answer;
	END $$;
	CREATE FUNCTION public.acting() RETURNS text LANGUAGE plpgsql AS $$
	DECLARE answer text;
	BEGIN
		SET LOCAL ROLE pool;
		SET LOCAL sales_crm.user_id = 102;
		INSERT INTO crm.lead (last_name) VALUES ('A') RETURNING owner_id INTO answer;
		RESET sales_crm.user_id;
		RESET ROLE;
		RETURN answer;
	END $$;
	CREATE FUNCTION public.attended(role text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE made bigint; answer text;
	BEGIN
		INSERT INTO crm.activity (activity_type, subject) VALUES ('phone_call', 'A') RETURNING activity_id INTO made;
		INSERT INTO crm.activity_party (activity_id, participation_type, entity, record_id) VALUES (made, role, 'account', 1) RETURNING participation_type INTO answer;
		RETURN answer;
	END $$;
	CREATE FUNCTION public.left_queue() RETURNS text LANGUAGE plpgsql AS $$
	DECLARE made bigint;
	BEGIN
		INSERT INTO crm.lead (last_name) VALUES ('A') RETURNING lead_id INTO made;
		PERFORM sales_crm.add_to_queue('lead', made, 1000);
		PERFORM sales_crm.disqualify_lead(lead_id => made);
		RETURN (SELECT state FROM crm.queue_item WHERE entity = 'lead' AND record_id = made);
	END $$;
	CREATE FUNCTION public.marked(called text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE made bigint;
	BEGIN
		INSERT INTO crm.lead (last_name) VALUES (called) RETURNING lead_id INTO made;
		RETURN (SELECT description FROM crm.lead WHERE lead_id = made);
	END $$;
	SELECT sales_crm.grant_access(role => r, level => 'sell') FROM unnest('{seller,pool}'::text[]) AS r};

my $tables = join ', ', sort(keys %{ { map { ("crm.$_->[0]" => 1) } @kinds } }), 'crm.activity_type', 'crm.territory', 'crm.territory_area';
my $node = start_server('main', "wal_level = logical\nmax_wal_senders = 4\nmax_replication_slots = 4\nautovacuum = off\ntimezone = 'UTC'");
my $copy = start_server('copy', "timezone = 'UTC'");

for my $place ([ $node, 'role' ], [ $node, 'off' ], [ $node, 'origin' ], [ $copy, 'origin' ])
{
	my ($server, $db) = @$place;

	$server->safe_psql('postgres', "SELECT 'CREATE ROLE ' || r FROM unnest('{seller,pool}'::text[]) AS r WHERE to_regrole(r) IS NULL \\gexec");
	$server->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0");
	$server->safe_psql($db, $setup);
}
is($node->safe_psql('role', q{SELECT count(*), count(*) FILTER (WHERE tgenabled = 'A' AND tgtype & 1 = 1) FROM pg_trigger WHERE tgname = 't90_config_changed'}),
	scalar(split /, /, $tables) . '|' . scalar(split /, /, $tables), 'every table that is kept in memory tells of its changes always, for each row');

follows('replica', $node, 'role', $node, 'SET session_replication_role = replica');

$node->safe_psql('origin', "CREATE PUBLICATION told FOR TABLE $tables");
$copy->safe_psql('origin', "CREATE SUBSCRIPTION told CONNECTION '" . $node->connstr . " dbname=origin' PUBLICATION told WITH (copy_data = false)");
$node->wait_for_catchup('told');
$node->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_standby_names = 'told'});
$node->reload;
follows('logical replication', $copy, 'origin', $node, 'SET synchronous_commit = remote_apply; SET session_replication_role = replica');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET synchronous_standby_names');
$node->reload;
$copy->safe_psql('origin', 'DROP SUBSCRIPTION told');

$node->safe_psql('off', "ALTER TABLE $_ DISABLE TRIGGER ALL") for split /, /, $tables;
follows('triggers disabled', $node, 'off', $node, 'SET application_name = other');
$node->safe_psql('off', 'DELETE FROM crm.schema_version WHERE version = 99');
$node->safe_psql('off', "ALTER TABLE $_ ENABLE TRIGGER ALL") for split /, /, $tables;
is($node->safe_psql('off', q{SELECT count(*) FROM sales_crm.verify() WHERE check_name = 'change_not_announced'}), scalar(split /, /, $tables), 'verify() tells of triggers that are not ENABLE ALWAYS any more');
$node->safe_psql('off', q{SELECT sales_crm.repair('crm')});
is($node->safe_psql('off', q{SELECT count(*) FROM sales_crm.verify() WHERE check_name = 'change_not_announced'}), '0', 'repair() sets them');

$node->stop;
$copy->stop;
done_testing();

# One session is told of each kind before and after somebody else changed it, maybe on another server.
sub follows
{
	my ($how, $server, $db, $other, $before) = @_;
	my $script = '';

	for my $kind (@kinds)
	{
		my ($name, $ask, undef, $change) = @$kind;

		(my $statements = "$before; $change") =~ s/"/\\"/g;
		$ask = "SELECT public.told(\$ask\$$ask\$ask\$);\n";
		$script .= $ask . '\! psql -X -q -v ON_ERROR_STOP=1 -d "' . $other->connstr($db) . "\" -c \"$statements\"\n" . $ask;
	}
	my @told = split /\n/, $server->safe_psql($db, $script), -1;
	for my $i (0 .. $#kinds)
	{
		my ($name, undef, $first, undef, $then) = @{ $kinds[$i] };

		is($told[ 2 * $i ], $first, "$how: $name as it was");
		is($told[ 2 * $i + 1 ], $then, "$how: $name as it was changed");
	}
	return;
}
