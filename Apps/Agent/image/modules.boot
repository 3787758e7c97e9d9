# Modules that must be loaded before a root file system in an image can be mounted.
virtio_pci
virtio_blk
nfit
nd_pmem
virtio_pmem
erofs
