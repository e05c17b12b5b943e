// SPDX-License-Identifier: GPL-2.0-only
/* The driver's own test: everything the card can do, one part after the other. */

#include <linux/prandom.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "testcard.h"

/* Not a page, so that pieces begin and end inside of pages. */
#define PIECE_BYTES 3001
#define PIECES 5
/* What the card must not touch, around memory it may write. */
#define GUARD_BYTES 64
#define GUARD 0xa5

/**
 * struct testcard_run - a run of one part
 * @card: the card
 * @test: where the part says what is wrong
 * @random: from the seed
 */
struct testcard_run {
	struct testcard *card;
	struct testcard_selftest *test;
	struct rnd_state random;
};

#define wrong(run, ...) testcard_wrong((run)->test, __VA_ARGS__)

static __printf(2, 3) int testcard_wrong(struct testcard_selftest *test, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(test->said, sizeof(test->said), format, args);
	va_end(args);
	return -EIO;
}

static int test_registers(struct testcard_run *run)
{
	u32 value, i;
	int err;

	for (i = 0; i < 20; i++) {
		value = prandom_u32_state(&run->random);
		testcard_write(run->card, TC_SCRATCH, value);
		err = testcard_await(run->card, TC_MIRROR, ~value);
		if (err)
			return wrong(run, "the mirror of 0x%08x stays 0x%08x: %d", value,
				     testcard_read(run->card, TC_MIRROR), err);
		if (testcard_read(run->card, TC_SCRATCH) != value)
			return wrong(run, "the card has written the driver's register");
	}
	return 0;
}

static int test_commands(struct testcard_run *run)
{
	u32 before = testcard_read(run->card, TC_COMMANDS), i;
	int err;

	for (i = 1; i <= 20; i++) {
		err = testcard_command(run->card, TC_CMD_NOP, 0, 0, NULL);
		if (err)
			return wrong(run, "command %u: %d", i, err);
		if (testcard_read(run->card, TC_COMMANDS) - before != i)
			return wrong(run, "command %u was done, and not counted", i);
	}
	err = testcard_command(run->card, 0x12345678, 0, 0, NULL);
	if (err != -EIO)
		return wrong(run, "a command that does not exist: %d", err);
	return 0;
}

static int test_interrupts(struct testcard_run *run)
{
	struct testcard *card = run->card;
	u64 before, i;
	int err;

	for (i = 1; i <= 20; i++) {
		before = atomic64_read(&card->interrupts);
		err = testcard_command(card, TC_CMD_INTERRUPT, 0, 0, NULL);
		if (err)
			return wrong(run, "the command for interrupt %llu: %d", i, err);
		if (!wait_event_timeout(card->wait, atomic64_read(&card->interrupts) != before,
					testcard_patience()))
			return wrong(run, "interrupt %llu does not come", i);
	}
	return 0;
}

static int test_fences(struct testcard_run *run)
{
	u32 fence, first = 0, i;
	int err;

	/* Often around the ring, and more than it holds at once. */
	for (i = 0; i < 5 * TESTCARD_RING_ENTRIES; i++) {
		err = testcard_submit(run->card, NULL, 0, &fence);
		if (err)
			return wrong(run, "fence %u is not taken: %d", i, err);
		if (!i)
			first = fence;
		else if (fence != first + i)
			return wrong(run, "fence %u is not the one after %u", fence, first + i - 1);
	}
	err = testcard_fence_wait(run->card, fence, testcard_patience());
	return err ? wrong(run, "fence %u does not come: %d", fence, err) : 0;
}

static u32 testcard_sum(const u32 *words, u32 bytes)
{
	u32 sum = 0, i;

	for (i = 0; i < bytes / 4; i++)
		sum += words[i];
	return sum;
}

/* What the driver writes to the framebuffer, the card has there. */
static int test_framebuffer(struct testcard_run *run)
{
	u32 bytes = 64 * 1024, offset = run->card->fb_bytes / 2;
	u32 *words = kmalloc(bytes, GFP_KERNEL);
	u32 sum;
	int err;

	if (!words)
		return -ENOMEM;
	prandom_bytes_state(&run->random, words, bytes);
	memcpy_toio(run->card->fb + offset, words, bytes);
	/* The command's write pushes out what is being combined. */
	err = testcard_command(run->card, TC_CMD_SUM, offset, bytes, &sum);
	if (err)
		err = wrong(run, "the command: %d", err);
	else if (sum != testcard_sum(words, bytes))
		err = wrong(run, "the card's sum is 0x%08x, not 0x%08x", sum,
			    testcard_sum(words, bytes));
	kfree(words);
	return err;
}

static int test_fill(struct testcard_run *run)
{
	u32 value = prandom_u32_state(&run->random), offset = 4096, length = 8000;
	const struct tc_entry fill = {
		.op = cpu_to_le32(TC_OP_FILL),
		.value = cpu_to_le32(value),
		.offset = cpu_to_le32(offset),
		.length = cpu_to_le32(length),
	};
	int err;
	u32 at;

	writel(~value, run->card->fb + offset - 4);
	writel(~value, run->card->fb + offset + length);
	err = testcard_run(run->card, &fill, 1);
	if (err)
		return wrong(run, "the ring: %d", err);
	for (at = offset - 4; at <= offset + length; at += 4) {
		bool inside = at >= offset && at < offset + length;

		if (readl(run->card->fb + at) != (inside ? value : ~value))
			return wrong(run, "0x%08x at 0x%x", readl(run->card->fb + at), at);
	}
	return 0;
}

static int testcard_compare_fb(struct testcard_run *run, const u8 *bytes, u32 offset, u32 length)
{
	u32 i;

	for (i = 0; i < length; i++)
		if (readb(run->card->fb + offset + i) != bytes[i])
			return wrong(run, "byte %u of %u is not what was sent", i, length);
	return 0;
}

static int testcard_check_guards(struct testcard_run *run, const u8 *guarded, u32 length)
{
	if (memchr_inv(guarded, GUARD, GUARD_BYTES) ||
	    memchr_inv(guarded + GUARD_BYTES + length, GUARD, GUARD_BYTES))
		return wrong(run, "the card wrote beside the %u bytes it was given", length);
	return 0;
}

/* Both directions, of all lengths and places within a page. */
static int test_single(struct testcard_run *run)
{
	u32 length = 1 + prandom_u32_state(&run->random) % (3 * PAGE_SIZE);
	u32 skew = prandom_u32_state(&run->random) % PAGE_SIZE;
	u32 bytes = skew + length + 2 * GUARD_BYTES;
	u8 *out = kmalloc(length, GFP_KERNEL), *in = kmalloc(bytes, GFP_KERNEL);
	u8 *guarded = in + skew;
	int err = -ENOMEM;

	if (!out || !in)
		goto free;
	prandom_bytes_state(&run->random, out, length);
	memset(in, GUARD, bytes);
	err = testcard_copy_single(run->card, out, 12, length, DMA_TO_DEVICE);
	if (err) {
		err = wrong(run, "to the card, %u bytes: %d", length, err);
		goto free;
	}
	err = testcard_compare_fb(run, out, 12, length);
	if (err)
		goto free;
	err = testcard_copy_single(run->card, guarded + GUARD_BYTES, 12, length, DMA_FROM_DEVICE);
	if (err) {
		err = wrong(run, "from the card, %u bytes: %d", length, err);
		goto free;
	}
	if (memcmp(guarded + GUARD_BYTES, out, length))
		err = wrong(run, "%u bytes came back as others", length);
	else
		err = testcard_check_guards(run, guarded, length);
free:
	kfree(in);
	kfree(out);
	return err;
}

static void testcard_free_pieces(u8 *pieces[])
{
	int i;

	for (i = 0; i < PIECES; i++)
		kfree(pieces[i]);
}

static int testcard_alloc_pieces(u8 *pieces[], struct scatterlist *sg)
{
	int i;

	sg_init_table(sg, PIECES);
	for (i = 0; i < PIECES; i++) {
		pieces[i] = kmalloc(PIECE_BYTES + 2 * GUARD_BYTES, GFP_KERNEL);
		if (!pieces[i]) {
			testcard_free_pieces(pieces);
			return -ENOMEM;
		}
		memset(pieces[i], GUARD, PIECE_BYTES + 2 * GUARD_BYTES);
		sg_set_buf(&sg[i], pieces[i] + GUARD_BYTES, PIECE_BYTES);
	}
	return 0;
}

/* Several pieces of memory out, and back into the same after they were cleared. */
static int test_sg(struct testcard_run *run)
{
	u8 *pieces[PIECES] = {}, *all = kmalloc(PIECES * PIECE_BYTES, GFP_KERNEL);
	struct scatterlist sg[PIECES];
	int err, i;

	if (!all)
		return -ENOMEM;
	err = testcard_alloc_pieces(pieces, sg);
	if (err)
		goto free;
	prandom_bytes_state(&run->random, all, PIECES * PIECE_BYTES);
	sg_copy_from_buffer(sg, PIECES, all, PIECES * PIECE_BYTES);
	err = testcard_copy_sg(run->card, sg, PIECES, 100, DMA_TO_DEVICE);
	if (err) {
		err = wrong(run, "to the card: %d", err);
		goto pieces;
	}
	err = testcard_compare_fb(run, all, 100, PIECES * PIECE_BYTES);
	if (err)
		goto pieces;
	for (i = 0; i < PIECES; i++)
		memset(pieces[i] + GUARD_BYTES, 0, PIECE_BYTES);
	err = testcard_copy_sg(run->card, sg, PIECES, 100, DMA_FROM_DEVICE);
	if (err) {
		err = wrong(run, "from the card: %d", err);
		goto pieces;
	}
	for (i = 0; i < PIECES && !err; i++) {
		if (memcmp(pieces[i] + GUARD_BYTES, all + i * PIECE_BYTES, PIECE_BYTES))
			err = wrong(run, "piece %d came back as another", i);
		else
			err = testcard_check_guards(run, pieces[i], PIECE_BYTES);
	}
pieces:
	testcard_free_pieces(pieces);
free:
	kfree(all);
	return err;
}

/* An entry that must end in an error, after which the ring works again. */
static int testcard_expect(struct testcard_run *run, const struct tc_entry *entry, int want,
			   const char *what)
{
	int err = testcard_run(run->card, entry, 1);

	if (err != want)
		return wrong(run, "%s: %d, not %d", what, err, want);
	err = testcard_run(run->card, NULL, 0);
	return err ? wrong(run, "after %s the ring does not go on: %d", what, err) : 0;
}

static int test_errors(struct testcard_run *run)
{
	struct tc_entry entry = { .op = cpu_to_le32(99) };
	dma_addr_t address;
	void *data;
	int err;

	err = testcard_expect(run, &entry, -EIO, "an operation that does not exist");
	if (err)
		return err;
	entry.op = cpu_to_le32(TC_OP_FILL);
	entry.offset = cpu_to_le32(run->card->fb_bytes - 4);
	entry.length = cpu_to_le32(8);
	err = testcard_expect(run, &entry, -EIO, "a fill beyond the framebuffer");
	if (err)
		return err;

	/* Memory that is the card's no more, and memory that is not the card's to write. */
	data = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	address = dma_map_single(&run->card->pdev->dev, data, PAGE_SIZE, DMA_TO_DEVICE);
	if (dma_mapping_error(&run->card->pdev->dev, address)) {
		kfree(data);
		return -ENOMEM;
	}
	entry = (struct tc_entry) {
		.op = cpu_to_le32(TC_OP_FROM_FB),
		.address = cpu_to_le64(address),
		.length = cpu_to_le32(64),
	};
	err = testcard_expect(run, &entry, -EFAULT, "writing memory mapped for reading");
	if (!err) {
		entry.op = cpu_to_le32(TC_OP_TO_FB);
		entry.length = cpu_to_le32(PAGE_SIZE + 1);
		err = testcard_expect(run, &entry, -EFAULT, "reading behind mapped memory");
	}
	dma_unmap_single(&run->card->pdev->dev, address, PAGE_SIZE, DMA_TO_DEVICE);
	if (!err) {
		entry.length = cpu_to_le32(64);
		err = testcard_expect(run, &entry, -EFAULT, "reading unmapped memory");
	}
	kfree(data);
	return err;
}

/* Without the right to master the bus the card cannot even read its ring. */
static int test_bus_master(struct testcard_run *run)
{
	int err;

	pci_clear_master(run->card->pdev);
	err = testcard_run(run->card, NULL, 0);
	/* The ring is restarted with the right by then. */
	if (err != -EFAULT)
		return wrong(run, "without bus mastering: %d, not %d", err, -EFAULT);
	err = testcard_run(run->card, NULL, 0);
	return err ? wrong(run, "with bus mastering again: %d", err) : 0;
}

static const struct {
	const char *name;
	int (*run)(struct testcard_run *run);
} testcard_parts[] = {
	{ "registers", test_registers },
	{ "commands", test_commands },
	{ "interrupts", test_interrupts },
	{ "fences", test_fences },
	{ "framebuffer", test_framebuffer },
	{ "fill", test_fill },
	{ "single", test_single },
	{ "sg", test_sg },
	{ "errors", test_errors },
	{ "bus master", test_bus_master },
};

/**
 * testcard_selftest() - runs one part
 * @card: the card
 * @test: which part, and what it said
 *
 * Return: 0 when all is well, -ENOENT when there is no such part.
 */
int testcard_selftest(struct testcard *card, struct testcard_selftest *test)
{
	struct testcard_run run = { .card = card, .test = test };
	u32 part = test->part;
	int err;

	if (part >= ARRAY_SIZE(testcard_parts))
		return -ENOENT;
	prandom_seed_state(&run.random, test->seed);
	memset(test->name, 0, sizeof(test->name));
	memset(test->said, 0, sizeof(test->said));
	strscpy(test->name, testcard_parts[part].name, sizeof(test->name));
	err = testcard_parts[part].run(&run);
	if (err && !test->said[0])
		testcard_wrong(test, "error %d", err);
	return err;
}
