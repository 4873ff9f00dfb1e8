/*
 * marketing.c
 *	  The entities of this room: campaign.
 */
#include "postgres.h"

#include "marketing/marketing.h"

static const CrmEntity campaign_entity = {
	.name = "campaign", .key = "campaign_id", .label = "campaign", .title = "name"
};

/* marketing_init registers the entities of this room. */
void
marketing_init(void)
{
	lifecycle_add_entity(&campaign_entity);
}
