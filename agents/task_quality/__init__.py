"""How much of the policy that governs real tasks their bundles hold: measured in a database of its own."""
