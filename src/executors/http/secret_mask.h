/* A target that says our own words back must not have us write a secret down. */
#ifndef PAWL_EXECUTORS_HTTP_SECRET_MASK_H
#define PAWL_EXECUTORS_HTTP_SECRET_MASK_H

#include "executors/http/dispatch.h"

/* Turns what the dispatch has sent as secrets into asterisks, and what stands behind the scheme of
 * one ("Basic ..."). is_cut: the text goes on elsewhere, so a secret's begin counts at its end. */
void secret_mask_text(const struct dispatch *dispatch, struct text *text, bool is_cut);

#endif
