// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Never loaded: keeps every shared type in the debug information, from which tools/gen-layouts reads it. */
#include "image.h"
#include "event.h"

struct image_head layout_image_head;
struct record layout_record;
struct list layout_list;
struct entry layout_entry;
struct net_entry layout_net_entry;
struct event layout_event;
struct fold layout_fold;
struct gate layout_gate;
struct held layout_held;
enum image_flag layout_image_flag;
enum family layout_family;
enum posture layout_posture;
enum access layout_access;
enum condition layout_condition;
enum verdict layout_verdict;
enum net_kind layout_net_kind;
enum net_op layout_net_op;
enum hook layout_hook;
enum outcome layout_outcome;
enum event_flag layout_event_flag;
enum counter layout_counter;
enum gate_mode layout_gate_mode;
enum settled_kind layout_settled_kind;
enum scope_mode layout_scope_mode;
