/*
 * marketing.c
 *	  The entities of this room: campaign.
 */
#include "postgres.h"

#include "lead/lead.h"
#include "marketing/marketing.h"

static void require_campaign(CrmOrganization *org, int64 campaign_id);

static const CrmEntity campaign_entity = {
	.name = "campaign", .key = "campaign_id", .label = "campaign", .title = "name"
};

/* marketing_init registers the entities of this room and its say in qualifications. */
void
marketing_init(void)
{
	lifecycle_add_entity(&campaign_entity);
	lead_campaign_hook = require_campaign;
}

/* require_campaign refuses a campaign, given to qualify_lead(), that is not there; 0 is none. */
static void
require_campaign(CrmOrganization *org, int64 campaign_id)
{
	lifecycle_require_row(org, "campaign", "campaign_id", campaign_id);
}
