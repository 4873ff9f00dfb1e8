# A user who is no superuser restores his dump once a superuser has put the extension into his database.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Utils;
use SalesCrm;
use Test::More;

my $node = start_server('main');
my $dir = PostgreSQL::Test::Utils::tempdir();

$node->safe_psql('postgres', 'CREATE ROLE tenant LOGIN; CREATE DATABASE living; CREATE DATABASE restored OWNER tenant TEMPLATE template0');
run_file($node, 'living', 'living.sql');
run_file($node, 'living', 'deals.sql', $_) for 'crm', 'branch';
$node->command_ok([ 'pg_dump', '--no-owner', '-d', 'living', '-f', "$dir/living.sql" ], 'pg_dump --no-owner');

# Nothing but what belongs to the superuser's extension may be refused.
$node->safe_psql('restored', 'SET row_security = off; CREATE EXTENSION sales_crm');
is($node->safe_psql('restored', "SELECT to_regnamespace('crm')"), '', 'with row_security off the extension makes no organization');
$node->safe_psql('restored', 'ALTER SCHEMA public OWNER TO tenant');
my ($out, $errors) = run_command([ 'psql', '-X', '-q', '-d', $node->connstr('restored') . ' user=tenant', '-f', "$dir/living.sql" ]);
my @others = grep { /ERROR/ && !/schema "sales_crm" already exists|extension sales_crm|for schema sales_crm/ } split /\n/, $errors;
is(join("\n", @others), '', 'the restore meets no other error');

same(contents($node, 'restored', 'crm', 'branch'), contents($node, 'living', 'crm', 'branch'), 'rows and sequences are equal');
same(structure($node, 'restored', '--no-owner', '-n', 'crm', '-n', 'branch'),
	structure($node, 'living', '--no-owner', '-n', 'crm', '-n', 'branch'), 'the catalogue is equal');
is($node->safe_psql('restored', "SELECT DISTINCT relowner::regrole FROM pg_class WHERE relnamespace = 'crm'::regnamespace"), 'tenant', 'the tenant owns it all');
verify_finds_nothing($node, 'restored', 'crm', 'branch');

# The rule is the superuser's: it does not run in tables of the tenant, who could write any rule there, until he makes it his.
my $insert = "INSERT INTO crm.lead (last_name) VALUES ('Tenant') RETURNING lead_id";
my (undef, undef, $stopped) = $node->psql('restored', $insert, extra_params => [ '-U', 'tenant' ]);
like($stopped, qr/automation rule "Tell of new leads" failed.*42501/s, 'a rule of a superuser does not run in tables of the tenant');
$node->safe_psql('restored', "UPDATE crm.automation_rule SET rule_owner = 'tenant'", extra_params => [ '-U', 'tenant' ]);
calls_work($node, 'restored', 'crm', 'branch');

# The triggers work for the tenant himself, and the calls once he was given access.
my $lead_id = $node->safe_psql('restored', $insert, extra_params => [ '-U', 'tenant' ]);
my $qualify = "SELECT opportunity_id > 0 FROM sales_crm.qualify_lead(lead_id => $lead_id)";
my (undef, undef, $refusal) = $node->psql('restored', $qualify, extra_params => [ '-U', 'tenant' ]);
like($refusal, qr/permission denied/, 'a call needs access');
$node->safe_psql('restored', "SELECT sales_crm.grant_access(role => 'tenant', level => 'sell')");
is($node->safe_psql('restored', $qualify, extra_params => [ '-U', 'tenant' ]), 't', 'with access the tenant calls');

$node->stop;
done_testing();
