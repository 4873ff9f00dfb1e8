-- Rounds: one step of every chain, then all that stands is compared with the oracle and verify() asked. Twenty differences end it.
CREATE TABLE play.result (round integer, what text, n bigint, passed boolean);
CREATE TABLE play.found (round integer, part text, chain_id integer, entity text, id bigint, line_id bigint, column_name text, stored text, wanted text);

CREATE FUNCTION play.look() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE now_round integer := play.round();
BEGIN
	CALL oracle.take_stock(true);
	INSERT INTO play.found SELECT now_round, x.part, d.chain_id, x.entity, x.id, x.line_id, x.column_name, x.stored, x.wanted FROM oracle.difference AS x LEFT JOIN play.document AS d USING (entity, id);
	INSERT INTO play.found SELECT now_round, 'verify', d.chain_id, v.entity, v.record_id, NULL, v.check_name, v.detail, 'no row'
	FROM sales_crm.verify() AS v LEFT JOIN play.document AS d ON d.entity = v.entity AND d.id = v.record_id;
	INSERT INTO play.result SELECT now_round, p.part, p.n, NOT EXISTS (SELECT FROM play.found AS f WHERE f.round = now_round AND f.part = p.part)
	FROM (SELECT 'lines', count(*) FROM oracle.line UNION ALL SELECT 'headers', count(*) FROM oracle.header UNION ALL SELECT 'cash', count(*) FROM crm.invoice
	      UNION ALL SELECT 'steps', count(*) FROM play.step WHERE round = now_round UNION ALL SELECT 'verify', count(*) FROM oracle.header) AS p (part, n);
	TRUNCATE oracle.delivery_seen;
	INSERT INTO oracle.delivery_seen SELECT delivery_product_id FROM crm.delivery_product;
	RETURN (SELECT count(*) < 20 FROM play.found);
END $$;

CREATE PROCEDURE play.run(documents integer, rounds integer) LANGUAGE plpgsql AS $$
DECLARE chains integer := greatest(documents * 3 / 20, 1); one integer; fine boolean;
BEGIN
	PERFORM count(play.begin_chain(n)) FROM generate_series(1, chains) AS n;
	fine := play.look();
	COMMIT;
	ANALYZE;
	WHILE fine AND (play.round() < rounds OR ((SELECT count(*) FROM play.document) < documents AND play.round() < 3 * rounds)) LOOP
		UPDATE play.clock SET round = round + 1;
		PERFORM play.move_catalogue();
		FOR one IN SELECT chain_id FROM play.chain ORDER BY chain_id LOOP PERFORM play.act(one); END LOOP;
		fine := play.look();
		COMMIT;
		IF play.round() IN (2, 8) THEN ANALYZE; END IF;
	END LOOP;
END $$;
CALL play.run(:documents, :rounds);
