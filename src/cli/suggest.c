#include "cli/suggest.h"

#include <stdbool.h>
#include <string.h>

enum { WORD_MAX = 40 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Letters to add, drop, change or swap with a neighbour ("optimal string alignment", Damerau 1964);
 * both are shorter than WORD_MAX. */
static int edit_distance(struct slice a, struct slice b)
{
    int rows[WORD_MAX + 1][WORD_MAX + 1];
    int a_length = (int)a.length, b_length = (int)b.length;
    for (int i = 0; i <= a_length; i++)
        rows[i][0] = i;
    for (int j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (int i = 1; i <= a_length; i++)
        for (int j = 1; j <= b_length; j++) {
            int changed = rows[i - 1][j - 1] + (a.start[i - 1] != b.start[j - 1]);
            rows[i][j] = least(changed, 1 + least(rows[i - 1][j], rows[i][j - 1]));
            if (i > 1 && j > 1 && a.start[i - 1] == b.start[j - 2] &&
                a.start[i - 2] == b.start[j - 1])
                rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    return rows[a_length][b_length];
}

void suggestion_consider(struct suggestion *suggestion, struct slice candidate)
{
    struct slice typed = slice_of_string(suggestion->typed);
    if (!typed.length || typed.length > WORD_MAX || candidate.length > WORD_MAX)
        return;
    bool is_beginning = slice_starts_with(candidate, suggestion->typed);
    int distance = is_beginning ? 1 : edit_distance(typed, candidate);
    /* More, and nearly every short word would do. */
    int bound = typed.length <= 2 ? 1 : typed.length <= 4 ? 2 : 3;
    if (distance <= bound && (!suggestion->nearest.length || distance < suggestion->distance)) {
        suggestion->nearest = candidate;
        suggestion->distance = distance;
    }
}
