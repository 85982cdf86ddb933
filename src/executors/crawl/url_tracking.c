#include "executors/crawl/url_tracking.h"

#include "executors/crawl/url.h"
#include "executors/crawl/url_bytes.h"

/*
 * Parameters that say where a visitor came from and never what is shown, by whose they are. A name
 * that some site gives another meaning (ref, source, cid, campaign, ...) does not belong here: to
 * fetch a page twice is a small harm, to leave one out a large one. Lower case; a final * stands
 * for any ending.
 */
static const char *const parameters[] = {
    /* Campaigns, as web analytics counts them: Google's names, Matomo's, Adobe's. */
    "utm_*", "mtm_*", "matomo_campaign", "matomo_kwd", "pk_campaign", "pk_kwd", "piwik_campaign",
    "piwik_kwd", "s_cid", "ef_id",
    /* Google: clicks on advertisements and in the shopping search, and visitors across sites. */
    "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "gad_source", "gad_campaignid", "srsltid",
    "_ga", "_gl",
    /* Other advertisers' clicks: Facebook and Instagram, Microsoft, X, TikTok, LinkedIn, Pinterest,
     * Reddit, Snapchat, Yandex, Openstat. */
    "fbclid", "fb_action_ids", "fb_action_types", "igshid", "igsh", "msclkid", "twclid", "ttclid",
    "li_fat_id", "epik", "rdt_cid", "sccid", "yclid", "ysclid", "ymclid", "_openstat",
    /* Mails: Mailchimp, HubSpot, Marketo, Vero, Olytics, Klaviyo, MailerLite, Eloqua, Dotdigital,
     * Bronto, Listrak, Mindbox. */
    "mc_cid", "mc_eid", "_hsenc", "_hsmi", "__hstc", "__hssc", "__hsfp", "hsctatracking", "mkt_tok",
    "vero_id", "vero_conv", "oly_enc_id", "oly_anon_id", "_kx", "_ke", "ml_subscriber",
    "ml_subscriber_hash", "elqtrackid", "elqtrack", "dm_i", "_bta_tid", "_bta_c", "trk_contact",
    "trk_msg", "trk_module", "trk_sid", "mindbox-click-key", "mindbox-message-key",
    /* Partners and deep links: Impact, Wicked Reports, Webgains, Tradedoubler, Branch, Yahoo. */
    "irclickid", "wickedid", "wgcampaignid", "tduid", "_branch_match_id", "_branch_referrer",
    "guce_referrer", "guce_referrer_sig", NULL};

const char *const *url_tracking_parameters(void)
{
    return parameters;
}

static bool is_match(const char *name, struct slice other)
{
    struct slice pattern = slice_of_string(name);
    if (pattern.start[pattern.length - 1] == '*') {
        pattern.length--;
        if (other.length > pattern.length)
            other.length = pattern.length;
    }
    return slice_equals_nocase(pattern, other);
}

/* The first letter is looked at first, since nearly every name ends there. */
bool url_is_tracking_parameter(struct slice name)
{
    char first = name.length ? url_lower(name.start[0]) : '\0';
    for (size_t i = 0; parameters[i]; i++)
        if (parameters[i][0] == first && is_match(parameters[i], name))
            return true;
    return false;
}
