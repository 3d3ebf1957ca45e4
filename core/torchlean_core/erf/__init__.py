"""GELU, erf, erfc and the normal distribution function, as compositions that are right to the last digit."""
