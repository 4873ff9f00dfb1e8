# What one session holds stays flat over 20,000 calls; test/long/memory.sh plays two million.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use PostgreSQL::Test::Utils;
use SalesCrm;
use Test::More;

my $node = start_server('main');
my $rounds = 1000;

$node->safe_psql('postgres', 'CREATE DATABASE memory TEMPLATE template0');
run_file($node, 'memory', 'memory.sql');
$node->command_ok([ 'pgbench', '-n', '-c', '1', '-t', $rounds, '-D', "rounds=$rounds", '-f', "$FindBin::RealBin/../lib/memory.pgb", $node->connstr('memory') ], 'one session plays its rounds');
is($node->safe_psql('memory', 'SELECT string_agg(calls::text, $$ $$ ORDER BY calls) FROM held'), '2000 20000', 'its memory is noted twice');
cmp_ok($node->safe_psql('memory', 'SELECT max(contexts) FILTER (WHERE calls = 20000)::numeric / max(contexts) FILTER (WHERE calls = 2000) FROM held'), '<', 1.02, 'its contexts hold no more');
cmp_ok($node->safe_psql('memory', 'SELECT max(private_kb) FILTER (WHERE calls = 20000) - max(private_kb) FILTER (WHERE calls = 2000) FROM held'), '<', 2048, 'nor does the process, in kB')
  or diag($node->safe_psql('memory', 'TABLE held'));

$node->stop;
done_testing();
