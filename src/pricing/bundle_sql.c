/*
 * bundle_sql.c
 *	  The statements by which the members of bundles follow their lines, and
 *	  the checks that they did (D§4.11).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pricing/pricing.h"

#define REQUIRED PRICING_REQUIRED_MEMBER
#define OPTIONAL PRICING_OPTIONAL_MEMBER

static void build_insert(CrmLines *lines);
static void build_follow(CrmLines *lines);
static void add_checks(CrmLines *lines);
static CrmCheck new_check(const char *name, const CrmLines *lines, char *sql);

/* how much of a member goes with so much of a bundle: "quantity" of the line in "unit" */
#define MEMBER_QUANTITY(quantity, unit) \
	"round(a.quantity * " quantity " * coalesce(" unit ".base_quantity, d.base_quantity, 1) / coalesce(d.base_quantity, 1), 5)"

/* pricing_build_bundles writes the statements by which the members of one kind of line follow. */
void
pricing_build_bundles(CrmLines *lines)
{
	const char *line = lines->entity.name;
	const char *key = lines->entity.key;
	const char *header = lines->header->key;
	CrmBundleStatements *s = &lines->bundles;

	s->place = (CrmStatement) {
		.sql = psprintf("SELECT b.%2$s, b.product_type, b.line_kind, a.product_association_id, a.is_required, "
						"EXISTS (SELECT FROM @%1$s m WHERE m.bundle_line_id = b.%3$s "
						"AND m.product_association_id = a.product_association_id) FROM @%1$s b "
						"LEFT JOIN @product_association a ON a.bundle_id = b.product_id AND a.product_id = $2 "
						"AND a.unit_id = coalesce($3, (SELECT p.default_unit_id FROM @product p WHERE p.product_id = $2)) "
						"WHERE b.%3$s = $1", line, header, key),
		.argtypes = {INT8OID, INT8OID, INT8OID}
	};
	build_insert(lines);
	build_follow(lines);
	add_checks(lines);
}

/* build_insert writes what puts new members behind the line of their bundle. */
static void
build_insert(CrmLines *lines)
{
	const char *line = lines->entity.name;
	const char *key = lines->entity.key;
	const char *header = lines->header->key;
	CrmBundleStatements *s = &lines->bundles;

	s->behind = (CrmStatement) {
		.sql = psprintf("SELECT l.%3$s, (l.line_number + (SELECT count(*) FROM @%1$s b "
						"JOIN @product_association a ON a.bundle_id = b.product_id "
						"WHERE b.%3$s = ANY ($1) AND b.%2$s = l.%2$s AND b.line_number < l.line_number))::numeric FROM @%1$s l "
						"WHERE l.%2$s = ANY (ARRAY(SELECT b.%2$s FROM @%1$s b WHERE b.%3$s = ANY ($1))) "
						"AND l.line_number > (SELECT min(b.line_number) FROM @%1$s b WHERE b.%3$s = ANY ($1) AND b.%2$s = l.%2$s) "
						"ORDER BY l.%3$s FOR NO KEY UPDATE OF l", line, header, key),
		.argtypes = {INT8ARRAYOID}
	};
	s->renumber = (CrmStatement) {
		.sql = psprintf("UPDATE @%1$s l SET line_number = w.number::integer FROM unnest($1, $2) AS w(id, number) "
						"WHERE l.%2$s = w.id", line, key),
		.argtypes = {INT8ARRAYOID, NUMERICARRAYOID}
	};
	s->members = (CrmStatement) {
		.sql = psprintf("SELECT a.product_association_id, b.%2$s, b.line_number + "
						"row_number() OVER (PARTITION BY b.%2$s ORDER BY a.is_required DESC, a.product_association_id) "
						"FROM @%1$s b JOIN @product_association a ON a.bundle_id = b.product_id "
						"WHERE b.%2$s = ANY ($1) ORDER BY 2, 3", line, key),
		.argtypes = {INT8ARRAYOID}
	};
	s->insert = (CrmStatement) {
		.sql = psprintf("INSERT INTO @%1$s (%2$s, %3$s, line_number, line_kind, product_type, bundle_line_id, "
						"product_association_id, product_id, unit_id, quantity) "
						"SELECT w.id, b.%3$s, w.number, b.line_kind, "
						"CASE WHEN a.is_required THEN '" REQUIRED "' ELSE '" OPTIONAL "' END, b.%2$s, "
						"a.product_association_id, a.product_id, a.unit_id, " MEMBER_QUANTITY("b.quantity", "u")
						" FROM unnest($1, $2, $3, $4) AS w(id, association_id, bundle_line_id, number) "
						"JOIN @%1$s b ON b.%2$s = w.bundle_line_id "
						"JOIN @product_association a ON a.product_association_id = w.association_id "
						"JOIN @product p ON p.product_id = b.product_id LEFT JOIN @unit u ON u.unit_id = b.unit_id "
						"LEFT JOIN @unit d ON d.unit_id = p.default_unit_id ORDER BY w.id", line, key, header),
		.argtypes = {INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID}
	};
}

/* build_follow writes what moves members with their bundle, and what keeps required ones. */
static void
build_follow(CrmLines *lines)
{
	const char *line = lines->entity.name;
	const char *key = lines->entity.key;
	const char *header = lines->header->key;
	CrmBundleStatements *s = &lines->bundles;

	s->lock = (CrmStatement) {
		.sql = psprintf("SELECT m.%2$s, m.product_type = '" REQUIRED "', CASE WHEN m.product_type = '" REQUIRED "' "
						"OR (m.unit_id = a.unit_id AND m.quantity = " MEMBER_QUANTITY("o.quantity", "v") ") "
						"THEN coalesce(" MEMBER_QUANTITY("b.quantity", "u") ", m.quantity) ELSE m.quantity END, x.quantity_decimals, x.name "
						"FROM unnest($1, $2, $3) AS o(id, quantity, unit_id) JOIN @%1$s b ON b.%2$s = o.id "
						"JOIN @%1$s m ON m.bundle_line_id = b.%2$s JOIN @product p ON p.product_id = b.product_id "
						"JOIN @product x ON x.product_id = m.product_id "
						"LEFT JOIN @product_association a ON a.product_association_id = m.product_association_id "
						"LEFT JOIN @unit u ON u.unit_id = b.unit_id LEFT JOIN @unit v ON v.unit_id = o.unit_id "
						"LEFT JOIN @unit d ON d.unit_id = p.default_unit_id ORDER BY m.%2$s FOR NO KEY UPDATE OF m", line, key),
		.argtypes = {INT8ARRAYOID, NUMERICARRAYOID, INT8ARRAYOID}
	};
	s->follow = (CrmStatement) {
		.sql = psprintf("UPDATE @%1$s m SET quantity = w.quantity, line_kind = b.line_kind "
						"FROM unnest($1, $2) AS w(id, quantity), @%1$s b WHERE m.%2$s = w.id AND b.%2$s = m.bundle_line_id "
						"AND (m.quantity <> w.quantity OR m.line_kind <> b.line_kind)", line, key),
		.argtypes = {INT8ARRAYOID, NUMERICARRAYOID}
	};
	s->orphaned = (CrmStatement) {
		.sql = psprintf("SELECT b.%2$s, b.line_number FROM @%1$s b JOIN @%4$s h ON h.%3$s = b.%3$s "
						"WHERE b.%2$s = ANY ($1) ORDER BY 1 LIMIT 1", line, key, header, lines->header->name),
		.argtypes = {INT8ARRAYOID}
	};
}

/* add_checks registers what verify() looks at in the lines of one kind. */
static void
add_checks(CrmLines *lines)
{
	const char *line = lines->entity.name;
	const char *key = lines->entity.key;
	const char *header = lines->header->key;
	CrmCheck   *checks = palloc(sizeof(CrmCheck) * 4);

	checks[0] = new_check("bundle_member", lines, psprintf(
		"SELECT l.%2$s, 'is a ' || l.product_type || ', but not of a bundle of its document as the catalogue has it' FROM @%1$s l "
		"LEFT JOIN @%1$s b ON b.%2$s = l.bundle_line_id "
		"LEFT JOIN @product_association a ON a.product_association_id = l.product_association_id "
		"WHERE l.product_type IN ('" REQUIRED "', '" OPTIONAL "') AND (b.%2$s IS NULL OR b.%3$s <> l.%3$s "
		"OR b.product_type <> 'bundle' OR b.line_kind <> l.line_kind OR a.bundle_id <> b.product_id "
		"OR a.product_id <> l.product_id OR a.is_required <> (l.product_type = '" REQUIRED "'))", line, key, header));
	checks[1] = new_check("required_bundle_member", lines, psprintf(
		"SELECT l.%2$s, 'quantity ' || l.quantity || ', price ' || l.price_per_unit || ', amount ' || l.extended_amount || "
		"', of ' || b.quantity || ' of its bundle' FROM @%1$s l JOIN @%1$s b ON b.%2$s = l.bundle_line_id "
		"JOIN @product p ON p.product_id = b.product_id "
		"LEFT JOIN @product_association a ON a.product_association_id = l.product_association_id "
		"LEFT JOIN @unit u ON u.unit_id = b.unit_id LEFT JOIN @unit d ON d.unit_id = p.default_unit_id "
		"WHERE l.product_type = '" REQUIRED "' AND (l.price_per_unit <> 0 OR l.base_amount <> 0 OR l.extended_amount <> 0 "
		"OR l.tax_amount <> 0 OR l.manual_discount_amount <> 0 OR l.pricing_error <> 'none' "
		"OR abs(l.quantity - " MEMBER_QUANTITY("b.quantity", "u") ") > 0.00001)", line, key));
	checks[2] = new_check("bundle_without_members", lines, psprintf(
		"SELECT b.%2$s, 'lacks its required member ' || a.product_association_id FROM @%1$s b JOIN @%4$s h ON h.%3$s = b.%3$s "
		"JOIN @product_association a ON a.bundle_id = b.product_id AND a.is_required WHERE b.product_type = 'bundle' "
		"AND EXISTS (SELECT FROM @status_reason r WHERE r.entity = '%4$s' AND r.state = h.state AND NOT r.is_read_only) "
		"AND NOT EXISTS (SELECT FROM @%1$s l WHERE l.bundle_line_id = b.%2$s "
		"AND l.product_association_id = a.product_association_id)", line, key, header, lines->header->name));
	checks[3] = new_check("product_type", lines, psprintf(
		"SELECT l.%2$s, 'is a ' || l.product_type || ', its product a ' || p.product_structure FROM @%1$s l "
		"JOIN @product p ON p.product_id = l.product_id "
		"WHERE (p.product_structure = 'bundle') <> (l.product_type = 'bundle')", line, key));
	core_add_checks(checks, 4);
}

static CrmCheck
new_check(const char *name, const CrmLines *lines, char *sql)
{
	return (CrmCheck) {.name = name, .entity = lines->entity.name, .statement = {.sql = sql}};
}
