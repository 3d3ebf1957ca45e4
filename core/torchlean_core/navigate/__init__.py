"""Finding one's way in an artifact: what stands at a place, who uses whom, and what there is to say of it.

Everything here reads a report of the checker and changes nothing; editors' features are made of it.
"""

from torchlean_core.navigate.links import Links, Use
from torchlean_core.navigate.spots import Spot, spot_at

__all__ = ["Links", "Spot", "Use", "spot_at"]
