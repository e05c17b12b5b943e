// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holes in the tree of physical memory (/proc/iomem), for bar.c.
 *
 * A range is cut out of the "System RAM" entry that contains it, and given back later. The tree is
 * only asked, when something is to be mapped or claimed; the page allocator goes on as before.
 *
 * Cutting is done with functions that exist for it (adjust_resource, insert_resource), each of
 * which leaves the tree in order, but reading the tree to find the entry takes a lock that modules
 * cannot have. Entries of System RAM come and go with memory hotplug only; it must not be used at
 * the moment a card is created or removed. Of our own calls bar.c makes one at a time.
 */
#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/slab.h>

#include "vgpu.h"

/**
 * struct vgpu_fragment - an entry of System RAM that was made by cutting
 * @node: in the list of all
 * @resource: the entry
 * @origin: the kernel's entry that it was a part of
 */
struct vgpu_fragment {
	struct list_head node;
	struct resource resource;
	struct resource *origin;
};

static LIST_HEAD(fragments);

static bool is_ram(const struct resource *resource)
{
	return (resource->flags & IORESOURCE_SYSTEM_RAM) == IORESOURCE_SYSTEM_RAM;
}

static struct vgpu_fragment *fragment_of(struct resource *resource)
{
	struct vgpu_fragment *fragment;

	list_for_each_entry(fragment, &fragments, node)
		if (&fragment->resource == resource)
			return fragment;
	return NULL;
}

static struct resource *origin_of(struct resource *resource)
{
	struct vgpu_fragment *fragment = fragment_of(resource);

	return fragment ? fragment->origin : resource;
}

/* Puts a new entry of System RAM into the tree. */
static int fragment_add(struct resource *like, struct resource *origin, resource_size_t start,
			resource_size_t end)
{
	struct vgpu_fragment *fragment = kzalloc(sizeof(*fragment), GFP_KERNEL);
	int ret;

	if (!fragment)
		return -ENOMEM;
	fragment->resource = (struct resource){
		.name = like->name, .flags = like->flags, .desc = like->desc,
		.start = start, .end = end,
	};
	fragment->origin = origin;
	ret = insert_resource(&iomem_resource, &fragment->resource);
	if (ret) {
		kfree(fragment);
		return ret;
	}
	list_add(&fragment->node, &fragments);
	return 0;
}

static int fragment_remove(struct vgpu_fragment *fragment)
{
	int ret = remove_resource(&fragment->resource);

	if (ret)
		return ret;
	list_del(&fragment->node);
	kfree(fragment);
	return 0;
}

static int resize(struct resource *resource, resource_size_t start, resource_size_t end)
{
	return adjust_resource(resource, start, end - start + 1);
}

/*
 * Cuts a range out of the entry that contains it. What the kernel has noted inside the entry (its
 * own code, for example) stays in the kernel's part, which must be the one before or the one after
 * the range: fails if there is something on both sides.
 */
int vgpu_hole_cut(struct vgpu_hole *hole, resource_size_t start, resource_size_t end)
{
	struct resource *ram, *origin;
	resource_size_t from, to;
	int ret;

	for (ram = iomem_resource.child; ram; ram = ram->sibling)
		if (ram->start <= start && end <= ram->end)
			break;
	if (!ram || !is_ram(ram))
		return -ENOENT;
	from = ram->start;
	to = ram->end;
	origin = origin_of(ram);
	if (from == start && to == end)
		return -EBUSY;
	if (from == start)
		ret = resize(ram, end + 1, to);
	else
		ret = resize(ram, from, start - 1);
	if (!ret && from < start && end < to) {
		ret = fragment_add(ram, origin, end + 1, to);
	} else if (ret && from < start && end < to) {
		ret = resize(ram, end + 1, to);
		if (!ret)
			ret = fragment_add(ram, origin, from, start - 1);
	} else {
		goto out;
	}
	/* Not split after all: as it was. */
	if (ret)
		resize(ram, from, to);
out:
	if (!ret) {
		hole->origin = origin;
		hole->start = start;
		hole->end = end;
	}
	return ret;
}

/* Gives a range that was cut out back to its neighbours. */
int vgpu_hole_mend(const struct vgpu_hole *hole)
{
	struct resource *ram, *left = NULL, *right = NULL;
	resource_size_t start = hole->start, end = hole->end;

	for (ram = iomem_resource.child; ram; ram = ram->sibling) {
		if (!is_ram(ram) || origin_of(ram) != hole->origin)
			continue;
		if (ram->end + 1 == start)
			left = ram;
		if (ram->start == end + 1)
			right = ram;
	}
	/* Of two neighbours at least one was made here, as the kernel's own is one of all. */
	if (left && right && fragment_of(right)) {
		end = right->end;
		return fragment_remove(fragment_of(right)) ?: resize(left, left->start, end);
	}
	if (left && right) {
		start = left->start;
		return fragment_remove(fragment_of(left)) ?: resize(right, start, right->end);
	}
	if (left)
		return resize(left, left->start, end);
	if (right)
		return resize(right, start, right->end);
	/* Between other holes. */
	return fragment_add(hole->origin, hole->origin, start, end);
}
