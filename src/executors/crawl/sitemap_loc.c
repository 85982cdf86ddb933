#include "executors/crawl/sitemap_loc.h"

void sitemap_loc_finish(struct sitemap_loc *loc)
{
    text_finish(&loc->text);
}

void sitemap_loc_clear(struct sitemap_loc *loc)
{
    text_clear(&loc->text);
    loc->is_torn = false;
}

/* White space behind the URL may fill the text and then run over; anything else that runs over is
 * of the URL. */
void sitemap_loc_append(struct sitemap_loc *loc, struct slice piece)
{
    if (!loc->text.length) {
        struct slice trimmed = slice_trimmed(piece);
        if (!trimmed.length)
            return;
        piece = slice_of(trimmed.start, (size_t)(piece.start + piece.length - trimmed.start));
    }
    size_t room = loc->bytes_max - loc->text.length;
    size_t fits = piece.length < room ? piece.length : room;
    text_append(&loc->text, piece.start, fits);
    if (slice_trimmed(slice_of(piece.start + fits, piece.length - fits)).length)
        loc->is_torn = true;
}

struct slice sitemap_loc_slice(const struct sitemap_loc *loc)
{
    return loc->is_torn ? slice_of(NULL, 0) : slice_trimmed(text_slice(&loc->text));
}
