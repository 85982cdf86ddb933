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
static int edit_distance(const char *a, const char *b)
{
    int rows[WORD_MAX + 1][WORD_MAX + 1];
    int a_length = (int)strlen(a), b_length = (int)strlen(b);
    for (int i = 0; i <= a_length; i++)
        rows[i][0] = i;
    for (int j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (int i = 1; i <= a_length; i++)
        for (int j = 1; j <= b_length; j++) {
            int changed = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            rows[i][j] = least(changed, 1 + least(rows[i - 1][j], rows[i][j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    return rows[a_length][b_length];
}

void suggestion_consider(struct suggestion *suggestion, const char *candidate)
{
    size_t length = strlen(suggestion->typed);
    if (!length || length > WORD_MAX || strlen(candidate) > WORD_MAX)
        return;
    bool is_beginning = strncmp(candidate, suggestion->typed, length) == 0;
    int distance = is_beginning ? 1 : edit_distance(suggestion->typed, candidate);
    int bound = length <= 4 ? 2 : 3;
    if (distance <= bound && (!suggestion->nearest || distance < suggestion->distance)) {
        suggestion->nearest = candidate;
        suggestion->distance = distance;
    }
}
