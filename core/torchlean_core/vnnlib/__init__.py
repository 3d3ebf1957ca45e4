"""VNN-LIB: whether a property fits the network that an artifact describes. Nothing here evaluates one.

The reader is our own: the parser of the standard's authors (`vnnlib`) takes version 2 alone, ends at the first error
and needs thirty times a file's size in memory, while most files that people have are version 1, and some are large.
"""

from torchlean_core.vnnlib.check import check_property, check_property_text
from torchlean_core.vnnlib.fit import Network, network_of

__all__ = ["Network", "check_property", "check_property_text", "network_of"]
