# A living database survives every way out and back in: rows, sequences and catalogue equal, calls go on.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Utils;
use SalesCrm;
use Test::More;

my @both = ('crm', 'branch');
my $node = start_server('main');
my $dir = PostgreSQL::Test::Utils::tempdir();

$node->safe_psql('postgres', 'CREATE DATABASE living');
run_file($node, 'living', 'living.sql');
run_file($node, 'living', 'deals.sql', $_) for @both;
verify_finds_nothing($node, 'living', @both);
my $contents = contents($node, 'living', @both);
my $structure = structure($node, 'living');
like($contents, qr/^crm\.invoice\|4\|/m, 'the living database has invoices');

sub survived
{
	my ($db, $what) = @_;

	same(contents($node, $db, @both), $contents, "$what: rows and sequences are equal");
	same(structure($node, $db), $structure, "$what: the catalogue is equal");
	verify_finds_nothing($node, $db, @both);
	calls_work($node, $db, @both);
	is($node->safe_psql($db, 'SELECT (SELECT count(*) FROM crm.lead) - (SELECT count(*) FROM crm.outbox_event)'), '0', "$what: rules fire");
	return;
}

# pg_dump | psql
$node->safe_psql('postgres', 'CREATE DATABASE plain TEMPLATE template0');
$node->command_ok([ 'pg_dump', '-d', 'living', '-f', "$dir/plain.sql" ], 'pg_dump');
$node->command_ok([ 'psql', '-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', 'plain', '-f', "$dir/plain.sql" ], 'psql restores');
survived('plain', 'pg_dump | psql');

# pg_dump -Fc, pg_restore -j2
$node->safe_psql('postgres', 'CREATE DATABASE custom TEMPLATE template0');
$node->command_ok([ 'pg_dump', '-Fc', '-d', 'living', '-f', "$dir/custom.dump" ], 'pg_dump -Fc');
$node->command_ok([ 'pg_restore', '-j2', '--exit-on-error', '-d', 'custom', "$dir/custom.dump" ], 'pg_restore -j2');
survived('custom', 'pg_dump -Fc, pg_restore -j2');

# One organization alone, into a database that has the extension and an organization of its own
$node->safe_psql('postgres', 'CREATE DATABASE alone TEMPLATE template0');
$node->safe_psql('alone', 'CREATE EXTENSION sales_crm');
$node->command_ok([ 'pg_dump', '-n', 'branch', '-d', 'living', '-f', "$dir/branch.sql" ], 'pg_dump -n branch');
$node->command_ok([ 'psql', '-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', 'alone', '-f', "$dir/branch.sql" ], 'psql restores branch');
same(contents($node, 'alone', 'branch'), contents($node, 'living', 'branch'), 'pg_dump -n: rows and sequences are equal');
same(structure($node, 'alone', '-n', 'branch'), structure($node, 'living', '-n', 'branch'), 'pg_dump -n: the catalogue is equal');
verify_finds_nothing($node, 'alone', @both);
calls_work($node, 'alone', 'branch');

# The extension goes, the data stay, repair brings the triggers back
$node->safe_psql('postgres', 'CREATE DATABASE dropped TEMPLATE living');
my ($status, undef, $error) = $node->psql('dropped', 'DROP EXTENSION sales_crm');
isnt($status, 0, 'DROP EXTENSION is refused while triggers use the code');
like($error, qr/depend/, 'and says why');
$node->safe_psql('dropped', 'DROP EXTENSION sales_crm CASCADE');
same(contents($node, 'dropped', @both), $contents, 'DROP EXTENSION CASCADE: the data stay');
$node->safe_psql('dropped', 'CREATE EXTENSION sales_crm');
$node->safe_psql('dropped', "SELECT * FROM sales_crm.repair(organization => '$_')") for @both;
survived('dropped', 'DROP EXTENSION CASCADE, CREATE EXTENSION, repair');

$node->stop;
done_testing();
