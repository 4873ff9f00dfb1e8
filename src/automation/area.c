/*
 * area.c
 *	  Which territory an address belongs to.
 *
 * The areas are kept in memory, sorted by their place as one text. An address
 * looks for its places one by one, the narrowest first.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "lib/stringinfo.h"
#include "utils/formatting.h"

#include "automation/calendar.h"

/* An area, by its place: country, state, beginning of the postal code. */
typedef struct Area
{
	char	   *place;
	int64		territory_id;
} Area;

/* A territory and the one above it. */
typedef struct Branch
{
	int64		id;				/* first, for the search by key */
	int64		parent_id;
} Branch;

typedef struct AreaBook
{
	Area	   *areas;
	int			n;
	int			longest;		/* beginning of a postal code */
	Branch	   *branches;
	int			n_branches;
} AreaBook;

static void *load_areas(CrmOrganization *org);
static char *tidy(const char *text, bool drops_spaces);
static char *place_of(const char *country, const char *state, const char *postal, int length);
static int64 find_place(AreaBook *book, const char *country, const char *state, const char *postal, int length);
static int	compare_places(const void *a, const void *b);
static void refuse_circle(CrmOrganization *org, int64 territory_id) pg_attribute_noreturn();

static const CrmConfig area_config = {
	.tables = {"territory_area", "territory"},
	.load = load_areas
};
static const CrmEntity area_entity = {
	.name = "territory_area", .key = "territory_area_id", .label = "territory area"
};

static CrmStatement select_areas = {
	.sql = "SELECT a.country, a.state_or_province, a.postal_code_prefix, a.territory_id "
	"FROM @territory_area a JOIN @territory t USING (territory_id) WHERE t.state = 'active'"
};
static CrmStatement select_territories = {
	.sql = "SELECT territory_id, parent_territory_id FROM @territory ORDER BY 1"
};

/* area_init registers the table of areas. */
void
area_init(void)
{
	lifecycle_add_entity(&area_entity);
}

/*
 * area_territory returns the territory of an address, 0 = none. The longest
 * beginning of the postal code wins, then the state, then the country.
 */
int64
area_territory(CrmOrganization *org, const char *country, const char *state_or_province,
			   const char *postal_code)
{
	AreaBook   *book = core_config(org, &area_config);
	int64		found = 0;
	char	   *land;
	char	   *state;
	char	   *postal;

	if (book->n == 0)
		return 0;
	land = tidy(country, false);
	if (land[0] == '\0')
		land = tidy(core_setting(org, "default_country"), false);
	state = tidy(state_or_province, false);
	postal = tidy(postal_code, true);
	for (int length = Min((int) strlen(postal), book->longest); found == 0 && length >= 0; length--)
	{
		if (state[0] != '\0')
			found = find_place(book, land, state, postal, length);
		if (found == 0)
			found = find_place(book, land, "", postal, length);
	}
	return found;
}

/*
 * area_above returns the territory above another, 0 = none. Who goes up counts
 * his steps from 0: more than there are territories is a circle.
 */
int64
area_above(CrmOrganization *org, int64 territory_id, int *steps)
{
	AreaBook   *book = core_config(org, &area_config);
	Branch	   *branch = bsearch(&territory_id, book->branches, book->n_branches, sizeof(Branch), core_compare_ids);

	if (branch && ++*steps > book->n_branches)
		refuse_circle(org, territory_id);
	return branch ? branch->parent_id : 0;
}

static void
refuse_circle(CrmOrganization *org, int64 territory_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_HIERARCHY_CYCLE),
			 errmsg("territories stand above one another in a circle"),
			 errdetail("Territory %lld is in it, or below it.", (long long) territory_id),
			 errhint("UPDATE %s.territory SET parent_territory_id = NULL for one of them.", org->quoted),
			 err_generic_string(PG_DIAG_TABLE_NAME, "territory"),
			 err_generic_string(PG_DIAG_COLUMN_NAME, "parent_territory_id")));
}

/* find_place looks for an area of a country, else for one of any. */
static int64
find_place(AreaBook *book, const char *country, const char *state, const char *postal, int length)
{
	Area		wanted = {.place = place_of(country, state, postal, length)};
	Area	   *found = bsearch(&wanted, book->areas, book->n, sizeof(Area), compare_places);

	if (found)
		return found->territory_id;
	return country[0] == '\0' ? 0 : find_place(book, "", state, postal, length);
}

/* load_areas reads the areas of active territories, and the tree of all. */
static void *
load_areas(CrmOrganization *org)
{
	AreaBook   *book = palloc0(sizeof(AreaBook));

	book->n = core_config_rows(org, "territory_area", &select_areas);
	book->areas = palloc(sizeof(Area) * Max(book->n, 1));
	for (int i = 0; i < book->n; i++)
	{
		char	   *postal = tidy(core_result_text(i, 3), true);

		book->areas[i].place = place_of(tidy(core_result_text(i, 1), false), tidy(core_result_text(i, 2), false),
										postal, strlen(postal));
		book->areas[i].territory_id = core_result_int8(i, 4);
		book->longest = Max(book->longest, (int) strlen(postal));
	}
	qsort(book->areas, book->n, sizeof(Area), compare_places);
	book->n_branches = core_config_rows(org, "territory", &select_territories);
	book->branches = palloc(sizeof(Branch) * Max(book->n_branches, 1));
	for (int i = 0; i < book->n_branches; i++)
		book->branches[i] = (Branch) {core_result_int8(i, 1), core_result_int8(i, 2)};
	return book;
}

/* tidy writes a name as it is compared: in lower case, without spaces around it, or without any. */
static char *
tidy(const char *text, bool drops_spaces)
{
	StringInfoData result;

	initStringInfo(&result);
	for (const char *p = text ? text : ""; *p; p++)
	{
		if (*p != ' ')
			appendStringInfoChar(&result, *p);
		else if (!drops_spaces && result.len > 0)
			appendStringInfoChar(&result, ' ');
	}
	while (result.len > 0 && result.data[result.len - 1] == ' ')
		result.data[--result.len] = '\0';
	return result.len == 0 ? result.data : str_tolower(result.data, result.len, DEFAULT_COLLATION_OID);
}

/* place_of makes one text of a place; the separator stands in no name. */
static char *
place_of(const char *country, const char *state, const char *postal, int length)
{
	return psprintf("%s\x1f%s\x1f%.*s", country, state, length, postal);
}

static int
compare_places(const void *a, const void *b)
{
	return strcmp(((const Area *) a)->place, ((const Area *) b)->place);
}
