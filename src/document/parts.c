/*
 * parts.c
 *	  Parts of documents: the lines and quantities that a caller names, and how
 *	  far the lines of an order or invoice are.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "document/document.h"

#define MOST_DECIMALS 5			/* of numeric(18,5) */
#define MOST_DIGITS 18

typedef struct NamedPart
{
	int64		id;
	Datum		quantity;
} NamedPart;

static NamedPart read_part(JsonbValue *element, const char *key);
static Datum number_of(JsonbContainer *object, const char *key, const char *id_key);
static int	compare_parts(const void *a, const void *b);
static void refuse_form(const char *key, const char *what) pg_attribute_noreturn();
static CrmStatement *progress_of(const CrmDocument *document);
static Datum share_of_member(const CrmProgress *member, const CrmProgress *bundle, Datum quantity);
static void check_part(const CrmProgress *line, Datum quantity, const CrmDocument *document);
static void refuse_quantity(const CrmProgress *line, Datum quantity, const CrmDocument *document, const char *why);

/*
 * document_parts_argument reads [{"<key>": 1, "quantity": 6}, ...] into parts
 * by ascending key; false when the argument is NULL.
 */
bool
document_parts_argument(FunctionCallInfo fcinfo, int n, const char *key, CrmParts *parts)
{
	Jsonb	   *lines = PG_ARGISNULL(n) ? NULL : PG_GETARG_JSONB_P(n);
	NamedPart  *named;

	if (lines == NULL)
		return false;
	if (!JB_ROOT_IS_ARRAY(lines) || JB_ROOT_IS_SCALAR(lines) || JB_ROOT_COUNT(lines) == 0)
		refuse_form(key, "It is no array of lines, or an empty one.");
	*parts = document_new_parts(JB_ROOT_COUNT(lines));
	parts->n = JB_ROOT_COUNT(lines);
	named = palloc(sizeof(NamedPart) * parts->n);
	for (int i = 0; i < parts->n; i++)
		named[i] = read_part(getIthJsonbValueFromContainer(&lines->root, i), key);
	qsort(named, parts->n, sizeof(NamedPart), compare_parts);
	for (int i = 0; i < parts->n; i++)
	{
		if (i > 0 && named[i].id == named[i - 1].id)
			refuse_form(key, psprintf("Line %lld is named twice.", (long long) named[i].id));
		parts->ids[i] = named[i].id;
		parts->quantities[i] = named[i].quantity;
	}
	return true;
}

/* read_part reads one line of the argument: an object of just the two. */
static NamedPart
read_part(JsonbValue *element, const char *key)
{
	NamedPart	part;
	Datum		id;

	if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data) ||
		JsonContainerSize(element->val.binary.data) != 2)
		refuse_form(key, "A line is no object of the two.");
	id = number_of(element->val.binary.data, key, key);
	if (money_scale(id) > 0 ||
		money_compare(id, DirectFunctionCall1(int8_numeric, Int64GetDatum(PG_INT64_MAX))) > 0 ||
		money_compare(id, money_zero()) < 0)
		refuse_form(key, psprintf("%s is the key of no line.", money_text(id)));
	part.id = DatumGetInt64(DirectFunctionCall1(numeric_int8, id));
	part.quantity = number_of(element->val.binary.data, "quantity", key);
	return part;
}

static Datum
number_of(JsonbContainer *object, const char *key, const char *id_key)
{
	JsonbValue *value = getKeyJsonValueFromContainer(object, key, strlen(key), NULL);

	if (value && value->type == jbvNumeric)
		return NumericGetDatum(value->val.numeric);
	refuse_form(id_key, psprintf("A line has no number \"%s\".", key));
}

static int
compare_parts(const void *a, const void *b)
{
	return core_compare_ids(&((const NamedPart *) a)->id, &((const NamedPart *) b)->id);
}

static void
refuse_form(const char *key, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"lines\" does not name lines and quantities"),
			 errdetail("%s", what),
			 errhint("Write lines => '[{\"%s\": 1, \"quantity\": 6}]', each line once; leave it out for all that is open, where the call allows that.", key)));
}

/* document_read_progress reads how far the lines of an order or invoice are, under its lock. */
CrmProgressList
document_read_progress(CrmOrganization *org, const CrmDocument *document, int64 id)
{
	CrmValue	args[] = {CRM_INT8(id)};
	CrmProgressList list;

	list.n = (int) core_run(org, progress_of(document), args);
	list.lines = palloc(sizeof(CrmProgress) * Max(list.n, 1));
	for (int i = 0; i < list.n; i++)
	{
		CrmProgress *line = &list.lines[i];

		line->id = core_result_int8(i, 1);
		line->line_number = core_result_int4(i, 2);
		line->is_standard = core_result_bool(i, 3);
		line->decimals = core_result_int4(i, 4);
		line->quantity = core_result_number(i, 5);
		line->delivered = core_result_number(i, 6);
		line->returned = core_result_number(i, 7);
		line->taken = core_result_number(i, 8);
		line->is_deduction = core_result_bool(i, 9);
		line->bundle_id = core_result_int8(i, 10);
	}
	return list;
}

/* progress_of writes the query of that; a down payment is deducted and credited as one piece. */
static CrmStatement *
progress_of(const CrmDocument *document)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	bool		is_order = document == &document_order;

	return core_intern(psprintf("SELECT l.%1$s, l.line_number, l.line_kind = 'standard', "
								"coalesce(%2$s p.quantity_decimals, %3$d), l.quantity, %4$s, "
								"CASE WHEN l.product_type = 'required_bundle_member' THEN l.bundle_line_id END "
								"FROM @%5$s l LEFT JOIN @product p ON p.product_id = l.product_id "
								"WHERE l.%6$s = $1 ORDER BY l.%1$s",
								document->lines.entity.key,
								is_order ? "" : "CASE WHEN l.down_payment_invoice_id IS NOT NULL THEN 0 END,",
								MOST_DECIMALS,
								is_order ? "l.quantity_delivered, l.quantity_returned, l.quantity_invoiced, false"
								: "0::numeric, 0::numeric, l.quantity_credited, l.down_payment_invoice_id IS NOT NULL",
								document->lines.entity.name, document->entity.key), types);
}

/* document_find_line finds a line by its key, or returns NULL. */
CrmProgress *
document_find_line(const CrmProgressList *list, int64 id)
{
	int			low = 0;
	int			high = list->n - 1;

	while (low <= high)
	{
		int			middle = (low + high) / 2;

		if (list->lines[middle].id == id)
			return &list->lines[middle];
		if (list->lines[middle].id < id)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return NULL;
}

/* document_new_parts makes an empty list with room for so many. */
CrmParts
document_new_parts(int size)
{
	CrmParts	parts = {
		.ids = palloc(sizeof(int64) * Max(size, 1)),
		.quantities = palloc(sizeof(Datum) * Max(size, 1)),
		.n = 0
	};

	return parts;
}

/* document_add_part adds a quantity of a line, unless it is nothing. */
void
document_add_part(CrmParts *parts, const CrmProgress *line, Datum quantity)
{
	if (money_is_zero(quantity))
		return;
	parts->ids[parts->n] = line->id;
	parts->quantities[parts->n++] = quantity;
}

/*
 * document_settle_members takes required members of bundles along: of each as
 * much as goes with what is taken of its bundle, up to and with this part.
 */
CrmParts
document_settle_members(const CrmProgressList *list, const CrmParts *parts)
{
	CrmParts	settled = document_new_parts(list->n);

	for (int i = 0; i < list->n; i++)
	{
		const CrmProgress *line = &list->lines[i];
		const int64 *id = line->bundle_id != 0 ? &line->bundle_id : &line->id;
		const int64 *found = bsearch(id, parts->ids, parts->n, sizeof(int64), core_compare_ids);

		if (found == NULL)
			continue;
		document_add_part(&settled, line, line->bundle_id == 0 ? parts->quantities[found - parts->ids]
						  : share_of_member(line, document_find_line(list, line->bundle_id),
											parts->quantities[found - parts->ids]));
	}
	return settled;
}

/* share_of_member returns how much of a member goes with a quantity of its bundle that is taken now. */
static Datum
share_of_member(const CrmProgress *member, const CrmProgress *bundle, Datum quantity)
{
	Datum		taken;

	if (bundle == NULL)
		core_refuse_unknown("product line of a bundle", member->bundle_id);
	taken = money_add(bundle->taken, quantity);
	return money_subtract(money_divide(money_multiply(member->quantity, taken), bundle->quantity, MOST_DECIMALS),
						  member->taken);
}

/* document_check_parts refuses named lines that are not there, and quantities that they cannot have. */
void
document_check_parts(const CrmProgressList *list, const CrmParts *parts,
					 const CrmDocument *document, const char *number)
{
	for (int i = 0; i < parts->n; i++)
	{
		CrmProgress *line = document_find_line(list, parts->ids[i]);

		if (line == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_NO_DATA_FOUND),
					 errmsg("%s %s has no line %lld", document->entity.label, number, (long long) parts->ids[i]),
					 errdetail("Table \"%s\" shows you no such line of it.", document->lines.entity.name),
					 errhint("Give the %s of lines of this %s.", document->lines.entity.key, document->entity.label),
					 err_generic_string(PG_DIAG_TABLE_NAME, document->lines.entity.name)));
		check_part(line, parts->quantities[i], document);
	}
}

/* check_part refuses a note, and a quantity of nothing, of the other side or with too many decimals. */
static void
check_part(const CrmProgress *line, Datum quantity, const CrmDocument *document)
{
	int			side = money_compare(line->quantity, money_zero());

	if (!line->is_standard)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("line %d is a note or was only offered", line->line_number),
				 errdetail("%s %lld is no standard line.", document->lines.entity.name, (long long) line->id),
				 errhint("Leave it out of lines."),
				 err_generic_string(PG_DIAG_TABLE_NAME, document->lines.entity.name)));
	if (money_compare(quantity, money_zero()) != side || side == 0)
		refuse_quantity(line, quantity, document, "it must have the sign of the line's quantity and not be 0");
	if (money_scale(quantity) > line->decimals)
		refuse_quantity(line, quantity, document, psprintf("it may have %d decimals", line->decimals));
	if (money_compare(DirectFunctionCall1(numeric_abs, quantity),
					  DirectFunctionCall1(int8_numeric, Int64GetDatum(INT64CONST(10000000000000)))) >= 0)
		refuse_quantity(line, quantity, document, "it is too large");
}

static void
refuse_quantity(const CrmProgress *line, Datum quantity, const CrmDocument *document, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_QUANTITY),
			 errmsg("%s of line %d cannot be taken: %s", money_text(quantity), line->line_number, why),
			 errdetail("%s %lld has quantity %s.", document->lines.entity.name,
					   (long long) line->id, money_text(line->quantity)),
			 errhint("Correct the quantity of that line in lines."),
			 err_generic_string(PG_DIAG_TABLE_NAME, document->lines.entity.name)));
}

/* document_on_side returns what is open of a line, nothing when it is beyond the line's quantity. */
Datum
document_on_side(Datum open, Datum quantity)
{
	return money_compare(open, money_zero()) == money_compare(quantity, money_zero()) ? open : money_zero();
}

/* document_exceeds tells whether an amount goes beyond a limit, on the limit's side. */
bool
document_exceeds(Datum amount, Datum limit)
{
	int			side = money_compare(limit, money_zero());

	if (side == 0)
		return !money_is_zero(amount);
	return money_compare(amount, limit) == side;
}

/* document_most returns how much of a quantity may be delivered or invoiced: over_quantity_percentage more. */
Datum
document_most(CrmOrganization *org, Datum quantity)
{
	const char *setting = core_setting(org, "over_quantity_percentage");
	Datum		percent = setting && setting[0] && strcmp(setting, "0") != 0
		? DirectFunctionCall3(numeric_in, CStringGetDatum(setting), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))
		: money_zero();

	if (money_compare(percent, money_zero()) <= 0)
		return quantity;
	return money_add(quantity, money_percent(quantity, percent, MOST_DIGITS));
}

/* document_quantities returns the quantities of parts as an array for SQL. */
Datum
document_quantities(const CrmParts *parts)
{
	return PointerGetDatum(construct_array(parts->quantities, parts->n, NUMERICOID, -1, false, TYPALIGN_INT));
}
