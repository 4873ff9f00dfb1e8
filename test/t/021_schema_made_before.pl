# A schema sales_crm that somebody made before: CREATE EXTENSION, which a superuser runs, finds nothing of his in it and does not leave it to him.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Utils;
use SalesCrm;
use Test::More;

my $node = start_server('main');
my @builder = (extra_params => [ '-U', 'builder' ]);
my $n = 0;

$node->safe_psql('postgres', 'CREATE ROLE builder LOGIN; CREATE ROLE dba SUPERUSER LOGIN');

# A database where builder may make schemas, and what stands in it before.
sub prepared
{
	my ($by_builder, $by_superuser) = @_;
	my $db = 'made_' . ++$n;

	$node->safe_psql('postgres', "CREATE DATABASE $db; GRANT CREATE ON DATABASE $db TO builder");
	$node->safe_psql($db, $by_builder, @builder) if $by_builder;
	$node->safe_psql($db, $by_superuser) if $by_superuser;
	return $db;
}

sub refused
{
	my ($db, $why, $what) = @_;
	my (undef, undef, $error) = $node->psql($db, "\\set VERBOSITY verbose\nCREATE EXTENSION sales_crm");

	like($error, qr/42P06: schema "sales_crm" cannot be.*DETAIL:  $why.*HINT:  Drop or rename/s, "refused: $what");
	is($node->safe_psql($db, "SELECT count(*) FROM pg_extension WHERE extname = 'sales_crm'"), '0', 'and nothing was made');
	return;
}

sub accepted
{
	my ($db, $what) = @_;

	$node->safe_psql($db, 'CREATE EXTENSION sales_crm');
	is($node->safe_psql($db, "SELECT has_schema_privilege('builder', 'sales_crm', 'CREATE'), has_schema_privilege('builder', 'sales_crm', 'USAGE'), count(*) FROM sales_crm.verify()"), 'f|t|0', $what);
	return;
}

# Operators and functions that fit better than those of pg_catalog, of whoever waits for a superuser.
my $trap = q{
	CREATE FUNCTION sales_crm.rise(oid, regnamespace) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN ALTER ROLE builder SUPERUSER; RETURN $1 = $2::oid; END $$;
	CREATE OPERATOR sales_crm.= (leftarg = oid, rightarg = regnamespace, function = sales_crm.rise);
	CREATE FUNCTION sales_crm.rise(name, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN ALTER ROLE builder SUPERUSER; RETURN $1::text = $2; END $$;
	CREATE OPERATOR sales_crm.= (leftarg = name, rightarg = text, function = sales_crm.rise);
	CREATE FUNCTION sales_crm.format(text, regprocedure) RETURNS text LANGUAGE plpgsql AS $$ BEGIN ALTER ROLE builder SUPERUSER; RETURN 'SELECT 1'; END $$;};

refused(prepared("CREATE SCHEMA sales_crm; $trap"), 'It belongs to role "builder"', 'a schema of somebody else, with operators in it');
refused(prepared('CREATE SCHEMA sales_crm'), 'It belongs to role "builder"', 'an empty schema of somebody else');
refused(prepared("CREATE SCHEMA sales_crm; $trap", 'ALTER SCHEMA sales_crm OWNER TO postgres'), 'It is not empty', 'a schema that was taken over with what is in it');
refused(prepared('', 'CREATE SCHEMA sales_crm; GRANT CREATE ON SCHEMA sales_crm TO builder'), 'Others than superusers may create', 'a schema that somebody else may fill');
refused(prepared('', 'CREATE SCHEMA sales_crm; GRANT CREATE ON SCHEMA sales_crm TO PUBLIC'), 'Others than superusers may create', 'a schema that everybody may fill');
refused(prepared('', 'ALTER DEFAULT PRIVILEGES GRANT CREATE ON SCHEMAS TO builder'), 'Others than superusers may create', 'a new schema, when default privileges give it to somebody');
refused(prepared('', 'CREATE SCHEMA sales_crm; ALTER DEFAULT PRIVILEGES IN SCHEMA sales_crm GRANT EXECUTE ON FUNCTIONS TO builder'), 'It is not empty', 'a schema with default privileges of its own');
is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'builder'"), 'f', 'nothing of his ran meanwhile');

accepted(prepared(), 'without such a schema the extension makes its own');
accepted(prepared('', 'CREATE SCHEMA sales_crm'), 'as dumps have it: an empty schema of the superuser who restores');
accepted(prepared('', 'CREATE SCHEMA sales_crm AUTHORIZATION dba; GRANT CREATE ON SCHEMA sales_crm TO postgres'), 'or of another superuser');

# What was found in the path of the session makes no difference either.
my $db = prepared('CREATE SCHEMA mine; ' . $trap =~ s/sales_crm/mine/gr);
$node->safe_psql($db, 'SET search_path = mine; CREATE EXTENSION sales_crm');
is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'builder'"), 'f', 'nothing of the search_path ran');

$node->stop;
done_testing();
