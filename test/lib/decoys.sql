-- Decoys: in schema decoy stands, for each operator, function and type of pg_catalog that a statement may name, one that fits better, and for
-- each of its relations one of the same name. What takes a decoy fails: it gives a type that fits nowhere, and raises when it runs. All
-- functions of sales_crm, triggers too, then begin with this schema first in the path, whatever the path of the session is.
SET client_min_messages = warning;
SET check_function_bodies = off;
CREATE SCHEMA decoy;
CREATE TYPE decoy.trap AS ENUM ();
GRANT USAGE ON SCHEMA decoy TO PUBLIC;

DO $$
DECLARE
	one record;
	scalars text[] := '{bigint,integer,smallint,numeric,double precision,text,character varying,name,date,time without time zone,timestamp without time zone,timestamp with time zone,interval,boolean,jsonb,json,oid,regclass,bytea,uuid,"char"}';
	types text[] := scalars || '{bigint[],text[],numeric[],date[],timestamp with time zone[],jsonb[],name[],oid[],smallint[],boolean[]}'::text[];
	body CONSTANT text := 'LANGUAGE plpgsql AS ''BEGIN RAISE ''''a decoy was called''''; END''';
BEGIN
	-- Operators of any two types, of one type, and of arrays with what is in them.
	FOR one IN SELECT l, r FROM unnest(types) AS l, unnest(types) AS r LOOP
		EXECUTE format('CREATE FUNCTION decoy.hit(%s, %s) RETURNS decoy.trap %s', one.l, one.r, body);
	END LOOP;
	FOR one IN SELECT t FROM unnest(types) AS t LOOP
		EXECUTE format('CREATE FUNCTION decoy.hit(%s) RETURNS decoy.trap %s', one.t, body);
	END LOOP;
	FOR one IN
		SELECT o, l, r FROM unnest('{=,<>,<,<=,>,>=,+,-,*,/,%}'::text[]) AS o, unnest(scalars) AS l, unnest(scalars) AS r
		UNION ALL SELECT o, l, l FROM unnest('{=,<>,<,<=,>,>=,@>,<@,&&}'::text[]) AS o, unnest(types[array_length(scalars, 1) + 1:]) AS l
		UNION ALL SELECT '||', l, r FROM unnest(types) AS l, unnest(types) AS r
		UNION ALL SELECT o, l, r FROM unnest('{~~,!~~,~~*,!~~*,~,!~,~*,!~*,^,^@,->,->>,#>,#>>,?,@>,<@,#-,&,|,<<,>>}'::text[]) AS o,
			unnest('{text,character varying,name,jsonb,json,bigint,integer,numeric}'::text[]) AS l, unnest('{text,character varying,name,jsonb,integer,bigint,numeric,text[]}'::text[]) AS r
	LOOP
		EXECUTE format('CREATE OPERATOR decoy.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = decoy.hit)', one.o, one.l, one.r);
	END LOOP;
	FOR one IN SELECT o, t FROM unnest('{-,+,@}'::text[]) AS o, unnest(scalars) AS t LOOP
		EXECUTE format('CREATE OPERATOR decoy.%s (RIGHTARG = %s, FUNCTION = decoy.hit)', one.o, one.t);
	END LOOP;
	-- Functions and aggregates: those of pg_catalog with the same arguments, and those of any type with each type there is.
	FOR one IN
		WITH called AS (
			SELECT p.proname, p.proargtypes::oid[] AS arguments FROM pg_proc AS p
			 WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.pronargs BETWEEN 1 AND 4 AND p.prokind <> 'p' AND p.provariadic = 0
			   AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) AS a JOIN pg_type AS t ON t.oid = a WHERE t.typtype = 'p' AND t.typname NOT LIKE 'any%')
			   AND p.proname !~ '^(RI_|bt|hash|gin|gist|brin|spg|array_(in|out|recv|send)|enum_|in_range|range|multirange|xml|inet|network|point|box|path|poly|circle|lseg|line|ts|tid|mac|bit|bp|money|cash)'),
		spread AS (
			SELECT DISTINCT c.proname, (SELECT string_agg(CASE WHEN y.typname ~ '^any(compatible)?array$' THEN t.name || '[]' WHEN y.typname LIKE 'any%' THEN t.name ELSE a.type::regtype::text END, ', ' ORDER BY a.place)
				FROM unnest(c.arguments) WITH ORDINALITY AS a (type, place) JOIN pg_type AS y ON y.oid = a.type) AS arguments
			FROM called AS c CROSS JOIN unnest(scalars) AS t (name)
			WHERE t.name = 'text' OR EXISTS (SELECT FROM unnest(c.arguments) AS a JOIN pg_type AS y ON y.oid = a WHERE y.typname LIKE 'any%'))
		SELECT * FROM spread
		UNION SELECT n, format('%s, %s', l, r) FROM unnest('{round,mod,power,div,trunc,to_char,left,right,lpad,repeat,timezone,coalesce_,concat,concat_ws,format,greatest_,sum,max,min,array_agg,string_agg,jsonb_object_agg}'::text[]) AS n, unnest(scalars) AS l, unnest(scalars) AS r
	LOOP
		EXECUTE format('CREATE OR REPLACE FUNCTION decoy.%I(%s) RETURNS decoy.trap %s', one.proname, one.arguments, body);
	END LOOP;
	FOR one IN SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND pronargs = 0 AND proname IN ('now', 'version', 'random', 'clock_timestamp', 'current_schema', 'current_database', 'getdatabaseencoding', 'gen_random_uuid', 'count', 'row_number', 'rank', 'dense_rank') LOOP
		EXECUTE format('CREATE FUNCTION decoy.%I() RETURNS decoy.trap %s', one.proname, body);
	END LOOP;
	-- Types whose names are no words of the grammar, and relations of the catalogue.
	FOR one IN SELECT unnest('{text,name,date,timestamptz,timestamp,jsonb,json,oid,regclass,regtype,regnamespace,bytea,uuid,int2,int4,int8,bool,float8}'::text[]) AS t LOOP
		EXECUTE format('CREATE TYPE decoy.%I AS ENUM ()', one.t);
	END LOOP;
	FOR one IN SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v') LOOP
		EXECUTE format('CREATE VIEW decoy.%I AS SELECT NULL::decoy.trap AS oid', one.relname);
	END LOOP;
	-- From now on each call and each trigger starts where decoys are found first.
	FOR one IN SELECT p.oid::regprocedure AS f FROM pg_proc AS p WHERE p.pronamespace = 'sales_crm'::regnamespace LOOP
		EXECUTE format('ALTER FUNCTION %s SET search_path = decoy, pg_catalog, tap, crm, public', one.f);
	END LOOP;
END $$;
RESET check_function_bodies;
