#!/usr/bin/perl
# Plays sessions of random attacks through psql and counts what the server did with them. Each session draws from a seed of its own, so that
# one can be played again alone. Findings are told once each, with the statements that led there in a file.
use strict;
use warnings;
use List::Util qw(shuffle min max);
use POSIX qw(:sys_wait_h);

my $seed       = $ENV{SEED} || 1;
my $found_dir  = $ENV{FOUND} || '.';
my $log        = $ENV{SERVER_LOG} || '/dev/null';
my $wanted     = $ENV{STATEMENTS} || ($ENV{MINUTES} ? 1e15 : 20_000);
my $until      = $ENV{MINUTES} ? time + 60 * $ENV{MINUTES} : 0;
my $only       = $ENV{SESSION};
my $workers    = $ENV{WORKERS} || 2;
my $patience   = 60;		# seconds that a statement may go on after its statement_timeout of two

my %kinds = (triggers => \&play_triggers, calls => \&play_calls, policies => \&play_policies, damage => \&play_damage);
my @order = $ENV{KIND} ? ($ENV{KIND}) : qw(triggers calls policies triggers damage calls triggers policies);

# ---- what the catalogue says ----

my %table;			# name => [[name, type, is NOT NULL]..]
my @functions;		# { name, args => [[name, type, has_default]..] }
my @trigger_functions;
my %triggers;		# table => [definitions]
my %value;			# column name => [values]

sub ask
{
	my ($database, $sql) = @_;
	open my $out, '-|', 'psql', '-qXAt', '-F', "\x1f", '-R', "\x1e", '-d', $database, '-c', $sql or die;
	local $/;
	my $text = <$out> // '';
	close $out;
	chomp $text;
	return map { [split /\x1f/, $_, -1] } split /\x1e/, $text;
}

sub read_catalogue
{
	push @{ $table{ $_->[0] } }, [ @$_[ 1 .. 3 ] ]
	  for ask('fuzz_0', 'SELECT name, c, t, r FROM fuzz_table, unnest(columns, types, required) WITH ORDINALITY AS u (c, t, r, n) ORDER BY name, n');
	push @{ $value{ $_->[0] } }, $_->[1] for ask('fuzz_0', 'SELECT column_name, value FROM fuzz_value ORDER BY 1, 2');
	push @{ $triggers{ $_->[0] } }, $_->[1]
	  for ask('fuzz_0', q{SELECT relname, pg_get_triggerdef(t.oid) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid
		WHERE relnamespace = 'crm'::regnamespace AND NOT tgisinternal AND NOT relispartition ORDER BY 1, 2});
	@trigger_functions = map { $_->[0] }
	  ask('fuzz_0', q{SELECT proname FROM pg_proc WHERE pronamespace = 'sales_crm'::regnamespace AND prorettype = 'trigger'::regtype ORDER BY 1});
	my %function;
	for (ask('fuzz_0', q{SELECT p.proname, a.name, format_type(a.type, NULL), (a.place > p.pronargs - p.pronargdefaults)::text
		FROM pg_proc AS p CROSS JOIN LATERAL unnest(coalesce(p.proargnames, '{}'), coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes) WITH ORDINALITY AS a (name, type, mode, place)
		WHERE pronamespace = 'sales_crm'::regnamespace AND prorettype <> 'trigger'::regtype AND coalesce(a.mode, 'i') IN ('i', 'b') ORDER BY 1, a.place}))
	{
		push @{ $function{ $_->[0] } }, [ @$_[ 1 .. 3 ] ];
	}
	@functions = map { { name => $_, args => $function{$_} || [] } } map { $_->[0] }
	  ask('fuzz_0', q{SELECT proname FROM pg_proc WHERE pronamespace = 'sales_crm'::regnamespace AND prorettype <> 'trigger'::regtype
		AND proname NOT IN ('create_organization', 'migrate', 'repair', 'grant_access') ORDER BY 1});
}

# ---- chance ----

sub chance { return rand() < $_[0] }
sub pick   { return $_[ int rand @_ ] }
sub table_among { return pick(grep { exists $table{$_} } @_) }

sub quoted
{
	my ($text) = @_;
	$text =~ s/'/''/g;
	return "'$text'";
}

my %extreme = (
	bigint  => [ qw(0 1 -1 2 9223372036854775807 -9223372036854775808 2147483648) ],
	integer => [ qw(0 1 -1 14 2147483647 -2147483648 100000) ],
	numeric => [ qw(0 1 -1 0.00001 NaN Infinity -Infinity 99999999999999.9999 -99999999999999.9999 1e100 12345678901234567890123 -0.5 100 100.0001) ],
	date    => [ '4713-01-01 BC', '5874897-12-31', 'infinity', '-infinity', '1970-01-01', '2000-02-29', '0001-01-01' ],
	'timestamp with time zone' => [ '4713-01-01 BC', '294276-12-31 23:59:59+00', 'infinity', '-infinity', '1970-01-01', '2024-03-31 02:30:00', 'now' ],
	'time without time zone'   => [ '00:00', '24:00', '12:00', '23:59:59.999999' ],
	interval => [ '0', '-1 day', '178000000 years', '-178000000 years', '1 month -31 days', '1 microsecond' ],
	boolean  => [ 'true', 'false' ],
	jsonb    => [ '{}', '[]', 'null', '1', '"x"', '{"a": null}', '[{"sales_order_product_id": 1, "quantity": 1}]', '[{"invoice_product_id": 1, "quantity": -1}]', '[{"sales_order_product_id": null}]',
		'[[[[]]]]', '[null, 1, {"quantity": 1e400}]', '{"event": 1}', '[{"sales_order_product_id": 9223372036854775808, "quantity": "NaN"}]', '[{"name": "x", "type": "text"}]' ],
	text => [ '', ' ', 'x', '%s%n', "a'b\"c\\", '@lead', '1', 'none', 'active', "\x{e4}", 'NaN', 'new.subject', '(((((', ',', '"', 'Europe/Madrid', 'FREQ' ],
	oid  => [ 0, 1259, 4294967295 ],
	name => [ 'x', '' ],
);

# An SQL literal of a type; values of columns of that name are among those drawn.
sub literal
{
	my ($type, $name) = @_;
	(my $plain = $type) =~ s/\(.*\)//;
	if ($plain =~ s/\[\]$//)
	{
		return "NULL::$plain\[]" if chance(0.1);
		return 'ARRAY[' . join(', ', map { literal($plain, $name =~ s/s$//r) } 1 .. int rand 4) . "]::$plain\[]";
	}
	return "NULL::$plain" if chance(0.08);
	my $extremes = $extreme{$plain} || $extreme{text};
	my $stored = $value{$name};
	return "repeat('x', " . pick(63, 64, 8000, 100000) . ')' if $plain eq 'text' && chance(0.01);
	return quoted(pick(@$stored)) . "::$plain" if $stored && chance(0.75);
	return quoted(pick(@{ $value{ pick(keys_sorted()) } })) . "::$plain" if $plain eq 'text' && chance(0.3);
	return quoted(pick(@$extremes)) . "::$plain";
}

{
	my @keys;
	sub keys_sorted { @keys = sort keys %value unless @keys; return @keys }
}

# ---- statements ----

sub call_of
{
	my ($function) = @_;
	$function = pick(@functions) if $function->{name} eq 'verify' && chance(0.9);	# it reads all there is
	my (@args, $entity);
	for my $arg (@{ $function->{args} })
	{
		my ($name, $type, $has_default) = @$arg;
		next if $has_default eq 'true' && chance(0.4);
		my $given = literal($type, $name);
		if ($name eq 'entity' && chance(0.9))
		{
			$entity = chance(0.7) ? table_among(qw(lead opportunity quote sales_order invoice activity)) : pick(sort keys %table);
			$given = quoted($entity);
		}
		elsif ($name eq 'record_id' && $entity) { $given = literal($type, $entity . '_id') }
		elsif ($name eq 'process_name') { $given = literal($type, pick('name', 'process_name')) if chance(0.2); next if chance(0.5) && $has_default eq 'true' }
		elsif ($name eq 'action' && chance(0.8)) { $given = quoted(pick(@functions)->{name}) }
		elsif ($name =~ /^(rule|calendar|consumer|description|reference)/ && chance(0.7)) { $given = literal($type, pick('name', 'consumer', 'subject')) }
		elsif ($name =~ /^(from|after|before|start|"?end"?|through)/ && chance(0.5)) { $given = literal($type, 'created_at') }
		push @args, ($name =~ /^[a-z_]+$/ && $name !~ /^(end|limit|from|to|user|column|order|start)$/ ? $name : "\"$name\"") . " => $given";
	}
	return sprintf 'SELECT * FROM sales_crm.%s(%s)', $function->{name}, join(', ', @args);
}

sub some_columns
{
	my ($name, $share) = @_;
	return grep { chance($share) } @{ $table{$name} };
}

# INSERT, UPDATE or DELETE of random values.
sub write_to
{
	my ($place, $name, $kind) = @_;
	$kind ||= pick(qw(insert update update delete));
	my $target = $place ? "$place.\"$name\"" : "\"$name\"";
	my @columns = some_columns($name, pick(0.1, 0.3, 0.9));
	my $key = "${name}_id";
	my $where = chance(0.3) ? '' : " WHERE \"$key\" = " . literal('bigint', $key);
	$where = '' unless grep { $_->[0] eq $key } @{ $table{$name} };
	return "DELETE FROM $target$where" if $kind eq 'delete';
	@columns = ($table{$name}[0]) unless @columns;
	return "UPDATE $target SET " . join(', ', map { "\"$_->[0]\" = " . literal(@$_[ 1, 0 ]) } @columns) . $where if $kind eq 'update';
	return "INSERT INTO $target DEFAULT VALUES" if chance(0.1);
	return "INSERT INTO $target (" . join(', ', map { "\"$_->[0]\"" } @columns) . ') OVERRIDING SYSTEM VALUE VALUES ' .
	  join(', ', map { '(' . join(', ', map { literal(@$_[ 1, 0 ]) } @columns) . ')' } 1 .. pick(1, 1, 3));
}

my @settings = (
	[ 'quote_all_identifiers', 'on' ], [ 'standard_conforming_strings', 'off' ], [ 'DateStyle', "'SQL, DMY'" ], [ 'DateStyle', "'German'" ], [ 'IntervalStyle', 'iso_8601' ],
	[ 'bytea_output', 'escape' ], [ 'extra_float_digits', '-15' ], [ 'timezone', "'Pacific/Apia'" ], [ 'timezone', "'Europe/Madrid'" ], [ 'array_nulls', 'off' ], [ 'transform_null_equals', 'on' ],
	[ 'xmlbinary', 'hex' ], [ 'default_transaction_isolation', 'serializable' ], [ 'search_path', "''" ], [ 'search_path', 'imitation, pg_catalog' ], [ 'search_path', 'pg_temp, crm' ],
	[ 'plan_cache_mode', 'force_custom_plan' ], [ 'plan_cache_mode', 'force_generic_plan' ], [ 'jit', 'off' ], [ 'client_encoding', 'LATIN1' ], [ 'enable_indexscan', 'off' ],
	[ 'enable_seqscan', 'off' ], [ 'work_mem', '64' ], [ 'row_security', 'off' ], [ 'session_replication_role', 'replica' ], [ 'check_function_bodies', 'off' ], [ 'constraint_exclusion', 'on' ],
	[ 'sales_crm.now', "'infinity'" ], [ 'sales_crm.now', "'4713-01-01 BC'" ], [ 'sales_crm.now', "'now'" ], [ 'sales_crm.user_id', "'9223372036854775807'" ], [ 'sales_crm.user_id', "'x'" ],
	[ 'sales_crm.user_id', "'1'" ], [ 'default_transaction_read_only', 'off' ], [ 'transaction_read_only', 'on' ], [ 'lc_monetary', "'C'" ], [ 'idle_in_transaction_session_timeout', '0' ],
	[ 'force_parallel_mode', 'on' ], [ 'backslash_quote', 'on' ], [ 'escape_string_warning', 'off' ], [ 'lock_timeout', '1s' ], [ 'from_collapse_limit', '1' ], [ 'geqo_threshold', '2' ]);

sub set_some { return map { "SET LOCAL $_->[0] = $_->[1]" } grep { chance(0.06) } @settings }

# ---- the kinds of attack: each returns the user and the cases of a session; a case is undone at its end ----

# A copy of a table in some way unlike the true one, or the attacker's own, changed; and our triggers on it.
sub play_triggers
{
	my @cases;
	for (1 .. 25)
	{
		my $name = pick(sort keys %table);
		$name = table_among(qw(quote quote_product invoice invoice_product sales_order sales_order_product opportunity opportunity_product lead activity account currency process_instance recurrence)) if chance(0.4);
		my $place = pick('imitation', 'imitation', 'pg_temp', 'elsewhere');
		my @case;
		if ($place eq 'imitation' && chance(0.5))
		{
			push @case, map { my $other = chance(0.6) ? $name : pick(sort keys %table); spoil($place, $other) } 1 .. int rand 3;
		}
		else
		{
			push @case, "DROP TABLE imitation.\"$name\"" if $place eq 'imitation';
			my $is_shaped = chance(0.7);
			my @columns = map { '"' . $_->[0] . '" ' . (!$is_shaped && chance(0.04) ? pick('text', 'bigint', 'numeric', 'integer', 'boolean', 'point', 'timestamptz', 'text[]') : $_->[1]) . ($is_shaped && $_->[2] eq 't' ? ' NOT NULL' : '') }
			  grep { $is_shaped || !chance(0.03) } @{ $table{$name} };
			push @case, "CREATE TABLE $place.\"$name\" (" . join(', ', @columns) . ')' . (chance(0.05) ? " PARTITION BY RANGE ((1))" : '');
			push @case, "INSERT INTO $place.\"$name\" DEFAULT VALUES" for 1 .. int rand 3;
			push @case, spoil($place, $name) if chance(0.3);
			push @case, write_to($place, $name, 'insert');
		}
		my @lawful = @{ $triggers{$name} || [] };
		if (@lawful && chance(0.6))
		{
			push @case, map { s/ ON crm\.("?\w+"?)/ ON $place.$1/r } chance(0.3) ? @lawful : (pick(@lawful));
		}
		else { push @case, map { random_trigger($place, $name, $_) } 1 .. pick(1, 1, 3) }
		push @case, write_to($place, $name) for 1 .. pick(2, 4);
		push @case, write_to($place, $name, 'insert'), write_to($place, $name, 'update'), "UPDATE $place.\"$name\" SET \"$table{$name}[0][0]\" = \"$table{$name}[0][0]\"";
		push @case, "TRUNCATE $place.\"$name\"" if chance(0.1);
		push @cases, \@case;
	}
	return ('fuzz_attacker', [ set_some() ], @cases);
}

sub spoil
{
	my ($place, $name) = @_;
	my $column = pick(@{ $table{$name} });
	return "ALTER TABLE $place.\"$name\" DROP COLUMN \"$column->[0]\"" if chance(0.3);
	return "ALTER TABLE $place.\"$name\" ALTER COLUMN \"$column->[0]\" TYPE " . pick('text', 'varchar', 'json') . " USING NULL" if chance(0.2);
	return "UPDATE $place.\"$name\" SET \"$column->[0]\" = NULL" if chance(0.4);
	return "DELETE FROM $place.\"$name\"" if chance(0.1);
	return "UPDATE $place.\"$name\" SET \"$column->[0]\" = " . literal(@$column[ 1, 0 ]);
}

sub random_trigger
{
	my ($place, $name, $n) = @_;
	my $time  = pick('BEFORE', 'AFTER');
	my $event = pick('INSERT', 'UPDATE', 'DELETE', 'INSERT OR UPDATE', 'INSERT OR UPDATE OR DELETE', 'TRUNCATE');
	my $level = $event eq 'TRUNCATE' ? 'STATEMENT' : pick('ROW', 'STATEMENT');
	my $seen  = '';
	if ($time eq 'AFTER' && $event =~ /^\w+$/ && $event ne 'TRUNCATE' && chance(0.6))
	{
		$seen .= ' OLD TABLE AS old_rows' if $event ne 'INSERT' && chance(0.8);
		$seen .= ' NEW TABLE AS new_rows' if $event ne 'DELETE' && chance(0.8);
		$seen = " REFERENCING$seen" if $seen;
	}
	my @arguments = map { quoted(chance(0.5) ? $name : chance(0.5) ? pick(sort keys %table) : chance(0.5) ? pick(@{ $table{$name} })->[0] : pick('', 'x', 'account', '1', 'active')) } 1 .. int rand 5;
	return "CREATE TRIGGER z$n $time $event ON $place.\"$name\"$seen FOR EACH $level EXECUTE FUNCTION sales_crm." . pick(@trigger_functions) . '(' . join(', ', @arguments) . ')';
}

# Calls and plain writes by a reader or a seller, in the true organization or in what looks like one.
sub play_calls
{
	my $user = pick('fuzz_reader', 'fuzz_seller', 'fuzz_seller');
	my $where = pick('crm', 'crm', 'crm', 'imitation', 'imitation', 'pg_temp', 'damaged');
	my @begin = set_some();
	push @begin, map { "CREATE TEMP TABLE \"$_\" AS TABLE imitation.\"$_\"" } grep { $_ =~ /^(schema_version|organization_setting)$/ || chance(0.9) } sort keys %table if $where eq 'pg_temp';
	push @begin, $where eq 'pg_temp' ? "SELECT set_config('sales_crm.organization', pg_my_temp_schema()::regnamespace::text, true)" : "SET LOCAL sales_crm.organization = '$where'";
	my @cases;
	for (1 .. 150)
	{
		my @case;
		push @case, $where =~ /crm|damaged/ && $user =~ /reader/ ? () : write_to($where, pick(sort keys %table)) if chance(0.3);
		push @case, spoil($where, pick(sort keys %table)) if $where eq 'pg_temp' && chance(0.5);
		push @case, write_to($where, table_among(qw(quote_product sales_order_product invoice_product opportunity_product quote invoice payment lead activity activity_party recurrence process_step process_stage automation_rule automation_action)))
		  if chance(0.5) && $user =~ /seller/;
		push @case, call_of(pick(@functions)) for 1 .. pick(1, 1, 3, 6);
		push @cases, \@case;
	}
	return ($user, \@begin, @cases);
}

# A policy hides rows of one table from everybody while calls and writes go on.
sub play_policies
{
	my $name = pick(sort keys %table);
	my $user = pick('fuzz_reader', 'fuzz_seller', 'fuzz_seller');
	my $seen = pick('false', 'false', 'false', "ctid > '(0,3)'::tid", 'random() < 0.5');
	my @begin = ("ALTER TABLE crm.\"$name\" ENABLE ROW LEVEL SECURITY", "CREATE POLICY hidden ON crm.\"$name\" USING ($seen) WITH CHECK (true)", "SET LOCAL SESSION AUTHORIZATION $user", set_some());
	my @cases;
	for (1 .. 150)
	{
		my @case = map { call_of(pick(@functions)) } 1 .. pick(1, 3);
		push @case, write_to('crm', chance(0.5) ? $name : pick(sort keys %table)) if chance(0.4);
		push @cases, \@case;
	}
	return ('postgres', \@begin, @cases);
}

# Rows that no constraint kept out, in an organization whose owner took the constraints away; calls by the owner and a seller.
sub play_damage
{
	my $user = pick('fuzz_owner', 'fuzz_seller');
	my @begin;
	for (1 .. pick(3, 10, 40))
	{
		my $name = chance(0.5) ? pick(sort keys %table) : table_among(qw(working_hours organization_setting recurrence process_stage process_step process_instance process_stage_history currency unit price_list_item
			discount_list_item quote_product invoice_product sales_order_product opportunity_product quote invoice sales_order territory account state_transition status_reason automation_rule automation_action
			automation_queue column_map holiday working_calendar queue queue_item activity number_series tax_rate));
		my @columns = some_columns($name, 0.15);
		@columns = (pick(@{ $table{$name} })) unless @columns;
		push @begin, "ALTER TABLE damaged.\"$name\" DISABLE TRIGGER USER";
		push @begin, map { "ALTER TABLE damaged.\"$name\" ALTER COLUMN \"$_->[0]\" DROP NOT NULL" } @columns if chance(0.5);
		push @begin, map { "UPDATE damaged.\"$name\" SET \"$_->[0]\" = " . literal(@$_[ 1, 0 ]) . (chance(0.5) ? ' WHERE random() < 0.5' : '') } @columns;
		push @begin, "DELETE FROM damaged.\"$name\"" . (chance(0.5) ? ' WHERE random() < 0.5' : '') if chance(0.1);
		push @begin, "ALTER TABLE damaged.\"$name\" ENABLE TRIGGER USER";
	}
	push @begin, "SET LOCAL SESSION AUTHORIZATION $user", "SET LOCAL sales_crm.organization = 'damaged'", set_some();
	my @cases;
	for (1 .. 80)
	{
		my @case = map { call_of(pick(@functions)) } 1 .. pick(1, 3);
		push @case, write_to('damaged', pick(sort keys %table)) if chance(0.5);
		push @cases, \@case;
	}
	return ('postgres', \@begin, @cases);
}

# ---- playing ----

my ($statements, %found) = (0);

sub note
{
	my ($what, $key, $session, $kind, $user, $lines, $text) = @_;
	$found{$key}++;
	return if $found{$key} > 1;
	my $file = sprintf '%s/%s_%d_%d.sql', $found_dir, $what, $session, scalar keys %found;
	open my $out, '>', $file or die "$file: $!";
	print $out "-- $what in session $session ($kind) of seed $seed, as $user: $text\n", map { "$_;\n" } @$lines;
	close $out;
	open my $list, '>>', "$found_dir/found" or die;
	print $list join("\x1f", $what, $key, $session, $kind, $user, $file, $text =~ s/\n/ /gr), "\n";
	close $list;
}

sub play_session
{
	my ($session, $database) = @_;
	srand(($seed * 7919 + $session * 104729) % 4294967291);
	my $kind = $order[ $session % @order ];
	my ($user, $begin, @cases) = $kinds{$kind}->();
	my (@statement, @case_of);
	my $file = "$found_dir/session_$$.sql";
	open my $out, '>:utf8', $file or die "$file: $!";
	print $out "\\set VERBOSITY verbose\n\\set ON_ERROR_ROLLBACK on\n\\timing off\nSET client_min_messages = error;\nSET statement_timeout = '2s';\nSET lock_timeout = '10s';\nBEGIN;\n";
	my $say = sub { my ($sql, $case) = @_; push @statement, $sql; push @case_of, $case; print $out "\\warn \@\@ $#statement\n$sql;\n" };
	$say->($_, -1) for @$begin;
	print $out "SAVEPOINT before_case;\n";
	for my $n (0 .. $#cases)
	{
		$say->($_, $n) for @{ $cases[$n] };
		print $out "ROLLBACK TO SAVEPOINT before_case;\n";
	}
	print $out "ROLLBACK;\n";
	close $out;

	my $pid = open my $in, '-|';
	if (!$pid)
	{
		open STDERR, '>&', \*STDOUT;
		open STDOUT, '>', '/dev/null';
		$ENV{PGAPPNAME} = "fuzz session $session";
		exec 'psql', '-qX', '-U', $user, '-d', $database, '-f', $file or exit 1;
	}
	my ($at, $message, $is_lost, $is_bystander) = (-1, '', 0, 0);
	my $lines = sub { my $case = $at < 0 ? -1 : $case_of[$at]; [ 'BEGIN', map { $statement[$_] } grep { $case_of[$_] == -1 || $case_of[$_] == $case } 0 .. max($at, 0) ] };
	my $judge = sub {
		return unless $message =~ /ERROR:  (XX...|57014): (.*)/;
		my ($state, $words) = ($1, $2);
		my ($location) = $message =~ /LOCATION:  (.*)/;
		(my $key = $state eq '57014' ? 'slow ' . ($statement[$at] =~ /(sales_crm\.\w+)/ ? $1 : substr $statement[$at], 0, 30) : "$state " . ($location || '') . " $words") =~ s/\d+/0/g;
		$key =~ s/"[^"]*"/""/g;
		note($state eq '57014' ? 'slow' : 'internal', $key, $session, $kind, $user, $lines->(), "$message at: " . substr $statement[$at], 0, 2000);
	};
	eval {
		local $SIG{ALRM} = sub { die "hang\n" };
		alarm $patience;
		while (my $line = <$in>)
		{
			if ($line =~ /^\@\@ (\d+)/)
			{
				$judge->();
				($at, $message) = ($1, '');
				$statements++;
				alarm $patience;
				next;
			}
			$message .= $line =~ s/^psql:\S+ //r;
			$is_bystander = 1 if $line =~ /because of crash of another server process|the database system is (in recovery|starting|shutting)/;
			$is_lost = 1 if $line =~ /server closed the connection|connection to server was lost|could not receive data from server|SSL SYSCALL/;
		}
		alarm 0;
		$judge->();
		1;
	} or do {
		die $@ unless $@ eq "hang\n";
		(my $key = 'hang ' . ($statement[$at] =~ /(sales_crm\.\w+)/ ? $1 : substr $statement[$at], 0, 30)) =~ s/\d+/0/g;
		note('hang', $key, $session, $kind, $user, $lines->(), $statement[$at]);
		kill 'TERM', $pid;
		ask('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fuzz session $session'");
	};
	close $in;
	unlink $file;
	return unless $is_lost || $is_bystander;
	if ($is_lost && !$is_bystander)
	{
		(my $key = 'crash ' . ($at < 0 ? 'at the start' : $statement[$at] =~ /(sales_crm\.\w+)/ ? $1 : join ' ', $kind, grep { defined } map { /EXECUTE FUNCTION (\S+\))/ } @{ $lines->() })) =~ s/\d+/0/g;
		note('crash', $key, $session, $kind, $user, $lines->(), $at < 0 ? $message : substr $statement[$at], 0, 2000);
	}
	for (1 .. 240) { last if system("pg_isready -q") == 0; select undef, undef, undef, 0.25 }
}

sub run_worker
{
	my ($worker) = @_;
	my $session = $worker;
	while ($until ? time < $until : $statements < $wanted / $workers)
	{
		play_session($session, "fuzz_$worker");
		$session += $workers;
	}
	open my $out, '>', "$found_dir/count_$worker" or die;
	print $out "$statements ", int($session / $workers), "\n", map { "$found{$_}\t$_\n" } sort keys %found;
	close $out;
}

read_catalogue();
die "0 passed, 1 failed\n" unless @functions && %table;
my $log_start = -s $log || 0;
my @pids;
$workers = 1 if defined $only;
for my $worker (1 .. $workers - 1)
{
	system("dropdb --if-exists -f fuzz_$worker 2>/dev/null; createdb -T fuzz_0 fuzz_$worker") == 0 or die;
}
my $started = time;
if (defined $only) { play_session($only, 'fuzz_0'); open my $out, '>', "$found_dir/count_0"; print $out "$statements 1\n", map { "$found{$_}\t$_\n" } sort keys %found; close $out }
else
{
	for my $worker (0 .. $workers - 1)
	{
		my $pid = fork;
		if (!$pid) { run_worker($worker); exit 0 }
		push @pids, $pid;
	}
	waitpid $_, 0 for @pids;
}

# ---- the count ----

my ($sum, $sessions, %times, %told) = (0, 0);
for my $worker (0 .. $workers - 1)
{
	open my $in, '<', "$found_dir/count_$worker" or die "worker $worker broke\n0 passed, 1 failed\n";
	my ($s, $n) = split ' ', <$in>;
	$sum += $s;
	$sessions += $n;
	while (<$in>) { chomp; my ($n, $key) = split /\t/, $_, 2; $times{$key} += $n }
}
my $crashes = 0;
if (open my $in, '<', $log)
{
	seek $in, $log_start, 0;
	while (<$in>) { $crashes++ if /terminated by signal/ }
}
my %sum = map { $_ => 0 } qw(crash internal hang slow);
if (open my $list, '<', "$found_dir/found")
{
	while (<$list>)
	{
		chomp;
		my ($what, $key, $session, $kind, $user, $file, $text) = split /\x1f/;
		next if $told{$key}++;
		$sum{$what}++;
		print "$what ($times{$key} times, session $session of kind $kind as $user): ", substr($text, 0, 1500), "\n    all of it: $file\n";
	}
}
my $bad = max($sum{crash}, $crashes ? 1 : 0) + $sum{internal} + $sum{hang};
printf "    %d statements in %d sessions and %d s: %d crashes of %d kinds, %d kinds of internal errors, %d kinds that outlived statement_timeout, %d that needed it\n",
  $sum, $sessions, time - $started, $crashes, $sum{crash}, $sum{internal}, $sum{hang}, $sum{slow};
print "    play a session again: SEED=$seed SESSION=k make fuzz\n" if $bad;
printf "%d passed, %d failed\n", $sessions, $bad;
exit($bad ? 1 : 0);
