#!/bin/sh
# Runs in the kernel lab: disks of ours and of rublk's side by side, and fio on them in turn.
# Arguments: our program, rublk, pairs of runs, seconds of a run, the kinds of load.
# Prints for each run: PAIR OURS|rublk KIND DEPTH IOPS.
set -eu
ours=$1 rublk=$2 pairs=$3 seconds=$4 kinds=$5

bin=/run/bench
mkdir -p $bin
# rublk keeps its records where ours are by default, and neither reads the other's.
export UBLK_STATE_DIR=$bin/state
# Out of the slow file system that brings the machine's files inside.
cp "$ours" $bin/ublk
cp "$rublk" $bin/rublk
cp "$(command -v fio)" $bin/fio
modprobe ublk_drv
head -c 268435456 /dev/zero >/tmp/lab.img

# The same queue, depth and scheduling for both.
add_ours() {
	$bin/ublk add vpt null --front ublk --mode fixed --k 1 -q 1 -d 64 --timeout 300 -n "$@"
}
add_rublk() {
	kind=$1
	shift
	chrt --fifo 40 $bin/rublk add "$kind" --quiet -q 1 -d 64 -n "$@"
}
add_ours 0 --back null --size 256M
add_rublk null 1
add_ours 2 --image /tmp/lab.img
add_rublk loop 3 -f /tmp/lab.img

for device in 0 1 2 3; do
	tries=0
	until [ -b /dev/ublkb$device ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || { echo "device $device did not come up" >&2; exit 1; }
		sleep 0.1
	done
	echo none >/sys/block/ublkb$device/queue/scheduler
done

# DEVICE KIND DEPTH: its IOPS; terse fields 8 and 49 are the reads' and the writes'.
run() {
	$bin/fio --name=job --filename=/dev/ublkb"$1" --rw="$2" --iodepth="$3" --runtime="$seconds" \
		--ramp_time=300ms --time_based --ioengine=libaio --direct=1 --bs=4k --size=256m --thread \
		--invalidate=0 --randseed=1 --output-format=terse --terse-version=3 |
		awk -F ';' -v field="$([ "$2" = randread ] && echo 8 || echo 49)" '/^3;/ { print $field }'
}

pair() {
	for kind in $kinds; do
		for depth in 1 32; do
			count=0
			while [ $count -lt "$pairs" ]; do
				count=$((count + 1))
				echo "$1 ours $kind $depth $(run "$2" "$kind" "$depth")"
				echo "$1 rublk $kind $depth $(run "$3" "$kind" "$depth")"
			done
		done
	done
}
pair null 0 1
pair loop 2 3

$bin/ublk del -n 0
$bin/ublk del -n 2
# What was measured stands if the peer trips over its own end, which happens.
$bin/rublk del -n 1 || echo "rublk: device 1 was not deleted" >&2
$bin/rublk del -n 3 || echo "rublk: device 3 was not deleted" >&2
