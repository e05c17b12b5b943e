#!/bin/sh
# Runs in the kernel lab: the same triangles through a card in one process, and through the driver, the
# shim and the daemon.
# Arguments: how many triangles, how many rounds, their heights; then the modules and programs.
# Prints lines: pair HEIGHT SECONDS SECONDS.
set -eu
count=$1 rounds=$2 heights=$3
shift 3

bin=/run/bench
mkdir -p $bin
# Out of the slow file system that brings the machine's files inside.
cp "$@" $bin/
cd $bin
insmod ./vgpu.ko
insmod ./bgc.ko
./vcd run --socket vcd.sock >vcd.out &
vcd=$!
tries=0
until [ -c /dev/bgc0 ]; do
	tries=$((tries + 1))
	[ $tries -lt 600 ] || { echo "no /dev/bgc0" >&2; exit 1; }
	sleep 0.1
done

round=0
while [ $round -lt "$rounds" ]; do
	round=$((round + 1))
	for height in $heights; do
		process=$(./card_load whole "$height" "$count" | sed 's/.*"seconds":\([0-9.e-]*\).*/\1/')
		# ... seconds 1.234 ...
		kernel=$(./triangles /dev/bgc0 "$count" "$height" "$round" | sed 's/.*seconds \([0-9.]*\).*/\1/')
		echo "pair $height $process $kernel"
		echo "bench: round $round, height $height: $process s, $kernel s of the emulated clock" >&2
	done
done
kill -INT $vcd
wait $vcd
