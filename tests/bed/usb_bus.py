# SPDX-License-Identifier: EUPL-1.2
"""A bus on which the simulated readers come and go, for a real pcscd in the bed.

pcscd never lets go of a reader of reader.conf: with the library for devices that Debian builds it with
(libudev), it takes note of a handler's "no such device", of SIGUSR1 and of `pcscd -H`, and keeps the
reader listed, in an unknown state, until it is restarted. What it does follow is the bus. So here is
one: a folder that stands for /sys in pcscd's mount namespace, with one USB device for each simulated
device, and the messages that udev would broadcast, sent in the bed's own network namespace. The reader
is found by its vendor and product in the bundle that stands for /usr/lib/pcsc/drivers.

usage: usb_bus.py CONTROL FOLDER - follow the readers of vitale-sim until it ends
"""
import os
import shutil
import socket
import sys

VENDOR, PRODUCT = "ffff", "8601"  # invented; ffff is nobody's
NETLINK_KOBJECT_UEVENT, GROUP_UDEV = 15, 2
PLIST = """<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
	<key>CFBundleExecutable</key>
	<string>libifdvitalesim.so</string>
	<key>ifdVendorID</key>
	<array>
		<string>0x{vendor}</string>
	</array>
	<key>ifdProductID</key>
	<array>
		<string>0x{product}</string>
	</array>
	<key>ifdFriendlyName</key>
	<array>
		<string>{name}</string>
	</array>
</dict></plist>
"""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def link(path, to):
    """@path, a symbolic link that says relatively where @to is."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.symlink(os.path.relpath(to, os.path.dirname(path)), path)


def make_bundle(folder, library, name):
    """What stands for /usr/lib/pcsc/drivers: our handler for our devices, and no other."""
    contents = os.path.join(folder, "vitalesim.bundle", "Contents")
    write(os.path.join(contents, "Info.plist"), PLIST.format(vendor=VENDOR, product=PRODUCT, name=name))
    os.makedirs(os.path.join(contents, "Linux"), exist_ok=True)
    shutil.copy(library, os.path.join(contents, "Linux", "libifdvitalesim.so"))


class Bus:
    """The folder; devices are named by the number of their first reader."""

    def __init__(self, root):
        self.root = root
        os.makedirs(os.path.join(root, "bus/usb/devices"), exist_ok=True)

    def device(self, device):
        return f"devices/usb1/1-{device + 1}"

    def add(self, device, interfaces):
        home, number = os.path.join(self.root, self.device(device)), device + 1
        write(os.path.join(home, "uevent"), f"MAJOR=189\nMINOR={device}\nDEVNAME=bus/usb/001/{number:03}\n"
              f"DEVTYPE=usb_device\nBUSNUM=001\nDEVNUM={number:03}\n")
        write(os.path.join(home, "idVendor"), VENDOR + "\n")
        write(os.path.join(home, "idProduct"), PRODUCT + "\n")
        for path in [home] + [f"{home}/1-{number}:1.{i}" for i in range(interfaces)]:
            link(os.path.join(path, "subsystem"), os.path.join(self.root, "bus/usb"))
            link(os.path.join(self.root, "bus/usb/devices", os.path.basename(path)), path)
        for i in range(interfaces):
            write(f"{home}/1-{number}:1.{i}/uevent", "DEVTYPE=usb_interface\nINTERFACE=11/0/0\n")
            write(f"{home}/1-{number}:1.{i}/bInterfaceNumber", f"{i:02}\n")

    def remove(self, device):
        listed = os.path.join(self.root, "bus/usb/devices")
        shutil.rmtree(os.path.join(self.root, self.device(device)))
        for name in os.listdir(listed):
            if not os.path.exists(os.path.join(listed, name)):
                os.unlink(os.path.join(listed, name))

    def tell(self, action, device, interfaces):
        """One message for each interface, as udev broadcasts them."""
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT) as s:
            s.bind((0, 0))
            for i in range(interfaces):
                path = f"/{self.device(device)}/1-{device + 1}:1.{i}"
                s.sendto(f"{action}@{path}\0ACTION={action}\0DEVPATH={path}\0SUBSYSTEM=usb\0"
                         f"DEVTYPE=usb_interface\0SEQNUM=1\0".encode(), (0, GROUP_UDEV))


def follow(control, root):
    """Make the bus, say so by a file, then do what the simulator says."""
    bus, interfaces = Bus(root), {}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.connect(control)
        s.sendall(b"follow\n")
        lines = s.makefile(encoding="ascii")
        present = set()
        for word in lines.readline().split()[1:]:
            device, _, state = word.partition("=")[2].split(":")
            interfaces[int(device)] = interfaces.get(int(device), 0) + 1
            if state == "plugged":
                present.add(int(device))
        for device in present:
            bus.add(device, interfaces[device])
        write(os.path.join(root, "ready"), "")
        for line in lines:
            what, device = line.split()[0], int(line.split()[1])
            if what == "plug":
                bus.add(device, interfaces[device])
                bus.tell("add", device, interfaces[device])
            else:
                bus.tell("remove", device, interfaces[device])
                bus.remove(device)


if __name__ == "__main__":
    follow(sys.argv[1], sys.argv[2])
