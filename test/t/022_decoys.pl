# No name of ours is found in the caller's search_path: with decoys for all of pg_catalog first in the path of every call and trigger, the work,
# the sessions of README and the tests of the calls come out the same to the byte. DECOYS=all plays every file of test/pgtap.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Utils;
use SalesCrm;
use Test::More;

my $tree = "$FindBin::RealBin/../..";
my @files = map { "$tree/test/pgtap/$_.sql" } qw(lead_qualify opportunity_close quote_life order_cash_life invoice_life tax_rules bundle_lines
	catalog_life process_path automation_workflow);
@files = sort glob "$tree/test/pgtap/*.sql" if ($ENV{DECOYS} // '') eq 'all';

my $node = start_server('main');

$node->safe_psql('postgres', "CREATE DATABASE $_") for 'plain', 'tricked';
$node->safe_psql($_, 'CREATE EXTENSION pgtap; CREATE EXTENSION sales_crm') for 'plain', 'tricked';
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'tricked', '-f', "$tree/test/lib/decoys.sql" ], 'decoys stand first in the path');
my ($status, undef, $error) = $node->psql('tricked', 'SET search_path = decoy, pg_catalog; SELECT count(1)');
isnt($status, 0, 'and bite');
for my $db ('plain', 'tricked')
{
	$node->safe_psql('postgres', "CREATE DATABASE ${db}_$_ TEMPLATE $db") for 'work', 'readme';
}

# What psql prints of a file, errors included; keys in the names of checks aside, which sequences have given meanwhile.
sub printed
{
	my ($db, $file, @options) = @_;
	my ($out, $errors) = run_command([ 'psql', '-X', '-q', '-A', '-t', @options, '-d', $node->connstr($db), '-f', $file ]);

	$out =~ s/^((?:not )?ok \d+ - .*)/$1 =~ s{\d\d+}{N}gr/gme;
	return join "\n", $out, map { s/^psql:[^:]*//r } grep { !/NOTICE|^CONTEXT|^PL\/pgSQL/ } split /\n/, $errors;
}

# A script without the lines that make its own database.
sub script_of
{
	my ($file) = @_;
	my $text = slurp_file($file);
	my $copy = PostgreSQL::Test::Utils::tempdir() . '/script.sql';

	$text =~ s/^.*?CREATE EXTENSION sales_crm;\n//s;
	$text =~ s/^DROP DATABASE.*|^\\c .*//mg;
	append_to_file($copy, $text);
	return $copy;
}

for my $file (@files)
{
	my ($name) = $file =~ m{([^/]*)$};
	my $tricked = printed('tricked', $file);

	unlike($tricked, qr/decoy/, "$name meets no decoy");
	same($tricked, printed('plain', $file), "$name comes out the same");
}

# The work itself, kept; the sessions of README in databases of their own.
run_file($node, "${_}_work", 'core_of_sales.sql') for 'plain', 'tricked';
for my $of ('refusal', 'price', 'total', 'guidance', 'timeline', 'verify')
{
	my $query = "SELECT t::text FROM told.$of AS t ORDER BY 1";

	same($node->safe_psql('tricked_work', $query), $node->safe_psql('plain_work', $query), "said the same: $of");
}
for my $query ('SELECT invoice_number, total_amount, balance_amount FROM crm.invoice ORDER BY 1', 'SELECT event_name, payload FROM crm.outbox_event ORDER BY outbox_event_id')
{
	same($node->safe_psql('tricked_work', $query), $node->safe_psql('plain_work', $query), "stored the same: $query");
}
same(printed('tricked_readme', script_of("$tree/sql/readme.sql"), '-a'), printed('plain_readme', script_of("$tree/sql/readme.sql"), '-a'), 'the sessions of README come out the same');

$node->stop;
done_testing();
