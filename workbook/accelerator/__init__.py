"""A cost model of accelerators: the layers of a network on the datapaths of a machine, reconfigured or fixed."""
