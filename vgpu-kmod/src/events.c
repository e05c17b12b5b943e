// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting what happens to a card, and waking the daemon.
 *
 * The protocol is that of a sequence counter. VGPU_ARM samples the counters and then protects the
 * register pages; the daemon then looks at the registers; VGPU_WAIT returns as soon as a counter
 * differs from its sample. An event between the sample and the wait therefore ends the wait at
 * once, so a wake-up may be for something already seen but is never lost.
 *
 * Nothing here runs while nothing happens: an idle card costs no wake-ups.
 */
#include <linux/hrtimer.h>

#include "vgpu.h"

static void vgpu_events_wake(struct irq_work *work)
{
	struct vgpu_events *events = container_of(work, struct vgpu_events, irq_work);

	wake_up_all(&events->queue);
}

/* Only with trap=poll: each VGPU_ARM starts the clock for one VGPU_EVENT_POLL. */
static void vgpu_events_poll(struct work_struct *work)
{
	struct vgpu_events *events = container_of(work, struct vgpu_events, poll_work.work);

	atomic64_inc(&events->count[VGPU_POLL]);
	wake_up_all(&events->queue);
}

void vgpu_events_init(struct vgpu_events *events)
{
	init_waitqueue_head(&events->queue);
	init_irq_work(&events->irq_work, vgpu_events_wake);
	INIT_DELAYED_WORK(&events->poll_work, vgpu_events_poll);
	events->wake = VGPU_EVENTS;
}

void vgpu_events_stop(struct vgpu_events *events)
{
	cancel_delayed_work_sync(&events->poll_work);
	irq_work_sync(&events->irq_work);
}

/* From any context but NMI. */
void vgpu_event(struct vgpu_card *card, enum vgpu_event kind)
{
	struct vgpu_events *events = &card->events;

	atomic64_inc(&events->count[kind]);
	/*
	 * VGPU_ARM writes wake before it samples the counters. Either it sees this event in the
	 * sample, or this sees what it wants to be woken for.
	 */
	smp_mb__after_atomic();	/* pairs with the one in vgpu_arm() */
	if (READ_ONCE(events->wake) & BIT(kind))
		irq_work_queue(&events->irq_work);
}

/* The pages are marked before the event is counted: who sees the count, sees the pages. */
void vgpu_event_pages(struct vgpu_card *card, enum vgpu_event kind, u32 pages)
{
	atomic_or(pages, &card->events.pages);
	smp_mb__after_atomic();	/* pairs with those in vgpu_arm() and vgpu_events_wait() */
	vgpu_event(card, kind);
}

/* A trapped write at an offset of the register BAR. */
void vgpu_event_write(struct vgpu_card *card, enum vgpu_event kind, size_t offset)
{
	WRITE_ONCE(card->events.offset, offset);
	vgpu_event_pages(card, kind, BIT(offset >> PAGE_SHIFT));
}

u64 vgpu_event_count(struct vgpu_card *card, enum vgpu_event kind)
{
	return atomic64_read(&card->events.count[kind]);
}

/* The events since the last VGPU_ARM, woken for or not. */
static u32 vgpu_events_since(struct vgpu_events *events)
{
	u32 since = 0;
	int kind;

	for (kind = 0; kind < VGPU_EVENT_KINDS; kind++)
		if (atomic64_read(&events->count[kind]) != READ_ONCE(events->armed[kind]))
			since |= BIT(kind);
	return since;
}

/* Those the daemon wants to be woken for. */
u32 vgpu_events_pending(struct vgpu_events *events)
{
	return vgpu_events_since(events) & READ_ONCE(events->wake);
}

int vgpu_events_wait(struct vgpu_events *events, struct vgpu_wait *wait)
{
	s64 timeout_ns = wait->timeout_ns;
	int ret = 0;

	if (timeout_ns < 0)
		ret = wait_event_interruptible(events->queue, vgpu_events_pending(events));
	else if (timeout_ns > 0)
		ret = wait_event_interruptible_hrtimeout(events->queue,
							 vgpu_events_pending(events),
							 ns_to_ktime(timeout_ns));
	/* Not restarted: the daemon's loop has its own ideas of how long is left. */
	if (ret == -ERESTARTSYS)
		return -EINTR;
	if (ret && ret != -ETIME)
		return ret;

	wait->events = vgpu_events_pending(events) ? vgpu_events_since(events) : 0;
	wait->kernel_writes = atomic64_read(&events->count[VGPU_KERNEL_WRITE]);
	wait->user_writes = atomic64_read(&events->count[VGPU_USER_WRITE]);
	wait->mapping_changes = atomic64_read(&events->count[VGPU_MAPPING]);
	wait->config_changes = atomic64_read(&events->count[VGPU_CONFIG]);
	wait->driver_changes = atomic64_read(&events->count[VGPU_DRIVER]);
	wait->dma_changes = atomic64_read(&events->count[VGPU_DMA]);
	smp_rmb();	/* the counters first: vgpu_event_pages() writes them last */
	wait->pages = atomic_read(&events->pages);
	wait->offset = READ_ONCE(events->offset);
	return 0;
}
