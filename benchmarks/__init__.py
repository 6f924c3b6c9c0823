"""Raw client, framework, and another framework, side by side in one run; ratios and differences, never absolute promises."""
