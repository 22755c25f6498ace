"""What can be hunted."""

from damage_cases import DAMAGE
from graph_cases import GRAPHS
from layer_cases import LAYERS

KINDS = {"layers": LAYERS, "graphs": GRAPHS, "damage": DAMAGE}
