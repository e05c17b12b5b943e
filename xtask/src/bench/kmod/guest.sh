#!/bin/sh
# Runs in the kernel lab: a card with its driver, measured from both sides; then an idle card's daemon
# beside one that polls.
# Arguments: pairs of writes, seconds of idleness, then the modules and programs.
# Prints lines of a name and numbers.
set -eu
pairs=$1 seconds=$2
shift 2

bin=/run/bench
mkdir -p $bin
# Out of the slow file system that brings the machine's files inside.
cp "$@" $bin/
cd $bin
insmod ./vgpu.ko
insmod ./testcard.ko

# NAME ARGUMENTS: starts a daemon, which reads from the pipe NAME.in and writes to NAME.out.
start() {
	name=$1
	shift
	mkfifo "$name.in"
	./testcard "$@" <"$name.in" >"$name.out" &
	echo $! >"$name.pid"
}

# FILE WORDS: waits until a line of a file begins so, and prints the last one.
line() {
	tries=0
	until grep -q "^$2" "$1"; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || { echo "no $2 in $1" >&2; exit 1; }
		sleep 0.1
	done
	grep "^$2" "$1" | tail -n 1
}

# DEVICE: waits for the driver.
driver() {
	tries=0
	until [ -c "$1" ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || { echo "no $1" >&2; exit 1; }
		sleep 0.1
	done
}

# PID: times it gave the processor up to wait, and ticks of processor time.
waits() {
	switches=$(awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$1/status")
	echo "$switches $(awk '{ print $14 + $15 }' "/proc/$1/stat")"
}

# NAME: the same over some seconds in which nobody wants anything of the card.
idle() {
	pid=$(cat "$1.pid")
	before=$(waits "$pid")
	sleep "$seconds"
	echo "$1 $before $(waits "$pid")"
}

start trapping
exec 3>trapping.in
line trapping.out card >&2
driver /dev/testcard0
./tcctl /dev/testcard0 measure 0 "$pairs"
./tcctl /dev/testcard0 measure-mapped 1 "$pairs"
count=0
while [ $count -lt 8 ]; do
	count=$((count + 1))
	./tcctl /dev/testcard0 latency >/dev/null
	./tcctl /dev/testcard0 selftest >/dev/null
	./tcctl /dev/testcard0 latency
done
echo arms >&3
line trapping.out arms
# What the driver has begun is over by then.
sleep 1
idle trapping

start polling --polling
exec 4>polling.in
line polling.out card >&2
driver /dev/testcard1
sleep 1
idle polling

exec 3>&- 4>&-
wait
