"""Virtual machines on the lab's hosts: a stock Debian kernel on the machine's own file system, which it cannot change.

So a virtual machine has every program, environment and checkout of the machine at the same path, boots in seconds and
needs no image. QEMU emulates the processor, which works everywhere.
"""
