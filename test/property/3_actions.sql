-- What can be done to a document, each as one small function; play.act() chooses one for a chain.

CREATE FUNCTION play.remember(new_entity text, new_id bigint, of_chain integer, by_call text, from_entity text DEFAULT NULL, from_id bigint DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO play.document (entity, id, chain_id, round, made_by, source_entity, source_id, is_revision)
	SELECT new_entity, new_id, of_chain, play.round(), by_call, from_entity, from_id, by_call = 'revise_quote' WHERE new_id IS NOT NULL
	RETURNING id
$$;

-- A quantity with as many decimals as allowed; some are 0, some negative.
CREATE FUNCTION play.quantity(decimals integer) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE drawn numeric := random() * 100;
BEGIN
	IF drawn < 3 THEN RETURN 0; END IF;
	IF drawn < 12 THEN RETURN -round((random() * 9 + 1)::numeric, decimals); END IF;
	IF drawn < 40 THEN RETURN play.whole(1, 12); END IF;
	IF drawn < 46 THEN RETURN play.whole(100, 3000); END IF;
	RETURN round((random() * 30)::numeric, decimals);
END $$;

-- What a person types on a line of that document: drawn for a new line, or for an existing one.
CREATE FUNCTION play.draw_line(in_entity text, in_currency text, in_list bigint, existing play.intent DEFAULT NULL) RETURNS play.intent LANGUAGE plpgsql AS $$
DECLARE
	made play.intent := existing;
	drawn numeric := random() * 100;
	decimals integer := 5;
BEGIN
	IF made.line_id IS NULL THEN
		made.is_new := true;
		made.line_kind := CASE WHEN drawn < 4 THEN 'note' WHEN drawn < 10 AND in_entity IN ('quote', 'opportunity') THEN 'optional'
			WHEN drawn < 15 AND in_entity IN ('quote', 'opportunity') THEN 'alternative' ELSE 'standard' END;
		made.is_price_overridden := false;
		made.price_per_unit := play.amount(500, 2);
		IF made.line_kind <> 'note' AND play.chance(75) THEN
			drawn := random() * 100;
			IF in_list IS NOT NULL AND drawn < 95 THEN
				SELECT i.product_id, i.unit_id INTO made.product_id, made.unit_id FROM crm.price_list_item AS i JOIN crm.product AS p USING (product_id)
				WHERE i.price_list_id = in_list AND p.state IN ('active', 'under_revision') AND (p.product_structure = 'bundle') = (drawn < 8) AND (drawn < 40 OR i.pricing_method <> 'currency_amount')
				ORDER BY p.product_number, i.unit_id OFFSET CASE WHEN drawn < 8 THEN play.whole(0, 4) WHEN drawn < 40 THEN play.whole(0, 200) ELSE play.whole(0, 40) END LIMIT 1;
			ELSE
				SELECT product_id INTO made.product_id FROM crm.product WHERE state IN ('active', 'under_revision') AND product_structure = 'product' ORDER BY product_id OFFSET play.whole(0, 89) LIMIT 1;
			END IF;
		END IF;
	END IF;
	IF made.line_kind = 'note' THEN
		made.quantity := 1; made.price_per_unit := 0; made.manual_discount_amount := 0; made.tax_amount := 0;
		RETURN made;
	END IF;
	IF made.is_new AND play.chance(20) THEN made.tax_category := play.pick('{standard,reduced,zero,exempt}'); END IF;
	SELECT CASE WHEN EXISTS (SELECT FROM crm.price_list_item AS i WHERE i.product_id = made.product_id AND i.quantity_selling_option = 'whole') THEN 0 ELSE p.quantity_decimals END
	INTO decimals FROM crm.product AS p WHERE p.product_id = made.product_id;
	IF made.is_new OR play.chance(70) THEN made.quantity := play.quantity(coalesce(decimals, 5)); END IF;
	IF made.product_id IS NULL OR play.chance(15) THEN
		made.is_price_overridden := made.product_id IS NOT NULL;
		made.price_per_unit := CASE WHEN play.chance(10) THEN -1 ELSE 1 END * play.amount(800, play.whole(0, 5));
	ELSIF play.chance(15) THEN
		made.is_price_overridden := false;
		made.price_per_unit := play.amount(800, 2);
	END IF;
	IF made.is_new OR play.chance(40) THEN
		made.manual_discount_percentage := CASE WHEN play.chance(25) THEN play.amount(100, play.whole(0, 4)) END;
		made.manual_discount_amount := CASE WHEN play.chance(30) THEN play.amount(40, play.whole(0, 4)) ELSE 0 END;
	END IF;
	IF made.is_new OR play.chance(30) THEN made.tax_amount := CASE WHEN play.chance(50) THEN play.amount(60, play.whole(0, 4)) ELSE 0 END; END IF;
	IF made.quantity = 0 THEN made.manual_discount_amount := 0; made.tax_amount := 0; END IF;
	RETURN made;
END $$;

-- Inserts some lines with one statement. The description tells which wish became which line.
CREATE FUNCTION play.add_lines(in_entity text, of_id bigint, n integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	in_currency text; in_list bigint;
	wishes play.intent[];
BEGIN
	EXECUTE format('SELECT currency_code, price_list_id FROM crm.%I WHERE %I = $1', in_entity, in_entity || '_id') INTO in_currency, in_list USING of_id;
	FOR i IN 1..n LOOP wishes := wishes || play.draw_line(in_entity, in_currency, in_list); END LOOP;
	EXECUTE format($sql$
		WITH wish AS (SELECT w.*, w.ordinality::text AS tag FROM unnest($2) WITH ORDINALITY AS w),
		made AS (
			INSERT INTO crm.%1$I (%2$I, line_kind, product_id, product_description, unit_id, quantity, is_price_overridden, price_per_unit,
			                      manual_discount_percentage, manual_discount_amount, tax_amount, tax_category, description)
			SELECT $1, line_kind, product_id, CASE WHEN product_id IS NULL THEN 'typed in' END, unit_id, quantity, coalesce(is_price_overridden, false), price_per_unit,
			       manual_discount_percentage, manual_discount_amount, tax_amount, tax_category, tag
			FROM wish ORDER BY ordinality
			RETURNING %3$I AS made_id, description, unit_id AS made_unit)
		INSERT INTO play.intent (round, entity, line_id, is_new, line_kind, product_id, unit_id, quantity, is_price_overridden, price_per_unit,
		                         manual_discount_percentage, manual_discount_amount, tax_amount, tax_category)
		SELECT play.round(), $3, made_id, true, line_kind, product_id, made_unit, quantity, is_price_overridden, price_per_unit,
		       manual_discount_percentage, manual_discount_amount, tax_amount, tax_category
		FROM wish JOIN made ON made.description = wish.tag
	$sql$, in_entity || '_product', in_entity || '_id', in_entity || '_product_id') USING of_id, wishes, in_entity;
END $$;

-- Lines a person may change: not those that only the database writes.
CREATE FUNCTION play.some_line(in_entity text, of_id bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE found bigint[];
BEGIN
	EXECUTE format('SELECT array_agg(%I ORDER BY line_number, %1$I) FROM crm.%I WHERE %I = $1 AND product_type <> ''required_bundle_member''', in_entity || '_product_id', in_entity || '_product', in_entity || '_id') INTO found USING of_id;
	RETURN play.pick_id(found);
END $$;

CREATE FUNCTION play.write_line(wish play.intent) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('UPDATE crm.%I SET quantity = $2, is_price_overridden = $3, price_per_unit = $4, manual_discount_percentage = $5, manual_discount_amount = $6, tax_amount = $7 WHERE %I = $1',
	               wish.entity || '_product', wish.entity || '_product_id')
	USING wish.line_id, wish.quantity, wish.is_price_overridden, wish.price_per_unit, wish.manual_discount_percentage, wish.manual_discount_amount, wish.tax_amount;
	INSERT INTO play.intent VALUES (wish.*);
END $$;

CREATE FUNCTION play.as_stored(in_entity text, of_line bigint) RETURNS play.intent LANGUAGE plpgsql AS $$
DECLARE made play.intent;
BEGIN
	EXECUTE format('SELECT play.round(), $2, %I, false, line_kind, product_id, unit_id, quantity, is_price_overridden, price_per_unit, manual_discount_percentage,
	                manual_discount_amount, tax_amount, tax_category FROM crm.%I WHERE %1$I = $1', in_entity || '_product_id', in_entity || '_product') INTO made USING of_line, in_entity;
	RETURN made;
END $$;

CREATE FUNCTION play.edit_line(in_entity text, of_id bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE old play.intent := play.as_stored(in_entity, play.some_line(in_entity, of_id));
BEGIN
	IF old.line_id IS NOT NULL THEN PERFORM play.write_line(play.draw_line(in_entity, NULL, NULL, old)); END IF;
END $$;

-- Gives each line without a price one, typed.
CREATE FUNCTION play.repair_lines(in_entity text, of_id bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE old play.intent; broken bigint;
BEGIN
	FOR broken IN EXECUTE format('SELECT %I FROM crm.%I WHERE %I = $1 AND pricing_error <> ''none'' ORDER BY line_number, 1', in_entity || '_product_id', in_entity || '_product', in_entity || '_id') USING of_id LOOP
		old := play.as_stored(in_entity, broken);
		old.is_price_overridden := true;
		old.price_per_unit := play.amount(90, 2);
		PERFORM play.write_line(old);
	END LOOP;
END $$;

CREATE FUNCTION play.delete_line(in_entity text, of_id bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('DELETE FROM crm.%I WHERE %I = $1', in_entity || '_product', in_entity || '_product_id') USING play.some_line(in_entity, of_id);
END $$;

CREATE FUNCTION play.draw_header(in_entity text, of_id bigint) RETURNS play.header_intent LANGUAGE sql AS $$
	SELECT play.round(), in_entity, of_id, CASE WHEN play.chance(35) THEN play.amount(60, play.whole(0, 4)) ELSE 0 END,
	       CASE WHEN play.chance(35) THEN play.amount(30, play.whole(0, 4)) ELSE 0 END, CASE WHEN play.chance(40) THEN play.amount(80, play.whole(0, 4)) ELSE 0 END
$$;

CREATE FUNCTION play.edit_header(in_entity text, of_id bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE wish play.header_intent := play.draw_header(in_entity, of_id);
BEGIN
	wish.freight_amount := wish.freight_amount + wish.round;    -- no write that changes nothing, which a closed document allows
	EXECUTE format('UPDATE crm.%I SET discount_percentage = $2, discount_amount = $3, freight_amount = $4 WHERE %I = $1', in_entity, in_entity || '_id')
	USING of_id, wish.discount_percentage, wish.discount_amount, wish.freight_amount;
	INSERT INTO play.header_intent VALUES (wish.*);
END $$;

-- Another price list of the same currency: the lines are priced anew, unless the document is locked.
CREATE FUNCTION play.change_list(in_entity text, of_id bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE was bigint; goes_to bigint; is_locked boolean;
BEGIN
	EXECUTE format('SELECT h.price_list_id, %s, (SELECT min(l.price_list_id) FROM crm.price_list AS l WHERE l.currency_code = h.currency_code AND l.price_list_id IS DISTINCT FROM h.price_list_id)
	                FROM crm.%I AS h WHERE %I = $1', CASE WHEN in_entity IN ('sales_order', 'invoice') THEN 'is_price_locked' ELSE 'false' END, in_entity, in_entity || '_id')
	INTO was, is_locked, goes_to USING of_id;
	EXECUTE format('UPDATE crm.%I SET price_list_id = $2 WHERE %I = $1', in_entity, in_entity || '_id') USING of_id, goes_to;
	IF NOT is_locked THEN INSERT INTO play.repriced VALUES (play.round(), in_entity, of_id); END IF;
END $$;

-- The first document of a chain, with lines.
CREATE FUNCTION play.begin_chain(of_chain integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	drawn numeric; in_entity text; made bigint; in_currency text; extra text := ''; wish play.header_intent;
BEGIN
	PERFORM play.seed('chain ' || of_chain);
	INSERT INTO play.chain VALUES (of_chain);
	drawn := random() * 100;
	in_entity := CASE WHEN drawn < 35 THEN 'opportunity' WHEN drawn < 60 THEN 'quote' WHEN drawn < 90 THEN 'sales_order' ELSE 'invoice' END;
	in_currency := play.pick('{USD,EUR,JPY,KWD,CLF}');
	wish := play.draw_header(in_entity, NULL);
	EXECUTE format($sql$
		INSERT INTO crm.%1$I (name, account_id, contact_id, price_list_id, currency_code, discount_percentage, discount_amount, freight_amount, discount_method, tax_rounding, tax_method %3$s)
		SELECT $1, CASE WHEN $2 THEN (SELECT account_id FROM crm.account ORDER BY account_id OFFSET $3 LIMIT 1) END,
		       CASE WHEN NOT $2 THEN (SELECT contact_id FROM crm.contact ORDER BY contact_id OFFSET $3 / 2 LIMIT 1) END,
		       (SELECT price_list_id FROM crm.price_list WHERE currency_code = $4 ORDER BY price_list_id OFFSET $5 LIMIT 1), $4, $6, $7, $8, $9, $10, $11 %4$s
		RETURNING %2$I $sql$, in_entity, in_entity || '_id',
		CASE in_entity WHEN 'opportunity' THEN ', is_revenue_system_calculated' WHEN 'invoice' THEN ', invoice_date' WHEN 'quote' THEN ', effective_from, effective_to' ELSE '' END,
		CASE in_entity WHEN 'opportunity' THEN ', ' || play.chance(60) WHEN 'invoice' THEN format(', current_date - %s', play.whole(0, 60))
		               WHEN 'quote' THEN format(', current_date - %s, current_date + %s', play.whole(0, 20), play.whole(1, 60)) ELSE '' END)
	INTO made USING 'Chain ' || of_chain, play.chance(75), play.whole(0, 39), in_currency, CASE WHEN play.chance(10) THEN 2 ELSE play.whole(0, 1) END, wish.discount_percentage, wish.discount_amount, wish.freight_amount,
		play.pick('{line_item,line_item,per_unit}'), play.pick('{line,document}'), play.pick('{typed,excluded,included}');
	PERFORM play.remember(in_entity, made, of_chain, 'insert');
	INSERT INTO play.header_intent VALUES (wish.round, wish.entity, made, wish.discount_percentage, wish.discount_amount, wish.freight_amount);
	PERFORM play.add_lines(in_entity, made, play.whole(2, 6));
END $$;

-- The calls. Each takes the document and returns what it made.
CREATE FUNCTION play.pay(of_id bigint, of_balance numeric, decimals integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM sales_crm.pay_invoice(invoice_id => of_id, amount => nullif(CASE WHEN play.chance(50) THEN round(of_balance * play.whole(1, 9) / 10, decimals) ELSE 0 END, 0));
END $$;

-- What is open of the lines of an order or invoice: to deliver, to take back, to invoice as ordered or as delivered, to credit.
CREATE FUNCTION play.open_parts(what text, of_id bigint) RETURNS TABLE (line_id bigint, quantity numeric, decimals integer) LANGUAGE sql STABLE AS $$
	SELECT x.line_id, x.rest, x.decimals
	FROM (SELECT l.sales_order_product_id AS line_id, l.line_number, l.quantity, coalesce(p.quantity_decimals, 5) AS decimals,
	             CASE what WHEN 'deliver' THEN l.quantity - l.quantity_delivered WHEN 'return' THEN l.quantity_delivered - l.quantity_returned
	                       WHEN 'ordered' THEN l.quantity - l.quantity_returned - l.quantity_invoiced WHEN 'delivered' THEN l.quantity_delivered - l.quantity_returned - l.quantity_invoiced END AS rest
	      FROM crm.sales_order_product AS l LEFT JOIN crm.product AS p USING (product_id)
	      WHERE l.sales_order_id = of_id AND what IN ('deliver', 'return', 'ordered', 'delivered') AND (l.line_kind = 'standard' OR what = 'ordered') AND (what IN ('deliver', 'return') OR l.product_type <> 'required_bundle_member')
	      UNION ALL
	      SELECT l.invoice_product_id, l.line_number, l.quantity, CASE WHEN l.down_payment_invoice_id IS NULL THEN coalesce(p.quantity_decimals, 5) ELSE 0 END, l.quantity - l.quantity_credited
	      FROM crm.invoice_product AS l LEFT JOIN crm.product AS p USING (product_id) WHERE l.invoice_id = of_id AND what = 'credit' AND l.line_kind = 'standard' AND l.product_type <> 'required_bundle_member') AS x
	WHERE x.rest <> 0 AND sign(x.rest) = sign(x.quantity) ORDER BY x.line_number, x.line_id
$$;

-- Chooses all that is open (returns NULL), or parts of some lines, as the calls take them; notes what was chosen.
CREATE FUNCTION play.choose_parts(of_what text, of_id bigint, key text, is_whole boolean, note_as text DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE one record; taken numeric; chosen jsonb := '[]'; n integer := 0;
BEGIN
	FOR one IN SELECT * FROM play.open_parts(of_what, of_id) LOOP
		taken := one.quantity;
		IF NOT is_whole THEN
			IF of_what <> 'return' AND key = 'sales_order_product_id' AND EXISTS (SELECT FROM crm.sales_order_product WHERE sales_order_product_id = one.line_id AND line_kind <> 'standard') THEN CONTINUE; END IF;
			IF of_what = 'credit' AND EXISTS (SELECT FROM crm.invoice_product WHERE invoice_product_id = one.line_id AND down_payment_invoice_id IS NOT NULL) THEN CONTINUE; END IF;
			IF n > 0 AND play.chance(35) THEN CONTINUE; END IF;
			taken := round(one.quantity * play.whole(1, 9) / 10, least(one.decimals, play.whole(0, 5)));
			IF taken = 0 OR abs(taken) > abs(one.quantity) OR play.chance(20) THEN taken := one.quantity; END IF;
		END IF;
		n := n + 1;
		chosen := chosen || jsonb_build_object(key, one.line_id, 'quantity', taken);
		INSERT INTO play.part VALUES (play.round(), coalesce(note_as, of_what), one.line_id, taken);
	END LOOP;
	-- Of required members goes along what belongs to all that is taken of their bundle.
	IF of_what IN ('ordered', 'delivered', 'credit') THEN
		INSERT INTO play.part
		SELECT play.round(), coalesce(note_as, of_what), m.line_id, round(m.quantity * (b.taken + coalesce(p.quantity, 0)) / b.quantity, 5) - m.taken
		FROM (SELECT sales_order_product_id AS line_id, bundle_line_id, quantity, quantity_invoiced AS taken FROM crm.sales_order_product
		      WHERE sales_order_id = of_id AND of_what <> 'credit' AND product_type = 'required_bundle_member' AND (line_kind = 'standard' OR of_what = 'ordered' AND is_whole)
		      UNION ALL SELECT invoice_product_id, bundle_line_id, quantity, quantity_credited FROM crm.invoice_product
		      WHERE invoice_id = of_id AND of_what = 'credit' AND product_type = 'required_bundle_member' AND line_kind = 'standard') AS m
		JOIN (SELECT sales_order_product_id AS line_id, quantity, quantity_invoiced AS taken FROM crm.sales_order_product WHERE sales_order_id = of_id AND of_what <> 'credit'
		      UNION ALL SELECT invoice_product_id, quantity, quantity_credited FROM crm.invoice_product WHERE invoice_id = of_id AND of_what = 'credit') AS b ON b.line_id = m.bundle_line_id
		LEFT JOIN play.part AS p ON p.round = play.round() AND p.what = coalesce(note_as, of_what) AND p.line_id = b.line_id
		WHERE b.quantity <> 0 AND (p.line_id IS NOT NULL OR (of_what = 'ordered' AND is_whole AND sign(m.quantity) * (m.quantity * b.taken / b.quantity - m.taken) > 0)) AND round(m.quantity * (b.taken + coalesce(p.quantity, 0)) / b.quantity, 5) <> m.taken;
	END IF;
	IF n = 0 AND NOT is_whole THEN RETURN play.choose_parts(of_what, of_id, key, true, note_as); END IF;
	RETURN CASE WHEN is_whole THEN NULL ELSE chosen END;
END $$;

CREATE FUNCTION play.down_payment(of_id bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE o record; percent numeric; asked numeric; made bigint;
BEGIN
	SELECT h.total_amount, h.total_tax, c.decimals INTO o FROM crm.sales_order AS h JOIN crm.currency AS c USING (currency_code) WHERE h.sales_order_id = of_id;
	percent := play.whole(5, 40) + 0.5;
	IF play.chance(50) THEN
		asked := round(o.total_amount * percent / 100, o.decimals);
		made := sales_crm.create_down_payment_invoice(sales_order_id => of_id, percentage => percent);
	ELSE
		asked := greatest(round(o.total_amount * percent / 100, o.decimals), 1);
		made := sales_crm.create_down_payment_invoice(sales_order_id => of_id, amount => asked);
	END IF;
	INSERT INTO play.down_payment VALUES (play.round(), made, asked, round(o.total_tax * asked / o.total_amount, o.decimals));
	RETURN made;
END $$;

CREATE FUNCTION play.call(action text, in_entity text, of_id bigint, of_chain integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE made bigint; made_entity text; fact record;
BEGIN
	CASE action
	WHEN 'add_lines' THEN PERFORM play.add_lines(in_entity, of_id, play.whole(1, 3));
	WHEN 'edit_line' THEN PERFORM play.edit_line(in_entity, of_id);
	WHEN 'repair_lines' THEN PERFORM play.repair_lines(in_entity, of_id);
	WHEN 'delete_line' THEN PERFORM play.delete_line(in_entity, of_id);
	WHEN 'edit_header' THEN PERFORM play.edit_header(in_entity, of_id);
	WHEN 'change_list' THEN PERFORM play.change_list(in_entity, of_id);
	WHEN 'reprice' THEN
		PERFORM sales_crm.reprice(entity => in_entity, id => of_id);
		INSERT INTO play.repriced VALUES (play.round(), in_entity, of_id);
	WHEN 'create_quote_from_opportunity' THEN made_entity := 'quote'; made := sales_crm.create_quote_from_opportunity(opportunity_id => of_id);
	WHEN 'create_order_from_opportunity' THEN made_entity := 'sales_order'; made := sales_crm.create_order_from_opportunity(opportunity_id => of_id);
	WHEN 'create_invoice_from_opportunity' THEN made_entity := 'invoice'; made := sales_crm.create_invoice_from_opportunity(opportunity_id => of_id);
	WHEN 'win_opportunity' THEN PERFORM sales_crm.win_opportunity(opportunity_id => of_id, close_open_quotes => true);
	WHEN 'lose_opportunity' THEN PERFORM sales_crm.lose_opportunity(opportunity_id => of_id, close_open_quotes => true);
	WHEN 'reopen_opportunity' THEN PERFORM sales_crm.reopen_opportunity(opportunity_id => of_id);
	WHEN 'activate_quote' THEN PERFORM sales_crm.activate_quote(quote_id => of_id);
	WHEN 'win_quote' THEN PERFORM sales_crm.win_quote(quote_id => of_id);
	WHEN 'close_quote' THEN PERFORM sales_crm.close_quote(quote_id => of_id, status_reason => play.pick('{lost,canceled}'));
	WHEN 'revise_quote' THEN made_entity := 'quote'; made := sales_crm.revise_quote(quote_id => of_id);
	WHEN 'accept_quote' THEN
		made_entity := 'sales_order';
		made := sales_crm.accept_quote(quote_id => of_id, quote_product_ids => (SELECT array_agg(quote_product_id) FROM crm.quote_product
			WHERE quote_id = of_id AND line_kind IN ('optional', 'alternative') AND product_type IN ('product', 'bundle') AND line_number % 2 = 0));
	WHEN 'create_order_from_quote' THEN made_entity := 'sales_order'; made := sales_crm.create_order_from_quote(quote_id => of_id);
	WHEN 'submit_order' THEN PERFORM sales_crm.submit_order(sales_order_id => of_id);
	WHEN 'deliver_order' THEN
		SELECT play.choose_parts('deliver', of_id, 'sales_order_product_id', play.chance(30)) AS lines INTO fact;
		PERFORM sales_crm.deliver_order(sales_order_id => of_id, lines => fact.lines);
	WHEN 'overdeliver_order' THEN
		PERFORM sales_crm.deliver_order(sales_order_id => of_id, lines => (SELECT jsonb_build_array(jsonb_build_object('sales_order_product_id', line_id, 'quantity', quantity + sign(quantity)))
		                                                                   FROM play.open_parts('deliver', of_id) LIMIT 1));
	WHEN 'return_order' THEN
		SELECT play.choose_parts('return', of_id, 'sales_order_product_id', false) AS lines INTO fact;
		PERFORM sales_crm.return_order(sales_order_id => of_id, lines => fact.lines);
	WHEN 'fulfill_order', 'fulfill_order_partly' THEN
		made_entity := 'invoice';
		SELECT play.chance(70) AS wants_invoice, action = 'fulfill_order_partly' AS is_partial INTO fact;
		IF NOT fact.is_partial THEN PERFORM play.choose_parts('deliver', of_id, '', true); END IF;
		IF fact.wants_invoice THEN
			PERFORM play.choose_parts(CASE WHEN fact.is_partial AND EXISTS (SELECT FROM crm.delivery WHERE sales_order_id = of_id) THEN 'delivered' ELSE 'ordered' END, of_id, '', true, 'invoice');
		END IF;
		made := sales_crm.fulfill_order(sales_order_id => of_id, status_reason => CASE WHEN fact.is_partial THEN 'partial' ELSE 'complete' END, create_invoice => fact.wants_invoice);
	WHEN 'invoice_ordered', 'invoice_delivered' THEN
		made_entity := 'invoice';
		SELECT play.choose_parts(substr(action, 9), of_id, 'sales_order_product_id', play.chance(50), 'invoice') AS lines INTO fact;
		made := sales_crm.create_invoice_from_order(sales_order_id => of_id, basis => substr(action, 9), lines => fact.lines);
	WHEN 'overinvoice_order' THEN
		PERFORM sales_crm.create_invoice_from_order(sales_order_id => of_id, lines => (SELECT jsonb_build_array(jsonb_build_object('sales_order_product_id', line_id, 'quantity', quantity + sign(quantity)))
		                                                                               FROM play.open_parts('ordered', of_id) LIMIT 1));
	WHEN 'create_down_payment_invoice' THEN made_entity := 'invoice'; made := play.down_payment(of_id);
	WHEN 'create_credit_note' THEN
		made_entity := 'invoice';
		SELECT play.choose_parts('credit', of_id, 'invoice_product_id', play.chance(40)) AS lines INTO fact;
		made := sales_crm.create_credit_note(invoice_id => of_id, lines => fact.lines);
	WHEN 'cancel_order' THEN PERFORM sales_crm.cancel_order(sales_order_id => of_id);
	WHEN 'lock' THEN
		EXECUTE format('SELECT sales_crm.lock_%s_pricing(%L)', CASE in_entity WHEN 'invoice' THEN 'invoice' ELSE 'order' END, of_id);
		INSERT INTO play.lock_set VALUES (play.round(), in_entity, of_id, true);
	WHEN 'unlock' THEN
		EXECUTE format('SELECT is_price_locked FROM crm.%I WHERE %I = $1', in_entity, in_entity || '_id') INTO fact USING of_id;
		EXECUTE format('SELECT sales_crm.unlock_%s_pricing(%L)', CASE in_entity WHEN 'invoice' THEN 'invoice' ELSE 'order' END, of_id);
		INSERT INTO play.lock_set VALUES (play.round(), in_entity, of_id, false);
		IF fact.is_price_locked THEN INSERT INTO play.repriced VALUES (play.round(), in_entity, of_id); END IF;
	WHEN 'pay_invoice' THEN
		SELECT balance_amount, decimals INTO fact FROM crm.invoice JOIN crm.currency USING (currency_code) WHERE invoice_id = of_id;
		PERFORM play.pay(of_id, fact.balance_amount, fact.decimals);
	WHEN 'overpay_invoice' THEN
		PERFORM sales_crm.pay_invoice(invoice_id => of_id, amount => (SELECT balance_amount + sign(balance_amount) FROM crm.invoice WHERE invoice_id = of_id));
	WHEN 'cancel_payment' THEN
		PERFORM sales_crm.cancel_payment(payment_id => (SELECT max(payment_id) FROM crm.payment WHERE invoice_id = of_id AND canceled_at IS NULL));
	WHEN 'cancel_invoice' THEN PERFORM sales_crm.cancel_invoice(invoice_id => of_id);
	END CASE;
	IF made IS NOT NULL THEN PERFORM play.remember(made_entity, made, of_chain, action, in_entity, of_id); END IF;
END $$;

-- The documents of the chains with what decides what may be done to them.
CREATE VIEW play.living AS
	SELECT d.chain_id, d.entity, d.id, d.made_by, o.state, o.pricing_error, o.total_amount AS total, NULL::numeric AS balance, false AS is_locked, 0 AS paid, false AS is_free, 0::bigint AS others, 'none' AS type,
	       '{}'::text[] AS is_open, 0::numeric AS billed
	FROM play.document AS d JOIN crm.opportunity AS o ON d.entity = 'opportunity' AND o.opportunity_id = d.id
	UNION ALL
	SELECT d.chain_id, d.entity, d.id, d.made_by, q.state, q.pricing_error, q.total_amount, NULL, false, 0, NOT EXISTS (SELECT FROM crm.sales_order AS o WHERE o.quote_id = q.quote_id AND o.state <> 'canceled'),
	       (SELECT count(*) FROM crm.quote AS r WHERE r.quote_number = q.quote_number AND r.state IN ('draft', 'active') AND r.quote_id <> q.quote_id), 'none', '{}', 0
	FROM play.document AS d JOIN crm.quote AS q ON d.entity = 'quote' AND q.quote_id = d.id
	UNION ALL
	SELECT d.chain_id, d.entity, d.id, d.made_by, o.state, o.pricing_error, o.total_amount, NULL, o.is_price_locked, 0, false,
	       (SELECT count(*) FROM crm.invoice AS i WHERE i.sales_order_id = o.sales_order_id AND i.state <> 'canceled'), 'none',
	       ARRAY(SELECT w FROM unnest('{deliver,return,ordered,delivered}'::text[]) AS w WHERE EXISTS (SELECT FROM play.open_parts(w, o.sales_order_id))),
	       (SELECT coalesce(sum(i.total_amount), 0) FROM crm.invoice AS i WHERE i.sales_order_id = o.sales_order_id AND i.state <> 'canceled')
	FROM play.document AS d JOIN crm.sales_order AS o ON d.entity = 'sales_order' AND o.sales_order_id = d.id
	UNION ALL
	SELECT d.chain_id, d.entity, d.id, d.made_by, i.state, i.pricing_error, i.total_amount, i.balance_amount, i.is_price_locked,
	       (SELECT count(*)::integer FROM crm.payment AS p WHERE p.invoice_id = i.invoice_id AND p.canceled_at IS NULL), EXISTS (SELECT FROM crm.invoice_product AS l JOIN crm.invoice AS h USING (invoice_id) WHERE l.down_payment_invoice_id = i.invoice_id
	               AND h.credited_invoice_id IS NULL AND h.state <> 'canceled' AND l.quantity_credited = 0),
	       (SELECT count(*) FROM crm.invoice AS c WHERE c.credited_invoice_id = i.invoice_id AND c.state <> 'canceled'),
	       CASE WHEN EXISTS (SELECT FROM crm.invoice AS c WHERE c.invoice_id = i.credited_invoice_id AND c.invoice_type = 'down_payment') THEN 'credit of a down payment' ELSE i.invoice_type END,
	       ARRAY(SELECT 'credit' WHERE EXISTS (SELECT FROM play.open_parts('credit', i.invoice_id))), 0
	FROM play.document AS d JOIN crm.invoice AS i ON d.entity = 'invoice' AND i.invoice_id = d.id;

-- What may be done next, how likely, and with which SQLSTATE it must be refused.
CREATE FUNCTION play.choices(of_chain integer) RETURNS TABLE (action text, entity text, id bigint, weight numeric, expected text) LANGUAGE sql STABLE AS $$
	WITH d AS (SELECT * FROM play.living WHERE chain_id = of_chain), size AS (SELECT count(*) AS n FROM d)
	SELECT c.action, d.entity, d.id, CASE WHEN is_closed OR (d.entity = 'invoice' AND d.made_by <> 'insert' AND c.entities LIKE '% %') THEN c.weight / 10 ELSE c.weight END, CASE WHEN is_closed THEN 'SC002' ELSE c.expected END
	FROM d, size, LATERAL (
		VALUES ('add_lines', 'opportunity quote sales_order invoice', 'open draft active', 1.5, NULL),
		       ('edit_line', 'opportunity quote sales_order invoice', 'open draft active', 2, NULL),
		       ('repair_lines', 'opportunity quote sales_order invoice', 'open draft active', CASE WHEN d.pricing_error <> 'none' THEN 8 ELSE 0 END, NULL),
		       ('delete_line', 'opportunity quote sales_order invoice', 'open draft active', 0.4, NULL),
		       ('edit_header', 'opportunity quote sales_order invoice', 'open draft active', 1, NULL),
		       ('change_list', 'opportunity quote sales_order invoice', 'open draft active', 0.3, NULL),
		       ('reprice', 'opportunity quote sales_order invoice', 'open draft active', 0.7, CASE WHEN d.is_locked THEN 'SC002' END),
		       ('create_quote_from_opportunity', 'opportunity', 'open won lost', CASE WHEN size.n < 8 THEN 2 ELSE 0 END, NULL),
		       ('create_order_from_opportunity', 'opportunity', 'open won lost', CASE WHEN size.n < 4 THEN 1 ELSE 0 END, NULL),
		       ('create_invoice_from_opportunity', 'opportunity', 'open won lost', CASE WHEN size.n < 4 THEN 0.3 ELSE 0 END, NULL),
		       ('win_opportunity', 'opportunity', 'open', 0.2, NULL),
		       ('lose_opportunity', 'opportunity', 'open', 0.2, NULL),
		       ('reopen_opportunity', 'opportunity', 'won lost', 0.3, NULL),
		       ('activate_quote', 'quote', 'draft', 3, CASE WHEN d.pricing_error <> 'none' THEN 'SC005' END),
		       ('win_quote', 'quote', 'active', 0.7, NULL),
		       ('close_quote', 'quote', 'active', 0.5, NULL),
		       ('revise_quote', 'quote', 'active', 4, NULL),
		       ('revise_quote', 'quote', 'closed', 0.5, CASE WHEN d.others > 0 THEN 'SC011' END),
		       ('accept_quote', 'quote', 'active', 3, NULL),
		       ('create_order_from_quote', 'quote', 'won', CASE WHEN d.is_free THEN 3 ELSE 0.1 END, CASE WHEN NOT d.is_free THEN 'SC011' END),
		       ('submit_order', 'sales_order', 'active', 1, CASE WHEN d.pricing_error <> 'none' THEN 'SC005' END),
		       ('deliver_order', 'sales_order', 'active submitted', CASE WHEN 'deliver' = ANY (d.is_open) THEN 6 ELSE 0.05 END, CASE WHEN NOT 'deliver' = ANY (d.is_open) THEN 'SC011' END),
		       ('overdeliver_order', 'sales_order', 'active submitted', CASE WHEN 'deliver' = ANY (d.is_open) THEN 0.2 ELSE 0 END, 'SC010'),
		       ('return_order', 'sales_order', 'active submitted fulfilled', CASE WHEN 'return' = ANY (d.is_open) THEN 3 ELSE 0 END, NULL),
		       ('fulfill_order', 'sales_order', 'active submitted', 0.8, CASE WHEN d.pricing_error <> 'none' THEN 'SC005' END),
		       ('fulfill_order_partly', 'sales_order', 'active submitted', 0.2, CASE WHEN d.pricing_error <> 'none' THEN 'SC005' END),
		       ('invoice_ordered', 'sales_order', 'active fulfilled', CASE WHEN 'ordered' = ANY (d.is_open) THEN 2.5 ELSE 0.05 END, CASE WHEN d.pricing_error <> 'none' THEN 'SC005' WHEN NOT 'ordered' = ANY (d.is_open) THEN 'SC011' END),
		       ('invoice_delivered', 'sales_order', 'active submitted fulfilled', CASE WHEN 'delivered' = ANY (d.is_open) THEN 4 ELSE 0.05 END,
		        CASE WHEN d.pricing_error <> 'none' THEN 'SC005' WHEN NOT 'delivered' = ANY (d.is_open) THEN 'SC011' END),
		       ('overinvoice_order', 'sales_order', 'active fulfilled', CASE WHEN 'ordered' = ANY (d.is_open) THEN 0.2 ELSE 0 END, CASE WHEN d.pricing_error <> 'none' THEN 'SC005' ELSE 'SC010' END),
		       ('create_down_payment_invoice', 'sales_order', 'active submitted', CASE WHEN d.total - d.billed > 0.5 * d.total AND d.total > 10 THEN 2 ELSE 0.05 END,
		        CASE WHEN d.pricing_error <> 'none' THEN 'SC005' WHEN d.total <= 0 THEN 'SC010' END),
		       ('cancel_order', 'sales_order', 'active submitted fulfilled', 0.1, NULL),
		       ('create_credit_note', 'invoice', 'active paid', CASE WHEN d.type NOT LIKE 'credit%' AND 'credit' = ANY (d.is_open) THEN 1 ELSE 0.03 END,
		        CASE WHEN d.type LIKE 'credit%' THEN 'SC001' WHEN d.is_free OR NOT 'credit' = ANY (d.is_open) THEN 'SC011' END),
		       ('lock', 'sales_order invoice', 'active', 0.2, NULL),
		       ('unlock', 'sales_order invoice', 'active', CASE WHEN d.made_by = 'insert' THEN 0.5 ELSE 0.1 END, NULL),
		       ('pay_invoice', 'invoice', 'active paid', CASE WHEN d.state = 'paid' AND d.balance = 0 THEN 0.1 ELSE 2 END,
		        CASE WHEN d.state = 'paid' AND d.balance = 0 THEN 'SC001' WHEN d.total <> 0 AND (d.total < 0) <> (d.type LIKE 'credit%') THEN 'SC010' END),
		       ('overpay_invoice', 'invoice', 'active', 0.2, 'SC010'),
		       ('cancel_payment', 'invoice', 'active paid', CASE WHEN d.paid > 0 THEN 0.4 ELSE 0 END, NULL),
		       ('cancel_invoice', 'invoice', 'active paid', CASE WHEN d.type = 'credit of a down payment' THEN 0 ELSE 0.3 END, CASE WHEN d.paid > 0 OR d.others > 0 OR d.is_free THEN 'SC011' END)
		) AS c (action, entities, states, weight, expected),
		LATERAL (SELECT d.entity = 'quote' AND d.state = 'active' AND c.entities LIKE '% %') AS w (is_closed)
	WHERE c.weight > 0 AND NOT (d.type = 'credit of a down payment' AND c.entities LIKE '% %') AND d.entity = ANY (string_to_array(c.entities, ' ')) AND d.state = ANY (string_to_array(c.states, ' '))
$$;

-- Where one SQLSTATE cannot be foretold by a glance at the header: those that may come.
CREATE TABLE play.tolerated (action text, sqlstate text, why text);
INSERT INTO play.tolerated VALUES
	('cancel_payment', 'SC011', 'a credit note took back what an early payment saved'),
	('edit_line', 'SC002', 'a line that deducts a down payment, credits another or is credited, or an order line that is invoiced'),
	('delete_line', 'SC002', 'likewise'),
	('reprice', 'SC002', 'likewise'),
	('repair_lines', 'SC002', 'likewise'),
	('edit_line', 'SC016', 'a list that sells the product in whole units came later'),
	('reprice', 'SC016', 'likewise'),
	('unlock', 'SC016', 'likewise'),
	('unlock', 'SC002', 'likewise'),
	('change_list', 'SC002', 'likewise'),
	('add_lines', 'SC002', 'a down payment that is deducted'),
	('edit_header', 'SC002', 'likewise, or discounts and freight of an order that is invoiced'),
	('edit_header', 'SC010', 'an order below what is invoiced of it'),
	('change_list', 'SC016', 'the other list sells the product in whole units'),
	('cancel_invoice', 'SC011', 'a credit note that gave a down payment back, which is used again, or after which another invoice counted its cents'),
	('overinvoice_order', '22023', 'the line was only offered'),
	('cancel_order', 'SC011', 'a live invoice that is not wholly credited'),
	('create_down_payment_invoice', 'SC010', 'more than is left of the total'),
	('delete_line', 'SC010', 'a line that is delivered or invoiced'),
	('delete_line', '23503', 'a document was made from the line'),
	('cancel_invoice', 'SC010', 'an invoice line against the sign of its order line was made up for by another'),
	('create_credit_note', 'SC010', 'likewise'),
	('edit_line', 'SC010', 'an order line below what is invoiced, an invoice line above what was ordered');

-- The catalogue moves between two rounds: amounts, percentages, costs, rates of currencies and taxes, and products that are revised.
CREATE FUNCTION play.move_catalogue() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM play.seed('catalogue ' || play.round());
	UPDATE crm.price_list_item SET amount = amount * 1.1 + 0.3, percentage = least(percentage + 1.25, 99) WHERE price_list_item_id % 17 = play.round() % 17;
	UPDATE crm.price_list_item SET rounding_amount = rounding_amount + 1 WHERE price_list_item_id % 37 = play.round() % 37 AND rounding_policy <> 'none';
	UPDATE crm.product SET current_cost = current_cost + 1.1, standard_cost = standard_cost * 1.02 WHERE product_id % 13 = play.round() % 13 AND state = 'active';
	UPDATE crm.discount_list_item SET percentage = percentage * 0.9, amount = amount * 0.9 WHERE discount_list_item_id % 7 = play.round() % 7;
	UPDATE crm.currency SET exchange_rate = exchange_rate * 1.01 WHERE currency_code = (ARRAY['EUR', 'JPY', 'KWD', 'CLF'])[1 + play.round() % 4];
	UPDATE crm.tax_rate SET percentage = percentage + 0.125 WHERE tax_rate_id % 5 = play.round() % 5 AND percentage < 40;
	UPDATE crm.tax_rate SET state = CASE state WHEN 'active' THEN 'inactive' ELSE 'active' END, status_reason = CASE state WHEN 'active' THEN 'inactive' ELSE 'active' END WHERE name = 'Levy' AND play.round() % 5 = 0;
	UPDATE crm.organization_setting SET value = (ARRAY['2', '2', '3', '1', '4', '0'])[1 + play.round() / 3 % 6] WHERE name = 'pricing_decimals';
	IF play.round() % 4 = 1 THEN
		PERFORM count(r.state) FROM crm.product AS p, LATERAL sales_crm.revise_product(product_id => p.product_id) AS r WHERE p.product_number LIKE 'play-%' AND p.product_id % 9 = 3 AND p.state = 'active';
		UPDATE crm.product SET list_price = list_price * 2, current_cost = 1, standard_cost = 1 WHERE state = 'under_revision';
	ELSIF play.round() % 4 = 3 THEN
		PERFORM count(r.state) FROM crm.product AS p, LATERAL sales_crm.publish_product(product_id => p.product_id) AS r WHERE p.state = 'under_revision' AND p.product_id % 2 = 0;
		PERFORM count(r.state) FROM crm.product AS p, LATERAL sales_crm.revert_product(product_id => p.product_id) AS r WHERE p.state = 'under_revision';
	END IF;
END $$;

-- One step of one chain.
CREATE FUNCTION play.act(of_chain integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE drawn float8; chosen record; outcome text; said text; said_detail text;
BEGIN
	PERFORM play.seed(format('chain %s step %s', of_chain, play.round()));
	drawn := random();
	SELECT c.* INTO chosen FROM (
		SELECT o.*, sum(o.weight) OVER (ORDER BY o.entity, o.id, o.action, o.weight) AS up_to, sum(o.weight) OVER () AS weights FROM play.choices(of_chain) AS o
	) AS c WHERE c.up_to >= drawn * c.weights ORDER BY c.up_to LIMIT 1;
	IF chosen.action IS NULL THEN RETURN; END IF;
	BEGIN
		PERFORM play.call(chosen.action, chosen.entity, chosen.id, of_chain);
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, said_detail = PG_EXCEPTION_DETAIL;
		outcome := SQLSTATE;
	END;
	INSERT INTO play.step VALUES (play.round(), of_chain, chosen.action, chosen.entity, chosen.id, chosen.expected, outcome, concat_ws(' ', said, said_detail));
END $$;
