/*
 * bundle.c
 *	  Bundles on documents (D§4.11): a bundle's line brings a line for each of
 *	  its members, and they go where it goes.
 *
 * What a line may be is decided before it is written, what its members become
 * at the end of the statement, just before the lines are summed. Documents
 * without bundles pay one look at product_type for each row.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "lib/qunique.h"
#include "utils/builtins.h"
#include "utils/datum.h"

#include "pricing/pricing.h"

#define REQUIRED PRICING_REQUIRED_MEMBER
#define OPTIONAL PRICING_OPTIONAL_MEMBER

/* Lines of bundles that a statement touched, and their quantities before. */
typedef struct Bundles
{
	Oid			relid;
	AttrNumber	key;
	AttrNumber	type;
	AttrNumber	bundle;
	AttrNumber	quantity;
	AttrNumber	unit;
	AttrNumber	kind;
	int64	   *ids;
	Datum	   *quantities;
	int64	   *units;
	int			n;
	int			size;
} Bundles;

/* The members that are to be written. */
typedef struct Members
{
	int64	   *ids;
	Datum	   *quantities;
	int			n;
} Members;

static void take_along(CrmRow *row, const char *type, const CrmLineContext *copied);
static void keep_place(CrmRow *row, const CrmLines *lines);
static void keep_bundle(CrmRow *row, const CrmLines *lines);
static void keep_kind(CrmRow *row, CrmLines *lines);
static void refuse_change(CrmRow *row, const CrmLines *lines, const char *column, const char *hint);
static void find_place(CrmRow *row, CrmLines *lines);
static const char *read_place(CrmRow *row, CrmLines *lines);
static void visit_bundle(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state);
static bool moves_members(const Bundles *bundles, TupleTableSlot *old_row, TupleTableSlot *new_row);
static bool differs(TupleTableSlot *old_row, TupleTableSlot *new_row, AttrNumber column);
static void add_bundle(Bundles *bundles, int64 id, TupleTableSlot *old_row);
static bool is_of_type(TupleTableSlot *slot, AttrNumber column, const char *type);
static int64 id_of(TupleTableSlot *slot, AttrNumber column);
static void add_members(CrmOrganization *org, CrmLines *lines, const Bundles *bundles);
static void make_room(CrmOrganization *org, CrmLines *lines, Datum bundle_ids);
static void move_members(CrmOrganization *org, CrmLines *lines, const Bundles *bundles);
static void check_quantity(uint64 i);
static void hold_documents(CrmOrganization *org, CrmLines *lines, const Bundles *bundles);
static void write_members(CrmOrganization *org, CrmLines *lines, const Members *members, bool is_required);
static void keep_members(CrmOrganization *org, CrmLines *lines, Bundles *bundles);

/*
 * pricing_join_bundle decides what a line is to a bundle: a call says so, who
 * inserts by hand may add an optional member, and nobody moves it afterwards.
 */
void
pricing_join_bundle(CrmRow *row, CrmTicket *ticket, CrmLines *lines)
{
	char	   *type = row_text(row, "product_type");

	if (ROW_IS_UPDATE(row))
	{
		if (ticket || core_import_mode)
			return;
		if (row_changed(row, "bundle_line_id"))
			refuse_change(row, lines, "bundle_line_id", "Delete the line and insert it again with bundle_line_id.");
		if (type == NULL)
			return;				/* NOT NULL says so */
		if (strcmp(type, REQUIRED) == 0)
			keep_place(row, lines);
		else if (strcmp(type, "product") != 0)
			keep_bundle(row, lines);
		if (strcmp(type, OPTIONAL) == 0 && row_changed(row, "line_kind"))
			keep_kind(row, lines);
		return;
	}
	if (ticket && ticket->context)
		take_along(row, type, ticket->context);
	if (ticket || (core_import_mode && type && strcmp(type, "product") != 0))
		return;
	row_set_text(row, "product_type", "product");
	if (!row_is_null(row, "bundle_line_id"))
		find_place(row, lines);
}

/*
 * take_along joins a copied member to the copy of its bundle's line; where
 * that is not copied too, it is a member no more.
 */
static void
take_along(CrmRow *row, const char *type, const CrmLineContext *copied)
{
	int64		bundle = row_int8(row, "bundle_line_id");
	bool		is_member = type && (strcmp(type, REQUIRED) == 0 || strcmp(type, OPTIONAL) == 0);

	if (bundle == 0 && !is_member)
		return;
	if (is_member && pricing_follow_copy(row, "bundle_line_id", copied))
		return;
	row_set_null(row, "bundle_line_id");
	row_set_text(row, "product_type", "product");
}

/*
 * pricing_follow_copy lets a column of a copied line, which points to another
 * line of the source, point to the copy of that; without one it is emptied.
 */
bool
pricing_follow_copy(CrmRow *row, const char *column, const CrmLineContext *copied)
{
	int64		source = row_int8(row, column);

	for (int i = 0; source != 0 && i < copied->n_copied; i++)
	{
		if (copied->source_ids[i] != source)
			continue;
		row_set_int8(row, column, copied->target_ids[i]);
		return true;
	}
	row_set_null(row, column);
	return false;
}

/* keep_place keeps a required member as its bundle makes it (D§4.11). */
static void
keep_place(CrmRow *row, const CrmLines *lines)
{
	static const char *const kept[] = {
		"product_id", "product_description", "unit_id", "quantity", "price_per_unit", "is_price_overridden",
		"manual_discount_percentage", "manual_discount_amount", "tax_amount", "line_kind"
	};

	for (int i = 0; i < lengthof(kept); i++)
	{
		if (row_changed(row, kept[i]))
			refuse_change(row, lines, kept[i], "Change the bundle's line, its members follow; their price is inside that of the bundle.");
	}
}

/* keep_bundle keeps a bundle, and a member of it, to its product. */
static void
keep_bundle(CrmRow *row, const CrmLines *lines)
{
	if (row_changed(row, "product_id"))
		refuse_change(row, lines, "product_id", "Delete the line and insert another one.");
}

/* keep_kind keeps an optional member to the line kind of its bundle. */
static void
keep_kind(CrmRow *row, CrmLines *lines)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, "bundle_line_id")), CRM_NULL, CRM_NULL};
	bool		is_same;

	SPI_connect();
	is_same = core_run(row->org, &lines->bundles.place, args) > 0 &&
		strcmp(core_result_name(0, 3), row_name(row, "line_kind")) == 0;
	SPI_finish();
	if (!is_same)
		refuse_change(row, lines, "line_kind", "Change line_kind of the bundle's line, its members follow; delete a member that is not wanted.");
}

static void
refuse_change(CrmRow *row, const CrmLines *lines, const char *column, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
			 errmsg("column \"%s\" of the line cannot be changed: it belongs to a bundle", column),
			 errdetail("%s is a line of type \"%s\".", lifecycle_called(&lines->entity, row_int8(row, lines->entity.key)),
					   row_text(row, "product_type")),
			 errhint("%s", hint),
			 errtablecol(row->rel, row_column(row, column) + 1)));
}

/* find_place lets a line by hand into a bundle as the optional member it lacks, and refuses any other. */
static void
find_place(CrmRow *row, CrmLines *lines)
{
	const char *refusal;

	SPI_connect();
	refusal = read_place(row, lines);
	SPI_finish();
	if (refusal)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("the line is no member of the bundle that bundle_line_id names"),
				 errdetail("Bundle line %lld, product %lld: %s.", (long long) row_int8(row, "bundle_line_id"),
						   (long long) row_int8(row, "product_id"), refusal),
				 errhint("Leave bundle_line_id out. The line of a bundle brings its members along; give it to put an optional member back."),
				 errtablecol(row->rel, row_column(row, "bundle_line_id") + 1),
				 err_generic_string(PG_DIAG_CONSTRAINT_NAME,
									psprintf("%s_bundle_check", RelationGetRelationName(row->rel)))));
}

/* read_place makes the row a member of its bundle, or says why it is none. */
static const char *
read_place(CrmRow *row, CrmLines *lines)
{
	CrmValue	args[] = {
		CRM_INT8(row_int8(row, "bundle_line_id")), CRM_ID(row_int8(row, "product_id")), CRM_ID(row_int8(row, "unit_id"))
	};

	if (core_run(row->org, &lines->bundles.place, args) == 0 ||
		core_result_int8(0, 1) != row_int8(row, lines->header->key))
		return "the document has no such line";
	if (strcmp(core_result_name(0, 2), "bundle") != 0)
		return "that line is no bundle";
	if (core_result_key(0, 4) == 0)
		return "the bundle has no such member in that unit";
	if (core_result_bool(0, 5) && !core_import_mode)
		return "a required member comes with its bundle";
	if (core_result_bool(0, 6))
		return "the member is there already";
	row_set_text(row, "product_type", core_result_bool(0, 5) ? REQUIRED : OPTIONAL);
	row_set_int8(row, "product_association_id", core_result_key(0, 4));
	row_set_text(row, "line_kind", core_result_name(0, 3));
	return NULL;
}

/* pricing_mark_bundle makes a new line of a bundle one; no other line becomes one. */
void
pricing_mark_bundle(CrmRow *row, const CrmLines *lines)
{
	if (ROW_IS_INSERT(row))
		row_set_text(row, "product_type", "bundle");
	else if (row_changed(row, "product_id") && !core_import_mode)
		refuse_change(row, lines, "product_id", "Delete the line and insert one of the bundle: it brings its members along.");
}

/* pricing_is_inside_bundle tells whether the price of a line is inside that of its bundle. */
bool
pricing_is_inside_bundle(const CrmRow *row)
{
	char	   *type = row_text(row, "product_type");

	return type && strcmp(type, REQUIRED) == 0;
}

/* pricing_empty_price writes the amounts of a required member, which all are 0. */
void
pricing_empty_price(CrmRow *row)
{
	static const char *const amounts[] = {
		"price_per_unit", "volume_discount_amount", "manual_discount_amount", "tax_amount"
	};

	for (int i = 0; i < lengthof(amounts); i++)
		row_set(row, amounts[i], money_zero());
	row_set_as(row, "is_price_overridden", BOOLOID, BoolGetDatum(false));
	row_set_null(row, "manual_discount_percentage");
	row_set_text(row, "pricing_error", "none");
}

/*
 * pricing_follow_bundles does at the end of a statement on lines what follows
 * for the members of bundles. Lines that a call copies bring theirs along, and
 * so do imported ones.
 */
void
pricing_follow_bundles(TriggerData *trigdata, CrmLines *lines)
{
	Relation	rel = trigdata->tg_relation;
	Bundles		bundles = {
		.relid = RelationGetRelid(rel),
		.key = core_attribute(rel, lines->entity.key, INT8OID),
		.type = core_attribute(rel, "product_type", TEXTOID),
		.bundle = core_attribute(rel, "bundle_line_id", INT8OID),
		.quantity = core_attribute(rel, "quantity", NUMERICOID),
		.unit = core_attribute(rel, "unit_id", INT8OID),
		.kind = core_attribute(rel, "line_kind", TEXTOID)
	};

	if (core_import_mode)
		return;
	core_visit_transitions(trigdata, visit_bundle, &bundles);
	if (bundles.n == 0)
		return;
	SPI_connect();
	if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		add_members(core_organization_of(rel), lines, &bundles);
	else if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		move_members(core_organization_of(rel), lines, &bundles);
	else
		keep_members(core_organization_of(rel), lines, &bundles);
	SPI_finish();
}

/* visit_bundle keeps a new or changed line of a bundle, or the bundle of a required member that was deleted. */
static void
visit_bundle(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state)
{
	Bundles    *bundles = state;

	if (new_row == NULL)
	{
		if (is_of_type(old_row, bundles->type, REQUIRED))
			add_bundle(bundles, id_of(old_row, bundles->bundle), NULL);
	}
	else if (!is_of_type(new_row, bundles->type, "bundle"))
		return;
	else if (old_row ? moves_members(bundles, old_row, new_row)
			 : !lifecycle_has_ticket(bundles->relid, id_of(new_row, bundles->key)))
		add_bundle(bundles, id_of(new_row, bundles->key), old_row);
}

/* moves_members tells whether quantity, unit or kind of a bundle's line changed. */
static bool
moves_members(const Bundles *bundles, TupleTableSlot *old_row, TupleTableSlot *new_row)
{
	return id_of(old_row, bundles->unit) != id_of(new_row, bundles->unit) ||
		differs(old_row, new_row, bundles->quantity) || differs(old_row, new_row, bundles->kind);
}

static bool
differs(TupleTableSlot *old_row, TupleTableSlot *new_row, AttrNumber column)
{
	bool		was_null;
	bool		isnull;
	Datum		before = slot_getattr(old_row, column, &was_null);
	Datum		after = slot_getattr(new_row, column, &isnull);

	return core_differs(TupleDescAttr(new_row->tts_tupleDescriptor, column - 1), before, was_null, after, isnull);
}

/* add_bundle keeps the key of a bundle's line, and what it was of an old row. */
static void
add_bundle(Bundles *bundles, int64 id, TupleTableSlot *old_row)
{
	bool		isnull = true;
	Datum		quantity = old_row ? slot_getattr(old_row, bundles->quantity, &isnull) : (Datum) 0;

	if (bundles->n == bundles->size)
	{
		int			size = Max(8, bundles->size * 2);

		bundles->ids = bundles->size ? repalloc(bundles->ids, sizeof(int64) * size) : palloc(sizeof(int64) * size);
		bundles->units = bundles->size ? repalloc(bundles->units, sizeof(int64) * size) : palloc(sizeof(int64) * size);
		bundles->quantities = bundles->size ? repalloc(bundles->quantities, sizeof(Datum) * size)
			: palloc(sizeof(Datum) * size);
		bundles->size = size;
	}
	bundles->ids[bundles->n] = id;
	if (old_row)
	{
		bundles->units[bundles->n] = id_of(old_row, bundles->unit);
		bundles->quantities[bundles->n] = datumCopy(isnull ? money_zero() : quantity, false, -1);
	}
	bundles->n++;
}

/* is_of_type compares a product_type, without a copy of it: every line comes by here. */
static bool
is_of_type(TupleTableSlot *slot, AttrNumber column, const char *type)
{
	bool		isnull;
	struct varlena *text = (struct varlena *) DatumGetPointer(slot_getattr(slot, column, &isnull));

	return !isnull && VARSIZE_ANY_EXHDR(text) == strlen(type) &&
		memcmp(VARDATA_ANY(text), type, strlen(type)) == 0;
}

/* id_of returns a key, 0 where it is empty. */
static int64
id_of(TupleTableSlot *slot, AttrNumber column)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/* add_members puts the lines of the members behind those of their bundles. */
static void
add_members(CrmOrganization *org, CrmLines *lines, const Bundles *bundles)
{
	Datum		bundle_ids = core_int8_array(bundles->ids, bundles->n);
	CrmValue	args[] = {CRM_DATUM(bundle_ids), CRM_NULL, CRM_NULL, CRM_NULL};
	CrmTicket	ticket = {.kind = TICKET_BIRTH, .table = lines->entity.name, .made_by = "insert"};
	int64	   *columns[4];

	make_room(org, lines, bundle_ids);
	ticket.n = (int) core_run(org, &lines->bundles.members, args);
	if (ticket.n == 0)
		return;
	for (int i = 0; i < lengthof(columns); i++)
		columns[i] = palloc(sizeof(int64) * ticket.n);
	for (int i = 0; i < ticket.n; i++)
	{
		for (int j = 1; j < lengthof(columns); j++)
			columns[j][i] = core_result_int8(i, j);
	}
	for (int i = 0; i < ticket.n; i++)
		columns[0][i] = core_next_id(org, lines->entity.name, lines->entity.key);
	for (int i = 0; i < lengthof(columns); i++)
		args[i] = CRM_DATUM(core_int8_array(columns[i], ticket.n));
	ticket.ids = columns[0];
	lifecycle_run(org, &ticket, &lines->bundles.insert, args);
}

/* make_room moves the lines that stand behind new bundles back by the number of their members. */
static void
make_room(CrmOrganization *org, CrmLines *lines, Datum bundle_ids)
{
	CrmValue	args[] = {CRM_DATUM(bundle_ids), CRM_NULL};
	uint64		n = core_run(org, &lines->bundles.behind, args);
	int64	   *ids = palloc(sizeof(int64) * (n + 1));
	Datum	   *numbers = palloc(sizeof(Datum) * (n + 1));
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = lines->entity.name, .ids = ids, .n = (int) n};

	if (n == 0)
		return;
	for (uint64 i = 0; i < n; i++)
	{
		ids[i] = core_result_int8(i, 1);
		numbers[i] = core_result_number(i, 2);
	}
	args[0] = CRM_DATUM(core_int8_array(ids, n));
	args[1] = CRM_DATUM(core_numeric_array(numbers, n));
	lifecycle_run(org, &ticket, &lines->bundles.renumber, args);
}

/*
 * move_members lets the members follow a bundle's quantity and line kind: the
 * required ones always, optional ones while their quantity is in step. All of
 * them are locked by key before any document is.
 */
static void
move_members(CrmOrganization *org, CrmLines *lines, const Bundles *bundles)
{
	CrmValue	args[] = {
		CRM_DATUM(core_int8_array(bundles->ids, bundles->n)),
		CRM_DATUM(core_numeric_array(bundles->quantities, bundles->n)),
		CRM_DATUM(core_int8_array(bundles->units, bundles->n))
	};
	uint64		n = core_run(org, &lines->bundles.lock, args);
	Members		members[2];		/* optional, required */

	for (int i = 0; i < lengthof(members); i++)
	{
		members[i].ids = palloc(sizeof(int64) * (n + 1));
		members[i].quantities = palloc(sizeof(Datum) * (n + 1));
		members[i].n = 0;
	}
	for (uint64 i = 0; i < n; i++)
	{
		Members    *some = &members[core_result_bool(i, 2)];

		check_quantity(i);
		some->ids[some->n] = core_result_int8(i, 1);
		some->quantities[some->n++] = core_result_number(i, 3);
	}
	if (n > 0)
		hold_documents(org, lines, bundles);
	write_members(org, lines, &members[true], true);
	write_members(org, lines, &members[false], false);
}

/* hold_documents locks the documents of bundles before their members are written: what these bill comes after the documents. */
static void
hold_documents(CrmOrganization *org, CrmLines *lines, const Bundles *bundles)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8ARRAYOID};
	CrmValue	args[] = {CRM_DATUM(core_int8_array(bundles->ids, bundles->n))};

	core_run(org, core_intern(psprintf("SELECT %1$s FROM @%2$s WHERE %1$s IN (SELECT l.%1$s FROM @%3$s l WHERE l.%4$s = ANY ($1)) "
									   "ORDER BY %1$s FOR NO KEY UPDATE", lines->header->key, lines->header->name,
									   lines->entity.name, lines->entity.key), types), args);
}

/* check_quantity refuses a quantity of a bundle that would divide a required member too finely. */
static void
check_quantity(uint64 i)
{
	Datum		quantity = core_result_number(i, 3);

	if (!core_result_bool(i, 2) || money_scale(quantity) <= core_result_int4(i, 4))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_QUANTITY),
			 errmsg("so much of the bundle would have %s of its member \"%s\"", money_text(quantity), core_result_text(i, 5)),
			 errdetail("Product \"%s\" is sold with at most %d decimals.", core_result_text(i, 5), core_result_int4(i, 4)),
			 errhint("Give another quantity of the bundle, or raise quantity_decimals of the product.")));
}

/* write_members writes quantity and line kind of members; optional ones are priced as any line. */
static void
write_members(CrmOrganization *org, CrmLines *lines, const Members *members, bool is_required)
{
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = lines->entity.name, .ids = members->ids, .n = members->n};
	CrmValue	args[] = {
		CRM_DATUM(core_int8_array(members->ids, members->n)),
		CRM_DATUM(core_numeric_array(members->quantities, members->n))
	};

	if (members->n == 0)
		return;
	if (is_required)
		lifecycle_run(org, &ticket, &lines->bundles.follow, args);
	else
		core_run(org, &lines->bundles.follow, args);
}

/* keep_members refuses to delete a required member whose bundle stays. */
static void
keep_members(CrmOrganization *org, CrmLines *lines, Bundles *bundles)
{
	CrmValue	args[1];

	qsort(bundles->ids, bundles->n, sizeof(int64), core_compare_ids);
	bundles->n = (int) qunique(bundles->ids, bundles->n, sizeof(int64), core_compare_ids);
	args[0] = CRM_DATUM(core_int8_array(bundles->ids, bundles->n));
	if (core_run(org, &lines->bundles.orphaned, args) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
			 errmsg("a required member of a bundle cannot be deleted"),
			 errdetail("%s (line number %d) is the bundle, and stays.",
					   lifecycle_called(&lines->entity, core_result_int8(0, 1)), core_result_int4(0, 2)),
			 errhint("Delete the line of the bundle, its members go with it."),
			 err_generic_string(PG_DIAG_TABLE_NAME, lines->entity.name)));
}
