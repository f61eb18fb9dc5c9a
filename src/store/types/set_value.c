#include "store/types/set_value.h"
#include "base/mem.h"
#include "store/types/member_table.h"

enum { INTSET_ENTRIES_MAX = 1 << 30 };

static struct value set_of(enum value_encoding encoding, void *object) {
    return (struct value){.type = VALUE_SET, .encoding = (uint8_t)encoding, .form = VALUE_OBJECT, .object = object};
}

struct value set_value_new(void) {
    return set_of(VALUE_INTSET, intset_new());
}

struct value set_value_new_sized(const struct set_limits *limits, uint64_t count, struct slice first) {
    int64_t number;
    if (number_parse_int(first, &number) && count <= limits->max_intset_entries) return set_value_new();
    if (count <= limits->max_listpack_entries) return set_of(VALUE_LISTPACK, listpack_new());
    return set_of(VALUE_HASHTABLE, member_table_new(limits->hash_key));
}

size_t set_value_count(const struct value *set) {
    switch (set->encoding) {
    case VALUE_INTSET: return intset_count(set->object);
    case VALUE_LISTPACK: return listpack_count(set->object);
    default: return member_table_count(set->object);
    }
}

/* ---- one member ---- */

static struct listpack_entry *packed_find(const struct value *set, struct slice member) {
    return listpack_find(set->object, listpack_first(set->object), member, 0);
}

static uint64_t hash_of(const struct value *set, struct slice member) {
    return member_table_hash(member_table_hash_key(set->object), member);
}

bool set_value_has(const struct value *set, struct slice member) {
    int64_t number;
    switch (set->encoding) {
    case VALUE_INTSET: return number_parse_int(member, &number) && intset_has(set->object, number);
    case VALUE_LISTPACK: return packed_find(set, member) != NULL;
    default: return member_table_find(set->object, member, hash_of(set, member), NULL);
    }
}

static bool add_to_table(void *context, struct slice member) {
    struct member_table *table = context;
    (void)member_table_add(table, member, member_table_hash(member_table_hash_key(table), member));
    return true;
}

static bool add_to_listpack(void *context, struct slice member) {
    listpack_append(context, member);
    return true;
}

static void become(struct value *set, enum value_encoding encoding, void *object) {
    value_free_object(VALUE_SET, (enum value_encoding)set->encoding, set->object);
    *set = set_of(encoding, object);
}

static void to_table(struct value *set, const struct set_limits *limits) {
    struct member_table *table = member_table_new(limits->hash_key);
    set_value_each(set, add_to_table, table);
    become(set, VALUE_HASHTABLE, table);
}

/* Whether one more member may be added to a listpack of `count` members. */
static bool may_be_packed(const struct set_limits *limits, size_t count, struct slice member) {
    return count < limits->max_listpack_entries && member.size <= limits->max_listpack_bytes;
}

/* An intset gets a member that is no integer. */
static void leave_intset(struct value *set, struct slice member, const struct set_limits *limits) {
    size_t count = intset_count(set->object), longest = 0;
    char   buffer[NUMBER_TEXT_SIZE];
    if (count) {
        longest = number_print_int(buffer, intset_at(set->object, 0));
        longest = MAX(longest, number_print_int(buffer, intset_at(set->object, count - 1)));
    }
    if (!may_be_packed(limits, count, member) || longest > limits->max_listpack_bytes) {
        to_table(set, limits);
        return;
    }
    struct listpack *listpack = listpack_new();
    set_value_each(set, add_to_listpack, &listpack);
    become(set, VALUE_LISTPACK, listpack);
}

static bool add_number(struct value *set, int64_t number, const struct set_limits *limits) {
    struct intset *intset = set->object;
    bool           is_new = intset_add(&intset, number);
    set->object = intset;
    if (is_new && intset_count(intset) > MIN(limits->max_intset_entries, INTSET_ENTRIES_MAX)) to_table(set, limits);
    return is_new;
}

static bool add_packed(struct value *set, struct slice member, const struct set_limits *limits) {
    if (packed_find(set, member)) return false;
    struct listpack *listpack = set->object;
    if (may_be_packed(limits, listpack_count(listpack), member) &&
        listpack_has_room(listpack, listpack_entry_size(member))) {
        listpack_append(&listpack, member);
        set->object = listpack;
        return true;
    }
    to_table(set, limits);
    return add_to_table(set->object, member);
}

bool set_value_add(struct value *set, struct slice member, const struct set_limits *limits) {
    if (set->encoding == VALUE_INTSET) {
        int64_t number;
        if (number_parse_int(member, &number)) return add_number(set, number, limits);
        leave_intset(set, member, limits);
    }
    if (set->encoding == VALUE_LISTPACK) return add_packed(set, member, limits);
    return member_table_add(set->object, member, hash_of(set, member));
}

bool set_value_remove(struct value *set, struct slice member) {
    if (set->encoding == VALUE_HASHTABLE) return member_table_remove(set->object, member, hash_of(set, member));
    if (set->encoding == VALUE_LISTPACK) {
        struct listpack_entry *entry = packed_find(set, member);
        struct listpack       *listpack = set->object;
        if (!entry) return false;
        listpack_remove(&listpack, entry, 1);
        set->object = listpack;
        return true;
    }
    int64_t number;
    if (!number_parse_int(member, &number)) return false;
    struct intset *intset = set->object;
    bool           was_there = intset_remove(&intset, number);
    set->object = intset;
    return was_there;
}

struct slice set_value_random(const struct value *set, struct random *random, char *buffer) {
    struct member member;
    if (set->encoding == VALUE_HASHTABLE) {
        CHECK(member_table_random(set->object, random, &member));
        return member.key;
    }
    size_t place = (size_t)random_below(random, set_value_count(set));
    if (set->encoding == VALUE_LISTPACK) return listpack_text(listpack_at(set->object, (int64_t)place), buffer);
    return slice_make(buffer, number_print_int(buffer, intset_at(set->object, place)));
}

/* ---- walking ---- */

struct walk {
    set_each *each;
    void     *context;
    bool      is_over;
};

static void visit(void *context, const struct member *member) {
    struct walk *walk = context;
    if (!walk->is_over) walk->is_over = !walk->each(walk->context, member->key);
}

static void walk_intset(const struct intset *intset, set_each *each, void *context) {
    char buffer[NUMBER_TEXT_SIZE];
    for (size_t i = 0; i < intset_count(intset); i++)
        if (!each(context, slice_make(buffer, number_print_int(buffer, intset_at(intset, i))))) return;
}

static void walk_listpack(const struct listpack *listpack, set_each *each, void *context) {
    char                         buffer[NUMBER_TEXT_SIZE];
    const struct listpack_entry *entry = listpack_first(listpack);
    for (; entry; entry = listpack_next(listpack, entry))
        if (!each(context, listpack_text(entry, buffer))) return;
}

void set_value_each(const struct value *set, set_each *each, void *context) {
    if (set->encoding == VALUE_INTSET) {
        walk_intset(set->object, each, context);
    } else if (set->encoding == VALUE_LISTPACK) {
        walk_listpack(set->object, each, context);
    } else {
        struct walk walk = {each, context, false};
        uint64_t    cursor = 0;
        while (member_table_scan(set->object, &cursor, visit, &walk) && !walk.is_over) continue;
    }
}

bool set_value_scan(const struct value *set, uint64_t *cursor, set_each *each, void *context) {
    if (set->encoding != VALUE_HASHTABLE) {
        *cursor = 0;
        set_value_each(set, each, context);
        return false;
    }
    struct walk walk = {each, context, false};
    return member_table_scan(set->object, cursor, visit, &walk);
}

/* ---- from outside ---- */

bool set_value_from_intset(struct value *set, struct intset **place, const struct set_limits *limits) {
    struct intset *intset = *place;
    *place = NULL;
    *set = set_of(VALUE_INTSET, intset);
    size_t count = intset_count(intset);
    if (count > MIN(limits->max_intset_entries, INTSET_ENTRIES_MAX)) to_table(set, limits);
    if (count) return true;
    mem_free(intset);
    return false;
}

struct loading {
    struct value            *set;
    const struct set_limits *limits;
    bool                     is_good;
};

static bool load(void *context, struct slice member) {
    struct loading *loading = context;
    return loading->is_good = set_value_add(loading->set, member, loading->limits);
}

static bool note_longest(void *context, struct slice member) {
    size_t *longest = context;
    *longest = MAX(*longest, member.size);
    return true;
}

/* That no member is there twice is found out with a table, whatever the set becomes. */
bool set_value_from_listpack(struct value *set, struct listpack **place, const struct set_limits *limits) {
    struct listpack *listpack = *place;
    size_t           longest = 0, count = listpack_count(listpack);
    *place = NULL;
    *set = set_of(VALUE_HASHTABLE, member_table_new(limits->hash_key));
    struct loading loading = {set, limits, count > 0};
    walk_listpack(listpack, load, &loading);
    walk_listpack(listpack, note_longest, &longest);
    if (loading.is_good && count <= limits->max_listpack_entries && longest <= limits->max_listpack_bytes) {
        become(set, VALUE_LISTPACK, listpack);
        return true;
    }
    mem_free(listpack);
    if (!loading.is_good) value_free_object(VALUE_SET, VALUE_HASHTABLE, set->object);
    return loading.is_good;
}

/* ---- the table's form ---- */

void set_value_free_table(void *object) {
    struct member_table *table = object;
    member_table_free(&table);
}

size_t set_value_table_effort(const void *object) {
    return member_table_blocks(object);
}

size_t set_value_table_memory(const void *object) {
    return member_table_memory(object);
}

void *set_value_copy_table(const void *object) {
    return member_table_copy(object);
}
