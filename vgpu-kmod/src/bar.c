// SPDX-License-Identifier: GPL-2.0-only
/*
 * BAR memory.
 *
 * A BAR must be memory with a physical address, and the kernel must take it for a device's:
 * pci_request_regions() wants a range of its own, ioremap() refuses what is RAM, and
 * remap_pfn_range() of RAM would have the wrong caching attributes. So the module takes pages from
 * the page allocator, which knows them as ours, and cuts their range out of the "System RAM" entry
 * in the tree of physical memory (hole.c). Giving the memory back mends the tree.
 *
 * Who does not want that can keep a range from the kernel with the boot parameter memmap=, and name
 * it in the module's option reserve=.
 *
 * Device memory is mapped uncached, or write-combining, by the driver and so by the daemon; the
 * kernel's own mapping of all memory must not have the same pages cached meanwhile, so its
 * attributes are changed for as long as they are a BAR.
 *
 * Memory of a card that is gone is kept for the next one, up to a limit, and not given back before
 * the module is unloaded. A driver that maps a BAR after its card was removed, by an address it has
 * remembered, gets nothing on hardware; here it gets spare memory, and not someone else's.
 */
#include <linux/genalloc.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/set_memory.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "vgpu.h"

/* The page allocator's largest block on x86-64: 4 MiB. */
#define BLOCK_ORDER	10
#define BLOCK_PAGES	BIT(BLOCK_ORDER)

/* Blocks to try at most, while looking for neighbours; for one that can be cut out, per size. */
#define TRIES		256
#define TRIES_SMALL	16

/* Keep no more than this of cards that are gone. */
#define SPARE_MAX	(64UL << 20)

static char *reserve;
module_param(reserve, charp, 0444);
MODULE_PARM_DESC(reserve, "Physical memory for BARs, as SIZE@ADDRESS, kept from the kernel with the boot parameter memmap=SIZE$ADDRESS (default: ordinary memory)");

static struct gen_pool *reserved;
static DEFINE_MUTEX(vgpu_bar_lock);

/**
 * struct vgpu_bar_memory - memory for a BAR
 * @node: in the list of spare ones
 * @window: its entry in the tree
 * @base: physical address, aligned to the size
 * @bytes: size, a power of two
 * @prefetchable: how it is mapped
 * @hole: in System RAM, if it is not from reserve=
 * @page: its first page; NULL if it is from reserve=
 * @order: of the blocks of pages it consists of
 * @blocks: how many
 */
struct vgpu_bar_memory {
	struct list_head node;
	struct resource window;
	phys_addr_t base;
	size_t bytes;
	bool prefetchable;
	struct vgpu_hole hole;
	struct page *page;
	unsigned int order;
	unsigned int blocks;
};

/* Spare memory, the oldest first. */
static LIST_HEAD(spares);
static size_t spare_bytes;

static resource_size_t last(const struct vgpu_bar_memory *memory)
{
	return memory->base + memory->bytes - 1;
}

/* How the kernel's own mapping has the pages. It is changed while the range is RAM. */
static int set_cached(struct vgpu_bar_memory *memory, bool cached)
{
	unsigned long address = (unsigned long)page_address(memory->page);
	int pages = memory->bytes >> PAGE_SHIFT;

	if (cached)
		return set_memory_wb(address, pages);
	return memory->prefetchable ? set_memory_wc(address, pages) : set_memory_uc(address, pages);
}

/*
 * The flags of the two windows of a card differ: if they happen to be neighbours, the PCI core
 * would otherwise make one of them, without telling the tree.
 */
static int insert_window(struct vgpu_bar_memory *memory)
{
	memory->window = (struct resource){
		.name = "vgpu",
		.flags = IORESOURCE_MEM | (memory->prefetchable ? IORESOURCE_PREFETCH : 0),
		.start = memory->base, .end = last(memory),
	};
	return insert_resource(&iomem_resource, &memory->window);
}

/*
 * Programs with strange ways (munmap() in the middle of a mapping) can leave the kernel with a note
 * that some of the range is mapped as no driver wants it. Such memory is passed over.
 */
static bool is_mappable(const struct vgpu_bar_memory *memory)
{
	void __iomem *map = memory->prefetchable ? ioremap_wc(memory->base, memory->bytes) :
						   ioremap(memory->base, memory->bytes);

	if (map)
		iounmap(map);
	return map;
}

/* Takes pages, if their range can be cut out. */
static int memory_from_pages(struct vgpu_bar_memory *memory, struct page *page)
{
	int ret;

	memory->page = page;
	memory->base = page_to_phys(page);
	memset(page_address(page), 0, memory->bytes);
	ret = set_cached(memory, false);
	if (ret)
		return ret;
	ret = vgpu_hole_cut(&memory->hole, memory->base, last(memory));
	if (ret)
		goto uncut;
	ret = insert_window(memory);
	if (ret)
		goto mend;
	if (is_mappable(memory))
		return 0;
	ret = remove_resource(&memory->window) ?: -EBUSY;
mend:
	/* Fails for lack of memory at most, and then only the tree is wrong. */
	if (vgpu_hole_mend(&memory->hole))
		return ret;
uncut:
	set_cached(memory, true);
	return ret;
}

static int compare_pages(const void *a, const void *b)
{
	unsigned long left = page_to_pfn(*(struct page **)a);
	unsigned long right = page_to_pfn(*(struct page **)b);

	return left < right ? -1 : left > right;
}

/*
 * Where in a sorted array of blocks there are enough neighbours for an aligned range; -1 if
 * nowhere.
 */
static int find_run(struct page **blocks, int count, int needed)
{
	unsigned long pages = needed * BLOCK_PAGES;
	int i;

	for (i = 0; i + needed <= count; i++)
		if (IS_ALIGNED(page_to_pfn(blocks[i]), pages) &&
		    page_to_pfn(blocks[i + needed - 1]) ==
		    page_to_pfn(blocks[i]) + pages - BLOCK_PAGES)
			return i;
	return -1;
}

/*
 * Takes blocks from the page allocator until there are as many neighbours as needed, and their
 * range can be cut out. A BAR larger than the largest block needs blocks that happen to be
 * neighbours; they usually are, until memory is fragmented.
 */
static int memory_from_blocks(struct vgpu_bar_memory *memory, unsigned int order,
			      unsigned int tries)
{
	int needed = DIV_ROUND_UP(memory->bytes, PAGE_SIZE << order), count = 0, at, ret = -ENOMEM;
	unsigned long limit = (totalram_pages() / 4) >> order;
	struct page **blocks, *page;

	memory->order = order;
	memory->blocks = needed;
	blocks = kcalloc(tries, sizeof(*blocks), GFP_KERNEL);
	if (!blocks)
		return -ENOMEM;
	while (count < min_t(unsigned long, tries, limit)) {
		page = alloc_pages(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY, order);
		if (!page)
			break;
		blocks[count++] = page;
		if (needed > 1)
			sort(blocks, count, sizeof(*blocks), compare_pages, NULL);
		at = needed > 1 ? find_run(blocks, count, needed) : count - 1;
		if (at < 0)
			continue;
		ret = memory_from_pages(memory, blocks[at]);
		if (!ret) {
			memmove(&blocks[at], &blocks[at + needed],
				(count - at - needed) * sizeof(*blocks));
			count -= needed;
			break;
		}
		/* Not these; they would only be found again. */
		if (needed > 1)
			break;
	}
	while (count)
		__free_pages(blocks[--count], order);
	kfree(blocks);
	return ret;
}

/* Gives back what a block has more than is needed. */
static void trim(struct vgpu_bar_memory *memory)
{
	unsigned int pages = memory->bytes >> PAGE_SHIFT, i;

	if (memory->blocks > 1 || pages == 1U << memory->order)
		return;
	split_page(memory->page, memory->order);
	for (i = pages; i < 1U << memory->order; i++)
		__free_page(memory->page + i);
	memory->order = 0;
	memory->blocks = pages;
}

/*
 * Small blocks are what is left over between things that the kernel has noted in the tree, where
 * nothing can be cut out. Larger ones are not.
 */
static int memory_from_allocator(struct vgpu_bar_memory *memory)
{
	unsigned int order = min_t(unsigned int, get_order(memory->bytes), BLOCK_ORDER);
	int ret;

	if (memory->bytes > PAGE_SIZE << BLOCK_ORDER)
		return memory_from_blocks(memory, BLOCK_ORDER, TRIES);
	do {
		ret = memory_from_blocks(memory, order, TRIES_SMALL);
	} while (ret && ++order <= BLOCK_ORDER);
	if (!ret)
		trim(memory);
	return ret;
}

/* What the card held is nobody else's business. */
static int clear(struct vgpu_bar_memory *memory)
{
	void *map;

	if (memory->page) {
		memset(page_address(memory->page), 0, memory->bytes);
		return 0;
	}
	map = memremap(memory->base, memory->bytes, MEMREMAP_WC);
	if (!map)
		return -ENOMEM;
	memset(map, 0, memory->bytes);
	memunmap(map);
	return 0;
}

static int memory_from_reserved(struct vgpu_bar_memory *memory)
{
	struct genpool_data_align align = { .align = memory->bytes };
	int ret;

	memory->base = gen_pool_alloc_algo(reserved, memory->bytes, gen_pool_first_fit_align,
					   &align);
	if (!memory->base)
		return -ENOMEM;
	ret = clear(memory) ?: insert_window(memory);
	if (ret)
		gen_pool_free(reserved, memory->base, memory->bytes);
	return ret;
}

/* Gives memory back to where it came from. If that fails, it is lost. */
static void give_back(struct vgpu_bar_memory *memory)
{
	unsigned int i;
	int ret = remove_resource(&memory->window);

	if (!ret && memory->page)
		ret = vgpu_hole_mend(&memory->hole) ?: set_cached(memory, true);
	if (ret) {
		pr_err("%zu KiB at %pa cannot be made ordinary memory again (error %d)\n",
		       memory->bytes >> 10, &memory->base, ret);
		return;
	}
	/* Somebody may still have it mapped. */
	if (!vgpu_watched)
		return;
	if (!memory->page)
		gen_pool_free(reserved, memory->base, memory->bytes);
	for (i = 0; i < memory->blocks; i++)
		__free_pages(memory->page + ((size_t)i << memory->order), memory->order);
	kfree(memory);
}

static void give_back_spares(size_t keep)
{
	struct vgpu_bar_memory *memory;

	while (spare_bytes > keep) {
		memory = list_first_entry(&spares, struct vgpu_bar_memory, node);
		list_del(&memory->node);
		spare_bytes -= memory->bytes;
		give_back(memory);
	}
}

static struct vgpu_bar_memory *find_spare(size_t bytes, bool prefetchable)
{
	struct vgpu_bar_memory *memory;

	list_for_each_entry(memory, &spares, node) {
		if (memory->bytes != bytes || memory->prefetchable != prefetchable ||
		    !is_mappable(memory))
			continue;
		list_del(&memory->node);
		spare_bytes -= bytes;
		return memory;
	}
	return NULL;
}

static struct vgpu_bar_memory *make_memory(size_t bytes, bool prefetchable)
{
	struct vgpu_bar_memory *memory = kzalloc(sizeof(*memory), GFP_KERNEL);
	int ret;

	if (!memory)
		return ERR_PTR(-ENOMEM);
	memory->bytes = bytes;
	memory->prefetchable = prefetchable;
	ret = reserved ? memory_from_reserved(memory) : memory_from_allocator(memory);
	if (ret) {
		kfree(memory);
		return ERR_PTR(ret);
	}
	return memory;
}

int vgpu_bar_create(struct vgpu_bar *bar, size_t bytes, bool prefetchable)
{
	struct vgpu_bar_memory *memory;

	mutex_lock(&vgpu_bar_lock);
	memory = find_spare(bytes, prefetchable) ?: make_memory(bytes, prefetchable);
	if (IS_ERR(memory) && spare_bytes) {
		/* Pieces of other sizes may be in the way. */
		give_back_spares(0);
		memory = make_memory(bytes, prefetchable);
	}
	mutex_unlock(&vgpu_bar_lock);
	if (IS_ERR(memory)) {
		pr_warn("no %zu KiB of memory in one piece for a BAR (error %ld); %s\n",
			bytes >> 10, PTR_ERR(memory), "see the module's option reserve=");
		return -ENOMEM;
	}
	bar->bytes = bytes;
	bar->base = memory->base;
	bar->window = &memory->window;
	bar->memory = memory;
	return 0;
}

/* Nothing maps it any more, as far as is known. */
void vgpu_bar_free(struct vgpu_bar *bar)
{
	struct vgpu_bar_memory *memory = bar->memory;

	if (!memory)
		return;
	mutex_lock(&vgpu_bar_lock);
	if (clear(memory)) {
		pr_err("%zu KiB at %pa cannot be cleared, and are lost\n", memory->bytes >> 10,
		       &memory->base);
	} else {
		list_add_tail(&memory->node, &spares);
		spare_bytes += memory->bytes;
		give_back_spares(SPARE_MAX);
	}
	mutex_unlock(&vgpu_bar_lock);
	*bar = (struct vgpu_bar){ };
}

int vgpu_bar_init(void)
{
	phys_addr_t base;
	size_t bytes;
	char *at;
	int ret;

	if (!reserve)
		return 0;
	bytes = memparse(reserve, &at);
	if (*at != '@' && *at != '$') {
		pr_err("reserve=%s: not of the form SIZE@ADDRESS\n", reserve);
		return -EINVAL;
	}
	base = memparse(at + 1, &at);
	if (*at || !bytes || !PAGE_ALIGNED(bytes) || !PAGE_ALIGNED(base)) {
		pr_err("reserve=%s: not of the form SIZE@ADDRESS, in whole pages\n", reserve);
		return -EINVAL;
	}
	if (region_intersects(base, bytes, IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) !=
	    REGION_DISJOINT) {
		pr_err("reserve=%s: the kernel uses this memory; boot it with memmap=%#zx$%pa\n",
		       reserve, bytes, &base);
		return -EBUSY;
	}
	reserved = gen_pool_create(PAGE_SHIFT, NUMA_NO_NODE);
	if (!reserved)
		return -ENOMEM;
	ret = gen_pool_add(reserved, base, bytes, NUMA_NO_NODE);
	if (ret)
		vgpu_bar_exit();
	return ret;
}

void vgpu_bar_exit(void)
{
	mutex_lock(&vgpu_bar_lock);
	give_back_spares(0);
	mutex_unlock(&vgpu_bar_lock);
	if (reserved)
		gen_pool_destroy(reserved);
	reserved = NULL;
}
