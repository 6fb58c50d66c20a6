"""The machines: files for Ray's cluster launcher, the image, and what checks them."""
