#!/bin/sh
# The package on a machine of its own, with systemd: install, a disk at boot, a crash, stop, purge.
#   cargo xtask dist --deb && cargo xtask vm --root debian -- sh tests/services/boot.sh [ublk|fuse]
# The machine runs this again after each reboot, with VPT_LAB_BOOT one higher.
set -eu

front=${1:-ublk}
case $front in
ublk) unit=ublk-vpt@lab.service device=/dev/ublkb0 ;;
fuse) unit=ublk-vpt-fuse@lab.service device=/run/ublksrvd/0000/disk ;;
*) echo "usage: $0 [ublk|fuse]" >&2 && exit 2 ;;
esac

fail() {
    echo "boot.sh: boot ${VPT_LAB_BOOT:-?}: $*" >&2
    systemctl status --no-pager "$unit" >&2 || true
    journalctl --no-pager -b -u "$unit" >&2 || true
    exit 1
}

# Waits for a condition, a minute at the most.
until_true() {
    for _ in $(seq 600); do
        if "$@" >/dev/null 2>&1; then
            return 0
        fi
        sleep 0.1
    done
    fail "not within a minute: $*"
}

main_pid() {
    systemctl show -P MainPID "$unit"
}

# Another daemon than the one that was killed, and ready.
came_back() {
    [ "$(systemctl is-active "$unit")" = active ] && [ "$(main_pid)" != "$1" ] && [ "$(main_pid)" != 0 ]
}

write_and_read() {
    dd if=/dev/urandom of=/run/pattern bs=64k count=4 2>/dev/null
    dd if=/run/pattern of="$device" bs=64k conv=notrunc,fsync 2>/dev/null
    dd if="$device" of=/run/back bs=64k count=4 iflag=direct 2>/dev/null
    cmp /run/pattern /run/back || fail "what was written is not what is read"
}

case ${VPT_LAB_BOOT:-1} in
1)
    # The one that cargo xtask dist made.
    set -- target/dist/ublk-vpt_*.deb
    dpkg --force-depends -i "$1"
    cat >/etc/ublk-vpt/disks/lab.toml <<EOF
[disk]
name = "lab"
[rotation]
rpm = 7200
[seek]
family = "linear"
full_ms = 1.0
[serve]
image = "/var/lib/ublk-vpt/lab.img"
size = "64 MiB"
front = "$front"
number = 0
EOF
    if [ "$front" = ublk ]; then
        echo 'recovery = true' >>/etc/ublk-vpt/disks/lab.toml
    fi
    ublk check-config /etc/ublk-vpt/disks/lab.toml
    systemctl enable "$unit"
    systemctl reboot
    sleep infinity
    ;;
2)
    [ "$(systemctl is-active "$unit")" = active ] || fail "not up after the boot"
    [ -e "$device" ] || fail "no $device"
    write_and_read
    [ "$(ublk list | awk '/max rq size/ {print $11}')" = LIVE ] || fail "list does not say LIVE"
    grep -q '^Seccomp:.2$' "/proc/$(main_pid)/status" || fail "the daemon is not confined"

    # A failed request is in the journal under its number.
    ublk set -n 0 backing_fail_every=1
    dd if="$device" of=/dev/null bs=4k count=1 skip=99 iflag=direct 2>/dev/null && fail "no error"
    ublk set -n 0 backing_fail_every=0
    until_true sh -c "journalctl -b -u $unit -o json | grep -q '\"UBLK_REQUEST\"'"

    # Killed, it comes back, and what was flushed is still there.
    before=$(main_pid)
    kill -9 "$before"
    until_true came_back "$before"
    until_true test -e "$device"
    dd if="$device" of=/run/back bs=64k count=4 iflag=direct 2>/dev/null
    cmp /run/pattern /run/back || fail "flushed data is lost"

    systemctl stop "$unit"
    [ -e "$device" ] && fail "$device is left after the stop"
    systemctl start "$unit"
    [ -e "$device" ] || fail "no $device after the start"

    # Removing stops it first; a purge leaves the image and nothing else.
    dpkg --purge ublk-vpt
    [ -e "$device" ] && fail "$device is left after the removal"
    pidof ublk && fail "a daemon is left"
    [ -e /etc/ublk-vpt ] && fail "/etc/ublk-vpt is left"
    [ -e /run/ublksrvd ] && fail "/run/ublksrvd is left"
    [ -e /var/lib/ublk-vpt/lab.img ] || fail "the image is gone"
    systemctl reboot
    sleep infinity
    ;;
*)
    # Nothing is started any more, and nothing misses it.
    if systemctl --failed --no-legend --plain | grep -i ublk; then
        fail "something is missed"
    fi
    echo "boot.sh: good ($front)"
    ;;
esac
