"""The training runtime: a launcher that supervises processes, and the bundled recipes they run."""
