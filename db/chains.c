#define _GNU_SOURCE /* qsort_r */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/graph.h"
#include "db/walk.h"
#include "server/base/cleanup.h"

enum {
    CHAIN_EDGES = 256 << 10, /* most bytes of the edges of one step */
    DAY_FIRST = 10101,       /* DATE_FIRST and DATE_LAST as numbers */
    DAY_LAST = 99991231,
    POSITIONS = GRAPH_HOPS_MAX + 1, /* nodes in the longest chain */
};

/** Days on which all edges so far hold. */
struct span {
    int32_t start, end;
};

/** A node that was reached from one side in so many steps, over edges that hold together then. */
struct label {
    struct span span;
    uint32_t node;
    uint32_t next; /* another label of the node from that side; WALK_NONE: the last */
};

/** All that was reached from one side. */
struct side {
    struct label *labels; /* by steps */
    uint32_t n, size;
    uint32_t level[POSITIONS + 1]; /* first label of so many steps; behind the last level: n */
    uint32_t depth;                /* steps that were taken */
    uint32_t *heads;               /* by node: its first label; WALK_NONE: none */
    uint32_t heads_size;
};

/** One step that a shortest chain may take. */
struct step {
    uint32_t position; /* steps before it */
    uint32_t from, to; /* nodes */
    int64_t row;
    struct span span;
};

/** A search from both ends. */
struct search {
    struct walk walk;
    const struct graph_ask *ask;
    struct graph_chains *found;
    struct span world; /* days that are asked for */
    struct side sides[WALK__SIDES];
    bool is_met;
    uint8_t *good[POSITIONS]; /* by position and node: it may stand there in a shortest chain */
    struct step *steps;       /* by position, first node, second node and row */
    uint32_t n_steps, steps_size;
    uint32_t path[POSITIONS]; /* indexes of the steps of the chain under way */
    uint32_t tried;           /* steps that were tried to put chains together */
};

static void search_done(struct search *search)
{
    walk_done(&search->walk);
    for (size_t i = 0; i < WALK__SIDES; i++) {
        free(search->sides[i].labels);
        free(search->sides[i].heads);
    }
    for (size_t i = 0; i < POSITIONS; i++)
        free(search->good[i]);
    free(search->steps);
}

void graph_chains_done(struct graph_chains *chains)
{
    for (uint32_t i = 0; chains->chains != NULL && i < chains->n; i++) {
        for (uint32_t j = 0; j < chains->hops; j++)
            buffer_done(&chains->chains[i].hops[j].edges);
    }
    free(chains->chains);
    buffer_done(&chains->text);
}

static bool no_memory(struct error *err)
{
    return error_set(err, ERR_INTERNAL, NULL, "no memory for chains");
}

/* ---- days ---- */

static void write_day(int32_t day, char ret[11])
{
    char text[32];

    snprintf(text, sizeof(text), "%04d-%02d-%02d", day / 10000, day / 100 % 100, day % 100);
    memcpy(ret, text, 10);
    ret[10] = '\0';
}

static struct span common(struct span one, struct span other)
{
    return (struct span){ one.start > other.start ? one.start : other.start,
                          one.end < other.end ? one.end : other.end };
}

/* Whether there is a day, among those that are asked for. */
static bool is_any_day(const struct search *search, struct span span)
{
    struct span asked = common(span, search->world);

    return asked.start <= asked.end;
}

/* When an edge holds; chains that are not dated do not ask. */
static struct span edge_span(const struct search *search, const struct walk_edge *edge)
{
    return search->ask->is_dated ? (struct span){ edge->start, edge->end }
                                 : (struct span){ DAY_FIRST, DAY_LAST };
}

/* ---- from both ends, level by level ---- */

static uint32_t head(const struct side *side, uint32_t node)
{
    return node < side->heads_size ? side->heads[node] : WALK_NONE;
}

/* Whether the node was reached in as few steps or fewer on all of these days. */
static bool is_reached(const struct side *side, uint32_t node, struct span span)
{
    for (uint32_t i = head(side, node); i != WALK_NONE; i = side->labels[i].next) {
        if (side->labels[i].span.start <= span.start && side->labels[i].span.end >= span.end)
            return true;
    }
    return false;
}

static bool add_label(struct side *side, uint32_t node, struct span span)
{
    void *heads = side->heads, *labels = side->labels;
    uint32_t had = side->heads_size;

    if (!walk_grow(&heads, node, &side->heads_size, sizeof(*side->heads)))
        return false;
    side->heads = heads;
    /* WALK_NONE everywhere */
    memset(side->heads + had, 0xff, (side->heads_size - had) * sizeof(*side->heads));
    if (!walk_grow(&labels, side->n, &side->size, sizeof(*side->labels)))
        return false;
    side->labels = labels;
    side->labels[side->n] = (struct label){ span, node, side->heads[node] };
    side->heads[node] = side->n++;
    return true;
}

/* Whether the two sides hold at one time at a node. */
static bool meets(const struct search *search, const struct side *other, uint32_t node,
                  struct span span)
{
    for (uint32_t i = head(other, node); i != WALK_NONE; i = other->labels[i].next) {
        if (is_any_day(search, common(span, other->labels[i].span)))
            return true;
    }
    return false;
}

static bool spread_label(struct search *search, enum walk_side at, uint32_t index,
                         struct error *err)
{
    struct side *side = &search->sides[at];
    const struct label label = side->labels[index];
    const struct walk_node *node;

    if (!walk_look(&search->walk, label.node, at, err))
        return false;
    node = &search->walk.nodes[label.node];
    for (uint32_t i = 0; i < node->count[at]; i++) {
        const struct walk_edge *edge = &search->walk.edges[node->first[at] + i];
        struct span span = common(label.span, edge_span(search, edge));

        if (!is_any_day(search, span) || is_reached(side, edge->other, span))
            continue;
        if (side->n == search->walk.looks) {
            search->walk.is_spent = true;
            return true;
        }
        if (!add_label(side, edge->other, span))
            return no_memory(err);
        search->is_met = search->is_met || meets(search, &search->sides[!at], edge->other, span);
    }
    return true;
}

/* One more step from one side. */
static bool spread(struct search *search, enum walk_side at, struct error *err)
{
    struct side *side = &search->sides[at];
    uint32_t end = side->n;

    for (uint32_t i = side->level[side->depth]; i < end && !search->walk.is_spent; i++) {
        if (!spread_label(search, at, i, err))
            return false;
    }
    side->level[++side->depth] = end;
    side->level[side->depth + 1] = side->n;
    return true;
}

static uint32_t frontier(const struct side *side)
{
    return side->n - side->level[side->depth];
}

/* Walks from both ends, the narrower first, until they meet or there is nothing left to walk. */
static bool meet(struct search *search, struct error *err)
{
    struct side *sides = search->sides;
    const struct graph_ask *ask = search->ask;
    uint32_t ends[WALK__SIDES] = { walk_node(&search->walk, ask->focus),
                                   walk_node(&search->walk, ask->goal) };

    for (size_t i = 0; i < WALK__SIDES; i++) {
        if (ends[i] == WALK_NONE
            || !add_label(&sides[i], ends[i], (struct span){ DAY_FIRST, DAY_LAST }))
            return no_memory(err);
        sides[i].level[1] = sides[i].n;
    }
    while (!search->is_met && !search->walk.is_spent
           && sides[WALK_ONWARD].depth + sides[WALK_BACK].depth < ask->depth
           && frontier(&sides[WALK_ONWARD]) > 0 && frontier(&sides[WALK_BACK]) > 0) {
        if (!spread(search,
                    frontier(&sides[WALK_BACK]) < frontier(&sides[WALK_ONWARD]) ? WALK_BACK
                                                                                : WALK_ONWARD,
                    err))
            return false;
    }
    return true;
}

/* ---- the steps that shortest chains may take ---- */

static bool add_step(struct search *search, uint32_t position, uint32_t from, uint32_t to,
                     const struct walk_edge *edge)
{
    void *steps = search->steps;

    if (!walk_grow(&steps, search->n_steps, &search->steps_size, sizeof(*search->steps)))
        return false;
    search->steps = steps;
    search->steps[search->n_steps++] =
        (struct step){ position, from, to, edge->row, edge_span(search, edge) };
    return true;
}

/*
 * Marks the nodes of one position by those of the one beside it, which lies nearer to where the
 * sides met, and takes the steps between them.
 */
static bool take_steps(struct search *search, enum walk_side at, uint32_t position,
                       struct error *err)
{
    const struct side *side = &search->sides[at];
    uint32_t hops = search->found->hops;
    uint32_t depth = at == WALK_ONWARD ? position : hops - position;
    uint32_t beside = at == WALK_ONWARD ? position + 1 : position - 1;

    for (uint32_t i = side->level[depth]; i < side->level[depth + 1]; i++) {
        uint32_t node = side->labels[i].node;
        const struct walk_node *opened = &search->walk.nodes[node];

        if (search->good[position][node])
            continue; /* reached in as many steps at another time: its steps are taken */
        for (uint32_t j = 0; j < opened->count[at]; j++) {
            const struct walk_edge *edge = &search->walk.edges[opened->first[at] + j];

            if (!search->good[beside][edge->other])
                continue;
            search->good[position][node] = 1;
            if (!(at == WALK_ONWARD ? add_step(search, position, node, edge->other, edge)
                                    : add_step(search, beside, edge->other, node, edge)))
                return no_memory(err);
        }
    }
    return true;
}

static int compare_steps(const void *left, const void *right, void *walk)
{
    const struct step *one = left, *other = right;
    int order;

    if (one->position != other->position)
        return one->position < other->position ? -1 : 1;
    if (one->from != other->from)
        return one->from < other->from ? -1 : 1;
    order = one->to == other->to ? 0 : strcmp(walk_id(walk, one->to), walk_id(walk, other->to));
    return order != 0 ? order : (one->row > other->row) - (one->row < other->row);
}

static bool find_steps(struct search *search, struct error *err)
{
    const struct side *onward = &search->sides[WALK_ONWARD], *back = &search->sides[WALK_BACK];
    uint32_t hops = onward->depth + back->depth, middle = onward->depth;

    search->found->hops = hops;
    for (uint32_t i = 0; i <= hops; i++) {
        search->good[i] = calloc(search->walk.n_nodes, 1);
        if (search->good[i] == NULL)
            return no_memory(err);
    }
    /* Where they met: nodes that both reached in their last step. */
    for (uint32_t i = back->level[back->depth]; i < back->n; i++)
        search->good[middle][back->labels[i].node] = 2;
    for (uint32_t i = onward->level[middle]; i < onward->n; i++)
        search->good[middle][onward->labels[i].node] |= 1;
    for (uint32_t i = 0; i < search->walk.n_nodes; i++)
        search->good[middle][i] = search->good[middle][i] == 3;
    for (uint32_t i = middle; i > 0; i--) {
        if (!take_steps(search, WALK_ONWARD, i - 1, err))
            return false;
    }
    for (uint32_t i = middle + 1; i <= hops; i++) {
        if (!take_steps(search, WALK_BACK, i, err))
            return false;
    }
    if (search->n_steps > 0)
        qsort_r(search->steps, search->n_steps, sizeof(*search->steps), compare_steps,
                &search->walk);
    return true;
}

/* The first step from a node at a position; n_steps: there is none. */
static uint32_t first_step(const struct search *search, uint32_t position, uint32_t node)
{
    uint32_t low = 0, high = search->n_steps;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct step *step = &search->steps[middle];

        if (step->position < position || (step->position == position && step->from < node))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- chains, one after the other ---- */

static bool is_same_step(const struct step *one, const struct step *other)
{
    return one->position == other->position && one->from == other->from && one->to == other->to;
}

/* The edges of one step: those between the same two nodes, or the one of a dated chain. */
static bool add_hop(const struct search *search, uint32_t index, struct graph_hop *hop)
{
    const struct step *step = &search->steps[index];

    hop->from = walk_id(&search->walk, step->from);
    hop->to = walk_id(&search->walk, step->to);
    hop->edges = BUFFER_INIT(CHAIN_EDGES);
    for (uint32_t i = index; i < search->n_steps && is_same_step(step, &search->steps[i])
                             && (i == index || !search->ask->is_dated);
         i++) {
        buffer_byte(&hop->edges, i == index ? '[' : ',');
        buffer_integer(&hop->edges, search->steps[i].row);
    }
    return buffer_byte(&hop->edges, ']');
}

static bool add_chain(struct search *search, struct span span, struct error *err)
{
    struct graph_chains *found = search->found;
    struct graph_chain *chain = &found->chains[found->n];
    bool is_whole = true;

    if (found->n == search->ask->chains) {
        found->cut = GRAPH_CUT_CHAINS;
        return true;
    }
    found->n++;
    for (uint32_t i = 0; i < found->hops; i++)
        is_whole = add_hop(search, search->path[i], &chain->hops[i]) && is_whole;
    write_day(span.start, chain->start);
    write_day(span.end, chain->end);
    return is_whole || no_memory(err);
}

/* Goes on from a node to the goal in every way that is left. */
static bool follow(struct search *search, uint32_t position, uint32_t node, struct span span,
                   struct error *err)
{
    const struct step *steps = search->steps;
    bool is_dated = search->ask->is_dated;

    if (position == search->found->hops)
        return add_chain(search, span, err);
    for (uint32_t i = first_step(search, position, node);
         i < search->n_steps && steps[i].position == position && steps[i].from == node; i++) {
        struct span next = common(span, steps[i].span);

        if (search->found->cut != GRAPH_WHOLE)
            return true;
        if (!is_dated && i > 0 && is_same_step(&steps[i], &steps[i - 1]))
            continue;
        if (search->tried++ == search->walk.looks) {
            search->found->cut = GRAPH_CUT_LOOKS;
            return true;
        }
        if (!is_any_day(search, next))
            continue;
        search->path[position] = i;
        if (!follow(search, position + 1, steps[i].to, next, err))
            return false;
    }
    return true;
}

bool graph_chains(struct conn *conn, const struct graph_ask *ask, struct graph_chains *ret,
                  struct error *err)
{
    defer(search_done) struct search search = { .ask = ask, .found = ret };
    const struct query *query = ask->query;

    search.world = (struct span){ DAY_FIRST, DAY_LAST };
    if (query->has_world && ask->is_dated)
        search.world = (struct span){ walk_day(query->world.min), walk_day(query->world.max) };
    ret->chains = calloc(ask->chains, sizeof(*ret->chains));
    if (ret->chains == NULL)
        return no_memory(err);
    if (!walk_open(&search.walk, conn, ask, err) || !meet(&search, err))
        return false;
    if (search.is_met && !search.walk.is_spent) {
        if (!find_steps(&search, err)
            || !follow(&search, 0, search.sides[WALK_ONWARD].labels[0].node,
                       (struct span){ DAY_FIRST, DAY_LAST }, err))
            return false;
    } else if (search.walk.is_spent) {
        ret->cut = GRAPH_CUT_LOOKS;
    }
    /* The hops point into the names of the walk. */
    ret->text = search.walk.names;
    search.walk.names = BUFFER_INIT(0);
    return true;
}
