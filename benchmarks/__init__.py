"""Raw client and framework side by side in one run; ratios and differences, never absolute promises."""
