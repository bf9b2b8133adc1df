"""From the trials so far to the regions of the next round: a protocol, and four ways to do it."""
