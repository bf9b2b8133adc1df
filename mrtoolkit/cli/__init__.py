"""The command line: `mrtoolkit demo, run, report, store, lab`."""
